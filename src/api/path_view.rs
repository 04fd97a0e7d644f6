//! The paths of a drive, in its document.

use crate::domain::drive::DrivePath;
use crate::domain::identity::{DeviceName, ScsiHost};
use crate::domain::known_paths::{KnownPath, KnownPaths, PathStatus};
use crate::domain::path_state::PathState;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A path that the drive has, or is known to have had.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Path"))]
pub(crate) struct PathView {
    /// `host:channel:target:lun` of its first logical unit, or the NVMe controller.
    pub(crate) address: String,
    /// Kernel names that it leads to: one, or one for each logical unit.
    pub(crate) devices: Vec<DeviceName>,
    /// Number of the SCSI host; `null` for NVMe.
    pub(crate) scsi_host: Option<u32>,
    /// Whether it can be used. `untested`: no reading over it yet. `missing`: the drive had it, and has other paths now.
    pub(crate) status: PathStatus,
    /// The kernel's state of it at the last discovery: `running`, `offline`, `blocked`, `live`, `dead`, …
    pub(crate) state: Option<PathState>,
    /// When a reading over it succeeded last.
    pub(crate) last_success: Option<Timestamp>,
    /// Since when it has failed.
    pub(crate) failed_since: Option<Timestamp>,
    /// Why it failed.
    pub(crate) error: Option<String>,
    /// Until when it is used only where no other path is left.
    pub(crate) retry_at: Option<Timestamp>,
    /// Since when it is missing.
    pub(crate) missing_since: Option<Timestamp>,
}

impl PathView {
    fn of(known: &KnownPath) -> Option<Self> {
        let first = known.devices.first()?;
        let is_missing = known.missing_since.is_some();
        let failure = known.failure.as_ref().filter(|_| !is_missing);
        Some(Self {
            address: first.address.clone(),
            devices: known.devices.iter().map(|path| path.device.clone()).collect(),
            scsi_host: first.host.map(|host| host.0),
            status: known.status(),
            state: first.state.clone().filter(|_| !is_missing),
            last_success: known.last_success,
            failed_since: failure.map(|failure| failure.since),
            error: failure.map(|failure| failure.why.to_string()),
            retry_at: known.retry_at.filter(|_| failure.is_some()),
            missing_since: known.missing_since,
        })
    }

    /// As it is known if it is not here any more. `None`: it leads to no device.
    pub(crate) fn to_missing(&self, now: Timestamp) -> Option<KnownPath> {
        let device = DrivePath {
            device: self.devices.first()?.clone(),
            node: String::new(),
            host: self.scsi_host.map(ScsiHost),
            address: self.address.clone(),
            unit: 0,
            state: None,
        };
        Some(KnownPath::restored(device, self.last_success, self.missing_since.unwrap_or(now)))
    }
}

pub(crate) fn path_views(paths: &KnownPaths) -> Vec<PathView> {
    paths.iter().filter_map(PathView::of).collect()
}
