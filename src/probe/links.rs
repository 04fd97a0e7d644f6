//! Other names of drives: the links under `/dev/disk` and `/dev/mapper`, and device-mapper devices on top of
//! a drive. Reading links sends no command to a drive.

use super::{Host, is_drive_name, link_name, names, whole_disk};
use crate::domain::drive::{Drive, DriveKey};
use crate::domain::identity::{DeviceName, wwn_of};
use std::collections::{HashMap, HashSet};

/// Folders of links whose names may be used in a pool, the most specific first.
const LINK_FOLDERS: [&str; 7] = [
    "dev/disk/by-vdev",
    "dev/disk/by-id",
    "dev/disk/by-path",
    "dev/disk/by-partuuid",
    "dev/disk/by-partlabel",
    "dev/disk/by-uuid",
    "dev/mapper",
];
/// Folders whose names are locations, not identities.
const LOCATION_FOLDERS: [&str; 2] = ["dev/disk/by-vdev", "dev/disk/by-path"];
/// Maximum depth of stacked device-mapper devices; real stacks are shallower.
const MAX_DEPTH: usize = 8;

/// Every link by its name, and every drive by each of its names.
#[derive(Clone, Debug, Default)]
pub struct Links {
    /// Link name to kernel name (`sda1`, `dm-3`).
    targets: HashMap<String, String>,
    /// `dm-3` to the devices below it.
    slaves: HashMap<String, Vec<String>>,
    /// Any block device name of a drive to its current device name.
    devices: HashMap<String, DeviceName>,
    /// Kernel names of their partitions.
    partitions: HashSet<String>,
    /// Links that are locations.
    location_names: HashSet<String>,
    /// The device name of each drive, and back.
    keys: HashMap<DriveKey, DeviceName>,
    owners: HashMap<DeviceName, DriveKey>,
    /// Hex digits of a WWN to the drive; `None`: several drives share it.
    wwns: HashMap<String, Option<DeviceName>>,
    /// Drives whose WWN is known.
    with_wwn: HashSet<DeviceName>,
    /// Drives with names under `/dev/disk/by-id`.
    with_by_id: HashSet<DeviceName>,
    /// Drives that `JBOD_EXCLUDE` leaves out.
    excluded: HashSet<DeviceName>,
}

impl Links {
    /// Reads the links and gives each drive its by-id names.
    pub fn read(host: &Host, drives: &mut [Drive]) -> Self {
        let mut links = Self::default();
        for drive in &*drives {
            links.keys.insert(drive.key.clone(), drive.device.clone());
            links.owners.insert(drive.device.clone(), drive.key.clone());
            for path in &drive.paths {
                let name = path.device.as_str();
                let inside = names(&host.path("sys/block").join(name)).into_iter();
                links.partitions.extend(inside.filter(|n| n.starts_with(name)));
                links.devices.insert(name.to_owned(), drive.device.clone());
            }
            let of_units = drive.units.iter().filter_map(|unit| wwn_of(unit.wwid.as_deref()?));
            let hex_names: HashSet<String> = of_units
                .chain(drive.identity.wwn())
                .filter_map(|wwn| wwn.strip_prefix("0x").map(str::to_owned))
                .collect();
            for hex in hex_names {
                links.with_wwn.insert(drive.device.clone());
                links.wwns.entry(hex).and_modify(|owner| *owner = None).or_insert_with(|| Some(drive.device.clone()));
            }
        }
        for name in names(&host.path("sys/block")).into_iter().filter(|n| n.starts_with("dm-")) {
            let slaves = names(&host.path("sys/block").join(&name).join("slaves"));
            links.slaves.insert(name, slaves);
        }
        let mut by_id: HashMap<DeviceName, Vec<String>> = HashMap::new();
        for folder in LINK_FOLDERS {
            let dir = host.path(folder);
            for name in names(&dir) {
                let Some(target) = link_name(&dir.join(&name)) else { continue };
                let whole_drive = links.whole_drive(&target).filter(|_| folder == "dev/disk/by-id");
                if let Some(device) = whole_drive {
                    by_id.entry(device).or_default().push(name.clone());
                }
                if LOCATION_FOLDERS.contains(&folder) && !links.targets.contains_key(&name) {
                    links.location_names.insert(name.clone());
                }
                links.targets.entry(name).or_insert(target);
            }
        }
        links.with_by_id = by_id.keys().cloned().collect();
        for drive in drives {
            drive.by_id = by_id.remove(&drive.device).unwrap_or_default();
            drive.by_id.sort();
        }
        links
    }

