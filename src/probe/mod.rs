//! The interface to the operating system: the only modules that use sysfs, smartctl and zpool.

mod attachment;
pub(crate) mod bay_claims;
pub mod drives;
pub mod enclosure;
pub(crate) mod exec;
pub(crate) mod host_checks;
mod json;
pub mod links;
mod logical_units;
mod multipath;
mod nvme;
pub mod smartctl;
pub(crate) mod sysfs;
pub mod tools;
pub mod trampoline;
pub mod zpool;

use crate::domain::host_identity::{DriveSketch, HostIdentity, HostKey};
use crate::domain::identity::DeviceName;
use std::path::PathBuf;
use sysfs::{attribute, binary, link_age, link_name, names};

/// The host as a value: the root of its file system and the programs to run. Only these differ between the simulator
/// and a real machine.
#[derive(Clone, Debug)]
pub struct Host {
    pub root: PathBuf,
    /// `None`: not installed at the start.
    pub smartctl: Option<PathBuf>,
    pub zpool: Option<PathBuf>,
}

impl Host {
    /// `path` (without its leading slash) below the root.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The machine's own name.
    pub(crate) fn name(&self) -> String {
        attribute(&self.path("proc/sys/kernel/hostname")).unwrap_or_else(|| "unknown".to_owned())
    }

    /// Which host this is, without its drives. The machine id is in machine-id(5); in a container the file is the
    /// image's, or absent. The boot id (random(4)) is the same in all containers of a host, unless their manager hides
    /// it.
    pub(crate) fn identity(&self) -> HostIdentity {
        let id = |path: &str| attribute(&self.path(path));
        HostIdentity {
            machine: id("etc/machine-id").and_then(|id| HostKey::of_machine(&id)),
            boot: id("proc/sys/kernel/random/boot_id").and_then(|id| HostKey::of_boot(&id)),
            drives: DriveSketch::default(),
        }
    }
}

/// The whole disk of a kernel name, if `is_disk` accepts it: `sda1` is on `sda`, `nvme0n1p2` on `nvme0n1`.
fn whole_disk<'a>(name: &str, is_disk: impl Fn(&str) -> bool, buffer: &'a mut String) -> Option<&'a str> {
    buffer.clear();
    buffer.push_str(name);
    if !is_disk(buffer) {
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let stem = if stem.starts_with("nvme") { stem.strip_suffix('p')? } else { stem };
        buffer.truncate(stem.len());
    }
    is_disk(buffer).then_some(buffer.as_str())
}

/// Names that are drives: `sda`, `nvme0n1`; not partitions, loop, ram, dm, md, sr, nbd, zd, vd.
fn is_drive_name(name: &str) -> bool {
    let digits = |s: &str| !s.is_empty() && s.len() <= 4 && s.bytes().all(|b| b.is_ascii_digit());
    if let Some(letters) = name.strip_prefix("sd") {
        return (1..=4).contains(&letters.len()) && letters.bytes().all(|b| b.is_ascii_lowercase());
    }
    // Per-path nodes of a native NVMe multipath (nvme0c1n1) are hidden and not drives.
    name.strip_prefix("nvme").and_then(|rest| rest.split_once('n')).is_some_and(|(c, n)| digits(c) && digits(n))
}

fn device(name: &str) -> Option<DeviceName> {
    DeviceName::parse(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drives_are_told_from_everything_else() {
        for name in ["sda", "sdzz", "sdall", "nvme0n1", "nvme12n34"] {
            assert!(is_drive_name(name), "{name}");
        }
        for name in [
            "sda1",
            "sd",
            "loop0",
            "ram0",
            "zram0",
            "dm-0",
            "md0",
            "sr0",
            "nbd0",
            "zd0",
            "vda",
            "nvme0",
            "nvme0n1p1",
            "nvme0c1n1",
        ] {
            assert!(!is_drive_name(name), "{name}");
        }
    }

    #[test]
    fn partitions_lead_to_their_disk() {
        let mut buffer = String::new();
        let mut disk = |name: &str| whole_disk(name, is_drive_name, &mut buffer).map(str::to_owned);
        assert_eq!(disk("sda1").as_deref(), Some("sda"));
        assert_eq!(disk("sdaa").as_deref(), Some("sdaa"));
        assert_eq!(disk("nvme0n1p12").as_deref(), Some("nvme0n1"));
        assert_eq!(disk("nvme0n1").as_deref(), Some("nvme0n1"));
        assert_eq!(disk("dm-3"), None);
        assert_eq!(disk("nvme0"), None);
    }
}
