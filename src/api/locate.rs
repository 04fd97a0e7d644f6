//! Finds one drive by any of its names: the response of `/api/whereis/{anything}`. Pure.

use super::describe::{devices, pool_location, reason, verdict};
use super::drive_summary::DriveSummary;
use super::enclosure_view::{EnclosureView, SlotView};
use super::overview::Overview;
use crate::domain::drive::DriveState;
use crate::domain::health::Verdict;
use crate::domain::identity::{strip_partition, strip_path};
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
    /// No drive, or several of them: the reason, for people.
    Nothing(String),
}

/// Finds the drive with a name. `known` matches names that are not in the overview (links, sg nodes, addresses, leaves
/// of pools); it is asked after the names in the overview and before fragments of serial numbers.
pub fn find<'a>(overview: &'a Overview, name: &str, known: impl Fn(&DriveSummary) -> bool) -> Located<'a> {
    let name = strip_path(name);
    if let Some((enclosure, slot)) = name.split_once('/') {
        return in_bay(overview, enclosure, slot);
    }
    let matchers: [&dyn Fn(&DriveSummary) -> bool; 5] = [
        &|drive| drive.state != DriveState::Missing && has_device(drive, name),
        &|drive| is_serial(drive, name) || is_wwn(drive, name),
        &known,
        // The block device name of a missing drive may have been reassigned.
        &|drive| has_device(drive, name),
        &|drive| has_serial_fragment(drive, name),
    ];
    for matcher in matchers {
        let found: Vec<&DriveSummary> = overview.drives().filter(|drive| matcher(drive)).collect();
        match found.as_slice() {
            [] => {}
            [drive] => return Located::Drive(drive),
            several => return Located::Nothing(candidates(name, several)),
        }
    }
    let excluded = overview.excluded.iter().find(|drive| {
        drive.paths.iter().any(|path| path.as_str() == name)
            || equals_ignoring_case(drive.serial_number.as_deref(), name)
            || equals_ignoring_case(drive.wwn.as_deref(), name)
    });
    if let Some(drive) = excluded {
        let (device, entry) = (&drive.device, sanitize(&drive.excluded_by));
        return Located::Nothing(format!("{device} is excluded by JBOD_EXCLUDE ({entry})"));
    }
    Located::Nothing(format!(
        "no drive matches {}: give a block device, serial number, WWN, link, or ENCLOSURE/SLOT",
        sanitize(name)
    ))
}

/// By the name of a path, or of a partition on it (`sda1`, `nvme0n1p2`).
fn has_device(drive: &DriveSummary, name: &str) -> bool {
    drive.paths.iter().any(|path| name == path.as_str() || is_partition_of(path.as_str(), name))
}

