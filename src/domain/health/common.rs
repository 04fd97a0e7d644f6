//! Checks and values that are the same for every protocol.

use super::drive_facts::DriveFacts;
use super::rule::{RuleResult, check_threshold, state_finding};
use super::thresholds::Thresholds;
use super::verdict::Severity;

/// The newest self-test with a result has failed: the same for every protocol.
pub(crate) fn newest_test_failed(facts: &DriveFacts) -> Option<RuleResult> {
    let test = facts.report?.self_test.as_ref()?;
    let failed = test.last_result_passed == Some(false);
    failed.then(|| {
        state_finding(Severity::Warn, "failed", "passed", "The newest self-test with a result has failed.".to_owned())
    })
}

/// The same for every protocol.
pub(crate) fn endurance_used(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    let used = facts.report?.wear.endurance_used_percent.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
    check_threshold(used, thresholds, |n| format!("{n} % of the endurance that the maker specifies is used."))
}

/// The same for every protocol. Spare capacity of 100 % is never too low, whatever the threshold.
pub(crate) fn spare_left(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    let wear = facts.report?.wear;
    let percent = |n: Option<u64>| n.and_then(|n| i64::try_from(n).ok()).filter(|n| (0..=100).contains(n));
    let (left, threshold) = (percent(wear.spare_available_percent)?, percent(wear.spare_threshold_percent)?);
    let (severity, above) = (left < 100).then(|| thresholds.reached(left - threshold)).flatten()?;
    let message = format!("{left} % of the spare blocks are left; the drive counts {threshold} % as too few.");
    Some(RuleResult::new(severity, Some(left.into()), Some(threshold.saturating_add(above).into()), message))
}

/// A trip temperature that no drive would have is a placeholder. Seen in the field: 50 to 85 °C.
pub(crate) fn trip(facts: &DriveFacts) -> Option<i64> {
    let trip = facts.report?.temperature_limits.drive_trip_celsius.map(i64::from);
    trip.filter(|t| (40..=110).contains(t))
}
