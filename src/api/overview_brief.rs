//! The brief overview: which bay holds which drive and how healthy it is, without the details of each drive. At 10,000
//! drives it has a tenth of the bytes.

use super::content_version::{ContentVersion, with_version};
use super::overview::{PoolSummary, SweepStats, Totals};
use crate::domain::drive::DriveState;
use crate::domain::health::Verdict;
use crate::domain::identity::DeviceName;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The body of `/api/overview?fields=summary`: fields of the overview, in the same places.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Short"))]
pub struct OverviewBrief {
    /// Version of this body's form; another number means that fields have changed their meaning.
    pub schema: u32,
    /// Of these very bytes: an equal version is an equal body.
    #[serde(default)]
    pub version: ContentVersion,
    /// Name of the host that the daemon runs on.
    pub host: String,
    /// Fingerprint of which drive has which names and sits in which bay.
    pub topology: String,
    /// When the overview was put together.
    pub generated_at: Timestamp,
    /// The oldest of the current readings in it; what `Age` counts from.
    pub collected_at: Option<Timestamp>,
    /// The worst verdict of all drives, enclosures and pools; `unknown` only when none has one.
    pub verdict: Verdict,
    /// Counts over all drives, bays and shelves.
    pub totals: Totals,
    /// The last whole sweep over all drives.
    pub sweep: SweepStats,
    /// The shelves with their bays, by id.
    pub enclosures: Vec<BriefEnclosure>,
    /// Drives in no known bay.
    pub unslotted: Vec<BriefDrive>,
    /// The ZFS pools, in short.
    pub pools: Vec<PoolSummary>,
    /// Why the pools are unknown or old.
    pub zfs_error: Option<String>,
}

/// A shelf.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ShortEnclosure"))]
pub struct BriefEnclosure {
    /// Logical id of the shelf (SES, `0x500304801f2b9d3f`); the sysfs name on kernels that do not give it.
    pub id: String,
    /// The worst of its findings; `unknown` while it has not answered.
    #[serde(default)]
    pub verdict: Verdict,
    /// Its bays, by number.
    pub slots: Vec<BriefSlot>,
}

/// A bay.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ShortSlot"))]
pub struct BriefSlot {
    /// The bay's number (SES slot number).
    pub slot: u32,
    /// What is in it; `null` when it is empty.
    pub drive: Option<BriefDrive>,
}

/// A drive.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ShortDrive"))]
pub struct BriefDrive {
    /// Kernel name it goes by: that of its first path.
    pub device: DeviceName,
    /// What it is doing.
    pub state: DriveState,
    /// The worst of its findings.
    pub verdict: Verdict,
    /// The values are older than a reading may be.
    pub stale: bool,
}

impl OverviewBrief {
    /// Of an overview as it is stored. `None`: it is none.
    pub fn of(overview: &[u8]) -> Option<Vec<u8>> {
        let brief: Self = serde_json::from_slice(overview).ok()?;
        Some(with_version(&Self { version: ContentVersion::default(), ..brief }))
    }
}
