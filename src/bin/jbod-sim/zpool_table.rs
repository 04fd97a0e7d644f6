//! The table of `zpool status`: the states of a pool, its vdevs and leaves, which follow from the drives. Pure.

use crate::drive::{Drive, Path, hash, mix};
use crate::links::{LeafPath, leaf_path, map_nodes, pool_by_id};
use crate::store::{Host, Pool, Vdev};
use crate::zpool::StatusOptions;
use crate::zpool_activity::{PoolActivities, Stage, Task};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// A row of the table, with details that only JSON has.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Levels below the pool; 0 for the pool and for titles.
    pub depth: usize,
    pub name: String,
    /// Empty for a title.
    pub state: String,
    /// Read, write and checksum errors; `None` for a spare.
    pub counts: Option<[u64; 3]>,
    pub note: String,
    pub guid: u64,
    /// `Some` for a leaf.
    pub path: Option<String>,
    pub devid: Option<String>,
    /// Whether it is a leaf of a data vdev, which can be initialized and trimmed.
    pub is_data_leaf: bool,
}

impl Row {
    pub fn of(depth: usize, name: &str, state: &str) -> Self {
        let guid = mix(hash(name));
        Self { depth, name: name.to_owned(), state: state.to_owned(), counts: Some([0; 3]), guid, ..Self::default() }
    }

    /// The title of a section: `logs`, `cache` or `spares`.
    fn title(name: &str) -> Self {
        Self { counts: None, ..Self::of(0, name, "") }
    }

    pub fn is_title(&self) -> bool {
        self.state.is_empty()
    }

    fn has_data(&self) -> bool {
        matches!(self.state.as_str(), "ONLINE" | "DEGRADED")
    }
}

/// What `zpool status` shows of a pool.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub state: String,
    pub rows: Vec<Row>,
    /// Allocated bytes.
    pub bytes: u64,
    pub activities: PoolActivities,
}

impl Table {
    /// Whether the vdev with this name is being removed.
    pub fn is_removing(&self, name: &str) -> bool {
        match &self.activities.removal {
            Some(removal) => removal.vdev == name && removal.task.stage == Stage::Running,
            None => false,
        }
    }

    /// The initialization and the trim of a leaf.
    pub fn leaf_tasks(&self, row: &Row) -> [Option<&Task>; 2] {
        if row.is_data_leaf { [self.activities.initialize.as_ref(), self.activities.trim.as_ref()] } else { [None; 2] }
    }
}

/// What the states of pools follow from.
pub struct PoolContext<'a> {
    pub host: &'a Host,
    /// Logical units by key.
    pub units: &'a HashMap<String, Drive>,
    pub options: StatusOptions,
    /// The time of the last change of the pools.
    pub changed: Timestamp,
}

