//! Whether the daemon is well: its threads, its own public port, its descriptors, and what systemd
//! is told of it. And what ends it where it cannot end itself.

mod descriptors;
mod last_resort;
mod pulse;

pub(crate) use descriptors::make_room;
pub(crate) use last_resort::start as start_last_resort;
pub(crate) use pulse::watch_over;

use crate::stop::Stop;
use sd_notify::NotifyState;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

/// Told to systemd; nothing happens where there is none.
pub(crate) fn tell(states: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        log::debug!("systemd could not be told error={error:?}");
    }
}

/// Watches that no thread of ours ends unasked: one that does takes the daemon with it, so that
/// it is restarted whole.
#[derive(Clone)]
pub(crate) struct Watch {
    stop: Stop,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    failed: AtomicBool,
    /// Heartbeats of `supervise`.
    beats: AtomicU64,
    /// Threads that a stop waits for and that have not ended, by name.
    awaited: Mutex<Vec<String>>,
}

impl Watch {
    pub(crate) fn new(stop: &Stop) -> Self {
        Self { stop: stop.clone(), inner: Arc::default() }
    }

    /// Keeps watch over the thread that holds the guard, by name. A stop waits for that thread.
    pub(crate) fn guard(&self, name: &str) -> Guard {
        self.inner.awaited.lock().unwrap_or_else(PoisonError::into_inner).push(name.to_owned());
        Guard { watch: self.clone(), name: name.to_owned() }
    }

    /// The same, of a thread that no stop waits for.
    pub(crate) fn guard_apart(&self, name: &str) -> Guard {
        Guard { watch: self.clone(), name: name.to_owned() }
    }

    /// Stops the daemon as failed.
    fn fail(&self) {
        self.inner.failed.store(true, Ordering::Release);
        self.stop.ask();
    }

    /// The daemon does not stop because it was asked to.
    pub(crate) fn has_failed(&self) -> bool {
        self.inner.failed.load(Ordering::Acquire)
    }

    /// `supervise` goes round.
    fn beat(&self) {
        self.inner.beats.fetch_add(1, Ordering::Release);
    }

    fn beats(&self) -> u64 {
        self.inner.beats.load(Ordering::Acquire)
    }

    /// Threads that a stop still waits for. Waits for no lock: `None` while another thread holds it.
    fn awaited(&self) -> Option<Vec<String>> {
        match self.inner.awaited.try_lock() {
            Ok(names) => Some(names.clone()),
            Err(TryLockError::Poisoned(names)) => Some(names.into_inner().clone()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

pub(crate) struct Guard {
    watch: Watch,
    name: String,
}

impl Drop for Guard {
    fn drop(&mut self) {
        {
            let mut names = self.watch.inner.awaited.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(place) = names.iter().position(|name| *name == self.name) {
                names.swap_remove(place);
            }
        }
        if !self.watch.stop.asked() {
            // First the stop: a line in the log may block.
            self.watch.fail();
            log::error!("a thread ended unasked, stopping the daemon thread={}", self.name);
        }
    }
}

/// Panics of threads that are not ours (tiny_http's, on a client that resets its connection) are
/// a line in the log, and no more than one a minute.
pub(crate) fn log_panics() {
    let last = std::sync::Mutex::new(None::<std::time::Instant>);
    std::panic::set_hook(Box::new(move |panic| {
        let mut last = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.is_some_and(|at| at.elapsed().as_secs() < 60) {
            return;
        }
        *last = Some(std::time::Instant::now());
        let thread = std::thread::current();
        log::warn!("a thread panicked thread={} panic={:?}", thread.name().unwrap_or("unnamed"), panic.to_string());
    }));
}
