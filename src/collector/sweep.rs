//! A running sweep: the drives for which it waits, and the results of the others.

use crate::api::overview::SweepStats;
use crate::clock::now;
use crate::domain::drive::DriveKey;
use crate::domain::identity::ScsiHost;
use crate::domain::inventory::Outcome;
use crate::domain::time::Timestamp;
use std::collections::HashSet;
use std::time::Instant;

pub(super) struct Sweep {
    started: Instant,
    pub(super) started_at: Timestamp,
    waiting: HashSet<DriveKey>,
    drives: usize,
    failed: usize,
    timed_out: Vec<DriveKey>,
    skipped: Vec<DriveKey>,
}

/// A sweep that is complete.
#[derive(Debug)]
pub struct CompletedSweep {
    pub(crate) stats: SweepStats,
    /// Drives that timed out in it.
    pub(crate) timed_out: Vec<DriveKey>,
    /// Drives for which the sweep did not wait, because their last reading timed out, or their SCSI host is silent.
    pub(crate) skipped: Vec<DriveKey>,
    /// Silent SCSI hosts, with the number of drives that timed out behind each.
    pub(crate) silent_hosts: Vec<(ScsiHost, usize)>,
}

impl Sweep {
    pub(super) fn new(drives: usize, at: Instant) -> Self {
        Self {
            started: at,
            started_at: now(),
            waiting: HashSet::new(),
            drives,
            failed: 0,
            timed_out: Vec::new(),
            skipped: Vec::new(),
        }
    }

    pub(super) fn wait_for(&mut self, key: &DriveKey) {
        self.waiting.insert(key.clone());
    }

    /// Skips a drive for which the sweep waits. The drive counts as failed.
    pub(super) fn skip_drive(&mut self, key: &DriveKey) {
        if self.waiting.remove(key) {
            self.failed += 1;
            self.skipped.push(key.clone());
        }
    }

    /// Records the reading of a drive. `may_fail`: a failure is expected and does not count.
    pub(super) fn record(&mut self, key: &DriveKey, outcome: &Outcome, may_fail: bool) {
        if !self.waiting.remove(key) {
            return;
        }
        match outcome {
            Outcome::Silent(_) => {
                self.failed += 1;
                self.timed_out.push(key.clone());
            }
            Outcome::Failed(_) if may_fail => {}
            Outcome::Failed(_) => self.failed += 1,
            Outcome::Good(_) | Outcome::Standby => {}
        }
    }

    /// Removes drives that are not present.
    pub(super) fn retain(&mut self, is_present: impl Fn(&DriveKey) -> bool) {
        self.waiting.retain(|key| is_present(key));
    }

    pub(super) fn has_read_all(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Remaining drives, and all drives.
    pub(super) fn progress(&self) -> (usize, usize) {
        (self.waiting.len(), self.drives)
    }

    pub(super) fn complete(self, silent_hosts: Vec<(ScsiHost, usize)>) -> CompletedSweep {
        let stats = SweepStats {
            started_at: Some(self.started_at),
            took_ms: u64::try_from(self.started.elapsed().as_millis()).ok(),
            drives: Some(self.drives),
            failed: Some(self.failed),
            timed_out: Some(self.timed_out.len()),
        };
        CompletedSweep { stats, timed_out: self.timed_out, skipped: self.skipped, silent_hosts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::no_reading::NoReading;
    use crate::domain::smart::SmartReport;
    use std::sync::Arc;

    #[test]
    fn a_drive_counts_only_once() {
        let [skipped, read, silent] = ["skipped", "read", "silent"].map(|name| DriveKey::Discovered(name.into()));
        let mut sweep = Sweep::new(3, Instant::now());
        for key in [&skipped, &read, &silent] {
            sweep.wait_for(key);
        }
        sweep.skip_drive(&skipped);
        sweep.skip_drive(&skipped);
        sweep.record(&read, &Outcome::Good(Arc::new(SmartReport::default())), false);
        sweep.skip_drive(&read);
        assert!(!sweep.has_read_all());
        sweep.record(&silent, &Outcome::Silent(NoReading::TimedOut { seconds: 1 }), false);
        sweep.record(&silent, &Outcome::Silent(NoReading::TimedOut { seconds: 1 }), false);
        assert!(sweep.has_read_all());
        let completed = sweep.complete(Vec::new());
        assert_eq!((completed.stats.failed, completed.stats.timed_out), (Some(2), Some(1)));
        assert_eq!((completed.skipped, completed.timed_out), (vec![skipped], vec![silent]));
    }
}
