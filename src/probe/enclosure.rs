//! Enclosures and bays from the kernel's enclosure class.
//!
//! There are two kinds of attribute: those that the kernel holds itself (`id`, `slot`, `type`, the `device`
//! link), read at once, and those for which it asks the enclosure (`status`, `fault`, `locate`,
//! `power_status`). `active` is not read: `drivers/scsi/ses.c` never asks for it, and the kernel shows what somebody
//! last wrote there. A silent enclosure blocks the reader of the latter forever, so a child
//! that may be abandoned reads them (`collector/enclosure_reader`).

use super::sysfs::{blocking_attribute, listed};
use super::{Host, attribute, link_name};
use crate::domain::enclosure::module::KnownModule;
use crate::domain::enclosure::words::{PowerStatus, SlotStatus};
use crate::domain::enclosure::{Enclosure, Slot, SlotAnswer};
use crate::domain::identity::EnclosureId;
use crate::domain::text::natural_cmp;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

/// One IO module's view of its enclosure.
#[derive(Clone, Debug)]
struct EnclosureModule {
    sysfs_name: String,
    id: Option<EnclosureId>,
    vendor: Option<String>,
    model: Option<String>,
    rev: Option<String>,
    /// What identifies the module when the kernel numbers it again.
    address: Option<String>,
    bays: Vec<BayFiles>,
}

#[derive(Clone, Debug)]
struct BayFiles {
    /// Directory name, unchanged, with its blanks.
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

/// One IO module, with its bays.
#[derive(Clone, Debug)]
pub struct IoModule {
    pub(crate) enclosure: EnclosureId,
    pub(crate) sysfs_name: String,
    pub(crate) bays: Vec<SlotPath>,
}

impl IoModule {
    /// The attribute directories of its bays; `None` if a path is not UTF-8.
    pub(crate) fn slot_paths(&self) -> Option<Vec<&str>> {
        self.bays.iter().map(|bay| bay.dir.to_str()).collect()
    }
}

/// Every enclosure with its bays and their drives, without the attributes that only the enclosure can report.
/// `is_same_drive`: two SCSI addresses are paths of one drive. After an error it is not known which enclosures are present.
pub fn discover(
    host: &Host,
    is_same_drive: impl Fn(&str, &str) -> bool,
) -> io::Result<(Vec<Enclosure>, Vec<IoModule>)> {
    let class = host.path("sys/class/enclosure");
    let mut sysfs_names = listed(&class)?;
    sysfs_names.sort_by(|a, b| natural_cmp(a, b));
    let mut grouped: Vec<Vec<EnclosureModule>> = Vec::new();
    for sysfs_name in sysfs_names {
        let module = read_module(&class.join(&sysfs_name), sysfs_name)?;
        if module.bays.is_empty() {
            continue;
        }
        match grouped.iter_mut().find(|modules| modules.iter().any(|m| is_same_enclosure(m, &module, &is_same_drive))) {
            Some(modules) => modules.push(module),
            None => grouped.push(vec![module]),
        }
    }
    let mut io_modules = Vec::new();
    let mut taken = HashSet::new();
    let mut enclosures: Vec<Enclosure> =
        grouped.into_iter().map(|modules| merge_modules(&class, modules, &mut taken, &mut io_modules)).collect();
    enclosures.sort_by(|a, b| natural_cmp(&a.id, &b.id));
    Ok((enclosures, io_modules))
}

/// The attributes of a bay that only the enclosure can report, in the order of a dump.
const ATTRIBUTES: [&str; 4] = ["status", "fault", "locate", "power_status"];

/// Reads the attributes of all bays of an IO module. May block forever.
pub(crate) fn read_blocking(module: &IoModule) -> HashMap<u32, SlotAnswer> {
    parse_dump(module, &dump_attributes(module.bays.iter().map(|bay| bay.dir.as_path())))
}

/// The attributes as text: one line for each attribute of each bay, empty if it is absent.
pub(super) fn dump_attributes<'a>(dirs: impl Iterator<Item = &'a Path>) -> String {
    let line = |path: PathBuf| blocking_attribute(&path).unwrap_or_default().replace('\n', " ") + "\n";
    dirs.flat_map(|dir| ATTRIBUTES.map(|name| line(dir.join(name)))).collect()
}

