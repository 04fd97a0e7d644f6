//! Documents of missing drives, and the state of their list in Redis.

use crate::cache::Bytes;
use crate::domain::drive::DriveKey;
use crate::domain::identity::Identity;
use crate::domain::inventory::{DriveRecord, Inventory};
use crate::domain::time::Timestamp;
use std::collections::hash_map::Drain;
use std::collections::{HashMap, VecDeque};

/// As many as can be missing on most hosts.
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
    /// Drives that somebody had forgotten, with the time: Redis may have them still, when it was unavailable then.
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

    /// Removes the documents of drives that are back or have been removed. True: there were some.
    pub(super) fn retain_missing(&mut self, inventory: &Inventory) -> bool {
        let before = self.documents.len();
        self.documents.retain(|key, _| inventory.get(key).is_some_and(|record| !DriveRecord::is_present(record)));
        self.documents.len() != before
    }

    pub(super) fn is_restored(&self) -> bool {
        self.restore == Restore::Done
    }

    pub(super) fn record_forgotten<'a>(&mut self, identities: impl Iterator<Item = &'a Identity>, at: Timestamp) {
        self.forgotten
            .extend(identities.filter(|identity| !identity.is_empty()).map(|identity| (identity.clone(), at)));
        let excess = self.forgotten.len().saturating_sub(MAX_FORGOTTEN);
        self.forgotten.drain(..excess);
    }

    /// It has been forgotten since it went.
    pub(super) fn was_forgotten(&self, identity: &Identity, missing_since: Timestamp) -> bool {
        self.forgotten.iter().any(|(forgotten, at)| forgotten == identity && missing_since <= *at)
    }

    pub(super) fn documents_bytes(&self) -> usize {
        self.documents.values().map(|document| document.len()).sum()
    }
}
