//! Detects events: each event is a change between two snapshots, so that a host without changes logs nothing.
//!
//! The modules compare snapshots and return events; `Detector` keeps what was last reported and emits the events.

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

/// Maximum number of excluded drives that a log line names for each entry.
const MAX_LISTED: usize = 12;

/// What was last reported, and which warnings were logged.
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
    /// The limit of missing drives that was reported as exceeded, until fewer are missing.
    missing_limit: Option<usize>,
    has_checked_types: bool,
    /// The budget of documents that was reported as exceeded.
    over_budget: Option<usize>,
}

impl Detector {
    /// Reports drives that were added, removed, moved or replaced. Some of the events are held until `settle`.
    pub(super) fn changes(&mut self, changes: &[Change], inventory: &Inventory) {
        let events = inventory_changes::detect(&self.drives, changes, inventory, now());
        emit_all(&self.presence.hold(events, (Instant::now(), now())));
    }

    /// Restores the enclosures and modules that an earlier daemon knew.
    pub(super) fn restore_presence(&mut self, stored: &[KnownEnclosure]) {
        self.presence.restore(stored);
    }

    /// Reports changes of drives, enclosures and modules once nothing has changed for a moment.
    pub(super) fn settle(&mut self, collector: &Collector) {
        self.release(collector, Release::WhenSettled);
    }

    /// Reports the changes that are still held: this daemon stops.
    pub(super) fn flush(&mut self, collector: &Collector) {
        self.release(collector, Release::Now);
    }

    fn release(&mut self, collector: &Collector, release: Release) {
        if collector.has_seen() {
            let times = (Instant::now(), now());
            emit_all(&self.presence.settle(collector.enclosures(), collector.inventory(), release, times));
        }
    }

    /// Reports a reading of another drive than the known one, whose serial number is `was`.
    pub(super) fn replaced(&self, key: &DriveKey, was: Option<&SerialNumber>, inventory: &Inventory) {
        let Some(record) = inventory.get(key) else { return };
        emit(&inventory_changes::replaced(&self.drives, record, was, now()));
    }

    /// Reports missing drives that are forgotten on request; they are still in the inventory.
    pub(super) fn forgotten(keys: &[DriveKey], inventory: &Inventory, uid: u32) {
        emit_all(&forgotten::of_drives(keys, inventory, uid, now()));
    }

    pub(super) fn forgotten_paths(record: &DriveRecord, count: usize, uid: u32) {
        emit(&forgotten::of_paths(record, count, uid, now()));
    }

    pub(super) fn forgotten_enclosure(id: &EnclosureId, uid: u32) {
        emit(&forgotten::of_enclosure(id, uid, now()));
    }

    pub(super) fn forgotten_modules(id: &EnclosureId, count: usize, uid: u32) {
        emit(&forgotten::of_modules(id, count, uid, now()));
    }

    pub(super) fn smartctl(transition: &SmartctlTransition) {
        emit(&service::smartctl_changed(transition, now()));
    }

    /// Reports the changes that a sweep has found: of drives, of SCSI hosts, paths, enclosures and pools, then the sweep
    /// itself if it changed something.
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
        let paths = self.paths.next(inventory, |record, host| is_covered(record, host, sweep, &lost_modules), at);
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

/// An event about the SCSI host, or about an IO module behind it, covers the path of the drive through that host.
fn is_covered(
    record: &DriveRecord,
    host: Option<ScsiHost>,
    sweep: &CompletedSweep,
    lost_modules: &LostModules,
) -> bool {
    let Some(host) = host else { return false };
    sweep.silent_hosts.iter().any(|(silent, _)| *silent == host) || lost_modules.explain(record, host)
}

/// Warnings that are logged once.
impl Detector {
    /// The stored documents exceed the memory budget.
    pub(super) fn over_budget(&mut self, limit: usize) {
        if self.over_budget.replace(limit) != Some(limit) {
            log::warn!("stored documents exceed the memory budget, not restoring the rest limit={limit}");
        }
    }

    /// Logs the drives that `JBOD_EXCLUDE` excludes: after the first discovery, and when they change.
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
            "drives excluded by JBOD_EXCLUDE count={} drives={listed:?} unmatched={:?}",
            excluded.len(),
            unused.join(", ")
        );
        self.excluded = Some(listed);
    }

    /// Logs unused entries of `SMART_DEVICE_TYPES`, after the first sweep: before it, some serial numbers are unknown.
    pub(super) fn unused_types(&mut self, collector: &Collector) {
        if self.has_checked_types {
            return;
        }
        self.has_checked_types = true;
        let entries = collector.unused_types();
        if !entries.is_empty() {
            log::warn!(
                "unused SMART_DEVICE_TYPES entries, matching no drive or a disk that is listed already entries={:?}",
                entries.join(", ")
            );
        }
    }

    pub(super) fn overrun(&mut self, took: Duration, interval: Duration) {
        if !self.has_overrun {
            self.has_overrun = true;
            log::warn!(
                "sweep longer than the polling interval, delaying the next one took_s={} interval_s={}",
                took.as_secs(),
                interval.as_secs()
            );
        }
    }

    /// Logs that more drives are missing than are kept, when it begins. `kept`: number of missing drives.
    pub(super) fn limited(&mut self, kept: usize, left_out: usize, limit: usize) {
        if left_out == 0 {
            if kept < limit {
                self.missing_limit = None;
            }
        } else if self.missing_limit.replace(limit).is_none() {
            log::warn!("too many missing drives, removing the longest missing ones kept={kept} left_out={left_out}");
        }
    }
}

fn emit_all(events: &[Event]) {
    for event in events {
        emit(event);
    }
}
