//! Faults of Redis, each under a steady load of requests: no request fails or waits for several timeouts in a row, the log
//! reports the outage once, and everything is stored again afterwards.
//!
//! `cargo test --test it redis_faults -- --nocapture` prints the response times in the first second of each fault and
//! after it. The tests only assert that no request has waited for several timeouts.

use crate::support;
use crate::support::{wait_for, wait_until};

use rustix::process::Signal;
use serde_json::Value;
use std::time::{Duration, Instant};
use support::daemon::Daemon;
use support::eventually;
use support::fake_redis::{BlackHole, FakeRedis};
use support::json::drive;
use support::load::{Load, ask, times};
use support::redis::{Redis, Reply};
use support::sim::Sim;

const PATHS: [&str; 5] = ["/api/overview", "/api/drives/sda", "/api/enclosures", "/api/zfs", "/api/drives"];
const SECRET: &str = "0pen-sesame";
/// Responses that are awaited while a fault lasts, which takes a second and a half.
const WHILE: usize = 75;

/// Long enough for a busy machine, and short enough that a request which has waited for several of them is noticed. Set
/// the variable to the default of the daemon to measure response times.
fn timeout() -> String {
    std::env::var("TEST_REDIS_TIMEOUT_MS").unwrap_or_else(|_| "1000".to_owned())
}

/// A response that took longer has waited for several timeouts.
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
    /// A daemon under load that has stored everything in Redis.
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

    /// Continues until the log has `line`, and for a while after that.
    fn fault(&mut self, name: &str, line: &str) {
        self.load.fault(name);
        self.daemon.wait_logged(line);
        self.load.go_on(WHILE);
    }

    /// Waits until every response is a HIT again. No request failed, and the log has the expected lines.
    fn recovered(self, lines: OutageLines) -> (Sim, Redis, Daemon) {
        self.daemon.wait_logged(lines.end());
        wait_all_hit(&self.daemon);
        self.load.finish(bound());
        lines.assert(&self.daemon);
        assert_eq!(self.daemon.logged(SECRET), 0, "{}", self.daemon.log());
        (self.sim, self.redis, self.daemon)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OutageLines {
    Unavailable,
    RejectsWrites,
}

impl OutageLines {
    fn end(self) -> &'static str {
        if self == Self::Unavailable { "redis available again" } else { "redis accepts writes again" }
    }

    /// One outage of this kind, and none of the other.
    #[track_caller]
    fn assert(self, daemon: &Daemon) {
        let unavailable = (daemon.logged("redis unavailable"), daemon.logged("redis available again"));
        let rejects = (daemon.logged("redis rejects writes"), daemon.logged("redis accepts writes again"));
        let wanted = if self == Self::Unavailable { ((1, 1), (0, 0)) } else { ((0, 0), (1, 1)) };
        assert_eq!((unavailable, rejects), wanted, "{}", daemon.log());
    }
}

#[track_caller]
fn wait_all_hit(daemon: &Daemon) {
    wait_until("every response is a HIT", || PATHS.iter().all(|path| daemon.get(path).cache() == "HIT"));
}

fn generated_at(redis: &Redis) -> String {
    let stored: Value = serde_json::from_str(&redis.get("jbod:overview").expect("an overview")).expect("JSON");
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
    Stage { sim, redis, daemon, load }.recovered(OutageLines::Unavailable);
}

#[test]
fn a_redis_that_is_killed() {
    let mut stage = Stage::settled(Redis::start(), &[]);
    stage.redis.kill();
    stage.fault("killed", "redis unavailable");
    stage.redis.up();
    let (_, redis, _) = stage.recovered(OutageLines::Unavailable);
    assert!(redis.keys().contains(&"jbod:smart:sda".to_owned()), "it is filled again: {:?}", redis.keys());
}

#[test]
fn a_redis_that_hangs() {
    let mut stage = Stage::settled(Redis::start(), &[]);
    stage.redis.signal(Signal::STOP);
    stage.fault("hangs", "redis unavailable");
    stage.redis.signal(Signal::CONT);
    stage.recovered(OutageLines::Unavailable);
}

#[test]
fn a_redis_that_pauses_its_clients() {
    let mut stage = Stage::settled(Redis::start(), &[]);
    stage.redis.ask(&["CLIENT", "PAUSE", "4000"]);
    stage.fault("paused", "redis unavailable");
    stage.recovered(OutageLines::Unavailable);
}

