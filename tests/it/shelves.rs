//! Enclosures for which sysfs contradicts itself: two bays that link to one drive, two bays with one number, two
//! enclosures with one id.

use crate::support;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::PathBuf;
use support::daemon::{Daemon, Ended, command, run};
use support::json::{drive, list, text};
use support::redis::Redis;
use support::sim::Sim;

/// Enclosures of twelve bays, most of which have a drive with one path.
fn shelves(count: usize, paths: &str) -> Sim {
    let (enclosures, drives) = (count.to_string(), (8 * count).to_string());
    let size = ["--enclosures", &enclosures, "--bays", "12", "--drives", &drives, "--paths", paths];
    let kinds = ["--sata", "0", "--ssd", "0", "--nvme", "0", "--pools", "0"];
    Sim::host(&[&size[..], &kinds].concat())
}

fn asked(sim: &Sim, args: &[&str]) -> Ended {
    run(command(sim, 1).env("JBOD_LISTEN", "127.0.0.1:0").args(args))
}

fn scan(sim: &Sim) -> Value {
    let ended = asked(sim, &["scan", "--json"]);
    let overview = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    assert_counts(&overview);
    overview
}

/// The number of occupied bays is that of the bays with a drive that is present.
#[track_caller]
fn assert_counts(overview: &Value) {
    let bays: Vec<&Value> = list(overview, "enclosures").flat_map(|shelf| list(shelf, "slots")).collect();
    let occupied = bays.iter().filter(|bay| !bay["drive"].is_null() && bay["drive"]["state"] != "missing").count();
    assert_eq!(
        (&overview["totals"]["slots"], &overview["totals"]["slots_occupied"]),
        (&json!(bays.len()), &json!(occupied))
    );
}

fn bay(overview: &Value, shelf: usize, number: u64) -> &Value {
    let shelf = &overview["enclosures"][shelf];
    list(shelf, "slots").find(|slot| slot["slot"] == number).unwrap_or_else(|| panic!("no bay {number}: {shelf}"))
}

/// A drive, its bay, and an empty bay of the first enclosure.
fn drive_and_empty_bay(sim: &Sim) -> (String, u64, u64) {
    let drives: Vec<Value> = sim.list().into_iter().filter(|drive| drive["enclosure"] == 0).collect();
    let taken: Vec<u64> = drives.iter().map(|drive| drive["bay"].as_u64().expect("a bay")).collect();
    let empty = (0..12).find(|bay| !taken.contains(bay)).expect("an empty bay");
    (text(&drives[0]["serial"]).to_owned(), taken[0], empty)
}

/// The link of a bay to its drive, in the only IO module of the first enclosure.
fn link_of(sim: &Sim, number: u64) -> PathBuf {
    let class = sim.root().join("sys/class/enclosure");
    let mut modules: Vec<PathBuf> = class.read_dir().expect("shelves").flatten().map(|entry| entry.path()).collect();
    modules.sort();
    modules[0].join(format!("Slot {number:02}/device"))
}

#[test]
fn if_two_bays_link_to_a_drive_the_occupied_one_shows_it() {
    let sim = shelves(1, "1");
    let (serial, own, empty) = drive_and_empty_bay(&sim);
    sim.set(&format!("bay/0/{empty}"), &[&format!("link={serial}")]);
    let overview = scan(&sim);
    assert_eq!(bay(&overview, 0, own)["drive"]["serial_number"], serial.as_str());
    let other = bay(&overview, 0, empty);
    assert_eq!((&other["drive"], &other["status"]), (&Value::Null, &json!("not installed")));
    assert_eq!(other["contradiction"], Value::Null, "the shelf reports the same");

    // The drive was moved, and the kernel kept the old link.
    sim.set(&format!("bay/0/{own}"), &["status=not installed"]);
    sim.set(&format!("bay/0/{empty}"), &["status=OK"]);
    let overview = scan(&sim);
    assert_eq!(bay(&overview, 0, empty)["drive"]["serial_number"], serial.as_str());
    assert_eq!(bay(&overview, 0, own)["drive"], Value::Null);

    // The shelf reports both as occupied: the newer link counts, and the other bay shows why it has no drive.
    sim.set(&format!("bay/0/{own}"), &["status=OK"]);
    let overview = scan(&sim);
    assert_eq!(bay(&overview, 0, empty)["drive"]["serial_number"], serial.as_str());
    let outdated = text(&bay(&overview, 0, own)["contradiction"]);
    assert!(outdated.contains(&format!("is older than that of bay {empty} of ")), "{outdated}");
    assert!(asked(&sim, &["doctor"]).stdout.contains("is older than that of"), "doctor does not report it");
}

