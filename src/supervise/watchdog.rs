//! The watchdog: systemd gets a keep-alive only after a self-check of the daemon has succeeded.
//!
//! The self-check: the poller's event loop runs, and a request to each public address got a response (503 is a response,
//! too, or a flood of requests would restart the daemon). `ThreadMonitor` checks that all workers live. After
//! `MAX_FAILED_CHECKS` failures in a row the daemon ends, so that it is started again; systemd's own watchdog is faster.
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

/// Between heartbeats, unless systemd's watchdog requires more.
const MAX_INTERVAL: Duration = Duration::from_secs(10);
/// Heartbeats within the timeout of systemd's watchdog.
const HEARTBEATS_PER_TIMEOUT: u32 = 4;
/// So many failed checks in a row end the daemon: a minute, without systemd's watchdog. They are counted rather than
/// timed, because a process that was frozen does not hang.
const MAX_FAILED_CHECKS: u32 = 6;

/// Between heartbeats.
pub(super) fn heartbeat_interval() -> Duration {
    watchdog_enabled().map_or(MAX_INTERVAL, |within| (within / HEARTBEATS_PER_TIMEOUT).min(MAX_INTERVAL))
}

/// Starts the thread; it ends with the stop.
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
    thread::Builder::new().name("supervise".to_owned()).spawn(run).map(drop)
}

struct Watchdog {
    server: Arc<Server>,
    reader: Arc<Reader>,
    monitor: ThreadMonitor,
    is_watched: bool,
    /// Failed checks in a row.
    failed_checks: u32,
    /// The last status sent to systemd.
    status: String,
}

impl Watchdog {
    fn check(&mut self) {
        match self.self_check() {
            None => {
                if self.failed_checks > 0 {
                    log::info!("the daemon answers again beats_missed={}", self.failed_checks);
                }
                self.failed_checks = 0;
                if self.is_watched {
                    notify_systemd(&[NotifyState::Watchdog]);
                }
            }
            Some(why) => {
                self.failed_checks += 1;
                if self.failed_checks == 1 {
                    log::warn!("the daemon does not show that it works error={why:?}");
                }
                if self.failed_checks == MAX_FAILED_CHECKS {
                    // The stop comes first, because logging may block.
                    self.monitor.fail();
                    log::error!(
                        "the daemon has not shown that it works {MAX_FAILED_CHECKS} times, stopping it error={why:?}"
                    );
                }
            }
        }
        self.notify_status();
    }

    fn self_check(&self) -> Option<String> {
        if !self.reader.is_poller_alive() {
            return Some("the poller does not go round".to_owned());
        }
        self.server.self_check().err().map(|error| format!("no answer on the own address: {error}"))
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
    let verdict = service.verdict.map_or("unknown", |v| v.as_str());
    let is = |part: Component| service.troubles.iter().any(|t| t.part == part);
    let redis = match (is(Component::Redis), is(Component::RedisWrites)) {
        (true, _) => "away",
        (_, true) => "takes no values",
        _ => "up",
    };
    let reading = if service_status.ready { "" } else { ", first sweep under way" };
    let role = if service.role == Some(DaemonRole::Follower) { ", another daemon polls" } else { "" };
    let others =
        service.troubles.iter().filter(|t| !matches!(t.part, Component::Redis | Component::RedisWrites)).count();
    let others = if others > 0 { format!(", {others} troubles (see /api/health)") } else { String::new() };
    format!("{} drives, worst verdict {verdict}, Redis {redis}{reading}{role}{others}", service.drives)
}
