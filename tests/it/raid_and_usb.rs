//! Drives for which smartctl needs a device type: behind RAID controllers, in USB enclosures, behind HBAs that do not
//! report ATA; and enclosures whose bays the kernel does not link to drives.

use crate::support;
use crate::support::{wait_for, wait_until};

use rustix::process::Signal;
use serde_json::Value;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use support::daemon::{Daemon, Ended, command, run};
use support::http::Response;
use support::json::{drive, drives, text};
use support::redis::Redis;
use support::runs::Run;
use support::sim::Sim;

const TYPES: &str = "SMART_DEVICE_TYPES";

/// Serial numbers of the disks behind the RAID controllers, by their numbers there.
fn members(sim: &Sim) -> Vec<String> {
    let mut members = Vec::new();
    for drive in sim.list() {
        let raid = &drive["raid"];
        if !raid.is_null() {
            members.push((raid["host"].as_u64(), raid["number"].as_u64(), text(&drive["serial"]).to_owned()));
        }
    }
    members.sort();
    members.into_iter().map(|(_, _, serial)| serial).collect()
}

fn by_device<'a>(overview: &'a Value, device: &str) -> &'a Value {
    drives(overview).find(|drive| drive["device"] == device).unwrap_or(&Value::Null)
}

fn scan(sim: &Sim, settings: &[(&str, &str)], args: &[&str]) -> Ended {
    run(command(sim, 1).envs(settings.iter().copied()).arg("scan").args(args))
}

fn doctor(sim: &Sim, settings: &[(&str, &str)]) -> Ended {
    run(command(sim, 1).env("JBOD_LISTEN", "127.0.0.1:0").envs(settings.iter().copied()).arg("doctor"))
}

/// The line of `doctor` that contains `text`, at that level; a line that is not ok has a remedy.
#[track_caller]
fn finding(ended: &Ended, level: &str, text: &str) -> String {
    let line = ended.stdout.lines().find(|line| line.split_whitespace().next() == Some(level) && line.contains(text));
    let line = line.unwrap_or_else(|| panic!("no {level} with {text:?}: {ended:?}"));
    assert!(level == "ok" || line.contains("  -- fix: "), "{line}");
    line.to_owned()
}

