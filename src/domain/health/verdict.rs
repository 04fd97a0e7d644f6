//! Verdicts, and findings: the reasons for a verdict.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// Severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// No action is needed yet; look again later.
    Watch,
    /// Have a spare ready, and check the cause.
    Warn,
    /// Act now: replace the drive, or fix what the finding names.
    Crit,
}

/// The severity of the worst finding; `ok` without a finding, `unknown` if there is nothing to judge.
///
/// The order is `ok < watch < warn < crit`, with `unknown` below it, so that it never counts as the worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing to judge.
    #[default]
    Unknown,
    /// There is no finding.
    Ok,
    /// No action is needed yet; look again later.
    Watch,
    /// Have a spare ready, and check the cause.
    Warn,
    /// Act now: replace the drive, or fix what the finding names.
    Crit,
}

impl Verdict {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Watch => "watch",
            Self::Warn => "warn",
            Self::Crit => "crit",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let all = [Self::Unknown, Self::Ok, Self::Watch, Self::Warn, Self::Crit];
        all.into_iter().find(|verdict| verdict.as_str() == text)
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

/// A measured value or a limit: a number or text.
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

/// What a finding is about: the drive itself, or something that replacing the drive does not fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// The drive itself.
    Media,
    /// Its connection: cable, path, IO module.
    Link,
    /// Temperature, power, and faults that the enclosure senses.
    Environment,
    /// Its configuration: sector format, firmware, tests that are switched on.
    Configuration,
    /// Its membership in a pool, or the pool itself.
    Pool,
    /// Whether it can be read, and whether the reading can be judged.
    Reading,
}

impl Class {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Media => "media",
            Self::Link => "link",
            Self::Environment => "environment",
            Self::Configuration => "configuration",
            Self::Pool => "pool",
            Self::Reading => "reading",
        }
    }
}

/// Code of a rule: letters, digits and dashes (`A9-10`). A body that another version stored may have one that this version
/// does not know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(transparent)]
pub struct RuleCode(Cow<'static, str>);

impl RuleCode {
    pub(crate) const fn new(code: &'static str) -> Self {
        Self(Cow::Borrowed(code))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl PartialEq<str> for RuleCode {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for RuleCode {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

/// One reason for a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// The rule: `A1`, `S1`, `N1`, `C5`, …
    pub code: RuleCode,
    /// What it is about.
    pub class: Class,
    /// How bad it is.
    pub severity: Severity,
    /// The observed value; `null` if there is none.
    pub observed: Option<Quantity>,
    /// The limit or the expected value; `null` if there is none.
    pub limit: Option<Quantity>,
    /// The finding as a sentence.
    pub message: String,
}

/// The verdict on a drive, an enclosure or a pool with its reasons, worst first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    pub verdict: Verdict,
    pub findings: Vec<Finding>,
}
