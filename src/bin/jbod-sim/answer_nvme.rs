//! What smartctl says of an `NVMe` drive, as the newest release has it: `dialect` takes away what
//! an older one does not tell.

use crate::answer_scsi::object;
use crate::drive::Drive;
use crate::smartctl::Answer;
use serde_json::{Value, json};

/// The failing bit of smartctl's exit status.
const FAILING: u8 = 8;
const COMMAND_FAILED: u8 = 2;

/// What smartctl calls a self-test's result.
fn outcome(code: u64) -> String {
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

/// `asked` is the node: of several namespaces only one that was asked for by name is told.
pub fn answer(drive: &Drive, asked: &str) -> Answer {
    let count = drive.number("namespaces").unwrap_or(1);
    let size = json!({"blocks": drive.bytes / 512 / count, "bytes": drive.bytes / count});
    let number = drive.wwn.as_deref().and_then(|w| u64::from_str_radix(w, 16).ok()).unwrap_or(0);
    let named = asked.strip_prefix("nvme").and_then(|rest| rest.split_once('n'));
    let one = named.and_then(|(_, n)| n.parse::<u64>().ok()).filter(|n| (1..=count).contains(n));
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
        "nvme_number_of_namespaces": count,
        "smart_support": {"available": true, "enabled": true},
    }));
    if let Some(id) = one.or((count == 1).then_some(1)) {
        body.extend(object(json!({
            "nvme_namespaces": [{
                "id": id, "size": size, "capacity": size, "utilization": size, "formatted_lba_size": 512,
                "eui64": {"oui": number >> 40, "ext_id": (number & 0xff_ffff_ffff) + id - 1},
            }],
            "user_capacity": size,
            "logical_block_size": 512,
        })));
    }
    if drive.flag("not_ready") {
        return Answer { body, status: COMMAND_FAILED, ..Answer::default() };
    }
    let warning = health(drive, &mut body);
    body.insert("nvme_self_test_log".to_owned(), self_tests(drive));
    Answer { body, status: if warning == 0 { 0 } else { FAILING }, ..Answer::default() }
}

/// Verdict and health log; gives the critical warning.
fn health(drive: &Drive, body: &mut serde_json::Map<String, Value>) -> u64 {
    let state = |key: &str, default: u64| drive.number(key).unwrap_or(default);
    let warning = state("critical_warning", if drive.flag("failed") { 4 } else { 0 });
    let (celsius, hours) = (drive.told_temperature(), drive.hours());
    let cycles = 10 + drive.made_up("cycles", 60);
    let (spare, threshold) = (state("available_spare", 100), state("available_spare_threshold", 10));
    let used = state("percentage_used", drive.made_up("used", 12));
    let errors = state("num_err_log_entries", 0);
    let mut verdict = object(json!({"value": warning}));
    if warning != 0 {
        let bits = [
            "spare_below_threshold",
            "temperature_above_or_below_threshold",
            "reliability_degraded",
            "media_read_only",
            "volatile_memory_backup_failed",
            "persistent_memory_region_unreliable",
        ];
        verdict.extend((0..).zip(bits).map(|(n, name)| (name.to_owned(), json!(warning >> n & 1 == 1))));
        verdict.insert("other".to_owned(), json!(warning & !0x3f));
    }
    let limits = [("warning_limit", 70), ("critical_limit", 80)].map(|(key, or)| state(key, or));
    let [warm, hot] = limits;
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
        "media_errors": state("media_errors", 0),
        "num_err_log_entries": errors,
        "warning_temp_time": state("warning_temp_time", 0),
        "critical_comp_time": state("critical_comp_time", 0),
        "temperature_sensors": [celsius, celsius + 6],
    });
    let mut temperature = object(json!({"current": celsius}));
    let mut thresholds = serde_json::Map::new();
    // A controller without limits says 0, and smartctl nothing.
    for (limit, name, short) in [(warm, "op_limit_max", "warning"), (hot, "critical_limit_max", "critical")] {
        if limit > 0 {
            temperature.insert(name.to_owned(), json!(limit));
            thresholds.insert(short.to_owned(), json!(limit));
        }
    }
    if !thresholds.is_empty() {
        body.insert("nvme_composite_temperature_threshold".to_owned(), Value::Object(thresholds));
    }
    body.extend(object(json!({
        "smart_status": {"passed": warning == 0, "nvme": verdict},
        "nvme_smart_health_information_log": log,
        "temperature": temperature,
        "spare_available": {"current_percent": spare, "threshold_percent": threshold},
        "endurance_used": {"current_percent": used},
        "power_cycle_count": cycles,
        "power_on_time": {"hours": hours},
        "nvme_error_information_log": error_log(errors),
    })));
    warning
}

