//! Contradictions between sysfs and the enclosures about bays, as sentences for people.

use super::overview_input::OverviewInput;
use crate::domain::enclosure::placement::BayLinks;
use crate::domain::enclosure::words::SlotStatus;
use crate::domain::enclosure::{Bay, Enclosure, Slot};
use crate::domain::inventory::DriveRecord;
use std::collections::HashMap;

/// The sentences about each bay that has any, separated by semicolons.
pub(super) fn of_bays(input: &OverviewInput) -> HashMap<Bay, String> {
    let mut contradictions = Contradictions::default();
    let slots: HashMap<Bay, &Slot> = slots(input.enclosures).collect();
    let mut links = None;
    let mut first_in_bay: HashMap<&Bay, &DriveRecord> = HashMap::new();
    let mut present: Vec<&DriveRecord> = input.inventory.present().collect();
    present.sort_by(|left, right| left.drive.device.cmp(&right.drive.device));
    for record in present {
        let device = &record.drive.device;
        contradictions.add_possible_bays(record);
        let Some(own) = &record.bay else { continue };
        if record.is_contested {
            let links = links.get_or_insert_with(|| BayLinks::of(input.enclosures));
            for bay in links.bays(&record.drive) {
                if bay != *own && !is_empty(&slots, &bay) {
                    contradictions.add(bay, &format!("its link to {device} is older than that of {own}"));
                }
            }
        }
        if is_empty(&slots, own) {
            let sentence = format!("the shelf reports the bay as empty, but the kernel links {device} to it");
            contradictions.add(own.clone(), &sentence);
        }
        if let Some(first) = first_in_bay.get(own) {
            let sentence = format!("the kernel links both {} and {device} to it", first.drive.device);
            contradictions.add(own.clone(), &sentence);
        } else {
            first_in_bay.insert(own, record);
        }
    }
    contradictions.by_bay
}

#[derive(Default)]
struct Contradictions {
    by_bay: HashMap<Bay, String>,
}

impl Contradictions {
    fn add(&mut self, bay: Bay, sentence: &str) {
        let text = self.by_bay.entry(bay).or_default();
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.push_str(sentence);
    }

    fn add_possible_bays(&mut self, record: &DriveRecord) {
        let device = &record.drive.device;
        for bay in &record.possible_bays {
            let others = record.possible_bays.iter().filter(|other| *other != bay);
            let others = others.map(ToString::to_string).collect::<Vec<_>>().join(" and ");
            let sentence = format!("the kernel links {device} to this bay and to {others}; {UNDECIDED}");
            self.add(bay.clone(), &sentence);
        }
    }
}

const UNDECIDED: &str = "nothing shows which link is right";

fn is_empty(slots: &HashMap<Bay, &Slot>, bay: &Bay) -> bool {
    slots.get(bay).is_some_and(|slot| slot.answer.status == Some(SlotStatus::NotInstalled))
}

/// All bays with their slots.
pub(super) fn slots(enclosures: &[Enclosure]) -> impl Iterator<Item = (Bay, &Slot)> {
    enclosures.iter().flat_map(|enclosure| {
        enclosure.slots.iter().map(move |slot| (Bay { enclosure: enclosure.id.clone(), slot: slot.label() }, slot))
    })
}

/// Why a drive is shown in no bay although the kernel links bays to it.
pub(super) fn of_drive(record: &DriveRecord) -> Option<String> {
    if record.possible_bays.is_empty() || !record.is_present() {
        return None;
    }
    let bays: Vec<String> = record.possible_bays.iter().map(ToString::to_string).collect();
    Some(format!("it may be in {}: the kernel links it to each of them; {UNDECIDED}", bays.join(" or ")))
}
