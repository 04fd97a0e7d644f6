//! Other names of drives: the links under `/dev/disk` and `/dev/mapper`, and device-mapper devices on top of
//! a drive. Reading links sends no command to a drive.

use super::{Host, is_drive_name, link_name, names, whole_disk};
use crate::domain::drive::{Drive, DriveKey};
use crate::domain::identity::{DeviceName, strip_partition, wwn_of};
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
    /// `dm-3` to the block devices below it.
    slaves: HashMap<String, Vec<String>>,
    /// Each block device of a drive to the drive's primary block device.
    devices: HashMap<String, DeviceName>,
    /// Kernel names of the partitions on them.
    partitions: HashSet<String>,
    /// Links that are locations.
    location_names: HashSet<String>,
    /// The primary block device of each drive, and the reverse.
    keys: HashMap<DriveKey, DeviceName>,
    owners: HashMap<DeviceName, DriveKey>,
    /// Hex digits of a WWN to the drive; `None`: several drives share it.
    wwns: HashMap<String, Option<DeviceName>>,
    /// Drives whose WWN is known.
    with_wwn: HashSet<DeviceName>,
    /// Drives with names under `/dev/disk/by-id`.
    with_by_id: HashSet<DeviceName>,
    /// Drives that `JBOD_EXCLUDE` excludes.
    excluded: HashSet<DeviceName>,
}

