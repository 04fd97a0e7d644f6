//! The state of a drive between its readings: its timeouts, the back-off after them, and children that still hang.

use crate::domain::drive::{Drive, DriveKey};
use crate::domain::inventory::Outcome;
use crate::probe::exec::Stuck;
use crate::probe::smartctl;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// Back-off after a first timeout; it is doubled for each further one.
pub(super) const INITIAL_BACKOFF: Duration = Duration::from_secs(120);
const MAX_BACKOFF: Duration = Duration::from_secs(1800);
/// Detected types that may be passed to smartctl.
const TYPES: [&str; 3] = ["sat", "scsi", "nvme"];

#[derive(Debug, Default)]
struct DriveHistory {
    /// Consecutive timeouts.
    timeouts: u32,
    not_before: Option<Instant>,
    stuck: Vec<StuckChild>,
    device_type: Option<String>,
    took: Duration,
}

/// A child that outlived its SIGKILL. The path that it was started on is not used until it ends.
#[derive(Debug)]
struct StuckChild {
    address: String,
    child: Stuck,
}

/// Why a drive must not be read now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum WaitReason {
    /// It timed out, and is not read again until then.
    BackOff(Instant),
    /// A child hangs on each of its paths.
    ChildStuck { pid: u32, seconds: u64 },
}

#[derive(Debug, Default)]
pub(super) struct DriveBackoff {
    histories: HashMap<DriveKey, DriveHistory>,
    /// Drives with a child that outlived its SIGKILL.
    stuck: HashSet<DriveKey>,
}

impl DriveBackoff {
    /// Whether the drive may be read now. `ignores_backoff`: regardless of its back-off, because it probes its SCSI
    /// host.
    pub(super) fn check(&mut self, drive: &Drive, ignores_backoff: bool, at: Instant) -> Result<(), WaitReason> {
        let Some(history) = self.histories.get_mut(&drive.key) else { return Ok(()) };
        if let Some(until) = history.not_before
            && until > at
            && !ignores_backoff
        {
            return Err(WaitReason::BackOff(until));
        }
        history.reap();
        let Some(first) = history.stuck.first() else {
            self.stuck.remove(&drive.key);
            return Ok(());
        };
        if drive.paths_to_read().any(|path| !history.is_stuck(&path.address)) {
            return Ok(());
        }
        let seconds = at.saturating_duration_since(first.child.since()).as_secs();
        Err(WaitReason::ChildStuck { pid: first.child.pid(), seconds })
    }

    /// Keeps the child of a reading over that path, if it outlived its SIGKILL.
    pub(super) fn keep_stuck(&mut self, key: &DriveKey, address: &str, stuck: Option<Stuck>) {
        let Some(child) = stuck else { return };
        let history = self.histories.entry(key.clone()).or_default();
        history.stuck.push(StuckChild { address: address.to_owned(), child });
        self.stuck.insert(key.clone());
    }

    /// A child hangs on that path of the drive.
    pub(super) fn is_path_stuck(&self, key: &DriveKey, address: &str) -> bool {
        match self.histories.get(key) {
            Some(history) => history.is_stuck(address),
            None => false,
        }
    }

    /// Records the result of a reading: keeps the drive's type, or extends its back-off.
    pub(super) fn record(&mut self, key: &DriveKey, answer: &smartctl::SmartctlResult, at: Instant) {
        let history = self.histories.entry(key.clone()).or_default();
        history.took = answer.took;
        match &answer.outcome {
            Outcome::Good(report) => {
                let device_type = report.device_type.as_deref().filter(|found| TYPES.contains(found));
                history.device_type = device_type.map(str::to_owned);
                history.reset();
            }
            Outcome::Standby => history.reset(),
            Outcome::Failed(_) => {
                // There was no timeout.
                history.reset();
                history.device_type = None;
            }
            Outcome::Silent(_) => self.record_timeout(key, at),
        }
    }

    /// Records another timeout, which doubles the back-off.
    pub(super) fn record_timeout(&mut self, key: &DriveKey, at: Instant) {
        let history = self.histories.entry(key.clone()).or_default();
        let doublings = history.timeouts;
        history.timeouts += 1;
        history.not_before = Some(at + backoff(doublings));
    }

    /// Ends the back-off of the drive.
    pub(super) fn end_backoff(&mut self, key: &DriveKey) {
        if let Some(history) = self.histories.get_mut(key) {
            history.not_before = None;
        }
    }

    /// Removes drives that are not present, so that a drive that returns is not in back-off. A child that still hangs
    /// is kept until it ends.
    pub(super) fn retain(&mut self, is_present: impl Fn(&DriveKey) -> bool) {
        self.histories.retain(|key, history| {
            if is_present(key) {
                return true;
            }
            history.not_before = None;
            history.reap();
            !history.stuck.is_empty()
        });
    }

    /// Reaps children that have ended.
    pub(super) fn reap(&mut self) {
        let histories = &mut self.histories;
        self.stuck.retain(|key| {
            let Some(history) = histories.get_mut(key) else { return false };
            history.reap();
            !history.stuck.is_empty()
        });
    }

    /// Its last reading timed out, so the next one may take its full timeout again.
    pub(super) fn is_suspect(&self, key: &DriveKey) -> bool {
        match self.histories.get(key) {
            Some(history) => history.timeouts > 0,
            None => false,
        }
    }

    pub(super) fn has_stuck_child(&self, key: &DriveKey) -> bool {
        match self.histories.get(key) {
            Some(history) => !history.stuck.is_empty(),
            None => false,
        }
    }

    /// Duration of its last reading.
    pub(super) fn took(&self, key: &DriveKey) -> Duration {
        match self.histories.get(key) {
            Some(history) => history.took,
            None => Duration::ZERO,
        }
    }

    pub(super) fn device_type(&self, key: &DriveKey) -> Option<&str> {
        self.histories.get(key)?.device_type.as_deref()
    }

    /// Sets a device type that an earlier process detected, unless there is one.
    pub(super) fn set_device_type(&mut self, key: &DriveKey, found: Option<&str>) {
        let history = self.histories.entry(key.clone()).or_default();
        if history.device_type.is_none() {
            history.device_type = found.filter(|found| TYPES.contains(found)).map(str::to_owned);
        }
    }

    /// Number of abandoned children that have not ended, and of drives in back-off.
    pub(super) fn counts(&self, at: Instant) -> (usize, usize) {
        let (mut stuck, mut in_backoff) = (0, 0);
        for history in self.histories.values() {
            stuck += history.stuck.len();
            in_backoff += usize::from(history.not_before.is_some_and(|until| until > at));
        }
        (stuck, in_backoff)
    }
}

/// The back-off after a failure: two minutes, doubled for each of `failures_before`, up to half an hour.
pub(super) fn backoff(failures_before: u32) -> Duration {
    (INITIAL_BACKOFF * 2u32.pow(failures_before.min(4))).min(MAX_BACKOFF)
}

impl DriveHistory {
    fn is_stuck(&self, address: &str) -> bool {
        self.stuck.iter().any(|stuck| stuck.address == address)
    }

    fn reap(&mut self) {
        self.stuck.retain_mut(|stuck| !stuck.child.has_ended());
    }

    fn reset(&mut self) {
        self.timeouts = 0;
        self.not_before = None;
    }
}
