//! Discovery, and its consequences: missing drives are published, new drives are read at once.

use super::event_loop::{DISCOVERY_INTERVAL, EventLoop};
use super::readiness::Readiness;
use crate::domain::inventory::Change;
use std::time::{Duration, Instant};

/// Time within which udev creates the links of a new drive, and the kernel links its bay.
const UDEV_SETTLE: Duration = Duration::from_secs(3);

impl EventLoop {
    /// Restores readings after the first complete discovery: before that, no drive is known.
    pub(super) fn restore_when_seen(&mut self) {
        if self.readiness == Readiness::Starting && self.collector.has_seen() {
            self.readiness = Readiness::Restored;
            self.restore_readings();
            self.rebuild_lists();
            self.leadership.renew_soon();
        }
    }

    /// Runs a discovery if the topology has changed, or periodically while the last one was incomplete.
    pub(super) fn discover_if_changed(&mut self) {
        let is_due = match self.collector.blindness() {
            Some(_) => self.last_discovery.elapsed() >= DISCOVERY_INTERVAL,
            None => self.collector.has_changed(),
        };
        if is_due {
            self.discover();
            self.rebuild_lists();
        }
    }

    pub(super) fn discover(&mut self) {
        self.last_discovery = Instant::now();
        let changes = self.collector.discover();
        self.report_changes(&changes);
        self.detector.settle(&self.collector);
        self.detector.excluded(&self.collector);
        self.limit_missing(0);
        let inventory = self.collector.inventory();
        self.pending.retain_drives(|key| match inventory.get(key) {
            Some(record) => record.is_present(),
            None => false,
        });
        let mut missing_changed = changes.iter().any(|change| matches!(change, Change::Missing(_)));
        missing_changed |= self.missing.retain_missing(self.collector.inventory());
        for change in &changes {
            match change {
                Change::Missing(key) => self.publish_drive(key, None),
                // A new drive is read at once, before the next sweep.
                Change::Appeared(key) | Change::Back(key)
                    if self.readiness == Readiness::Ready && self.leadership.is_leader() =>
                {
                    self.collector.request_drive(key);
                }
                _ => {}
            }
        }
        if missing_changed {
            self.publish_missing_list();
        }
        if !changes.is_empty() || self.collector.waits_for_links() {
            self.rediscover_at = Some(Instant::now() + UDEV_SETTLE);
            if self.readiness == Readiness::Ready {
                self.collector.request_enclosures();
            }
            self.request_pools();
        }
        self.publisher.send_lists_soon();
    }

    /// Decides again between bays that link the same drive: an enclosure has reported the status of its bays.
    pub(super) fn place_contested(&mut self) {
        let changes = self.collector.place_contested();
        self.report_changes(&changes);
    }

    /// Reports changes of drives. Before the first sweep every drive is new, which is not an event.
    fn report_changes(&mut self, changes: &[Change]) {
        if self.readiness == Readiness::Ready {
            self.detector.changes(changes, self.collector.inventory());
        }
    }

    /// Runs zpool after a change of the topology: only zpool reports which leaves have which device names.
    pub(super) fn request_pools(&mut self) {
        if self.readiness == Readiness::Ready && self.leadership.is_leader() {
            self.collector.request_pools();
        }
    }
}
