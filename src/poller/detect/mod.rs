//! Detects events: each is an edge between two snapshots, not a level. A healthy host is silent.
//!
//! The modules compare and return events; `Detector` keeps what was last reported and emits them.

mod coalesce;
mod describe;
mod drive_status;
mod drives;
mod enclosures;
mod forgotten;
mod hosts;
mod inventory_changes;
mod paths;
mod pools;
mod presence;
mod service;

use crate::api::overview::Overview;
use crate::clock::now;
use crate::collector::{Collector, CompletedSweep, SmartctlTransition};
use crate::domain::drive::DriveKey;
use crate::domain::exclusion::list_by_entry;
use crate::domain::identity::{EnclosureId, ScsiHost, SerialNumber};
use crate::domain::inventory::{Change, DriveRecord, Inventory, KnownEnclosure};
use crate::events::{Event, emit};
use drives::LastReported;
use enclosures::EnclosureSnapshot;
use hosts::HostSnapshot;
use paths::PathSnapshot;
use pools::PoolSnapshot;
use presence::{LostModules, Presence, Release};
use service::ZpoolStatus;
use std::time::{Duration, Instant};

/// Excluded drives that a log line names for each entry.
const MAX_LISTED: usize = 12;

/// What was last reported, and which warnings were given.
#[derive(Default)]
pub(super) struct Detector {
    drives: LastReported,
    hosts: HostSnapshot,
    paths: PathSnapshot,
    enclosures: EnclosureSnapshot,
    presence: Presence,
    pools: PoolSnapshot,
    zpool: ZpoolStatus,
    has_swept: bool,
    has_overrun: bool,
    /// The excluded drives, as they were last logged.
    excluded: Option<String>,
    /// How many missing drives are kept, while there are more.
    missing_limit: Option<usize>,
    has_checked_types: bool,
    /// The budget of documents that was reported as exceeded.
    over_budget: Option<usize>,
}

impl Detector {
    /// Drives that came, went or moved; some of their events are held until `settle`. Before the first sweep everything is
    /// new, which is no event.
    pub(super) fn changes(&mut self, changes: &[Change], inventory: &Inventory, is_ready: bool) {
        if is_ready {
            let events = inventory_changes::detect(&self.drives, changes, inventory, now());
            emit_all(&self.presence.hold(events, (Instant::now(), now())));
        }
    }

    /// Enclosures and modules that an earlier daemon knew.
    pub(super) fn restore_presence(&mut self, stored: &[KnownEnclosure]) {
        self.presence.restore(stored);
    }

    /// Reports what has happened to drives, enclosures and modules, once nothing changes any more.
    pub(super) fn settle(&mut self, collector: &Collector) {
        self.release(collector, Release::WhenSettled);
    }

    /// Reports what is still held, because this daemon stops.
    pub(super) fn flush(&mut self, collector: &Collector) {
        self.release(collector, Release::Now);
    }

    fn release(&mut self, collector: &Collector, release: Release) {
        if collector.has_seen() {
            let times = (Instant::now(), now());
            emit_all(&self.presence.settle(collector.enclosures(), collector.inventory(), release, times));
        }
    }

    /// A reading was of another drive than the one that was known.
    pub(super) fn replaced(&self, key: &DriveKey, was: Option<&SerialNumber>, inventory: &Inventory) {
        let Some(record) = inventory.get(key) else { return };
        emit(&inventory_changes::replaced(&self.drives, record, was, now()));
    }

    /// Missing drives are forgotten on request. They are still in the inventory.
    pub(super) fn forgotten(keys: &[DriveKey], inventory: &Inventory, uid: u32) {
        emit_all(&forgotten::detect(keys, inventory, uid, now()));
    }

    /// The missing paths of a drive, a missing enclosure, or missing IO modules are forgotten on request.
    pub(super) fn forgotten_paths(record: &DriveRecord, count: usize, uid: u32) {
        emit(&forgotten::of_paths(record, count, uid, now()));
    }

    pub(super) fn forgotten_enclosure(id: &EnclosureId, uid: u32) {
        emit(&forgotten::of_enclosure(id, uid, now()));
    }

    pub(super) fn forgotten_modules(id: &EnclosureId, count: usize, uid: u32) {
        emit(&forgotten::of_modules(id, count, uid, now()));
    }

