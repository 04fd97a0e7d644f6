//! A simulated drive: identity, bay, kernel names, and what `set` changes. No file layout, no output format.
//!
//! A drive with two actuators has two logical units behind one target. They have one serial number, and each its own
//! name, size, nodes and pool membership. `Drive::unit` is the drive as one of them.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Protocol and medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// SAS hard disk
    Sas,
    /// SATA hard disk behind a SAS expander
    Sata,
    /// SAS SSD
    Ssd,
    /// `NVMe` SSD, in no bay
    #[value(skip)]
    Nvme,
}

/// Shelf, and place in it, both from 0. The slot number adds the slot base of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bay {
    pub shelf: usize,
    pub place: usize,
}

/// A path to a drive: SCSI address and kernel names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Path {
    /// The SCSI host, which is also the number of the shelf's IOM.
    pub host: u32,
    /// Port of the expander, as in `port-0:0:5`.
    pub port: u32,
    pub target: u32,
    #[serde(default)]
    pub lun: u32,
    /// 0 for sda.
    pub disk: u32,
    /// 0 for sg0.
    pub generic: u32,
}

impl Path {
    pub fn sd(&self) -> String {
        letters("sd", self.disk)
    }

    pub fn sg(&self) -> String {
        format!("sg{}", self.generic)
    }

    /// H:C:T:L.
    pub fn address(&self) -> String {
        format!("{}:0:{}:{}", self.host, self.target, self.lun)
    }
}

/// A place behind a RAID controller: its SCSI host, and the N of `-d megaraid,N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RaidPlace {
    pub host: u32,
    pub number: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Drive {
    /// Unique on this host, and usable as a file name: the serial number, with a suffix if another drive has it too.
    pub key: String,
    pub serial: String,
    pub vendor: String,
    pub model: String,
    pub firmware: String,
    pub kind: Kind,
    /// 16 hexadecimal digits; `None` if the drive has no NAA name.
    pub wwn: Option<String>,
    /// `wwid` in sysfs has the T10 designator instead of the NAA name.
    pub t10: bool,
    /// Of all logical units together.
    pub bytes: u64,
    /// Number of logical units.
    #[serde(default = "one")]
    pub units: u32,
    pub rotation: u32,
    pub bay: Option<Bay>,
    /// The bay before `pull`.
    pub pulled_from: Option<Bay>,
    pub paths: Vec<Path>,
    /// Number of the `NVMe` controller.
    pub nvme: Option<u32>,
    /// Number of the multipath map of the first logical unit; those of the others follow.
    pub map: Option<u32>,
    /// Behind a RAID controller: the drive has no node of its own.
    #[serde(default)]
    pub raid: Option<RaidPlace>,
    /// The bridge of a USB disk: sat, usbjmicron or unknown.
    #[serde(default)]
    pub usb: Option<String>,
    /// A recorded output, relative to the folder of the host.
    pub recorded: Option<String>,
    /// The name of the leaf in ZFS while it is missing.
    pub guid: u64,
    /// The keys of `set`.
    #[serde(default)]
    pub state: Map<String, Value>,
    /// The keys of `set leaf/…`.
    #[serde(default)]
    pub leaf: Map<String, Value>,
}

fn one() -> u32 {
    1
}

/// The key of a logical unit in a pool. The first one has the key of the drive.
pub fn unit_key(drive: &str, lun: u32) -> String {
    if lun == 0 { drive.to_owned() } else { format!("{drive}.{lun}") }
}

impl Drive {
    pub fn units(&self) -> impl Iterator<Item = Self> {
        (0..self.units).map(|lun| self.unit(lun))
    }

    /// The drive as one of its logical units.
    pub fn unit(&self, lun: u32) -> Self {
        if self.units < 2 {
            return self.clone();
        }
        // NAA IEEE Registered Extended (SPC-4), as dual-actuator drives have it: the identifier is that of the drive,
        // the extension begins with the LUN.
        let mut wwn = self.wwn.clone();
        if let Some(name) = &mut wwn {
            *name = format!("6{}{lun:04x}000000000000", name.get(1..).unwrap_or_default());
        }
        Self {
            key: unit_key(&self.key, lun),
            wwn,
            bytes: self.bytes / u64::from(self.units),
            units: 1,
            guid: if lun == 0 { self.guid } else { mix(self.guid ^ u64::from(lun)) | 1 << 63 },
            map: self.map.map(|map| map + lun),
            paths: self.paths.iter().filter(|path| path.lun == lun).cloned().collect(),
            leaf: self.leaf_of(lun),
            ..self.clone()
        }
    }

    /// The keys of logical units after the first end with `.LUN`.
    fn leaf_of(&self, lun: u32) -> Map<String, Value> {
        let suffix = format!(".{lun}");
        let mut leaf = Map::new();
        for (key, value) in &self.leaf {
            let own_key = match lun {
                0 if !key.contains('.') => Some(key.as_str()),
                0 => None,
                _ => key.strip_suffix(&suffix),
            };
            if let Some(own_key) = own_key {
                leaf.insert(own_key.to_owned(), value.clone());
            }
        }
        leaf
    }

