//! Discovery of drives from sysfs. No command is sent to a drive, and nothing here blocks on one.
//!
//! Layout: Linux `Documentation/ABI/stable/sysfs-block`, `…/testing/sysfs-class-scsi_device`;
//! VPD pages 0x80 and 0x83: SPC-4.

use super::multipath::{DiscoveredPath, group_paths};
use super::sysfs::{SYSFS_MAGIC, count_shortage, listed};
use super::{Host, attachment, attribute, binary, is_drive_name, link_name, names, nvme, parsed_attribute};
use crate::domain::device_type::Disk;
use crate::domain::drive::{Drive, DrivePath};
use crate::domain::identity::{DeviceName, Identity, ScsiHost, SerialNumber, is_placeholder_wwid};
use crate::domain::path_state::PathState;
use crate::domain::transport::Attachment;
use rustix::fs::{Dir, Mode, OFlags, fstatfs, open, readlinkat};
use std::fmt::Write as _;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

/// SCSI peripheral device types that are disks: direct access, simplified direct access, zoned.
const DISK_TYPES: [&str; 3] = ["0", "14", "20"];

/// Discovery threads, and the minimum number of drives per thread.
const DISCOVERY_THREADS: usize = 4;
const MIN_DRIVES_PER_THREAD: usize = 64;

/// Every drive with all its paths, in the kernel's order. After an error it is not known which drives are present.
pub fn discover(host: &Host) -> io::Result<Vec<Drive>> {
    let mut devices: Vec<DeviceName> = Vec::new();
    for name in listed(&host.path("sys/block"))? {
        if is_drive_name(&name) {
            devices.extend(DeviceName::parse(&name));
        }
    }
    devices.sort();
    Ok(group_paths(discover_paths(host, &devices)))
}

/// Reads all paths. No attribute blocks, but those of a thousand drives take a while: several threads share them.
fn discover_paths(host: &Host, devices: &[DeviceName]) -> Vec<DiscoveredPath> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(DISCOVERY_THREADS);
    let share_size = devices.len().div_ceil(threads).max(MIN_DRIVES_PER_THREAD);
    std::thread::scope(|scope| {
        let mut shares = devices.chunks(share_size);
        let own = shares.next().unwrap_or_default();
        let mut others = Vec::new();
        for share in shares {
            let thread = std::thread::Builder::new().spawn_scoped(scope, move || discover_devices(host, share));
            others.push((share, thread));
        }
        let mut paths = discover_devices(host, own);
        for (share, thread) in others {
            let found = match thread {
                Ok(thread) => thread.join().ok(),
                Err(_) => None,
            };
            // This thread reads the share of one that could not be started, or panicked.
            paths.extend(found.unwrap_or_else(|| discover_devices(host, share)));
        }
        paths
    })
}

fn discover_devices(host: &Host, devices: &[DeviceName]) -> Vec<DiscoveredPath> {
    devices.iter().flat_map(|device| discover_device(host, device)).collect()
}

/// A cheap fingerprint of the topology: it changes when a drive or an enclosure is added or removed, or changes its
/// name or address. It is taken every second, so the folders are only listed: sysfs never uses an inode number twice.
/// Other file systems may reuse one, so there the links are read.
pub(crate) fn fingerprint(host: &Host) -> u64 {
    let mut sum = 0u64;
    let mut buffer = Vec::new();
    for dir in ["sys/block", "sys/class/enclosure"].map(|dir| host.path(dir)) {
        let opened = open_folder(&dir).inspect_err(|errno| count_shortage(&(*errno).into()));
        let Ok((folder, entries)) = opened else { continue };
        let is_sysfs = fstatfs(&folder).is_ok_and(|fs| fs.f_type == SYSFS_MAGIC);
        for entry in entries {
            let Ok(entry) = entry.inspect_err(|errno| count_shortage(&(*errno).into())) else { break };
            let name = entry.file_name();
            if !name.to_str().is_ok_and(|name| is_drive_name(name) || name.contains(':')) {
                continue;
            }
            let mut target = std::mem::take(&mut buffer);
            if is_sysfs {
                target.clear();
                target.extend_from_slice(&entry.ino().to_ne_bytes());
            } else {
                target = match readlinkat(&folder, name, target) {
                    Ok(link) => link.into_bytes(),
                    Err(_) => Vec::new(),
                };
            }
            let bytes = name.to_bytes().iter().chain(&[0]).chain(&target);
            // A sum does not depend on the order in which the kernel lists the entries.
            sum = sum.wrapping_add(crate::domain::hash::fnv1a(bytes.copied()));
            buffer = target;
        }
    }
    sum
}

