//! Bays that something other than a shelf's SES device knows: the SAS transport class of the HBA's driver, the drivers hpsa
//! and smartpqi, and the hot-plug slots of PCI. Used only for drives that no bay of a shelf links, and only if no two drives
//! claim one bay.
//!
//! Formats: `show_sas_rphy_enclosure_identifier` and `show_sas_rphy_bay_identifier` of `drivers/scsi/scsi_transport_sas.c`
//! (`0x%llx`, `%d`; `EINVAL` where the driver does not know them); `path_info_show` of `drivers/scsi/hpsa.c` and
//! `pqi_path_info_show` of `drivers/scsi/smartpqi/smartpqi_init.c` (`… BOX: %hhu BAY: %hhu Active`);
//! `address_read_file` of `drivers/pci/slot.c` (domain, bus and, but for 0xff, device).

use super::{Host, attribute, names};
use crate::domain::drive::Drive;
use crate::domain::enclosure::{BayLabel, BayLink, BaySource, Enclosure, Slot};
use crate::domain::identity::EnclosureId;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

/// The enclosure under which hot-plug slots of PCI are listed.
const PCI_SLOTS: &str = "pci-slots";

/// A bay, by something other than a shelf.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct BayClaim {
    enclosure: EnclosureId,
    slot: BayLabel,
    source: BaySource,
}

/// Adds the bays of drives that no shelf links.
pub(crate) fn add(host: &Host, drives: &[Drive], enclosures: &mut Vec<Enclosure>) {
    let linked: HashSet<String> =
        enclosures.iter().flat_map(|e| &e.slots).flat_map(|s| &s.links).map(|link| link.address.clone()).collect();
    let is_linked = |drive: &Drive| drive.paths.iter().any(|path| linked.contains(&path.address));
    let pci_slots = PciSlots::read(host);
    let mut claims: BTreeMap<BayClaim, Vec<&Drive>> = BTreeMap::new();
    for drive in drives.iter().filter(|drive| !is_linked(drive) && drive.raid_volume().is_none()) {
        if let Some(claim) = claim_of(host, drive, &pci_slots) {
            claims.entry(claim).or_default().push(drive);
        }
    }
    for (claim, drives) in claims {
        if let [drive] = drives.as_slice() {
            place(&claim, drive, enclosures);
        }
    }
}

/// The bay of a drive. `None`: nothing is known, or its paths contradict each other.
fn claim_of(host: &Host, drive: &Drive, pci_slots: &PciSlots) -> Option<BayClaim> {
    if drive.is_nvme() {
        return pci_slots.claim(host, drive);
    }
    let blocks: Vec<PathBuf> =
        drive.paths.iter().map(|path| host.path("sys/block").join(path.device.as_str())).collect();
    agreed(&blocks, |block| sas_device(host, block)).or_else(|| agreed(&blocks, path_info))
}

/// What all paths that know a bay say.
fn agreed(blocks: &[PathBuf], of_path: impl Fn(&Path) -> Option<BayClaim>) -> Option<BayClaim> {
    let claims: Vec<BayClaim> = blocks.iter().filter_map(|block| of_path(block)).collect();
    let first = claims.first()?;
    claims.iter().all(|other| other == first).then(|| first.clone())
}

fn sas_device(host: &Host, block: &Path) -> Option<BayClaim> {
    let place = std::fs::read_link(block).ok()?;
    let parts = place.iter().rev().filter_map(|part| part.to_str());
    let end_device = parts.into_iter().find(|part| part.starts_with("end_device-"))?;
    let dir = host.path("sys/class/sas_device").join(end_device);
    let enclosure = hex(&attribute(&dir.join("enclosure_identifier"))?).filter(|id| *id != 0)?;
    let slot = attribute(&dir.join("bay_identifier"))?.parse().ok()?;
    Some(BayClaim {
        enclosure: EnclosureId::from(format!("{enclosure:#x}")),
        slot: BayLabel::Number(slot),
        source: BaySource::SasDevice,
    })
}

fn hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).ok()
}

fn path_info(block: &Path) -> Option<BayClaim> {
    let (enclosure_box, bay) = box_and_bay(&attribute(&block.join("device/path_info"))?)?;
    let place = std::fs::read_link(block).ok()?;
    let parts: Vec<&str> = place.iter().filter_map(|part| part.to_str()).collect();
    let scsi_host = parts.iter().position(|part| {
        part.strip_prefix("host").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    })?;
    // The controller's address on the PCI bus stays, the number of its SCSI host does not.
    let controller = scsi_host.checked_sub(1).and_then(|at| parts.get(at))?;
    let enclosure =
        enclosure_box.map_or_else(|| (*controller).to_owned(), |number| format!("{controller}-box-{number}"));
    Some(BayClaim { enclosure: EnclosureId::from(enclosure), slot: BayLabel::Number(bay), source: BaySource::PathInfo })
}

/// `[0:0:3:0]    Direct-Access     PORT: 1I BOX: 1 BAY: 4 Active` for each path. `None`: no bay, or several.
fn box_and_bay(text: &str) -> Option<(Option<u32>, u32)> {
    let value = |line: &str, name: &str| -> Option<u32> {
        let mut words = line.split_whitespace().skip_while(|word| *word != name).skip(1);
        words.next()?.parse().ok()
    };
    let places: Vec<(Option<u32>, u32)> =
        text.lines().filter_map(|line| Some((value(line, "BOX:"), value(line, "BAY:")?))).collect();
    let first = places.first().copied()?;
    places.iter().all(|other| *other == first).then_some(first)
}

