//! `jbod-sim host`: plans a host from the options and lays it all out.

use crate::drive::{Drive, Kind};
use crate::files::{attribute, make_dir, put, remove_tree};
use crate::layout::{SlotNames, assign_addresses, assign_maps, kinds, place, pools, shelf};
use crate::products::{dual_actuator, generate, sata_ssd};
use crate::recorded;
use crate::store::{Host, LeafName, Pool, Store, Tools};
use crate::{links, other, shelf as shelves, sysfs};
use anyhow::{Context, Result, bail};
use clap::Args;
use rayon::prelude::*;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "these are the flags of a command line")]
pub struct Options {
    /// The folder to lay the host out in: new, empty, or (with --force) an earlier simulated host
    pub dir: PathBuf,
    /// Shelves [default: 2, or what --from needs]
    #[arg(long)]
    pub enclosures: Option<usize>,
    /// Bays of each shelf
    #[arg(long, default_value_t = 42)]
    pub bays: usize,
    /// Drives in the shelves [default: 78, or as many as --from has]
    #[arg(long)]
    pub drives: Option<usize>,
    /// IOMs of each shelf, and so SCSI hosts and paths to each drive
    #[arg(long, default_value_t = 2)]
    pub paths: u32,
    /// `NVMe` boot drives, in no bay
    #[arg(long, default_value_t = 1)]
    pub nvme: usize,
    /// How many of the drives are SATA behind SAS [default: a quarter]
    #[arg(long)]
    pub sata: Option<usize>,
    /// How many of the SATA drives are SSDs
    #[arg(long, default_value_t = 0)]
    pub sata_ssd: usize,
    /// How many of the drives are SAS SSDs [default: 4, if there are enough drives]
    #[arg(long)]
    pub ssd: Option<usize>,
    /// How many of the SAS hard disks have two actuators: two logical units behind one address, both in the pools
    #[arg(long, default_value_t = 0)]
    pub dual_actuator: usize,
    /// ZFS pools; 0: zpool says that there are none
    #[arg(long, default_value_t = 2)]
    pub pools: usize,
    /// No zpool program at all
    #[arg(long)]
    pub no_zpool: bool,
    /// Drives of one raidz2 group
    #[arg(long, default_value_t = 10)]
    pub vdev_width: usize,
    /// How long each smartctl takes
    #[arg(long, default_value_t = 0)]
    pub latency_ms: u64,
    /// Up to so much more, steady for each drive
    #[arg(long, default_value_t = 0)]
    pub jitter_ms: u64,
    /// Other serials, models and temperatures
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    #[arg(long, value_enum, default_value = "slot")]
    pub slot_names: SlotNames,
    /// The first bay's number [default: 1 for padded and serial, else 0]
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=1))]
    pub slot_base: Option<u8>,
    /// No `id`, `slot` and `power_status`, as kernels before 3.18
    #[arg(long)]
    pub old_kernel: bool,
    /// A dm-multipath map over the paths of each drive
    #[arg(long)]
    pub multipath: bool,
    /// How pool leaves are named [default: by-id, or mapper with --multipath]
    #[arg(long, value_enum)]
    pub leaf: Option<LeafName>,
    /// Fill the bays with the recorded smartctl answers (*.json) in this folder
    #[arg(long, value_name = "FOLDER")]
    pub from: Option<PathBuf>,
    #[arg(long, default_value = "nas1")]
    pub hostname: String,
    /// Replace an earlier simulated host
    #[arg(long)]
    pub force: bool,
}

