//! Definition of a rule, and helpers for checks: thresholds, names and counts in messages.

use super::thresholds::Thresholds;
use super::verdict::{Class, Finding, Quantity, RuleCode, Severity};
use crate::domain::text::sanitize;

/// A subject of rules. `Facts` is the input of its checks.
pub trait RuleSubject {
    /// The rules file may set a rule for models by name.
    const HAS_MODEL: bool;
    type Facts<'a>;
}

/// The description of a rule.
#[derive(Clone, Debug)]
pub struct RuleInfo {
    /// The code in findings and in the rules file.
    pub code: RuleCode,
    pub class: Class,
    /// The condition for a finding, as a phrase.
    pub condition: &'static str,
    pub thresholds: Thresholds,
    /// Where the condition and the thresholds are from.
    pub source: &'static str,
    /// The rules file may set it for models by name.
    pub(crate) has_model: bool,
}

/// A rule for subjects of one kind.
pub struct Rule<S: RuleSubject> {
    pub info: RuleInfo,
    pub(super) check: Check<S>,
}

/// The check of a rule, by its input.
pub(super) enum Check<S: RuleSubject> {
    /// The facts only.
    Facts(for<'a, 'b> fn(&'b S::Facts<'a>, Thresholds) -> Option<RuleResult>),
    /// The facts, and the worst finding about the subject itself (class media) of the preceding rules.
    Derived(for<'a, 'b> fn(&'b S::Facts<'a>, &Finding) -> Option<RuleResult>),
}

/// A row of a table of rules.
pub(super) const fn rule<S: RuleSubject>(
    code: &'static str,
    class: Class,
    condition: &'static str,
    thresholds: Thresholds,
    source: &'static str,
    check: for<'a, 'b> fn(&'b S::Facts<'a>, Thresholds) -> Option<RuleResult>,
) -> Rule<S> {
    let info = RuleInfo { code: RuleCode::new(code), class, condition, thresholds, source, has_model: S::HAS_MODEL };
    Rule { info, check: Check::Facts(check) }
}

/// A row whose check depends on what other rules found.
pub(super) const fn derived<S: RuleSubject>(
    code: &'static str,
    class: Class,
    condition: &'static str,
    thresholds: Thresholds,
    source: &'static str,
    check: for<'a, 'b> fn(&'b S::Facts<'a>, &Finding) -> Option<RuleResult>,
) -> Rule<S> {
    let info = RuleInfo { code: RuleCode::new(code), class, condition, thresholds, source, has_model: S::HAS_MODEL };
    Rule { info, check: Check::Derived(check) }
}

/// A level that a rule does not have.
pub(super) const NEVER: i64 = i64::MAX;

/// Thresholds of a value for which higher is worse.
pub(super) const fn above(watch: i64, warn: i64, crit: i64) -> Thresholds {
    const fn level(at: i64) -> Option<i64> {
        if at == NEVER { None } else { Some(at) }
    }
    Thresholds::above(level(watch), level(warn), level(crit))
}

/// The result of a rule that reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RuleResult {
    pub(crate) severity: Severity,
    /// The class, where the cause decides it; `None`: the class of the rule.
    pub(crate) class: Option<Class>,
    pub(crate) observed: Option<Quantity>,
    pub(crate) limit: Option<Quantity>,
    pub(crate) message: String,
}

impl RuleResult {
    /// A result of the rule's own class.
    pub(super) fn new(
        severity: Severity,
        observed: Option<Quantity>,
        limit: Option<Quantity>,
        message: String,
    ) -> Self {
        Self { severity, class: None, observed, limit, message }
    }
}

/// Compares a number with the thresholds of its rule. `message`: makes the message from the number.
pub(super) fn check_threshold(
    value: Option<i64>,
    thresholds: Thresholds,
    message: impl FnOnce(i64) -> String,
) -> Option<RuleResult> {
    let value = value?;
    let (severity, limit) = thresholds.reached(value)?;
    Some(RuleResult::new(severity, Some(value.into()), Some(limit.into()), message(value)))
}

/// Maximum length of a name of a drive or pool in a message.
pub(super) const MAX_NAME_CHARS: usize = 80;

/// Maximum number of names that are listed in a message.
pub(super) const MAX_NAMES: usize = 8;

/// Sanitizes a name of a drive or pool for a message: without control characters, and of at most `MAX_NAME_CHARS`.
pub(super) fn sanitize_name(text: &str) -> String {
    let short: String = text.chars().take(MAX_NAME_CHARS).collect();
    let short = sanitize(short.trim());
    if short.is_empty() { "?".to_owned() } else { short }
}

/// The result of a rule about a state. `limit`: the expected state.
pub(super) fn state_finding(severity: Severity, observed: &str, limit: &str, message: String) -> RuleResult {
    RuleResult::new(severity, Some(observed.into()), Some(limit.into()), message)
}

/// `1 sector`, `8 sectors`.
pub(super) fn pluralize(count: i64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
