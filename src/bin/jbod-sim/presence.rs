//! `jbod-sim shelf` and `jbod-sim module`: removes a shelf or one of its IOMs from sysfs, or adds it again.

use crate::device_dirs::enclosure_dir;
use crate::drive::Bay;
use crate::files::{link, remove};
use crate::hotplug::{NewDrive, insert, pull};
use crate::store::{Host, Store};
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Presence {
    /// Remove it from sysfs
    Gone,
    /// Add it again
    Back,
}

#[derive(Debug, Args)]
pub struct PresenceOptions {
    pub presence: Presence,
    /// Also its drives or the paths to them, as if power or a cable were lost, and not only the SES processor
    #[arg(long)]
    pub drives: bool,
    /// Add it with this SCSI target number, as after a rescan
    #[arg(long)]
    pub target: Option<u32>,
}

/// `iom`: the SCSI host of one IOM, or all IOMs of the shelf.
pub fn run(dir: &Path, word: &str, iom: Option<u32>, options: &PresenceOptions) -> Result<()> {
    let shelf = word.strip_prefix("enclosure/").unwrap_or_default().parse();
    let Ok(shelf) = shelf else { bail!("found {word:?}; wanted enclosure/E, such as enclosure/0") };
    match options.presence {
        Presence::Gone => {
            change_ses_devices(dir, shelf, iom, options)?;
            if options.drives {
                pull(dir, &occupied_bays(dir, shelf, iom)?, iom)?;
            }
        }
        Presence::Back => {
            if options.drives {
                for bay in vacated_bays(dir, shelf, iom)? {
                    insert(dir, &bay, &NewDrive { serial: None, kind: None, model: None, dual_actuator: false })?;
                }
            }
            change_ses_devices(dir, shelf, iom, options)?;
        }
    }
    Ok(())
}

/// Removes or adds only the link in the class directory. The device that it leads to stays.
fn change_ses_devices(dir: &Path, shelf: usize, iom: Option<u32>, options: &PresenceOptions) -> Result<()> {
    let store = Store::open(dir)?;
    let _lock = store.lock()?;
    let host = store.host()?;
    for scsi in ioms_of(&host, shelf, iom)? {
        let device = enclosure_dir(&host, scsi, shelf)
            .with_context(|| format!("enclosure {shelf} has no IOM on SCSI host {scsi}"))?;
        match (options.presence, class_link(&store, &device)?) {
            (Presence::Gone, Some(path)) => remove(&path)?,
            (Presence::Back, None) => {
                let name = match options.target {
                    Some(target) => format!("{scsi}:0:{target}:0"),
                    None => device.rsplit('/').next().unwrap_or_default().to_owned(),
                };
                link(&store.root, &format!("sys/class/enclosure/{name}"), &device)?;
            }
            (Presence::Gone, None) => bail!("IOM {scsi} of enclosure {shelf} is gone already; add it with: back"),
            (Presence::Back, Some(_)) => bail!("IOM {scsi} of enclosure {shelf} is present; remove it with: gone"),
        }
    }
    Ok(())
}

/// The link in the class directory to that device.
fn class_link(store: &Store, device: &str) -> Result<Option<PathBuf>> {
    let class = store.root.join("sys/class/enclosure");
    let target = device.trim_start_matches("sys/");
    let entries = fs::read_dir(&class).with_context(|| format!("cannot list {}", class.display()))?;
    for entry in entries.flatten() {
        let path = entry.path();
        if matches!(fs::read_link(&path), Ok(to) if to.ends_with(target)) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn ioms_of(host: &Host, shelf: usize, iom: Option<u32>) -> Result<Vec<u32>> {
    let Some(found) = host.shelves.get(shelf) else {
        bail!("there is no enclosure {shelf}; wanted 0 to {}", host.shelves.len().saturating_sub(1))
    };
    let all = 0..u32::try_from(found.ioms.len()).unwrap_or(0);
    match iom {
        Some(iom) if !all.contains(&iom) => {
            bail!("enclosure {shelf} has no IOM {iom}; wanted 0 to {}", all.end.saturating_sub(1))
        }
        Some(iom) => Ok(vec![iom]),
        None => Ok(all.collect()),
    }
}

/// The bays whose drive is present, or has a path through the IOM.
fn occupied_bays(dir: &Path, shelf: usize, iom: Option<u32>) -> Result<Vec<String>> {
    let store = Store::open(dir)?;
    let _lock = store.lock()?;
    let host = store.host()?;
    let mut bays = Vec::new();
    for drive in store.drives()? {
        let has_path = match iom {
            Some(iom) => drive.paths.iter().any(|path| path.host == iom),
            None => true,
        };
        if has_path && let Some(bay) = drive.bay {
            bays.push(bay);
        }
    }
    Ok(bays_of_shelf(&host, shelf, &bays))
}

/// The bays whose drive was pulled, or lacks a path.
fn vacated_bays(dir: &Path, shelf: usize, iom: Option<u32>) -> Result<Vec<String>> {
    let store = Store::open(dir)?;
    let _lock = store.lock()?;
    let host = store.host()?;
    let mut bays = Vec::new();
    for drive in store.drives()? {
        let bay = match iom {
            Some(_) if drive.paths.len() < host.next.len() => drive.bay,
            None if !drive.present() => drive.pulled_from,
            _ => None,
        };
        bays.extend(bay);
    }
    Ok(bays_of_shelf(&host, shelf, &bays))
}

fn bays_of_shelf(host: &Host, shelf: usize, bays: &[Bay]) -> Vec<String> {
    let bays = bays.iter().filter(|bay| bay.shelf == shelf);
    bays.map(|bay| format!("bay/{shelf}/{}", bay.place + host.slot_base)).collect()
}
