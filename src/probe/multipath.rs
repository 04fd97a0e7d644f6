//! Multipath grouping: which block devices are paths of one drive. Paths of different drives are never grouped.
//! Pure; `drives` reads the paths and their identities.

use super::logical_units;
use super::nvme::ControllerIdentity;
use crate::domain::drive::{Drive, DriveKey, DrivePath};
use crate::domain::identity::Identity;
use crate::domain::transport::{Attachment, Transport};
use std::collections::{HashMap, HashSet};

/// One block device, before grouping.
#[derive(Clone, Debug)]
pub(super) struct DiscoveredPath {
    pub(super) path: DrivePath,
    /// The nearest SAS expander: `expander-0:1`.
    pub(super) expander: Option<String>,
    pub(super) identity: Identity,
    pub(super) vendor: Option<String>,
    pub(super) model: Option<String>,
    pub(super) firmware: Option<String>,
    pub(super) size_bytes: Option<u64>,
    pub(super) rotational: Option<bool>,
    pub(super) attachment: Attachment,
    /// NVMe drives only.
    pub(super) controller: Option<ControllerIdentity>,
}

impl DiscoveredPath {
    fn has_full_identity(&self) -> bool {
        self.identity.wwid.is_some() && self.identity.unit_serial.is_some()
    }

    /// A SATA port of the mainboard, or USB. Drives there have one path only, and drives of cheap models may share one
    /// serial number.
    fn is_single_path_bus(&self) -> bool {
        matches!(self.attachment.transport(), Some(Transport::Sata | Transport::Usb))
    }

    /// The names by which candidates are found: only paths that share a name are compared.
    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        if self.is_nvme() {
            // Each namespace of a controller has a wwid of its own; the controllers of a subsystem share its devices.
            names.push(format!("controller {}", self.path.address));
            names.push(format!("device {}", self.path.device));
        } else if let Some(serial) = self.identity.unit_serial.as_deref() {
            names.push(format!("serial {serial}"));
        }
        if let Some(wwid) = self.identity.wwid.as_deref() {
            names.push(format!("wwid {wwid}"));
        }
        names
    }

    /// The size, unless the drive reports none or 0 bytes.
    fn known_size(&self) -> Option<u64> {
        self.size_bytes.filter(|bytes| *bytes > 0)
    }

    fn is_nvme(&self) -> bool {
        self.path.host.is_none()
    }
}

/// The paths of one logical unit, or of all namespaces of an NVMe controller: the path with the most complete identity,
/// and the others.
pub(super) struct PathGroup {
    pub(super) primary: DiscoveredPath,
    pub(super) others: Vec<DiscoveredPath>,
    /// The lowest position of its paths in the list that was given.
    pub(super) position: usize,
}

impl PathGroup {
    pub(super) fn paths(&self) -> impl Iterator<Item = &DiscoveredPath> {
        std::iter::once(&self.primary).chain(&self.others)
    }
}

/// Groups paths into drives. Two paths are one drive only if all that is known of both agrees.
pub(super) fn group_paths(paths: Vec<DiscoveredPath>) -> Vec<Drive> {
    // Incomplete identities last: they may match several drives, in which case they match none.
    let (complete, incomplete): (Vec<_>, Vec<_>) =
        paths.into_iter().enumerate().partition(|(_, path)| path.has_full_identity());
    let mut groups: Vec<PathGroup> = Vec::new();
    let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
    for (position, path) in complete.into_iter().chain(incomplete) {
        let names = path.names();
        let mut candidates: Vec<usize> = names.iter().filter_map(|name| by_name.get(name)).flatten().copied().collect();
        candidates.sort_unstable();
        candidates.dedup();
        let index = matching_group(&groups, candidates, &path).unwrap_or(groups.len());
        match groups.get_mut(index) {
            Some(group) => {
                group.position = group.position.min(position);
                group.others.push(path);
            }
            None => groups.push(PathGroup { primary: path, others: Vec::new(), position }),
        }
        // Also for a path of a known group: a further namespace has names of its own.
        for name in names {
            by_name.entry(name).or_default().push(index);
        }
    }
    let mut drives = logical_units::join(groups);
    drives.sort_by_key(|units| units.iter().map(|unit| unit.position).min());
    let mut keys = HashSet::new();
    drives.into_iter().filter_map(|units| into_drive(units, &mut keys)).collect()
}

