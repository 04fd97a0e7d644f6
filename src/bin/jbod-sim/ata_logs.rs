//! The logs of a SATA drive: self-tests, those of them that failed, and errors.

use crate::drive::Drive;
use crate::self_tests::{self, SelfTestEntry};
use serde_json::{Map, Value, json};

/// Entries in the SMART self-test log (ACS).
const LOG_SIZE: u64 = 21;

/// The text for the upper four bits of a self-test execution status.
fn result_text(code: u64) -> &'static str {
    match code {
        0 => "Completed without error",
        1 => "Aborted by host",
        2 => "Interrupted (host reset)",
        3 => "Fatal or unknown error",
        4 => "Completed: unknown failure",
        5 => "Completed: electrical failure",
        6 => "Completed: servo/seek failure",
        7 => "Completed: read failure",
        8 => "Completed: handling damage??",
        15 => "Self-test routine in progress",
        _ => "Unknown status",
    }
}

fn is_failure(code: u64) -> bool {
    (3..=8).contains(&code)
}

/// Failed tests, and how many of them are outdated by a later extended test that passed. smartctl sets bit 7 of the
/// exit status for the others (ataprint.cpp).
pub fn failures(drive: &Drive) -> (u64, u64) {
    let (mut total, mut outdated, mut passed) = (0, 0, false);
    for test in self_tests::log(drive, LOG_SIZE) {
        passed |= test.extended && test.code == 0;
        if is_failure(test.code) {
            total += 1;
            outdated += u64::from(passed);
        }
    }
    (total, outdated)
}

pub fn self_tests(drive: &Drive) -> Value {
    let table: Vec<Value> = self_tests::log(drive, LOG_SIZE).iter().map(|test| entry(drive, test)).collect();
    if table.is_empty() {
        return json!({"standard": {"revision": 1, "count": 0}});
    }
    let (total, outdated) = failures(drive);
    json!({"standard": {
        "revision": 1, "table": table, "count": table.len(), "error_count_total": total,
        "error_count_outdated": outdated,
    }})
}

fn entry(drive: &Drive, test: &SelfTestEntry) -> Value {
    // Tenths that were left when the test ended.
    let left = match test.code {
        0 => 0,
        15 => 4,
        _ => 9,
    };
    let mut status = Map::new();
    status.insert("value".to_owned(), json!(test.code << 4 | left));
    status.insert("string".to_owned(), json!(result_text(test.code)));
    if left > 0 {
        status.insert("remaining_percent".to_owned(), json!(left * 10));
    }
    if test.code == 0 || is_failure(test.code) {
        status.insert("passed".to_owned(), json!(test.code == 0));
    }
    let (value, name) = if test.extended { (2, "Extended offline") } else { (1, "Short offline") };
    let mut entry = Map::new();
    entry.insert("type".to_owned(), json!({"value": value, "string": name}));
    entry.insert("status".to_owned(), Value::Object(status));
    entry.insert("lifetime_hours".to_owned(), json!(drive.hours().saturating_sub(test.age) % 65_536));
    if test.code == 7 {
        entry.insert("lba".to_owned(), json!(drive.made_up("bad lba", drive.bytes / 512)));
    }
    Value::Object(entry)
}

/// `ata_smart_data.self_test.status`: the test in progress, or else the last one.
fn last_self_test(drive: &Drive) -> Value {
    if let Some(percent) = self_tests::remaining_percent(drive) {
        let tenths = percent.div_ceil(10).min(9);
        let text = format!("in progress, {}% remaining", tenths * 10);
        return json!({"value": 0xf0 | tenths, "string": text, "remaining_percent": tenths * 10});
    }
    let is_last = drive.text("self_test_later_pass").is_none();
    match drive.number("self_test_result") {
        Some(1) if is_last => json!({"value": 0x19, "string": "was aborted by the host"}),
        Some(2) if is_last => json!({"value": 0x29, "string": "was interrupted by the host with a reset"}),
        Some(code) if is_last && is_failure(code) => {
            let text = match code {
                3 => "could not complete due to a fatal or unknown error",
                4 => "completed with error (unknown test element)",
                5 => "completed with error (electrical test element)",
                6 => "completed with error (servo/seek test element)",
                7 => "completed with error (read test element)",
                _ => "completed with error (handling damage?)",
            };
            json!({"value": code << 4 | 9, "string": text, "passed": false})
        }
        _ => json!({"value": 0, "string": "completed without error", "passed": true}),
    }
}

