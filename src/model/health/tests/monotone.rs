//! A worse reading never betters the verdict.

use super::*;
use proptest::prelude::*;

/// A reading with counters anywhere from clean to hopeless.
fn any_report() -> impl Strategy<Value = SmartReport> {
    let small = || prop_oneof![Just(0u64), 1..50u64, any::<u64>()];
    let attributes = prop::collection::vec(
        (prop::sample::select(vec![5u8, 10, 22, 184, 187, 188, 196, 197, 198]), small(), any::<u8>()),
        0..6,
    );
    let parts = (
        0..3u8,
        attributes,
        prop::collection::vec(small(), 8),
        -50..150i32,
        any::<Option<bool>>(),
        any::<Option<bool>>(),
    );
    parts.prop_map(|(protocol, attributes, n, celsius, passed, tested)| {
        let n = |at: usize| n.get(at).copied();
        let rows = attributes.into_iter().map(|(id, raw, value)| AtaAttribute {
            id,
            value: Some(value),
            thresh: Some(25),
            raw_value: Some(raw),
            ..Default::default()
        });
        let mut report = SmartReport {
            temperature_celsius: Some(celsius),
            smart_status_passed: passed,
            rotation_rate_rpm: Some(if protocol == 2 { 0 } else { 7200 }),
            self_test: Some(SelfTest { last_result_passed: tested, ..Default::default() }),
            wear: Wear {
                endurance_used_percent: n(0),
                spare_available_percent: n(1),
                spare_threshold_percent: Some(10),
            },
            ..Default::default()
        };
        match protocol {
            0 => report.ata = Some(AtaDetail { attributes: rows.collect(), ..Default::default() }),
            1 => {
                let row = ErrorCounters { total_uncorrected_errors: n(2), ..Default::default() };
                report.scsi = Some(ScsiDetail {
                    grown_defect_list: n(3),
                    pending_defects: n(4),
                    read: Some(row),
                    write: Some(row),
                    ..Default::default()
                });
            }
            _ => report.nvme = Some(NvmeDetail { media_errors: n(5), critical_warning: Some(0), ..Default::default() }),
        }
        report
    })
}

/// The same reading with one thing worse.
fn worsen(mut report: SmartReport, what: usize, by: u64) -> SmartReport {
    let more = |n: &mut Option<u64>| *n = n.map(|n| n.saturating_add(by).min(i64::MAX.unsigned_abs()).max(n));
    match what {
        0 => more(&mut report.wear.endurance_used_percent),
        1 => {
            let spare = &mut report.wear.spare_available_percent;
            *spare = spare.map(|n| if n <= 100 { n.saturating_sub(by) } else { n });
        }
        2 => {
            report.temperature_celsius =
                report.temperature_celsius.map(|t| t.saturating_add(i32::try_from(by % 100).unwrap_or(0)));
        }
        3 => report.smart_status_passed = report.smart_status_passed.map(|_| false),
        4 => report.self_test = Some(failed_test()),
        _ => {
            for row in report.ata.iter_mut().flat_map(|ata| &mut ata.attributes) {
                more(&mut row.raw_value);
                row.value = row.value.map(|v| v.saturating_sub(u8::try_from(by % 256).unwrap_or(0)));
            }
            if let Some(scsi) = &mut report.scsi {
                more(&mut scsi.grown_defect_list);
                more(&mut scsi.pending_defects);
                for row in [&mut scsi.read, &mut scsi.write].into_iter().flatten() {
                    more(&mut row.total_uncorrected_errors);
                }
            }
            if let Some(nvme) = &mut report.nvme {
                more(&mut nvme.media_errors);
            }
        }
    }
    report
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn a_worse_reading_never_betters_the_verdict(report in any_report(), what in 0..6usize, by in prop_oneof![1..60u64, any::<u64>()]) {
        let before = judge(&subject(&report), &Limits::default());
        let worse = worsen(report.clone(), what, by);
        let after = judge(&subject(&worse), &Limits::default());
        prop_assert!(after.verdict >= before.verdict, "{before:?} {after:?} {report:?} {worse:?}");
        for finding in after.findings {
            prop_assert!(RULES.iter().any(|rule| rule.code == finding.code));
        }
    }
}
