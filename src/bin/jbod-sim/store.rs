//! The state of a simulated host, in files below `DIR/sim`: the host, the pools, the tools, each drive, and a link for
//! each node to the file of its drive. A run of smartctl thus reads one small file, however many drives there are.

use crate::drive::{Bay, Drive};
use crate::files::{link_text, make_dir, remove, replace};
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fs;
use std::path::{Path, PathBuf};

/// How pools name their leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LeafName {
    /// /dev/disk/by-id/wwn-0x…-part1, scsi-3…-part1 or ata-…-part1
    ById,
    /// /dev/disk/by-vdev/e0s5-part1
    ByVdev,
    /// /dev/disk/by-path/…-part1
    ByPath,
    /// /dev/sda1 on a whole disk: zpool shows sda without -P
    Sd,
    /// /dev/sda1 on a partition that ZFS did not create: zpool shows sda1 with and without -P
    Partition,
    /// /dev/mapper/mpatha-part1 (requires --multipath)
    Mapper,
}

/// An IO module of a shelf: the address and sg node of its SES processor on one SCSI host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Iom {
    pub port: u32,
    pub target: u32,
    pub generic: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shelf {
    /// The SES identifier, 16 hexadecimal digits.
    pub id: String,
    /// The names of the directories of the bays.
    pub bays: Vec<String>,
    /// By SCSI host.
    pub ioms: Vec<Iom>,
}

/// The numbers that a SCSI host assigns next.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct NextNumbers {
    pub target: u32,
    /// By shelf.
    pub ports: Vec<u32>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Host {
    pub hostname: String,
    pub seed: u64,
    pub old_kernel: bool,
    pub slot_base: usize,
    pub leaf: LeafName,
    pub shelves: Vec<Shelf>,
    /// By SCSI host.
    pub next: Vec<NextNumbers>,
    pub multipath: bool,
    /// The program that bin/smartctl and bin/zpool link to.
    pub binary: PathBuf,
}

/// A top-level vdev of a pool.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Vdev {
    /// `raidz2-0`, `mirror-3`; `None` for a leaf directly below the pool or a section.
    pub name: Option<String>,
    /// How many leaves it can lose.
    pub parity: usize,
    /// Keys of logical units.
    pub leaves: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pool {
    pub name: String,
    pub data: Vec<Vdev>,
    pub logs: Vec<Vdev>,
    pub cache: Vec<Vdev>,
    /// Keys of logical units.
    pub spares: Vec<String>,
    /// The keys that `jbod-sim set pool/NAME` has set.
    #[serde(default)]
    pub state: Map<String, Value>,
}

impl Pool {
    /// The text of a key that `jbod-sim set pool/NAME` has set.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.state.get(key)?.as_str()
    }
}

/// A disk behind a RAID controller.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Member {
    /// The number in `-d megaraid,N` and `-d cciss,N`.
    pub number: u64,
    /// The key of its drive.
    pub key: String,
}

/// The logical volume that a RAID controller shows instead of its disks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Volume {
    pub vendor: String,
    pub model: String,
    pub serial: String,
    /// 32 hexadecimal digits.
    pub wwn: String,
    /// `proc_name` of its SCSI host.
    pub driver: String,
    pub host: u32,
    pub bytes: u64,
    pub sd: String,
    pub sg: String,
    pub members: Vec<Member>,
}

impl Volume {
    pub fn is_cciss(&self) -> bool {
        self.driver == "hpsa"
    }

    /// Whether smartctl recognizes the controller by the INQUIRY data of the volume.
    pub fn is_perc(&self) -> bool {
        self.vendor == "DELL"
    }

    /// The key of the disk with that number.
    pub fn member(&self, number: u64) -> Option<&str> {
        let member = self.members.iter().find(|member| member.number == number)?;
        Some(&member.key)
    }
}

