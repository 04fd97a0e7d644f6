//! What is known of a child while it runs, and what its completion is of: a drive may go, or go and come back, before the
//! child ends.

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
    /// The drive has gone since: the completion is of what was there before.
    pub(super) is_void: bool,
}

/// What a completion is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relevance {
    /// The drive that is here.
    Current,
    /// One that has gone since, or is gone and here again: no reading of the drive that is here.
    Void,
}
