//! The values in the process: what is served when Redis is away, at no cost and without delay.
//!
//! Nothing expires here: the reader looks at a value's own time, whatever place it is from.

use super::{Body, Bytes, Key};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

#[derive(Debug, Default)]
pub struct MemoryStore {
    values: RwLock<HashMap<Key, Arc<Body>>>,
}

impl MemoryStore {
    pub fn value(&self, key: &Key) -> Option<Bytes> {
        self.body(key).map(|body| Bytes::clone(body.plain()))
    }

    pub fn body(&self, key: &Key) -> Option<Arc<Body>> {
        self.values.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    pub fn set(&self, key: Key, value: Bytes) {
        self.values.write().unwrap_or_else(PoisonError::into_inner).insert(key, Body::new(value));
    }

    /// What the documents of drives have together.
    pub fn documents_bytes(&self) -> usize {
        let values = self.values.read().unwrap_or_else(PoisonError::into_inner);
        let documents = values.iter().filter(|(key, _)| matches!(key, Key::Smart(_)));
        documents.map(|(_, body)| body.plain().len()).sum()
    }

    /// Forgets what does not stand for anything any more.
    pub fn retain(&self, keep: impl Fn(&Key) -> bool) {
        self.values.write().unwrap_or_else(PoisonError::into_inner).retain(|key, _| keep(key));
    }
}
