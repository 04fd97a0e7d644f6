//! What requests ask of the poller: a drive read now, a list brought up to date, another look.
//! Equal questions share one answer, and no drive is read for them more often than may be.

use super::event_loop::EventLoop;
use super::lookup::{PollerRequest, ValueSource};
use super::readiness::Readiness;
use crate::api::document_header::DocumentHeader;
use crate::cache::Key;
use crate::collector::Enqueue;
use crate::domain::drive::DriveKey;
use crate::domain::identity::DeviceName;
use crossbeam_channel::Sender;
use std::time::Instant;

impl EventLoop {
    pub(super) fn handle_request(&mut self, ask: PollerRequest) {
        match ask {
            PollerRequest::Drive { device, reply } => self.asked_for_drive(&device, reply),
            PollerRequest::Look { reply } => {
                self.discover_if_changed();
                let _ = reply.send(ValueSource::Memory);
            }
            PollerRequest::List { key, reply } => self.asked_for_list(key, reply),
            PollerRequest::Refresh(Key::Smart(device)) => {
                if let Some(key) = self.key_of(&device)
                    && !self.read_for_request(&key)
                {
                    self.resend(&device);
                }
            }
            PollerRequest::Refresh(_) => self.publisher.lists_wanted(),
        }
    }

    fn key_of(&self, device: &DeviceName) -> Option<DriveKey> {
        self.collector.inventory().present().find(|r| r.drive.has_device(device.as_str())).map(|r| r.drive.key.clone())
    }

    fn asked_for_drive(&mut self, device: &DeviceName, reply: Sender<ValueSource>) {
        self.discover_if_changed();
        let Some(key) = self.key_of(device) else {
            // Dropping `reply` says: no such drive.
            return;
        };
        if self.read_for_request(&key) {
            self.pending.wait_for_drive(key, reply);
        } else {
            let held = self.handle.memory.value(&Key::Smart(device.clone())).and_then(|v| DocumentHeader::parse(&v));
            let is_its_own = |head: &DocumentHeader| {
                let record = self.collector.inventory().get(&key);
                record.is_some_and(|r| head.is_of(&r.drive.identity, r.bay.as_ref()))
            };
            if !held.as_ref().is_some_and(is_its_own) {
                self.publish_drive(&key, None);
            }
            self.resend(device);
            let _ = reply.send(ValueSource::Memory);
        }
    }

    /// Redis has lost the document of a drive that is not read again for this request: it gets that in memory.
    fn resend(&mut self, device: &DeviceName) {
        if self.leadership.is_leader() {
            self.publisher.resend(device);
        }
    }

    /// Asks for a drive unless it was asked for lately, or is known to be silent. True: it is coming.
    fn read_for_request(&mut self, key: &DriveKey) -> bool {
        if self.pending.waits_for_drive(key) {
            return true;
        }
        let at = Instant::now();
        let lately = self.pending.was_read_lately(key, at);
        let has_value = self.collector.inventory().get(key).is_some_and(|r| r.checked_at.is_some());
        if lately && has_value {
            return false;
        }
        let coming = self.collector.request_drive(key) == Some(Enqueue::Queued);
        if coming {
            self.pending.record_read(key, at);
        }
        coming
    }

    /// Lists for a daemon that does not sweep: from the drive keys of the one that does, and only
    /// what is missing is read. For one that does sweep they are made from what it has.
    fn asked_for_list(&mut self, key: Key, reply: Sender<ValueSource>) {
        self.publisher.lists_wanted();
        if self.leadership.is_leader() {
            let never_swept =
                self.readiness != Readiness::Ready && self.collector.inventory().present().next().is_some();
            if never_swept && !self.collector.is_sweeping() {
                self.collector.start_sweep();
                self.publisher.sweep_begins(Instant::now());
            }
        } else {
            let missing = self.restore_readings();
            for key in missing {
                self.read_for_request(&key);
            }
            self.collector.request_pools();
            self.collector.request_enclosures();
            if !self.redis.is_up() {
                // Nobody else's values can be had: polling becomes ours.
                self.leadership.promote_without_redis();
            }
        }
        self.publisher.request_waits();
        self.pending.wait_for_list(key, reply);
    }
}
