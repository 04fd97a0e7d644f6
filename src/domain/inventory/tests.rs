//! Which drives are present, which were, and what is still known of them.

use super::*;
use crate::domain::drive::{DrivePath, fixture};
use crate::domain::enclosure::{BayLabel, BayLink, Slot};
use crate::domain::identity::{Identity, ScsiHost};

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
    let slots = bays
        .iter()
        .map(|(slot, address)| Slot {
            number: Some(*slot),
            links: vec![BayLink { address: (*address).into(), ..BayLink::default() }],
            ..Default::default()
        })
        .collect();
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

fn state(inventory: &Inventory, key: &str) -> Option<DriveState> {
    inventory.get(&DriveKey::Discovered(key.into())).map(|r| r.state)
}

#[test]
fn a_pulled_drive_keeps_its_bay_until_another_sits_there() {
    let mut inventory = Inventory::default();
    inventory.apply_discovery(vec![drive("a", "sda", "0:0:1:0")], &enclosure(&[(1, "0:0:1:0")]), T0);
    inventory.apply(&reading("a", 1_001, Outcome::Good(Arc::default())));
    let changes = inventory.apply_discovery(vec![], &enclosure(&[]), T0);
    assert_eq!(changes, [Change::Missing(DriveKey::Discovered("a".into()))]);
    let record = inventory.get(&DriveKey::Discovered("a".into())).cloned();
    assert!(record.is_some_and(|r| r.state == DriveState::Missing && r.bay.is_some() && r.report.is_some()));

    let mut same_bay = inventory.clone();
    let changes = same_bay.apply_discovery(vec![drive("b", "sda", "0:0:2:0")], &enclosure(&[(1, "0:0:2:0")]), T0);
    let key = DriveKey::Discovered("b".into());
    assert_eq!(changes, [Change::Appeared(key.clone()), Change::Replaced { key, was: Some("a".into()) }]);
    assert_eq!(state(&same_bay, "a"), None, "another drive sits there");
    assert_eq!(state(&same_bay, "b"), Some(DriveState::Reading), "and starts clean");

    let mut later = inventory.clone();
    later.apply_discovery(vec![], &[], Timestamp(T0.0 + 86_400));
    assert_eq!(state(&later, "a"), None, "a day has passed");

    let back = inventory.apply_discovery(vec![drive("a", "sdb", "0:0:3:0")], &enclosure(&[(2, "0:0:3:0")]), T0);
    let (key, from) = (DriveKey::Discovered("a".into()), Bay { enclosure: "e".into(), slot: BayLabel::Number(1) });
    assert_eq!(back, [Change::Back(key.clone()), Change::Moved { key, from }]);
    assert!(
        inventory.get(&DriveKey::Discovered("a".into())).is_some_and(|r| r.report.is_some()),
        "with its last values"
    );
}

#[test]
fn a_drive_that_is_linked_to_its_bay_a_little_later_has_moved_only_if_the_bay_is_another() {
    let mut inventory = Inventory::default();
    let see = |inventory: &mut Inventory, address: &str, bays: &[(u32, &str)], at| {
        inventory.apply_discovery(vec![drive("a", "sda", address)], &enclosure(bays), Timestamp(T0.0 + at))
    };
    see(&mut inventory, "0:0:1:0", &[], 0);
    assert_eq!(see(&mut inventory, "0:0:1:0", &[(1, "0:0:1:0")], 1), [], "its first bay");
    assert_eq!(see(&mut inventory, "0:0:1:0", &[], 2), [], "the shelf is away");
    assert_eq!(see(&mut inventory, "0:0:1:0", &[(1, "0:0:1:0")], 600), [], "and there again");
    inventory.apply_discovery(vec![], &enclosure(&[]), Timestamp(T0.0 + 601));
    assert_eq!(see(&mut inventory, "0:0:2:0", &[], 660), [Change::Back(DriveKey::Discovered("a".into()))]);
    let from = Bay { enclosure: "e".into(), slot: BayLabel::Number(1) };
    let moved = Change::Moved { key: DriveKey::Discovered("a".into()), from };
    assert_eq!(see(&mut inventory, "0:0:2:0", &[(2, "0:0:2:0")], 661), [moved]);
    assert_eq!(see(&mut inventory, "0:0:2:0", &[(2, "0:0:2:0")], 662), []);
}

