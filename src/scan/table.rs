//! The scan table: by bay, one table per enclosure, or the worst drives first.
//!
//! A reason that does not fit beside its drive is placed below it, so that none is truncated.

use super::layout::{Align, Column, ColumnLayout, ShrinkStep};
use crate::api::describe::{activity, devices, pool_location, reason, scan, verdict};
use crate::api::drive_summary::DriveSummary;
use crate::api::enclosure_view::{EnclosureView, SlotView};
use crate::api::overview::Overview;
use crate::domain::drive::DriveState;
use crate::domain::health::Verdict;
use crate::domain::text::natural_cmp;
use crate::domain::text::{format_size, list_first, sanitize};
use crate::domain::zfs::activity::open_beside_scan;
use crate::domain::zfs::words::PoolState;
use crate::terminal::{Kept, Screen, width};
use std::cmp::Ordering;

/// `--sort`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Sort {
    /// By enclosure and bay, then drives that are not in a bay
    #[default]
    Bay,
    /// One list: worst verdicts first, within a verdict unresponsive drives first
    Worst,
}

/// Maximum number of excluded drives that the footer names.
const MAX_EXCLUDED: usize = 6;

const fn column(head: &'static str, align: Align) -> Column {
    Column { head, align, kept: Kept::Beginning }
}

const COLUMNS: [Column; 9] = [
    Column { head: "BAY", align: Align::Right, kept: Kept::End },
    column("DEVICE", Align::Left),
    column("SERIAL", Align::Left),
    column("MODEL", Align::Left),
    column("SIZE", Align::Right),
    column("TEMP", Align::Right),
    column("HOURS", Align::Right),
    column("POOL/VDEV", Align::Left),
    column("VERDICT", Align::Left),
];
const BAY: usize = 0;
const DEVICE: usize = 1;
const SERIAL: usize = 2;
const MODEL: usize = 3;
const SIZE_COLUMN: usize = 4;
const TEMP: usize = 5;
const HOURS: usize = 6;
const POOL: usize = 7;
const VERDICT: usize = 8;

/// In the order in which they are applied. At 40 columns bay, device, serial and verdict remain.
const SHRINK_STEPS: [ShrinkStep; 14] = [
    ShrinkStep::Cut(MODEL, 16),
    ShrinkStep::Drop(HOURS),
    ShrinkStep::Drop(SIZE_COLUMN),
    ShrinkStep::Cut(BAY, 12),
    ShrinkStep::Cut(MODEL, 10),
    ShrinkStep::Drop(MODEL),
    ShrinkStep::Cut(POOL, 12),
    ShrinkStep::Drop(TEMP),
    ShrinkStep::Cut(DEVICE, 8),
    ShrinkStep::Cut(SERIAL, 8),
    ShrinkStep::Drop(POOL),
    ShrinkStep::Cut(VERDICT, 12),
    ShrinkStep::Cut(DEVICE, 6),
    ShrinkStep::Cut(BAY, 8),
];
/// The indentation of reasons below their drives.
const INDENT: usize = 5;
const REASON_HEADING: &str = "REASON";

/// A row of the table.
struct TableRow {
    cells: [String; 9],
    /// Empty: none.
    reason: String,
    verdict: Option<Verdict>,
}

/// All drives in the order of `sort`, then pools and counts.
pub(super) fn table(overview: &Overview, sort: Sort, screen: Screen) -> String {
    let groups = match sort {
        Sort::Bay => by_bay(overview),
        Sort::Worst => worst(overview),
    };
    let mut columns = COLUMNS;
    if let (Sort::Worst, Some(bay)) = (sort, columns.first_mut()) {
        bay.head = "ENC/BAY";
        bay.align = Align::Left;
    }
    let rows = groups.iter().flat_map(|(_, rows)| rows);
    let layout = ColumnLayout::new(&columns, rows.map(|row| row.cells.as_slice()), screen.width, &SHRINK_STEPS);
    // The columns left for reasons beside the drives.
    let room = match screen.width {
        Some(width) => width.saturating_sub(layout.total() + 2),
        None => usize::MAX,
    };
    let mut out = String::new();
    for (title, rows) in &groups {
        if !title.is_empty() {
            out.push_str(&screen.wrap(title, INDENT));
        }
        let mut head = layout.head();
        if rows.iter().any(|row| row.has_reason_beside(room)) && width(REASON_HEADING) <= room {
            head = beside(&head, width(&head), REASON_HEADING, &layout);
        }
        out.push_str(&head);
        out.push('\n');
        for row in rows {
            out.push_str(&row.text(&layout, room, screen));
        }
        out.push('\n');
    }
    for line in footer(overview) {
        out.push_str(&screen.wrap(&line, INDENT));
    }
    out
}

