//! Outputs of smartctl (`tests/fixtures/smartctl`), file by file: every field is shown as in the file, except for
//! placeholders and for raw values that pack several numbers, whose meaning is shown.

use crate::support;

use serde_json::{Value, json};
use std::ffi::OsStr;
use std::path::Path;
use support::daemon::Daemon;
use support::fixture;
use support::json::{drive, drives, list, text};
use support::redis::Redis;
use support::sim::Sim;

/// Outputs that name no drive, for which the simulator has no drive.
const WITHOUT_DRIVE: [&str; 5] = [
    "error-operation-not-permitted.json",
    "error-permission-denied.json",
    "error-unknown-device-type.json",
    "low-power.json",
    "standby.json",
];

/// Fields that are not shown as in the file: the value, and the reason.
const DECODED: [(&str, &str, Option<i64>, &str); 8] = [
    (
        "ssd-temperature-placeholder.json",
        "/temperature_celsius",
        Some(28),
        "0 with limits of 0 to 100 is the placeholder of an empty SCT log; attribute 194 has the degrees",
    ),
    ("ssd-temperature-placeholder.json", "/temperature_limits/op_limit_max_celsius", None, "the same placeholder"),
    ("ssd-temperature-placeholder.json", "/temperature_limits/limit_max_celsius", None, "the same placeholder"),
    (
        "ssd-wear-guess-contradicts-itself.json",
        "/wear/endurance_used_percent",
        None,
        "smartctl guesses from VALUE 12, and the raw value is 88: one is what is left, the other what is used",
    ),
    ("sas-exceptions-switched-off.json", "/smart_status_passed", None, "the drive does not report failures"),
    ("sas-counters-of-all-ones.json", "/scsi/read/total_errors_corrected", None, "the counter is not kept"),
    ("sas-counters-of-all-ones.json", "/scsi/write/total_errors_corrected", None, "the counter is not kept"),
    ("sas-counters-of-all-ones.json", "/scsi/write/total_uncorrected_errors", None, "the counter is not kept"),
];

/// Raw values that pack several numbers: file, attribute, and the number in it.
const PACKED: [(&str, u64, u64); 11] = [
    ("ata-reallocated-pending-and-helium.json", 194, 31),
    ("ata-one-reallocated-sector.json", 190, 31),
    ("ata-one-reallocated-sector.json", 194, 31),
    ("ssd-airflow-is-not-the-drive.json", 190, 21),
    ("ssd-airflow-is-not-the-drive.json", 194, 28),
    ("ssd-one-reallocated-block.json", 190, 27),
    ("ssd-temperature-placeholder.json", 194, 28),
    ("ata-hours-with-milliseconds.json", 9, 46_012),
    ("ata-hours-with-other-bytes.json", 9, 33_071),
    ("ata-timeouts-packed-without-text.json", 188, 9),
    ("ata-behind-megaraid.json", 188, 0),
];

/// The last self-test of each drive that has one: status, passed or not, what remains in percent, and whether the last test
/// with a result passed.
type SelfTest = (&'static str, Option<&'static str>, Option<bool>, Option<u64>, Option<bool>);
const SELF_TESTS: [SelfTest; 9] = [
    ("ata-attributes-at-their-thresholds.json", Some("completed: read failure"), Some(false), None, Some(false)),
    // Without a log, this is also the status of a drive that was never tested.
    ("ata-behind-megaraid.json", Some("completed without error"), Some(true), None, None),
    ("ata-plain.json", Some("completed without error"), Some(true), None, Some(true)),
    ("ata-self-test-runs.json", Some("in progress, 70% remaining"), None, Some(70), Some(true)),
    ("nvme-warning-of-heat.json", Some("Aborted: Self-test command"), None, None, Some(true)),
    // The last test is not the one whose key is sorted first.
    ("sas-self-tests-sorted-as-text.json", Some("Aborted (by user command)"), None, None, Some(true)),
    ("sas-short-logical-unit-id.json", Some("Completed"), Some(true), None, Some(true)),
    ("sas-ssd-endurance.json", Some("Completed"), Some(true), None, Some(true)),
    // The output has only the log.
    ("ssd-wear-in-device-statistics.json", None, None, None, Some(true)),
];

