//! Rules over the context of a drive: temperature, link, bay, pools; and settings of rules.

use super::*;

#[test]
fn temperature_is_compared_with_general_limits_or_own_ones() {
    let (disk, ssd) = (ata(), SmartReport { rotation_rate_rpm: Some(0), ..ata() });
    for (celsius, of_disk, of_ssd) in
        [(49, "", ""), (50, "T1 warn", ""), (60, "T1 crit", "T1-ssd warn"), (70, "T1 crit", "T1-ssd crit")]
    {
        assert_eq!(findings(&facts(&at(disk.clone(), celsius))), of_disk);
        assert_eq!(findings(&facts(&at(ssd.clone(), celsius))), of_ssd);
    }
    let own = SmartReport {
        temperature_limits: TemperatureLimits {
            op_limit_max_celsius: Some(60),
            limit_max_celsius: Some(70),
            ..Default::default()
        },
        ..at(disk, 59)
    };
    assert_eq!(findings(&facts(&own)), "", "its own limits replace the general ones");
    assert_eq!(findings(&facts(&at(own, 60))), "T1 warn");
}

#[test]
fn temperature_and_link_are_compared_with_peers() {
    for (celsius, median, expected) in [(47, 40, ""), (48, 40, "T2 watch"), (39, 25, "")] {
        let report = at(ata(), celsius);
        let peers = PeersOfOne { enclosure_celsius: Some(median), ..PeersOfOne::default() };
        assert_eq!(findings(&DriveFacts { peers, ..facts(&report) }), expected, "{celsius} beside {median}");
    }

    let (g3, g6) = (3_000_000_000, 6_000_000_000);
    for (current, maximum, others, expected) in
        [(g3, g6, Some(g6), "A14 watch"), (g3, g6, Some(g3), ""), (g3, g6, None, ""), (g6, g6, Some(g6), "")]
    {
        let detail = AtaDetail {
            link_current_bits_per_second: Some(current),
            link_max_bits_per_second: Some(maximum),
            ..AtaDetail::default()
        };
        let report = SmartReport { ata: Some(detail), ..ata() };
        let peers = PeersOfOne { link_bits_per_second: others, ..PeersOfOne::default() };
        assert_eq!(findings(&DriveFacts { peers, ..facts(&report) }), expected);
    }
}

#[test]
fn sensed_fault_and_old_reading_are_findings() {
    let clean = ata();
    assert_eq!(findings(&DriveFacts { fault_sensed: Some(true), ..facts(&clean) }), "E5 warn");
    for (age, asleep, expected) in [
        (86_400, false, ""),
        (90_000, false, "C5 warn"),
        (90_000, true, ""),
        // The clock was set back.
        (-90_000, false, ""),
    ] {
        let facts = DriveFacts { collected_at: Some(Timestamp(NOW.0 - age)), asleep, ..facts(&clean) };
        assert_eq!(findings(&facts), expected, "{age} {asleep}");
    }
}

#[test]
fn state_in_a_pool_is_a_finding() {
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
        assert_eq!(findings(&unread), expected, "of a drive that was never read, too");
    }
}

#[test]
fn finding_is_worse_while_the_vdev_is_rebuilt() {
    let rebuilding = place("ONLINE", [0; 3], true);
    for (report, expected) in [
        (attribute(5, 3), "Z3 warn, A5 watch"),
        (attribute(197, 9), "Z3 crit, A3 warn"),
        (attribute(197, 170), "A3 crit"),
        // The temperature is not about the drive itself.
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
fn settings_replace_levels_and_disable_rules() {
    let report = attribute(5, 300);
    let rebuilding = place("ONLINE", [0; 3], true);
    let off = RuleOverride { enabled: Some(false), ..RuleOverride::default() };
    let higher = RuleOverride { warn: Some(LevelSetting::At(400)), ..RuleOverride::default() };
    for (code, set, memberships, expected) in [
        ("A5", off, &[][..], ""),
        ("A5", higher, &[][..], "A5 watch"),
        ("Z3", off, std::slice::from_ref(&rebuilding), "A5 warn"),
    ] {
        let settings = RuleSettings { rules: [(RuleCode::new(code), set)].into(), ..RuleSettings::default() };
        assert_eq!(findings_with(&DriveFacts { memberships, ..facts(&report) }, &settings), expected, "{code} {set:?}");
    }
}

#[test]
fn codes_are_unique_and_every_rule_has_a_condition_and_a_source() {
    let codes: std::collections::BTreeSet<_> = all_rules().map(|rule| &rule.code).collect();
    assert_eq!(codes.len(), all_rules().count());
    assert!(all_rules().all(|rule| !rule.condition.is_empty() && !rule.source.is_empty()));
}

#[test]
fn drive_that_reports_its_failure_is_crit() {
    let without_warning = nvme(NvmeDetail { critical_warning: Some(0), ..NvmeDetail::default() });
    // The protocol of the empty reading is unknown.
    for report in [SmartReport::default(), without_warning] {
        let report = SmartReport { smart_status_passed: Some(false), ..report };
        assert_eq!(judge_drive(&facts(&report), &RuleSettings::default()).verdict, Verdict::Crit);
    }
}

#[test]
fn counters_without_a_status_are_judged() {
    let detail = ScsiDetail { grown_defect_list: Some(900), ..errors(0, 0) };
    let report = SmartReport { smart_status_passed: None, ..scsi(detail) };
    assert!(report.has_health());
    assert_eq!(findings(&facts(&report)), "S3 warn");
}

#[test]
fn drive_in_standby_is_not_hot() {
    let hot = SmartReport { rotation_rate_rpm: Some(7200), ..at(ata(), 66) };
    let awake = DriveFacts { rotates: Some(true), ..facts(&hot) };
    assert_eq!(findings(&awake), "T1 crit");
    assert_eq!(findings(&DriveFacts { asleep: true, ..awake }), "");
}

#[test]
fn temperature_attribute_that_failed_in_the_past_is_not_judged() {
    for (ids, expected) in [([190, 194], ""), ([190, 4], "A2 watch")] {
        let rows = ids.map(|id| AtaAttribute { id, when_failed: Some("past".into()), ..AtaAttribute::default() });
        let detail = AtaDetail { attributes: rows.to_vec(), ..AtaDetail::default() };
        assert_eq!(findings(&facts(&SmartReport { ata: Some(detail), ..ata() })), expected, "{ids:?}");
    }
}

#[test]
fn limit_that_a_drive_does_not_report_is_that_of_the_rule() {
    for (celsius, warning, critical, expected) in [
        (54, None, Some(60), "T1 warn"),
        (61, None, Some(60), "T1 crit"),
        (56, Some(55), None, "T1 warn"),
        (60, Some(55), None, "T1 crit"),
        (62, Some(65), None, ""),
        (66, Some(65), None, "T1 warn"),
    ] {
        let temperature_limits =
            TemperatureLimits { op_limit_max_celsius: warning, limit_max_celsius: critical, ..Default::default() };
        let report = SmartReport { temperature_limits, ..at(ata(), celsius) };
        let facts = DriveFacts { rotates: Some(true), ..facts(&report) };
        assert_eq!(findings(&facts), expected, "{celsius} {warning:?} {critical:?}");
    }
}
