//! Regressions: drives that are inserted and removed under old names, links that appear late, readings that become old while
//! another daemon polls, clients that do not read.

use crate::support;
use crate::support::{wait_for, wait_until};

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
use support::json::{drive, drives, list};
use support::redis::Redis;
use support::runs::Run;
use support::sim::Sim;

/// On a busy machine, a slow reply must not count as an outage.
const PATIENT: (&str, &str) = ("REDIS_TIMEOUT_MS", "2000");
const SHORT_CYCLE: [(&str, &str); 2] = [PATIENT, ("SMART_POLL_INTERVAL", "2")];

#[track_caller]
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a string")).to_owned()
}

/// The serial number of the drive with that block device name.
#[track_caller]
fn serial_at(sim: &Sim, device: &str) -> String {
    for drive in sim.list() {
        if list(&drive, "devices").any(|name| name == device) {
            return text(&drive["serial"]);
        }
    }
    panic!("no drive is {device}")
}

fn seconds(time: &Value) -> i64 {
    text(time).parse::<jiff::Timestamp>().expect("RFC 3339").as_second()
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn stored(redis: &Redis, key: &str) -> Option<Value> {
    let value = redis.get(key)?;
    Some(serde_json::from_str(&value).unwrap_or_else(|error| panic!("{key}: {error}")))
}

/// The start of the last complete sweep.
fn sweep_of(overview: &Value) -> Value {
    overview["sweep"]["started_at"].clone()
}

/// An enclosure with six bays and four drives, as `Sim::small`, with these numbers of SATA drives and of additional NVMe
/// drives.
fn shelf(sata: &str, nvme: &str) -> Sim {
    let mut options = vec!["--enclosures", "1", "--bays", "6", "--drives", "4", "--paths", "1", "--ssd", "0"];
    options.extend(["--pools", "1", "--vdev-width", "2", "--sata", sata, "--nvme", nvme]);
    Sim::host(&options)
}

/// The response is 404, or the document of the removed drive, marked as missing.
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
    assert!(raw.is_null() || raw == serial, "{id}: smartctl's JSON is that of {raw}");
}

#[test]
fn a_removed_drive_is_not_shown_with_the_values_of_the_one_that_has_its_name() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &SHORT_CYCLE);
    let removed = serial_at(&sim, "sdd");
    let wwn = text(&daemon.json("/api/drives/sdd")["wwn"]);
    sim.pull(&[&removed]);
    sim.insert(&["bay/0/2", "--serial", "NEWDRIVE1"]);
    assert_eq!(serial_at(&sim, "sdd"), "NEWDRIVE1");
    sim.set("NEWDRIVE1", &["failed=true"]);
    let new_drive =
        wait_for("the new drive is shown", || daemon.get("/api/drives/sdd"), |found| found.status == 200).json();
    assert_eq!((&new_drive["serial_number"], &new_drive["slot"]), (&"NEWDRIVE1".into(), &2.into()), "{new_drive}");
    let mut sweeps = BTreeSet::new();
    wait_until("three sweeps", || {
        for id in [&removed, &wwn] {
            assert_missing(&daemon, id, &removed);
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
    let missing = drive(&overview, &removed);
    assert_eq!((&missing["state"], &missing["slot"]), (&"missing".into(), &4.into()), "{missing}");
}

#[test]
fn a_removed_drive_is_not_shown_in_the_pool_of_the_one_that_has_its_name() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &SHORT_CYCLE);
    // sdc is in a pool, sdd is not. After both were removed, a new drive becomes sdc, and the drive of the pool sdd.
    let (in_pool, in_none) = (serial_at(&sim, "sdc"), serial_at(&sim, "sdd"));
    sim.pull(&["sdc", "sdd"]);
    daemon.overview_when("both are missing", |overview| {
        [&in_pool, &in_none].iter().all(|serial| drive(overview, serial)["state"] == "missing")
    });
    sim.insert(&["bay/0/2", "--serial", "NEWDRIVE1"]);
    sim.insert(&["bay/0/3"]);
    assert_eq!((serial_at(&sim, "sdc"), serial_at(&sim, "sdd")), ("NEWDRIVE1".to_owned(), in_pool.clone()));
    let overview =
        daemon.overview_when("the drive is in its pool again", |overview| drive(overview, &in_pool)["pool"] == "tank");
    assert_eq!(drive(&overview, &in_pool)["device"], "sdd", "{overview}");
    for overview in [overview, daemon.after_sweeps(1)] {
        let missing = drive(&overview, &in_none);
        assert_eq!((&missing["state"], &missing["pool"]), (&"missing".into(), &Value::Null), "{missing}");
        assert_eq!(drive(&overview, "NEWDRIVE1")["pool"], Value::Null, "{overview}");
    }
    assert_missing(&daemon, &in_none, &in_none);
    assert_eq!(daemon.json(&format!("/api/drives/{in_pool}"))["serial_number"], in_pool.as_str());
}

