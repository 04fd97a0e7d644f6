//! Making up: drives, shelf names and pools, the same for the same seed. Pure.

use crate::drive::{Bay, Drive, Kind, Path, hash, mix, unit_key};
use crate::store::{Host, Iom, Next, Pool, Shelf, Vdev};
use clap::ValueEnum;
use serde_json::Map;

/// How the shelf names its bays.
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
    /// "`ArrayDevice00`"
    Array,
    /// "SLOT 039,SERIAL           ", with trailing blanks
    Serial,
}

impl SlotNames {
    /// The first number such shelves use.
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

/// A product as it names itself.
struct Product {
    vendor: &'static str,
    model: &'static str,
    firmware: &'static str,
    /// The upper digits of its NAA names.
    naa: &'static str,
    bytes: u64,
    rotation: u32,
    /// How its serials begin.
    serial: &'static str,
}

const fn product(
    vendor: &'static str,
    model: &'static str,
    firmware: &'static str,
    naa: &'static str,
    bytes: u64,
    rotation: u32,
    serial: &'static str,
) -> Product {
    Product { vendor, model, firmware, naa, bytes, rotation, serial }
}

const SAS: [Product; 4] = [
    product("SEAGATE", "ST16000NM004J", "E004", "5000c500", 16_000_900_661_248, 7200, "ZR7"),
    product("HGST", "HUH721212AL5200", "A3D0", "5000cca2", 12_000_138_625_024, 7200, "8DJ"),
    product("WDC", "WUH721818AL5204", "C232", "5000cca2", 18_000_207_937_536, 7200, "3FK"),
    product("SEAGATE", "ST8000NM0075", "E005", "5000c500", 8_001_563_222_016, 7200, "ZA2"),
];
const DUAL_ACTUATOR: [Product; 1] =
    [product("SEAGATE", "ST14000NM0001", "K002", "5000c500", 14_000_519_643_136, 7200, "ZKL")];
const SATA: [Product; 3] = [
    product("ATA", "WDC  WUH721414ALE6L4", "LDGNW240", "5000cca2", 14_000_519_643_136, 7200, "9JG"),
    product("ATA", "ST16000NM001G-2KK103", "SN03", "5000c500", 16_000_900_661_248, 7200, "ZL2"),
    product("ATA", "HGST HUS728T8TALE6L4", "V8GNW460", "5000cca0", 8_001_563_222_016, 7200, "VGH"),
];
const SSD: [Product; 2] = [
    product("SAMSUNG", "MZILT3T8HALS/007", "GXA0", "5002538b", 3_840_755_982_336, 0, "S5G0NC0R4"),
    product("SAMSUNG", "MZILS1T6HEJH/007", "FXA0", "5002538a", 1_600_321_314_816, 0, "S3E2NX0K9"),
];
const SATA_SSD: [Product; 1] =
    [product("ATA", "SAMSUNG MZ7LH3T8HMLT-00005", "HXT7404Q", "5002538e", 3_840_755_982_336, 0, "S456NY0M2")];
const NVME: [Product; 1] =
    [product("", "SAMSUNG MZQL23T8HCLS-00A07", "GDC5602Q", "36344630", 3_840_755_982_336, 0, "S64HNE0R7")];

/// The `index`-th drive of the host: its kind decides the product, its number makes it unique.
pub fn make_up(seed: u64, kind: Kind, index: u64) -> Drive {
    let products: &[Product] = match kind {
        Kind::Sas => &SAS,
        Kind::Sata => &SATA,
        Kind::Ssd => &SSD,
        Kind::Nvme => &NVME,
    };
    of_products(seed, kind, index, products)
}

/// The same for a SATA SSD, which is a SATA drive that does not turn.
pub fn sata_ssd(seed: u64, index: u64) -> Drive {
    of_products(seed, Kind::Sata, index, &SATA_SSD)
}

/// The same for a SAS hard disk with two actuators: two logical units, each with half of its capacity.
pub fn dual_actuator(seed: u64, index: u64) -> Drive {
    Drive { units: 2, ..of_products(seed, Kind::Sas, index, &DUAL_ACTUATOR) }
}

fn of_products(seed: u64, kind: Kind, index: u64, products: &[Product]) -> Drive {
    // Drives are bought by the dozen.
    let which = mix(seed ^ hash("product") ^ (index / 24)) % products.len().max(1) as u64;
    let fallback = &NVME[0];
    let it = products.get(usize::try_from(which).unwrap_or(0)).unwrap_or(fallback);
    // An odd factor makes a one-to-one map of the numbers below 2^25: unique, and looks random.
    let spread = (index.wrapping_mul(0x9e_3779) ^ (mix(seed) & 0x1ff_ffff)) & 0x1ff_ffff;
    let base32 = "0123456789ABCDEFGHJKLMNPQRSTUVWX".as_bytes();
    let code: String = (0..5)
        .rev()
        .map(|n| char::from(*base32.get(usize::try_from(spread >> (n * 5) & 31).unwrap_or(0)).unwrap_or(&b'0')))
        .collect();
    let serial = match (kind, it.vendor) {
        (Kind::Sas, "SEAGATE") => {
            format!("{}{code}0000C{:03}{:04X}", it.serial, index % 1000, mix(seed ^ index) & 0xffff)
        }
        _ => format!("{}{code}", it.serial),
    };
    let wwn = format!("{}{:08x}", it.naa, spread << 7 | (index & 1) << 6);
    Drive {
        key: serial.clone(),
        guid: mix(seed ^ hash(&serial)) | 1 << 63,
        serial,
        vendor: it.vendor.to_owned(),
        model: it.model.to_owned(),
        firmware: it.firmware.to_owned(),
        kind,
        wwn: Some(wwn),
        t10: kind == Kind::Sata && index % 9 == 4,
        bytes: it.bytes,
        units: 1,
        rotation: it.rotation,
        bay: None,
        pulled_from: None,
        paths: Vec::new(),
        nvme: None,
        map: None,
        raid: None,
        usb: None,
        recorded: None,
        state: Map::new(),
        leaf: Map::new(),
    }
}

/// Which bays of `bays` hold the `drives`: the empty ones stand spread among them.
pub fn occupied(bays: usize, drives: usize) -> Vec<usize> {
    // Bay b is empty when the running share of empty bays steps up at it.
    let empty = bays.saturating_sub(drives);
    let share = |b: usize| (b * empty + empty / 2) / bays.max(1);
    (0..bays).filter(|b| share(b + 1) == share(*b)).collect()
}

/// What kinds the drives are, in the order of bays: SSDs first in their shelves, SATA in groups.
pub fn kinds(drives: usize, sata: usize, ssd: usize) -> Vec<Kind> {
    let hard = drives.saturating_sub(ssd);
    let step = |n: usize| (n * sata).checked_div(hard).unwrap_or(0);
    let disks = (0..hard).map(|n| if step(n + 1) > step(n) { Kind::Sata } else { Kind::Sas });
    std::iter::repeat_n(Kind::Ssd, ssd.min(drives)).chain(disks).collect()
}

/// Gives every drive in a bay its addresses and names, and every IOM its own: all of host 0 first,
/// then all of host 1, as the kernel scans them.
pub fn number(host: &mut Host, drives: &mut [Drive], paths: u32, multipath: bool) -> u32 {
    let (mut disk, mut generic) = (0, 0);
    host.next = (0..paths).map(|_| Next { target: 0, ports: vec![0; host.shelves.len()] }).collect();
    for (scsi, next) in (0u32..).zip(host.next.iter_mut()) {
        for (index, shelf) in host.shelves.iter_mut().enumerate() {
            let mut port = 0;
            for drive in drives.iter_mut().filter(|d| d.bay.is_some_and(|b| b.shelf == index)) {
                for lun in 0..drive.units {
                    drive.paths.push(Path { host: scsi, port, target: next.target, lun, disk, generic });
                    (disk, generic) = (disk + 1, generic + 1);
                }
                (port, next.target) = (port + 1, next.target + 1);
            }
            shelf.ioms.push(Iom { port, target: next.target, generic });
            (generic, next.target) = (generic + 1, next.target + 1);
            if let Some(slot) = next.ports.get_mut(index) {
                *slot = port + 1;
            }
        }
    }
    if multipath {
        // A drive without a NAA name gets no map: multipathd has nothing to match its paths by.
        let mut next = 0;
        for drive in drives.iter_mut().filter(|d| d.bay.is_some() && d.wwn.is_some()) {
            drive.map = Some(next);
            next += drive.units;
        }
    }
    generic
}

/// A shelf with bays not yet named.
pub fn shelf(seed: u64, index: usize, bays: usize) -> Shelf {
    let id = 0x5003_0480_0000_0000 | (mix(seed ^ hash("shelf") ^ index as u64) & 0xff_ffff) << 8 | 0x3f;
    Shelf { id: format!("{id:016x}"), bays: vec![String::new(); bays], ioms: Vec::new() }
}

/// Stand the drives in the bays.
pub fn place(drives: &mut [Drive], shelves: usize, bays: usize) {
    let free = occupied(shelves * bays, drives.len());
    for (drive, at) in drives.iter_mut().zip(free) {
        drive.bay = Some(Bay { shelf: at / bays.max(1), place: at % bays.max(1) });
    }
}

/// Pools of raidz2 groups over the hard disks, with spares, and logs and cache on SSDs. Some
/// drives stay in no pool.
pub fn pools(drives: &[Drive], count: usize, width: usize) -> Vec<Pool> {
    let slotted = || drives.iter().filter(|d| d.bay.is_some());
    // Each logical unit is a member of its own, and the next one is in another group.
    let disks: Vec<String> =
        slotted().filter(|d| d.kind != Kind::Ssd).flat_map(|d| (0..d.units).map(|lun| unit_key(&d.key, lun))).collect();
    let flash: Vec<&Drive> = slotted().filter(|d| d.kind == Kind::Ssd).collect();
    let width = width.min(disks.len() / count.max(1));
    if count == 0 || width == 0 {
        return Vec::new();
    }
    let mut groups = disks.len() / width;
    if disks.len() % width < 3 && groups > count {
        groups -= 1; // for spares, and for drives that stay out
    }
    let (grade, parity) = match width {
        1 => ("", 0),
        2 | 3 => ("mirror", width - 1),
        _ => ("raidz2", 2),
    };
    let key = |d: &&Drive| d.key.clone();
    let names = ["tank", "backup", "archive", "media", "scratch"];
    let mut pools: Vec<Pool> = (0..count)
        .map(|n| {
            let name = names.get(n).map_or_else(|| format!("pool{n}"), |s| (*s).to_owned());
            Pool { name, data: Vec::new(), logs: Vec::new(), cache: Vec::new(), spares: Vec::new(), state: Map::new() }
        })
        .collect();
    for group in 0..groups {
        // Every groups-th drive: a group is spread over the shelves.
        let leaves = disks.iter().skip(group).step_by(groups).take(width).cloned().collect();
        if let Some(pool) = pools.get_mut(group % count) {
            let name = (!grade.is_empty()).then(|| format!("{grade}-{}", pool.data.len()));
            pool.data.push(Vdev { name, parity, leaves });
        }
    }
    let left: Vec<String> = disks.iter().skip(groups * width).cloned().collect();
    let spares = left.len().saturating_sub(2).max(usize::from(left.len() == 2)).min(2 * count);
    for (n, spare) in left.into_iter().take(spares).enumerate() {
        if let Some(pool) = pools.get_mut(n % count) {
            pool.spares.push(spare);
        }
    }
    if let Some(pool) = pools.first_mut() {
        if flash.len() >= 2 {
            let name = Some(format!("mirror-{}", pool.data.len()));
            pool.logs.push(Vdev { name, parity: 1, leaves: flash.iter().take(2).map(key).collect() });
        }
        pool.cache.extend(flash.get(2).map(|d| Vdev { name: None, parity: 0, leaves: vec![d.key.clone()] }));
    }
    pools
}

/// One drive, for unit tests.
#[cfg(test)]
pub fn sample(kind: Kind) -> Drive {
    let mut drive = make_up(1, kind, 7);
    drive.bay = Some(Bay { shelf: 0, place: 3 });
    drive.paths = vec![Path { host: 0, port: 3, target: 3, lun: 0, disk: 3, generic: 3 }];
    drive.t10 = false;
    drive
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn empty_bays_are_spread() {
        let full = occupied(84, 78);
        assert_eq!(full.len(), 78);
        let empty: Vec<usize> = (0..84).filter(|b| !full.contains(b)).collect();
        assert!(empty.windows(2).all(|w| matches!(w, [a, b] if b - a > 5)), "{empty:?}");
        assert_eq!(occupied(10, 10).len(), 10);
        assert_eq!(occupied(10, 0).len(), 0);
        assert_eq!(occupied(1000, 999).len(), 999);
    }

    #[test]
    fn names_are_unique_and_repeatable() {
        for kind in [Kind::Sas, Kind::Sata, Kind::Ssd] {
            let drives: Vec<Drive> = (0..20_000).map(|n| make_up(1, kind, n)).collect();
            assert_eq!(drives.iter().map(|d| &d.serial).collect::<HashSet<_>>().len(), 20_000);
            assert_eq!(drives.iter().map(|d| &d.wwn).collect::<HashSet<_>>().len(), 20_000);
        }
        assert_eq!(make_up(1, Kind::Sas, 5).serial, make_up(1, Kind::Sas, 5).serial);
        assert_ne!(make_up(1, Kind::Sas, 5).serial, make_up(2, Kind::Sas, 5).serial);
    }

    #[test]
    fn some_drives_stay_in_no_pool() {
        for disks in 1..120 {
            let mut drives: Vec<Drive> = (0..disks).map(|n| make_up(1, Kind::Sas, n)).collect();
            place(&mut drives, 2, 60);
            let used: usize = pools(&drives, 2, 10)
                .iter()
                .map(|p| p.spares.len() + p.data.iter().map(|v| v.leaves.len()).sum::<usize>())
                .sum();
            assert!(used <= drives.len());
            assert!(disks < 30 || used < drives.len(), "{disks} drives, {used} in pools");
        }
    }
}
