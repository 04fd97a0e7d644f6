//! Fingerprint of the topology.

use super::hash::fnv1a;
use super::identity::SerialNumber;
use super::inventory::Inventory;

/// Fingerprint of the present drives with their names and bays. It must not change with a restart or a version, because it is
/// compared with the value that an earlier daemon stored.
pub(crate) fn fingerprint(inventory: &Inventory) -> String {
    let mut text = String::new();
    for record in inventory.present() {
        let mut parts = vec![record.drive.key.to_string()];
        parts.extend(record.drive.paths.iter().map(|path| path.device.to_string()));
        parts.extend(record.bay.as_ref().map(|bay| bay.enclosure.to_string()));
        // Only the serial number identifies a disk behind a RAID controller.
        if record.drive.raid_volume().is_some()
            && let Some(report) = &record.report
        {
            parts.extend(report.serial_number.as_ref().map(SerialNumber::to_string));
        }
        for part in parts {
            text.push_str(&part);
            text.push('\n');
        }
        if let Some(bay) = &record.bay {
            text.push_str(&bay.slot.to_string());
        }
        text.push('\0');
    }
    format!("{:016x}", fnv1a(text.bytes()))
}
