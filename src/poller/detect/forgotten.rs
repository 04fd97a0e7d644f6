//! Events about missing drives, paths, enclosures and IO modules that were forgotten on request.

use super::coalesce::MAX_DRIVE_EVENTS;
use super::describe::{drive_fields, drive_subject, format_drive};
use crate::domain::drive::DriveKey;
use crate::domain::identity::EnclosureId;
use crate::domain::inventory::{DriveRecord, Inventory};
use crate::domain::time::Timestamp;
use crate::events::{ENCLOSURE, Event, EventFields, EventKind, Subject, UID, event, merge_fields};
use log::Level;

/// One event for each drive; one for all if there are more than `MAX_DRIVE_EVENTS`. `uid`: user id of the client.
pub(super) fn of_drives(keys: &[DriveKey], inventory: &Inventory, uid: u32, at: Timestamp) -> Vec<Event> {
    let kind = EventKind::DriveForgotten;
    let (mut events, mut all) = (Vec::new(), Vec::new());
    for key in keys {
        let Some(record) = inventory.get(key) else { continue };
        let (subject, drive, fields) = (drive_subject(record), format_drive(record), drive_fields(record));
        all.push(fields.clone());
        let fields = fields.with(UID, uid);
        events.push(event!(Level::Info, kind, at, subject, fields, "drive forgotten {drive} uid={uid}"));
    }
    if events.len() > MAX_DRIVE_EVENTS {
        let (count, fields) = (events.len(), merge_fields(&all).with(UID, uid));
        let subject = Subject::Drives { count };
        return vec![event!(Level::Info, kind, at, subject, fields, "drives forgotten count={count} uid={uid}")];
    }
    events
}

/// Missing paths of a drive that is present.
pub(super) fn of_paths(record: &DriveRecord, count: usize, uid: u32, at: Timestamp) -> Event {
    let (subject, fields) = (drive_subject(record), drive_fields(record).with(UID, uid));
    let drive = format_drive(record);
    let kind = EventKind::PathsForgotten;
    event!(Level::Info, kind, at, subject, fields, "paths forgotten {drive} count={count} uid={uid}")
}

/// A missing enclosure.
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
    fn many_forgotten_drives_are_one_event_with_the_user_id() {
        let mut drives = Vec::new();
        for number in 0..15 {
            let identity = Identity { wwid: None, unit_serial: Some(format!("S{number}").into()) };
            drives.push(Drive { identity, ..fixture::drive(&format!("sd{number}")) });
        }
        let keys: Vec<DriveKey> = drives.iter().map(|drive| drive.key.clone()).collect();
        let mut inventory = Inventory::default();
        inventory.apply_discovery(drives, &[], Timestamp(1));
        let few = of_drives(&keys[..2], &inventory, 1000, Timestamp(2));
        assert_eq!(
            few.iter().map(|event| event.text.as_str()).collect::<Vec<_>>(),
            ["drive forgotten device=sd0 serial=\"S0\" uid=1000", "drive forgotten device=sd1 serial=\"S1\" uid=1000",]
        );
        let many = of_drives(&keys, &inventory, 0, Timestamp(2));
        let [event] = many.as_slice() else { panic!("{many:#?}") };
        assert_eq!(event.text, "drives forgotten count=15 uid=0");
        assert!(event.fields.values(SERIAL).count() == 15 && event.fields.values(UID).eq(["0"]));
    }
}
