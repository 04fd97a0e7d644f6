//! Pools: /api/zfs has the content of `zpool status`, and a faulty zpool affects neither pools nor drives.

use crate::support;
use crate::support::wait_for;

use serde_json::Value;
use support::daemon::Daemon;
use support::json::{drive, list, pool_members, text};
use support::redis::Redis;
use support::sim::Sim;

#[test]
fn a_host_without_zfs_has_no_error() {
    let sim = Sim::small();
    sim.set("zpool", &["not_loaded=true"]);
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[]);
    let zfs = daemon.json("/api/zfs");
    assert_eq!(
        (&zfs["available"], &zfs["error"], &zfs["pools"]),
        (&false.into(), &Value::Null, &Vec::<Value>::new().into())
    );
    let overview = daemon.json("/api/overview");
    assert_eq!((&overview["totals"]["by_verdict"]["ok"], &overview["zfs_error"]), (&4.into(), &Value::Null));
    daemon.stop(rustix::process::Signal::TERM);
}

#[test]
#[ignore = "needs a host without zpool"]
fn a_host_without_zpool_has_no_error() {
    let sim =
        Sim::host(&["--enclosures", "1", "--bays", "4", "--drives", "3", "--paths", "1", "--nvme", "0", "--no-zpool"]);
    let nowhere = sim.root().to_string_lossy().into_owned();
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("ZPOOL_PATH", ""), ("PATH", &nowhere)]);
    let zfs = daemon.json("/api/zfs");
    assert_eq!(
        (&zfs["available"], &zfs["error"], &zfs["pools"]),
        (&false.into(), &Value::Null, &Vec::<Value>::new().into())
    );
    assert_eq!(daemon.json("/api/overview")["totals"]["by_verdict"]["ok"], 3);
    assert_eq!(daemon.logged("zpool unavailable"), 0, "{}", daemon.log());
}

#[test]
fn a_host_with_zfs_and_no_pools_has_no_error() {
    let sim = Sim::host(&[
        "--enclosures",
        "1",
        "--bays",
        "4",
        "--drives",
        "3",
        "--paths",
        "1",
        "--nvme",
        "0",
        "--pools",
        "0",
    ]);
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[]);
    let zfs = daemon.json("/api/zfs");
    assert_eq!(
        (&zfs["available"], &zfs["error"], &zfs["pools"]),
        (&true.into(), &Value::Null, &Vec::<Value>::new().into())
    );
}

/// A failing zpool leaves the pools unchanged, with the reason, and does not affect drives.
#[track_caller]
fn assert_pools_stay(daemon: &Daemon, before: &Value, what: &str) {
    let overview =
        daemon.overview_when(&format!("{what}: the error is shown"), |overview| !overview["zfs_error"].is_null());
    // The overview is published before /api/zfs.
    let zfs = wait_for(
        &format!("{what}: the error is shown in /api/zfs"),
        || daemon.json("/api/zfs"),
        |zfs| zfs["error"] == overview["zfs_error"],
    );
    for field in ["pools", "devices", "available", "unmatched"] {
        assert_eq!(zfs[field], before[field], "{what}: {field} has changed");
    }
    // Sweeps continue, with every drive.
    let overview = daemon.after_sweeps(1);
    assert_eq!(overview["totals"]["by_state"]["active"], overview["totals"]["drives"], "{what}");
    assert_eq!(
        (&overview["sweep"]["failed"], &overview["totals"]["by_verdict"]["ok"]),
        (&0.into(), &overview["totals"]["drives"])
    );
    assert_eq!(daemon.json("/api/zfs")["pools"], before["pools"], "{what}");
}

#[test]
fn a_zpool_that_fails_affects_neither_pools_nor_drives() {
    let sim = Sim::small();
    sim.set("pool/tank", &["scan=none"]);
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "1")]);
    let before = daemon.json("/api/zfs");
    assert_eq!((before["pools"].as_array().map(Vec::len), &before["error"]), (Some(1), &Value::Null));
    for fault in ["exit_status=1", "crash=true", "gone=true"] {
        sim.set("zpool", &[fault]);
        assert_pools_stay(&daemon, &before, fault);
        sim.set("zpool", &[&format!("{}=", fault.split('=').next().unwrap_or_default())]);
        daemon.overview_when(&format!("{fault}: the error is gone"), |overview| overview["zfs_error"].is_null());
    }
}