/// `ata_smart_data`: the last self-test, and the capabilities.
pub fn smart_data(drive: &Drive) -> Value {
    let offline_status = json!({"value": 130, "string": "was completed without error", "passed": true});
    json!({
        "offline_data_collection": {"status": offline_status, "completion_seconds": 567},
        "self_test": {
            "status": last_self_test(drive), "polling_minutes": {"short": 1, "extended": 1440, "conveyance": 2},
        },
        "capabilities": {
            "values": [123, 3], "exec_offline_immediate_supported": true, "offline_is_aborted_upon_new_cmd": false,
            "offline_surface_scan_supported": true, "self_tests_supported": true,
            "conveyance_self_test_supported": true,
            "selective_self_test_supported": true, "attribute_autosave_enabled": true, "error_logging_supported": true,
            "gp_logging_supported": true,
        },
    })
}

/// The summary error log: the last five errors (ACS), newest first.
pub fn errors(drive: &Drive) -> Value {
    let count = drive.number_or("ata_error_count", 0);
    if count == 0 {
        return json!({"summary": {"revision": 1, "count": 0}});
    }
    let table: Vec<Value> = (0..count.min(5)).map(|age| logged_error(drive, count, age)).collect();
    json!({"summary": {"revision": 1, "count": count, "logged_count": table.len(), "table": table}})
}

/// `age`: the number of later errors.
fn logged_error(drive: &Drive, count: u64, age: u64) -> Value {
    let lba = drive.made_up("error lba", 1 << 28) + age * 8;
    let low = lba & 0xff_ffff;
    let registers = json!({"command": 96, "features": 8, "count": 0, "lba": low, "device": 64, "device_control": 0});
    let command = json!({
        "registers": registers, "powerup_milliseconds": 4_000_000 - age, "command_name": "READ FPDMA QUEUED",
    });
    json!({
        "error_number": count - age, "lifetime_hours": drive.hours().saturating_sub(30 + age) % 65_536,
        "completion_registers": {"error": 64, "status": 81, "count": 0, "lba": low, "device": lba >> 24},
        "error_description": format!("Error: UNC at LBA = 0x{lba:08x} = {lba}"),
        "previous_commands": [command],
    })
}

pub fn selective() -> Value {
    let span = json!({"lba_min": 0, "lba_max": 0, "status": {"value": 0, "string": "Not_testing"}});
    json!({
        "revision": 1, "table": [span, span, span, span, span], "flags": {"value": 0, "remainder_scan_enabled": false},
        "power_up_scan_resume_minutes": 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::Kind;
    use crate::products::sample;

    #[test]
    fn only_a_later_extended_pass_outdates_a_failure() {
        let mut drive = sample(Kind::Sata);
        assert_eq!(failures(&drive), (0, 0));
        drive.state.insert("self_test_result".to_owned(), json!(7));
        assert_eq!(failures(&drive), (1, 0));
        assert_eq!(self_tests(&drive).pointer("/standard/table/0/status/passed"), Some(&json!(false)));
        drive.state.insert("self_test_later_pass".to_owned(), json!("short"));
        assert_eq!(failures(&drive), (1, 0));
        drive.state.insert("self_test_later_pass".to_owned(), json!("extended"));
        assert_eq!(failures(&drive), (1, 1));
        assert_eq!(self_tests(&drive).pointer("/standard/table/1/status/value"), Some(&json!(0x79)));
        drive.state.insert("self_test_result".to_owned(), json!(1));
        assert_eq!(failures(&drive), (0, 0), "an aborted test is no failure");
    }
}
