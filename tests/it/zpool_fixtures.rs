//! Outputs of `zpool status` (`tests/fixtures/zpool`), file by file: /api/zfs has the pools, vdevs and leaves of the file.

use crate::support;

use serde_json::Value;
use std::collections::BTreeSet;
use support::daemon::Daemon;
use support::fixture;
use support::json::{list, pool_members, text};
use support::redis::Redis;
use support::sim::Sim;

/// A file, its pools with their states, and its vdevs: pool, role, vdev, and the leaves, with their states unless ONLINE.
type Expected = (&'static str, &'static [&'static str], &'static [&'static str]);

const TEXTS: [Expected; 32] = [
    ("cannot-open-before-openzfs.txt", &["shed DEGRADED"], &["shed data mirror-0: c2t0d0 c2t1d0=UNAVAIL"]),
    (
        "data-errors-told-twice.txt",
        &["shed ONLINE"],
        &["shed data mirror-0: ata-EXAMPLE_EX8T_EXA00031-part1 ata-EXAMPLE_EX8T_EXA00032-part1"],
    ),
    (
        "draid-and-special.txt",
        &["shed ONLINE"],
        &[
            "shed data draid1:2d:4c:1s-0: sdb sdc sdd sde",
            "shed dedup sdf: sdf",
            "shed special mirror-1: nvme0n1 nvme1n1",
            "shed spare spares: draid1-0-0=AVAIL",
        ],
    ),
    (
        "file-leaf-faulted-without-scan-and-errors.txt",
        &["shed DEGRADED"],
        &["shed data mirror-0: /srv/images/one /srv/images/two=FAULTED"],
    ),
    // Not a status: it has no pool.
    ("iostat.txt", &[], &[]),
    (
        "label-corrupted-after-a-foreign-line.txt",
        &["shed DEGRADED"],
        &["shed data mirror-0: loop0 loop1", "shed data mirror-1: loop2 loop3=UNAVAIL"],
    ),
    ("label-corrupted-without-scan.txt", &["shed DEGRADED"], &["shed data mirror-0: loop0 loop1=UNAVAIL"]),
    ("leaf-removed.txt", &["shed DEGRADED"], &["shed data mirror-0: drive0-part1=REMOVED drive1-part1"]),
    (
        "leaf-unavailable-was.txt",
        &["shed DEGRADED"],
        &["shed data mirror-0: 11223344556677889900=UNAVAIL ata-EXAMPLE_EX8T_EXA00031-part1 ata-EXAMPLE_EX8T_EXA00032"],
    ),
    ("mirrored-log-nine-blanks.txt", &["shed ONLINE"], &["shed data mirror-0: sda sdb", "shed log mirror-1: sdc sdd"]),
    (
        "multipath-names-log-cache-spare.txt",
        &["shed ONLINE"],
        &[
            "shed data raidz1-0: 350abcde000000061 350abcde000000062 350abcde000000063",
            "shed data raidz1-1: 350abcde000000064 350abcde000000065 350abcde000000066",
            "shed log 350abcde000000071: 350abcde000000071",
            "shed cache cache: 350abcde000000072",
            "shed spare spares: 350abcde000000073=AVAIL",
        ],
    ),
    (
        "new-pool-without-scan.txt",
        &["shed ONLINE"],
        &["shed data mirror-0: ata-EXAMPLE_EX8T_EXA00031 ata-EXAMPLE_EX8T_EXA00032"],
    ),
    ("none-requested-without-errors-line.txt", &["shed ONLINE"], &["shed data mirror-0: sda sdb"]),
    (
        "permanent-errors-listed.txt",
        &["shed UNAVAIL"],
        &["shed data c2t0d0: c2t0d0", "shed data c2t1d0: c2t1d0=UNAVAIL"],
    ),
    (
        "replacing-and-spare.txt",
        &["shed DEGRADED"],
        &["shed data raidz2-0: sdb=OFFLINE sdh sdc=FAULTED sdg sdd sde", "shed spare spares: sdg=INUSE"],
    ),
    ("resilvered.txt", &["shed ONLINE"], &["shed data mirror-0: loop0 loop1"]),
    (
        "scrub-at-zero-percent.txt",
        &["shed ONLINE"],
        &["shed data mirror-0: wwn-0x50abcde000000055-part2 ata-EXAMPLE_EX4000_EXA00033-part1"],
    ),
    (
        "scrub-canceled.txt",
        &["shed ONLINE"],
        &["shed data mirror-0: wwn-0x50abcde000000055-part2 ata-EXAMPLE_EX4000_EXA00033-part1"],
    ),
    ("scrub-paused.txt", &["shed ONLINE"], &["shed data sdb: sdb"]),
    (
        "spare-in-use.txt",
        &["shed ONLINE"],
        &["shed data raidz2-0: sdb sdg sdc sdf sda", "shed spare spares: sdd=INUSE"],
    ),
    (
        "spares-available.txt",
        &["shed ONLINE"],
        &["shed data mirror-0: sdb sdc", "shed data mirror-1: sdd sde", "shed spare spares: sdf=AVAIL sdg=AVAIL"],
    ),
    (
        "three-pools-without-blank-lines.txt",
        &["alpha ONLINE", "beta ONLINE", "gamma ONLINE"],
        &[
            "alpha data EXAMPLE_6T-EXA00021:10: EXAMPLE_6T-EXA00021:10",
            "beta data EXAMPLE_500-EXA00022:5: EXAMPLE_500-EXA00022:5",
            "gamma data Portable_EX_1-EXA00023:8: Portable_EX_1-EXA00023:8",
        ],
    ),
    (
        "two-pools-features-not-enabled.txt",
        &["boot ONLINE", "shed ONLINE"],
        &[
            "boot data mirror-0: ata-EXAMPLE_SX240_EXS00011 ata-EXAMPLE_SX240_EXS00012",
            "shed data mirror-0: wwn-0x50abcde000000051 wwn-0x50abcde000000052",
            "shed data mirror-1: wwn-0x50abcde000000053 wwn-0x50abcde000000054",
        ],
    ),
    ("checkpoint-removal-trim.txt", &["shed ONLINE"], &["shed data mirror-0: sdb sdc", "shed data mirror-1: sdd sde"]),
    ("error-scrub-runs.txt", &["shed ONLINE"], &["shed data mirror-0: sdb sdc", "shed data mirror-1: sdd sde"]),
    ("error-scrub-ended.txt", &["shed ONLINE"], &["shed data mirror-0: sdb sdc", "shed data mirror-1: sdd sde"]),
    (
        "rebuild-canceled-after-scrub.txt",
        &["shed ONLINE"],
        &["shed data mirror-0: sdb sdc", "shed data mirror-1: sdd sde"],
    ),
    (
        "partitions-in-several-roles.txt",
        &["boot ONLINE", "shed ONLINE"],
        &[
            "boot data mirror-0: sda2 sdb2",
            "shed data mirror-0: sdc sdd",
            "shed log mirror-1: sda3 sdb3",
            "shed cache cache: sda4 sdb4",
        ],
    ),
    ("expansion-beyond-its-total.txt", &["shed ONLINE"], &["shed data raidz1-0: sdb sdc sdd sde"]),
    (
        "rebuild-ended-after-scrub.txt",
        &["shed ONLINE"],
        &["shed data mirror-0: sdb sdc", "shed data mirror-1: sdd sde"],
    ),
    (
        "resilver-runs-without-issued.txt",
        &["shed ONLINE"],
        &["shed data mirror-0: sdb sdc", "shed data mirror-1: sdd sde"],
    ),
    (
        "two-rebuilds-run-after-scrub.txt",
        &["shed ONLINE"],
        &["shed data mirror-0: sdb sdc", "shed data mirror-1: sdd sde"],
    ),
];

/// The leaves of two mirrors in JSON.
const MIRRORS: &[&str] = &[
    "shed data mirror-0: wwn-0x50abcde000000071 wwn-0x50abcde000000072",
    "shed data mirror-1: wwn-0x50abcde000000073 wwn-0x50abcde000000074",
];

const JSON: [Expected; 13] = [
    (
        "degraded-replacing-spare-log-cache.json",
        &["shed DEGRADED"],
        &[
            "shed data raidz2-0: 16030397607834682804=UNAVAIL /dev/disk/by-id/wwn-0x50abcde00000005c-part1 /dev/disk/by-id/wwn-0x50abcde00000005d-part1=FAULTED /dev/disk/by-id/wwn-0x50abcde00000005e-part1 /dev/disk/by-id/wwn-0x50abcde00000005f-part1",
            "shed log nvme0n1p1: /dev/nvme0n1p1",
            "shed cache cache: /dev/nvme1n1p1",
            "shed spare spares: /dev/disk/by-id/wwn-0x50abcde00000005e-part1=INUSE",
        ],
    ),
    (
        "healthy-dedup-special.json",
        &["shed ONLINE"],
        &[
            "shed data raidz1-0: 0a0b0c0d-0000-4000-8000-000000000001 0a0b0c0d-0000-4000-8000-000000000002 0a0b0c0d-0000-4000-8000-000000000003",
            "shed dedup mirror-2: 0a0b0c0d-0000-4000-8000-000000000004 0a0b0c0d-0000-4000-8000-000000000005",
            "shed special 0a0b0c0d-0000-4000-8000-000000000006: 0a0b0c0d-0000-4000-8000-000000000006",
        ],
    ),
    (
        "list-with-vdevs.json",
        &["hut ONLINE", "shed ONLINE"],
        &[
            "hut data wwn-0x50abcde000000056: wwn-0x50abcde000000056",
            "hut data wwn-0x50abcde000000057: wwn-0x50abcde000000057",
            "shed data raidz1-0: wwn-0x50abcde000000058 wwn-0x50abcde000000059 wwn-0x50abcde00000005a",
        ],
    ),
    ("list-without-vdevs.json", &["shed ONLINE"], &[]),
    (
        "scrub-that-skipped.json",
        &["shed ONLINE"],
        &[
            "shed data raidz1-0: /dev/disk/by-id/wwn-0x50abcde000000058-part1 /dev/disk/by-id/wwn-0x50abcde000000059-part1 /dev/disk/by-id/wwn-0x50abcde00000005a-part1",
        ],
    ),
    (
        "two-pools-special.json",
        &["hut ONLINE", "shed ONLINE"],
        &[
            "hut data wwn-0x50abcde000000056-part1: /dev/disk/by-id/wwn-0x50abcde000000056-part1",
            "hut data wwn-0x50abcde000000057-part1: /dev/disk/by-id/wwn-0x50abcde000000057-part1",
            "shed data raidz1-0: /dev/disk/by-id/wwn-0x50abcde000000058-part1 /dev/disk/by-id/wwn-0x50abcde000000059-part1 /dev/disk/by-id/wwn-0x50abcde00000005a-part1",
            "shed special mirror-1: /dev/disk/by-id/nvme-EXAMPLE_NX256_EXN00021-part1 /dev/disk/by-id/nvme-eui.0abcde0000000043-part1",
        ],
    ),
    ("checkpoint-removal-trim.json", &["shed ONLINE"], MIRRORS),
    ("error-scrub-ended.json", &["shed ONLINE"], MIRRORS),
    ("error-scrub-runs.json", &["shed ONLINE"], MIRRORS),
    ("rebuild-canceled-after-scrub.json", &["shed ONLINE"], MIRRORS),
    ("rebuild-ended-after-scrub.json", &["shed ONLINE"], MIRRORS),
    ("two-rebuilds-run-after-scrub.json", &["shed ONLINE"], MIRRORS),
    (
        "resilver-expansion-checkpoint.json",
        &["shed DEGRADED"],
        &[
            "shed data raidz1-0: wwn-0x50abcde000000081 wwn-0x50abcde000000082=OFFLINE wwn-0x50abcde000000083 wwn-0x50abcde000000084 wwn-0x50abcde000000085",
        ],
    ),
];

/// The guids of leaves in JSON: their number, the first and the last of each file.
const GUIDS: [(&str, usize, &str, &str); 5] = [
    ("degraded-replacing-spare-log-cache.json", 8, "16030397607834682804", "6121644508971867131"),
    ("healthy-dedup-special.json", 6, "17485029721327973432", "6197132694365229272"),
    ("list-with-vdevs.json", 5, "9051134794794142607", "15366080656230545077"),
    ("scrub-that-skipped.json", 3, "15148547193920798609", "6408962922383766019"),
    ("two-pools-special.json", 7, "15413018824584004815", "14946608615152724536"),
];

/// Kind, state and percent of the scan of each file's first pool. Without a pool (`iostat.txt`) there is none.
const SCANS: [(&str, &str, &str, Option<f64>); 44] = [
    ("cannot-open-before-openzfs.txt", "none", "none", None),
    ("checkpoint-removal-trim.json", "scrub", "in_progress", Some(25.0)),
    ("checkpoint-removal-trim.txt", "scrub", "in_progress", Some(25.0)),
    ("data-errors-told-twice.txt", "scrub", "finished", None),
    ("degraded-replacing-spare-log-cache.json", "resilver", "in_progress", Some(50.0)),
    ("draid-and-special.txt", "scrub", "finished", None),
    ("error-scrub-ended.json", "scrub", "finished", None),
    ("error-scrub-ended.txt", "scrub", "finished", None),
    ("error-scrub-runs.json", "scrub", "in_progress", Some(62.5)),
    ("error-scrub-runs.txt", "scrub", "in_progress", Some(62.5)),
    ("expansion-beyond-its-total.txt", "scrub", "canceled", None),
    ("file-leaf-faulted-without-scan-and-errors.txt", "none", "none", None),
    ("healthy-dedup-special.json", "none", "none", None),
    ("label-corrupted-after-a-foreign-line.txt", "scrub", "finished", None),
    ("label-corrupted-without-scan.txt", "none", "none", None),
    ("leaf-removed.txt", "scrub", "finished", None),
    ("leaf-unavailable-was.txt", "scrub", "finished", None),
    ("list-with-vdevs.json", "none", "none", None),
    ("list-without-vdevs.json", "none", "none", None),
    ("mirrored-log-nine-blanks.txt", "none", "none", None),
    ("multipath-names-log-cache-spare.txt", "scrub", "finished", None),
    ("new-pool-without-scan.txt", "none", "none", None),
    ("none-requested-without-errors-line.txt", "none", "none", None),
    ("partitions-in-several-roles.txt", "scrub", "finished", None),
    ("permanent-errors-listed.txt", "scrub", "finished", None),
    ("rebuild-canceled-after-scrub.json", "resilver", "canceled", None),
    ("rebuild-canceled-after-scrub.txt", "resilver", "canceled", None),
    ("rebuild-ended-after-scrub.json", "resilver", "finished", None),
    ("rebuild-ended-after-scrub.txt", "resilver", "finished", None),
    ("replacing-and-spare.txt", "resilver", "in_progress", Some(35.9)),
    ("resilver-expansion-checkpoint.json", "resilver", "in_progress", Some(25.0)),
    ("resilver-runs-without-issued.txt", "resilver", "in_progress", Some(0.25)),
    ("resilvered.txt", "resilver", "finished", None),
    ("scrub-at-zero-percent.txt", "scrub", "in_progress", Some(0.0)),
    ("scrub-canceled.txt", "scrub", "canceled", None),
    ("scrub-paused.txt", "scrub", "paused", Some(24.6)),
    // 2.00T of 8.64T, of which 640G were skipped.
    ("scrub-that-skipped.json", "scrub", "in_progress", Some(24.95)),
    ("spare-in-use.txt", "resilver", "finished", None),
    ("spares-available.txt", "scrub", "finished", None),
    ("three-pools-without-blank-lines.txt", "scrub", "canceled", None),
    ("two-pools-features-not-enabled.txt", "scrub", "finished", None),
    ("two-pools-special.json", "none", "none", None),
    ("two-rebuilds-run-after-scrub.json", "resilver", "in_progress", Some(30.0)),
    ("two-rebuilds-run-after-scrub.txt", "resilver", "in_progress", Some(30.27)),
];

/// Files in which the errors of the pool are not "No known data errors": how they begin, `None` without such a line.
const ERRORS: [(&str, Option<&str>); 10] = [
    ("data-errors-told-twice.txt", Some("1 data errors")),
    ("degraded-replacing-spare-log-cache.json", Some("2 data errors")),
    ("file-leaf-faulted-without-scan-and-errors.txt", None),
    ("label-corrupted-after-a-foreign-line.txt", None),
    ("list-with-vdevs.json", None),
    ("list-without-vdevs.json", None),
    ("mirrored-log-nine-blanks.txt", None),
    ("multipath-names-log-cache-spare.txt", None),
    ("none-requested-without-errors-line.txt", None),
    ("permanent-errors-listed.txt", Some("Permanent errors have been detected")),
];

/// A line for each vdev of /api/zfs, as in the tables above.
fn vdev_lines(zfs: &Value) -> Vec<String> {
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

/// A host with one drive, whose zpool prints that fixture.
pub(crate) fn printing(name: &str) -> (Sim, Daemon) {
    let shape = ["--enclosures", "1", "--bays", "2", "--drives", "1", "--paths", "1", "--sata", "0", "--ssd", "0"];
    let sim = Sim::host(&shape);
    let daemon = printing_on(&sim, name);
    (sim, daemon)
}

fn printing_on(sim: &Sim, name: &str) -> Daemon {
    let zpool = sim.script("printing-zpool", &format!("#!/bin/sh\ncat '{}'\n", fixture("zpool").join(name).display()));
    let zpool = zpool.to_string_lossy().into_owned();
    Daemon::ready(sim, &Redis::absent(), &[("ZPOOL_PATH", &zpool)])
}

#[test]
fn every_output_is_read_as_in_the_tables() {
    let mut wrong = Vec::new();
    for (name, pools, vdevs) in TEXTS.into_iter().chain(JSON) {
        let (_sim, daemon) = printing(name);
        let zfs = daemon.json("/api/zfs");
        let shown: Vec<String> =
            list(&zfs, "pools").map(|pool| format!("{} {}", text(&pool["name"]), text(&pool["state"]))).collect();
        if shown != pools {
            wrong.push(format!("{name}: pools {shown:?}, expected {pools:?}"));
        }
        let lines = vdev_lines(&zfs);
        if lines != vdevs {
            wrong.push(format!("{name}: {lines:#?}, expected {vdevs:#?}"));
        }
        let errors = match ERRORS.iter().find(|(file, _)| *file == name) {
            Some((_, errors)) => *errors,
            None => Some("No known data errors"),
        };
        for pool in list(&zfs, "pools") {
            let is_right = match errors {
                Some(errors) => text(&pool["errors"]).starts_with(errors),
                None => pool["errors"].is_null(),
            };
            if !is_right {
                wrong.push(format!("{name}: errors {}, expected {errors:?}", pool["errors"]));
            }
        }
        if let Some((_, count, first, last)) = GUIDS.iter().find(|(file, ..)| *file == name) {
            let guids: Vec<&str> = pool_members(&zfs).map(|leaf| text(&leaf["guid"])).collect();
            if guids.len() != *count || guids.first() != Some(first) || guids.last() != Some(last) {
                wrong.push(format!("{name}: guids {guids:?}"));
            }
        }
        if let Some((_, kind, state, percent)) = SCANS.iter().find(|(file, ..)| *file == name) {
            let scan = &zfs["pools"][0]["scan"];
            if scan["kind"] != *kind || scan["state"] != *state || scan["done_percent"].as_f64() != *percent {
                wrong.push(format!("{name}: {scan}, expected {kind} {state} {percent:?}"));
            }
        }
        // Output with pools causes no error.
        if !shown.is_empty() && (zfs["available"] != true || !zfs["error"].is_null()) {
            wrong.push(format!("{name}: available {} error {}", zfs["available"], zfs["error"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_fixture_is_in_a_table() {
    let files = std::fs::read_dir(fixture("zpool")).expect("the fixtures").flatten();
    let files: BTreeSet<String> = files.map(|file| file.file_name().to_string_lossy().into_owned()).collect();
    let expected: BTreeSet<String> = TEXTS.into_iter().chain(JSON).map(|(name, ..)| name.to_owned()).collect();
    assert_eq!(files, expected);
    let scans: BTreeSet<String> = SCANS.map(|(name, ..)| name.to_owned()).into();
    let with_pools: BTreeSet<String> = files.iter().filter(|name| *name != "iostat.txt").cloned().collect();
    assert_eq!(scans, with_pools);
    for name in GUIDS.map(|(name, ..)| name).into_iter().chain(ERRORS.map(|(name, _)| name)) {
        assert!(files.contains(name), "there is no fixture {name}");
    }
}

/// A drive whose partitions are members of several vdevs is shown with all of them, and found by the name of each pool.
#[test]
fn a_drive_has_the_memberships_of_all_its_partitions() {
    let shape = ["--enclosures", "1", "--bays", "4", "--drives", "4", "--paths", "1", "--sata", "0", "--ssd", "0"];
    let sim = Sim::host(&[&shape[..], &["--nvme", "0"]].concat());
    for partition in ["sda2", "sda3", "sda4", "sdb2", "sdb3", "sdb4"] {
        let folder = sim.root().join("sys/block").join(&partition[..3]).join(partition);
        std::fs::create_dir(folder).expect("a folder");
    }
    let daemon = printing_on(&sim, "partitions-in-several-roles.txt");
    for (device, places, pools) in [
        ("sda", &["boot mirror-0 data", "shed cache cache", "shed mirror-1 log"][..], &["boot", "shed"][..]),
        ("sdc", &["shed mirror-0 data"], &["shed"]),
    ] {
        let drive = daemon.json(&format!("/api/drives/{device}"));
        let mut shown: Vec<String> = list(&drive, "memberships")
            .map(|member| ["pool", "vdev", "role"].map(|field| text(&member[field])).join(" "))
            .collect();
        shown.sort();
        assert_eq!(shown, places, "{drive}");
        let whereis = daemon.get(&format!("/api/whereis/{device}")).text();
        for pool in ["boot", "shed"] {
            let found = daemon.json(&format!("/api/drives?pool={pool}"));
            let is_found = list(&found, "drives").any(|found| found["device"] == device);
            assert_eq!((is_found, whereis.contains(pool)), (pools.contains(&pool), pools.contains(&pool)), "{whereis}");
        }
    }
}

fn shown(name: &str) -> Value {
    printing(name).1.json("/api/zfs")
}

fn leaf(zfs: &Value, name: &str) -> Value {
    pool_members(zfs).find(|leaf| leaf["name"] == name).cloned().unwrap_or_default()
}

fn by_id(number: &str) -> String {
    format!("/dev/disk/by-id/wwn-0x50abcde0000000{number}-part1")
}

#[test]
fn faults_of_leaves_are_shown_in_the_words_of_zfs() {
    let removed = shown("leaf-unavailable-was.txt");
    let was = leaf(&removed, "11223344556677889900");
    assert_eq!(was["was"], "/dev/disk/by-id/ata-EXAMPLE_EX8T_EXA00034-part1", "{was}");
    assert_eq!((&was["read_errors"], &was["checksum_errors"]), (&0.into(), &100_980.into()), "{was}");
    assert!(was["device"].is_null());
    assert!(list(&removed, "unmatched").any(|line| line["was"] == was["was"]), "{}", removed["unmatched"]);
    let pool = &removed["pools"][0];
    assert!(
        text(&pool["status"])
            .ends_with("Sufficient replicas exist for the pool to continue functioning in a degraded state.")
    );
    assert_eq!(pool["action"], "Replace the device using 'zpool replace'.");

    let closed = shown("permanent-errors-listed.txt");
    let row = leaf(&closed, "c2t1d0");
    assert_eq!(
        (&row["note"], &row["read_errors"], &row["write_errors"]),
        (&"cannot open".into(), &4.into(), &1.into())
    );
    assert_eq!(leaf(&shown("spare-in-use.txt"), "sdd")["note"], "currently in use");
    assert_eq!(leaf(&shown("spares-available.txt"), "sdf")["read_errors"], Value::Null, "spares have no counters");
    for file in ["label-corrupted-without-scan.txt", "label-corrupted-after-a-foreign-line.txt"] {
        let corrupted = shown(file);
        let notes: Vec<&str> =
            pool_members(&corrupted).map(|leaf| text(&leaf["note"])).filter(|note| *note != "null").collect();
        assert_eq!(notes, ["corrupted data"], "{file}");
    }
    let faulted = shown("file-leaf-faulted-without-scan-and-errors.txt");
    assert_eq!(leaf(&faulted, "/srv/images/two")["note"], "external device fault");

    // Text and JSON: one drive is being replaced, and a spare is in use for another one.
    let (as_text, as_json) = (shown("replacing-and-spare.txt"), shown("degraded-replacing-spare-log-cache.json"));
    for (row, note) in [(leaf(&as_text, "sdh"), "resilvering"), (leaf(&as_json, &by_id("5c")), "resilvering")] {
        assert!(text(&row["note"]).contains(note), "{row}");
    }
    for row in [leaf(&as_text, "sdc"), leaf(&as_json, &by_id("5d"))] {
        assert_eq!((&row["state"], &row["note"]), (&"FAULTED".into(), &"too many errors".into()), "{row}");
        assert_eq!((&row["read_errors"], &row["write_errors"]), (&3.into(), &99.into()), "{row}");
    }
    assert!(list(&as_json, "unmatched").any(|leaf| leaf["was"] == by_id("5b")), "{}", as_json["unmatched"]);
}
