//! Shelves that are put together from SES devices, and what holds of all of them.

use super::numbering::NumberedBay;
use super::ses_device::{BayFiles, OwnNames};
use super::settled::READ_INTERVAL;
use super::*;
use crate::domain::drive::fixture::drive;
use crate::domain::drive::{Drive, DrivePath};
use crate::domain::enclosure::BayLink;
use std::collections::{BTreeMap, BTreeSet};

const ID: &str = "0x50050cc10a000000";

/// An SES device: bays by name, number and address of the drive that each links.
fn device(sysfs_name: &str, own: &str, bays: &[(&str, Option<u32>, Option<&str>)]) -> SesDevice {
    let bay = |(name, number, address): &(&str, Option<u32>, Option<&str>)| BayFiles {
        dir: (*name).to_owned(),
        number: *number,
        link: address.map(|address| BayLink { address: address.to_owned(), ..BayLink::default() }),
    };
    SesDevice {
        sysfs_name: sysfs_name.to_owned(),
        id: Some(ID.into()),
        names: OwnNames { wwid: Some(format!("naa.50050cc10a{own}")), ..OwnNames::default() },
        bays: bays.iter().map(bay).collect(),
        ..SesDevice::default()
    }
}

fn two_bays(sysfs_name: &str, own: &str, first: Option<&str>, second: Option<&str>) -> SesDevice {
    device(sysfs_name, own, &[("slot00", Some(0), first), ("slot01", Some(1), second)])
}

/// Drives by the addresses of their paths.
fn drives(addresses: &[&[&str]]) -> Vec<Drive> {
    let path = |address: &&str| DrivePath {
        device: drive("sda").device,
        node: String::new(),
        host: None,
        address: (*address).to_owned(),
        unit: 0,
        state: None,
    };
    addresses.iter().map(|all| Drive { paths: all.iter().map(path).collect(), ..drive("sda") }).collect()
}

fn assembled(devices: Vec<SesDevice>, drives: &[Drive], known: &mut KnownShelves, at: Instant) -> Shelves {
    assemble(std::path::Path::new("class"), devices, &DriveOwners::of(drives), known, at)
}

/// Ids, with the SES devices of each shelf.
fn shelves(devices: Vec<SesDevice>, drives: &[Drive]) -> BTreeMap<String, Vec<String>> {
    listed_shelves(&assembled(devices, drives, &mut KnownShelves::default(), Instant::now()))
}

fn listed_shelves(shelves: &Shelves) -> BTreeMap<String, Vec<String>> {
    shelves.enclosures.iter().map(|e| (e.id.to_string(), e.sysfs_names.clone())).collect()
}

fn expected(shelves: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect();
    shelves.iter().map(|(id, devices)| ((*id).to_owned(), names(devices))).collect()
}

#[test]
fn io_modules_that_share_a_drive_are_one_shelf() {
    let drives = drives(&[&["0:0:1:0", "1:0:1:0"], &["0:0:2:0"], &["1:0:3:0"]]);
    let modules = |second: Option<&str>, other: Option<&str>| {
        vec![
            two_bays("0:0:9:0", "00aaa0", Some("0:0:1:0"), second),
            two_bays("1:0:9:0", "00bbb0", Some("1:0:1:0"), other),
        ]
    };
    let one = expected(&[(ID, &["0:0:9:0", "1:0:9:0"])]);
    assert_eq!(shelves(modules(None, None), &drives), one);
    assert_eq!(shelves(modules(Some("0:0:2:0"), Some("1:0:3:0")), &drives), one, "a bay that is changing its drive");
    // Behind one host: the names of the SES devices differ, the drive has two paths.
    let on_one_host = vec![
        two_bays("0:0:9:0", "00aaa0", Some("0:0:1:0"), None),
        two_bays("0:0:19:0", "00bbb0", Some("1:0:1:0"), None),
    ];
    assert_eq!(shelves(on_one_host, &drives), expected(&[(ID, &["0:0:9:0", "0:0:19:0"])]));
}

