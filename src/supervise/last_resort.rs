//! The last resort: ends a process that does not end by itself, or in which nothing shows any more that it works.
//!
//! It depends on nothing that can hang. Its thread is started before anything else of the daemon, so it also covers
//! the start. Every wait in it has a bound; it takes no lock that another thread may keep, and writes no line itself:
//! standard error and the journal may block, so a second thread writes, and is waited for briefly.

use super::thread_monitor::ThreadMonitor;
use super::watchdog::heartbeat_interval;
use crate::stop::Stop;
use crossbeam_channel::{RecvTimeoutError, bounded};
use rustix::process::{Signal, getpid, kill_process};
use std::io;
use std::thread;
use std::time::Duration;

/// Looks in a row that find no new heartbeat of `supervise`, which makes one between two looks: without a watchdog, two
/// minutes. A start may take as long. Counted, and not by the clock: a process that was frozen is none that hangs.
const LOOKS: u32 = 12;
/// What an orderly stop may take, in steps; counted for the same reason.
const STEPS: u32 = 10;
const STEP: Duration = Duration::from_secs(1);
/// What writing the last line may take.
const WRITE_WITHIN: Duration = Duration::from_secs(1);
/// What exit(3) may take.
const EXIT_WITHIN: Duration = Duration::from_secs(1);
/// As after any other failure: the process is to be started again.
const STATUS: i32 = 1;

#[derive(Clone, Copy)]
struct Bounds {
    look: Duration,
    looks: u32,
    step: Duration,
    steps: u32,
    write_within: Duration,
}

/// Starts it. From now on a stop ends within ten seconds, one way or the other.
pub(crate) fn start(monitor: &ThreadMonitor, stop: &Stop) -> io::Result<()> {
    let look = heartbeat_interval();
    let bounds = Bounds { look, looks: LOOKS, step: STEP, steps: STEPS, write_within: WRITE_WITHIN };
    spawn(monitor, stop, bounds, |line| log::error!("{line}"), end_process)
}

/// `write` may block for ever; `end` does not return in the daemon.
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
            let _ = lines.try_send(format!("no heartbeat at {} looks in a row, stopping the daemon", bounds.looks));
            let _ = written.recv_timeout(bounds.write_within);
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
        let _ = written.recv_timeout(bounds.write_within);
        end();
    };
    thread::Builder::new().name("last-resort".to_owned()).spawn(run).map(drop)
}

/// Waits until a stop is asked for, or (true) nothing shows that the daemon works.
fn hangs(monitor: &ThreadMonitor, stop: &Stop, bounds: Bounds) -> bool {
    let (mut missed, mut last) = (0, monitor.heartbeats());
    while missed < bounds.looks {
        if stop.channel().recv_timeout(bounds.look) != Err(RecvTimeoutError::Timeout) {
            return false;
        }
        let beats = monitor.heartbeats();
        missed = if beats == last { missed + 1 } else { 0 };
        last = beats;
    }
    true
}

/// Threads that did not end. Where all did, it is the one that waits for them.
fn names(monitor: &ThreadMonitor) -> String {
    match monitor.awaited() {
        Some(names) if names.is_empty() => "main".to_owned(),
        Some(names) => names.join(","),
        None => "unknown".to_owned(),
    }
}

/// exit(3) gives the status that makes a service manager start the daemon again. But it runs what is registered for the
/// end, under locks that a thread which hangs may hold (the loader's, while a name is looked up), so it has a bound, too.
/// SIGKILL then needs nobody's help; only the first process of a container is spared it, and that one abort(3) ends.
/// SIGKILL comes before abort(3), which may leave the memory of the process in a core dump. Children end by the kernel's
/// tie (`probe::trampoline`) in each case.
fn end_process() {
    let exit = || std::process::exit(STATUS);
    if thread::Builder::new().name("last-exit".to_owned()).spawn(exit).is_ok() {
        thread::sleep(EXIT_WITHIN);
    }
    let _ = kill_process(getpid(), Signal::KILL);
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::{Receiver, unbounded};

    const QUICK: Bounds = Bounds {
        look: Duration::from_millis(5),
        looks: 4,
        step: Duration::from_millis(1),
        steps: 10,
        write_within: Duration::from_millis(5),
    };
    const LONG: Duration = Duration::from_secs(30);

    struct Played {
        monitor: ThreadMonitor,
        stop: Stop,
        ended: Receiver<()>,
        lines: Receiver<String>,
    }

    /// `blocks`: writing a line never ends.
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
            let _apart = played.monitor.guard_detached("redis-trial");
            played.stop.ask();
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
        played.stop.ask();
        assert!(played.ended.recv_timeout(LONG).is_ok());
        drop(held);
        let line = played.lines.recv_timeout(LONG).unwrap_or_default();
        assert!(line.ends_with("threads=unknown"), "{line}");
    }

    #[test]
    fn a_daemon_whose_heart_beats_is_left_alone() {
        let played = played(Bounds { looks: 1000, ..QUICK }, false);
        for _ in 0..100 {
            played.monitor.beat();
            thread::sleep(Duration::from_millis(1));
        }
        assert!(!played.stop.asked() && played.ended.try_recv().is_err());
        played.stop.ask();
        assert!(played.ended.recv_timeout(LONG).is_ok());
        assert_eq!(played.lines.recv_timeout(LONG).map(|line| line.ends_with("threads=main")), Ok(true));
    }
}
