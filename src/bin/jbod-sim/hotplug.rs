//! Drives that are pulled, inserted, moved and renamed while the host runs.

use crate::drive::{Bay, Drive, Kind, Path, letters, unit_key};
use crate::files::say;
use crate::products::{dual_actuator, generate};
use crate::shelf::{ioms, set_bay_everywhere};
use crate::store::{Host, Store, parse_bay};
use crate::{links, nvme, sysfs};
use anyhow::{Context, Result, bail};
use serde_json::json;

/// Properties of the drive that `jbod-sim insert` inserts. Without any, it is the drive that was pulled from the bay.
#[derive(Debug)]
pub struct NewDrive {
    pub serial: Option<String>,
    pub kind: Option<Kind>,
    pub model: Option<String>,
    pub dual_actuator: bool,
}

pub fn pull(dir: &std::path::Path, targets: &[String], path: Option<u32>) -> Result<()> {
    let store = Store::open(dir)?;
    let _lock = store.lock()?;
    let host = store.host()?;
    let drives: Vec<Drive> = targets.iter().map(|target| store.find(target, &host)).collect::<Result<_>>()?;
    // All targets are checked before anything changes.
    for drive in &drives {
        if !drive.present() {
            bail!("{} is not in the host; wanted a drive that is present", drive.serial);
        }
        if let Some(number) = path
            && drive.paths.iter().all(|path| path.host != number)
        {
            bail!("{} has no path over SCSI host {number}; `jbod-sim list --json` shows its addresses", drive.serial);
        }
    }
    for mut drive in drives {
        match path {
            Some(number) if drive.paths.iter().any(|path| path.host != number) => {
                detach_path(&store, &host, &mut drive, number)?;
            }
            _ => {
                let bay = drive.bay;
                detach(&store, &host, &mut drive)?;
                forget_pulled_from(&store, bay)?;
                drive.pulled_from = bay;
                store.save_drive(&drive)?;
            }
        }
    }
    Ok(())
}

fn detach_path(store: &Store, host: &Host, drive: &mut Drive, number: u32) -> Result<()> {
    let Some(bay) = drive.bay else { bail!("{} is in no bay; wanted a drive in a bay", drive.serial) };
    links::remove_all(store, host, drive)?;
    for path in drive.paths.extract_if(.., |path| path.host == number) {
        sysfs::detach(store, host, bay, &path)?;
    }
    links::make(store, host, drive)?;
    store.save_drive(drive)
}

/// `insert` takes the drive that was pulled from a bay last, so no other one may have been pulled from it.
fn forget_pulled_from(store: &Store, bay: Option<Bay>) -> Result<()> {
    for drive in store.drives()? {
        if bay.is_some() && drive.pulled_from == bay {
            store.save_drive(&Drive { pulled_from: None, ..drive })?;
        }
    }
    Ok(())
}

/// Detaches a drive from all paths and its bay. The caller saves it.
fn detach(store: &Store, host: &Host, drive: &mut Drive) -> Result<()> {
    // ZFS remembers the paths of its leaves.
    for lun in 0..drive.units {
        let path = links::leaf_path(host, &drive.unit(lun)).path;
        drive.leaf.insert(unit_key("path", lun), json!(path));
    }
    links::remove_all(store, host, drive)?;
    if let Some(number) = drive.nvme.take() {
        nvme::remove_nvme(store, number)?;
    }
    if let Some(bay) = drive.bay.take() {
        for path in drive.paths.drain(..) {
            sysfs::detach(store, host, bay, &path)?;
        }
        set_bay_everywhere(store, host, bay, "status", "not installed")?;
    }
    Ok(())
}

/// Attaches a drive in a bay on each path that it lacks, at new addresses, and saves it.
fn attach(store: &Store, host: &mut Host, drive: &mut Drive, bay: Bay) -> Result<()> {
    drive.bay = Some(bay);
    drive.pulled_from = None;
    for lun in 0..drive.units {
        drive.leaf.remove(&unit_key("path", lun));
    }
    for scsi_host in ioms(host, bay.shelf) {
        if drive.paths.iter().any(|path| path.host == scsi_host) {
            continue;
        }
        let (port, target) = next_address(host, scsi_host, bay)?;
        for lun in 0..drive.units {
            let path = Path {
                host: scsi_host,
                port,
                target,
                lun,
                disk: lowest_free(store, "sys/block", sd_name),
                generic: lowest_free(store, "sys/class/scsi_generic", sg_name),
            };
            // Attached at once: the next path needs the names that are free after that.
            sysfs::attach(store, host, drive, bay, &path)?;
            drive.paths.push(path);
        }
    }
    drive.paths.sort_by_key(|path| (path.host, path.lun));
    store.save_host(host)?;
    store.save_drive(drive)?;
    set_bay_everywhere(store, host, bay, "status", "OK")?;
    links::make(store, host, drive)
}

