//! What is known of every drive over time: which are present, which are missing, the last good reading of each.
//!
//! Readings and discoveries go in; records come out. When to read is the collector's business, how
//! records look to users is `api`'s.

mod missing;
mod record;

pub(crate) use missing::{KnownDrives, RecalledDrive};
pub use record::DriveRecord;
pub use record::Outcome;
pub(crate) use record::Reading;

use super::drive::{Drive, DriveKey, DrivePath, DriveState};
use super::enclosure::{Bay, Enclosure};
use super::no_reading::NoReading;
use super::smart::SmartReport;
use super::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// A pulled drive is remembered for a day.
const REMEMBER_MISSING_SECONDS: u64 = 86_400;
/// What the kernel may take to let go of a drive that is pulled.
const WHILE_PULLED_SECONDS: u64 = 10;

/// A change of which drives are present, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Appeared(DriveKey),
    Missing(DriveKey),
    Back(DriveKey),
    /// It stands in another bay than the one where it was last seen.
    Moved {
        key: DriveKey,
        from: Bay,
    },
    /// It stands where a drive is missed, which is given up; that one's serial number.
    Replaced {
        key: DriveKey,
        was: Option<String>,
    },
}

impl Change {
    pub(crate) fn key(&self) -> &DriveKey {
        match self {
            Self::Appeared(key)
            | Self::Missing(key)
            | Self::Back(key)
            | Self::Moved { key, .. }
            | Self::Replaced { key, .. } => key,
        }
    }
}

/// All records, by key.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    records: BTreeMap<DriveKey, DriveRecord>,
    /// The most drives that were here at once.
    most_present: usize,
    /// So many drives were present in the last overview in Redis, or as many as its missing ones stand for (`expect`).
    last_present: usize,
}

impl Inventory {
    pub(crate) fn records(&self) -> impl Iterator<Item = &DriveRecord> {
        self.records.values()
    }

    /// Those that are here now.
    pub fn present(&self) -> impl Iterator<Item = &DriveRecord> {
        self.records.values().filter(|r| r.is_here())
    }

    pub(crate) fn get(&self, key: &DriveKey) -> Option<&DriveRecord> {
        self.records.get(key)
    }

    /// Takes in which drives sysfs shows now, and in which bays. A drive that came back continues its
    /// record; one that is new starts clean; one that is gone stays as missing for a day, or
    /// until another sits in its bay.
    pub(crate) fn discovered(&mut self, drives: Vec<Drive>, enclosures: &[Enclosure], now: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut gone: BTreeSet<DriveKey> = self.present().map(|r| r.drive.key.clone()).collect();
        let mut recalled = self.recalled_by_identity();
        let bays = bays_by_address(enclosures);
        let has_nameless = drives.iter().any(|drive| drive.identity.is_empty());
        let known_places = if has_nameless { self.places_of_known(now) } else { HashSet::new() };
        let is_at_known_place =
            |path: &DrivePath| known_places.contains(&(path.device.to_string(), path.address.clone()));
        for drive in drives {
            let is_new = !self.records.contains_key(&drive.key);
            if is_new && drive.identity.is_empty() && drive.paths.iter().any(is_at_known_place) {
                continue;
            }
            if let Some(old) = recalled.remove(&drive.identity) {
                self.continue_recalled(&old, &drive);
            }
            let key = drive.key.clone();
            gone.remove(&key);
            let bay = drive.paths.iter().find_map(|p| bays.get(p.address.as_str()).cloned());
            let record = match self.records.get_mut(&key) {
                // Nothing tells that it is the one that went: it may be another disk in the same box.
                Some(record) if !record.is_here() && drive.identity.is_empty() => {
                    changes.push(Change::Appeared(key));
                    *record = DriveRecord::new(drive);
                    record
                }
                Some(record) => {
                    if record.missing_since.take().is_some() {
                        record.state = DriveState::Reading;
                        record.silences = 0;
                        changes.push(Change::Back(key));
                    }
                    // What is the same stays shared with whoever holds it.
                    if *record.drive != drive {
                        record.drive = drive.into();
                    }
                    record
                }
                None => {
                    changes.push(Change::Appeared(key.clone()));
                    self.records.entry(key).or_insert_with(|| DriveRecord::new(drive))
                }
            };
            let before = record.bay.as_ref().or(record.left_bay.as_ref().map(|(left, _)| left));
            if let Some(from) = before.filter(|from| bay.as_ref().is_some_and(|bay| bay != *from)) {
                changes.push(Change::Moved { key: record.drive.key.clone(), from: from.clone() });
            }
            record.left_bay = match (&bay, record.bay.take()) {
                (Some(_), _) => None,
                (None, Some(left)) => Some((left, now)),
                (None, None) => record.left_bay.take(),
            };
            record.bay = bay;
        }
        for key in gone {
            if let Some(record) = self.records.get_mut(&key) {
                record.state = DriveState::Missing;
                record.missing_since = Some(now);
                let left = record.left_bay.take().filter(|(_, at)| at.age_seconds(now) <= WHILE_PULLED_SECONDS);
                record.bay = record.bay.take().or(left.map(|(bay, _)| bay));
                record.error = Some(NoReading::Missing { since: now });
                changes.push(Change::Missing(key));
            }
        }
        changes.extend(self.forget(now));
        self.most_present = self.most_present.max(self.present().count());
        changes
    }

