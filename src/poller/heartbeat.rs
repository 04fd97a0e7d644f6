//! Heartbeat of the poller's event loop.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The time of the last iteration of the loop.
#[derive(Debug)]
pub(super) struct LoopHeartbeat {
    started: Instant,
    last_ms: AtomicU64,
}

impl Default for LoopHeartbeat {
    fn default() -> Self {
        Self { started: Instant::now(), last_ms: AtomicU64::new(0) }
    }
}

impl LoopHeartbeat {
    pub(super) fn beat(&self) {
        let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(ms, Ordering::Release);
    }

    /// Time since the last `beat`.
    pub(super) fn age(&self) -> Duration {
        self.started.elapsed().saturating_sub(Duration::from_millis(self.last_ms.load(Ordering::Acquire)))
    }
}
