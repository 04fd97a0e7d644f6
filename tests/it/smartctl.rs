//! Readings of drives through a real fork and exec: the values of smartctl are shown, a faulty drive does not affect
//! others, and no drive is read more often than necessary.

use crate::support;
use crate::support::wait_until;

use rustix::process::Signal;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use support::daemon::Daemon;
use support::json::{drive, drives, text};
use support::redis::Redis;
use support::sim::Sim;

/// One enclosure with one path: SAS drives, some SATA, no SSD, no pools.
fn shelf(drives: &str, sata: &str) -> Sim {
    let shape = ["--enclosures", "1", "--bays", "24", "--paths", "1", "--ssd", "0", "--nvme", "0", "--pools", "0"];
    let all: Vec<&str> = shape.into_iter().chain(["--drives", drives, "--sata", sata]).collect();
    Sim::host(&all)
}

fn serials(sim: &Sim, kind: &str) -> Vec<String> {
    let all = sim.list().into_iter().filter(|drive| kind.is_empty() || drive["kind"] == kind);
    all.map(|drive| drive["serial"].as_str().expect("serial").to_owned()).collect()
}

/// The drive is read, and its own values are shown.
#[track_caller]
fn assert_good(overview: &Value, truth: &[Value], serial: &str) {
    let seen = drive(overview, serial);
    let wanted = truth.iter().find(|drive| drive["serial"] == serial).expect("a drive of the host");
    assert_eq!((&seen["state"], &seen["error"]), (&"active".into(), &Value::Null), "{serial}: {seen}");
    assert_eq!(seen["temperature_celsius"], wanted["temperature"], "{serial}");
    assert_eq!(seen["power_on_hours"], wanted["hours"], "{serial}");
}

fn is_good(overview: &Value, truth: &[Value], serial: &str) -> bool {
    let seen = drive(overview, serial);
    let Some(wanted) = truth.iter().find(|drive| drive["serial"] == serial) else { return false };
    seen["state"] == "active" && seen["temperature_celsius"] == wanted["temperature"]
}

/// No process of a tool remains, not even a zombie.
#[track_caller]
fn wait_nothing_left(sim: &Sim) {
    wait_until("no process of a tool remains", || sim.left_over().is_empty());
}

#[test]
fn a_drive_that_never_answers_does_not_delay_others() {
    let sim = shelf("12", "3");
    let (truth, all) = (sim.list(), serials(&sim, ""));
    let (hung, ignores_term) = (&all[2], &all[5]);
    sim.set(hung, &["hang=true"]);
    sim.set(ignores_term, &["hang_ignore_term=true"]);
    let bad = [hung, ignores_term];
    let settings = [("SMART_TIMEOUT", "10"), ("SMART_POLL_INTERVAL", "1")];
    let daemon = Daemon::start(&sim, &Redis::absent(), &settings);

    let others: Vec<&String> = all.iter().filter(|serial| !bad.contains(serial)).collect();
    let overview = daemon.overview_when("all others are read while two hang", |overview| {
        others.iter().all(|serial| is_good(overview, &truth, serial))
            && bad.iter().all(|serial| drive(overview, serial)["state"] == "reading")
    });
    for serial in &others {
        assert_good(&overview, &truth, serial);
    }
    let overview = daemon.overview_when("the hanging drives are unresponsive", |overview| {
        bad.iter().all(|serial| drive(overview, serial)["state"] == "unresponsive")
            && !overview["sweep"]["started_at"].is_null()
    });
    for serial in bad {
        let seen = drive(&overview, serial);
        assert!(text(&seen["error"]).contains("no answer within 10 s"), "{seen}");
        assert!(seen["temperature_celsius"].is_null() && seen["collected_at"].is_null(), "{seen}");
        assert_eq!(seen["verdict"], "unknown", "a drive that does not answer is not healthy: {seen}");
    }
    assert_eq!(overview["sweep"]["timed_out"], 2);
    assert_eq!(overview["totals"]["by_state"]["unresponsive"], 2);

    // In the back-off, only the other drives are read.
    let overview = daemon.after_sweeps(4);
    for serial in bad {
        assert_eq!(sim.starts_of(serial), 1, "{serial} is in its back-off");
        assert_eq!(drive(&overview, serial)["state"], "unresponsive");
    }
    for serial in &others {
        assert_good(&overview, &truth, serial);
        assert!(sim.starts_of(serial) > 2, "{serial} is read in every sweep");
    }
    wait_until("no child is left", || daemon.children().is_empty());
    let (status, log) = daemon.stop(Signal::TERM);
    assert!(status.success(), "{log}");
    wait_nothing_left(&sim);
    sim.assert_only_reading();
}