/// Removed links, with their targets.
struct Links(Vec<(PathBuf, PathBuf)>);

impl Links {
    fn remove(links: Vec<PathBuf>) -> Self {
        let mut removed = Vec::new();
        for link in links {
            let target = std::fs::read_link(&link).expect("a link");
            std::fs::remove_file(&link).expect("the link is removed");
            removed.push((link, target));
        }
        Self(removed)
    }

    fn restore(&self) {
        for (link, target) in &self.0 {
            symlink(target, link).expect("the link is created");
        }
    }
}

/// The links in a folder to a block device or its partition.
fn links_to(folder: &Path, device: &str) -> Vec<PathBuf> {
    let mut links = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of links").flatten() {
        let target = std::fs::read_link(entry.path()).unwrap_or_default();
        let Some(name) = target.file_name() else { continue };
        if name.to_string_lossy().trim_end_matches('1') == device {
            links.push(entry.path());
        }
    }
    links
}

#[test]
fn links_that_appear_after_the_drive_are_read_with_the_next_sweep() {
    // The pool names its SATA drives by model and serial number, so without the links its leaves match no drive.
    let (sim, redis) = (shelf("4", "0"), Redis::start());
    let mut links = links_to(&sim.root().join("dev/disk/by-id"), "sda");
    assert!(links.len() >= 2, "{links:?}");
    let enclosures = std::fs::read_dir(sim.root().join("sys/class/enclosure")).expect("a shelf").flatten();
    let bay = enclosures.map(|entry| entry.path().join("Slot 00/device")).next().expect("a shelf");
    let to_bay = sim.root().join("sys/block/sda/device/enclosure_device:Slot 00");
    links.extend([bay, to_bay]);
    let removed = Links::remove(links);

    let daemon = Daemon::ready(&sim, &redis, &SHORT_CYCLE);
    let serial = serial_at(&sim, "sda");
    let without = daemon.after_sweeps(2);
    let without = drive(&without, &serial);
    assert_eq!((&without["pool"], &without["slot"]), (&Value::Null, &Value::Null), "{without}");
    assert_eq!(daemon.json("/api/drives/sda")["by_id"], Value::Array(vec![]));

    removed.restore();
    let overview = daemon.overview_when("the pool and the bay are shown", |overview| {
        let shown = drive(overview, &serial);
        shown["pool"] == "tank" && shown["slot"] == 0
    });
    let slots = overview["enclosures"][0]["slots"].as_array().expect("slots");
    let slot = slots.iter().find(|slot| slot["slot"] == 0).expect("bay 0");
    assert_eq!(slot["drive"]["serial_number"], serial.as_str(), "{slot}");
    let shown = daemon.drive_when("sda", "the by-id names are shown", |drive| drive["by_id"] != Value::Array(vec![]));
    let name = text(&shown["by_id"][0]);
    daemon.drive_when(&name, "the drive is found by this name", |drive| drive["serial_number"] == serial.as_str());
}

