//! Why a stored value is not served.

use crate::api::SCHEMA;
use crate::api::json_limits::Excess;
use thiserror::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rejected {
    /// The value was not written by this program.
    Unrecognized(Unrecognized),
    /// The value is about another drive or another topology.
    Mismatch,
    /// The parse lock was not free in time.
    Busy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Unrecognized {
    #[error("it is not JSON of schema {SCHEMA}")]
    Schema,
    #[error("{0}")]
    Size(#[from] Excess),
    #[error("the view of it has {found} bytes, at most {most} are served")]
    View { found: usize, most: usize },
}

impl<T: Into<Unrecognized>> From<T> for Rejected {
    fn from(unrecognized: T) -> Self {
        Self::Unrecognized(unrecognized.into())
    }
}