    /// The drive of a kernel name that is a whole drive and not a partition: its own name, or that of a multipath map.
    fn whole_drive(&self, kernel_name: &str) -> Option<DeviceName> {
        if is_drive_name(kernel_name) {
            return self.devices.get(kernel_name).cloned();
        }
        let slaves = self.slaves.get(kernel_name)?;
        self.kernel(kernel_name, 1).filter(|_| slaves.iter().all(|s| is_drive_name(s)))
    }

    /// The drive for a name that zpool prints: a path, a link name, a kernel name, a
    /// partition of any of these, a multipath map, or a WWN.
    pub fn drive(&self, name: &str) -> Option<DeviceName> {
        let (name, stem) = parts(name)?;
        // A WWN from sysfs takes precedence over a link, which may be older than the drive; if several drives share the
        // WWN, the link is of the last one added.
        if let Some(owner) = wwn_in(stem).and_then(|hex| self.wwns.get(&hex)) {
            return owner.clone();
        }
        // If the drive at a location lacks the partition, the name is of the previous drive there.
        let without_partition =
            || self.targets.get(stem).filter(|_| name == stem || !self.location_names.contains(stem));
        self.kernel(name, MAX_DEPTH)
            .or_else(|| self.kernel(self.targets.get(name)?, MAX_DEPTH))
            .or_else(|| self.kernel(without_partition()?, MAX_DEPTH))
            .filter(|device| wwn_in(stem).is_none() || !self.with_wwn.contains(device))
    }

    /// The name is a location (a block device, a bay, a port), which another drive may have by now.
    pub(crate) fn is_location_name(&self, name: &str) -> bool {
        let Some((name, stem)) = parts(name) else { return false };
        let is_block_device_name = name.starts_with("sd") || name.starts_with("nvme") && !name.contains('-');
        is_block_device_name || self.location_names.contains(name) || self.location_names.contains(stem)
    }

    /// The drive that has that device name now.
    pub(crate) fn key(&self, device: &DeviceName) -> Option<&DriveKey> {
        self.owners.get(device)
    }

    /// The current device name of a drive; `None` if it is not present.
    pub(crate) fn device(&self, key: &DriveKey) -> Option<&DeviceName> {
        self.keys.get(key)
    }

    pub(crate) fn set_excluded<'a>(&mut self, excluded: impl Iterator<Item = &'a DeviceName>) {
        self.excluded = excluded.cloned().collect();
    }

    pub(crate) fn is_excluded(&self, device: &DeviceName) -> bool {
        self.excluded.contains(device)
    }

    fn kernel(&self, name: &str, depth: usize) -> Option<DeviceName> {
        if let Some(slaves) = self.slaves.get(name).filter(|_| depth > 0) {
            // A map over several paths is one drive; a map over several drives is none.
            let mut drives = slaves.iter().map(|s| self.kernel(s, depth - 1));
            let first = drives.next().flatten()?;
            return drives.all(|other| other.as_ref() == Some(&first)).then_some(first);
        }
        let mut buffer = String::new();
        let disk = whole_disk(name, |n| self.devices.contains_key(n), &mut buffer)?;
        // A partition that does not exist was on another drive, which had that block device name.
        let is_there = disk == name || self.partitions.contains(name);
        self.devices.get(disk).filter(|_| is_there).cloned()
    }

    /// The drive has names under `/dev/disk/by-id`.
    pub(crate) fn has_by_id(&self, device: &DeviceName) -> bool {
        self.with_by_id.contains(device)
    }
}

/// `wwn-0x5000c5…`, `scsi-35000c5…`, or a multipath map's `35000c5…`: the name contains a WWN of 8 bytes
/// or 16.
fn wwn_in(name: &str) -> Option<String> {
    let hex = ["wwn-0x", "scsi-3", "dm-uuid-mpath-3", "3"].iter().find_map(|p| name.strip_prefix(p))?;
    let is_wwn = matches!(hex.len(), 16 | 32) && hex.bytes().all(|b| b.is_ascii_hexdigit());
    is_wwn.then(|| hex.to_ascii_lowercase())
}

