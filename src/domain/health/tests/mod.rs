//! Each rule at each of its levels, and properties of all rules.

mod context;

use super::*;
use crate::domain::smart::{
    AtaAttribute, AtaDetail, Cycles, EnduranceSource, ErrorCounters, ExceptionCode, NvmeDetail, ScsiDetail, SelfTest,
    SmartReport, TemperatureLimits, Wear,
};
use crate::domain::time::Timestamp;
use crate::domain::zfs::Membership;
use crate::domain::zfs::words::{VdevRole, VdevState};

const NOW: Timestamp = Timestamp(1_000_000);

pub(super) fn facts(report: &SmartReport) -> DriveFacts<'_> {
    DriveFacts {
        now: NOW,
        report: Some(report),
        collected_at: Some(NOW),
        asleep: false,
        model: report.model_name.as_deref(),
        rotates: report.rotation_rate_rpm.map(|rpm| rpm > 0),
        kernel_size_bytes: None,
        memberships: &[],
        fault_sensed: None,
        peers: PeersOfOne::default(),
        expected_paths: 1,
        lost_paths: &[],
    }
}

/// `A5 watch, A3 crit`, worst first.
fn findings(facts: &DriveFacts) -> String {
    findings_with(facts, &RuleSettings::default())
}

fn findings_with(facts: &DriveFacts, settings: &RuleSettings) -> String {
    let Judgement { verdict, findings } = judge_drive(facts, settings);
    let worst = findings.first().map(|finding| finding.severity.into());
    assert_eq!(worst.unwrap_or(verdict), verdict, "the worst finding is the verdict");
    let mut listed = Vec::new();
    for finding in findings {
        let rule = rule_of(finding.code.as_str()).unwrap();
        // The cause decides the class of these rules.
        let has_class = rule.class == finding.class || finding.code == "S1" || finding.code == "N1";
        assert!(has_class && finding.message.ends_with('.'), "{finding:?}");
        if let Direction::OnOff(severities) = rule.thresholds.direction {
            assert!(severities.contains(&finding.severity), "{finding:?}");
        }
        listed.push(format!("{} {}", finding.code, Verdict::from(finding.severity).as_str()));
    }
    listed.join(", ")
}

fn ata() -> SmartReport {
    SmartReport {
        smart_status_passed: Some(true),
        rotation_rate_rpm: Some(7200),
        ata: Some(AtaDetail::default()),
        ..Default::default()
    }
}

/// A reading with an attribute that has that raw value; its normalised value is 100.
fn attribute(id: u8, raw: u64) -> SmartReport {
    attribute_at(id, raw, 100, 0)
}

fn attribute_at(id: u8, raw: u64, value: u8, thresh: u8) -> SmartReport {
    let name = default_name(id).map(str::to_owned);
    let row =
        AtaAttribute { id, name, value: Some(value), thresh: Some(thresh), raw_value: Some(raw), ..Default::default() };
    SmartReport { ata: Some(AtaDetail { attributes: vec![row], ..Default::default() }), ..ata() }
}

/// smartctl's default names.
fn default_name(id: u8) -> Option<&'static str> {
    Some(match id {
        5 => "Reallocated_Sector_Ct",
        10 => "Spin_Retry_Count",
        22 => "Helium_Level",
        23 => "Helium_Condition_Lower",
        24 => "Helium_Condition_Upper",
        184 => "End-to-End_Error",
        187 => "Reported_Uncorrect",
        188 => "Command_Timeout",
        196 => "Reallocated_Event_Count",
        197 => "Current_Pending_Sector",
        198 => "Offline_Uncorrectable",
        _ => return None,
    })
}

fn scsi(detail: ScsiDetail) -> SmartReport {
    SmartReport {
        smart_status_passed: Some(true),
        rotation_rate_rpm: Some(7200),
        scsi: Some(detail),
        ..Default::default()
    }
}

fn nvme(detail: NvmeDetail) -> SmartReport {
    SmartReport {
        smart_status_passed: Some(true),
        rotation_rate_rpm: Some(0),
        nvme: Some(detail),
        ..Default::default()
    }
}

