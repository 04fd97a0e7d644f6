//! The text of `zpool status`: headings, the table with its columns. Pure.

use crate::drive::{hash, mix};
use crate::store::Pool;
use crate::zpool::Options;
use crate::zpool_activity::{PoolWork, Stage};
use crate::zpool_activity_text::{leaf_remarks, sections};
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
    pub work: PoolWork,
}

impl Table {
    /// Whether that vdev is being removed.
    pub fn is_removing(&self, name: &str) -> bool {
        self.work.removal.as_ref().is_some_and(|(removed, _, task)| removed == name && task.stage == Stage::Running)
    }
}

pub fn print_pool(pool: &Pool, table: &Table, options: Options) -> String {
    let mut text = format!("  pool: {}\n state: {}\n", pool.name, table.state);
    if let Some((status, action)) = advice(table) {
        let _ = write!(text, "status: {status}\naction: {action}\n");
    }
    text.push_str(&sections(&table.work, table.bytes));
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

fn config(table: &Table, options: Options) -> String {
    let width =
        table.rows.iter().filter(|r| !r.state.is_empty()).map(|r| r.depth * 2 + r.name.len()).max().unwrap_or(0).max(4);
    let mut text = format!("\t{:<width$}  {:<8} {:>5} {:>5} {:>5}\n", "NAME", "STATE", "READ", "WRITE", "CKSUM");
    let mut has_data = true;
    for row in &table.rows {
        let name = format!("{}{}", "  ".repeat(row.depth), row.name);
        if row.state.is_empty() {
            has_data = false;
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
        if table.is_removing(&row.name) {
            text.push_str("  (removing)");
        }
        if row.path.is_some() {
            text.push_str(&leaf_remarks(&table.work, has_data, table.bytes, options));
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
        let text = config(&Table { state: "ONLINE".to_owned(), rows, ..Table::default() }, Options::default());
        assert_eq!(
            text,
            "\tNAME     STATE     READ WRITE CKSUM\n\ttank     ONLINE       0     0     0\n\t    sda  FAULTED      0     0     0\n\t  sdb    AVAIL   \n"
        );
    }
}
