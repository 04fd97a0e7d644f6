//! Drives that `JBOD_EXCLUDE` excludes, and drives of which no health data is expected.

use crate::support;

use crate::helpers::{NO_REDIS, array, doctor, string};
use serde_json::Value;
use std::path::{Path, PathBuf};
use support::daemon::{Daemon, command, run};
use support::json::{drive, drives};
use support::redis::Redis;
use support::sim::Sim;

const EXCLUDE: &str = "JBOD_EXCLUDE";

struct Known {
    serial: String,
    device: String,
    model: String,
}

/// The drives in bays, in the order of the bays.
fn known(sim: &Sim) -> Vec<Known> {
    let mut drives = sim.list();
    drives.retain(|drive| drive["bay"].is_u64());
    drives.sort_by_key(|drive| drive["bay"].as_u64());
    let mut known = Vec::new();
    for drive in &drives {
        known.push(Known {
            serial: string(drive, "serial").to_owned(),
            device: first(drive, "devices"),
            model: string(drive, "model").to_owned(),
        });
    }
    known
}

/// The first string of a list.
fn first(drive: &Value, field: &str) -> String {
    array(drive, field)[0].as_str().expect("a string").to_owned()
}

fn sorted_serials(overview: &Value) -> Vec<&str> {
    let mut serials: Vec<&str> = drives(overview).map(|drive| string(drive, "serial_number")).collect();
    serials.sort_unstable();
    serials
}

/// Moves the SCSI device of a drive to another bus in sysfs.
fn reattach(sim: &Sim, device: &str, bus: &str) {
    let link = sim.root().join("sys/block").join(device);
    let block = std::fs::canonicalize(&link).expect("a block device");
    let scsi: PathBuf = block.ancestors().nth(2).expect("its SCSI device").to_owned();
    let address = scsi.file_name().expect("an address");
    let target = sim.root().join("sys/devices").join(bus);
    std::fs::create_dir_all(&target).expect("a folder");
    std::fs::rename(&scsi, target.join(address)).expect("the device is moved");
    std::fs::remove_file(&link).expect("the old link");
    let below = Path::new("../devices").join(bus).join(address).join("block").join(device);
    std::os::unix::fs::symlink(below, &link).expect("the new link");
}

#[test]
fn excluded_drives_are_neither_read_nor_counted_nor_missing() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let all = known(&sim);
    let entries = format!("{},serial={},transport=iscsi", all[0].device, all[1].serial);
    let settings = [(EXCLUDE, entries.as_str()), ("SMART_POLL_INTERVAL", "1")];
    let daemon = Daemon::ready(&sim, &redis, &settings);
    let overview = daemon.after_sweeps(1);
    let mut expected = vec![all[2].serial.as_str(), all[3].serial.as_str()];
    expected.sort_unstable();
    assert_eq!(sorted_serials(&overview), expected);
    let totals = &overview["totals"];
    assert_eq!((&totals["drives"], &totals["excluded"], &totals["slots_occupied"]), (&2.into(), &2.into(), &2.into()));
    let capacity: u64 = drives(&overview).map(|drive| drive["user_capacity_bytes"].as_u64().expect("a size")).sum();
    assert_eq!(totals["capacity_bytes"], capacity);
    for excluded in &all[..2] {
        assert_eq!(sim.starts_of(&excluded.serial), 0, "smartctl was never started on {}", excluded.device);
        let mut entries = array(&overview, "excluded").iter();
        let entry = entries.find(|entry| entry["device"] == *excluded.device).expect("an entry");
        assert!(entry["slot"].is_u64(), "{entry}");
        let whereis = daemon.get(&format!("/api/whereis/{}", excluded.serial));
        assert!(whereis.text().contains("excluded by JBOD_EXCLUDE"), "{}", whereis.text());
        assert!(daemon.get("/api/map.txt").text().contains(&excluded.device));
    }
    assert!(daemon.get("/metrics").text().contains("\njbod_drives_excluded 2\n"));
    daemon.wait_logged("drives excluded by JBOD_EXCLUDE count=2");
    assert!(daemon.log().contains("unmatched=\"transport=iscsi\""), "{}", daemon.log());

    sim.pull(&[&all[0].serial]);
    let overview = daemon.overview_when("one excluded drive is left", |overview| overview["totals"]["excluded"] == 1);
    assert_eq!(overview["totals"]["by_state"]["missing"], 0);
    assert_eq!(daemon.logged("drive missing"), 0, "{}", daemon.log());
}

#[test]
fn a_drive_that_is_excluded_at_a_restart_is_not_missing() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let all = known(&sim);
    let interval = ("SMART_POLL_INTERVAL", "1");
    let daemon = Daemon::ready(&sim, &redis, &[interval]);
    support::eventually("the overview is stored", || redis.get("jbod:last:overview"));
    drop(daemon);
    let daemon = Daemon::ready(&sim, &redis, &[interval, (EXCLUDE, &format!("serial={}", all[0].serial))]);
    let overview = daemon.after_sweeps(2);
    let totals = &overview["totals"];
    assert_eq!((&totals["by_state"]["missing"], &totals["drives"]), (&0.into(), &3.into()), "{totals}");
}

