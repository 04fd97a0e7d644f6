//! Why a stored value is not shown.

use crate::api::SCHEMA;
use crate::api::json_limits::Excess;
use thiserror::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Not a value of ours.
    Foreign(Foreign),
    /// Ours, but of another drive or of another topology.
    Elsewhere,
    /// The permit to parse it was not free in time.
    Busy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Foreign {
    #[error("it is no JSON of schema {SCHEMA}")]
    Schema,
    #[error("{0}")]
    Size(#[from] Excess),
    #[error("the view of it has {found} bytes, at most {most} are shown")]
    View { found: usize, most: usize },
}

impl<T: Into<Foreign>> From<T> for Unfit {
    fn from(foreign: T) -> Self {
        Self::Foreign(foreign.into())
    }
}
