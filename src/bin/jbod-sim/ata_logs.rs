//! The logs of a SATA drive: self-tests, which of them count as failed, and errors.

use crate::drive::Drive;
use serde_json::{Map, Value, json};

/// What smartctl calls the upper half of a self-test's status.
fn outcome(code: u64) -> &'static str {
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

/// A test of the log. The newest has `age` 0.
struct Test {
    code: u64,
    extended: bool,
    age: u64,
}

/// The tests of the log, newest first.
fn tests(drive: &Drive) -> Vec<Test> {
    let hours = drive.hours();
    let entries = 21u64.min(hours / 168);
    let mut tests: Vec<Test> = (0..entries).map(|n| Test { code: 0, extended: n % 4 == 1, age: 168 * n + 5 }).collect();
    let newest = drive.number("self_test_result");
    if let Some(code) = newest.filter(|c| *c > 0) {
        let extended = drive.text("self_test_type") != Some("short");
        tests.insert(0, Test { code, extended, age: 3 });
        if let Some(later) = drive.text("self_test_later_pass") {
            tests.insert(0, Test { code: 0, extended: later == "extended", age: 1 });
        }
        tests.truncate(21);
    }
    tests
}

/// Failures, and how many of them a newer extended test that passed has made void. Those left
/// make smartctl's exit bit 7.
pub fn failures(drive: &Drive) -> (u64, u64) {
    let (mut total, mut outdated, mut passed) = (0, 0, false);
    for test in tests(drive) {
        passed |= test.extended && test.code == 0;
        if is_failure(test.code) {
            total += 1;
            outdated += u64::from(passed);
        }
    }
    (total, outdated)
}

pub fn self_tests(drive: &Drive) -> Value {
    let tests = tests(drive);
    let table: Vec<Value> = tests.iter().map(|test| entry(drive, test)).collect();
    if table.is_empty() {
        return json!({"standard": {"revision": 1, "count": 0}});
    }
    let (total, outdated) = failures(drive);
    json!({"standard": {
        "revision": 1, "table": table, "count": table.len(), "error_count_total": total,
        "error_count_outdated": outdated,
    }})
}

fn entry(drive: &Drive, test: &Test) -> Value {
    // In tenths; a test that did not end says how much of it was left.
    let left = match test.code {
        0 => 0,
        15 => 4,
        _ => 9,
    };
    let mut status = Map::new();
    status.insert("value".to_owned(), json!(test.code << 4 | left));
    status.insert("string".to_owned(), json!(outcome(test.code)));
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

/// `ata_smart_data`: the test that runs or ran last, and what the drive can do.
pub fn smart_data(drive: &Drive) -> Value {
    let last = drive.number("self_test_result").filter(|_| drive.text("self_test_later_pass").is_none()).unwrap_or(0);
    let status = match drive.number("self_test_remaining_percent") {
        Some(left) if left > 0 => {
            let tenths = left.div_ceil(10).min(9);
            json!({"value": 0xf0 | tenths, "string": format!("in progress, {}% remaining", tenths * 10), "remaining_percent": tenths * 10})
        }
        _ => match last {
            1 => json!({"value": 0x19, "string": "was aborted by the host"}),
            2 => json!({"value": 0x29, "string": "was interrupted by the host with a reset"}),
            3 => {
                json!({"value": 0x39, "string": "could not complete due to a fatal or unknown error", "passed": false})
            }
            4 => json!({"value": 0x49, "string": "completed with error (unknown test element)", "passed": false}),
            5 => json!({"value": 0x59, "string": "completed with error (electrical test element)", "passed": false}),
            6 => json!({"value": 0x69, "string": "completed with error (servo/seek test element)", "passed": false}),
            7 => json!({"value": 0x79, "string": "completed with error (read test element)", "passed": false}),
            8 => json!({"value": 0x89, "string": "completed with error (handling damage?)", "passed": false}),
            _ => json!({"value": 0, "string": "completed without error", "passed": true}),
        },
    };
    json!({
        "offline_data_collection": {"status": {"value": 130, "string": "was completed without error", "passed": true}, "completion_seconds": 567},
        "self_test": {"status": status, "polling_minutes": {"short": 1, "extended": 1440, "conveyance": 2}},
        "capabilities": {
            "values": [123, 3], "exec_offline_immediate_supported": true, "offline_is_aborted_upon_new_cmd": false,
            "offline_surface_scan_supported": true, "self_tests_supported": true, "conveyance_self_test_supported": true,
            "selective_self_test_supported": true, "attribute_autosave_enabled": true, "error_logging_supported": true,
            "gp_logging_supported": true,
        },
    })
}

/// The summary error log: five entries at most, newest first.
pub fn errors(drive: &Drive) -> Value {
    let count = drive.number("ata_error_count").unwrap_or(0);
    if count == 0 {
        return json!({"summary": {"revision": 1, "count": 0}});
    }
    let table: Vec<Value> = (0..count.min(5))
        .map(|n| {
            let lba = drive.made_up("error lba", 1 << 28) + n * 8;
            let registers = json!({"error": 64, "status": 81, "count": 0, "lba": lba & 0xff_ffff, "device": lba >> 24});
            let command = json!({
                "registers": {"command": 96, "features": 8, "count": 0, "lba": lba & 0xff_ffff, "device": 64, "device_control": 0},
                "powerup_milliseconds": 4_000_000 - n, "command_name": "READ FPDMA QUEUED",
            });
            json!({
                "error_number": count - n, "lifetime_hours": drive.hours().saturating_sub(30 + n) % 65_536,
                "completion_registers": registers,
                "error_description": format!("Error: UNC at LBA = 0x{lba:08x} = {lba}"),
                "previous_commands": [command],
            })
        })
        .collect();
    json!({"summary": {"revision": 1, "count": count, "logged_count": table.len(), "table": table}})
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
    fn only_a_newer_extended_pass_makes_a_failure_void() {
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
