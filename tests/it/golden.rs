//! One host with a drive for each rule of the verdict (`support/golden` lays it out), and everything
//! that the API says of it, held against `tests/golden/`: a change of any field is seen in review.
//!
//! `GOLDEN=accept cargo test --test it golden` writes the files anew; what has changed is then in
//! `git diff`.

use crate::support;

mod compare;

use compare::{masked, print, settle};
use jbod_monitor::domain::health::DRIVE_RULES;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use support::daemon::Daemon;
use support::golden;
use support::redis::Redis;

/// Speaks only after a day; the rule's own tests are its measure.
const SLOW: &str = "C5";

/// A drive of the list says what its case is there for, and nothing worse.
#[track_caller]
fn assert_expected(expected: &str, drive: &Value) {
    let findings = drive["findings"].as_array().expect("findings");
    let (rule, verdict) = expected.split_once(' ').unwrap_or(("", expected));
    assert_eq!(drive["verdict"], verdict, "expected {expected}: {drive}");
    match (rule, verdict) {
        ("", _) => assert_eq!((findings.len(), &drive["state"]), (0, &"active".into()), "{drive}"),
        (_, "unknown") => {
            assert!(findings.is_empty(), "nothing was read: {drive}");
            assert!(drive["state"] != "active" || !drive["error"].is_null(), "it says why: {drive}");
        }
        _ => {
            let speaks = |finding: &&Value| finding["code"] == rule && finding["severity"] == verdict;
            assert!(findings.iter().any(|finding| speaks(&finding)), "expected {expected}: {drive}");
        }
    }
}

fn serial(drive: &Value) -> &str {
    drive["serial_number"].as_str().expect("a serial number")
}

/// A drive inside of another body is its serial number here: each is in `drives.json`, whole.
fn without_drives(mut body: Value, drives: &BTreeMap<&str, &Value>) -> Value {
    for shelf in body["enclosures"].as_array_mut().expect("enclosures") {
        for slot in shelf["slots"].as_array_mut().expect("slots") {
            if !slot["drive"].is_null() {
                slot["drive"] = known(&slot["drive"], drives);
            }
        }
    }
    if let Some(unslotted) = body.get_mut("unslotted") {
        *unslotted = unslotted.as_array().expect("a list").iter().map(|drive| known(drive, drives)).collect();
    }
    body
}

#[track_caller]
fn known(drive: &Value, drives: &BTreeMap<&str, &Value>) -> Value {
    assert_eq!(drives.get(serial(drive)), Some(&drive), "every list says the same of it");
    serial(drive).into()
}

#[test]
fn everything_that_is_said_of_a_drive_for_each_rule() {
    let (sim, expected) = golden::host();
    let redis = Redis::start();
    // One drive is silent for good; nothing is read anew while this looks.
    let daemon = Daemon::ready(&sim, &redis, &[("SMART_TIMEOUT", "5"), ("SMART_POLL_INTERVAL", "3600")]);

    let list = daemon.json("/api/drives");
    let drives: BTreeMap<&str, &Value> =
        list["drives"].as_array().expect("drives").iter().map(|drive| (serial(drive), drive)).collect();
    assert_eq!(drives.len(), expected.len(), "every drive has an expectation");
    let (mut summaries, mut documents) = (Map::new(), Map::new());
    for (serial, case) in &expected {
        let drive = drives[serial.as_str()];
        assert_expected(case, drive);
        summaries.insert(format!("{case} {serial}"), drive.clone());
        // A document is the summary and more; only what is more is kept, and of one drive a case.
        let mut more = daemon.json(&format!("/api/drives/{serial}"));
        let more = more.as_object_mut().expect("a document");
        for (field, value) in drive.as_object().expect("a summary") {
            assert_eq!(more.remove(field).as_ref(), Some(value), "{serial} {field}: documents say what the lists say");
        }
        // smartctl's own words, as they stand: it is the simulator's text, and long.
        let raw = more.remove("smartctl").expect("smartctl's own JSON, or null");
        assert_eq!(raw.is_null(), drive["collected_at"].is_null(), "{serial}");
        documents.entry(*case).or_insert_with(|| Value::Object(more.clone()));
    }

    let spoken: BTreeSet<&str> = expected.iter().filter_map(|(_, case)| case.split(' ').next()).collect();
    let silent: Vec<&str> =
        DRIVE_RULES.iter().map(|rule| rule.info.code.as_str()).filter(|code| !spoken.contains(code)).collect();
    assert_eq!(silent, [SLOW], "rules without a drive in support/golden");

    let overview = without_drives(daemon.json("/api/overview"), &drives);
    let enclosures = without_drives(daemon.json("/api/enclosures"), &drives);
    let root = sim.root().to_string_lossy().into_owned();
    // Healthy drives are alike: a line for each is enough.
    let drives = print(&masked(json!(summaries), &root), |key| key.starts_with("ok "));
    let whole = |body: Value| print(&masked(body, &root), |_| false);
    let map = masked(daemon.get("/api/map.txt").text().into(), &root);
    settle(&[
        ("overview.json", whole(overview)),
        ("drives.json", drives),
        ("documents.json", whole(json!(documents))),
        ("enclosures.json", whole(enclosures)),
        ("zfs.json", whole(daemon.json("/api/zfs"))),
        ("map.txt", map.as_str().expect("text").to_owned()),
    ]);
}
