//! The values in the memory of the process, served while Redis is unavailable.
//!
//! Nothing expires here: the reader checks the time in the value itself, whichever store it is from.

use super::{Body, Bytes, Key};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

#[derive(Debug, Default)]
pub(crate) struct MemoryStore {
    values: RwLock<HashMap<Key, Arc<Body>>>,
}

impl MemoryStore {
    pub(crate) fn value(&self, key: &Key) -> Option<Bytes> {
        self.body(key).map(|body| Bytes::clone(body.plain()))
    }

    pub(crate) fn body(&self, key: &Key) -> Option<Arc<Body>> {
        self.values.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    pub(crate) fn set(&self, key: Key, value: Bytes) {
        self.values.write().unwrap_or_else(PoisonError::into_inner).insert(key, Body::new(value));
    }

    /// The size of all documents of drives, in bytes.
    pub(crate) fn documents_bytes(&self) -> usize {
        let values = self.values.read().unwrap_or_else(PoisonError::into_inner);
        let documents = values.iter().filter(|(key, _)| matches!(key, Key::Smart(_)));
        documents.map(|(_, body)| body.plain().len()).sum()
    }

    /// Removes the values for which `keep` returns false.
    pub(crate) fn retain(&self, keep: impl Fn(&Key) -> bool) {
        self.values.write().unwrap_or_else(PoisonError::into_inner).retain(|key, _| keep(key));
    }
}
