//! What once went wrong and must not again: drives that come and go under old names, links that
//! come late, readings that grow old while others poll, clients that take nothing.

use crate::support;
use crate::wait::wait_until;

use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use support::daemon::{Daemon, command, run};
use support::eventually;
use support::http::Client;
use support::json::{drive, drives};
use support::redis::Redis;
use support::sim::Sim;

/// A busy machine must not look like an absent Redis.
const PATIENT: (&str, &str) = ("REDIS_TIMEOUT_MS", "2000");
const SHORT_CYCLE: [(&str, &str); 2] = [PATIENT, ("SMART_POLL_INTERVAL", "2")];

#[track_caller]
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// The serial number of the drive with that kernel name.
#[track_caller]
fn serial_at(sim: &Sim, device: &str) -> String {
    let list = sim.list();
    let here = list
        .iter()
        .find(|drive| drive["devices"].as_array().is_some_and(|names| names.iter().any(|name| name == device)));
    here.map_or_else(|| panic!("there is no {device}"), |drive| text(&drive["serial"]))
}

fn seconds(time: &Value) -> i64 {
    text(time).parse::<jiff::Timestamp>().expect("RFC 3339").as_second()
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn stored(redis: &Redis, key: &str) -> Option<Value> {
    redis.get(key).map(|value| serde_json::from_str(&value).unwrap_or_else(|error| panic!("{key}: {error}")))
}

/// One shelf of six bays with four drives, as `Sim::small`, with so many of them SATA and so many
/// NVMe drives besides.
fn shelf(sata: &str, nvme: &str) -> Sim {
    let mut options = vec!["--enclosures", "1", "--bays", "6", "--drives", "4", "--paths", "1", "--ssd", "0"];
    options.extend(["--pools", "1", "--vdev-width", "2", "--sata", sata, "--nvme", nvme]);
    Sim::host(&options)
}

/// The pulled drive's own document, marked as missing, or 404; never another's.
#[track_caller]
fn assert_missing(daemon: &Daemon, id: &str, serial: &str) {
    let response = daemon.get(&format!("/api/drives/{id}"));
    if response.status == 404 {
        return;
    }
    assert_eq!(response.status, 200, "{id}: {}", response.text());
    let document = response.json();
    assert_eq!((&document["serial_number"], &document["state"]), (&serial.into(), &"missing".into()), "{id}");
    assert_ne!(response.cache(), "HIT", "{id}");
    let raw = &document["smartctl"]["serial_number"];
    assert!(raw.is_null() || raw == serial, "{id}: smartctl's JSON is of {raw}");
}

#[test]
fn a_pulled_drive_is_never_shown_with_the_values_of_the_one_that_took_its_letter() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &SHORT_CYCLE);
    let gone = serial_at(&sim, "sdd");
    let wwn = text(&daemon.json("/api/drives/sdd")["wwn"]);
    sim.pull(&[&gone]);
    sim.insert(&["bay/0/2", "--serial", "NEWDRIVE1"]);
    assert_eq!(serial_at(&sim, "sdd"), "NEWDRIVE1");
    sim.set("NEWDRIVE1", &["failed=true"]);
    let newcomer = eventually("the newcomer is shown under its name", || {
        let response = daemon.get("/api/drives/sdd");
        (response.status == 200)
            .then(|| response.json())
            .inspect(|drive| assert_eq!(drive["serial_number"], "NEWDRIVE1"))
    });
    assert_eq!(newcomer["slot"], 2, "{newcomer}");
    let mut sweeps = BTreeSet::new();
    wait_until("three sweeps", || {
        for id in [&gone, &wwn] {
            assert_missing(&daemon, id, &gone);
        }
        for id in ["sdd", "NEWDRIVE1"] {
            let shown = daemon.json(&format!("/api/drives/{id}"));
            assert_eq!((&shown["serial_number"], &shown["slot"]), (&"NEWDRIVE1".into(), &2.into()), "{id}");
        }
        sweeps.insert(text(&daemon.json("/api/overview")["sweep"]["started_at"]));
        sweeps.len() > 3
    });
    let overview = daemon.json("/api/overview");
    assert_eq!(drive(&overview, "NEWDRIVE1")["verdict"], "crit", "{overview}");
    let missing = drive(&overview, &gone);
    assert_eq!((&missing["state"], &missing["slot"]), (&"missing".into(), &4.into()), "{missing}");
}

