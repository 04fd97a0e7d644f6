//! What smartctl reports about a SAS drive, and about a SATA drive whose HBA passes on no ATA commands. As in the
//! newest release: `older_releases` removes what others do not report.

use crate::drive::{Drive, Kind};
use crate::output::{SmartctlOutput, object};
use crate::scsi_logs;
use serde_json::{Map, Value, json};

/// Bits of the exit status (smartctl(8), EXIT STATUS).
const FAILING: u8 = 8;
const COMMAND_FAILED: u8 = 2;

pub fn output(drive: &Drive) -> SmartctlOutput {
    let mut body = identity(drive);
    if drive.flag("not_ready") {
        return SmartctlOutput { body, exit_status: COMMAND_FAILED, ..SmartctlOutput::default() };
    }
    body.extend(health(drive));
    body.extend(scsi_logs::counters(drive));
    body.extend(scsi_logs::self_tests(drive));
    let mut text = Vec::new();
    if let Some(count) = drive.number("non_medium_errors") {
        // smartctl has no JSON field for this.
        text.push(format!("Non-medium error count: {count:8}"));
    }
    let failing = if drive.flag("failed") { FAILING } else { 0 };
    SmartctlOutput { body, exit_status: failing | scsi_logs::self_test_bits(drive), text, ..SmartctlOutput::default() }
}

fn identity(drive: &Drive) -> Map<String, Value> {
    let model = drive.reported_model();
    let is_ssd = drive.kind == Kind::Ssd;
    let (form_value, form_name) = if is_ssd { (3, "2.5 inches") } else { (2, "3.5 inches") };
    let mut body = object(json!({
        "scsi_vendor": drive.vendor,
        "scsi_product": model,
        "scsi_model_name": format!("{} {model}", drive.vendor),
        "model_name": format!("{} {model}", drive.vendor),
        "scsi_revision": drive.firmware,
        "scsi_version": "SPC-5",
        "user_capacity": {"blocks": drive.bytes / 512, "bytes": drive.bytes},
        "logical_block_size": drive.number_or("sector_bytes", 512),
        "physical_block_size": 4096,
        "rotation_rate": drive.rotation,
        "form_factor": {"scsi_value": form_value, "name": form_name},
        "serial_number": drive.reported_serial(),
        "device_type": {"scsi_terminology": "Peripheral Device Type [PDT]", "scsi_value": 0, "name": "disk"},
        "scsi_transport_protocol": {"name": "SAS (SPL-4)", "value": 6},
    }));
    if let Some(wwn) = &drive.wwn {
        body.insert("logical_unit_id".to_owned(), json!(format!("0x{wwn}")));
    }
    if is_ssd {
        let provisioning = json!({
            "name": "resource provisioned", "value": 1, "management_enabled": {"name": "LBPME", "value": 1},
            "read_zeros": {"name": "LBPRZ", "value": 1},
        });
        body.insert("scsi_lb_provisioning".to_owned(), provisioning);
    }
    body
}

/// The text for the additional sense code of the Informational Exceptions log page.
fn exception(asc: u64, ascq: u64) -> String {
    let subject = match ascq >> 4 {
        1 => "HARDWARE IMPENDING FAILURE",
        2 => "CONTROLLER IMPENDING FAILURE",
        3 => "DATA CHANNEL IMPENDING FAILURE",
        4 => "SERVO IMPENDING FAILURE",
        5 => "SPINDLE IMPENDING FAILURE",
        6 => "FIRMWARE IMPENDING FAILURE",
        _ => "",
    };
    let reason = match ascq & 15 {
        0 => "GENERAL HARD DRIVE FAILURE",
        1 => "DRIVE ERROR RATE TOO HIGH",
        2 => "DATA ERROR RATE TOO HIGH",
        3 => "SEEK ERROR RATE TOO HIGH",
        4 => "TOO MANY BLOCK REASSIGNS",
        _ => "ACCESS TIMES TOO HIGH",
    };
    match (asc, ascq) {
        (0x0b, 0x01) => "WARNING: SPECIFIED TEMPERATURE EXCEEDED".to_owned(),
        (0x0b, 0x02) => "WARNING: ENCLOSURE DEGRADED".to_owned(),
        (0x0b, _) => format!("WARNING: ascq=0x{ascq:x}"),
        (0x5d, 0x00) => "FAILURE PREDICTION THRESHOLD EXCEEDED".to_owned(),
        (0x5d, 0x73) => "MEDIA ENDURANCE LIMIT EXCEEDED".to_owned(),
        (0x5d, 0x10..=0x6f) => format!("{subject} {reason}"),
        _ => format!("FAILURE PREDICTION THRESHOLD EXCEEDED: ascq=0x{ascq:x}"),
    }
}

