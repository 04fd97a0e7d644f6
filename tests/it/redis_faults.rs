//! Every way in which a Redis can fail, each under a steady load of requests: nobody gets an error,
//! nobody waits for Redis' timeouts in a row, the log says it once, and everything is back after.
//!
//! `cargo test --test it redis_faults -- --nocapture` prints the times of answers, for each fault in its
//! first second and after it. They are asserted only as far as tells a wait from an answer.

use crate::support;
use crate::wait::wait_until;

use rustix::process::Signal;
use serde_json::Value;
use std::time::{Duration, Instant};
use support::daemon::Daemon;
use support::eventually;
use support::fake_redis::{BlackHole, FakeRedis};
use support::load::{Load, ask, times};
use support::redis::{Redis, Reply};
use support::sim::Sim;

const PATHS: [&str; 5] = ["/api/overview", "/api/drives/sda", "/api/enclosures", "/api/zfs", "/api/drives"];
const SECRET: &str = "0pen-sesame";
/// Answers that are waited for while a fault lasts: a second and a half.
const WHILE: usize = 75;

/// Short enough that an answer that has waited for several of them shows, long enough for a busy
/// machine; the true default where times are to be looked at.
fn timeout() -> String {
    std::env::var("TEST_REDIS_TIMEOUT_MS").unwrap_or_else(|_| "1000".to_owned())
}

/// Later than this, an answer has waited for one timeout after the other.
fn bound() -> Duration {
    Duration::from_millis(timeout().parse::<u64>().expect("milliseconds") * 5)
}

struct Stage {
    sim: Sim,
    redis: Redis,
    daemon: Daemon,
    load: Load,
}

impl Stage {
    /// A daemon that has stored everything, under load.
    fn settled(redis: Redis, settings: &[(&str, &str)]) -> Self {
        let sim = Sim::small();
        let timeout = timeout();
        let settings = [&[("REDIS_TIMEOUT_MS", timeout.as_str())], settings].concat();
        let daemon = Daemon::ready(&sim, &redis, &settings);
        wait_all_hit(&daemon);
        let load = Load::start(daemon.port, &PATHS);
        load.go_on(50);
        Self { sim, redis, daemon, load }
    }

    /// Runs until the outage is told, and for a while after.
    fn fault(&mut self, name: &str, line: &str) {
        self.load.fault(name);
        self.daemon.wait_logged(line);
        self.load.go_on(WHILE);
    }

    /// Everything is a HIT again; nobody had an error, and the log is as it should be.
    fn recovered(self, lines: Lines) -> (Sim, Redis, Daemon) {
        self.daemon.wait_logged(lines.end());
        wait_all_hit(&self.daemon);
        self.load.finish(bound());
        lines.assert(&self.daemon);
        assert_eq!(self.daemon.logged(SECRET), 0, "{}", self.daemon.log());
        (self.sim, self.redis, self.daemon)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    Away,
    Refused,
}

impl Lines {
    fn end(self) -> &'static str {
        if self == Self::Away { "redis available again" } else { "redis accepts writes again" }
    }

    /// One outage of this kind, none of the other.
    #[track_caller]
    fn assert(self, daemon: &Daemon) {
        let away = (daemon.logged("redis unavailable"), daemon.logged("redis available again"));
        let refused = (daemon.logged("redis rejects writes"), daemon.logged("redis accepts writes again"));
        let wanted = if self == Self::Away { ((1, 1), (0, 0)) } else { ((0, 0), (1, 1)) };
        assert_eq!((away, refused), wanted, "{}", daemon.log());
    }
}

#[track_caller]
fn wait_all_hit(daemon: &Daemon) {
    wait_until("everything is a HIT", || PATHS.iter().all(|path| daemon.get(path).cache() == "HIT"));
}

fn generated_at(redis: &Redis) -> String {
    let stored: Value = serde_json::from_str(&redis.get("jbod:overview").expect("it is stored")).expect("JSON");
    stored["generated_at"].as_str().expect("a time").to_owned()
}

