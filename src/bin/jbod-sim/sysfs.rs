//! A drive on one path, in sysfs and /dev: `attach` and `detach` it. All changes of drives consist of these two.

use crate::device_dirs::{
    drive_dir, enclosure_dir, end_device_dir, expander_address, expander_dir, port_address, port_dir, sas_device_dir,
    target_dir,
};
use crate::drive::{Bay, Drive, Kind, Path};
use crate::files::{attribute, link, link_text, make_child_dir, make_dir, put, remove, remove_tree};
use crate::store::{Host, Store};
use anyhow::Result;
use std::fs;

/// Attaches a logical unit on one path: SCSI device, block device and sg node. The link of the bay leads to the unit
/// that the kernel finds last (`enclosure_add_device`, drivers/misc/enclosure.c).
pub fn attach(store: &Store, host: &Host, drive: &Drive, bay: Bay, path: &Path) -> Result<()> {
    let root = &store.root;
    let device = drive_dir(bay.shelf, path);
    let (sd, sg) = (path.sd(), path.sg());
    let unit = drive.unit(path.lun);
    make_target(store, host, drive, bay, path)?;
    identity(&root.join(&device), &unit, path, &port_address(drive, path.host))?;
    generic(store, &device, &path.address(), &sg)?;
    block(store, &unit, &device, &path.address(), &sd)?;
    let slot = host.bay_name(bay)?;
    if let Some(enclosure) = enclosure_dir(host, path.host, bay.shelf)
        && path.lun + 1 == drive.units
    {
        link(root, &format!("{device}/enclosure_device:{slot}"), &format!("{enclosure}/{slot}"))?;
        link(root, &format!("{enclosure}/{slot}/device"), &device)?;
    }
    store.link_nodes(drive, &[sd, sg])
}

/// Creates the port, the end device, the target and the directory of the SCSI device.
fn make_target(store: &Store, host: &Host, drive: &Drive, bay: Bay, path: &Path) -> Result<()> {
    let root = &store.root;
    let end_device = root.join(end_device_dir(path.host, bay.shelf, path.port));
    make_child_dir(&root.join(port_dir(path.host, bay.shelf, path.port)))?;
    make_child_dir(&end_device)?;
    make_child_dir(&end_device.join("sas_device"))?;
    let sas_device = root.join(sas_device_dir(path.host, bay.shelf, path.port));
    make_child_dir(&sas_device)?;
    attribute(&sas_device, "sas_address", &format!("0x{}", port_address(drive, path.host)))?;
    attribute(&sas_device, "bay_identifier", &bay.place.to_string())?;
    if let Some(shelf) = host.shelves.get(bay.shelf) {
        attribute(&sas_device, "enclosure_identifier", &format!("0x{}", shelf.id))?;
    }
    make_child_dir(&root.join(target_dir(path.host, bay.shelf, path.port, path.target)))?;
    make_child_dir(&root.join(drive_dir(bay.shelf, path)))
}

fn identity(device: &std::path::Path, drive: &Drive, path: &Path, port: &str) -> Result<()> {
    let vendor = if drive.kind == Kind::Sata { "ATA" } else { &drive.vendor };
    let firmware: String = drive.firmware.chars().take(4).collect();
    attribute(device, "vendor", &format!("{vendor:<8}"))?;
    attribute(device, "model", &format!("{:<16.16}", drive.model))?;
    attribute(device, "rev", &format!("{firmware:<4}"))?;
    attribute(device, "type", "0")?;
    attribute(device, "state", "running")?;
    attribute(device, "wwid", &drive.wwid())?;
    put(&device.join("vpd_pg80"), serial_page(drive))?;
    put(&device.join("vpd_pg83"), name_page(drive, port, path.host))
}

/// VPD page 0x80 with the serial number. That of a SATA drive is padded on the left, as the SATL returns the 20 bytes
/// of IDENTIFY DEVICE (SAT).
fn serial_page(drive: &Drive) -> Vec<u8> {
    let serial = if drive.kind == Kind::Sata { format!("{:>20}", drive.serial) } else { drive.serial.clone() };
    page(0x80, serial.as_bytes())
}

