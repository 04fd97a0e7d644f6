//! Missing drives: those restored from a stored list, and how many are kept.
//!
//! A drive that this process discovered has the key of its discovery. One that is known from its stored document only,
//! because it disappeared before this process started, is *restored*, which its key shows. If it is back, its record
//! continues under the key of the present drive.

use super::{DriveRecord, Inventory, MISSING_RETENTION_SECONDS};
use crate::domain::drive::{Drive, DriveKey, DriveState};
use crate::domain::enclosure::Bay;
use crate::domain::identity::Identity;
use crate::domain::no_reading::NoReading;
use crate::domain::smart::SmartReport;
use crate::domain::time::Timestamp;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Limit of missing drives, as a multiple of the highest number present at once …
const MISSING_PER_PRESENT: usize = 4;
/// … but not less than this …
const MIN_MISSING_LIMIT: usize = 64;
/// … and not more than this, unless more were present at once.
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
        let identities = inventory.records().map(|r| r.drive.identity.clone()).filter(|identity| !identity.is_empty());
        let bays_in_use = inventory.present().filter_map(|r| r.bay.clone());
        Self { identities: identities.collect(), bays_in_use: bays_in_use.collect(), now }
    }

    /// The drive may be restored: it is unknown, no other drive is in its bay, and it has not expired.
    pub(crate) fn accepts(&self, identity: &Identity, bay: Option<&Bay>, since: Timestamp) -> bool {
        !identity.is_empty()
            && !self.identities.contains(identity)
            && bay.is_none_or(|bay| !self.bays_in_use.contains(bay))
            && since.age_seconds(self.now) < MISSING_RETENTION_SECONDS
    }
}

impl Inventory {
    /// Sets the numbers of drives in the last overview in Redis, so that a host that starts without its HBA keeps all
    /// of them as missing, also if it starts so again and that overview has missing drives only. Redis is not trusted:
    /// the usual limits apply.
    pub(crate) fn expect_counts(&mut self, present: usize, missing: usize) {
        self.last_present = present.max(missing.div_ceil(MISSING_PER_PRESENT));
    }

    /// How many missing drives are kept: enough for all that were present, and not more than a host can lose.
    pub(crate) fn missing_limit(&self) -> usize {
        MISSING_PER_PRESENT
            .saturating_mul(self.most_present.max(self.last_present))
            .clamp(MIN_MISSING_LIMIT, MAX_MISSING_LIMIT)
            .max(self.most_present)
    }

    pub(crate) fn missing(&self) -> usize {
        self.records.values().filter(|r| !r.is_present()).count()
    }

    /// Restores a drive that disappeared before this process started, with its last bay and reading. `None`: it is
    /// known already, its bay is occupied, or it has expired.
    pub(crate) fn restore_missing(&mut self, known: &mut KnownDrives, restored: RestoredDrive) -> Option<DriveKey> {
        let RestoredDrive { drive, bay, report, collected_at, checked_at, missing_since } = restored;
        // Dated by another clock, it would be missing for longer than a day.
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

    pub(crate) fn has_restored(&self) -> bool {
        self.records.values().any(|r| r.drive.is_restored())
    }

    /// Removes restored drives except those that are `kept`; returns how many.
    pub(crate) fn remove_restored(&mut self, kept: impl Fn(&Identity) -> bool) -> usize {
        let before = self.records.len();
        self.records.retain(|_, r| !r.drive.is_restored() || kept(&r.drive.identity));
        before - self.records.len()
    }

    /// Removes the drives that have been missing longest, beyond `missing_limit`; returns how many.
    pub(crate) fn limit_missing(&mut self) -> usize {
        let since = |r: &DriveRecord| Some((r.missing_since?, r.drive.key.clone()));
        let mut missing: Vec<(Timestamp, DriveKey)> = self.records.values().filter_map(since).collect();
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
        let restored = self.records.values().filter(|r| r.drive.is_restored());
        restored.map(|r| (r.drive.identity.clone(), r.drive.key.clone())).collect()
    }

    /// A restored drive is back: its record continues under the new key.
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
        let one = |n: usize| drive(&format!("S{n:06}"), &format!("nvme{n}n1"), &format!("0:0:{n}:0"));
        range.map(one).collect()
    }

