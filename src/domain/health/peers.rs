//! Peers of a drive: the other drives of its enclosure or model.

use crate::domain::drive::DriveState;
use crate::domain::identity::EnclosureId;
use crate::domain::inventory::{DriveRecord, Inventory};
use std::collections::{BTreeMap, HashMap};

/// The values of the peers of one drive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeersOfOne {
    /// Median temperature of the drives of its kind (rotating or not) in its enclosure.
    pub enclosure_celsius: Option<i32>,
    /// Median of the link speeds that drives of its model have negotiated.
    pub link_bits_per_second: Option<u64>,
}

/// Minimum numbers of drives for a median.
const MIN_IN_ENCLOSURE: usize = 4;
const MIN_OF_MODEL: usize = 3;

/// The medians of all drives that are active.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    /// Temperatures by enclosure, and by whether the drives rotate.
    celsius: HashMap<EnclosureId, BTreeMap<bool, i32>>,
    /// Link speeds by model.
    link: HashMap<String, u64>,
}

impl Peers {
    pub(crate) fn of(inventory: &Inventory) -> Self {
        let mut celsius: HashMap<(&EnclosureId, bool), Vec<i32>> = HashMap::new();
        let mut link: HashMap<&str, Vec<u64>> = HashMap::new();
        for record in inventory.present() {
            if record.state != DriveState::Active {
                continue;
            }
            let Some(report) = record.report.as_deref() else { continue };
            if let Some(bay) = &record.bay
                && let Some(degrees) = report.temperature_celsius
                && let Some(rotates) = record.rotates()
            {
                celsius.entry((&bay.enclosure, rotates)).or_default().push(degrees);
            }
            if let Some(model) = report.model_name.as_deref()
                && let Some(ata) = &report.ata
                && let Some(speed) = ata.link_current_bits_per_second
            {
                link.entry(model).or_default().push(speed);
            }
        }
        let mut peers = Self::default();
        for ((enclosure, rotates), degrees) in celsius {
            if let Some(median) = median(degrees, MIN_IN_ENCLOSURE) {
                peers.celsius.entry(enclosure.clone()).or_default().insert(rotates, median);
            }
        }
        for (model, speeds) in link {
            if let Some(median) = median(speeds, MIN_OF_MODEL) {
                peers.link.insert(model.to_owned(), median);
            }
        }
        peers
    }

    /// The values of the peers of one drive.
    pub fn of_one(&self, record: &DriveRecord) -> PeersOfOne {
        PeersOfOne { enclosure_celsius: self.celsius_of(record), link_bits_per_second: self.link_of(record) }
    }

    fn celsius_of(&self, record: &DriveRecord) -> Option<i32> {
        let by_kind = self.celsius.get(&record.bay.as_ref()?.enclosure)?;
        by_kind.get(&record.rotates()?).copied()
    }

    fn link_of(&self, record: &DriveRecord) -> Option<u64> {
        let model = record.report.as_deref()?.model_name.as_deref()?;
        self.link.get(model).copied()
    }
}

/// The middle value; of an even number of values, the lower one of the two. `None`: there are fewer than `minimum`.
fn median<T: Ord + Copy>(mut values: Vec<T>, minimum: usize) -> Option<T> {
    if values.is_empty() || values.len() < minimum {
        return None;
    }
    values.sort_unstable();
    values.get((values.len() - 1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_the_middle_of_enough_values() {
        assert_eq!(median(vec![50, 20, 30], 3), Some(30));
        assert_eq!(median(vec![4, 1, 3, 2], 4), Some(2));
        assert_eq!(median(vec![1, 2], 3), None);
        assert_eq!(median(Vec::<i32>::new(), 0), None);
    }
}
