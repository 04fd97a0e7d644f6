//! Assigns activities to a pool, for both formats.

use super::limits::MAX_TEXT_BYTES;
use super::scalars::cut_to;
#[cfg(test)]
use crate::domain::time::Timestamp;
use crate::domain::zfs::activity::{Activity, Scan};
use crate::domain::zfs::words::ActivityKind;
use crate::domain::zfs::{Pool, Vdev};
use std::collections::HashSet;

/// Sets the activities of a pool in their order, its scan, and which of its vdevs are being rebuilt.
pub(super) fn assign(pool: &mut Pool, mut activities: Vec<Activity>) {
    // The sort is stable, so rebuilds keep the order of their vdevs.
    activities.sort_by_key(|activity| activity.kind);
    let mut rebuilt: HashSet<&str> = HashSet::new();
    for activity in &activities {
        if activity.kind == ActivityKind::Rebuild && activity.state.is_open() {
            rebuilt.extend(activity.vdev.as_deref());
        }
    }
    for vdev in &mut pool.vdevs {
        vdev.is_rebuilding = rebuilt.contains(vdev.name.as_str());
    }
    pool.scan = Scan::of(&activities);
    pool.activities = activities;
}

/// The name of the top-level vdev that zpool names by its type alone (`mirror` for `mirror-1`), or by its path. If
/// several vdevs have that type, the name is unchanged.
pub(super) fn vdev_named(vdevs: &[Vdev], name: &str) -> String {
    let name = cut_to(name.rsplit('/').next().unwrap_or(name), MAX_TEXT_BYTES);
    if vdevs.iter().any(|vdev| vdev.name == name) {
        return name.to_owned();
    }
    let mut of_type = vdevs.iter().filter(|vdev| is_of_type(vdev, name));
    match (of_type.next(), of_type.next()) {
        (Some(only), None) => only.name.clone(),
        _ => name.to_owned(),
    }
}

fn is_of_type(vdev: &Vdev, name: &str) -> bool {
    match vdev.name.rsplit_once('-') {
        Some((stem, _)) => stem == name,
        None => false,
    }
}

/// An activity as tests compare it: kind, vdev, state, percent, start and end.
#[cfg(test)]
pub(super) fn line(activity: &Activity, time: fn(Timestamp) -> String) -> String {
    let percent = activity.done_percent.map(|percent| percent.to_string());
    let optional = [activity.vdev.clone(), percent, activity.started_at.map(time), activity.ended_at.map(time)];
    let [vdev, percent, start, end] = optional.map(|field| field.unwrap_or_else(|| "-".to_owned()));
    format!("{} {vdev} {} {percent} {start} {end}", activity.kind, activity.state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_names_a_vdev_if_only_one_has_it() {
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
