//! The last resort: ends a process whose stop does not complete, or that no longer makes progress.
//!
//! It depends on nothing that can hang. Its thread is started before all others, so it also covers
//! the start. Every wait has a bound; it takes no lock that another thread may hold, and does not log itself:
//! standard error and the journal may block, so a second thread writes, and is waited for briefly.

use super::thread_monitor::ThreadMonitor;
use super::watchdog::heartbeat_interval;
use crate::stop::Stop;
use crossbeam_channel::{RecvTimeoutError, bounded};
use rustix::process::{Signal, getpid, kill_process};
use std::io;
use std::thread;
use std::time::Duration;

/// Consecutive checks without a new heartbeat of `supervise`, which makes one between two checks: without a watchdog,
/// two minutes. A start may take as long. Counted rather than timed, because a process that was frozen (SIGSTOP, the
/// cgroup freezer, suspend) does not hang.
const MAX_MISSED_CHECKS: u32 = 12;
/// Maximum duration of an orderly stop, in steps; counted for the same reason.
const STOP_STEPS: u32 = 10;
const STOP_STEP: Duration = Duration::from_secs(1);
/// Maximum duration of writing the last line.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);
/// Maximum duration of exit(3).
const EXIT_TIMEOUT: Duration = Duration::from_secs(1);
/// As after any other failure, so that the service manager restarts the daemon.
const STATUS: i32 = 1;

#[derive(Clone, Copy)]
struct Bounds {
    interval: Duration,
    checks: u32,
    step: Duration,
    steps: u32,
    write_timeout: Duration,
}

/// Starts the threads. From now on a stop ends within ten seconds.
pub(crate) fn start(monitor: &ThreadMonitor, stop: &Stop) -> io::Result<()> {
    let interval = heartbeat_interval();
    let bounds = Bounds {
        interval,
        checks: MAX_MISSED_CHECKS,
        step: STOP_STEP,
        steps: STOP_STEPS,
        write_timeout: WRITE_TIMEOUT,
    };
    spawn(monitor, stop, bounds, |line| log::error!("{line}"), end_process)
}

/// `write` may block forever; `end` does not return in the daemon.
fn spawn(
    monitor: &ThreadMonitor,
    stop: &Stop,
    bounds: Bounds,
    mut write: impl FnMut(&str) + Send + 'static,
    end: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let (lines, to_write) = bounded::<String>(2);
    let (done, written) = bounded(2);
    let writing = move || {
        for line in to_write {
            write(&line);
            let _ = done.send(());
        }
    };
    thread::Builder::new().name("last-words".to_owned()).spawn(writing)?;
    let (monitor, stop) = (monitor.clone(), stop.clone());
    let run = move || {
        if hangs(&monitor, &stop, bounds) {
            monitor.fail();
            let _ = lines.try_send(format!("no heartbeat at {} looks in a row, stopping the daemon", bounds.checks));
            let _ = written.recv_timeout(bounds.write_timeout);
        }
        // An orderly stop ends the process, and this thread with it.
        for _ in 0..bounds.steps {
            thread::sleep(bounds.step);
        }
        let took = bounds.step * bounds.steps;
        let _ = lines.try_send(format!(
            "the stop did not end within {} s, ending the process threads={}",
            took.as_secs(),
            names(&monitor)
        ));
        let _ = written.recv_timeout(bounds.write_timeout);
        end();
    };
    thread::Builder::new().name("last-resort".to_owned()).spawn(run).map(drop)
}

/// Waits for a stop, or (true) for too many checks without a heartbeat.
fn hangs(monitor: &ThreadMonitor, stop: &Stop, bounds: Bounds) -> bool {
    let (mut missed, mut last) = (0, monitor.heartbeats());
    while missed < bounds.checks {
        if stop.channel().recv_timeout(bounds.interval) != Err(RecvTimeoutError::Timeout) {
            return false;
        }
        let beats = monitor.heartbeats();
        missed = if beats == last { missed + 1 } else { 0 };
        last = beats;
    }
    true
}

/// Threads that have not ended. If all have, the main thread hangs.
fn names(monitor: &ThreadMonitor) -> String {
    match monitor.awaited() {
        Some(names) if names.is_empty() => "main".to_owned(),
        Some(names) => names.join(","),
        None => "unknown".to_owned(),
    }
}

