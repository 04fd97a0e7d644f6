//! Events of drives that were added, removed, moved, or replaced.

use super::coalesce::MAX_DRIVE_EVENTS;
use super::describe::{drive_fields, drive_subject, format_drive};
use super::drives::LastReported;
use crate::domain::drive::{DriveKey, DriveState};
use crate::domain::identity::SerialNumber;
use crate::domain::inventory::{Change, DriveRecord, Inventory};
use crate::domain::time::Timestamp;
use crate::events::{
    Event, EventFields, EventKind, FROM_BAY, FROM_ENCLOSURE, POOL, SERIAL, STATE, Subject, event, merge_fields,
};
use log::Level;

/// One event for each change. `known`: what was last reported of the drives, for their pools.
pub(super) fn detect(known: &LastReported, changes: &[Change], inventory: &Inventory, at: Timestamp) -> Vec<Event> {
    let event = |change: &Change| Some(event_of(known, change, inventory.get(change.key())?, at));
    changes.iter().filter_map(event).collect()
}

/// More than `MAX_DRIVE_EVENTS` events are counted.
pub(super) fn limit(mut events: Vec<Event>, at: Timestamp) -> Vec<Event> {
    let more = events.split_off(events.len().min(MAX_DRIVE_EVENTS));
    if !more.is_empty() {
        let count = more.len();
        let (kind, subject) = (EventKind::ManyDrives, Subject::Drives { count });
        let fields = merge_fields(more.iter().map(|event| &event.fields));
        events.push(event!(Level::Warn, kind, at, subject, fields, "more drives came or went count={count}"));
    }
    events
}

fn event_of(known: &LastReported, change: &Change, record: &DriveRecord, at: Timestamp) -> Event {
    let (subject, drive) = (drive_subject(record), format_drive(record));
    let fields = fields_with_pool(known, record);
    match change {
        Change::Appeared(_) => {
            event!(Level::Info, EventKind::DriveAppeared, at, subject, fields, "drive appeared {drive}")
        }
        Change::Missing(_) => {
            let fields = fields.with(STATE, DriveState::Missing.as_str());
            event!(Level::Warn, EventKind::DriveMissing, at, subject, fields, "drive missing {drive}")
        }
        Change::Back(_) => event!(Level::Info, EventKind::DriveBack, at, subject, fields, "drive back {drive}"),
        Change::Moved { from, .. } => {
            let fields = fields.with(FROM_ENCLOSURE, &from.enclosure).with(FROM_BAY, &from.slot);
            let from = format!("from_enclosure={} from_bay={}", from.enclosure, from.slot);
            event!(Level::Info, EventKind::DriveMoved, at, subject, fields, "drive moved {drive} {from}")
        }
        Change::Replaced { was, .. } => replaced(known, record, was.as_ref(), at),
    }
}

/// Another drive is where one was known. The event has the serial numbers of both.
pub(super) fn replaced(known: &LastReported, record: &DriveRecord, was: Option<&SerialNumber>, at: Timestamp) -> Event {
    let fields = fields_with_pool(known, record).with_each(SERIAL, was);
    let earlier = was.map_or_else(String::new, |was| format!(" was={was:?}"));
    let (subject, drive) = (drive_subject(record), format_drive(record));
    event!(Level::Warn, EventKind::DriveReplaced, at, subject, fields, "drive replaced {drive}{earlier}")
}

/// With the pool that the drive was in when it was last reported.
fn fields_with_pool(known: &LastReported, record: &DriveRecord) -> EventFields {
    let key: &DriveKey = &record.drive.key;
    drive_fields(record).with_each(POOL, known.pool(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::drive::{Drive, fixture};
    use crate::domain::enclosure::{Bay, BayLabel};
    use crate::domain::identity::Identity;

    const AT: Timestamp = Timestamp(7);

    fn inventory(count: usize) -> Inventory {
        let mut inventory = Inventory::default();
        let drive = |n: usize| {
            let identity = Identity { wwid: None, unit_serial: Some(format!("S{n}").into()) };
            Drive { identity, ..fixture::drive(&format!("sd{n}")) }
        };
        inventory.apply_discovery((0..count).map(drive).collect(), &[], AT);
        inventory
    }

    fn key(n: usize) -> DriveKey {
        DriveKey::Discovered(format!("sd{n}").into())
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
            (EventKind::DriveAppeared, Level::Info, format!("drive appeared {drive}"), fields.clone()),
            (
                EventKind::DriveMissing,
                Level::Warn,
                format!("drive missing {drive}"),
                fields.clone().with(STATE, "missing"),
            ),
            (EventKind::DriveBack, Level::Info, format!("drive back {drive}"), fields.clone()),
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
        let found: Vec<_> = events.into_iter().map(|e| (e.kind, e.level, e.text, e.fields)).collect();
        assert_eq!(found, expected, "a drive that is no longer known is no event");
    }

    #[test]
    fn changes_beyond_the_limit_are_counted_in_one_event() {
        let changes: Vec<Change> = (0..15).map(|n| Change::Missing(key(n))).collect();
        let events = limit(detect(&LastReported::default(), &changes, &inventory(15), AT), AT);
        assert_eq!(events.len(), 13);
        let last = events.last().unwrap();
        assert_eq!((last.kind, last.level), (EventKind::ManyDrives, Level::Warn));
        assert_eq!(last.text, "more drives came or went count=3");
        assert_eq!(last.subject, Subject::Drives { count: 3 });
        assert_eq!(last.fields, EventFields::none().with(STATE, "missing").with_each(SERIAL, ["S12", "S13", "S14"]));
    }
}