/// The entries that a controller writes for commands it does not know: no error of the media.
fn error_log(count: u64) -> Value {
    let mut log = object(json!({"size": 64, "read": 16, "unread": if count > 16 { 48 } else { 0 }}));
    let entry = |number: u64| {
        json!({
            "error_count": number, "submission_queue_id": 0, "command_id": 20_495,
            "status_field": {
                "value": 8194, "do_not_retry": false, "status_code_type": 0, "status_code": 2,
                "string": "Invalid Field in Command",
            },
            "phase_tag": false, "parm_error_location": 40, "lba": {"value": 0}, "nsid": 0,
        })
    };
    if count > 0 {
        let table: Vec<Value> = (0..count.min(16)).map(|n| entry(count - n)).collect();
        log.insert("table".to_owned(), json!(table));
    }
    Value::Object(log)
}

fn self_tests(drive: &Drive) -> Value {
    let running = drive.number("self_test_remaining_percent").filter(|p| *p > 0);
    let operation = match running {
        Some(_) => json!({"value": 1, "string": "Short self-test in progress"}),
        None => json!({"value": 0, "string": "No self-test in progress"}),
    };
    let mut log = object(json!({"nsid": -1, "current_self_test_operation": operation}));
    log.extend(running.map(|p| ("current_self_test_completion_percent".to_owned(), json!(100u64.saturating_sub(p)))));
    let Some(code) = drive.number("self_test_result") else { return Value::Object(log) };
    let hours = drive.hours();
    let test = |code: u64, extended: bool, age: u64| {
        let (kind, name) = if extended { (2, "Extended") } else { (1, "Short") };
        let mut entry = object(json!({
            "self_test_code": {"value": kind, "string": name},
            "self_test_result": {"value": code, "string": outcome(code)},
            "power_on_hours": hours.saturating_sub(age),
        }));
        if code == 7 {
            entry.insert("segment".to_owned(), json!(2));
            entry.insert("nsid".to_owned(), json!(1));
            entry.insert("lba".to_owned(), json!(drive.made_up("bad lba", drive.bytes / 512)));
        }
        Value::Object(entry)
    };
    let later = drive.text("self_test_later_pass").map(|l| test(0, l == "extended", 1));
    let this = test(code, drive.text("self_test_type") != Some("short"), 3);
    let table: Vec<Value> = later.into_iter().chain([this, test(0, false, 171)]).collect();
    log.insert("table".to_owned(), json!(table));
    Value::Object(log)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::Kind;
    use crate::products::sample;

    #[test]
    fn several_namespaces_are_told_one_by_one() {
        let mut drive = sample(Kind::Nvme);
        assert!(answer(&drive, "nvme0").body.contains_key("user_capacity"));
        drive.state.insert("namespaces".to_owned(), json!(2));
        assert!(!answer(&drive, "nvme0").body.contains_key("user_capacity"));
        let second = Value::Object(answer(&drive, "nvme0n2").body);
        assert_eq!(second.pointer("/nvme_namespaces/0/id"), Some(&json!(2)));
    }

    #[test]
    fn a_critical_warning_names_its_bits() {
        let mut drive = sample(Kind::Nvme);
        drive.state.insert("critical_warning".to_owned(), json!(0x12));
        let said = answer(&drive, "nvme0");
        assert_eq!(said.status, FAILING);
        let verdict = said.body.get("smart_status").and_then(|s| s.get("nvme")).cloned().unwrap_or_default();
        assert_eq!(verdict.get("volatile_memory_backup_failed"), Some(&json!(true)));
        assert_eq!(verdict.get("reliability_degraded"), Some(&json!(false)));
    }
}
