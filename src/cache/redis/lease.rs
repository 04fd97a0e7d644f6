//! The poll lease: of several daemons on one Redis, one polls.
//!
//! Taken with `SET NX PX`, prolonged and released only by its owner (compared in one step, in
//! Redis). A daemon that dies leaves it to lapse. While Redis takes no values nobody holds it: what
//! one daemon reads cannot reach the others, so each polls for itself, as without Redis.

use super::RedisStore;
use super::breaker::Does;
use crate::cache::StoreError;
use redis::{Cmd, Value};
use std::time::Duration;

const PROLONG: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0";
const RELEASE: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/// Whose lease it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    Ours,
    /// Somebody else's, for at least this long.
    Theirs(Duration),
}

/// No daemon takes a lease for longer than a quarter of this.
const LONGEST: Duration = Duration::from_secs(60);

impl RedisStore {
    /// Takes the lease, or prolongs it if it is ours.
    pub fn hold_lease(&self, owner: &str, life: Duration) -> Result<Lease, StoreError> {
        let ms = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
        let name = self.lease_name();
        let prolonged: i64 =
            self.ask(Does::Write, Cmd::new().arg("EVAL").arg(PROLONG).arg(1).arg(&name).arg(owner).arg(ms))?;
        if prolonged == 1 {
            return Ok(Lease::Ours);
        }
        let taken: Value =
            self.ask(Does::Write, Cmd::new().arg("SET").arg(&name).arg(owner).arg("NX").arg("PX").arg(ms))?;
        if taken == Value::Okay {
            return Ok(Lease::Ours);
        }
        let left: i64 = self.ask(Does::Read, Cmd::new().arg("PTTL").arg(&name))?;
        let lasts = u64::try_from(left).ok().map(Duration::from_millis);
        if let Some(lasts) = lasts.filter(|lasts| *lasts <= LONGEST) {
            return Ok(Lease::Theirs(lasts));
        }
        // Gone in between (-2): try again at once. Without an expiry (-1), or with one that was put far
        // off because Redis's clock was set back, nobody would get it: it is given the life of a lease.
        if left != -2 {
            self.ask::<Value>(Does::Write, Cmd::new().arg("PEXPIRE").arg(&name).arg(ms))?;
        }
        Ok(Lease::Theirs(Duration::from_millis(100)))
    }

    /// Gives it back, if it is ours.
    pub fn release_lease(&self, owner: &str) -> Result<(), StoreError> {
        self.ask::<Value>(Does::Write, Cmd::new().arg("EVAL").arg(RELEASE).arg(1).arg(self.lease_name()).arg(owner))
            .map(drop)
    }

    fn lease_name(&self) -> String {
        name(&self.prefix)
    }
}

pub(super) fn name(prefix: &str) -> String {
    format!("{prefix}:lock:poll")
}

/// What is written, for a second, to see whether anything can be.
pub(super) fn trial_name(prefix: &str) -> String {
    format!("{prefix}:lock:trial")
}
