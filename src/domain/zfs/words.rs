//! The words of zpool for states, and those of the API for roles and scans.

use crate::domain::vocabulary::{closed_vocabulary, open_vocabulary};

open_vocabulary! {
    /// State of a pool: `zpool_get_state_str` of OpenZFS (`lib/libzfs/libzfs_pool.c`). It says `FAULTED` and `SUSPENDED`
    /// itself, and has the rest from `zpool_state_to_name` there.
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
        /// Of a spare alone: it is free (`print_status_config` in `cmd/zpool/zpool_main.c`).
        Avail = "AVAIL",
        /// Of a spare alone: it stands in for another drive (the same function).
        InUse = "INUSE",
    }
}

closed_vocabulary! {
    /// What a top-level vdev is for.
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
    /// What a scan is.
    #[derive(Default)]
    pub(crate) enum ScanKind {
        #[default]
        None = "none",
        Scrub = "scrub",
        Resilver = "resilver",
    }
}

closed_vocabulary! {
    /// How a scan stands.
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

impl ScanState {
    /// It runs, or is paused.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::InProgress | Self::Paused)
    }
}
