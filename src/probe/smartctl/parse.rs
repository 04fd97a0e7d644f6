//! smartctl's JSON, field by field. A field that is absent, of an odd type or out of range is
//! `None`; it never costs another field, and never the drive.
//!
//! Names: smartmontools' `json.cpp` and `*print.cpp`, versions 7.0 to 7.5.

use crate::model::smart::{
    AtaAttribute, AtaDetail, ErrorCounters, ExitStatus, NvmeDetail, Protocol, ScsiDetail, SelfTest, SmartReport,
    TemperatureLimits, Wear,
};
use serde_json::Value;

/// What was in it.
#[derive(Debug, Default)]
pub struct Parsed {
    pub report: SmartReport,
    /// smartctl's messages, in its words.
    pub messages: Vec<String>,
    /// One of them says that the drive was left asleep.
    pub is_low_power: bool,
    pub exit_status: Option<u8>,
}

/// Reads everything there is. Text that is no JSON object gives nothing.
pub fn parse(json: &str) -> Parsed {
    let root: Value = serde_json::from_str(json).unwrap_or_default();
    let v = Fields(&root);
    let messages: Vec<String> = v.list("/smartctl/messages").filter_map(|m| Fields(m).text("/string")).collect();
    let is_low_power = messages.iter().any(|m| says_low_power(m));
    let exit_status = v.uint("/smartctl/exit_status").and_then(|s| u8::try_from(s).ok());
    Parsed { report: report(&v, exit_status), messages, is_low_power, exit_status }
}

/// `Device is in STANDBY mode, exit(3)`; SCSI: `… in STANDBY BY COMMAND mode …`, `IDLE_A`, `SLEEP`.
fn says_low_power(message: &str) -> bool {
    message.starts_with("Device is in ")
        && message.contains(" mode")
        && ["STANDBY", "SLEEP", "IDLE"].iter().any(|m| message.contains(m))
}

fn report(v: &Fields, exit_status: Option<u8>) -> SmartReport {
    let protocol = match v.text("/device/protocol").as_deref() {
        Some("ATA") => Some(Protocol::Ata),
        Some("SCSI") => Some(Protocol::Scsi),
        Some("NVMe") => Some(Protocol::Nvme),
        _ => None,
    };
    SmartReport {
        smartctl_version: version(v),
        exit_status: ExitStatus(exit_status),
        device_type: v.text("/device/type"),
        protocol,
        model_name: v.first_text(&["/model_name", "/scsi_model_name", "/scsi_product", "/product"]),
        vendor: v.first_text(&["/scsi_vendor", "/vendor"]),
        serial_number: v.text("/serial_number"),
        wwn: wwn(v),
        firmware_version: v.first_text(&["/firmware_version", "/scsi_revision", "/revision"]),
        user_capacity_bytes: v
            .first_uint(&["/user_capacity/bytes", "/nvme_total_capacity", "/nvme_namespaces/0/size/bytes"])
            .filter(|bytes| *bytes > 0),
        rotation_rate_rpm: v
            .uint("/rotation_rate")
            .and_then(|r| u32::try_from(r).ok())
            .or_else(|| (protocol == Some(Protocol::Nvme)).then_some(0)),
        temperature_celsius: temperature(v),
        power_on_hours: v.first_uint(&["/power_on_time/hours", "/nvme_smart_health_information_log/power_on_hours"]),
        power_cycle_count: v.uint("/power_cycle_count"),
        smart_status_passed: v.bool("/smart_status/passed"),
        ie_string: v.text("/smart_status/scsi/ie_string"),
        power_mode: v.text("/power_mode/name"),
        self_test: self_test(v),
        temperature_limits: TemperatureLimits::default(),
        wear: Wear::default(),
        ata: (protocol == Some(Protocol::Ata)).then(|| ata(v)),
        scsi: (protocol == Some(Protocol::Scsi)).then(|| scsi(v)),
        nvme: (protocol == Some(Protocol::Nvme)).then(|| nvme(v)),
    }
}

fn version(v: &Fields) -> Option<String> {
    Some(format!("{}.{}", v.uint("/smartctl/version/0")?, v.uint("/smartctl/version/1")?))
}

