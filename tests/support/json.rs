//! Access to the JSON that the daemon returns.

use super::daemon::Daemon;
use serde_json::Value;

/// All drives of an overview, in a bay or not.
pub fn drives(overview: &Value) -> impl Iterator<Item = &Value> {
    let slots = list(overview, "enclosures").flat_map(|enclosure| list(enclosure, "slots"));
    slots.map(|slot| &slot["drive"]).filter(|drive| !drive.is_null()).chain(list(overview, "unslotted"))
}

/// The drive with this serial number; null if the overview does not have it.
pub fn drive<'a>(overview: &'a Value, serial: &str) -> &'a Value {
    drives(overview).find(|drive| drive["serial_number"] == serial).unwrap_or(&Value::Null)
}

impl Daemon {
    /// Waits until this number of further sweeps are complete, and returns the overview after the last one.
    #[track_caller]
    pub fn after_sweeps(&self, count: usize) -> Value {
        // A stale response may show an earlier sweep again.
        let mut seen = vec![Value::Null];
        let mut overview = self.json("/api/overview");
        for _ in 0..count {
            seen.push(overview["sweep"]["started_at"].clone());
            overview = self.overview_when("a further sweep is complete", |overview| {
                !seen.contains(&overview["sweep"]["started_at"])
            });
        }
        overview
    }
}

/// The string; `null` for any other value.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("null")
}

/// The elements of an array field; none if it is not an array.
pub fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value[field].as_array().into_iter().flatten()
}

/// All leaves of `/api/zfs`.
pub fn pool_members(zfs: &Value) -> impl Iterator<Item = &Value> {
    list(zfs, "pools").flat_map(|pool| list(pool, "vdevs")).flat_map(|vdev| list(vdev, "members"))
}
