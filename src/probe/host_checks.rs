//! Host checks: rights of this process and kernel modules, on which reading drives and enclosures depends.
//! No command is sent to a drive.
//!
//! `/proc/self/status`: `proc_pid_status`(5); capability numbers: capabilities(7).

use super::{Host, attribute, names};
use crate::domain::drive::Drive;
use rustix::fs::{Mode, OFlags, open};
use std::path::Path;

/// `CAP_SYS_RAWIO`: ATA pass-through.
const RAWIO: u32 = 17;
/// `CAP_SYS_ADMIN`: NVMe admin commands.
const ADMIN: u32 = 21;
/// SCSI peripheral device type of an enclosure services device.
const ENCLOSURE_TYPE: &str = "13";

/// Rights of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rights {
    /// Effective user id.
    pub(crate) uid: u32,
    pub(crate) rawio: bool,
    pub(crate) admin: bool,
}

/// Rights of this process, whatever the root of the host is. `None`: `/proc` does not provide them.
pub(crate) fn rights() -> Option<Rights> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    rights_in(&status)
}

fn rights_in(status: &str) -> Option<Rights> {
    let uid = status_field(status, "Uid:")?.split_whitespace().nth(1)?.parse().ok()?;
    let effective = u64::from_str_radix(status_field(status, "CapEff:")?, 16).ok()?;
    Some(Rights { uid, rawio: effective & (1 << RAWIO) != 0, admin: effective & (1 << ADMIN) != 0 })
}

fn status_field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

/// Which parts of the kernel are available.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kernel {
    /// The module `ses` is loaded or built in.
    pub(crate) ses: bool,
    /// The module `sg` is loaded or built in: it exists, or `/sys/class/scsi_generic` has nodes.
    pub(crate) sg: bool,
    /// The module `zfs` is loaded, or `/dev/zfs` exists.
    pub(crate) zfs: bool,
    /// SCSI devices of the enclosure type, whether a driver is bound to them or not.
    pub(crate) enclosure_devices: usize,
}

pub(crate) fn kernel(host: &Host) -> Kernel {
    let devices = host.path("sys/class/scsi_device");
    let mut enclosure_devices = 0;
    for name in names(&devices) {
        let device_type = attribute(&devices.join(name).join("device/type"));
        if device_type.as_deref() == Some(ENCLOSURE_TYPE) {
            enclosure_devices += 1;
        }
    }
    Kernel {
        ses: host.path("sys/module/ses").exists(),
        sg: host.path("sys/module/sg").exists() || !names(&host.path("sys/class/scsi_generic")).is_empty(),
        zfs: host.path("dev/zfs").exists() || host.path("sys/module/zfs").exists(),
        enclosure_devices,
    }
}

/// Opens the device nodes that smartctl uses for a drive, and closes them again. Only sg and NVMe
/// controller nodes, and only for reading: this neither wakes a drive nor blocks on one. Returns the first
/// node that cannot be opened, with the error.
pub(crate) fn inaccessible_node(host: &Host, drive: &Drive) -> Option<(String, std::io::Error)> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    for path in &drive.paths {
        if !path.node.starts_with("/dev/sg") && !path.node.starts_with("/dev/nvme") {
            continue;
        }
        let node = host.path(path.node.trim_start_matches('/'));
        if let Err(error) = open(&node, flags, Mode::empty()) {
            return Some((path.node.clone(), error.into()));
        }
    }
    None
}

/// The host is a folder of a simulator, not this machine.
pub(crate) fn is_simulated(host: &Host) -> bool {
    host.root != Path::new("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_read_from_the_status_of_the_process() {
        for (uid, capabilities, expected) in [
            ("0\t0\t0\t0", "000001ffffffffff", Rights { uid: 0, rawio: true, admin: true }),
            ("1000\t1001\t1000\t1000", "0000000000020000", Rights { uid: 1001, rawio: true, admin: false }),
        ] {
            let status = format!("Name:\tx\nUid:\t{uid}\nGid:\t0 0 0 0\nCapEff:\t{capabilities}\n");
            assert_eq!(rights_in(&status), Some(expected));
        }
        for incomplete in ["", "Uid:\t0\nCapEff:\tzz\n", "CapEff:\t0\n"] {
            assert_eq!(rights_in(incomplete), None, "{incomplete:?}");
        }
    }
}