/// The hot-plug slots of PCI, by the address of what is in them. A slot without power control (`has_power_file` of
/// `drivers/pci/hotplug/pci_hotplug_core.c`) is not a bay at the front. A name that firmware gives to several slots
/// identifies none of them: the kernel appends `-1`, `-2`, … to the later ones (`pci_create_slot` of `drivers/pci/slot.c`).
struct PciSlots(BTreeMap<String, Vec<String>>);

impl PciSlots {
    fn read(host: &Host) -> Self {
        let dir = host.path("sys/bus/pci/slots");
        let mut slots: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let names = names(&dir);
        let repeated = repeated_names(&names);
        for name in names.iter().filter(|name| !repeated.contains(name.as_str())) {
            let slot = dir.join(name);
            if let Some(address) = attribute(&slot.join("address")).filter(|_| slot.join("power").exists()) {
                slots.entry(address).or_default().push(name.clone());
            }
        }
        Self(slots)
    }

    fn claim(&self, host: &Host, drive: &Drive) -> Option<BayClaim> {
        if self.0.is_empty() {
            return None;
        }
        let controller = host.path("sys/class/nvme").join(&drive.paths.first()?.address);
        // `0000:3b:00.0`
        let function = attribute(&controller.join("address"))?;
        let (device, _) = function.rsplit_once('.')?;
        let (bus, _) = device.rsplit_once(':')?;
        let [name] = self.0.get(device).or_else(|| self.0.get(bus))?.as_slice() else { return None };
        Some(BayClaim {
            enclosure: PCI_SLOTS.into(),
            slot: BayLabel::of(name.parse().ok(), name),
            source: BaySource::PciSlot,
        })
    }
}

/// The names of slots that firmware gave one name: `0`, `0-1` and `0-2`.
fn repeated_names(names: &[String]) -> HashSet<&str> {
    let mut repeated = HashSet::new();
    for name in names {
        let Some((given, number)) = name.rsplit_once('-') else { continue };
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && names.iter().any(|other| other == given) {
            repeated.insert(given);
            repeated.insert(name);
        }
    }
    repeated
}

/// Puts a drive into its bay: one of a shelf with that id, if it has such a bay without a drive, else one of an enclosure that
/// nothing else shows.
fn place(claim: &BayClaim, drive: &Drive, enclosures: &mut Vec<Enclosure>) {
    let links: Vec<BayLink> = drive
        .paths
        .iter()
        .map(|path| BayLink { address: path.address.clone(), made: None, source: claim.source })
        .collect();
    let repeated = format!("{}-", claim.enclosure);
    if enclosures.iter().any(|e| e.has_ses_device() && e.id.starts_with(&repeated)) {
        return;
    }
    let Some(enclosure) = enclosures.iter_mut().find(|e| e.id == claim.enclosure) else {
        enclosures.push(Enclosure {
            id: claim.enclosure.clone(),
            slots: vec![new_bay(claim, links)],
            ..Enclosure::default()
        });
        return;
    };
    let shows_all_bays = enclosure.has_ses_device();
    match enclosure.slots.iter_mut().find(|slot| slot.label() == claim.slot) {
        Some(slot) if slot.links.is_empty() => slot.links = links,
        None if !shows_all_bays => {
            let bay = new_bay(claim, links);
            let order = |slot: &Slot| (slot.number.is_none(), slot.number, slot.name.clone());
            let at = enclosure.slots.partition_point(|slot| order(slot) < order(&bay));
            enclosure.slots.insert(at, bay);
        }
        _ => {}
    }
}

fn new_bay(claim: &BayClaim, links: Vec<BayLink>) -> Slot {
    let name = match &claim.slot {
        BayLabel::Number(number) => number.to_string(),
        BayLabel::Name(name) => name.to_string(),
    };
    Slot { number: claim.slot.number(), name, links, ..Slot::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of hpsa and smartpqi, as their `path_info_show` print them.
    #[test]
    fn box_and_bay_are_those_that_all_paths_have() {
        for (text, expected) in [
            ("[0:0:3:0]    Direct-Access     PORT: 1I BOX: 1 BAY: 4 Active\n", Some((Some(1), 4))),
            ("[0:0:3:0]    Direct-Access     PORT: 1I BAY: 4 Active\n", Some((None, 4))),
            (
                "[0:0:3:0] Direct-Access PORT: 1E BOX: 2 BAY: 7 Active\n[0:0:3:0] Direct-Access PORT: 2E BOX: 2 BAY: 7 Inactive\n",
                Some((Some(2), 7)),
            ),
            ("[0:0:3:0] x PORT: 1E BOX: 2 BAY: 7 Active\n[0:0:3:0] x PORT: 2E BOX: 3 BAY: 7 Inactive\n", None),
            ("[0:1:0:0]    Direct-Access     Active\n", None),
            ("[0:2:0:0]    Enclosure     PORT: 1I BOX: 1 Active\n", None),
            ("", None),
        ] {
            assert_eq!(box_and_bay(text), expected, "{text}");
        }
    }
}
