//! The daemon is killed at any moment, stopped under load, or lacks descriptors, tasks or memory. Stored values stay
//! valid, no child is left, and it recovers.

use crate::support;

use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use support::daemon::{Daemon, command};
use support::http::Client;
use support::json::{drives, list};
use support::load::Load;
use support::port::ANY_PORT;
use support::redis::{Redis, Reply};
use support::rng::Rng;
use support::sim::Sim;
use support::{eventually_within, wait_until};

const KILLS: u64 = 200;
const SEED: u64 = 20_260_101;
/// The limit from the start to the first overview. The goal on an idle machine is 3 s.
const LONGEST_START: Duration = Duration::from_secs(15);
const SETTINGS: [(&str, &str); 3] =
    [("SMART_POLL_INTERVAL", "1"), ("SMART_TIMEOUT", "1"), ("REDIS_TIMEOUT_MS", "2000")];

/// Fails if a value in Redis is incomplete or of another drive than its key. Returns the number of values.
#[track_caller]
fn assert_all_whole(redis: &Redis, serials: &BTreeMap<String, String>) -> usize {
    let mut keys = redis.keys();
    keys.retain(|key| key != "jbod:lock:poll");
    if keys.is_empty() {
        return 0;
    }
    let args: Vec<&str> = std::iter::once("MGET").chain(keys.iter().map(String::as_str)).collect();
    let Reply::List(replies) = redis.ask(&args) else { panic!("MGET gives a list") };
    for (key, reply) in keys.iter().zip(&replies) {
        // A key may have expired since the keys were listed.
        let Reply::Text(text) = reply else { continue };
        let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{key}: {error}: {text}"));
        assert!(value["schema"].is_u64(), "{key} has no schema: {text}");
        if let Some(device) = key.trim_start_matches("jbod:").trim_start_matches("last:").strip_prefix("smart:") {
            let serial = serials.get(device).unwrap_or_else(|| panic!("{key} is of no drive"));
            assert_eq!(value["serial_number"], serial.as_str(), "{key}");
            let printed = &value["smartctl"]["serial_number"];
            assert!(printed.is_null() || printed == serial.as_str(), "{key}: smartctl's JSON is of {printed}");
            assert!(text.contains(serial.as_str()) && text.contains("wwid"), "{key} has no identity: {text}");
        }
    }
    keys.len()
}

fn serials_by_device(sim: &Sim) -> BTreeMap<String, String> {
    let mut serials = BTreeMap::new();
    for drive in sim.list() {
        let serial = drive["serial"].as_str().expect("a serial number");
        for device in list(&drive, "devices") {
            serials.insert(device.as_str().expect("a name").to_owned(), serial.to_owned());
        }
    }
    serials
}

/// Fails if a tool that the daemon started runs 5 s after its end.
#[track_caller]
fn assert_no_tool_runs(sim: &Sim, when: &str) {
    let what = format!("{when}: no tool runs");
    eventually_within(Duration::from_secs(5), &what, || sim.processes().is_empty().then_some(()));
}

