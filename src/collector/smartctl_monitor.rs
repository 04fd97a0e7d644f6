//! Monitors smartctl: checks its version once, and again when its file has appeared or changed.

use super::discovery::Discovered;
use super::jobs::{Jobs, SourceId};
use super::source::{Notice, Source};
use crate::probe::exec::Stuck;
use crate::probe::tools::{self, FileId, Smartctl, VersionCheck};
use std::any::Any;
use std::time::{Duration, Instant};

/// Interval between checks while the version is not recognized.
const RECHECK_INTERVAL: Duration = Duration::from_secs(60);

/// A change that is logged.
#[derive(Debug, PartialEq, Eq)]
pub enum SmartctlTransition {
    BecameUnusable(Smartctl),
    Recovered(Smartctl),
}

#[derive(Debug, Default)]
pub(super) struct SmartctlMonitor {
    is_due: bool,
    now: Option<Smartctl>,
    /// The file that was checked last, and when.
    asked: Option<(Option<FileId>, Instant)>,
    is_running: bool,
    /// The last child, if it outlived its SIGKILL. No other is started while it runs.
    stuck: Option<Stuck>,
}

impl SmartctlMonitor {
    /// Requests a check if the version is unknown or may have changed.
    pub(super) fn request(&mut self) {
        self.is_due = true;
    }

    /// smartctl was never checked, its file has changed, or its version was not recognized and the next check is due.
    /// False while a stuck child of the last check runs.
    fn needs_check(&mut self, file: Option<FileId>, at: Instant) -> bool {
        let Some((asked_file, last)) = self.asked else { return true };
        if let Some(stuck) = self.stuck.as_mut()
            && !stuck.has_ended()
        {
            return false;
        }
        self.stuck = None;
        let is_unrecognized = matches!(self.now, Some(Smartctl::Unrecognized { .. }));
        let is_old = at.saturating_duration_since(last) >= RECHECK_INTERVAL;
        is_unrecognized && is_old || file != asked_file
    }

    /// Records a result; returns a change. A usable smartctl at the start is not a change.
    fn record(&mut self, checked: VersionCheck) -> Option<SmartctlTransition> {
        self.is_running = false;
        self.stuck = checked.stuck;
        let answer = checked.tool?;
        let before = self.now.replace(answer.clone());
        if !answer.is_ok() {
            if before.as_ref() == Some(&answer) {
                return None;
            }
            return Some(SmartctlTransition::BecameUnusable(answer));
        }
        match before {
            Some(before) if !before.is_ok() => Some(SmartctlTransition::Recovered(answer)),
            _ => None,
        }
    }

    /// Its problem, as a sentence.
    pub(super) fn problem(&self) -> Option<String> {
        let smartctl = self.now.as_ref()?;
        if smartctl.is_ok() { None } else { Some(smartctl.to_string()) }
    }
}

impl Source for SmartctlMonitor {
    fn id(&self) -> SourceId {
        "smartctl"
    }

    fn start_if_due(&mut self, jobs: &Jobs, _: &Discovered, at: Instant) -> Option<Instant> {
        if !std::mem::take(&mut self.is_due) || self.is_running {
            return None;
        }
        let file = jobs.host().smartctl().and_then(|program| tools::file_id(&program));
        if self.needs_check(file, at) {
            self.asked = Some((file, at));
            self.is_running = true;
            jobs.run(self.id(), tools::check_smartctl);
        }
        None
    }

    fn take(&mut self, result: Box<dyn Any + Send>, _: &Jobs, _: &Discovered) -> Option<Notice> {
        let checked = result.downcast::<VersionCheck>().ok()?;
        self.record(*checked).map(Notice::Smartctl)
    }

    /// No sweep waits for it.
    fn is_idle(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::tools::Version;
    use std::path::PathBuf;

    #[test]
    fn an_outage_is_two_transitions() {
        let path = PathBuf::from("/usr/sbin/smartctl");
        let good = Smartctl::Ok { version: Version(7, 4), path: path.clone() };
        let old = Smartctl::TooOld { version: Version(6, 6), path: path.clone() };
        let missing = Smartctl::Missing { named: Some(path) };
        let mut monitor = SmartctlMonitor::default();
        assert_eq!(monitor.record(good.clone().into()), None, "usable from the start");
        assert_eq!(monitor.record(old.clone().into()), Some(SmartctlTransition::BecameUnusable(old.clone())));
        assert_eq!(monitor.record(old.into()), None, "reported already");
        assert!(monitor.problem().unwrap().contains("6.6 (/usr/sbin/smartctl) is older than 7.0"));
        assert_eq!(
            monitor.record(missing.clone().into()),
            Some(SmartctlTransition::BecameUnusable(missing)),
            "another problem"
        );
        assert_eq!(monitor.record(good.clone().into()), Some(SmartctlTransition::Recovered(good)));
        assert_eq!(monitor.problem(), None);
    }
}
