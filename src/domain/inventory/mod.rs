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
use super::smart::SmartReport;
use super::time::Timestamp;
use crate::domain::identity::{EnclosureId, ScsiHost, SerialNumber};
use crate::domain::known_paths::{AbsentPaths, KnownPath};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// How long a missing drive or enclosure is kept: a day.
const MISSING_RETENTION_SECONDS: u64 = 86_400;
/// Maximum time that the kernel takes to remove a drive that was pulled.
const REMOVAL_GRACE_SECONDS: u64 = 10;

/// A change of the inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A drive was added.
    Appeared(DriveKey),
    /// A drive disappeared.
    Missing(DriveKey),
    /// A missing drive returned.
    Back(DriveKey),
    /// A drive is in another bay than before.
    Moved { key: DriveKey, from: Bay },
    /// A drive is in the bay of a missing drive, which is removed; `was`: the serial number of that one.
    Replaced { key: DriveKey, was: Option<SerialNumber> },
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
    /// Number of present drives that the last overview in Redis has, or that its missing drives imply (`expect_counts`).
    last_present: usize,
}

impl Inventory {
    pub(crate) fn records(&self) -> impl Iterator<Item = &DriveRecord> {
        self.records.values()
    }

    /// The drives that are present.
    pub fn present(&self) -> impl Iterator<Item = &DriveRecord> {
        self.records.values().filter(|record| record.is_present())
    }

    pub(crate) fn get(&self, key: &DriveKey) -> Option<&DriveRecord> {
        self.records.get(key)
    }

    /// Applies a discovery. A drive that returned continues its record, a new one gets a new record. A drive that
    /// disappeared is kept as missing for a day, or until another drive is in its bay.
    pub(crate) fn apply_discovery(
        &mut self,
        drives: Vec<Drive>,
        enclosures: &[Enclosure],
        now: Timestamp,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut disappeared: BTreeSet<DriveKey> = self.present().map(|record| record.drive.key.clone()).collect();
        let mut restored = self.restored_by_identity();
        let links = BayLinks::of(enclosures);
        let missing_enclosures = enclosures.iter().filter(|enclosure| enclosure.missing_since().is_some());
        let missing_enclosures: HashSet<&EnclosureId> = missing_enclosures.map(|enclosure| &enclosure.id).collect();
        let has_unidentified = drives.iter().any(|drive| drive.identity.is_empty());
        let known_locations = if has_unidentified { self.known_locations(now) } else { HashSet::new() };
        for drive in drives {
            // A drive without an identity at the location of a known one is that drive, which is being removed.
            let is_new = !self.records.contains_key(&drive.key);
            if is_new
                && drive.identity.is_empty()
                && drive.paths.iter().any(|path| known_locations.contains(&location(path)))
            {
                continue;
            }
            if let Some(old) = restored.remove(&drive.identity) {
                self.continue_restored(&old, &drive);
            }
            disappeared.remove(&drive.key);
            let placement = links.place(&drive);
            let (record, change) = self.update_record(drive);
            let has_returned = matches!(change, Some(Change::Back(_)));
            changes.extend(change);
            let is_missing = |bay: &Bay| missing_enclosures.contains(&bay.enclosure);
            let placement = if record.outweighs(&placement, is_missing) { Placement::default() } else { placement };
            let is_elsewhere = placement.bay.is_none() || record.bay != placement.bay;
            let absent = if has_returned && is_elsewhere { AbsentPaths::Forgotten } else { AbsentPaths::Missing };
            if record.drive.raid_volume().is_none() {
                let drive = Arc::clone(&record.drive);
                record.paths.discover(&drive.paths, absent, now);
            }
            changes.extend(record.place(placement, now));
        }
        for key in disappeared {
            if let Some(record) = self.records.get_mut(&key) {
                record.set_missing(now);
                changes.push(Change::Missing(key));
            }
        }
        changes.extend(self.expire_missing(now));
        self.most_present = self.most_present.max(self.present().count());
        changes
    }

    /// Continues the record of a drive that was discovered, or adds one.
    fn update_record(&mut self, drive: Drive) -> (&mut DriveRecord, Option<Change>) {
        match self.records.entry(drive.key.clone()) {
            Entry::Vacant(entry) => {
                let change = Change::Appeared(drive.key.clone());
                (entry.insert(DriveRecord::new(drive)), Some(change))
            }
            Entry::Occupied(entry) => {
                let record = entry.into_mut();
                let change = record.continue_with(drive);
                (record, change)
            }
        }
    }

    /// Removes records; returns their number.
    pub(crate) fn remove(&mut self, is_removed: impl Fn(&DriveRecord) -> bool) -> usize {
        let before = self.records.len();
        self.records.retain(|_, record| !is_removed(record));
        before - self.records.len()
    }