/// Reads are not affected.
#[test]
fn a_redis_that_pauses_writes_only() {
    let mut stage = Stage::settled(Redis::start(), &[("SMART_POLL_INTERVAL", "1")]);
    stage.redis.ask(&["CLIENT", "PAUSE", "6000", "WRITE"]);
    stage.fault("writes paused", "redis rejects writes");
    stage.recovered(OutageLines::RejectsWrites);
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
    let times = times(&samples.iter().collect::<Vec<_>>());
    println!("64 at once, paused: {times}");
    assert!(samples.iter().all(|sample| sample.status == 200 && sample.took < bound()), "{times}");
    stage.recovered(OutageLines::Unavailable);
}

/// Short sweeps, so that there are many writes.
const BUSY: [(&str, &str); 1] = [("SMART_POLL_INTERVAL", "2")];

/// While Redis rejects writes, every response is a HIT, and few commands are writes. `begin` and `end` cause and end the
/// fault.
#[track_caller]
fn assert_reads_continue(redis: Redis, name: &str, begin: fn(&Redis), end: fn(&Redis)) {
    let mut stage = Stage::settled(redis, &BUSY);
    begin(&stage.redis);
    stage.load.fault(name);
    stage.daemon.wait_logged("redis rejects writes");
    let (from, before) = (Instant::now(), commands(&stage.redis));
    stage.load.go_on(2 * WHILE);
    let (responses, after) = (stage.load.since(from), commands(&stage.redis));
    let elapsed = from.elapsed().as_secs();
    for response in responses {
        assert_eq!(response.cache, "HIT", "{}", response.path);
    }
    let sets = after.sets - before.sets;
    assert!((1..=4 + elapsed).contains(&sets), "{sets} attempts in {elapsed} s");
    assert_eq!(after.evals, before.evals, "the lease was requested");
    let stored = generated_at(&stage.redis);
    end(&stage.redis);
    let (_, redis, daemon) = stage.recovered(OutageLines::RejectsWrites);
    assert!(generated_at(&redis) > stored, "the lists were not stored at the end of the outage");
    // After a complete sweep there is no further line about rejected writes.
    wait_until("the next sweep is stored", || generated_at(&redis) > stored);
    OutageLines::RejectsWrites.assert(&daemon);
}

struct Commands {
    sets: u64,
    evals: u64,
}

/// The SET and EVAL commands so far, with those that Redis rejected.
fn commands(redis: &Redis) -> Commands {
    Commands { sets: calls(redis, "set"), evals: calls(redis, "eval") }
}

/// `calls=8,usec=…,rejected_calls=1,failed_calls=0` in `INFO commandstats`. There is no line for a command that was never
/// received.
fn calls(redis: &Redis, command: &str) -> u64 {
    let mut calls = 0;
    for field in redis.info("commandstats", &format!("cmdstat_{command}")).split(',') {
        if let Some(("calls" | "rejected_calls", count)) = field.split_once('=') {
            calls += count.parse::<u64>().expect("a number");
        }
    }
    calls
}

#[test]
fn a_redis_that_is_full() {
    assert_reads_continue(
        Redis::start(),
        "out of memory",
        |redis| drop(redis.ask(&["CONFIG", "SET", "maxmemory", "1"])),
        |redis| drop(redis.ask(&["CONFIG", "SET", "maxmemory", "0"])),
    );
}

#[test]
fn a_redis_that_is_a_replica() {
    assert_reads_continue(
        Redis::start(),
        "read only",
        |redis| drop(redis.ask(&["REPLICAOF", "127.0.0.1", "1"])),
        |redis| drop(redis.ask(&["REPLICAOF", "NO", "ONE"])),
    );
}

fn fail_to_save(redis: &Redis) {
    redis.ask(&["CONFIG", "SET", "save", "3600 1000000"]);
    std::fs::remove_dir_all(redis.dir()).expect("the directory of Redis is removed");
    redis.ask(&["BGSAVE"]);
    wait_until("saving has failed", || redis.info("persistence", "rdb_last_bgsave_status") == "err");
}