/// Takes the numbers of a port and a target.
fn next_address(host: &mut Host, scsi_host: u32, bay: Bay) -> Result<(u32, u32)> {
    let index = usize::try_from(scsi_host).unwrap_or(usize::MAX);
    let next = host.next.get_mut(index).with_context(|| format!("sim/host.json: no numbers of host{scsi_host}"))?;
    let port = next.ports.get_mut(bay.shelf);
    let port = port.with_context(|| format!("sim/host.json: no port of host{scsi_host} at enclosure {}", bay.shelf))?;
    let address = (*port, next.target);
    *port += 1;
    next.target += 1;
    Ok(address)
}

fn sd_name(number: u32) -> String {
    letters("sd", number)
}

fn sg_name(number: u32) -> String {
    format!("sg{number}")
}

/// The lowest number whose name is free in a directory.
fn lowest_free(store: &Store, dir: &str, name: fn(u32) -> String) -> u32 {
    let dir = store.root.join(dir);
    (0..=u32::MAX).find(|number| dir.join(name(*number)).symlink_metadata().is_err()).unwrap_or(0)
}

pub fn insert(dir: &std::path::Path, word: &str, wanted: &NewDrive) -> Result<()> {
    let store = Store::open(dir)?;
    let _lock = store.lock()?;
    let mut host = store.host()?;
    let bay = parse_bay(word, &host)?;
    let is_new = wanted.serial.is_some() || wanted.kind.is_some() || wanted.model.is_some() || wanted.dual_actuator;
    if let Some(mut drive) = store.drive_in(bay)? {
        if is_new || drive.has_every_path(host.next.len()) {
            bail!("{word} holds {}; wanted an empty bay, or a drive that lacks a path; pull it first", drive.serial);
        }
        links::remove_all(&store, &host, &drive)?;
        return attach(&store, &mut host, &mut drive, bay);
    }
    let drives = store.drives()?;
    let mut drive = if is_new { wanted_drive(&host, &drives, wanted)? } else { pulled_drive(drives, bay, word)? };
    attach(&store, &mut host, &mut drive, bay)?;
    let mut names = Vec::new();
    for path in &drive.paths {
        names.push(format!("{} {} {}", path.address(), path.sd(), path.sg()));
    }
    say(format!("{word}: {} at {}\n", drive.serial, names.join(", ")));
    Ok(())
}

fn pulled_drive(drives: Vec<Drive>, bay: Bay, word: &str) -> Result<Drive> {
    let drive = drives.into_iter().find(|drive| drive.pulled_from == Some(bay) && !drive.present());
    drive.with_context(|| format!("no drive was pulled from {word}; use --serial, --kind or --model for a new drive"))
}

/// The absent drive with that serial number, or a new one.
fn wanted_drive(host: &Host, drives: &[Drive], wanted: &NewDrive) -> Result<Drive> {
    let known = drives.iter().find(|drive| Some(&drive.serial) == wanted.serial.as_ref());
    match known {
        Some(drive) if drive.present() => {
            bail!("{} is in the host; wanted the serial number of a new or of a pulled drive", drive.serial)
        }
        Some(drive) => Ok(drive.clone()),
        None => new_drive(host, drives, wanted),
    }
}

