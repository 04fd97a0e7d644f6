//! Findings about the host: tools, kernel modules, enclosures, and the rights of this process.

use super::finding::{DoctorFinding, fail, ok, warn};
use crate::api::overview::Overview;
use crate::domain::enclosure::{Enclosure, EnclosureProblem};
use crate::domain::identity::EnclosureId;
use crate::domain::inventory::Inventory;
use crate::domain::smart::Protocol;
use crate::domain::transport::Transport;
use crate::domain::zfs::{Zfs, ZfsState};
use crate::probe::Host;
use crate::probe::host_checks::{self, Rights};
use crate::probe::tools::{RECOMMENDED, Smartctl};

pub(super) fn smartctl(tool: &Smartctl) -> Vec<DoctorFinding> {
    let finding = match tool {
        Smartctl::Ok { version, .. } if *version < RECOMMENDED => warn(
            format!("{tool}: before {RECOMMENDED} it gives less for SAS drives, and grown defects in bytes"),
            format!("installing smartmontools {RECOMMENDED} or later"),
        ),
        Smartctl::Ok { .. } => ok(tool.to_string()),
        _ => fail(tool.to_string(), tool.remedy()),
    };
    vec![finding]
}

/// ZFS is not wanted everywhere: that it is not there is no fault.
pub(super) fn pools(host: &Host, zfs: &Zfs, version: Option<&str>) -> Vec<DoctorFinding> {
    let loaded = host_checks::kernel(host).zfs;
    let Some(path) = &host.zpool else {
        return vec![if loaded {
            warn(
                "ZFS is loaded, but zpool was not found: no pools are shown",
                "apt-get install zfsutils-linux, or set ZPOOL_PATH",
            )
        } else {
            ok("no ZFS here: no zpool, and the kernel has no zfs module loaded")
        }];
    };
    let name = format!("zpool {} ({})", version.unwrap_or("of unknown version"), path.display());
    let finding = match (&zfs.error, zfs.state) {
        (Some(error), _) if !path.exists() => fail(
            format!("zpool is not at {}: {error}", path.display()),
            "set ZPOOL_PATH, or apt-get install zfsutils-linux",
        ),
        (Some(error), _) => fail(format!("{name}: {error}"), "running zpool status by hand, as the same user"),
        (None, ZfsState::NotInstalled) => warn(
            format!("{name}, but the kernel runs no ZFS (no /dev/zfs): no pools are shown"),
            "modprobe zfs; nothing is needed on a host without pools",
        ),
        (None, _) => {
            let leaves = zfs.leaves().count();
            ok(format!("{name}: {} pools with {leaves} members", zfs.pools.len()))
        }
    };
    let unmatched: Vec<&str> = zfs
        .leaves()
        .filter(|(_, _, l)| l.device.is_none() && l.was.is_none() && !l.excluded)
        .map(|(_, _, l)| l.name.as_str())
        .collect();
    let mut findings = vec![finding];
    let excluded = zfs.leaves().filter(|(_, _, leaf)| leaf.excluded).count();
    if excluded > 0 {
        findings.push(ok(format!("{excluded} pool members are drives that JBOD_EXCLUDE leaves out")));
    }
    if !unmatched.is_empty() {
        findings.push(warn(
            format!("{} pool members are no drive that is here: {}", unmatched.len(), first_of(&unmatched)),
            "looking at them with zpool status -P; /api/zfs lists them as unmatched",
        ));
    }
    findings
}

pub(super) fn enclosures(host: &Host, overview: &Overview, enclosures: &[Enclosure]) -> Vec<DoctorFinding> {
    let kernel = host_checks::kernel(host);
    if overview.enclosures.is_empty() {
        let what = "no enclosure is known: every drive is shown in no bay";
        return vec![match (kernel.enclosure_devices, kernel.ses) {
            (0, true) => warn(
                format!("{what}; module ses is loaded, but no device calls itself an enclosure"),
                "nothing where the backplane has no SES processor; else the cable, or the HBA's settings (SES passes in IT mode)",
            ),
            (0, false) => warn(
                format!("{what}; module ses is not loaded, and no device calls itself an enclosure"),
                "modprobe ses; nothing where the backplane has no SES processor",
            ),
            (devices, false) => fail(
                format!("{what}; {devices} devices are enclosures, but module ses is not loaded"),
                "modprobe ses, and ses in /etc/modules-load.d/jbod.conf",
            ),
            (devices, true) => fail(
                format!("{what}; {devices} devices are enclosures, but module ses did not take them"),
                "dmesg | grep ses; modprobe -r ses and modprobe ses",
            ),
        }];
    }
    let bays: usize = overview.enclosures.iter().map(|e| e.slots.len()).sum();
    let full = overview.totals.slots_occupied;
    let mut findings = vec![ok(format!("{} enclosures with {bays} bays, {full} in use", overview.enclosures.len()))];
    for enclosure in enclosures {
        if let Some(problem) = &enclosure.error {
            findings.push(warn(format!("enclosure {}: {problem}", enclosure.id), remedy(problem, overview)));
        }
    }
    findings
}

/// Bays and shelves about which sysfs contradicts itself, or the shelf.
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
                    "enclosure {}: bays without a number: {} ({}): the shelf gives one number to several, and the names do \
                     not decide",
                    enclosure.id,
                    without_number.len(),
                    first_of(&without_number)
                ),
                "an update of the shelf's firmware; the bays are shown by name",
            ));
        }
        for slot in &enclosure.slots {
            if let Some(contradiction) = &slot.contradiction {
                findings.push(warn(
                    format!("enclosure {} bay {}: {contradiction}", enclosure.id, slot.label()),
                    "the drive's serial number on its label, before it is pulled; modprobe -r ses and modprobe ses link \
                     the bays anew",
                ));
            }
        }
    }
    findings
}

