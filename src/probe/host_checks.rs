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

/// Rights of this process, whatever the host's root is. `None`: `/proc` does not provide them.
pub(crate) fn rights() -> Option<Rights> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    rights_in(&status)
}

fn rights_in(status: &str) -> Option<Rights> {
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let uid = field("Uid:")?.split_whitespace().nth(1)?.parse().ok()?;
    let effective = u64::from_str_radix(field("CapEff:")?, 16).ok()?;
    let has = |number: u32| effective & (1 << number) != 0;
    Some(Rights { uid, rawio: has(RAWIO), admin: has(ADMIN) })
}

/// Which parts of the kernel are available.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kernel {
    /// Module `ses`, loaded or built in.
    pub(crate) ses: bool,
    /// Module `sg`: nodes in `/sys/class/scsi_generic`, or the module itself.
    pub(crate) sg: bool,
    /// `/dev/zfs`, or the module.
    pub(crate) zfs: bool,
    /// SCSI devices of the enclosure type, whether a driver is bound to them or not.
    pub(crate) enclosure_devices: usize,
}

pub(crate) fn kernel(host: &Host) -> Kernel {
    let has = |path: &str| host.path(path).exists();
    let devices = host.path("sys/class/scsi_device");
    let is_enclosure =
        |name: &String| attribute(&devices.join(name).join("device/type")).as_deref() == Some(ENCLOSURE_TYPE);
    Kernel {
        ses: has("sys/module/ses"),
        sg: has("sys/module/sg") || !names(&host.path("sys/class/scsi_generic")).is_empty(),
        zfs: has("dev/zfs") || has("sys/module/zfs"),
        enclosure_devices: names(&devices).iter().filter(|name| is_enclosure(name)).count(),
    }
}

/// Opens the device nodes that smartctl uses for a drive, and closes them again. Only sg and NVMe
/// controller nodes, and only for reading: this neither wakes a drive nor blocks on one. Returns the first
/// node that cannot be opened, with the error.
pub(crate) fn inaccessible_node(host: &Host, drive: &Drive) -> Option<(String, std::io::Error)> {
    let nodes = drive.paths.iter().map(|path| path.node.as_str());
    nodes.filter(|node| node.starts_with("/dev/sg") || node.starts_with("/dev/nvme")).find_map(|node| {
        let path = host.path(node.trim_start_matches('/'));
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        open(&path, flags, Mode::empty()).err().map(|error| (node.to_owned(), error.into()))
    })
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
        let status = |uid: &str, caps: &str| format!("Name:\tx\nUid:\t{uid}\nGid:\t0 0 0 0\nCapEff:\t{caps}\n");
        let root = rights_in(&status("0\t0\t0\t0", "000001ffffffffff"));
        assert_eq!(root, Some(Rights { uid: 0, rawio: true, admin: true }));
        let user = rights_in(&status("1000\t1001\t1000\t1000", "0000000000020000"));
        assert_eq!(user, Some(Rights { uid: 1001, rawio: true, admin: false }));
        for odd in ["", "Uid:\t0\nCapEff:\tzz\n", "CapEff:\t0\n"] {
            assert_eq!(rights_in(odd), None, "{odd:?}");
        }
    }
}
