//! The verdict: rules over a reading, each finding with what was observed and against which limit.
//!
//! `judge` is a total function of values. A rule that lacks its input stays silent: unknown is
//! neither good nor bad.

use super::Timestamp;
use super::smart::SmartReport;
use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Watch,
    Warn,
    Crit,
}

/// The worst of a drive's findings; `Unknown` where there is nothing to judge. The order is the
/// scale `ok < watch < warn < crit`, with `unknown` below it, so that it never counts as worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Unknown,
    Ok,
    Watch,
    Warn,
    Crit,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Watch => "watch",
            Self::Warn => "warn",
            Self::Crit => "crit",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Unknown, Self::Ok, Self::Watch, Self::Warn, Self::Crit].into_iter().find(|v| v.as_str() == text)
    }
}

impl From<Severity> for Verdict {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Watch => Self::Watch,
            Severity::Warn => Self::Warn,
            Severity::Crit => Self::Crit,
        }
    }
}

/// A measured value or a limit: a number or words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Quantity {
    Number(i64),
    Text(String),
}

impl From<&str> for Quantity {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// One reason for a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule: `A1`, `S1`, `N1`, `C5`, …
    pub code: String,
    pub severity: Severity,
    pub observed: Option<Quantity>,
    pub limit: Option<Quantity>,
    /// One plain sentence.
    pub message: String,
}

/// A drive's verdict with its reasons, worst first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    pub verdict: Verdict,
    pub findings: Vec<Finding>,
}

/// Beside the reading, what a rule may ask.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    pub now: Timestamp,
    /// When the reading was taken.
    pub collected_at: Option<Timestamp>,
    /// Asleep on purpose: no new reading is expected.
    pub asleep: bool,
}

/// Severity, what was observed, the limit, and the sentence.
type Hit = Option<(Severity, Option<Quantity>, Option<Quantity>, String)>;

struct Rule {
    code: &'static str,
    check: fn(&SmartReport, &Context) -> Hit,
}

const DAY_SECONDS: u64 = 86_400;

/// The rules that stand. Those of collection that bear no level (C1 to C4, C6) are applied where
/// a reading is taken: C1 leaves no reading, C2 and C3 keep it, C4 counts timeouts in
/// `model/fleet`, C6 clears a temperature that means "unknown" in `probe/smartctl`.
const RULES: &[Rule] = &[
    Rule { code: "C5", check: no_reading_for_a_day },
    Rule { code: "A1", check: ata_status_failed },
    Rule { code: "S1", check: scsi_status_failed },
    Rule { code: "N1", check: nvme_critical_warning },
];

/// Judges a reading. Without one, or with one that holds an identity and no health, there is
/// nothing to judge: `unknown`, no findings.
pub fn judge(report: Option<&SmartReport>, context: &Context) -> Health {
    let Some(report) = report else {
        return Health { verdict: Verdict::Unknown, findings: Vec::new() };
    };
    let mut findings: Vec<Finding> = RULES
        .iter()
        .filter_map(|rule| {
            let (severity, observed, limit, message) = (rule.check)(report, context)?;
            Some(Finding { code: rule.code.to_owned(), severity, observed, limit, message })
        })
        .collect();
    findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
    let clean = if report.has_health() { Verdict::Ok } else { Verdict::Unknown };
    let verdict = findings.first().map_or(clean, |worst| worst.severity.into());
    Health { verdict, findings }
}

/// Starosdev/scrutiny "missed ping"; a sleeping drive is expected to stay unread.
fn no_reading_for_a_day(_: &SmartReport, context: &Context) -> Hit {
    let age = context.collected_at?.age_seconds(context.now);
    let hours = i64::try_from(age / 3600).ok()?;
    (!context.asleep && age > DAY_SECONDS).then(|| {
        let message = format!("No good reading for {hours} hours.");
        (Severity::Warn, Some(Quantity::Number(hours)), Some(Quantity::Number(24)), message)
    })
}

/// smartctl(8) exit bit 3: the drive says of itself that it is failing.
fn ata_status_failed(report: &SmartReport, _: &Context) -> Hit {
    let failed = report.ata.is_some() && report.smart_status_passed == Some(false);
    failed.then(|| {
        let message = "The drive reports that it is failing (SMART status).".to_owned();
        (Severity::Crit, Some("failed".into()), Some("passed".into()), message)
    })
}

/// The drive's informational exception (ASC 5Dh and kin), in its own words.
fn scsi_status_failed(report: &SmartReport, _: &Context) -> Hit {
    let failed = report.scsi.is_some() && report.smart_status_passed == Some(false);
    failed.then(|| {
        let words = report.ie_string.clone().unwrap_or_else(|| "failed".to_owned());
        let message = format!("The drive reports that it is failing: {}.", words.to_lowercase());
        (Severity::Crit, Some(Quantity::Text(words)), Some("passed".into()), message)
    })
}

