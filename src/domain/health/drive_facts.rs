//! The input of drive rules: the newest reading of a drive, its pool and bay, and its peers.

use super::peers::PeersOfOne;
use crate::domain::ata_attributes::{AttributeMeaning, judged_value};
use crate::domain::known_paths::LostPath;
use crate::domain::smart::{AtaAttribute, AtaDetail, NvmeDetail, ScsiDetail, SmartReport};
use crate::domain::time::Timestamp;
use crate::domain::zfs::Membership;

/// The facts about one drive.
#[derive(Clone, Copy, Debug)]
pub struct DriveFacts<'a> {
    pub now: Timestamp,
    pub report: Option<&'a SmartReport>,
    /// When the reading was taken.
    pub collected_at: Option<Timestamp>,
    /// In standby: no new reading is expected.
    pub asleep: bool,
    pub model: Option<&'a str>,
    /// `None`: not known.
    pub rotates: Option<bool>,
    /// Size of its first logical unit as the kernel has it, 0 if the kernel cannot use it; `None`: not known, or not
    /// comparable with the capacity that smartctl reports.
    pub kernel_size_bytes: Option<u64>,
    /// Its leaves in pools.
    pub memberships: &'a [Membership],
    /// The enclosure senses a fault in its bay.
    pub fault_sensed: Option<bool>,
    pub peers: PeersOfOne,
    /// Number of paths that it is known to have.
    pub expected_paths: usize,
    /// The paths that do not work.
    pub lost_paths: &'a [LostPath],
}

impl<'a> DriveFacts<'a> {
    pub(crate) fn ata(&self) -> Option<&'a AtaDetail> {
        self.report?.ata.as_ref()
    }

    pub(crate) fn scsi(&self) -> Option<&'a ScsiDetail> {
        self.report?.scsi.as_ref()
    }

    pub(crate) fn nvme(&self) -> Option<&'a NvmeDetail> {
        self.report?.nvme.as_ref()
    }

    /// Its temperature; `None` in standby: the drive has cooled down since its last reading.
    pub(crate) fn celsius(&self) -> Option<i64> {
        if self.asleep { None } else { self.report?.temperature_celsius.map(i64::from) }
    }

    /// The attributes with that meaning, each with its value. Those that are not judged are left out.
    pub(crate) fn attributes(&self, wanted: AttributeMeaning) -> impl Iterator<Item = (&'a AtaAttribute, i64)> {
        let context = self.report.map(SmartReport::attribute_context).unwrap_or_default();
        let attributes = self.ata().into_iter().flat_map(|ata| &ata.attributes);
        attributes.filter_map(move |attribute| {
            let (meaning, value) = judged_value(attribute, context)?.ok()?;
            if meaning == wanted { Some((attribute, i64::try_from(value).ok()?)) } else { None }
        })
    }

    /// The value of the first attribute with that meaning.
    pub(crate) fn count(&self, meaning: AttributeMeaning) -> Option<i64> {
        let (_, value) = self.attributes(meaning).next()?;
        Some(value)
    }
}