/// The last part of a name, and the same without `-partN`. `None` for a path outside the folders of drives:
/// a file may be named `sda1`, and so may a volume below `/dev/zvol`.
fn parts(name: &str) -> Option<(&str, &str)> {
    let name = match name.trim_end_matches('/').rsplit_once('/') {
        None => name,
        Some(("/dev", last)) => last,
        Some((folder, last)) => LINK_FOLDERS.iter().any(|f| folder.strip_prefix('/') == Some(f)).then_some(last)?,
    };
    let without = name.rsplit_once("-part").filter(|(_, n)| n.bytes().all(|b| b.is_ascii_digit()));
    Some((name, without.map_or(name, |(stem, _)| stem)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> Links {
        let device = |n: &str| DeviceName::parse(n).unwrap_or_else(|| unreachable!());
        let pairs = |all: &[(&str, &str)]| all.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Links {
            targets: pairs(&[
                ("ata-WDC_X_S1", "sda"),
                ("ata-WDC_X_S1-part1", "sda1"),
                ("e0s5", "sdb"),
                ("e0s6", "sda"),
                ("e0s6-part1", "sda1"),
                ("mpathc", "dm-0"),
                ("mpathc-part1", "dm-1"),
                ("nvme-N_1-part3", "nvme0n1p3"),
                ("stale", "sdq"),
                ("wwn-0x5000c500236004a9", "sdb"),
                ("wwn-0x5000c500236004aa", "sda"),
                ("wwn-0x5000c500236004a4", "sda"),
            ]),
            slaves: [
                ("dm-0".to_owned(), vec!["sdc".to_owned(), "sdd".to_owned()]),
                ("dm-1".to_owned(), vec!["dm-0".to_owned()]),
                ("dm-2".to_owned(), vec!["sda".to_owned(), "sdb".to_owned()]),
                ("dm-9".to_owned(), vec!["dm-9".to_owned()]),
            ]
            .into(),
            devices: [("sda", "sda"), ("sdb", "sdb"), ("sdc", "sdc"), ("sdd", "sdc"), ("nvme0n1", "nvme0n1")]
                .map(|(a, b)| (a.to_owned(), device(b)))
                .into(),
            wwns: [("5000c500236004a3".to_owned(), Some(device("sdb"))), ("5000c500236004a4".to_owned(), None)].into(),
            location_names: ["e0s5".to_owned(), "e0s6".to_owned(), "e0s6-part1".to_owned()].into(),
            keys: HashMap::new(),
            owners: HashMap::new(),
            with_wwn: [device("sdb")].into(),
            partitions: ["sda1", "sda9", "sdd1", "nvme0n1p1", "nvme0n1p3"].map(str::to_owned).into(),
            with_by_id: HashSet::new(),
            excluded: HashSet::new(),
        }
    }

    #[test]
    fn every_way_to_name_a_leaf_leads_to_its_drive() {
        let links = links();
        for (name, expected) in [
            ("sda", Some("sda")),
            ("sda1", Some("sda")),
            ("/dev/sda9", Some("sda")),
            ("/srv/sda1", None),
            ("/dev/zvol/tank/sda", None),
            ("/dev/vg/sda1", None),
            ("disk/sda", None),
            ("ata-WDC_X_S1", Some("sda")),
            ("/dev/disk/by-id/ata-WDC_X_S1-part1", Some("sda")),
            ("e0s5", Some("sdb")),
            ("e0s6-part1", Some("sda")),
            ("e0s5-part1", None),
            ("sdd1", Some("sdc")),
            ("mpathc", Some("sdc")),
            ("/dev/mapper/mpathc-part1", Some("sdc")),
            ("dm-1", Some("sdc")),
            ("nvme-N_1-part3", Some("nvme0n1")),
            ("nvme0n1p1", Some("nvme0n1")),
            ("35000c500236004a3", Some("sdb")),
            ("wwn-0x5000C500236004A3-part1", Some("sdb")),
            ("wwn-0x5000c500236004a4", None),
            ("wwn-0x5000c500236004a9", None),
            ("wwn-0x5000c500236004aa", Some("sda")),
            ("stale", None),
            ("/dev/sda2", None),
            ("nvme0n1p2", None),
            ("dm-2", None),
            ("dm-9", None),
            ("12345678901234567890", None),
            ("/home/x/file1", None),
            ("", None),
        ] {
            assert_eq!(links.drive(name).as_ref().map(DeviceName::as_str), expected, "{name:?}");
        }
    }
}