#[test]
fn a_zpool_with_invalid_output_affects_neither_pools_nor_drives() {
    let sim = Sim::small();
    sim.set("pool/tank", &["scan=none"]);
    let real = sim.tool("zpool").to_string_lossy().into_owned();
    let zpool = sim.script(
        "big-zpool",
        &format!(
            "#!/bin/sh\n[ -e '{0}/big' ] || exec '{real}' \"$@\"\nhead -c 20000000 /dev/zero\n",
            sim.root().display()
        ),
    );
    let zpool = zpool.to_string_lossy().into_owned();
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "1"), ("ZPOOL_PATH", &zpool)]);
    let before = daemon.json("/api/zfs");
    for junk in ["junk=no pool in sight", "junk=\u{7f}ELF\u{1}\n\t  pool\n: :\n"] {
        sim.set("zpool", &[junk]);
        assert_pools_stay(&daemon, &before, junk);
        sim.set("zpool", &["junk="]);
        daemon.overview_when(&format!("{junk}: the error is gone"), |overview| overview["zfs_error"].is_null());
    }
    std::fs::write(sim.root().join("big"), "").expect("a flag");
    assert_pools_stay(&daemon, &before, "20 MB of output");
}

/// A suspended pool can block zpool forever.
#[test]
fn a_zpool_that_hangs_affects_neither_pools_nor_drives() {
    let sim = Sim::small();
    sim.set("pool/tank", &["scan=none"]);
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "1")]);
    let before = daemon.json("/api/zfs");
    let serial = sim.list()[0]["serial"].as_str().expect("serial").to_owned();
    sim.set("zpool", &["hang=true"]);
    sim.set(&serial, &["temperature=46"]);
    // Readings of drives do not wait for zpool.
    let overview = daemon.overview_when("a drive is read while zpool hangs", |overview| {
        drive(overview, &serial)["temperature_celsius"] == 46
    });
    assert_eq!(overview["totals"]["by_state"]["active"], 4);
    daemon.overview_when("the error is shown", |overview| !overview["zfs_error"].is_null());
    let zfs = daemon.json("/api/zfs");
    assert_eq!((&zfs["pools"], &zfs["available"]), (&before["pools"], &true.into()));
    sim.set("zpool", &["hang="]);
    daemon.overview_when("the error is gone", |overview| overview["zfs_error"].is_null());
}

#[test]
fn a_leaf_of_a_removed_drive_has_no_drive() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[("SMART_POLL_INTERVAL", "1")]);
    let truth = sim.list();
    let removed = truth.iter().find(|drive| drive["role"] == "data").expect("a drive in a pool");
    let (serial, device) = (text(&removed["serial"]).to_owned(), &removed["devices"][0]);
    let before = daemon.json("/api/zfs");
    let old = pool_members(&before).find(|leaf| leaf["device"] == *device).expect("its leaf").clone();
    assert_eq!(before["unmatched"], serde_json::json!([]));

    sim.pull(&[&serial]);
    daemon.overview_when("the pool is degraded", |overview| {
        list(overview, "pools").any(|pool| pool["state"] == "DEGRADED")
    });
    // zpool may have run while the drive was being removed.
    let zfs = wait_for(
        "zpool shows the old path",
        || daemon.json("/api/zfs"),
        |zfs| list(zfs, "unmatched").any(|leaf| !leaf["was"].is_null()),
    );
    let unmatched: Vec<&Value> = list(&zfs, "unmatched").collect();
    assert_eq!(unmatched.len(), 1, "{unmatched:?}");
    assert_eq!(unmatched[0]["was"], old["name"], "its old path");
    assert_eq!((&unmatched[0]["state"], &unmatched[0]["device"]), (&"UNAVAIL".into(), &Value::Null));
    assert_eq!((&unmatched[0]["pool"], &unmatched[0]["vdev"]), (&removed["pool"], &removed["vdev"]));
    assert_eq!(drive(&daemon.json("/api/overview"), &serial)["state"], "missing");

    sim.insert(&[&format!("bay/{}/{}", removed["enclosure"], removed["bay"])]);
    daemon.overview_when("the pools are online", |overview| {
        list(overview, "pools").all(|pool| pool["state"] == "ONLINE")
    });
    assert_eq!(daemon.json("/api/zfs")["unmatched"], serde_json::json!([]));
}

