//! The rule engine: applies the rules of one kind to the facts of one subject.

use super::rule::{Check, Rule, RuleResult, RuleSubject};
use super::rule_settings::RuleSettings;
use super::verdict::{Class, Finding, Judgement, Verdict};
use std::cmp::Reverse;

/// Judges a subject. A rule that lacks its input reports nothing: unknown is neither good nor bad.
///
/// `model`: the model of a drive or an enclosure, for settings by model. `clean`: the verdict if no rule reports.
pub(super) fn judge<S: RuleSubject>(
    rules: &[Rule<S>],
    facts: &S::Facts<'_>,
    model: Option<&str>,
    settings: &RuleSettings,
    clean: Verdict,
) -> Judgement {
    let mut findings: Vec<Finding> = Vec::new();
    for rule in rules {
        let info = &rule.info;
        let Some(thresholds) = settings.of(&info.code, info.thresholds, model) else { continue };
        let result = match rule.check {
            Check::Facts(check) => check(facts, thresholds),
            Check::Derived(check) => match worst_media_finding(&findings) {
                Some(worst) => check(facts, worst),
                None => None,
            },
        };
        let Some(RuleResult { severity, class, observed, limit, message }) = result else { continue };
        let class = class.unwrap_or(info.class);
        findings.push(Finding { code: info.code.clone(), class, severity, observed, limit, message });
    }
    // The sort is stable: of equal severity, findings about the subject come before those derived from them.
    findings.sort_by_key(|finding| Reverse(finding.severity));
    let verdict = match findings.first() {
        Some(worst) => worst.severity.into(),
        None => clean,
    };
    Judgement { verdict, findings }
}

/// The worst finding about the subject itself; the first of equally bad ones.
fn worst_media_finding(findings: &[Finding]) -> Option<&Finding> {
    findings.iter().filter(|finding| finding.class == Class::Media).min_by_key(|finding| Reverse(finding.severity))
}
