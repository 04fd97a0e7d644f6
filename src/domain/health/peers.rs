//! Peers of a drive: the other drives of its enclosure or model.

use crate::domain::drive::DriveState;
use crate::domain::identity::EnclosureId;
use crate::domain::inventory::{DriveRecord, Inventory};
use std::collections::{BTreeMap, HashMap};

/// What the drives beside it do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeersOfOne {
    /// Median of the drives of its kind (rotating or not) in its enclosure.
    pub enclosure_celsius: Option<i32>,
    /// Median of what the drives of its model have negotiated.
    pub link_bits_per_second: Option<u64>,
}

/// Fewer drives than this are no measure for one of them.
const MIN_IN_ENCLOSURE: usize = 4;
const MIN_OF_MODEL: usize = 3;

/// The medians of all drives.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    celsius: HashMap<EnclosureId, BTreeMap<bool, i32>>,
    link: HashMap<String, u64>,
}

impl Peers {
    pub(crate) fn of(inventory: &Inventory) -> Self {
        let mut celsius: HashMap<&EnclosureId, BTreeMap<bool, Vec<i32>>> = HashMap::new();
        let mut link: HashMap<&str, Vec<u64>> = HashMap::new();
        for record in inventory.present() {
            let active_report = record.report.as_deref().filter(|_| record.state == DriveState::Active);
            let Some(report) = active_report else { continue };
            if let (Some(bay), Some(degrees), Some(kind)) = (&record.bay, report.temperature_celsius, record.rotates())
            {
                celsius.entry(&bay.enclosure).or_default().entry(kind).or_default().push(degrees);
            }
            let speed = report.ata.as_ref().and_then(|ata| ata.link_current_bits_per_second);
            if let (Some(model), Some(speed)) = (report.model_name.as_deref(), speed) {
                link.entry(model).or_default().push(speed);
            }
        }
        let enough = |kinds: BTreeMap<bool, Vec<i32>>| {
            kinds.into_iter().filter_map(|(kind, all)| Some((kind, median(all, MIN_IN_ENCLOSURE)?))).collect()
        };
        Self {
            celsius: celsius.into_iter().map(|(id, kinds)| (id.clone(), enough(kinds))).collect(),
            link: link
                .into_iter()
                .filter_map(|(model, all)| Some((model.to_owned(), median(all, MIN_OF_MODEL)?)))
                .collect(),
        }
    }

    /// Those of one drive.
    pub fn of_one(&self, record: &DriveRecord) -> PeersOfOne {
        let degrees = || self.celsius.get(&record.bay.as_ref()?.enclosure)?.get(&record.rotates()?).copied();
        let speed = || self.link.get(record.report.as_deref()?.model_name.as_deref()?).copied();
        PeersOfOne { enclosure_celsius: degrees(), link_bits_per_second: speed() }
    }
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
