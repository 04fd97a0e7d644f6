//! `JBOD_EXCLUDE`: the entries that exclude drives from readings and verdicts. Pure.
//!
//! Only values from sysfs and udev are compared: an excluded drive gets no command.

use super::drive::{Drive, DriveKey};
use super::glob;
use super::identity::{DeviceName, Identity};
use super::text::list_first;
use super::transport::Transport;
use std::fmt;

/// The valid forms, for the error about an invalid one.
pub(crate) const ALLOWED: &str =
    "a kernel name or by-id name (with * and ?), serial=TEXT, model=PATTERN or transport=NAME";

/// Maximum number of entries that a list of excluded drives names.
const MAX_LISTED_ENTRIES: usize = 16;
const BY_ID: &str = "/dev/disk/by-id/";

/// One entry of the setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// The entry as it was written.
    text: String,
    criterion: Criterion,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Criterion {
    /// Pattern of a kernel name or a by-id name.
    Name(String),
    /// Pattern of a by-id name.
    Link(String),
    Serial(String),
    /// Pattern of a model.
    Model(String),
    Transport(Transport),
}

impl Exclusion {
    /// Parses an entry. The error is the expected form.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        // A by-id name may contain `=`; with its folder it is unambiguous.
        let criterion = match text.split_once('=') {
            Some((key, value)) if !text.starts_with('/') => Self::by_key(key.trim(), value.trim())?,
            _ => Self::by_name(text)?,
        };
        Ok(Self { text: text.to_owned(), criterion })
    }

    fn by_key(key: &str, value: &str) -> Result<Criterion, String> {
        match key {
            "serial" | "model" if value.is_empty() => Err(format!("{key}= followed by text")),
            "serial" => Ok(Criterion::Serial(value.to_owned())),
            "model" => Ok(Criterion::Model(value.to_owned())),
            "transport" => match Transport::parse(value) {
                Some(transport) => Ok(Criterion::Transport(transport)),
                None => {
                    let allowed = Transport::ALL.map(Transport::as_str).join(", ");
                    Err(format!("transport= followed by one of {allowed}"))
                }
            },
            _ => Err(format!("{ALLOWED}; a by-id name that contains = must begin with {BY_ID}")),
        }
    }

    fn by_name(text: &str) -> Result<Criterion, String> {
        let (name, is_link) = match (text.strip_prefix(BY_ID), text.strip_prefix("/dev/")) {
            (Some(link), _) => (link, true),
            (None, Some(device)) => (device, false),
            (None, None) => (text, false),
        };
        // The characters that udev leaves in the name of a link (systemd, allow_listed_char_for_devnode and
        // udev_replace_chars, which also keeps \x escapes and UTF-8), and those of patterns.
        let is_allowed = |letter: char| letter.is_alphanumeric() || "#+-.:=@_\\*?".contains(letter);
        if name.is_empty() || !name.chars().all(is_allowed) {
            return Err(ALLOWED.to_owned());
        }
        Ok(if is_link { Criterion::Link(name.to_owned()) } else { Criterion::Name(name.to_owned()) })
    }

    pub(crate) fn matches(&self, drive: &Drive) -> bool {
        match &self.criterion {
            Criterion::Name(pattern) => has_device(drive, pattern) || has_link(drive, pattern),
            _ => self.matches_lasting(drive),
        }
    }

    /// Matches without kernel names: for a drive of the past, whose device name may have been reassigned.
    pub(crate) fn matches_lasting(&self, drive: &Drive) -> bool {
        match &self.criterion {
            Criterion::Name(pattern) | Criterion::Link(pattern) => has_link(drive, pattern),
            Criterion::Serial(serial) => has_serial(drive, serial),
            Criterion::Model(pattern) => has_model(drive, pattern),
            Criterion::Transport(transport) => drive.attachment.transport() == Some(*transport),
        }
    }

    /// The entry can match a link, which udev creates a moment after the kernel has added the drive.
    pub(crate) fn needs_links(&self) -> bool {
        match &self.criterion {
            Criterion::Link(_) | Criterion::Model(_) => true,
            // Kernel names of drives contain no dash, by-id names always do.
            Criterion::Name(pattern) => pattern.contains('-') || pattern.starts_with('*'),
            Criterion::Serial(_) | Criterion::Transport(_) => false,
        }
    }

    /// It describes a kind of drives, so it may match none at the moment.
    pub(crate) fn is_of_a_kind(&self) -> bool {
        matches!(self.criterion, Criterion::Transport(_))
    }
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn has_device(drive: &Drive, pattern: &str) -> bool {
    let paths = drive.paths.iter().map(|path| &path.device);
    paths.chain([&drive.device]).any(|device| glob::matches(pattern, device.as_str()))
}

fn has_link(drive: &Drive, pattern: &str) -> bool {
    drive.by_id.iter().any(|link| glob::matches(pattern, link))
}

fn has_serial(drive: &Drive, wanted: &str) -> bool {
    let Some(serial) = &drive.identity.unit_serial else { return false };
    serial.trim().eq_ignore_ascii_case(wanted)
}

/// One of the names of the model matches the pattern: the model in sysfs, alone or after its vendor, or the model in udev's
/// name of a SATA drive.
fn has_model(drive: &Drive, pattern: &str) -> bool {
    let Some(model) = drive.model.as_deref() else { return false };
    let mut names = vec![model.to_owned()];
    if let Some(vendor) = &drive.vendor {
        names.push(format!("{vendor} {model}"));
    }
    if let Some(serial) = &drive.identity.unit_serial {
        names.extend(drive.by_id.iter().filter_map(|link| model_in_link(link, serial)));
    }
    let pattern = with_underscores(pattern);
    names.iter().any(|name| glob::matches(&pattern, &with_underscores(name)))
}

