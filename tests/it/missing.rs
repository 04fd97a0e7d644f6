//! Missing drives that are known from Redis: how many are restored and how long they are kept. A drive that cannot be
//! discovered because of an error is not missing.

use crate::support;

use crate::helpers::{copy_environment, degradation, in_state, serials, sim_host};
use crate::support::wait_until;
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

/// The long timeout keeps a busy machine from making Redis unavailable.
const QUICK: [(&str, &str); 3] = [("REDIS_TIMEOUT_MS", "10000"), ("OVERVIEW_TTL", "3"), ("SMART_POLL_INTERVAL", "3")];
/// How many missing drives are restored at most on a host with four drives.
const MOST: u64 = 64;

fn host_name(sim: &Sim) -> String {
    let name = std::fs::read_to_string(sim.root().join("proc/sys/kernel/hostname")).expect("a name");
    name.trim().to_owned()
}

fn ago(seconds: i64) -> String {
    let now = jiff::Timestamp::now().as_second();
    jiff::Timestamp::from_second(now - seconds).expect("a time").to_string()
}

/// The smallest valid document of a drive.
fn document(serial: &str, since: &str) -> String {
    format!(
        r#"{{"schema":1,"identity":{{"unit_serial":"{serial}"}},"device":"sdx","paths":[],"state":"missing","verdict":"ok","findings":[],"stale":true,"missing_since":"{since}"}}"#
    )
}

fn invented(number: usize) -> String {
    format!("X{number:06}")
}

/// A stored list of missing drives that never existed.
fn list(sim: &Sim, count: usize) -> String {
    let since = ago(3600);
    let documents: Vec<String> = (0..count).map(|number| document(&invented(number), &since)).collect();
    let (host, now) = (host_name(sim), ago(0));
    format!(r#"{{"schema":1,"host":"{host}","generated_at":"{now}","drives":[{}]}}"#, documents.join(","))
}

fn missing(overview: &Value) -> u64 {
    in_state(overview, "missing")
}

fn is_invented(drive: &Value) -> bool {
    let has_invented_serial = match drive["serial_number"].as_str() {
        Some(serial) => serial.starts_with('X'),
        None => false,
    };
    has_invented_serial || drive["device"] == "sdx" && drive["state"] == "missing"
}

/// Processor time of the daemon in ticks: fields 14 and 15 of `/proc/PID/stat`.
fn ticks(daemon: &Daemon) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", daemon.pid().as_raw_nonzero())).expect("stat");
    let (_, fields) = stat.rsplit_once(") ").expect("the name of the command");
    let fields: Vec<&str> = fields.split(' ').collect();
    [fields[11], fields[12]].iter().map(|ticks| ticks.parse::<u64>().expect("ticks")).sum()
}

/// Waits until no invented drive is in the overview or in Redis.
#[track_caller]
fn wait_forgotten(daemon: &Daemon, redis: &Redis, real: u64) {
    daemon.overview_when("no invented drive is in the overview", |overview| {
        drives(overview).all(|drive| !is_invented(drive)) && missing(overview) == real
    });
    eventually("no invented drive is in Redis", || {
        let (list, overview) = (redis.get("jbod:last:gone")?, redis.get("jbod:last:overview")?);
        (!list.contains("\"X0") && !overview.contains("sdx")).then_some(())
    });
}

/// Waits until the missing drive is in the stored list.
#[track_caller]
fn wait_stored(redis: &Redis, serial: &str) {
    eventually("the missing drive is stored", || redis.get("jbod:last:gone")?.contains(serial).then_some(()));
}