#[test]
fn a_redis_that_is_down_at_the_start() {
    let (sim, mut redis) = (Sim::small(), Redis::absent());
    let timeout = timeout();
    let started = Instant::now();
    let daemon = Daemon::start(&sim, &redis, &[("REDIS_TIMEOUT_MS", &timeout)]);
    println!("down at start: listens after {:?}", started.elapsed());
    daemon.wait_ready();
    println!("down at start: ready after {:?}", started.elapsed());
    let mut load = Load::start(daemon.port, &PATHS);
    load.fault("down at start");
    daemon.wait_logged("redis unavailable");
    load.go_on(WHILE);
    redis.up();
    Stage { sim, redis, daemon, load }.recovered(Lines::Away);
}

#[test]
fn a_redis_that_is_killed() {
    let mut stage = Stage::settled(Redis::start(), &[]);
    stage.redis.kill();
    stage.fault("killed", "redis unavailable");
    stage.redis.up();
    let (_, redis, _) = stage.recovered(Lines::Away);
    assert!(redis.keys().contains(&"jbod:smart:sda".to_owned()), "it is filled again: {:?}", redis.keys());
}

#[test]
fn a_redis_that_hangs() {
    let mut stage = Stage::settled(Redis::start(), &[]);
    stage.redis.signal(Signal::STOP);
    stage.fault("hangs", "redis unavailable");
    stage.redis.signal(Signal::CONT);
    stage.recovered(Lines::Away);
}

#[test]
fn a_redis_that_pauses_its_clients() {
    let mut stage = Stage::settled(Redis::start(), &[]);
    stage.redis.ask(&["CLIENT", "PAUSE", "4000"]);
    stage.fault("paused", "redis unavailable");
    stage.recovered(Lines::Away);
}

/// Who only reads notices nothing.
#[test]
fn a_redis_that_pauses_writes_only() {
    let mut stage = Stage::settled(Redis::start(), &[("SMART_POLL_INTERVAL", "1")]);
    stage.redis.ask(&["CLIENT", "PAUSE", "6000", "WRITE"]);
    stage.fault("writes paused", "redis rejects writes");
    stage.recovered(Lines::Refused);
}

#[test]
fn a_redis_with_more_clients_than_connections_that_stops_answering() {
    let stage = Stage::settled(Redis::start(), &[]);
    stage.redis.ask(&["CLIENT", "PAUSE", "4000"]);
    let port = stage.daemon.port;
    let crowd: Vec<_> = (0..64)
        .map(|number| std::thread::Builder::new().spawn(move || ask(&mut None, port, PATHS[number % PATHS.len()])))
        .map(|thread| thread.expect("a client"))
        .collect();
    let samples: Vec<_> = crowd.into_iter().map(|client| client.join().expect("a client ends")).collect();
    println!("64 at once, paused: {}", times(&samples.iter().collect::<Vec<_>>()));
    assert!(
        samples.iter().all(|sample| sample.status == 200 && sample.took < bound()),
        "{:?}",
        times(&samples.iter().collect::<Vec<_>>())
    );
    stage.recovered(Lines::Away);
}

/// Polls often, so that there is much to write.
const BUSY: [(&str, &str); 1] = [("SMART_POLL_INTERVAL", "2")];

/// Writes are refused, reads go on: all HITs, and hardly a command but reads.
#[track_caller]
fn writes_are_refused(redis: Redis, name: &str, begin: impl Fn(&Redis), end: impl Fn(&Redis)) {
    let mut stage = Stage::settled(redis, &BUSY);
    begin(&stage.redis);
    stage.load.fault(name);
    stage.daemon.wait_logged("redis rejects writes");
    let (from, before) = (Instant::now(), commands(&stage.redis));
    stage.load.go_on(2 * WHILE);
    let (answers, after) = (stage.load.since(from), commands(&stage.redis));
    let elapsed = from.elapsed().as_secs();
    assert!(
        answers.iter().all(|sample| sample.cache == "HIT"),
        "{:?}",
        answers.iter().find(|sample| sample.cache != "HIT").map(|sample| &sample.path)
    );
    let sets = after.0 - before.0;
    assert!((1..=4 + elapsed).contains(&sets), "{sets} trials in {elapsed} s");
    assert_eq!(after.1, before.1, "no lease is asked for");
    let stored = generated_at(&stage.redis);
    end(&stage.redis);
    let (_, redis, daemon) = stage.recovered(Lines::Refused);
    assert!(generated_at(&redis) > stored, "everything is published at once");
    // Longer than a cycle: nothing is refused any more.
    wait_until("the next sweep is stored", || generated_at(&redis) > stored);
    Lines::Refused.assert(&daemon);
}

