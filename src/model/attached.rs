//! How a drive is attached, as sysfs shows it, and what that means for its health, in words.

use super::device_type::Controller;
use super::drive::{DeviceName, Drive};
use super::words::some;
use serde::{Deserialize, Serialize};

/// What a drive is attached by: `lsblk`'s column TRAN, and `raid` for a volume that a controller
/// makes up. A SATA drive behind a SAS HBA is attached by SAS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// SAS, also a SATA drive behind a SAS HBA.
    Sas,
    /// SATA.
    Sata,
    /// NVMe.
    Nvme,
    /// A USB box.
    Usb,
    /// A volume that a RAID controller makes up.
    Raid,
    /// iSCSI.
    Iscsi,
    /// Fibre Channel.
    Fc,
    /// A virtual machine's disk.
    Virtio,
}

/// Where a drive stands, apart from bays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attached {
    pub transport: Option<Transport>,
    /// Of a RAID volume: by whose numbers smartctl reads the disks behind it; `None` where it does not.
    pub controller: Option<Controller>,
    /// Of a RAID volume: the disks behind it that are listed.
    pub disks: Vec<DeviceName>,
}

impl Drive {
    /// Made up by a RAID controller. It has no health of its own, whatever its controller says.
    pub fn is_volume(&self) -> bool {
        self.attached.transport == Some(Transport::Raid)
    }

    /// Why a RAID volume has no health, and where that of its disks is. `controller`: as smartctl
    /// named it, where sysfs does not tell.
    pub fn volume_says(&self, controller: Option<Controller>) -> String {
        let (device, disks) = (&self.device, &self.attached.disks);
        let what = format!("{device} is a RAID volume, which has no health of its own");
        if !disks.is_empty() {
            let names: Vec<&str> = disks.iter().map(DeviceName::as_str).collect();
            return format!("{what}: the disks behind it are {}", some(&names, 4));
        }
        match self.attached.controller.or(controller) {
            Some(by) => {
                format!("{what}: SMART_DEVICE_TYPES={device}={},N shows the disk of number N behind it", by.as_str())
            }
            None => format!("{what}, and the disks behind it cannot be read"),
        }
    }

    /// Why a drive gave no health, where its way of being attached tells more than smartctl does.
    pub fn why_no_health(&self, why: String) -> String {
        let device = &self.device;
        match self.attached.transport {
            Some(Transport::Raid) => self.volume_says(None),
            Some(Transport::Usb) if self.told_type.is_none() => {
                format!("{device} is in a USB box, and {why}: SMART_DEVICE_TYPES={device}=sat mends it for most boxes")
            }
            _ => why,
        }
    }
}
