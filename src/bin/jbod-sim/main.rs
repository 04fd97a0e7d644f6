//! jbod-sim: lays out a folder that looks like a JBOD host to a program that takes its root from
//! an option, and plays `smartctl` and `zpool` there. Under which name it was started decides.

#![allow(clippy::disallowed_methods, reason = "the doors that these lints guard are the daemon's")]

mod answer_ata;
mod answer_nvme;
mod answer_scsi;
mod args;
mod ata_attributes;
mod ata_logs;
mod device_dirs;
mod dialect;
mod drive;
mod files;
mod host;
mod hotplug;
mod keys;
mod layout;
mod links;
mod list;
mod other;
mod outside;
mod path_faults;
mod presence;
mod products;
mod reach;
mod recorded;
mod scan;
mod scsi_logs;
mod set;
mod shelf;
mod smartctl;
mod store;
mod sysfs;
mod trouble;
mod version;
mod zpool;
mod zpool_activity;
mod zpool_activity_json;
mod zpool_activity_text;
mod zpool_json;
mod zpool_json_object;
mod zpool_text;

use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Simulates a host with JBOD shelves: sysfs, /dev, smartctl and zpool.
///
/// Lay out a host, then let a program look at it with --root DIR, DIR/bin/smartctl and
/// DIR/bin/zpool. While it runs, `set`, `pull`, `insert` and the swaps change what it sees.
#[derive(Debug, Parser)]
#[command(name = "jbod-sim", arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lay out a host
    Host(Box<host::Options>),
    /// Change how a drive, bay, shelf, pool or tool behaves
    #[command(after_help = keys::HELP)]
    Set {
        dir: PathBuf,
        /// A serial, a kernel name, bay/E/B, bays, all, enclosure/E, pool/NAME, leaf/SERIAL, zpool or smartctl
        target: String,
        /// key=value; an empty value takes the key back to its default
        #[arg(required = true, value_name = "KEY=VALUE")]
        pairs: Vec<String>,
    },
    /// Pull drives out, or let one path to them get lost
    Pull {
        dir: PathBuf,
        /// Serials, kernel names or bay/E/B
        #[arg(required = true)]
        targets: Vec<String>,
        /// Only this path (the number of the SCSI host)
        #[arg(long)]
        path: Option<u32>,
    },
    /// Put a drive into a bay: the one pulled from there, or a new one; or bring lost paths back
    Insert {
        dir: PathBuf,
        /// bay/E/B
        bay: String,
        /// A new drive's serial, or that of a pulled drive
        #[arg(long)]
        serial: Option<String>,
        /// A new drive of this kind
        #[arg(long, value_enum)]
        kind: Option<drive::Kind>,
        /// A new drive's model
        #[arg(long)]
        model: Option<String>,
        /// A new drive with two actuators: two logical units behind one address
        #[arg(long)]
        dual_actuator: bool,
    },
    /// Two drives exchange their kernel names (sd and sg), as after a reboot
    SwapLetters { dir: PathBuf, one: String, other: String },
    /// The drives of two bays change places
    Swap { dir: PathBuf, one: String, other: String },
    /// Add a RAID controller: one volume, and disks that only answer to -d megaraid,N or cciss,N
    Raid {
        dir: PathBuf,
        #[command(flatten)]
        options: outside::RaidOptions,
    },
    /// Add a SATA disk in a USB box
    Usb {
        dir: PathBuf,
        #[arg(long, value_enum, default_value = "sat")]
        bridge: outside::Bridge,
        /// An SSD
        #[arg(long)]
        ssd: bool,
    },
    /// A shelf disappears from sysfs, or comes back
    Shelf {
        dir: PathBuf,
        /// enclosure/E
        shelf: String,
        #[command(flatten)]
        options: presence::PresenceOptions,
    },
    /// An IO module of a shelf disappears from sysfs, or comes back
    Module {
        dir: PathBuf,
        /// enclosure/E
        shelf: String,
        /// The number of its SCSI host
        iom: u32,
        #[command(flatten)]
        options: presence::PresenceOptions,
    },
    /// Every drive with its bay, names and state
    List {
        dir: PathBuf,
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let started_as = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    match started_as.file_name().and_then(|n| n.to_str()) {
        Some("smartctl") => report(home(&started_as).and_then(|root| smartctl::play(&root))),
        Some("zpool") => report(home(&started_as).and_then(|root| zpool::play(&root))),
        _ => report(command(Cli::parse().command).map(|()| 0)),
    }
}

fn report(result: anyhow::Result<u8>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("jbod-sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The host's folder, of which this program was started as bin/NAME.
fn home(started_as: &Path) -> anyhow::Result<PathBuf> {
    use anyhow::Context;
    let mut program = started_as.to_owned();
    if started_as.parent().is_none_or(|p| p.as_os_str().is_empty()) {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        program = std::env::split_paths(&paths)
            .map(|p| p.join(started_as))
            .find(|p| p.is_file())
            .with_context(|| format!("cannot find {} in PATH", started_as.display()))?;
    }
    let bin = program.parent().map(Path::to_owned).unwrap_or_default();
    let bin = if bin.as_os_str().is_empty() { PathBuf::from(".") } else { bin };
    let bin = std::path::absolute(&bin).with_context(|| format!("cannot tell where {} is", bin.display()))?;
    Ok(bin.parent().map(Path::to_owned).unwrap_or_default())
}

fn command(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Host(options) => host::run(&options),
        Command::Set { dir, target, pairs } => set::run(&dir, &target, &pairs),
        Command::Pull { dir, targets, path } => hotplug::pull(&dir, &targets, path),
        Command::Insert { dir, bay, serial, kind, model, dual_actuator } => {
            hotplug::insert(&dir, &bay, &hotplug::NewDrive { serial, kind, model, dual_actuator })
        }
        Command::SwapLetters { dir, one, other } => hotplug::swap_letters(&dir, &one, &other),
        Command::Swap { dir, one, other } => hotplug::swap(&dir, &one, &other),
        Command::Raid { dir, options } => outside::raid(&dir, &options),
        Command::Usb { dir, bridge, ssd } => outside::usb(&dir, bridge, ssd),
        Command::Shelf { dir, shelf, options } => presence::run(&dir, &shelf, None, &options),
        Command::Module { dir, shelf, iom, options } => presence::run(&dir, &shelf, Some(iom), &options),
        Command::List { dir, json } => list::run(&dir, json),
    }
}
