//! Discovery of drives from sysfs. No command is sent to a drive, and nothing here blocks on one.
//!
//! Layout: Linux `Documentation/ABI/stable/sysfs-block`, `…/testing/sysfs-class-scsi_device`;
//! VPD pages 0x80 and 0x83: SPC-4.

use super::multipath::{DiscoveredPath, group_paths};
use super::sysfs::{SYSFS_MAGIC, count_shortage, listed};
use super::{Host, attachment, attribute, binary, device, is_drive_name, link_name, names, nvme};
use crate::domain::device_type::Disk;
use crate::domain::drive::{Drive, DrivePath};
use crate::domain::identity::{DeviceName, Identity, SerialNumber, is_placeholder_wwid};
use crate::domain::path_state::PathState;
use crate::domain::transport::Attachment;
use rustix::fs::{Dir, Mode, OFlags, fstatfs, open, readlinkat};
use std::ffi::CString;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

/// SCSI peripheral device types that are disks: direct access, simplified direct access, zoned.
const DISK_TYPES: [&str; 3] = ["0", "14", "20"];

/// Discovery threads, and the minimum number of drives per thread.
const DISCOVERY_THREADS: usize = 4;
const MIN_DRIVES_PER_THREAD: usize = 64;

/// Every drive with all its paths, in the kernel's order. After an error it is not known which drives are present.
pub fn discover(host: &Host) -> io::Result<Vec<Drive>> {
    let names = listed(&host.path("sys/block"))?;
    let mut devices: Vec<DeviceName> = names.iter().filter(|n| is_drive_name(n)).filter_map(|n| device(n)).collect();
    devices.sort();
    Ok(group_paths(discover_paths(host, &devices)))
}

/// Reads all paths. No attribute blocks, but those of a thousand drives take a while: several threads share them.
fn discover_paths(host: &Host, devices: &[DeviceName]) -> Vec<DiscoveredPath> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(DISCOVERY_THREADS);
    let share = devices.len().div_ceil(threads).max(MIN_DRIVES_PER_THREAD);
    let read_paths = |share: &[DeviceName]| share.iter().flat_map(|d| discover_device(host, d)).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let mut shares = devices.chunks(share);
        let own = shares.next().unwrap_or_default();
        let others: Vec<_> = shares
            .map(|share| (share, std::thread::Builder::new().spawn_scoped(scope, move || read_paths(share))))
            .collect();
        let mut paths = read_paths(own);
        for (share, other) in others {
            // This thread reads the share of one that could not be started, or failed.
            let found = other.ok().and_then(|thread| thread.join().ok());
            paths.extend(found.unwrap_or_else(|| read_paths(share)));
        }
        paths
    })
}

