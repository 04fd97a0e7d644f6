//! A source of facts beside the readings of drives: something that is asked now and then, and answers later.

use super::discovery::Discovered;
use super::jobs::{Jobs, SourceId};
use super::smartctl_monitor::SmartctlTransition;
use std::any::Any;
use std::time::Instant;

/// What a result means for the poller.
#[derive(Debug, PartialEq, Eq)]
pub enum Notice {
    Smartctl(SmartctlTransition),
}

pub(super) trait Source {
    /// The name in its reports.
    fn id(&self) -> SourceId;

    /// A sweep begins: what belongs to one is due.
    fn on_sweep_begin(&mut self) {}

    /// Starts what is due, if it does not run already. Gives when to call again.
    fn start_if_due(&mut self, jobs: &Jobs, found: &Discovered, at: Instant) -> Option<Instant>;

    /// Takes the result of one of its jobs.
    fn take(&mut self, result: Box<dyn Any + Send>, jobs: &Jobs, found: &Discovered) -> Option<Notice>;

    /// Nothing runs that a sweep waits for.
    fn is_idle(&self) -> bool;
}
