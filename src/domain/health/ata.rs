//! Rules over what an ATA drive says of itself: its attribute table, its logs, its link.

use super::{Hit, NAMES, Severity, Steps, Subject, counted, many, plain, stated};
use crate::domain::smart::AtaAttribute;

/// smartctl(8) exit bit 3: the drive says of itself that it is failing.
pub fn status_failed(subject: &Subject, _: Steps) -> Option<Hit> {
    // Of a drive whose protocol is not known, too.
    let told_otherwise = subject.scsi().is_some() || subject.nvme().is_some();
    let failed = subject.report?.smart_status_passed == Some(false) && !told_otherwise;
    let message = "The drive reports that it is failing (SMART status).";
    failed.then(|| stated(Severity::Crit, "failed", "passed", message.to_owned()))
}

/// Vendor thresholds: pre-failure now is a failure foretold, usage now is wear, either in the past
/// is worth a look.
pub fn attribute_failed(subject: &Subject, _: Steps) -> Option<Hit> {
    let attributes = &subject.ata()?.attributes;
    let failed = |when: &str, prefailure: bool| {
        let is = |a: &&AtaAttribute| {
            // The maker's limit for heat is passed on a hot day, and not by what the drive is worth.
            !matches!(a.id, 190 | 194)
                && a.when_failed.as_deref() == Some(when)
                && (when == "past" || a.prefailure.unwrap_or(false) == prefailure)
        };
        attributes.iter().filter(is).collect::<Vec<_>>()
    };
    [("now", true, Severity::Crit), ("now", false, Severity::Warn), ("past", false, Severity::Watch)]
        .into_iter()
        .map(|(when, prefailure, severity)| (when, severity, failed(when, prefailure)))
        .find(|(.., attributes)| !attributes.is_empty())
        .map(|(when, severity, attributes)| {
            let named: Vec<String> = attributes.iter().take(NAMES).map(|a| name(a)).collect();
            let more = attributes.len() - named.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let (names, observed) = (named.join(", ") + &more, attributes.first().and_then(|a| a.value));
            let limit = attributes.first().and_then(|a| a.thresh);
            let message = match when {
                "now" => format!("At or below the maker's threshold: {names}."),
                _ => format!("Was at or below the maker's threshold in the past: {names}."),
            };
            Hit { severity, observed: observed.map(Into::into), limit: limit.map(Into::into), message }
        })
}

fn name(attribute: &AtaAttribute) -> String {
    match &attribute.name {
        Some(name) => format!("{} ({})", plain(name), attribute.id),
        None => format!("attribute {}", attribute.id),
    }
}

pub fn pending(subject: &Subject, steps: Steps) -> Option<Hit> {
    counted(subject.count(197), steps, |n| {
        format!(
            "{} could not be read and {} to be reallocated.",
            many(n, "sector"),
            if n == 1 { "waits" } else { "wait" }
        )
    })
}

pub fn offline_uncorrectable(subject: &Subject, steps: Steps) -> Option<Hit> {
    counted(subject.count(198), steps, |n| format!("{} could not be corrected in the offline scan.", many(n, "sector")))
}

pub fn reallocated(subject: &Subject, steps: Steps) -> Option<Hit> {
    counted(subject.count(5), steps, |n| {
        format!("{} {} been reallocated.", many(n, "sector"), if n == 1 { "has" } else { "have" })
    })
}

pub fn reported_uncorrect(subject: &Subject, steps: Steps) -> Option<Hit> {
    counted(subject.count(187), steps, |n| {
        let were = if n == 1 { "was" } else { "were" };
        format!("{} could not be corrected and {were} reported to the host.", many(n, "error"))
    })
}

pub fn command_timeout(subject: &Subject, steps: Steps) -> Option<Hit> {
    counted(subject.count(188), steps, |n| {
        format!("{} timed out: look at cable, backplane and power.", many(n, "command"))
    })
}

pub fn spin_retry(subject: &Subject, steps: Steps) -> Option<Hit> {
    counted(subject.count(10), steps, |n| format!("{} to spin up needed another.", many(n, "attempt")))
}

