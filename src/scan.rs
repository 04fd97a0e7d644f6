//! `scan`: one sweep now, without Redis or HTTP, as a table for people or as the overview.

use crate::config::Config;
use crate::model::drive::{DriveSummary, State};
use crate::model::enclosure::EnclosureView;
use crate::model::overview::Overview;
use crate::probe::Host;
use crate::probe::sweep::Rack;
use crate::stop::Stop;
use anyhow::{Context, bail};
use crossbeam_channel::select;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Reads every drive once and prints the outcome on standard output.
pub fn scan(config: &Config, json: bool) -> anyhow::Result<()> {
    let stop = Stop::new().context("cannot make the stop token")?;
    stop.on_signals().context("cannot listen to signals")?;
    if config.smartctl.is_none() {
        log::error!("smartctl was not found on PATH or in /usr/sbin: install smartmontools or set SMARTCTL_PATH");
    }
    let host = Host { root: config.root.clone(), smartctl: config.smartctl.clone(), zpool: config.zpool.clone() };
    let overview = sweep(config, host, &stop)?;
    let text = if json { serde_json::to_string(&overview)? + "\n" } else { table(&overview) };
    print(&text)
}

/// Onto standard output. A reader that has seen enough (`scan | head`) is no failure.
pub fn print(text: &str) -> anyhow::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

fn sweep(config: &Config, host: Host, stop: &Stop) -> anyhow::Result<Overview> {
    let (mut rack, events) = Rack::new(host, config.smart.clone(), Arc::clone(&config.limits), stop.clone())?;
    let shows_progress = io::stderr().is_terminal();
    rack.discover();
    rack.start_sweep();
    loop {
        let wake = rack.work().unwrap_or_else(|| Instant::now() + Duration::from_secs(1));
        if rack.whole().is_some() {
            break;
        }
        if let Some((left, all)) = rack.progress().filter(|_| shows_progress) {
            eprint!("\rreading drives {}/{all} ", all - left);
        }
        select! {
            recv(stop.channel()) -> _ => {
                rack.finish(&events);
                bail!("stopped before every drive was read");
            }
            recv(events) -> event => drop(event.ok().and_then(|event| rack.take(event))),
            default(wake.saturating_duration_since(Instant::now())) => {}
        }
    }
    if shows_progress {
        eprint!("\r\x1b[K");
    }
    Ok(rack.overview(config.lifetimes.smart.as_secs()))
}

const HEAD: [&str; 10] =
    ["BAY", "DEVICE", "SERIAL", "MODEL", "SIZE", "TEMP", "HOURS", "POOL/VDEV", "VERDICT", "REASON"];
/// Columns that hold numbers.
const RIGHT: [bool; 10] = [true, false, false, false, true, true, true, false, false, false];

type Row = [String; 10];