/// 200 times: a new daemon serves every bay at once, stored values are complete, and no child is left, not even a
/// smartctl that waits for a drive that hangs.
#[test]
fn the_daemon_restarts_after_sigkill_at_any_moment_and_no_child_is_left() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let serials = serials_by_device(&sim);
    let all = sim.list();
    for hanging in [3, 40, 71] {
        sim.set(all[hanging]["serial"].as_str().expect("a serial number"), &["hang=true"]);
    }
    sim.set("smartctl", &["latency_ms=20", "jitter_ms=60"]);
    let mut rng = Rng::of(SEED);
    let (mut longest, mut with_children, mut whole, mut waited) = (Duration::ZERO, 0, 0, Duration::ZERO);
    for round in 0..KILLS {
        let when = format!("round {round}");
        // Half of the daemons poll at once and are killed while they read and store. The others wait for the lease of
        // the killed one, and serve what it stored.
        if rng.below(2) == 0 {
            redis.ask(&["DEL", "jbod:lock:poll"]);
        }
        let begun = Instant::now();
        let mut daemon = Daemon::listening(command(&sim, redis.port).env("JBOD_LISTEN", ANY_PORT).envs(SETTINGS));
        let port = daemon.port;
        let overview = daemon.wait_while_running("the overview is served", || {
            let answer = Client::connect(port)?.request("GET", "/api/overview", &[])?;
            if answer.status == 200 { Some(answer.json()) } else { None }
        });
        longest = longest.max(begun.elapsed());
        assert!(begun.elapsed() < LONGEST_START, "{when}: {:?}", begun.elapsed());
        assert_eq!((&overview["totals"]["slots"], &overview["totals"]["drives"]), (&84.into(), &79.into()), "{when}");
        assert_eq!(drives(&overview).count(), 79, "{when}");
        if round % 40 == 39 {
            // It polls at the latest when the lease of the killed daemon expires.
            let begun = Instant::now();
            let before = overview["sweep"]["started_at"].clone();
            daemon.overview_when("it reads the drives itself", |overview| {
                let started_at = &overview["sweep"]["started_at"];
                (!started_at.is_null() && *started_at != before) || !sim.processes().is_empty()
            });
            waited = waited.max(begun.elapsed());
        }
        // Most are killed before a sweep is complete, some after everything has been stored.
        let life = if round % 20 == 19 { 1_000 + rng.next() % 1_500 } else { rng.next() % 160 };
        // A kill at a random moment is what is tested.
        std::thread::sleep(Duration::from_millis(life));
        with_children += usize::from(!daemon.children().is_empty());
        daemon.kill();
        assert_no_tool_runs(&sim, &when);
        if round % 10 == 0 {
            whole = whole.max(assert_all_whole(&redis, &serials));
        }
    }
    println!(
        "{KILLS} kills: the longest start took {longest:?}, {with_children} had children when they were killed, \
         up to {whole} values were checked, the longest wait for a lease was {waited:?}"
    );
    assert!(with_children > 20, "only {with_children} were killed while they read");
    let daemon = Daemon::start(&sim, &redis, &SETTINGS);
    daemon.overview_when("all other drives are read", |overview| overview["totals"]["by_verdict"]["ok"] == 76);
    wait_until("all live and last-known copies are stored", || assert_all_whole(&redis, &serials) > 76 * 2);
    daemon.kill();
    assert_no_tool_runs(&sim, "the last daemon");
}

/// 20 stops at random moments, with a smartctl that ignores SIGTERM on two drives.
#[test]
fn a_stop_under_load_ends_the_daemon_and_its_children_in_time() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    sim.set("smartctl", &["latency_ms=30", "jitter_ms=100"]);
    let all = sim.list();
    for hanging in [5, 30] {
        sim.set(all[hanging]["serial"].as_str().expect("a serial number"), &["hang_ignore_term=true"]);
    }
    let (mut rng, absent) = (Rng::of(SEED + 1), Redis::absent());
    let mut longest = Duration::ZERO;
    for round in 0..20 {
        // Without Redis, requests for drives wait for readings of the poller until the end.
        let redis = if round % 2 == 0 { &redis } else { &absent };
        let daemon = Daemon::start(&sim, redis, &SETTINGS);
        let paths = ["/api/overview", "/api/drives/sda", "/api/drives/sdb", "/api/drives/sdc"];
        let load = Load::start(daemon.port, &paths);
        // A stop at a random moment is what is tested.
        std::thread::sleep(Duration::from_millis(rng.next() % 600));
        let begun = Instant::now();
        let (status, log) = daemon.stop(Signal::TERM);
        let took = begun.elapsed();
        longest = longest.max(took);
        assert_eq!(status.code(), Some(0), "round {round}: {log}");
        assert!(took < Duration::from_secs(5), "round {round}: {took:?}: {log}");
        assert!(!log.contains("panicked") && !log.contains("ERROR"), "round {round}: {log}");
        assert_no_tool_runs(&sim, &format!("round {round}"));
        load.end();
    }
    println!("20 stops under load: the longest took {longest:?}");
}

/// Long timeouts, so that a busy machine is not taken for an unresponsive drive.
const PATIENT: [(&str, &str); 3] =
    [("SMART_POLL_INTERVAL", "1"), ("SMART_TIMEOUT", "20"), ("REDIS_TIMEOUT_MS", "2000")];

/// Sets a limit of the running daemon with prlimit(1).
#[track_caller]
fn limit(daemon: &Daemon, what: &str) {
    let pid = daemon.pid().as_raw_nonzero().to_string();
    let status = Command::new("prlimit").args(["--pid", &pid, what]).status().expect("prlimit (util-linux) starts");
    assert!(status.success(), "prlimit {what}: {status}");
}

