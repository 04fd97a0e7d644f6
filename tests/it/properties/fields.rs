//! An invalid value in smartctl's JSON affects only the fields that are read from it: an invalid log does not affect the
//! identity of the drive, nor an invalid identity the logs.

use super::fixtures;
use super::parsers::assert_valid;
use super::random::rng_of;
use jbod_monitor::domain::smart::SmartReport;
use jbod_monitor::probe::smartctl::parse;
use serde_json::{Value, json};

type Show = fn(&SmartReport) -> String;

/// Each field of a report, and the branches of smartctl's JSON that it is read from (prefixes of their names). A field that
/// is read from a further branch is named here.
#[rustfmt::skip]
const READ_FROM: &[(&str, Show, &[&str])] = &[
    ("serial_number", |run| format!("{:?}", run.serial_number), &["serial_number"]),
    ("model_name", |report| format!("{:?}", report.model_name), &["model_name", "scsi_model_name", "scsi_product", "product", "scsi_vendor", "vendor"]),
    ("vendor", |report| format!("{:?}", report.vendor), &["scsi_vendor", "vendor"]),
    ("wwn", |report| format!("{:?}", report.wwn), &["wwn", "logical_unit_id", "nvme_namespaces"]),
    ("firmware_version", |report| format!("{:?}", report.firmware_version), &["firmware_version", "scsi_revision", "revision"]),
    ("user_capacity_bytes", |report| format!("{:?}", report.user_capacity_bytes), &["user_capacity", "logical_block_size", "nvme_total_capacity", "nvme_namespaces"]),
    ("smartctl_version", |report| format!("{:?}", report.smartctl_version), &["smartctl"]),
    ("exit_status", |report| format!("{:?}", report.exit_status), &["smartctl"]),
    ("device_type", |report| format!("{:?}", report.device_type), &["device"]),
    ("protocol", |report| format!("{:?}", report.protocol), &["device"]),
    ("rotation_rate_rpm", |report| format!("{:?}", report.rotation_rate_rpm), &["rotation_rate", "device"]),
    ("smart_status_passed", |report| format!("{:?}", report.smart_status_passed), &["smart_status"]),
    ("ie_string", |report| format!("{:?}", report.ie_string), &["smart_status"]),
    ("power_mode", |report| format!("{:?}", report.power_mode), &["power_mode"]),
    ("power_cycle_count", |report| format!("{:?}", report.power_cycle_count), &["power_cycle_count", "nvme_smart_health"]),
    ("temperature_celsius", |report| format!("{:?}", report.temperature_celsius), &["temperature", "scsi_temperature", "scsi_environmental", "nvme_smart_health", "ata_smart_attributes", "device"]),
    ("temperature_limits", |report| format!("{:?}", report.temperature_limits), &["temperature", "scsi_temperature", "nvme_composite_temperature"]),
    ("power_on_hours", |report| format!("{:?}", report.power_on_hours), &["power_on_time", "power_cycle_count", "ata_", "scsi_self_test", "nvme_", "device"]),
    ("self_test", |report| format!("{:?}", report.self_test), &["ata_smart_data", "ata_smart_self_test_log", "scsi_self_test", "nvme_self_test_log", "device"]),
    ("wear", |report| format!("{:?}", report.wear), &["endurance_used", "spare_available", "ata_device_statistics", "nvme_smart_health", "scsi_percentage_used", "rotation_rate", "device"]),
    ("ata", |report| format!("{:?}", report.ata), &["ata_", "interface_speed", "device"]),
    ("scsi", |report| format!("{:?}", report.scsi), &["scsi_", "smartctl", "device"]),
    ("nvme", |report| format!("{:?}", report.nvme), &["nvme_", "smart_status", "device"]),
];

/// The number of documents in a run.
const DOCUMENTS: usize = 12;
/// The number of randomly chosen invalid values at each place.
const TRIED: usize = 1;

fn invalid_values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(""),
        json!("\u{1b}[2J\n"),
        json!("x".repeat(10_000)),
        json!(-1),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1e300),
        json!(0.5),
        json!(true),
        json!([]),
        json!({}),
        json!([[[{}]]]),
        json!({"value": "x", "string": 1}),
    ]
}

/// JSON pointers of all values below this one.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(entries) => {
            entries.iter().map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(list) => list.iter().enumerate().map(|(number, value)| (number.to_string(), value)).collect(),
        _ => return,
    };
    for (key, child) in children {
        let at = format!("{at}/{key}");
        pointers(child, &at, found);
        found.push(at);
    }
}

/// The number of values that differ.
fn differences(one: &Value, other: &Value) -> usize {
    match (one, other) {
        (Value::Object(fields), Value::Object(others)) => {
            fields.iter().map(|(key, value)| differences(value, others.get(key).unwrap_or(&Value::Null))).sum()
        }
        (Value::Array(values), Value::Array(others)) if values.len() == others.len() => {
            values.iter().zip(others).map(|(left, right)| differences(left, right)).sum()
        }
        _ => usize::from(one != other),
    }
}

/// An invalid value in a branch affects at most one value of the details.
fn assert_rest_is_unchanged(before: &SmartReport, after: &SmartReport, pointer: &str, was: &Value) {
    if let Some(rows) = &before.ata
        && pointer.starts_with("/ata_smart_attributes/table/")
    {
        let (id, now) = (was, after.ata.as_ref().map(|ata| &ata.attributes).expect("still ATA"));
        for row in rows.attributes.iter().filter(|row| json!(row.id) != *id) {
            assert!(now.contains(row), "{pointer} affects attribute {}", row.id);
        }
    }
    let branch = ["/scsi_", "/nvme_"].iter().any(|branch| pointer.starts_with(branch));
    if branch && !was.is_object() && !was.is_array() {
        let [before, after] = [before, after].map(|report| json!({"scsi": report.scsi, "nvme": report.nvme}));
        let count = differences(&before, &after);
        assert!(count <= 1, "{pointer} affects {count} values: {before}, then {after}");
    }
}

#[test]
fn an_invalid_value_affects_no_other_field() {
    let (mut tried, invalid) = (0, invalid_values());
    let mut rng = rng_of("fields", 0);
    for mut root in fixtures::smartctl_json(&mut rng, DOCUMENTS) {
        let before = parse(&root.to_string()).report;
        let mut all = Vec::new();
        pointers(&root, "", &mut all);
        for pointer in all {
            for _ in 0..TRIED {
                let invalid = rng.one(&invalid).clone();
                let place = root.pointer_mut(&pointer).expect("a value");
                let was = std::mem::replace(place, invalid.clone());
                let after = parse(&root.to_string()).report;
                *root.pointer_mut(&pointer).expect("a value") = was.clone();
                let branch = pointer.split('/').nth(1).unwrap_or_default();
                for (field, show, read_from) in READ_FROM {
                    let may = read_from.iter().any(|start| branch.starts_with(start));
                    let (then, now) = (show(&before), show(&after));
                    assert!(may || then == now, "{pointer} = {invalid} affects {field}: {then}, then {now}");
                }
                // Without its number, the whole row of an attribute is ignored.
                let row = pointer.split('/').take(4).collect::<Vec<_>>().join("/");
                let id = root.pointer(&format!("{row}/id")).cloned();
                let was = if branch == "ata_smart_attributes" { id.unwrap_or_default() } else { was };
                assert_rest_is_unchanged(&before, &after, &pointer, &was);
                assert_valid(&after);
                tried += 1;
            }
        }
    }
    assert!(tried > 500, "{tried} values");
}