fn exception(asc: u8, ascq: u8) -> SmartReport {
    SmartReport {
        smart_status_passed: Some(false),
        exception: Some(ExceptionCode { asc, ascq }),
        ..scsi(ScsiDetail::default())
    }
}

fn errors(read: u64, write: u64) -> ScsiDetail {
    let read = ErrorCounters { total_uncorrected_errors: Some(read), ..Default::default() };
    let write = ErrorCounters { total_uncorrected_errors: Some(write), ..Default::default() };
    ScsiDetail { read: Some(read), write: Some(write), ..Default::default() }
}

fn failed_test() -> SelfTest {
    SelfTest { last_result_passed: Some(false), ..Default::default() }
}

fn worn(report: SmartReport, used: Option<u64>, spare: Option<(u64, u64)>) -> SmartReport {
    let wear = Wear {
        endurance_used_percent: used,
        endurance_source: Some(EnduranceSource::Measured),
        spare_available_percent: spare.map(|(available, _)| available),
        spare_threshold_percent: spare.map(|(_, threshold)| threshold),
    };
    SmartReport { wear, ..report }
}

fn guessed(used: u64) -> SmartReport {
    let report = worn(ata(), Some(used), None);
    SmartReport { wear: Wear { endurance_source: Some(EnduranceSource::Guessed), ..report.wear }, ..report }
}

fn at(report: SmartReport, celsius: i32) -> SmartReport {
    SmartReport { temperature_celsius: Some(celsius), ..report }
}

fn place(state: &str, counts: [u64; 3], resilvering: bool) -> Membership {
    let [read, write, cksum] = counts.map(Some);
    Membership {
        pool: "tank".into(),
        vdev: "raidz2-0".into(),
        role: VdevRole::Data,
        state: Some(VdevState::from(state)),
        read_errors: read,
        write_errors: write,
        checksum_errors: cksum,
        vdev_resilvering: resilvering,
        ..Membership::default()
    }
}

#[test]
fn verdict_without_a_reading_is_unknown_and_without_findings_ok() {
    let empty = SmartReport::default();
    let nothing = DriveFacts { report: None, ..facts(&empty) };
    assert_eq!(judge_drive(&nothing, &RuleSettings::default()).verdict, Verdict::Unknown);
    assert_eq!(judge_drive(&facts(&empty), &RuleSettings::default()).verdict, Verdict::Unknown, "no health data");
    for clean in
        [ata(), scsi(errors(0, 0)), nvme(NvmeDetail::default()), worn(at(ata(), 49), Some(79), Some((100, 100)))]
    {
        assert_eq!(
            (findings(&facts(&clean)), judge_drive(&facts(&clean), &RuleSettings::default()).verdict),
            (String::new(), Verdict::Ok)
        );
    }
}

#[test]
fn ata_rules_report_at_their_limits() {
    for (report, expected) in vec![
        (SmartReport { smart_status_passed: Some(false), ..ata() }, "A1 crit"),
        (attribute(197, 0), ""),
        (attribute(197, 1), "A3 watch"),
        (attribute(197, 8), "A3 watch"),
        (attribute(197, 9), "A3 warn"),
        (attribute(197, 100), "A3 warn"),
        (attribute(197, 101), "A3 crit"),
        (attribute(198, 1), "A4 watch"),
        (attribute(198, 9), "A4 warn"),
        (attribute(198, 5000), "A4 warn"),
        (attribute(198, u64::MAX), ""),
        (attribute(5, 1), "A5 watch"),
        (attribute(5, 260), "A5 watch"),
        (attribute(5, 261), "A5 warn"),
        (attribute(5, 5000), "A5 warn"),
        (attribute(187, 1), "A6 watch"),
        (attribute(187, 20), "A6 watch"),
        (attribute(187, 21), "A6 warn"),
        (attribute(187, 5000), "A6 warn"),
        (attribute(188, 100), ""),
        (attribute(188, 101), "A7 watch"),
        (attribute(10, 1), "A9-10 warn"),
        (attribute_at(184, 0, 100, 97), ""),
        (attribute_at(184, 1, 99, 97), "A9-184 warn"),
        (attribute(196, 11), ""),
        (attribute(196, 12), "A9-196 watch"),
        (SmartReport { self_test: Some(failed_test()), ..ata() }, "A10 warn"),
        (worn(ata(), Some(80), None), "A12 warn"),
        (worn(ata(), Some(130), None), "A12 crit"),
        (guessed(79), ""),
        (guessed(130), "A12 watch"),
        (worn(ata(), None, Some((10, 10))), ""),
        (worn(ata(), None, Some((9, 10))), "A12-spare watch"),
        (attribute_at(22, 100, 100, 25), ""),
        (attribute_at(22, 99, 99, 25), "A13 watch"),
        (attribute_at(22, 25, 25, 25), "A13 crit"),
        (attribute_at(23, 0, 80, 75), "A13 watch"),
        (attribute_at(24, 0, 75, 75), "A13 crit"),
        (attribute_at(22, 0, 0, 25), ""),
        (attribute_at(184, 0, 0, 0), ""),
        // Counters that mean nothing by themselves.
        (attribute(1, 200_000_000), ""),
        (attribute(7, 80_000_000), ""),
        (attribute(189, 40), ""),
        (attribute(199, 5000), ""),
    ] {
        assert_eq!(findings(&facts(&report)), expected, "{:?}", report.ata);
    }
}