#[test]
fn invented_drives_in_redis_are_limited_and_forgotten_with_it() {
    let mut took = Vec::new();
    for count in [5_000, 20_000, 150_000] {
        let (sim, redis) = (Sim::small(), Redis::start());
        let value = list(&sim, count);
        redis.set("jbod:last:gone", value.as_bytes());
        let daemon = Daemon::ready(&sim, &redis, &QUICK);
        took.push((count, value.len(), ticks(&daemon), daemon.vitals().peak_kib));
        let overview = daemon.json("/api/overview");
        assert!(missing(&overview) <= MOST, "{count}: {}", overview["totals"]);
        assert_eq!(daemon.logged("the event loop of the poller does not run"), 0, "{}", daemon.log());
        if count <= 20_000 {
            assert_eq!(missing(&overview), MOST, "{count}: {}", overview["totals"]);
            let line = format!("kept={MOST} left_out={}", count as u64 - MOST);
            assert_eq!(daemon.logged(&line), 1, "{}", daemon.log());
        }
        // A drive that this process saw disappear stays missing when Redis loses its data.
        let serial = serials(&sim)[0].clone();
        sim.pull(&["bay/0/0"]);
        daemon.drive_when(&serial, "the drive is missing", |drive| drive["state"] == "missing");
        daemon.after_sweeps(2);
        let overview = daemon.json("/api/overview");
        assert!(missing(&overview) <= MOST && missing(&overview) > 0, "{}", overview["totals"]);
        redis.ask(&["FLUSHALL"]);
        wait_forgotten(&daemon, &redis, 1);
        daemon.drive_when(&serial, "the drive is still missing", |drive| drive["state"] == "missing");
        wait_stored(&redis, &serial);
        daemon.after_sweeps(2);
        wait_forgotten(&daemon, &redis, 1);
    }
    println!("(drives, bytes, ticks until ready, peak KiB): {took:?}");
    let (few, many) = (took[0].2, took[1].2);
    assert!(many < 10 * few + 50, "four times as many drives take {many} ticks instead of {few}");
}

/// The drives that have been missing for the shortest time are restored.
#[test]
fn the_newest_missing_drives_are_kept() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let real = document("REAL0001", &ago(60));
    let value = list(&sim, 3_000).replacen(&invented(1500), "REAL0002", 1).replace("]}", &format!(",{real}]}}"));
    redis.set("jbod:last:gone", value.as_bytes());
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    daemon.drive_when("REAL0001", "the drive is missing", |drive| drive["state"] == "missing");
    assert_eq!(missing(&daemon.json("/api/overview")), MOST);
    // Restored drives are kept as long as Redis has them.
    for _ in 0..3 {
        daemon.after_sweeps(1);
        let list = redis.get("jbod:last:gone").unwrap_or_else(|| panic!("no list: {:?}", redis.keys()));
        assert!(list.contains("REAL0001"), "{list}");
    }
    assert_eq!(missing(&daemon.json("/api/overview")), MOST);
    assert_eq!(daemon.logged("kept="), 1, "{}", daemon.log());
}

/// Missing drives are restored from the overview too.
#[test]
fn an_overview_with_invented_drives_is_limited_too() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &QUICK);
    let mut overview = daemon.json("/api/overview");
    daemon.stop(Signal::TERM);
    redis.ask(&["FLUSHALL"]);
    for number in 0..1_000 {
        let (device, serial) = (format!("nvme{number}n1"), invented(number));
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
    // The limit is the number of bytes of all documents.
    assert!((500..700).contains(&missing(&shown)), "{}", shown["totals"]);
    assert_eq!(daemon.logged("stored documents exceed the memory budget"), 1, "{}", daemon.log());
    assert!(daemon.logged("drive missing") <= 12, "the number of lines is limited: {}", daemon.log());
    daemon.after_sweeps(2);
    assert_eq!(missing(&daemon.json("/api/overview")), missing(&shown), "they are kept as long as Redis has them");
    redis.ask(&["FLUSHALL"]);
    wait_forgotten(&daemon, &redis, 0);
}

