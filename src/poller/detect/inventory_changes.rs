//! Events of drives that were added, removed, moved, or replaced.

use super::coalesce::MAX_DRIVE_EVENTS;
use super::describe::{drive_fields, drive_subject, format_drive};
use super::drives::LastReported;
use crate::domain::drive::DriveState;
use crate::domain::identity::SerialNumber;
use crate::domain::inventory::{Change, DriveRecord, Inventory};
use crate::domain::time::Timestamp;
use crate::events::{
    Event, EventFields, EventKind, FROM_BAY, FROM_ENCLOSURE, POOL, SERIAL, STATE, Subject, event, merge_fields,
};
use log::Level;

/// One event for each change. `known`: the last reported status of the drives, for their pools.
pub(super) fn detect(known: &LastReported, changes: &[Change], inventory: &Inventory, at: Timestamp) -> Vec<Event> {
    let mut events = Vec::new();
    for change in changes {
        if let Some(record) = inventory.get(change.key()) {
            events.push(event_of(known, change, record, at));
        }
    }
    events
}

/// Keeps `MAX_DRIVE_EVENTS` events; one more counts the others.
pub(super) fn limit(mut events: Vec<Event>, at: Timestamp) -> Vec<Event> {
    let more = events.split_off(events.len().min(MAX_DRIVE_EVENTS));
    if !more.is_empty() {
        let count = more.len();
        let (kind, subject) = (EventKind::ManyDrives, Subject::Drives { count });
        let fields = merge_fields(more.iter().map(|event| &event.fields));
        let text = format!("more drives added, removed or moved count={count}");
        events.push(event!(Level::Warn, kind, at, subject, fields, "{text}"));
    }
    events
}

fn event_of(known: &LastReported, change: &Change, record: &DriveRecord, at: Timestamp) -> Event {
    let (subject, drive) = (drive_subject(record), format_drive(record));
    let fields = fields_with_pool(known, record);
    match change {
        Change::Appeared(_) => {
            event!(Level::Info, EventKind::DriveAppeared, at, subject, fields, "drive added {drive}")
        }
        Change::Missing(_) => {
            let fields = fields.with(STATE, DriveState::Missing.as_str());
            event!(Level::Warn, EventKind::DriveMissing, at, subject, fields, "drive missing {drive}")
        }
        Change::Back(_) => event!(Level::Info, EventKind::DriveBack, at, subject, fields, "drive returned {drive}"),
        Change::Moved { from, .. } => {
            let fields = fields.with(FROM_ENCLOSURE, &from.enclosure).with(FROM_BAY, &from.slot);
            let from = format!("from_enclosure={} from_bay={}", from.enclosure, from.slot);
            event!(Level::Info, EventKind::DriveMoved, at, subject, fields, "drive moved {drive} {from}")
        }
        Change::Replaced { was, .. } => replaced(known, record, was.as_ref(), at),
    }
}

/// A drive is in the place of another one, whose serial number is `was`. The event has the serial numbers of both.
pub(super) fn replaced(known: &LastReported, record: &DriveRecord, was: Option<&SerialNumber>, at: Timestamp) -> Event {
    let fields = fields_with_pool(known, record).with_each(SERIAL, was);
    let subject = drive_subject(record);
    let mut text = format!("drive replaced {}", format_drive(record));
    if let Some(was) = was {
        text.push_str(&format!(" was={was:?}"));
    }
    event!(Level::Warn, EventKind::DriveReplaced, at, subject, fields, "{text}")
}

/// The fields of a drive, with the pool that it was in when it was last reported.
fn fields_with_pool(known: &LastReported, record: &DriveRecord) -> EventFields {
    drive_fields(record).with_each(POOL, known.pool(&record.drive.key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::drive::{Drive, DriveKey, fixture};
    use crate::domain::enclosure::{Bay, BayLabel};
    use crate::domain::identity::Identity;

    const AT: Timestamp = Timestamp(7);

    fn inventory(count: usize) -> Inventory {
        let mut drives = Vec::new();
        for number in 0..count {
            let identity = Identity { wwid: None, unit_serial: Some(format!("S{number}").into()) };
            drives.push(Drive { identity, ..fixture::drive(&format!("sd{number}")) });
        }
        let mut inventory = Inventory::default();
        inventory.apply_discovery(drives, &[], AT);
        inventory
    }

    fn key(number: usize) -> DriveKey {
        DriveKey::Discovered(format!("sd{number}").into())
    }

    #[test]
    fn every_change_is_an_event_of_its_kind() {
        let from = Bay { enclosure: "0xe".into(), slot: BayLabel::Number(4) };
        let changes = [
            Change::Appeared(key(0)),
            Change::Missing(key(0)),
            Change::Back(key(0)),
            Change::Moved { key: key(0), from },
            Change::Replaced { key: key(0), was: Some("S9 ".into()) },
            Change::Missing(key(5)),
        ];
        let events = detect(&LastReported::default(), &changes, &inventory(1), AT);
        let drive = "device=sd0 serial=\"S0\"";
        let fields = EventFields::none().with(SERIAL, "S0");
        let expected = [
            (EventKind::DriveAppeared, Level::Info, format!("drive added {drive}"), fields.clone()),
            (
                EventKind::DriveMissing,
                Level::Warn,
                format!("drive missing {drive}"),
                fields.clone().with(STATE, "missing"),
            ),
            (EventKind::DriveBack, Level::Info, format!("drive returned {drive}"), fields.clone()),
            (
                EventKind::DriveMoved,
                Level::Info,
                format!("drive moved {drive} from_enclosure=0xe from_bay=4"),
                fields.clone().with(FROM_ENCLOSURE, "0xe").with(FROM_BAY, 4),
            ),
            (
                EventKind::DriveReplaced,
                Level::Warn,
                format!("drive replaced {drive} was=\"S9\""),
                fields.with(SERIAL, "S9"),
            ),
        ];
        let found = events.into_iter().map(|event| (event.kind, event.level, event.text, event.fields));
        assert_eq!(found.collect::<Vec<_>>(), expected, "a drive that is no longer known has no event");
    }

    #[test]
    fn changes_beyond_the_limit_are_counted_in_one_event() {
        let changes: Vec<Change> = (0..15).map(|number| Change::Missing(key(number))).collect();
        let events = limit(detect(&LastReported::default(), &changes, &inventory(15), AT), AT);
        assert_eq!(events.len(), 13);
        let last = events.last().unwrap();
        assert_eq!((last.kind, last.level), (EventKind::ManyDrives, Level::Warn));
        assert_eq!(last.text, "more drives added, removed or moved count=3");
        assert_eq!(last.subject, Subject::Drives { count: 3 });
        assert_eq!(last.fields, EventFields::none().with(STATE, "missing").with_each(SERIAL, ["S12", "S13", "S14"]));
    }
}
