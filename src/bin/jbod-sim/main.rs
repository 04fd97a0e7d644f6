//! `jbod-sim` creates a directory that looks like the root of a host with JBOD shelves, and changes its content. Under
//! the name `smartctl` or `zpool` it simulates that tool.

#![allow(clippy::disallowed_methods, reason = "these lints restrict the daemon")]

mod ata_attributes;
mod ata_logs;
mod ata_output;
mod device_dirs;
mod device_type;
mod drive;
mod files;
mod host;
mod host_devices;
mod hotplug;
mod keys;
mod layout;
mod links;
mod list;
mod nvme;
mod nvme_output;
mod older_releases;
mod output;
mod path_faults;
mod presence;
mod products;
mod raid_usb;
mod recorded;
mod scan;
mod scsi_disk;
mod scsi_logs;
mod scsi_output;
mod self_tests;
mod set;
mod shelf;
mod smartctl;
mod smartctl_args;
mod store;
mod sysfs;
mod tool_faults;
mod version;
mod zpool;
mod zpool_activity;
mod zpool_activity_json;
mod zpool_activity_text;
mod zpool_json;
mod zpool_json_object;
mod zpool_table;
mod zpool_text;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Simulates a host with JBOD shelves: sysfs, /dev, smartctl and zpool.
///
/// Create a host with `host`, then start a program with --root DIR and with DIR/bin/smartctl and DIR/bin/zpool
/// as its tools. The other commands change the host while that program runs.
#[derive(Debug, Parser)]
#[command(name = "jbod-sim", arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a host
    Host(Box<host::Options>),
    /// Change the behaviour of a drive, bay, enclosure, pool or tool
    #[command(after_help = keys::HELP)]
    Set {
        /// Directory of the host
        dir: PathBuf,
        /// Serial number, device, bay/E/B, bays, all, enclosure/E, pool/NAME, leaf/SERIAL, zpool or smartctl
        target: String,
        /// Keys with values; an empty value restores the default
        #[arg(required = true, value_name = "KEY=VALUE")]
        pairs: Vec<String>,
    },
    /// Pull drives, or remove one path to them
    Pull {
        /// Directory of the host
        dir: PathBuf,
        /// Serial numbers, devices or bay/E/B
        #[arg(required = true)]
        targets: Vec<String>,
        /// Only the path over the SCSI host with this number
        #[arg(long)]
        path: Option<u32>,
    },
    /// Insert the drive that was pulled from a bay, or a new one, or restore the lost paths of the drive in it
    Insert {
        /// Directory of the host
        dir: PathBuf,
        /// bay/E/B
        bay: String,
        /// Serial number of a new or of a pulled drive
        #[arg(long)]
        serial: Option<String>,
        /// Kind of the new drive
        #[arg(long, value_enum)]
        kind: Option<drive::Kind>,
        /// Model of the new drive
        #[arg(long)]
        model: Option<String>,
        /// A new drive with two actuators: two logical units, one serial number
        #[arg(long)]
        dual_actuator: bool,
    },
    /// Exchange the names (sd and sg) of two block devices, as after a reboot
    SwapLetters {
        /// Directory of the host
        dir: PathBuf,
        /// Block device, such as sda
        one: String,
        /// Block device, such as sdb
        other: String,
    },
    /// Exchange the drives of two bays
    Swap {
        /// Directory of the host
        dir: PathBuf,
        /// bay/E/B
        one: String,
        /// bay/E/B
        other: String,
    },
    /// Add a RAID controller: one volume, and disks that only -d megaraid,N or cciss,N reaches
    Raid {
        /// Directory of the host
        dir: PathBuf,
        #[command(flatten)]
        options: raid_usb::RaidOptions,
    },
    /// Add a SATA drive in a USB enclosure
    Usb {
        /// Directory of the host
        dir: PathBuf,
        /// How smartctl handles the USB bridge
        #[arg(long, value_enum, default_value = "sat")]
        bridge: raid_usb::Bridge,
        /// An SSD
        #[arg(long)]
        ssd: bool,
    },
    /// Remove an enclosure from sysfs, or restore it
    Shelf {
        /// Directory of the host
        dir: PathBuf,
        /// enclosure/E
        shelf: String,
        #[command(flatten)]
        options: presence::PresenceOptions,
    },
    /// Remove an IO module of an enclosure from sysfs, or restore it
    Module {
        /// Directory of the host
        dir: PathBuf,
        /// enclosure/E
        shelf: String,
        /// Number of its SCSI host
        iom: u32,
        #[command(flatten)]
        options: presence::PresenceOptions,
    },
    /// List all drives with their bays, names and states
    List {
        /// Directory of the host
        dir: PathBuf,
        /// As JSON, with all details
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let started_as = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    match run_as(&started_as) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("jbod-sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_as(program: &Path) -> Result<u8> {
    let name = program.file_name().unwrap_or_default();
    if name == "smartctl" {
        return smartctl::play(&root_of(program)?);
    }
    if name == "zpool" {
        return zpool::play(&root_of(program)?);
    }
    run(Cli::parse().command)
}

/// The directory of the host from whose `bin` this program was started.
fn root_of(started_as: &Path) -> Result<PathBuf> {
    let program = if started_as.components().count() > 1 { started_as.to_owned() } else { find_in_path(started_as)? };
    let program =
        std::path::absolute(&program).with_context(|| format!("cannot determine the path of {}", program.display()))?;
    let root = program.parent().and_then(Path::parent);
    Ok(root.map(Path::to_owned).unwrap_or_default())
}

fn find_in_path(program: &Path) -> Result<PathBuf> {
    let variable = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates = std::env::split_paths(&variable).map(|dir| dir.join(program));
    candidates.find(|path| path.is_file()).with_context(|| format!("found no {} in PATH", program.display()))
}

fn run(command: Command) -> Result<u8> {
    match command {
        Command::Host(options) => host::run(&options)?,
        Command::Set { dir, target, pairs } => set::run(&dir, &target, &pairs)?,
        Command::Pull { dir, targets, path } => hotplug::pull(&dir, &targets, path)?,
        Command::Insert { dir, bay, serial, kind, model, dual_actuator } => {
            hotplug::insert(&dir, &bay, &hotplug::NewDrive { serial, kind, model, dual_actuator })?;
        }
        Command::SwapLetters { dir, one, other } => hotplug::swap_letters(&dir, &one, &other)?,
        Command::Swap { dir, one, other } => hotplug::swap(&dir, &one, &other)?,
        Command::Raid { dir, options } => raid_usb::raid(&dir, &options)?,
        Command::Usb { dir, bridge, ssd } => raid_usb::usb(&dir, bridge, ssd)?,
        Command::Shelf { dir, shelf, options } => presence::run(&dir, &shelf, None, &options)?,
        Command::Module { dir, shelf, iom, options } => presence::run(&dir, &shelf, Some(iom), &options)?,
        Command::List { dir, json } => list::run(&dir, json)?,
    }
    Ok(0)
}