/// An HBA may fail at a boot. The drives behind it are missing, after several boots too.
#[test]
fn drives_of_a_missing_enclosure_are_known_after_several_boots() {
    let sim = sim_host("--enclosures 1 --bays 100 --drives 100 --paths 1 --nvme 2 --pools 0");
    let redis = Redis::start();
    leave_values(&sim, &redis);
    let serials = serials(&sim);
    let shelf: Vec<String> = (0..100).map(|bay| format!("bay/0/{bay}")).collect();
    sim.pull(&shelf.iter().map(String::as_str).collect::<Vec<_>>());
    for boot in 1..=3 {
        let daemon = Daemon::ready(&sim, &redis, &QUICK);
        let overview =
            daemon.overview_when("all drives of the enclosure are missing", |overview| missing(overview) == 100);
        for serial in &serials {
            assert!(drives(&overview).any(|drive| drive["serial_number"] == **serial), "boot {boot}: {serial}");
        }
        assert_eq!(daemon.logged("left_out="), 0, "{}", daemon.log());
        eventually("all missing drives are stored", || {
            let list = redis.get("jbod:last:gone")?;
            let stored = serials.iter().filter(|serial| list.contains(*serial)).count();
            (stored == 100).then_some(())
        });
        daemon.stop(Signal::TERM);
    }
}

/// A follower has restored missing drives too. When it becomes leader, it does not store drives that Redis has lost.
#[test]
fn a_new_leader_does_not_restore_what_redis_has_lost() {
    let (sim, redis) = (Sim::small(), Redis::start());
    redis.set("jbod:last:gone", list(&sim, 60).as_bytes());
    let leader = Daemon::ready(&sim, &redis, &QUICK);
    let follower = Daemon::ready(&sim, &redis, &QUICK);
    follower.wait_logged("became follower");
    for daemon in [&leader, &follower] {
        assert_eq!(missing(&daemon.json("/api/overview")), 60);
    }
    let serial = serials(&sim)[0].clone();
    sim.pull(&["bay/0/0"]);
    for daemon in [&leader, &follower] {
        daemon.drive_when(&serial, "the drive is missing", |drive| drive["state"] == "missing");
    }
    redis.ask(&["FLUSHALL"]);
    wait_forgotten(&leader, &redis, 1);
    leader.kill();
    follower.wait_logged("became leader");
    follower.after_sweeps(3);
    wait_forgotten(&follower, &redis, 1);
    wait_stored(&redis, &serial);
}

/// Starts a daemon with a limit of descriptors. It may end before it listens.
#[track_caller]
fn start_with(sim: &Sim, redis: &Redis, descriptors: usize, port: &ReservedPort) -> Daemon {
    let plain = command(sim, redis.port);
    let mut limited = Command::new("prlimit");
    limited.env_clear();
    copy_environment(&plain, &mut limited);
    limited.envs(QUICK).env("JBOD_LISTEN", port.address()).env("JBOD_WORKERS", "1");
    limited.arg(format!("--nofile={descriptors}:{descriptors}")).arg(plain.get_program());
    let mut daemon = Daemon::spawn(&mut limited);
    daemon.port = port.number;
    daemon
}

/// Runs a daemon until it has stored its values.
#[track_caller]
fn leave_values(sim: &Sim, redis: &Redis) {
    let daemon = Daemon::ready(sim, redis, &QUICK);
    eventually("an overview is stored", || redis.get("jbod:last:overview"));
    daemon.stop(Signal::TERM);
}

