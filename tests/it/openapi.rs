//! `/openapi.json` is compared with the types that are served and with responses of the daemon: every response matches
//! the document and has no other fields, and every field of the document has a value in some response. `docs/api.md` is
//! generated from the document.
//!
//! `OPENAPI=accept cargo test --test it openapi` writes both.

use crate::support;

mod document;
mod reference;
mod responses;

use crate::helpers::{array, in_repository, serials, string};
use crate::support::wait_until;
use document::document;
use responses::Responses;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
use serde_json::Value;
use std::io::Write as _;
use std::net::TcpStream;
use support::daemon::Daemon;
use support::eventually;
use support::golden;
use support::http::Client;
use support::json::list;
use support::redis::Redis;
use support::sim::Sim;

/// Nothing is read again during a test.
const ONCE: (&str, &str) = ("SMART_POLL_INTERVAL", "3600");

/// Fields that have no value in any response here.
const UNSEEN: [&str; 5] = [
    // Always null: the kernel does not read it from the enclosure.
    "SlotView.active",
    // smartctl 7.5 and later report it for ATA drives; the simulator does not.
    "DriveDoc.power_mode",
    // smartctl 7.5 and later have it in JSON; the simulator only in text.
    "ScsiDetail.non_medium_errors",
    // SCT, which the simulated drives lack.
    "TemperatureLimits.limit_max_celsius",
    // A leaf without a drive has no device.
    "Unmatched.device",
];

