//! The daemon's own condition: `/api/health` and the probes, notifications to systemd, clock steps, and the limit of file
//! descriptors.

use crate::support;
use crate::support::{wait_for, wait_until};

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

/// The entries about a component in the list of degraded components.
fn entries(daemon: &Daemon, part: &str) -> Vec<Value> {
    let health = daemon.json("/api/health");
    let list = health["degraded"].as_array().expect("a list").clone();
    assert_eq!(health["status"], if list.is_empty() { "ok" } else { "degraded" }, "{health}");
    list.into_iter().filter(|entry| entry["part"] == part).collect()
}

#[track_caller]
fn wait_degraded(daemon: &Daemon, part: &str) -> Value {
    eventually(&format!("{part} is degraded"), || entries(daemon, part).pop())
}

#[track_caller]
fn wait_ok(daemon: &Daemon) {
    wait_until("no component is degraded", || daemon.json("/api/health")["status"] == "ok");
}

#[test]
fn health_lists_degraded_components_with_since() {
    let sim = Sim::small();
    let mut redis = Redis::start();
    let settings = [("SMART_POLL_INTERVAL", "2"), ("SMART_TIMEOUT", "1")];
    let daemon = Daemon::ready(&sim, &redis, &settings);
    wait_ok(&daemon);
    let health = daemon.json("/api/health");
    assert_eq!((&health["schema"], &health["role"], &health["ready"]), (&1.into(), &"leader".into(), &true.into()));
    assert!(
        health["version"].is_string() && health["started_at"].is_string() && health["sweep"]["took_ms"].is_number()
    );
    assert_eq!(daemon.get("/healthz").text(), "ok\n");
    assert_eq!(daemon.get("/readyz").text(), "ready\n");

    redis.kill();
    let away = wait_degraded(&daemon, "redis");
    assert!(!["", "null"].contains(&text(&away["error"])) && away["id"].is_null(), "{away}");
    let since = &away["since"];
    wait_until("the outage has lasted a second", || daemon.json("/api/health")["generated_at"] != *since);
    assert_eq!(wait_degraded(&daemon, "redis")["since"], *since, "the beginning of the outage");
    for path in ["/healthz", "/readyz"] {
        let response = daemon.get(path);
        let line = format!("degraded: redis since {}", since.as_str().expect("a time"));
        assert!(response.status == 200 && response.text().contains(&line), "{path}: {}", response.text());
    }
    redis.up();
    wait_ok(&daemon);

    redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    wait_degraded(&daemon, "redis_writes");
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    wait_ok(&daemon);

    let drive = &sim.list()[0];
    let (device, serial) = (drive["devices"][0].as_str().expect("a device"), drive["serial"].as_str());
    sim.set(device, &["hang=true"]);
    let silent = wait_degraded(&daemon, "drive");
    assert_eq!((silent["id"].as_str(), silent["serial_number"].as_str()), (Some(device), serial), "{silent}");
    assert!(text(&silent["error"]).contains("no answer"), "{silent}");
}

/// Receives the notifications to systemd.
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
        let n = self.socket.recv(&mut buffer).expect("a notification");
        String::from_utf8_lossy(&buffer[..n]).trim_end().to_owned()
    }

    #[track_caller]
    fn wait(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        (0..200)
            .map(|_| self.next())
            .find(|notification| wanted(notification))
            .unwrap_or_else(|| panic!("no notification of {what}"))
    }

    /// Discards the notifications so far.
    fn drain(&self) {
        let mut buffer = [0; 4096];
        self.socket.set_nonblocking(true).expect("an option");
        while self.socket.recv(&mut buffer).is_ok() {}
        self.socket.set_nonblocking(false).expect("an option");
    }
}

#[test]
fn systemd_is_notified_of_readiness_status_heartbeats_and_the_stop() {
    let sim = Sim::small();
    let mut redis = Redis::start();
    let dir = tempfile::tempdir().expect("a folder");
    let systemd = Systemd::new(dir.path());
    let mut daemon = command(&sim, redis.port);
    daemon.env("JBOD_LISTEN", ANY_PORT).env("NOTIFY_SOCKET", &systemd.path);
    daemon.env("WATCHDOG_USEC", "2000000");
    let daemon = Daemon::listening(&mut daemon);
    systemd.wait("READY", |notification| notification.contains("READY=1"));
    systemd.wait("its status", |notification| notification == "STATUS=4 drives, worst verdict ok, Redis available");
    systemd.wait("a heartbeat", |notification| notification == "WATCHDOG=1");
    redis.kill();
    systemd.wait("the outage", |notification| notification.contains("Redis unavailable"));
    systemd.wait("a heartbeat during the outage", |notification| notification == "WATCHDOG=1");
    let (status, log) = daemon.stop(Signal::TERM);
    assert!(status.success(), "{log}");
    systemd.wait("the stop", |notification| notification.contains("STOPPING=1"));
}

