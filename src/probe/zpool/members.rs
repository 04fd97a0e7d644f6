//! Which drive each leaf of a pool is.

use crate::domain::drive::DriveKey;
use crate::domain::identity::DeviceName;
use crate::domain::zfs::{Leaf, Zfs};
use crate::probe::links::Links;
use std::collections::HashMap;

/// Gives each leaf the drive behind it, as the names are now. A leaf that is gone has none if it is
/// named for a place, where another drive may be by now. `is_fresh`: nothing was plugged since zpool
/// was asked; else a place means who was there `before`.
pub(crate) fn match_members(zfs: &mut Zfs, links: &Links, before: &Zfs, is_fresh: bool) {
    let known: HashMap<(&str, &str), &DriveKey> = before
        .leaves()
        .filter_map(|(pool, _, leaf)| Some(((pool.name.as_str(), leaf.name.as_str()), leaf.key.as_ref()?)))
        .collect();
    for pool in &mut zfs.pools {
        for leaf in pool.vdevs.iter_mut().flat_map(|v| &mut v.members) {
            leaf.device = if is_fresh || !links.is_place(&leaf.name) {
                drive_of(leaf, links)
            } else {
                known.get(&(pool.name.as_str(), leaf.name.as_str())).and_then(|key| links.device(key)).cloned()
            };
            leaf.key = leaf.device.as_ref().and_then(|device| links.key(device)).cloned();
        }
    }
}

/// The drives stay who they were, by the names that they have now. Who comes to a place that a leaf
/// is named for is not that leaf: only zpool can say so.
pub(crate) fn refresh_device_names(zfs: &mut Zfs, links: &Links) {
    for leaf in zfs.pools.iter_mut().flat_map(|p| &mut p.vdevs).flat_map(|v| &mut v.members) {
        leaf.device = leaf.key.as_ref().and_then(|key| links.device(key)).cloned();
    }
}

fn drive_of(leaf: &Leaf, links: &Links) -> Option<DeviceName> {
    let is_place = links.is_place(&leaf.name);
    if leaf.was.is_some() || is_place && (leaf.is_gone() || leaf.has_other_label) || leaf.is_distributed_spare() {
        return None;
    }
    let named = links.drive(&leaf.name);
    if leaf.is_gone() {
        return named;
    }
    let lasting = || leaf.aliases.iter().filter(|alias| !links.is_place(alias));
    let told = lasting().find_map(|alias| links.drive(alias));
    if !is_place {
        return named.or(told);
    }
    // What ZFS knows of the drive itself comes first. A name that no drive here has says that it is
    // not the one in that place, if that one has such names at all.
    let is_other = lasting().next().is_some() && named.as_ref().is_some_and(|drive| links.is_identified(drive));
    told.or(named.filter(|_| !is_other))
}
