//! A 78-bay rack, read through a true fork and exec: what a person sees is what is in it.

use crate::support;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use support::daemon::Daemon;
use support::eventually;
use support::redis::Redis;
use support::sim::Sim;

/// Every drive of an overview, with the bay it is shown in.
fn shown(overview: &Value) -> BTreeMap<String, (Option<(String, u64)>, Value)> {
    let mut drives = BTreeMap::new();
    for enclosure in overview["enclosures"].as_array().expect("enclosures") {
        for slot in enclosure["slots"].as_array().expect("slots") {
            let drive = &slot["drive"];
            if !drive.is_null() {
                let bay = (enclosure["id"].as_str().expect("id").to_owned(), slot["slot"].as_u64().expect("slot"));
                drives.insert(drive["serial_number"].as_str().expect("serial").to_owned(), (Some(bay), drive.clone()));
            }
        }
    }
    for drive in overview["unslotted"].as_array().expect("unslotted") {
        drives.insert(drive["serial_number"].as_str().expect("serial").to_owned(), (None, drive.clone()));
    }
    drives
}

#[test]
fn every_bay_shows_the_drive_that_is_in_it() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let overview = daemon.json("/api/overview");
    let (shown, truth) = (shown(&overview), sim.list());
    assert_eq!(shown.len(), truth.len());
    for drive in &truth {
        let serial = drive["serial"].as_str().expect("serial");
        let (bay, seen) = shown.get(serial).unwrap_or_else(|| panic!("{serial} is not shown"));
        assert_eq!(bay.as_ref().map(|(_, slot)| *slot), drive["bay"].as_u64(), "{serial}");
        assert_eq!(bay.as_ref().map(|(id, _)| id.as_str()), drive["enclosure_id"].as_str(), "{serial}");
        assert_eq!(seen["paths"], drive["devices"], "{serial}");
        let wwn = seen["wwn"].as_str().expect("wwn").trim_start_matches("0x").trim_start_matches("eui.");
        assert_eq!(wwn, drive["wwn"].as_str().expect("wwn"), "{serial}");
        assert_eq!(seen["temperature_celsius"], drive["temperature"], "{serial}");
        assert_eq!(seen["power_on_hours"], drive["hours"], "{serial}");
        assert_eq!(seen["pool"], drive["pool"], "{serial}");
        assert_eq!(seen["vdev"], drive["vdev"], "{serial}");
        assert_eq!((&seen["state"], &seen["verdict"]), (&"active".into(), &"ok".into()), "{serial}: {seen}");
    }
    let protocols: BTreeSet<&str> = shown.values().filter_map(|(_, drive)| drive["protocol"].as_str()).collect();
    assert_eq!(protocols, BTreeSet::from(["ATA", "NVMe", "SCSI"]));

    // Counts that add up.
    let totals = &overview["totals"];
    let sum = |counts: &Value| counts.as_object().expect("counts").values().filter_map(Value::as_u64).sum::<u64>();
    assert_eq!(totals["drives"], 79);
    assert_eq!((sum(&totals["by_verdict"]), sum(&totals["by_state"])), (79, 79));
    assert_eq!(
        (&totals["enclosures"], &totals["slots"], &totals["slots_occupied"]),
        (&2.into(), &84.into(), &78.into())
    );
    assert_eq!(totals["paths"], 78 * 2 + 1);
    let empty = overview["enclosures"]
        .as_array()
        .expect("enclosures")
        .iter()
        .flat_map(|enclosure| enclosure["slots"].as_array().expect("slots"));
    let empty: Vec<_> = empty.filter(|slot| slot["drive"].is_null()).collect();
    assert_eq!(empty.len(), 6);
    assert!(empty.iter().all(|slot| slot["status"] == "not installed"), "{empty:?}");
    assert_eq!(overview["verdict"], "ok");
}

