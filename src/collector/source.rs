//! A source of values besides the readings of drives. It starts jobs periodically and receives their results later.

use super::discovery::Discovered;
use super::jobs::{Jobs, SourceId};
use super::smartctl_monitor::SmartctlTransition;
use std::any::Any;
use std::time::Instant;

/// What a result means for the poller.
#[derive(Debug, PartialEq, Eq)]
pub enum Notice {
    Smartctl(SmartctlTransition),
    /// An IO module has reported the status of its bays.
    EnclosureRead,
}

pub(super) trait Source {
    /// The name in its reports.
    fn id(&self) -> SourceId;

    /// A sweep begins: the tasks of a sweep are due.
    fn on_sweep_begin(&mut self) {}

    /// Starts due jobs that are not running already. Returns when to call again.
    fn start_if_due(&mut self, jobs: &Jobs, found: &Discovered, at: Instant) -> Option<Instant>;

    /// Applies the result of one of its jobs.
    fn take(&mut self, result: Box<dyn Any + Send>, jobs: &Jobs, found: &Discovered) -> Option<Notice>;

    /// No job is running for which a sweep waits.
    fn is_idle(&self) -> bool;
}
