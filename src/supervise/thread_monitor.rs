//! Monitors the threads of the daemon.

use crate::stop::Stop;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

/// Monitors that no thread of the daemon ends before the stop: one that does stops the daemon, so that it is restarted as
/// a whole.
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

    /// A guard for a thread that no stop waits for.
    pub(crate) fn guard_detached(&self, name: &str) -> ThreadGuard {
        ThreadGuard { monitor: self.clone(), name: name.to_owned() }
    }

    /// Stops the daemon as failed.
    pub(super) fn fail(&self) {
        self.shared.failed.store(true, Ordering::Release);
        self.stop.request();
    }

    /// The daemon stops because of a failure.
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

    /// Threads that a stop still waits for. Does not wait for the lock: `None` while another thread holds it.
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
            // The stop comes first, because logging may block.
            self.monitor.fail();
            log::error!("a thread ended unasked, stopping the daemon thread={}", self.name);
        }
    }
}
