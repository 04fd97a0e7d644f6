//! What Redis contains and what clients see of it: hits, ages, outages, foreign values, changed block device names, a
//! second daemon. With a real redis-server.

use crate::support;
use crate::support::{wait_for, wait_until};

use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use support::daemon::{Daemon, run};
use support::eventually;
use support::http::Response;
use support::json::{drives, list};
use support::redis::Redis;
use support::sim::Sim;

/// On a busy machine, a slow reply must not count as an outage.
const PATIENT: (&str, &str) = ("REDIS_TIMEOUT_MS", "2000");
const LISTS: [(&str, &str); 3] =
    [("overview", "/api/overview"), ("enclosures", "/api/enclosures"), ("zfs_map", "/api/zfs")];

/// The drives as the simulator has them, by serial number.
struct Truth {
    drives: BTreeMap<String, Value>,
}

impl Truth {
    fn of(sim: &Sim) -> Self {
        let drives = sim.list().into_iter().map(|drive| (text(&drive["serial"]), drive)).collect();
        Self { drives }
    }

    fn serials(&self) -> BTreeSet<String> {
        self.drives.keys().cloned().collect()
    }

    fn devices(&self) -> Vec<String> {
        self.drives.values().map(device).collect()
    }

    fn serial_at(&self, device: &str) -> &str {
        for (serial, drive) in &self.drives {
            if list(drive, "devices").any(|name| name == device) {
                return serial;
            }
        }
        panic!("no drive is {device}")
    }

    /// The entry is of the drive with that block device name, and its values are correct or null.
    #[track_caller]
    fn check(&self, entry: &Value, context: &str) {
        let serial = text(&entry["serial_number"]);
        let drive = self
            .drives
            .get(&serial)
            .unwrap_or_else(|| panic!("{context}: no drive has serial number {serial}: {entry}"));
        assert_eq!(self.serial_at(&text(&entry["device"])), serial, "{context}: {entry}");
        assert_eq!(entry["slot"], drive["bay"], "{context}: {entry}");
        assert!(
            entry["temperature_celsius"].is_null() || entry["temperature_celsius"] == drive["temperature"],
            "{context}: {entry}"
        );
        let wanted = if drive["state"]["failed"] == true { "crit" } else { "ok" };
        assert!(entry["verdict"] == "unknown" || entry["verdict"] == wanted, "{context}: {entry}");
    }

    /// As `check`, and the drive has been read.
    #[track_caller]
    fn check_read(&self, entry: &Value, context: &str) {
        self.check(entry, context);
        assert_eq!(entry["state"], "active", "{context}: {entry}");
        assert!(!entry["temperature_celsius"].is_null(), "{context}: {entry}");
    }
}

#[track_caller]
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a string")).to_owned()
}

fn device(drive: &Value) -> String {
    text(&drive["devices"][0])
}

/// The drives in the bays of an overview or of a list of enclosures, then those that are not in a bay.
fn drives_of(overview: &Value) -> Vec<Value> {
    drives(overview).cloned().collect()
}

fn serials_of(drives: &[Value]) -> BTreeSet<String> {
    drives.iter().map(|drive| text(&drive["serial_number"])).collect()
}

#[track_caller]
fn answered(daemon: &Daemon, path: &str) -> Response {
    let response = daemon.get(path);
    assert_eq!(response.status, 200, "{path}: {}\n{}", response.text(), daemon.log());
    response
}

/// Requests every list and every drive, checks the responses, and returns `X-Cache` by path.
#[track_caller]
fn ask_everything(daemon: &Daemon, truth: &Truth) -> BTreeMap<String, String> {
    let paths = ["/api/overview", "/api/enclosures", "/api/drives", "/api/zfs"].map(str::to_owned).into_iter();
    let of_drives = truth.devices().into_iter().map(|device| format!("/api/drives/{device}"));
    let mut caches = BTreeMap::new();
    for path in paths.chain(of_drives) {
        let response = answered(daemon, &path);
        check_body(&path, &response.json(), truth);
        caches.insert(path, response.cache().to_owned());
    }
    caches
}

#[track_caller]
fn check_body(path: &str, body: &Value, truth: &Truth) {
    let entries = match path {
        "/api/overview" | "/api/enclosures" => drives_of(body),
        "/api/drives" => list(body, "drives").cloned().collect(),
        "/api/zfs" => {
            for drive in truth.drives.values() {
                assert_eq!(body["devices"][device(drive)]["pool"], drive["pool"], "{path}: {drive}");
            }
            return;
        }
        _ => {
            truth.check_read(body, path);
            assert_eq!(body["smartctl"]["serial_number"], body["serial_number"], "{path}");
            return;
        }
    };
    assert_eq!(serials_of(&entries), truth.serials(), "{path}");
    for entry in &entries {
        truth.check_read(entry, path);
    }
}

/// Waits until every response comes from Redis; all responses until then are correct.
#[track_caller]
fn wait_all_hit(daemon: &Daemon, truth: &Truth) {
    wait_until("every response is a HIT", || ask_everything(daemon, truth).values().all(|cache| cache == "HIT"));
}

/// A daemon that has stored everything in Redis.
#[track_caller]
fn settled(sim: &Sim, redis: &Redis, settings: &[(&str, &str)]) -> (Daemon, Truth) {
    let daemon = Daemon::ready(sim, redis, settings);
    let truth = Truth::of(sim);
    wait_all_hit(&daemon, &truth);
    (daemon, truth)
}

