//! Who polls: of several daemons on one Redis, the one with the lease; without Redis, each its own.
//!
//! The lease of another daemon is believed only while that one delivers (`holder`). Where it does not, this daemon polls for
//! itself, without fighting for the lease: until the holder delivers again, or the lease becomes its own.

use super::KeysOf;
use super::holder::{Delivery, Holder, Own, Patience};
use crate::api::content_version::ContentVersion;
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

/// What polling is to this daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Redis has not been asked yet.
    Undecided,
    /// Its own: by the lease, or because there is no Redis to share it.
    Leads,
    /// Another daemon's.
    Follows,
    /// Another daemon's, which does not deliver.
    Alone(Delivery),
}

/// What this daemon is, for comparison with what Redis has.
pub(super) struct View<'a> {
    pub(super) host: &'a str,
    /// Drives that are here.
    pub(super) drives: usize,
    /// What a list in Redis may have.
    pub(super) list_bytes: usize,
}

pub(super) struct Role {
    /// Host, process and start: no two daemons share it.
    owner: String,
    lease: Duration,
    state: State,
    next: Instant,
    /// Until when another daemon's lease was known to last.
    theirs_until: Instant,
    refused: bool,
    patience: Patience,
    holder: Holder,
    own: Own,
}

impl Role {
    pub(super) fn new(config: &SmartConfig) -> Self {
        let node = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let started = jiff::Timestamp::now().as_microsecond();
        let (interval, timeout) = (config.poll_interval, config.timeout);
        let concurrency = config.concurrency.min(config.concurrency_per_host);
        Self {
            owner: format!("{node}:{}:{started}", std::process::id()),
            lease: interval.clamp(SHORTEST_LEASE, LONGEST_LEASE),
            state: State::Undecided,
            next: Instant::now(),
            theirs_until: Instant::now(),
            refused: false,
            patience: Patience { interval, timeout, concurrency },
            holder: Holder::default(),
            own: Own::default(),
        }
    }

    /// This daemon sweeps.
    pub(super) fn polls(&self) -> bool {
        matches!(self.state, State::Leads | State::Alone(_))
    }

    /// Redis has said that another daemon polls, and that one delivers.
    pub(super) fn follows(&self) -> bool {
        self.state == State::Follows
    }

    /// Why this daemon polls although another one holds the lease.
    pub(super) fn alone_because(&self) -> Option<&Delivery> {
        match &self.state {
            State::Alone(why) => Some(why),
            _ => None,
        }
    }

    /// There is an overview of this host from whoever holds the lease.
    pub(super) fn has_delivery(&self) -> bool {
        self.holder.has_delivered()
    }

    /// The keys in Redis are another host's, whose daemon holds the lease: nothing is stored there, and nothing is of use.
    pub(super) fn keys(&self) -> KeysOf {
        if !matches!(self.state, State::Leads) && self.holder.is_foreign() {
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

    pub(super) fn ask_soon(&mut self) {
        self.next = Instant::now();
    }

    /// Redis is away and somebody asks: no waiting for another's lease to lapse.
    pub(super) fn lead_alone(&mut self) {
        (self.theirs_until, self.next) = (Instant::now(), Instant::now());
    }

    /// That overview goes to Redis.
    pub(super) fn sends(&mut self, version: ContentVersion) {
        self.own.sends(version);
    }

    /// Takes, prolongs or looks at the lease. True: a sweep is due because polling has become ours.
    pub(super) fn renew(&mut self, redis: &RedisStore, view: &View, at: Instant) -> bool {
        let polled = self.polls();
        let (state, wait) = match redis.hold_lease(&self.owner, self.lease) {
            Ok(Lease::Ours) => (State::Leads, self.lease / 3),
            Ok(Lease::Theirs(left)) => {
                self.theirs_until = at + left;
                let state = self.beside_holder(redis, view, at);
                (state, (left + Duration::from_millis(10)).min(self.lease / 3))
            }
            // Whoever polls may still do so: its lease must have lapsed before two do.
            Err(StoreError::Unavailable(_)) if self.follows() && at < self.theirs_until => {
                (State::Follows, WITHOUT_REDIS)
            }
            Err(StoreError::Unavailable(_)) => (State::Leads, WITHOUT_REDIS),
            Err(StoreError::Refused(why)) => {
                if !self.refused {
                    log::warn!("redis refuses the poll lease, polling without one error={why:?}");
                }
                self.refused = true;
                (State::Leads, self.lease)
            }
        };
        self.next = at + wait;
        self.becomes(state, view.host);
        self.polls() && !polled
    }

    /// Looks whether the holder delivers again, before anything is stored in its place.
    pub(super) fn check_holder(&mut self, redis: &RedisStore, view: &View, at: Instant) {
        if let State::Alone(_) = self.state {
            let state = self.beside_holder(redis, view, at);
            self.becomes(state, view.host);
        }
    }

    /// What polling is to this daemon while another one holds the lease.
    fn beside_holder(&mut self, redis: &RedisStore, view: &View, at: Instant) -> State {
        if matches!(self.state, State::Undecided | State::Leads) {
            self.holder = Holder::default();
        }
        // Redis has just answered; if it does not now, the next look says so.
        if let Ok(published) = redis.published(view.list_bytes) {
            self.holder.seen(published.as_ref(), &self.own, view.host, at);
        }
        match self.holder.delivery(&self.patience, view.drives) {
            Delivery::InTime => State::Follows,
            late => State::Alone(late),
        }
    }

    fn becomes(&mut self, state: State, host: &str) {
        let before = std::mem::replace(&mut self.state, state);
        match (&before, &self.state) {
            (State::Follows | State::Alone(_), State::Leads) => log::info!("polling taken over owner={}", self.owner),
            (State::Alone(_), State::Follows) => {
                log::info!(
                    "the holder of the poll lease publishes again, serving its values this_daemon={}",
                    self.owner
                );
            }
            (State::Undecided | State::Leads, State::Follows) => {
                log::info!("another daemon polls, serving its values this_daemon={}", self.owner);
            }
            (State::Alone(was), State::Alone(is)) if std::mem::discriminant(was) == std::mem::discriminant(is) => {}
            (_, State::Alone(_)) => log::warn!("{}", self.trouble(host).unwrap_or_default()),
            _ => {}
        }
    }

    pub(super) fn release(&self, redis: &RedisStore) {
        if self.state == State::Leads {
            // A lease that cannot be given back lapses.
            let _ = redis.release_lease(&self.owner);
        }
    }
}
