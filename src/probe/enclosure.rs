//! Shelves and bays from the kernel's enclosure class.
//!
//! Two kinds of attribute: those the kernel holds itself (`id`, `slot`, `type`, the `device`
//! link), read at once, and those for which it asks the shelf (`status`, `fault`, `locate`,
//! `active`, `power_status`). A silent shelf blocks the reader of the latter for good, so they
//! are read by a child that may be lost (`shelves`).

use super::sysfs::{awaited, listed};
use super::{Host, attribute, link_name};
use crate::domain::enclosure::words::{PowerStatus, SlotStatus};
use crate::domain::enclosure::{Enclosure, Slot, SlotAnswer};
use crate::domain::identity::EnclosureId;
use crate::domain::text::natural_cmp;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

/// One IO module's view of its shelf.
#[derive(Clone, Debug)]
struct EnclosureModule {
    sysfs_name: String,
    id: Option<EnclosureId>,
    vendor: Option<String>,
    model: Option<String>,
    rev: Option<String>,
    bays: Vec<BayFiles>,
}

#[derive(Clone, Debug)]
struct BayFiles {
    /// Directory name as it stands, blanks and all.
    dir: String,
    slot: u32,
    address: Option<String>,
}

/// Where a bay's attributes are, for `read_blocking`.
#[derive(Clone, Debug)]
pub(crate) struct SlotPath {
    pub(crate) slot: u32,
    pub(super) dir: PathBuf,
}

/// The bays of one IO module, to be asked about.
#[derive(Clone, Debug)]
pub struct IoModule {
    pub(crate) enclosure: EnclosureId,
    pub(crate) sysfs_name: String,
    pub(crate) bays: Vec<SlotPath>,
}

impl IoModule {
    /// Where the attributes of its bays are; `None` where a path is no UTF-8.
    pub(crate) fn slot_paths(&self) -> Option<Vec<&str>> {
        self.bays.iter().map(|bay| bay.dir.to_str()).collect()
    }
}

/// Every enclosure with its bays and who sits in them; what the shelf must answer is still open.
/// `same_drive` tells whether two SCSI addresses are paths of one drive. An error: shelves may be there all the same.
pub fn discover(host: &Host, same_drive: impl Fn(&str, &str) -> bool) -> io::Result<(Vec<Enclosure>, Vec<IoModule>)> {
    let class = host.path("sys/class/enclosure");
    let mut sysfs_names = listed(&class)?;
    sysfs_names.sort_by(|a, b| natural_cmp(a, b));
    let mut shelves: Vec<Vec<EnclosureModule>> = Vec::new();
    for sysfs_name in sysfs_names {
        let module = look(&class.join(&sysfs_name), sysfs_name)?;
        if module.bays.is_empty() {
            continue;
        }
        match shelves.iter_mut().find(|shelf| shelf.iter().any(|m| is_same_shelf(m, &module, &same_drive))) {
            Some(shelf) => shelf.push(module),
            None => shelves.push(vec![module]),
        }
    }
    let mut to_ask = Vec::new();
    let mut taken = HashSet::new();
    let mut enclosures: Vec<Enclosure> =
        shelves.into_iter().map(|shelf| join(&class, shelf, &mut taken, &mut to_ask)).collect();
    enclosures.sort_by(|a, b| natural_cmp(&a.id, &b.id));
    Ok((enclosures, to_ask))
}

/// What only the shelf can say of a bay, in this order.
const ATTRIBUTES: [&str; 5] = ["status", "fault", "locate", "active", "power_status"];

/// Asks the shelf, through one IO module, for all its bays. May block for good.
pub(crate) fn read_blocking(module: &IoModule) -> HashMap<u32, SlotAnswer> {
    answers(module, &told(module.bays.iter().map(|bay| bay.dir.as_path())))
}