pub fn run(options: &Options) -> Result<()> {
    let mut drives = match &options.from {
        Some(folder) => recorded::load(folder)?,
        None => made_up(options)?,
    };
    let in_bays = drives.iter().filter(|d| d.kind != Kind::Nvme).count();
    let shelf_count = options.enclosures.unwrap_or(if options.from.is_some() {
        in_bays.div_ceil(options.bays.max(1)).max(1)
    } else {
        2
    });
    check(options, in_bays, shelf_count)?;
    clear(options)?;
    let store = Store { root: options.dir.clone() };
    make_dir(&store.root)?;
    store.make_dirs()?;
    recorded::copy(&store, &mut drives)?;

    let (slotted, unslotted): (Vec<Drive>, Vec<Drive>) = drives.into_iter().partition(|d| d.kind != Kind::Nvme);
    let mut slotted = slotted;
    place(&mut slotted, shelf_count, options.bays);
    let mut host = Host {
        hostname: options.hostname.clone(),
        seed: options.seed,
        old_kernel: options.old_kernel,
        slot_base: options.slot_base.map_or(options.slot_names.first(), usize::from),
        leaf: options.leaf.unwrap_or(if options.multipath { LeafName::Mapper } else { LeafName::ById }),
        shelves: (0..shelf_count).map(|n| shelf(options.seed, n, options.bays)).collect(),
        next: Vec::new(),
        multipath: options.multipath,
        binary: std::env::current_exe().context("cannot tell where this program is")?,
    };
    name_bays(&mut host, &slotted, options.slot_names);
    let last_generic = assign_addresses(&mut host, &mut slotted, options.paths);
    if options.multipath {
        assign_maps(&mut slotted);
    }
    let pools = pools(&slotted, options.pools, options.vdev_width);
    let mut drives = slotted;
    drives.extend((0u32..).zip(unslotted).map(|(n, d)| Drive { nvme: Some(n), ..d }));
    lay_out(&store, &host, &drives, last_generic, options.paths)?;
    finish(&store, &host, &pools, options)?;
    summary(&store, &host, &drives, &pools);
    Ok(())
}

fn made_up(options: &Options) -> Result<Vec<Drive>> {
    let total = options.drives.unwrap_or(78);
    let ssd = options.ssd.unwrap_or(if total >= 12 { 4 } else { 0 });
    let sata = options.sata.unwrap_or((total / 4).min(total.saturating_sub(ssd)));
    if ssd.saturating_add(sata) > total {
        bail!(
            "found --ssd {ssd} and --sata {sata} with --drives {total}; wanted no more SSDs and SATA drives together than drives"
        );
    }
    let kinds = kinds(total, sata, ssd).into_iter().chain(std::iter::repeat_n(Kind::Nvme, options.nvme));
    if options.sata_ssd > sata {
        bail!("found --sata-ssd {} with {sata} SATA drives; wanted no more", options.sata_ssd);
    }
    if options.dual_actuator > total - ssd - sata {
        bail!(
            "found --dual-actuator {} with {} SAS hard disks; wanted no more",
            options.dual_actuator,
            total - ssd - sata
        );
    }
    let (mut solid, mut dual) = (options.sata_ssd, options.dual_actuator);
    let drive = |(n, kind): (u64, Kind)| match kind {
        Kind::Sata if solid > 0 => {
            solid -= 1;
            sata_ssd(options.seed, n)
        }
        Kind::Sas if dual > 0 => {
            dual -= 1;
            dual_actuator(options.seed, n)
        }
        _ => generate(options.seed, kind, n),
    };
    Ok((0u64..).zip(kinds).map(drive).collect())
}

fn check(options: &Options, drives: usize, shelves: usize) -> Result<()> {
    let bays = shelves.saturating_mul(options.bays);
    if drives > bays {
        bail!(
            "found {drives} drives for {shelves} x {} = {bays} bays; wanted --drives no more than --enclosures times --bays",
            options.bays
        );
    }
    if !(1..=4).contains(&options.paths) {
        bail!("found --paths {}; wanted 1 to 4", options.paths);
    }
    if options.multipath && options.paths < 2 {
        bail!("found --multipath with --paths {}; wanted at least two paths", options.paths);
    }
    if options.leaf == Some(LeafName::Mapper) && !options.multipath {
        bail!("found --leaf mapper without --multipath; wanted both, else there are no maps");
    }
    if options.from.is_some() && options.drives.is_some() {
        bail!("found --drives with --from; wanted only one of them: the folder decides how many drives there are");
    }
    if options.vdev_width == 0 {
        bail!("found --vdev-width 0; wanted 1 or more");
    }
    if options.nvme > 64 || bays > 100_000 {
        bail!("found {bays} bays and {} NVMe drives; wanted at most 100000 and 64", options.nvme);
    }
    Ok(())
}

/// Only a folder that this program laid out is ever removed.
fn clear(options: &Options) -> Result<()> {
    let dir = &options.dir;
    let Ok(mut entries) = std::fs::read_dir(dir) else {
        if dir.exists() {
            bail!("{} is no directory; wanted a new or an empty one", dir.display());
        }
        return Ok(());
    };
    if entries.next().is_none() {
        return Ok(());
    }
    let ours = dir.join("sim/host.json").is_file();
    if !ours {
        bail!("{} is not empty and holds no simulated host; wanted a new or an empty directory", dir.display());
    }
    if !options.force {
        bail!("{} holds a simulated host already; give --force to replace it", dir.display());
    }
    ["sys", "dev", "proc", "etc", "bin", "log", "sim"].iter().try_for_each(|name| remove_tree(&dir.join(name)))
}

