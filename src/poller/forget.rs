//! `forget`: removes missing drives, paths, enclosures and IO modules from the inventory and from Redis.
//!
//! `EventLoop::forget_target` is the one place that looks up a name among the kinds of subjects.

use super::detect::Detector;
use super::event_loop::EventLoop;
use super::forget_request::{ForgetOutcome, ForgetRequest};
use super::publisher::{Publisher, Sends};
use crate::clock::now;
use crate::domain::drive::DriveKey;
use crate::domain::identity::{EnclosureId, SerialNumber};
use crate::domain::inventory::DriveRecord;
use std::time::Instant;

/// The subject that a request names.
enum ForgetTarget {
    /// Missing drives.
    Drives(Vec<DriveKey>),
    /// A drive that is present and has missing paths.
    Paths(DriveKey),
    /// A missing enclosure, and the missing drives that were in it.
    Enclosure { id: EnclosureId, drives: Vec<DriveKey> },
    /// An enclosure that is present and has missing IO modules.
    Modules { id: EnclosureId, count: usize },
    /// Nothing that can be forgotten.
    None(ForgetOutcome),
}

impl EventLoop {
    pub(super) fn handle_forget(&mut self, request: &ForgetRequest) -> ForgetOutcome {
        if !self.collector.has_seen() {
            return ForgetOutcome::NotReady;
        }
        if !self.leadership.is_leader() {
            return ForgetOutcome::NotPolling { leader: self.redis.lease_owner().ok().flatten() };
        }
        self.discover_if_changed();
        self.restore_missing();
        match self.forget_target(&request.subject) {
            ForgetTarget::Drives(keys) => self.forget_drives(&keys, request.uid),
            ForgetTarget::Paths(key) => self.forget_paths(&key, request.uid),
            ForgetTarget::Enclosure { id, drives } => {
                self.forget_drives(&drives, request.uid);
                self.collector.forget_enclosure(&id);
                Detector::forgotten_enclosure(&id, request.uid);
                self.publish_without_enclosure_parts();
                ForgetOutcome::ForgottenEnclosure { id, drives: drives.len() }
            }
            ForgetTarget::Modules { id, count } => {
                self.collector.forget_enclosure(&id);
                Detector::forgotten_modules(&id, count, request.uid);
                self.publish_without_enclosure_parts();
                ForgetOutcome::ForgottenModules { id, modules: count }
            }
            ForgetTarget::None(outcome) => outcome,
        }
    }

    fn forget_paths(&mut self, key: &DriveKey, uid: u32) -> ForgetOutcome {
        let paths = self.collector.inventory_mut().forget_paths(key);
        let Some(record) = self.collector.inventory().get(key) else { return ForgetOutcome::NotReady };
        let device = record.drive.device.clone();
        Detector::forgotten_paths(record, paths, uid);
        // The stored document still has the paths; the next reading replaces it.
        let _ = self.collector.request_drive(key);
        self.store_without_forgotten();
        ForgetOutcome::ForgottenPaths { device, paths }
    }

    fn publish_without_enclosure_parts(&mut self) {
        self.publish_known_enclosures();
        self.store_without_forgotten();
    }

    fn forget_target(&self, subject: &str) -> ForgetTarget {
        let records = self.collector.inventory().records();
        let named: Vec<&DriveRecord> = records.filter(|record| has_name(record, subject)).collect();
        let missing = named.iter().filter(|record| !record.is_present());
        let missing: Vec<DriveKey> = missing.map(|record| record.drive.key.clone()).collect();
        if !missing.is_empty() {
            return ForgetTarget::Drives(missing);
        }
        if let Some(record) = named.iter().find(|record| record.paths.has_missing()) {
            return ForgetTarget::Paths(record.drive.key.clone());
        }
        if let Some(record) = named.first() {
            let (device, bay) = (record.drive.device.clone(), record.bay.clone());
            return ForgetTarget::None(ForgetOutcome::DrivePresent { device, bay });
        }
        for drive in self.collector.excluded() {
            if is_named(drive.identity.unit_serial.as_ref(), drive.identity.wwn(), subject) {
                let (device, entry) = (drive.device.clone(), drive.entry.clone());
                return ForgetTarget::None(ForgetOutcome::Excluded { device, entry });
            }
        }
        self.enclosure_target(subject)
    }

    /// The enclosure with that id; without one, the missing drives that were last in it.
    fn enclosure_target(&self, subject: &str) -> ForgetTarget {
        let mut missing: Vec<DriveKey> = Vec::new();
        for record in self.collector.inventory().records() {
            if let Some(bay) = &record.bay
                && !record.is_present()
                && bay.enclosure.eq_ignore_ascii_case(subject)
            {
                missing.push(record.drive.key.clone());
            }
        }
        let mut enclosures = self.collector.enclosures().iter();
        if let Some(enclosure) = enclosures.find(|enclosure| enclosure.id.eq_ignore_ascii_case(subject)) {
            let id = enclosure.id.clone();
            if enclosure.missing_since().is_some() {
                return ForgetTarget::Enclosure { id, drives: missing };
            }
            let count = enclosure.modules.iter().filter(|module| module.missing_since.is_some()).count();
            if count > 0 {
                return ForgetTarget::Modules { id, count };
            }
            return ForgetTarget::None(ForgetOutcome::EnclosurePresent { id, missing: missing.len() });
        }
        if missing.is_empty() {
            return ForgetTarget::None(ForgetOutcome::NoSuch { subject: subject.to_owned() });
        }
        ForgetTarget::Drives(missing)
    }

    fn forget_drives(&mut self, keys: &[DriveKey], uid: u32) -> ForgetOutcome {
        let at = now();
        Detector::forgotten(keys, self.collector.inventory(), uid);
        let mut drives: Vec<String> = Vec::new();
        for key in keys {
            let Some(record) = self.collector.inventory().get(key) else { continue };
            drives.push(match record.serial_number() {
                Some(serial) => serial.to_string(),
                None => record.drive.device.to_string(),
            });
            self.missing.record_forgotten(&record.drive.identity, at);
        }
        self.collector.inventory_mut().remove(|record| keys.contains(&record.drive.key));
        self.missing.retain_missing(self.collector.inventory());
        self.publish_missing_list();
        self.publisher.include_missing_list();
        self.store_without_forgotten();
        ForgetOutcome::Forgotten { drives }
    }

    /// Sends the lists now, so that the request takes effect even if the daemon is killed a moment later.
    fn store_without_forgotten(&mut self) {
        self.publisher.send_lists_now();
        if self.sends() == Sends::Documents && self.missing.is_restored() {
            // No lists are sent before the first sweep is complete: only the stored list of missing drives is replaced.
            let _ = self.publisher.replace_missing_list();
            self.publisher.include_missing_list();
        }
        self.before_lists(Instant::now());
        self.rebuild_lists_and(Publisher::flush_all);
    }
}

fn has_name(record: &DriveRecord, subject: &str) -> bool {
    is_named(record.serial_number(), record.wwn(), subject)
}

/// The serial number is compared exactly, the WWN without regard to case.
fn is_named(serial: Option<&SerialNumber>, wwn: Option<String>, subject: &str) -> bool {
    serial.map(SerialNumber::as_str) == Some(subject) || wwn.is_some_and(|wwn| wwn.eq_ignore_ascii_case(subject))
}