    /// Where drives with an identity are, or have just been, as device and address. The kernel lets go of what a drive
    /// says of itself before it lets go of its node: a drive without an identity in such a place is nobody new.
    fn places_of_known(&self, now: Timestamp) -> HashSet<(String, String)> {
        let was_there = |r: &&DriveRecord| {
            let is_recent = r.missing_since.is_none_or(|at| at.age_seconds(now) <= WHILE_PULLED_SECONDS);
            is_recent && !r.drive.identity.is_empty()
        };
        let paths = self.records().filter(was_there).flat_map(|r| &r.drive.paths);
        paths.map(|path| (path.device.to_string(), path.address.clone())).collect()
    }

    /// The clock was set: every time so far is one on the new clock.
    pub(crate) fn shift(&mut self, by_seconds: i64) {
        for record in self.records.values_mut() {
            for time in [&mut record.collected_at, &mut record.checked_at, &mut record.missing_since] {
                *time = time.map(|t| t.shifted(by_seconds));
            }
        }
    }

    fn forget(&mut self, now: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.records.values().all(DriveRecord::is_here) {
            return changes;
        }
        let stand = |r: &DriveRecord| Some((r.bay.clone()?, r.drive.key.clone()));
        let taken: HashMap<Bay, DriveKey> = self.present().filter_map(stand).collect();
        self.records.retain(|_, r| {
            let Some(since) = r.missing_since else { return true };
            let Some(key) = r.bay.as_ref().and_then(|bay| taken.get(bay)) else {
                return since.age_seconds(now) < REMEMBER_MISSING_SECONDS;
            };
            changes.push(Change::Replaced { key: key.clone(), was: r.serial_number().map(str::to_owned) });
            false
        });
        changes
    }

    /// Takes in a reading. One for a drive that is no longer here changes nothing. Gives the serial
    /// number of the drive that was known by that key before, if it is another's.
    pub(crate) fn apply(&mut self, reading: &Reading) -> Option<String> {
        self.records.get_mut(&reading.key).filter(|r| r.is_here())?.apply(reading)
    }

    /// The drive was read later than that by another daemon, and its reading was taken over: one that was asked for before
    /// replaces none.
    pub(crate) fn is_outdated(&self, key: &DriveKey, asked_at: Timestamp) -> bool {
        self.records.get(key).is_some_and(|r| r.collected_at > Some(asked_at))
    }

    /// Takes over what another daemon, or an earlier run of this one, read: shown with its age
    /// until the drive is read anew. Never in place of a newer reading; true when it is taken.
    pub(crate) fn seed(&mut self, key: &DriveKey, report: SmartReport, state: DriveState, at: Timestamp) -> bool {
        let is_newer = |r: &&mut DriveRecord| r.is_here() && r.collected_at.is_none_or(|own| own < at);
        let Some(record) = self.records.get_mut(key).filter(is_newer) else { return false };
        record.report = Some(Arc::new(report));
        record.collected_at = Some(at);
        record.state = if state == DriveState::Standby { DriveState::Standby } else { DriveState::Active };
        true
    }
}

/// SCSI address to bay, over all IO modules.
fn bays_by_address(enclosures: &[Enclosure]) -> BTreeMap<&str, Bay> {
    let mut bays = BTreeMap::new();
    for enclosure in enclosures {
        for slot in &enclosure.slots {
            for address in &slot.addresses {
                bays.insert(address.as_str(), Bay { enclosure: enclosure.id.clone(), slot: slot.number });
            }
        }
    }
    bays
}

#[cfg(test)]
mod tests;
