//! Which bay a drive sits in, where the links from bays to drives contradict each other.
//!
//! The kernel may keep the link of a bay whose drive was moved (`enclosure_add_device` of `drivers/misc/enclosure.c` removes
//! the link that the new bay had, not those of other bays to the same drive). Pure: a drive's bay does not depend on the
//! order in which bays, shelves or paths are given.

use super::words::SlotStatus;
use super::{Bay, BaySource, Enclosure, Slot};
use crate::domain::drive::Drive;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Where the links place a drive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Placement {
    /// The bay that it sits in, if that is known.
    pub(crate) bay: Option<Bay>,
    /// What that bay is known by.
    pub(crate) source: Option<BaySource>,
    /// Several bays link it: what the shelves report of them may change the decision.
    pub(crate) is_contested: bool,
    /// The bays of which one is right, if nothing decides which.
    pub(crate) possible: Vec<Bay>,
}

/// A bay that links a drive.
#[derive(Clone, Copy)]
struct LinkingBay<'a> {
    enclosure: &'a Enclosure,
    slot: &'a Slot,
    made: Option<u64>,
    source: BaySource,
}

impl LinkingBay<'_> {
    fn bay(&self) -> Bay {
        Bay { enclosure: self.enclosure.id.clone(), slot: self.slot.label() }
    }

    fn is_reported_empty(&self) -> bool {
        self.slot.answer.status == Some(SlotStatus::NotInstalled)
    }
}

/// All links of all bays, by SCSI address.
pub(crate) struct BayLinks<'a> {
    by_address: HashMap<&'a str, Vec<LinkingBay<'a>>>,
}

impl<'a> BayLinks<'a> {
    pub(crate) fn of(enclosures: &'a [Enclosure]) -> Self {
        let mut by_address: HashMap<&str, Vec<LinkingBay>> = HashMap::new();
        for enclosure in enclosures {
            for slot in &enclosure.slots {
                for link in &slot.links {
                    let linking = LinkingBay { enclosure, slot, made: link.made, source: link.source };
                    by_address.entry(link.address.as_str()).or_default().push(linking);
                }
            }
        }
        Self { by_address }
    }

    /// The bays that link a drive, each once.
    pub(crate) fn bays(&self, drive: &Drive) -> Vec<Bay> {
        let linking = drive.paths.iter().filter_map(|path| self.by_address.get(path.address.as_str()));
        let bays: BTreeSet<Bay> = linking.flatten().map(LinkingBay::bay).collect();
        bays.into_iter().collect()
    }

    /// The bay of a drive. Of several bays that link it, one that its shelf does not report as empty counts, else the one
    /// whose link is the newest.
    pub(crate) fn place(&self, drive: &Drive) -> Placement {
        self.place_at(drive.paths.iter().map(|path| path.address.as_str()))
    }

    /// The same for the drive at these SCSI addresses.
    pub(crate) fn place_at<'b>(&self, addresses: impl Iterator<Item = &'b str>) -> Placement {
        let mut linking: BTreeMap<Bay, LinkingBay> = BTreeMap::new();
        for address in addresses {
            for bay in self.by_address.get(address).into_iter().flatten() {
                let known = linking.entry(bay.bay()).or_insert(*bay);
                known.made = known.made.max(bay.made);
            }
        }
        if linking.len() < 2 {
            let (bay, source) = linking.into_iter().next().map(|(bay, link)| (bay, link.source)).unzip();
            return Placement { bay, source, ..Placement::default() };
        }
        if linking.values().any(|bay| !bay.is_reported_empty()) {
            linking.retain(|_, bay| !bay.is_reported_empty());
        }
        let bay = match linking.keys().next() {
            Some(only) if linking.len() == 1 => Some(only.clone()),
            _ => newest(&linking).cloned(),
        };
        let source = bay.as_ref().and_then(|bay| linking.get(bay)).map(|link| link.source);
        let possible = if bay.is_some() { Vec::new() } else { linking.into_keys().collect() };
        Placement { bay, source, is_contested: true, possible }
    }
}

