//! Inventory: all drives of this host, present and missing, with the last good reading of each.
//!
//! Discoveries and readings are applied to it. The collector decides when to read; `api` presents the records.

mod known_enclosures;
mod missing;
mod record;

pub(crate) use known_enclosures::{KnownEnclosure, KnownEnclosures, MAX_MISSING_ENCLOSURES};
pub(crate) use missing::{KnownDrives, RestoredDrive};
pub(crate) use record::Reading;
pub use record::{DriveRecord, Outcome};

use super::drive::{Drive, DriveKey, DrivePath, DriveState};
use super::enclosure::placement::{BayLinks, Placement};
use super::enclosure::{Bay, Enclosure};
use super::no_reading::NoReading;
use super::smart::SmartReport;
use super::time::Timestamp;
use crate::domain::identity::{EnclosureId, ScsiHost, SerialNumber};
use crate::domain::known_paths::{AbsentPaths, KnownPath};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// How long a missing drive is kept: a day.
const MISSING_RETENTION_SECONDS: u64 = 86_400;
/// How long the kernel may take to remove a pulled drive.
const REMOVAL_GRACE_SECONDS: u64 = 10;

/// A change of the inventory or of a bay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Appeared(DriveKey),
    Missing(DriveKey),
    Back(DriveKey),
    /// It is in another bay than before.
    Moved {
        key: DriveKey,
        from: Bay,
    },
    /// It is in the bay of a missing drive, which is removed; `was`: the serial number of that drive.
    Replaced {
        key: DriveKey,
        was: Option<SerialNumber>,
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
    /// The highest number of drives that were present at once.
    most_present: usize,
    /// Number of drives present in the last overview in Redis, or that its missing drives imply (`expect_counts`).
    last_present: usize,
}

impl Inventory {
    pub(crate) fn records(&self) -> impl Iterator<Item = &DriveRecord> {
        self.records.values()
    }

    /// The drives that are present.
    pub fn present(&self) -> impl Iterator<Item = &DriveRecord> {
        self.records.values().filter(|r| r.is_present())
    }

    pub(crate) fn get(&self, key: &DriveKey) -> Option<&DriveRecord> {
        self.records.get(key)
    }

