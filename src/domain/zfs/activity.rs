//! Activities of a pool beside serving data, as `zpool status` reports them, and the scan among them.

use super::words::{ActivityKind, ActivityState, ScanKind, ScanState};
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// A scrub, a resilver, or another activity of a pool: running, paused, or the last one of its kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Activity {
    /// Its kind. `rebuild`: a sequential resilver of one vdev. `error_scrub`: a scrub of blocks with known errors.
    /// `expansion`: a disk is added to a raidz group. `removal`: the data of a vdev are moved to the others.
    /// `condense`: maps of free space are rewritten (OpenZFS after 2.4).
    pub(crate) kind: ActivityKind,
    /// The top-level vdev that it works on, or its type alone (`mirror`) if zpool does not print its number; `null` for the
    /// entire pool, or if zpool does not name it.
    pub vdev: Option<String>,
    /// Its state. A checkpoint `exists`, or is `discarding`.
    pub(crate) state: ActivityState,
    /// Progress of an activity that runs or is paused; of a trim or an initialization, that of the least advanced leaf.
    pub done_percent: Option<f64>,
    /// When it began; `null` if zpool does not report it. For a checkpoint that exists, when it was created. For a trim or
    /// an initialization that was resumed, when it was suspended: OpenZFS keeps no other time.
    pub started_at: Option<Timestamp>,
    /// When it was finished or canceled.
    pub ended_at: Option<Timestamp>,
    /// The lines of zpool, with the time zone of their dates; from zpool's JSON, a sentence of the same form. For a trim or
    /// an initialization, the number of its leaves.
    pub(crate) text: Option<String>,
}

impl Eq for Activity {}

impl Activity {
    pub(crate) fn new(kind: ActivityKind, state: ActivityState) -> Self {
        Self { kind, vdev: None, state, done_percent: None, started_at: None, ended_at: None, text: None }
    }

    /// This one is the scan of the pool, rather than `other`, if both are open. A resilver or rebuild precedes a scrub, which
    /// precedes an error scrub. Of several rebuilds the least advanced precedes, because redundancy is restored only when the
    /// last one ends; unknown progress counts as the least.
    fn precedes(&self, other: &Self) -> bool {
        match self.scan_rank().cmp(&other.scan_rank()) {
            Ordering::Equal => self.done_percent.unwrap_or(-1.0) < other.done_percent.unwrap_or(-1.0),
            order => order.is_lt(),
        }
    }

    fn scan_rank(&self) -> u8 {
        match self.kind {
            ActivityKind::Resilver | ActivityKind::Rebuild => 0,
            ActivityKind::Scrub => 1,
            _ => 2,
        }
    }
}

/// The activity that is the scan of the pool: one that runs or is paused, else the one that ended last, else any.
fn scan_among(activities: &[Activity]) -> Option<&Activity> {
    let (mut open, mut ended): (Option<&Activity>, Option<&Activity>) = (None, None);
    for scan in activities.iter().filter(|activity| activity.kind.scan_kind() != ScanKind::None) {
        if scan.state.is_open() {
            open = match open {
                Some(known) if !scan.precedes(known) => Some(known),
                _ => Some(scan),
            };
        } else {
            ended = match ended {
                Some(known) if scan.ended_at <= known.ended_at => Some(known),
                _ => Some(scan),
            };
        }
    }
    open.or(ended)
}

/// The activities that run, are paused or exist beside the scan of the pool.
pub(crate) fn open_beside_scan(activities: &[Activity]) -> Vec<&Activity> {
    let mut open: Vec<&Activity> = activities.iter().filter(|activity| activity.state.is_open()).collect();
    if let Some(scan) = scan_among(activities) {
        open.retain(|activity| !std::ptr::eq(scan, *activity));
    }
    open
}

/// The scrub or resilver that runs or is paused, else the one that ended last. It is one of the activities of the pool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Scan {
    /// Its kind. A rebuild (sequential resilver) is a `resilver`, a scrub of known errors is a `scrub`.
    pub(crate) kind: ScanKind,
    /// Its state.
    pub(crate) state: ScanState,
    /// Progress of a scan that runs or is paused; if several rebuilds run, that of the least advanced.
    pub done_percent: Option<f64>,
    /// The top-level vdev that a rebuild works on.
    pub(crate) vdev: Option<String>,
    /// When it began; `null` if zpool does not report it.
    pub(crate) started_at: Option<Timestamp>,
    /// When it was finished or canceled.
    pub(crate) ended_at: Option<Timestamp>,
    /// Its `scan:` lines, with the time zone of their dates; from zpool's JSON, a sentence of the same form.
    pub(crate) text: Option<String>,
}