fn repeated_id(id: &EnclosureId, overview: &Overview) -> DoctorFinding {
    let begins = format!("{id}-");
    let names: Vec<&str> = overview
        .enclosures
        .iter()
        .map(|enclosure| enclosure.id.as_str())
        .filter(|name| *name == id.as_str() || name.starts_with(&begins))
        .collect();
    warn(
        format!(
            "several shelves report the id {id}: they are listed as {}, and those without a name that stays by their SCSI address",
            names.join(", ")
        ),
        "nothing, where each is meant to be listed alone; settings for an enclosure must use its new name",
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
            "a look at the shelf's power, its IO modules and their cables; a shelf that was removed is forgotten after a day"
        }
        EnclosureProblem::Silent { .. } => {
            "a look at the shelf's IO module and its cable; bays and drives do not depend on it"
        }
        EnclosureProblem::Unlinked { .. } if has_raid_volume(overview) => {
            "a mode of the controller that passes disks through (HBA, IT, JBOD): the kernel links no RAID volume to a bay"
        }
        EnclosureProblem::Unlinked { .. } => {
            "modprobe -r ses and modprobe ses: the shelf is asked anew which SAS address is in which bay; it does not help \
             where the HBA's driver hides the addresses of drives"
        }
    }
}

fn has_raid_volume(overview: &Overview) -> bool {
    overview.unslotted.iter().any(|drive| drive.transport == Some(Transport::Raid))
}

/// By which nodes drives are reached.
pub(super) fn nodes(host: &Host, inventory: &Inventory) -> Vec<DoctorFinding> {
    let mut findings = Vec::new();
    let without_sg = inventory
        .present()
        .filter(|r| r.drive.raid_volume().is_none() && r.drive.paths.iter().any(|p| p.node.starts_with("/dev/sd")))
        .count();
    if without_sg > 0 {
        let what = if host_checks::kernel(host).sg { "although module sg is there" } else { "module sg is not loaded" };
        findings.push(warn(
            format!("{without_sg} drives have no sg node ({what}): a smartctl that hangs on them cannot be killed"),
            "modprobe sg, and sg in /etc/modules-load.d/jbod.conf",
        ));
    }
    // A disk behind a RAID volume is reached by the volume's node.
    let own = || inventory.present().filter(|r| r.drive.raid_volume().is_none());
    let closed: Vec<_> = own().filter_map(|r| host_checks::inaccessible_node(host, &r.drive)).collect();
    let (absent, closed): (Vec<_>, Vec<_>) =
        closed.into_iter().partition(|(_, error)| error.kind() == std::io::ErrorKind::NotFound);
    let reachable = own().count() - closed.len() - absent.len();
    // In a container the kernel shows the drives of the whole host; those that were not passed in are no fault.
    let (absent, closed) = if reachable > 0 {
        (absent, closed)
    } else {
        (Vec::new(), closed.into_iter().chain(absent).collect::<Vec<_>>())
    };
    if let Some((node, _)) = absent.first() {
        let what = format!("{} drives have no node in /dev, {node} first: they are not read", absent.len());
        findings
            .push(ok(format!("{what} (pass the devices in to have them read, or leave them out with JBOD_EXCLUDE)")));
    }
    if let Some((node, error)) = closed.first() {
        let remedy = match error.kind() {
            std::io::ErrorKind::PermissionDenied => {
                "running as root, or as a user in group disk (in a container, with the devices passed in)"
            }
            std::io::ErrorKind::NotFound => {
                "udev, or in a container passing the devices in: the kernel has the drive, /dev does not"
            }
            _ => "running as root; dmesg tells more",
        };
        findings.push(fail(
            format!("the nodes of {} drives cannot be opened, {node} first: {error}", closed.len()),
            remedy,
        ));
    } else if inventory.present().next().is_some() {
        let nodes = own().map(|r| r.drive.paths.len()).sum::<usize>();
        findings.push(ok(format!("{nodes} device nodes can be opened")));
    }
    findings
}

/// The rights of the process, as far as the present drives need them.
pub(super) fn rights(host: &Host, overview: &Overview) -> Vec<DoctorFinding> {
    if host_checks::is_simulated(host) {
        return vec![ok(format!("rights are not checked: the host is laid out in {}", host.root.display()))];
    }
    let Some(Rights { uid, rawio, admin }) = host_checks::rights() else {
        return vec![warn("/proc/self/status does not say what this process may do", "mounting /proc")];
    };
    let needs = |protocol| overview.drives().filter(|d| d.protocol == Some(protocol)).count();
    let user = if uid == 0 { "root".to_owned() } else { format!("uid {uid}") };
    let mut findings = Vec::new();
    for (protocol, kind, has, name) in
        [(Protocol::Ata, "SATA", rawio, "CAP_SYS_RAWIO"), (Protocol::Nvme, "NVMe", admin, "CAP_SYS_ADMIN")]
    {
        let count = needs(protocol);
        if count > 0 && !has {
            let remedy =
                format!("running as root, or AmbientCapabilities={name} in the unit (in a container, --cap-add)");
            findings.push(fail(format!("runs as {user} without {name}, which {count} {kind} drives need"), remedy));
        }
    }
    if findings.is_empty() {
        findings.push(ok(format!("runs as {user}, with what the drives here need")));
    }
    findings
}
