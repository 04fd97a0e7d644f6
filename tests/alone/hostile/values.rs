//! Values in Redis that would become far more in memory than they have bytes: before the start, and put back while the
//! daemon runs. None costs more than the daemon may take, whoever asks meanwhile; each is reported once and overwritten.

use super::wire::alone;
use crate::support::daemon::{Daemon, command};
use crate::support::eventually;
use crate::support::http::Client;
use crate::support::json::drives;
use crate::support::port::ANY_PORT;
use crate::support::redis::Redis;
use crate::support::sim::Sim;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

/// What the daemon may take of 78 drives, whatever Redis holds. A debug build takes more by itself.
const MOST_KIB: usize = if cfg!(debug_assertions) { 80 * 1024 } else { 64 * 1024 };
/// Limits of a host with 79 drives and 84 bays.
const LIST_BYTES: usize = (1024 + 84 * 4) * 1024;
const LIST_VALUES: usize = 32 * 1024 + 84 * 256;
const GONE_BYTES: usize = (4 * 1024 + 84 * 16) * 1024;
const DOCUMENT_BYTES: usize = 320 * 1024;
const DOCUMENT_VALUES: usize = 20_000;
const MIB: usize = 1024 * 1024;

const LISTS: [&str; 3] = ["overview", "enclosures", "zfs_map"];
/// A busy machine must not look like an absent Redis; lists are sent again after a third of their lifetime.
const SETTINGS: [(&str, &str); 5] = [
    ("REDIS_TIMEOUT_MS", "2000"),
    ("SMART_POLL_INTERVAL", "3"),
    ("OVERVIEW_TTL", "3"),
    ("ENCLOSURES_TTL", "3"),
    ("ZFS_TTL", "3"),
];

/// The rack, and what a daemon stores of it when nobody disturbs.
struct Rack {
    sim: Sim,
    /// By key without prefix.
    values: BTreeMap<String, String>,
    /// Serial number to bay.
    bays: BTreeMap<String, (Value, Value)>,
    map: String,
}

impl Rack {
    fn new() -> Self {
        let (sim, redis) = (Sim::rack(), Redis::start());
        let daemon = Daemon::ready(&sim, &redis, &SETTINGS);
        let keys = || redis.keys().into_iter().filter_map(|key| Some(key.strip_prefix("jbod:")?.to_owned()));
        let stored = |key: String| redis.get(&format!("jbod:{key}")).map(|value| (key, value));
        let values = eventually("everything is stored", || {
            let values: BTreeMap<_, _> = keys().filter_map(stored).filter(|(key, _)| key != "lock:poll").collect();
            (values.len() == 2 * (79 + LISTS.len() + 2)).then_some(values)
        });
        let bays = bays(&daemon.json("/api/overview"));
        assert_eq!(bays.len(), 79);
        Self { map: map(&daemon), sim, values, bays }
    }

    /// A list of ours with `filler` as the first elements of a field; under a version that nobody has at hand.
    fn list(&self, key: &str, field: &str, filler: &str) -> String {
        with(&self.renamed(key), field, filler)
    }

    fn renamed(&self, key: &str) -> String {
        let own = self.values[key].clone();
        let versioned = own.split_once("\"version\":\"").and_then(|(_, rest)| rest.get(..16));
        versioned.map_or_else(|| own.clone(), |version| own.replacen(version, "0123456789abcdef", 1))
    }

    /// A drive's document with this for smartctl's JSON.
    fn document(&self, key: &str, smartctl: &str) -> String {
        let own = &self.values[key];
        let (before, _) = own.split_once("\"smartctl\":").expect("smartctl's JSON");
        format!("{before}\"smartctl\":{smartctl}}}")
    }

    fn documents(&self) -> impl Iterator<Item = &String> {
        self.values.keys().filter(|key| key.starts_with("smart:"))
    }
}

/// Which drive sits where, by serial number.
fn bays(overview: &Value) -> BTreeMap<String, (Value, Value)> {
    let bay = |d: &Value| Some((d["serial_number"].as_str()?.to_owned(), (d["enclosure"].clone(), d["slot"].clone())));
    drives(overview).filter_map(bay).collect()
}

/// The map without its first line, which has a time.
fn map(daemon: &Daemon) -> String {
    let text = daemon.get("/api/map.txt").text();
    text.split_once('\n').map(|(_, bays)| bays.to_owned()).unwrap_or_default()
}

/// A list with `filler` before what a field has.
fn with(list: &str, field: &str, filler: &str) -> String {
    let (before, after) = list.split_once(&format!("\"{field}\":[")).expect("the field");
    let comma = if after.starts_with(']') { "" } else { "," };
    format!("{before}\"{field}\":[{filler}{comma}{after}")
}