impl PoolContext<'_> {
    pub fn table(&self, pool: &Pool) -> Table {
        let mut rows = vec![Row::of(0, &pool.name, "")];
        let mut states = Vec::new();
        for vdev in &pool.data {
            states.push(self.add_vdev(vdev, &mut rows));
        }
        for row in &mut rows {
            row.is_data_leaf = row.path.is_some();
        }
        let computed = if states.contains(&"UNAVAIL") {
            "UNAVAIL"
        } else if states.iter().any(|state| *state != "ONLINE") {
            "DEGRADED"
        } else {
            "ONLINE"
        };
        let mut state = pool.text("state").unwrap_or(computed);
        for log_state in self.add_section("logs", &pool.logs, &mut rows) {
            if log_state != "ONLINE" && state == "ONLINE" {
                state = "DEGRADED";
            }
        }
        self.add_section("cache", &pool.cache, &mut rows);
        self.add_spares(pool, &mut rows);
        if let Some(top) = rows.first_mut() {
            state.clone_into(&mut top.state);
        }
        let activities = PoolActivities::of(pool, self.changed);
        Table { state: state.to_owned(), rows, bytes: self.allocated_bytes(pool), activities }
    }

    /// Adds the rows of a section that is not empty. Returns the states of its vdevs.
    fn add_section(&self, title: &str, vdevs: &[Vdev], rows: &mut Vec<Row>) -> Vec<&'static str> {
        if !vdevs.is_empty() {
            rows.push(Row::title(title));
        }
        vdevs.iter().map(|vdev| self.add_vdev(vdev, rows)).collect()
    }

    fn add_spares(&self, pool: &Pool, rows: &mut Vec<Row>) {
        if pool.spares.is_empty() {
            return;
        }
        rows.push(Row::title("spares"));
        let in_use: HashSet<&str> = self.units.values().filter_map(|unit| leaf_text(unit, "spare")).collect();
        for key in &pool.spares {
            let mut row = self.leaf(key, 1);
            row.counts = None;
            (row.state, row.note) = match row.state.as_str() {
                "ONLINE" if in_use.contains(key.as_str()) => ("INUSE".to_owned(), "currently in use".to_owned()),
                "ONLINE" => ("AVAIL".to_owned(), String::new()),
                _ => ("UNAVAIL".to_owned(), row.note),
            };
            rows.push(row);
        }
    }

    /// Three fifths of the capacity.
    fn allocated_bytes(&self, pool: &Pool) -> u64 {
        let mut bytes = 0u64;
        for key in pool.data.iter().flat_map(|vdev| &vdev.leaves) {
            if let Some(unit) = self.units.get(key) {
                bytes = bytes.saturating_add(unit.bytes);
            }
        }
        bytes / 5 * 3
    }

    /// Adds the rows of a vdev. Returns its state.
    fn add_vdev(&self, vdev: &Vdev, rows: &mut Vec<Row>) -> &'static str {
        let depth = if vdev.name.is_some() { 2 } else { 1 };
        let mut below = Vec::new();
        let (mut lost, mut is_degraded) = (0, false);
        for (index, key) in vdev.leaves.iter().enumerate() {
            let mut leaf = self.leaf(key, depth);
            let mut has_data = leaf.has_data();
            if let Some((group, replacement)) = self.replacement(key, depth + 1) {
                has_data |= replacement.has_data();
                is_degraded = true;
                leaf.depth += 1;
                below.extend([Row::of(depth, &format!("{group}-{index}"), "DEGRADED"), leaf, replacement]);
            } else {
                is_degraded |= leaf.state != "ONLINE";
                below.push(leaf);
            }
            lost += usize::from(!has_data);
        }
        let state = if lost > vdev.parity {
            "UNAVAIL"
        } else if is_degraded {
            "DEGRADED"
        } else {
            "ONLINE"
        };
        if let Some(name) = &vdev.name {
            let mut row = Row::of(1, name, state);
            if state == "UNAVAIL" {
                "insufficient replicas".clone_into(&mut row.note);
            }
            rows.push(row);
        }
        rows.append(&mut below);
        state
    }

    /// The drive that replaces a leaf, with the type of the vdev that OpenZFS groups them in.
    fn replacement(&self, key: &str, depth: usize) -> Option<(&'static str, Row)> {
        let unit = self.units.get(key)?;
        for kind in ["spare", "replacing"] {
            if let Some(other) = leaf_text(unit, kind) {
                return Some((kind, self.leaf(other, depth)));
            }
        }
        None
    }

    fn leaf(&self, key: &str, depth: usize) -> Row {
        let Some(unit) = self.units.get(key) else { return Row::of(depth, key, "UNAVAIL") };
        let mut leaf = leaf_path(self.host, unit);
        if !unit.present()
            && let Some(path) = leaf_text(unit, "path")
        {
            path.clone_into(&mut leaf.path);
        }
        let state = leaf_state(unit);
        let mut row = Row::of(depth, &self.leaf_name(unit, &leaf), state);
        row.guid = unit.guid;
        row.counts = Some(["read", "write", "cksum"].map(|key| leaf_number(unit, key)));
        if unit.bay.is_some() {
            row.devid = Some(format!("{}-part1", pool_by_id(unit)));
        }
        if !unit.present() && state == "UNAVAIL" {
            row.name = unit.guid.to_string();
            row.note = format!("was {}", leaf.path);
        }
        if let Some(note) = leaf_text(unit, "note") {
            note.clone_into(&mut row.note);
        }
        row.path = Some(leaf.path);
        row
    }

    /// The name of a leaf: its path; without `-P`, the last component, and that of the disk if ZFS partitioned it.
    fn leaf_name(&self, unit: &Drive, leaf: &LeafPath) -> String {
        let is_followed = self.options.follow_links && unit.present();
        let path = if is_followed { partition_device(unit) } else { leaf.path.clone() };
        if self.options.full_paths {
            return path;
        }
        let name = path.rsplit('/').next().unwrap_or_default();
        if !leaf.is_whole_disk {
            return name.to_owned();
        }
        if let Some(disk) = name.strip_suffix("-part1") {
            return disk.to_owned();
        }
        match name.strip_suffix('1') {
            Some(disk) if name.starts_with("sd") => disk.to_owned(),
            _ => name.to_owned(),
        }
    }
}

