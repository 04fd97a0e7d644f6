//! `jbod-sim host`: creates a simulated host from its options.

use crate::drive::{Drive, Kind};
use crate::files::{attribute, link_text, make_dir, put, remove_tree, say};
use crate::layout::{SlotNames, assign_addresses, assign_maps, kinds, place, pools, shelf};
use crate::products::{dual_actuator, generate, sata_ssd};
use crate::recorded;
use crate::store::{Host, LeafName, Pool, Store, Tools};
use crate::{host_devices, links, nvme, shelf as shelves, sysfs};
use anyhow::{Context, Result, bail};
use clap::Args;
use rayon::prelude::*;
use serde_json::json;
use std::path::PathBuf;

/// What `lay_out` creates below the root before there are devices.
const DIRECTORIES: [&str; 14] = [
    "sys/block",
    "sys/class/block",
    "sys/class/enclosure",
    "sys/class/scsi_generic",
    "sys/class/scsi_host",
    "sys/devices/virtual/block",
    "dev/mapper",
    "dev/disk/by-id",
    "dev/disk/by-path",
    "dev/disk/by-vdev",
    "proc/sys/kernel",
    "etc",
    "log",
    "bin",
];

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "these are the flags of a command line")]
pub struct Options {
    /// Directory for the host: a new or empty one, or, with --force, that of a simulated host
    pub dir: PathBuf,
    /// Number of enclosures [default: 2, or as many as --from needs]
    #[arg(long)]
    pub enclosures: Option<usize>,
    /// Bays of each enclosure
    #[arg(long, default_value_t = 42)]
    pub bays: usize,
    /// Drives in the enclosures [default: 78, or as many as --from has]
    #[arg(long)]
    pub drives: Option<usize>,
    /// IO modules of each enclosure. Each has its own SCSI host and is one path to each drive
    #[arg(long, default_value_t = 2)]
    pub paths: u32,
    /// NVMe drives, which are in no bay
    #[arg(long, default_value_t = 1)]
    pub nvme: usize,
    /// How many of the drives are SATA drives behind SAS expanders [default: a quarter]
    #[arg(long)]
    pub sata: Option<usize>,
    /// How many of the SATA drives are SSDs
    #[arg(long, default_value_t = 0)]
    pub sata_ssd: usize,
    /// How many of the drives are SAS SSDs [default: 4, or 0 with fewer than 12 drives]
    #[arg(long)]
    pub ssd: Option<usize>,
    /// How many of the SAS hard disks have two actuators: two logical units, both of them in pools
    #[arg(long, default_value_t = 0)]
    pub dual_actuator: usize,
    /// ZFS pools; with 0, zpool reports that there are none
    #[arg(long, default_value_t = 2)]
    pub pools: usize,
    /// Without the zpool program
    #[arg(long)]
    pub no_zpool: bool,
    /// Drives of each raidz2 vdev
    #[arg(long, default_value_t = 10)]
    pub vdev_width: usize,
    /// Run time of smartctl in milliseconds
    #[arg(long, default_value_t = 0)]
    pub latency_ms: u64,
    /// Upper limit of an additional run time in milliseconds, constant for each drive
    #[arg(long, default_value_t = 0)]
    pub jitter_ms: u64,
    /// Seed of the generated serial numbers, models and values
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How the enclosures name their bays
    #[arg(long, value_enum, default_value = "slot")]
    pub slot_names: SlotNames,
    /// Number of the first bay [default: 1 for padded and serial, 0 otherwise]
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=1))]
    pub slot_base: Option<u8>,
    /// Without the attributes `id`, `slot` and `power_status`, as kernels before 3.18
    #[arg(long)]
    pub old_kernel: bool,
    /// A multipath map for each drive
    #[arg(long)]
    pub multipath: bool,
    /// How pools name their leaves [default: by-id, or mapper with --multipath]
    #[arg(long, value_enum)]
    pub leaf: Option<LeafName>,
    /// Fill the bays with drives from recorded output of smartctl: the *.json files of this directory
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// Host name
    #[arg(long, default_value = "nas1")]
    pub hostname: String,
    /// Replace the simulated host that is in the directory
    #[arg(long)]
    pub force: bool,
}

