//! What smartctl printed on real machines, file by file: each is shown as it was recorded, and
//! where a drive gave a placeholder or packed several numbers into one, what it means.

use crate::support;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use support::corpus;
use support::daemon::Daemon;
use support::look::{drive, drives};
use support::redis::Redis;
use support::sim::Sim;

/// Recorded outputs that name no drive: the simulator has no bay for them.
const WITHOUT_DRIVE: [&str; 4] = [
    "datadog-smartctl__smartctl-output-error-perm.json",
    "hassio-addons__issue72_eperm_sda.json",
    "smartctl_exporter__nonexistent-device.json",
    "smartctl_exporter__standby-sdc.json",
];

/// Where what is shown is not what stands in the file: the value, and why.
const DECODED: [(&str, &str, i64, &str); 1] = [(
    "datadog-smartctl__smartctl-output-ct240bx.json",
    "temperature_celsius",
    26,
    "0 with limits of 0 to 100 is the placeholder of an empty SCT log; attribute 194 has the degrees",
)];

/// Raw values that pack several numbers: file, attribute, and the number in it.
const PACKED: [(&str, u64, u64); 8] = [
    ("libblockdev__HGST_HUS726060ALA640.json", 194, 29),
    ("smartctl_exporter__ST3500418AS_11.json", 190, 32),
    ("libblockdev__INTEL_SSDSC2BB120G4L.json", 190, 20),
    ("datadog-smartctl__smartctl-output-ct240bx.json", 194, 26),
    ("smartctl_exporter__sat-Seagate_Enterprise_Capacity_3.5_HDD-ST1000NM0008-2F2100-sda.json", 9, 47_060),
    ("smartctl_exporter__sat-Seagate_Enterprise_Capacity_3.5_HDD-ST10000NM0016-1TT101-sda.json", 9, 34_013),
    ("smartctl_exporter__sat-Seagate_Exos_X16-ST16000NM001G-2KK103-sda.json", 188, 12),
    ("telegraf__megaraid.json", 188, 0),
];

/// Every recorded drive that is not `ok`, and the rules that say so, worst first. Read by hand.
/// `T2` is left out: the neighbours are whoever else was recorded.
const NOT_OK: [(&str, &str, &[&str]); 7] = [
    ("libblockdev__HGST_HUS726060ALA640.json", "crit", &["A3", "A4", "A5", "A13"]),
    ("smartctl_exporter__MB0500EBNCR_13.json", "warn", &["A6"]),
    ("smartctl_exporter__SEAGATE_ST373453LC_26.json", "warn", &["S2", "S3"]),
    ("smartctl_exporter__ST3500418AS_11.json", "watch", &["A5"]),
    ("smartctl_exporter__sat-Intel_S3520_Series_SSDs-INTEL_SSDSC2BB016T7-sdc.json", "watch", &["A5"]),
    // Only a log was asked for.
    ("smartctl_exporter__sat-Seagate_Exos_X18-ST12000NM000J-farm.json", "unknown", &[]),
    // Its own status says failed, while every counter is 0.
    ("smartctl_exporter__nvme-null-SAMSUNG_MZWLL3T2HAJQ-00005-nvme0.json", "crit", &["N1"]),
];

