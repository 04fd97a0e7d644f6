//! Drives that hang and a smartctl that misbehaves in every way there is, on many drives at once: the API
//! answers, the other drives stay fresh, nothing is left running, and what was cured is read again.

use crate::support;

use jbod_monitor::domain::inventory::Outcome;
use jbod_monitor::probe::smartctl::{self, Options};
use jbod_monitor::probe::{Host, drives};
use jbod_monitor::stop::Stop;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use support::daemon::{Daemon, children_of};
use support::eventually;
use support::json::{drive, drives as shown};
use support::load::{Load, assert_answered};
use support::redis::Redis;
use support::rng::Rng;
use support::sim::Sim;

const PATHS: [&str; 4] = ["/api/overview", "/api/drives", "/api/drives/sda", "/api/map.txt"];
/// No answer may take that long, on a machine however busy: beyond it somebody waits for a drive.
const HUNG: Duration = Duration::from_secs(5);
const PATIENT: (&str, &str) = ("REDIS_TIMEOUT_MS", "2000");

/// What an answer is, and how it ends: all 1,024 lead where the table says.
#[test]
fn every_exit_status_with_every_kind_of_output_leads_to_one_state() {
    let sim = Sim::small();
    let host = Host { root: sim.root().to_owned(), smartctl: None, zpool: None };
    let drive = drives::discover(&host).expect("drives can be looked at").into_iter().next().expect("a drive");
    let path = drive.paths[0].clone();
    let whole = Command::new(sim.tool("smartctl")).args(["--json=c", "-a", "--", &path.node]).output().expect("runs");
    std::fs::write(sim.root().join("good"), &whole.stdout).expect("written");
    std::fs::write(sim.root().join("cut"), &whole.stdout[..whole.stdout.len() / 2]).expect("written");
    std::fs::write(sim.root().join("none"), "Segmentation fault\n").expect("written");
    std::fs::write(sim.root().join("empty"), "").expect("written");
    // The case is told as the drive's type: STATUS-KIND.
    let script = format!("#!/bin/sh\ncat {}/\"${{6#*-}}\"\nexit \"${{6%%-*}}\"\n", sim.root().display());
    let host = Host { smartctl: Some(sim.script("odd-smartctl", &script)), ..host };
    let (options, stop) =
        (Options { timeout: Duration::from_secs(30), nocheck: "standby" }, Stop::new().expect("a stop"));
    for status in 0..=255u8 {
        for kind in ["good", "empty", "cut", "none"] {
            let case = format!("{status}-{kind}");
            let answer = smartctl::read(&host, &drive, &path, Some(&case), options, &stop);
            match (kind, &answer.outcome) {
                ("good", Outcome::Good(report)) => {
                    assert_eq!(report.exit_status.0, Some(status), "{case}: what it ended with is told");
                    assert!(answer.raw.is_some() && report.serial_number.is_some(), "{case}");
                }
                ("empty" | "cut" | "none", Outcome::Failed(why)) => {
                    let begin = format!("smartctl printed no JSON, exit status {status}");
                    assert!(why.to_string().starts_with(&begin), "{case}: {why}");
                    assert!(answer.raw.is_none(), "{case}");
                }
                (_, other) => panic!("{case} leads to {other:?}"),
            }
            assert!(answer.stuck.is_none() && !answer.stopped, "{case}");
        }
    }
}

/// The rack of 78 drives, and six more that stand apart and behave.
fn rack(paths: &str) -> (Sim, Vec<String>, Vec<String>) {
    let shape = "--enclosures 2 --bays 42 --drives 78 --nvme 6 --pools 0 --paths";
    let sim = Sim::host(&shape.split(' ').chain([paths]).collect::<Vec<_>>());
    let serials = |nvme: bool| {
        let all = sim.list().into_iter().filter(|d| (d["kind"] == "nvme") == nvme);
        all.map(|d| d["serial"].as_str().expect("serial").to_owned()).collect()
    };
    let (bad, good) = (serials(false), serials(true));
    (sim, bad, good)
}

fn is_fine(overview: &Value, serials: &[String]) -> bool {
    serials.iter().all(|s| {
        let seen = drive(overview, s);
        seen["error"].is_null() && seen["state"] == "active" && !seen["temperature_celsius"].is_null()
    })
}

