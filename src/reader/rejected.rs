//! Why a stored value is not shown.

use crate::api::SCHEMA;
use crate::api::json_limits::Excess;
use thiserror::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rejected {
    /// This program did not write the value.
    Unrecognized(Unrecognized),
    /// The value is of another drive or of another topology.
    Mismatch,
    /// The lock to parse it was not free in time.
    Busy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Unrecognized {
    #[error("it is no JSON of schema {SCHEMA}")]
    Schema,
    #[error("{0}")]
    Size(#[from] Excess),
    #[error("the view of it has {found} bytes, at most {most} are shown")]
    View { found: usize, most: usize },
}

impl<T: Into<Unrecognized>> From<T> for Rejected {
    fn from(unrecognized: T) -> Self {
        Self::Unrecognized(unrecognized.into())
    }
}