/// A cheap fingerprint of the topology: it changes when a drive or an enclosure is added or removed, or changes its name
/// or address. It is taken every second, so the folders are only listed: sysfs never uses an inode number twice. On any
/// other file system, which may, the links are read.
pub(crate) fn fingerprint(host: &Host) -> u64 {
    let mut sum = 0u64;
    let mut buffer = Vec::new();
    for dir in ["sys/block", "sys/class/enclosure"].map(|dir| host.path(dir)) {
        let opened = open(&dir, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        let listing = opened.and_then(|folder| Ok((Dir::read_from(&folder)?, folder)));
        let Ok((entries, folder)) = listing.inspect_err(|errno| count_shortage(&(*errno).into())) else { continue };
        let is_sysfs = fstatfs(&folder).is_ok_and(|fs| fs.f_type == SYSFS_MAGIC);
        for entry in entries {
            let Ok(entry) = entry.inspect_err(|errno| count_shortage(&(*errno).into())) else { break };
            let name = entry.file_name();
            if !name.to_str().is_ok_and(|n| is_drive_name(n) || n.contains(':')) {
                continue;
            }
            let mut target = std::mem::take(&mut buffer);
            if is_sysfs {
                target.clear();
                target.extend_from_slice(&entry.ino().to_ne_bytes());
            } else {
                target = readlinkat(&folder, name, target).map_or_else(|_| Vec::new(), CString::into_bytes);
            }
            let bytes = name.to_bytes().iter().chain(&[0]).chain(&target);
            // A sum does not depend on the order in which the kernel lists them.
            sum = sum.wrapping_add(crate::domain::hash::fnv1a(bytes.copied()));
            buffer = target;
        }
    }
    sum
}

/// The current identity of that block device, from sysfs; `None` if there is no such device. A disk behind a
/// RAID controller is present as long as its volume is.
pub(crate) fn identity_at(host: &Host, device: &DeviceName) -> Option<Identity> {
    match Disk::of_name(device) {
        Some((volume, disk)) => Some(disk.identity(&own_identity(host, &volume)?)),
        None => own_identity(host, device),
    }
}

fn own_identity(host: &Host, device: &DeviceName) -> Option<Identity> {
    let block = host.path("sys/block").join(device.as_str());
    if !block.join("size").exists() {
        return None;
    }
    if device.as_str().starts_with("nvme") {
        return Some(nvme::identity(&block, &nvme::controllers(&block)));
    }
    Some(scsi_identity(&block.join("device")))
}

/// The path still leads to that drive through the same node: neither the block device name nor the sg number has
/// been reassigned since discovery.
pub(crate) fn still_leads_to(host: &Host, path: &DrivePath, identity: &Identity) -> bool {
    match Disk::of_name(&path.device) {
        Some((volume, disk)) => paths_and_identity(host, &volume).is_some_and(|(current, own)| {
            let mut disks = current.iter().filter_map(|volume| volume.to_raid_disk(disk));
            disks.any(|current| current.is_same_as(path)) && disk.identity(&own) == *identity
        }),
        None => paths_and_identity(host, &path.device).is_some_and(|(mut current, own)| {
            for current in &mut current {
                current.unit = path.unit;
            }
            current.iter().any(|current| current.is_same_as(path)) && own.agrees(identity)
        }),
    }
}

/// The state of a path now; `None`: the kernel does not report it.
pub(crate) fn state_of(host: &Host, path: &DrivePath) -> Option<PathState> {
    let device = Disk::of_name(&path.device).map_or_else(|| path.device.clone(), |(volume, _)| volume);
    let block = host.path("sys/block").join(device.as_str());
    if path.host.is_none() {
        let controller = nvme::controllers(&block).into_iter().find(|controller| controller.name == path.address)?;
        return controller.path(&device).state;
    }
    scsi_state(&block.join("device"))
}

/// Paths and identity of a block device, and no more: this runs after every reading.
fn paths_and_identity(host: &Host, device: &DeviceName) -> Option<(Vec<DrivePath>, Identity)> {
    let block = host.path("sys/block").join(device.as_str());
    if device.as_str().starts_with("nvme") {
        let controllers = nvme::controllers(&block);
        let paths = controllers.iter().map(|controller| controller.path(device)).collect();
        return Some((paths, nvme::identity(&block, &controllers)));
    }
    let dir = block.join("device");
    Some((vec![scsi_path(&dir, device)?], scsi_identity(&dir)))
}

/// The paths of one block device: one, or of an NVMe device one for each controller.
fn discover_device(host: &Host, device: &DeviceName) -> Vec<DiscoveredPath> {
    let block = host.path("sys/block").join(device.as_str());
    let size_bytes = attribute(&block.join("size")).and_then(|s| s.parse::<u64>().ok()).map(|n| n.saturating_mul(512));
    // A card reader without a card is not a drive.
    if size_bytes.is_none_or(|s| s == 0) && attribute(&block.join("removable")).as_deref() == Some("1") {
        return Vec::new();
    }
    let rotational = attribute(&block.join("queue/rotational")).map(|r| r != "0");
    if device.as_str().starts_with("nvme") {
        return discover_nvme(&block, device, size_bytes, rotational);
    }
    let Some((path, identity, vendor, model, firmware)) = read_scsi(&block, device) else { return Vec::new() };
    let sysfs_path = std::fs::read_link(&block).unwrap_or_default();
    let expander = sysfs_path.iter().rev().filter_map(|part| part.to_str()).find(|part| part.starts_with("expander-"));
    vec![DiscoveredPath {
        attachment: attachment::scsi(host, &block, &path.address),
        expander: expander.map(str::to_owned),
        path,
        identity,
        vendor,
        model,
        firmware,
        size_bytes,
        rotational,
        controller: None,
    }]
}

fn discover_nvme(
    block: &Path,
    device: &DeviceName,
    size_bytes: Option<u64>,
    rotational: Option<bool>,
) -> Vec<DiscoveredPath> {
    let controllers = nvme::controllers(block);
    let identity = nvme::identity(block, &controllers);
    let path = |controller: &nvme::NvmeController| DiscoveredPath {
        path: controller.path(device),
        expander: None,
        identity: identity.clone(),
        vendor: None,
        model: controller.attribute("model"),
        firmware: controller.attribute("firmware_rev"),
        size_bytes,
        rotational,
        attachment: Attachment::Nvme,
        controller: Some(controller.identity()),
    };
    controllers.iter().map(path).collect()
}

/// Path, identity, vendor, model and firmware.
type DriveAttributes = (DrivePath, Identity, Option<String>, Option<String>, Option<String>);

fn read_scsi(block: &Path, name: &DeviceName) -> Option<DriveAttributes> {
    let dir = block.join("device");
    if attribute(&dir.join("type")).is_some_and(|t| !DISK_TYPES.contains(&t.as_str())) {
        return None;
    }
    let read = |what: &str| attribute(&dir.join(what));
    Some((scsi_path(&dir, name)?, scsi_identity(&dir), read("vendor"), read("model"), read("rev")))
}

fn scsi_path(dir: &Path, name: &DeviceName) -> Option<DrivePath> {
    let address = link_name(dir)?;
    let sg = names(&dir.join("scsi_generic")).into_iter().find_map(|n| device(&n));
    let node = sg.map_or_else(|| format!("/dev/{name}"), |sg| format!("/dev/{sg}"));
    let host = address.split(':').next().and_then(|h| h.parse().ok());
    Some(DrivePath { device: name.clone(), node, host, address, unit: 0, state: scsi_state(dir) })
}

fn scsi_state(dir: &Path) -> Option<PathState> {
    attribute(&dir.join("state")).as_deref().map(PathState::from)
}

fn scsi_identity(dir: &Path) -> Identity {
    Identity { wwid: device_wwid(dir), unit_serial: unit_serial(dir) }
}

/// The name of a SCSI device, also of an SES device.
pub(super) fn device_wwid(dir: &Path) -> Option<String> {
    let naa = || binary(&dir.join("vpd_pg83")).and_then(|page| naa_of_unit(&page)).map(|hex| format!("naa.{hex}"));
    // `wwid` is the kernel's choice among the designators; kernels before 3.15 do not provide it.
    attribute(&dir.join("wwid")).or_else(naa).filter(|w| !is_placeholder_wwid(w))
}

/// Its serial number (VPD page 0x80).
pub(super) fn unit_serial(dir: &Path) -> Option<SerialNumber> {
    binary(&dir.join("vpd_pg80")).and_then(|page| serial_of_unit(&page)).map(SerialNumber::from)
}

/// The text of VPD page 0x80.
fn serial_of_unit(page: &[u8]) -> Option<String> {
    let [_, _, high, low, text @ ..] = page else { return None };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    text_of(text.get(..length).unwrap_or(text))
}

/// The NAA designator of the logical unit (association 0, type 3) in VPD page 0x83, as hex.
fn naa_of_unit(page: &[u8]) -> Option<String> {
    let mut rest = page.get(4..)?;
    while let [_, kind, _, length, tail @ ..] = rest {
        let body = tail.get(..usize::from(*length))?;
        if kind & 0x3f == 0x03 {
            return Some(body.iter().fold(String::new(), |mut hex, b| {
                let _ = write!(hex, "{b:02x}");
                hex
            }));
        }
        rest = tail.get(usize::from(*length)..)?;
    }
    None
}

/// Both parsers on one page.
#[cfg(fuzzing)]
pub fn fuzz_vpd(page: &[u8]) -> (Option<String>, Option<String>) {
    (serial_of_unit(page), naa_of_unit(page))
}

fn text_of(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_changes_with_a_link() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| unreachable!("{e}"));
        let host = Host { root: folder.path().to_owned(), smartctl: None, zpool: None };
        let block = folder.path().join("sys/block");
        std::fs::create_dir_all(&block).unwrap_or_else(|e| unreachable!("{e}"));
        let link = |to: &str| {
            let _ = std::fs::remove_file(block.join("sda"));
            std::os::unix::fs::symlink(to, block.join("sda")).unwrap_or_else(|e| unreachable!("{e}"));
            fingerprint(&host)
        };
        let (one, other) = (link("../devices/0:0:1:0/block/sda"), link("../devices/0:0:2:0/block/sda"));
        assert_ne!(one, other);
        assert_eq!(link("../devices/0:0:1:0/block/sda"), one);
        // In sysfs, where links are not read, the fingerprint is constant while the topology does not change.
        let real = Host { root: "/".into(), ..host };
        assert_eq!(fingerprint(&real), fingerprint(&real));
    }

    #[test]
    fn vpd_page_83_gives_the_units_name_not_the_ports() {
        // A target port's NAA designator (association 1) before the logical unit's.
        let mut page = vec![0, 0x83, 0, 24];
        page.extend([1, 0x13, 0, 8, 0x50, 0, 0xc5, 0, 0xa0, 0, 0, 1]);
        page.extend([1, 0x03, 0, 8, 0x50, 0, 0xc5, 0, 0xa0, 0, 0, 0]);
        assert_eq!(naa_of_unit(&page).as_deref(), Some("5000c500a0000000"));
        for cut in 0..page.len() {
            naa_of_unit(page.get(..cut).unwrap_or_default());
        }
        assert!(is_placeholder_wwid("naa.5000000000000000") && is_placeholder_wwid("naa.0000000000000000"));
        assert!(!is_placeholder_wwid("naa.5000c500a0000000") && !is_placeholder_wwid("t10.ATA  0"));
    }
}
