//! Enclosures that are assembled from SES devices, and the properties of all results.

use super::numbering::NumberedBay;
use super::ses_device::{BayFiles, OwnNames};
use super::settled::READ_INTERVAL;
use super::*;
use crate::domain::drive::fixture::drive;
use crate::domain::drive::{Drive, DrivePath};
use crate::domain::enclosure::{BayLink, Slot};
use std::collections::{BTreeMap, BTreeSet};

const ID: &str = "0x50050cc10a000000";

/// Name, number, and the address of the drive to which the bay links.
type Bay<'a> = (&'a str, Option<u32>, Option<&'a str>);

fn device(sysfs_name: &str, own: &str, bays: &[Bay]) -> SesDevice {
    SesDevice {
        sysfs_name: sysfs_name.to_owned(),
        id: Some(ID.into()),
        names: OwnNames { wwid: Some(format!("naa.50050cc10a{own}")), ..OwnNames::default() },
        bays: bays.iter().map(bay_files).collect(),
        ..SesDevice::default()
    }
}

fn bay_files((name, number, address): &Bay) -> BayFiles {
    let link = address.map(|address| BayLink { address: address.to_owned(), ..BayLink::default() });
    BayFiles { dir: (*name).to_owned(), number: *number, link }
}

fn two_bays(sysfs_name: &str, own: &str, first: Option<&str>, second: Option<&str>) -> SesDevice {
    device(sysfs_name, own, &[("slot00", Some(0), first), ("slot01", Some(1), second)])
}

/// Drives by the addresses of their paths.
fn drives(addresses: &[&[&str]]) -> Vec<Drive> {
    addresses.iter().map(|addresses| drive_with_paths(addresses)).collect()
}

fn drive_with_paths(addresses: &[&str]) -> Drive {
    let mut drive = drive("sda");
    for address in addresses {
        drive.paths.push(DrivePath {
            device: drive.device.clone(),
            node: String::new(),
            host: None,
            address: (*address).to_owned(),
            unit: 0,
            state: None,
        });
    }
    drive
}

fn assembled(
    devices: Vec<SesDevice>,
    drives: &[Drive],
    history: &mut EnclosureHistory,
    at: Instant,
) -> DiscoveredEnclosures {
    assemble(Path::new("class"), devices, &DriveOwners::of(drives), history, at)
}

/// The result of a first discovery.
fn discovered(devices: Vec<SesDevice>, drives: &[Drive]) -> DiscoveredEnclosures {
    assembled(devices, drives, &mut EnclosureHistory::default(), Instant::now())
}

/// Ids, with the SES devices of each enclosure, after a first discovery.
fn enclosures(devices: Vec<SesDevice>, drives: &[Drive]) -> BTreeMap<String, Vec<String>> {
    devices_by_id(&discovered(devices, drives))
}

fn devices_by_id(found: &DiscoveredEnclosures) -> BTreeMap<String, Vec<String>> {
    found.enclosures.iter().map(|enclosure| (enclosure.id.to_string(), enclosure.sysfs_names.clone())).collect()
}

fn expected(enclosures: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    let mut expected = BTreeMap::new();
    for (id, devices) in enclosures {
        expected.insert((*id).to_owned(), devices.iter().map(ToString::to_string).collect());
    }
    expected
}

#[test]
fn io_modules_that_share_a_drive_are_one_enclosure() {
    let drives = drives(&[&["0:0:1:0", "1:0:1:0"], &["0:0:2:0"], &["1:0:3:0"]]);
    let one = expected(&[(ID, &["0:0:9:0", "1:0:9:0"])]);
    for (why, second, other) in
        [("one drive", None, None), ("a drive that is being replaced", Some("0:0:2:0"), Some("1:0:3:0"))]
    {
        let first = two_bays("0:0:9:0", "00aaa0", Some("0:0:1:0"), second);
        let modules = vec![first, two_bays("1:0:9:0", "00bbb0", Some("1:0:1:0"), other)];
        assert_eq!(enclosures(modules, &drives), one, "{why}");
    }
    // Behind one host: the names of the SES devices differ, the drive has two paths.
    let on_one_host = vec![
        two_bays("0:0:9:0", "00aaa0", Some("0:0:1:0"), None),
        two_bays("0:0:19:0", "00bbb0", Some("1:0:1:0"), None),
    ];
    assert_eq!(enclosures(on_one_host, &drives), expected(&[(ID, &["0:0:9:0", "0:0:19:0"])]));
}