#[test]
fn disks_behind_a_raid_controller_are_drives_in_every_response() {
    let (sim, redis) = (Sim::small(), Redis::start());
    sim.raid(&["--host", "perc", "--disks", "4", "--sata", "2"]);
    let serials = members(&sim);
    let truth = sim.list();
    let types = " sde=megaraid,0, sde = megaraid,1 ,sde=sat+megaraid,2,sde=megaraid,3";
    let daemon = Daemon::ready(&sim, &redis, &[(TYPES, types), ("SMART_POLL_INTERVAL", "1")]);
    let overview = daemon.after_sweeps(2);
    assert_eq!(overview["totals"]["drives"], 9, "four in bays, the volume, four behind it");
    assert_eq!(overview["sweep"]["failed"], 0, "the volume is not expected to answer");
    let listed: Vec<&str> = drives(&overview).map(|drive| text(&drive["device"])).collect();
    let behind = ["sde", "sde-megaraid-0", "sde-megaraid-1", "sde-megaraid-2", "sde-megaraid-3"];
    assert!(listed.ends_with(&behind), "the disks follow their volume: {listed:?}");
    let list = daemon.json("/api/drives");
    let table = scan(&sim, &[(TYPES, types)], &[]).stdout;
    for (number, serial) in serials.iter().enumerate() {
        let wanted = truth.iter().find(|drive| drive["serial"] == serial.as_str()).expect("a disk");
        let device = format!("sde-megaraid-{number}");
        let seen = drive(&overview, serial);
        assert_eq!((&seen["device"], &seen["raid_volume"]), (&device.as_str().into(), &"sde".into()), "{seen}");
        assert_eq!((&seen["state"], &seen["verdict"], &seen["error"]), (&"active".into(), &"ok".into(), &Value::Null));
        assert_eq!(seen["temperature_celsius"], wanted["temperature"], "{serial}");
        assert_eq!(seen["power_on_hours"], wanted["hours"], "{serial}");
        assert_eq!(seen["wwn"], format!("0x{}", wanted["wwn"].as_str().expect("a wwn")), "{serial}");
        assert_eq!(seen["protocol"], if number < 2 { "SCSI" } else { "ATA" });
        assert!(seen["slot"].is_null() && seen["pool"].is_null() && seen["transport"].is_null(), "{seen}");
        assert!(list["drives"].as_array().expect("drives").contains(seen), "{serial}");
        // The whole document comes from Redis, by each of its names.
        for id in [serial.as_str(), &device, seen["wwn"].as_str().expect("a wwn")] {
            let answer = wait_for(
                "its document comes from Redis",
                || daemon.get(&format!("/api/drives/{id}")),
                |response| response.header("x-cache") == "HIT",
            );
            let one = answer.json();
            assert_eq!((&one["serial_number"], &one["raid_volume"]), (&serial.as_str().into(), &"sde".into()), "{id}");
            assert_eq!(one["smartctl"]["serial_number"], serial.as_str(), "{id}");
        }
        for name in [serial.as_str(), &device, &serial[2..]] {
            let line = daemon.get(&format!("/api/whereis/{name}")).text();
            assert!(line.starts_with(&format!("{device}  in no bay  {serial}  ")), "{name}: {line}");
        }
        let row = table.lines().find(|line| line.contains(serial)).unwrap_or_else(|| panic!("{serial}: {table}"));
        assert!(row.contains(&device) && row.contains("  ok"), "{row}");
        // smartctl is started with the type in the setting, and with no other.
        let runs: Vec<Run> = sim.runs().into_iter().filter(|run| run.serial == *serial).collect();
        let passed_types: HashSet<Option<&str>> = runs.iter().map(Run::told_type).collect();
        let kind = if number == 2 { format!("sat+megaraid,{number}") } else { format!("megaraid,{number}") };
        assert_eq!(passed_types, HashSet::from([Some(kind.as_str())]), "{serial}");
        assert!(
            runs.iter().all(|run| run.node.starts_with("sg")),
            "through an sg node, on which smartctl can be killed"
        );
    }
    // The volume is listed as what it is, and not as healthy.
    let volume = by_device(&overview, "sde");
    assert_eq!((&volume["transport"], &volume["verdict"]), (&"raid".into(), &"unknown".into()), "{volume}");
    let why = volume["error"].as_str().expect("a reason");
    assert!(why.contains("RAID volume") && why.contains("sde-megaraid-0, sde-megaraid-1"), "{why}");
    assert_eq!(daemon.logged("WARN"), 0, "a host that matches its settings has no warnings: {}", daemon.log());
    let ended = doctor(&sim, &[(TYPES, types)]);
    finding(&ended, "ok", "sde is a RAID volume");
    finding(&ended, "ok", "SMART_DEVICE_TYPES is in effect: sde=megaraid,0");
    sim.assert_only_reading();
}

#[test]
fn limits_apply_to_disks_behind_a_controller() {
    let sim = Sim::small();
    sim.raid(&["--host", "cciss", "--disks", "9"]);
    sim.set("smartctl", &["latency_ms=120"]);
    let types: Vec<String> = (0..9).map(|number| format!("sde=cciss,{number}")).collect();
    let settings = [(TYPES, types.join(",")), ("SMART_CONCURRENCY_PER_HOST", "2".to_owned())];
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let ended = scan(&sim, &settings, &["--json"]);
    let overview: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    let serials = members(&sim);
    for (number, serial) in serials.iter().enumerate() {
        assert_eq!(drive(&overview, serial)["device"], format!("sde-cciss-{number}"), "{serial}");
    }
    // Runs on that SCSI host: of the disks, and of the volume.
    let is_on_host = |run: &Run| serials.contains(&run.serial) || run.serial == "-";
    assert_eq!(sim.runs().iter().filter(|run| is_on_host(run)).count(), 10);
    assert_eq!(sim.most_at_once(is_on_host), 2);
}

/// Disks behind a controller have no partitions: a name with a further digit is that of another disk.
#[test]
fn a_disk_number_is_not_a_prefix_of_another() {
    let sim = Sim::small();
    sim.raid(&["--disks", "12"]);
    let serials = members(&sim);
    let types = "sde=megaraid,1,sde=megaraid,11";
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[(TYPES, types)]);
    for number in [1, 11] {
        let name = format!("sde-megaraid-{number}");
        let line = daemon.get(&format!("/api/whereis/{name}")).text();
        assert!(line.starts_with(&format!("{name}  in no bay  {}  ", serials[number])), "{line}");
        assert_eq!(daemon.json(&format!("/api/drives/{name}"))["serial_number"], serials[number].as_str());
    }
    for none in ["sde-megaraid-111", "sde-megaraid-2", "sde-megaraid-01"] {
        assert_eq!(daemon.get(&format!("/api/whereis/{none}")).status, 404, "{none}");
        assert_eq!(daemon.get(&format!("/api/drives/{none}")).status, 404, "{none}");
    }
}

