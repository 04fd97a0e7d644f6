//! Restores missing drives and lost paths that an earlier daemon, or another one, stored in Redis.
//!
//! The documents of missing drives are stored as one list. Drives that disappeared while no daemon ran are found in the
//! last overview.

use super::event_loop::EventLoop;
use super::missing_drives::{Restore, StoredList};
use super::stored::Budget;
use crate::api::document_header::DocumentHeader;
use crate::api::drive_document::{StoredDocument, smartctl_json, stored_paths};
use crate::api::drive_summary::DriveSummary;
use crate::api::missing_drives::{Outline, build_missing_list, parse_missing_list};
use crate::api::overview::Overview;
use crate::api::value_limits::DOCUMENT;
use crate::cache::redis::KEYS_PER_BATCH;
use crate::cache::{Bytes, CopyKind, Key};
use crate::clock::now;
use crate::domain::drive::{DriveKey, DriveState};
use crate::domain::identity::{DeviceName, Identity, SerialNumber};
use crate::domain::inventory::{Change, KnownDrives};
use crate::domain::time::Timestamp;
use crate::probe::smartctl;
use serde_json::value::RawValue;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

/// Drives to restore as missing, and how many exceed the limit.
struct RestoreCandidates<T> {
    drives: Vec<T>,
    left_out: usize,
}

/// What identifies the drives that are present or excluded.
struct PresentNames {
    devices: HashSet<String>,
    serials: HashSet<SerialNumber>,
    wwns: HashSet<String>,
}

impl PresentNames {
    fn contains(&self, drive: &DriveSummary) -> bool {
        // A disk behind a present RAID volume is not missing: it is listed, or was removed from the setting.
        if let Some(volume) = &drive.raid_volume
            && self.devices.contains(volume.as_str())
        {
            return true;
        }
        let has_serial = drive.serial_number.as_ref().is_some_and(|serial| self.serials.contains(serial));
        has_serial || drive.wwn.as_ref().is_some_and(|wwn| self.wwns.contains(wwn))
    }
}

impl EventLoop {
    /// Restores missing drives from Redis: once, as soon as Redis answers and a discovery is complete; and again when this
    /// daemon becomes the leader, since the list of the previous leader is authoritative.
    pub(super) fn restore_missing(&mut self) {
        if self.missing.restore == Restore::Done || !self.collector.has_seen() {
            return;
        }
        let Ok(gone) = self.last_list(&Key::Gone) else { return };
        let Ok(overview) = self.last_list(&Key::Overview) else { return };
        let Ok(enclosures) = self.last_list(&Key::KnownEnclosures) else { return };
        self.missing.restore = Restore::Done;
        self.missing.stored_list = if gone.is_some() { StoredList::Present } else { StoredList::Absent };
        self.restore_enclosures(enclosures.as_deref());
        let mut budget = self.document_budget();
        let overview = overview.and_then(|value| self.parse_overview(&value));
        if let Some(overview) = &overview {
            let all = overview.drives().count();
            let missing = overview.drives().filter(|drive| drive.state == DriveState::Missing).count();
            self.collector.inventory_mut().expect_counts(all - missing, missing);
        }
        let documents = match &gone {
            Some(list) => parse_missing_list(list, self.collector.host_name()).unwrap_or_default(),
            None => Vec::new(),
        };
        let mut left_out = self.restore_missing_list(&documents, &mut budget);
        if let Some(overview) = &overview {
            left_out += self.restore_disappeared(overview, &mut budget);
            self.restore_lost_paths(overview);
        }
        self.limit_missing(left_out);
        self.missing.retain_missing(self.collector.inventory());
        self.publish_missing_list();
        self.publisher.mark_lists_outdated();
    }

    /// An overview of this host.
    fn parse_overview(&self, value: &[u8]) -> Option<Overview> {
        let overview: Overview = serde_json::from_slice(value).ok()?;
        let is_own = overview.host_name().is(self.collector.host_name());
        if is_own { Some(overview) } else { None }
    }

    /// Restores the drives of the stored list, and removes those that were restored before and are not in it. Returns the
    /// number of drives beyond the limit.
    fn restore_missing_list(&mut self, documents: &[&RawValue], budget: &mut Budget) -> usize {
        if self.collector.inventory().has_restored() {
            let mut listed: HashSet<Identity> = HashSet::new();
            for document in documents {
                listed.extend(Outline::parse(document.get().as_bytes()).map(|outline| outline.identity));
            }
            self.collector.inventory_mut().remove_restored(|identity| listed.contains(identity));
        }
        let mut known = KnownDrives::of(self.collector.inventory(), now());
        let candidates = newest(documents, &known, self.collector.inventory().missing_limit());
        for document in candidates.drives {
            let document = document.get().as_bytes();
            if DOCUMENT.check(document).is_ok() {
                self.restore_missing_drive(&mut known, document, None, budget);
            }
        }
        candidates.left_out
    }