#[test]
fn a_bay_that_is_reported_empty_shows_a_drive_only_with_an_explanation() {
    let sim = shelves(1, "1");
    let (serial, own, _) = drive_and_empty_bay(&sim);
    sim.set(&format!("bay/0/{own}"), &["status=not installed"]);
    let overview = scan(&sim);
    let shown = bay(&overview, 0, own);
    assert_eq!(shown["drive"]["serial_number"], serial.as_str());
    assert!(text(&shown["contradiction"]).contains("the shelf reports the bay as empty"), "{shown}");
    for args in [["scan"], ["doctor"]] {
        let output = asked(&sim, &args).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(output.contains("the shelf reports the bay as empty"), "{output}");
    }
}

#[test]
fn a_drive_with_two_possible_bays_is_in_none_and_both_bays_report_it() {
    let sim = shelves(1, "1");
    let (serial, own, empty) = drive_and_empty_bay(&sim);
    sim.set(&format!("bay/0/{empty}"), &[&format!("link={serial}"), "status=OK"]);
    for number in [own, empty] {
        let time = Timespec { tv_sec: 1_000_000, tv_nsec: 0 };
        let times = Timestamps { last_access: time, last_modification: time };
        utimensat(CWD, link_of(&sim, number), &times, AtFlags::SYMLINK_NOFOLLOW).expect("an age");
    }
    let overview = scan(&sim);
    let shown = drive(&overview, &serial);
    assert_eq!((&shown["enclosure"], &shown["slot"]), (&Value::Null, &Value::Null));
    let contradiction = text(&shown["contradiction"]);
    assert!(
        contradiction.contains(&format!("bay {} of", own.min(empty)))
            && contradiction.contains(&format!("bay {} of", own.max(empty))),
        "{contradiction}"
    );
    for number in [own, empty] {
        let shown = bay(&overview, 0, number);
        assert_eq!(shown["drive"], Value::Null);
        assert!(text(&shown["contradiction"]).contains("nothing shows which link is right"), "{shown}");
    }
    let doctor = asked(&sim, &["doctor"]).stdout;
    assert_eq!(doctor.matches("nothing shows which link is right").count(), 2, "{doctor}");
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[]);
    let found = daemon.get(&format!("/api/whereis/{serial}")).text();
    assert!(found.contains("it may be in bay"), "{found}");
    assert!(daemon.get("/api/map.txt").text().contains("nothing shows which link is right"));
}

/// The daemon shows a drive in its previous bay until the enclosure reports another one.
#[test]
fn a_drive_moves_when_its_enclosure_reports_it() {
    let sim = shelves(1, "1");
    let (serial, own, empty) = drive_and_empty_bay(&sim);
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "1")]);
    sim.set(&format!("bay/0/{empty}"), &[&format!("link={serial}")]);
    daemon.after_sweeps(3);
    assert_eq!(daemon.logged("drive moved"), 0, "{}", daemon.log());
    sim.set(&format!("bay/0/{empty}"), &["status=OK"]);
    sim.set(&format!("bay/0/{own}"), &["status=not installed"]);
    daemon.wait_logged(&format!("bay={empty} "));
    let overview = daemon.overview_when("it has moved", |overview| drive(overview, &serial)["slot"] == empty);
    assert_counts(&overview);
    daemon.after_sweeps(3);
    assert_eq!(daemon.logged("drive moved"), 1, "{}", daemon.log());
}