/// One drive with each kind of fault, after a valid reading of all.
#[test]
fn each_faulty_drive_has_an_error_and_keeps_its_last_values() {
    const PREFIX: &str = "stdout_prefix=Pending defect count:0 Pending Defects\n";
    let sim = shelf("22", "8");
    let (sas, sata) = (serials(&sim, "sas"), serials(&sim, "sata"));
    let redis = Redis::start();
    let settings = [("SMART_TIMEOUT", "2"), ("SMART_POLL_INTERVAL", "1"), ("SMART_CACHE_TTL", "3")];
    let daemon = Daemon::ready(&sim, &redis, &settings);
    let before = daemon.json("/api/overview");
    let truth = sim.list();
    for serial in sas.iter().chain(&sata) {
        assert_good(&before, &truth, serial);
    }

    // Drives without new values, and the error; `None` for sleeping drives, which have no error.
    let without: [(&str, &str, Option<&str>); 9] = [
        (&sas[0], "hang=true", Some("no answer within 2 s")),
        (&sas[1], "hang_ignore_term=true", Some("no answer within 2 s")),
        (&sas[2], "output_bytes=10000000", Some("output exceeds 262144 bytes")),
        (&sas[3], "standby=true", None),
        (&sata[0], "standby=true", None),
        (&sas[4], "junk=no JSON at all", Some("smartctl printed no JSON, exit status 0: no JSON at all")),
        (&sas[5], "crash=true", Some("ended by signal 6")),
        (&sata[1], "no_passthrough=true", Some("no ATA pass-through")),
        (&sas[6], "junk=", Some("smartctl printed no JSON")),
    ];
    // Drives with a fault and valid values.
    let with = [
        (&sas[7], "hang_fork=true"),
        (&sas[8], "exit_status=4"),
        (&sata[2], "exit_status=64"),
        (&sata[3], "exit_status=32"),
        (&sata[4], "exit_status=128"),
        (&sata[5], "exit_status=255"),
        (&sas[9], PREFIX),
    ];
    for (serial, what, _) in without.iter().filter(|(_, what, _)| *what != "junk=") {
        sim.set(serial, &[what]);
    }
    for (serial, what) in with {
        sim.set(serial, &[what]);
    }
    sim.set(&sas[6], &[r#"junk={"json_format_version":[1,0],"smartctl":{"version":[7,4"#]);

    let overview = daemon.overview_when("every fault is shown", |overview| {
        without.iter().all(|(serial, _, why)| {
            let seen = drive(overview, serial);
            // Times are in whole seconds: the drive may have been read in the same second as its last values.
            let is_asked_again = seen["stale"] == true && seen["collected_at"] != seen["checked_at"];
            match why {
                Some(_) => !seen["error"].is_null() && is_asked_again,
                None => seen["state"] == "standby" && is_asked_again,
            }
        }) && overview["sweep"]["failed"].as_u64() >= Some(7)
    });
    // smartctl is not started again on hanging drives from here on.
    let starts: HashMap<&str, usize> = without.iter().map(|(serial, ..)| (*serial, sim.starts_of(serial))).collect();
    for (serial, what, why) in without {
        let (seen, last) = (drive(&overview, serial), drive(&before, serial));
        let error = seen["error"].as_str().unwrap_or_default();
        assert!(error.contains(why.unwrap_or_default()) && seen["error"].is_null() == why.is_none(), "{what}: {seen}");
        // A drive is unresponsive after three timeouts in a row, or if the first reading fails.
        let state = if why.is_some() { "active" } else { "standby" };
        assert_eq!(seen["state"], state, "{what}: {seen}");
        for field in ["temperature_celsius", "power_on_hours", "model_name", "user_capacity_bytes", "serial_number"] {
            assert_eq!(seen[field], last[field], "{what}: {field} has changed");
        }
        assert!(!seen["collected_at"].is_null(), "{what}");
        assert!(
            seen["collected_at"].as_str() < seen["checked_at"].as_str(),
            "{what}: the time of its last values: {seen}"
        );
    }
    for (serial, _) in with {
        assert_good(&overview, &truth, serial);
    }
    for serial in sas.iter().chain(&sata) {
        let is_bad = without.iter().any(|(bad, ..)| bad == serial);
        if !is_bad {
            assert_good(&overview, &truth, serial);
        }
    }

    let overview = daemon.after_sweeps(3);
    for (serial, what, _) in without {
        if what.starts_with("hang") {
            assert_eq!(sim.starts_of(serial), starts[serial], "{what}: started in its back-off");
        }
    }
    assert_eq!(overview["totals"]["by_state"]["standby"], 2);
    assert_eq!(sim.woken(), Vec::<String>::new(), "drives that were woken");

    // Repaired drives are read again, except those in their back-off.
    for (serial, what, _) in without.iter().filter(|(_, what, _)| !what.starts_with("hang")) {
        sim.set(serial, &[&format!("{}=", what.split('=').next().unwrap_or_default())]);
    }
    daemon.overview_when("the repaired drives are read", |overview| {
        without.iter().all(|(serial, what, _)| {
            what.starts_with("hang") || is_good(overview, &truth, serial) && drive(overview, serial)["error"].is_null()
        })
    });
    let (status, log) = daemon.stop(Signal::TERM);
    assert!(status.success(), "{log}");
    wait_nothing_left(&sim);
    sim.assert_only_reading();
}

/// A reading with an identity but without health data is neither healthy nor empty.
#[test]
fn a_drive_that_is_not_ready_is_never_shown_as_healthy() {
    let sim = shelf("4", "0");
    let all = serials(&sim, "sas");
    let (always, later) = (&all[0], &all[1]);
    sim.set(always, &["not_ready=true"]);
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "1")]);
    let before = daemon.json("/api/overview");
    sim.set(later, &["not_ready=true"]);
    let overview = daemon
        .overview_when("the drive is reported as not ready", |overview| !drive(overview, later)["error"].is_null());
    for serial in [always, later] {
        let seen = drive(&overview, serial);
        assert!(text(&seen["error"]).contains("the drive is not ready"), "{seen}");
        assert_eq!(seen["serial_number"], serial.as_str());
    }
    assert_eq!(drive(&overview, always)["verdict"], "unknown", "{}", drive(&overview, always));
    let (seen, last) = (drive(&overview, later), drive(&before, later));
    assert_eq!(seen["temperature_celsius"], last["temperature_celsius"], "its last valid values: {seen}");
    assert_eq!(seen["power_on_hours"], last["power_on_hours"], "its last valid values: {seen}");
}