/// `item` so often that the text has `bytes` at most.
fn filled(item: &str, bytes: usize) -> String {
    let mut text = format!("{item},").repeat(bytes / (item.len() + 1));
    text.pop();
    text
}

/// `item` so often.
fn times(item: &str, count: usize) -> String {
    let mut text = format!("{item},").repeat(count);
    text.pop();
    text
}

fn nested(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

/// What stands in Redis instead of the daemon's own values.
struct Attack {
    name: &'static str,
    values: BTreeMap<String, String>,
    /// Nothing of it is a list or a document that could be the daemon's own: the answers are right all the while.
    is_foreign: bool,
}

impl Attack {
    fn new(name: &'static str) -> Self {
        Self { name, values: BTreeMap::new(), is_foreign: true }
    }

    fn both(&mut self, key: &str, value: &str) {
        self.values.insert(key.to_owned(), value.to_owned());
        self.values.insert(format!("last:{key}"), value.to_owned());
    }

    fn put(&self, redis: &Redis) {
        for (key, value) in &self.values {
            redis.set(&format!("jbod:{key}"), value.as_bytes());
        }
    }
}

/// A field of a list, an element of it, and how many values that is.
type Part<'a> = (&'a str, &'a str, usize);

const SLOT: &str = r#"{"slot":0,"name":""}"#;
const EMPTY_MAP: &str = r#"{"":0}"#;
const DRIVE: &str = r#"{"device":"a","paths":[],"state":"active","verdict":"ok","findings":[],"stale":false}"#;
const FINDING: &str = r#"{"code":"","class":"media","severity":"crit","message":""}"#;
const POOL: &str = r#"{"name":"","scan":{"kind":"none","state":"none"}}"#;
const SHELF: &str = r#"{"id":"","sysfs_name":"","sysfs_names":[],"slots":[]}"#;

/// Every list and the documents of a few drives, far beyond any limit.
fn huge(rack: &Rack) -> Attack {
    let mut attack = Attack::new("31 MiB lists, 8 MiB documents");
    attack.both("overview", &rack.list("overview", "slots", &filled(SLOT, 31 * MIB)));
    attack.both("enclosures", &rack.list("enclosures", "slots", &filled(SLOT, 31 * MIB)));
    attack.both("zfs_map", &rack.list("zfs_map", "pools", &filled(POOL, 31 * MIB)));
    attack.both("gone", &rack.list("gone", "drives", &filled(EMPTY_MAP, 31 * MIB)));
    for key in rack.documents().take(4) {
        let smartctl = format!(r#"{{"a":[{}]}}"#, filled(EMPTY_MAP, 8 * MIB - 20_000));
        attack.both(key, &rack.document(key, &smartctl));
    }
    attack
}

/// As large as is fetched, of the shape that would become most.
fn just_below(rack: &Rack) -> Attack {
    let mut attack = Attack::new("as many bytes as are read");
    let room = |key: &str, most: usize| most - rack.values[key].len() - 64;
    for (key, field, item, most) in [
        ("overview", "slots", SLOT, LIST_BYTES),
        ("enclosures", "slots", SLOT, LIST_BYTES),
        ("zfs_map", "pools", POOL, LIST_BYTES),
        ("gone", "drives", EMPTY_MAP, GONE_BYTES),
    ] {
        attack.both(key, &rack.list(key, field, &filled(item, room(key, most))));
    }
    for key in rack.documents() {
        let smartctl = format!(r#"{{"a":[{}]}}"#, filled(EMPTY_MAP, DOCUMENT_BYTES - 16_000));
        attack.both(key, &rack.document(key, &smartctl));
    }
    attack
}

/// Within every limit: bays, drives, shelves, pools and findings, as many as values may be. Nothing tells them from those
/// of the host.
fn within(rack: &Rack, name: &'static str, overview: &[Part], shelves: &[Part]) -> Attack {
    let mut attack = Attack { is_foreign: false, ..Attack::new(name) };
    for (key, parts) in [("overview", overview), ("enclosures", shelves), ("zfs_map", &[("pools", POOL, 5)])] {
        let mut value = rack.renamed(key);
        for (field, item, values) in parts {
            let most = ((LIST_VALUES - 9_000) / values).min((LIST_BYTES - 150_000) / (item.len() + 1));
            let filler = times(item, most / parts.len());
            value = with(&value, field, &filler);
        }
        attack.both(key, &value);
    }
    // Drives that are gone, as short as their documents may be.
    let gone = |n: usize| {
        let identity = format!(r#""schema":1,"identity":{{"wwid":null,"unit_serial":"G{n}"}},"missing_since""#);
        DRIVE.replacen('{', &format!("{{{identity}:\"{}\",", now()), 1)
    };
    let mut drives = String::new();
    for n in 0..DRIVES_GONE {
        let _ = write!(drives, "{}{}", if n > 0 { "," } else { "" }, gone(n));
    }
    attack.both("gone", &rack.list("gone", "drives", &drives));
    for key in rack.documents() {
        let own = &rack.values[key];
        let smartctl = own.split_once("\"smartctl\":").and_then(|(_, rest)| rest.strip_suffix('}'));
        let filler = times(EMPTY_MAP, (DOCUMENT_VALUES - 2_000) / 2);
        // As many bytes as values leave room for.
        let room = DOCUMENT_BYTES - own.len() - filler.len() - 500;
        let padding = times(&format!("\"{}\"", "x".repeat(16_000)), room / 16_003);
        let padded = format!(r#"{{"a":[{filler}],"b":[{padding}],"#);
        let smartctl = smartctl.expect("smartctl's JSON").replacen('{', &padded, 1);
        attack.both(key, &rack.document(key, &smartctl));
    }
    attack
}

/// Fewer than what the list may have in values.
const DRIVES_GONE: usize = 20_000;

fn now() -> jiff::Timestamp {
    jiff::Timestamp::from_second(jiff::Timestamp::now().as_second()).expect("a time")
}

/// Nested deeper than any form of ours, or with a string as long as the value may be.
fn deep_or_long(rack: &Rack) -> Attack {
    let mut attack = Attack::new("nested 41 to 100,000 deep, long strings");
    let text = |bytes: usize| format!("\"{}\"", "\\u0041".repeat(bytes / 6));
    attack.both("overview", &rack.list("overview", "enclosures", &nested(41)));
    attack.both("zfs_map", &rack.list("zfs_map", "pools", &nested(100_000)));
    attack.both("gone", &rack.list("gone", "drives", &text(GONE_BYTES - 1000)));
    let own = rack.renamed("enclosures");
    let field = format!(r#","x":{},"host""#, text(LIST_BYTES - own.len() - 100));
    attack.both("enclosures", &own.replacen(",\"host\"", &field, 1));
    let odd = [nested(41), nested(120), nested(100_000), text(DOCUMENT_BYTES - 20_000)];
    for (key, odd) in rack.documents().zip(odd.iter().cycle()) {
        attack.both(key, &rack.document(key, &format!(r#"{{"serial_number":{odd}}}"#)));
    }
    attack
}

/// What a client asks for: the lists, views of them, one drive.
fn paths(rack: &Rack) -> Vec<String> {
    let (serial, (shelf, _)) = rack.bays.iter().find(|(_, (shelf, _))| shelf.is_string()).expect("a drive in a bay");
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

/// Four clients ask for everything, each beginning elsewhere, until `over`. No answer is an error of the daemon's.
fn ask(daemon: &Daemon, rack: &Rack, is_foreign: bool, over: impl FnOnce()) {
    let (done, paths) = (AtomicBool::new(false), paths(rack));
    let is_ready = daemon.get("/readyz").status == 200;
    let client = |number: usize| {
        let mut client = Client::connect(daemon.port).expect("a connection");
        let mut rounds = 0;
        while rounds == 0 || !done.load(Ordering::Acquire) {
            for path in paths.iter().cycle().skip(3 * number).take(paths.len()) {
                let answer = client.request("GET", path, &[("Accept-Encoding", "gzip")][..rounds % 2]);
                let answer = answer.unwrap_or_else(|| panic!("no answer to {path}: {}", daemon.log()));
                // Before its first reading a drive is read for some, and others are told to come back.
                if !is_ready && answer.status == 503 && path.starts_with("/api/drives/") {
                    assert_ne!(answer.header("retry-after"), "", "{path}");
                    continue;
                }
                assert!([200, 404].contains(&answer.status), "{path}: {}", answer.status);
                if is_foreign {
                    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
                }
                if is_foreign && path == "/api/overview" && answer.header("content-encoding").is_empty() {
                    assert_eq!(bays(&answer.json()), rack.bays, "{path}");
                }
                if is_foreign && path.starts_with("/api/whereis/") {
                    let line = answer.text();
                    assert!(line.contains(path.rsplit('/').next().expect("a serial number")), "{line}");
                }
            }
            rounds += 1;
        }
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|number| scope.spawn(move || client(number))).collect();
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(over));
        done.store(true, Ordering::Release);
        for client in clients {
            client.join().expect("a client");
        }
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

/// Until none of the values of an attack is left.
fn wait_overwritten(redis: &Redis, attack: &Attack) {
    let is_left = |key: &&String| {
        let length = redis.ask(&["STRLEN", &format!("jbod:{key}")]);
        length == crate::support::redis::Reply::Number(i64::try_from(attack.values[*key].len()).expect("a length"))
    };
    let mut left: BTreeSet<&String> = attack.values.keys().collect();
    eventually("every value is overwritten", || {
        left.retain(is_left);
        if left.is_empty() { Some(()) } else { None }
    });
}

/// Both times: found at the start, and put back while the daemon runs. Gives the peaks in KiB.
fn withstand(rack: &Rack, attack: &Attack) -> (usize, usize) {
    let redis = Redis::start();
    attack.put(&redis);
    let daemon = Daemon::start(&rack.sim, &redis, &SETTINGS);
    if !attack.is_foreign {
        // It is looked into all the way, or nothing is tried here.
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
        let said = daemon.logged(&format!("key={key} "));
        assert!(said <= 1, "{}: {key} was reported {said} times: {}", attack.name, daemon.log());
        let value = redis.get(&format!("jbod:{key}")).expect("a value");
        let is_ours =
            value.starts_with(r#"{"schema":1,"#) && [SLOT, EMPTY_MAP, "[[["].iter().all(|s| !value.contains(s));
        assert!(is_ours, "{}: {key}: {} bytes", attack.name, value.len());
    }
    if attack.is_foreign {
        for key in ["overview", "last:overview", "last:gone", "smart:sda", "last:smart:sda"] {
            assert_eq!(daemon.logged(&format!("key={key} ")), 1, "{}: {key}: {}", attack.name, daemon.log());
        }
        eventually("the map is right", || (map(&daemon) == rack.map).then_some(()));
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
    let peaks: Vec<(&str, (usize, usize))> = attacks.iter().map(|a| (a.name, withstand(&rack, a))).collect();
    eprintln!("{:>45}  {:>8}  {:>8}", "peak of resident memory, KiB", "at start", "running");
    for (name, (at_start, running)) in &peaks {
        eprintln!("{name:>45}  {at_start:>8}  {running:>8}");
    }
    let most = peaks.iter().flat_map(|(_, (at_start, running))| [*at_start, *running]).max().expect("peaks");
    assert!(most < MOST_KIB, "{most} KiB, at most {MOST_KIB}");
}

/// With less address space than one of these values used to take: the daemon comes up, every time, and overwrites them.
#[test]
fn the_daemon_starts_in_little_memory_with_any_value_in_redis() {
    const BYTES: &str = "--as=402653184";
    let _alone = alone();
    let plain = |args: &[&str]| {
        let mut command = Command::new("prlimit");
        command.args(args).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let rack = Rack::new();
    for attack in
        [huge(&rack), just_below(&rack), within(&rack, "drives", &[("unslotted", DRIVE, 9)], &[("slots", SLOT, 3)])]
    {
        let redis = Redis::start();
        attack.put(&redis);
        let of_daemon = command(&rack.sim, redis.port);
        let mut start = plain(&[BYTES, of_daemon.get_program().to_str().expect("a path")]);
        start.env_clear().envs(of_daemon.get_envs().filter_map(|(name, value)| Some((name, value?))));
        start.envs(SETTINGS).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        let daemon = Daemon::listening(start.env("JBOD_LISTEN", ANY_PORT));
        ask(&daemon, &rack, attack.is_foreign, || wait_overwritten(&redis, &attack));
        daemon.wait_ready();
        assert_eq!(daemon.logged("panic") + daemon.logged("allocation"), 0, "{}", daemon.log());
    }
}

/// A smartctl that prints more than any drive has to say: its JSON is left out where the document would be one that no
/// daemon reads, and nothing else is. What one daemon writes, all read: the next one, and one beside it.
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
    daemon.overview_when("it is missed", |o| o["totals"]["by_state"]["missing"] == 1);
    daemon.after_sweeps(1);
    let drive = daemon.json("/api/drives/sdb");
    assert_eq!((&drive["smartctl"], &drive["verdict"]), (&Value::Null, &Value::from("ok")), "{drive}");
    assert_eq!(daemon.logged("smartctl JSON left out"), 4, "{}", daemon.log());
    let beside = Daemon::ready(&sim, &redis, &settings);
    let reads = |other: &Daemon| {
        let missed = other.overview_when("it is missed", |o| o["totals"]["by_state"]["missing"] == 1);
        assert_eq!(
            drives(&missed).filter(|d| d["state"] == "missing").map(|d| &d["serial_number"]).next(),
            Some(&Value::from(serial.as_str()))
        );
        for device in ["sdb", "sdc", "sdd"] {
            eventually("it comes out of Redis", || {
                let answer = other.get(&format!("/api/drives/{device}"));
                (answer.cache() == "HIT" && answer.json()["smartctl"].is_null()).then_some(())
            });
        }
        assert_eq!(other.logged("unrecognized value"), 0, "{}", other.log());
    };
    reads(&beside);
    for other in [daemon, beside] {
        assert!(other.stop(rustix::process::Signal::TERM).0.success());
    }
    reads(&Daemon::ready(&sim, &redis, &settings));
}
