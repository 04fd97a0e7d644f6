//! Drives of every kind and condition, and how each of their values becomes worse.

use jbod_monitor::domain::health::{
    DriveFacts, LevelSetting, PeersOfOne, RuleCode, RuleOverride, RuleSettings, all_rules,
};
use jbod_monitor::domain::smart::{
    AtaAttribute, AtaDetail, Cycles, EnduranceSource, ErrorCounters, ExceptionCode, NvmeDetail, ScsiDetail, SelfTest,
    SmartReport, TemperatureLimits, Wear,
};
use jbod_monitor::domain::time::Timestamp;
use jbod_monitor::domain::zfs::Membership;
use jbod_monitor::domain::zfs::words::{VdevRole, VdevState};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;

pub const NOW: Timestamp = Timestamp(1_767_225_600);
/// The kernel has the size of the drive.
const KERNEL_SIZE_BYTES: u64 = 14_000_519_643_136;

/// The values that a `DriveFacts` borrows.
#[derive(Clone, Debug)]
pub struct Case {
    pub report: Option<SmartReport>,
    pub place: Option<Membership>,
    pub age_seconds: Option<i64>,
    pub asleep: bool,
    pub rotates: Option<bool>,
    pub kernel_size_bytes: Option<u64>,
    pub fault_sensed: Option<bool>,
    pub peers: PeersOfOne,
    pub limits: RuleSettings,
}

impl Case {
    pub fn subject(&self) -> DriveFacts<'_> {
        DriveFacts {
            now: NOW,
            report: self.report.as_ref(),
            collected_at: self.age_seconds.map(|age| Timestamp(NOW.0 - age)),
            asleep: self.asleep,
            model: self.report.as_ref().and_then(|report| report.model_name.as_deref()),
            rotates: self.rotates,
            kernel_size_bytes: self.kernel_size_bytes,
            memberships: self.place.as_slice(),
            fault_sensed: self.fault_sensed,
            peers: self.peers,
            expected_paths: 1,
            lost_paths: &[],
        }
    }

    fn report(&mut self) -> Option<&mut SmartReport> {
        self.report.as_mut()
    }

    fn scsi(&mut self) -> Option<&mut ScsiDetail> {
        self.report.as_mut()?.scsi.as_mut()
    }

    fn attribute(&mut self, id: u8) -> Option<&mut AtaAttribute> {
        self.report.as_mut()?.ata.as_mut()?.attributes.iter_mut().find(|attribute| attribute.id == id)
    }
}

/// A count: usually small, rarely absurd.
fn count() -> impl Strategy<Value = u64> {
    prop_oneof![3 => Just(0u64), 4 => 1..60u64, 2 => 60..3000u64, 1 => any::<u64>(), 1 => Just(u64::MAX)]
}

/// Boxed, as the larger parts below, because one value of all of them overflows a thread's stack.
fn maybe<T: std::fmt::Debug + Clone + 'static>(of: impl Strategy<Value = T> + 'static) -> BoxedStrategy<Option<T>> {
    prop::option::weighted(0.8, of).boxed()
}

fn percent() -> impl Strategy<Value = u64> {
    prop_oneof![6 => 0..=100u64, 1 => 101..300u64, 1 => any::<u64>()]
}

fn attribute() -> impl Strategy<Value = AtaAttribute> {
    let ids = select(vec![1u8, 3, 5, 9, 10, 22, 184, 187, 188, 194, 196, 197, 198, 199]);
    let bytes = (maybe(any::<u8>()), maybe(any::<u8>()), maybe(select(vec![0u8, 25, 97])));
    let failed = maybe(select(vec!["now".to_owned(), "past".to_owned()]));
    (ids, bytes, maybe(count()), any::<Option<bool>>(), failed, any::<bool>()).prop_map(
        |(id, (value, worst, thresh), raw, prefailure, when_failed, has_texts)| {
            // A raw value has 48 bits. In attribute 188 these are three counts of 16 bits.
            let bits = if id == 188 { 16 } else { 48 };
            let raw_value = raw.map(|number| number.min((1 << bits) - 1));
            let raw_string = if has_texts { raw_value.map(|number| number.to_string()) } else { None };
            AtaAttribute {
                id,
                name: if has_texts { Some(attribute_name(id).to_owned()) } else { None },
                value,
                worst,
                thresh,
                prefailure,
                when_failed,
                raw_value,
                raw_string,
                ..AtaAttribute::default()
            }
        },
    )
}

