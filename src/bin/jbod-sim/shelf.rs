//! The SES side of a shelf: its SES processors, the enclosure class device and the attributes of the bays. Reading them
//! blocks while the shelf is silent.

use crate::device_dirs::{drive_dir, enclosure_dir, sas_device_dir, scsi_dir};
use crate::drive::{Bay, Drive};
use crate::files::{attribute, link, link_text, make_child_dir, make_dir, put, remove, remove_tree, replace};
use crate::store::{Host, Iom, Shelf, Store};
use crate::sysfs::{generic, make_expander};
use anyhow::{Context, Result, bail};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use std::fs;
use std::path::{Path, PathBuf};

/// The attributes for which the kernel sends a command to the SES processor (drivers/misc/enclosure.c).
const SES_ATTRIBUTES: [&str; 5] = ["active", "fault", "locate", "power_status", "status"];

/// Lays out one IO module of a shelf with empty bays.
pub fn lay_out(store: &Store, host: &Host, iom: u32, shelf: usize) -> Result<()> {
    let root = &store.root;
    let module = module_of(host, iom, shelf)?;
    let Shelf { id, bays, .. } = shelf_of(host, shelf)?;
    make_expander(store, host, iom, shelf)?;
    let address = format!("{iom}:0:{}:0", module.target);
    let device = scsi_dir(iom, shelf, module.port, module.target);
    let path = root.join(&device);
    make_dir(&path)?;
    attribute(&path, "vendor", "JBODSIM ")?;
    attribute(&path, "model", &format!("{:<16}", format!("SHELF-{}", bays.len())))?;
    attribute(&path, "rev", "0100")?;
    attribute(&path, "type", "13")?;
    attribute(&path, "state", "running")?;
    let sas_address = u64::from_str_radix(id, 16).unwrap_or(0).wrapping_add(u64::from(iom) + 1);
    attribute(&path, "wwid", &format!("naa.{sas_address:016x}"))?;
    let sas_device = root.join(sas_device_dir(iom, shelf, module.port));
    make_dir(&sas_device)?;
    attribute(&sas_device, "sas_address", &format!("0x{sas_address:016x}"))?;
    generic(store, &device, &address, &format!("sg{}", module.generic))?;

    let enclosure = format!("{device}/enclosure/{address}");
    let path = root.join(&enclosure);
    make_dir(&path)?;
    attribute(&path, "components", &bays.len().to_string())?;
    if !host.old_kernel {
        attribute(&path, "id", &format!("0x{id}"))?;
    }
    link_text(&path.join("device"), &format!("../../../{address}"))?;
    link(root, &format!("{enclosure}/subsystem"), "sys/class/enclosure")?;
    put(&path.join("uevent"), "")?;
    make_child_dir(&path.join("power"))?;
    attribute(&path.join("power"), "runtime_status", "unsupported")?;
    link(root, &format!("sys/class/enclosure/{address}"), &enclosure)?;
    for (place, name) in bays.iter().enumerate() {
        lay_out_bay(&path.join(name), place + host.slot_base, host.old_kernel)?;
    }
    Ok(())
}

fn lay_out_bay(dir: &Path, number: usize, old_kernel: bool) -> Result<()> {
    make_child_dir(dir)?;
    make_child_dir(&dir.join("power"))?;
    put(&dir.join("uevent"), "")?;
    for name in ["active", "fault", "locate"] {
        attribute(dir, name, "0")?;
    }
    attribute(dir, "status", "not installed")?;
    attribute(dir, "type", "array device")?;
    if !old_kernel {
        attribute(dir, "power_status", "on")?;
        attribute(dir, "slot", &number.to_string())?;
    }
    Ok(())
}

fn shelf_of(host: &Host, shelf: usize) -> Result<&Shelf> {
    host.shelves.get(shelf).with_context(|| format!("found no enclosure {shelf}"))
}

fn module_of(host: &Host, iom: u32, shelf: usize) -> Result<&Iom> {
    let index = usize::try_from(iom).unwrap_or(usize::MAX);
    shelf_of(host, shelf)?.ioms.get(index).with_context(|| no_module(iom, shelf))
}

/// `enclosure_dir`, or an error.
fn existing_enclosure_dir(host: &Host, iom: u32, shelf: usize) -> Result<String> {
    enclosure_dir(host, iom, shelf).with_context(|| no_module(iom, shelf))
}

fn no_module(iom: u32, shelf: usize) -> String {
    format!("enclosure {shelf} has no IO module {iom}")
}

/// The directory of a bay in the enclosure device of one IO module.
fn bay_dir(host: &Host, iom: u32, bay: Bay) -> Result<String> {
    let dir = existing_enclosure_dir(host, iom, bay.shelf)?;
    Ok(format!("{dir}/{}", host.bay_name(bay)?))
}

/// The directory of the attributes of a silent IO module, each of which is replaced by a FIFO.
fn saved_dir(store: &Store, iom: u32, shelf: usize) -> PathBuf {
    store.sim("silent").join(format!("{iom}-{shelf}"))
}

fn saved_attribute(store: &Store, iom: u32, bay: Bay, name: &str) -> PathBuf {
    saved_dir(store, iom, bay.shelf).join(format!("{}.{name}", bay.place))
}

/// Sets an attribute of a bay at one IO module.
pub fn set_bay(store: &Store, host: &Host, iom: u32, bay: Bay, name: &str, value: &str) -> Result<()> {
    let saved = saved_attribute(store, iom, bay, name);
    let path = if saved.exists() { saved } else { store.root.join(bay_dir(host, iom, bay)?).join(name) };
    if !path.exists() {
        return Ok(()); // an old kernel has no power_status
    }
    replace(&path, format!("{value}\n"))
}

