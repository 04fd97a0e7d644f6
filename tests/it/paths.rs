//! Drives with several paths: if a path fails, the drive is read over another one, and the failure is shown until the
//! path works again.

use crate::support;
use crate::support::wait_until;

use serde_json::{Value, json};
use support::daemon::{Daemon, command, run};
use support::json::{drive, drives, list, text};
use support::redis::Redis;
use support::sim::Sim;

/// An enclosure with `count` drives, each of them behind SCSI hosts 0 and 1.
fn shelf(count: usize) -> Sim {
    let count = count.to_string();
    Sim::host(&["--enclosures", "1", "--bays", &count, "--drives", &count, "--paths", "2", "--nvme", "0"])
}

fn serial(sim: &Sim, bay: usize) -> String {
    let list = sim.list();
    text(&list.iter().find(|drive| drive["bay"] == bay).expect("a drive in the bay")["serial"]).to_owned()
}

/// Working and expected paths, and the codes of the findings.
fn paths(drive: &Value) -> (u64, u64, Vec<&str>) {
    let [working, expected] =
        ["working_paths", "expected_paths"].map(|field| drive[field].as_u64().unwrap_or_default());
    let codes = list(drive, "findings").map(|finding| text(&finding["code"])).collect();
    (working, expected, codes)
}

/// The node of the path over that SCSI host.
fn node(sim: &Sim, serial: &str, host: usize) -> String {
    let list = sim.list();
    let drive = list.iter().find(|drive| drive["serial"] == serial).expect("the drive");
    text(&drive["sg"][host]).to_owned()
}

fn starts_on(sim: &Sim, node: &str) -> usize {
    sim.starts().iter().filter(|(started_on, _)| started_on == node).count()
}

#[test]
fn a_path_that_fails_is_a_finding_and_the_drive_is_read() {
    let sim = shelf(2);
    let serial = serial(&sim, 0);
    let redis = Redis::start();
    let daemon = Daemon::ready(&sim, &redis, &[("SMART_POLL_INTERVAL", "1"), ("SMART_TIMEOUT", "2")]);
    assert_eq!(paths(&daemon.json(&format!("/api/drives/{serial}"))), (2, 2, vec![]));

    let faults = [
        ("offline", "the kernel reports "),
        ("fails", "smartctl reported no serial number"),
        ("hangs", "smartctl: no answer within 2 s"),
    ];
    for (number, (fault, error)) in faults.into_iter().enumerate() {
        let node = node(&sim, &serial, 0);
        sim.set(&serial, &[&format!("path0={fault}")]);
        let shown = daemon.drive_when(&serial, &format!("{fault}: a path is lost"), |drive| paths(drive).0 == 1);
        assert_eq!(paths(&shown), (1, 2, vec!["P1"]), "{fault}");
        assert_eq!(
            (&shown["verdict"], &shown["state"], &shown["error"]),
            (&"warn".into(), &"active".into(), &Value::Null)
        );
        let failed = list(&shown, "path_states").find(|path| path["scsi_host"] == 0).expect("the path");
        assert_eq!(failed["status"], "failed", "{fault}");
        assert!(text(&failed["error"]).contains(error), "{fault}: {failed}");
        let other = list(&shown, "path_states").find(|path| path["scsi_host"] == 1).expect("the path");
        assert_eq!(other["status"], "working", "{fault}");
        // The drive is read over the other path only.
        let before = starts_on(&sim, &node);
        daemon.after_sweeps(3);
        assert_eq!(starts_on(&sim, &node), before, "{fault}: starts on the failed path");
        assert_eq!(daemon.json(&format!("/api/drives/{serial}"))["error"], Value::Null);

        sim.set(&serial, &["path0="]);
        if fault == "offline" {
            daemon.drive_when(&serial, "the path works again", |drive| paths(drive) == (2, 2, vec![]));
        } else {
            // Its back-off ends when the kernel shows the path again.
            sim.pull(&[&serial, "--path", "0"]);
            daemon.drive_when(&serial, "the path is missing", |drive| {
                list(drive, "path_states").any(|path| path["status"] == "missing")
            });
            sim.insert(&["bay/0/0"]);
            daemon.drive_when(&serial, "the path has returned", |drive| paths(drive) == (2, 2, vec![]));
        }
        // The log follows the list after a sweep. A loss that begins before that is not a second event.
        wait_until("the loss ends", || daemon.logged("drive regained a path") == number + 1);
    }
    assert_eq!(daemon.logged("drive unreadable"), 0, "{}", daemon.log());
    assert_eq!(daemon.logged("drive lost a path"), 3, "{}", daemon.log());
}

#[test]
fn a_failed_hba_is_one_event_and_its_drives_are_read() {
    let sim = shelf(16);
    let redis = Redis::start();
    let daemon = Daemon::ready(&sim, &redis, &[("SMART_POLL_INTERVAL", "1")]);
    sim.set("bays", &["path1=transport-offline"]);
    daemon.wait_logged("drives lost a path count=16 host=1 paths=1 state=transport-offline");
    let overview = daemon.after_sweeps(2);
    for drive in drives(&overview) {
        assert_eq!((paths(drive), &drive["error"]), ((1, 2, vec!["P1"]), &Value::Null), "{drive}");
    }
    let metrics = daemon.get("/metrics").text();
    for (name, value) in [("jbod_device_working_paths", " 1"), ("jbod_device_expected_paths", " 2")] {
        let series: Vec<&str> = metrics.lines().filter(|line| line.starts_with(&format!("{name}{{"))).collect();
        assert!(series.len() == 16 && series.iter().all(|line| line.ends_with(value)), "{series:?}");
    }
    sim.set("bays", &["path1="]);
    daemon.wait_logged("drives regained a path count=16 host=1 paths=2");
    assert_eq!(daemon.logged("a path"), 2, "{}", daemon.log());
}

