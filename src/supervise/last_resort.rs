//! The last resort: ends a process whose stop does not complete, or that no longer makes progress.
//!
//! It depends on nothing that can hang. Its thread is started before all others, so it also covers the start. Every wait
//! is bounded, and it waits for no lock. It does not log itself, because standard error and the journal may block: a
//! second thread writes, and is waited for briefly.

use super::thread_monitor::ThreadMonitor;
use super::watchdog::heartbeat_interval;
use crate::stop::Stop;
use crossbeam_channel::{RecvTimeoutError, bounded};
use rustix::process::{Signal, getpid, kill_process};
use std::io;
use std::thread;
use std::time::Duration;

/// Maximum number of consecutive checks without a new heartbeat of the thread `supervise`, which sends one per check
/// interval: two minutes, or less with systemd's watchdog. It limits the duration of the start, too. Counted rather than
/// timed, because a process that was frozen (SIGSTOP, the cgroup freezer, suspend) does not hang.
const MAX_MISSED_CHECKS: u32 = 12;
/// Maximum duration of an orderly stop, in steps; counted for the same reason.
const STOP_STEPS: u32 = 10;
const STOP_STEP: Duration = Duration::from_secs(1);
/// Maximum duration of writing the last line.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);
/// Maximum duration of exit(3).
const EXIT_TIMEOUT: Duration = Duration::from_secs(1);
/// The status of any other failure, so that the service manager restarts the daemon.
const STATUS: i32 = 1;

#[derive(Clone, Copy)]
struct Bounds {
    interval: Duration,
    checks: u32,
    step: Duration,
    steps: u32,
    write_timeout: Duration,
}

/// Starts the threads. From now on a stop completes within ten seconds.
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
        if wait_for_stop(&monitor, &stop, bounds) == WaitEnd::NoHeartbeat {
            monitor.fail();
            let _ = lines.try_send(format!("no heartbeat, stopping the daemon checks={}", bounds.checks));
            let _ = written.recv_timeout(bounds.write_timeout);
        }
        // An orderly stop ends the process, and this thread with it.
        for _ in 0..bounds.steps {
            thread::sleep(bounds.step);
        }
        let _ = lines.try_send(format!(
            "stop not completed, killing the process after_s={} threads={}",
            (bounds.step * bounds.steps).as_secs(),
            names(&monitor)
        ));
        let _ = written.recv_timeout(bounds.write_timeout);
        end();
    };
    thread::Builder::new().name("last-resort".to_owned()).spawn(run)?;
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum WaitEnd {
    StopRequested,
    NoHeartbeat,
}

/// Waits until a stop is requested, or too many consecutive checks found no new heartbeat.
fn wait_for_stop(monitor: &ThreadMonitor, stop: &Stop, bounds: Bounds) -> WaitEnd {
    let mut missed = 0;
    let mut last = monitor.heartbeats();
    while missed < bounds.checks {
        if stop.channel().recv_timeout(bounds.interval) != Err(RecvTimeoutError::Timeout) {
            return WaitEnd::StopRequested;
        }
        let beats = monitor.heartbeats();
        missed = if beats == last { missed + 1 } else { 0 };
        last = beats;
    }
    WaitEnd::NoHeartbeat
}

/// The threads that have not ended. If all others have ended, the main thread hangs.
fn names(monitor: &ThreadMonitor) -> String {
    match monitor.awaited() {
        Some(names) if names.is_empty() => "main".to_owned(),
        Some(names) => names.join(","),
        None => "unknown".to_owned(),
    }
}

/// Ends the process by exit(3), or else by SIGKILL, or else by abort(3).
///
/// Only exit(3) sets the status after which a service manager restarts the daemon. It runs exit handlers under locks that a
/// hanging thread may hold (the loader's, during a name lookup), so it is run on a thread of its own.
/// SIGKILL always works, except on the first process of a container. abort(3) comes last, because it may write the memory
/// of the process to a core dump. In each case the kernel kills the children (`probe::trampoline`).
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

    struct Simulation {
        monitor: ThreadMonitor,
        stop: Stop,
        ended: Receiver<()>,
        lines: Receiver<String>,
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Log {
        Writes,
        /// Writing a line blocks forever.
        Blocks,
    }

    fn simulate(bounds: Bounds, log: Log) -> Simulation {
        let stop = Stop::new().unwrap_or_else(|error| unreachable!("{error}"));
        let monitor = ThreadMonitor::new(&stop);
        let (ends, ended) = bounded(1);
        let (written, lines) = unbounded();
        let write = move |line: &str| {
            let _ = written.send(line.to_owned());
            if log == Log::Blocks {
                loop {
                    thread::park();
                }
            }
        };
        let end = move || {
            let _ = ends.send(());
        };
        spawn(&monitor, &stop, bounds, write, end).unwrap_or_else(|error| unreachable!("{error}"));
        Simulation { monitor, stop, ended, lines }
    }

    #[test]
    fn a_stop_that_does_not_complete_is_forced_and_the_hanging_threads_are_logged() {
        for log in [Log::Writes, Log::Blocks] {
            let simulation = simulate(QUICK, log);
            let _guards = ["poller", "http-1"].map(|name| simulation.monitor.guard(name));
            let _detached = simulation.monitor.guard_detached("redis-probe");
            simulation.stop.request();
            assert!(simulation.ended.recv_timeout(LONG).is_ok(), "{log:?}");
            let line = simulation.lines.recv_timeout(LONG).unwrap_or_default();
            assert!(line.ends_with("threads=poller,http-1"), "{line}");
            assert!(!simulation.monitor.has_failed(), "a stop was requested");
        }
    }

    #[test]
    fn no_heartbeat_stops_the_daemon_and_then_kills_it() {
        for log in [Log::Writes, Log::Blocks] {
            let simulation = simulate(QUICK, log);
            simulation.stop.wait();
            assert!(simulation.ended.recv_timeout(LONG).is_ok(), "{log:?}");
            assert!(simulation.monitor.has_failed());
            let line = simulation.lines.recv_timeout(LONG).unwrap_or_default();
            assert!(line.starts_with("no heartbeat"), "{line}");
        }
    }

    #[test]
    fn thread_names_are_omitted_while_their_lock_is_held() {
        let simulation = simulate(QUICK, Log::Writes);
        let held = simulation.monitor.shared.awaited.lock();
        simulation.stop.request();
        assert!(simulation.ended.recv_timeout(LONG).is_ok());
        drop(held);
        let line = simulation.lines.recv_timeout(LONG).unwrap_or_default();
        assert!(line.ends_with("threads=unknown"), "{line}");
    }

    #[test]
    fn a_daemon_with_heartbeats_keeps_running() {
        let simulation = simulate(Bounds { checks: 1000, ..QUICK }, Log::Writes);
        for _ in 0..100 {
            simulation.monitor.beat();
            thread::sleep(Duration::from_millis(1));
        }
        assert!(!simulation.stop.is_requested() && simulation.ended.try_recv().is_err());
        simulation.stop.request();
        assert!(simulation.ended.recv_timeout(LONG).is_ok());
        assert_eq!(simulation.lines.recv_timeout(LONG).map(|line| line.ends_with("threads=main")), Ok(true));
    }
}