#[test]
fn a_drive_is_found_by_every_name_it_has() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let drive = sim.list().into_iter().find(|drive| drive["kind"] == "sata").expect("a SATA drive");
    let serial = drive["serial"].as_str().expect("serial");
    let by_serial = daemon.json(&format!("/api/drives/{serial}"));
    let mut names: Vec<String> = by_serial["by_id"]
        .as_array()
        .expect("by_id")
        .iter()
        .map(|name| name.as_str().expect("name").to_owned())
        .collect();
    assert!(!names.is_empty());
    names.extend(
        drive["devices"].as_array().expect("devices").iter().map(|name| name.as_str().expect("name").to_owned()),
    );
    names.push(by_serial["wwn"].as_str().expect("wwn").to_owned());
    for name in names {
        assert_eq!(daemon.json(&format!("/api/drives/{name}"))["serial_number"], serial, "{name}");
    }
    assert_eq!(by_serial["smartctl"]["serial_number"], serial, "smartctl's own JSON is there");
    assert_eq!(by_serial["ata"]["attributes"].as_array().map(Vec::is_empty), Some(false));
    assert_eq!(by_serial["exit_status"]["value"], 0);
    assert_eq!(daemon.get("/api/drives/nosuchdrive").status, 404);
}

#[test]
fn lists_can_be_narrowed() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let failing = sim.list()[3]["serial"].as_str().expect("serial").to_owned();
    sim.set(&failing, &["failed=true"]);
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let serials = |path: &str| -> Vec<String> {
        let list = daemon.json(path);
        list["drives"]
            .as_array()
            .expect("drives")
            .iter()
            .map(|drive| drive["serial_number"].as_str().expect("serial").to_owned())
            .collect()
    };
    assert_eq!(serials("/api/drives").len(), 79);
    assert_eq!(serials("/api/drives?verdict=crit"), std::slice::from_ref(&failing));
    let crit = &daemon.json("/api/drives?verdict=crit")["drives"][0];
    assert_eq!(crit["findings"][0]["severity"], "crit");
    let truth = sim.list();
    let in_tank: Vec<_> = truth.iter().filter(|drive| drive["pool"] == "tank").collect();
    assert!(!in_tank.is_empty());
    assert_eq!(serials("/api/drives?pool=tank").len(), in_tank.len());
    let enclosures = daemon.json("/api/enclosures");
    let first = &enclosures["enclosures"][0];
    for name in [&first["id"], &first["sysfs_name"], &first["sysfs_names"][1]] {
        let name = name.as_str().expect("name");
        assert_eq!(serials(&format!("/api/drives?enclosure={name}")).len(), 39, "{name}");
        assert_eq!(daemon.json(&format!("/api/enclosures/{name}")), *first, "{name}");
    }
    assert_eq!(daemon.get("/api/enclosures/0x0").status, 404);
    assert_eq!(daemon.get("/api/drives?verdict=broken").status, 400);
    assert_eq!(daemon.json("/api/overview")["verdict"], "crit");
}

#[test]
fn pools_are_joined_to_drives_and_back() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let zfs = daemon.json("/api/zfs");
    let pools: BTreeSet<&str> =
        zfs["pools"].as_array().expect("pools").iter().filter_map(|pool| pool["name"].as_str()).collect();
    let truth = sim.list();
    let wanted: BTreeSet<&str> = truth.iter().filter_map(|drive| drive["pool"].as_str()).collect();
    assert_eq!(pools, wanted);
    assert_eq!(zfs["unmatched"], serde_json::json!([]));
    for drive in truth.iter().filter(|drive| !drive["pool"].is_null()) {
        let device = drive["devices"][0].as_str().expect("device");
        assert_eq!(zfs["devices"][device]["pool"], drive["pool"], "{device}");
        assert_eq!(zfs["devices"][device]["vdev"], drive["vdev"], "{device}");
    }
}

/// Every way in which a pool may name its leaves leads to the same drives.
#[test]
fn leaves_are_drives_however_they_are_named() {
    for options in [
        &["--leaf", "by-vdev"][..],
        &["--leaf", "by-path"],
        &["--leaf", "sd"],
        &["--leaf", "partition"],
        &["--leaf", "mapper", "--multipath"],
    ] {
        let base = [
            "--enclosures",
            "1",
            "--bays",
            "12",
            "--drives",
            "12",
            "--paths",
            "2",
            "--pools",
            "1",
            "--vdev-width",
            "4",
        ];
        let all: Vec<&str> = base.iter().chain(options).copied().collect();
        let (sim, redis) = (Sim::host(&all), Redis::start());
        let daemon = Daemon::ready(&sim, &redis, &[]);
        let drives = daemon.json("/api/drives");
        let seen: BTreeMap<&str, &Value> = drives["drives"]
            .as_array()
            .expect("drives")
            .iter()
            .map(|drive| (drive["serial_number"].as_str().expect("serial"), &drive["pool"]))
            .collect();
        for drive in sim.list() {
            assert_eq!(*seen[drive["serial"].as_str().expect("serial")], drive["pool"], "{options:?} {drive}");
        }
    }
}

