//! Values of ATA drives only: the attribute table, the logs, the link.
//!
//! Names: smartmontools' `ataprint.cpp`.

use super::fields::Fields;
use crate::domain::smart::{AtaAttribute, AtaDetail, EnduranceSource, SelfTest, Wear};

/// Maximum number of attributes; the table of a drive has 30 entries (ATA-7, SMART READ DATA).
const MAX_ATTRIBUTES: usize = 64;

pub(super) fn detail(fields: Fields) -> AtaDetail {
    let attributes = fields.list("/ata_smart_attributes/table").filter_map(|row| attribute(row));
    AtaDetail {
        attributes: attributes.take(MAX_ATTRIBUTES).collect(),
        error_log_count: fields
            .first_uint(&["/ata_smart_error_log/extended/count", "/ata_smart_error_log/summary/count"]),
        link_max_bits_per_second: link(fields, "max"),
        link_current_bits_per_second: link(fields, "current"),
    }
}

/// `None` for a row without an id, which is skipped.
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

/// Bits per second; smartctl reports units of a hundred million bits.
fn link(fields: Fields, which: &str) -> Option<u64> {
    let speed = fields.object(&format!("/interface_speed/{which}"))?;
    let bits = speed.uint("/units_per_second")?.checked_mul(speed.uint("/bits_per_unit")?)?;
    if bits == 0 {
        return None;
    }
    Some(bits)
}

/// The WWN, which ATA reports in three parts: NAA (4 bits), OUI (24) and id (36).
pub(super) fn wwn(fields: Fields) -> Option<String> {
    let (naa, oui, id) = (fields.uint("/wwn/naa")?, fields.uint("/wwn/oui")?, fields.uint("/wwn/id")?);
    let fits = naa < 1 << 4 && oui < 1 << 24 && id < 1 << 36;
    let name = (naa & 0xf) << 60 | (oui & 0xff_ffff) << 36 | id;
    if !fits || name << 4 == 0 {
        return None;
    }
    Some(format!("0x{name:016x}"))
}

/// The upper four bits of the status byte (ACS-4, self-test execution status): 0 passed, 3 to 8 failed,
/// 1 and 2 ended early, 15 in progress.
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

pub(super) fn self_test(fields: Fields) -> Option<SelfTest> {
    let logged = last_logged_result(fields);
    let Some(status) = fields.object("/ata_smart_data/self_test/status") else {
        return logged.map(|passed| SelfTest { last_result_passed: Some(passed), ..SelfTest::default() });
    };
    let current = outcome(status);
    let last_result_passed = match logged {
        // Without a log, "passed" is also reported by a drive that was never tested.
        None if current == SelfTestOutcome::Failed => Some(false),
        logged => logged,
    };
    Some(SelfTest {
        status: status.text("/string"),
        passed: passed(current),
        remaining_percent: if current == SelfTestOutcome::Running { remaining(status) } else { None },
        last_result_passed,
    })
}

/// The newest result in the self-test log.
fn last_logged_result(fields: Fields) -> Option<bool> {
    for log in ["/ata_smart_self_test_log/extended/table", "/ata_smart_self_test_log/standard/table"] {
        let mut tests = fields.list(log).peekable();
        if tests.peek().is_some() {
            // Newest first.
            return tests.find_map(|test| passed(outcome(test.object("/status")?)));
        }
    }
    None
}

/// The remaining part of a self-test in percent; the lower four bits of the status byte count in tenths.
fn remaining(status: Fields) -> Option<u8> {
    if let Some(percent) = status.percent("/remaining_percent") {
        return Some(percent);
    }
    let percent = (status.byte("/value")? & 15) * 10;
    if percent > 100 {
        return None;
    }
    Some(percent)
}

/// The device statistics (ACS-4, page 7) take precedence if they were requested. Otherwise smartctl, from 7.5 on,
/// derives the value from VALUE of an attribute, which is a guess (`ataprint.cpp`, "Guess").
pub(super) fn wear(fields: Fields) -> Wear {
    // smartctl guesses both from attributes that mean something else on a hard disk.
    if fields.uint("/rotation_rate").unwrap_or(0) > 0 {
        return Wear::default();
    }
    let (used, source) = match (statistic(fields), fields.first_wear(&["/endurance_used/current_percent"])) {
        (Some(measured), _) => (Some(measured), Some(EnduranceSource::Measured)),
        (None, Some(guess)) if !contradicts_itself(fields, guess) => (Some(guess), Some(EnduranceSource::Guessed)),
        _ => (None, None),
    };
    Wear {
        endurance_used_percent: used,
        endurance_source: source,
        spare_available_percent: fields.first_wear(&["/spare_available/current_percent"]),
        spare_threshold_percent: fields.first_wear(&["/spare_available/threshold_percent"]),
    }
}

/// VALUE and raw value of the attribute on which the guess is based are two percentages that differ. One of them may be
/// the remaining endurance and the other the used one (Kingston A400: VALUE 14, raw 86, and 86 % remaining according to
/// the manufacturer's tool).
fn contradicts_itself(fields: Fields, guess: u64) -> bool {
    fields.list("/ata_smart_attributes/table").any(|row| is_contradictory_source(row, guess))
}

fn is_contradictory_source(row: Fields, guess: u64) -> bool {
    let (Some(remaining), Some(raw)) = (row.byte("/value"), row.uint("/raw/value")) else { return false };
    let remaining = u64::from(remaining);
    100_u64.saturating_sub(remaining) == guess
        && (1..=100).contains(&raw)
        && remaining != raw
        && row.text("/name").unwrap_or_default().starts_with("SSD_Life_Left")
}

/// Percentage used endurance, from the device statistics.
fn statistic(fields: Fields) -> Option<u64> {
    let pages = fields.list("/ata_device_statistics/pages").filter(|page| page.uint("/number") == Some(7));
    let mut rows = pages.flat_map(|page| page.list("/table"));
    rows.find_map(|row| {
        if row.uint("/offset") != Some(8) || row.bool("/flags/valid") == Some(false) {
            return None;
        }
        row.first_wear(&["/value"])
    })
}

/// The highest number of power-on hours at a test or error in the logs, which is a lower bound.
pub(super) fn logged_hours(fields: Fields) -> u64 {
    let logs = [
        "/ata_smart_self_test_log/extended/table",
        "/ata_smart_self_test_log/standard/table",
        "/ata_smart_error_log/extended/table",
        "/ata_smart_error_log/summary/table",
    ];
    logs.iter().flat_map(|log| fields.list(log)).filter_map(|entry| entry.uint("/lifetime_hours")).max().unwrap_or(0)
}
