//! Findings about drives: why a drive has no bay, or no reading. Drives with the same reason share a finding.

use super::finding::{DoctorFinding, fail, ok, warn};
use crate::api::drive_summary::DriveSummary;
use crate::api::overview::Overview;
use crate::collector::Collector;
use crate::config::TypeEntry;
use crate::domain::device_type::Controller;
use crate::domain::drive::{Drive, DriveState};
use crate::domain::enclosure::BaySource;
use crate::domain::identity::DeviceName;
use crate::domain::inventory::{DriveRecord, Inventory};
use crate::domain::no_reading::{Cause, NoReading, RaidVolume};
use crate::domain::text::natural_cmp;
use crate::domain::transport::Transport;
use crate::probe::Host;
use crate::probe::tools::Smartctl;
use std::collections::BTreeMap;

/// Maximum number of drives that are named in one finding.
const MAX_NAMED: usize = 6;

pub(super) fn drives(host: &Host, collector: &Collector, overview: &Overview, tool: &Smartctl) -> Vec<DoctorFinding> {
    let inventory = collector.inventory();
    let present: Vec<&DriveSummary> = overview.drives().filter(|drive| drive.state != DriveState::Missing).collect();
    if present.is_empty() && !collector.excluded().is_empty() {
        return vec![warn(
            "no drives: JBOD_EXCLUDE excludes all of them",
            "use entries in JBOD_EXCLUDE that match less",
        )];
    }
    if present.is_empty() {
        return vec![warn(
            format!("no drives: no disk in {}", host.path("sys/block").display()),
            "check dmesg and lsblk; in a container, pass /sys and the devices in",
        )];
    }
    let read = present.iter().filter(|drive| drive.collected_at.is_some()).count();
    let standby = present.iter().filter(|drive| drive.state == DriveState::Standby).count();
    let counts = format!("{} drives: {read} read, {standby} in standby", present.len());
    let none_read = tool.is_ok() && read == 0 && standby == 0;
    let mut findings = vec![if none_read {
        fail(format!("{counts}; no drive could be read"), "see the findings about drives below")
    } else {
        ok(counts)
    }];
    findings.extend(with_bay_by_other_source(inventory));
    findings.extend(without_bay(inventory, overview));
    // Without smartctl all drives have the same reason, which has been reported.
    if tool.is_ok() {
        findings.extend(without_reading(inventory));
    }
    findings
}

/// Findings about `SMART_DEVICE_TYPES`.
pub(super) fn types(entries: &[TypeEntry], unused: &[String]) -> Vec<DoctorFinding> {
    if !unused.is_empty() {
        return vec![warn(
            format!("SMART_DEVICE_TYPES matches no drive, or one drive more than once: {}", unused.join(", ")),
            "use a kernel name, by-id name or serial number that scan shows, or remove the entry",
        )];
    }
    if entries.is_empty() {
        return Vec::new();
    }
    let all = entries.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    vec![ok(format!("SMART_DEVICE_TYPES is in effect: {all}"))]
}

/// Drives whose bays are known from another source than a shelf.
fn with_bay_by_other_source(inventory: &Inventory) -> Vec<DoctorFinding> {
    let mut by_source: BTreeMap<BaySource, Vec<&str>> = BTreeMap::new();
    for record in inventory.present().filter(|record| record.bay.is_some()) {
        if let Some(source) = record.bay_source.filter(|source| *source != BaySource::Ses) {
            by_source.entry(source).or_default().push(record.drive.device.as_str());
        }
    }
    let mut findings = Vec::new();
    for (source, mut names) in by_source {
        names.sort_by(|left, right| natural_cmp(left, right));
        let source = match source {
            BaySource::Ses => "a shelf",
            BaySource::SasDevice => "the HBA's driver (sas_device)",
            BaySource::PathInfo => "the controller's driver (path_info)",
            BaySource::PciSlot => "the PCI hot-plug slots (pci_slot)",
        };
        findings.push(ok(format!("{} in a bay reported by {source}, not by a shelf", subject(&names, "is", "are"))));
    }
    findings
}