#[test]
fn a_pulled_drive_does_not_inherit_the_pool_of_the_one_that_took_its_letter() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &SHORT_CYCLE);
    // sdc serves a pool, sdd none. When both are out, a new drive becomes sdc, so that the pool's
    // comes back as sdd.
    let (of_the_pool, of_none) = (serial_at(&sim, "sdc"), serial_at(&sim, "sdd"));
    sim.pull(&["sdc", "sdd"]);
    daemon.overview_when("both are missing", |overview| {
        [&of_the_pool, &of_none].iter().all(|serial| drive(overview, serial)["state"] == "missing")
    });
    sim.insert(&["bay/0/2", "--serial", "NEWDRIVE1"]);
    sim.insert(&["bay/0/3"]);
    assert_eq!((serial_at(&sim, "sdc"), serial_at(&sim, "sdd")), ("NEWDRIVE1".to_owned(), of_the_pool.clone()));
    let overview = daemon
        .overview_when("the pool's drive is back in it", |overview| drive(overview, &of_the_pool)["pool"] == "tank");
    assert_eq!(drive(&overview, &of_the_pool)["device"], "sdd", "{overview}");
    for overview in [overview, daemon.after_sweeps(1)] {
        let missing = drive(&overview, &of_none);
        assert_eq!((&missing["state"], &missing["pool"]), (&"missing".into(), &Value::Null), "{missing}");
        assert_eq!(drive(&overview, "NEWDRIVE1")["pool"], Value::Null, "{overview}");
    }
    assert_missing(&daemon, &of_none, &of_none);
    assert_eq!(daemon.json(&format!("/api/drives/{of_the_pool}"))["serial_number"], of_the_pool.as_str());
}

/// Links that were taken away, with what they led to.
struct Links(Vec<(PathBuf, PathBuf)>);

impl Links {
    fn take_away(links: impl IntoIterator<Item = PathBuf>) -> Self {
        let take = |link: PathBuf| {
            let target = std::fs::read_link(&link).expect("a link");
            std::fs::remove_file(&link).expect("the link goes");
            (link, target)
        };
        Self(links.into_iter().map(take).collect())
    }

    fn put_back(&self) {
        for (link, target) in &self.0 {
            symlink(target, link).expect("the link comes");
        }
    }
}

/// The links in a folder that lead to a kernel name, or to its partition.
fn links_to(folder: &Path, device: &str) -> Vec<PathBuf> {
    let leads_there = |link: &PathBuf| {
        let target = std::fs::read_link(link).unwrap_or_default();
        target.file_name().is_some_and(|name| name.to_string_lossy().trim_end_matches('1') == device)
    };
    let entries = std::fs::read_dir(folder).expect("a folder of links").flatten();
    entries.map(|entry| entry.path()).filter(leads_there).collect()
}

