//! A SCSI disk that is in no shelf: SCSI host, device, block device and nodes.

use crate::files::{attribute, link, link_text, make_dir, put};
use crate::store::Store;
use crate::sysfs::{disk, generic, partition_of};
use anyhow::Result;
use std::path::Path;

pub struct ScsiDisk<'a> {
    /// The SCSI host in sysfs.
    pub host_dir: String,
    /// Driver of the SCSI host.
    pub proc_name: &'a str,
    /// H:C:T:L.
    pub address: String,
    pub vendor: &'a str,
    pub model: &'a str,
    pub rev: &'a str,
    /// Empty: there is no such attribute.
    pub wwid: String,
    pub bytes: u64,
    pub rotational: bool,
    pub sd: String,
    pub sg: String,
    /// Serial number and NAA name in the VPD pages 0x80 and 0x83.
    pub vpd_identity: Option<(&'a str, &'a str)>,
}

impl ScsiDisk<'_> {
    pub fn lay_out(&self, store: &Store) -> Result<()> {
        let root = &store.root;
        let number = self.address.split(':').next().unwrap_or_default();
        let class = format!("{}/scsi_host/host{number}", self.host_dir);
        make_dir(&root.join(&class))?;
        attribute(&root.join(&class), "proc_name", self.proc_name)?;
        link(root, &format!("sys/class/scsi_host/host{number}"), &class)?;
        let (target, _) = self.address.rsplit_once(':').unwrap_or_default();
        let device = format!("{}/target{target}/{}", self.host_dir, self.address);
        self.device(&root.join(&device))?;
        generic(store, &device, &self.address, &self.sg)?;
        self.block_device(store, &format!("{device}/block/{}", self.sd))
    }

    fn device(&self, path: &Path) -> Result<()> {
        make_dir(path)?;
        attribute(path, "vendor", &format!("{:<8.8}", self.vendor))?;
        attribute(path, "model", &format!("{:<16.16}", self.model))?;
        attribute(path, "rev", &format!("{:<4.4}", self.rev))?;
        attribute(path, "type", "0")?;
        attribute(path, "state", "running")?;
        if !self.wwid.is_empty() {
            attribute(path, "wwid", &self.wwid)?;
        }
        if self.proc_name == "hpsa" {
            attribute(path, "raid_level", "RAID 5")?;
        }
        if let Some((serial, naa)) = self.vpd_identity {
            let naa = u64::from_str_radix(naa, 16).unwrap_or(0).to_be_bytes();
            // Designator: binary, NAA, 8 bytes (SPC).
            let designator = [&[0x01, 0x03, 0, 8], &naa[..]].concat();
            put(&path.join("vpd_pg80"), vpd_page(0x80, serial.as_bytes()))?;
            put(&path.join("vpd_pg83"), vpd_page(0x83, &designator))?;
        }
        Ok(())
    }

    fn block_device(&self, store: &Store, block: &str) -> Result<()> {
        let root = &store.root;
        let path = root.join(block);
        make_dir(&path)?;
        link_text(&path.join("device"), &format!("../../../{}", self.address))?;
        attribute(&path, "removable", "0")?;
        disk(&path, self.bytes, self.rotational)?;
        let partition = format!("{}1", self.sd);
        partition_of(&path, &partition, self.bytes)?;
        link(root, &format!("sys/block/{}", self.sd), block)?;
        link(root, &format!("sys/class/block/{}", self.sd), block)?;
        link(root, &format!("sys/class/block/{partition}"), &format!("{block}/{partition}"))?;
        put(&root.join("dev").join(&self.sd), "")?;
        put(&root.join("dev").join(partition), "")
    }
}

fn vpd_page(code: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&[0, code], &length[..], body].concat()
}