/// The name of the unit. ATA gives it in three parts (NAA 4 bits, OUI 24, id 36), SCSI as hex.
fn wwn(v: &Fields) -> Option<String> {
    let parts = || {
        let (naa, oui, id) = (v.uint("/wwn/naa")?, v.uint("/wwn/oui")?, v.uint("/wwn/id")?);
        let fits = naa < 1 << 4 && oui < 1 << 24 && id < 1 << 36;
        let name = naa << 60 | (oui & 0xff_ffff) << 36 | id;
        (fits && name << 4 != 0).then(|| format!("0x{name:016x}"))
    };
    parts().or_else(|| {
        let id = v.text("/logical_unit_id")?.to_ascii_lowercase();
        let hex = id.strip_prefix("0x")?;
        let zero = hex.bytes().skip(1).all(|b| b == b'0');
        (!zero && hex.bytes().all(|b| b.is_ascii_hexdigit())).then_some(id)
    })
}

/// Rule C6: what means "unknown" is unknown. 0 is a placeholder of drives without a sensor page,
/// 255 is "not available" in the standard; no drive works beyond the other bounds.
fn temperature(v: &Fields) -> Option<i32> {
    ["/temperature/current", "/scsi_temperature/current", "/scsi_environmental_reports/temperature_1/current"]
        .iter()
        .filter_map(|path| v.int(path))
        .find(|t| (1..=120).contains(t))
        .and_then(|t| i32::try_from(t).ok())
}

/// The running self-test, or the newest one in the log, wherever the protocol keeps it.
fn self_test(v: &Fields) -> Option<SelfTest> {
    let percent = |n: Option<u64>| n.and_then(|n| u8::try_from(n).ok()).filter(|n| *n <= 100);
    if let Some(status) = v.get("/ata_smart_data/self_test/status") {
        let status = Fields(status);
        return Some(SelfTest {
            status: status.text("/string"),
            passed: status.bool("/passed"),
            remaining_percent: percent(status.uint("/remaining_percent")),
            ..SelfTest::default()
        });
    }
    if let Some(running) = v.text("/nvme_self_test_log/current_self_test_operation/string") {
        let done = v.uint("/nvme_self_test_log/current_self_test_completion_percent");
        if let Some(done) = done.filter(|d| *d <= 100) {
            return Some(SelfTest {
                status: Some(running),
                passed: None,
                remaining_percent: percent(Some(100 - done)),
                ..SelfTest::default()
            });
        }
    }
    let newest = v.get("/nvme_self_test_log/table/0/self_test_result").or_else(|| v.get("/scsi_self_test_0/result"))?;
    let status = Fields(newest).text("/string");
    let passed = Fields(newest).uint("/value").and_then(|code| match code {
        0 => Some(true),
        // SPC-4 and NVMe: 3 to 7 are failures, the rest is aborted, unknown or in progress.
        3..=7 => Some(false),
        _ => None,
    });
    Some(SelfTest { status, passed, ..SelfTest::default() })
}

fn ata(v: &Fields) -> AtaDetail {
    let attributes = v.list("/ata_smart_attributes/table").filter_map(|row| {
        let row = Fields(row);
        let byte = |path: &str| row.uint(path).and_then(|n| u8::try_from(n).ok());
        Some(AtaAttribute {
            id: byte("/id")?,
            name: row.text("/name"),
            value: byte("/value"),
            worst: byte("/worst"),
            thresh: byte("/thresh"),
            prefailure: row.bool("/flags/prefailure"),
            when_failed: row.text("/when_failed"),
            raw_value: row.uint("/raw/value"),
            raw_string: row.text("/raw/string"),
        })
    });
    AtaDetail {
        attributes: attributes.collect(),
        error_log_count: v.first_uint(&["/ata_smart_error_log/extended/count", "/ata_smart_error_log/summary/count"]),
        ..AtaDetail::default()
    }
}

fn scsi(v: &Fields) -> ScsiDetail {
    let counters = |name: &str| {
        let row = Fields(v.get(&format!("/scsi_error_counter_log/{name}"))?);
        Some(ErrorCounters {
            total_errors_corrected: row.uint("/total_errors_corrected"),
            total_uncorrected_errors: row.uint("/total_uncorrected_errors"),
            ..ErrorCounters::default()
        })
    };
    ScsiDetail {
        grown_defect_list: v.uint("/scsi_grown_defect_list"),
        read: counters("read"),
        write: counters("write"),
        verify: counters("verify"),
        ..ScsiDetail::default()
    }
}

fn nvme(v: &Fields) -> NvmeDetail {
    let log = |name: &str| v.uint(&format!("/nvme_smart_health_information_log/{name}"));
    NvmeDetail {
        critical_warning: log("critical_warning").and_then(|w| u8::try_from(w).ok()),
        available_spare_percent: log("available_spare"),
        available_spare_threshold_percent: log("available_spare_threshold"),
        percentage_used: log("percentage_used"),
        media_errors: log("media_errors"),
        num_err_log_entries: log("num_err_log_entries"),
        unsafe_shutdowns: log("unsafe_shutdowns"),
        data_units_read: log("data_units_read"),
        data_units_written: log("data_units_written"),
        warning_temp_time_minutes: log("warning_temp_time"),
        critical_comp_time_minutes: log("critical_comp_time"),
        ..NvmeDetail::default()
    }
}

