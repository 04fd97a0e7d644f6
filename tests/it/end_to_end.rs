//! A rack with 78 drives, read by child processes: the responses agree with the simulated host.

use crate::support;

use crate::helpers::{array, in_state, string};
use crate::support::wait_until;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use support::daemon::Daemon;
use support::redis::Redis;
use support::sim::Sim;

/// A drive as the overview shows it.
struct Shown {
    /// Enclosure id and slot.
    bay: Option<(String, u64)>,
    drive: Value,
}

/// Every drive of an overview by its serial number.
fn shown(overview: &Value) -> BTreeMap<String, Shown> {
    let mut drives = BTreeMap::new();
    for enclosure in array(overview, "enclosures") {
        for slot in array(enclosure, "slots") {
            let drive = &slot["drive"];
            if !drive.is_null() {
                let bay = (string(enclosure, "id").to_owned(), slot["slot"].as_u64().expect("slot"));
                let shown = Shown { bay: Some(bay), drive: drive.clone() };
                drives.insert(string(drive, "serial_number").to_owned(), shown);
            }
        }
    }
    for drive in array(overview, "unslotted") {
        let shown = Shown { bay: None, drive: drive.clone() };
        drives.insert(string(drive, "serial_number").to_owned(), shown);
    }
    drives
}

/// The drive is in the bay where the simulator has it.
#[track_caller]
fn assert_bay(shown: &Shown, drive: &Value) {
    let (id, slot) = match &shown.bay {
        Some((id, slot)) => (Some(id.as_str()), Some(*slot)),
        None => (None, None),
    };
    assert_eq!((id, slot), (drive["enclosure_id"].as_str(), drive["bay"].as_u64()), "{drive}");
}

fn sum(counts: &Value) -> u64 {
    counts.as_object().expect("counts").values().map(|count| count.as_u64().expect("a count")).sum()
}

#[test]
fn every_bay_shows_the_drive_that_is_in_it() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let overview = daemon.json("/api/overview");
    let (shown, simulated) = (shown(&overview), sim.list());
    assert_eq!(shown.len(), simulated.len());
    for drive in &simulated {
        let serial = string(drive, "serial");
        let shown = shown.get(serial).unwrap_or_else(|| panic!("{serial} is not shown"));
        assert_bay(shown, drive);
        let shown = &shown.drive;
        assert_eq!(shown["paths"], drive["devices"], "{serial}");
        let wwn = string(shown, "wwn").trim_start_matches("0x").trim_start_matches("eui.");
        assert_eq!(wwn, string(drive, "wwn"), "{serial}");
        assert_eq!(shown["temperature_celsius"], drive["temperature"], "{serial}");
        assert_eq!(shown["power_on_hours"], drive["hours"], "{serial}");
        assert_eq!(shown["pool"], drive["pool"], "{serial}");
        assert_eq!(shown["vdev"], drive["vdev"], "{serial}");
        assert_eq!((&shown["state"], &shown["verdict"]), (&"active".into(), &"ok".into()), "{serial}: {shown}");
    }
    let protocols: BTreeSet<&str> = shown.values().map(|shown| string(&shown.drive, "protocol")).collect();
    assert_eq!(protocols, BTreeSet::from(["ATA", "NVMe", "SCSI"]));

    let totals = &overview["totals"];
    assert_eq!(totals["drives"], 79);
    assert_eq!((sum(&totals["by_verdict"]), sum(&totals["by_state"])), (79, 79));
    assert_eq!(
        (&totals["enclosures"], &totals["slots"], &totals["slots_occupied"]),
        (&2.into(), &84.into(), &78.into())
    );
    assert_eq!(totals["paths"], 78 * 2 + 1);
    let slots = array(&overview, "enclosures").iter().flat_map(|enclosure| array(enclosure, "slots"));
    let empty: Vec<_> = slots.filter(|slot| slot["drive"].is_null()).collect();
    assert_eq!(empty.len(), 6);
    assert!(empty.iter().all(|slot| slot["status"] == "not installed"), "{empty:?}");
    assert_eq!(overview["verdict"], "ok");
}

