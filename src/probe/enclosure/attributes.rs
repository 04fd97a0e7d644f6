//! The attributes of a bay that the kernel reads from the enclosure. An enclosure that does not respond blocks the
//! reader forever.

use super::IoModule;
use crate::domain::enclosure::words::{PowerStatus, SlotStatus};
use crate::domain::enclosure::{BayLabel, SlotAnswer};
use crate::probe::sysfs::blocking_attribute;
use std::collections::HashMap;
use std::path::Path;

/// The attributes that are read, in the order of a dump.
const ATTRIBUTES: [&str; 4] = ["status", "fault", "locate", "power_status"];

/// Reads the attributes of all bays of an IO module. May block forever.
pub(crate) fn read_blocking(module: &IoModule) -> HashMap<BayLabel, SlotAnswer> {
    parse_dump(module, &dump_attributes(module.bays.iter().map(|bay| bay.dir.as_path())))
}

/// The attributes as text: one line for each attribute of each bay, empty if it is absent.
pub(in crate::probe) fn dump_attributes<'a>(dirs: impl Iterator<Item = &'a Path>) -> String {
    let mut dump = String::new();
    for dir in dirs {
        for name in ATTRIBUTES {
            let value = blocking_attribute(&dir.join(name)).unwrap_or_default();
            dump.push_str(&value.replace('\n', " "));
            dump.push('\n');
        }
    }
    dump
}

/// Parses the text of `dump_attributes`.
pub(crate) fn parse_dump(module: &IoModule, text: &str) -> HashMap<BayLabel, SlotAnswer> {
    let mut lines = text.lines();
    let mut answers = HashMap::new();
    for bay in &module.bays {
        let values = ATTRIBUTES.map(|_| lines.next().unwrap_or_default());
        answers.insert(bay.slot.clone(), slot_answer(values));
    }
    answers
}

/// Bits of `fault`: byte 3 of the element, shifted right by 4 (`ses_get_fault` in Linux' `drivers/scsi/ses.c`).
const FAULT_REQUESTED: u8 = 2;
const FAULT_SENSED: u8 = 4;

/// `values`: in the order of `ATTRIBUTES`, empty if the attribute is absent.
fn slot_answer([status, fault, locate, power_status]: [&str; ATTRIBUTES.len()]) -> SlotAnswer {
    let fault = parse_fault(fault);
    let locate = locate.parse::<u8>().ok();
    // The kernel has no name for code 8 (no access allowed) and prints `(null)`; for higher codes it prints whatever
    // follows its table in memory.
    let status = SlotStatus::known(status);
    let power_status = if power_status.is_empty() { None } else { Some(PowerStatus::from(power_status)) };
    // For an enclosure without page 2 the kernel reports zeros (`ses_get_page2_descriptor`), which mean nothing.
    let is_without_page = status == Some(SlotStatus::Unsupported)
        && (fault, locate, &power_status) == (Some(0), Some(0), &Some(PowerStatus::Off));
    if is_without_page {
        return SlotAnswer { status, ..SlotAnswer::default() };
    }
    SlotAnswer {
        status,
        fault_sensed: fault.map(|fault| fault & FAULT_SENSED != 0),
        fault_requested: fault.map(|fault| fault & FAULT_REQUESTED != 0),
        locate: locate.map(|locate| locate != 0),
        power_status,
    }
}

/// `None` if other bits than the two of a fault are set.
fn parse_fault(text: &str) -> Option<u8> {
    let fault = text.parse::<u8>().ok()?;
    if fault & !(FAULT_REQUESTED | FAULT_SENSED) != 0 {
        return None;
    }
    Some(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values from a Debian 12 kernel with a simulated enclosure, and the code of `ses_get_fault`.
    #[test]
    fn a_fault_has_two_bits_and_an_unknown_status_is_ignored() {
        for (status, fault, expected) in [
            ("OK", "0", (Some(SlotStatus::Ok), Some(false), Some(false))),
            ("OK", "2", (Some(SlotStatus::Ok), Some(false), Some(true))),
            ("OK", "4", (Some(SlotStatus::Ok), Some(true), Some(false))),
            ("critical", "6", (Some(SlotStatus::Critical), Some(true), Some(true))),
            ("(null)", "1", (None, None, None)),
            ("(null)", "8", (None, None, None)),
            ("(null)", "255", (None, None, None)),
            ("(null)", "-1", (None, None, None)),
            ("(null)", "", (None, None, None)),
        ] {
            let answer = slot_answer([status, fault, "0", "on"]);
            assert_eq!((answer.status, answer.fault_sensed, answer.fault_requested), expected, "{status} {fault}");
        }
        let without_page = slot_answer(["unsupported", "0", "0", "off"]);
        assert_eq!(without_page, SlotAnswer { status: Some(SlotStatus::Unsupported), ..SlotAnswer::default() });
    }
}
