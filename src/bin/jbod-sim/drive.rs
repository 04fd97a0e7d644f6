//! What a simulated drive is: its identity, where it sits, its kernel names, and the state that
//! tests set. Knows no file layout and no output format.
//!
//! A drive with two actuators has two logical units behind one target: one serial number, but names, sizes, nodes and places
//! in pools of their own. `Drive::unit` is the drive as one of them shows it.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What kind of drive, which decides the protocol smartctl talks to it.
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

/// A bay: the shelf and the place in it, both from 0. The number printed on it adds the slot base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bay {
    pub shelf: usize,
    pub place: usize,
}

/// One way to a drive: a SCSI address and the kernel names there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Path {
    /// The SCSI host, which is also the number of the shelf's IOM.
    pub host: u32,
    /// Number of the expander's port, as in `port-0:0:5`.
    pub port: u32,
    pub target: u32,
    /// Which logical unit it leads to.
    #[serde(default)]
    pub lun: u32,
    /// Which `sd` name, from 0 for sda.
    pub disk: u32,
    /// Which `sg` node.
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

/// A place behind a RAID controller: its SCSI host, and the number it gives the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RaidPlace {
    pub host: u32,
    pub number: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Drive {
    /// Unique on this host and fit for a file name: the serial, if no other drive has it.
    pub key: String,
    pub serial: String,
    pub vendor: String,
    pub model: String,
    pub firmware: String,
    pub kind: Kind,
    /// 16 hex digits; `None` when the drive has no NAA name.
    pub wwn: Option<String>,
    /// Named in sysfs by vendor, model and serial rather than by NAA.
    pub t10: bool,
    /// Of all its units.
    pub bytes: u64,
    /// Logical units.
    #[serde(default = "one")]
    pub units: u32,
    pub rotation: u32,
    pub bay: Option<Bay>,
    /// Where it was before it was pulled.
    pub pulled_from: Option<Bay>,
    pub paths: Vec<Path>,
    /// Number of the `NVMe` controller.
    pub nvme: Option<u32>,
    /// Number of its multipath map; those of further units follow.
    pub map: Option<u32>,
    /// Behind a RAID controller, and so without a node of its own.
    #[serde(default)]
    pub raid: Option<RaidPlace>,
    /// In a USB box with this bridge: sat, usbjmicron or unknown.
    #[serde(default)]
    pub usb: Option<String>,
    /// A recorded answer, relative to the host's folder.
    pub recorded: Option<String>,
    /// The name ZFS gives a leaf that is not there.
    pub guid: u64,
    #[serde(default)]
    pub state: Map<String, Value>,
    /// What `set leaf/…` said.
    #[serde(default)]
    pub leaf: Map<String, Value>,
}

fn one() -> u32 {
    1
}

/// The key of a logical unit, by which a pool knows it: that of the drive for the first.
pub fn unit_key(drive: &str, lun: u32) -> String {
    if lun == 0 { drive.to_owned() } else { format!("{drive}.{lun}") }
}

impl Drive {
    /// Each logical unit.
    pub fn units(&self) -> impl Iterator<Item = Self> {
        (0..self.units).map(|lun| self.unit(lun))
    }

    /// The drive as one of its logical units shows it.
    pub fn unit(&self, lun: u32) -> Self {
        if self.units < 2 {
            return self.clone();
        }
        // NAA IEEE Registered Extended (SPC-4), as dual-actuator drives have it: the identifier is that of the drive, the
        // extension begins with the LUN.
        let name = |wwn: &String| format!("6{}{lun:04x}000000000000", wwn.get(1..).unwrap_or_default());
        // What was set for the leaf of a further unit stands under names of its own.
        let suffix = format!(".{lun}");
        let own = |key: &str| match lun {
            0 => (!key.contains('.')).then(|| key.to_owned()),
            _ => key.strip_suffix(&suffix).map(str::to_owned),
        };
        Self {
            key: unit_key(&self.key, lun),
            wwn: self.wwn.as_ref().map(name),
            bytes: self.bytes / u64::from(self.units),
            units: 1,
            guid: if lun == 0 { self.guid } else { mix(self.guid ^ u64::from(lun)) | 1 << 63 },
            map: self.map.map(|map| map + lun),
            paths: self.paths.iter().filter(|path| path.lun == lun).cloned().collect(),
            leaf: self.leaf.iter().filter_map(|(key, value)| Some((own(key)?, value.clone()))).collect(),
            ..self.clone()
        }
    }