/// In a USB enclosure without an identity, sysfs is the same for every disk.
#[test]
fn another_disk_in_a_usb_enclosure_starts_without_values() {
    let sim = Sim::small();
    sim.usb(&["--bridge", "sat"]);
    let truth = sim.list();
    let old = truth.iter().find(|drive| !drive["usb"].is_null()).expect("the USB enclosure")["serial"]
        .as_str()
        .expect("text");
    sim.set(old, &["failed=true"]);
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "1")]);
    assert_eq!(drive(&daemon.json("/api/overview"), old)["verdict"], "crit");
    sim.set(old, &["failed=false", "serial=OTHER001"]);
    let overview = daemon.overview_when("the other disk is shown", |overview| !drive(overview, "OTHER001").is_null());
    assert_eq!(drive(&overview, "OTHER001")["verdict"], "ok");
    assert!(drive(&overview, old).is_null(), "{overview}");
    daemon.wait_logged("drive replaced device=sde serial=\"OTHER001\"");
}

/// The entry has only the values of the disk that it names.
#[track_caller]
fn assert_own_values(seen: &Value, old: &str) {
    let (serial, temperature) = (&seen["serial_number"], &seen["temperature_celsius"]);
    if *serial == old {
        assert!(*temperature == 61 || temperature.is_null(), "{seen}");
    } else if *serial == "NEWDISK1" {
        assert!(*temperature == 30 && seen["verdict"] == "ok" && seen["findings"] == Value::Array(Vec::new()));
    }
}

#[test]
fn a_disk_that_replaces_another_is_not_shown_with_its_values() {
    let (sim, redis) = (Sim::small(), Redis::start());
    sim.raid(&["--disks", "2"]);
    let old = members(&sim).remove(0);
    sim.set(&old, &["failed=true", "temperature=61"]);
    let settings = [(TYPES, "sde=megaraid,0,sde=megaraid,1"), ("SMART_POLL_INTERVAL", "1")];
    let daemon = Daemon::ready(&sim, &redis, &settings);
    let before = daemon.drive_when("sde-megaraid-0", "the old disk is shown", |drive| drive["verdict"] == "crit");
    assert_eq!((&before["serial_number"], &before["temperature_celsius"]), (&old.as_str().into(), &61.into()));
    redis.wait_stored("jbod:smart:sde-megaraid-0", &old);

    // The reading arrives after documents were sent to Redis, and long before the end of the sweep, so Redis has the old
    // document for a while.
    sim.set(&members(&sim)[1], &["latency_ms=2500"]);
    sim.set(&old, &["serial=NEWDISK1", "failed=false", "temperature=30", "latency_ms=600"]);
    // Until Redis has the new disk everywhere, every response is correct, whatever its source.
    wait_until("the new disk is shown everywhere", || {
        let new = daemon.get("/api/drives/NEWDISK1");
        if new.status == 200 {
            assert_eq!(new.json()["serial_number"], "NEWDISK1", "a request for the new disk");
        }
        let whereis = daemon.get("/api/whereis/NEWDISK1");
        assert!(whereis.status == 404 || whereis.text().contains("NEWDISK1"), "{}", whereis.text());
        let old_disk = daemon.get(&format!("/api/drives/{old}"));
        if old_disk.status == 200 {
            assert_eq!(old_disk.json()["serial_number"], old.as_str(), "a request for the old disk");
        }
        let by_name = daemon.get("/api/drives/sde-megaraid-0");
        if by_name.status == 200 {
            assert_own_values(&by_name.json(), &old);
        }
        let overview = daemon.get("/api/overview");
        let seen = overview.json();
        assert_own_values(by_device(&seen, "sde-megaraid-0"), &old);
        let is_new = by_device(&seen, "sde-megaraid-0")["serial_number"] == "NEWDISK1";
        let all_new = is_new && new.status == 200 && old_disk.status == 404 && whereis.status == 200;
        all_new && overview.header("x-cache") == "HIT" && new.header("x-cache") == "HIT"
    });
    let line = "drive replaced device=sde-megaraid-0 serial=\"NEWDISK1\"";
    assert_eq!(daemon.logged(line), 1, "{}", daemon.log());
    assert!(daemon.log().contains(&format!("was={old:?}")), "{}", daemon.log());

    // The next disk is not ready: it reports its identity only, and has no values of the previous one.
    sim.set(&old, &["serial=NEWDISK2", "not_ready=true"]);
    let third =
        daemon.drive_when("sde-megaraid-0", "the third disk is shown", |drive| drive["serial_number"] == "NEWDISK2");
    assert!(third["temperature_celsius"].is_null() && third["verdict"] == "unknown", "{third}");
}

