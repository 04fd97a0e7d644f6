//! Values of ATA drives only: the attribute table, the logs, the link.
//!
//! Names: smartmontools' `ataprint.cpp`.

use super::fields::Fields;
use crate::domain::smart::{AtaAttribute, AtaDetail, EnduranceSource, SelfTest, Wear};

/// Maximum number of attributes; the table of a drive has 30 (ATA-7, SMART READ DATA).
const MAX_ATTRIBUTES: usize = 64;

pub(super) fn detail(v: Fields) -> AtaDetail {
    let attributes = v.list("/ata_smart_attributes/table").filter_map(|row| attribute(row));
    AtaDetail {
        attributes: attributes.take(MAX_ATTRIBUTES).collect(),
        error_log_count: v.first_uint(&["/ata_smart_error_log/extended/count", "/ata_smart_error_log/summary/count"]),
        link_max_bits_per_second: link(v, "max"),
        link_current_bits_per_second: link(v, "current"),
    }
}

/// A row without its number is skipped.
fn attribute(row: Fields) -> Option<AtaAttribute> {
    let mut attribute = AtaAttribute {
        id: row.byte("/id")?,
        name: row.text("/name"),
        value: row.byte("/value"),
        worst: row.byte("/worst"),
        thresh: row.byte("/thresh"),
        prefailure: row.bool("/flags/prefailure"),
        when_failed: row.text("/when_failed"),
        raw_value: row.uint("/raw/value"),
        raw_string: row.text("/raw/string"),
        raw_number: None,
        not_judged: None,
    };
    attribute.raw_number = attribute.count();
    Some(attribute)
}

/// `interface_speed`: units of a hundred million bits.
fn link(v: Fields, which: &str) -> Option<u64> {
    let number = |what: &str| v.uint(&format!("/interface_speed/{which}/{what}"));
    number("units_per_second")?.checked_mul(number("bits_per_unit")?).filter(|bits| *bits > 0)
}

/// The upper half of the status byte (ACS-4, self-test execution status): 0 passed, 3 to 8 failed,
/// 1 and 2 ended early, 15 runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SelfTestOutcome {
    Passed,
    Failed,
    Running,
    None,
}

fn outcome(status: Fields) -> SelfTestOutcome {
    match (status.byte("/value").map(|value| value >> 4), status.bool("/passed")) {
        (Some(0), _) | (None, Some(true)) => SelfTestOutcome::Passed,
        (Some(3..=8), _) | (None, Some(false)) => SelfTestOutcome::Failed,
        (Some(15), _) => SelfTestOutcome::Running,
        _ => SelfTestOutcome::None,
    }
}

fn passed(outcome: SelfTestOutcome) -> Option<bool> {
    match outcome {
        SelfTestOutcome::Passed => Some(true),
        SelfTestOutcome::Failed => Some(false),
        SelfTestOutcome::Running | SelfTestOutcome::None => None,
    }
}

pub(super) fn self_test(v: Fields) -> Option<SelfTest> {
    let log = ["/ata_smart_self_test_log/extended/table", "/ata_smart_self_test_log/standard/table"];
    let tests = log.iter().map(|log| v.list(log).collect::<Vec<_>>()).find(|tests| !tests.is_empty());
    // Newest first.
    let results = tests.iter().flatten().filter_map(|test| passed(outcome(test.object("/status")?)));
    let newest = results.into_iter().next();
    let Some(status) = v.object("/ata_smart_data/self_test/status") else {
        return newest.map(|passed| SelfTest { last_result_passed: Some(passed), ..SelfTest::default() });
    };
    let now = outcome(status);
    // Without a log, "passed" is also reported by a drive that was never tested.
    let last = newest.or((now == SelfTestOutcome::Failed).then_some(false));
    Some(SelfTest {
        status: status.text("/string"),
        passed: passed(now),
        remaining_percent: if now == SelfTestOutcome::Running { remaining(status) } else { None },
        last_result_passed: last,
    })
}

/// The lower half of the status byte counts in tenths.
fn remaining(status: Fields) -> Option<u8> {
    status.percent("/remaining_percent").or_else(|| Some((status.byte("/value")? & 15) * 10).filter(|n| *n <= 100))
}

/// The device statistics (ACS-4, page 7), where they were requested, count. From 7.5 on smartctl guesses otherwise, from
/// the VALUE of an attribute (`ataprint.cpp`, "Guess").
pub(super) fn wear(v: Fields) -> Wear {
    // smartctl guesses both from attributes that mean something else on a hard disk.
    if v.uint("/rotation_rate").is_some_and(|rpm| rpm > 0) {
        return Wear::default();
    }
    let (used, source) = match (statistic(v), v.first_wear(&["/endurance_used/current_percent"])) {
        (Some(measured), _) => (Some(measured), Some(EnduranceSource::Measured)),
        (None, Some(guess)) if !contradicts_itself(v, guess) => (Some(guess), Some(EnduranceSource::Guessed)),
        _ => (None, None),
    };
    Wear {
        endurance_used_percent: used,
        endurance_source: source,
        spare_available_percent: v.first_wear(&["/spare_available/current_percent"]),
        spare_threshold_percent: v.first_wear(&["/spare_available/threshold_percent"]),
    }
}

/// VALUE and raw value of the attribute that smartctl guesses from are two percentages that differ: one of them may be
/// what is left and the other what is used (Kingston A400: VALUE 14, raw 86, and 86 % left by the maker's own tool).
fn contradicts_itself(v: Fields, guess: u64) -> bool {
    v.list("/ata_smart_attributes/table").any(|row| {
        let name = row.text("/name").unwrap_or_default();
        let raw = row.uint("/raw/value").filter(|raw| (1..=100).contains(raw));
        let is_source = row.byte("/value").is_some_and(|left| 100_u64.saturating_sub(left.into()) == guess);
        let (Some(raw), Some(left)) = (raw, row.byte("/value")) else { return false };
        name.starts_with("SSD_Life_Left") && is_source && u64::from(left) != raw
    })
}

fn statistic(v: Fields) -> Option<u64> {
    let pages = v.list("/ata_device_statistics/pages").filter(|page| page.uint("/number") == Some(7));
    let rows = pages.flat_map(|page| page.list("/table"));
    let used = |row: Fields| row.uint("/offset") == Some(8) && row.bool("/flags/valid") != Some(false);
    rows.filter(|row| used(*row)).find_map(|row| row.first_wear(&["/value"]))
}

/// The highest power-on hour of a test or error in the logs: the drive has run for at least that long.
pub(super) fn logged_hours(v: Fields) -> u64 {
    let logs = [
        "/ata_smart_self_test_log/extended/table",
        "/ata_smart_self_test_log/standard/table",
        "/ata_smart_error_log/extended/table",
        "/ata_smart_error_log/summary/table",
    ];
    logs.iter().flat_map(|log| v.list(log)).filter_map(|entry| entry.uint("/lifetime_hours")).max().unwrap_or(0)
}
