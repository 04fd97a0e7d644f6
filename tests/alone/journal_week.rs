//! The journal of a healthy day and of a week with many faults, simulated at high speed.
//!
//! Each takes minutes, so they are run by name only: `cargo test --test alone journal_week -- --ignored --nocapture`.
//! `JOURNAL_SWEEPS` sets how many sweeps the day has.

use crate::support;

use serde_json::Value;
use std::time::{Duration, Instant};
use support::journal::{Journald, ready};
use support::redis::Redis;
use support::sim::Sim;

/// A day has 960 sweeps at an interval of 90 s.
const SWEEPS: usize = 960;
/// After this number of sweeps drives fall asleep, wake, and change their temperature.
const HOUR: usize = 40;
/// An unresponsive SCSI host is tried every two minutes.
const LONG: Duration = Duration::from_secs(400);

fn serials(sim: &Sim) -> Vec<String> {
    sim.list().iter().map(|drive| drive["serial"].as_str().expect("a serial number").to_owned()).collect()
}

/// Waits until the journal has `text` in this number of lines.
#[track_caller]
fn wait_logged(journald: &Journald, text: &str, times: usize) {
    let until = Instant::now() + LONG;
    while journald.ctl(&["-o", "cat"]).lines().filter(|line| line.contains(text)).count() < times {
        assert!(Instant::now() < until, "not logged {times} times: {text}\n{}", journald.ctl(&["-o", "short"]));
        std::thread::sleep(Duration::from_millis(100));
    }
}

const OURS: &str = "SYSLOG_IDENTIFIER=jbod-monitor";

#[test]
#[ignore = "takes a second for each sweep"]
fn a_healthy_day_logs_at_most_five_lines() {
    let sweeps: usize = match std::env::var("JOURNAL_SWEEPS") {
        Ok(text) => text.parse().expect("a number"),
        Err(_) => SWEEPS,
    };
    let (sim, redis) = (Sim::small(), Redis::start());
    let journald = Journald::start();
    let daemon = ready(&sim, &redis, Some(&journald.folder()), &[]);
    let serials = serials(&sim);
    let begun = Instant::now();
    for hour in 1..=sweeps.div_ceil(HOUR) {
        let (asleep, awake) = (&serials[hour % serials.len()], &serials[(hour + 1) % serials.len()]);
        sim.set(asleep, &["standby=true"]);
        sim.set(awake, &["standby=", &format!("temperature={}", 28 + hour % 8)]);
        while sim.starts_of(&serials[0]) < (hour * HOUR).min(sweeps) {
            assert!(begun.elapsed() < Duration::from_secs(30) * u32::try_from(sweeps).expect("fits"), "too few sweeps");
            std::thread::sleep(Duration::from_millis(500));
        }
    }
    let lines = journald.ctl(&[OURS, "-o", "short-precise"]);
    println!("{} sweeps in {} s\n{lines}", sim.starts_of(&serials[0]), begun.elapsed().as_secs());
    assert!(lines.lines().count() <= 5, "{lines}");
    assert_eq!(daemon.log(), "");
}

/// Serial number and bay (`bay/0/5`) of each drive in an enclosure.
fn drives_of(drives: &[Value], enclosure: u64) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for drive in drives.iter().filter(|drive| drive["enclosure"] == enclosure) {
        let serial = drive["serial"].as_str().expect("a serial number").to_owned();
        found.push((serial, format!("bay/{enclosure}/{}", drive["bay"])));
    }
    found
}

#[test]
#[ignore = "takes several minutes"]
fn a_bad_week_is_logged_in_order() {
    let options = "--enclosures 2 --bays 8 --drives 12 --paths 1 --sata 2 --ssd 0 --nvme 0 --pools 1 --vdev-width 4";
    let (sim, mut redis) = (Sim::host(&options.split(' ').collect::<Vec<_>>()), Redis::start());
    let journald = Journald::start();
    let settings = [("SMART_TIMEOUT", "2"), ("SMART_POLL_INTERVAL", "2")];
    let daemon = ready(&sim, &redis, Some(&journald.folder()), &settings);
    let drives = sim.list();
    let first = drives_of(&drives, 0);
    let [(failing, failing_bay), (hanging, _), ..] = first.as_slice() else { panic!("two drives") };
    let empty = (1..9).map(|bay| format!("bay/0/{bay}")).find(|bay| first.iter().all(|(_, taken)| taken != bay));
    let empty = empty.expect("an empty bay");

    // Monday: a drive begins to fail. Tuesday: it is replaced.
    sim.set(failing, &["grown_defects=30"]);
    wait_logged(&journald, "drive wa", 1);
    sim.set(failing, &["failed=true"]);
    wait_logged(&journald, "drive crit", 1);
    sim.pull(&[failing]);
    wait_logged(&journald, "state=DEGRADED", 1);
    sim.insert(&[failing_bay, "--serial", "NEWDRIVE01"]);
    wait_logged(&journald, "drive replaced", 1);
    // Wednesday: an enclosure is unresponsive.
    sim.set("enclosure/1", &["silent=true"]);
    wait_logged(&journald, "shelf unresponsive", 1);
    sim.set("enclosure/1", &["silent="]);
    wait_logged(&journald, "shelf responds again", 1);
    // Thursday: a drive hangs, and is put into another bay.
    sim.set(hanging, &["hang=true"]);
    wait_logged(&journald, "drive unreadable", 1);
    sim.pull(&[hanging]);
    wait_logged(&journald, "drive missing", 2);
    sim.set(hanging, &["hang="]);
    sim.insert(&[&empty, "--serial", hanging]);
    wait_logged(&journald, "drive moved", 1);
    wait_logged(&journald, "drive ok", 1);
    // Friday: Redis is unavailable. Saturday: all drives sleep.
    redis.kill();
    wait_logged(&journald, "redis unavailable", 1);
    redis.up();
    wait_logged(&journald, "redis available again", 1);
    sim.set("all", &["standby=true"]);
    daemon.overview_when("all sleep", |overview| overview["totals"]["by_state"]["standby"] == 12);
    sim.set("all", &["standby="]);
    daemon.overview_when("all are awake", |overview| overview["totals"]["by_state"]["active"] == 12);
    // Sunday: a SCSI host is unresponsive.
    let second = drives_of(&drives, 1);
    for (serial, _) in &second {
        sim.set(serial, &["hang=true"]);
    }
    wait_logged(&journald, "scsi host unresponsive", 1);
    for (serial, _) in &second {
        sim.set(serial, &["hang="]);
    }
    wait_logged(&journald, "scsi host responds again", 1);

    println!("{}", journald.ctl(&[OURS, "-o", "short"]));
    for serial in [failing, hanging, &second[0].0] {
        println!("journalctl JBOD_SERIAL={serial}\n{}", journald.ctl(&[&format!("JBOD_SERIAL={serial}")]));
    }
    let lines = journald.ctl(&[OURS, "-o", "cat"]).lines().count();
    assert!(lines < 60, "{lines} lines");
}
