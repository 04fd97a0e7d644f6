//! Each rule, at each of its levels, and what holds for all of them.

use super::*;
use crate::domain::smart::{
    AtaAttribute, AtaDetail, Cycles, ErrorCounters, NvmeDetail, ScsiDetail, SelfTest, SmartReport, TemperatureLimits,
    Wear,
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
        place: None,
        fault_sensed: None,
        peers: PeersOfOne::default(),
    }
}

/// `A5 watch, A3 crit`, worst first.
fn findings(facts: &DriveFacts) -> String {
    findings_with(facts, &RuleSettings::default())
}

fn findings_with(facts: &DriveFacts, limits: &RuleSettings) -> String {
    let health = judge_drive(facts, limits);
    let worst = health.findings.first().map(|f| f.severity.into());
    assert_eq!(worst.unwrap_or(health.verdict), health.verdict, "the worst finding is the verdict");
    let known = |f: &Finding| rule_of(f.code.as_str()).is_some_and(|rule| rule.class == f.class);
    assert!(health.findings.iter().all(|f| known(f) && f.message.ends_with('.')), "{:?}", health.findings);
    let each = health.findings.iter().map(|f| format!("{} {}", f.code, Verdict::from(f.severity).as_str()));
    each.collect::<Vec<_>>().join(", ")
}

fn ata() -> SmartReport {
    SmartReport {
        smart_status_passed: Some(true),
        rotation_rate_rpm: Some(7200),
        ata: Some(AtaDetail::default()),
        ..Default::default()
    }
}

/// With an attribute of that raw value, its normalised one at 100.
fn attribute(id: u8, raw: u64) -> SmartReport {
    attribute_at(id, raw, 100, 0)
}