#[test]
fn links_that_come_after_the_drive_are_seen_with_the_next_sweep() {
    // The pool names its SATA drives by model and serial number: without the link nothing tells whose.
    let (sim, redis) = (shelf("4", "0"), Redis::start());
    let by_id = links_to(&sim.root().join("dev/disk/by-id"), "sda");
    assert!(by_id.len() >= 2, "{by_id:?}");
    let enclosures = std::fs::read_dir(sim.root().join("sys/class/enclosure")).expect("a shelf").flatten();
    let bay = enclosures.map(|entry| entry.path().join("Slot 00/device")).next().expect("a shelf");
    let to_bay = sim.root().join("sys/block/sda/device/enclosure_device:Slot 00");
    let away = Links::take_away(by_id.into_iter().chain([bay, to_bay]));

    let daemon = Daemon::ready(&sim, &redis, &SHORT_CYCLE);
    let serial = serial_at(&sim, "sda");
    let without = daemon.after_sweeps(2);
    let without = drive(&without, &serial);
    assert_eq!((&without["pool"], &without["slot"]), (&Value::Null, &Value::Null), "{without}");
    assert_eq!(daemon.json("/api/drives/sda")["by_id"], Value::Array(vec![]));

    away.put_back();
    let overview = daemon.overview_when("the pool and the bay are shown", |overview| {
        let shown = drive(overview, &serial);
        shown["pool"] == "tank" && shown["slot"] == 0
    });
    let slots = overview["enclosures"][0]["slots"].as_array().expect("slots");
    let slot = slots.iter().find(|slot| slot["slot"] == 0).expect("bay 0");
    assert_eq!(slot["drive"]["serial_number"], serial.as_str(), "{slot}");
    let shown = daemon.drive_when("sda", "its other names are shown", |drive| drive["by_id"] != Value::Array(vec![]));
    let name = text(&shown["by_id"][0]);
    daemon.drive_when(&name, "it is found by them", |drive| drive["serial_number"] == serial.as_str());
}

/// Two daemons that have each read every drive by themselves, before there was a Redis; then the
/// one that polls, and the one that does not.
fn leader_and_follower(sim: &Sim, redis: &mut Redis, settings: &[(&str, &str)]) -> (Daemon, Daemon) {
    let (one, two) = (Daemon::ready(sim, redis, settings), Daemon::ready(sim, redis, settings));
    redis.up();
    let follows = |daemon: &Daemon| daemon.logged("became follower") > 0;
    wait_until("one of them follows", || follows(&one) || follows(&two));
    if follows(&two) { (one, two) } else { (two, one) }
}

/// What a daemon, and Redis, say of a failing drive: never that it is well.
#[track_caller]
fn assert_crit(daemon: &Daemon, redis: &Redis, serial: &str) {
    let overview = daemon.get("/api/overview");
    assert_eq!(overview.status, 200, "{}", overview.text());
    let body = overview.json();
    assert_eq!(drive(&body, serial)["verdict"], "crit", "{} {}", overview.cache(), drive(&body, serial));
    let document = daemon.get(&format!("/api/drives/{serial}"));
    assert_eq!(document.status, 200, "{}", document.text());
    assert_eq!(document.json()["verdict"], "crit", "{}: {}", document.cache(), document.text());
    for key in ["jbod:smart:sda", "jbod:last:smart:sda"] {
        if let Some(document) = stored(redis, key) {
            assert_eq!(document["verdict"], "crit", "{key}");
        }
    }
    for key in ["jbod:overview", "jbod:last:overview"] {
        if let Some(overview) = stored(redis, key) {
            assert_eq!(drive(&overview, serial)["verdict"], "crit", "{key}");
        }
    }
}

/// sda begins to fail; returns when the daemon that polls has stored that everywhere.
#[track_caller]
fn let_sda_fail(sim: &Sim, redis: &Redis) -> String {
    let serial = serial_at(sim, "sda");
    sim.set("sda", &["failed=true"]);
    wait_until("the one that polls has stored it", || {
        let is_crit = |key: &str| stored(redis, key).is_some_and(|document| document["verdict"] == "crit");
        let lists_it =
            |key: &str| stored(redis, key).is_some_and(|overview| drive(&overview, &serial)["verdict"] == "crit");
        let is_stored = is_crit("jbod:smart:sda") && is_crit("jbod:last:smart:sda");
        is_stored && lists_it("jbod:overview") && lists_it("jbod:last:overview")
    });
    serial
}

const LEASED: [(&str, &str); 2] = [PATIENT, ("SMART_POLL_INTERVAL", "3")];

#[test]
fn a_follower_whose_readings_are_older_makes_lists_of_what_is_stored() {
    let (sim, mut redis) = (Sim::small(), Redis::absent());
    let (_leader, follower) = leader_and_follower(&sim, &mut redis, &LEASED);
    let serial = let_sda_fail(&sim, &redis);
    redis.ask(&["DEL", "jbod:overview", "jbod:last:overview"]);
    assert_crit(&follower, &redis, &serial);
}

