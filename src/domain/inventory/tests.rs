//! Present and missing drives, their bays, and their last readings.

use super::*;
use crate::domain::drive::{DrivePath, fixture};
use crate::domain::enclosure::{BayLabel, BayLink, Slot};
use crate::domain::identity::{Identity, ScsiHost};
use crate::domain::no_reading::NoReading;

pub(super) const T0: Timestamp = Timestamp(1_000);

pub(super) fn drive(key: &str, device: &str, address: &str) -> Drive {
    let drive = fixture::drive(device);
    let path = DrivePath {
        device: drive.device.clone(),
        node: "/dev/sg0".into(),
        host: Some(ScsiHost(0)),
        address: address.into(),
        unit: 0,
        state: None,
    };
    Drive {
        key: DriveKey::Discovered(key.into()),
        paths: vec![path],
        identity: Identity { wwid: None, unit_serial: Some(key.into()) },
        ..drive
    }
}

fn enclosure(bays: &[(u32, &str)]) -> Vec<Enclosure> {
    let mut slots = Vec::new();
    for (number, address) in bays {
        let link = BayLink { address: (*address).into(), ..BayLink::default() };
        slots.push(Slot { number: Some(*number), links: vec![link], ..Slot::default() });
    }
    vec![Enclosure { id: "e".into(), sysfs_names: vec!["0:0:9:0".into()], slots, ..Enclosure::default() }]
}

fn reading(key: &str, at: i64, outcome: Outcome) -> Reading {
    Reading {
        key: DriveKey::Discovered(key.into()),
        at: Timestamp(at),
        took_ms: Some(5),
        outcome,
        attempts: Vec::new(),
    }
}

/// The record of a drive that must be known.
fn record<'a>(inventory: &'a Inventory, key: &str) -> &'a DriveRecord {
    inventory.get(&DriveKey::Discovered(key.into())).unwrap()
}

fn state(inventory: &Inventory, key: &str) -> Option<DriveState> {
    inventory.get(&DriveKey::Discovered(key.into())).map(|record| record.state)
}

#[test]
fn pulled_drive_keeps_its_bay_until_another_drive_is_in_it() {
    let mut inventory = Inventory::default();
    inventory.apply_discovery(vec![drive("a", "sda", "0:0:1:0")], &enclosure(&[(1, "0:0:1:0")]), T0);
    inventory.apply(&reading("a", 1_001, Outcome::Good(Arc::default())));
    let changes = inventory.apply_discovery(vec![], &enclosure(&[]), T0);
    assert_eq!(changes, [Change::Missing(DriveKey::Discovered("a".into()))]);
    let missing = record(&inventory, "a");
    assert_eq!(missing.state, DriveState::Missing);
    assert!(missing.bay.is_some() && missing.report.is_some());

    let mut same_bay = inventory.clone();
    let changes = same_bay.apply_discovery(vec![drive("b", "sda", "0:0:2:0")], &enclosure(&[(1, "0:0:2:0")]), T0);
    let key = DriveKey::Discovered("b".into());
    assert_eq!(changes, [Change::Appeared(key.clone()), Change::Replaced { key, was: Some("a".into()) }]);
    assert_eq!(state(&same_bay, "a"), None, "another drive is in its bay");
    assert_eq!(state(&same_bay, "b"), Some(DriveState::Reading), "it has no reading yet");

    let mut later = inventory.clone();
    later.apply_discovery(vec![], &[], Timestamp(T0.0 + 86_400));
    assert_eq!(state(&later, "a"), None, "a day has passed");

    let back = inventory.apply_discovery(vec![drive("a", "sdb", "0:0:3:0")], &enclosure(&[(2, "0:0:3:0")]), T0);
    let (key, from) = (DriveKey::Discovered("a".into()), Bay { enclosure: "e".into(), slot: BayLabel::Number(1) });
    assert_eq!(back, [Change::Back(key.clone()), Change::Moved { key, from }]);
    assert!(record(&inventory, "a").report.is_some(), "with its last values");
}

