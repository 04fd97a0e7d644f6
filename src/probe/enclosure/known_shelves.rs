//! What earlier discoveries decided about the shelves: a known shelf keeps its numbers, its IO modules and its name until
//! something else was read several times.

use super::naming::NameKind;
use super::ses_device::{OwnNames, SesDevice};
use super::settled::Settled;
use crate::domain::identity::EnclosureId;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::time::Instant;

/// Values that are kept of SES devices that are not present, at most.
const MOST_ABSENT: usize = 256;

/// An SES device with its bays: another one in its place is another device.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct DeviceKey {
    sysfs_name: String,
    id: Option<EnclosureId>,
    names: OwnNames,
    bays: Vec<String>,
}

impl DeviceKey {
    fn of(device: &SesDevice) -> Self {
        Self {
            sysfs_name: device.sysfs_name.clone(),
            id: device.id.clone(),
            names: device.names.clone(),
            bays: device.bays.iter().map(|bay| bay.dir.clone()).collect(),
        }
    }
}

/// What is known of the shelves, from one discovery to the next.
#[derive(Debug, Default)]
pub struct KnownShelves {
    numbers: HashMap<DeviceKey, Settled<Vec<Option<u32>>>>,
    /// Which of the devices with one id form a shelf: for each, the position of the first one of its shelf.
    groups: HashMap<Vec<DeviceKey>, Settled<Vec<usize>>>,
    /// Ids that several shelves have reported, and the kind of name by which these are distinguished.
    pub(super) repeated: BTreeMap<EnclosureId, Option<NameKind>>,
    /// The id that a shelf was given, by the names of its SES devices: it stays when one of its IO modules goes.
    pub(super) given: HashMap<(EnclosureId, String), EnclosureId>,
}

impl KnownShelves {
    /// Something else was read than holds, and is to be read again now.
    pub(crate) fn is_due(&self, at: Instant) -> bool {
        let numbers = self.numbers.values().filter_map(Settled::due);
        numbers.chain(self.groups.values().filter_map(Settled::due)).any(|due| due <= at)
    }

    /// Ids that several shelves have reported.
    pub(crate) fn repeated_ids(&self) -> impl Iterator<Item = &EnclosureId> {
        self.repeated.keys()
    }

    /// Replaces the numbers that were read by those that hold.
    pub(super) fn settle_numbers(&mut self, device: &mut SesDevice, at: Instant) {
        let read: Vec<Option<u32>> = device.bays.iter().map(|bay| bay.number).collect();
        let holding = settle(&mut self.numbers, DeviceKey::of(device), read, at);
        for (bay, number) in device.bays.iter_mut().zip(holding) {
            bay.number = number;
        }
    }

    /// The grouping that holds of these devices.
    pub(super) fn settle_groups(&mut self, devices: &[&SesDevice], read: Vec<usize>, at: Instant) -> Vec<usize> {
        settle(&mut self.groups, devices.iter().map(|device| DeviceKey::of(device)).collect(), read, at)
    }

    /// After a discovery: nothing is pending of devices that are absent, and what is kept of them is limited.
    pub(super) fn finish(&mut self, at: Instant) {
        keep(&mut self.numbers, at);
        keep(&mut self.groups, at);
        if self.given.len() > MOST_ABSENT + 2 * self.numbers.len() {
            self.given.clear();
        }
    }
}

fn settle<K: Eq + Hash, T: Clone + PartialEq>(known: &mut HashMap<K, Settled<T>>, key: K, read: T, at: Instant) -> T {
    known.entry(key).or_insert_with(|| Settled::new(read.clone(), at)).read(read, at)
}

fn keep<K: Eq + Hash, T: Clone + PartialEq>(known: &mut HashMap<K, Settled<T>>, at: Instant) {
    let present = known.values_mut().filter_map(|settled| settled.was_read(at).then_some(())).count();
    if known.len() > present + MOST_ABSENT {
        known.retain(|_, settled| settled.was_read(at));
    }
}
