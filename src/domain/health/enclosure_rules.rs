//! The rules over enclosures.

use super::engine;
use super::rule::{Rule, RuleResult, RuleSubject, pluralize, rule, state_finding};
use super::rule_settings::RuleSettings;
use super::thresholds::{Thresholds, WARN, WATCH};
use super::verdict::Class::{Link, Reading};
use super::verdict::{Judgement, Severity, Verdict};
use crate::domain::enclosure::{Enclosure, EnclosureProblem};

/// Rules over enclosures.
pub(crate) struct EnclosureRules;

impl RuleSubject for EnclosureRules {
    const HAS_MODEL: bool = true;
    type Facts<'a> = Enclosure;
}

#[rustfmt::skip]
pub(crate) const ENCLOSURE_RULES: &[Rule<EnclosureRules>] = &[
    rule::<EnclosureRules>("E8", Link, "an IO module of the enclosure does not respond", WATCH,
        "SES-3: each module reports the entire enclosure, so the values that only one of them has are lost", module_silent),
    rule::<EnclosureRules>("E11", Reading, "bays are occupied, but the kernel links none of them to a drive", WATCH,
        "drivers/scsi/ses.c: links are made by SAS address, and not at all if the enclosure reports none", unlinked),
    rule::<EnclosureRules>("E12", Link, "an IO module that the enclosure is known to have is missing", WARN,
        "the kernel's enclosure class: one device for each module (drivers/scsi/ses.c); without it each drive has one path less", module_missing),
    rule::<EnclosureRules>("E13", Link, "the enclosure is missing", WARN,
        "the kernel's enclosure class shows none of its modules: power, cables, or its services controllers have failed", missing),
];

/// Judges an enclosure. `unknown`: it has not reported the status of a bay yet, and no rule reports.
pub(crate) fn judge_enclosure(enclosure: &Enclosure, settings: &RuleSettings) -> Judgement {
    let has_answered = enclosure.slots.iter().any(|slot| slot.answer.status.is_some());
    let clean = if has_answered { Verdict::Ok } else { Verdict::Unknown };
    engine::judge(ENCLOSURE_RULES, enclosure, enclosure.model.as_deref(), settings, clean)
}

fn module_silent(enclosure: &Enclosure, _: Thresholds) -> Option<RuleResult> {
    let Some(EnclosureProblem::Silent { modules, .. }) = &enclosure.error else { return None };
    let count = i64::try_from(modules.len()).unwrap_or(i64::MAX);
    let verb = if count == 1 { "does" } else { "do" };
    let message =
        format!("{} of the enclosure {verb} not respond: {}.", pluralize(count, "IO module"), modules.join(", "));
    Some(state_finding(Severity::Watch, "silent", "answers", message))
}

fn unlinked(enclosure: &Enclosure, _: Thresholds) -> Option<RuleResult> {
    let Some(EnclosureProblem::Unlinked { in_use, .. }) = enclosure.error else { return None };
    let in_use = i64::try_from(in_use).unwrap_or(i64::MAX);
    let message = format!("{in_use} of its bays are occupied, but the kernel links none of them to a drive.");
    Some(RuleResult::new(Severity::Watch, Some(0i64.into()), Some(in_use.into()), message))
}

fn module_missing(enclosure: &Enclosure, _: Thresholds) -> Option<RuleResult> {
    let missing = enclosure.modules.iter().filter(|module| module.missing_since.is_some());
    let names: Vec<&str> = missing.map(|module| module.sysfs_name.as_str()).collect();
    if names.is_empty() || enclosure.missing_since().is_some() {
        return None;
    }
    let known = i64::try_from(enclosure.modules.len()).ok()?;
    let present = i64::try_from(enclosure.modules.len() - names.len()).ok()?;
    let verb = if present == 1 { "is" } else { "are" };
    let message =
        format!("{present} of {} {verb} present; missing: {}.", pluralize(known, "known IO module"), names.join(", "));
    Some(RuleResult::new(Severity::Warn, Some(present.into()), Some(known.into()), message))
}

fn missing(enclosure: &Enclosure, _: Thresholds) -> Option<RuleResult> {
    let since = enclosure.missing_since()?;
    let message = format!("The enclosure has been missing since {since}.");
    Some(state_finding(Severity::Warn, "missing", "present", message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::enclosure::module::KnownModule;
    use crate::domain::enclosure::words::SlotStatus;
    use crate::domain::enclosure::{Slot, SlotAnswer};
    use crate::domain::time::Timestamp;

    /// An enclosure with one bay.
    fn enclosure(status: Option<SlotStatus>, error: Option<EnclosureProblem>) -> Enclosure {
        let answer = SlotAnswer { status, ..SlotAnswer::default() };
        Enclosure {
            id: "0x5".into(),
            sysfs_names: vec!["0:0:9:0".into()],
            slots: vec![Slot { answer, ..Slot::default() }],
            error,
            ..Enclosure::default()
        }
    }

    fn module(name: &str, missing_since: Option<i64>) -> KnownModule {
        KnownModule { sysfs_name: name.into(), address: None, missing_since: missing_since.map(Timestamp) }
    }

    /// The verdict, and the codes of the findings.
    fn judged(enclosure: &Enclosure) -> (Verdict, String) {
        let judgement = judge_enclosure(enclosure, &RuleSettings::default());
        let codes: Vec<String> = judgement.findings.iter().map(|finding| finding.code.to_string()).collect();
        (judgement.verdict, codes.join(" "))
    }

    #[test]
    fn each_problem_of_an_enclosure_is_a_finding() {
        let silent = EnclosureProblem::Silent { modules: vec!["0:0:9:0".into()], answering: Vec::new() };
        let unlinked = EnclosureProblem::Unlinked { in_use: 7, drives: 3 };
        assert_eq!(judged(&enclosure(None, None)), (Verdict::Unknown, String::new()), "it has not reported a bay yet");
        assert_eq!(judged(&enclosure(Some(SlotStatus::Ok), None)), (Verdict::Ok, String::new()));
        assert_eq!(judged(&enclosure(None, Some(silent))), (Verdict::Watch, "E8".to_owned()));
        assert_eq!(judged(&enclosure(Some(SlotStatus::Ok), Some(unlinked))), (Verdict::Watch, "E11".to_owned()));
        let mut one_left = enclosure(Some(SlotStatus::Ok), None);
        one_left.modules = vec![module("0:0:9:0", None), module("1:0:9:0", Some(7))];
        assert_eq!(judged(&one_left), (Verdict::Warn, "E12".to_owned()));
        let finding = judge_enclosure(&one_left, &RuleSettings::default()).findings.remove(0);
        assert_eq!(finding.message, "1 of 2 known IO modules is present; missing: 1:0:9:0.");
        one_left.set_missing(Timestamp(9));
        assert_eq!(judged(&one_left), (Verdict::Warn, "E13".to_owned()), "its modules are not counted beside it");
    }
}
