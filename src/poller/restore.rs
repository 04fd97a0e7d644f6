//! Restores state from Redis that an earlier daemon, or another one, stored: the last readings of present drives, and the
//! missing drives. Documents of missing drives are stored as one list; drives that disappeared while no daemon
//! ran are found in the last overview.

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
use crate::domain::identity::{DeviceName, Identity};
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

impl EventLoop {
    /// Restores missing drives from Redis: once, as soon as Redis answers and a discovery was complete; and again when this
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
        let overview = overview.and_then(|value| serde_json::from_slice::<Overview>(&value).ok());
        let overview = overview.filter(|overview| overview.host_name().is(self.collector.host_name()));
        if let Some(overview) = &overview {
            let (missing, present): (Vec<_>, Vec<_>) = overview.drives().partition(|d| d.state == DriveState::Missing);
            self.collector.inventory_mut().expect_counts(present.len(), missing.len());
        }
        let documents =
            gone.as_deref().and_then(|list| parse_missing_list(list, self.collector.host_name())).unwrap_or_default();
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

    /// Restores the drives of the stored list. Recalled drives that are not in it are removed.
    fn restore_missing_list(&mut self, documents: &[&RawValue], budget: &mut Budget) -> usize {
        let outline = |document: &RawValue| Outline::parse(document.get().as_bytes());
        if self.collector.inventory().has_restored() {
            let listed: HashSet<Identity> = documents.iter().filter_map(|d| Some(outline(d)?.identity)).collect();
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

    /// Restores the drives that were present in the last overview and are not present now.
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
        self.detector.changes(&changes, self.collector.inventory(), true);
        candidates.left_out
    }

    fn disappeared(&self, overview: &Overview) -> RestoreCandidates<DriveSummary> {
        let here = || self.collector.inventory().present().map(|r| &r.drive);
        let excluded = self.collector.excluded().iter().flat_map(|d| &d.paths);
        let devices = here().flat_map(|d| &d.paths).map(|path| &path.device).chain(excluded);
        let devices: HashSet<&str> = devices.map(DeviceName::as_str).collect();
        let serials: HashSet<&str> = here().filter_map(|d| d.identity.unit_serial.as_deref()).collect();
        let wwns: HashSet<String> = here().filter_map(|d| d.identity.wwn()).collect();
        let is_present = |drive: &DriveSummary| {
            // A disk behind a present RAID volume is not missing: it is listed, or was removed from the setting.
            drive.raid_volume.as_ref().is_some_and(|volume| devices.contains(volume.as_str()))
                || drive.serial_number.as_ref().is_some_and(|serial| serials.contains(serial.as_str()))
                || drive.wwn.as_ref().is_some_and(|wwn| wwns.contains(wwn))
        };
        let disappeared = || overview.drives().filter(|d| d.state != DriveState::Missing && !is_present(d));
        let most = self.collector.inventory().missing_limit();
        let seen = Some(overview.generated_at);
        let drives = disappeared().take(most).map(|d| DriveSummary { missing_since: seen, ..d.clone() }).collect();
        RestoreCandidates { drives, left_out: disappeared().count().saturating_sub(most) }
    }

    /// Restores the known paths of drives that had more of them by the last overview, which is of this host. A drive may have
    /// another name since: its first path may be the one that is lost.
    fn restore_lost_paths(&mut self, overview: &Overview) {
        let mut present: HashMap<&str, (usize, &DriveKey)> = HashMap::new();
        for record in self.collector.inventory().present() {
            if let Some(serial) = record.drive.identity.unit_serial.as_deref() {
                present.insert(serial, (record.paths.expected(), &record.drive.key));
            }
        }
        let with_lost_paths = overview.drives().filter_map(|drive| {
            let (known, key) = present.get(drive.serial_number.as_deref()?)?;
            (drive.expected_paths? > *known).then(|| (DriveKey::clone(key), drive.device.clone()))
        });
        let with_lost_paths: Vec<(DriveKey, DeviceName)> = with_lost_paths.collect();
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

    /// Restores one missing drive. `last`: its summary in the last overview, if it disappeared while no daemon ran; the
    /// document must be of the same drive.
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
        if last.is_some_and(|d| d.serial_number != stored.summary.serial_number || d.wwn != stored.summary.wwn) {
            return None;
        }
        let raw = smartctl_json(document).map(RawValue::to_owned);
        let parsed = raw.as_deref().map(|raw| smartctl::parse(raw.get()));
        if parsed.as_ref().is_some_and(|parsed| parsed.too_much.is_some()) {
            return None;
        }
        let report = parsed.map(|parsed| parsed.report);
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

    /// Removes the drives that have been missing longest, beyond the limit.
    pub(super) fn limit_missing(&mut self, left_out_already: usize) {
        let left_out = left_out_already + self.collector.inventory_mut().limit_missing();
        self.detector.limited(
            self.collector.inventory().missing(),
            left_out,
            self.collector.inventory().missing_limit(),
        );
    }

    /// Runs before lists are sent. Recalled drives are removed if Redis has lost them: the stored list is replaced
    /// atomically, and if there is none, restored drives are removed and the lists must be rebuilt (true).
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
            // Recalled from the last overview, which must still be stored; this is the first list.
            match self.redis.has(&Key::Overview, CopyKind::LastKnown) {
                Ok(true) => {
                    if self.publisher.store_missing_list(false).is_ok() {
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
        } else if !matches!(self.publisher.store_missing_list(true), Ok(false)) {
            return false;
        }
        let count = self.collector.inventory_mut().remove_restored(|_| false);
        log::info!("redis has lost the list of missing drives, those known from it alone are forgotten count={count}");
        self.missing.retain_missing(self.collector.inventory());
        self.publish_missing_list();
        self.publisher.include_missing_list();
        self.publisher.mark_lists_outdated();
        true
    }

    /// Publishes the list of missing drives: the latest ones, within the limits of the list.
    pub(super) fn publish_missing_list(&mut self) {
        let since = |key: &DriveKey| self.collector.inventory().get(key).and_then(|record| record.missing_since);
        let mut left: Vec<(&DriveKey, &Bytes)> = self.missing.documents().iter().collect();
        left.sort_by_cached_key(|(key, _)| (std::cmp::Reverse(since(key)), DriveKey::clone(key)));
        let documents = left.into_iter().map(|(_, document)| &**document);
        let list = build_missing_list(&self.limits().missing_list, self.collector.host_name(), now(), documents);
        self.publisher.set_missing_list(list);
    }

    /// Restores the readings of present drives from Redis: after a restart, or as a follower. Returns the drives without a
    /// stored reading.
    pub(super) fn restore_readings(&mut self) -> Vec<DriveKey> {
        let here: Vec<(DriveKey, DeviceName, Identity)> = self
            .collector
            .inventory()
            .present()
            .map(|r| (r.drive.key.clone(), r.drive.device.clone(), r.drive.identity.clone()))
            .collect();
        let (mut missing, mut budget) = (Vec::new(), self.document_budget());
        // In chunks: the documents of all drives at once may exceed their budget.
        for chunk in here.chunks(KEYS_PER_BATCH) {
            let Some(more) = self.restore_chunk(chunk, &mut budget) else { return Vec::new() };
            missing.extend(more);
        }
        missing
    }

    /// `None`: Redis does not answer.
    fn restore_chunk(
        &mut self,
        here: &[(DriveKey, DeviceName, Identity)],
        budget: &mut Budget,
    ) -> Option<Vec<DriveKey>> {
        let keys: Vec<Key> = here.iter().map(|(_, device, _)| Key::Smart(device.clone())).collect();
        let live = self.documents(&keys, CopyKind::Live).ok()?;
        let live = live.into_iter().zip(here).map(|(value, (_, _, identity))| usable(value?, identity));
        let live: Vec<Option<(DocumentHeader, Bytes)>> = live.collect();
        let last = if live.iter().all(Option::is_some) {
            Vec::new()
        } else {
            self.documents(&keys, CopyKind::LastKnown).unwrap_or_default()
        };
        let mut missing = Vec::new();
        let last = last.into_iter().chain(std::iter::repeat(None));
        for (((key, device, identity), live), last) in here.iter().zip(live).zip(last) {
            let copy = if live.is_some() { CopyKind::Live } else { CopyKind::LastKnown };
            let document = live.or_else(|| usable(last?, identity));
            let is_adopted = document.is_some_and(|document| self.adopt(key, device.clone(), &document, copy, budget));
            if !is_adopted {
                missing.push(key.clone());
            }
        }
        Some(missing)
    }

    /// Adopts a stored document. False: it is over the budget or has no smartctl JSON; the drive must be read.
    fn adopt(
        &mut self,
        key: &DriveKey,
        device: DeviceName,
        (head, value): &(DocumentHeader, Bytes),
        copy: CopyKind,
        budget: &mut Budget,
    ) -> bool {
        let Some(at) = head.collected_at else { return true };
        let Some(raw) = smartctl_json(value) else { return false };
        let place = Key::Smart(device);
        let held = self.handle.memory.value(&place);
        if !self.charge(budget, value.len(), held.as_ref().map_or(0, |own| own.len())) {
            return false;
        }
        let parsed = smartctl::parse(raw.get());
        if parsed.too_much.is_some() {
            return false;
        }
        let report = parsed.report;
        self.collector.set_device_type(key, report.device_type.as_deref());
        let is_newer =
            self.collector.inventory_mut().restore_reading(key, report, head.state.unwrap_or(DriveState::Active), at);
        let held_at = held.and_then(|own| DocumentHeader::parse(&own)?.collected_at);
        if is_newer || held_at.is_none_or(|own| copy == CopyKind::Live && own <= at) {
            self.handle.memory.set(place, Bytes::clone(value));
        }
        self.publisher.mark_lists_outdated();
        true
    }
}

/// Accepts a stored document if it is of the drive that has the device name now.
fn usable((head, value): (DocumentHeader, Bytes), identity: &Identity) -> Option<(DocumentHeader, Bytes)> {
    let is_same_drive = head.identity == *identity && !identity.is_empty();
    // Dated by another clock, its age is unknown.
    let is_future = head.collected_at.is_some_and(|at| at.is_ahead_of(now()));
    (is_same_drive && !is_future).then_some((head, value))
}

/// The documents of the drives to restore that disappeared last, newest first.
fn newest<'a>(documents: &[&'a RawValue], known: &KnownDrives, most: usize) -> RestoreCandidates<&'a RawValue> {
    let now = now();
    let mut seen = HashSet::new();
    let mut candidates = BinaryHeap::new();
    let mut wanted = 0;
    for (number, document) in documents.iter().enumerate() {
        let Some(outline) = Outline::parse(document.get().as_bytes()) else { continue };
        let Some(since) =
            outline.missing_since.filter(|since| known.accepts(&outline.identity, outline.bay().as_ref(), *since))
        else {
            continue;
        };
        if !seen.insert(outline.identity) {
            continue;
        }
        wanted += 1;
        candidates.push(Reverse((since.min(now), Reverse(number))));
        if candidates.len() > most {
            candidates.pop();
        }
    }
    let left_out = wanted - candidates.len();
    let of = |Reverse((_, Reverse(number))): Reverse<(Timestamp, Reverse<usize>)>| documents.get(number).copied();
    RestoreCandidates { drives: candidates.into_sorted_vec().into_iter().filter_map(of).collect(), left_out }
}
