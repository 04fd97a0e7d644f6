//! A host with a drive for each rule (`support/golden`), and all responses of the API about it. They are compared with
//! `tests/golden/`, so that a change of any field is visible in a review.
//!
//! `GOLDEN=accept cargo test --test it golden` writes the files; `git diff` shows the changes.

use crate::support;

mod compare;

use crate::helpers::{array, string};
use compare::{Layout, assert_golden, masked, print};
use jbod_monitor::domain::health::DRIVE_RULES;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use support::daemon::Daemon;
use support::golden;
use support::redis::Redis;

/// Rule C5 needs readings of a day. It has tests in the module of the rule.
const SLOW: &str = "C5";

/// A drive has the verdict and finding of its case, and nothing worse.
#[track_caller]
fn assert_expected(expected: &str, drive: &Value) {
    let findings = array(drive, "findings");
    let (rule, verdict) = expected.split_once(' ').unwrap_or(("", expected));
    assert_eq!(drive["verdict"], verdict, "expected {expected}: {drive}");
    match (rule, verdict) {
        ("", _) => assert_eq!((findings.len(), &drive["state"]), (0, &"active".into()), "{drive}"),
        (_, "unknown") => {
            assert!(findings.is_empty(), "a finding without a reading: {drive}");
            assert!(drive["state"] != "active" || !drive["error"].is_null(), "no reason: {drive}");
        }
        _ => {
            let is_found = findings.iter().any(|finding| finding["code"] == rule && finding["severity"] == verdict);
            assert!(is_found, "expected {expected}: {drive}");
        }
    }
}

fn serial(drive: &Value) -> &str {
    string(drive, "serial_number")
}

/// Replaces each drive by its serial number, because `drives.json` has all drives.
fn without_drives(mut body: Value, drives: &BTreeMap<&str, &Value>) -> Value {
    for shelf in body["enclosures"].as_array_mut().expect("enclosures") {
        for slot in shelf["slots"].as_array_mut().expect("slots") {
            if !slot["drive"].is_null() {
                slot["drive"] = serial_of_listed(&slot["drive"], drives);
            }
        }
    }
    if let Some(unslotted) = body.get_mut("unslotted") {
        *unslotted =
            unslotted.as_array().expect("a list").iter().map(|drive| serial_of_listed(drive, drives)).collect();
    }
    body
}

#[track_caller]
fn serial_of_listed(drive: &Value, drives: &BTreeMap<&str, &Value>) -> Value {
    assert_eq!(drives.get(serial(drive)), Some(&drive), "the same in every list");
    serial(drive).into()
}

#[test]
fn responses_about_a_drive_for_each_rule_are_the_golden_ones() {
    let (sim, expected) = golden::host();
    let redis = Redis::start();
    // One drive never responds. Nothing is read again during the test.
    let daemon = Daemon::ready(&sim, &redis, &[("SMART_TIMEOUT", "5"), ("SMART_POLL_INTERVAL", "3600")]);

    let list = daemon.json("/api/drives");
    let drives: BTreeMap<&str, &Value> = array(&list, "drives").iter().map(|drive| (serial(drive), drive)).collect();
    assert_eq!(drives.len(), expected.len(), "every drive has an expectation");
    let (mut summaries, mut documents) = (Map::new(), Map::new());
    for (serial, case) in &expected {
        let drive = drives[serial.as_str()];
        assert_expected(case, drive);
        summaries.insert(format!("{case} {serial}"), drive.clone());
        // A document has all fields of the summary. Its other fields are kept, for one drive of each case.
        let mut more = daemon.json(&format!("/api/drives/{serial}"));
        let more = more.as_object_mut().expect("a document");
        for (field, value) in drive.as_object().expect("a summary") {
            assert_eq!(
                more.remove(field).as_ref(),
                Some(value),
                "{serial} {field}: the same in the document and the list"
            );
        }
        // The output of the simulated smartctl is long and not part of the API.
        let raw = more.remove("smartctl").expect("the field smartctl");
        assert_eq!(raw.is_null(), drive["collected_at"].is_null(), "{serial}");
        documents.entry(*case).or_insert_with(|| Value::Object(more.clone()));
    }

    let covered: BTreeSet<&str> = expected.iter().filter_map(|(_, case)| case.split(' ').next()).collect();
    let codes = DRIVE_RULES.iter().map(|rule| rule.info.code.as_str());
    let uncovered: Vec<&str> = codes.filter(|code| !covered.contains(code)).collect();
    assert_eq!(uncovered, [SLOW], "rules without a drive in support/golden");

    let overview = without_drives(daemon.json("/api/overview"), &drives);
    let enclosures = without_drives(daemon.json("/api/enclosures"), &drives);
    let root = sim.root().to_string_lossy().into_owned();
    let map = masked(daemon.get("/api/map.txt").text().into(), &root);
    assert_golden(&[
        ("overview.json", print(&masked(overview, &root), Layout::Lines)),
        ("drives.json", print(&masked(json!(summaries), &root), Layout::HealthyDrivesOnOneLine)),
        ("documents.json", print(&masked(json!(documents), &root), Layout::Lines)),
        ("enclosures.json", print(&masked(enclosures, &root), Layout::Lines)),
        ("zfs.json", print(&masked(daemon.json("/api/zfs"), &root), Layout::Lines)),
        ("map.txt", map.as_str().expect("text").to_owned()),
    ]);
}
