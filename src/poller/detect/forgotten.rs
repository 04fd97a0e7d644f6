//! Events about missing drives that somebody had forgotten.

use super::coalesce::MAX_DRIVE_EVENTS;
use super::describe::{drive_fields, drive_subject, format_drive};
use crate::domain::drive::DriveKey;
use crate::domain::identity::EnclosureId;
use crate::domain::inventory::{DriveRecord, Inventory};
use crate::domain::time::Timestamp;
use crate::events::{ENCLOSURE, Event, EventFields, EventKind, Subject, UID, event, merge_fields};
use log::Level;

/// One event for each drive, or one for many. `uid`: user id of the client.
pub(super) fn detect(keys: &[DriveKey], inventory: &Inventory, uid: u32, at: Timestamp) -> Vec<Event> {
    let records: Vec<&DriveRecord> = keys.iter().filter_map(|key| inventory.get(key)).collect();
    let kind = EventKind::DriveForgotten;
    if records.len() > MAX_DRIVE_EVENTS {
        let all: Vec<EventFields> = records.iter().map(|record| drive_fields(record)).collect();
        let (count, fields) = (records.len(), merge_fields(&all).with(UID, uid));
        let subject = Subject::Drives { count };
        return vec![event!(Level::Info, kind, at, subject, fields, "drives forgotten count={count} uid={uid}")];
    }
    let one = |record: &&DriveRecord| {
        let (subject, fields) = (drive_subject(record), drive_fields(record).with(UID, uid));
        let drive = format_drive(record);
        event!(Level::Info, kind, at, subject, fields, "drive forgotten {drive} uid={uid}")
    };
    records.iter().map(one).collect()
}

/// Missing paths of a drive that is present.
pub(super) fn of_paths(record: &DriveRecord, count: usize, uid: u32, at: Timestamp) -> Event {
    let (subject, fields) = (drive_subject(record), drive_fields(record).with(UID, uid));
    let drive = format_drive(record);
    let kind = EventKind::PathsForgotten;
    event!(Level::Info, kind, at, subject, fields, "paths forgotten {drive} count={count} uid={uid}")
}

pub(super) fn of_enclosure(id: &EnclosureId, uid: u32, at: Timestamp) -> Event {
    let fields = EventFields::none().with(ENCLOSURE, id).with(UID, uid);
    let (kind, subject) = (EventKind::ShelfForgotten, Subject::Enclosure(id.clone()));
    event!(Level::Info, kind, at, subject, fields, "shelf forgotten enclosure={id} uid={uid}")
}

/// Missing IO modules of an enclosure that is present.
pub(super) fn of_modules(id: &EnclosureId, count: usize, uid: u32, at: Timestamp) -> Event {
    let fields = EventFields::none().with(ENCLOSURE, id).with(UID, uid);
    let (kind, subject) = (EventKind::ModulesForgotten, Subject::Enclosure(id.clone()));
    event!(Level::Info, kind, at, subject, fields, "io modules forgotten enclosure={id} count={count} uid={uid}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::drive::{Drive, fixture};
    use crate::domain::identity::Identity;
    use crate::events::SERIAL;

    #[test]
    fn a_retired_shelf_is_one_event_and_each_names_who_asked() {
        let drive = |n: usize| {
            let identity = Identity { wwid: None, unit_serial: Some(format!("S{n}").into()) };
            Drive { identity, ..fixture::drive(&format!("sd{n}")) }
        };
        let mut inventory = Inventory::default();
        inventory.apply_discovery((0..15).map(drive).collect(), &[], Timestamp(1));
        let keys = |count: usize| (0..count).map(|n| drive(n).key).collect::<Vec<_>>();
        let few = detect(&keys(2), &inventory, 1000, Timestamp(2));
        assert_eq!(
            few.iter().map(|e| e.text.as_str()).collect::<Vec<_>>(),
            ["drive forgotten device=sd0 serial=\"S0\" uid=1000", "drive forgotten device=sd1 serial=\"S1\" uid=1000",]
        );
        let many = detect(&keys(15), &inventory, 0, Timestamp(2));
        assert_eq!(many.iter().map(|e| e.text.as_str()).collect::<Vec<_>>(), ["drives forgotten count=15 uid=0"]);
        assert!(many.iter().all(|e| e.fields.values(SERIAL).count() == 15 && e.fields.values(UID).eq(["0"])));
    }
}
