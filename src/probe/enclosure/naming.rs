//! The id of each enclosure. Pure.
//!
//! If several enclosures report one id, or none, they are distinguished by the SES devices' own names, which persist
//! across boots; SCSI addresses and the order of discovery do not.

use super::history::EnclosureHistory;
use super::ses_device::SesDevice;
use crate::domain::identity::{EnclosureId, wwn_of};
use std::collections::{BTreeMap, BTreeSet};

/// Characters of a device's own name that are appended to a repeated id.
const SUFFIX_LENGTH: usize = 6;

/// A kind of name of the SES device itself.
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
            Self::Wwid => {
                let wwid = names.wwid.as_deref()?;
                wwn_of(wwid).unwrap_or_else(|| wwid.to_owned())
            }
            Self::Serial => names.serial.clone()?,
            Self::SasAddress => names.sas_address.clone()?,
        };
        let name = as_part_of_id(&text);
        if name.is_empty() {
            return None;
        }
        Some(name)
    }

    /// The name of an enclosure: the lowest one of its IO modules.
    fn of_enclosure(self, devices: &[SesDevice]) -> Option<String> {
        devices.iter().filter_map(|device| self.of(device)).min()
    }
}

/// An id that several enclosures report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RepeatedId {
    pub(crate) id: EnclosureId,
    /// The ids that the enclosures are given instead.
    pub(crate) names: Vec<EnclosureId>,
}

/// The ids of the enclosures, in the order given; no two are equal. Also the ids that are found to be repeated for the
/// first time. `groups`: the SES devices of each enclosure.
pub(super) fn name(groups: &[Vec<SesDevice>], history: &mut EnclosureHistory) -> (Vec<EnclosureId>, Vec<RepeatedId>) {
    let mut by_id: BTreeMap<Option<EnclosureId>, Vec<usize>> = BTreeMap::new();
    for (position, devices) in groups.iter().enumerate() {
        let id = devices.first().and_then(|device| device.id.clone());
        by_id.entry(id).or_default().push(position);
    }
    let mut names: Vec<EnclosureId> = vec![EnclosureId::default(); groups.len()];
    let (mut taken, mut repeated) = (BTreeSet::new(), Vec::new());
    for (id, positions) in by_id {
        let sharing: Vec<&[SesDevice]> =
            positions.iter().filter_map(|position| groups.get(*position)).map(Vec::as_slice).collect();
        let chosen = choose_names(id.as_ref(), &sharing, history, &mut taken);
        if let Some(id) = id
            && sharing.len() > 1
            && !history.repeated.contains_key(&id)
        {
            history.repeated.insert(id.clone(), distinguishing_kind(&sharing));
            repeated.push(RepeatedId { id, names: chosen.clone() });
        }
        for (position, chosen) in positions.into_iter().zip(chosen) {
            if let Some(name) = names.get_mut(position) {
                *name = chosen;
            }
        }
    }
    (names, repeated)
}

/// The names of the enclosures that report one id, or none.
fn choose_names(
    id: Option<&EnclosureId>,
    sharing: &[&[SesDevice]],
    history: &mut EnclosureHistory,
    taken: &mut BTreeSet<EnclosureId>,
) -> Vec<EnclosureId> {
    if let (Some(id), [only]) = (id, sharing) {
        history.forget_repetition_within(id, only);
    }
    let own_names = match id {
        Some(id) if sharing.len() == 1 && !history.repeated.contains_key(id) => vec![None],
        Some(id) => with_suffixes(id, sharing, history),
        None => sharing.iter().map(|devices| first_name(devices).map(EnclosureId::from)).collect(),
    };
    let key = id.cloned().unwrap_or_default();
    let mut names = Vec::new();
    for (devices, own_name) in sharing.iter().zip(own_names) {
        let mut choices: Vec<EnclosureId> = Vec::new();
        match &own_name {
            Some(own_name) => {
                choices.extend(history.given_to(&key, devices));
                choices.push(own_name.clone());
            }
            // The first enclosure without a permanent name keeps the id.
            None => choices.extend(id.cloned()),
        }
        choices.extend(devices.first().map(|device| EnclosureId::from(device.sysfs_name.as_str())));
        let name = choices.into_iter().find(|name| !taken.contains(name)).unwrap_or_default();
        if own_name.is_some() {
            history.give(&key, devices, &name);
        }
        taken.insert(name.clone());
        names.push(name);
    }
    names
}

