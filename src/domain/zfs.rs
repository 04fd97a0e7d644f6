//! Pools, their vdevs and leaves, as `zpool status` shows them (zpool-status(8)).

pub mod activity;
mod membership;
pub mod words;

pub use membership::Membership;

use super::drive::DriveKey;
use super::identity::DeviceName;
use super::time::Timestamp;
use super::zfs::activity::{Activity, Scan};
use super::zfs::words::{PoolState, VdevRole, VdevState};
use serde::Serialize;

/// The parsed output of `zpool`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zfs {
    pub state: ZfsState,
    /// Why the last run of zpool failed. `state` and `pools` are then those of the last successful run.
    pub error: Option<String>,
    pub pools: Vec<Pool>,
}

/// The result of the last successful run of zpool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ZfsState {
    /// There was no successful run yet.
    #[default]
    NotAsked,
    /// This host has no ZFS, which is not a fault.
    NotInstalled,
    /// The pools were read.
    Read { at: Timestamp },
}

/// A ZFS pool (zpool-status(8)).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pool {
    /// Name of the pool.
    pub name: String,
    /// `ONLINE`, `DEGRADED`, `FAULTED`, `UNAVAIL`, `SUSPENDED`, …
    pub(crate) state: Option<PoolState>,
    /// The problem of the pool, as ZFS describes it (zpool's `status:` line); `null` for a healthy pool.
    pub(crate) status: Option<String>,
    /// The action that ZFS recommends (zpool's `action:` line); `null` for a healthy pool.
    pub(crate) action: Option<String>,
    /// The scrub or resilver that runs or is paused, else the one that ended last.
    pub scan: Scan,
    /// The activities of the pool that zpool reports, current and past, in this order: `scrub`, `resilver`, `rebuild` by
    /// vdev, `error_scrub`, `expansion`, `removal`, `checkpoint`, `trim`, `initialize`, `condense`.
    pub activities: Vec<Activity>,
    /// The `errors:` line.
    pub(crate) errors: Option<String>,
    /// Data is lost; `None`: zpool did not report it.
    #[serde(skip)]
    pub(crate) has_data_errors: Option<bool>,
    /// Its top-level vdevs.
    pub(crate) vdevs: Vec<Vdev>,
}

/// A top-level vdev: a mirror, a raidz group, or a single disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Vdev {
    /// `raidz2-0`, `mirror-1`; the name of a single disk.
    pub name: String,
    /// Its role in the pool.
    pub(crate) role: VdevRole,
    /// `ONLINE`, `DEGRADED`, `FAULTED`, …
    pub(crate) state: Option<VdevState>,
    /// Reads that failed, as ZFS counts them since the pool was imported or cleared (zpool-status(8), READ).
    pub(crate) read_errors: Option<u64>,
    /// Writes that failed, as ZFS counts them (WRITE).
    pub(crate) write_errors: Option<u64>,
    /// Blocks whose checksum was wrong, as ZFS counts them (CKSUM).
    pub(crate) checksum_errors: Option<u64>,
    /// Its disks.
    pub(crate) members: Vec<Leaf>,
    /// A rebuild (sequential resilver) of it is running. zpool's JSON does not report on which of its disks.
    #[serde(skip)]
    pub(crate) is_rebuilding: bool,
}