#[test]
fn a_daemon_that_does_not_answer_sends_no_heartbeat() {
    let sim = Sim::small();
    let mut redis = Redis::start();
    let dir = tempfile::tempdir().expect("a folder");
    let systemd = Systemd::new(dir.path());
    let (socket, elsewhere) = (dir.path().join("api"), dir.path().join("elsewhere"));
    let mut daemon = command(&sim, redis.port);
    daemon.env("JBOD_LISTEN", format!("unix:{}", socket.display())).env("NOTIFY_SOCKET", &systemd.path);
    daemon.env("WATCHDOG_USEC", "4000000");
    let daemon = Daemon::spawn(&mut daemon);
    systemd.wait("a heartbeat", |notification| notification == "WATCHDOG=1");
    // No client can connect to the daemon, which still runs.
    std::fs::rename(&socket, &elsewhere).expect("the socket is renamed");
    daemon.wait_logged("self-check failed");
    systemd.drain();
    // A self-check sends its heartbeat before its status, so a heartbeat would come before the status of the outage.
    redis.kill();
    let mut client = UnixStream::connect(&elsewhere).expect("the daemon accepts");
    client
        .write_all(b"GET /api/overview HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .expect("the request is sent");
    client.read_to_end(&mut Vec::new()).expect("a response, for which the daemon used Redis");
    let notification = systemd
        .wait("the outage", |notification| notification == "WATCHDOG=1" || notification.contains("Redis unavailable"));
    assert!(notification.contains("Redis unavailable"), "{notification}");
    std::fs::rename(&elsewhere, &socket).expect("the socket is renamed back");
    systemd.wait("a heartbeat again", |notification| notification == "WATCHDOG=1");
    daemon.wait_logged("self-check succeeded again");
    assert_eq!(daemon.logged("self-check failed"), 1, "{}", daemon.log());
}

#[test]
fn a_daemon_whose_self_checks_fail_repeatedly_ends_with_status_1() {
    let sim = Sim::small();
    let dir = tempfile::tempdir().expect("a folder");
    let socket = dir.path().join("api");
    let mut daemon = command(&sim, refused_port());
    daemon.env("JBOD_LISTEN", format!("unix:{}", socket.display())).env("WATCHDOG_USEC", "1000000");
    let mut daemon = Daemon::spawn(&mut daemon);
    daemon.wait_while_running("the daemon listens", || std::os::unix::net::UnixStream::connect(&socket).ok());
    std::fs::rename(&socket, dir.path().join("elsewhere")).expect("the socket is renamed");
    let (status, log) = daemon.ended();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("self-check failed repeatedly, stopping the daemon failed_checks=6"), "{log}");
}

/// The library of Debian's package `libfaketime`.
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

/// The year in which the values were collected.
#[track_caller]
fn year(body: &Value) -> i32 {
    let time = text(&body["collected_at"]);
    time.get(..4).unwrap_or_default().parse().unwrap_or_else(|error| panic!("{time}: {error}"))
}

/// The value of a key in Redis; null without the key.
#[track_caller]
fn stored(redis: &Redis, key: &str) -> Value {
    let Some(value) = redis.get(key) else { return Value::Null };
    serde_json::from_str(&value).unwrap_or_else(|error| panic!("{key}: {error}"))
}