/// SETs that were tried, refused ones too, and EVALs.
fn commands(redis: &Redis) -> (u64, u64) {
    let count = |command: &str| {
        let stats = redis.info("commandstats", &format!("cmdstat_{command}"));
        let field = |name: &str| {
            let value = stats.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
            value.and_then(|value| value.parse::<u64>().ok()).unwrap_or(0)
        };
        field("calls") + field("rejected_calls")
    };
    (count("set"), count("eval"))
}

#[test]
fn a_redis_that_is_full() {
    let full = |redis: &Redis| drop(redis.ask(&["CONFIG", "SET", "maxmemory", "1"]));
    writes_are_refused(Redis::start(), "out of memory", full, |redis| {
        redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    });
}

#[test]
fn a_redis_that_is_a_replica() {
    let replica = |redis: &Redis| drop(redis.ask(&["REPLICAOF", "127.0.0.1", "1"]));
    writes_are_refused(Redis::start(), "read only", replica, |redis| drop(redis.ask(&["REPLICAOF", "NO", "ONE"])));
}

#[test]
fn a_redis_that_cannot_save() {
    let unsavable = |redis: &Redis| {
        redis.ask(&["CONFIG", "SET", "save", "3600 1000000"]);
        std::fs::remove_dir_all(redis.dir()).expect("its folder goes");
        redis.ask(&["BGSAVE"]);
        wait_until("saving has failed", || redis.info("persistence", "rdb_last_bgsave_status") == "err");
    };
    writes_are_refused(Redis::start(), "cannot save", unsavable, |redis| {
        redis.ask(&["CONFIG", "SET", "stop-writes-on-bgsave-error", "no"]);
    });
}

const USER: [(&str, &str); 2] = [("REDIS_USERNAME", "jbod"), ("REDIS_PASSWORD", SECRET)];

/// The ACL user with the least permissions, as documented.
fn make_user(redis: &Redis) {
    let line = support::documented_line("docs/redis.md", "ACL SETUSER jbod ");
    let line = line.replace("PASSWORD", SECRET);
    let words: Vec<&str> = line.split(' ').collect();
    assert_eq!(redis.ask(&words), Reply::Text("OK".to_owned()), "{line}");
}

#[test]
fn a_redis_whose_user_may_not_write() {
    let redis = Redis::start();
    make_user(&redis);
    let mut stage = Stage::settled(redis, &[&USER[..], &BUSY].concat());
    assert_eq!(stage.redis.ask(&["ACL", "SETUSER", "jbod", "-set"]), Reply::Text("OK".to_owned()));
    let from = Instant::now();
    stage.fault("may not write", "redis rejects writes");
    assert!(stage.load.since(from).iter().all(|sample| sample.cache == "HIT"));
    stage.redis.ask(&["ACL", "SETUSER", "jbod", "+set"]);
    stage.recovered(Lines::Refused);
}

/// With the documented permissions nothing is refused, and no permission is missing.
#[test]
fn a_user_with_the_least_rights_is_enough() {
    let redis = Redis::start();
    make_user(&redis);
    let stage = Stage::settled(redis, &[&USER[..], &BUSY].concat());
    let stored = generated_at(&stage.redis);
    wait_until("the next sweep is stored", || generated_at(&stage.redis) > stored);
    assert_eq!(stage.redis.ask(&["ACL", "LOG"]), Reply::List(Vec::new()));
    let Stage { redis, daemon, load, .. } = stage;
    load.finish(bound());
    let (_, log) = daemon.stop(Signal::TERM);
    assert!(!log.contains("WARN") && !log.contains(SECRET), "{log}");
    assert!(!redis.keys().contains(&"jbod:lock:poll".to_owned()), "the lease is given back: {:?}", redis.keys());
    assert_eq!(redis.ask(&["ACL", "LOG"]), Reply::List(Vec::new()));
}

