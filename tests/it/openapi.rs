//! `/openapi.json` against the types that are served and against what the daemon says: every answer is as the
//! document has it, with no field besides, and every field of the document is seen in an answer. `docs/api.md` is
//! the document for people.
//!
//! `OPENAPI=accept cargo test --test it openapi` writes both anew.

use crate::support;

mod answers;

mod document;

mod reference;

use answers::Answers;
use document::document;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use support::daemon::Daemon;
use support::eventually;
use support::golden;
use support::http::Client;
use support::redis::Redis;
use support::sim::Sim;

/// Nothing is read anew while a test looks.
const ONCE: (&str, &str) = ("SMART_POLL_INTERVAL", "3600");

/// Fields that no answer here gives a value.
const UNSEEN: [&str; 5] = [
    // Always null: the kernel does not ask shelves for it.
    "SlotView.active",
    // smartctl says it of ATA drives from 7.5 on; the simulated ones do not.
    "DriveDoc.power_mode",
    // smartctl says it in JSON from 7.5 on; the simulator only in text.
    "ScsiDetail.non_medium_errors",
    // SCT, which the simulated drives lack.
    "TemperatureLimits.limit_max_celsius",
    // Without a drive by what it is.
    "Unmatched.device",
];

/// In the repository, and what it has to hold.
fn papers() -> [(&'static str, String); 2] {
    let document = document();
    [("src/http/openapi.json", format!("{document}\n")), ("docs/api.md", reference::reference(&document))]
}

#[test]
fn the_document_and_the_reference_are_those_of_the_types() {
    let accept = std::env::var("OPENAPI").is_ok_and(|word| word == "accept");
    let mut old = Vec::new();
    for (path, wanted) in papers() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        if accept {
            std::fs::write(&file, &wanted).expect("written");
        }
        if std::fs::read_to_string(&file).unwrap_or_default() != wanted {
            old.push(path);
        }
    }
    assert!(old.is_empty(), "not those of the types (OPENAPI=accept cargo test --test it openapi): {old:?}");
}

#[test]
fn every_field_says_what_it_is_and_whether_it_may_be_unknown() {
    let document = document();
    let mut bare = Vec::new();
    for (name, schema) in document["components"]["schemas"].as_object().expect("schemas") {
        if !schema["description"].is_string() {
            bare.push(name.clone());
        }
        let Some(properties) = schema["properties"].as_object() else { continue };
        let required: BTreeSet<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (field, of) in properties {
            if !of["description"].is_string() {
                bare.push(format!("{name}.{field} has no description"));
            }
            if !required.contains(field.as_str()) {
                bare.push(format!("{name}.{field} is always sent, and not required"));
            }
        }
    }
    assert!(bare.is_empty(), "{}", bare.join("\n"));
}

#[test]
fn the_document_is_given_out_as_other_answers_are() {
    let (sim, redis) = (Sim::small(), Redis::absent());
    let token = sim.root().join("token");
    std::fs::write(&token, "s3cret\n").expect("a token");
    let daemon = Daemon::start(&sim, &redis, &[ONCE, ("JBOD_TOKEN_FILE", &token.to_string_lossy())]);
    let bearer = ("Authorization", "Bearer s3cret");
    let mut answers = Answers::new(document());

    let first = answers.look(&daemon, "GET", "/openapi.json", &[bearer]);
    assert_eq!((first.status, first.header("content-type")), (200, "application/json"));
    assert!(first.json() == document(), "the document is that in the repository");
    let tag = first.header("etag").to_owned();
    let second = answers.look(&daemon, "GET", "/openapi.json", &[bearer, ("If-None-Match", &tag)]);
    assert_eq!((second.status, second.body.len()), (304, 0));
    let packed = answers.look(&daemon, "GET", "/openapi.json", &[bearer, ("Accept-Encoding", "gzip")]);
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert!(packed.header("etag") != tag && packed.body.len() < first.body.len());
    for (headers, status) in [(vec![], 401), (vec![("Authorization", "Bearer other")], 401), (vec![bearer], 200)] {
        for path in answers.paths() {
            let path = path.replace("{id}", "nothing").replace("{anything}", "nothing");
            let response = answers.look(&daemon, "GET", &path, &headers);
            assert!(status == 200 || response.status == status, "{path}: {}", response.status);
        }
    }
}

#[test]
fn every_answer_is_as_the_document_says_and_every_field_is_seen() {
    let mut answers = Answers::new(document());
    a_drive_for_each_rule(&mut answers);
    a_small_rack_with_its_troubles(&mut answers);
    lost_paths(&mut answers);
    a_follower(&mut answers);
    a_drive_left_out(&mut answers);
    a_drive_without_a_decided_bay(&mut answers);
    a_drive_in_a_bay_without_a_number(&mut answers);
    without_anything(&mut answers);
    refusals(&mut answers);
    let unseen: Vec<String> = answers.unseen().into_iter().filter(|field| !UNSEEN.contains(&field.as_str())).collect();
    assert!(unseen.is_empty(), "fields that no answer gave a value:\n{}", unseen.join("\n"));
    let silent = answers.silent();
    assert!(silent.is_empty(), "answers that the document has and nobody gave:\n{}", silent.join("\n"));
}