/// The number of each bay of the first enclosure, with the serial number of its drive.
fn bays_and_drives(overview: &Value) -> Vec<(Value, Value)> {
    let slots = list(&overview["enclosures"][0], "slots");
    slots.map(|slot| (slot["slot"].clone(), slot["drive"]["serial_number"].clone())).collect()
}

#[test]
fn a_wrong_slot_number_is_corrected_by_the_names() {
    let sim = shelves(1, "2");
    let before = bays_and_drives(&scan(&sim));
    for pairs in [&["slot=4", "iom=1"][..], &["slot=4"]] {
        sim.set("bay/0/7", pairs);
        let after = scan(&sim);
        assert_eq!(after["totals"]["enclosures"], 1, "{pairs:?}");
        assert_eq!(bays_and_drives(&after), before, "{pairs:?}");
    }
}

fn place(drive: &Value) -> Value {
    json!([drive["enclosure"], drive["slot"], drive["slot_name"]])
}

/// The names contain no numbers, so that two bays which report the same number have none.
#[test]
fn two_bays_with_one_number_have_none() {
    let sim = shelves(1, "1");
    let link = link_of(&sim, 0);
    let module = link.ancestors().nth(2).expect("the IO module");
    for (number, name) in ["left", "middle", "right"].iter().enumerate() {
        std::fs::rename(module.join(format!("Slot 0{number}")), module.join(name)).expect("it is renamed");
    }
    for number in 3..12 {
        std::fs::remove_dir_all(module.join(format!("Slot {number:02}"))).expect("it is removed");
    }
    std::fs::write(module.join("right/slot"), "1\n").expect("a number");
    let overview = scan(&sim);
    let shown: Vec<(&Value, &str)> =
        list(&overview["enclosures"][0], "slots").map(|slot| (&slot["slot"], text(&slot["name"]))).collect();
    assert_eq!(shown, [(&json!(0), "left"), (&Value::Null, "middle"), (&Value::Null, "right")]);
    let doctor = asked(&sim, &["doctor"]).stdout;
    assert!(doctor.contains("bays without a number: 2 (middle, right)"), "{doctor}");
    let table = asked(&sim, &["scan"]).stdout;
    assert!(table.lines().any(|line| line.trim_start().starts_with("middle ")), "{table}");
    let redis = Redis::start();
    let daemon = Daemon::ready(&sim, &redis, &[("SMART_POLL_INTERVAL", "1")]);
    let map = daemon.get("/api/map.txt").text();
    assert!(map.contains(" middle\n") && map.contains(" right\n"), "{map}");
    let id = text(&overview["enclosures"][0]["id"]);
    let found = daemon.get(&format!("/api/whereis/{id}/middle")).text();
    assert!(found.contains(&format!("enclosure {id} bay middle")), "{found}");

    // A missing drive keeps that bay, across a restart too.
    let middle = list(&overview["enclosures"][0], "slots").find(|slot| slot["name"] == "middle").expect("the bay");
    let serial = text(&middle["drive"]["serial_number"]);
    let expected = json!([id, null, "middle"]);
    assert_eq!(place(&daemon.json(&format!("/api/drives/{serial}"))), expected);
    sim.pull(&[serial]);
    daemon.drive_when(serial, "it is missing", |drive| drive["state"] == "missing");
    daemon.wait_logged("drive missing");
    daemon.after_sweeps(1);
    daemon.stop(Signal::TERM);
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let shown = daemon.drive_when(serial, "it is still missing", |drive| drive["state"] == "missing");
    assert_eq!(place(&shown), expected, "{shown}");
    assert!(
        daemon.get(&format!("/api/whereis/{serial}")).text().contains(&format!("was in enclosure {id} bay middle"))
    );
}