/// smartctl's default names. An attribute with another name is not judged.
fn attribute_name(id: u8) -> &'static str {
    match id {
        5 => "Reallocated_Sector_Ct",
        10 => "Spin_Retry_Count",
        22 => "Helium_Level",
        184 => "End-to-End_Error",
        187 => "Reported_Uncorrect",
        188 => "Command_Timeout",
        196 => "Reallocated_Event_Count",
        197 => "Current_Pending_Sector",
        198 => "Offline_Uncorrectable",
        _ => "Unknown_Attribute",
    }
}

fn link_speed() -> BoxedStrategy<Option<u64>> {
    maybe(select(vec![1_500_000_000u64, 3_000_000_000, 6_000_000_000]))
}

fn ata() -> impl Strategy<Value = AtaDetail> {
    (prop::collection::vec(attribute(), 0..9), maybe(count()), link_speed(), link_speed()).prop_map(
        |(attributes, error_log_count, most, now)| AtaDetail {
            attributes,
            error_log_count,
            link_max_bits_per_second: most,
            link_current_bits_per_second: now,
        },
    )
}

fn counters() -> impl Strategy<Value = Option<ErrorCounters>> {
    maybe((maybe(count()), maybe(count()), maybe(count()))).prop_map(|row| {
        row.map(|(rereads, corrected, uncorrected)| ErrorCounters {
            errors_corrected_by_rereads_rewrites: rereads,
            total_errors_corrected: corrected,
            total_uncorrected_errors: uncorrected,
        })
    })
}

fn cycles() -> impl Strategy<Value = Cycles> {
    (maybe(count()), maybe(count())).prop_map(|(accumulated, specified)| Cycles { accumulated, specified })
}

fn scsi() -> impl Strategy<Value = ScsiDetail> {
    let counts = (maybe(count()), maybe(count()), maybe(count()));
    (counts, counters(), counters(), counters(), cycles(), cycles()).prop_map(
        |((defects, pending, others), read, write, verify, starts, loads)| ScsiDetail {
            grown_defect_list: defects,
            pending_defects: pending,
            read,
            write,
            verify,
            non_medium_errors: others,
            start_stop_cycles: starts,
            load_unload_cycles: loads,
        },
    )
}

fn nvme() -> impl Strategy<Value = NvmeDetail> {
    let warning = prop_oneof![4 => Just(0u8), 1 => Just(2u8), 1 => any::<u8>()];
    (maybe(warning), maybe(count()), maybe(count())).prop_map(|(critical_warning, media_errors, entries)| NvmeDetail {
        critical_warning,
        media_errors,
        num_err_log_entries: entries,
        ..NvmeDetail::default()
    })
}

/// Details of no, one or several protocols: the rules do not rely on exactly one.
fn details() -> impl Strategy<Value = (Option<AtaDetail>, Option<ScsiDetail>, Option<NvmeDetail>)> {
    prop_oneof![
        3 => ata().prop_map(|ata| (Some(ata), None, None)).boxed(),
        3 => scsi().prop_map(|scsi| (None, Some(scsi), None)).boxed(),
        3 => nvme().prop_map(|nvme| (None, None, Some(nvme))).boxed(),
        1 => (maybe(ata()), maybe(scsi()), maybe(nvme())),
    ]
}

