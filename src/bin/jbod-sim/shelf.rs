//! The shelf's own side: the SES processor, the enclosure class device, and the attributes of its
//! bays, which a silent shelf never answers.

use crate::device_dirs::{drive_dir, enclosure_dir, end_device_dir, scsi_dir};
use crate::drive::{Bay, Drive};
use crate::files::{attribute, link, link_text, make_dir, make_one, put, remove, remove_tree, replace};
use crate::store::{Host, Iom, Store};
use crate::sysfs::{generic, make_expander};
use anyhow::{Context, Result, bail};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use std::fs;
use std::path::PathBuf;

/// The attributes for which the kernel asks the shelf.
const ASKED: [&str; 5] = ["active", "fault", "locate", "power_status", "status"];

/// Lays out one IOM of a shelf, every bay empty.
pub fn lay_out(store: &Store, host: &Host, iom: u32, shelf: usize) -> Result<()> {
    let root = &store.root;
    let it = iom_of(host, iom, shelf)?;
    let id = host.shelves.get(shelf).map_or("", |s| s.id.as_str());
    make_expander(store, host, iom, shelf)?;
    let address = format!("{iom}:0:{}:0", it.target);
    let device = scsi_dir(iom, shelf, it.port, it.target);
    let path = root.join(&device);
    make_dir(&path)?;
    attribute(&path, "vendor", "JBODSIM ")?;
    attribute(
        &path,
        "model",
        &format!("{:<16}", format!("SHELF-{}", host.shelves.get(shelf).map_or(0, |s| s.bays.len()))),
    )?;
    attribute(&path, "rev", "0100")?;
    attribute(&path, "type", "13")?;
    attribute(&path, "state", "running")?;
    let own = u64::from_str_radix(id, 16).unwrap_or(0).wrapping_add(u64::from(iom) + 1);
    attribute(&path, "wwid", &format!("naa.{own:016x}"))?;
    let sas =
        root.join(end_device_dir(iom, shelf, it.port)).join(format!("sas_device/end_device-{iom}:{shelf}:{}", it.port));
    make_dir(&sas)?;
    attribute(&sas, "sas_address", &format!("0x{own:016x}"))?;
    generic(store, &device, &address, &format!("sg{}", it.generic))?;

    let enclosure = format!("{device}/enclosure/{address}");
    let path = root.join(&enclosure);
    make_dir(&path)?;
    attribute(&path, "components", &host.shelves.get(shelf).map_or(0, |s| s.bays.len()).to_string())?;
    if !host.old_kernel {
        attribute(&path, "id", &format!("0x{id}"))?;
    }
    link_text(&path.join("device"), &format!("../../../{address}"))?;
    link(root, &format!("{enclosure}/subsystem"), "sys/class/enclosure")?;
    put(&path.join("uevent"), "")?;
    make_one(&path.join("power"))?;
    attribute(&path.join("power"), "runtime_status", "unsupported")?;
    link(root, &format!("sys/class/enclosure/{address}"), &enclosure)?;
    for (place, name) in host.shelves.get(shelf).into_iter().flat_map(|s| s.bays.iter().enumerate()) {
        lay_out_bay(&path.join(name), place + host.slot_base, host.old_kernel)?;
    }
    Ok(())
}

fn lay_out_bay(dir: &std::path::Path, number: usize, old_kernel: bool) -> Result<()> {
    make_one(dir)?;
    make_one(&dir.join("power"))?;
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

fn iom_of(host: &Host, iom: u32, shelf: usize) -> Result<&Iom> {
    let place = usize::try_from(iom).unwrap_or(usize::MAX);
    host.shelves
        .get(shelf)
        .and_then(|s| s.ioms.get(place))
        .with_context(|| format!("enclosure {shelf} has no IOM {iom}"))
}

fn bay_dir(store: &Store, host: &Host, iom: u32, bay: Bay) -> Result<PathBuf> {
    let dir =
        enclosure_dir(host, iom, bay.shelf).with_context(|| format!("enclosure {} has no IOM {iom}", bay.shelf))?;
    let name = host.shelves.get(bay.shelf).and_then(|s| s.bays.get(bay.place)).context("there is no such bay")?;
    Ok(store.root.join(dir).join(name))
}

/// Where a silent shelf's attribute is kept while a FIFO stands in its place.
fn kept(store: &Store, iom: u32, bay: Bay, name: &str) -> PathBuf {
    store.sim("silent").join(format!("{iom}-{}", bay.shelf)).join(format!("{}.{name}", bay.place))
}

/// Sets an attribute of a bay as one IOM shows it.
pub fn set_bay(store: &Store, host: &Host, iom: u32, bay: Bay, name: &str, value: &str) -> Result<()> {
    let saved = kept(store, iom, bay, name);
    let path = bay_dir(store, host, iom, bay)?.join(name);
    let path = if saved.exists() { saved } else { path };
    if !path.exists() {
        return Ok(()); // an old kernel has no power_status
    }
    replace(&path, format!("{value}\n"))
}

/// Sets an attribute of a bay as every IOM shows it.
pub fn set_bay_everywhere(store: &Store, host: &Host, bay: Bay, name: &str, value: &str) -> Result<()> {
    ioms(host, bay.shelf).try_for_each(|iom| set_bay(store, host, iom, bay, name, value))
}

/// The numbers of a shelf's IOMs.
pub fn ioms(host: &Host, shelf: usize) -> impl Iterator<Item = u32> {
    (0u32..).take(host.shelves.get(shelf).map_or(0, |s| s.ioms.len()))
}

/// A silent shelf: the attributes become FIFOs nobody writes to, whose open(2) blocks for ever.
pub fn set_silent(store: &Store, host: &Host, iom: u32, shelf: usize, silent: bool) -> Result<()> {
    iom_of(host, iom, shelf)?;
    let away = store.sim("silent").join(format!("{iom}-{shelf}"));
    if silent == away.exists() {
        return Ok(());
    }
    make_dir(&away)?;
    let mut waited_for = Vec::new();
    for place in 0..host.shelves.get(shelf).map_or(0, |s| s.bays.len()) {
        let bay = Bay { shelf, place };
        let dir = bay_dir(store, host, iom, bay)?;
        for name in ASKED {
            let (path, saved) = (dir.join(name), kept(store, iom, bay, name));
            let moved = |from: &PathBuf, to: &PathBuf| {
                fs::rename(from, to).with_context(|| format!("cannot move {} to {}", from.display(), to.display()))
            };
            if silent && path.exists() {
                let fifo = path.with_file_name(format!("{name}.fifo"));
                mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o644), 0)
                    .with_context(|| format!("cannot make the FIFO {}", fifo.display()))?;
                moved(&path, &saved)?;
                moved(&fifo, &path)?;
            } else if !silent && saved.exists() {
                let fifo = saved.with_extension(format!("{name}.fifo"));
                fs::hard_link(&path, &fifo).with_context(|| format!("cannot keep the FIFO {}", fifo.display()))?;
                moved(&saved, &path)?;
                waited_for.push(fifo);
            }
        }
    }
    // Who waits in one is let go, as the kernel lets a reader go when the shelf answers at last.
    for fifo in waited_for {
        let _ = open(&fifo, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty());
    }
    if silent { Ok(()) } else { remove_tree(&away) }
}

