//! The state of a running child, and what its end means: a drive may disappear, and return, before the child ends.

use crate::domain::drive::{Drive, DrivePath};
use crate::domain::known_paths::PathAttempt;
use std::sync::Arc;
use std::time::Instant;

/// A child on a drive.
#[derive(Debug)]
pub(super) struct RunningChild {
    /// Distinguishes its completion from that of every other child.
    pub(super) number: u64,
    pub(super) drive: Arc<Drive>,
    /// The path that the drive is being read over.
    pub(super) path: DrivePath,
    pub(super) since: Instant,
    /// The drive has disappeared since, so the result is that of the previous one.
    pub(super) is_void: bool,
}

/// What the end of a child means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ChildEnd {
    /// It is the reading of the present drive, with the attempts of its turn.
    Current(Vec<PathAttempt>),
    /// There was no reading over the path, so the drive is read over another one.
    OtherPath,
    /// It is not a reading of the present drive, because the drive has disappeared since, and may have returned.
    Void,
}
