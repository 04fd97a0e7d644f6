//! The brief overview: which bay holds which drive and how healthy it is, without the details of each drive. At 10,000
//! drives it has a tenth of the bytes.

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
    /// Version of this body's form; another number means that fields have changed their meaning.
    pub(crate) schema: u32,
    /// Of these very bytes: an equal version is an equal body.
    #[serde(default)]
    pub(crate) version: ContentVersion,
    /// Name of the host that the daemon runs on.
    pub(crate) host: String,
    /// Fingerprint of which drive has which names and sits in which bay.
    pub(crate) topology: String,
    /// When the overview was put together.
    pub(crate) generated_at: Timestamp,
    /// The oldest of the current readings in it; what `Age` counts from.
    pub(crate) collected_at: Option<Timestamp>,
    /// The worst verdict of all drives, enclosures and pools; `unknown` only when none has one.
    pub(crate) verdict: Verdict,
    /// Counts over all drives, bays and shelves.
    pub(crate) totals: Totals,
    /// The last whole sweep over all drives.
    pub(crate) sweep: SweepStats,
    /// The shelves with their bays, by id.
    pub(crate) enclosures: Vec<BriefEnclosure>,
    /// Drives in no known bay.
    pub(crate) unslotted: Vec<BriefDrive>,
    /// The ZFS pools, in short.
    pub(crate) pools: Vec<PoolSummary>,
    /// Why the pools are unknown or old.
    pub(crate) zfs_error: Option<String>,
}

/// A shelf.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ShortEnclosure"))]
pub(crate) struct BriefEnclosure {
    /// Id of the shelf, as in `enclosures[].id` of the overview.
    pub(crate) id: EnclosureId,
    /// The worst of its findings; `unknown` while it has not answered.
    #[serde(default)]
    pub(crate) verdict: Verdict,
    /// Its bays, by number; those without one last.
    pub(crate) slots: Vec<BriefSlot>,
}

/// A bay.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ShortSlot"))]
pub(crate) struct BriefSlot {
    /// The bay's number (SES slot number); `null` where it is not known.
    pub(crate) slot: Option<u32>,
    /// What is in it; `null` when it is empty.
    pub(crate) drive: Option<BriefDrive>,
}

/// A drive.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ShortDrive"))]
pub(crate) struct BriefDrive {
    /// Kernel name it goes by: that of its first path.
    pub(crate) device: DeviceName,
    /// What it is doing.
    pub(crate) state: DriveState,
    /// The worst of its findings.
    pub(crate) verdict: Verdict,
    /// The values are older than a reading may be.
    pub(crate) stale: bool,
}

impl OverviewBrief {
    /// Of an overview as it is stored. `None`: it is none.
    pub fn of(overview: &[u8]) -> Option<Vec<u8>> {
        let brief: Self = serde_json::from_slice(overview).ok()?;
        Some(with_version(&Self { version: ContentVersion::default(), ..brief }))
    }
}
