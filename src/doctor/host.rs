//! Findings about the host: tools, kernel modules, enclosures, and the permissions of this process.

use super::finding::{DoctorFinding, fail, ok, warn};
use crate::api::overview::Overview;
use crate::domain::drive::Drive;
use crate::domain::enclosure::{Enclosure, EnclosureProblem};
use crate::domain::identity::EnclosureId;
use crate::domain::inventory::Inventory;
use crate::domain::smart::Protocol;
use crate::domain::transport::Transport;
use crate::domain::zfs::{Zfs, ZfsState};
use crate::probe::Host;
use crate::probe::host_checks::{self, Rights};
use crate::probe::tools::{RECOMMENDED, Smartctl};
use std::io::ErrorKind;

pub(super) fn smartctl(tool: &Smartctl) -> Vec<DoctorFinding> {
    let finding = match tool {
        Smartctl::Ok { version, .. } if *version < RECOMMENDED => warn(
            format!("{tool}: versions before {RECOMMENDED} report less about SAS drives, and grown defects in bytes"),
            format!("install smartmontools {RECOMMENDED} or later"),
        ),
        Smartctl::Ok { .. } => ok(tool.to_string()),
        _ => fail(tool.to_string(), tool.remedy()),
    };
    vec![finding]
}

/// A host without ZFS is not a warning.
pub(super) fn pools(host: &Host, zfs: &Zfs, version: Option<&str>) -> Vec<DoctorFinding> {
    let loaded = host_checks::kernel(host).zfs;
    let Some(path) = &host.zpool else {
        return vec![if loaded {
            warn(
                "the zfs module is loaded, but zpool was not found: pools are not shown",
                "install zpool (apt-get install zfsutils-linux), or set ZPOOL_PATH",
            )
        } else {
            ok("no ZFS: zpool is not installed, and the zfs module is not loaded")
        }];
    };
    let name = format!("zpool {} ({})", version.unwrap_or("of unknown version"), path.display());
    let finding = match (&zfs.error, zfs.state) {
        (Some(error), _) if !path.exists() => fail(
            format!("zpool is not at {}: {error}", path.display()),
            "set ZPOOL_PATH, or install zpool (apt-get install zfsutils-linux)",
        ),
        (Some(error), _) => fail(format!("{name}: {error}"), "run zpool status by hand as the same user"),
        (None, ZfsState::NotInstalled) => warn(
            format!("{name}, but the zfs module is not loaded (no /dev/zfs): pools are not shown"),
            "modprobe zfs; none is needed on a host without pools",
        ),
        (None, _) => {
            let leaves = zfs.leaves().count();
            ok(format!("{name}: {} pools with {leaves} members", zfs.pools.len()))
        }
    };
    let mut unmatched: Vec<&str> = Vec::new();
    for (_, _, leaf) in zfs.leaves() {
        if leaf.device.is_none() && leaf.was.is_none() && !leaf.excluded {
            unmatched.push(leaf.name.as_str());
        }
    }
    let mut findings = vec![finding];
    let excluded = zfs.leaves().filter(|(_, _, leaf)| leaf.excluded).count();
    if excluded > 0 {
        findings.push(ok(format!("{excluded} pool members are drives excluded by JBOD_EXCLUDE")));
    }
    if !unmatched.is_empty() {
        findings.push(warn(
            format!("{} pool members match no drive of this host: {}", unmatched.len(), first_of(&unmatched)),
            "check them with zpool status -P; /api/zfs lists them as unmatched",
        ));
    }
    findings
}

