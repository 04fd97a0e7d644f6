//! Limits of zpool's output, and the errors for output that exceeds them.

use crate::domain::zfs::{Leaf, Pool};

pub(super) const MAX_OUTPUT_BYTES: usize = 16 * 1024 * 1024;

/// Maximum total number of pools, vdevs, leaves and activities: each of 10,000 drives may be in three pools. Output
/// with more is rejected, since a part of it would show drives without their pool.
pub(super) const MAX_ENTRIES: usize = 40_000;

/// Maximum total size in bytes of the names and messages of all pools, which are copied often. Enough for 25,000 leaves
/// with path and devid.
pub(super) const MAX_KEPT_BYTES: usize = 6 * 1024 * 1024;

/// Maximum length of a name or message of zpool; longer text is truncated.
pub(super) const MAX_TEXT_BYTES: usize = 4096;

/// Maximum length of the name of a group; each of its leaves has a copy.
pub(super) const MAX_GROUP_BYTES: usize = 256;

/// Why an output was not parsed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is invalid, or lacks the pools.
    Broken,
    /// The limit that it exceeds.
    TooMuch(String),
}

pub(super) fn too_many() -> Unread {
    Unread::TooMuch(format!("it has over {MAX_ENTRIES} pools, vdevs, leaves and activities"))
}

pub(super) fn too_long() -> Unread {
    Unread::TooMuch(format!("its names and messages have over {MAX_KEPT_BYTES} bytes"))
}

pub(super) fn bytes_of_leaf(leaf: &Leaf) -> usize {
    let state = leaf.state.as_ref().map_or(0, |state| state.as_str().len());
    let texts = [&leaf.name].into_iter().chain(&leaf.aliases);
    let texts = texts.chain([&leaf.note, &leaf.group, &leaf.was].into_iter().flatten());
    state + texts.map(String::len).sum::<usize>()
}

/// Without its vdevs.
pub(super) fn bytes_of_pool(pool: &Pool) -> usize {
    let state = pool.state.as_ref().map_or(0, |state| state.as_str().len());
    let messages = [&pool.status, &pool.action, &pool.errors, &pool.scan.text, &pool.scan.vdev];
    let activities = pool.activities.iter().flat_map(|activity| [&activity.text, &activity.vdev]);
    let texts = messages.into_iter().chain(activities).flatten();
    state + pool.name.len() + texts.map(String::len).sum::<usize>()
}
