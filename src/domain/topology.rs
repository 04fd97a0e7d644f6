//! Fingerprint of the topology.

use super::hash::fnv1a;
use super::inventory::Inventory;

/// Fingerprint of the drives with their names and bays. Stable over restarts and versions,
/// because it is compared with the value that an earlier daemon stored.
pub(crate) fn fingerprint(inventory: &Inventory) -> String {
    let mut text = String::new();
    for record in inventory.present() {
        let names = record.drive.paths.iter().map(|p| p.device.as_str());
        let place = record.bay.iter().map(|bay| bay.enclosure.as_str());
        // Only the serial number identifies a disk behind a RAID controller.
        let read = record.report.as_ref().filter(|_| record.drive.raid_volume().is_some());
        let serial = read.and_then(|r| r.serial_number.as_deref());
        let key = record.drive.key.to_string();
        for part in [key.as_str()].into_iter().chain(names).chain(place).chain(serial) {
            text.push_str(part);
            text.push('\n');
        }
        let slot = record.bay.as_ref().map_or_else(String::new, |bay| bay.slot.to_string());
        text.push_str(&slot);
        text.push('\0');
    }
    format!("{:016x}", fnv1a(text.bytes()))
}