/// A user who was made before lists were looked at by their beginning.
#[test]
fn a_user_who_may_not_read_parts_of_values_has_them_whole() {
    let redis = Redis::start();
    make_user(&redis);
    redis.ask(&["ACL", "SETUSER", "jbod", "-getrange"]);
    let stage = Stage::settled(redis, &[&USER[..], &BUSY].concat());
    wait_all_hit(&stage.daemon);
    assert_eq!(stage.daemon.get("/api/overview").text(), stage.redis.get("jbod:overview").expect("a value"));
    stage.load.finish(bound());
    assert_eq!(stage.daemon.logged("permit +getrange"), 1, "{}", stage.daemon.log());
    assert_eq!(stage.daemon.logged("redis unavailable"), 0, "{}", stage.daemon.log());
}

/// The longest trouble of all: what Redis holds gets old, and the daemon knows better.
#[test]
fn while_nothing_is_taken_the_newer_reading_is_shown() {
    let settings = [("SMART_POLL_INTERVAL", "1"), ("SMART_CACHE_TTL", "2"), ("OVERVIEW_TTL", "2")];
    let stage = Stage::settled(Redis::start(), &settings);
    stage.redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    stage.daemon.wait_logged("redis rejects writes");
    stage.sim.set("sda", &["failed=true"]);
    stage.daemon.drive_when("sda", "its failure shows", |drive| drive["verdict"] == "crit");
    stage
        .daemon
        .overview_when("its failure shows in the overview", |overview| overview["totals"]["by_verdict"]["crit"] == 1);
    assert!(!stage.redis.get("jbod:last:smart:sda").expect("a copy").contains("\"verdict\":\"crit\""));
    stage.redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    stage.daemon.wait_logged("redis accepts writes again");
    eventually("it is stored", || redis_has(&stage.redis, "\"verdict\":\"crit\""));
    stage.load.finish(bound());
}

fn redis_has(redis: &Redis, text: &str) -> Option<()> {
    redis.get("jbod:last:smart:sda").filter(|value| value.contains(text)).map(drop)
}

/// Two daemons share nothing through a Redis that takes nothing: each polls.
#[test]
fn while_nothing_is_taken_each_daemon_polls_for_itself() {
    let settings = [("SMART_POLL_INTERVAL", "3"), ("REDIS_TIMEOUT_MS", "2000")];
    let (sim, redis) = (Sim::small(), Redis::start());
    let first = Daemon::ready(&sim, &redis, &settings);
    let second = Daemon::ready(&sim, &redis, &settings);
    second.wait_logged("became follower");
    redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    first.wait_logged("redis rejects writes");
    second.wait_logged("became leader");
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    for daemon in [&first, &second] {
        daemon.wait_logged("redis accepts writes again");
    }
    wait_until("one of them follows again", || first.logged("became follower") + second.logged("became follower") >= 2);
    wait_all_hit(&first);
    wait_all_hit(&second);
}

#[test]
fn a_replica_that_has_lost_its_master() {
    let mut stage = Stage::settled(Redis::start(), &[]);
    stage.redis.ask(&["CONFIG", "SET", "replica-serve-stale-data", "no"]);
    stage.redis.ask(&["REPLICAOF", "127.0.0.1", "1"]);
    stage.fault("master down", "redis unavailable");
    assert_eq!(stage.daemon.logged("MASTERDOWN"), 1, "{}", stage.daemon.log());
    stage.redis.ask(&["REPLICAOF", "NO", "ONE"]);
    stage.recovered(Lines::Away);
}

#[test]
fn a_redis_that_is_still_loading() {
    let redis = Redis::with(&["--enable-debug-command", "yes"]);
    let mut stage = Stage::settled(redis, &[]);
    stage.redis.ask(&["DEBUG", "POPULATE", "4000", "other", "100"]);
    stage.redis.ask(&["SAVE"]);
    stage.redis.kill();
    // A millisecond a key, and an answer (LOADING) in between.
    stage.redis.args =
        ["--key-load-delay", "1000", "--loading-process-events-interval-bytes", "2048"].map(str::to_owned).to_vec();
    stage.redis.begin();
    stage.load.fault("loading");
    stage.daemon.wait_logged("redis unavailable");
    eventually("it is loading", || match stage.redis.try_ask(&["GET", "jbod:overview"])? {
        Reply::Error(error) if error.starts_with("LOADING") => Some(()),
        _ => None,
    });
    stage.recovered(Lines::Away);
}

