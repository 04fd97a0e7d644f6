//! Leadership: of several daemons on one Redis, the one with the lease; without Redis, each its own.
//!
//! The lease of another daemon is believed only while that one delivers (`holder`). Where it does not, this daemon polls for
//! itself, without fighting for the lease: until the holder delivers again, or the lease becomes its own.

use super::lease_holder::{Delivery, DeliveryTiming, Holder, Own};
use super::lookup::KeysOf;
use crate::api::content_version::ContentVersion;
use crate::api::service::DaemonRole;
use crate::cache::StoreError;
use crate::cache::redis::{Lease, RedisStore};
use crate::config::SmartConfig;
use std::time::{Duration, Instant};

/// A lease lives this long at most …
const LONGEST_LEASE: Duration = Duration::from_secs(15);
/// … and at least this.
const SHORTEST_LEASE: Duration = Duration::from_secs(3);
/// While Redis is away, how often to ask whether it still is (which costs nothing).
const WITHOUT_REDIS: Duration = Duration::from_secs(1);

/// The part of this daemon in polling. `swept`: a sweep of its own is complete since it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Role {
    /// Redis has not been asked yet.
    Undecided,
    /// By the lease, or because there is no Redis to share it.
    Leader { swept: bool },
    /// Another daemon leads.
    Follower,
    /// Another daemon holds the lease and does not deliver.
    LeaderWithoutLease { delivery: Delivery, swept: bool },
}

/// What this daemon is, for comparison with what Redis has.
pub(super) struct LocalView<'a> {
    pub(super) host: &'a str,
    /// Drives that are here.
    pub(super) drives: usize,
    /// What a list in Redis may have.
    pub(super) list_bytes: usize,
}

pub(super) struct Leadership {
    /// Host, process and start: no two daemons share it.
    owner: String,
    lease: Duration,
    role: Role,
    next: Instant,
    /// Until when another daemon's lease was known to last.
    theirs_until: Instant,
    refused: bool,
    timing: DeliveryTiming,
    holder: Holder,
    own: Own,
}

impl Leadership {
    pub(super) fn new(config: &SmartConfig) -> Self {
        let node = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let started = jiff::Timestamp::now().as_microsecond();
        let (interval, timeout) = (config.poll_interval, config.timeout);
        let concurrency = config.concurrency.min(config.concurrency_per_host);
        Self {
            owner: format!("{node}:{}:{started}", std::process::id()),
            lease: interval.clamp(SHORTEST_LEASE, LONGEST_LEASE),
            role: Role::Undecided,
            next: Instant::now(),
            theirs_until: Instant::now(),
            refused: false,
            timing: DeliveryTiming { interval, timeout, concurrency },
            holder: Holder::default(),
            own: Own::default(),
        }
    }

