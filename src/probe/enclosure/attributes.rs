//! The attributes of a bay for which the kernel asks the enclosure. A silent enclosure blocks the reader forever.

use super::{IoModule, SlotPath};
use crate::domain::enclosure::words::{PowerStatus, SlotStatus};
use crate::domain::enclosure::{BayLabel, SlotAnswer};
use crate::probe::sysfs::blocking_attribute;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The attributes of a bay that only the enclosure can report, in the order of a dump.
const ATTRIBUTES: [&str; 4] = ["status", "fault", "locate", "power_status"];

/// Reads the attributes of all bays of an IO module. May block forever.
pub(crate) fn read_blocking(module: &IoModule) -> HashMap<BayLabel, SlotAnswer> {
    parse_dump(module, &dump_attributes(module.bays.iter().map(|bay| bay.dir.as_path())))
}

/// The attributes as text: one line for each attribute of each bay, empty if it is absent.
pub(in crate::probe) fn dump_attributes<'a>(dirs: impl Iterator<Item = &'a Path>) -> String {
    let line = |path: PathBuf| blocking_attribute(&path).unwrap_or_default().replace('\n', " ") + "\n";
    dirs.flat_map(|dir| ATTRIBUTES.map(|name| line(dir.join(name)))).collect()
}

/// Parses the text of `dump_attributes`.
pub(crate) fn parse_dump(module: &IoModule, text: &str) -> HashMap<BayLabel, SlotAnswer> {
    let mut lines = text.lines();
    let mut next = || lines.next().filter(|line| !line.is_empty()).map(str::to_owned);
    let answer = |bay: &SlotPath| (bay.slot.clone(), answer([(); ATTRIBUTES.len()].map(|()| next())));
    module.bays.iter().map(answer).collect()
}

/// Bits of `fault`: byte 3 of the element, shifted right by 4 (`ses_get_fault` of Linux' `drivers/scsi/ses.c`).
const FAULT_REQUESTED: u8 = 2;
const FAULT_SENSED: u8 = 4;

fn answer([status, fault, locate, power_status]: [Option<String>; ATTRIBUTES.len()]) -> SlotAnswer {
    let fault = fault.and_then(|f| f.parse::<u8>().ok()).filter(|f| f & !(FAULT_REQUESTED | FAULT_SENSED) == 0);
    let locate = locate.and_then(|text| text.parse::<u8>().ok());
    let power_status = power_status.as_deref().map(PowerStatus::from);
    let status_word = status.as_deref().and_then(SlotStatus::known);
    // What the kernel shows of an enclosure without page 2 (`ses_get_page2_descriptor`): zeros that say nothing.
    let is_without_page = status_word == Some(SlotStatus::Unsupported)
        && (fault, locate, &power_status) == (Some(0), Some(0), &Some(PowerStatus::Off));
    if is_without_page {
        return SlotAnswer { status: status_word, ..SlotAnswer::default() };
    }
    SlotAnswer {
        // The kernel has no word for code 8 (no access allowed) and shows `(null)`; beyond that, whatever it finds.
        status: status_word,
        fault_sensed: fault.map(|f| f & FAULT_SENSED != 0),
        fault_requested: fault.map(|f| f & FAULT_REQUESTED != 0),
        locate: locate.map(|on| on != 0),
        power_status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values from a Debian 12 kernel with a simulated shelf, and the code of `ses_get_fault`.
    #[test]
    fn faults_are_two_bits_and_other_words_no_status() {
        let read = |status: &str, fault: &str| {
            let answer = answer([status, fault, "0", "on"].map(|text| Some(text.to_owned())));
            (answer.status, answer.fault_sensed, answer.fault_requested)
        };
        assert_eq!(read("OK", "0"), (Some(SlotStatus::Ok), Some(false), Some(false)));
        assert_eq!(read("OK", "2"), (Some(SlotStatus::Ok), Some(false), Some(true)));
        assert_eq!(read("OK", "4"), (Some(SlotStatus::Ok), Some(true), Some(false)));
        assert_eq!(read("critical", "6"), (Some(SlotStatus::Critical), Some(true), Some(true)));
        let without_page = answer(["unsupported", "0", "0", "off"].map(|text| Some(text.to_owned())));
        assert_eq!(without_page, SlotAnswer { status: Some(SlotStatus::Unsupported), ..SlotAnswer::default() });
        for odd in ["1", "8", "255", "-1", ""] {
            assert_eq!(read("(null)", odd), (None, None, None), "{odd}");
        }
    }
}