/// A line with a text in the last column. `plain`: the columns that the line takes without colour.
fn beside(line: &str, plain: usize, text: &str, layout: &ColumnLayout) -> String {
    let pad = (layout.total() + 2).saturating_sub(plain);
    format!("{line}{:pad$}{text}", "")
}

/// The SGR parameters of a verdict. The colour is used in addition to the word, never instead of it.
fn sgr(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Crit => "1;31",
        Verdict::Warn => "33",
        Verdict::Watch => "36",
        Verdict::Ok => "32",
        Verdict::Unknown => "35",
    }
}

fn by_bay(overview: &Overview) -> Vec<(String, Vec<TableRow>)> {
    let mut groups: Vec<_> = overview.enclosures.iter().map(|enclosure| (title(enclosure), rows(enclosure))).collect();
    if !overview.unslotted.is_empty() {
        let mut rows = Vec::new();
        for drive in &overview.unslotted {
            rows.push(row("-".to_owned(), drive).with(drive.contradiction.as_deref()));
        }
        groups.push(("not in a bay".to_owned(), rows));
    }
    groups
}

fn worst(overview: &Overview) -> Vec<(String, Vec<TableRow>)> {
    let mut drives: Vec<&DriveSummary> = overview.drives().collect();
    if drives.is_empty() {
        return Vec::new();
    }
    drives.sort_by(|left, right| worst_first(left, right));
    let rows = drives.into_iter().map(|drive| row(enclosure_and_bay(drive), drive)).collect();
    vec![(String::new(), rows)]
}

/// By verdict, state and bay; drives that are not in a bay come last.
fn worst_first(left: &DriveSummary, right: &DriveSummary) -> Ordering {
    verdict_rank(left.verdict)
        .cmp(&verdict_rank(right.verdict))
        .then(state_rank(left.state).cmp(&state_rank(right.state)))
        .then(left.enclosure.is_none().cmp(&right.enclosure.is_none()))
        .then(cmp_text(left.enclosure.as_deref(), right.enclosure.as_deref()))
        .then(left.slot.is_none().cmp(&right.slot.is_none()))
        .then(left.slot.cmp(&right.slot))
        .then(cmp_text(left.slot_name.as_deref(), right.slot_name.as_deref()))
        .then(left.device.cmp(&right.device))
}

fn cmp_text(left: Option<&str>, right: Option<&str>) -> Ordering {
    natural_cmp(left.unwrap_or_default(), right.unwrap_or_default())
}

/// Unknown comes before ok, because it needs attention.
fn verdict_rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Crit => 0,
        Verdict::Warn => 1,
        Verdict::Watch => 2,
        Verdict::Unknown => 3,
        Verdict::Ok => 4,
    }
}

fn state_rank(state: DriveState) -> u8 {
    match state {
        DriveState::Unresponsive => 0,
        DriveState::Missing => 1,
        DriveState::Reading => 2,
        DriveState::Active => 3,
        DriveState::Standby => 4,
    }
}

fn enclosure_and_bay(drive: &DriveSummary) -> String {
    match (&drive.enclosure, drive.slot) {
        (Some(enclosure), Some(slot)) => format!("{}/{slot}", sanitize(enclosure)),
        (Some(enclosure), None) => {
            format!("{}/{}", sanitize(enclosure), sanitize(drive.slot_name.as_deref().unwrap_or("?")))
        }
        _ => "-".to_owned(),
    }
}

fn title(enclosure: &EnclosureView) -> String {
    let drives = enclosure.slots.iter().filter_map(|slot| slot.drive.as_ref());
    let occupied = drives.clone().filter(|drive| drive.state != DriveState::Missing).count();
    let source = drives.clone().find_map(|drive| drive.slot_source).unwrap_or_default();
    let names = match enclosure.sysfs_names.as_slice() {
        [] => format!("by {}", source.as_str()),
        names => names.join("+"),
    };
    let about = [enclosure.vendor.as_deref(), enclosure.model.as_deref(), Some(&names)];
    let about: Vec<String> = about.into_iter().flatten().map(sanitize).collect();
    let bays = enclosure.slots.len();
    let mut title =
        format!("enclosure {} {}: {occupied} of {bays} bays occupied", sanitize(&enclosure.id), about.join(" "));
    if let Some(error) = &enclosure.error {
        title = format!("{title}; {}", sanitize(error));
    }
    title
}

fn rows(enclosure: &EnclosureView) -> Vec<TableRow> {
    let slots = enclosure.slots.iter();
    slots.map(|slot| slot_row(enclosure, slot).with(slot.contradiction.as_deref())).collect()
}

fn slot_row(enclosure: &EnclosureView, slot: &SlotView) -> TableRow {
    if let Some(drive) = &slot.drive {
        return row(sanitize(&slot.label()), drive);
    }
    if let Some(device) = &slot.excluded {
        return row_without_drive(slot, device.as_str(), "(excluded by JBOD_EXCLUDE)".to_owned());
    }
    if enclosure.reports_empty(slot) {
        return row_without_drive(slot, "(empty)", String::new());
    }
    let reason = match &slot.status {
        Some(status) => format!("(no drive, the shelf reports {})", sanitize(status.as_str())),
        None => "(no drive, the shelf reports no status)".to_owned(),
    };
    row_without_drive(slot, "(none)", reason)
}

