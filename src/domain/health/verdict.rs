//! The scale of verdicts, and findings: the reasons for one.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a look.
    Watch,
    /// Replace soon, or fix its connection.
    Warn,
    /// Act now.
    Crit,
}

/// The worst of all findings; `Unknown` where there is nothing to judge. The order is the
/// scale `ok < watch < warn < crit`, with `unknown` below it, so that it never counts as worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing to judge.
    #[default]
    Unknown,
    /// Nothing is wrong.
    Ok,
    /// Worth a look.
    Watch,
    /// Replace soon, or fix its connection.
    Warn,
    /// Act now.
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
    /// Heat, power, and what its enclosure senses.
    Environment,
    /// How it is set up: sector format, firmware, tests that are switched on.
    Configuration,
    /// Its place in a pool.
    Pool,
    /// Whether it is read at all, and whether what it reports can be judged.
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

/// Code of a rule: letters, digits and dashes, `A9-10`. In a stored body it may be one that this version does not have.
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
    /// What was observed; `null` where it is no value.
    pub observed: Option<Quantity>,
    /// What it was held against; `null` where there is none.
    pub limit: Option<Quantity>,
    /// One plain sentence.
    pub message: String,
}

/// The verdict on a drive, an enclosure or a pool with its reasons, worst first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    pub verdict: Verdict,
    pub findings: Vec<Finding>,
}
