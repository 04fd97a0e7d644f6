//! What smartctl reports about an `NVMe` drive. As in the newest release: `older_releases` removes what others do not
//! report.

use crate::drive::Drive;
use crate::output::{SmartctlOutput, object};
use crate::self_tests::{self, SelfTestEntry};
use serde_json::{Map, Value, json};

/// Bits of the exit status (smartctl(8), EXIT STATUS).
const FAILING: u8 = 8;
const COMMAND_FAILED: u8 = 2;

/// Bits of `critical_warning`, from the lowest.
const WARNINGS: [&str; 6] = [
    "spare_below_threshold",
    "temperature_above_or_below_threshold",
    "reliability_degraded",
    "media_read_only",
    "volatile_memory_backup_failed",
    "persistent_memory_region_unreliable",
];

/// The text for a self-test result.
fn result_text(code: u64) -> String {
    match code {
        0 => "Completed without error".to_owned(),
        1 => "Aborted: Self-test command".to_owned(),
        2 => "Aborted: Controller Reset".to_owned(),
        3 => "Aborted: Namespace removed".to_owned(),
        4 => "Aborted: Format NVM command".to_owned(),
        5 => "Fatal or unknown test error".to_owned(),
        6 => "Completed: unknown failed segment".to_owned(),
        7 => "Completed: failed segments".to_owned(),
        8 => "Aborted: unknown reason".to_owned(),
        9 => "Aborted: sanitize operation".to_owned(),
        other => format!("Unknown result (0x{other:x})"),
    }
}

/// The number in a node such as `nvme0n2`; `None` for a controller.
fn namespace_of(node: &str) -> Option<u64> {
    let (_, id) = node.strip_prefix("nvme")?.split_once('n')?;
    id.parse().ok()
}

/// With several namespaces smartctl reports only one that is given as the node.
pub fn output(drive: &Drive, node: &str) -> SmartctlOutput {
    let count = drive.number_or("namespaces", 1);
    let size = json!({"blocks": drive.bytes / 512 / count, "bytes": drive.bytes / count});
    let eui64 = drive.wwn_number().unwrap_or(0);
    let namespace = match namespace_of(node) {
        Some(id) if (1..=count).contains(&id) => Some(id),
        _ if count == 1 => Some(1),
        _ => None,
    };
    let mut body = object(json!({
        "model_name": drive.reported_model(),
        "serial_number": drive.reported_serial(),
        "firmware_version": drive.firmware,
        "nvme_pci_vendor": {"id": 5197, "subsystem_id": 5197},
        "nvme_ieee_oui_identifier": 9528,
        "nvme_total_capacity": drive.bytes,
        "nvme_unallocated_capacity": 0,
        "nvme_controller_id": 6,
        "nvme_version": {"string": "1.4", "value": 66_560},
        "nvme_number_of_namespaces": count,
        "smart_support": {"available": true, "enabled": true},
    }));
    if let Some(id) = namespace {
        body.extend(object(json!({
            "nvme_namespaces": [{
                "id": id, "size": size, "capacity": size, "utilization": size, "formatted_lba_size": 512,
                "eui64": {"oui": eui64 >> 40, "ext_id": (eui64 & 0xff_ffff_ffff) + id - 1},
            }],
            "user_capacity": size,
            "logical_block_size": 512,
        })));
    }
    if drive.flag("not_ready") {
        return SmartctlOutput { body, exit_status: COMMAND_FAILED, ..SmartctlOutput::default() };
    }
    let warning = drive.number_or("critical_warning", if drive.flag("failed") { 4 } else { 0 });
    body.extend(health(drive, warning));
    body.insert("nvme_self_test_log".to_owned(), self_test_log(drive));
    SmartctlOutput { body, exit_status: if warning == 0 { 0 } else { FAILING }, ..SmartctlOutput::default() }
}

/// `smart_status.nvme`.
fn warning_bits(warning: u64) -> Map<String, Value> {
    let mut bits = object(json!({"value": warning}));
    if warning != 0 {
        for (bit, name) in WARNINGS.iter().enumerate() {
            bits.insert((*name).to_owned(), json!(warning >> bit & 1 == 1));
        }
        bits.insert("other".to_owned(), json!(warning & !0x3f));
    }
    bits
}

