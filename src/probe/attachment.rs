//! The attachment of a drive, from its sysfs path; no command is sent.
//!
//! The sysfs path contains the name of the bus (`…/usb1/…`, `…/ata3/…`, `…/end_device-0:0:7/…`: the
//! kernel's names). Which disks of a RAID controller's driver are volumes: `megaraid_sas` shows
//! them on channels from 2 on (`MEGASAS_MAX_PD_CHANNELS`), `mpt2sas` and `mpt3sas` on channel 1
//! (`RAID_CHANNEL`), `hpsa` and `smartpqi` report it in `raid_level` (`N/A` for a physical disk).

use super::drives::device_wwid;
use super::{Host, attribute};
use crate::domain::device_type::Controller;
use crate::domain::transport::{Attachment, Transport};
use std::path::Path;

/// The attachment of a SCSI disk: `block` is its directory in `sys/block`, `address` its `host:channel:target:lun`.
pub(super) fn scsi(host: &Host, block: &Path, address: &str) -> Attachment {
    let place = std::fs::read_link(block).unwrap_or_default();
    let transport = place.to_str().and_then(by_place);
    if transport.is_some() {
        return Attachment::Scsi(transport);
    }
    let mut numbers = address.split(':').map(|n| n.parse::<u32>().unwrap_or(0));
    let (number, channel) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let driver = attribute(&host.path(&format!("sys/class/scsi_host/host{number}/proc_name")));
    let device = block.join("device");
    let (is_volume, controller) = match driver.as_deref() {
        Some("megaraid_sas") => (channel >= 2, Some(Controller::Megaraid)),
        Some("mpt2sas" | "mpt3sas") => (channel == 1, None),
        Some("hpsa" | "smartpqi") => {
            // The driver's own word for this device, and no convention.
            let is_volume = attribute(&device.join("raid_level")).is_some_and(|level| level != "N/A");
            return if is_volume { Attachment::RaidVolume(Some(Controller::Cciss)) } else { Attachment::Scsi(None) };
        }
        _ => (false, None),
    };
    if is_volume && !names_itself_as_drive(&device) {
        Attachment::RaidVolume(controller)
    } else {
        Attachment::Scsi(None)
    }
}

/// What the device says of itself is that of a drive: the vendor that SAT gives to ATA drives, or a name of NAA type 5, that is
/// of one device, or of an ATA drive. Volumes have names of type 6 (SPC-4, NAA IEEE Registered Extended). It outweighs the
/// channel, which is a convention of the driver: `megaraid_sas` shows JBOD drives of some controllers on channel 2.
fn names_itself_as_drive(device: &Path) -> bool {
    let is_ata = attribute(&device.join("vendor")).is_some_and(|vendor| vendor == "ATA");
    let name = device_wwid(device).unwrap_or_default();
    is_ata || name.starts_with("naa.5") || name.starts_with("t10.ATA")
}

/// The transport of the nearest bus.
fn by_place(place: &str) -> Option<Transport> {
    let numbered = |part: &str, name: &str| {
        part.strip_prefix(name).is_some_and(|n| n.starts_with(|c: char| c.is_ascii_digit()) && !n.contains(':'))
    };
    place.rsplit('/').find_map(|part| match part {
        _ if part.starts_with("end_device-") => Some(Transport::Sas),
        _ if part.starts_with("rport-") => Some(Transport::Fc),
        _ if numbered(part, "session") => Some(Transport::Iscsi),
        _ if numbered(part, "usb") => Some(Transport::Usb),
        _ if numbered(part, "ata") => Some(Transport::Sata),
        _ if numbered(part, "virtio") => Some(Transport::Virtio),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_names_the_bus() {
        for (place, expected) in [
            ("../devices/pci0000:00/0000:00:17.0/ata3/host2/target2:0:0/2:0:0:0/block/sda", Some(Transport::Sata)),
            (
                "../devices/pci0000:00/0000:03:00.0/host0/port-0:0/expander-0:0/port-0:0:7/end_device-0:0:7/target0:0:7/0:0:7:0/block/sdh",
                Some(Transport::Sas),
            ),
            (
                "../devices/pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host6/target6:0:0/6:0:0:0/block/sdb",
                Some(Transport::Usb),
            ),
            ("../devices/platform/host7/session1/target7:0:0/7:0:0:0/block/sdc", Some(Transport::Iscsi)),
            ("../devices/pci0000:00/0000:04:00.0/host1/rport-1:0-2/target1:0:0/1:0:0:0/block/sdd", Some(Transport::Fc)),
            ("../devices/pci0000:00/0000:00:05.0/virtio2/host3/target3:0:0/3:0:0:0/block/sde", Some(Transport::Virtio)),
            ("../devices/pci0000:00/0000:02:00.0/host0/target0:2:0/0:2:0:0/block/sda", None),
            ("", None),
        ] {
            assert_eq!(by_place(place), expected, "{place}");
        }
    }
}
