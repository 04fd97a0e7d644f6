//! Series of enclosures and their bays: what the enclosure reports (SES), and which bays are occupied.

use super::family_writer::{FamilyWriter, bool_value, count_value, label_value, optional_label_value};
use crate::api::enclosure_view::{EnclosureView, SlotView};
use crate::api::overview::Overview;
use crate::domain::enclosure::words::PowerStatus;
use std::fmt;

pub(super) fn write(writer: &mut FamilyWriter, overview: &Overview) -> fmt::Result {
    let enclosures = &overview.enclosures;
    // Bays that no SES device shows belong to nothing that could answer.
    let with_ses = || enclosures.iter().filter(|e| !e.sysfs_names.is_empty());
    writer.infos(
        "jbod_enclosure_info",
        "A shelf, as the kernel shows it",
        enclosures.iter().map(|e| {
            [
                ("enclosure", label_value(&e.id)),
                ("sysfs_name", label_value(&e.sysfs_name)),
                ("vendor", optional_label_value(e.vendor.as_deref())),
                ("model", optional_label_value(e.model.as_deref())),
                ("rev", optional_label_value(e.rev.as_deref())),
            ]
        }),
    )?;
    writer.gauges(
        "jbod_enclosure_up",
        "1 while the shelf answers and the kernel shows its bays",
        with_ses().map(|e| ([("enclosure", label_value(&e.id))], bool_value(e.error.is_none()))),
    )?;
    writer.gauges(
        "jbod_enclosure_missing_since_timestamp_seconds",
        "Since when the shelf is missing; it is shown as it was last",
        enclosures.iter().filter_map(|e| Some(([("enclosure", label_value(&e.id))], e.missing_since?.0))),
    )?;
    writer.gauges(
        "jbod_enclosure_modules",
        "IO modules of the shelf that the kernel shows",
        with_ses().map(|e| {
            let present = e.modules.iter().filter(|module| module.present).count();
            ([("enclosure", label_value(&e.id))], count_value(present))
        }),
    )?;
    writer.gauges(
        "jbod_enclosure_expected_modules",
        "IO modules that the shelf is known to have",
        with_ses().map(|e| ([("enclosure", label_value(&e.id))], count_value(e.modules.len()))),
    )?;
    writer.gauges(
        "jbod_slot_occupied",
        "1 while a drive is in the bay",
        slots(overview).filter_map(|(e, s)| Some((labels(e, s), bool_value(is_occupied(e, s)?)))),
    )?;
    writer.gauges(
        "jbod_slot_status",
        "1, at what the shelf says of the bay",
        slots(overview)
            .filter_map(|(e, s)| Some(((labels(e, s), [("status", label_value(s.status.as_ref()?.as_str()))]), 1u64))),
    )?;
    let mut flags = |name: &str, help: &str, of: fn(&SlotView) -> Option<bool>| {
        writer.gauges(name, help, slots(overview).filter_map(|(e, s)| Some((labels(e, s), bool_value(of(s)?)))))
    };
    flags("jbod_slot_fault_sensed", "1 while the shelf senses a fault in the bay", |s| s.fault_sensed)?;
    flags("jbod_slot_fault_requested", "1 while somebody has asked for the fault light", |s| s.fault_requested)?;
    flags("jbod_slot_locate", "1 while the locate light is on", |s| s.locate)?;
    flags("jbod_slot_power_on", "1 while the bay has power", |s| match s.power_status {
        Some(PowerStatus::On) => Some(true),
        Some(PowerStatus::Off) => Some(false),
        _ => None,
    })
}

fn slots(overview: &Overview) -> impl Iterator<Item = (&EnclosureView, &SlotView)> {
    overview.enclosures.iter().flat_map(|e| e.slots.iter().map(move |s| (e, s)))
}

fn labels(enclosure: &EnclosureView, slot: &SlotView) -> [(&'static str, String); 2] {
    [("enclosure", label_value(&enclosure.id).into_owned()), ("slot", label_value(&slot.label()).into_owned())]
}

/// `None`: the bay shows no drive, and is not reported as empty.
fn is_occupied(enclosure: &EnclosureView, slot: &SlotView) -> Option<bool> {
    if slot.holds_present_drive() {
        return Some(true);
    }
    if enclosure.reports_empty(slot) { Some(false) } else { None }
}
