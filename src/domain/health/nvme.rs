//! Rules over the NVMe SMART / Health Information log.

use super::common::{endurance_used, newest_test_failed, spare_left};
use super::drive_facts::DriveFacts;
use super::rule::{RuleResult, check_threshold, pluralize, state_finding};
use super::thresholds::Thresholds;
use super::verdict::{Class, Severity};

/// The bits of the critical warning (NVMe base specification, SMART / Health log byte 0), each with its severity and class.
/// The temperature is about the surroundings; every other bit is about the drive.
const CRITICAL_WARNING: [(&str, Severity, Class); 8] = [
    ("spare below threshold", Severity::Crit, Class::Media),
    ("temperature beyond its limits", Severity::Warn, Class::Environment),
    ("reliability degraded", Severity::Crit, Class::Media),
    ("media read-only", Severity::Crit, Class::Media),
    ("volatile memory backup failed", Severity::Crit, Class::Media),
    ("persistent memory region unreliable", Severity::Crit, Class::Media),
    ("a reserved bit (6), which is not judged", Severity::Warn, Class::Reading),
    ("a reserved bit (7), which is not judged", Severity::Warn, Class::Reading),
];

/// The worst bit decides the severity and the class.
pub(crate) fn critical_warning(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    let bits = facts.nvme()?.critical_warning.unwrap_or(0);
    if bits == 0 {
        let failed = facts.report?.smart_status_passed == Some(false);
        let message = "The drive reports that it is failing (SMART status).".to_owned();
        return failed.then(|| state_finding(Severity::Crit, "failed", "passed", message));
    }
    let set = (0..8).zip(CRITICAL_WARNING).filter(|(bit, _)| bits & (1 << bit) != 0).map(|(_, meaning)| meaning);
    let set: Vec<(&str, Severity, Class)> = set.collect();
    let &(_, severity, class) = set.iter().max_by_key(|(_, severity, _)| *severity)?;
    let words: Vec<&str> = set.iter().map(|(words, ..)| *words).collect();
    let message = format!("The drive gives a critical warning: {}.", words.join(", "));
    let result = RuleResult::new(severity, Some(bits.into()), Some(0u8.into()), message);
    Some(RuleResult { class: Some(class), ..result })
}

pub(crate) fn spare(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    facts.nvme()?;
    spare_left(facts, thresholds)
}

pub(crate) fn wear(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    facts.nvme()?;
    endurance_used(facts, thresholds)
}

pub(crate) fn media_errors(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    let errors = facts.nvme()?.media_errors.and_then(|n| i64::try_from(n).ok());
    check_threshold(errors, thresholds, |n| format!("{} in the media could not be corrected.", pluralize(n, "error")))
}

/// Against the controller's own limits; the sensors beside the composite temperature do not count.
pub(crate) fn hot(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    facts.nvme()?;
    let limits = facts.report?.temperature_limits;
    let celsius = facts.celsius()?;
    let sane = |limit: Option<i32>| limit.map(i64::from).filter(|t| (40..=130).contains(t));
    let (critical, warning) = (sane(limits.critical_limit_max_celsius), sane(limits.op_limit_max_celsius));
    let reached = |limit: Option<i64>| limit.filter(|l| celsius >= *l);
    let (severity, limit) = reached(critical)
        .map(|limit| (Severity::Crit, limit))
        .or_else(|| reached(warning).map(|limit| (Severity::Warn, limit)))?;
    let message = format!("{celsius} °C; the drive's own limit is {limit} °C.");
    Some(RuleResult::new(severity, Some(celsius.into()), Some(limit.into()), message))
}

pub(crate) fn self_test_failed(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    facts.nvme()?;
    newest_test_failed(facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::health::tests::facts;
    use crate::domain::smart::{NvmeDetail, SmartReport, TemperatureLimits};

    #[test]
    fn a_limit_that_no_drive_has_is_none() {
        let report = |limit| SmartReport {
            nvme: Some(NvmeDetail::default()),
            temperature_celsius: Some(70),
            temperature_limits: TemperatureLimits { op_limit_max_celsius: Some(limit), ..Default::default() },
            ..Default::default()
        };
        let hit = |limit| hot(&facts(&report(limit)), Thresholds::ON_OFF).map(|h| h.severity);
        assert_eq!((hit(70), hit(71), hit(0)), (Some(Severity::Warn), None, None));
    }
}
