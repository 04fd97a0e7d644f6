//! Leader election: of several daemons of one host on one Redis, the holder of the poll lease leads. Without Redis, each of
//! them leads.
//!
//! If a daemon of another host holds the lease, this daemon uses another key prefix (`prefix_conflict`). If a daemon of this
//! host holds it, this daemon follows, but only while the holder publishes (`lease_holder`). Otherwise this daemon polls
//! without the lease until the holder publishes again, or the lease expires.

use super::lease_holder::{Delivery, DeliveryTiming, Holder, SentVersions, ThisHost};
use super::lease_losses::{LeaseLosses, LossReason};
use super::lookup::KeysOf;
use super::prefix_conflict::{OtherHost, PrefixConflict, relation};
use super::role::Role;
use crate::api::content_version::ContentVersion;
use crate::api::lease_owner::LeaseOwner;
use crate::api::overview::SweepStats;
use crate::api::service::LeaderIdentity;
use crate::cache::StoreError;
use crate::cache::redis::{Lease, RedisStore};
use crate::collector::Collector;
use crate::config::SmartConfig;
use crate::domain::host_identity::HostRelation;
use crate::domain::topology;
use std::time::{Duration, Instant};

/// Limits of the lifetime of a lease, which is the polling interval.
const MAX_LEASE: Duration = Duration::from_secs(15);
const MIN_LEASE: Duration = Duration::from_secs(3);
/// Interval between checks while Redis is unavailable; the circuit breaker makes them cheap.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

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

/// What an attempt to acquire or renew the lease has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Renewal {
    /// This daemon has become the leader, and a sweep is due.
    pub(super) became_leader: bool,
    /// This daemon uses another key prefix from now on.
    pub(super) changed_prefix: bool,
    /// There is another leader, or the leader has published an overview.
    pub(super) has_news: bool,
}

/// What a follower publishes about its leader.
#[derive(PartialEq)]
struct LeaderNews {
    has_delivered: bool,
    leader: Option<LeaderIdentity>,
    sweep: SweepStats,
}

/// A daemon of another host holds the lease.
struct ForeignLease(OtherHost);

pub(super) struct Leadership {
    /// Host, process and start time: unique to a daemon.
    instance: String,
    /// Lifetime of the lease.
    lease: Duration,
    role: Role,
    /// When the lease is due.
    next: Instant,
    /// When the lease of this daemon expires; `None`: it holds none.
    ours_until: Option<Instant>,
    /// When the lease of another daemon expires.
    theirs_until: Instant,
    /// The owner of that lease.
    theirs: Option<LeaseOwner>,
    conflict: Option<PrefixConflict>,
    /// Redis has answered which daemon holds the lease: before that, another host may own the keys.
    is_confirmed: bool,
    losses: LeaseLosses,
    /// That Redis rejects the lease was reported.
    reported_rejection: bool,
    timing: DeliveryTiming,
    holder: Holder,
    own: SentVersions,
    /// The last complete sweep of another daemon of this host.
    delivered_sweep: SweepStats,
}