/// Names of drives and pools, likely and unlikely.
pub fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(vec!["ST16000NM004J", "tank", "raidz2-0", "HARDWARE IMPENDING FAILURE", "Reallocated_Sector_Ct"])
            .prop_map(str::to_owned),
        1 => select(vec!["", " ", "\n\n", "\u{1b}[2J\u{1b}[31m", "a\0b\r\nc\td", "\u{202e}\u{200b}\u{feff}", ".", "a. B. c."])
            .prop_map(str::to_owned),
        1 => select(vec!["x", "\n", "\u{7}", "Ü", "日本 "]).prop_map(|part| part.repeat(10_000)),
        1 => ".{0,40}",
    ]
}

fn temperature_limit() -> BoxedStrategy<Option<i32>> {
    maybe(prop_oneof![4 => 40..110i32, 1 => any::<i32>()])
}

fn report() -> impl Strategy<Value = SmartReport> {
    let celsius = maybe(prop_oneof![5 => 20..75i32, 1 => any::<i32>()]);
    let temperature = (celsius, temperature_limit(), temperature_limit(), temperature_limit(), temperature_limit());
    let source = maybe(select(vec![EnduranceSource::Measured, EnduranceSource::Guessed]));
    let wear = (maybe(percent()), source, maybe(percent()), maybe(percent()));
    let rpm = select(vec![None, Some(0u32), Some(7200)]);
    let code = maybe((select(vec![0u8, 0x0b, 0x5d, 0x3f]), any::<u8>()));
    let texts = (maybe(words()), maybe(words()), any::<Option<bool>>(), any::<Option<bool>>(), code);
    (details().boxed(), temperature.boxed(), wear, rpm, texts.boxed()).prop_map(
        |((ata, scsi, nvme), (celsius, trip, op, critical, most), wear, rpm, (model, words, passed, tested, code))| {
            SmartReport {
                model_name: model,
                rotation_rate_rpm: rpm,
                temperature_celsius: celsius,
                temperature_limits: TemperatureLimits {
                    drive_trip_celsius: trip,
                    op_limit_max_celsius: op,
                    critical_limit_max_celsius: critical,
                    limit_max_celsius: most,
                },
                smart_status_passed: passed,
                exception: code.map(|(asc, ascq)| ExceptionCode { asc, ascq }),
                ie_string: words,
                self_test: Some(SelfTest { last_result_passed: tested, ..SelfTest::default() }),
                wear: Wear {
                    endurance_used_percent: wear.0,
                    endurance_source: wear.1,
                    spare_available_percent: wear.2,
                    spare_threshold_percent: wear.3,
                },
                ata,
                scsi,
                nvme,
                ..SmartReport::default()
            }
        },
    )
}

/// States of a leaf, the best first.
const STATES: [&str; 3] = ["ONLINE", "OFFLINE", "FAULTED"];

fn place() -> impl Strategy<Value = Membership> {
    let state = maybe(select(vec!["ONLINE", "AVAIL", "OFFLINE", "DEGRADED", "FAULTED", "UNAVAIL", "REMOVED", "?"]));
    let counts = (maybe(count()), maybe(count()), maybe(count()));
    (words(), words(), state, counts, any::<bool>()).prop_map(|(pool, vdev, state, (read, write, cksum), resilvers)| {
        Membership {
            pool,
            vdev,
            role: VdevRole::Data,
            state: state.map(VdevState::from),
            read_errors: read,
            write_errors: write,
            checksum_errors: cksum,
            vdev_resilvering: resilvers,
            ..Membership::default()
        }
    })
}

fn level() -> BoxedStrategy<Option<LevelSetting>> {
    let limit = prop_oneof![3 => -20..200i64, 1 => Just(i64::MIN), 1 => Just(i64::MAX), 1 => any::<i64>()];
    maybe(prop_oneof![1 => Just(LevelSetting::Off), 3 => limit.prop_map(LevelSetting::At)])
}