/// Attributes that no rule judges although a rule has their number.
const NOT_JUDGED: [(&str, &[u64]); 4] = [
    ("ssd-count-beyond-its-capacity.json", &[198]),
    ("ssd-numbers-with-other-names.json", &[5, 10, 196, 197, 198]),
    ("ssd-pending-that-flips.json", &[197]),
    ("ssd-without-normalized-values.json", &[22, 184]),
];

/// Every drive that is not `ok`, and the rules of its findings, worst first.
const NOT_OK: [(&str, &str, &[&str]); 22] = [
    ("ata-reallocated-pending-and-helium.json", "warn", &["A3", "A4", "A5", "A13"]),
    ("ata-reported-uncorrectable.json", "watch", &["A6"]),
    ("sas-grown-defects-and-uncorrected-read.json", "warn", &["S2", "S3"]),
    ("ata-one-reallocated-sector.json", "watch", &["A5"]),
    ("ssd-one-reallocated-block.json", "watch", &["A5"]),
    // smartctl was started for a log only.
    ("ata-log-only.json", "unknown", &[]),
    ("ata-attributes-at-their-thresholds.json", "crit", &["A1", "A2", "A10"]),
    ("ata-count-in-three-words.json", "watch", &["A6"]),
    ("ata-helium-in-two-attributes.json", "watch", &["A13"]),
    ("ata-smart-switched-off.json", "unknown", &[]),
    ("nvme-warning-of-heat.json", "warn", &["N1", "N6"]),
    ("sas-exception-medium-scan.json", "warn", &["S1"]),
    ("sas-exception-of-the-maker.json", "watch", &["S1"]),
    ("sas-exception-predicts-failure.json", "crit", &["S1"]),
    ("sas-exception-temperature.json", "warn", &["S1"]),
    ("sas-exception-test-bit.json", "watch", &["S1"]),
    // The other drives of its shelf are at half of its temperature.
    ("sas-hot-below-its-reference-temperature.json", "crit", &["T1", "T2"]),
    ("sas-not-ready.json", "unknown", &[]),
    ("sas-reference-temperature-of-40.json", "watch", &["S8"]),
    ("sas-sectors-of-520-bytes.json", "watch", &["C7"]),
    ("ssd-wear-guessed.json", "watch", &["A12"]),
    // The SMART status is failed, while every counter is 0.
    ("nvme-critical-warning-with-zero-counters.json", "crit", &["N1"]),
];

/// Drives without a verdict, and how the reason begins.
const WITHOUT_HEALTH: [(&str, &str); 3] = [
    ("ata-log-only.json", "the drive reported its identity but no health data"),
    ("ata-smart-switched-off.json", "SMART is disabled on the drive"),
    ("sas-not-ready.json", "the drive is not ready"),
];

/// A file, what is shown of it, and where they differ.
struct Comparison<'a> {
    file: &'a Value,
    shown: &'a Value,
    differences: Vec<String>,
}

impl Comparison<'_> {
    fn at(&self, path: &str) -> Value {
        self.file.pointer(path).cloned().unwrap_or_default()
    }

    /// The first of these that is in the file.
    fn first(&self, paths: &[&str]) -> Value {
        paths.iter().map(|path| self.at(path)).find(|value| !value.is_null()).unwrap_or_default()
    }

    /// Notes a difference unless `path` is shown with this value.
    fn expect(&mut self, path: &str, wanted: &Value) {
        let shown = self.shown.pointer(path).cloned().unwrap_or_default();
        if shown != *wanted {
            self.differences.push(format!("{path} is {shown}, in the file {wanted}"));
        }
    }

    /// The same with the first of these values in the file.
    fn expect_at(&mut self, path: &str, in_file: &[&str]) {
        self.expect(path, &self.first(in_file));
    }
}

fn not_zero(value: &Value) -> Value {
    if *value == 0 { Value::Null } else { value.clone() }
}

fn trimmed(value: &Value) -> Value {
    match value {
        Value::String(text) => text.trim().into(),
        _ => Value::Null,
    }
}

