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
mod tests;
