//! Pools: what a person reads in `zpool status` is what /api/zfs says, and a zpool that misbehaves
//! costs no drive anything.

use crate::support;

use serde_json::Value;
use std::path::Path;
use support::corpus;
use support::daemon::Daemon;
use support::look::drive;
use support::redis::Redis;
use support::sim::Sim;

/// As people read the files: pool, role and vdev, then the leaves; with their state when it is
/// not ONLINE.
const READ_BY_PEOPLE: [(&str, &[&str]); 28] = [
    ("jc__zpool-iostat-v.txt", &[]),
    (
        "jc__zpool-status-spares.txt",
        &[
            "tank data mirror-0: sdh sdk",
            "tank data mirror-1: sdl sdj",
            "tank data mirror-2: sdn sdm",
            "tank data mirror-3: sdg sdi",
            "tank spare spares: sdf=AVAIL",
        ],
    ),
    (
        "jc__zpool-status-v.txt",
        &[
            "zhgstera6 data 726060ALE614-K8JAPRGN:10: 726060ALE614-K8JAPRGN:10",
            "zint500 data ST3500418AS-5VMSTSSX:5: ST3500418AS-5VMSTSSX:5",
            "zsam53 data Portable_SSD_T5-S49WNP0N120517B:8: Portable_SSD_T5-S49WNP0N120517B:8",
        ],
    ),
    ("jc__zpool-status-v2.txt", &["tank data mirror-0: c1t0d0 c1t1d0=UNAVAIL"]),
    ("jc__zpool-status-v3.txt", &["tank data c1t0d0: c1t0d0", "tank data c1t1d0: c1t1d0=UNAVAIL"]),
    (
        "jc__zpool-status-v4.txt",
        &[
            "pool1 data mirror-0: wwn-0x5000c500c65ac66f wwn-0x5000c500c5eee542",
            "pool1 data mirror-1: wwn-0x5000c500e39e8af6 wwn-0x5000c500e3b3a41e",
        ],
    ),
    (
        "openzfs-zfs__issue7577_spare_inuse.txt",
        &["array data raidz2-0: sdb sdg sdc sdf sda sde", "array spare spares: sdd=INUSE"],
    ),
    (
        "openzfs-zfs__pr16217_faulted_no_scan_no_errors_line.txt",
        &["tank data mirror-0: /home/hutter/json/file1 /home/hutter/json/file2=FAULTED"],
    ),
    (
        "openzfs-zfs__zpool-remove_example1.txt",
        &["tank data mirror-0: sda sdb", "tank data mirror-1: sdc sdd", "tank log mirror-2: sde sdf"],
    ),
    ("openzfs-zfs__zpool-remove_example2.txt", &["tank data mirror-0: sda sdb", "tank data mirror-1: sdc sdd"]),
    ("openzfs-zfs__zpool-remove_example3.txt", &["tank data mirror-0: sda sdb"]),
    (
        "zfs-ha__zpool_status_vol1_multipath.txt",
        &[
            "vol1 data raidz1-0: 35000c500236004a3 35000c50023614aef 35000c5007772e5ff",
            "vol1 data raidz1-1: 35000c500236061b3 35000c5002362f347 35000c500544508b7",
            "vol1 data raidz1-2: 35000c500236032f7 35000c50023605c1b 35000c5002362ffab",
            "vol1 log 35000a7203008de44: 35000a7203008de44",
            "vol1 cache cache: 35000cca0130c0a00",
            "vol1 spare spares: 35000c500236031ab=AVAIL",
        ],
    ),
    (
        "zpool-status-exporter__input-01-corrupted.txt",
        &["dummy data mirror-0: loop0 loop1", "dummy data mirror-1: loop2 loop3=UNAVAIL"],
    ),
    (
        "zpool-status-exporter__input-02-online-data-corruption.txt",
        &["jeremy data mirror-0: ata-ST8000DM004-2CX188_ZCT0ZR05-part1 ata-ST8000VN004-2M2101_WKD02XPR-part1"],
    ),
    (
        "zpool-status-exporter__input-03-resilvered.txt",
        &["dummy data mirror-0: loop0 loop1", "dummy data mirror-1: loop2 loop3"],
    ),
    (
        "zpool-status-exporter__input-04-scrub-progress.txt",
        &["neptune data mirror-0: wwn-0x5000c500af8ec287-part2 ata-TOSHIBA_HDWQ140_50SRK3F3FBJG-part1"],
    ),
    (
        "zpool-status-exporter__input-05-features.txt",
        &[
            "rpool data mirror-0: ata-Samsung_SSD_870_EVO_2TB_S6PNNM0TB15709L ata-Samsung_SSD_870_EVO_2TB_S753NS0W819849T",
            "wilbur data mirror-0: ata-ST8000VN004-2M2101_WSD49ZDC-part1 ata-ST8000VN004-2M2101_WSD4EYEW-part1",
        ],
    ),
    ("zpool-status-exporter__input-06-removed.txt", &["dummy data mirror-0: drive0-part1=REMOVED drive1-part1"]),
    (
        "zpool-status-exporter__input-07-unavail.txt",
        &[
            "mypool data mirror-0: 12345678901234567890=UNAVAIL ata-ST8000VN004-xxxxxx_redacted-part1 ata-ST8000VN004-xxxxxx_redacted",
        ],
    ),
    (
        "zpool-status-exporter__input-08-features-alt.txt",
        &["mypool data mirror-0: ata-ST8000VN004-xxxxxx_redacted-part1 ata-ST8000VN004-xxxxxx_redacted"],
    ),
    (
        "zpool-status-exporter__input-09-scrub-cancel.txt",
        &["neptune data mirror-0: wwn-0x5000c500af8ec287-part2 ata-TOSHIBA_HDWQ140_50SRK3F3FBJG-part1"],
    ),
    (
        "zpool-status-exporter__input-10-new-pool.txt",
        &["milton data mirror-0: ata-ST8000VN004-2M2101_WSD4EYEW ata-ST8000VN004-2M2101_WSD49ZDC"],
    ),
    ("zpool-status-exporter__input-11-degraded-no-scan.txt", &["broken data mirror-0: loop0 loop1=UNAVAIL"]),
    ("openzfs-zfs__zpool-list_example1.json", &[]),
    (
        "openzfs-zfs__zpool-status_example1.json",
        &[
            "tank data raidz1-0: ca1eb824-c371-491d-ac13-37637e35c683 97cd98fb-8fb8-4ac4-bc84-bd8950a7ace7 e9ddba5f-f948-4734-a472-cb8aa5f0ff65",
            "tank dedup mirror-2: db017360-d8e9-4163-961b-144ca75293a3 952c3baf-b08a-4a8c-b7fa-33a07af5fe6f",
            "tank special 25d418f8-92bd-4327-b59f-7ef5d5f50d81: 25d418f8-92bd-4327-b59f-7ef5d5f50d81",
        ],
    ),
    (
        "zfs-spectator__zpool_list.json",
        &[
            "miniTank data wwn-0x50014ee2b702ad1b: wwn-0x50014ee2b702ad1b",
            "miniTank data wwn-0x50014ee2b2d93b72: wwn-0x50014ee2b2d93b72",
            "zfsPool data raidz1-0: wwn-0x5000c5008777065b wwn-0x5000c5008776f851 ata-WDC_WD20EZRZ-00Z5HB0_WD-WCC4M5UDEPK1 wwn-0x50004cf2070dcd38 wwn-0x50014ee1af651273",
        ],
    ),
    (
        "zfs-spectator__zpool_status.json",
        &[
            "miniTank data wwn-0x50014ee2b702ad1b-part1: /dev/disk/by-id/wwn-0x50014ee2b702ad1b-part1",
            "miniTank data wwn-0x50014ee2b2d93b72-part1: /dev/disk/by-id/wwn-0x50014ee2b2d93b72-part1",
            "zfsPool data raidz1-0: /dev/disk/by-id/wwn-0x50014ee2c06fdd9f-part2 /dev/disk/by-id/wwn-0x50014ee2c06f6164-part2 /dev/disk/by-id/wwn-0x50014ee26b194e0d-part2",
            "zfsPool special mirror-1: /dev/disk/by-id/nvme-WDC_PC_SN530_SDBPNPZ-256G-1006_205161805086-part1 /dev/disk/by-id/nvme-eui.001b444a46ea3364-part1",
        ],
    ),
    (
        "zfs-spectator__zpool_status_scanning.json",
        &[
            "zfsPool data raidz1-0: /dev/disk/by-id/wwn-0x5000c5008777065b-part1 /dev/disk/by-id/wwn-0x5000c5008776f851-part1 /dev/disk/by-id/ata-WDC_WD20EZRZ-00Z5HB0_WD-WCC4M5UDEPK1-part1 /dev/disk/by-id/wwn-0x50004cf2070dcd38-part1 /dev/disk/by-id/wwn-0x50014ee1af651273-part1",
        ],
    ),
];