/// The bay's link to a drive, on the path through that IOM; `None`: none.
pub fn set_link(store: &Store, host: &Host, iom: u32, bay: Bay, drive: Option<&Drive>) -> Result<()> {
    let path = bay_dir(store, host, iom, bay)?.join("device");
    remove(&path)?;
    let Some((drive, at)) = drive.and_then(|drive| Some((drive, drive.bay?))) else { return Ok(()) };
    let Some(way) = drive.paths.iter().rfind(|way| way.host == iom) else { return Ok(()) };
    let dir = enclosure_dir(host, iom, bay.shelf).context("the enclosure has no such IOM")?;
    let name = host.shelves.get(bay.shelf).and_then(|s| s.bays.get(bay.place)).context("there is no such bay")?;
    link(&store.root, &format!("{dir}/{name}/device"), &drive_dir(at.shelf, way))
}

/// The id that the kernel shows of the shelf; `None`: its own.
pub fn set_id(store: &Store, host: &Host, iom: u32, shelf: usize, id: Option<&str>) -> Result<()> {
    let own = host.shelves.get(shelf).map_or("", |s| s.id.as_str());
    let id = id.unwrap_or(own);
    if id.len() != 16 || u64::from_str_radix(id, 16).is_err() {
        bail!("id: found {id:?}; wanted 16 hex digits");
    }
    let dir = enclosure_dir(host, iom, shelf).context("the enclosure has no such IOM")?;
    replace(&store.root.join(dir).join("id"), format!("0x{id}\n"))
}

/// Whether the kernel's enclosure class has the shelf.
pub fn set_shown(store: &Store, host: &Host, iom: u32, shelf: usize, shown: bool) -> Result<()> {
    let it = iom_of(host, iom, shelf)?;
    let dir = enclosure_dir(host, iom, shelf).context("the enclosure has no such IOM")?;
    let class = format!("sys/class/enclosure/{iom}:0:{}:0", it.target);
    remove(&store.root.join(&class))?;
    if shown { link(&store.root, &class, &dir) } else { Ok(()) }
}

/// Whether the kernel links the shelf's bays to the drives in them.
pub fn set_links(store: &Store, host: &Host, iom: u32, shelf: usize, linked: bool) -> Result<()> {
    for drive in store.drives()? {
        if let Some(bay) = drive.bay.filter(|bay| bay.shelf == shelf) {
            set_link(store, host, iom, bay, linked.then_some(&drive))?;
        }
    }
    Ok(())
}

/// Whether `sys/class/sas_device` lists the shelf's drives.
pub fn set_sas_devices(store: &Store, iom: u32, shelf: usize, shown: bool) -> Result<()> {
    make_dir(&store.root.join("sys/class/sas_device"))?;
    for drive in store.drives()? {
        let paths =
            drive.paths.iter().filter(|path| path.host == iom && drive.bay.is_some_and(|bay| bay.shelf == shelf));
        for path in paths {
            let name = format!("end_device-{iom}:{shelf}:{}", path.port);
            let class = format!("sys/class/sas_device/{name}");
            remove(&store.root.join(&class))?;
            if shown {
                let dir = end_device_dir(iom, shelf, path.port);
                link(&store.root, &class, &format!("{dir}/sas_device/{name}"))?;
            }
        }
    }
    Ok(())
}