fn all_say(overview: &Value, serials: &[String], error: &str) -> bool {
    serials.iter().all(|s| drive(overview, s)["error"].as_str().is_some_and(|e| e.contains(error)))
}

/// When each of them was read last, the earliest.
fn read_at(overview: &Value, serials: &[String]) -> String {
    let wanted: HashSet<&str> = serials.iter().map(String::as_str).collect();
    let of_those = shown(overview).filter(|d| d["serial_number"].as_str().is_some_and(|s| wanted.contains(s)));
    of_those.map(|d| d["collected_at"].as_str().unwrap_or_default().to_owned()).min().unwrap_or_default()
}

#[track_caller]
fn assert_no_child(daemon: &Daemon, sim: &Sim, what: &str) {
    // Between two sweeps; a zombie would be there for good.
    eventually(&format!("{what}: no child is left"), || {
        (daemon.children().is_empty() && sim.processes().is_empty()).then_some(())
    });
}

/// What is done, how it is undone, and what is said of it.
type Way<'a> = (&'a str, Box<dyn Fn(bool) + 'a>, &'a str);

/// A tool, or all its answers, go bad on 78 drives and come right again: within two rounds each time.
#[test]
fn a_misbehaving_smartctl_affects_only_its_readings() {
    let (sim, bad, good) = rack("2");
    let tool = sim.tool("smartctl");
    let (aside, text) = (sim.root().join("bin/aside"), sim.root().join("bin/text"));
    std::fs::write(&text, "no program\n").expect("written");
    std::fs::set_permissions(&text, PermissionsExt::from_mode(0o644)).expect("set");
    let all = |pair: &'static str| {
        let key = pair.split('=').next().unwrap_or_default();
        let sim = &sim;
        Box::new(move |on: bool| sim.set("bays", &[if on { pair.to_owned() } else { format!("{key}=") }.as_str()]))
    };
    // Another file takes its place at once, as when a package is upgraded.
    let instead = |other: &Path| {
        let (tool, aside, other) = (tool.clone(), aside.clone(), other.to_owned());
        Box::new(move |on: bool| {
            if on {
                std::fs::rename(&tool, &aside).expect("moved aside");
                symlink(&other, &tool).expect("another in its place");
            } else {
                std::fs::rename(&aside, &tool).expect("moved back");
            }
        })
    };
    let gone = Box::new(|on: bool| sim.set("smartctl", &[if on { "gone=true" } else { "gone=" }]));
    let ways: Vec<Way> = vec![
        ("1 GB of output", all("output_bytes=1073741824"), "output exceeds 262144 bytes"),
        ("only errors, 1 TB of them", all("stderr_bytes=1099511627776"), "output exceeds 262144 bytes"),
        ("SIGSEGV", all("segv=true"), "ended by signal 11"),
        ("a grandchild that holds the pipe", all("hang_fork=true"), ""),
        ("removed and back", gone, "cannot start"),
        ("not executable", instead(&text), "cannot start"),
        ("another program", instead(Path::new("/bin/true")), "printed no JSON, exit status 0"),
    ];
    let redis = Redis::start();
    let settings = [PATIENT, ("SMART_POLL_INTERVAL", "1"), ("SMART_TIMEOUT", "20")];
    let daemon = Daemon::ready(&sim, &redis, &settings);
    let first = daemon.json("/api/overview");
    assert!(is_fine(&first, &bad) && is_fine(&first, &good), "all is well at first");
    for (what, set, error) in ways {
        let lines = daemon.log().lines().count();
        let begun = Instant::now();
        let load = Load::start(daemon.port, &PATHS);
        set(true);
        let is_of_tool = error.starts_with("cannot start") || error.contains("exit status");
        let overview = if error.is_empty() {
            daemon.after_sweeps(2)
        } else {
            daemon.overview_when(&format!("{what}: all drives say so"), |o| all_say(o, &bad, error))
        };
        if error.is_empty() {
            assert!(is_fine(&overview, &bad), "{what}: their answers count");
        }
        let took = Duration::from_millis(overview["sweep"]["took_ms"].as_u64().expect("a time"));
        assert!(took < Duration::from_secs(20), "{what}: the round ends: {took:?}");
        assert_eq!(overview["totals"]["drives"], 84, "{what}");
        for serial in &bad {
            assert_eq!(
                drive(&overview, serial)["temperature_celsius"],
                drive(&first, serial)["temperature_celsius"],
                "{what}"
            );
        }
        if is_of_tool {
            daemon.after_sweeps(1);
        } else {
            let before = read_at(&overview, &good);
            daemon.overview_when(&format!("{what}: the others are read on"), |o| {
                is_fine(o, &good) && read_at(o, &good) > before
            });
        }
        // It is said when it begins, in the two rounds over which it may spread, and then no more.
        let said = daemon.log().lines().count() - lines;
        assert!(said <= 30 && (said >= 1 || error.is_empty()), "{what}: {said} lines: {}", daemon.log());
        set(false);
        // The round that is under way, and two more.
        daemon.after_sweeps(3);
        let overview = daemon.json("/api/overview");
        assert!(is_fine(&overview, &bad) && is_fine(&overview, &good), "{what}: all are read again: {}", daemon.log());
        assert_answered(&format!("{what}, {:?}", begun.elapsed()), &load.end(), HUNG);
        assert_no_child(&daemon, &sim, what);
        assert!(daemon.log().lines().count() - lines <= 60, "{what}: {}", daemon.log());
    }
    // What has left the group is not ended with it: no smartctl does that. But it holds nobody up, and its
    // answer counts.
    sim.set("bays", &["fork_setsid=true"]);
    let before = sim.starts().len();
    eventually("each was asked", || (sim.starts().len() > before + 84).then_some(()));
    sim.set("bays", &["fork_setsid="]);
    let overview = daemon.after_sweeps(1);
    assert!(is_fine(&overview, &bad), "{}", daemon.log());
    let (status, log) = daemon.stop(Signal::TERM);
    assert!(status.success(), "{log}");
    eventually("no run of the tool itself is left", || sim.processes().is_empty().then_some(()));
}

