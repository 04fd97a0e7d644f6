//! Why a stored value is not shown.

use crate::model::SCHEMA;
use crate::model::json_size::Excess;
use thiserror::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Not a value of ours.
    Foreign(Foreign),
    /// Ours, but of another drive, or of the rack as it no longer is.
    Elsewhere,
    /// Others have kept the permit for so long that it was not looked into.
    Busy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Foreign {
    #[error("it is no JSON of schema {SCHEMA}")]
    Schema,
    #[error("{0}")]
    Size(#[from] Excess),
    #[error("what is shown of it has {found} bytes, at most {most} are")]
    View { found: usize, most: usize },
}

impl<T: Into<Foreign>> From<T> for Unfit {
    fn from(foreign: T) -> Self {
        Self::Foreign(foreign.into())
    }
}