/// What every drive has, whatever its protocol.
fn compare_common(with: &mut Comparison, sysfs_bytes: &Value) {
    let version = with.at("/smartctl/version");
    let version: Vec<String> = version.as_array().expect("a version").iter().map(ToString::to_string).collect();
    let bytes = [with.at("/user_capacity/bytes"), with.at("/nvme_total_capacity"), sysfs_bytes.clone()];
    let capacity = bytes.iter().map(not_zero).find(|bytes| !bytes.is_null()).unwrap_or_default();
    with.expect("/smartctl_version", &version.join(".").into());
    with.expect("/user_capacity_bytes", &capacity);
    with.expect("/temperature_celsius", &not_zero(&with.at("/temperature/current")));
    with.expect("/model_name", &trimmed(&with.first(&["/model_name", "/scsi_model_name"])));
    with.expect("/state", &"active".into());
    for (shown, in_file) in [
        ("/serial_number", "/serial_number"),
        ("/protocol", "/device/protocol"),
        ("/device_type", "/device/type"),
        ("/exit_status/value", "/smartctl/exit_status"),
        ("/smart_status_passed", "/smart_status/passed"),
        ("/power_on_hours", "/power_on_time/hours"),
        ("/power_cycle_count", "/power_cycle_count"),
        ("/temperature_limits/drive_trip_celsius", "/temperature/drive_trip"),
        ("/temperature_limits/limit_max_celsius", "/temperature/limit_max"),
    ] {
        with.expect_at(shown, &[in_file]);
    }
    for (shown, sct, nvme) in [("op", "op_limit_max", "warning"), ("critical", "critical_limit_max", "critical")] {
        let in_file = [format!("/temperature/{sct}"), format!("/nvme_composite_temperature_threshold/{nvme}")];
        with.expect_at(&format!("/temperature_limits/{shown}_limit_max_celsius"), &[&in_file[0], &in_file[1]]);
    }
    with.expect_at("/firmware_version", &["/firmware_version", "/scsi_revision", "/revision"]);
    // Without a rotation rate of the drive, that of the kernel may be shown.
    if !with.at("/rotation_rate").is_null() {
        with.expect_at("/rotation_rate_rpm", &["/rotation_rate"]);
    }
}

fn bits_per_second(speed: &Value) -> Value {
    match (speed["units_per_second"].as_u64(), speed["bits_per_unit"].as_u64()) {
        (Some(units), Some(bits)) => json!(units * bits),
        _ => Value::Null,
    }
}

fn compare_ata(with: &mut Comparison) {
    let [naa, oui, id] = ["naa", "oui", "id"].map(|part| with.at(&format!("/wwn/{part}")).as_u64());
    let wwn = match (naa, oui, id) {
        (Some(naa), Some(oui), Some(id)) => json!(format!("0x{naa:x}{oui:06x}{id:09x}")),
        _ => Value::Null,
    };
    with.expect("/wwn", &wwn);
    with.expect("/ata/link_max_bits_per_second", &bits_per_second(&with.at("/interface_speed/max")));
    with.expect("/ata/link_current_bits_per_second", &bits_per_second(&with.at("/interface_speed/current")));
    with.expect_at(
        "/ata/error_log_count",
        &["/ata_smart_error_log/extended/count", "/ata_smart_error_log/summary/count"],
    );
    let table = with.at("/ata_smart_attributes/table");
    let rows = table.as_array().cloned().unwrap_or_default();
    let shown_rows = list(&with.shown["ata"], "attributes").count();
    if shown_rows != rows.len() {
        with.differences.push(format!("{shown_rows} attributes, in the file {}", rows.len()));
    }
    for (number, row) in rows.iter().enumerate() {
        let path = format!("/ata/attributes/{number}");
        for field in ["id", "name", "value", "worst", "thresh"] {
            with.expect(&format!("{path}/{field}"), &row[field]);
        }
        with.expect(&format!("{path}/prefailure"), &row["flags"]["prefailure"]);
        // Empty where it never failed.
        with.expect(
            &format!("{path}/when_failed"),
            &row["when_failed"].as_str().filter(|when| !when.is_empty()).into(),
        );
        with.expect(&format!("{path}/raw_value"), &row["raw"]["value"]);
        with.expect(&format!("{path}/raw_string"), &row["raw"]["string"]);
    }
    // Only SSDs have these attributes.
    if with.at("/rotation_rate") == 0 {
        // In the device statistics wear is value 8 of page 7 (ACS-4).
        let pages = with.at("/ata_device_statistics/pages");
        let page = pages.as_array().into_iter().flatten().find(|page| page["number"] == 7);
        let page = page.cloned().unwrap_or_default();
        let used = page["table"][0]["value"].clone();
        let named = with.at("/endurance_used/current_percent");
        with.expect("/wear/endurance_used_percent", if named.is_null() { &used } else { &named });
        // smartctl guesses the wear if it is not in the device statistics.
        if !with.shown["wear"]["endurance_used_percent"].is_null() {
            with.expect("/wear/endurance_source", &if used.is_null() { "guessed" } else { "measured" }.into());
        }
        with.expect_at("/wear/spare_available_percent", &["/spare_available/current_percent"]);
        with.expect_at("/wear/spare_threshold_percent", &["/spare_available/threshold_percent"]);
    }
}

