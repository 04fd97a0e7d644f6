//! Series of pools, their vdevs and leaves, as zpool reports them. A host without ZFS has none.

use super::drives::LabeledDrive;
use super::family_writer::{FamilyWriter, Label, bool_value, label_value};
use crate::api::metrics_snapshot::MetricsSnapshot;
use crate::domain::identity::DeviceName;
use crate::domain::zfs::activity::Activity;
use crate::domain::zfs::words::{PoolState, VdevState};
use crate::domain::zfs::{Leaf, Pool, Vdev, ZfsState};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;

/// Each pool has a series for each of these states; any other state has one only while the pool is in it.
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
    writer.gauge("jbod_zfs_up", "1 if the last run of zpool status succeeded", up)?;
    writer.gauge(
        "jbod_zfs_collected_timestamp_seconds",
        "Time of the last successful run of zpool status",
        zfs.collected_at().map(|at| at.0),
    )?;
    pools(writer, &zfs.pools)?;
    vdevs(writer, &zfs.pools)?;
    leaves(writer, &zfs.pools, drives)
}

fn pools(writer: &mut FamilyWriter, pools: &[Pool]) -> fmt::Result {
    writer.gauges(
        "jbod_pool_state",
        "State of the pool (1 for the current state)",
        pools.iter().flat_map(pool_states),
    )?;
    writer.gauges(
        "jbod_pool_has_data_errors",
        "1 if zpool reports lost data in the pool",
        pools.iter().filter_map(|pool| Some((pool_label(pool), bool_value(pool.has_data_errors?)))),
    )?;
    writer.gauges(
        "jbod_pool_scan",
        "Kind and state of the latest scrub or resilver (always 1)",
        pools.iter().map(|pool| {
            let (kind, state) = (pool.scan.kind.as_str(), pool.scan.state.as_str());
            ((pool_label(pool), [("kind", kind), ("state", state)]), 1u64)
        }),
    )?;
    writer.gauges(
        "jbod_pool_scan_done_ratio",
        "Progress of a running scrub or resilver",
        pools.iter().filter_map(|pool| Some((pool_label(pool), pool.scan.done_percent? / 100.0))),
    )?;
    activities(writer, pools)
}

/// A series of each usual state, and of the current one.
fn pool_states(pool: &Pool) -> Vec<(Labels, u64)> {
    let Some(current) = &pool.state else { return Vec::new() };
    let mut states: Vec<&PoolState> = POOL_STATES.iter().collect();
    if !POOL_STATES.contains(current) {
        states.push(current);
    }
    let series = states.into_iter().map(|state| {
        let labels = vec![("pool", owned_label_value(&pool.name)), ("state", owned_label_value(state.as_str()))];
        (labels, bool_value(state == current))
    });
    series.collect()
}

fn pool_label(pool: &Pool) -> [(&'static str, Cow<'_, str>); 1] {
    [("pool", label_value(&pool.name))]
}

fn activities(writer: &mut FamilyWriter, pools: &[Pool]) -> fmt::Result {
    let mut all: Vec<(Labels, &Activity)> = Vec::new();
    for pool in pools {
        all.extend(pool.activities.iter().map(|activity| (activity_labels(pool, activity), activity)));
    }
    keep_first_of_equal_labels(&mut all);
    writer.gauges(
        "jbod_pool_activity",
        "Activity of the pool and its state (always 1); vdev is empty if zpool names none",
        all.iter().map(|(labels, activity)| ((labels.clone(), [("state", activity.state.as_str())]), 1u64)),
    )?;
    writer.gauges(
        "jbod_pool_activity_progress_ratio",
        "Progress of a running or paused activity",
        all.iter().filter_map(|(labels, activity)| Some((labels.clone(), activity.done_percent? / 100.0))),
    )
}

/// A pool may have two vdevs or leaves with equal labels, but an exposition must not have two equal series.
fn keep_first_of_equal_labels<T>(all: &mut Vec<(Labels, T)>) {
    let mut seen = HashSet::new();
    all.retain(|(labels, _)| seen.insert(labels.clone()));
}

