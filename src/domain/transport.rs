//! How a drive is attached to this host, by sysfs.

use super::device_type::Controller;
use super::identity::DeviceName;
use serde::{Deserialize, Serialize};

/// Transport of a drive: `lsblk`'s column TRAN, and `raid` for a volume of a RAID controller. A SATA drive behind a SAS HBA
/// is attached by SAS.
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
    /// USB.
    Usb,
    /// A volume of a RAID controller.
    Raid,
    /// iSCSI.
    Iscsi,
    /// Fibre Channel.
    Fc,
    /// A disk of a virtual machine.
    Virtio,
}

/// How a drive is attached, as far as that matters for reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Attachment {
    /// A SCSI device, by a transport that sysfs may not name.
    Scsi(Option<Transport>),
    /// An NVMe namespace.
    Nvme,
    /// A volume of a RAID controller, with the kind of controller by which smartctl reads the disks behind it; `None`:
    /// smartctl cannot read them.
    RaidVolume(Option<Controller>),
    /// A disk behind a RAID controller, which is read through the node of a volume.
    RaidDisk { volume: DeviceName },
}

impl Transport {
    pub(crate) const ALL: [Self; 8] =
        [Self::Sas, Self::Sata, Self::Nvme, Self::Usb, Self::Raid, Self::Iscsi, Self::Fc, Self::Virtio];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Sas => "sas",
            Self::Sata => "sata",
            Self::Nvme => "nvme",
            Self::Usb => "usb",
            Self::Raid => "raid",
            Self::Iscsi => "iscsi",
            Self::Fc => "fc",
            Self::Virtio => "virtio",
        }
    }

    /// It usually leads to a volume of another machine (an iSCSI or Fibre Channel target) or of a hypervisor (virtio), behind
    /// which there may be any number of drives, or none.
    pub(crate) fn is_volume(self) -> bool {
        matches!(self, Self::Iscsi | Self::Fc | Self::Virtio)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|transport| transport.as_str() == text)
    }
}

impl Attachment {
    /// The attachment of a drive in a stored document.
    pub(crate) fn stored(transport: Option<Transport>, volume: Option<&DeviceName>) -> Self {
        match (volume, transport) {
            (Some(volume), _) => Self::RaidDisk { volume: volume.clone() },
            (None, Some(Transport::Nvme)) => Self::Nvme,
            (None, Some(Transport::Raid)) => Self::RaidVolume(None),
            (None, other) => Self::Scsi(other),
        }
    }

    pub(crate) fn transport(&self) -> Option<Transport> {
        match self {
            Self::Scsi(transport) => *transport,
            Self::Nvme => Some(Transport::Nvme),
            Self::RaidVolume(_) => Some(Transport::Raid),
            Self::RaidDisk { .. } => None,
        }
    }
}
