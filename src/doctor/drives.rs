//! Findings about drives: why a drive has no bay, or no reading. Drives with the same reason share a line.

use super::finding::{DoctorFinding, Level, fail, ok, warn};
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

/// Maximum number of drives that are named on one line.
const MAX_NAMED: usize = 6;

pub(super) fn drives(host: &Host, collector: &Collector, overview: &Overview, tool: &Smartctl) -> Vec<DoctorFinding> {
    let inventory = collector.inventory();
    let here: Vec<&DriveSummary> = overview.drives().filter(|d| d.state != DriveState::Missing).collect();
    if here.is_empty() && !collector.excluded().is_empty() {
        return vec![warn(
            "no drives: JBOD_EXCLUDE leaves out every one",
            "an entry of JBOD_EXCLUDE that matches less",
        )];
    }
    if here.is_empty() {
        let remedy = "a look at dmesg and lsblk; in a container, passing /sys and the devices in";
        return vec![warn(
            format!("no drives: nothing that is a disk in {}", host.path("sys/block").display()),
            remedy,
        )];
    }
    let read = here.iter().filter(|d| d.collected_at.is_some()).count();
    let asleep = here.iter().filter(|d| d.state == DriveState::Standby).count();
    let counts = format!("{} drives: {read} read, {asleep} asleep", here.len());
    let none_read = tool.is_ok() && read == 0 && asleep == 0;
    let mut findings = vec![if none_read {
        fail(format!("{counts}: not one could be read"), "what is said of them below")
    } else {
        ok(counts)
    }];
    findings.extend(with_bay_by_other_source(inventory));
    findings.extend(without_bay(inventory, overview));
    // Without smartctl there is one reason for all, which has been reported.
    if tool.is_ok() {
        findings.extend(without_reading(inventory));
    }
    findings
}

/// Findings about the device types that are set.
pub(super) fn types(entries: &[TypeEntry], unused: &[String]) -> Vec<DoctorFinding> {
    if !unused.is_empty() {
        let what = format!("SMART_DEVICE_TYPES names no drive here, or one twice: {}", unused.join(", "));
        return vec![warn(what, "a kernel name, by-id name or serial number that scan shows, or taking the entry out")];
    }
    let all = entries.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if entries.is_empty() { Vec::new() } else { vec![ok(format!("SMART_DEVICE_TYPES is heeded: {all}"))] }
}

/// Drives whose bays no shelf shows.
fn with_bay_by_other_source(inventory: &Inventory) -> Vec<DoctorFinding> {
    let mut by_source: BTreeMap<BaySource, Vec<&str>> = BTreeMap::new();
    for record in inventory.present().filter(|record| record.bay.is_some()) {
        if let Some(source) = record.bay_source.filter(|source| *source != BaySource::Ses) {
            by_source.entry(source).or_default().push(record.drive.device.as_str());
        }
    }
    let finding = |(source, mut names): (BaySource, Vec<&str>)| {
        names.sort_by(|a, b| natural_cmp(a, b));
        let told_by = match source {
            BaySource::Ses => "a shelf",
            BaySource::SasDevice => "the HBA's driver (sas_device)",
            BaySource::PathInfo => "the controller's driver (path_info)",
            BaySource::PciSlot => "the hot-plug slots of PCI (pci_slot)",
        };
        ok(format!("{} in a bay that {told_by} reports, no shelf links it", subject(&names, "is", "are")))
    };
    by_source.into_iter().map(finding).collect()
}

fn without_bay(inventory: &Inventory, overview: &Overview) -> Vec<DoctorFinding> {
    let has_enclosures = !overview.enclosures.is_empty();
    let mut reasons: BTreeMap<(bool, String), Vec<&str>> = BTreeMap::new();
    for record in inventory.present().filter(|r| r.bay.is_none()) {
        let (as_it_should, why) = why_no_bay(&record.drive, has_enclosures);
        reasons.entry((as_it_should, why.to_owned())).or_default().push(record.drive.device.as_str());
    }
    let finding = |((as_it_should, why), mut names): ((bool, String), Vec<&str>)| {
        names.sort_by(|a, b| natural_cmp(a, b));
        let what = format!("{} in no bay: {why}", subject(&names, "is", "are"));
        if as_it_should {
            return DoctorFinding { level: Level::Ok, what, remedy: None };
        }
        let remedy = if has_enclosures {
            "the cable or the shelf, where the drive sits in one; nothing where it does not"
        } else {
            "what is said of enclosures above"
        };
        warn(what, remedy)
    };
    reasons.into_iter().map(finding).collect()
}