#[test]
fn a_drive_on_its_way_out_is_nobody_new() {
    let mut inventory = Inventory::default();
    let nameless = || Drive { identity: Identity::default(), ..drive("sda 0:0:1:0", "sda", "0:0:1:0") };
    let missing = Change::Missing(DriveKey::Discovered("a".into()));
    inventory.apply_discovery(vec![drive("a", "sda", "0:0:1:0")], &[], T0);
    assert_eq!(inventory.apply_discovery(vec![nameless()], &[], Timestamp(T0.0 + 1)), [missing]);
    assert_eq!(
        inventory.apply_discovery(vec![nameless()], &[], Timestamp(T0.0 + 3)),
        [],
        "it takes the kernel a moment"
    );
    assert_eq!(inventory.apply_discovery(vec![], &[], Timestamp(T0.0 + 5)), []);
    assert_eq!(inventory.records().count(), 1);
    let key = nameless().key;
    assert_eq!(
        inventory.apply_discovery(vec![nameless()], &[], Timestamp(T0.0 + 60)),
        [Change::Appeared(key)],
        "it stays"
    );
}

#[test]
fn a_nameless_drive_that_comes_back_is_nobody_known() {
    let nameless = || Drive { identity: Identity::default(), ..drive("sdy 6:0:0:0", "sdy", "6:0:0:0") };
    let mut inventory = Inventory::default();
    inventory.apply_discovery(vec![nameless()], &[], T0);
    inventory.apply(&reading("sdy 6:0:0:0", 1_001, Outcome::Good(Arc::default())));
    inventory.apply_discovery(vec![], &[], T0);
    let changes = inventory.apply_discovery(vec![nameless()], &[], T0);
    let key = DriveKey::Discovered("sdy 6:0:0:0".into());
    assert_eq!(changes, [Change::Appeared(key.clone())]);
    assert!(inventory.get(&key).is_some_and(|r| r.report.is_none() && r.state == DriveState::Reading));
}

#[test]
fn three_silences_make_a_drive_unresponsive_and_one_answer_mends_it() {
    let mut inventory = Inventory::default();
    inventory.apply_discovery(vec![drive("a", "sda", "0:0:1:0"), drive("b", "sdb", "0:0:2:0")], &[], T0);
    inventory.apply(&reading("a", 1_001, Outcome::Good(Arc::default())));
    for (n, expected) in [(1, DriveState::Active), (2, DriveState::Active), (3, DriveState::Unresponsive)] {
        inventory.apply(&reading("a", 1_001 + n, Outcome::Silent(NoReading::TimedOut { seconds: 30 })));
        assert_eq!(state(&inventory, "a"), Some(expected), "silence {n}");
    }
    let a = inventory.get(&DriveKey::Discovered("a".into()));
    assert!(a.is_some_and(|r| r.collected_at == Some(Timestamp(1_001)) && r.error.is_some()));
    inventory.apply(&reading("b", 1_002, Outcome::Silent(NoReading::TimedOut { seconds: 30 })));
    assert_eq!(state(&inventory, "b"), Some(DriveState::Unresponsive), "never answered at all");
    inventory.apply(&reading("a", 1_010, Outcome::Standby));
    assert_eq!(state(&inventory, "a"), Some(DriveState::Standby));
    assert!(
        inventory
            .get(&DriveKey::Discovered("a".into()))
            .is_some_and(|r| r.consecutive_timeouts == 0 && r.error.is_none())
    );
}

#[test]
fn an_identity_alone_does_not_replace_values() {
    let mut inventory = Inventory::default();
    inventory.apply_discovery(vec![drive("a", "sda", "0:0:1:0")], &[], T0);
    let healthy = SmartReport { smart_status_passed: Some(true), ..SmartReport::default() };
    inventory.apply(&reading("a", 1_001, Outcome::Good(Arc::new(healthy))));
    inventory.apply(&reading("a", 1_002, Outcome::Good(Arc::default())));
    let a = inventory.get(&DriveKey::Discovered("a".into()));
    assert!(a.is_some_and(|r| r.collected_at == Some(Timestamp(1_001)) && r.error.is_some()));
}