#[test]
fn attribute_at_its_threshold_is_named() {
    for (when, prefailure, expected) in
        [("now", true, "A2 crit"), ("now", false, "A2 warn"), ("past", true, "A2 watch"), ("past", false, "A2 watch")]
    {
        let row = AtaAttribute {
            id: 3,
            name: Some("Spin_Up_Time".into()),
            value: Some(20),
            thresh: Some(21),
            prefailure: Some(prefailure),
            when_failed: Some(when.into()),
            ..Default::default()
        };
        let report = SmartReport { ata: Some(AtaDetail { attributes: vec![row], ..Default::default() }), ..ata() };
        assert_eq!(findings(&facts(&report)), expected);
        let judgement = judge_drive(&facts(&report), &RuleSettings::default());
        let [finding] = judgement.findings.as_slice() else { panic!("{judgement:?}") };
        assert!(finding.message.contains("Spin_Up_Time (3)"), "{finding:?}");
    }
}

/// A SCSI drive at that temperature, with that reference temperature.
fn hot_scsi(celsius: i32, trip: i32) -> SmartReport {
    SmartReport {
        temperature_limits: TemperatureLimits { drive_trip_celsius: Some(trip), ..Default::default() },
        ..at(scsi(ScsiDetail::default()), celsius)
    }
}

fn load_cycles(accumulated: u64, specified: u64) -> SmartReport {
    let cycles = Cycles { accumulated: Some(accumulated), specified: Some(specified) };
    scsi(ScsiDetail { load_unload_cycles: cycles, ..Default::default() })
}

fn grown_defects(count: u64) -> SmartReport {
    scsi(ScsiDetail { grown_defect_list: Some(count), ..Default::default() })
}

