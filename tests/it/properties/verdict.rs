//! Verdicts: a worse value does not improve them, and their reasons are readable.

use super::random::cases;
use super::subjects::{Case, WORSE, case, clean};
use jbod_monitor::domain::health::{Direction, Finding, Judgement, Quantity, Verdict, judge_drive, rule_of};
use jbod_monitor::domain::text::sanitize;
use proptest::prelude::*;

/// A sentence is shown in a line, even if a drive reports very long names.
const SENTENCE_CHARS: usize = 1000;

/// Checks a verdict and its findings.
#[track_caller]
pub fn assert_readable(health: &Judgement) {
    let worst = health.findings.iter().map(|finding| finding.severity).max();
    match worst {
        Some(worst) => assert_eq!(health.verdict, worst.into(), "the verdict is the worst finding: {health:?}"),
        None => assert!(health.verdict <= Verdict::Ok, "a verdict without a reason: {health:?}"),
    }
    assert!(health.findings.is_sorted_by(|left, right| left.severity >= right.severity), "worst first: {health:?}");
    for finding in &health.findings {
        assert_finding(finding);
    }
}

#[track_caller]
fn assert_finding(finding: &Finding) {
    let Finding { code, class, severity, observed, limit, message } = finding;
    let rule = rule_of(code.as_str()).unwrap_or_else(|| panic!("no rule is called {code}"));
    // These rules have the class of the cause.
    let has_class_of_its_cause = *code == "S1" || *code == "N1";
    assert!(has_class_of_its_cause || *class == rule.class, "{code}");
    if let Direction::OnOff(severities) = rule.thresholds.direction {
        assert!(severities.contains(severity), "{code} does not define this severity: {finding:?}");
    } else {
        assert!(matches!(observed, Some(Quantity::Number(_))), "{code} has a number: {finding:?}");
        assert!(matches!(limit, Some(Quantity::Number(_))), "{code} has a limit: {finding:?}");
    }
    assert!(message.len() > 1 && message.ends_with('.'), "{code}: {message:?}");
    assert_eq!(*message, sanitize(message), "{code}: control characters");
    assert_eq!(message.trim(), message, "{code}");
    assert!(message.chars().count() <= SENTENCE_CHARS, "{code}: {} characters", message.chars().count());
    for quantity in [observed, limit].into_iter().flatten() {
        if let Quantity::Text(text) = quantity {
            assert!(!text.trim().is_empty() && *text == sanitize(text), "{code}: {text:?}");
            assert!(text.chars().count() <= SENTENCE_CHARS, "{code}: {} characters", text.chars().count());
        }
    }
}

/// These only raise the severity of other findings.
const NO_FINDING_ALONE: [&str; 1] = ["the vdev is rebuilt"];

fn by() -> impl Strategy<Value = u64> {
    prop_oneof![3 => 1..60u64, 1 => 60..5000u64, 1 => any::<u64>()]
}

proptest! {
    #![proptest_config(cases(4000))]

    /// All other values are equal.
    #[test]
    fn a_worse_value_does_not_improve_the_verdict(case in case(), what in 0..WORSE.len(), by in by()) {
        let (name, worsen) = WORSE[what];
        let mut worse: Case = case.clone();
        if worsen(&mut worse, by).is_some() {
            let before = judge_drive(&case.subject(), &case.limits);
            let after = judge_drive(&worse.subject(), &case.limits);
            prop_assert!(after.verdict >= before.verdict, "{name} worse by {by}: {before:?}, then {after:?}");
        }
    }
}

proptest! {
    #![proptest_config(cases(100))]

    /// One value of a healthy drive becomes worse step by step: the verdict never improves, and in the end there is a
    /// finding.
    #[test]
    fn a_value_that_becomes_worse_is_found(steps in prop::collection::vec(1..60u64, 6)) {
        for (name, worsen) in WORSE {
            let mut is_found = false;
            for mut case in clean() {
                let mut before = judge_drive(&case.subject(), &case.limits).verdict;
                prop_assert_eq!(before, Verdict::Ok, "clean");
                for by in steps.iter().chain(&[u64::MAX / 4, 3]) {
                    if worsen(&mut case, *by).is_none() {
                        break;
                    }
                    let after = judge_drive(&case.subject(), &case.limits).verdict;
                    prop_assert!(after >= before, "{name} worse by {by} of {steps:?}: {before:?}, then {after:?}");
                    (before, is_found) = (after, is_found || after > Verdict::Ok);
                }
            }
            prop_assert!(is_found || NO_FINDING_ALONE.contains(name), "{name}: no finding");
        }
    }
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn every_finding_is_a_sentence_of_a_rule(case in case()) {
        assert_readable(&judge_drive(&case.subject(), &case.limits));
    }
}

proptest! {
    #![proptest_config(cases(300))]

    /// A rule without its input has no finding.
    #[test]
    fn unknown_values_cause_no_finding(case in case()) {
        let unknown = Case { report: None, place: None, age_seconds: None, fault_sensed: None, ..case };
        let health = judge_drive(&unknown.subject(), &unknown.limits);
        prop_assert_eq!(health.verdict, Verdict::Unknown);
        prop_assert!(health.findings.is_empty());
    }
}
