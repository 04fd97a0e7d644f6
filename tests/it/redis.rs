//! What Redis holds and what users notice of it: hits, ages, outages, foreign values, moved
//! letters, a second daemon. Against a real redis-server.

use crate::support;
use crate::wait::{wait_for, wait_until};

use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use support::daemon::{Daemon, run};
use support::eventually;
use support::http::Response;
use support::redis::Redis;
use support::sim::Sim;

/// A busy machine must not look like an absent Redis.
const PATIENT: (&str, &str) = ("REDIS_TIMEOUT_MS", "2000");
const LISTS: [(&str, &str); 3] =
    [("overview", "/api/overview"), ("enclosures", "/api/enclosures"), ("zfs_map", "/api/zfs")];

/// The drives as the simulator has them, found by serial number and by kernel name.
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
        let here = self
            .drives
            .values()
            .find(|drive| drive["devices"].as_array().is_some_and(|names| names.iter().any(|name| name == device)));
        here.and_then(|drive| drive["serial"].as_str()).unwrap_or_else(|| panic!("there is no {device}"))
    }

    /// An entry names the drive that has that name, and says of it what is true or nothing.
    #[track_caller]
    fn check(&self, entry: &Value, context: &str) {
        let serial = text(&entry["serial_number"]);
        let drive = self.drives.get(&serial).unwrap_or_else(|| panic!("{context}: there is no {serial}: {entry}"));
        assert_eq!(self.serial_at(&text(&entry["device"])), serial, "{context}: {entry}");
        assert_eq!(entry["slot"], drive["bay"], "{context}: {entry}");
        assert!(
            entry["temperature_celsius"].is_null() || entry["temperature_celsius"] == drive["temperature"],
            "{context}: {entry}"
        );
        let wanted = if drive["state"]["failed"] == true { "crit" } else { "ok" };
        assert!(entry["verdict"] == "unknown" || entry["verdict"] == wanted, "{context}: {entry}");
    }

    /// As `check`, of a drive that has been read.
    #[track_caller]
    fn check_read(&self, entry: &Value, context: &str) {
        self.check(entry, context);
        assert_eq!(entry["state"], "active", "{context}: {entry}");
        assert!(!entry["temperature_celsius"].is_null(), "{context}: {entry}");
    }
}