/// Counts the daemon's children until it is asked for the most there were.
struct Census {
    over: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl Census {
    fn start(daemon: &Daemon) -> Self {
        let (over, pid) = (Arc::new(AtomicBool::new(false)), daemon.pid().as_raw_nonzero().get().unsigned_abs());
        let is_over = Arc::clone(&over);
        let count = move || {
            let mut most = 0;
            while !is_over.load(Ordering::Relaxed) {
                // The rest asks the shelves, or is about to become one.
                most = most.max(children_of(pid).iter().filter(|c| !c.ends_with("exe")).count());
                std::thread::sleep(Duration::from_millis(50));
            }
            most
        };
        Self { over, thread: std::thread::Builder::new().spawn(count).expect("a thread") }
    }

    fn most(self) -> usize {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().expect("a count")
    }
}

/// `VmRSS` in MiB.
fn memory(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid().as_raw_nonzero())).expect("status");
    let line = status.lines().find(|l| l.starts_with("VmRSS")).expect("VmRSS");
    line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).expect("a number") / 1024
}

/// All 78 drives behind one SCSI host hang, some so that only SIGKILL ends their smartctl.
struct Hang {
    sim: Sim,
    bad: Vec<String>,
    daemon: Daemon,
    _redis: Redis,
}

#[track_caller]
fn all_of_a_host_hang() -> Hang {
    let (sim, bad, good) = rack("1");
    let redis = Redis::start();
    let settings = [PATIENT, ("SMART_POLL_INTERVAL", "1"), ("SMART_TIMEOUT", "5")];
    let daemon = Daemon::ready(&sim, &redis, &settings);
    let first = daemon.json("/api/overview");
    assert!(is_fine(&first, &bad) && is_fine(&first, &good), "all is well at first");
    let lines = daemon.log().lines().count();
    let (load, census) = (Load::start(daemon.port, &PATHS), Census::start(&daemon));
    sim.set("bays", &["hang=true"]);
    for serial in bad.iter().step_by(10) {
        sim.set(serial, &["hang_ignore_term=true"]);
    }
    daemon.overview_when("all of them say so", |o| bad.iter().all(|s| !drive(o, s)["error"].is_null()));
    let overview = daemon.overview_when("all are given up", |o| o["totals"]["by_state"]["unresponsive"] == 78);
    for serial in &bad {
        let (seen, last) = (drive(&overview, serial), drive(&first, serial));
        assert_eq!(seen["temperature_celsius"], last["temperature_celsius"], "its last values stay: {seen}");
        assert_eq!(seen["verdict"], "unknown", "silence is not health: {seen}");
    }
    assert!(all_say(&overview, &bad, "SCSI host 0 does not respond"), "{overview}");
    let took = Duration::from_millis(overview["sweep"]["took_ms"].as_u64().expect("a time"));
    assert!(took < Duration::from_secs(20), "the round ends: {took:?}");
    let before = read_at(&overview, &good);
    daemon.overview_when("the others are read on", |o| is_fine(o, &good) && read_at(o, &good) > before);
    let most = census.most();
    // zpool has a seat of its own.
    assert!(most <= 16 + 1, "{most} children at once");
    assert_answered(&format!("78 drives of one host hang, {most} children at most"), &load.end(), HUNG);
    let log = daemon.log();
    assert_eq!(daemon.logged("scsi host unresponsive host=0"), 1, "{log}");
    assert!(log.lines().count() - lines <= 20, "one event, no flood: {log}");
    assert_no_child(&daemon, &sim, "given up");
    sim.set("bays", &["hang="]);
    sim.set("bays", &["hang_ignore_term="]);
    Hang { sim, bad, daemon, _redis: redis }
}

