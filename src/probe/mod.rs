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
use sysfs::{attribute, binary, link_age, link_name, names, parsed_attribute};

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

    /// The directory of a block device in sysfs.
    fn block(&self, device: &DeviceName) -> PathBuf {
        self.path("sys/block").join(device.as_str())
    }

    /// The host name that the kernel reports.
    pub(crate) fn name(&self) -> String {
        attribute(&self.path("proc/sys/kernel/hostname")).unwrap_or_else(|| "unknown".to_owned())
    }

    /// Which host this is, without its drives. The machine id is in machine-id(5); in a container the file is the
    /// image's, or absent. The boot id (random(4)) is the same in all containers of a host, unless their manager hides
    /// it.
    pub(crate) fn identity(&self) -> HostIdentity {
        let machine_id = attribute(&self.path("etc/machine-id")).unwrap_or_default();
        let boot_id = attribute(&self.path("proc/sys/kernel/random/boot_id")).unwrap_or_default();
        HostIdentity {
            machine: HostKey::of_machine(&machine_id),
            boot: HostKey::of_boot(&boot_id),
            drives: DriveSketch::default(),
        }
    }
}

/// The disk that a kernel name is on, if `is_disk` accepts it: `sda1` is on `sda`, `nvme0n1p2` on `nvme0n1`.
fn whole_disk<'a>(name: &str, is_disk: impl Fn(&str) -> bool, buffer: &'a mut String) -> Option<&'a str> {
    buffer.clear();
    buffer.push_str(name);
    if !is_disk(buffer) {
        let stem = name.trim_end_matches(|character: char| character.is_ascii_digit());
        let stem = if stem.starts_with("nvme") { stem.strip_suffix('p')? } else { stem };
        buffer.truncate(stem.len());
    }
    if !is_disk(buffer) {
        return None;
    }
    Some(buffer)
}

/// Names that are drives: `sda`, `nvme0n1`; not partitions, loop, ram, dm, md, sr, nbd, zd, vd.
fn is_drive_name(name: &str) -> bool {
    if let Some(letters) = name.strip_prefix("sd") {
        return (1..=4).contains(&letters.len()) && letters.as_bytes().iter().all(u8::is_ascii_lowercase);
    }
    let Some(numbers) = name.strip_prefix("nvme") else { return false };
    // Per-path nodes of native NVMe multipath (nvme0c1n1) are hidden and not drives.
    let Some((controller, namespace)) = numbers.split_once('n') else { return false };
    [controller, namespace].iter().all(|number| number.len() <= 4 && is_number(number))
}

/// One or more decimal digits.
fn is_number(text: &str) -> bool {
    !text.is_empty() && text.as_bytes().iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drives_are_distinguished_from_other_block_devices() {
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
        for (name, disk) in [
            ("sda1", Some("sda")),
            ("sdaa", Some("sdaa")),
            ("nvme0n1p12", Some("nvme0n1")),
            ("nvme0n1", Some("nvme0n1")),
            ("dm-3", None),
            ("nvme0", None),
        ] {
            assert_eq!(whole_disk(name, is_drive_name, &mut buffer), disk, "{name}");
        }
    }
}