/// Numbers by which ZFS knows its leaves, in JSON: the first and the last of each file, digit for digit.
const GUIDS: [(&str, usize, &str, &str); 4] = [
    ("openzfs-zfs__zpool-status_example1.json", 6, "12841765308123764671", "3935742873387713123"),
    ("zfs-spectator__zpool_list.json", 7, "12254774331337977879", "16685956834476043720"),
    ("zfs-spectator__zpool_status.json", 7, "12254774331337977879", "5734247120123735730"),
    ("zfs-spectator__zpool_status_scanning.json", 5, "12418388083483180335", "16685956834476043720"),
];

/// kind, state and percent of the `scan:` lines of some files.
const SCANS: [(&str, &str, &str, Option<f64>); 11] = [
    ("openzfs-zfs__zpool-status_example1.json", "none", "none", None),
    ("zfs-spectator__zpool_status.json", "none", "none", None),
    // 7.65T of 8.64T, of which 3.01M were skipped.
    ("zfs-spectator__zpool_status_scanning.json", "scrub", "in_progress", Some(88.54)),
    ("zpool-status-exporter__input-04-scrub-progress.txt", "scrub", "in_progress", Some(0.0)),
    ("zpool-status-exporter__input-03-resilvered.txt", "resilver", "finished", None),
    ("zpool-status-exporter__input-09-scrub-cancel.txt", "scrub", "canceled", None),
    ("zpool-status-exporter__input-10-new-pool.txt", "none", "none", None),
    ("jc__zpool-status-v2.txt", "none", "none", None),
    ("jc__zpool-status-v3.txt", "scrub", "finished", None),
    ("jc__zpool-status-v.txt", "scrub", "canceled", None),
    ("openzfs-zfs__issue7577_spare_inuse.txt", "resilver", "finished", None),
];

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("null")
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value[field].as_array().into_iter().flatten()
}

