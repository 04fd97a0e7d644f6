//! The brief overview: the drives by bay, with state and verdict but without details. At 10,000 drives it has a tenth
//! of the size of the overview.

use super::content_version::{ContentVersion, with_version};
use super::overview::{PoolSummary, SweepStats, Totals};
use crate::domain::drive::DriveState;
use crate::domain::health::Verdict;
use crate::domain::identity::{DeviceName, EnclosureId};
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The body of `/api/overview?fields=summary`: fields of the overview, in the same places.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Short"))]
pub struct OverviewBrief {
    /// Version of the format of this body; it changes when fields change their meaning.
    pub(crate) schema: u32,
    /// Hash of the body: two bodies with equal versions are equal.
    #[serde(default)]
    pub(crate) version: ContentVersion,
    /// Name of the host on which the daemon runs.
    pub(crate) host: String,
    /// Fingerprint of the block devices and the bay of every drive.
    pub(crate) topology: String,
    /// Time at which the overview was built.
    pub(crate) generated_at: Timestamp,
    /// Time of the oldest current reading in it; `Age` counts from it.
    pub(crate) collected_at: Option<Timestamp>,
    /// The worst verdict of all drives, enclosures and pools; `unknown` only if none has a verdict.
    pub(crate) verdict: Verdict,
    /// Totals of drives, bays and enclosures.
    pub(crate) totals: Totals,
    /// The last complete sweep.
    pub(crate) sweep: SweepStats,
    /// The enclosures with their bays, by id.
    pub(crate) enclosures: Vec<BriefEnclosure>,
    /// Drives in no known bay.
    pub(crate) unslotted: Vec<BriefDrive>,
    /// The ZFS pools in brief.
    pub(crate) pools: Vec<PoolSummary>,
    /// Why the pools are unknown or outdated.
    pub(crate) zfs_error: Option<String>,
}

/// An enclosure in brief.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ShortEnclosure"))]
pub(crate) struct BriefEnclosure {
    /// Id of the enclosure, as in `enclosures[].id` of the overview.
    pub(crate) id: EnclosureId,
    /// The worst of its findings; `unknown` until the enclosure has responded.
    #[serde(default)]
    pub(crate) verdict: Verdict,
    /// Its bays, by number; those without a number last.
    pub(crate) slots: Vec<BriefSlot>,
}

/// A bay in brief.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ShortSlot"))]
pub(crate) struct BriefSlot {
    /// Number of the bay (SES slot number); `null` if it is unknown.
    pub(crate) slot: Option<u32>,
    /// The drive in it; `null` if none is known.
    pub(crate) drive: Option<BriefDrive>,
}

/// A drive in brief.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ShortDrive"))]
pub(crate) struct BriefDrive {
    /// Block device of its first path.
    pub(crate) device: DeviceName,
    /// State of the drive.
    pub(crate) state: DriveState,
    /// The worst of its findings.
    pub(crate) verdict: Verdict,
    /// Whether the values are older than their maximum age.
    pub(crate) stale: bool,
}

impl OverviewBrief {
    /// The brief form of a stored overview. `None` if the value is not an overview.
    pub fn of(overview: &[u8]) -> Option<Vec<u8>> {
        let brief: Self = serde_json::from_slice(overview).ok()?;
        Some(with_version(&Self { version: ContentVersion::default(), ..brief }))
    }
}