#[test]
fn stored_values_of_a_disk_behind_a_volume_are_not_shown_behind_another_volume() {
    let (sim, redis) = (Sim::small(), Redis::start());
    sim.raid(&["--disks", "1"]);
    let serial = members(&sim).remove(0);
    let settings = [(TYPES, "sde=megaraid,0"), ("SMART_TIMEOUT", "30")];
    let daemon = Daemon::ready(&sim, &redis, &settings);
    redis.wait_stored("jbod:smart:sde-megaraid-0", &serial);
    let (status, log) = daemon.stop(Signal::TERM);
    assert!(status.success(), "{log}");

    // No drive answers, so the values come from Redis.
    sim.set("all", &["hang=true"]);
    let daemon = Daemon::start(&sim, &redis, &settings);
    let kept = daemon.json("/api/drives/sde-megaraid-0");
    assert_eq!(kept["serial_number"], serial.as_str(), "the last-known values after a restart");
    // It is found by serial number as soon as the poller has restored it.
    wait_until("the disk is found by its serial number", || {
        daemon.get(&format!("/api/whereis/{serial}")).status == 200
    });
    assert_eq!(daemon.logged("drive missing"), 0, "{}", daemon.log());
    daemon.kill();

    // Another volume has that name now.
    let device = sim.root().join("sys/block/sde/device");
    std::fs::write(device.join("wwid"), "naa.600605b00d5e4f2029f3d11d0a1b2c3d\n").expect("its wwid");
    let daemon = Daemon::start(&sim, &redis, &settings);
    let other = daemon.json("/api/overview");
    let other = by_device(&other, "sde-megaraid-0");
    assert!(!other.is_null() && other["serial_number"].is_null() && other["temperature_celsius"].is_null(), "{other}");
    let answer = daemon.get("/api/drives/sde-megaraid-0");
    assert!(!answer.text().contains(&serial), "{}", answer.text());
}

#[test]
fn volumes_and_usb_enclosures_are_identified() {
    let sim = Sim::small();
    sim.raid(&["--host", "perc", "--disks", "2"]);
    sim.raid(&["--host", "avago", "--disks", "2"]);
    sim.raid(&["--host", "cciss", "--disks", "2"]);
    sim.usb(&["--bridge", "unknown"]);
    sim.usb(&["--bridge", "sat"]);
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[]);
    let overview = daemon.json("/api/overview");
    let table = scan(&sim, &[], &[]).stdout;
    let ended = doctor(&sim, &[]);
    for (device, transport, what, remedy) in [
        ("sde", "raid", "sde is a RAID volume", "SMART_DEVICE_TYPES=sde=megaraid,N"),
        ("sdf", "raid", "sdf is a RAID volume", "SMART_DEVICE_TYPES=sdf=megaraid,N"),
        ("sdg", "raid", "sdg is a RAID volume", "SMART_DEVICE_TYPES=sdg=cciss,N"),
        (
            "sdh",
            "usb",
            "sdh is in a USB enclosure whose bridge smartctl does not know (0x2537:0x1081)",
            "SMART_DEVICE_TYPES=sdh=sat",
        ),
    ] {
        let seen = by_device(&overview, device);
        assert_eq!((&seen["transport"], &seen["verdict"]), (&transport.into(), &"unknown".into()), "{seen}");
        let error = seen["error"].as_str().expect("a reason");
        assert!(error.contains(what) && error.contains(remedy) && !error.contains('\n'), "{error}");
        assert!(
            table.lines().any(|line| line.contains(device) && line.contains("unknown") && line.contains(remedy)),
            "{table}"
        );
        assert!(finding(&ended, "warn", what).contains(remedy), "{ended:?}");
        let one = daemon.json(&format!("/api/drives/{device}"));
        assert_eq!((&one["verdict"], &one["error"]), (&seen["verdict"], &seen["error"]));
    }
    let known = by_device(&overview, "sdi");
    assert_eq!(
        (&known["transport"], &known["verdict"], &known["protocol"]),
        (&"usb".into(), &"ok".into(), &"ATA".into())
    );
    let in_bays: Vec<&Value> = drives(&overview).filter(|drive| !drive["slot"].is_null()).collect();
    assert!(in_bays.len() == 4 && in_bays.iter().all(|drive| drive["transport"] == "sas"), "{overview}");
    assert!(drives(&overview).all(|drive| drive["raid_volume"].is_null()));
    // The remedy in the message works.
    let ended = scan(&sim, &[(TYPES, "sdh=sat")], &["--json"]);
    let repaired: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let repaired = by_device(&repaired, "sdh");
    assert_eq!((&repaired["verdict"], &repaired["error"]), (&"ok".into(), &Value::Null), "{repaired}");
}

