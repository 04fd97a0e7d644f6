//! Enclosures and IO modules that disappear, return and are forgotten, and the bays of their drives.

use super::*;
use crate::domain::drive::{Drive, DriveKey};
use crate::domain::enclosure::module::KnownModule;
use crate::domain::enclosure::{BayLink, Slot};
use crate::domain::inventory::Change;
use crate::domain::inventory::tests::{T0, drive};

const DAY: i64 = 86_400;

/// An enclosure whose bays, from number 1 on, link these addresses.
fn enclosure(id: &str, addresses: &[&str]) -> Enclosure {
    let mut slots = Vec::new();
    for (number, address) in (1..).zip(addresses) {
        let link = BayLink { address: (*address).to_owned(), ..BayLink::default() };
        slots.push(Slot { number: Some(number), links: vec![link], ..Slot::default() });
    }
    Enclosure { id: id.into(), sysfs_names: vec![format!("{id}:0")], slots, ..Enclosure::default() }
}

/// Applies discoveries as a collector does.
#[derive(Default)]
struct DiscoveredHost {
    inventory: Inventory,
    enclosures: KnownEnclosures,
}

impl DiscoveredHost {
    fn discover(&mut self, drives: Vec<Drive>, found: Vec<Enclosure>, at: i64) -> Vec<Change> {
        let now = Timestamp(T0.0 + at);
        self.enclosures.apply_discovery(found, now);
        let changes = self.inventory.apply_discovery(drives, &self.enclosures.enclosures(), now);
        self.enclosures.expire(&self.inventory, now);
        self.inventory.keep_last_bays(&self.enclosures.last_bays());
        self.enclosures.record_drives(&self.inventory);
        changes
    }

    /// Enclosure, slot and the time since when the bay is only the last known one.
    fn bay(&self, key: &str) -> Option<(String, u32, Option<i64>)> {
        let record = self.inventory.get(&DriveKey::Discovered(key.into()))?;
        let bay = record.bay.as_ref()?;
        Some((bay.enclosure.to_string(), bay.slot.number()?, record.bay_as_of.map(|at| at.0 - T0.0)))
    }

    fn missing(&self) -> Vec<(String, i64)> {
        let missing = self.enclosures.missing();
        missing.map(|(since, known)| (known.enclosure.id.to_string(), since.0 - T0.0)).collect()
    }

    fn missing_modules(&self) -> Vec<(String, i64)> {
        let mut missing = Vec::new();
        for module in self.enclosures.iter().flat_map(|known| &known.enclosure.modules) {
            if let Some(since) = module.missing_since {
                missing.push((module.sysfs_name.clone(), since.0 - T0.0));
            }
        }
        missing
    }
}

/// An enclosure with these IO modules.
fn with_modules(names: &[&str]) -> Enclosure {
    let mut enclosure = enclosure("e", &["0:0:1:0"]);
    for name in names {
        let (sysfs_name, address) = ((*name).to_owned(), Some(format!("naa.{name}")));
        enclosure.modules.push(KnownModule { sysfs_name, address, missing_since: None });
    }
    enclosure
}

fn two() -> Vec<Drive> {
    vec![drive("a", "sda", "0:0:1:0"), drive("b", "sdb", "0:0:2:0")]
}

/// A current bay.
fn here(enclosure: &str, slot: u32) -> (String, u32, Option<i64>) {
    (enclosure.to_owned(), slot, None)
}

#[test]
fn drives_keep_their_bays_while_the_enclosure_is_missing() {
    let mut host = DiscoveredHost::default();
    let shelf = || enclosure("e", &["0:0:1:0", "0:0:2:0"]);
    host.discover(two(), vec![shelf()], 0);
    assert_eq!(host.bay("b"), Some(here("e", 2)));
    for at in [5, 2 * DAY] {
        assert_eq!(host.discover(two(), vec![], at), []);
        assert_eq!(host.bay("b"), Some(("e".to_owned(), 2, Some(5))));
        assert_eq!(host.missing(), [("e".to_owned(), 5)], "its drives are present");
    }
    let known = host.enclosures.enclosures();
    assert!(
        known
            .iter()
            .all(|enclosure| enclosure.slots.len() == 2 && enclosure.slots.iter().all(|slot| slot.links.is_empty()))
    );
    assert_eq!(host.discover(two(), vec![shelf()], 3 * DAY), []);
    assert_eq!((host.bay("b"), host.missing()), (Some(here("e", 2)), vec![]), "it returned, and no drive has moved");
}

