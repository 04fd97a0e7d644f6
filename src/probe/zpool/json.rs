//! `zpool status -j` (OpenZFS 2.3 and later, zpool-status(8)), with and without `--json-int`.
//!
//! The shape is that of `vdev_stats_nvlist` and related functions in OpenZFS's `zpool_main.c`. Without
//! `--json-int` every number is a string, shortened with a unit, and `-` stands for no value.

use super::json_leaf::{RunningScan, leaf, name, state, works};
use super::leaf_work::LeafWork;
use super::limits::{MAX_ENTRIES, MAX_KEPT_BYTES, Unread, bytes_of_leaf, bytes_of_pool, too_long, too_many};
use super::scalars::join;
use super::value::{Field, LIMITS};
use super::{activities, json_activities, leaf_work};
use crate::domain::zfs::activity::Scan;
use crate::domain::zfs::words::{PoolState, VdevRole};
use crate::domain::zfs::{Leaf, Pool, Vdev};
use crate::probe::json::{self, JsonError};

/// The parts of a pool in the order of the text format: key, role, and the group name of devices without a vdev.
const SECTIONS: [(&str, VdevRole, &str); 6] = [
    ("vdevs", VdevRole::Data, ""),
    ("dedup", VdevRole::Dedup, ""),
    ("special", VdevRole::Special, ""),
    ("logs", VdevRole::Log, ""),
    ("l2cache", VdevRole::Cache, "cache"),
    ("spares", VdevRole::Spare, "spares"),
];

/// Every pool in the JSON, unless it is invalid or has no object `pools`. A field, vdev or pool
/// of an unexpected type is skipped and does not affect others.
pub(super) fn parse(json: &[u8]) -> Result<Vec<Pool>, Unread> {
    let Ok(text) = std::str::from_utf8(json) else { return Err(Unread::Broken) };
    let tree = match json::parse(text.trim(), LIMITS) {
        Ok(tree) => tree,
        Err(JsonError::Syntax) => return Err(Unread::Broken),
        Err(limit) => return Err(Unread::TooMuch(format!("its JSON {limit}"))),
    };
    let pools = match Field(tree.root()).get("pools") {
        Some(pools) if pools.is_object() => pools,
        _ => return Err(Unread::Broken),
    };
    let mut allowance = Allowance { entries_left: MAX_ENTRIES, bytes_left: MAX_KEPT_BYTES };
    let mut all = Vec::new();
    for (key, pool) in pools.entries() {
        if pool.is_object() {
            all.push(allowance.pool(&key, pool)?);
        }
    }
    Ok(all)
}

/// A message of several lines as one line.
fn message(pool: Field, key: &str) -> Option<String> {
    let text = pool.text(key)?;
    Some(join(text.split_whitespace()))
}

/// The nodes of one pool while it is read.
struct PoolNodes {
    running: Option<RunningScan>,
    vdevs: Vec<Vdev>,
    /// The trims and initializations of all its leaves.
    works: Vec<LeafWork>,
}

impl PoolNodes {
    /// Adds a leaf to the last vdev.
    fn add_leaf(&mut self, leaf: Leaf, works: Vec<LeafWork>) {
        if let Some(vdev) = self.vdevs.last_mut() {
            vdev.members.push(leaf);
            self.works.extend(works);
        }
    }
}

/// The remaining number of pools, vdevs, leaves and activities, and of bytes of their text.
struct Allowance {
    entries_left: usize,
    bytes_left: usize,
}

impl Allowance {
    fn count_one(&mut self) -> Result<(), Unread> {
        self.entries_left = self.entries_left.checked_sub(1).ok_or_else(too_many)?;
        Ok(())
    }

    fn count_bytes(&mut self, bytes: usize) -> Result<(), Unread> {
        self.bytes_left = self.bytes_left.checked_sub(bytes).ok_or_else(too_long)?;
        Ok(())
    }

    /// One pool. The key is its name, or its guid with `--json-pool-key-guid`.
    fn pool(&mut self, key: &str, pool: Field) -> Result<Pool, Unread> {
        self.count_one()?;
        let name = name(key, pool);
        let mut found = PoolNodes {
            running: pool.get("scan_stats").and_then(RunningScan::of),
            vdevs: Vec::new(),
            works: Vec::new(),
        };
        for (section, role, heading) in SECTIONS {
            let Some(section) = pool.get(section) else { continue };
            let root = section.entries().find(|(key, node)| *key == name || node.has("vdev_type", "root"));
            let nodes = root.and_then(|(_, root)| root.get("vdevs")).unwrap_or(section);
            for (key, node) in nodes.entries() {
                if node.is_object() {
                    self.top(&key, node, (role, heading), &mut found)?;
                }
            }
        }
        let error_count = pool.number("error_count");
        let mut of_pool = json_activities::activities(pool, &found.vdevs);
        of_pool.extend(leaf_work::activities(&found.works));
        for _ in &of_pool {
            self.count_one()?;
        }
        let mut pool = Pool {
            state: pool.text("state").map(|state| PoolState::from(state.as_ref())),
            status: message(pool, "status"),
            action: message(pool, "action"),
            has_data_errors: error_count.map(|count| count > 0),
            errors: error_count.map(|count| match count {
                0 => "No known data errors".to_owned(),
                count => format!("{count} data errors, use '-v' for a list"),
            }),
            scan: Scan::default(),
            activities: Vec::new(),
            vdevs: found.vdevs,
            name,
        };
        activities::assign(&mut pool, of_pool);
        self.count_bytes(bytes_of_pool(&pool))?;
        Ok(pool)
    }

