//! The text of `zpool status`: headings, the scan lines, the table with its columns. Pure.

use crate::drive::{hash, mix};
use crate::store::Pool;
use crate::zpool::Options;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::fmt::Write;

/// A line of the table, with what only JSON tells of it.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// How far below the pool; titles and the pool itself are 0.
    pub depth: usize,
    pub name: String,
    pub state: String,
    /// Errors on read, write and checksum; `None` for a spare.
    pub counts: Option<[u64; 3]>,
    pub note: String,
    pub guid: u64,
    /// Of a leaf.
    pub path: Option<String>,
    pub devid: Option<String>,
}

impl Row {
    pub fn of(depth: usize, name: &str, state: &str) -> Self {
        let guid = mix(hash(name));
        Self { depth, name: name.to_owned(), state: state.to_owned(), counts: Some([0; 3]), guid, ..Self::default() }
    }

    /// `logs`, `cache`, `spares`: only a name.
    pub fn title(name: &str) -> Self {
        Self { counts: None, ..Self::of(0, name, "") }
    }
}

/// What is to be said of a pool, worked out.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub state: String,
    pub rows: Vec<Row>,
    /// How much is allocated.
    pub bytes: u64,
}

pub fn print_pool(pool: &Pool, table: &Table, options: Options) -> String {
    let mut text = format!("  pool: {}\n state: {}\n", pool.name, table.state);
    if let Some((status, action)) = advice(table) {
        let _ = write!(text, "status: {status}\naction: {action}\n");
    }
    text.push_str(&scan(pool, table.bytes));
    text.push_str("config:\n\n");
    text.push_str(&config(table, options));
    let errors = pool.state.get("errors").and_then(Value::as_str).unwrap_or("No known data errors");
    let _ = write!(text, "\nerrors: {errors}\n");
    text
}

/// `status:` and `action:`, folded over lines that begin with a tab.
pub fn advice(table: &Table) -> Option<(&'static str, &'static str)> {
    let any = |states: &[&str]| table.rows.iter().any(|r| states.contains(&r.state.as_str()));
    let counted = table.rows.iter().any(|r| r.counts.is_some_and(|c| c.iter().any(|n| *n > 0)));
    match table.state.as_str() {
        "ONLINE" if counted => Some((
            "At least one device has seen errors that ZFS could correct.\n\tNo data is affected.",
            "Find out whether a device should be replaced, then reset\n\tthe counters with 'zpool clear'.",
        )),
        "ONLINE" => None,
        "SUSPENDED" | "UNAVAIL" => Some((
            "Too many devices are missing: the pool does not\n\twork any more.",
            "Bring the missing devices back, then use 'zpool clear'.",
        )),
        _ if any(&["FAULTED"]) => Some((
            "At least one device has failed and is not used any more.\n\tThe pool works on with less redundancy.",
            "Replace the device with 'zpool replace', or give it another\n\ttry with 'zpool clear'.",
        )),
        _ => Some((
            "At least one device is not there, or not used.\n\tThe pool works on with less redundancy.",
            "Bring the device back with 'zpool online', or replace it with\n\t'zpool replace'.",
        )),
    }
}