#[test]
fn scsi_rules_report_at_their_limits() {
    for (report, expected) in vec![
        (exception(0x5d, 0x10), "S1 crit"),
        (exception(0x5d, 0xff), "S1 watch"),
        (exception(0x0b, 0x01), "S1 warn"),
        (exception(0x0b, 0x05), "S1 warn"),
        (exception(0x0b, 0x96), "S1 watch"),
        (SmartReport { exception: None, ..exception(0, 0) }, "S1 watch"),
        (scsi(errors(0, 1)), "S2 warn"),
        (scsi(errors(3, 532)), "S2 warn"),
        (grown_defects(0), ""),
        (grown_defects(1), "S3 watch"),
        (grown_defects(19), "S3 watch"),
        (grown_defects(20), "S3 warn"),
        (grown_defects(5000), "S3 warn"),
        (scsi(ScsiDetail { pending_defects: Some(1), ..Default::default() }), "S5 warn"),
        (SmartReport { self_test: Some(failed_test()), ..scsi(ScsiDetail::default()) }, "S6 warn"),
        (hot_scsi(49, 60), ""),
        (hot_scsi(54, 60), ""),
        (hot_scsi(55, 60), "S8 watch"),
        (hot_scsi(59, 60), "S8 watch"),
        // The reference temperature warns, and the general limit of rotating drives applies as well.
        (hot_scsi(60, 60), "T1 crit, S8 warn"),
        (hot_scsi(42, 50), ""),
        (hot_scsi(46, 50), "S8 watch"),
        (hot_scsi(52, 50), "S8 warn"),
        (hot_scsi(49, 85), ""),
        (hot_scsi(55, 85), "T1 warn"),
        (hot_scsi(68, 85), "T1 crit"),
        // 0 °C and 20 °C are placeholders: the general limits apply.
        (hot_scsi(51, 0), "T1 warn"),
        (hot_scsi(51, 20), "T1 warn"),
        (load_cycles(600_000, 600_000), ""),
        (load_cycles(600_001, 600_000), "S9 watch"),
        (load_cycles(600_001, 0), ""),
        (worn(scsi(ScsiDetail::default()), Some(80), None), "S10 warn"),
        (worn(scsi(ScsiDetail::default()), Some(100), None), "S10 crit"),
    ] {
        assert_eq!(findings(&facts(&report)), expected, "{:?}", report.scsi);
    }
    let with_text = SmartReport {
        ie_string: Some("HARDWARE IMPENDING FAILURE GENERAL HARD DRIVE FAILURE".into()),
        ..exception(0x5d, 0x10)
    };
    let judgement = judge_drive(&facts(&with_text), &RuleSettings::default());
    let [finding] = judgement.findings.as_slice() else { panic!("{judgement:?}") };
    assert!(finding.code == "S1" && finding.message.contains("impending failure"), "{finding:?}");
}

fn critical_warning(bits: u8) -> SmartReport {
    nvme(NvmeDetail { critical_warning: Some(bits), ..Default::default() })
}

fn worn_nvme(used: Option<u64>, spare: Option<(u64, u64)>) -> SmartReport {
    worn(nvme(NvmeDetail::default()), used, spare)
}

/// An NVMe drive at that temperature, with limits of 70 and 80 °C.
fn hot_nvme(celsius: i32) -> SmartReport {
    let temperature_limits = TemperatureLimits {
        op_limit_max_celsius: Some(70),
        critical_limit_max_celsius: Some(80),
        ..Default::default()
    };
    SmartReport { temperature_limits, ..at(nvme(NvmeDetail::default()), celsius) }
}

#[test]
fn nvme_rules_report_at_their_limits() {
    for (report, expected) in vec![
        (critical_warning(0b10), "N1 warn"),
        (critical_warning(0b1), "N1 crit"),
        (critical_warning(0b11), "N1 crit"),
        (critical_warning(0b1000_0000), "N1 warn"),
        (worn_nvme(None, Some((100, 95))), ""),
        (worn_nvme(None, Some((21, 10))), ""),
        (worn_nvme(None, Some((20, 10))), "N2 warn"),
        (worn_nvme(None, Some((10, 10))), "N2 warn"),
        (worn_nvme(None, Some((9, 10))), "N2 crit"),
        (worn_nvme(None, Some((255, 10))), ""),
        (worn_nvme(Some(80), None), "N3 watch"),
        (worn_nvme(Some(90), None), "N3 warn"),
        (worn_nvme(Some(100), None), "N3 crit"),
        (nvme(NvmeDetail { media_errors: Some(1), ..Default::default() }), "N4 warn"),
        (nvme(NvmeDetail { num_err_log_entries: Some(90_000), ..Default::default() }), ""),
        (hot_nvme(69), ""),
        (hot_nvme(70), "N6 warn"),
        (hot_nvme(80), "N6 crit"),
        (at(nvme(NvmeDetail::default()), 75), ""),
        (SmartReport { self_test: Some(failed_test()), ..nvme(NvmeDetail::default()) }, "N7 warn"),
    ] {
        assert_eq!(findings(&facts(&report)), expected, "{:?} {:?}", report.nvme, report.wear);
    }
}
