//! Which SES devices are IO modules of one shelf. Pure.
//!
//! One id is not enough: ids are made up and copied. Two SES devices are one shelf if they report one id and link one
//! drive in the same bay, or if nothing speaks against it; in doubt they are two, as then no bay and no drive is lost.

use super::drive_owners::DriveOwners;
use super::known_shelves::KnownShelves;
use super::ses_device::{BayFiles, OwnNames, SesDevice};
use crate::domain::identity::EnclosureId;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Instant;

/// The SES devices of each shelf. Their order does not depend on the order in which the devices are given.
pub(super) fn group(
    devices: Vec<SesDevice>,
    owners: &DriveOwners,
    known: &mut KnownShelves,
    at: Instant,
) -> Vec<Vec<SesDevice>> {
    let mut by_id: BTreeMap<Option<EnclosureId>, Vec<SesDevice>> = BTreeMap::new();
    for device in devices {
        by_id.entry(device.id.clone()).or_default().push(device);
    }
    let mut groups = Vec::new();
    for devices in by_id.into_values() {
        let borrowed: Vec<&SesDevice> = devices.iter().collect();
        let pairs = compare_all(&borrowed, owners);
        let mut shelves = known.settle_groups(&borrowed, shelves_of(borrowed.len(), &pairs), at);
        // A shared drive is proof, and need not be seen again.
        unite_sharing(&mut shelves, &pairs);
        let mut by_shelf: BTreeMap<usize, Vec<SesDevice>> = BTreeMap::new();
        for (device, shelf) in devices.into_iter().zip(shelves) {
            by_shelf.entry(shelf).or_default().push(device);
        }
        groups.extend(by_shelf.into_values());
    }
    groups
}

type Pair = (usize, usize, ShelfEvidence);

fn compare_all(devices: &[&SesDevice], owners: &DriveOwners) -> Vec<Pair> {
    (0..devices.len())
        .flat_map(|one| (one + 1..devices.len()).map(move |other| (one, other)))
        .filter_map(|(one, other)| Some((one, other, compare(devices.get(one)?, devices.get(other)?, owners))))
        .collect()
}

/// For each device the position of the first one of its shelf.
fn shelves_of(devices: usize, pairs: &[Pair]) -> Vec<usize> {
    let mut shelves: Vec<usize> = (0..devices).collect();
    unite_sharing(&mut shelves, pairs);
    unite_compatible(&mut shelves, pairs);
    shelves
}

fn unite_sharing(shelves: &mut [usize], pairs: &[Pair]) {
    for (one, other, _) in pairs.iter().filter(|(_, _, evidence)| *evidence == ShelfEvidence::SharedDrive) {
        unite(shelves, *one, *other);
    }
}

/// Unites shelves without contradiction. Where one of several might belong to either of two that contradict each other, none
/// are united.
fn unite_compatible(shelves: &mut [usize], pairs: &[Pair]) {
    let before = shelves.to_vec();
    let shelf = |device: usize| before.get(device).copied().unwrap_or(device);
    let mut candidates = before.clone();
    for (one, other, evidence) in pairs {
        if *evidence == ShelfEvidence::Open {
            unite(&mut candidates, *one, *other);
        }
    }
    let is_contradicted = |candidate: usize| {
        pairs.iter().any(|(one, other, evidence)| {
            *evidence == ShelfEvidence::Against
                && shelf(*one) != shelf(*other)
                && [one, other].iter().all(|device| candidates.get(**device) == Some(&candidate))
        })
    };
    for (device, candidate) in candidates.iter().enumerate() {
        if !is_contradicted(*candidate)
            && let Some(shelf) = shelves.get_mut(device)
        {
            *shelf = *candidate;
        }
    }
}

fn unite(shelves: &mut [usize], one: usize, other: usize) {
    let (Some(a), Some(b)) = (shelves.get(one).copied(), shelves.get(other).copied()) else { return };
    for shelf in shelves.iter_mut().filter(|shelf| **shelf == a || **shelf == b) {
        *shelf = a.min(b);
    }
}

/// Whether two SES devices with one id, or both without, are of one shelf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ShelfEvidence {
    /// A bay of both links the same drive.
    SharedDrive,
    /// Something speaks against it.
    Against,
    /// Nothing speaks against it.
    Open,
}

fn compare(one: &SesDevice, other: &SesDevice, owners: &DriveOwners) -> ShelfEvidence {
    let shared: Vec<bool> = same_bays(one, other)
        .into_iter()
        .filter_map(|(a, b)| owners.compare(&a.link.as_ref()?.address, &b.link.as_ref()?.address))
        .collect();
    if one.id.is_none() {
        // Without an id only the drives show it, and all of them must.
        let is_like = one.vendor == other.vendor && one.model == other.model;
        let is_same = is_like && !shared.is_empty() && shared.iter().all(|same| *same);
        return if is_same { ShelfEvidence::SharedDrive } else { ShelfEvidence::Against };
    }
    if shared.contains(&true) {
        // A bay that differs is changing its drive right now.
        return ShelfEvidence::SharedDrive;
    }
    let is_contradicted = !shared.is_empty() || !have_equal_bay_names(one, other) || are_apart(one, other, owners);
    if is_contradicted { ShelfEvidence::Against } else { ShelfEvidence::Open }
}

/// The bays of both that are one if the devices are of one shelf: those with one name, else those with one number.
fn same_bays<'a>(one: &'a SesDevice, other: &'a SesDevice) -> Vec<(&'a BayFiles, &'a BayFiles)> {
    let by_name: HashMap<&str, &BayFiles> = other.bay_names().into_iter().zip(&other.bays).collect();
    let own_names: HashSet<&str> = one.bay_names().into_iter().collect();
    let mut by_number: HashMap<u32, &BayFiles> = HashMap::new();
    for (name, bay) in other.bay_names().into_iter().zip(&other.bays) {
        if let Some(number) = bay.number.filter(|_| !own_names.contains(name)) {
            by_number.insert(number, bay);
        }
    }
    let partner = |name: &str, bay: &BayFiles| by_name.get(name).or_else(|| by_number.get(&bay.number?)).copied();
    one.bay_names().into_iter().zip(&one.bays).filter_map(|(name, bay)| Some((bay, partner(name, bay)?))).collect()
}

fn have_equal_bay_names(one: &SesDevice, other: &SesDevice) -> bool {
    let sorted = |device: &SesDevice| {
        let mut names: Vec<String> = device.bay_names().into_iter().map(str::to_owned).collect();
        names.sort();
        names
    };
    sorted(one) == sorted(other)
}

/// Two SES devices with different names behind one SCSI host, and no drive with two paths: the IO modules of one shelf would
/// give its drives two. Different names alone mean nothing, as each IO module has its own.
fn are_apart(one: &SesDevice, other: &SesDevice, owners: &DriveOwners) -> bool {
    let has_two_paths = |device: &SesDevice| {
        device.bays.iter().filter_map(|bay| bay.link.as_ref()).any(|l| owners.has_two_paths(&l.address))
    };
    one.host() == other.host() && differ(&one.names, &other.names) && !has_two_paths(one) && !has_two_paths(other)
}

fn differ(one: &OwnNames, other: &OwnNames) -> bool {
    let differs = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
    differs(&one.wwid, &other.wwid)
        || differs(&one.serial, &other.serial)
        || differs(&one.sas_address, &other.sas_address)
}
