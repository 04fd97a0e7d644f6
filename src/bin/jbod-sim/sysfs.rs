//! One drive on one path, in sysfs and among the nodes: how it appears and how it vanishes.
//! Laying out a host, pulling, inserting and renaming are all made of these two.

use crate::device_dirs::{drive_dir, enclosure_dir, end_device_dir, expander_dir, port_address, port_dir, target_dir};
use crate::drive::{Bay, Drive, Kind, Path};
use crate::files::{attribute, link, link_text, make_one, put, remove, remove_tree};
use crate::store::{Host, Store};
use anyhow::{Context, Result};

/// A logical unit of the drive appears on one path: SCSI device, block device, sg node; with the last one the slot link. The
/// kernel's link leads to the unit that it found last (`enclosure_add_device`, drivers/misc/enclosure.c).
pub fn attach(store: &Store, host: &Host, drive: &Drive, bay: Bay, path: &Path) -> Result<()> {
    let root = &store.root;
    let device = drive_dir(bay.shelf, path);
    let (sd, sg) = (path.sd(), path.sg());
    let unit = drive.unit(path.lun);
    port(store, host, drive, bay, path)?;
    identity(&root.join(&device), &unit, path, &port_address(drive, path.host))?;
    generic(store, &device, &path.address(), &sg)?;
    block(store, &unit, &device, &path.address(), &sd)?;
    let slot = host
        .shelves
        .get(bay.shelf)
        .and_then(|s| s.bays.get(bay.place))
        .context("a drive stands in a bay that is not there")?;
    if let Some(enclosure) = enclosure_dir(host, path.host, bay.shelf)
        && path.lun + 1 == drive.units
    {
        link(root, &format!("{device}/enclosure_device:{slot}"), &format!("{enclosure}/{slot}"))?;
        link(root, &format!("{enclosure}/{slot}/device"), &device)?;
    }
    store.link_nodes(drive, &[sd, sg])
}

/// The port, end device and target: what SAS puts above a SCSI device.
fn port(store: &Store, host: &Host, drive: &Drive, bay: Bay, path: &Path) -> Result<()> {
    let root = &store.root;
    let end = end_device_dir(path.host, bay.shelf, path.port);
    let end_path = root.join(&end);
    make_one(&root.join(port_dir(path.host, bay.shelf, path.port)))?;
    make_one(&end_path)?;
    let name = format!("end_device-{}:{}:{}", path.host, bay.shelf, path.port);
    make_one(&end_path.join("sas_device"))?;
    let sas = end_path.join("sas_device").join(name);
    make_one(&sas)?;
    attribute(&sas, "sas_address", &format!("0x{}", port_address(drive, path.host)))?;
    attribute(&sas, "bay_identifier", &bay.place.to_string())?;
    let id = host.shelves.get(bay.shelf).map_or("", |s| s.id.as_str());
    attribute(&sas, "enclosure_identifier", &format!("0x{id}"))?;
    make_one(&root.join(target_dir(path.host, bay.shelf, path.port, path.target)))?;
    make_one(&root.join(drive_dir(bay.shelf, path)))
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

/// VPD page 0x80: the serial; SATA's is padded to 20 at the left, as SAT passes it on.
fn serial_page(drive: &Drive) -> Vec<u8> {
    let serial = if drive.kind == Kind::Sata { format!("{:>20}", drive.serial) } else { drive.serial.clone() };
    page(0x80, serial.as_bytes())
}

/// VPD page 0x83: the name of the drive, then those of the port that was asked.
fn name_page(drive: &Drive, port: &str, host: u32) -> Vec<u8> {
    let mut body = Vec::new();
    let mut designator = |first: u8, second: u8, value: &[u8]| {
        body.extend([first, second, 0, u8::try_from(value.len()).unwrap_or(u8::MAX)]);
        body.extend(value);
    };
    match &drive.wwn {
        Some(wwn) if !drive.t10 => designator(0x01, 0x03, &bytes_of(wwn)),
        _ => designator(0x02, 0x01, drive.t10_name().as_bytes()),
    }
    // Protocol SAS, "protocol identifier valid", association target port: NAA and relative port.
    designator(0x61, 0x93, &bytes_of(port));
    designator(0x61, 0x94, &[0, 0, 0, u8::try_from(host + 1).unwrap_or(1)]);
    page(0x83, &body)
}

fn page(code: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&[0, code], &length[..], body].concat()
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits = |at: usize| hex.get(at..at + 2).and_then(|byte| u8::from_str_radix(byte, 16).ok()).unwrap_or(0);
    (0..hex.len() / 2).map(|byte| digits(byte * 2)).collect()
}