#[test]
fn a_redis_that_cannot_save() {
    assert_reads_continue(Redis::start(), "cannot save", fail_to_save, |redis| {
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
    stage.recovered(OutageLines::RejectsWrites);
}

/// With the documented permissions no command is rejected.
#[test]
fn a_user_with_the_documented_permissions_is_sufficient() {
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
    assert!(!redis.keys().contains(&"jbod:lock:poll".to_owned()), "the lease was not released: {:?}", redis.keys());
    assert_eq!(redis.ask(&["ACL", "LOG"]), Reply::List(Vec::new()));
}

/// An ACL user from before GETRANGE was used.
#[test]
fn a_user_without_getrange_receives_whole_values() {
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

/// The values in Redis become old, and the daemon has newer readings.
#[test]
fn while_writes_are_rejected_newer_readings_are_shown() {
    let settings = [("SMART_POLL_INTERVAL", "1"), ("SMART_CACHE_TTL", "2"), ("OVERVIEW_TTL", "2")];
    let stage = Stage::settled(Redis::start(), &settings);
    stage.redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    stage.daemon.wait_logged("redis rejects writes");
    stage.sim.set("sda", &["failed=true"]);
    stage.daemon.drive_when("sda", "the failure is shown", |drive| drive["verdict"] == "crit");
    stage.daemon.overview_when("the failure is shown in the overview", |overview| {
        overview["totals"]["by_verdict"]["crit"] == 1
    });
    assert!(!stage.redis.get("jbod:last:smart:sda").expect("a copy").contains("\"verdict\":\"crit\""));
    stage.redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    stage.daemon.wait_logged("redis accepts writes again");
    stage.redis.wait_stored("jbod:last:smart:sda", "\"verdict\":\"crit\"");
    stage.load.finish(bound());
}

/// Without writes there is no lease, and no daemon receives the readings of another one.
#[test]
fn while_writes_are_rejected_each_daemon_polls() {
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
    stage.recovered(OutageLines::Unavailable);
}

#[test]
fn a_redis_that_is_still_loading() {
    let redis = Redis::with(&["--enable-debug-command", "yes"]);
    let mut stage = Stage::settled(redis, &[]);
    stage.redis.ask(&["DEBUG", "POPULATE", "4000", "other", "100"]);
    stage.redis.ask(&["SAVE"]);
    stage.redis.kill();
    // A millisecond for each key, with replies (LOADING) in between.
    stage.redis.args =
        ["--key-load-delay", "1000", "--loading-process-events-interval-bytes", "2048"].map(str::to_owned).to_vec();
    stage.redis.begin();
    stage.load.fault("loading");
    stage.daemon.wait_logged("redis unavailable");
    wait_until("Redis is loading", || {
        let reply = stage.redis.try_ask(&["GET", "jbod:overview"]);
        matches!(reply, Some(Reply::Error(error)) if error.starts_with("LOADING"))
    });
    stage.recovered(OutageLines::Unavailable);
}

#[test]
fn a_redis_that_begins_to_require_a_password() {
    let mut stage = Stage::settled(Redis::start(), &[]);
    let mut link = stage.redis.link();
    link.ask(&["CONFIG", "SET", "requirepass", SECRET]);
    link.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    stage.fault("wants a password", "redis unavailable");
    assert_eq!(stage.daemon.logged("NOAUTH"), 1, "{}", stage.daemon.log());
    link.ask(&["CONFIG", "SET", "requirepass", ""]);
    stage.recovered(OutageLines::Unavailable);
}

/// Every attempt is an entry in the ACL log, which other programs may monitor.
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
    let attempts = rejected_logins(&stage.redis);
    let most = 1 + began.elapsed().as_secs() / 30;
    assert!((1..=most).contains(&attempts), "{attempts} attempts in {:?}", began.elapsed());
    assert_eq!(stage.daemon.logged("WRONGPASS"), 1, "{}", stage.daemon.log());
    link.ask(&["ACL", "SETUSER", "jbod", "resetpass", &format!(">{SECRET}")]);
    stage.recovered(OutageLines::Unavailable);
}

/// An error about an unknown command contains its arguments.
#[test]
fn an_error_of_redis_with_the_password_is_not_logged() {
    let (sim, redis) = (Sim::small(), Redis::with(&["--rename-command", "AUTH", ""]));
    let daemon = Daemon::ready(&sim, &redis, &[("REDIS_PASSWORD", SECRET), ("RUST_LOG", "trace")]);
    daemon.wait_logged("redis unavailable");
    assert_eq!(daemon.get("/api/overview").status, 200);
    assert_eq!((daemon.logged(SECRET), daemon.logged("unknown command")), (0, 1), "{}", daemon.log());
}

/// The sum of the counts of the entries about logins in the ACL log.
fn rejected_logins(redis: &Redis) -> u64 {
    let Reply::List(entries) = redis.ask(&["ACL", "LOG"]) else { panic!("the reply to ACL LOG is not a list") };
    let mut sum = 0;
    for entry in &entries {
        let Reply::List(fields) = entry else { panic!("an entry is not a list: {entry:?}") };
        if field(fields, "reason") == Some(&Reply::Text("auth".to_owned())) {
            let Some(Reply::Number(count)) = field(fields, "count") else { panic!("no count: {entry:?}") };
            sum += u64::try_from(*count).expect("a count");
        }
    }
    sum
}

/// The element after the name, in a list of names and values.
fn field<'a>(fields: &'a [Reply], name: &str) -> Option<&'a Reply> {
    let at = fields.iter().position(|field| *field == Reply::Text(name.to_owned()))?;
    fields.get(at + 1)
}

