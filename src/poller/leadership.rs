//! Leader election: of several daemons of one host on one Redis, the holder of the lease leads; without Redis, each one
//! does.
//!
//! The lease of another host's daemon is not honoured: this daemon uses another prefix (`prefix_conflict`). That of a
//! daemon of this host is honoured only while its holder delivers (`lease_holder`). If it does not, this daemon polls
//! without the lease until the holder delivers again, or the lease becomes free.

use super::lease_holder::{Delivery, DeliveryTiming, Holder, SentVersions, ThisHost};
use super::lease_losses::{LeaseLosses, LossReason};
use super::lookup::KeysOf;
use super::prefix_conflict::{OtherHost, PrefixConflict, relation};
use crate::api::content_version::ContentVersion;
use crate::api::lease_owner::LeaseOwner;
use crate::api::overview::SweepStats;
use crate::api::service::{DaemonRole, LeaderIdentity};
use crate::cache::StoreError;
use crate::cache::redis::{Lease, RedisStore};
use crate::collector::Collector;
use crate::config::SmartConfig;
use crate::domain::host_identity::{HostIdentity, HostRelation};
use crate::domain::topology;
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

/// The state of this daemon, for comparison with the lease and the overview in Redis.
pub(super) struct LocalView<'a> {
    pub(super) collector: &'a Collector,
    /// Maximum size of a list in Redis.
    pub(super) list_bytes: usize,
}

impl LocalView<'_> {
    fn present_drives(&self) -> usize {
        self.collector.inventory().present().count()
    }
}

/// What a look at the lease has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Renewal {
    /// This daemon has become the leader, and a sweep is due.
    pub(super) became_leader: bool,
    /// Values are under another prefix from now on.
    pub(super) changed_prefix: bool,
    /// The leader is another one, or has delivered.
    pub(super) has_news: bool,
}

/// The lease belongs to another host.
struct ForeignLease(OtherHost);

pub(super) struct Leadership {
    /// Host, process and start: unique to a daemon.
    instance: String,
    lease: Duration,
    role: Role,
    next: Instant,
    /// Known end of the lease of this daemon.
    ours_until: Option<Instant>,
    /// Known end of another daemon's lease.
    theirs_until: Instant,
    /// Its owner.
    theirs: Option<LeaseOwner>,
    conflict: Option<PrefixConflict>,
    /// Redis has answered which daemon holds the lease: before that another host may own the keys.
    is_confirmed: bool,
    losses: LeaseLosses,
    refused: bool,
    timing: DeliveryTiming,
    holder: Holder,
    own: SentVersions,
    /// The last sweep of another daemon of this host.
    delivered_sweep: SweepStats,
}

