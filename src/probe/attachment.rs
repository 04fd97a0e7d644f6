//! The attachment of a drive, from its sysfs path; no command is sent.
//!
//! The sysfs path contains the kernel's name of the bus: `…/usb1/…`, `…/ata3/…`, `…/end_device-0:0:7/…`.
//!
//! How a driver shows RAID volumes: `megaraid_sas` on channels from 2 on (`MEGASAS_MAX_PD_CHANNELS`), `mpt2sas` and
//! `mpt3sas` on channel 1 (`RAID_CHANNEL`); `hpsa` and `smartpqi` report the level in `raid_level` (`N/A` for a
//! physical disk).

use super::drives::device_wwid;
use super::{Host, attribute};
use crate::domain::device_type::Controller;
use crate::domain::transport::{Attachment, Transport};
use std::path::Path;

/// The attachment of a SCSI disk: `block` is its directory in `sys/block`, `address` its `host:channel:target:lun`.
pub(super) fn scsi(host: &Host, block: &Path, address: &str) -> Attachment {
    let sysfs_path = std::fs::read_link(block).unwrap_or_default();
    if let Some(transport) = transport_of(sysfs_path.to_str().unwrap_or_default()) {
        return Attachment::Scsi(Some(transport));
    }
    let mut numbers = address.split(':').map(|number| number.parse::<u32>().unwrap_or(0));
    let (number, channel) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let driver = attribute(&host.path(&format!("sys/class/scsi_host/host{number}/proc_name")));
    let device = block.join("device");
    let (is_volume, controller) = match driver.as_deref() {
        Some("megaraid_sas") => (channel >= 2, Some(Controller::Megaraid)),
        Some("mpt2sas" | "mpt3sas") => (channel == 1, None),
        Some("hpsa" | "smartpqi") => {
            // The driver reports this for each device, so it needs no confirmation by the device itself.
            return match attribute(&device.join("raid_level")).as_deref() {
                None | Some("N/A") => Attachment::Scsi(None),
                Some(_) => Attachment::RaidVolume(Some(Controller::Cciss)),
            };
        }
        _ => (false, None),
    };
    if is_volume && !identifies_as_drive(&device) { Attachment::RaidVolume(controller) } else { Attachment::Scsi(None) }
}

/// The device identifies itself as a drive: by the vendor `ATA`, which SAT assigns to ATA drives, by a name of NAA type
/// 5, which belongs to a single device, or by a `t10.ATA` name. Volumes have names of type 6 (SPC-4, NAA IEEE
/// Registered Extended). This takes precedence over the channel, which is a convention of the driver: `megaraid_sas`
/// shows JBOD drives of some controllers on channel 2.
fn identifies_as_drive(device: &Path) -> bool {
    let is_ata = attribute(&device.join("vendor")).as_deref() == Some("ATA");
    let name = device_wwid(device).unwrap_or_default();
    is_ata || name.starts_with("naa.5") || name.starts_with("t10.ATA")
}

/// The transport of the nearest bus in a sysfs path.
fn transport_of(sysfs_path: &str) -> Option<Transport> {
    sysfs_path.rsplit('/').find_map(bus_transport)
}

/// The transport of a bus by the kernel's name for it, such as `ata3`. `None` for any other component of a path.
fn bus_transport(component: &str) -> Option<Transport> {
    if component.starts_with("end_device-") {
        return Some(Transport::Sas);
    }
    if component.starts_with("rport-") {
        return Some(Transport::Fc);
    }
    let numbered = [
        ("session", Transport::Iscsi),
        ("usb", Transport::Usb),
        ("ata", Transport::Sata),
        ("virtio", Transport::Virtio),
    ];
    for (name, transport) in numbered {
        let number = component.strip_prefix(name).unwrap_or_default();
        if number.as_bytes().first().is_some_and(u8::is_ascii_digit) && !number.contains(':') {
            return Some(transport);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sysfs_path_names_the_bus() {
        for (path, expected) in [
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
            assert_eq!(transport_of(path), expected, "{path}");
        }
    }
}
