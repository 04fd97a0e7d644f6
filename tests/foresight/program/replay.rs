//! The replay of one drive: its readings in date order, each day judged by the rules of this version.

use super::history::{Day, Drive};
use super::smartctl;
use jbod_monitor::domain::health::{DriveFacts, Judgement, PeersOfOne, RuleCode, RuleSettings, Verdict, judge_drive};
use jbod_monitor::domain::smart::SmartReport;
use jbod_monitor::domain::time::Timestamp;
use std::ops::Range;

const DAY_SECONDS: i64 = 86_400;

/// The longest window of the rules. Today's rules judge the newest reading alone, so that one judgement holds as
/// long as the reading.
///
/// A rule on growth compares the newest reading with the earlier ones of its window. Its result changes without a
/// new reading when an earlier value leaves the window, so that each day counts while the window still holds
/// earlier values. Such a rule needs two changes here: this constant set to the longest window, which makes
/// `judged_days` return those days one by one; and `judge_day` passing the earlier readings on to `DriveFacts`. A
/// history begins with the first reading of the drive, as after an installation: no growth is known before it.
pub const LOOK_BACK_DAYS: i32 = 0;

/// A reading, and the days on which it was the newest one.
struct Reading {
    days: Range<Day>,
    report: SmartReport,
}

/// Consecutive days with the same verdict.
pub struct Stretch {
    pub days: Range<Day>,
    pub verdict: Verdict,
    /// The rules that report, with the verdict that each alone would give.
    findings: Vec<(RuleCode, Verdict)>,
}

impl Stretch {
    /// The verdict that the rule alone would give.
    pub fn level_of(&self, code: &RuleCode) -> Verdict {
        match self.findings.iter().find(|(reporting, _)| reporting == code) {
            Some((_, level)) => *level,
            None => Verdict::Ok,
        }
    }
}

/// Judges every day from the first to the last reading. Between two readings the earlier one is valid.
pub fn replay(drive: &Drive, rules: &RuleSettings, look_back_days: i32) -> Vec<Stretch> {
    let mut history: Vec<Reading> = Vec::new();
    let mut stretches: Vec<Stretch> = Vec::new();
    for (index, run) in drive.runs.iter().enumerate() {
        let end = match drive.runs.get(index + 1) {
            Some(next) => next.from,
            None => run.until + 1,
        };
        // Readings that are outside the window on the first day are outside on all later days.
        history.retain(|earlier| earlier.days.end > run.from - look_back_days);
        let has_earlier = !history.is_empty();
        history.push(Reading { days: run.from..end, report: smartctl::report(&drive.model, &drive.name, &run.values) });
        for days in judged_days(run.from..end, if has_earlier { look_back_days } else { 0 }) {
            let judgement = judge_day(&history, days.start, rules);
            let findings = judgement.findings.into_iter().map(|finding| (finding.code, finding.severity.into()));
            stretches.push(Stretch { days, verdict: judgement.verdict, findings: findings.collect() });
        }
    }
    stretches
}

/// Splits the days of a reading where the verdict may change: each day on which the window still holds earlier
/// readings, and the remaining days as one.
fn judged_days(days: Range<Day>, look_back_days: i32) -> Vec<Range<Day>> {
    let last_cut = (days.end - 1).min(days.start.saturating_add(look_back_days));
    let mut parts: Vec<Range<Day>> = (days.start..last_cut).map(|day| day..day + 1).collect();
    parts.push(last_cut..days.end);
    parts
}

/// Judges a drive as of one day. `history` has its readings up to that day in date order, the newest one last.
fn judge_day(history: &[Reading], day: Day, rules: &RuleSettings) -> Judgement {
    let newest = history.last().map(|reading| &reading.report);
    let (mut model, mut rotates) = (None, None);
    if let Some(report) = newest {
        model = report.model_name.as_deref();
        rotates = report.rotation_rate_rpm.map(|rate| rate > 0);
    }
    let now = Timestamp(i64::from(day) * DAY_SECONDS);
    let facts = DriveFacts {
        now,
        report: newest,
        // A day without a row is missing in the data; it does not mean that a reading failed.
        collected_at: Some(now),
        asleep: false,
        model,
        rotates,
        kernel_size_bytes: None,
        memberships: &[],
        fault_sensed: None,
        peers: PeersOfOne::default(),
        expected_paths: 1,
        lost_paths: &[],
    };
    judge_drive(&facts, rules)
}