/// An answer of /api/zfs, written down as people would.
fn as_people_read(zfs: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for pool in list(zfs, "pools") {
        for vdev in list(pool, "vdevs") {
            let leaves: Vec<String> = list(vdev, "members")
                .map(|leaf| match text(&leaf["state"]) {
                    "ONLINE" => text(&leaf["name"]).to_owned(),
                    state => format!("{}={state}", text(&leaf["name"])),
                })
                .collect();
            let (pool, role, name) = (text(&pool["name"]), text(&vdev["role"]), text(&vdev["name"]));
            lines.push(format!("{pool} {role} {name}: {}", leaves.join(" ")));
        }
    }
    lines
}

fn members(zfs: &Value) -> impl Iterator<Item = &Value> {
    list(zfs, "pools").flat_map(|pool| list(pool, "vdevs")).flat_map(|vdev| list(vdev, "members"))
}

/// A host with one drive, whose zpool prints that file.
fn printing(file: &Path) -> (Sim, Daemon) {
    let sim =
        Sim::host(&["--enclosures", "1", "--bays", "2", "--drives", "1", "--paths", "1", "--sata", "0", "--ssd", "0"]);
    let zpool = sim.script("printing-zpool", &format!("#!/bin/sh\ncat '{}'\n", file.display()));
    let zpool = zpool.to_string_lossy().into_owned();
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("ZPOOL_PATH", &zpool)]);
    (sim, daemon)
}

