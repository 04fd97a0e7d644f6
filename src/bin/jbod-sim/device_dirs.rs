//! Directories of devices in sysfs, relative to the root of the host, with SAS addresses and names derived from them.
//! Pure: accesses no file.

use crate::drive::{Drive, Kind, Path};
use crate::store::Host;

/// The PCI function of a SCSI host. Each is an HBA of its own.
fn pci_function(host: u32) -> String {
    format!("0000:00:{:02x}.0", 4 + host)
}

pub fn host_dir(host: u32) -> String {
    format!("sys/devices/pci0000:00/{}/host{host}", pci_function(host))
}

/// The expander of a shelf, above all devices in the shelf.
pub fn expander_dir(host: u32, shelf: usize) -> String {
    format!("{}/port-{host}:{shelf}/expander-{host}:{shelf}", host_dir(host))
}

/// A port of the expander. The kernel removes it with its device.
pub fn port_dir(host: u32, shelf: usize, port: u32) -> String {
    format!("{}/port-{host}:{shelf}:{port}", expander_dir(host, shelf))
}

pub fn end_device_dir(host: u32, shelf: usize, port: u32) -> String {
    format!("{}/end_device-{host}:{shelf}:{port}", port_dir(host, shelf, port))
}

/// The SAS device with the attributes of the SAS transport class, in the end device of that port.
pub fn sas_device_dir(host: u32, shelf: usize, port: u32) -> String {
    format!("{}/sas_device/end_device-{host}:{shelf}:{port}", end_device_dir(host, shelf, port))
}

pub fn target_dir(host: u32, shelf: usize, port: u32, target: u32) -> String {
    format!("{}/target{host}:0:{target}", end_device_dir(host, shelf, port))
}

/// The SCSI device with LUN 0.
pub fn scsi_dir(host: u32, shelf: usize, port: u32, target: u32) -> String {
    format!("{}/{host}:0:{target}:0", target_dir(host, shelf, port, target))
}

/// The SCSI device of a drive on one of its paths.
pub fn drive_dir(shelf: usize, path: &Path) -> String {
    format!("{}/{}", target_dir(path.host, shelf, path.port, path.target), path.address())
}

/// The enclosure class device of one IO module.
pub fn enclosure_dir(host: &Host, iom: u32, shelf: usize) -> Option<String> {
    let module = host.shelves.get(shelf)?.ioms.get(usize::try_from(iom).ok()?)?;
    let device = scsi_dir(iom, shelf, module.port, module.target);
    Some(format!("{device}/enclosure/{iom}:0:{}:0", module.target))
}

/// The SAS address of a drive on one path: the NAA name of the drive plus the number of the port.
pub fn port_address(drive: &Drive, host: u32) -> String {
    if drive.wwn.is_some() && drive.kind == Kind::Sata {
        // A SATA drive has no SAS address. The expander assigns one to its phy (SPL, STP/SATA bridge).
        let phy = drive.bay.map_or(0, |bay| bay.place as u64 * 8 + bay.shelf as u64 * 4096);
        return format!("{:016x}", 0x5003_0480_2000_0000 + phy + u64::from(host));
    }
    let base = parse_hex(drive.wwn.as_deref()).unwrap_or(drive.guid >> 4 | 0x5000 << 48);
    format!("{:016x}", base.wrapping_add(1 + u64::from(host)))
}

fn parse_hex(digits: Option<&str>) -> Option<u64> {
    u64::from_str_radix(digits?, 16).ok()
}

/// The SAS address of an expander.
pub fn expander_address(host: &Host, iom: u32, shelf: usize) -> String {
    let id = host.shelves.get(shelf).map(|shelf| shelf.id.as_str());
    let id = parse_hex(id).unwrap_or(0);
    format!("{:016x}", (id & !0x3f) | (0x3e - u64::from(iom) * 0x10))
}

/// The name of a path in /dev/disk/by-path.
pub fn by_path(host: &Host, shelf: usize, place: usize, iom: u32, lun: u32) -> String {
    let expander = expander_address(host, iom, shelf);
    format!("pci-{}-sas-exp0x{expander}-phy{}-lun-{lun}", pci_function(iom), place + 8)
}
