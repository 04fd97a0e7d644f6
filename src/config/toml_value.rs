//! What the parts of the rules file share: the error of a TOML value that cannot be used, and tables.

use toml::{Table, Value};

/// What in the file cannot be used, and what was wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Odd {
    pub(super) found: String,
    pub(super) wanted: String,
}

pub(super) fn odd(found: String, wanted: &str) -> Odd {
    Odd { found, wanted: wanted.to_owned() }
}

pub(super) fn as_table<'a>(place: &str, value: &'a Value) -> Result<&'a Table, Odd> {
    value.as_table().ok_or_else(|| odd(format!("{place} = {value}"), "a table"))
}