/// The same as text, a line for each attribute of each bay; empty where there is none.
pub(super) fn told<'a>(dirs: impl Iterator<Item = &'a Path>) -> String {
    let line = |path: PathBuf| awaited(&path).unwrap_or_default().replace('\n', " ") + "\n";
    dirs.flat_map(|dir| ATTRIBUTES.map(|name| line(dir.join(name)))).collect()
}

/// That text understood.
pub(crate) fn answers(module: &IoModule, told: &str) -> HashMap<u32, SlotAnswer> {
    let mut lines = told.lines();
    let mut next = || lines.next().filter(|line| !line.is_empty()).map(str::to_owned);
    let answer = |bay: &SlotPath| (bay.slot, answer([(); 5].map(|()| next())));
    module.bays.iter().map(answer).collect()
}

fn answer([status, fault, locate, active, power_status]: [Option<String>; 5]) -> SlotAnswer {
    let fault = fault.and_then(|f| f.parse::<u8>().ok());
    let flag = |text: Option<String>| text.and_then(|v| v.parse::<u8>().ok()).map(|v| v != 0);
    SlotAnswer {
        status: status.as_deref().map(SlotStatus::from),
        // The kernel's `fault` is two bits: 1 sensed by the shelf, 2 requested by somebody.
        fault_sensed: fault.map(|f| f & 1 != 0),
        fault_requested: fault.map(|f| f & 2 != 0),
        locate: flag(locate),
        active: flag(active),
        power_status: power_status.as_deref().map(PowerStatus::from),
    }
}

fn look(dir: &Path, sysfs_name: String) -> io::Result<EnclosureModule> {
    let device = dir.join("device");
    let read = |what: &str| attribute(&device.join(what));
    // A made-up or missing id must not join two shelves.
    let id = attribute(&dir.join("id")).filter(|id| id.trim_start_matches("0x").bytes().any(|b| b != b'0'));
    Ok(EnclosureModule {
        bays: bays(dir)?,
        sysfs_name,
        id: id.map(EnclosureId::from),
        vendor: read("vendor"),
        model: read("model"),
        rev: read("rev"),
    })
}

/// The bays: components of type "device" or "array device". `slot` is what the shelf's own
/// configuration says; where the kernel does not give it, the first number in the name counts,
/// and where that is no use either, the place in the list.
fn bays(dir: &std::path::Path) -> io::Result<Vec<BayFiles>> {
    let mut dirs: Vec<String> = listed(dir)?.into_iter().filter(|n| is_bay(&dir.join(n))).collect();
    dirs.sort_by(|a, b| natural_cmp(a, b));
    let attributes: Vec<Option<u32>> =
        dirs.iter().map(|n| attribute(&dir.join(n).join("slot")).and_then(|s| s.parse().ok())).collect();
    let numbers = distinct(&attributes)
        .or_else(|| distinct(&dirs.iter().map(|n| number_in(n)).collect::<Vec<_>>()))
        .unwrap_or_else(|| (0..).take(dirs.len()).collect());
    let bay =
        |(name, slot): (String, u32)| BayFiles { address: link_name(&dir.join(&name).join("device")), dir: name, slot };
    Ok(dirs.into_iter().zip(numbers).map(bay).collect())
}

fn is_bay(dir: &std::path::Path) -> bool {
    match attribute(&dir.join("type")) {
        Some(kind) => kind == "device" || kind == "array device",
        None => dir.join("status").exists() && dir.join("fault").exists(),
    }
}

/// All numbers, if every one is there and none twice.
fn distinct(numbers: &[Option<u32>]) -> Option<Vec<u32>> {
    let all: Vec<u32> = numbers.iter().copied().collect::<Option<_>>()?;
    let unique: HashSet<u32> = all.iter().copied().collect();
    (unique.len() == all.len()).then_some(all)
}

/// `SLOT 039,3GJ9Y2UE` is 39, `Drive Slot #0_0000000000000000` is 0.
fn number_in(name: &str) -> Option<u32> {
    let start = name.find(|c: char| c.is_ascii_digit())?;
    let digits = name.get(start..)?;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits.get(..end)?.parse().ok()
}