#[test]
fn every_recorded_status_is_read_as_people_read_it() {
    let Some(corpus) = corpus() else { return };
    let manifest: Value =
        serde_json::from_str(&std::fs::read_to_string(corpus.join("manifest.json")).expect("the manifest"))
            .expect("the manifest is JSON");
    let files = list(&manifest, "files").filter(|f| f["kind"] == "zpool");
    let (mut count, mut wrong) = (0, Vec::new());
    for file in files {
        count += 1;
        let path = text(&file["file"]);
        let name = path.rsplit('/').next().unwrap_or(path);
        let (_sim, daemon) = printing(&corpus.join(path));
        let zfs = daemon.json("/api/zfs");
        let name_and_state = |pool: &Value| serde_json::json!({"name": pool["name"], "state": pool["state"]});
        let shown: Vec<Value> = list(&zfs, "pools").map(name_and_state).collect();
        let recorded: Vec<Value> = list(&file["expected"], "pools").map(name_and_state).collect();
        if shown != recorded {
            wrong.push(format!("{name}: pools {shown:?}, recorded {recorded:?}"));
        }
        for (shown, recorded) in list(&zfs, "pools").zip(list(&file["expected"], "pools")) {
            let leaves = |role: &str| {
                let of_role = list(shown, "vdevs").filter(|v| v["role"] == role);
                of_role.map(|v| list(v, "members").count()).sum::<usize>()
            };
            for (section, count) in recorded["leaf_vdevs"].as_object().into_iter().flatten() {
                let role = if section == "vdevs" { "data" } else { section };
                if *count != leaves(role) {
                    wrong.push(format!("{name}: {} leaves of role {role}, recorded {count}", leaves(role)));
                }
            }
            if recorded["error_count"] == "0" && shown["errors"] != "No known data errors" {
                wrong.push(format!("{name}: errors {}", shown["errors"]));
            }
        }
        if let Some((_, count, first, last)) = GUIDS.iter().find(|(numbered, ..)| *numbered == name) {
            let guids: Vec<&str> = members(&zfs).map(|leaf| text(&leaf["guid"])).collect();
            if guids.len() != *count || guids.first() != Some(first) || guids.last() != Some(last) {
                wrong.push(format!("{name}: guids {guids:?}"));
            }
        }
        let lines = as_people_read(&zfs);
        match READ_BY_PEOPLE.iter().find(|(read, _)| *read == name) {
            Some((_, wanted)) if lines != *wanted => {
                wrong.push(format!("{name}: {lines:#?}\nread by people: {wanted:#?}"));
            }
            Some(_) => {}
            None => wrong.push(format!("{name}: nobody has read it by hand yet")),
        }
        if let Some((_, kind, state, percent)) = SCANS.iter().find(|(scanned, ..)| *scanned == name) {
            let scan = &zfs["pools"][0]["scan"];
            if scan["kind"] != *kind || scan["state"] != *state || scan["done_percent"].as_f64() != *percent {
                wrong.push(format!("{name}: {scan}, wanted {kind} {state} {percent:?}"));
            }
        }
        // Output in which no pool can be found is told of; what has pools has no error.
        if !shown.is_empty() && (zfs["available"] != true || !zfs["error"].is_null()) {
            wrong.push(format!("{name}: available {} error {}", zfs["available"], zfs["error"]));
        }
    }
    eprintln!("recorded zpool outputs: {count} read, {} wrong", wrong.len());
    assert_eq!(count, READ_BY_PEOPLE.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_wrong_with_a_leaf_is_told_in_the_words_of_zfs() {
    let Some(corpus) = corpus() else { return };
    let folder = corpus.join("zpool");
    let zfs = |name: &str| printing(&folder.join(name)).1.json("/api/zfs");
    let leaf = |zfs: &Value, name: &str| members(zfs).find(|m| m["name"] == name).cloned().unwrap_or_default();

    let gone = zfs("zpool-status-exporter__input-07-unavail.txt");
    let was = leaf(&gone, "12345678901234567890");
    assert_eq!(was["was"], "/dev/disk/by-id/ata-ST8000DM004-xxxxxx_redacted-part1", "{was}");
    assert_eq!((&was["read_errors"], &was["checksum_errors"]), (&0.into(), &100_980.into()), "{was}");
    assert!(was["device"].is_null());
    assert!(list(&gone, "unmatched").any(|l| l["was"] == was["was"]), "{}", gone["unmatched"]);
    let tank = &gone["pools"][0];
    assert!(
        text(&tank["status"])
            .ends_with("Sufficient replicas exist for the pool to continue functioning in a degraded state.")
    );
    assert_eq!(tank["action"], "Replace the device using 'zpool replace'.");
    assert_eq!(tank["errors"], "No known data errors");

    let closed = zfs("jc__zpool-status-v3.txt");
    let row = leaf(&closed, "c1t1d0");
    assert_eq!(
        (&row["note"], &row["read_errors"], &row["write_errors"]),
        (&"cannot open".into(), &4.into(), &1.into())
    );
    assert!(text(&closed["pools"][0]["errors"]).starts_with("Permanent errors have been detected"));
    assert_eq!(leaf(&zfs("openzfs-zfs__issue7577_spare_inuse.txt"), "sdd")["note"], "currently in use");
    assert_eq!(leaf(&zfs("jc__zpool-status-spares.txt"), "sdf")["read_errors"], Value::Null, "spares are not counted");
    let corrupted = zfs("zpool-status-exporter__input-11-degraded-no-scan.txt");
    assert_eq!(leaf(&corrupted, "loop1")["note"], "corrupted data");
}

/// No ZFS is not a fault.
#[test]
fn a_host_without_zfs_is_well() {
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

    if ["/usr/sbin/zpool", "/sbin/zpool"].iter().any(|path| Path::new(path).exists()) {
        eprintln!("left out: a host without zpool, because this one has it");
        return;
    }
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
    assert_eq!(daemon.logged("zpool status"), 0, "{}", daemon.log());
}

#[test]
fn a_host_with_zfs_and_no_pools_is_well() {
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

/// A failing zpool leaves the pools as they were, with the reason, and the drives alone.
#[track_caller]
fn assert_pools_stay(daemon: &Daemon, before: &Value, what: &str) {
    let overview = daemon.overview_when(&format!("{what}: the reason is told"), |o| !o["zfs_error"].is_null());
    let zfs = daemon.json("/api/zfs");
    assert_eq!(zfs["error"], overview["zfs_error"], "{what}");
    for field in ["pools", "devices", "available", "unmatched"] {
        assert_eq!(zfs[field], before[field], "{what}: {field} stays");
    }
    // Sweeps go on, and every drive is read in them.
    let overview = daemon.after_sweeps(1);
    assert_eq!(overview["totals"]["by_state"]["active"], overview["totals"]["drives"], "{what}");
    assert_eq!(
        (&overview["sweep"]["failed"], &overview["totals"]["by_verdict"]["ok"]),
        (&0.into(), &overview["totals"]["drives"])
    );
    assert_eq!(daemon.json("/api/zfs")["pools"], before["pools"], "{what}");
}

#[test]
fn a_zpool_that_fails_costs_neither_pools_nor_drives() {
    let sim = Sim::small();
    sim.set("pool/tank", &["scan=none"]);
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "1")]);
    let before = daemon.json("/api/zfs");
    assert_eq!((before["pools"].as_array().map(Vec::len), &before["error"]), (Some(1), &Value::Null));
    for trouble in ["exit_status=1", "crash=true", "gone=true"] {
        sim.set("zpool", &[trouble]);
        assert_pools_stay(&daemon, &before, trouble);
        sim.set("zpool", &[&format!("{}=", trouble.split('=').next().unwrap_or_default())]);
        daemon.overview_when(&format!("{trouble}: well again"), |o| o["zfs_error"].is_null());
    }
}

