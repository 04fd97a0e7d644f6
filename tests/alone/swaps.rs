//! Drives are pulled, inserted, exchanged and renamed, also while they are read: no drive is shown with the values of
//! another one, or with a reading from before its removal.

use crate::support;

use jiff::Timestamp;
use serde_json::Value;
use std::time::Duration;
use support::daemon::Daemon;
use support::json::{drive, drives, text};
use support::load::{Load, assert_answered};
use support::redis::Redis;
use support::rng::Rng;
use support::sim::Sim;
use support::wait_until;

/// A response that takes as long, on a machine however busy, has waited for a drive.
const HUNG: Duration = Duration::from_secs(5);
const LONG_TIMEOUT: (&str, &str) = ("REDIS_TIMEOUT_MS", "2000");

/// The drives that have a block device.
fn present(sim: &Sim) -> Vec<Value> {
    let mut drives = sim.list();
    drives.retain(|drive| !drive["devices"][0].is_null());
    drives
}

/// Two drives exchange their names, a drive is pulled and inserted again, or another one is inserted in its place.
fn swap(sim: &Sim, rng: &mut Rng, new_drives: &mut u32) {
    let present = present(sim);
    let one = rng.one(&present);
    let (serial, device, bay) = (text(&one["serial"]), text(&one["devices"][0]), format!("bay/0/{}", one["bay"]));
    match rng.below(4) {
        0 => {
            let names = present.iter().map(|drive| text(&drive["devices"][0]));
            let others: Vec<&str> = names.filter(|name| *name != device).collect();
            sim.swap_letters(device, rng.one::<&str>(&others));
        }
        1 => {
            sim.pull(&[serial]);
            sim.insert(&[&bay]);
        }
        _ => {
            sim.pull(&[serial]);
            *new_drives += 1;
            sim.insert(&[&bay, "--serial", &format!("NEW{new_drives:05}")]);
        }
    }
}

/// 200 swaps under load: each name and serial number leads to the drive that has it, with its own values or none.
#[test]
fn two_hundred_swaps_never_show_another_drives_data() {
    let sim = Sim::small();
    let redis = Redis::start();
    let daemon = Daemon::ready(&sim, &redis, &[LONG_TIMEOUT, ("SMART_POLL_INTERVAL", "1")]);
    let load = Load::start(daemon.port, &["/api/overview", "/api/drives", "/api/drives/sda", "/api/map.txt"]);
    let (mut rng, mut new_drives, mut compared) = (Rng::of(7), 0, 0);
    for round in 0..200 {
        swap(&sim, &mut rng, &mut new_drives);
        let truth = present(&sim);
        assert_eq!(truth.len(), 4);
        for expected in &truth {
            for id in [&expected["devices"][0], &expected["serial"]].map(text) {
                let response = daemon.get(&format!("/api/drives/{id}"));
                if response.status == 200 {
                    compared += 1;
                    assert_is(&response.json(), expected, &format!("round {round}: {id}"));
                } else {
                    assert!([404, 503].contains(&response.status), "round {round}: {id}: {}", response.text());
                }
            }
        }
        // A list may be older, but each of its entries is of one drive.
        for shown in drives(&daemon.json("/api/overview")) {
            if let Some(expected) = truth.iter().find(|drive| drive["serial"] == shown["serial_number"]) {
                assert_is(shown, expected, &format!("round {round}: overview"));
            }
        }
    }
    println!("200 swaps, {new_drives} new drives, {compared} drives compared");
    assert!(compared > 800, "only {compared} drives were shown");
    assert_answered("200 swaps", &load.end(), HUNG);
    let truth = present(&sim);
    daemon.overview_when("every drive has its name, bay and values", |overview| {
        truth.iter().all(|expected| {
            let shown = drive(overview, text(&expected["serial"]));
            shown["device"] == expected["devices"][0]
                && shown["power_on_hours"] == expected["hours"]
                && shown["slot"] == expected["bay"]
        })
    });
    assert_eq!(daemon.logged("panicked"), 0, "{}", daemon.log());
}

/// Fails unless it is the expected drive, with its own values or none.
#[track_caller]
fn assert_is(shown: &Value, expected: &Value, what: &str) {
    assert_eq!(shown["serial_number"], expected["serial"], "{what}: {shown}");
    let hours = &shown["power_on_hours"];
    assert!(hours.is_null() || *hours == expected["hours"], "{what}: {shown}");
    let printed = &shown["smartctl"]["serial_number"];
    assert!(printed.is_null() || *printed == expected["serial"], "{what}: smartctl's JSON is of {printed}");
}

/// The time of the last reading in seconds; 0 without one.
fn read_at(drive: &Value) -> i64 {
    let Some(text) = drive["collected_at"].as_str() else { return 0 };
    text.parse::<Timestamp>().expect("a time").as_second()
}

/// A drive is pulled while it is read, and inserted before that run of smartctl ends. The run gives neither a reading
/// nor a timeout of the inserted drive.
#[test]
fn a_reading_from_before_a_removal_is_not_used_after_reinsertion() {
    for (timeout, begin, end) in
        [("60", "latency_ms=8000", "latency_ms="), ("8", "hang_ignore_term=true", "hang_ignore_term=")]
    {
        let (sim, redis) = (Sim::small(), Redis::start());
        let settings = [LONG_TIMEOUT, ("SMART_POLL_INTERVAL", "2"), ("SMART_TIMEOUT", timeout)];
        let daemon = Daemon::ready(&sim, &redis, &settings);
        let list = sim.list();
        let serial = text(&list[0]["serial"]);
        let path = format!("/api/drives/{serial}");
        sim.set(serial, &[begin]);
        let starts = sim.starts_of(serial);
        wait_until("the drive is being read", || sim.starts_of(serial) > starts);
        let before = read_at(&daemon.json(&path));
        sim.pull(&["bay/0/0"]);
        daemon.drive_when(serial, "the drive is missing", |drive| drive["state"] == "missing");
        sim.set(serial, &[end]);
        assert!(sim.runs().iter().any(|run| run.serial == serial && run.end.is_none()), "smartctl still runs");
        let inserted = Timestamp::now().as_second();
        sim.insert(&["bay/0/0"]);
        wait_until("the inserted drive is read", || {
            let drive = daemon.json(&path);
            assert_ne!(drive["state"], "unresponsive", "{begin}: {drive}");
            assert!(!text(&drive["error"]).contains("no answer"), "{begin}: {drive}");
            let read = read_at(&drive);
            assert!(read == before || read >= inserted, "{begin}, {before}, {inserted}: {drive}\n{}", daemon.log());
            drive["state"] == "active" && read >= inserted
        });
    }
}