/// Restricts the daemon, waits until the poller has renewed its lease four times, ends the restriction, and waits until
/// every drive has a reading again.
#[track_caller]
fn survives(
    (daemon, redis): (&mut Daemon, &Redis),
    what: &str,
    restrict: impl FnOnce(&Daemon),
    end: impl FnOnce(&Daemon),
) {
    let lines = daemon.log().lines().count();
    restrict(daemon);
    for _ in 0..4 {
        // The daemon need not respond to these, but they must not end it.
        for _ in 0..10 {
            let _ = std::net::TcpStream::connect(("127.0.0.1", daemon.port));
        }
        redis.wait_renewed(1);
        assert!(!daemon.has_ended(), "{what}: the daemon has ended: {}", daemon.log());
    }
    end(daemon);
    daemon.after_sweeps(2);
    daemon.overview_when(&format!("{what}: every drive is read again"), |overview| {
        drives(overview).all(|drive| drive["error"].is_null() && drive["state"] == "active")
    });
    let log = daemon.log();
    let new: Vec<&str> = log.lines().skip(lines).collect();
    println!("{what}: {} lines in the log: {}", new.len(), new[..new.len().min(8)].join("\n    "));
    assert!(new.len() <= 60 && !log.contains("panicked") && !log.contains("exited unexpectedly"), "{what}: {log}");
}

#[test]
fn the_daemon_recovers_from_a_lack_of_descriptors() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let mut daemon = Daemon::ready(&sim, &redis, &PATIENT);
    // With 8, which is less than are open, none can be opened.
    for (what, limited) in [("64 descriptors", "--nofile=64:"), ("8 descriptors", "--nofile=8:")] {
        survives(
            (&mut daemon, &redis),
            what,
            |daemon| limit(daemon, limited),
            |daemon| limit(daemon, "--nofile=1024:"),
        );
    }
    assert!(daemon.logged("Too many open files") > 0, "{}", daemon.log());
    assert_eq!(daemon.logged("drive missing"), 0, "{}", daemon.log());
    let (status, log) = daemon.stop(Signal::TERM);
    assert_eq!(status.code(), Some(0), "{log}");
}

/// A control group (version 1) for one process.
struct Group(PathBuf);

impl Group {
    #[track_caller]
    fn create(controller: &str) -> Self {
        let base = Path::new("/sys/fs/cgroup").join(controller);
        let path = base.join(format!("jbod-monitor-test-{}", std::process::id()));
        assert!(base.join("cgroup.procs").exists(), "{} is no control group", base.display());
        std::fs::create_dir(&path)
            .unwrap_or_else(|error| panic!("no control group can be created in {}: {error}", base.display()));
        Self(path)
    }

    #[track_caller]
    fn set(&self, name: &str, value: &str) {
        std::fs::write(self.0.join(name), value).unwrap_or_else(|error| panic!("{name}={value}: {error}"));
    }

    fn get(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap_or_default().trim().to_owned()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Only an empty group can be removed.
        for pid in self.get("cgroup.procs").lines() {
            let _ = std::fs::write(self.0.join("../cgroup.procs"), pid);
        }
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// The daemon can start neither threads nor children.
#[test]
#[ignore = "needs a pids cgroup"]
fn the_daemon_recovers_from_a_lack_of_tasks() {
    let group = Group::create("pids");
    let (sim, redis) = (Sim::rack(), Redis::start());
    let mut daemon = Daemon::ready(&sim, &redis, &PATIENT);
    group.set("cgroup.procs", &daemon.pid().as_raw_nonzero().to_string());
    let now: u32 = group.get("pids.current").parse().expect("a number");
    for more in [4, 0] {
        let limited = (now.min(30) + more).to_string();
        survives(
            (&mut daemon, &redis),
            &format!("{more} more tasks"),
            |_| group.set("pids.max", &limited),
            |_| group.set("pids.max", "max"),
        );
    }
    let (status, log) = daemon.stop(Signal::TERM);
    assert_eq!(status.code(), Some(0), "{log}");
}

/// A smartctl that gets no memory costs a reading. The daemon itself stays below the limit.
#[test]
#[ignore = "needs a memory cgroup"]
fn the_daemon_survives_a_lack_of_memory() {
    let group = Group::create("memory");
    let (sim, redis) = (Sim::rack(), Redis::start());
    let mut daemon = Daemon::ready(&sim, &redis, &PATIENT);
    group.set("cgroup.procs", &daemon.pid().as_raw_nonzero().to_string());
    let limit = |bytes: &str| group.set("memory.limit_in_bytes", bytes);
    survives((&mut daemon, &redis), "64 MiB", |_| limit("67108864"), |_| limit("-1"));
    println!("most used: {} bytes", group.get("memory.max_usage_in_bytes"));
    let (status, log) = daemon.stop(Signal::TERM);
    assert_eq!(status.code(), Some(0), "{log}");
}
