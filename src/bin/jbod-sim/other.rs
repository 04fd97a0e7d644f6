//! The rest of the host: HBAs, `NVMe` drives, and block devices that no drive list should show.

use crate::device_dirs::host_dir;
use crate::drive::Drive;
use crate::files::{attribute, link, link_text, make_dir, put, remove, remove_tree};
use crate::store::Store;
use crate::sysfs::{disk, generic, partition_of};
use anyhow::Result;

/// Difference between the numbers of the controllers of a drive.
const SECOND_CONTROLLER: u32 = 100;

/// A SCSI host with its class device.
pub fn hba(store: &Store, scsi: u32) -> Result<()> {
    let dir = format!("{}/scsi_host/host{scsi}", host_dir(scsi));
    make_dir(&store.root.join(&dir))?;
    attribute(&store.root.join(&dir), "proc_name", "mpt3sas")?;
    link(&store.root, &format!("sys/class/scsi_host/host{scsi}"), &dir)
}

/// An `NVMe` controller with its namespaces.
pub fn nvme(store: &Store, drive: &Drive, number: u32) -> Result<()> {
    let root = &store.root;
    let name = format!("nvme{number}");
    controller(store, drive, &name, number, 1)?;
    make_dir(&root.join("sys/class/nvme"))?;
    link(root, &format!("sys/class/nvme/{name}"), &controller_dir(number))?;
    namespace(store, drive, number, 1)?;
    namespaces(store, drive, number)
}

/// The attributes of a controller, and its node. `id`: its number in the subsystem.
fn controller(store: &Store, drive: &Drive, name: &str, number: u32, id: u32) -> Result<()> {
    let path = store.root.join(controller_dir(number));
    make_dir(&path)?;
    attribute(&path, "model", &format!("{:<40}", drive.model))?;
    attribute(&path, "serial", &format!("{:<20}", drive.serial))?;
    attribute(&path, "firmware_rev", &format!("{:<8}", drive.firmware))?;
    attribute(&path, "address", &pci(number))?;
    attribute(&path, "transport", "pcie")?;
    attribute(&path, "state", "live")?;
    attribute(&path, "subsysnqn", &format!("nqn.2014.08.org.nvmexpress:{}", drive.serial))?;
    attribute(&path, "cntlid", &id.to_string())?;
    put(&store.root.join("dev").join(name), "")?;
    store.link_nodes(drive, &[name.to_owned()])
}

/// The second controller of a dual-port drive.
pub fn second_controller(number: u32) -> u32 {
    number + SECOND_CONTROLLER
}

/// With two controllers the kernel joins them (native multipath): the block devices belong to the subsystem.
pub fn controllers(store: &Store, drive: &Drive, number: u32) -> Result<()> {
    let root = &store.root;
    let (name, second) = (format!("nvme{number}"), second_controller(number));
    let second_name = format!("nvme{second}");
    let subsystem = format!("sys/devices/virtual/nvme-subsystem/nvme-subsys{number}");
    let spaces = drive.number("namespaces").unwrap_or(1).max(1);
    let has_two = drive.number("controllers") == Some(2);
    remove_tree(&root.join(&subsystem))?;
    if has_two {
        controller(store, drive, &second_name, second, 2)?;
        make_dir(&root.join(&subsystem))?;
        link(root, &format!("{subsystem}/{name}"), &controller_dir(number))?;
        link(root, &format!("{subsystem}/{second_name}"), &controller_dir(second))?;
    } else {
        store.unlink_nodes(std::slice::from_ref(&second_name))?;
        remove(&root.join("dev").join(&second_name))?;
        remove_tree(&root.join(format!("sys/devices/pci0000:00/{}", pci(second))))?;
    }
    for id in 1..=spaces {
        let device = format!("{}/nvme{number}n{id}/device", controller_dir(number));
        remove(&root.join(&device))?;
        if has_two {
            link(root, &device, &subsystem)?;
        } else {
            link_text(&root.join(&device), &format!("../../{name}"))?;
        }
    }
    Ok(())
}