/// The bay with the newest link. `None`: the age of one is not known, or two are equally old.
fn newest<'b>(linking: &'b BTreeMap<Bay, LinkingBay>) -> Option<&'b Bay> {
    let mut by_age: Vec<(u64, &Bay)> = Vec::new();
    for (bay, link) in linking {
        by_age.push((link.made?, bay));
    }
    by_age.sort();
    match by_age.as_slice() {
        [.., (before, _), (last, bay)] if before < last => Some(bay),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::drive::DrivePath;
    use crate::domain::drive::fixture::drive;
    use crate::domain::enclosure::{BayLabel, BayLink, SlotAnswer};

    /// Number, status, link and its age.
    type Described = (u32, SlotStatus, &'static str, Option<u64>);

    fn shelf(id: &str, bays: &[Described]) -> Enclosure {
        let slot = |(number, status, address, made): &Described| Slot {
            number: Some(*number),
            links: vec![BayLink { address: (*address).to_owned(), made: *made, source: BaySource::Ses }],
            answer: SlotAnswer { status: Some(status.clone()), ..SlotAnswer::default() },
            ..Slot::default()
        };
        Enclosure { id: id.into(), slots: bays.iter().map(slot).collect(), ..Enclosure::default() }
    }

    fn drive_at(addresses: &[&str]) -> Drive {
        let path = |address: &&str| DrivePath {
            device: drive("sda").device,
            node: "/dev/sg0".to_owned(),
            host: None,
            address: (*address).to_owned(),
            unit: 0,
            state: None,
        };
        Drive { paths: addresses.iter().map(path).collect(), ..drive("sda") }
    }

    /// The bay's number in every order of shelves and bays; `Err`: the possible ones.
    fn placed(shelves: &[Enclosure], addresses: &[&str]) -> Result<Option<u32>, Vec<u32>> {
        let place = |shelves: &[Enclosure], addresses: &[&str]| BayLinks::of(shelves).place(&drive_at(addresses));
        let mut turned = shelves.to_vec();
        turned.reverse();
        for shelf in &mut turned {
            shelf.slots.reverse();
        }
        let mut other_paths = addresses.to_vec();
        other_paths.reverse();
        let placement = place(shelves, addresses);
        assert_eq!(place(&turned, &other_paths), placement);
        if placement.possible.is_empty() {
            Ok(placement.bay.and_then(|bay| bay.slot.number()))
        } else {
            assert_eq!(placement.bay, None);
            Err(placement.possible.iter().filter_map(|bay| bay.slot.number()).collect())
        }
    }

    use SlotStatus::{NotInstalled, Ok as Installed, Unknown};

    #[test]
    fn of_two_bays_that_link_a_drive_the_one_that_is_not_empty_counts() {
        let one = "0:0:1:0";
        for (bays, expected) in [
            (vec![(2, Installed, one, Some(1)), (7, NotInstalled, one, Some(2))], Ok(Some(2))),
            (vec![(2, NotInstalled, one, Some(1)), (7, Installed, one, Some(2))], Ok(Some(7))),
            (vec![(2, Unknown, one, Some(1)), (7, NotInstalled, one, Some(2))], Ok(Some(2))),
            // The status decides nothing: the newer link does.
            (vec![(2, Installed, one, Some(1)), (7, Installed, one, Some(2))], Ok(Some(7))),
            (vec![(2, NotInstalled, one, Some(3)), (7, NotInstalled, one, Some(2))], Ok(Some(2))),
            // Nothing decides.
            (vec![(2, Installed, one, None), (7, Installed, one, Some(2))], Err(vec![2, 7])),
            (vec![(2, Installed, one, Some(2)), (7, Installed, one, Some(2))], Err(vec![2, 7])),
            (vec![(2, NotInstalled, one, None)], Ok(Some(2))),
        ] {
            assert_eq!(placed(&[shelf("a", &bays)], &[one]), expected, "{bays:?}");
        }
        assert_eq!(placed(&[shelf("a", &[(2, Installed, one, None)])], &["0:0:9:0"]), Ok(None));
    }

    #[test]
    fn the_same_holds_across_shelves_and_paths() {
        let (one, other) = ("0:0:1:0", "1:0:1:0");
        let moved = [shelf("a", &[(5, Installed, one, Some(9))]), shelf("b", &[(2, NotInstalled, one, Some(1))])];
        assert_eq!(placed(&moved, &[one, other]), Ok(Some(5)));
        let by_path = [shelf("a", &[(5, Installed, one, Some(1)), (6, Installed, other, Some(2))])];
        assert_eq!(placed(&by_path, &[one, other]), Ok(Some(6)));
        let agreed = [shelf("a", &[(5, Installed, one, None), (5, Installed, other, None)])];
        assert_eq!(placed(&agreed, &[one, other]), Ok(Some(5)), "two modules, one bay");
    }

    #[test]
    fn a_bay_without_a_number_goes_by_its_name() {
        let named = |name: &str| Slot { name: name.to_owned(), ..Slot::default() };
        assert_eq!(named("SLOT A").label(), BayLabel::Name("SLOT A".into()));
        let bay = Bay { enclosure: "0x5".into(), slot: named("SLOT A").label() };
        assert_eq!(bay.to_string(), "bay \"SLOT A\" of 0x5");
    }
}
