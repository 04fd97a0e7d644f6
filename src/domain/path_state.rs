//! States of a path as the kernel writes them.

use super::vocabulary::open_vocabulary;

open_vocabulary! {
    /// `state` of a SCSI device (`sdev_states` in `drivers/scsi/scsi_sysfs.c`) or of an NVMe controller
    /// (`nvme_sysfs_show_state` in `drivers/nvme/host/sysfs.c`).
    pub enum PathState {
        Created = "created",
        Running = "running",
        Cancel = "cancel",
        Deleted = "deleted",
        Quiesce = "quiesce",
        Offline = "offline",
        TransportOffline = "transport-offline",
        Blocked = "blocked",
        CreatedBlocked = "created-blocked",
        New = "new",
        Live = "live",
        Resetting = "resetting",
        Connecting = "connecting",
        Deleting = "deleting",
        DeletingWithoutIo = "deleting (no IO)",
        Dead = "dead",
    }
}

impl PathState {
    /// The kernel executes commands over the path. An unknown state counts as usable.
    pub(crate) fn is_usable(&self) -> bool {
        matches!(self, Self::Created | Self::Running | Self::Live | Self::Other(_))
    }

    /// The kernel does not leave the state by itself. The other unusable states last for seconds, or until the kernel gives
    /// up the path.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Offline | Self::TransportOffline | Self::Dead)
    }
}