/// Makes drives of recordings whose serial numbers were all blotted out: each gets a number of
/// its own. Everything else stays as it was recorded.
fn with_serials_of_their_own(from: &std::path::Path, to: &std::path::Path) -> BTreeMap<String, String> {
    let mut serials = BTreeMap::new();
    let entries = std::fs::read_dir(from).expect("the recorded outputs").flatten();
    let mut names: Vec<String> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
    names.retain(|name| std::path::Path::new(name).extension().is_some_and(|e| e == "json"));
    names.sort();
    for (number, name) in names.into_iter().enumerate() {
        let text = std::fs::read_to_string(from.join(&name)).expect("a recorded output");
        let text =
            text.replace(r#""serial_number": "REDACTED""#, &format!(r#""serial_number": "REDACTED{number:03}""#));
        let json: Value = serde_json::from_str(&text).expect("a recorded output is JSON");
        if let Some(serial) = json["serial_number"].as_str() {
            let twice = serials.insert(name.clone(), serial.to_owned()).is_some();
            assert!(!twice, "{name}");
        }
        std::fs::write(to.join(&name), text).expect("a copy");
    }
    serials
}

/// What differs between what a recording holds and what is shown of it.
fn differences(expected: &Value, model: &Value, protocol: &Value, shown: &Value, sysfs_bytes: &Value) -> Vec<String> {
    let number = |value: &Value| value.as_u64().filter(|n| *n > 0).map_or(Value::Null, Value::from);
    let blank_free = |v: &Value| v.as_str().map(|s| s.trim().to_owned());
    let capacity = [&expected["capacity_bytes"], &expected["nvme_total_capacity"], sysfs_bytes];
    let capacity = capacity.into_iter().map(number).find(|n| !n.is_null()).unwrap_or_default();
    let mut wrong = Vec::new();
    let mut check = |what: &str, wanted: Value, is: &Value| {
        if *is != wanted {
            wrong.push(format!("{what} is {is}, recorded {wanted}"));
        }
    };
    check("temperature_celsius", number(&expected["temperature_c"]), &shown["temperature_celsius"]);
    check("power_on_hours", expected["power_on_hours"].clone(), &shown["power_on_hours"]);
    check("user_capacity_bytes", capacity, &shown["user_capacity_bytes"]);
    check("protocol", protocol.clone(), &shown["protocol"]);
    check("smart_status_passed", expected["smart_passed"].clone(), &shown["smart_status_passed"]);
    check("exit_status", expected["exit_status"].clone(), &shown["exit_status"]["value"]);
    check("device_type", expected["device_type"].clone(), &shown["device_type"]);
    check("smartctl_version", expected["smartctl_version"].clone(), &shown["smartctl_version"]);
    check("state", "active".into(), &shown["state"]);
    if blank_free(&shown["model_name"]) != blank_free(model) {
        wrong.push(format!("model_name is {}, recorded {model}", shown["model_name"]));
    }
    for (id, raw) in expected["ata_raw"].as_object().into_iter().flatten() {
        let rows = shown["ata"]["attributes"].as_array().into_iter().flatten();
        let row = rows.clone().find(|row| row["id"].as_u64().map(|n| n.to_string()).as_ref() == Some(id));
        if row.map_or(&Value::Null, |row| &row["raw_value"]) != raw {
            wrong.push(format!("attribute {id} is {row:?}, recorded {raw}"));
        }
    }
    let (scsi, nvme) = (&shown["scsi"], &shown["nvme"]);
    for (field, is) in [
        ("ata_attribute_count", &Value::from(shown["ata"]["attributes"].as_array().map_or(0, Vec::len))),
        ("scsi_grown_defect_list", &scsi["grown_defect_list"]),
        ("scsi_percentage_used_endurance_indicator", &shown["wear"]["endurance_used_percent"]),
        ("critical_warning", &nvme["critical_warning"]),
        ("media_errors", &nvme["media_errors"]),
        ("percentage_used", &nvme["percentage_used"]),
        ("available_spare", &nvme["available_spare_percent"]),
        ("available_spare_threshold", &nvme["available_spare_threshold_percent"]),
        ("num_err_log_entries", &nvme["num_err_log_entries"]),
    ] {
        if expected.get(field).is_some_and(|wanted| wanted != is) {
            wrong.push(format!("{field} is {is}, recorded {}", expected[field]));
        }
    }
    for (page, count) in expected["scsi_total_uncorrected_errors"].as_object().into_iter().flatten() {
        if scsi[page]["total_uncorrected_errors"] != *count {
            wrong.push(format!("uncorrected {page} errors are {}, recorded {count}", scsi[page]));
        }
    }
    wrong
}

fn recorded_in(file: &std::path::Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(file).expect("a recording")).expect("JSON")
}