/// VPD page 0x83 with the designators of the logical unit and of the target port.
fn name_page(drive: &Drive, port: &str, host: u32) -> Vec<u8> {
    let mut body = Vec::new();
    match &drive.wwn {
        Some(wwn) if !drive.t10 => add_designator(&mut body, 0x01, 0x03, &bytes_of(wwn)),
        _ => add_designator(&mut body, 0x02, 0x01, drive.t10_name().as_bytes()),
    }
    // Protocol SAS, PIV, association with the target port: NAA, relative target port identifier (SPC-4).
    add_designator(&mut body, 0x61, 0x93, &bytes_of(port));
    add_designator(&mut body, 0x61, 0x94, &[0, 0, 0, u8::try_from(host + 1).unwrap_or(1)]);
    page(0x83, &body)
}

/// Adds a designation descriptor with these first two bytes.
fn add_designator(body: &mut Vec<u8>, first: u8, second: u8, value: &[u8]) {
    body.extend([first, second, 0, u8::try_from(value.len()).unwrap_or(u8::MAX)]);
    body.extend(value);
}

fn page(code: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&[0, code], &length[..], body].concat()
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for at in (0..hex.len() / 2 * 2).step_by(2) {
        let digits = hex.get(at..at + 2).unwrap_or_default();
        bytes.push(u8::from_str_radix(digits, 16).unwrap_or(0));
    }
    bytes
}

/// Creates the sg node of a SCSI device, whose directory is `device`.
pub fn generic(store: &Store, device: &str, address: &str, sg: &str) -> Result<()> {
    let root = &store.root;
    let dir = format!("{device}/scsi_generic/{sg}");
    make_child_dir(&root.join(format!("{device}/scsi_generic")))?;
    make_child_dir(&root.join(&dir))?;
    link_text(&root.join(format!("{dir}/device")), &format!("../../../{address}"))?;
    link_text(&root.join(format!("{device}/generic")), &format!("scsi_generic/{sg}"))?;
    link(root, &format!("sys/class/scsi_generic/{sg}"), &dir)?;
    put(&root.join("dev").join(sg), "")
}

/// Creates the block device with one partition.
fn block(store: &Store, drive: &Drive, device: &str, address: &str, sd: &str) -> Result<()> {
    let root = &store.root;
    let dir = format!("{device}/block/{sd}");
    let path = root.join(&dir);
    make_child_dir(&root.join(format!("{device}/block")))?;
    make_child_dir(&path)?;
    link_text(&path.join("device"), &format!("../../../{address}"))?;
    attribute(&path, "removable", "0")?;
    disk(&path, drive.bytes, drive.rotation > 0)?;
    let partition = format!("{sd}1");
    partition_of(&path, &partition, drive.bytes)?;
    link(root, &format!("sys/block/{sd}"), &dir)?;
    link(root, &format!("sys/class/block/{sd}"), &dir)?;
    link(root, &format!("sys/class/block/{partition}"), &format!("{dir}/{partition}"))?;
    put(&root.join("dev").join(sd), "")?;
    put(&root.join("dev").join(partition), "")
}

/// Creates the attributes of a whole block device: size and queue.
pub fn disk(path: &std::path::Path, bytes: u64, rotational: bool) -> Result<()> {
    attribute(path, "size", &(bytes / 512).to_string())?;
    let queue = path.join("queue");
    make_child_dir(&queue)?;
    attribute(&queue, "rotational", if rotational { "1" } else { "0" })?;
    attribute(&queue, "logical_block_size", "512")
}

