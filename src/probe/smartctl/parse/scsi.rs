//! Values of SCSI (SAS) drives only: error counters, defect lists, mechanics.
//!
//! Names: smartmontools' `scsiprint.cpp`. Up to 7.2 most of these values are not in the JSON.

use super::fields::Fields;
use crate::domain::smart::{Cycles, EnduranceSource, ErrorCounters, ExceptionCode, ScsiDetail, SelfTest, Wear};

/// The first release that reports the number of grown defects; earlier ones report bytes, 4 or 8 for each defect.
const COUNTS_DEFECTS: (u64, u64) = (7, 2);

pub(super) fn detail(fields: Fields) -> ScsiDetail {
    ScsiDetail {
        grown_defect_list: grown_defects(fields),
        pending_defects: fields.first_counter(&["/scsi_pending_defects/count", "/pending_defects/count"]),
        read: error_counters(fields, "read"),
        write: error_counters(fields, "write"),
        verify: error_counters(fields, "verify"),
        non_medium_errors: fields.first_counter(&["/scsi_non_medium_error_count", "/scsi_non_medium_errors/count"]),
        start_stop_cycles: cycles(
            fields,
            "accumulated_start_stop_cycles",
            "specified_cycle_count_over_device_lifetime",
        ),
        load_unload_cycles: cycles(
            fields,
            "accumulated_load_unload_cycles",
            "specified_load_unload_count_over_device_lifetime",
        ),
    }
}

fn error_counters(fields: Fields, operation: &str) -> Option<ErrorCounters> {
    let row = fields.object(&format!("/scsi_error_counter_log/{operation}"))?;
    Some(ErrorCounters {
        errors_corrected_by_rereads_rewrites: row.counter("/errors_corrected_by_rereads_rewrites"),
        total_errors_corrected: row.counter("/total_errors_corrected"),
        total_uncorrected_errors: row.counter("/total_uncorrected_errors"),
    })
}

fn cycles(fields: Fields, accumulated: &str, specified: &str) -> Cycles {
    let Some(counter) = fields.object("/scsi_start_stop_cycle_counter") else { return Cycles::default() };
    Cycles {
        accumulated: counter.counter(&format!("/{accumulated}")),
        // 0 means that the drive does not specify a count.
        specified: counter.counter(&format!("/{specified}")).filter(|count| *count > 0),
    }
}

/// The WWN, which SCSI reports as hex.
pub(super) fn wwn(fields: Fields) -> Option<String> {
    let id = fields.text("/logical_unit_id")?.to_ascii_lowercase();
    let digits = id.strip_prefix("0x")?.as_bytes();
    let is_zero = digits.iter().skip(1).all(|digit| *digit == b'0');
    if is_zero || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    Some(id)
}

/// The code of the informational exception that the drive reports.
pub(super) fn exception(fields: Fields) -> Option<ExceptionCode> {
    Some(ExceptionCode { asc: fields.byte("/smart_status/scsi/asc")?, ascq: fields.byte("/smart_status/scsi/ascq")? })
}

/// `None` if a release that reports bytes reports other than 0.
fn grown_defects(fields: Fields) -> Option<u64> {
    let defects = fields.counter("/scsi_grown_defect_list")?;
    let version = (fields.uint("/smartctl/version/0"), fields.uint("/smartctl/version/1"));
    match version {
        (Some(major), Some(minor)) if (major, minor) < COUNTS_DEFECTS && defects > 0 => None,
        _ => Some(defects),
    }
}

/// SPC-4, self-test results log page: 0 passed, 3 to 7 failed, 1 and 2 aborted, 15 in progress.
pub(super) fn self_test(fields: Fields) -> Option<SelfTest> {
    let tests = fields.numbered("scsi_self_test_");
    let last_result_passed = tests.iter().find_map(|test| result(*test));
    let newest = tests.first().copied();
    if fields.bool("/scsi_self_test_status/in_progress") == Some(true) || newest.is_some_and(is_in_progress) {
        // From 8.0 on smartctl reports the progress.
        let completed = fields.percent("/scsi_self_test_status/completion_percent");
        return Some(SelfTest {
            status: Some("in progress".to_owned()),
            passed: None,
            remaining_percent: completed.map(|completed| 100 - completed),
            last_result_passed,
        });
    }
    let newest = newest?;
    Some(SelfTest {
        status: newest.text("/result/string"),
        passed: result(newest),
        remaining_percent: None,
        last_result_passed,
    })
}

fn result(test: Fields) -> Option<bool> {
    match test.uint("/result/value") {
        Some(0) => Some(true),
        Some(3..=7) => Some(false),
        _ => None,
    }
}

fn is_in_progress(test: Fields) -> bool {
    test.uint("/result/value") == Some(15) || test.bool("/self_test_in_progress") == Some(true)
}

/// Solid state media log page; smartctl 7.5 introduced the first name.
pub(super) fn wear(fields: Fields) -> Wear {
    let used = fields.first_wear(&["/endurance_used/current_percent", "/scsi_percentage_used_endurance_indicator"]);
    Wear {
        endurance_used_percent: used,
        endurance_source: used.map(|_| EnduranceSource::Measured),
        spare_available_percent: fields.first_wear(&["/spare_available/current_percent"]),
        spare_threshold_percent: fields.first_wear(&["/spare_available/threshold_percent"]),
    }
}

pub(super) fn logged_hours(fields: Fields) -> u64 {
    let tests = fields.numbered("scsi_self_test_");
    tests.iter().filter_map(|test| test.uint("/power_on_time/hours")).max().unwrap_or(0)
}
