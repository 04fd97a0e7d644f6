//! Hostile replies in place of those of Redis: memory stays within the limits, requests do not wait one after the other,
//! and all of them are answered from memory.

use crate::support;
use crate::support::wait_until;

use std::sync::atomic::Ordering;
use std::time::Duration;
use support::daemon::Daemon;
use support::fake_redis::{Asked, FakeRedis, Part, hang_up, part};
use support::http::Client;
use support::redis::Redis;
use support::sim::Sim;

const CLIENTS: usize = 4;
const REQUESTS: usize = 50;
/// A debug build takes about 20 MiB on a small host, and one list for each client.
const PEAK_KIB: usize = 48 * 1024;
/// The limit without clients.
const FIRST_PEAK_KIB: usize = 32 * 1024;
const PAUSE: Duration = Duration::from_millis(20);

/// Ten million elements of three bytes each are 30 MB.
const MANY: usize = 10_000_000;
static TEXT: [u8; 65_536] = [b'x'; 65_536];

/// A reply in parts.
struct Case {
    name: &'static str,
    parts: Vec<Part>,
    /// The announced size is beyond the limit of a drive's document, which is rejected at once.
    only_lists: bool,
}

const fn many(bytes: &'static [u8]) -> Part {
    Part { pause: Duration::ZERO, bytes, count: MANY }
}

const fn later(bytes: &'static [u8]) -> Part {
    Part { pause: PAUSE, bytes, count: 1 }
}

const fn case(name: &'static str, parts: Vec<Part>) -> Case {
    Case { name, parts, only_lists: false }
}

fn cases() -> Vec<Case> {
    vec![
        case("an announcement in two pieces", vec![part(b"*"), later(b"10000000\r\n"), many(b"_\r\n")]),
        case("an announcement byte by byte", vec![part(b"*1"), later(b"0"), later(b"000000\r\n"), many(b":1\r\n")]),
        case("nil of RESP2", vec![part(b"*"), later(b"10000000\r\n"), many(b"$-1\r\n")]),
        case("an inner list", vec![part(b"*1\r\n*10000000\r\n"), many(b"_\r\n")]),
        case("many levels", vec![Part { pause: PAUSE, bytes: b"*1\r\n", count: 1_000_000 }]),
        case("a map of RESP3", vec![part(b"%"), later(b"5000000\r\n"), many(b"_\r\n")]),
        case("a document that stops", vec![part(b"$200000\r\n"), part(&TEXT)]),
        case("a number in place of a string", vec![part(b":1\r\n")]),
        case("a connection that is closed late", vec![hang_up(Duration::from_millis(200))]),
        case("more replies than requests", vec![part(b"$1\r\nx\r\n$1\r\ny\r\n")]),
        Case {
            name: "a list that stops",
            parts: vec![part(b"$1060000\r\n"), Part { pause: Duration::ZERO, bytes: &TEXT, count: 16 }],
            only_lists: true,
        },
    ]
}

/// Requests a list and `first` alternately. Returns how many responses were not from memory.
fn responses_not_from_memory(port: u16, first: &str) -> usize {
    let mut client = Client::connect(port).expect("the daemon accepts");
    let mut others = 0;
    for path in [first, "/api/overview"].into_iter().cycle().take(REQUESTS) {
        let response = client.request("GET", path, &[]).expect("a response");
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        others += usize::from(response.source() != "memory");
    }
    others
}

/// The same for several clients at once, each of which requests a list and a drive of its own.
fn ask_all(port: u16, only_lists: bool) -> usize {
    let drives = ["/api/drives/sda", "/api/drives/sdb", "/api/drives/sdc", "/api/drives/sdd"];
    let first: [&str; CLIENTS] = if only_lists { ["/api/zfs"; CLIENTS] } else { drives };
    std::thread::scope(|scope| {
        let clients = first.map(|path| scope.spawn(move || responses_not_from_memory(port, path)));
        clients.into_iter().map(|client| client.join().expect("a client ends")).sum()
    })
}

