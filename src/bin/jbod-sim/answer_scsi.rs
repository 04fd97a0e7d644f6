//! What smartctl says of a SAS drive, and of a SATA drive whose HBA passes no ATA commands. As the
//! newest release has it: `dialect` takes away what an older one does not tell.

use crate::drive::{Drive, Kind};
use crate::scsi_logs;
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
    scsi_logs::counters(drive, &mut body);
    scsi_logs::self_tests(drive, &mut body);
    // Never in the JSON: smartctl has it for readers of its text only.
    let text = drive.number("non_medium_errors").map(|n| format!("Non-medium error count: {n:8}"));
    let status = if failed { FAILING } else { 0 } | scsi_logs::self_test_status(drive);
    Answer { body, status, text: text.into_iter().collect(), ..Answer::default() }
}

fn identity(drive: &Drive) -> Map<String, Value> {
    let model = drive.told_model();
    let ssd = drive.kind == Kind::Ssd;
    let mut body = object(json!({
        "scsi_vendor": drive.vendor,
        "scsi_product": model,
        "scsi_model_name": format!("{} {model}", drive.vendor),
        "model_name": format!("{} {model}", drive.vendor),
        "scsi_revision": drive.firmware,
        "scsi_version": "SPC-5",
        "user_capacity": {"blocks": drive.bytes / 512, "bytes": drive.bytes},
        "logical_block_size": drive.number("sector_bytes").unwrap_or(512),
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

/// What an additional sense code of the informational exceptions page says.
fn exception(asc: u64, ascq: u64) -> String {
    let what = match ascq >> 4 {
        1 => "HARDWARE IMPENDING FAILURE",
        2 => "CONTROLLER IMPENDING FAILURE",
        3 => "DATA CHANNEL IMPENDING FAILURE",
        4 => "SERVO IMPENDING FAILURE",
        5 => "SPINDLE IMPENDING FAILURE",
        6 => "FIRMWARE IMPENDING FAILURE",
        _ => "",
    };
    let why = match ascq & 15 {
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
        (0x5d, 0x10..=0x6f) => format!("{what} {why}"),
        _ => format!("FAILURE PREDICTION THRESHOLD EXCEEDED: ascq=0x{ascq:x}"),
    }
}

fn health(drive: &Drive, failed: bool, body: &mut Map<String, Value>) {
    let status = if failed {
        let (asc, ascq) = (drive.number("asc").unwrap_or(0x5d), drive.number("ascq").unwrap_or(0x10));
        json!({"passed": false, "scsi": {"asc": asc, "ascq": ascq, "ie_string": exception(asc, ascq)}})
    } else {
        json!({"passed": true})
    };
    // Informational exceptions that are switched off do not change the status (scsiprint.cpp `scsiGetSmartData`).
    body.insert("smart_support".to_owned(), json!({"available": true, "enabled": !drive.flag("smart_off")}));
    body.insert("temperature_warning".to_owned(), json!({"enabled": true}));
    body.insert("smart_status".to_owned(), status);
    let trip = drive.number("drive_trip").unwrap_or(if drive.kind == Kind::Ssd { 70 } else { 60 });
    // 255 is the drive's word for "not available", and is left out.
    let celsius = Some(drive.told_temperature()).filter(|c| *c != 255).map(|c| ("current", json!(c)));
    let trip = Some(trip).filter(|t| *t != 255).map(|t| ("drive_trip", json!(t)));
    let temperature: Map<String, Value> = celsius.into_iter().chain(trip).map(|(k, v)| (k.to_owned(), v)).collect();
    if !temperature.is_empty() {
        body.insert("temperature".to_owned(), Value::Object(temperature));
    }
    if !drive.flag("no_hours") {
        let minutes = drive.made_up("minutes", 60);
        body.insert("power_on_time".to_owned(), json!({"hours": drive.hours(), "minutes": minutes}));
    }
    if drive.kind == Kind::Ssd {
        let used = drive.number("percentage_used").unwrap_or_else(|| drive.made_up("used", 20));
        body.insert("scsi_percentage_used_endurance_indicator".to_owned(), json!(used));
        body.insert("endurance_used".to_owned(), json!({"current_percent": used}));
    }
}

/// A SATA drive seen only through SCSI translation: INQUIRY data and size, no serial, no SMART.
pub fn translated(drive: &Drive) -> Answer {
    let model: String = drive.told_model().chars().take(16).collect();
    // A bridge passes the maker on instead of the transport's "ATA".
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
    use crate::products::sample;

    fn with(pairs: &[(&str, Value)]) -> Answer {
        let mut drive = sample(Kind::Sas);
        drive.state = pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        answer(&drive)
    }

    fn at(answer: &Answer, path: &str) -> Option<Value> {
        Value::Object(answer.body.clone()).pointer(path).cloned()
    }

    #[test]
    fn a_failing_drive_says_so_twice() {
        assert_eq!(with(&[]).status, 0);
        let said = with(&[("failed", json!(true)), ("ascq", json!(0x64))]);
        assert_eq!(said.status, FAILING);
        assert_eq!(at(&said, "/smart_status/passed"), Some(json!(false)));
        let why = at(&said, "/smart_status/scsi/ie_string");
        assert_eq!(why, Some(json!("FIRMWARE IMPENDING FAILURE TOO MANY BLOCK REASSIGNS")));
    }

    #[test]
    fn failed_self_tests_have_their_bits() {
        for (code, status) in [(1, 0), (2, 0), (3, 4), (4, 128), (7, 128)] {
            let said = with(&[("self_test_result", json!(code))]);
            assert_eq!((said.status, at(&said, "/scsi_self_test_0/result/value")), (status, Some(json!(code))));
        }
        let running = with(&[("self_test_remaining_percent", json!(30)), ("self_test_result", json!(5))]);
        assert_eq!(at(&running, "/scsi_self_test_0/self_test_in_progress"), Some(json!(true)));
        assert_eq!(at(&running, "/scsi_self_test_1/result/value"), Some(json!(5)));
        assert_eq!(at(&running, "/scsi_self_test_status/completion_percent"), Some(json!(70)));
    }

    #[test]
    fn pending_defects_are_listed_from_one() {
        let said = with(&[("pending", json!(2))]);
        assert_eq!(at(&said, "/scsi_pending_defects/count"), Some(json!(2)));
        assert_eq!(at(&said, "/scsi_pending_defects/table/0"), Some(Value::Null));
        assert!(at(&said, "/scsi_pending_defects/table/2/lba").is_some());
    }
}