/// Every kind of drive, shelf and pool, with Redis.
fn a_drive_for_each_rule(answers: &mut Answers) {
    let (sim, _) = golden::host();
    for drive in sim.list().iter().filter(|drive| drive["kind"] == "sas") {
        sim.set(drive["serial"].as_str().expect("a serial number"), &["smart_off=true"]);
    }
    let redis = Redis::start();
    let daemon = Daemon::ready(&sim, &redis, &[("SMART_TIMEOUT", "5"), ONCE]);
    answers.look_everywhere(&daemon);
    let overview = daemon.json("/api/overview");
    for drive in support::json::drives(&overview) {
        let id = drive["serial_number"].as_str().expect("a serial number");
        assert_eq!(answers.look(&daemon, "GET", &format!("/api/drives/{id}"), &[]).status, 200);
    }
    assert_eq!(answers.look(&daemon, "GET", "/api/overview?fields=summary", &[]).status, 200);
    for (filter, value) in [("verdict", "crit"), ("pool", "tank"), ("enclosure", "nosuch")] {
        assert_eq!(answers.look(&daemon, "GET", &format!("/api/drives?{filter}={value}"), &[]).status, 200);
    }
}

/// A drive that hangs, one that is pulled, a shelf that is silent; then Redis goes.
fn a_small_rack_with_its_troubles(answers: &mut Answers) {
    let sim = Sim::small();
    let mut redis = Redis::start();
    sim.raid(&["--host", "perc", "--disks", "1"]);
    // Two in a mirror, a spare, and one in no pool; not the disk behind the controller.
    let drives: Vec<Value> = sim.list().into_iter().filter(|drive| drive["bay"].is_u64()).collect();
    let serial = |at: usize| drives[at]["serial"].as_str().expect("a serial number").to_owned();
    sim.set(&serial(0), &["hang=true"]);
    sim.set(&format!("leaf/{}", serial(1)), &["note=(resilvering)", &format!("replacing={}", serial(3))]);
    sim.set(&format!("leaf/{}", serial(2)), &["note=currently in use"]);
    sim.set("pool/tank", &["scan=rebuilding"]);
    let settings = [
        ("SMART_TIMEOUT", "1"),
        ("SMART_POLL_INTERVAL", "2"),
        ("SMART_CACHE_TTL", "10"),
        ("SMART_DEVICE_TYPES", "sde=megaraid,0"),
    ];
    let daemon = Daemon::start(&sim, &redis, &settings);
    // Not read yet, and nothing to be ready with.
    answers.look_everywhere(&daemon);
    daemon.wait_ready();
    answers.look_everywhere(&daemon);
    sim.set("enclosure/0", &["silent=true"]);
    sim.pull(&[&serial(1)]);
    daemon.overview_when("a drive is missing", |overview| overview["totals"]["by_state"]["missing"] == 1);
    let unmatched = |field: &'static str| {
        eventually("its leaf has no drive", || {
            let zfs = daemon.json("/api/zfs");
            let mut leaves = zfs["unmatched"].as_array().into_iter().flatten();
            leaves.any(|leaf| !leaf[field].is_null()).then_some(())
        });
    };
    unmatched("note");
    answers.look_everywhere(&daemon);
    // Without a remark zpool says what the leaf was; it is asked again when something is plugged.
    sim.set(&format!("leaf/{}", serial(1)), &["note="]);
    sim.pull(&[&serial(2)]);
    unmatched("was");
    daemon.overview_when("the shelf is silent", |overview| !overview["enclosures"][0]["error"].is_null());
    answers.look_everywhere(&daemon);
    redis.kill();
    eventually("it notices", || (daemon.get("/healthz").text().contains("redis")).then_some(()));
    answers.look_everywhere(&daemon);
    sim.shelf(&["enclosure/0", "gone"]);
    daemon.overview_when("the shelf is missing", |overview| !overview["enclosures"][0]["missing_since"].is_null());
    daemon.drive_when(&serial(3), "its bay is the last one", |drive| !drive["bay_as_of"].is_null());
    answers.look_everywhere(&daemon);
    for drive in support::json::drives(&daemon.json("/api/overview")) {
        let device = drive["device"].as_str().expect("a name");
        answers.look(&daemon, "GET", &format!("/api/drives/{device}"), &[]);
    }
}

