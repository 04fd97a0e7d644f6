//! Helpers for the rules file: the error for an invalid TOML value, and access to tables.

use toml::{Table, Value};

/// An invalid value in the file: its key path with the value, and what was wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InvalidValue {
    pub(super) found: String,
    pub(super) wanted: String,
}

pub(super) fn invalid_value(found: String, wanted: &str) -> InvalidValue {
    InvalidValue { found, wanted: wanted.to_owned() }
}

pub(super) fn as_table<'a>(place: &str, value: &'a Value) -> Result<&'a Table, InvalidValue> {
    value.as_table().ok_or_else(|| invalid_value(format!("{place} = {value}"), "a table"))
}