/// Two daemons, the leader and the follower, both of which have read every drive before Redis was started.
fn leader_and_follower(sim: &Sim, redis: &mut Redis, settings: &[(&str, &str)]) -> (Daemon, Daemon) {
    let (one, two) = (Daemon::ready(sim, redis, settings), Daemon::ready(sim, redis, settings));
    redis.up();
    wait_until("one of them follows", || has_followed(&one) || has_followed(&two));
    if has_followed(&two) { (one, two) } else { (two, one) }
}

fn has_followed(daemon: &Daemon) -> bool {
    daemon.logged("became follower") > 0
}

/// The responses of the daemon and the values in Redis have the verdict of the failing drive.
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

/// Lets sda fail, and waits until the leader has stored that everywhere.
#[track_caller]
fn let_sda_fail(sim: &Sim, redis: &Redis) -> String {
    let serial = serial_at(sim, "sda");
    sim.set("sda", &["failed=true"]);
    wait_until("the leader has stored the verdict", || {
        let documents = ["jbod:smart:sda", "jbod:last:smart:sda"].map(|key| stored(redis, key).unwrap_or_default());
        let overviews = ["jbod:overview", "jbod:last:overview"].map(|key| stored(redis, key).unwrap_or_default());
        documents.iter().all(|document| document["verdict"] == "crit")
            && overviews.iter().all(|overview| drive(overview, &serial)["verdict"] == "crit")
    });
    serial
}

const LEASED: [(&str, &str); 2] = [PATIENT, ("SMART_POLL_INTERVAL", "3")];

#[test]
fn a_follower_with_older_readings_makes_lists_of_the_stored_documents() {
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
    let before = sweep_of(&stored(&redis, "jbod:overview").expect("an overview"));
    wait_until("a sweep of the other daemon is complete", || {
        assert_crit(&follower, &redis, &serial);
        stored(&redis, "jbod:overview").is_some_and(|overview| sweep_of(&overview) != before)
    });
    assert!(follower.logged("became leader") > 0, "{}", follower.log());
    assert_crit(&follower, &redis, &serial);
}

/// Gives the lease to that daemon, as if it had requested it first.
fn give_lease(redis: &Redis, daemon: &Daemon) {
    let log = daemon.log();
    let line = log.lines().find(|line| line.contains("became follower")).expect("it was a follower");
    let owner = line.split("instance=").nth(1).expect("its name").trim();
    redis.ask(&["SET", "jbod:lock:poll", owner, "PX", "15000"]);
}

/// As `leader_and_follower`, with separate settings.
fn leader_and_follower_with(sim: &Sim, redis: &mut Redis, settings: [&[(&str, &str)]; 2]) -> (Daemon, Daemon) {
    let (leader, follower) = (Daemon::ready(sim, redis, settings[0]), Daemon::ready(sim, redis, settings[1]));
    redis.up();
    redis.ask(&["SET", "jbod:lock:poll", "somebody", "PX", "60000"]);
    for daemon in [&leader, &follower] {
        daemon.wait_logged("became follower");
    }
    give_lease(redis, &leader);
    leader.wait_logged("became leader");
    (leader, follower)
}

