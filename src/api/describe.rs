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

/// What it serves: `tank/raidz2-0`, `tank spare`; `None` when no pool is known to have it.
pub(crate) fn pool_location(drive: &DriveSummary) -> Option<String> {
    let pool = drive.pool.as_deref()?;
    let place = match (&drive.vdev, drive.role) {
        (Some(vdev), Some(VdevRole::Data)) => format!("{pool}/{vdev}"),
        (_, Some(role)) => format!("{pool} {role}"),
        (_, None) => pool.to_owned(),
    };
    Some(sanitize(place.trim_end()))
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
