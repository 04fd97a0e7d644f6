//! Rules over the context of a drive: the age of its reading, its temperature, its pool, its bay.

use super::common::{DRIVE_LIMITS, plausible_limit, trip};
use super::drive_facts::DriveFacts;
use super::rule::{MAX_NAMES, RuleResult, check_threshold, sanitize_name, state_finding};
use super::thresholds::Thresholds;
use super::verdict::{Finding, Quantity, Severity};
use crate::domain::zfs::Membership;
use crate::domain::zfs::words::VdevState;
use std::cmp::Reverse;

const DAY_SECONDS: u64 = 86_400;

/// A drive in standby is expected to have no new reading.
pub(crate) fn unread_for_a_day(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    let age = facts.collected_at?.age_seconds(facts.now);
    let hours = i64::try_from(age / 3600).ok()?;
    if facts.asleep || age <= DAY_SECONDS {
        return None;
    }
    let message = format!("No successful reading for {hours} hours.");
    Some(RuleResult::new(Severity::Warn, Some(hours.into()), Some(24i64.into()), message))
}

pub(crate) fn hot_disk(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    if facts.rotates != Some(true) {
        return None;
    }
    // No rotating drive is specified for more than the general limit. A reference temperature up to it warns (S8); one
    // above it does not replace the general levels.
    let thresholds = match (thresholds.crit, trip(facts)) {
        (Some(crit), Some(trip)) if trip <= crit => Thresholds { watch: None, warn: None, ..thresholds },
        _ => thresholds,
    };
    hot(facts, thresholds)
}

pub(crate) fn hot_ssd(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    // NVMe controllers report their own limits, and run hot by design.
    if facts.rotates != Some(false) || facts.nvme().is_some() {
        return None;
    }
    // Some are specified for more than the general limit: then their reference temperature is the limit, and up to it
    // they only warn (S8).
    let thresholds = match (thresholds.crit, trip(facts)) {
        (Some(crit), Some(trip)) => {
            Thresholds { watch: None, warn: None, crit: Some(crit.max(trip + 1)), ..thresholds }
        }
        _ => thresholds,
    };
    hot(facts, thresholds)
}

/// Compares the temperature with the drive's own limits (SCT). A limit that the drive does not report is that of the rule,
/// unless the drive's other limit contradicts it.
fn hot(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    let celsius = facts.celsius()?;
    let limits = facts.report?.temperature_limits;
    let own_warn = plausible_limit(limits.op_limit_max_celsius, &DRIVE_LIMITS);
    let own_crit = plausible_limit(limits.limit_max_celsius, &DRIVE_LIMITS);
    let thresholds = match (own_warn, own_crit) {
        (None, None) => thresholds,
        (Some(warn), None) => Thresholds::above(None, Some(warn), thresholds.crit.filter(|crit| *crit > warn)),
        (None, Some(crit)) => Thresholds::above(None, thresholds.warn.filter(|warn| *warn < crit), Some(crit)),
        (warn, crit) => Thresholds::above(None, warn, crit),
    };
    let (severity, limit) = thresholds.reached(celsius)?;
    let message = if own_warn == Some(limit) || own_crit == Some(limit) {
        format!("{celsius} °C; the drive's own limit is {limit} °C.")
    } else {
        format!("{celsius} °C; the limit for drives of its kind is {limit} °C.")
    };
    Some(RuleResult::new(severity, Some(celsius.into()), Some(limit.into()), message))
}

/// A drive below this temperature may be warmer than its neighbours: those in rear rows always are.
const WARM_CELSIUS: i64 = 40;

pub(crate) fn hotter_than_peers(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    let celsius = facts.celsius()?;
    if celsius < WARM_CELSIUS {
        return None;
    }
    let median = i64::from(facts.peers.enclosure_celsius?);
    let difference = celsius - median;
    let (severity, above) = thresholds.reached(difference)?;
    let message = format!("{celsius} °C, {difference} above the median of its enclosure: check fans and air flow.");
    Some(RuleResult::new(severity, Some(celsius.into()), Some(median.saturating_add(above).into()), message))
}

/// The worst state of the drive in its pools. The message names all bad ones.
pub(crate) fn leaf_state(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    let mut bad: Vec<(Severity, &VdevState, &Membership)> = Vec::new();
    for place in facts.memberships {
        let Some(state) = &place.state else { continue };
        if let Some(severity) = severity_of_leaf(state) {
            bad.push((severity, state, place));
        }
    }
    bad.sort_by_key(|(severity, ..)| Reverse(*severity));
    let (severity, worst, _) = bad.first()?;
    let named = bad.iter().take(MAX_NAMES);
    let named = named.map(|(_, state, place)| format!("{state} in pool {}", sanitize_name(&place.pool)));
    let message = format!("ZFS reports it as {}.", named.collect::<Vec<_>>().join(", "));
    Some(state_finding(*severity, worst.as_str(), VdevState::Online.as_str(), message))
}

fn severity_of_leaf(state: &VdevState) -> Option<Severity> {
    match state {
        VdevState::Faulted | VdevState::Unavail | VdevState::Removed | VdevState::Degraded => Some(Severity::Crit),
        VdevState::Offline => Some(Severity::Warn),
        _ => None,
    }
}

/// The sum of the errors of all its leaves. The message names the counts of each.
pub(crate) fn leaf_errors(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    let mut sum: Option<u64> = None;
    let mut counted = Vec::new();
    for place in facts.memberships {
        let counts = [("read", place.read_errors), ("write", place.write_errors), ("checksum", place.checksum_errors)];
        let (mut total, mut words) = (0_u64, Vec::new());
        for (what, count) in counts {
            let Some(count) = count else { continue };
            total = total.saturating_add(count);
            sum = Some(sum.unwrap_or(0).saturating_add(count));
            if count > 0 {
                words.push(format!("{count} {what}"));
            }
        }
        if total > 0 {
            let errors = if total == 1 { "error" } else { "errors" };
            counted.push(format!("{} {errors} in pool {}", words.join(", "), sanitize_name(&place.pool)));
        }
    }
    counted.truncate(MAX_NAMES);
    let sum = i64::try_from(sum?).unwrap_or(i64::MAX);
    check_threshold(Some(sum), thresholds, |_| format!("ZFS has counted {}.", counted.join(", ")))
}

/// Judges the sensor of the enclosure. A requested fault LED does not show a fault of the drive.
pub(crate) fn bay_fault(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    if facts.fault_sensed != Some(true) {
        return None;
    }
    let message = "The enclosure senses a fault in this bay.".to_owned();
    Some(RuleResult::new(Severity::Warn, Some(Quantity::from("fault sensed")), None, message))
}

/// While its vdev lacks redundancy, a finding about a drive is one level worse: there is less left to rebuild from.
/// `worst`: the worst finding about the drive itself.
pub(crate) fn rebuilding(facts: &DriveFacts, worst: &Finding) -> Option<RuleResult> {
    let place = facts.memberships.iter().find(|place| place.vdev_resilvering)?;
    let severity = match worst.severity {
        Severity::Watch => Severity::Warn,
        Severity::Warn => Severity::Crit,
        Severity::Crit => return None,
    };
    let cause = worst.message.trim_end_matches('.');
    let vdev = sanitize_name(&place.vdev);
    let message = format!("{cause}, while its vdev {vdev} is being rebuilt or runs on a spare.");
    Some(state_finding(severity, worst.code.as_str(), "none", message))
}
