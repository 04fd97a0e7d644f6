//! Discovery, and what follows from a change: which drives are missing, and which are read at once.

use super::event_loop::{EventLoop, RESCAN_INTERVAL};
use super::readiness::Readiness;
use crate::domain::drive::DriveKey;
use crate::domain::inventory::{Change, DriveRecord};
use std::time::{Duration, Instant};

/// After a drive has come, udev's links and the bay's follow within this.
const UDEV_SETTLE: Duration = Duration::from_secs(3);

impl EventLoop {
    /// What this daemon knows before it has looked is nothing: then it takes nothing over, and nobody has gone.
    pub(super) fn restore_when_seen(&mut self) {
        if self.readiness == Readiness::Starting && self.collector.has_seen() {
            self.readiness = Readiness::Restored;
            self.restore_readings();
            self.rebuild_lists();
            self.leadership.renew_soon();
        }
    }

    /// Once in a while, where the last look was not complete.
    pub(super) fn discover_if_changed(&mut self) {
        let is_due = match self.collector.blindness() {
            Some(_) => self.last_discovery.elapsed() >= RESCAN_INTERVAL,
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
        self.limit_missing(0);
        let fleet = self.collector.inventory();
        let is_here = |key: &DriveKey| fleet.get(key).is_some_and(DriveRecord::is_here);
        self.pending.retain_drives(is_here);
        let mut gone_changed = changes.iter().any(|change| matches!(change, Change::Missing(_)));
        gone_changed |= self.missing.retain_missing(self.collector.inventory());
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
        if gone_changed {
            self.publish_missing_list();
        }
        if !changes.is_empty() {
            self.rediscover_at = Some(Instant::now() + UDEV_SETTLE);
            if self.readiness == Readiness::Ready {
                self.collector.request_enclosures();
            }
            self.request_pools();
        }
        self.publisher.lists_wanted();
    }

    /// Something was plugged: the names in the pools may mean others, which only zpool can say.
    pub(super) fn request_pools(&mut self) {
        if self.readiness == Readiness::Ready && self.leadership.is_leader() {
            self.collector.request_pools();
        }
    }
}
