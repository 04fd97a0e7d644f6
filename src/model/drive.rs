//! A drive as the kernel shows it, and as users see it. Nothing here knows how either is obtained.

use super::Timestamp;
use super::attachment::{Attachment, Transport};
use super::device_type::{DeviceType, Disk};
use super::doc::Stored;
use super::health::{Finding, Verdict};
use super::smart::Protocol;
use super::zfs::words::{VdevRole, VdevState};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;

/// A kernel device name (`sda`, `sg12`, `nvme0n1`): `[A-Za-z0-9_-]`, 1 to 32 characters.
/// Parsed once at the edge, so that keys, arguments and paths made from it are safe by type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeviceName(Box<str>);

impl DeviceName {
    pub fn parse(text: &str) -> Option<Self> {
        let fits =
            (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        fits.then(|| Self(text.into()))
    }

    /// Stands for a name in a sentence about several drives.
    pub fn placeholder() -> Self {
        Self("NAME".into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Of an `sd` name, the letters by which the kernel counts, and what stands behind them.
    fn letters(&self) -> Option<(&str, &str)> {
        let counted = self.0.strip_prefix("sd")?;
        let end = counted.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(counted.len());
        counted.split_at_checked(end).filter(|(letters, _)| !letters.is_empty())
    }
}

impl TryFrom<String> for DeviceName {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is no device name"))
    }
}

impl From<DeviceName> for String {
    fn from(name: DeviceName) -> Self {
        name.0.into()
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Ord for DeviceName {
    /// The kernel's own order: `sda` … `sdz`, `sdaa`; `nvme2n1` before `nvme10n1`. What stands behind
    /// the letters comes after them (`sda`, `sda-megaraid-3`, `sdb`), so that it is one order of all names.
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.letters(), other.letters()) {
            (Some((a, rest)), Some((b, other))) => {
                a.len().cmp(&b.len()).then_with(|| a.cmp(b)).then_with(|| super::natural_cmp(rest, other))
            }
            _ => super::natural_cmp(&self.0, &other.0),
        }
    }
}

impl PartialOrd for DeviceName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What sysfs says a drive is, without a command to the drive. Two drives never share one
/// record because of it: a half that is missing or a placeholder proves nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Identity {
    /// `device/wwid` (SCSI: `naa.…`, `eui.…`, `t10.…`) or the NVMe namespace's `wwid`.
    pub wwid: Option<String>,
    /// Unit serial number: VPD page 0x80, or the NVMe controller's `serial`.
    pub unit_serial: Option<String>,
}

impl Identity {
    pub fn is_empty(&self) -> bool {
        self.wwid.is_none() && self.unit_serial.is_none()
    }

    /// All that both know is the same, and there is some of it: what another path of the drive may
    /// show, where a page could not be read.
    pub fn agrees(&self, other: &Self) -> bool {
        let differs = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
        let shares = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
        let (names, serials) = ((&self.wwid, &other.wwid), (&self.unit_serial, &other.unit_serial));
        let any = shares(names.0, names.1) || shares(serials.0, serials.1) || self.is_empty() && other.is_empty();
        any && !differs(names.0, names.1) && !differs(serials.0, serials.1)
    }

    /// The World Wide Name as smartctl and by-id links write it: `0x5000c500a0000000`.
    /// For NVMe the namespace's `eui.…`; a `t10.` name is no WWN.
    pub fn wwn(&self) -> Option<String> {
        let wwid = self.wwid.as_deref()?;
        match wwid.strip_prefix("naa.") {
            Some(hex) => Some(format!("0x{}", hex.to_ascii_lowercase())),
            None => wwid.starts_with("eui.").then(|| wwid.to_owned()),
        }
    }
}

/// Key of a drive for as long as it is here; stable over letters, ports and bays.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DriveKey {
    /// As discovery told it apart from all others.
    Discovered(Box<str>),
    /// A disk behind a RAID volume.
    RaidDisk { volume: Box<Self>, disk: Disk },
    /// Known from its stored document alone.
    Remembered(Identity),
}

impl fmt::Display for DriveKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Discovered(key) => f.write_str(key),
            Self::RaidDisk { volume, disk } => write!(f, "{volume}|{disk}"),
            Self::Remembered(identity) => {
                let part = |part: &Option<String>| part.clone().unwrap_or_default();
                write!(f, "remembered|{}|{}", part(&identity.wwid), part(&identity.unit_serial))
            }
        }
    }
}

/// One way to a drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// `sda`, `nvme0n1`.
    pub device: DeviceName,
    /// What smartctl is given: `/dev/sg0`, `/dev/sda` where there is no sg node, `/dev/nvme0`.
    pub node: String,
    /// SCSI host number; `None` for NVMe.
    pub host: Option<u32>,
    /// `host:channel:target:lun`, or the NVMe controller's name.
    pub address: String,
}