/// Reads fields one by one, by JSON pointer.
struct Fields<'a>(&'a Value);

impl<'a> Fields<'a> {
    fn get(&self, path: &str) -> Option<&'a Value> {
        self.0.pointer(path).filter(|v| !v.is_null())
    }

    /// Numbers may come as text (`"year_of_manufacture": "2021"`, counters beyond 2^53).
    fn uint(&self, path: &str) -> Option<u64> {
        match self.get(path)? {
            Value::Number(n) => n.as_u64(),
            Value::String(s) => s.trim().parse().ok(),
            _ => None,
        }
    }

    fn int(&self, path: &str) -> Option<i64> {
        self.get(path)?.as_i64()
    }

    fn bool(&self, path: &str) -> Option<bool> {
        self.get(path)?.as_bool()
    }

    /// Trimmed; empty is absent.
    fn text(&self, path: &str) -> Option<String> {
        let text = self.get(path)?.as_str()?.trim_matches(|c: char| c.is_whitespace() || c.is_control());
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn first_text(&self, paths: &[&str]) -> Option<String> {
        paths.iter().find_map(|p| self.text(p))
    }

    fn first_uint(&self, paths: &[&str]) -> Option<u64> {
        paths.iter().find_map(|p| self.uint(p))
    }

    fn list(&self, path: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
        self.get(path).and_then(Value::as_array).into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_odd_field_costs_only_itself() {
        let odd = r#"{"device":{"protocol":"ATA","type":7},"serial_number":" S1 ","model_name":[],"user_capacity":{"bytes":-1},
            "temperature":{"current":255},"power_on_time":{"hours":"123"},"smart_status":{"passed":"yes"},
            "ata_smart_attributes":{"table":[{"id":5,"raw":{"value":8}},{"id":999},null,7,{"id":"9","value":"x","raw":{"value":9023116403587028}}]}}"#;
        let report = parse(odd).report;
        assert_eq!(report.serial_number.as_deref(), Some("S1"));
        assert_eq!((report.model_name, report.user_capacity_bytes, report.temperature_celsius), (None, None, None));
        assert_eq!((report.power_on_hours, report.smart_status_passed, report.device_type), (Some(123), None, None));
        let ata = report.ata.unwrap_or_default();
        assert_eq!((ata.raw(5), ata.raw(9), ata.attributes.len()), (Some(8), Some(9_023_116_403_587_028), 2));
        for nothing in ["", "[]", "null", "{", "7"] {
            assert_eq!(parse(nothing).report, SmartReport::default());
        }
    }

    #[test]
    fn names_of_units_are_written_one_way() {
        let wwn = |json: &str| parse(json).report.wwn;
        assert_eq!(wwn(r#"{"wwn":{"naa":5,"oui":3274,"id":11274307072}}"#).as_deref(), Some("0x5000cca2a0004600"));
        assert_eq!(wwn(r#"{"logical_unit_id":"0x5000C500A0000000"}"#).as_deref(), Some("0x5000c500a0000000"));
        assert_eq!(wwn(r#"{"wwn":{"naa":0,"oui":0,"id":0}}"#), None);
        assert_eq!(wwn(r#"{"logical_unit_id":"0x0000000000000000"}"#), None);
        assert_eq!(wwn(r#"{"wwn":{"naa":16,"oui":1,"id":1}}"#), None);
    }

    #[test]
    fn a_placeholder_temperature_gives_way_to_a_real_one() {
        let t = |json: &str| parse(json).report.temperature_celsius;
        assert_eq!(t(r#"{"temperature":{"current":0},"scsi_temperature":{"current":31}}"#), Some(31));
        assert_eq!(t(r#"{"temperature":{"current":-5}}"#), None);
        assert_eq!(t(r#"{"temperature":{"current":121}}"#), None);
    }

    #[test]
    fn sleep_is_told_by_the_message() {
        for message in [
            "Device is in STANDBY mode, exit(3)",
            "Device is in STANDBY BY COMMAND mode, exit(2)",
            "Device is in SLEEP mode, exit(3)",
        ] {
            assert!(says_low_power(message), "{message}");
        }
        for message in ["Smartctl open device: /dev/sda failed: No such device", "CHECK POWER MODE not implemented"] {
            assert!(!says_low_power(message), "{message}");
        }
    }
}
