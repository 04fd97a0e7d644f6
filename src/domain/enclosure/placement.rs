//! Decides in which bay a drive is if the links from bays to drives contradict each other.
//!
//! The kernel may keep the link of a bay whose drive was moved (`enclosure_add_device` of `drivers/misc/enclosure.c` removes
//! the link that the new bay had, not those of other bays to the same drive). Pure: the decision does not depend on the order
//! of bays, enclosures or paths.

use super::words::SlotStatus;
use super::{Bay, BaySource, Enclosure, Slot};
use crate::domain::drive::Drive;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The bay of a drive by the links of bays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Placement {
    /// The bay of the drive, if it is known.
    pub(crate) bay: Option<Bay>,
    /// The source of that bay.
    pub(crate) source: Option<BaySource>,
    /// Several bays link the drive: the status that enclosures report of them may change the decision.
    pub(crate) is_contested: bool,
    /// The bays of which one is right, if it is unknown which.
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
        let linking = drive.paths.iter().flat_map(|path| self.linking(&path.address));
        let bays: BTreeSet<Bay> = linking.map(LinkingBay::bay).collect();
        bays.into_iter().collect()
    }

    /// The bays that link an address.
    fn linking(&self, address: &str) -> &[LinkingBay<'a>] {
        match self.by_address.get(address) {
            Some(linking) => linking,
            None => &[],
        }
    }

    /// The bay of a drive. If several bays link it: the one that its enclosure does not report as empty, else the one with
    /// the newest link.
    pub(crate) fn place(&self, drive: &Drive) -> Placement {
        self.place_at(drive.paths.iter().map(|path| path.address.as_str()))
    }

    /// The same for the drive at these SCSI addresses.
    pub(crate) fn place_at<'b>(&self, addresses: impl Iterator<Item = &'b str>) -> Placement {
        let mut linking: BTreeMap<Bay, LinkingBay> = BTreeMap::new();
        for address in addresses {
            for bay in self.linking(address) {
                let known = linking.entry(bay.bay()).or_insert(*bay);
                known.made = known.made.max(bay.made);
            }
        }
        let is_contested = linking.len() > 1;
        if linking.values().any(|bay| !bay.is_reported_empty()) {
            linking.retain(|_, bay| !bay.is_reported_empty());
        }
        match newest(&linking) {
            Some((bay, source)) => {
                Placement { bay: Some(bay), source: Some(source), is_contested, possible: Vec::new() }
            }
            None => Placement { bay: None, source: None, is_contested, possible: linking.into_keys().collect() },
        }
    }
}

/// The only bay, or else the one with the newest link, with its source. `None`: the age of a link is unknown, or two are
/// equally old.
fn newest(linking: &BTreeMap<Bay, LinkingBay>) -> Option<(Bay, BaySource)> {
    if let Some((bay, link)) = linking.first_key_value()
        && linking.len() == 1
    {
        return Some((bay.clone(), link.source));
    }
    let mut by_age: Vec<(u64, &Bay, BaySource)> = Vec::new();
    for (bay, link) in linking {
        by_age.push((link.made?, bay, link.source));
    }
    by_age.sort();
    match by_age.as_slice() {
        [.., (before, ..), (last, bay, source)] if before < last => Some(((*bay).clone(), *source)),
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
        let mut slots = Vec::new();
        for (number, status, address, made) in bays {
            slots.push(Slot {
                number: Some(*number),
                links: vec![BayLink { address: (*address).to_owned(), made: *made, source: BaySource::Ses }],
                answer: SlotAnswer { status: Some(status.clone()), ..SlotAnswer::default() },
                ..Slot::default()
            });
        }
        Enclosure { id: id.into(), slots, ..Enclosure::default() }
    }

    fn drive_at(addresses: &[&str]) -> Drive {
        let mut drive = drive("sda");
        for address in addresses {
            drive.paths.push(DrivePath {
                device: drive.device.clone(),
                node: "/dev/sg0".to_owned(),
                host: None,
                address: (*address).to_owned(),
                unit: 0,
                state: None,
            });
        }
        drive
    }

    /// The number of the bay, which does not depend on the order of shelves, bays and paths; `Err`: the possible ones.
    fn placed(shelves: &[Enclosure], addresses: &[&str]) -> Result<Option<u32>, Vec<u32>> {
        let mut reversed = shelves.to_vec();
        reversed.reverse();
        for shelf in &mut reversed {
            shelf.slots.reverse();
        }
        let mut other_paths = addresses.to_vec();
        other_paths.reverse();
        let placement = BayLinks::of(shelves).place(&drive_at(addresses));
        assert_eq!(BayLinks::of(&reversed).place(&drive_at(&other_paths)), placement);
        if placement.possible.is_empty() {
            Ok(placement.bay.and_then(|bay| bay.slot.number()))
        } else {
            assert_eq!(placement.bay, None);
            Err(placement.possible.iter().filter_map(|bay| bay.slot.number()).collect())
        }
    }

    use SlotStatus::{NotInstalled, Ok as Installed, Unknown};

    #[test]
    fn bay_that_is_not_reported_empty_or_has_the_newest_link_counts() {
        let one = "0:0:1:0";
        for (bays, expected) in [
            (vec![(2, Installed, one, Some(1)), (7, NotInstalled, one, Some(2))], Ok(Some(2))),
            (vec![(2, NotInstalled, one, Some(1)), (7, Installed, one, Some(2))], Ok(Some(7))),
            (vec![(2, Unknown, one, Some(1)), (7, NotInstalled, one, Some(2))], Ok(Some(2))),
            // The status does not decide, the newer link does.
            (vec![(2, Installed, one, Some(1)), (7, Installed, one, Some(2))], Ok(Some(7))),
            (vec![(2, NotInstalled, one, Some(3)), (7, NotInstalled, one, Some(2))], Ok(Some(2))),
            // The bay is unknown.
            (vec![(2, Installed, one, None), (7, Installed, one, Some(2))], Err(vec![2, 7])),
            (vec![(2, Installed, one, Some(2)), (7, Installed, one, Some(2))], Err(vec![2, 7])),
            (vec![(2, NotInstalled, one, None)], Ok(Some(2))),
        ] {
            assert_eq!(placed(&[shelf("a", &bays)], &[one]), expected, "{bays:?}");
        }
        assert_eq!(placed(&[shelf("a", &[(2, Installed, one, None)])], &["0:0:9:0"]), Ok(None));
    }

    #[test]
    fn bays_of_several_shelves_and_paths_are_compared() {
        let (one, other) = ("0:0:1:0", "1:0:1:0");
        let moved = [shelf("a", &[(5, Installed, one, Some(9))]), shelf("b", &[(2, NotInstalled, one, Some(1))])];
        assert_eq!(placed(&moved, &[one, other]), Ok(Some(5)));
        let by_path = [shelf("a", &[(5, Installed, one, Some(1)), (6, Installed, other, Some(2))])];
        assert_eq!(placed(&by_path, &[one, other]), Ok(Some(6)));
        let agreed = [shelf("a", &[(5, Installed, one, None), (5, Installed, other, None)])];
        assert_eq!(placed(&agreed, &[one, other]), Ok(Some(5)), "two modules, one bay");
    }

    #[test]
    fn bay_without_a_number_is_labeled_by_its_name() {
        let slot = Slot { name: "SLOT A".to_owned(), ..Slot::default() };
        assert_eq!(slot.label(), BayLabel::Name("SLOT A".into()));
        let bay = Bay { enclosure: "0x5".into(), slot: slot.label() };
        assert_eq!(bay.to_string(), "bay \"SLOT A\" of 0x5");
    }
}
