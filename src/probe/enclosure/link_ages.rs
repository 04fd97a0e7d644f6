//! The ages of links that contradict each other.

use super::DiscoveredEnclosures;
use super::drive_owners::DriveOwners;
use crate::domain::enclosure::{BayLabel, Enclosure};
use crate::domain::identity::EnclosureId;
use crate::probe::{Host, link_age, link_name};
use std::collections::{BTreeSet, HashMap};

/// Dates the links of drives to which several bays link. Other links are not read, since there may be a thousand of
/// them.
pub(super) fn date_contested(host: &Host, found: &mut DiscoveredEnclosures, owners: &DriveOwners) {
    let contested = contested_addresses(&found.enclosures, owners);
    if contested.is_empty() {
        return;
    }
    let mut ages: HashMap<(EnclosureId, BayLabel, String), Option<u64>> = HashMap::new();
    for module in &found.modules {
        for bay in &module.bays {
            let link = bay.dir.join("device");
            let Some(address) = link_name(&link) else { continue };
            if contested.contains(&address) {
                ages.insert((module.enclosure.clone(), bay.slot.clone(), address), link_age(host, &link));
            }
        }
    }
    for enclosure in &mut found.enclosures {
        for slot in &mut enclosure.slots {
            let label = slot.label();
            for link in &mut slot.links {
                let key = (enclosure.id.clone(), label.clone(), link.address.clone());
                link.made = ages.get(&key).copied().flatten();
            }
        }
    }
}

/// The addresses of drives to which more than one bay links.
fn contested_addresses(enclosures: &[Enclosure], owners: &DriveOwners) -> BTreeSet<String> {
    let mut bays_of_drive: HashMap<usize, BTreeSet<(&EnclosureId, BayLabel)>> = HashMap::new();
    let mut addresses_of_drive: HashMap<usize, Vec<&str>> = HashMap::new();
    for enclosure in enclosures {
        for slot in &enclosure.slots {
            for link in &slot.links {
                if let Some(drive) = owners.drive(&link.address) {
                    bays_of_drive.entry(drive).or_default().insert((&enclosure.id, slot.label()));
                    addresses_of_drive.entry(drive).or_default().push(&link.address);
                }
            }
        }
    }
    let mut contested = BTreeSet::new();
    for (drive, bays) in bays_of_drive {
        if bays.len() > 1 {
            let addresses = addresses_of_drive.remove(&drive).unwrap_or_default();
            contested.extend(addresses.into_iter().map(str::to_owned));
        }
    }
    contested
}
