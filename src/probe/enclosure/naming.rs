//! The id of each shelf. Pure.
//!
//! Where several shelves report one id, or none, the SES device's own name distinguishes them: it stays from boot to boot,
//! while SCSI addresses and the order of discovery do not.

use super::known_shelves::KnownShelves;
use super::ses_device::SesDevice;
use crate::domain::identity::{EnclosureId, wwn_of};
use std::collections::{BTreeMap, BTreeSet};

/// Digits of a device's own name behind a repeated id.
const SUFFIX_LENGTH: usize = 6;

/// A name that an SES device has of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameKind {
    Wwid,
    Serial,
    SasAddress,
}

impl NameKind {
    const ALL: [Self; 3] = [Self::Wwid, Self::Serial, Self::SasAddress];

    fn of(self, device: &SesDevice) -> Option<String> {
        let names = &device.names;
        let text = match self {
            Self::Wwid => names.wwid.as_deref().map(|wwid| wwn_of(wwid).unwrap_or_else(|| wwid.to_owned())),
            Self::Serial => names.serial.clone(),
            Self::SasAddress => names.sas_address.clone(),
        };
        text.map(|text| as_part_of_id(&text)).filter(|text| !text.is_empty())
    }

    /// Of a shelf: the least of its IO modules'.
    fn of_shelf(self, devices: &[SesDevice]) -> Option<String> {
        devices.iter().filter_map(|device| self.of(device)).min()
    }
}

/// An id that several shelves report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RepeatedId {
    pub(crate) id: EnclosureId,
    /// What the shelves are called instead.
    pub(crate) names: Vec<EnclosureId>,
}

/// The ids of the shelves, in the order given; no two are equal. Also the ids that are found to be repeated for the first
/// time.
pub(super) fn name(shelves: &[Vec<SesDevice>], known: &mut KnownShelves) -> (Vec<EnclosureId>, Vec<RepeatedId>) {
    let mut by_id: BTreeMap<Option<EnclosureId>, Vec<usize>> = BTreeMap::new();
    for (position, shelf) in shelves.iter().enumerate() {
        by_id.entry(shelf.first().and_then(|device| device.id.clone())).or_default().push(position);
    }
    let mut names: Vec<EnclosureId> = vec![EnclosureId::default(); shelves.len()];
    let (mut taken, mut repeated) = (BTreeSet::new(), Vec::new());
    for (id, positions) in by_id {
        let sharing: Vec<&[SesDevice]> = positions.iter().filter_map(|p| shelves.get(*p).map(Vec::as_slice)).collect();
        if let (Some(id), [only]) = (&id, sharing.as_slice()) {
            known.forget_repetition_within(id, only);
        }
        let is_unique = id.as_ref().is_some_and(|id| sharing.len() == 1 && !known.repeated.contains_key(id));
        let own = match &id {
            Some(_) if is_unique => vec![None; sharing.len()],
            Some(id) => with_suffixes(id, &sharing, known),
            None => sharing.iter().map(|shelf| own_name(shelf)).collect(),
        };
        for ((position, shelf), own) in positions.iter().zip(&sharing).zip(own) {
            let key = id.clone().unwrap_or_default();
            // Without a name that stays, the first keeps the id.
            let (before, shared_id) = match &own {
                Some(_) => (known.given_to(&key, shelf), None),
                None => (BTreeSet::new(), id.clone()),
            };
            let by_address = shelf.first().map(|device| EnclosureId::from(device.sysfs_name.as_str()));
            let choices = before.into_iter().chain(own.clone()).chain(shared_id).chain(by_address);
            let name = choices.into_iter().find(|name| !taken.contains(name)).unwrap_or_default();
            if own.is_some() {
                known.give(&key, shelf, &name);
            }
            taken.insert(name.clone());
            if let Some(place) = names.get_mut(*position) {
                *place = name;
            }
        }
        if let Some(id) = id.filter(|id| sharing.len() > 1 && !known.repeated.contains_key(id)) {
            known.repeated.insert(id.clone(), distinguishing_kind(&sharing));
            let names = positions.iter().filter_map(|p| names.get(*p).cloned()).collect();
            repeated.push(RepeatedId { id, names });
        }
    }
    (names, repeated)
}

/// The kind of name that all of the shelves have, and no two have in common.
fn distinguishing_kind(shelves: &[&[SesDevice]]) -> Option<NameKind> {
    NameKind::ALL.into_iter().find(|kind| {
        let names: Option<BTreeSet<String>> = shelves.iter().map(|shelf| kind.of_shelf(shelf)).collect();
        names.is_some_and(|names| names.len() == shelves.len())
    })
}

/// `0x50050cc10a000000-00bbb0`; `None`: the shelf has no name that stays.
fn with_suffixes(id: &EnclosureId, shelves: &[&[SesDevice]], known: &KnownShelves) -> Vec<Option<EnclosureId>> {
    let kind = match known.repeated.get(id) {
        Some(Some(kind)) => Some(*kind),
        _ => distinguishing_kind(shelves),
    };
    let own: Vec<Option<String>> = shelves
        .iter()
        .map(|shelf| match kind {
            Some(kind) => kind.of_shelf(shelf),
            None => NameKind::ALL.into_iter().find_map(|kind| kind.of_shelf(shelf)),
        })
        .collect();
    let suffixes: Vec<Option<String>> = own.iter().map(|name| name.as_deref().map(end)).collect();
    let are_unique = suffixes.iter().flatten().collect::<BTreeSet<_>>().len() == suffixes.iter().flatten().count();
    let shown = if are_unique { suffixes } else { own };
    shown.into_iter().map(|suffix| Some(EnclosureId::from(format!("{id}-{}", suffix?)))).collect()
}

/// The name of a shelf without an id.
fn own_name(shelf: &[SesDevice]) -> Option<EnclosureId> {
    NameKind::ALL.into_iter().find_map(|kind| kind.of_shelf(shelf)).map(EnclosureId::from)
}

impl KnownShelves {
    /// The names that shelves with one of these SES devices had before.
    fn given_to(&self, id: &EnclosureId, shelf: &[SesDevice]) -> BTreeSet<EnclosureId> {
        keys(id, shelf).filter_map(|key| self.given.get(&key)).cloned().collect()
    }

    fn give(&mut self, id: &EnclosureId, shelf: &[SesDevice], name: &EnclosureId) {
        self.given.extend(keys(id, shelf).map(|key| (key, name.clone())));
    }

    /// The only shelf with that id consists of SES devices that were taken for several shelves before: the id is not
    /// repeated.
    fn forget_repetition_within(&mut self, id: &EnclosureId, shelf: &[SesDevice]) {
        if self.repeated.contains_key(id) && self.given_to(id, shelf).len() > 1 {
            self.repeated.remove(id);
            self.given.retain(|(known, _), _| known != id);
        }
    }
}

/// An id and a name that an SES device has of its own, for each device of a shelf.
fn keys<'a>(id: &'a EnclosureId, shelf: &'a [SesDevice]) -> impl Iterator<Item = (EnclosureId, String)> + 'a {
    let own = |device: &SesDevice| NameKind::ALL.into_iter().find_map(|kind| kind.of(device));
    shelf.iter().filter_map(own).map(|own| (id.clone(), own))
}

/// The last characters, as on a label.
fn end(name: &str) -> String {
    let length = name.chars().count();
    name.chars().skip(length.saturating_sub(SUFFIX_LENGTH)).collect()
}

/// Only characters that need no quoting in a path or a label.
fn as_part_of_id(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join("_");
    words.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect()
}
