//! The handle by which other threads reach the poller.

use super::heartbeat::LoopHeartbeat;
use super::lookup::{PollerRequest, Snapshot, ValueSource};
use crate::cache::memory::MemoryStore;
use crate::stop::Stop;
use crossbeam_channel::{Receiver, Sender, select};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Handle to the poller.
#[derive(Clone)]
pub(crate) struct Poller {
    pub(crate) requests: Sender<PollerRequest>,
    stop: Stop,
    pub(crate) memory: Arc<MemoryStore>,
    snapshot: Arc<RwLock<Arc<Snapshot>>>,
    heartbeat: Arc<LoopHeartbeat>,
}

impl Poller {
    /// A handle without a thread behind it yet.
    pub(super) fn new(requests: Sender<PollerRequest>, stop: Stop) -> Self {
        Self { requests, stop, memory: Arc::default(), snapshot: Arc::default(), heartbeat: Arc::default() }
    }

    pub(super) fn publish_snapshot(&self, snapshot: Snapshot) {
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
    }

    pub(super) fn heartbeat(&self) -> &LoopHeartbeat {
        &self.heartbeat
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for a reply, but not after a stop: requests that are then in the channel are never handled.
    pub(crate) fn reply(&self, replied: &Receiver<ValueSource>, timeout: Duration) -> Option<ValueSource> {
        select! {
            recv(replied) -> source => source.ok(),
            recv(self.stop.channel()) -> _ => replied.try_recv().ok(),
            default(timeout) => None,
        }
    }

    /// Time since the last iteration of the loop.
    pub(crate) fn silent_for(&self) -> Duration {
        self.heartbeat.age()
    }
}
