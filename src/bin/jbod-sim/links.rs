//! What udev and device-mapper add: `dev/disk/by-…` and multipath maps. Links are made from where
//! a drive is now, and taken away by name.

use crate::device_dirs::{by_path, drive_dir};
use crate::drive::{Drive, Kind, Path};
use crate::files::{attribute, link, make_dir, put, remove, remove_tree};
use crate::store::{Host, LeafName, Store};
use crate::sysfs::disk;
use anyhow::Result;

/// udev's way to write a model or serial into a name.
fn clean(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join("_").chars().map(|c| if c.is_ascii_alphanumeric() || "#+-.:=@_".contains(c) { c } else { '_' }).collect()
}

/// Names in by-id of the whole drive.
pub fn by_id_names(drive: &Drive) -> Vec<String> {
    let mut names = Vec::new();
    match (drive.kind, &drive.wwn) {
        (Kind::Nvme, wwn) => {
            names.push(format!("nvme-{}_{}", clean(&drive.model), clean(&drive.serial)));
            names.extend(wwn.iter().map(|w| format!("nvme-eui.{w}")));
        }
        (Kind::Sata, wwn) => {
            names.push(format!("ata-{}_{}", clean(&drive.model), clean(&drive.serial)));
            names.extend(wwn.iter().map(|w| format!("wwn-0x{w}")));
        }
        (_, Some(wwn)) => names.extend([format!("wwn-0x{wwn}"), format!("scsi-3{wwn}")]),
        (_, None) => {
            names.push(format!("scsi-S{}_{}_{}", clean(&drive.vendor), clean(&drive.model), clean(&drive.serial)));
        }
    }
    names
}

/// The one name in by-id that a pool uses.
pub fn pool_by_id(drive: &Drive) -> String {
    let names = by_id_names(drive);
    let which = if matches!(drive.kind, Kind::Sas | Kind::Ssd) { drive.guid % 2 } else { 0 };
    names.get(usize::try_from(which).unwrap_or(0)).or(names.first()).cloned().unwrap_or_default()
}

/// Where a map's partition device is numbered: the map is dm-2n, its partition dm-(2n+1).
fn map_nodes(number: u32) -> (String, String) {
    (format!("dm-{}", number * 2), format!("dm-{}", number * 2 + 1))
}

/// Makes every link of a drive that is here; drops those of paths it does not have.
pub fn make(store: &Store, host: &Host, drive: &Drive) -> Result<()> {
    drive.units().try_for_each(|unit| make_of_unit(store, host, &unit))
}

fn make_of_unit(store: &Store, host: &Host, drive: &Drive) -> Result<()> {
    let root = &store.root;
    let (disk_node, partition_node) = if let Some(number) = drive.nvme {
        (format!("nvme{number}n1"), format!("nvme{number}n1p1"))
    } else if let Some(map) = drive.map {
        make_map(store, drive, map)?;
        map_nodes(map)
    } else {
        // udev leaves a shared link with whichever path came last; here that is either.
        let which = usize::try_from(drive.guid % 2).unwrap_or(0);
        let Some(path) = drive.paths.get(which).or(drive.paths.first()) else { return Ok(()) };
        (path.sd(), format!("{}1", path.sd()))
    };
    let both = |folder: &str, name: &str, disk: &str, partition: &str| -> Result<()> {
        link(root, &format!("dev/disk/{folder}/{name}"), &format!("dev/{disk}"))?;
        link(root, &format!("dev/disk/{folder}/{name}-part1"), &format!("dev/{partition}"))
    };
    for name in by_id_names(drive) {
        both("by-id", &name, &disk_node, &partition_node)?;
    }
    let Some(bay) = drive.bay else { return Ok(()) };
    both("by-vdev", &vdev_name(host, drive), &disk_node, &partition_node)?;
    for path in &drive.paths {
        let sd = path.sd();
        both("by-path", &by_path(host, bay.shelf, bay.place, path.host, path.lun), &sd, &format!("{sd}1"))?;
    }
    Ok(())
}

/// The alias of its bay, as `vdev_id.conf` gives one; that of a further unit has its LUN.
pub fn vdev_name(host: &Host, drive: &Drive) -> String {
    let lun =
        drive.paths.first().filter(|path| path.lun > 0).map_or_else(String::new, |path| format!("-lun{}", path.lun));
    let bay = drive.bay.or(drive.pulled_from);
    bay.map_or_else(String::new, |b| format!("e{}s{}{lun}", b.shelf, b.place + host.slot_base))
}

/// Takes every link of a drive away, as it stands now.
pub fn take_away(store: &Store, host: &Host, drive: &Drive) -> Result<()> {
    drive.units().try_for_each(|unit| take_away_of_unit(store, host, &unit))
}

