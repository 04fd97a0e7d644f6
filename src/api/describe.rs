//! How a drive is put into words for people at a terminal: the same in `scan`, in the map and in
//! a line about one drive.

use super::drive_summary::DriveSummary;
use crate::domain::drive::DriveState;
use crate::domain::health::Verdict;
use crate::domain::identity::DeviceName;
use crate::domain::text::sanitize;
use crate::domain::zfs::words::VdevRole;

/// Every kernel name: `sda,sdca`.
pub(crate) fn devices(drive: &DriveSummary) -> String {
    drive.paths.iter().map(DeviceName::as_str).collect::<Vec<_>>().join(",")
}

/// What it serves, the place in most trouble first: `tank/raidz2-0`, `tank spare`, `rpool/mirror-0, tank log`; `None` when
/// no pool is known to have it.
pub(crate) fn pool_location(drive: &DriveSummary) -> Option<String> {
    let mut places: Vec<String> = Vec::new();
    for place in &drive.memberships {
        let pool = &place.pool;
        let text = match place.role {
            VdevRole::Data => format!("{pool}/{}", place.vdev),
            role => format!("{pool} {role}"),
        };
        let text = sanitize(text.trim_end());
        // Of a spare in use only the vdev that it helps.
        let is_spare_in_use = place.role == VdevRole::Spare && !places.is_empty();
        if !is_spare_in_use && !places.contains(&text) {
            places.push(text);
        }
    }
    if places.is_empty() { None } else { Some(places.join(", ")) }
}

/// The verdict, and what the drive does where that is not simply answering: `ok`, `missing`,
/// `crit, unresponsive`.
pub(crate) fn verdict(drive: &DriveSummary) -> String {
    match drive.state {
        DriveState::Active => drive.verdict.as_str().to_owned(),
        state if drive.verdict == Verdict::Unknown => state.as_str().to_owned(),
        state => format!("{}, {}", drive.verdict.as_str(), state.as_str()),
    }
}

/// The first reason for the verdict, or why there is none.
pub(crate) fn reason(drive: &DriveSummary) -> Option<String> {
    drive.findings.first().map(|f| f.message.as_str()).or(drive.error.as_deref()).map(sanitize)
}
