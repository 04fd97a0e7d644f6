//! HBAs, and block devices that are no drives.

use crate::device_dirs::host_dir;
use crate::files::{attribute, link, link_text, make_dir, put};
use crate::store::Store;
use crate::sysfs::{disk, generic};
use anyhow::Result;

/// A SCSI host with its class device.
pub fn hba(store: &Store, scsi: u32) -> Result<()> {
    let dir = format!("{}/scsi_host/host{scsi}", host_dir(scsi));
    make_dir(&store.root.join(&dir))?;
    attribute(&store.root.join(&dir), "proc_name", "mpt3sas")?;
    link(&store.root, &format!("sys/class/scsi_host/host{scsi}"), &dir)
}

/// Block devices of a usual host that are no drives: loop, ram and zram devices, and an optical drive with an sg node.
pub fn decoys(store: &Store, scsi: u32, sg: u32) -> Result<()> {
    virtual_devices(store)?;
    optical_drive(store, scsi, sg)
}

fn virtual_devices(store: &Store) -> Result<()> {
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
    Ok(())
}

fn optical_drive(store: &Store, scsi: u32, sg: u32) -> Result<()> {
    let root = &store.root;
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
