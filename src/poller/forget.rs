//! `forget`: ends "missing" for what was removed for good, here and in Redis.
//!
//! A name is looked up among the kinds of subjects in one place, `EventLoop::forget_target`.

use super::detect::Detector;
use super::event_loop::EventLoop;
use super::forget_request::{ForgetOutcome, ForgetRequest};
use super::publisher::{Publisher, Sends};
use crate::clock::now;
use crate::domain::drive::DriveKey;
use crate::domain::identity::{EnclosureId, Identity};
use crate::domain::inventory::DriveRecord;
use std::time::Instant;

/// What the name of a request means.
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
        // Its stored document still has the paths; the next reading writes it anew.
        let _ = self.collector.request_drive(key);
        self.store_without_forgotten();
        ForgetOutcome::ForgottenPaths { device, paths }
    }

    fn publish_without_enclosure_parts(&mut self) {
        self.publish_known_enclosures();
        self.store_without_forgotten();
    }

    fn forget_target(&self, subject: &str) -> ForgetTarget {
        let inventory = self.collector.inventory();
        let named = || inventory.records().filter(|record| has_name(record, subject));
        let missing: Vec<DriveKey> = named().filter(|r| !r.is_present()).map(|r| r.drive.key.clone()).collect();
        if !missing.is_empty() {
            return ForgetTarget::Drives(missing);
        }
        if let Some(record) = named().find(|record| record.paths.has_missing()) {
            return ForgetTarget::Paths(record.drive.key.clone());
        }
        if let Some(record) = named().next() {
            let (device, bay) = (record.drive.device.clone(), record.bay.clone());
            return ForgetTarget::None(ForgetOutcome::DrivePresent { device, bay });
        }
        let is_excluded = |identity: &Identity| {
            identity.unit_serial.as_deref() == Some(subject)
                || identity.wwn().is_some_and(|wwn| wwn.eq_ignore_ascii_case(subject))
        };
        if let Some(drive) = self.collector.excluded().iter().find(|drive| is_excluded(&drive.identity)) {
            let (device, entry) = (drive.device.clone(), drive.entry.clone());
            return ForgetTarget::None(ForgetOutcome::Excluded { device, entry });
        }
        self.drives_of_enclosure(subject)
    }

    /// The missing drives that sat in an enclosure which is gone with them.
    fn drives_of_enclosure(&self, subject: &str) -> ForgetTarget {
        let is_it = |id: &EnclosureId| id.eq_ignore_ascii_case(subject);
        let sat_there = |r: &&DriveRecord| !r.is_present() && r.bay.as_ref().is_some_and(|bay| is_it(&bay.enclosure));
        let missing: Vec<DriveKey> =
            self.collector.inventory().records().filter(sat_there).map(|r| r.drive.key.clone()).collect();
        if let Some(enclosure) = self.collector.enclosures().iter().find(|enclosure| is_it(&enclosure.id)) {
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
        let records = || keys.iter().filter_map(|key| self.collector.inventory().get(key));
        let drives =
            records().map(|r| r.serial_number().map_or_else(|| r.drive.device.to_string(), ToString::to_string));
        let drives: Vec<String> = drives.collect();
        self.missing.record_forgotten(records().map(|record| &record.drive.identity), at);
        self.collector.inventory_mut().remove(|record| keys.contains(&record.drive.key));
        self.missing.retain_missing(self.collector.inventory());
        self.publish_missing_list();
        self.publisher.include_missing_list();
        self.store_without_forgotten();
        ForgetOutcome::Forgotten { drives }
    }

    /// Sends the lists now: what was forgotten stays so when the daemon is killed a moment later.
    fn store_without_forgotten(&mut self) {
        self.publisher.send_lists_now();
        if self.sends() == Sends::Documents && self.missing.is_restored() {
            // No lists are sent before the first sweep is whole; the stored one is replaced.
            let _ = self.publisher.store_missing_list(true);
            self.publisher.include_missing_list();
        }
        self.before_lists(Instant::now());
        self.rebuild_lists_and(Publisher::flush_all);
    }
}

/// By its serial number, exactly, or by its WWN.
fn has_name(record: &DriveRecord, subject: &str) -> bool {
    let report = record.report.as_deref();
    let wwn = report.and_then(|report| report.wwn.clone()).or_else(|| record.drive.identity.wwn());
    record.serial_number().is_some_and(|serial| serial.as_str() == subject)
        || wwn.is_some_and(|wwn| wwn.eq_ignore_ascii_case(subject))
}
