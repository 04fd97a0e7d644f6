//! What an answer costs, and that a cheap one is never wrong: a list is kept, also as gzip, and one check of its
//! version serves all requests that come at once; no answer is older than what Redis has.

use crate::support;

use flate2::read::GzDecoder;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Read as _;
use std::sync::atomic::{AtomicU64, Ordering};
use support::daemon::Daemon;
use support::http::{Client, Response};
use support::redis::Redis;
use support::sim::Sim;

/// Nothing is read or stored anew while a test looks; a busy machine must not look like an absent Redis.
const STILL: [(&str, &str); 5] = [
    ("SMART_POLL_INTERVAL", "3600"),
    ("OVERVIEW_TTL", "36000"),
    ("ENCLOSURES_TTL", "36000"),
    ("ZFS_TTL", "36000"),
    ("REDIS_TIMEOUT_MS", "5000"),
];
const LISTS: [(&str, &str); 3] =
    [("overview", "/api/overview"), ("enclosures", "/api/enclosures"), ("zfs_map", "/api/zfs")];
const GZIP: (&str, &str) = ("Accept-Encoding", "gzip");

/// A daemon whose lists are all stored.
fn settled(sim: &Sim, redis: &Redis) -> Daemon {
    let daemon = Daemon::ready(sim, redis, &STILL);
    for (_, path) in LISTS {
        support::eventually("it is stored", || (daemon.get(path).cache() == "HIT").then_some(()));
    }
    daemon
}

/// A daemon that shows what another has stored, and stores nothing itself.
fn follower(sim: &Sim, redis: &Redis) -> Daemon {
    drop(settled(sim, redis).stop(rustix::process::Signal::TERM));
    redis.set("jbod:lock:poll", b"another");
    settled(sim, redis)
}

fn unpacked(response: &Response) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(&response.body[..]).read_to_end(&mut plain).expect("gzip");
    plain
}

#[test]
fn a_list_costs_redis_a_look_and_not_its_body() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let daemon = settled(&sim, &redis);
    let body = daemon.get("/api/overview").body.len();
    let sent = || redis.info("stats", "total_net_output_bytes").parse::<usize>().expect("a number");
    let before = sent();
    let paths =
        ["/api/overview", "/api/overview?fields=summary", "/api/drives", "/api/drives?verdict=ok", "/api/map.txt"];
    for path in paths.into_iter().chain(LISTS.map(|(_, path)| path)).cycle().take(80) {
        for headers in [&[][..], &[GZIP]] {
            let response = daemon.request("GET", path, headers);
            assert_eq!((response.status, response.cache(), response.source()), (200, "HIT", "redis"), "{path}");
        }
    }
    // 160 answers; the poller's own and INFO's are in it, too.
    let each = (sent() - before) / 160;
    assert!(each < 500, "{each} bytes out of Redis for each answer; the overview has {body}");
}

#[test]
fn a_list_is_that_which_redis_has_now() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = follower(&sim, &redis);
    for (key, path) in LISTS {
        let key = format!("jbod:{key}");
        let stored = redis.get(&key).expect("a value");
        assert_eq!(daemon.get(path).text(), stored, "{path}");
        let version = daemon.json(path)["version"].as_str().expect("a version").to_owned();
        let host = format!("\"host\":{}", daemon.json(path)["host"]);
        for (name, other) in [
            // As another daemon would store it.
            ("other", stored.replace(&version, "00112233445566aa").replace(&host, "\"host\":\"other\"")),
            // As a daemon stores it that is older than versions are.
            ("older", stored.replace(&format!("\"version\":\"{version}\","), "").replace(&host, "\"host\":\"older\"")),
            ("again", stored.replace(&version, "00112233445566bb").replace(&host, "\"host\":\"again\"")),
        ] {
            redis.set(&key, other.as_bytes());
            for headers in [&[][..], &[GZIP]] {
                let response = daemon.request("GET", path, headers);
                let body = if headers.is_empty() { response.body.clone() } else { unpacked(&response) };
                assert_eq!(String::from_utf8_lossy(&body), other, "{path}");
                assert_eq!(response.cache(), "HIT", "{path} {name}");
            }
        }
        redis.set(&key, stored.as_bytes());
        assert_eq!(daemon.get(path).text(), stored, "{path}");
    }
}

/// Requests that come at once share a look at Redis; none may be answered with a look from before it came.
#[test]
fn nobody_is_answered_with_what_redis_had_before_they_asked() {
    const WRITES: u64 = 400;
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = follower(&sim, &redis);
    let stored = redis.get("jbod:overview").expect("a value");
    let version = daemon.json("/api/overview")["version"].as_str().expect("a version").to_owned();
    let host = format!("\"host\":{}", daemon.json("/api/overview")["host"]);
    let numbered = |number: u64| {
        stored.replace(&version, &format!("{number:016x}")).replace(&host, &format!("\"host\":\"{number}\""))
    };
    redis.set("jbod:overview", numbered(1).as_bytes());
    // Numbers up to this one have been in Redis.
    let (written, looked) = (AtomicU64::new(1), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = Client::connect(daemon.port).expect("a connection");
                loop {
                    let least = written.load(Ordering::SeqCst);
                    let response = client.request("GET", "/api/overview", &[]).expect("an answer");
                    assert_eq!(response.cache(), "HIT");
                    let seen: u64 =
                        response.json()["host"].as_str().and_then(|number| number.parse().ok()).expect("a number");
                    assert!(seen >= least, "asked when {least} was stored, and got {seen}");
                    looked.fetch_add(1, Ordering::SeqCst);
                    if least == WRITES {
                        return;
                    }
                }
            });
        }
        for n in 2..=WRITES {
            redis.set("jbod:overview", numbered(n).as_bytes());
            written.store(n, Ordering::SeqCst);
        }
    });
    assert!(looked.into_inner() >= 8);
}

