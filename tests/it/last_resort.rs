//! A daemon that cannot end by itself is ended: standard error that nobody reads any more stands in for whatever a thread
//! may hang in. The process ends with the status that has it started again.

use crate::support;

use rustix::process::{Pid, Signal, kill_process};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use support::daemon::command;
use support::eventually;
use support::http::Client;
use support::port::ReservedPort;
use support::redis::Redis;
use support::rng::Rng;
use support::sim::Sim;

/// Bounds failures: what is waited for takes up to a minute by itself.
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
        // Opened anew, so that only this end does not block.
        let anew = |file: &File, options: &mut OpenOptions| {
            const NONBLOCK: i32 = 0o4000;
            let path = format!("/proc/self/fd/{}", file.as_raw_fd());
            options.custom_flags(NONBLOCK).open(path).expect("the pipe's end")
        };
        let reader = anew(&reader, OpenOptions::new().read(true));
        Self { reader, writer }
    }

    fn stdio(&self) -> Stdio {
        self.writer.try_clone().expect("the pipe's end").into()
    }

    fn fill(&self) {
        let path = format!("/proc/self/fd/{}", self.writer.as_raw_fd());
        let mut end = OpenOptions::new().write(true).custom_flags(0o4000).open(path).expect("the pipe's end");
        for size in [4096, 1] {
            while end.write(&vec![b'x'; size]).is_ok() {}
        }
    }

    fn drain(&mut self) -> String {
        let mut text = Vec::new();
        // Ends with the error that there is no more.
        let _ = self.reader.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// A daemon whose standard error is that pipe, which need not take the line that says where it listens.
struct Hanging {
    child: Child,
    port: ReservedPort,
}

impl Hanging {
    fn start(sim: &Sim, redis: &Redis, pipe: &Pipe) -> Self {
        let port = ReservedPort::new();
        let mut command = command(sim, redis.port);
        command.env("JBOD_LISTEN", port.address());
        // As systemd says it: a heartbeat a second.
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

    #[track_caller]
    fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return status;
            }
            assert!(Instant::now() < until, "it has not ended; its threads: {:?}", self.threads());
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
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).ok();
    tasks.filter_map(name).map(|name| name.trim().to_owned()).collect()
}

#[track_caller]
fn assert_nothing_runs(sim: &Sim) {
    eventually("no tool is left", || sim.processes().is_empty().then_some(()));
}

/// The very first line cannot be written: no thread of the daemon has been started.
#[test]
fn a_start_that_hangs_is_ended_by_a_signal() {
    let (sim, redis, pipe) = (Sim::small(), Redis::start(), Pipe::new());
    pipe.fill();
    let mut daemon = Hanging::start(&sim, &redis, &pipe);
    eventually("it listens to signals", || daemon.threads().contains(&"ctrl-c".to_owned()).then_some(()));
    // It listens on its port already, and hangs before any thread accepts.
    eventually("it has come so far", || Client::connect(daemon.port.number).map(drop));
    assert!(!daemon.threads().contains(&"poller".to_owned()), "{:?}", daemon.threads());
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().code(), Some(1));
    assert_nothing_runs(&sim);
}

/// The poller hangs with a line that it cannot write, and so does whoever would say so.
#[test]
fn a_daemon_that_hangs_ends_by_itself() {
    let (sim, redis, mut pipe) = (Sim::small(), Redis::start(), Pipe::new());
    let mut daemon = Hanging::start(&sim, &redis, &pipe);
    let ready = |port: u16| Some(Client::connect(port)?.request("GET", "/readyz", &[])?.status == 200);
    let mut log = String::new();
    eventually("it is ready", || {
        log.push_str(&pipe.drain());
        ready(daemon.port.number).filter(|ready| *ready)
    });
    pipe.fill();
    sim.set("all", &["latency_ms=600000"]);
    sim.pull(&["bay/0/0"]);
    assert_eq!(daemon.ended().code(), Some(1), "{log}");
    assert_nothing_runs(&sim);
}

/// The same, asked to stop.
#[test]
fn a_daemon_that_hangs_is_ended_by_a_signal() {
    let (sim, redis, mut pipe) = (Sim::small(), Redis::start(), Pipe::new());
    let mut daemon = Hanging::start(&sim, &redis, &pipe);
    eventually("it is ready", || {
        pipe.drain();
        let status = Client::connect(daemon.port.number)?.request("GET", "/readyz", &[])?.status;
        (status == 200).then_some(())
    });
    pipe.fill();
    sim.set("sda", &["latency_ms=600000"]);
    sim.pull(&["bay/0/1"]);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().code(), Some(1));
    assert_nothing_runs(&sim);
}

/// What sysfs shows is read from regular files alone: nothing else keeps a start waiting.
#[test]
fn files_that_block_hold_up_neither_the_start_nor_the_stop() {
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

fn first_slot(class: &std::path::Path) -> std::path::PathBuf {
    let names = |dir: &std::path::Path| {
        let mut names: Vec<_> = std::fs::read_dir(dir).expect("a folder").flatten().map(|entry| entry.path()).collect();
        names.sort();
        names
    };
    let bays = names(class).into_iter().flat_map(|shelf| names(&shelf));
    bays.map(|bay| bay.join("slot")).find(|slot| slot.is_file()).expect("a slot")
}

/// As soon as signals are listened to, one means an orderly stop, wherever the start has come to. Before that it ends the
/// program as it would any other.
#[test]
fn a_signal_at_any_moment_of_the_start_is_an_orderly_stop() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let mut dice = Rng::of(20_260_102);
    let (mut early, mut longest) = (0, Duration::ZERO);
    for round in 0..40 {
        let pipe = Pipe::new();
        let mut daemon = Hanging::start(&sim, &redis, &pipe);
        let is_early = round % 4 == 0;
        // A random moment is what is tested: nothing is expected to have happened by then.
        if is_early {
            std::thread::sleep(Duration::from_millis(dice.next() % 60));
        } else {
            let wait = Instant::now() + PATIENCE;
            while !daemon.threads().contains(&"ctrl-c".to_owned()) {
                assert!(Instant::now() < wait, "it never listened");
                std::hint::spin_loop();
            }
            std::thread::sleep(Duration::from_millis(dice.next() % 20));
        }
        daemon.signal(Signal::TERM);
        let begun = Instant::now();
        let status = daemon.ended();
        longest = longest.max(begun.elapsed());
        let by_signal = std::os::unix::process::ExitStatusExt::signal(&status) == Some(Signal::TERM.as_raw());
        early += usize::from(by_signal);
        assert!(status.code() == Some(0) || is_early && by_signal, "round {round}: {status:?}");
        assert_nothing_runs(&sim);
    }
    println!("40 signals at the start: {early} came before they were listened to, the longest stop took {longest:?}");
}
