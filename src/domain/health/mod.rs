//! The verdict: rules over a reading and what is around the drive, each finding with what was
//! observed and against which limit.
//!
//! `judge` is a total function of values. A rule that lacks its input stays silent: unknown is
//! neither good nor bad. The table is in `rules`.

mod around;
mod ata;
mod limits;
mod nvme;
mod rules;
mod scsi;
mod subject;

pub use super::health::limits::{Limits, Override, Step, Steps, Worse};
pub use super::health::rules::{RULES, Rule};
pub use super::health::subject::{Peers, PeersOfOne, Subject, rotates};

use super::health::rules::Check;
use super::text::sanitize;
use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a look.
    Watch,
    /// Replace soon, or mend what it is connected by.
    Warn,
    /// Act now.
    Crit,
}

/// The worst of a drive's findings; `Unknown` where there is nothing to judge. The order is the
/// scale `ok < watch < warn < crit`, with `unknown` below it, so that it never counts as worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing to judge.
    Unknown,
    /// Nothing is wrong.
    Ok,
    /// Worth a look.
    Watch,
    /// Replace soon, or mend what it is connected by.
    Warn,
    /// Act now.
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

impl From<i64> for Quantity {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<u8> for Quantity {
    fn from(number: u8) -> Self {
        Self::Number(number.into())
    }
}

/// What a finding is about, so that a bad cable never says "replace the drive".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// The drive itself.
    Media,
    /// What it is connected by.
    Link,
    /// Heat, and what its enclosure senses.
    Environment,
    /// Its place in a pool.
    Pool,
    /// That it is read at all.
    Reading,
}

impl Class {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Media => "media",
            Self::Link => "link",
            Self::Environment => "environment",
            Self::Pool => "pool",
            Self::Reading => "reading",
        }
    }
}

/// One reason for a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// The rule: `A1`, `S1`, `N1`, `C5`, …
    pub code: String,
    /// What it is about.
    pub class: Class,
    /// How bad it is.
    pub severity: Severity,
    /// What was observed; `null` where it is no value.
    pub observed: Option<Quantity>,
    /// What it was held against; `null` where there is none.
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

/// What a rule has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    pub severity: Severity,
    pub observed: Option<Quantity>,
    pub limit: Option<Quantity>,
    pub message: String,
}

/// A number against the limits of its rule.
fn counted(value: Option<i64>, steps: Steps, say: impl FnOnce(i64) -> String) -> Option<Hit> {
    let value = value?;
    let (severity, limit) = steps.reached(value)?;
    Some(Hit { severity, observed: Some(value.into()), limit: Some(limit.into()), message: say(value) })
}

/// More of what a drive or pool calls itself than this would make a sentence a page.
const NAME_CHARS: usize = 80;
/// So many names are listed.
const NAMES: usize = 8;

/// What a drive or pool calls itself, fit for a sentence: on one line, steering nothing, and short.
fn plain(text: &str) -> String {
    let short: String = text.chars().take(NAME_CHARS).collect();
    let short = sanitize(short.trim());
    if short.is_empty() { "?".to_owned() } else { short }
}

/// Words against words.
fn stated(severity: Severity, observed: &str, limit: &str, message: String) -> Hit {
    Hit { severity, observed: Some(observed.into()), limit: Some(limit.into()), message }
}

/// `1 sector`, `8 sectors`.
fn many(count: i64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Judges a drive. Where there is no reading, or one that holds an identity and no health, and
/// nothing around the drive is wrong, there is nothing to judge: `unknown`, no findings.
pub fn judge(subject: &Subject, limits: &Limits) -> Health {
    let mut findings: Vec<Finding> = Vec::new();
    for rule in RULES {
        let Some(steps) = limits.of(rule.code, rule.limits, subject.model) else { continue };
        let hit = match rule.check {
            Check::Alone(check) => check(subject, steps),
            Check::After(check) => {
                let about_itself = findings.iter().filter(|f| f.class == Class::Media);
                about_itself.min_by_key(|f| std::cmp::Reverse(f.severity)).and_then(|worst| check(subject, worst))
            }
        };
        findings.extend(hit.map(|Hit { severity, observed, limit, message }| Finding {
            code: rule.code.to_owned(),
            class: rule.class,
            severity,
            observed,
            limit,
            message,
        }));
    }
    // What is wrong with the drive itself comes before what only follows from it.
    findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
    let clean = match subject.report {
        Some(report) if report.has_health() => Verdict::Ok,
        _ => Verdict::Unknown,
    };
    let verdict = findings.first().map_or(clean, |worst| worst.severity.into());
    Health { verdict, findings }
}

#[cfg(test)]
mod tests;