#[test]
fn a_zpool_that_talks_nonsense_costs_neither_pools_nor_drives() {
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
        daemon.overview_when(&format!("{junk}: well again"), |o| o["zfs_error"].is_null());
    }
    std::fs::write(sim.root().join("big"), "").expect("a flag");
    assert_pools_stay(&daemon, &before, "20 MB of output");
}

/// A suspended pool can hold zpool for ever.
#[test]
fn a_zpool_that_hangs_costs_neither_pools_nor_drives() {
    let sim = Sim::small();
    sim.set("pool/tank", &["scan=none"]);
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "1")]);
    let before = daemon.json("/api/zfs");
    let serial = sim.list()[0]["serial"].as_str().expect("serial").to_owned();
    sim.set("zpool", &["hang=true"]);
    sim.set(&serial, &["temperature=46"]);
    // The drives' own readings do not wait for it.
    let overview =
        daemon.overview_when("a drive is read while zpool hangs", |o| drive(o, &serial)["temperature_celsius"] == 46);
    assert_eq!(overview["totals"]["by_state"]["active"], 4);
    daemon.overview_when("the reason is told", |o| !o["zfs_error"].is_null());
    let zfs = daemon.json("/api/zfs");
    assert_eq!((&zfs["pools"], &zfs["available"]), (&before["pools"], &true.into()));
    sim.set("zpool", &["hang="]);
    daemon.overview_when("well again", |o| o["zfs_error"].is_null());
}

