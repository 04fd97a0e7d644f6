//! The bays as text, one character per bay: the body of `/api/map.txt`. Pure.

use super::describe::devices;
use super::drive_summary::DriveSummary;
use super::enclosure_view::{EnclosureView, SlotView};
use super::overview::Overview;
use crate::domain::drive::DriveState;
use crate::domain::health::Verdict;
use crate::domain::text::sanitize;
use std::fmt::Write as _;

/// Bays per row. The number at the left plus the digit above is the number of the bay.
const ROW: u32 = 10;

const LEGEND: &str = "\
. empty  o ok  w watch  W warn  F crit  z standby
? no data: missing, unresponsive, not read yet, or a bay that is not empty but has no known drive
warn and crit are shown in every state, even if the drive is in standby or missing
";

/// The complete map.
pub fn bay_map(overview: &Overview) -> String {
    let mut out = format!("{}: {} drives", sanitize(&overview.host), overview.totals.drives);
    if let Some(at) = overview.collected_at {
        let _ = write!(out, ", observed {at}");
    }
    out.push_str("\n\n");
    for enclosure in &overview.enclosures {
        block(&mut out, enclosure);
    }
    if !overview.unslotted.is_empty() {
        out.push_str("not in a bay\n");
        for drive in &overview.unslotted {
            let serial = sanitize(drive.serial_number.as_deref().unwrap_or("-"));
            let model = sanitize(drive.model_name.as_deref().unwrap_or("-"));
            let _ = writeln!(out, "  {}  {}  {serial}  {model}", sign(drive), devices(drive));
        }
        out.push('\n');
    }
    if overview.totals.excluded > 0 {
        out.push_str("excluded by JBOD_EXCLUDE\n");
        for drive in &overview.excluded {
            let serial = sanitize(drive.serial_number.as_deref().unwrap_or("-"));
            let _ = writeln!(out, "  x  {}  {serial}  {}", drive.device, sanitize(&drive.excluded_by));
        }
        out.push('\n');
    }
    out.push_str(LEGEND);
    out
}

fn block(out: &mut String, enclosure: &EnclosureView) {
    let mut title = format!("enclosure {}", sanitize(&enclosure.id));
    for part in [&enclosure.vendor, &enclosure.model].into_iter().flatten() {
        let _ = write!(title, " {}", sanitize(part));
    }
    if let Some(error) = &enclosure.error {
        let _ = write!(title, "; {}", sanitize(error));
    }
    let last = enclosure.slots.iter().filter_map(|slot| slot.slot).max().unwrap_or(0);
    let width = (last - last % ROW).to_string().len().max(3);
    let digits: Vec<String> = (0..ROW.min(last.saturating_add(1))).map(|digit| digit.to_string()).collect();
    let _ = writeln!(out, "{title}\n{:width$}  {}", "", digits.join(" "));
    let mut slots = enclosure.slots.iter().filter_map(|slot| Some((slot.slot?, slot))).peekable();
    while let Some(first) = slots.peek().map(|(number, _)| number - number % ROW) {
        let mut row = format!("{first:>width$} ");
        let mut column = first;
        while let Some((number, slot)) = slots.next_if(|(number, _)| number - number % ROW == first) {
            // A slot number that the enclosure does not have leaves a gap; of a duplicate, the first bay is shown.
            if number >= column {
                let gap = usize::try_from(number - column).unwrap_or(0);
                let _ = write!(row, "{:gap$} {}", "", bay_sign(slot, enclosure), gap = 2 * gap);
                column = number.saturating_add(1);
            }
        }
        let _ = writeln!(out, "{row}");
    }
    for slot in enclosure.slots.iter().filter(|slot| slot.slot.is_none()) {
        let _ = writeln!(out, "{:width$}  {} {}", "", bay_sign(slot, enclosure), sanitize(&slot.name));
    }
    for slot in &enclosure.slots {
        if let Some(contradiction) = &slot.contradiction {
            let _ = writeln!(out, "bay {}: {}", sanitize(&slot.label()), sanitize(contradiction));
        }
    }
    out.push('\n');
}

fn bay_sign(slot: &SlotView, enclosure: &EnclosureView) -> char {
    match &slot.drive {
        Some(drive) => sign(drive),
        None if slot.excluded.is_some() => 'x',
        None if enclosure.reports_empty(slot) => '.',
        None => '?',
    }
}

/// The character for a drive. A bad verdict is shown even if the drive is in standby or unresponsive.
pub(crate) fn sign(drive: &DriveSummary) -> char {
    match (drive.verdict, drive.state) {
        (Verdict::Crit, _) => 'F',
        (Verdict::Warn, _) => 'W',
        (_, DriveState::Missing | DriveState::Unresponsive | DriveState::Reading)
        | (Verdict::Unknown, DriveState::Active) => '?',
        (_, DriveState::Standby) => 'z',
        (Verdict::Watch, DriveState::Active) => 'w',
        (Verdict::Ok, DriveState::Active) => 'o',
    }
}
