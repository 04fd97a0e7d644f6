//! Starts the poller's thread.

use super::degraded_parts::DegradedParts;
use super::detect::Detector;
use super::event_loop::{EventLoop, Republish};
use super::handle::Poller;
use super::leadership::Leadership;
use super::missing_drives::MissingDrives;
use super::pending_requests::PendingRequests;
use super::publisher::Publisher;
use super::readiness::Readiness;
use crate::cache::redis::RedisStore;
use crate::collector::{Collector, PoolError};
use crate::config::Config;
use crate::probe::Host;
use crate::stop::Stop;
use crossbeam_channel::{Receiver, bounded};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;
use thiserror::Error;

/// Maximum number of requests in the poller's queue; the reader rejects further ones.
const COMMAND_QUEUE_LEN: usize = 64;

#[derive(Debug, Error)]
pub(crate) enum StartError {
    #[error("cannot start the threads that run smartctl: {0}")]
    Pool(#[from] PoolError),
    #[error("cannot start the poller: {0}")]
    Thread(#[from] std::io::Error),
}

/// Runs a discovery, so that the bays can be served at once, then starts the thread.
///
/// The thread drops `alive` when it ends. `redis_is_back` receives a message whenever Redis is available again.
/// `control_problem`: why there is no control socket.
pub(crate) fn start(
    config: &Config,
    host: Host,
    redis: Arc<RedisStore>,
    redis_is_back: Receiver<()>,
    alive: impl Send + 'static,
    stop: &Stop,
    control_problem: Option<String>,
) -> Result<(Poller, JoinHandle<()>), StartError> {
    let (request_sender, requests) = bounded(COMMAND_QUEUE_LEN);
    let stop = stop.clone();
    let handle = Poller::new(request_sender, stop.clone());
    let (rules, layouts) = (Arc::clone(&config.limits), Arc::clone(&config.layouts));
    let (collector, reports) = Collector::new(host, config.smart.clone(), rules, layouts, stop.clone())?;
    let interval = config.smart.poll_interval;
    let publisher = Publisher::new(Arc::clone(&redis), Arc::clone(&handle.memory), config.lifetimes, interval);
    let now = Instant::now();
    let mut event_loop = EventLoop {
        collector,
        leadership: Leadership::new(&config.smart),
        publisher,
        detector: Detector::default(),
        redis,
        handle: handle.clone(),
        interval,
        next_sweep: now,
        next_check: now,
        last_discovery: now,
        rediscover_at: None,
        pending: PendingRequests::default(),
        missing: MissingDrives::default(),
        readiness: Readiness::default(),
        republish: Republish::default(),
        degraded: DegradedParts::default(),
        control_problem,
    };
    // Before the first request and reading: which drives are present, and their bays.
    event_loop.discover();
    event_loop.rebuild_lists();
    let thread = thread::Builder::new().name("poller".to_owned()).spawn(move || {
        let _alive = alive;
        event_loop.run(&requests, &reports, &redis_is_back, &stop);
    })?;
    Ok((handle, thread))
}