#[test]
fn enclosures_that_only_share_an_id_are_two() {
    let drives = drives(&[&["0:0:1:0"], &["0:0:2:0"], &["1:0:2:0"]]);
    let (id, other_id) = (format!("{ID}-00aaa0"), format!("{ID}-00bbb0"));
    let first = two_bays("0:0:9:0", "00aaa0", Some("0:0:1:0"), None);
    for (why, second) in [
        ("one bay with two drives", two_bays("1:0:9:0", "00bbb0", Some("1:0:2:0"), None)),
        ("one host, no drive with two paths", two_bays("0:0:19:0", "00bbb0", None, Some("0:0:2:0"))),
        ("other bay names", device("1:0:9:0", "00bbb0", &[("slot02", Some(2), None), ("slot03", Some(3), None)])),
    ] {
        let two = expected(&[(&id, &["0:0:9:0"]), (&other_id, &[second.sysfs_name.as_str()])]);
        assert_eq!(enclosures(vec![first.clone(), second], &drives), two, "{why}");
    }
    // No evidence against it.
    let second = two_bays("1:0:9:0", "00bbb0", None, None);
    assert_eq!(enclosures(vec![first.clone(), second], &drives), expected(&[(ID, &["0:0:9:0", "1:0:9:0"])]));
    // The third could belong to either of two different ones.
    let apart = two_bays("1:0:9:0", "00bbb0", Some("1:0:2:0"), None);
    let third = two_bays("2:0:9:0", "00ccc0", None, None);
    assert_eq!(enclosures(vec![first, apart, third], &drives).len(), 3);
}

/// An IO module of two bays, the first of which links to the drive `1:0` of the same channel.
fn module_with_names(sysfs_name: &str, sas_address: Option<&str>, wwid: &str) -> SesDevice {
    SesDevice {
        names: OwnNames { sas_address: sas_address.map(str::to_owned), wwid: Some(wwid.to_owned()), serial: None },
        ..two_bays(sysfs_name, "", Some(&format!("{}1:0", &sysfs_name[..4])), None)
    }
}

#[test]
fn io_module_is_identified_by_an_address_that_no_other_has() {
    let drives = drives(&[&["0:0:1:0", "1:0:1:0"]]);
    for (first, second, expected) in [
        ((Some("0x1"), "naa.a"), (Some("0x2"), "naa.b"), [Some("0x1"), Some("0x2")]),
        ((Some("0x1"), "naa.a"), (Some("0x1"), "naa.b"), [Some("naa.a"), Some("naa.b")]),
        ((None, "naa.a"), (Some("0x2"), "naa.b"), [Some("naa.a"), Some("0x2")]),
        ((None, "naa.a"), (None, "naa.a"), [None, None]),
    ] {
        let modules =
            vec![module_with_names("0:0:9:0", first.0, first.1), module_with_names("1:0:9:0", second.0, second.1)];
        assert_eq!(module_addresses(modules, &drives), expected.map(|address| address.map(str::to_owned)));
    }
    let mut modules = vec![module_with_names("0:0:9:0", None, "naa.a"), module_with_names("1:0:9:0", None, "naa.a")];
    modules[1].id = Some("0x7".into());
    assert_eq!(module_addresses(modules, &drives), [None, None], "of another enclosure");
}

fn module_addresses(devices: Vec<SesDevice>, drives: &[Drive]) -> Vec<Option<String>> {
    let found = discovered(devices, drives);
    found.enclosures.into_iter().flat_map(|enclosure| enclosure.modules).map(|module| module.address).collect()
}

#[test]
fn the_id_of_an_enclosure_does_not_depend_on_addresses() {
    let drives = drives(&[&["0:0:1:0"], &["0:0:2:0"]]);
    for (first_address, second_address) in [("0:0:9:0", "0:0:20:0"), ("0:0:20:0", "0:0:9:0")] {
        let first = two_bays(first_address, "00aaa0", Some("0:0:1:0"), None);
        let second = two_bays(second_address, "00bbb0", Some("0:0:2:0"), None);
        let ids = [format!("{ID}-00aaa0"), format!("{ID}-00bbb0")];
        let expected = expected(&[(&ids[0], &[first_address]), (&ids[1], &[second_address])]);
        assert_eq!(enclosures(vec![first, second], &drives), expected);
    }
    // Without an id, the device's own name is the id; without any name, the address.
    let alone = SesDevice { id: None, ..two_bays("0:0:9:0", "00aaa0", None, None) };
    assert_eq!(enclosures(vec![alone.clone()], &[]), expected(&[("0x50050cc10a00aaa0", &["0:0:9:0"])]));
    let nameless = SesDevice { names: OwnNames::default(), ..alone };
    assert_eq!(enclosures(vec![nameless], &[]), expected(&[("0:0:9:0", &["0:0:9:0"])]));
    // The first without a permanent name keeps the id.
    let mut two = vec![two_bays("0:0:9:0", "", Some("0:0:1:0"), None), two_bays("0:0:20:0", "", Some("0:0:2:0"), None)];
    for device in &mut two {
        device.names = OwnNames::default();
    }
    assert_eq!(enclosures(two, &drives), expected(&[(ID, &["0:0:9:0"]), ("0:0:20:0", &["0:0:20:0"])]));
    // Equal names of one kind: another kind is used.
    let mut two = vec![
        two_bays("0:0:9:0", "000000", Some("0:0:1:0"), None),
        two_bays("0:0:20:0", "000000", Some("0:0:2:0"), None),
    ];
    two[0].names.sas_address = Some("0x500304801f00003d".to_owned());
    two[1].names.sas_address = Some("0x500304801f00007d".to_owned());
    let ids: Vec<String> = enclosures(two, &drives).into_keys().collect();
    assert_eq!(ids, [format!("{ID}-00003d"), format!("{ID}-00007d")]);
}

