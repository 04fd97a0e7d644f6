//! The engine: rules of one kind over the facts of one subject.

use super::rule::{Check, Rule, RuleResult, RuleSubject};
use super::rule_settings::RuleSettings;
use super::verdict::{Class, Finding, Judgement, Verdict};
use std::cmp::Reverse;

/// Judges a subject. A rule that lacks its input reports nothing: unknown is neither good nor bad.
/// `model`: that of a drive, for settings by model. `clean`: the verdict where no rule reports.
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
            Check::Derived(check) => worst_of_itself(&findings).and_then(|worst| check(facts, worst)),
        };
        let Some(RuleResult { severity, observed, limit, message }) = result else { continue };
        findings.push(Finding { code: info.code.clone(), class: info.class, severity, observed, limit, message });
    }
    // What is wrong with the subject itself comes before what only follows from it.
    findings.sort_by_key(|finding| Reverse(finding.severity));
    let verdict = findings.first().map_or(clean, |worst| worst.severity.into());
    Judgement { verdict, findings }
}

/// Of several that are equally bad, the first.
fn worst_of_itself(findings: &[Finding]) -> Option<&Finding> {
    findings.iter().filter(|finding| finding.class == Class::Media).min_by_key(|finding| Reverse(finding.severity))
}
