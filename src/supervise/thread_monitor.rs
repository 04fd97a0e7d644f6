//! The monitor of the daemon's threads.

use crate::stop::Stop;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

/// Stops the daemon if one of its threads ends before a stop is requested, so that the service manager restarts it.
#[derive(Clone)]
pub(crate) struct ThreadMonitor {
    stop: Stop,
    pub(super) shared: Arc<MonitorState>,
}

#[derive(Default)]
pub(super) struct MonitorState {
    failed: AtomicBool,
    /// Heartbeats of the watchdog.
    heartbeats: AtomicU64,
    /// Threads that a stop waits for and that have not ended, by name.
    pub(super) awaited: Mutex<Vec<String>>,
}

impl ThreadMonitor {
    pub(crate) fn new(stop: &Stop) -> Self {
        Self { stop: stop.clone(), shared: Arc::default() }
    }

    /// A guard for the thread of that name. A stop waits for the thread.
    pub(crate) fn guard(&self, name: &str) -> ThreadGuard {
        self.shared.awaited.lock().unwrap_or_else(PoisonError::into_inner).push(name.to_owned());
        ThreadGuard { monitor: self.clone(), name: name.to_owned() }
    }

    /// A guard for a thread that a stop does not wait for.
    pub(crate) fn guard_detached(&self, name: &str) -> ThreadGuard {
        ThreadGuard { monitor: self.clone(), name: name.to_owned() }
    }

    /// Stops the daemon as failed.
    pub(super) fn fail(&self) {
        self.shared.failed.store(true, Ordering::Release);
        self.stop.request();
    }

    /// Whether the daemon stops because of a failure.
    pub(crate) fn has_failed(&self) -> bool {
        self.shared.failed.load(Ordering::Acquire)
    }

    /// Records a heartbeat.
    pub(super) fn beat(&self) {
        self.shared.heartbeats.fetch_add(1, Ordering::Release);
    }

    pub(super) fn heartbeats(&self) -> u64 {
        self.shared.heartbeats.load(Ordering::Acquire)
    }

    /// The threads that a stop still waits for. Does not wait for the lock: `None` while another thread holds it.
    pub(super) fn awaited(&self) -> Option<Vec<String>> {
        match self.shared.awaited.try_lock() {
            Ok(names) => Some(names.clone()),
            Err(TryLockError::Poisoned(names)) => Some(names.into_inner().clone()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

pub(crate) struct ThreadGuard {
    monitor: ThreadMonitor,
    name: String,
}

impl Drop for ThreadGuard {
    fn drop(&mut self) {
        {
            let mut names = self.monitor.shared.awaited.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(index) = names.iter().position(|name| *name == self.name) {
                names.swap_remove(index);
            }
        }
        if !self.monitor.stop.is_requested() {
            // The stop is requested first, because logging may block.
            self.monitor.fail();
            log::error!("thread exited unexpectedly, stopping the daemon thread={}", self.name);
        }
    }
}