    /// An enclosure that returns with other drives each time does not fill the list, and the newest drives are kept.
    #[test]
    fn no_more_are_missing_than_a_host_can_lose() {
        let mut inventory = Inventory::default();
        let at = |round: usize| Timestamp(T0.0 + i64::try_from(round).unwrap_or(0));
        let mut left_out = 0;
        for round in 0..40 {
            inventory.apply_discovery(drives(100 * round..100 * (round + 1)), &[], at(round));
            left_out += inventory.limit_missing();
        }
        assert_eq!((inventory.missing(), left_out), (400, 39 * 100 - 400), "four times those that were here");
        assert!(inventory.records().all(|r| r.missing_since.is_none_or(|since| since > at(34))), "the oldest went");
    }

    #[test]
    fn all_that_were_here_can_be_missing() {
        let mut inventory = Inventory::default();
        inventory.apply_discovery(drives(0..3_000), &[], T0);
        inventory.apply_discovery(Vec::new(), &[], Timestamp(T0.0 + 1));
        assert_eq!((inventory.limit_missing(), inventory.missing()), (0, 3_000));
        let mut few = Inventory::default();
        few.apply_discovery(drives(0..100), &[], T0);
        few.apply_discovery(drives(0..1), &[], Timestamp(T0.0 + 1));
        assert_eq!((few.limit_missing(), few.missing()), (0, 99));
    }

    fn restored(n: usize, since: i64) -> RestoredDrive {
        let here = drive(&format!("S{n:06}"), "sda", "0:0:0:0");
        let drive = Drive { key: DriveKey::Restored(here.identity.clone()), ..here };
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
    fn a_drive_is_restored_once_and_never_over_what_is_known() {
        let mut inventory = Inventory::default();
        inventory.apply_discovery(drives(0..1), &[], T0);
        let mut known = KnownDrives::of(&inventory, T0);
        let mut restore_missing =
            |inventory: &mut Inventory, n, since| inventory.restore_missing(&mut known, restored(n, since)).is_some();
        assert!(!restore_missing(&mut inventory, 0, 900), "it is here");
        assert!(restore_missing(&mut inventory, 1, 900) && !restore_missing(&mut inventory, 1, 950), "once");
        assert!(!restore_missing(&mut inventory, 2, T0.0 - 86_400), "too long ago");
        assert!(restore_missing(&mut inventory, 3, T0.0 + 900_000), "by a clock that was ahead");
        let since: Vec<_> = inventory.records().filter_map(|r| r.missing_since).collect();
        assert_eq!(since, [Timestamp(900), T0], "which makes it no younger than now");
        inventory.apply_discovery(drives(0..2), &[], T0);
        assert!(
            inventory.get(&DriveKey::Discovered("S000001".into())).is_some_and(DriveRecord::is_present),
            "it is back, under its own key"
        );
        inventory.apply_discovery(drives(0..1), &[], T0);
        assert_eq!(inventory.remove_restored(|_| false), 1, "the one that this process never saw");
        assert_eq!(inventory.missing(), 1, "the one that it saw go stays");
    }

    /// In quadratic time this test would not end in any practical time.
    #[test]
    fn many_are_restored_in_linear_time() {
        let mut inventory = Inventory::default();
        inventory.apply_discovery(drives(0..4), &[], T0);
        let mut known = KnownDrives::of(&inventory, T0);
        for n in 10..60_010 {
            assert!(inventory.restore_missing(&mut known, restored(n, 900)).is_some());
        }
        assert_eq!((inventory.limit_missing(), inventory.missing()), (60_000 - MIN_MISSING_LIMIT, MIN_MISSING_LIMIT));
        inventory.apply_discovery(drives(0..4), &[], T0);
        assert_eq!(inventory.missing(), MIN_MISSING_LIMIT);
    }
    #[test]
    fn as_many_may_be_missing_as_were_here() {
        let most = |here: usize, by_overview: (usize, usize)| {
            let mut inventory = Inventory { most_present: here, ..Inventory::default() };
            inventory.expect_counts(by_overview.0, by_overview.1);
            inventory.missing_limit()
        };
        assert_eq!((most(4, (0, 0)), most(16, (0, 0)), most(17, (0, 0))), (64, 64, 68));
        assert_eq!((most(500, (0, 0)), most(501, (0, 0)), most(3_000, (0, 0))), (2_000, 2_000, 3_000));
        assert_eq!(
            (most(2, (78, 0)), most(2, (2, 78))),
            (312, 80),
            "the adapter failed at a boot, and at the next one"
        );
        assert_eq!(most(2, (usize::MAX, usize::MAX)), 2_000);
    }
}