/// Why a drive is shown in no bay, and whether that is as it should be.
fn why_no_bay(drive: &Drive, has_enclosures: bool) -> (bool, &'static str) {
    match drive.attachment.transport() {
        _ if drive.raid_volume().is_some() => (true, "a shelf links to no disk behind a RAID controller"),
        Some(Transport::Nvme) => (true, "an NVMe drive is behind no SES processor"),
        Some(Transport::Raid) => (true, "a RAID volume is made up by its controller"),
        Some(Transport::Usb) => (true, "a USB box is no shelf"),
        Some(Transport::Iscsi) => (true, "an iSCSI volume is in another machine"),
        Some(Transport::Virtio) => (true, "a virtual disk is in no shelf"),
        Some(Transport::Fc) if !has_enclosures => (true, "a Fibre Channel volume is in another machine"),
        _ if has_enclosures => (false, "no bay of any enclosure links to its address"),
        _ => (false, "no enclosure is known"),
    }
}

fn without_reading(inventory: &Inventory) -> Vec<DoctorFinding> {
    let mut reasons: BTreeMap<String, Vec<(&DriveRecord, NoReading)>> = BTreeMap::new();
    let any = DeviceName::placeholder();
    for record in inventory.present().filter(|record| record.state != DriveState::Standby) {
        let Some(why) = record.why_no_reading() else { continue };
        let shared = without_nodes(&why, &record.drive, &any);
        reasons.entry(shared.to_string()).or_default().push((record, why));
    }
    reasons.iter().map(|(shared, drives)| no_reading(shared, drives)).collect()
}

/// The reason without the nodes of the drive, and with `device` for its name: with one name for all, drives with the same
/// reason share a line.
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
        let names: Vec<String> = drives.iter().map(|(record, _)| placed(record)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        return ok(format!("no reading of {}, which is no fault: {own}", subject(&names, "", "").trim_end()));
    }
    if why.names_its_drive() {
        return warn(own, remedy(why));
    }
    let names: Vec<String> = drives.iter().map(|(record, _)| placed(record)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    warn(format!("no reading of {}: {own}", subject(&names, "", "").trim_end()), remedy(why))
}

/// A RAID volume whose disks are listed: they are read instead of it.
fn has_disks(drive: &Drive) -> bool {
    !drive.raid_disks.is_empty()
}

/// Nodes first: `/dev/sg3` before `sg3`.
fn own_nodes(drive: &Drive) -> Vec<String> {
    let nodes = drive.paths.iter().map(|p| p.node.clone());
    nodes.chain(drive.paths.iter().map(|p| format!("/dev/{}", p.device))).collect()
}

/// `sdh (bay 7 of 0x5003…)`.
fn placed(record: &DriveRecord) -> String {
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
            return "running as root, or with CAP_SYS_RAWIO; else the SMART_DEVICE_TYPES that is named";
        }
        NoReading::RaidVolume(volume) => return remedy_of_volume(volume),
        NoReading::UnknownBridge { .. } | NoReading::UsbWithoutHealth { .. } => {
            return "the SMART_DEVICE_TYPES that is named; another box where it does not help";
        }
        NoReading::TimedOut { .. } | NoReading::Stuck { .. } | NoReading::HostSilent { .. } => {
            return "a look at the drive, its cable and dmesg; SMART_TIMEOUT where it is only slow";
        }
        NoReading::PathUnusable { .. } => {
            return "a look at its cable, IO module and HBA, and dmesg; then: echo running > /sys/block/DEVICE/device/state";
        }
        NoReading::ToolFailed(failure) => failure.cause,
        NoReading::Unidentified { cause, .. } => *cause,
        NoReading::NotInstalled
        | NoReading::NameReused { .. }
        | NoReading::WithoutHealth { .. }
        | NoReading::VolumeWithoutHealth { .. }
        | NoReading::Missing { .. } => Cause::Other,
        NoReading::NoNode { .. } => return "udev; in a container, passing the device in",
    };
    match cause {
        Cause::PermissionDenied => "running as root, or with CAP_SYS_RAWIO (SATA) and CAP_SYS_ADMIN (NVMe)",
        Cause::NoSuchDisk => {
            "the number of a disk that is there (smartctl --scan), or taking the entry out of SMART_DEVICE_TYPES"
        }
        Cause::NoSuchDevice => "a look at dmesg: the drive is going, or has gone",
        Cause::Other => "running smartctl -a on it by hand, and dmesg",
    }
}

fn remedy_of_volume(volume: &RaidVolume) -> &'static str {
    match volume.controller {
        Some(Controller::Cciss) => {
            "an entry in SMART_DEVICE_TYPES for each disk, N from 0 on (smartctl -i -d cciss,0 on it by hand shows which)"
        }
        Some(Controller::Megaraid) => {
            "an entry in SMART_DEVICE_TYPES for each disk; smartctl --scan lists their numbers"
        }
        None => "the controller's own tools, or a mode of it that passes disks through (HBA, IT, JBOD)",
    }
}
