//! The daemon's own life ends at any moment, or is made hard: killed outright, stopped under load, short
//! of descriptors, tasks or memory. What is left is whole, nothing is left running, and it comes back.

use crate::support;

use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use support::daemon::{Daemon, command};
use support::eventually;
use support::http::Client;
use support::json::drives;
use support::load::Load;
use support::port::ANY_PORT;
use support::redis::{Redis, Reply};
use support::rng::Rng;
use support::sim::Sim;

const KILLS: u64 = 200;
const SEED: u64 = 20_260_101;
/// An answer later than this is none: what is wanted is 3 s, on a machine with nothing else to do.
const LONGEST_START: Duration = Duration::from_secs(15);
const SETTINGS: [(&str, &str); 3] =
    [("SMART_POLL_INTERVAL", "1"), ("SMART_TIMEOUT", "1"), ("REDIS_TIMEOUT_MS", "2000")];

/// Every value in Redis is whole, and says what it is of. Gives how many there are.
#[track_caller]
fn assert_all_whole(redis: &Redis, serials: &BTreeMap<String, String>) -> usize {
    let keys = redis.keys();
    let values: Vec<String> = keys.iter().filter(|k| *k != "jbod:lock:poll").cloned().collect();
    if values.is_empty() {
        return 0;
    }
    let args: Vec<&str> = std::iter::once("MGET").chain(values.iter().map(String::as_str)).collect();
    let Reply::List(replies) = redis.ask(&args) else { panic!("MGET gives a list") };
    for (key, reply) in values.iter().zip(&replies) {
        // It may have lapsed since the keys were listed.
        let Reply::Text(text) = reply else { continue };
        let value: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{key}: {e}: {text}"));
        assert!(value["schema"].is_u64(), "{key} has a schema: {text}");
        let device = key.strip_prefix("jbod:smart:").or_else(|| key.strip_prefix("jbod:last:smart:"));
        if let Some(device) = device {
            let serial = serials.get(device).unwrap_or_else(|| panic!("{key} is of no drive"));
            let told = value["serial_number"].as_str().unwrap_or_default();
            assert_eq!(told, serial, "{key}");
            let raw = &value["smartctl"]["serial_number"];
            assert!(raw.is_null() || raw == serial.as_str(), "{key}: smartctl's JSON is of {raw}");
            assert!(text.contains(serial.as_str()) && text.contains("wwid"), "{key} has an identity: {text}");
        }
    }
    values.len()
}

fn serials_by_device(sim: &Sim) -> BTreeMap<String, String> {
    let mut serials = BTreeMap::new();
    for drive in sim.list() {
        for device in drive["devices"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().expect("a name").to_owned();
            serials.insert(text(device), text(&drive["serial"]));
        }
    }
    serials
}

