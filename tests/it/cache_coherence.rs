//! The response cache: lists are kept in memory, plain and as gzip, and concurrent requests share one version check. No
//! response is older than the value in Redis at the time of its request.

use crate::support;

use crate::helpers::{array, string};
use crate::support::wait_until;
use flate2::read::GzDecoder;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Read as _;
use std::sync::atomic::{AtomicU64, Ordering};
use support::daemon::Daemon;
use support::http::{Client, Response};
use support::redis::Redis;
use support::sim::Sim;

/// Nothing is read or stored again during a test. The long timeout keeps a busy machine from making Redis unavailable.
const STATIC: [(&str, &str); 5] = [
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
fn with_stored_lists(sim: &Sim, redis: &Redis) -> Daemon {
    let daemon = Daemon::ready(sim, redis, &STATIC);
    for (_, path) in LISTS {
        wait_until("the list is stored", || daemon.get(path).cache() == "HIT");
    }
    daemon
}

/// A daemon that serves the lists of an earlier leader, and stores nothing itself.
fn follower(sim: &Sim, redis: &Redis) -> Daemon {
    with_stored_lists(sim, redis).stop(rustix::process::Signal::TERM);
    redis.set("jbod:lock:poll", b"another");
    with_stored_lists(sim, redis)
}

fn unpacked(response: &Response) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(&response.body[..]).read_to_end(&mut plain).expect("gzip");
    plain
}

#[test]
fn an_unchanged_list_is_not_fetched_from_redis_again() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let daemon = with_stored_lists(&sim, &redis);
    let body = daemon.get("/api/overview").body.len();
    let before = bytes_sent(&redis);
    let paths =
        ["/api/overview", "/api/overview?fields=summary", "/api/drives", "/api/drives?verdict=ok", "/api/map.txt"];
    for path in paths.into_iter().chain(LISTS.map(|(_, path)| path)).cycle().take(80) {
        for headers in [&[][..], &[GZIP]] {
            let response = daemon.request("GET", path, headers);
            assert_eq!((response.status, response.cache(), response.source()), (200, "HIT", "redis"), "{path}");
        }
    }
    // The requests of the poller and INFO are counted too.
    let per_response = (bytes_sent(&redis) - before) / 160;
    assert!(per_response < 500, "{per_response} bytes from Redis for each response; the overview has {body}");
}

fn bytes_sent(redis: &Redis) -> usize {
    redis.info("stats", "total_net_output_bytes").parse().expect("a number")
}

#[test]
fn a_list_is_the_one_that_redis_has_now() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = follower(&sim, &redis);
    for (key, path) in LISTS {
        let key = format!("jbod:{key}");
        let stored = redis.get(&key).expect("a value");
        assert_eq!(daemon.get(path).text(), stored, "{path}");
        let version = daemon.json(path)["version"].as_str().expect("a version").to_owned();
        let host = format!("\"host\":{}", daemon.json(path)["host"]);
        for (name, other) in [
            ("other", stored.replace(&version, "00112233445566aa").replace(&host, "\"host\":\"other\"")),
            // Daemons before the introduction of versions stored lists without one.
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

/// Concurrent requests share a version check. A request must not get the result of a check that began before it.
#[test]
fn no_response_shows_a_value_from_before_its_request() {
    const WRITES: u64 = 400;
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = follower(&sim, &redis);
    let stored = redis.get("jbod:overview").expect("a value");
    let version = daemon.json("/api/overview")["version"].as_str().expect("a version").to_owned();
    let host = format!("\"host\":{}", daemon.json("/api/overview")["host"]);
    let write = |number: u64| {
        let numbered = stored.replace(&version, &format!("{number:016x}"));
        redis.set("jbod:overview", numbered.replace(&host, &format!("\"host\":\"{number}\"")).as_bytes());
    };
    write(1);
    // The largest number that has been written to Redis.
    let written = AtomicU64::new(1);
    let responses = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = Client::connect(daemon.port).expect("a connection");
                loop {
                    let least = written.load(Ordering::SeqCst);
                    let response = client.request("GET", "/api/overview", &[]).expect("an answer");
                    assert_eq!(response.cache(), "HIT");
                    let seen: u64 = string(&response.json(), "host").parse().expect("a number");
                    assert!(seen >= least, "{least} was stored before the request, which got {seen}");
                    responses.fetch_add(1, Ordering::SeqCst);
                    if least == WRITES {
                        return;
                    }
                }
            });
        }
        for number in 2..=WRITES {
            write(number);
            written.store(number, Ordering::SeqCst);
        }
    });
    assert!(responses.into_inner() >= 8);
}

#[test]
fn gzip_is_the_same_body_with_a_separate_entity_tag() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let daemon = with_stored_lists(&sim, &redis);
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
        assert_eq!((other.status, &other.body), (200, &plain.body), "the tag of the gzip body: {path}");
        let head = daemon.request("HEAD", path, &[GZIP]);
        assert_eq!(head.header("content-length"), packed.body.len().to_string(), "{path}");
        let refused = daemon.request("GET", path, &[("Accept-Encoding", "gzip;q=0")]);
        assert_eq!(refused.header("content-encoding"), "", "{path}");
    }
    let small = daemon.request("GET", &format!("/api/whereis/{device}"), &[GZIP]);
    assert_eq!((small.header("content-encoding"), small.header("vary")), ("", "Accept, Accept-Encoding"));
}

#[test]
fn the_summary_agrees_with_the_overview_about_every_bay() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let daemon = with_stored_lists(&sim, &redis);
    let (full, summary) = (daemon.get("/api/overview"), daemon.get("/api/overview?fields=summary"));
    assert!(summary.body.len() * 5 < full.body.len(), "{} bytes", summary.body.len());
    let (full, summary) = (full.json(), summary.json());
    for field in ["schema", "host", "topology", "generated_at", "collected_at", "verdict", "totals", "sweep", "pools"] {
        assert_eq!(summary[field], full[field], "{field}");
    }
    assert_eq!(bays(&summary), bays(&full));
    assert!(verdicts(&full).iter().all(|verdict| verdict.is_string()), "{full}");
    assert_eq!(verdicts(&summary), verdicts(&full));
    assert!(bays(&full).len() > 40, "{:?}", bays(&full));
}

/// Every bay with the fields of its drive that the summary has.
fn bays(overview: &Value) -> BTreeSet<String> {
    let mut bays = BTreeSet::new();
    for enclosure in array(overview, "enclosures") {
        for slot in array(enclosure, "slots") {
            let fields = ["device", "state", "verdict", "stale"].map(|field| slot["drive"][field].to_string());
            bays.insert(format!("{} {} {}", enclosure["id"], slot["slot"], fields.join(" ")));
        }
    }
    bays
}

fn verdicts(overview: &Value) -> Vec<&Value> {
    array(overview, "enclosures").iter().map(|enclosure| &enclosure["verdict"]).collect()
}

/// A client that revalidates a list must notice that it has become stale.
#[test]
fn a_list_that_has_become_stale_has_another_entity_tag() {
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