#[test]
fn a_redis_that_asks_for_a_password_from_now_on() {
    let mut stage = Stage::settled(Redis::start(), &[]);
    let mut link = stage.redis.link();
    link.ask(&["CONFIG", "SET", "requirepass", SECRET]);
    link.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    stage.fault("wants a password", "redis unavailable");
    assert_eq!(stage.daemon.logged("NOAUTH"), 1, "{}", stage.daemon.log());
    link.ask(&["CONFIG", "SET", "requirepass", ""]);
    stage.recovered(Lines::Away);
}

/// Each try stands in the ACL log, where others count them.
#[test]
fn a_wrong_password_is_tried_once_in_half_a_minute() {
    let redis = Redis::start();
    make_user(&redis);
    let mut stage = Stage::settled(redis, &USER);
    let mut link = stage.redis.link();
    link.ask(&["ACL", "SETUSER", "jbod", "resetpass", ">another"]);
    link.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    let began = Instant::now();
    stage.fault("wrong password", "redis unavailable");
    stage.load.go_on(2 * WHILE);
    let tries = refused_logins(&stage.redis);
    let most = 1 + began.elapsed().as_secs() / 30;
    assert!((1..=most).contains(&tries), "{tries} tries in {:?}", began.elapsed());
    assert_eq!(stage.daemon.logged("WRONGPASS"), 1, "{}", stage.daemon.log());
    link.ask(&["ACL", "SETUSER", "jbod", "resetpass", &format!(">{SECRET}")]);
    stage.recovered(Lines::Away);
}

/// It repeats what it does not understand.
#[test]
fn a_redis_that_repeats_the_password_is_not_quoted() {
    let (sim, redis) = (Sim::small(), Redis::with(&["--rename-command", "AUTH", ""]));
    let daemon = Daemon::ready(&sim, &redis, &[("REDIS_PASSWORD", SECRET), ("RUST_LOG", "trace")]);
    daemon.wait_logged("redis unavailable");
    assert_eq!(daemon.get("/api/overview").status, 200);
    assert_eq!((daemon.logged(SECRET), daemon.logged("unknown command")), (0, 1), "{}", daemon.log());
}

/// The counts of the ACL log's entries about logins.
fn refused_logins(redis: &Redis) -> u64 {
    let Reply::List(entries) = redis.ask(&["ACL", "LOG"]) else { panic!("ACL LOG gives a list") };
    let of_entry = |entry: &Reply| {
        let Reply::List(fields) = entry else { panic!("an entry is a list") };
        let field = |name: &str| {
            let at = fields.iter().position(|field| *field == Reply::Text(name.to_owned()))?;
            fields.get(at + 1)
        };
        match (field("reason"), field("count")) {
            (Some(Reply::Text(reason)), Some(Reply::Number(count))) if reason == "auth" => u64::try_from(*count).ok(),
            _ => None,
        }
    };
    entries.iter().filter_map(of_entry).sum()
}