/// A discovery that fails because of missing descriptors reports no drive as missing, not even the first discovery.
#[test]
fn a_start_without_descriptors_reports_no_drive_as_missing() {
    let (sim, redis) = (Sim::small(), Redis::start());
    leave_values(&sim, &redis);
    let (port, mut outcomes) = (ReservedPort::new(), Vec::new());
    for descriptors in (10..=28).step_by(2) {
        let mut daemon = start_with(&sim, &redis, descriptors, &port);
        // It ends if it cannot open its sockets.
        let outcome = eventually("the daemon ends, is ready, or reports a failed discovery", || {
            if daemon.has_ended() {
                return Some("ended");
            }
            let response =
                Client::connect(daemon.port).and_then(|mut client| client.request("GET", "/api/overview", &[]));
            if let Some(response) = response
                && response.status == 200
            {
                assert_eq!(missing(&response.json()), 0, "{descriptors}: {}", response.text());
            }
            if daemon.logged("sweep completed changed=") > 0 {
                return Some("ready");
            }
            (daemon.logged("discovery failed") > 0).then_some("discovery failed")
        });
        assert_eq!(daemon.logged("drive missing"), 0, "{descriptors}: {}", daemon.log());
        assert_eq!(daemon.logged("drives added, removed or moved"), 0, "{descriptors}: {}", daemon.log());
        outcomes.push((descriptors, outcome));
    }
    println!("{outcomes:?}");
    let ready = outcomes.iter().any(|(_, outcome)| *outcome == "ready");
    assert!(ready, "no limit was sufficient: {outcomes:?}");
}

/// A folder that cannot be listed until it is restored.
struct Unlisted {
    path: PathBuf,
    aside: PathBuf,
}

impl Unlisted {
    fn new(sim: &Sim, folder: &str) -> Self {
        let path = sim.root().join(folder);
        let aside = path.with_extension("aside");
        std::fs::rename(&path, &aside).expect("the folder is there");
        // A link to itself causes ELOOP.
        symlink(path.file_name().expect("a name"), &path).expect("a link");
        Self { path, aside }
    }

    fn restore(self) {
        std::fs::remove_file(&self.path).expect("the link is there");
        std::fs::rename(&self.aside, &self.path).expect("the folder is there");
    }
}

/// If `/sys/block` or the enclosure class cannot be listed, the last known state is kept, and the poller is degraded.
#[test]
fn what_cannot_be_listed_is_not_missing() {
    for folder in ["sys/block", "sys/class/enclosure"] {
        let (sim, redis) = (Sim::small(), Redis::start());
        leave_values(&sim, &redis);
        let before: Value = serde_json::from_str(&redis.get("jbod:last:overview").expect("a value")).expect("JSON");
        // At the start.
        let unlisted = Unlisted::new(&sim, folder);
        let daemon = Daemon::start(&sim, &redis, &QUICK);
        daemon.wait_logged("discovery failed");
        let reason = eventually("the poller is degraded", || degradation(&daemon, "poller"));
        assert!(reason.contains("discovery failed, keeping the last known state"), "{reason}");
        assert_eq!((&daemon.json("/api/health")["ready"], daemon.get("/readyz").status), (&json!(false), 503));
        for path in ["/api/overview", "/api/drives", "/api/enclosures"] {
            assert_eq!(daemon.get(path).status, 503, "{folder} {path}: {}", daemon.get(path).text());
        }
        let stored: Value = serde_json::from_str(&redis.get("jbod:last:overview").expect("a value")).expect("JSON");
        assert_eq!(stored, before, "{folder}: the stored overview is not replaced");
        unlisted.restore();
        daemon.wait_ready();
        let overview = daemon.overview_when("all drives are read", |overview| in_state(overview, "active") == 4);
        assert_eq!((missing(&overview), &overview["totals"]["slots"]), (0, &json!(6)), "{folder}: {overview}");
        // While the daemon runs.
        let unlisted = Unlisted::new(&sim, folder);
        wait_until("the discovery fails", || daemon.logged("discovery failed") == 2);
        daemon.after_sweeps(2);
        let overview = daemon.json("/api/overview");
        assert_eq!((missing(&overview), &overview["totals"]["slots"]), (0, &json!(6)), "{folder}: {overview}");
        unlisted.restore();
        wait_until("the discovery recovers", || daemon.logged("discovery recovered") == 2);
        wait_until("nothing is degraded", || daemon.json("/api/health")["status"] == "ok");
        assert_eq!(daemon.logged("drive missing"), 0, "{}", daemon.log());
    }
}
