//! Leader election: of several daemons on one Redis, the holder of the lease leads; without Redis, each one does.
//!
//! The lease of another daemon is honoured only while its holder delivers (`lease_holder`). If it does not, this daemon
//! polls without the lease until the holder delivers again, or the lease becomes free.

use super::lease_holder::{Delivery, DeliveryTiming, Holder, SentVersions};
use super::lookup::KeysOf;
use crate::api::content_version::ContentVersion;
use crate::api::service::DaemonRole;
use crate::cache::StoreError;
use crate::cache::redis::{Lease, RedisStore};
use crate::config::SmartConfig;
use std::time::{Duration, Instant};

/// Maximum lifetime of a lease …
const MAX_LEASE: Duration = Duration::from_secs(15);
/// … and minimum.
const MIN_LEASE: Duration = Duration::from_secs(3);
/// Interval between checks while Redis is unavailable; they cost nothing.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The role of this daemon. `has_swept`: it has completed a sweep since it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Role {
    /// Redis has not been asked yet.
    Undecided,
    /// It holds the lease, or Redis is unavailable.
    Leader { has_swept: bool },
    /// Another daemon leads.
    Follower,
    /// Another daemon holds the lease and does not deliver.
    LeaderWithoutLease { delivery: Delivery, has_swept: bool },
}

/// The state of this daemon, for comparison with an overview in Redis.
pub(super) struct LocalView<'a> {
    pub(super) host: &'a str,
    /// Number of present drives.
    pub(super) drives: usize,
    /// Maximum size of a list in Redis.
    pub(super) list_bytes: usize,
}

pub(super) struct Leadership {
    /// Host, process and start: unique to a daemon.
    owner: String,
    lease: Duration,
    role: Role,
    next: Instant,
    /// Known end of another daemon's lease.
    theirs_until: Instant,
    refused: bool,
    timing: DeliveryTiming,
    holder: Holder,
    own: SentVersions,
}

impl Leadership {
    pub(super) fn new(config: &SmartConfig) -> Self {
        let node = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let started = jiff::Timestamp::now().as_microsecond();
        let (interval, timeout) = (config.poll_interval, config.timeout);
        let concurrency = config.concurrency.min(config.concurrency_per_host);
        Self {
            owner: format!("{node}:{}:{started}", std::process::id()),
            lease: interval.clamp(MIN_LEASE, MAX_LEASE),
            role: Role::Undecided,
            next: Instant::now(),
            theirs_until: Instant::now(),
            refused: false,
            timing: DeliveryTiming { interval, timeout, concurrency },
            holder: Holder::default(),
            own: SentVersions::default(),
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

    /// This daemon leads, and has completed a sweep since.
    pub(super) fn has_swept(&self) -> bool {
        match self.role {
            Role::Leader { has_swept } | Role::LeaderWithoutLease { has_swept, .. } => has_swept,
            Role::Undecided | Role::Follower => false,
        }
    }

    pub(super) fn mark_swept(&mut self) {
        if let Role::Leader { has_swept } | Role::LeaderWithoutLease { has_swept, .. } = &mut self.role {
            *has_swept = true;
        }
    }

    /// Another daemon holds the lease, and delivers.
    pub(super) fn is_follower(&self) -> bool {
        self.role == Role::Follower
    }

    /// Why this daemon leads although another one holds the lease: that one is late, or publishes another host.
    pub(super) fn failed_delivery(&self) -> Option<&Delivery> {
        match &self.role {
            Role::LeaderWithoutLease { delivery, .. } => Some(delivery),
            _ => None,
        }
    }

    /// A problem with the lease, as a sentence.
    pub(super) fn problem(&self, host: &str) -> Option<String> {
        match self.failed_delivery()? {
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

    /// The holder of the lease has published an overview of this host.
    pub(super) fn has_delivery(&self) -> bool {
        self.holder.has_delivered()
    }

    /// Which host owns the keys in Redis. If another host's daemon holds the lease, nothing is stored or used.
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

    /// Redis is unavailable and a request waits: does not wait until another daemon's lease expires.
    pub(super) fn promote_without_redis(&mut self) {
        (self.theirs_until, self.next) = (Instant::now(), Instant::now());
    }

    /// Records an overview that is sent to Redis.
    pub(super) fn record_sent(&mut self, version: ContentVersion) {
        self.own.record_sent(version);
    }

    /// Acquires, renews or checks the lease. True: this daemon has become the leader, and a sweep is due.
    pub(super) fn renew(&mut self, redis: &RedisStore, view: &LocalView, at: Instant) -> bool {
        let led = self.is_leader();
        let leader = Role::Leader { has_swept: self.has_swept() };
        let (role, wait) = match redis.hold_lease(&self.owner, self.lease) {
            Ok(Lease::Ours) => (leader, self.lease / 3),
            Ok(Lease::Theirs(left)) => {
                self.theirs_until = at + left;
                let role = self.role_beside_holder(redis, view, at);
                (role, (left + Duration::from_millis(10)).min(self.lease / 3))
            }
            // The leader may still poll: its lease must have expired before another daemon does.
            Err(StoreError::Unavailable(_)) if self.is_follower() && at < self.theirs_until => {
                (Role::Follower, RETRY_INTERVAL)
            }
            Err(StoreError::Unavailable(_)) => (leader, RETRY_INTERVAL),
            Err(StoreError::Refused(why)) => {
                if !self.refused {
                    log::warn!("redis refuses the poll lease, polling without one error={why:?}");
                }
                self.refused = true;
                (leader, self.lease)
            }
        };
        self.next = at + wait;
        self.set_role(role, view.host);
        self.is_leader() && !led
    }

    /// Checks whether the holder delivers again, before its lists are overwritten.
    pub(super) fn check_holder(&mut self, redis: &RedisStore, view: &LocalView, at: Instant) {
        if let Role::LeaderWithoutLease { .. } = self.role {
            let role = self.role_beside_holder(redis, view, at);
            self.set_role(role, view.host);
        }
    }

    /// The role of this daemon while another one holds the lease.
    fn role_beside_holder(&mut self, redis: &RedisStore, view: &LocalView, at: Instant) -> Role {
        if matches!(self.role, Role::Undecided | Role::Leader { .. }) {
            self.holder = Holder::default();
        }
        // Redis has just answered; if it does not answer now, the next check detects that.
        if let Ok(published) = redis.published(view.list_bytes) {
            self.holder.observe(published.as_ref(), &self.own, view.host, at);
        }
        match self.holder.delivery(&self.timing, view.drives) {
            Delivery::InTime => Role::Follower,
            late => Role::LeaderWithoutLease { delivery: late, has_swept: self.has_swept() },
        }
    }

    fn set_role(&mut self, role: Role, host: &str) {
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
            // A lease that cannot be released expires.
            let _ = redis.release_lease(&self.owner);
        }
    }
}
