//! Drives that are gone, as Redis remembers them: how many are taken over, how long they stay, and that nobody has gone
//! who could not be looked at.

use crate::support;

use rustix::process::Signal;
use serde_json::{Value, json};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use support::daemon::{Daemon, command};
use support::eventually;
use support::http::Client;
use support::json::drives;
use support::port::ReservedPort;
use support::redis::Redis;
use support::sim::Sim;

/// Lists are stored once a second; a busy machine must not look like an absent Redis.
const QUICK: [(&str, &str); 3] = [("REDIS_TIMEOUT_MS", "10000"), ("OVERVIEW_TTL", "3"), ("SMART_POLL_INTERVAL", "3")];
/// What a host with four drives may miss.
const MOST: u64 = 64;

fn host_name(sim: &Sim) -> String {
    let name = std::fs::read_to_string(sim.root().join("proc/sys/kernel/hostname")).expect("a name");
    name.trim().to_owned()
}

fn ago(seconds: i64) -> String {
    let now = jiff::Timestamp::now().as_second();
    jiff::Timestamp::from_second(now - seconds).expect("a time").to_string()
}

/// The least that is a document of a drive.
fn document(serial: &str, since: &str) -> String {
    format!(
        r#"{{"schema":1,"identity":{{"unit_serial":"{serial}"}},"device":"sdx","paths":[],"state":"missing","verdict":"ok","findings":[],"stale":true,"missing_since":"{since}"}}"#
    )
}

fn invented(n: usize) -> String {
    format!("X{n:06}")
}

/// A list of so many drives that never were.
fn list(sim: &Sim, count: usize) -> String {
    let since = ago(3600);
    let documents: Vec<String> = (0..count).map(|number| document(&invented(number), &since)).collect();
    let (host, now) = (host_name(sim), ago(0));
    format!(r#"{{"schema":1,"host":"{host}","generated_at":"{now}","drives":[{}]}}"#, documents.join(","))
}

fn missing(overview: &Value) -> u64 {
    overview["totals"]["by_state"]["missing"].as_u64().expect("a number")
}

fn is_invented(drive: &Value) -> bool {
    drive["serial_number"].as_str().is_some_and(|serial| serial.starts_with('X'))
        || drive["device"] == "sdx" && drive["state"] == "missing"
}

/// Processor time of the daemon, in ticks.
fn ticks(daemon: &Daemon) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", daemon.pid().as_raw_nonzero())).expect("its state");
    let fields: Vec<&str> = stat.rsplit_once(") ").expect("a name").1.split(' ').collect();
    [11, 12].map(|at| fields[at].parse::<u64>().expect("ticks")).iter().sum()
}

/// No invented drive is anywhere any more.
#[track_caller]
fn wait_forgotten(daemon: &Daemon, redis: &Redis, real: u64) {
    daemon.overview_when("invented drives are gone from the overview", |overview| {
        drives(overview).all(|drive| !is_invented(drive)) && missing(overview) == real
    });
    eventually("they are gone from Redis", || {
        let (list, overview) = (redis.get("jbod:last:gone")?, redis.get("jbod:last:overview")?);
        (!list.contains("\"X0") && !overview.contains("sdx")).then_some(())
    });
}

