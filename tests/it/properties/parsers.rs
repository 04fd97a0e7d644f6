//! 102,000 damaged outputs of smartctl and zpool: none ends or blocks the program, and the values that are read are valid.
//! Other inputs are in `outside`.

use super::fixtures;
use super::mutate;
use super::random::try_cases;
use super::verdict::assert_readable;
use crate::support::rng::Rng;
use jbod_monitor::api::json_limits::JsonLimits;
use jbod_monitor::domain::health::{DriveFacts, PeersOfOne, RuleSettings, judge_drive};
use jbod_monitor::domain::smart::SmartReport;
use jbod_monitor::domain::time::Timestamp;
use jbod_monitor::domain::zfs::Zfs;
use jbod_monitor::domain::zfs::activity::Activity;
use jbod_monitor::probe::{smartctl, zpool};
use serde_json::Value;

/// Longer than any name or message of the tools.
const TEXT_BYTES: usize = 4096;

/// The values of a report are valid, whatever it was read from.
pub fn assert_valid(report: &SmartReport) {
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
    if let Some(celsius) = report.temperature_celsius {
        assert!((1..=120).contains(&celsius), "{celsius}");
    }
    assert_ne!(report.user_capacity_bytes, Some(0), "an unknown capacity is null");
    if let Some(test) = &report.self_test {
        assert!(test.remaining_percent.unwrap_or(0) <= 100, "{test:?}");
    }
    if let Some(wwn) = &report.wwn {
        assert!(wwn.starts_with("0x") || wwn.starts_with("eui."), "{wwn}");
    }
    let details = [report.ata.is_some(), report.scsi.is_some(), report.nvme.is_some()];
    assert!(details.into_iter().filter(|has_detail| *has_detail).count() <= 1, "several protocols: {details:?}");
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
    assert_readable(&judge_drive(&subject, &RuleSettings::default()));
}

fn damaged_smartctl(rng: &mut Rng) -> Vec<u8> {
    let from = rng.small(fixtures::smartctl());
    mutate::json(rng, from)
}

fn damaged_zpool_text(rng: &mut Rng) -> Vec<u8> {
    let from = rng.small(fixtures::zpool_text());
    mutate::text(rng, from)
}

fn damaged_zpool_json(rng: &mut Rng) -> Vec<u8> {
    let from = rng.small(fixtures::zpool_json());
    mutate::json(rng, from)
}

#[test]
fn smartctl_may_print_anything() {
    try_cases("smartctl", 25_000, damaged_smartctl, |bytes| {
        // Invalid UTF-8 is replaced, as in the daemon.
        let parsed = smartctl::parse(&String::from_utf8_lossy(bytes));
        assert_valid(&parsed.report);
        assert_judged(&parsed.report);
    });
}

/// A parser without limits finds no more values, levels or bytes in strings than were counted before, so a text within the
/// limits remains within them.
#[test]
fn the_size_of_json_is_not_underestimated() {
    try_cases("size of JSON", 10_000, damaged_smartctl, |bytes| {
        let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
        let mut size = Size::default();
        size.add(&value, 0);
        let length = bytes.len();
        let most = JsonLimits { bytes: length, values: length + 1, depth: length, string: length };
        // The parser keeps one of two fields with the same name.
        let counted = most.check(bytes).expect("no more values than bytes");
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

fn assert_pools_valid(bytes: &[u8]) {
    let Some(pools) = zpool::parse(bytes) else { return };
    let zfs = Zfs { pools, ..Zfs::default() };
    for (pool, vdev, leaf) in zfs.leaves() {
        for name in [&pool.name, &vdev.name, &leaf.name] {
            assert!(name.len() <= TEXT_BYTES, "{} bytes", name.len());
        }
        assert!(!leaf.name.is_empty(), "{leaf:?}");
        assert_eq!(leaf.device, None, "a leaf has no drive before it is matched");
    }
    for pool in &zfs.pools {
        assert!((0.0..=100.0).contains(&pool.scan.done_percent.unwrap_or(0.0)), "{:?}", pool.scan);
        for activity in &pool.activities {
            assert!((0.0..=100.0).contains(&activity.done_percent.unwrap_or(0.0)), "{activity:?}");
        }
        // Stored activities are read again, with their times.
        let stored = serde_json::to_vec(&pool.activities).expect("JSON");
        let read: Vec<Activity> = serde_json::from_slice(&stored).expect("activities");
        assert_eq!(read, pool.activities);
    }
    assert!(zfs.memberships().is_empty());
    serde_json::to_vec(&zfs.pools).expect("JSON");
}

#[test]
fn zpool_may_print_anything() {
    try_cases("zpool text", 45_000, damaged_zpool_text, assert_pools_valid);
}

#[test]
fn zpool_may_print_any_json() {
    try_cases("zpool JSON", 22_000, damaged_zpool_json, assert_pools_valid);
}