fn is_partition_of(path: &str, name: &str) -> bool {
    let Some(rest) = name.strip_prefix(path) else { return false };
    let number = if path.starts_with("nvme") { rest.strip_prefix('p').unwrap_or_default() } else { rest };
    // The name of a disk behind a RAID controller (`sda-0`) ends in a number; it has no partitions.
    !path.contains('-') && (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn equals_ignoring_case(text: Option<&str>, name: &str) -> bool {
    text.is_some_and(|text| text.eq_ignore_ascii_case(name))
}

fn is_serial(drive: &DriveSummary, name: &str) -> bool {
    equals_ignoring_case(drive.serial_number.as_deref(), name)
}

/// With or without a prefix (`0x`, `naa.`, `eui.`, `wwn-0x`).
fn is_wwn(drive: &DriveSummary, name: &str) -> bool {
    fn digits(text: &str) -> &str {
        let prefixes = ["wwn-0x", "nvme-eui.", "naa.", "eui.", "0x", "0X"];
        prefixes.iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text)
    }
    equals_ignoring_case(drive.wwn.as_deref().map(digits), digits(strip_partition(name)))
}

/// The beginning or the end of its serial number, as read from a label.
fn has_serial_fragment(drive: &DriveSummary, name: &str) -> bool {
    let Some(serial) = drive.serial_number.as_deref() else { return false };
    if name.chars().count() < MIN_SERIAL_FRAGMENT {
        return false;
    }
    let (serial, name) = (serial.to_ascii_lowercase(), name.to_ascii_lowercase());
    serial.starts_with(&name) || serial.ends_with(&name)
}

/// The drive in `ENCLOSURE/SLOT`, where the enclosure is named by its id or by a name in sysfs.
fn in_bay<'a>(overview: &'a Overview, enclosure: &str, slot: &str) -> Located<'a> {
    let found = overview.enclosures.iter().find(|candidate| {
        candidate.id.eq_ignore_ascii_case(enclosure) || candidate.sysfs_names.iter().any(|name| name == enclosure)
    });
    let Some(enclosure) = found else {
        return Located::Nothing(format!(
            "no enclosure matches {}: give its id or a name under /sys/class/enclosure",
            sanitize(enclosure)
        ));
    };
    let (id, number) = (sanitize(&enclosure.id), sanitize(slot));
    let wanted = slot.parse::<u32>().ok();
    let has_label = |bay: &&SlotView| match bay.slot {
        Some(number) => Some(number) == wanted,
        None => bay.name == slot,
    };
    let Some(bay) = enclosure.slots.iter().find(has_label) else {
        return Located::Nothing(format!("enclosure {id} has no bay {number}"));
    };
    match &bay.drive {
        Some(drive) => Located::Drive(drive),
        None => Located::Nothing(why_no_drive(enclosure, bay, &format!("bay {number} of enclosure {id}"))),
    }
}

fn why_no_drive(enclosure: &EnclosureView, bay: &SlotView, place: &str) -> String {
    if let Some(device) = &bay.excluded {
        format!("{device}, in {place}, is excluded by JBOD_EXCLUDE")
    } else if enclosure.reports_empty(bay) {
        format!("{place} is empty")
    } else {
        format!("{place} is not reported as empty, but no drive is known in it")
    }
}

fn candidates(name: &str, drives: &[&DriveSummary]) -> String {
    let listed = drives.iter().take(MAX_LISTED).map(|drive| {
        let serial = sanitize(drive.serial_number.as_deref().unwrap_or("-"));
        format!("{} ({serial}, {})", devices(drive), bay(drive))
    });
    let more = drives.len().saturating_sub(MAX_LISTED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let listed = listed.collect::<Vec<_>>().join("; ");
    format!("{} matches {} drives: {listed}{more}", sanitize(name), drives.len())
}

fn bay(drive: &DriveSummary) -> String {
    let Some(enclosure) = &drive.enclosure else {
        return sanitize(drive.contradiction.as_deref().unwrap_or("in no bay"));
    };
    let mut text = format!("enclosure {} ", sanitize(enclosure));
    let _ = match (drive.slot, &drive.slot_name) {
        (Some(slot), _) => write!(text, "bay {slot}"),
        (None, Some(name)) => write!(text, "bay {}", sanitize(name)),
        (None, None) => write!(text, "in an unknown bay"),
    };
    if let Some(at) = drive.bay_as_of {
        let _ = write!(text, " (as of {at}, the shelf is missing)");
    }
    text
}

/// The drive in one line: block devices, bay, serial number, model, pool, verdict, and the first reason.
pub(crate) fn line(drive: &DriveSummary) -> String {
    let is_missing = drive.state == DriveState::Missing;
    let mut parts = vec![
        devices(drive),
        if is_missing && drive.enclosure.is_some() { format!("was in {}", bay(drive)) } else { bay(drive) },
        sanitize(drive.serial_number.as_deref().unwrap_or("-")),
        sanitize(drive.model_name.as_deref().unwrap_or("-")),
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
        // The line has `missing` already, but not why the drive was bad.
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
    fn a_name_may_have_a_folder() {
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
