//! What a rule may ask about: one drive's newest reading, where it stands, and how its peers do.

use crate::domain::drive::DriveState;
use crate::domain::inventory::{DriveRecord, Inventory};
use crate::domain::smart::{AtaDetail, NvmeDetail, ScsiDetail, SmartReport};
use crate::domain::time::Timestamp;
use crate::domain::zfs::Membership;
use std::collections::{BTreeMap, HashMap};

/// One drive, as the rules see it. A rule on growth will find the earlier reading here.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
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
    /// The shelf senses a fault in its bay.
    pub fault_sensed: Option<bool>,
    pub peers: PeersOfOne,
}

impl<'a> Subject<'a> {
    pub fn ata(&self) -> Option<&'a AtaDetail> {
        self.report?.ata.as_ref()
    }

    pub fn scsi(&self) -> Option<&'a ScsiDetail> {
        self.report?.scsi.as_ref()
    }

    pub fn nvme(&self) -> Option<&'a NvmeDetail> {
        self.report?.nvme.as_ref()
    }

    /// How warm it is. A drive that sleeps was that warm when it was read, and is not any more.
    pub fn celsius(&self) -> Option<i64> {
        self.report.filter(|_| !self.asleep)?.temperature_celsius.map(i64::from)
    }

    /// An ATA attribute as a count.
    pub fn count(&self, id: u8) -> Option<i64> {
        self.ata()?.attribute(id)?.count().map(|n| i64::try_from(n).unwrap_or(i64::MAX))
    }
}

/// What the drives beside it do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeersOfOne {
    /// Median of the drives of its kind (rotating or not) in its enclosure.
    pub enclosure_celsius: Option<i32>,
    /// Median of what the drives of its model have negotiated.
    pub link_bits_per_second: Option<u64>,
}

/// Fewer drives than this are no measure for one of them.
const FEWEST_IN_ENCLOSURE: usize = 4;
const FEWEST_OF_MODEL: usize = 3;

/// The medians of all drives.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    celsius: HashMap<String, BTreeMap<bool, i32>>,
    link: HashMap<String, u64>,
}

impl Peers {
    pub fn of(fleet: &Inventory) -> Self {
        let mut celsius: HashMap<&str, BTreeMap<bool, Vec<i32>>> = HashMap::new();
        let mut link: HashMap<&str, Vec<u64>> = HashMap::new();
        for record in fleet.present() {
            let awake = record.report.as_deref().filter(|_| record.state == DriveState::Active);
            let Some(report) = awake else { continue };
            if let (Some(bay), Some(degrees), Some(kind)) = (&record.bay, report.temperature_celsius, rotates(record)) {
                celsius.entry(&bay.enclosure).or_default().entry(kind).or_default().push(degrees);
            }
            let speed = report.ata.as_ref().and_then(|ata| ata.link_current_bits_per_second);
            if let (Some(model), Some(speed)) = (report.model_name.as_deref(), speed) {
                link.entry(model).or_default().push(speed);
            }
        }
        let enough = |kinds: BTreeMap<bool, Vec<i32>>| {
            kinds.into_iter().filter_map(|(kind, all)| Some((kind, median(all, FEWEST_IN_ENCLOSURE)?))).collect()
        };
        Self {
            celsius: celsius.into_iter().map(|(id, kinds)| (id.to_owned(), enough(kinds))).collect(),
            link: link
                .into_iter()
                .filter_map(|(model, all)| Some((model.to_owned(), median(all, FEWEST_OF_MODEL)?)))
                .collect(),
        }
    }

    /// Those of one drive.
    pub fn of_one(&self, record: &DriveRecord) -> PeersOfOne {
        let degrees = || self.celsius.get(&record.bay.as_ref()?.enclosure)?.get(&rotates(record)?).copied();
        let speed = || self.link.get(record.report.as_deref()?.model_name.as_deref()?).copied();
        PeersOfOne { enclosure_celsius: degrees(), link_bits_per_second: speed() }
    }
}

/// As the drive says, else as the kernel found.
pub fn rotates(record: &DriveRecord) -> Option<bool> {
    let said = record.report.as_deref().and_then(|r| r.rotation_rate_rpm).map(|rpm| rpm > 0);
    said.or(record.drive.rotational)
}

/// The middle one (of an even number, the lower of the two).
fn median<T: Ord + Copy>(mut all: Vec<T>, fewest: usize) -> Option<T> {
    all.sort_unstable();
    all.get((all.len().max(1) - 1) / 2).copied().filter(|_| all.len() >= fewest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_enough() {
        assert_eq!(median(vec![50, 20, 30], 3), Some(30));
        assert_eq!(median(vec![4, 1, 3, 2], 4), Some(2));
        assert_eq!(median(vec![1, 2], 3), None);
        assert_eq!(median(Vec::<i32>::new(), 0), None);
    }
}
