//! The daemon's knowledge of itself: `/api/health` and the probes, what systemd is told, the clock
//! that is set under it, and room for descriptors.

use crate::support;
use crate::wait::wait_until;

use rustix::process::Signal;
use serde_json::Value;
use std::cmp::Ordering;
use std::io::{Read, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::daemon::{Daemon, command};
use support::eventually;
use support::http::Client;
use support::json::{drives, text};
use support::port::{ANY_PORT, refused_port};
use support::redis::Redis;
use support::sim::Sim;

/// The troubles of a part.
fn troubles(daemon: &Daemon, part: &str) -> Vec<Value> {
    let health = daemon.json("/api/health");
    let list = health["degraded"].as_array().expect("a list").clone();
    assert_eq!(health["status"], if list.is_empty() { "ok" } else { "degraded" }, "{health}");
    list.into_iter().filter(|trouble| trouble["part"] == part).collect()
}

#[track_caller]
fn trouble(daemon: &Daemon, part: &str) -> Value {
    eventually(&format!("{part} is in trouble"), || troubles(daemon, part).pop())
}

#[track_caller]
fn wait_well(daemon: &Daemon) {
    wait_until("all is well", || daemon.json("/api/health")["status"] == "ok");
}

#[test]
fn health_says_what_is_degraded_and_since_when() {
    let sim = Sim::small();
    let mut redis = Redis::start();
    let settings = [("SMART_POLL_INTERVAL", "2"), ("SMART_TIMEOUT", "1")];
    let daemon = Daemon::ready(&sim, &redis, &settings);
    wait_well(&daemon);
    let health = daemon.json("/api/health");
    assert_eq!((&health["schema"], &health["role"], &health["ready"]), (&1.into(), &"leader".into(), &true.into()));
    assert!(
        health["version"].is_string() && health["started_at"].is_string() && health["sweep"]["took_ms"].is_number()
    );
    assert_eq!(daemon.get("/healthz").text(), "ok\n");
    assert_eq!(daemon.get("/readyz").text(), "ready\n");

    redis.kill();
    let away = trouble(&daemon, "redis");
    assert!(away["error"].as_str().is_some_and(|error| !error.is_empty()) && away["id"].is_null(), "{away}");
    let since = &away["since"];
    wait_until("more of the outage", || daemon.json("/api/health")["generated_at"] != *since);
    assert_eq!(trouble(&daemon, "redis")["since"], *since, "it began when it began");
    for path in ["/healthz", "/readyz"] {
        let response = daemon.get(path);
        let line = format!("degraded: redis since {}", since.as_str().expect("a time"));
        assert!(response.status == 200 && response.text().contains(&line), "{path}: {}", response.text());
    }
    redis.up();
    wait_well(&daemon);

    redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    trouble(&daemon, "redis_writes");
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    wait_well(&daemon);

    let drive = &sim.list()[0];
    let (device, serial) = (drive["devices"][0].as_str().expect("a device"), drive["serial"].as_str());
    sim.set(device, &["hang=true"]);
    let silent = trouble(&daemon, "drive");
    assert_eq!((silent["id"].as_str(), silent["serial_number"].as_str()), (Some(device), serial), "{silent}");
    assert!(silent["error"].as_str().is_some_and(|error| error.contains("no answer")), "{silent}");
}

/// What systemd would hear.
struct Systemd {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Systemd {
    fn new(dir: &Path) -> Self {
        let path = dir.join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        Self { socket, path }
    }

    fn next(&self) -> String {
        let mut buffer = [0; 4096];
        let n = self.socket.recv(&mut buffer).expect("the daemon says something");
        String::from_utf8_lossy(&buffer[..n]).trim_end().to_owned()
    }

    #[track_caller]
    fn wait(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        (0..200).map(|_| self.next()).find(|said| wanted(said)).unwrap_or_else(|| panic!("systemd hears of {what}"))
    }

    /// Takes what has been said so far.
    fn drain(&self) {
        let mut buffer = [0; 4096];
        self.socket.set_nonblocking(true).expect("an option");
        while self.socket.recv(&mut buffer).is_ok() {}
        self.socket.set_nonblocking(false).expect("an option");
    }
}

#[test]
fn systemd_hears_that_it_is_ready_how_it_does_that_it_lives_and_that_it_stops() {
    let sim = Sim::small();
    let mut redis = Redis::start();
    let dir = tempfile::tempdir().expect("a folder");
    let systemd = Systemd::new(dir.path());
    let mut daemon = command(&sim, redis.port);
    daemon.env("JBOD_LISTEN", ANY_PORT).env("NOTIFY_SOCKET", &systemd.path);
    daemon.env("WATCHDOG_USEC", "2000000");
    let daemon = Daemon::listening(&mut daemon);
    systemd.wait("READY", |said| said.contains("READY=1"));
    systemd.wait("its state", |said| said == "STATUS=4 drives, worst verdict ok, Redis available");
    systemd.wait("a heartbeat", |said| said == "WATCHDOG=1");
    redis.kill();
    systemd.wait("the outage", |said| said.contains("Redis unavailable"));
    systemd.wait("a heartbeat all the same", |said| said == "WATCHDOG=1");
    let (status, log) = daemon.stop(Signal::TERM);
    assert!(status.success(), "{log}");
    systemd.wait("the stop", |said| said.contains("STOPPING=1"));
}

#[test]
fn the_watchdog_is_not_fed_by_a_daemon_that_does_not_answer() {
    let sim = Sim::small();
    let mut redis = Redis::start();
    let dir = tempfile::tempdir().expect("a folder");
    let systemd = Systemd::new(dir.path());
    let (socket, elsewhere) = (dir.path().join("api"), dir.path().join("elsewhere"));
    let mut daemon = command(&sim, redis.port);
    daemon.env("JBOD_LISTEN", format!("unix:{}", socket.display())).env("NOTIFY_SOCKET", &systemd.path);
    daemon.env("WATCHDOG_USEC", "4000000");
    let daemon = Daemon::spawn(&mut daemon);
    systemd.wait("a heartbeat", |said| said == "WATCHDOG=1");
    // No client reaches it any more, though it lives.
    std::fs::rename(&socket, &elsewhere).expect("the socket moves");
    daemon.wait_logged("self-check failed");
    systemd.drain();
    // A check that finds Redis away says so after it would have sent the heartbeat.
    redis.kill();
    let mut client = UnixStream::connect(&elsewhere).expect("it accepts");
    client
        .write_all(b"GET /api/overview HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .expect("it is sent");
    client.read_to_end(&mut Vec::new()).expect("an answer, for which Redis was asked");
    let said = systemd.wait("the outage", |said| said == "WATCHDOG=1" || said.contains("Redis unavailable"));
    assert!(said.contains("Redis unavailable"), "{said}");
    std::fs::rename(&elsewhere, &socket).expect("the socket moves back");
    systemd.wait("a heartbeat again", |said| said == "WATCHDOG=1");
    daemon.wait_logged("self-check succeeded again");
    assert_eq!(daemon.logged("self-check failed"), 1, "{}", daemon.log());
}

#[test]
fn a_daemon_that_answers_nobody_for_long_ends_as_failed() {
    let sim = Sim::small();
    let dir = tempfile::tempdir().expect("a folder");
    let socket = dir.path().join("api");
    let mut daemon = command(&sim, refused_port());
    daemon.env("JBOD_LISTEN", format!("unix:{}", socket.display())).env("WATCHDOG_USEC", "1000000");
    let mut daemon = Daemon::spawn(&mut daemon);
    daemon.wait_listening("the daemon listens", || std::os::unix::net::UnixStream::connect(&socket).ok());
    std::fs::rename(&socket, dir.path().join("elsewhere")).expect("the socket moves");
    let (status, log) = daemon.ended();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("self-check failed repeatedly, stopping the daemon failed_checks=6"), "{log}");
}

/// Where Debian's package `libfaketime` has it.
fn libfaketime() -> String {
    let path = format!("/usr/lib/{}-linux-gnu/faketime/libfaketime.so.1", std::env::consts::ARCH);
    assert!(Path::new(&path).exists(), "libfaketime is not installed");
    path
}

/// A daemon whose wall clock can be set.
struct Clocked {
    daemon: Daemon,
    setting: PathBuf,
    _dir: tempfile::TempDir,
}

impl Clocked {
    fn start(sim: &Sim, redis: &Redis) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let setting = dir.path().join("time");
        std::fs::write(&setting, "+0").expect("the clock is set");
        let mut daemon = command(sim, redis.port);
        daemon.env("JBOD_LISTEN", ANY_PORT).env("SMART_POLL_INTERVAL", "600");
        daemon.env("LD_PRELOAD", libfaketime()).env("FAKETIME_TIMESTAMP_FILE", &setting);
        daemon.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("SMART_CACHE_TTL", "900");
        let daemon = Daemon::listening(&mut daemon);
        daemon.wait_ready();
        Self { daemon, setting, _dir: dir }
    }

    fn set(&self, offset: &str) {
        std::fs::write(&self.setting, offset).expect("the clock is set");
    }
}

#[test]
#[ignore = "needs libfaketime"]
fn a_clock_that_is_set_makes_nothing_older_or_younger_and_reads_no_drive() {
    let sim = Sim::small();
    let redis = Redis::start();
    let clocked = Clocked::start(&sim, &redis);
    let daemon = &clocked.daemon;
    let device = sim.list()[0]["devices"][0].as_str().expect("a device").to_owned();
    sim.pull(&[sim.list()[3]["devices"][0].as_str().expect("a device")]);
    daemon.overview_when("the pulled drive is missed", |overview| overview["totals"]["by_state"]["missing"] == 1);
    // What a drive that has gone makes of the pools is asked of zpool; drives are not.
    let starts = sim.starts().len();
    let paths = ["/api/overview".to_owned(), format!("/api/drives/{device}"), "/api/enclosures".to_owned()];
    let year = |value: &Value| value["collected_at"].as_str().and_then(|at| at.get(..4)?.parse::<i32>().ok());
    let this_year = year(&daemon.json("/api/overview")).expect("a time");
    let offsets = [("+400d", Ordering::Greater), ("-400d", Ordering::Less), ("+0", Ordering::Equal)];
    for (n, (offset, wanted)) in offsets.into_iter().enumerate() {
        clocked.set(offset);
        wait_until("the jump is noticed", || daemon.logged("system clock stepped") == n + 1);
        // A request before that finds nothing in Redis that may be shown, and has the drive read.
        let is_dated_anew = |key: String| {
            let stored = redis.get(&key).and_then(|value| serde_json::from_str::<Value>(&value).ok());
            stored.and_then(|value| year(&value)).is_some_and(|year| year.cmp(&this_year) == wanted)
        };
        wait_until("Redis holds the new dates", || {
            let copies = ["smart", "last:smart"].map(|copy| is_dated_anew(format!("jbod:{copy}:{device}")));
            copies.iter().all(|is_dated| *is_dated)
        });
        for path in &paths {
            let response = eventually("the answer is dated anew", || {
                let response = daemon.get(path);
                let is_dated_anew = year(&response.json()).is_some_and(|year| year.cmp(&this_year) == wanted);
                // In the moment after the jump it may look older than it is, never younger.
                (response.status == 200 && is_dated_anew && response.age() < 120).then_some(response)
            });
            let body = response.json();
            assert_ne!(body["stale"], true, "{offset} {path}: {body}");
        }
        let overview = daemon.json("/api/overview");
        assert_eq!(overview["totals"]["by_state"]["missing"], 1, "{overview}");
        let missing = drives(&overview).find(|drive| drive["state"] == "missing").expect("the pulled drive");
        assert!(text(&missing["error"]).ends_with(text(&missing["missing_since"])), "{missing}");
        wait_until("it is a hit again", || daemon.get("/api/overview").cache() == "HIT");
    }
    assert_eq!(sim.starts().len(), starts, "no drive was read for it: {}", daemon.log());
    assert_eq!(daemon.logged("system clock stepped"), 3, "{}", daemon.log());
}

#[test]
#[ignore = "needs libfaketime"]
fn values_of_a_clock_that_was_ahead_are_read_anew_after_a_restart() {
    let sim = Sim::small();
    let redis = Redis::start();
    let clocked = Clocked::start(&sim, &redis);
    let now = clocked.daemon.json("/api/overview")["collected_at"].as_str().expect("a time").to_owned();
    clocked.set("+400d");
    clocked.daemon.wait_logged("system clock stepped");
    let device = sim.list()[0]["devices"][0].as_str().expect("a device").to_owned();
    let year = |at: &str| at.get(..4).and_then(|year| year.parse::<i32>().ok());
    let ahead = eventually("Redis holds the later time", || {
        let value: Value = serde_json::from_str(&redis.get(&format!("jbod:smart:{device}"))?).ok()?;
        let at = value["collected_at"].as_str()?.get(..4)?.to_owned();
        (year(&at) > year(&now)).then_some(at)
    });
    clocked.daemon.kill();
    let daemon = Daemon::start(&sim, &redis, &[]);
    let drive = daemon.drive_when(&device, "it is read", |drive| drive["state"] == "active");
    assert!(drive["collected_at"].as_str().is_some_and(|at| !at.starts_with(&ahead)), "{drive}");
    let overview = daemon.overview_when("all are read", |overview| overview["totals"]["by_state"]["active"] == 4);
    assert!(overview["collected_at"].as_str().is_some_and(|at| !at.starts_with(&ahead)), "{overview}");
}

#[test]
fn descriptors_are_asked_for_and_fewer_connections_let_in_where_there_are_none() {
    let sim = Sim::small();
    let redis = Redis::start();
    let limits = |daemon: &Daemon| {
        let text = std::fs::read_to_string(format!("/proc/{}/limits", daemon.pid().as_raw_nonzero())).expect("limits");
        let line = text.lines().find(|line| line.starts_with("Max open files")).expect("a line").to_owned();
        line.split_whitespace().nth(3).and_then(|number| number.parse::<u64>().ok()).expect("a number")
    };
    let start = |soft: &str, hard: &str| {
        let plain = command(&sim, redis.port);
        let mut limited = Command::new("prlimit");
        limited.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        limited.env("JBOD_LISTEN", ANY_PORT).arg(format!("--nofile={soft}:{hard}"));
        limited.arg(plain.get_program());
        let daemon = Daemon::listening(&mut limited);
        daemon.wait_ready();
        daemon
    };
    let daemon = start("256", "4096");
    assert!(limits(&daemon) > 256, "{}", daemon.log());
    assert_eq!(daemon.logged("file descriptor limit too low"), 0);
    drop(daemon);
    let daemon = start("300", "300");
    assert_eq!(daemon.logged("file descriptor limit too low"), 1, "{}", daemon.log());
    // More than are let in, held: whoever is turned away is told, and the others are served.
    let mut held: Vec<Client> = (0..80).filter_map(|_| Client::connect(daemon.port)).collect();
    let statuses: Vec<u16> = held
        .iter_mut()
        .filter_map(|client| client.request("GET", "/healthz", &[]))
        .map(|response| response.status)
        .collect();
    assert!(statuses.contains(&200) && statuses.contains(&503), "{statuses:?}");
    drop(held);
    wait_until("there is room again", || daemon.get("/healthz").status == 200);
    assert!(daemon.json("/api/overview")["totals"]["drives"] == 4);
}