#[test]
fn a_sata_drive_without_pass_through_is_reported_and_sat_fixes_it() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let truth = sim.list();
    let sata = truth.iter().find(|drive| drive["kind"] == "sata").expect("a SATA drive");
    let (serial, device) = (sata["serial"].as_str().expect("text"), sata["devices"][0].as_str().expect("text"));
    sim.set(serial, &["needs_sat=true"]);
    let remedy = format!("SMART_DEVICE_TYPES={device}=sat");
    let settings = [("SMART_POLL_INTERVAL", "1")];
    let daemon = Daemon::ready(&sim, &redis, &settings);
    let seen = daemon.json(&format!("/api/drives/{device}"));
    let error = seen["error"].as_str().expect("a reason");
    for part in ["responds to SCSI commands only", "no ATA pass-through", "CAP_SYS_RAWIO", &remedy] {
        assert!(error.contains(part), "no {part:?} in {error}");
    }
    assert_eq!((&seen["verdict"], &seen["temperature_celsius"]), (&"unknown".into(), &Value::Null));
    let table = scan(&sim, &[], &[]).stdout;
    assert!(table.lines().any(|line| line.contains(serial) && line.contains(&remedy)), "{table}");
    assert!(finding(&doctor(&sim, &[]), "warn", "no ATA pass-through").contains(&remedy));
    drop(daemon);

    // The entry is by serial number, and has priority over the type that was detected before.
    let types = format!("{serial}=sat");
    let daemon = Daemon::ready(&sim, &redis, &[(TYPES, &types), ("SMART_POLL_INTERVAL", "1")]);
    let repaired =
        daemon.drive_when(serial, "it is read", |drive| drive["error"].is_null() && drive["state"] == "active");
    assert_eq!((&repaired["verdict"], &repaired["protocol"]), (&"ok".into(), &"ATA".into()));
    assert_eq!(repaired["temperature_celsius"], sata["temperature"]);
    let runs = sim.runs();
    let last = runs.iter().rfind(|run| run.serial == serial).expect("a run");
    assert_eq!(last.told_type(), Some("sat"), "{runs:?}");
    drop(daemon);

    // Where this type does not work either, it is not recommended.
    sim.set(serial, &["no_passthrough=true"]);
    let ended = scan(&sim, &[(TYPES, &types)], &[]);
    let row = ended.stdout.lines().find(|line| line.contains(serial)).expect("its row").to_owned();
    assert!(row.contains("no ATA pass-through") && !row.contains("SMART_DEVICE_TYPES"), "{row}");
}

/// The device type in each run of smartctl on this drive.
fn types_of_runs(sim: &Sim, serial: &str) -> Vec<Option<String>> {
    let runs = sim.runs().into_iter().filter(|run| run.serial == serial);
    runs.map(|run| run.told_type().map(str::to_owned)).collect()
}

#[test]
fn auto_detects_the_type_each_time() {
    let sim = Sim::small();
    let truth = sim.list();
    let sata = truth.iter().find(|drive| drive["kind"] == "sata").expect("a SATA drive");
    let serial = sata["serial"].as_str().expect("text");
    let links = std::fs::read_dir(sim.root().join("dev/disk/by-id")).expect("links").flatten();
    let names = links.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let by_id = names.filter(|name| name.contains(serial) && !name.contains("-part")).min().expect("a by-id name");
    let types = format!("/dev/disk/by-id/{by_id}=auto");
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[(TYPES, &types), ("SMART_POLL_INTERVAL", "1")]);
    daemon.after_sweeps(3);
    let runs = types_of_runs(&sim, serial);
    assert!(runs.len() > 2 && runs.iter().all(Option::is_none), "{runs:?}");
    let other =
        truth.iter().find(|drive| drive["kind"] == "sas").expect("a SAS drive")["serial"].as_str().expect("text");
    assert!(
        types_of_runs(&sim, other).iter().skip(1).all(|kind| kind.as_deref() == Some("scsi")),
        "the types of other drives are remembered"
    );
}