    /// A top-level vdev, or a device without a vdev under a heading.
    fn top(
        &mut self,
        key: &str,
        node: Field,
        (role, heading): (VdevRole, &str),
        found: &mut PoolNodes,
    ) -> Result<(), Unread> {
        if matches!(node.text("vdev_type").as_deref(), Some("hole" | "indirect")) {
            return Ok(());
        }
        // `zpool list -j` has no sections for these; the class identifies them.
        let role = match node.text("class").as_deref() {
            Some("special") if role == VdevRole::Data => VdevRole::Special,
            Some("dedup") if role == VdevRole::Data => VdevRole::Dedup,
            Some("log") if role == VdevRole::Data => VdevRole::Log,
            _ => role,
        };
        let has_vdev = match found.vdevs.last() {
            Some(last) => !heading.is_empty() && last.role == role,
            None => false,
        };
        if !has_vdev {
            self.count_one()?;
            let vdev = if heading.is_empty() {
                top_level_vdev(key, node, role)
            } else {
                Vdev { name: heading.to_owned(), role, ..Vdev::default() }
            };
            self.count_bytes(vdev.name.len())?;
            found.vdevs.push(vdev);
        }
        self.members(key, node, None, found)
    }

    /// The leaves at or below a node. `replacing-0` and `spare-0` only hold leaves. Recursive; the depth of the JSON is
    /// limited.
    fn members(&mut self, key: &str, node: Field, group: Option<&str>, found: &mut PoolNodes) -> Result<(), Unread> {
        if !node.is_object() {
            return Ok(());
        }
        let name = name(key, node);
        let kind = node.text("vdev_type");
        let children = node.get("vdevs").filter(|vdevs| vdevs.entries().next().is_some());
        let is_group = matches!(
            kind.as_deref(),
            Some("mirror" | "raidz" | "draid" | "replacing" | "spare" | "root" | "hole" | "indirect" | "missing")
        );
        let Some(children) = children else {
            if !is_group {
                self.count_one()?;
                let works = works(node);
                let leaf = leaf(name, node, group, found.running, &works);
                self.count_bytes(bytes_of_leaf(&leaf))?;
                found.add_leaf(leaf, works);
            }
            return Ok(());
        };
        let is_replacement = match kind.as_deref() {
            Some(kind) => matches!(kind, "replacing" | "spare"),
            None => name.starts_with("replacing-") || name.starts_with("spare-"),
        };
        let group = if is_replacement { Some(name.as_str()) } else { group };
        for (key, child) in children.entries() {
            self.members(&key, child, group, found)?;
        }
        Ok(())
    }
}