fn scan(pool: &Pool, bytes: u64) -> String {
    let at = |ago_hours: i64| {
        let then = Timestamp::now().checked_sub(SignedDuration::from_hours(ago_hours)).unwrap_or(Timestamp::UNIX_EPOCH);
        then.strftime("%a %b %e %H:%M:%S %Y").to_string()
    };
    let percent = progress(pool);
    let share = |percent: f64| share(bytes, percent);
    let running = |what: &str, done: &str| {
        let (scanned, issued, all) = (size(share((percent * 1.2).min(100.0))), size(share(percent)), size(bytes));
        format!(
            "  scan: {what} in progress since {}\n\t{scanned} / {all} scanned at 2.31G/s, {issued} / {all} issued at 1.18G/s\n\t{done}, {percent:.2}% done, 05:14:09 to go\n",
            at(6)
        )
    };
    match pool.state.get("scan").and_then(Value::as_str).unwrap_or("scrub-done") {
        "scrubbing" => running("scrub", "0B repaired"),
        "resilvering" => running("resilver", &format!("{} resilvered", size(share(percent) / 10))),
        "resilver-done" => format!("  scan: resilvered {} in 09:41:17 with 0 errors on {}\n", size(bytes / 10), at(30)),
        "scrub-canceled" => format!("  scan: scrub canceled on {}\n", at(50)),
        "scrub-paused" => format!(
            "  scan: scrub paused since {}\n\tscrub started on {}\n\t{} / {} scanned, {} / {} issued\n\t0B repaired, {percent:.2}% done\n",
            at(2),
            at(9),
            size(share(percent)),
            size(bytes),
            size(share(percent)),
            size(bytes)
        ),
        "none-requested" => "  scan: none requested\n".to_owned(),
        "none" => String::new(),
        _ => format!("  scan: scrub repaired 0B in 11:06:52 with 0 errors on {}\n", at(75)),
    }
}

/// How much of a scan is done, in percent.
pub fn progress(pool: &Pool) -> f64 {
    pool.state.get("progress").and_then(Value::as_f64).unwrap_or(42.0).clamp(0.0, 100.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "hundredths of a percent, clamped by `progress`"
)]
pub fn share(bytes: u64, percent: f64) -> u64 {
    bytes / 10_000 * (percent * 100.0) as u64
}

fn config(table: &Table, options: Options) -> String {
    let width =
        table.rows.iter().filter(|r| !r.state.is_empty()).map(|r| r.depth * 2 + r.name.len()).max().unwrap_or(0).max(4);
    let mut text = format!("\t{:<width$}  {:<8} {:>5} {:>5} {:>5}\n", "NAME", "STATE", "READ", "WRITE", "CKSUM");
    for row in &table.rows {
        let name = format!("{}{}", "  ".repeat(row.depth), row.name);
        if row.state.is_empty() {
            let _ = writeln!(text, "\t{name}");
            continue;
        }
        let _ = write!(text, "\t{name:<width$}  {:<8}", row.state);
        if let Some(counts) = row.counts {
            for count in counts {
                let shown = if options.exact { count.to_string() } else { nice(count, "") };
                let _ = write!(text, " {shown:>5}");
            }
        }
        if !row.note.is_empty() {
            let _ = write!(text, "  {}", row.note);
        }
        text.push('\n');
    }
    text
}

pub fn size(bytes: u64) -> String {
    nice(bytes, "B")
}

/// Three digits and a letter, by 1024, as ZFS abbreviates numbers.
pub fn nice(number: u64, unit: &str) -> String {
    let letters = ["", "K", "M", "G", "T", "P", "E"];
    let step = (0usize..6).find(|n| number >> (10 * n) < 1024).unwrap_or(6);
    let letter = letters.get(step).copied().unwrap_or_default();
    if step == 0 {
        return format!("{number}{unit}");
    }
    let hundredths = (u128::from(number) * 100) >> (10 * step);
    let (whole, part) = (hundredths / 100, hundredths % 100);
    match whole {
        0..10 => format!("{whole}.{part:02}{letter}"),
        10..100 => format!("{whole}.{}{letter}", part / 10),
        _ => format!("{whole}{letter}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_abbreviated() {
        assert_eq!(nice(12, ""), "12");
        assert_eq!(nice(1536, ""), "1.50K");
        assert_eq!(size(0), "0B");
        assert_eq!(size(704 << 30), "704G");
    }

    #[test]
    fn columns_line_up() {
        let rows = vec![
            Row::of(0, "tank", "ONLINE"),
            Row::of(2, "sda", "FAULTED"),
            Row { counts: None, ..Row::of(1, "sdb", "AVAIL") },
        ];
        let text = config(&Table { state: "ONLINE".to_owned(), rows, bytes: 0 }, Options::default());
        assert_eq!(
            text,
            "\tNAME     STATE     READ WRITE CKSUM\n\ttank     ONLINE       0     0     0\n\t    sda  FAULTED      0     0     0\n\t  sdb    AVAIL   \n"
        );
    }
}