#[test]
fn a_follower_that_takes_over_does_not_store_its_older_readings() {
    let (sim, mut redis) = (Sim::small(), Redis::absent());
    let (leader, follower) = leader_and_follower(&sim, &mut redis, &LEASED);
    let serial = let_sda_fail(&sim, &redis);
    sim.set("all", &["latency_ms=4000"]);
    leader.kill();
    let sweep = |overview: &Value| overview["sweep"]["started_at"].clone();
    let before = sweep(&stored(&redis, "jbod:overview").expect("an overview"));
    eventually("a sweep of the other one is whole", || {
        assert_crit(&follower, &redis, &serial);
        (sweep(&stored(&redis, "jbod:overview")?) != before).then_some(())
    });
    assert!(follower.logged("became leader") > 0, "{}", follower.log());
    assert_crit(&follower, &redis, &serial);
}

/// Gives the lease to that daemon, as if it had been the first to ask.
fn let_lead(redis: &Redis, daemon: &Daemon) {
    let log = daemon.log();
    let line = log.lines().find(|line| line.contains("became follower")).expect("it has followed");
    let owner = line.split("instance=").nth(1).expect("its name").trim();
    redis.ask(&["SET", "jbod:lock:poll", owner, "PX", "15000"]);
}

/// As `leader_and_follower`, with settings of their own.
fn leader_and_follower_with(sim: &Sim, redis: &mut Redis, settings: [&[(&str, &str)]; 2]) -> (Daemon, Daemon) {
    let (leader, follower) = (Daemon::ready(sim, redis, settings[0]), Daemon::ready(sim, redis, settings[1]));
    redis.up();
    redis.ask(&["SET", "jbod:lock:poll", "somebody", "PX", "60000"]);
    for daemon in [&leader, &follower] {
        daemon.wait_logged("became follower");
    }
    let_lead(redis, &leader);
    leader.wait_logged("became leader");
    (leader, follower)
}

#[test]
fn a_follower_to_which_redis_comes_back_does_not_store_its_older_readings() {
    let (sim, mut redis) = (Sim::small(), Redis::absent());
    // The longer the cycle, the longer the lease: it outlasts the outage.
    let cycle = ("SMART_POLL_INTERVAL", "20");
    // The one that polls does not even notice the outage, and so stores nothing anew after it.
    let (patient, hasty) = ([("REDIS_TIMEOUT_MS", "10000"), cycle], [("REDIS_TIMEOUT_MS", "500"), cycle]);
    let (leader, follower) = leader_and_follower_with(&sim, &mut redis, [&patient, &hasty]);
    sim.set("sda", &["failed=true"]);
    leader.drive_when("sda", "the one that polls has read it anew", |drive| {
        redis.ask(&["DEL", "jbod:smart:sda", "jbod:last:smart:sda"]);
        drive["verdict"] == "crit"
    });
    let serial = let_sda_fail(&sim, &redis);
    let (was_away, was_back) = (follower.logged("redis unavailable"), follower.logged("redis available again"));
    redis.signal(Signal::STOP);
    wait_until("the follower notices that Redis is away", || {
        follower.get("/api/drives/sdb");
        follower.logged("redis unavailable") > was_away
    });
    redis.signal(Signal::CONT);
    wait_until("it is back", || follower.logged("redis available again") > was_back);
    // What the follower reads now is stored after all that it stored because Redis was back.
    redis.ask(&["DEL", "jbod:smart:sdc", "jbod:last:smart:sdc"]);
    follower.json("/api/drives/sdc");
    eventually("what was read since is stored", || {
        assert_crit(&follower, &redis, &serial);
        stored(&redis, "jbod:smart:sdc").map(drop)
    });
    assert_crit(&follower, &redis, &serial);
}

