//! Quarantine: the state of a drive between its readings: timeouts, the back-off after them, a child that still hangs.

use crate::domain::drive::DriveKey;
use crate::domain::inventory::Outcome;
use crate::probe::exec::Stuck;
use crate::probe::smartctl;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// Back-off after a first timeout; it doubles …
pub(super) const INITIAL_BACKOFF: Duration = Duration::from_secs(120);
/// … up to this maximum.
const MAX_BACKOFF: Duration = Duration::from_secs(1800);
/// Types that may be passed back to smartctl once it has found them.
const TYPES: [&str; 3] = ["sat", "scsi", "nvme"];

#[derive(Debug, Default)]
struct DriveHistory {
    /// Consecutive timeouts.
    timeouts: u32,
    not_before: Option<Instant>,
    stuck: Option<Stuck>,
    device_type: Option<String>,
    took: Duration,
    /// Number of readings without values; each one moves on to the next path.
    path_index: usize,
}

/// Why a drive is not to be read now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum WaitReason {
    /// It timed out; it is not read again until then.
    BackOff(Instant),
    /// Its last child still hangs.
    ChildStuck { pid: u32, seconds: u64 },
}

#[derive(Debug, Default)]
pub(super) struct Quarantine {
    histories: HashMap<DriveKey, DriveHistory>,
    /// Drives with a child that outlived its SIGKILL.
    stuck: HashSet<DriveKey>,
}

impl Quarantine {
    /// Whether the drive may be read now. `ignores_backoff`: regardless of its back-off, because it probes its SCSI host.
    pub(super) fn check(&mut self, key: &DriveKey, ignores_backoff: bool, at: Instant) -> Result<(), WaitReason> {
        let Some(history) = self.histories.get_mut(key) else { return Ok(()) };
        if let Some(until) = history.not_before
            && until > at
            && !ignores_backoff
        {
            return Err(WaitReason::BackOff(until));
        }
        let Some(stuck) = history.stuck.as_mut() else { return Ok(()) };
        if !stuck.is_gone() {
            let seconds = at.saturating_duration_since(stuck.since()).as_secs();
            return Err(WaitReason::ChildStuck { pid: stuck.pid(), seconds });
        }
        history.stuck = None;
        self.stuck.remove(key);
        Ok(())
    }

    /// Keeps the child of a reading, if it outlived its SIGKILL.
    pub(super) fn keep_stuck(&mut self, key: &DriveKey, stuck: Option<Stuck>) {
        let Some(stuck) = stuck else { return };
        self.histories.entry(key.clone()).or_default().stuck = Some(stuck);
        self.stuck.insert(key.clone());
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
                history.path_index = 0;
            }
            Outcome::Standby => history.reset(),
            Outcome::Failed(_) => {
                // The reading was quick, whatever its result.
                history.reset();
                history.device_type = None;
                history.path_index += 1;
            }
            Outcome::Silent(_) => self.record_timeout(key, at),
        }
    }

    /// Records another timeout, which doubles the back-off.
    pub(super) fn record_timeout(&mut self, key: &DriveKey, at: Instant) {
        let history = self.histories.entry(key.clone()).or_default();
        let doublings = history.timeouts.min(4);
        history.timeouts += 1;
        history.path_index += 1;
        history.not_before = Some(at + (INITIAL_BACKOFF * 2u32.pow(doublings)).min(MAX_BACKOFF));
    }

    /// Ends the back-off of the drive.
    pub(super) fn end_backoff(&mut self, key: &DriveKey) {
        if let Some(history) = self.histories.get_mut(key) {
            history.not_before = None;
        }
    }

    /// A drive that is back starts without quarantine; a child that still hangs is kept until it ends.
    pub(super) fn retain(&mut self, is_present: impl Fn(&DriveKey) -> bool) {
        self.histories.retain(|key, history| {
            if is_present(key) {
                return true;
            }
            history.not_before = None;
            history.stuck.as_mut().is_some_and(|stuck| !stuck.is_gone())
        });
    }

    /// Reaps children that have ended meanwhile.
    pub(super) fn reap(&mut self) {
        let histories = &mut self.histories;
        self.stuck.retain(|key| {
            let Some(history) = histories.get_mut(key) else { return false };
            if history.stuck.as_mut().is_some_and(Stuck::is_gone) {
                history.stuck = None;
            }
            history.stuck.is_some()
        });
    }

    /// Its last reading timed out: the next one may take its full timeout again.
    pub(super) fn is_suspect(&self, key: &DriveKey) -> bool {
        self.histories.get(key).is_some_and(|history| history.timeouts > 0)
    }

    pub(super) fn has_stuck_child(&self, key: &DriveKey) -> bool {
        self.histories.get(key).is_some_and(|history| history.stuck.is_some())
    }

    /// Duration of its last reading.
    pub(super) fn took(&self, key: &DriveKey) -> Duration {
        self.histories.get(key).map_or(Duration::ZERO, |history| history.took)
    }

    pub(super) fn path_index(&self, key: &DriveKey) -> usize {
        self.histories.get(key).map_or(0, |history| history.path_index)
    }

    pub(super) fn device_type(&self, key: &DriveKey) -> Option<&str> {
        self.histories.get(key)?.device_type.as_deref()
    }

    /// A device type that an earlier run detected.
    pub(super) fn set_device_type(&mut self, key: &DriveKey, found: Option<&str>) {
        let history = self.histories.entry(key.clone()).or_default();
        if history.device_type.is_none() {
            history.device_type = found.filter(|found| TYPES.contains(found)).map(str::to_owned);
        }
    }

    /// Number of abandoned children that have not ended, and of drives in back-off.
    pub(super) fn counts(&self, at: Instant) -> (usize, usize) {
        let stuck = self.histories.values().filter(|history| history.stuck.is_some()).count();
        let in_backoff = |history: &&DriveHistory| history.not_before.is_some_and(|until| until > at);
        (stuck, self.histories.values().filter(in_backoff).count())
    }
}

impl DriveHistory {
    fn reset(&mut self) {
        self.timeouts = 0;
        self.not_before = None;
    }
}
