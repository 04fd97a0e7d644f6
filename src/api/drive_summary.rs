//! One drive, as every list shows it.

use crate::domain::drive::DriveState;
use crate::domain::health::{Finding, Verdict};
use crate::domain::identity::DeviceName;
use crate::domain::smart::Protocol;
use crate::domain::time::Timestamp;
use crate::domain::transport::Transport;
use crate::domain::zfs::words::{VdevRole, VdevState};
use serde::{Deserialize, Serialize};

/// One drive: the same fields in every list and in `/api/drives/{id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DriveSummary {
    /// Kernel name it goes by: that of its first path.
    pub device: DeviceName,
    /// Kernel names of all its paths.
    pub paths: Vec<DeviceName>,
    /// From smartctl, or from sysfs while there is no reading.
    pub serial_number: Option<String>,
    /// World Wide Name: `0x` and hex digits; `eui.…` of NVMe.
    pub wwn: Option<String>,
    /// Model, as smartctl names it.
    pub model_name: Option<String>,
    /// Maker (SCSI INQUIRY).
    pub vendor: Option<String>,
    /// Firmware, as the drive gives it.
    pub firmware_version: Option<String>,
    /// The command set that answered.
    pub protocol: Option<Protocol>,
    /// What it is attached by, as sysfs shows it.
    pub transport: Option<Transport>,
    /// Of a disk behind a RAID controller: the volume whose node leads to it.
    pub raid_volume: Option<DeviceName>,
    /// Capacity for the user.
    pub user_capacity_bytes: Option<u64>,
    /// Rotations a minute; 0 = solid state.
    pub rotation_rate_rpm: Option<u32>,
    /// Temperature now; `null` too where the drive gives a placeholder.
    pub temperature_celsius: Option<i32>,
    /// Hours under power in its life.
    pub power_on_hours: Option<u64>,
    /// What it is doing.
    pub state: DriveState,
    /// The worst of its findings.
    pub verdict: Verdict,
    /// The reasons for the verdict, worst first.
    pub findings: Vec<Finding>,
    /// Id of the enclosure, as in `enclosures[].id`.
    pub enclosure: Option<String>,
    /// Number of its bay; `null` in no known bay.
    pub slot: Option<u32>,
    /// ZFS pool that has it.
    pub pool: Option<String>,
    /// Top-level vdev that has it.
    pub vdev: Option<String>,
    /// What its vdev is for.
    pub role: Option<VdevRole>,
    /// Its own state in the pool: `ONLINE`, `FAULTED`, `AVAIL`, …
    pub vdev_state: Option<VdevState>,
    /// Reads that failed, as ZFS counts them since the pool was imported or cleared (zpool-status(8), READ).
    pub read_errors: Option<u64>,
    /// Writes that failed, as ZFS counts them (WRITE).
    pub write_errors: Option<u64>,
    /// Blocks whose checksum was wrong, as ZFS counts them (CKSUM).
    pub checksum_errors: Option<u64>,
    /// When the values were read from the drive.
    pub collected_at: Option<Timestamp>,
    /// When the drive was last asked, whatever came of it.
    pub checked_at: Option<Timestamp>,
    /// Since when it is gone; `null` while it is here.
    pub missing_since: Option<Timestamp>,
    /// The values are older than a reading may be.
    pub stale: bool,
    /// Why there is no (newer) reading.
    pub error: Option<String>,
}
