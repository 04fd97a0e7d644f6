//! `SMART_DEVICE_TYPES`: `NAME=TYPE,NAME=TYPE,…`, the arguments of smartctl's `-d` for single drives.
//!
//! Some types contain a comma: text after a comma that contains no `=` belongs to the type before it.

use super::error::ConfigError;
use super::settings::SMART_DEVICE_TYPES;
use crate::domain::device_type::{ALLOWED, DeviceType};
use crate::domain::identity::strip_path;
use std::fmt;

/// The device type of one drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeEntry {
    /// A kernel name, a by-id name or a serial number.
    pub(crate) name: String,
    pub(crate) kind: DeviceType,
}

impl fmt::Display for TypeEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.kind)
    }
}

/// Parses all entries. The error is the first invalid one.
pub(super) fn parse(text: &str) -> Result<Vec<TypeEntry>, ConfigError> {
    let mut entries: Vec<TypeEntry> = Vec::new();
    for (name, kind) in split(text)? {
        let found = format!("{name}={kind}");
        if name.is_empty() {
            return Err(invalid(&found, "NAME=TYPE, NAME a kernel name, a by-id name or a serial number"));
        }
        let Some(kind) = DeviceType::parse(&kind) else { return Err(invalid_type(&found)) };
        // The kernel name, such as nvme0n1: a by-id name of NVMe contains a dash.
        let is_nvme = name.starts_with("nvme") && !name.contains('-');
        if is_nvme && !matches!(kind, DeviceType::Nvme | DeviceType::Auto) {
            return Err(invalid(&found, "nvme or auto for an NVMe drive"));
        }
        let entry = TypeEntry { name, kind };
        if entries.iter().any(|other| other.name == entry.name && other.kind.disk() == entry.kind.disk()) {
            return Err(invalid(&found, "each drive, and each disk behind it, once"));
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn invalid(found: &str, wanted: &str) -> ConfigError {
    ConfigError::new(SMART_DEVICE_TYPES.name, found, wanted)
}

fn invalid_type(found: &str) -> ConfigError {
    invalid(found, &format!("NAME=TYPE, TYPE {ALLOWED}"))
}

/// Splits the text into names and types.
fn split(text: &str) -> Result<Vec<(String, String)>, ConfigError> {
    let mut entries: Vec<(String, String)> = Vec::new();
    if text.trim().is_empty() {
        return Ok(entries);
    }
    for part in text.split(',').map(str::trim) {
        // From the right, because a by-id name may contain a `=` and a type does not.
        match (part.rsplit_once('='), entries.last_mut()) {
            (Some((name, kind)), _) => entries.push((strip_path(name).to_owned(), kind.trim().to_owned())),
            (None, Some((_, kind))) => {
                kind.push(',');
                kind.push_str(part);
            }
            (None, None) => return Err(invalid_type(part)),
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, String> {
        let entries = parse(text).map_err(|error| error.to_string())?;
        Ok(entries.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn commas_separate_entries_and_occur_in_types() {
        let ok = |text: &str| shown(text).unwrap_or_else(|error| error);
        assert_eq!(ok("sda=megaraid,0,sda=megaraid,1,ZR123=sat"), "sda=megaraid,0 sda=megaraid,1 ZR123=sat");
        assert_eq!(
            ok(" sda = sat+megaraid , 7 ,\n sdb=cciss,0,sdc = auto "),
            "sda=sat+megaraid,7 sdb=cciss,0 sdc=auto"
        );
        assert_eq!(ok("/dev/disk/by-id/usb-A=B_1-0:0=sat,/dev/sdd=scsi"), "usb-A=B_1-0:0=sat sdd=scsi");
        assert_eq!(ok("sda=scsi,sda=megaraid,0"), "sda=scsi sda=megaraid,0", "the volume, and a disk behind it");
        assert_eq!((ok(""), ok("  ")), (String::new(), String::new()));
    }

    #[test]
    fn invalid_entries_are_named() {
        for (text, found) in [
            ("sda", "found \"sda\""),
            ("sda=usbfoo", "found \"sda=usbfoo\""),
            ("sda=", "found \"sda=\""),
            ("=sat", "found \"=sat\""),
            ("sdb=sat,sda=megaraid", "found \"sda=megaraid\""),
            ("sda=megaraid,256", "found \"sda=megaraid,256\""),
            ("sda=cciss,128", "found \"sda=cciss,128\""),
            ("sda=sat,", "found \"sda=sat,\""),
            (",sda=sat", "found \"\""),
            ("nvme0n1=sat", "found \"nvme0n1=sat\""),
            ("sda=sat,sda=scsi", "found \"sda=scsi\""),
            ("sda=megaraid,1,sda=sat+megaraid,1", "found \"sda=sat+megaraid,1\""),
        ] {
            let error = shown(text).err().unwrap_or_default();
            assert!(error.starts_with("SMART_DEVICE_TYPES: ") && error.contains(found), "{text}: {error}");
        }
    }
}
