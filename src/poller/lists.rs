//! Builds, publishes and sends lists and documents.

use super::event_loop::EventLoop;
use super::leadership::LocalView;
use super::lookup::{Snapshot, ValueSource};
use super::publisher::{Publisher, Sends};
use super::readiness::Readiness;
use crate::api::metrics_snapshot::MetricsSnapshot;
use crate::api::overview::Overview;
use crate::cache::Key;
use crate::domain::drive::{DriveKey, DriveState};
use crate::domain::identity::DeviceName;
use crate::domain::zfs::ZfsState;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

impl EventLoop {
    /// Rebuilds the lists and the snapshot.
    pub(super) fn rebuild_lists(&mut self) -> Arc<Overview> {
        self.rebuild_lists_and(|_, _| {})
    }

    /// Runs `first` on the new lists before the snapshot is published and waiting requests are answered.
    pub(super) fn rebuild_lists_and(&mut self, first: impl FnOnce(&mut Publisher, Sends)) -> Arc<Overview> {
        let started = Instant::now();
        let stale_after = self.publisher.smart_life().as_secs();
        let overview = Arc::new(self.collector.overview(stale_after));
        let service = self.service(&overview);
        // Readings of another daemon are not published again.
        if self.leadership.has_swept() && !self.collector.is_sweeping() {
            self.republish_changed_documents(&overview);
        }
        // No lists before the first complete discovery: empty ones would report that there are no drives.
        let has_seen = self.collector.has_seen();
        if has_seen {
            self.publisher.lists(&overview, self.collector.zfs(), !self.collector.is_sweeping());
            self.publish_known_enclosures();
        } else {
            self.publisher.skip_rebuild();
        }
        let sends = self.sends();
        first(&mut self.publisher, sends);
        let mut snapshot =
            Snapshot::of(&overview, self.collector.inventory(), self.collector.zfs(), self.missing.documents());
        snapshot.service = service;
        snapshot.limits = self.limits();
        snapshot.fingerprint = self.collector.fingerprint();
        if self.readiness == Readiness::Restored && self.leadership.is_follower() && self.leadership.has_delivery() {
            self.readiness = Readiness::Ready;
        }
        snapshot.ready = self.readiness == Readiness::Ready;
        snapshot.current = has_seen && !self.leadership.is_follower();
        snapshot.keys = self.leadership.keys();
        if snapshot.current {
            let (inventory, zfs) = (self.collector.inventory(), self.collector.zfs());
            let measured = MetricsSnapshot::new(Arc::clone(&overview), inventory, zfs, self.collector.counters());
            snapshot.measured = Some(Arc::new(measured));
        }
        snapshot.knows_pools = self.knows_pools();
        snapshot.stale_after_seconds = stale_after;
        self.publisher.retain(|device| snapshot.has_device(device));
        self.handle.publish_snapshot(snapshot);
        let source = if self.leadership.is_leader() { ValueSource::Memory } else { ValueSource::Redis };
        let lists_are_complete =
            self.readiness == Readiness::Ready || self.collector.is_idle() && !self.collector.is_sweeping();
        let pools_are_complete = self.knows_pools();
        self.pending
            .answer_lists(|key| if *key == Key::ZfsMap { pools_are_complete } else { lists_are_complete }, source);
        self.publisher.record_build_time(started.elapsed());
        overview
    }

    /// Publishes the documents again whose summaries have changed since the reading (pool state, bay, peers), so that
    /// documents and lists agree.
    fn republish_changed_documents(&mut self, overview: &Overview) {
        let mut outdated: HashSet<&DeviceName> = HashSet::new();
        for summary in overview.drives() {
            let was_read = summary.state != DriveState::Missing && summary.checked_at.is_some();
            if was_read && !self.publisher.has_published(summary) {
                outdated.insert(&summary.device);
            }
        }
        if outdated.is_empty() {
            return;
        }
        let mut keys: Vec<DriveKey> = Vec::new();
        for record in self.collector.inventory().present() {
            if outdated.contains(&record.drive.device) {
                keys.push(record.drive.key.clone());
            }
        }
        for key in keys {
            self.publish_drive(&key, None);
        }
    }

    fn knows_pools(&self) -> bool {
        self.collector.zfs().state != ZfsState::NotAsked || self.collector.zfs().error.is_some()
    }

    /// Composes and publishes a drive's document. The document of a missing drive is kept separately: its device name may
    /// have been reassigned.
    pub(super) fn publish_drive(&mut self, key: &DriveKey, raw: Option<&serde_json::value::RawValue>) {
        let Some(record) = self.collector.inventory().get(key) else { return };
        let parts = self.collector.overview_input(self.publisher.smart_life().as_secs());
        let summary = crate::api::summarize::summarize(record, &parts);
        let document = self.publisher.document(record, &summary, raw);
        if record.is_present() {
            self.publisher.drive(&summary, document);
        } else {
            self.missing.insert(key.clone(), document);
        }
    }

    /// What this daemon may send to Redis. Until its first sweep is complete, it sends no lists, because
    /// those of an earlier daemon are more complete.
    pub(super) fn sends(&self) -> Sends {
        if !self.leadership.may_store() {
            Sends::Nothing
        } else if self.leadership.has_swept() {
            Sends::Lists
        } else {
            Sends::Documents
        }
    }

    /// Sends what is due to Redis.
    pub(super) fn flush(&mut self, at: Instant) {
        if self.publisher.are_lists_due(at) && self.before_lists(at) {
            self.rebuild_lists();
        }
        let sends = self.sends();
        self.publisher.flush(sends, at);
        if let Some(version) = self.publisher.take_sent() {
            self.leadership.record_sent(version);
        }
    }

    /// Checks before lists are sent. Returns true if the lists must be rebuilt.
    pub(super) fn before_lists(&mut self, at: Instant) -> bool {
        if self.sends() != Sends::Lists {
            return false;
        }
        // If the lease holder publishes again, its lists must not be overwritten.
        let list_bytes = self.limits().list.bytes;
        let view = LocalView { collector: &self.collector, list_bytes };
        self.leadership.check_holder(&self.redis, &view, at);
        self.sends() == Sends::Lists && self.persist_missing_list()
    }
}