#[test]
fn shelves_that_only_share_an_id_are_two() {
    let drives = drives(&[&["0:0:1:0"], &["0:0:2:0"], &["1:0:2:0"]]);
    let two = |a: &str, b: &str| expected(&[(&format!("{ID}-00aaa0"), &[a]), (&format!("{ID}-00bbb0"), &[b])]);
    let first = two_bays("0:0:9:0", "00aaa0", Some("0:0:1:0"), None);
    for (why, second) in [
        ("one bay with two drives", two_bays("1:0:9:0", "00bbb0", Some("1:0:2:0"), None)),
        ("one host, no drive with two paths", two_bays("0:0:19:0", "00bbb0", None, Some("0:0:2:0"))),
        ("other bay names", device("1:0:9:0", "00bbb0", &[("slot02", Some(2), None), ("slot03", Some(3), None)])),
    ] {
        let address = second.sysfs_name.clone();
        assert_eq!(shelves(vec![first.clone(), second], &drives), two("0:0:9:0", &address), "{why}");
    }
    // Nothing speaks against it.
    let second = two_bays("1:0:9:0", "00bbb0", None, None);
    assert_eq!(shelves(vec![first.clone(), second], &drives), expected(&[(ID, &["0:0:9:0", "1:0:9:0"])]));
    // The third may belong to either of two that are not one.
    let apart = two_bays("1:0:9:0", "00bbb0", Some("1:0:2:0"), None);
    let third = two_bays("2:0:9:0", "00ccc0", None, None);
    assert_eq!(shelves(vec![first, apart, third], &drives).len(), 3);
}

#[test]
fn io_module_is_identified_by_an_address_that_no_other_has() {
    let drives = drives(&[&["0:0:1:0", "1:0:1:0"]]);
    let named = |sysfs_name: &str, sas_address: Option<&str>, wwid: &str| SesDevice {
        names: OwnNames { sas_address: sas_address.map(str::to_owned), wwid: Some(wwid.to_owned()), serial: None },
        ..two_bays(sysfs_name, "", Some(&format!("{}1:0", &sysfs_name[..4])), None)
    };
    let addresses = |devices: Vec<SesDevice>| -> Vec<Option<String>> {
        let shelves = assembled(devices, &drives, &mut KnownShelves::default(), Instant::now());
        shelves.enclosures.into_iter().flat_map(|e| e.modules).map(|module| module.address).collect()
    };
    let text = |address: &str| Some(address.to_owned());
    let both = |one, other| vec![named("0:0:9:0", one, "naa.a"), named("1:0:9:0", other, "naa.b")];
    assert_eq!(addresses(both(Some("0x1"), Some("0x2"))), [text("0x1"), text("0x2")]);
    assert_eq!(addresses(both(Some("0x1"), Some("0x1"))), [text("naa.a"), text("naa.b")]);
    assert_eq!(addresses(both(None, Some("0x2"))), [text("naa.a"), text("0x2")]);
    let alike = ["0:0:9:0", "1:0:9:0"].map(|name| named(name, None, "naa.a"));
    assert_eq!(addresses(alike.to_vec()), [None, None]);
    let elsewhere = SesDevice { id: Some("0x7".into()), ..named("1:0:9:0", None, "naa.a") };
    assert_eq!(addresses(vec![named("0:0:9:0", None, "naa.a"), elsewhere]), [None, None], "of another shelf");
}

