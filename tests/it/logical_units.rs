//! A drive with two actuators in all responses: one bay, one serial number, two logical units, each of them a member of
//! a pool.

use crate::support;

use crate::helpers::array;
use serde_json::{Value, json};
use support::daemon::Daemon;
use support::json::{drive, drives, list, text};
use support::redis::Redis;
use support::sim::Sim;

const CAPACITY: u64 = 14_000_519_643_136;

/// An enclosure with five drives, the first of which has two units. Each unit is in another one of two mirrors.
fn host(paths: &str, more: &[&str]) -> Sim {
    let options = ["--enclosures", "1", "--bays", "8", "--drives", "5", "--paths", paths, "--dual-actuator", "1"];
    let plain = ["--sata", "0", "--ssd", "0", "--nvme", "0", "--pools", "1", "--vdev-width", "2"];
    Sim::host(&[&options[..], &plain, more].concat())
}

fn serial(sim: &Sim) -> String {
    let drives = sim.list();
    let dual = drives.iter().find(|drive| list(drive, "units").count() == 2).expect("a drive with two units");
    text(&dual["serial"]).to_owned()
}

fn vdevs(drive: &Value) -> Vec<&str> {
    let mut vdevs: Vec<&str> = list(drive, "memberships").map(|membership| text(&membership["vdev"])).collect();
    vdevs.sort_unstable();
    vdevs
}

#[test]
fn every_response_shows_one_drive_with_two_units() {
    for (paths, more) in [("1", &[][..]), ("2", &[]), ("2", &["--multipath"]), ("2", &["--leaf", "by-vdev"])] {
        let sim = host(paths, more);
        let serial = serial(&sim);
        let daemon = Daemon::ready(&sim, &Redis::absent(), &[]);
        let overview = daemon.overview_when("both members are known", |overview| {
            drives(overview).any(|drive| drive["serial_number"] == serial && vdevs(drive) == ["mirror-0", "mirror-1"])
        });
        let context = format!("{paths} paths, {more:?}: {overview}");
        assert_eq!(overview["totals"]["drives"], 5, "{context}");
        assert!(list(&overview, "unslotted").next().is_none(), "{context}");
        let shown = drive(&overview, &serial);
        assert_eq!((&shown["slot"], &shown["verdict"]), (&json!(0), &json!("ok")), "{context}");
        assert_eq!(shown["user_capacity_bytes"], CAPACITY, "{context}");
        let paths: u32 = paths.parse().expect("a number");
        assert_eq!(list(shown, "paths").count(), 2 * paths as usize, "{context}");
        assert_eq!(array(shown, "units").len(), 2, "{context}");
        for (lun, unit) in list(shown, "units").enumerate() {
            assert_eq!((&unit["lun"], &unit["size_bytes"]), (&json!(lun), &json!(CAPACITY / 2)), "{context}");
            assert_eq!(list(unit, "paths").count(), paths as usize, "{context}");
        }

        // Its serial number and the names of all its block devices lead to the drive.
        let devices: Vec<&str> = array(shown, "paths").iter().map(text).collect();
        for name in devices.into_iter().chain([&*serial]) {
            let document = daemon.json(&format!("/api/drives/{name}"));
            assert_eq!(document["identity"]["unit_serial"], serial, "{name}: {document}");
            assert_eq!(document["user_capacity_bytes"], CAPACITY, "{name}: {document}");
            let line = daemon.get(&format!("/api/whereis/{name}")).text();
            for part in ["bay 0", &serial, "mirror-0", "mirror-1"] {
                assert!(line.contains(part), "{name}: no {part} in {line}");
            }
        }
        let of_pool = daemon.json("/api/drives?pool=tank");
        let found = list(&of_pool, "drives").filter(|drive| drive["serial_number"] == serial).count();
        assert_eq!(found, 1, "{of_pool}");
        let metrics = daemon.metrics();
        let labels = [("serial_number", &*serial)];
        assert_eq!(metrics.all("jbod_device_info", &labels).count(), 1);
        assert_eq!(metrics.get("jbod_device_logical_units", &labels), Some(2.0));
        assert_eq!(metrics.get("jbod_device_paths", &labels), Some(f64::from(paths)));
        let capacity = metrics.get("jbod_device_capacity_bytes", &labels).expect("a capacity");
        assert_eq!(capacity.to_string(), CAPACITY.to_string());
    }
}

#[test]
fn findings_on_one_unit_are_findings_on_the_drive() {
    let sim = host("2", &[]);
    let serial = serial(&sim);
    sim.set("leaf/sdb", &["state=FAULTED", "read=3"]);
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[]);
    let drive = daemon.drive_when(&serial, "the fault is known", |drive| drive["verdict"] == "crit");
    let states: Vec<(&str, &str)> =
        list(&drive, "memberships").map(|member| (text(&member["vdev"]), text(&member["state"]))).collect();
    assert_eq!(states, [("mirror-1", "FAULTED"), ("mirror-0", "ONLINE")], "{drive}");
}

#[test]
fn a_removed_drive_loses_both_units_and_returns_with_them() {
    let sim = host("2", &[]);
    let serial = serial(&sim);
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "3")]);
    daemon.drive_when(&serial, "both members are known", |drive| vdevs(drive) == ["mirror-0", "mirror-1"]);

    // One of two paths is lost for both units, and returns.
    sim.pull(&["bay/0/0", "--path", "0"]);
    daemon.drive_when(&serial, "each unit has one path", |drive| {
        drive["state"] == "active" && list(drive, "units").all(|unit| list(unit, "paths").count() == 1)
    });
    sim.insert(&["bay/0/0"]);
    daemon.drive_when(&serial, "all paths are back", |drive| list(drive, "paths").count() == 4);

    sim.pull(&["bay/0/0"]);
    let missing = daemon.drive_when(&serial, "the drive is missing", |drive| drive["state"] == "missing");
    assert_eq!(missing["slot"], 0, "{missing}");
    let overview = daemon.overview_when("both mirrors lack a member", |overview| {
        overview["pools"][0]["state"] == "DEGRADED" && overview["totals"]["by_state"]["missing"] == 1
    });
    let members = daemon.json("/api/zfs");
    let unavailable = support::json::pool_members(&members).filter(|member| member["state"] == "UNAVAIL").count();
    assert_eq!(unavailable, 2, "{members}");
    assert_eq!(drives(&overview).filter(|drive| drive["serial_number"] == serial).count(), 1, "{overview}");

    sim.insert(&["bay/0/0"]);
    let back = daemon.drive_when(&serial, "the drive is back", |drive| {
        drive["state"] == "active" && vdevs(drive) == ["mirror-0", "mirror-1"]
    });
    assert_eq!((&back["slot"], list(&back, "units").count()), (&json!(0), 2), "{back}");
    assert_eq!(back["user_capacity_bytes"], CAPACITY, "{back}");
}

#[test]
fn units_stay_together_when_block_device_names_change() {
    let sim = host("1", &[]);
    let serial = serial(&sim);
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "3")]);
    // The second unit exchanges its name with another drive.
    sim.swap_letters("sdb", "sdc");
    let drive = daemon
        .drive_when(&serial, "the second unit has the other name", |drive| drive["paths"] == json!(["sda", "sdc"]));
    assert_eq!((&drive["slot"], list(&drive, "units").count()), (&json!(0), 2), "{drive}");
    assert_eq!(daemon.json("/api/drives/sdb")["slot"], 1);
}