fn compare_scsi(with: &mut Comparison) {
    with.expect_at("/wwn", &["/logical_unit_id"]);
    for page in ["read", "write", "verify"] {
        for field in ["errors_corrected_by_rereads_rewrites", "total_errors_corrected", "total_uncorrected_errors"] {
            with.expect_at(&format!("/scsi/{page}/{field}"), &[&format!("/scsi_error_counter_log/{page}/{field}")]);
        }
    }
    with.expect_at("/scsi/grown_defect_list", &["/scsi_grown_defect_list"]);
    with.expect_at("/scsi/pending_defects", &["/scsi_pending_defects/count"]);
    with.expect_at("/wear/endurance_used_percent", &["/scsi_percentage_used_endurance_indicator"]);
    let counter = "/scsi_start_stop_cycle_counter";
    for (shown, in_file) in [
        ("/scsi/start_stop_cycles/accumulated", "accumulated_start_stop_cycles"),
        ("/scsi/start_stop_cycles/specified", "specified_cycle_count_over_device_lifetime"),
        ("/scsi/load_unload_cycles/accumulated", "accumulated_load_unload_cycles"),
        ("/scsi/load_unload_cycles/specified", "specified_load_unload_count_over_device_lifetime"),
    ] {
        with.expect_at(shown, &[&format!("{counter}/{in_file}")]);
    }
}

fn compare_nvme(with: &mut Comparison) {
    with.expect("/rotation_rate_rpm", &0.into());
    let log = "/nvme_smart_health_information_log";
    for (shown, in_file) in [
        ("/nvme/critical_warning", "critical_warning"),
        ("/nvme/media_errors", "media_errors"),
        ("/nvme/percentage_used", "percentage_used"),
        ("/nvme/available_spare_percent", "available_spare"),
        ("/nvme/available_spare_threshold_percent", "available_spare_threshold"),
        ("/nvme/num_err_log_entries", "num_err_log_entries"),
        ("/nvme/unsafe_shutdowns", "unsafe_shutdowns"),
        ("/nvme/data_units_read", "data_units_read"),
        ("/nvme/data_units_written", "data_units_written"),
        ("/wear/endurance_used_percent", "percentage_used"),
    ] {
        with.expect_at(shown, &[&format!("{log}/{in_file}")]);
    }
    let spare = ["/spare_available/current_percent", "/nvme_smart_health_information_log/available_spare"];
    with.expect_at("/wear/spare_available_percent", &spare);
    let namespaces = with.at("/nvme_namespaces").as_array().cloned().unwrap_or_default();
    let shown = list(&with.shown["nvme"], "namespaces").count();
    if shown != namespaces.len() {
        with.differences.push(format!("{shown} namespaces, in the file {}", namespaces.len()));
    }
    for (number, namespace) in namespaces.iter().enumerate() {
        let path = format!("/nvme/namespaces/{number}");
        with.expect(&format!("{path}/id"), &namespace["id"]);
        with.expect(&format!("{path}/size_bytes"), &namespace["size"]["bytes"]);
        with.expect(&format!("{path}/utilization_bytes"), &namespace["utilization"]["bytes"]);
    }
}

/// Every field in which what is shown differs from the file.
fn differences(file: &Value, shown: &Value, sysfs_bytes: &Value) -> Vec<String> {
    let mut comparison = Comparison { file, shown, differences: Vec::new() };
    compare_common(&mut comparison, sysfs_bytes);
    match file["device"]["protocol"].as_str() {
        Some("ATA") => compare_ata(&mut comparison),
        Some("SCSI") => compare_scsi(&mut comparison),
        Some("NVMe") => compare_nvme(&mut comparison),
        other => comparison.differences.push(format!("protocol {other:?}")),
    }
    comparison.differences
}

/// The row of an attribute; null without it.
fn attribute(shown: &Value, id: u64) -> &Value {
    list(&shown["ata"], "attributes").find(|row| row["id"] == id).unwrap_or(&Value::Null)
}