#[test]
fn invented_drives_in_redis_are_limited_and_go_with_what_redis_loses() {
    let mut took = Vec::new();
    for count in [5_000, 20_000, 150_000] {
        let (sim, redis) = (Sim::small(), Redis::start());
        let value = list(&sim, count);
        redis.set("jbod:last:gone", value.as_bytes());
        let daemon = Daemon::ready(&sim, &redis, &QUICK);
        took.push((count, value.len(), ticks(&daemon), daemon.vitals().peak_kib));
        let overview = daemon.json("/api/overview");
        assert!(missing(&overview) <= MOST, "{count}: {}", overview["totals"]);
        assert_eq!(daemon.logged("does not go round"), 0, "{}", daemon.log());
        if count <= 20_000 {
            assert_eq!(missing(&overview), MOST, "{count}: {}", overview["totals"]);
            let line = format!("kept={MOST} left_out={}", count as u64 - MOST);
            assert_eq!(daemon.logged(&line), 1, "{}", daemon.log());
        }
        // One that this process sees go stays, whatever Redis loses.
        let serial = sim.list()[0]["serial"].as_str().expect("a serial").to_owned();
        sim.pull(&["bay/0/0"]);
        daemon.drive_when(&serial, "it is missed", |drive| drive["state"] == "missing");
        daemon.after_sweeps(2);
        let overview = daemon.json("/api/overview");
        assert!(missing(&overview) <= MOST && missing(&overview) > 0, "{}", overview["totals"]);
        redis.ask(&["FLUSHALL"]);
        wait_forgotten(&daemon, &redis, 1);
        daemon.drive_when(&serial, "it is missed still", |drive| drive["state"] == "missing");
        eventually("and stored", || redis.get("jbod:last:gone").filter(|list| list.contains(&serial)));
        daemon.after_sweeps(2);
        wait_forgotten(&daemon, &redis, 1);
    }
    println!("(drives, bytes, ticks until ready, peak KiB): {took:?}");
    let (few, many) = (took[0].2, took[1].2);
    assert!(many < 10 * few + 50, "four times as many take {many} ticks, where {few} were taken");
}

/// The newest are kept: a drive that went lately is not lost among those that went before it.
#[test]
fn those_that_went_last_are_kept() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let real = document("REAL0001", &ago(60));
    let value = list(&sim, 3_000).replacen(&invented(1500), "REAL0002", 1).replace("]}", &format!(",{real}]}}"));
    redis.set("jbod:last:gone", value.as_bytes());
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    daemon.drive_when("REAL0001", "it is missed", |drive| drive["state"] == "missing");
    assert_eq!(missing(&daemon.json("/api/overview")), MOST);
    // What was taken over stays for as long as Redis has it.
    for _ in 0..3 {
        daemon.after_sweeps(1);
        assert!(redis.get("jbod:last:gone").is_some_and(|list| list.contains("REAL0001")), "{:?}", redis.keys());
    }
    assert_eq!(missing(&daemon.json("/api/overview")), MOST);
    assert_eq!(daemon.logged("kept="), 1, "{}", daemon.log());
}

/// An overview may show more drives than a host has lost.
#[test]
fn an_overview_with_invented_drives_is_limited_too() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    let mut overview = daemon.json("/api/overview");
    daemon.stop(Signal::TERM);
    redis.ask(&["FLUSHALL"]);
    for n in 0..1_000 {
        let (device, serial) = (format!("nvme{n}n1"), invented(n));
        let drive = json!({
            "device": device, "paths": [device], "serial_number": serial, "state": "active", "verdict": "ok",
            "findings": [], "stale": false,
        });
        let mut stored = drive.clone();
        (stored["schema"], stored["identity"]) = (json!(1), json!({ "unit_serial": serial }));
        redis.set(&format!("jbod:last:smart:{device}"), stored.to_string().as_bytes());
        overview["unslotted"].as_array_mut().expect("a list").push(drive);
    }
    redis.set("jbod:last:overview", overview.to_string().as_bytes());
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    let shown = daemon.json("/api/overview");
    // As many as all documents together may have bytes.
    assert!((500..700).contains(&missing(&shown)), "{}", shown["totals"]);
    assert_eq!(daemon.logged("stored documents exceed the memory budget"), 1, "{}", daemon.log());
    assert!(daemon.logged("drive missing") <= 12, "a line each, to a limit: {}", daemon.log());
    daemon.after_sweeps(2);
    assert_eq!(missing(&daemon.json("/api/overview")), missing(&shown), "they stay while Redis has them");
    redis.ask(&["FLUSHALL"]);
    wait_forgotten(&daemon, &redis, 0);
}

