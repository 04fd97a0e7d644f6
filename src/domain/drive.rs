//! A drive as the kernel shows it.

use super::device_type::{Controller, DeviceType, Disk};
use super::identity::{DeviceName, Identity, ScsiHost};
use super::no_reading::{NoReading, RaidVolume};
use super::path_state::PathState;
use super::smart::SmartReport;
use super::transport::{Attachment, Transport};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Key of a drive in the inventory; independent of block device names, ports and bays.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DriveKey {
    /// The text by which discovery distinguishes the drive from all others.
    Discovered(Box<str>),
    /// A disk behind a RAID volume.
    RaidDisk { volume: Box<Self>, disk: Disk },
    /// A drive that is known only from its stored document.
    Restored(Identity),
}

impl fmt::Display for DriveKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Discovered(key) => f.write_str(key),
            Self::RaidDisk { volume, disk } => write!(f, "{volume}|{disk}"),
            Self::Restored(identity) => {
                let (wwid, serial) = (identity.wwid.as_deref(), identity.unit_serial.as_deref());
                write!(f, "remembered|{}|{}", wwid.unwrap_or_default(), serial.unwrap_or_default())
            }
        }
    }
}

/// One path to a drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrivePath {
    /// `sda`, `nvme0n1`.
    pub(crate) device: DeviceName,
    /// The device node for smartctl: `/dev/sg0`, `/dev/sda` if there is no sg node, `/dev/nvme0`.
    pub node: String,
    /// SCSI host number; `None` for NVMe.
    pub(crate) host: Option<ScsiHost>,
    /// `host:channel:target:lun`, or the NVMe controller's name.
    pub(crate) address: String,
    /// Index in `Drive::units` of the logical unit that it leads to.
    pub(crate) unit: usize,
    /// State at discovery; `None`: the kernel does not report it.
    pub(crate) state: Option<PathState>,
}

/// A logical unit of a drive, which the kernel shows as a block device. A drive with two actuators has two, an NVMe
/// controller has one for each namespace, every other drive has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogicalUnit {
    /// Its device name: that of its first path.
    pub device: DeviceName,
    /// Kernel names of all its paths.
    pub(crate) paths: Vec<DeviceName>,
    /// SCSI logical unit number, or number of the NVMe namespace.
    pub(crate) lun: Option<u64>,
    /// Size as the kernel shows it; 0: the kernel cannot use it.
    pub(crate) size_bytes: Option<u64>,
    /// Its `wwid` in sysfs.
    #[serde(skip)]
    pub(crate) wwid: Option<String>,
}

impl DrivePath {
    /// Its state at discovery, if that is not usable.
    pub(crate) fn unusable_state(&self) -> Option<&PathState> {
        let state = self.state.as_ref()?;
        if state.is_usable() { None } else { Some(state) }
    }

    /// It is the same path; the states may differ.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        let Self { device, node, host, address, unit, .. } = self;
        (device, node, host, address, unit) == (&other.device, &other.node, &other.host, &other.address, &other.unit)
    }

    /// Both lead through the same ports (`host:channel:target`, or the NVMe controller), possibly to different logical units.
    pub(crate) fn shares_ports_with(&self, other: &Self) -> bool {
        self.host == other.host && self.ports() == other.ports()
    }

    /// Its name for people: its block device, or the NVMe controller.
    pub(crate) fn name(&self) -> &str {
        if self.host.is_some() { self.device.as_str() } else { &self.address }
    }

    fn ports(&self) -> &str {
        match (self.host, self.address.rsplit_once(':')) {
            (Some(_), Some((target, _))) => target,
            _ => &self.address,
        }
    }

    /// The path to a disk behind the RAID volume that this path leads to.
    pub(crate) fn to_raid_disk(&self, disk: Disk) -> Option<Self> {
        let device = disk.name(&self.device)?;
        Some(Self { device, address: format!("{} {disk}", self.address), ..self.clone() })
    }
}

