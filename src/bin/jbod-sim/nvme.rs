//! `NVMe` drives in sysfs: controllers, namespaces, hot-plug slots.

use crate::drive::Drive;
use crate::files::{attribute, link, link_text, make_dir, put, remove, remove_tree};
use crate::store::Store;
use crate::sysfs::{disk, partition_of};
use anyhow::Result;

/// Difference between the numbers of the two controllers of a drive.
const SECOND_CONTROLLER: u32 = 100;
/// The highest that `set` takes.
const MAX_NAMESPACES: u64 = 16;

/// A drive with its first controller.
pub fn nvme(store: &Store, drive: &Drive, number: u32) -> Result<()> {
    let root = &store.root;
    let name = format!("nvme{number}");
    controller(store, drive, &name, number, 1)?;
    make_dir(&root.join("sys/class/nvme"))?;
    link(root, &format!("sys/class/nvme/{name}"), &controller_dir(number))?;
    namespaces(store, drive, number)
}

/// `id`: the number of the controller in its subsystem.
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

/// Number of the second controller of a dual-port drive.
pub fn second_controller(number: u32) -> u32 {
    number + SECOND_CONTROLLER
}

/// Lays out one or two controllers, as the drive has them. With two, the block devices belong to the subsystem (native
/// multipath of the kernel).
pub fn controllers(store: &Store, drive: &Drive, number: u32) -> Result<()> {
    let root = &store.root;
    let (name, second) = (format!("nvme{number}"), second_controller(number));
    let second_name = format!("nvme{second}");
    let subsystem = format!("sys/devices/virtual/nvme-subsystem/nvme-subsys{number}");
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
    for id in 1..=namespace_count(drive) {
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

/// Sets the hot-plug slot of a drive. `None`: the kernel reports no slot.
pub fn pci_slot(store: &Store, number: u32, name: Option<&str>) -> Result<()> {
    let slots = store.root.join("sys/bus/pci/slots");
    make_dir(&slots)?;
    let function = pci(number);
    // The address of a slot has no function.
    let device = function.trim_end_matches(".0");
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
    let bytes = drive.bytes / namespace_count(drive);
    let path = root.join(&controller).join(&space);
    make_dir(&path)?;
    attribute(&path, "wwid", &namespace_wwid(drive, id))?;
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

fn namespace_wwid(drive: &Drive, id: u64) -> String {
    if id == 1 {
        return drive.wwid();
    }
    match drive.wwn_number() {
        Some(first) => format!("eui.{:016x}", first.wrapping_add(id - 1)),
        None => format!("{}{id:08x}", drive.wwid().trim_end_matches("00000001")),
    }
}

fn remove_namespace(store: &Store, number: u32, id: u64) -> Result<()> {
    let root = &store.root;
    let space = format!("nvme{number}n{id}");
    for path in [
        format!("sys/block/{space}"),
        format!("sys/class/block/{space}"),
        format!("sys/class/block/{space}p1"),
        format!("dev/{space}"),
        format!("dev/{space}p1"),
    ] {
        remove(&root.join(path))?;
    }
    remove_tree(&root.join(controller_dir(number)).join(&space))?;
    store.unlink_nodes(&[space])
}

fn namespace_count(drive: &Drive) -> u64 {
    drive.number_or("namespaces", 1).max(1)
}

/// Lays out the namespaces that the drive has, and removes all others.
pub fn namespaces(store: &Store, drive: &Drive, number: u32) -> Result<()> {
    let count = namespace_count(drive);
    for id in 1..=count {
        namespace(store, drive, number, id)?;
    }
    for id in count + 1..=MAX_NAMESPACES {
        remove_namespace(store, number, id)?;
    }
    Ok(())
}

/// The PCI function of a controller.
fn pci(number: u32) -> String {
    format!("0000:{:02x}:00.0", number + 1)
}

pub fn controller_dir(number: u32) -> String {
    format!("sys/devices/pci0000:00/{}/nvme/nvme{number}", pci(number))
}

pub fn remove_nvme(store: &Store, number: u32) -> Result<()> {
    let root = &store.root;
    let name = format!("nvme{number}");
    for id in 1..=MAX_NAMESPACES {
        remove_namespace(store, number, id)?;
    }
    remove(&root.join(format!("sys/class/nvme/{name}")))?;
    remove(&root.join("dev").join(&name))?;
    remove_tree(&root.join(format!("sys/devices/pci0000:00/{}", pci(number))))?;
    store.unlink_nodes(&[name])
}