fn without_bay(inventory: &Inventory, overview: &Overview) -> Vec<DoctorFinding> {
    let has_enclosures = !overview.enclosures.is_empty();
    let mut reasons: BTreeMap<NoBay, Vec<&str>> = BTreeMap::new();
    for record in inventory.present().filter(|record| record.bay.is_none()) {
        reasons.entry(why_no_bay(&record.drive, has_enclosures)).or_default().push(record.drive.device.as_str());
    }
    let mut findings = Vec::new();
    for (reason, mut names) in reasons {
        names.sort_by(|left, right| natural_cmp(left, right));
        let drives = subject(&names, "is", "are");
        findings.push(match reason {
            NoBay::Unexpected(why) if has_enclosures => warn(
                format!("{drives} not in a bay: {why}"),
                "check the cable and the shelf if the drive is in one; otherwise none is needed",
            ),
            NoBay::Unexpected(why) => {
                warn(format!("{drives} not in a bay: {why}"), "see the finding about enclosures above")
            }
            NoBay::Expected(why) => ok(format!("{drives} not in a bay: {why}")),
        });
    }
    findings
}

/// Why a drive has no bay.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum NoBay {
    Unexpected(&'static str),
    Expected(&'static str),
}

fn why_no_bay(drive: &Drive, has_enclosures: bool) -> NoBay {
    if drive.raid_volume().is_some() {
        return NoBay::Expected("shelves do not link to disks behind a RAID controller");
    }
    match drive.attachment.transport() {
        Some(Transport::Nvme) => NoBay::Expected("NVMe drives are not behind a SES processor"),
        Some(Transport::Raid) => NoBay::Expected("a RAID volume is defined by its controller"),
        Some(Transport::Usb) => NoBay::Expected("a USB enclosure is not a shelf"),
        Some(Transport::Iscsi) => NoBay::Expected("an iSCSI volume is in another machine"),
        Some(Transport::Virtio) => NoBay::Expected("a virtual disk is not in a shelf"),
        Some(Transport::Fc) if !has_enclosures => NoBay::Expected("a Fibre Channel volume is in another machine"),
        _ if has_enclosures => NoBay::Unexpected("no bay of any enclosure links to its address"),
        _ => NoBay::Unexpected("no enclosure is known"),
    }
}

fn without_reading(inventory: &Inventory) -> Vec<DoctorFinding> {
    let mut reasons: BTreeMap<String, Vec<(&DriveRecord, NoReading)>> = BTreeMap::new();
    let placeholder = DeviceName::placeholder();
    for record in inventory.present().filter(|record| record.state != DriveState::Standby) {
        let Some(why) = record.why_no_reading() else { continue };
        let shared = without_nodes(&why, &record.drive, &placeholder);
        reasons.entry(shared.to_string()).or_default().push((record, why));
    }
    reasons.iter().map(|(shared, drives)| no_reading(shared, drives)).collect()
}

/// The reason without the nodes of the drive, and with `device` as its name: with the same name for all, drives with the
/// same reason share a finding.
fn without_nodes(why: &NoReading, drive: &Drive, device: &DeviceName) -> NoReading {
    let nodes = own_nodes(drive);
    let rename = |text: &str| nodes.iter().fold(text.to_owned(), |text, node| text.replace(node.as_str(), "the drive"));
    why.renamed(rename, device)
}

fn no_reading(shared: &str, drives: &[(&DriveRecord, NoReading)]) -> DoctorFinding {
    let Some((first, why)) = drives.first() else { return ok(shared) };
    let own = match drives {
        [_] => without_nodes(why, &first.drive, &first.drive.device).to_string(),
        _ => shared.to_owned(),
    };
    if drives.iter().all(|(record, _)| has_disks(&record.drive)) {
        return ok(own);
    }
    if drives.iter().all(|(record, _)| record.gives_no_health()) {
        return ok(format!("no reading of {}, as expected: {own}", names_with_bays(drives)));
    }
    if why.names_its_drive() {
        return warn(own, remedy(why));
    }
    warn(format!("no reading of {}: {own}", names_with_bays(drives)), remedy(why))
}

fn names_with_bays(drives: &[(&DriveRecord, NoReading)]) -> String {
    let names: Vec<String> = drives.iter().map(|(record, _)| name_with_bay(record)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    subject(&names, "", "").trim_end().to_owned()
}

/// Whether it is a RAID volume whose disks are listed and read instead of it.
fn has_disks(drive: &Drive) -> bool {
    !drive.raid_disks.is_empty()
}

/// The device nodes of the drive: those used for reading first, then those of its block devices.
fn own_nodes(drive: &Drive) -> Vec<String> {
    let mut nodes: Vec<String> = drive.paths.iter().map(|path| path.node.clone()).collect();
    nodes.extend(drive.paths.iter().map(|path| format!("/dev/{}", path.device)));
    nodes
}

/// `sdh (bay 7 of 0x5003…)`.
fn name_with_bay(record: &DriveRecord) -> String {
    let device = &record.drive.device;
    match &record.bay {
        Some(bay) => format!("{device} (bay {} of {})", bay.slot, bay.enclosure),
        None => device.to_string(),
    }
}

/// `sda is`, `12 drives (sda, sdb, …) are`.
fn subject(names: &[&str], singular: &str, plural: &str) -> String {
    match names {
        [name] => format!("{name} {singular}"),
        _ => {
            let listed = names.iter().take(MAX_NAMED).copied().collect::<Vec<_>>().join(", ");
            let more = if names.len() > MAX_NAMED { ", …" } else { "" };
            format!("{} drives ({listed}{more}) {plural}", names.len())
        }
    }
}

fn remedy(why: &NoReading) -> &'static str {
    let cause = match why {
        NoReading::NoPassThrough { .. } => {
            return "run as root, or with CAP_SYS_RAWIO; if that does not help, set SMART_DEVICE_TYPES as shown";
        }
        NoReading::RaidVolume(volume) => return remedy_of_volume(volume),
        NoReading::UnknownBridge { .. } | NoReading::UsbWithoutHealth { .. } => {
            return "set SMART_DEVICE_TYPES as shown; if that does not help, use another USB enclosure";
        }
        NoReading::TimedOut { .. } | NoReading::Stuck { .. } | NoReading::HostSilent { .. } => {
            return "check the drive, its cable and dmesg; raise SMART_TIMEOUT if the drive is only slow";
        }
        NoReading::PathUnusable { .. } => {
            return "check its cable, IO module and HBA, and dmesg; then echo running > /sys/block/DEVICE/device/state";
        }
        NoReading::ToolFailed(failure) => failure.cause,
        NoReading::Unidentified { cause, .. } => *cause,
        NoReading::NotInstalled
        | NoReading::NameReused { .. }
        | NoReading::WithoutHealth { .. }
        | NoReading::VolumeWithoutHealth { .. }
        | NoReading::Missing { .. } => Cause::Other,
        NoReading::NoNode { .. } => return "check udev; in a container, pass the device in",
    };
    match cause {
        Cause::PermissionDenied => "run as root, or with CAP_SYS_RAWIO (SATA) and CAP_SYS_ADMIN (NVMe)",
        Cause::NoSuchDisk => {
            "use the number of an existing disk (smartctl --scan), or remove the entry from SMART_DEVICE_TYPES"
        }
        Cause::NoSuchDevice => "check dmesg: the drive is being removed, or was removed",
        Cause::Other => "run smartctl -a on it by hand, and check dmesg",
    }
}

fn remedy_of_volume(volume: &RaidVolume) -> &'static str {
    match volume.controller {
        Some(Controller::Cciss) => {
            "add an entry to SMART_DEVICE_TYPES for each disk, N from 0 on (smartctl -i -d cciss,0 on it by hand shows which)"
        }
        Some(Controller::Megaraid) => {
            "add an entry to SMART_DEVICE_TYPES for each disk; smartctl --scan lists their numbers"
        }
        None => "use the controller's own tools, or a controller mode that passes disks through (HBA, IT, JBOD)",
    }
}
