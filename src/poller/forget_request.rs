//! A request to forget something that is missing, and its outcome. Pure.

use crate::domain::enclosure::Bay;
use crate::domain::identity::{DeviceName, EnclosureId};
use crate::domain::text::list_first;
use std::fmt;

/// Maximum number of drives that an answer names.
const MAX_NAMED: usize = 12;

/// A request of the control socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ForgetRequest {
    /// A serial number or WWN of a drive, or the id of an enclosure.
    pub(crate) subject: String,
    /// User id of the client.
    pub(crate) uid: u32,
}

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ForgetOutcome {
    /// Serial numbers of the drives that are no longer missing; the device name of a drive without one.
    Forgotten { drives: Vec<String> },
    /// An enclosure that was missing, with the drives that were in it.
    ForgottenEnclosure { id: EnclosureId, drives: usize },
    /// Missing IO modules of an enclosure that is present.
    ForgottenModules { id: EnclosureId, modules: usize },
    /// Missing paths of a drive that is present.
    ForgottenPaths { device: DeviceName, paths: usize },
    /// Nothing has that name.
    NoSuch { subject: String },
    /// The drive is present, so it cannot be forgotten.
    DrivePresent { device: DeviceName, bay: Option<Bay> },
    /// The enclosure is present and has no missing IO module. `missing`: missing drives that were last in it.
    EnclosurePresent { id: EnclosureId, missing: usize },
    /// The drive is present and excluded by that entry of `JBOD_EXCLUDE`.
    Excluded { device: DeviceName, entry: String },
    /// Another daemon leads, and knows which drives are missing.
    NotPolling { leader: Option<String> },
    /// No discovery is complete yet.
    NotReady,
}

impl ForgetOutcome {
    /// Something was forgotten.
    pub(crate) fn is_done(&self) -> bool {
        matches!(
            self,
            Self::Forgotten { .. }
                | Self::ForgottenEnclosure { .. }
                | Self::ForgottenModules { .. }
                | Self::ForgottenPaths { .. }
        )
    }
}

/// `1 missing drive`, `4 missing drives`.
fn missing(count: usize, what: &str) -> String {
    format!("{count} missing {what}{}", if count == 1 { "" } else { "s" })
}

impl fmt::Display for ForgetOutcome {
    /// A sentence for the user.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forgotten { drives } => {
                let listed = list_first(drives, MAX_NAMED);
                write!(f, "forgotten: {} ({listed})", missing(drives.len(), "drive"))
            }
            Self::ForgottenEnclosure { id, drives } => {
                write!(f, "forgotten: missing enclosure {id} and {} that were in it", missing(*drives, "drive"))
            }
            Self::ForgottenModules { id, modules } => {
                write!(f, "forgotten: {} of enclosure {id}", missing(*modules, "IO module"))
            }
            Self::ForgottenPaths { device, paths } => {
                write!(f, "forgotten: {} of {device}", missing(*paths, "path"))
            }
            Self::NoSuch { subject } => write!(
                f,
                "no missing drive, path, enclosure or IO module matches {subject}; expected the serial number or WWN of a \
                 drive, or the id of an enclosure"
            ),
            Self::DrivePresent { device, bay: Some(bay) } => {
                write!(f, "the drive is present: {device}, in bay {} of enclosure {}", bay.slot, bay.enclosure)
            }
            Self::DrivePresent { device, bay: None } => write!(f, "the drive is present: {device}, in no bay"),
            Self::EnclosurePresent { id, missing: 0 } => {
                write!(f, "enclosure {id} is present, and none of its drives or IO modules is missing")
            }
            Self::EnclosurePresent { id, missing: count } => {
                write!(f, "enclosure {id} is present; forget its {} by serial number", missing(*count, "drive"))
            }
            Self::Excluded { device, entry } => {
                write!(f, "the drive is present: {device}, excluded by JBOD_EXCLUDE ({entry})")
            }
            Self::NotPolling { leader: Some(leader) } => write!(
                f,
                "this daemon is not the leader; send the request to the daemon that holds the poll lease, {leader} \
                 (host:process:start)"
            ),
            Self::NotPolling { leader: None } => {
                f.write_str("this daemon is not the leader; send the request to the daemon that polls")
            }
            Self::NotReady => f.write_str("the first discovery has not completed; try again"),
        }
    }
}