/// SMART status, health log, and the fields that smartctl derives from them.
fn health(drive: &Drive, warning: u64) -> Map<String, Value> {
    let (celsius, hours) = (drive.reported_temperature(), drive.hours());
    let cycles = 10 + drive.made_up("cycles", 60);
    let spare = drive.number_or("available_spare", 100);
    let threshold = drive.number_or("available_spare_threshold", 10);
    let used = drive.number_or("percentage_used", drive.made_up("used", 12));
    let errors = drive.number_or("num_err_log_entries", 0);
    let log = json!({
        "nsid": -1,
        "critical_warning": warning,
        "temperature": celsius,
        "available_spare": spare,
        "available_spare_threshold": threshold,
        "percentage_used": used,
        "data_units_read": hours * 900 + drive.made_up("read", 100_000),
        "data_units_written": hours * 1_400 + drive.made_up("written", 100_000),
        "host_reads": hours * 20_000,
        "host_writes": hours * 35_000,
        "controller_busy_time": hours / 10,
        "power_cycles": cycles,
        "power_on_hours": hours,
        "unsafe_shutdowns": cycles / 3,
        "media_errors": drive.number_or("media_errors", 0),
        "num_err_log_entries": errors,
        "warning_temp_time": drive.number_or("warning_temp_time", 0),
        "critical_comp_time": drive.number_or("critical_comp_time", 0),
        "temperature_sensors": [celsius, celsius + 6],
    });
    let mut temperature = object(json!({"current": celsius}));
    let mut thresholds = Map::new();
    let (warm, hot) = (drive.number_or("warning_limit", 70), drive.number_or("critical_limit", 80));
    // smartctl leaves out a limit of 0, which means that the controller reports none.
    for (limit, name, short) in [(warm, "op_limit_max", "warning"), (hot, "critical_limit_max", "critical")] {
        if limit > 0 {
            temperature.insert(name.to_owned(), json!(limit));
            thresholds.insert(short.to_owned(), json!(limit));
        }
    }
    let mut health = object(json!({
        "smart_status": {"passed": warning == 0, "nvme": warning_bits(warning)},
        "nvme_smart_health_information_log": log,
        "temperature": temperature,
        "spare_available": {"current_percent": spare, "threshold_percent": threshold},
        "endurance_used": {"current_percent": used},
        "power_cycle_count": cycles,
        "power_on_time": {"hours": hours},
        "nvme_error_information_log": error_log(errors),
    }));
    if !thresholds.is_empty() {
        health.insert("nvme_composite_temperature_threshold".to_owned(), Value::Object(thresholds));
    }
    health
}

fn error_log(count: u64) -> Value {
    let mut log = object(json!({"size": 64, "read": 16, "unread": if count > 16 { 48 } else { 0 }}));
    if count > 0 {
        let table: Vec<Value> = (0..count.min(16)).map(|age| logged_error(count - age)).collect();
        log.insert("table".to_owned(), json!(table));
    }
    Value::Object(log)
}

/// An entry for a command that the controller does not implement, which is not a media error.
fn logged_error(number: u64) -> Value {
    json!({
        "error_count": number, "submission_queue_id": 0, "command_id": 20_495,
        "status_field": {
            "value": 8194, "do_not_retry": false, "status_code_type": 0, "status_code": 2,
            "string": "Invalid Field in Command",
        },
        "phase_tag": false, "parm_error_location": 40, "lba": {"value": 0}, "nsid": 0,
    })
}

fn self_test_log(drive: &Drive) -> Value {
    let mut log = object(json!({"nsid": -1}));
    let operation = match self_tests::remaining_percent(drive) {
        Some(percent) => {
            let completed = 100u64.saturating_sub(percent);
            log.insert("current_self_test_completion_percent".to_owned(), json!(completed));
            json!({"value": 1, "string": "Short self-test in progress"})
        }
        None => json!({"value": 0, "string": "No self-test in progress"}),
    };
    log.insert("current_self_test_operation".to_owned(), operation);
    if drive.number("self_test_result").is_some() {
        let mut tests = self_tests::set_tests(drive);
        tests.push(SelfTestEntry { code: 0, extended: false, age: 171 });
        let table: Vec<Value> = tests.iter().map(|test| self_test(drive, test)).collect();
        log.insert("table".to_owned(), json!(table));
    }
    Value::Object(log)
}

fn self_test(drive: &Drive, test: &SelfTestEntry) -> Value {
    let (kind, name) = if test.extended { (2, "Extended") } else { (1, "Short") };
    let mut entry = object(json!({
        "self_test_code": {"value": kind, "string": name},
        "self_test_result": {"value": test.code, "string": result_text(test.code)},
        "power_on_hours": drive.hours().saturating_sub(test.age),
    }));
    if test.code == 7 {
        entry.insert("segment".to_owned(), json!(2));
        entry.insert("nsid".to_owned(), json!(1));
        entry.insert("lba".to_owned(), json!(drive.made_up("bad lba", drive.bytes / 512)));
    }
    Value::Object(entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::Kind;
    use crate::products::sample;

    #[test]
    fn of_several_namespaces_the_given_one_is_reported() {
        let mut drive = sample(Kind::Nvme);
        assert!(output(&drive, "nvme0").body.contains_key("user_capacity"));
        drive.state.insert("namespaces".to_owned(), json!(2));
        assert!(!output(&drive, "nvme0").body.contains_key("user_capacity"));
        let second = Value::Object(output(&drive, "nvme0n2").body);
        assert_eq!(second.pointer("/nvme_namespaces/0/id"), Some(&json!(2)));
    }

    #[test]
    fn a_critical_warning_names_its_bits() {
        let mut drive = sample(Kind::Nvme);
        drive.state.insert("critical_warning".to_owned(), json!(0x12));
        let output = output(&drive, "nvme0");
        assert_eq!(output.exit_status, FAILING);
        let bits = &output.body["smart_status"]["nvme"];
        assert_eq!(bits["volatile_memory_backup_failed"], json!(true));
        assert_eq!(bits["reliability_degraded"], json!(false));
    }
}
