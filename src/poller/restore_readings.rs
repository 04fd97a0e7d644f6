//! Restores the last readings of present drives that an earlier daemon, or another one, stored in Redis.

use super::event_loop::EventLoop;
use super::stored::Budget;
use crate::api::document_header::DocumentHeader;
use crate::api::drive_document::smartctl_json;
use crate::cache::redis::KEYS_PER_BATCH;
use crate::cache::{Bytes, CopyKind, Key};
use crate::clock::now;
use crate::domain::drive::{Drive, DriveKey, DriveState};
use crate::domain::identity::{DeviceName, Identity};
use crate::probe::smartctl;

/// A present drive whose reading is to be restored.
struct PresentDrive {
    key: DriveKey,
    device: DeviceName,
    identity: Identity,
}

impl EventLoop {
    /// Restores the readings of present drives from Redis: after a restart, or as a follower. Returns the drives without a
    /// stored reading.
    pub(super) fn restore_readings(&mut self) -> Vec<DriveKey> {
        let mut present: Vec<PresentDrive> = Vec::new();
        for record in self.collector.inventory().present() {
            let Drive { key, device, identity, .. } = &*record.drive;
            present.push(PresentDrive { key: key.clone(), device: device.clone(), identity: identity.clone() });
        }
        let (mut unread, mut budget) = (Vec::new(), self.document_budget());
        // In chunks: the documents of all drives at once may exceed their budget.
        for chunk in present.chunks(KEYS_PER_BATCH) {
            let Some(more) = self.restore_chunk(chunk, &mut budget) else { return Vec::new() };
            unread.extend(more);
        }
        unread
    }

    /// Returns the drives without a stored reading; `None` if Redis does not answer.
    fn restore_chunk(&mut self, chunk: &[PresentDrive], budget: &mut Budget) -> Option<Vec<DriveKey>> {
        let keys: Vec<Key> = chunk.iter().map(|drive| Key::Smart(drive.device.clone())).collect();
        let mut live = self.documents(&keys, CopyKind::Live).ok()?;
        for (drive, document) in chunk.iter().zip(&mut live) {
            document.take_if(|(header, _)| !is_usable(header, &drive.identity));
        }
        let mut last_known = Vec::new();
        if live.iter().any(Option::is_none) {
            last_known = self.documents(&keys, CopyKind::LastKnown).unwrap_or_default();
        }
        last_known.resize(live.len(), None);
        let mut unread = Vec::new();
        for ((drive, live), last_known) in chunk.iter().zip(live).zip(last_known) {
            let is_restored = match (live, last_known) {
                (Some(document), _) => self.adopt(drive, &document, CopyKind::Live, budget),
                (None, Some(document)) if is_usable(&document.0, &drive.identity) => {
                    self.adopt(drive, &document, CopyKind::LastKnown, budget)
                }
                _ => false,
            };
            if !is_restored {
                unread.push(drive.key.clone());
            }
        }
        Some(unread)
    }

    /// Adopts a stored document. Returns false if it exceeds the budget or has no smartctl JSON: the drive must be read.
    fn adopt(
        &mut self,
        drive: &PresentDrive,
        (header, value): &(DocumentHeader, Bytes),
        copy: CopyKind,
        budget: &mut Budget,
    ) -> bool {
        let Some(at) = header.collected_at else { return true };
        let Some(raw) = smartctl_json(value) else { return false };
        let cache_key = Key::Smart(drive.device.clone());
        let in_memory = self.handle.memory.value(&cache_key);
        if !self.charge(budget, value.len(), in_memory.as_ref().map_or(0, |own| own.len())) {
            return false;
        }
        let parsed = smartctl::parse(raw.get());
        if parsed.too_much.is_some() {
            return false;
        }
        let report = parsed.report;
        let state = header.state.unwrap_or(DriveState::Active);
        self.collector.set_device_type(&drive.key, report.device_type.as_deref());
        let is_newer = self.collector.inventory_mut().restore_reading(&drive.key, report, state, at);
        let replaces_memory = match in_memory.and_then(|own| DocumentHeader::parse(&own)?.collected_at) {
            Some(own) => copy == CopyKind::Live && own <= at,
            None => true,
        };
        if is_newer || replaces_memory {
            self.handle.memory.set(cache_key, Bytes::clone(value));
        }
        self.publisher.mark_lists_outdated();
        true
    }
}

/// A stored document is of the drive that has the device name now. One that is dated by another clock is not usable: its
/// age is unknown.
fn is_usable(header: &DocumentHeader, identity: &Identity) -> bool {
    let is_same_drive = header.identity == *identity && !identity.is_empty();
    match header.collected_at {
        Some(at) => is_same_drive && !at.is_ahead_of(now()),
        None => is_same_drive,
    }
}
