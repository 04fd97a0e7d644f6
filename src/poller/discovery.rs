//! Discovery, and what follows from a change: which drives are missing, and which are read at once.

use super::event_loop::{DISCOVERY_INTERVAL, EventLoop};
use super::readiness::Readiness;
use crate::domain::drive::DriveKey;
use crate::domain::inventory::{Change, DriveRecord};
use std::time::{Duration, Instant};

/// After a drive is added, udev creates its links and the kernel links its bay within this time.
const UDEV_SETTLE: Duration = Duration::from_secs(3);

impl EventLoop {
    /// Restores readings after the first complete discovery; before that no drive is known and none is missing.
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
        self.detector.changes(&changes, self.collector.inventory(), self.readiness == Readiness::Ready);
        self.detector.settle(&self.collector);
        self.detector.excluded(&self.collector);
        self.limit_missing(0);
        let inventory = self.collector.inventory();
        let is_present = |key: &DriveKey| inventory.get(key).is_some_and(DriveRecord::is_present);
        self.pending.retain_drives(is_present);
        let mut missing_changed = changes.iter().any(|change| matches!(change, Change::Missing(_)));
        missing_changed |= self.missing.retain_missing(self.collector.inventory());
        for change in &changes {
            match change {
                Change::Missing(key) => self.publish_drive(key, None),
                // A new drive is read now, not with the next sweep.
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

    /// A shelf has reported the status of its bays, which counts where several bays link one drive.
    pub(super) fn place_contested(&mut self) {
        let changes = self.collector.place_contested();
        self.detector.changes(&changes, self.collector.inventory(), self.readiness == Readiness::Ready);
    }

    /// The topology has changed: device names in pools may have been reassigned, which only zpool can resolve.
    pub(super) fn request_pools(&mut self) {
        if self.readiness == Readiness::Ready && self.leadership.is_leader() {
            self.collector.request_pools();
        }
    }
}
