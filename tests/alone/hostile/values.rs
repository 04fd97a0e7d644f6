//! Values in Redis that take far more memory than their bytes, stored before the start and while the daemon runs. None
//! makes the daemon exceed its memory limit, also while clients send requests. Each is reported once and overwritten.

mod attacks;

use super::wire::alone;
use crate::support::daemon::{Daemon, command};
use crate::support::http::{Client, Response};
use crate::support::json::{drive, drives};
use crate::support::port::ANY_PORT;
use crate::support::redis::{Redis, Reply};
use crate::support::sim::Sim;
use crate::support::{eventually, wait_until};
use attacks::{
    Attack, DRIVE, EMPTY_MAP, FINDING, POOL, SHELF, SLOT, deep_or_long, huge, just_below, times, with, within,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

/// The memory limit with 78 drives. A debug build takes more.
const MOST_KIB: usize = if cfg!(debug_assertions) { 80 * 1024 } else { 64 * 1024 };

const LISTS: [&str; 3] = ["overview", "enclosures", "zfs_map"];
/// A long timeout, so that a busy machine is not taken for an unavailable Redis, and short lifetimes, because lists are
/// sent again after a third of them.
const SETTINGS: [(&str, &str); 5] = [
    ("REDIS_TIMEOUT_MS", "2000"),
    ("SMART_POLL_INTERVAL", "3"),
    ("OVERVIEW_TTL", "3"),
    ("ENCLOSURES_TTL", "3"),
    ("ZFS_TTL", "3"),
];

/// The rack, and what a daemon stores and shows of it without an attack.
struct Rack {
    sim: Sim,
    /// The stored values by key, without the prefix.
    values: BTreeMap<String, String>,
    /// Enclosure and bay by serial number.
    bays: BTreeMap<String, (Value, Value)>,
    map: String,
}

impl Rack {
    fn new() -> Self {
        let (sim, redis) = (Sim::rack(), Redis::start());
        let daemon = Daemon::ready(&sim, &redis, &SETTINGS);
        let values = eventually("everything is stored", || {
            let values = stored_values(&redis);
            if values.len() == 2 * (79 + LISTS.len() + 2) { Some(values) } else { None }
        });
        let bays = bays(&daemon.json("/api/overview"));
        assert_eq!(bays.len(), 79);
        Self { map: map(&daemon), sim, values, bays }
    }

    /// A stored list with `filler` as the first elements of a field, under a version that is in no cache.
    fn list(&self, key: &str, field: &str, filler: &str) -> String {
        with(&self.renamed(key), field, filler)
    }

    /// A stored value under another version, if it has one.
    fn renamed(&self, key: &str) -> String {
        let own = &self.values[key];
        let Some((_, rest)) = own.split_once("\"version\":\"") else { return own.clone() };
        own.replacen(&rest[..16], "0123456789abcdef", 1)
    }

    /// The document of a drive with this as smartctl's JSON.
    fn document(&self, key: &str, smartctl: &str) -> String {
        let own = &self.values[key];
        let (before, _) = own.split_once("\"smartctl\":").expect("smartctl's JSON");
        format!("{before}\"smartctl\":{smartctl}}}")
    }

    fn documents(&self) -> impl Iterator<Item = &String> {
        self.values.keys().filter(|key| key.starts_with("smart:"))
    }
}

/// All values but the lease, by key without the prefix.
fn stored_values(redis: &Redis) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    for key in redis.keys() {
        // A key may have expired since the keys were listed.
        if let Some(value) = redis.get(&key)
            && let Some(key) = key.strip_prefix("jbod:")
            && key != "lock:poll"
        {
            values.insert(key.to_owned(), value);
        }
    }
    values
}

/// Enclosure and bay of each drive by serial number.
fn bays(overview: &Value) -> BTreeMap<String, (Value, Value)> {
    let mut bays = BTreeMap::new();
    for drive in drives(overview) {
        if let Some(serial) = drive["serial_number"].as_str() {
            bays.insert(serial.to_owned(), (drive["enclosure"].clone(), drive["slot"].clone()));
        }
    }
    bays
}

/// The map without its first line, which has a time.
fn map(daemon: &Daemon) -> String {
    let text = daemon.get("/api/map.txt").text();
    text.lines().skip(1).collect::<Vec<_>>().join("\n")
}

/// The paths that clients request: lists, views of them, and drives.
fn paths(rack: &Rack) -> Vec<String> {
    let (serial, (shelf, _)) =
        rack.bays.iter().find(|(_, (enclosure, _))| enclosure.is_string()).expect("a drive in a bay");
    let shelf = shelf.as_str().expect("an id");
    let mut paths: Vec<String> = [
        "/api/map.txt",
        "/api/overview",
        "/api/drives?verdict=ok",
        "/api/enclosures",
        "/api/overview?fields=summary",
        "/api/zfs",
        "/api/drives/sda",
    ]
    .map(str::to_owned)
    .to_vec();
    paths.push(format!("/api/whereis/{serial}"));
    paths.push(format!("/api/drives?enclosure={shelf}"));
    paths.push(format!("/api/enclosures/{shelf}"));
    paths.push(format!("/api/drives/{serial}"));
    paths
}

