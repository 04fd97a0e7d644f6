//! Changes of a drive between two sweeps, and their events.

use super::*;
use crate::domain::drive::{Drive, fixture};
use crate::domain::identity::Identity;
use crate::events::{DEVICE, EventFields, SERIAL, Subject};
use serde_json::json;

const AT: Timestamp = Timestamp(7);

fn inventory(names: &[String]) -> Inventory {
    let mut inventory = Inventory::default();
    let mut drives = Vec::new();
    for name in names {
        let identity = Identity { wwid: None, unit_serial: Some(format!("serial {name}").into()) };
        drives.push(Drive { identity, ..fixture::drive(name) });
    }
    inventory.apply_discovery(drives, &[], AT);
    inventory
}

fn summary(name: &str, state: DriveState, verdict: Verdict, more: &serde_json::Value) -> DriveSummary {
    let mut value = json!({
        "device": name, "paths": [name], "state": state, "verdict": verdict, "findings": [], "stale": false,
        "pool": "tank",
    });
    for (key, field) in more.as_object().unwrap() {
        value[key] = field.clone();
    }
    serde_json::from_value(value).unwrap()
}

fn failing() -> serde_json::Value {
    json!({ "findings": [{ "code": "S1", "class": "media", "severity": "crit", "message": "It is failing." }] })
}

fn observed<'a>(inventory: &'a Inventory, summaries: &'a [DriveSummary]) -> Vec<ObservedDrive<'a>> {
    let mut observed = Vec::new();
    for summary in summaries {
        let record = inventory.get(&DriveKey::Discovered(summary.device.as_str().into())).unwrap();
        observed.push(ObservedDrive { record, summary, status: DriveStatus::of(summary) });
    }
    observed
}

fn step(known: &mut LastReported, inventory: &Inventory, summaries: &[DriveSummary]) -> DriveChanges {
    let observed = observed(inventory, summaries);
    let changes = detect(known, &observed, |_| false, AT);
    known.update(observed, inventory);
    changes
}

fn one(name: &str) -> Vec<String> {
    vec![name.to_owned()]
}

#[test]
fn verdict_that_becomes_worse_and_better_is_an_event_each() {
    let (inventory, mut known) = (inventory(&one("sda")), LastReported::default());
    let ok = [summary("sda", DriveState::Active, Verdict::Ok, &json!({}))];
    let crit = [summary("sda", DriveState::Active, Verdict::Crit, &failing())];
    let changes = step(&mut known, &inventory, &ok);
    assert_eq!((changes.changed, changes.events), (0, Vec::new()), "ok from the start");

    let changes = step(&mut known, &inventory, &crit);
    let [event] = changes.events.as_slice() else { panic!("{changes:#?}") };
    assert_eq!((event.kind, event.level, event.at), (EventKind::DriveWorse, Level::Warn, AT));
    assert_eq!(event.text, "drive crit device=sda serial=\"serial sda\" reason=\"It is failing.\"");
    let subject = Subject::Drive { serial_number: Some("serial sda".into()), device: "sda".to_owned() };
    assert_eq!(event.subject, subject);
    let fields = EventFields::none().with(SERIAL, "serial sda").with(POOL, "tank").with(RULE, "S1");
    assert_eq!(event.fields, fields.clone().with(VERDICT, "crit").with(STATE, "active").with(WAS, "ok"));
    assert_eq!(step(&mut known, &inventory, &crit).events, [], "no change");

    let changes = step(&mut known, &inventory, &ok);
    let [event] = changes.events.as_slice() else { panic!("{changes:#?}") };
    assert_eq!((event.kind, event.level), (EventKind::DriveBetter, Level::Info));
    let condition = rule_of("S1").unwrap().condition;
    assert_eq!(event.text, format!("drive ok device=sda serial=\"serial sda\" was=crit no_longer={condition:?}"));
    assert_eq!(event.fields, fields.with(VERDICT, "ok").with(STATE, "active").with(WAS, "crit"));
}

