//! Which parts of the service are degraded, and since when.

use crate::api::service::{Component, Degradation};
use crate::domain::time::Timestamp;
use std::collections::HashMap;

/// When each current degradation was first seen.
#[derive(Default)]
pub(super) struct DegradedParts {
    since: HashMap<(Component, Option<String>), Timestamp>,
}

impl DegradedParts {
    /// Sets the start of each degradation in `found`; the others have ended.
    pub(super) fn date(&mut self, mut found: Vec<Degradation>) -> Vec<Degradation> {
        let before = std::mem::take(&mut self.since);
        for trouble in &mut found {
            let which = (trouble.part, trouble.id.clone());
            trouble.since = before.get(&which).copied().unwrap_or(trouble.since);
            self.since.insert(which, trouble.since);
        }
        found
    }

    /// The clock was set.
    pub(super) fn shift(&mut self, by_seconds: i64) {
        for since in self.since.values_mut() {
            *since = since.shifted(by_seconds);
        }
    }
}
