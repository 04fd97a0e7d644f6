//! Where things stand in the fixture root: the kernel's device paths, as text below the root.
//! Pure: touches no file.

use crate::drive::{Drive, Path};
use crate::store::Host;

/// The PCI function of a SCSI host; every host is an HBA of its own.
pub fn pci_of_host(host: u32) -> String {
    format!("0000:00:{:02x}.0", 4 + host)
}

pub fn host_dir(host: u32) -> String {
    format!("sys/devices/pci0000:00/{}/host{host}", pci_of_host(host))
}

/// The expander of a shelf: everything in the shelf hangs below it.
pub fn expander_dir(host: u32, shelf: usize) -> String {
    format!("{}/port-{host}:{shelf}/expander-{host}:{shelf}", host_dir(host))
}

/// The expander's port, which goes when the drive goes.
pub fn port_dir(host: u32, shelf: usize, port: u32) -> String {
    format!("{}/port-{host}:{shelf}:{port}", expander_dir(host, shelf))
}

pub fn end_device_dir(host: u32, shelf: usize, port: u32) -> String {
    format!("{}/end_device-{host}:{shelf}:{port}", port_dir(host, shelf, port))
}

pub fn target_dir(host: u32, shelf: usize, port: u32, target: u32) -> String {
    format!("{}/target{host}:0:{target}", end_device_dir(host, shelf, port))
}

/// The SCSI device: H:C:T:L.
pub fn scsi_dir(host: u32, shelf: usize, port: u32, target: u32) -> String {
    format!("{}/{host}:0:{target}:0", target_dir(host, shelf, port, target))
}

/// The SCSI device of a drive over one of its paths.
pub fn drive_dir(shelf: usize, path: &Path) -> String {
    format!("{}/{}", target_dir(path.host, shelf, path.port, path.target), path.address())
}

/// The enclosure class device of one IOM.
pub fn enclosure_dir(host: &Host, iom: u32, shelf: usize) -> Option<String> {
    let it = host.shelves.get(shelf)?.ioms.get(usize::try_from(iom).ok()?)?;
    Some(format!("{}/enclosure/{iom}:0:{}:0", scsi_dir(iom, shelf, it.port, it.target), it.target))
}

/// The SAS address of a drive's port on one path: the drive's own name plus one or two.
pub fn port_address(drive: &Drive, host: u32) -> String {
    let base =
        drive.wwn.as_deref().and_then(|w| u64::from_str_radix(w, 16).ok()).unwrap_or(drive.guid >> 4 | 0x5000 << 48);
    if drive.wwn.is_some() && drive.kind == crate::drive::Kind::Sata {
        // A SATA drive has no SAS address: the expander makes one up for its phy.
        let phy = drive.bay.map_or(0, |b| b.place as u64 * 8 + b.shelf as u64 * 4096);
        return format!("{:016x}", 0x5003_0480_2000_0000 + phy + u64::from(host));
    }
    format!("{:016x}", base.wrapping_add(1 + u64::from(host)))
}

/// The expander's own SAS address.
pub fn expander_address(host: &Host, iom: u32, shelf: usize) -> String {
    let id = host.shelves.get(shelf).and_then(|s| u64::from_str_radix(&s.id, 16).ok()).unwrap_or(0);
    format!("{:016x}", (id & !0x3f) | (0x3e - u64::from(iom) * 0x10))
}

/// udev's name of a path in by-path.
pub fn by_path(host: &Host, shelf: usize, place: usize, iom: u32, lun: u32) -> String {
    let expander = expander_address(host, iom, shelf);
    format!("pci-{}-sas-exp0x{expander}-phy{}-lun-{lun}", pci_of_host(iom), place + 8)
}
