//! Names and identities of drives: block device names, and the identifiers that drives report.

use super::text::natural_cmp;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// Number of a SCSI host: `3` in `host3` and in the address `3:0:1:0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScsiHost(pub(crate) u32);

impl FromStr for ScsiHost {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}

impl fmt::Display for ScsiHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Defines a string type for one kind of identifier, so that it is not confused with other text. Values are compared
/// without normalization.
macro_rules! identifier {
    ($(#[$about:meta])* $name:ident) => {
        $(#[$about])*
        #[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::ops::Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::from(text.as_str())
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.trim().to_owned())
            }
        }

        /// The text in quotes, as in log lines.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

identifier! {
    /// Serial number of a drive, as it reports it, without blanks around it.
    SerialNumber
}

identifier! {
    /// Id of an enclosure: its logical id (`0x500605b0000272bf`), or its SCSI address where it has none.
    EnclosureId
}

/// A kernel device name (`sda`, `sg12`, `nvme0n1`): `[A-Za-z0-9_-]`, 1 to 32 characters.
/// It is validated once, so that keys, arguments and paths made from it are safe by type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeviceName(Box<str>);

impl DeviceName {
    pub fn parse(text: &str) -> Option<Self> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if (1..=32).contains(&text.len()) && text.bytes().all(is_allowed) { Some(Self(text.into())) } else { None }
    }

    /// The placeholder for a name in a sentence about several drives.
    pub(crate) fn placeholder() -> Self {
        Self("NAME".into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Splits an `sd` name into the letters by which the kernel counts, and the rest.
    fn letters(&self) -> Option<(&str, &str)> {
        let suffix = self.0.strip_prefix("sd")?;
        let rest = suffix.trim_start_matches(|letter: char| letter.is_ascii_lowercase());
        let letters = suffix.strip_suffix(rest)?;
        if letters.is_empty() { None } else { Some((letters, rest)) }
    }
}

impl TryFrom<String> for DeviceName {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
            .ok_or_else(|| format!("found {text:?}, expected a device name: 1 to 32 letters, digits, '_' or '-'"))
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
    /// The kernel's own order: `sda` … `sdz`, `sdaa`; `nvme2n1` before `nvme10n1`. Names are compared by their letters,
    /// then by the rest (`sda`, `sda-megaraid-3`, `sdb`), so that the order is total.
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.letters(), other.letters()) {
            (Some((letters, rest)), Some((other, other_rest))) => {
                let by_letters = letters.len().cmp(&other.len()).then_with(|| letters.cmp(other));
                by_letters.then_with(|| natural_cmp(rest, other_rest))
            }
            _ => natural_cmp(&self.0, &other.0),
        }
    }
}

impl PartialOrd for DeviceName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The identity of a drive by sysfs, without a command to the drive. A missing value or a placeholder never makes two drives
/// equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Identity {
    /// `device/wwid` (SCSI: `naa.…`, `eui.…`, `t10.…`) or the NVMe namespace's `wwid`.
    pub(crate) wwid: Option<String>,
    /// Unit serial number: VPD page 0x80, or the NVMe controller's `serial`.
    pub(crate) unit_serial: Option<SerialNumber>,
}

impl Identity {
    pub(crate) fn is_empty(&self) -> bool {
        self.wwid.is_none() && self.unit_serial.is_none()
    }

    /// The values that both have are equal, and there is at least one of these. Another path of the same drive may lack a
    /// value whose VPD page could not be read.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        let wwids = compare(self.wwid.as_ref(), other.wwid.as_ref());
        let serials = compare(self.unit_serial.as_ref(), other.unit_serial.as_ref());
        if wwids == Match::Differs || serials == Match::Differs {
            return false;
        }
        let shares_any = wwids == Match::Same || serials == Match::Same;
        shares_any || self.is_empty() && other.is_empty()
    }

    /// The World Wide Name as smartctl and by-id links write it: `0x5000c500a0000000`.
    /// For NVMe the namespace's `eui.…`; a `t10.` name is not a WWN.
    pub(crate) fn wwn(&self) -> Option<String> {
        wwn_of(self.wwid.as_deref()?)
    }
}

/// The World Wide Name in a `wwid` of sysfs.
pub(crate) fn wwn_of(wwid: &str) -> Option<String> {
    match wwid.strip_prefix("naa.") {
        Some(hex) => Some(format!("0x{}", hex.to_ascii_lowercase())),
        None if wwid.starts_with("eui.") => Some(wwid.to_owned()),
        None => None,
    }
}

/// Whether two values are of one drive.
#[derive(PartialEq)]
enum Match {
    Same,
    Differs,
    Unknown,
}

fn compare<T: PartialEq>(own: Option<&T>, other: Option<&T>) -> Match {
    match (own, other) {
        (Some(own), Some(other)) if own == other => Match::Same,
        (Some(_), Some(_)) => Match::Differs,
        _ => Match::Unknown,
    }
}

/// A name without its path: `/dev/disk/by-id/wwn-0x5…` is `wwn-0x5…`.
pub fn strip_path(name: &str) -> &str {
    let name = name.trim().trim_end_matches('/');
    let path = name.trim_start_matches('/');
    match path.strip_prefix("dev/") {
        Some(below) => below.rsplit('/').next().unwrap_or(below),
        None if name.starts_with('/') => path,
        None => name,
    }
}

/// A link's name without its partition: `ata-X-part1` is `ata-X`.
pub fn strip_partition(name: &str) -> &str {
    match name.rsplit_once("-part") {
        Some((stem, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => stem,
        _ => name,
    }
}

/// All digits after the type digit are zero.
pub(crate) fn is_placeholder_wwid(wwid: &str) -> bool {
    let Some(("naa" | "eui", digits)) = wwid.split_once('.') else { return false };
    digits.bytes().skip(1).all(|digit| digit == b'0')
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
        for offset in 0..sorted.len() {
            let rotated = sorted.iter().cycle().skip(offset).take(sorted.len());
            let mut names: Vec<_> = rotated.map(|name| DeviceName::parse(name).unwrap()).collect();
            names.sort();
            assert_eq!(names.iter().map(DeviceName::as_str).collect::<Vec<_>>(), sorted);
        }
    }

    #[test]
    fn wwn_has_the_form_that_smartctl_uses() {
        assert_eq!(wwn_of("naa.5000C500A0000000").as_deref(), Some("0x5000c500a0000000"));
        assert_eq!(wwn_of("eui.0025388b71b2c001").as_deref(), Some("eui.0025388b71b2c001"));
        assert_eq!(wwn_of("t10.ATA     DISK   SERIAL"), None);
    }
}
