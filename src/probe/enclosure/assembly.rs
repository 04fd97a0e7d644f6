//! Joins the bays that the IO modules of one enclosure report. Pure.

use super::numbering::{self, NumberedBay};
use super::ses_device::{BayFiles, SesDevice};
use super::{IoModule, SlotPath};
use crate::domain::enclosure::module::KnownModule;
use crate::domain::enclosure::{BayLabel, BayLink, Enclosure, Slot};
use crate::domain::identity::EnclosureId;
use crate::domain::text::natural_cmp;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// One bay of an enclosure, as its IO modules report it.
struct JoinedBay {
    /// The name by which the bays of other modules are compared with it.
    key: String,
    /// The component's name, trimmed.
    name: String,
    /// The numbers that the modules report.
    numbers: Vec<u32>,
    /// The position of each module, and of the bay in it.
    parts: Vec<(usize, usize)>,
}

/// The enclosure that consists of these SES devices. Each bay of each device is part of exactly one bay of the
/// enclosure.
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
    joined.sort_by(|one, other| natural_cmp(&one.key, &other.key));
    let numbers = numbers(&joined);
    let mut enclosure = Enclosure {
        id: id.clone(),
        vendor: devices.iter().find_map(|device| device.vendor.clone()),
        model: devices.iter().find_map(|device| device.model.clone()),
        rev: devices.iter().find_map(|device| device.rev.clone()),
        sysfs_names: devices.iter().map(|device| device.sysfs_name.clone()).collect(),
        modules: devices.iter().map(|device| known_module(device, repeated_addresses)).collect(),
        slots: Vec::new(),
        error: None,
    };
    let mut labels: HashMap<(usize, usize), BayLabel> = HashMap::new();
    for (bay, number) in joined.into_iter().zip(numbers) {
        let mut slot = Slot { number, name: bay.name, ..Slot::default() };
        for (module, position) in bay.parts {
            slot.links.extend(link_of(&devices, module, position).cloned());
            labels.insert((module, position), slot.label());
        }
        enclosure.slots.push(slot);
    }
    enclosure.slots.sort_by(Slot::cmp_place);
    let mut modules = Vec::new();
    for (module, device) in devices.into_iter().enumerate() {
        let dir = class.join(&device.sysfs_name);
        let mut bays = Vec::new();
        for (position, bay) in device.bays.iter().enumerate() {
            if let Some(slot) = labels.remove(&(module, position)) {
                bays.push(SlotPath { slot, dir: dir.join(&bay.dir) });
            }
        }
        modules.push(IoModule { enclosure: id.clone(), sysfs_name: device.sysfs_name, bays });
    }
    (enclosure, modules)
}

fn link_of(devices: &[SesDevice], module: usize, position: usize) -> Option<&BayLink> {
    devices.get(module)?.bays.get(position)?.link.as_ref()
}

/// Addresses that several SES devices of any enclosures have. They identify none of them.
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
        match joined.iter_mut().find(|bay| bay.has_number(files.number) && !bay.has_part_of(module)) {
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
    fn has_number(&self, number: Option<u32>) -> bool {
        number.is_some_and(|number| self.numbers.contains(&number))
    }

    fn has_part_of(&self, module: usize) -> bool {
        self.parts.iter().any(|(other, _)| *other == module)
    }

    /// The number that all modules report. `None` if they contradict each other.
    fn agreed_number(&self) -> Option<u32> {
        let (first, others) = self.numbers.split_first()?;
        if others.iter().any(|other| other != first) {
            return None;
        }
        Some(*first)
    }

    fn add(&mut self, module: usize, position: usize, files: &BayFiles) {
        self.numbers.extend(files.number);
        self.parts.push((module, position));
    }
}

fn numbers(joined: &[JoinedBay]) -> Vec<Option<u32>> {
    let bays: Vec<NumberedBay> =
        joined.iter().map(|bay| NumberedBay { name: &bay.name, number: bay.agreed_number() }).collect();
    numbering::resolve(&bays)
}
