//! The heartbeat: systemd's watchdog is fed only when the daemon has just shown that it works.
//!
//! Shown is: the poller goes round, and a request to the own public address was answered (by a
//! worker; a "too many connections" is an answer as well, or any flood would get the daemon
//! restarted). That the workers are whole is `Watch`'s business. A daemon that cannot show it six
//! times in a row ends, so that whoever started it starts it again; systemd's watchdog is quicker.
//! That this thread itself goes round is the business of `last_resort`.

use super::{Watch, tell};
use crate::api::service::Component;
use crate::http::Server;
use crate::reader::{Reader, ServiceStatus};
use crate::stop::Stop;
use crossbeam_channel::RecvTimeoutError;
use sd_notify::{NotifyState, watchdog_enabled};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Between beats, where no watchdog wants them sooner.
const BEAT: Duration = Duration::from_secs(10);
/// Beats in a watchdog's time: one may be missed.
const BEATS_IN_TIME: u32 = 4;
/// So many in a row without a sign of life end the daemon: without a watchdog, a minute. Counted, and
/// not by the clock: a daemon that was frozen is none that hangs.
const LAST: u32 = 6;

/// Between beats.
pub(super) fn interval() -> Duration {
    watchdog_enabled().map_or(BEAT, |within| (within / BEATS_IN_TIME).min(BEAT))
}

/// Starts the thread; it ends with the stop.
pub(crate) fn watch_over(
    server: &Arc<Server>,
    reader: &Arc<Reader>,
    watch: &Watch,
    stop: &Stop,
) -> std::io::Result<()> {
    let beat = interval();
    let guard = watch.guard_apart("supervise");
    let mut pulse = Pulse {
        server: Arc::clone(server),
        reader: Arc::clone(reader),
        watch: watch.clone(),
        is_watched: watchdog_enabled().is_some(),
        missed: 0,
        status: String::new(),
    };
    let stop = stop.clone();
    let run = move || {
        let _guard = guard;
        loop {
            pulse.watch.beat();
            pulse.beat();
            if stop.channel().recv_timeout(beat) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    };
    thread::Builder::new().name("supervise".to_owned()).spawn(run).map(drop)
}

struct Pulse {
    server: Arc<Server>,
    reader: Arc<Reader>,
    watch: Watch,
    is_watched: bool,
    /// Beats in a row.
    missed: u32,
    /// What systemd was told last.
    status: String,
}

impl Pulse {
    fn beat(&mut self) {
        match self.trouble() {
            None => {
                if self.missed > 0 {
                    log::info!("the daemon answers again beats_missed={}", self.missed);
                }
                self.missed = 0;
                if self.is_watched {
                    tell(&[NotifyState::Watchdog]);
                }
            }
            Some(why) => {
                self.missed += 1;
                if self.missed == 1 {
                    log::warn!("the daemon does not show that it works error={why:?}");
                }
                if self.missed == LAST {
                    // First the stop: a line in the log may block.
                    self.watch.fail();
                    log::error!("the daemon has not shown that it works {LAST} times, stopping it error={why:?}");
                }
            }
        }
        self.tell_status();
    }

    fn trouble(&self) -> Option<String> {
        if !self.reader.is_poller_alive() {
            return Some("the poller does not go round".to_owned());
        }
        self.server.self_check().err().map(|error| format!("no answer on the own address: {error}"))
    }

    fn tell_status(&mut self) {
        let status = status(&self.reader.service_status());
        if status != self.status {
            tell(&[NotifyState::Status(&status)]);
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
    let role = if service.polls == Some(false) { ", another daemon polls" } else { "" };
    let others =
        service.troubles.iter().filter(|t| !matches!(t.part, Component::Redis | Component::RedisWrites)).count();
    let others = if others > 0 { format!(", {others} troubles (see /api/health)") } else { String::new() };
    format!("{} drives, worst verdict {verdict}, Redis {redis}{reading}{role}{others}", service.drives)
}
