//! Why there is no reading of a drive, or none with health data.
//!
//! Code decides by the variant. The sentence is for people: it is the value of `error` of a drive in the API.

use super::device_type::{Controller, DeviceType};
use super::health_obstacle::HealthObstacle;
use super::identity::{DeviceName, ScsiHost};
use super::path_state::PathState;
use super::text::list_first;
use super::time::Timestamp;
use super::transport::Transport;
use std::fmt;

/// Maximum number of disks behind a RAID volume that a sentence names.
const MAX_NAMED_DISKS: usize = 4;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoReading {
    /// smartctl was not found.
    NotInstalled,
    /// smartctl could not be started, or its output was not usable.
    ToolFailed(ToolFailure),
    /// smartctl did not end within the timeout.
    TimedOut { seconds: u64 },
    /// The child of an earlier reading hangs and cannot be killed.
    Stuck { pid: u32, seconds: u64 },
    /// The SCSI host of the drive is silent, so the drive was not read. `drives`: number of drives behind it that have
    /// timed out.
    HostSilent { host: ScsiHost, drives: usize },
    /// The kernel does not execute commands over the path.
    PathUnusable { device: DeviceName, state: PathState },
    /// The device name was reassigned to another drive before the reading was complete.
    NameReused { device: DeviceName },
    /// The output of smartctl has no identity of a drive.
    Unidentified { exit_status: Option<u8>, messages: String, cause: Cause },
    /// A SATA drive that responds to SCSI commands only.
    NoPassThrough { device: DeviceName, tried_sat: bool, messages: String },
    /// A volume that a RAID controller provides.
    RaidVolume(RaidVolume),
    /// smartctl does not know the USB bridge with these ids.
    UnknownBridge { device: DeviceName, ids: String, tried: Option<DeviceType> },
    /// A drive in a USB enclosure that reported its identity only.
    UsbWithoutHealth { device: DeviceName, exit_status: Option<u8> },
    /// The drive reported its identity only.
    WithoutHealth { exit_status: Option<u8>, obstacle: HealthObstacle },
    /// A volume of another machine or of a hypervisor, which reported its identity only.
    VolumeWithoutHealth { device: DeviceName, transport: Transport, exit_status: Option<u8> },
    /// The kernel has the drive, but `/dev` has no node for it.
    NoNode { node: String },
    /// The drive is missing.
    Missing { since: Timestamp },
}

/// A run of smartctl without usable output: the cause, and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolFailure {
    pub(crate) cause: Cause,
    pub(crate) text: String,
}

/// The cause that smartctl or the kernel reported, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// `EACCES`, `EPERM`
    PermissionDenied,
    /// `ENODEV`, `ENXIO`
    NoSuchDevice,
    /// The RAID controller has no disk with that number.
    NoSuchDisk,
    Other,
}

/// A RAID volume has no health of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RaidVolume {
    pub(crate) device: DeviceName,
    /// The disks behind it that are listed.
    pub(crate) disks: Vec<DeviceName>,
    /// The kind of controller by which smartctl reads the disks behind it; `None`: smartctl cannot read them.
    pub(crate) controller: Option<Controller>,
}

impl NoReading {
    /// The path may be the cause, so another path is tried.
    pub(crate) fn may_be_of_path(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::Stuck { .. } | Self::PathUnusable { .. } => true,
            Self::Unidentified { cause, .. } => *cause != Cause::PermissionDenied,
            _ => false,
        }
    }

    /// The sentence begins with the device name of the drive.
    pub(crate) fn names_its_drive(&self) -> bool {
        matches!(
            self,
            Self::RaidVolume(_)
                | Self::UnknownBridge { .. }
                | Self::UsbWithoutHealth { .. }
                | Self::VolumeWithoutHealth { .. }
        )
    }

    /// The same reason with `device` as the name of the drive, and with smartctl's text changed by `rename`.
    #[must_use]
    pub(crate) fn renamed(&self, rename: impl Fn(&str) -> String, device: &DeviceName) -> Self {
        let mut renamed = self.clone();
        match &mut renamed {
            Self::ToolFailed(failure) => failure.text = rename(&failure.text),
            Self::NoNode { node } => "for it".clone_into(node),
            Self::Unidentified { messages, .. } => *messages = rename(messages),
            Self::NoPassThrough { device: own, messages, .. } => {
                own.clone_from(device);
                *messages = rename(messages);
            }
            _ => {}
        }
        renamed
    }
}

