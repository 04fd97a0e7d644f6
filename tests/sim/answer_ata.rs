//! What smartctl says of a SATA drive: identity, attributes, logs, and the exit status they make.

use crate::answer_scsi::object;
use crate::drive::Drive;
use crate::smartctl::Answer;
use serde_json::{Map, Value, json};

/// Bits of smartctl's exit status.
const COMMAND_FAILED: u8 = 2;
const FAILING: u8 = 8;
const ATTRIBUTE_FAILING: u8 = 16;
const ATTRIBUTE_WAS_LOW: u8 = 32;
const ERRORS_LOGGED: u8 = 64;

/// Attribute flags, from the lowest bit.
const LETTERS: [(u64, char, &str); 6] = [
    (1, 'P', "prefailure"),
    (2, 'O', "updated_online"),
    (4, 'S', "performance"),
    (8, 'R', "error_rate"),
    (16, 'C', "event_count"),
    (32, 'K', "auto_keep"),
];

struct Attribute {
    id: u64,
    name: &'static str,
    flags: u64,
    value: u64,
    worst: u64,
    threshold: u64,
    raw: u64,
    text: String,
}

impl Attribute {
    fn new(id: u64, name: &'static str, flags: u64, threshold: u64, raw: u64) -> Self {
        Self { id, name, flags, value: 100, worst: 100, threshold, raw, text: raw.to_string() }
    }

    /// The same with normalized values.
    fn at(self, value: u64) -> Self {
        Self { value, worst: value.min(self.worst), ..self }
    }

    fn worst(self, worst: u64) -> Self {
        Self { worst, ..self }
    }

    fn told(self, text: String) -> Self {
        Self { text, ..self }
    }

    fn prefailure(&self) -> bool {
        self.flags & 1 == 1
    }

    fn failed(&self) -> &'static str {
        match self.threshold {
            0 => "",
            limit if self.value <= limit => "now",
            limit if self.worst <= limit => "past",
            _ => "",
        }
    }

    fn json(&self) -> Value {
        let text: String = LETTERS
            .iter()
            .map(|(bit, letter, _)| if self.flags & bit != 0 { *letter } else { '-' })
            .chain([' '])
            .collect();
        let mut flags = object(json!({"value": self.flags, "string": text}));
        flags.extend(LETTERS.iter().map(|(bit, _, name)| ((*name).to_owned(), json!(self.flags & bit != 0))));
        json!({
            "id": self.id, "name": self.name, "value": self.value, "worst": self.worst, "thresh": self.threshold,
            "when_failed": self.failed(), "flags": flags, "raw": {"value": self.raw, "string": self.text},
        })
    }
}

pub fn answer(drive: &Drive) -> Answer {
    let mut body = identity(drive);
    if drive.flag("not_ready") {
        return Answer { body, status: COMMAND_FAILED, ..Answer::default() };
    }
    let failed = drive.flag("failed");
    let errors = drive.number("ata_error_count").unwrap_or(0);
    let attributes = attributes(drive, failed);
    let mut status = if failed { FAILING } else { 0 };
    if attributes.iter().any(|a| a.prefailure() && a.failed() == "now") {
        status |= ATTRIBUTE_FAILING;
    } else if !failed && attributes.iter().any(|a| !a.failed().is_empty()) {
        status |= ATTRIBUTE_WAS_LOW;
    }
    if errors > 0 {
        status |= ERRORS_LOGGED;
    }
    let cycles = 20 + drive.made_up("cycles", 90);
    body.insert("smart_status".to_owned(), json!({"passed": !failed}));
    body.insert("ata_smart_data".to_owned(), smart_data(drive));
    let table: Vec<Value> = attributes.iter().map(Attribute::json).collect();
    body.insert("ata_smart_attributes".to_owned(), json!({"revision": 16, "table": table}));
    body.insert("power_on_time".to_owned(), json!({"hours": drive.hours()}));
    body.insert("power_cycle_count".to_owned(), json!(cycles));
    body.insert("temperature".to_owned(), json!({"current": drive.temperature()}));
    body.insert("ata_smart_error_log".to_owned(), json!({"summary": {"revision": 1, "count": errors}}));
    body.insert("ata_smart_self_test_log".to_owned(), self_test_log(drive));
    body.insert("ata_smart_selective_self_test_log".to_owned(), selective_log());
    Answer { body, status, ..Answer::default() }
}