/// Waits until a further sweep is complete.
#[track_caller]
fn wait_swept(daemon: &Daemon) -> Value {
    let before = daemon.json("/api/overview")["sweep"]["started_at"].clone();
    daemon.overview_when("another sweep is complete", |overview| overview["sweep"]["started_at"] != before)
}

fn seconds(time: &Value) -> i64 {
    text(time).parse::<jiff::Timestamp>().expect("RFC 3339").as_second()
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn stored(redis: &Redis, key: &str) -> Value {
    let value = redis.get(key).unwrap_or_else(|| panic!("{key} does not exist"));
    serde_json::from_str(&value).unwrap_or_else(|error| panic!("{key}: {error}"))
}

/// A drive is read for requests at most once in 10 s; a key that is lost in that time is written from memory.
#[test]
fn a_lost_drive_key_is_written_again_from_memory() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[PATIENT, ("SMART_POLL_INTERVAL", "3600")]);
    let path = "/api/drives/sda";
    wait_until("the drive is stored", || daemon.get(path).cache() == "HIT");
    redis.ask(&["DEL", "jbod:smart:sda", "jbod:last:smart:sda"]);
    // This request causes a reading, the following ones do not.
    assert_eq!((daemon.get(path).cache(), daemon.get(path).status), ("MISS", 200));
    wait_until("the drive is stored again", || daemon.get(path).cache() == "HIT");
    let starts = sim.starts().len();
    for keys in [&["DEL", "jbod:smart:sda", "jbod:last:smart:sda"][..], &["DEL", "jbod:smart:sda"]] {
        redis.ask(keys);
        let response = daemon.get(path);
        assert!(response.status == 200 && response.cache() != "HIT", "{keys:?}: {}", response.cache());
        wait_until("the drive is stored without a reading", || daemon.get(path).cache() == "HIT");
    }
    assert_eq!(sim.starts().len(), starts, "smartctl was started");
}

#[test]
fn responses_go_from_miss_to_hit_to_stale_and_back_to_hit() {
    let (sim, redis) = (Sim::small(), Redis::start());
    sim.set("all", &["latency_ms=2000"]);
    let short = [
        PATIENT,
        ("SMART_CACHE_TTL", "1"),
        ("SMART_POLL_INTERVAL", "1"),
        ("OVERVIEW_TTL", "3"),
        ("ENCLOSURES_TTL", "3"),
        ("ZFS_TTL", "3"),
    ];
    let daemon = Daemon::start(&sim, &redis, &short);
    let overview = daemon.get("/api/overview");
    assert_eq!((overview.cache(), overview.source()), ("MISS", "memory"));
    let drive = daemon.get("/api/drives/sda");
    assert_eq!((drive.cache(), drive.source()), ("MISS", "smartctl"), "{}", drive.text());
    sim.set("all", &["latency_ms="]);
    daemon.wait_ready();
    let truth = Truth::of(&sim);
    for path in ["/api/drives/sda", "/api/overview"] {
        let hit = wait_for("a HIT", || daemon.get(path), |response| response.cache() == "HIT");
        assert_eq!((hit.source(), hit.status), ("redis", 200), "{path}");
    }
    wait_until("every drive is stored", || {
        let kept = stored(&redis, "jbod:last:overview");
        drives_of(&kept).iter().all(|drive| drive["state"] == "active")
    });

    daemon.kill();
    wait_until("only the last-known copies are left", || redis.keys().iter().all(|key| lives_long(key)));
    let (kept_drive, kept_overview) = (stored(&redis, "jbod:last:smart:sda"), stored(&redis, "jbod:last:overview"));
    sim.set("all", &["latency_ms=3000"]);
    let daemon = Daemon::start(&sim, &redis, &[PATIENT]);

    let before = now();
    let (overview, drive) = (daemon.get("/api/overview"), daemon.get("/api/drives/sda"));
    let after = now();
    for (stale, kept) in [(&overview, &kept_overview), (&drive, &kept_drive)] {
        assert_eq!((stale.status, stale.cache(), stale.source()), (200, "STALE", "redis"), "{}", stale.text());
        let body = stale.json();
        assert_eq!(body["collected_at"], kept["collected_at"]);
        let (age, collected) = (i64::try_from(stale.age()).expect("an age"), seconds(&kept["collected_at"]));
        assert!(
            (before - collected..=after - collected).contains(&age),
            "Age {age}, collected {collected}, now {after}"
        );
    }
    assert_eq!(drive.json()["stale"], true);
    truth.check_read(&drive.json(), "the stale drive");
    let (shown, kept) = (drives_of(&overview.json()), drives_of(&kept_overview));
    assert_eq!(serials_of(&shown), truth.serials());
    for (shown, kept) in shown.iter().zip(&kept) {
        truth.check_read(shown, "the stale overview");
        assert_eq!((&shown["stale"], &shown["collected_at"]), (&json!(true), &kept["collected_at"]), "{shown}");
    }

    // The sweep renews both; until then the responses are old, and labelled as such.
    wait_renewed(&daemon, "/api/drives/sda", collected_at, collected_at(&kept_drive));
    wait_renewed(&daemon, "/api/overview", oldest_reading, oldest_reading(&kept_overview));
    assert_eq!(daemon.json("/api/drives/sda")["stale"], false);
}

