//! The text output of `zpool status`. Pure.

use crate::store::Pool;
use crate::zpool::StatusOptions;
use crate::zpool_activity_text::{leaf_activities, sections};
use crate::zpool_table::Table;
use std::fmt::Write;

pub fn print_pool(pool: &Pool, table: &Table, options: StatusOptions) -> String {
    let mut text = format!("  pool: {}\n state: {}\n", pool.name, table.state);
    if let Some((status, action)) = advice(table) {
        let _ = write!(text, "status: {status}\naction: {action}\n");
    }
    text.push_str(&sections(&table.activities, table.bytes));
    text.push_str("config:\n\n");
    text.push_str(&config(table, options));
    let errors = pool.text("errors").unwrap_or("No known data errors");
    let _ = write!(text, "\nerrors: {errors}\n");
    text
}

/// The texts of `status:` and `action:`. Continuation lines begin with a tab.
pub fn advice(table: &Table) -> Option<(&'static str, &'static str)> {
    let has_faulted = table.rows.iter().any(|row| row.state == "FAULTED");
    let has_errors = table.rows.iter().filter_map(|row| row.counts).flatten().any(|count| count > 0);
    match table.state.as_str() {
        "ONLINE" if has_errors => Some((
            "At least one device has seen errors that ZFS could correct.\n\tNo data is affected.",
            "Find out whether a device should be replaced, then reset\n\tthe counters with 'zpool clear'.",
        )),
        "ONLINE" => None,
        "SUSPENDED" | "UNAVAIL" => Some((
            "Too many devices are missing: the pool does not\n\twork any more.",
            "Bring the missing devices back, then use 'zpool clear'.",
        )),
        _ if has_faulted => Some((
            "At least one device has failed and is not used any more.\n\tThe pool works on with less redundancy.",
            "Replace the device with 'zpool replace', or give it another\n\ttry with 'zpool clear'.",
        )),
        _ => Some((
            "At least one device is not there, or not used.\n\tThe pool works on with less redundancy.",
            "Bring the device back with 'zpool online', or replace it with\n\t'zpool replace'.",
        )),
    }
}

fn config(table: &Table, options: StatusOptions) -> String {
    let mut width = 4;
    for row in table.rows.iter().filter(|row| !row.is_title()) {
        width = width.max(row.depth * 2 + row.name.len());
    }
    let mut text = format!("\t{:<width$}  {:<8} {:>5} {:>5} {:>5}\n", "NAME", "STATE", "READ", "WRITE", "CKSUM");
    for row in &table.rows {
        let name = format!("{}{}", "  ".repeat(row.depth), row.name);
        if row.is_title() {
            let _ = writeln!(text, "\t{name}");
            continue;
        }
        let _ = write!(text, "\t{name:<width$}  {:<8}", row.state);
        for count in row.counts.into_iter().flatten() {
            let shown = if options.exact { count.to_string() } else { nicenum(count) };
            let _ = write!(text, " {shown:>5}");
        }
        if !row.note.is_empty() {
            let _ = write!(text, "  {}", row.note);
        }
        if table.is_removing(&row.name) {
            text.push_str("  (removing)");
        }
        if row.path.is_some() {
            text.push_str(&leaf_activities(row, table, options));
        }
        text.push('\n');
    }
    text
}

/// A count as `zfs_nicenum` of libzfs abbreviates it.
pub fn nicenum(number: u64) -> String {
    abbreviate(number, "")
}

/// A size as `zfs_nicebytes` of libzfs abbreviates it.
pub fn nicebytes(bytes: u64) -> String {
    abbreviate(bytes, "B")
}

/// Three digits and a letter for a power of 1024. Smaller numbers are followed by `unit`.
fn abbreviate(number: u64, unit: &str) -> String {
    let mut power = 0;
    while power < 6 && number >> (10 * power) >= 1024 {
        power += 1;
    }
    if power == 0 {
        return format!("{number}{unit}");
    }
    let letter = ["", "K", "M", "G", "T", "P", "E"].get(power).copied().unwrap_or_default();
    let hundredths = (u128::from(number) * 100) >> (10 * power);
    let (whole, fraction) = (hundredths / 100, hundredths % 100);
    match whole {
        0..10 => format!("{whole}.{fraction:02}{letter}"),
        10..100 => format!("{whole}.{}{letter}", fraction / 10),
        _ => format!("{whole}{letter}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zpool_table::Row;

    #[test]
    fn numbers_are_abbreviated() {
        assert_eq!(nicenum(12), "12");
        assert_eq!(nicenum(1536), "1.50K");
        assert_eq!(nicebytes(0), "0B");
        assert_eq!(nicebytes(704 << 30), "704G");
    }

    #[test]
    fn columns_are_aligned() {
        let rows = vec![
            Row::of(0, "tank", "ONLINE"),
            Row::of(2, "sda", "FAULTED"),
            Row { counts: None, ..Row::of(1, "sdb", "AVAIL") },
        ];
        let text = config(&Table { state: "ONLINE".to_owned(), rows, ..Table::default() }, StatusOptions::default());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "\tNAME     STATE     READ WRITE CKSUM",
                "\ttank     ONLINE       0     0     0",
                "\t    sda  FAULTED      0     0     0",
                "\t  sdb    AVAIL   ",
            ]
        );
    }
}
