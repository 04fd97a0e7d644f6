//! Rules over what is around a drive: its age of reading, its temperature, its pool, its bay.

use super::scsi::trip;
use super::{Finding, Hit, Quantity, Severity, Steps, Subject, counted, plain, stated};
use crate::domain::zfs::words::VdevState;

const DAY_SECONDS: u64 = 86_400;

/// A sleeping drive is expected to stay unread.
pub fn unread_for_a_day(subject: &Subject, _: Steps) -> Option<Hit> {
    let age = subject.collected_at?.age_seconds(subject.now);
    let hours = i64::try_from(age / 3600).ok()?;
    (!subject.asleep && age > DAY_SECONDS).then(|| Hit {
        severity: Severity::Warn,
        observed: Some(hours.into()),
        limit: Some(24i64.into()),
        message: format!("No good reading for {hours} hours."),
    })
}

pub fn hot_disk(subject: &Subject, steps: Steps) -> Option<Hit> {
    if subject.rotates == Some(true) { hot(subject, steps) } else { None }
}

pub fn hot_ssd(subject: &Subject, steps: Steps) -> Option<Hit> {
    // NVMe controllers have limits of their own and run hot by design.
    if subject.rotates == Some(false) && subject.nvme().is_none() { hot(subject, steps) } else { None }
}

/// A drive that gives a limit of its own is judged by that (S8, or SCT's limits here).
fn hot(subject: &Subject, steps: Steps) -> Option<Hit> {
    let celsius = subject.celsius()?;
    let limits = subject.report?.temperature_limits;
    let sane = |limit: Option<i32>| limit.map(i64::from).filter(|t| (40..=110).contains(t));
    let own = (sane(limits.op_limit_max_celsius), sane(limits.limit_max_celsius));
    let steps = match own {
        (None, None) if trip(subject).is_some() => return None,
        (None, None) => steps,
        // What the drive leaves open, the rule has; never a level that the drive's own contradicts.
        (warn, crit) => {
            let below = steps.warn.filter(|t| crit.is_none_or(|crit| *t < crit));
            let beyond = steps.crit.filter(|t| warn.is_none_or(|warn| *t > warn));
            Steps::above(None, warn.or(below), crit.or(beyond))
        }
    };
    counted(Some(celsius), steps, |n| match steps.reached(n) {
        Some((_, limit)) if own != (None, None) => format!("{n} °C; the drive's own limit is {limit} °C."),
        _ => format!("{n} °C."),
    })
}

/// Below this a drive that is warmer than its neighbours is no worry: rear rows always are.
const WARM_CELSIUS: i64 = 40;

pub fn hotter_than_peers(subject: &Subject, steps: Steps) -> Option<Hit> {
    let celsius = subject.celsius().filter(|c| *c >= WARM_CELSIUS)?;
    let median = i64::from(subject.peers.enclosure_celsius?);
    let (severity, above) = steps.reached(celsius - median)?;
    let message =
        format!("{celsius} °C, {} above the median of its enclosure: look at fans and air flow.", celsius - median);
    Some(Hit { severity, observed: Some(celsius.into()), limit: Some(median.saturating_add(above).into()), message })
}

/// What ZFS has made of the drive.
pub fn leaf_state(subject: &Subject, _: Steps) -> Option<Hit> {
    let place = subject.place?;
    let state = place.state.as_ref()?;
    let severity = match state {
        VdevState::Faulted | VdevState::Unavail | VdevState::Removed | VdevState::Degraded => Severity::Crit,
        VdevState::Offline => Severity::Warn,
        _ => return None,
    };
    let message = format!("ZFS calls it {state} in pool {}.", plain(&place.pool));
    Some(stated(severity, state.as_str(), VdevState::Online.as_str(), message))
}

pub fn leaf_errors(subject: &Subject, steps: Steps) -> Option<Hit> {
    let place = subject.place?;
    let counts = [("read", place.read_errors), ("write", place.write_errors), ("checksum", place.cksum_errors)];
    let sum = counts.iter().filter_map(|(_, n)| *n).reduce(u64::saturating_add);
    let words: Vec<String> =
        counts.iter().filter_map(|(what, n)| n.filter(|n| *n > 0).map(|n| format!("{n} {what}"))).collect();
    counted(sum.map(|n| i64::try_from(n).unwrap_or(i64::MAX)), steps, |n| {
        let errors = if n == 1 { "error" } else { "errors" };
        format!("ZFS has counted {} {errors} in pool {}.", words.join(", "), plain(&place.pool))
    })
}

/// The shelf's own sensor. A fault light that somebody asked for says nothing of the drive.
pub fn bay_fault(subject: &Subject, _: Steps) -> Option<Hit> {
    let sensed = subject.fault_sensed == Some(true);
    sensed.then(|| Hit {
        severity: Severity::Warn,
        observed: Some(Quantity::from("fault sensed")),
        limit: None,
        message: "The enclosure senses a fault in this bay.".to_owned(),
    })
}

/// While its vdev lacks redundancy, what is wrong with a drive weighs one level more: there is less
/// left to rebuild from. `worst` is the worst finding about the drive itself.
pub fn rebuilding(subject: &Subject, worst: &Finding) -> Option<Hit> {
    let place = subject.place.filter(|place| place.vdev_resilvering)?;
    let severity = match worst.severity {
        Severity::Watch => Severity::Warn,
        Severity::Warn => Severity::Crit,
        Severity::Crit => return None,
    };
    let cause = worst.message.trim_end_matches('.');
    let vdev = plain(&place.vdev);
    let message = format!("{cause}, while its vdev {vdev} is being rebuilt or runs on a spare.");
    Some(stated(severity, &worst.code, "none", message))
}
