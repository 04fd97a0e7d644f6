//! Values of NVMe drives only: the SMART / Health Information log, self-tests, namespaces.
//!
//! Names: smartmontools' `nvmeprint.cpp`; meanings: NVMe base specification.

use super::fields::Fields;
use crate::domain::smart::{EnduranceSource, Namespace, NvmeDetail, SelfTest, Wear};

const LOG: &str = "/nvme_smart_health_information_log";
/// Maximum number of namespaces; controllers have fewer in use.
const MAX_NAMESPACES: usize = 128;

pub(super) fn detail(fields: Fields) -> NvmeDetail {
    NvmeDetail {
        controller_id: fields.uint("/nvme_controller_id"),
        namespaces: fields.list("/nvme_namespaces").map(|space| namespace(space)).take(MAX_NAMESPACES).collect(),
        critical_warning: fields.first_byte(&[&format!("{LOG}/critical_warning"), "/smart_status/nvme/value"]),
        available_spare_percent: spare(fields, &[&format!("{LOG}/available_spare")]),
        available_spare_threshold_percent: spare(fields, &[&format!("{LOG}/available_spare_threshold")]),
        percentage_used: percentage(fields, &[&format!("{LOG}/percentage_used")]),
        media_errors: log_counter(fields, "media_errors"),
        num_err_log_entries: log_counter(fields, "num_err_log_entries"),
        unsafe_shutdowns: log_counter(fields, "unsafe_shutdowns"),
        data_units_read: log_counter(fields, "data_units_read"),
        data_units_written: log_counter(fields, "data_units_written"),
        warning_temp_time_minutes: log_counter(fields, "warning_temp_time"),
        critical_comp_time_minutes: log_counter(fields, "critical_comp_time"),
    }
}

fn log_counter(fields: Fields, name: &str) -> Option<u64> {
    fields.counter(&format!("{LOG}/{name}"))
}

fn namespace(space: Fields) -> Namespace {
    Namespace {
        id: space.uint("/id"),
        size_bytes: space.uint("/size/bytes"),
        utilization_bytes: space.uint("/utilization/bytes"),
    }
}

/// Device self-test result: 0 passed, 5 to 7 failed; the others ended early.
pub(super) fn self_test(fields: Fields) -> Option<SelfTest> {
    let log = fields.object("/nvme_self_test_log")?;
    let tests: Vec<Fields> = log.list("/table").collect();
    let last_result_passed = tests.iter().find_map(|test| result(*test));
    // 0 means that no test is in progress.
    if let Some(operation) = log.object("/current_self_test_operation")
        && operation.uint("/value").unwrap_or(0) > 0
    {
        let completed = log.percent("/current_self_test_completion_percent");
        return Some(SelfTest {
            status: operation.text("/string"),
            passed: None,
            remaining_percent: completed.map(|completed| 100 - completed),
            last_result_passed,
        });
    }
    let newest = tests.first().copied()?;
    Some(SelfTest {
        status: newest.text("/self_test_result/string"),
        passed: result(newest),
        remaining_percent: None,
        last_result_passed,
    })
}

fn result(test: Fields) -> Option<bool> {
    match test.uint("/self_test_result/value") {
        Some(0) => Some(true),
        Some(5..=7) => Some(false),
        _ => None,
    }
}

pub(super) fn wear(fields: Fields) -> Wear {
    let used = percentage(fields, &["/endurance_used/current_percent", &format!("{LOG}/percentage_used")]);
    Wear {
        endurance_used_percent: used,
        endurance_source: used.map(|_| EnduranceSource::Measured),
        spare_available_percent: spare(
            fields,
            &["/spare_available/current_percent", &format!("{LOG}/available_spare")],
        ),
        spare_threshold_percent: spare(
            fields,
            &["/spare_available/threshold_percent", &format!("{LOG}/available_spare_threshold")],
        ),
    }
}

/// The first of these percentages. The spare and its threshold are 0 to 100; firmware that reports more does not report
/// percentages (Samsung 980 PRO: a threshold of 255 % and 255 % used after 60 hours).
fn percentage(fields: Fields, paths: &[&str]) -> Option<u64> {
    for name in ["available_spare", "available_spare_threshold"] {
        if fields.uint(&format!("{LOG}/{name}")).unwrap_or(0) > 100 {
            return None;
        }
    }
    fields.first_wear(paths)
}

fn spare(fields: Fields, paths: &[&str]) -> Option<u64> {
    if !has_spare(fields) {
        return None;
    }
    percentage(fields, paths)
}

/// A controller without remaining spare warns about it. 0 % with a threshold of 0 % and without a warning is reported
/// by controllers that have no spare, such as virtual ones.
fn has_spare(fields: Fields) -> bool {
    let is_warning = fields.byte(&format!("{LOG}/critical_warning")).unwrap_or(0) & 1 != 0;
    is_warning
        || fields.uint(&format!("{LOG}/available_spare")) != Some(0)
        || fields.uint(&format!("{LOG}/available_spare_threshold")) != Some(0)
}

/// The WWN of the first namespace; a controller has none of its own.
pub(super) fn wwn(fields: Fields) -> Option<String> {
    let (oui, id) = (fields.uint("/nvme_namespaces/0/eui64/oui")?, fields.uint("/nvme_namespaces/0/eui64/ext_id")?);
    let fits = oui < 1 << 24 && id < 1 << 40;
    let name = (oui & 0xff_ffff) << 40 | id;
    if !fits || name == 0 {
        return None;
    }
    Some(format!("eui.{name:016x}"))
}

/// A drive that has written this many units of 512,000 bytes (50 TB) is more than an hour old.
const MIN_UNITS_WHEN_USED: u64 = 100_000_000;

/// A lower bound of the power-on hours.
pub(super) fn logged_hours(fields: Fields) -> u64 {
    let tests = fields.list("/nvme_self_test_log/table").filter_map(|test| test.uint("/power_on_hours"));
    let is_used = fields.uint(&format!("{LOG}/data_units_written")).unwrap_or(0) >= MIN_UNITS_WHEN_USED;
    tests.max().unwrap_or(0).max(u64::from(is_used))
}
