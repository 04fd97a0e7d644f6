//! Documents of missing drives, and the state of their list in Redis.

use crate::cache::Bytes;
use crate::domain::drive::DriveKey;
use crate::domain::identity::Identity;
use crate::domain::inventory::Inventory;
use crate::domain::time::Timestamp;
use std::collections::hash_map::Drain;
use std::collections::{HashMap, VecDeque};

/// Maximum number of forgotten drives that are remembered: the limit of missing drives on most hosts
/// (`domain/inventory/missing.rs`).
const MAX_FORGOTTEN: usize = 2_000;

/// Whether missing drives have been restored from Redis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Restore {
    #[default]
    Due,
    Done,
}

/// Whether Redis had a list of missing drives when it was restored, or this daemon has stored one since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum StoredList {
    #[default]
    Absent,
    Present,
}

#[derive(Default)]
pub(super) struct MissingDrives {
    documents: HashMap<DriveKey, Bytes>,
    /// Drives that were forgotten on request, with the time. Redis may still have them if it was unavailable then.
    forgotten: VecDeque<(Identity, Timestamp)>,
    pub(super) restore: Restore,
    pub(super) stored_list: StoredList,
}

impl MissingDrives {
    pub(super) fn documents(&self) -> &HashMap<DriveKey, Bytes> {
        &self.documents
    }

    pub(super) fn insert(&mut self, key: DriveKey, document: Bytes) {
        self.documents.insert(key, document);
    }

    pub(super) fn drain(&mut self) -> Drain<'_, DriveKey, Bytes> {
        self.documents.drain()
    }

    /// Removes the documents of drives that are present again or are no longer in the inventory. Returns true if there were
    /// any.
    pub(super) fn retain_missing(&mut self, inventory: &Inventory) -> bool {
        let before = self.documents.len();
        self.documents.retain(|key, _| match inventory.get(key) {
            Some(record) => !record.is_present(),
            None => false,
        });
        self.documents.len() != before
    }

    pub(super) fn is_restored(&self) -> bool {
        self.restore == Restore::Done
    }

    pub(super) fn record_forgotten(&mut self, identity: &Identity, at: Timestamp) {
        if identity.is_empty() {
            return;
        }
        if self.forgotten.len() >= MAX_FORGOTTEN {
            self.forgotten.pop_front();
        }
        self.forgotten.push_back((identity.clone(), at));
    }

    /// The drive was forgotten at `missing_since` or later.
    pub(super) fn was_forgotten(&self, identity: &Identity, missing_since: Timestamp) -> bool {
        self.forgotten.iter().any(|(forgotten, at)| forgotten == identity && missing_since <= *at)
    }

    pub(super) fn documents_bytes(&self) -> usize {
        self.documents.values().map(|document| document.len()).sum()
    }
}
