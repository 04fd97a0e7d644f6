//! Since when each component of the daemon is degraded.

use crate::api::service::{Component, Degradation};
use crate::domain::time::Timestamp;
use std::collections::HashMap;

/// When each current degradation began, by component and by the id of its enclosure or drive.
#[derive(Default)]
pub(super) struct DegradedParts {
    since: HashMap<(Component, Option<String>), Timestamp>,
}

impl DegradedParts {
    /// Sets the start of each degradation in `found`. Those that are not in it have ended.
    pub(super) fn date(&mut self, mut found: Vec<Degradation>) -> Vec<Degradation> {
        let before = std::mem::take(&mut self.since);
        for degradation in &mut found {
            let key = (degradation.part, degradation.id.clone());
            degradation.since = before.get(&key).copied().unwrap_or(degradation.since);
            self.since.insert(key, degradation.since);
        }
        found
    }

    /// Converts all times to the new clock after a step.
    pub(super) fn shift(&mut self, by_seconds: i64) {
        for since in self.since.values_mut() {
            *since = since.shifted(by_seconds);
        }
    }
}