#[test]
fn foreign_values_are_overwritten_and_take_little_memory() {
    let stage = Stage::settled(Redis::start(), &[]);
    let before = memory_kb(&stage.daemon);
    let huge = vec![b'x'; 9_000_000];
    // More than the limit for all values of one reply.
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
        wait_until("the drive has its own value again", || stage.daemon.get(&path).cache() == "HIT");
    }
    for key in ["jbod:overview", "jbod:last:overview", "jbod:zfs_map", "jbod:last:enclosures"] {
        stage.redis.ask(&["DEL", key]);
        stage.redis.ask(&["LPUSH", key, "x"]);
    }
    wait_all_hit(&stage.daemon);
    let Stage { sim, redis, daemon, load } = stage;
    load.finish(bound());
    assert_eq!(daemon.logged("redis unavailable") + daemon.logged("redis rejects writes"), 0, "{}", daemon.log());
    // At the start, a value above the limit does not prevent the others from being read.
    redis.set("jbod:smart:sdd", &endless);
    redis.set("jbod:last:smart:sdd", &endless);
    let old: Value = serde_json::from_str(&redis.get("jbod:smart:sda").expect("a document")).expect("JSON");
    let serial = old["serial_number"].as_str().expect("a serial number");
    let starts = sim.starts_of(serial);
    let second = Daemon::start(&sim, &redis, &[("REDIS_TIMEOUT_MS", "2000")]);
    second.wait_logged("became follower");
    redis.ask(&["DEL", "jbod:overview", "jbod:last:overview"]);
    let known =
        second.overview_when("the stored drives are known", |overview| overview["totals"]["by_state"]["active"] == 4);
    assert_eq!(drive(&known, serial)["collected_at"], old["collected_at"], "{known}");
    assert_eq!(sim.starts_of(serial), starts, "the drive was read");
    let after = memory_kb(&daemon);
    println!("foreign values: {before} kB before, {after} kB at most");
    assert!(after < before + 200_000, "{before} kB before, {after} kB after");
}

/// The peak memory of the process.
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
    // No sweep starts in this time (the interval is 90 s), and requests read a drive at most once in 10 s.
    let rounds = 1 + usize::try_from(began.elapsed().as_secs() / 10).expect("seconds");
    let starts = stage.sim.starts().len() - before;
    println!("flushed 40 times in {:?}: {starts} starts of smartctl on {drives} drives", began.elapsed());
    assert!(starts <= drives * rounds, "{starts} starts on {drives} drives");
    let Stage { daemon, load, .. } = stage;
    wait_all_hit(&daemon);
    load.finish(bound());
    assert_eq!(daemon.logged("redis unavailable"), 0, "{}", daemon.log());
}

