//! The layout of a host: which bays hold drives, how the kernel numbers them, and which pools they are in. Pure.

use crate::drive::{Bay, Drive, Kind, Path, hash, mix, unit_key};
use crate::store::{Host, Iom, NextNumbers, Pool, Shelf, Vdev};
use clap::ValueEnum;
use serde_json::Map;

/// How an enclosure names its bays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SlotNames {
    /// "Slot 00"
    Slot,
    /// "SLOT 001"
    Padded,
    /// "0"
    Bare,
    /// "Disk #00"
    Disk,
    #[value(help = "\"ArrayDevice00\"")]
    Array,
    /// "SLOT 039,SERIAL           ", padded with blanks
    Serial,
}

impl SlotNames {
    /// The number of the first bay.
    pub fn first(self) -> usize {
        usize::from(matches!(self, Self::Padded | Self::Serial))
    }

    pub fn name(self, number: usize, serial: Option<&str>) -> String {
        match self {
            Self::Slot => format!("Slot {number:02}"),
            Self::Padded => format!("SLOT {number:03}"),
            Self::Bare => number.to_string(),
            Self::Disk => format!("Disk #{number:02}"),
            Self::Array => format!("ArrayDevice{number:02}"),
            Self::Serial => format!("SLOT {number:03},{:<19}", serial.unwrap_or_default()),
        }
    }
}

/// A shelf whose bays have no names yet.
pub fn shelf(seed: u64, index: usize, bays: usize) -> Shelf {
    let id = 0x5003_0480_0000_0000 | (mix(seed ^ hash("shelf") ^ index as u64) & 0xff_ffff) << 8 | 0x3f;
    Shelf { id: format!("{id:016x}"), bays: vec![String::new(); bays], ioms: Vec::new() }
}

/// The kinds of the drives in the order of bays: SSDs first, then SATA drives distributed among SAS drives.
pub fn kinds(drives: usize, sata: usize, ssd: usize) -> Vec<Kind> {
    let disks = drives.saturating_sub(ssd);
    let mut kinds = vec![Kind::Ssd; ssd.min(drives)];
    for disk in 0..disks {
        let is_sata = (disk + 1) * sata / disks > disk * sata / disks;
        kinds.push(if is_sata { Kind::Sata } else { Kind::Sas });
    }
    kinds
}

/// Puts the drives into bays. Empty bays are distributed among the others.
pub fn place(drives: &mut [Drive], shelves: usize, bays: usize) {
    let occupied = occupied(shelves * bays, drives.len());
    for (drive, bay) in drives.iter_mut().zip(occupied) {
        drive.bay = Some(Bay { shelf: bay / bays.max(1), place: bay % bays.max(1) });
    }
}

fn occupied(bays: usize, drives: usize) -> Vec<usize> {
    let empty = bays.saturating_sub(drives);
    (0..bays).filter(|bay| empty_before(bay + 1, empty, bays) == empty_before(*bay, empty, bays)).collect()
}

/// How many of the empty bays have a number below `bay`.
fn empty_before(bay: usize, empty: usize, bays: usize) -> usize {
    (bay * empty + empty / 2) / bays.max(1)
}

/// Gives drives in bays and IO modules their addresses and names in the order in which the kernel scans: all of SCSI
/// host 0, then all of host 1. Returns the number of the next sg node.
pub fn assign_addresses(host: &mut Host, drives: &mut [Drive], paths: u32) -> u32 {
    let (mut disk, mut generic) = (0, 0);
    host.next = (0..paths).map(|_| NextNumbers { target: 0, ports: vec![0; host.shelves.len()] }).collect();
    for (scsi_host, next) in (0u32..).zip(host.next.iter_mut()) {
        for (index, shelf) in host.shelves.iter_mut().enumerate() {
            let mut port = 0;
            for drive in drives.iter_mut() {
                if drive.bay.is_none_or(|bay| bay.shelf != index) {
                    continue;
                }
                for lun in 0..drive.units {
                    drive.paths.push(Path { host: scsi_host, port, target: next.target, lun, disk, generic });
                    (disk, generic) = (disk + 1, generic + 1);
                }
                (port, next.target) = (port + 1, next.target + 1);
            }
            shelf.ioms.push(Iom { port, target: next.target, generic });
            (generic, next.target) = (generic + 1, next.target + 1);
            if let Some(next_port) = next.ports.get_mut(index) {
                *next_port = port + 1;
            }
        }
    }
    generic
}

/// Numbers the multipath maps. A drive without an NAA name has none: multipathd matches paths by name.
pub fn assign_maps(drives: &mut [Drive]) {
    let mut next = 0;
    for drive in drives {
        if drive.bay.is_some() && drive.wwn.is_some() {
            drive.map = Some(next);
            next += drive.units;
        }
    }
}