/// With disabled informational exceptions (mode page 1Ch, DEXCPT) smartctl reports "passed" for a drive that would not
/// report a failure. This is not a finding either: the counters of the drive are judged.
#[test]
fn a_drive_that_does_not_report_failures_has_not_passed() {
    let sim = shelf("3", "0");
    let [silent, failing, healthy] = serials(&sim, "sas").try_into().expect("three drives");
    sim.set(&silent, &["smart_off=true"]);
    sim.set(&failing, &["smart_off=true", "failed=true", "asc=93", "ascq=16"]);
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[]);
    let document = daemon.json(&format!("/api/drives/{silent}"));
    assert_eq!((&document["smart_status_passed"], &document["verdict"]), (&Value::Null, &"ok".into()), "{document}");
    let why = document["smart_status_not_judged"].as_str().expect("a reason");
    assert!(why.starts_with("informational exceptions are disabled"), "{why}");
    assert_eq!(document["smartctl"]["smart_status"]["passed"], true, "smartctl's JSON is unchanged");
    // A failure that it reports nevertheless is a finding.
    let document = daemon.json(&format!("/api/drives/{failing}"));
    let status = (&document["smart_status_passed"], &document["smart_status_not_judged"]);
    assert_eq!((status, &document["verdict"]), ((&false.into(), &Value::Null), &"crit".into()), "{document}");
    let document = daemon.json(&format!("/api/drives/{healthy}"));
    let status = (&document["smart_status_passed"], &document["smart_status_not_judged"]);
    assert_eq!(status, (&true.into(), &Value::Null), "{document}");
    let metrics = daemon.metrics();
    for (serial, expected) in [(&silent, None), (&failing, Some(0.0)), (&healthy, Some(1.0))] {
        let status = metrics.get("jbod_device_smart_status", &[("serial_number", serial)]);
        assert_eq!(status, expected, "{serial}");
    }
}

