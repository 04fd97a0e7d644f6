//! What smartctl reports about a SATA drive, and the exit status that follows from it. As in the newest release:
//! `older_releases` removes what others do not report.

use crate::ata_attributes::{Attribute, Failed, PACKED_MINUTES, attributes, percentage_used};
use crate::ata_logs;
use crate::drive::Drive;
use crate::output::{SmartctlOutput, object};
use serde_json::{Map, Value, json};

/// Bits of the exit status (smartctl(8), EXIT STATUS).
const COMMAND_FAILED: u8 = 2;
const FAILING: u8 = 8;
const ATTRIBUTE_FAILING: u8 = 16;
const ATTRIBUTE_WAS_LOW: u8 = 32;
const ERRORS_LOGGED: u8 = 64;
const SELF_TESTS_FAILED: u8 = 128;

pub fn output(drive: &Drive) -> SmartctlOutput {
    let mut body = identity(drive);
    if drive.flag("not_ready") {
        return SmartctlOutput { body, exit_status: COMMAND_FAILED, ..SmartctlOutput::default() };
    }
    if drive.flag("smart_off") {
        body.insert("smart_support".to_owned(), json!({"available": true, "enabled": false}));
        return SmartctlOutput { body, ..SmartctlOutput::default() };
    }
    let attributes = attributes(drive);
    let mut power_on = object(json!({"hours": drive.hours()}));
    if drive.flag("hours_packed") {
        power_on.insert("minutes".to_owned(), json!(PACKED_MINUTES));
    }
    body.insert("smart_status".to_owned(), json!({"passed": !drive.flag("failed")}));
    body.insert("ata_smart_data".to_owned(), ata_logs::smart_data(drive));
    let table: Vec<Value> = attributes.iter().map(Attribute::json).collect();
    body.insert("ata_smart_attributes".to_owned(), json!({"revision": 16, "table": table}));
    body.insert("power_on_time".to_owned(), Value::Object(power_on));
    body.insert("power_cycle_count".to_owned(), json!(20 + drive.made_up("cycles", 90)));
    body.insert("temperature".to_owned(), json!({"current": drive.reported_temperature()}));
    body.insert("ata_smart_error_log".to_owned(), ata_logs::errors(drive));
    body.insert("ata_smart_self_test_log".to_owned(), ata_logs::self_tests(drive));
    body.insert("ata_smart_selective_self_test_log".to_owned(), ata_logs::selective());
    if drive.rotation == 0 {
        let spare = drive.number_or("available_spare", 100);
        let limit = drive.number_or("available_spare_threshold", 10);
        body.insert("endurance_used".to_owned(), json!({"current_percent": percentage_used(drive)}));
        body.insert("spare_available".to_owned(), json!({"current_percent": spare, "threshold_percent": limit}));
    }
    SmartctlOutput { exit_status: exit_status(drive, &attributes), body, ..SmartctlOutput::default() }
}

/// smartctl sets bit 4 only with a failed SMART status, and bit 5 only with a passed one (ataprint.cpp).
fn exit_status(drive: &Drive, attributes: &[Attribute]) -> u8 {
    let fails_now = attributes.iter().any(|attribute| attribute.is_prefailure() && attribute.failed() == Failed::Now);
    let failed_ever = attributes.iter().any(|attribute| attribute.failed() != Failed::Never);
    let mut status = match (drive.flag("failed"), fails_now, failed_ever) {
        (true, true, _) => FAILING | ATTRIBUTE_FAILING,
        (true, false, _) => FAILING,
        (false, _, true) => ATTRIBUTE_WAS_LOW,
        _ => 0,
    };
    if drive.number_or("ata_error_count", 0) > 0 {
        status |= ERRORS_LOGGED;
    }
    let (failed, outdated) = ata_logs::failures(drive);
    if failed > outdated {
        status |= SELF_TESTS_FAILED;
    }
    status
}

/// `number`: the value of the ATA identify data.
fn speed(number: u64, gigabits: &str) -> Value {
    let tenths: u64 = gigabits.replace('.', "").parse().unwrap_or(60);
    json!({
        "sata_value": number, "string": format!("{gigabits} Gb/s"), "units_per_second": tenths,
        "bits_per_unit": 100_000_000,
    })
}