fn attribute_at(id: u8, raw: u64, value: u8, thresh: u8) -> SmartReport {
    let row = AtaAttribute { id, value: Some(value), thresh: Some(thresh), raw_value: Some(raw), ..Default::default() };
    SmartReport { ata: Some(AtaDetail { attributes: vec![row], ..Default::default() }), ..ata() }
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

fn errors(read: u64, write: u64) -> ScsiDetail {
    let row = |n| Some(ErrorCounters { total_uncorrected_errors: Some(n), ..Default::default() });
    ScsiDetail { read: row(read), write: row(write), ..Default::default() }
}

fn failed_test() -> SelfTest {
    SelfTest { last_result_passed: Some(false), ..Default::default() }
}

fn worn(report: SmartReport, used: Option<u64>, spare: Option<(u64, u64)>) -> SmartReport {
    let wear = Wear {
        endurance_used_percent: used,
        spare_available_percent: spare.map(|s| s.0),
        spare_threshold_percent: spare.map(|s| s.1),
    };
    SmartReport { wear, ..report }
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
fn nothing_read_is_unknown_and_a_clean_reading_is_ok() {
    let empty = SmartReport::default();
    let nothing = DriveFacts { report: None, ..facts(&empty) };
    assert_eq!(judge_drive(&nothing, &RuleSettings::default()).verdict, Verdict::Unknown);
    assert_eq!(judge_drive(&facts(&empty), &RuleSettings::default()).verdict, Verdict::Unknown, "no health in it");
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
fn ata_rules_speak_at_their_limits() {
    for (report, expected) in vec![
        (SmartReport { smart_status_passed: Some(false), ..ata() }, "A1 crit"),
        (attribute(197, 0), ""),
        (attribute(197, 1), "A3 warn"),
        (attribute(197, 6), "A3 warn"),
        (attribute(197, 7), "A3 crit"),
        (attribute(198, 1), "A4 warn"),
        (attribute(198, u64::MAX), "A4 warn"),
        (attribute(5, 1), "A5 watch"),
        (attribute(5, 16), "A5 watch"),
        (attribute(5, 17), "A5 warn"),
        (attribute(5, 1100), "A5 warn"),
        (attribute(5, 1101), "A5 crit"),
        (attribute(187, 1), "A6 warn"),
        (attribute(187, 36), "A6 crit"),
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
        (worn(ata(), None, Some((10, 10))), ""),
        (worn(ata(), None, Some((9, 10))), "A12-spare crit"),
        (attribute_at(22, 100, 100, 25), ""),
        (attribute_at(22, 99, 99, 25), "A13 watch"),
        (attribute_at(22, 25, 25, 25), "A13 crit"),
        // Counters that say nothing by themselves.
        (attribute(1, 200_000_000), ""),
        (attribute(7, 80_000_000), ""),
        (attribute(189, 40), ""),
        (attribute(199, 5000), ""),
    ] {
        assert_eq!(findings(&facts(&report)), expected, "{:?}", report.ata);
    }
}

#[test]
fn an_attribute_at_its_threshold_is_named() {
    let failing = |when: &str, prefailure| {
        let row = AtaAttribute {
            id: 3,
            name: Some("Spin_Up_Time".into()),
            value: Some(20),
            thresh: Some(21),
            prefailure: Some(prefailure),
            when_failed: Some(when.into()),
            ..Default::default()
        };
        SmartReport { ata: Some(AtaDetail { attributes: vec![row], ..Default::default() }), ..ata() }
    };
    for (report, expected) in [
        (failing("now", true), "A2 crit"),
        (failing("now", false), "A2 warn"),
        (failing("past", true), "A2 watch"),
        (failing("past", false), "A2 watch"),
    ] {
        assert_eq!(findings(&facts(&report)), expected);
        let health = judge_drive(&facts(&report), &RuleSettings::default());
        assert!(health.findings.iter().all(|f| f.message.contains("Spin_Up_Time (3)")), "{health:?}");
    }
}

#[test]
fn scsi_rules_speak_at_their_limits() {
    let hot = |celsius, trip| SmartReport {
        temperature_limits: TemperatureLimits { drive_trip_celsius: Some(trip), ..Default::default() },
        ..at(scsi(ScsiDetail::default()), celsius)
    };
    let cycles = |accumulated, specified| {
        scsi(ScsiDetail {
            load_unload_cycles: Cycles { accumulated: Some(accumulated), specified: Some(specified) },
            ..Default::default()
        })
    };
    let defects = |n| scsi(ScsiDetail { grown_defect_list: Some(n), ..Default::default() });
    for (report, expected) in vec![
        (SmartReport { smart_status_passed: Some(false), ..scsi(ScsiDetail::default()) }, "S1 crit"),
        (scsi(errors(0, 1)), "S2 warn"),
        (scsi(errors(3, 532)), "S2 warn"),
        (defects(0), ""),
        (defects(1), "S3 watch"),
        (defects(19), "S3 watch"),
        (defects(20), "S3 warn"),
        (defects(5000), "S3 warn"),
        (scsi(ScsiDetail { pending_defects: Some(1), ..Default::default() }), "S5 warn"),
        (SmartReport { self_test: Some(failed_test()), ..scsi(ScsiDetail::default()) }, "S6 warn"),
        (hot(49, 60), ""),
        (hot(50, 60), "S8 warn"),
        (hot(55, 60), "S8 crit"),
        (hot(66, 85), ""),
        // No drive trips at 0 °C or 20 °C; then the usual limits hold.
        (hot(51, 0), "T1 warn"),
        (hot(51, 20), "T1 warn"),
        (cycles(600_000, 600_000), ""),
        (cycles(600_001, 600_000), "S9 watch"),
        (cycles(600_001, 0), ""),
        (worn(scsi(ScsiDetail::default()), Some(80), None), "S10 warn"),
        (worn(scsi(ScsiDetail::default()), Some(100), None), "S10 crit"),
    ] {
        assert_eq!(findings(&facts(&report)), expected, "{:?}", report.scsi);
    }
    let words = SmartReport {
        smart_status_passed: Some(false),
        ie_string: Some("HARDWARE IMPENDING FAILURE GENERAL HARD DRIVE FAILURE".into()),
        ..scsi(ScsiDetail::default())
    };
    let health = judge_drive(&facts(&words), &RuleSettings::default());
    assert!(health.findings.iter().any(|f| f.code == "S1" && f.message.contains("impending failure")));
}

#[test]
fn nvme_rules_speak_at_their_limits() {
    let warning = |bits| nvme(NvmeDetail { critical_warning: Some(bits), ..Default::default() });
    let hot = |celsius| SmartReport {
        temperature_limits: TemperatureLimits {
            op_limit_max_celsius: Some(70),
            critical_limit_max_celsius: Some(80),
            ..Default::default()
        },
        ..at(nvme(NvmeDetail::default()), celsius)
    };
    let plain = || nvme(NvmeDetail::default());
    for (report, expected) in vec![
        (warning(0b10), "N1 warn"),
        (warning(0b1), "N1 crit"),
        (warning(0b11), "N1 crit"),
        (warning(0b1000_0000), "N1 crit"),
        (worn(plain(), None, Some((100, 95))), ""),
        (worn(plain(), None, Some((21, 10))), ""),
        (worn(plain(), None, Some((20, 10))), "N2 warn"),
        (worn(plain(), None, Some((10, 10))), "N2 warn"),
        (worn(plain(), None, Some((9, 10))), "N2 crit"),
        (worn(plain(), None, Some((255, 10))), ""),
        (worn(plain(), Some(80), None), "N3 watch"),
        (worn(plain(), Some(90), None), "N3 warn"),
        (worn(plain(), Some(100), None), "N3 crit"),
        (nvme(NvmeDetail { media_errors: Some(1), ..Default::default() }), "N4 warn"),
        (nvme(NvmeDetail { num_err_log_entries: Some(90_000), ..Default::default() }), ""),
        (hot(69), ""),
        (hot(70), "N6 warn"),
        (hot(80), "N6 crit"),
        (at(plain(), 75), ""),
        (SmartReport { self_test: Some(failed_test()), ..plain() }, "N7 warn"),
    ] {
        assert_eq!(findings(&facts(&report)), expected, "{:?} {:?}", report.nvme, report.wear);
    }
}

#[test]
fn what_is_around_a_drive_is_judged_too() {
    let (clean, ssd) = (ata(), SmartReport { rotation_rate_rpm: Some(0), ..ata() });
    for (celsius, disk, solid) in
        [(49, "", ""), (50, "T1 warn", ""), (60, "T1 crit", "T1-ssd warn"), (70, "T1 crit", "T1-ssd crit")]
    {
        assert_eq!(findings(&facts(&at(clean.clone(), celsius))), disk);
        assert_eq!(findings(&facts(&at(ssd.clone(), celsius))), solid);
    }
    let own = SmartReport {
        temperature_limits: TemperatureLimits {
            op_limit_max_celsius: Some(60),
            limit_max_celsius: Some(70),
            ..Default::default()
        },
        ..at(clean.clone(), 59)
    };
    assert_eq!(findings(&facts(&own)), "", "its own limits stand for the usual ones");
    assert_eq!(findings(&facts(&at(own, 60))), "T1 warn");

    let beside = |celsius| PeersOfOne { enclosure_celsius: Some(celsius), ..PeersOfOne::default() };
    for (celsius, median, expected) in [(47, 40, ""), (48, 40, "T2 watch"), (39, 25, "")] {
        let report = at(clean.clone(), celsius);
        assert_eq!(
            findings(&DriveFacts { peers: beside(median), ..facts(&report) }),
            expected,
            "{celsius} beside {median}"
        );
    }

    let link = |now, most| {
        let mut report = ata();
        let ata = AtaDetail {
            link_current_bits_per_second: Some(now),
            link_max_bits_per_second: Some(most),
            ..AtaDetail::default()
        };
        report.ata = Some(ata);
        report
    };
    let peers = |bits| PeersOfOne { link_bits_per_second: bits, ..PeersOfOne::default() };
    let (g3, g6) = (3_000_000_000, 6_000_000_000);
    for (now, most, others, expected) in
        [(g3, g6, Some(g6), "A14 watch"), (g3, g6, Some(g3), ""), (g3, g6, None, ""), (g6, g6, Some(g6), "")]
    {
        let report = link(now, most);
        assert_eq!(findings(&DriveFacts { peers: peers(others), ..facts(&report) }), expected);
    }

    assert_eq!(findings(&DriveFacts { fault_sensed: Some(true), ..facts(&clean) }), "E5 warn");
    let old = |age: i64, asleep| DriveFacts { collected_at: Some(Timestamp(NOW.0 - age)), asleep, ..facts(&clean) };
    assert_eq!(findings(&old(86_400, false)), "");
    assert_eq!(findings(&old(90_000, false)), "C5 warn");
    assert_eq!(findings(&old(90_000, true)), "");
    assert_eq!(findings(&old(-90_000, false)), "", "a clock set back is no age");
}

#[test]
fn the_pool_has_its_say() {
    let clean = ata();
    for (place, expected) in [
        (place("ONLINE", [0; 3], false), ""),
        (place("FAULTED", [0; 3], false), "Z1 crit"),
        (place("UNAVAIL", [0; 3], false), "Z1 crit"),
        (place("REMOVED", [0; 3], false), "Z1 crit"),
        (place("DEGRADED", [0, 0, 9], false), "Z1 crit, Z2 warn"),
        (place("OFFLINE", [0; 3], false), "Z1 warn"),
        (place("AVAIL", [0; 3], false), ""),
        (place("ONLINE", [0, 0, 1], false), "Z2 warn"),
        (place("ONLINE", [u64::MAX, u64::MAX, 1], false), "Z2 warn"),
        (place("ONLINE", [0; 3], true), ""),
    ] {
        assert_eq!(findings(&DriveFacts { place: Some(&place), ..facts(&clean) }), expected, "{place:?}");
        let unread = DriveFacts { report: None, place: Some(&place), ..facts(&clean) };
        assert_eq!(findings(&unread), expected, "also of a drive that was never read");
    }
    let rebuilding = place("ONLINE", [0; 3], true);
    for (report, expected) in [
        (attribute(5, 3), "Z3 warn, A5 watch"),
        (attribute(197, 1), "Z3 crit, A3 warn"),
        (attribute(197, 70), "A3 crit"),
        // Heat and a slow link are not about the drive itself.
        (at(ata(), 52), "T1 warn"),
    ] {
        assert_eq!(findings(&DriveFacts { place: Some(&rebuilding), ..facts(&report) }), expected);
    }
}

#[test]
fn limits_that_were_set_hold() {
    let of = |code: &'static str, set: RuleOverride| RuleSettings {
        rules: [(RuleCode::new(code), set)].into(),
        ..RuleSettings::default()
    };
    let off = RuleOverride { enabled: Some(false), ..RuleOverride::default() };
    let report = attribute(5, 20);
    assert_eq!(findings_with(&facts(&report), &of("A5", off)), "");
    let higher = RuleOverride { warn: Some(LevelSetting::At(100)), ..RuleOverride::default() };
    assert_eq!(findings_with(&facts(&report), &of("A5", higher)), "A5 watch");
    let rebuilding = place("ONLINE", [0; 3], true);
    let facts = DriveFacts { place: Some(&rebuilding), ..facts(&report) };
    assert_eq!(findings_with(&facts, &of("Z3", off)), "A5 warn");
}

#[test]
fn codes_are_unique_and_every_row_says_why() {
    let codes: std::collections::BTreeSet<_> = all_rules().map(|rule| &rule.code).collect();
    assert_eq!(codes.len(), all_rules().count());
    assert!(all_rules().all(|r| !r.condition.is_empty() && !r.source.is_empty()));
}

#[test]
fn what_fails_by_its_own_word_is_never_ok() {
    let failing = |report: SmartReport| SmartReport { smart_status_passed: Some(false), ..report };
    let of = |report: &SmartReport| judge_drive(&facts(report), &RuleSettings::default()).verdict;
    assert_eq!(of(&failing(SmartReport::default())), Verdict::Crit, "its protocol is not known");
    assert_eq!(of(&failing(nvme(NvmeDetail { critical_warning: Some(0), ..NvmeDetail::default() }))), Verdict::Crit);
}

#[test]
fn counters_without_a_status_are_judged() {
    let report = SmartReport { smart_status_passed: None, ..scsi(errors(0, 0)) };
    let report = SmartReport {
        scsi: report.scsi.map(|scsi| crate::domain::smart::ScsiDetail { grown_defect_list: Some(900), ..scsi }),
        ..report
    };
    assert!(report.has_health());
    assert_eq!(findings(&facts(&report)), "S3 warn");
}

#[test]
fn a_drive_that_sleeps_is_not_hot_any_more() {
    let hot = SmartReport { rotation_rate_rpm: Some(7200), ..at(ata(), 66) };
    let awake = DriveFacts { rotates: Some(true), ..facts(&hot) };
    assert_eq!(findings(&awake), "T1 crit");
    assert_eq!(findings(&DriveFacts { asleep: true, ..awake }), "");
}

#[test]
fn heat_in_the_past_is_no_fault_of_the_media() {
    let mut report = ata();
    let row = |id: u8| AtaAttribute { id, when_failed: Some("past".into()), ..AtaAttribute::default() };
    report.ata = report.ata.map(|ata| AtaDetail { attributes: vec![row(190), row(194)], ..ata });
    assert_eq!(findings(&facts(&report)), "");
    report.ata = report.ata.map(|ata| AtaDetail { attributes: vec![row(190), row(4)], ..ata });
    assert_eq!(findings(&facts(&report)), "A2 watch");
}

#[test]
fn what_a_drive_leaves_open_of_its_limits_the_rule_has() {
    let warm = |celsius: i32, op: Option<i32>, most: Option<i32>| {
        let limits = TemperatureLimits { op_limit_max_celsius: op, limit_max_celsius: most, ..Default::default() };
        let report = SmartReport { temperature_limits: limits, ..at(ata(), celsius) };
        findings(&DriveFacts { rotates: Some(true), ..facts(&report) })
    };
    assert_eq!((warm(54, None, Some(60)).as_str(), warm(61, None, Some(60)).as_str()), ("T1 warn", "T1 crit"));
    assert_eq!((warm(56, Some(55), None).as_str(), warm(60, Some(55), None).as_str()), ("T1 warn", "T1 crit"));
    assert_eq!((warm(62, Some(65), None).as_str(), warm(66, Some(65), None).as_str()), ("", "T1 warn"));
}
