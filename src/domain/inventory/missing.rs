//! Drives that are gone: those that were taken over from a stored list, and how many are kept.
//!
//! A drive that this process saw itself has the key that discovery gave it. One that is known from its stored document
//! alone, because it went before this process began, is *recalled*: its key says so. If it comes back, its record goes
//! on under the key of the drive that is here, and is this process's own from then on.

use super::{DriveRecord, Inventory, REMEMBER_MISSING_SECONDS};
use crate::domain::drive::{Drive, DriveKey, DriveState};
use crate::domain::enclosure::Bay;
use crate::domain::identity::Identity;
use crate::domain::no_reading::NoReading;
use crate::domain::smart::SmartReport;
use crate::domain::time::Timestamp;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// So many times the drives that were here at once may be missing …
const TIMES_PRESENT: usize = 4;
/// … at least so many …
const LEAST: usize = 64;
/// … and at most so many, unless more than that were here at once.
const MOST: usize = 2_000;

/// A drive that went before this process began, as its stored document has it.
#[derive(Clone, Debug)]
pub struct RecalledDrive {
    pub drive: Drive,
    /// The bay it sat in last.
    pub(crate) bay: Option<Bay>,
    pub(crate) report: Option<SmartReport>,
    pub(crate) collected_at: Option<Timestamp>,
    pub(crate) checked_at: Option<Timestamp>,
    pub(crate) missing_since: Timestamp,
}

/// What is known before drives are recalled: collected once, so that the work is linear in their number.
#[derive(Debug)]
pub(crate) struct KnownDrives {
    identities: HashSet<Identity>,
    bays_in_use: HashSet<Bay>,
    now: Timestamp,
}

impl KnownDrives {
    pub(crate) fn of(fleet: &Inventory, now: Timestamp) -> Self {
        let identities = fleet.records().map(|r| r.drive.identity.clone()).filter(|identity| !identity.is_empty());
        let bays_in_use = fleet.present().filter_map(|r| r.bay.clone());
        Self { identities: identities.collect(), bays_in_use: bays_in_use.collect(), now }
    }

    /// The drive is to be recalled: nothing is known of it, no other drive sits in its bay, and it did not go too long ago.
    pub(crate) fn accepts(&self, identity: &Identity, bay: Option<&Bay>, since: Timestamp) -> bool {
        !identity.is_empty()
            && !self.identities.contains(identity)
            && bay.is_none_or(|bay| !self.bays_in_use.contains(bay))
            && since.age_seconds(self.now) < REMEMBER_MISSING_SECONDS
    }
}

impl Inventory {
    /// The last overview in Redis showed so many drives present, and so many missing. A host that starts without its
    /// adapter, once or again, remembers them all. Redis is not trusted: the number is limited as any other.
    pub(crate) fn expect(&mut self, present: usize, missing: usize) {
        self.last_present = present.max(missing.div_ceil(TIMES_PRESENT));
    }

    /// How many drives may be missing: so many that all that were here can go, and no more than a host can lose.
    pub(crate) fn most_missing(&self) -> usize {
        TIMES_PRESENT.saturating_mul(self.most_present.max(self.last_present)).clamp(LEAST, MOST).max(self.most_present)
    }

    pub(crate) fn missing(&self) -> usize {
        self.records.values().filter(|r| !r.is_here()).count()
    }

