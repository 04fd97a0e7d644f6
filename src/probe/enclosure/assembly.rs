//! Joins the bays that the IO modules of one shelf show. Pure.

use super::numbering::{self, NumberedBay};
use super::ses_device::{BayFiles, SesDevice};
use super::{IoModule, SlotPath};
use crate::domain::enclosure::module::KnownModule;
use crate::domain::enclosure::{BayLabel, Enclosure, Slot};
use crate::domain::identity::EnclosureId;
use crate::domain::text::natural_cmp;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// One bay of a shelf, as its IO modules show it.
struct JoinedBay {
    /// By which the bays of other modules are compared with it.
    key: String,
    /// The component's name, trimmed.
    name: String,
    /// What the modules have for its number.
    numbers: Vec<u32>,
    /// The module and the position of the bay there.
    parts: Vec<(usize, usize)>,
}

/// A shelf of its SES devices. Each bay of each device is part of exactly one bay of the shelf.
pub(super) fn join(
    class: &Path,
    id: &EnclosureId,
    devices: Vec<SesDevice>,
    repeated_addresses: &HashSet<String>,
) -> (Enclosure, Vec<IoModule>) {
    let mut joined: Vec<JoinedBay> = Vec::new();
    for (module, device) in devices.iter().enumerate() {
        add(&mut joined, module, device);
    }
    joined.sort_by(|a, b| natural_cmp(&a.key, &b.key));
    let numbers = numbers(&joined);
    let take = |pick: fn(&SesDevice) -> &Option<String>| devices.iter().find_map(|device| pick(device).clone());
    let mut enclosure = Enclosure {
        id: id.clone(),
        vendor: take(|d| &d.vendor),
        model: take(|d| &d.model),
        rev: take(|d| &d.rev),
        sysfs_names: devices.iter().map(|device| device.sysfs_name.clone()).collect(),
        modules: devices.iter().map(|device| known_module(device, repeated_addresses)).collect(),
        slots: Vec::new(),
        error: None,
    };
    let mut labels: HashMap<(usize, usize), BayLabel> = HashMap::new();
    for (bay, number) in joined.into_iter().zip(numbers) {
        let files = |part: &(usize, usize)| devices.get(part.0).and_then(|device| device.bays.get(part.1));
        let links = bay.parts.iter().filter_map(files).filter_map(|files| files.link.clone()).collect();
        let slot = Slot { number, name: bay.name, links, ..Slot::default() };
        labels.extend(bay.parts.iter().map(|part| (*part, slot.label())));
        enclosure.slots.push(slot);
    }
    enclosure.slots.sort_by(Slot::cmp_place);
    let modules = devices.into_iter().enumerate().map(|(module, device)| {
        let dir = class.join(&device.sysfs_name);
        let path = |(position, bay): (usize, &BayFiles)| {
            let slot = labels.get(&(module, position)).cloned()?;
            Some(SlotPath { slot, dir: dir.join(&bay.dir) })
        };
        let bays = device.bays.iter().enumerate().filter_map(path).collect();
        IoModule { enclosure: id.clone(), sysfs_name: device.sysfs_name, bays }
    });
    (enclosure, modules.collect())
}

/// Addresses that several SES devices have, of whichever shelf. They identify none of them.
pub(super) fn repeated_addresses(devices: &[SesDevice]) -> HashSet<String> {
    let (mut seen, mut repeated) = (HashSet::new(), HashSet::new());
    for address in devices.iter().flat_map(|device| device.names.addresses()) {
        if !seen.insert(address) {
            repeated.insert(address.clone());
        }
    }
    repeated
}

fn known_module(device: &SesDevice, repeated_addresses: &HashSet<String>) -> KnownModule {
    KnownModule {
        sysfs_name: device.sysfs_name.clone(),
        address: device.names.addresses().find(|address| !repeated_addresses.contains(*address)).cloned(),
        missing_since: None,
    }
}

/// Adds the bays of a module: each to the bay with its name, else to the one with its number, else as a new one.
fn add(joined: &mut Vec<JoinedBay>, module: usize, device: &SesDevice) {
    let mut rest = Vec::new();
    for (position, (key, files)) in device.bay_names().into_iter().zip(&device.bays).enumerate() {
        match joined.iter_mut().find(|bay| bay.key == key) {
            Some(bay) => bay.add(module, position, files),
            None => rest.push((position, key, files)),
        }
    }
    for (position, key, files) in rest {
        let has_number = |bay: &&mut JoinedBay| {
            files.number.is_some_and(|n| bay.numbers.contains(&n))
                && bay.parts.iter().all(|(other, _)| *other != module)
        };
        match joined.iter_mut().find(has_number) {
            Some(bay) => bay.add(module, position, files),
            None => joined.push(JoinedBay {
                key: key.to_owned(),
                name: files.dir.trim().to_owned(),
                numbers: files.number.into_iter().collect(),
                parts: vec![(module, position)],
            }),
        }
    }
}

impl JoinedBay {
    fn add(&mut self, module: usize, position: usize, files: &BayFiles) {
        self.numbers.extend(files.number);
        self.parts.push((module, position));
    }
}

/// The numbers of the bays. Where two modules contradict each other, neither counts.
fn numbers(joined: &[JoinedBay]) -> Vec<Option<u32>> {
    let agreed = |bay: &JoinedBay| {
        let first = bay.numbers.first().copied()?;
        bay.numbers.iter().all(|other| *other == first).then_some(first)
    };
    let bays: Vec<NumberedBay> =
        joined.iter().map(|bay| NumberedBay { name: &bay.name, number: agreed(bay) }).collect();
    numbering::resolve(&bays)
}