impl Eq for Scan {}

impl Scan {
    /// The scan of a pool with these activities.
    pub(crate) fn of(activities: &[Activity]) -> Self {
        let Some(scan) = scan_among(activities) else { return Self::default() };
        Self {
            kind: scan.kind.scan_kind(),
            state: scan.state.scan_state(),
            done_percent: scan.done_percent,
            vdev: scan.vdev.clone(),
            started_at: scan.started_at,
            ended_at: scan.ended_at,
            text: scan.text.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ActivityKind::{Checkpoint, ErrorScrub, Expansion, Rebuild, Removal, Resilver, Scrub};
    use super::ActivityState::{Canceled, Exists, Finished, InProgress, Paused};
    use super::*;

    fn ended(kind: ActivityKind, at: i64) -> Activity {
        Activity { ended_at: Some(Timestamp(at)), ..Activity::new(kind, Finished) }
    }

    fn running(kind: ActivityKind, vdev: &str, percent: Option<f64>) -> Activity {
        Activity { vdev: Some(vdev.to_owned()), done_percent: percent, ..Activity::new(kind, InProgress) }
    }

    #[test]
    fn scan_is_the_open_one_or_the_one_that_ended_last() {
        let paused = Activity::new(Scrub, Paused);
        let undated = Activity::new(Resilver, Canceled);
        for (activities, expected) in [
            (vec![], "none none None -"),
            (vec![Activity::new(Checkpoint, Exists), ended(Removal, 9)], "none none None -"),
            (vec![ended(Scrub, 5), ended(Rebuild, 7)], "resilver finished None 7"),
            (vec![ended(Scrub, 8), ended(Rebuild, 7)], "scrub finished None 8"),
            (vec![ended(Scrub, 5), ended(ErrorScrub, 6)], "scrub finished None 6"),
            (vec![ended(Scrub, 5), undated.clone()], "scrub finished None 5"),
            (vec![undated], "resilver canceled None -"),
            (vec![ended(Scrub, 9), running(Rebuild, "mirror-0", Some(1.0))], "resilver in_progress Some(1.0) -"),
            (vec![paused.clone(), running(Resilver, "", Some(1.0))], "resilver in_progress Some(1.0) -"),
            (vec![running(ErrorScrub, "", Some(2.0)), paused], "scrub paused None -"),
        ] {
            let scan = Scan::of(&activities);
            let end = scan.ended_at.map_or_else(|| "-".to_owned(), |end| end.0.to_string());
            let shown = format!("{} {} {:?} {end}", scan.kind, scan.state, scan.done_percent);
            assert_eq!(shown, expected, "{activities:?}");
        }
    }

    #[test]
    fn least_advanced_of_several_rebuilds_is_the_scan() {
        for (first, second, scan, other) in [
            (Some(25.0), Some(60.0), "mirror-0", "mirror-1"),
            (Some(60.0), Some(25.0), "mirror-1", "mirror-0"),
            (Some(60.0), None, "mirror-1", "mirror-0"),
        ] {
            let activities = [running(Rebuild, "mirror-0", first), running(Rebuild, "mirror-1", second)];
            assert_eq!(Scan::of(&activities).vdev.as_deref(), Some(scan), "{first:?} {second:?}");
            let beside = open_beside_scan(&activities);
            assert_eq!(beside.iter().map(|activity| activity.vdev.as_deref()).collect::<Vec<_>>(), [Some(other)]);
        }
    }

    #[test]
    fn only_open_activities_are_beside_the_scan() {
        let activities = [
            ended(Scrub, 5),
            running(Expansion, "raidz1-0", None),
            ended(Removal, 4),
            Activity::new(Checkpoint, Exists),
        ];
        let kinds: Vec<_> = open_beside_scan(&activities).into_iter().map(|activity| activity.kind).collect();
        assert_eq!(kinds, [Expansion, Checkpoint]);
        assert!(open_beside_scan(&activities[..1]).is_empty());
    }
}