pub fn run(options: &Options) -> Result<()> {
    let mut drives = match &options.from {
        Some(folder) => recorded::load(folder)?,
        None => generate_drives(options)?,
    };
    let in_bays = drives.iter().filter(|drive| drive.kind != Kind::Nvme).count();
    let shelf_count = shelf_count(options, in_bays);
    check(options, in_bays, shelf_count)?;
    remove_earlier_host(options)?;
    let store = Store { root: options.dir.clone() };
    make_dir(&store.root)?;
    store.make_dirs()?;
    recorded::copy(&store, &mut drives)?;

    let (nvme, mut drives): (Vec<Drive>, Vec<Drive>) = drives.into_iter().partition(|drive| drive.kind == Kind::Nvme);
    place(&mut drives, shelf_count, options.bays);
    let mut host = Host {
        hostname: options.hostname.clone(),
        seed: options.seed,
        old_kernel: options.old_kernel,
        slot_base: options.slot_base.map_or(options.slot_names.first(), usize::from),
        leaf: options.leaf.unwrap_or(if options.multipath { LeafName::Mapper } else { LeafName::ById }),
        shelves: (0..shelf_count).map(|index| shelf(options.seed, index, options.bays)).collect(),
        next: Vec::new(),
        multipath: options.multipath,
        binary: std::env::current_exe().context("cannot determine the path of this program")?,
    };
    name_bays(&mut host, &drives, options.slot_names);
    let next_generic = assign_addresses(&mut host, &mut drives, options.paths);
    if options.multipath {
        assign_maps(&mut drives);
    }
    let pools = pools(&drives, options.pools, options.vdev_width);
    for (number, drive) in (0u32..).zip(nvme) {
        drives.push(Drive { nvme: Some(number), ..drive });
    }
    lay_out(&store, &host, &drives, next_generic, options.paths)?;
    finish(&store, &host, &pools, options)?;
    print_summary(&store, &host, &drives, &pools);
    Ok(())
}

fn shelf_count(options: &Options, drives: usize) -> usize {
    match options.enclosures {
        Some(count) => count,
        None if options.from.is_some() => drives.div_ceil(options.bays.max(1)).max(1),
        None => 2,
    }
}

fn generate_drives(options: &Options) -> Result<Vec<Drive>> {
    let total = options.drives.unwrap_or(78);
    let ssd = options.ssd.unwrap_or(if total >= 12 { 4 } else { 0 });
    let sata = options.sata.unwrap_or((total / 4).min(total.saturating_sub(ssd)));
    if ssd.saturating_add(sata) > total {
        bail!(
            "found --ssd {ssd} and --sata {sata} with --drives {total}; wanted a sum of at most {total}; \
             increase --drives, or set --ssd and --sata"
        );
    }
    if options.sata_ssd > sata {
        bail!("found --sata-ssd {}; wanted at most {sata}, the number of SATA drives (--sata)", options.sata_ssd);
    }
    let sas_disks = total - ssd - sata;
    if options.dual_actuator > sas_disks {
        bail!(
            "found --dual-actuator {}; wanted at most {sas_disks}, the number of SAS hard disks",
            options.dual_actuator
        );
    }
    let (mut sata_ssds, mut dual_actuators) = (options.sata_ssd, options.dual_actuator);
    let kinds = kinds(total, sata, ssd).into_iter().chain(std::iter::repeat_n(Kind::Nvme, options.nvme));
    let mut drives = Vec::new();
    for (index, kind) in (0u64..).zip(kinds) {
        drives.push(match kind {
            Kind::Sata if sata_ssds > 0 => {
                sata_ssds -= 1;
                sata_ssd(options.seed, index)
            }
            Kind::Sas if dual_actuators > 0 => {
                dual_actuators -= 1;
                dual_actuator(options.seed, index)
            }
            _ => generate(options.seed, kind, index),
        });
    }
    Ok(drives)
}

fn check(options: &Options, drives: usize, shelves: usize) -> Result<()> {
    let bays = shelves.saturating_mul(options.bays);
    if drives > bays {
        bail!(
            "found {drives} drives and {shelves} enclosures of {} bays; wanted at most {bays} drives; \
             increase --enclosures or --bays",
            options.bays
        );
    }
    if !(1..=4).contains(&options.paths) {
        bail!("found --paths {}; wanted 1 to 4", options.paths);
    }
    if options.multipath && options.paths < 2 {
        bail!("found --multipath with --paths {}; wanted at least --paths 2", options.paths);
    }
    if options.leaf == Some(LeafName::Mapper) && !options.multipath {
        bail!("found --leaf mapper without --multipath; there are no maps; add --multipath");
    }
    if options.from.is_some() && options.drives.is_some() {
        bail!("found --drives with --from, whose files determine the number of drives; wanted only one of the two");
    }
    if options.vdev_width == 0 {
        bail!("found --vdev-width 0; wanted at least 1");
    }
    if options.nvme > 64 || bays > 100_000 {
        bail!("found {bays} bays and --nvme {}; wanted at most 100000 bays and --nvme 64", options.nvme);
    }
    Ok(())
}

