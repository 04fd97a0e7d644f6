//! The watchdog: sends a keep-alive to systemd only after a self-check of the daemon has succeeded.
//!
//! The self-check succeeds if the poller's event loop runs and a request to each listen address gets a response. A response
//! of 503 counts, or a flood of requests would restart the daemon. `ThreadMonitor` checks that all workers run. After
//! `MAX_FAILED_CHECKS` consecutive failures the daemon exits, so that it is restarted; systemd's own watchdog is faster.
//! `last_resort` checks that this thread runs.

use super::systemd::notify_systemd;
use super::thread_monitor::ThreadMonitor;
use crate::api::service::{Component, DaemonRole};
use crate::http::Server;
use crate::reader::{Reader, ServiceStatus};
use crate::stop::Stop;
use crossbeam_channel::RecvTimeoutError;
use sd_notify::{NotifyState, watchdog_enabled};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Time between heartbeats, unless systemd's watchdog requires a shorter one.
const MAX_INTERVAL: Duration = Duration::from_secs(10);
/// Heartbeats per timeout of systemd's watchdog.
const HEARTBEATS_PER_TIMEOUT: u32 = 4;
/// The number of consecutive failed self-checks after which the daemon exits: a minute without systemd's watchdog. Counted
/// rather than timed, because a process that was frozen does not hang.
const MAX_FAILED_CHECKS: u32 = 6;

/// Time between heartbeats.
pub(super) fn heartbeat_interval() -> Duration {
    match watchdog_enabled() {
        Some(timeout) => MAX_INTERVAL.min(timeout / HEARTBEATS_PER_TIMEOUT),
        None => MAX_INTERVAL,
    }
}

/// Starts the thread, which ends with the stop.
pub(crate) fn spawn(
    server: &Arc<Server>,
    reader: &Arc<Reader>,
    monitor: &ThreadMonitor,
    stop: &Stop,
) -> std::io::Result<()> {
    let beat = heartbeat_interval();
    let guard = monitor.guard_detached("supervise");
    let mut watchdog = Watchdog {
        server: Arc::clone(server),
        reader: Arc::clone(reader),
        monitor: monitor.clone(),
        is_watched: watchdog_enabled().is_some(),
        failed_checks: 0,
        status: String::new(),
    };
    let stop = stop.clone();
    let run = move || {
        let _guard = guard;
        loop {
            watchdog.monitor.beat();
            watchdog.check();
            if stop.channel().recv_timeout(beat) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    };
    thread::Builder::new().name("supervise".to_owned()).spawn(run)?;
    Ok(())
}

struct Watchdog {
    server: Arc<Server>,
    reader: Arc<Reader>,
    monitor: ThreadMonitor,
    /// systemd expects keep-alives.
    is_watched: bool,
    /// Consecutive failed checks.
    failed_checks: u32,
    /// The last status sent to systemd.
    status: String,
}

impl Watchdog {
    fn check(&mut self) {
        match self.self_check() {
            Ok(()) => {
                if self.failed_checks > 0 {
                    log::info!("self-check succeeded again failed_checks={}", self.failed_checks);
                }
                self.failed_checks = 0;
                if self.is_watched {
                    notify_systemd(&[NotifyState::Watchdog]);
                }
            }
            Err(why) => {
                self.failed_checks += 1;
                if self.failed_checks == 1 {
                    log::warn!("self-check failed error={why:?}");
                }
                if self.failed_checks == MAX_FAILED_CHECKS {
                    // The stop is requested first, because logging may block.
                    self.monitor.fail();
                    log::error!(
                        "self-check failed repeatedly, stopping the daemon failed_checks={MAX_FAILED_CHECKS} error={why:?}"
                    );
                }
            }
        }
        self.notify_status();
    }

    fn self_check(&self) -> Result<(), String> {
        if !self.reader.is_poller_alive() {
            return Err("the event loop of the poller does not run".to_owned());
        }
        self.server.self_check().map_err(|error| format!("no response from the listen address: {error}"))
    }

    fn notify_status(&mut self) {
        let status = status(&self.reader.service_status());
        if status != self.status {
            notify_systemd(&[NotifyState::Status(&status)]);
            self.status = status;
        }
    }
}

/// One line for `systemctl status`.
fn status(service_status: &ServiceStatus) -> String {
    let service = &service_status.service;
    let verdict = match service.verdict {
        Some(verdict) => verdict.as_str(),
        None => "unknown",
    };
    let mut redis = "available";
    let mut others = 0;
    for trouble in &service.troubles {
        match trouble.part {
            Component::Redis => redis = "unavailable",
            Component::RedisWrites if redis == "available" => redis = "rejects writes",
            Component::RedisWrites => {}
            _ => others += 1,
        }
    }
    let mut status = format!("{} drives, worst verdict {verdict}, Redis {redis}", service.drives);
    if !service_status.ready {
        status.push_str(", first sweep in progress");
    }
    if service.role == Some(DaemonRole::Follower) {
        status.push_str(", another daemon polls");
    }
    if others > 0 {
        status.push_str(&format!(", {others} degraded components (see /api/health)"));
    }
    status
}