#[test]
fn an_assigned_id_is_kept_while_its_enclosure_is_known() {
    let drives = drives(&[&["0:0:1:0", "1:0:1:0"], &["0:0:2:0"]]);
    let (mut history, start) = (EnclosureHistory::default(), Instant::now());
    let modules = [
        two_bays("0:0:9:0", "00aaa0", Some("0:0:1:0"), None),
        two_bays("1:0:9:0", "00ccc0", Some("1:0:1:0"), None),
        two_bays("0:0:20:0", "00bbb0", Some("0:0:2:0"), None),
    ];
    let (id, other_id) = (format!("{ID}-00aaa0"), format!("{ID}-00bbb0"));
    let all = assembled(modules.to_vec(), &drives, &mut history, start);
    assert_eq!(devices_by_id(&all), expected(&[(&id, &["0:0:9:0", "1:0:9:0"]), (&other_id, &["0:0:20:0"])]));
    assert_eq!(all.repeated.len(), 1, "reported");
    // The module that determined the id is removed, and then the other enclosure.
    let two = assembled(modules[1..].to_vec(), &drives, &mut history, start);
    assert_eq!(devices_by_id(&two), expected(&[(&id, &["1:0:9:0"]), (&other_id, &["0:0:20:0"])]));
    let one = assembled(modules[1..2].to_vec(), &drives, &mut history, start);
    assert_eq!(devices_by_id(&one), expected(&[(&id, &["1:0:9:0"])]));
    assert_eq!((two.repeated, one.repeated), (vec![], vec![]), "reported once");
}

/// Two modules of one enclosure behind one host, whose second paths appear later.
#[test]
fn a_shared_drive_is_proof_at_once() {
    let (mut history, start) = (EnclosureHistory::default(), Instant::now());
    let mut modules =
        vec![two_bays("0:0:9:0", "00aaa0", Some("0:0:1:0"), None), two_bays("0:0:19:0", "00bbb0", None, None)];
    let found = assembled(modules.clone(), &drives(&[&["0:0:1:0"]]), &mut history, start);
    assert_eq!(found.enclosures.len(), 2);
    modules[1] = two_bays("0:0:19:0", "00bbb0", Some("0:0:11:0"), None);
    let found = assembled(modules, &drives(&[&["0:0:1:0", "0:0:11:0"]]), &mut history, start);
    assert_eq!(devices_by_id(&found), expected(&[(ID, &["0:0:9:0", "0:0:19:0"])]));
}

#[test]
fn a_wrong_number_in_one_io_module_is_corrected_by_the_names() {
    let drives = drives(&[&["0:0:1:0", "1:0:1:0"], &["0:0:2:0", "1:0:2:0"], &["0:0:3:0", "1:0:3:0"]]);
    for wrong in [Some(7), None] {
        let modules = [
            [("slot01", Some(0), "0:0:1:0"), ("slot02", Some(1), "0:0:2:0"), ("slot03", Some(2), "0:0:3:0")],
            [("slot01", Some(0), "1:0:1:0"), ("slot02", Some(1), "1:0:2:0"), ("slot03", wrong, "1:0:3:0")],
        ];
        let mut devices = Vec::new();
        for (sysfs_name, bays) in ["0:0:9:0", "1:0:9:0"].iter().zip(modules) {
            let bays = bays.map(|(name, number, address)| (name, number, Some(address)));
            devices.push(device(sysfs_name, "00aaa0", &bays));
        }
        let found = discovered(devices, &drives);
        let [enclosure] = found.enclosures.as_slice() else { panic!("{found:?}") };
        let numbers: Vec<Option<u32>> = enclosure.slots.iter().map(|slot| slot.number).collect();
        assert_eq!(numbers, [Some(0), Some(1), Some(2)]);
        assert!(enclosure.slots.iter().all(|slot| slot.links.len() == 2), "{enclosure:?}");
    }
}