fn activity_labels(pool: &Pool, activity: &Activity) -> Labels {
    vec![
        ("pool", owned_label_value(&pool.name)),
        ("kind", activity.kind.as_str().to_owned()),
        ("vdev", owned_label_value(activity.vdev.as_deref().unwrap_or_default())),
    ]
}

fn vdevs(writer: &mut FamilyWriter, pools: &[Pool]) -> fmt::Result {
    let mut all: Vec<(Labels, &Vdev)> = Vec::new();
    for pool in pools {
        all.extend(pool.vdevs.iter().map(|vdev| (vdev_labels(pool, vdev), vdev)));
    }
    keep_first_of_equal_labels(&mut all);
    writer.gauges(
        "jbod_vdev_state",
        "State of the top-level vdev (always 1)",
        all.iter().filter_map(|(labels, vdev)| state_series(labels, vdev.state.as_ref())),
    )?;
    writer.counters(
        "jbod_vdev_errors_total",
        "Errors of the top-level vdev since the counters were last cleared",
        all.iter()
            .flat_map(|(labels, vdev)| error_series(labels, vdev.read_errors, vdev.write_errors, vdev.checksum_errors)),
    )
}

fn leaves(writer: &mut FamilyWriter, pools: &[Pool], drives: &[LabeledDrive]) -> fmt::Result {
    let present = drives.iter().filter(|drive| drive.is_present());
    let serials: HashMap<&str, &str> =
        present.map(|drive| (drive.summary.device.as_str(), &*drive.serial_number)).collect();
    let mut all: Vec<(Labels, &Leaf)> = Vec::new();
    for pool in pools {
        for vdev in &pool.vdevs {
            all.extend(vdev.members.iter().map(|leaf| (leaf_labels(pool, vdev, leaf, &serials), leaf)));
        }
    }
    keep_first_of_equal_labels(&mut all);
    writer.gauges(
        "jbod_leaf_state",
        "State of the leaf in its vdev (always 1); device is empty if the leaf is not on a drive of this host",
        all.iter().filter_map(|(labels, leaf)| state_series(labels, leaf.state.as_ref())),
    )?;
    writer.counters(
        "jbod_leaf_errors_total",
        "Errors of the leaf since the counters were last cleared",
        all.iter()
            .flat_map(|(labels, leaf)| error_series(labels, leaf.read_errors, leaf.write_errors, leaf.checksum_errors)),
    )
}

type StateSeries<'a> = ((Labels, [(&'static str, Cow<'a, str>); 1]), u64);

fn state_series<'a>(labels: &Labels, state: Option<&'a VdevState>) -> Option<StateSeries<'a>> {
    let state = label_value(state?.as_str());
    Some(((labels.clone(), [("state", state)]), 1))
}

fn error_series(
    labels: &Labels,
    read: Option<u64>,
    write: Option<u64>,
    checksum: Option<u64>,
) -> impl Iterator<Item = ((Labels, [Label<'static>; 1]), u64)> {
    let kinds = [("read", read), ("write", write), ("checksum", checksum)];
    kinds.into_iter().filter_map(|(kind, count)| Some(((labels.clone(), [("type", kind)]), count?)))
}

fn vdev_labels(pool: &Pool, vdev: &Vdev) -> Labels {
    vec![
        ("pool", owned_label_value(&pool.name)),
        ("vdev", owned_label_value(&vdev.name)),
        ("role", vdev.role.as_str().to_owned()),
    ]
}

fn leaf_labels(pool: &Pool, vdev: &Vdev, leaf: &Leaf, serials: &HashMap<&str, &str>) -> Labels {
    let device = leaf.device.as_ref().map(DeviceName::as_str).unwrap_or_default();
    let serial = serials.get(device).copied().unwrap_or_default();
    let mut labels = vdev_labels(pool, vdev);
    labels.push(("leaf", owned_label_value(&leaf.name)));
    labels.extend([("device", device.to_owned()), ("serial_number", serial.to_owned())]);
    labels
}

fn owned_label_value(name: &str) -> String {
    label_value(name).into_owned()
}