/// Removes nothing but a simulated host.
fn remove_earlier_host(options: &Options) -> Result<()> {
    let dir = &options.dir;
    let Ok(mut entries) = std::fs::read_dir(dir) else {
        if dir.exists() {
            bail!("{} is not a readable directory; wanted a new or an empty one", dir.display());
        }
        return Ok(());
    };
    if entries.next().is_none() {
        return Ok(());
    }
    if !dir.join("sim/host.json").is_file() {
        bail!("{} holds files but no simulated host; wanted a new or an empty directory", dir.display());
    }
    if !options.force {
        bail!("{} holds a simulated host; use --force to replace it", dir.display());
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
        let Some(bay) = drive.bay else { continue };
        let Some(shelf) = host.shelves.get_mut(bay.shelf) else { continue };
        if let Some(name) = shelf.bays.get_mut(bay.place) {
            *name = names.name(bay.place + first, Some(&drive.serial));
        }
    }
}

fn lay_out(store: &Store, host: &Host, drives: &[Drive], next_generic: u32, paths: u32) -> Result<()> {
    let root = &store.root;
    for dir in DIRECTORIES {
        make_dir(&root.join(dir))?;
    }
    attribute(&root.join("proc/sys/kernel"), "hostname", &host.hostname)?;
    attribute(&root.join("etc"), "machine-id", &machine_id(host))?;
    let mut ioms = Vec::new();
    for scsi_host in 0..paths {
        host_devices::hba(store, scsi_host)?;
        ioms.extend((0..host.shelves.len()).map(|shelf| (shelf, scsi_host)));
    }
    ioms.par_iter().try_for_each(|(shelf, iom)| shelves::lay_out(store, host, *iom, *shelf))?;
    drives.par_iter().try_for_each(|drive| {
        attach(store, host, drive)?;
        store.save_drive(drive)
    })?;
    host_devices::decoys(store, paths, next_generic)
}

/// A machine-id(5), 32 hexadecimal digits, from host name and seed.
fn machine_id(host: &Host) -> String {
    let text = format!("{} {}", host.hostname, host.seed);
    let front = text.bytes().fold(0xcbf2_9ce4_8422_2325, fnv1a);
    let back = text.bytes().rev().fold(front, fnv1a);
    format!("{front:016x}{back:016x}")
}

fn fnv1a(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
}

/// Attaches a drive on all its paths, with the status of its bay and its links in /dev.
fn attach(store: &Store, host: &Host, drive: &Drive) -> Result<()> {
    if let Some(number) = drive.nvme {
        nvme::nvme(store, drive, number)?;
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
    let binary = host.binary.to_string_lossy();
    link_text(&store.root.join("bin/smartctl"), &binary)?;
    if !options.no_zpool {
        link_text(&store.root.join("bin/zpool"), &binary)?;
    }
    put(&store.root.join("log/smartctl"), "")?;
    put(&store.root.join("log/zpool"), "")?;
    let mut tools = Tools::default();
    tools.smartctl.insert("latency_ms".to_owned(), json!(options.latency_ms));
    tools.smartctl.insert("jitter_ms".to_owned(), json!(options.jitter_ms));
    store.save_tools(&tools)?;
    store.save_pools(pools)?;
    // Last, because `Store::open` takes this file as the sign of a complete host.
    store.save_host(host)
}

fn print_summary(store: &Store, host: &Host, drives: &[Drive], pools: &[Pool]) {
    let bays: usize = host.shelves.iter().map(|shelf| shelf.bays.len()).sum();
    let nvme = count(drives, Kind::Nvme);
    say(format!(
        "{}: {} enclosures, {bays} bays, {} drives ({} SAS, {} SATA, {} SSD) and {nvme} NVMe, {} pools\n",
        store.root.display(),
        host.shelves.len(),
        drives.len() - nvme,
        count(drives, Kind::Sas),
        count(drives, Kind::Sata),
        count(drives, Kind::Ssd),
        pools.len()
    ));
}

fn count(drives: &[Drive], kind: Kind) -> usize {
    drives.iter().filter(|drive| drive.kind == kind).count()
}
