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
    /// Block device of its first path.
    pub(crate) device: DeviceName,
    /// Block devices of all its paths, to all its logical units.
    pub(crate) paths: Vec<DeviceName>,
    /// Number of working paths; `null` for a missing drive and for a disk behind a RAID controller.
    #[serde(default)]
    pub(crate) working_paths: Option<usize>,
    /// Number of paths that the drive is known to have; a lost path counts until it works again or is forgotten.
    #[serde(default)]
    pub(crate) expected_paths: Option<usize>,
    /// Logical units by LUN: one, or one for each actuator or NVMe namespace.
    #[serde(default)]
    pub(crate) units: Vec<LogicalUnit>,
    /// Serial number, from smartctl, or from sysfs without a reading.
    pub(crate) serial_number: Option<SerialNumber>,
    /// World Wide Name: `0x` and hex digits; `eui.…` for NVMe.
    pub(crate) wwn: Option<String>,
    /// Model, as smartctl reports it.
    pub(crate) model_name: Option<String>,
    /// Vendor (SCSI INQUIRY).
    pub(crate) vendor: Option<String>,
    /// Firmware version.
    pub(crate) firmware_version: Option<String>,
    /// Command set of the drive.
    pub(crate) protocol: Option<Protocol>,
    /// Transport by which it is attached, from sysfs.
    pub(crate) transport: Option<Transport>,
    /// For a disk behind a RAID controller, the block device of the volume through which it is read.
    pub(crate) raid_volume: Option<DeviceName>,
    /// Usable capacity of all logical units, in bytes.
    pub(crate) user_capacity_bytes: Option<u64>,
    /// Rotation rate in revolutions per minute; 0 for solid state.
    pub(crate) rotation_rate_rpm: Option<u32>,
    /// Current temperature in °C; also `null` if the drive reports a placeholder.
    pub(crate) temperature_celsius: Option<i32>,
    /// Power-on hours.
    pub(crate) power_on_hours: Option<u64>,
    /// State of the drive.
    pub(crate) state: DriveState,
    /// The worst of its findings.
    pub(crate) verdict: Verdict,
    /// The reasons for the verdict, worst first.
    pub(crate) findings: Vec<Finding>,
    /// Id of the enclosure, as in `enclosures[].id`.
    pub(crate) enclosure: Option<EnclosureId>,
    /// Number of its bay; `null` if the bay is unknown or has no number.
    pub(crate) slot: Option<u32>,
    /// Name of its bay if that has no number, as `name` in `enclosures[].slots[]`; else `null`.
    #[serde(default)]
    pub(crate) slot_name: Option<String>,
    /// Time since when the enclosure has been missing although the drive is present: the bay is the one it had at that
    /// time. `null` if the bay is current.
    #[serde(default)]
    pub(crate) bay_as_of: Option<Timestamp>,
    /// Source of its bay: `ses` (the enclosure), `sas_device` (the driver of the HBA), `path_info` (hpsa, smartpqi),
    /// `pci_slot` (a hot-plug slot); `null` if it is in no bay.
    #[serde(default)]
    pub(crate) slot_source: Option<BaySource>,
    /// Why it is shown in no bay although the kernel links bays to it.
    #[serde(default)]
    pub(crate) contradiction: Option<String>,
    /// ZFS pool of the drive.
    pub(crate) pool: Option<String>,
    /// Top-level vdev of the drive.
    pub(crate) vdev: Option<String>,
    /// Role of its vdev in the pool.
    pub(crate) role: Option<VdevRole>,
    /// State of the drive in the pool: `ONLINE`, `FAULTED`, `AVAIL`, …
    pub(crate) vdev_state: Option<VdevState>,
    /// Read errors that ZFS has counted since the pool was imported or cleared (zpool-status(8), READ).
    pub(crate) read_errors: Option<u64>,
    /// Write errors that ZFS has counted (WRITE).
    pub(crate) write_errors: Option<u64>,
    /// Checksum errors that ZFS has counted (CKSUM).
    pub(crate) checksum_errors: Option<u64>,
    /// All memberships of the drive in pools, the one in the worst state first; `pool` to `checksum_errors` are those
    /// of the first.
    #[serde(default)]
    pub(crate) memberships: Vec<Membership>,
    /// Time at which the values were read from the drive.
    pub(crate) collected_at: Option<Timestamp>,
    /// Time at which the drive was last asked, whatever the result.
    pub(crate) checked_at: Option<Timestamp>,
    /// Time since when it has been missing; `null` while it is present.
    pub(crate) missing_since: Option<Timestamp>,
    /// Whether the values are older than their maximum age.
    pub(crate) stale: bool,
    /// Why there is no (newer) reading.
    pub(crate) error: Option<String>,
    /// `false` if missing health data is not a fault: the drive is a RAID volume, an iSCSI, Fibre Channel or virtio
    /// disk that has never reported any, or it has no node in `/dev`.
    #[serde(default = "is_expected")]
    pub(crate) health_expected: bool,
}

/// The default for values stored by an earlier version.
fn is_expected() -> bool {
    true
}

impl DriveSummary {
    /// Whether the drive is a member of that pool. A list stored by an earlier version has `pool` only.
    pub(crate) fn is_in_pool(&self, pool: &str) -> bool {
        self.pool.as_deref() == Some(pool) || self.memberships.iter().any(|place| place.pool == pool)
    }

    /// The number of paths to the logical unit that has most.
    pub(crate) fn paths_of_unit(&self) -> usize {
        self.units.iter().map(|unit| unit.paths.len()).max().unwrap_or(self.paths.len())
    }
}