fn open_folder(path: &Path) -> rustix::io::Result<(OwnedFd, Dir)> {
    let folder = open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let entries = Dir::read_from(&folder)?;
    Ok((folder, entries))
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
    let block = host.block(device);
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
    if let Some((volume, disk)) = Disk::of_name(&path.device) {
        return still_has_disk(host, &volume, disk, path, identity);
    }
    let Some((mut current_paths, own)) = paths_and_identity(host, &path.device) else { return false };
    for current in &mut current_paths {
        // Which logical unit a path leads to is known only after grouping.
        current.unit = path.unit;
    }
    current_paths.iter().any(|current| current.is_same_as(path)) && own.agrees(identity)
}

/// The volume is still the one behind which that disk was found.
fn still_has_disk(host: &Host, volume: &DeviceName, disk: Disk, path: &DrivePath, identity: &Identity) -> bool {
    let Some((volume_paths, volume_identity)) = paths_and_identity(host, volume) else { return false };
    let mut disk_paths = volume_paths.iter().filter_map(|volume_path| volume_path.to_raid_disk(disk));
    disk_paths.any(|current| current.is_same_as(path)) && disk.identity(&volume_identity) == *identity
}

/// The state of a path now; `None` if the kernel does not report it.
pub(crate) fn state_of(host: &Host, path: &DrivePath) -> Option<PathState> {
    let device = match Disk::of_name(&path.device) {
        Some((volume, _)) => volume,
        None => path.device.clone(),
    };
    let block = host.block(&device);
    if path.host.is_none() {
        let controller = nvme::controllers(&block).into_iter().find(|controller| controller.name == path.address)?;
        return controller.path(&device).state;
    }
    scsi_state(&block.join("device"))
}

/// Paths and identity of a block device. Nothing else is read, since this runs after every reading.
fn paths_and_identity(host: &Host, device: &DeviceName) -> Option<(Vec<DrivePath>, Identity)> {
    let block = host.block(device);
    if device.as_str().starts_with("nvme") {
        let controllers = nvme::controllers(&block);
        let paths = controllers.iter().map(|controller| controller.path(device)).collect();
        return Some((paths, nvme::identity(&block, &controllers)));
    }
    let dir = block.join("device");
    Some((vec![scsi_path(&dir, device)?], scsi_identity(&dir)))
}

/// The paths of one block device: one for a SCSI device, one for each controller of an NVMe device.
fn discover_device(host: &Host, device: &DeviceName) -> Vec<DiscoveredPath> {
    let block = host.block(device);
    let size_bytes = parsed_attribute::<u64>(&block.join("size")).map(|sectors| sectors.saturating_mul(512));
    // A card reader without a card is not a drive.
    if size_bytes.unwrap_or(0) == 0 && attribute(&block.join("removable")).as_deref() == Some("1") {
        return Vec::new();
    }
    let rotational = attribute(&block.join("queue/rotational")).map(|rotational| rotational != "0");
    if device.as_str().starts_with("nvme") {
        return discover_nvme(&block, device, size_bytes, rotational);
    }
    discover_scsi(host, device, size_bytes, rotational).into_iter().collect()
}

