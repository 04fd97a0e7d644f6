//! The scan table: by bay, one table per enclosure, or the worst drives first.
//!
//! A reason that does not fit beside its drive is placed below it, so that none is truncated.

use super::layout::{Column, ColumnLayout, ShrinkStep};
use crate::api::describe::{activity, devices, pool_location, reason, scan, verdict};
use crate::api::drive_summary::DriveSummary;
use crate::api::enclosure_view::{EnclosureView, SlotView};
use crate::api::overview::Overview;
use crate::domain::drive::DriveState;
use crate::domain::health::Verdict;
use crate::domain::identity::DeviceName;
use crate::domain::text::natural_cmp;
use crate::domain::text::{format_size, list_first, sanitize};
use crate::domain::zfs::activity::open_beside_scan;
use crate::domain::zfs::words::PoolState;
use crate::terminal::{Screen, width};
use std::cmp::Reverse;

/// `--sort`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Sort {
    /// Each enclosure by bay, then drives in no bay
    #[default]
    Bay,
    /// One list: the worst verdict first, then what does not answer
    Worst,
}

/// Excluded drives that the footer names.
const MAX_EXCLUDED: usize = 6;

const fn column(head: &'static str, right: bool) -> Column {
    Column { head, right, keeps_end: false }
}

const COLUMNS: [Column; 9] = [
    Column { head: "BAY", right: true, keeps_end: true },
    column("DEVICE", false),
    column("SERIAL", false),
    column("MODEL", false),
    column("SIZE", true),
    column("TEMP", true),
    column("HOURS", true),
    column("POOL/VDEV", false),
    column("VERDICT", false),
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

/// Steps in the order in which they are taken. At 40 columns bay, device, serial and verdict remain.
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
/// Reasons below their drives are set in by this.
const INDENT: usize = 5;
const REASON_HEADING: &str = "REASON";

/// A line of the table: its cells, the reason, and how bad it is.
struct TableRow {
    cells: [String; 9],
    reason: String,
    verdict: Option<Verdict>,
}

/// Everything, as `sort` has it, then the pools and counts.
pub(super) fn table(overview: &Overview, sort: Sort, screen: Screen) -> String {
    let groups = match sort {
        Sort::Bay => by_bay(overview),
        Sort::Worst => worst(overview),
    };
    let mut columns = COLUMNS;
    if let (Sort::Worst, Some(bay)) = (sort, columns.first_mut()) {
        (bay.head, bay.right) = ("ENC/BAY", false);
    }
    let rows = groups.iter().flat_map(|(_, rows)| rows);
    let layout = ColumnLayout::new(&columns, rows.map(|row| row.cells.as_slice()), screen.width, &SHRINK_STEPS);
    // What is left for reasons beside the drives.
    let room = screen.width.map_or(usize::MAX, |width| width.saturating_sub(layout.total() + 2));
    let mut out = String::new();
    for (title, rows) in &groups {
        if !title.is_empty() {
            out.push_str(&screen.wrap(title, INDENT));
        }
        let is_beside = |row: &TableRow| !row.reason.is_empty() && width(&row.reason) <= room;
        let mut head = layout.head();
        if rows.iter().any(is_beside) && width(REASON_HEADING) <= room {
            head = beside(&head, width(&head), REASON_HEADING, &layout);
        }
        out.push_str(&head);
        out.push('\n');
        for row in rows {
            let paint = |column, text: String| match row.verdict.filter(|_| column == VERDICT) {
                Some(verdict) => screen.paint(&text, sgr(verdict)),
                None => text,
            };
            let mut line = layout.line(&row.cells, paint);
            if is_beside(row) {
                let plain = width(&layout.line(&row.cells, |_, text| text));
                line = beside(&line, plain, &row.reason, &layout);
            }
            out.push_str(&line);
            out.push('\n');
            if !row.reason.is_empty() && !is_beside(row) {
                out.push_str(&screen.wrap(&format!("{:INDENT$}{}", "", row.reason), INDENT));
            }
        }
        out.push('\n');
    }
    for line in footer(overview) {
        out.push_str(&screen.wrap(&line, INDENT));
    }
    out
}

/// A line with a text in the last column; `plain`: the columns that the line takes.
fn beside(line: &str, plain: usize, text: &str, layout: &ColumnLayout) -> String {
    let pad = (layout.total() + 2).saturating_sub(plain);
    format!("{line}{:pad$}{text}", "")
}

/// Colour in addition to the word, never instead of it.
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
    let mut groups: Vec<_> = overview.enclosures.iter().map(|e| (title(e), rows(e))).collect();
    if !overview.unslotted.is_empty() {
        let unslotted = |d: &DriveSummary| row("-".to_owned(), d).with(d.contradiction.as_deref());
        let rows = overview.unslotted.iter().map(unslotted).collect();
        groups.push(("not in a bay".to_owned(), rows));
    }
    groups
}

