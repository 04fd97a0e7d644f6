//! The health of Redis as the circuit breakers see it, for metrics, the readiness probe and the page.

use crate::clock::Moment;
use crate::domain::time::Timestamp;

/// `None`: available.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RedisHealth {
    pub(crate) reads: Option<Outage>,
    /// An outage of reads is one of writes, too.
    pub(crate) writes: Option<Outage>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outage {
    pub(crate) began: Moment,
    /// A message from Redis or from the system, without a password.
    pub(crate) why: String,
}

impl Outage {
    /// Correct also if the clock was set meanwhile.
    pub(crate) fn since(&self) -> Timestamp {
        self.began.date()
    }

    pub(super) fn new(why: impl Into<String>) -> Self {
        Self { began: Moment::now(), why: why.into() }
    }
}
