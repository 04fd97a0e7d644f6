//! States as zpool writes them, and roles and kinds as the API writes them.

use crate::domain::vocabulary::{closed_vocabulary, open_vocabulary};

open_vocabulary! {
    /// State of a pool: `zpool_get_state_str` of OpenZFS (`lib/libzfs/libzfs_pool.c`), which has `FAULTED` and `SUSPENDED`
    /// itself, and the others from `zpool_state_to_name` there.
    pub(crate) enum PoolState {
        Online = "ONLINE",
        Degraded = "DEGRADED",
        Faulted = "FAULTED",
        Offline = "OFFLINE",
        Removed = "REMOVED",
        Unavail = "UNAVAIL",
        Split = "SPLIT",
        Unknown = "UNKNOWN",
        Suspended = "SUSPENDED",
    }
}

open_vocabulary! {
    /// State of a vdev or leaf: `zpool_state_to_name` of OpenZFS (`lib/libzfs/libzfs_pool.c`).
    pub enum VdevState {
        Online = "ONLINE",
        Degraded = "DEGRADED",
        Faulted = "FAULTED",
        Offline = "OFFLINE",
        Removed = "REMOVED",
        Unavail = "UNAVAIL",
        Split = "SPLIT",
        Unknown = "UNKNOWN",
        /// Spares only: it is free (`print_status_config` in `cmd/zpool/zpool_main.c`).
        Avail = "AVAIL",
        /// Spares only: it replaces another drive (the same function).
        InUse = "INUSE",
    }
}

closed_vocabulary! {
    /// Role of a top-level vdev.
    #[derive(Default)]
    pub enum VdevRole {
        #[default]
        Data = "data",
        Log = "log",
        Cache = "cache",
        Spare = "spare",
        Special = "special",
        Dedup = "dedup",
    }
}

closed_vocabulary! {
    /// Kind of a scan.
    #[derive(Default)]
    pub(crate) enum ScanKind {
        #[default]
        None = "none",
        Scrub = "scrub",
        Resilver = "resilver",
    }
}

closed_vocabulary! {
    /// State of a scan.
    #[derive(Default)]
    pub(crate) enum ScanState {
        #[default]
        None = "none",
        InProgress = "in_progress",
        Paused = "paused",
        Finished = "finished",
        Canceled = "canceled",
    }
}

closed_vocabulary! {
    /// Kind of an activity, in the order in which `Pool::activities` lists them.
    #[derive(PartialOrd, Ord)]
    pub(crate) enum ActivityKind {
        /// All data are read and compared with their checksums.
        Scrub = "scrub",
        /// Data are written to devices that lack them, with their checksums compared.
        Resilver = "resilver",
        /// A sequential resilver of one top-level vdev: checksums are not compared.
        Rebuild = "rebuild",
        /// Only blocks with known errors are scrubbed.
        ErrorScrub = "error_scrub",
        /// A disk is added to a raidz group.
        Expansion = "expansion",
        /// The data of a top-level vdev are moved to the others.
        Removal = "removal",
        /// A state of the pool that can be returned to.
        Checkpoint = "checkpoint",
        /// Unused blocks are reported to the devices as such.
        Trim = "trim",
        /// Unused blocks are written.
        Initialize = "initialize",
        /// Maps of free space are rewritten.
        Condense = "condense",
    }
}

impl ActivityKind {
    /// Its kind as the scan of the pool; `None`: it is not a scan.
    pub(crate) fn scan_kind(self) -> ScanKind {
        match self {
            Self::Scrub | Self::ErrorScrub => ScanKind::Scrub,
            Self::Resilver | Self::Rebuild => ScanKind::Resilver,
            Self::Expansion | Self::Removal | Self::Checkpoint | Self::Trim | Self::Initialize | Self::Condense => {
                ScanKind::None
            }
        }
    }
}

closed_vocabulary! {
    /// State of an activity.
    pub(crate) enum ActivityState {
        InProgress = "in_progress",
        Paused = "paused",
        Finished = "finished",
        Canceled = "canceled",
        /// Checkpoints only.
        Exists = "exists",
        /// Checkpoints only: its blocks are being freed.
        Discarding = "discarding",
    }
}

impl ActivityState {
    /// It runs, is paused, or exists.
    pub(crate) fn is_open(self) -> bool {
        !matches!(self, Self::Finished | Self::Canceled)
    }

    pub(crate) fn scan_state(self) -> ScanState {
        match self {
            Self::InProgress => ScanState::InProgress,
            Self::Paused => ScanState::Paused,
            Self::Finished => ScanState::Finished,
            Self::Canceled => ScanState::Canceled,
            Self::Exists | Self::Discarding => ScanState::None,
        }
    }
}
