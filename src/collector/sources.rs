//! All sources besides the drives. A new source is a field and an entry here.

use super::discovery::Discovered;
use super::enclosure_reader::EnclosureReader;
use super::jobs::{JobReport, Jobs};
use super::pools::PoolReader;
use super::smartctl_monitor::SmartctlMonitor;
use super::source::{Notice, Source};
use std::time::Instant;

/// The sources.
#[derive(Default)]
pub(super) struct Sources {
    pub(super) pools: PoolReader,
    pub(super) enclosures: EnclosureReader,
    pub(super) smartctl: SmartctlMonitor,
}

impl Sources {
    pub(super) fn all(&mut self) -> [&mut dyn Source; 3] {
        [&mut self.pools, &mut self.enclosures, &mut self.smartctl]
    }

    /// Starts due jobs. Returns when to call again.
    pub(super) fn start_due(&mut self, jobs: &Jobs, found: &Discovered, at: Instant) -> Option<Instant> {
        let mut next = None;
        for source in self.all() {
            let due = source.start_if_due(jobs, found, at);
            next = next.into_iter().chain(due).min();
        }
        next
    }

    /// Applies a report. `None` if there is nothing for the poller to handle.
    pub(super) fn take(&mut self, report: JobReport, jobs: &Jobs, found: &Discovered) -> Option<Notice> {
        for source in self.all() {
            if source.id() == report.source {
                return source.take(report.result, jobs, found);
            }
        }
        None
    }

    pub(super) fn are_idle(&mut self) -> bool {
        self.all().iter().all(|source| source.is_idle())
    }
}