/// What is wrong, if anything. Each time the circuit breaker closes, every request that is in progress may read from Redis
/// until one of them notices the fault.
fn faults(name: &str, asked: &Asked, daemon: &Daemon) -> Vec<String> {
    let closed = 1 + daemon.logged("redis available again");
    let (reads, last) = (asked.reads.load(Ordering::Acquire), asked.last.load(Ordering::Acquire));
    let peak = daemon.vitals().peak_kib;
    println!(
        "{name}: {peak} KiB at most, {reads} reads, {last} of last-known copies; the breaker closed {closed} times"
    );
    let mut faults = Vec::new();
    if peak >= PEAK_KIB {
        faults.push(format!("{name}: {peak} KiB"));
    }
    // A list takes two reads: of its beginning, then of the whole. The poller counts as one more client.
    if reads > 2 * (CLIENTS + 1) * closed {
        faults.push(format!("{name}: {reads} reads, the breaker closed {closed} times"));
    }
    // A request that has waited for the live copy does not wait for the last-known copy.
    if last > closed {
        faults.push(format!("{name}: {last} reads of last-known copies, the breaker closed {closed} times"));
    }
    // A request that finds Redis unavailable may be answered from memory before the outage is logged.
    wait_until(&format!("{name}: the outage is logged"), || {
        daemon.logged("redis unavailable") + daemon.logged("redis rejects writes") > 0
    });
    faults
}

fn hostile_replies(timeout: &str) {
    let (sim, mut redis) = (Sim::small(), Redis::start());
    // No second sweep starts during the test.
    let settings = [("REDIS_TIMEOUT_MS", timeout), ("SMART_POLL_INTERVAL", "3600")];
    let mut wrong = Vec::new();
    redis.kill();
    for Case { name, parts, only_lists } in cases() {
        redis.up();
        let daemon = Daemon::ready(&sim, &redis, &settings);
        wait_until("the drive is stored", || daemon.get("/api/drives/sdd").cache() == "HIT");
        redis.kill();
        daemon.forget_peak();
        let (fake, asked) = FakeRedis::hostile(redis.port, parts);
        // Another server has the port now: this request notices that the connections are closed.
        daemon.get("/api/overview");
        let others = ask_all(daemon.port, only_lists);
        // Without Redis, the first request for a drive reads it.
        if others > CLIENTS {
            wrong.push(format!("{name} at {timeout} ms: {others} responses were not from memory"));
        }
        wrong.extend(faults(&format!("{name} at {timeout} ms"), &asked, &daemon));
        drop(fake);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn hostile_replies_take_little_memory_and_delay_no_response() {
    hostile_replies("250");
}

#[test]
fn hostile_replies_with_a_long_timeout_take_no_more() {
    hostile_replies("1000");
}

/// Before it serves, the daemon reads many values at once.
#[test]
fn hostile_replies_at_the_start_take_little_memory() {
    let (sim, redis) = (Sim::small(), Redis::absent());
    let mut wrong = Vec::new();
    for (name, parts) in [
        ("a list within the list", vec![part(b"*2\r\n*10000000\r\n"), many(b"_\r\n")]),
        ("lists within the list", vec![part(b"*2\r\n"), many(b"*1\r\n")]),
        ("numbers", vec![part(b"*"), later(b"10000000\r\n"), many(b":1\r\n")]),
    ] {
        let (fake, _) = FakeRedis::hostile(redis.port, parts);
        let settings = [("REDIS_TIMEOUT_MS", "1000"), ("SMART_POLL_INTERVAL", "3600")];
        let daemon = Daemon::ready(&sim, &redis, &settings);
        daemon.wait_logged("redis unavailable");
        let peak = daemon.vitals().peak_kib;
        println!("{name}: {peak} KiB at most");
        if peak >= FIRST_PEAK_KIB {
            wrong.push(format!("{name}: {peak} KiB"));
        }
        drop(daemon);
        drop(fake);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