#[test]
fn drive_that_stops_and_starts_to_answer_is_an_event_each() {
    let (inventory, mut known) = (inventory(&one("sda")), LastReported::default());
    let error = json!({ "error": "no answer" });
    let silent = [summary("sda", DriveState::Unresponsive, Verdict::Unknown, &error)];
    let changes = step(&mut known, &inventory, &silent);
    let [event] = changes.events.as_slice() else { panic!("{changes:#?}") };
    assert_eq!((event.kind, event.level), (EventKind::DriveUnresponsive, Level::Warn));
    assert_eq!(event.text, "drive unresponsive device=sda serial=\"serial sda\" reason=\"no answer\"");
    let ok = [summary("sda", DriveState::Active, Verdict::Ok, &json!({}))];
    let changes = step(&mut known, &inventory, &ok);
    let [event] = changes.events.as_slice() else { panic!("{changes:#?}") };
    assert_eq!((event.kind, event.level), (EventKind::DriveAnswers, Level::Info));
    assert_eq!(event.text, "drive ok device=sda serial=\"serial sda\"");
    assert_eq!(event.fields.values(WAS).collect::<Vec<_>>(), ["unresponsive"]);
}

#[test]
fn bad_verdict_is_not_repeated_when_only_the_reading_fails() {
    let (inventory, mut known) = (inventory(&one("sda")), LastReported::default());
    let crit = [summary("sda", DriveState::Active, Verdict::Crit, &failing())];
    let mut unread = failing();
    unread["error"] = json!("smartctl printed no JSON, ended by signal 11");
    let unread = [summary("sda", DriveState::Active, Verdict::Crit, &unread)];
    step(&mut known, &inventory, &crit);

    let changes = step(&mut known, &inventory, &unread);
    let [event] = changes.events.as_slice() else { panic!("{changes:#?}") };
    assert_eq!((event.kind, event.level), (EventKind::DriveUnread, Level::Warn));
    let reason = "smartctl printed no JSON, ended by signal 11";
    assert_eq!(event.text, format!("drive unreadable device=sda serial=\"serial sda\" reason={reason:?}"));
    let changes = step(&mut known, &inventory, &crit);
    let [event] = changes.events.as_slice() else { panic!("{changes:#?}") };
    assert_eq!((event.kind, event.level), (EventKind::DriveAnswers, Level::Info));
    assert_eq!(event.text, "drive readable again device=sda serial=\"serial sda\" verdict=crit");
}

#[test]
fn entering_and_leaving_standby_is_not_an_event() {
    let (inventory, mut known) = (inventory(&one("sda")), LastReported::default());
    for (state, verdict) in [
        (DriveState::Active, Verdict::Ok),
        (DriveState::Standby, Verdict::Ok),
        (DriveState::Standby, Verdict::Unknown),
        (DriveState::Active, Verdict::Ok),
    ] {
        let changes = step(&mut known, &inventory, &[summary("sda", state, verdict, &json!({}))]);
        assert_eq!((changes.changed, changes.events), (0, Vec::new()));
    }
}

#[test]
fn change_that_is_explained_by_its_host_is_counted_without_an_event() {
    let inventory = inventory(&one("sda"));
    let summaries = [summary("sda", DriveState::Unresponsive, Verdict::Unknown, &json!({}))];
    let changes = detect(&LastReported::default(), &observed(&inventory, &summaries), |_| true, AT);
    assert_eq!((changes.changed, changes.events), (1, Vec::new()));
}

#[test]
fn events_beyond_the_limit_are_counted_in_one() {
    let names: Vec<String> = (0..15).map(|n| format!("sd{n:02}")).collect();
    let (inventory, mut known) = (inventory(&names), LastReported::default());
    let mut summaries = Vec::new();
    for name in &names {
        let error = json!({ "error": format!("no reading of {name}") });
        summaries.push(summary(name, DriveState::Active, Verdict::Unknown, &error));
    }
    let changes = step(&mut known, &inventory, &summaries);
    assert_eq!((changes.changed, changes.events.len()), (15, 13));
    let last = changes.events.last().unwrap();
    assert_eq!((last.kind, last.level), (EventKind::ManyDrives, Level::Warn));
    assert_eq!((last.text.as_str(), &last.subject), ("more drives changed count=3", &Subject::Drives { count: 3 }));
    let serials = names.iter().skip(12).map(|name| format!("serial {name}"));
    let fields = EventFields::none().with(POOL, "tank").with(VERDICT, "unknown").with(STATE, "active");
    assert_eq!(last.fields, fields.with_each(SERIAL, serials));
    assert_eq!(last.fields.values(DEVICE).count(), 0);

    let equal = names.iter().map(|name| summary(name, DriveState::Active, Verdict::Crit, &failing()));
    let changes = step(&mut known, &inventory, &equal.collect::<Vec<_>>());
    let texts: Vec<&str> = changes.events.iter().map(|event| event.text.as_str()).collect();
    assert_eq!(texts, ["drives crit count=15 reason=\"It is failing.\""]);
}
