//! Rules over the values of an ATA drive: its attribute table, its logs, its link.

use super::common::{endurance_used, newest_test_failed, pending_sectors, spare_left};
use super::drive_facts::DriveFacts;
use super::rule::{MAX_NAMES, RuleResult, check_threshold, pluralize, sanitize_name, state_finding};
use super::thresholds::Thresholds;
use super::verdict::Severity;
use crate::domain::ata_attributes::AttributeMeaning;
use crate::domain::smart::{AtaAttribute, EnduranceSource};
use crate::domain::text::list_first;
use std::collections::BTreeMap;

/// smartctl(8) exit bit 3: the drive reports that it is failing.
pub(crate) fn status_failed(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    // Applies to a drive of unknown protocol as well.
    let is_other_protocol = facts.scsi().is_some() || facts.nvme().is_some();
    if is_other_protocol || facts.report?.smart_status_passed != Some(false) {
        return None;
    }
    let message = "The drive reports that it is failing (SMART status).";
    Some(state_finding(Severity::Crit, "failed", "passed", message.to_owned()))
}

/// Judges attributes by the manufacturer's thresholds: a pre-failure attribute that fails now predicts a failure, a usage
/// attribute that fails now is wear, and either in the past is to be watched. The worst of these is the result.
pub(crate) fn attribute_failed(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    let attributes = &facts.ata()?.attributes;
    // VALUE is 1 to 253 (SFF-8035i). Firmware that does not fill it in leaves 0 in all attributes.
    if attributes.iter().all(|attribute| attribute.value == Some(0)) {
        return None;
    }
    let mut failed: BTreeMap<Severity, Vec<&AtaAttribute>> = BTreeMap::new();
    for attribute in attributes {
        if let Some(severity) = severity_of_failed(attribute) {
            failed.entry(severity).or_default().push(attribute);
        }
    }
    let (severity, attributes) = failed.pop_last()?;
    let names: Vec<String> = attributes.iter().map(|attribute| name(attribute)).collect();
    let names = list_first(&names, MAX_NAMES);
    let message = match severity {
        Severity::Watch => format!("Was at or below the maker's threshold in the past: {names}."),
        Severity::Warn | Severity::Crit => format!("At or below the maker's threshold: {names}."),
    };
    let worst = attributes.first()?;
    Some(RuleResult::new(severity, worst.value.map(Into::into), worst.thresh.map(Into::into), message))
}

fn severity_of_failed(attribute: &AtaAttribute) -> Option<Severity> {
    // A temperature beyond the manufacturer's threshold does not show that the drive is failing.
    if matches!(attribute.id, 190 | 194) {
        return None;
    }
    match attribute.when_failed.as_deref() {
        Some("now") if attribute.prefailure == Some(true) => Some(Severity::Crit),
        Some("now") => Some(Severity::Warn),
        Some("past") => Some(Severity::Watch),
        _ => None,
    }
}

fn name(attribute: &AtaAttribute) -> String {
    match &attribute.name {
        Some(name) => format!("{} ({})", sanitize_name(name), attribute.id),
        None => format!("attribute {}", attribute.id),
    }
}

pub(crate) fn pending(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    check_threshold(facts.count(AttributeMeaning::PendingSectors), thresholds, pending_sectors)
}

pub(crate) fn offline_uncorrectable(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    check_threshold(facts.count(AttributeMeaning::OfflineUncorrectable), thresholds, |sectors| {
        format!("{} could not be corrected in the offline scan.", pluralize(sectors, "sector"))
    })
}

pub(crate) fn reallocated(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    check_threshold(facts.count(AttributeMeaning::ReallocatedSectors), thresholds, |sectors| {
        let verb = if sectors == 1 { "has" } else { "have" };
        format!("{} {verb} been reallocated.", pluralize(sectors, "sector"))
    })
}

pub(crate) fn reported_uncorrect(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    check_threshold(facts.count(AttributeMeaning::ReportedUncorrectable), thresholds, |errors| {
        let verb = if errors == 1 { "was" } else { "were" };
        format!("{} could not be corrected and {verb} reported to the host.", pluralize(errors, "error"))
    })
}

pub(crate) fn command_timeout(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    check_threshold(facts.count(AttributeMeaning::CommandTimeouts), thresholds, |commands| {
        format!("{} timed out: check cable, backplane and power.", pluralize(commands, "command"))
    })
}

pub(crate) fn spin_retry(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    check_threshold(facts.count(AttributeMeaning::SpinRetries), thresholds, |retries| {
        let noun = if retries == 1 { "retry" } else { "retries" };
        format!("The drive needed {retries} {noun} to spin up.")
    })
}

/// The normalised value is judged: the raw value has no common unit.
pub(crate) fn end_to_end(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    check_threshold(facts.count(AttributeMeaning::EndToEndErrors), thresholds, |value| {
        format!("Data was damaged inside the drive (End-to-End error value {value} of 100).")
    })
}

pub(crate) fn reallocation_events(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    check_threshold(facts.count(AttributeMeaning::ReallocationEvents), thresholds, |events| {
        format!("The drive has tried to reallocate sectors {events} times.")
    })
}

pub(crate) fn self_test_failed(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    facts.ata()?;
    newest_test_failed(facts)
}

/// At most `watch` where smartctl guesses the value.
pub(crate) fn wear(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    facts.ata()?;
    let mut result = endurance_used(facts, thresholds)?;
    if facts.report?.wear.endurance_source == Some(EnduranceSource::Guessed) {
        result.severity = Severity::Watch;
        result.message.insert_str(0, "Estimated by smartctl from an attribute: ");
    }
    Some(result)
}

/// `thresholds` are relative to the drive's own threshold. On ATA drives smartctl guesses both from the VALUE and the THRESH
/// of an attribute, which A2 judges.
pub(crate) fn spare(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    facts.ata()?;
    spare_left(facts, thresholds)
}

/// Lost helium is not replaced: at the threshold of the manufacturer it is a failure, any loss is to be watched. Some drives
/// have two attributes of it; the worse one is the result.
pub(crate) fn helium(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    let levels = facts.attributes(AttributeMeaning::Helium);
    let results = levels.filter_map(|(attribute, value)| helium_level(attribute, value, thresholds));
    results.max_by_key(|result| result.severity)
}

fn helium_level(attribute: &AtaAttribute, value: i64, thresholds: Thresholds) -> Option<RuleResult> {
    let threshold = i64::from(attribute.thresh.unwrap_or(0));
    if threshold > 0 && value <= threshold {
        let message = format!("The helium level is at the maker's threshold ({value} of 100).");
        return Some(RuleResult::new(Severity::Crit, Some(value.into()), Some(threshold.into()), message));
    }
    check_threshold(Some(value), thresholds, |level| format!("The drive has lost helium ({level} of 100)."))
}

/// The link is slower than the maximum of drive and port, and than the links of other drives of this model.
pub(crate) fn slow_link(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    let ata = facts.ata()?;
    let (maximum, current) = (ata.link_max_bits_per_second?, ata.link_current_bits_per_second?);
    let peers = facts.peers.link_bits_per_second?;
    if current >= maximum || current >= peers {
        return None;
    }
    let (current, peers) = (format_link_speed(current), format_link_speed(peers));
    let message = format!("The link runs at {current} while others of this model run at {peers}.");
    Some(state_finding(Severity::Watch, &current, &peers, message))
}

/// `6.0 Gb/s`
fn format_link_speed(bits_per_second: u64) -> String {
    let tenths = bits_per_second / 100_000_000;
    format!("{}.{} Gb/s", tenths / 10, tenths % 10)
}