#[test]
fn enclosure_without_drives_is_forgotten_after_a_day() {
    let mut host = DiscoveredHost::default();
    host.discover(two(), vec![enclosure("e", &["0:0:1:0", "0:0:2:0"])], 0);
    host.discover(vec![], vec![], 5);
    host.discover(vec![], vec![], DAY);
    assert_eq!(host.missing(), [("e".to_owned(), 5)]);
    host.discover(vec![], vec![], DAY + 5);
    assert_eq!(host.missing(), []);
}

#[test]
fn enclosure_that_was_emptied_or_renamed_is_forgotten() {
    let mut host = DiscoveredHost::default();
    host.discover(two(), vec![enclosure("e", &["0:0:1:0", "0:0:2:0"])], 0);
    let changes = host.discover(two(), vec![enclosure("f", &["0:0:2:0"])], 5);
    assert_eq!((changes.len(), host.bay("b")), (1, Some(here("f", 1))), "moved");
    assert_eq!(host.bay("a"), Some(("e".to_owned(), 1, Some(5))));
    assert_eq!(host.missing().len(), 1, "one drive is in no other bay");
    host.discover(two(), vec![enclosure("f", &["0:0:2:0", "0:0:1:0"])], 6);
    assert_eq!((host.missing(), host.bay("a")), (vec![], Some(here("f", 2))));
    // Its only module is that of another enclosure now.
    let module = KnownModule { sysfs_name: "0:0:9:0".into(), address: Some("naa.5".into()), missing_since: None };
    let named = |id: &str| Enclosure { modules: vec![module.clone()], ..enclosure(id, &[""]) };
    host.discover(vec![], vec![named("0:0:9:0")], 7);
    host.discover(vec![], vec![named("0:0:12:0")], 8);
    assert_eq!(host.missing().iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["f"]);
}

#[test]
fn drive_that_a_later_process_finds_is_in_its_last_bay() {
    let mut first = DiscoveredHost::default();
    first.discover(two(), vec![enclosure("e", &["0:0:1:0", "0:0:2:0"])], 0);
    let mut second = DiscoveredHost::default();
    second.discover(two(), vec![], 50);
    assert_eq!(second.bay("a"), None);
    for stored in first.enclosures.iter() {
        second.enclosures.restore(stored.clone(), Timestamp(T0.0 + 40));
    }
    second.discover(two(), vec![], 60);
    assert_eq!(second.bay("a"), Some(("e".to_owned(), 1, Some(40))));
    second.discover(vec![], vec![], 70);
    assert_eq!(second.bay("a"), Some(here("e", 1)), "the bay of a missing drive is always the last one");
}

#[test]
fn lost_module_is_known_over_restarts_until_it_is_forgotten() {
    let mut first = DiscoveredHost::default();
    first.discover(vec![], vec![with_modules(&["0:0:9:0", "1:0:9:0"])], 0);
    first.discover(vec![], vec![], 5);
    first.discover(vec![], vec![with_modules(&["0:0:9:0"])], 6);
    assert_eq!(first.missing_modules(), [("1:0:9:0".to_owned(), 5)], "since the enclosure disappeared");
    let mut second = DiscoveredHost::default();
    second.discover(vec![], vec![with_modules(&["0:0:9:0"])], 50);
    for stored in first.enclosures.iter() {
        second.enclosures.restore(stored.clone(), Timestamp(T0.0 + 40));
    }
    assert_eq!(second.missing_modules(), [("1:0:9:0".to_owned(), 5)]);
    assert!(second.enclosures.forget(&"e".into()) && !second.enclosures.forget(&"e".into()));
    assert_eq!(second.missing_modules(), []);
    second.discover(vec![], vec![], 60);
    assert!(second.enclosures.forget(&"e".into()));
    assert_eq!(second.missing(), []);
}

/// An enclosure without an SES device. An HBA's driver reports the drive at that address in its bay 1.
fn claimed(id: &str, address: &str) -> Enclosure {
    let link = BayLink { address: address.to_owned(), made: None, source: BaySource::SasDevice };
    let slot = Slot { number: Some(1), links: vec![link], ..Slot::default() };
    Enclosure { id: id.into(), slots: vec![slot], ..Enclosure::default() }
}

