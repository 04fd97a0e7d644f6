//! Pools, their vdevs and leaves, as `zpool status` shows them (zpool-status(8)).

use super::Timestamp;
use super::drive::DeviceName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Everything `zpool` said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zfs {
    /// `false`: this host has no ZFS, which is not a fault. `None`: not heard yet.
    pub available: Option<bool>,
    /// When zpool gave this.
    pub collected_at: Option<Timestamp>,
    /// Why the pools are unknown or old.
    pub error: Option<String>,
    pub pools: Vec<Pool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    pub name: String,
    /// `ONLINE`, `DEGRADED`, `FAULTED`, `UNAVAIL`, `SUSPENDED`, …
    pub state: Option<String>,
    /// What is the matter, in ZFS's words; `null` for a healthy pool.
    pub status: Option<String>,
    pub action: Option<String>,
    pub scan: Scan,
    /// The `errors:` line.
    pub errors: Option<String>,
    pub vdevs: Vec<Vdev>,
}

/// The newest or running scrub or resilver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scan {
    /// `none`, `scrub`, `resilver`.
    pub kind: String,
    /// `none`, `finished`, `in_progress`, `canceled`, `paused`.
    pub state: String,
    pub done_percent: Option<f64>,
    /// The `scan:` lines as they stand.
    pub text: Option<String>,
}

impl Eq for Scan {}

impl Default for Scan {
    fn default() -> Self {
        Self { kind: "none".to_owned(), state: "none".to_owned(), done_percent: None, text: None }
    }
}

/// A top-level vdev: a mirror, a raidz group, or a lone disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vdev {
    pub name: String,
    /// `data`, `log`, `cache`, `spare`, `special`, `dedup`.
    pub role: String,
    pub state: Option<String>,
    pub read_errors: Option<u64>,
    pub write_errors: Option<u64>,
    pub cksum_errors: Option<u64>,
    pub members: Vec<Leaf>,
}

/// A disk, partition or file in a vdev.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaf {
    /// As zpool prints it: a path, a bare name, or a guid.
    pub name: String,
    /// Of a leaf that is gone: the path it had.
    pub was: Option<String>,
    pub state: Option<String>,
    pub read_errors: Option<u64>,
    pub write_errors: Option<u64>,
    pub cksum_errors: Option<u64>,
    /// A remark at the end of the row (`corrupted data`, `currently in use`, `(resilvering)`).
    pub note: Option<String>,
    /// The drive behind it; `null` when no drive here is it.
    pub device: Option<DeviceName>,
}

/// Where a drive stands in a pool: `devices` of `/api/zfs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    pub pool: String,
    pub vdev: String,
    pub role: String,
    pub state: Option<String>,
    pub read_errors: Option<u64>,
    pub write_errors: Option<u64>,
    pub cksum_errors: Option<u64>,
    /// Its vdev is being rebuilt onto a spare or a new disk.
    #[serde(default)]
    pub resilvering: bool,
}

impl Pool {
    pub fn is_resilvering(&self) -> bool {
        self.scan.kind == "resilver" && self.scan.state == "in_progress"
    }
}

impl Zfs {
    /// Every leaf with its pool and vdev.
    pub fn leaves(&self) -> impl Iterator<Item = (&Pool, &Vdev, &Leaf)> {
        self.pools.iter().flat_map(|pool| {
            pool.vdevs.iter().flat_map(move |vdev| vdev.members.iter().map(move |leaf| (pool, vdev, leaf)))
        })
    }

    /// The place of every drive that is in a pool. A drive may have several leaves (a spare in
    /// use, two partitions); a data leaf speaks for it.
    pub fn memberships(&self) -> BTreeMap<DeviceName, Membership> {
        let mut places = BTreeMap::new();
        for (pool, vdev, leaf) in self.leaves() {
            let Some(device) = &leaf.device else { continue };
            let place = Membership {
                pool: pool.name.clone(),
                vdev: vdev.name.clone(),
                role: vdev.role.clone(),
                state: leaf.state.clone(),
                read_errors: leaf.read_errors,
                write_errors: leaf.write_errors,
                cksum_errors: leaf.cksum_errors,
                resilvering: pool.is_resilvering() && vdev.state.as_deref() != Some("ONLINE"),
            };
            match places.entry(device.clone()) {
                Entry::Vacant(free) => drop(free.insert(place)),
                Entry::Occupied(mut held) if place.role == "data" => drop(held.insert(place)),
                Entry::Occupied(_) => {}
            }
        }
        places
    }
}