/// Sets an attribute of a bay at all IO modules.
pub fn set_bay_everywhere(store: &Store, host: &Host, bay: Bay, name: &str, value: &str) -> Result<()> {
    ioms(host, bay.shelf).try_for_each(|iom| set_bay(store, host, iom, bay, name, value))
}

/// The numbers of the IO modules of a shelf.
pub fn ioms(host: &Host, shelf: usize) -> impl Iterator<Item = u32> + use<> {
    let count = host.shelves.get(shelf).map_or(0, |shelf| shelf.ioms.len());
    (0u32..).take(count)
}

/// Sets whether an IO module is silent. The attributes of a silent one are FIFOs without a writer, so that open(2)
/// blocks.
pub fn set_silent(store: &Store, host: &Host, iom: u32, shelf: usize, silent: bool) -> Result<()> {
    module_of(host, iom, shelf)?;
    let saved_dir = saved_dir(store, iom, shelf);
    if silent == saved_dir.exists() {
        return Ok(());
    }
    make_dir(&saved_dir)?;
    let mut fifos = Vec::new();
    for place in 0..shelf_of(host, shelf)?.bays.len() {
        let bay = Bay { shelf, place };
        let dir = store.root.join(bay_dir(host, iom, bay)?);
        for name in SES_ATTRIBUTES {
            let (path, saved) = (dir.join(name), saved_attribute(store, iom, bay, name));
            if silent && path.exists() {
                replace_by_fifo(&path, &saved)?;
            } else if !silent && saved.exists() {
                let fifo = saved.with_extension(format!("{name}.fifo"));
                fs::hard_link(&path, &fifo).with_context(|| format!("cannot link FIFO {}", fifo.display()))?;
                rename(&saved, &path)?;
                fifos.push(fifo);
            }
        }
    }
    if silent {
        return Ok(());
    }
    // A writer ends the open(2) of readers that are still blocked.
    for fifo in fifos {
        let _ = open(&fifo, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty());
    }
    remove_tree(&saved_dir)
}

fn replace_by_fifo(path: &Path, saved: &Path) -> Result<()> {
    let fifo = path.with_extension("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o644), 0)
        .with_context(|| format!("cannot create FIFO {}", fifo.display()))?;
    rename(path, saved)?;
    rename(&fifo, path)
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).with_context(|| format!("cannot rename {} to {}", from.display(), to.display()))
}

/// Links a bay to the SCSI device of a drive on the path through that IO module, or removes the link. The drive may be
/// in another bay.
pub fn set_link(store: &Store, host: &Host, iom: u32, bay: Bay, drive: Option<&Drive>) -> Result<()> {
    let link_path = format!("{}/device", bay_dir(host, iom, bay)?);
    remove(&store.root.join(&link_path))?;
    let Some(drive) = drive else { return Ok(()) };
    let Some(bay_of_drive) = drive.bay else { return Ok(()) };
    // The kernel links to the logical unit with the highest number.
    let Some(path) = drive.paths.iter().rfind(|path| path.host == iom) else { return Ok(()) };
    link(&store.root, &link_path, &drive_dir(bay_of_drive.shelf, path))
}

/// Sets the identifier that the kernel shows for the shelf; `None` restores the real one.
pub fn set_id(store: &Store, host: &Host, iom: u32, shelf: usize, id: Option<&str>) -> Result<()> {
    let id = id.unwrap_or(&shelf_of(host, shelf)?.id);
    if id.len() != 16 || u64::from_str_radix(id, 16).is_err() {
        bail!("id: found {id:?}; wanted 16 hexadecimal digits");
    }
    let dir = existing_enclosure_dir(host, iom, shelf)?;
    replace(&store.root.join(dir).join("id"), format!("0x{id}\n"))
}

/// Sets whether `sys/class/enclosure` lists the shelf.
pub fn set_shown(store: &Store, host: &Host, iom: u32, shelf: usize, shown: bool) -> Result<()> {
    let module = module_of(host, iom, shelf)?;
    let dir = existing_enclosure_dir(host, iom, shelf)?;
    let class = format!("sys/class/enclosure/{iom}:0:{}:0", module.target);
    remove(&store.root.join(&class))?;
    if shown { link(&store.root, &class, &dir) } else { Ok(()) }
}

/// Sets whether the bays of the shelf are linked to their drives.
pub fn set_links(store: &Store, host: &Host, iom: u32, shelf: usize, linked: bool) -> Result<()> {
    for drive in store.drives()? {
        let Some(bay) = drive.bay else { continue };
        if bay.shelf == shelf {
            set_link(store, host, iom, bay, if linked { Some(&drive) } else { None })?;
        }
    }
    Ok(())
}

/// Sets whether `sys/class/sas_device` lists the drives of the shelf.
pub fn set_sas_devices(store: &Store, iom: u32, shelf: usize, shown: bool) -> Result<()> {
    make_dir(&store.root.join("sys/class/sas_device"))?;
    for drive in store.drives()? {
        let Some(bay) = drive.bay else { continue };
        if bay.shelf != shelf {
            continue;
        }
        for path in drive.paths.iter().filter(|path| path.host == iom) {
            let class = format!("sys/class/sas_device/end_device-{iom}:{shelf}:{}", path.port);
            remove(&store.root.join(&class))?;
            if shown {
                link(&store.root, &class, &sas_device_dir(iom, shelf, path.port))?;
            }
        }
    }
    Ok(())
}
