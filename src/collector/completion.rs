//! The state of a running child, and whether its completion is still relevant: a drive may disappear, or disappear and
//! be back, before the child ends.

use crate::domain::identity::ScsiHost;
use std::time::Instant;

/// A child on a drive.
#[derive(Debug)]
pub(super) struct RunningChild {
    /// Distinguishes its completion from that of every other child.
    pub(super) number: u64,
    /// The SCSI host that the drive is being read through.
    pub(super) host: Option<ScsiHost>,
    pub(super) since: Instant,
    /// The drive has disappeared since: the completion is of the previous one.
    pub(super) is_void: bool,
}

/// The relevance of a completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relevance {
    /// It is of the present drive.
    Current,
    /// It is of a drive that has disappeared since, or is back: not a reading of the present drive.
    Void,
}