/// The candidate that a path belongs to. An incomplete identity that matches several groups matches none.
fn matching_group(groups: &[PathGroup], candidates: Vec<usize>, path: &DiscoveredPath) -> Option<usize> {
    let is_match = |index: &usize| groups.get(*index).is_some_and(|group| is_same(group, path));
    let mut matching = candidates.into_iter().filter(is_match);
    let first = matching.next()?;
    if !path.has_full_identity() && matching.next().is_some() {
        return None;
    }
    Some(first)
}

fn is_same(group: &PathGroup, other: &DiscoveredPath) -> bool {
    let primary = &group.primary;
    let (known, found) = (&primary.identity, &other.identity);
    if primary.vendor != other.vendor || primary.model != other.model || primary.is_nvme() != other.is_nvme() {
        return false;
    }
    if primary.is_nvme() {
        return known.unit_serial.is_some()
            && known.unit_serial == found.unit_serial
            && group.paths().any(|path| is_same_controller(path, other) || is_second_port(path, other));
    }
    if primary.is_single_path_bus() || other.is_single_path_bus() {
        return false;
    }
    let has_other_size = match (primary.known_size(), other.known_size()) {
        (Some(known), Some(size)) => known != size,
        _ => false,
    };
    let is_independent = is_independent_path(group, other) && !has_other_size;
    match (&known.wwid, &found.wwid, &known.unit_serial, &found.unit_serial) {
        // A `t10.` name consists of model and serial number, so it adds no evidence.
        (Some(wwid), Some(found_wwid), Some(serial), Some(found_serial)) => {
            wwid == found_wwid
                && serial == found_serial
                && (!wwid.starts_with("t10.") || is_independent && !is_placeholder_serial(serial))
        }
        // Identities are incomplete. One name twice behind one host or expander may be a controller's name.
        (Some(wwid), Some(found_wwid), _, _) => wwid == found_wwid && is_independent,
        (None, None, Some(serial), Some(found_serial)) => {
            serial == found_serial && is_independent && !is_placeholder_serial(serial)
        }
        _ => false,
    }
}

/// Namespaces of one controller, or controllers that the kernel has joined: then they share a block device.
fn is_same_controller(known: &DiscoveredPath, other: &DiscoveredPath) -> bool {
    known.path.address == other.path.address || known.path.device == other.path.device
}

/// Two controllers of one drive that the kernel has not joined (`nvme_core.multipath=N`): one namespace behind two
/// controllers of one subsystem. Cheap drives of one model may share a name, and even a serial number: each of them is
/// a subsystem with one controller, whose number is the same.
fn is_second_port(known: &DiscoveredPath, other: &DiscoveredPath) -> bool {
    let (Some(one), Some(two)) = (&known.controller, &other.controller) else { return false };
    let has_same_namespace = known.identity.wwid.is_some() && known.identity.wwid == other.identity.wwid;
    let is_one_subsystem = one.subsystem.is_some() && one.subsystem == two.subsystem;
    let are_two_controllers = one.number.is_some() && two.number.is_some() && one.number != two.number;
    let has_serial = other.identity.unit_serial.as_deref().is_some_and(|serial| !is_placeholder_serial(serial));
    has_same_namespace && is_one_subsystem && are_two_controllers && has_serial
}

/// The path leads through another SCSI host or another expander than every path of the group.
fn is_independent_path(group: &PathGroup, other: &DiscoveredPath) -> bool {
    group.paths().all(|known| {
        let has_expanders = known.expander.is_some() && other.expander.is_some();
        known.path.host != other.path.host || has_expanders && known.expander != other.expander
    })
}

