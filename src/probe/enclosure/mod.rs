//! Enclosures and bays from the kernel's enclosure class.
//!
//! There are two kinds of attribute. Those that the kernel has stored (`id`, `slot`, `type`, the `device` link) are
//! read directly. Others it reads from the enclosure (`status`, `fault`, `locate`, `power_status`): an enclosure that
//! does not respond blocks the reader forever, so a child that may be abandoned reads these
//! (`collector/enclosure_reader`). `active` is not read: `drivers/scsi/ses.c` never reads it from the enclosure, so it
//! shows the last value written to it.

mod assembly;
mod attributes;
mod drive_owners;
mod grouping;
mod history;
mod link_ages;
mod naming;
mod numbering;
mod ses_device;
mod settled;

pub(super) use attributes::dump_attributes;
pub(crate) use attributes::{parse_dump, read_blocking};
pub use drive_owners::DriveOwners;
pub use history::EnclosureHistory;
pub(crate) use naming::RepeatedId;

use super::Host;
use super::sysfs::listed;
use crate::domain::enclosure::{BayLabel, Enclosure};
use crate::domain::identity::EnclosureId;
use crate::domain::text::natural_cmp;
use ses_device::SesDevice;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The attribute directory of a bay, for `read_blocking`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SlotPath {
    pub(crate) slot: BayLabel,
    pub(super) dir: PathBuf,
}

/// One IO module, with its bays.
#[derive(Clone, Debug)]
pub struct IoModule {
    pub(crate) enclosure: EnclosureId,
    pub(crate) sysfs_name: String,
    pub(crate) bays: Vec<SlotPath>,
}

impl IoModule {
    /// The attribute directories of its bays; `None` if a path is not UTF-8.
    pub(crate) fn slot_paths(&self) -> Option<Vec<&str>> {
        self.bays.iter().map(|bay| bay.dir.to_str()).collect()
    }
}

/// The enclosures of a host.
#[derive(Debug, Default)]
pub struct DiscoveredEnclosures {
    pub enclosures: Vec<Enclosure>,
    pub(crate) modules: Vec<IoModule>,
    /// Ids that several of them report, found for the first time.
    pub(crate) repeated: Vec<RepeatedId>,
}

/// Every enclosure with its bays and their drives, without the attributes that the kernel reads from the enclosure.
/// After an error it is not known which enclosures are present.
pub fn discover(
    host: &Host,
    owners: &DriveOwners,
    history: &mut EnclosureHistory,
    at: Instant,
) -> io::Result<DiscoveredEnclosures> {
    let class = host.path("sys/class/enclosure");
    let mut sysfs_names = listed(&class)?;
    sysfs_names.sort_by(|one, other| natural_cmp(one, other));
    let mut devices = Vec::new();
    for sysfs_name in sysfs_names {
        let device = SesDevice::read(&class.join(&sysfs_name), sysfs_name)?;
        if !device.bays.is_empty() {
            devices.push(device);
        }
    }
    let mut found = assemble(&class, devices, owners, history, at);
    link_ages::date_contested(host, &mut found, owners);
    Ok(found)
}

fn assemble(
    class: &Path,
    mut devices: Vec<SesDevice>,
    owners: &DriveOwners,
    history: &mut EnclosureHistory,
    at: Instant,
) -> DiscoveredEnclosures {
    for device in &mut devices {
        history.settle_numbers(device, at);
    }
    let repeated_addresses = assembly::repeated_addresses(&devices);
    let groups = grouping::group(devices, owners, history, at);
    let (ids, repeated) = naming::name(&groups, history);
    let mut found = DiscoveredEnclosures { repeated, ..DiscoveredEnclosures::default() };
    for (group, id) in groups.into_iter().zip(ids) {
        let (enclosure, modules) = assembly::join(class, &id, group, &repeated_addresses);
        found.enclosures.push(enclosure);
        found.modules.extend(modules);
    }
    found.enclosures.sort_by(|one, other| natural_cmp(&one.id, &other.id));
    history.finish(at);
    found
}

#[cfg(test)]
mod tests;
