//! Circuit breaker per SCSI host: when an HBA or an expander stalls, all drives behind it time out, which is one event
//! and not one per drive.
//!
//! After several timeouts without an answer through the host, the host is suspected: one drive is read at a time, and
//! an answer clears the host. If that drive times out as well, the host is silent: its drives are not read, and from
//! time to time one of them probes it, each time another. The first answer ends the outage for all.

use super::quarantine::INITIAL_BACKOFF;
use crate::domain::drive::{Drive, DriveKey};
use crate::domain::identity::ScsiHost;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A SCSI host is suspected after this number of its drives have timed out without an answer in between.
const SUSPECT_AFTER: usize = 3;
/// Interval between probes of a silent host.
const PROBE_INTERVAL: Duration = INITIAL_BACKOFF;
/// How long the last answer of a host is kept: longer than any reading runs. A host that is removed never answers
/// again, and one that is added gets a new number.
const ANSWER_RETENTION: Duration = Duration::from_secs(86_400);

/// Timeouts since a host's last answer.
#[derive(Debug, Default)]
struct HostFailure {
    /// Ordered by last attempt, oldest first.
    drives: VecDeque<DriveKey>,
    suspected_at: Option<Instant>,
    /// The last timeout of a drive whose reading was started while the host was suspected. `Some`: the host is silent.
    failed: Option<Instant>,
    probe_drive: Option<DriveKey>,
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
            // Other drives have answered since: the drive is at fault.
            return;
        }
        let failure = self.silent.entry(host).or_default();
        failure.drives.retain(|k| k != key);
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
        self.silent.remove(&host).filter(|s| s.failed.is_some()).map_or_else(VecDeque::new, |s| s.drives)
    }

    /// Number of drives that timed out, if the host is silent.
    pub(super) fn silent_drives(&self, host: ScsiHost) -> Option<usize> {
        self.silent.get(&host).filter(|s| s.failed.is_some()).map(|s| s.drives.len())
    }

    pub(super) fn is_any_silent(&self) -> bool {
        self.silent.values().any(|s| s.failed.is_some())
    }

    pub(super) fn all_silent(&self) -> Vec<(ScsiHost, usize)> {
        self.silent.keys().filter_map(|host| Some((*host, self.silent_drives(*host)?))).collect()
    }

    /// How many children may run through the host; `usual`: its limit when it is not suspected.
    pub(super) fn room(&self, host: ScsiHost, usual: usize) -> usize {
        match self.silent.get(&host) {
            Some(failure) if failure.failed.is_some() => usize::from(failure.probe_drive.is_some()),
            Some(failure) if failure.suspected_at.is_some() => 1,
            _ => usual,
        }
    }

    /// The drive probes a silent host.
    pub(super) fn is_probe_drive(&self, drive: &Drive) -> bool {
        let mut hosts = drive.paths.iter().filter_map(|p| self.silent.get(&p.host?));
        hosts.any(|failure| failure.probe_drive.as_ref() == Some(&drive.key))
    }

    /// The drive probes that silent host.
    pub(super) fn is_probed_by(&self, host: ScsiHost, key: &DriveKey) -> bool {
        self.silent
            .get(&host)
            .is_some_and(|failure| failure.failed.is_some() && failure.probe_drive.as_ref() == Some(key))
    }

    /// A drive was added: if its host is silent, the drive probes it at once, since the host may have been repaired.
    pub(super) fn on_drive_added(&mut self, drive: &Drive) {
        for host in drive.paths.iter().filter_map(|p| p.host) {
            if let Some(failure) = self.silent.get_mut(&host).filter(|s| s.failed.is_some()) {
                failure.probe_drive = Some(drive.key.clone());
            }
        }
    }

    /// Picks a drive for each host that is due for a probe: one that was not read yet, or else the one with the oldest
    /// attempt.
    pub(super) fn pick_probe_drives(&mut self, drives: &[Arc<Drive>], at: Instant, is_fit: impl Fn(&DriveKey) -> bool) {
        for (host, failure) in &mut self.silent {
            if failure.failed.is_none_or(|last| at < last + PROBE_INTERVAL) {
                continue;
            }
            let is_behind = |d: &&Arc<Drive>| d.paths.iter().any(|p| p.host == Some(*host));
            let behind = drives.iter().filter(is_behind).map(|d| &d.key).filter(|key| is_fit(key));
            let order = |key: &&DriveKey| failure.drives.iter().position(|k| k == *key);
            failure.probe_drive = behind.min_by_key(order).cloned();
        }
    }

    /// Removes drives that are not present, and with the last of them the failure of the host.
    pub(super) fn retain(&mut self, is_present: impl Fn(&DriveKey) -> bool) {
        for failure in self.silent.values_mut() {
            failure.drives.retain(|key| is_present(key));
            failure.probe_drive = failure.probe_drive.take().filter(|key| is_present(key));
        }
        self.silent.retain(|_, failure| !failure.drives.is_empty());
    }
}
