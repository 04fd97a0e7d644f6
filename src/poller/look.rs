//! Looks at what is here, and what follows from a change: who has gone, who is read at once.

use super::{LINKS_COME, LOOK, Thread};
use crate::domain::drive::DriveKey;
use crate::domain::inventory::{Change, DriveRecord};
use std::time::Instant;

impl Thread {
    /// What this daemon knows before it has looked is nothing: then it takes nothing over, and nobody has gone.
    pub(super) fn begin(&mut self) {
        if !self.has_begun && self.collector.has_seen() {
            self.has_begun = true;
            self.seed();
            self.rebuild();
            self.role.ask_soon();
        }
    }

    /// Once in a while, where the last look was not complete.
    pub(super) fn look_if_changed(&mut self) {
        let is_due = match self.collector.blindness() {
            Some(_) => self.looked.elapsed() >= LOOK,
            None => self.collector.has_changed(),
        };
        if is_due {
            self.look();
            self.rebuild();
        }
    }

    pub(super) fn look(&mut self) {
        self.looked = Instant::now();
        let changes = self.collector.discover();
        self.detector.changes(&changes, self.collector.inventory(), self.ready);
        self.limit_missing(0);
        let fleet = self.collector.inventory();
        let is_here = |key: &DriveKey| fleet.get(key).is_some_and(DriveRecord::is_here);
        self.request_reads.retain(|key, _| is_here(key));
        self.waiting.retain(|key, _| is_here(key));
        let mut gone_changed = changes.iter().any(|change| matches!(change, Change::Missing(_)));
        let held = self.left.len();
        self.left.retain(|key, _| fleet.get(key).is_some() && !is_here(key));
        gone_changed |= self.left.len() != held;
        for change in &changes {
            match change {
                Change::Missing(key) => self.publish_drive(key, None),
                // Who has just come is read now, not with the next sweep.
                Change::Appeared(key) | Change::Back(key) if self.ready && self.role.polls() => {
                    self.collector.request_drive(key);
                }
                _ => {}
            }
        }
        if gone_changed {
            self.tell_gone();
        }
        if !changes.is_empty() {
            self.look_again = Some(Instant::now() + LINKS_COME);
            if self.ready {
                self.collector.request_enclosures();
            }
            self.ask_pools_again();
        }
        self.publisher.lists_wanted();
    }

    /// Something was plugged: the names in the pools may mean others, which only zpool can say.
    pub(super) fn ask_pools_again(&mut self) {
        if self.ready && self.role.polls() {
            self.collector.request_pools();
        }
    }
}