/// No command reaches the drive, so its last-known values are no verdict.
#[test]
fn a_drive_whose_paths_are_all_offline_is_unresponsive() {
    let sim = shelf(2);
    let serial = serial(&sim, 0);
    let redis = Redis::start();
    let daemon = Daemon::ready(&sim, &redis, &[("SMART_POLL_INTERVAL", "1")]);
    sim.set(&serial, &["path0=transport-offline", "path1=offline"]);
    let shown = daemon.drive_when(&serial, "it is unresponsive", |drive| drive["state"] == "unresponsive");
    assert_eq!((&shown["verdict"], paths(&shown)), (&"unknown".into(), (0, 2, vec![])), "{shown}");
    assert!(text(&shown["error"]).contains("the kernel reports "), "{shown}");
    assert!(shown["collected_at"].is_string(), "the values are kept with their time: {shown}");
    daemon.wait_logged("drive unresponsive");
    sim.set(&serial, &["path1="]);
    let shown = daemon.drive_when(&serial, "it is read", |drive| drive["state"] == "active");
    assert_eq!((&shown["error"], paths(&shown)), (&Value::Null, (1, 2, vec!["P1"])), "{shown}");
}

/// A lost path remains lost across a restart, even if it was the primary one.
#[test]
fn a_lost_path_is_remembered_across_a_restart() {
    let redis = Redis::start();
    for (host, number) in [("0", 0), ("1", 1)] {
        let sim = shelf(2);
        let serial = serial(&sim, 0);
        let settings = [("SMART_POLL_INTERVAL", "1"), ("JBOD_KEY_PREFIX", host)];
        let daemon = Daemon::ready(&sim, &redis, &settings);
        daemon.after_sweeps(1);
        drop(daemon);

        sim.pull(&[&serial, "--path", host]);
        let daemon = Daemon::ready(&sim, &redis, &settings);
        let shown = daemon.drive_when(&serial, "the path is missing", |drive| paths(drive).0 == 1);
        assert_eq!(paths(&shown), (1, 2, vec!["P1"]), "{host}");
        let missing = list(&shown, "path_states").find(|path| path["status"] == "missing").expect("the path");
        assert!(missing["missing_since"].is_string() && missing["scsi_host"] == number, "{missing}");
        daemon.wait_logged("drive lost a path");
        drop(daemon);

        // It is known to a daemon that has never seen the path, too.
        let daemon = Daemon::ready(&sim, &redis, &settings);
        daemon.drive_when(&serial, "the path is still missing", |drive| paths(drive) == (1, 2, vec!["P1"]));
        sim.insert(&["bay/0/0"]);
        daemon.drive_when(&serial, "the path has returned", |drive| paths(drive) == (2, 2, vec![]));
    }
}

#[test]
fn every_controller_of_an_nvme_subsystem_is_a_path() {
    let sim = Sim::host(&["--enclosures", "1", "--bays", "2", "--drives", "1", "--nvme", "1"]);
    let drives = sim.list();
    let nvme = drives.iter().find(|drive| drive["kind"] == "nvme").expect("an NVMe drive");
    let serial = text(&nvme["serial"]).to_owned();
    sim.set(&serial, &["controllers=2"]);
    let redis = Redis::start();
    let daemon = Daemon::ready(&sim, &redis, &[("SMART_POLL_INTERVAL", "1")]);
    let shown = daemon.drive_when(&serial, "both controllers are used", |drive| {
        list(drive, "path_states").filter(|path| path["status"] == "working").count() == 2
    });
    assert_eq!(shown["paths"], json!(["nvme0n1"]));
    assert_eq!(paths(&shown), (2, 2, vec![]));

    sim.set(&serial, &["path0=dead"]);
    let shown = daemon.drive_when(&serial, "a controller is lost", |drive| paths(drive).0 == 1);
    assert_eq!((paths(&shown), &shown["error"]), ((1, 2, vec!["P1"]), &Value::Null));
    daemon.wait_logged("path=nvme0 paths=1 state=dead");
    sim.set(&serial, &["path0="]);
    daemon.drive_when(&serial, "the controller has returned", |drive| paths(drive) == (2, 2, vec![]));
}

#[test]
fn scan_reads_over_the_path_that_works() {
    let sim = shelf(4);
    sim.set("bays", &["path0=fails"]);
    let ended = run(command(&sim, 1).args(["scan", "--json"]));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let overview: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(drives(&overview).count(), 4);
    for drive in drives(&overview) {
        assert_eq!(drive["error"], Value::Null, "{drive}");
    }
    let serial = serial(&sim, 1);
    let shown = drive(&overview, &serial);
    assert_ne!(shown["verdict"], "unknown", "{shown}");
    wait_until("no process of a tool remains", || sim.processes().is_empty());
}
