//! How a drive is attached, as sysfs shows it, and what that means for its health, in words.

use super::device_type::Controller;
use super::drive::{DeviceName, Drive};
use super::no_reading::{NoReading, RaidVolume};
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
    pub fn raid_volume_reason(&self, controller: Option<Controller>) -> NoReading {
        NoReading::RaidVolume(RaidVolume {
            device: self.device.clone(),
            disks: self.attached.disks.clone(),
            controller: self.attached.controller.or(controller),
        })
    }

    /// Why a drive gave its identity only, where its way of being attached tells more than smartctl does.
    pub fn without_health_reason(&self, exit_status: Option<u8>) -> NoReading {
        match self.attached.transport {
            Some(Transport::Raid) => self.raid_volume_reason(None),
            Some(Transport::Usb) if self.told_type.is_none() => {
                NoReading::UsbWithoutHealth { device: self.device.clone(), exit_status }
            }
            _ => NoReading::WithoutHealth { exit_status },
        }
    }
}
