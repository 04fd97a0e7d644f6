//! Whether the daemon is well: its threads, its own public port, its descriptors, and what systemd
//! is told of it.

mod descriptors;
mod pulse;

pub use descriptors::make_room;
pub use pulse::watch_over;

use crate::stop::Stop;
use sd_notify::NotifyState;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Told to systemd; nothing happens where there is none.
pub fn tell(states: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        log::debug!("systemd could not be told error={error:?}");
    }
}

/// Watches that no thread of ours ends unasked: one that does takes the daemon with it, so that
/// it is restarted whole.
#[derive(Clone)]
pub struct Watch {
    stop: Stop,
    failed: Arc<AtomicBool>,
}

impl Watch {
    pub fn new(stop: &Stop) -> Self {
        Self { stop: stop.clone(), failed: Arc::default() }
    }

    /// Keeps watch over the thread that holds the guard, by name.
    pub fn guard(&self, name: &str) -> Guard {
        Guard { watch: self.clone(), name: name.to_owned() }
    }

    /// Stops the daemon as failed.
    fn fail(&self) {
        self.failed.store(true, Ordering::Release);
        self.stop.ask();
    }

    /// The daemon does not stop because it was asked to.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }
}

pub struct Guard {
    watch: Watch,
    name: String,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.watch.stop.asked() {
            log::error!("a thread ended unasked, stopping the daemon thread={}", self.name);
            self.watch.fail();
        }
    }
}

/// Panics of threads that are not ours (tiny_http's, on a client that resets its connection) are
/// a line in the log, and no more than one a minute.
pub fn log_panics() {
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
