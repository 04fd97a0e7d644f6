//! Back-off of single paths, and the turn of a drive: one reading, over one path after the other until one succeeds.

use super::drive_backoff::backoff;
use crate::domain::drive::{Drive, DriveKey, DrivePath};
use crate::domain::inventory::Outcome;
use crate::domain::known_paths::PathAttempt;
use crate::domain::no_reading::NoReading;
use std::collections::HashMap;
use std::time::Instant;

/// One path of a drive, by its address.
#[derive(Debug, Default)]
struct PathHistory {
    /// Consecutive failures while another path succeeded.
    failures: u32,
    not_before: Option<Instant>,
    /// Number of the child that used it last.
    last_child: u64,
}

/// The paths that failed in a turn that has not ended.
#[derive(Debug, Default)]
struct Turn {
    attempts: Vec<PathAttempt>,
}

#[derive(Debug, Default)]
pub(super) struct PathBackoff {
    drives: HashMap<DriveKey, HashMap<String, PathHistory>>,
    turns: HashMap<DriveKey, Turn>,
}

impl PathBackoff {
    /// The path was not tried in this turn.
    pub(super) fn is_untried(&self, key: &DriveKey, path: &DrivePath) -> bool {
        match self.turns.get(key) {
            Some(turn) => turn.is_untried(path),
            None => true,
        }
    }

    /// The path failed recently, and is not used while there is another one.
    pub(super) fn is_waiting(&self, key: &DriveKey, path: &DrivePath, at: Instant) -> bool {
        let Some(history) = self.history(key, path) else { return false };
        history.not_before.is_some_and(|until| until > at)
    }

    /// Number of the child that used the path last; 0 if there was none yet.
    pub(super) fn last_child(&self, key: &DriveKey, path: &DrivePath) -> u64 {
        match self.history(key, path) {
            Some(history) => history.last_child,
            None => 0,
        }
    }

    fn history(&self, key: &DriveKey, path: &DrivePath) -> Option<&PathHistory> {
        self.drives.get(key)?.get(&path.address)
    }

    /// A child was started on the path.
    pub(super) fn started(&mut self, key: &DriveKey, path: &DrivePath, number: u64) {
        let histories = self.drives.entry(key.clone()).or_default();
        histories.entry(path.address.clone()).or_default().last_child = number;
    }

    /// A path failed, and another one is tried in this turn.
    pub(super) fn add_attempt(&mut self, key: &DriveKey, path: DrivePath, why: NoReading) {
        let attempt = PathAttempt { path, failure: Some(why), retry_seconds: None };
        self.turns.entry(key.clone()).or_default().attempts.push(attempt);
    }

    /// Ends the turn of a drive. Returns its attempts, the last one last. Only if that succeeded, the fault is that of
    /// the paths that failed before it, and these go into back-off.
    pub(super) fn end_turn(
        &mut self,
        key: &DriveKey,
        path: DrivePath,
        outcome: &Outcome,
        at: Instant,
    ) -> Vec<PathAttempt> {
        let mut attempts = self.turns.remove(key).unwrap_or_default().attempts;
        let histories = self.drives.entry(key.clone()).or_default();
        let failure = match outcome {
            Outcome::Silent(why) | Outcome::Failed(why) => Some(why.clone()),
            Outcome::Good(_) | Outcome::Standby => {
                let history = histories.entry(path.address.clone()).or_default();
                (history.failures, history.not_before) = (0, None);
                for attempt in &mut attempts {
                    let history = histories.entry(attempt.path.address.clone()).or_default();
                    let pause = backoff(history.failures);
                    history.failures += 1;
                    history.not_before = Some(at + pause);
                    attempt.retry_seconds = i64::try_from(pause.as_secs()).ok();
                }
                None
            }
        };
        attempts.push(PathAttempt { path, failure, retry_seconds: None });
        attempts
    }

    /// Ends the back-off of all paths of the drive, because what they have in common works again.
    pub(super) fn end_backoff(&mut self, key: &DriveKey) {
        let Some(histories) = self.drives.get_mut(key) else { return };
        for history in histories.values_mut() {
            history.not_before = None;
        }
    }

    /// Ends the turn without a reading.
    pub(super) fn abandon_turn(&mut self, key: &DriveKey) {
        self.turns.remove(key);
    }

    /// Removes drives that are not present, and paths that a drive no longer has. A turn without an untried path begins
    /// again.
    pub(super) fn retain<'a>(&mut self, present: impl Fn(&DriveKey) -> Option<&'a Drive>) {
        self.drives.retain(|key, histories| {
            let Some(drive) = present(key) else { return false };
            histories.retain(|address, _| drive.paths.iter().any(|path| path.address == *address));
            true
        });
        self.turns.retain(|key, turn| {
            let Some(drive) = present(key) else { return false };
            drive.paths_to_read().any(|path| turn.is_untried(path))
        });
    }
}

impl Turn {
    fn is_untried(&self, path: &DrivePath) -> bool {
        self.attempts.iter().all(|attempt| attempt.path.address != path.address)
    }
}