#[test]
fn a_pulled_drive_leaves_its_leaf_without_a_drive() {
    let (sim, redis) = (Sim::small(), Redis::start());
    let daemon = Daemon::ready(&sim, &redis, &[("SMART_POLL_INTERVAL", "1")]);
    let truth = sim.list();
    let pulled = truth.iter().find(|d| d["role"] == "data").expect("a drive in a pool");
    let (serial, device) = (text(&pulled["serial"]).to_owned(), &pulled["devices"][0]);
    let before = daemon.json("/api/zfs");
    let old = members(&before).find(|leaf| leaf["device"] == *device).expect("its leaf").clone();
    assert_eq!(before["unmatched"], serde_json::json!([]));

    sim.pull(&[&serial]);
    daemon.overview_when("the pool is degraded", |o| list(o, "pools").any(|p| p["state"] == "DEGRADED"));
    let zfs = daemon.json("/api/zfs");
    let unmatched: Vec<&Value> = list(&zfs, "unmatched").collect();
    assert_eq!(unmatched.len(), 1, "{unmatched:?}");
    assert_eq!(unmatched[0]["was"], old["name"], "its old path");
    assert_eq!((&unmatched[0]["state"], &unmatched[0]["device"]), (&"UNAVAIL".into(), &Value::Null));
    assert_eq!((&unmatched[0]["pool"], &unmatched[0]["vdev"]), (&pulled["pool"], &pulled["vdev"]));
    assert_eq!(drive(&daemon.json("/api/overview"), &serial)["state"], "missing");

    sim.insert(&[&format!("bay/{}/{}", pulled["enclosure"], pulled["bay"])]);
    daemon.overview_when("all is well again", |o| list(o, "pools").all(|p| p["state"] == "ONLINE"));
    assert_eq!(daemon.json("/api/zfs")["unmatched"], serde_json::json!([]));
}