/// The keys with the lifetime of the last-known copies: these, and those of missing drives and enclosures.
fn lives_long(key: &str) -> bool {
    key.starts_with("jbod:last:") || key == "jbod:gone" || key == "jbod:known_enclosures"
}

fn collected_at(body: &Value) -> i64 {
    seconds(&body["collected_at"])
}

/// When the drive whose reading is the oldest was read.
fn oldest_reading(body: &Value) -> i64 {
    drives(body).map(collected_at).min().expect("drives")
}

/// Waits for a HIT with a time later than `kept`; all responses until then are STALE or HIT.
#[track_caller]
fn wait_renewed(daemon: &Daemon, path: &str, time: fn(&Value) -> i64, kept: i64) {
    wait_until("a HIT with a new reading", || {
        let response = answered(daemon, path);
        assert!(["STALE", "HIT"].contains(&response.cache()), "{path}: {}", response.cache());
        response.cache() == "HIT" && time(&response.json()) > kept
    });
}

/// The table of keys in docs/redis.md.
#[test]
fn redis_contains_exactly_the_documented_keys_with_their_lifetimes() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let (daemon, truth) = settled(&sim, &redis, &[PATIENT]);
    let lists =
        [("overview", 60), ("enclosures", 300), ("zfs_map", 300), ("gone", 86_400), ("known_enclosures", 86_400)];
    let mut lifetimes: Vec<(String, i64)> = lists.map(|(name, life)| (name.to_owned(), life)).to_vec();
    lifetimes.extend(truth.devices().iter().map(|drive| (format!("smart:{drive}"), 120)));
    let mut wanted: Vec<String> =
        lifetimes.iter().flat_map(|(name, _)| [format!("jbod:{name}"), format!("jbod:last:{name}")]).collect();
    wanted.push("jbod:lock:poll".to_owned());
    wanted.sort();
    assert_eq!(redis.keys(), wanted);

    for (name, life) in &lifetimes {
        for (key, life) in [(format!("jbod:{name}"), *life), (format!("jbod:last:{name}"), 86_400)] {
            let left = redis.pttl(&key);
            assert!(0 < left && left <= life * 1000, "{key}: {left} ms");
            let value = stored(&redis, &key);
            assert_eq!(value["schema"], 1, "{key}");
            let time = if value["generated_at"].is_null() { &value["collected_at"] } else { &value["generated_at"] };
            assert!((0..=60).contains(&(now() - seconds(time))), "{key}: {time}");
        }
    }
    let lease = redis.pttl("jbod:lock:poll");
    assert!(0 < lease && lease <= 90_000, "{lease} ms");

    for drive in truth.drives.values() {
        let value = stored(&redis, &format!("jbod:smart:{}", device(drive)));
        assert_eq!(value["identity"]["wwid"], drive["wwid"], "{drive}");
        let unit_serial = text(&value["identity"]["unit_serial"]);
        assert_eq!(unit_serial.trim(), text(&drive["serial"]), "{drive}");
        assert_eq!(value["smartctl"]["serial_number"], drive["serial"], "smartctl's JSON is stored");
        assert!(!value["smartctl"]["json_format_version"].is_null(), "smartctl's JSON is stored");
        truth.check_read(&value, "the stored drive");
    }
    wait_until("the stored overview is the body of the response", || {
        redis.get("jbod:overview").map(String::into_bytes) == Some(daemon.get("/api/overview").body)
    });
}

#[test]
fn every_key_begins_with_the_prefix() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let (_daemon, truth) = settled(&sim, &redis, &[PATIENT, ("JBOD_KEY_PREFIX", "lab:nas7")]);
    let keys = redis.keys();
    assert!(keys.iter().all(|key| key.starts_with("lab:nas7:")), "{keys:?}");
    assert_eq!(keys.len(), 2 * (5 + truth.drives.len()) + 1, "{keys:?}");
}

/// Lifetimes and interval in the proportions of the defaults.
#[test]
fn every_request_is_a_hit_over_several_sweeps() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let settings = [
        PATIENT,
        ("SMART_CACHE_TTL", "4"),
        ("SMART_POLL_INTERVAL", "3"),
        ("OVERVIEW_TTL", "2"),
        ("ENCLOSURES_TTL", "10"),
        ("ZFS_TTL", "10"),
    ];
    let (daemon, truth) = settled(&sim, &redis, &settings);
    let mut sweeps = BTreeSet::new();
    wait_until("three sweeps", || {
        let caches = ask_everything(&daemon, &truth);
        assert!(caches.values().all(|cache| cache == "HIT"), "{caches:?}\n{}", daemon.log());
        sweeps.insert(text(&daemon.json("/api/overview")["sweep"]["started_at"]));
        sweeps.len() > 2
    });
}

#[test]
fn drive_keys_do_not_expire_within_a_sweep_that_takes_longer() {
    let (sim, redis) = (Sim::small(), Redis::start());
    sim.set("all", &["latency_ms=700"]);
    let daemon = Daemon::ready(&sim, &redis, &[PATIENT, ("SMART_CACHE_TTL", "1"), ("SMART_POLL_INTERVAL", "2")]);
    let truth = Truth::of(&sim);
    let keys: Vec<String> = truth.devices().iter().map(|drive| format!("jbod:smart:{drive}")).collect();
    wait_all_hit(&daemon, &truth);
    let mut sweeps = BTreeSet::new();
    wait_until("four sweeps", || {
        for key in &keys {
            assert!(redis.pttl(key) > 0, "{key} has expired: {:?}", redis.keys());
        }
        sweeps.insert(text(&daemon.json("/api/overview")["sweep"]["started_at"]));
        sweeps.len() > 3
    });
    assert_eq!(daemon.logged("drive key lifetime raised"), 1, "{}", daemon.log());
}