/// Packed raw values with another number than expected.
fn packed_differences(name: &str, shown: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for (file, id, number) in PACKED {
        let row = attribute(shown, id);
        if file == name && row["raw_number"] != number {
            wrong.push(format!("attribute {id} is {row}, expected {number}"));
        }
    }
    // Attribute 194 is the temperature of the drive.
    let sensor = &attribute(shown, 194)["raw_number"];
    if !sensor.is_null() && *sensor != shown["temperature_celsius"] {
        wrong.push(format!("attribute 194 holds {sensor}, shown are {}", shown["temperature_celsius"]));
    }
    wrong
}

fn self_test_difference(name: &str, shown: &Value) -> Option<String> {
    let expected = match SELF_TESTS.iter().find(|(file, ..)| *file == name) {
        Some((_, status, passed, remaining, last)) => {
            json!({"status": status, "passed": passed, "remaining_percent": remaining, "last_result_passed": last})
        }
        None => Value::Null,
    };
    if shown["self_test"] == expected {
        return None;
    }
    Some(format!("self-test {}, expected {expected}", shown["self_test"]))
}

fn not_judged_ids(name: &str) -> &'static [u64] {
    match NOT_JUDGED.iter().find(|(file, _)| *file == name) {
        Some((_, ids)) => ids,
        None => &[],
    }
}

fn not_judged_difference(name: &str, shown: &Value) -> Option<String> {
    let rows = list(&shown["ata"], "attributes").filter(|row| !row["not_judged"].is_null());
    let not_judged: Vec<u64> = rows.map(|row| row["id"].as_u64().expect("an id")).collect();
    let expected = not_judged_ids(name);
    if not_judged == expected {
        return None;
    }
    Some(format!("attributes {not_judged:?} are not judged, expected {expected:?}"))
}

fn verdict_difference(name: &str, shown: &Value) -> Option<String> {
    let rules: Vec<&str> = list(shown, "findings").map(|finding| text(&finding["code"])).collect();
    let (verdict, codes) = match NOT_OK.iter().find(|(file, ..)| *file == name) {
        Some((_, verdict, codes)) => (*verdict, *codes),
        None => ("ok", &[][..]),
    };
    let error = shown["error"].as_str().unwrap_or_default();
    let has_reason = match WITHOUT_HEALTH.iter().find(|(file, _)| *file == name) {
        Some((_, reason)) => error.starts_with(reason),
        None => error.is_empty(),
    };
    if !has_reason {
        return Some(format!("its error is {error:?}"));
    }
    if shown["verdict"] == verdict && rules == codes {
        return None;
    }
    Some(format!("judged {} by {rules:?}, expected {verdict} by {codes:?}", shown["verdict"]))
}

#[test]
fn every_field_is_shown_as_in_the_file() {
    let folder = fixture("smartctl");
    let entries = std::fs::read_dir(&folder).expect("the fixtures").flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| Path::new(name).extension() == Some(OsStr::new("json")));
    names.sort();
    let tables = DECODED.map(|(name, ..)| name).into_iter().chain(PACKED.map(|(name, ..)| name));
    let tables = tables.chain(SELF_TESTS.map(|(name, ..)| name)).chain(NOT_JUDGED.map(|(name, _)| name));
    for name in tables.chain(NOT_OK.map(|(name, ..)| name)).chain(WITHOUT_DRIVE) {
        assert!(names.iter().any(|file| file == name), "there is no fixture {name}");
    }

    // Every file is a drive of the simulator, except those that name none.
    let (sim, output) = Sim::recorded(&folder, &[]);
    let skipped: Vec<&str> = output.lines().filter(|line| line.starts_with("skipped ")).collect();
    assert_eq!(skipped.len(), WITHOUT_DRIVE.len(), "{skipped:#?}");
    for name in WITHOUT_DRIVE {
        assert!(skipped.iter().any(|line| line.contains(name)), "{name} is skipped: {skipped:#?}");
    }
    names.retain(|name| !WITHOUT_DRIVE.contains(&name.as_str()));
    let truth = sim.list();
    assert_eq!(truth.len(), names.len());

    let redis = Redis::start();
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let overview = daemon.json("/api/overview");
    assert_eq!(overview["totals"]["drives"], names.len(), "one drive for each file");
    let mut wrong = Vec::new();
    for name in &names {
        let json = std::fs::read_to_string(folder.join(name)).expect("a fixture");
        let file: Value = serde_json::from_str(&json).expect("JSON");
        let serial = file["serial_number"].as_str().expect("a serial number");
        let bytes = &truth.iter().find(|drive| drive["serial"] == serial).expect("a drive")["size_bytes"];
        assert!(!drive(&overview, serial).is_null(), "{name} ({serial}) is not in the overview");
        let shown = daemon.json(&format!("/api/drives/{serial}"));
        let mut found = differences(&file, &shown, bytes);
        for (_, field, value, _) in DECODED.iter().filter(|(of, ..)| *of == name) {
            assert_eq!(shown.pointer(field).cloned().unwrap_or_default(), json!(value), "{name} {field}");
            found.retain(|difference| !difference.starts_with(&format!("{field} ")));
        }
        found.extend(packed_differences(name, &shown));
        found.extend(verdict_difference(name, &shown));
        found.extend(self_test_difference(name, &shown));
        found.extend(not_judged_difference(name, &shown));
        wrong.extend(found.into_iter().map(|difference| format!("{name}: {difference}")));
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    sim.assert_only_reading();
}