#[test]
fn a_follower_that_gets_an_empty_redis_does_not_store_its_older_readings() {
    let (sim, mut redis) = (Sim::small(), Redis::absent());
    let settings = [PATIENT, ("SMART_POLL_INTERVAL", "20")];
    let (leader, follower) = leader_and_follower_with(&sim, &mut redis, [&settings, &settings]);
    sim.set("sda", &["failed=true"]);
    leader.drive_when("sda", "the one that polls has read it anew", |drive| {
        redis.ask(&["DEL", "jbod:smart:sda", "jbod:last:smart:sda"]);
        drive["verdict"] == "crit"
    });
    let_sda_fail(&sim, &redis);
    let daemons = [&leader, &follower];
    let away: Vec<usize> = daemons.iter().map(|drive| drive.logged("redis unavailable")).collect();
    redis.kill();
    wait_until("both notice that Redis is away", || {
        let noticed = daemons.iter().zip(&away).filter(|(daemon, before)| {
            daemon.get("/api/drives/sdb");
            daemon.logged("redis unavailable") > **before
        });
        noticed.count() == 2
    });
    sim.set("all", &["latency_ms=4000"]);
    redis.up();
    let_lead(&redis, &follower);
    follower.wait_logged("became leader");
    eventually("the failing drive is stored anew", || {
        let document = stored(&redis, "jbod:smart:sda")?;
        assert_eq!(document["verdict"], "crit", "{document}");
        Some(())
    });
}

/// A client that sends request after request and reads no answer, until nothing more is taken.
fn deaf_client(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream.set_nonblocking(true).expect("a socket that does not wait");
    let requests = "GET /api/overview HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100);
    let mut refused_in_a_row = 0;
    wait_until("nothing more is taken", || {
        refused_in_a_row += 1;
        while stream.write(requests.as_bytes()).is_ok() {
            refused_in_a_row = 0;
        }
        refused_in_a_row > 10
    });
    stream
}

#[test]
fn clients_that_read_nothing_hold_up_neither_others_nor_the_stop() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[PATIENT]);
    // One more than there are workers.
    let clients: Vec<TcpStream> = (0..5).map(|_| deaf_client(daemon.port)).collect();
    daemon.json("/api/overview");
    let (status, log) = daemon.stop(Signal::TERM);
    assert!(status.success(), "{status}: {log}");
    drop(clients);
}

#[test]
fn a_drive_in_quarantine_keeps_its_key_and_says_when_its_values_are_old() {
    let (sim, mut redis) = (Sim::small(), Redis::start());
    let settings = [PATIENT, ("SMART_TIMEOUT", "1"), ("SMART_CACHE_TTL", "5"), ("SMART_POLL_INTERVAL", "2")];
    let daemon = Daemon::ready(&sim, &redis, &settings);
    let read = daemon.drive_when("sda", "it is stored", |_| stored(&redis, "jbod:smart:sda").is_some());
    sim.set("sda", &["hang=true"]);
    let silent = daemon.drive_when("sda", "it is silent", |drive| !drive["error"].is_null());
    assert_eq!(silent["serial_number"], read["serial_number"]);
    let starts = sim.starts_of(&text(&silent["serial_number"]));
    let mut sweeps_of_old_values = BTreeSet::new();
    wait_until("its values are old for three sweeps", || {
        assert!(redis.pttl("jbod:smart:sda") > 0, "its key has lapsed: {:?}", redis.keys());
        let response = daemon.get("/api/drives/sda");
        assert_eq!((response.status, response.cache()), (200, "HIT"), "{}", response.text());
        let shown = response.json();
        assert_eq!(shown["collected_at"], silent["collected_at"], "{shown}");
        assert!(!shown["error"].is_null() && !shown["temperature_celsius"].is_null(), "{shown}");
        if shown["stale"] == true {
            sweeps_of_old_values.insert(text(&daemon.json("/api/overview")["sweep"]["started_at"]));
        }
        sweeps_of_old_values.len() > 3
    });
    assert_eq!(sim.starts_of(&text(&silent["serial_number"])), starts, "it was left alone");
    redis.kill();
    let response = daemon.get("/api/drives/sda");
    assert_eq!(response.json()["stale"], true, "{}: {}", response.cache(), response.text());
}

