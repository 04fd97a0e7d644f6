//! The log pages of a SAS drive: start-stop cycles, error counters, pending defects, self-tests.

use crate::drive::{Drive, Kind};
use crate::output::object;
use crate::self_tests::{self, SelfTestEntry};
use serde_json::{Map, Value, json};

/// Tests in the Self-test Results log page (SPC).
const LOG_SIZE: u64 = 20;
/// The result code of a test in progress.
const IN_PROGRESS: u64 = 15;

/// The text for a self-test result, without the trailing blanks that smartctl removes.
fn result_text(code: u64) -> String {
    match code {
        0 => "Completed".to_owned(),
        1 => "Aborted (by user command)".to_owned(),
        2 => "Aborted (device reset ?)".to_owned(),
        3 => "Unknown error, incomplete".to_owned(),
        4 => "Completed, segment failed".to_owned(),
        5 => "Failed in first segment".to_owned(),
        6 => "Failed in second segment".to_owned(),
        7 => "Failed in segment".to_owned(),
        15 => "Self test in progress ...".to_owned(),
        other => format!("Reserved({other})"),
    }
}

/// Bits of the exit status for failed self-tests: any in the log counts.
pub fn self_test_bits(drive: &Drive) -> u8 {
    match drive.number("self_test_result") {
        Some(3) => 4,
        Some(4..=7) => 128,
        _ => 0,
    }
}

pub fn counters(drive: &Drive) -> Map<String, Value> {
    let mut body = object(json!({
        "scsi_start_stop_cycle_counter": start_stop_cycles(drive),
        "scsi_pending_defects": pending_defects(drive),
        "scsi_error_counter_log": error_counters(drive),
    }));
    if !drive.flag("no_grown_defects") {
        body.insert("scsi_grown_defect_list".to_owned(), json!(drive.number_or("grown_defects", 0)));
    }
    body
}

fn start_stop_cycles(drive: &Drive) -> Value {
    json!({
        "year_of_manufacture": (2019 + drive.made_up("year", 5)).to_string(),
        "week_of_manufacture": format!("{:02}", 1 + drive.made_up("week", 52)),
        "specified_cycle_count_over_device_lifetime": drive.number_or("start_stop_limit", 50_000),
        "accumulated_start_stop_cycles": drive.number_or("start_stop_cycles", 20 + drive.made_up("starts", 90)),
        "specified_load_unload_count_over_device_lifetime": drive.number_or("load_unload_limit", 600_000),
        "accumulated_load_unload_cycles": drive.number_or("load_unload_cycles", 500 + drive.made_up("loads", 4_000)),
    })
}

fn error_counters(drive: &Drive) -> Value {
    let eccfast = drive.made_up("eccfast", 3_000);
    let mut log = object(json!({
        "read": error_counter(drive, "read", eccfast, 60_000 + drive.made_up("gigabytes read", 300_000)),
        "write": error_counter(drive, "write", 0, 20_000 + drive.made_up("gigabytes written", 100_000)),
    }));
    if !drive.flag("no_verify_counters") {
        let gigabytes = 1_000 + drive.made_up("gigabytes verified", 5_000);
        log.insert("verify".to_owned(), error_counter(drive, "verify", 0, gigabytes));
    }
    Value::Object(log)
}

fn error_counter(drive: &Drive, operation: &str, eccfast: u64, gigabytes: u64) -> Value {
    let eccdelayed = eccfast / 400;
    let rereads = drive.number_or(&format!("rereads_{operation}"), 0);
    let corrected = eccfast + eccdelayed + rereads;
    json!({
        "errors_corrected_by_eccfast": eccfast,
        "errors_corrected_by_eccdelayed": eccdelayed,
        "errors_corrected_by_rereads_rewrites": rereads,
        "total_errors_corrected": corrected,
        "correction_algorithm_invocations": corrected,
        "gigabytes_processed": format!("{gigabytes}.{:03}", drive.made_up(operation, 1000)),
        "total_uncorrected_errors": drive.number_or(&format!("uncorrected_{operation}"), 0),
    })
}

/// smartctl numbers the defects from 1, which leaves a null at the start of the JSON array.
fn pending_defects(drive: &Drive) -> Value {
    let count = drive.number_or("pending", 0);
    if count == 0 {
        return json!({"count": 0});
    }
    let mut table = vec![Value::Null];
    for number in 1..=count.min(64) {
        let lba = drive.made_up(&format!("defect {number}"), drive.bytes / 512);
        table.push(json!({"lba": lba, "accum_power_on_hours": drive.hours().saturating_sub(number)}));
    }
    json!({"count": count, "table": table})
}

pub fn self_tests(drive: &Drive) -> Map<String, Value> {
    let mut tests = self_tests::log(drive, LOG_SIZE);
    let mut status = object(json!({"in_progress": false}));
    if let Some(percent) = self_tests::remaining_percent(drive) {
        tests.insert(0, SelfTestEntry { code: IN_PROGRESS, extended: false, age: 0 });
        status = object(json!({"in_progress": true, "completion_percent": 100u64.saturating_sub(percent)}));
    }
    let extended_seconds = if drive.kind == Kind::Ssd { 3_600 } else { 93_300 };
    let mut body = object(json!({
        "scsi_extended_self_test_seconds": extended_seconds,
        "scsi_self_test_status": status,
    }));
    for (number, test) in (0..LOG_SIZE).zip(&tests) {
        body.insert(format!("scsi_self_test_{number}"), self_test(drive, test));
    }
    body
}

fn self_test(drive: &Drive, test: &SelfTestEntry) -> Value {
    let (kind, name) = if test.extended { (2, "Background long") } else { (1, "Background short") };
    let mut entry = object(json!({
        "code": {"value": kind, "string": name}, "result": {"value": test.code, "string": result_text(test.code)},
    }));
    if test.code == IN_PROGRESS {
        entry.insert("self_test_in_progress".to_owned(), json!(true));
    } else {
        let hours = drive.hours().saturating_sub(test.age);
        entry.insert("power_on_time".to_owned(), json!({"hours": hours, "aka": "accumulated_power_on_hours"}));
    }
    if test.code == 7 {
        entry.insert("failed_segment".to_owned(), json!({"value": 3, "aka": "self_test_number"}));
    }
    if (4..=7).contains(&test.code) {
        let lba = drive.made_up("bad lba", drive.bytes / 512);
        entry.extend(object(json!({
            "lba_first_failure": {"value": lba, "aka": "address_of_first_failure"},
            "sense_key": {"value": 3, "string": "Medium Error"},
            "asc": 0x11,
            "ascq": 0,
            "vendor_specific": 0,
        })));
    }
    Value::Object(entry)
}