impl Leadership {
    pub(super) fn new(config: &SmartConfig) -> Self {
        // Without blanks: an instance is the first word of the lease.
        let node = rustix::system::uname().nodename().to_string_lossy().replace(char::is_whitespace, "-");
        let started = jiff::Timestamp::now().as_microsecond();
        let (interval, timeout) = (config.poll_interval, config.timeout);
        let concurrency = config.concurrency.min(config.concurrency_per_host);
        Self {
            instance: format!("{node}:{}:{started}", std::process::id()),
            lease: interval.clamp(MIN_LEASE, MAX_LEASE),
            role: Role::Undecided,
            next: Instant::now(),
            ours_until: None,
            theirs_until: Instant::now(),
            theirs: None,
            conflict: None,
            is_confirmed: false,
            losses: LeaseLosses::default(),
            refused: false,
            timing: DeliveryTiming { interval, timeout, concurrency },
            holder: Holder::default(),
            own: SentVersions::default(),
            delivered_sweep: SweepStats::default(),
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
    pub(super) fn problem(&mut self, host: &str) -> Option<String> {
        if let Some(conflict) = &self.conflict {
            return Some(conflict.sentence(host));
        }
        self.late_holder().or_else(|| self.losses.sentence(Instant::now()))
    }

    fn late_holder(&self) -> Option<String> {
        match self.failed_delivery()? {
            Delivery::InTime => None,
            Delivery::Late(silent) => Some(format!(
                "another daemon holds the poll lease and has published no overview of this host for {} s; polling by itself",
                silent.as_secs()
            )),
            // Under the prefix of this host's own.
            Delivery::Foreign(other) => Some(format!(
                "host {other:?} holds the poll lease of this host; polling by itself, storing nothing in Redis"
            )),
        }
    }

    /// Unique to this daemon.
    pub(super) fn instance(&self) -> &str {
        &self.instance
    }

    /// The daemon that polls, if this one follows it.
    pub(super) fn leader(&self) -> Option<LeaderIdentity> {
        let theirs = self.theirs.as_ref().filter(|_| self.is_follower())?;
        Some(LeaderIdentity { host: theirs.host.clone(), instance: theirs.instance.clone() })
    }

    /// The last complete sweep that another daemon of this host has published. All `None`: unknown.
    pub(super) fn delivered_sweep(&self) -> &SweepStats {
        &self.delivered_sweep
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

    /// Values may be stored, as far as the lease is concerned.
    pub(super) fn may_store(&self) -> bool {
        self.is_confirmed && self.keys() == KeysOf::ThisHost
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

    /// Acquires, renews or checks the lease.
    pub(super) fn renew(&mut self, redis: &RedisStore, view: &LocalView, at: Instant) -> Renewal {
        let (led, before) = (self.is_leader(), self.news());
        let mut changed_prefix = self.end_conflict(redis, view, at);
        let (role, wait) = match self.try_role(redis, view, at) {
            Ok(found) => found,
            Err(ForeignLease(other)) if self.conflict.is_none() => {
                changed_prefix = true;
                self.begin_conflict(redis, view, other);
                // Another host under the prefix of this host, too: nothing in Redis is used.
                self.try_role(redis, view, at).unwrap_or_else(|ForeignLease(other)| self.role_beside_foreign(other))
            }
            Err(ForeignLease(other)) => self.role_beside_foreign(other),
        };
        self.next = at + wait;
        self.set_role(role, at);
        let became_leader = self.is_leader() && !led;
        Renewal { became_leader, changed_prefix, has_news: self.news() != before }
    }

    /// What followers publish of their leader.
    fn news(&self) -> (bool, Option<LeaderIdentity>, SweepStats) {
        (self.holder.has_delivered(), self.leader(), self.delivered_sweep.clone())
    }

    fn as_owner(&self, view: &LocalView) -> LeaseOwner {
        let (host, instance) = (view.collector.name().to_owned(), self.instance.clone());
        LeaseOwner { host, instance, identity: Some(view.collector.identity()) }
    }

    /// The role by the lease, and when to look again.
    fn try_role(
        &mut self,
        redis: &RedisStore,
        view: &LocalView,
        at: Instant,
    ) -> Result<(Role, Duration), ForeignLease> {
        let leader = Role::Leader { has_swept: self.has_swept() };
        let held = redis.hold_lease(&self.as_owner(view), self.lease);
        self.detect_loss(&held, redis, at);
        self.is_confirmed = !matches!(held, Err(StoreError::Unavailable(_)));
        match held {
            Ok(Lease::Renewed | Lease::Acquired) => Ok((leader, self.lease / 3)),
            Ok(Lease::Theirs(lease)) => {
                let other = lease.owner.as_ref().and_then(|owner| OtherHost::of(owner, &view.collector.identity()));
                if let Some(other) = other {
                    return Err(ForeignLease(other));
                }
                self.theirs_until = at + lease.left;
                self.theirs = lease.owner;
                let role = self.role_beside_holder(redis, view, at);
                if let Role::LeaderWithoutLease { delivery: Delivery::Foreign(name), .. } = &role
                    && self.conflict.is_none()
                {
                    return Err(ForeignLease(OtherHost { name: name.clone(), identity: None }));
                }
                Ok((role, (lease.left + Duration::from_millis(10)).min(self.lease / 3)))
            }
            // The leader may still poll: its lease must have expired before another daemon does.
            Err(StoreError::Unavailable(_)) if self.is_follower() && at < self.theirs_until => {
                Ok((Role::Follower, RETRY_INTERVAL))
            }
            Err(StoreError::Unavailable(_)) => Ok((leader, RETRY_INTERVAL)),
            Err(StoreError::Refused(why)) => {
                if !self.refused {
                    log::warn!("redis refuses the poll lease, polling without one error={why:?}");
                }
                self.refused = true;
                Ok((leader, self.lease))
            }
        }
    }

    fn role_beside_foreign(&mut self, other: OtherHost) -> (Role, Duration) {
        self.holder.mark_foreign(other.name.clone());
        let delivery = Delivery::Foreign(other.name);
        (Role::LeaderWithoutLease { delivery, has_swept: self.has_swept() }, self.lease / 3)
    }

    /// Reports that the lease of this daemon disappeared before it expired.
    fn detect_loss(&mut self, held: &Result<Lease, StoreError>, redis: &RedisStore, at: Instant) {
        let is_ours = matches!(held, Ok(Lease::Renewed | Lease::Acquired));
        let until = std::mem::replace(&mut self.ours_until, is_ours.then(|| at + self.lease));
        let is_elsewhere = matches!(held, Ok(Lease::Acquired | Lease::Theirs(_)));
        if !is_elsewhere || until.is_none_or(|until| at >= until) {
            return;
        }
        let reason = match redis.eviction() {
            Ok(Some(eviction)) => LossReason::Eviction(eviction.to_string()),
            Ok(None) => LossReason::NoEviction,
            Err(_) => LossReason::Unknown,
        };
        if self.losses.record(reason, at) {
            log::warn!("{}", self.losses.sentence(at).unwrap_or_default());
        }
    }

    /// Another host holds the lease: from now on this daemon uses a prefix of its own.
    fn begin_conflict(&mut self, redis: &RedisStore, view: &LocalView, other: OtherHost) {
        let conflict = PrefixConflict::new(redis.configured_prefix(), &view.collector.identity(), other);
        log::warn!("{}", conflict.sentence(view.collector.name()));
        self.use_prefix(redis, conflict.own_prefix());
        self.conflict = Some(conflict);
    }

    /// Returns to the configured prefix if the other host has left it. True: it has.
    fn end_conflict(&mut self, redis: &RedisStore, view: &LocalView, at: Instant) -> bool {
        let Some(conflict) = &mut self.conflict else { return false };
        let Ok(lease) = redis.configured_lease() else { return false };
        if !conflict.is_over(lease.as_deref(), &view.collector.identity(), at) {
            return false;
        }
        self.release(redis);
        self.conflict = None;
        let prefix = redis.configured_prefix();
        log::info!(
            "no other host holds the poll lease under the configured key prefix any more, using it prefix={prefix}"
        );
        self.use_prefix(redis, prefix);
        true
    }

    /// What is known of the holder of a lease under another prefix says nothing here.
    fn use_prefix(&mut self, redis: &RedisStore, prefix: &str) {
        redis.use_prefix(prefix);
        (self.ours_until, self.theirs, self.holder) = (None, None, Holder::default());
    }

    /// Checks whether the holder delivers again, before its lists are overwritten.
    pub(super) fn check_holder(&mut self, redis: &RedisStore, view: &LocalView, at: Instant) {
        if let Role::LeaderWithoutLease { delivery: Delivery::Late(_) | Delivery::InTime, .. } = self.role {
            let role = self.role_beside_holder(redis, view, at);
            self.set_role(role, at);
        }
    }

    /// The role of this daemon while another one holds the lease.
    fn role_beside_holder(&mut self, redis: &RedisStore, view: &LocalView, at: Instant) -> Role {
        if matches!(self.role, Role::Undecided | Role::Leader { .. }) {
            self.holder = Holder::default();
        }
        // Redis has just answered; if it does not answer now, the next check detects that.
        if let Ok(published) = redis.published(view.list_bytes) {
            let (own, theirs): (HostIdentity, _) = (view.collector.identity(), self.theirs.as_ref());
            let host = ThisHost {
                name: view.collector.host_name(),
                topology: &topology::fingerprint(view.collector.inventory()),
                holder: theirs.map_or(HostRelation::Unknown, |owner| relation(owner, &own)),
                holder_id: theirs.and_then(|owner| owner.identity.as_ref()?.machine.as_ref()),
            };
            self.holder.observe(published.as_ref(), &self.own, &host, at);
        }
        if self.holder.has_delivered() {
            self.delivered_sweep = self.holder.sweep().clone();
        }
        match self.holder.delivery(&self.timing, view.present_drives()) {
            Delivery::InTime => Role::Follower,
            late => Role::LeaderWithoutLease { delivery: late, has_swept: self.has_swept() },
        }
    }

    fn set_role(&mut self, role: Role, at: Instant) {
        let before = std::mem::replace(&mut self.role, role);
        let instance = &self.instance;
        let line = match (&before, &self.role) {
            (Role::Follower | Role::LeaderWithoutLease { .. }, Role::Leader { .. }) => {
                format!("polling taken over owner={instance}")
            }
            (Role::LeaderWithoutLease { .. }, Role::Follower) => {
                format!("the holder of the poll lease publishes again, serving its values this_daemon={instance}")
            }
            (Role::Undecided | Role::Leader { .. }, Role::Follower) => {
                format!("another daemon polls, serving its values this_daemon={instance}")
            }
            (Role::LeaderWithoutLease { delivery: was, .. }, Role::LeaderWithoutLease { delivery: is, .. })
                if std::mem::discriminant(was) == std::mem::discriminant(is) =>
            {
                return;
            }
            (_, Role::LeaderWithoutLease { .. }) => {
                log::warn!("{}", self.late_holder().unwrap_or_default());
                return;
            }
            _ => return,
        };
        // Daemons that take turns are reported as a loss of the lease.
        let level = if self.losses.may_log_role(at) { log::Level::Info } else { log::Level::Debug };
        log::log!(level, "{line}");
    }

    pub(super) fn release(&self, redis: &RedisStore) {
        if let Role::Leader { .. } = self.role {
            // A lease that cannot be released expires.
            let _ = redis.release_lease(&self.instance);
        }
    }
}