/// One logical id is one shelf, unless every bay says otherwise: ids are made up and copied too.
/// Where the kernel gives none, two modules are one shelf when bays of the same number hold the
/// same drives, and none contradicts.
fn is_same_shelf(a: &EnclosureModule, b: &EnclosureModule, same_drive: &impl Fn(&str, &str) -> bool) -> bool {
    let address =
        |m: &EnclosureModule, slot: u32| m.bays.iter().find(|y| y.slot == slot).and_then(|y| y.address.clone());
    let pairs: Vec<bool> =
        a.bays.iter().filter_map(|bay| Some(same_drive(bay.address.as_deref()?, &address(b, bay.slot)?))).collect();
    if a.id.is_some() || b.id.is_some() {
        // A single bay may be changing its drive right now.
        return a.id == b.id && (pairs.len() < 2 || pairs.contains(&true));
    }
    a.vendor == b.vendor && a.model == b.model && !pairs.is_empty() && pairs.iter().all(|same| *same)
}

/// `taken`: ids that shelves before it have.
fn join(
    class: &std::path::Path,
    shelf: Vec<EnclosureModule>,
    taken: &mut HashSet<EnclosureId>,
    to_ask: &mut Vec<IoModule>,
) -> Enclosure {
    let first = shelf.first();
    let sysfs_names: Vec<String> = shelf.iter().map(|m| m.sysfs_name.clone()).collect();
    let own = first.and_then(|m| m.id.clone()).filter(|id| !taken.contains(id));
    let id = own.or_else(|| sysfs_names.first().cloned().map(EnclosureId::from)).unwrap_or_default();
    taken.insert(id.clone());
    let take = |pick: fn(&EnclosureModule) -> &Option<String>| shelf.iter().find_map(|m| pick(m).clone());
    let mut enclosure = Enclosure {
        id: id.clone(),
        vendor: take(|m| &m.vendor),
        model: take(|m| &m.model),
        rev: take(|m| &m.rev),
        sysfs_names,
        slots: Vec::new(),
        error: None,
    };
    let mut slots: BTreeMap<u32, Slot> = BTreeMap::new();
    for module in shelf {
        let dir = class.join(&module.sysfs_name);
        let bays = module.bays.iter().map(|b| SlotPath { slot: b.slot, dir: dir.join(&b.dir) }).collect();
        to_ask.push(IoModule { enclosure: id.clone(), sysfs_name: module.sysfs_name, bays });
        for bay in module.bays {
            let name = bay.dir.trim().to_owned();
            let slot = slots.entry(bay.slot).or_insert_with(|| Slot { number: bay.slot, name, ..Slot::default() });
            slot.addresses.extend(bay.address);
        }
    }
    enclosure.slots = slots.into_values().collect();
    enclosure
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names as reported from real shelves, with the number a person would read in each.
    #[test]
    fn bay_numbers_are_read_out_of_odd_names() {
        for (name, number) in [
            ("0", Some(0)),
            ("000", Some(0)),
            ("Slot 00", Some(0)),
            ("Slot01", Some(1)),
            ("SLOT_001", Some(1)),
            ("Disk #00", Some(0)),
            ("ArrayDevice07", Some(7)),
            ("SLOT 039,3GJ9Y2UE           ", Some(39)),
            ("Drive Slot #0_0000000000000000", Some(0)),
            ("SLOT 30 32", Some(30)),
            ("front", None),
            ("99999999999", None),
        ] {
            assert_eq!(number_in(name), number, "{name:?}");
        }
    }

    #[test]
    fn numbers_that_repeat_are_not_believed() {
        assert_eq!(distinct(&[Some(1), Some(2)]), Some(vec![1, 2]));
        assert_eq!(distinct(&[Some(1), Some(1)]), None);
        assert_eq!(distinct(&[Some(1), None]), None);
    }
}
