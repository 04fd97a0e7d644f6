//! A daemon that hangs ends, with a status after which systemd starts it again. Standard error that is not read takes
//! the place of anything else in which a thread may hang.

use crate::support;

use crate::support::wait_until;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use support::daemon::command;
use support::eventually;
use support::http::Client;
use support::port::ReservedPort;
use support::redis::Redis;
use support::rng::Rng;
use support::sim::Sim;

/// The last resort itself takes up to a minute.
const PATIENCE: Duration = Duration::from_secs(180);

/// A pipe that may be full.
struct Pipe {
    reader: File,
    writer: File,
}

impl Pipe {
    fn new() -> Self {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let (reader, writer) = (File::from(OwnedFd::from(reader)), File::from(OwnedFd::from(writer)));
        let reader = nonblocking(&reader, OpenOptions::new().read(true));
        Self { reader, writer }
    }

    fn stdio(&self) -> Stdio {
        self.writer.try_clone().expect("the end of the pipe").into()
    }

    fn fill(&self) {
        let mut writer = nonblocking(&self.writer, OpenOptions::new().write(true));
        for size in [4096, 1] {
            while writer.write(&vec![b'x'; size]).is_ok() {}
        }
    }

    fn drain(&mut self) -> String {
        let mut text = Vec::new();
        // It ends with EAGAIN when the pipe is empty.
        let _ = self.reader.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// The end of a pipe, opened again. `O_NONBLOCK` belongs to an open file description, so the daemon's end still blocks.
fn nonblocking(end: &File, options: &mut OpenOptions) -> File {
    const O_NONBLOCK: i32 = 0o4000;
    let path = format!("/proc/self/fd/{}", end.as_raw_fd());
    options.custom_flags(O_NONBLOCK).open(path).expect("the end of the pipe")
}

/// A daemon whose standard error is a pipe. Its port is known without its log.
struct Hanging {
    child: Child,
    port: ReservedPort,
}

impl Hanging {
    fn start(sim: &Sim, redis: &Redis, pipe: &Pipe) -> Self {
        let port = ReservedPort::new();
        let mut command = command(sim, redis.port);
        command.env("JBOD_LISTEN", port.address());
        // As systemd sets it; the heartbeat is every second.
        command.env("WATCHDOG_USEC", "4000000");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(pipe.stdio()).spawn();
        Self { child: child.expect("the daemon starts"), port }
    }

    fn threads(&self) -> Vec<String> {
        threads(self.child.id())
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the daemon takes a signal");
    }

    /// Waits until the first sweep has ended, and returns the log up to then.
    #[track_caller]
    fn wait_ready(&self, pipe: &mut Pipe) -> String {
        let mut log = String::new();
        eventually("the daemon is ready", || {
            log.push_str(&pipe.drain());
            let status = Client::connect(self.port.number)?.request("GET", "/readyz", &[])?.status;
            (status == 200).then_some(())
        });
        log
    }

    #[track_caller]
    fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return status;
            }
            assert!(Instant::now() < until, "the daemon has not ended; its threads: {:?}", self.threads());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn threads(pid: u32) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    // A thread may end meanwhile.
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.map(|name| name.trim().to_owned()).collect()
}

#[track_caller]
fn assert_nothing_runs(sim: &Sim) {
    wait_until("no child is left", || sim.processes().is_empty());
}

/// The daemon hangs with its first line, before it starts its threads.
#[test]
fn a_start_that_hangs_is_ended_by_a_signal() {
    let (sim, redis, pipe) = (Sim::small(), Redis::start(), Pipe::new());
    pipe.fill();
    let mut daemon = Hanging::start(&sim, &redis, &pipe);
    wait_until("signals are handled", || daemon.threads().contains(&"ctrl-c".to_owned()));
    eventually("the port is open, although no thread accepts", || Client::connect(daemon.port.number).map(drop));
    assert!(!daemon.threads().contains(&"poller".to_owned()), "{:?}", daemon.threads());
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().code(), Some(1));
    assert_nothing_runs(&sim);
}