/// The block device that the links of a leaf lead to.
fn partition_device(unit: &Drive) -> String {
    if let Some(map) = unit.map {
        let (_, partition) = map_nodes(map);
        return format!("/dev/{partition}");
    }
    let disk = unit.paths.first().map(Path::sd).unwrap_or_default();
    format!("/dev/{disk}1")
}

fn leaf_text<'a>(unit: &'a Drive, key: &str) -> Option<&'a str> {
    unit.leaf.get(key)?.as_str()
}

fn leaf_number(unit: &Drive, key: &str) -> u64 {
    unit.leaf.get(key).and_then(Value::as_u64).unwrap_or(0)
}

/// The state of a leaf: the one that is set, or whether its drive is present.
pub fn leaf_state(unit: &Drive) -> &str {
    let default = if unit.present() { "ONLINE" } else { "UNAVAIL" };
    leaf_text(unit, "state").unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::Kind;
    use crate::layout::{place, pools, shelf};
    use crate::products::generate;
    use crate::store::LeafName;

    fn host() -> Host {
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
        }
    }

    fn state_of(pool: &Pool, host: &Host, units: &HashMap<String, Drive>) -> String {
        let options = StatusOptions::default();
        PoolContext { host, units, options, changed: Timestamp::UNIX_EPOCH }.table(pool).state
    }

    #[test]
    fn an_absent_drive_degrades_its_vdev_and_pool() {
        let mut drives: Vec<Drive> = (0..12).map(|index| generate(1, Kind::Sas, index)).collect();
        place(&mut drives, 1, 12);
        for drive in &mut drives {
            drive.paths = vec![Path { host: 0, port: 0, target: 0, lun: 0, disk: 0, generic: 0 }];
        }
        let (host, pools) = (host(), pools(&drives, 1, 8));
        let pool = pools.first().expect("a pool");
        let mut units: HashMap<String, Drive> = drives.into_iter().map(|drive| (drive.key.clone(), drive)).collect();
        assert_eq!(state_of(pool, &host, &units), "ONLINE");
        let leaves: Vec<&String> = pool.data.iter().flat_map(|vdev| &vdev.leaves).collect();
        for (key, state) in leaves.into_iter().zip(["DEGRADED", "DEGRADED", "UNAVAIL"]) {
            units.get_mut(key).expect("a unit").paths.clear();
            assert_eq!(state_of(pool, &host, &units), state);
        }
    }

    #[test]
    fn followed_links_of_a_map_lead_to_the_map_of_the_partition() {
        let mut unit = generate(1, Kind::Sas, 0);
        unit.map = Some(3);
        assert_eq!(partition_device(&unit), "/dev/dm-7");
    }
}