/// Two drives exchange their sg numbers while their letters stay. At no moment does a name lead
/// to the wrong drive: in between they have none.
fn exchange_sg_numbers(sim: &Sim, (one, one_sg): (&str, &str), (two, two_sg): (&str, &str)) {
    let root = sim.root();
    let place = |device: &str, sg: &str| root.join(format!("sys/block/{device}/device/scsi_generic/{sg}"));
    let folder = |device: &str, sg: &str| {
        std::fs::canonicalize(place(device, sg)).unwrap_or_else(|error| panic!("{device} {sg}: {error}"))
    };
    let away = |sg: &str| root.join(format!("sys/{sg}-away"));
    let rename = |from: &Path, to: &Path| {
        std::fs::rename(from, to).unwrap_or_else(|error| panic!("{} to {}: {error}", from.display(), to.display()));
    };
    let (of_one, of_two) = (folder(one, one_sg), folder(two, two_sg));
    rename(&of_one, &away(one_sg));
    rename(&of_two, &away(two_sg));
    let node = |sg: &str| root.join("sim/node").join(sg);
    rename(&node(one_sg), &node("between"));
    rename(&node(two_sg), &node(one_sg));
    rename(&node("between"), &node(two_sg));
    rename(&away(one_sg), &of_one.with_file_name(two_sg));
    rename(&away(two_sg), &of_two.with_file_name(one_sg));
    for (device, sg) in [(one, two_sg), (two, one_sg)] {
        let dir = std::fs::canonicalize(root.join(format!("sys/block/{device}/device"))).expect("a SCSI device");
        let below = dir.strip_prefix(std::fs::canonicalize(root.join("sys")).expect("sys")).expect("below sys");
        let class = root.join("sys/class/scsi_generic").join(sg);
        for (link, target) in [
            (class, Path::new("../..").join(below).join("scsi_generic").join(sg)),
            (dir.join("generic"), Path::new("scsi_generic").join(sg)),
        ] {
            std::fs::remove_file(&link).expect("the old link goes");
            symlink(target, &link).expect("the new one comes");
        }
    }
}

#[test]
fn sg_numbers_that_move_alone_never_mix_up_two_drives() {
    let (sim, redis) = (Sim::small(), Redis::start());
    sim.set("sdb", &["failed=true", "temperature=58"]);
    let daemon = Daemon::ready(&sim, &redis, &SHORT_CYCLE);
    let truth = [(serial_at(&sim, "sda"), "sda", "ok"), (serial_at(&sim, "sdb"), "sdb", "crit")];
    exchange_sg_numbers(&sim, ("sda", "sg0"), ("sdb", "sg1"));
    let moved_at = sim.runs().len();
    let read_by = |sg: &str, serial: &str| {
        sim.runs()[moved_at..].iter().filter(|run| run.node == sg && run.serial == serial).count()
    };
    wait_until("both are read through their new nodes", || {
        for (serial, device, verdict) in &truth {
            for id in [*device, serial.as_str()] {
                let shown = daemon.json(&format!("/api/drives/{id}"));
                assert_eq!(
                    (&shown["serial_number"], &shown["device"]),
                    (&serial.as_str().into(), &(*device).into()),
                    "{id}"
                );
                assert_eq!(shown["verdict"], *verdict, "{id}: {shown}");
                assert_eq!(shown["temperature_celsius"] == 58, *device == "sdb", "{id}: {shown}");
                assert_eq!(shown["smartctl"]["serial_number"], serial.as_str(), "{id}");
            }
            let overview = daemon.json("/api/overview");
            let shown = drive(&overview, serial);
            assert_eq!((&shown["device"], &shown["verdict"]), (&(*device).into(), &(*verdict).into()), "{shown}");
        }
        read_by("sg1", &truth[0].0) > 1 && read_by("sg0", &truth[1].0) > 1
    });
    for (serial, device, _) in &truth {
        let shown = daemon.drive_when(device, "its reading is taken again", |drive| drive["error"].is_null());
        assert_eq!(shown["serial_number"], serial.as_str());
    }
}