/// The rack as text: each enclosure by bay, then what sits in no bay, then the pools and counts.
fn table(overview: &Overview) -> String {
    let mut groups: Vec<(String, Vec<Row>)> = overview.enclosures.iter().map(|e| (title(e), rows(e))).collect();
    if !overview.unslotted.is_empty() {
        let rows = overview.unslotted.iter().map(|d| row("-", Some(d))).collect();
        groups.push(("not in a bay".to_owned(), rows));
    }
    let head: Row = HEAD.map(str::to_owned);
    let mut widths = head.each_ref().map(|h| h.chars().count());
    for cell_row in groups.iter().flat_map(|(_, rows)| rows) {
        for (width, cell) in widths.iter_mut().zip(cell_row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for (title, rows) in &groups {
        out.push_str(title);
        out.push('\n');
        line(&mut out, &head, &widths);
        for row in rows {
            line(&mut out, row, &widths);
        }
        out.push('\n');
    }
    out.push_str(&footer(overview));
    out
}

fn line(out: &mut String, row: &Row, widths: &[usize; 10]) {
    let cells = row
        .iter()
        .zip(widths)
        .zip(RIGHT)
        .map(|((cell, width), right)| if right { format!("{cell:>width$}") } else { format!("{cell:<width$}") });
    let text = cells.collect::<Vec<_>>().join("  ");
    out.push_str(text.trim_end());
    out.push('\n');
}

fn title(enclosure: &EnclosureView) -> String {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    let full = enclosure.slots.iter().filter(|s| s.drive.as_ref().is_some_and(|d| d.state != State::Missing)).count();
    let mut title = format!(
        "enclosure {} {} {} {}: {full} of {} bays in use",
        enclosure.id,
        text(&enclosure.vendor),
        text(&enclosure.model),
        enclosure.sysfs_names.join("+"),
        enclosure.slots.len()
    );
    if let Some(error) = &enclosure.error {
        title = format!("{title}; {error}");
    }
    title
}

fn rows(enclosure: &EnclosureView) -> Vec<Row> {
    enclosure
        .slots
        .iter()
        .map(|slot| match (&slot.drive, slot.status.as_deref()) {
            // A bay without a drive that the shelf does not call empty is not called empty here.
            (None, Some(status)) if status != "not installed" => {
                let mut row = row(&slot.slot.to_string(), None);
                row[1] = format!("(no drive, the shelf says {})", printable(status));
                row
            }
            (drive, _) => row(&slot.slot.to_string(), drive.as_ref()),
        })
        .collect()
}

fn row(bay: &str, drive: Option<&DriveSummary>) -> Row {
    let Some(drive) = drive else {
        let mut row: Row = Default::default();
        [row[0], row[1]] = [bay.to_owned(), "(empty)".to_owned()];
        return row;
    };
    let text = |part: &Option<String>| printable(part.as_deref().unwrap_or("-"));
    let number = |n: Option<String>| n.unwrap_or_else(|| "-".to_owned());
    let place = match (&drive.pool, &drive.vdev) {
        (Some(pool), Some(vdev)) if drive.role.as_deref() == Some("data") => format!("{pool}/{vdev}"),
        (Some(pool), _) => format!("{pool} {}", drive.role.as_deref().unwrap_or("")),
        _ => "-".to_owned(),
    };
    let verdict = match drive.state {
        State::Active => drive.verdict.as_str().to_owned(),
        state if drive.verdict.as_str() == "unknown" => state.as_str().to_owned(),
        state => format!("{}, {}", drive.verdict.as_str(), state.as_str()),
    };
    let reason = drive.findings.first().map(|f| f.message.clone()).or_else(|| drive.error.clone()).unwrap_or_default();
    let devices: Vec<&str> = drive.paths.iter().map(crate::model::drive::DeviceName::as_str).collect();
    [
        bay.to_owned(),
        devices.join(","),
        text(&drive.serial_number),
        text(&drive.model_name),
        number(drive.user_capacity_bytes.map(size)),
        number(drive.temperature_celsius.map(|t| format!("{t}°C"))),
        number(drive.power_on_hours.map(|h| h.to_string())),
        place,
        verdict,
        printable(&reason),
    ]
}

/// Drives name themselves; what they say must not steer the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// As drive makers count: `18.0 TB`, `480 GB`.
fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let bytes = bytes as f64;
    match bytes {
        b if b >= 1e12 => format!("{:.1} TB", b / 1e12),
        b if b >= 1e9 => format!("{:.0} GB", b / 1e9),
        b => format!("{:.0} MB", b / 1e6),
    }
}

fn footer(overview: &Overview) -> String {
    let totals = &overview.totals;
    if totals.drives == 0 && totals.slots == 0 {
        return "no drives here\n".to_owned();
    }
    let counts = |all: &[(&str, usize)]| {
        let some: Vec<String> = all.iter().filter(|(_, n)| *n > 0).map(|(name, n)| format!("{n} {name}")).collect();
        some.join(", ")
    };
    let mut out = String::new();
    for pool in &overview.pools {
        let scan = match pool.scan.done_percent {
            Some(percent) if pool.scan.state == "in_progress" => format!("{} {percent} % done", pool.scan.kind),
            _ => format!("{} {}", pool.scan.kind, pool.scan.state).replace("none none", "never scrubbed"),
        };
        let _ = writeln!(out, "pool {} {}, {scan}", pool.name, pool.state.as_deref().unwrap_or("unknown"));
    }
    if let Some(error) = &overview.zfs_error {
        let _ = writeln!(out, "pools: {error}");
    }
    let _ = writeln!(
        out,
        "{} drives on {} paths, {} of {} bays in use: {}; {}",
        totals.drives,
        totals.paths,
        totals.slots_occupied,
        totals.slots,
        counts(&totals.by_verdict.named()),
        counts(&totals.by_state.named()),
    );
    out
}