/// An adapter that fails at a boot takes whole shelves with it: no drive is forgotten, at the next boot neither.
#[test]
fn a_host_that_starts_without_its_shelf_remembers_every_drive() {
    let options = "--enclosures 1 --bays 100 --drives 100 --paths 1 --nvme 2 --pools 0";
    let (sim, redis) = (Sim::host(&options.split(' ').collect::<Vec<_>>()), Redis::start());
    leave_values(&sim, &redis);
    let serials: Vec<String> =
        sim.list().iter().map(|drive| drive["serial"].as_str().expect("one").to_owned()).collect();
    let shelf: Vec<String> = (0..100).map(|bay| format!("bay/0/{bay}")).collect();
    sim.pull(&shelf.iter().map(String::as_str).collect::<Vec<_>>());
    for boot in 1..=3 {
        let daemon = Daemon::ready(&sim, &redis, &QUICK);
        let overview = daemon.overview_when("all are known", |overview| missing(overview) == 100);
        for serial in &serials {
            assert!(drives(&overview).any(|drive| drive["serial_number"] == **serial), "boot {boot}: {serial}");
        }
        assert_eq!(daemon.logged("left_out="), 0, "{}", daemon.log());
        let stored = || {
            redis
                .get("jbod:last:gone")
                .filter(|list| serials.iter().filter(|serial| list.contains(*serial)).count() == 100)
        };
        eventually("all are stored", stored);
        daemon.stop(Signal::TERM);
    }
}

/// Who follows has taken them over as well: what Redis loses meanwhile does not come back with it.
#[test]
fn a_new_leader_brings_nothing_back() {
    let (sim, redis) = (Sim::small(), Redis::start());
    redis.set("jbod:last:gone", list(&sim, 60).as_bytes());
    let leader = Daemon::ready(&sim, &redis, &QUICK);
    let follower = Daemon::ready(&sim, &redis, &QUICK);
    follower.wait_logged("became follower");
    for daemon in [&leader, &follower] {
        assert_eq!(missing(&daemon.json("/api/overview")), 60);
    }
    let serial = sim.list()[0]["serial"].as_str().expect("a serial").to_owned();
    sim.pull(&["bay/0/0"]);
    for daemon in [&leader, &follower] {
        daemon.drive_when(&serial, "it is missed", |drive| drive["state"] == "missing");
    }
    redis.ask(&["FLUSHALL"]);
    wait_forgotten(&leader, &redis, 1);
    leader.kill();
    follower.wait_logged("became leader");
    follower.after_sweeps(3);
    wait_forgotten(&follower, &redis, 1);
    eventually("what was seen to go is stored", || redis.get("jbod:last:gone").filter(|list| list.contains(&serial)));
}

/// A daemon with so many descriptors and no more, on that port: it may end before it listens.
#[track_caller]
fn start_with(sim: &Sim, redis: &Redis, descriptors: usize, port: &ReservedPort) -> Daemon {
    let plain = command(sim, redis.port);
    let mut limited = Command::new("prlimit");
    limited.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?)))).envs(QUICK);
    limited.env("JBOD_LISTEN", port.address()).env("JBOD_WORKERS", "1");
    limited.arg(format!("--nofile={descriptors}:{descriptors}")).arg(plain.get_program());
    let mut daemon = Daemon::spawn(&mut limited);
    daemon.port = port.number;
    daemon
}

fn ask(daemon: &Daemon, path: &str) -> Option<(u16, Value)> {
    let answer = Client::connect(daemon.port)?.request("GET", path, &[])?;
    Some((answer.status, if path.starts_with("/api") { answer.json() } else { Value::Null }))
}

/// A daemon has read everything and stored it.
#[track_caller]
fn leave_values(sim: &Sim, redis: &Redis) {
    let daemon = Daemon::ready(sim, redis, &QUICK);
    eventually("an overview is stored", || redis.get("jbod:last:overview"));
    daemon.stop(Signal::TERM);
}