fn take_away_of_unit(store: &Store, host: &Host, drive: &Drive) -> Result<()> {
    let mut names: Vec<String> = by_id_names(drive).into_iter().map(|n| format!("by-id/{n}")).collect();
    if let Some(bay) = drive.bay {
        names.push(format!("by-vdev/{}", vdev_name(host, drive)));
        names.extend(
            drive.paths.iter().map(|p| format!("by-path/{}", by_path(host, bay.shelf, bay.place, p.host, p.lun))),
        );
    }
    for name in names {
        remove(&store.root.join(format!("dev/disk/{name}")))?;
        remove(&store.root.join(format!("dev/disk/{name}-part1")))?;
    }
    if let (Some(map), Some(name)) = (drive.map, drive.map_name()) {
        let (whole, part) = map_nodes(map);
        for (node, name) in [(whole, name.clone()), (part, format!("{name}-part1"))] {
            for at in [
                format!("dev/{node}"),
                format!("dev/mapper/{name}"),
                format!("sys/block/{node}"),
                format!("sys/class/block/{node}"),
            ] {
                remove(&store.root.join(at))?;
            }
            remove_tree(&store.root.join(format!("sys/devices/virtual/block/{node}")))?;
        }
        let wwn = drive.wwn.as_deref().unwrap_or_default();
        for at in [format!("dm-name-{name}"), format!("dm-uuid-mpath-3{wwn}")] {
            remove(&store.root.join(format!("dev/disk/by-id/{at}")))?;
        }
    }
    Ok(())
}

/// The multipath map over the paths that are here, and the map of its partition.
fn make_map(store: &Store, drive: &Drive, map: u32) -> Result<()> {
    let root = &store.root;
    let (Some(name), Some(bay)) = (drive.map_name(), drive.bay) else { return Ok(()) };
    let wwn = drive.wwn.as_deref().unwrap_or_default();
    let (whole, part) = map_nodes(map);
    let slaves = |paths: &[Path]| -> Vec<(String, String)> {
        paths.iter().map(|p| (p.sd(), format!("{}/block/{}", drive_dir(bay.shelf, p), p.sd()))).collect()
    };
    let whole_dir = format!("sys/devices/virtual/block/{whole}");
    let below_part = vec![(whole.clone(), whole_dir)];
    for (node, name, uuid, below) in [
        (&whole, name.clone(), format!("mpath-3{wwn}"), slaves(&drive.paths)),
        (&part, format!("{name}-part1"), format!("part1-mpath-3{wwn}"), below_part),
    ] {
        let dir = format!("sys/devices/virtual/block/{node}");
        let path = root.join(&dir);
        remove_tree(&path)?;
        make_dir(&path.join("dm"))?;
        make_dir(&path.join("slaves"))?;
        make_dir(&path.join("holders"))?;
        attribute(&path.join("dm"), "name", &name)?;
        attribute(&path.join("dm"), "uuid", &uuid)?;
        attribute(&path, "removable", "0")?;
        disk(&path, drive.bytes, drive.rotation > 0)?;
        for (slave, at) in below {
            link(root, &format!("{dir}/slaves/{slave}"), &at)?;
            make_dir(&root.join(&at).join("holders"))?;
            link(root, &format!("{at}/holders/{node}"), &dir)?;
        }
        link(root, &format!("sys/block/{node}"), &dir)?;
        link(root, &format!("sys/class/block/{node}"), &dir)?;
        put(&root.join("dev").join(node), "")?;
        link(root, &format!("dev/mapper/{name}"), &format!("dev/{node}"))?;
    }
    link(root, &format!("dev/disk/by-id/dm-name-{name}"), &format!("dev/{whole}"))?;
    link(root, &format!("dev/disk/by-id/dm-uuid-mpath-3{wwn}"), &format!("dev/{whole}"))
}

/// How ZFS stores a leaf: its full path, and whether the disk was given whole.
pub fn leaf_path(host: &Host, drive: &Drive) -> (String, bool) {
    let first = drive.paths.first().map_or_else(|| "sdgone".to_owned(), Path::sd);
    let whole = match host.leaf {
        _ if drive.nvme.is_some() => format!("disk/by-id/{}-part1", pool_by_id(drive)),
        LeafName::Mapper if drive.map.is_some() => format!("mapper/{}-part1", drive.map_name().unwrap_or_default()),
        LeafName::ByVdev => format!("disk/by-vdev/{}-part1", vdev_name(host, drive)),
        LeafName::ByPath => {
            let bay = drive.bay.or(drive.pulled_from);
            let (iom, lun) = drive.paths.first().map_or((0, 0), |p| (p.host, p.lun));
            let name = bay.map_or_else(String::new, |b| by_path(host, b.shelf, b.place, iom, lun));
            format!("disk/by-path/{name}-part1")
        }
        LeafName::Sd | LeafName::Partition => format!("{first}1"),
        LeafName::ById | LeafName::Mapper => format!("disk/by-id/{}-part1", pool_by_id(drive)),
    };
    (format!("/dev/{whole}"), host.leaf != LeafName::Partition)
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
