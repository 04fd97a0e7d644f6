//! Requests that wait for a reading or for a list.

use super::lookup::ValueSource;
use crate::cache::Key;
use crate::domain::drive::DriveKey;
use crossbeam_channel::Sender;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Minimum interval between readings of a drive on request.
const MIN_READ_INTERVAL: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(super) struct PendingRequests {
    drives: HashMap<DriveKey, Vec<Sender<ValueSource>>>,
    lists: Vec<(Key, Sender<ValueSource>)>,
    /// When each drive was last read for a request.
    last_reads: HashMap<DriveKey, Instant>,
}

impl PendingRequests {
    pub(super) fn wait_for_drive(&mut self, key: DriveKey, reply: Sender<ValueSource>) {
        self.drives.entry(key).or_default().push(reply);
    }

    pub(super) fn waits_for_drive(&self, key: &DriveKey) -> bool {
        self.drives.contains_key(key)
    }

    /// Answers the requests for a drive that has been read.
    pub(super) fn answer_drive(&mut self, key: &DriveKey, source: ValueSource) {
        for reply in self.drives.remove(key).unwrap_or_default() {
            let _ = reply.send(source);
        }
    }

    pub(super) fn wait_for_list(&mut self, key: Key, reply: Sender<ValueSource>) {
        self.lists.push((key, reply));
    }

    /// Answers the requests for lists that `is_complete`.
    pub(super) fn answer_lists(&mut self, is_complete: impl Fn(&Key) -> bool, source: ValueSource) {
        for (_, reply) in self.lists.extract_if(.., |(key, _)| is_complete(key)) {
            let _ = reply.send(source);
        }
    }

    /// The drive was read for a request within `MIN_READ_INTERVAL`.
    pub(super) fn was_read_recently(&self, key: &DriveKey, at: Instant) -> bool {
        let Some(last) = self.last_reads.get(key) else { return false };
        at.saturating_duration_since(*last) < MIN_READ_INTERVAL
    }

    pub(super) fn record_read(&mut self, key: &DriveKey, at: Instant) {
        self.last_reads.insert(key.clone(), at);
    }

    /// Drops requests for drives that are not present. Dropping the reply channel reports that there is no such drive.
    pub(super) fn retain_drives(&mut self, is_present: impl Fn(&DriveKey) -> bool) {
        self.drives.retain(|key, _| is_present(key));
        self.last_reads.retain(|key, _| is_present(key));
    }
}
