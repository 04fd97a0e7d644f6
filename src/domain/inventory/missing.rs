//! Missing drives: those restored from a stored list, and how many are kept.
//!
//! A drive that this process discovered has the key of its discovery. A drive that disappeared before this process started
//! is known only from its stored document; its key shows that it is *restored*. When it returns, its record continues under
//! the key of the present drive.

use super::{DriveRecord, Inventory, MISSING_RETENTION_SECONDS};
use crate::domain::drive::{Drive, DriveKey, DriveState};
use crate::domain::enclosure::Bay;
use crate::domain::identity::Identity;
use crate::domain::no_reading::NoReading;
use crate::domain::smart::SmartReport;
use crate::domain::time::Timestamp;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Limit of missing drives, as a multiple of the highest number present at once.
const MISSING_PER_PRESENT: usize = 4;
/// The limit is not less than this.
const MIN_MISSING_LIMIT: usize = 64;
/// The limit is not more than this, unless more drives were present at once.
const MAX_MISSING_LIMIT: usize = 2_000;

/// A drive that disappeared before this process started, from its stored document.
#[derive(Clone, Debug)]
pub struct RestoredDrive {
    pub drive: Drive,
    /// Its last bay.
    pub(crate) bay: Option<Bay>,
    pub(crate) report: Option<SmartReport>,
    pub(crate) collected_at: Option<Timestamp>,
    pub(crate) checked_at: Option<Timestamp>,
    pub(crate) missing_since: Timestamp,
}

/// The state before drives are restored, collected once so that the work is linear in their number.
#[derive(Debug)]
pub(crate) struct KnownDrives {
    identities: HashSet<Identity>,
    bays_in_use: HashSet<Bay>,
    now: Timestamp,
}

impl KnownDrives {
    pub(crate) fn of(inventory: &Inventory, now: Timestamp) -> Self {
        let (mut identities, mut bays_in_use) = (HashSet::new(), HashSet::new());
        for record in inventory.records() {
            if !record.drive.identity.is_empty() {
                identities.insert(record.drive.identity.clone());
            }
            if record.is_present() {
                bays_in_use.extend(record.bay.clone());
            }
        }
        Self { identities, bays_in_use, now }
    }

    /// The drive may be restored: it is unknown, no other drive is in its bay, and it has not expired.
    pub(crate) fn accepts(&self, identity: &Identity, bay: Option<&Bay>, since: Timestamp) -> bool {
        if let Some(bay) = bay
            && self.bays_in_use.contains(bay)
        {
            return false;
        }
        !identity.is_empty()
            && !self.identities.contains(identity)
            && since.age_seconds(self.now) < MISSING_RETENTION_SECONDS
    }
}

impl Inventory {
    /// Sets the numbers of drives in the last overview in Redis. A host that starts without its HBA thus keeps all of them
    /// as missing, even if it does so twice and that overview has missing drives only. The values from Redis are not
    /// trusted: the limits apply.
    pub(crate) fn expect_counts(&mut self, present: usize, missing: usize) {
        self.last_present = present.max(missing.div_ceil(MISSING_PER_PRESENT));
    }

    /// Maximum number of missing drives: at least as many as were present at once.
    pub(crate) fn missing_limit(&self) -> usize {
        MISSING_PER_PRESENT
            .saturating_mul(self.most_present.max(self.last_present))
            .clamp(MIN_MISSING_LIMIT, MAX_MISSING_LIMIT)
            .max(self.most_present)
    }

    /// Number of missing drives.
    pub(crate) fn missing(&self) -> usize {
        self.records.values().filter(|record| !record.is_present()).count()
    }

    /// Restores a drive that disappeared before this process started, with its last bay and reading. `None`: it is
    /// known already, its bay is occupied, or it has expired.
    pub(crate) fn restore_missing(&mut self, known: &mut KnownDrives, restored: RestoredDrive) -> Option<DriveKey> {
        let RestoredDrive { drive, bay, report, collected_at, checked_at, missing_since } = restored;
        // A time in the future is from another clock, and would keep the drive for longer than a day.
        let since = missing_since.min(known.now);
        if !known.accepts(&drive.identity, bay.as_ref(), since) {
            return None;
        }
        let key = drive.key.clone();
        known.identities.insert(drive.identity.clone());
        let record = DriveRecord {
            state: DriveState::Missing,
            report: report.map(Arc::new),
            collected_at,
            checked_at,
            error: Some(NoReading::Missing { since }),
            bay,
            missing_since: Some(since),
            ..DriveRecord::new(drive)
        };
        self.records.insert(key.clone(), record);
        Some(key)
    }

    /// Some drives are known from their stored documents only.
    pub(crate) fn has_restored(&self) -> bool {
        self.records.values().any(|record| record.drive.is_restored())
    }

    /// Removes restored drives except those that are `kept`; returns the number of removed drives.
    pub(crate) fn remove_restored(&mut self, kept: impl Fn(&Identity) -> bool) -> usize {
        let before = self.records.len();
        self.records.retain(|_, record| !record.drive.is_restored() || kept(&record.drive.identity));
        before - self.records.len()
    }

    /// Removes the drives that have been missing longest, beyond `missing_limit`; returns the number of removed drives.
    pub(crate) fn limit_missing(&mut self) -> usize {
        let mut missing: Vec<(Timestamp, DriveKey)> = Vec::new();
        for record in self.records.values() {
            missing.extend(record.missing_since.map(|since| (since, record.drive.key.clone())));
        }
        let left_out = missing.len().saturating_sub(self.missing_limit());
        if left_out > 0 {
            missing.sort();
            for (_, key) in missing.iter().take(left_out) {
                self.records.remove(key);
            }
        }
        left_out
    }