#[test]
fn a_drive_is_found_by_every_name_it_has() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let drive = sim.list().into_iter().find(|drive| drive["kind"] == "sata").expect("a SATA drive");
    let serial = string(&drive, "serial");
    let by_serial = daemon.json(&format!("/api/drives/{serial}"));
    let mut names = array(&by_serial, "by_id").to_vec();
    assert!(!names.is_empty());
    names.extend_from_slice(array(&drive, "devices"));
    names.push(by_serial["wwn"].clone());
    let names = names.iter().map(|name| name.as_str().expect("a name"));
    for name in names {
        assert_eq!(daemon.json(&format!("/api/drives/{name}"))["serial_number"], serial, "{name}");
    }
    assert_eq!(by_serial["smartctl"]["serial_number"], serial, "the document has the JSON of smartctl");
    assert!(!array(&by_serial["ata"], "attributes").is_empty());
    assert_eq!(by_serial["exit_status"]["value"], 0);
    assert_eq!(daemon.get("/api/drives/nosuchdrive").status, 404);
}

/// Serial numbers of the drives in a list.
#[track_caller]
fn listed(daemon: &Daemon, path: &str) -> Vec<String> {
    let list = daemon.json(path);
    array(&list, "drives").iter().map(|drive| string(drive, "serial_number").to_owned()).collect()
}

#[test]
fn lists_are_filtered_by_parameters() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let failing = string(&sim.list()[3], "serial").to_owned();
    sim.set(&failing, &["failed=true"]);
    let daemon = Daemon::ready(&sim, &redis, &[]);
    assert_eq!(listed(&daemon, "/api/drives").len(), 79);
    assert_eq!(listed(&daemon, "/api/drives?verdict=crit"), std::slice::from_ref(&failing));
    let crit = &daemon.json("/api/drives?verdict=crit")["drives"][0];
    assert_eq!(crit["findings"][0]["severity"], "crit");
    let in_tank = sim.list().iter().filter(|drive| drive["pool"] == "tank").count();
    assert_ne!(in_tank, 0);
    assert_eq!(listed(&daemon, "/api/drives?pool=tank").len(), in_tank);
    let enclosures = daemon.json("/api/enclosures");
    let first = &enclosures["enclosures"][0];
    for name in [&first["id"], &first["sysfs_name"], &first["sysfs_names"][1]] {
        let name = name.as_str().expect("a name");
        assert_eq!(listed(&daemon, &format!("/api/drives?enclosure={name}")).len(), 39, "{name}");
        assert_eq!(daemon.json(&format!("/api/enclosures/{name}")), *first, "{name}");
    }
    assert_eq!(daemon.get("/api/enclosures/0x0").status, 404);
    assert_eq!(daemon.get("/api/drives?verdict=broken").status, 400);
    assert_eq!(daemon.json("/api/overview")["verdict"], "crit");
}

#[test]
fn pools_and_drives_refer_to_each_other() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let zfs = daemon.json("/api/zfs");
    let pools: BTreeSet<&str> = array(&zfs, "pools").iter().map(|pool| string(pool, "name")).collect();
    let mut simulated = sim.list();
    simulated.retain(|drive| !drive["pool"].is_null());
    let wanted: BTreeSet<&str> = simulated.iter().map(|drive| string(drive, "pool")).collect();
    assert_eq!(pools, wanted);
    assert_eq!(zfs["unmatched"], serde_json::json!([]));
    for drive in &simulated {
        let device = drive["devices"][0].as_str().expect("device");
        assert_eq!(zfs["devices"][device]["pool"], drive["pool"], "{device}");
        assert_eq!(zfs["devices"][device]["vdev"], drive["vdev"], "{device}");
    }
}

