//! What smartctl says of an `NVMe` drive.

use crate::answer_scsi::object;
use crate::drive::Drive;
use crate::smartctl::Answer;
use serde_json::json;

/// The failing bit of smartctl's exit status.
const FAILING: u8 = 8;
const COMMAND_FAILED: u8 = 2;

pub fn answer(drive: &Drive) -> Answer {
    let blocks = drive.bytes / 512;
    let size = json!({"blocks": blocks, "bytes": drive.bytes});
    let number = drive.wwn.as_deref().and_then(|w| u64::from_str_radix(w, 16).ok()).unwrap_or(0);
    let mut body = object(json!({
        "model_name": drive.told_model(),
        "serial_number": drive.told_serial(),
        "firmware_version": drive.firmware,
        "nvme_pci_vendor": {"id": 5197, "subsystem_id": 5197},
        "nvme_ieee_oui_identifier": 9528,
        "nvme_total_capacity": drive.bytes,
        "nvme_unallocated_capacity": 0,
        "nvme_controller_id": 6,
        "nvme_version": {"string": "1.4", "value": 66_560},
        "nvme_number_of_namespaces": 32,
        "nvme_namespaces": [{
            "id": 1, "size": size, "capacity": size, "utilization": size, "formatted_lba_size": 512,
            "eui64": {"oui": number >> 40, "ext_id": number & 0xff_ffff_ffff},
        }],
        "user_capacity": size,
        "logical_block_size": 512,
        "smart_support": {"available": true, "enabled": true},
    }));
    if drive.flag("not_ready") {
        return Answer { body, status: COMMAND_FAILED, ..Answer::default() };
    }
    let state = |key: &str, default: u64| drive.number(key).unwrap_or(default);
    let warning = state("critical_warning", if drive.flag("failed") { 4 } else { 0 });
    let (celsius, hours) = (drive.temperature(), drive.hours());
    let cycles = 10 + drive.made_up("cycles", 60);
    let log = json!({
        "critical_warning": warning,
        "temperature": celsius,
        "available_spare": state("available_spare", 100),
        "available_spare_threshold": 10,
        "percentage_used": state("percentage_used", drive.made_up("used", 12)),
        "data_units_read": hours * 900 + drive.made_up("read", 100_000),
        "data_units_written": hours * 1_400 + drive.made_up("written", 100_000),
        "host_reads": hours * 20_000,
        "host_writes": hours * 35_000,
        "controller_busy_time": hours / 10,
        "power_cycles": cycles,
        "power_on_hours": hours,
        "unsafe_shutdowns": cycles / 3,
        "media_errors": state("media_errors", 0),
        "num_err_log_entries": 0,
        "warning_temp_time": 0,
        "critical_comp_time": 0,
        "temperature_sensors": [celsius, celsius + 6],
    });
    let running = drive.number("self_test_remaining_percent").filter(|p| *p > 0);
    let operation = match running {
        Some(_) => json!({"value": 1, "string": "Short self-test in progress"}),
        None => json!({"value": 0, "string": "No self-test in progress"}),
    };
    let mut tests = object(json!({"nsid": -1, "current_self_test_operation": operation}));
    tests.extend(running.map(|p| ("current_self_test_completion_percent".to_owned(), json!(100u64.saturating_sub(p)))));
    let more = object(json!({
        "smart_status": {"passed": warning == 0, "nvme": {"value": warning}},
        "nvme_smart_health_information_log": log,
        "temperature": {"current": celsius},
        "power_cycle_count": cycles,
        "power_on_time": {"hours": hours},
        "nvme_error_information_log": {"size": 64, "read": 16, "unread": 0},
        "nvme_self_test_log": tests,
    }));
    body.extend(more);
    Answer { body, status: if warning == 0 { 0 } else { FAILING }, ..Answer::default() }
}
