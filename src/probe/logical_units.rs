//! Logical units: which groups of paths lead to units of one drive. Pure.
//!
//! Target port and unit serial number (VPD page 80h) belong to the device, the name of page 83h to the logical unit
//! (SAM-5, SPC-4). A drive with two actuators has two units behind one target.

use super::multipath::{DiscoveredPath, PathGroup, is_placeholder_serial};
use crate::domain::drive::{DrivePath, LogicalUnit};
use crate::domain::identity::DeviceName;
use crate::domain::transport::{Attachment, Transport};
use std::collections::HashMap;

/// Digits of an NAA 5 name that identify the manufacturer: the type and the OUI (SPC-4, NAA IEEE Registered
/// designator).
const MANUFACTURER_DIGITS: usize = 7;
/// Digits of an NAA 6 name before its extension, and digits of the extension that number the unit (SPC-4, NAA IEEE
/// Registered Extended designator).
const IDENTIFIER_DIGITS: usize = 16;
const UNIT_DIGITS: usize = 4;

/// The units of each drive, by LUN. Units of different drives are never joined.
pub(super) fn join(groups: Vec<PathGroup>) -> Vec<Vec<PathGroup>> {
    let mut drives: Vec<Vec<PathGroup>> = Vec::new();
    let mut by_serial: HashMap<String, Vec<usize>> = HashMap::new();
    for group in groups {
        let Some(serial) = group.primary.identity.unit_serial.as_ref().map(ToString::to_string) else {
            drives.push(vec![group]);
            continue;
        };
        let candidates = by_serial.entry(serial).or_default();
        let index = drive_of_unit(&drives, candidates, &group).unwrap_or(drives.len());
        match drives.get_mut(index) {
            Some(units) => units.push(group),
            None => {
                candidates.push(index);
                drives.push(vec![group]);
            }
        }
    }
    for units in &mut drives {
        units.sort_by_key(|unit| (lun(&unit.primary.path), unit.position));
    }
    drives
}

/// The candidate that has a unit of the same drive.
fn drive_of_unit(drives: &[Vec<PathGroup>], candidates: &[usize], group: &PathGroup) -> Option<usize> {
    candidates.iter().copied().find(|index| {
        let mut units = drives.get(*index).into_iter().flatten();
        units.any(|unit| are_units_of_one_drive(unit, group))
    })
}

/// One serial number, one manufacturer, and two names behind one target. Volumes of a storage array have names of
/// another form, and drives in a USB enclosure are never units of one drive.
fn are_units_of_one_drive(one: &PathGroup, other: &PathGroup) -> bool {
    let (first, second) = (&one.primary, &other.primary);
    let Some(serial) = first.identity.unit_serial.as_deref() else { return false };
    let has_same_serial = second.identity.unit_serial.as_deref() == Some(serial) && !is_placeholder_serial(serial);
    has_same_serial
        && first.vendor == second.vendor
        && first.model == second.model
        && may_have_units(first)
        && may_have_units(second)
        && first.identity.wwid != second.identity.wwid
        && common_part(first).is_some()
        && common_part(first) == common_part(second)
        && one.paths().any(|path| other.paths().any(|another| share_target(&path.path, &another.path)))
}

fn may_have_units(path: &DiscoveredPath) -> bool {
    matches!(path.attachment, Attachment::Scsi(None | Some(Transport::Sas)))
}

/// The part of a name that all units of a drive share: in an NAA 5 name, type and OUI; in an NAA 6 name, everything but
/// the extension, if that consists of the number of the unit and zeros, as on dual-actuator drives (`6000c500d9660000`,
/// then `0000000000000000` and `0001000000000000`). The volumes of an array share that part, too, but are numbered
/// otherwise.
fn common_part(path: &DiscoveredPath) -> Option<&str> {
    let digits = path.identity.wwid.as_deref()?.strip_prefix("naa.")?;
    match digits.as_bytes().first()? {
        b'5' => digits.get(..MANUFACTURER_DIGITS),
        b'6' => {
            let (identifier, extension) = digits.split_at_checked(IDENTIFIER_DIGITS)?;
            let (_unit, rest) = extension.split_at_checked(UNIT_DIGITS)?;
            let is_unit_number =
                rest.len() == IDENTIFIER_DIGITS - UNIT_DIGITS && rest.bytes().all(|digit| digit == b'0');
            if !is_unit_number {
                return None;
            }
            Some(identifier)
        }
        _ => None,
    }
}