impl TableRow {
    /// Appends another reason.
    fn with(mut self, reason: Option<&str>) -> Self {
        if let Some(reason) = reason {
            if !self.reason.is_empty() {
                self.reason.push_str("; ");
            }
            self.reason.push_str(&sanitize(reason));
        }
        self
    }

    /// Whether the reason fits beside the drive.
    fn has_reason_beside(&self, room: usize) -> bool {
        !self.reason.is_empty() && width(&self.reason) <= room
    }

    /// The lines of the row. `room`: the columns left for the reason.
    fn text(&self, layout: &ColumnLayout, room: usize, screen: Screen) -> String {
        let paint = |column, text: String| match self.verdict {
            Some(verdict) if column == VERDICT => screen.paint(&text, sgr(verdict)),
            _ => text,
        };
        let line = layout.line(&self.cells, paint);
        if self.reason.is_empty() {
            return line + "\n";
        }
        if self.has_reason_beside(room) {
            let plain = width(&layout.line(&self.cells, |_, text| text));
            return beside(&line, plain, &self.reason, layout) + "\n";
        }
        let below = screen.wrap(&format!("{:INDENT$}{}", "", self.reason), INDENT);
        format!("{line}\n{below}")
    }
}

fn row_without_drive(slot: &SlotView, device: &str, reason: String) -> TableRow {
    let mut cells: [String; 9] = Default::default();
    cells[BAY] = sanitize(&slot.label());
    device.clone_into(&mut cells[DEVICE]);
    TableRow { cells, reason, verdict: None }
}

/// The text of a cell, `-` if there is none.
fn cell(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

fn row(bay: String, drive: &DriveSummary) -> TableRow {
    TableRow {
        cells: [
            bay,
            devices(drive),
            cell(drive.serial_number.as_deref().map(sanitize)),
            cell(drive.model_name.as_deref().map(sanitize)),
            cell(drive.user_capacity_bytes.map(format_size)),
            cell(drive.temperature_celsius.map(|celsius| format!("{celsius}°C"))),
            cell(drive.power_on_hours.map(|hours| hours.to_string())),
            cell(pool_location(drive)),
            verdict(drive),
        ],
        reason: reason(drive).unwrap_or_default(),
        verdict: Some(drive.verdict),
    }
}

/// `2 drives excluded by JBOD_EXCLUDE: sdb (transport=iscsi), sdx (sdx)`.
fn excluded_line(overview: &Overview) -> Option<String> {
    let count = overview.totals.excluded;
    if count == 0 {
        return None;
    }
    let mut drives = Vec::new();
    for drive in &overview.excluded {
        drives.push(format!("{} ({})", drive.device, sanitize(&drive.excluded_by)));
    }
    let noun = if count == 1 { "drive" } else { "drives" };
    Some(format!("{count} {noun} excluded by JBOD_EXCLUDE: {}", list_first(&drives, MAX_EXCLUDED)))
}

fn footer(overview: &Overview) -> Vec<String> {
    let totals = &overview.totals;
    if totals.drives == 0 && totals.slots == 0 {
        let excluded = excluded_line(overview);
        return excluded.into_iter().chain(["no drives found".to_owned()]).collect();
    }
    let mut lines = Vec::new();
    for pool in &overview.pools {
        let mut work = vec![scan(&pool.scan)];
        work.extend(open_beside_scan(&pool.activities).into_iter().map(activity));
        let work = work.join(", ");
        let state = pool.state.as_ref().map_or("unknown", PoolState::as_str);
        let verdict = match pool.findings.first() {
            Some(finding) => format!(", {}: {}", pool.verdict.as_str(), finding.message),
            None => String::new(),
        };
        lines.push(sanitize(&format!("pool {} {state}, {work}{verdict}", pool.name)));
    }
    lines.extend(excluded_line(overview));
    lines.extend(overview.zfs_error.as_ref().map(|error| format!("pools: {}", sanitize(error))));
    lines.push(format!(
        "{} drives on {} paths, {} of {} bays occupied: {}; {}",
        totals.drives,
        totals.paths,
        totals.slots_occupied,
        totals.slots,
        counts(&totals.by_verdict.named()),
        counts(&totals.by_state.named()),
    ));
    lines
}

/// `1 crit, 78 ok`, without those that are 0.
fn counts(all: &[(&str, usize)]) -> String {
    let mut parts = Vec::new();
    for (name, count) in all {
        if *count > 0 {
            parts.push(format!("{count} {name}"));
        }
    }
    parts.join(", ")
}