/// A silent host is one event; a drive that is plugged in shows at once that it is over.
#[test]
fn an_unresponsive_scsi_host_does_not_delay_other_hosts() {
    let Hang { sim, bad, daemon, _redis } = all_of_a_host_hang();
    let bay = |d: &Value| format!("bay/{}/{}", d["enclosure"], d["bay"]);
    let place = sim.list().iter().find(|d| d["serial"] == bad[0].as_str()).map(bay).expect("it is here");
    sim.pull(&[&bad[0]]);
    daemon.overview_when("it is missed", |o| drive(o, &bad[0])["state"] == "missing");
    sim.insert(&[&place]);
    daemon.wait_logged("scsi host responds again host=0");
    daemon.after_sweeps(2);
    daemon.overview_when("all are read again", |o| is_fine(o, &bad));
    assert!(daemon.stop(Signal::TERM).0.success());
}

/// Without any help: one drive tries after two minutes, the others follow with the next round.
#[test]
#[ignore = "waits out the two minutes that a drive is left alone after a timeout"]
fn a_scsi_host_that_responds_again_is_read_within_two_minutes_and_two_sweeps() {
    let hang = all_of_a_host_hang();
    let Hang { bad, daemon, .. } = &hang;
    let cured = Instant::now();
    while !is_fine(&daemon.json("/api/overview"), bad) {
        assert!(cured.elapsed() < Duration::from_secs(180), "{}", daemon.log());
        std::thread::sleep(Duration::from_millis(200));
    }
    println!("read again {:?} after the cure", cured.elapsed());
    assert_eq!(daemon.logged("scsi host responds again host=0"), 1, "{}", daemon.log());
}

/// Waits as `overview_when`, but looks seldom: to understand so long an answer keeps a processor busy.
#[track_caller]
fn seldom(daemon: &Daemon, what: &str, wanted: impl Fn(&HashMap<&str, &Value>) -> bool) -> Value {
    eventually(what, || {
        std::thread::sleep(Duration::from_millis(500));
        let overview = daemon.json("/api/overview");
        let by_serial = shown(&overview).filter_map(|d| Some((d["serial_number"].as_str()?, d))).collect();
        let is_so = wanted(&by_serial);
        is_so.then_some(overview)
    })
}

/// What smartctl may take of those 1,000: an answer that takes as long has waited for it.
const TIMEOUT: Duration = Duration::from_secs(3);