    /// Restores the drives that were present in the last overview and are not present now. Returns the number of drives
    /// beyond the limit.
    fn restore_disappeared(&mut self, overview: &Overview, budget: &mut Budget) -> usize {
        let candidates = self.disappeared(overview);
        let mut known = KnownDrives::of(self.collector.inventory(), now());
        let mut changes = Vec::new();
        for chunk in candidates.drives.chunks(KEYS_PER_BATCH) {
            let keys: Vec<Key> = chunk.iter().map(|drive| Key::Smart(drive.device.clone())).collect();
            let Ok(documents) = self.documents(&keys, CopyKind::LastKnown) else { break };
            for (last, document) in chunk.iter().zip(documents) {
                let Some((_, value)) = document else { continue };
                let restored = self.restore_missing_drive(&mut known, &value, Some(last), budget);
                changes.extend(restored.map(Change::Missing));
            }
        }
        self.detector.changes(&changes, self.collector.inventory());
        candidates.left_out
    }

    fn disappeared(&self, overview: &Overview) -> RestoreCandidates<DriveSummary> {
        let present = self.present_names();
        let limit = self.collector.inventory().missing_limit();
        let mut candidates = RestoreCandidates { drives: Vec::new(), left_out: 0 };
        for drive in overview.drives() {
            if drive.state == DriveState::Missing || present.contains(drive) {
                continue;
            }
            if candidates.drives.len() < limit {
                let missing_since = Some(overview.generated_at);
                candidates.drives.push(DriveSummary { missing_since, ..drive.clone() });
            } else {
                candidates.left_out += 1;
            }
        }
        candidates
    }

    fn present_names(&self) -> PresentNames {
        let mut names = PresentNames { devices: HashSet::new(), serials: HashSet::new(), wwns: HashSet::new() };
        for record in self.collector.inventory().present() {
            let drive = &record.drive;
            names.devices.extend(drive.paths.iter().map(|path| path.device.to_string()));
            names.serials.extend(drive.identity.unit_serial.clone());
            names.wwns.extend(drive.identity.wwn());
        }
        for drive in self.collector.excluded() {
            names.devices.extend(drive.paths.iter().map(DeviceName::to_string));
        }
        names
    }

    /// Restores the known paths of drives that had more of them by the last overview, which is of this host. The name of a
    /// drive may have changed since: its first path may be the one that is lost.
    fn restore_lost_paths(&mut self, overview: &Overview) {
        let mut present: HashMap<&str, (usize, &DriveKey)> = HashMap::new();
        for record in self.collector.inventory().present() {
            if let Some(serial) = record.drive.identity.unit_serial.as_deref() {
                present.insert(serial, (record.paths.expected(), &record.drive.key));
            }
        }
        let mut with_lost_paths: Vec<(DriveKey, DeviceName)> = Vec::new();
        for drive in overview.drives() {
            let (Some(serial), Some(expected)) = (drive.serial_number.as_deref(), drive.expected_paths) else {
                continue;
            };
            if let Some((known, key)) = present.get(serial)
                && expected > *known
            {
                with_lost_paths.push((DriveKey::clone(key), drive.device.clone()));
            }
        }
        for chunk in with_lost_paths.chunks(KEYS_PER_BATCH) {
            let keys: Vec<Key> = chunk.iter().map(|(_, device)| Key::Smart(device.clone())).collect();
            let Ok(documents) = self.documents(&keys, CopyKind::LastKnown) else { return };
            for ((key, _), document) in chunk.iter().zip(documents) {
                if let Some((head, value)) = document {
                    self.restore_paths(key, &head, &value);
                }
            }
        }
    }

    /// Restores the known paths of a drive from a stored document, if it is of this drive.
    fn restore_paths(&mut self, key: &DriveKey, head: &DocumentHeader, value: &[u8]) {
        let identity = self.collector.inventory().get(key).map(|record| &record.drive.identity);
        if identity != Some(&head.identity) || head.identity.is_empty() {
            return;
        }
        let Some((paths, bay)) = stored_paths(value, now()) else { return };
        self.collector.inventory_mut().restore_paths(key, paths, bay.as_ref());
    }

