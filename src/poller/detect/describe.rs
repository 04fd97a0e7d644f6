//! A drive in an event: its subject, its fields, and its description in the text.

use crate::domain::inventory::DriveRecord;
use crate::events::{BAY, DEVICE, ENCLOSURE, EventFields, SERIAL, Subject};
use std::fmt::Write as _;

/// `enclosure=… bay=7 device=sdh serial="…"`
pub(super) fn format_drive(record: &DriveRecord) -> String {
    let mut text = String::new();
    if let Some(bay) = &record.bay {
        let _ = write!(text, "enclosure={} bay={} ", bay.enclosure, bay.slot);
    }
    let _ = write!(text, "device={}", record.drive.device);
    if let Some(serial) = record.serial_number() {
        let _ = write!(text, " serial={serial:?}");
    }
    text
}

/// The same values as fields, with the device of every path.
pub(super) fn drive_fields(record: &DriveRecord) -> EventFields {
    EventFields::none()
        .with_each(SERIAL, record.serial_number())
        .with_each(DEVICE, record.drive.paths.iter().map(|path| &path.device))
        .with_each(ENCLOSURE, record.bay.as_ref().map(|bay| &bay.enclosure))
        .with_each(BAY, record.bay.as_ref().map(|bay| &bay.slot))
}

pub(super) fn drive_subject(record: &DriveRecord) -> Subject {
    Subject::Drive { serial_number: record.serial_number().cloned(), device: record.drive.device.to_string() }
}