#[test]
fn the_index_has_the_verdicts_and_rules() {
    let index = std::fs::read_to_string(fixture("README.md")).expect("the index");
    let (_, section) = index.split_once("## smartctl").expect("its section");
    let (section, _) = section.split_once("\n## ").expect("the next section");
    let mut rows = 0;
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let name = row.split('`').nth(1).expect("a file");
        let indexed = row.rsplit('|').nth(1).expect("a verdict").trim();
        let mut expected = match NOT_OK.iter().find(|(file, ..)| *file == name) {
            Some((_, verdict, [])) => (*verdict).to_owned(),
            Some((_, verdict, rules)) => format!("{verdict}: {}", rules.join(", ")),
            None if WITHOUT_DRIVE.contains(&name) || name == "standby.txt" => "unknown".to_owned(),
            None => "ok".to_owned(),
        };
        let ids: Vec<String> = not_judged_ids(name).iter().map(ToString::to_string).collect();
        if !ids.is_empty() {
            expected += &format!(", not judged: {}", ids.join(", "));
        }
        assert_eq!(indexed, expected, "{name}");
        rows += 1;
    }
    assert!(rows > 40, "{rows} rows");
}

/// The only drive of a host whose smartctl prints that file and ends with that status.
fn shown_with(file: &Path, status: i64) -> Value {
    let shape = ["--enclosures", "1", "--bays", "2", "--drives", "1", "--paths", "1", "--sata", "1", "--ssd", "0"];
    let sim = Sim::host(&[&shape[..], &["--nvme", "0", "--pools", "0"]].concat());
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && echo 'smartctl 7.4 2023-08-01 r5530 [x86_64-linux] (local build)' && exit\n\
         cat '{}'\nexit {status}\n",
        file.display()
    );
    let smartctl = sim.script("printing-smartctl", &script);
    let smartctl = smartctl.to_string_lossy().into_owned();
    let daemon = Daemon::ready(&sim, &Redis::absent(), &[("SMARTCTL_PATH", &smartctl)]);
    let all = drives(&daemon.json("/api/overview")).cloned().collect::<Vec<Value>>();
    assert_eq!(all.len(), 1);
    all.into_iter().next().expect("the drive")
}

/// Exit status 2 means a sleeping drive or one that cannot be opened, which only the messages distinguish.
#[test]
fn an_output_without_a_drive_is_reported_with_its_reason() {
    for (name, status, state, message) in [
        ("error-permission-denied.json", 2, "active", "Permission denied"),
        ("error-operation-not-permitted.json", 2, "active", "Operation not permitted"),
        ("error-unknown-device-type.json", 1, "active", "Unable to detect device type"),
        ("standby.json", 2, "standby", ""),
        ("low-power.json", 3, "standby", ""),
        ("standby.txt", 2, "active", "no JSON"),
    ] {
        let shown = shown_with(&fixture("smartctl").join(name), status);
        let error = shown["error"].as_str().unwrap_or_default();
        assert_eq!((&shown["state"], error.contains(message)), (&json!(state), true), "{name}: {shown}");
        assert_eq!((&shown["verdict"], &shown["collected_at"]), (&json!("unknown"), &Value::Null), "{name}: {shown}");
        assert!(!shown["serial_number"].is_null(), "{name}: the serial number from sysfs: {shown}");
    }
}
