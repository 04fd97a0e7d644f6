//! Playing zpool: `status` as `OpenZFS` answers it. Works out every state from the leaves up; how
//! the answer is set is in `zpool_text` and `zpool_json`.

use crate::drive::Drive;
use crate::files::{append_line, say};
use crate::links::{LeafPath, leaf_path, pool_by_id};
use crate::store::{Host, Pool, Store, Vdev};
use crate::trouble;
use crate::zpool_activity::PoolWork;
use crate::zpool_json;
use crate::zpool_text::{Row, Table, print_pool};
use anyhow::Result;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// The options of `zpool status` that change the text.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "these are the flags of a command line")]
pub struct Options {
    /// -P: full paths.
    pub full: bool,
    /// -p: exact numbers.
    pub exact: bool,
    /// -L: links followed.
    pub followed: bool,
    /// --json-int: numbers as numbers.
    pub numbers: bool,
    /// -i: initializations.
    pub initialize: bool,
    /// -t: trims.
    pub trim: bool,
}

/// A run under the name zpool.
pub fn play(root: &Path) -> Result<u8> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let store = Store { root: root.to_owned() };
    let log = |what: &str, rest: &str| {
        let now = Timestamp::now().as_millisecond();
        append_line(&root.join("log/zpool"), &format!("{what} {now} {} {rest}", std::process::id()))
    };
    log("start", &arguments.join(" "))?;
    let tools = store.tools()?;
    let forced = trouble::of_tool(root, &tools.zpool, || Ok(store.tools()?.zpool))?;
    let status = match tools.zpool.get("junk").and_then(Value::as_str) {
        Some(junk) => {
            say(junk);
            0
        }
        None if tools.zpool.get("not_loaded").and_then(Value::as_bool).unwrap_or(false) => {
            eprintln!("The ZFS modules are not loaded.");
            1
        }
        None => answer(&store, &arguments, tools.zpool.get("json"))?,
    };
    let status = forced.unwrap_or(status);
    log("end", &status.to_string())?;
    Ok(status)
}

fn answer(store: &Store, arguments: &[String], json: Option<&Value>) -> Result<u8> {
    let mut words = arguments.iter();
    match words.next().map(String::as_str) {
        Some("status") => {}
        Some("version" | "--version" | "-V") => {
            say("zfs-2.2.6-1\nzfs-kmod-2.2.6-1\n");
            return Ok(0);
        }
        other => {
            eprintln!(
                "unrecognized command '{}'; the simulated zpool knows status and version",
                other.unwrap_or_default()
            );
            return Ok(2);
        }
    }
    let knows_json = json.is_some_and(|json| *json != Value::Bool(false));
    let (flags, names): (Vec<&String>, Vec<&String>) = words.partition(|w| w.starts_with('-'));
    if let Some(unknown) = flags.iter().find_map(|flag| unknown_option(flag, knows_json)) {
        eprintln!("invalid option '{unknown}'");
        eprintln!("usage:\n\tstatus [-DigLpPstvx] [-T d|u] [pool] ...\n\t    [interval [count]]");
        return Ok(2);
    }
    let is_long = |name: &str| flags.iter().any(|f| *f == name);
    let has = |letter: char| flags.iter().any(|f| !f.starts_with("--") && f.contains(letter));
    let numbers = is_long("--json-int");
    let options = Options {
        full: has('P'),
        exact: has('p') || numbers,
        followed: has('L'),
        numbers,
        initialize: has('i'),
        trim: has('t'),
    };
    let (host, pools) = (store.host()?, store.pools()?);
    if let Some(name) = names.iter().find(|n| pools.iter().all(|p| p.name != ***n)) {
        eprintln!("cannot open '{name}': no such pool");
        return Ok(1);
    }
    // A pool knows logical units.
    let units = store.drives()?.into_iter().flat_map(|drive| drive.units().collect::<Vec<_>>());
    let drives: HashMap<String, Drive> = units.map(|unit| (unit.key.clone(), unit)).collect();
    let view = View { host: &host, drives: &drives, options, changed: store.pools_changed()? };
    let shown = pools.iter().filter(|p| names.is_empty() || names.iter().any(|n| **n == p.name));
    if has('j') || is_long("--json") {
        let tables: Vec<(&Pool, Table)> = shown.map(|p| (p, view.table(p))).collect();
        let mut text = zpool_json::print(&tables, options);
        if json.and_then(Value::as_str) == Some("broken") {
            text.truncate(text.len() / 2);
        }
        say(text);
        return Ok(0);
    }
    if pools.is_empty() {
        // OpenZFS says this on standard output.
        say("no pools available\n");
        return Ok(0);
    }
    let texts: Vec<String> = shown.map(|p| print_pool(p, &view.table(p), options)).collect();
    say(texts.join("\n"));
    Ok(0)
}

