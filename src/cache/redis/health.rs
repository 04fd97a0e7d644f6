//! The condition of Redis as the circuit breakers see it, for metrics, health endpoints and the page.

use crate::clock::Moment;
use crate::domain::time::Timestamp;

/// Outages of Redis; `None` if there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RedisHealth {
    pub(crate) reads: Option<Outage>,
    /// An outage of reads is an outage of writes, too.
    pub(crate) writes: Option<Outage>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outage {
    pub(crate) began: Moment,
    /// A message from Redis or from the system, without a password.
    pub(crate) why: String,
}

impl Outage {
    /// Start of the outage, correct even if the clock was set since.
    pub(crate) fn since(&self) -> Timestamp {
        self.began.date()
    }

    pub(super) fn new(why: impl Into<String>) -> Self {
        Self { began: Moment::now(), why: why.into() }
    }
}
