//! Reports of unrecognized values: values under a key of this program that were not written by it. Each key is reported
//! once, not by every request that reads it.

use super::{CopyKind, Key};
use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A key is reported again only after this time, so that a program that keeps writing to it does not fill the log.
const REPORT_INTERVAL: Duration = Duration::from_secs(3600);

/// When each key was last reported.
#[derive(Debug, Default)]
pub(super) struct UnrecognizedValues(Mutex<HashMap<(Key, CopyKind), Instant>>);

impl UnrecognizedValues {
    pub(super) fn report(&self, key: &Key, copy: CopyKind, why: &dyn Display) {
        if self.is_due(key, copy, Instant::now()) {
            let prefix = if copy == CopyKind::LastKnown { "last:" } else { "" };
            let (name, why) = (key.name(), why.to_string());
            log::warn!("unrecognized value in redis, it will be overwritten key={prefix}{name} error={why:?}");
        }
    }

    fn is_due(&self, key: &Key, copy: CopyKind, now: Instant) -> bool {
        let mut reported = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Expired reports are removed, so that keys of removed drives do not accumulate.
        reported.retain(|_, at| now.saturating_duration_since(*at) < REPORT_INTERVAL);
        let stored_key = (key.clone(), copy);
        if reported.contains_key(&stored_key) {
            return false;
        }
        reported.insert(stored_key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_reported_once_an_hour_and_each_copy_for_itself() {
        let (reports, start) = (UnrecognizedValues::default(), Instant::now());
        let is_due = |copy, after: u64| reports.is_due(&Key::Overview, copy, start + Duration::from_secs(after));
        assert!(is_due(CopyKind::Live, 0) && is_due(CopyKind::LastKnown, 0));
        assert!(!is_due(CopyKind::Live, 10) && !is_due(CopyKind::Live, 3599));
        assert!(is_due(CopyKind::Live, 3600) && !is_due(CopyKind::Live, 3601));
        assert!(reports.is_due(&Key::ZfsMap, CopyKind::Live, start));
    }
}
