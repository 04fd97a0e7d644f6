//! Values of SCSI (SAS) drives only: error counters, defect lists, mechanics.
//!
//! Names: smartmontools' `scsiprint.cpp`. Up to 7.2 most were not in the JSON.

use super::fields::Fields;
use crate::domain::smart::{Cycles, EnduranceSource, ErrorCounters, ExceptionCode, ScsiDetail, SelfTest, Wear};

/// Before this release the grown defect list was given in bytes, of 4 or 8 a defect.
const COUNTS_DEFECTS: (u64, u64) = (7, 2);

pub(super) fn detail(v: Fields) -> ScsiDetail {
    let counters = |name: &str| {
        let row = v.object(&format!("/scsi_error_counter_log/{name}"))?;
        Some(ErrorCounters {
            errors_corrected_by_rereads_rewrites: row.counter("/errors_corrected_by_rereads_rewrites"),
            total_errors_corrected: row.counter("/total_errors_corrected"),
            total_uncorrected_errors: row.counter("/total_uncorrected_errors"),
        })
    };
    let cycles = |accumulated: &str, specified: &str| {
        let count = |name: &str| v.counter(&format!("/scsi_start_stop_cycle_counter/{name}"));
        // A drive that does not specify one reports 0.
        Cycles { accumulated: count(accumulated), specified: count(specified).filter(|n| *n > 0) }
    };
    ScsiDetail {
        grown_defect_list: v.counter("/scsi_grown_defect_list").filter(|n| *n == 0 || counts_defects(v)),
        pending_defects: v.counter("/scsi_pending_defects/count").or_else(|| v.counter("/pending_defects/count")),
        read: counters("read"),
        write: counters("write"),
        verify: counters("verify"),
        non_medium_errors: v
            .counter("/scsi_non_medium_error_count")
            .or_else(|| v.counter("/scsi_non_medium_errors/count")),
        start_stop_cycles: cycles("accumulated_start_stop_cycles", "specified_cycle_count_over_device_lifetime"),
        load_unload_cycles: cycles(
            "accumulated_load_unload_cycles",
            "specified_load_unload_count_over_device_lifetime",
        ),
    }
}

/// The code of the informational exception, of a drive that reports one.
pub(super) fn exception(v: Fields) -> Option<ExceptionCode> {
    Some(ExceptionCode { asc: v.byte("/smart_status/scsi/asc")?, ascq: v.byte("/smart_status/scsi/ascq")? })
}

fn counts_defects(v: Fields) -> bool {
    let number = |at: &str| v.uint(&format!("/smartctl/version/{at}"));
    number("0").zip(number("1")).is_none_or(|version| version >= COUNTS_DEFECTS)
}

/// SPC-4, self-test results log page: 0 passed, 3 to 7 failed, 1 and 2 were ended, 15 runs.
pub(super) fn self_test(v: Fields) -> Option<SelfTest> {
    let tests = v.numbered("scsi_self_test_");
    let result = |test: Fields| match test.uint("/result/value") {
        Some(0) => Some(true),
        Some(3..=7) => Some(false),
        _ => None,
    };
    let last_result_passed = tests.iter().copied().find_map(result);
    let newest = tests.first().copied();
    let says_so = |t: Fields| t.uint("/result/value") == Some(15) || t.bool("/self_test_in_progress") == Some(true);
    let is_running = v.bool("/scsi_self_test_status/in_progress") == Some(true) || newest.is_some_and(says_so);
    if !is_running && newest.is_none() {
        return None;
    }
    let status = newest.and_then(|test| test.text("/result/string"));
    // From 8.0 on smartctl reports the progress.
    let done = v.percent("/scsi_self_test_status/completion_percent");
    Some(SelfTest {
        status: if is_running { Some("in progress".to_owned()) } else { status },
        passed: newest.filter(|_| !is_running).and_then(result),
        remaining_percent: done.filter(|_| is_running).map(|done| 100 - done),
        last_result_passed,
    })
}

/// Solid state media log page; the first name is that of smartctl 7.5.
pub(super) fn wear(v: Fields) -> Wear {
    let used = v.first_wear(&["/endurance_used/current_percent", "/scsi_percentage_used_endurance_indicator"]);
    Wear {
        endurance_used_percent: used,
        endurance_source: used.map(|_| EnduranceSource::Measured),
        spare_available_percent: v.first_wear(&["/spare_available/current_percent"]),
        spare_threshold_percent: v.first_wear(&["/spare_available/threshold_percent"]),
    }
}

pub(super) fn logged_hours(v: Fields) -> u64 {
    let tests = v.numbered("scsi_self_test_");
    tests.iter().filter_map(|test| test.uint("/power_on_time/hours")).max().unwrap_or(0)
}