#[test]
fn numbers_that_are_wrong_for_a_moment_move_no_drive() {
    let sim = shelves(1, "1");
    let (serial, own, _) = drive_and_empty_bay(&sim);
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "1")]);
    let bays: Vec<String> = (0..12).map(|bay| format!("bay/0/{bay}")).collect();
    for (number, bay) in bays.iter().enumerate() {
        sim.set(bay, &[&format!("slot={}", number + 1)]);
    }
    daemon.after_sweeps(2);
    for bay in &bays {
        sim.set(bay, &["slot="]);
    }
    let overview = daemon.after_sweeps(2);
    assert_eq!(drive(&overview, &serial)["slot"], own);
    assert_eq!(daemon.logged("drive moved"), 0, "{}", daemon.log());
    // Numbers that remain are accepted.
    for (number, bay) in bays.iter().enumerate() {
        sim.set(bay, &[&format!("slot={}", number + 100)]);
    }
    daemon.overview_when("the new numbers are shown", |overview| drive(overview, &serial)["slot"] == own + 100);
}

#[test]
fn enclosures_with_one_id_are_listed_separately_under_permanent_ids() {
    let sim = shelves(2, "1");
    for shelf in ["enclosure/0", "enclosure/1"] {
        sim.set(shelf, &["id=50050cc10a000000"]);
    }
    let overview = scan(&sim);
    assert_eq!((&overview["totals"]["enclosures"], &overview["totals"]["slots"]), (&json!(2), &json!(24)));
    let ids: Vec<&str> = list(&overview, "enclosures").map(|shelf| text(&shelf["id"])).collect();
    assert!(ids.iter().all(|id| id.starts_with("0x50050cc10a000000-") && id.len() == 25), "{ids:?}");
    assert_eq!(overview["totals"]["slots_occupied"], 16);
    let doctor = asked(&sim, &["doctor"]).stdout;
    assert!(doctor.contains("several shelves report the id 0x50050cc10a000000"), "{doctor}");
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "1")]);
    daemon.after_sweeps(2);
    assert_eq!(daemon.logged("enclosure id not unique"), 1, "{}", daemon.log());
    // The remaining one keeps its id, and the other one is missing under its own.
    sim.set("enclosure/0", &["ses=false"]);
    let overview = daemon.overview_when("one shelf is missing", |overview| {
        list(overview, "enclosures").filter(|shelf| shelf["missing_since"].is_string()).count() == 1
    });
    assert_eq!(list(&overview, "enclosures").map(|shelf| text(&shelf["id"])).collect::<Vec<_>>(), ids, "{overview}");
}

/// An enclosure with two IO modules has one id, and each module has its own name.
#[test]
fn two_io_modules_of_an_enclosure_remain_one_enclosure() {
    let sim = shelves(1, "2");
    let overview = scan(&sim);
    assert_eq!((&overview["totals"]["enclosures"], &overview["totals"]["slots"]), (&json!(1), &json!(12)));
    assert!(!text(&overview["enclosures"][0]["id"]).contains('-'));
}

type Place = (Value, Value, Value);

/// The enclosure, bay and source of each drive of the simulator, as shown.
fn shown_places(sim: &Sim, overview: &Value) -> Vec<Place> {
    let mut places = Vec::new();
    for listed in sim.list() {
        let shown = drive(overview, text(&listed["serial"]));
        places.push((shown["enclosure"].clone(), shown["slot"].clone(), shown["slot_source"].clone()));
    }
    places
}

fn expected_places(sim: &Sim, source: &str) -> Vec<Place> {
    sim.list().iter().map(|drive| (drive["enclosure_id"].clone(), drive["bay"].clone(), json!(source))).collect()
}

