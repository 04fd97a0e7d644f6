//! What earlier discoveries decided about enclosures. A known enclosure keeps its bay numbers, its IO modules and its
//! id until other values have been read several times.

use super::naming::NameKind;
use super::ses_device::{OwnNames, SesDevice};
use super::settled::Settled;
use crate::domain::identity::EnclosureId;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::time::Instant;

/// Maximum number of values that are kept for SES devices that are not present.
const MAX_ABSENT: usize = 256;

/// An SES device, by its names and bays: a replacement at the same address has another key.
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

/// What is known of the enclosures, from one discovery to the next.
#[derive(Debug, Default)]
pub struct EnclosureHistory {
    numbers: HashMap<DeviceKey, Settled<Vec<Option<u32>>>>,
    /// The grouping of the devices that report one id: for each, the position of the first one of its enclosure.
    groups: HashMap<Vec<DeviceKey>, Settled<Vec<usize>>>,
    /// Ids that several enclosures have reported, and the kind of name by which these are distinguished.
    pub(super) repeated: BTreeMap<EnclosureId, Option<NameKind>>,
    /// The id assigned to an enclosure, by the names of its SES devices, so that it is kept when an IO module is
    /// removed.
    pub(super) given: HashMap<(EnclosureId, String), EnclosureId>,
}

impl EnclosureHistory {
    /// A change is pending, and the next read that counts towards it is due.
    pub(crate) fn is_due(&self, at: Instant) -> bool {
        self.numbers.values().any(|settled| settled.is_due(at))
            || self.groups.values().any(|settled| settled.is_due(at))
    }

    /// Ids that several enclosures have reported.
    pub(crate) fn repeated_ids(&self) -> impl Iterator<Item = &EnclosureId> {
        self.repeated.keys()
    }

    /// Replaces the numbers that were read by the accepted ones.
    pub(super) fn settle_numbers(&mut self, device: &mut SesDevice, at: Instant) {
        let read: Vec<Option<u32>> = device.bays.iter().map(|bay| bay.number).collect();
        let accepted = settle(&mut self.numbers, DeviceKey::of(device), read, at);
        for (bay, number) in device.bays.iter_mut().zip(accepted) {
            bay.number = number;
        }
    }

    /// The accepted grouping of these devices.
    pub(super) fn settle_groups(&mut self, devices: &[&SesDevice], read: Vec<usize>, at: Instant) -> Vec<usize> {
        settle(&mut self.groups, devices.iter().map(|device| DeviceKey::of(device)).collect(), read, at)
    }

    /// Ends a discovery: discards pending changes of devices that are absent, and limits what is kept of them.
    pub(super) fn finish(&mut self, at: Instant) {
        limit_absent(&mut self.numbers, at);
        limit_absent(&mut self.groups, at);
        if self.given.len() > MAX_ABSENT + 2 * self.numbers.len() {
            self.given.clear();
        }
    }
}

fn settle<K: Eq + Hash, T: Clone + PartialEq>(known: &mut HashMap<K, Settled<T>>, key: K, read: T, at: Instant) -> T {
    known.entry(key).or_insert_with(|| Settled::new(read.clone(), at)).read(read, at)
}

fn limit_absent<K: Eq + Hash, T: Clone + PartialEq>(known: &mut HashMap<K, Settled<T>>, at: Instant) {
    let mut absent = 0;
    for settled in known.values_mut() {
        if !settled.was_read(at) {
            settled.discard_pending();
            absent += 1;
        }
    }
    if absent > MAX_ABSENT {
        known.retain(|_, settled| settled.was_read(at));
    }
}