/// Two daemons of one host: the second one follows.
fn a_follower(answers: &mut Answers) {
    let (sim, redis) = (Sim::small(), Redis::start());
    let _leader = Daemon::ready(&sim, &redis, &[ONCE]);
    let follower = Daemon::ready(&sim, &redis, &[ONCE]);
    eventually("it knows its leader", || (!follower.json("/api/health")["leader"].is_null()).then_some(()));
    answers.look_everywhere(&follower);
}

/// A path that fails, then the other one, which is missing.
fn lost_paths(answers: &mut Answers) {
    let sim = Sim::host(&["--enclosures", "1", "--bays", "2", "--drives", "1", "--paths", "2", "--nvme", "0"]);
    let serial = support::json::text(&sim.list()[0]["serial"]).to_owned();
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "1")]);
    let mut look_when = |status: &str| {
        let has = |drive: &Value| support::json::list(drive, "path_states").any(|path| path["status"] == status);
        daemon.drive_when(&serial, status, has);
        answers.look(&daemon, "GET", &format!("/api/drives/{serial}"), &[]);
    };
    sim.set(&serial, &["path0=fails"]);
    look_when("failed");
    sim.set(&serial, &["path0="]);
    sim.pull(&[&serial, "--path", "1"]);
    look_when("missing");
}

fn a_drive_left_out(answers: &mut Answers) {
    let (sim, redis) = (Sim::small(), Redis::absent());
    let daemon = Daemon::ready(&sim, &redis, &[ONCE, ("JBOD_EXCLUDE", "sdb")]);
    answers.look_everywhere(&daemon);
}

/// Two bays link it, and their links are equally old.
fn a_drive_without_a_decided_bay(answers: &mut Answers) {
    let (sim, redis) = (Sim::small(), Redis::absent());
    let drives: Vec<Value> = sim.list().into_iter().filter(|drive| drive["enclosure"] == 0).collect();
    let serial = drives[0]["serial"].as_str().expect("a serial number");
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
    answers.look_everywhere(&daemon);
    answers.look(&daemon, "GET", &format!("/api/drives/{serial}"), &[]);
}

/// Two bays have one number, and the number of a third does not fit its name.
fn a_drive_in_a_bay_without_a_number(answers: &mut Answers) {
    let (sim, redis) = (Sim::small(), Redis::absent());
    let drives: Vec<Value> = sim.list().into_iter().filter(|drive| drive["enclosure"] == 0).collect();
    let bay = |drive: usize| format!("bay/0/{}", drives[drive]["bay"]);
    sim.set(&bay(0), &[&format!("slot={}", drives[1]["bay"])]);
    sim.set(&bay(2), &["slot=77"]);
    let daemon = Daemon::ready(&sim, &redis, &[ONCE]);
    let serial = drives[0]["serial"].as_str().expect("a serial number");
    daemon.drive_when(serial, "its bay has a name only", |drive| drive["slot_name"].is_string());
    answers.look_everywhere(&daemon);
    answers.look(&daemon, "GET", &format!("/api/drives/{serial}"), &[]);
}

/// No drive, no shelf, no smartctl, no pool, no Redis.
fn without_anything(answers: &mut Answers) {
    let (sim, redis) = (Sim::empty(), Redis::absent());
    let daemon = Daemon::start(&sim, &redis, &[ONCE]);
    answers.look_everywhere(&daemon);
    eventually("there is something to show", || (daemon.get("/api/overview").status == 200).then_some(()));
    answers.look_everywhere(&daemon);
}

fn refusals(answers: &mut Answers) {
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
        let seen = eventually("it answers", || {
            let response = daemon.request("GET", path, &[]);
            (response.status != 503).then_some(response)
        });
        answers.hold("GET", path, &seen);
        assert_eq!(seen.status, status, "{path}");
    }
    let patient = |request: &str, path: &str, method: &str| {
        eventually("it answers", || {
            let response = Client::connect(daemon.port)?.raw(request.as_bytes(), false)?;
            (response.status != 503).then_some((method.to_owned(), path.to_owned(), response))
        })
    };
    let long = format!("GET /api/overview HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    for (request, status) in [
        ("DELETE /api/overview HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        ("GET /api/overview HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n", 421),
        ("GET /api/overview HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", 400),
        ("GET /api/overview HTTP/2.0\r\nHost: localhost\r\n\r\n", 505),
        (&long, 431),
    ] {
        let (method, path, response) = patient(request, "/api/overview", "GET");
        answers.hold(&method, &path, &response);
        assert_eq!(response.status, status, "{request}");
    }
    // The only place is taken by a head that does not come; who comes next finds none.
    let _held = eventually("a place", || {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", daemon.port)).ok()?;
        std::io::Write::write_all(&mut stream, b"GET /api").ok()?;
        let response = Client::connect(daemon.port)?.request("GET", "/api/overview", &[])?;
        (response.status == 503).then(|| answers.hold("GET", "/api/overview", &response)).map(|()| stream)
    });
}
