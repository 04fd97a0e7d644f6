//! Which SES devices are IO modules of one enclosure. Pure.
//!
//! A common id is not enough: ids may be placeholders or copies. Two SES devices belong to one enclosure if they report
//! one id and link to one drive in the same bay, or if there is no evidence against it. In doubt they are two
//! enclosures, since then no bay and no drive is lost.

use super::drive_owners::DriveOwners;
use super::history::EnclosureHistory;
use super::ses_device::{BayFiles, OwnNames, SesDevice};
use crate::domain::identity::EnclosureId;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Instant;

/// The SES devices of each enclosure, in an order that does not depend on that of the input.
pub(super) fn group(
    devices: Vec<SesDevice>,
    owners: &DriveOwners,
    history: &mut EnclosureHistory,
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
        let mut positions = history.settle_groups(&borrowed, enclosure_positions(borrowed.len(), &pairs), at);
        // A shared drive is proof and needs no confirmation by later discoveries.
        unite_sharing(&mut positions, &pairs);
        let mut enclosures: BTreeMap<usize, Vec<SesDevice>> = BTreeMap::new();
        for (device, position) in devices.into_iter().zip(positions) {
            enclosures.entry(position).or_default().push(device);
        }
        groups.extend(enclosures.into_values());
    }
    groups
}

/// Two devices, by their positions in the list, and what is known of them.
struct Pair {
    one: usize,
    other: usize,
    evidence: GroupEvidence,
}

fn compare_all(devices: &[&SesDevice], owners: &DriveOwners) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (one, device) in devices.iter().enumerate() {
        for (other, other_device) in devices.iter().enumerate().skip(one + 1) {
            pairs.push(Pair { one, other, evidence: compare(device, other_device, owners) });
        }
    }
    pairs
}

/// For each device the position of the first one of its enclosure.
fn enclosure_positions(devices: usize, pairs: &[Pair]) -> Vec<usize> {
    let mut positions: Vec<usize> = (0..devices).collect();
    unite_sharing(&mut positions, pairs);
    unite_compatible(&mut positions, pairs);
    positions
}

fn unite_sharing(positions: &mut [usize], pairs: &[Pair]) {
    for pair in pairs {
        if pair.evidence == GroupEvidence::SharedDrive {
            unite(positions, pair.one, pair.other);
        }
    }
}

/// Unites enclosures without evidence against it. If one could belong to either of two between which there is evidence,
/// none of them are united.
fn unite_compatible(positions: &mut [usize], pairs: &[Pair]) {
    let mut candidates = positions.to_vec();
    for pair in pairs {
        if pair.evidence == GroupEvidence::Open {
            unite(&mut candidates, pair.one, pair.other);
        }
    }
    let mut contradicted: HashSet<usize> = HashSet::new();
    for pair in pairs {
        if pair.evidence == GroupEvidence::Against
            && positions.get(pair.one) != positions.get(pair.other)
            && candidates.get(pair.one) == candidates.get(pair.other)
        {
            contradicted.extend(candidates.get(pair.one));
        }
    }
    for (position, candidate) in positions.iter_mut().zip(candidates) {
        if !contradicted.contains(&candidate) {
            *position = candidate;
        }
    }
}

fn unite(positions: &mut [usize], one: usize, other: usize) {
    let (Some(first), Some(second)) = (positions.get(one).copied(), positions.get(other).copied()) else { return };
    for position in positions {
        if *position == first || *position == second {
            *position = first.min(second);
        }
    }
}

/// Evidence that two SES devices with the same id, or both without one, belong to one enclosure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GroupEvidence {
    /// The same bay of both links to the same drive.
    SharedDrive,
    /// There is evidence that they belong to different enclosures.
    Against,
    /// There is no evidence for or against it.
    Open,
}

fn compare(one: &SesDevice, other: &SesDevice, owners: &DriveOwners) -> GroupEvidence {
    let mut shared: Vec<bool> = Vec::new();
    for (bay, other_bay) in same_bays(one, other) {
        if let (Some(link), Some(other_link)) = (&bay.link, &other_bay.link) {
            shared.extend(owners.compare(&link.address, &other_link.address));
        }
    }
    if one.id.is_none() {
        // Without an id, only the drives are evidence, and all of them must agree.
        let is_same_model = one.vendor == other.vendor && one.model == other.model;
        let is_same = is_same_model && !shared.is_empty() && shared.iter().all(|same| *same);
        return if is_same { GroupEvidence::SharedDrive } else { GroupEvidence::Against };
    }
    if shared.contains(&true) {
        // In a bay that differs, a drive is being replaced.
        return GroupEvidence::SharedDrive;
    }
    let is_contradicted = !shared.is_empty() || !have_equal_bay_names(one, other) || are_apart(one, other, owners);
    if is_contradicted { GroupEvidence::Against } else { GroupEvidence::Open }
}

/// The bays that are the same if the devices belong to one enclosure: bays with one name, otherwise bays with one
/// number.
fn same_bays<'a>(one: &'a SesDevice, other: &'a SesDevice) -> Vec<(&'a BayFiles, &'a BayFiles)> {
    let by_name: HashMap<&str, &BayFiles> = other.bay_names().into_iter().zip(&other.bays).collect();
    let own_names: HashSet<&str> = one.bay_names().into_iter().collect();
    let mut by_number: HashMap<u32, &BayFiles> = HashMap::new();
    for (name, bay) in other.bay_names().into_iter().zip(&other.bays) {
        if own_names.contains(name) {
            continue;
        }
        if let Some(number) = bay.number {
            by_number.insert(number, bay);
        }
    }
    let mut pairs = Vec::new();
    for (name, bay) in one.bay_names().into_iter().zip(&one.bays) {
        if let Some(partner) = by_name.get(name) {
            pairs.push((bay, *partner));
        } else if let Some(number) = bay.number
            && let Some(partner) = by_number.get(&number)
        {
            pairs.push((bay, *partner));
        }
    }
    pairs
}

fn have_equal_bay_names(one: &SesDevice, other: &SesDevice) -> bool {
    sorted_bay_names(one) == sorted_bay_names(other)
}

fn sorted_bay_names(device: &SesDevice) -> Vec<&str> {
    let mut names = device.bay_names();
    names.sort_unstable();
    names
}

/// Two SES devices with different names behind one SCSI host, and no drive with two paths: behind two IO modules of one
/// enclosure, drives would have two. Different names alone prove nothing, since each IO module has its own.
fn are_apart(one: &SesDevice, other: &SesDevice, owners: &DriveOwners) -> bool {
    one.host() == other.host()
        && differ(&one.names, &other.names)
        && !has_drive_with_two_paths(one, owners)
        && !has_drive_with_two_paths(other, owners)
}

fn has_drive_with_two_paths(device: &SesDevice, owners: &DriveOwners) -> bool {
    let mut links = device.bays.iter().filter_map(|bay| bay.link.as_ref());
    links.any(|link| owners.has_two_paths(&link.address))
}

/// A name that both devices have differs.
fn differ(one: &OwnNames, other: &OwnNames) -> bool {
    let names = [(&one.wwid, &other.wwid), (&one.serial, &other.serial), (&one.sas_address, &other.sas_address)];
    names.iter().any(|(name, other_name)| name.is_some() && other_name.is_some() && name != other_name)
}
