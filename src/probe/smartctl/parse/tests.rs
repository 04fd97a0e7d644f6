//! Unexpected, old and packed values.

use super::*;
use crate::domain::health_obstacle::HealthObstacle;
use crate::domain::smart::{Cycles, EnduranceSource, SelfTest, TemperatureLimits};

fn report(json: &str) -> SmartReport {
    parse(json).report
}

#[test]
fn an_unexpected_value_affects_only_its_field() {
    let odd = r#"{"device":{"protocol":"ATA","type":7},"serial_number":" S1 ","model_name":[],"user_capacity":{"bytes":-1},
        "temperature":{"current":255},"power_on_time":{"hours":"123"},"smart_status":{"passed":"yes"},
        "ata_smart_attributes":{"table":[{"id":5,"raw":{"value":8}},{"id":999},null,7,{"id":"9","value":"x","raw":{"value":9023116403587028}}]}}"#;
    let report = report(odd);
    assert_eq!(report.serial_number.as_deref(), Some("S1"));
    assert_eq!((report.model_name, report.user_capacity_bytes, report.temperature_celsius), (None, None, None));
    assert_eq!((report.power_on_hours, report.smart_status_passed, report.device_type), (Some(123), None, None));
    let ata = report.ata.unwrap_or_default();
    let raw = |id| ata.attribute(id).and_then(|row| row.raw_value);
    assert_eq!((raw(5), raw(9), ata.attributes.len()), (Some(8), Some(9_023_116_403_587_028), 2));
    for nothing in ["", "[]", "null", "{", "7"] {
        assert_eq!(parse(nothing).report, SmartReport::default());
    }
}

