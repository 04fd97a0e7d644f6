//! 102,000 damaged answers of smartctl and zpool: none ends the program, none holds it up, and what
//! is read out of them is sound. What else comes from outside is in `outside`.

use super::fixtures;
use super::mutate;
use super::random::try_cases;
use super::verdict::assert_plain;
use crate::support::rng::Rng;
use jbod_monitor::api::json_limits::JsonLimits;
use jbod_monitor::domain::health::{DriveFacts, PeersOfOne, RuleSettings, judge_drive};
use jbod_monitor::domain::smart::SmartReport;
use jbod_monitor::domain::time::Timestamp;
use jbod_monitor::domain::zfs::Zfs;
use jbod_monitor::domain::zfs::activity::Activity;
use jbod_monitor::probe::{smartctl, zpool};
use serde_json::Value;

/// Longer than any name or sentence of either tool.
const TEXT_BYTES: usize = 4096;

/// What a report may hold, whatever it was read out of.
pub fn assert_sound(report: &SmartReport) {
    let texts = [
        report.serial_number.as_deref(),
        report.model_name.as_deref(),
        report.vendor.as_deref(),
        report.wwn.as_deref(),
        report.firmware_version.as_deref(),
        report.device_type.as_deref(),
        report.smartctl_version.as_deref(),
        report.ie_string.as_deref(),
        report.power_mode.as_deref(),
    ];
    for text in texts.into_iter().flatten() {
        assert!(!text.trim().is_empty() && text.trim() == text, "{text:?}");
    }
    assert!(
        report.temperature_celsius.is_none_or(|celsius| (1..=120).contains(&celsius)),
        "{:?}",
        report.temperature_celsius
    );
    assert_ne!(report.user_capacity_bytes, Some(0), "unknown is null");
    let left = report.self_test.as_ref().and_then(|test| test.remaining_percent);
    assert!(left.is_none_or(|percent| percent <= 100), "{left:?}");
    if let Some(wwn) = &report.wwn {
        assert!(wwn.starts_with("0x") || wwn.starts_with("eui."), "{wwn}");
    }
    let one = [report.ata.is_some(), report.scsi.is_some(), report.nvme.is_some()];
    assert!(one.into_iter().filter(|is| *is).count() <= 1, "of one protocol: {one:?}");
}

fn assert_judged(report: &SmartReport) {
    let now = Timestamp(1_767_225_600);
    let subject = DriveFacts {
        now,
        report: Some(report),
        collected_at: Some(now),
        asleep: false,
        model: report.model_name.as_deref(),
        rotates: report.rotation_rate_rpm.map(|rpm| rpm > 0),
        kernel_size_bytes: None,
        memberships: &[],
        fault_sensed: None,
        peers: PeersOfOne::default(),
        expected_paths: 1,
        lost_paths: &[],
    };
    assert_plain(&judge_drive(&subject, &RuleSettings::default()));
}

#[test]
fn smartctl_can_say_anything() {
    let inputs = fixtures::smartctl();
    let damage = |rng: &mut Rng| {
        let from = rng.small(inputs);
        mutate::json(rng, from)
    };
    try_cases("smartctl", 25_000, damage, |bytes| {
        // As the program does: bytes that are not UTF-8 cost the characters.
        let parsed = smartctl::parse(&String::from_utf8_lossy(bytes));
        assert_sound(&parsed.report);
        assert_judged(&parsed.report);
    });
}

/// A parser that has no limits of its own finds no more values, no deeper ones and no longer strings than were counted
/// before: a text that is within its limits stays within them.
#[test]
fn the_size_of_a_text_is_never_underrated() {
    let inputs = fixtures::smartctl();
    let damage = |rng: &mut Rng| {
        let from = rng.small(inputs);
        mutate::json(rng, from)
    };
    try_cases("size of JSON", 10_000, damage, |bytes| {
        let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
        let mut size = Size::default();
        size.add(&value, 0);
        let length = bytes.len();
        let most = JsonLimits { bytes: length, values: length + 1, depth: length, string: length };
        // Of a field that stands twice the parser keeps one.
        let counted = most.check(bytes).expect("no text has more values than bytes");
        assert!(counted >= size.values, "{counted} of {}", size.values);
        let fewer = JsonLimits { values: size.values - 1, ..most };
        assert!(size.values == 1 || fewer.check(bytes).is_err(), "a limit of one less");
        let flatter = JsonLimits { depth: size.depth.wrapping_sub(1), ..most };
        assert!(size.depth == 0 || flatter.check(bytes).is_err(), "a limit of one level less");
        let shorter = JsonLimits { string: size.string.wrapping_sub(1), ..most };
        assert!(size.string == 0 || shorter.check(bytes).is_err(), "a limit of one byte less");
    });
}

#[derive(Default)]
struct Size {
    values: usize,
    depth: usize,
    string: usize,
}

impl Size {
    fn add(&mut self, value: &Value, depth: usize) {
        self.values += 1;
        match value {
            Value::Array(list) => {
                self.depth = self.depth.max(depth + 1);
                for value in list {
                    self.add(value, depth + 1);
                }
            }
            Value::Object(fields) => {
                self.depth = self.depth.max(depth + 1);
                for (name, value) in fields {
                    self.string = self.string.max(name.len());
                    self.add(value, depth + 1);
                }
            }
            Value::String(text) => self.string = self.string.max(text.len()),
            _ => {}
        }
    }
}

fn assert_pools_sound(bytes: &[u8]) {
    let Some(pools) = zpool::parse(bytes) else { return };
    let zfs = Zfs { pools, ..Zfs::default() };
    for (pool, vdev, leaf) in zfs.leaves() {
        for name in [&pool.name, &vdev.name, &leaf.name] {
            assert!(name.len() <= TEXT_BYTES, "{} bytes", name.len());
        }
        assert!(!leaf.name.is_empty(), "{leaf:?}");
        assert_eq!(leaf.device, None, "no drive before it is looked up");
    }
    for pool in &zfs.pools {
        assert!(pool.scan.done_percent.is_none_or(|percent| (0.0..=100.0).contains(&percent)), "{:?}", pool.scan);
        for activity in &pool.activities {
            assert!(activity.done_percent.is_none_or(|percent| (0.0..=100.0).contains(&percent)), "{activity:?}");
        }
        // A list that is stored must be read again: also its times.
        let stored = serde_json::to_vec(&pool.activities).expect("JSON");
        let read: Vec<Activity> = serde_json::from_slice(&stored).expect("it is read again");
        assert_eq!(read, pool.activities);
    }
    assert!(zfs.memberships().is_empty());
    // What cannot be written as JSON cannot be shown.
    serde_json::to_vec(&zfs.pools).expect("JSON");
}

#[test]
fn zpool_can_write_anything() {
    let inputs = fixtures::zpool_text();
    let damage = |rng: &mut Rng| {
        let from = rng.small(inputs);
        mutate::text(rng, from)
    };
    try_cases("zpool text", 45_000, damage, assert_pools_sound);
}

#[test]
fn zpool_can_write_any_json() {
    let inputs = fixtures::zpool_json();
    let damage = |rng: &mut Rng| {
        let from = rng.small(inputs);
        mutate::json(rng, from)
    };
    try_cases("zpool JSON", 22_000, damage, assert_pools_sound);
}
