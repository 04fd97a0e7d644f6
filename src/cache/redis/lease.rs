//! The poll lease: of several daemons on one Redis, one polls.
//!
//! Acquired with `SET NX PX`, renewed and released only by its owner (compared in one step, in Redis). The lease of a daemon
//! that dies expires. While Redis rejects writes there is no lease: the readings of one daemon cannot reach the others, so
//! each polls for itself, as without Redis.

use super::circuit_breaker::AccessMode;
use super::keys::lease_key;
use super::store::RedisStore;
use crate::cache::StoreError;
use redis::{Cmd, Value};
use std::time::Duration;

const RENEW_SCRIPT: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0";
const RELEASE_SCRIPT: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/// The holder of the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lease {
    Ours,
    /// Another daemon's, for at least this long.
    Theirs(Duration),
}

/// No daemon acquires a lease for longer than a quarter of this.
const MAX_REMAINING: Duration = Duration::from_secs(60);

impl RedisStore {
    /// Acquires the lease, or renews it if this daemon holds it.
    pub(crate) fn hold_lease(&self, owner: &str, life: Duration) -> Result<Lease, StoreError> {
        let ms = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
        let key = lease_key(&self.prefix);
        let renewed: i64 =
            self.ask(AccessMode::Write, Cmd::new().arg("EVAL").arg(RENEW_SCRIPT).arg(1).arg(&key).arg(owner).arg(ms))?;
        if renewed == 1 {
            return Ok(Lease::Ours);
        }
        let acquired: Value =
            self.ask(AccessMode::Write, Cmd::new().arg("SET").arg(&key).arg(owner).arg("NX").arg("PX").arg(ms))?;
        if acquired == Value::Okay {
            return Ok(Lease::Ours);
        }
        let left: i64 = self.ask(AccessMode::Read, Cmd::new().arg("PTTL").arg(&key))?;
        let remaining = u64::try_from(left).ok().map(Duration::from_millis);
        if let Some(remaining) = remaining.filter(|remaining| *remaining <= MAX_REMAINING) {
            return Ok(Lease::Theirs(remaining));
        }
        // Expired in between (-2): try again at once. Without an expiry (-1), or with a distant one because Redis's clock was
        // set back, no daemon would get it: its expiry is set to that of a lease.
        if left != -2 {
            self.ask::<Value>(AccessMode::Write, Cmd::new().arg("PEXPIRE").arg(&key).arg(ms))?;
        }
        Ok(Lease::Theirs(Duration::from_millis(100)))
    }

    /// Who holds the lease: host, process and start.
    pub(crate) fn lease_owner(&self) -> Result<Option<String>, StoreError> {
        self.ask(AccessMode::Read, Cmd::new().arg("GET").arg(lease_key(&self.prefix)))
    }

    /// Releases the lease, if this daemon holds it.
    pub(crate) fn release_lease(&self, owner: &str) -> Result<(), StoreError> {
        self.ask::<Value>(
            AccessMode::Write,
            Cmd::new().arg("EVAL").arg(RELEASE_SCRIPT).arg(1).arg(lease_key(&self.prefix)).arg(owner),
        )
        .map(drop)
    }
}
