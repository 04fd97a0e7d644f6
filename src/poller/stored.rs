//! What is read out of Redis to be taken over: fetched and parsed within limits, and no more of it than there is room
//! for.

use super::Thread;
use crate::cache::{Bytes, Copy, Key, StoreError};
use crate::model::SCHEMA;
use crate::model::doc::Head;
use crate::model::value_limits::{DOCUMENT, ValueLimits};

/// A document counts as so much at least: it becomes a record, names and a summary, however short it is.
const LEAST_BYTES: usize = 16 * 1024;

/// What documents in memory may still have together.
pub(super) struct Room {
    left: usize,
    most: usize,
}

impl Thread {
    /// Of this host as it is now.
    pub(super) fn limits(&self) -> ValueLimits {
        ValueLimits::of(self.rack.fleet.present().count(), self.rack.bays())
    }

    /// A last-known list. `None`: there is none, or none of ours, which is reported.
    pub(super) fn last_list(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        let limits = key.limits(&self.limits());
        let value = match self.redis.get(key, Copy::Last, limits.bytes) {
            Ok(value) => value,
            Err(StoreError::Refused(why)) => {
                self.redis.report_foreign(key, Copy::Last, &why);
                None
            }
            Err(unavailable) => return Err(unavailable),
        };
        let excess = value.as_deref().and_then(|value| limits.check(value).err());
        if let Some(excess) = excess {
            self.redis.report_foreign(key, Copy::Last, &excess);
            return Ok(None);
        }
        Ok(value)
    }

    /// The documents of so many drives, in the order asked. What is none of ours is reported, and not there.
    pub(super) fn documents(&self, keys: &[Key], copy: Copy) -> Result<Vec<Option<(Head, Bytes)>>, StoreError> {
        let values = self.redis.get_many(keys, copy, DOCUMENT.bytes)?;
        let document = |(key, value): (&Key, Option<Bytes>)| {
            let value = value?;
            if let Err(excess) = DOCUMENT.check(&value) {
                self.redis.report_foreign(key, copy, &excess);
                return None;
            }
            let head = Head::parse(&value);
            if head.is_none() {
                self.redis.report_foreign(key, copy, &format!("it is no JSON of schema {SCHEMA}"));
            }
            Some((head?, value))
        };
        Ok(keys.iter().zip(values).map(document).collect())
    }

    /// What there is beside the documents in memory.
    pub(super) fn room(&self) -> Room {
        let most = self.limits().documents_bytes;
        let of_missing: usize = self.left.values().map(|document| document.len()).sum();
        let held = self.handle.memory.documents_bytes().saturating_add(of_missing);
        Room { left: most.saturating_sub(held), most }
    }

    /// Whether there is room for a document of so many bytes, in place of one of `before`. Where there is none, the drive is
    /// read as if nothing were stored of it.
    pub(super) fn has_room(&mut self, room: &mut Room, bytes: usize, before: usize) -> bool {
        let left = room.left.saturating_add(before);
        let Some(left) = left.checked_sub(bytes.max(LEAST_BYTES)) else {
            self.journal.no_room(room.most);
            return false;
        };
        room.left = left;
        true
    }
}