#[test]
fn errors_of_a_leaf_are_shown_for_its_drive() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let truth = sim.list();
    let faulted = truth.iter().find(|drive| drive["role"] == "data").expect("a drive in a pool");
    let in_pool: Vec<&Value> = truth.iter().filter(|drive| drive["pool"] == faulted["pool"]).collect();
    let second = in_pool.iter().find(|drive| drive["role"] == "data" && drive["vdev"] != faulted["vdev"]);
    let second = second.expect("a drive in another vdev");
    let spare = in_pool.iter().find(|drive| drive["role"] == "spare").expect("a spare");
    let [faulted_serial, second_serial, spare_serial] = [faulted, second, spare].map(|drive| text(&drive["serial"]));
    sim.set(&format!("leaf/{faulted_serial}"), &["read=3", "cksum=12", "state=FAULTED", "note=too many errors"]);
    sim.set(&format!("leaf/{second_serial}"), &["write=7", &format!("spare={spare_serial}")]);
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let (overview, zfs) = (daemon.json("/api/overview"), daemon.json("/api/zfs"));

    let seen = drive(&overview, faulted_serial);
    assert_eq!(
        (&seen["read_errors"], &seen["write_errors"], &seen["checksum_errors"]),
        (&3.into(), &0.into(), &12.into())
    );
    assert_eq!(
        (&seen["vdev_state"], &seen["vdev"], &seen["role"]),
        (&"FAULTED".into(), &faulted["vdev"], &"data".into())
    );
    let device = text(&faulted["devices"][0]);
    let place = &zfs["devices"][device];
    assert_eq!((&place["state"], &place["checksum_errors"]), (&"FAULTED".into(), &12.into()));
    let leaf = pool_members(&zfs).find(|leaf| leaf["device"] == device).expect("its leaf");
    assert_eq!((&leaf["read_errors"], &leaf["note"]), (&3.into(), &"too many errors".into()), "{leaf}");
    let tank = list(&zfs, "pools").find(|pool| pool["name"] == faulted["pool"]).expect("its pool");
    assert_eq!(tank["state"], "DEGRADED");
    assert_eq!(daemon.json(&format!("/api/drives/{device}"))["read_errors"], 3);

    // A spare in use is a member of the vdev of the drive that it replaces.
    assert_eq!(drive(&overview, second_serial)["write_errors"], 7);
    let replacement = drive(&overview, spare_serial);
    assert_eq!((&replacement["role"], &replacement["vdev"]), (&"data".into(), &second["vdev"]), "{replacement}");
    let vdev = list(tank, "vdevs").find(|vdev| vdev["name"] == second["vdev"]).expect("its vdev");
    let in_vdev = list(vdev, "members").filter(|member| member["device"] == spare["devices"][0]).count();
    assert_eq!(in_vdev, 1);
    let listed = list(tank, "vdevs").find(|vdev| vdev["role"] == "spare").expect("the spares");
    assert!(
        list(listed, "members").any(|member| member["state"] == "INUSE" && member["device"] == spare["devices"][0])
    );
}

#[test]
fn a_running_scrub_is_shown_with_its_progress() {
    let sim = Sim::small();
    let pool =
        text(&sim.list().iter().find(|drive| !drive["pool"].is_null()).expect("a drive in a pool")["pool"]).to_owned();
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "1")]);
    for (scan, kind, state) in [
        ("scrubbing", "scrub", "in_progress"),
        ("scrub-paused", "scrub", "paused"),
        ("scrub-canceled", "scrub", "canceled"),
        ("resilvering", "resilver", "in_progress"),
        ("resilver-done", "resilver", "finished"),
        ("scrub-done", "scrub", "finished"),
        ("none-requested", "none", "none"),
    ] {
        sim.set(&format!("pool/{pool}"), &[&format!("scan={scan}"), "progress=42"]);
        let overview = daemon.overview_when(&format!("{scan} is shown"), |overview| {
            overview["pools"][0]["scan"]["kind"] == kind && overview["pools"][0]["scan"]["state"] == state
        });
        if state == "in_progress" {
            let percent = overview["pools"][0]["scan"]["done_percent"].as_f64().expect("a percentage");
            assert!((41.0..=43.0).contains(&percent), "{scan}: {percent}");
        }
    }
}

