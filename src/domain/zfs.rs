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

/// The output of `zpool`, parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zfs {
    pub state: ZfsState,
    /// Why the pools are unknown or old: zpool gave no answer since. `state` and pools stay as they were.
    pub error: Option<String>,
    pub pools: Vec<Pool>,
}

/// What the last answer of zpool was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ZfsState {
    /// There was none yet.
    #[default]
    NotAsked,
    /// This host has no ZFS, which is not a fault.
    NotInstalled,
    /// The pools.
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
    /// What is the matter, in ZFS's words; `null` for a healthy pool.
    pub(crate) status: Option<String>,
    /// What ZFS advises to do; `null` for a healthy pool.
    pub(crate) action: Option<String>,
    /// The scrub or resilver that runs or is paused, else the one that ended last.
    pub scan: Scan,
    /// All that zpool reports the pool to do or to have done, in this order: `scrub`, `resilver`, `rebuild` by vdev,
    /// `error_scrub`, `expansion`, `removal`, `checkpoint`, `trim`, `initialize`, `condense`.
    pub activities: Vec<Activity>,
    /// The `errors:` line.
    pub(crate) errors: Option<String>,
    /// Data is lost; `None`: zpool did not report it.
    #[serde(skip)]
    pub(crate) has_data_errors: Option<bool>,
    /// Its top-level vdevs.
    pub(crate) vdevs: Vec<Vdev>,
}

/// A top-level vdev: a mirror, a raidz group, or a lone disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Vdev {
    /// `raidz2-0`, `mirror-1`; of a lone disk, its name.
    pub name: String,
    /// What it is for.
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
    /// A rebuild (sequential resilver) of it runs. JSON does not contain on which of its disks.
    #[serde(skip)]
    pub(crate) is_rebuilding: bool,
}

/// A disk, partition or file in a vdev.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Leaf {
    /// As zpool prints it: a path, a bare name, or a guid.
    pub name: String,
    /// The number that ZFS knows it by, in decimal digits (it may exceed what a JSON reader's
    /// double holds). Text output tells it only of a leaf that is gone.
    pub(crate) guid: Option<String>,
    /// Of a leaf that is gone: the path it had.
    pub(crate) was: Option<String>,
    /// `ONLINE`, `FAULTED`, `REMOVED`, `AVAIL`, `INUSE`, …
    pub(crate) state: Option<VdevState>,
    /// Reads that failed, as ZFS counts them since the pool was imported or cleared (zpool-status(8), READ).
    pub(crate) read_errors: Option<u64>,
    /// Writes that failed, as ZFS counts them (WRITE).
    pub(crate) write_errors: Option<u64>,
    /// Blocks whose checksum was wrong, as ZFS counts them (CKSUM).
    pub(crate) checksum_errors: Option<u64>,
    /// A remark at the end of the row (`corrupted data`, `currently in use`, `(resilvering)`).
    pub(crate) note: Option<String>,
    /// It is being written anew, or waits to be.
    #[serde(skip)]
    pub(crate) is_resilvering: bool,
    /// ZFS opened what is there and found no label, or that of something else.
    #[serde(skip)]
    pub(crate) has_other_label: bool,
    /// `replacing-2`, `spare-0`: the group inside the vdev in which one drive takes over from another.
    pub(crate) group: Option<String>,
    /// The drive behind it; `null` when no drive here is it.
    pub device: Option<DeviceName>,
    /// `JBOD_EXCLUDE` leaves out the drive behind it, which is present.
    #[serde(default)]
    pub(crate) excluded: bool,
    /// That drive as it is known while it is here, whatever its letter becomes.
    #[serde(skip)]
    pub(crate) key: Option<DriveKey>,
    /// Further names by which the drive behind it may be found.
    #[serde(skip)]
    pub(crate) aliases: Vec<String>,
}

impl Leaf {
    /// Its drive is missing: its name may belong to another drive by now.
    pub(crate) fn is_gone(&self) -> bool {
        self.was.is_some() || matches!(self.state, Some(VdevState::Removed | VdevState::Unavail))
    }

    /// A distributed spare of a dRAID group (`draid2-0-1`): room on the group's own drives, no drive.
    pub(crate) fn is_distributed_spare(&self) -> bool {
        let mut parts = self.name.split('-');
        let digits = |part: Option<&str>| part.is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
        matches!(parts.next(), Some("draid1" | "draid2" | "draid3"))
            && digits(parts.next())
            && digits(parts.next())
            && parts.next().is_none()
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
    /// One of its drives is replacing another, or is being resilvered.
    pub(crate) fn is_resilvering(&self) -> bool {
        self.is_rebuilding || self.members.iter().any(|leaf| leaf.group.is_some() || leaf.is_resilvering)
    }
}

impl Zfs {
    /// This host runs ZFS; `None`: not heard yet.
    pub(crate) fn available(&self) -> Option<bool> {
        match self.state {
            ZfsState::NotAsked => None,
            ZfsState::NotInstalled => Some(false),
            ZfsState::Read { .. } => Some(true),
        }
    }

    /// When zpool gave the pools.
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
    fn distributed_spares_are_told_from_groups_and_drives() {
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
