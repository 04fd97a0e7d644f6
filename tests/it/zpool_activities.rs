//! Activities of pools, from fixtures and the simulator, in text and in JSON, as the API, `scan` and the metrics show them.

use crate::support;
use crate::support::wait_until;
use crate::zpool_fixtures::printing;

use serde_json::Value;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt::Write;
use support::daemon::{Daemon, command, run};
use support::fixture;
use support::json::{drive, list, text};
use support::redis::Redis;
use support::sim::Sim;

/// A file, and the activities of its pool: kind, vdev, state, percent, start and end. The first is the scan.
type Expected = (&'static str, &'static [&'static str]);

const REBUILT: &[&str] =
    &["rebuild mirror-1 finished - START 2026-03-05T21:15:30Z", "scrub - finished - START 2026-03-01T06:04:13Z"];

const CANCELED: &[&str] =
    &["rebuild mirror-1 canceled - START 2026-03-05T19:40:12Z", "scrub - finished - START 2026-03-01T06:04:13Z"];

/// The scan comes first. START: only JSON has the time.
const FILES: [Expected; 16] = [
    ("rebuild-ended-after-scrub.txt", REBUILT),
    ("rebuild-ended-after-scrub.json", REBUILT),
    ("rebuild-canceled-after-scrub.txt", CANCELED),
    ("rebuild-canceled-after-scrub.json", CANCELED),
    ("error-scrub-ended.txt", &["error_scrub - finished - START 2026-03-05T18:04:52Z"]),
    ("error-scrub-ended.json", &["error_scrub - finished - START 2026-03-05T18:04:52Z"]),
    (
        "two-rebuilds-run-after-scrub.txt",
        &[
            "rebuild mirror-1 in_progress 30.27 2026-03-05T18:09:02Z -",
            "scrub - finished - START 2026-03-01T06:04:13Z",
            "rebuild mirror-0 in_progress 75.08 2026-03-05T18:04:45Z -",
        ],
    ),
    (
        "two-rebuilds-run-after-scrub.json",
        &[
            "rebuild mirror-1 in_progress 30 2026-03-05T18:09:02Z -",
            "scrub - finished - START 2026-03-01T06:04:13Z",
            "rebuild mirror-0 in_progress 75 2026-03-05T18:04:45Z -",
        ],
    ),
    ("error-scrub-runs.txt", &["error_scrub - in_progress 62.5 2026-03-05T18:04:45Z -"]),
    ("error-scrub-runs.json", &["error_scrub - in_progress 62.5 2026-03-05T18:04:45Z -"]),
    (
        "expansion-beyond-its-total.txt",
        &["scrub - canceled - - 2026-03-01T06:04:13Z", "expansion raidz1-0 in_progress 100 2026-03-05T18:04:45Z -"],
    ),
    (
        "resilver-expansion-checkpoint.json",
        &[
            "resilver - in_progress 25 2026-03-05T18:04:45Z -",
            "expansion raidz1-0 paused 12.5 2026-03-05T12:00:00Z -",
            "checkpoint - exists - 2026-03-04T09:30:00Z -",
        ],
    ),
    ("checkpoint-removal-trim.txt", SEVERAL),
    ("checkpoint-removal-trim.json", SEVERAL),
    ("resilver-runs-without-issued.txt", &["resilver - in_progress 0.25 2026-03-05T18:04:45Z -"]),
    ("new-pool-without-scan.txt", &[]),
];

const SEVERAL: &[&str] = &[
    "scrub - in_progress 25 2026-03-05T18:04:45Z -",
    "removal mirror-1 in_progress 31.35 2026-03-05T17:00:00Z -",
    "checkpoint - exists - 2026-03-04T09:30:00Z -",
    "trim - in_progress 38 2026-03-05T18:00:00Z -",
    "initialize - finished - - 2026-03-05T16:00:00Z",
];

fn line(activity: &Value) -> String {
    let fields = ["kind", "vdev", "state", "done_percent", "started_at", "ended_at"];
    let words = fields.map(|field| match &activity[field] {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        // 30 and not 30.0.
        value => value.as_f64().expect("a number").to_string(),
    });
    words.join(" ")
}

/// True if the lines are the same, apart from the start if `expected` has START.
fn is_line(shown: &str, expected: &str) -> bool {
    let mut words: Vec<&str> = shown.split(' ').collect();
    if expected.contains(" START ") {
        words[4] = "START";
    }
    words.join(" ") == expected
}

/// The line of the scan, as if it were an activity of this kind.
fn scan_line(scan: &Value, kind: &str) -> String {
    let mut scan = scan.clone();
    scan["kind"] = kind.into();
    line(&scan)
}

#[test]
fn activities_are_read_from_text_and_json() {
    let mut wrong = String::new();
    for (name, expected) in FILES {
        let (_sim, daemon) = printing(name);
        let (zfs, overview) = (daemon.json("/api/zfs"), daemon.json("/api/overview"));
        let pool = &zfs["pools"][0];
        assert_eq!(overview["pools"][0]["activities"], pool["activities"], "{name}");
        assert_eq!(overview["pools"][0]["scan"], pool["scan"], "{name}");
        let shown: Vec<String> = list(pool, "activities").map(line).collect();
        for activity in list(pool, "activities") {
            let is_dated = ["started_at", "ended_at"].iter().any(|field| activity[field].is_string());
            let zone = if name.ends_with("txt") { "2026 UTC" } else { "Z" };
            let text = text(&activity["text"]);
            assert!(
                !is_dated || text.contains(zone) || text.contains("of 1 leaf") || text.contains("leaves"),
                "{name}: {text}"
            );
        }
        let mut left: Vec<&str> = shown.iter().map(String::as_str).collect();
        for expected in expected {
            match left.iter().position(|shown| is_line(shown, expected)) {
                Some(place) => drop(left.remove(place)),
                None => writeln!(wrong, "{name}: {expected} is not in {shown:#?}").expect("a text"),
            }
        }
        if !left.is_empty() {
            writeln!(wrong, "{name}: {left:#?} is not expected").expect("a text");
        }
        let Some(first) = expected.first() else {
            assert_eq!((&pool["scan"]["kind"], &pool["scan"]["text"]), (&"none".into(), &Value::Null), "{name}");
            continue;
        };
        let kind = first.split(' ').next().unwrap_or_default();
        if !is_line(&scan_line(&pool["scan"], kind), first) {
            writeln!(wrong, "{name}: the scan is {}, expected {first}", pool["scan"]).expect("a text");
        }
        let scan_kind = if kind.contains("scrub") { "scrub" } else { "resilver" };
        assert_eq!(pool["scan"]["kind"], scan_kind, "{name}");
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// For a rebuild, JSON has only the vdev. Its drives count as being resilvered (rule Z3).
#[test]
fn a_vdev_that_is_being_rebuilt_has_less_redundancy() {
    for json in ["json=false", "json=true"] {
        let sim = Sim::small();
        let truth = sim.list();
        let member = truth.iter().find(|drive| drive["role"] == "data" && drive["kind"] == "sas").expect("a drive");
        let device = text(&member["devices"][0]);
        sim.set("zpool", &[json]);
        sim.set(text(&member["serial"]), &["grown_defects=3"]);
        let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "1")]);
        for (scan, is_rebuilt) in [("rebuilding", true), ("rebuilt", false)] {
            sim.set("pool/tank", &[&format!("scan={scan}")]);
            wait_until(&format!("{json} {scan} is shown for the drive"), || {
                let zfs = daemon.json("/api/zfs");
                zfs["devices"][device]["vdev_resilvering"] == is_rebuilt
            });
            daemon.overview_when(&format!("{json} {scan} is judged"), |overview| {
                let findings = &drive(overview, text(&member["serial"]))["findings"];
                let has_z3 = findings.as_array().into_iter().flatten().any(|finding| finding["code"] == "Z3");
                has_z3 == is_rebuilt
            });
        }
    }
}

/// A pool with one raidz group of four drives.
fn raidz() -> Sim {
    let shape = "--enclosures 1 --bays 12 --drives 12 --paths 1 --nvme 0 --pools 1 --vdev-width 4";
    Sim::host(&shape.split(' ').collect::<Vec<_>>())
}

/// Settings of the simulator, the resulting scan, and the other activities of the pool.
const PLAYED: [(&[&str], &str, &[&str]); 9] = [
    (&["scan=rebuilding"], "resilver VDEV in_progress", &[]),
    (&["scan=rebuilt"], "resilver VDEV finished", &[]),
    (&["scan=error-scrubbing"], "scrub - in_progress", &[]),
    (&["scan=error-scrubbed"], "scrub - finished", &[]),
    (&["scan=resilvering", "expand=waiting"], "resilver - in_progress", &["expansion VDEV paused"]),
    (
        &["scan=scrub-done", "expand=running", "checkpoint=exists"],
        "scrub - finished",
        &["expansion VDEV in_progress", "checkpoint - exists"],
    ),
    (&["expand=done", "checkpoint=discarding"], "scrub - finished", &["checkpoint - discarding"]),
    (
        &["expand=", "checkpoint=", "remove=running", "trim=running"],
        "scrub - finished",
        &["removal VDEV in_progress", "trim - in_progress"],
    ),
    (&["remove=done", "trim=suspended", "initialize=done"], "scrub - finished", &["trim - paused"]),
];

fn words(activity: &Value) -> String {
    let vdev = if activity["vdev"].is_null() { "-" } else { "VDEV" };
    format!("{} {vdev} {}", text(&activity["kind"]), text(&activity["state"]))
}

/// The activities that have not ended, without scans.
fn other_activities(pool: &Value) -> Vec<String> {
    let mut others = Vec::new();
    for activity in list(pool, "activities") {
        let has_ended = matches!(text(&activity["state"]), "finished" | "canceled");
        let is_scan = matches!(text(&activity["kind"]), "scrub" | "resilver" | "rebuild" | "error_scrub");
        if !has_ended && !is_scan {
            others.push(words(activity));
        }
    }
    others
}

#[test]
fn activities_of_the_simulator_are_read_in_both_formats() {
    for json in ["json=false", "json=true"] {
        let sim = raidz();
        sim.set("zpool", &[json]);
        sim.set("pool/tank", &["progress=37.5"]);
        let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMART_POLL_INTERVAL", "1")]);
        for (keys, scan, beside) in PLAYED {
            sim.set("pool/tank", keys);
            let overview = daemon.overview_when(&format!("{json} {keys:?} is shown"), |overview| {
                let pool = &overview["pools"][0];
                words(&pool["scan"]) == scan && other_activities(pool) == beside
            });
            for activity in list(&overview["pools"][0], "activities") {
                let is_right = match activity["done_percent"].as_f64() {
                    Some(percent) => (36.0..=38.0).contains(&percent),
                    None => matches!(text(&activity["state"]), "finished" | "canceled" | "exists" | "discarding"),
                };
                assert!(is_right, "{json} {keys:?}: {activity}");
                assert!(activity["text"].is_string(), "{json} {keys:?}: {activity}");
            }
        }
    }
}

#[test]
fn scan_and_metrics_show_activities() {
    let sim = raidz();
    sim.set("pool/tank", &["scan=rebuilding", "expand=running", "checkpoint=exists", "remove=done", "progress=37.5"]);
    let vdev =
        text(&sim.list().iter().find(|drive| drive["role"] == "data").expect("a drive in a pool")["vdev"]).to_owned();
    let table = run(command(&sim, 1).arg("scan")).stdout;
    let pool = table.lines().find(|line| line.starts_with("pool tank ")).expect("the line of the pool");
    let begin = format!(
        "pool tank ONLINE, resilver of {vdev} 37.5 % done, expansion of {vdev} 37.5 % done, checkpoint exists since "
    );
    assert!(pool.starts_with(&begin), "{pool}");
    assert!(!pool.contains("removal"), "an activity that has ended: {pool}");

    let daemon = Daemon::ready(&sim, &Redis::absent(), &[]);
    let metrics = daemon.get("/metrics").text();
    let series: Vec<&str> = metrics.lines().filter(|line| line.starts_with("jbod_pool_activity{")).collect();
    let expected = [
        ("scrub", "", "finished"),
        ("rebuild", &vdev, "in_progress"),
        ("expansion", &vdev, "in_progress"),
        ("removal", "", "finished"),
        ("checkpoint", "", "exists"),
    ];
    let expected = expected.map(|(kind, vdev, state)| {
        format!(r#"jbod_pool_activity{{pool="tank",kind="{kind}",vdev="{vdev}",state="{state}"}} 1"#)
    });
    assert_eq!(series, expected);
    let ratios = metrics.lines().filter(|line| line.starts_with("jbod_pool_activity_progress_ratio{"));
    let expected = ["rebuild", "expansion"]
        .map(|kind| format!(r#"jbod_pool_activity_progress_ratio{{pool="tank",kind="{kind}",vdev="{vdev}"}} 0.375"#));
    assert_eq!(ratios.collect::<Vec<_>>(), expected);
}

/// Keys that `zpool status -j` writes (`cmd/zpool/zpool_main.c` in OpenZFS 2.3 to 2.4 and its later development), and
/// those of `zpool list -j` in two fixtures.
const KEYS: &str = "
    output_version command vers_major vers_minor pools
    name state pool_guid txg spa_version zpl_version status action msgid moreinfo error_count
    scan_stats removal_stats checkpoint_stats raidz_expand_stats condense
    vdevs dedup special logs l2cache spares
    vdev_type guid path phys_path devid class
    function start_time end_time to_examine examined skipped processed errors bytes_per_scan pass_start scrub_pause
    scrub_spent_paused issued_bytes_per_scan issued
    err_scrub_func err_scrub_state err_scrub_start_time err_scrub_end_time err_scrub_examined err_scrub_to_examine
    err_scrub_pause
    rebuild_stats scan_time scanned rebuilt to_scan pass_time pass_scanned pass_issued pass_skipped
    removing_vdev to_copy copied mapping_memory space
    expanding_vdev to_reflow reflowed waiting_for_resilver
    total unit
    used_by alloc_space total_space def_space rep_dev_size ex_dev_size self_healed phys_space
    read_errors write_errors checksum_errors scan_processed checkpoint_space resilver_deferred slow_ios
    not_present was aux configured_ashift physical_ashift removing noalloc
    init_state initialized to_initialize init_time init_errors trim_state trimmed to_trim trim_time trim_errors trim_notsup
    type properties value source data health size";

/// Objects whose keys are names of pools and vdevs.
const NAMED: [&str; 9] =
    ["pools", "vdevs", "dedup", "special", "logs", "l2cache", "spares", "rebuild_stats", "condense"];

fn collect_keys<'a>(value: &'a Value, are_names: bool, found: &mut BTreeSet<&'a str>) {
    for (key, value) in value.as_object().into_iter().flatten() {
        if !are_names {
            found.insert(key);
        }
        collect_keys(value, !are_names && NAMED.contains(&key.as_str()), found);
    }
}

#[test]
fn fixtures_and_simulator_have_only_keys_of_zpool() {
    let known: BTreeSet<&str> = KEYS.split_whitespace().collect();
    let mut documents = Vec::new();
    for file in std::fs::read_dir(fixture("zpool")).expect("the fixtures").flatten() {
        if file.path().extension() == Some(OsStr::new("json")) {
            documents
                .push((file.path().display().to_string(), std::fs::read_to_string(file.path()).expect("a fixture")));
        }
    }
    assert!(documents.len() >= 11, "{} files", documents.len());
    let sim = raidz();
    sim.set("zpool", &["json=true"]);
    for (keys, ..) in PLAYED {
        sim.set("pool/tank", keys);
        let output = std::process::Command::new(sim.tool("zpool")).args(["status", "-j", "-i", "-t"]).output();
        let output = String::from_utf8(output.expect("the zpool of the simulator runs").stdout).expect("JSON");
        documents.push((format!("{keys:?}"), output));
    }
    for (name, document) in documents {
        let document: Value = serde_json::from_str(&document).expect("JSON");
        let mut found = BTreeSet::new();
        collect_keys(&document, false, &mut found);
        let unknown: Vec<&&str> = found.difference(&known).collect();
        assert!(unknown.is_empty(), "{name}: {unknown:?}");
    }
}