/// Kernels before 3.18 have neither the enclosure's id nor the slot's number.
#[test]
fn old_kernels_and_odd_slot_names_work() {
    for names in ["slot", "padded", "bare", "disk", "array", "serial"] {
        let options = [
            "--enclosures",
            "1",
            "--bays",
            "12",
            "--drives",
            "11",
            "--paths",
            "2",
            "--old-kernel",
            "--slot-names",
            names,
        ];
        let (sim, redis) = (Sim::host(&options), Redis::start());
        let daemon = Daemon::ready(&sim, &redis, &[]);
        let overview = daemon.json("/api/overview");
        assert_eq!(overview["totals"]["enclosures"], 1, "{names}: two IO modules are one shelf");
        assert_eq!(overview["totals"]["slots"], 12, "{names}");
        let shown = shown(&overview);
        for drive in sim.list() {
            let (bay, _) = &shown[drive["serial"].as_str().expect("serial")];
            assert_eq!(bay.as_ref().map(|(_, slot)| *slot), drive["bay"].as_u64(), "{names} {drive}");
        }
    }
}

#[test]
fn bays_are_there_at_once_and_fill_in() {
    let (sim, redis) = (Sim::rack(), Redis::absent());
    sim.set("all", &["latency_ms=3000"]);
    let daemon = Daemon::start(&sim, &redis, &[]);
    let first = daemon.json("/api/overview");
    assert_eq!(first["totals"]["slots"], 84);
    assert_eq!(first["totals"]["drives"], 79);
    assert!(first["totals"]["by_state"]["reading"].as_u64() > Some(50), "{}", first["totals"]);
    assert_eq!(daemon.get("/readyz").status, 503);
    assert_eq!(daemon.get("/healthz").status, 200);
    let half = daemon.overview_when("some drives are read, some are not", |overview| {
        let reading = overview["totals"]["by_state"]["reading"].as_u64().unwrap_or(0);
        reading > 0 && reading < 70
    });
    assert_eq!(half["totals"]["drives"], 79);
    let whole = daemon.overview_when("all drives are read", |overview| overview["totals"]["by_state"]["active"] == 79);
    assert_eq!(whole["totals"]["by_verdict"]["ok"], 79);
    daemon.wait_ready();
}

/// A drive that is pulled stays with its last bay; another in that bay takes its place.
#[test]
fn pulled_and_inserted_drives_are_seen_without_waiting_for_a_sweep() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let drive =
        sim.list().into_iter().find(|drive| drive["bay"] == 5 && drive["enclosure"] == 0).expect("a drive in bay 5");
    let serial = drive["serial"].as_str().expect("serial").to_owned();
    let bay = |overview: &Value| {
        let shelf = overview["enclosures"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|enclosure| enclosure["id"] == drive["enclosure_id"]);
        shelf
            .and_then(|enclosure| enclosure["slots"].as_array()?.iter().find(|slot| slot["slot"] == 5).cloned())
            .unwrap_or_default()
    };
    sim.pull(&["bay/0/5"]);
    let overview =
        daemon.overview_when("the drive is missing", |overview| bay(overview)["drive"]["state"] == "missing");
    let missing = bay(&overview)["drive"].clone();
    assert_eq!((&missing["serial_number"], &missing["stale"]), (&serial.as_str().into(), &true.into()));
    assert_eq!(missing["temperature_celsius"], drive["temperature"], "its last values stay, labelled");
    assert_eq!(overview["totals"]["slots_occupied"], 77);
    assert_eq!(daemon.json(&format!("/api/drives/{serial}"))["state"], "missing");

    sim.insert(&["bay/0/5", "--serial", "NEWDRIVE1", "--kind", "sas"]);
    let overview = daemon.overview_when("the new drive is read", |overview| {
        bay(overview)["drive"]["serial_number"] == "NEWDRIVE1" && bay(overview)["drive"]["state"] == "active"
    });
    assert_eq!(overview["totals"]["drives"], 79, "the old one is forgotten: another sits in its bay");
    assert_eq!(daemon.get(&format!("/api/drives/{serial}")).status, 404);
    assert_eq!(daemon.json("/api/drives/NEWDRIVE1")["slot"], 5);
}

