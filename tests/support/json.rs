//! Finding one's way in the answers of the daemon.

use super::daemon::Daemon;
use serde_json::Value;
use std::collections::BTreeSet;

/// Every drive of an overview, in a bay or not.
pub fn drives(overview: &Value) -> impl Iterator<Item = &Value> {
    let list = |value: &'static str| overview[value].as_array().into_iter().flatten();
    let slots = list("enclosures").flat_map(|e| e["slots"].as_array().into_iter().flatten());
    slots.map(|slot| &slot["drive"]).filter(|drive| !drive.is_null()).chain(list("unslotted"))
}

/// The drive with that serial number; null when it is not shown.
pub fn drive<'a>(overview: &'a Value, serial: &str) -> &'a Value {
    drives(overview).find(|drive| drive["serial_number"] == serial).unwrap_or(&Value::Null)
}

impl Daemon {
    /// Waits until so many further sweeps are whole, and returns the overview after the last.
    #[track_caller]
    pub fn after_sweeps(&self, count: usize) -> Value {
        let started = |overview: &Value| overview["sweep"]["started_at"].as_str().map(str::to_owned);
        let mut seen: BTreeSet<String> = started(&self.json("/api/overview")).into_iter().collect();
        let mut overview = Value::Null;
        for _ in 0..count {
            overview =
                self.overview_when("a further sweep is whole", |o| started(o).is_some_and(|s| !seen.contains(&s)));
            seen.extend(started(&overview));
        }
        overview
    }
}

/// A string, or `null` for anything else.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("null")
}

/// The values of an array; none if it is no array.
pub fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value[field].as_array().into_iter().flatten()
}

/// All leaves of `/api/zfs`.
pub fn pool_members(zfs: &Value) -> impl Iterator<Item = &Value> {
    list(zfs, "pools").flat_map(|pool| list(pool, "vdevs")).flat_map(|vdev| list(vdev, "members"))
}