/// A top-level vdev without its leaves.
fn top_level_vdev(key: &str, node: Field, role: VdevRole) -> Vdev {
    let name = name(key, node);
    Vdev {
        name: name.rsplit('/').next().unwrap_or(&name).to_owned(),
        role,
        state: state(node),
        read_errors: node.number("read_errors"),
        write_errors: node.number("write_errors"),
        checksum_errors: node.number("checksum_errors"),
        members: Vec::new(),
        is_rebuilding: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::zfs::words::{ScanKind, ScanState, VdevState};

    const TANK: &str = r#"{"output_version": {"command": "zpool status", "vers_major": 0, "vers_minor": 1}, "pools": {"tank": {
        "name": "tank", "state": "DEGRADED", "pool_guid": 1, "status": "One or more\n\tdevices.\n", "action": "Wait.\n",
        "scan_stats": {"function": "RESILVER", "state": "SCANNING", "start_time": 1767225600, "end_time": 0,
            "to_examine": 1000, "skipped": 0, "issued": 255, "scrub_pause": 0},
        "vdevs": {"tank": {"name": "tank", "vdev_type": "root", "state": "DEGRADED", "vdevs": {
            "raidz2-10": {"name": "raidz2-10", "vdev_type": "raidz", "state": "DEGRADED", "read_errors": 1, "vdevs": {
                "/dev/disk/by-partlabel/my disk": {"name": "/dev/disk/by-partlabel/my disk", "vdev_type": "disk",
                    "guid": 18446744073709551615, "path": "/dev/disk/by-partlabel/my disk", "devid": "ata-X_1-part1",
                    "state": "ONLINE", "read_errors": 0, "write_errors": 0, "checksum_errors": 12},
                "spare-1": {"name": "spare-1", "vdev_type": "spare", "state": "DEGRADED", "vdevs": {
                    "replacing-0": {"name": "replacing-0", "vdev_type": "replacing", "state": "DEGRADED", "vdevs": {
                        "77": {"name": "77", "vdev_type": "disk", "guid": 77, "path": "/dev/sdb1/old", "devid": "ata-B-part1",
                            "state": "CANT_OPEN", "not_present": 1, "was": "/dev/sdb1/old", "read_errors": 3},
                        "/dev/sdb1": {"name": "/dev/sdb1", "vdev_type": "disk", "guid": 78, "state": "ONLINE", "scan_processed": 5}}},
                    "/dev/sdz1": {"name": "/dev/sdz1", "vdev_type": "disk", "guid": 9, "state": "ONLINE", "resilver_deferred": true}}},
                "/dev/sdc1": {"name": "/dev/sdc1", "vdev_type": "disk", "state": "FAULTED", "aux": "ERR_EXCEEDED"},
                "/dev/sdd1": {"name": "/dev/sdd1", "vdev_type": "disk", "state": "CANT_OPEN", "aux": "CORRUPT_DATA"}}},
            "draid1:2d:3c:1s-2": {"name": "draid1:2d:3c:1s-2", "read_errors": "0", "vdevs": {"/dev/sde1": {"state": "CANT_OPEN", "aux": "NEW_REASON"}}},
            "hole-3": {"vdev_type": "hole"}, "indirect-4": {"vdev_type": "indirect"}}}},
        "logs": {"/dev/nvme0n1p1": {"name": "/dev/nvme0n1p1", "vdev_type": "disk", "state": "ONLINE"}},
        "l2cache": {"/dev/sdl1": {"name": "/dev/sdl1", "vdev_type": "disk", "state": "ONLINE"}, "/dev/sdm1": {"state": "ONLINE"}},
        "spares": {"/dev/sdz1": {"name": "/dev/sdz1", "vdev_type": "disk", "guid": 9, "state": "INUSE"},
            "draid1-2-0": {"name": "draid1-2-0", "state": "AVAIL"},
            "/dev/sdy1": {"name": "/dev/sdy1", "vdev_type": "disk", "state": "INUSE", "used_by": "other"}},
        "error_count": 2}}}"#;

    fn tank(json: &str) -> Pool {
        parse(json.as_bytes()).unwrap_or_default().into_iter().next().unwrap_or_default()
    }

    #[test]
    fn every_node_is_found_in_its_group() {
        let pool = tank(TANK);
        let mut rows: Vec<String> = Vec::new();
        for vdev in &pool.vdevs {
            for leaf in &vdev.members {
                let state = leaf.state.as_ref().unwrap().as_str();
                let (group, note) = (leaf.group.as_deref().unwrap_or("-"), leaf.note.as_deref().unwrap_or("-"));
                rows.push(format!("{} {} {} {state} {group} | {note}", vdev.role, vdev.name, leaf.name));
            }
        }
        assert_eq!(
            rows,
            [
                "data raidz2-10 /dev/disk/by-partlabel/my disk ONLINE - | -",
                "data raidz2-10 77 UNAVAIL replacing-0 | -",
                "data raidz2-10 /dev/sdb1 ONLINE replacing-0 | (resilvering)",
                "data raidz2-10 /dev/sdz1 ONLINE spare-1 | (awaiting resilver)",
                "data raidz2-10 /dev/sdc1 FAULTED - | too many errors",
                "data raidz2-10 /dev/sdd1 FAULTED - | corrupted data",
                "data draid1:2d:3c:1s-2 /dev/sde1 UNAVAIL - | new reason",
                "log nvme0n1p1 /dev/nvme0n1p1 ONLINE - | -",
                "cache cache /dev/sdl1 ONLINE - | -",
                "cache cache /dev/sdm1 ONLINE - | -",
                "spare spares /dev/sdz1 INUSE - | currently in use",
                "spare spares draid1-2-0 AVAIL - | -",
                "spare spares /dev/sdy1 INUSE - | in use by pool 'other'",
            ]
        );
        let vdev = pool.vdevs.first().cloned().unwrap_or_default();
        assert_eq!((vdev.read_errors, vdev.write_errors), (Some(1), None));
        let (first, second) = (&vdev.members[0], &vdev.members[1]);
        assert_eq!((first.guid.as_deref(), first.checksum_errors), (Some("18446744073709551615"), Some(12)));
        assert_eq!(first.aliases, ["ata-X_1-part1"]);
        assert_eq!(
            (second.was.as_deref(), second.guid.as_deref(), second.read_errors),
            (Some("/dev/sdb1/old"), Some("77"), Some(3))
        );
        assert!(second.aliases.is_empty(), "a missing leaf is not matched by other names");
        let resilvering: Vec<bool> = vdev.members.iter().map(|leaf| leaf.is_resilvering).collect();
        assert_eq!(resilvering, [false, false, true, true, false, false]);
        let other_labels: Vec<bool> = vdev.members.iter().map(|leaf| leaf.has_other_label).collect();
        assert_eq!(other_labels, [false, false, false, false, false, true]);
        assert_eq!((pool.status.as_deref(), pool.action.as_deref()), (Some("One or more devices."), Some("Wait.")));
        assert_eq!(pool.errors.as_deref(), Some("2 data errors, use '-v' for a list"));
        assert_eq!(pool.has_data_errors, Some(true));
        assert_eq!(
            (pool.scan.kind, pool.scan.state, pool.scan.done_percent),
            (ScanKind::Resilver, ScanState::InProgress, Some(25.5))
        );
        assert_eq!(
            pool.scan.text.as_deref(),
            Some("resilver in progress since 2026-01-01T00:00:00Z; 255 bytes / 1000 bytes issued, 25.50% done")
        );
    }

    #[test]
    fn an_unexpected_value_affects_only_its_field() {
        for value in
            ["null", "-1", "1.5", "[]", "{}", "true", "\"-\"", "\"\"", "\"12x\"", "18446744073709551616", "[[1]]"]
        {
            for name in ["read_errors", "guid", "was", "aux", "path", "class", "not_present", "removing", "used_by"] {
                let leaf =
                    format!(r#"{{"name": "sda", "state": "ONLINE", "guid": 5, "read_errors": 1, "{name}": {value}}}"#);
                let pool = tank(&format!(
                    r#"{{"pools": {{"t": {{"state": "ONLINE", "vdevs": {{"t": {{"vdevs": {{"sda": {leaf}, "x": 1}}}}}}}}}}}}"#
                ));
                let leaves: Vec<&Leaf> = pool.vdevs.iter().flat_map(|vdev| &vdev.members).collect();
                let [leaf] = leaves.as_slice() else { panic!("{name} {value}: {leaves:?}") };
                assert_eq!((leaf.name.as_str(), &leaf.state), ("sda", &Some(VdevState::Online)), "{name} {value}");
                let read_errors = if name == "read_errors" { None } else { Some(1) };
                assert_eq!(leaf.read_errors, read_errors, "{name} {value}");
            }
        }
    }

    #[test]
    fn depth_is_bounded_and_broken_json_is_none() {
        let deep = format!(r#"{{"pools": {{"t": {}1{}}}}}"#, r#"{"vdevs": {"#.repeat(10), "}}".repeat(10));
        assert_eq!(parse(deep.as_bytes()), Err(Unread::Broken), "not JSON");
        let too_deep = Err(Unread::TooMuch("its JSON is nested deeper than 64 levels".to_owned()));
        for levels in [10, 25, 40, 10_000] {
            let deep =
                format!(r#"{{"pools": {{"t": {}1{}}}}}"#, r#"{"vdevs": {"a": "#.repeat(levels), "}}".repeat(levels));
            let pools = parse(deep.as_bytes());
            assert!(if levels < 31 { pools.is_ok() } else { pools == too_deep }, "{levels} levels: {pools:?}");
        }
        for broken in ["", "{", "{}", r#"{"pools": []}"#, r#"{"pools": {"t": {}"#, r#"{"pools": {}} {"#] {
            assert_eq!(parse(broken.as_bytes()), Err(Unread::Broken), "{broken}");
        }
        for one in [&br#"{"pools": {"t": 1, "u": {}}}"#[..], br#"{"pools": {"t": {}}, "x": [[1], 1e999, "\ud800"]}"#] {
            assert_eq!(parse(one).unwrap().len(), 1);
        }
    }

    #[test]
    fn too_many_are_not_read_in_part() {
        let many = |count: usize| {
            let leaves = vec![r#""sda":{}"#; count].join(",");
            parse(format!(r#"{{"pools":{{"t":{{"vdevs":{{"t":{{"vdevs":{{{leaves}}}}}}}}}}}}}"#).as_bytes())
        };
        // Each leaf is a vdev of its own here.
        let leaves = many(MAX_ENTRIES / 2 - 1).unwrap_or_default().iter().flat_map(|pool| &pool.vdevs).count();
        assert_eq!(leaves, MAX_ENTRIES / 2 - 1);
        assert_eq!(many(MAX_ENTRIES / 2).err(), Some(too_many()));
    }
}