impl Leadership {
    pub(super) fn new(config: &SmartConfig) -> Self {
        // Without blanks: in the value of a lease, a blank ends the instance.
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
            reported_rejection: false,
            timing: DeliveryTiming { interval, timeout, concurrency },
            holder: Holder::default(),
            own: SentVersions::default(),
            delivered_sweep: SweepStats::default(),
        }
    }

    pub(super) fn role(&self) -> &Role {
        &self.role
    }

    /// This daemon polls.
    pub(super) fn is_leader(&self) -> bool {
        self.role.is_leader()
    }

    /// This daemon leads, and has completed a sweep since it became the leader.
    pub(super) fn has_swept(&self) -> bool {
        self.role.has_swept()
    }

    pub(super) fn mark_swept(&mut self) {
        self.role.mark_swept();
    }

    /// Another daemon holds the lease, and publishes.
    pub(super) fn is_follower(&self) -> bool {
        self.role == Role::Follower
    }

    /// A problem with the lease, as a sentence.
    pub(super) fn problem(&mut self, host: &str) -> Option<String> {
        if let Some(conflict) = &self.conflict {
            return Some(conflict.sentence(host));
        }
        match self.late_holder() {
            Some(sentence) => Some(sentence),
            None => self.losses.sentence(Instant::now()),
        }
    }

    /// Why this daemon leads although another one holds the lease.
    fn late_holder(&self) -> Option<String> {
        let Role::LeaderWithoutLease { delivery, .. } = &self.role else { return None };
        match delivery {
            Delivery::InTime => None,
            Delivery::Late(silent) => Some(format!(
                "another daemon holds the poll lease and has published no overview of this host for {} s; polling without \
                 the lease",
                silent.as_secs()
            )),
            // A prefix of this host's own is in use already, so there is no other to change to.
            Delivery::Foreign(other) => Some(format!(
                "host {other:?} holds the poll lease of this host; polling without the lease and storing nothing in Redis"
            )),
        }
    }

    /// Host, process and start time: unique to this daemon.
    pub(super) fn instance(&self) -> &str {
        &self.instance
    }

    /// The daemon that this one follows; `None`: it follows none, or that daemon is unknown.
    pub(super) fn leader(&self) -> Option<LeaderIdentity> {
        match &self.theirs {
            Some(LeaseOwner { host, instance, .. }) if self.is_follower() => {
                Some(LeaderIdentity { host: host.clone(), instance: instance.clone() })
            }
            _ => None,
        }
    }

    /// The last complete sweep that another daemon of this host has published. All `None`: unknown.
    pub(super) fn delivered_sweep(&self) -> &SweepStats {
        &self.delivered_sweep
    }

    /// The holder of the lease has published an overview of this host.
    pub(super) fn has_delivery(&self) -> bool {
        self.holder.has_delivered()
    }

    /// Which host owns the keys in Redis. While a daemon of another host holds the lease, nothing is stored or used.
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

    /// Leads from the next renewal on, before the lease of another daemon expires: Redis is unavailable and a request waits.
    pub(super) fn promote_without_redis(&mut self) {
        let now = Instant::now();
        self.theirs_until = now;
        self.next = now;
    }

    /// Records an overview that is sent to Redis.
    pub(super) fn record_sent(&mut self, version: ContentVersion) {
        self.own.record_sent(version);
    }

    /// Acquires, renews or checks the lease.
    pub(super) fn renew(&mut self, redis: &RedisStore, view: &LocalView, at: Instant) -> Renewal {
        let (was_leader, news) = (self.is_leader(), self.news());
        let mut changed_prefix = self.end_conflict(redis, view, at);
        let mut decision = self.try_role(redis, view, at);
        if self.conflict.is_none()
            && let Err(ForeignLease(other)) = decision
        {
            changed_prefix = true;
            self.begin_conflict(redis, view, other);
            decision = self.try_role(redis, view, at);
        }
        let (role, wait) = match decision {
            Ok(decided) => decided,
            // Another host holds the lease under the prefix of this host's own, too: nothing in Redis is used.
            Err(ForeignLease(other)) => self.role_beside_foreign(other),
        };
        self.next = at + wait;
        self.set_role(role, at);
        let became_leader = self.is_leader() && !was_leader;
        Renewal { became_leader, changed_prefix, has_news: self.news() != news }
    }

    fn news(&self) -> LeaderNews {
        LeaderNews {
            has_delivered: self.holder.has_delivered(),
            leader: self.leader(),
            sweep: self.delivered_sweep.clone(),
        }
    }

    fn as_owner(&self, view: &LocalView) -> LeaseOwner {
        let (host, instance) = (view.collector.name().to_owned(), self.instance.clone());
        LeaseOwner { host, instance, identity: Some(view.collector.identity()) }
    }

    /// The role by the lease, and the time until the next check.
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
                if let Some(owner) = &lease.owner
                    && let Some(other) = OtherHost::of(owner, &view.collector.identity())
                {
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
            // The leader may still poll: this daemon waits until the lease has expired.
            Err(StoreError::Unavailable(_)) if self.is_follower() && at < self.theirs_until => {
                Ok((Role::Follower, RETRY_INTERVAL))
            }
            Err(StoreError::Unavailable(_)) => Ok((leader, RETRY_INTERVAL)),
            Err(StoreError::Refused(why)) => {
                if !self.reported_rejection {
                    log::warn!("redis rejects the poll lease, polling without it error={why:?}");
                }
                self.reported_rejection = true;
                Ok((leader, self.lease))
            }
        }
    }

    fn role_beside_foreign(&mut self, other: OtherHost) -> (Role, Duration) {
        self.holder.mark_foreign(other.name.clone());
        let delivery = Delivery::Foreign(other.name);
        (Role::LeaderWithoutLease { delivery, has_swept: self.has_swept() }, self.lease / 3)
    }

    /// Reports a lease of this daemon that disappeared before it expired.
    fn detect_loss(&mut self, held: &Result<Lease, StoreError>, redis: &RedisStore, at: Instant) {
        let until = self.ours_until.take();
        if matches!(held, Ok(Lease::Renewed | Lease::Acquired)) {
            self.ours_until = Some(at + self.lease);
        }
        let Some(until) = until else { return };
        let was_lost = matches!(held, Ok(Lease::Acquired | Lease::Theirs(_)));
        if !was_lost || at >= until {
            return;
        }
        let reason = match redis.eviction() {
            Ok(Some(eviction)) => LossReason::Eviction(eviction.to_string()),
            Ok(None) => LossReason::NoEviction,
            Err(_) => LossReason::Unknown,
        };
        if self.losses.record(reason, at)
            && let Some(sentence) = self.losses.sentence(at)
        {
            log::warn!("{sentence}");
        }
    }

    /// Changes to a key prefix of this host's own, because another host holds the lease.
    fn begin_conflict(&mut self, redis: &RedisStore, view: &LocalView, other: OtherHost) {
        let conflict = PrefixConflict::new(redis.configured_prefix(), &view.collector.identity(), other);
        log::warn!("{}", conflict.sentence(view.collector.name()));
        self.use_prefix(redis, conflict.own_prefix());
        self.conflict = Some(conflict);
    }

    /// Returns to the configured prefix if the other host no longer uses it. Returns true if it does not.
    fn end_conflict(&mut self, redis: &RedisStore, view: &LocalView, at: Instant) -> bool {
        let Some(conflict) = &mut self.conflict else { return false };
        let Ok(lease) = redis.configured_lease() else { return false };
        if !conflict.is_over(lease.as_deref(), &view.collector.identity(), at) {
            return false;
        }
        self.release(redis);
        self.conflict = None;
        let prefix = redis.configured_prefix();
        log::info!("key prefix conflict ended, using the configured prefix prefix={prefix}");
        self.use_prefix(redis, prefix);
        true
    }

    /// Changes the key prefix, and resets what is known of the lease under the previous one.
    fn use_prefix(&mut self, redis: &RedisStore, prefix: &str) {
        redis.use_prefix(prefix);
        self.ours_until = None;
        self.theirs = None;
        self.holder = Holder::default();
    }

    /// Checks whether the holder publishes again, before its lists are overwritten.
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
            let (mut holder, mut holder_id) = (HostRelation::Unknown, None);
            if let Some(owner) = &self.theirs {
                holder = relation(owner, &view.collector.identity());
                holder_id = owner.identity.as_ref().and_then(|identity| identity.machine.as_ref());
            }
            let host = ThisHost {
                name: view.collector.host_name(),
                topology: &topology::fingerprint(view.collector.inventory()),
                holder,
                holder_id,
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
        let text = match (&before, &self.role) {
            (Role::Follower | Role::LeaderWithoutLease { .. }, Role::Leader { .. }) => "became leader",
            (Role::LeaderWithoutLease { .. }, Role::Follower) => "lease holder publishes again, following it",
            (Role::Undecided | Role::Leader { .. }, Role::Follower) => "became follower, serving the leader's values",
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
        // Frequent changes of the role have a cause that is reported: the lease is lost again and again.
        let level = if self.losses.may_log_role(at) { log::Level::Info } else { log::Level::Debug };
        log::log!(level, "{text} instance={}", self.instance);
    }

    /// Releases the lease, so that another daemon can lead at once.
    pub(super) fn release(&self, redis: &RedisStore) {
        if let Role::Leader { .. } = self.role {
            // If this fails, the lease expires by itself.
            let _ = redis.release_lease(&self.instance);
        }
    }
}