fn rule_overrides() -> impl Strategy<Value = BTreeMap<RuleCode, RuleOverride>> {
    let settings = (any::<Option<bool>>(), level(), level(), level())
        .prop_map(|(enabled, watch, warn, crit)| RuleOverride { enabled, watch, warn, crit });
    let codes: Vec<RuleCode> = all_rules().map(|rule| rule.code.clone()).collect();
    prop::collection::btree_map(select(codes), settings, 0..6)
}

/// Settings of an administrator, reasonable or not.
fn limits() -> impl Strategy<Value = RuleSettings> {
    let whole = (rule_overrides(), select(vec!["*", "ST*", "?"]), rule_overrides())
        .prop_map(|(rules, pattern, of_model)| RuleSettings { rules, models: [(pattern.to_owned(), of_model)].into() });
    prop_oneof![2 => Just(RuleSettings::default()), 1 => whole]
}

pub fn case() -> impl Strategy<Value = Case> {
    let age = maybe(prop_oneof![4 => 0..90_000i64, 1 => -90_000..1_000_000_000i64]);
    let peers = (maybe(20..60i32), maybe(select(vec![3_000_000_000u64, 6_000_000_000])))
        .prop_map(|(enclosure_celsius, link_bits_per_second)| PeersOfOne { enclosure_celsius, link_bits_per_second });
    let flags = (any::<bool>(), any::<Option<bool>>(), any::<Option<bool>>());
    let kernel_size = maybe(select(vec![0, KERNEL_SIZE_BYTES]));
    let report = prop::option::weighted(0.95, report().boxed());
    let place = prop::option::of(place().boxed());
    (report, place, age, flags, kernel_size, peers.boxed(), limits().boxed()).prop_map(
        |(report, place, age_seconds, (asleep, rotates, fault_sensed), kernel_size_bytes, peers, limits)| Case {
            report,
            place,
            age_seconds,
            asleep,
            rotates,
            kernel_size_bytes,
            fault_sensed,
            peers,
            limits,
        },
    )
}

fn healthy_attribute(id: u8) -> AtaAttribute {
    AtaAttribute {
        id,
        name: Some(attribute_name(id).to_owned()),
        value: Some(100),
        worst: Some(100),
        thresh: Some(25),
        prefailure: Some(id.is_multiple_of(2)),
        raw_value: Some(0),
        ..AtaAttribute::default()
    }
}

/// Drives of each protocol that report every value, all of them healthy.
pub fn clean() -> Vec<Case> {
    let row = Some(ErrorCounters { total_uncorrected_errors: Some(0), ..ErrorCounters::default() });
    let cycles = Cycles { accumulated: Some(0), specified: Some(50) };
    let speed = Some(6_000_000_000);
    let ata = AtaDetail {
        attributes: [5, 10, 22, 184, 187, 188, 196, 197, 198].map(healthy_attribute).into(),
        link_max_bits_per_second: speed,
        link_current_bits_per_second: speed,
        ..AtaDetail::default()
    };
    let scsi = ScsiDetail {
        grown_defect_list: Some(0),
        pending_defects: Some(0),
        read: row,
        write: row,
        verify: row,
        start_stop_cycles: cycles,
        load_unload_cycles: cycles,
        ..ScsiDetail::default()
    };
    let nvme = NvmeDetail { critical_warning: Some(0), media_errors: Some(0), ..NvmeDetail::default() };
    let report = SmartReport {
        temperature_celsius: Some(25),
        smart_status_passed: Some(true),
        self_test: Some(SelfTest { last_result_passed: Some(true), ..SelfTest::default() }),
        wear: Wear {
            endurance_used_percent: Some(0),
            endurance_source: Some(EnduranceSource::Measured),
            spare_available_percent: Some(100),
            spare_threshold_percent: Some(10),
        },
        ..SmartReport::default()
    };
    let (trip, own) = (
        TemperatureLimits { drive_trip_celsius: Some(60), ..TemperatureLimits::default() },
        TemperatureLimits {
            op_limit_max_celsius: Some(70),
            critical_limit_max_celsius: Some(80),
            ..TemperatureLimits::default()
        },
    );
    let place = Membership {
        pool: "tank".to_owned(),
        state: Some(VdevState::Online),
        read_errors: Some(0),
        write_errors: Some(0),
        checksum_errors: Some(0),
        ..Membership::default()
    };
    let reports = [
        (true, SmartReport { ata: Some(ata.clone()), ..report.clone() }),
        (false, SmartReport { ata: Some(ata), ..report.clone() }),
        (true, SmartReport { scsi: Some(scsi), temperature_limits: trip, ..report.clone() }),
        (false, SmartReport { nvme: Some(nvme), temperature_limits: own, ..report }),
    ];
    let mut cases = Vec::new();
    for (rotates, report) in reports {
        cases.push(Case {
            report: Some(report),
            place: Some(place.clone()),
            age_seconds: Some(0),
            asleep: false,
            rotates: Some(rotates),
            kernel_size_bytes: Some(KERNEL_SIZE_BYTES),
            fault_sensed: Some(false),
            peers: PeersOfOne { enclosure_celsius: Some(30), link_bits_per_second: speed },
            limits: RuleSettings::default(),
        });
    }
    cases
}