/// Unknown counts as worse than ok here: it needs attention.
fn worst(overview: &Overview) -> Vec<(String, Vec<TableRow>)> {
    let rank = |d: &DriveSummary| match d.verdict {
        Verdict::Crit => 0,
        Verdict::Warn => 1,
        Verdict::Watch => 2,
        Verdict::Unknown => 3,
        Verdict::Ok => 4,
    };
    let silence = |d: &DriveSummary| match d.state {
        DriveState::Unresponsive => 0,
        DriveState::Missing => 1,
        DriveState::Reading => 2,
        DriveState::Active => 3,
        DriveState::Standby => 4,
    };
    let mut drives: Vec<&DriveSummary> = overview.drives().collect();
    let place = |d: &DriveSummary| (Reverse(d.slot.is_some()), d.enclosure.clone().unwrap_or_default(), d.slot);
    drives.sort_by(|a, b| {
        let ((in_bay_a, enclosure_a, slot_a), (in_bay_b, enclosure_b, slot_b)) = (place(a), place(b));
        (rank(a), silence(a), in_bay_a)
            .cmp(&(rank(b), silence(b), in_bay_b))
            .then_with(|| natural_cmp(&enclosure_a, &enclosure_b))
            .then_with(|| slot_a.cmp(&slot_b))
            .then_with(|| a.device.cmp(&b.device))
    });
    let bay = |d: &DriveSummary| match (&d.enclosure, d.slot) {
        (Some(enclosure), Some(slot)) => format!("{}/{slot}", sanitize(enclosure)),
        (Some(enclosure), None) => {
            format!("{}/{}", sanitize(enclosure), sanitize(d.slot_name.as_deref().unwrap_or("?")))
        }
        _ => "-".to_owned(),
    };
    let rows: Vec<TableRow> = drives.into_iter().map(|d| row(bay(d), d)).collect();
    if rows.is_empty() { Vec::new() } else { vec![(String::new(), rows)] }
}

fn title(enclosure: &EnclosureView) -> String {
    let full =
        enclosure.slots.iter().filter(|s| s.drive.as_ref().is_some_and(|d| d.state != DriveState::Missing)).count();
    let source = enclosure.slots.iter().find_map(|s| s.drive.as_ref()?.slot_source).unwrap_or_default();
    let names = match enclosure.sysfs_names.as_slice() {
        [] => format!("by {}", source.as_str()),
        names => names.join("+"),
    };
    let about = [enclosure.vendor.as_deref(), enclosure.model.as_deref(), Some(&names)];
    let about: Vec<String> = about.into_iter().flatten().map(sanitize).collect();
    let bays = enclosure.slots.len();
    let mut title = format!("enclosure {} {}: {full} of {bays} bays in use", sanitize(&enclosure.id), about.join(" "));
    if let Some(error) = &enclosure.error {
        title = format!("{title}; {}", sanitize(error));
    }
    title
}

fn rows(enclosure: &EnclosureView) -> Vec<TableRow> {
    let slots = enclosure.slots.iter();
    let bay_row = |slot: &SlotView| match (&slot.drive, &slot.status) {
        (Some(drive), _) => row(sanitize(&slot.label()), drive),
        (None, _) if slot.excluded.is_some() => {
            let device = slot.excluded.as_ref().map_or("", DeviceName::as_str);
            empty(slot, device, "(excluded by JBOD_EXCLUDE)".to_owned())
        }
        (None, _) if enclosure.reports_empty(slot) => empty(slot, "(empty)", String::new()),
        (None, Some(status)) => {
            empty(slot, "(none)", format!("(no drive, the shelf says {})", sanitize(status.as_str())))
        }
        (None, None) => empty(slot, "(none)", "(no drive, the shelf does not say)".to_owned()),
    };
    slots.map(|slot| bay_row(slot).with(slot.contradiction.as_deref())).collect()
}

impl TableRow {
    /// With another reason, behind its own.
    fn with(mut self, reason: Option<&str>) -> Self {
        let reasons = [Some(self.reason), reason.map(sanitize)];
        self.reason = reasons.into_iter().flatten().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
        self
    }
}

fn empty(slot: &SlotView, device: &str, reason: String) -> TableRow {
    let mut cells: [String; 9] = Default::default();
    (cells[BAY], cells[DEVICE]) = (sanitize(&slot.label()), device.to_owned());
    TableRow { cells, reason, verdict: None }
}

fn row(bay: String, drive: &DriveSummary) -> TableRow {
    let text = |part: Option<&str>| sanitize(part.unwrap_or("-"));
    let or_none = |n: Option<String>| n.unwrap_or_else(|| "-".to_owned());
    TableRow {
        cells: [
            bay,
            devices(drive),
            text(drive.serial_number.as_deref()),
            text(drive.model_name.as_deref()),
            or_none(drive.user_capacity_bytes.map(format_size)),
            or_none(drive.temperature_celsius.map(|t| format!("{t}°C"))),
            or_none(drive.power_on_hours.map(|h| h.to_string())),
            or_none(pool_location(drive)),
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
    let named: Vec<String> =
        overview.excluded.iter().map(|drive| format!("{} ({})", drive.device, sanitize(&drive.excluded_by))).collect();
    let named: Vec<&str> = named.iter().map(String::as_str).collect();
    let noun = if count == 1 { "drive" } else { "drives" };
    Some(format!("{count} {noun} excluded by JBOD_EXCLUDE: {}", list_first(&named, MAX_EXCLUDED)))
}

fn footer(overview: &Overview) -> Vec<String> {
    let totals = &overview.totals;
    if totals.drives == 0 && totals.slots == 0 {
        let excluded = excluded_line(overview);
        return excluded.into_iter().chain(["no drives here".to_owned()]).collect();
    }
    let counts = |all: &[(&str, usize)]| {
        let parts: Vec<String> = all.iter().filter(|(_, n)| *n > 0).map(|(name, n)| format!("{n} {name}")).collect();
        parts.join(", ")
    };
    let mut lines = Vec::new();
    for pool in &overview.pools {
        let beside = open_beside_scan(&pool.activities).into_iter().map(activity);
        let work = std::iter::once(scan(&pool.scan)).chain(beside).collect::<Vec<_>>().join(", ");
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
        "{} drives on {} paths, {} of {} bays in use: {}; {}",
        totals.drives,
        totals.paths,
        totals.slots_occupied,
        totals.slots,
        counts(&totals.by_verdict.named()),
        counts(&totals.by_state.named()),
    ));
    lines
}
