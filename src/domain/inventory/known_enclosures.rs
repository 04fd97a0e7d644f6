//! Known enclosures: those that are present, and those that disappeared, with the drives that were last in their bays.
//!
//! An enclosure disappears with its services controller, even if its drives are still present. Then a drive keeps its last
//! bay until it is linked to another one, or the enclosure returns or is forgotten.

use super::{Inventory, MISSING_RETENTION_SECONDS};
use crate::domain::enclosure::module::join_modules;
use crate::domain::enclosure::{Bay, BayLabel, BaySource, Enclosure};
use crate::domain::identity::{EnclosureId, Identity};
use crate::domain::time::Timestamp;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Maximum number of missing enclosures. Beyond it, those that disappeared first are forgotten.
pub(crate) const MAX_MISSING_ENCLOSURES: usize = 64;

#[derive(Clone, Debug, Default)]
pub(crate) struct KnownEnclosures {
    known: BTreeMap<EnclosureId, KnownEnclosure>,
}

/// An enclosure and the drives in its bays; of a missing enclosure, the last known ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KnownEnclosure {
    pub(crate) enclosure: Enclosure,
    /// Drives without an identity are left out.
    pub(crate) drives: BTreeMap<BayLabel, Identity>,
}

impl KnownEnclosures {
    /// Applies a discovery. `found`: the enclosures that are present.
    ///
    /// An enclosure without an SES device is known only while it is found, and not if a missing one has its id: that is the
    /// same enclosure, whose bays are better known.
    pub(crate) fn apply_discovery(&mut self, found: Vec<Enclosure>, now: Timestamp) {
        self.known.retain(|_, known| known.enclosure.has_ses_device());
        let present = found.iter().filter(|enclosure| enclosure.has_ses_device());
        let present: HashSet<EnclosureId> = present.map(|enclosure| enclosure.id.clone()).collect();
        for mut enclosure in found {
            let mut drives = BTreeMap::new();
            if enclosure.has_ses_device() {
                if let Some(known) = self.known.remove(&enclosure.id) {
                    enclosure.modules = join_modules(&known.enclosure.modules, enclosure.modules, now);
                    drives = known.drives;
                }
            } else if self.known.contains_key(&enclosure.id) {
                continue;
            }
            self.known.insert(enclosure.id.clone(), KnownEnclosure { enclosure, drives });
        }
        for (id, known) in &mut self.known {
            let enclosure = &mut known.enclosure;
            if enclosure.has_ses_device() && !present.contains(id) && enclosure.missing_since().is_none() {
                enclosure.set_missing(now);
            }
        }
    }