/// The HBA's driver knows bays that the SES device does not link to a drive, or that no SES device reports.
#[test]
fn the_hba_reports_bays_that_no_enclosure_links() {
    let sim = shelves(1, "2");
    sim.set("enclosure/0", &["sas_devices=true"]);
    assert_eq!(shown_places(&sim, &scan(&sim)), expected_places(&sim, "ses"), "the shelf has priority");
    sim.set("enclosure/0", &["links=false"]);
    let overview = scan(&sim);
    assert_eq!(shown_places(&sim, &overview), expected_places(&sim, "sas_device"));
    assert_eq!((&overview["totals"]["slots"], &overview["enclosures"][0]["error"]), (&json!(12), &Value::Null));
    sim.set("enclosure/0", &["ses=false"]);
    let overview = scan(&sim);
    assert_eq!(shown_places(&sim, &overview), expected_places(&sim, "sas_device"));
    assert_eq!((&overview["totals"]["slots"], &overview["enclosures"][0]["sysfs_names"]), (&json!(8), &json!([])));
    assert!(asked(&sim, &["doctor"]).stdout.contains("in a bay reported by the HBA's driver (sas_device)"));
    assert!(asked(&sim, &["scan"]).stdout.contains("by sas_device: 8 of 8 bays occupied"));

    // Of two drives with one bay, neither is in it.
    let drives = sim.list();
    let taken = drives[1]["bay"].to_string();
    sim.set(text(&drives[0]["serial"]), &[&format!("sas_bay={taken}")]);
    let overview = scan(&sim);
    assert_eq!(overview["unslotted"].as_array().map(Vec::len), Some(2));
    sim.set("enclosure/0", &["sas_devices=false"]);
    assert_eq!(scan(&sim)["unslotted"].as_array().map(Vec::len), Some(8), "no source for the bays");
}

#[test]
fn a_hot_plug_slot_is_the_bay_of_an_nvme_drive() {
    let sim = Sim::host(&["--enclosures", "1", "--bays", "2", "--drives", "0", "--nvme", "2", "--pools", "0"]);
    sim.set("nvme0", &["pci_slot=14"]);
    sim.set("nvme1", &["pci_slot=front-2"]);
    let overview = scan(&sim);
    let bays = list(&overview, "enclosures").find(|shelf| shelf["id"] == "pci-slots").expect("the slots");
    let shown: Vec<Value> = list(bays, "slots")
        .map(|slot| json!([slot["slot"], slot["name"], slot["drive"]["device"], slot["drive"]["slot_source"]]))
        .collect();
    assert_eq!(shown, [json!([14, "14", "nvme0n1", "pci_slot"]), json!([null, "front-2", "nvme1n1", "pci_slot"])]);
    let found = asked(&sim, &["doctor"]);
    assert!(!found.stdout.contains("without a number"), "no shelf reports the slots: {found:?}");
    sim.set("nvme1", &["pci_slot="]);
    assert_eq!(scan(&sim)["unslotted"][0]["device"], "nvme1n1");
    // If firmware gives two slots one name, the kernel calls the second one 14-2.
    sim.set("nvme1", &["pci_slot=14-2"]);
    assert_eq!(scan(&sim)["unslotted"].as_array().map(Vec::len), Some(2));
}

#[test]
fn drives_in_bays_without_a_number_precede_those_in_no_bay() {
    let sim = Sim::host(&["--enclosures", "1", "--bays", "2", "--drives", "0", "--nvme", "4", "--pools", "0"]);
    for (drive, slot) in [("nvme1", "pci_slot=front-10"), ("nvme2", "pci_slot=front-9"), ("nvme3", "pci_slot=14")] {
        sim.set(drive, &[slot]);
    }
    let table = asked(&sim, &["scan", "--sort", "worst"]).stdout;
    let bays: Vec<&str> = table.lines().skip(1).take(4).filter_map(|row| row.split_whitespace().next()).collect();
    assert_eq!(bays, ["pci-slots/14", "pci-slots/front-9", "pci-slots/front-10", "-"], "{table}");
    let overview = scan(&sim);
    let shelf = list(&overview, "enclosures").find(|shelf| shelf["id"] == "pci-slots").expect("the slots");
    let names: Vec<&str> = list(shelf, "slots").map(|slot| text(&slot["name"])).collect();
    assert_eq!(names, ["14", "front-9", "front-10"]);
}