/// Not a serial number: too short, or one repeated character.
pub(super) fn is_placeholder_serial(serial: &str) -> bool {
    let mut characters = serial.chars();
    let first = characters.next();
    serial.len() < 4 || characters.all(|character| Some(character) == first)
}

/// The drive that consists of these logical units, the first of which identifies it. `None` without a unit.
fn into_drive(groups: Vec<PathGroup>, keys: &mut HashSet<String>) -> Option<Drive> {
    let (units, paths) = logical_units::of(&groups);
    let DiscoveredPath { path, identity, vendor, model, firmware, size_bytes, rotational, attachment, .. } =
        groups.into_iter().next()?.primary;
    let model_name = model.as_deref().unwrap_or_default();
    let mut key = if identity.is_empty() {
        // No identity: the path and all other properties, so that another disk on this path is another drive.
        let vendor_name = vendor.as_deref().unwrap_or_default();
        let size = size_bytes.unwrap_or(0);
        format!("{} {} {vendor_name} {model_name} {size}", path.device, path.address)
    } else {
        let wwid = identity.wwid.as_deref().unwrap_or_default();
        let serial = identity.unit_serial.as_deref().unwrap_or_default();
        format!("{wwid}|{serial}|{model_name}")
    };
    // Different drives with one identity keep a record each; the address distinguishes them.
    if keys.contains(&key) {
        key = format!("{key}|{}", path.address);
    }
    keys.insert(key.clone());
    Some(Drive {
        key: DriveKey::Discovered(key.into()),
        device: path.device,
        size_bytes: logical_units::total_bytes(&units),
        paths,
        units,
        identity,
        vendor,
        model,
        firmware,
        rotational,
        by_id: Vec::new(),
        attachment,
        raid_disks: Vec::new(),
        smartctl_type: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::DeviceName;

    fn found(device_name: &str, address: &str, wwid: Option<&str>, serial: Option<&str>) -> DiscoveredPath {
        let (host, _) = address.split_once(':').unwrap();
        DiscoveredPath {
            path: DrivePath {
                device: DeviceName::parse(device_name).unwrap(),
                node: format!("/dev/{device_name}"),
                host: host.parse().ok(),
                address: address.into(),
                unit: 0,
                state: None,
            },
            expander: None,
            identity: Identity { wwid: wwid.map(Into::into), unit_serial: serial.map(Into::into) },
            vendor: Some("SEAGATE".into()),
            model: Some("ST8000NM0075".into()),
            firmware: None,
            size_bytes: None,
            rotational: None,
            attachment: Attachment::Scsi(None),
            controller: None,
        }
    }

    fn by(expander: &str, found: DiscoveredPath) -> DiscoveredPath {
        DiscoveredPath { expander: Some(expander.to_owned()), ..found }
    }

    fn on(transport: Transport, found: DiscoveredPath) -> DiscoveredPath {
        let attachment = Attachment::Scsi(Some(transport));
        DiscoveredPath { attachment, ..found }
    }

    fn paths(found: Vec<DiscoveredPath>) -> Vec<Vec<String>> {
        group_paths(found).iter().map(devices_of).collect()
    }

    fn devices_of(drive: &Drive) -> Vec<String> {
        drive.paths.iter().map(|path| path.device.to_string()).collect()
    }

    const WWID: Option<&str> = Some("naa.5000c500a0000000");
    const SERIAL: Option<&str> = Some("VJS00000");

    #[test]
    fn two_paths_are_one_drive() {
        for (why, case) in [
            ("two hosts", vec![found("sda", "0:0:1:0", WWID, SERIAL), found("sdb", "1:0:1:0", WWID, SERIAL)]),
            (
                "one host, two expanders",
                vec![found("sda", "0:0:1:0", WWID, SERIAL), found("sdb", "0:0:9:0", WWID, SERIAL)],
            ),
            ("no serial number", vec![found("sda", "0:0:1:0", WWID, None), found("sdb", "1:0:1:0", WWID, None)]),
            (
                "no serial number, two expanders",
                vec![
                    by("expander-0:0", found("sda", "0:0:1:0", WWID, None)),
                    by("expander-0:1", found("sdb", "0:0:9:0", WWID, None)),
                ],
            ),
            (
                "one path has no serial number",
                vec![found("sda", "0:0:1:0", WWID, SERIAL), found("sdb", "1:0:1:0", WWID, None)],
            ),
            (
                "the first path has no serial number",
                vec![found("sda", "0:0:1:0", WWID, None), found("sdb", "1:0:1:0", WWID, SERIAL)],
            ),
            ("no wwid", vec![found("sda", "0:0:1:0", None, SERIAL), found("sdb", "1:0:1:0", None, SERIAL)]),
        ] {
            assert_eq!(paths(case), [["sda", "sdb"]], "{why}");
        }
        let drives = group_paths(vec![found("sda", "0:0:1:0", WWID, None), found("sdb", "1:0:1:0", WWID, SERIAL)]);
        let primary = (drives[0].device.as_str(), drives[0].identity.unit_serial.as_deref());
        assert_eq!(primary, ("sdb", SERIAL), "the path with the most complete identity is the primary one");
    }

    #[test]
    fn namespaces_of_a_controller_are_one_drive() {
        let two = vec![namespace("nvme0n1", "eui.01", "nvme0"), namespace("nvme0n2", "eui.02", "nvme0")];
        assert_eq!(paths(two), [["nvme0n1", "nvme0n2"]]);
        let apart = vec![namespace("nvme0n1", "eui.01", "nvme0"), namespace("nvme1n1", "eui.01", "nvme1")];
        assert_eq!(paths(apart).len(), 2);
    }

    fn namespace(device: &str, wwid: &str, controller: &str) -> DiscoveredPath {
        let mut found = found(device, "0:0:0:0", Some(wwid), Some("S64H0001"));
        found.path.host = None;
        found.path.address = controller.to_owned();
        found
    }

    /// An NVMe path by its device, the namespace's wwid, its controller, and the controller's number in the subsystem.
    fn nvme((device, wwid, controller, number): (&str, &str, &str, &str)) -> DiscoveredPath {
        let mut found = namespace(device, wwid, controller);
        let subsystem = Some("nqn.2014.08.org.nvmexpress:S64H0001".to_owned());
        found.controller = Some(ControllerIdentity { subsystem, number: Some(number.to_owned()) });
        found
    }

    #[test]
    fn two_controllers_of_one_subsystem_are_one_drive() {
        let joined = [("nvme0n1", "eui.01", "nvme0", "1"), ("nvme0n1", "eui.01", "nvme1", "2")];
        let [drive] = &group_paths(joined.map(nvme).to_vec())[..] else { panic!("one drive") };
        assert_eq!((drive.paths.len(), drive.units.len(), drive.units[0].paths.len()), (2, 1, 1));

        let two_namespaces = [
            ("nvme0n1", "eui.01", "nvme0", "1"),
            ("nvme0n2", "eui.02", "nvme0", "1"),
            ("nvme1n1", "eui.01", "nvme1", "2"),
            ("nvme1n2", "eui.02", "nvme1", "2"),
        ];
        let [drive] = &group_paths(two_namespaces.map(nvme).to_vec())[..] else { panic!("one drive") };
        let units: Vec<Vec<&str>> =
            drive.units.iter().map(|unit| unit.paths.iter().map(DeviceName::as_str).collect()).collect();
        assert_eq!(units, [["nvme0n1", "nvme1n1"], ["nvme0n2", "nvme1n2"]]);
        assert_eq!(drive.paths.iter().map(|path| path.unit).collect::<Vec<_>>(), [0, 0, 1, 1]);
    }

    /// Drives of one cheap model, which may report the same names and serial numbers.
    #[test]
    fn controllers_of_different_drives_are_never_joined() {
        for (why, second) in [
            ("one number: each is a subsystem of its own", ("nvme1n1", "eui.01", "nvme1", "1")),
            ("two namespaces", ("nvme1n1", "eui.02", "nvme1", "2")),
        ] {
            let drives = group_paths([("nvme0n1", "eui.01", "nvme0", "1"), second].map(nvme).to_vec());
            assert_eq!(drives.len(), 2, "{why}");
        }
        let mut pair = [("nvme0n1", "eui.01", "nvme0", "1"), ("nvme1n1", "eui.01", "nvme1", "2")].map(nvme);
        pair[1].controller = Some(ControllerIdentity { subsystem: None, number: Some("2".to_owned()) });
        assert_eq!(group_paths(pair.to_vec()).len(), 2, "no subsystem");
        let mut unnamed = [("nvme0n1", "", "nvme0", "1"), ("nvme1n1", "", "nvme1", "2")].map(nvme);
        for path in &mut unnamed {
            path.identity.wwid = None;
        }
        assert_eq!(group_paths(unnamed.to_vec()).len(), 2, "an identifier of zeros is not an identity");
    }

    #[test]
    fn two_drives_never_collapse() {
        let cheap = Some("t10.ATA     SSD 120GB                               AA000000000000000001");
        let mut two_sizes = vec![found("sda", "0:0:1:0", WWID, None), found("sdb", "1:0:1:0", WWID, None)];
        (two_sizes[0].size_bytes, two_sizes[1].size_bytes) = (Some(1), Some(2));
        for (why, case) in [
            ("two sizes", two_sizes),
            (
                "two serials",
                vec![found("sda", "0:0:1:0", WWID, Some("A001")), found("sdb", "1:0:1:0", WWID, Some("A002"))],
            ),
            (
                "one host reports a name twice",
                vec![found("sda", "0:0:1:0", WWID, None), found("sdb", "0:0:2:0", WWID, None)],
            ),
            (
                "and so does one expander",
                vec![
                    by("expander-0:0", found("sda", "0:0:1:0", WWID, None)),
                    by("expander-0:0", found("sdb", "0:0:2:0", WWID, None)),
                ],
            ),
            (
                "a placeholder serial number",
                vec![found("sda", "0:0:1:0", None, Some("00000000")), found("sdb", "1:0:1:0", None, Some("00000000"))],
            ),
            ("nothing known", vec![found("sda", "0:0:1:0", None, None), found("sdb", "1:0:1:0", None, None)]),
            (
                "only one has a wwid",
                vec![found("sda", "0:0:1:0", WWID, Some("A001")), found("sdb", "1:0:1:0", None, Some("A001"))],
            ),
            (
                "one cheap model on ports of the mainboard",
                vec![
                    on(Transport::Sata, found("sda", "0:0:0:0", cheap, Some("AA000000000000000001"))),
                    on(Transport::Sata, found("sdb", "1:0:0:0", cheap, Some("AA000000000000000001"))),
                ],
            ),
            (
                "one cheap model behind one HBA",
                vec![
                    found("sda", "0:0:0:0", cheap, Some("AA000000000000000001")),
                    found("sdb", "0:0:1:0", cheap, Some("AA000000000000000001")),
                ],
            ),
        ] {
            let drives = group_paths(case);
            assert_eq!(drives.len(), 2, "{why}");
            assert_ne!(drives[0].key, drives[1].key, "{why}");
        }
    }

    #[test]
    fn a_path_that_matches_two_drives_is_grouped_with_neither() {
        let shared = vec![
            found("sda", "0:0:1:0", WWID, Some("A001")),
            found("sdb", "1:0:1:0", WWID, Some("A002")),
            found("sdc", "2:0:1:0", WWID, None),
        ];
        assert_eq!(paths(shared), [["sda"], ["sdb"], ["sdc"]]);
    }
}
