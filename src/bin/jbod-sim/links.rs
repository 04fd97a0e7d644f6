//! The links that udev creates in `dev/disk`, and the multipath maps of device-mapper. Links are created from the
//! present state of a drive, and removed by name.

use crate::device_dirs::{by_path, drive_dir};
use crate::drive::{Drive, Kind};
use crate::files::{attribute, link, make_dir, put, remove, remove_tree};
use crate::store::{Host, LeafName, Store};
use crate::sysfs::disk;
use anyhow::Result;
use std::path::Path;

/// The path that ZFS stores for a leaf.
pub struct LeafPath {
    pub path: String,
    /// Whether ZFS partitioned the disk itself (`whole_disk` in the pool's configuration).
    pub is_whole_disk: bool,
}

/// A model or serial number as part of a name (`udev_replace_whitespace` and `udev_replace_chars` of systemd-udevd).
fn udev_name(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut name = String::new();
    for character in words.join("_").chars() {
        let is_allowed = character.is_ascii_alphanumeric() || "#+-.:=@_".contains(character);
        name.push(if is_allowed { character } else { '_' });
    }
    name
}

/// The names of the drive in by-id.
pub fn by_id_names(drive: &Drive) -> Vec<String> {
    let model_and_serial = format!("{}_{}", udev_name(&drive.model), udev_name(&drive.serial));
    match (drive.kind, &drive.wwn) {
        (Kind::Nvme, Some(wwn)) => vec![format!("nvme-{model_and_serial}"), format!("nvme-eui.{wwn}")],
        (Kind::Nvme, None) => vec![format!("nvme-{model_and_serial}")],
        (Kind::Sata, Some(wwn)) => vec![format!("ata-{model_and_serial}"), format!("wwn-0x{wwn}")],
        (Kind::Sata, None) => vec![format!("ata-{model_and_serial}")],
        (_, Some(wwn)) => vec![format!("wwn-0x{wwn}"), format!("scsi-3{wwn}")],
        (_, None) => vec![format!("scsi-S{}_{model_and_serial}", udev_name(&drive.vendor))],
    }
}

/// The name in by-id by which a pool knows the drive. Some pools use the second name of SAS drives.
pub fn pool_by_id(drive: &Drive) -> String {
    let is_sas = matches!(drive.kind, Kind::Sas | Kind::Ssd);
    match by_id_names(drive).as_slice() {
        [_, second, ..] if is_sas && drive.guid % 2 == 1 => second.clone(),
        [first, ..] => first.clone(),
        [] => String::new(),
    }
}

/// The block devices of a map and of the map of its partition.
pub fn map_nodes(number: u32) -> (String, String) {
    (format!("dm-{}", number * 2), format!("dm-{}", number * 2 + 1))
}

/// Creates all links and the maps of a drive.
pub fn make(store: &Store, host: &Host, drive: &Drive) -> Result<()> {
    drive.units().try_for_each(|unit| make_of_unit(store, host, &unit))
}

fn make_of_unit(store: &Store, host: &Host, drive: &Drive) -> Result<()> {
    let root = &store.root;
    let (disk, partition) = if let Some(number) = drive.nvme {
        (format!("nvme{number}n1"), format!("nvme{number}n1p1"))
    } else if let Some(map) = drive.map {
        make_map(store, drive, map)?;
        map_nodes(map)
    } else {
        // The paths have these names in common. udev links them to the path that it handles last, which is any.
        let last = usize::try_from(drive.guid % 2).unwrap_or(0);
        let Some(path) = drive.paths.get(last).or(drive.paths.first()) else { return Ok(()) };
        (path.sd(), format!("{}1", path.sd()))
    };
    for name in by_id_names(drive) {
        link_disk(root, &format!("by-id/{name}"), &disk, &partition)?;
    }
    let Some(bay) = drive.bay else { return Ok(()) };
    link_disk(root, &format!("by-vdev/{}", vdev_name(host, drive)), &disk, &partition)?;
    for path in &drive.paths {
        let (name, sd) = (by_path(host, bay.shelf, bay.place, path.host, path.lun), path.sd());
        link_disk(root, &format!("by-path/{name}"), &sd, &format!("{sd}1"))?;
    }
    Ok(())
}

/// Links a name below `dev/disk` to a disk, and the name of its partition.
fn link_disk(root: &Path, name: &str, disk: &str, partition: &str) -> Result<()> {
    link(root, &format!("dev/disk/{name}"), &format!("dev/{disk}"))?;
    link(root, &format!("dev/disk/{name}-part1"), &format!("dev/{partition}"))
}

/// The alias of the bay, as in `vdev_id.conf(5)`. That of a further logical unit ends with its LUN.
pub fn vdev_name(host: &Host, drive: &Drive) -> String {
    let Some(bay) = drive.bay.or(drive.pulled_from) else { return String::new() };
    let alias = format!("e{}s{}", bay.shelf, bay.place + host.slot_base);
    match drive.paths.first() {
        Some(path) if path.lun > 0 => format!("{alias}-lun{}", path.lun),
        _ => alias,
    }
}

/// Removes all links and the maps that `make` creates for the present state of a drive.
pub fn remove_all(store: &Store, host: &Host, drive: &Drive) -> Result<()> {
    drive.units().try_for_each(|unit| remove_of_unit(store, host, &unit))
}

