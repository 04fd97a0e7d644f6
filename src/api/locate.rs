//! Finds one drive by any of its names: the answer of `/api/whereis/{anything}`. Pure.

use super::describe::{devices, pool_location, reason, verdict};
use super::drive_summary::DriveSummary;
use super::overview::Overview;
use crate::domain::drive::DriveState;
use crate::domain::health::Verdict;
use crate::domain::identity::{DeviceName, strip_partition, strip_path};
use crate::domain::text::sanitize;
use std::fmt::Write as _;

/// Minimum length of a serial number fragment.
const MIN_SERIAL_FRAGMENT: usize = 4;
/// Maximum number of candidates that are listed.
const MAX_LISTED: usize = 8;

/// The result for a name.
#[derive(Debug)]
pub enum Located<'a> {
    Drive(&'a DriveSummary),
    /// No drive, or several; as a sentence.
    Nothing(String),
}

/// The drive that a name means. `known` matches names that are not in the overview (links, sg nodes, addresses, leaves
/// of pools), after the drives' own names and before fragments of serial numbers.
pub fn find<'a>(overview: &'a Overview, name: &str, known: impl Fn(&DriveSummary) -> bool) -> Located<'a> {
    let name = strip_path(name);
    if let Some((enclosure, slot)) = name.split_once('/') {
        return in_bay(overview, enclosure, slot);
    }
    let matchers: [&dyn Fn(&DriveSummary) -> bool; 5] = [
        &|d| d.state != DriveState::Missing && has_device(d, name),
        &|d| is_serial(d, name) || is_wwn(d, name),
        &known,
        // The block device name of a missing drive may have been reassigned.
        &|d| has_device(d, name),
        &|d| has_serial_fragment(d, name),
    ];
    for matcher in matchers {
        let found: Vec<&DriveSummary> = overview.drives().filter(|d| matcher(d)).collect();
        match found.as_slice() {
            [] => {}
            [drive] => return Located::Drive(drive),
            several => return Located::Nothing(candidates(name, several)),
        }
    }
    let excluded = overview.excluded.iter().find(|drive| {
        drive.paths.iter().any(|path| path.as_str() == name)
            || drive.serial_number.as_deref().is_some_and(|serial| serial.eq_ignore_ascii_case(name))
            || drive.wwn.as_deref().is_some_and(|wwn| wwn.eq_ignore_ascii_case(name))
    });
    if let Some(drive) = excluded {
        let (device, entry) = (&drive.device, sanitize(&drive.excluded_by));
        return Located::Nothing(format!("{device} is excluded by JBOD_EXCLUDE ({entry})"));
    }
    Located::Nothing(format!("no drive here is {}", sanitize(name)))
}

/// By the name of a path, or of a partition on it (`sda1`, `nvme0n1p2`).
fn has_device(drive: &DriveSummary, name: &str) -> bool {
    drive.paths.iter().any(|path| {
        let path = path.as_str();
        let Some(rest) = name.strip_prefix(path) else { return false };
        let part = match path {
            // A disk behind a RAID controller ends in its number, and has no partitions.
            _ if path.contains('-') => None,
            _ if path.starts_with("nvme") => rest.strip_prefix('p'),
            _ => Some(rest),
        };
        let is_part = part.is_some_and(|n| (1..=3).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit()));
        rest.is_empty() || is_part
    })
}

fn is_serial(drive: &DriveSummary, name: &str) -> bool {
    drive.serial_number.as_deref().is_some_and(|serial| serial.eq_ignore_ascii_case(name))
}

/// With or without a prefix (`0x`, `naa.`, `eui.`, `wwn-0x`).
fn is_wwn(drive: &DriveSummary, name: &str) -> bool {
    fn digits(text: &str) -> &str {
        let prefixes = ["wwn-0x", "nvme-eui.", "naa.", "eui.", "0x", "0X"];
        prefixes.iter().find_map(|p| text.strip_prefix(p)).unwrap_or(text)
    }
    drive.wwn.as_deref().is_some_and(|wwn| digits(wwn).eq_ignore_ascii_case(digits(strip_partition(name))))
}

/// The beginning or the end of its serial number, as read from a label.
fn has_serial_fragment(drive: &DriveSummary, name: &str) -> bool {
    let Some(serial) = drive.serial_number.as_deref().filter(|_| name.chars().count() >= MIN_SERIAL_FRAGMENT) else {
        return false;
    };
    let (serial, name) = (serial.to_ascii_lowercase(), name.to_ascii_lowercase());
    serial.starts_with(&name) || serial.ends_with(&name)
}

