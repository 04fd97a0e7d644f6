//! The input of drive rules: the newest reading of a drive, its pool and bay, and its peers.

use super::peers::PeersOfOne;
use crate::domain::smart::{AtaDetail, NvmeDetail, ScsiDetail, SmartReport};
use crate::domain::time::Timestamp;
use crate::domain::zfs::Membership;

/// One drive, as the rules see it. A rule on growth will find the earlier reading here.
#[derive(Clone, Copy, Debug)]
pub struct DriveFacts<'a> {
    pub now: Timestamp,
    pub report: Option<&'a SmartReport>,
    /// When the reading was taken.
    pub collected_at: Option<Timestamp>,
    /// Asleep on purpose: no new reading is expected.
    pub asleep: bool,
    pub model: Option<&'a str>,
    /// `None`: not known.
    pub rotates: Option<bool>,
    /// Its leaf in a pool.
    pub place: Option<&'a Membership>,
    /// The enclosure senses a fault in its bay.
    pub fault_sensed: Option<bool>,
    pub peers: PeersOfOne,
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

    /// How warm it is. A drive that sleeps was that warm when it was read, and is not any more.
    pub(crate) fn celsius(&self) -> Option<i64> {
        self.report.filter(|_| !self.asleep)?.temperature_celsius.map(i64::from)
    }

    /// An ATA attribute as a count.
    pub(crate) fn count(&self, id: u8) -> Option<i64> {
        self.ata()?.attribute(id)?.count().map(|n| i64::try_from(n).unwrap_or(i64::MAX))
    }
}
