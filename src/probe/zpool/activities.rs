//! What both formats end with: a pool gets its activities, and what follows from them.

use super::limits::MAX_TEXT_BYTES;
use super::scalars::cut_to;
#[cfg(test)]
use crate::domain::time::Timestamp;
use crate::domain::zfs::activity::{Activity, Scan};
use crate::domain::zfs::words::ActivityKind;
use crate::domain::zfs::{Pool, Vdev};
use std::collections::HashSet;

/// Activities in their order, the scan of the pool, and which vdevs are being rebuilt.
pub(super) fn assign(pool: &mut Pool, mut activities: Vec<Activity>) {
    // Rebuilds stay in the order of their vdevs.
    activities.sort_by_key(|activity| activity.kind);
    let is_rebuild = |activity: &&Activity| activity.kind == ActivityKind::Rebuild && activity.state.is_open();
    let rebuilt: HashSet<&str> =
        activities.iter().filter(is_rebuild).filter_map(|rebuild| rebuild.vdev.as_deref()).collect();
    for vdev in &mut pool.vdevs {
        vdev.is_rebuilding = rebuilt.contains(vdev.name.as_str());
    }
    pool.scan = Scan::of(&activities);
    pool.activities = activities;
}

/// The top-level vdev that zpool names by its type alone (`mirror` of `mirror-1`), or by its path. If several may be
/// meant, the name stays as it is.
pub(super) fn vdev_named(vdevs: &[Vdev], name: &str) -> String {
    let name = cut_to(name.rsplit('/').next().unwrap_or(name), MAX_TEXT_BYTES);
    let is_of_type = |vdev: &&Vdev| vdev.name.rsplit_once('-').is_some_and(|(stem, _)| stem == name);
    let mut of_type = vdevs.iter().filter(is_of_type);
    match (vdevs.iter().any(|vdev| vdev.name == name), of_type.next(), of_type.next()) {
        (false, Some(only), None) => only.name.clone(),
        _ => name.to_owned(),
    }
}

/// An activity as tests compare it: kind, vdev, state, percent, start and end.
#[cfg(test)]
pub(super) fn line(activity: &Activity, time: fn(Timestamp) -> String) -> String {
    let or_none = |field: Option<String>| field.unwrap_or_else(|| "-".to_owned());
    let [start, end] = [activity.started_at, activity.ended_at].map(|at| or_none(at.map(time)));
    let percent = or_none(activity.done_percent.map(|percent| percent.to_string()));
    let vdev = or_none(activity.vdev.clone());
    format!("{} {vdev} {} {percent} {start} {end}", activity.kind, activity.state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_names_a_vdev_if_there_is_one_of_it() {
        let vdevs =
            ["mirror-0", "mirror-1", "raidz1-2", "sdq1"].map(|name| Vdev { name: name.to_owned(), ..Vdev::default() });
        for (name, expected) in [
            ("/dev/sdq1", "sdq1"),
            ("raidz1", "raidz1-2"),
            ("mirror", "mirror"),
            ("mirror-1", "mirror-1"),
            ("/dev/disk/by-id/wwn-0x50abcde000000001-part1", "wwn-0x50abcde000000001-part1"),
        ] {
            assert_eq!(vdev_named(&vdevs, name), expected);
        }
    }
}
