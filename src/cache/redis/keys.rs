//! Keys other than those of stored values.

/// The poll lease.
pub(super) fn lease_key(prefix: &str) -> String {
    format!("{prefix}:lock:poll")
}

/// Written, for a second, to probe whether Redis accepts writes.
pub(super) fn write_probe_key(prefix: &str) -> String {
    format!("{prefix}:lock:trial")
}
