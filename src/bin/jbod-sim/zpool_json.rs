//! `zpool status -j` as `OpenZFS` 2.3 prints it: one line, keys in ZFS's order, every number a
//! string unless `--json-int` was asked for. Pure.

use crate::store::Pool;
use crate::zpool::Options;
use crate::zpool_text::{Row, Table, advice, nice, progress, share, size};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// An object whose keys keep their order, as its text.
#[derive(Default)]
struct Object(Vec<String>);

impl Object {
    fn raw(&mut self, key: &str, value: &str) {
        self.0.push(format!("{}:{value}", json!(key)));
    }

    fn text(&mut self, key: &str, value: &str) {
        self.raw(key, &json!(value).to_string());
    }

    /// A count, or with `unit` B a size.
    fn number(&mut self, key: &str, value: u64, unit: &str, options: Options) {
        match (options.numbers, options.exact, unit) {
            (true, ..) => self.raw(key, &value.to_string()),
            (_, true, _) => self.text(key, &value.to_string()),
            (.., "B") => self.text(key, &size(value)),
            _ => self.text(key, &nice(value, unit)),
        }
    }

    /// A guid or number of a version: never shortened.
    fn id(&mut self, key: &str, value: u64, options: Options) {
        self.number(key, value, "", Options { exact: true, ..options });
    }

    fn time(&mut self, key: &str, hours_ago: Option<i64>, options: Options) {
        let at = hours_ago.and_then(|hours| Timestamp::now().checked_sub(SignedDuration::from_hours(hours)).ok());
        match at {
            _ if options.exact => {
                self.id(key, at.and_then(|t| u64::try_from(t.as_second()).ok()).unwrap_or(0), options);
            }
            Some(at) => self.text(key, &at.strftime("%a %b %e %r %Z %Y").to_string()),
            None => self.text(key, "-"),
        }
    }

    fn end(self) -> String {
        format!("{{{}}}", self.0.join(","))
    }
}

pub fn print(pools: &[(&Pool, Table)], options: Options) -> String {
    let mut all = Object::default();
    for (pool, table) in pools {
        all.raw(&pool.name, &one(pool, table, options));
    }
    let mut version = Object::default();
    version.text("command", "zpool status");
    version.raw("vers_major", "0");
    version.raw("vers_minor", "1");
    let mut output = Object::default();
    output.raw("output_version", &version.end());
    output.raw("pools", &all.end());
    output.end() + "\n"
}

fn one(pool: &Pool, table: &Table, options: Options) -> String {
    let mut item = Object::default();
    item.text("name", &pool.name);
    item.text("state", &table.state);
    item.id("pool_guid", table.rows.first().map_or(0, |r| r.guid), options);
    item.id("txg", 34_859, options);
    item.id("spa_version", 5000, options);
    item.id("zpl_version", 5, options);
    if let Some((status, action)) = advice(table) {
        item.text("status", &format!("{status}\n"));
        item.text("action", &format!("{action}\n"));
    }
    if let Some(stats) = scan_stats(pool, table.bytes, options) {
        item.raw("scan_stats", &stats);
    }
    // The rows from each title to the next are a section of its own.
    let titles = table.rows.iter().enumerate().filter(|(_, row)| row.state.is_empty()).map(|(at, _)| at);
    let starts: Vec<usize> = std::iter::once(0).chain(titles).collect();
    for (n, start) in starts.iter().enumerate() {
        let rows = table.rows.get(*start..starts.get(n + 1).copied().unwrap_or(table.rows.len())).unwrap_or_default();
        let Some((head, below)) = rows.split_first() else { continue };
        let (section, class) = match head.name.as_str() {
            _ if !head.state.is_empty() => ("vdevs", "normal"),
            "cache" => ("l2cache", "l2cache"),
            "spares" => ("spares", "spare"),
            _ => ("logs", "log"),
        };
        let rows = if section == "vdevs" { rows } else { below };
        item.raw(section, &tree(rows, class, options));
    }
    let errors = pool.state.get("errors").and_then(Value::as_str).and_then(|e| e.split(' ').next()?.parse().ok());
    item.number("error_count", errors.unwrap_or(0), "", options);
    item.end()
}