/// 1,000 drives, of which so many hang.
#[track_caller]
fn of_a_thousand(hang: usize) {
    let shape = "--enclosures 24 --bays 42 --drives 1000 --paths 1 --nvme 0 --pools 0";
    let sim = Sim::host(&shape.split(' ').collect::<Vec<_>>());
    let serials = sim.list().into_iter().filter_map(|d| text(&d["serial"]));
    let redis = Redis::start();
    let settings = [
        PATIENT,
        ("SMART_POLL_INTERVAL", "2"),
        ("SMART_TIMEOUT", "3"),
        ("SMART_CONCURRENCY", "16"),
        ("SMART_CONCURRENCY_PER_HOST", "16"),
    ];
    let daemon = Daemon::ready(&sim, &redis, &settings);
    let (mut bad, mut good) = (Vec::new(), Vec::new());
    for (n, serial) in serials.enumerate() {
        let step = 1_000 / hang;
        if n % step == 0 && bad.len() < hang { bad.push(serial) } else { good.push(serial) }
    }
    assert_eq!((bad.len(), good.len()), (hang, 1_000 - hang));
    let (load, census, at_first) = (Load::start(daemon.port, &PATHS), Census::start(&daemon), memory(&daemon));
    if good.is_empty() {
        sim.set("bays", &["hang=true"]);
    } else {
        for serial in &bad {
            sim.set(serial, &["hang=true"]);
        }
    }
    let overview = seldom(&daemon, "all of them say so", |by_serial| {
        bad.iter().all(|s| by_serial.get(s.as_str()).is_some_and(|d| !d["error"].is_null()))
    });
    let before = read_at(&overview, &good);
    let overview = seldom(&daemon, "the others stay fresh", |by_serial| {
        good.iter().all(|s| {
            let seen = by_serial.get(s.as_str());
            seen.is_some_and(|d| d["error"].is_null() && d["collected_at"].as_str() > Some(before.as_str()))
        })
    });
    assert_eq!(shown(&overview).count(), 1_000);
    let (most, now) = (census.most(), memory(&daemon));
    assert!(most <= 16 + 1, "{most} children at once");
    assert!(now < at_first + 64, "{at_first} MiB, then {now} MiB");
    let what = format!("{hang} of 1000 hang, {most} children at most, {at_first} and {now} MiB");
    assert_answered(&what, &load.end(), TIMEOUT);
    assert!(daemon.log().lines().count() < 60, "{}", daemon.log());
    let (status, log) = daemon.stop(Signal::TERM);
    assert!(status.success(), "{log}");
    eventually("nothing is left running", || sim.processes().is_empty().then_some(()));
}

#[test]
fn of_1000_drives_78_hang() {
    of_a_thousand(78);
}

#[test]
#[ignore = "takes a minute; one of 78 and 78 of 1,000 are tested"]
fn of_1000_drives_one_hangs() {
    of_a_thousand(1);
}

#[test]
#[ignore = "takes several minutes; 78 of 1,000 are tested"]
fn of_1000_drives_all_hang() {
    of_a_thousand(1_000);
}

