//! `jbod-sim raid` and `jbod-sim usb`: adds a RAID volume with the disks behind its controller, or a USB disk.

use crate::drive::{Kind, Path, RaidPlace, hash, letters, mix};
use crate::files::{put, say};
use crate::products::{generate, sata_ssd};
use crate::scsi_disk::ScsiDisk;
use crate::store::{Host, Member, Store, Volume};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

/// The type of the RAID controller, which smartctl recognizes by the vendor of the volume or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Controller {
    /// DELL PERC: smartctl requires -d megaraid,N
    Perc,
    /// AVAGO or LSI: without -d megaraid,N smartctl reports the volume itself, which has no health
    Avago,
    /// HP Smart Array: smartctl requires -d cciss,N
    Cciss,
}

#[derive(Debug, Args)]
pub struct RaidOptions {
    /// Type of the controller
    #[arg(long = "host", value_enum, default_value = "perc")]
    pub controller: Controller,
    /// Disks behind the controller
    #[arg(long, default_value_t = 4)]
    pub disks: u64,
    /// How many of them are SATA
    #[arg(long, default_value_t = 0)]
    pub sata: u64,
    /// The number of the first disk, as in megaraid,N
    #[arg(long, default_value_t = 0)]
    pub first: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Bridge {
    /// smartctl detects the type sat
    Sat,
    /// smartctl detects the type usbjmicron
    Usbjmicron,
    /// smartctl does not recognize the bridge; -d sat works
    Unknown,
}

/// The lowest free numbers of this host.
struct FreeNumbers {
    host: u32,
    disk: u32,
    generic: u32,
    /// For `plan`: no drive of the host was made with it.
    index: u64,
}

fn free_numbers(store: &Store, host: &Host) -> Result<FreeNumbers> {
    // The SCSI host after those of the shelves is that of the optical drive.
    let mut scsi = u32::try_from(host.next.len()).unwrap_or(0) + 1;
    while exists(store, &format!("sys/class/scsi_host/host{scsi}")) {
        scsi += 1;
    }
    let (mut disk, mut generic) = (0, 0);
    while exists(store, &format!("sys/block/{}", letters("sd", disk))) {
        disk += 1;
    }
    while exists(store, &format!("sys/class/scsi_generic/sg{generic}")) {
        generic += 1;
    }
    let index = 2_000_000 + u64::try_from(store.drives()?.len()).unwrap_or(0);
    Ok(FreeNumbers { host: scsi, disk, generic, index })
}

fn exists(store: &Store, path: &str) -> bool {
    store.root.join(path).symlink_metadata().is_ok()
}

pub fn raid(dir: &std::path::Path, options: &RaidOptions) -> Result<()> {
    let store = Store::open(dir)?;
    let _lock = store.lock()?;
    let host = store.host()?;
    if options.sata > options.disks || options.disks == 0 || options.disks > 128 {
        bail!(
            "found --disks {} and --sata {}; wanted --disks from 1 to 128, and --sata no higher than --disks",
            options.disks,
            options.sata
        );
    }
    let free = free_numbers(&store, &host)?;
    let seed = host.seed ^ hash("raid") ^ u64::from(free.host);
    let (vendor, model, driver) = match options.controller {
        Controller::Perc => ("DELL", "PERC H730P Mini", "megaraid_sas"),
        Controller::Avago => ("AVAGO", "MR9361-8i", "megaraid_sas"),
        Controller::Cciss => ("HP", "LOGICAL VOLUME", "hpsa"),
    };
    let mut members = Vec::new();
    let mut bytes = 0;
    for disk in 0..options.disks {
        let kind = if disk < options.disks - options.sata { Kind::Sas } else { Kind::Sata };
        let mut drive = generate(host.seed, kind, free.index + disk);
        let number = options.first + disk;
        drive.raid = Some(RaidPlace { host: free.host, number });
        bytes += drive.bytes;
        members.push(Member { number, key: drive.key.clone() });
        store.save_drive(&drive)?;
    }
    let wwn = format!("6{:015x}", mix(seed) >> 4);
    let volume = Volume {
        vendor: vendor.to_owned(),
        model: model.to_owned(),
        serial: format!("{:032x}", u128::from(mix(seed ^ 1)) << 64 | u128::from(mix(seed ^ 2))),
        wwn: format!("{wwn}{:016x}", mix(seed ^ 3)),
        driver: driver.to_owned(),
        host: free.host,
        bytes: bytes / 2,
        sd: letters("sd", free.disk),
        sg: format!("sg{}", free.generic),
        members,
    };
    ScsiDisk {
        host_dir: format!("sys/devices/pci0000:00/0000:{:02x}:00.0/host{}", 0x40 + free.host, free.host),
        proc_name: driver,
        address: format!("{}:2:0:0", free.host),
        vendor,
        model,
        rev: "4.68",
        wwid: format!("naa.{}", volume.wwn),
        bytes: volume.bytes,
        rotational: true,
        sd: volume.sd.clone(),
        sg: volume.sg.clone(),
        vpd_identity: Some((&volume.serial, &wwn)),
    }
    .lay_out(&store)?;
    if driver == "megaraid_sas" {
        put(&store.root.join("dev/megaraid_sas_ioctl_node"), "")?;
    }
    store.save_volume(&volume)?;
    say(format!("{}: {} disks behind {vendor} {model}, SCSI host {}\n", volume.sd, options.disks, free.host));
    Ok(())
}

pub fn usb(dir: &std::path::Path, bridge: Bridge, ssd: bool) -> Result<()> {
    let store = Store::open(dir)?;
    let _lock = store.lock()?;
    let host = store.host()?;
    let free = free_numbers(&store, &host)?;
    let mut drive = if ssd { sata_ssd(host.seed, free.index) } else { generate(host.seed, Kind::Sata, free.index) };
    // USB bridges have a vendor of their own instead of "ATA".
    "External".clone_into(&mut drive.vendor);
    let bridge = match bridge {
        Bridge::Sat => "sat",
        Bridge::Usbjmicron => "usbjmicron",
        Bridge::Unknown => "unknown",
    };
    drive.usb = Some(bridge.to_owned());
    let path = Path { host: free.host, port: 0, target: 0, lun: 0, disk: free.disk, generic: free.generic };
    drive.paths = vec![path.clone()];
    let port = store.drives()?.iter().filter(|drive| drive.usb.is_some()).count() + 1;
    ScsiDisk {
        host_dir: format!("sys/devices/pci0000:00/0000:00:14.0/usb1/1-{port}/1-{port}:1.0/host{}", free.host),
        proc_name: "usb-storage",
        address: path.address(),
        vendor: &drive.vendor,
        model: "USB3.0 Disk",
        rev: "0100",
        wwid: String::new(),
        bytes: drive.bytes,
        rotational: drive.rotation > 0,
        sd: path.sd(),
        sg: path.sg(),
        // USB bridges have no VPD pages, or pages with a serial number of their own.
        vpd_identity: None,
    }
    .lay_out(&store)?;
    store.link_nodes(&drive, &[path.sd(), path.sg()])?;
    store.save_drive(&drive)?;
    say(format!("{}: {} on a USB bridge\n", path.sd(), drive.serial));
    Ok(())
}