/// `ENCLOSURE/SLOT`, the enclosure by its id or by a name it has in sysfs.
fn in_bay<'a>(overview: &'a Overview, enclosure: &str, slot: &str) -> Located<'a> {
    let by_name = overview
        .enclosures
        .iter()
        .find(|e| e.id.eq_ignore_ascii_case(enclosure) || e.sysfs_names.iter().any(|n| n == enclosure));
    let Some(enclosure) = by_name else {
        return Located::Nothing(format!("no enclosure here is {}", sanitize(enclosure)));
    };
    let (id, number) = (sanitize(&enclosure.id), sanitize(slot));
    let wanted = slot.parse::<u32>().ok();
    let by_number = enclosure.slots.iter().find(|s| s.slot.is_some() && s.slot == wanted);
    let bay = by_number.or_else(|| enclosure.slots.iter().find(|s| s.slot.is_none() && s.name == slot));
    let Some(bay) = bay else { return Located::Nothing(format!("enclosure {id} has no bay {number}")) };
    match &bay.drive {
        Some(drive) => Located::Drive(drive),
        None if bay.excluded.is_some() => {
            let device = bay.excluded.as_ref().map_or("", DeviceName::as_str);
            Located::Nothing(format!("{device}, in bay {number} of enclosure {id}, is excluded by JBOD_EXCLUDE"))
        }
        None if enclosure.reports_empty(bay) => Located::Nothing(format!("bay {number} of enclosure {id} is empty")),
        None => {
            Located::Nothing(format!("bay {number} of enclosure {id} shows no drive, and is not reported as empty"))
        }
    }
}

fn candidates(name: &str, drives: &[&DriveSummary]) -> String {
    let listed = drives.iter().take(MAX_LISTED).map(|d| {
        let serial = sanitize(d.serial_number.as_deref().unwrap_or("-"));
        format!("{} ({serial}, {})", devices(d), bay(d))
    });
    let more = drives.len().saturating_sub(MAX_LISTED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let listed = listed.collect::<Vec<_>>().join("; ");
    format!("{} may be any of {} drives: {listed}{more}", sanitize(name), drives.len())
}

fn bay(drive: &DriveSummary) -> String {
    match (&drive.enclosure, drive.slot) {
        (Some(enclosure), slot) => {
            let bay = slot.map_or_else(|| "in a bay without a number".to_owned(), |slot| format!("bay {slot}"));
            let as_of = drive.bay_as_of.map_or_else(String::new, |at| format!(" (as of {at}, the shelf is missing)"));
            format!("enclosure {} {bay}{as_of}", sanitize(enclosure))
        }
        (None, _) => drive.contradiction.as_deref().map_or_else(|| "in no bay".to_owned(), sanitize),
    }
}

/// The drive in one line: names, bay, serial, model, pool, verdict, and the first reason.
pub(crate) fn line(drive: &DriveSummary) -> String {
    let text = |part: Option<&str>| sanitize(part.unwrap_or("-"));
    let is_missing = drive.state == DriveState::Missing;
    let mut parts = vec![
        devices(drive),
        if is_missing && drive.slot.is_some() { format!("was in {}", bay(drive)) } else { bay(drive) },
        text(drive.serial_number.as_deref()),
        text(drive.model_name.as_deref()),
        pool_location(drive).unwrap_or_else(|| "-".to_owned()),
    ];
    if is_missing {
        let mut missing = "missing".to_owned();
        if let Some(since) = drive.missing_since {
            let _ = write!(missing, " since {since}");
        }
        if drive.verdict > Verdict::Unknown {
            let _ = write!(missing, ", was {}", drive.verdict.as_str());
        }
        parts.push(missing);
        // `missing` is in the line already, but not why the drive was bad.
        parts.extend(drive.findings.first().map(|finding| sanitize(&finding.message)));
    } else {
        parts.push(verdict(drive));
        parts.extend(reason(drive));
    }
    parts.join("  ") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_stand_with_its_folder() {
        for (name, expected) in [
            ("/dev/sda", "sda"),
            ("dev/disk/by-id/wwn-0x5000c500a0000000", "wwn-0x5000c500a0000000"),
            ("sda/", "sda"),
            (" sda ", "sda"),
            ("0x50030480baa4c03f/7", "0x50030480baa4c03f/7"),
            ("0:0:39:0/7", "0:0:39:0/7"),
            ("/", ""),
            ("", ""),
        ] {
            assert_eq!(strip_path(name), expected, "{name:?}");
        }
        assert_eq!(strip_partition("ata-X-part12"), "ata-X");
        assert_eq!(strip_partition("ata-X-part"), "ata-X-part");
    }
}
