//! The poll lease: of several daemons with one Redis, one polls.
//!
//! It is acquired with `SET NX PX`, and renewed and released only by its owner (a script compares the instance
//! atomically). The lease of a daemon that dies expires. While Redis rejects writes there is no lease: the readings of
//! one daemon cannot reach the others, so each polls for itself, as without Redis.

use super::circuit_breaker::AccessMode;
use super::eviction::Eviction;
use super::keys::lease_key;
use super::store::RedisStore;
use crate::api::lease_owner::LeaseOwner;
use crate::cache::StoreError;
use redis::{Cmd, Value};
use std::time::Duration;

/// The first word of the value is the instance; the rest describes it.
const RENEW_SCRIPT: &str = "local v = redis.call('GET', KEYS[1]) if v and string.match(v, '^%S+') == ARGV[1] then \
     return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0";
const RELEASE_SCRIPT: &str = "local v = redis.call('GET', KEYS[1]) if v and string.match(v, '^%S+') == ARGV[1] then \
     return redis.call('DEL', KEYS[1]) end return 0";

/// The holder of the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lease {
    /// This daemon has renewed it.
    Renewed,
    /// It was free, and this daemon has acquired it.
    Acquired,
    /// Another daemon holds it.
    Theirs(OthersLease),
}

/// The lease of another daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OthersLease {
    /// Time until it expires, unless it is renewed.
    pub(crate) left: Duration,
    /// `None` if it is unknown.
    pub(crate) owner: Option<LeaseOwner>,
}

/// Maximum plausible time to expiry. No daemon acquires a lease for longer than a quarter of it.
const MAX_REMAINING: Duration = Duration::from_secs(60);

impl RedisStore {
    /// Acquires the lease, or renews it if this daemon holds it.
    pub(crate) fn hold_lease(&self, owner: &LeaseOwner, life: Duration) -> Result<Lease, StoreError> {
        let ms = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
        let key = self.keys().lease();
        let renewed: i64 = self.ask(
            AccessMode::Write,
            Cmd::new().arg("EVAL").arg(RENEW_SCRIPT).arg(1).arg(&key).arg(&owner.instance).arg(ms),
        )?;
        if renewed == 1 {
            return Ok(Lease::Renewed);
        }
        let acquired: Value = self.ask(
            AccessMode::Write,
            Cmd::new().arg("SET").arg(&key).arg(owner.to_value()).arg("NX").arg("PX").arg(ms),
        )?;
        if acquired == Value::Okay {
            return Ok(Lease::Acquired);
        }
        let left: i64 = self.ask(AccessMode::Read, Cmd::new().arg("PTTL").arg(&key))?;
        let remaining = u64::try_from(left).ok().map(Duration::from_millis);
        if let Some(left) = remaining.filter(|remaining| *remaining <= MAX_REMAINING) {
            let value = match self.lease_value(&key) {
                Err(StoreError::Refused(_)) => None,
                value => value?,
            };
            let owner = LeaseOwner::parse(&value.unwrap_or_default());
            return Ok(Lease::Theirs(OthersLease { left, owner }));
        }
        // It has expired in between (-2): the caller tries again at once. Without an expiry (-1), or with a distant one
        // because the clock of Redis was set back, no daemon would ever get it: its expiry is set to that of a lease.
        if left != -2 {
            self.ask::<Value>(AccessMode::Write, Cmd::new().arg("PEXPIRE").arg(&key).arg(ms))?;
        }
        Ok(Lease::Theirs(OthersLease { left: Duration::from_millis(100), owner: None }))
    }

    /// The instance of the daemon that holds the lease.
    pub(crate) fn lease_owner(&self) -> Result<Option<String>, StoreError> {
        let value = self.lease_value(&self.keys().lease())?;
        Ok(value.unwrap_or_default().split_whitespace().next().map(str::to_owned))
    }

    /// Releases the lease, if this daemon holds it.
    pub(crate) fn release_lease(&self, instance: &str) -> Result<(), StoreError> {
        let key = self.keys().lease();
        let mut cmd = Cmd::new();
        cmd.arg("EVAL").arg(RELEASE_SCRIPT).arg(1).arg(key).arg(instance);
        self.ask::<Value>(AccessMode::Write, &cmd)?;
        Ok(())
    }

    /// The value of the lease under the configured prefix, if there is one.
    pub(crate) fn configured_lease(&self) -> Result<Option<String>, StoreError> {
        self.lease_value(&lease_key(self.configured_prefix()))
    }

    fn lease_value(&self, key: &str) -> Result<Option<String>, StoreError> {
        let value: Option<Vec<u8>> = self.ask(AccessMode::Read, Cmd::new().arg("GET").arg(key))?;
        Ok(value.map(|value| String::from_utf8_lossy(&value).into_owned()))
    }

    /// The policy by which Redis may evict keys before they expire; `None` if it evicts none. `Refused` if this user
    /// may not use `INFO`.
    pub(crate) fn eviction(&self) -> Result<Option<Eviction>, StoreError> {
        let info: String = self.ask(AccessMode::Read, Cmd::new().arg("INFO").arg("memory"))?;
        Ok(Eviction::read(&info))
    }
}
