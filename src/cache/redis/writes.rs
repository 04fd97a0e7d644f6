//! The breaker for writes: a Redis that is read only, full or not allowed to be written is still
//! read. While it is open nothing is written but one trial at a time.

use super::health::Ill;
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
        let (since, opened) = match &*state {
            State::Well => (None, true),
            State::Ill(ill) | State::Proving(ill) => (Some(ill.since), false),
        };
        let ill = Ill::new(why);
        *state = State::Ill(Ill { since: since.unwrap_or(ill.since), ..ill });
        if opened {
            log::warn!("redis takes no values, serving what it holds and memory error={why:?}");
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
            log::info!("redis takes values again refused_s={}", ill.since.age_seconds(super::health::now()));
            *state = State::Well;
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
