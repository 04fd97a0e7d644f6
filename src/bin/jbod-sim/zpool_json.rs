//! `zpool status -j` as `OpenZFS` 2.3 prints it: one line, keys in ZFS's order, every number a
//! string unless `--json-int` was asked for. Pure.

use crate::store::Pool;
use crate::zpool::Options;
use crate::zpool_activity_json::{add, add_leaf_work};
use crate::zpool_json_object::Object;
use crate::zpool_text::{Row, Table, advice};
use serde_json::Value;

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
    add(&mut item, &table.work, table.bytes, options);
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
        item.raw(section, &tree(rows, class, table, options));
    }
    let errors = pool.state.get("errors").and_then(Value::as_str).and_then(|e| e.split(' ').next()?.parse().ok());
    item.number("error_count", errors.unwrap_or(0), "", options);
    item.end()
}

/// Rows that lie below each other, as objects in each other.
fn tree(rows: &[Row], class: &str, table: &Table, options: Options) -> String {
    let mut nodes = Object::default();
    let mut rest = rows;
    while let Some((row, further)) = rest.split_first() {
        let below = further.iter().take_while(|r| r.depth > row.depth).count();
        let (children, next) = further.split_at(below);
        nodes.raw(&row.name, &node(row, children, class, table, options));
        rest = next;
    }
    nodes.end()
}

fn node(row: &Row, children: &[Row], class: &str, table: &Table, options: Options) -> String {
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
    if table.is_removing(&row.name) {
        node.id("removing", 1, options);
    }
    if row.path.is_some() {
        add_leaf_work(&mut node, &table.work, class == "normal", table.bytes, options);
    }
    if !children.is_empty() {
        node.raw("vdevs", &tree(children, class, table, options));
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
