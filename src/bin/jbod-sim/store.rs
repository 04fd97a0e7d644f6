//! The simulator's own state below `DIR/sim`: the host, one file per drive, a link per node.
//! A played smartctl opens one small file, however many drives there are.

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

/// How pool leaves are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LeafName {
    /// /dev/disk/by-id/wwn-0x…-part1, scsi-3…-part1 or ata-…-part1
    ById,
    /// /dev/disk/by-vdev/e0s5-part1
    ByVdev,
    /// /dev/disk/by-path/…-part1
    ByPath,
    /// A whole disk: /dev/sda1, shown as sda without -P
    Sd,
    /// A partition that somebody else made: shown as sda1, with or without -P
    Partition,
    /// /dev/mapper/mpatha-part1 (needs --multipath)
    Mapper,
}

/// One IOM of a shelf: its SES processor on one SCSI host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Iom {
    pub port: u32,
    pub target: u32,
    pub generic: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shelf {
    /// 16 hex digits.
    pub id: String,
    /// Directory name of every bay.
    pub bays: Vec<String>,
    /// By SCSI host.
    pub ioms: Vec<Iom>,
}

/// The numbers a SCSI host gives out next.
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
    /// The binary that bin/smartctl and bin/zpool lead to.
    pub binary: PathBuf,
}

/// A vdev of one pool.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Vdev {
    /// `raidz2-0`, `mirror-3`; `None` for a leaf directly below the pool or section.
    pub name: Option<String>,
    pub parity: usize,
    /// Keys of drives.
    pub leaves: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pool {
    pub name: String,
    pub data: Vec<Vdev>,
    pub logs: Vec<Vdev>,
    pub cache: Vec<Vdev>,
    /// Keys of drives.
    pub spares: Vec<String>,
    #[serde(default)]
    pub state: Map<String, Value>,
}

/// A disk behind a RAID controller, by the number that its controller gives it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Member {
    pub number: u64,
    pub key: String,
}

/// What a RAID controller shows in place of its disks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Volume {
    pub vendor: String,
    pub model: String,
    pub serial: String,
    /// 32 hex digits.
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

    /// One of those that smartctl knows by the volume's name.
    pub fn is_perc(&self) -> bool {
        self.vendor == "DELL"
    }

    /// The key of the disk with that number.
    pub fn member(&self, number: u64) -> Option<&str> {
        self.members.iter().find(|m| m.number == number).map(|m| m.key.as_str())
    }
}

/// How the two tools behave as a whole.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tools {
    #[serde(default)]
    pub smartctl: Map<String, Value>,
    #[serde(default)]
    pub zpool: Map<String, Value>,
}

pub struct Store {
    pub root: PathBuf,
}

impl Store {
    /// A host that `jbod-sim host` laid out.
    pub fn open(root: &Path) -> Result<Self> {
        let store = Self { root: root.to_owned() };
        if !store.sim("host.json").is_file() {
            bail!(
                "{} holds no simulated host (found no sim/host.json there); lay one out with: jbod-sim host {}",
                root.display(),
                root.display()
            );
        }
        Ok(store)
    }

    pub fn sim(&self, name: &str) -> PathBuf {
        self.root.join("sim").join(name)
    }

    /// Held while state is read, changed and written back: two `set` at once must not lose one.
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

    /// When the pools were laid out or set last.
    pub fn pools_changed(&self) -> Result<Timestamp> {
        let file = self.sim("pools.json");
        let modified = std::fs::metadata(&file).and_then(|about| about.modified());
        Ok(Timestamp::try_from(modified.with_context(|| format!("cannot look at {}", file.display()))?)?)
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

    /// The drive behind a node such as `sg7`; `None` when no such node is there.
    pub fn at_node(&self, node: &str) -> Result<Option<Drive>> {
        let path = self.sim("node").join(node);
        if path.exists() { read(&path).map(Some) } else { Ok(None) }
    }

    /// The RAID volume behind a node such as `sdc`, or `bus0` for its controller.
    pub fn volume_at(&self, node: &str) -> Result<Option<Volume>> {
        Ok(self.volumes()?.into_iter().find(|v| v.sd == node || v.sg == node || format!("bus{}", v.host) == node))
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

    /// Every drive, also the pulled ones: `NVMe` last, else in the order of bays.
    pub fn drives(&self) -> Result<Vec<Drive>> {
        let dir = self.sim("drive");
        let entries = fs::read_dir(&dir).with_context(|| format!("cannot list {}", dir.display()))?;
        let mut drives: Vec<Drive> = Vec::new();
        for entry in entries {
            let path = entry.with_context(|| format!("cannot list {}", dir.display()))?.path();
            if path.extension().is_some_and(|e| e == "json") {
                drives.push(read(&path)?);
            }
        }
        drives.sort_by_key(|d| {
            let bay = d.bay.or(d.pulled_from);
            (d.nvme, bay.map(|b| (b.shelf, b.place)), d.bay.is_none(), d.key.clone())
        });
        Ok(drives)
    }

    /// Makes or takes away the links from a drive's nodes to its file.
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
        ["drive", "node", "silent", "recorded"].iter().try_for_each(|d| make_dir(&self.sim(d)))
    }

    /// A drive by serial, key or kernel name with or without a path, as `sda`, `/dev/sg3`.
    pub fn find(&self, word: &str, host: &Host) -> Result<Drive> {
        if word.starts_with("bay/") {
            let bay = parse_bay(word, host)?;
            let found = self.drives()?.into_iter().find(|d| d.bay == Some(bay));
            return found.with_context(|| format!("{word} is empty; wanted a bay with a drive in it"));
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
        let found = self.drives()?.into_iter().find(|d| d.serial == word);
        found.with_context(|| {
            format!("found no drive called {word:?}; wanted a serial, a kernel name such as sda or sg3, or bay/E/B")
        })
    }
}

/// `bay/E/B`: shelf from 0, and the number of the bay as its `slot` attribute has it.
pub fn parse_bay(word: &str, host: &Host) -> Result<Bay> {
    let mut parts = word.split('/').skip(1);
    let (shelf, number) =
        (parts.next().and_then(|p| p.parse::<usize>().ok()), parts.next().and_then(|p| p.parse::<usize>().ok()));
    let (Some(shelf), Some(number), None) = (shelf, number, parts.next()) else {
        bail!("found {word:?}; wanted bay/E/B with the number of an enclosure and of a bay, such as bay/0/5");
    };
    let Some(found) = host.shelves.get(shelf) else {
        bail!("{word}: there is no enclosure {shelf}; wanted 0 to {}", host.shelves.len().saturating_sub(1));
    };
    let first = host.slot_base;
    match number.checked_sub(first) {
        Some(place) if place < found.bays.len() => Ok(Bay { shelf, place }),
        _ => {
            bail!("{word}: there is no bay {number}; wanted {first} to {}", first + found.bays.len().saturating_sub(1))
        }
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("cannot understand {}", path.display()))
}

fn write<T: Serialize + ?Sized>(path: &Path, value: &T) -> Result<()> {
    let text = serde_json::to_vec(value).with_context(|| format!("cannot write {} as JSON", path.display()))?;
    replace(path, text)
}