/// The log has one line for the beginning of the outage and one for its end.
#[track_caller]
fn assert_one_outage(daemon: &Daemon) {
    let lines = (daemon.logged("redis unavailable"), daemon.logged("redis available again"));
    assert_eq!(lines, (1, 1), "{}", daemon.log());
}

#[test]
fn without_redis_at_the_start_memory_serves_and_is_stored_later() {
    let (sim, mut redis) = (Sim::small(), Redis::absent());
    let daemon = Daemon::ready(&sim, &redis, &[PATIENT]);
    let truth = Truth::of(&sim);
    for _ in 0..5 {
        let caches = ask_everything(&daemon, &truth);
        assert!(caches.values().all(|cache| cache == "MISS"), "{caches:?}");
    }
    redis.up();
    daemon.wait_logged("redis available again");
    wait_all_hit(&daemon, &truth);
    assert_one_outage(&daemon);
}

#[test]
fn while_redis_is_killed_memory_serves() {
    let (sim, mut redis) = (Sim::small(), Redis::start());
    let (daemon, truth) = settled(&sim, &redis, &[PATIENT]);
    redis.kill();
    for _ in 0..5 {
        let caches = ask_everything(&daemon, &truth);
        assert!(caches.values().all(|cache| cache == "MISS"), "{caches:?}");
    }
    daemon.wait_logged("redis unavailable");
    redis.up();
    daemon.wait_logged("redis available again");
    wait_all_hit(&daemon, &truth);
    assert_one_outage(&daemon);
}

/// A stopped process accepts connections and does not reply.
#[test]
fn while_redis_is_stopped_memory_serves() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let (daemon, truth) = settled(&sim, &redis, &[("REDIS_TIMEOUT_MS", "1000")]);
    redis.signal(Signal::STOP);
    for _ in 0..5 {
        let caches = ask_everything(&daemon, &truth);
        assert!(caches.values().all(|cache| cache == "MISS"), "{caches:?}");
    }
    daemon.wait_logged("redis unavailable");
    redis.signal(Signal::CONT);
    daemon.wait_logged("redis available again");
    wait_all_hit(&daemon, &truth);
    assert_one_outage(&daemon);
}

#[test]
fn with_redis_stopped_at_the_start_memory_serves() {
    let (sim, redis) = (Sim::small(), Redis::start());
    redis.signal(Signal::STOP);
    let daemon = Daemon::ready(&sim, &redis, &[("REDIS_TIMEOUT_MS", "1000")]);
    let truth = Truth::of(&sim);
    let caches = ask_everything(&daemon, &truth);
    assert!(caches.values().all(|cache| cache == "MISS"), "{caches:?}");
    daemon.wait_logged("redis unavailable");
    redis.signal(Signal::CONT);
    daemon.wait_logged("redis available again");
    wait_all_hit(&daemon, &truth);
    assert_one_outage(&daemon);
}

#[test]
fn a_restarted_and_empty_redis_is_filled_again() {
    let (sim, mut redis) = (Sim::small(), Redis::start());
    let (daemon, truth) = settled(&sim, &redis, &[PATIENT]);
    redis.kill();
    redis.up();
    ask_everything(&daemon, &truth);
    wait_all_hit(&daemon, &truth);
    let (away, back) = (daemon.logged("redis unavailable"), daemon.logged("redis available again"));
    assert!(away <= 1 && away == back, "{}", daemon.log());
}

#[test]
fn a_flushed_redis_is_filled_again() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let (daemon, truth) = settled(&sim, &redis, &[PATIENT]);
    redis.ask(&["FLUSHALL"]);
    ask_everything(&daemon, &truth);
    wait_all_hit(&daemon, &truth);
    assert_eq!(daemon.logged("redis unavailable"), 0, "{}", daemon.log());
}

/// Foreign values under keys of the daemon.
#[derive(Clone, Copy, Debug)]
enum Junk {
    WrongType,
    Broken,
    NotUtf8,
    OtherSchema,
    Huge,
}

const JUNK: [Junk; 5] = [Junk::WrongType, Junk::Broken, Junk::NotUtf8, Junk::OtherSchema, Junk::Huge];

