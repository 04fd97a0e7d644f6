//! The SMART attributes of a SATA drive: those of its kind, and those that `set` changes, adds or removes.

use crate::drive::Drive;
use crate::output::object;
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

/// Names and flags of attributes that a drive has only if `set` adds them.
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

/// Fields of the keys of `set`, as in `attr.5.raw=17`.
pub const FIELDS: [&str; 8] = ["raw", "value", "worst", "thresh", "text", "name", "prefail", "absent"];

/// Minutes of attribute 9 with `hours_packed`.
pub const PACKED_MINUTES: u64 = 35;

/// `when_failed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    Never,
    Past,
    Now,
}

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

    /// An attribute that `set` adds.
    fn added(id: u64) -> Self {
        match OTHERS.iter().find(|(known, _, _)| *known == id) {
            Some((_, name, flags)) => Self::new(id, name, *flags, 0, 0),
            None => Self::new(id, "Unknown_Attribute", 50, 0, 0),
        }
    }

    fn normalized(self, value: u64) -> Self {
        Self { value, worst: value.min(self.worst), ..self }
    }

    fn worst(self, worst: u64) -> Self {
        Self { worst, ..self }
    }

    fn with_text(self, text: String) -> Self {
        Self { text, ..self }
    }

    pub fn is_prefailure(&self) -> bool {
        self.flags & 1 == 1
    }

    pub fn failed(&self) -> Failed {
        match self.threshold {
            0 => Failed::Never,
            threshold if self.value <= threshold => Failed::Now,
            threshold if self.worst <= threshold => Failed::Past,
            _ => Failed::Never,
        }
    }

    /// A key of `set`.
    fn key(&self, field: &str) -> String {
        format!("attr.{}.{field}", self.id)
    }

    fn apply_set(&mut self, drive: &Drive) {
        if let Some(raw) = drive.number(&self.key("raw")) {
            self.raw = raw;
            self.text = raw.to_string();
        }
        if let Some(value) = drive.number(&self.key("value")) {
            self.value = value;
            self.worst = self.worst.min(value);
        }
        self.worst = drive.number_or(&self.key("worst"), self.worst);
        self.threshold = drive.number_or(&self.key("thresh"), self.threshold);
        if let Some(text) = drive.text(&self.key("text")) {
            text.clone_into(&mut self.text);
        }
        if let Some(name) = drive.text(&self.key("name")) {
            name.clone_into(&mut self.name);
        }
        if let Some(Value::Bool(prefail)) = drive.state.get(&self.key("prefail")) {
            self.flags = self.flags & !1 | u64::from(*prefail);
        }
    }

    pub fn json(&self) -> Value {
        let mut letters = String::new();
        let mut flags = object(json!({"value": self.flags}));
        for (bit, letter, name) in LETTERS {
            let is_set = self.flags & bit != 0;
            letters.push(if is_set { letter } else { '-' });
            flags.insert(name.to_owned(), json!(is_set));
        }
        flags.insert("string".to_owned(), json!(letters + " "));
        let when_failed = match self.failed() {
            Failed::Never => "",
            Failed::Past => "past",
            Failed::Now => "now",
        };
        json!({
            "id": self.id, "name": self.name, "value": self.value, "worst": self.worst, "thresh": self.threshold,
            "when_failed": when_failed, "flags": flags, "raw": {"value": self.raw, "string": self.text},
        })
    }
}

/// The table, sorted by number.
pub fn attributes(drive: &Drive) -> Vec<Attribute> {
    let mut all = if drive.rotation == 0 { ssd(drive) } else { hard_disk(drive) };
    for key in drive.state.keys() {
        if let Some(id) = attribute_of(key)
            && all.iter().all(|attribute| attribute.id != id)
        {
            all.push(Attribute::added(id));
        }
    }
    all.sort_by_key(|attribute| attribute.id);
    all.retain(|attribute| !drive.flag(&attribute.key("absent")));
    for attribute in &mut all {
        attribute.apply_set(drive);
    }
    all
}

/// The number in a key of `set` such as `attr.5.raw`.
fn attribute_of(key: &str) -> Option<u64> {
    let (id, _) = key.strip_prefix("attr.")?.split_once('.')?;
    id.parse().ok()
}

