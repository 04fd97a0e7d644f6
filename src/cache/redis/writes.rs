//! The breaker for writes: a Redis that is read only, full or not allowed to be written is still
//! read. While it is open nothing is written but one trial at a time.

use super::health::Ill;
use crate::clock::now;
use crate::events::{EventFields, EventKind, Subject, emit, event};
use log::Level;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Between trials: soon at first, then …
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// … at most this, so that there is one at least every five seconds.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(4);

#[derive(Default)]
pub(super) struct Writes {
    state: Mutex<State>,
}

#[derive(Clone, Default)]
enum State {
    #[default]
    Well,
    /// Nothing is written.
    Ill(Ill),
    /// A trial went well: everything is sent, which will show.
    Proving(Ill),
}

impl Writes {
    pub(super) fn may_write(&self) -> bool {
        !matches!(*self.state(), State::Ill(_))
    }

    pub(super) fn is_well(&self) -> bool {
        matches!(*self.state(), State::Well)
    }

    pub(super) fn ill(&self) -> Option<Ill> {
        match &*self.state() {
            State::Well => None,
            State::Ill(ill) | State::Proving(ill) => Some(ill.clone()),
        }
    }

    /// True: this opened it, and is said.
    pub(super) fn refused(&self, why: &str) -> bool {
        let mut state = self.state();
        let (began, opened) = match &*state {
            State::Well => (None, true),
            State::Ill(ill) | State::Proving(ill) => (Some(ill.began), false),
        };
        let ill = Ill::new(why);
        *state = State::Ill(Ill { began: began.unwrap_or(ill.began), ..ill });
        if opened {
            emit(&event!(
                Level::Warn,
                EventKind::RedisRefuses,
                now(),
                Subject::Redis,
                EventFields::none(),
                "redis takes no values, serving what it holds and memory error={why:?}"
            ));
        }
        opened
    }

    /// A trial went well.
    pub(super) fn tried(&self) {
        let mut state = self.state();
        if let State::Ill(ill) = &*state {
            *state = State::Proving(ill.clone());
        }
    }

    /// Values were taken, or nothing was refused for long enough after a trial went well.
    pub(super) fn proven(&self) {
        let mut state = self.state();
        if let State::Proving(ill) = &*state {
            emit(&event!(
                Level::Info,
                EventKind::RedisTakes,
                now(),
                Subject::Redis,
                EventFields::none(),
                "redis takes values again refused_s={}",
                ill.began.age_seconds()
            ));
            *state = State::Well;
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
    fn it_is_open_until_values_are_taken_after_a_trial() {
        let writes = Writes::default();
        assert!(writes.refused("OOM") && !writes.refused("READONLY"), "one refusal opens it, and is said");
        assert!(!writes.may_write() && writes.ill().is_some_and(|ill| ill.why == "READONLY"));
        writes.proven();
        assert!(!writes.may_write(), "nothing was tried");
        writes.tried();
        assert!(writes.may_write() && !writes.is_well() && writes.ill().is_some());
        assert!(!writes.refused("OOM"), "it was not over, so it is not said again");
        assert!(!writes.may_write());
        writes.tried();
        writes.proven();
        assert!(writes.is_well() && writes.ill().is_none());
        writes.tried();
        assert!(writes.is_well(), "a trial of what is well changes nothing");
    }
}