impl Junk {
    fn store(self, redis: &Redis, key: &str) {
        redis.ask(&["DEL", key]);
        match self {
            Self::WrongType => drop(redis.ask(&["LPUSH", key, "foreign"])),
            Self::Broken => redis.set(key, br#"{"schema":1,"generated_at":"#),
            Self::NotUtf8 => redis.set(key, b"\xff\xfe\x00 foreign"),
            Self::OtherSchema => redis.set(key, br#"{"schema":2,"generated_at":"2026-01-01T00:00:00Z"}"#),
            Self::Huge => redis.set(key, &vec![b'x'; 10_000_000]),
        }
    }
}

/// Six drives: one for each kind of junk, and one more.
fn six_drives() -> Sim {
    let shelf = ["--enclosures", "1", "--bays", "8", "--drives", "6", "--paths", "1"];
    let drives = ["--sata", "1", "--ssd", "0", "--nvme", "0", "--pools", "1", "--vdev-width", "2"];
    Sim::host(&[&shelf[..], &drives].concat())
}

/// Requests everything until each of these keys has a value of the daemon again; all responses are correct.
#[track_caller]
fn wait_overwritten(daemon: &Daemon, truth: &Truth, redis: &Redis, names: &[String]) {
    eventually("the junk is overwritten", || {
        ask_everything(daemon, truth);
        names.iter().all(|name| has_own_value(redis, &format!("jbod:{name}"))).then_some(())
    });
}

fn has_own_value(redis: &Redis, key: &str) -> bool {
    let Some(value) = redis.get(key) else { return false };
    let Ok(value) = serde_json::from_str::<Value>(&value) else { return false };
    value["schema"] == 1
}

/// The number of log lines about a stored value, by its key with or without the prefix.
fn logged_about(daemon: &Daemon, name: &str) -> usize {
    daemon.logged(&format!("key={name} ")) + daemon.logged(&format!("key=jbod:{name} "))
}

#[test]
fn foreign_drive_values_are_logged_once_and_overwritten() {
    let (sim, redis) = (six_drives(), Redis::start());
    let (daemon, truth) = settled(&sim, &redis, &[PATIENT]);
    let names: Vec<String> = truth.devices().iter().map(|drive| format!("smart:{drive}")).collect();
    for (name, junk) in names.iter().zip(JUNK) {
        junk.store(&redis, &format!("jbod:{name}"));
        junk.store(&redis, &format!("jbod:last:{name}"));
    }
    wait_overwritten(&daemon, &truth, &redis, &names);
    wait_all_hit(&daemon, &truth);
    for (name, junk) in names.iter().zip(JUNK) {
        let lines = (logged_about(&daemon, name), logged_about(&daemon, &format!("last:{name}")));
        assert_eq!(lines, (1, 1), "{junk:?}: {}", daemon.log());
    }
    assert_eq!(daemon.logged("redis unavailable"), 0, "{}", daemon.log());
}

#[test]
fn foreign_lists_are_logged_once_and_overwritten() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let (daemon, truth) = settled(&sim, &redis, &[PATIENT]);
    for (round, junk) in JUNK.into_iter().enumerate() {
        let names = LISTS.map(|(name, _)| name.to_owned());
        for name in &names {
            junk.store(&redis, &format!("jbod:{name}"));
            junk.store(&redis, &format!("jbod:last:{name}"));
        }
        wait_overwritten(&daemon, &truth, &redis, &names);
        wait_all_hit(&daemon, &truth);
        // A client that stores it again and again does not fill the log.
        for name in &names {
            assert_eq!(logged_about(&daemon, name), 1, "{junk:?}, round {round}: {}", daemon.log());
            assert!(logged_about(&daemon, &format!("last:{name}")) <= 1, "{junk:?}, round {round}: {}", daemon.log());
        }
    }
    assert_eq!(daemon.logged("redis unavailable"), 0, "{}", daemon.log());
}

/// Requests are answered from the last-known copy, and not each of them logs the foreign value.
#[test]
fn a_foreign_value_beside_a_valid_last_known_copy_is_logged_once() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let (daemon, truth) = settled(&sim, &redis, &[PATIENT]);
    // A slow drive keeps its foreign value for several requests.
    sim.set("sda", &["latency_ms=1500"]);
    for name in ["smart:sda", "overview"] {
        Junk::Broken.store(&redis, &format!("jbod:{name}"));
    }
    for _ in 0..5 {
        ask_everything(&daemon, &truth);
    }
    wait_overwritten(&daemon, &truth, &redis, &["smart:sda".to_owned(), "overview".to_owned()]);
    for name in ["smart:sda", "overview"] {
        assert_eq!(logged_about(&daemon, name), 1, "{}", daemon.log());
    }
}

#[test]
fn a_redis_full_of_junk_does_not_keep_the_daemon_from_starting() {
    let (sim, redis) = (six_drives(), Redis::start());
    let truth = Truth::of(&sim);
    let mut names: Vec<String> = truth.devices().iter().map(|drive| format!("smart:{drive}")).collect();
    names.extend(LISTS.map(|(name, _)| name.to_owned()));
    for (name, junk) in names.iter().zip(JUNK.into_iter().cycle()) {
        junk.store(&redis, &format!("jbod:{name}"));
        junk.store(&redis, &format!("jbod:last:{name}"));
    }
    let daemon = Daemon::start(&sim, &redis, &[PATIENT]);
    wait_until("every drive is read", || {
        let drives = drives_of(&answered(&daemon, "/api/overview").json());
        assert_eq!(serials_of(&drives), truth.serials());
        for drive in &drives {
            truth.check(drive, "foreign values in Redis");
        }
        drives.iter().all(|drive| drive["state"] == "active")
    });
    daemon.wait_ready();
    wait_overwritten(&daemon, &truth, &redis, &names);
    wait_all_hit(&daemon, &truth);
    for name in &names {
        let (live, last) = (logged_about(&daemon, name), logged_about(&daemon, &format!("last:{name}")));
        assert!(live <= 1 && last <= 1, "{name}: {}", daemon.log());
    }
}

fn with_names_swapped(json: &str) -> String {
    json.replace("\"sda\"", "\"sd?\"").replace("\"sdb\"", "\"sda\"").replace("\"sd?\"", "\"sdb\"")
}

