//! Handles requests to the poller: a reading now, a list brought up to date, a discovery.
//! Equal requests share one result, and the rate of readings for requests is limited.

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
    pub(super) fn handle_request(&mut self, request: PollerRequest) {
        match request {
            PollerRequest::Drive { device, reply } => self.handle_drive_request(&device, reply),
            PollerRequest::Discover { reply } => {
                self.discover_if_changed();
                let _ = reply.send(ValueSource::Memory);
            }
            PollerRequest::List { key, reply } => self.handle_list_request(key, reply),
            PollerRequest::Refresh(Key::Smart(device)) => {
                if let Some(key) = self.key_of(&device)
                    && !self.read_for_request(&key)
                {
                    self.resend(&device);
                }
            }
            PollerRequest::Refresh(_) => self.publisher.send_lists_soon(),
            PollerRequest::Forget { request, reply } => {
                let _ = reply.send(self.handle_forget(&request));
            }
        }
    }

    fn key_of(&self, device: &DeviceName) -> Option<DriveKey> {
        self.collector.inventory().present().find(|r| r.drive.has_device(device.as_str())).map(|r| r.drive.key.clone())
    }

    fn handle_drive_request(&mut self, device: &DeviceName, reply: Sender<ValueSource>) {
        self.discover_if_changed();
        let Some(key) = self.key_of(device) else {
            // Dropping `reply` reports that there is no such drive.
            return;
        };
        if self.read_for_request(&key) {
            self.pending.wait_for_drive(key, reply);
        } else {
            let held = self.handle.memory.value(&Key::Smart(device.clone())).and_then(|v| DocumentHeader::parse(&v));
            let is_same_drive = |head: &DocumentHeader| {
                let record = self.collector.inventory().get(&key);
                record.is_some_and(|r| head.is_of(&r.drive.identity, r.bay.as_ref()))
            };
            if !held.as_ref().is_some_and(is_same_drive) {
                self.publish_drive(&key, None);
            }
            self.resend(device);
            let _ = reply.send(ValueSource::Memory);
        }
    }

    /// Redis has lost the document of a drive that is not read for this request: the one in memory is sent again.
    fn resend(&mut self, device: &DeviceName) {
        if self.leadership.is_leader() {
            self.publisher.resend(device);
        }
    }

    /// Requests a reading unless the drive was read for a request lately, or is silent. True: a reading will follow.
    fn read_for_request(&mut self, key: &DriveKey) -> bool {
        if self.pending.waits_for_drive(key) {
            return true;
        }
        let at = Instant::now();
        let was_read_lately = self.pending.was_read_lately(key, at);
        let has_value = self.collector.inventory().get(key).is_some_and(|r| r.checked_at.is_some());
        if was_read_lately && has_value {
            return false;
        }
        let is_queued = self.collector.request_drive(key) == Some(Enqueue::Queued);
        if is_queued {
            self.pending.record_read(key, at);
        }
        is_queued
    }

    /// A follower builds lists from the drive keys of the leader and reads only drives without one. A leader builds them
    /// from its own readings.
    fn handle_list_request(&mut self, key: Key, reply: Sender<ValueSource>) {
        self.publisher.send_lists_soon();
        if self.leadership.is_leader() {
            let never_swept =
                self.readiness != Readiness::Ready && self.collector.inventory().present().next().is_some();
            if never_swept && !self.collector.is_sweeping() {
                self.collector.start_sweep();
                self.publisher.on_sweep_begin(Instant::now());
            }
        } else {
            let missing = self.restore_readings();
            for key in missing {
                self.read_for_request(&key);
            }
            self.collector.request_pools();
            self.collector.request_enclosures();
            if !self.redis.is_up() {
                // The values of other daemons are unavailable: this daemon polls.
                self.leadership.promote_without_redis();
            }
        }
        self.publisher.prioritize_lists();
        self.pending.wait_for_list(key, reply);
    }
}
