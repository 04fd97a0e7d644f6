//! Drives that come, go and change names while the host runs: pull, insert and the two swaps.

use crate::drive::{Bay, Drive, Kind, Path, letters, unit_key};
use crate::products::{dual_actuator, generate};
use crate::shelf::{ioms, set_bay_everywhere};
use crate::store::{Host, Store, parse_bay};
use crate::{links, other, sysfs};
use anyhow::{Context, Result, bail};
use serde_json::json;

/// What kind of new drive `insert` is asked for.
#[derive(Debug)]
pub struct NewDrive {
    pub serial: Option<String>,
    pub kind: Option<Kind>,
    pub model: Option<String>,
    /// Two logical units.
    pub dual_actuator: bool,
}

pub fn pull(dir: &std::path::Path, targets: &[String], path: Option<u32>) -> Result<()> {
    let store = Store::open(dir)?;
    let _lock = store.lock()?;
    let host = store.host()?;
    // All are looked up first: a wrong name pulls nothing.
    let drives: Vec<Drive> = targets.iter().map(|t| store.find(t, &host)).collect::<Result<_>>()?;
    for mut drive in drives {
        if !drive.present() {
            bail!("{} is pulled already", drive.serial);
        }
        match path {
            Some(path) if drive.paths.iter().all(|p| p.host != path) => bail!("{} has no path {path}", drive.serial),
            Some(path) if drive.paths.iter().any(|p| p.host != path) => lose_path(&store, &host, &mut drive, path)?,
            _ => {
                let bay = drive.bay;
                take_out(&store, &host, &mut drive)?;
                forget_earlier(&store, bay)?;
                drive.pulled_from = bay;
                store.save_drive(&drive)?;
            }
        }
    }
    Ok(())
}

fn lose_path(store: &Store, host: &Host, drive: &mut Drive, number: u32) -> Result<()> {
    let Some(bay) = drive.bay else { bail!("{} is in no bay", drive.serial) };
    links::take_away(store, host, drive)?;
    for path in drive.paths.extract_if(.., |path| path.host == number) {
        sysfs::detach(store, host, bay, &path)?;
    }
    links::make(store, host, drive)?;
    store.save_drive(drive)
}

/// Whichever drive was pulled last from a bay comes back there.
fn forget_earlier(store: &Store, bay: Option<Bay>) -> Result<()> {
    let earlier = store.drives()?.into_iter().filter(|d| bay.is_some() && d.pulled_from == bay);
    earlier.into_iter().try_for_each(|d| store.save_drive(&Drive { pulled_from: None, ..d }))
}

/// The drive goes from all its paths; it is in no bay then. The caller saves it.
fn take_out(store: &Store, host: &Host, drive: &mut Drive) -> Result<()> {
    let paths: Vec<(String, String)> =
        (0..drive.units).map(|lun| (unit_key("path", lun), links::leaf_path(host, &drive.unit(lun)).0)).collect();
    drive.leaf.extend(paths.into_iter().map(|(key, path)| (key, json!(path))));
    links::take_away(store, host, drive)?;
    if let Some(number) = drive.nvme.take() {
        other::remove_nvme(store, number)?;
    }
    if let Some(bay) = drive.bay.take() {
        for path in drive.paths.drain(..) {
            sysfs::detach(store, host, bay, &path)?;
        }
        set_bay_everywhere(store, host, bay, "status", "not installed")?;
    }
    Ok(())
}