/// A drive as sysfs shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drive {
    pub key: DriveKey,
    /// Its device name: that of its first path.
    pub device: DeviceName,
    /// At least one, in the kernel's order; those of the first logical unit first.
    pub paths: Vec<DrivePath>,
    /// At least one, by LUN. The first one is read.
    pub units: Vec<LogicalUnit>,
    pub(crate) identity: Identity,
    pub(crate) vendor: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) firmware: Option<String>,
    /// The sum of the sizes of its units.
    pub(crate) size_bytes: Option<u64>,
    /// Kernel's `queue/rotational`.
    pub(crate) rotational: Option<bool>,
    /// Names under `/dev/disk/by-id`, without partitions.
    pub by_id: Vec<String>,
    pub(crate) attachment: Attachment,
    /// The listed disks behind it, if it is the volume of a RAID controller.
    pub(crate) raid_disks: Vec<DeviceName>,
    /// smartctl's device type, if it is configured.
    pub(crate) smartctl_type: Option<DeviceType>,
}

impl Drive {
    /// It is known only from its stored document.
    pub fn is_restored(&self) -> bool {
        matches!(self.key, DriveKey::Restored(_))
    }

    /// It is a volume of a RAID controller, which has no health of its own, whatever the controller reports.
    pub(crate) fn is_raid_volume(&self) -> bool {
        matches!(self.attachment, Attachment::RaidVolume(_))
    }

    pub(crate) fn is_nvme(&self) -> bool {
        self.attachment == Attachment::Nvme
    }

    /// The RAID volume through whose node it is read, if it is a disk behind a RAID controller.
    pub(crate) fn raid_volume(&self) -> Option<&DeviceName> {
        match &self.attachment {
            Attachment::RaidDisk { volume } => Some(volume),
            _ => None,
        }
    }

    /// Why a RAID volume has no health, and how its disks are read. `controller`: the kind that smartctl reported, which is
    /// used if sysfs does not show it.
    pub(crate) fn raid_volume_reason(&self, controller: Option<Controller>) -> NoReading {
        let own = match &self.attachment {
            Attachment::RaidVolume(controller) => *controller,
            _ => None,
        };
        NoReading::RaidVolume(RaidVolume {
            device: self.device.clone(),
            disks: self.raid_disks.clone(),
            controller: own.or(controller),
        })
    }

    /// Why a drive reported its identity only. Its attachment may explain more than smartctl does.
    pub(crate) fn without_health_reason(&self, report: &SmartReport) -> NoReading {
        let exit_status = report.exit_status.0;
        match self.attachment {
            Attachment::RaidVolume(_) => self.raid_volume_reason(None),
            Attachment::Scsi(Some(Transport::Usb)) if self.smartctl_type.is_none() => {
                NoReading::UsbWithoutHealth { device: self.device.clone(), exit_status }
            }
            Attachment::Scsi(Some(transport)) if transport.is_volume() => {
                NoReading::VolumeWithoutHealth { device: self.device.clone(), transport, exit_status }
            }
            _ => NoReading::WithoutHealth { exit_status, obstacle: report.health_obstacle() },
        }
    }

    /// The paths over which it is read: those of its first logical unit, which are the first ones.
    pub(crate) fn paths_to_read(&self) -> impl Iterator<Item = &DrivePath> {
        self.paths.iter().take_while(|path| path.unit == 0)
    }

    /// One of its paths has that device name.
    pub(crate) fn has_device(&self, name: &str) -> bool {
        self.paths.iter().any(|path| path.device.as_str() == name)
    }
}

/// State of a drive, independent of its health.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "State"))]
#[serde(rename_all = "lowercase")]
pub(crate) enum DriveState {
    /// It responds.
    Active,
    /// In standby. It is not woken, and shown with its last values.
    Standby,
    /// Three consecutive readings have timed out, it has never responded, or the kernel has taken all of its paths offline.
    Unresponsive,
    /// It has disappeared.
    Missing,
    /// It has not been read yet.
    Reading,
}

impl DriveState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Standby => "standby",
            Self::Unresponsive => "unresponsive",
            Self::Missing => "missing",
            Self::Reading => "reading",
        }
    }
}

/// Drives for the tests of other modules.
#[cfg(test)]
pub(crate) mod fixture {
    use super::*;

    /// A drive with that name as its key, and no path.
    pub(crate) fn drive(name: &str) -> Drive {
        Drive {
            key: DriveKey::Discovered(name.into()),
            device: DeviceName::parse(name).unwrap_or_else(|| unreachable!("{name}")),
            paths: Vec::new(),
            units: Vec::new(),
            identity: Identity::default(),
            vendor: None,
            model: None,
            firmware: None,
            size_bytes: None,
            rotational: None,
            by_id: Vec::new(),
            attachment: Attachment::Scsi(None),
            raid_disks: Vec::new(),
            smartctl_type: None,
        }
    }
}