/// A restored Redis has older values than the daemon; they do not replace newer readings.
#[test]
fn a_redis_that_returns_with_older_values() {
    let mut stage = Stage::settled(Redis::start(), &[]);
    let (redis, daemon) = (&stage.redis, &stage.daemon);
    redis.ask(&["SAVE"]);
    let old = daemon.json("/api/drives/sda");
    stage.sim.set("sda", &["temperature=49"]);
    // Requests read a drive at most once in 10 s.
    let ask = || {
        redis.ask(&["DEL", "jbod:smart:sda", "jbod:last:smart:sda"]);
        daemon.json("/api/drives/sda")
    };
    let new = wait_for("the drive is read again", ask, |drive| drive["temperature_celsius"] == 49);
    assert!(new["collected_at"].as_str() > old["collected_at"].as_str());
    eventually("the drive is stored", || redis.get("jbod:smart:sda"));
    stage.redis.kill();
    stage.fault("restarted with older values", "redis unavailable");
    stage.redis.up();
    let (_, redis, daemon) = stage.recovered(OutageLines::Unavailable);
    redis.wait_stored("jbod:smart:sda", &format!("\"collected_at\":{}", new["collected_at"]));
    let shown = daemon.get("/api/drives/sda");
    let body = shown.json();
    assert_eq!((&body["temperature_celsius"], &body["collected_at"]), (&49.into(), &new["collected_at"]));
    let collected: jiff::Timestamp = body["collected_at"].as_str().expect("a time").parse().expect("RFC 3339");
    let age = u64::try_from(jiff::Timestamp::now().as_second() - collected.as_second()).expect("an age");
    assert!(age.abs_diff(shown.age()) <= 2, "Age is {}, expected {age}", shown.age());
}

#[test]
fn a_redis_that_becomes_a_black_hole() {
    let mut stage = Stage::settled(Redis::start(), &[]);
    stage.redis.kill();
    let hole = BlackHole::at(stage.redis.port);
    stage.fault("black hole", "redis unavailable");
    drop(hole);
    stage.redis.up();
    stage.recovered(OutageLines::Unavailable);
}

#[test]
fn a_redis_that_accepts_and_does_not_reply() {
    let mut stage = Stage::settled(Redis::start(), &[]);
    stage.redis.kill();
    let silent = FakeRedis::silent(stage.redis.port);
    stage.fault("silent", "redis unavailable");
    drop(silent);
    stage.redis.up();
    stage.recovered(OutageLines::Unavailable);
}

/// Every byte arrives within the timeout, and the reply never ends.
#[test]
fn a_reply_that_arrives_byte_by_byte_delays_no_response() {
    let mut stage = Stage::settled(Redis::start(), &[]);
    stage.redis.kill();
    let slow = FakeRedis::trickle(stage.redis.port);
    stage.fault("trickles", "redis unavailable");
    wait_until("requests have connected to it", || stage.daemon.logged("redis unavailable") > 1);
    stage.load.go_on(WHILE);
    drop(slow);
    stage.redis.up();
    wait_all_hit(&stage.daemon);
    let Stage { daemon, load, .. } = stage;
    load.finish(bound());
    assert!(daemon.logged("redis unavailable") <= 20, "{}", daemon.log());
}

static MANY: [u8; 65_536] = [b'x'; 65_536];

/// A server that passes the probe and answers everything else with invalid replies is unavailable again and again, which
/// does not fill the log.
#[test]
fn invalid_replies_take_little_memory_and_delay_no_response() {
    let mut stage = Stage::settled(Redis::start(), &[]);
    let before = memory_kb(&stage.daemon);
    stage.redis.kill();
    let invalid: [(&str, &'static [u8], &'static [u8]); 6] = [
        ("an array of 10^9 elements", b"*1000000000\r\n", b""),
        ("elements without end", b"*1000000000\r\n", b":1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n"),
        ("a string without end", b"$1000000000\r\n", &MANY),
        ("a line without end", b"+", &MANY),
        ("another type", b":1\r\n", b""),
        ("another protocol", b"HTTP/1.1 400 Bad Request\r\n\r\n", b""),
    ];
    for (name, once, forever) in invalid {
        let fake = FakeRedis::garbage(stage.redis.port, once, forever);
        stage.load.fault(name);
        wait_until("the daemon connects", || fake.connections.load(std::sync::atomic::Ordering::Acquire) > 1);
        stage.load.go_on(WHILE);
    }
    let after = memory_kb(&stage.daemon);
    println!("invalid replies: {before} kB before, {after} kB at most");
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
    stage.recovered(OutageLines::Unavailable);
}