/// The drive comes up in a bay on every path it lacks, at new addresses, and is saved.
fn put_in(store: &Store, host: &mut Host, drive: &mut Drive, bay: Bay) -> Result<()> {
    drive.bay = Some(bay);
    drive.pulled_from = None;
    (0..drive.units).for_each(|lun| drop(drive.leaf.remove(&unit_key("path", lun))));
    for scsi in ioms(host, bay.shelf).collect::<Vec<_>>() {
        if drive.paths.iter().any(|p| p.host == scsi) {
            continue;
        }
        let next = host
            .next
            .get_mut(usize::try_from(scsi).unwrap_or(0))
            .context("the host has lost count of its addresses")?;
        let port = next.ports.get_mut(bay.shelf).context("the host has lost count of its ports")?;
        let (this_port, target) = (*port, next.target);
        *port += 1;
        next.target += 1;
        for lun in 0..drive.units {
            let path = Path {
                host: scsi,
                port: this_port,
                target,
                lun,
                disk: lowest(store, "sys/block", |n| letters("sd", n)),
                generic: lowest(store, "sys/class/scsi_generic", |n| format!("sg{n}")),
            };
            // The name is taken as soon as it is there, for the next path to find.
            sysfs::attach(store, host, drive, bay, &path)?;
            drive.paths.push(path);
        }
    }
    drive.paths.sort_by_key(|p| (p.host, p.lun));
    store.save_host(host)?;
    store.save_drive(drive)?;
    set_bay_everywhere(store, host, bay, "status", "OK")?;
    links::make(store, host, drive)
}

/// The lowest number whose name is free.
fn lowest(store: &Store, dir: &str, name: impl Fn(u32) -> String) -> u32 {
    let dir = store.root.join(dir);
    (0..=u32::MAX).find(|n| dir.join(name(*n)).symlink_metadata().is_err()).unwrap_or(0)
}

pub fn insert(dir: &std::path::Path, word: &str, wanted: &NewDrive) -> Result<()> {
    let store = Store::open(dir)?;
    let _lock = store.lock()?;
    let mut host = store.host()?;
    if !word.starts_with("bay/") {
        bail!("found {word:?}; wanted bay/E/B, such as bay/0/5");
    }
    let bay = parse_bay(word, &host)?;
    let drives = store.drives()?;
    let asked_for_new =
        wanted.serial.is_some() || wanted.kind.is_some() || wanted.model.is_some() || wanted.dual_actuator;
    if let Some(here) = drives.iter().find(|d| d.bay == Some(bay)) {
        if asked_for_new || here.has_every_path(host.next.len()) {
            bail!("{word} holds {} already; pull it first", here.serial);
        }
        let mut here = here.clone();
        links::take_away(&store, &host, &here)?;
        return put_in(&store, &mut host, &mut here, bay);
    }
    let mut drive = if asked_for_new {
        match drives.iter().find(|d| Some(&d.serial) == wanted.serial.as_ref()) {
            Some(d) if d.present() => {
                bail!("{} is in another bay; wanted the serial of a new or a pulled drive", d.serial)
            }
            Some(d) => d.clone(),
            None => new_drive(&host, &drives, wanted)?,
        }
    } else {
        let back = drives.iter().find(|d| d.pulled_from == Some(bay) && !d.present()).cloned();
        back.with_context(|| {
            format!("nothing was pulled from {word}; give --serial, --kind or --model for a new drive")
        })?
    };
    put_in(&store, &mut host, &mut drive, bay)?;
    let names: Vec<String> = drive.paths.iter().map(|p| format!("{} {} {}", p.address(), p.sd(), p.sg())).collect();
    crate::files::say(format!("{word}: {} at {}\n", drive.serial, names.join(", ")));
    Ok(())
}

fn new_drive(host: &Host, drives: &[Drive], wanted: &NewDrive) -> Result<Drive> {
    // Beyond every number that the layout used.
    let index = 1_000_000 + u64::try_from(drives.len()).unwrap_or(0);
    if wanted.dual_actuator && wanted.kind.is_some_and(|kind| kind != Kind::Sas) {
        bail!("found --dual-actuator with another --kind than sas; wanted a SAS hard disk");
    }
    let mut drive = if wanted.dual_actuator {
        dual_actuator(host.seed, index)
    } else {
        generate(host.seed, wanted.kind.unwrap_or(Kind::Sas), index)
    };
    if let Some(model) = &wanted.model {
        drive.model.clone_from(model);
    }
    if let Some(serial) = &wanted.serial {
        let fits =
            (1..=40).contains(&serial.len()) && serial.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if !fits || serial.starts_with('.') {
            bail!("--serial: found {serial:?}; wanted 1 to 40 letters, digits, '-', '_' or '.'");
        }
        drive.serial.clone_from(serial);
        drive.key.clone_from(serial);
    }
    if host.multipath {
        drive.map = drives.iter().filter_map(|d| Some(d.map? + d.units)).max().or(Some(0));
    }
    Ok(drive)
}