/// Four clients request all paths, each from another one on, until `during` returns.
fn ask(daemon: &Daemon, rack: &Rack, is_foreign: bool, during: impl FnOnce()) {
    let (done, paths) = (AtomicBool::new(false), paths(rack));
    let is_ready = daemon.get("/readyz").status == 200;
    std::thread::scope(|scope| {
        let mut clients = Vec::new();
        for number in 0..4 {
            let (paths, done) = (&paths, &done);
            clients.push(scope.spawn(move || {
                let mut client = Client::connect(daemon.port).expect("a connection");
                let mut rounds = 0;
                while rounds == 0 || !done.load(Ordering::Acquire) {
                    for path in paths.iter().cycle().skip(3 * number).take(paths.len()) {
                        let headers = &[("Accept-Encoding", "gzip")][..rounds % 2];
                        let Some(response) = client.request("GET", path, headers) else {
                            panic!("no response to {path}: {}", daemon.log());
                        };
                        assert_is_good(&response, path, rack, is_ready, is_foreign);
                    }
                    rounds += 1;
                }
            }));
        }
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(during));
        done.store(true, Ordering::Release);
        for client in clients {
            client.join().expect("a client");
        }
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

/// Fails on an error of the daemon and, where the attack is foreign, on wrong content.
#[track_caller]
fn assert_is_good(response: &Response, path: &str, rack: &Rack, is_ready: bool, is_foreign: bool) {
    // Before the first sweep a request may wait for a reading, and further ones get a `Retry-After`.
    if !is_ready && response.status == 503 && path.starts_with("/api/drives/") {
        assert_ne!(response.header("retry-after"), "", "{path}");
        return;
    }
    assert!([200, 404].contains(&response.status), "{path}: {}", response.status);
    if !is_foreign {
        return;
    }
    assert_eq!(response.status, 200, "{path}: {}", response.text());
    if path == "/api/overview" && response.header("content-encoding").is_empty() {
        assert_eq!(bays(&response.json()), rack.bays, "{path}");
    }
    if let Some(serial) = path.strip_prefix("/api/whereis/") {
        assert!(response.text().contains(serial), "{path}: {}", response.text());
    }
}

/// Waits until every value of the attack has another length.
fn wait_overwritten(redis: &Redis, attack: &Attack) {
    let mut left: Vec<(&String, &String)> = attack.values.iter().collect();
    wait_until("every value is overwritten", || {
        left.retain(|(key, value)| {
            let length = i64::try_from(value.len()).expect("a length");
            redis.ask(&["STRLEN", &format!("jbod:{key}")]) == Reply::Number(length)
        });
        left.is_empty()
    });
}

/// Runs an attack before the start and one on the running daemon, and returns the peaks of memory in KiB.
fn withstand(rack: &Rack, attack: &Attack) -> (usize, usize) {
    let redis = Redis::start();
    attack.put(&redis);
    let daemon = Daemon::start(&rack.sim, &redis, &SETTINGS);
    if !attack.is_foreign {
        // The daemon must accept it, or it tests nothing.
        let shown = daemon.get("/api/overview");
        assert!(shown.cache() == "HIT" && shown.body.len() > 300_000, "{}: {} bytes", attack.name, shown.body.len());
    }
    ask(&daemon, rack, attack.is_foreign, || wait_overwritten(&redis, attack));
    let at_start = daemon.vitals().peak_kib;
    daemon.wait_ready();
    daemon.forget_peak();
    ask(&daemon, rack, attack.is_foreign, || {
        attack.put(&redis);
        wait_overwritten(&redis, attack);
    });
    let running = daemon.vitals().peak_kib;
    for key in attack.values.keys() {
        let logged = daemon.logged(&format!("key={key} "));
        assert!(logged <= 1, "{}: {key} was reported {logged} times: {}", attack.name, daemon.log());
        let value = redis.get(&format!("jbod:{key}")).expect("a value");
        let has_filler = [SLOT, EMPTY_MAP, "[[["].iter().any(|filler| value.contains(filler));
        assert!(value.starts_with(r#"{"schema":1,"#) && !has_filler, "{}: {key}: {} bytes", attack.name, value.len());
    }
    if attack.is_foreign {
        for key in ["overview", "last:overview", "last:gone", "smart:sda", "last:smart:sda"] {
            assert_eq!(daemon.logged(&format!("key={key} ")), 1, "{}: {key}: {}", attack.name, daemon.log());
        }
        wait_until("the map is correct", || map(&daemon) == rack.map);
    }
    assert_eq!(daemon.logged("panic") + daemon.logged("redis unavailable"), 0, "{}", daemon.log());
    (at_start, running)
}

#[test]
fn no_value_in_redis_exceeds_the_memory_limit() {
    let _alone = alone();
    let rack = Rack::new();
    let attacks = [
        huge(&rack),
        just_below(&rack),
        within(&rack, "as many drives, bays", &[("unslotted", DRIVE, 9)], &[("slots", SLOT, 3)]),
        within(
            &rack,
            "as many bays, findings, pools, shelves",
            &[("slots", SLOT, 3), ("findings", FINDING, 5), ("pools", POOL, 5)],
            &[("enclosures", SHELF, 7)],
        ),
        deep_or_long(&rack),
    ];
    let peaks: Vec<(&str, (usize, usize))> =
        attacks.iter().map(|attack| (attack.name, withstand(&rack, attack))).collect();
    eprintln!("{:>45}  {:>8}  {:>8}", "peak of resident memory, KiB", "at start", "running");
    for (name, (at_start, running)) in &peaks {
        eprintln!("{name:>45}  {at_start:>8}  {running:>8}");
    }
    let most = peaks.iter().flat_map(|(_, (at_start, running))| [*at_start, *running]).max().expect("peaks");
    assert!(most < MOST_KIB, "{most} KiB, at most {MOST_KIB}");
}

/// With less address space than some of these values take when parsed, the daemon starts and overwrites them.
#[test]
fn the_daemon_starts_in_little_memory_with_any_value_in_redis() {
    const BYTES: &str = "--as=402653184";
    let _alone = alone();
    let rack = Rack::new();
    for attack in
        [huge(&rack), just_below(&rack), within(&rack, "drives", &[("unslotted", DRIVE, 9)], &[("slots", SLOT, 3)])]
    {
        let redis = Redis::start();
        attack.put(&redis);
        let of_daemon = command(&rack.sim, redis.port);
        let mut start = Command::new("prlimit");
        start.arg(BYTES).arg(of_daemon.get_program()).env_clear();
        for (name, value) in of_daemon.get_envs() {
            start.env(name, value.expect("a value"));
        }
        start.envs(SETTINGS).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        let daemon = Daemon::listening(start.env("JBOD_LISTEN", ANY_PORT));
        ask(&daemon, &rack, attack.is_foreign, || wait_overwritten(&redis, &attack));
        daemon.wait_ready();
        assert_eq!(daemon.logged("panic") + daemon.logged("allocation"), 0, "{}", daemon.log());
    }
}

/// A smartctl that prints more than any drive reports. The document leaves out smartctl's JSON where it would otherwise
/// exceed the limits of reading, and nothing else. A second daemon and a restarted one read everything that is stored.
#[test]
fn stored_values_are_within_the_limits_of_reading() {
    let _alone = alone();
    let (sim, redis) = (Sim::small(), Redis::start());
    std::fs::write(sim.root().join("filler"), format!(",\"odd\":[{}]}}\n", times("0", 25_000))).expect("written");
    let script = "#!/bin/sh\ncd \"${0%/*}\"\nout=$(bin/smartctl \"$@\")\nstatus=$?\n\
                  printf %s \"${out%\\}}\"\ncat filler\nexit $status\n";
    let odd = sim.script("odd-smartctl", script).to_string_lossy().into_owned();
    let settings = [SETTINGS[0], SETTINGS[1], ("SMARTCTL_PATH", odd.as_str())];
    let daemon = Daemon::ready(&sim, &redis, &settings);
    let serial = daemon.json("/api/drives/sda")["serial_number"].as_str().expect("a serial number").to_owned();
    sim.pull(&["sda"]);
    daemon.overview_when("a drive is missing", |overview| overview["totals"]["by_state"]["missing"] == 1);
    daemon.after_sweeps(1);
    let drive = daemon.json("/api/drives/sdb");
    assert_eq!((&drive["smartctl"], &drive["verdict"]), (&Value::Null, &Value::from("ok")), "{drive}");
    assert_eq!(daemon.logged("smartctl JSON left out"), 4, "{}", daemon.log());
    let second = Daemon::ready(&sim, &redis, &settings);
    assert_reads_stored(&second, &serial);
    for ended in [daemon, second] {
        assert!(ended.stop(rustix::process::Signal::TERM).0.success());
    }
    assert_reads_stored(&Daemon::ready(&sim, &redis, &settings), &serial);
}

/// Waits until the daemon shows the missing drive, and serves the documents of the others from Redis.
#[track_caller]
fn assert_reads_stored(daemon: &Daemon, missing: &str) {
    let overview =
        daemon.overview_when("a drive is missing", |overview| overview["totals"]["by_state"]["missing"] == 1);
    assert_eq!(drive(&overview, missing)["state"], "missing", "{overview}");
    for device in ["sdb", "sdc", "sdd"] {
        wait_until("the document is served from Redis", || {
            let response = daemon.get(&format!("/api/drives/{device}"));
            response.cache() == "HIT" && response.json()["smartctl"].is_null()
        });
    }
    assert_eq!(daemon.logged("unrecognized value"), 0, "{}", daemon.log());
}