/// Names of all kinds lead from the leaves of a pool to the same drives.
#[test]
fn leaves_match_drives_by_every_kind_of_name() {
    for options in [
        &["--leaf", "by-vdev"][..],
        &["--leaf", "by-path"],
        &["--leaf", "sd"],
        &["--leaf", "partition"],
        &["--leaf", "mapper", "--multipath"],
    ] {
        let base = "--enclosures 1 --bays 12 --drives 12 --paths 2 --pools 1 --vdev-width 4".split(' ');
        let all: Vec<&str> = base.chain(options.iter().copied()).collect();
        let (sim, redis) = (Sim::host(&all), Redis::start());
        let daemon = Daemon::ready(&sim, &redis, &[]);
        let drives = daemon.json("/api/drives");
        for drive in sim.list() {
            let serial = string(&drive, "serial");
            let shown = array(&drives, "drives").iter().find(|shown| shown["serial_number"] == serial);
            assert_eq!(shown.expect("the drive is shown")["pool"], drive["pool"], "{options:?} {drive}");
        }
    }
}

/// Kernels before 3.18 have neither `id` nor `slot` in the enclosure class.
#[test]
fn bays_are_known_with_old_kernels_and_unusual_slot_names() {
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
        assert_eq!(overview["totals"]["enclosures"], 1, "{names}: two IO modules of one shelf");
        assert_eq!(overview["totals"]["slots"], 12, "{names}");
        let shown = shown(&overview);
        for drive in sim.list() {
            let bay = shown[string(&drive, "serial")].bay.as_ref();
            assert_eq!(bay.map(|(_, slot)| *slot), drive["bay"].as_u64(), "{names} {drive}");
        }
    }
}

#[test]
fn all_bays_are_shown_before_their_drives_are_read() {
    let (sim, redis) = (Sim::rack(), Redis::absent());
    sim.set("all", &["latency_ms=3000"]);
    let daemon = Daemon::start(&sim, &redis, &[]);
    let first = daemon.json("/api/overview");
    assert_eq!(first["totals"]["slots"], 84);
    assert_eq!(first["totals"]["drives"], 79);
    assert!(in_state(&first, "reading") > 50, "{}", first["totals"]);
    assert_eq!(daemon.get("/readyz").status, 503);
    assert_eq!(daemon.get("/healthz").status, 200);
    let half =
        daemon.overview_when("some drives have been read", |overview| (1..70).contains(&in_state(overview, "reading")));
    assert_eq!(half["totals"]["drives"], 79);
    let whole =
        daemon.overview_when("all drives have been read", |overview| overview["totals"]["by_state"]["active"] == 79);
    assert_eq!(whole["totals"]["by_verdict"]["ok"], 79);
    daemon.wait_ready();
}

fn drive_in_bay_5(overview: &Value, enclosure: &str) -> Value {
    let shelf = array(overview, "enclosures").iter().find(|shelf| shelf["id"] == enclosure).expect("the enclosure");
    let slot = array(shelf, "slots").iter().find(|slot| slot["slot"] == 5).expect("the slot");
    slot["drive"].clone()
}

/// A drive that is removed is still shown in its last bay, until another drive is in that bay.
#[test]
fn removed_and_inserted_drives_are_seen_without_waiting_for_a_sweep() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let drive =
        sim.list().into_iter().find(|drive| drive["bay"] == 5 && drive["enclosure"] == 0).expect("a drive in bay 5");
    let (serial, enclosure) = (string(&drive, "serial"), string(&drive, "enclosure_id"));
    sim.pull(&["bay/0/5"]);
    let overview = daemon
        .overview_when("the drive is missing", |overview| drive_in_bay_5(overview, enclosure)["state"] == "missing");
    let missing = drive_in_bay_5(&overview, enclosure);
    assert_eq!((&missing["serial_number"], &missing["stale"]), (&serial.into(), &true.into()));
    assert_eq!(missing["temperature_celsius"], drive["temperature"], "the last values stay, marked as stale");
    assert_eq!(overview["totals"]["slots_occupied"], 77);
    assert_eq!(daemon.json(&format!("/api/drives/{serial}"))["state"], "missing");

    sim.insert(&["bay/0/5", "--serial", "NEWDRIVE1", "--kind", "sas"]);
    let overview = daemon.overview_when("the new drive is read", |overview| {
        drive_in_bay_5(overview, enclosure)["serial_number"] == "NEWDRIVE1"
            && drive_in_bay_5(overview, enclosure)["state"] == "active"
    });
    assert_eq!(overview["totals"]["drives"], 79, "the removed drive is forgotten, because another one is in its bay");
    assert_eq!(daemon.get(&format!("/api/drives/{serial}")).status, 404);
    assert_eq!(daemon.json("/api/drives/NEWDRIVE1")["slot"], 5);
}