#[test]
fn a_follower_does_not_store_its_older_readings_after_an_outage() {
    let (sim, mut redis) = (Sim::small(), Redis::absent());
    // With a long interval, the lease lasts longer than the outage.
    let cycle = ("SMART_POLL_INTERVAL", "20");
    // The leader does not notice the outage, so it does not store everything again afterwards.
    let (patient, hasty) = ([("REDIS_TIMEOUT_MS", "10000"), cycle], [("REDIS_TIMEOUT_MS", "500"), cycle]);
    let (leader, follower) = leader_and_follower_with(&sim, &mut redis, [&patient, &hasty]);
    sim.set("sda", &["failed=true"]);
    leader.drive_when("sda", "the leader has read it again", |drive| {
        redis.ask(&["DEL", "jbod:smart:sda", "jbod:last:smart:sda"]);
        drive["verdict"] == "crit"
    });
    let serial = let_sda_fail(&sim, &redis);
    let (outages, ends) = (follower.logged("redis unavailable"), follower.logged("redis available again"));
    redis.signal(Signal::STOP);
    wait_until("the follower notices the outage", || {
        follower.get("/api/drives/sdb");
        follower.logged("redis unavailable") > outages
    });
    redis.signal(Signal::CONT);
    wait_until("the outage ends", || follower.logged("redis available again") > ends);
    // The follower stores this reading after everything that it stores because of the end of the outage.
    redis.ask(&["DEL", "jbod:smart:sdc", "jbod:last:smart:sdc"]);
    follower.json("/api/drives/sdc");
    wait_until("the reading is stored", || {
        assert_crit(&follower, &redis, &serial);
        stored(&redis, "jbod:smart:sdc").is_some()
    });
    assert_crit(&follower, &redis, &serial);
}

#[test]
fn a_follower_does_not_store_its_older_readings_in_an_empty_redis() {
    let (sim, mut redis) = (Sim::small(), Redis::absent());
    let settings = [PATIENT, ("SMART_POLL_INTERVAL", "20")];
    let (leader, follower) = leader_and_follower_with(&sim, &mut redis, [&settings, &settings]);
    sim.set("sda", &["failed=true"]);
    leader.drive_when("sda", "the leader has read it again", |drive| {
        redis.ask(&["DEL", "jbod:smart:sda", "jbod:last:smart:sda"]);
        drive["verdict"] == "crit"
    });
    let_sda_fail(&sim, &redis);
    let daemons = [&leader, &follower];
    let outages: Vec<usize> = daemons.iter().map(|drive| drive.logged("redis unavailable")).collect();
    redis.kill();
    wait_until("both notice the outage", || {
        let noticed = daemons.iter().zip(&outages).filter(|(daemon, before)| {
            daemon.get("/api/drives/sdb");
            daemon.logged("redis unavailable") > **before
        });
        noticed.count() == 2
    });
    sim.set("all", &["latency_ms=4000"]);
    redis.up();
    give_lease(&redis, &follower);
    follower.wait_logged("became leader");
    eventually("the failing drive is stored again", || {
        let document = stored(&redis, "jbod:smart:sda")?;
        assert_eq!(document["verdict"], "crit", "{document}");
        Some(())
    });
}

/// A client that sends requests and reads no response, until the daemon reads no more of them.
fn client_that_does_not_read(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream.set_nonblocking(true).expect("a socket that does not wait");
    let requests = "GET /api/overview HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100);
    let mut failed_in_a_row = 0;
    wait_until("the daemon reads no more", || {
        failed_in_a_row += 1;
        while stream.write(requests.as_bytes()).is_ok() {
            failed_in_a_row = 0;
        }
        failed_in_a_row > 10
    });
    stream
}

#[test]
fn clients_that_do_not_read_delay_neither_others_nor_the_stop() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[PATIENT]);
    // One more than there are workers.
    let clients: Vec<TcpStream> = (0..5).map(|_| client_that_does_not_read(daemon.port)).collect();
    daemon.json("/api/overview");
    let (status, log) = daemon.stop(Signal::TERM);
    assert!(status.success(), "{status}: {log}");
    drop(clients);
}