/// Parses the text of `dump_attributes`.
pub(crate) fn parse_dump(module: &IoModule, text: &str) -> HashMap<u32, SlotAnswer> {
    let mut lines = text.lines();
    let mut next = || lines.next().filter(|line| !line.is_empty()).map(str::to_owned);
    let answer = |bay: &SlotPath| (bay.slot, answer([(); ATTRIBUTES.len()].map(|()| next())));
    module.bays.iter().map(answer).collect()
}

/// Bits of `fault`: byte 3 of the element, shifted right by 4 (`ses_get_fault` of Linux' `drivers/scsi/ses.c`).
const FAULT_REQUESTED: u8 = 2;
const FAULT_SENSED: u8 = 4;

fn answer([status, fault, locate, power_status]: [Option<String>; ATTRIBUTES.len()]) -> SlotAnswer {
    let fault = fault.and_then(|f| f.parse::<u8>().ok()).filter(|f| f & !(FAULT_REQUESTED | FAULT_SENSED) == 0);
    let locate = locate.and_then(|text| text.parse::<u8>().ok());
    let power_status = power_status.as_deref().map(PowerStatus::from);
    let status_word = status.as_deref().and_then(SlotStatus::known);
    // What the kernel shows of an enclosure without page 2 (`ses_get_page2_descriptor`): zeros that say nothing.
    let is_without_page = status_word == Some(SlotStatus::Unsupported)
        && (fault, locate, &power_status) == (Some(0), Some(0), &Some(PowerStatus::Off));
    if is_without_page {
        return SlotAnswer { status: status_word, ..SlotAnswer::default() };
    }
    SlotAnswer {
        // The kernel has no word for code 8 (no access allowed) and shows `(null)`; beyond that, whatever it finds.
        status: status_word,
        fault_sensed: fault.map(|f| f & FAULT_SENSED != 0),
        fault_requested: fault.map(|f| f & FAULT_REQUESTED != 0),
        locate: locate.map(|on| on != 0),
        power_status,
    }
}

fn read_module(dir: &Path, sysfs_name: String) -> io::Result<EnclosureModule> {
    let device = dir.join("device");
    let read = |what: &str| attribute(&device.join(what));
    // A made-up or missing id must not join two enclosures.
    let id = attribute(&dir.join("id")).filter(|id| has_digits(id));
    Ok(EnclosureModule {
        bays: bays(dir)?,
        sysfs_name,
        id: id.map(EnclosureId::from),
        vendor: read("vendor"),
        model: read("model"),
        rev: read("rev"),
        // Drivers of SAS HBAs show the address of the port (`sas_address_show` of mpt3sas, mpi3mr, hpsa); else the name of
        // the logical unit (`sdev_show_wwid` of `drivers/scsi/scsi_sysfs.c`).
        address: read("sas_address").filter(|text| has_digits(text)).or_else(|| read("wwid")),
    })
}

/// It is not zero.
fn has_digits(number: &str) -> bool {
    number.trim_start_matches("0x").bytes().any(|b| b != b'0')
}

/// The modules as the enclosure has them. An address that two of them have identifies neither.
fn known_modules(modules: &[EnclosureModule]) -> Vec<KnownModule> {
    let is_unique = |address: &String| modules.iter().filter(|m| m.address.as_ref() == Some(address)).count() == 1;
    let known = |module: &EnclosureModule| KnownModule {
        sysfs_name: module.sysfs_name.clone(),
        address: module.address.clone().filter(is_unique),
        missing_since: None,
    };
    modules.iter().map(known).collect()
}

/// The bays: components of type "device" or "array device". The number is the attribute `slot`; if the kernel does
/// not provide it or it is not unique, the first number in the name; if those are not unique either, the position.
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

/// All numbers, if none is absent and none occurs twice.
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