/// Nothing that the killed daemon started outlives it.
#[track_caller]
fn assert_no_tool_runs(sim: &Sim, when: &str) {
    let mut left = Vec::new();
    for _ in 0..500 {
        left = sim.processes();
        if left.is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{when}: {left:?} are left running");
}

/// Killed at any moment, 200 times over: it is back at once with every bay, what is stored is whole, and
/// what it had started is gone, even a smartctl that waits for a silent drive.
#[test]
fn the_daemon_restarts_after_sigkill_at_any_moment_and_no_child_is_left() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let serials = serials_by_device(&sim);
    let all = sim.list();
    for silent in [3, 40, 71] {
        sim.set(all[silent]["serial"].as_str().expect("a serial"), &["hang=true"]);
    }
    sim.set("smartctl", &["latency_ms=20", "jitter_ms=60"]);
    let mut dice = Rng::of(SEED);
    let (mut longest, mut with_children, mut whole, mut waited) = (Duration::ZERO, 0, 0, Duration::ZERO);
    for round in 0..KILLS {
        let when = format!("round {round}");
        // Half of them poll at once, and are killed while they read and store; the others wait for the
        // lease of the dead one, and serve what it left.
        if dice.below(2) == 0 {
            redis.ask(&["DEL", "jbod:lock:poll"]);
        }
        let begun = Instant::now();
        let mut daemon = Daemon::listening(command(&sim, redis.port).env("JBOD_LISTEN", ANY_PORT).envs(SETTINGS));
        let port = daemon.port;
        let overview = daemon.wait_listening("the overview is served", || {
            let answer = Client::connect(port)?.request("GET", "/api/overview", &[])?;
            (answer.status == 200).then(|| answer.json())
        });
        longest = longest.max(begun.elapsed());
        assert!(begun.elapsed() < LONGEST_START, "{when}: {:?}", begun.elapsed());
        assert_eq!((&overview["totals"]["slots"], &overview["totals"]["drives"]), (&84.into(), &79.into()), "{when}");
        assert_eq!(drives(&overview).count(), 79, "{when}");
        if round % 40 == 39 {
            // Left alone, it polls no later than the dead one's lease lapses.
            let begun = Instant::now();
            let before = overview["sweep"]["started_at"].clone();
            daemon.overview_when("it reads the drives itself", |o| {
                !o["sweep"]["started_at"].is_null() && o["sweep"]["started_at"] != before || !sim.processes().is_empty()
            });
            waited = waited.max(begun.elapsed());
        }
        // Most end before anything is whole, some after all has been stored.
        let life = if round % 20 == 19 { 1_000 + dice.next() % 1_500 } else { dice.next() % 160 };
        // A random moment is what is tested: nothing is expected to have happened by then.
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
         up to {whole} values were looked into, the longest wait for a lease was {waited:?}"
    );
    assert!(with_children > 20, "some were killed while they read: {with_children}");
    // The last one is left to itself.
    let daemon = Daemon::start(&sim, &redis, &SETTINGS);
    daemon.overview_when("all drives but the silent ones are read", |o| o["totals"]["by_verdict"]["ok"] == 76);
    eventually("everything is stored, twice", || (assert_all_whole(&redis, &serials) > 76 * 2).then_some(()));
    daemon.kill();
    assert_no_tool_runs(&sim, "the last one");
}

/// Twenty stops in the middle of everything, with drives that cannot be ended politely.
#[test]
fn a_stop_under_load_ends_the_daemon_and_its_children_in_time() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    sim.set("smartctl", &["latency_ms=30", "jitter_ms=100"]);
    let all = sim.list();
    for deaf in [5, 30] {
        sim.set(all[deaf]["serial"].as_str().expect("a serial"), &["hang_ignore_term=true"]);
    }
    let (mut dice, away) = (Rng::of(SEED + 1), Redis::absent());
    let mut longest = Duration::ZERO;
    for round in 0..20 {
        // Without Redis every drive is asked of the poller, up to the very end.
        let redis = if round % 2 == 0 { &redis } else { &away };
        let daemon = Daemon::start(&sim, redis, &SETTINGS);
        let paths = ["/api/overview", "/api/drives/sda", "/api/drives/sdb", "/api/drives/sdc"];
        let load = Load::start(daemon.port, &paths);
        // A random moment, as above.
        std::thread::sleep(Duration::from_millis(dice.next() % 600));
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

/// A busy machine must not look like a silent drive.
const PATIENT: [(&str, &str); 3] =
    [("SMART_POLL_INTERVAL", "1"), ("SMART_TIMEOUT", "20"), ("REDIS_TIMEOUT_MS", "2000")];

/// A limit of a running process, as prlimit(1) sets it.
#[track_caller]
fn limit(daemon: &Daemon, what: &str) {
    let done = Command::new("prlimit").args(["--pid", &daemon.pid().as_raw_nonzero().to_string(), what]).status();
    assert!(done.is_ok_and(|s| s.success()), "prlimit (util-linux) sets {what}");
}

/// Its poller runs for several rounds, and when the pressure is gone everything is read again.
#[track_caller]
fn lives_through(
    (daemon, redis): (&mut Daemon, &Redis),
    what: &str,
    begin: impl FnOnce(&Daemon),
    end: impl FnOnce(&Daemon),
) {
    let lines = daemon.log().lines().count();
    begin(daemon);
    for _ in 0..4 {
        // Under such pressure a client may wait in vain; the daemon itself is there.
        for _ in 0..10 {
            let _ = std::net::TcpStream::connect(("127.0.0.1", daemon.port));
        }
        redis.wait_renewed(1);
        daemon.wait_listening("it lives", || Some(()));
    }
    end(daemon);
    daemon.after_sweeps(2);
    daemon.overview_when(&format!("{what}: everything is read again"), |o| {
        drives(o).all(|d| d["error"].is_null() && d["state"] == "active")
    });
    let log = daemon.log();
    let said = log.lines().count() - lines;
    println!("{what}: {said} lines in the log: {}", log.lines().skip(lines).take(8).collect::<Vec<_>>().join("\n    "));
    assert!(said <= 60 && !log.contains("panicked") && !log.contains("exited unexpectedly"), "{what}: {log}");
}

/// Short of descriptors it reads fewer drives and says why; it never ends.
#[test]
fn the_daemon_recovers_from_a_lack_of_descriptors() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let mut daemon = Daemon::ready(&sim, &redis, &PATIENT);
    lives_through(
        (&mut daemon, &redis),
        "64 descriptors",
        |d| limit(d, "--nofile=64:"),
        |d| limit(d, "--nofile=1024:"),
    );
    // Fewer than are open by now: nothing at all can be opened.
    lives_through((&mut daemon, &redis), "8 descriptors", |d| limit(d, "--nofile=8:"), |d| limit(d, "--nofile=1024:"));
    assert!(daemon.logged("Too many open files") > 0, "{}", daemon.log());
    assert_eq!(daemon.logged("drive missing"), 0, "what cannot be looked at is not gone: {}", daemon.log());
    let (status, log) = daemon.stop(Signal::TERM);
    assert_eq!(status.code(), Some(0), "{log}");
}