/// The hot-plug slot that an `NVMe` drive is in; `None`: none is known.
pub fn pci_slot(store: &Store, number: u32, name: Option<&str>) -> Result<()> {
    let slots = store.root.join("sys/bus/pci/slots");
    make_dir(&slots)?;
    let function = pci(number);
    let device = function.rsplit_once('.').map_or(function.as_str(), |(device, _)| device);
    for entry in std::fs::read_dir(&slots).into_iter().flatten().flatten() {
        let address = std::fs::read_to_string(entry.path().join("address")).unwrap_or_default();
        if address.trim() == device {
            remove_tree(&entry.path())?;
        }
    }
    let Some(name) = name else { return Ok(()) };
    make_dir(&slots.join(name))?;
    attribute(&slots.join(name), "address", device)?;
    attribute(&slots.join(name), "power", "1")
}

/// One namespace, with a partition.
fn namespace(store: &Store, drive: &Drive, number: u32, id: u64) -> Result<()> {
    let root = &store.root;
    let (name, space) = (format!("nvme{number}"), format!("nvme{number}n{id}"));
    let controller = controller_dir(number);
    let bytes = drive.bytes / drive.number("namespaces").unwrap_or(1).max(1);
    let path = root.join(&controller).join(&space);
    make_dir(&path)?;
    // Each namespace has a name of its own.
    let wwid = match (id, drive.wwn.as_deref().and_then(|w| u64::from_str_radix(w, 16).ok())) {
        (2.., Some(first)) => format!("eui.{:016x}", first.wrapping_add(id - 1)),
        (2.., None) => format!("{}{id:08x}", drive.wwid().trim_end_matches("00000001")),
        _ => drive.wwid(),
    };
    attribute(&path, "wwid", &wwid)?;
    attribute(&path, "nsid", &id.to_string())?;
    attribute(&path, "removable", "0")?;
    disk(&path, bytes, false)?;
    link_text(&path.join("device"), &format!("../../{name}"))?;
    let partition = format!("{space}p1");
    partition_of(&path, &partition, bytes)?;
    let dir = format!("{controller}/{space}");
    link(root, &format!("sys/block/{space}"), &dir)?;
    link(root, &format!("sys/class/block/{space}"), &dir)?;
    link(root, &format!("sys/class/block/{partition}"), &format!("{dir}/{partition}"))?;
    for node in [&space, &partition] {
        put(&root.join("dev").join(node), "")?;
    }
    store.link_nodes(drive, &[space])
}

fn remove_namespace(store: &Store, number: u32, id: u64) -> Result<()> {
    let root = &store.root;
    let space = format!("nvme{number}n{id}");
    for at in [
        format!("sys/block/{space}"),
        format!("sys/class/block/{space}"),
        format!("sys/class/block/{space}p1"),
        format!("dev/{space}"),
        format!("dev/{space}p1"),
    ] {
        remove(&root.join(at))?;
    }
    remove_tree(&root.join(controller_dir(number)).join(&space))?;
    store.unlink_nodes(&[space])
}

/// As many namespaces as the drive's state says.
pub fn namespaces(store: &Store, drive: &Drive, number: u32) -> Result<()> {
    let count = drive.number("namespaces").unwrap_or(1).max(1);
    (1..=count).try_for_each(|id| namespace(store, drive, number, id))?;
    (count + 1..=16).try_for_each(|id| remove_namespace(store, number, id))
}

fn pci(number: u32) -> String {
    format!("0000:{:02x}:00.0", number + 1)
}

pub fn controller_dir(number: u32) -> String {
    format!("sys/devices/pci0000:00/{}/nvme/nvme{number}", pci(number))
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
    let name = format!("nvme{number}");
    (1..=16).try_for_each(|id| remove_namespace(store, number, id))?;
    remove(&root.join(format!("sys/class/nvme/{name}")))?;
    remove(&root.join("dev").join(&name))?;
    remove_tree(&root.join(format!("sys/devices/pci0000:00/{}", pci(number))))?;
    store.unlink_nodes(&[name])
}
