//! The age of links that contradict each other.

use super::Shelves;
use super::drive_owners::DriveOwners;
use crate::domain::enclosure::{BayLabel, Enclosure};
use crate::domain::identity::EnclosureId;
use crate::probe::{Host, link_age, link_name};
use std::collections::{BTreeSet, HashMap};

/// Dates the links of drives that several bays link. All others are left alone: there are a thousand of them.
pub(super) fn date_contested(host: &Host, shelves: &mut Shelves, owners: &DriveOwners) {
    let contested = contested_addresses(&shelves.enclosures, owners);
    if contested.is_empty() {
        return;
    }
    let mut ages: HashMap<(EnclosureId, BayLabel, String), Option<u64>> = HashMap::new();
    for module in &shelves.modules {
        for bay in &module.bays {
            let link = bay.dir.join("device");
            if let Some(address) = link_name(&link).filter(|address| contested.contains(address)) {
                ages.insert((module.enclosure.clone(), bay.slot.clone(), address), link_age(host, &link));
            }
        }
    }
    for enclosure in &mut shelves.enclosures {
        for slot in &mut enclosure.slots {
            let label = slot.label();
            for link in &mut slot.links {
                let key = (enclosure.id.clone(), label.clone(), link.address.clone());
                link.made = ages.get(&key).copied().flatten();
            }
        }
    }
}

fn contested_addresses(enclosures: &[Enclosure], owners: &DriveOwners) -> BTreeSet<String> {
    let mut bays_of_drive: HashMap<usize, BTreeSet<(&EnclosureId, BayLabel)>> = HashMap::new();
    let links =
        || enclosures.iter().flat_map(|e| e.slots.iter().flat_map(move |s| s.links.iter().map(move |l| (e, s, l))));
    for (enclosure, slot, link) in links() {
        if let Some(drive) = owners.drive(&link.address) {
            bays_of_drive.entry(drive).or_default().insert((&enclosure.id, slot.label()));
        }
    }
    let is_contested = |address: &str| {
        owners.drive(address).and_then(|drive| bays_of_drive.get(&drive)).is_some_and(|bays| bays.len() > 1)
    };
    links().map(|(_, _, link)| link.address.clone()).filter(|address| is_contested(address)).collect()
}
