//! Series of pools, their vdevs and leaves, as zpool reports them. A host without ZFS has none.

use super::drives::LabeledDrive;
use super::family_writer::{FamilyWriter, Label, bool_value, label_value};
use crate::api::metrics_snapshot::MetricsSnapshot;
use crate::domain::zfs::activity::Activity;
use crate::domain::zfs::words::PoolState;
use crate::domain::zfs::{Leaf, Pool, Vdev, ZfsState};
use std::collections::{HashMap, HashSet};
use std::fmt;

/// Each pool has a series for each of these states; another state has one while the pool is in it.
static POOL_STATES: [PoolState; 5] =
    [PoolState::Online, PoolState::Degraded, PoolState::Faulted, PoolState::Unavail, PoolState::Suspended];
/// `pool`, `vdev`, `role`, and the like. Owned, because names are sanitized.
type Labels = Vec<(&'static str, String)>;

pub(super) fn write(writer: &mut FamilyWriter, snapshot: &MetricsSnapshot, drives: &[LabeledDrive]) -> fmt::Result {
    let zfs = &snapshot.zfs;
    let up = match zfs.state {
        ZfsState::NotAsked => None,
        // A host without ZFS is not degraded.
        ZfsState::NotInstalled if zfs.error.is_none() => None,
        ZfsState::NotInstalled | ZfsState::Read { .. } => Some(bool_value(zfs.error.is_none())),
    };
    writer.gauge("jbod_zfs_up", "1 while zpool tells the pools", up)?;
    writer.gauge(
        "jbod_zfs_collected_timestamp_seconds",
        "When zpool last told the pools",
        zfs.collected_at().map(|at| at.0),
    )?;
    pools(writer, &zfs.pools)?;
    vdevs(writer, &zfs.pools)?;
    leaves(writer, &zfs.pools, drives)
}

fn pools(writer: &mut FamilyWriter, pools: &[Pool]) -> fmt::Result {
    writer.gauges(
        "jbod_pool_state",
        "State of the pool; 1 at the one it is in",
        pools.iter().filter_map(|p| Some((p, p.state.as_ref()?))).flat_map(|(p, now)| {
            let other = Some(now).filter(|now| !POOL_STATES.contains(now));
            POOL_STATES.iter().chain(other).map(move |state| {
                (
                    vec![("pool", owned_label_value(&p.name)), ("state", owned_label_value(state.as_str()))],
                    bool_value(state == now),
                )
            })
        }),
    )?;
    writer.gauges(
        "jbod_pool_has_data_errors",
        "1 while zpool knows of data that is lost",
        pools.iter().filter_map(|p| Some(([("pool", label_value(&p.name))], bool_value(p.has_data_errors?)))),
    )?;
    writer.gauges(
        "jbod_pool_scan",
        "1, at what the newest scrub or resilver is and how far it has come",
        pools.iter().map(|p| {
            let what = [("kind", p.scan.kind.as_str()), ("state", p.scan.state.as_str())];
            (([("pool", owned_label_value(&p.name))], what), 1u64)
        }),
    )?;
    writer.gauges(
        "jbod_pool_scan_done_ratio",
        "Of a scrub or resilver under way, how much is done",
        pools.iter().filter_map(|p| Some(([("pool", label_value(&p.name))], p.scan.done_percent? / 100.0))),
    )?;
    activities(writer, pools)
}

fn activities(writer: &mut FamilyWriter, pools: &[Pool]) -> fmt::Result {
    let mut seen = HashSet::new();
    let all = pools.iter().flat_map(|p| p.activities.iter().map(move |activity| (p, activity)));
    let all: Vec<(Labels, &Activity)> = all
        .map(|(p, activity)| (activity_labels(p, activity), activity))
        .filter(|(labels, _)| seen.insert(labels.clone()))
        .collect();
    writer.gauges(
        "jbod_pool_activity",
        "1, at each activity of the pool and its state; vdev is empty where zpool names none",
        all.iter().map(|(labels, activity)| ((labels.clone(), [("state", activity.state.as_str())]), 1u64)),
    )?;
    writer.gauges(
        "jbod_pool_activity_progress_ratio",
        "Of an activity that runs or is paused, how much is done",
        all.iter().filter_map(|(labels, activity)| Some((labels.clone(), activity.done_percent? / 100.0))),
    )
}

fn activity_labels(pool: &Pool, activity: &Activity) -> Labels {
    vec![
        ("pool", owned_label_value(&pool.name)),
        ("kind", activity.kind.as_str().to_owned()),
        ("vdev", owned_label_value(activity.vdev.as_deref().unwrap_or_default())),
    ]
}

fn vdevs(writer: &mut FamilyWriter, pools: &[Pool]) -> fmt::Result {
    let mut seen = HashSet::new();
    let all = pools.iter().flat_map(|p| p.vdevs.iter().map(move |v| (p, v)));
    let all: Vec<(Labels, &Vdev)> =
        all.map(|(p, v)| (vdev_labels(p, v), v)).filter(|(labels, _)| seen.insert(labels.clone())).collect();
    writer.gauges(
        "jbod_vdev_state",
        "1, at the state of the top-level vdev",
        all.iter().filter_map(|(labels, v)| {
            Some(((labels.clone(), [("state", label_value(v.state.as_ref()?.as_str()))]), 1u64))
        }),
    )?;
    writer.counters(
        "jbod_vdev_errors_total",
        "Errors of the top-level vdev since they were last cleared",
        all.iter().flat_map(|(labels, v)| {
            errors(v.read_errors, v.write_errors, v.checksum_errors).map(|(kind, n)| ((labels.clone(), kind), n))
        }),
    )
}

fn leaves(writer: &mut FamilyWriter, pools: &[Pool], drives: &[LabeledDrive]) -> fmt::Result {
    let present = drives.iter().filter(|d| d.is_present());
    let serials: HashMap<&str, &str> = present.map(|d| (d.summary.device.as_str(), &*d.serial_number)).collect();
    let mut seen = HashSet::new();
    let all = pools.iter().flat_map(|p| p.vdevs.iter().flat_map(move |v| v.members.iter().map(move |l| (p, v, l))));
    let all: Vec<(Labels, &Leaf)> = all
        .map(|(p, v, l)| (leaf_labels(p, v, l, &serials), l))
        .filter(|(labels, _)| seen.insert(labels.clone()))
        .collect();
    writer.gauges(
        "jbod_leaf_state",
        "1, at the state of the disk in its vdev; without device where no drive here is it",
        all.iter().filter_map(|(labels, l)| {
            Some(((labels.clone(), [("state", label_value(l.state.as_ref()?.as_str()))]), 1u64))
        }),
    )?;
    writer.counters(
        "jbod_leaf_errors_total",
        "Errors of the disk in its vdev since they were last cleared",
        all.iter().flat_map(|(labels, l)| {
            errors(l.read_errors, l.write_errors, l.checksum_errors).map(|(kind, n)| ((labels.clone(), kind), n))
        }),
    )
}

fn vdev_labels(pool: &Pool, vdev: &Vdev) -> Labels {
    vec![
        ("pool", owned_label_value(&pool.name)),
        ("vdev", owned_label_value(&vdev.name)),
        ("role", vdev.role.as_str().to_owned()),
    ]
}

fn leaf_labels(pool: &Pool, vdev: &Vdev, leaf: &Leaf, serials: &HashMap<&str, &str>) -> Labels {
    let device = leaf.device.as_ref().map_or("", |device| device.as_str());
    let serial = serials.get(device).copied().unwrap_or_default();
    let mut labels = vdev_labels(pool, vdev);
    labels.push(("leaf", owned_label_value(&leaf.name)));
    labels.extend([("device", device.to_owned()), ("serial_number", serial.to_owned())]);
    labels
}

fn errors(
    read: Option<u64>,
    write: Option<u64>,
    cksum: Option<u64>,
) -> impl Iterator<Item = ([Label<'static>; 1], u64)> {
    let kinds = [("read", read), ("write", write), ("checksum", cksum)];
    kinds.into_iter().filter_map(|(kind, n)| Some(([("type", kind)], n?)))
}

fn owned_label_value(name: &str) -> String {
    label_value(name).into_owned()
}