#[test]
fn drive_that_is_linked_later_has_moved_only_if_its_bay_is_another_one() {
    let mut inventory = Inventory::default();
    let see = |inventory: &mut Inventory, address: &str, bays: &[(u32, &str)], at| {
        inventory.apply_discovery(vec![drive("a", "sda", address)], &enclosure(bays), Timestamp(T0.0 + at))
    };
    see(&mut inventory, "0:0:1:0", &[], 0);
    assert_eq!(see(&mut inventory, "0:0:1:0", &[(1, "0:0:1:0")], 1), [], "its first bay");
    assert_eq!(see(&mut inventory, "0:0:1:0", &[], 2), [], "the shelf is missing");
    assert_eq!(see(&mut inventory, "0:0:1:0", &[(1, "0:0:1:0")], 600), [], "the shelf has returned");
    inventory.apply_discovery(vec![], &enclosure(&[]), Timestamp(T0.0 + 601));
    assert_eq!(see(&mut inventory, "0:0:2:0", &[], 660), [Change::Back(DriveKey::Discovered("a".into()))]);
    let from = Bay { enclosure: "e".into(), slot: BayLabel::Number(1) };
    let moved = Change::Moved { key: DriveKey::Discovered("a".into()), from };
    assert_eq!(see(&mut inventory, "0:0:2:0", &[(2, "0:0:2:0")], 661), [moved]);
    assert_eq!(see(&mut inventory, "0:0:2:0", &[(2, "0:0:2:0")], 662), []);
}

#[test]
fn drive_that_is_being_removed_is_not_a_new_one() {
    let mut inventory = Inventory::default();
    let unidentified = Drive { identity: Identity::default(), ..drive("sda 0:0:1:0", "sda", "0:0:1:0") };
    let missing = Change::Missing(DriveKey::Discovered("a".into()));
    let added = Change::Appeared(unidentified.key.clone());
    inventory.apply_discovery(vec![drive("a", "sda", "0:0:1:0")], &[], T0);
    for (second, drives, changes, why) in [
        (1, vec![unidentified.clone()], vec![missing], "it lost its identity"),
        (3, vec![unidentified.clone()], vec![], "the kernel still removes it"),
        (5, vec![], vec![], "it is removed"),
        (60, vec![unidentified], vec![added], "it is another drive"),
    ] {
        assert_eq!(inventory.apply_discovery(drives, &[], T0.shifted(second)), changes, "{why}");
    }
    assert_eq!(inventory.records().count(), 2);
}

#[test]
fn drive_without_identity_that_returns_is_a_new_one() {
    let unidentified = Drive { identity: Identity::default(), ..drive("sdy 6:0:0:0", "sdy", "6:0:0:0") };
    let mut inventory = Inventory::default();
    inventory.apply_discovery(vec![unidentified.clone()], &[], T0);
    inventory.apply(&reading("sdy 6:0:0:0", 1_001, Outcome::Good(Arc::default())));
    inventory.apply_discovery(vec![], &[], T0);
    let key = unidentified.key.clone();
    assert_eq!(inventory.apply_discovery(vec![unidentified], &[], T0), [Change::Appeared(key)]);
    let added = record(&inventory, "sdy 6:0:0:0");
    assert!(added.report.is_none() && added.state == DriveState::Reading);
}

#[test]
fn drive_is_unresponsive_after_three_timeouts_until_it_responds() {
    let mut inventory = Inventory::default();
    inventory.apply_discovery(vec![drive("a", "sda", "0:0:1:0"), drive("b", "sdb", "0:0:2:0")], &[], T0);
    inventory.apply(&reading("a", 1_001, Outcome::Good(Arc::default())));
    for (count, expected) in [(1, DriveState::Active), (2, DriveState::Active), (3, DriveState::Unresponsive)] {
        inventory.apply(&reading("a", 1_001 + count, Outcome::Silent(NoReading::TimedOut { seconds: 30 })));
        assert_eq!(state(&inventory, "a"), Some(expected), "{count} timeouts");
    }
    let unresponsive = record(&inventory, "a");
    assert!(unresponsive.collected_at == Some(Timestamp(1_001)) && unresponsive.error.is_some());
    inventory.apply(&reading("b", 1_002, Outcome::Silent(NoReading::TimedOut { seconds: 30 })));
    assert_eq!(state(&inventory, "b"), Some(DriveState::Unresponsive), "it has never responded");
    inventory.apply(&reading("a", 1_010, Outcome::Standby));
    let asleep = record(&inventory, "a");
    assert_eq!((asleep.state, asleep.consecutive_timeouts, &asleep.error), (DriveState::Standby, 0, &None));
}

