//! How Redis does, in words for people: for metrics, the readiness probe and the page.

use crate::model::Timestamp;

/// `None`: well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedisHealth {
    pub reads: Option<Ill>,
    /// Also ill while reads are.
    pub writes: Option<Ill>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ill {
    pub since: Timestamp,
    /// Redis's or the system's own words, without a password.
    pub why: String,
}

impl Ill {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self { since: now(), why: why.into() }
    }
}

pub(super) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_second())
}