pub fn swap(dir: &std::path::Path, one: &str, other: &str) -> Result<()> {
    let store = Store::open(dir)?;
    let _lock = store.lock()?;
    let mut host = store.host()?;
    for word in [one, other] {
        if !word.starts_with("bay/") {
            bail!("found {word:?}; wanted bay/E/B, such as bay/0/5");
        }
    }
    let (bay, other_bay) = (parse_bay(one, &host)?, parse_bay(other, &host)?);
    let drives = store.drives()?;
    let at = |bay: Bay| drives.iter().find(|d| d.bay == Some(bay)).cloned();
    let (first, second) = (at(bay), at(other_bay));
    if bay == other_bay || (first.is_none() && second.is_none()) {
        bail!("found {one} and {other}; wanted two bays, at least one with a drive");
    }
    let mut moved: Vec<(Drive, Bay)> =
        first.map(|d| (d, other_bay)).into_iter().chain(second.map(|d| (d, bay))).collect();
    for (drive, _) in &mut moved {
        take_out(&store, &host, drive)?;
    }
    moved.iter_mut().try_for_each(|(drive, to)| put_in(&store, &mut host, drive, *to))
}

pub fn swap_letters(dir: &std::path::Path, one: &str, other: &str) -> Result<()> {
    let store = Store::open(dir)?;
    let _lock = store.lock()?;
    let host = store.host()?;
    let find = |word: &str| -> Result<(Drive, Bay, usize)> {
        let name = word.strip_prefix("/dev/").unwrap_or(word);
        let drive = store.at_node(name)?;
        let found = drive.and_then(|d| {
            let at = d.paths.iter().position(|p| p.sd() == name)?;
            d.bay.map(|bay| (d, bay, at))
        });
        found.with_context(|| format!("found no drive at {word:?}; wanted a name such as sda"))
    };
    let (mut first, bay, at) = find(one)?;
    let (mut second, other_bay, other_at) = find(other)?;
    if first.key == second.key && at == other_at {
        bail!("found {one} twice; wanted two names");
    }
    let same = first.key == second.key;
    let old = |drive: &Drive, at: usize| drive.paths.get(at).cloned().context("the path is gone");
    let (path, other_path) = (old(&first, at)?, old(&second, other_at)?);
    links::take_away(&store, &host, &first)?;
    links::take_away(&store, &host, &second)?;
    sysfs::detach(&store, &host, bay, &path)?;
    sysfs::detach(&store, &host, other_bay, &other_path)?;
    let renamed = Path { disk: other_path.disk, generic: other_path.generic, ..path.clone() };
    let other_renamed = Path { disk: path.disk, generic: path.generic, ..other_path };
    for (drive, to, new) in [(&mut first, at, &renamed), (&mut second, other_at, &other_renamed)] {
        if let Some(place) = drive.paths.get_mut(to) {
            place.clone_from(new);
        }
    }
    if same && let Some(place) = first.paths.get_mut(other_at) {
        place.clone_from(&other_renamed);
    }
    sysfs::attach(&store, &host, &first, bay, &renamed)?;
    sysfs::attach(&store, &host, &second, other_bay, &other_renamed)?;
    store.save_drive(&first)?;
    links::make(&store, &host, &first)?;
    if !same {
        store.save_drive(&second)?;
        links::make(&store, &host, &second)?;
    }
    Ok(())
}
