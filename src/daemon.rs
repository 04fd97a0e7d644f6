//! The daemon: builds its parts, starts the threads, and waits for the stop and for the end of the threads.

use crate::cache::redis::RedisStore;
use crate::clock::now;
use crate::config::Config;
use crate::control::ControlServer;
use crate::events::{EventFields, EventKind, Subject, emit, event};
pub use crate::http::Endpoint;

use crate::http::{Addresses, Server, WorkerContext, run_worker};
use crate::poller;
use crate::probe::Host;
use crate::reader::Reader;
use crate::stop::Stop;
use crate::supervise::{
    ThreadMonitor, log_panics, notify_systemd, raise_descriptor_limit, spawn_watchdog, start_last_resort,
};
use anyhow::Context;
use log::Level;
use sd_notify::NotifyState;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// Connections to Redis besides those of the workers: the poller's, and a spare one.
const EXTRA_CONNECTIONS: usize = 2;

/// The stop token and the thread monitor. Created before anything that may block, so that a stop works at any time.
pub struct StopControl {
    stop: Stop,
    monitor: ThreadMonitor,
}

impl StopControl {
    /// From now on a signal requests an orderly stop, and a stop completes within a bounded time.
    pub fn begin() -> anyhow::Result<Self> {
        let stop = Stop::new().context("cannot create the stop token")?;
        stop.on_signals().context("cannot install signal handlers")?;
        let monitor = ThreadMonitor::new(&stop);
        start_last_resort(&monitor, &stop).context("cannot start a thread")?;
        Ok(Self { stop, monitor })
    }
}

/// Runs until a stop is requested. After an error a restart may help.
pub fn serve(config: &Config, endpoint: &Endpoint, StopControl { stop, monitor }: StopControl) -> anyhow::Result<()> {
    log_panics();
    let connections = raise_descriptor_limit(config);
    let server = Arc::new(Server::bind(endpoint, connections, &stop)?);
    log_startup(config, endpoint, &server.listen_addresses());

    let host = Host { root: config.root.clone(), smartctl: config.smartctl.clone(), zpool: config.zpool.clone() };
    let workers = config.http.workers;
    let connections = u32::try_from(workers + EXTRA_CONNECTIONS).unwrap_or(u32::MAX);
    let (redis, back) = RedisStore::start(&config.redis, connections, monitor.guard_detached("redis-probe"), &stop)
        .context("cannot start a thread")?;
    let redis = Arc::new(redis);
    let (control, problem) = ControlServer::bind(&config.control);
    let guard = monitor.guard("poller");
    let (poller, poller_thread) = poller::start(config, host.clone(), Arc::clone(&redis), back, guard, &stop, problem)?;
    let mut threads = Vec::new();
    if let Some(control) = control {
        let thread = control.start(poller.clone(), monitor.guard("control"), &stop).context("cannot start a thread")?;
        threads.push(thread);
    }
    let reader = Reader::new(redis, poller, host, workers);
    let (reader, context) = (Arc::new(reader), Arc::new(WorkerContext::new(&server)));
    for number in 0..workers {
        threads.push(start_worker(number, &reader, &server, &context, &monitor)?);
    }
    threads.push(start_event_loop(&server, &monitor, &stop)?);
    // The stop does not wait for this thread, whose self-check may wait for a server that has stopped.
    spawn_watchdog(&server, &reader, &monitor, &stop).context("cannot start a thread")?;
    notify_systemd(&[NotifyState::Ready]);

    stop.wait();
    notify_systemd(&[NotifyState::Stopping]);
    emit(&event!(Level::Info, EventKind::Stopping, now(), Subject::Service, EventFields::none(), "stopping"));
    for thread in threads.into_iter().chain([poller_thread]) {
        // The guard of a thread that panicked has logged it.
        let _ = thread.join();
    }
    if let Addresses::Unix(path) = &endpoint.addresses {
        let _ = std::fs::remove_file(path);
    }
    anyhow::ensure!(!monitor.has_failed(), "stopped because of a failure");
    log::info!("stopped");
    Ok(())
}

fn start_worker(
    number: usize,
    reader: &Arc<Reader>,
    server: &Arc<Server>,
    context: &Arc<WorkerContext>,
    monitor: &ThreadMonitor,
) -> anyhow::Result<JoinHandle<()>> {
    let (reader, server, context) = (Arc::clone(reader), Arc::clone(server), Arc::clone(context));
    let name = format!("http-{number}");
    let guard = monitor.guard(&name);
    let run = move || {
        let _guard = guard;
        run_worker(&reader, &server, &context);
    };
    thread::Builder::new().name(name).spawn(run).context("cannot start a request worker")
}

fn start_event_loop(server: &Arc<Server>, monitor: &ThreadMonitor, stop: &Stop) -> anyhow::Result<JoinHandle<()>> {
    let (server, stop, guard) = (Arc::clone(server), stop.clone(), monitor.guard("http-server"));
    let run = move || {
        let _guard = guard;
        if let Err(error) = server.run(&stop) {
            log::error!("http server failed error={error:?}");
        }
    };
    thread::Builder::new().name("http-server".to_owned()).spawn(run).context("cannot start the http server")
}

fn log_startup(config: &Config, endpoint: &Endpoint, listen: &str) {
    emit(&event!(
        Level::Info,
        EventKind::Started,
        now(),
        Subject::Service,
        EventFields::none(),
        "started version={} listen={listen} auth={} redis={} root={} smartctl={} zpool={} interval_s={}",
        env!("CARGO_PKG_VERSION"),
        if endpoint.token.is_some() { "token" } else { "none" },
        config.redis.address,
        config.root.display(),
        shown_program(config.smartctl.as_deref()),
        shown_program(config.zpool.as_deref()),
        config.smart.poll_interval.as_secs()
    ));
}

fn shown_program(path: Option<&Path>) -> String {
    match path {
        Some(path) => path.display().to_string(),
        None => "none".to_owned(),
    }
}
