//! Rules over the values of an ATA drive: its attribute table, its logs, its link.

use super::common::{endurance_used, newest_test_failed, spare_left};
use super::drive_facts::DriveFacts;
use super::rule::{MAX_NAMES, RuleResult, check_threshold, pluralize, sanitize_name, state_finding};
use super::thresholds::Thresholds;
use super::verdict::Severity;
use crate::domain::ata_attributes::AttributeMeaning;
use crate::domain::smart::{AtaAttribute, EnduranceSource};

/// smartctl(8) exit bit 3: the drive reports that it is failing.
pub(crate) fn status_failed(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    // Applies to a drive of unknown protocol as well.
    let is_other_protocol = facts.scsi().is_some() || facts.nvme().is_some();
    let failed = facts.report?.smart_status_passed == Some(false) && !is_other_protocol;
    let message = "The drive reports that it is failing (SMART status).";
    failed.then(|| state_finding(Severity::Crit, "failed", "passed", message.to_owned()))
}

/// Thresholds of the manufacturer: a pre-failure attribute that fails now predicts a failure, a usage attribute that
/// fails now is wear, either in the past is to be watched.
pub(crate) fn attribute_failed(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    let attributes = &facts.ata()?.attributes;
    // VALUE is 1 to 253 (SFF-8035i). Firmware that fills in none leaves 0 in all of them.
    if attributes.iter().all(|attribute| attribute.value == Some(0)) {
        return None;
    }
    let failed = |when: &str, prefailure: bool| {
        let is = |a: &&AtaAttribute| {
            // A temperature beyond the manufacturer's threshold is no evidence of a failing drive.
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
            let named: Vec<String> = attributes.iter().take(MAX_NAMES).map(|a| name(a)).collect();
            let more = attributes.len() - named.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let (names, observed) = (named.join(", ") + &more, attributes.first().and_then(|a| a.value));
            let limit = attributes.first().and_then(|a| a.thresh);
            let message = match when {
                "now" => format!("At or below the maker's threshold: {names}."),
                _ => format!("Was at or below the maker's threshold in the past: {names}."),
            };
            RuleResult::new(severity, observed.map(Into::into), limit.map(Into::into), message)
        })
}

fn name(attribute: &AtaAttribute) -> String {
    match &attribute.name {
        Some(name) => format!("{} ({})", sanitize_name(name), attribute.id),
        None => format!("attribute {}", attribute.id),
    }
}

pub(crate) fn pending(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    check_threshold(facts.count(AttributeMeaning::PendingSectors), thresholds, |n| {
        format!(
            "{} could not be read and {} to be reallocated.",
            pluralize(n, "sector"),
            if n == 1 { "waits" } else { "wait" }
        )
    })
}

pub(crate) fn offline_uncorrectable(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    check_threshold(facts.count(AttributeMeaning::OfflineUncorrectable), thresholds, |n| {
        format!("{} could not be corrected in the offline scan.", pluralize(n, "sector"))
    })
}

pub(crate) fn reallocated(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    check_threshold(facts.count(AttributeMeaning::ReallocatedSectors), thresholds, |n| {
        format!("{} {} been reallocated.", pluralize(n, "sector"), if n == 1 { "has" } else { "have" })
    })
}

pub(crate) fn reported_uncorrect(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    check_threshold(facts.count(AttributeMeaning::ReportedUncorrectable), thresholds, |n| {
        let were = if n == 1 { "was" } else { "were" };
        format!("{} could not be corrected and {were} reported to the host.", pluralize(n, "error"))
    })
}

pub(crate) fn command_timeout(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    check_threshold(facts.count(AttributeMeaning::CommandTimeouts), thresholds, |n| {
        format!("{} timed out: look at cable, backplane and power.", pluralize(n, "command"))
    })
}

pub(crate) fn spin_retry(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    check_threshold(facts.count(AttributeMeaning::SpinRetries), thresholds, |n| {
        format!("{} to spin up needed another.", pluralize(n, "attempt"))
    })
}

/// The normalised value: the raw one is in no common unit.
pub(crate) fn end_to_end(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    check_threshold(facts.count(AttributeMeaning::EndToEndErrors), thresholds, |n| {
        format!("Data was damaged inside the drive (End-to-End error value {n} of 100).")
    })
}

pub(crate) fn reallocation_events(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    check_threshold(facts.count(AttributeMeaning::ReallocationEvents), thresholds, |n| {
        format!("The drive has tried {n} times to reallocate sectors.")
    })
}

pub(crate) fn self_test_failed(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    facts.ata()?;
    newest_test_failed(facts)
}

/// What smartctl guesses is worth a look at most.
pub(crate) fn wear(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    facts.ata()?;
    let mut result = endurance_used(facts, thresholds)?;
    if facts.report?.wear.endurance_source == Some(EnduranceSource::Guessed) {
        result.severity = Severity::Watch;
        result.message.insert_str(0, "As smartctl guesses from an attribute, ");
    }
    Some(result)
}

/// Against the drive's own threshold; `thresholds` count from it. On ATA drives smartctl guesses both from the VALUE and
/// the THRESH of an attribute, which A2 judges.
pub(crate) fn spare(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    facts.ata()?;
    spare_left(facts, thresholds)
}

/// Lost helium is not replaced: the threshold of the manufacturer is a failure, any loss is to be watched. Some drives
/// have two attributes of it.
pub(crate) fn helium(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    let levels = facts.attributes(AttributeMeaning::Helium);
    let results = levels.filter_map(|(attribute, value)| helium_level(attribute, value, thresholds));
    results.max_by_key(|result| result.severity)
}

fn helium_level(attribute: &AtaAttribute, value: i64, thresholds: Thresholds) -> Option<RuleResult> {
    let threshold = attribute.thresh.map_or(0, i64::from);
    if threshold > 0 && value <= threshold {
        let message = format!("The helium level is at the maker's threshold ({value} of 100).");
        return Some(RuleResult::new(Severity::Crit, Some(value.into()), Some(threshold.into()), message));
    }
    check_threshold(Some(value), thresholds, |n| format!("The drive has lost helium ({n} of 100)."))
}

/// Slower than what drive and port could do, while others of its model are not.
pub(crate) fn slow_link(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    let ata = facts.ata()?;
    let (most, now) = (ata.link_max_bits_per_second?, ata.link_current_bits_per_second?);
    let peers = facts.peers.link_bits_per_second?;
    let tenths = |bits: u64| i64::try_from(bits / 100_000_000).unwrap_or(i64::MAX);
    (now < most && now < peers).then(|| {
        let gigabits = |bits: u64| format!("{}.{} Gb/s", tenths(bits) / 10, tenths(bits) % 10);
        let message =
            format!("The link runs at {} while others of this model run at {}.", gigabits(now), gigabits(peers));
        state_finding(Severity::Watch, &gigabits(now), &gigabits(peers), message)
    })
}