/// A normalized value that falls from 100 to 1.
fn falling(by: u64) -> u64 {
    100u64.saturating_sub(by).max(1)
}

struct Temperatures {
    current: u64,
    highest: u64,
    /// Current, lowest and highest in 16 bits each.
    raw: u64,
    text: String,
}

fn temperatures(drive: &Drive) -> Temperatures {
    let current = u64::try_from(drive.temperature()).unwrap_or(0);
    let lowest = current.min(18 + drive.made_up("low", 6));
    let highest = current.max(44 + drive.made_up("high", 8));
    Temperatures {
        current,
        highest,
        raw: highest << 32 | lowest << 16 | current,
        text: format!("{current} (Min/Max {lowest}/{highest})"),
    }
}

/// Some firmware packs the value: hours in the lower 32 bits, milliseconds of the hour above.
fn power_on_hours(drive: &Drive, flags: u64) -> Attribute {
    let hours = drive.hours();
    let plain = Attribute::new(9, "Power_On_Hours", flags, 0, hours).normalized(falling(hours / 876));
    if !drive.flag("hours_packed") {
        return plain;
    }
    let milliseconds = 2_100_858;
    let text = format!("{hours}h+{PACKED_MINUTES:02}m+{:02}.{:03}s", milliseconds / 1000 % 60, milliseconds % 1000);
    Attribute { raw: hours & 0xffff_ffff | milliseconds << 32, ..plain }.with_text(text)
}

fn reported_uncorrect(drive: &Drive) -> Attribute {
    let count = drive.number_or("reported_uncorrect", 0);
    Attribute::new(187, "Reported_Uncorrect", 50, 0, count).normalized(falling(count))
}

fn reallocated_sectors(drive: &Drive, count_if_failed: u64) -> Attribute {
    let failed = drive.flag("failed");
    let count = drive.number_or("reallocated", if failed { count_if_failed } else { 0 });
    let value = if failed { 1 } else { falling(count / 20) };
    Attribute::new(5, "Reallocated_Sector_Ct", 51, 10, count).normalized(value)
}

fn hard_disk(drive: &Drive) -> Vec<Attribute> {
    let hours = drive.hours();
    let cycles = 20 + drive.made_up("cycles", 90);
    let retracts = 300 + drive.made_up("retracts", 1_500);
    let Temperatures { current, highest, raw, text } = temperatures(drive);
    let flying = hours.saturating_sub(40);
    let seek = drive.made_up("seek", 900_000_000);
    let mut all = vec![
        Attribute::new(1, "Raw_Read_Error_Rate", 15, 44, drive.made_up("read rate", 200_000_000))
            .normalized(80)
            .worst(64),
        Attribute::new(3, "Spin_Up_Time", 3, 0, 0).normalized(91).worst(90),
        Attribute::new(4, "Start_Stop_Count", 50, 20, cycles),
        reallocated_sectors(drive, 1_801),
        Attribute::new(7, "Seek_Error_Rate", 15, 45, seek).normalized(88).worst(60),
        power_on_hours(drive, 50),
        Attribute::new(10, "Spin_Retry_Count", 19, 97, 0),
        Attribute::new(12, "Power_Cycle_Count", 50, 20, cycles),
        reported_uncorrect(drive),
        Attribute::new(188, "Command_Timeout", 50, 0, 0).with_text("0 0 0".to_owned()),
        Attribute::new(190, "Airflow_Temperature_Cel", 34, 40, raw)
            .normalized(falling(current))
            .worst(falling(highest))
            .with_text(text.clone()),
        Attribute::new(192, "Power-Off_Retract_Count", 50, 0, retracts),
        Attribute::new(193, "Load_Cycle_Count", 50, 0, retracts * 3).normalized(99),
        Attribute::new(194, "Temperature_Celsius", 34, 0, raw)
            .normalized(current.max(1))
            .worst(highest)
            .with_text(text),
        Attribute::new(197, "Current_Pending_Sector", 18, 0, drive.number_or("pending", 0)),
        Attribute::new(198, "Offline_Uncorrectable", 16, 0, drive.number_or("offline_uncorrectable", 0)),
        Attribute::new(199, "UDMA_CRC_Error_Count", 62, 0, drive.number_or("crc_errors", 0)).normalized(200).worst(200),
        Attribute::new(240, "Head_Flying_Hours", 0, 0, flying | 37 << 32).with_text(format!("{flying}h+37m+12.482s")),
        Attribute::new(241, "Total_LBAs_Written", 0, 0, hours * 4_000_000 + seek),
        Attribute::new(242, "Total_LBAs_Read", 0, 0, hours * 11_000_000 + seek),
    ];
    if drive.reported_model().contains("WUH72") {
        all.push(Attribute::new(22, "Helium_Level", 35, 25, 100));
    }
    all
}