/// The normalised value: the raw one is in no common unit.
pub fn end_to_end(subject: &Subject, steps: Steps) -> Option<Hit> {
    let value = subject.ata()?.attribute(184)?.value.map(i64::from);
    counted(value, steps, |n| format!("Data was damaged inside the drive (End-to-End error value {n} of 100)."))
}

pub fn reallocation_events(subject: &Subject, steps: Steps) -> Option<Hit> {
    counted(subject.count(196), steps, |n| format!("The drive has tried {n} times to reallocate sectors."))
}

pub fn self_test_failed(subject: &Subject, _: Steps) -> Option<Hit> {
    subject.ata()?;
    newest_test_failed(subject)
}

/// The newest self-test with a result has failed: the same for every protocol.
pub fn newest_test_failed(subject: &Subject) -> Option<Hit> {
    let test = subject.report?.self_test.as_ref()?;
    let failed = test.last_result_passed == Some(false);
    failed.then(|| {
        stated(Severity::Warn, "failed", "passed", "The newest self-test with a result has failed.".to_owned())
    })
}

pub fn wear(subject: &Subject, steps: Steps) -> Option<Hit> {
    subject.ata()?;
    endurance_used(subject, steps)
}

/// The same for every protocol.
pub fn endurance_used(subject: &Subject, steps: Steps) -> Option<Hit> {
    let used = subject.report?.wear.endurance_used_percent.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
    counted(used, steps, |n| format!("{n} % of the endurance that the maker specifies is used."))
}

/// Against the drive's own threshold; `steps` count from it.
pub fn spare(subject: &Subject, steps: Steps) -> Option<Hit> {
    subject.ata()?;
    spare_left(subject, steps)
}

/// The same for every protocol. A spare that is still whole is never short, whatever the threshold.
pub fn spare_left(subject: &Subject, steps: Steps) -> Option<Hit> {
    let wear = subject.report?.wear;
    let percent = |n: Option<u64>| n.and_then(|n| i64::try_from(n).ok()).filter(|n| (0..=100).contains(n));
    let (left, threshold) = (percent(wear.spare_available_percent)?, percent(wear.spare_threshold_percent)?);
    let (severity, above) = (left < 100).then(|| steps.reached(left - threshold)).flatten()?;
    let message = format!("{left} % of the spare blocks are left; the drive counts {threshold} % as too few.");
    Some(Hit { severity, observed: Some(left.into()), limit: Some(threshold.saturating_add(above).into()), message })
}

/// Helium does not come back: at the maker's threshold it is a failure, any loss is worth a look.
pub fn helium(subject: &Subject, steps: Steps) -> Option<Hit> {
    let attribute = subject.ata()?.attribute(22)?;
    let (value, threshold) = (i64::from(attribute.value?), attribute.thresh.map_or(0, i64::from));
    if threshold > 0 && value <= threshold {
        let message = format!("The helium level is at the maker's threshold ({value} of 100).");
        return Some(Hit {
            severity: Severity::Crit,
            observed: Some(value.into()),
            limit: Some(threshold.into()),
            message,
        });
    }
    counted(Some(value), steps, |n| format!("The drive has lost helium ({n} of 100)."))
}

/// Slower than what drive and port could do, while others of its model are not.
pub fn slow_link(subject: &Subject, _: Steps) -> Option<Hit> {
    let ata = subject.ata()?;
    let (most, now) = (ata.link_max_bits_per_second?, ata.link_current_bits_per_second?);
    let peers = subject.peers.link_bits_per_second?;
    let tenths = |bits: u64| i64::try_from(bits / 100_000_000).unwrap_or(i64::MAX);
    (now < most && now < peers).then(|| {
        let gigabits = |bits: u64| format!("{}.{} Gb/s", tenths(bits) / 10, tenths(bits) % 10);
        let message =
            format!("The link runs at {} while others of this model run at {}.", gigabits(now), gigabits(peers));
        stated(Severity::Watch, &gigabits(now), &gigabits(peers), message)
    })
}
