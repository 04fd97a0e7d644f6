//! Bays from sources other than SES: the SAS transport class of the HBA's driver, the drivers hpsa and smartpqi, and
//! the hot-plug slots of PCI. Used only for drives that no bay of an SES enclosure links to, and only if no two drives
//! claim one bay.
//!
//! Formats: `show_sas_rphy_enclosure_identifier` and `show_sas_rphy_bay_identifier` of
//! `drivers/scsi/scsi_transport_sas.c` (`0x%llx`, `%d`; `EINVAL` where the driver does not know them); `path_info_show`
//! of `drivers/scsi/hpsa.c` and `pqi_path_info_show` of `drivers/scsi/smartpqi/smartpqi_init.c` (`… BOX: %hhu BAY: %hhu
//! Active`); `address_read_file` of `drivers/pci/slot.c` (domain, bus and, but for 0xff, device).

use super::{Host, attribute, is_number, names, parsed_attribute};
use crate::domain::drive::Drive;
use crate::domain::enclosure::{BayLabel, BayLink, BaySource, Enclosure, Slot};
use crate::domain::identity::EnclosureId;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

/// Id of the enclosure under which hot-plug slots of PCI are listed.
const PCI_SLOTS: &str = "pci-slots";

/// The bay of a drive, from a source other than SES.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct BayClaim {
    enclosure: EnclosureId,
    slot: BayLabel,
    source: BaySource,
}

/// Adds the bays of drives that no bay of an SES enclosure links to.
pub(crate) fn add(host: &Host, drives: &[Drive], enclosures: &mut Vec<Enclosure>) {
    let slots = enclosures.iter().flat_map(|enclosure| &enclosure.slots);
    let linked: HashSet<String> = slots.flat_map(|slot| &slot.links).map(|link| link.address.clone()).collect();
    let pci_slots = PciSlots::read(host);
    let mut claims: BTreeMap<BayClaim, Vec<&Drive>> = BTreeMap::new();
    for drive in drives {
        let is_linked = drive.paths.iter().any(|path| linked.contains(&path.address));
        if is_linked || drive.raid_volume().is_some() {
            continue;
        }
        if let Some(claim) = claim_of(host, drive, &pci_slots) {
            claims.entry(claim).or_default().push(drive);
        }
    }
    for (claim, drives) in claims {
        if let [drive] = drives.as_slice() {
            assign(&claim, drive, enclosures);
        }
    }
}

/// The bay of a drive. `None`: no source knows it, or the paths of the drive contradict each other.
fn claim_of(host: &Host, drive: &Drive, pci_slots: &PciSlots) -> Option<BayClaim> {
    if drive.is_nvme() {
        return pci_slots.claim(host, drive);
    }
    let blocks: Vec<PathBuf> = drive.paths.iter().map(|path| host.block(&path.device)).collect();
    match unanimous(blocks.iter().filter_map(|block| sas_device(host, block))) {
        None => unanimous(blocks.iter().filter_map(|block| path_info(block))),
        claim => claim,
    }
}

/// The one value that all have. `None`: they differ, or there are none.
fn unanimous<T: PartialEq>(mut values: impl Iterator<Item = T>) -> Option<T> {
    let first = values.next()?;
    if values.any(|other| other != first) {
        return None;
    }
    Some(first)
}

fn sas_device(host: &Host, block: &Path) -> Option<BayClaim> {
    let sysfs_path = std::fs::read_link(block).ok()?;
    let mut ancestors = sysfs_path.iter().rev().filter_map(|part| part.to_str());
    let end_device = ancestors.find(|part| part.starts_with("end_device-"))?;
    let dir = host.path("sys/class/sas_device").join(end_device);
    let enclosure = parse_hex(&attribute(&dir.join("enclosure_identifier"))?)?;
    if enclosure == 0 {
        return None;
    }
    Some(BayClaim {
        enclosure: EnclosureId::from(format!("{enclosure:#x}")),
        slot: BayLabel::Number(parsed_attribute(&dir.join("bay_identifier"))?),
        source: BaySource::SasDevice,
    })
}

