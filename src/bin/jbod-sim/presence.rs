//! Shelves and IOMs that disappear from sysfs, and come back: `jbod-sim shelf` and `jbod-sim module`.

use crate::device_dirs::enclosure_dir;
use crate::drive::Bay;
use crate::files::{link, remove};
use crate::hotplug::{NewDrive, insert, pull};
use crate::store::{Host, Store};
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use std::fs;
use std::path::Path;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Presence {
    /// The kernel does not show it any more
    Gone,
    /// It is shown again
    Back,
}

#[derive(Debug, Args)]
pub struct PresenceOptions {
    pub presence: Presence,
    /// With its drives, or the paths to them: power or a cable is lost, and not only the SES processor
    #[arg(long)]
    pub drives: bool,
    /// Come back with this SCSI target number, as after a rescan
    #[arg(long)]
    pub target: Option<u32>,
}

/// All IOMs of a shelf, or the one on SCSI host `iom`.
pub fn run(dir: &Path, word: &str, iom: Option<u32>, options: &PresenceOptions) -> Result<()> {
    let shelf = shelf_of(word)?;
    let is_back = options.presence == Presence::Back;
    if !is_back {
        ses_devices(dir, shelf, iom, options)?;
    }
    if options.drives {
        let targets = drives(dir, shelf, iom, is_back)?;
        for target in &targets {
            if is_back {
                insert(dir, target, &NewDrive { serial: None, kind: None, model: None, dual_actuator: false })?;
            } else {
                pull(dir, std::slice::from_ref(target), iom)?;
            }
        }
    }
    if is_back { ses_devices(dir, shelf, iom, options) } else { Ok(()) }
}

fn shelf_of(word: &str) -> Result<usize> {
    let number = word.strip_prefix("enclosure/").and_then(|number| number.parse().ok());
    number.with_context(|| format!("found {word:?}; wanted enclosure/E, such as enclosure/0"))
}

/// The class device of an IOM is a link; what it leads to stays.
fn ses_devices(dir: &Path, shelf: usize, iom: Option<u32>, options: &PresenceOptions) -> Result<()> {
    let store = Store::open(dir)?;
    let _lock = store.lock()?;
    let host = store.host()?;
    for scsi in ioms_of(&host, shelf, iom)? {
        let device = enclosure_dir(&host, scsi, shelf).context("the enclosure has no such IOM")?;
        let own = device.rsplit('/').next().unwrap_or_default().to_owned();
        let class = store.root.join("sys/class/enclosure");
        let target = device.trim_start_matches("sys/");
        let entries = fs::read_dir(&class).with_context(|| format!("cannot list {}", class.display()))?;
        let shown = entries
            .flatten()
            .map(|entry| entry.path())
            .find(|path| fs::read_link(path).is_ok_and(|to| to.ends_with(target)));
        match (options.presence, shown) {
            (Presence::Gone, Some(path)) => remove(&path)?,
            (Presence::Back, None) => {
                let name = options.target.map_or(own, |target| format!("{scsi}:0:{target}:0"));
                link(&store.root, &format!("sys/class/enclosure/{name}"), &device)?;
            }
            (Presence::Gone, None) => bail!("IOM {scsi} of enclosure {shelf} is gone already"),
            (Presence::Back, Some(_)) => bail!("IOM {scsi} of enclosure {shelf} is there"),
        }
    }
    Ok(())
}

fn ioms_of(host: &Host, shelf: usize, iom: Option<u32>) -> Result<Vec<u32>> {
    let count = host.shelves.get(shelf).with_context(|| format!("there is no enclosure {shelf}"))?.ioms.len();
    let all = 0..u32::try_from(count).unwrap_or(0);
    match iom {
        Some(iom) if !all.contains(&iom) => bail!("enclosure {shelf} has no IOM {iom}; wanted 0 to {}", count - 1),
        Some(iom) => Ok(vec![iom]),
        None => Ok(all.collect()),
    }
}

/// The bays whose drives are there, or are to come back.
fn drives(dir: &Path, shelf: usize, iom: Option<u32>, is_back: bool) -> Result<Vec<String>> {
    let store = Store::open(dir)?;
    let _lock = store.lock()?;
    let host = store.host()?;
    let bays = store.drives()?.into_iter().filter_map(|drive| match (is_back, iom) {
        (true, None) => drive.pulled_from.filter(|_| !drive.present()),
        (true, Some(_)) => drive.bay.filter(|_| drive.paths.len() < host.next.len()),
        (false, None) => drive.bay,
        (false, Some(iom)) => drive.bay.filter(|_| drive.paths.iter().any(|path| path.host == iom)),
    });
    let word = |bay: Bay| format!("bay/{}/{}", bay.shelf, bay.place + host.slot_base);
    Ok(bays.filter(|bay| bay.shelf == shelf).map(word).collect())
}
