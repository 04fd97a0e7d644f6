//! Matches the leaves of pools with drives.

use crate::domain::drive::DriveKey;
use crate::domain::identity::DeviceName;
use crate::domain::zfs::{Leaf, Zfs};
use crate::probe::links::Links;
use std::collections::HashMap;

/// Matches each leaf with its drive by the current names. A missing leaf that is named for a location matches none,
/// since there may be another drive now. `unchanged_since_query`: the topology has not changed since zpool was run;
/// otherwise a location refers to the drive that was there in `before`.
pub(crate) fn match_members(zfs: &mut Zfs, links: &Links, before: &Zfs, unchanged_since_query: bool) {
    let mut known: HashMap<(&str, &str), &DriveKey> = HashMap::new();
    for (pool, _, leaf) in before.leaves() {
        if let Some(key) = &leaf.key {
            known.insert((pool.name.as_str(), leaf.name.as_str()), key);
        }
    }
    for pool in &mut zfs.pools {
        for leaf in pool.vdevs.iter_mut().flat_map(|vdev| &mut vdev.members) {
            let device = if unchanged_since_query || !links.is_location_name(&leaf.name) {
                drive_of(leaf, links)
            } else {
                let key = known.get(&(pool.name.as_str(), leaf.name.as_str()));
                key.and_then(|key| links.device(key)).cloned()
            };
            leaf.key = device.as_ref().and_then(|device| links.key(device)).cloned();
            set_device(leaf, device, links);
        }
    }
}

/// Updates the device names of the matched drives. A drive that is added at the location of a leaf is not matched here:
/// only zpool can report that.
pub(crate) fn refresh_device_names(zfs: &mut Zfs, links: &Links) {
    for leaf in zfs.pools.iter_mut().flat_map(|pool| &mut pool.vdevs).flat_map(|vdev| &mut vdev.members) {
        let device = leaf.key.as_ref().and_then(|key| links.device(key)).cloned();
        set_device(leaf, device, links);
    }
}

/// An excluded drive is not shown at its leaf, because nothing is known of it.
fn set_device(leaf: &mut Leaf, device: Option<DeviceName>, links: &Links) {
    leaf.excluded = device.as_ref().is_some_and(|device| links.is_excluded(device));
    leaf.device = if leaf.excluded { None } else { device };
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
    let identities: Vec<&String> = leaf.aliases.iter().filter(|alias| !links.is_location_name(alias)).collect();
    let by_identity = identities.iter().find_map(|alias| links.drive(alias));
    if !is_location_name {
        return by_name.or(by_identity);
    }
    // The names of the drive itself take precedence. If none of them belongs to a present drive, the leaf is not the
    // drive at the location, provided that the latter has such names.
    if by_identity.is_some() {
        return by_identity;
    }
    let drive = by_name?;
    if !identities.is_empty() && links.has_by_id(&drive) {
        return None;
    }
    Some(drive)
}