/// A drive as sysfs shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drive {
    pub key: DriveKey,
    /// The name it goes by: that of its first path.
    pub device: DeviceName,
    /// At least one, in the kernel's order.
    pub paths: Vec<Path>,
    pub identity: Identity,
    pub vendor: Option<String>,
    pub model: Option<String>,
    pub firmware: Option<String>,
    pub size_bytes: Option<u64>,
    /// Kernel's `queue/rotational`.
    pub rotational: Option<bool>,
    /// Names under `/dev/disk/by-id`, without partitions.
    pub by_id: Vec<String>,
    pub attachment: Attachment,
    /// The disks that are listed as reached through its node, behind its RAID controller.
    pub raid_disks: Vec<DeviceName>,
    /// smartctl's type, where a setting gives it.
    pub told_type: Option<DeviceType>,
}

/// Paths and links that are taken over from a stored document; a drive has fewer.
const PATHS: usize = 16;
const LINKS: usize = 64;

impl Drive {
    /// A drive that is gone, as its stored document has it; `None` without an identity.
    pub fn remembered(stored: &Stored) -> Option<Self> {
        let (identity, summary) = (stored.identity.clone(), &stored.summary);
        if identity.is_empty() {
            return None;
        }
        let path = |device: &DeviceName| Path {
            device: device.clone(),
            node: String::new(),
            host: None,
            address: String::new(),
        };
        Some(Self {
            key: DriveKey::Remembered(identity.clone()),
            device: summary.device.clone(),
            paths: summary.paths.iter().take(PATHS).map(path).collect(),
            identity,
            vendor: summary.vendor.clone(),
            model: summary.model_name.clone(),
            firmware: summary.firmware_version.clone(),
            size_bytes: summary.user_capacity_bytes,
            rotational: summary.rotation_rate_rpm.map(|rpm| rpm > 0),
            by_id: stored.by_id.iter().take(LINKS).cloned().collect(),
            attachment: Attachment::stored(summary.transport, summary.behind.as_ref()),
            raid_disks: Vec::new(),
            told_type: None,
        })
    }

    pub fn is_remembered(&self) -> bool {
        matches!(self.key, DriveKey::Remembered(_))
    }

    pub fn has_device(&self, name: &str) -> bool {
        self.paths.iter().any(|p| p.device.as_str() == name)
    }
}

/// What a drive is doing, apart from how healthy it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Answers.
    Active,
    /// Asleep; left asleep, shown with its last good values.
    Standby,
    /// Did not answer in time, three times in a row (or ever).
    Unresponsive,
    /// Was here, is gone.
    Missing,
    /// Not read yet.
    Reading,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Standby => "standby",
            Self::Unresponsive => "unresponsive",
            Self::Missing => "missing",
            Self::Reading => "reading",
        }
    }
}

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
    pub behind: Option<DeviceName>,
    /// Capacity for the user.
    pub user_capacity_bytes: Option<u64>,
    /// Rotations a minute; 0 = solid state.
    pub rotation_rate_rpm: Option<u32>,
    /// Temperature now; `null` too where the drive gives a placeholder.
    pub temperature_celsius: Option<i32>,
    /// Hours under power in its life.
    pub power_on_hours: Option<u64>,
    /// What it is doing.
    pub state: State,
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
    pub cksum_errors: Option<u64>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_names_are_safe_and_sort_as_the_kernel_counts() {
        for bad in ["", "sd a", "../sda", "sda/..", "-rf\0", &"s".repeat(33)] {
            assert_eq!(DeviceName::parse(bad), None, "{bad:?}");
        }
        let sorted = [
            "nvme2n1",
            "nvme10n1",
            "sda",
            "sda-megaraid-2",
            "sda-megaraid-10",
            "sdb",
            "sdb-cciss-0",
            "sdz",
            "sdaa",
            "sdaa-megaraid-1",
            "sdab",
        ];
        for turn in 0..sorted.len() {
            let turned = sorted.iter().cycle().skip(turn).take(sorted.len());
            let mut names: Vec<_> = turned.filter_map(|n| DeviceName::parse(n)).collect();
            names.sort();
            assert_eq!(names.iter().map(DeviceName::as_str).collect::<Vec<_>>(), sorted);
        }
    }

    #[test]
    fn a_wwn_is_written_as_smartctl_writes_it() {
        let wwn = |w: &str| Identity { wwid: Some(w.into()), unit_serial: None }.wwn();
        assert_eq!(wwn("naa.5000C500A0000000").as_deref(), Some("0x5000c500a0000000"));
        assert_eq!(wwn("eui.0025388b71b2c001").as_deref(), Some("eui.0025388b71b2c001"));
        assert_eq!(wwn("t10.ATA     DISK   SERIAL"), None);
    }
}