    /// Applies a discovery. A drive that is back continues its record, a new one gets a new record. One that disappeared
    /// is kept as missing for a day, or until another drive is in its bay.
    pub(crate) fn apply_discovery(
        &mut self,
        drives: Vec<Drive>,
        enclosures: &[Enclosure],
        now: Timestamp,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut disappeared: BTreeSet<DriveKey> = self.present().map(|r| r.drive.key.clone()).collect();
        let mut restored = self.restored_by_identity();
        let links = BayLinks::of(enclosures);
        let missing_enclosures: HashSet<&EnclosureId> =
            enclosures.iter().filter(|e| e.missing_since().is_some()).map(|e| &e.id).collect();
        let has_unidentified = drives.iter().any(|drive| drive.identity.is_empty());
        let known_locations = if has_unidentified { self.known_locations(now) } else { HashSet::new() };
        let is_at_known_location =
            |path: &DrivePath| known_locations.contains(&(path.device.to_string(), path.address.clone()));
        for drive in drives {
            let is_new = !self.records.contains_key(&drive.key);
            if is_new && drive.identity.is_empty() && drive.paths.iter().any(is_at_known_location) {
                continue;
            }
            if let Some(old) = restored.remove(&drive.identity) {
                self.continue_restored(&old, &drive);
            }
            let key = drive.key.clone();
            disappeared.remove(&key);
            let placement = links.place(&drive);
            let mut is_back = false;
            let record = match self.records.get_mut(&key) {
                // Without an identity it may be another disk in the same box.
                Some(record) if !record.is_present() && drive.identity.is_empty() => {
                    changes.push(Change::Appeared(key));
                    *record = DriveRecord::new(drive);
                    record
                }
                Some(record) => {
                    if record.missing_since.take().is_some() {
                        is_back = true;
                        record.state = DriveState::Reading;
                        record.consecutive_timeouts = 0;
                        changes.push(Change::Back(key));
                    }
                    // Unchanged values stay shared.
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
            let is_missing = |bay: &Bay| missing_enclosures.contains(&bay.enclosure);
            let placement = if record.outweighs(&placement, is_missing) { Placement::default() } else { placement };
            let is_elsewhere = placement.bay.is_none() || record.bay != placement.bay;
            let absent = if is_back && is_elsewhere { AbsentPaths::Forgotten } else { AbsentPaths::Missing };
            if record.drive.raid_volume().is_none() {
                let drive = Arc::clone(&record.drive);
                record.paths.discover(&drive.paths, absent, now);
            }
            changes.extend(record.place(placement, now));
        }
        for key in disappeared {
            if let Some(record) = self.records.get_mut(&key) {
                record.state = DriveState::Missing;
                record.missing_since = Some(now);
                let left = record.left_bay.take().filter(|(_, at)| at.age_seconds(now) <= REMOVAL_GRACE_SECONDS);
                record.bay = record.bay.take().or(left.map(|(bay, _)| bay));
                record.bay_as_of = None;
                record.error = Some(NoReading::Missing { since: now });
                changes.push(Change::Missing(key));
            }
        }
        changes.extend(self.expire_missing(now));
        self.most_present = self.most_present.max(self.present().count());
        changes
    }

    /// Removes records; returns how many.
    pub(crate) fn remove(&mut self, is_removed: impl Fn(&DriveRecord) -> bool) -> usize {
        let before = self.records.len();
        self.records.retain(|_, record| !is_removed(record));
        before - self.records.len()
    }

    /// Several bays link a drive.
    pub(crate) fn has_contested(&self) -> bool {
        self.present().any(|record| record.is_contested)
    }

    /// The shelves have reported the status of their bays: drives that several bays link are placed anew. No drive is
    /// missing or new because of it.
    pub(crate) fn place_contested(&mut self, enclosures: &[Enclosure], now: Timestamp) -> Vec<Change> {
        let links = BayLinks::of(enclosures);
        let mut changes = Vec::new();
        for record in self.records.values_mut().filter(|r| r.is_present() && r.is_contested) {
            let placement = links.place(&record.drive);
            changes.extend(record.place(placement, now));
        }
        if !changes.is_empty() {
            changes.extend(self.expire_missing(now));
        }
        changes
    }

    /// Device and address of drives with an identity that are present, or were until just now. During removal the device
    /// node can outlive its VPD attributes; such a node is not a new drive.
    fn known_locations(&self, now: Timestamp) -> HashSet<(String, String)> {
        let is_known = |r: &&DriveRecord| {
            let is_recent = r.missing_since.is_none_or(|at| at.age_seconds(now) <= REMOVAL_GRACE_SECONDS);
            is_recent && !r.drive.identity.is_empty()
        };
        let paths = self.records().filter(is_known).flat_map(|r| &r.drive.paths);
        paths.map(|path| (path.device.to_string(), path.address.clone())).collect()
    }

    /// The clock was set: converts all times to the new clock.
    pub(crate) fn shift(&mut self, by_seconds: i64) {
        for record in self.records.values_mut() {
            record.paths.shift(by_seconds);
            let DriveRecord { collected_at, checked_at, missing_since, bay_as_of, .. } = record;
            for time in [collected_at, checked_at, missing_since, bay_as_of] {
                *time = time.map(|t| t.shifted(by_seconds));
            }
        }
    }

    /// Forgets the missing paths of a drive. Returns their number.
    pub(crate) fn forget_paths(&mut self, key: &DriveKey) -> usize {
        self.records.get_mut(key).map_or(0, |record| record.paths.forget_missing())
    }

    /// Takes over the paths that a drive had by its stored document, if it is where it was then: elsewhere it may have
    /// fewer.
    pub(crate) fn restore_paths(&mut self, key: &DriveKey, earlier: Vec<KnownPath>, bay: Option<&Bay>) {
        let Some(record) = self.records.get_mut(key) else { return };
        if record.is_present() && record.bay.as_ref() == bay && record.drive.raid_volume().is_none() {
            record.paths.restore(earlier);
        }
    }

    /// Applies which SCSI hosts are silent as a whole, with the number of drives behind each.
    pub(crate) fn set_silent_hosts(&mut self, silent: &[(ScsiHost, usize)], at: Timestamp) {
        for record in self.records.values_mut() {
            record.paths.set_silent_hosts(silent, at);
        }
    }

    /// Removes missing drives that have expired or were replaced.
    fn expire_missing(&mut self, now: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.records.values().all(DriveRecord::is_present) {
            return changes;
        }
        let bay_of = |r: &DriveRecord| Some((r.bay.clone()?, r.drive.key.clone()));
        let taken: HashMap<Bay, DriveKey> = self.present().filter_map(bay_of).collect();
        self.records.retain(|_, r| {
            let Some(since) = r.missing_since else { return true };
            let Some(key) = r.bay.as_ref().and_then(|bay| taken.get(bay)) else {
                return since.age_seconds(now) < MISSING_RETENTION_SECONDS;
            };
            changes.push(Change::Replaced { key: key.clone(), was: r.serial_number().cloned() });
            false
        });
        changes
    }

    /// Applies a reading; one of a drive that is not present has no effect. Returns the serial number of the previous
    /// drive if the reading is of another one.
    pub(crate) fn apply(&mut self, reading: &Reading) -> Option<SerialNumber> {
        self.records.get_mut(&reading.key).filter(|r| r.is_present())?.apply(reading)
    }

    /// A reading of another daemon that is newer than `asked_at` was restored; it must not be replaced.
    pub(crate) fn is_outdated(&self, key: &DriveKey, asked_at: Timestamp) -> bool {
        self.records.get(key).is_some_and(|r| r.collected_at > Some(asked_at))
    }

    /// Restores a reading of another daemon, or of an earlier run of this one. It is shown with its age until the next
    /// reading, and never replaces a newer one. True if it was restored.
    pub(crate) fn restore_reading(
        &mut self,
        key: &DriveKey,
        report: SmartReport,
        state: DriveState,
        at: Timestamp,
    ) -> bool {
        let is_newer = |r: &&mut DriveRecord| r.is_present() && r.collected_at.is_none_or(|own| own < at);
        let Some(record) = self.records.get_mut(key).filter(is_newer) else { return false };
        record.report = Some(Arc::new(report));
        record.collected_at = Some(at);
        record.state = if state == DriveState::Standby { DriveState::Standby } else { DriveState::Active };
        true
    }
}

#[cfg(test)]
mod tests;