#[test]
fn reading_without_health_does_not_replace_values() {
    let mut inventory = Inventory::default();
    inventory.apply_discovery(vec![drive("a", "sda", "0:0:1:0")], &[], T0);
    let healthy = SmartReport { smart_status_passed: Some(true), ..SmartReport::default() };
    inventory.apply(&reading("a", 1_001, Outcome::Good(Arc::new(healthy))));
    inventory.apply(&reading("a", 1_002, Outcome::Good(Arc::default())));
    let known = record(&inventory, "a");
    assert!(known.collected_at == Some(Timestamp(1_001)) && known.error.is_some());
}

#[test]
fn another_serial_number_resets_the_record() {
    let mut inventory = Inventory::default();
    inventory.apply_discovery(vec![drive("a", "sda", "0:0:1:0")], &[], T0);
    for (at, serial, passed, replaced) in [
        (1_001, "OLD", Some(false), None),
        // The same drive, which is not ready.
        (1_002, "OLD", None, None),
        (1_003, "NEW", None, Some("OLD")),
    ] {
        let report = SmartReport {
            serial_number: Some(serial.into()),
            smart_status_passed: passed,
            temperature_celsius: passed.map(|_| 41),
            ..SmartReport::default()
        };
        let outcome = inventory.apply(&reading("a", at, Outcome::Good(Arc::new(report))));
        assert_eq!(outcome.as_deref(), replaced, "{at}");
    }
    let known = record(&inventory, "a");
    let report = known.report.clone().unwrap();
    assert_eq!(
        (report.serial_number.as_deref(), report.temperature_celsius, report.smart_status_passed),
        (Some("NEW"), None, None),
        "nothing of the previous drive is kept, although this one reported its identity only"
    );
    assert_eq!((known.collected_at, &known.error), (Some(Timestamp(1_003)), &None));
}

#[test]
fn restored_reading_does_not_replace_a_newer_one() {
    let mut inventory = Inventory::default();
    inventory.apply_discovery(vec![drive("a", "sda", "0:0:1:0")], &[], T0);
    let key = DriveKey::Discovered("a".into());
    assert!(inventory.restore_reading(&key, SmartReport::default(), DriveState::Unresponsive, Timestamp(500)));
    let restored = record(&inventory, "a");
    assert_eq!((restored.collected_at, restored.state), (Some(Timestamp(500)), DriveState::Active));
    for (at, is_restored) in [(400, false), (600, true)] {
        let outcome = inventory.restore_reading(&key, SmartReport::default(), DriveState::Active, Timestamp(at));
        assert_eq!(outcome, is_restored, "{at}");
    }
    assert!(inventory.is_outdated(&key, Timestamp(599)) && !inventory.is_outdated(&key, Timestamp(600)));
    inventory.apply(&reading("a", 700, Outcome::Good(Arc::default())));
    let outcome = inventory.restore_reading(&key, SmartReport::default(), DriveState::Active, Timestamp(600));
    assert!(!outcome, "older than the reading of this daemon");
}

#[test]
fn drive_that_loses_one_path_before_the_other_is_missing_in_its_bay() {
    let mut inventory = Inventory::default();
    inventory.apply_discovery(vec![drive("a", "sda", "0:0:1:0")], &enclosure(&[(1, "0:0:1:0")]), T0);
    let bay = record(&inventory, "a").bay.clone();
    assert!(bay.is_some());
    // The path with the link from the bay disappears first.
    inventory.apply_discovery(vec![drive("a", "sdb", "1:0:1:0")], &enclosure(&[]), T0);
    assert_eq!(record(&inventory, "a").bay, None, "no bay links it");
    let mut later = inventory.clone();
    inventory.apply_discovery(vec![], &enclosure(&[]), Timestamp(T0.0 + 1));
    assert_eq!((record(&inventory, "a").state, &record(&inventory, "a").bay), (DriveState::Missing, &bay));
    later.apply_discovery(vec![], &enclosure(&[]), Timestamp(T0.0 + 60));
    assert_eq!((record(&later, "a").state, &record(&later, "a").bay), (DriveState::Missing, &None), "it was elsewhere");
    inventory.apply_discovery(vec![drive("b", "sda", "0:0:2:0")], &enclosure(&[(1, "0:0:2:0")]), Timestamp(T0.0 + 2));
    assert_eq!(state(&inventory, "a"), None, "another drive is in its bay");
}
