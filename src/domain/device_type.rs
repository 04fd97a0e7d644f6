//! smartctl's device types (`-d`) that can be configured, and the disks that are reached only by such a type: disks behind a
//! RAID controller have no node and no entry in sysfs.

use super::identity::{DeviceName, Identity};
use std::fmt;

/// The valid types, for the error about an invalid one.
pub(crate) const ALLOWED: &str =
    "sat, scsi, nvme, auto, megaraid,N or sat+megaraid,N (N from 0 to 255), cciss,N (N from 0 to 127)";

/// The kind of a RAID controller, which numbers the disks behind its volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Controller {
    Megaraid,
    Cciss,
}

impl Controller {
    const ALL: [Self; 2] = [Self::Megaraid, Self::Cciss];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Megaraid => "megaraid",
            Self::Cciss => "cciss",
        }
    }

    /// The largest number that smartctl accepts.
    fn last(self) -> u8 {
        match self {
            Self::Megaraid => 255,
            Self::Cciss => 127,
        }
    }

    /// A number means the same disk through every volume of the controller. For cciss that is not known of every controller.
    pub(crate) fn counts_for_all_volumes(self) -> bool {
        self == Self::Megaraid
    }

    fn number(self, text: &str) -> Option<u8> {
        let is_number = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number {
            return None;
        }
        let number: u8 = text.parse().ok()?;
        if number <= self.last() { Some(number) } else { None }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|controller| controller.as_str() == text)
    }
}

/// A disk behind a RAID controller, by its number there. The command set (`sat+`) is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Disk {
    pub(crate) controller: Controller,
    pub(crate) number: u8,
}

impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.controller.as_str(), self.number)
    }
}

impl Disk {
    /// Its device name: `sda-megaraid-3`. No kernel name of a drive has a hyphen.
    pub(crate) fn name(self, volume: &DeviceName) -> Option<DeviceName> {
        DeviceName::parse(&format!("{volume}-{}-{}", self.controller.as_str(), self.number))
    }

    /// The volume and the disk that such a name means.
    pub(crate) fn of_name(name: &DeviceName) -> Option<(DeviceName, Self)> {
        let (volume, rest) = name.as_str().split_once('-')?;
        let (controller, number) = rest.split_once('-')?;
        let controller = Controller::parse(controller)?;
        let disk = Self { controller, number: controller.number(number)? };
        let volume = DeviceName::parse(volume)?;
        // `name` does not return names like `sda-megaraid-03`.
        if disk.name(&volume)? == *name { Some((volume, disk)) } else { None }
    }

    /// The identity without a command to the disk: the identity of its volume, and its number. Another disk with that number
    /// has the same identity, so a comparison must include the serial number.
    pub(crate) fn identity(self, volume: &Identity) -> Identity {
        let parts: Vec<&str> = [volume.wwid.as_deref(), volume.unit_serial.as_deref()].into_iter().flatten().collect();
        if parts.is_empty() {
            return Identity::default();
        }
        // This text must not look like a WWN or a serial number.
        Identity { wwid: Some(format!("{self} behind {}", parts.join("|"))), unit_serial: None }
    }
}

/// smartctl's device type of a drive (`-d`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceType {
    /// smartctl detects the type in each run.
    Auto,
    Sat,
    Scsi,
    Nvme,
    Behind {
        disk: Disk,
        sat: bool,
    },
}

impl DeviceType {
    const PLAIN: [Self; 4] = [Self::Auto, Self::Sat, Self::Scsi, Self::Nvme];

    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(plain) = Self::PLAIN.into_iter().find(|plain| plain.to_string() == text) {
            return Some(plain);
        }
        let (sat, rest) = match text.strip_prefix("sat+") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (name, number) = rest.split_once(',')?;
        let controller = Controller::parse(name)?;
        let disk = Disk { controller, number: controller.number(number)? };
        if sat && controller != Controller::Megaraid {
            return None;
        }
        Some(Self::Behind { disk, sat })
    }

    /// The argument of `-d`; `None`: smartctl is run without `-d`.
    pub(crate) fn argument(self) -> Option<String> {
        if self == Self::Auto { None } else { Some(self.to_string()) }
    }

    pub(crate) fn disk(self) -> Option<Disk> {
        if let Self::Behind { disk, .. } = self { Some(disk) } else { None }
    }
}

impl fmt::Display for DeviceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Sat => f.write_str("sat"),
            Self::Scsi => f.write_str("scsi"),
            Self::Nvme => f.write_str("nvme"),
            Self::Behind { disk, sat: false } => disk.fmt(f),
            Self::Behind { disk, sat: true } => write!(f, "sat+{disk}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_allowed_types_are_parsed() {
        for text in ["auto", "sat", "scsi", "nvme", "megaraid,0", "sat+megaraid,255", "cciss,127"] {
            assert_eq!(DeviceType::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "SAT",
            "megaraid",
            "megaraid,",
            "megaraid,256",
            "megaraid,+3",
            "megaraid,-1",
            "megaraid, 3",
            "megaraid,3,4",
            "megaraid,0003",
            "cciss,128",
            "sat+cciss,1",
            "sat+scsi",
            "ata",
            "usbjmicron",
            "test",
            "sat;reboot",
        ] {
            assert_eq!(DeviceType::parse(text), None, "{text:?}");
        }
        assert_eq!(DeviceType::Auto.argument(), None);
        assert_eq!(DeviceType::parse("megaraid,007").and_then(DeviceType::argument).as_deref(), Some("megaraid,7"));
    }

    #[test]
    fn disk_behind_a_controller_has_its_own_name_and_identity() {
        let volume = DeviceName::parse("sda").unwrap();
        let disk = Disk { controller: Controller::Megaraid, number: 3 };
        let name = disk.name(&volume).unwrap();
        assert_eq!(name.as_str(), "sda-megaraid-3");
        assert_eq!(Disk::of_name(&name), Some((volume, disk)));
        for other in ["sda", "sda-megaraid", "sda-megaraid-", "sda-megaraid-03", "sda-megaraid-256", "sda-cciss-128"] {
            assert_eq!(Disk::of_name(&DeviceName::parse(other).unwrap()), None, "{other}");
        }
        let volume = Identity { wwid: Some("naa.6000".into()), unit_serial: Some("00a1".into()) };
        let (one, other) = (disk.identity(&volume), Disk { number: 2, ..disk }.identity(&volume));
        assert!(one != other && one != volume && one.wwn().is_none() && one.unit_serial.is_none());
        assert!(disk.identity(&Identity::default()).is_empty(), "the identity of the volume is unknown");
    }
}
