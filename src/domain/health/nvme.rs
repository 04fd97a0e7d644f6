//! Rules over the NVMe SMART / Health Information log.

use super::common::{endurance_used, newest_test_failed, plausible_limit, spare_left};
use super::drive_facts::DriveFacts;
use super::rule::{RuleResult, check_threshold, pluralize, state_finding};
use super::thresholds::Thresholds;
use super::verdict::{Class, Severity};
use std::ops::RangeInclusive;

/// The bits of the critical warning (NVMe base specification, SMART / Health log byte 0), each with its severity and class.
/// The temperature is about the environment; every other bit is about the drive.
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

/// Temperature limits that a controller may have, in degrees Celsius; others are placeholders.
const CONTROLLER_LIMITS: RangeInclusive<i64> = 40..=130;

/// The worst bit decides the severity and the class.
pub(crate) fn critical_warning(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    let bits = facts.nvme()?.critical_warning.unwrap_or(0);
    if bits == 0 {
        if facts.report?.smart_status_passed != Some(false) {
            return None;
        }
        let message = "The drive reports that it is failing (SMART status).".to_owned();
        return Some(state_finding(Severity::Crit, "failed", "passed", message));
    }
    let set = (0..8).zip(CRITICAL_WARNING).filter(|(bit, _)| bits & (1 << bit) != 0).map(|(_, meaning)| meaning);
    let set: Vec<(&str, Severity, Class)> = set.collect();
    let &(_, severity, class) = set.iter().max_by_key(|(_, severity, _)| *severity)?;
    let words: Vec<&str> = set.iter().map(|(words, ..)| *words).collect();
    let message = format!("The drive reports a critical warning: {}.", words.join(", "));
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
    let errors = i64::try_from(facts.nvme()?.media_errors?).ok()?;
    check_threshold(Some(errors), thresholds, |errors| {
        format!("{} in the media could not be corrected.", pluralize(errors, "error"))
    })
}

/// Compares the composite temperature with the controller's own limits; the other sensors are not judged.
pub(crate) fn hot(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    facts.nvme()?;
    let limits = facts.report?.temperature_limits;
    let warning = plausible_limit(limits.op_limit_max_celsius, &CONTROLLER_LIMITS);
    let critical = plausible_limit(limits.critical_limit_max_celsius, &CONTROLLER_LIMITS);
    let own = Thresholds::above(None, warning, critical);
    check_threshold(facts.celsius(), own, |celsius| match own.reached(celsius) {
        Some((_, limit)) => format!("{celsius} °C; the drive's own limit is {limit} °C."),
        None => format!("{celsius} °C."),
    })
}

pub(crate) fn self_test_failed(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    facts.nvme()?;
    newest_test_failed(facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::health::tests::facts;
    use crate::domain::health::thresholds::WARN_OR_CRIT;
    use crate::domain::smart::{NvmeDetail, SmartReport, TemperatureLimits};

    #[test]
    fn placeholder_is_not_a_limit() {
        for (limit, severity) in [(70, Some(Severity::Warn)), (71, None), (0, None)] {
            let report = SmartReport {
                nvme: Some(NvmeDetail::default()),
                temperature_celsius: Some(70),
                temperature_limits: TemperatureLimits { op_limit_max_celsius: Some(limit), ..Default::default() },
                ..Default::default()
            };
            let result = hot(&facts(&report), WARN_OR_CRIT);
            assert_eq!(result.map(|result| result.severity), severity, "{limit}");
        }
    }
}