/// The poller hangs with a line, and so does the thread that would report it.
#[test]
fn a_daemon_that_hangs_ends_by_itself() {
    let (sim, redis, mut pipe) = (Sim::small(), Redis::start(), Pipe::new());
    let mut daemon = Hanging::start(&sim, &redis, &pipe);
    let log = daemon.wait_ready(&mut pipe);
    pipe.fill();
    sim.set("all", &["latency_ms=600000"]);
    sim.pull(&["bay/0/0"]);
    assert_eq!(daemon.ended().code(), Some(1), "{log}");
    assert_nothing_runs(&sim);
}

/// The same with a signal.
#[test]
fn a_daemon_that_hangs_is_ended_by_a_signal() {
    let (sim, redis, mut pipe) = (Sim::small(), Redis::start(), Pipe::new());
    let mut daemon = Hanging::start(&sim, &redis, &pipe);
    daemon.wait_ready(&mut pipe);
    pipe.fill();
    sim.set("sda", &["latency_ms=600000"]);
    sim.pull(&["bay/0/1"]);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().code(), Some(1));
    assert_nothing_runs(&sim);
}

/// Attributes in sysfs are read only if they are regular files; a FIFO would block.
#[test]
fn files_that_block_delay_neither_the_start_nor_the_stop() {
    for file in ["size", "vpd_pg80", "slot"] {
        let (sim, redis) = (Sim::small(), Redis::start());
        let sys = sim.root().join("sys");
        let path = match file {
            "size" => sys.join("block/sda/size"),
            "vpd_pg80" => sys.join("block/sda/device/vpd_pg80"),
            _ => first_slot(&sys.join("class/enclosure")),
        };
        std::fs::remove_file(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).expect("a FIFO");
        let daemon = support::daemon::Daemon::ready(&sim, &redis, &[("REDIS_TIMEOUT_MS", "2000")]);
        let overview = daemon.json("/api/overview");
        assert_eq!(overview["totals"]["drives"], 4, "{file}: {overview}");
        let (status, log) = daemon.stop(Signal::TERM);
        assert_eq!(status.code(), Some(0), "{file}: {log}");
    }
}

fn first_slot(class: &Path) -> PathBuf {
    for enclosure in sorted_entries(class) {
        for bay in sorted_entries(&enclosure) {
            let slot = bay.join("slot");
            if slot.is_file() {
                return slot;
            }
        }
    }
    panic!("no bay has a slot number")
}

fn sorted_entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()).collect();
    entries.sort();
    entries
}

/// Once signals are handled, SIGTERM causes an orderly stop at every point of the start. Before that it has its default
/// action, which terminates the process.
#[test]
fn a_signal_at_any_moment_of_the_start_is_an_orderly_stop() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let mut random = Rng::of(20_260_102);
    let (mut early, mut longest) = (0, Duration::ZERO);
    for round in 0..40 {
        let pipe = Pipe::new();
        let mut daemon = Hanging::start(&sim, &redis, &pipe);
        let is_early = round % 4 == 0;
        // The sleeps choose a random moment; the test does not depend on what has happened by then.
        if is_early {
            std::thread::sleep(Duration::from_millis(random.next() % 60));
        } else {
            let until = Instant::now() + PATIENCE;
            while !daemon.threads().contains(&"ctrl-c".to_owned()) {
                assert!(Instant::now() < until, "signals are not handled");
                std::hint::spin_loop();
            }
            std::thread::sleep(Duration::from_millis(random.next() % 20));
        }
        daemon.signal(Signal::TERM);
        let begun = Instant::now();
        let status = daemon.ended();
        longest = longest.max(begun.elapsed());
        let is_terminated = std::os::unix::process::ExitStatusExt::signal(&status) == Some(Signal::TERM.as_raw());
        early += usize::from(is_terminated);
        assert!(status.code() == Some(0) || is_early && is_terminated, "round {round}: {status:?}");
        assert_nothing_runs(&sim);
    }
    println!("40 signals at the start: {early} before they were handled; the longest stop took {longest:?}");
}