/// The keys that `jbod-sim set smartctl` and `jbod-sim set zpool` have set.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tools {
    #[serde(default)]
    pub smartctl: Map<String, Value>,
    #[serde(default)]
    pub zpool: Map<String, Value>,
}

impl Host {
    /// The name of the directory of a bay.
    pub fn bay_name(&self, bay: Bay) -> Result<&str> {
        let name = self.shelves.get(bay.shelf).and_then(|shelf| shelf.bays.get(bay.place));
        name.map(String::as_str).with_context(|| format!("enclosure {} has no bay with index {}", bay.shelf, bay.place))
    }
}

pub struct Store {
    /// The directory of the simulated host.
    pub root: PathBuf,
}

impl Store {
    /// Opens a host that `jbod-sim host` has created.
    pub fn open(root: &Path) -> Result<Self> {
        let store = Self { root: root.to_owned() };
        if !store.sim("host.json").is_file() {
            bail!(
                "{} holds no simulated host: found no sim/host.json; create one with: jbod-sim host {}",
                root.display(),
                root.display()
            );
        }
        Ok(store)
    }

    pub fn sim(&self, name: &str) -> PathBuf {
        self.root.join("sim").join(name)
    }

    /// Locks the host for changes: two concurrent commands would lose a change.
    pub fn lock(&self) -> Result<fs::File> {
        let path = self.sim("lock");
        let file = fs::File::create(&path).with_context(|| format!("cannot open {}", path.display()))?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)
            .with_context(|| format!("cannot lock {}", path.display()))?;
        Ok(file)
    }

    pub fn host(&self) -> Result<Host> {
        read(&self.sim("host.json"))
    }

    pub fn save_host(&self, host: &Host) -> Result<()> {
        write(&self.sim("host.json"), host)
    }

    pub fn pools(&self) -> Result<Vec<Pool>> {
        read(&self.sim("pools.json"))
    }

    /// The time of the last change of the pools.
    pub fn pools_changed(&self) -> Result<Timestamp> {
        let file = self.sim("pools.json");
        let metadata = fs::metadata(&file).with_context(|| format!("cannot stat {}", file.display()))?;
        Ok(Timestamp::try_from(metadata.modified()?)?)
    }

    pub fn save_pools(&self, pools: &[Pool]) -> Result<()> {
        write(&self.sim("pools.json"), &pools)
    }

    pub fn tools(&self) -> Result<Tools> {
        read(&self.sim("tools.json"))
    }

    pub fn save_tools(&self, tools: &Tools) -> Result<()> {
        write(&self.sim("tools.json"), tools)
    }

    pub fn drive(&self, key: &str) -> Result<Drive> {
        read(&self.drive_file(key))
    }

    /// The drive with a node such as `sg7`.
    pub fn at_node(&self, node: &str) -> Result<Option<Drive>> {
        let path = self.sim("node").join(node);
        if path.exists() { read(&path).map(Some) } else { Ok(None) }
    }

    /// The RAID volume with a node such as `sdc`, or with a controller such as `bus0`.
    pub fn volume_at(&self, node: &str) -> Result<Option<Volume>> {
        for volume in self.volumes()? {
            if volume.sd == node || volume.sg == node || format!("bus{}", volume.host) == node {
                return Ok(Some(volume));
            }
        }
        Ok(None)
    }

    pub fn volumes(&self) -> Result<Vec<Volume>> {
        let path = self.sim("volumes.json");
        if path.exists() { read(&path) } else { Ok(Vec::new()) }
    }

    pub fn save_volume(&self, volume: &Volume) -> Result<()> {
        let mut volumes = self.volumes()?;
        volumes.push(volume.clone());
        write(&self.sim("volumes.json"), &volumes)
    }

    pub fn save_drive(&self, drive: &Drive) -> Result<()> {
        write(&self.drive_file(&drive.key), drive)
    }

    fn drive_file(&self, key: &str) -> PathBuf {
        self.sim("drive").join(format!("{key}.json"))
    }

    /// All drives, including pulled ones, in the order of bays; NVMe drives are last.
    pub fn drives(&self) -> Result<Vec<Drive>> {
        let dir = self.sim("drive");
        let entries = fs::read_dir(&dir).with_context(|| format!("cannot list {}", dir.display()))?;
        let mut drives: Vec<Drive> = Vec::new();
        for entry in entries {
            let path = entry.with_context(|| format!("cannot list {}", dir.display()))?.path();
            if path.extension() == Some("json".as_ref()) {
                drives.push(read(&path)?);
            }
        }
        drives.sort_by_key(|drive| {
            let bay = drive.bay.or(drive.pulled_from);
            (drive.nvme, bay.map(|bay| (bay.shelf, bay.place)), drive.bay.is_none(), drive.key.clone())
        });
        Ok(drives)
    }

    /// Links nodes to the file of their drive.
    pub fn link_nodes(&self, drive: &Drive, nodes: &[String]) -> Result<()> {
        for node in nodes {
            link_text(&self.sim("node").join(node), &format!("../drive/{}.json", drive.key))?;
        }
        Ok(())
    }

    pub fn unlink_nodes(&self, nodes: &[String]) -> Result<()> {
        nodes.iter().try_for_each(|node| remove(&self.sim("node").join(node)))
    }

    pub fn make_dirs(&self) -> Result<()> {
        ["drive", "node", "silent", "recorded"].iter().try_for_each(|name| make_dir(&self.sim(name)))
    }

    /// The drive in a bay.
    pub fn drive_in(&self, bay: Bay) -> Result<Option<Drive>> {
        Ok(self.drives()?.into_iter().find(|drive| drive.bay == Some(bay)))
    }

    /// A drive by bay, serial number, key, or block device or sg node with or without `/dev/`.
    pub fn find(&self, word: &str, host: &Host) -> Result<Drive> {
        if word.starts_with("bay/") {
            let drive = self.drive_in(parse_bay(word, host)?)?;
            return drive.with_context(|| format!("{word} is empty; wanted a bay with a drive"));
        }
        let node = word.strip_prefix("/dev/").unwrap_or(word);
        if !node.contains('/') {
            if let Some(drive) = self.at_node(node)? {
                return Ok(drive);
            }
            if self.drive_file(node).is_file() {
                return self.drive(node);
            }
        }
        let drive = self.drives()?.into_iter().find(|drive| drive.serial == word);
        drive.with_context(|| {
            format!("found no drive {word:?}; wanted a serial number, a device such as sda or sg3, or bay/E/B")
        })
    }
}

