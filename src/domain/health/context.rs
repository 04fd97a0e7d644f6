//! Rules over the context of a drive: the age of its reading, its temperature, its pool, its bay.

use super::common::trip;
use super::drive_facts::DriveFacts;
use super::rule::{MAX_NAMES, RuleResult, check_threshold, sanitize_name, state_finding};
use super::thresholds::Thresholds;
use super::verdict::{Finding, Quantity, Severity};
use crate::domain::zfs::Membership;
use crate::domain::zfs::words::VdevState;
use std::cmp::Reverse;

const DAY_SECONDS: u64 = 86_400;

/// A sleeping drive is expected to stay unread.
pub(crate) fn unread_for_a_day(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    let age = facts.collected_at?.age_seconds(facts.now);
    let hours = i64::try_from(age / 3600).ok()?;
    if facts.asleep || age <= DAY_SECONDS {
        return None;
    }
    let message = format!("No good reading for {hours} hours.");
    Some(RuleResult::new(Severity::Warn, Some(hours.into()), Some(24i64.into()), message))
}

pub(crate) fn hot_disk(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    if facts.rotates != Some(true) {
        return None;
    }
    // No rotating drive is specified for more than the general limit. A reference temperature up to it warns (S8); one
    // above it would silence the rule.
    let thresholds = match (thresholds.crit, trip(facts)) {
        (Some(crit), Some(trip)) if trip <= crit => Thresholds { watch: None, warn: None, ..thresholds },
        _ => thresholds,
    };
    hot(facts, thresholds)
}

pub(crate) fn hot_ssd(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    // NVMe controllers have limits of their own and run hot by design.
    if facts.rotates != Some(false) || facts.nvme().is_some() {
        return None;
    }
    // Some are specified for more than the general limit: what they give as their own counts then, and only warns (S8)
    // up to there.
    let thresholds = match (thresholds.crit, trip(facts)) {
        (Some(crit), Some(trip)) => {
            Thresholds { watch: None, warn: None, crit: Some(crit.max(trip + 1)), ..thresholds }
        }
        _ => thresholds,
    };
    hot(facts, thresholds)
}

/// Against SCT's limits where the drive gives them.
fn hot(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    let celsius = facts.celsius()?;
    let limits = facts.report?.temperature_limits;
    let sane = |limit: Option<i32>| limit.map(i64::from).filter(|t| (40..=110).contains(t));
    let own = (sane(limits.op_limit_max_celsius), sane(limits.limit_max_celsius));
    let thresholds = match own {
        (None, None) => thresholds,
        // What the drive leaves open, the rule has; never a level that the drive's own contradicts.
        (warn, crit) => {
            let below = thresholds.warn.filter(|t| crit.is_none_or(|crit| *t < crit));
            let beyond = thresholds.crit.filter(|t| warn.is_none_or(|warn| *t > warn));
            Thresholds::above(None, warn.or(below), crit.or(beyond))
        }
    };
    check_threshold(Some(celsius), thresholds, |n| match thresholds.reached(n) {
        Some((_, limit)) if own.0 == Some(limit) || own.1 == Some(limit) => {
            format!("{n} °C; the drive's own limit is {limit} °C.")
        }
        Some((_, limit)) => format!("{n} °C; the limit for drives of its kind is {limit} °C."),
        None => format!("{n} °C."),
    })
}

/// Below this a drive that is warmer than its neighbours is no worry: rear rows always are.
const WARM_CELSIUS: i64 = 40;

pub(crate) fn hotter_than_peers(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    let celsius = facts.celsius().filter(|c| *c >= WARM_CELSIUS)?;
    let median = i64::from(facts.peers.enclosure_celsius?);
    let (severity, above) = thresholds.reached(celsius - median)?;
    let message =
        format!("{celsius} °C, {} above the median of its enclosure: look at fans and air flow.", celsius - median);
    Some(RuleResult::new(severity, Some(celsius.into()), Some(median.saturating_add(above).into()), message))
}

/// The worst state of the drive in its pools. All that are bad are named.
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
    let named: Vec<String> = bad
        .iter()
        .take(MAX_NAMES)
        .map(|(_, state, place)| format!("{state} in pool {}", sanitize_name(&place.pool)))
        .collect();
    let message = format!("ZFS calls it {}.", named.join(", "));
    Some(state_finding(*severity, worst.as_str(), VdevState::Online.as_str(), message))
}

fn severity_of_leaf(state: &VdevState) -> Option<Severity> {
    match state {
        VdevState::Faulted | VdevState::Unavail | VdevState::Removed | VdevState::Degraded => Some(Severity::Crit),
        VdevState::Offline => Some(Severity::Warn),
        _ => None,
    }
}

/// The errors of all its leaves.
pub(crate) fn leaf_errors(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    let mut sum: Option<u64> = None;
    let mut counted = Vec::new();
    for place in facts.memberships {
        let counts = [("read", place.read_errors), ("write", place.write_errors), ("checksum", place.checksum_errors)];
        let of_place = counts.iter().filter_map(|(_, n)| *n).reduce(u64::saturating_add);
        sum = match (sum, of_place) {
            (Some(sum), Some(more)) => Some(sum.saturating_add(more)),
            (sum, more) => sum.or(more),
        };
        let Some(total) = of_place.filter(|n| *n > 0) else { continue };
        let words: Vec<String> =
            counts.iter().filter_map(|(what, n)| n.filter(|n| *n > 0).map(|n| format!("{n} {what}"))).collect();
        let errors = if total == 1 { "error" } else { "errors" };
        counted.push(format!("{} {errors} in pool {}", words.join(", "), sanitize_name(&place.pool)));
    }
    counted.truncate(MAX_NAMES);
    check_threshold(sum.map(|n| i64::try_from(n).unwrap_or(i64::MAX)), thresholds, |_| {
        format!("ZFS has counted {}.", counted.join(", "))
    })
}

/// The enclosure's own sensor. A requested fault LED is no evidence about the drive.
pub(crate) fn bay_fault(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    let sensed = facts.fault_sensed == Some(true);
    if !sensed {
        return None;
    }
    let message = "The enclosure senses a fault in this bay.".to_owned();
    Some(RuleResult::new(Severity::Warn, Some(Quantity::from("fault sensed")), None, message))
}

/// While its vdev lacks redundancy, what is wrong with a drive weighs one level more: there is less
/// left to rebuild from. `worst` is the worst finding about the drive itself.
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