#[test]
fn a_drive_in_back_off_keeps_its_key_and_is_marked_as_stale() {
    let (sim, mut redis) = (Sim::small(), Redis::start());
    let settings = [PATIENT, ("SMART_TIMEOUT", "1"), ("SMART_CACHE_TTL", "5"), ("SMART_POLL_INTERVAL", "2")];
    let daemon = Daemon::ready(&sim, &redis, &settings);
    let read = daemon.drive_when("sda", "the drive is stored", |_| stored(&redis, "jbod:smart:sda").is_some());
    sim.set("sda", &["hang=true"]);
    let silent = daemon.drive_when("sda", "the drive does not answer", |drive| !drive["error"].is_null());
    assert_eq!(silent["serial_number"], read["serial_number"]);
    let starts = sim.starts_of(&text(&silent["serial_number"]));
    let mut stale_sweeps = BTreeSet::new();
    wait_until("its values are stale for three sweeps", || {
        assert!(redis.pttl("jbod:smart:sda") > 0, "the key has expired: {:?}", redis.keys());
        let response = daemon.get("/api/drives/sda");
        assert_eq!((response.status, response.cache()), (200, "HIT"), "{}", response.text());
        let shown = response.json();
        assert_eq!(shown["collected_at"], silent["collected_at"], "{shown}");
        assert!(!shown["error"].is_null() && !shown["temperature_celsius"].is_null(), "{shown}");
        if shown["stale"] == true {
            stale_sweeps.insert(text(&daemon.json("/api/overview")["sweep"]["started_at"]));
        }
        stale_sweeps.len() > 3
    });
    assert_eq!(sim.starts_of(&text(&silent["serial_number"])), starts, "smartctl was started in the back-off");
    redis.kill();
    let response = daemon.get("/api/drives/sda");
    assert_eq!(response.json()["stale"], true, "{}: {}", response.cache(), response.text());
}

/// The folder of a drive's sg device in sysfs.
#[track_caller]
fn sg_folder(root: &Path, device: &str, sg: &str) -> PathBuf {
    let path = root.join(format!("sys/block/{device}/device/scsi_generic/{sg}"));
    std::fs::canonicalize(path).unwrap_or_else(|error| panic!("{device} {sg}: {error}"))
}

#[track_caller]
fn rename(from: &Path, to: &Path) {
    std::fs::rename(from, to).unwrap_or_else(|error| panic!("{} to {}: {error}", from.display(), to.display()));
}

/// Exchanges the sg numbers of two drives, whose block device names stay the same. No name belongs to the wrong drive at any
/// time: in between, the drives have none.
fn exchange_sg_numbers(sim: &Sim, (one, one_sg): (&str, &str), (two, two_sg): (&str, &str)) {
    let root = sim.root();
    let (of_one, of_two) = (sg_folder(root, one, one_sg), sg_folder(root, two, two_sg));
    let (between_one, between_two) = (root.join("sys/between-one"), root.join("sys/between-two"));
    rename(&of_one, &between_one);
    rename(&of_two, &between_two);
    let nodes = root.join("sim/node");
    rename(&nodes.join(one_sg), &nodes.join("between"));
    rename(&nodes.join(two_sg), &nodes.join(one_sg));
    rename(&nodes.join("between"), &nodes.join(two_sg));
    rename(&between_one, &of_one.with_file_name(two_sg));
    rename(&between_two, &of_two.with_file_name(one_sg));
    for (device, sg) in [(one, two_sg), (two, one_sg)] {
        let dir = std::fs::canonicalize(root.join(format!("sys/block/{device}/device"))).expect("a SCSI device");
        let below = dir.strip_prefix(std::fs::canonicalize(root.join("sys")).expect("sys")).expect("below sys");
        let class = root.join("sys/class/scsi_generic").join(sg);
        for (link, target) in [
            (class, Path::new("../..").join(below).join("scsi_generic").join(sg)),
            (dir.join("generic"), Path::new("scsi_generic").join(sg)),
        ] {
            std::fs::remove_file(&link).expect("the old link is removed");
            symlink(target, &link).expect("the new link is created");
        }
    }
}

fn readings(runs: &[Run], sg: &str, serial: &str) -> usize {
    runs.iter().filter(|run| run.node == sg && run.serial == serial).count()
}

