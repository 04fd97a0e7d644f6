//! Rules over the context of a drive: the age of its reading, its temperature, its pool, its bay.

use super::common::trip;
use super::drive_facts::DriveFacts;
use super::rule::{RuleResult, check_threshold, sanitize_name, state_finding};
use super::thresholds::Thresholds;
use super::verdict::{Finding, Quantity, Severity};
use crate::domain::zfs::words::VdevState;

const DAY_SECONDS: u64 = 86_400;

/// A sleeping drive is expected to stay unread.
pub(crate) fn unread_for_a_day(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    let age = facts.collected_at?.age_seconds(facts.now);
    let hours = i64::try_from(age / 3600).ok()?;
    (!facts.asleep && age > DAY_SECONDS).then(|| RuleResult {
        severity: Severity::Warn,
        observed: Some(hours.into()),
        limit: Some(24i64.into()),
        message: format!("No good reading for {hours} hours."),
    })
}

pub(crate) fn hot_disk(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    if facts.rotates == Some(true) { hot(facts, thresholds) } else { None }
}

pub(crate) fn hot_ssd(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    // NVMe controllers have limits of their own and run hot by design.
    if facts.rotates == Some(false) && facts.nvme().is_none() { hot(facts, thresholds) } else { None }
}

/// A drive that reports its own limit is judged by that (S8, or SCT's limits here).
fn hot(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    let celsius = facts.celsius()?;
    let limits = facts.report?.temperature_limits;
    let sane = |limit: Option<i32>| limit.map(i64::from).filter(|t| (40..=110).contains(t));
    let own = (sane(limits.op_limit_max_celsius), sane(limits.limit_max_celsius));
    let thresholds = match own {
        (None, None) if trip(facts).is_some() => return None,
        (None, None) => thresholds,
        // What the drive leaves open, the rule has; never a level that the drive's own contradicts.
        (warn, crit) => {
            let below = thresholds.warn.filter(|t| crit.is_none_or(|crit| *t < crit));
            let beyond = thresholds.crit.filter(|t| warn.is_none_or(|warn| *t > warn));
            Thresholds::above(None, warn.or(below), crit.or(beyond))
        }
    };
    check_threshold(Some(celsius), thresholds, |n| match thresholds.reached(n) {
        Some((_, limit)) if own != (None, None) => format!("{n} °C; the drive's own limit is {limit} °C."),
        _ => format!("{n} °C."),
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
    Some(RuleResult {
        severity,
        observed: Some(celsius.into()),
        limit: Some(median.saturating_add(above).into()),
        message,
    })
}

/// The state of the drive in its pool.
pub(crate) fn leaf_state(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    let place = facts.place?;
    let state = place.state.as_ref()?;
    let severity = match state {
        VdevState::Faulted | VdevState::Unavail | VdevState::Removed | VdevState::Degraded => Severity::Crit,
        VdevState::Offline => Severity::Warn,
        _ => return None,
    };
    let message = format!("ZFS calls it {state} in pool {}.", sanitize_name(&place.pool));
    Some(state_finding(severity, state.as_str(), VdevState::Online.as_str(), message))
}

pub(crate) fn leaf_errors(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    let place = facts.place?;
    let counts = [("read", place.read_errors), ("write", place.write_errors), ("checksum", place.checksum_errors)];
    let sum = counts.iter().filter_map(|(_, n)| *n).reduce(u64::saturating_add);
    let words: Vec<String> =
        counts.iter().filter_map(|(what, n)| n.filter(|n| *n > 0).map(|n| format!("{n} {what}"))).collect();
    check_threshold(sum.map(|n| i64::try_from(n).unwrap_or(i64::MAX)), thresholds, |n| {
        let errors = if n == 1 { "error" } else { "errors" };
        format!("ZFS has counted {} {errors} in pool {}.", words.join(", "), sanitize_name(&place.pool))
    })
}

/// The enclosure's own sensor. A requested fault LED is no evidence about the drive.
pub(crate) fn bay_fault(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    let sensed = facts.fault_sensed == Some(true);
    sensed.then(|| RuleResult {
        severity: Severity::Warn,
        observed: Some(Quantity::from("fault sensed")),
        limit: None,
        message: "The enclosure senses a fault in this bay.".to_owned(),
    })
}

/// While its vdev lacks redundancy, what is wrong with a drive weighs one level more: there is less
/// left to rebuild from. `worst` is the worst finding about the drive itself.
pub(crate) fn rebuilding(facts: &DriveFacts, worst: &Finding) -> Option<RuleResult> {
    let place = facts.place.filter(|place| place.vdev_resilvering)?;
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
