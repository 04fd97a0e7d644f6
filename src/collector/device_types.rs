//! Applies `SMART_DEVICE_TYPES`: the type that smartctl gets for a drive, and the disks behind RAID controllers that
//! the setting lists. No command is sent to a drive.

use crate::config::TypeEntry;
use crate::domain::device_type::{DeviceType, Disk};
use crate::domain::drive::{Drive, DriveKey};
use crate::domain::identity::ScsiHost;
use crate::domain::inventory::Inventory;
use crate::domain::transport::Attachment;
use std::collections::HashSet;

/// The entries of the setting.
#[derive(Debug, Default)]
pub(crate) struct DeviceTypes {
    entries: Vec<TypeEntry>,
    /// Entries for a disk that another entry has listed already.
    repeated: Vec<String>,
}

impl DeviceTypes {
    pub(crate) fn new(entries: Vec<TypeEntry>) -> Self {
        Self { entries, repeated: Vec::new() }
    }

    /// Sets the types of discovered drives, and adds the disks behind them. `inventory` has the serial numbers that
    /// smartctl reported.
    pub(crate) fn apply(&mut self, drives: &mut Vec<Drive>, inventory: &Inventory) {
        let mut disks: Vec<Drive> = Vec::new();
        let mut listed: HashSet<(Option<ScsiHost>, Disk)> = HashSet::new();
        self.repeated.clear();
        for entry in &self.entries {
            for drive in drives.iter_mut().filter(|drive| has_name(drive, inventory, &entry.name)) {
                let Some(disk) = entry.kind.disk() else {
                    // The first entry for a drive applies.
                    drive.smartctl_type = drive.smartctl_type.or(Some(entry.kind));
                    continue;
                };
                let volume = drive;
                // All disks of a controller are reachable through each of its volumes.
                let host = volume.paths.first().and_then(|path| path.host);
                if disk.controller.counts_for_all_volumes() && !listed.insert((host, disk)) {
                    self.repeated.push(entry.to_string());
                } else if let Some(found) = disk_behind(volume, disk, entry.kind) {
                    volume.raid_disks.push(found.device.clone());
                    volume.raid_disks.sort();
                    volume.raid_disks.dedup();
                    disks.push(found);
                }
            }
        }
        let mut keys: HashSet<DriveKey> = HashSet::new();
        drives.extend(disks.into_iter().filter(|disk| keys.insert(disk.key.clone())));
    }

    /// Entries that match no drive, or a disk that is listed already, as written in the setting.
    pub(crate) fn unused(&self, inventory: &Inventory) -> Vec<String> {
        let mut unused = Vec::new();
        for entry in &self.entries {
            let mut drives = inventory.present().map(|record| &record.drive);
            if !drives.any(|drive| drive.raid_volume().is_none() && has_name(drive, inventory, &entry.name)) {
                unused.push(entry.to_string());
            }
        }
        unused.extend(self.repeated.iter().cloned());
        unused
    }
}

fn has_name(drive: &Drive, inventory: &Inventory, name: &str) -> bool {
    drive.has_device(name)
        || drive.by_id.iter().any(|id| id == name)
        || is_serial(drive.identity.unit_serial.as_deref(), name)
        || is_serial(reported_serial(drive, inventory), name)
}

/// The serial number in the last reading of a drive.
fn reported_serial<'a>(drive: &Drive, inventory: &'a Inventory) -> Option<&'a str> {
    inventory.get(&drive.key)?.report.as_ref()?.serial_number.as_deref()
}

fn is_serial(serial: Option<&str>, name: &str) -> bool {
    serial.is_some_and(|serial| serial.trim().eq_ignore_ascii_case(name))
}

/// The disk of that number behind a volume. Only smartctl reports its identity.
fn disk_behind(volume: &Drive, disk: Disk, kind: DeviceType) -> Option<Drive> {
    Some(Drive {
        key: DriveKey::RaidDisk { volume: Box::new(volume.key.clone()), disk },
        device: disk.name(&volume.device)?,
        paths: volume.paths.iter().filter_map(|path| path.to_raid_disk(disk)).collect(),
        units: Vec::new(),
        identity: disk.identity(&volume.identity),
        vendor: None,
        model: None,
        firmware: None,
        size_bytes: None,
        rotational: None,
        by_id: Vec::new(),
        attachment: Attachment::RaidDisk { volume: volume.device.clone() },
        raid_disks: Vec::new(),
        smartctl_type: Some(kind),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::drive::{DrivePath, fixture};
    use crate::domain::identity::Identity;

    fn drive(name: &str, host: u32, serial: &str) -> Drive {
        let drive = fixture::drive(name);
        let path = DrivePath {
            device: drive.device.clone(),
            node: format!("/dev/{name}"),
            host: Some(ScsiHost(host)),
            address: format!("{host}:2:0:0"),
            unit: 0,
            state: None,
        };
        Drive {
            key: DriveKey::Discovered(serial.into()),
            paths: vec![path],
            identity: Identity { wwid: None, unit_serial: Some(serial.into()) },
            by_id: vec![format!("scsi-{serial}")],
            ..drive
        }
    }

    /// The result of a setting: each drive with its type, and the unused entries.
    fn applied(setting: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let entries = setting
            .iter()
            .filter_map(|(name, kind)| Some(TypeEntry { name: (*name).to_owned(), kind: DeviceType::parse(kind)? }));
        let mut types = DeviceTypes::new(entries.collect());
        let mut drives = vec![drive("sda", 0, "S1"), drive("sdb", 0, "S2"), drive("sdc", 1, "S3")];
        let mut inventory = Inventory::default();
        types.apply(&mut drives, &inventory);
        let mut shown = Vec::new();
        for drive in &drives {
            let kind = drive.smartctl_type.map_or("-".to_owned(), |kind| kind.to_string());
            shown.push(format!("{} {kind}", drive.device));
        }
        inventory.apply_discovery(drives, &[], crate::domain::time::Timestamp(0));
        (shown, types.unused(&inventory))
    }

    #[test]
    fn drives_match_by_any_name_and_disks_are_listed_once() {
        let (shown, unused) = applied(&[("sda", "sat"), ("s2", "auto"), ("scsi-S3", "scsi"), ("S1", "scsi")]);
        assert_eq!(shown, ["sda sat", "sdb auto", "sdc scsi"], "the first entry for a drive counts");
        assert_eq!(unused, Vec::<String>::new());
        // Both volumes of one MegaRAID lead to the same disk 3; another controller has its own disk 3.
        let disk_behind =
            [("sda", "megaraid,3"), ("sdb", "sat+megaraid,3"), ("sdc", "megaraid,3"), ("sdx", "megaraid,4")];
        let (shown, unused) = applied(&disk_behind);
        assert_eq!(shown, ["sda -", "sdb -", "sdc -", "sda-megaraid-3 megaraid,3", "sdc-megaraid-3 megaraid,3"]);
        assert_eq!(unused, ["sdx=megaraid,4", "sdb=sat+megaraid,3"]);
        let (shown, _) = applied(&[("sda", "cciss,0"), ("S1", "cciss,0"), ("sdb", "cciss,0")]);
        assert_eq!(shown, ["sda -", "sdb -", "sdc -", "sda-cciss-0 cciss,0", "sdb-cciss-0 cciss,0"]);
    }
}
