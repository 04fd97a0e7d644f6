//! Rules over the values of a SCSI (SAS) drive: its exception, its defect lists, its logs.

use super::common::{endurance_used, newest_test_failed, pending_sectors, trip};
use super::drive_facts::DriveFacts;
use super::exceptions;
use super::rule::{RuleResult, check_threshold, pluralize, sanitize_name, state_finding};
use super::thresholds::Thresholds;
use super::verdict::{Class, Quantity, Severity};

/// Judges the informational exception that the drive reports by its code. smartctl's text is shown, but not judged.
pub(crate) fn exception(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    facts.scsi()?;
    let report = facts.report?;
    if report.smart_status_passed != Some(false) {
        return None;
    }
    let text = report.ie_string.as_deref().map(sanitize_name);
    let limit = Some("passed".into());
    let Some(code) = report.exception else {
        let observed = Some(Quantity::Text(text.unwrap_or_else(|| "failed".to_owned())));
        let message = "The drive reports an exception. It is not judged, because smartctl does not report its code.";
        let result = RuleResult::new(Severity::Watch, observed, limit, message.to_owned());
        return Some(RuleResult { class: Some(Class::Reading), ..result });
    };
    let meaning = exceptions::meaning(code)?;
    let observed = text.unwrap_or_else(|| code.to_string());
    let text = observed.to_lowercase();
    let message = format!("The drive reports that {} ({code}: {}).", meaning.report, text.trim_end_matches(['.', ' ']));
    let result = RuleResult::new(meaning.severity, Some(Quantity::Text(observed)), limit, message);
    Some(RuleResult { class: Some(meaning.class), ..result })
}

/// At most a warning: used drives often have old counts, which do not grow.
pub(crate) fn uncorrected(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    let scsi = facts.scsi()?;
    let rows = [scsi.read, scsi.write, scsi.verify].into_iter().flatten();
    let sum = rows.filter_map(|row| row.total_uncorrected_errors).reduce(u64::saturating_add)?;
    check_threshold(i64::try_from(sum).ok(), thresholds, |errors| {
        format!("{} in reading, writing and verifying could not be corrected.", pluralize(errors, "error"))
    })
}

pub(crate) fn grown_defects(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    let defects = i64::try_from(facts.scsi()?.grown_defect_list?).ok();
    check_threshold(defects, thresholds, |sectors| {
        let verb = if sectors == 1 { "has" } else { "have" };
        format!("{} {verb} been reallocated in use (grown defect list).", pluralize(sectors, "sector"))
    })
}

pub(crate) fn pending(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    let defects = i64::try_from(facts.scsi()?.pending_defects?).ok();
    check_threshold(defects, thresholds, pending_sectors)
}

pub(crate) fn self_test_failed(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    facts.scsi()?;
    newest_test_failed(facts)
}

/// Judges the degrees below the reference temperature: the highest at which the drive may be operated for its lifetime
/// (SPC-4, temperature log page). Makers choose it freely, from 50 to 85 °C in the field, so it leads to a warning at most.
pub(crate) fn near_trip(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    facts.scsi()?;
    let (celsius, trip) = (facts.celsius()?, trip(facts)?);
    let (severity, below) = thresholds.reached(trip - celsius)?;
    let message = format!("{celsius} °C; the drive's own limit is {trip} °C.");
    Some(RuleResult::new(severity, Some(celsius.into()), Some(trip.saturating_sub(below).into()), message))
}

/// More starts or head loads than the maker specifies for the lifetime of the drive.
pub(crate) fn worn_mechanics(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    let scsi = facts.scsi()?;
    for (cycles, what) in [(scsi.start_stop_cycles, "start-stop"), (scsi.load_unload_cycles, "load-unload")] {
        if let Some(count) = cycles.accumulated
            && let Some(specified) = cycles.specified
            && specified > 0
            && count > specified
        {
            let message =
                format!("{count} {what} cycles; the maker specifies {specified} for the lifetime of the drive.");
            return Some(state_finding(Severity::Watch, &count.to_string(), &specified.to_string(), message));
        }
    }
    None
}

pub(crate) fn wear(facts: &DriveFacts, thresholds: Thresholds) -> Option<RuleResult> {
    facts.scsi()?;
    endurance_used(facts, thresholds)
}