/// A second namespace of the first NVMe controller, as the kernel shows one.
fn add_namespace(sim: &Sim, serial: &str) {
    let root = sim.root();
    let first = std::fs::canonicalize(root.join("sys/block/nvme0n1")).expect("a namespace");
    let second = first.with_file_name("nvme0n2");
    std::fs::create_dir_all(second.join("queue")).expect("a folder");
    for name in ["removable", "size", "queue/rotational", "queue/logical_block_size"] {
        std::fs::copy(first.join(name), second.join(name)).expect("an attribute");
    }
    std::fs::write(second.join("wwid"), "eui.0025384b01c2d3e4\n").expect("a wwid");
    symlink(std::fs::read_link(first.join("device")).expect("a link"), second.join("device")).expect("a link");
    for class in ["sys/block", "sys/class/block"] {
        let target = std::fs::read_link(root.join(class).join("nvme0n1")).expect("a link");
        symlink(target.with_file_name("nvme0n2"), root.join(class).join("nvme0n2")).expect("a link");
    }
    std::fs::write(root.join("dev/nvme0n2"), "").expect("a node");
    symlink(format!("../drive/{serial}.json"), root.join("sim/node/nvme0n2")).expect("a node of the simulator");
}

#[test]
fn two_namespaces_of_one_controller_are_one_drive_and_read_one_at_a_time() {
    let (sim, redis) = (shelf("1", "1"), Redis::start());
    let serial = serial_at(&sim, "nvme0n1");
    add_namespace(&sim, &serial);
    sim.set(&serial, &["latency_ms=500"]);
    let daemon = Daemon::ready(&sim, &redis, &SHORT_CYCLE);
    let overview = daemon.after_sweeps(2);
    assert_eq!(overview["totals"]["drives"], 5, "{overview}");
    assert_eq!(drives(&overview).filter(|drive| drive["serial_number"] == serial.as_str()).count(), 1, "{overview}");
    assert_eq!(drive(&overview, &serial)["paths"], serde_json::json!(["nvme0n1", "nvme0n2"]));
    for id in ["nvme0n1", "nvme0n2", &serial] {
        let shown = daemon.json(&format!("/api/drives/{id}"));
        assert_eq!((&shown["serial_number"], &shown["device"]), (&serial.as_str().into(), &"nvme0n1".into()), "{id}");
    }
    assert!(sim.starts_of(&serial) > 1);
    assert_eq!(sim.most_at_once(|run| run.serial == serial), 1, "{:?}", sim.runs());
}

#[test]
fn a_follower_that_takes_over_stays_ready() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let first = Daemon::ready(&sim, &redis, &LEASED);
    let second = Daemon::ready(&sim, &redis, &LEASED);
    second.wait_logged("became follower");
    sim.set("all", &["latency_ms=3000"]);
    first.kill();
    let sweep = || second.json("/api/overview")["sweep"]["started_at"].clone();
    let before = sweep();
    wait_until("its first sweep is whole", || {
        let ready = second.get("/readyz");
        assert_eq!(ready.status, 200, "{}\n{}", ready.text(), second.log());
        second.logged("became leader") > 0 && sweep() != before
    });
}

#[test]
fn after_a_restart_smartctl_is_told_the_types_that_are_stored() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[PATIENT]);
    let truth = sim.list();
    wait_until("every drive is stored", || {
        let device = |drive: &Value| text(&drive["devices"][0]);
        truth.iter().all(|drive| stored(&redis, &format!("jbod:smart:{}", device(drive))).is_some())
    });
    daemon.stop(Signal::TERM);
    sim.set("all", &["standby=true"]);
    let before = sim.runs().len();
    let _daemon = Daemon::ready(&sim, &redis, &[PATIENT]);
    wait_until("every drive is asked", || sim.runs().len() >= before + truth.len());
    for run in &sim.runs()[before..] {
        let drive = truth.iter().find(|drive| drive["serial"] == run.serial.as_str()).expect("a drive");
        let kind = if drive["kind"] == "sata" { "sat" } else { "scsi" };
        assert_eq!(run.told_type(), Some(kind), "{run:?}");
    }
    assert_eq!(sim.woken(), [""; 0]);
}

