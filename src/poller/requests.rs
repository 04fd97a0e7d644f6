//! Handles requests to the poller: read a drive now, update a list, run a discovery.
//!
//! Equal requests share one result, and the rate of readings on request is limited.

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
        let mut present = self.collector.inventory().present();
        let record = present.find(|record| record.drive.has_device(device.as_str()))?;
        Some(record.drive.key.clone())
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
            if !self.has_document_of(&key, device) {
                self.publish_drive(&key, None);
            }
            self.resend(device);
            let _ = reply.send(ValueSource::Memory);
        }
    }

    /// The document in memory under that device name is of that drive, in its current bay.
    fn has_document_of(&self, key: &DriveKey, device: &DeviceName) -> bool {
        let Some(document) = self.handle.memory.value(&Key::Smart(device.clone())) else { return false };
        let Some(header) = DocumentHeader::parse(&document) else { return false };
        let Some(record) = self.collector.inventory().get(key) else { return false };
        header.is_of(&record.drive.identity, record.bay.as_ref())
    }

    /// Sends the document in memory to Redis again, which has lost it.
    fn resend(&mut self, device: &DeviceName) {
        if self.leadership.is_leader() {
            self.publisher.resend(device);
        }
    }

    /// Requests a reading unless the drive was read for a request recently, or is in back-off. Returns true if a reading
    /// will follow.
    fn read_for_request(&mut self, key: &DriveKey) -> bool {
        if self.pending.waits_for_drive(key) {
            return true;
        }
        let at = Instant::now();
        if self.pending.was_read_recently(key, at)
            && let Some(record) = self.collector.inventory().get(key)
            && record.checked_at.is_some()
        {
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
                // The values of other daemons are unavailable, so this daemon polls.
                self.leadership.promote_without_redis();
            }
        }
        self.publisher.prioritize_lists();
        self.pending.wait_for_list(key, reply);
    }
}