/// exit(3) sets the status with which a service manager restarts the daemon. But it runs exit handlers under locks that
/// a hanging thread may hold (the loader's, during a name lookup), so it has a bound, too.
/// SIGKILL always works, except on the first process of a container, which abort(3) ends.
/// SIGKILL comes before abort(3), which may write the memory of the process to a core dump. In each case the kernel
/// kills the children (`probe::trampoline`).
fn end_process() {
    let exit = || std::process::exit(STATUS);
    if thread::Builder::new().name("last-exit".to_owned()).spawn(exit).is_ok() {
        thread::sleep(EXIT_TIMEOUT);
    }
    let _ = kill_process(getpid(), Signal::KILL);
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::{Receiver, unbounded};

    const QUICK: Bounds = Bounds {
        interval: Duration::from_millis(5),
        checks: 4,
        step: Duration::from_millis(1),
        steps: 10,
        write_timeout: Duration::from_millis(5),
    };
    const LONG: Duration = Duration::from_secs(30);

    struct Played {
        monitor: ThreadMonitor,
        stop: Stop,
        ended: Receiver<()>,
        lines: Receiver<String>,
    }

    /// `blocks`: writing a line blocks forever.
    fn played(bounds: Bounds, blocks: bool) -> Played {
        let stop = Stop::new().unwrap_or_else(|e| unreachable!("{e}"));
        let monitor = ThreadMonitor::new(&stop);
        let (ends, ended) = bounded(1);
        let (written, lines) = unbounded();
        let write = move |line: &str| {
            let _ = written.send(line.to_owned());
            if blocks {
                loop {
                    thread::park();
                }
            }
        };
        let end = move || {
            let _ = ends.send(());
        };
        spawn(&monitor, &stop, bounds, write, end).unwrap_or_else(|e| unreachable!("{e}"));
        Played { monitor, stop, ended, lines }
    }

    #[test]
    fn a_stop_that_does_not_end_is_ended_and_names_what_hangs() {
        for blocks in [false, true] {
            let played = played(QUICK, blocks);
            let _guards = ["poller", "http-1"].map(|name| played.monitor.guard(name));
            let _apart = played.monitor.guard_detached("redis-probe");
            played.stop.request();
            assert!(played.ended.recv_timeout(LONG).is_ok(), "log blocked: {blocks}");
            let line = played.lines.recv_timeout(LONG).unwrap_or_default();
            assert!(line.ends_with("threads=poller,http-1"), "{line}");
            assert!(!played.monitor.has_failed(), "it was asked to stop");
        }
    }

    #[test]
    fn no_heartbeat_stops_the_daemon_and_then_ends_it() {
        for blocks in [false, true] {
            let played = played(QUICK, blocks);
            played.stop.wait();
            assert!(played.ended.recv_timeout(LONG).is_ok(), "log blocked: {blocks}");
            assert!(played.monitor.has_failed());
            let line = played.lines.recv_timeout(LONG).unwrap_or_default();
            assert!(line.starts_with("no heartbeat"), "{line}");
        }
    }

    #[test]
    fn names_are_not_waited_for() {
        let played = played(QUICK, false);
        let held = played.monitor.shared.awaited.lock();
        played.stop.request();
        assert!(played.ended.recv_timeout(LONG).is_ok());
        drop(held);
        let line = played.lines.recv_timeout(LONG).unwrap_or_default();
        assert!(line.ends_with("threads=unknown"), "{line}");
    }

    #[test]
    fn a_daemon_whose_heart_beats_is_left_alone() {
        let played = played(Bounds { checks: 1000, ..QUICK }, false);
        for _ in 0..100 {
            played.monitor.beat();
            thread::sleep(Duration::from_millis(1));
        }
        assert!(!played.stop.is_requested() && played.ended.try_recv().is_err());
        played.stop.request();
        assert!(played.ended.recv_timeout(LONG).is_ok());
        assert_eq!(played.lines.recv_timeout(LONG).map(|line| line.ends_with("threads=main")), Ok(true));
    }
}
