//! smartctl's device types (`-d`) that a setting may name, and the disks that are reached only by such
//! a type: those behind a RAID controller, which have no node and no entry in sysfs.

use super::identity::{DeviceName, Identity};
use std::fmt;

/// The valid types, for the error about an invalid one.
pub(crate) const ALLOWED: &str =
    "sat, scsi, nvme, auto, megaraid,N or sat+megaraid,N (N from 0 to 255), cciss,N (N from 0 to 127)";

/// The kind of RAID controller, which numbers the disks behind a RAID volume.
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

    /// The largest number that smartctl takes.
    fn last(self) -> u8 {
        match self {
            Self::Megaraid => 255,
            Self::Cciss => 127,
        }
    }

    /// A number means the same disk by whichever volume of the controller it is asked. That of cciss
    /// is not known to, on every controller.
    pub(crate) fn counts_for_all_volumes(self) -> bool {
        self == Self::Megaraid
    }

    fn number(self, text: &str) -> Option<u8> {
        let is_number = (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|n| is_number && *n <= self.last())
    }
}

/// A disk behind a RAID controller, by its number there. How it is asked (`sat+`) does not count.
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
    /// Its device name: `sda-megaraid-3`. The kernel gives no drive a name with a hyphen.
    pub(crate) fn name(self, volume: &DeviceName) -> Option<DeviceName> {
        DeviceName::parse(&format!("{volume}-{}-{}", self.controller.as_str(), self.number))
    }

    /// The volume and the disk that such a name means.
    pub(crate) fn of_name(name: &DeviceName) -> Option<(DeviceName, Self)> {
        let (volume, rest) = name.as_str().split_once('-')?;
        let (controller, number) = rest.split_once('-')?;
        let controller = Controller::ALL.into_iter().find(|c| c.as_str() == controller)?;
        let disk = Self { controller, number: controller.number(number)? };
        let volume = DeviceName::parse(volume)?;
        // `sda-megaraid-03` is not a name that `name` returns.
        (disk.name(&volume)? == *name).then_some((volume, disk))
    }

    /// The identity without a command to the disk: the volume by which it is reached, and its number. Another disk
    /// with that number has the same identity, so a comparison must include the serial number.
    pub(crate) fn identity(self, volume: &Identity) -> Identity {
        let parts: Vec<&str> = [volume.wwid.as_deref(), volume.unit_serial.as_deref()].into_iter().flatten().collect();
        // This text must not look like a WWN or a serial number.
        let wwid = (!parts.is_empty()).then(|| format!("{self} behind {}", parts.join("|")));
        Identity { wwid, unit_serial: None }
    }
}

/// The device type that smartctl is given for a drive (`-d`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceType {
    /// No type: smartctl detects it on each run.
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
        if let Some(plain) = Self::PLAIN.into_iter().find(|t| t.to_string() == text) {
            return Some(plain);
        }
        let (sat, rest) = text.strip_prefix("sat+").map_or((false, text), |rest| (true, rest));
        let (name, number) = rest.split_once(',')?;
        let controller = Controller::ALL.into_iter().find(|c| c.as_str() == name)?;
        let disk = Disk { controller, number: controller.number(number)? };
        (!sat || controller == Controller::Megaraid).then_some(Self::Behind { disk, sat })
    }

    /// The argument of `-d`; `None`: no `-d`.
    pub(crate) fn argument(self) -> Option<String> {
        (self != Self::Auto).then(|| self.to_string())
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
    fn only_what_is_allowed_is_a_type() {
        for text in ["auto", "sat", "scsi", "nvme", "megaraid,0", "sat+megaraid,255", "cciss,127"] {
            assert_eq!(DeviceType::parse(text).map(|t| t.to_string()).as_deref(), Some(text));
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
    fn a_disk_behind_a_controller_has_a_name_and_an_identity_of_its_own() {
        let device = |n: &str| DeviceName::parse(n).unwrap_or_else(|| unreachable!());
        let disk = |number| Disk { controller: Controller::Megaraid, number };
        let name = disk(3).name(&device("sda"));
        assert_eq!(name, DeviceName::parse("sda-megaraid-3"));
        assert_eq!(name.and_then(|n| Disk::of_name(&n)), Some((device("sda"), disk(3))));
        for other in ["sda", "sda-megaraid", "sda-megaraid-", "sda-megaraid-03", "sda-megaraid-256", "sda-cciss-128"] {
            assert_eq!(Disk::of_name(&device(other)), None, "{other}");
        }
        let volume = Identity { wwid: Some("naa.6000".into()), unit_serial: Some("00a1".into()) };
        let (one, two) = (disk(1).identity(&volume), disk(2).identity(&volume));
        assert!(one != two && one != volume && one.wwn().is_none() && one.unit_serial.is_none());
        assert!(disk(1).identity(&Identity::default()).is_empty(), "nothing comes from nothing");
    }
}