/// One logical id is one enclosure, unless the drives of all bays differ: some ids are made up or copied.
/// Without an id, two modules are one enclosure if all bays with the same number hold the same drives.
fn is_same_enclosure(a: &EnclosureModule, b: &EnclosureModule, is_same_drive: &impl Fn(&str, &str) -> bool) -> bool {
    let address =
        |m: &EnclosureModule, slot: u32| m.bays.iter().find(|y| y.slot == slot).and_then(|y| y.address.clone());
    let pairs: Vec<bool> =
        a.bays.iter().filter_map(|bay| Some(is_same_drive(bay.address.as_deref()?, &address(b, bay.slot)?))).collect();
    if a.id.is_some() || b.id.is_some() {
        // A single bay may be changing its drive right now.
        return a.id == b.id && (pairs.len() < 2 || pairs.contains(&true));
    }
    a.vendor == b.vendor && a.model == b.model && !pairs.is_empty() && pairs.iter().all(|same| *same)
}

/// Merges the modules of one enclosure. `taken`: the ids of the enclosures before it.
fn merge_modules(
    class: &std::path::Path,
    modules: Vec<EnclosureModule>,
    taken: &mut HashSet<EnclosureId>,
    io_modules: &mut Vec<IoModule>,
) -> Enclosure {
    let first = modules.first();
    let sysfs_names: Vec<String> = modules.iter().map(|m| m.sysfs_name.clone()).collect();
    let own = first.and_then(|m| m.id.clone()).filter(|id| !taken.contains(id));
    let id = own.or_else(|| sysfs_names.first().cloned().map(EnclosureId::from)).unwrap_or_default();
    taken.insert(id.clone());
    let take = |pick: fn(&EnclosureModule) -> &Option<String>| modules.iter().find_map(|m| pick(m).clone());
    let mut enclosure = Enclosure {
        id: id.clone(),
        vendor: take(|m| &m.vendor),
        model: take(|m| &m.model),
        rev: take(|m| &m.rev),
        sysfs_names,
        modules: known_modules(&modules),
        slots: Vec::new(),
        error: None,
    };
    let mut slots: BTreeMap<u32, Slot> = BTreeMap::new();
    for module in modules {
        let dir = class.join(&module.sysfs_name);
        let bays = module.bays.iter().map(|b| SlotPath { slot: b.slot, dir: dir.join(&b.dir) }).collect();
        io_modules.push(IoModule { enclosure: id.clone(), sysfs_name: module.sysfs_name, bays });
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

    /// Values from a Debian 12 kernel with a simulated shelf, and the code of `ses_get_fault`.
    #[test]
    fn faults_are_two_bits_and_other_words_no_status() {
        let read = |status: &str, fault: &str| {
            let answer = answer([status, fault, "0", "on"].map(|text| Some(text.to_owned())));
            (answer.status, answer.fault_sensed, answer.fault_requested)
        };
        assert_eq!(read("OK", "0"), (Some(SlotStatus::Ok), Some(false), Some(false)));
        assert_eq!(read("OK", "2"), (Some(SlotStatus::Ok), Some(false), Some(true)));
        assert_eq!(read("OK", "4"), (Some(SlotStatus::Ok), Some(true), Some(false)));
        assert_eq!(read("critical", "6"), (Some(SlotStatus::Critical), Some(true), Some(true)));
        let without_page = answer(["unsupported", "0", "0", "off"].map(|text| Some(text.to_owned())));
        assert_eq!(without_page, SlotAnswer { status: Some(SlotStatus::Unsupported), ..SlotAnswer::default() });
        for odd in ["1", "8", "255", "-1", ""] {
            assert_eq!(read("(null)", odd), (None, None, None), "{odd}");
        }
    }

    /// Names reported from real enclosures, with the bay number that each contains.
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
    fn repeated_numbers_are_rejected() {
        assert_eq!(distinct(&[Some(1), Some(2)]), Some(vec![1, 2]));
        assert_eq!(distinct(&[Some(1), Some(1)]), None);
        assert_eq!(distinct(&[Some(1), None]), None);
    }
}
