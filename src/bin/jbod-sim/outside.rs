//! Disks that stand in no bay of a shelf: RAID volumes with the disks behind their controller, and
//! disks in USB boxes. `jbod-sim raid` and `jbod-sim usb` add them to a host.

use crate::drive::{Drive, Kind, Path, RaidPlace, hash, letters, mix};
use crate::files::{attribute, link, link_text, make_dir, put, say};
use crate::products::{generate, sata_ssd};
use crate::store::{Host, Member, Store, Volume};
use crate::sysfs::{disk, generic, partition_of};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

/// Whose RAID controller it is, which decides how smartctl treats its volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Controller {
    /// DELL PERC: smartctl knows it, and asks for -d megaraid,N
    Perc,
    /// AVAGO or LSI: smartctl shows the volume itself, without health
    Avago,
    /// HP Smart Array: smartctl asks for -d cciss,N
    Cciss,
}

#[derive(Debug, Args)]
pub struct RaidOptions {
    /// The controller
    #[arg(long = "host", value_enum, default_value = "perc")]
    pub controller: Controller,
    /// Disks behind it
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
    /// smartctl finds the type by itself: sat
    Sat,
    /// smartctl finds the type by itself: usbjmicron
    Usbjmicron,
    /// smartctl does not know the bridge; -d sat works
    Unknown,
}

/// What comes next on this host: the SCSI host, and the kernel names.
struct Free {
    host: u32,
    disk: u32,
    generic: u32,
    index: u64,
}

fn free(store: &Store, host: &Host) -> Result<Free> {
    let root = &store.root;
    let taken = |at: String| root.join(at).symlink_metadata().is_ok();
    let lowest = |name: &dyn Fn(u32) -> String| (0..=u32::MAX).find(|n| !taken(name(*n))).unwrap_or(0);
    let hbas = u32::try_from(host.next.len()).unwrap_or(0);
    Ok(Free {
        // The optical drive's host comes right after those of the shelves.
        host: (hbas + 1..=u32::MAX).find(|n| !taken(format!("sys/class/scsi_host/host{n}"))).unwrap_or(0),
        disk: lowest(&|n| format!("sys/block/{}", letters("sd", n))),
        generic: lowest(&|n| format!("sys/class/scsi_generic/sg{n}")),
        index: 2_000_000 + u64::try_from(store.drives()?.len()).unwrap_or(0),
    })
}

/// A SCSI disk in sysfs, below `host_dir`, with its nodes.
struct ScsiDisk<'a> {
    host_dir: String,
    proc_name: &'a str,
    address: String,
    vendor: &'a str,
    model: &'a str,
    rev: &'a str,
    wwid: String,
    bytes: u64,
    rotational: bool,
    sd: String,
    sg: String,
    /// Pages 0x80 and 0x83, where the device passes them on.
    pages: Option<(Vec<u8>, Vec<u8>)>,
}

impl ScsiDisk<'_> {
    fn lay_out(&self, store: &Store) -> Result<()> {
        let root = &store.root;
        let number = self.address.split(':').next().unwrap_or_default();
        let class = format!("{}/scsi_host/host{number}", self.host_dir);
        make_dir(&root.join(&class))?;
        attribute(&root.join(&class), "proc_name", self.proc_name)?;
        link(root, &format!("sys/class/scsi_host/host{number}"), &class)?;
        let target = self.address.rsplit_once(':').map_or("", |(t, _)| t);
        let device = format!("{}/target{target}/{}", self.host_dir, self.address);
        let path = root.join(&device);
        make_dir(&path)?;
        for (name, value) in [
            ("vendor", format!("{:<8.8}", self.vendor)),
            ("model", format!("{:<16.16}", self.model)),
            ("rev", format!("{:<4.4}", self.rev)),
            ("type", "0".to_owned()),
            ("state", "running".to_owned()),
        ] {
            attribute(&path, name, &value)?;
        }
        if !self.wwid.is_empty() {
            attribute(&path, "wwid", &self.wwid)?;
        }
        if self.proc_name == "hpsa" {
            attribute(&path, "raid_level", "RAID 5")?;
        }
        if let Some((serial, names)) = &self.pages {
            put(&path.join("vpd_pg80"), serial)?;
            put(&path.join("vpd_pg83"), names)?;
        }
        generic(store, &device, &self.address, &self.sg)?;
        let block = format!("{device}/block/{}", self.sd);
        let path = root.join(&block);
        make_dir(&path)?;
        link_text(&path.join("device"), &format!("../../../{}", self.address))?;
        attribute(&path, "removable", "0")?;
        disk(&path, self.bytes, self.rotational)?;
        let partition = format!("{}1", self.sd);
        partition_of(&path, &partition, self.bytes)?;
        link(root, &format!("sys/block/{}", self.sd), &block)?;
        link(root, &format!("sys/class/block/{}", self.sd), &block)?;
        link(root, &format!("sys/class/block/{partition}"), &format!("{block}/{partition}"))?;
        put(&root.join("dev").join(&self.sd), "")?;
        put(&root.join("dev").join(partition), "")
    }
}