#[test]
fn enclosure_without_ses_device_is_known_only_while_it_is_found() {
    let mut host = DiscoveredHost::default();
    host.discover(two(), vec![claimed("hba", "0:0:1:0")], 0);
    assert_eq!(host.bay("a"), Some(here("hba", 1)));
    host.discover(two(), vec![], 5);
    assert_eq!((host.bay("a"), host.missing(), host.enclosures.enclosures()), (None, vec![], vec![]));
    // A stored one is not restored as missing.
    let stored = KnownEnclosure { enclosure: claimed("hba", "0:0:1:0"), drives: BTreeMap::new() };
    host.enclosures.restore(stored, Timestamp(T0.0));
    assert_eq!(host.enclosures.enclosures(), []);
}

#[test]
fn last_bay_in_a_missing_enclosure_outweighs_one_that_no_ses_device_shows() {
    let shelf = || enclosure("e", &["0:0:2:0", "0:0:1:0"]);
    for other in ["e", "hba"] {
        let mut host = DiscoveredHost::default();
        host.discover(two(), vec![shelf()], 0);
        for at in [5, 6] {
            assert_eq!(host.discover(two(), vec![claimed(other, "0:0:1:0")], at), [], "{other}");
            assert_eq!(host.bay("a"), Some(("e".to_owned(), 2, Some(5))), "{other}");
            assert_eq!(host.missing(), [("e".to_owned(), 5)], "{other}");
        }
        let record = host.inventory.get(&DriveKey::Discovered("a".into()));
        assert_eq!(record.and_then(|record| record.bay_source), Some(BaySource::Ses));
        assert_eq!(host.discover(two(), vec![shelf()], 7), [], "{other}");
        assert_eq!((host.bay("a"), host.missing()), (Some(here("e", 2)), vec![]), "{other}");

        // A later process knows the bay from the HBA before it restores the enclosure.
        host.discover(two(), vec![], 8);
        let mut second = DiscoveredHost::default();
        second.discover(two(), vec![claimed(other, "0:0:1:0")], 50);
        assert_eq!(second.bay("a"), Some(here(other, 1)));
        for stored in host.enclosures.iter() {
            second.enclosures.restore(stored.clone(), Timestamp(T0.0 + 40));
        }
        second.inventory.keep_last_bays(&second.enclosures.last_bays());
        assert_eq!(second.bay("a"), Some(("e".to_owned(), 2, Some(8))), "{other}");
        assert_eq!(second.discover(two(), vec![claimed(other, "0:0:1:0")], 60), [], "{other}");
        assert_eq!(second.bay("a"), Some(("e".to_owned(), 2, Some(8))), "{other}");
        assert!(second.enclosures.forget(&"e".into()));
        second.discover(two(), vec![claimed(other, "0:0:1:0")], 61);
        second.discover(two(), vec![claimed(other, "0:0:1:0")], 62);
        assert_eq!(second.bay("a"), Some(here(other, 1)), "{other}: the enclosure is forgotten");
    }
}

#[test]
fn drive_in_a_bay_without_a_number_keeps_it() {
    let mut shelf = enclosure("e", &["0:0:1:0"]);
    for slot in &mut shelf.slots {
        (slot.number, slot.name) = (None, "left".to_owned());
    }
    let mut host = DiscoveredHost::default();
    host.discover(two(), vec![shelf], 0);
    host.discover(two(), vec![], 5);
    let record = host.inventory.get(&DriveKey::Discovered("a".into())).unwrap();
    let bay = Bay { enclosure: "e".into(), slot: BayLabel::Name("left".into()) };
    assert_eq!((record.bay.as_ref(), record.bay_as_of), (Some(&bay), Some(Timestamp(T0.0 + 5))));
}

#[test]
fn missing_enclosures_are_limited() {
    let mut host = DiscoveredHost::default();
    for at in 0..100 {
        host.discover(vec![], vec![enclosure(&format!("e{at}"), &["0:0:1:0"])], at);
    }
    let missing = host.missing();
    assert_eq!(missing.len(), MAX_MISSING_ENCLOSURES);
    assert!(missing.iter().all(|(_, since)| *since >= 100 - 64), "{missing:?}");
}