#[test]
fn a_pool_member_that_is_excluded_is_shown_as_excluded() {
    let sim = Sim::small();
    let member = sim.list().into_iter().find(|drive| drive["pool"].is_string()).expect("a member");
    let entry = format!("serial={}", string(&member, "serial"));
    let settings = [(EXCLUDE, entry.as_str())];
    let daemon = Daemon::ready(&sim, &Redis::absent(), &settings);
    let zfs = daemon.json("/api/zfs");
    assert!(array(&zfs, "unmatched").iter().any(|leaf| leaf["excluded"] == true), "{zfs}");
    let doctor = doctor(&sim, NO_REDIS, &settings);
    assert!(doctor.stdout.contains("1 pool members are drives excluded by JBOD_EXCLUDE"), "{}", doctor.stdout);
    assert!(!doctor.stdout.contains("match no drive of this host"), "{}", doctor.stdout);
}

#[test]
fn scan_and_doctor_apply_the_entries_and_report_those_that_match_nothing() {
    let sim = Sim::small();
    let all = known(&sim);
    let entries = format!("sdzz,model={}*,transport=fc", all[0].model);
    let scan = run(command(&sim, NO_REDIS).env(EXCLUDE, &entries).arg("scan"));
    assert!(scan.stdout.contains("excluded by JBOD_EXCLUDE: "), "{scan:?}");
    assert_eq!(sim.starts_of(&all[0].serial), 0);
    let findings = doctor(&sim, NO_REDIS, &[(EXCLUDE, &entries)]).stdout;
    for text in [
        "JBOD_EXCLUDE excludes ",
        "JBOD_EXCLUDE: no drive matches sdzz",
        "JBOD_EXCLUDE: no drive at present matches transport=fc",
    ] {
        assert!(findings.contains(text), "no {text:?} in {findings}");
    }
    let findings = doctor(&sim, NO_REDIS, &[(EXCLUDE, "sd*")]).stdout;
    assert!(findings.contains("no drives: JBOD_EXCLUDE excludes all of them"), "{findings}");
}

#[test]
fn an_invalid_entry_is_a_configuration_error() {
    let sim = Sim::small();
    let ended = run(command(&sim, NO_REDIS).args(["--exclude", "sda,sd[bc]", "check-config"]));
    assert_eq!(ended.code, Some(78), "{ended:?}");
    assert!(ended.stderr.contains("JBOD_EXCLUDE: found \"sd[bc]\", wanted a kernel name"), "{ended:?}");
}

#[test]
fn a_volume_without_smart_is_not_a_failed_reading() {
    for (bus, transport, words) in [
        ("platform/host7/session1/target7:0:0", "iscsi", "is an iSCSI volume, and reports no health data"),
        ("pci0000:00/0000:09:00.0/host7/rport-7:0-2/target7:0:0", "fc", "is a Fibre Channel volume"),
        ("pci0000:00/0000:00:05.0/virtio2/host7/target7:0:0", "virtio", "is a virtual disk"),
    ] {
        let sim = Sim::small();
        let sata = sim.list().into_iter().find(|drive| drive["kind"] == "sata").expect("a SATA drive");
        let (serial, device) = (string(&sata, "serial"), first(&sata, "devices"));
        sim.set(serial, &["smart_off=true"]);
        reattach(&sim, &device, bus);
        let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "1")]);
        let overview = daemon.after_sweeps(1);
        let seen = drive(&overview, serial);
        assert_eq!((&seen["transport"], &seen["verdict"]), (&transport.into(), &"unknown".into()), "{seen}");
        assert_eq!(seen["health_expected"], false);
        assert!(string(seen, "error").contains(words), "{seen}");
        assert_eq!(daemon.logged("drive unreadable"), 0, "{}", daemon.log());
        let metrics = daemon.get("/metrics").text();
        let series = format!("jbod_device_health_expected{{device=\"{device}\",serial_number=\"{serial}\"}} 0\n");
        assert!(metrics.contains(&series), "{metrics}");
        let doctor = doctor(&sim, NO_REDIS, &[]);
        let line = doctor.stdout.lines().find(|line| line.contains(words)).unwrap_or_default();
        assert!(line.starts_with("ok"), "{}", doctor.stdout);
    }
}

#[test]
fn a_drive_without_a_device_node_is_not_a_failed_reading() {
    let sim = Sim::small();
    let absent = sim.list().remove(0);
    let (serial, node) = (string(&absent, "serial"), first(&absent, "nodes"));
    std::fs::remove_file(sim.root().join(node.trim_start_matches('/'))).expect("the node");
    sim.set(serial, &["junk=Smartctl open device failed"]);
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "1")]);
    let overview = daemon.after_sweeps(1);
    let seen = drive(&overview, serial);
    assert_eq!((&seen["verdict"], &seen["health_expected"]), (&"unknown".into(), &false.into()), "{seen}");
    assert_eq!(seen["error"], format!("there is no node {node}: the kernel shows the drive, but /dev does not"));
    assert_eq!((daemon.logged("drive unreadable"), &overview["sweep"]["failed"]), (0, &0.into()), "{}", daemon.log());
    let doctor = doctor(&sim, NO_REDIS, &[]);
    assert!(doctor.stdout.contains("1 drives have no node in /dev"), "{}", doctor.stdout);
    assert!(!doctor.stdout.contains("FAIL"), "{}", doctor.stdout);
}