/// A control group of the test's own for a running process, below that of a controller (version 1).
struct Group(PathBuf);

impl Group {
    #[track_caller]
    fn make(controller: &str) -> Self {
        let base = Path::new("/sys/fs/cgroup").join(controller);
        let path = base.join(format!("jbod-monitor-test-{}", std::process::id()));
        assert!(base.join("cgroup.procs").exists(), "{} is no control group", base.display());
        std::fs::create_dir(&path)
            .unwrap_or_else(|e| panic!("no control group can be made in {}: {e}", base.display()));
        Self(path)
    }

    #[track_caller]
    fn set(&self, name: &str, value: &str) {
        std::fs::write(self.0.join(name), value).unwrap_or_else(|e| panic!("{name}={value}: {e}"));
    }

    fn get(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap_or_default().trim().to_owned()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // What is still in it goes back up.
        let up = self.0.parent().map(|p| p.join("cgroup.procs")).unwrap_or_default();
        for pid in self.get("cgroup.procs").lines() {
            let _ = std::fs::write(&up, pid);
        }
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// Neither threads nor children can be started.
#[test]
#[ignore = "needs a pids cgroup"]
fn the_daemon_recovers_from_a_lack_of_tasks() {
    let group = Group::make("pids");
    let (sim, redis) = (Sim::rack(), Redis::start());
    let mut daemon = Daemon::ready(&sim, &redis, &PATIENT);
    group.set("cgroup.procs", &daemon.pid().as_raw_nonzero().to_string());
    let now: u32 = group.get("pids.current").parse().expect("a number");
    for more in [4, 0] {
        let begin = |_: &Daemon| group.set("pids.max", &(now.min(30) + more).to_string());
        lives_through((&mut daemon, &redis), &format!("{more} tasks more"), begin, |_| group.set("pids.max", "max"));
    }
    let (status, log) = daemon.stop(Signal::TERM);
    assert_eq!(status.code(), Some(0), "{log}");
}

/// A smartctl that finds no memory is a drive without a reading; the daemon stays within its share.
#[test]
#[ignore = "needs a memory cgroup"]
fn the_daemon_survives_a_lack_of_memory() {
    let group = Group::make("memory");
    let (sim, redis) = (Sim::rack(), Redis::start());
    let mut daemon = Daemon::ready(&sim, &redis, &PATIENT);
    group.set("cgroup.procs", &daemon.pid().as_raw_nonzero().to_string());
    let limit = |bytes: &str| group.set("memory.limit_in_bytes", bytes);
    lives_through((&mut daemon, &redis), "64 MiB", |_| limit("67108864"), |_| limit("-1"));
    println!("most used: {} bytes", group.get("memory.max_usage_in_bytes"));
    let (status, log) = daemon.stop(Signal::TERM);
    assert_eq!(status.code(), Some(0), "{log}");
}
