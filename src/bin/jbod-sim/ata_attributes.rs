//! The SMART attributes of a SATA drive: those its kind has, and what `set` says of each.

use crate::answer_scsi::object;
use crate::drive::Drive;
use serde_json::{Value, json};

/// Attribute flags, from the lowest bit.
const LETTERS: [(u64, char, &str); 6] = [
    (1, 'P', "prefailure"),
    (2, 'O', "updated_online"),
    (4, 'S', "performance"),
    (8, 'R', "error_rate"),
    (16, 'C', "event_count"),
    (32, 'K', "auto_keep"),
];

/// What smartctl calls attributes that a drive need not have, and their usual flags.
const OTHERS: [(u64, &str, u64); 9] = [
    (11, "Calibration_Retry_Count", 50),
    (22, "Helium_Level", 35),
    (170, "Available_Reservd_Space", 51),
    (184, "End-to-End_Error", 50),
    (189, "High_Fly_Writes", 58),
    (191, "G-Sense_Error_Rate", 50),
    (196, "Reallocated_Event_Count", 50),
    (200, "Multi_Zone_Error_Rate", 8),
    (201, "Soft_Read_Error_Rate", 10),
];

/// The fields of an attribute that `set` takes, as in `attr.5.raw=17`.
pub const FIELDS: [&str; 8] = ["raw", "value", "worst", "thresh", "text", "name", "prefail", "absent"];

pub struct Attribute {
    pub id: u64,
    name: String,
    flags: u64,
    value: u64,
    worst: u64,
    threshold: u64,
    raw: u64,
    text: String,
}

impl Attribute {
    fn new(id: u64, name: &str, flags: u64, threshold: u64, raw: u64) -> Self {
        Self { id, name: name.to_owned(), flags, value: 100, worst: 100, threshold, raw, text: raw.to_string() }
    }

    /// One that this kind of drive does not have by itself.
    fn other(id: u64) -> Self {
        let known = OTHERS.iter().find(|(number, _, _)| *number == id);
        Self::new(id, known.map_or("Unknown_Attribute", |o| o.1), known.map_or(50, |o| o.2), 0, 0)
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

    pub fn prefailure(&self) -> bool {
        self.flags & 1 == 1
    }

    pub fn failed(&self) -> &'static str {
        match self.threshold {
            0 => "",
            limit if self.value <= limit => "now",
            limit if self.worst <= limit => "past",
            _ => "",
        }
    }

    /// With what `set` says of it.
    fn with_set(mut self, drive: &Drive) -> Option<Self> {
        let key = |field: &str| format!("attr.{}.{field}", self.id);
        let number = |field: &str| drive.number(&key(field));
        if drive.flag(&key("absent")) {
            return None;
        }
        if let Some(raw) = number("raw") {
            (self.raw, self.text) = (raw, raw.to_string());
        }
        if let Some(value) = number("value") {
            self = Self { worst: self.worst.min(value), value, ..self };
        }
        let key = |field: &str| format!("attr.{}.{field}", self.id);
        self.worst = drive.number(&key("worst")).unwrap_or(self.worst);
        self.threshold = drive.number(&key("thresh")).unwrap_or(self.threshold);
        if let Some(text) = drive.text(&key("text")) {
            text.clone_into(&mut self.text);
        }
        if let Some(name) = drive.text(&key("name")) {
            name.clone_into(&mut self.name);
        }
        if let Some(prefail) = drive.state.get(&key("prefail")).and_then(Value::as_bool) {
            self.flags = self.flags & !1 | u64::from(prefail);
        }
        Some(self)
    }