#[test]
fn values_are_shown_whatever_the_exit_status() {
    let statuses = ["4", "8", "32", "64", "128", "255"];
    let sim = shelf("6", "3");
    let all = serials(&sim, "");
    for (serial, status) in all.iter().zip(statuses) {
        sim.set(serial, &[&format!("exit_status={status}")]);
    }
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[]);
    let (overview, truth) = (daemon.json("/api/overview"), sim.list());
    for (serial, status) in all.iter().zip(statuses) {
        assert_good(&overview, &truth, serial);
        let shown = daemon.json(&format!("/api/drives/{serial}"));
        assert_eq!(shown["exit_status"]["value"].to_string(), status);
        let bits = shown["exit_status"]["bits"].as_array().map(Vec::len);
        assert_eq!(bits, status.parse::<u8>().ok().map(|status| status.count_ones() as usize), "{shown}");
    }
}

#[test]
fn a_sata_drive_without_pass_through_is_never_shown_as_healthy() {
    let sim = shelf("4", "2");
    let sata = serials(&sim, "sata");
    sim.set(&sata[0], &["no_passthrough=true"]);
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[]);
    let overview = daemon.json("/api/overview");
    let seen = drive(&overview, &sata[0]);
    assert!(text(&seen["error"]).contains("no ATA pass-through"), "{seen}");
    assert_eq!((&seen["verdict"], &seen["temperature_celsius"]), (&"unknown".into(), &Value::Null), "{seen}");
    assert_eq!((&seen["protocol"], &seen["serial_number"]), (&"ATA".into(), &sata[0].as_str().into()), "{seen}");
    assert_good(&overview, &sim.list(), &sata[1]);
}

/// A drive that sleeps when the daemon starts has no values.
#[test]
fn sleeping_drives_are_never_woken() {
    let sim = shelf("8", "4");
    let (sas, sata) = (serials(&sim, "sas"), serials(&sim, "sata"));
    let (at_first, later) = ([&sas[0], &sata[0]], [&sas[1], &sata[1]]);
    for serial in at_first {
        sim.set(serial, &["standby=true"]);
    }
    // smartctl distinguishes standby by command and by timer.
    sim.set(&sas[2], &["standby=timer"]);
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "1")]);
    let before = daemon.json("/api/overview");
    for serial in at_first {
        let seen = drive(&before, serial);
        assert_eq!((&seen["state"], &seen["error"]), (&"standby".into(), &Value::Null), "{seen}");
        assert!(seen["temperature_celsius"].is_null() && seen["collected_at"].is_null(), "{seen}");
    }
    for serial in later {
        sim.set(serial, &["standby=true"]);
    }
    daemon.overview_when("they are in standby", |overview| {
        later.iter().all(|serial| drive(overview, serial)["state"] == "standby")
    });
    for serial in at_first.into_iter().chain(later) {
        // A request for the drive does not wake it.
        assert_eq!(daemon.json(&format!("/api/drives/{serial}"))["state"], "standby");
    }
    let overview = daemon.after_sweeps(3);
    for serial in later {
        let (seen, last) = (drive(&overview, serial), drive(&before, serial));
        assert_eq!(seen["state"], "standby", "{seen}");
        assert_eq!(seen["temperature_celsius"], last["temperature_celsius"], "{seen}");
        assert!(seen["collected_at"].as_str() < seen["checked_at"].as_str(), "{seen}");
    }
    assert_eq!(overview["totals"]["by_state"]["standby"], 5);
    assert_eq!(sim.woken(), Vec::<String>::new());
    sim.assert_only_reading();
}

/// The SCSI host of each run, from the simulator's log.
fn hosts(sim: &Sim) -> HashMap<String, String> {
    let mut hosts = HashMap::new();
    for drive in sim.list() {
        let nodes = drive["sg"].as_array().into_iter().flatten();
        for (sg, address) in nodes.zip(drive["addresses"].as_array().into_iter().flatten()) {
            let (host, _) = text(address).split_once(':').expect("an address");
            hosts.insert(text(sg).to_owned(), host.to_owned());
        }
    }
    hosts
}

