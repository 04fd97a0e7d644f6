//! The handle through which other threads use the poller.

use super::forget_request::{ForgetOutcome, ForgetRequest};
use super::heartbeat::LoopHeartbeat;
use super::lookup::{PollerRequest, Snapshot};
use crate::cache::memory::MemoryStore;
use crate::stop::Stop;
use crossbeam_channel::{Receiver, Sender, bounded, select};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Handle to the poller; cheap to clone.
#[derive(Clone)]
pub(crate) struct Poller {
    pub(crate) requests: Sender<PollerRequest>,
    stop: Stop,
    pub(crate) memory: Arc<MemoryStore>,
    snapshot: Arc<RwLock<Arc<Snapshot>>>,
    heartbeat: Arc<LoopHeartbeat>,
}

impl Poller {
    /// A handle; the thread that handles its requests does not run yet.
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

    /// Waits for a reply until the timeout or a stop: requests that are in the channel at a stop are never handled.
    pub(crate) fn reply<T>(&self, replied: &Receiver<T>, timeout: Duration) -> Option<T> {
        select! {
            recv(replied) -> reply => reply.ok(),
            recv(self.stop.channel()) -> _ => replied.try_recv().ok(),
            default(timeout) => None,
        }
    }

    /// `None`: the poller did not answer in time, or a stop was requested.
    pub(crate) fn forget(&self, subject: String, uid: u32, timeout: Duration) -> Option<ForgetOutcome> {
        let (reply, replied) = bounded(1);
        let request = PollerRequest::Forget { request: ForgetRequest { subject, uid }, reply };
        self.requests.try_send(request).ok()?;
        self.reply(&replied, timeout)
    }

    /// Time since the last iteration of the loop.
    pub(crate) fn silent_for(&self) -> Duration {
        self.heartbeat.age()
    }
}