#[test]
#[ignore = "needs libfaketime"]
fn a_clock_step_changes_no_age_and_causes_no_reading() {
    let sim = Sim::small();
    let redis = Redis::start();
    let clocked = Clocked::start(&sim, &redis);
    let daemon = &clocked.daemon;
    let device = sim.list()[0]["devices"][0].as_str().expect("a device").to_owned();
    sim.pull(&[sim.list()[3]["devices"][0].as_str().expect("a device")]);
    daemon.overview_when("the removed drive is missing", |overview| overview["totals"]["by_state"]["missing"] == 1);
    // A removed drive causes a run of zpool, and none of smartctl.
    let starts = sim.starts().len();
    let paths = ["/api/overview".to_owned(), format!("/api/drives/{device}"), "/api/enclosures".to_owned()];
    let this_year = year(&daemon.json("/api/overview"));
    let offsets = [("+400d", Ordering::Greater), ("-400d", Ordering::Less), ("+0", Ordering::Equal)];
    for (n, (offset, wanted)) in offsets.into_iter().enumerate() {
        clocked.set(offset);
        wait_until("the step is noticed", || daemon.logged("system clock stepped") == n + 1);
        // An earlier request finds no usable value in Redis, and has the drive read.
        wait_until("Redis has the new dates", || {
            ["smart", "last:smart"].iter().all(|copy| {
                let value = stored(&redis, &format!("jbod:{copy}:{device}"));
                !value.is_null() && year(&value).cmp(&this_year) == wanted
            })
        });
        for path in &paths {
            // Immediately after the step, a value may seem older than it is, but not younger.
            let response = wait_for(
                "the response has the new date",
                || daemon.get(path),
                |response| {
                    let has_new_date = year(&response.json()).cmp(&this_year) == wanted;
                    response.status == 200 && has_new_date && response.age() < 120
                },
            );
            let body = response.json();
            assert_ne!(body["stale"], true, "{offset} {path}: {body}");
        }
        let overview = daemon.json("/api/overview");
        assert_eq!(overview["totals"]["by_state"]["missing"], 1, "{overview}");
        let missing = drives(&overview).find(|drive| drive["state"] == "missing").expect("the pulled drive");
        assert!(text(&missing["error"]).ends_with(text(&missing["missing_since"])), "{missing}");
        wait_until("the response is a HIT again", || daemon.get("/api/overview").cache() == "HIT");
    }
    assert_eq!(sim.starts().len(), starts, "smartctl was started: {}", daemon.log());
    assert_eq!(daemon.logged("system clock stepped"), 3, "{}", daemon.log());
}

#[test]
#[ignore = "needs libfaketime"]
fn values_with_a_time_in_the_future_are_read_again_after_a_restart() {
    let sim = Sim::small();
    let redis = Redis::start();
    let clocked = Clocked::start(&sim, &redis);
    let this_year = year(&clocked.daemon.json("/api/overview"));
    clocked.set("+400d");
    clocked.daemon.wait_logged("system clock stepped");
    let device = sim.list()[0]["devices"][0].as_str().expect("a device").to_owned();
    wait_until("Redis has the time in the future", || {
        let value = stored(&redis, &format!("jbod:smart:{device}"));
        !value.is_null() && year(&value) > this_year
    });
    clocked.daemon.kill();
    let daemon = Daemon::start(&sim, &redis, &[]);
    let drive = daemon.drive_when(&device, "the drive is read", |drive| drive["state"] == "active");
    assert_eq!(year(&drive), this_year, "{drive}");
    let overview =
        daemon.overview_when("all drives are read", |overview| overview["totals"]["by_state"]["active"] == 4);
    assert_eq!(year(&overview), this_year, "{overview}");
}

/// The soft limit of file descriptors of the running daemon.
#[track_caller]
fn descriptor_limit(daemon: &Daemon) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/limits", daemon.pid().as_raw_nonzero())).expect("limits");
    let line = text.lines().find(|line| line.starts_with("Max open files")).expect("a line");
    line.split_whitespace().nth(3).expect("the soft limit").parse().expect("a number")
}

/// A daemon with these limits (`SOFT:HARD`) of file descriptors.
fn with_descriptors(sim: &Sim, redis: &Redis, limits: &str) -> Daemon {
    let plain = command(sim, redis.port);
    let mut limited = Command::new("prlimit");
    limited.env_clear();
    for (name, value) in plain.get_envs() {
        limited.env(name, value.expect("no variable is removed"));
    }
    limited.env("JBOD_LISTEN", ANY_PORT).arg(format!("--nofile={limits}")).arg(plain.get_program());
    let daemon = Daemon::listening(&mut limited);
    daemon.wait_ready();
    daemon
}

#[test]
fn the_descriptor_limit_is_raised_or_fewer_connections_are_accepted() {
    let sim = Sim::small();
    let redis = Redis::start();
    let daemon = with_descriptors(&sim, &redis, "256:4096");
    assert!(descriptor_limit(&daemon) > 256, "{}", daemon.log());
    assert_eq!(daemon.logged("file descriptor limit too low"), 0);
    drop(daemon);
    let daemon = with_descriptors(&sim, &redis, "300:300");
    assert_eq!(daemon.logged("file descriptor limit too low"), 1, "{}", daemon.log());
    // More connections than are accepted: those beyond the limit are answered with 503, and the others are served.
    let mut clients: Vec<Client> = (0..80).filter_map(|_| Client::connect(daemon.port)).collect();
    let responses = clients.iter_mut().filter_map(|client| client.request("GET", "/healthz", &[]));
    let statuses: Vec<u16> = responses.map(|response| response.status).collect();
    assert!(statuses.contains(&200) && statuses.contains(&503), "{statuses:?}");
    drop(clients);
    wait_until("connections are accepted again", || daemon.get("/healthz").status == 200);
    assert!(daemon.json("/api/overview")["totals"]["drives"] == 4);
}