pub(super) fn enclosures(host: &Host, overview: &Overview, enclosures: &[Enclosure]) -> Vec<DoctorFinding> {
    let kernel = host_checks::kernel(host);
    if overview.enclosures.is_empty() {
        let what = "no enclosure is known: drives are shown without bays";
        return vec![match (kernel.enclosure_devices, kernel.ses) {
            (0, true) => warn(
                format!("{what}; module ses is loaded, but no device is an enclosure"),
                "none is needed if the backplane has no SES processor; otherwise check the cable and the HBA's settings \
                 (SES passes in IT mode)",
            ),
            (0, false) => warn(
                format!("{what}; module ses is not loaded, and no device is an enclosure"),
                "modprobe ses; none is needed if the backplane has no SES processor",
            ),
            (devices, false) => fail(
                format!("{what}; {devices} devices are enclosures, but module ses is not loaded"),
                "modprobe ses, and add ses to /etc/modules-load.d/jbod.conf",
            ),
            (devices, true) => fail(
                format!("{what}; {devices} devices are enclosures, but module ses did not bind to them"),
                "check dmesg | grep ses; then modprobe -r ses and modprobe ses",
            ),
        }];
    }
    let bays: usize = overview.enclosures.iter().map(|enclosure| enclosure.slots.len()).sum();
    let occupied = overview.totals.slots_occupied;
    let mut findings =
        vec![ok(format!("{} enclosures with {bays} bays, {occupied} occupied", overview.enclosures.len()))];
    for enclosure in enclosures {
        if let Some(problem) = &enclosure.error {
            findings.push(warn(format!("enclosure {}: {problem}", enclosure.id), remedy(problem, overview)));
        }
    }
    findings
}

/// Bays and shelves about which sysfs contradicts itself or the shelf.
pub(super) fn contradictions<'a>(
    overview: &Overview,
    repeated_ids: impl Iterator<Item = &'a EnclosureId>,
) -> Vec<DoctorFinding> {
    let mut findings: Vec<DoctorFinding> = repeated_ids.map(|id| repeated_id(id, overview)).collect();
    for enclosure in overview.enclosures.iter().filter(|enclosure| !enclosure.sysfs_names.is_empty()) {
        let without_number: Vec<&str> =
            enclosure.slots.iter().filter(|slot| slot.slot.is_none()).map(|slot| slot.name.as_str()).collect();
        if !without_number.is_empty() {
            findings.push(warn(
                format!(
                    "enclosure {}: bays without a number: {} ({}): the shelf reports one number for several bays, and their \
                     names are ambiguous",
                    enclosure.id,
                    without_number.len(),
                    first_of(&without_number)
                ),
                "update the firmware of the shelf; until then the bays are shown by name",
            ));
        }
        for slot in &enclosure.slots {
            if let Some(contradiction) = &slot.contradiction {
                findings.push(warn(
                    format!("enclosure {} bay {}: {contradiction}", enclosure.id, slot.label()),
                    "check the serial number on the drive's label before it is pulled; modprobe -r ses and modprobe ses \
                     create the links of the bays again",
                ));
            }
        }
    }
    findings
}

fn repeated_id(id: &EnclosureId, overview: &Overview) -> DoctorFinding {
    let prefix = format!("{id}-");
    let ids = overview.enclosures.iter().map(|enclosure| enclosure.id.as_str());
    let names: Vec<&str> = ids.filter(|name| *name == id.as_str() || name.starts_with(&prefix)).collect();
    warn(
        format!(
            "several shelves report the id {id}: they are listed as {}, and those without a persistent name by their SCSI \
             address",
            names.join(", ")
        ),
        "none is needed if these are separate shelves; settings for an enclosure must use its new name",
    )
}

/// `a, b, …`
fn first_of(names: &[&str]) -> String {
    let listed = names.iter().take(4).copied().collect::<Vec<_>>().join(", ");
    if names.len() > 4 { format!("{listed}, …") } else { listed }
}

fn remedy(problem: &EnclosureProblem, overview: &Overview) -> &'static str {
    match problem {
        EnclosureProblem::Missing { .. } => {
            "check the shelf's power, its IO modules and their cables; a shelf that was removed is forgotten after a day"
        }
        EnclosureProblem::Silent { .. } => {
            "check the shelf's IO module and its cable; bays and drives do not depend on it"
        }
        EnclosureProblem::Unlinked { .. } if has_raid_volume(overview) => {
            "set the controller to a mode that passes disks through (HBA, IT, JBOD): the kernel links no RAID volume to a \
             bay"
        }
        EnclosureProblem::Unlinked { .. } => {
            "modprobe -r ses and modprobe ses, which reads the SAS address of each bay again; this does not help if the \
             HBA's driver hides the addresses of drives"
        }
    }
}

fn has_raid_volume(overview: &Overview) -> bool {
    overview.unslotted.iter().any(|drive| drive.transport == Some(Transport::Raid))
}

