//! Wiring: builds the parts, starts the threads in order, waits, stops them in reverse.

use crate::cache::redis::RedisStore;
use crate::clock::now;
use crate::config::{Config, Listen};
use crate::events::{EventFields, EventKind, Subject, emit, event};
use crate::http::{Desk, Gate, work};
use crate::poller::Poller;
use crate::probe::Host;
use crate::reader::Reader;
use crate::stop::Stop;
use crate::supervise::{Watch, log_panics, make_room, start_last_resort, tell, watch_over};
use anyhow::Context;
use log::Level;
use sd_notify::NotifyState;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// Connections to Redis beside those of the workers: the poller's, and one to spare.
const MORE_CONNECTIONS: usize = 2;

/// What a daemon needs to be stopped at any moment; made before anything that may block.
pub struct Life {
    stop: Stop,
    watch: Watch,
}

impl Life {
    /// From here on a signal asks for an orderly stop, and a stop ends within a bound.
    pub fn begin() -> anyhow::Result<Self> {
        let stop = Stop::new().context("cannot make the stop token")?;
        stop.on_signals().context("cannot listen to signals")?;
        let watch = Watch::new(&stop);
        start_last_resort(&watch, &stop).context("cannot start a thread")?;
        Ok(Self { stop, watch })
    }
}

/// Runs until a signal asks for the stop. An error means that a restart may help.
pub fn serve(config: &Config, Life { stop, watch }: Life) -> anyhow::Result<()> {
    log_panics();
    let connections = make_room(config);
    let gate = Arc::new(Gate::listen(&config.http, connections, &stop)?);
    say_hello(config);

    let host = Host { root: config.root.clone(), smartctl: config.smartctl.clone(), zpool: config.zpool.clone() };
    let workers = config.http.workers;
    let connections = u32::try_from(workers + MORE_CONNECTIONS).unwrap_or(u32::MAX);
    let (redis, back) = RedisStore::start(&config.redis, connections, watch.guard_apart("redis-trial"), &stop)
        .context("cannot start a thread")?;
    let redis = Arc::new(redis);
    let (poller, poller_thread) =
        Poller::start(config, host.clone(), Arc::clone(&redis), back, watch.guard("poller"), &stop)?;
    let reader = Reader::new(redis, poller, host, workers);
    let (reader, desk) = (Arc::new(reader), Arc::new(Desk::new(&gate)));
    let mut threads = Vec::new();
    for n in 0..workers {
        threads.push(worker(n, &reader, (&gate, &desk), &watch)?);
    }
    threads.push(accept(&gate, &watch, &stop)?);
    // Not waited for at the stop: it may be asking a gate that has closed.
    watch_over(&gate, &reader, &watch, &stop).context("cannot start a thread")?;
    tell(&[NotifyState::Ready]);

    stop.wait();
    tell(&[NotifyState::Stopping]);
    emit(&event!(Level::Info, EventKind::Stopping, now(), Subject::Service, EventFields::none(), "stopping"));
    for thread in threads.into_iter().chain([poller_thread]) {
        // A thread that panicked has been reported by its guard.
        let _ = thread.join();
    }
    if let Listen::Unix(path) = &config.http.listen {
        let _ = std::fs::remove_file(path);
    }
    anyhow::ensure!(!watch.has_failed(), "stopped because of a failure");
    log::info!("stopped");
    Ok(())
}

fn worker(
    n: usize,
    reader: &Arc<Reader>,
    (gate, desk): (&Arc<Gate>, &Arc<Desk>),
    watch: &Watch,
) -> anyhow::Result<JoinHandle<()>> {
    let (reader, gate, desk) = (Arc::clone(reader), Arc::clone(gate), Arc::clone(desk));
    let guard = watch.guard(&format!("http-{n}"));
    let run = move || {
        let _guard = guard;
        work(&reader, &gate, &desk);
    };
    thread::Builder::new().name(format!("http-{n}")).spawn(run).context("cannot start a worker")
}

fn accept(gate: &Arc<Gate>, watch: &Watch, stop: &Stop) -> anyhow::Result<JoinHandle<()>> {
    let (gate, stop, guard) = (Arc::clone(gate), stop.clone(), watch.guard("gate"));
    let run = move || {
        let _guard = guard;
        if let Err(error) = gate.accept(&stop) {
            log::error!("the gate cannot watch its connections error={error:?}");
        }
    };
    thread::Builder::new().name("gate".to_owned()).spawn(run).context("cannot start the gate")
}

fn say_hello(config: &Config) {
    let program = |path: &Option<std::path::PathBuf>| {
        path.as_ref().map_or_else(|| "none".to_owned(), |p| p.display().to_string())
    };
    let listen = match &config.http.listen {
        Listen::Tcp(addresses) => addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        Listen::Unix(path) => format!("unix:{}", path.display()),
    };
    emit(&event!(
        Level::Info,
        EventKind::Started,
        now(),
        Subject::Service,
        EventFields::none(),
        "started version={} listen={listen} redis={} root={} smartctl={} zpool={} interval_s={}",
        env!("CARGO_PKG_VERSION"),
        config.redis.address,
        config.root.display(),
        program(&config.smartctl),
        program(&config.zpool),
        config.smart.poll_interval.as_secs()
    ));
}
