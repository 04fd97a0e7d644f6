//! The verdict: never better for a worse value, and always with reasons that a person can read.

use super::random::cases;
use super::subjects::{Case, WORSE, case, clean};
use jbod_monitor::domain::health::{Direction, Finding, Judgement, Quantity, Verdict, judge_drive, rule_of};
use jbod_monitor::domain::text::sanitize;
use proptest::prelude::*;

/// A sentence is shown in a line; what a drive calls itself must not make it a page.
const SENTENCE_CHARS: usize = 1000;

/// What holds for every verdict and each of its reasons.
#[track_caller]
pub fn assert_plain(health: &Judgement) {
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
    let Finding { code, class, observed, limit, message, .. } = finding;
    let rule = rule_of(code.as_str()).unwrap_or_else(|| panic!("no rule is called {code}"));
    // Of these the cause decides, and not the rule.
    let has_class_of_its_cause = *code == "S1" || *code == "N1";
    assert!(has_class_of_its_cause || *class == rule.class, "{code}");
    if rule.thresholds.direction != Direction::OnOff {
        assert!(matches!(observed, Some(Quantity::Number(_))), "{code} has a number: {finding:?}");
        assert!(matches!(limit, Some(Quantity::Number(_))), "{code} has a limit: {finding:?}");
    }
    assert!(message.len() > 1 && message.ends_with('.'), "{code}: {message:?}");
    assert_eq!(*message, sanitize(message), "{code}: nothing in it steers a terminal");
    assert_eq!(message.trim(), message, "{code}");
    assert!(message.chars().count() <= SENTENCE_CHARS, "{code}: {} characters", message.chars().count());
    for quantity in [observed, limit].into_iter().flatten() {
        if let Quantity::Text(text) = quantity {
            assert!(!text.trim().is_empty() && *text == sanitize(text), "{code}: {text:?}");
            assert!(text.chars().count() <= SENTENCE_CHARS, "{code}: {} characters", text.chars().count());
        }
    }
}

/// It only raises what is found otherwise.
const SAYS_NOTHING_ALONE: [&str; 1] = ["the vdev is rebuilt"];

fn by() -> impl Strategy<Value = u64> {
    prop_oneof![3 => 1..60u64, 1 => 60..5000u64, 1 => any::<u64>()]
}

proptest! {
    #![proptest_config(cases(4000))]

    /// Everything else being equal, whatever that is.
    #[test]
    fn a_worse_value_never_betters_the_verdict(case in case(), what in 0..WORSE.len(), by in by()) {
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

    /// A drive that is well, of which one thing gets worse and worse: the verdict keeps step, and
    /// whatever a rule looks at does come to be told.
    #[test]
    fn what_gets_worse_and_worse_is_told(steps in prop::collection::vec(1..60u64, 6)) {
        for (name, worsen) in WORSE {
            let mut told = false;
            for mut case in clean() {
                let mut before = judge_drive(&case.subject(), &case.limits).verdict;
                prop_assert_eq!(before, Verdict::Ok, "clean");
                for by in steps.iter().chain(&[u64::MAX / 4, 3]) {
                    if worsen(&mut case, *by).is_none() {
                        break;
                    }
                    let after = judge_drive(&case.subject(), &case.limits).verdict;
                    prop_assert!(after >= before, "{name} worse by {by} of {steps:?}: {before:?}, then {after:?}");
                    (before, told) = (after, told || after > Verdict::Ok);
                }
            }
            prop_assert!(told || SAYS_NOTHING_ALONE.contains(name), "{name}: never told");
        }
    }
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn every_finding_is_one_plain_sentence_of_a_rule(case in case()) {
        assert_plain(&judge_drive(&case.subject(), &case.limits));
    }
}

proptest! {
    #![proptest_config(cases(300))]

    /// A rule that lacks its input is silent: nothing known is nothing wrong.
    #[test]
    fn what_is_unknown_is_no_finding(case in case()) {
        let silent = Case { report: None, place: None, age_seconds: None, fault_sensed: None, ..case };
        let health = judge_drive(&silent.subject(), &silent.limits);
        prop_assert_eq!(health.verdict, Verdict::Unknown);
        prop_assert!(health.findings.is_empty());
    }
}