#[test]
fn a_document_of_another_drive_is_not_shown() {
    let (sim, redis) = (Sim::small(), Redis::start());
    sim.set("sda", &["failed=true", "temperature=58"]);
    let (daemon, truth) = settled(&sim, &redis, &[PATIENT]);
    let other = redis.get("jbod:smart:sda").expect("a document");
    for key in ["jbod:smart:sdb", "jbod:last:smart:sdb"] {
        redis.set(key, other.as_bytes());
    }
    // Lists in which the two drives have each other's names.
    for key in ["jbod:overview", "jbod:last:overview", "jbod:enclosures", "jbod:last:enclosures"] {
        let mut value: Value = serde_json::from_str(&with_names_swapped(&redis.get(key).expect(key))).expect("JSON");
        value["topology"] = json!("another");
        redis.set(key, value.to_string().as_bytes());
    }
    ask_everything(&daemon, &truth);
    wait_all_hit(&daemon, &truth);
    assert_eq!(stored(&redis, "jbod:smart:sdb")["serial_number"], truth.serial_at("sdb"));
}

/// Requests the overview, and each drive by name and by serial number. Every response has the values of the right drive.
/// True if all of them come from Redis.
#[track_caller]
fn responses_are_right(daemon: &Daemon, truth: &Truth, names: &[&str]) -> bool {
    let overview = answered(daemon, "/api/overview");
    for drive in &drives_of(&overview.json()) {
        truth.check(drive, "overview");
    }
    overview.cache() == "HIT" && drives_are_right(daemon, truth, names)
}

#[track_caller]
fn drives_are_right(daemon: &Daemon, truth: &Truth, names: &[&str]) -> bool {
    let mut all_hit = true;
    for name in names {
        let serial = truth.serial_at(name);
        for id in [name, serial] {
            let response = answered(daemon, &format!("/api/drives/{id}"));
            all_hit &= response.cache() == "HIT";
            let drive = response.json();
            truth.check(&drive, id);
            assert_eq!(drive["serial_number"], serial, "{id}");
            let raw = &drive["smartctl"]["serial_number"];
            assert!(raw.is_null() || raw == serial, "{id}: smartctl's JSON is that of {raw}");
        }
    }
    all_hit
}

fn sweep_of(daemon: &Daemon) -> Value {
    daemon.json("/api/overview")["sweep"]["started_at"].clone()
}

const SHORT_CYCLE: [(&str, &str); 2] = [PATIENT, ("SMART_POLL_INTERVAL", "4")];

/// A host with one failing, hot drive, so that values of the wrong drive are noticed.
fn with_a_failing_drive() -> Sim {
    let sim = Sim::small();
    sim.set("sda", &["failed=true", "temperature=58"]);
    sim
}

#[track_caller]
fn names_swapped_while_down(stop: impl FnOnce(Daemon)) {
    let (sim, redis) = (with_a_failing_drive(), Redis::start());
    let (daemon, before) = settled(&sim, &redis, &SHORT_CYCLE);
    let sweep = sweep_of(&daemon);
    stop(daemon);
    sim.swap_letters("sda", "sdb");
    sim.set("all", &["latency_ms=1200"]);
    assert!(redis.pttl("jbod:smart:sda") > 0, "the old values have expired");
    let daemon = Daemon::start(&sim, &redis, &SHORT_CYCLE);
    let after = Truth::of(&sim);
    assert_eq!(before.serial_at("sda"), after.serial_at("sdb"));
    wait_until("a new sweep is complete, and every response is a HIT", || {
        let all_hit = responses_are_right(&daemon, &after, &["sda", "sdb"]);
        all_hit && sweep_of(&daemon) != sweep
    });
    wait_all_hit(&daemon, &after);
}

#[test]
fn names_swapped_before_a_restart_show_no_wrong_drive() {
    names_swapped_while_down(|daemon| drop(daemon.stop(Signal::TERM)));
}

/// The killed daemon still holds the lease, so the new one only serves at first.
#[test]
fn names_swapped_after_a_crash_show_no_wrong_drive() {
    names_swapped_while_down(Daemon::kill);
}

/// Swaps names while the daemon runs, and requests until the next sweep has been stored.
#[track_caller]
fn names_swapped_while_running(mut is_right: impl FnMut(&Daemon, &Truth) -> bool) {
    let (sim, redis) = (with_a_failing_drive(), Redis::start());
    let (daemon, _) = settled(&sim, &redis, &SHORT_CYCLE);
    sim.set("all", &["latency_ms=800"]);
    let sweep = sweep_of(&daemon);
    sim.swap_letters("sda", "sdb");
    let after = Truth::of(&sim);
    wait_until("a new sweep is complete, and every response is a HIT", || {
        let all_hit = is_right(&daemon, &after);
        all_hit && sweep_of(&daemon) != sweep
    });
    wait_all_hit(&daemon, &after);
}

#[test]
fn names_swapped_under_a_running_daemon_show_no_wrong_drive() {
    names_swapped_while_running(|daemon, truth| drives_are_right(daemon, truth, &["sda", "sdb"]));
}