/// The first letter that `zpool status` does not know. Before `OpenZFS` 2.3 it had no long options.
fn unknown_option(flag: &str, knows_json: bool) -> Option<char> {
    if knows_json && ["--json", "--json-int"].contains(&flag) {
        return None;
    }
    flag.chars().skip(1).find(|letter| !("DigLpPstvx".contains(*letter) || knows_json && *letter == 'j'))
}

/// What the states of the leaves are worked out from.
pub struct View<'a> {
    pub host: &'a Host,
    pub drives: &'a HashMap<String, Drive>,
    pub options: Options,
    /// When the pools were laid out or set last.
    pub changed: Timestamp,
}

impl View<'_> {
    pub fn table(&self, pool: &Pool) -> Table {
        let mut table = Table { bytes: self.bytes(pool), work: PoolWork::of(pool, self.changed), ..Table::default() };
        let mut below = Vec::new();
        let mut states: Vec<&str> = Vec::new();
        for vdev in &pool.data {
            states.push(self.vdev(vdev, 1, &mut below));
        }
        let computed = match () {
            () if states.contains(&"UNAVAIL") => "UNAVAIL",
            () if states.iter().any(|s| *s != "ONLINE") => "DEGRADED",
            () => "ONLINE",
        };
        let state = pool.state.get("state").and_then(Value::as_str).unwrap_or(computed);
        state.clone_into(&mut table.state);
        table.rows.push(Row::of(0, &pool.name, state));
        table.rows.append(&mut below);
        for (title, vdevs) in [("logs", &pool.logs), ("cache", &pool.cache)] {
            if !vdevs.is_empty() {
                table.rows.push(Row::title(title));
            }
            for vdev in vdevs {
                let state = self.vdev(vdev, 1, &mut table.rows);
                if state != "ONLINE" && table.state == "ONLINE" && title == "logs" {
                    "DEGRADED".clone_into(&mut table.state);
                }
            }
        }
        if let Some(top) = table.rows.first_mut() {
            top.state.clone_from(&table.state);
        }
        if !pool.spares.is_empty() {
            table.rows.push(Row::title("spares"));
        }
        let used: HashSet<&str> =
            self.drives.values().filter_map(|d| d.leaf.get("spare").and_then(Value::as_str)).collect();
        for key in &pool.spares {
            let mut row = self.leaf(key, 1);
            row.counts = None;
            (row.state, row.note) = match row.state.as_str() {
                "ONLINE" if used.contains(key.as_str()) => ("INUSE".to_owned(), "currently in use".to_owned()),
                "ONLINE" => ("AVAIL".to_owned(), String::new()),
                _ => ("UNAVAIL".to_owned(), row.note),
            };
            table.rows.push(row);
        }
        table
    }

    fn bytes(&self, pool: &Pool) -> u64 {
        let sizes = pool.data.iter().flat_map(|v| &v.leaves).filter_map(|k| self.drives.get(k)).map(|d| d.bytes);
        sizes.fold(0, u64::saturating_add) / 5 * 3
    }

    /// Adds the rows of a vdev, and tells its state.
    fn vdev(&self, vdev: &Vdev, depth: usize, rows: &mut Vec<Row>) -> &'static str {
        let mut below = Vec::new();
        let (mut lost, mut weak) = (0, false);
        let leaf_depth = depth + usize::from(vdev.name.is_some());
        for (place, key) in vdev.leaves.iter().enumerate() {
            let row = self.leaf(key, leaf_depth);
            let helper = ["spare", "replacing"].iter().find_map(|what| {
                let other = self.drives.get(key)?.leaf.get(*what)?.as_str()?;
                Some((*what, self.leaf(other, leaf_depth + 1)))
            });
            let good = |row: &Row| matches!(row.state.as_str(), "ONLINE" | "DEGRADED");
            weak |= row.state != "ONLINE" || helper.is_some();
            lost += usize::from(!good(&row) && !helper.as_ref().is_some_and(|(_, h)| good(h)));
            if let Some((what, other)) = helper {
                rows_of_group(&mut below, what, place, row, other);
            } else {
                below.push(row);
            }
        }
        let state = match () {
            () if lost > vdev.parity => "UNAVAIL",
            () if weak => "DEGRADED",
            () => "ONLINE",
        };
        if let Some(name) = &vdev.name {
            let mut row = Row::of(depth, name, state);
            if state == "UNAVAIL" {
                "insufficient replicas".clone_into(&mut row.note);
            }
            rows.push(row);
        }
        rows.append(&mut below);
        state
    }

    fn leaf(&self, key: &str, depth: usize) -> Row {
        let Some(drive) = self.drives.get(key) else { return Row::of(depth, key, "UNAVAIL") };
        let text = |what: &str| drive.leaf.get(what).and_then(Value::as_str);
        let number = |what: &str| drive.leaf.get(what).and_then(Value::as_u64).unwrap_or(0);
        let LeafPath { path, is_whole_disk: whole } = leaf_path(self.host, drive);
        let path = if drive.present() { path } else { text("path").unwrap_or(&path).to_owned() };
        let state = leaf_state(drive);
        let mut row = Row::of(depth, &self.name(drive, &path, whole), state);
        (row.guid, row.path) = (drive.guid, Some(path.clone()));
        row.devid = drive.bay.map(|_| format!("{}-part1", pool_by_id(drive)));
        row.counts = Some([number("read"), number("write"), number("cksum")]);
        if !drive.present() && state == "UNAVAIL" {
            row.name = drive.guid.to_string();
            row.note = format!("was {path}");
        }
        if let Some(note) = text("note") {
            note.clone_into(&mut row.note);
        }
        row
    }

    /// Without -P a leaf is shown without its folder, and a whole disk without its partition.
    fn name(&self, drive: &Drive, path: &str, whole: bool) -> String {
        let followed;
        let path = if self.options.followed && drive.present() {
            let node = drive
                .map
                .map_or_else(|| drive.paths.first().map(crate::drive::Path::sd), |m| Some(format!("dm-{}", m * 2)));
            followed = format!("/dev/{}1", node.unwrap_or_default());
            &followed
        } else {
            path
        };
        if self.options.full {
            return path.to_owned();
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        if !whole {
            return name.to_owned();
        }
        name.strip_suffix("-part1")
            .or_else(|| name.strip_suffix('1').filter(|n| n.starts_with("sd")))
            .unwrap_or(name)
            .to_owned()
    }
}