    /// This daemon sweeps.
    pub(super) fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader { .. } | Role::LeaderWithoutLease { .. })
    }

    /// `None`: not decided yet.
    pub(super) fn role(&self) -> Option<DaemonRole> {
        match self.role {
            Role::Undecided => None,
            Role::Leader { .. } | Role::LeaderWithoutLease { .. } => Some(DaemonRole::Leader),
            Role::Follower => Some(DaemonRole::Follower),
        }
    }

    /// This daemon leads, and a sweep of its own is complete since it does.
    pub(super) fn has_swept(&self) -> bool {
        match self.role {
            Role::Leader { swept } | Role::LeaderWithoutLease { swept, .. } => swept,
            Role::Undecided | Role::Follower => false,
        }
    }

    pub(super) fn mark_swept(&mut self) {
        if let Role::Leader { swept } | Role::LeaderWithoutLease { swept, .. } = &mut self.role {
            *swept = true;
        }
    }

    /// Redis has said that another daemon polls, and that one delivers.
    pub(super) fn is_follower(&self) -> bool {
        self.role == Role::Follower
    }

    /// Why this daemon polls although another one holds the lease.
    pub(super) fn alone_because(&self) -> Option<&Delivery> {
        match &self.role {
            Role::LeaderWithoutLease { delivery, .. } => Some(delivery),
            _ => None,
        }
    }

    /// What is wrong with the lease, in a sentence.
    pub(super) fn problem(&self, host: &str) -> Option<String> {
        match self.alone_because()? {
            Delivery::InTime => None,
            Delivery::Late(silent) => Some(format!(
                "another daemon holds the poll lease and has published no overview of this host for {} s; polling by itself",
                silent.as_secs()
            )),
            Delivery::Foreign(other) => Some(format!(
                "host {other:?} holds the poll lease and publishes under the keys of this host ({host:?}): set another \
                 JBOD_KEY_PREFIX on one of them; polling by itself, storing nothing in Redis"
            )),
        }
    }

    /// There is an overview of this host from whoever holds the lease.
    pub(super) fn has_delivery(&self) -> bool {
        self.holder.has_delivered()
    }

    /// The keys in Redis are another host's, whose daemon holds the lease: nothing is stored there, and nothing is of use.
    pub(super) fn keys(&self) -> KeysOf {
        if !matches!(self.role, Role::Leader { .. }) && self.holder.is_foreign() {
            KeysOf::AnotherHost
        } else {
            KeysOf::ThisHost
        }
    }

    pub(super) fn is_due(&self, at: Instant) -> bool {
        at >= self.next
    }

    pub(super) fn next(&self) -> Instant {
        self.next
    }

    pub(super) fn renew_soon(&mut self) {
        self.next = Instant::now();
    }

    /// Redis is away and somebody asks: no waiting for another's lease to lapse.
    pub(super) fn promote_without_redis(&mut self) {
        (self.theirs_until, self.next) = (Instant::now(), Instant::now());
    }

    /// That overview goes to Redis.
    pub(super) fn sends(&mut self, version: ContentVersion) {
        self.own.sends(version);
    }

    /// Takes, prolongs or looks at the lease. True: a sweep is due because polling has become ours.
    pub(super) fn renew(&mut self, redis: &RedisStore, view: &LocalView, at: Instant) -> bool {
        let led = self.is_leader();
        let leader = Role::Leader { swept: self.has_swept() };
        let (role, wait) = match redis.hold_lease(&self.owner, self.lease) {
            Ok(Lease::Ours) => (leader, self.lease / 3),
            Ok(Lease::Theirs(left)) => {
                self.theirs_until = at + left;
                let role = self.beside_holder(redis, view, at);
                (role, (left + Duration::from_millis(10)).min(self.lease / 3))
            }
            // Whoever polls may still do so: its lease must have lapsed before two do.
            Err(StoreError::Unavailable(_)) if self.is_follower() && at < self.theirs_until => {
                (Role::Follower, WITHOUT_REDIS)
            }
            Err(StoreError::Unavailable(_)) => (leader, WITHOUT_REDIS),
            Err(StoreError::Refused(why)) => {
                if !self.refused {
                    log::warn!("redis refuses the poll lease, polling without one error={why:?}");
                }
                self.refused = true;
                (leader, self.lease)
            }
        };
        self.next = at + wait;
        self.becomes(role, view.host);
        self.is_leader() && !led
    }

    /// Looks whether the holder delivers again, before anything is stored in its place.
    pub(super) fn check_holder(&mut self, redis: &RedisStore, view: &LocalView, at: Instant) {
        if let Role::LeaderWithoutLease { .. } = self.role {
            let role = self.beside_holder(redis, view, at);
            self.becomes(role, view.host);
        }
    }

    /// What polling is to this daemon while another one holds the lease.
    fn beside_holder(&mut self, redis: &RedisStore, view: &LocalView, at: Instant) -> Role {
        if matches!(self.role, Role::Undecided | Role::Leader { .. }) {
            self.holder = Holder::default();
        }
        // Redis has just answered; if it does not now, the next look says so.
        if let Ok(published) = redis.published(view.list_bytes) {
            self.holder.seen(published.as_ref(), &self.own, view.host, at);
        }
        match self.holder.delivery(&self.timing, view.drives) {
            Delivery::InTime => Role::Follower,
            late => Role::LeaderWithoutLease { delivery: late, swept: self.has_swept() },
        }
    }

    fn becomes(&mut self, role: Role, host: &str) {
        let before = std::mem::replace(&mut self.role, role);
        match (&before, &self.role) {
            (Role::Follower | Role::LeaderWithoutLease { .. }, Role::Leader { .. }) => {
                log::info!("polling taken over owner={}", self.owner);
            }
            (Role::LeaderWithoutLease { .. }, Role::Follower) => {
                log::info!(
                    "the holder of the poll lease publishes again, serving its values this_daemon={}",
                    self.owner
                );
            }
            (Role::Undecided | Role::Leader { .. }, Role::Follower) => {
                log::info!("another daemon polls, serving its values this_daemon={}", self.owner);
            }
            (Role::LeaderWithoutLease { delivery: was, .. }, Role::LeaderWithoutLease { delivery: is, .. })
                if std::mem::discriminant(was) == std::mem::discriminant(is) => {}
            (_, Role::LeaderWithoutLease { .. }) => log::warn!("{}", self.problem(host).unwrap_or_default()),
            _ => {}
        }
    }

    pub(super) fn release(&self, redis: &RedisStore) {
        if let Role::Leader { .. } = self.role {
            // A lease that cannot be given back lapses.
            let _ = redis.release_lease(&self.owner);
        }
    }
}
