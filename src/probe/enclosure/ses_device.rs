//! One SES device, which is an IO module, and the bays that it reports.

use super::numbering::{self, NumberedBay};
use crate::domain::enclosure::BayLink;
use crate::domain::identity::EnclosureId;
use crate::domain::text::natural_cmp;
use crate::probe::drives::{device_wwid, unit_serial};
use crate::probe::sysfs::listed;
use crate::probe::{attribute, link_name, parsed_attribute};
use std::collections::HashSet;
use std::io;
use std::path::Path;

/// What one IO module reports about its enclosure.
#[derive(Clone, Debug, Default)]
pub(super) struct SesDevice {
    /// `0:0:9:0`
    pub(super) sysfs_name: String,
    pub(super) id: Option<EnclosureId>,
    /// Its own names, apart from the id of the enclosure.
    pub(super) names: OwnNames,
    pub(super) vendor: Option<String>,
    pub(super) model: Option<String>,
    pub(super) rev: Option<String>,
    pub(super) bays: Vec<BayFiles>,
}

/// Permanent names of the SES device itself. Unlike the SCSI address they do not depend on the order of discovery.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct OwnNames {
    /// The name of VPD page 0x83 that the kernel chooses.
    pub(super) wwid: Option<String>,
    /// The serial number in VPD page 0x80.
    pub(super) serial: Option<String>,
    /// The SAS address of its port.
    pub(super) sas_address: Option<String>,
}

impl OwnNames {
    /// What may identify the IO module after the kernel has given it another number, the most reliable first.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &String> {
        self.sas_address.iter().chain(&self.wwid)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct BayFiles {
    /// The directory name, including any trailing blanks.
    pub(super) dir: String,
    /// `None` if it is unknown or not unique.
    pub(super) number: Option<u32>,
    pub(super) link: Option<BayLink>,
}

impl SesDevice {
    pub(super) fn read(dir: &Path, sysfs_name: String) -> io::Result<Self> {
        let device = dir.join("device");
        // An id of zeros must not join two enclosures.
        let id = attribute(&dir.join("id")).filter(|id| is_not_zero(id));
        Ok(Self {
            bays: bays(dir)?,
            sysfs_name,
            id: id.map(EnclosureId::from),
            names: OwnNames {
                wwid: device_wwid(&device),
                serial: unit_serial(&device).map(|serial| serial.to_string()),
                sas_address: sas_address(&device),
            },
            vendor: attribute(&device.join("vendor")),
            model: attribute(&device.join("model")),
            rev: attribute(&device.join("rev")),
        })
    }

    /// The number of its SCSI host, as text.
    pub(super) fn host(&self) -> &str {
        self.sysfs_name.split(':').next().unwrap_or_default()
    }

    /// The names by which the bays of two IO modules are compared. Some enclosures append the drive's serial number
    /// after a comma (`SLOT 039,3GJ9Y2UE`), which may differ if only one module reaches the drive.
    pub(super) fn bay_names(&self) -> Vec<&str> {
        let short: Vec<&str> =
            self.bays.iter().map(|bay| bay.dir.split(',').next().unwrap_or_default().trim()).collect();
        let unique: HashSet<&&str> = short.iter().collect();
        if unique.len() == short.len() { short } else { self.bays.iter().map(|bay| bay.dir.trim()).collect() }
    }
}

/// The address of the SAS port that leads to a SCSI device. Drivers of SAS HBAs show it (`sas_address_show` of mpt3sas,
/// mpi3mr, hpsa); otherwise the nearest end device above it in sysfs has it (`drivers/scsi/scsi_transport_sas.c`).
fn sas_address(device: &Path) -> Option<String> {
    if let Some(address) = nonzero_sas_address(device) {
        return Some(address);
    }
    let path = std::fs::canonicalize(device).ok()?;
    for dir in path.ancestors() {
        let Some(name) = dir.file_name().and_then(|name| name.to_str()) else { continue };
        if name.starts_with("end_device-") {
            return nonzero_sas_address(&dir.join("sas_device").join(name));
        }
    }
    None
}

fn nonzero_sas_address(dir: &Path) -> Option<String> {
    attribute(&dir.join("sas_address")).filter(|address| is_not_zero(address))
}

fn is_not_zero(number: &str) -> bool {
    number.trim_start_matches("0x").bytes().any(|digit| digit != b'0')
}

/// The bays: components of type "device" or "array device".
fn bays(dir: &Path) -> io::Result<Vec<BayFiles>> {
    let mut names = listed(dir)?;
    names.retain(|name| is_bay(&dir.join(name)));
    names.sort_by(|one, other| natural_cmp(one, other));
    let mut reported = Vec::new();
    for name in &names {
        reported.push(NumberedBay { name, number: parsed_attribute(&dir.join(name).join("slot")) });
    }
    let numbers = numbering::resolve(&reported);
    let mut bays = Vec::new();
    for (name, number) in names.into_iter().zip(numbers) {
        let address = link_name(&dir.join(&name).join("device"));
        let link = address.map(|address| BayLink { address, ..BayLink::default() });
        bays.push(BayFiles { dir: name, number, link });
    }
    Ok(bays)
}

fn is_bay(dir: &Path) -> bool {
    match attribute(&dir.join("type")) {
        Some(kind) => kind == "device" || kind == "array device",
        None => dir.join("status").exists() && dir.join("fault").exists(),
    }
}
