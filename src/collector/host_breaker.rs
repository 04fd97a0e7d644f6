//! SCSI hosts that fall silent as a whole: an adapter or an expander that stalls takes every drive behind
//! it along, and that is one event, not one for each of them.
//!
//! Several silences with no answer through the host are a doubt: then one drive is asked at a time, and its
//! answer clears the host. If it has none either, the host is silent: nobody waits for it, and one
//! drive tries it from time to time, each time another. The first answer ends the event for all.

use crate::domain::drive::{Drive, DriveKey};
use crate::domain::identity::ScsiHost;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// So many drives behind one SCSI host, silent with no answer in between, put it in doubt.
const SUSPECT_AFTER: usize = 3;
/// From one failed try of a silent host to the next: the first wait of a drive.
const PROBE_INTERVAL: Duration = Duration::from_secs(120);

/// The silences since a host's last answer.
#[derive(Debug, Default)]
struct HostFailure {
    /// The one that was asked longest ago comes first.
    drives: VecDeque<DriveKey>,
    suspected_at: Option<Instant>,
    /// When a drive that was asked in doubt was given up.
    failed: Option<Instant>,
    probe_drive: Option<DriveKey>,
}

#[derive(Debug, Default)]
pub(super) struct HostBreaker {
    answered: HashMap<ScsiHost, Instant>,
    silent: HashMap<ScsiHost, HostFailure>,
}

impl HostBreaker {
    /// A drive that was asked at `asked` gave no answer through the host.
    pub(super) fn silent(&mut self, host: ScsiHost, key: &DriveKey, asked: Instant, at: Instant) {
        if self.answered.get(&host).is_some_and(|last| *last >= asked) {
            // Others were heard meanwhile: it is the drive.
            return;
        }
        let silence = self.silent.entry(host).or_default();
        silence.drives.retain(|k| k != key);
        silence.drives.push_back(key.clone());
        silence.probe_drive = None;
        match silence.suspected_at {
            Some(since) if asked >= since => silence.failed = Some(at),
            None if silence.drives.len() >= SUSPECT_AFTER => silence.suspected_at = Some(at),
            _ => {}
        }
    }

    /// Something came through the host. Gives the drives that were silent with it, if the host was.
    pub(super) fn answered(&mut self, host: ScsiHost, at: Instant) -> VecDeque<DriveKey> {
        self.answered.insert(host, at);
        self.silent.remove(&host).filter(|s| s.failed.is_some()).map_or_else(VecDeque::new, |s| s.drives)
    }

    /// How many drives were asked in vain, if the host is silent.
    pub(super) fn is_silent(&self, host: ScsiHost) -> Option<usize> {
        self.silent.get(&host).filter(|s| s.failed.is_some()).map(|s| s.drives.len())
    }

    pub(super) fn is_any_silent(&self) -> bool {
        self.silent.values().any(|s| s.failed.is_some())
    }

    pub(super) fn all_silent(&self) -> Vec<(ScsiHost, usize)> {
        self.silent.keys().filter_map(|host| Some((*host, self.is_silent(*host)?))).collect()
    }

    /// How many children may run through the host, where `usual` is what it has room for.
    pub(super) fn room(&self, host: ScsiHost, usual: usize) -> usize {
        match self.silent.get(&host) {
            Some(silence) if silence.failed.is_some() => usize::from(silence.probe_drive.is_some()),
            Some(silence) if silence.suspected_at.is_some() => 1,
            _ => usual,
        }
    }

    /// The drive may try a host that is silent.
    pub(super) fn is_probe(&self, drive: &Drive) -> bool {
        let mut hosts = drive.paths.iter().filter_map(|p| self.silent.get(&p.host?));
        hosts.any(|silence| silence.probe_drive.as_ref() == Some(&drive.key))
    }

    /// A drive was plugged in: something is done about the host, and it tells whether that has helped.
    pub(super) fn on_drive_added(&mut self, drive: &Drive) {
        for host in drive.paths.iter().filter_map(|p| p.host) {
            if let Some(silence) = self.silent.get_mut(&host).filter(|s| s.failed.is_some()) {
                silence.probe_drive = Some(drive.key.clone());
            }
        }
    }

    /// Chooses who tries the hosts that are due: one that was not asked yet, else who was longest ago.
    pub(super) fn pick_probe_drives(&mut self, drives: &[Arc<Drive>], at: Instant, is_fit: impl Fn(&DriveKey) -> bool) {
        for (host, silence) in &mut self.silent {
            if silence.failed.is_none_or(|last| at < last + PROBE_INTERVAL) {
                continue;
            }
            let is_behind = |d: &&Arc<Drive>| d.paths.iter().any(|p| p.host == Some(*host));
            let behind = drives.iter().filter(is_behind).map(|d| &d.key).filter(|key| is_fit(key));
            let order = |key: &&DriveKey| silence.drives.iter().position(|k| k == *key);
            silence.probe_drive = behind.min_by_key(order).cloned();
        }
    }

    /// Forgets drives that are gone, and with the last of them the silence.
    pub(super) fn retain(&mut self, is_present: impl Fn(&DriveKey) -> bool) {
        for silence in self.silent.values_mut() {
            silence.drives.retain(|key| is_present(key));
            silence.probe_drive = silence.probe_drive.take().filter(|key| is_present(key));
        }
        self.silent.retain(|_, silence| !silence.drives.is_empty());
    }
}
