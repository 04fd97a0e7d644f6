//! What smartctl says of a SATA drive: identity, attributes, logs, and the exit status they make.

use crate::answer_scsi::object;
use crate::ata_attributes::{Attribute, attributes, minutes, wear};
use crate::ata_logs;
use crate::drive::Drive;
use crate::smartctl::Answer;
use serde_json::{Map, Value, json};

/// Bits of smartctl's exit status.
const COMMAND_FAILED: u8 = 2;
const FAILING: u8 = 8;
const ATTRIBUTE_FAILING: u8 = 16;
const ATTRIBUTE_WAS_LOW: u8 = 32;
const ERRORS_LOGGED: u8 = 64;
const SELF_TESTS_FAILED: u8 = 128;

pub fn answer(drive: &Drive) -> Answer {
    let mut body = identity(drive);
    if drive.flag("not_ready") {
        return Answer { body, status: COMMAND_FAILED, ..Answer::default() };
    }
    if drive.flag("smart_off") {
        body.insert("smart_support".to_owned(), json!({"available": true, "enabled": false}));
        return Answer { body, ..Answer::default() };
    }
    let attributes = attributes(drive);
    let mut power_on = object(json!({"hours": drive.hours()}));
    if drive.flag("hours_packed") {
        power_on.insert("minutes".to_owned(), json!(minutes()));
    }
    body.insert("smart_status".to_owned(), json!({"passed": !drive.flag("failed")}));
    body.insert("ata_smart_data".to_owned(), ata_logs::smart_data(drive));
    let table: Vec<Value> = attributes.iter().map(Attribute::json).collect();
    body.insert("ata_smart_attributes".to_owned(), json!({"revision": 16, "table": table}));
    body.insert("power_on_time".to_owned(), Value::Object(power_on));
    body.insert("power_cycle_count".to_owned(), json!(20 + drive.made_up("cycles", 90)));
    body.insert("temperature".to_owned(), json!({"current": drive.told_temperature()}));
    body.insert("ata_smart_error_log".to_owned(), ata_logs::errors(drive));
    body.insert("ata_smart_self_test_log".to_owned(), ata_logs::self_tests(drive));
    body.insert("ata_smart_selective_self_test_log".to_owned(), ata_logs::selective());
    if drive.rotation == 0 {
        let spare = drive.number("available_spare").unwrap_or(100);
        let limit = drive.number("available_spare_threshold").unwrap_or(10);
        body.insert("endurance_used".to_owned(), json!({"current_percent": wear(drive)}));
        body.insert("spare_available".to_owned(), json!({"current_percent": spare, "threshold_percent": limit}));
    }
    Answer { body, status: status(drive, &attributes), ..Answer::default() }
}

/// The bits as smartctl sets them: 4 goes only with a failed verdict, 5 only with a passed one.
fn status(drive: &Drive, attributes: &[Attribute]) -> u8 {
    let now = attributes.iter().any(|a| a.prefailure() && a.failed() == "now");
    let ever = attributes.iter().any(|a| !a.failed().is_empty());
    let mut status = match (drive.flag("failed"), now, ever) {
        (true, true, _) => FAILING | ATTRIBUTE_FAILING,
        (true, false, _) => FAILING,
        (false, _, true) => ATTRIBUTE_WAS_LOW,
        _ => 0,
    };
    if drive.number("ata_error_count").is_some_and(|n| n > 0) {
        status |= ERRORS_LOGGED;
    }
    let (failed, void) = ata_logs::failures(drive);
    if failed > void {
        status |= SELF_TESTS_FAILED;
    }
    status
}

/// A SATA speed: smartctl's number of it, and the text.
fn speed(number: u64, gigabits: &str) -> Value {
    let tenths: u64 = gigabits.replace('.', "").parse().unwrap_or(60);
    json!({"sata_value": number, "string": format!("{gigabits} Gb/s"), "units_per_second": tenths, "bits_per_unit": 100_000_000})
}

