//! The error for an invalid setting.

use thiserror::Error;

/// An invalid setting: its name, the value found, and what was wanted.
#[derive(Debug, Error)]
#[error("{setting}: found {found}, wanted {wanted}")]
pub struct ConfigError {
    pub setting: String,
    pub(crate) found: String,
    pub(crate) wanted: String,
}

impl ConfigError {
    /// `found` is shown quoted, with control characters escaped.
    pub(crate) fn new(setting: &str, found: &str, wanted: &str) -> Self {
        Self { setting: setting.to_owned(), found: format!("{found:?}"), wanted: wanted.to_owned() }
    }
}
