//! How Redis does, in words for people: for metrics, the readiness probe and the page.

use crate::clock::Moment;
use crate::domain::time::Timestamp;

/// `None`: well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedisHealth {
    pub reads: Option<Ill>,
    /// Also ill while reads are.
    pub writes: Option<Ill>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ill {
    pub began: Moment,
    /// Redis's or the system's own words, without a password.
    pub why: String,
}

impl Ill {
    /// Also right when the clock was set meanwhile.
    pub fn since(&self) -> Timestamp {
        self.began.date()
    }

    pub(super) fn new(why: impl Into<String>) -> Self {
        Self { began: Moment::now(), why: why.into() }
    }
}