/// `interface_speed`: the highest that the drive can, as a bit mask, and the one in use.
fn speeds(drive: &Drive) -> Value {
    let generation = |gigabits: &str| match gigabits {
        "1.5" => 1,
        "3.0" => 2,
        _ => 3,
    };
    let max = drive.text("link_max").unwrap_or("6.0");
    let current = drive.text("link_current").unwrap_or(max);
    let mask = (1..=generation(max)).fold(0, |bits, g| bits | 1 << g);
    json!({"max": speed(mask, max), "current": speed(generation(current), current)})
}

fn identity(drive: &Drive) -> Map<String, Value> {
    let model = drive.told_model();
    let family = match model.split_whitespace().last().unwrap_or_default() {
        m if m.starts_with("WUH72") => Some("Western Digital Ultrastar DC HC530"),
        m if m.starts_with("ST16000NM001G") => Some("Seagate Exos X16"),
        m if m.starts_with("HUS72") => Some("HGST Ultrastar HC310/320"),
        m if m.starts_with("MZ7LH") => Some("Samsung based SSDs"),
        _ => None,
    };
    let solid = drive.rotation == 0;
    let trim = if solid {
        json!({"supported": true, "deterministic": true, "zeroed": true})
    } else {
        json!({"supported": false})
    };
    let form = if solid {
        json!({"ata_value": 3, "name": "2.5 inches"})
    } else {
        json!({"ata_value": 2, "name": "3.5 inches"})
    };
    let mut body = object(json!({
        "model_name": model,
        "serial_number": drive.told_serial(),
        "firmware_version": drive.firmware,
        "user_capacity": {"blocks": drive.bytes / 512, "bytes": drive.bytes},
        "logical_block_size": 512,
        "physical_block_size": 4096,
        "rotation_rate": drive.rotation,
        "form_factor": form,
        "trim": trim,
        "in_smartctl_database": family.is_some(),
        "ata_version": {"string": "ACS-4 (minor revision not indicated)", "major_value": 4080, "minor_value": 65535},
        "sata_version": {"string": "SATA 3.3", "value": 511},
        "interface_speed": speeds(drive),
        "smart_support": {"available": true, "enabled": true},
    }));
    body.extend(family.map(|f| ("model_family".to_owned(), json!(f))));
    if let Some(number) = drive.wwn.as_deref().and_then(|w| u64::from_str_radix(w, 16).ok()) {
        let wwn = json!({"naa": number >> 60, "oui": number >> 36 & 0xff_ffff, "id": number & 0xf_ffff_ffff});
        body.insert("wwn".to_owned(), wwn);
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::Kind;
    use crate::products::sample;

    #[test]
    fn exit_status_follows_the_attributes() {
        let mut drive = sample(Kind::Sata);
        let with = |drive: &mut Drive, pairs: &[(&str, Value)]| {
            drive.state = pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
            answer(drive).status
        };
        assert_eq!(answer(&drive).status, 0);
        assert_eq!(with(&mut drive, &[("failed", json!(true))]), 24);
        assert_eq!(with(&mut drive, &[("reallocated", json!(40))]), 0);
        assert_eq!(with(&mut drive, &[("reallocated", json!(4000))]), 32, "the verdict is still: passed");
        assert_eq!(with(&mut drive, &[("failed", json!(true)), ("attr.5.value", json!(50))]), 8);
        assert_eq!(with(&mut drive, &[("attr.12.worst", json!(20))]), 32);
        assert_eq!(with(&mut drive, &[("ata_error_count", json!(3))]), 64);
        assert_eq!(with(&mut drive, &[("temperature", json!(61))]), 32);
        assert_eq!(with(&mut drive, &[("self_test_result", json!(7))]), 128);
        assert_eq!(with(&mut drive, &[("self_test_result", json!(1))]), 0);
    }

    #[test]
    fn a_slower_link_is_told() {
        let mut drive = sample(Kind::Sata);
        drive.state.insert("link_current".to_owned(), json!("3.0"));
        let body = answer(&drive).body;
        let at = |path: &str| body.get("interface_speed").and_then(|s| s.pointer(path)).cloned();
        assert_eq!(at("/max/sata_value"), Some(json!(14)));
        assert_eq!(
            at("/current"),
            Some(json!({"sata_value": 2, "string": "3.0 Gb/s", "units_per_second": 30, "bits_per_unit": 100_000_000}))
        );
    }
}