    /// What smartctl says at one of its nodes: name and size are the unit's, all else the drive's.
    pub fn at_node(&self, node: &str) -> Self {
        let Self { wwn, bytes, .. } = self.unit(self.lun_at(node).unwrap_or(0));
        Self { wwn, bytes, ..self.clone() }
    }

    /// Which logical unit a node such as `sda` or `sg3` leads to.
    pub fn lun_at(&self, node: &str) -> Option<u32> {
        self.paths.iter().find(|path| path.sd() == node || path.sg() == node).map(|path| path.lun)
    }

    pub fn flag(&self, key: &str) -> bool {
        self.state.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    pub fn number(&self, key: &str) -> Option<u64> {
        self.state.get(key).and_then(Value::as_u64)
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        self.state.get(key).and_then(Value::as_str)
    }

    /// A steady made-up number of this drive, below `below`.
    pub fn made_up(&self, what: &str, below: u64) -> u64 {
        mix(self.guid ^ hash(what)) % below.max(1)
    }

    /// The serial smartctl tells, which a test may have changed.
    pub fn told_serial(&self) -> &str {
        self.text("serial").unwrap_or(&self.serial)
    }

    pub fn told_model(&self) -> &str {
        self.text("model").unwrap_or(&self.model)
    }

    pub fn present(&self) -> bool {
        self.nvme.is_some() || self.raid.is_some() || !self.paths.is_empty()
    }

    /// Whether it is there through each of so many IOMs.
    pub fn has_every_path(&self, ioms: usize) -> bool {
        self.paths.iter().filter(|path| path.lun == 0).count() == ioms
    }

    pub fn temperature(&self) -> i64 {
        let warm = if self.rotation == 0 { 34 } else { 27 };
        let made_up = i64::try_from(self.made_up("temperature", 10)).unwrap_or(0) + warm;
        self.state.get("temperature").and_then(Value::as_i64).unwrap_or(made_up)
    }

    /// What it says in place of its temperature, which a test may have set to a placeholder.
    pub fn told_temperature(&self) -> i64 {
        self.state.get("temperature_told").and_then(Value::as_i64).unwrap_or_else(|| self.temperature())
    }

    pub fn hours(&self) -> u64 {
        self.number("power_on_hours").unwrap_or_else(|| 4_000 + self.made_up("hours", 40_000))
    }

    /// The kernel's `wwid` attribute.
    pub fn wwid(&self) -> String {
        match &self.wwn {
            Some(wwn) if self.kind == Kind::Nvme => format!("eui.{wwn}"),
            Some(wwn) if !self.t10 => format!("naa.{wwn}"),
            _ if self.kind == Kind::Nvme => {
                let hex = |s: &str| s.bytes().map(|b| format!("{b:02x}")).collect::<Vec<_>>().concat();
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

    /// The name of its multipath map.
    pub fn map_name(&self) -> Option<String> {
        self.map.map(|n| letters("mpath", n))
    }
}

/// sda … sdz, sdaa …: the kernel's numbering with letters.
pub fn letters(prefix: &str, number: u32) -> String {
    let mut name = Vec::new();
    let mut rest = u64::from(number) + 1;
    while rest > 0 {
        rest -= 1;
        name.push(char::from(b'a' + u8::try_from(rest % 26).unwrap_or(0)));
        rest /= 26;
    }
    name.iter().rev().fold(prefix.to_owned(), |mut all, c| {
        all.push(*c);
        all
    })
}

/// A good spread of 64 bits from 64 bits (the finalizer of splitmix64).
pub fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// FNV-1a, to make a number of a word.
pub fn hash(word: &str) -> u64 {
    word.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_on_with_two_letters() {
        let names: Vec<String> = [0, 25, 26, 51, 52, 701, 702].map(|n| letters("sd", n)).into();
        assert_eq!(names, ["sda", "sdz", "sdaa", "sdaz", "sdba", "sdzz", "sdaaa"]);
    }
}