fn discover_scsi(
    host: &Host,
    device: &DeviceName,
    size_bytes: Option<u64>,
    rotational: Option<bool>,
) -> Option<DiscoveredPath> {
    let block = host.block(device);
    let dir = block.join("device");
    let device_type = attribute(&dir.join("type"));
    if let Some(device_type) = &device_type
        && !DISK_TYPES.contains(&device_type.as_str())
    {
        return None;
    }
    let path = scsi_path(&dir, device)?;
    let sysfs_path = std::fs::read_link(&block).unwrap_or_default();
    let mut ancestors = sysfs_path.iter().rev().filter_map(|part| part.to_str());
    Some(DiscoveredPath {
        attachment: attachment::scsi(host, &block, &path.address),
        expander: ancestors.find(|part| part.starts_with("expander-")).map(str::to_owned),
        path,
        identity: scsi_identity(&dir),
        vendor: attribute(&dir.join("vendor")),
        model: attribute(&dir.join("model")),
        firmware: attribute(&dir.join("rev")),
        size_bytes,
        rotational,
        controller: None,
    })
}

fn discover_nvme(
    block: &Path,
    device: &DeviceName,
    size_bytes: Option<u64>,
    rotational: Option<bool>,
) -> Vec<DiscoveredPath> {
    let controllers = nvme::controllers(block);
    let identity = nvme::identity(block, &controllers);
    let mut paths = Vec::new();
    for controller in &controllers {
        paths.push(DiscoveredPath {
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
        });
    }
    paths
}

fn scsi_path(dir: &Path, device: &DeviceName) -> Option<DrivePath> {
    let address = link_name(dir)?;
    // The sg node, or the block device where the module sg is not loaded.
    let sg = names(&dir.join("scsi_generic")).iter().find_map(|name| DeviceName::parse(name));
    let node = format!("/dev/{}", sg.as_ref().unwrap_or(device));
    let host = scsi_host_of(&address);
    Some(DrivePath { device: device.clone(), node, host, address, unit: 0, state: scsi_state(dir) })
}

/// The SCSI host of `host:channel:target:lun`.
fn scsi_host_of(address: &str) -> Option<ScsiHost> {
    address.split(':').next()?.parse().ok()
}

fn scsi_state(dir: &Path) -> Option<PathState> {
    attribute(&dir.join("state")).as_deref().map(PathState::from)
}

fn scsi_identity(dir: &Path) -> Identity {
    Identity { wwid: device_wwid(dir), unit_serial: unit_serial(dir) }
}

/// The name of a SCSI device, also of an SES device.
pub(super) fn device_wwid(dir: &Path) -> Option<String> {
    // `wwid` is the kernel's choice among the designators (`sdev_show_wwid` of `drivers/scsi/scsi_sysfs.c`); kernels before
    // 3.15 do not provide it.
    let wwid = match attribute(&dir.join("wwid")) {
        Some(wwid) => wwid,
        None => format!("naa.{}", naa_of_unit(&binary(&dir.join("vpd_pg83"))?)?),
    };
    if is_placeholder_wwid(&wwid) {
        return None;
    }
    Some(wwid)
}

/// The serial number of a SCSI device (VPD page 0x80).
pub(super) fn unit_serial(dir: &Path) -> Option<SerialNumber> {
    let page = binary(&dir.join("vpd_pg80"))?;
    serial_of_unit(&page).map(SerialNumber::from)
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
            let mut hex = String::new();
            for byte in body {
                let _ = write!(hex, "{byte:02x}");
            }
            return Some(hex);
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
    let text = text.trim_matches(|character: char| character.is_whitespace() || character == '\0');
    if text.is_empty() {
        return None;
    }
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_changes_with_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host { root: folder.path().to_owned(), smartctl: None, zpool: None };
        let block = folder.path().join("sys/block");
        std::fs::create_dir_all(&block).unwrap();
        let mut fingerprints = Vec::new();
        for target in ["0:0:1:0", "0:0:2:0", "0:0:1:0"] {
            let _ = std::fs::remove_file(block.join("sda"));
            std::os::unix::fs::symlink(format!("../devices/{target}/block/sda"), block.join("sda")).unwrap();
            fingerprints.push(fingerprint(&host));
        }
        assert_ne!(fingerprints[0], fingerprints[1]);
        assert_eq!(fingerprints[0], fingerprints[2]);
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