fn identity(drive: &Drive) -> Map<String, Value> {
    let model = drive.told_model();
    let family = match model.split_whitespace().last().unwrap_or_default() {
        m if m.starts_with("WUH72") => Some("Western Digital Ultrastar DC HC530"),
        m if m.starts_with("ST16000NM001G") => Some("Seagate Exos X16"),
        m if m.starts_with("HUS72") => Some("HGST Ultrastar HC310/320"),
        _ => None,
    };
    let speed = |value: u64| json!({"sata_value": value, "string": "6.0 Gb/s", "units_per_second": 60, "bits_per_unit": 100_000_000});
    let mut body = object(json!({
        "model_name": model,
        "serial_number": drive.told_serial(),
        "firmware_version": drive.firmware,
        "user_capacity": {"blocks": drive.bytes / 512, "bytes": drive.bytes},
        "logical_block_size": 512,
        "physical_block_size": 4096,
        "rotation_rate": drive.rotation,
        "form_factor": {"ata_value": 2, "name": "3.5 inches"},
        "trim": {"supported": false},
        "in_smartctl_database": family.is_some(),
        "ata_version": {"string": "ACS-4 (minor revision not indicated)", "major_value": 4080, "minor_value": 65535},
        "sata_version": {"string": "SATA 3.3", "value": 511},
        "interface_speed": {"max": speed(14), "current": speed(3)},
        "smart_support": {"available": true, "enabled": true},
    }));
    body.extend(family.map(|f| ("model_family".to_owned(), json!(f))));
    if let Some(number) = drive.wwn.as_deref().and_then(|w| u64::from_str_radix(w, 16).ok()) {
        let wwn = json!({"naa": number >> 60, "oui": number >> 36 & 0xff_ffff, "id": number & 0xf_ffff_ffff});
        body.insert("wwn".to_owned(), wwn);
    }
    body
}

fn attributes(drive: &Drive, failed: bool) -> Vec<Attribute> {
    let hours = drive.hours();
    let cycles = 20 + drive.made_up("cycles", 90);
    let retracts = 300 + drive.made_up("retracts", 1_500);
    let celsius = u64::try_from(drive.temperature()).unwrap_or(0);
    // Packed as the drive has it: current, lowest, highest in 16 bits each.
    let (low, high) = (celsius.min(18 + drive.made_up("low", 6)), celsius.max(44 + drive.made_up("high", 8)));
    let packed = high << 32 | low << 16 | celsius;
    let temperatures = format!("{celsius} (Min/Max {low}/{high})");
    let moved = drive.number("reallocated").unwrap_or(if failed { 1_801 } else { 0 });
    let moved_value = if failed { 1 } else { 100u64.saturating_sub(moved / 20).max(1) };
    let count = |key: &str| drive.number(key).unwrap_or(0);
    let lower = |n: u64| 100u64.saturating_sub(n).max(1);
    let flying = hours.saturating_sub(40);
    let seek = drive.made_up("seek", 900_000_000);
    vec![
        Attribute::new(1, "Raw_Read_Error_Rate", 15, 44, drive.made_up("read rate", 200_000_000)).at(80).worst(64),
        Attribute::new(3, "Spin_Up_Time", 3, 0, 0).at(91).worst(90),
        Attribute::new(4, "Start_Stop_Count", 50, 20, cycles),
        Attribute::new(5, "Reallocated_Sector_Ct", 51, 10, moved).at(moved_value),
        Attribute::new(7, "Seek_Error_Rate", 15, 45, seek).at(88).worst(60),
        Attribute::new(9, "Power_On_Hours", 50, 0, hours).at(lower(hours / 876)),
        Attribute::new(10, "Spin_Retry_Count", 19, 97, 0),
        Attribute::new(12, "Power_Cycle_Count", 50, 20, cycles),
        Attribute::new(187, "Reported_Uncorrect", 50, 0, count("reported_uncorrect"))
            .at(lower(count("reported_uncorrect"))),
        Attribute::new(188, "Command_Timeout", 50, 0, 0).told("0 0 0".to_owned()),
        Attribute::new(190, "Airflow_Temperature_Cel", 34, 40, packed)
            .at(lower(celsius))
            .worst(lower(high))
            .told(temperatures.clone()),
        Attribute::new(192, "Power-Off_Retract_Count", 50, 0, retracts),
        Attribute::new(193, "Load_Cycle_Count", 50, 0, retracts * 3).at(99),
        Attribute::new(194, "Temperature_Celsius", 34, 0, packed).at(celsius.max(1)).worst(high).told(temperatures),
        Attribute::new(197, "Current_Pending_Sector", 18, 0, count("pending")),
        Attribute::new(198, "Offline_Uncorrectable", 16, 0, count("offline_uncorrectable")),
        Attribute::new(199, "UDMA_CRC_Error_Count", 62, 0, count("crc_errors")).at(200).worst(200),
        Attribute::new(240, "Head_Flying_Hours", 0, 0, flying | 37 << 32)
            .at(100)
            .told(format!("{flying}h+37m+12.482s")),
        Attribute::new(241, "Total_LBAs_Written", 0, 0, hours * 4_000_000 + seek),
        Attribute::new(242, "Total_LBAs_Read", 0, 0, hours * 11_000_000 + seek),
    ]
}

