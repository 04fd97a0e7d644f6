//! The log pages of a SAS drive: start-stop cycles, error counters, pending defects, self-tests.

use crate::answer_scsi::object;
use crate::drive::{Drive, Kind};
use serde_json::{Map, Value, json};

/// What smartctl calls a self-test's result code, without the blanks it trims.
fn outcome(code: u64) -> String {
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

/// Bits of smartctl's exit status that failed tests make: any of the twenty in the log counts.
pub fn self_test_status(drive: &Drive) -> u8 {
    match drive.number("self_test_result") {
        Some(3) => 4,
        Some(4..=7) => 128,
        _ => 0,
    }
}

pub fn counters(drive: &Drive, body: &mut Map<String, Value>) {
    let of = |key: &str, or: u64| drive.number(key).unwrap_or(or);
    body.insert(
        "scsi_start_stop_cycle_counter".to_owned(),
        json!({
            "year_of_manufacture": (2019 + drive.made_up("year", 5)).to_string(),
            "week_of_manufacture": format!("{:02}", 1 + drive.made_up("week", 52)),
            "specified_cycle_count_over_device_lifetime": of("start_stop_limit", 50_000),
            "accumulated_start_stop_cycles": of("start_stop_cycles", 20 + drive.made_up("starts", 90)),
            "specified_load_unload_count_over_device_lifetime": of("load_unload_limit", 600_000),
            "accumulated_load_unload_cycles": of("load_unload_cycles", 500 + drive.made_up("loads", 4_000)),
        }),
    );
    if !drive.flag("no_grown_defects") {
        body.insert("scsi_grown_defect_list".to_owned(), json!(of("grown_defects", 0)));
    }
    body.insert("scsi_pending_defects".to_owned(), pending(drive));
    let row = |what: &str, fast: u64, gigabytes: u64| {
        let (delayed, again) = (fast / 400, of(&format!("rereads_{what}"), 0));
        json!({
            "errors_corrected_by_eccfast": fast,
            "errors_corrected_by_eccdelayed": delayed,
            "errors_corrected_by_rereads_rewrites": again,
            "total_errors_corrected": fast + delayed + again,
            "correction_algorithm_invocations": fast + delayed + again,
            "gigabytes_processed": format!("{gigabytes}.{:03}", drive.made_up(what, 1000)),
            "total_uncorrected_errors": of(&format!("uncorrected_{what}"), 0),
        })
    };
    let mut log = object(json!({
        "read": row("read", drive.made_up("eccfast", 3_000), 60_000 + drive.made_up("gigabytes read", 300_000)),
        "write": row("write", 0, 20_000 + drive.made_up("gigabytes written", 100_000)),
    }));
    if !drive.flag("no_verify_counters") {
        log.insert("verify".to_owned(), row("verify", 0, 1_000 + drive.made_up("gigabytes verified", 5_000)));
    }
    body.insert("scsi_error_counter_log".to_owned(), Value::Object(log));
}

/// The defects themselves are numbered from 1, so the list begins with a null.
fn pending(drive: &Drive) -> Value {
    let count = drive.number("pending").unwrap_or(0);
    if count == 0 {
        return json!({"count": 0});
    }
    let defect = |n: u64| {
        let lba = drive.made_up(&format!("defect {n}"), drive.bytes / 512);
        json!({"lba": lba, "accum_power_on_hours": drive.hours().saturating_sub(n)})
    };
    let table: Vec<Value> = std::iter::once(Value::Null).chain((1..=count.min(64)).map(defect)).collect();
    json!({"count": count, "table": table})
}

pub fn self_tests(drive: &Drive, body: &mut Map<String, Value>) {
    let left = drive.number("self_test_remaining_percent").filter(|p| *p > 0);
    let hours = drive.hours();
    let old = (0..20u64.min(hours / 168)).map(|n| (0, n % 4 == 1, 168 * n + 5));
    let set = drive.number("self_test_result").filter(|c| *c > 0).into_iter().flat_map(|code| {
        let later = drive.text("self_test_later_pass").map(|l| (0, l == "extended", 1));
        later.into_iter().chain([(code, drive.text("self_test_type") != Some("short"), 3)])
    });
    let tests = left.map(|_| (15, false, 0)).into_iter().chain(set).chain(old);
    for (n, (code, long, age)) in tests.take(20).enumerate() {
        body.insert(format!("scsi_self_test_{n}"), entry(drive, code, long, hours.saturating_sub(age)));
    }
    body.insert(
        "scsi_extended_self_test_seconds".to_owned(),
        json!(if drive.kind == Kind::Ssd { 3_600 } else { 93_300 }),
    );
    let mut status = object(json!({"in_progress": left.is_some()}));
    status.extend(left.map(|p| ("completion_percent".to_owned(), json!(100u64.saturating_sub(p)))));
    body.insert("scsi_self_test_status".to_owned(), Value::Object(status));
}

fn entry(drive: &Drive, code: u64, long: bool, at: u64) -> Value {
    let (kind, name) = if long { (2, "Background long") } else { (1, "Background short") };
    let mut entry = object(json!({
        "code": {"value": kind, "string": name}, "result": {"value": code, "string": outcome(code)},
    }));
    let mut more = |name: &str, value: Value| entry.insert(name.to_owned(), value);
    if code == 7 {
        more("failed_segment", json!({"value": 3, "aka": "self_test_number"}));
    }
    if code == 15 {
        more("self_test_in_progress", json!(true));
    } else {
        more("power_on_time", json!({"hours": at, "aka": "accumulated_power_on_hours"}));
    }
    if (4..=7).contains(&code) {
        let lba = drive.made_up("bad lba", drive.bytes / 512);
        more("lba_first_failure", json!({"value": lba, "aka": "address_of_first_failure"}));
        more("sense_key", json!({"value": 3, "string": "Medium Error"}));
        more("asc", json!(0x11));
        more("ascq", json!(0));
        more("vendor_specific", json!(0));
    }
    Value::Object(entry)
}