#[test]
fn the_name_of_a_shelf_does_not_depend_on_addresses() {
    let drives = drives(&[&["0:0:1:0"], &["0:0:2:0"]]);
    let at = |a: &str, b: &str| {
        let first = two_bays(a, "00aaa0", Some("0:0:1:0"), None);
        let second = two_bays(b, "00bbb0", Some("0:0:2:0"), None);
        shelves(vec![first, second], &drives)
    };
    let (a, b) = (format!("{ID}-00aaa0"), format!("{ID}-00bbb0"));
    assert_eq!(at("0:0:9:0", "0:0:20:0"), expected(&[(&a, &["0:0:9:0"]), (&b, &["0:0:20:0"])]));
    assert_eq!(at("0:0:20:0", "0:0:9:0"), expected(&[(&a, &["0:0:20:0"]), (&b, &["0:0:9:0"])]));
    // Without an id, the device's own name is the id; without any name, the address.
    let without_id = |device: SesDevice| SesDevice { id: None, ..device };
    let alone = without_id(two_bays("0:0:9:0", "00aaa0", None, None));
    assert_eq!(shelves(vec![alone.clone()], &[]), expected(&[("0x50050cc10a00aaa0", &["0:0:9:0"])]));
    let nameless = SesDevice { names: OwnNames::default(), ..alone };
    assert_eq!(shelves(vec![nameless.clone()], &[]), expected(&[("0:0:9:0", &["0:0:9:0"])]));
    // The first without a name that stays keeps the id.
    let nameless = |address: &str, drive: &str| SesDevice {
        names: OwnNames::default(),
        ..two_bays(address, "", Some(drive), None)
    };
    let two = vec![nameless("0:0:9:0", "0:0:1:0"), nameless("0:0:20:0", "0:0:2:0")];
    assert_eq!(shelves(two, &drives), expected(&[(ID, &["0:0:9:0"]), ("0:0:20:0", &["0:0:20:0"])]));
    // Equal names of one kind: another kind is used.
    let with_address = |address: &str, drive: &str, sas: &str| SesDevice {
        names: OwnNames { sas_address: Some(sas.to_owned()), ..two_bays("", "000000", None, None).names },
        ..two_bays(address, "000000", Some(drive), None)
    };
    let two = vec![
        with_address("0:0:9:0", "0:0:1:0", "0x500304801f00003d"),
        with_address("0:0:20:0", "0:0:2:0", "0x500304801f00007d"),
    ];
    let ids: Vec<String> = shelves(two, &drives).into_keys().collect();
    assert_eq!(ids, [format!("{ID}-00003d"), format!("{ID}-00007d")]);
}

#[test]
fn a_name_once_given_stays_while_its_shelf_is_known() {
    let drives = drives(&[&["0:0:1:0", "1:0:1:0"], &["0:0:2:0"]]);
    let (mut known, start) = (KnownShelves::default(), Instant::now());
    let modules = || {
        vec![
            two_bays("0:0:9:0", "00aaa0", Some("0:0:1:0"), None),
            two_bays("1:0:9:0", "00ccc0", Some("1:0:1:0"), None),
            two_bays("0:0:20:0", "00bbb0", Some("0:0:2:0"), None),
        ]
    };
    let (a, b) = (format!("{ID}-00aaa0"), format!("{ID}-00bbb0"));
    let all = assembled(modules(), &drives, &mut known, start);
    assert_eq!(listed_shelves(&all), expected(&[(&a, &["0:0:9:0", "1:0:9:0"]), (&b, &["0:0:20:0"])]));
    assert_eq!(all.repeated.len(), 1, "reported");
    // The module that gave the name has gone, and then the other shelf.
    let left = assembled(modules().split_off(1), &drives, &mut known, start);
    assert_eq!(listed_shelves(&left), expected(&[(&a, &["1:0:9:0"]), (&b, &["0:0:20:0"])]));
    let alone = assembled(modules().drain(1..2).collect(), &drives, &mut known, start);
    assert_eq!(listed_shelves(&alone), expected(&[(&a, &["1:0:9:0"])]));
    assert_eq!((left.repeated, alone.repeated), (vec![], vec![]), "reported once");
}

