//! One drive, as every list shows it.

use crate::domain::drive::{DriveState, LogicalUnit};
use crate::domain::enclosure::BaySource;
use crate::domain::health::{Finding, Verdict};
use crate::domain::identity::{DeviceName, EnclosureId, SerialNumber};
use crate::domain::smart::Protocol;
use crate::domain::time::Timestamp;
use crate::domain::transport::Transport;
use crate::domain::zfs::Membership;
use crate::domain::zfs::words::{VdevRole, VdevState};
use serde::{Deserialize, Serialize};

/// One drive: the same fields in every list and in `/api/drives/{id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DriveSummary {
    /// Kernel name it goes by: that of its first path.
    pub(crate) device: DeviceName,
    /// Kernel names of all its paths, to all its logical units.
    pub(crate) paths: Vec<DeviceName>,
    /// How many of its paths work; `null` of a missing drive, and of a disk behind a RAID controller.
    #[serde(default)]
    pub(crate) working_paths: Option<usize>,
    /// How many paths it is known to have: those that were lost count until they are back, or forgotten.
    #[serde(default)]
    pub(crate) expected_paths: Option<usize>,
    /// Its logical units, by LUN: one, or one for each actuator or NVMe namespace.
    #[serde(default)]
    pub(crate) units: Vec<LogicalUnit>,
    /// From smartctl, or from sysfs while there is no reading.
    pub(crate) serial_number: Option<SerialNumber>,
    /// World Wide Name: `0x` and hex digits; `eui.…` of NVMe.
    pub(crate) wwn: Option<String>,
    /// Model, as smartctl names it.
    pub(crate) model_name: Option<String>,
    /// Maker (SCSI INQUIRY).
    pub(crate) vendor: Option<String>,
    /// Firmware, as the drive gives it.
    pub(crate) firmware_version: Option<String>,
    /// The command set that answered.
    pub(crate) protocol: Option<Protocol>,
    /// What it is attached by, as sysfs shows it.
    pub(crate) transport: Option<Transport>,
    /// Of a disk behind a RAID controller: the volume whose node leads to it.
    pub(crate) raid_volume: Option<DeviceName>,
    /// Capacity for the user, of all logical units together.
    pub(crate) user_capacity_bytes: Option<u64>,
    /// Rotations a minute; 0 = solid state.
    pub(crate) rotation_rate_rpm: Option<u32>,
    /// Temperature now; `null` too where the drive gives a placeholder.
    pub(crate) temperature_celsius: Option<i32>,
    /// Hours under power in its life.
    pub(crate) power_on_hours: Option<u64>,
    /// What it is doing.
    pub(crate) state: DriveState,
    /// The worst of its findings.
    pub(crate) verdict: Verdict,
    /// The reasons for the verdict, worst first.
    pub(crate) findings: Vec<Finding>,
    /// Id of the enclosure, as in `enclosures[].id`.
    pub(crate) enclosure: Option<EnclosureId>,
    /// Number of its bay; `null` in no known bay, and in one without a number.
    pub(crate) slot: Option<u32>,
    /// The enclosure is missing since then, and the drive is still here: its bay is as it was at that time. `null` where
    /// the bay is current.
    #[serde(default)]
    pub(crate) bay_as_of: Option<Timestamp>,
    /// What its bay is known by: `ses` (the shelf), `sas_device` (the HBA's driver), `path_info` (hpsa, smartpqi), `pci_slot`
    /// (a hot-plug slot); `null` in no bay.
    #[serde(default)]
    pub(crate) slot_source: Option<BaySource>,
    /// Why it is shown in no bay although bays link it.
    #[serde(default)]
    pub(crate) contradiction: Option<String>,
    /// ZFS pool that has it.
    pub(crate) pool: Option<String>,
    /// Top-level vdev that has it.
    pub(crate) vdev: Option<String>,
    /// What its vdev is for.
    pub(crate) role: Option<VdevRole>,
    /// Its own state in the pool: `ONLINE`, `FAULTED`, `AVAIL`, …
    pub(crate) vdev_state: Option<VdevState>,
    /// Reads that failed, as ZFS counts them since the pool was imported or cleared (zpool-status(8), READ).
    pub(crate) read_errors: Option<u64>,
    /// Writes that failed, as ZFS counts them (WRITE).
    pub(crate) write_errors: Option<u64>,
    /// Blocks whose checksum was wrong, as ZFS counts them (CKSUM).
    pub(crate) checksum_errors: Option<u64>,
    /// All its places in pools, the one in most trouble first: `pool` to `checksum_errors` are those of the first.
    #[serde(default)]
    pub(crate) memberships: Vec<Membership>,
    /// When the values were read from the drive.
    pub(crate) collected_at: Option<Timestamp>,
    /// When the drive was last asked, whatever came of it.
    pub(crate) checked_at: Option<Timestamp>,
    /// Since when it is gone; `null` while it is here.
    pub(crate) missing_since: Option<Timestamp>,
    /// The values are older than a reading may be.
    pub(crate) stale: bool,
    /// Why there is no (newer) reading.
    pub(crate) error: Option<String>,
    /// `false`: that it has no health data is no fault. It is a RAID volume, an iSCSI, Fibre Channel or virtio disk that never
    /// gave any, or has no node in `/dev`.
    #[serde(default = "is_expected")]
    pub(crate) health_expected: bool,
}

/// What an earlier version has stored does not say.
fn is_expected() -> bool {
    true
}

impl DriveSummary {
    /// One of its places is in that pool. A list of an earlier version has `pool` only.
    pub(crate) fn is_in_pool(&self, pool: &str) -> bool {
        self.pool.as_deref() == Some(pool) || self.memberships.iter().any(|place| place.pool == pool)
    }

    /// The number of paths to a logical unit, of the unit that has most.
    pub(crate) fn paths_of_unit(&self) -> usize {
        self.units.iter().map(|unit| unit.paths.len()).max().unwrap_or(self.paths.len())
    }
}
