//! What is around a drive: heat, link, bay, pools, and the limits that were set.

use super::*;

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
        assert_eq!(
            findings(&DriveFacts { memberships: std::slice::from_ref(&place), ..facts(&clean) }),
            expected,
            "{place:?}"
        );
        let unread = DriveFacts { report: None, memberships: std::slice::from_ref(&place), ..facts(&clean) };
        assert_eq!(findings(&unread), expected, "also of a drive that was never read");
    }
    let rebuilding = place("ONLINE", [0; 3], true);
    for (report, expected) in [
        (attribute(5, 3), "Z3 warn, A5 watch"),
        (attribute(197, 9), "Z3 crit, A3 warn"),
        (attribute(197, 170), "A3 crit"),
        // Heat and a slow link are not about the drive itself.
        (at(ata(), 52), "T1 warn"),
        (nvme(NvmeDetail { critical_warning: Some(0b10), ..NvmeDetail::default() }), "N1 warn"),
        (exception(0x0b, 0x01), "S1 warn"),
        (exception(0x0b, 0x96), "S1 watch"),
        (exception(0x0b, 0x05), "Z3 crit, S1 warn"),
    ] {
        assert_eq!(
            findings(&DriveFacts { memberships: std::slice::from_ref(&rebuilding), ..facts(&report) }),
            expected
        );
    }
}

#[test]
fn limits_that_were_set_hold() {
    let of = |code: &'static str, set: RuleOverride| RuleSettings {
        rules: [(RuleCode::new(code), set)].into(),
        ..RuleSettings::default()
    };
    let off = RuleOverride { enabled: Some(false), ..RuleOverride::default() };
    let report = attribute(5, 300);
    assert_eq!(findings_with(&facts(&report), &of("A5", off)), "");
    let higher = RuleOverride { warn: Some(LevelSetting::At(400)), ..RuleOverride::default() };
    assert_eq!(findings_with(&facts(&report), &of("A5", higher)), "A5 watch");
    let rebuilding = place("ONLINE", [0; 3], true);
    let facts = DriveFacts { memberships: std::slice::from_ref(&rebuilding), ..facts(&report) };
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
