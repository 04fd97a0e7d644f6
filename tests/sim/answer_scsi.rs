//! What smartctl says of a SAS drive, and of a SATA drive whose HBA passes no ATA commands.

use crate::drive::{Drive, Kind};
use crate::smartctl::Answer;
use serde_json::{Map, Value, json};

/// The failing bit of smartctl's exit status.
const FAILING: u8 = 8;
const COMMAND_FAILED: u8 = 2;

pub fn answer(drive: &Drive) -> Answer {
    let mut body = identity(drive);
    if drive.flag("not_ready") {
        return Answer { body, status: COMMAND_FAILED, ..Answer::default() };
    }
    let failed = drive.flag("failed");
    health(drive, failed, &mut body);
    counters(drive, &mut body);
    self_tests(drive, &mut body);
    Answer { body, status: if failed { FAILING } else { 0 }, ..Answer::default() }
}

fn identity(drive: &Drive) -> Map<String, Value> {
    let model = drive.told_model();
    let ssd = drive.kind == Kind::Ssd;
    let mut body = object(json!({
        "scsi_vendor": drive.vendor,
        "scsi_product": model,
        "scsi_model_name": format!("{} {model}", drive.vendor),
        "scsi_revision": drive.firmware,
        "scsi_version": "SPC-5",
        "user_capacity": {"blocks": drive.bytes / 512, "bytes": drive.bytes},
        "logical_block_size": 512,
        "physical_block_size": 4096,
        "rotation_rate": drive.rotation,
        "form_factor": if ssd { json!({"scsi_value": 3, "name": "2.5 inches"}) } else { json!({"scsi_value": 2, "name": "3.5 inches"}) },
        "serial_number": drive.told_serial(),
        "device_type": {"scsi_terminology": "Peripheral Device Type [PDT]", "scsi_value": 0, "name": "disk"},
        "scsi_transport_protocol": {"name": "SAS (SPL-4)", "value": 6},
    }));
    if let Some(wwn) = &drive.wwn {
        body.insert("logical_unit_id".to_owned(), json!(format!("0x{wwn}")));
    }
    if ssd {
        body.insert(
            "scsi_lb_provisioning".to_owned(),
            json!({"name": "resource provisioned", "value": 1, "management_enabled": {"name": "LBPME", "value": 1}, "read_zeros": {"name": "LBPRZ", "value": 1}}),
        );
    }
    body
}

fn health(drive: &Drive, failed: bool, body: &mut Map<String, Value>) {
    let status = if failed {
        let text = "HARDWARE IMPENDING FAILURE GENERAL HARD DRIVE FAILURE";
        json!({"passed": false, "scsi": {"asc": 0x5d, "ascq": 0x10, "ie_string": text}})
    } else {
        json!({"passed": true})
    };
    body.insert("smart_support".to_owned(), json!({"available": true, "enabled": true}));
    body.insert("temperature_warning".to_owned(), json!({"enabled": true}));
    body.insert("smart_status".to_owned(), status);
    let trip = if drive.kind == Kind::Ssd { 70 } else { 60 };
    body.insert("temperature".to_owned(), json!({"current": drive.temperature(), "drive_trip": trip}));
    body.insert("power_on_time".to_owned(), json!({"hours": drive.hours(), "minutes": drive.made_up("minutes", 60)}));
    if drive.kind == Kind::Ssd {
        let used = drive.number("percentage_used").unwrap_or_else(|| drive.made_up("used", 20));
        body.insert("scsi_percentage_used_endurance_indicator".to_owned(), json!(used));
    }
}