/// NVMe base specification, SMART / Health log byte 0. A temperature alone is a warning; every
/// other bit is about the data.
fn nvme_critical_warning(report: &SmartReport, _: &Context) -> Hit {
    const TEMPERATURE: u8 = 0b10;
    const WORDS: [&str; 6] = [
        "spare capacity is below its threshold",
        "temperature is beyond a threshold",
        "reliability is degraded",
        "media is read only",
        "the volatile memory backup has failed",
        "the persistent memory region is unreliable",
    ];
    let bits = report.nvme.as_ref()?.critical_warning?;
    if bits == 0 {
        return None;
    }
    let mut words: Vec<&str> = (0..8u8).zip(WORDS).filter(|(bit, _)| bits & (1 << bit) != 0).map(|(_, w)| w).collect();
    if words.is_empty() {
        words.push("an unknown bit is set");
    }
    let severity = if bits == TEMPERATURE { Severity::Warn } else { Severity::Crit };
    let message = format!("The drive warns: {}.", words.join(", "));
    Some((severity, Some(Quantity::Number(i64::from(bits))), Some(Quantity::Number(0)), message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::smart::{AtaDetail, NvmeDetail, ScsiDetail};

    const NOW: Timestamp = Timestamp(1_000_000);

    fn context(age: i64, asleep: bool) -> Context {
        Context { now: NOW, collected_at: Some(Timestamp(NOW.0 - age)), asleep }
    }

    fn codes(report: &SmartReport, context: &Context) -> (Verdict, Vec<String>) {
        let health = judge(Some(report), context);
        (health.verdict, health.findings.into_iter().map(|f| f.code).collect())
    }

    #[test]
    fn nothing_read_is_unknown_and_a_clean_reading_is_ok() {
        assert_eq!(judge(None, &context(0, false)).verdict, Verdict::Unknown);
        assert_eq!(codes(&SmartReport::default(), &context(0, false)), (Verdict::Unknown, vec![]), "no health in it");
        let passed = SmartReport { smart_status_passed: Some(true), ..Default::default() };
        assert_eq!(codes(&passed, &context(0, false)), (Verdict::Ok, vec![]));
    }

    #[test]
    fn a_failed_status_is_critical_with_its_reason() {
        let mut ata =
            SmartReport { ata: Some(AtaDetail::default()), smart_status_passed: Some(false), ..Default::default() };
        assert_eq!(codes(&ata, &context(0, false)), (Verdict::Crit, vec!["A1".into()]));
        ata.smart_status_passed = Some(true);
        assert_eq!(codes(&ata, &context(0, false)).0, Verdict::Ok);

        let scsi = SmartReport {
            scsi: Some(ScsiDetail::default()),
            smart_status_passed: Some(false),
            ie_string: Some("HARDWARE IMPENDING FAILURE GENERAL HARD DRIVE FAILURE".into()),
            ..Default::default()
        };
        let health = judge(Some(&scsi), &context(0, false));
        assert_eq!(health.verdict, Verdict::Crit);
        assert!(health.findings.iter().any(|f| f.code == "S1" && f.message.contains("impending failure")));
    }

    #[test]
    fn nvme_warning_bits_have_levels_and_words() {
        let with = |bits| SmartReport {
            nvme: Some(NvmeDetail { critical_warning: Some(bits), ..Default::default() }),
            ..Default::default()
        };
        assert_eq!(codes(&with(0), &context(0, false)).0, Verdict::Ok);
        assert_eq!(codes(&with(0b10), &context(0, false)).0, Verdict::Warn);
        for bits in [0b1, 0b100, 0b1000, 0b1_0000, 0b10_0000, 0b11, 0b1000_0000] {
            assert_eq!(codes(&with(bits), &context(0, false)), (Verdict::Crit, vec!["N1".into()]), "{bits:#b}");
        }
    }

    #[test]
    fn a_day_without_a_reading_warns_unless_asleep() {
        let report = SmartReport { smart_status_passed: Some(true), ..Default::default() };
        assert_eq!(codes(&report, &context(86_400, false)).0, Verdict::Ok);
        assert_eq!(codes(&report, &context(90_000, false)), (Verdict::Warn, vec!["C5".into()]));
        assert_eq!(codes(&report, &context(90_000, true)).0, Verdict::Ok);
        assert_eq!(codes(&report, &context(-90_000, false)).0, Verdict::Ok, "a clock set back is no age");
    }
}
