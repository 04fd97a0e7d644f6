//! Faults of single paths: the kernel's state of a path, and what smartctl gets over it.

use crate::device_dirs::drive_dir;
use crate::drive::Drive;
use crate::files::attribute;
use crate::other::{controller_dir, second_controller};
use crate::store::Store;
use anyhow::{Result, bail};

/// Keys of a drive: its path through SCSI host 0 to 3, or its first and second NVMe controller.
pub const KEYS: [&str; 4] = ["path0", "path1", "path2", "path3"];
/// States in which the kernel does not execute commands, and faults that its state does not show.
pub const FAULTS: &[&str] =
    &["offline", "transport-offline", "blocked", "connecting", "resetting", "dead", "fails", "hangs"];

/// The fault of the path that leads through that node.
pub fn at_node<'a>(drive: &'a Drive, node: &str) -> Option<&'a str> {
    drive.text(KEYS.get(number(drive, node)?)?)
}

fn number(drive: &Drive, node: &str) -> Option<usize> {
    if let Some(controller) = drive.nvme {
        return Some(usize::from(node == format!("nvme{}", second_controller(controller))));
    }
    let path = drive.paths.iter().find(|path| path.sd() == node || path.sg() == node)?;
    usize::try_from(path.host).ok()
}

/// The states in sysfs, as the drive's keys have them.
pub fn set_states(store: &Store, drive: &Drive) -> Result<()> {
    for (number, key) in KEYS.iter().enumerate() {
        let fault = drive.text(key).filter(|fault| !matches!(*fault, "fails" | "hangs"));
        if let Some(controller) = drive.nvme {
            let controller = if number == 0 { controller } else { second_controller(controller) };
            let dir = store.root.join(controller_dir(controller));
            if number < 2 && dir.exists() {
                attribute(&dir, "state", fault.unwrap_or("live"))?;
            } else if drive.text(key).is_some() {
                bail!("{key}: {} has no such controller; wanted controllers=2 before", drive.serial);
            }
            continue;
        }
        let path = drive.paths.iter().find(|path| usize::try_from(path.host).is_ok_and(|host| host == number));
        match (path, drive.bay) {
            (Some(path), Some(bay)) => {
                attribute(&store.root.join(drive_dir(bay.shelf, path)), "state", fault.unwrap_or("running"))?;
            }
            _ if drive.text(key).is_some() => bail!("{key}: {} has no path through SCSI host {number}", drive.serial),
            _ => {}
        }
    }
    Ok(())
}
