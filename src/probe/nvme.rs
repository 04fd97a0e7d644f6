//! NVMe drives in sysfs: their controllers, each of which is a path, and what identifies the drive of a controller.
//!
//! Attributes: `drivers/nvme/host/sysfs.c`, `multipath.c` and `core.c` of Linux.

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

/// What a controller reports of itself and of its subsystem.
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
        let by_class = block.parent().and_then(Path::parent).map(|sys| sys.join("class/nvme").join(&name));
        let dir = match by_class.filter(|dir| dir.exists()) {
            Some(dir) => Some(dir),
            None => std::fs::canonicalize(link).ok(),
        };
        return dir.map(|dir| NvmeController { name, dir }).into_iter().collect();
    }
    // With native multipath `device` is the subsystem, which has a link to each of its controllers.
    let mut found: Vec<String> = names(&link).into_iter().filter(|name| is_controller(name)).collect();
    found.sort_by(|a, b| natural_cmp(a, b));
    found.into_iter().map(|name| NvmeController { dir: link.join(&name), name }).collect()
}

/// The wwid of the namespace, and the serial number of the controllers.
pub(super) fn identity(block: &Path, controllers: &[NvmeController]) -> Identity {
    let wwid = attribute(&block.join("wwid")).or_else(|| attribute(&block.join("device/wwid")));
    let serial = controllers.iter().find_map(|controller| controller.attribute("serial"));
    Identity { wwid: wwid.filter(|wwid| !is_placeholder_wwid(wwid)), unit_serial: serial.map(SerialNumber::from) }
}

fn is_controller(name: &str) -> bool {
    name.strip_prefix("nvme").is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}
