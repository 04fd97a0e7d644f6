//! NVMe drives in sysfs: their controllers, each of which is a path, and what identifies the drive of a controller.
//!
//! Attributes: `drivers/nvme/host/sysfs.c`, `multipath.c` and `core.c` of Linux.

use super::is_number;
use super::sysfs::{attribute, link_name, names};
use crate::domain::drive::DrivePath;
use crate::domain::identity::{DeviceName, Identity, SerialNumber, is_placeholder_wwid};
use crate::domain::path_state::PathState;
use crate::domain::text::natural_cmp;
use std::path::{Path, PathBuf};

/// A controller through which a namespace is reached.
pub(super) struct NvmeController {
    pub(super) name: String,
    dir: PathBuf,
}

/// What a controller reports about itself and its subsystem.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ControllerIdentity {
    /// NVMe Qualified Name of the subsystem.
    pub(super) subsystem: Option<String>,
    /// Controllers of one subsystem have different numbers (NVMe base specification, CNTLID).
    pub(super) number: Option<String>,
}

impl NvmeController {
    /// The path through this controller to that block device.
    pub(super) fn path(&self, device: &DeviceName) -> DrivePath {
        DrivePath {
            device: device.clone(),
            node: format!("/dev/{}", self.name),
            host: None,
            address: self.name.clone(),
            unit: 0,
            state: self.attribute("state").as_deref().map(PathState::from),
        }
    }

    pub(super) fn identity(&self) -> ControllerIdentity {
        ControllerIdentity { subsystem: self.attribute("subsysnqn"), number: self.attribute("cntlid") }
    }

    pub(super) fn attribute(&self, name: &str) -> Option<String> {
        attribute(&self.dir.join(name))
    }
}

/// The controllers of a block device, in the kernel's order: one, or with native multipath all of the subsystem.
pub(super) fn controllers(block: &Path) -> Vec<NvmeController> {
    let link = block.join("device");
    let Some(name) = link_name(&link) else { return Vec::new() };
    if is_controller(&name) {
        let Some(dir) = controller_dir(block, &name) else { return Vec::new() };
        return vec![NvmeController { name, dir }];
    }
    // With native multipath `device` is the subsystem, which has a link to each of its controllers.
    let mut found: Vec<String> = names(&link).into_iter().filter(|name| is_controller(name)).collect();
    found.sort_by(|one, other| natural_cmp(one, other));
    found.into_iter().map(|name| NvmeController { dir: link.join(&name), name }).collect()
}

/// The directory of a controller in `/sys/class/nvme`, or else the target of the block device's link.
fn controller_dir(block: &Path, name: &str) -> Option<PathBuf> {
    let sys = block.parent()?.parent()?;
    let by_class = sys.join("class/nvme").join(name);
    if by_class.exists() {
        return Some(by_class);
    }
    std::fs::canonicalize(block.join("device")).ok()
}

/// The wwid of the namespace, and the serial number of the controllers.
pub(super) fn identity(block: &Path, controllers: &[NvmeController]) -> Identity {
    let mut wwids = ["wwid", "device/wwid"].into_iter().filter_map(|name| attribute(&block.join(name)));
    let serial = controllers.iter().find_map(|controller| controller.attribute("serial"));
    Identity {
        wwid: wwids.next().filter(|wwid| !is_placeholder_wwid(wwid)),
        unit_serial: serial.map(SerialNumber::from),
    }
}

fn is_controller(name: &str) -> bool {
    name.strip_prefix("nvme").is_some_and(is_number)
}