fn counters(drive: &Drive, body: &mut Map<String, Value>) {
    body.insert(
        "scsi_start_stop_cycle_counter".to_owned(),
        json!({
            "year_of_manufacture": (2019 + drive.made_up("year", 5)).to_string(),
            "week_of_manufacture": format!("{:02}", 1 + drive.made_up("week", 52)),
            "specified_cycle_count_over_device_lifetime": 50_000,
            "accumulated_start_stop_cycles": 20 + drive.made_up("starts", 90),
            "specified_load_unload_count_over_device_lifetime": 600_000,
            "accumulated_load_unload_cycles": 500 + drive.made_up("loads", 4_000),
        }),
    );
    body.insert("scsi_grown_defect_list".to_owned(), json!(drive.number("grown_defects").unwrap_or(0)));
    body.insert("scsi_pending_defects".to_owned(), json!({"count": drive.number("pending").unwrap_or(0)}));
    let row = |what: &str, corrected: u64, gigabytes: u64| {
        let delayed = corrected / 400;
        json!({
            "errors_corrected_by_eccfast": corrected,
            "errors_corrected_by_eccdelayed": delayed,
            "errors_corrected_by_rereads_rewrites": 0,
            "total_errors_corrected": corrected + delayed,
            "correction_algorithm_invocations": corrected + delayed,
            "gigabytes_processed": format!("{gigabytes}.{:03}", drive.made_up(what, 1000)),
            "total_uncorrected_errors": drive.number(&format!("uncorrected_{what}")).unwrap_or(0),
        })
    };
    let log = json!({
        "read": row("read", drive.made_up("eccfast", 3_000), 60_000 + drive.made_up("gigabytes read", 300_000)),
        "write": row("write", 0, 20_000 + drive.made_up("gigabytes written", 100_000)),
        "verify": row("verify", 0, 1_000 + drive.made_up("gigabytes verified", 5_000)),
    });
    body.insert("scsi_error_counter_log".to_owned(), log);
}

fn self_tests(drive: &Drive, body: &mut Map<String, Value>) {
    let running = drive.number("self_test_remaining_percent").is_some_and(|p| p > 0);
    let hours = drive.hours();
    let entries = 20u64.min(hours / 168);
    for n in 0..entries {
        let long = n % 4 == 1;
        let (code, name) = if long { (2, "Background long") } else { (1, "Background short") };
        let result = if running && n == 0 {
            json!({"value": 15, "string": "Self test in progress ..."})
        } else {
            json!({"value": 0, "string": "Completed"})
        };
        let mut entry = object(json!({"code": {"value": code, "string": name}, "result": result}));
        if !(running && n == 0) {
            let at = hours.saturating_sub(168 * n + 5);
            entry.insert("power_on_time".to_owned(), json!({"hours": at, "aka": "accumulated_power_on_hours"}));
        }
        body.insert(format!("scsi_self_test_{n}"), Value::Object(entry));
    }
    body.insert(
        "scsi_extended_self_test_seconds".to_owned(),
        json!(if drive.kind == Kind::Ssd { 3_600 } else { 93_300 }),
    );
}

/// A SATA drive seen only through SCSI translation: INQUIRY data and size, no serial, no SMART.
pub fn translated(drive: &Drive) -> Answer {
    let model: String = drive.told_model().chars().take(16).collect();
    let body = object(json!({
        "scsi_vendor": "ATA",
        "scsi_product": model,
        "scsi_model_name": format!("ATA {model}"),
        "scsi_revision": drive.firmware.chars().take(4).collect::<String>(),
        "scsi_version": "SPC-3",
        "user_capacity": {"blocks": drive.bytes / 512, "bytes": drive.bytes},
        "logical_block_size": 512,
        "physical_block_size": 4096,
        "rotation_rate": drive.rotation,
        "device_type": {"scsi_terminology": "Peripheral Device Type [PDT]", "scsi_value": 0, "name": "disk"},
        "smart_support": {"available": false},
        "temperature": {"current": 0},
    }));
    Answer { body, ..Answer::default() }
}

/// The map inside a `json!` object.
pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::sample;

    #[test]
    fn a_failing_drive_says_so_twice() {
        let mut drive = sample(Kind::Sas);
        assert_eq!(answer(&drive).status, 0);
        drive.state.insert("failed".to_owned(), json!(true));
        let said = answer(&drive);
        assert_eq!(said.status, FAILING);
        assert_eq!(said.body.get("smart_status").and_then(|s| s.get("passed")), Some(&json!(false)));
    }
}