/// Drives are pulled, put in and exchanged 200 times under load: under every name there is the drive that
/// has it, with its own values, or none.
#[test]
fn two_hundred_swaps_never_show_another_drives_data() {
    let sim = Sim::small();
    let redis = Redis::start();
    let daemon = Daemon::ready(&sim, &redis, &[PATIENT, ("SMART_POLL_INTERVAL", "1")]);
    let load = Load::start(daemon.port, &PATHS);
    let (mut dice, mut news, mut compared) = (Rng::of(7), 0, 0);
    for round in 0..200 {
        let here: Vec<Value> = sim.list().into_iter().filter(|d| !d["devices"][0].is_null()).collect();
        let one = dice.one(&here);
        let (serial, device) = (text(&one["serial"]).expect("serial"), text(&one["devices"][0]).expect("a name"));
        let bay = format!("bay/0/{}", one["bay"]);
        match dice.below(4) {
            0 => {
                let others: Vec<String> =
                    here.iter().filter_map(|d| text(&d["devices"][0])).filter(|d| *d != device).collect();
                sim.swap_letters(&device, dice.one::<String>(&others));
            }
            // Out, and the same one in again.
            1 => {
                sim.pull(&[&serial]);
                sim.insert(&[&bay]);
            }
            // Out, and another in its place and under its letter.
            _ => {
                sim.pull(&[&serial]);
                news += 1;
                sim.insert(&[&bay, "--serial", &format!("NEW{news:05}")]);
            }
        }
        let truth: Vec<Value> = sim.list().into_iter().filter(|d| !d["devices"][0].is_null()).collect();
        assert_eq!(truth.len(), 4);
        for wanted in &truth {
            for id in [&wanted["devices"][0], &wanted["serial"]].map(|id| text(id).expect("a name")) {
                let response = daemon.get(&format!("/api/drives/{id}"));
                if response.status == 200 {
                    compared += 1;
                    assert_is(&response.json(), wanted, &format!("round {round}: {id}"));
                } else {
                    assert!([404, 503].contains(&response.status), "round {round}: {id}: {}", response.text());
                }
            }
        }
        // A list may be a moment old, but each entry is of one drive.
        for seen in shown(&daemon.json("/api/overview")) {
            if let Some(wanted) = truth.iter().find(|d| d["serial"] == seen["serial_number"]) {
                assert_is(seen, wanted, &format!("round {round}: overview"));
            }
        }
    }
    println!("200 swaps, {news} new drives, {compared} drives compared");
    assert!(compared > 800, "most were shown: {compared}");
    assert_answered("200 swaps", &load.end(), HUNG);
    let truth: Vec<Value> = sim.list().into_iter().filter(|d| !d["devices"][0].is_null()).collect();
    daemon.overview_when("everything settles", |o| {
        truth.iter().all(|d| {
            let seen = drive(o, d["serial"].as_str().unwrap_or_default());
            seen["device"] == d["devices"][0] && seen["power_on_hours"] == d["hours"] && seen["slot"] == d["bay"]
        })
    });
    assert_eq!(daemon.logged("panicked"), 0, "{}", daemon.log());
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// The drive itself, with its own values or none.
#[track_caller]
fn assert_is(seen: &Value, wanted: &Value, what: &str) {
    assert_eq!(seen["serial_number"], wanted["serial"], "{what}: {seen}");
    let hours = &seen["power_on_hours"];
    assert!(hours.is_null() || *hours == wanted["hours"], "{what}: {seen}");
    let raw = &seen["smartctl"]["serial_number"];
    assert!(raw.is_null() || *raw == wanted["serial"], "{what}: smartctl's JSON is of {raw}");
}

/// A drive is pulled while it is read, and put back before that reading ends: it is read anew, and what was asked before it
/// went is never shown as its reading. The silence of the first one does not quarantine it either.
#[test]
fn a_reading_from_before_a_removal_is_not_used_after_reinsertion() {
    for silent in [false, true] {
        let (sim, redis) = (Sim::small(), Redis::start());
        let timeout = ("SMART_TIMEOUT", if silent { "8" } else { "60" });
        let daemon = Daemon::ready(&sim, &redis, &[PATIENT, ("SMART_POLL_INTERVAL", "2"), timeout]);
        let serial = text(&sim.list()[0]["serial"]).expect("a serial");
        sim.set(&serial, if silent { &["hang_ignore_term=true"] } else { &["latency_ms=8000"] });
        let starts = sim.starts_of(&serial);
        eventually("it is being read", || (sim.starts_of(&serial) > starts).then_some(()));
        let read_at = |drive: &Value| {
            let at = drive["collected_at"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
            at.map_or(0, jiff::Timestamp::as_second)
        };
        let before = read_at(&daemon.json(&format!("/api/drives/{serial}")));
        let running = || sim.runs().iter().any(|run| run.serial == serial && run.end.is_none());
        sim.pull(&["bay/0/0"]);
        daemon.drive_when(&serial, "it is missed", |d| d["state"] == "missing");
        sim.set(&serial, if silent { &["hang_ignore_term="] } else { &["latency_ms="] });
        assert!(running(), "its child still runs");
        let inserted = jiff::Timestamp::now().as_second();
        sim.insert(&["bay/0/0"]);
        eventually("it is read", || {
            let drive = daemon.json(&format!("/api/drives/{serial}"));
            assert!(
                drive["state"] != "unresponsive" && drive["error"].as_str().is_none_or(|e| !e.contains("no answer"))
            );
            let read = read_at(&drive);
            assert!(read == before || read >= inserted, "{before} {inserted} {silent}: {drive}\n{}", daemon.log());
            (drive["state"] == "active" && read >= inserted).then_some(())
        });
    }
}
