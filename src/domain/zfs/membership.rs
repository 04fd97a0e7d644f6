//! Memberships of drives in pools. A drive may have several: partitions in several pools or vdevs, logical units, a spare
//! that is in use.

use super::words::{VdevRole, VdevState};
use super::{Leaf, Pool, Vdev, Zfs};
use crate::domain::identity::DeviceName;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

/// Membership of a drive in a pool, by one of its leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Membership {
    /// Name of the pool.
    pub pool: String,
    /// Top-level vdev.
    pub vdev: String,
    /// Role of the vdev.
    pub role: VdevRole,
    /// State of the leaf.
    pub state: Option<VdevState>,
    /// Reads that failed, as ZFS counts them since the pool was imported or cleared (zpool-status(8), READ).
    pub read_errors: Option<u64>,
    /// Writes that failed, as ZFS counts them (WRITE).
    pub write_errors: Option<u64>,
    /// Blocks whose checksum was wrong, as ZFS counts them (CKSUM).
    pub checksum_errors: Option<u64>,
    /// A note of ZFS (`currently in use`, `(resilvering)`).
    pub note: Option<String>,
    /// The drive is a hot spare that replaces another drive; then `vdev` is the one in which it does.
    pub spare_in_use: bool,
    /// A drive of the vdev, possibly this one, is being replaced or resilvered, or a spare is in use. The vdev may have
    /// reduced redundancy.
    pub vdev_resilvering: bool,
}

impl Zfs {
    /// The memberships of every drive that is in a pool, at least one for each. The worst one is first; equally bad ones are
    /// sorted by role, data first, then in the order of zpool.
    pub fn memberships(&self) -> BTreeMap<DeviceName, Vec<Membership>> {
        let mut leaves: BTreeMap<&DeviceName, Vec<(&Pool, &Vdev, &Leaf)>> = BTreeMap::new();
        let mut spares_in_use = HashSet::new();
        for found @ (_, vdev, leaf) in self.leaves() {
            let Some(device) = &leaf.device else { continue };
            if vdev.role == VdevRole::Spare && leaf.state == Some(VdevState::InUse) {
                spares_in_use.insert(device);
            }
            leaves.entry(device).or_default().push(found);
        }
        let mut memberships = BTreeMap::new();
        for (device, mut of_drive) in leaves {
            let is_spare_in_use = spares_in_use.contains(device);
            of_drive.sort_by_key(|(_, vdev, leaf)| Reverse((leaf.trouble(), vdev.role == VdevRole::Data)));
            let of_drive = of_drive.into_iter().map(|(pool, vdev, leaf)| membership(pool, vdev, leaf, is_spare_in_use));
            memberships.insert(device.clone(), of_drive.collect());
        }
        memberships
    }
}

fn membership(pool: &Pool, vdev: &Vdev, leaf: &Leaf, spare_in_use: bool) -> Membership {
    Membership {
        pool: pool.name.clone(),
        vdev: vdev.name.clone(),
        role: vdev.role,
        state: leaf.state.clone(),
        read_errors: leaf.read_errors,
        write_errors: leaf.write_errors,
        checksum_errors: leaf.checksum_errors,
        note: leaf.note.clone(),
        spare_in_use,
        vdev_resilvering: vdev.is_resilvering(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(device: &str, state: &str) -> Leaf {
        Leaf {
            name: format!("/dev/{device}1"),
            device: DeviceName::parse(device),
            state: Some(VdevState::from(state)),
            ..Leaf::default()
        }
    }

    fn vdev(name: &str, role: VdevRole, members: Vec<Leaf>) -> Vdev {
        Vdev { name: name.to_owned(), role, members, ..Vdev::default() }
    }

    #[test]
    fn drive_with_several_leaves_has_several_memberships_the_worst_first() {
        let mut spared = leaf("sdc", "ONLINE");
        spared.group = Some("spare-1".to_owned());
        let pools = vec![
            Pool {
                name: "boot".to_owned(),
                vdevs: vec![
                    vdev("sda", VdevRole::Log, vec![leaf("sda", "FAULTED")]),
                    vdev("sda", VdevRole::Data, vec![leaf("sda", "ONLINE")]),
                ],
                ..Pool::default()
            },
            Pool {
                name: "tank".to_owned(),
                vdevs: vec![
                    vdev("mirror-0", VdevRole::Data, vec![leaf("sda", "DEGRADED"), leaf("sdb", "ONLINE"), spared]),
                    vdev("mirror-1", VdevRole::Data, vec![leaf("sdd", "ONLINE")]),
                    vdev("spares", VdevRole::Spare, vec![leaf("sdc", "INUSE"), leaf("sde", "AVAIL")]),
                ],
                ..Pool::default()
            },
            Pool { vdevs: vec![vdev("sda", VdevRole::Data, vec![leaf("sda", "OFFLINE")])], ..Pool::default() },
        ];
        let memberships = Zfs { pools, ..Zfs::default() }.memberships();
        let of = |name: &str| memberships[&DeviceName::parse(name).unwrap()].as_slice();
        let mut listed = Vec::new();
        for Membership { pool, role, state, .. } in of("sda") {
            listed.push(format!("{pool} {role} {}", state.as_ref().unwrap()));
        }
        assert_eq!(listed, ["tank data DEGRADED", "boot log FAULTED", " data OFFLINE", "boot data ONLINE"]);
        let [spare, _] = of("sdc") else { panic!("its vdev and the list of spares: {:#?}", of("sdc")) };
        assert_eq!((spare.vdev.as_str(), spare.role, spare.spare_in_use), ("mirror-0", VdevRole::Data, true));
        assert!(of("sdb")[0].vdev_resilvering && !of("sdb")[0].spare_in_use && !of("sdd")[0].vdev_resilvering);
        assert_eq!((of("sde")[0].role, of("sde")[0].spare_in_use), (VdevRole::Spare, false));
    }
}