#[test]
fn the_number_of_children_is_limited() {
    for (settings, all, per_host) in [
        (&[("SMART_CONCURRENCY", "4"), ("SMART_CONCURRENCY_PER_HOST", "2")][..], 4, 2),
        (&[("SMART_CONCURRENCY", "3"), ("SMART_CONCURRENCY_PER_HOST", "8")], 3, 3),
        (&[], 16, 8),
    ] {
        let sim = Sim::rack();
        sim.set("smartctl", &["latency_ms=100", "jitter_ms=60"]);
        let daemon = Daemon::ready(&sim, &Redis::absent(), settings);
        assert_eq!(daemon.json("/api/overview")["totals"]["by_state"]["active"], 79);
        let runs = sim.runs();
        assert_eq!(runs.len(), 79, "{settings:?}: one run a drive");
        let most = sim.most_at_once(|_| true);
        assert!(most <= all && most > all / 4, "{settings:?}: {most} at once");
        let hosts = hosts(&sim);
        let each: HashSet<&String> = hosts.values().collect();
        assert!(each.len() > 1, "the rack has several SCSI hosts");
        for host in each {
            let most = sim.most_at_once(|run| hosts.get(&run.node) == Some(host));
            assert!(most <= per_host, "{settings:?}: {most} at once through host {host}");
        }
        let moments: HashSet<u64> = runs.iter().map(|run| run.started_ms).collect();
        assert!(moments.len() > 10, "{settings:?}: the starts are not distributed: {moments:?}");
    }
}

#[test]
fn a_detected_type_is_passed_to_smartctl() {
    let sim =
        Sim::host(&["--enclosures", "1", "--bays", "8", "--drives", "6", "--sata", "2", "--ssd", "1", "--pools", "0"]);
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "1")]);
    daemon.after_sweeps(2);
    for drive in sim.list() {
        let (serial, kind) = (drive["serial"].as_str().expect("serial"), drive["kind"].as_str().expect("kind"));
        let wanted = match kind {
            "sata" => "sat",
            "nvme" => "nvme",
            _ => "scsi",
        };
        let passed_types: Vec<Option<String>> = sim
            .runs()
            .iter()
            .filter(|run| run.serial == serial)
            .map(|run| run.told_type().map(str::to_owned))
            .collect();
        assert_eq!(passed_types[0], None, "{serial}: the type is unknown at first");
        assert!(
            passed_types.len() > 2 && passed_types[1..].iter().all(|kind| kind.as_deref() == Some(wanted)),
            "{serial}: {passed_types:?}"
        );
        let run = sim.runs().into_iter().find(|run| run.serial == serial).expect("a run");
        assert!(run.args.join(" ").contains("-n standby,3"), "{:?}", run.args);
        // The names and raw values of ATA attributes are read by the drive database, and by nothing else.
        for run in sim.runs().into_iter().filter(|run| run.serial == serial) {
            let needs_database = matches!(run.told_type(), None | Some("sat"));
            assert_eq!(run.is_without_database(), !needs_database, "{serial}: {:?}", run.args);
        }
        let node = if kind == "nvme" { "nvme" } else { "sg" };
        assert!(run.node.starts_with(node), "{serial} is read through {}", run.node);
    }
    sim.assert_only_reading();
}

/// Three unresponsive drives behind one SCSI host are one event of the host.
#[test]
fn an_unresponsive_scsi_host_is_one_line_in_the_log() {
    let sim = Sim::host(&[
        "--enclosures",
        "2",
        "--bays",
        "8",
        "--drives",
        "12",
        "--paths",
        "1",
        "--ssd",
        "0",
        "--nvme",
        "0",
        "--pools",
        "0",
    ]);
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "1"), ("SMART_TIMEOUT", "1")]);
    let truth = sim.list();
    let serials: Vec<&str> =
        truth.iter().filter(|drive| drive["enclosure"] == 0).map(|drive| text(&drive["serial"])).take(4).collect();
    for serial in &serials {
        sim.set(serial, &["hang=true"]);
    }
    daemon.overview_when("all four have an error", |overview| {
        serials.iter().all(|serial| !drive(overview, serial)["error"].is_null())
    });
    daemon.wait_logged("scsi host unresponsive");
    daemon.after_sweeps(3);
    assert_eq!(daemon.logged("scsi host unresponsive"), 1, "{}", daemon.log());
    for serial in serials {
        assert_eq!(daemon.logged(serial), 0, "{serial}: {}", daemon.log());
    }
    let overview = daemon.json("/api/overview");
    assert_eq!(drives(&overview).filter(|drive| drive["error"].is_null() && drive["state"] == "active").count(), 8);
}