    /// Takes back a drive that went before this process began, with its last bay and reading. `None`: it is known
    /// already, its bay is taken, or it went too long ago.
    pub(crate) fn recall(&mut self, known: &mut KnownDrives, recalled: RecalledDrive) -> Option<DriveKey> {
        let RecalledDrive { drive, bay, report, collected_at, checked_at, missing_since } = recalled;
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

    pub(crate) fn has_recalled(&self) -> bool {
        self.records.values().any(|r| r.drive.is_remembered())
    }

    /// Forgets recalled drives but those that are `kept`. Gives how many.
    pub(crate) fn forget_recalled(&mut self, kept: impl Fn(&Identity) -> bool) -> usize {
        let before = self.records.len();
        self.records.retain(|_, r| !r.drive.is_remembered() || kept(&r.drive.identity));
        before - self.records.len()
    }

    /// Forgets those that have been missing for longest, where there are more than may be. Gives how many.
    pub(crate) fn limit_missing(&mut self) -> usize {
        let since = |r: &DriveRecord| Some((r.missing_since?, r.drive.key.clone()));
        let mut missing: Vec<(Timestamp, DriveKey)> = self.records.values().filter_map(since).collect();
        let left_out = missing.len().saturating_sub(self.most_missing());
        if left_out > 0 {
            missing.sort();
            for (_, key) in missing.iter().take(left_out) {
                self.records.remove(key);
            }
        }
        left_out
    }

    pub(super) fn recalled_by_identity(&self) -> HashMap<Identity, DriveKey> {
        let recalled = self.records.values().filter(|r| r.drive.is_remembered());
        recalled.map(|r| (r.drive.identity.clone(), r.drive.key.clone())).collect()
    }

    /// A drive that was recalled has come back: its record goes on under its own key.
    pub(super) fn continue_recalled(&mut self, old: &DriveKey, drive: &Drive) {
        if let Some(record) = self.records.remove(old) {
            self.records.entry(drive.key.clone()).or_insert(record);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::inventory::tests::{T0, drive};

    fn many(range: std::ops::Range<usize>) -> Vec<Drive> {
        let one = |n: usize| drive(&format!("S{n:06}"), &format!("nvme{n}n1"), &format!("0:0:{n}:0"));
        range.map(one).collect()
    }

    /// A shelf that comes and goes with other drives each time fills no list, and the newest are kept.
    #[test]
    fn no_more_are_missing_than_a_host_can_lose() {
        let mut fleet = Inventory::default();
        let at = |round: usize| Timestamp(T0.0 + i64::try_from(round).unwrap_or(0));
        let mut left_out = 0;
        for round in 0..40 {
            fleet.discovered(many(100 * round..100 * (round + 1)), &[], at(round));
            left_out += fleet.limit_missing();
        }
        assert_eq!((fleet.missing(), left_out), (400, 39 * 100 - 400), "four times those that were here");
        assert!(fleet.records().all(|r| r.missing_since.is_none_or(|since| since > at(34))), "the oldest went");
    }

    #[test]
    fn all_that_were_here_can_be_missing() {
        let mut fleet = Inventory::default();
        fleet.discovered(many(0..3_000), &[], T0);
        fleet.discovered(Vec::new(), &[], Timestamp(T0.0 + 1));
        assert_eq!((fleet.limit_missing(), fleet.missing()), (0, 3_000));
        let mut few = Inventory::default();
        few.discovered(many(0..100), &[], T0);
        few.discovered(many(0..1), &[], Timestamp(T0.0 + 1));
        assert_eq!((few.limit_missing(), few.missing()), (0, 99));
    }

    fn recalled(n: usize, since: i64) -> RecalledDrive {
        let here = drive(&format!("S{n:06}"), "sda", "0:0:0:0");
        let drive = Drive { key: DriveKey::Remembered(here.identity.clone()), ..here };
        RecalledDrive {
            drive,
            bay: None,
            report: None,
            collected_at: None,
            checked_at: None,
            missing_since: Timestamp(since),
        }
    }

    #[test]
    fn a_drive_is_recalled_once_and_never_over_what_is_known() {
        let mut fleet = Inventory::default();
        fleet.discovered(many(0..1), &[], T0);
        let mut known = KnownDrives::of(&fleet, T0);
        let mut recall = |fleet: &mut Inventory, n, since| fleet.recall(&mut known, recalled(n, since)).is_some();
        assert!(!recall(&mut fleet, 0, 900), "it is here");
        assert!(recall(&mut fleet, 1, 900) && !recall(&mut fleet, 1, 950), "once");
        assert!(!recall(&mut fleet, 2, T0.0 - 86_400), "too long ago");
        assert!(recall(&mut fleet, 3, T0.0 + 900_000), "by a clock that was ahead");
        let since: Vec<_> = fleet.records().filter_map(|r| r.missing_since).collect();
        assert_eq!(since, [Timestamp(900), T0], "which makes it no younger than now");
        fleet.discovered(many(0..2), &[], T0);
        assert!(
            fleet.get(&DriveKey::Discovered("S000001".into())).is_some_and(DriveRecord::is_here),
            "it is back, under its own key"
        );
        fleet.discovered(many(0..1), &[], T0);
        assert_eq!(fleet.forget_recalled(|_| false), 1, "the one that this process never saw");
        assert_eq!(fleet.missing(), 1, "the one that it saw go stays");
    }

    /// What takes quadratic time here does not end while anybody waits for it.
    #[test]
    fn many_are_recalled_in_linear_time() {
        let mut fleet = Inventory::default();
        fleet.discovered(many(0..4), &[], T0);
        let mut known = KnownDrives::of(&fleet, T0);
        for n in 10..60_010 {
            assert!(fleet.recall(&mut known, recalled(n, 900)).is_some());
        }
        assert_eq!((fleet.limit_missing(), fleet.missing()), (60_000 - LEAST, LEAST));
        fleet.discovered(many(0..4), &[], T0);
        assert_eq!(fleet.missing(), LEAST);
    }
    #[test]
    fn as_many_may_be_missing_as_were_here() {
        let most = |here: usize, by_overview: (usize, usize)| {
            let mut fleet = Inventory { most_present: here, ..Inventory::default() };
            fleet.expect(by_overview.0, by_overview.1);
            fleet.most_missing()
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
