//! The status of the service, for `/api/health`, the health endpoints and the metrics: the status that the poller
//! publishes, and the condition of Redis and of the poller as this process sees them.

use crate::api::service::{Component, Degradation, Service};
use crate::cache::redis::RedisStore;
use crate::clock::now;
use crate::domain::time::Timestamp;
use crate::poller::Poller;
use std::time::Duration;

/// A poller whose event loop has not run for this long is considered to hang.
pub(super) const POLLER_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct ServiceStatus {
    pub(crate) service: Service,
    /// Whether the first sweep is complete.
    pub(crate) ready: bool,
    pub(crate) at: Timestamp,
    /// Whether Redis is available.
    pub(crate) redis_reads: bool,
    /// Whether Redis accepts writes, as far as is known.
    pub(crate) redis_writes: bool,
    /// Time since the event loop of the poller last ran.
    pub(crate) poller_idle: Duration,
}

impl ServiceStatus {
    /// Collects the status without asking Redis or waiting.
    pub(super) fn read(redis: &RedisStore, poller: &Poller) -> Self {
        let (snapshot, at) = (poller.snapshot(), now());
        let mut service = snapshot.service.clone();
        let redis = redis.health();
        let (redis_reads, redis_writes) = (redis.reads.is_none(), redis.writes.is_none());
        let mut degradations = Vec::new();
        match (redis.reads, redis.writes) {
            (Some(outage), _) => degradations.push(Degradation::of(Component::Redis, outage.since(), outage.why)),
            (None, Some(outage)) => {
                degradations.push(Degradation::of(Component::RedisWrites, outage.since(), outage.why));
            }
            (None, None) => {}
        }
        let poller_idle = poller.silent_for();
        if poller_idle > POLLER_TIMEOUT {
            let since = at.shifted(-i64::try_from(poller_idle.as_secs()).unwrap_or(0));
            degradations.push(Degradation::of(Component::Poller, since, "the event loop does not run"));
        }
        service.troubles.splice(..0, degradations);
        Self { service, ready: snapshot.ready, at, redis_reads, redis_writes, poller_idle }
    }
}
