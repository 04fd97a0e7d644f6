//! Reads values from Redis for the poller, within limits and a memory budget.

use super::event_loop::EventLoop;
use crate::api::SCHEMA;
use crate::api::document_header::DocumentHeader;
use crate::api::value_limits::{DOCUMENT, ValueLimits};
use crate::cache::{Bytes, CopyKind, Key, StoreError};

/// Minimum charge for a document: a short one results in a record, names and a summary, too.
const MIN_CHARGE: usize = 16 * 1024;

/// Budget in bytes for all documents in memory.
pub(super) struct Budget {
    left: usize,
    limit: usize,
}

impl EventLoop {
    /// Limits for the current size of this host.
    pub(super) fn limits(&self) -> ValueLimits {
        ValueLimits::of(self.collector.inventory().present().count(), self.collector.bays())
    }

    /// A last-known list. `None`: there is none, or a foreign one, which is reported.
    pub(super) fn last_list(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        let limits = key.limits(&self.limits());
        let value = match self.redis.get(key, CopyKind::LastKnown, limits.bytes) {
            Ok(value) => value,
            Err(StoreError::Refused(why)) => {
                self.redis.report_unrecognized(key, CopyKind::LastKnown, &why);
                None
            }
            Err(unavailable) => return Err(unavailable),
        };
        let excess = value.as_deref().and_then(|value| limits.check(value).err());
        if let Some(excess) = excess {
            self.redis.report_unrecognized(key, CopyKind::LastKnown, &excess);
            return Ok(None);
        }
        Ok(value)
    }

    /// Documents of drives, in the order of `keys`. A foreign one is reported, and `None`.
    pub(super) fn documents(
        &self,
        keys: &[Key],
        copy: CopyKind,
    ) -> Result<Vec<Option<(DocumentHeader, Bytes)>>, StoreError> {
        let values = self.redis.get_many(keys, copy, DOCUMENT.bytes)?;
        let document = |(key, value): (&Key, Option<Bytes>)| {
            let value = value?;
            if let Err(excess) = DOCUMENT.check(&value) {
                self.redis.report_unrecognized(key, copy, &excess);
                return None;
            }
            let head = DocumentHeader::parse(&value);
            if head.is_none() {
                self.redis.report_unrecognized(key, copy, &format!("it is not JSON of schema {SCHEMA}"));
            }
            Some((head?, value))
        };
        Ok(keys.iter().zip(values).map(document).collect())
    }

    /// The remaining budget of the documents in memory.
    pub(super) fn document_budget(&self) -> Budget {
        let limit = self.limits().documents_bytes;
        let of_missing: usize = self.missing.documents_bytes();
        let held = self.handle.memory.documents_bytes().saturating_add(of_missing);
        Budget { left: limit.saturating_sub(held), limit }
    }

    /// Charges a document that replaces one of `replaced` bytes. False: it exceeds the budget, and the drive is read
    /// instead.
    pub(super) fn charge(&mut self, budget: &mut Budget, bytes: usize, replaced: usize) -> bool {
        let left = budget.left.saturating_add(replaced);
        let Some(left) = left.checked_sub(bytes.max(MIN_CHARGE)) else {
            self.detector.over_budget(budget.limit);
            return false;
        };
        budget.left = left;
        true
    }
}