#[test]
fn the_numbers_of_a_known_enclosure_change_after_several_reads() {
    let (mut history, start) = (EnclosureHistory::default(), Instant::now());
    // The number read of the first bay, the number shown, and whether a change is pending. The third is a glitch.
    for (reads, (read, shown, is_due)) in
        (0..).zip([(0, 0, false), (5, 0, true), (0, 0, false), (5, 0, true), (5, 0, true), (5, 5, false)])
    {
        let bays = [("left", Some(read), None), ("right", Some(read + 1), None)];
        let at = start + reads * READ_INTERVAL;
        let found = assembled(vec![device("0:0:9:0", "00aaa0", &bays)], &[], &mut history, at);
        assert_eq!(found.enclosures[0].slots[0].number, Some(shown), "read {reads}");
        assert_eq!(history.is_due(at + READ_INTERVAL), is_due, "read {reads}");
    }
}

/// A simple generator, which yields the same enclosures in every run.
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
    for position in 0..count {
        let mut bays: BTreeMap<String, (Option<u32>, Option<String>)> = BTreeMap::new();
        for bay in 0..chance.below(5) {
            let number = u32::try_from(chance.below(6)).ok().filter(|number| *number < 5);
            let address = format!("{}:0:{}:0", chance.below(2), chance.below(5));
            let name = format!("slot{:02}", bay + 4 * chance.below(2));
            let address = if chance.below(3) > 0 { Some(address) } else { None };
            bays.insert(name, (number, address));
        }
        let read: Vec<NumberedBay> =
            bays.iter().map(|(name, (number, _))| NumberedBay { name, number: *number }).collect();
        let numbers = numbering::resolve(&read);
        let bays: Vec<Bay> = bays
            .iter()
            .zip(numbers)
            .map(|((name, (_, address)), number)| (name.as_str(), number, address.as_deref()))
            .collect();
        let mut device =
            device(&format!("{}:0:{}:0", chance.below(2), 20 + position), &format!("{:06x}", chance.below(3)), &bays);
        if chance.below(3) == 0 {
            device.id = [None, Some("0x5000000000000001".into())][usize::from(chance.below(2) == 0)].clone();
        }
        devices.push(device);
    }
    devices
}

/// Every bay of every SES device is part of one bay of one enclosure, and every link is shown there. The result does
/// not depend on the order of the devices.
#[test]
fn every_component_of_sysfs_is_shown_exactly_once() {
    let drives = drives(&[&["0:0:0:0", "1:0:0:0"], &["0:0:1:0", "1:0:1:0"], &["0:0:2:0"], &["1:0:2:0"], &["0:0:3:0"]]);
    let mut chance = Chance(1);
    let mut merged = 0;
    for case in 0..5_000 {
        let devices = any_devices(&mut chance);
        let mut rotated = devices.clone();
        rotated.rotate_left(usize::try_from(chance.below(4)).unwrap_or(0) % devices.len());
        let components: usize = devices.iter().map(|device| device.bays.len()).sum();
        let links = devices.iter().flat_map(|device| &device.bays).filter(|bay| bay.link.is_some()).count();
        let found = discovered(in_order(devices), &drives);
        let slots: Vec<&Slot> = found.enclosures.iter().flat_map(|enclosure| &enclosure.slots).collect();
        let shown = slots.len();
        let paths: Vec<&SlotPath> = found.modules.iter().flat_map(|module| &module.bays).collect();
        let distinct: BTreeSet<&PathBuf> = paths.iter().map(|path| &path.dir).collect();
        assert_eq!((paths.len(), distinct.len()), (components, components), "case {case}");
        assert!(shown <= components, "case {case}");
        merged += components - shown;
        let mut parts: BTreeMap<(&EnclosureId, &BayLabel), usize> = BTreeMap::new();
        for module in &found.modules {
            for bay in &module.bays {
                *parts.entry((&module.enclosure, &bay.slot)).or_default() += 1;
            }
        }
        assert_eq!(parts.len(), shown, "bays shown and merged are the components: case {case}");
        for enclosure in &found.enclosures {
            for slot in &enclosure.slots {
                assert!(parts.contains_key(&(&enclosure.id, &slot.label())), "case {case}");
            }
        }
        assert_eq!(slots.iter().map(|slot| slot.links.len()).sum::<usize>(), links, "case {case}");
        let again = discovered(in_order(rotated), &drives);
        assert_eq!(again.enclosures, found.enclosures, "case {case}");
    }
    assert!(merged > 100, "{merged} bays were merged");
}

/// Sorted as `discover` lists them.
fn in_order(mut devices: Vec<SesDevice>) -> Vec<SesDevice> {
    devices.retain(|device| !device.bays.is_empty());
    devices.sort_by(|one, other| natural_cmp(&one.sysfs_name, &other.sysfs_name));
    devices
}