impl Links {
    /// Reads the links and gives each drive its by-id names.
    pub fn read(host: &Host, drives: &mut [Drive]) -> Self {
        let mut links = Self::default();
        for drive in &*drives {
            links.add(host, drive);
        }
        let blocks = host.path("sys/block");
        for name in names(&blocks) {
            if name.starts_with("dm-") {
                let slaves = names(&blocks.join(&name).join("slaves"));
                links.slaves.insert(name, slaves);
            }
        }
        let mut by_id: HashMap<DeviceName, Vec<String>> = HashMap::new();
        for folder in LINK_FOLDERS {
            let dir = host.path(folder);
            for name in names(&dir) {
                let Some(target) = link_name(&dir.join(&name)) else { continue };
                if folder == "dev/disk/by-id"
                    && let Some(device) = links.whole_drive(&target)
                {
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

    /// Adds the block devices, partitions and WWNs of a drive.
    fn add(&mut self, host: &Host, drive: &Drive) {
        self.keys.insert(drive.key.clone(), drive.device.clone());
        self.owners.insert(drive.device.clone(), drive.key.clone());
        for path in &drive.paths {
            let name = path.device.as_str();
            let entries = names(&host.block(&path.device)).into_iter();
            self.partitions.extend(entries.filter(|entry| entry.starts_with(name)));
            self.devices.insert(name.to_owned(), drive.device.clone());
        }
        for digits in wwn_digits(drive) {
            self.with_wwn.insert(drive.device.clone());
            let is_shared = self.wwns.contains_key(&digits);
            self.wwns.insert(digits, if is_shared { None } else { Some(drive.device.clone()) });
        }
    }

    /// The drive of a kernel name that is not a partition: a drive's own name, or that of a multipath map.
    fn whole_drive(&self, kernel_name: &str) -> Option<DeviceName> {
        if is_drive_name(kernel_name) {
            return self.devices.get(kernel_name).cloned();
        }
        let slaves = self.slaves.get(kernel_name)?;
        if !slaves.iter().all(|slave| is_drive_name(slave)) {
            return None;
        }
        self.kernel(kernel_name, 1)
    }

    /// The drive for a name that zpool prints: a path, a link name, a kernel name, a
    /// partition of any of these, a multipath map, or a WWN.
    pub fn drive(&self, name: &str) -> Option<DeviceName> {
        let (name, stem) = parts(name)?;
        let wwn = wwn_in(stem);
        // A WWN from sysfs takes precedence over a link, which may be older than the drive; if several drives share the
        // WWN, the link is that of the last one added.
        if let Some(wwn) = &wwn
            && let Some(owner) = self.wwns.get(wwn)
        {
            return owner.clone();
        }
        let device = self.linked_drive(name, stem)?;
        // The drive has another WWN, so the link is that of an earlier drive.
        if wwn.is_some() && self.with_wwn.contains(&device) {
            return None;
        }
        Some(device)
    }

    /// The drive of a kernel name or a link. `stem` is the name without its partition.
    fn linked_drive(&self, name: &str, stem: &str) -> Option<DeviceName> {
        if let Some(device) = self.kernel(name, MAX_DEPTH) {
            return Some(device);
        }
        if let Some(target) = self.targets.get(name)
            && let Some(device) = self.kernel(target, MAX_DEPTH)
        {
            return Some(device);
        }
        // If the drive at a location lacks the partition, the name refers to the previous drive there.
        if name != stem && self.location_names.contains(stem) {
            return None;
        }
        self.kernel(self.targets.get(stem)?, MAX_DEPTH)
    }

    /// The name is a location (a block device, a bay, a port), where there may be another drive by now.
    pub(crate) fn is_location_name(&self, name: &str) -> bool {
        let Some((name, stem)) = parts(name) else { return false };
        let is_block_device_name = name.starts_with("sd") || name.starts_with("nvme") && !name.contains('-');
        is_block_device_name || self.location_names.contains(name) || self.location_names.contains(stem)
    }

    /// The drive whose primary block device this is now.
    pub(crate) fn key(&self, device: &DeviceName) -> Option<&DriveKey> {
        self.owners.get(device)
    }

    /// The current primary block device of a drive; `None` if the drive is not present.
    pub(crate) fn device(&self, key: &DriveKey) -> Option<&DeviceName> {
        self.keys.get(key)
    }

    pub(crate) fn set_excluded<'a>(&mut self, excluded: impl Iterator<Item = &'a DeviceName>) {
        self.excluded = excluded.cloned().collect();
    }

    pub(crate) fn is_excluded(&self, device: &DeviceName) -> bool {
        self.excluded.contains(device)
    }

    /// The drive of a kernel name, through at most `depth` levels of device-mapper devices.
    fn kernel(&self, name: &str, depth: usize) -> Option<DeviceName> {
        if depth > 0
            && let Some(slaves) = self.slaves.get(name)
        {
            // A map over several paths is one drive; a map over several drives belongs to none of them.
            let (first, others) = slaves.split_first()?;
            let drive = self.kernel(first, depth - 1)?;
            if !others.iter().all(|other| self.kernel(other, depth - 1).as_ref() == Some(&drive)) {
                return None;
            }
            return Some(drive);
        }
        let mut buffer = String::new();
        let disk = whole_disk(name, |disk| self.devices.contains_key(disk), &mut buffer)?;
        // A partition that does not exist was on another drive, which had that block device name.
        if disk != name && !self.partitions.contains(name) {
            return None;
        }
        self.devices.get(disk).cloned()
    }

    /// The drive has names under `/dev/disk/by-id`.
    pub(crate) fn has_by_id(&self, device: &DeviceName) -> bool {
        self.with_by_id.contains(device)
    }
}

/// The hex digits of all WWNs of a drive: its own, and those of its logical units.
fn wwn_digits(drive: &Drive) -> HashSet<String> {
    let of_units = drive.units.iter().filter_map(|unit| wwn_of(unit.wwid.as_deref()?));
    let mut digits = HashSet::new();
    for wwn in of_units.chain(drive.identity.wwn()) {
        digits.extend(wwn.strip_prefix("0x").map(str::to_owned));
    }
    digits
}

/// The WWN of 8 or 16 bytes in a name such as `wwn-0x5000c5…`, `scsi-35000c5…`, or a multipath map's `35000c5…`.
fn wwn_in(name: &str) -> Option<String> {
    let prefixes = ["wwn-0x", "scsi-3", "dm-uuid-mpath-3", "3"];
    let digits = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix))?;
    if !matches!(digits.len(), 16 | 32) || !digits.as_bytes().iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    Some(digits.to_ascii_lowercase())
}

/// The last part of a name, and the same without `-partN`. `None` for a path outside the folders of drives:
/// a file may be named `sda1`, and so may a volume below `/dev/zvol`.
fn parts(name: &str) -> Option<(&str, &str)> {
    let name = match name.trim_end_matches('/').rsplit_once('/') {
        None => name,
        Some(("/dev", last)) => last,
        Some((folder, last)) if LINK_FOLDERS.contains(&folder.strip_prefix('/')?) => last,
        Some(_) => return None,
    };
    Some((name, strip_partition(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(name: &str) -> DeviceName {
        DeviceName::parse(name).unwrap()
    }

    fn links() -> Links {
        Links {
            targets: [
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
            ]
            .map(|(link, target)| (link.to_owned(), target.to_owned()))
            .into(),
            slaves: [
                ("dm-0".to_owned(), vec!["sdc".to_owned(), "sdd".to_owned()]),
                ("dm-1".to_owned(), vec!["dm-0".to_owned()]),
                ("dm-2".to_owned(), vec!["sda".to_owned(), "sdb".to_owned()]),
                ("dm-9".to_owned(), vec!["dm-9".to_owned()]),
            ]
            .into(),
            devices: [("sda", "sda"), ("sdb", "sdb"), ("sdc", "sdc"), ("sdd", "sdc"), ("nvme0n1", "nvme0n1")]
                .map(|(name, primary)| (name.to_owned(), device(primary)))
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
    fn every_name_of_a_leaf_leads_to_its_drive() {
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