#[test]
fn an_invalid_entry_is_an_error_and_an_unused_one_is_logged() {
    let sim = Sim::small();
    for (types, found) in [
        ("sda=usbjmicron", "\"sda=usbjmicron\""),
        ("sda=sat,sdb", "\"sda=sat,sdb\""),
        ("sda=megaraid,300", "\"sda=megaraid,300\""),
        ("sda=sat;id", "\"sda=sat;id\""),
        ("sda=sat,sda=scsi", "\"sda=scsi\""),
    ] {
        for ended in [
            run(command(&sim, 1).env(TYPES, types).arg("check-config")),
            run(command(&sim, 1).args(["serve", "--smart-device-types", types])),
        ] {
            assert_eq!(ended.code, Some(78), "{types}: {ended:?}");
            assert!(ended.stderr.contains("SMART_DEVICE_TYPES: found ") && ended.stderr.contains(found), "{ended:?}");
            assert!(ended.stderr.contains("wanted ") && ended.stderr.lines().count() == 1, "{ended:?}");
        }
    }
    let types = "sda=scsi, NOBODY=megaraid,3";
    let shown = run(command(&sim, 1).env(TYPES, types).arg("check-config"));
    let row = shown.stdout.lines().find(|line| line.starts_with(TYPES)).expect("a row");
    assert!(row.contains(types) && row.ends_with(" env"), "{row}");

    let redis = Redis::start();
    let daemon = Daemon::ready(&sim, &redis, &[(TYPES, types), ("SMART_POLL_INTERVAL", "1")]);
    daemon.wait_logged("unused SMART_DEVICE_TYPES entries");
    daemon.after_sweeps(3);
    assert_eq!(daemon.logged("WARN"), 1, "{}", daemon.log());
    assert!(daemon.log().contains("NOBODY=megaraid,3") && !daemon.log().contains("sda=scsi"), "{}", daemon.log());
    let ended = doctor(&sim, &[(TYPES, types)]);
    assert!(finding(&ended, "warn", "SMART_DEVICE_TYPES matches no drive").contains("NOBODY=megaraid,3"));
    assert_eq!(ended.code, Some(0), "a warning is not an error: {ended:?}");
}

/// The links of all bays to their drives, and their targets.
fn slot_links(sim: &Sim) -> Vec<(PathBuf, PathBuf)> {
    let mut links = Vec::new();
    for module in entries(&sim.root().join("sys/class/enclosure")) {
        for slot in entries(&module) {
            let link = slot.join("device");
            if slot.join("status").exists()
                && let Ok(target) = std::fs::read_link(&link)
            {
                links.push((link, target));
            }
        }
    }
    links
}

/// The entries of a folder; none if it is not a folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn reports_an_enclosure(response: &Response) -> bool {
    response.text().contains("degraded: enclosure ")
}

#[test]
fn an_enclosure_without_linked_drives_is_reported() {
    let sim = Sim::small();
    let links = slot_links(&sim);
    assert_eq!(links.len(), 4, "{links:?}");
    for (link, _) in &links {
        std::fs::remove_file(link).expect("a link is removed");
    }
    let message = "the shelf reports 4 occupied bays, but the kernel links none of them to a drive, and 4 drives are in \
                no bay";
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "1")]);
    let overview =
        daemon.overview_when("the shelf has an error", |overview| !overview["enclosures"][0]["error"].is_null());
    assert_eq!(overview["enclosures"][0]["error"], message);
    assert_eq!(overview["unslotted"].as_array().map(Vec::len), Some(4));
    assert_eq!(daemon.json("/api/enclosures")["enclosures"][0]["error"], message);
    let ready = wait_for("readyz reports it", || daemon.get("/readyz"), reports_an_enclosure);
    assert!(ready.status == 200 && ready.text().contains(message), "{}", ready.text());
    assert!(scan(&sim, &[], &[]).stdout.contains(message));
    assert!(finding(&doctor(&sim, &[]), "warn", message).contains("modprobe -r ses"));

    for (link, to) in &links {
        std::os::unix::fs::symlink(to, link).expect("a link is created");
    }
    let overview = daemon.overview_when("the bays are found", |overview| overview["totals"]["slots_occupied"] == 4);
    assert!(overview["enclosures"][0]["error"].is_null(), "{}", overview["enclosures"][0]);
    wait_until("readyz does not report it", || !reports_an_enclosure(&daemon.get("/readyz")));
}