/// Sets the size of a SCSI drive on all paths: 0 if the kernel does not support its sector size (`sd_read_capacity`,
/// drivers/scsi/sd.c).
pub fn set_size(store: &Store, drive: &Drive) -> Result<()> {
    let sector_bytes = drive.number("sector_bytes").unwrap_or(512);
    let is_supported = matches!(sector_bytes, 512 | 1024 | 2048 | 4096);
    let sectors = if is_supported { drive.bytes / u64::from(drive.units) / 512 } else { 0 };
    let Some(bay) = drive.bay else { return Ok(()) };
    for path in &drive.paths {
        let dir = format!("{}/block/{}", drive_dir(bay.shelf, path), path.sd());
        attribute(&store.root.join(dir), "size", &sectors.to_string())?;
    }
    Ok(())
}

/// Sets the bay that the SAS transport class shows, on all paths.
pub fn set_sas_bay(store: &Store, drive: &Drive) -> Result<()> {
    let Some(bay) = drive.bay else { return Ok(()) };
    let number = drive.number("sas_bay").unwrap_or(bay.place as u64);
    for path in &drive.paths {
        let dir = sas_device_dir(path.host, bay.shelf, path.port);
        attribute(&store.root.join(dir), "bay_identifier", &number.to_string())?;
    }
    Ok(())
}

pub fn partition_of(disk: &std::path::Path, name: &str, bytes: u64) -> Result<()> {
    let path = disk.join(name);
    make_child_dir(&path)?;
    attribute(&path, "partition", "1")?;
    attribute(&path, "size", &(bytes / 512).saturating_sub(4096).to_string())
}

/// Detaches a logical unit from one path. Its port is removed with the last unit, the directory of the bay remains.
pub fn detach(store: &Store, host: &Host, bay: Bay, path: &Path) -> Result<()> {
    let root = &store.root;
    let (sd, sg) = (path.sd(), path.sg());
    let device = drive_dir(bay.shelf, path);
    if let Some(enclosure) = enclosure_dir(host, path.host, bay.shelf)
        && let Ok(slot) = host.bay_name(bay)
        && root.join(format!("{device}/enclosure_device:{slot}")).is_symlink()
    {
        remove(&root.join(format!("{enclosure}/{slot}/device")))?;
    }
    for name in [
        format!("sys/block/{sd}"),
        format!("sys/class/block/{sd}"),
        format!("sys/class/block/{sd}1"),
        format!("sys/class/scsi_generic/{sg}"),
        format!("dev/{sd}"),
        format!("dev/{sd}1"),
        format!("dev/{sg}"),
    ] {
        remove(&root.join(name))?;
    }
    remove_tree(&root.join(device))?;
    if is_empty_dir(&root.join(target_dir(path.host, bay.shelf, path.port, path.target))) {
        remove_tree(&root.join(port_dir(path.host, bay.shelf, path.port)))?;
    }
    store.unlink_nodes(&[sd, sg])
}

fn is_empty_dir(path: &std::path::Path) -> bool {
    let Ok(mut entries) = fs::read_dir(path) else { return false };
    entries.next().is_none()
}

/// Creates the expander of a shelf, below which its drives are attached.
pub fn make_expander(store: &Store, host: &Host, iom: u32, shelf: usize) -> Result<()> {
    let expander = store.root.join(expander_dir(iom, shelf));
    let sas_device = expander.join("sas_device").join(format!("expander-{iom}:{shelf}"));
    make_dir(&sas_device)?;
    attribute(&sas_device, "sas_address", &format!("0x{}", expander_address(host, iom, shelf)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::products::sample;

    #[test]
    fn vpd_pages_have_their_lengths() {
        let drive = sample(Kind::Sas);
        let page = name_page(&drive, "5000c50000000002", 0);
        assert_eq!(page.get(..2), Some(&[0, 0x83][..]));
        assert_eq!(page.len(), 4 + (4 + 8) * 2 + 4 + 4);
        assert_eq!(page.get(2..4), Some(&[0, 32][..]));
        assert_eq!(page.get(4..8), Some(&[0x01, 0x03, 0, 8][..]));
        let serial = serial_page(&drive);
        assert_eq!(serial.get(4..), Some(drive.serial.as_bytes()));
    }
}