/// A disk, partition or file in a vdev.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Leaf {
    /// As zpool prints it: a path, a bare name, or a guid.
    pub name: String,
    /// Its guid, in decimal digits (a string, because a double cannot hold all guids). zpool's text output has it only for a
    /// missing leaf.
    pub(crate) guid: Option<String>,
    /// The previous path of a missing leaf.
    pub(crate) was: Option<String>,
    /// `ONLINE`, `FAULTED`, `REMOVED`, `AVAIL`, `INUSE`, …
    pub(crate) state: Option<VdevState>,
    /// Reads that failed, as ZFS counts them since the pool was imported or cleared (zpool-status(8), READ).
    pub(crate) read_errors: Option<u64>,
    /// Writes that failed, as ZFS counts them (WRITE).
    pub(crate) write_errors: Option<u64>,
    /// Blocks whose checksum was wrong, as ZFS counts them (CKSUM).
    pub(crate) checksum_errors: Option<u64>,
    /// The note at the end of its row (`corrupted data`, `currently in use`, `(resilvering)`).
    pub(crate) note: Option<String>,
    /// It is being resilvered, or waits for that.
    #[serde(skip)]
    pub(crate) is_resilvering: bool,
    /// ZFS opened the device, and found no label or another one.
    #[serde(skip)]
    pub(crate) has_other_label: bool,
    /// The group inside the vdev in which one drive replaces another (`replacing-2`, `spare-0`).
    pub(crate) group: Option<String>,
    /// Device name of its drive; `null` if it matches no drive of this host.
    pub device: Option<DeviceName>,
    /// Its drive is present, and excluded by `JBOD_EXCLUDE`.
    #[serde(default)]
    pub(crate) excluded: bool,
    /// Key of its drive while that is present; independent of its block device name.
    #[serde(skip)]
    pub(crate) key: Option<DriveKey>,
    /// Further names by which its drive may be found.
    #[serde(skip)]
    pub(crate) aliases: Vec<String>,
}

impl Leaf {
    /// Its drive is missing: its device name may have been reassigned.
    pub(crate) fn is_gone(&self) -> bool {
        self.was.is_some() || matches!(self.state, Some(VdevState::Removed | VdevState::Unavail))
    }

    /// A distributed spare of a dRAID group (`draid2-0-1`): spare space on the drives of the group, not a drive.
    pub(crate) fn is_distributed_spare(&self) -> bool {
        let parts: Vec<&str> = self.name.split('-').collect();
        let ["draid1" | "draid2" | "draid3", numbers @ ..] = parts.as_slice() else { return false };
        let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        numbers.len() == 2 && numbers.iter().all(is_number)
    }

    /// Sort key by severity: its state first, then its errors.
    pub(super) fn trouble(&self) -> (u8, u64) {
        let state = match self.state {
            Some(VdevState::Online | VdevState::Avail | VdevState::InUse) | None => 0,
            Some(VdevState::Offline) => 1,
            Some(_) => 2,
        };
        let errors = [self.read_errors, self.write_errors, self.checksum_errors].into_iter().flatten();
        (state, errors.fold(0, u64::saturating_add))
    }
}

impl Vdev {
    /// One of its drives replaces another, or is being resilvered.
    pub(crate) fn is_resilvering(&self) -> bool {
        self.is_rebuilding || self.members.iter().any(|leaf| leaf.group.is_some() || leaf.is_resilvering)
    }
}

impl Zfs {
    /// This host has ZFS; `None`: unknown before the first run of zpool.
    pub(crate) fn available(&self) -> Option<bool> {
        match self.state {
            ZfsState::NotAsked => None,
            ZfsState::NotInstalled => Some(false),
            ZfsState::Read { .. } => Some(true),
        }
    }

    /// When the pools were read.
    pub(crate) fn collected_at(&self) -> Option<Timestamp> {
        match self.state {
            ZfsState::NotAsked | ZfsState::NotInstalled => None,
            ZfsState::Read { at } => Some(at),
        }
    }

    /// Every leaf with its pool and vdev.
    pub fn leaves(&self) -> impl Iterator<Item = (&Pool, &Vdev, &Leaf)> {
        self.pools.iter().flat_map(|pool| {
            pool.vdevs.iter().flat_map(move |vdev| vdev.members.iter().map(move |leaf| (pool, vdev, leaf)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributed_spares_are_distinguished_from_groups_and_drives() {
        for (name, is_spare) in [
            ("draid2-0-1", true),
            ("draid2:8d:42c:2s-0", false),
            ("draid2-0", false),
            ("draid1-a-1", false),
            ("sda", false),
        ] {
            assert_eq!(Leaf { name: name.to_owned(), ..Leaf::default() }.is_distributed_spare(), is_spare, "{name}");
        }
    }
}