    /// All enclosures, by id.
    pub(crate) fn enclosures(&self) -> Vec<Enclosure> {
        self.known.values().map(|known| known.enclosure.clone()).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &KnownEnclosure> {
        self.known.values()
    }

    /// Restores an enclosure that an earlier daemon knew: adds it as missing, or adds its modules to the enclosure that is
    /// present. `seen_at`: time of the last discovery of that daemon.
    pub(crate) fn restore(&mut self, mut stored: KnownEnclosure, seen_at: Timestamp) {
        if !stored.enclosure.has_ses_device() {
            return;
        }
        let id = stored.enclosure.id.clone();
        match self.known.get_mut(&id) {
            Some(KnownEnclosure { enclosure, .. }) if enclosure.has_ses_device() => {
                if enclosure.missing_since().is_none() {
                    let found = std::mem::take(&mut enclosure.modules);
                    enclosure.modules = join_modules(&stored.enclosure.modules, found, seen_at);
                }
            }
            _ => {
                stored.enclosure.set_missing(stored.enclosure.missing_since().unwrap_or(seen_at));
                self.known.insert(id, stored);
            }
        }
    }

    /// Forgets a missing enclosure, or the missing modules of one that is present. Returns false if there is neither.
    pub(crate) fn forget(&mut self, id: &EnclosureId) -> bool {
        let Some(known) = self.known.get_mut(id) else { return false };
        if known.enclosure.missing_since().is_some() {
            return self.known.remove(id).is_some();
        }
        let before = known.enclosure.modules.len();
        known.enclosure.modules.retain(|module| module.missing_since.is_none());
        known.enclosure.modules.len() != before
    }

    /// Forgets missing enclosures that are present under another id or were emptied, those that have been missing for a
    /// day while none of their drives is present, and those beyond the limit.
    pub(crate) fn expire(&mut self, inventory: &Inventory, now: Timestamp) {
        if self.missing().next().is_none() {
            return;
        }
        let present = inventory.present().map(|record| (&record.drive.identity, record.linked_bay()));
        let present: HashMap<&Identity, Option<&Bay>> = present.collect();
        let modules = self.present_addresses();
        self.known.retain(|_, known| match known.enclosure.missing_since() {
            Some(since) => !known.is_obsolete(&present, &modules) && !known.has_expired(since, &present, now),
            None => true,
        });
        let missing = self.missing().map(|(since, known)| (since, known.enclosure.id.clone()));
        let mut missing: Vec<(Timestamp, EnclosureId)> = missing.collect();
        missing.sort();
        for (_, id) in missing.iter().take(missing.len().saturating_sub(MAX_MISSING_ENCLOSURES)) {
            self.known.remove(id);
        }
    }

    /// The bays of missing enclosures, by the drives that were last in them, with the time since when each enclosure is
    /// missing.
    pub(crate) fn last_bays(&self) -> HashMap<&Identity, (Bay, Timestamp)> {
        let mut bays = HashMap::new();
        for (since, known) in self.missing() {
            for (slot, identity) in &known.drives {
                bays.insert(identity, (Bay { enclosure: known.enclosure.id.clone(), slot: slot.clone() }, since));
            }
        }
        bays
    }

    /// Records which drives are in the bays of the enclosures that are present.
    pub(crate) fn record_drives(&mut self, inventory: &Inventory) {
        for known in self.known.values_mut().filter(|known| known.enclosure.missing_since().is_none()) {
            known.drives.clear();
        }
        for record in inventory.records().filter(|record| !record.drive.identity.is_empty()) {
            let Some(bay) = &record.bay else { continue };
            let Some(known) = self.known.get_mut(&bay.enclosure) else { continue };
            if known.enclosure.missing_since().is_none() {
                known.drives.insert(bay.slot.clone(), record.drive.identity.clone());
            }
        }
    }

    /// Converts all times to the new clock after a step.
    pub(crate) fn shift(&mut self, by_seconds: i64) {
        for known in self.known.values_mut() {
            for module in &mut known.enclosure.modules {
                module.missing_since = module.missing_since.map(|since| since.shifted(by_seconds));
            }
            if let Some(since) = known.enclosure.missing_since() {
                known.enclosure.set_missing(since.shifted(by_seconds));
            }
        }
    }

    /// Addresses of the modules that are present.
    fn present_addresses(&self) -> HashSet<String> {
        let mut addresses = HashSet::new();
        for module in self.known.values().flat_map(|known| &known.enclosure.modules) {
            if module.missing_since.is_none() {
                addresses.extend(module.address.clone());
            }
        }
        addresses
    }

    fn missing(&self) -> impl Iterator<Item = (Timestamp, &KnownEnclosure)> {
        self.known.values().filter_map(|known| Some((known.enclosure.missing_since()?, known)))
    }
}

impl KnownEnclosure {
    /// The missing enclosure is present under another id, or most of its drives are in the bays of another one.
    ///
    /// `present`: the drives that are present, with their linked bays. `modules`: the addresses of present modules.
    fn is_obsolete(&self, present: &HashMap<&Identity, Option<&Bay>>, modules: &HashSet<String>) -> bool {
        let mut addresses = self.enclosure.modules.iter().flat_map(|module| &module.address);
        if addresses.any(|address| modules.contains(address)) {
            return true;
        }
        let mut moved = 0;
        for identity in self.drives.values() {
            if let Some(Some(bay)) = present.get(identity)
                && bay.enclosure != self.enclosure.id
            {
                moved += 1;
            }
        }
        !self.has_unlinked_drives(present) && 2 * moved > self.drives.len()
    }

    /// The enclosure has been missing for a day, and no drive waits for its return.
    fn has_expired(&self, since: Timestamp, present: &HashMap<&Identity, Option<&Bay>>, now: Timestamp) -> bool {
        !self.has_unlinked_drives(present) && since.age_seconds(now) >= MISSING_RETENTION_SECONDS
    }

