//! Values of NVMe drives only: the SMART / Health Information log, self-tests, namespaces.
//!
//! Names: smartmontools' `nvmeprint.cpp`; meanings: NVMe base specification.

use super::fields::Fields;
use crate::domain::smart::{EnduranceSource, Namespace, NvmeDetail, SelfTest, Wear};

const LOG: &str = "/nvme_smart_health_information_log";
/// Maximum number of namespaces; controllers have fewer in use.
const MAX_NAMESPACES: usize = 128;

pub(super) fn detail(v: Fields) -> NvmeDetail {
    let log = |name: &str| v.counter(&format!("{LOG}/{name}"));
    let percent = |name: &str| v.first_wear(&[&format!("{LOG}/{name}")]).filter(|_| has_percentages(v));
    let spare = |name: &str| percent(name).filter(|_| keeps_spare(v));
    NvmeDetail {
        controller_id: v.uint("/nvme_controller_id"),
        namespaces: v.list("/nvme_namespaces").map(|space| namespace(space)).take(MAX_NAMESPACES).collect(),
        critical_warning: v.byte(&format!("{LOG}/critical_warning")).or_else(|| v.byte("/smart_status/nvme/value")),
        available_spare_percent: spare("available_spare"),
        available_spare_threshold_percent: spare("available_spare_threshold"),
        percentage_used: percent("percentage_used"),
        media_errors: log("media_errors"),
        num_err_log_entries: log("num_err_log_entries"),
        unsafe_shutdowns: log("unsafe_shutdowns"),
        data_units_read: log("data_units_read"),
        data_units_written: log("data_units_written"),
        warning_temp_time_minutes: log("warning_temp_time"),
        critical_comp_time_minutes: log("critical_comp_time"),
    }
}

fn namespace(space: Fields) -> Namespace {
    Namespace {
        id: space.uint("/id"),
        size_bytes: space.uint("/size/bytes"),
        utilization_bytes: space.uint("/utilization/bytes"),
    }
}

/// Device self-test result: 0 passed, 5 to 7 failed; the others ended early.
pub(super) fn self_test(v: Fields) -> Option<SelfTest> {
    let log = v.object("/nvme_self_test_log")?;
    let result = |test: Fields| match test.uint("/self_test_result/value") {
        Some(0) => Some(true),
        Some(5..=7) => Some(false),
        _ => None,
    };
    let tests: Vec<Fields> = log.list("/table").collect();
    let last_result_passed = tests.iter().copied().find_map(result);
    // 0: no test is running.
    let running = log.object("/current_self_test_operation").filter(|op| op.uint("/value").is_some_and(|n| n > 0));
    if let Some(operation) = running {
        let done = log.percent("/current_self_test_completion_percent");
        return Some(SelfTest {
            status: operation.text("/string"),
            passed: None,
            remaining_percent: done.map(|done| 100 - done),
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

pub(super) fn wear(v: Fields) -> Wear {
    let percent = |name: &str, log: &str| v.first_wear(&[name, &format!("{LOG}/{log}")]).filter(|_| has_percentages(v));
    let spare = |name: &str, log: &str| percent(name, log).filter(|_| keeps_spare(v));
    let used = percent("/endurance_used/current_percent", "percentage_used");
    Wear {
        endurance_used_percent: used,
        endurance_source: used.map(|_| EnduranceSource::Measured),
        spare_available_percent: spare("/spare_available/current_percent", "available_spare"),
        spare_threshold_percent: spare("/spare_available/threshold_percent", "available_spare_threshold"),
    }
}

/// The spare and its threshold are 0 to 100. Firmware that gives more gives no percentages (Samsung 980 PRO: a threshold of
/// 255 % and 255 % used after 60 hours).
fn has_percentages(v: Fields) -> bool {
    let is_percentage = |name: &str| v.uint(&format!("{LOG}/{name}")).is_none_or(|percent| percent <= 100);
    is_percentage("available_spare") && is_percentage("available_spare_threshold")
}

/// A controller without remaining spare warns of it. 0 % with a threshold of 0 % and no
/// warning is a controller without spare, such as a virtual one.
fn keeps_spare(v: Fields) -> bool {
    let none = |name: &str| v.uint(&format!("{LOG}/{name}")) == Some(0);
    let warns = v.byte(&format!("{LOG}/critical_warning")).is_some_and(|bits| bits & 1 != 0);
    warns || !(none("available_spare") && none("available_spare_threshold"))
}

/// The WWN of the first namespace; a controller has none of its own.
pub(super) fn wwn(v: Fields) -> Option<String> {
    let (oui, id) = (v.uint("/nvme_namespaces/0/eui64/oui")?, v.uint("/nvme_namespaces/0/eui64/ext_id")?);
    let fits = oui < 1 << 24 && id < 1 << 40;
    let name = (oui & 0xff_ffff) << 40 | id;
    (fits && name != 0).then(|| format!("eui.{name:016x}"))
}

/// A drive that has written this many units of 512,000 bytes (50 TB) is more than an hour old.
const MIN_UNITS_WHEN_USED: u64 = 100_000_000;

pub(super) fn logged_hours(v: Fields) -> u64 {
    let tests = v.list("/nvme_self_test_log/table").filter_map(|test| test.uint("/power_on_hours"));
    let written = v.uint(&format!("{LOG}/data_units_written")).is_some_and(|units| units >= MIN_UNITS_WHEN_USED);
    tests.max().unwrap_or(0).max(u64::from(written))
}
