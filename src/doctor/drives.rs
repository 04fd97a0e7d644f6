//! Drives, where something of one is missing: why it has no bay, why there is no reading of it.
//! Drives with the same reason share a line.

use super::finding::{Finding, Level, fail, ok, warn};
use crate::model::drive::{Drive, DriveSummary, State};
use crate::model::fleet::Fleet;
use crate::model::overview::Overview;
use crate::probe::Host;
use crate::probe::tools::Smartctl;
use std::collections::{BTreeMap, HashMap};

/// Drives that are named on one line.
const NAMED: usize = 6;

pub(super) fn drives(host: &Host, fleet: &Fleet, overview: &Overview, tool: &Smartctl) -> Vec<Finding> {
    let here: Vec<&DriveSummary> = overview.drives().filter(|d| d.state != State::Missing).collect();
    if here.is_empty() {
        let mend = "a look at dmesg and lsblk; in a container, passing /sys and the devices in";
        return vec![warn(format!("no drives: nothing that is a disk in {}", host.path("sys/block").display()), mend)];
    }
    let read = here.iter().filter(|d| d.collected_at.is_some()).count();
    let asleep = here.iter().filter(|d| d.state == State::Standby).count();
    let counts = format!("{} drives: {read} read, {asleep} asleep", here.len());
    let none_read = tool.is_ok() && read == 0 && asleep == 0;
    let mut findings = vec![if none_read {
        fail(format!("{counts}: not one could be read"), "what is said of them below")
    } else {
        ok(counts)
    }];
    findings.extend(without_bay(host, fleet, overview));
    // Without smartctl there is one reason for all, which has been said.
    if tool.is_ok() {
        findings.extend(without_reading(fleet, &here));
    }
    findings
}

fn without_bay(host: &Host, fleet: &Fleet, overview: &Overview) -> Vec<Finding> {
    let has_enclosures = !overview.enclosures.is_empty();
    let mut reasons: BTreeMap<(bool, String), Vec<&str>> = BTreeMap::new();
    for record in fleet.present().filter(|r| r.bay.is_none()) {
        let why = why_no_bay(host, &record.drive, has_enclosures);
        reasons.entry((record.drive.is_nvme(), why)).or_default().push(record.drive.device.as_str());
    }
    let finding = |((is_nvme, why), names): ((bool, String), Vec<&str>)| {
        let what = format!("{} in no bay: {why}", subject(&names, "is", "are"));
        if is_nvme {
            return Finding { level: Level::Ok, what, mended_by: None };
        }
        let mend = if has_enclosures {
            "the cable or the shelf, where the drive sits in one; nothing where it does not"
        } else {
            "what is said of enclosures above"
        };
        warn(what, mend)
    };
    reasons.into_iter().map(finding).collect()
}

/// Why a drive is shown in no bay.
fn why_no_bay(_host: &Host, drive: &Drive, has_enclosures: bool) -> String {
    let why = match (drive.is_nvme(), has_enclosures) {
        (true, _) => "an NVMe drive is behind no SES processor",
        (false, true) => "no bay of any enclosure links to its address",
        (false, false) => "no enclosure is known",
    };
    why.to_owned()
}

fn without_reading(fleet: &Fleet, here: &[&DriveSummary]) -> Vec<Finding> {
    let drives: HashMap<&str, &Drive> = fleet.present().map(|r| (r.drive.device.as_str(), &r.drive)).collect();
    let mut reasons: BTreeMap<String, Vec<&DriveSummary>> = BTreeMap::new();
    for summary in here.iter().filter(|d| d.state != State::Standby) {
        let Some(error) = &summary.error else { continue };
        let names = drives.get(summary.device.as_str()).map(|d| own_names(d)).unwrap_or_default();
        // The same trouble of many drives differs in their names only.
        let why = names.iter().fold(error.clone(), |text, name| text.replace(name.as_str(), "the drive"));
        reasons.entry(why).or_default().push(summary);
    }
    let finding = |(why, all): (String, Vec<&DriveSummary>)| {
        let names: Vec<String> = all.iter().map(|d| placed(d)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        warn(format!("no reading of {}: {why}", subject(&names, "", "").trim_end()), mend(&why))
    };
    reasons.into_iter().map(finding).collect()
}

/// Nodes first: `/dev/sg3` before `sg3`.
fn own_names(drive: &Drive) -> Vec<String> {
    let nodes = drive.paths.iter().map(|p| p.node.clone());
    nodes.chain(drive.paths.iter().map(|p| format!("/dev/{}", p.device))).collect()
}

/// `sdh (bay 7 of 0x5003…)`.
fn placed(drive: &DriveSummary) -> String {
    match (&drive.enclosure, drive.slot) {
        (Some(enclosure), Some(slot)) => format!("{} (bay {slot} of {enclosure})", drive.device),
        _ => drive.device.to_string(),
    }
}

/// `sda is`, `12 drives (sda, sdb, …) are`.
fn subject(names: &[&str], one: &str, many: &str) -> String {
    match names {
        [name] => format!("{name} {one}"),
        _ => {
            let some = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
            let more = if names.len() > NAMED { ", …" } else { "" };
            format!("{} drives ({some}{more}) {many}", names.len())
        }
    }
}

fn mend(why: &str) -> &'static str {
    let has = |text: &str| why.contains(text);
    if has("Permission denied") || has("Operation not permitted") {
        "running as root, or with CAP_SYS_RAWIO (SATA) and CAP_SYS_ADMIN (NVMe)"
    } else if has("ATA pass-through") {
        "CAP_SYS_RAWIO; behind a USB bridge or an old HBA, smartctl -d sat by hand shows whether it passes ATA through"
    } else if has("no answer within") || has("hangs") {
        "a look at the drive, its cable and dmesg; SMART_TIMEOUT where it is only slow"
    } else if has("No such device") {
        "a look at dmesg: the drive is going, or has gone"
    } else {
        "running smartctl -a on it by hand, and dmesg"
    }
}