    pub fn json(&self) -> Value {
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

/// The table as the drive gives it, by number.
pub fn attributes(drive: &Drive) -> Vec<Attribute> {
    let mut all = if drive.rotation == 0 { flash(drive) } else { spinning(drive) };
    let mut added: Vec<u64> =
        drive.state.keys().filter_map(|k| k.strip_prefix("attr.")?.split('.').next()?.parse().ok()).collect();
    added.retain(|id| all.iter().all(|a| a.id != *id));
    added.dedup();
    all.extend(added.into_iter().map(Attribute::other));
    all.sort_by_key(|a| a.id);
    all.into_iter().filter_map(|a| a.with_set(drive)).collect()
}

fn lower(n: u64) -> u64 {
    100u64.saturating_sub(n).max(1)
}

/// Current, lowest and highest temperature in 16 bits each, and the text smartctl makes of them.
fn temperatures(drive: &Drive) -> (u64, u64, u64, String) {
    let celsius = u64::try_from(drive.temperature()).unwrap_or(0);
    let (low, high) = (celsius.min(18 + drive.made_up("low", 6)), celsius.max(44 + drive.made_up("high", 8)));
    (celsius, high, high << 32 | low << 16 | celsius, format!("{celsius} (Min/Max {low}/{high})"))
}

/// Attribute 9, which some firmware packs: hours below, milliseconds of the hour above.
fn hours(drive: &Drive, flags: u64) -> Attribute {
    let hours = drive.hours();
    let plain = Attribute::new(9, "Power_On_Hours", flags, 0, hours).at(lower(hours / 876));
    if !drive.flag("hours_packed") {
        return plain;
    }
    let milliseconds = 2_100_858;
    let text = format!("{hours}h+{:02}m+{:02}.{:03}s", minutes(), milliseconds / 1000 % 60, milliseconds % 1000);
    Attribute { raw: hours & 0xffff_ffff | milliseconds << 32, ..plain }.told(text)
}

/// The minutes that go with packed hours.
pub fn minutes() -> u64 {
    35
}

fn spinning(drive: &Drive) -> Vec<Attribute> {
    let on = drive.hours();
    let cycles = 20 + drive.made_up("cycles", 90);
    let retracts = 300 + drive.made_up("retracts", 1_500);
    let (celsius, high, packed, told) = temperatures(drive);
    let failed = drive.flag("failed");
    let moved = drive.number("reallocated").unwrap_or(if failed { 1_801 } else { 0 });
    let moved_value = if failed { 1 } else { lower(moved / 20) };
    let count = |key: &str| drive.number(key).unwrap_or(0);
    let flying = on.saturating_sub(40);
    let seek = drive.made_up("seek", 900_000_000);
    let mut all = vec![
        Attribute::new(1, "Raw_Read_Error_Rate", 15, 44, drive.made_up("read rate", 200_000_000)).at(80).worst(64),
        Attribute::new(3, "Spin_Up_Time", 3, 0, 0).at(91).worst(90),
        Attribute::new(4, "Start_Stop_Count", 50, 20, cycles),
        Attribute::new(5, "Reallocated_Sector_Ct", 51, 10, moved).at(moved_value),
        Attribute::new(7, "Seek_Error_Rate", 15, 45, seek).at(88).worst(60),
        hours(drive, 50),
        Attribute::new(10, "Spin_Retry_Count", 19, 97, 0),
        Attribute::new(12, "Power_Cycle_Count", 50, 20, cycles),
        Attribute::new(187, "Reported_Uncorrect", 50, 0, count("reported_uncorrect"))
            .at(lower(count("reported_uncorrect"))),
        Attribute::new(188, "Command_Timeout", 50, 0, 0).told("0 0 0".to_owned()),
        Attribute::new(190, "Airflow_Temperature_Cel", 34, 40, packed)
            .at(lower(celsius))
            .worst(lower(high))
            .told(told.clone()),
        Attribute::new(192, "Power-Off_Retract_Count", 50, 0, retracts),
        Attribute::new(193, "Load_Cycle_Count", 50, 0, retracts * 3).at(99),
        Attribute::new(194, "Temperature_Celsius", 34, 0, packed).at(celsius.max(1)).worst(high).told(told),
        Attribute::new(197, "Current_Pending_Sector", 18, 0, count("pending")),
        Attribute::new(198, "Offline_Uncorrectable", 16, 0, count("offline_uncorrectable")),
        Attribute::new(199, "UDMA_CRC_Error_Count", 62, 0, count("crc_errors")).at(200).worst(200),
        Attribute::new(240, "Head_Flying_Hours", 0, 0, flying | 37 << 32).told(format!("{flying}h+37m+12.482s")),
        Attribute::new(241, "Total_LBAs_Written", 0, 0, on * 4_000_000 + seek),
        Attribute::new(242, "Total_LBAs_Read", 0, 0, on * 11_000_000 + seek),
    ];
    if drive.told_model().contains("WUH72") {
        all.push(Attribute::new(22, "Helium_Level", 35, 25, 100));
    }
    all
}

fn flash(drive: &Drive) -> Vec<Attribute> {
    let count = |key: &str| drive.number(key).unwrap_or(0);
    let (celsius, high, packed, told) = temperatures(drive);
    let failed = drive.flag("failed");
    let moved = drive.number("reallocated").unwrap_or(if failed { 900 } else { 0 });
    let used = wear(drive);
    let written = drive.hours() * 2_600_000 + drive.made_up("written", 900_000_000);
    vec![
        Attribute::new(5, "Reallocated_Sector_Ct", 51, 10, moved).at(if failed { 1 } else { lower(moved / 20) }),
        hours(drive, 50),
        Attribute::new(12, "Power_Cycle_Count", 50, 0, 10 + drive.made_up("cycles", 60)).at(99),
        Attribute::new(177, "Wear_Leveling_Count", 19, 5, used * 13).at(lower(used)),
        Attribute::new(179, "Used_Rsvd_Blk_Cnt_Tot", 19, 10, 0),
        Attribute::new(184, "End-to-End_Error", 51, 97, 0),
        Attribute::new(187, "Reported_Uncorrect", 50, 0, count("reported_uncorrect"))
            .at(lower(count("reported_uncorrect"))),
        Attribute::new(190, "Airflow_Temperature_Cel", 50, 0, celsius).at(lower(celsius)).worst(lower(high)),
        Attribute::new(194, "Temperature_Celsius", 34, 0, packed).at(lower(celsius)).worst(lower(high)).told(told),
        Attribute::new(197, "Current_Pending_Sector", 50, 0, count("pending")),
        Attribute::new(199, "UDMA_CRC_Error_Count", 62, 0, count("crc_errors")),
        Attribute::new(235, "POR_Recovery_Count", 18, 0, 5 + drive.made_up("por", 20)).at(99),
        Attribute::new(241, "Total_LBAs_Written", 50, 0, written).at(99),
        Attribute::new(242, "Total_LBAs_Read", 50, 0, written * 2).at(99),
    ]
}

/// How much of its life an SSD has used, in percent.
pub fn wear(drive: &Drive) -> u64 {
    drive.number("percentage_used").unwrap_or_else(|| drive.made_up("used", 12))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::Kind;
    use crate::products::sample;

    fn row(drive: &Drive, id: u64) -> Option<Value> {
        attributes(drive).iter().find(|a| a.id == id).map(Attribute::json)
    }

    #[test]
    fn flags_spell_their_letters() {
        let json = Attribute::new(5, "x", 51, 10, 0).json();
        assert_eq!(json.pointer("/flags/string"), Some(&json!("PO--CK ")));
        assert_eq!(json.pointer("/flags/auto_keep"), Some(&json!(true)));
    }

    #[test]
    fn any_attribute_can_be_set_added_or_taken_away() {
        let mut drive = sample(Kind::Sata);
        drive.model = "ST16000NM001G-2KK103".to_owned();
        let mut set = |key: &str, value: Value| drive.state.insert(key.to_owned(), value);
        set("attr.188.raw", json!(51_540_393_996_u64));
        set("attr.22.raw", json!(82));
        set("attr.22.thresh", json!(25));
        set("attr.22.value", json!(20));
        set("attr.10.prefail", json!(false));
        set("attr.187.absent", json!(true));
        let told = row(&drive, 188).and_then(|r| r.pointer("/raw/string").cloned());
        assert_eq!(told, Some(json!("51540393996")), "packed counts are told as one number");
        let helium = row(&drive, 22);
        assert_eq!(helium.as_ref().and_then(|r| r.get("name")), Some(&json!("Helium_Level")));
        assert_eq!(helium.as_ref().and_then(|r| r.get("when_failed")), Some(&json!("now")));
        assert_eq!(row(&drive, 10).and_then(|r| r.pointer("/flags/string").cloned()), Some(json!("-O--C- ")));
        assert_eq!(row(&drive, 187), None);
        let numbers: Vec<u64> = attributes(&drive).iter().map(|a| a.id).collect();
        assert!(numbers.is_sorted(), "{numbers:?}");
    }
}