fn health(drive: &Drive) -> Map<String, Value> {
    let status = if drive.flag("failed") {
        let (asc, ascq) = (drive.number_or("asc", 0x5d), drive.number_or("ascq", 0x10));
        json!({"passed": false, "scsi": {"asc": asc, "ascq": ascq, "ie_string": exception(asc, ascq)}})
    } else {
        json!({"passed": true})
    };
    // Informational exceptions that are disabled do not change the status (scsiprint.cpp, `scsiGetSmartData`).
    let mut body = object(json!({
        "smart_support": {"available": true, "enabled": !drive.flag("smart_off")},
        "temperature_warning": {"enabled": true},
        "smart_status": status,
    }));
    let celsius = drive.reported_temperature();
    let trip = drive.number_or("drive_trip", if drive.kind == Kind::Ssd { 70 } else { 60 });
    // smartctl leaves out 255, which means "not available" (SPC, Temperature log page).
    let mut temperature = Map::new();
    if celsius != 255 {
        temperature.insert("current".to_owned(), json!(celsius));
    }
    if trip != 255 {
        temperature.insert("drive_trip".to_owned(), json!(trip));
    }
    if !temperature.is_empty() {
        body.insert("temperature".to_owned(), Value::Object(temperature));
    }
    if !drive.flag("no_hours") {
        let minutes = drive.made_up("minutes", 60);
        body.insert("power_on_time".to_owned(), json!({"hours": drive.hours(), "minutes": minutes}));
    }
    if drive.kind == Kind::Ssd {
        let used = drive.number_or("percentage_used", drive.made_up("used", 20));
        body.insert("scsi_percentage_used_endurance_indicator".to_owned(), json!(used));
        body.insert("endurance_used".to_owned(), json!({"current_percent": used}));
    }
    body
}

/// A SATA drive through a translation that has INQUIRY data and size, but no serial number and no SMART.
pub fn translated(drive: &Drive) -> SmartctlOutput {
    let model: String = drive.reported_model().chars().take(16).collect();
    // The vendor is "ATA" by SAT. USB bridges have their own.
    let vendor = if drive.usb.is_some() { drive.vendor.as_str() } else { "ATA" };
    let body = object(json!({
        "scsi_vendor": vendor,
        "scsi_product": model,
        "scsi_model_name": format!("{vendor} {model}"),
        "model_name": format!("{vendor} {model}"),
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
    SmartctlOutput { body, ..SmartctlOutput::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::products::sample;

    fn with(pairs: &[(&str, Value)]) -> SmartctlOutput {
        let mut drive = sample(Kind::Sas);
        drive.state = pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        output(&drive)
    }

    fn at(output: &SmartctlOutput, path: &str) -> Option<Value> {
        Value::Object(output.body.clone()).pointer(path).cloned()
    }

    #[test]
    fn a_failing_drive_has_status_and_exit_bit() {
        assert_eq!(with(&[]).exit_status, 0);
        let output = with(&[("failed", json!(true)), ("ascq", json!(0x64))]);
        assert_eq!(output.exit_status, FAILING);
        assert_eq!(at(&output, "/smart_status/passed"), Some(json!(false)));
        let text = at(&output, "/smart_status/scsi/ie_string");
        assert_eq!(text, Some(json!("FIRMWARE IMPENDING FAILURE TOO MANY BLOCK REASSIGNS")));
    }

    #[test]
    fn failed_self_tests_set_bits() {
        for (code, status) in [(1, 0), (2, 0), (3, 4), (4, 128), (7, 128)] {
            let output = with(&[("self_test_result", json!(code))]);
            assert_eq!(
                (output.exit_status, at(&output, "/scsi_self_test_0/result/value")),
                (status, Some(json!(code)))
            );
        }
        let running = with(&[("self_test_remaining_percent", json!(30)), ("self_test_result", json!(5))]);
        assert_eq!(at(&running, "/scsi_self_test_0/self_test_in_progress"), Some(json!(true)));
        assert_eq!(at(&running, "/scsi_self_test_1/result/value"), Some(json!(5)));
        assert_eq!(at(&running, "/scsi_self_test_status/completion_percent"), Some(json!(70)));
    }

    #[test]
    fn pending_defects_are_listed_from_one() {
        let output = with(&[("pending", json!(2))]);
        assert_eq!(at(&output, "/scsi_pending_defects/count"), Some(json!(2)));
        assert_eq!(at(&output, "/scsi_pending_defects/table/0"), Some(Value::Null));
        assert!(at(&output, "/scsi_pending_defects/table/2/lba").is_some());
    }
}