/// What differs between the file itself and what is shown of it, beyond the manifest's facts.
fn unlike(raw: &Value, shown: &Value) -> Vec<String> {
    let at = |path: &str| raw.pointer(path).cloned().unwrap_or_default();
    let first = |paths: &[&str]| paths.iter().map(|p| at(p)).find(|v| !v.is_null()).unwrap_or_default();
    let speed = |which: &str| {
        let part = |what: &str| at(&format!("/interface_speed/{which}/{what}")).as_u64();
        part("units_per_second").zip(part("bits_per_unit")).map_or(Value::Null, |(units, bits)| json!(units * bits))
    };
    let ata = |value: Value| if at("/device/protocol") == "ATA" { value } else { Value::Null };
    let wwn = match (at("/wwn/naa").as_u64(), at("/wwn/oui").as_u64(), at("/wwn/id").as_u64()) {
        (Some(naa), Some(oui), Some(id)) => json!(format!("0x{naa:x}{oui:06x}{id:09x}")),
        _ => first(&["/logical_unit_id"]),
    };
    let nvme = at("/device/protocol") == "NVMe";
    let percent = |new: &str, old: &str| first(&[new, old]);
    let mut wrong = Vec::new();
    let mut check = |what: &str, is: &str, wanted: Value| {
        let is = shown.pointer(is).cloned().unwrap_or_default();
        if is != wanted {
            wrong.push(format!("{what} is {is}, in the file {wanted}"));
        }
    };
    check("firmware", "/firmware_version", first(&["/firmware_version", "/scsi_revision", "/revision"]));
    // Where the drive does not say, the kernel may know that it does not rotate.
    if nvme || !at("/rotation_rate").is_null() {
        check("rotation rate", "/rotation_rate_rpm", if nvme { json!(0) } else { at("/rotation_rate") });
    }
    check("power cycles", "/power_cycle_count", at("/power_cycle_count"));
    check("trip", "/temperature_limits/drive_trip_celsius", at("/temperature/drive_trip"));
    check("fastest link", "/ata/link_max_bits_per_second", ata(speed("max")));
    check("link", "/ata/link_current_bits_per_second", ata(speed("current")));
    check(
        "logged errors",
        "/ata/error_log_count",
        ata(first(&["/ata_smart_error_log/extended/count", "/ata_smart_error_log/summary/count"])),
    );
    if !nvme {
        check("wwn", "/wwn", wwn);
    }
    for page in ["read", "write", "verify"] {
        for field in ["errors_corrected_by_rereads_rewrites", "total_errors_corrected"] {
            let from = format!("/scsi_error_counter_log/{page}/{field}");
            check(&from, &format!("/scsi/{page}/{field}"), at(&from));
        }
    }
    check("pending", "/scsi/pending_defects", at("/scsi_pending_defects/count"));
    check(
        "start-stops",
        "/scsi/start_stop_cycles/accumulated",
        at("/scsi_start_stop_cycle_counter/accumulated_start_stop_cycles"),
    );
    if nvme {
        let log = "/nvme_smart_health_information_log";
        check("wear", "/wear/endurance_used_percent", at(&format!("{log}/percentage_used")));
        let spare = percent("/spare_available/current_percent", &format!("{log}/available_spare"));
        check("spare", "/wear/spare_available_percent", spare);
        for field in ["unsafe_shutdowns", "data_units_read", "data_units_written"] {
            check(field, &format!("/nvme/{field}"), at(&format!("{log}/{field}")));
        }
        let spaces = at("/nvme_namespaces").as_array().map_or(0, Vec::len);
        assert_eq!(shown["nvme"]["namespaces"].as_array().map(Vec::len), Some(spaces), "{shown}");
    }
    wrong
}

fn unpacked(name: &str, shown: &Value) -> Vec<String> {
    let row = |id: u64| {
        let mut rows = shown["ata"]["attributes"].as_array().into_iter().flatten();
        rows.find(|row| row["id"] == id).cloned().unwrap_or_default()
    };
    let packed = PACKED.iter().filter(|(of, ..)| *of == name);
    let mut wrong: Vec<String> = packed
        .filter(|(_, id, number)| row(*id)["raw_number"] != *number)
        .map(|(_, id, number)| format!("attribute {id} is {}, and holds {number}", row(*id)))
        .collect();
    // 194 is the drive's own sensor: both ways to its degrees are of one mind.
    let sensor = &row(194)["raw_number"];
    if !sensor.is_null() && !shown["temperature_celsius"].is_null() && *sensor != shown["temperature_celsius"] {
        wrong.push(format!("attribute 194 holds {sensor}, shown are {}", shown["temperature_celsius"]));
    }
    wrong
}

