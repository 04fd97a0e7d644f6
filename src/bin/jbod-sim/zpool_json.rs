//! The JSON output of `zpool status -j` of OpenZFS 2.3: one line, with the members in the order of ZFS. Pure.

use crate::store::Pool;
use crate::zpool::StatusOptions;
use crate::zpool_activity_json::{add_activities, add_leaf_activities};
use crate::zpool_json_object::Object;
use crate::zpool_table::{Row, Table};
use crate::zpool_text::advice;

pub fn print(pools: &[(&Pool, Table)], options: StatusOptions) -> String {
    let mut all = Object::default();
    for (pool, table) in pools {
        all.raw(&pool.name, &pool_object(pool, table, options));
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

fn pool_object(pool: &Pool, table: &Table, options: StatusOptions) -> String {
    let mut object = Object::default();
    object.text("name", &pool.name);
    object.text("state", &table.state);
    object.id("pool_guid", table.rows.first().map_or(0, |row| row.guid), options);
    object.id("txg", 34_859, options);
    object.id("spa_version", 5000, options);
    object.id("zpl_version", 5, options);
    if let Some((status, action)) = advice(table) {
        object.text("status", &format!("{status}\n"));
        object.text("action", &format!("{action}\n"));
    }
    add_activities(&mut object, &table.activities, table.bytes, options);
    // A title begins a section.
    for rows in table.rows.chunk_by(|_, next| !next.is_title()) {
        let Some((first, below)) = rows.split_first() else { continue };
        let (section, class, rows) = match first.name.as_str() {
            _ if !first.is_title() => ("vdevs", "normal", rows),
            "cache" => ("l2cache", "l2cache", below),
            "spares" => ("spares", "spare", below),
            _ => ("logs", "log", below),
        };
        object.raw(section, &vdevs_object(rows, class, table, options));
    }
    object.count("error_count", error_count(pool), options);
    object.end()
}

/// The number at the beginning of the text that is set for `errors`.
fn error_count(pool: &Pool) -> u64 {
    let text = pool.text("errors").unwrap_or_default();
    let number = text.split(' ').next().unwrap_or_default();
    number.parse().unwrap_or(0)
}

/// Rows of the same depth. The rows below each are nested in its object.
fn vdevs_object(rows: &[Row], class: &str, table: &Table, options: StatusOptions) -> String {
    let mut object = Object::default();
    let mut rest = rows;
    while let Some((row, further)) = rest.split_first() {
        let below = further.iter().take_while(|next| next.depth > row.depth).count();
        let (children, next) = further.split_at(below);
        object.raw(&row.name, &vdev_object(row, children, class, table, options));
        rest = next;
    }
    object.end()
}

fn vdev_object(row: &Row, children: &[Row], class: &str, table: &Table, options: StatusOptions) -> String {
    let mut object = Object::default();
    object.text("name", &row.name);
    let vdev_type = match row.name.split('-').next().unwrap_or_default() {
        _ if row.path.is_some() => "disk",
        kind if kind.starts_with("raidz") => "raidz",
        kind @ ("mirror" | "replacing" | "spare") => kind,
        _ => "root",
    };
    object.text("vdev_type", vdev_type);
    object.id("guid", row.guid, options);
    if let Some(path) = &row.path {
        object.text("path", path);
    }
    if let Some(devid) = &row.devid {
        object.text("devid", devid);
    }
    object.text("class", class);
    let state = if row.state == "UNAVAIL" { "CANT_OPEN" } else { &row.state };
    object.text("state", state);
    if let Some([read, write, checksum]) = row.counts {
        object.count("read_errors", read, options);
        object.count("write_errors", write, options);
        object.count("checksum_errors", checksum, options);
    }
    if row.note.contains("resilvering") {
        object.bytes("scan_processed", 1 << 30, options);
    }
    if let Some(path) = row.note.strip_prefix("was ") {
        object.id("not_present", 1, options);
        object.text("was", path);
    } else if let Some(aux) = aux(&row.note) {
        object.text("aux", aux);
    }
    if row.path.is_some() && row.counts.is_some() {
        object.count("slow_ios", 0, options);
    }
    if table.is_removing(&row.name) {
        object.id("removing", 1, options);
    }
    if row.path.is_some() {
        add_leaf_activities(&mut object, row, table, options);
    }
    if !children.is_empty() {
        object.raw("vdevs", &vdevs_object(children, class, table, options));
    }
    object.end()
}

/// The name of a `vdev_aux_t`.
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