    /// Several bays link the same drive.
    pub(crate) fn has_contested(&self) -> bool {
        self.present().any(|record| record.is_contested)
    }

    /// Decides again between bays that link the same drive: the enclosures have reported the status of their bays. No drive
    /// is added or missing because of it.
    pub(crate) fn place_contested(&mut self, enclosures: &[Enclosure], now: Timestamp) -> Vec<Change> {
        let links = BayLinks::of(enclosures);
        let mut changes = Vec::new();
        for record in self.records.values_mut() {
            if record.is_present() && record.is_contested {
                let placement = links.place(&record.drive);
                changes.extend(record.place(placement, now));
            }
        }
        if !changes.is_empty() {
            changes.extend(self.expire_missing(now));
        }
        changes
    }

    /// Locations of drives with an identity that are present, or were until a moment ago. During removal the device node can
    /// outlive its VPD attributes; such a node is not a new drive.
    fn known_locations(&self, now: Timestamp) -> HashSet<(String, String)> {
        let mut locations = HashSet::new();
        for record in self.records.values() {
            let is_recent = match record.missing_since {
                Some(since) => since.age_seconds(now) <= REMOVAL_GRACE_SECONDS,
                None => true,
            };
            if is_recent && !record.drive.identity.is_empty() {
                locations.extend(record.drive.paths.iter().map(location));
            }
        }
        locations
    }

    /// Converts all times to the new clock after a step.
    pub(crate) fn shift(&mut self, by_seconds: i64) {
        for record in self.records.values_mut() {
            record.shift(by_seconds);
        }
    }

    /// Forgets the missing paths of a drive; returns their number.
    pub(crate) fn forget_paths(&mut self, key: &DriveKey) -> usize {
        match self.records.get_mut(key) {
            Some(record) => record.paths.forget_missing(),
            None => 0,
        }
    }

    /// Restores the paths that a drive has in its stored document, if it is still in the bay of that document: in another
    /// one it may have fewer.
    pub(crate) fn restore_paths(&mut self, key: &DriveKey, earlier: Vec<KnownPath>, bay: Option<&Bay>) {
        let Some(record) = self.records.get_mut(key) else { return };
        if record.is_present() && record.bay.as_ref() == bay && record.drive.raid_volume().is_none() {
            record.paths.restore(earlier);
        }
    }

    /// Applies which SCSI hosts the circuit breaker has found silent, with the number of drives behind each.
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
        let mut occupants: HashMap<Bay, DriveKey> = HashMap::new();
        for record in self.present() {
            occupants.extend(record.bay.clone().map(|bay| (bay, record.drive.key.clone())));
        }
        self.records.retain(|_, record| {
            let Some(since) = record.missing_since else { return true };
            if let Some(bay) = &record.bay
                && let Some(key) = occupants.get(bay)
            {
                changes.push(Change::Replaced { key: key.clone(), was: record.serial_number().cloned() });
                return false;
            }
            since.age_seconds(now) < MISSING_RETENTION_SECONDS
        });
        changes
    }

    /// Applies a reading, unless the drive is not present. Returns the serial number of the previous drive if the reading is
    /// of another one.
    pub(crate) fn apply(&mut self, reading: &Reading) -> Option<SerialNumber> {
        let record = self.records.get_mut(&reading.key)?;
        if record.is_present() { record.apply(reading) } else { None }
    }

    /// A restored reading of another daemon is newer than a reading that was started at `asked_at`, which must not replace
    /// it.
    pub(crate) fn is_outdated(&self, key: &DriveKey, asked_at: Timestamp) -> bool {
        match self.records.get(key) {
            Some(record) => record.collected_at > Some(asked_at),
            None => false,
        }
    }

    /// Restores a reading of another daemon, or of an earlier run of this one. It is shown with its age until the next
    /// reading, and does not replace a newer one. Returns true if it was restored.
    pub(crate) fn restore_reading(
        &mut self,
        key: &DriveKey,
        report: SmartReport,
        state: DriveState,
        at: Timestamp,
    ) -> bool {
        let Some(record) = self.records.get_mut(key) else { return false };
        // `None` is less than any time.
        if !record.is_present() || record.collected_at >= Some(at) {
            return false;
        }
        record.report = Some(Arc::new(report));
        record.collected_at = Some(at);
        record.state = if state == DriveState::Standby { DriveState::Standby } else { DriveState::Active };
        true
    }
}

/// Block device and address of a path.
fn location(path: &DrivePath) -> (String, String) {
    (path.device.to_string(), path.address.clone())
}

#[cfg(test)]
mod tests;