/// The model in a link `ata-MODEL_SERIAL` (60-persistent-storage.rules, blanks as `_`). It is longer than in sysfs: INQUIRY
/// has 16 bytes for the model (SPC-4, product identification).
fn model_in_link(link: &str, serial: &str) -> Option<String> {
    let name = link.strip_prefix("ata-")?;
    let model = name.strip_suffix(&with_underscores(serial))?.strip_suffix('_')?;
    Some(model.to_owned())
}

fn with_underscores(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join("_")
}

/// A drive that is present and excluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExcludedDrive {
    pub(crate) key: DriveKey,
    pub(crate) device: DeviceName,
    /// Kernel names of all its paths.
    pub(crate) paths: Vec<DeviceName>,
    /// SCSI addresses of its paths.
    pub(crate) addresses: Vec<String>,
    pub(crate) identity: Identity,
    pub(crate) model: Option<String>,
    pub(crate) transport: Option<Transport>,
    /// The first entry that matches it, as it was written.
    pub(crate) entry: String,
}

impl ExcludedDrive {
    pub(crate) fn new(drive: Drive, entry: String) -> Self {
        Self {
            paths: drive.paths.iter().map(|path| path.device.clone()).collect(),
            addresses: drive.paths.into_iter().map(|path| path.address).collect(),
            transport: drive.attachment.transport(),
            key: drive.key,
            device: drive.device,
            identity: drive.identity,
            model: drive.model,
            entry,
        }
    }
}

/// Excluded drives by entry, in one line: `transport=iscsi: sdb, sdc; sdx: sdx`. `shown`: maximum number of drives for each
/// entry.
pub(crate) fn list_by_entry(excluded: &[ExcludedDrive], shown: usize) -> String {
    let mut entries: Vec<(&str, Vec<&str>)> = Vec::new();
    for drive in excluded {
        let device = drive.device.as_str();
        match entries.iter_mut().find(|(entry, _)| *entry == drive.entry) {
            Some((_, devices)) => devices.push(device),
            None => entries.push((&drive.entry, vec![device])),
        }
    }
    let mut parts: Vec<String> = Vec::new();
    for (entry, devices) in entries.iter().take(MAX_LISTED_ENTRIES) {
        parts.push(format!("{entry}: {}", list_first(devices, shown)));
    }
    let more = entries.len().saturating_sub(MAX_LISTED_ENTRIES);
    if more > 0 {
        parts.push(format!("drives of {more} more entries"));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::drive::{DrivePath, fixture};
    use crate::domain::transport::Attachment;

    fn path(name: &str) -> DrivePath {
        DrivePath {
            device: DeviceName::parse(name).unwrap(),
            node: format!("/dev/{name}"),
            host: None,
            address: String::new(),
            unit: 0,
            state: None,
        }
    }

    fn drive() -> Drive {
        Drive {
            paths: vec![path("sdb"), path("sdq")],
            identity: Identity { wwid: None, unit_serial: Some("Z30 0ABC".into()) },
            vendor: Some("ATA".to_owned()),
            model: Some("ST4000DM000-1F21".to_owned()),
            by_id: vec!["ata-ST4000DM000-1F2168_Z30_0ABC".to_owned(), "wwn-0x5000c500a1".to_owned()],
            attachment: Attachment::Scsi(Some(Transport::Sata)),
            ..fixture::drive("sdb")
        }
    }

    #[test]
    fn every_form_of_an_entry_matches_only_the_named_drives() {
        for (text, is_match) in [
            ("sdb", true),
            ("/dev/sdq", true),
            ("sd?", true),
            ("sd*", true),
            ("SDB", true),
            ("sdb1", false),
            ("sda", false),
            ("wwn-0x5000c500a1", true),
            ("/dev/disk/by-id/wwn-0x5000c500a1", true),
            ("/dev/disk/by-id/sdb", false),
            ("ata-ST4000*", true),
            ("serial=z30 0abc", true),
            ("serial=Z30*", false),
            ("model=ST4000*", true),
            ("model=ST4000DM000-1F2168", true),
            ("model=ST4000DM000-1F2199", false),
            ("model=ATA ST4000*", true),
            ("model=WDC*", false),
            ("transport=sata", true),
            ("transport=iscsi", false),
        ] {
            let entry = Exclusion::parse(text).unwrap_or_else(|wanted| unreachable!("{text}: {wanted}"));
            assert_eq!(entry.matches(&drive()), is_match, "{text}");
            assert_eq!(entry.to_string(), text);
        }
    }

    #[test]
    fn kernel_name_does_not_match_a_drive_of_the_past() {
        for (text, is_match) in [("sdb", false), ("wwn-*", true), ("serial=Z30 0ABC", true), ("transport=sata", true)] {
            assert_eq!(Exclusion::parse(text).unwrap().matches_lasting(&drive()), is_match, "{text}");
        }
    }

    #[test]
    fn invalid_entries_are_rejected_with_the_wanted_form() {
        for (text, wanted) in [
            ("", "a kernel name or by-id name"),
            ("sd[ab]", "a kernel name or by-id name"),
            ("sda sdb", "a kernel name or by-id name"),
            ("/dev/disk/by-path/pci-0", "a kernel name or by-id name"),
            ("/srv/sda", "a kernel name or by-id name"),
            ("serial=", "serial= followed by text"),
            ("model= ", "model= followed by text"),
            ("vendor=DELL", "a by-id name that contains = must begin with"),
            ("Serial=X", "a by-id name that contains = must begin with"),
            ("transport=scsi", "one of sas, sata, nvme, usb, raid, iscsi, fc, virtio"),
        ] {
            let error = Exclusion::parse(text).unwrap_err();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
