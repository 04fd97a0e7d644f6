//! Who polls: of several daemons on one Redis, the one with the lease; without Redis, each its own.

use crate::cache::StoreError;
use crate::cache::redis::{Lease, RedisStore};
use std::time::{Duration, Instant};

/// A lease lives this long at most …
const LONGEST_LEASE: Duration = Duration::from_secs(15);
/// … and at least this.
const SHORTEST_LEASE: Duration = Duration::from_secs(3);
/// While Redis is away, how often to ask whether it still is (which costs nothing).
const WITHOUT_REDIS: Duration = Duration::from_secs(1);

pub(super) struct Role {
    /// Host, process and start: no two daemons share it.
    owner: String,
    lease: Duration,
    leads: bool,
    next: Instant,
    /// Until when another daemon's lease was known to last.
    theirs_until: Instant,
    refused: bool,
    asked: bool,
}

impl Role {
    pub(super) fn new(interval: Duration) -> Self {
        let node = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let started = jiff::Timestamp::now().as_microsecond();
        Self {
            owner: format!("{node}:{}:{started}", std::process::id()),
            lease: interval.clamp(SHORTEST_LEASE, LONGEST_LEASE),
            leads: true,
            next: Instant::now(),
            theirs_until: Instant::now(),
            refused: false,
            asked: false,
        }
    }

    /// Polling is ours: by the lease, or because there is no Redis to share it.
    pub(super) fn leads(&self) -> bool {
        self.leads && self.asked
    }

    /// Redis has said that another daemon polls.
    pub(super) fn follows(&self) -> bool {
        !self.leads && self.asked
    }

    pub(super) fn is_due(&self, at: Instant) -> bool {
        at >= self.next
    }

    pub(super) fn next(&self) -> Instant {
        self.next
    }

    pub(super) fn ask_soon(&mut self) {
        self.next = Instant::now();
    }

    /// Redis is away and somebody asks: no waiting for another's lease to lapse.
    pub(super) fn lead_alone(&mut self) {
        (self.theirs_until, self.next) = (Instant::now(), Instant::now());
    }

    /// Takes, prolongs or looks at the lease. True: a sweep is due because polling has become ours.
    pub(super) fn renew(&mut self, redis: &RedisStore, at: Instant) -> bool {
        let led = self.leads();
        let (leads, wait) = match redis.hold_lease(&self.owner, self.lease) {
            Ok(Lease::Ours) => (true, self.lease / 3),
            Ok(Lease::Theirs(left)) => {
                self.theirs_until = at + left;
                (false, (left + Duration::from_millis(10)).min(self.lease / 3))
            }
            // Whoever polls may still do so: its lease must have lapsed before two do.
            Err(StoreError::Unavailable(_)) if self.follows() && at < self.theirs_until => (false, WITHOUT_REDIS),
            Err(StoreError::Unavailable(_)) => (true, WITHOUT_REDIS),
            Err(StoreError::Refused(why)) => {
                if !self.refused {
                    log::warn!("redis refuses the poll lease, polling without one error={why:?}");
                }
                self.refused = true;
                (true, self.lease)
            }
        };
        if self.asked && leads != led {
            let event = if leads { "polling taken over" } else { "another daemon polls, serving its values" };
            log::info!("{event} owner={}", self.owner);
        } else if !self.asked && !leads {
            log::info!("another daemon polls, serving its values owner={}", self.owner);
        }
        (self.leads, self.asked, self.next) = (leads, true, at + wait);
        leads && !led
    }

    pub(super) fn release(&self, redis: &RedisStore) {
        if self.leads() {
            // A lease that cannot be given back lapses.
            let _ = redis.release_lease(&self.owner);
        }
    }
}