/// Rows that lie below each other, as objects in each other.
fn tree(rows: &[Row], class: &str, options: Options) -> String {
    let mut nodes = Object::default();
    let mut rest = rows;
    while let Some((row, further)) = rest.split_first() {
        let below = further.iter().take_while(|r| r.depth > row.depth).count();
        let (children, next) = further.split_at(below);
        nodes.raw(&row.name, &node(row, children, class, options));
        rest = next;
    }
    nodes.end()
}

fn node(row: &Row, children: &[Row], class: &str, options: Options) -> String {
    let mut node = Object::default();
    node.text("name", &row.name);
    let kind = match row.name.split('-').next().unwrap_or_default() {
        _ if row.path.is_some() => "disk",
        kind if kind.starts_with("raidz") => "raidz",
        kind @ ("mirror" | "replacing" | "spare") => kind,
        _ => "root",
    };
    node.text("vdev_type", kind);
    node.id("guid", row.guid, options);
    for (key, value) in [("path", &row.path), ("devid", &row.devid)] {
        if let Some(value) = value {
            node.text(key, value);
        }
    }
    node.text("class", class);
    let state = if row.state == "UNAVAIL" { "CANT_OPEN" } else { &row.state };
    node.text("state", state);
    for (key, count) in
        ["read_errors", "write_errors", "checksum_errors"].iter().zip(row.counts.iter().flatten().copied())
    {
        node.number(key, count, "", options);
    }
    if row.note.contains("resilvering") {
        node.number("scan_processed", 1 << 30, "B", options);
    }
    if let Some(path) = row.note.strip_prefix("was ") {
        node.id("not_present", 1, options);
        node.text("was", path);
    } else if let Some(aux) = aux(&row.note) {
        node.text("aux", aux);
    }
    if row.path.is_some() && row.counts.is_some() {
        node.number("slow_ios", 0, "", options);
    }
    if !children.is_empty() {
        node.raw("vdevs", &tree(children, class, options));
    }
    node.end()
}

fn aux(note: &str) -> Option<&'static str> {
    Some(match note {
        "cannot open" => "OPEN_FAILED",
        "insufficient replicas" => "NO_REPLICAS",
        "too many errors" => "ERR_EXCEEDED",
        "external device fault" => "EXTERNAL",
        "currently in use" => "SPARED",
        _ => return None,
    })
}

fn scan_stats(pool: &Pool, bytes: u64, options: Options) -> Option<String> {
    let (function, state) = match pool.state.get("scan").and_then(Value::as_str).unwrap_or("scrub-done") {
        "scrubbing" | "scrub-paused" => ("SCRUB", "SCANNING"),
        "scrub-canceled" => ("SCRUB", "CANCELED"),
        "resilvering" => ("RESILVER", "SCANNING"),
        "resilver-done" => ("RESILVER", "FINISHED"),
        "none-requested" | "none" => return None,
        _ => ("SCRUB", "FINISHED"),
    };
    let is_running = state == "SCANNING";
    let is_paused = pool.state.get("scan").and_then(Value::as_str) == Some("scrub-paused");
    let percent = if is_running { progress(pool) } else { 100.0 };
    let mut stats = Object::default();
    stats.text("function", function);
    stats.text("state", state);
    stats.time("start_time", Some(86), options);
    stats.time("end_time", (!is_running).then_some(75), options);
    stats.number("to_examine", bytes, "B", options);
    stats.number("examined", share(bytes, (percent * 1.2).min(100.0)), "B", options);
    stats.number("skipped", 0, "B", options);
    stats.number("processed", if function == "SCRUB" { 0 } else { share(bytes, percent) / 10 }, "B", options);
    stats.number("errors", 0, "", options);
    stats.time("scrub_pause", is_paused.then_some(2), options);
    stats.number("issued", share(bytes, percent), "B", options);
    Some(stats.end())
}