#[test]
fn details_are_read_without_the_protocol() {
    for (json, expected) in [
        (r#"{"ata_smart_attributes":{"table":[]}}"#, Some(Protocol::Ata)),
        (r#"{"device":{"protocol":7},"nvme_smart_health_information_log":{"media_errors":1}}"#, Some(Protocol::Nvme)),
        (r#"{"device":{"protocol":"new"},"scsi_error_counter_log":{}}"#, Some(Protocol::Scsi)),
        (r#"{"serial_number":"S"}"#, None),
    ] {
        assert_eq!(report(json).protocol, expected, "{json}");
    }
}

fn wwn(json: &str) -> Option<String> {
    report(json).wwn
}

#[test]
fn wwns_have_one_form() {
    assert_eq!(wwn(r#"{"wwn":{"naa":5,"oui":3274,"id":11274307072}}"#).as_deref(), Some("0x5000cca2a0004600"));
    assert_eq!(wwn(r#"{"logical_unit_id":"0x5000C500A0000000"}"#).as_deref(), Some("0x5000c500a0000000"));
    let eui = r#"{"nvme_namespaces":[{"eui64":{"oui":6980,"ext_id":319007957180}}]}"#;
    assert_eq!(wwn(eui).as_deref(), Some("eui.001b444a465b20bc"));
    for nothing in [
        r#"{"wwn":{"naa":0,"oui":0,"id":0}}"#,
        r#"{"wwn":{"naa":5,"oui":0,"id":0}}"#,
        r#"{"wwn":{"naa":16,"oui":1,"id":1}}"#,
        r#"{"wwn":{"naa":5,"oui":1,"id":99999999999}}"#,
        r#"{"logical_unit_id":"0x0000000000000000"}"#,
        r#"{"logical_unit_id":"5000c500a0000000"}"#,
        r#"{"logical_unit_id":"0x5000c500zzzzzzzz"}"#,
        r#"{"nvme_namespaces":[{"eui64":{"oui":0,"ext_id":0}}]}"#,
    ] {
        assert_eq!(wwn(nothing), None, "{nothing}");
    }
}

#[test]
fn the_model_of_a_sas_drive_is_read_from_every_release() {
    for json in [
        r#"{"vendor":"HGST","product":"HUH721212AL5200","model_name":"HGST HUH721212AL5200"}"#,
        r#"{"scsi_vendor":"HGST","scsi_product":"HUH721212AL5200","scsi_model_name":"HGST HUH721212AL5200"}"#,
        r#"{"scsi_vendor":"HGST ","scsi_product":" HUH721212AL5200"}"#,
    ] {
        let report = report(json);
        assert_eq!(report.model_name.as_deref(), Some("HGST HUH721212AL5200"), "{json}");
        assert_eq!(report.vendor.as_deref(), Some("HGST"), "{json}");
    }
}

fn celsius(json: &str) -> Option<i32> {
    report(json).temperature_celsius
}

#[test]
fn a_placeholder_temperature_gives_way_to_a_real_one() {
    assert_eq!(celsius(r#"{"temperature":{"current":0},"scsi_temperature":{"current":31}}"#), Some(31));
    assert_eq!(celsius(r#"{"temperature":{"current":-5}}"#), None);
    assert_eq!(celsius(r#"{"temperature":{"current":121}}"#), None);
    // An SCT log without values, while attribute 194 has one.
    let attribute = |id: u8, raw: u64, text: &str| {
        celsius(&format!(
            r#"{{"device":{{"protocol":"ATA"}},"temperature":{{"current":0,"limit_min":0,"limit_max":100}},
            "ata_smart_attributes":{{"table":[{{"id":{id},"raw":{{"value":{raw},"string":"{text}"}}}}]}}}}"#
        ))
    };
    assert_eq!(attribute(194, 38_625_247_166_490, "26 (35 33 36 35 0)"), Some(26));
    assert_eq!(attribute(194, 231_929_413_661, "231929413661"), Some(29));
    assert_eq!(attribute(190, 369_688_596, "20 (Min/Max 9/22)"), Some(20));
    assert_eq!(attribute(194, 0, "0"), None);
}

fn limits(json: &str) -> TemperatureLimits {
    report(json).temperature_limits
}

#[test]
fn implausible_limits_are_ignored() {
    let none = TemperatureLimits::default();
    let made_up = r#"{"temperature":{"op_limit_min":0,"op_limit_max":100,"limit_min":0,"limit_max":100}}"#;
    assert_eq!(limits(made_up), none);
    assert_eq!(limits(r#"{"temperature":{"drive_trip":0,"op_limit_max":-40,"limit_max":255}}"#), none);
    let sct = r#"{"temperature":{"op_limit_min":0,"op_limit_max":65,"limit_min":-41,"limit_max":85}}"#;
    assert_eq!(limits(sct), TemperatureLimits { op_limit_max_celsius: Some(65), limit_max_celsius: Some(85), ..none });
    assert_eq!(limits(r#"{"scsi_temperature":{"drive_trip":60}}"#).drive_trip_celsius, Some(60), "smartctl 7.3");
    let nvme = r#"{"nvme_composite_temperature_threshold":{"warning":70,"critical":80}}"#;
    assert_eq!(
        limits(nvme),
        TemperatureLimits { op_limit_max_celsius: Some(70), critical_limit_max_celsius: Some(80), ..none }
    );
}

fn hours(json: &str) -> Option<u64> {
    report(json).power_on_hours
}

#[test]
fn hours_are_those_of_the_drive_or_unknown() {
    let packed = |json: &str| {
        hours(&format!(
            r#"{{"device":{{"protocol":"ATA"}}{json},"ata_smart_attributes":{{"table":[
            {{"id":9,"raw":{{"value":9023116403587028,"string":"47060h+35m+00.858s"}}}}]}}}}"#
        ))
    };
    assert_eq!(packed(r#","power_on_time":{"hours":47060}"#), Some(47_060));
    assert_eq!(packed(r#","power_on_time":{"hours":9023116403587028}"#), Some(47_060), "taken for a count");
    assert_eq!(packed(r#","power_on_time":{"hours":0}"#), Some(47_060));
    assert_eq!(packed(""), Some(47_060));
    assert_eq!(hours(r#"{"power_on_time":{"hours":0},"power_cycle_count":3}"#), Some(0), "a new drive");
    for used in [
        r#"{"device":{"protocol":"ATA"},"power_on_time":{"hours":0},"power_cycle_count":312}"#,
        r#"{"device":{"protocol":"SCSI"},"power_on_time":{"hours":0},"scsi_self_test_0":{"power_on_time":{"hours":9}}}"#,
        r#"{"device":{"protocol":"ATA"},"power_on_time":{"hours":0},"ata_smart_error_log":{"summary":{"table":[{"lifetime_hours":15760}]}}}"#,
        r#"{"device":{"protocol":"NVMe"},"power_on_time":{"hours":0},"nvme_smart_health_information_log":{"data_units_written":900000000}}"#,
    ] {
        assert_eq!(hours(used), None, "{used}");
    }
}

fn self_test(json: &str) -> SelfTest {
    report(json).self_test.unwrap_or_default()
}

#[test]
fn an_ata_self_test_is_read_from_its_status_byte() {
    let self_test = |status: &str, results: &[u8]| {
        let table: Vec<String> = results.iter().map(|code| format!(r#"{{"status":{{"value":{code}}}}}"#)).collect();
        self_test(&format!(
            r#"{{"device":{{"protocol":"ATA"}},"ata_smart_data":{{"self_test":{{"status":{status}}}}},
            "ata_smart_self_test_log":{{"standard":{{"table":[{}]}}}}}}"#,
            table.join(",")
        ))
    };
    let running =
        self_test(r#"{"value":247,"string":"in progress, 70% remaining","remaining_percent":70}"#, &[0x19, 0x79]);
    assert_eq!((running.passed, running.remaining_percent), (None, Some(70)));
    assert_eq!(running.last_result_passed, Some(false), "an aborted test has no result");
    assert_eq!(self_test(r#"{"value":247}"#, &[]).remaining_percent, Some(70), "from the byte alone");
    let passed = self_test(r#"{"value":0,"passed":true}"#, &[0, 0x79]);
    assert_eq!((passed.passed, passed.last_result_passed), (Some(true), Some(true)));
    assert_eq!(self_test(r#"{"value":0,"passed":true}"#, &[]).last_result_passed, None, "never tested");
    assert_eq!(self_test(r#"{"value":121,"passed":false}"#, &[]).last_result_passed, Some(false));
    let aborted = self_test(r#"{"value":25,"remaining_percent":90}"#, &[0x19]);
    assert_eq!((aborted.passed, aborted.remaining_percent, aborted.last_result_passed), (None, None, None));
}

fn scsi_self_test(rest: &str) -> SelfTest {
    self_test(&format!(r#"{{"device":{{"protocol":"SCSI"}},{rest}}}"#))
}

#[test]
fn a_scsi_self_test_is_read_from_its_numbered_keys() {
    let sorted_as_text = scsi_self_test(
        r#""scsi_self_test_0":{"result":{"value":1,"string":"Aborted"}},"scsi_self_test_10":{"result":{"value":0}},
        "scsi_self_test_2":{"result":{"value":4}}"#,
    );
    assert_eq!(sorted_as_text.last_result_passed, Some(false), "2 is newer than 10");
    assert_eq!((sorted_as_text.status.as_deref(), sorted_as_text.passed), (Some("Aborted"), None));
    let running = scsi_self_test(
        r#""scsi_self_test_0":{"result":{"value":15}},"scsi_self_test_1":{"result":{"value":0}},
        "scsi_self_test_status":{"in_progress":true,"completion_percent":30}"#,
    );
    assert_eq!((running.status.as_deref(), running.remaining_percent), (Some("in progress"), Some(70)));
    assert_eq!((running.passed, running.last_result_passed), (None, Some(true)));
    assert_eq!(
        report(r#"{"device":{"protocol":"SCSI"},"scsi_self_test_status":{"in_progress":false}}"#).self_test,
        None
    );
}

#[test]
fn an_nvme_self_test_has_results_of_its_own() {
    let nvme = |now: u8, codes: &[u8]| {
        let table: Vec<String> = codes
            .iter()
            .map(|code| format!(r#"{{"self_test_result":{{"value":{code},"string":"r{code}"}}}}"#))
            .collect();
        self_test(&format!(
            r#"{{"device":{{"protocol":"NVMe"}},"nvme_self_test_log":{{"current_self_test_operation":{{"value":{now},"string":"op{now}"}},
            "current_self_test_completion_percent":40,"table":[{}]}}}}"#,
            table.join(",")
        ))
    };
    let running = nvme(1, &[0]);
    assert_eq!((running.status.as_deref(), running.remaining_percent), (Some("op1"), Some(60)));
    assert_eq!(running.last_result_passed, Some(true));
    assert_eq!(nvme(0, &[3, 4, 6]).last_result_passed, Some(false), "3 and 4 ended early");
    assert_eq!(nvme(0, &[8]).last_result_passed, None);
    assert_eq!((nvme(0, &[0]).remaining_percent, nvme(0, &[0]).passed), (None, Some(true)));
}

fn wear(json: &str) -> Wear {
    report(json).wear
}

fn endurance_used(json: &str) -> Option<u64> {
    wear(json).endurance_used_percent
}

#[test]
fn wear_has_many_names() {
    assert_eq!(
        endurance_used(r#"{"device":{"protocol":"SCSI"},"scsi_percentage_used_endurance_indicator":3}"#),
        Some(3)
    );
    assert_eq!(endurance_used(r#"{"device":{"protocol":"SCSI"},"endurance_used":{"current_percent":4}}"#), Some(4));
    let statistics = r#"{"device":{"protocol":"ATA"},"rotation_rate":0,"ata_device_statistics":{"pages":[{"number":1},
        {"number":7,"table":[{"offset":8,"value":5,"flags":{"valid":true}}]}]}}"#;
    assert_eq!(endurance_used(statistics), Some(5));
    assert_eq!(endurance_used(&statistics.replace("\"valid\":true", "\"valid\":false")), None);
    let disk = r#"{"device":{"protocol":"ATA"},"rotation_rate":7200,"spare_available":{"current_percent":47,"threshold_percent":50}}"#;
    assert_eq!(wear(disk), Wear::default(), "on a hard disk that is a guess from attribute 5");
    let log = r#"{"device":{"protocol":"NVMe"},"nvme_smart_health_information_log":{"percentage_used":6,"available_spare":90,"available_spare_threshold":10}}"#;
    assert_eq!(
        wear(log),
        Wear {
            endurance_used_percent: Some(6),
            endurance_source: Some(EnduranceSource::Measured),
            spare_available_percent: Some(90),
            spare_threshold_percent: Some(10)
        }
    );
}

#[test]
fn a_guess_of_the_endurance_is_distinguished_from_a_measurement() {
    let wear = |value: u8, raw: u64, statistics: &str| {
        let json = format!(
            r#"{{"device":{{"protocol":"ATA"}},"rotation_rate":0,"endurance_used":{{"current_percent":{}}}{statistics},
            "ata_smart_attributes":{{"table":[{{"id":231,"name":"SSD_Life_Left","value":{value},"raw":{{"value":{raw},"string":"{raw}"}}}}]}}}}"#,
            100 - value
        );
        let wear = report(&json).wear;
        (wear.endurance_used_percent, wear.endurance_source)
    };
    assert_eq!(wear(14, 14, ""), (Some(86), Some(EnduranceSource::Guessed)));
    assert_eq!(
        wear(14, 8_589_934_592, ""),
        (Some(86), Some(EnduranceSource::Guessed)),
        "the raw value is not a percentage"
    );
    assert_eq!(wear(14, 86, ""), (None, None), "VALUE and raw value contradict each other");
    let statistics =
        r#","ata_device_statistics":{"pages":[{"number":7,"table":[{"offset":8,"value":5,"flags":{"valid":true}}]}]}"#;
    assert_eq!(wear(14, 86, statistics), (Some(5), Some(EnduranceSource::Measured)));
}

#[test]
fn all_ones_are_not_a_count() {
    for ones in ["18446744073709551615", "4294967295"] {
        let json = format!(
            r#"{{"device":{{"protocol":"SCSI"}},"scsi_grown_defect_list":{ones},"scsi_pending_defects":{{"count":{ones}}},
            "scsi_error_counter_log":{{"write":{{"errors_corrected_by_rereads_rewrites":0,"total_errors_corrected":{ones},
            "total_uncorrected_errors":{ones}}}}}}}"#
        );
        let scsi = report(&json).scsi.unwrap_or_default();
        let write = scsi.write.unwrap_or_default();
        assert_eq!((scsi.grown_defect_list, scsi.pending_defects), (None, None));
        assert_eq!((write.errors_corrected_by_rereads_rewrites, write.total_errors_corrected), (Some(0), None));
        assert_eq!(write.total_uncorrected_errors, None);
        let json = format!(
            r#"{{"device":{{"protocol":"NVMe"}},"nvme_smart_health_information_log":{{"critical_warning":0,"media_errors":{ones}}}}}"#
        );
        assert_eq!(report(&json).nvme.unwrap_or_default().media_errors, None);
    }
}

fn obstacle(rest: &str) -> HealthObstacle {
    report(&format!(r#"{{"smartctl":{{"exit_status":2}},{rest}}}"#)).health_obstacle()
}

#[test]
fn a_reading_without_health_has_a_reason() {
    let ata = r#""device":{"protocol":"ATA"}"#;
    assert_eq!(
        obstacle(&format!(r#"{ata},"smart_support":{{"available":true,"enabled":false}}"#)),
        HealthObstacle::SmartDisabled
    );
    assert_eq!(obstacle(&format!(r#"{ata},"smart_support":{{"available":false}}"#)), HealthObstacle::SmartUnavailable);
    assert_eq!(obstacle(&format!(r#"{ata},"ata_security":{{"enabled":true,"locked":true}}"#)), HealthObstacle::Locked);
    assert_eq!(obstacle(ata), HealthObstacle::Unknown);
    assert_eq!(obstacle(r#""device":{"protocol":"SCSI"}"#), HealthObstacle::NotReady);
}

#[test]
fn a_scsi_drive_that_does_not_report_failures_has_not_passed() {
    let status = |protocol: &str, enabled: bool, passed: bool| {
        let report = report(&format!(
            r#"{{"device":{{"protocol":"{protocol}"}},"smart_support":{{"available":true,"enabled":{enabled}}},
            "smart_status":{{"passed":{passed}}}}}"#
        ));
        (report.smart_status_passed, report.smart_status_not_judged().is_some())
    };
    assert_eq!(status("SCSI", false, true), (None, true));
    assert_eq!(status("SCSI", false, false), (Some(false), false));
    assert_eq!(status("SCSI", true, true), (Some(true), false));
    assert_eq!(status("ATA", false, true), (Some(true), false));
    let nothing_else = r#"{"device":{"protocol":"SCSI"},"smart_support":{"available":true,"enabled":false}}"#;
    assert_eq!(report(nothing_else).health_obstacle(), HealthObstacle::SmartDisabled);
}

#[test]
fn a_controller_without_spare_has_no_spare_to_lose() {
    let spare = |warning: u8| {
        let log = format!(r#"{{"critical_warning":{warning},"available_spare":0,"available_spare_threshold":0}}"#);
        let report = report(&format!(
            r#"{{"device":{{"protocol":"NVMe"}},"nvme_smart_health_information_log":{log},
            "spare_available":{{"current_percent":0,"threshold_percent":0}}}}"#
        ));
        let self_test = report.nvme.and_then(|nvme| nvme.available_spare_percent);
        assert_eq!(self_test, report.wear.spare_available_percent);
        self_test
    };
    assert_eq!((spare(0), spare(2)), (None, None), "as virtual controllers report");
    assert_eq!(spare(1), Some(0), "it warns about its spare");
}

#[test]
fn counts_that_a_sas_drive_does_not_keep_are_unknown() {
    let scsi = |version: &str, rest: &str| {
        let json = format!(r#"{{"smartctl":{{"version":{version}}},"device":{{"protocol":"SCSI"}},{rest}}}"#);
        report(&json).scsi.unwrap_or_default()
    };
    let grown = |version: &str, n: u32| scsi(version, &format!(r#""scsi_grown_defect_list":{n}"#)).grown_defect_list;
    assert_eq!(
        (grown("[7,1]", 240), grown("[7,1]", 0), grown("[7,2]", 30)),
        (None, Some(0), Some(30)),
        "bytes before 7.2"
    );
    assert_eq!(grown("[7,10]", 30), Some(30));
    let cycles = scsi(
        "[7,3]",
        r#""scsi_start_stop_cycle_counter":{"accumulated_start_stop_cycles":12,"specified_cycle_count_over_device_lifetime":0,
        "accumulated_load_unload_cycles":4294967295,"specified_load_unload_count_over_device_lifetime":600000},"scsi_pending_defects":{"count":2}"#,
    );
    assert_eq!(cycles.start_stop_cycles, Cycles { accumulated: Some(12), specified: None });
    assert_eq!(cycles.load_unload_cycles, Cycles { accumulated: None, specified: Some(600_000) });
    assert_eq!((cycles.pending_defects, cycles.verify), (Some(2), None));
}

#[test]
fn links_are_in_bits() {
    let json = r#"{"device":{"protocol":"ATA"},"interface_speed":{"max":{"units_per_second":60,"bits_per_unit":100000000},
        "current":{"units_per_second":"x","bits_per_unit":100000000}}}"#;
    let ata = report(json).ata.unwrap_or_default();
    assert_eq!((ata.link_max_bits_per_second, ata.link_current_bits_per_second), (Some(6_000_000_000), None));
}

fn capacity(json: &str) -> Option<u64> {
    report(json).user_capacity_bytes
}

#[test]
fn the_capacity_is_found_in_several_fields() {
    assert_eq!(capacity(r#"{"user_capacity":{"blocks":100,"bytes":51200}}"#), Some(51_200));
    assert_eq!(capacity(r#"{"user_capacity":{"blocks":100,"bytes":-1},"logical_block_size":512}"#), Some(51_200));
    assert_eq!(capacity(r#"{"user_capacity":{"blocks":18446744073709551615},"logical_block_size":4096}"#), None);
    assert_eq!(capacity(r#"{"nvme_total_capacity":7}"#), Some(7));
    assert_eq!(capacity(r#"{"nvme_namespaces":[{"size":{"bytes":9}}]}"#), Some(9));
}

#[test]
fn low_power_is_recognized_by_the_message() {
    for message in [
        "Device is in STANDBY mode, exit(3)",
        "Device is in STANDBY BY COMMAND mode, exit(2)",
        "Device is in SLEEP mode, exit(3)",
        "Device is in LOW POWER mode, exit(3)",
        "Device is in IDLE_ BY COMMAND mode, exit(3)",
        "Device is in STANDBY_Y mode, exit(3)",
        "Device is in STANDBY (OS) mode, exit(3)",
    ] {
        assert!(reports_low_power(message), "{message}");
    }
    for message in [
        "Smartctl open device: /dev/sda failed: No such device",
        "CHECK POWER MODE not implemented",
        "Device is in ACTIVE or IDLE mode",
        "Device is in STANDBY mode, exit(7)",
    ] {
        assert!(!reports_low_power(message), "{message}");
    }
}
