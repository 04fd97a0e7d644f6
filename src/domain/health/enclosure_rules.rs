//! The rules over enclosures.

use super::engine;
use super::rule::{Rule, RuleResult, RuleSubject, pluralize, rule, state_finding};
use super::rule_settings::RuleSettings;
use super::thresholds::Thresholds;
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
    rule::<EnclosureRules>("E8", Link, "an IO module of the enclosure does not answer", Thresholds::ON_OFF,
        "SES-3: each module answers for the whole enclosure, so what only one of them reports is lost", module_silent),
    rule::<EnclosureRules>("E11", Reading, "bays are in use, but the kernel links none of them to a drive", Thresholds::ON_OFF,
        "drivers/scsi/ses.c: links are made by SAS address, and not at all where the enclosure gives none", unlinked),
];

/// Judges an enclosure. One that has not answered is `unknown`, unless a rule reports.
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
        format!("{} of the enclosure {verb} not answer: {}.", pluralize(count, "IO module"), modules.join(", "));
    Some(state_finding(Severity::Watch, "silent", "answers", message))
}

fn unlinked(enclosure: &Enclosure, _: Thresholds) -> Option<RuleResult> {
    let Some(EnclosureProblem::Unlinked { in_use, .. }) = enclosure.error else { return None };
    let in_use = i64::try_from(in_use).unwrap_or(i64::MAX);
    let message = format!("{in_use} of its bays are in use, but the kernel links none of them to a drive.");
    Some(RuleResult::new(Severity::Watch, Some(0i64.into()), Some(in_use.into()), message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::enclosure::words::SlotStatus;
    use crate::domain::enclosure::{Slot, SlotAnswer};

    #[test]
    fn an_enclosure_is_judged_by_what_it_answers() {
        let enclosure = |status: Option<SlotStatus>, error: Option<EnclosureProblem>| {
            let answer = SlotAnswer { status, ..SlotAnswer::default() };
            Enclosure {
                id: "0x5".into(),
                sysfs_names: vec!["0:0:9:0".into()],
                vendor: None,
                model: None,
                rev: None,
                slots: vec![Slot { answer, ..Slot::default() }],
                error,
            }
        };
        let judged = |enclosure: &Enclosure| {
            let judgement = judge_enclosure(enclosure, &RuleSettings::default());
            let codes: Vec<String> = judgement.findings.iter().map(|f| f.code.to_string()).collect();
            (judgement.verdict, codes.join(" "))
        };
        let silent = EnclosureProblem::Silent { modules: vec!["0:0:9:0".into()], answering: Vec::new() };
        let unlinked = EnclosureProblem::Unlinked { in_use: 7, drives: 3 };
        assert_eq!(judged(&enclosure(None, None)), (Verdict::Unknown, String::new()), "it has not answered yet");
        assert_eq!(judged(&enclosure(Some(SlotStatus::Ok), None)), (Verdict::Ok, String::new()));
        assert_eq!(judged(&enclosure(None, Some(silent))), (Verdict::Watch, "E8".to_owned()));
        assert_eq!(judged(&enclosure(Some(SlotStatus::Ok), Some(unlinked))), (Verdict::Watch, "E11".to_owned()));
    }
}
