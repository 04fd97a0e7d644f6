//! A drive with two actuators, from the simulated host to the responses: one bay, one serial number, two logical units,
//! each of which is a member of a pool.

use crate::support;

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
    let dual = sim.list().into_iter().find(|drive| drive["units"].as_array().is_some_and(|units| units.len() == 2));
    text(&dual.expect("a drive with two units")["serial"]).to_owned()
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
        let why = format!("{paths} paths, {more:?}: {overview}");
        assert_eq!(overview["totals"]["drives"], 5, "{why}");
        assert!(list(&overview, "unslotted").next().is_none(), "{why}");
        let shown = drive(&overview, &serial);
        assert_eq!((&shown["slot"], &shown["verdict"]), (&json!(0), &json!("ok")), "{why}");
        assert_eq!(shown["user_capacity_bytes"], CAPACITY, "{why}");
        let paths: u32 = paths.parse().expect("a number");
        assert_eq!(list(shown, "paths").count(), 2 * paths as usize, "{why}");
        let units: Vec<(u64, u64, usize)> = list(shown, "units")
            .map(|unit| {
                let number = |field: &str| unit[field].as_u64().expect("a number");
                (number("lun"), number("size_bytes"), list(unit, "paths").count())
            })
            .collect();
        assert_eq!(units, [(0, CAPACITY / 2, paths as usize), (1, CAPACITY / 2, paths as usize)], "{why}");

        // By its serial number and by the name of each block device, it is the same drive.
        let devices: Vec<&str> = shown["paths"].as_array().expect("a list").iter().map(text).collect();
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
        let capacity = metrics.get("jbod_device_capacity_bytes", &labels).expect("its capacity");
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

    // One of two paths is lost, for both units, and is back.
    sim.pull(&["bay/0/0", "--path", "0"]);
    daemon.drive_when(&serial, "it has a path for each unit", |drive| {
        drive["state"] == "active" && list(drive, "units").all(|unit| list(unit, "paths").count() == 1)
    });
    sim.insert(&["bay/0/0"]);
    daemon.drive_when(&serial, "it has all paths", |drive| list(drive, "paths").count() == 4);

    sim.pull(&["bay/0/0"]);
    let missing = daemon.drive_when(&serial, "it is missing", |drive| drive["state"] == "missing");
    assert_eq!(missing["slot"], 0, "{missing}");
    let overview = daemon.overview_when("both mirrors lack a member", |overview| {
        overview["pools"][0]["state"] == "DEGRADED" && overview["totals"]["by_state"]["missing"] == 1
    });
    let members = daemon.json("/api/zfs");
    let unavailable = support::json::pool_members(&members).filter(|member| member["state"] == "UNAVAIL").count();
    assert_eq!(unavailable, 2, "{members}");
    assert_eq!(drives(&overview).filter(|drive| drive["serial_number"] == serial).count(), 1, "{overview}");

    sim.insert(&["bay/0/0"]);
    let back = daemon.drive_when(&serial, "it is back", |drive| {
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
    let drive = daemon.drive_when(&serial, "it has the other name", |drive| drive["paths"] == json!(["sda", "sdc"]));
    assert_eq!((&drive["slot"], list(&drive, "units").count()), (&json!(0), 2), "{drive}");
    assert_eq!(daemon.json("/api/drives/sdb")["slot"], 1);
}