#[test]
fn names_swapped_under_a_running_daemon_show_no_wrong_drive_in_lists() {
    // Lists compare the links in sysfs at most once in a few milliseconds. Once one shows the new names, none shows the
    // old ones again. A request for a drive by name compares them each time (the test above).
    let mut has_seen = false;
    names_swapped_while_running(|daemon, truth| {
        let overview = answered(daemon, "/api/overview").json();
        let new_sda = truth.serial_at("sda");
        has_seen |= drives(&overview).any(|drive| drive["device"] == "sda" && drive["serial_number"] == new_sda);
        has_seen && responses_are_right(daemon, truth, &["sda", "sdb"])
    });
}

const LEASED: [(&str, &str); 2] = [PATIENT, ("SMART_POLL_INTERVAL", "3")];

fn starts_by_serial(sim: &Sim, truth: &Truth) -> BTreeMap<String, usize> {
    truth.serials().into_iter().map(|serial| (serial.clone(), sim.starts_of(&serial))).collect()
}

#[test]
fn of_two_daemons_one_reads_each_drive_once_a_sweep() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let (first, truth) = settled(&sim, &redis, &LEASED);
    let second = Daemon::ready(&sim, &redis, &LEASED);
    second.wait_logged("became follower");
    let owner = redis.get("jbod:lock:poll");
    let mut sweeps = BTreeSet::from([text(&wait_swept(&first)["sweep"]["started_at"])]);
    let at_first = starts_by_serial(&sim, &truth);
    wait_until("three more sweeps", || {
        for daemon in [&first, &second] {
            let caches = ask_everything(daemon, &truth);
            assert!(caches.values().all(|cache| cache == "HIT"), "{caches:?}");
        }
        sweeps.insert(text(&first.json("/api/overview")["sweep"]["started_at"]));
        sweeps.len() > 3
    });
    for (serial, count) in starts_by_serial(&sim, &truth) {
        let more = count - at_first[&serial];
        // At the beginning and at the end of the count, a sweep may have started some of its readings.
        assert!((2..=4).contains(&more), "{serial}: {more} starts in 3 sweeps");
    }
    assert_eq!(redis.get("jbod:lock:poll"), owner, "another daemon became the leader");
    assert_eq!(second.logged("became leader"), 0, "{}", second.log());
}

#[test]
fn a_follower_without_stored_lists_serves_its_own() {
    let (sim, redis) = (Sim::small(), Redis::start());
    // With the default interval, the first daemon does not store the lists again meanwhile.
    let (_first, truth) = settled(&sim, &redis, &[PATIENT]);
    let second = Daemon::ready(&sim, &redis, &[PATIENT]);
    second.wait_logged("became follower");
    for (name, path) in LISTS {
        redis.ask(&["DEL", &format!("jbod:{name}"), &format!("jbod:last:{name}")]);
        assert_eq!(answered(&second, path).cache(), "MISS", "{path}");
    }
    ask_everything(&second, &truth);
    assert_eq!(second.logged("became leader"), 0, "{}", second.log());
}

/// A lease without a lifetime does not expire, and without this no daemon would poll.
#[test]
fn a_lease_without_a_lifetime_is_taken_over() {
    let (sim, redis) = (Sim::small(), Redis::start());
    redis.set("jbod:lock:poll", b"somebody");
    let daemon = Daemon::start(&sim, &redis, &LEASED);
    daemon.wait_logged("became leader");
    wait_swept(&daemon);
    wait_all_hit(&daemon, &Truth::of(&sim));
}

/// Such a lease is left when the clock of Redis is set back by a year.
#[test]
fn a_lease_with_a_lifetime_of_a_year_is_taken_over() {
    let (sim, redis) = (Sim::small(), Redis::start());
    redis.ask(&["SET", "jbod:lock:poll", "somebody", "PX", "31536000000"]);
    let daemon = Daemon::start(&sim, &redis, &LEASED);
    daemon.wait_logged("became leader");
    wait_swept(&daemon);
}

#[test]
fn a_lease_of_a_wrong_type_does_not_prevent_polling_and_is_logged_once() {
    let (sim, redis) = (Sim::small(), Redis::start());
    Junk::WrongType.store(&redis, "jbod:lock:poll");
    let (daemon, truth) = settled(&sim, &redis, &LEASED);
    wait_swept(&daemon);
    wait_swept(&daemon);
    wait_all_hit(&daemon, &truth);
    assert_eq!(daemon.logged("lease"), 1, "{}", daemon.log());
}

/// The second daemon has taken over: it holds the lease, and its sweeps are complete.
#[track_caller]
fn assert_taken_over(second: &Daemon, truth: &Truth, redis: &Redis, old_owner: &str) {
    second.wait_logged("became leader");
    wait_until("the lease has another owner", || redis.get("jbod:lock:poll").is_some_and(|owner| owner != old_owner));
    wait_swept(second);
    wait_swept(second);
    wait_all_hit(second, truth);
}

#[test]
fn a_second_daemon_takes_over_from_a_killed_one() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let (first, truth) = settled(&sim, &redis, &LEASED);
    let second = Daemon::ready(&sim, &redis, &LEASED);
    second.wait_logged("became follower");
    let owner = redis.get("jbod:lock:poll").expect("a lease");
    first.kill();
    ask_everything(&second, &truth);
    assert_taken_over(&second, &truth, &redis, &owner);
}

#[test]
fn a_daemon_that_stops_releases_the_lease() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let (first, truth) = settled(&sim, &redis, &LEASED);
    let second = Daemon::ready(&sim, &redis, &LEASED);
    second.wait_logged("became follower");
    let owner = redis.get("jbod:lock:poll").expect("a lease");
    first.stop(Signal::TERM);
    assert_ne!(redis.get("jbod:lock:poll").as_ref(), Some(&owner), "the lease was not released");
    assert_taken_over(&second, &truth, &redis, &owner);
}