#[test]
fn values_that_are_not_ours() {
    let stage = Stage::settled(Redis::start(), &[]);
    let before = memory_kb(&stage.daemon);
    let huge = vec![b'x'; 9_000_000];
    // Beyond what even many values may have together.
    let endless = vec![b'x'; 40_000_000];
    let junk: [&[u8]; 6] = [br#"{"schema":0}"#, b"\xff\xfe\x00", &huge, &endless, b"{\"", b""];
    for (value, drive) in junk.iter().zip(["sda", "sdb", "sdc", "sdd"]) {
        for key in [format!("jbod:smart:{drive}"), format!("jbod:last:smart:{drive}")] {
            stage.redis.set(&key, value);
        }
    }
    for value in junk.iter().filter(|value| value.len() < 10_000_000) {
        for key in ["jbod:overview", "jbod:last:overview", "jbod:enclosures", "jbod:zfs_map", "jbod:last:zfs_map"] {
            stage.redis.set(key, value);
        }
        wait_all_hit(&stage.daemon);
    }
    for drive in ["sda", "sdb", "sdc", "sdd"] {
        let path = format!("/api/drives/{drive}");
        wait_until("its value is ours again", || stage.daemon.get(&path).cache() == "HIT");
    }
    for key in ["jbod:overview", "jbod:last:overview", "jbod:zfs_map", "jbod:last:enclosures"] {
        stage.redis.ask(&["DEL", key]);
        stage.redis.ask(&["LPUSH", key, "x"]);
    }
    wait_all_hit(&stage.daemon);
    let Stage { sim, redis, daemon, load } = stage;
    load.finish(bound());
    assert_eq!(daemon.logged("redis unavailable") + daemon.logged("redis rejects writes"), 0, "{}", daemon.log());
    // One that nobody could take whole keeps the others from nobody, also at the start.
    redis.set("jbod:smart:sdd", &endless);
    redis.set("jbod:last:smart:sdd", &endless);
    let old: Value = serde_json::from_str(&redis.get("jbod:smart:sda").expect("a document")).expect("JSON");
    let serial = old["serial_number"].as_str().expect("a serial number");
    let starts = sim.starts_of(serial);
    let second = Daemon::start(&sim, &redis, &[("REDIS_TIMEOUT_MS", "2000")]);
    second.wait_logged("became follower");
    redis.ask(&["DEL", "jbod:overview", "jbod:last:overview"]);
    let known =
        second.overview_when("what is stored is known", |overview| overview["totals"]["by_state"]["active"] == 4);
    let is_old =
        |slot: &Value| slot["drive"]["serial_number"] == serial && slot["drive"]["collected_at"] == old["collected_at"];
    assert!(known["enclosures"][0]["slots"].as_array().expect("slots").iter().any(is_old), "{known}");
    assert_eq!(sim.starts_of(serial), starts, "it need not be read for that");
    let after = memory_kb(&daemon);
    println!("values that are not ours: {before} kB before, {after} kB at most");
    assert!(after < before + 200_000, "{before} kB before, {after} kB after");
}

/// The most that the process has had.
fn memory_kb(daemon: &Daemon) -> u64 {
    let path = format!("/proc/{}/status", daemon.pid().as_raw_nonzero());
    let status = std::fs::read_to_string(path).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}

#[test]
fn a_redis_that_is_flushed_all_the_time() {
    let mut stage = Stage::settled(Redis::start(), &[]);
    let drives = stage.sim.list().len();
    let before = stage.sim.starts().len();
    let mut link = stage.redis.link();
    stage.load.fault("flushed");
    let began = Instant::now();
    for _ in 0..40 {
        link.ask(&["FLUSHALL"]);
        stage.load.go_on(5);
    }
    // None for a sweep (they are 90 s apart), and for requests none more often than once in 10 s.
    let rounds = 1 + usize::try_from(began.elapsed().as_secs() / 10).expect("seconds");
    let starts = stage.sim.starts().len() - before;
    println!("flushed 40 times in {:?}: {starts} starts of smartctl on {drives} drives", began.elapsed());
    assert!(starts <= drives * rounds, "{starts} starts on {drives} drives");
    let Stage { daemon, load, .. } = stage;
    wait_all_hit(&daemon);
    load.finish(bound());
    assert_eq!(daemon.logged("redis unavailable"), 0, "{}", daemon.log());
}

/// It comes back with what it held a while ago; nobody is shown that in place of what was read since.
#[test]
fn a_redis_that_comes_back_with_older_values() {
    let mut stage = Stage::settled(Redis::start(), &[]);
    let (redis, daemon) = (&stage.redis, &stage.daemon);
    redis.ask(&["SAVE"]);
    let old = daemon.json("/api/drives/sda");
    stage.sim.set("sda", &["temperature=49"]);
    // A request reads it anew, at most once in 10 s.
    let new = eventually("it is read anew", || {
        redis.ask(&["DEL", "jbod:smart:sda", "jbod:last:smart:sda"]);
        Some(daemon.json("/api/drives/sda")).filter(|drive| drive["temperature_celsius"] == 49)
    });
    assert!(new["collected_at"].as_str() > old["collected_at"].as_str());
    eventually("it is stored", || redis.get("jbod:smart:sda"));
    stage.redis.kill();
    stage.fault("restarted with older values", "redis unavailable");
    stage.redis.up();
    let (_, redis, daemon) = stage.recovered(Lines::Away);
    let shown = eventually("the newer one is stored", || {
        let stored: Value = serde_json::from_str(&redis.get("jbod:smart:sda")?).ok()?;
        (stored["collected_at"] == new["collected_at"]).then_some(())?;
        Some(daemon.get("/api/drives/sda"))
    });
    let body = shown.json();
    assert_eq!((&body["temperature_celsius"], &body["collected_at"]), (&49.into(), &new["collected_at"]));
    let collected: jiff::Timestamp = body["collected_at"].as_str().expect("a time").parse().expect("RFC 3339");
    let age = u64::try_from(jiff::Timestamp::now().as_second() - collected.as_second()).expect("an age");
    assert!(age.abs_diff(shown.age()) <= 2, "Age {} is told, it is {age}", shown.age());
}

#[test]
fn a_redis_that_has_become_a_black_hole() {
    let mut stage = Stage::settled(Redis::start(), &[]);
    stage.redis.kill();
    let hole = BlackHole::at(stage.redis.port);
    stage.fault("black hole", "redis unavailable");
    drop(hole);
    stage.redis.up();
    stage.recovered(Lines::Away);
}

#[test]
fn a_redis_that_accepts_and_says_nothing() {
    let mut stage = Stage::settled(Redis::start(), &[]);
    stage.redis.kill();
    let silent = FakeRedis::silent(stage.redis.port);
    stage.fault("silent", "redis unavailable");
    drop(silent);
    stage.redis.up();
    stage.recovered(Lines::Away);
}

/// Each byte comes in time, the answer never does.
#[test]
fn what_answers_byte_by_byte_keeps_nobody_waiting() {
    let mut stage = Stage::settled(Redis::start(), &[]);
    stage.redis.kill();
    let slow = FakeRedis::trickle(stage.redis.port);
    stage.fault("trickles", "redis unavailable");
    wait_until("requests have met it", || stage.daemon.logged("redis unavailable") > 1);
    stage.load.go_on(WHILE);
    drop(slow);
    stage.redis.up();
    wait_all_hit(&stage.daemon);
    let Stage { daemon, load, .. } = stage;
    load.finish(bound());
    assert!(daemon.logged("redis unavailable") <= 20, "{}", daemon.log());
}

static MANY: [u8; 65_536] = [b'x'; 65_536];

/// What answers the trial well and everything else with nonsense is away again and again; the log
/// does not fill.
#[test]
fn what_is_no_redis_takes_no_memory_and_no_time() {
    let mut stage = Stage::settled(Redis::start(), &[]);
    let before = memory_kb(&stage.daemon);
    stage.redis.kill();
    let nonsense: [(&str, &'static [u8], &'static [u8]); 6] = [
        ("a thousand million parts", b"*1000000000\r\n", b""),
        ("parts without end", b"*1000000000\r\n", b":1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n"),
        ("a text without end", b"$1000000000\r\n", &MANY),
        ("a line without end", b"+", &MANY),
        ("another type", b":1\r\n", b""),
        ("another language", b"HTTP/1.1 400 Bad Request\r\n\r\n", b""),
    ];
    for (name, once, forever) in nonsense {
        let fake = FakeRedis::garbage(stage.redis.port, once, forever);
        stage.load.fault(name);
        wait_until("it is asked", || fake.connections.load(std::sync::atomic::Ordering::Acquire) > 1);
        stage.load.go_on(WHILE);
    }
    let after = memory_kb(&stage.daemon);
    println!("no redis: {before} kB before, {after} kB at most");
    assert!(after < before + 200_000, "{before} kB before, {after} kB after");
    stage.load.fault("redis again");
    stage.redis.up();
    wait_all_hit(&stage.daemon);
    let Stage { daemon, load, .. } = stage;
    load.finish(bound());
    let lines = daemon.logged("redis unavailable") + daemon.logged("redis rejects writes");
    assert!(lines <= 20, "{lines} lines: {}", daemon.log());
}

#[test]
fn a_redis_that_has_too_many_clients() {
    let mut stage = Stage::settled(Redis::start(), &[]);
    let mut link = stage.redis.link();
    link.ask(&["CONFIG", "SET", "maxclients", "1"]);
    link.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    stage.fault("too many clients", "redis unavailable");
    assert_eq!(stage.daemon.logged("max number of clients"), 1, "{}", stage.daemon.log());
    link.ask(&["CONFIG", "SET", "maxclients", "100"]);
    stage.recovered(Lines::Away);
}