fn smart_data(drive: &Drive) -> Value {
    let status = match drive.number("self_test_remaining_percent") {
        Some(left) if left > 0 => {
            let tenths = left.div_ceil(10).min(9);
            json!({"value": 0xf0 | tenths, "string": format!("in progress, {}% remaining", tenths * 10), "remaining_percent": tenths * 10})
        }
        _ => json!({"value": 0, "string": "completed without error", "passed": true}),
    };
    json!({
        "offline_data_collection": {"status": {"value": 130, "string": "was completed without error", "passed": true}, "completion_seconds": 567},
        "self_test": {"status": status, "polling_minutes": {"short": 1, "extended": 1440, "conveyance": 2}},
        "capabilities": {
            "values": [123, 3], "exec_offline_immediate_supported": true, "offline_is_aborted_upon_new_cmd": false,
            "offline_surface_scan_supported": true, "self_tests_supported": true, "conveyance_self_test_supported": true,
            "selective_self_test_supported": true, "attribute_autosave_enabled": true, "error_logging_supported": true,
            "gp_logging_supported": true,
        },
    })
}

fn self_test_log(drive: &Drive) -> Value {
    let hours = drive.hours();
    let entries = 21u64.min(hours / 168);
    let table: Vec<Value> = (0..entries)
        .map(|n| {
            let (value, name) = if n % 4 == 1 { (2, "Extended offline") } else { (1, "Short offline") };
            json!({
                "type": {"value": value, "string": name},
                "status": {"value": 0, "string": "Completed without error", "passed": true},
                "lifetime_hours": hours.saturating_sub(168 * n + 5) % 65_536,
            })
        })
        .collect();
    if table.is_empty() {
        return json!({"standard": {"revision": 1, "count": 0}});
    }
    json!({"standard": {"revision": 1, "table": table, "count": entries, "error_count_total": 0, "error_count_outdated": 0}})
}

fn selective_log() -> Value {
    let span = json!({"lba_min": 0, "lba_max": 0, "status": {"value": 0, "string": "Not_testing"}});
    json!({
        "revision": 1, "table": [span, span, span, span, span], "flags": {"value": 0, "remainder_scan_enabled": false},
        "power_up_scan_resume_minutes": 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::Kind;
    use crate::plan::sample;

    #[test]
    fn exit_status_follows_the_attributes() {
        let mut drive = sample(Kind::Sata);
        let with = |drive: &mut Drive, key: &str, value: Value| {
            drive.state.clear();
            drive.state.insert(key.to_owned(), value);
            answer(drive).status
        };
        assert_eq!(answer(&drive).status, 0);
        assert_eq!(with(&mut drive, "failed", json!(true)), 24);
        assert_eq!(with(&mut drive, "reallocated", json!(40)), 0);
        assert_eq!(with(&mut drive, "reallocated", json!(4000)), 16);
        assert_eq!(with(&mut drive, "ata_error_count", json!(3)), 64);
        assert_eq!(with(&mut drive, "temperature", json!(61)), 32);
    }

    #[test]
    fn flags_spell_their_letters() {
        let json = Attribute::new(5, "x", 51, 10, 0).json();
        assert_eq!(json.pointer("/flags/string"), Some(&json!("PO--CK ")));
        assert_eq!(json.pointer("/flags/auto_keep"), Some(&json!(true)));
    }
}
