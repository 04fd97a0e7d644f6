//! A healthy day and a bad week, played at speed, and what the journal says of them.
//!
//! Not run with the others, because each takes minutes: `cargo test --test alone journal_week -- --ignored --nocapture`.
//! `JOURNAL_SWEEPS` sets how many sweeps the day has.

use crate::support;

use std::time::{Duration, Instant};
use support::journal::{Journald, ready};
use support::redis::Redis;
use support::sim::Sim;

/// 90 s apart, these are a day.
const SWEEPS: usize = 960;
/// Drives that fall asleep and wake, and get warmer and colder, every so many sweeps.
const HOUR: usize = 40;
/// A host that was silent is tried every two minutes.
const LONG: Duration = Duration::from_secs(400);

fn serials(sim: &Sim) -> Vec<String> {
    sim.list().iter().map(|d| d["serial"].as_str().expect("a serial number").to_owned()).collect()
}

/// Waits for a line of the journal, as many as that.
#[track_caller]
fn told(journald: &Journald, text: &str, times: usize) {
    let until = Instant::now() + LONG;
    while journald.ctl(&["-o", "cat"]).lines().filter(|line| line.contains(text)).count() < times {
        assert!(Instant::now() < until, "never told {times} times: {text}\n{}", journald.ctl(&["-o", "short"]));
        std::thread::sleep(Duration::from_millis(100));
    }
}

const OURS: &str = "SYSLOG_IDENTIFIER=jbod-monitor";

#[test]
#[ignore = "takes a second for each sweep"]
fn a_healthy_day_logs_at_most_five_lines() {
    let sweeps: usize = std::env::var("JOURNAL_SWEEPS").map_or(SWEEPS, |n| n.parse().expect("a number"));
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
            assert!(begun.elapsed() < Duration::from_secs(30) * u32::try_from(sweeps).expect("fits"), "it sweeps");
            std::thread::sleep(Duration::from_millis(500));
        }
    }
    let lines = journald.ctl(&[OURS, "-o", "short-precise"]);
    println!("{} sweeps in {} s\n{lines}", sim.starts_of(&serials[0]), begun.elapsed().as_secs());
    assert!(lines.lines().count() <= 5, "a handful:\n{lines}");
    assert_eq!(daemon.log(), "");
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
    let in_bay = |enclosure: u64, bay: usize| {
        let here: Vec<_> = drives.iter().filter(|d| d["enclosure"] == enclosure).collect();
        let text = |what: &str| here[bay][what].to_string().trim_matches('"').to_owned();
        (text("serial"), format!("bay/{enclosure}/{}", text("bay")))
    };
    let empty = (0..9).map(|bay| format!("bay/0/{bay}"));
    let taken: Vec<String> =
        drives.iter().filter(|d| d["enclosure"] == 0).map(|d| format!("bay/0/{}", d["bay"])).collect();
    let empty = empty.skip(1).find(|bay| !taken.contains(bay)).expect("an empty bay");

    // Monday: a drive begins to fail. Tuesday: it is replaced.
    let (failing, failing_bay) = in_bay(0, 0);
    sim.set(&failing, &["grown_defects=30"]);
    told(&journald, "drive wa", 1);
    sim.set(&failing, &["failed=true"]);
    told(&journald, "drive crit", 1);
    sim.pull(&[&failing]);
    told(&journald, "state=DEGRADED", 1);
    sim.insert(&[&failing_bay, "--serial", "NEWDRIVE01"]);
    told(&journald, "drive replaced", 1);
    // Wednesday: a shelf's processor hangs.
    sim.set("enclosure/1", &["silent=true"]);
    told(&journald, "shelf unresponsive", 1);
    sim.set("enclosure/1", &["silent="]);
    told(&journald, "shelf responds again", 1);
    // Thursday: a drive hangs, and is put into another bay.
    let (hanging, _) = in_bay(0, 1);
    sim.set(&hanging, &["hang=true"]);
    told(&journald, "drive unreadable", 1);
    sim.pull(&[&hanging]);
    told(&journald, "drive missing", 2);
    sim.set(&hanging, &["hang="]);
    sim.insert(&[&empty, "--serial", &hanging]);
    told(&journald, "drive moved", 1);
    told(&journald, "drive ok", 1);
    // Friday: Redis goes and comes. Saturday: everybody sleeps.
    redis.kill();
    told(&journald, "redis unavailable", 1);
    redis.up();
    told(&journald, "redis available again", 1);
    sim.set("all", &["standby=true"]);
    daemon.overview_when("all sleep", |o| o["totals"]["by_state"]["standby"] == 12);
    sim.set("all", &["standby="]);
    daemon.overview_when("all are awake", |o| o["totals"]["by_state"]["active"] == 12);
    // Sunday: an adapter stalls.
    let behind = drives.iter().filter(|d| d["enclosure"] == 1).map(|d| d["serial"].as_str().expect("one"));
    let behind: Vec<&str> = behind.collect();
    for serial in &behind {
        sim.set(serial, &["hang=true"]);
    }
    told(&journald, "scsi host unresponsive", 1);
    for serial in &behind {
        sim.set(serial, &["hang="]);
    }
    told(&journald, "scsi host responds again", 1);

    println!("{}", journald.ctl(&[OURS, "-o", "short"]));
    for serial in [&failing, &hanging, &behind[0].to_owned()] {
        println!("journalctl JBOD_SERIAL={serial}\n{}", journald.ctl(&[&format!("JBOD_SERIAL={serial}")]));
    }
    let lines = journald.ctl(&[OURS, "-o", "cat"]).lines().count();
    assert!(lines < 60, "{lines} lines");
}
