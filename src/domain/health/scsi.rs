//! Rules over what a SCSI (SAS) drive says of itself: its exception, its defect lists, its logs.

use super::ata::{endurance_used, newest_test_failed};
use super::{Hit, Quantity, Severity, Steps, Subject, counted, many, plain, stated};
use crate::domain::smart::{Cycles, ErrorCounters};

/// The drive's informational exception (ASC 5Dh and kin), in its own words.
pub fn status_failed(subject: &Subject, _: Steps) -> Option<Hit> {
    subject.scsi()?;
    let report = subject.report.filter(|r| r.smart_status_passed == Some(false))?;
    let words = report.ie_string.as_deref().map_or_else(|| "failed".to_owned(), plain);
    let message =
        format!("The drive reports that it is failing: {}.", words.to_lowercase().trim_end_matches(['.', ' ']));
    let (observed, limit) = (Some(Quantity::Text(words)), Some("passed".into()));
    Some(Hit { severity: Severity::Crit, observed, limit, message })
}

/// Old counts are common on used drives, hence no more than a warning until they grow.
pub fn uncorrected(subject: &Subject, steps: Steps) -> Option<Hit> {
    let scsi = subject.scsi()?;
    let rows: Vec<u64> = [scsi.read, scsi.write, scsi.verify]
        .into_iter()
        .flatten()
        .filter_map(|row: ErrorCounters| row.total_uncorrected_errors)
        .collect();
    let sum = rows.into_iter().reduce(u64::saturating_add).map(|n| i64::try_from(n).unwrap_or(i64::MAX));
    counted(sum, steps, |n| format!("{} in reading, writing and verifying could not be corrected.", many(n, "error")))
}

pub fn grown_defects(subject: &Subject, steps: Steps) -> Option<Hit> {
    counted(number(subject.scsi()?.grown_defect_list), steps, |n| {
        format!(
            "{} {} been reallocated in use (grown defect list).",
            many(n, "sector"),
            if n == 1 { "has" } else { "have" }
        )
    })
}

pub fn pending(subject: &Subject, steps: Steps) -> Option<Hit> {
    counted(number(subject.scsi()?.pending_defects), steps, |n| {
        format!(
            "{} could not be read and {} to be reallocated.",
            many(n, "sector"),
            if n == 1 { "waits" } else { "wait" }
        )
    })
}

pub fn self_test_failed(subject: &Subject, _: Steps) -> Option<Hit> {
    subject.scsi()?;
    newest_test_failed(subject)
}

/// Degrees below the temperature at which the drive trips; the same words whichever is near.
pub fn near_trip(subject: &Subject, steps: Steps) -> Option<Hit> {
    subject.scsi()?;
    let (celsius, trip) = (subject.celsius()?, trip(subject)?);
    let (severity, below) = steps.reached(trip - celsius)?;
    let message = format!("{celsius} °C; the drive's own limit is {trip} °C.");
    Some(Hit { severity, observed: Some(celsius.into()), limit: Some(trip.saturating_sub(below).into()), message })
}

/// A trip temperature that no drive would have is a placeholder. Seen in the field: 50 to 85 °C.
pub fn trip(subject: &Subject) -> Option<i64> {
    let trip = subject.report?.temperature_limits.drive_trip_celsius.map(i64::from);
    trip.filter(|t| (40..=110).contains(t))
}

/// More starts or head loads than the maker specifies for the drive's life.
pub fn worn_mechanics(subject: &Subject, _: Steps) -> Option<Hit> {
    let scsi = subject.scsi()?;
    let beyond = |cycles: Cycles, what: &str| {
        let (done, specified) = (cycles.accumulated?, cycles.specified.filter(|n| *n > 0)?);
        (done > specified).then(|| {
            let message = format!("{done} {what} cycles; the maker specifies {specified} for its life.");
            stated(Severity::Watch, &done.to_string(), &specified.to_string(), message)
        })
    };
    beyond(scsi.start_stop_cycles, "start-stop").or_else(|| beyond(scsi.load_unload_cycles, "load-unload"))
}

pub fn wear(subject: &Subject, steps: Steps) -> Option<Hit> {
    subject.scsi()?;
    endurance_used(subject, steps)
}

fn number(count: Option<u64>) -> Option<i64> {
    count.map(|n| i64::try_from(n).unwrap_or(i64::MAX))
}
