//! Enclosures and bays from the kernel's enclosure class.
//!
//! There are two kinds of attribute: those that the kernel holds itself (`id`, `slot`, `type`, the `device`
//! link), read at once, and those for which it asks the enclosure (`status`, `fault`, `locate`,
//! `power_status`). `active` is not read: `drivers/scsi/ses.c` never asks for it, and the kernel shows what somebody
//! last wrote there. A silent enclosure blocks the reader of the latter forever, so a child
//! that may be abandoned reads them (`collector/enclosure_reader`).

mod assembly;
mod attributes;
mod drive_owners;
mod grouping;
mod known_shelves;
mod link_ages;
mod naming;
mod numbering;
mod ses_device;
mod settled;

pub(super) use attributes::dump_attributes;
pub(crate) use attributes::{parse_dump, read_blocking};
pub use drive_owners::DriveOwners;
pub use known_shelves::KnownShelves;
pub(crate) use naming::RepeatedId;

use super::Host;
use super::sysfs::listed;
use crate::domain::enclosure::{BayLabel, Enclosure};
use crate::domain::identity::EnclosureId;
use crate::domain::text::natural_cmp;
use ses_device::SesDevice;
use std::io;
use std::path::PathBuf;
use std::time::Instant;

/// Where a bay's attributes are, for `read_blocking`.
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
pub struct Shelves {
    pub enclosures: Vec<Enclosure>,
    pub(crate) modules: Vec<IoModule>,
    /// Ids that several of them report, found for the first time.
    pub(crate) repeated: Vec<RepeatedId>,
}

/// Every enclosure with its bays and their drives, without the attributes that only the enclosure can report. `known`: what
/// earlier discoveries have decided. After an error it is not known which enclosures are present.
pub fn discover(host: &Host, owners: &DriveOwners, known: &mut KnownShelves, at: Instant) -> io::Result<Shelves> {
    let class = host.path("sys/class/enclosure");
    let mut sysfs_names = listed(&class)?;
    sysfs_names.sort_by(|a, b| natural_cmp(a, b));
    let mut devices = Vec::new();
    for sysfs_name in sysfs_names {
        let device = SesDevice::read(&class.join(&sysfs_name), sysfs_name)?;
        if !device.bays.is_empty() {
            devices.push(device);
        }
    }
    let mut shelves = assemble(&class, devices, owners, known, at);
    link_ages::date_contested(host, &mut shelves, owners);
    Ok(shelves)
}

fn assemble(
    class: &std::path::Path,
    mut devices: Vec<SesDevice>,
    owners: &DriveOwners,
    known: &mut KnownShelves,
    at: Instant,
) -> Shelves {
    for device in &mut devices {
        known.settle_numbers(device, at);
    }
    let repeated_addresses = assembly::repeated_addresses(&devices);
    let groups = grouping::group(devices, owners, known, at);
    let (names, repeated) = naming::name(&groups, known);
    let mut shelves = Shelves { repeated, ..Shelves::default() };
    for (group, id) in groups.into_iter().zip(names) {
        let (enclosure, modules) = assembly::join(class, &id, group, &repeated_addresses);
        shelves.enclosures.push(enclosure);
        shelves.modules.extend(modules);
    }
    shelves.enclosures.sort_by(|a, b| natural_cmp(&a.id, &b.id));
    known.finish(at);
    shelves
}

#[cfg(test)]
mod tests;
