//! The form of a rule, and what checks share: numbers against thresholds, names and counts in sentences.

use super::thresholds::Thresholds;
use super::verdict::{Class, Finding, Quantity, RuleCode, Severity};
use crate::domain::text::sanitize;

/// What rules may be about. `Facts` is what a check of such a rule is given.
pub trait RuleSubject {
    type Facts<'a>;
}

/// What people and settings must know of a rule.
#[derive(Clone, Debug)]
pub struct RuleInfo {
    /// As in findings and in the rules file.
    pub code: RuleCode,
    pub class: Class,
    /// When it reports.
    pub condition: &'static str,
    pub thresholds: Thresholds,
    pub source: &'static str,
}

/// A rule over subjects of one kind.
pub struct Rule<S: RuleSubject> {
    pub info: RuleInfo,
    pub(super) check: Check<S>,
}

/// What a rule needs to know.
pub(super) enum Check<S: RuleSubject> {
    /// The facts alone.
    Facts(for<'a, 'b> fn(&'b S::Facts<'a>, Thresholds) -> Option<RuleResult>),
    /// The worst finding about the subject itself (class media) of the rules before it, too.
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
    let info = RuleInfo { code: RuleCode::new(code), class, condition, thresholds, source };
    Rule { info, check: Check::Facts(check) }
}

/// A row whose check depends on what other rules found.
pub(super) const fn derived<S: RuleSubject>(
    code: &'static str,
    class: Class,
    condition: &'static str,
    source: &'static str,
    check: for<'a, 'b> fn(&'b S::Facts<'a>, &Finding) -> Option<RuleResult>,
) -> Rule<S> {
    let info = RuleInfo { code: RuleCode::new(code), class, condition, thresholds: Thresholds::ON_OFF, source };
    Rule { info, check: Check::Derived(check) }
}

/// A level that a rule does not have.
pub(super) const NEVER: i64 = i64::MAX;

/// Thresholds of a value of which more is worse.
pub(super) const fn above(watch: i64, warn: i64, crit: i64) -> Thresholds {
    const fn level(at: i64) -> Option<i64> {
        if at == NEVER { None } else { Some(at) }
    }
    Thresholds::above(level(watch), level(warn), level(crit))
}

/// What a rule has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RuleResult {
    pub(crate) severity: Severity,
    pub(crate) observed: Option<Quantity>,
    pub(crate) limit: Option<Quantity>,
    pub(crate) message: String,
}

/// A number against the limits of its rule.
pub(super) fn check_threshold(
    value: Option<i64>,
    thresholds: Thresholds,
    say: impl FnOnce(i64) -> String,
) -> Option<RuleResult> {
    let value = value?;
    let (severity, limit) = thresholds.reached(value)?;
    Some(RuleResult { severity, observed: Some(value.into()), limit: Some(limit.into()), message: say(value) })
}

/// More of what a drive or pool calls itself than this would make a sentence a page.
pub(super) const NAME_CHARS: usize = 80;

/// So pluralize names are listed.
pub(super) const MAX_NAMES: usize = 8;

/// What a drive or pool calls itself, fit for a sentence: on one line, steering nothing, and short.
pub(super) fn sanitize_name(text: &str) -> String {
    let short: String = text.chars().take(NAME_CHARS).collect();
    let short = sanitize(short.trim());
    if short.is_empty() { "?".to_owned() } else { short }
}

/// Words against words.
pub(super) fn state_finding(severity: Severity, observed: &str, limit: &str, message: String) -> RuleResult {
    RuleResult { severity, observed: Some(observed.into()), limit: Some(limit.into()), message }
}

/// `1 sector`, `8 sectors`.
pub(super) fn pluralize(count: i64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