    /// smartctl has become unusable, or usable again.
    pub(super) fn smartctl(transition: &SmartctlTransition) {
        emit(&service::smartctl_changed(transition, now()));
    }

    /// What a sweep has found: first of drives, then of what is around them, then the sweep itself if it changed
    /// something.
    pub(super) fn sweep(&mut self, overview: &Overview, sweep: &CompletedSweep, collector: &Collector) {
        let (inventory, at) = (collector.inventory(), now());
        let hosts = self.hosts.next(sweep, inventory);
        let observed = drives::observe(overview, inventory);
        let found = drives::detect(&self.drives, &observed, |record| hosts.explains(record), at);
        self.drives.update(observed, inventory);
        emit_all(&found.events);

        emit_all(&hosts::detect(&self.hosts, &hosts, at));
        self.hosts = hosts;

        let lost_modules = LostModules::of(collector.enclosures());
        let is_covered = |record: &DriveRecord, host: Option<ScsiHost>| {
            let is_silent = sweep.silent_hosts.iter().any(|(silent, _)| host == Some(*silent));
            is_silent || host.is_some_and(|host| lost_modules.explain(record, host))
        };
        let paths = self.paths.next(inventory, is_covered, at);
        emit_all(&paths::detect(&self.paths, &paths, inventory, at));
        self.paths = paths;

        let enclosures = EnclosureSnapshot::of(collector.enclosures());
        emit_all(&enclosures::detect(&self.enclosures, &enclosures, at));
        self.enclosures = enclosures;

        let zfs = collector.zfs();
        emit_all(service::zpool_changed(self.zpool, zfs, at).as_slice());
        self.zpool = ZpoolStatus::of(zfs);

        if let Some(pools) = self.pools.next(zfs, &overview.pools) {
            emit_all(&pools::detect(&self.pools, &pools, at));
            self.pools = pools;
        }

        if found.changed > 0 || !self.has_swept {
            emit(&service::sweep_completed(overview, found.changed, at));
        }
        self.has_swept = true;
    }
}

/// Warnings that are given once.
impl Detector {
    /// The documents in Redis have more bytes than may be held.
    pub(super) fn over_budget(&mut self, limit: usize) {
        if self.over_budget.replace(limit) != Some(limit) {
            log::warn!("documents in redis are not taken over, all have too many bytes together limit={limit}");
        }
    }

    /// Which drives `JBOD_EXCLUDE` leaves out: after the first discovery, and when they change.
    pub(super) fn excluded(&mut self, collector: &Collector) {
        let excluded = collector.excluded();
        if !collector.has_seen() || self.excluded.is_none() && !collector.has_exclusions() {
            return;
        }
        let listed = list_by_entry(excluded, MAX_LISTED);
        if self.excluded.as_ref() == Some(&listed) {
            return;
        }
        let unused: Vec<String> = collector.unused_exclusions().map(ToString::to_string).collect();
        log::info!(
            "drives excluded by JBOD_EXCLUDE count={} drives={listed:?} without_a_drive={:?}",
            excluded.len(),
            unused.join(", ")
        );
        self.excluded = Some(listed);
    }

    /// Checked after the first sweep: only then every serial number is known.
    pub(super) fn unused_types(&mut self, unused: impl FnOnce() -> Vec<String>) {
        if self.has_checked_types {
            return;
        }
        self.has_checked_types = true;
        let entries = unused();
        if !entries.is_empty() {
            log::warn!("SMART_DEVICE_TYPES names no drive here, or one twice: {}", entries.join(", "));
        }
    }

    pub(super) fn overrun(&mut self, took: Duration, interval: Duration) {
        if !self.has_overrun {
            self.has_overrun = true;
            log::warn!(
                "a sweep takes longer than the interval, the next one waits for it took_s={} interval_s={}",
                took.as_secs(),
                interval.as_secs()
            );
        }
    }

    /// More drives were missing than are kept. Reported when it begins.
    pub(super) fn limited(&mut self, kept: usize, left_out: usize, most: usize) {
        if left_out == 0 {
            self.missing_limit = self.missing_limit.filter(|_| kept >= most);
        } else if self.missing_limit.replace(most).is_none() {
            log::warn!(
                "more drives are missing than are kept, those that went first are left out kept={kept} left_out={left_out}"
            );
        }
    }
}

fn emit_all(events: &[Event]) {
    for event in events {
        emit(event);
    }
}