/// Two LUNs of one `host:channel:target`.
fn share_target(one: &DrivePath, other: &DrivePath) -> bool {
    let (Some((target, lun)), Some((other_target, other_lun))) =
        (one.address.rsplit_once(':'), other.address.rsplit_once(':'))
    else {
        return false;
    };
    target == other_target && lun != other_lun
}

/// The last number of a SCSI address, or the number of the namespace in `nvme0n2`.
fn lun(path: &DrivePath) -> Option<u64> {
    match path.host {
        Some(_) => path.address.rsplit_once(':')?.1.parse().ok(),
        None => path.device.as_str().rsplit_once('n')?.1.parse().ok(),
    }
}

/// The units of a drive, and its paths with the unit that each leads to.
pub(super) fn of(groups: &[PathGroup]) -> (Vec<LogicalUnit>, Vec<DrivePath>) {
    let (mut units, mut paths): (Vec<LogicalUnit>, Vec<DrivePath>) = (Vec::new(), Vec::new());
    for group in groups {
        let is_nvme = group.primary.path.host.is_none();
        let mut found: Vec<&DiscoveredPath> = group.paths().collect();
        found.sort_by(|one, other| one.path.device.cmp(&other.path.device));
        if is_nvme {
            // Each namespace is a unit of its own.
            for namespace in namespaces(&found) {
                paths.extend(namespace.iter().map(|path| DrivePath { unit: units.len(), ..path.path.clone() }));
                units.extend(namespace.first().map(|first| unit(first, &namespace)));
            }
        } else {
            paths.extend(found.iter().map(|path| DrivePath { unit: units.len(), ..path.path.clone() }));
            units.push(unit(&group.primary, &found));
        }
    }
    (units, paths)
}

/// The paths to each namespace: one for each controller, with one block device for all controllers or one for each.
fn namespaces<'a>(paths: &[&'a DiscoveredPath]) -> Vec<Vec<&'a DiscoveredPath>> {
    let mut namespaces: Vec<Vec<&DiscoveredPath>> = Vec::new();
    for path in paths {
        match namespaces.iter_mut().find(|known| known.first().is_some_and(|first| is_same_namespace(first, path))) {
            Some(namespace) => namespace.push(path),
            None => namespaces.push(vec![path]),
        }
    }
    namespaces
}

fn is_same_namespace(known: &DiscoveredPath, other: &DiscoveredPath) -> bool {
    let has_same_wwid = known.identity.wwid.is_some() && known.identity.wwid == other.identity.wwid;
    known.path.device == other.path.device || has_same_wwid
}

/// `primary`: the path with the most complete identity.
fn unit(primary: &DiscoveredPath, paths: &[&DiscoveredPath]) -> LogicalUnit {
    LogicalUnit {
        device: primary.path.device.clone(),
        paths: devices(paths.iter().map(|path| &path.path)),
        lun: lun(&primary.path),
        size_bytes: paths.iter().filter_map(|path| path.size_bytes).max(),
        wwid: primary.identity.wwid.clone(),
    }
}

/// The size of a drive. `None` if the size of a unit is unknown, or if all are 0.
pub(super) fn total_bytes(units: &[LogicalUnit]) -> Option<u64> {
    let mut total: u64 = 0;
    for unit in units {
        total = total.saturating_add(unit.size_bytes?);
    }
    Some(total).filter(|bytes| *bytes > 0)
}

/// The block devices of paths, each once, since the controllers of an NVMe subsystem share one.
fn devices<'a>(paths: impl Iterator<Item = &'a DrivePath>) -> Vec<DeviceName> {
    let mut devices: Vec<DeviceName> = Vec::new();
    for path in paths {
        if !devices.contains(&path.device) {
            devices.push(path.device.clone());
        }
    }
    devices
}