#[track_caller]
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn device(drive: &Value) -> String {
    text(&drive["devices"][0])
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

/// The drives in the bays of an overview or of a list of enclosures, then those in none.
fn drives_of(overview: &Value) -> Vec<Value> {
    let slots = list(overview, "enclosures").flat_map(|enclosure| list(enclosure, "slots"));
    slots
        .map(|slot| &slot["drive"])
        .filter(|drive| !drive.is_null())
        .chain(list(overview, "unslotted"))
        .cloned()
        .collect()
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

/// Asks for everything once. Every answer is whole and true; gives `X-Cache` by path.
#[track_caller]
fn ask_everything(daemon: &Daemon, truth: &Truth) -> BTreeMap<String, String> {
    let mut caches = BTreeMap::new();
    let mut ask = |path: &str| {
        let response = answered(daemon, path);
        caches.insert(path.to_owned(), response.cache().to_owned());
        response.json()
    };
    for path in ["/api/overview", "/api/enclosures"] {
        let drives = drives_of(&ask(path));
        assert_eq!(serials_of(&drives), truth.serials(), "{path}");
        for d in &drives {
            truth.check_read(d, path);
        }
    }
    let drives: Vec<Value> = list(&ask("/api/drives"), "drives").cloned().collect();
    assert_eq!(serials_of(&drives), truth.serials(), "/api/drives");
    for d in &drives {
        truth.check_read(d, "/api/drives");
    }
    for device in truth.devices() {
        let path = format!("/api/drives/{device}");
        let drive = ask(&path);
        truth.check_read(&drive, &path);
        assert_eq!(drive["smartctl"]["serial_number"], drive["serial_number"], "{path}");
    }
    let zfs = ask("/api/zfs");
    for drive in truth.drives.values() {
        assert_eq!(zfs["devices"][device(drive)]["pool"], drive["pool"], "/api/zfs: {drive}");
    }
    caches
}

/// Waits until everything comes out of Redis; the answers are true all along.
#[track_caller]
fn wait_all_hit(daemon: &Daemon, truth: &Truth) {
    wait_until("everything is a HIT", || ask_everything(daemon, truth).values().all(|cache| cache == "HIT"));
}

/// A daemon that has swept and stored everything.
#[track_caller]
fn settled(sim: &Sim, redis: &Redis, settings: &[(&str, &str)]) -> (Daemon, Truth) {
    let daemon = Daemon::ready(sim, redis, settings);
    let truth = Truth::of(sim);
    wait_all_hit(&daemon, &truth);
    (daemon, truth)
}

/// Waits for another sweep than the one shown.
#[track_caller]
fn wait_swept(daemon: &Daemon) -> Value {
    let before = daemon.json("/api/overview")["sweep"]["started_at"].clone();
    daemon.overview_when("another sweep is whole", |overview| overview["sweep"]["started_at"] != before)
}

fn seconds(time: &Value) -> i64 {
    text(time).parse::<jiff::Timestamp>().expect("RFC 3339").as_second()
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn stored(redis: &Redis, key: &str) -> Value {
    let value = redis.get(key).unwrap_or_else(|| panic!("{key} is not there"));
    serde_json::from_str(&value).unwrap_or_else(|error| panic!("{key}: {error}"))
}

/// Redis loses the key of a drive that was read a moment ago, and is not read again for a request so soon.
#[test]
fn a_drive_key_that_is_lost_is_written_again_from_memory() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[PATIENT, ("SMART_POLL_INTERVAL", "3600")]);
    let read = |daemon: &Daemon| daemon.get("/api/drives/sda");
    wait_until("it is stored", || read(&daemon).cache() == "HIT");
    let lose = || redis.ask(&["DEL", "jbod:smart:sda", "jbod:last:smart:sda"]);
    lose();
    // It is read for this request, and not for the next one.
    assert_eq!((read(&daemon).cache(), read(&daemon).status), ("MISS", 200));
    wait_until("it is stored again", || read(&daemon).cache() == "HIT");
    let starts = sim.starts().len();
    for keys in [&["DEL", "jbod:smart:sda", "jbod:last:smart:sda"][..], &["DEL", "jbod:smart:sda"]] {
        redis.ask(keys);
        let answer = read(&daemon);
        assert!(answer.status == 200 && answer.cache() != "HIT", "{keys:?}: {}", answer.cache());
        wait_until("it is stored without a reading", || read(&daemon).cache() == "HIT");
    }
    assert_eq!(sim.starts().len(), starts, "no drive was read for it");
}

#[test]
fn a_drive_and_the_overview_go_from_miss_to_hit_to_stale_and_back_to_hit() {
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
    wait_until("only the last-known copies are left", || {
        // What is known of missing drives and enclosures lives as long as the last-known copies.
        let is_left =
            |key: &String| key.starts_with("jbod:last:") || key == "jbod:gone" || key == "jbod:known_enclosures";
        redis.keys().iter().all(is_left)
    });
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

    // The sweep renews both; until then nobody waits and nothing old is called new.
    let renewed = |path: &str, collected_at: &dyn Fn(&Value) -> i64, kept: i64| {
        wait_until("a HIT with a new reading", || {
            let response = answered(&daemon, path);
            assert!(["STALE", "HIT"].contains(&response.cache()), "{path}: {}", response.cache());
            response.cache() == "HIT" && collected_at(&response.json()) > kept
        });
    };
    let of_drive = |body: &Value| seconds(&body["collected_at"]);
    let oldest = |body: &Value| drives_of(body).iter().map(of_drive).min().expect("drives");
    renewed("/api/drives/sda", &of_drive, of_drive(&kept_drive));
    renewed("/api/overview", &oldest, oldest(&kept_overview));
    assert_eq!(daemon.json("/api/drives/sda")["stale"], false);
}

/// The contract's table of keys, as `redis-cli` shows it.
#[test]
fn redis_holds_exactly_the_promised_keys_with_their_lifetimes() {
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
        assert_eq!(value["smartctl"]["serial_number"], drive["serial"], "smartctl's own JSON is there");
        assert!(!value["smartctl"]["json_format_version"].is_null(), "smartctl's own JSON is there");
        truth.check_read(&value, "the stored drive");
    }
    eventually("the stored overview is the very body", || {
        (redis.get("jbod:overview")?.as_bytes() == daemon.get("/api/overview").body).then_some(())
    });
}