/// The state of a leaf: as set, else by whether its drive is here.
pub fn leaf_state(drive: &Drive) -> &str {
    let set = drive.leaf.get("state").and_then(Value::as_str);
    set.unwrap_or(if drive.present() { "ONLINE" } else { "UNAVAIL" })
}

/// A leaf and the drive that stands in for it, as `OpenZFS` shows them.
fn rows_of_group(rows: &mut Vec<Row>, what: &str, place: usize, leaf: Row, other: Row) {
    rows.push(Row::of(leaf.depth, &format!("{what}-{place}"), "DEGRADED"));
    rows.push(Row { depth: leaf.depth + 1, ..leaf });
    rows.push(other);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::Kind;
    use crate::layout::{place, pools, shelf};
    use crate::products::generate;
    use crate::store::LeafName;

    #[test]
    fn a_pulled_leaf_degrades_what_is_above_it() {
        let mut drives: Vec<Drive> = (0..12).map(|n| generate(1, Kind::Sas, n)).collect();
        place(&mut drives, 1, 12);
        let pools = pools(&drives, 1, 8);
        let (host, next) = (
            Host {
                hostname: String::new(),
                seed: 1,
                old_kernel: false,
                slot_base: 0,
                leaf: LeafName::ById,
                shelves: vec![shelf(1, 0, 12)],
                next: Vec::new(),
                multipath: false,
                binary: std::path::PathBuf::new(),
            },
            crate::drive::Path { host: 0, port: 0, target: 0, lun: 0, disk: 0, generic: 0 },
        );
        let mut drives: HashMap<String, Drive> = drives.into_iter().map(|d| (d.key.clone(), d)).collect();
        for drive in drives.values_mut().skip(1) {
            drive.paths.push(next.clone());
        }
        let states = |drives: &HashMap<String, Drive>| {
            let view = View { host: &host, drives, options: Options::default(), changed: Timestamp::UNIX_EPOCH };
            pools.first().map(|p| view.table(p).state)
        };
        let keys: Vec<String> = pools.iter().flat_map(|p| &p.data).flat_map(|v| v.leaves.clone()).collect();
        for drive in drives.values_mut() {
            drive.paths = vec![next.clone()];
        }
        assert_eq!(states(&drives).as_deref(), Some("ONLINE"));
        for (pulled, wanted) in keys.iter().zip(["DEGRADED", "DEGRADED", "UNAVAIL"]) {
            if let Some(drive) = drives.get_mut(pulled) {
                drive.paths.clear();
            }
            assert_eq!(states(&drives).as_deref(), Some(wanted));
        }
    }
}