/// VPD pages with the serial and one NAA name.
fn pages(serial: &str, wwn: &str) -> (Vec<u8>, Vec<u8>) {
    let name = u64::from_str_radix(wwn, 16).unwrap_or(0).to_be_bytes();
    let page = |code: u8, body: &[u8]| {
        let length = u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes();
        [&[0, code], &length[..], body].concat()
    };
    (page(0x80, serial.as_bytes()), page(0x83, &[&[0x01, 0x03, 0, 8], &name[..]].concat()))
}

pub fn raid(dir: &std::path::Path, options: &RaidOptions) -> Result<()> {
    let store = Store::open(dir)?;
    let _lock = store.lock()?;
    let host = store.host()?;
    if options.sata > options.disks || options.disks == 0 || options.disks > 128 {
        bail!(
            "found --disks {} and --sata {}; wanted 1 to 128 disks, no more of them SATA",
            options.disks,
            options.sata
        );
    }
    let free = free(&store, &host)?;
    let seed = host.seed ^ hash("raid") ^ u64::from(free.host);
    let (vendor, model, driver) = match options.controller {
        Controller::Perc => ("DELL", "PERC H730P Mini", "megaraid_sas"),
        Controller::Avago => ("AVAGO", "MR9361-8i", "megaraid_sas"),
        Controller::Cciss => ("HP", "LOGICAL VOLUME", "hpsa"),
    };
    let mut members = Vec::new();
    let mut bytes = 0;
    for n in 0..options.disks {
        let kind = if n < options.disks - options.sata { Kind::Sas } else { Kind::Sata };
        let mut drive = generate(host.seed, kind, free.index + n);
        let number = options.first + n;
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
        pages: Some(pages(&volume.serial, &wwn)),
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
    let free = free(&store, &host)?;
    let mut drive: Drive =
        if ssd { sata_ssd(host.seed, free.index) } else { generate(host.seed, Kind::Sata, free.index) };
    // The box tells its own maker instead of "ATA".
    "External".clone_into(&mut drive.vendor);
    drive.usb = Some(match bridge {
        Bridge::Sat => "sat".to_owned(),
        Bridge::Usbjmicron => "usbjmicron".to_owned(),
        Bridge::Unknown => "unknown".to_owned(),
    });
    drive.paths = vec![Path { host: free.host, port: 0, target: 0, lun: 0, disk: free.disk, generic: free.generic }];
    let port = store.drives()?.iter().filter(|d| d.usb.is_some()).count() + 1;
    let path = drive.paths.first().cloned();
    let Some(path) = path else { return Ok(()) };
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
        // Such boxes answer for the pages with nothing, or with a serial of their own.
        pages: None,
    }
    .lay_out(&store)?;
    store.link_nodes(&drive, &[path.sd(), path.sg()])?;
    store.save_drive(&drive)?;
    say(format!("{}: {} in a USB box\n", path.sd(), drive.serial));
    Ok(())
}