#[test]
fn exchanged_sg_numbers_show_no_wrong_drive() {
    let (sim, redis) = (Sim::small(), Redis::start());
    sim.set("sdb", &["failed=true", "temperature=58"]);
    let daemon = Daemon::ready(&sim, &redis, &SHORT_CYCLE);
    let truth = [(serial_at(&sim, "sda"), "sda", "ok"), (serial_at(&sim, "sdb"), "sdb", "crit")];
    exchange_sg_numbers(&sim, ("sda", "sg0"), ("sdb", "sg1"));
    let moved_at = sim.runs().len();
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
        let runs = &sim.runs()[moved_at..];
        readings(runs, "sg1", &truth[0].0) > 1 && readings(runs, "sg0", &truth[1].0) > 1
    });
    for (serial, device, _) in &truth {
        let shown = daemon.drive_when(device, "its readings are accepted again", |drive| drive["error"].is_null());
        assert_eq!(shown["serial_number"], serial.as_str());
    }
}

/// Adds a second namespace of the first NVMe controller to sysfs.
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
    let before = sweep_of(&second.json("/api/overview"));
    wait_until("its first sweep is complete", || {
        let ready = second.get("/readyz");
        assert_eq!(ready.status, 200, "{}\n{}", ready.text(), second.log());
        second.logged("became leader") > 0 && sweep_of(&second.json("/api/overview")) != before
    });
}

#[test]
fn after_a_restart_the_stored_types_are_passed_to_smartctl() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[PATIENT]);
    let truth = sim.list();
    wait_until("every drive is stored", || {
        truth.iter().all(|drive| stored(&redis, &format!("jbod:smart:{}", text(&drive["devices"][0]))).is_some())
    });
    daemon.stop(Signal::TERM);
    sim.set("all", &["standby=true"]);
    let before = sim.runs().len();
    let _daemon = Daemon::ready(&sim, &redis, &[PATIENT]);
    wait_until("smartctl was started on every drive", || sim.runs().len() >= before + truth.len());
    for run in &sim.runs()[before..] {
        let drive = truth.iter().find(|drive| drive["serial"] == run.serial.as_str()).expect("a drive");
        let kind = if drive["kind"] == "sata" { "sat" } else { "scsi" };
        assert_eq!(run.told_type(), Some(kind), "{run:?}");
    }
    assert_eq!(sim.woken(), [""; 0]);
}

#[test]
fn lists_of_sleeping_drives_have_the_age_of_their_values() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &SHORT_CYCLE);
    sim.set("all", &["standby=true"]);
    daemon.overview_when("all drives sleep", |overview| drives(overview).all(|drive| drive["state"] == "standby"));
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
fn scan_does_not_show_a_bay_as_empty_that_the_shelf_reports_as_occupied() {
    let sim = Sim::small();
    sim.set("bay/0/2", &["status=OK"]);
    let ended = run(command(&sim, 1).arg("scan"));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for (bay, text) in [("2", "(no drive, the shelf reports OK)"), ("5", "(empty)")] {
        let mut rows = ended.stdout.lines().filter(|line| line.split_whitespace().next() == Some(bay));
        assert!(rows.next().is_some_and(|row| row.contains(text)), "bay {bay}: {}", ended.stdout);
    }
}

#[test]
fn a_request_target_in_absolute_form_has_the_same_response() {
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
fn the_daemon_listens_on_a_host_name() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::listening(command(&sim, redis.port).env("JBOD_LISTEN", "localhost:0"));
    let port = daemon.port;
    assert_eq!(daemon.get("/healthz").status, 200);
    let mut client = Client::connect(port).expect("a connection");
    let request = format!("GET /healthz HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
    assert_eq!(client.raw(request.as_bytes(), false).expect("an answer").status, 200);
    assert!(daemon.stop(Signal::TERM).0.success());
}

/// Each request is the first one after the names were swapped, so nothing has read the links before.
#[test]
fn a_request_by_serial_number_after_names_were_swapped_has_the_right_drive() {
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
