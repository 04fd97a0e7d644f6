//! Rules over the NVMe SMART / Health Information log.

use super::common::{endurance_used, newest_test_failed, spare_left};
use super::drive_facts::DriveFacts;
use super::rule::{RuleResult, check_threshold, pluralize, state_finding};
use super::thresholds::Thresholds;
use super::verdict::Severity;

/// NVMe base specification, SMART / Health log byte 0. A temperature alone is a warning; every
/// other bit is about the data.
pub(crate) fn critical_warning(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    const TEMPERATURE: u8 = 0b10;
    const BITS: [&str; 6] = [
        "spare below threshold",
        "temperature beyond its limits",
        "reliability degraded",
        "media read-only",
        "volatile memory backup failed",
        "persistent memory region unreliable",
    ];
    let bits = facts.nvme()?.critical_warning.unwrap_or(0);
    if bits == 0 {
        let failed = facts.report?.smart_status_passed == Some(false);
        let message = "The drive reports that it is failing (SMART status).".to_owned();
        return failed.then(|| state_finding(Severity::Crit, "failed", "passed", message));
    }
    let words: Vec<&str> = (0..6).zip(BITS).filter(|(bit, _)| bits & (1 << bit) != 0).map(|(_, word)| word).collect();
    let words = if words.is_empty() { "a reserved bit".to_owned() } else { words.join(", ") };
    let severity = if bits == TEMPERATURE { Severity::Warn } else { Severity::Crit };
    let message = format!("The drive gives a critical warning: {words}.");
    Some(RuleResult { severity, observed: Some(bits.into()), limit: Some(0u8.into()), message })
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
    let errors = facts.nvme()?.media_errors.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
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
    Some(RuleResult { severity, observed: Some(celsius.into()), limit: Some(limit.into()), message })
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
