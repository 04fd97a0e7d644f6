//! Converts a row of a history into JSON of smartctl, and parses it with the parser of the daemon.

use super::attributes::{ATTRIBUTES, AttributeValues, Values};
use jbod_monitor::domain::smart::SmartReport;
use jbod_monitor::probe::smartctl;
use serde_json::{Value, json};

/// The rotation rate of every drive: the histories do not record it.
const ROTATION_RATE: u32 = 7200;
/// The capacity where the model number does not show it.
const DEFAULT_CAPACITY_BYTES: u64 = 8_000_000_000_000;
/// The normalised value of an attribute of which only the raw value is recorded. It is above every threshold.
const DEFAULT_NORMALIZED: u8 = 100;

/// SMART status, self-tests, error logs, thresholds of the manufacturer and the link are not recorded, so that rules on
/// them report nothing.
pub(super) fn report(model: &str, serial_number: &str, values: &Values) -> SmartReport {
    let mut table: Vec<Value> = Vec::new();
    for (attribute, values) in ATTRIBUTES.iter().zip(values) {
        if *values != AttributeValues::default() {
            table.push(row(attribute.id, attribute.name, *values));
        }
    }
    let printed = json!({
        "device": { "type": "sat", "protocol": "ATA" },
        "model_name": model,
        "serial_number": serial_number,
        "user_capacity": { "bytes": capacity_bytes(model) },
        "rotation_rate": ROTATION_RATE,
        "smart_status": { "passed": true },
        "ata_smart_attributes": { "table": table },
    });
    smartctl::parse(&printed.to_string()).report
}

fn row(id: u8, name: &str, values: AttributeValues) -> Value {
    let mut row = json!({ "id": id, "name": name, "value": values.normalized.unwrap_or(DEFAULT_NORMALIZED) });
    if let Some(raw) = values.raw {
        row["raw"] = json!({ "value": raw, "string": raw_string(id, raw) });
    }
    row
}

/// smartctl's formats: `raw16` for 188, `raw16(raw16)` for 5 and 196, a plain number otherwise.
fn raw_string(id: u8, raw: u64) -> String {
    let (low, middle, high) = (raw & 0xffff, raw >> 16 & 0xffff, raw >> 32 & 0xffff);
    match id {
        188 => format!("{high} {middle} {low}"),
        5 | 196 if middle > 0 || high > 0 => format!("{low} ({high} {middle})"),
        _ => raw.to_string(),
    }
}

/// Seagate's model numbers begin with the capacity in gigabytes: `ST4000DM000`, `ST12000NM0007`.
fn capacity_bytes(model: &str) -> u64 {
    let number = model.strip_prefix("ST").unwrap_or_default();
    let digits = number.find(|character: char| !character.is_ascii_digit()).unwrap_or(number.len());
    match number[..digits].parse::<u64>() {
        // Numbers with more digits are of an older scheme, whose first digit is the form factor.
        Ok(gigabytes) if digits <= 5 => gigabytes * 1_000_000_000,
        _ => DEFAULT_CAPACITY_BYTES,
    }
}
