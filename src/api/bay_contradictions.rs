//! What sysfs and the shelves say against each other about bays, in words.

use super::overview_input::OverviewInput;
use crate::domain::enclosure::placement::BayLinks;
use crate::domain::enclosure::words::SlotStatus;
use crate::domain::enclosure::{Bay, Enclosure, Slot};
use crate::domain::inventory::DriveRecord;
use std::collections::HashMap;

/// One sentence, or several, for each bay that has any.
pub(super) fn of_bays(input: &OverviewInput) -> HashMap<Bay, String> {
    let mut found: HashMap<Bay, String> = HashMap::new();
    let mut add = |bay: Bay, sentence: String| {
        let text = found.entry(bay).or_default();
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.push_str(&sentence);
    };
    let slots: HashMap<Bay, &Slot> = slots(input.enclosures).collect();
    let is_empty = |bay: &Bay| slots.get(bay).is_some_and(|slot| slot.answer.status == Some(SlotStatus::NotInstalled));
    let mut links = None;
    let mut first_in_bay: HashMap<&Bay, &DriveRecord> = HashMap::new();
    let mut present: Vec<&DriveRecord> = input.inventory.present().collect();
    present.sort_by(|a, b| a.drive.device.cmp(&b.drive.device));
    for record in present {
        let device = &record.drive.device;
        for bay in &record.possible_bays {
            let others: Vec<String> =
                record.possible_bays.iter().filter(|other| *other != bay).map(ToString::to_string).collect();
            let others = others.join(" and ");
            add(
                bay.clone(),
                format!("the kernel links {device} to this bay and to {others}, and nothing decides which is right"),
            );
        }
        let Some(own) = &record.bay else { continue };
        if record.is_contested {
            let links = links.get_or_insert_with(|| BayLinks::of(input.enclosures));
            let outdated = links.bays(&record.drive).into_iter().filter(|bay| bay != own && !is_empty(bay));
            outdated.for_each(|bay| add(bay, format!("its link to {device} is older than that of {own}")));
        }
        if is_empty(own) {
            add(own.clone(), format!("the shelf reports the bay as empty, the kernel links {device} to it"));
        }
        match first_in_bay.get(own) {
            Some(first) => {
                add(own.clone(), format!("the kernel links {device} to it, too, besides {}", first.drive.device));
            }
            None => drop(first_in_bay.insert(own, record)),
        }
    }
    found
}

fn slots(enclosures: &[Enclosure]) -> impl Iterator<Item = (Bay, &Slot)> {
    enclosures.iter().flat_map(|enclosure| {
        let bay = |slot: &Slot| Bay { enclosure: enclosure.id.clone(), slot: slot.label() };
        enclosure.slots.iter().map(move |slot| (bay(slot), slot))
    })
}

/// Why a drive is shown in no bay although bays link it.
pub(super) fn of_drive(record: &DriveRecord) -> Option<String> {
    if record.possible_bays.is_empty() || !record.is_present() {
        return None;
    }
    let bays: Vec<String> = record.possible_bays.iter().map(ToString::to_string).collect();
    Some(format!("it may be in {}: the kernel links it to each, and nothing decides which is right", bays.join(" or ")))
}