/// The first kind of name that all of the enclosures have, and no two have in common.
fn distinguishing_kind(enclosures: &[&[SesDevice]]) -> Option<NameKind> {
    NameKind::ALL.into_iter().find(|kind| {
        let names: BTreeSet<String> = enclosures.iter().filter_map(|devices| kind.of_enclosure(devices)).collect();
        names.len() == enclosures.len()
    })
}

/// The id with a suffix, such as `0x50050cc10a000000-00bbb0`. `None` for an enclosure without a permanent name.
fn with_suffixes(
    id: &EnclosureId,
    enclosures: &[&[SesDevice]],
    history: &EnclosureHistory,
) -> Vec<Option<EnclosureId>> {
    let kind = match history.repeated.get(id) {
        Some(Some(kind)) => Some(*kind),
        _ => distinguishing_kind(enclosures),
    };
    let mut own_names = Vec::new();
    for devices in enclosures {
        own_names.push(match kind {
            Some(kind) => kind.of_enclosure(devices),
            None => first_name(devices),
        });
    }
    let suffixes: Vec<Option<String>> = own_names.iter().map(|name| name.as_deref().map(last_characters)).collect();
    let are_unique = suffixes.iter().flatten().collect::<BTreeSet<_>>().len() == suffixes.iter().flatten().count();
    let suffixes = if are_unique { suffixes } else { own_names };
    suffixes.into_iter().map(|suffix| Some(EnclosureId::from(format!("{id}-{}", suffix?)))).collect()
}

/// The permanent name of an enclosure, of the first kind that one of its devices has.
fn first_name(devices: &[SesDevice]) -> Option<String> {
    NameKind::ALL.into_iter().find_map(|kind| kind.of_enclosure(devices))
}

impl EnclosureHistory {
    /// The names that enclosures with one of these SES devices had before.
    fn given_to(&self, id: &EnclosureId, devices: &[SesDevice]) -> BTreeSet<EnclosureId> {
        keys(id, devices).iter().filter_map(|key| self.given.get(key)).cloned().collect()
    }

    fn give(&mut self, id: &EnclosureId, devices: &[SesDevice], name: &EnclosureId) {
        for key in keys(id, devices) {
            self.given.insert(key, name.clone());
        }
    }

    /// If the only enclosure with that id consists of SES devices that were regarded as several enclosures before, the
    /// id is not repeated.
    fn forget_repetition_within(&mut self, id: &EnclosureId, devices: &[SesDevice]) {
        if self.repeated.contains_key(id) && self.given_to(id, devices).len() > 1 {
            self.repeated.remove(id);
            self.given.retain(|(known, _), _| known != id);
        }
    }
}

/// The id with the own name of each device of an enclosure.
fn keys(id: &EnclosureId, devices: &[SesDevice]) -> Vec<(EnclosureId, String)> {
    let mut keys = Vec::new();
    for device in devices {
        let own_name = NameKind::ALL.into_iter().find_map(|kind| kind.of(device));
        keys.extend(own_name.map(|own_name| (id.clone(), own_name)));
    }
    keys
}

/// The last characters of a name, as printed on labels.
fn last_characters(name: &str) -> String {
    let length = name.chars().count();
    name.chars().skip(length.saturating_sub(SUFFIX_LENGTH)).collect()
}

/// Only characters that need no quoting in a path or a label.
fn as_part_of_id(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join("_");
    words.replace(|character: char| !character.is_ascii_alphanumeric() && !"._-".contains(character), "_")
}