#[test]
fn lists_of_drives_that_all_sleep_are_as_old_as_their_values() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &SHORT_CYCLE);
    sim.set("all", &["standby=true"]);
    daemon.overview_when("all sleep", |overview| drives(overview).all(|drive| drive["state"] == "standby"));
    daemon.after_sweeps(2);
    for path in ["/api/overview", "/api/drives", "/api/enclosures"] {
        let before = now();
        let response = daemon.get(path);
        let after = now();
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        let oldest = if path == "/api/drives" {
            let body = response.json();
            let times = body["drives"].as_array().expect("drives").iter().map(|drive| seconds(&drive["collected_at"]));
            times.min().expect("drives")
        } else {
            let body = response.json();
            let oldest = drives(&body).map(|drive| seconds(&drive["collected_at"])).min().expect("drives");
            assert_eq!(seconds(&body["collected_at"]), oldest, "{path}");
            oldest
        };
        let age = i64::try_from(response.age()).expect("an age");
        assert!((before - oldest..=after - oldest).contains(&age), "{path}: Age {age}, read {oldest}, now {after}");
    }
    assert_eq!(sim.woken(), [""; 0]);
}

#[test]
fn scan_does_not_call_a_bay_empty_that_the_shelf_says_is_not() {
    let sim = Sim::small();
    sim.set("bay/0/2", &["status=OK"]);
    let ended = run(command(&sim, 1).arg("scan"));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let bay = |number: &str| {
        let line = ended.stdout.lines().find(|line| line.split_whitespace().next() == Some(number));
        line.unwrap_or_else(|| panic!("no bay {number}: {}", ended.stdout)).to_owned()
    };
    assert!(bay("2").contains("(no drive, the shelf reports OK)"), "{}", ended.stdout);
    assert!(bay("5").contains("(empty)"), "{}", ended.stdout);
}

#[test]
fn a_request_target_in_absolute_form_is_answered_as_any_other() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[PATIENT]);
    let port = daemon.port;
    let mut client = Client::connect(port).expect("a connection");
    for path in ["/healthz", "/api/drives/sda", "/api/drives?verdict=ok"] {
        let request = format!("GET http://127.0.0.1:{port}{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
        let answer = client.raw(request.as_bytes(), false).expect("an answer");
        let plain = daemon.get(path);
        assert_eq!((answer.status, answer.text()), (plain.status, plain.text()), "{path}");
        assert_eq!(answer.status, 200, "{path}");
    }
}

#[test]
fn a_host_name_can_be_listened_on() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::listening(command(&sim, redis.port).env("JBOD_LISTEN", "localhost:0"));
    let port = daemon.port;
    assert_eq!(daemon.get("/healthz").status, 200);
    let mut client = Client::connect(port).expect("a connection");
    let request = format!("GET /healthz HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
    assert_eq!(client.raw(request.as_bytes(), false).expect("an answer").status, 200);
    assert!(daemon.stop(Signal::TERM).0.success());
}

/// The first question after the letters have moved is by serial number, before anything has looked.
#[test]
fn a_drive_asked_for_by_serial_right_after_letters_moved_is_itself() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    for _ in 0..5 {
        let serials = [serial_at(&sim, "sda"), serial_at(&sim, "sdb")];
        sim.swap_letters("sda", "sdb");
        for serial in &serials {
            let response = daemon.get(&format!("/api/drives/{serial}"));
            assert_eq!(response.status, 200, "{serial}: {}", response.text());
            assert_eq!(response.json()["serial_number"], serial.as_str(), "{serial}");
        }
    }
}
