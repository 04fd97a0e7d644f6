//! One SES device, that is an IO module, with its view of the bays.

use super::numbering::{self, NumberedBay};
use crate::domain::enclosure::BayLink;
use crate::domain::identity::EnclosureId;
use crate::domain::text::natural_cmp;
use crate::probe::drives::{device_wwid, unit_serial};
use crate::probe::sysfs::listed;
use crate::probe::{attribute, link_name};
use std::collections::HashSet;
use std::io;
use std::path::Path;

/// One IO module's view of its enclosure.
#[derive(Clone, Debug, Default)]
pub(super) struct SesDevice {
    /// `0:0:9:0`
    pub(super) sysfs_name: String,
    pub(super) id: Option<EnclosureId>,
    /// What it is called apart from the id of the enclosure: names that stay.
    pub(super) names: OwnNames,
    pub(super) vendor: Option<String>,
    pub(super) model: Option<String>,
    pub(super) rev: Option<String>,
    pub(super) bays: Vec<BayFiles>,
}

/// Names of the SES device itself. Unlike the SCSI address they do not depend on the order of discovery.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct OwnNames {
    /// VPD page 0x83, as the kernel chooses.
    pub(super) wwid: Option<String>,
    /// VPD page 0x80.
    pub(super) serial: Option<String>,
    /// Of its SAS port.
    pub(super) sas_address: Option<String>,
}

impl OwnNames {
    /// What may identify the IO module when the kernel numbers it again, the best first.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &String> {
        self.sas_address.iter().chain(&self.wwid)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct BayFiles {
    /// Directory name, unchanged, with its blanks.
    pub(super) dir: String,
    /// `None`: not known, or not unique.
    pub(super) number: Option<u32>,
    pub(super) link: Option<BayLink>,
}

impl SesDevice {
    pub(super) fn read(dir: &Path, sysfs_name: String) -> io::Result<Self> {
        let device = dir.join("device");
        let read = |what: &str| attribute(&device.join(what));
        // A made-up or missing id must not join two enclosures.
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
            vendor: read("vendor"),
            model: read("model"),
            rev: read("rev"),
        })
    }

    /// Number of its SCSI host, as text.
    pub(super) fn host(&self) -> &str {
        self.sysfs_name.split(':').next().unwrap_or_default()
    }

    /// The bays' names by which those of two IO modules are compared. Some shelves write the drive's serial number behind a
    /// comma (`SLOT 039,3GJ9Y2UE`), which may differ where only one module sees the drive.
    pub(super) fn bay_names(&self) -> Vec<&str> {
        let short: Vec<&str> =
            self.bays.iter().map(|bay| bay.dir.split(',').next().unwrap_or_default().trim()).collect();
        let unique: HashSet<&&str> = short.iter().collect();
        if unique.len() == short.len() { short } else { self.bays.iter().map(|bay| bay.dir.trim()).collect() }
    }
}

/// The address of the SAS port that leads to a SCSI device: drivers of SAS HBAs show it (`sas_address_show` of mpt3sas,
/// mpi3mr, hpsa), else the nearest end device above it in sysfs has it (`drivers/scsi/scsi_transport_sas.c`).
fn sas_address(device: &Path) -> Option<String> {
    let of = |dir: &Path| attribute(&dir.join("sas_address")).filter(|text| is_not_zero(text));
    if let Some(address) = of(device) {
        return Some(address);
    }
    let path = std::fs::canonicalize(device).ok()?;
    let end_device = path.ancestors().find_map(|dir| {
        let name = dir.file_name()?.to_str()?;
        name.starts_with("end_device-").then(|| dir.join("sas_device").join(name))
    })?;
    of(&end_device)
}

fn is_not_zero(number: &str) -> bool {
    number.trim_start_matches("0x").bytes().any(|b| b != b'0')
}

/// The bays: components of type "device" or "array device".
fn bays(dir: &Path) -> io::Result<Vec<BayFiles>> {
    let mut dirs: Vec<String> = listed(dir)?.into_iter().filter(|n| is_bay(&dir.join(n))).collect();
    dirs.sort_by(|a, b| natural_cmp(a, b));
    let attributes: Vec<NumberedBay> = dirs
        .iter()
        .map(|name| NumberedBay {
            name,
            number: attribute(&dir.join(name).join("slot")).and_then(|text| text.parse().ok()),
        })
        .collect();
    let numbers = numbering::resolve(&attributes);
    let bay = |(name, number): (String, Option<u32>)| {
        let link = link_name(&dir.join(&name).join("device")).map(|address| BayLink { address, ..BayLink::default() });
        BayFiles { dir: name, number, link }
    };
    Ok(dirs.into_iter().zip(numbers).map(bay).collect())
}

fn is_bay(dir: &Path) -> bool {
    match attribute(&dir.join("type")) {
        Some(kind) => kind == "device" || kind == "array device",
        None => dir.join("status").exists() && dir.join("fault").exists(),
    }
}