/// The sg node of a SCSI device; `device` is its sysfs directory below the root.
pub fn generic(store: &Store, device: &str, address: &str, sg: &str) -> Result<()> {
    let root = &store.root;
    let dir = format!("{device}/scsi_generic/{sg}");
    make_one(&root.join(format!("{device}/scsi_generic")))?;
    make_one(&root.join(&dir))?;
    link_text(&root.join(format!("{dir}/device")), &format!("../../../{address}"))?;
    link_text(&root.join(format!("{device}/generic")), &format!("scsi_generic/{sg}"))?;
    link(root, &format!("sys/class/scsi_generic/{sg}"), &dir)?;
    put(&root.join("dev").join(sg), "")
}

/// The block device with its one partition.
fn block(store: &Store, drive: &Drive, device: &str, address: &str, sd: &str) -> Result<()> {
    let root = &store.root;
    let dir = format!("{device}/block/{sd}");
    let path = root.join(&dir);
    make_one(&root.join(format!("{device}/block")))?;
    make_one(&path)?;
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

/// What any disk has: its size in sectors of 512 bytes, and its queue.
pub fn disk(path: &std::path::Path, bytes: u64, rotational: bool) -> Result<()> {
    attribute(path, "size", &(bytes / 512).to_string())?;
    let queue = path.join("queue");
    make_one(&queue)?;
    attribute(&queue, "rotational", if rotational { "1" } else { "0" })?;
    attribute(&queue, "logical_block_size", "512")
}

/// The size of a SCSI drive on all its paths: 0 where the kernel cannot use its sectors.
pub fn set_size(store: &Store, drive: &Drive) -> Result<()> {
    let sector_bytes = drive.number("sector_bytes").unwrap_or(512);
    let is_usable = matches!(sector_bytes, 512 | 1024 | 2048 | 4096);
    let sectors = if is_usable { drive.bytes / u64::from(drive.units) / 512 } else { 0 };
    let Some(bay) = drive.bay else { return Ok(()) };
    for path in &drive.paths {
        let dir = format!("{}/block/{}", drive_dir(bay.shelf, path), path.sd());
        attribute(&store.root.join(dir), "size", &sectors.to_string())?;
    }
    Ok(())
}

/// The bay that the SAS transport class shows on all paths.
pub fn set_sas_bay(store: &Store, drive: &Drive) -> Result<()> {
    let Some(bay) = drive.bay else { return Ok(()) };
    let shown = drive.number("sas_bay").map_or_else(|| bay.place.to_string(), |number| number.to_string());
    for path in &drive.paths {
        let name = format!("end_device-{}:{}:{}", path.host, bay.shelf, path.port);
        let dir = end_device_dir(path.host, bay.shelf, path.port);
        attribute(&store.root.join(dir).join("sas_device").join(name), "bay_identifier", &shown)?;
    }
    Ok(())
}

pub fn partition_of(disk: &std::path::Path, name: &str, bytes: u64) -> Result<()> {
    let path = disk.join(name);
    make_one(&path)?;
    attribute(&path, "partition", "1")?;
    attribute(&path, "size", &(bytes / 512).saturating_sub(4096).to_string())
}

/// What this path led to is gone, with all its names; the slot's directory stays. The port goes with its last logical unit.
pub fn detach(store: &Store, host: &Host, bay: Bay, path: &Path) -> Result<()> {
    let root = &store.root;
    let (sd, sg) = (path.sd(), path.sg());
    let device = drive_dir(bay.shelf, path);
    if let Some(enclosure) = enclosure_dir(host, path.host, bay.shelf)
        && let Some(slot) = host.shelves.get(bay.shelf).and_then(|s| s.bays.get(bay.place))
        && root.join(format!("{device}/enclosure_device:{slot}")).symlink_metadata().is_ok()
    {
        remove(&root.join(format!("{enclosure}/{slot}/device")))?;
    }
    for name in [format!("sys/block/{sd}"), format!("sys/class/block/{sd}"), format!("sys/class/block/{sd}1")] {
        remove(&root.join(name))?;
    }
    for name in [format!("sys/class/scsi_generic/{sg}"), format!("dev/{sd}"), format!("dev/{sd}1"), format!("dev/{sg}")]
    {
        remove(&root.join(name))?;
    }
    remove_tree(&root.join(device))?;
    let target = root.join(target_dir(path.host, bay.shelf, path.port, path.target));
    if std::fs::read_dir(target).is_ok_and(|mut others| others.next().is_none()) {
        remove_tree(&root.join(port_dir(path.host, bay.shelf, path.port)))?;
    }
    store.unlink_nodes(&[sd, sg])
}

/// The directory above all drives of a shelf must be there before the drives are.
pub fn make_expander(store: &Store, host: &Host, iom: u32, shelf: usize) -> Result<()> {
    let expander = store.root.join(expander_dir(iom, shelf));
    let sas = expander.join("sas_device").join(format!("expander-{iom}:{shelf}"));
    crate::files::make_dir(&sas)?;
    attribute(&sas, "sas_address", &format!("0x{}", crate::device_dirs::expander_address(host, iom, shelf)))
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