fn ssd(drive: &Drive) -> Vec<Attribute> {
    let Temperatures { current, highest, raw, text } = temperatures(drive);
    let used = percentage_used(drive);
    let written = drive.hours() * 2_600_000 + drive.made_up("written", 900_000_000);
    vec![
        reallocated_sectors(drive, 900),
        power_on_hours(drive, 50),
        Attribute::new(12, "Power_Cycle_Count", 50, 0, 10 + drive.made_up("cycles", 60)).normalized(99),
        Attribute::new(177, "Wear_Leveling_Count", 19, 5, used * 13).normalized(falling(used)),
        Attribute::new(179, "Used_Rsvd_Blk_Cnt_Tot", 19, 10, 0),
        Attribute::new(184, "End-to-End_Error", 51, 97, 0),
        reported_uncorrect(drive),
        Attribute::new(190, "Airflow_Temperature_Cel", 50, 0, current)
            .normalized(falling(current))
            .worst(falling(highest)),
        Attribute::new(194, "Temperature_Celsius", 34, 0, raw)
            .normalized(falling(current))
            .worst(falling(highest))
            .with_text(text),
        Attribute::new(197, "Current_Pending_Sector", 50, 0, drive.number_or("pending", 0)),
        Attribute::new(199, "UDMA_CRC_Error_Count", 62, 0, drive.number_or("crc_errors", 0)),
        Attribute::new(235, "POR_Recovery_Count", 18, 0, 5 + drive.made_up("por", 20)).normalized(99),
        Attribute::new(241, "Total_LBAs_Written", 50, 0, written).normalized(99),
        Attribute::new(242, "Total_LBAs_Read", 50, 0, written * 2).normalized(99),
    ]
}

/// Endurance used of an SSD, in percent; may exceed 100.
pub fn percentage_used(drive: &Drive) -> u64 {
    drive.number_or("percentage_used", drive.made_up("used", 12))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::Kind;
    use crate::products::sample;

    fn row(drive: &Drive, id: u64) -> Option<Value> {
        attributes(drive).iter().find(|attribute| attribute.id == id).map(Attribute::json)
    }

    #[test]
    fn flags_spell_their_letters() {
        let json = Attribute::new(5, "x", 51, 10, 0).json();
        assert_eq!(json.pointer("/flags/string"), Some(&json!("PO--CK ")));
        assert_eq!(json.pointer("/flags/auto_keep"), Some(&json!(true)));
    }

    #[test]
    fn any_attribute_can_be_set_added_or_removed() {
        let mut drive = sample(Kind::Sata);
        drive.model = "ST16000NM001G-2KK103".to_owned();
        drive.state = object(json!({
            "attr.188.raw": 51_540_393_996_u64,
            "attr.22.raw": 82,
            "attr.22.thresh": 25,
            "attr.22.value": 20,
            "attr.10.prefail": false,
            "attr.187.absent": true,
        }));
        let timeouts = row(&drive, 188).unwrap();
        assert_eq!(timeouts["raw"]["string"], "51540393996", "a packed count is reported as one number");
        let helium = row(&drive, 22).unwrap();
        assert_eq!((&helium["name"], &helium["when_failed"]), (&json!("Helium_Level"), &json!("now")));
        assert_eq!(row(&drive, 10).unwrap()["flags"]["string"], "-O--C- ");
        assert_eq!(row(&drive, 187), None);
        let numbers: Vec<u64> = attributes(&drive).iter().map(|attribute| attribute.id).collect();
        assert!(numbers.is_sorted(), "{numbers:?}");
    }
}