/// Parses `bay/E/B`: the number of an enclosure, from 0, and of a bay, as its `slot` attribute has it.
pub fn parse_bay(word: &str, host: &Host) -> Result<Bay> {
    let Some((shelf, number)) = bay_numbers(word) else {
        bail!("found {word:?}; wanted bay/E/B with the numbers of an enclosure and of a bay, such as bay/0/5");
    };
    let Some(found) = host.shelves.get(shelf) else {
        bail!("{word}: found no enclosure {shelf}; wanted 0 to {}", host.shelves.len().saturating_sub(1));
    };
    let first = host.slot_base;
    match number.checked_sub(first) {
        Some(place) if place < found.bays.len() => Ok(Bay { shelf, place }),
        _ => bail!("{word}: found no bay {number}; wanted {first} to {}", (first + found.bays.len()).saturating_sub(1)),
    }
}

fn bay_numbers(word: &str) -> Option<(usize, usize)> {
    let (shelf, bay) = word.strip_prefix("bay/")?.split_once('/')?;
    Some((shelf.parse().ok()?, bay.parse().ok()?))
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("cannot parse {}", path.display()))
}

fn write<T: Serialize + ?Sized>(path: &Path, value: &T) -> Result<()> {
    let text = serde_json::to_vec(value).with_context(|| format!("cannot write {} as JSON", path.display()))?;
    replace(path, text)
}
