//! Checks and values that are the same for every protocol.

use super::drive_facts::DriveFacts;
use super::rule::{RuleResult, check_threshold, pluralize, state_finding};
use super::thresholds::Thresholds;
use super::verdict::Severity;
use std::ops::RangeInclusive;

/// Temperature limits that a drive may have, in degrees Celsius; others are placeholders. Trip temperatures seen in the
/// field: 50 to 85 °C.
pub(crate) const DRIVE_LIMITS: RangeInclusive<i64> = 40..=110;

pub(crate) fn newest_test_failed(facts: &DriveFacts) -> Option<RuleResult> {
    if facts.report?.self_test.as_ref()?.last_result_passed != Some(false) {
        return None;
    }
    let message = "The newest self-test with a result has failed.".to_owned();
    Some(state_finding(Severity::Warn, "failed", "passed", message))
}

pub(crate) fn endurance_used(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    let used = i64::try_from(facts.report?.wear.endurance_used_percent?).unwrap_or(i64::MAX);
    check_threshold(Some(used), thresholds, |used| {
        format!("{used} % of the endurance that the maker specifies is used.")
    })
}

/// Spare capacity of 100 % is never too low, whatever the threshold.
pub(crate) fn spare_left(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    let wear = facts.report?.wear;
    let (left, threshold) = (percentage(wear.spare_available_percent?)?, percentage(wear.spare_threshold_percent?)?);
    if left == 100 {
        return None;
    }
    let (severity, above) = thresholds.reached(left - threshold)?;
    let message = format!("{left} % of the spare blocks are left; the drive's own threshold is {threshold} %.");
    Some(RuleResult::new(severity, Some(left.into()), Some(threshold.saturating_add(above).into()), message))
}

/// `None`: more than 100 is not a valid percentage.
fn percentage(value: u64) -> Option<i64> {
    if value > 100 { None } else { i64::try_from(value).ok() }
}

/// The message about sectors that are pending.
pub(crate) fn pending_sectors(sectors: i64) -> String {
    let verb = if sectors == 1 { "waits" } else { "wait" };
    format!("{} could not be read and {verb} to be reallocated.", pluralize(sectors, "sector"))
}

/// A temperature limit, unless it is outside of the range that the limits of such drives have: then it is a placeholder.
pub(crate) fn plausible_limit(limit: Option<i32>, range: &RangeInclusive<i64>) -> Option<i64> {
    let limit = i64::from(limit?);
    if range.contains(&limit) { Some(limit) } else { None }
}

/// The trip temperature of a drive.
pub(crate) fn trip(facts: &DriveFacts) -> Option<i64> {
    plausible_limit(facts.report?.temperature_limits.drive_trip_celsius, &DRIVE_LIMITS)
}