const RIGHT: &str = "r1ght-0pen-sesame";
const WRONG: &str = "wr0ng-0pen-sesame";

#[track_caller]
fn assert_no_secret(text: &str) {
    assert!(!text.contains("0pen-sesame"), "{text}");
}

#[test]
fn with_a_wrong_password_memory_serves_and_the_log_has_no_password() {
    let (sim, mut redis) = (Sim::small(), Redis::start());
    redis.require_password(RIGHT);
    let truth = Truth::of(&sim);
    let url = format!("redis://:{WRONG}@127.0.0.1:{}", redis.port);
    for secret in [("REDIS_PASSWORD", WRONG), ("REDIS_URL", url.as_str())] {
        let daemon = Daemon::ready(&sim, &redis, &[PATIENT, ("RUST_LOG", "trace"), secret]);
        for _ in 0..2 {
            let caches = ask_everything(&daemon, &truth);
            assert!(caches.values().all(|cache| cache == "MISS"), "{caches:?}");
        }
        daemon.wait_logged("redis unavailable");
        assert_eq!(redis.keys(), [""; 0]);
        let (_, log) = daemon.stop(Signal::TERM);
        assert_no_secret(&log);
    }
}

#[test]
fn a_password_is_read_from_every_setting_that_may_have_it() {
    let (sim, mut redis) = (Sim::small(), Redis::start());
    redis.require_password(RIGHT);
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("redis-password");
    std::fs::write(&file, format!("{RIGHT}\n")).expect("a file");
    let url = format!("redis://:{RIGHT}@127.0.0.1:{}", redis.port);
    for secret in [
        ("REDIS_PASSWORD", RIGHT),
        ("REDIS_URL", url.as_str()),
        ("REDIS_PASSWORD_FILE", file.to_str().expect("a path")),
        ("CREDENTIALS_DIRECTORY", dir.path().to_str().expect("a path")),
    ] {
        let (daemon, _) = settled(&sim, &redis, &[PATIENT, ("RUST_LOG", "trace"), secret]);
        let (_, log) = daemon.stop(Signal::TERM);
        assert_no_secret(&log);
        let mut command = support::daemon::command(&sim, redis.port);
        let checked = run(command.env(secret.0, secret.1).arg("check-config"));
        assert_eq!(checked.code, Some(0), "{checked:?}");
        assert_no_secret(&checked.stdout);
        assert_no_secret(&checked.stderr);
    }
}

/// The serial number of the drive in a bay of the only enclosure.
#[track_caller]
fn serial_in(daemon: &Daemon, bay: u64) -> String {
    let body = daemon.json("/api/drives");
    let drive = list(&body, "drives").find(|drive| drive["slot"] == bay);
    text(&drive.unwrap_or_else(|| panic!("no drive in bay {bay}: {body}"))["serial_number"])
}

#[test]
fn drives_that_were_removed_are_missing_after_a_restart() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let (daemon, _) = settled(&sim, &redis, &[]);
    let (first, second) = (serial_in(&daemon, 0), serial_in(&daemon, 1));
    let before = [daemon.json(&format!("/api/drives/{first}")), daemon.json(&format!("/api/drives/{second}"))];
    sim.pull(&["bay/0/0"]);
    daemon.drive_when(&first, "it is missing", |drive| drive["state"] == "missing");
    redis.wait_stored("jbod:last:gone", &first);
    redis.wait_stored("jbod:last:overview", "\"missing\":1");
    daemon.stop(Signal::TERM);
    // The second drive is removed while no daemon runs.
    sim.pull(&["bay/0/1"]);

    let daemon = Daemon::ready(&sim, &redis, &[]);
    for (serial, before) in [&first, &second].into_iter().zip(&before) {
        let drive = daemon.drive_when(serial, "it is missing after the restart", |drive| drive["state"] == "missing");
        for field in ["slot", "enclosure", "collected_at", "temperature_celsius", "power_on_hours", "model_name"] {
            assert_eq!(drive[field], before[field], "{field}");
        }
        assert_eq!(drive["stale"], true);
        assert!(drive["missing_since"].is_string() && drive["smartctl"].is_object(), "{drive}");
    }
    let overview = daemon.overview_when("both are missing", |overview| overview["totals"]["by_state"]["missing"] == 2);
    assert_eq!(overview["enclosures"][0]["slots"][0]["drive"]["serial_number"], first.as_str());
    daemon.wait_logged(&second);

    // The first drive returns to another bay. A new drive is inserted into the bay of the second.
    sim.insert(&["bay/0/5", "--serial", &first]);
    let back = daemon.drive_when(&first, "it has returned", |drive| drive["state"] == "active");
    assert_eq!((&back["slot"], &back["stale"], &back["missing_since"]), (&5.into(), &false.into(), &Value::Null));
    sim.insert(&["bay/0/1", "--serial", "NEWDRIVE1"]);
    daemon.overview_when("the bay has the new drive", |overview| {
        overview["totals"]["by_state"]["missing"] == 0
            && overview["enclosures"][0]["slots"][1]["drive"]["state"] == "active"
    });
    assert_eq!(daemon.get(&format!("/api/drives/{second}")).status, 404);
}