#[test]
fn another_serial_number_starts_a_record_anew() {
    let mut inventory = Inventory::default();
    inventory.apply_discovery(vec![drive("a", "sda", "0:0:1:0")], &[], T0);
    let report = |serial: &str, passed| SmartReport {
        serial_number: Some(serial.into()),
        smart_status_passed: passed,
        temperature_celsius: passed.map(|_| 41),
        ..SmartReport::default()
    };
    let good = |inventory: &mut Inventory, at, serial: &str, passed| {
        inventory.apply(&reading("a", at, Outcome::Good(Arc::new(report(serial, passed)))))
    };
    assert_eq!(good(&mut inventory, 1_001, "OLD", Some(false)), None);
    assert_eq!(good(&mut inventory, 1_002, "OLD", None), None, "the same drive, not ready");
    assert_eq!(good(&mut inventory, 1_003, "NEW", None).as_deref(), Some("OLD"));
    let known = inventory.get(&DriveKey::Discovered("a".into())).cloned();
    let report = known.as_ref().and_then(|r| r.report.clone()).unwrap_or_default();
    assert_eq!(
        (report.serial_number.as_deref(), report.temperature_celsius, report.smart_status_passed),
        (Some("NEW"), None, None),
        "nothing of the earlier one, although this one gave its identity only"
    );
    assert_eq!(known.map(|r| (r.collected_at, r.error)), Some((Some(Timestamp(1_003)), None)));
}

#[test]
fn a_seed_never_replaces_a_newer_reading() {
    let mut inventory = Inventory::default();
    inventory.apply_discovery(vec![drive("a", "sda", "0:0:1:0")], &[], T0);
    let key = DriveKey::Discovered("a".into());
    assert!(inventory.restore_reading(&key, SmartReport::default(), DriveState::Unresponsive, Timestamp(500)));
    assert!(
        inventory.get(&key).is_some_and(|r| r.collected_at == Some(Timestamp(500)) && r.state == DriveState::Active)
    );
    assert!(
        !inventory.restore_reading(&key, SmartReport::default(), DriveState::Active, Timestamp(400)),
        "an older one"
    );
    assert!(inventory.restore_reading(&key, SmartReport::default(), DriveState::Active, Timestamp(600)), "a newer one");
    assert!(inventory.is_outdated(&key, Timestamp(599)) && !inventory.is_outdated(&key, Timestamp(600)));
    inventory.apply(&reading("a", 700, Outcome::Good(Arc::default())));
    assert!(
        !inventory.restore_reading(&key, SmartReport::default(), DriveState::Active, Timestamp(600)),
        "older than our own"
    );
}

#[test]
fn a_drive_that_is_pulled_one_path_after_the_other_is_missed_in_its_bay() {
    let at = |inventory: &Inventory| {
        inventory.get(&DriveKey::Discovered("a".into())).and_then(|r| r.bay.as_ref().and_then(|bay| bay.slot.number()))
    };
    let mut inventory = Inventory::default();
    inventory.apply_discovery(vec![drive("a", "sda", "0:0:1:0")], &enclosure(&[(1, "0:0:1:0")]), T0);
    // The path with the link from the bay disappears first.
    inventory.apply_discovery(vec![drive("a", "sdb", "1:0:1:0")], &enclosure(&[]), T0);
    assert_eq!(at(&inventory), None, "it is in no bay that the shelf knows of");
    let mut late = inventory.clone();
    inventory.apply_discovery(vec![], &enclosure(&[]), Timestamp(T0.0 + 1));
    assert_eq!((state(&inventory, "a"), at(&inventory)), (Some(DriveState::Missing), Some(1)));
    late.apply_discovery(vec![], &enclosure(&[]), Timestamp(T0.0 + 60));
    assert_eq!((state(&late, "a"), at(&late)), (Some(DriveState::Missing), None), "it stood elsewhere");
    inventory.apply_discovery(vec![drive("b", "sda", "0:0:2:0")], &enclosure(&[(1, "0:0:2:0")]), Timestamp(T0.0 + 2));
    assert_eq!(state(&inventory, "a"), None, "another drive sits there");
}
