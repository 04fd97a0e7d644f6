//! Matches the leaves of pools with drives.

use crate::domain::drive::DriveKey;
use crate::domain::identity::DeviceName;
use crate::domain::zfs::{Leaf, Zfs};
use crate::probe::links::Links;
use std::collections::HashMap;

/// Matches each leaf with its drive by the current names. A leaf that is gone and named for a location matches none: another
/// drive may be there. `unchanged_since_query`: the topology has not changed since zpool was run; otherwise a location
/// means the drive that was there in `before`.
pub(crate) fn match_members(zfs: &mut Zfs, links: &Links, before: &Zfs, unchanged_since_query: bool) {
    let known: HashMap<(&str, &str), &DriveKey> = before
        .leaves()
        .filter_map(|(pool, _, leaf)| Some(((pool.name.as_str(), leaf.name.as_str()), leaf.key.as_ref()?)))
        .collect();
    for pool in &mut zfs.pools {
        for leaf in pool.vdevs.iter_mut().flat_map(|v| &mut v.members) {
            let device = if unchanged_since_query || !links.is_location_name(&leaf.name) {
                drive_of(leaf, links)
            } else {
                known.get(&(pool.name.as_str(), leaf.name.as_str())).and_then(|key| links.device(key)).cloned()
            };
            leaf.key = device.as_ref().and_then(|device| links.key(device)).cloned();
            set_device(leaf, device, links);
        }
    }
}

/// Updates the device names of the matched drives. A drive that is added at the location of a leaf is not matched here:
/// only zpool can report that.
pub(crate) fn refresh_device_names(zfs: &mut Zfs, links: &Links) {
    for leaf in zfs.pools.iter_mut().flat_map(|p| &mut p.vdevs).flat_map(|v| &mut v.members) {
        let device = leaf.key.as_ref().and_then(|key| links.device(key)).cloned();
        set_device(leaf, device, links);
    }
}

/// An excluded drive is not shown at its leaf: nothing is known of it.
fn set_device(leaf: &mut Leaf, device: Option<DeviceName>, links: &Links) {
    leaf.excluded = device.as_ref().is_some_and(|device| links.is_excluded(device));
    leaf.device = device.filter(|_| !leaf.excluded);
}

fn drive_of(leaf: &Leaf, links: &Links) -> Option<DeviceName> {
    let is_location_name = links.is_location_name(&leaf.name);
    if leaf.was.is_some() || is_location_name && (leaf.is_gone() || leaf.has_other_label) || leaf.is_distributed_spare()
    {
        return None;
    }
    let by_name = links.drive(&leaf.name);
    if leaf.is_gone() {
        return by_name;
    }
    let lasting_aliases = || leaf.aliases.iter().filter(|alias| !links.is_location_name(alias));
    let by_alias = lasting_aliases().find_map(|alias| links.drive(alias));
    if !is_location_name {
        return by_name.or(by_alias);
    }
    // The names of the drive itself take precedence. If none of them is of a present drive, the leaf is not the drive at
    // the location, provided that the latter has such names at all.
    let is_other = lasting_aliases().next().is_some() && by_name.as_ref().is_some_and(|drive| links.has_by_id(drive));
    by_alias.or(by_name.filter(|_| !is_other))
}
