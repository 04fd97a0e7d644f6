//! The values in the process: what is served when Redis is away, at no cost and without delay.
//!
//! Nothing expires here: the reader looks at a value's own time, whatever place it is from.

use super::{Bytes, Copy, Entry, Key, Store, StoreError};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

#[derive(Debug, Default)]
pub struct MemoryStore {
    values: RwLock<HashMap<Key, Bytes>>,
}

impl MemoryStore {
    /// The value, which is its own last-known copy.
    pub fn value(&self, key: &Key) -> Option<Bytes> {
        self.values.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    pub fn set(&self, key: Key, value: Bytes) {
        self.values.write().unwrap_or_else(PoisonError::into_inner).insert(key, value);
    }

    /// Forgets what does not stand for anything any more.
    pub fn retain(&self, keep: impl Fn(&Key) -> bool) {
        self.values.write().unwrap_or_else(PoisonError::into_inner).retain(|key, _| keep(key));
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &Key, _: Copy) -> Result<Option<Bytes>, StoreError> {
        Ok(self.value(key))
    }

    fn get_many(&self, keys: &[Key], _: Copy) -> Result<Vec<Option<Bytes>>, StoreError> {
        let values = self.values.read().unwrap_or_else(PoisonError::into_inner);
        Ok(keys.iter().map(|key| values.get(key).cloned()).collect())
    }

    fn put(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let mut values = self.values.write().unwrap_or_else(PoisonError::into_inner);
        values.extend(entries.iter().map(|e| (e.key.clone(), Bytes::clone(&e.value))));
        Ok(())
    }
}
