//! How the service does, for `/api/health` and the probes: what the poller knows of itself, and what
//! is seen of Redis and of the poller from here.

use super::Reader;
use crate::api::metrics_snapshot::MetricsSnapshot;
use crate::api::service::{Component, Degradation, Service};
use crate::clock::now;
use crate::domain::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// A poller that has not gone round for so long hangs.
pub const POLLER_PATIENCE: Duration = Duration::from_secs(30);

/// How the service does at the moment.
#[derive(Debug)]
pub struct Condition {
    pub service: Service,
    /// The first sweep is whole.
    pub ready: bool,
    pub at: Timestamp,
    /// Redis answers.
    pub redis_reads: bool,
    /// Redis takes values, as far as is known.
    pub redis_writes: bool,
    /// How long ago the poller last went round.
    pub silent: Duration,
}

impl Reader {
    /// Asks nobody and waits for nobody.
    pub fn condition(&self) -> Condition {
        let (snapshot, at) = (self.poller.snapshot(), now());
        let mut service = snapshot.service.clone();
        let redis = self.redis.health();
        let (redis_reads, redis_writes) = (redis.reads.is_none(), redis.writes.is_none());
        let mut seen = Vec::new();
        match (redis.reads, redis.writes) {
            (Some(ill), _) => seen.push(Degradation::of(Component::Redis, ill.since(), ill.why)),
            (None, Some(ill)) => seen.push(Degradation::of(Component::RedisWrites, ill.since(), ill.why)),
            (None, None) => {}
        }
        let silent = self.poller.silent_for();
        if silent > POLLER_PATIENCE {
            let since = at.shifted(-i64::try_from(silent.as_secs()).unwrap_or(0));
            seen.push(Degradation::of(Component::Poller, since, "it does not go round"));
        }
        service.troubles.splice(..0, seen);
        Condition { service, ready: snapshot.ready, at, redis_reads, redis_writes, silent }
    }

    /// What the poller has measured; `None` where another daemon polls.
    pub fn measured(&self) -> Option<Arc<MetricsSnapshot>> {
        self.poller.snapshot().measured.clone()
    }

    /// The poller goes round.
    pub fn is_polling_alive(&self) -> bool {
        self.poller.silent_for() <= POLLER_PATIENCE
    }
}
