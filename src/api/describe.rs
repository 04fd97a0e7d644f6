//! Texts about drives and the activities of pools for people at a terminal: the same in `scan`, in the map and in the
//! line about one drive.

use super::drive_summary::DriveSummary;
use crate::domain::drive::DriveState;
use crate::domain::health::Verdict;
use crate::domain::identity::DeviceName;
use crate::domain::text::sanitize;
use crate::domain::zfs::activity::{Activity, Scan};
use crate::domain::zfs::words::{ActivityKind, ActivityState, ScanKind, ScanState, VdevRole};

/// The block devices of all paths: `sda,sdca`.
pub(crate) fn devices(drive: &DriveSummary) -> String {
    drive.paths.iter().map(DeviceName::as_str).collect::<Vec<_>>().join(",")
}

/// The memberships, the one in the worst state first: `tank/raidz2-0`, `tank spare`, `rpool/mirror-0, tank log`. `None`
/// if the drive is not known to be in a pool.
pub(crate) fn pool_location(drive: &DriveSummary) -> Option<String> {
    let mut places: Vec<String> = Vec::new();
    for place in &drive.memberships {
        let pool = &place.pool;
        let text = match place.role {
            VdevRole::Data => format!("{pool}/{}", place.vdev),
            role => format!("{pool} {role}"),
        };
        let text = sanitize(text.trim_end());
        // For a spare in use, only the vdev in which it replaces a drive.
        let is_spare_in_use = place.role == VdevRole::Spare && !places.is_empty();
        if !is_spare_in_use && !places.contains(&text) {
            places.push(text);
        }
    }
    if places.is_empty() { None } else { Some(places.join(", ")) }
}

/// The verdict, and the state unless it is `active`: `ok`, `missing`, `crit, unresponsive`.
pub(crate) fn verdict(drive: &DriveSummary) -> String {
    match drive.state {
        DriveState::Active => drive.verdict.as_str().to_owned(),
        state if drive.verdict == Verdict::Unknown => state.as_str().to_owned(),
        state => format!("{}, {}", drive.verdict.as_str(), state.as_str()),
    }
}

/// The first reason for the verdict, or why there is none.
pub(crate) fn reason(drive: &DriveSummary) -> Option<String> {
    match drive.findings.first() {
        Some(finding) => Some(sanitize(&finding.message)),
        None => drive.error.as_deref().map(sanitize),
    }
}

/// State of the scan of a pool: `scrub 42 % done`, `resilver of mirror-0 paused, 25 % done`, `scrub finished`.
pub(crate) fn scan(scan: &Scan) -> String {
    let what = with_vdev(scan.kind.as_str(), scan.vdev.as_deref());
    match scan.state {
        ScanState::None if scan.kind == ScanKind::None => "never scrubbed".to_owned(),
        ScanState::InProgress => running(&what, scan.done_percent),
        ScanState::Paused => paused(&what, scan.done_percent),
        state => format!("{what} {state}"),
    }
}

/// An activity of a pool other than its scan: `expansion of raidz1-0 12.5 % done`, `checkpoint exists since …`.
pub(crate) fn activity(activity: &Activity) -> String {
    let kind = match activity.kind {
        ActivityKind::ErrorScrub => "error scrub",
        ActivityKind::Initialize => "initialization",
        kind => kind.as_str(),
    };
    let what = with_vdev(kind, activity.vdev.as_deref());
    match activity.state {
        ActivityState::InProgress => running(&what, activity.done_percent),
        ActivityState::Paused => paused(&what, activity.done_percent),
        ActivityState::Finished | ActivityState::Canceled => format!("{what} {}", activity.state),
        ActivityState::Exists => match activity.started_at {
            Some(start) => format!("{what} exists since {start}"),
            None => format!("{what} exists"),
        },
        ActivityState::Discarding => format!("{what} is being discarded"),
    }
}

fn with_vdev(what: &str, vdev: Option<&str>) -> String {
    match vdev {
        Some(vdev) => format!("{what} of {vdev}"),
        None => what.to_owned(),
    }
}

fn running(what: &str, done_percent: Option<f64>) -> String {
    match done_percent {
        Some(percent) => format!("{what} {percent} % done"),
        None => format!("{what} running"),
    }
}

fn paused(what: &str, done_percent: Option<f64>) -> String {
    match done_percent {
        Some(percent) => format!("{what} paused, {percent} % done"),
        None => format!("{what} paused"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;

    #[test]
    fn activities_of_pools_are_described() {
        let of = |kind, state, vdev: Option<&str>, done_percent, started_at: Option<i64>| Activity {
            vdev: vdev.map(str::to_owned),
            done_percent,
            started_at: started_at.map(Timestamp),
            ..Activity::new(kind, state)
        };
        let (running, paused) = (ActivityState::InProgress, ActivityState::Paused);
        for (shown, expected) in [
            (of(ActivityKind::Rebuild, running, Some("mirror-1"), Some(60.0), None), "rebuild of mirror-1 60 % done"),
            (
                of(ActivityKind::Expansion, paused, Some("raidz1-0"), Some(12.5), None),
                "expansion of raidz1-0 paused, 12.5 % done",
            ),
            (of(ActivityKind::Trim, running, None, None, None), "trim running"),
            (of(ActivityKind::Initialize, paused, None, None, None), "initialization paused"),
            (
                of(ActivityKind::Checkpoint, ActivityState::Exists, None, None, Some(0)),
                "checkpoint exists since 1970-01-01T00:00:00Z",
            ),
            (
                of(ActivityKind::Checkpoint, ActivityState::Discarding, None, None, None),
                "checkpoint is being discarded",
            ),
            (of(ActivityKind::Removal, ActivityState::Finished, None, None, None), "removal finished"),
        ] {
            assert_eq!(activity(&shown), expected);
        }
        assert_eq!(scan(&Scan::default()), "never scrubbed");
        let rebuild = of(ActivityKind::Rebuild, running, Some("mirror-1"), Some(60.0), None);
        assert_eq!(scan(&Scan::of(&[rebuild])), "resilver of mirror-1 60 % done");
        assert_eq!(scan(&Scan::of(&[of(ActivityKind::Scrub, paused, None, None, None)])), "scrub paused");
    }
}