/// Two modules of one shelf behind one host, whose second paths appear later.
#[test]
fn a_shared_drive_is_proof_at_once() {
    let (mut known, start) = (KnownShelves::default(), Instant::now());
    let modules = |second: Option<&str>| {
        vec![two_bays("0:0:9:0", "00aaa0", Some("0:0:1:0"), None), two_bays("0:0:19:0", "00bbb0", second, None)]
    };
    assert_eq!(assembled(modules(None), &drives(&[&["0:0:1:0"]]), &mut known, start).enclosures.len(), 2);
    let found = assembled(modules(Some("0:0:11:0")), &drives(&[&["0:0:1:0", "0:0:11:0"]]), &mut known, start);
    assert_eq!(listed_shelves(&found), expected(&[(ID, &["0:0:9:0", "0:0:19:0"])]));
}

#[test]
fn a_wrong_number_in_one_io_module_is_corrected_by_the_names() {
    let drives = drives(&[&["0:0:1:0", "1:0:1:0"], &["0:0:2:0", "1:0:2:0"], &["0:0:3:0", "1:0:3:0"]]);
    let module = |host: u32, last: Option<u32>| {
        let address = |n: u32| format!("{host}:0:{n}:0");
        let addresses = [address(1), address(2), address(3)];
        let bays: Vec<(&str, Option<u32>, Option<&str>)> = ["slot01", "slot02", "slot03"]
            .into_iter()
            .zip([Some(0), Some(1), last])
            .zip(&addresses)
            .map(|((name, number), address)| (name, number, Some(address.as_str())))
            .collect();
        device(&format!("{host}:0:9:0"), "00aaa0", &bays)
    };
    for wrong in [Some(7), None] {
        let found = assembled(
            vec![module(0, Some(2)), module(1, wrong)],
            &drives,
            &mut KnownShelves::default(),
            Instant::now(),
        );
        let [shelf] = found.enclosures.as_slice() else { panic!("{found:?}") };
        let numbers: Vec<Option<u32>> = shelf.slots.iter().map(|slot| slot.number).collect();
        assert_eq!(numbers, [Some(0), Some(1), Some(2)]);
        assert!(shelf.slots.iter().all(|slot| slot.links.len() == 2), "{shelf:?}");
    }
}

#[test]
fn the_numbers_of_a_known_shelf_change_when_they_hold() {
    let (mut known, start) = (KnownShelves::default(), Instant::now());
    let mut numbers = |first: u32, reads: u32| {
        let bays = [("left", Some(first), None), ("right", Some(first + 1), None)];
        let at = start + reads * READ_INTERVAL;
        let found = assembled(vec![device("0:0:9:0", "00aaa0", &bays)], &[], &mut known, at);
        let numbers: Vec<Option<u32>> = found.enclosures[0].slots.iter().map(|slot| slot.number).collect();
        (numbers[0], known.is_due(at + READ_INTERVAL))
    };
    assert_eq!(numbers(0, 0), (Some(0), false));
    assert_eq!(numbers(5, 1), (Some(0), true));
    assert_eq!(numbers(0, 2), (Some(0), false), "a glitch");
    assert_eq!([numbers(5, 3), numbers(5, 4), numbers(5, 5)].map(|(number, _)| number), [Some(0), Some(0), Some(5)]);
}