/// Makes one value of a case worse by `by`. An unknown value remains unknown.
pub type Worsening = fn(&mut Case, u64) -> Option<()>;

/// Larger counts are not judged.
const MOST: u64 = i64::MAX as u64;

fn up(count: &mut Option<u64>, by: u64) {
    *count = count.map(|number| if number > MOST { number } else { number.saturating_add(by).min(MOST) });
}

/// All bits of a word are a placeholder, which is not judged.
fn is_placeholder(raw: u64) -> bool {
    [16, 24, 32, 48].iter().any(|bits| raw == (1 << bits) - 1)
}

fn degrees(by: u64) -> i32 {
    i32::try_from(by % 200).unwrap_or(0)
}

fn more_of(case: &mut Case, id: u8, by: u64) -> Option<()> {
    let attribute = case.attribute(id)?;
    let bits = if id == 188 { 16 } else { 48 };
    let before = attribute.raw_value?;
    let raw = before.saturating_add(by).min((1 << bits) - 2).max(before);
    if is_placeholder(before) || is_placeholder(raw) {
        return None;
    }
    attribute.raw_value = Some(raw);
    attribute.raw_string = attribute.raw_string.as_ref().map(|_| raw.to_string());
    Some(())
}

fn less_of(case: &mut Case, id: u8, by: u64) -> Option<()> {
    let attribute = case.attribute(id)?;
    let value = attribute.value?;
    // 0 means that there is no value.
    let less = value.saturating_sub(u8::try_from(by % 256).unwrap_or(0)).max(value.min(1));
    attribute.value = Some(less);
    Some(())
}

fn uncorrected(row: &mut Option<ErrorCounters>, by: u64) -> Option<()> {
    up(&mut row.as_mut()?.total_uncorrected_errors, by);
    Some(())
}