/// Path in the repository, and expected content.
fn generated_files() -> [(&'static str, String); 2] {
    let document = document();
    [("src/http/openapi.json", format!("{document}\n")), ("docs/api.md", reference::reference(&document))]
}

#[test]
fn the_document_and_the_reference_are_current() {
    let accept = std::env::var("OPENAPI").as_deref() == Ok("accept");
    let mut outdated = Vec::new();
    for (path, wanted) in generated_files() {
        let file = in_repository(path);
        if accept {
            std::fs::write(&file, &wanted).expect("written");
        }
        if std::fs::read_to_string(&file).unwrap_or_default() != wanted {
            outdated.push(path);
        }
    }
    assert!(outdated.is_empty(), "outdated (OPENAPI=accept cargo test --test it openapi writes them): {outdated:?}");
}

#[test]
fn every_field_has_a_description_and_is_required() {
    let document = document();
    let mut problems = Vec::new();
    for (name, schema) in document["components"]["schemas"].as_object().expect("schemas") {
        if !schema["description"].is_string() {
            problems.push(format!("{name} has no description"));
        }
        let Some(properties) = schema["properties"].as_object() else { continue };
        for (field, property) in properties {
            if !property["description"].is_string() {
                problems.push(format!("{name}.{field} has no description"));
            }
            if !list(schema, "required").any(|required| required == field) {
                problems.push(format!("{name}.{field} is always sent, but not required"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_document_is_served_like_other_responses() {
    let (sim, redis) = (Sim::small(), Redis::absent());
    let token = sim.root().join("token");
    std::fs::write(&token, "s3cret\n").expect("a token");
    let daemon = Daemon::start(&sim, &redis, &[ONCE, ("JBOD_TOKEN_FILE", &token.to_string_lossy())]);
    let bearer = ("Authorization", "Bearer s3cret");
    let mut responses = Responses::new(document());

    let first = responses.request(&daemon, "GET", "/openapi.json", &[bearer]);
    assert_eq!((first.status, first.header("content-type")), (200, "application/json"));
    assert!(first.json() == document(), "the document is that in the repository");
    let tag = first.header("etag").to_owned();
    let second = responses.request(&daemon, "GET", "/openapi.json", &[bearer, ("If-None-Match", &tag)]);
    assert_eq!((second.status, second.body.len()), (304, 0));
    let packed = responses.request(&daemon, "GET", "/openapi.json", &[bearer, ("Accept-Encoding", "gzip")]);
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert!(packed.header("etag") != tag && packed.body.len() < first.body.len());
    for (headers, status) in [(vec![], 401), (vec![("Authorization", "Bearer other")], 401), (vec![bearer], 200)] {
        for path in responses.paths() {
            let path = path.replace("{id}", "nothing").replace("{anything}", "nothing");
            let response = responses.request(&daemon, "GET", &path, &headers);
            assert!(status == 200 || response.status == status, "{path}: {}", response.status);
        }
    }
}

#[test]
fn every_response_matches_the_document_and_every_field_occurs() {
    let mut responses = Responses::new(document());
    drives_for_each_rule(&mut responses);
    a_small_rack_with_problems(&mut responses);
    lost_paths(&mut responses);
    a_follower(&mut responses);
    an_excluded_drive(&mut responses);
    a_drive_without_a_decided_bay(&mut responses);
    a_drive_in_a_bay_without_a_number(&mut responses);
    an_empty_host(&mut responses);
    refusals(&mut responses);
    let unseen: Vec<String> =
        responses.unseen().into_iter().filter(|field| !UNSEEN.contains(&field.as_str())).collect();
    assert!(unseen.is_empty(), "fields without a value in any response:\n{}", unseen.join("\n"));
    let missing = responses.missing();
    assert!(missing.is_empty(), "responses of the document that did not occur:\n{}", missing.join("\n"));
}

/// Every kind of drive, shelf and pool, with Redis.
fn drives_for_each_rule(responses: &mut Responses) {
    let (sim, _) = golden::host();
    for drive in sim.list().iter().filter(|drive| drive["kind"] == "sas") {
        sim.set(string(drive, "serial"), &["smart_off=true"]);
    }
    let redis = Redis::start();
    let daemon = Daemon::ready(&sim, &redis, &[("SMART_TIMEOUT", "5"), ONCE]);
    responses.check_all_paths(&daemon);
    let overview = daemon.json("/api/overview");
    for drive in support::json::drives(&overview) {
        let id = string(drive, "serial_number");
        assert_eq!(responses.request(&daemon, "GET", &format!("/api/drives/{id}"), &[]).status, 200);
    }
    assert_eq!(responses.request(&daemon, "GET", "/api/overview?fields=summary", &[]).status, 200);
    for (filter, value) in [("verdict", "crit"), ("pool", "tank"), ("enclosure", "nosuch")] {
        assert_eq!(responses.request(&daemon, "GET", &format!("/api/drives?{filter}={value}"), &[]).status, 200);
    }
}

/// An unresponsive drive, missing drives, an unresponsive enclosure, and no Redis.
fn a_small_rack_with_problems(responses: &mut Responses) {
    let sim = Sim::small();
    let mut redis = Redis::start();
    sim.raid(&["--host", "perc", "--disks", "1"]);
    // Two drives of a mirror, a spare, and one in no pool. The disk behind the controller has no bay.
    let mut drives = sim.list();
    drives.retain(|drive| drive["bay"].is_u64());
    let [hanging, replaced, spare, free] = [0, 1, 2, 3].map(|index| string(&drives[index], "serial"));
    sim.set(hanging, &["hang=true"]);
    sim.set(&format!("leaf/{replaced}"), &["note=(resilvering)", &format!("replacing={free}")]);
    sim.set(&format!("leaf/{spare}"), &["note=currently in use"]);
    sim.set("pool/tank", &["scan=rebuilding"]);
    let settings = [
        ("SMART_TIMEOUT", "1"),
        ("SMART_POLL_INTERVAL", "2"),
        ("SMART_CACHE_TTL", "10"),
        ("SMART_DEVICE_TYPES", "sde=megaraid,0"),
    ];
    let daemon = Daemon::start(&sim, &redis, &settings);
    // Before the first sweep.
    responses.check_all_paths(&daemon);
    daemon.wait_ready();
    responses.check_all_paths(&daemon);
    sim.set("enclosure/0", &["silent=true"]);
    sim.pull(&[replaced]);
    daemon.overview_when("a drive is missing", |overview| overview["totals"]["by_state"]["missing"] == 1);
    wait_unmatched(&daemon, "note");
    responses.check_all_paths(&daemon);
    // Without a note zpool prints what the leaf was. It is run again when a drive is removed.
    sim.set(&format!("leaf/{replaced}"), &["note="]);
    sim.pull(&[spare]);
    wait_unmatched(&daemon, "was");
    daemon.overview_when("the enclosure is unresponsive", |overview| !overview["enclosures"][0]["error"].is_null());
    responses.check_all_paths(&daemon);
    redis.kill();
    wait_until("Redis is unavailable", || daemon.get("/healthz").text().contains("redis"));
    responses.check_all_paths(&daemon);
    sim.shelf(&["enclosure/0", "gone"]);
    daemon.overview_when("the enclosure is missing", |overview| !overview["enclosures"][0]["missing_since"].is_null());
    daemon.drive_when(free, "its bay is the last known one", |drive| !drive["bay_as_of"].is_null());
    responses.check_all_paths(&daemon);
    for drive in support::json::drives(&daemon.json("/api/overview")) {
        let device = string(drive, "device");
        responses.request(&daemon, "GET", &format!("/api/drives/{device}"), &[]);
    }
}

/// Waits for a leaf without a drive that has this field.
#[track_caller]
fn wait_unmatched(daemon: &Daemon, field: &str) {
    wait_until("a leaf has no drive", || {
        let zfs = daemon.json("/api/zfs");
        array(&zfs, "unmatched").iter().any(|leaf| !leaf[field].is_null())
    });
}

/// Two daemons of one host: the second one follows.
fn a_follower(responses: &mut Responses) {
    let (sim, redis) = (Sim::small(), Redis::start());
    let _leader = Daemon::ready(&sim, &redis, &[ONCE]);
    let follower = Daemon::ready(&sim, &redis, &[ONCE]);
    wait_until("the follower has a leader", || !follower.json("/api/health")["leader"].is_null());
    responses.check_all_paths(&follower);
}

/// A failed path and a missing one.
fn lost_paths(responses: &mut Responses) {
    let sim = Sim::host(&["--enclosures", "1", "--bays", "2", "--drives", "1", "--paths", "2", "--nvme", "0"]);
    let serial = serials(&sim)[0].clone();
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "1")]);
    sim.set(&serial, &["path0=fails"]);
    check_when_a_path_is(responses, &daemon, &serial, "failed");
    sim.set(&serial, &["path0="]);
    sim.pull(&[&serial, "--path", "1"]);
    check_when_a_path_is(responses, &daemon, &serial, "missing");
}

/// Checks the document of the drive when it has a path with that status.
fn check_when_a_path_is(responses: &mut Responses, daemon: &Daemon, serial: &str, status: &str) {
    daemon.drive_when(serial, status, |drive| list(drive, "path_states").any(|path| path["status"] == status));
    responses.request(daemon, "GET", &format!("/api/drives/{serial}"), &[]);
}

fn an_excluded_drive(responses: &mut Responses) {
    let (sim, redis) = (Sim::small(), Redis::absent());
    let daemon = Daemon::ready(&sim, &redis, &[ONCE, ("JBOD_EXCLUDE", "sdb")]);
    responses.check_all_paths(&daemon);
}

fn drives_in_bays(sim: &Sim) -> Vec<Value> {
    sim.list().into_iter().filter(|drive| drive["enclosure"] == 0).collect()
}

/// Two bays have a link to the drive, with the same time.
fn a_drive_without_a_decided_bay(responses: &mut Responses) {
    let (sim, redis) = (Sim::small(), Redis::absent());
    let drives = drives_in_bays(&sim);
    let serial = string(&drives[0], "serial");
    sim.set(&format!("bay/0/{}", drives[1]["bay"]), &[&format!("link={serial}")]);
    let time = Timespec { tv_sec: 1_000_000, tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    for module in sim.root().join("sys/class/enclosure").read_dir().expect("modules").flatten() {
        for bay in module.path().read_dir().expect("bays").flatten() {
            // A bay without a drive has no link.
            let _ = utimensat(CWD, bay.path().join("device"), &times, AtFlags::SYMLINK_NOFOLLOW);
        }
    }
    let daemon = Daemon::ready(&sim, &redis, &[ONCE]);
    daemon.drive_when(serial, "its bay is not decided", |drive| !drive["contradiction"].is_null());
    responses.check_all_paths(&daemon);
    responses.request(&daemon, "GET", &format!("/api/drives/{serial}"), &[]);
}

/// Two bays have the same number, and the number of a third bay differs from that in its name.
fn a_drive_in_a_bay_without_a_number(responses: &mut Responses) {
    let (sim, redis) = (Sim::small(), Redis::absent());
    let drives = drives_in_bays(&sim);
    sim.set(&format!("bay/0/{}", drives[0]["bay"]), &[&format!("slot={}", drives[1]["bay"])]);
    sim.set(&format!("bay/0/{}", drives[2]["bay"]), &["slot=77"]);
    let daemon = Daemon::ready(&sim, &redis, &[ONCE]);
    let serial = string(&drives[0], "serial");
    daemon.drive_when(serial, "its bay has a name only", |drive| drive["slot_name"].is_string());
    responses.check_all_paths(&daemon);
    responses.request(&daemon, "GET", &format!("/api/drives/{serial}"), &[]);
}

/// No drives, enclosures, pools, smartctl or Redis.
fn an_empty_host(responses: &mut Responses) {
    let (sim, redis) = (Sim::empty(), Redis::absent());
    let daemon = Daemon::start(&sim, &redis, &[ONCE]);
    responses.check_all_paths(&daemon);
    wait_until("the overview is served", || daemon.get("/api/overview").status == 200);
    responses.check_all_paths(&daemon);
}

fn refusals(responses: &mut Responses) {
    let (sim, redis) = (Sim::small(), Redis::absent());
    let daemon = Daemon::start(&sim, &redis, &[ONCE, ("JBOD_MAX_CONNECTIONS", "1")]);
    for (path, status) in [
        ("/api/drives?verdict=good", 400),
        ("/api/drives?color=red", 400),
        ("/api/overview?x=1", 400),
        ("/api/drives/%zz", 400),
        ("/api/drives/nosuch", 404),
        ("/api/enclosures/nosuch", 404),
        ("/api/whereis/nosuch", 404),
    ] {
        let response = eventually("a connection is free", || {
            let response = daemon.request("GET", path, &[]);
            (response.status != 503).then_some(response)
        });
        responses.check("GET", path, &response);
        assert_eq!(response.status, status, "{path}");
    }
    let long = format!("GET /api/overview HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    for (request, status) in [
        ("DELETE /api/overview HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        ("GET /api/overview HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n", 421),
        ("GET /api/overview HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", 400),
        ("GET /api/overview HTTP/2.0\r\nHost: localhost\r\n\r\n", 505),
        (&long, 431),
    ] {
        let response = eventually("a connection is free", || {
            let response = Client::connect(daemon.port)?.raw(request.as_bytes(), false)?;
            (response.status != 503).then_some(response)
        });
        responses.check("GET", "/api/overview", &response);
        assert_eq!(response.status, status, "{request}");
    }
    // An incomplete request takes the only connection, so that the next one is refused.
    eventually("a request is refused", || {
        let mut stream = TcpStream::connect(("127.0.0.1", daemon.port)).ok()?;
        stream.write_all(b"GET /api").ok()?;
        let response = Client::connect(daemon.port)?.request("GET", "/api/overview", &[])?;
        if response.status != 503 {
            return None;
        }
        responses.check("GET", "/api/overview", &response);
        Some(())
    });
}