#[test]
fn the_prefix_is_the_first_part_of_every_key() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let (_daemon, truth) = settled(&sim, &redis, &[PATIENT, ("JBOD_KEY_PREFIX", "lab:nas7")]);
    let keys = redis.keys();
    assert!(keys.iter().all(|key| key.starts_with("lab:nas7:")), "{keys:?}");
    assert_eq!(keys.len(), 2 * (5 + truth.drives.len()) + 1, "{keys:?}");
}

/// Lifetimes and interval in the proportions of the defaults.
#[test]
fn every_request_is_a_hit_over_whole_cycles() {
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
fn drive_keys_outlive_their_setting_where_a_cycle_takes_longer() {
    let (sim, redis) = (Sim::small(), Redis::start());
    sim.set("all", &["latency_ms=700"]);
    let daemon = Daemon::ready(&sim, &redis, &[PATIENT, ("SMART_CACHE_TTL", "1"), ("SMART_POLL_INTERVAL", "2")]);
    let truth = Truth::of(&sim);
    let keys: Vec<String> = truth.devices().iter().map(|drive| format!("jbod:smart:{drive}")).collect();
    wait_all_hit(&daemon, &truth);
    let mut sweeps = BTreeSet::new();
    wait_until("four sweeps", || {
        for key in &keys {
            assert!(redis.pttl(key) > 0, "{key} has lapsed: {:?}", redis.keys());
        }
        sweeps.insert(text(&daemon.json("/api/overview")["sweep"]["started_at"]));
        sweeps.len() > 3
    });
    assert_eq!(daemon.logged("drive key lifetime raised"), 1, "{}", daemon.log());
}

/// An outage as the log tells it: one line when it starts, one when it ends.
#[track_caller]
fn assert_one_outage(daemon: &Daemon) {
    let lines = (daemon.logged("redis unavailable"), daemon.logged("redis available again"));
    assert_eq!(lines, (1, 1), "{}", daemon.log());
}

#[test]
fn without_redis_at_the_start_everything_is_served_and_stored_when_it_comes() {
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
fn a_killed_redis_costs_nobody_an_answer() {
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

/// It accepts connections and never answers.
#[test]
fn a_frozen_redis_costs_nobody_an_answer() {
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
fn a_redis_that_is_frozen_at_the_start_keeps_nobody_waiting_for_it() {
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

/// What may stand where a value of ours should.
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
    fn put(self, redis: &Redis, key: &str) {
        redis.ask(&["DEL", key]);
        match self {
            Self::WrongType => drop(redis.ask(&["LPUSH", key, "foreign"])),
            Self::Broken => redis.set(key, br#"{"schema":1,"generated_at":"#),
            Self::NotUtf8 => redis.set(key, b"\xff\xfe\x00 no text"),
            Self::OtherSchema => redis.set(key, br#"{"schema":2,"generated_at":"2026-01-01T00:00:00Z"}"#),
            Self::Huge => redis.set(key, &vec![b'x'; 10_000_000]),
        }
    }
}

/// Six drives, so that each kind of junk has a drive of its own.
fn six_drives() -> Sim {
    let shelf = ["--enclosures", "1", "--bays", "8", "--drives", "6", "--paths", "1"];
    let drives = ["--sata", "1", "--ssd", "0", "--nvme", "0", "--pools", "1", "--vdev-width", "2"];
    Sim::host(&[&shelf[..], &drives].concat())
}

/// Waits until a value of ours stands there, asking for it all along; the answers are right.
#[track_caller]
fn wait_overwritten(daemon: &Daemon, truth: &Truth, redis: &Redis, names: &[String]) {
    eventually("the junk is overwritten", || {
        ask_everything(daemon, truth);
        let is_ours = |name: &String| {
            let value = redis.get(&format!("jbod:{name}"))?;
            (serde_json::from_str::<Value>(&value).ok()?["schema"] == 1).then_some(())
        };
        names.iter().all(|name| is_ours(name).is_some()).then_some(())
    });
}

/// Log lines about a stored value, by its key with or without the prefix.
fn said(daemon: &Daemon, name: &str) -> usize {
    daemon.logged(&format!("key={name} ")) + daemon.logged(&format!("key=jbod:{name} "))
}

#[test]
fn foreign_drive_values_are_misses_said_once_and_overwritten() {
    let (sim, redis) = (six_drives(), Redis::start());
    let (daemon, truth) = settled(&sim, &redis, &[PATIENT]);
    let names: Vec<String> = truth.devices().iter().map(|drive| format!("smart:{drive}")).collect();
    for (name, junk) in names.iter().zip(JUNK) {
        junk.put(&redis, &format!("jbod:{name}"));
        junk.put(&redis, &format!("jbod:last:{name}"));
    }
    wait_overwritten(&daemon, &truth, &redis, &names);
    wait_all_hit(&daemon, &truth);
    for (name, junk) in names.iter().zip(JUNK) {
        let lines = (said(&daemon, name), said(&daemon, &format!("last:{name}")));
        assert_eq!(lines, (1, 1), "{junk:?}: {}", daemon.log());
    }
    assert_eq!(daemon.logged("redis unavailable"), 0, "{}", daemon.log());
}

#[test]
fn foreign_lists_are_misses_said_once_and_overwritten() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let (daemon, truth) = settled(&sim, &redis, &[PATIENT]);
    for (round, junk) in JUNK.into_iter().enumerate() {
        let names = LISTS.map(|(name, _)| name.to_owned());
        for name in &names {
            junk.put(&redis, &format!("jbod:{name}"));
            junk.put(&redis, &format!("jbod:last:{name}"));
        }
        wait_overwritten(&daemon, &truth, &redis, &names);
        wait_all_hit(&daemon, &truth);
        // Whoever puts it back again and again fills no log.
        for name in &names {
            assert_eq!(said(&daemon, name), 1, "{junk:?}, round {round}: {}", daemon.log());
            assert!(said(&daemon, &format!("last:{name}")) <= 1, "{junk:?}, round {round}: {}", daemon.log());
        }
    }
    assert_eq!(daemon.logged("redis unavailable"), 0, "{}", daemon.log());
}

/// The last-known copy is served meanwhile; the broken one is not said again with every request.
#[test]
fn a_foreign_value_before_a_good_last_known_copy_is_said_once() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let (daemon, truth) = settled(&sim, &redis, &[PATIENT]);
    // While a drive is slow, its key stays as it is for long enough to be asked for often.
    sim.set("sda", &["latency_ms=1500"]);
    for name in ["smart:sda", "overview"] {
        Junk::Broken.put(&redis, &format!("jbod:{name}"));
    }
    for _ in 0..5 {
        ask_everything(&daemon, &truth);
    }
    wait_overwritten(&daemon, &truth, &redis, &["smart:sda".to_owned(), "overview".to_owned()]);
    for name in ["smart:sda", "overview"] {
        assert_eq!(said(&daemon, name), 1, "{}", daemon.log());
    }
}

#[test]
fn a_redis_full_of_junk_does_not_keep_the_daemon_from_starting() {
    let (sim, redis) = (six_drives(), Redis::start());
    let truth = Truth::of(&sim);
    let mut names: Vec<String> = truth.devices().iter().map(|drive| format!("smart:{drive}")).collect();
    names.extend(LISTS.map(|(name, _)| name.to_owned()));
    for (name, junk) in names.iter().zip(JUNK.into_iter().cycle()) {
        junk.put(&redis, &format!("jbod:{name}"));
        junk.put(&redis, &format!("jbod:last:{name}"));
    }
    let daemon = Daemon::start(&sim, &redis, &[PATIENT]);
    wait_until("every drive is read", || {
        let drives = drives_of(&answered(&daemon, "/api/overview").json());
        assert_eq!(serials_of(&drives), truth.serials());
        for d in &drives {
            truth.check(d, "among junk");
        }
        drives.iter().all(|drive| drive["state"] == "active")
    });
    daemon.wait_ready();
    wait_overwritten(&daemon, &truth, &redis, &names);
    wait_all_hit(&daemon, &truth);
    for name in &names {
        let (live, last) = (said(&daemon, name), said(&daemon, &format!("last:{name}")));
        assert!(live <= 1 && last <= 1, "{name}: {}", daemon.log());
    }
}

#[test]
fn another_drives_document_is_nobodys_health() {
    let (sim, redis) = (Sim::small(), Redis::start());
    sim.set("sda", &["failed=true", "temperature=58"]);
    let (daemon, truth) = settled(&sim, &redis, &[PATIENT]);
    let other = redis.get("jbod:smart:sda").expect("a document");
    for key in ["jbod:smart:sdb", "jbod:last:smart:sdb"] {
        redis.set(key, other.as_bytes());
    }
    // A list of a rack in which the two have changed places.
    let swapped =
        |text: &str| text.replace("\"sda\"", "\"sd?\"").replace("\"sdb\"", "\"sda\"").replace("\"sd?\"", "\"sdb\"");
    for key in ["jbod:overview", "jbod:last:overview", "jbod:enclosures", "jbod:last:enclosures"] {
        let mut value: Value = serde_json::from_str(&swapped(&redis.get(key).expect(key))).expect("JSON");
        value["topology"] = json!("another");
        redis.set(key, value.to_string().as_bytes());
    }
    ask_everything(&daemon, &truth);
    wait_all_hit(&daemon, &truth);
    assert_eq!(stored(&redis, "jbod:smart:sdb")["serial_number"], truth.serial_at("sdb"));
}

/// Shows the overview and, by name and by serial, each of the drives. Whatever is shown is of the
/// right drive. True: all of it comes from Redis.
#[track_caller]
fn shows_no_mix_up(daemon: &Daemon, truth: &Truth, names: &[&str]) -> bool {
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
            assert!(raw.is_null() || raw == serial, "{id}: smartctl's JSON is of {raw}");
        }
    }
    all_hit
}

fn sweep_of(daemon: &Daemon) -> Value {
    daemon.json("/api/overview")["sweep"]["started_at"].clone()
}

const SHORT_CYCLE: [(&str, &str); 2] = [PATIENT, ("SMART_POLL_INTERVAL", "4")];

/// A rack in which one of two drives is failing and hot, so that a mix-up shows.
fn with_a_failing_drive() -> Sim {
    let sim = Sim::small();
    sim.set("sda", &["failed=true", "temperature=58"]);
    sim
}

#[track_caller]
fn letters_swapped_while_down(stop: impl FnOnce(Daemon)) {
    let (sim, redis) = (with_a_failing_drive(), Redis::start());
    let (daemon, before) = settled(&sim, &redis, &SHORT_CYCLE);
    let sweep = sweep_of(&daemon);
    stop(daemon);
    sim.swap_letters("sda", "sdb");
    sim.set("all", &["latency_ms=1200"]);
    assert!(redis.pttl("jbod:smart:sda") > 0, "the old values are still there");
    let daemon = Daemon::start(&sim, &redis, &SHORT_CYCLE);
    let after = Truth::of(&sim);
    assert_eq!(before.serial_at("sda"), after.serial_at("sdb"));
    wait_until("a new sweep, everything a HIT", || {
        let all_hit = shows_no_mix_up(&daemon, &after, &["sda", "sdb"]);
        all_hit && sweep_of(&daemon) != sweep
    });
    wait_all_hit(&daemon, &after);
}

#[test]
fn letters_swapped_over_a_clean_restart_mix_up_nothing() {
    letters_swapped_while_down(|daemon| drop(daemon.stop(Signal::TERM)));
}

/// The lease of the killed daemon is still there: the new one at first only serves.
#[test]
fn letters_swapped_over_a_crash_mix_up_nothing() {
    letters_swapped_while_down(Daemon::kill);
}

/// Swaps letters while the daemon runs, and looks until the next sweep has been stored.
#[track_caller]
fn letters_swapped_while_running(mut is_right: impl FnMut(&Daemon, &Truth) -> bool) {
    let (sim, redis) = (with_a_failing_drive(), Redis::start());
    let (daemon, _) = settled(&sim, &redis, &SHORT_CYCLE);
    sim.set("all", &["latency_ms=800"]);
    let sweep = sweep_of(&daemon);
    sim.swap_letters("sda", "sdb");
    let after = Truth::of(&sim);
    wait_until("a new sweep, everything a HIT", || {
        let all_hit = is_right(&daemon, &after);
        all_hit && sweep_of(&daemon) != sweep
    });
    wait_all_hit(&daemon, &after);
}

#[test]
fn letters_swapped_under_a_running_daemon_mix_up_no_drive() {
    letters_swapped_while_running(|daemon, truth| drives_are_right(daemon, truth, &["sda", "sdb"]));
}

#[test]
fn letters_swapped_under_a_running_daemon_do_not_mix_up_the_overview() {
    // A list looks what is plugged in at most every few milliseconds: once it has seen the letters
    // move it never goes back. A drive asked for by name is right at every moment (the test above).
    let mut has_seen = false;
    letters_swapped_while_running(|daemon, truth| {
        let is_seen = |overview: &Value| {
            drives_of(overview)
                .iter()
                .any(|drive| drive["device"] == "sda" && drive["serial_number"] == truth.serial_at("sda"))
        };
        has_seen = has_seen || is_seen(&answered(daemon, "/api/overview").json());
        has_seen && shows_no_mix_up(daemon, truth, &["sda", "sdb"])
    });
}

const LEASED: [(&str, &str); 2] = [PATIENT, ("SMART_POLL_INTERVAL", "3")];

#[test]
fn two_daemons_read_each_drive_once_a_cycle() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let (first, truth) = settled(&sim, &redis, &LEASED);
    let second = Daemon::ready(&sim, &redis, &LEASED);
    second.wait_logged("became follower");
    let owner = redis.get("jbod:lock:poll");
    let starts = || -> BTreeMap<String, usize> {
        truth.serials().into_iter().map(|serial| (serial.clone(), sim.starts_of(&serial))).collect()
    };
    let mut sweeps = BTreeSet::from([text(&wait_swept(&first)["sweep"]["started_at"])]);
    let at_first = starts();
    wait_until("three more sweeps", || {
        for daemon in [&first, &second] {
            let caches = ask_everything(daemon, &truth);
            assert!(caches.values().all(|cache| cache == "HIT"), "{caches:?}");
        }
        sweeps.insert(text(&first.json("/api/overview")["sweep"]["started_at"]));
        sweeps.len() > 3
    });
    for (serial, count) in starts() {
        let more = count - at_first[&serial];
        // The next sweep may have begun at either end.
        assert!((2..=4).contains(&more), "{serial}: {more} starts in 3 cycles");
    }
    assert_eq!(redis.get("jbod:lock:poll"), owner, "polling stayed where it was");
    assert_eq!(second.logged("became leader"), 0, "{}", second.log());
}

/// What the other daemon has not stored is read, not made up.
#[test]
fn a_follower_whose_lists_are_gone_serves_the_truth() {
    let (sim, redis) = (Sim::small(), Redis::start());
    // A long cycle: the first daemon does not store the lists again meanwhile.
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

/// It never lapses by itself: nobody would ever poll.
#[test]
fn a_lease_that_was_left_by_hand_is_taken_over() {
    let (sim, redis) = (Sim::small(), Redis::start());
    redis.set("jbod:lock:poll", b"somebody");
    let daemon = Daemon::start(&sim, &redis, &LEASED);
    daemon.wait_logged("became leader");
    wait_swept(&daemon);
    wait_all_hit(&daemon, &Truth::of(&sim));
}

/// As one that is left when Redis's clock is set back by a year.
#[test]
fn a_lease_that_would_last_for_a_year_is_taken_over() {
    let (sim, redis) = (Sim::small(), Redis::start());
    redis.ask(&["SET", "jbod:lock:poll", "somebody", "PX", "31536000000"]);
    let daemon = Daemon::start(&sim, &redis, &LEASED);
    daemon.wait_logged("became leader");
    wait_swept(&daemon);
}

#[test]
fn a_lease_of_a_wrong_type_stops_nobody_from_polling_and_is_said_once() {
    let (sim, redis) = (Sim::small(), Redis::start());
    Junk::WrongType.put(&redis, "jbod:lock:poll");
    let (daemon, truth) = settled(&sim, &redis, &LEASED);
    wait_swept(&daemon);
    wait_swept(&daemon);
    wait_all_hit(&daemon, &truth);
    assert_eq!(daemon.logged("lease"), 1, "{}", daemon.log());
}

/// The second daemon has taken over: its lease, its sweeps.
#[track_caller]
fn assert_taken_over(second: &Daemon, truth: &Truth, redis: &Redis, old_owner: &str) {
    second.wait_logged("became leader");
    eventually("the lease is another's", || redis.get("jbod:lock:poll").filter(|owner| owner != old_owner));
    wait_swept(second);
    wait_swept(second);
    wait_all_hit(second, truth);
}

#[test]
fn a_second_daemon_takes_over_from_one_that_was_killed() {
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
fn a_clean_stop_gives_the_lease_back() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let (first, truth) = settled(&sim, &redis, &LEASED);
    let second = Daemon::ready(&sim, &redis, &LEASED);
    second.wait_logged("became follower");
    let owner = redis.get("jbod:lock:poll").expect("a lease");
    first.stop(Signal::TERM);
    assert_ne!(redis.get("jbod:lock:poll").as_ref(), Some(&owner), "nobody waits for it to lapse");
    assert_taken_over(&second, &truth, &redis, &owner);
}

const RIGHT: &str = "r1ght-0pen-sesame";
const WRONG: &str = "wr0ng-0pen-sesame";

/// Everything a daemon logs down to trace level, without a secret.
#[track_caller]
fn assert_no_secret(text: &str) {
    assert!(!text.contains("0pen-sesame"), "{text}");
}

#[test]
fn with_a_wrong_password_memory_serves_and_no_log_tells_it() {
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
fn the_right_password_is_taken_from_wherever_it_may_stand() {
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

#[test]
fn a_drive_that_was_pulled_is_missed_also_after_a_restart() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let (daemon, _) = settled(&sim, &redis, &[]);
    let serial_in = |bay: u64| {
        let list = daemon.json("/api/drives");
        let drive = list["drives"].as_array().expect("drives").iter().find(|drive| drive["slot"] == bay).cloned();
        text(&drive.unwrap_or_else(|| panic!("a drive in bay {bay}: {list}"))["serial_number"])
    };
    let (first, second) = (serial_in(0), serial_in(1));
    let before = [daemon.json(&format!("/api/drives/{first}")), daemon.json(&format!("/api/drives/{second}"))];
    sim.pull(&["bay/0/0"]);
    daemon.drive_when(&first, "it is missed", |drive| drive["state"] == "missing");
    eventually("the list of the gone is stored", || redis.get("jbod:last:gone").filter(|value| value.contains(&first)));
    eventually("the overview without it is stored", || {
        redis.get("jbod:last:overview").filter(|value| value.contains("\"missing\":1"))
    });
    daemon.stop(Signal::TERM);
    // One goes while nobody looks.
    sim.pull(&["bay/0/1"]);

    let daemon = Daemon::ready(&sim, &redis, &[]);
    for (serial, before) in [&first, &second].into_iter().zip(&before) {
        let drive = daemon.drive_when(serial, "it is missed after the restart", |drive| drive["state"] == "missing");
        for field in ["slot", "enclosure", "collected_at", "temperature_celsius", "power_on_hours", "model_name"] {
            assert_eq!(drive[field], before[field], "{field}");
        }
        assert_eq!(drive["stale"], true);
        assert!(drive["missing_since"].is_string() && drive["smartctl"].is_object(), "{drive}");
    }
    let overview = daemon.overview_when("both are missed", |overview| overview["totals"]["by_state"]["missing"] == 2);
    assert_eq!(overview["enclosures"][0]["slots"][0]["drive"]["serial_number"], first.as_str());
    daemon.wait_logged(&second);

    // One comes back to another bay and goes on; another drive takes the bay of the other.
    sim.insert(&["bay/0/5", "--serial", &first]);
    let back = daemon.drive_when(&first, "it is back", |drive| drive["state"] == "active");
    assert_eq!((&back["slot"], &back["stale"], &back["missing_since"]), (&5.into(), &false.into(), &Value::Null));
    sim.insert(&["bay/0/1", "--serial", "NEWDRIVE1"]);
    daemon.overview_when("the bay is another's", |overview| {
        overview["totals"]["by_state"]["missing"] == 0
            && overview["enclosures"][0]["slots"][1]["drive"]["state"] == "active"
    });
    assert_eq!(daemon.get(&format!("/api/drives/{second}")).status, 404);
}