fn parse_hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).ok()
}

fn path_info(block: &Path) -> Option<BayClaim> {
    let (enclosure_box, bay) = box_and_bay(&attribute(&block.join("device/path_info"))?)?;
    let sysfs_path = std::fs::read_link(block).ok()?;
    let parts: Vec<&str> = sysfs_path.iter().filter_map(|part| part.to_str()).collect();
    let scsi_host = parts.iter().position(|part| part.strip_prefix("host").is_some_and(is_number))?;
    // The controller's address on the PCI bus is stable across boots, the number of its SCSI host is not.
    let controller = *parts.get(scsi_host.checked_sub(1)?)?;
    let enclosure = match enclosure_box {
        Some(number) => format!("{controller}-box-{number}"),
        None => controller.to_owned(),
    };
    Some(BayClaim { enclosure: EnclosureId::from(enclosure), slot: BayLabel::Number(bay), source: BaySource::PathInfo })
}

/// `[0:0:3:0]    Direct-Access     PORT: 1I BOX: 1 BAY: 4 Active` for each path. `None`: no bay, or several.
fn box_and_bay(text: &str) -> Option<(Option<u32>, u32)> {
    unanimous(text.lines().filter_map(|line| Some((number_after(line, "BOX:"), number_after(line, "BAY:")?))))
}

/// The number that follows a word.
fn number_after(line: &str, word: &str) -> Option<u32> {
    let mut words = line.split_whitespace().skip_while(|other| *other != word).skip(1);
    words.next()?.parse().ok()
}

/// The hot-plug slots of PCI, by the PCI address of the device in them. Slots without power control (`has_power_file` of
/// `drivers/pci/hotplug/pci_hotplug_core.c`) are omitted: they are not drive bays. So are slots to which firmware gave one
/// name: the kernel appends `-1`, `-2`, … to the later ones (`pci_create_slot` of `drivers/pci/slot.c`).
struct PciSlots(BTreeMap<String, Vec<String>>);

impl PciSlots {
    fn read(host: &Host) -> Self {
        let dir = host.path("sys/bus/pci/slots");
        let mut slots: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let names = names(&dir);
        let repeated = repeated_names(&names);
        for name in names.iter().filter(|name| !repeated.contains(name.as_str())) {
            let slot = dir.join(name);
            if !slot.join("power").exists() {
                continue;
            }
            if let Some(address) = attribute(&slot.join("address")) {
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
        let mut slots = [device, bus].into_iter().filter_map(|address| self.0.get(address));
        let [name] = slots.next()?.as_slice() else { return None };
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
        if is_number(number) && names.iter().any(|other| other == given) {
            repeated.insert(given);
            repeated.insert(name);
        }
    }
    repeated
}

/// Assigns a drive to its bay: an empty one of the SES enclosure with that id, or else one of an enclosure without an SES
/// device, which is added.
fn assign(claim: &BayClaim, drive: &Drive, enclosures: &mut Vec<Enclosure>) {
    let links: Vec<BayLink> = drive
        .paths
        .iter()
        .map(|path| BayLink { address: path.address.clone(), made: None, source: claim.source })
        .collect();
    // Several SES enclosures report this id, so the bay may be in any of them.
    let repeated = format!("{}-", claim.enclosure);
    if enclosures.iter().any(|enclosure| enclosure.has_ses_device() && enclosure.id.starts_with(&repeated)) {
        return;
    }
    let Some(enclosure) = enclosures.iter_mut().find(|enclosure| enclosure.id == claim.enclosure) else {
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
            let index = enclosure.slots.partition_point(|slot| slot.cmp_place(&bay).is_lt());
            enclosure.slots.insert(index, bay);
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
    fn box_and_bay_are_known_if_all_paths_agree() {
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