/// Whoever cannot look does not call drives missing, also where it is the first look, after which all would be.
#[test]
fn a_start_without_descriptors_calls_no_drive_missing() {
    let (sim, redis) = (Sim::small(), Redis::start());
    leave_values(&sim, &redis);
    let (port, mut outcomes) = (ReservedPort::new(), Vec::new());
    for descriptors in (10..=28).step_by(2) {
        let mut daemon = start_with(&sim, &redis, descriptors, &port);
        // It ends where not even its sockets can be had; else it is ready, or says that it cannot look.
        let outcome = eventually("it ends, is ready, or cannot look", || {
            if daemon.has_ended() {
                return Some("ended");
            }
            let answer = ask(&daemon, "/api/overview");
            if let Some((200, overview)) = &answer {
                assert_eq!(missing(overview), 0, "{descriptors}: {overview}");
            }
            if daemon.logged("sweep completed changed=") > 0 {
                return Some("ready");
            }
            (daemon.logged("discovery failed") > 0).then_some("blind")
        });
        assert_eq!(daemon.logged("drive missing"), 0, "{descriptors}: {}", daemon.log());
        assert_eq!(daemon.logged("missing="), 0, "{descriptors}: {}", daemon.log());
        outcomes.push((descriptors, outcome));
    }
    println!("{outcomes:?}");
    let ready = outcomes.iter().any(|(_, outcome)| *outcome == "ready");
    assert!(ready, "some are enough: {outcomes:?}");
}

/// A folder that cannot be listed, whatever the reason, until it is put back.
struct Unlisted {
    path: PathBuf,
    aside: PathBuf,
}

impl Unlisted {
    fn make(sim: &Sim, folder: &str) -> Self {
        let path = sim.root().join(folder);
        let aside = path.with_extension("aside");
        std::fs::rename(&path, &aside).expect("the folder is there");
        // A link to itself: ELOOP.
        symlink(path.file_name().expect("a name"), &path).expect("a link");
        Self { path, aside }
    }

    fn put_back(self) {
        std::fs::remove_file(&self.path).expect("the link is there");
        std::fs::rename(&self.aside, &self.path).expect("the folder is there");
    }
}

/// Drives or shelves that cannot be listed: nothing is known, which is said, and nothing is taken for gone.
#[test]
fn what_cannot_be_listed_has_not_gone() {
    for folder in ["sys/block", "sys/class/enclosure"] {
        let (sim, redis) = (Sim::small(), Redis::start());
        leave_values(&sim, &redis);
        let before: Value = serde_json::from_str(&redis.get("jbod:last:overview").expect("a value")).expect("JSON");
        // At the start.
        let unlisted = Unlisted::make(&sim, folder);
        let daemon = Daemon::start(&sim, &redis, &QUICK);
        daemon.wait_logged("discovery failed");
        let health = eventually("it says so", || {
            let health = daemon.json("/api/health");
            health["degraded"]
                .as_array()
                .expect("a list")
                .iter()
                .any(|degraded| degraded["part"] == "poller")
                .then_some(health)
        });
        assert_eq!((&health["ready"], daemon.get("/readyz").status), (&json!(false), 503), "{health}");
        assert!(health.to_string().contains("discovery failed, keeping the last known state"), "{health}");
        for path in ["/api/overview", "/api/drives", "/api/enclosures"] {
            assert_eq!(daemon.get(path).status, 503, "{folder} {path}: {}", daemon.get(path).text());
        }
        let stored: Value = serde_json::from_str(&redis.get("jbod:last:overview").expect("a value")).expect("JSON");
        assert_eq!(stored, before, "{folder}: nothing is stored over what is there");
        unlisted.put_back();
        daemon.wait_ready();
        let overview =
            daemon.overview_when("all drives are read", |overview| overview["totals"]["by_state"]["active"] == 4);
        assert_eq!((missing(&overview), &overview["totals"]["slots"]), (0, &json!(6)), "{folder}: {overview}");
        // And while it runs.
        let unlisted = Unlisted::make(&sim, folder);
        eventually("it cannot look", || (daemon.logged("discovery failed") == 2).then_some(()));
        daemon.after_sweeps(2);
        let overview = daemon.json("/api/overview");
        assert_eq!((missing(&overview), &overview["totals"]["slots"]), (0, &json!(6)), "{folder}: {overview}");
        unlisted.put_back();
        eventually("it can", || (daemon.logged("discovery recovered") == 2).then_some(()));
        eventually("all is well", || (daemon.json("/api/health")["status"] == "ok").then_some(()));
        assert_eq!(daemon.logged("drive missing"), 0, "{}", daemon.log());
    }
}