/// A shelf that does not respond blocks each program that reads its status. Bays and drives are known from the kernel.
#[test]
fn only_the_status_of_an_unresponsive_shelf_is_unknown() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    sim.set("enclosure/0", &["silent=true"]);
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let overview = daemon.json("/api/overview");
    assert_eq!(overview["totals"]["by_state"]["active"], 79);
    let enclosures = array(&overview, "enclosures");
    let (responding, silent): (Vec<&Value>, Vec<&Value>) =
        enclosures.iter().partition(|enclosure| enclosure["error"].is_null());
    assert_eq!((responding.len(), silent.len()), (1, 1));
    for slot in array(silent[0], "slots") {
        for field in ["status", "fault_sensed", "fault_requested", "locate", "power_status"] {
            assert!(slot[field].is_null(), "{field}: {slot}");
        }
    }
    assert!(array(responding[0], "slots").iter().all(|slot| !slot["status"].is_null()));
}

/// One of two IO modules does not respond: the status is that of the other one, and the error states it.
#[test]
fn bays_have_the_status_of_the_io_module_that_responds() {
    let (sim, redis) = (Sim::host(&["--enclosures", "1", "--bays", "12", "--drives", "12"]), Redis::start());
    sim.set("enclosure/0", &["silent=true", "iom=1"]);
    let daemon = Daemon::ready(&sim, &redis, &[("SMART_POLL_INTERVAL", "1")]);
    let overview =
        daemon.overview_when("the module is reported", |overview| !overview["enclosures"][0]["error"].is_null());
    let enclosure = &overview["enclosures"][0];
    let [answering, silent] = array(enclosure, "sysfs_names") else { panic!("not two IO modules: {enclosure}") };
    let (answering, silent) = (answering.as_str().expect("a name"), silent.as_str().expect("a name"));
    let wanted =
        format!("IO module {silent} does not respond: status, LEDs and power are those reported by {answering}");
    assert_eq!(enclosure["error"], *wanted);
    for slot in array(enclosure, "slots") {
        assert_eq!((&slot["status"], &slot["power_status"]), (&"OK".into(), &"on".into()), "{slot}");
    }
    sim.set("enclosure/0", &["silent=true"]);
    daemon.overview_when("both modules are reported", |overview| {
        let modules = format!("IO modules {answering}, {silent}");
        overview["enclosures"][0]["error"]
            == format!("the shelf does not respond ({modules}): status, LEDs and power are unknown")
    });
}

/// A cable that is lost is logged once for all drives. Loss of a path is not loss of a drive.
#[test]
fn lost_and_regained_paths_are_logged_once() {
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
    wait_until("the return of paths is logged", || {
        ["drives regained a path", "drive regained a path"].iter().any(|text| daemon.logged(text) > 0)
    });
    daemon.overview_when("all drives have both paths", |overview| {
        shown(overview).values().all(|shown| array(&shown.drive, "paths").len() == 2)
    });

    sim.pull(&[all[3], "--path", "0"]);
    daemon.wait_logged("drive lost a path enclosure=");
    assert_eq!(daemon.logged("drive lost a path"), 1, "{}", daemon.log());
    assert_eq!(daemon.logged("drives lost a path"), 1, "{}", daemon.log());
    // A drive that is removed is missing; no lost path is reported.
    sim.pull(&[all[5]]);
    daemon.wait_logged("drive missing");
    sim.insert(&[all[5]]);
    daemon.wait_logged("drive returned");
    assert_eq!(daemon.logged("drive lost a path"), 1, "{}", daemon.log());
}