    pub(super) fn restored_by_identity(&self) -> HashMap<Identity, DriveKey> {
        let restored = self.records.values().filter(|record| record.drive.is_restored());
        restored.map(|record| (record.drive.identity.clone(), record.drive.key.clone())).collect()
    }

    /// Continues the record of a restored drive that has returned under its new key.
    pub(super) fn continue_restored(&mut self, old: &DriveKey, drive: &Drive) {
        if let Some(record) = self.records.remove(old) {
            self.records.entry(drive.key.clone()).or_insert(record);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::inventory::tests::{T0, drive};

    fn drives(range: std::ops::Range<usize>) -> Vec<Drive> {
        let mut drives = Vec::new();
        for number in range {
            let (serial, name) = (format!("S{number:06}"), format!("nvme{number}n1"));
            drives.push(drive(&serial, &name, &format!("0:0:{number}:0")));
        }
        drives
    }

    /// The number of missing drives is limited even if other drives are found each time, and the newest ones are kept.
    #[test]
    fn missing_drives_are_limited_to_a_multiple_of_those_present_at_once() {
        let mut inventory = Inventory::default();
        let (mut left_out, mut now) = (0, T0);
        for round in 0..40 {
            inventory.apply_discovery(drives(100 * round..100 * (round + 1)), &[], now);
            left_out += inventory.limit_missing();
            now = now.shifted(1);
        }
        assert_eq!((inventory.missing(), left_out), (400, 39 * 100 - 400), "four times those that were present");
        for since in inventory.records().filter_map(|record| record.missing_since) {
            assert!(since > T0.shifted(34), "the newest are kept: {since:?}");
        }
    }

    #[test]
    fn all_drives_that_were_present_can_be_missing() {
        let mut inventory = Inventory::default();
        inventory.apply_discovery(drives(0..3_000), &[], T0);
        inventory.apply_discovery(Vec::new(), &[], Timestamp(T0.0 + 1));
        assert_eq!((inventory.limit_missing(), inventory.missing()), (0, 3_000));
        let mut few = Inventory::default();
        few.apply_discovery(drives(0..100), &[], T0);
        few.apply_discovery(drives(0..1), &[], Timestamp(T0.0 + 1));
        assert_eq!((few.limit_missing(), few.missing()), (0, 99));
    }

    fn restored(number: usize, since: i64) -> RestoredDrive {
        let drive = drive(&format!("S{number:06}"), "sda", "0:0:0:0");
        let drive = Drive { key: DriveKey::Restored(drive.identity.clone()), ..drive };
        RestoredDrive {
            drive,
            bay: None,
            report: None,
            collected_at: None,
            checked_at: None,
            missing_since: Timestamp(since),
        }
    }

    #[test]
    fn drive_is_restored_once_and_does_not_replace_a_known_one() {
        let mut inventory = Inventory::default();
        inventory.apply_discovery(drives(0..1), &[], T0);
        let mut known = KnownDrives::of(&inventory, T0);
        for (number, since, is_restored, why) in [
            (0, 900, false, "it is present"),
            (1, 900, true, "it is missing"),
            (1, 950, false, "it is restored already"),
            (2, T0.0 - 86_400, false, "it has expired"),
            (3, T0.0 + 900_000, true, "its time is from a clock that was ahead"),
        ] {
            let key = inventory.restore_missing(&mut known, restored(number, since));
            assert_eq!(key.is_some(), is_restored, "{why}");
        }
        let since: Vec<_> = inventory.records().filter_map(|record| record.missing_since).collect();
        assert_eq!(since, [Timestamp(900), T0], "a time in the future counts as now");
        inventory.apply_discovery(drives(0..2), &[], T0);
        let returned = inventory.get(&DriveKey::Discovered("S000001".into())).unwrap();
        assert!(returned.is_present(), "under the key of its discovery");
        inventory.apply_discovery(drives(0..1), &[], T0);
        assert_eq!(inventory.remove_restored(|_| false), 1, "the one that this process has not discovered");
        assert_eq!(inventory.missing(), 1, "the one that disappeared while this process ran is kept");
    }

    /// With quadratic time this test would not end in any practical time.
    #[test]
    fn many_drives_are_restored_in_linear_time() {
        let mut inventory = Inventory::default();
        inventory.apply_discovery(drives(0..4), &[], T0);
        let mut known = KnownDrives::of(&inventory, T0);
        for number in 10..60_010 {
            assert!(inventory.restore_missing(&mut known, restored(number, 900)).is_some());
        }
        assert_eq!((inventory.limit_missing(), inventory.missing()), (60_000 - MIN_MISSING_LIMIT, MIN_MISSING_LIMIT));
        inventory.apply_discovery(drives(0..4), &[], T0);
        assert_eq!(inventory.missing(), MIN_MISSING_LIMIT);
    }

    #[test]
    fn limit_of_missing_drives_depends_on_those_present_now_or_in_the_last_overview() {
        for (most_present, present, missing, limit) in [
            (4, 0, 0, 64),
            (16, 0, 0, 64),
            (17, 0, 0, 68),
            (500, 0, 0, 2_000),
            (501, 0, 0, 2_000),
            (3_000, 0, 0, 3_000),
            // The HBA failed at a boot, and at the next one.
            (2, 78, 0, 312),
            (2, 2, 78, 80),
            (2, usize::MAX, usize::MAX, 2_000),
        ] {
            let mut inventory = Inventory { most_present, ..Inventory::default() };
            inventory.expect_counts(present, missing);
            assert_eq!(inventory.missing_limit(), limit, "{most_present} {present} {missing}");
        }
    }
}