#[test]
fn errors_of_a_leaf_show_at_its_drive() {
    let (sim, redis) = (Sim::rack(), Redis::start());
    let truth = sim.list();
    let with_role = |role: &'static str| truth.iter().filter(move |d| d["role"] == role);
    let faulted = with_role("data").next().expect("a drive in a pool");
    let second =
        with_role("data").find(|d| d["vdev"] != faulted["vdev"] && d["pool"] == faulted["pool"]).expect("another");
    let spare = with_role("spare").find(|d| d["pool"] == faulted["pool"]).expect("a spare");
    let serial = |d: &Value| text(&d["serial"]).to_owned();
    sim.set(&format!("leaf/{}", serial(faulted)), &["read=3", "cksum=12", "state=FAULTED", "note=too many errors"]);
    sim.set(&format!("leaf/{}", serial(second)), &["write=7", &format!("spare={}", serial(spare))]);
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let (overview, zfs) = (daemon.json("/api/overview"), daemon.json("/api/zfs"));

    let seen = drive(&overview, &serial(faulted));
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
    let leaf = members(&zfs).find(|leaf| leaf["device"] == device).expect("its leaf");
    assert_eq!((&leaf["read_errors"], &leaf["note"]), (&3.into(), &"too many errors".into()), "{leaf}");
    let tank = list(&zfs, "pools").find(|p| p["name"] == faulted["pool"]).expect("its pool");
    assert_eq!(tank["state"], "DEGRADED");
    assert_eq!(daemon.json(&format!("/api/drives/{device}"))["read_errors"], 3);

    // A spare that stands in is in the vdev it helps, and its drive says so.
    assert_eq!(drive(&overview, &serial(second))["write_errors"], 7);
    let helper = drive(&overview, &serial(spare));
    assert_eq!((&helper["role"], &helper["vdev"]), (&"data".into(), &second["vdev"]), "{helper}");
    let vdev = list(tank, "vdevs").find(|v| v["name"] == second["vdev"]).expect("its vdev");
    let in_vdev = list(vdev, "members").filter(|m| m["device"] == spare["devices"][0]).count();
    assert_eq!(in_vdev, 1);
    let listed = list(tank, "vdevs").find(|v| v["role"] == "spare").expect("the spares");
    assert!(list(listed, "members").any(|m| m["state"] == "INUSE" && m["device"] == spare["devices"][0]));
}

#[test]
fn a_running_scrub_is_told_with_its_progress() {
    let sim = Sim::small();
    let pool = text(&sim.list().iter().find(|d| !d["pool"].is_null()).expect("a drive in a pool")["pool"]).to_owned();
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
        let overview = daemon.overview_when(&format!("{scan} is told"), |o| {
            o["pools"][0]["scan"]["kind"] == kind && o["pools"][0]["scan"]["state"] == state
        });
        let percent = overview["pools"][0]["scan"]["done_percent"].as_f64();
        if state == "in_progress" {
            assert!(percent.is_some_and(|p| (41.0..=43.0).contains(&p)), "{scan}: {percent:?}");
        }
    }
}

/// Its drives are elsewhere, and it is lost all the same.
#[test]
fn a_faulted_pool_without_a_drive_here_makes_the_verdict() {
    let sim = Sim::host(&["--enclosures", "1", "--bays", "2", "--drives", "1", "--nvme", "0", "--pools", "0"]);
    let status = "  pool: far\n state: FAULTED\nconfig:\n\n\tNAME STATE READ WRITE CKSUM\n\tfar FAULTED 0 0 0\n\t  \
                  /dev/disk/by-id/dm-name-far  UNAVAIL  0  0  0\n\nerrors: No known data errors\n";
    let file = sim.script("status.txt", status);
    let zpool = sim.script("printing-zpool", &format!("#!/bin/sh\ncat '{}'\n", file.display()));
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("ZPOOL_PATH", &zpool.to_string_lossy())]);
    let overview = daemon.json("/api/overview");
    assert_eq!(overview["totals"]["by_verdict"]["crit"], 0, "no drive here is bad: {overview}");
    assert_eq!(overview["verdict"], "crit", "{overview}");
    let zfs = daemon.json("/api/zfs");
    for pool in [&overview["pools"][0], &zfs["pools"][0]] {
        assert_eq!(pool["verdict"], "crit", "{pool}");
        let findings: Vec<(&str, &str)> =
            list(pool, "findings").map(|finding| (text(&finding["code"]), text(&finding["severity"]))).collect();
        assert_eq!(findings, [("Z4", "crit"), ("Z6", "warn")], "{pool}");
    }
}

