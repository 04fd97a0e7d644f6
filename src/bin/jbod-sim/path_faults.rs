//! Faults of a path to a drive: `state` in sysfs, and the error of smartctl over that path.

use crate::device_dirs::drive_dir;
use crate::drive::Drive;
use crate::files::attribute;
use crate::nvme::{controller_dir, second_controller};
use crate::store::Store;
use anyhow::{Result, bail};

/// Keys of `set`: the paths through SCSI hosts 0 to 3, or the first and second NVMe controller.
pub const KEYS: [&str; 4] = ["path0", "path1", "path2", "path3"];
/// Values of `state` with which the kernel executes no commands, and two faults that `state` does not show.
pub const FAULTS: &[&str] =
    &["offline", "transport-offline", "blocked", "connecting", "resetting", "dead", "fails", "hangs"];

/// The fault of the path with that node.
pub fn at_node<'a>(drive: &'a Drive, node: &str) -> Option<&'a str> {
    drive.text(KEYS.get(number(drive, node)?)?)
}

/// Index in `KEYS`.
fn number(drive: &Drive, node: &str) -> Option<usize> {
    if let Some(controller) = drive.nvme {
        return Some(usize::from(node == format!("nvme{}", second_controller(controller))));
    }
    usize::try_from(drive.path_at(node)?.host).ok()
}

/// Writes `state` of each path in sysfs from the keys of the drive.
pub fn set_states(store: &Store, drive: &Drive) -> Result<()> {
    for (number, key) in (0..).zip(KEYS) {
        match drive.nvme {
            Some(controller) => set_controller_state(store, drive, controller, number, key)?,
            None => set_path_state(store, drive, number, key)?,
        }
    }
    Ok(())
}

fn set_controller_state(store: &Store, drive: &Drive, first: u32, number: u32, key: &str) -> Result<()> {
    let controller = if number == 0 { first } else { second_controller(first) };
    let dir = store.root.join(controller_dir(controller));
    if number < 2 && dir.exists() {
        return attribute(&dir, "state", shown_fault(drive, key).unwrap_or("live"));
    }
    if drive.text(key).is_some() {
        bail!("{key}: {} has no such NVMe controller; set controllers=2 first", drive.serial);
    }
    Ok(())
}

fn set_path_state(store: &Store, drive: &Drive, number: u32, key: &str) -> Result<()> {
    let path = drive.paths.iter().find(|path| path.host == number);
    if let (Some(path), Some(bay)) = (path, drive.bay) {
        let dir = store.root.join(drive_dir(bay.shelf, path));
        return attribute(&dir, "state", shown_fault(drive, key).unwrap_or("running"));
    }
    if drive.text(key).is_some() {
        bail!("{key}: {} has no path through SCSI host {number}; set the key of a path that it has", drive.serial);
    }
    Ok(())
}

/// A fault that is a value of `state`.
fn shown_fault<'a>(drive: &'a Drive, key: &str) -> Option<&'a str> {
    drive.text(key).filter(|fault| !matches!(*fault, "fails" | "hangs"))
}