fn name_bays(host: &mut Host, drives: &[Drive], names: SlotNames) {
    let first = host.slot_base;
    for shelf in &mut host.shelves {
        for (place, name) in shelf.bays.iter_mut().enumerate() {
            *name = names.name(place + first, None);
        }
    }
    for drive in drives {
        if let Some(bay) = drive.bay
            && let Some(name) = host.shelves.get_mut(bay.shelf).and_then(|s| s.bays.get_mut(bay.place))
        {
            *name = names.name(bay.place + first, Some(&drive.serial));
        }
    }
}

fn lay_out(store: &Store, host: &Host, drives: &[Drive], last_generic: u32, paths: u32) -> Result<()> {
    let root = &store.root;
    for dir in [
        "sys/block",
        "sys/class/block",
        "sys/class/enclosure",
        "sys/class/scsi_generic",
        "sys/class/scsi_host",
        "log",
        "bin",
    ] {
        make_dir(&root.join(dir))?;
    }
    for dir in [
        "dev/mapper",
        "dev/disk/by-id",
        "dev/disk/by-path",
        "dev/disk/by-vdev",
        "proc/sys/kernel",
        "sys/devices/virtual/block",
    ] {
        make_dir(&root.join(dir))?;
    }
    attribute(&root.join("proc/sys/kernel"), "hostname", &host.hostname)?;
    make_dir(&root.join("etc"))?;
    attribute(&root.join("etc"), "machine-id", &machine_id(host))?;
    for scsi in 0..paths {
        other::hba(store, scsi)?;
    }
    let ioms: Vec<(usize, u32)> = (0..host.shelves.len()).flat_map(|s| (0..paths).map(move |p| (s, p))).collect();
    ioms.par_iter().try_for_each(|(shelf, iom)| shelves::lay_out(store, host, *iom, *shelf))?;
    drives.par_iter().try_for_each(|drive| {
        appear(store, host, drive)?;
        store.save_drive(drive)
    })?;
    other::decoys(store, paths, last_generic)
}

/// machine-id(5) of a host with that name and seed: 32 hexadecimal digits.
fn machine_id(host: &Host) -> String {
    let text = format!("{} {}", host.hostname, host.seed);
    // FNV-1a, once from the front and once from the back.
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let front = text.bytes().fold(0xcbf2_9ce4_8422_2325, mix);
    let back = text.bytes().rev().fold(front, mix);
    format!("{front:016x}{back:016x}")
}

/// Everything of a drive that is here: all paths, its bay's status, its links.
fn appear(store: &Store, host: &Host, drive: &Drive) -> Result<()> {
    if let Some(number) = drive.nvme {
        other::nvme(store, drive, number)?;
    }
    if let Some(bay) = drive.bay {
        for path in &drive.paths {
            sysfs::attach(store, host, drive, bay, path)?;
        }
        shelves::set_bay_everywhere(store, host, bay, "status", "OK")?;
    }
    links::make(store, host, drive)
}

fn finish(store: &Store, host: &Host, pools: &[Pool], options: &Options) -> Result<()> {
    let binary = &host.binary;
    let tool = |name: &str| crate::files::link_text(&store.root.join("bin").join(name), &binary.to_string_lossy());
    tool("smartctl")?;
    if !options.no_zpool {
        tool("zpool")?;
    }
    put(&store.root.join("log/smartctl"), "")?;
    put(&store.root.join("log/zpool"), "")?;
    let mut tools = Tools::default();
    tools.smartctl.insert("latency_ms".to_owned(), json!(options.latency_ms));
    tools.smartctl.insert("jitter_ms".to_owned(), json!(options.jitter_ms));
    store.save_tools(&tools)?;
    store.save_pools(pools)?;
    // The mark of a laid out host comes last.
    store.save_host(host)
}

fn summary(store: &Store, host: &Host, drives: &[Drive], pools: &[Pool]) {
    let count = |kind: Kind| drives.iter().filter(|d| d.kind == kind).count();
    let bays: usize = host.shelves.iter().map(|s| s.bays.len()).sum();
    crate::files::say(format!(
        "{}: {} enclosures, {bays} bays, {} drives ({} SAS, {} SATA, {} SSD) and {} NVMe, {} pools\n",
        store.root.display(),
        host.shelves.len(),
        drives.len() - count(Kind::Nvme),
        count(Kind::Sas),
        count(Kind::Sata),
        count(Kind::Ssd),
        count(Kind::Nvme),
        pools.len()
    ));
}