    /// The drive at one of its nodes: name and size are those of the logical unit, all else is that of the drive.
    pub fn at_node(&self, node: &str) -> Self {
        let Self { wwn, bytes, .. } = self.unit(self.lun_at(node).unwrap_or(0));
        Self { wwn, bytes, ..self.clone() }
    }

    /// Of a node such as `sda` or `sg3`.
    pub fn path_at(&self, node: &str) -> Option<&Path> {
        self.paths.iter().find(|path| path.sd() == node || path.sg() == node)
    }

    pub fn lun_at(&self, node: &str) -> Option<u32> {
        Some(self.path_at(node)?.lun)
    }

    pub fn flag(&self, key: &str) -> bool {
        matches!(self.state.get(key), Some(Value::Bool(true)))
    }

    pub fn number(&self, key: &str) -> Option<u64> {
        self.state.get(key)?.as_u64()
    }

    pub fn number_or(&self, key: &str, default: u64) -> u64 {
        self.number(key).unwrap_or(default)
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        self.state.get(key)?.as_str()
    }

    fn signed(&self, key: &str) -> Option<i64> {
        self.state.get(key)?.as_i64()
    }

    /// The WWN of a drive with one logical unit as a number.
    pub fn wwn_number(&self) -> Option<u64> {
        u64::from_str_radix(self.wwn.as_deref()?, 16).ok()
    }

    /// A pseudo-random number below `below`, which depends on nothing but the drive and `what`.
    pub fn made_up(&self, what: &str, below: u64) -> u64 {
        mix(self.guid ^ hash(what)) % below.max(1)
    }

    /// In the output of smartctl, which `set` may change.
    pub fn reported_serial(&self) -> &str {
        self.text("serial").unwrap_or(&self.serial)
    }

    pub fn reported_model(&self) -> &str {
        self.text("model").unwrap_or(&self.model)
    }

    pub fn present(&self) -> bool {
        self.nvme.is_some() || self.raid.is_some() || !self.paths.is_empty()
    }

    /// Whether there is a path through each of that many IOMs.
    pub fn has_every_path(&self, ioms: usize) -> bool {
        self.paths.iter().filter(|path| path.lun == 0).count() == ioms
    }

    pub fn temperature(&self) -> i64 {
        let warm = if self.rotation == 0 { 34 } else { 27 };
        let made_up = i64::try_from(self.made_up("temperature", 10)).unwrap_or(0) + warm;
        self.signed("temperature").unwrap_or(made_up)
    }

    /// In the output of smartctl, which may have a placeholder instead of a temperature.
    pub fn reported_temperature(&self) -> i64 {
        self.signed("temperature_told").unwrap_or_else(|| self.temperature())
    }

    pub fn hours(&self) -> u64 {
        self.number_or("power_on_hours", 4_000 + self.made_up("hours", 40_000))
    }

    /// The kernel's `wwid` attribute.
    pub fn wwid(&self) -> String {
        match &self.wwn {
            Some(wwn) if self.kind == Kind::Nvme => format!("eui.{wwn}"),
            Some(wwn) if !self.t10 => format!("naa.{wwn}"),
            _ if self.kind == Kind::Nvme => {
                format!("nvme.144d-{}-{}-00000001", hex(&self.serial), hex(&self.model))
            }
            _ => format!("t10.{}", self.t10_name()),
        }
    }

    /// The T10 vendor identification designator; for SATA as SAT composes it.
    pub fn t10_name(&self) -> String {
        if self.kind == Kind::Sata {
            format!("{:<8}{:<40}{:<20}", "ATA", self.model, self.serial)
        } else {
            format!("{:<8}{:<16}{}", self.vendor, self.model, self.serial)
        }
    }

    /// The name of the multipath map.
    pub fn map_name(&self) -> Option<String> {
        Some(letters("mpath", self.map?))
    }
}

fn hex(text: &str) -> String {
    let digits: Vec<String> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

/// sda … sdz, sdaa …, as the kernel numbers disks.
pub fn letters(prefix: &str, number: u32) -> String {
    let mut name = Vec::new();
    let mut rest = u64::from(number) + 1;
    while rest > 0 {
        rest -= 1;
        name.push(char::from(b'a' + u8::try_from(rest % 26).unwrap_or(0)));
        rest /= 26;
    }
    prefix.chars().chain(name.into_iter().rev()).collect()
}

/// One step of splitmix64.
pub fn mix(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// FNV-1a.
pub fn hash(word: &str) -> u64 {
    word.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_on_with_two_letters() {
        let names: Vec<String> = [0, 25, 26, 51, 52, 701, 702].map(|number| letters("sd", number)).into();
        assert_eq!(names, ["sda", "sdz", "sdaa", "sdaz", "sdba", "sdzz", "sdaaa"]);
    }
}