/// A simple generator: the same shelves in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// SES devices of any kind, with ids, names, numbers and links that may contradict each other.
fn any_devices(chance: &mut Chance) -> Vec<SesDevice> {
    let count = 1 + chance.below(4);
    let mut devices = Vec::new();
    for n in 0..count {
        let bays: Vec<(String, Option<u32>, Option<String>)> = (0..chance.below(5))
            .map(|bay| {
                let number = u32::try_from(chance.below(6)).ok().filter(|n| *n < 5);
                let address = format!("{}:0:{}:0", chance.below(2), chance.below(5));
                (format!("slot{:02}", bay + 4 * chance.below(2)), number, Some(address).filter(|_| chance.below(3) > 0))
            })
            .collect();
        let bays: BTreeMap<&str, (Option<u32>, Option<&str>)> =
            bays.iter().map(|(name, number, address)| (name.as_str(), (*number, address.as_deref()))).collect();
        let bays: Vec<(&str, Option<u32>, Option<&str>)> =
            bays.into_iter().map(|(n, (number, a))| (n, number, a)).collect();
        let read: Vec<NumberedBay> =
            bays.iter().map(|(name, number, _)| NumberedBay { name, number: *number }).collect();
        let numbers = numbering::resolve(&read);
        let bays: Vec<(&str, Option<u32>, Option<&str>)> =
            bays.iter().zip(numbers).map(|((name, _, address), number)| (*name, number, *address)).collect();
        let mut device =
            device(&format!("{}:0:{}:0", chance.below(2), 20 + n), &format!("{:06x}", chance.below(3)), &bays);
        if chance.below(3) == 0 {
            device.id = [None, Some("0x5000000000000001".into())][usize::from(chance.below(2) == 0)].clone();
        }
        devices.push(device);
    }
    devices
}

/// Every bay of every SES device is part of one bay of one shelf, and every link is shown there; nothing depends on the order in
/// which the devices are given.
#[test]
fn every_component_of_sysfs_is_shown_exactly_once() {
    let drives = drives(&[&["0:0:0:0", "1:0:0:0"], &["0:0:1:0", "1:0:1:0"], &["0:0:2:0"], &["1:0:2:0"], &["0:0:3:0"]]);
    let mut chance = Chance(1);
    let mut merged = 0;
    for case in 0..5_000 {
        let devices = any_devices(&mut chance);
        let mut turned = devices.clone();
        turned.rotate_left(usize::try_from(chance.below(4)).unwrap_or(0) % devices.len());
        let components: usize = devices.iter().map(|device| device.bays.len()).sum();
        let links = devices.iter().flat_map(|device| &device.bays).filter(|bay| bay.link.is_some()).count();
        let of = |devices| {
            let mut shelves = assembled(in_order(devices), &drives, &mut KnownShelves::default(), Instant::now());
            shelves.modules.sort_by(|a, b| natural_cmp(&a.sysfs_name, &b.sysfs_name));
            shelves
        };
        let shelves = of(devices);
        let shown: usize = shelves.enclosures.iter().map(|e| e.slots.len()).sum();
        let paths: Vec<&SlotPath> = shelves.modules.iter().flat_map(|module| &module.bays).collect();
        let distinct: BTreeSet<&PathBuf> = paths.iter().map(|path| &path.dir).collect();
        assert_eq!((paths.len(), distinct.len()), (components, components), "case {case}");
        assert!(shown <= components, "case {case}");
        merged += components - shown;
        let mut parts: BTreeMap<(&EnclosureId, &BayLabel), usize> = BTreeMap::new();
        for module in &shelves.modules {
            for bay in &module.bays {
                *parts.entry((&module.enclosure, &bay.slot)).or_default() += 1;
            }
        }
        assert_eq!(parts.len(), shown, "bays shown and merged are the components: case {case}");
        let slots: Vec<_> =
            shelves.enclosures.iter().flat_map(|e| e.slots.iter().map(move |s| (&e.id, s.label()))).collect();
        assert!(slots.iter().all(|(id, label)| parts.contains_key(&(*id, label))), "case {case}");
        let linked: usize = shelves.enclosures.iter().flat_map(|e| &e.slots).map(|slot| slot.links.len()).sum();
        assert_eq!(linked, links, "case {case}");
        let again = of(turned);
        assert_eq!(again.enclosures, shelves.enclosures, "case {case}");
    }
    assert!(merged > 100, "{merged} bays were merged");
}

/// As `discover` lists them.
fn in_order(mut devices: Vec<SesDevice>) -> Vec<SesDevice> {
    devices.retain(|device| !device.bays.is_empty());
    devices.sort_by(|a, b| natural_cmp(&a.sysfs_name, &b.sysfs_name));
    devices
}