#[test]
fn gzip_is_the_same_body_under_a_tag_of_its_own() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let daemon = settled(&sim, &redis);
    let device = daemon.json("/api/drives")["drives"][0]["device"].as_str().expect("a name").to_owned();
    let drive = format!("/api/drives/{device}");
    let shelf = daemon.json("/api/enclosures")["enclosures"][0]["id"].as_str().expect("an id").to_owned();
    let shelf = format!("/api/enclosures/{shelf}");
    let views = ["/api/overview?fields=summary", "/api/drives", "/api/drives?verdict=ok", &drive, &shelf];
    for path in LISTS.map(|(_, path)| path).into_iter().chain(views) {
        let plain = daemon.get(path);
        let packed = daemon.request("GET", path, &[("Accept-Encoding", "br, gzip;q=0.8")]);
        assert_eq!((plain.status, packed.status), (200, 200), "{path}");
        assert_eq!((plain.header("content-encoding"), packed.header("content-encoding")), ("", "gzip"), "{path}");
        assert!(unpacked(&packed) == plain.body && packed.body.len() < plain.body.len(), "{path}");
        assert_ne!(plain.header("etag"), packed.header("etag"), "{path}");
        for response in [&plain, &packed] {
            assert!(response.header("vary").contains("Accept-Encoding"), "{path}");
        }
        let tag = packed.header("etag");
        let same = daemon.request("GET", path, &[GZIP, ("If-None-Match", tag)]);
        assert_eq!((same.status, same.header("etag")), (304, tag), "{path}");
        let other = daemon.request("GET", path, &[("If-None-Match", tag)]);
        assert_eq!((other.status, &other.body), (200, &plain.body), "a tag of other bytes: {path}");
        let head = daemon.request("HEAD", path, &[GZIP]);
        assert_eq!(head.header("content-length"), packed.body.len().to_string(), "{path}");
        let refused = daemon.request("GET", path, &[("Accept-Encoding", "gzip;q=0")]);
        assert_eq!(refused.header("content-encoding"), "", "{path}");
    }
    let small = daemon.request("GET", &format!("/api/whereis/{device}"), &[GZIP]);
    assert_eq!((small.header("content-encoding"), small.header("vary")), ("", "Accept, Accept-Encoding"));
}

#[test]
fn the_overview_in_short_says_of_every_bay_what_the_whole_says() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let daemon = settled(&sim, &redis);
    let (whole, short) = (daemon.json("/api/overview"), daemon.get("/api/overview?fields=summary"));
    assert!(short.body.len() * 5 < daemon.get("/api/overview").body.len(), "{} bytes", short.body.len());
    let short = short.json();
    for field in ["schema", "host", "topology", "generated_at", "collected_at", "verdict", "totals", "sweep", "pools"] {
        assert_eq!(short[field], whole[field], "{field}");
    }
    let bays = |body: &Value| -> BTreeSet<String> {
        let of = |shelf: &Value| {
            let slots = shelf["slots"].as_array().expect("slots").clone();
            let id = shelf["id"].clone();
            slots.into_iter().map(move |slot| {
                let drive = &slot["drive"];
                let told = ["device", "state", "verdict", "stale"].map(|field| drive[field].to_string());
                format!("{id} {} {}", slot["slot"], told.join(" "))
            })
        };
        body["enclosures"].as_array().expect("enclosures").iter().flat_map(of).collect()
    };
    assert_eq!(bays(&short), bays(&whole));
    let verdicts = |body: &Value| -> Vec<Value> {
        body["enclosures"].as_array().expect("enclosures").iter().map(|shelf| shelf["verdict"].clone()).collect()
    };
    assert!(verdicts(&whole).iter().all(Value::is_string), "{whole}");
    assert_eq!(verdicts(&short), verdicts(&whole));
    assert!(bays(&whole).len() > 40, "{:?}", bays(&whole));
}

/// Who has a list and asks whether it is still the one is told when it has grown old meanwhile.
#[test]
fn a_list_that_has_grown_old_is_another_one() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = follower(&sim, &redis);
    let fresh = daemon.get("/api/overview");
    redis.ask(&["DEL", "jbod:overview"]);
    for headers in [vec![], vec![GZIP], vec![("If-None-Match", fresh.header("etag"))]] {
        let old = daemon.request("GET", "/api/overview", &headers);
        assert_eq!((old.status, old.cache()), (200, "STALE"), "{headers:?}");
        let body = if headers.contains(&GZIP) { unpacked(&old) } else { old.body.clone() };
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        assert!(support::json::drives(&body).all(|drive| drive["stale"] == true), "{body}");
        assert_ne!(body["version"], fresh.json()["version"]);
        assert_ne!(old.header("etag"), fresh.header("etag"));
    }
}