fn judged(name: &str, shown: &Value) -> Option<String> {
    let rules: Vec<&str> = shown["findings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|f| f["code"].as_str())
        .filter(|c| *c != "T2")
        .collect();
    let wanted = NOT_OK.iter().find(|(of, ..)| *of == name);
    let (verdict, codes) = wanted.map_or(("ok", &[][..]), |(_, verdict, codes)| (*verdict, *codes));
    let by_neighbours = rules.is_empty() && shown["verdict"] == "watch" && verdict == "ok";
    let is_right = rules == codes && (shown["verdict"] == verdict || by_neighbours);
    (!is_right).then(|| format!("judged {} by {rules:?}, by hand {verdict} by {codes:?}", shown["verdict"]))
}

#[test]
fn every_recorded_answer_is_shown_as_it_was_recorded() {
    let Some(corpus) = corpus() else { return };
    let folder = tempfile::tempdir().expect("a folder for the recordings");
    let serials = with_serials_of_their_own(&corpus.join("smartctl"), folder.path());
    let (sim, said) = Sim::recorded(folder.path(), &[]);
    let manifest: Value =
        serde_json::from_str(&std::fs::read_to_string(corpus.join("manifest.json")).expect("the manifest"))
            .expect("the manifest is JSON");
    let files = manifest["files"].as_array().expect("files").iter();
    let files: Vec<&Value> = files.filter(|f| f["kind"] == "smartctl" && f["format"] == "json").collect();

    // Every recording is a drive, or is known to name none.
    let skipped: Vec<&str> = said.lines().filter(|line| line.starts_with("skipped ")).collect();
    assert_eq!(skipped.len(), WITHOUT_DRIVE.len(), "{skipped:#?}");
    for name in WITHOUT_DRIVE {
        assert!(skipped.iter().any(|line| line.contains(name)), "{name} is left out: {skipped:#?}");
    }
    let truth = sim.list();
    assert_eq!(serials.len() + WITHOUT_DRIVE.len(), files.len());

    let (redis, folder_of) =
        (Redis::start(), |f: &Value| f["file"].as_str().expect("file")["smartctl/".len()..].to_owned());
    let daemon = Daemon::ready(&sim, &redis, &[]);
    let overview = daemon.json("/api/overview");
    assert_eq!(overview["totals"]["drives"], truth.len(), "each is a drive of its own");
    let mut score: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for file in files {
        let name = folder_of(file);
        let Some(serial) = serials.get(&name) else {
            assert!(WITHOUT_DRIVE.contains(&name.as_str()), "{name} has no serial number");
            continue;
        };
        let bytes = truth.iter().find(|d| d["serial"] == serial.as_str()).map_or(&Value::Null, |d| &d["size_bytes"]);
        assert!(!drive(&overview, serial).is_null(), "{name} ({serial}) is not in the overview");
        let shown = daemon.json(&format!("/api/drives/{serial}"));
        assert_eq!(shown["serial_number"], serial.as_str(), "{name}");
        let mut found = differences(&file["expected"], &file["model"], &file["protocol"], &shown, bytes);
        for (_, field, value, _) in DECODED.iter().filter(|(of, ..)| *of == name) {
            assert_eq!(shown[*field], *value, "{name}");
            found.retain(|what| !what.starts_with(field));
        }
        found.extend(unlike(&recorded_in(&folder.path().join(&name)), &shown));
        found.extend(unpacked(&name, &shown));
        found.extend(judged(&name, &shown));
        let (right, not) = score.entry(file["protocol"].as_str().unwrap_or("none").to_owned()).or_default();
        *(if found.is_empty() { right } else { not }) += 1;
        wrong.extend(found.into_iter().map(|what| format!("{name}: {what}")));
    }
    let total: usize = score.values().map(|(right, not)| right + not).sum();
    let parts: Vec<String> = score.iter().map(|(p, (right, not))| format!("{p} {right} right {not} wrong")).collect();
    eprintln!("recorded smartctl outputs: {total} shown ({}), {} name no drive", parts.join(", "), WITHOUT_DRIVE.len());
    assert_eq!(total, truth.len());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    sim.assert_only_reading();
}

/// The drive of a host with one, whose smartctl prints that file and ends with that status.
fn answered(file: &std::path::Path, status: i64) -> Value {
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

/// Exit status 2 is a sleeping drive, and one that cannot be opened; only the words tell them apart.
#[test]
fn an_answer_without_a_drive_says_why() {
    let Some(corpus) = corpus() else { return };
    for (name, status, state, says) in [
        ("datadog-smartctl__smartctl-output-error-perm.json", 2, "active", "Permission denied"),
        ("hassio-addons__issue72_eperm_sda.json", 2, "active", "Operation not permitted"),
        ("smartctl_exporter__nonexistent-device.json", 1, "active", "Unable to detect device type"),
        ("smartctl_exporter__standby-sdc.json", 2, "standby", ""),
        ("py-SMART__issue82_standby.txt", 2, "active", "no JSON"),
    ] {
        let shown = answered(&corpus.join("smartctl").join(name), status);
        let error = shown["error"].as_str().unwrap_or_default();
        assert_eq!((&shown["state"], error.contains(says)), (&json!(state), true), "{name}: {shown}");
        assert_eq!((&shown["verdict"], &shown["collected_at"]), (&json!("unknown"), &Value::Null), "{name}: {shown}");
        assert!(!shown["serial_number"].is_null(), "{name}: sysfs knows the drive: {shown}");
    }
}
