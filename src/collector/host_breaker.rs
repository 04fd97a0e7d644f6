//! Circuit breaker per SCSI host: when an HBA or an expander stalls, all drives behind it time out, which is one event
//! and not one per drive.
//!
//! After several timeouts without an answer through the host, the host is suspected: one drive is read at a time, and
//! an answer clears the host. If that drive times out as well, the host is silent: its drives are not read, and one of
//! them probes it periodically, each time another one. The first answer ends the outage for all.

use super::drive_backoff::INITIAL_BACKOFF;
use crate::domain::drive::{Drive, DriveKey};
use crate::domain::identity::ScsiHost;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Number of drives that must time out, without an answer in between, before their SCSI host is suspected.
const SUSPECT_AFTER: usize = 3;
/// Interval between probes of a silent host.
const PROBE_INTERVAL: Duration = INITIAL_BACKOFF;
/// How long the time of a host's last answer is kept, which is longer than any reading runs. A host that is removed
/// never answers again, and one that is added gets a new number.
const ANSWER_RETENTION: Duration = Duration::from_secs(86_400);

/// Timeouts since a host's last answer.
#[derive(Debug, Default)]
struct HostFailure {
    /// Ordered by last attempt, oldest first.
    drives: VecDeque<DriveKey>,
    suspected_at: Option<Instant>,
    /// The last timeout of a drive whose reading was started while the host was suspected. If there is one, the host is
    /// silent.
    failed: Option<Instant>,
    probe_drive: Option<DriveKey>,
}

impl HostFailure {
    fn is_silent(&self) -> bool {
        self.failed.is_some()
    }
}

#[derive(Debug, Default)]
pub(super) struct HostBreaker {
    answered: HashMap<ScsiHost, Instant>,
    silent: HashMap<ScsiHost, HostFailure>,
}

impl HostBreaker {
    /// A reading that was started at `asked` timed out.
    pub(super) fn silent(&mut self, host: ScsiHost, key: &DriveKey, asked: Instant, at: Instant) {
        if self.answered.get(&host).is_some_and(|last| *last >= asked) {
            // Other drives have answered since, so the fault is that of the drive.
            return;
        }
        let failure = self.silent.entry(host).or_default();
        failure.drives.retain(|other| other != key);
        failure.drives.push_back(key.clone());
        failure.probe_drive = None;
        match failure.suspected_at {
            Some(since) if asked >= since => failure.failed = Some(at),
            None if failure.drives.len() >= SUSPECT_AFTER => failure.suspected_at = Some(at),
            _ => {}
        }
    }

    /// A drive answered through the host. Returns the drives that timed out with it, if the host was silent.
    pub(super) fn answered(&mut self, host: ScsiHost, at: Instant) -> VecDeque<DriveKey> {
        self.answered.retain(|_, last| at.saturating_duration_since(*last) < ANSWER_RETENTION);
        self.answered.insert(host, at);
        match self.silent.remove(&host) {
            Some(failure) if failure.is_silent() => failure.drives,
            _ => VecDeque::new(),
        }
    }

    /// Number of drives that timed out, if the host is silent.
    pub(super) fn silent_drives(&self, host: ScsiHost) -> Option<usize> {
        let failure = self.silent.get(&host)?;
        if failure.is_silent() { Some(failure.drives.len()) } else { None }
    }

    pub(super) fn is_any_silent(&self) -> bool {
        self.silent.values().any(HostFailure::is_silent)
    }

    pub(super) fn all_silent(&self) -> Vec<(ScsiHost, usize)> {
        let silent = self.silent.iter().filter(|(_, failure)| failure.is_silent());
        silent.map(|(host, failure)| (*host, failure.drives.len())).collect()
    }

    /// Number of children that may run through the host; `usual`: its limit when it is not suspected.
    pub(super) fn room(&self, host: ScsiHost, usual: usize) -> usize {
        match self.silent.get(&host) {
            Some(failure) if failure.is_silent() => usize::from(failure.probe_drive.is_some()),
            Some(failure) if failure.suspected_at.is_some() => 1,
            _ => usual,
        }
    }

    /// The drive probes a silent host.
    pub(super) fn is_probe_drive(&self, drive: &Drive) -> bool {
        let mut failures = drive.paths.iter().filter_map(|path| self.silent.get(&path.host?));
        failures.any(|failure| failure.probe_drive.as_ref() == Some(&drive.key))
    }

    /// The drive probes that silent host.
    pub(super) fn is_probed_by(&self, host: ScsiHost, key: &DriveKey) -> bool {
        match self.silent.get(&host) {
            Some(failure) => failure.is_silent() && failure.probe_drive.as_ref() == Some(key),
            None => false,
        }
    }

    /// If the host of an added drive is silent, the drive probes it at once, since the host may have been repaired.
    pub(super) fn on_drive_added(&mut self, drive: &Drive) {
        for path in &drive.paths {
            if let Some(host) = path.host
                && let Some(failure) = self.silent.get_mut(&host)
                && failure.is_silent()
            {
                failure.probe_drive = Some(drive.key.clone());
            }
        }
    }

    /// Picks a drive for each host that is due for a probe: one that was not read yet, or else the one with the oldest
    /// attempt.
    pub(super) fn pick_probe_drives(&mut self, drives: &[Arc<Drive>], at: Instant, is_fit: impl Fn(&DriveKey) -> bool) {
        for (host, failure) in &mut self.silent {
            let Some(last) = failure.failed else { continue };
            if at < last + PROBE_INTERVAL {
                continue;
            }
            let behind = drives.iter().filter(|drive| drive.paths.iter().any(|path| path.host == Some(*host)));
            let candidates = behind.map(|drive| &drive.key).filter(|key| is_fit(key));
            // `None`, of a drive that was not read yet, is less than every position.
            let oldest = candidates.min_by_key(|key| failure.drives.iter().position(|other| other == *key));
            failure.probe_drive = oldest.cloned();
        }
    }

    /// Removes drives that are not present, and with the last of them the failure of the host.
    pub(super) fn retain(&mut self, is_present: impl Fn(&DriveKey) -> bool) {
        for failure in self.silent.values_mut() {
            failure.drives.retain(|key| is_present(key));
            failure.probe_drive.take_if(|key| !is_present(key));
        }
        self.silent.retain(|_, failure| !failure.drives.is_empty());
    }
}
