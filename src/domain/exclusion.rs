//! `JBOD_EXCLUDE`: which drives are neither read nor judged. Pure: entries, and whether a drive matches one.
//!
//! Only what sysfs and udev know of a drive is compared: an excluded drive gets no command.

use super::drive::{Drive, DriveKey};
use super::glob;
use super::identity::{DeviceName, Identity};
use super::text::list_first;
use super::transport::Transport;
use std::fmt;

/// The valid forms, for the error about an invalid one.
pub(crate) const ALLOWED: &str =
    "a kernel name or by-id name (with * and ?), serial=TEXT, model=PATTERN or transport=NAME";

/// Entries that a list of excluded drives names.
const MAX_LISTED_ENTRIES: usize = 16;
const BY_ID: &str = "/dev/disk/by-id/";

/// One entry of the setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// As it was written.
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
    /// The error is what was wanted.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        // A by-id name may contain `=`; with its folder it is unambiguous.
        let criterion = match text.split_once('=').filter(|_| !text.starts_with('/')) {
            Some((key, value)) => Self::by_key(key.trim(), value.trim())?,
            None => Self::by_name(text)?,
        };
        Ok(Self { text: text.to_owned(), criterion })
    }

    fn by_key(key: &str, value: &str) -> Result<Criterion, String> {
        let text = || if value.is_empty() { Err(format!("{key}=, and text after it")) } else { Ok(value.to_owned()) };
        match key {
            "serial" => text().map(Criterion::Serial),
            "model" => text().map(Criterion::Model),
            "transport" => {
                let wanted = || format!("transport= and one of {}", Transport::ALL.map(Transport::as_str).join(", "));
                Transport::parse(value).map(Criterion::Transport).ok_or_else(wanted)
            }
            _ => Err(format!("{ALLOWED}; a by-id name with = in it: {BY_ID} before it")),
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
        let fits = |c: char| c.is_alphanumeric() || "#+-.:=@_\\*?".contains(c);
        if name.is_empty() || !name.chars().all(fits) {
            return Err(ALLOWED.to_owned());
        }
        Ok(if is_link { Criterion::Link(name.to_owned()) } else { Criterion::Name(name.to_owned()) })
    }

    pub(crate) fn matches(&self, drive: &Drive) -> bool {
        let by_device = |pattern: &str| {
            let paths = drive.paths.iter().map(|path| &path.device);
            paths.chain([&drive.device]).any(|device| glob::matches(pattern, device.as_str()))
        };
        match &self.criterion {
            Criterion::Name(pattern) => by_device(pattern) || has_link(drive, pattern),
            _ => self.matches_lasting(drive),
        }
    }

    /// Without kernel names, which another drive may have had.
    pub(crate) fn matches_lasting(&self, drive: &Drive) -> bool {
        match &self.criterion {
            Criterion::Name(pattern) | Criterion::Link(pattern) => has_link(drive, pattern),
            Criterion::Serial(serial) => has_serial(drive, serial),
            Criterion::Model(pattern) => has_model(drive, pattern),
            Criterion::Transport(transport) => drive.attachment.transport() == Some(*transport),
        }
    }

    /// Whether the entry can match by a link, which udev creates a moment after the kernel has added the drive.
    pub(crate) fn needs_links(&self) -> bool {
        match &self.criterion {
            Criterion::Link(_) | Criterion::Model(_) => true,
            // No kernel name of a drive contains a dash, every by-id name does.
            Criterion::Name(pattern) => pattern.contains('-') || pattern.starts_with('*'),
            Criterion::Serial(_) | Criterion::Transport(_) => false,
        }
    }

    /// It describes a kind of drives, of which there may be none at the moment.
    pub(crate) fn is_of_a_kind(&self) -> bool {
        matches!(self.criterion, Criterion::Transport(_))
    }
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn has_link(drive: &Drive, pattern: &str) -> bool {
    drive.by_id.iter().any(|link| glob::matches(pattern, link))
}

fn has_serial(drive: &Drive, wanted: &str) -> bool {
    drive.identity.unit_serial.as_ref().is_some_and(|serial| serial.trim().eq_ignore_ascii_case(wanted))
}

/// The model as sysfs has it, also with its vendor before it; and as udev has it. INQUIRY, which sysfs shows, has 16 bytes
/// for the model (SPC-4, product identification); udev's name of a SATA drive is longer (60-persistent-storage.rules:
/// `ata-MODEL_SERIAL`, blanks as `_`).
fn has_model(drive: &Drive, pattern: &str) -> bool {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join("_");
    let pattern = plain(pattern);
    let is_it = |text: &str| glob::matches(&pattern, &plain(text));
    let Some(model) = drive.model.as_deref() else { return false };
    let with_vendor = drive.vendor.as_deref().map(|vendor| format!("{vendor} {model}"));
    let serial = drive.identity.unit_serial.as_deref().map(|serial| format!("_{}", plain(serial)));
    let of_link = |link: &String| {
        let named = link.strip_prefix("ata-").and_then(|name| name.strip_suffix(serial.as_deref()?));
        named.is_some_and(is_it)
    };
    is_it(model) || with_vendor.as_deref().is_some_and(is_it) || drive.by_id.iter().any(of_link)
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
    /// The entry that it matches, as it was written; of several the first.
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

/// Excluded drives by entry, in one line: `transport=iscsi: sdb, sdc; sdx: sdx`.
pub(crate) fn list_by_entry(excluded: &[ExcludedDrive], shown: usize) -> String {
    let mut entries: Vec<(&str, Vec<&str>)> = Vec::new();
    for drive in excluded {
        let device = drive.device.as_str();
        match entries.iter_mut().find(|(entry, _)| *entry == drive.entry) {
            Some((_, devices)) => devices.push(device),
            None => entries.push((&drive.entry, vec![device])),
        }
    }
    let part = |(entry, devices): &(&str, Vec<&str>)| format!("{entry}: {}", list_first(devices, shown));
    let more = entries.len().saturating_sub(MAX_LISTED_ENTRIES);
    let more = (more > 0).then(|| format!("drives of {more} more entries"));
    entries.iter().take(MAX_LISTED_ENTRIES).map(part).chain(more).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::drive::{DrivePath, fixture};
    use crate::domain::transport::Attachment;

    fn drive() -> Drive {
        let drive = fixture::drive("sdb");
        let path = |name: &str| DrivePath {
            device: DeviceName::parse(name).unwrap_or_else(|| unreachable!()),
            node: format!("/dev/{name}"),
            host: None,
            address: String::new(),
            unit: 0,
            state: None,
        };
        Drive {
            paths: vec![path("sdb"), path("sdq")],
            identity: Identity { wwid: None, unit_serial: Some("Z30 0ABC".into()) },
            vendor: Some("ATA".to_owned()),
            model: Some("ST4000DM000-1F21".to_owned()),
            by_id: vec!["ata-ST4000DM000-1F2168_Z30_0ABC".to_owned(), "wwn-0x5000c500a1".to_owned()],
            attachment: Attachment::Scsi(Some(Transport::Sata)),
            ..drive
        }
    }

    #[test]
    fn every_form_of_an_entry_matches_what_it_names_and_nothing_else() {
        for (text, is) in [
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
            assert_eq!(entry.matches(&drive()), is, "{text}");
            assert_eq!(entry.to_string(), text);
        }
    }

    #[test]
    fn a_kernel_name_says_nothing_about_a_drive_of_the_past() {
        let matches = |text: &str| Exclusion::parse(text).is_ok_and(|entry| entry.matches_lasting(&drive()));
        assert!(!matches("sdb") && matches("wwn-*") && matches("serial=Z30 0ABC") && matches("transport=sata"));
    }

    #[test]
    fn invalid_entries_are_refused_with_what_was_wanted() {
        for (text, wanted) in [
            ("", "a kernel name or by-id name"),
            ("sd[ab]", "a kernel name or by-id name"),
            ("sda sdb", "a kernel name or by-id name"),
            ("/dev/disk/by-path/pci-0", "a kernel name or by-id name"),
            ("/srv/sda", "a kernel name or by-id name"),
            ("serial=", "serial=, and text after it"),
            ("model= ", "model=, and text after it"),
            ("vendor=DELL", "a by-id name with = in it"),
            ("Serial=X", "a by-id name with = in it"),
            ("transport=scsi", "one of sas, sata, nvme, usb, raid, iscsi, fc, virtio"),
        ] {
            let error = Exclusion::parse(text).err().unwrap_or_default();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