    /// Restores one missing drive; `None` if it is not restored. `last`: its summary in the last overview, if it disappeared
    /// while no daemon ran; the document must be of the same drive.
    fn restore_missing_drive(
        &mut self,
        known: &mut KnownDrives,
        document: &[u8],
        last: Option<&DriveSummary>,
        budget: &mut Budget,
    ) -> Option<DriveKey> {
        if !self.charge(budget, document.len(), 0) {
            return None;
        }
        let stored = StoredDocument::parse(document)?;
        if let Some(last) = last
            && (last.serial_number != stored.summary.serial_number || last.wwn != stored.summary.wwn)
        {
            return None;
        }
        let raw = smartctl_json(document).map(RawValue::to_owned);
        let mut report = None;
        if let Some(raw) = &raw {
            let parsed = smartctl::parse(raw.get());
            if parsed.too_much.is_some() {
                return None;
            }
            report = Some(parsed.report);
        }
        let since = last.unwrap_or(&stored.summary).missing_since?;
        let restored = stored.to_restored(report, since)?;
        let was_forgotten = self.missing.was_forgotten(&restored.drive.identity, since);
        if was_forgotten || self.collector.is_excluded(&restored.drive) {
            return None;
        }
        let key = self.collector.inventory_mut().restore_missing(known, restored)?;
        self.publish_drive(&key, raw.as_deref());
        Some(key)
    }

    /// Removes the drives that have been missing longest, beyond the limit. `left_out_already`: those that were not restored
    /// because of it.
    pub(super) fn limit_missing(&mut self, left_out_already: usize) {
        let left_out = left_out_already + self.collector.inventory_mut().limit_missing();
        self.detector.limited(
            self.collector.inventory().missing(),
            left_out,
            self.collector.inventory().missing_limit(),
        );
    }

    /// Runs before lists are sent. Restored drives are removed if Redis has lost them: the stored list is replaced
    /// atomically. If there is none, restored drives are removed, and the lists must be rebuilt: then it returns true.
    pub(super) fn persist_missing_list(&mut self) -> bool {
        if self.missing.restore == Restore::Due {
            // The stored list has not been restored yet.
            self.publisher.exclude_missing_list();
            return false;
        }
        if !self.collector.inventory().has_restored() {
            return false;
        }
        if self.missing.stored_list == StoredList::Absent {
            // The drives are from the last overview, which must still be stored; this is the first list.
            match self.redis.has(&Key::Overview, CopyKind::LastKnown) {
                Ok(true) => {
                    if self.publisher.store_missing_list().is_ok() {
                        self.missing.stored_list = StoredList::Present;
                    }
                    return false;
                }
                Ok(false) => {}
                Err(_) => {
                    self.publisher.exclude_missing_list();
                    return false;
                }
            }
        } else if !matches!(self.publisher.replace_missing_list(), Ok(false)) {
            return false;
        }
        let count = self.collector.inventory_mut().remove_restored(|_| false);
        log::info!("list of missing drives lost from redis, removing the drives restored from it count={count}");
        self.missing.retain_missing(self.collector.inventory());
        self.publish_missing_list();
        self.publisher.include_missing_list();
        self.publisher.mark_lists_outdated();
        true
    }

    /// Publishes the list of missing drives: the latest ones, within the limits of the list.
    pub(super) fn publish_missing_list(&mut self) {
        let mut missing: Vec<(Reverse<Option<Timestamp>>, &DriveKey, &Bytes)> = Vec::new();
        for (key, document) in self.missing.documents() {
            let record = self.collector.inventory().get(key);
            let since = record.and_then(|record| record.missing_since);
            missing.push((Reverse(since), key, document));
        }
        missing.sort_by_key(|(since, key, _)| (*since, *key));
        let documents = missing.into_iter().map(|(_, _, document)| &**document);
        let list = build_missing_list(&self.limits().missing_list, self.collector.host_name(), now(), documents);
        self.publisher.set_missing_list(list);
    }
}

/// The documents of the drives to restore that disappeared last, newest first. Of drives that disappeared at the same
/// time, those come first that are first in `documents`.
fn newest<'a>(documents: &[&'a RawValue], known: &KnownDrives, limit: usize) -> RestoreCandidates<&'a RawValue> {
    let now = now();
    let mut seen = HashSet::new();
    // The oldest of the newest is on top.
    let mut newest = BinaryHeap::new();
    let mut left_out = 0;
    for (number, document) in documents.iter().enumerate() {
        let Some(outline) = Outline::parse(document.get().as_bytes()) else { continue };
        let Some(since) = outline.missing_since else { continue };
        if !known.accepts(&outline.identity, outline.bay().as_ref(), since) || !seen.insert(outline.identity) {
            continue;
        }
        newest.push(Reverse((since.min(now), Reverse(number))));
        if newest.len() > limit {
            newest.pop();
            left_out += 1;
        }
    }
    let mut drives = Vec::new();
    for Reverse((_, Reverse(number))) in newest.into_sorted_vec() {
        drives.extend(documents.get(number).copied());
    }
    RestoreCandidates { drives, left_out }
}