/// The device nodes through which drives are read.
pub(super) fn nodes(host: &Host, inventory: &Inventory) -> Vec<DoctorFinding> {
    // A disk behind a RAID volume is read through the volume's node.
    let present = inventory.present().map(|record| &*record.drive);
    let drives: Vec<&Drive> = present.filter(|drive| drive.raid_volume().is_none()).collect();
    let mut findings = Vec::new();
    findings.extend(without_sg_node(host, &drives));
    let mut absent = Vec::new();
    let mut inaccessible = Vec::new();
    for drive in &drives {
        match host_checks::inaccessible_node(host, drive) {
            Some((node, error)) if error.kind() == ErrorKind::NotFound => absent.push((node, error)),
            Some(failed) => inaccessible.push(failed),
            None => {}
        }
    }
    // In a container the kernel shows all drives of the host, also those whose devices were not passed in on purpose.
    let is_any_reachable = drives.len() > inaccessible.len() + absent.len();
    if !is_any_reachable {
        inaccessible.append(&mut absent);
    }
    if let Some((node, _)) = absent.first() {
        findings.push(ok(format!(
            "{} drives have no node in /dev and are not read, {node} first (pass the devices in to have them read, or \
             exclude them with JBOD_EXCLUDE)",
            absent.len()
        )));
    }
    if let Some((node, error)) = inaccessible.first() {
        findings.push(fail(
            format!("the nodes of {} drives cannot be opened, {node} first: {error}", inaccessible.len()),
            remedy_of_node(error.kind()),
        ));
    } else if inventory.present().next().is_some() {
        let nodes: usize = drives.iter().map(|drive| drive.paths.len()).sum();
        findings.push(ok(format!("{nodes} device nodes can be opened")));
    }
    findings
}

fn without_sg_node(host: &Host, drives: &[&Drive]) -> Option<DoctorFinding> {
    let has_sd_node = |drive: &Drive| drive.paths.iter().any(|path| path.node.starts_with("/dev/sd"));
    let count = drives.iter().filter(|drive| has_sd_node(drive)).count();
    if count == 0 {
        return None;
    }
    let why = if host_checks::kernel(host).sg { "although module sg is loaded" } else { "module sg is not loaded" };
    Some(warn(
        format!("{count} drives have no sg node ({why}): a smartctl that hangs on them cannot be killed"),
        "modprobe sg, and add sg to /etc/modules-load.d/jbod.conf",
    ))
}

fn remedy_of_node(error: ErrorKind) -> &'static str {
    match error {
        ErrorKind::PermissionDenied => {
            "run as root, or as a user in group disk (in a container, with the devices passed in)"
        }
        ErrorKind::NotFound => {
            "check udev, or in a container pass the devices in: the kernel has the drive, /dev does not"
        }
        _ => "run as root; dmesg shows details",
    }
}

/// The permissions of the process, as far as the present drives need them.
pub(super) fn rights(host: &Host, overview: &Overview) -> Vec<DoctorFinding> {
    if host_checks::is_simulated(host) {
        return vec![ok(format!("permissions are not checked: JBOD_ROOT is {}", host.root.display()))];
    }
    let Some(Rights { uid, rawio, admin }) = host_checks::rights() else {
        return vec![warn("/proc/self/status does not show the permissions of this process", "mount /proc")];
    };
    let user = if uid == 0 { "root".to_owned() } else { format!("uid {uid}") };
    let mut findings = Vec::new();
    for (protocol, kind, has, name) in
        [(Protocol::Ata, "SATA", rawio, "CAP_SYS_RAWIO"), (Protocol::Nvme, "NVMe", admin, "CAP_SYS_ADMIN")]
    {
        let count = overview.drives().filter(|drive| drive.protocol == Some(protocol)).count();
        if count > 0 && !has {
            let remedy =
                format!("run as root, or set AmbientCapabilities={name} in the unit (in a container, --cap-add)");
            findings.push(fail(format!("runs as {user} without {name}, which {count} {kind} drives need"), remedy));
        }
    }
    if findings.is_empty() {
        findings.push(ok(format!("runs as {user}, with all permissions that the drives need")));
    }
    findings
}