/// Each namespace may serve a pool of its own; they are one drive, which fails as one.
#[test]
fn namespaces_in_pools_are_their_controllers_drive() {
    let shape = ["--enclosures", "1", "--bays", "2", "--drives", "1", "--paths", "1", "--nvme", "1", "--pools", "0"];
    let sim = Sim::host(&shape);
    sim.set("nvme0", &["namespaces=2"]);
    let row = |name: &str, state: &str| format!("\t  {name}  {state}  0  0  0\n");
    let pool = |name: &str, row: String| {
        format!(
            "  pool: {name}\n state: ONLINE\nconfig:\n\n\tNAME STATE READ WRITE CKSUM\n\t{name} ONLINE 0 0 0\n{row}\n"
        )
    };
    let status = pool("boot", row("/dev/nvme0n1p1", "ONLINE")) + &pool("fast", row("/dev/nvme0n2p1", "DEGRADED"));
    let file = sim.script("status.txt", &status);
    let zpool = sim.script("printing-zpool", &format!("#!/bin/sh\ncat '{}'\n", file.display()));
    let zpool = zpool.to_string_lossy().into_owned();
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("ZPOOL_PATH", &zpool)]);
    let zfs = daemon.json("/api/zfs");
    let leaves: Vec<(&str, &str)> = members(&zfs).map(|leaf| (text(&leaf["name"]), text(&leaf["device"]))).collect();
    assert_eq!(leaves, [("/dev/nvme0n1p1", "nvme0n1"), ("/dev/nvme0n2p1", "nvme0n1")]);
    let drive = daemon.json("/api/drives/nvme0n2");
    assert_eq!(drive["paths"], serde_json::json!(["nvme0n1", "nvme0n2"]), "{drive}");
    // What is in most trouble speaks for it.
    assert_eq!((&drive["pool"], &drive["verdict"]), (&"fast".into(), &"crit".into()), "{drive}");
    assert_eq!(drive["nvme"]["controller_id"], 6, "{drive}");
}

/// A new drive in the bay is not the leaf that is named for the bay, also while zpool cannot say so.
#[test]
fn who_is_put_into_a_bay_is_in_no_pool_until_zpool_says_so() {
    let shape = ["--enclosures", "1", "--bays", "6", "--drives", "6", "--paths", "1", "--nvme", "0", "--pools", "1"];
    for leaf in ["by-vdev", "by-path", "sd", "partition"] {
        let sim = Sim::host(&[&shape[..], &["--vdev-width", "4", "--leaf", leaf]].concat());
        // No sweep comes in between: what is plugged is seen by itself.
        let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "3600")]);
        let truth = sim.list();
        let pulled = truth.iter().find(|d| d["role"] == "data").expect("a drive in a pool");
        let serial = text(&pulled["serial"]);
        assert_eq!(drive(&daemon.json("/api/overview"), serial)["pool"], pulled["pool"], "{leaf}");
        sim.set("zpool", &["hang=true"]);
        sim.pull(&[serial]);
        sim.insert(&[
            &format!("bay/{}/{}", pulled["enclosure"], pulled["bay"]),
            "--serial",
            "NEWCOMER1",
            "--kind",
            "sas",
        ]);
        let overview = daemon.overview_when("the newcomer is read", |o| drive(o, "NEWCOMER1")["state"] == "active");
        let newcomer = drive(&overview, "NEWCOMER1");
        assert_eq!(newcomer["slot"], pulled["bay"], "{leaf}: {newcomer}");
        assert_eq!((&newcomer["pool"], &newcomer["vdev_state"]), (&Value::Null, &Value::Null), "{leaf}: {newcomer}");
        sim.set("zpool", &["hang="]);
    }
}
