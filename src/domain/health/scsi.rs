//! Rules over the values of a SCSI (SAS) drive: its exception, its defect lists, its logs.

use super::common::{endurance_used, newest_test_failed, trip};
use super::drive_facts::DriveFacts;
use super::exceptions;
use super::rule::{RuleResult, check_threshold, pluralize, sanitize_name, state_finding};
use super::thresholds::Thresholds;
use super::verdict::{Class, Quantity, Severity};
use crate::domain::smart::{Cycles, ErrorCounters};

/// The informational exception that the drive reports, by its code. smartctl's words for it are shown and decide nothing.
pub(crate) fn exception(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    facts.scsi()?;
    let report = facts.report.filter(|report| report.smart_status_passed == Some(false))?;
    let words = report.ie_string.as_deref().map(sanitize_name);
    let limit = Some("passed".into());
    let Some(code) = report.exception else {
        let observed = Some(Quantity::Text(words.unwrap_or_else(|| "failed".to_owned())));
        let message =
            "The drive reports an exception, and smartctl does not give its code: it is not judged.".to_owned();
        let result = RuleResult::new(Severity::Watch, observed, limit, message);
        return Some(RuleResult { class: Some(Class::Reading), ..result });
    };
    let meaning = exceptions::meaning(code)?;
    let observed = words.unwrap_or_else(|| code.to_string());
    let in_words = observed.to_lowercase();
    let message =
        format!("The drive reports that {} ({code}: {}).", meaning.report, in_words.trim_end_matches(['.', ' ']));
    let result = RuleResult::new(meaning.severity, Some(Quantity::Text(observed)), limit, message);
    Some(RuleResult { class: Some(meaning.class), ..result })
}

/// Old counts are common on used drives, hence no more than a warning until they grow.
pub(crate) fn uncorrected(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    let scsi = facts.scsi()?;
    let rows: Vec<u64> = [scsi.read, scsi.write, scsi.verify]
        .into_iter()
        .flatten()
        .filter_map(|row: ErrorCounters| row.total_uncorrected_errors)
        .collect();
    let sum = rows.into_iter().reduce(u64::saturating_add);
    check_threshold(number(sum), thresholds, |n| {
        format!("{} in reading, writing and verifying could not be corrected.", pluralize(n, "error"))
    })
}

pub(crate) fn grown_defects(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    check_threshold(number(facts.scsi()?.grown_defect_list), thresholds, |n| {
        format!(
            "{} {} been reallocated in use (grown defect list).",
            pluralize(n, "sector"),
            if n == 1 { "has" } else { "have" }
        )
    })
}

pub(crate) fn pending(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    check_threshold(number(facts.scsi()?.pending_defects), thresholds, |n| {
        format!(
            "{} could not be read and {} to be reallocated.",
            pluralize(n, "sector"),
            if n == 1 { "waits" } else { "wait" }
        )
    })
}

pub(crate) fn self_test_failed(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    facts.scsi()?;
    newest_test_failed(facts)
}

/// Degrees below the reference temperature: the highest at which the drive may be operated for its whole life (SPC-4,
/// temperature log page). Makers choose it freely, from 50 to 85 °C in the field: it warns, and no more.
pub(crate) fn near_trip(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    facts.scsi()?;
    let (celsius, trip) = (facts.celsius()?, trip(facts)?);
    let (severity, below) = thresholds.reached(trip - celsius)?;
    let message = format!("{celsius} °C; the drive's own limit is {trip} °C.");
    Some(RuleResult::new(severity, Some(celsius.into()), Some(trip.saturating_sub(below).into()), message))
}

/// More starts or head loads than the maker specifies for the drive's life.
pub(crate) fn worn_mechanics(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    let scsi = facts.scsi()?;
    let beyond = |cycles: Cycles, what: &str| {
        let (done, specified) = (cycles.accumulated?, cycles.specified.filter(|n| *n > 0)?);
        (done > specified).then(|| {
            let message = format!("{done} {what} cycles; the maker specifies {specified} for its life.");
            state_finding(Severity::Watch, &done.to_string(), &specified.to_string(), message)
        })
    };
    beyond(scsi.start_stop_cycles, "start-stop").or_else(|| beyond(scsi.load_unload_cycles, "load-unload"))
}

pub(crate) fn wear(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    facts.scsi()?;
    endurance_used(facts, thresholds)
}

/// A count that no counter of a drive can reach is none.
fn number(count: Option<u64>) -> Option<i64> {
    count.and_then(|n| i64::try_from(n).ok())
}
