//! The rest of the host: HBAs, `NVMe` drives, and block devices that no drive list should show.

use crate::drive::Drive;
use crate::files::{attribute, link, link_text, make_dir, put, remove, remove_tree};
use crate::places::host_dir;
use crate::store::Store;
use crate::sysfs::{disk, generic, partition_of};
use anyhow::Result;

/// A SCSI host with its class device.
pub fn hba(store: &Store, scsi: u32) -> Result<()> {
    let dir = format!("{}/scsi_host/host{scsi}", host_dir(scsi));
    make_dir(&store.root.join(&dir))?;
    attribute(&store.root.join(&dir), "proc_name", "mpt3sas")?;
    link(&store.root, &format!("sys/class/scsi_host/host{scsi}"), &dir)
}

/// An `NVMe` controller with one namespace.
pub fn nvme(store: &Store, drive: &Drive, number: u32) -> Result<()> {
    let root = &store.root;
    let pci = format!("0000:{:02x}:00.0", number + 1);
    let (name, space) = (format!("nvme{number}"), format!("nvme{number}n1"));
    let controller = format!("sys/devices/pci0000:00/{pci}/nvme/{name}");
    let path = root.join(&controller);
    make_dir(&path)?;
    attribute(&path, "model", &format!("{:<40}", drive.model))?;
    attribute(&path, "serial", &format!("{:<20}", drive.serial))?;
    attribute(&path, "firmware_rev", &format!("{:<8}", drive.firmware))?;
    attribute(&path, "address", &pci)?;
    attribute(&path, "transport", "pcie")?;
    attribute(&path, "state", "live")?;
    let space_path = path.join(&space);
    make_dir(&space_path)?;
    attribute(&space_path, "wwid", &drive.wwid())?;
    attribute(&space_path, "removable", "0")?;
    disk(&space_path, drive.bytes, false)?;
    link_text(&space_path.join("device"), &format!("../../{name}"))?;
    let partition = format!("{space}p1");
    partition_of(&space_path, &partition, drive.bytes)?;
    make_dir(&root.join("sys/class/nvme"))?;
    link(root, &format!("sys/class/nvme/{name}"), &controller)?;
    let space_dir = format!("{controller}/{space}");
    link(root, &format!("sys/block/{space}"), &space_dir)?;
    link(root, &format!("sys/class/block/{space}"), &space_dir)?;
    link(root, &format!("sys/class/block/{partition}"), &format!("{space_dir}/{partition}"))?;
    for node in [&name, &space, &partition] {
        put(&root.join("dev").join(node), "")?;
    }
    store.link_nodes(drive, &[name, space])
}

/// What stands in sys/block of any host and is no drive: loop, ram and zram devices, an optical
/// drive with an sg node.
pub fn decoys(store: &Store, scsi: u32, sg: u32) -> Result<()> {
    let root = &store.root;
    for (name, bytes) in [("loop0", 0), ("ram0", 16 << 20), ("zram0", 8 << 30)] {
        let dir = format!("sys/devices/virtual/block/{name}");
        make_dir(&root.join(&dir))?;
        attribute(&root.join(&dir), "removable", "0")?;
        disk(&root.join(&dir), bytes, false)?;
        link(root, &format!("sys/block/{name}"), &dir)?;
        link(root, &format!("sys/class/block/{name}"), &dir)?;
        put(&root.join("dev").join(name), "")?;
    }
    let address = format!("{scsi}:0:0:0");
    let device = format!("sys/devices/pci0000:00/0000:00:1f.2/ata1/host{scsi}/target{scsi}:0:0/{address}");
    let path = root.join(&device);
    make_dir(&path)?;
    attribute(&path, "vendor", "HL-DT-ST")?;
    attribute(&path, "model", "DVDRAM GUD0N    ")?;
    attribute(&path, "rev", "LD00")?;
    attribute(&path, "type", "5")?;
    attribute(&path, "state", "running")?;
    generic(store, &device, &address, &format!("sg{sg}"))?;
    let block = format!("{device}/block/sr0");
    make_dir(&root.join(&block))?;
    attribute(&root.join(&block), "removable", "1")?;
    disk(&root.join(&block), 1_073_741_312, true)?;
    link_text(&root.join(&block).join("device"), &format!("../../../{address}"))?;
    link(root, "sys/block/sr0", &block)?;
    link(root, "sys/class/block/sr0", &block)?;
    put(&root.join("dev/sr0"), "")
}

/// The `NVMe` drive is gone.
pub fn remove_nvme(store: &Store, number: u32) -> Result<()> {
    let root = &store.root;
    let (name, space) = (format!("nvme{number}"), format!("nvme{number}n1"));
    for at in [
        format!("sys/block/{space}"),
        format!("sys/class/block/{space}"),
        format!("sys/class/block/{space}p1"),
        format!("sys/class/nvme/{name}"),
    ] {
        remove(&root.join(at))?;
    }
    for node in [&name, &space, &format!("{space}p1")] {
        remove(&root.join("dev").join(node))?;
    }
    remove_tree(&root.join(format!("sys/devices/pci0000:00/0000:{:02x}:00.0", number + 1)))?;
    store.unlink_nodes(&[name, space])
}