impl fmt::Display for NoReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInstalled => f.write_str("smartctl is not installed, or not at SMARTCTL_PATH"),
            Self::ToolFailed(failure) => f.write_str(&failure.text),
            Self::TimedOut { seconds } => write!(f, "smartctl: no answer within {seconds} s"),
            Self::Stuck { pid, seconds } => {
                write!(f, "smartctl (pid {pid}) has been hanging on the drive for {seconds} s and cannot be killed")
            }
            Self::HostSilent { host, drives } => {
                write!(f, "not read: SCSI host {host} does not respond, {drives} drives behind it have timed out")
            }
            Self::PathUnusable { device, state } => write!(f, "not read: the kernel reports {device} as {state}"),
            Self::NameReused { device } => write!(f, "{device} was reassigned to another drive during the reading"),
            Self::Unidentified { exit_status, messages, .. } => {
                write!(f, "smartctl reported no serial number and no WWN, exit status {}", Status(*exit_status))?;
                in_brackets(f, messages)
            }
            Self::NoPassThrough { device, tried_sat, messages } => {
                f.write_str(
                    "the SATA drive responds to SCSI commands only: no ATA pass-through (CAP_SYS_RAWIO is missing, ",
                )?;
                if *tried_sat {
                    f.write_str("or its HBA does not support pass-through)")?;
                } else {
                    write!(f, "or it needs SMART_DEVICE_TYPES={device}=sat)")?;
                }
                in_brackets(f, messages)
            }
            Self::RaidVolume(volume) => volume.fmt(f),
            Self::UnknownBridge { device, ids, tried } => {
                write!(f, "{device} is in a USB enclosure whose bridge smartctl does not know ({ids}): ")?;
                match tried {
                    None | Some(DeviceType::Auto) => try_sat(f, device),
                    Some(tried) => write!(f, "the type {tried} was tried"),
                }
            }
            Self::UsbWithoutHealth { device, exit_status } => {
                let obstacle = HealthObstacle::Unknown;
                let without_health = Self::WithoutHealth { exit_status: *exit_status, obstacle };
                write!(f, "{device} is in a USB enclosure, and {without_health}: ")?;
                try_sat(f, device)
            }
            Self::WithoutHealth { exit_status, obstacle } => {
                let why = match obstacle {
                    HealthObstacle::Unknown => "the drive reported its identity but no health data",
                    HealthObstacle::SmartDisabled => "SMART is disabled on the drive; smartctl -s on enables it",
                    HealthObstacle::SmartUnavailable => "the drive has no SMART",
                    HealthObstacle::Locked => "the drive is locked by an ATA password",
                    HealthObstacle::NotReady => {
                        "the drive is not ready: it is spinning up, being formatted or sanitized, or its format was \
                         interrupted"
                    }
                };
                write!(f, "{why} (smartctl exit status {})", Status(*exit_status))
            }
            Self::VolumeWithoutHealth { device, transport, exit_status } => {
                let kind = match transport {
                    Transport::Iscsi => "an iSCSI volume",
                    Transport::Fc => "a Fibre Channel volume",
                    _ => "a virtual disk",
                };
                let status = Status(*exit_status);
                write!(f, "{device} is {kind}, and reports no health data (smartctl exit status {status})")
            }
            Self::NoNode { node } => {
                write!(f, "there is no node {node}: the kernel shows the drive, but /dev does not")
            }
            Self::Missing { since } => write!(f, "the drive has been missing since {since}"),
        }
    }
}

fn try_sat(f: &mut fmt::Formatter<'_>, device: &DeviceName) -> fmt::Result {
    write!(f, "try SMART_DEVICE_TYPES={device}=sat, which works for most USB enclosures")
}

fn in_brackets(f: &mut fmt::Formatter<'_>, messages: &str) -> fmt::Result {
    if messages.is_empty() { Ok(()) } else { write!(f, " ({messages})") }
}

/// An exit status, which may be unknown.
struct Status(Option<u8>);

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(status) => status.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}

impl fmt::Display for RaidVolume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let device = &self.device;
        write!(f, "{device} is a RAID volume, which has no health of its own")?;
        if !self.disks.is_empty() {
            return write!(f, ": the disks behind it are {}", list_first(&self.disks, MAX_NAMED_DISKS));
        }
        match self.controller {
            Some(controller) => {
                let controller = controller.as_str();
                write!(f, ": SMART_DEVICE_TYPES={device}={controller},N adds the disk with number N behind it")
            }
            None => f.write_str(", and the disks behind it cannot be read"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_reason_of_several_drives_is_equal_without_their_names() {
        let mut renamed = Vec::new();
        for (device, node) in [("sda", "/dev/sg0"), ("sdb", "/dev/sg1")] {
            let messages = format!("Smartctl open device: {node} failed: Permission denied");
            let device = DeviceName::parse(device).unwrap();
            let why = NoReading::NoPassThrough { device, tried_sat: false, messages };
            renamed.push(why.renamed(|text| text.replace(node, "the drive"), &DeviceName::placeholder()));
        }
        assert_eq!(renamed[0], renamed[1]);
        assert!(renamed[0].to_string().contains("SMART_DEVICE_TYPES=NAME=sat"));
    }
}
