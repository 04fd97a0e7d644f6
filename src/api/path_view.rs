//! The paths in the document of a drive.

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
    /// Address of its first logical unit (`host:channel:target:lun`), or the NVMe controller.
    pub(crate) address: String,
    /// Block devices that it leads to: one, or one for each logical unit.
    pub(crate) devices: Vec<DeviceName>,
    /// Number of the SCSI host; `null` for NVMe.
    pub(crate) scsi_host: Option<u32>,
    /// Whether the path works. `untested`: there has been no reading over it yet. `missing`: the path has disappeared,
    /// and the drive is present on other paths.
    pub(crate) status: PathStatus,
    /// State that the kernel reported at the last discovery: `running`, `offline`, `blocked`, `live`, `dead`, …
    pub(crate) state: Option<PathState>,
    /// Time of the last successful reading over it.
    pub(crate) last_success: Option<Timestamp>,
    /// Time since when readings over it have failed.
    pub(crate) failed_since: Option<Timestamp>,
    /// Why the last reading over it failed.
    pub(crate) error: Option<String>,
    /// Time until which it is used only if no other path is left.
    pub(crate) retry_at: Option<Timestamp>,
    /// Time since when it has been missing.
    pub(crate) missing_since: Option<Timestamp>,
}

impl PathView {
    fn of(known: &KnownPath) -> Option<Self> {
        let first = known.devices.first()?;
        // The state and the failure of a missing path are those of the past.
        let (state, failure) = match known.missing_since {
            None => (first.state.clone(), known.failure.as_ref()),
            Some(_) => (None, None),
        };
        Some(Self {
            address: first.address.clone(),
            devices: known.devices.iter().map(|path| path.device.clone()).collect(),
            scsi_host: first.host.map(|host| host.0),
            status: known.status(),
            state,
            last_success: known.last_success,
            failed_since: failure.map(|failure| failure.since),
            error: failure.map(|failure| failure.why.to_string()),
            retry_at: if failure.is_some() { known.retry_at } else { None },
            missing_since: known.missing_since,
        })
    }

    /// The path as a missing one. `None` if it has no block device.
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