/// Pools of groups of hard disks, with spares, and with a log and a cache on SSDs. Some drives are in no pool.
pub fn pools(drives: &[Drive], count: usize, width: usize) -> Vec<Pool> {
    let (disks, ssds) = pool_members(drives);
    let width = width.min(disks.len() / count.max(1));
    if count == 0 || width == 0 {
        return Vec::new();
    }
    let mut groups = disks.len() / width;
    if disks.len() % width < 3 && groups > count {
        groups -= 1; // leaves disks for spares and for no pool
    }
    let mut pools: Vec<Pool> = (0..count).map(empty_pool).collect();
    for group in 0..groups {
        // Every groups-th disk: a group is spread over the shelves.
        let leaves = disks.iter().skip(group).step_by(groups).take(width).cloned().collect();
        if let Some(pool) = pools.get_mut(group % count) {
            let vdev = data_vdev(pool.data.len(), width, leaves);
            pool.data.push(vdev);
        }
    }
    add_spares(&mut pools, disks.into_iter().skip(groups * width).collect());
    if let Some(pool) = pools.first_mut() {
        add_log_and_cache(pool, &ssds);
    }
    pools
}

/// The keys of the logical units of hard disks, and of SSDs. Consecutive ones are members of different groups.
fn pool_members(drives: &[Drive]) -> (Vec<String>, Vec<String>) {
    let (mut disks, mut ssds) = (Vec::new(), Vec::new());
    for drive in drives {
        if drive.bay.is_none() {
            continue;
        }
        if drive.kind == Kind::Ssd {
            ssds.push(drive.key.clone());
        } else {
            disks.extend((0..drive.units).map(|lun| unit_key(&drive.key, lun)));
        }
    }
    (disks, ssds)
}

fn empty_pool(number: usize) -> Pool {
    let name = match ["tank", "backup", "archive", "media", "scratch"].get(number) {
        Some(name) => (*name).to_owned(),
        None => format!("pool{number}"),
    };
    Pool { name, data: Vec::new(), logs: Vec::new(), cache: Vec::new(), spares: Vec::new(), state: Map::new() }
}

fn data_vdev(number: usize, width: usize, leaves: Vec<String>) -> Vdev {
    match width {
        1 => Vdev { name: None, parity: 0, leaves },
        2 | 3 => Vdev { name: Some(format!("mirror-{number}")), parity: width - 1, leaves },
        _ => Vdev { name: Some(format!("raidz2-{number}")), parity: 2, leaves },
    }
}

/// At most two for each pool. Where possible, two disks remain in no pool.
fn add_spares(pools: &mut [Pool], disks: Vec<String>) {
    let spares = match disks.len() {
        2 => 1,
        count => count.saturating_sub(2).min(2 * pools.len()),
    };
    let count = pools.len();
    for (number, spare) in disks.into_iter().take(spares).enumerate() {
        if let Some(pool) = pools.get_mut(number % count) {
            pool.spares.push(spare);
        }
    }
}

/// A mirrored log on the first two SSDs, and a cache on the third.
fn add_log_and_cache(pool: &mut Pool, ssds: &[String]) {
    if let [first, second, ..] = ssds {
        let name = Some(format!("mirror-{}", pool.data.len()));
        pool.logs.push(Vdev { name, parity: 1, leaves: vec![first.clone(), second.clone()] });
    }
    if let [_, _, third, ..] = ssds {
        pool.cache.push(Vdev { name: None, parity: 0, leaves: vec![third.clone()] });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::products::generate;

    #[test]
    fn empty_bays_are_distributed() {
        let full = occupied(84, 78);
        assert_eq!(full.len(), 78);
        let empty: Vec<usize> = (0..84).filter(|bay| !full.contains(bay)).collect();
        assert!(empty.windows(2).all(|pair| matches!(pair, [first, second] if second - first > 5)), "{empty:?}");
        assert_eq!(occupied(10, 10).len(), 10);
        assert_eq!(occupied(10, 0).len(), 0);
        assert_eq!(occupied(1000, 999).len(), 999);
    }

    #[test]
    fn some_drives_are_in_no_pool() {
        for disks in 1..120 {
            let mut drives: Vec<Drive> = (0..disks).map(|index| generate(1, Kind::Sas, index)).collect();
            place(&mut drives, 2, 60);
            let mut used = 0;
            for pool in pools(&drives, 2, 10) {
                used += pool.spares.len() + pool.data.iter().map(|vdev| vdev.leaves.len()).sum::<usize>();
            }
            assert!(used <= drives.len());
            assert!(disks < 30 || used < drives.len(), "{disks} drives, {used} in pools");
        }
    }
}