/// The generation of SATA with that speed in Gb/s.
fn generation(gigabits: &str) -> u64 {
    match gigabits {
        "1.5" => 1,
        "3.0" => 2,
        _ => 3,
    }
}

/// `interface_speed`: `max` is a bit mask of generations, `current` one generation.
fn speeds(drive: &Drive) -> Value {
    let max = drive.text("link_max").unwrap_or("6.0");
    let current = drive.text("link_current").unwrap_or(max);
    // One bit for each generation up to the highest, from bit 1.
    let mask = (2 << generation(max)) - 2;
    json!({"max": speed(mask, max), "current": speed(generation(current), current)})
}

/// Prefixes of model names, and the `model_family` in smartctl's drive database.
const FAMILIES: [(&str, &str); 4] = [
    ("WUH72", "Western Digital Ultrastar DC HC530"),
    ("ST16000NM001G", "Seagate Exos X16"),
    ("HUS72", "HGST Ultrastar HC310/320"),
    ("MZ7LH", "Samsung based SSDs"),
];

fn identity(drive: &Drive) -> Map<String, Value> {
    let model = drive.reported_model();
    let product = model.split_whitespace().last().unwrap_or_default();
    let family = FAMILIES.iter().find(|(start, _)| product.starts_with(start));
    let (form_factor, trim) = if drive.rotation == 0 {
        let trim = json!({"supported": true, "deterministic": true, "zeroed": true});
        (json!({"ata_value": 3, "name": "2.5 inches"}), trim)
    } else {
        (json!({"ata_value": 2, "name": "3.5 inches"}), json!({"supported": false}))
    };
    let mut body = object(json!({
        "model_name": model,
        "serial_number": drive.reported_serial(),
        "firmware_version": drive.firmware,
        "user_capacity": {"blocks": drive.bytes / 512, "bytes": drive.bytes},
        "logical_block_size": 512,
        "physical_block_size": 4096,
        "rotation_rate": drive.rotation,
        "form_factor": form_factor,
        "trim": trim,
        "in_smartctl_database": family.is_some(),
        "ata_version": {"string": "ACS-4 (minor revision not indicated)", "major_value": 4080, "minor_value": 65535},
        "sata_version": {"string": "SATA 3.3", "value": 511},
        "interface_speed": speeds(drive),
        "smart_support": {"available": true, "enabled": true},
    }));
    if let Some((_, name)) = family {
        body.insert("model_family".to_owned(), json!(name));
    }
    if let Some(number) = drive.wwn_number() {
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

    fn exit_status_with(pairs: &[(&str, Value)]) -> u8 {
        let mut drive = sample(Kind::Sata);
        drive.state = pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        output(&drive).exit_status
    }

    #[test]
    fn exit_status_follows_the_attributes() {
        assert_eq!(exit_status_with(&[]), 0);
        assert_eq!(exit_status_with(&[("failed", json!(true))]), 24);
        assert_eq!(exit_status_with(&[("reallocated", json!(40))]), 0);
        assert_eq!(exit_status_with(&[("reallocated", json!(4000))]), 32, "the SMART status is still: passed");
        assert_eq!(exit_status_with(&[("failed", json!(true)), ("attr.5.value", json!(50))]), 8);
        assert_eq!(exit_status_with(&[("attr.12.worst", json!(20))]), 32);
        assert_eq!(exit_status_with(&[("ata_error_count", json!(3))]), 64);
        assert_eq!(exit_status_with(&[("temperature", json!(61))]), 32);
        assert_eq!(exit_status_with(&[("self_test_result", json!(7))]), 128);
        assert_eq!(exit_status_with(&[("self_test_result", json!(1))]), 0);
    }

    #[test]
    fn a_slower_link_is_reported() {
        let mut drive = sample(Kind::Sata);
        drive.state.insert("link_current".to_owned(), json!("3.0"));
        let speed = &output(&drive).body["interface_speed"];
        assert_eq!(speed["max"]["sata_value"], 14);
        assert_eq!(
            speed["current"],
            json!({"sata_value": 2, "string": "3.0 Gb/s", "units_per_second": 30, "bits_per_unit": 100_000_000})
        );
    }
}