/// A shelf whose processor is silent blocks each program that asks it; bays and drives stay.
#[test]
fn a_silent_shelf_costs_only_what_it_alone_can_say() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    sim.set("enclosure/0", &["silent=true"]);
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let overview = daemon.json("/api/overview");
    assert_eq!(overview["totals"]["by_state"]["active"], 79);
    let enclosures = overview["enclosures"].as_array().expect("enclosures");
    let silent: Vec<_> = enclosures.iter().filter(|enclosure| !enclosure["error"].is_null()).collect();
    assert_eq!(silent.len(), 1);
    for slot in silent[0]["slots"].as_array().expect("slots") {
        for field in ["status", "fault_sensed", "fault_requested", "locate", "power_status"] {
            assert!(slot[field].is_null(), "{field}: {slot}");
        }
    }
    let heard = enclosures.iter().find(|enclosure| enclosure["error"].is_null()).expect("the other shelf");
    assert!(heard["slots"].as_array().expect("slots").iter().all(|slot| !slot["status"].is_null()));
}

/// One of two IO modules is silent: the other one reports the bays, and the error says so.
#[test]
fn a_silent_io_module_leaves_the_report_of_the_other() {
    let (sim, redis) = (Sim::host(&["--enclosures", "1", "--bays", "12", "--drives", "12"]), Redis::start());
    sim.set("enclosure/0", &["silent=true", "iom=1"]);
    let daemon = Daemon::ready(&sim, &redis, &[("SMART_POLL_INTERVAL", "1")]);
    let overview =
        daemon.overview_when("the silence is seen", |overview| !overview["enclosures"][0]["error"].is_null());
    let enclosure = &overview["enclosures"][0];
    let names: Vec<&str> =
        enclosure["sysfs_names"].as_array().expect("names").iter().filter_map(|name| name.as_str()).collect();
    let [answering, silent] = names[..] else { panic!("two IO modules: {names:?}") };
    let wanted =
        format!("IO module {silent} does not respond: status, LEDs and power are those reported by {answering}");
    assert_eq!(enclosure["error"], *wanted, "{names:?}");
    for slot in enclosure["slots"].as_array().expect("slots") {
        assert_eq!((&slot["status"], &slot["power_status"]), (&"OK".into(), &"on".into()), "{slot}");
    }
    // Both: nothing of this is known, and the error names them.
    sim.set("enclosure/0", &["silent=true"]);
    daemon.overview_when("both are silent", |overview| {
        let error = overview["enclosures"][0]["error"].as_str().unwrap_or_default();
        let modules = format!("IO modules {answering}, {silent}");
        error == format!("the shelf does not respond ({modules}): status, LEDs and power are unknown")
    });
}

/// A cable or module that is lost costs no drive, and its loss is logged: once for all drives, and once for one.
#[test]
fn lost_paths_are_logged_once_and_so_is_their_return() {
    let sim = Sim::host(&["--enclosures", "1", "--bays", "16", "--drives", "16", "--paths", "2", "--nvme", "0"]);
    let redis = Redis::start();
    let daemon = Daemon::ready(&sim, &redis, &[("SMART_POLL_INTERVAL", "1")]);
    let bays: Vec<String> = (0..16).map(|bay| format!("bay/0/{bay}")).collect();
    let all: Vec<&str> = bays.iter().map(String::as_str).collect();

    sim.pull(&[all.as_slice(), &["--path", "1"]].concat());
    daemon.wait_logged("drives lost a path count=16 host=1 paths=1");
    for bay in &all {
        sim.insert(&[bay]);
    }
    let back = || daemon.logged("drives regained a path") + daemon.logged("drive regained a path");
    eventually("the paths are back", || (back() > 0).then_some(()));
    daemon.overview_when("all paths are there", |overview| {
        shown(overview).values().all(|(_, drive)| drive["paths"].as_array().map(Vec::len) == Some(2))
    });

    sim.pull(&[all[3], "--path", "0"]);
    daemon.wait_logged("drive lost a path enclosure=");
    assert_eq!(daemon.logged("drive lost a path"), 1, "{}", daemon.log());
    assert_eq!(daemon.logged("drives lost a path"), 1, "{}", daemon.log());
    // A drive that is pulled is missing, not short of a path.
    sim.pull(&[all[5]]);
    daemon.wait_logged("drive missing");
    sim.insert(&[all[5]]);
    daemon.wait_logged("drive returned");
    assert_eq!(daemon.logged("drive lost a path"), 1, "{}", daemon.log());
}
