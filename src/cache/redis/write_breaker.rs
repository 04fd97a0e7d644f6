//! The circuit breaker for writes: a Redis that is read-only, full or rejects writes of this user is still read. While
//! the breaker is open, nothing is written but one probe at a time.

use super::health::Outage;
use crate::clock::now;
use crate::events::{EventFields, EventKind, Subject, emit, event};
use log::Level;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Initial interval between probes; it doubles …
pub(super) const MIN_PROBE_INTERVAL: Duration = Duration::from_millis(500);
/// … up to this, so that there is a probe at least every five seconds.
pub(super) const MAX_PROBE_INTERVAL: Duration = Duration::from_secs(4);

#[derive(Default)]
pub(super) struct WriteBreaker {
    state: Mutex<State>,
}

#[derive(Clone, Default)]
enum State {
    #[default]
    Closed,
    /// Nothing is written.
    Open(Outage),
    /// A probe has succeeded: all values are sent, and the result decides.
    HalfOpen(Outage),
}

impl WriteBreaker {
    pub(super) fn may_write(&self) -> bool {
        !matches!(*self.state(), State::Open(_))
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(*self.state(), State::Closed)
    }

    pub(super) fn outage(&self) -> Option<Outage> {
        match &*self.state() {
            State::Closed => None,
            State::Open(outage) | State::HalfOpen(outage) => Some(outage.clone()),
        }
    }

    /// Opens the breaker. True if it was closed, which is logged.
    pub(super) fn open(&self, why: &str) -> bool {
        let mut state = self.state();
        let new = Outage::new(why);
        let (outage, opened) = match &*state {
            State::Closed => (new, true),
            State::Open(outage) | State::HalfOpen(outage) => (Outage { began: outage.began, ..new }, false),
        };
        *state = State::Open(outage);
        if opened {
            emit(&event!(
                Level::Warn,
                EventKind::RedisRefuses,
                now(),
                Subject::Redis,
                EventFields::none(),
                "redis rejects writes, serving its values and those in memory error={why:?}"
            ));
        }
        opened
    }

    /// A probe has succeeded.
    pub(super) fn probe_succeeded(&self) {
        let mut state = self.state();
        if let State::Open(outage) = &*state {
            *state = State::HalfOpen(outage.clone());
        }
    }

    /// Writes were accepted, or no write was rejected for long enough after a successful probe.
    pub(super) fn confirm_writes(&self) {
        let mut state = self.state();
        if let State::HalfOpen(outage) = &*state {
            emit(&event!(
                Level::Info,
                EventKind::RedisTakes,
                now(),
                Subject::Redis,
                EventFields::none(),
                "redis accepts writes again refused_s={}",
                outage.began.age_seconds()
            ));
            *state = State::Closed;
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_open_until_writes_are_accepted_after_a_probe() {
        let writes = WriteBreaker::default();
        assert!(writes.open("OOM") && !writes.open("READONLY"), "the first rejection opens it");
        assert!(!writes.may_write() && writes.outage().is_some_and(|outage| outage.why == "READONLY"));
        writes.confirm_writes();
        assert!(!writes.may_write(), "there was no probe");
        writes.probe_succeeded();
        assert!(writes.may_write() && !writes.is_closed() && writes.outage().is_some());
        assert!(!writes.open("OOM"), "the outage was not over, so it is not logged again");
        assert!(!writes.may_write());
        writes.probe_succeeded();
        writes.confirm_writes();
        assert!(writes.is_closed() && writes.outage().is_none());
        writes.probe_succeeded();
        assert!(writes.is_closed(), "a probe does not change a closed breaker");
    }
}