fn new_drive(host: &Host, drives: &[Drive], wanted: &NewDrive) -> Result<Drive> {
    // No drive of `jbod-sim host` has such an index.
    let index = 1_000_000 + u64::try_from(drives.len()).unwrap_or(0);
    let mut drive = match wanted.kind {
        Some(Kind::Sas) | None if wanted.dual_actuator => dual_actuator(host.seed, index),
        Some(_) if wanted.dual_actuator => bail!("found --dual-actuator with another --kind; wanted --kind sas"),
        kind => generate(host.seed, kind.unwrap_or(Kind::Sas), index),
    };
    if let Some(model) = &wanted.model {
        drive.model.clone_from(model);
    }
    if let Some(serial) = &wanted.serial {
        if !is_file_name(serial) {
            bail!(
                "--serial: found {serial:?}; wanted 1 to 40 ASCII letters, digits, '-', '_' and '.', \
                 without a leading '.'"
            );
        }
        drive.serial.clone_from(serial);
        drive.key.clone_from(serial);
    }
    if host.multipath {
        let mut next = 0;
        for other in drives {
            if let Some(map) = other.map {
                next = next.max(map + other.units);
            }
        }
        drive.map = Some(next);
    }
    Ok(drive)
}

/// The serial number of a drive is its key, and so the name of its file.
fn is_file_name(serial: &str) -> bool {
    let mut characters = serial.chars();
    (1..=40).contains(&serial.len())
        && !serial.starts_with('.')
        && characters.all(|character| character.is_ascii_alphanumeric() || "-_.".contains(character))
}

pub fn swap(dir: &std::path::Path, one: &str, other: &str) -> Result<()> {
    let store = Store::open(dir)?;
    let _lock = store.lock()?;
    let mut host = store.host()?;
    let (bay, other_bay) = (parse_bay(one, &host)?, parse_bay(other, &host)?);
    let mut moves = Vec::new();
    for (from, to) in [(bay, other_bay), (other_bay, bay)] {
        if let Some(drive) = store.drive_in(from)? {
            moves.push((drive, to));
        }
    }
    if bay == other_bay || moves.is_empty() {
        bail!("found {one} and {other}; wanted two different bays, at least one of them with a drive");
    }
    for (drive, _) in &mut moves {
        detach(&store, &host, drive)?;
    }
    moves.iter_mut().try_for_each(|(drive, to)| attach(&store, &mut host, drive, *to))
}

/// A path of a drive in a bay, by its index in `Drive::paths`.
struct PathOfDrive {
    drive: Drive,
    bay: Bay,
    index: usize,
    path: Path,
}

fn find_path(store: &Store, word: &str) -> Result<PathOfDrive> {
    let name = word.strip_prefix("/dev/").unwrap_or(word);
    if let Some(drive) = store.at_node(name)?
        && let Some(bay) = drive.bay
        && let Some(index) = drive.paths.iter().position(|path| path.sd() == name)
        && let Some(path) = drive.paths.get(index).cloned()
    {
        return Ok(PathOfDrive { drive, bay, index, path });
    }
    bail!("found no drive in a bay with the name {word:?}; wanted a block device such as sda")
}

pub fn swap_letters(dir: &std::path::Path, one: &str, other: &str) -> Result<()> {
    let store = Store::open(dir)?;
    let _lock = store.lock()?;
    let host = store.host()?;
    let (mut first, mut second) = (find_path(&store, one)?, find_path(&store, other)?);
    let is_same_drive = first.drive.key == second.drive.key;
    if is_same_drive && first.index == second.index {
        bail!("found {one} twice; wanted two block devices");
    }
    for found in [&first, &second] {
        links::remove_all(&store, &host, &found.drive)?;
    }
    for found in [&first, &second] {
        sysfs::detach(&store, &host, found.bay, &found.path)?;
    }
    std::mem::swap(&mut first.path.disk, &mut second.path.disk);
    std::mem::swap(&mut first.path.generic, &mut second.path.generic);
    replace_path(&mut first.drive, first.index, &first.path);
    if is_same_drive {
        replace_path(&mut first.drive, second.index, &second.path);
        second.drive = first.drive.clone();
    } else {
        replace_path(&mut second.drive, second.index, &second.path);
    }
    for found in [&first, &second] {
        sysfs::attach(&store, &host, &found.drive, found.bay, &found.path)?;
    }
    for found in [&first, &second] {
        store.save_drive(&found.drive)?;
        links::make(&store, &host, &found.drive)?;
    }
    Ok(())
}

fn replace_path(drive: &mut Drive, index: usize, path: &Path) {
    if let Some(entry) = drive.paths.get_mut(index) {
        entry.clone_from(path);
    }
}
