//! Reads values from Redis for the poller, within limits and a memory budget.

use super::event_loop::EventLoop;
use crate::api::SCHEMA;
use crate::api::document_header::DocumentHeader;
use crate::api::value_limits::{DOCUMENT, ValueLimits};
use crate::cache::{Bytes, CopyKind, Key, StoreError};

/// Minimum charge for a document: even a short one needs a record, names and a summary in memory.
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

    /// A last-known list. `None`: Redis has none, or an unrecognized value, which is reported.
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
        if let Some(value) = &value
            && let Err(excess) = limits.check(value)
        {
            self.redis.report_unrecognized(key, CopyKind::LastKnown, &excess);
            return Ok(None);
        }
        Ok(value)
    }

    /// Documents of drives, in the order of `keys`. An unrecognized one is reported, and `None`.
    pub(super) fn documents(
        &self,
        keys: &[Key],
        copy: CopyKind,
    ) -> Result<Vec<Option<(DocumentHeader, Bytes)>>, StoreError> {
        let values = self.redis.get_many(keys, copy, DOCUMENT.bytes)?;
        let mut documents = Vec::with_capacity(keys.len());
        for (key, value) in keys.iter().zip(values) {
            documents.push(self.recognize(key, copy, value));
        }
        Ok(documents)
    }

    /// Splits the header from a stored document. An unrecognized one is reported, and `None`.
    fn recognize(&self, key: &Key, copy: CopyKind, value: Option<Bytes>) -> Option<(DocumentHeader, Bytes)> {
        let value = value?;
        if let Err(excess) = DOCUMENT.check(&value) {
            self.redis.report_unrecognized(key, copy, &excess);
            return None;
        }
        let Some(header) = DocumentHeader::parse(&value) else {
            self.redis.report_unrecognized(key, copy, &format!("it is not JSON of schema {SCHEMA}"));
            return None;
        };
        Some((header, value))
    }

    /// The remaining budget of the documents in memory.
    pub(super) fn document_budget(&self) -> Budget {
        let limit = self.limits().documents_bytes;
        let in_memory = self.handle.memory.documents_bytes().saturating_add(self.missing.documents_bytes());
        Budget { left: limit.saturating_sub(in_memory), limit }
    }

    /// Charges a document that replaces one of `replaced` bytes. Returns false if it exceeds the budget: then the drive is
    /// read instead.
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