fn remove_of_unit(store: &Store, host: &Host, drive: &Drive) -> Result<()> {
    let mut names: Vec<String> = by_id_names(drive).into_iter().map(|name| format!("by-id/{name}")).collect();
    if let Some(bay) = drive.bay {
        names.push(format!("by-vdev/{}", vdev_name(host, drive)));
        for path in &drive.paths {
            names.push(format!("by-path/{}", by_path(host, bay.shelf, bay.place, path.host, path.lun)));
        }
    }
    for name in names {
        remove(&store.root.join(format!("dev/disk/{name}")))?;
        remove(&store.root.join(format!("dev/disk/{name}-part1")))?;
    }
    let (Some(map), Some(name)) = (drive.map, drive.map_name()) else { return Ok(()) };
    let (disk, partition) = map_nodes(map);
    remove_map_node(store, &disk, &name)?;
    remove_map_node(store, &partition, &format!("{name}-part1"))?;
    let wwn = drive.wwn.as_deref().unwrap_or_default();
    remove(&store.root.join(format!("dev/disk/by-id/dm-name-{name}")))?;
    remove(&store.root.join(format!("dev/disk/by-id/dm-uuid-mpath-3{wwn}")))
}

fn remove_map_node(store: &Store, node: &str, name: &str) -> Result<()> {
    for path in [
        format!("dev/{node}"),
        format!("dev/mapper/{name}"),
        format!("sys/block/{node}"),
        format!("sys/class/block/{node}"),
    ] {
        remove(&store.root.join(path))?;
    }
    remove_tree(&store.root.join(format!("sys/devices/virtual/block/{node}")))
}

/// Creates the multipath map over the present paths, and the map of its partition.
fn make_map(store: &Store, drive: &Drive, map: u32) -> Result<()> {
    let root = &store.root;
    let (Some(name), Some(bay)) = (drive.map_name(), drive.bay) else { return Ok(()) };
    let wwn = drive.wwn.as_deref().unwrap_or_default();
    let (disk, partition) = map_nodes(map);
    let mut paths = Vec::new();
    for path in &drive.paths {
        paths.push((path.sd(), format!("{}/block/{}", drive_dir(bay.shelf, path), path.sd())));
    }
    make_map_node(store, drive, &disk, [&name, &format!("mpath-3{wwn}")], &paths)?;
    let whole = [(disk.clone(), format!("sys/devices/virtual/block/{disk}"))];
    make_map_node(store, drive, &partition, [&format!("{name}-part1"), &format!("part1-mpath-3{wwn}")], &whole)?;
    link(root, &format!("dev/disk/by-id/dm-name-{name}"), &format!("dev/{disk}"))?;
    link(root, &format!("dev/disk/by-id/dm-uuid-mpath-3{wwn}"), &format!("dev/{disk}"))
}

/// Creates a map with its name and UUID over block devices, which are names with directories.
fn make_map_node(
    store: &Store,
    drive: &Drive,
    node: &str,
    [name, uuid]: [&str; 2],
    slaves: &[(String, String)],
) -> Result<()> {
    let root = &store.root;
    let dir = format!("sys/devices/virtual/block/{node}");
    let path = root.join(&dir);
    remove_tree(&path)?;
    make_dir(&path.join("dm"))?;
    make_dir(&path.join("slaves"))?;
    make_dir(&path.join("holders"))?;
    attribute(&path.join("dm"), "name", name)?;
    attribute(&path.join("dm"), "uuid", uuid)?;
    attribute(&path, "removable", "0")?;
    disk(&path, drive.bytes, drive.rotation > 0)?;
    for (slave, slave_dir) in slaves {
        link(root, &format!("{dir}/slaves/{slave}"), slave_dir)?;
        make_dir(&root.join(slave_dir).join("holders"))?;
        link(root, &format!("{slave_dir}/holders/{node}"), &dir)?;
    }
    link(root, &format!("sys/block/{node}"), &dir)?;
    link(root, &format!("sys/class/block/{node}"), &dir)?;
    put(&root.join("dev").join(node), "")?;
    link(root, &format!("dev/mapper/{name}"), &format!("dev/{node}"))
}

/// The path of a leaf. A drive without paths has names that it had before.
pub fn leaf_path(host: &Host, drive: &Drive) -> LeafPath {
    let name = match (host.leaf, drive.map_name()) {
        _ if drive.nvme.is_some() => by_id_partition(drive),
        (LeafName::Mapper, Some(map)) => format!("mapper/{map}-part1"),
        (LeafName::ById | LeafName::Mapper, _) => by_id_partition(drive),
        (LeafName::ByVdev, _) => format!("disk/by-vdev/{}-part1", vdev_name(host, drive)),
        (LeafName::ByPath, _) => format!("disk/by-path/{}-part1", first_by_path(host, drive)),
        (LeafName::Sd | LeafName::Partition, _) => match drive.paths.first() {
            Some(path) => format!("{}1", path.sd()),
            None => "sdgone1".to_owned(),
        },
    };
    LeafPath { path: format!("/dev/{name}"), is_whole_disk: host.leaf != LeafName::Partition }
}

fn by_id_partition(drive: &Drive) -> String {
    format!("disk/by-id/{}-part1", pool_by_id(drive))
}

fn first_by_path(host: &Host, drive: &Drive) -> String {
    let Some(bay) = drive.bay.or(drive.pulled_from) else { return String::new() };
    let (iom, lun) = match drive.paths.first() {
        Some(path) => (path.host, path.lun),
        None => (0, 0),
    };
    by_path(host, bay.shelf, bay.place, iom, lun)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::products::sample;

    #[test]
    fn names_are_those_of_udev() {
        let mut drive = sample(Kind::Sata);
        drive.model = "WDC  WUH721414ALE6L4".to_owned();
        drive.serial = "9JG00001".to_owned();
        assert_eq!(by_id_names(&drive).first().map(String::as_str), Some("ata-WDC_WUH721414ALE6L4_9JG00001"));
    }
}
