//! One value of smartctl's JSON that is not what it should be costs itself and what follows from
//! it. A drive never loses its name because of a broken log, nor a log because of a broken name.

use super::fixtures;
use super::parsers::assert_sound;
use super::random::chance_of;
use jbod_monitor::domain::smart::SmartReport;
use jbod_monitor::probe::smartctl::parse;
use serde_json::{Value, json};

type Show = fn(&SmartReport) -> String;

/// Each field of a report, and the branches of smartctl's JSON that it is read from (beginnings of
/// their names). A field that follows from a new branch is named here.
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

/// So many documents take part in a run.
const DOCUMENTS: usize = 12;
/// Of the odd values, so many are tried at each place; which ones is chance.
const TRIED: usize = 1;

fn odd_values() -> Vec<Value> {
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

/// JSON pointers of everything below.
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

/// How many values of a detail differ.
fn differences(one: &Value, other: &Value) -> usize {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            a.iter().map(|(key, value)| differences(value, b.get(key).unwrap_or(&Value::Null))).sum()
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).map(|(left, right)| differences(left, right)).sum()
        }
        (a, b) => usize::from(a != b),
    }
}

/// What is left of a detail when one value that stood somewhere in its branch is odd.
fn assert_rest_stays(before: &SmartReport, after: &SmartReport, pointer: &str, was: &Value) {
    if let Some(rows) = &before.ata
        && pointer.starts_with("/ata_smart_attributes/table/")
    {
        let (id, now) = (was, after.ata.as_ref().map(|ata| &ata.attributes).expect("still ATA"));
        for row in rows.attributes.iter().filter(|row| json!(row.id) != *id) {
            assert!(now.contains(row), "{pointer} costs attribute {}", row.id);
        }
    }
    let branch = ["/scsi_", "/nvme_"].iter().any(|branch| pointer.starts_with(branch));
    if branch && !was.is_object() && !was.is_array() {
        let details = |report: &SmartReport| json!({"scsi": report.scsi, "nvme": report.nvme});
        let lost = differences(&details(before), &details(after));
        assert!(lost <= 1, "{pointer} costs {lost} values: {:?}, then {:?}", details(before), details(after));
    }
}

#[test]
fn one_odd_value_costs_itself_only() {
    let (mut tried, odd) = (0, odd_values());
    let mut rng = chance_of("fields", 0);
    for mut root in fixtures::smartctl_json(&mut rng, DOCUMENTS) {
        let before = parse(&root.to_string()).report;
        let mut all = Vec::new();
        pointers(&root, "", &mut all);
        for pointer in all {
            for _ in 0..TRIED {
                let odd = rng.one(&odd).clone();
                let place = root.pointer_mut(&pointer).expect("it was found");
                let was = std::mem::replace(place, odd.clone());
                let after = parse(&root.to_string()).report;
                *root.pointer_mut(&pointer).expect("it was found") = was.clone();
                let branch = pointer.split('/').nth(1).unwrap_or_default();
                for (field, show, read_from) in READ_FROM {
                    let may = read_from.iter().any(|start| branch.starts_with(start));
                    let (then, now) = (show(&before), show(&after));
                    assert!(may || then == now, "{pointer} = {odd} costs {field}: {then}, then {now}");
                }
                // Of an attribute's row, all of it may go with its number.
                let row = pointer.split('/').take(4).collect::<Vec<_>>().join("/");
                let id = root.pointer(&format!("{row}/id")).cloned();
                let was = if branch == "ata_smart_attributes" { id.unwrap_or_default() } else { was };
                assert_rest_stays(&before, &after, &pointer, &was);
                assert_sound(&after);
                tried += 1;
            }
        }
    }
    assert!(tried > 500, "{tried} values");
}
