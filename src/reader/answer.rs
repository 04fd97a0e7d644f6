//! An answer of the read path, or why there is none.

use super::response_body::ResponseBody;
use crate::poller::ValueSource;
use std::sync::Arc;
use thiserror::Error;

/// The value of `Retry-After`, in seconds.
pub(crate) const RETRY_AFTER_SECONDS: u64 = 5;

/// The value of `X-Cache`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum XCache {
    Hit,
    Stale,
    Miss,
}

impl XCache {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "HIT",
            Self::Stale => "STALE",
            Self::Miss => "MISS",
        }
    }
}

/// A body with its source.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) body: Arc<ResponseBody>,
    pub(crate) cache: XCache,
    pub(crate) source: ValueSource,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum ReadError {
    #[error("no drive on this host matches this name; /api/drives lists all drives")]
    NoSuchDrive,
    #[error("no enclosure on this host matches this id; /api/enclosures lists all enclosures")]
    NoSuchEnclosure,
    #[error("no data is available yet")]
    NothingYet,
}
