//! What a pool does beside serving data, as `zpool status` reports it, and the scan that follows from it.

use super::words::{ActivityKind, ActivityState, ScanKind, ScanState};
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A scrub, a resilver, or something else that zpool reports of a pool: running, paused, or the last one of its kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Activity {
    /// What it is. `rebuild`: a sequential resilver of one vdev. `error_scrub`: a scrub of blocks with known errors.
    /// `expansion`: a disk is added to a raidz group. `removal`: the data of a vdev are moved to the others.
    /// `condense`: maps of free space are rewritten (OpenZFS after 2.4).
    pub(crate) kind: ActivityKind,
    /// The top-level vdev that it works on, or its type alone (`mirror`) where zpool does not print its number; `null`
    /// for the whole pool, or where zpool does not name it.
    pub vdev: Option<String>,
    /// Its state. A checkpoint `exists`, or is `discarding`.
    pub(crate) state: ActivityState,
    /// Of one that runs or is paused, how far it is. Of a trim or an initialization, as far as the least advanced leaf.
    pub done_percent: Option<f64>,
    /// When it began; `null` where zpool does not report it. Of a checkpoint that exists, when it was created. Of a trim
    /// or an initialization that was resumed, when it was suspended: OpenZFS keeps no other time of it.
    pub started_at: Option<Timestamp>,
    /// When it was finished or canceled.
    pub ended_at: Option<Timestamp>,
    /// The lines of zpool, with the zone of their dates; of JSON, a sentence of the same form. Of a trim or an
    /// initialization, the number of its leaves.
    pub(crate) text: Option<String>,
}

impl Eq for Activity {}

impl Activity {
    pub(crate) fn new(kind: ActivityKind, state: ActivityState) -> Self {
        Self { kind, vdev: None, state, done_percent: None, started_at: None, ended_at: None, text: None }
    }

    /// Of two open scans this one is the scan of the pool: a resilver or rebuild before a scrub, a scrub before an
    /// error scrub. Of several rebuilds the least advanced, because redundancy is back only when the last one is done;
    /// one whose progress is unknown counts as such.
    fn precedes(&self, other: &Self) -> bool {
        let rank = |kind| match kind {
            ActivityKind::Resilver | ActivityKind::Rebuild => 0,
            ActivityKind::Scrub => 1,
            _ => 2,
        };
        let progress = |activity: &Self| activity.done_percent.unwrap_or(-1.0);
        match rank(self.kind).cmp(&rank(other.kind)) {
            std::cmp::Ordering::Equal => progress(self) < progress(other),
            order => order.is_lt(),
        }
    }
}

/// The activity that is the scan of the pool: one that runs or is paused, else the one that ended last, else any.
fn scan_among(activities: &[Activity]) -> Option<&Activity> {
    let (mut open, mut ended): (Option<&Activity>, Option<&Activity>) = (None, None);
    for scan in activities.iter().filter(|activity| activity.kind.scan_kind() != ScanKind::None) {
        if scan.state.is_open() {
            if open.is_none_or(|known| scan.precedes(known)) {
                open = Some(scan);
            }
        } else if ended.is_none_or(|known| scan.ended_at > known.ended_at) {
            ended = Some(scan);
        }
    }
    open.or(ended)
}

/// What runs, is paused or exists in a pool beside its scan.
pub(crate) fn open_beside_scan(activities: &[Activity]) -> Vec<&Activity> {
    let scan = scan_among(activities);
    let is_beside = |activity: &&Activity| scan.is_none_or(|scan| !std::ptr::eq(scan, *activity));
    activities.iter().filter(|activity| activity.state.is_open()).filter(is_beside).collect()
}

/// The scrub or resilver that runs or is paused, else the one that ended last. It is one of the activities of the pool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Scan {
    /// What it is. A rebuild (sequential resilver) is a `resilver`, a scrub of known errors is a `scrub`.
    pub(crate) kind: ScanKind,
    /// Its state.
    pub(crate) state: ScanState,
    /// Of one that runs or is paused, how far it is. Of several rebuilds that run, the least advanced.
    pub done_percent: Option<f64>,
    /// Of a rebuild, the top-level vdev that is rebuilt.
    pub(crate) vdev: Option<String>,
    /// When it began; `null` where zpool does not report it.
    pub(crate) started_at: Option<Timestamp>,
    /// When it was finished or canceled.
    pub(crate) ended_at: Option<Timestamp>,
    /// Its `scan:` lines, with the zone of their dates; of JSON, a sentence of the same form.
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
    fn scan_is_what_runs_or_what_ended_last() {
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
    fn of_several_rebuilds_the_least_advanced_is_the_scan() {
        let rebuild = |vdev, percent| running(Rebuild, vdev, percent);
        let vdev = |activities: &[Activity]| Scan::of(activities).vdev;
        let first = [rebuild("mirror-0", Some(25.0)), rebuild("mirror-1", Some(60.0))];
        let second = [rebuild("mirror-0", Some(60.0)), rebuild("mirror-1", Some(25.0))];
        let unknown = [rebuild("mirror-0", Some(60.0)), rebuild("mirror-1", None)];
        assert_eq!(vdev(&first).as_deref(), Some("mirror-0"));
        assert_eq!(vdev(&second).as_deref(), Some("mirror-1"));
        assert_eq!((vdev(&unknown).as_deref(), Scan::of(&unknown).done_percent), (Some("mirror-1"), None));
        let beside: Vec<_> = open_beside_scan(&second).into_iter().map(|other| other.vdev.as_deref()).collect();
        assert_eq!(beside, [Some("mirror-0")]);
    }

    #[test]
    fn only_what_is_open_stands_beside_the_scan() {
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
