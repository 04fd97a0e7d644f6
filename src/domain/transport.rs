//! How a drive is attached to this host, as sysfs shows it.

use super::device_type::Controller;
use super::identity::DeviceName;
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

/// How a drive is attached, as far as that matters for reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Attachment {
    /// A SCSI device, by a transport that sysfs may not name.
    Scsi(Option<Transport>),
    /// An NVMe namespace.
    Nvme,
    /// A volume that a RAID controller provides, with the controller whose numbers smartctl uses to read the disks
    /// behind it; `None`: it cannot read them.
    RaidVolume(Option<Controller>),
    /// A disk that is reached only through the node of such a volume.
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

    /// What it leads to is as a rule a volume of another machine (an iSCSI or Fibre Channel target) or of a hypervisor
    /// (virtio), behind which there may be any number of drives, or none.
    pub(crate) fn is_volume(self) -> bool {
        matches!(self, Self::Iscsi | Self::Fc | Self::Virtio)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|transport| transport.as_str() == text)
    }
}

impl Attachment {
    /// From a stored document, as far as it has these values.
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
