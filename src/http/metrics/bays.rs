//! Series of enclosures and their bays: what the enclosure reports (SES), and which bays are occupied.

use super::family_writer::{FamilyWriter, bool_value, count_value, label_value, optional_label_value};
use crate::api::enclosure_view::{EnclosureView, SlotView};
use crate::api::overview::Overview;
use crate::domain::enclosure::words::PowerStatus;
use std::borrow::Cow;
use std::fmt;

pub(super) fn write(writer: &mut FamilyWriter, overview: &Overview) -> fmt::Result {
    enclosures(writer, &overview.enclosures)?;
    slots(writer, &overview.enclosures)
}

fn enclosures(writer: &mut FamilyWriter, enclosures: &[EnclosureView]) -> fmt::Result {
    writer.infos(
        "jbod_enclosure_info",
        "Identity of the enclosure, as the kernel reports it",
        enclosures.iter().map(|enclosure| {
            [
                ("enclosure", label_value(&enclosure.id)),
                ("sysfs_name", label_value(&enclosure.sysfs_name)),
                ("vendor", optional_label_value(enclosure.vendor.as_deref())),
                ("model", optional_label_value(enclosure.model.as_deref())),
                ("rev", optional_label_value(enclosure.rev.as_deref())),
            ]
        }),
    )?;
    // Bays that no SES device reports belong to nothing that could respond, or have IO modules.
    let with_ses: Vec<&EnclosureView> =
        enclosures.iter().filter(|enclosure| !enclosure.sysfs_names.is_empty()).collect();
    writer.gauges(
        "jbod_enclosure_up",
        "1 if the enclosure responds and the kernel shows its bays",
        with_ses.iter().map(|enclosure| (enclosure_label(enclosure), bool_value(enclosure.error.is_none()))),
    )?;
    writer.gauges(
        "jbod_enclosure_missing_since_timestamp_seconds",
        "Time since when the enclosure has been missing; its other series keep their last values",
        enclosures.iter().filter_map(|enclosure| Some((enclosure_label(enclosure), enclosure.missing_since?.0))),
    )?;
    writer.gauges(
        "jbod_enclosure_modules",
        "IO modules of the enclosure that are present",
        with_ses.iter().map(|enclosure| {
            let present = enclosure.modules.iter().filter(|module| module.present).count();
            (enclosure_label(enclosure), count_value(present))
        }),
    )?;
    writer.gauges(
        "jbod_enclosure_expected_modules",
        "IO modules that the enclosure is known to have",
        with_ses.iter().map(|enclosure| (enclosure_label(enclosure), count_value(enclosure.modules.len()))),
    )
}

fn enclosure_label(enclosure: &EnclosureView) -> [(&'static str, Cow<'_, str>); 1] {
    [("enclosure", label_value(&enclosure.id))]
}

fn slots(writer: &mut FamilyWriter, enclosures: &[EnclosureView]) -> fmt::Result {
    slot_gauge(writer, enclosures, "jbod_slot_occupied", "1 if a drive is in the bay, 0 if it is empty", is_occupied)?;
    writer.gauges(
        "jbod_slot_status",
        "SES element status of the bay (1 for the current status)",
        all_slots(enclosures).filter_map(|(enclosure, slot)| {
            let status = label_value(slot.status.as_ref()?.as_str());
            Some(((labels(enclosure, slot), [("status", status)]), 1u64))
        }),
    )?;
    slot_gauge(
        writer,
        enclosures,
        "jbod_slot_fault_sensed",
        "1 if the enclosure senses a fault in the bay",
        |_, slot| slot.fault_sensed,
    )?;
    slot_gauge(writer, enclosures, "jbod_slot_fault_requested", "1 if the fault LED has been requested", |_, slot| {
        slot.fault_requested
    })?;
    slot_gauge(writer, enclosures, "jbod_slot_locate", "1 if the locate LED is on", |_, slot| slot.locate)?;
    slot_gauge(writer, enclosures, "jbod_slot_power_on", "1 if the bay has power", |_, slot| match slot.power_status {
        Some(PowerStatus::On) => Some(true),
        Some(PowerStatus::Off) => Some(false),
        _ => None,
    })
}

/// A series for each bay that has the value.
fn slot_gauge(
    writer: &mut FamilyWriter,
    enclosures: &[EnclosureView],
    name: &str,
    help: &str,
    value: fn(&EnclosureView, &SlotView) -> Option<bool>,
) -> fmt::Result {
    let series = all_slots(enclosures)
        .filter_map(|(enclosure, slot)| Some((labels(enclosure, slot), bool_value(value(enclosure, slot)?))));
    writer.gauges(name, help, series)
}

fn all_slots(enclosures: &[EnclosureView]) -> impl Iterator<Item = (&EnclosureView, &SlotView)> {
    enclosures.iter().flat_map(|enclosure| enclosure.slots.iter().map(move |slot| (enclosure, slot)))
}

fn labels(enclosure: &EnclosureView, slot: &SlotView) -> [(&'static str, String); 2] {
    [("enclosure", label_value(&enclosure.id).into_owned()), ("slot", label_value(&slot.label()).into_owned())]
}

/// `None` if the bay has no known drive but is not reported as empty either.
fn is_occupied(enclosure: &EnclosureView, slot: &SlotView) -> Option<bool> {
    if slot.holds_present_drive() {
        return Some(true);
    }
    if enclosure.reports_empty(slot) { Some(false) } else { None }
}