    /// Drives that were last in its bays are present, and in no other bay.
    fn has_unlinked_drives(&self, present: &HashMap<&Identity, Option<&Bay>>) -> bool {
        self.drives.values().any(|identity| present.get(identity) == Some(&None))
    }
}

impl Inventory {
    /// Sets the last bay of drives that no bay links, if its enclosure is missing.
    pub(crate) fn keep_last_bays(&mut self, last_bays: &HashMap<&Identity, (Bay, Timestamp)>) {
        if last_bays.is_empty() {
            return;
        }
        for record in self.records.values_mut() {
            if !record.is_present() || record.is_contested || record.linked_bay().is_some() {
                continue;
            }
            if let Some((bay, since)) = last_bays.get(&record.drive.identity) {
                record.bay = Some(bay.clone());
                record.bay_as_of = Some(*since);
                record.bay_source = Some(BaySource::Ses);
                record.left_bay = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
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
    struct Host {
        inventory: Inventory,
        enclosures: KnownEnclosures,
    }

    impl Host {
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
        let mut host = Host::default();
        let shelf = || enclosure("e", &["0:0:1:0", "0:0:2:0"]);
        host.discover(two(), vec![shelf()], 0);
        assert_eq!(host.bay("b"), Some(here("e", 2)));
        for at in [5, 2 * DAY] {
            assert_eq!(host.discover(two(), vec![], at), []);
            assert_eq!(host.bay("b"), Some(("e".to_owned(), 2, Some(5))));
            assert_eq!(host.missing(), [("e".to_owned(), 5)], "its drives are present");
        }
        let known = host.enclosures.enclosures();
        assert!(known.iter().all(|e| e.slots.len() == 2 && e.slots.iter().all(|slot| slot.links.is_empty())));
        assert_eq!(host.discover(two(), vec![shelf()], 3 * DAY), []);
        assert_eq!(
            (host.bay("b"), host.missing()),
            (Some(here("e", 2)), vec![]),
            "it returned, and no drive has moved"
        );
    }

    #[test]
    fn enclosure_without_drives_is_forgotten_after_a_day() {
        let mut host = Host::default();
        host.discover(two(), vec![enclosure("e", &["0:0:1:0", "0:0:2:0"])], 0);
        host.discover(vec![], vec![], 5);
        host.discover(vec![], vec![], DAY);
        assert_eq!(host.missing(), [("e".to_owned(), 5)]);
        host.discover(vec![], vec![], DAY + 5);
        assert_eq!(host.missing(), []);
    }

    #[test]
    fn enclosure_that_was_emptied_or_renamed_is_forgotten() {
        let mut host = Host::default();
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
        let mut first = Host::default();
        first.discover(two(), vec![enclosure("e", &["0:0:1:0", "0:0:2:0"])], 0);
        let mut second = Host::default();
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
        let mut first = Host::default();
        first.discover(vec![], vec![with_modules(&["0:0:9:0", "1:0:9:0"])], 0);
        first.discover(vec![], vec![], 5);
        first.discover(vec![], vec![with_modules(&["0:0:9:0"])], 6);
        assert_eq!(first.missing_modules(), [("1:0:9:0".to_owned(), 5)], "since the enclosure disappeared");
        let mut second = Host::default();
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
        let mut host = Host::default();
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
            let mut host = Host::default();
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
            let mut second = Host::default();
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
        let mut host = Host::default();
        host.discover(two(), vec![shelf], 0);
        host.discover(two(), vec![], 5);
        let record = host.inventory.get(&DriveKey::Discovered("a".into())).unwrap();
        let bay = Bay { enclosure: "e".into(), slot: BayLabel::Name("left".into()) };
        assert_eq!((record.bay.as_ref(), record.bay_as_of), (Some(&bay), Some(Timestamp(T0.0 + 5))));
    }

    #[test]
    fn missing_enclosures_are_limited() {
        let mut host = Host::default();
        for at in 0..100 {
            host.discover(vec![], vec![enclosure(&format!("e{at}"), &["0:0:1:0"])], at);
        }
        let missing = host.missing();
        assert_eq!(missing.len(), MAX_MISSING_ENCLOSURES);
        assert!(missing.iter().all(|(_, since)| *since >= 100 - 64), "{missing:?}");
    }
}
