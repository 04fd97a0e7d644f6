//! Hostile replies of what should be a Redis: none takes memory beyond what its request may have, none makes one
//! request after the other wait, and all the while everybody is answered from memory.

use crate::support;
use crate::wait::wait_until;

use std::sync::atomic::Ordering;
use std::time::Duration;
use support::daemon::Daemon;
use support::fake_redis::{Asked, FakeRedis, Part, hang_up, part};
use support::http::Client;
use support::redis::Redis;
use support::sim::Sim;

const CLIENTS: usize = 4;
const REQUESTS: usize = 50;
/// The daemon of a small host has some 20 MiB in a debug build, and each client may have a list on its way.
const PEAK_KIB: usize = 48 * 1024;
/// Before there are clients.
const FIRST_PEAK_KIB: usize = 32 * 1024;
const PAUSE: Duration = Duration::from_millis(20);

/// Ten million parts of three bytes: 30 MB on the wire.
const MANY: usize = 10_000_000;
static TEXT: [u8; 65_536] = [b'x'; 65_536];

/// A reply in parts.
struct Case {
    name: &'static str,
    parts: Vec<Part>,
    /// A drive's document of that size is refused as soon as it is announced.
    only_lists: bool,
}

fn cases() -> Vec<Case> {
    let many = |bytes| Part { pause: Duration::ZERO, bytes, count: MANY };
    let later = |bytes| Part { pause: PAUSE, bytes, count: 1 };
    let case = |name, parts| Case { name, parts, only_lists: false };
    vec![
        case("an announcement in two pieces", vec![part(b"*"), later(b"10000000\r\n"), many(b"_\r\n")]),
        case("an announcement byte by byte", vec![part(b"*1"), later(b"0"), later(b"000000\r\n"), many(b":1\r\n")]),
        case("nil of RESP2", vec![part(b"*"), later(b"10000000\r\n"), many(b"$-1\r\n")]),
        case("an inner list", vec![part(b"*1\r\n*10000000\r\n"), many(b"_\r\n")]),
        case("many levels", vec![Part { pause: PAUSE, bytes: b"*1\r\n", count: 1_000_000 }]),
        case("a map of RESP3", vec![part(b"%"), later(b"5000000\r\n"), many(b"_\r\n")]),
        case("a document that stops", vec![part(b"$200000\r\n"), part(&TEXT)]),
        case("a number for a text", vec![part(b":1\r\n")]),
        case("an end that comes late", vec![hang_up(Duration::from_millis(200))]),
        case("more than was asked for", vec![part(b"$1\r\nx\r\n$1\r\ny\r\n")]),
        Case {
            name: "a list that stops",
            parts: vec![part(b"$1060000\r\n"), Part { pause: Duration::ZERO, bytes: &TEXT, count: 16 }],
            only_lists: true,
        },
    ]
}

/// Each client asks for a drive of its own and for a list, over and over; all are answered. How many not from memory.
fn ask_all(daemon: &Daemon, only_lists: bool) -> usize {
    let ask = |number: usize| {
        let drive = format!("/api/drives/sd{}", ["a", "b", "c", "d"][number]);
        let first = if only_lists { "/api/zfs" } else { drive.as_str() };
        let mut client = Client::connect(daemon.port).expect("the daemon accepts");
        let mut others = 0;
        for path in [first, "/api/overview"].into_iter().cycle().take(REQUESTS) {
            let response = client.request("GET", path, &[]).expect("an answer");
            assert_eq!(response.status, 200, "{path}: {}", response.text());
            others += usize::from(response.source() != "memory");
        }
        others
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|number| scope.spawn(move || ask(number))).collect();
        clients.into_iter().map(|client| client.join().expect("a client ends")).sum()
    })
}

/// What is wrong with it, if anything is. Requests that are under way when one of them finds out have asked, too: that
/// many each time that the breaker has closed.
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
    // A list takes two: its beginning is looked at first. One client more is the poller.
    if reads > 2 * (CLIENTS + 1) * closed {
        faults.push(format!("{name}: {reads} reads, the breaker closed {closed} times"));
    }
    // Who has waited for the live copy waits for no other.
    if last > closed {
        faults.push(format!("{name}: {last} reads of last-known copies, the breaker closed {closed} times"));
    }
    if daemon.logged("redis unavailable") + daemon.logged("redis rejects writes") == 0 {
        faults.push(format!("{name}: the log says nothing of it"));
    }
    faults
}

fn hostile_replies(timeout: &str) {
    let (sim, mut redis) = (Sim::small(), Redis::start());
    // No sweep comes in between.
    let settings = [("REDIS_TIMEOUT_MS", timeout), ("SMART_POLL_INTERVAL", "3600")];
    let mut wrong = Vec::new();
    redis.kill();
    for Case { name, parts, only_lists } in cases() {
        redis.up();
        let daemon = Daemon::ready(&sim, &redis, &settings);
        wait_until("all is stored", || daemon.get("/api/drives/sdd").cache() == "HIT");
        redis.kill();
        daemon.forget_peak();
        let (fake, asked) = FakeRedis::hostile(redis.port, parts);
        // The port has changed hands: connections that are gone are found out first.
        daemon.get("/api/overview");
        let others = ask_all(&daemon, only_lists);
        // Without Redis each drive is read once for the first who asks.
        if others > CLIENTS {
            wrong.push(format!("{name} at {timeout} ms: {others} answers were not from memory"));
        }
        wrong.extend(faults(&format!("{name} at {timeout} ms"), &asked, &daemon));
        drop(fake);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn hostile_replies_take_no_memory_and_no_time() {
    hostile_replies("250");
}

#[test]
fn with_a_long_timeout_hostile_replies_take_no_more() {
    hostile_replies("1000");
}

/// Before it serves anything the daemon asks for many values at once.
#[test]
fn a_hostile_reply_at_the_start_takes_no_memory() {
    let (sim, redis) = (Sim::small(), Redis::absent());
    let many = |bytes| Part { pause: Duration::ZERO, bytes, count: MANY };
    let mut wrong = Vec::new();
    for (name, parts) in [
        ("a list within the list", vec![part(b"*2\r\n*10000000\r\n"), many(b"_\r\n")]),
        ("lists within the list", vec![part(b"*2\r\n"), many(b"*1\r\n")]),
        ("numbers", vec![part(b"*"), Part { pause: PAUSE, bytes: b"10000000\r\n", count: 1 }, many(b":1\r\n")]),
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