/// Every value that a rule judges.
#[rustfmt::skip]
pub const WORSE: &[(&str, Worsening)] = &[
    ("reallocated", |case, by| more_of(case, 5, by)),
    ("spin retries", |case, by| more_of(case, 10, by)),
    ("reported uncorrectable", |case, by| more_of(case, 187, by)),
    ("command timeouts", |case, by| more_of(case, 188, by)),
    ("reallocation events", |case, by| more_of(case, 196, by)),
    ("pending", |case, by| more_of(case, 197, by)),
    ("offline uncorrectable", |case, by| more_of(case, 198, by)),
    ("end-to-end", |case, by| less_of(case, 184, by)),
    ("helium", |case, by| less_of(case, 22, by)),
    ("an attribute fails", |case, by| {
        let all = &mut case.report()?.ata.as_mut()?.attributes;
        let at = usize::try_from(by).unwrap_or(0) % all.len().max(1);
        let attribute = all.get_mut(at)?;
        let worse = if attribute.when_failed.is_none() { "past" } else { "now" };
        attribute.when_failed = Some(worse.to_owned());
        Some(())
    }),
    ("the link", |case, by| {
        let speed = &mut case.report()?.ata.as_mut()?.link_current_bits_per_second;
        *speed = speed.map(|speed| speed.saturating_sub(by));
        Some(())
    }),
    ("the kernel's size", |case, _| { case.kernel_size_bytes = case.kernel_size_bytes.map(|_| 0); Some(()) }),
    ("the status", |case, _| {
        let passed = &mut case.report()?.smart_status_passed;
        *passed = passed.map(|_| false);
        Some(())
    }),
    ("the self-test", |case, _| {
        case.report()?.self_test.as_mut()?.last_result_passed = Some(false);
        Some(())
    }),
    ("wear", |case, by| { up(&mut case.report()?.wear.endurance_used_percent, by); Some(()) }),
    ("spare", |case, by| {
        let left = &mut case.report()?.wear.spare_available_percent;
        *left = left.map(|left| left.saturating_sub(by));
        Some(())
    }),
    ("temperature", |case, by| {
        let celsius = &mut case.report()?.temperature_celsius;
        *celsius = celsius.map(|celsius| celsius.saturating_add(degrees(by)));
        Some(())
    }),
    ("grown defects", |case, by| { up(&mut case.scsi()?.grown_defect_list, by); Some(()) }),
    ("pending defects", |case, by| { up(&mut case.scsi()?.pending_defects, by); Some(()) }),
    ("unread", |case, by| uncorrected(&mut case.scsi()?.read, by)),
    ("unwritten", |case, by| uncorrected(&mut case.scsi()?.write, by)),
    ("unverified", |case, by| uncorrected(&mut case.scsi()?.verify, by)),
    ("starts", |case, by| { up(&mut case.scsi()?.start_stop_cycles.accumulated, by); Some(()) }),
    ("head loads", |case, by| { up(&mut case.scsi()?.load_unload_cycles.accumulated, by); Some(()) }),
    ("media errors", |case, by| { up(&mut case.report()?.nvme.as_mut()?.media_errors, by); Some(()) }),
    ("critical warning", |case, by| {
        let report = case.report()?;
        let has_failed = report.smart_status_passed == Some(false);
        let bits = &mut report.nvme.as_mut()?.critical_warning;
        // smartctl derives the status from these bits. A failed status without a bit is crit, and the severity of the first
        // bit may be lower.
        if has_failed && *bits == Some(0) {
            return None;
        }
        *bits = bits.map(|bits| bits | 1 << (by % 8));
        Some(())
    }),
    ("leaf read errors", |case, by| { up(&mut case.place.as_mut()?.read_errors, by); Some(()) }),
    ("leaf write errors", |case, by| { up(&mut case.place.as_mut()?.write_errors, by); Some(()) }),
    ("leaf checksum errors", |case, by| { up(&mut case.place.as_mut()?.checksum_errors, by); Some(()) }),
    ("leaf state", |case, by| {
        let state = &mut case.place.as_mut()?.state;
        let rank = STATES.iter().position(|scsi| *state == Some(VdevState::from(*scsi))).unwrap_or(usize::from(state.is_some()));
        let worse = (rank + 1 + usize::try_from(by % 2).unwrap_or(0)).min(2);
        *state = Some(VdevState::from(STATES[worse]));
        Some(())
    }),
    ("the vdev is rebuilt", |case, _| { case.place.as_mut()?.vdev_resilvering = true; Some(()) }),
    ("the bay's fault", |case, _| { case.fault_sensed = Some(true); Some(()) }),
    ("age", |case, by| {
        case.age_seconds = case.age_seconds.map(|age| age.saturating_add(i64::try_from(by % 1_000_000).unwrap_or(0)));
        Some(())
    }),
];