/// A faulted pool counts even if none of its drives are known.
#[test]
fn a_faulted_pool_without_known_drives_determines_the_verdict() {
    let sim = Sim::host(&["--enclosures", "1", "--bays", "2", "--drives", "1", "--nvme", "0", "--pools", "0"]);
    let status = "  pool: far\n state: FAULTED\nconfig:\n\n\tNAME STATE READ WRITE CKSUM\n\tfar FAULTED 0 0 0\n\t  \
                  /dev/disk/by-id/dm-name-far  UNAVAIL  0  0  0\n\nerrors: No known data errors\n";
    let file = sim.script("status.txt", status);
    let zpool = sim.script("printing-zpool", &format!("#!/bin/sh\ncat '{}'\n", file.display()));
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("ZPOOL_PATH", &zpool.to_string_lossy())]);
    let overview = daemon.json("/api/overview");
    assert_eq!(overview["totals"]["by_verdict"]["crit"], 0, "no drive of the host is crit: {overview}");
    assert_eq!(overview["verdict"], "crit", "{overview}");
    let zfs = daemon.json("/api/zfs");
    for pool in [&overview["pools"][0], &zfs["pools"][0]] {
        assert_eq!(pool["verdict"], "crit", "{pool}");
        let findings: Vec<(&str, &str)> =
            list(pool, "findings").map(|finding| (text(&finding["code"]), text(&finding["severity"]))).collect();
        assert_eq!(findings, [("Z4", "crit"), ("Z6", "warn")], "{pool}");
    }
}

/// Each namespace may belong to another pool; the drive is one.
#[test]
fn namespaces_in_pools_are_one_drive() {
    let shape = ["--enclosures", "1", "--bays", "2", "--drives", "1", "--paths", "1", "--nvme", "1", "--pools", "0"];
    let sim = Sim::host(&shape);
    sim.set("nvme0", &["namespaces=2"]);
    let mut status = String::new();
    for (pool, leaf, state) in [("boot", "/dev/nvme0n1p1", "ONLINE"), ("fast", "/dev/nvme0n2p1", "DEGRADED")] {
        status += &format!(
            "  pool: {pool}\n state: ONLINE\nconfig:\n\n\tNAME STATE READ WRITE CKSUM\n\t{pool} ONLINE 0 0 0\n\t  {leaf}  {state}  \
             0  0  0\n\n"
        );
    }
    let file = sim.script("status.txt", &status);
    let zpool = sim.script("printing-zpool", &format!("#!/bin/sh\ncat '{}'\n", file.display()));
    let zpool = zpool.to_string_lossy().into_owned();
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("ZPOOL_PATH", &zpool)]);
    let zfs = daemon.json("/api/zfs");
    let leaves: Vec<(&str, &str)> =
        pool_members(&zfs).map(|leaf| (text(&leaf["name"]), text(&leaf["device"]))).collect();
    assert_eq!(leaves, [("/dev/nvme0n1p1", "nvme0n1"), ("/dev/nvme0n2p1", "nvme0n1")]);
    let drive = daemon.json("/api/drives/nvme0n2");
    assert_eq!(drive["paths"], serde_json::json!(["nvme0n1", "nvme0n2"]), "{drive}");
    // The membership with the most severe findings is shown first.
    assert_eq!((&drive["pool"], &drive["verdict"]), (&"fast".into(), &"crit".into()), "{drive}");
    assert_eq!(drive["nvme"]["controller_id"], 6, "{drive}");
}

/// A new drive does not match the leaf with the name of its bay, even while zpool does not respond.
#[test]
fn a_drive_that_is_inserted_into_a_bay_is_in_no_pool_until_zpool_reports_it() {
    let shape = ["--enclosures", "1", "--bays", "6", "--drives", "6", "--paths", "1", "--nvme", "0", "--pools", "1"];
    for leaf in ["by-vdev", "by-path", "sd", "partition"] {
        let sim = Sim::host(&[&shape[..], &["--vdev-width", "4", "--leaf", leaf]].concat());
        // No sweep starts during the test; discoveries notice the new drive.
        let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "3600")]);
        let truth = sim.list();
        let removed = truth.iter().find(|drive| drive["role"] == "data").expect("a drive in a pool");
        let serial = text(&removed["serial"]);
        assert_eq!(drive(&daemon.json("/api/overview"), serial)["pool"], removed["pool"], "{leaf}");
        sim.set("zpool", &["hang=true"]);
        sim.pull(&[serial]);
        sim.insert(&[
            &format!("bay/{}/{}", removed["enclosure"], removed["bay"]),
            "--serial",
            "NEWCOMER1",
            "--kind",
            "sas",
        ]);
        let overview =
            daemon.overview_when("the new drive is read", |overview| drive(overview, "NEWCOMER1")["state"] == "active");
        let new_drive = drive(&overview, "NEWCOMER1");
        assert_eq!(new_drive["slot"], removed["bay"], "{leaf}: {new_drive}");
        assert_eq!((&new_drive["pool"], &new_drive["vdev_state"]), (&Value::Null, &Value::Null), "{leaf}: {new_drive}");
        sim.set("zpool", &["hang="]);
    }
}
