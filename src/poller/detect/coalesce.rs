//! Turns changes of drives into events: equal changes of many drives become one event, and the number of events is limited.

use crate::domain::time::Timestamp;
use crate::events::{Event, EventFields, EventKind, Subject, event, merge_fields};
use log::Level;
use std::collections::BTreeMap;

/// Maximum number of events about drives in one sweep, or in one discovery. One more event counts those beyond it.
pub(super) const MAX_DRIVE_EVENTS: usize = 12;

/// A change of one drive, not yet an event of its own.
#[derive(Clone, Debug)]
pub(super) struct PendingEvent {
    pub(super) kind: EventKind,
    pub(super) level: Level,
    /// What happened to the drive: `crit`, `lost a path`.
    pub(super) predicate: &'static str,
    /// The description of the drive (`format_drive`).
    pub(super) drive: String,
    /// The end of the text: empty, or beginning with a space.
    pub(super) suffix: String,
    pub(super) subject: Subject,
    pub(super) fields: EventFields,
}

/// Returns the events in the order in which each predicate and suffix first occurred. More than `MAX_DRIVE_EVENTS` changes
/// with the same predicate and suffix become one event with the serial numbers of all drives.
pub(super) fn coalesce(changes: Vec<PendingEvent>, at: Timestamp) -> Vec<Event> {
    let mut groups: Vec<Vec<PendingEvent>> = Vec::new();
    let mut group_of: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for change in changes {
        let index = *group_of.entry((change.predicate, change.suffix.clone())).or_insert(groups.len());
        match groups.get_mut(index) {
            Some(group) => group.push(change),
            None => groups.push(vec![change]),
        }
    }
    let mut events = Vec::new();
    for group in groups {
        if group.len() > MAX_DRIVE_EVENTS {
            events.extend(group_event(&group, at));
            continue;
        }
        for change in group {
            let PendingEvent { kind, level, predicate, drive, suffix, subject, fields } = change;
            events.push(event!(level, kind, at, subject, fields, "drive {predicate} {drive}{suffix}"));
        }
    }
    events
}

fn group_event(group: &[PendingEvent], at: Timestamp) -> Option<Event> {
    let PendingEvent { kind, predicate, suffix, .. } = group.first()?;
    // `Error` is less than `Warn`: the lowest is the most severe.
    let level = group.iter().map(|change| change.level).min()?;
    let count = group.len();
    let fields = merge_fields(group.iter().map(|change| &change.fields));
    Some(event!(level, *kind, at, Subject::Drives { count }, fields, "drives {predicate} count={count}{suffix}"))
}

/// Sorts warnings first, keeps at most `MAX_DRIVE_EVENTS` events, and returns the others.
pub(super) fn sort_and_limit(events: &mut Vec<Event>) -> Vec<Event> {
    events.sort_by_key(|event| event.level);
    events.split_off(events.len().min(MAX_DRIVE_EVENTS))
}

/// One event that counts the rest; `None` if there is no rest.
pub(super) fn event_of_rest(rest: &[Event], at: Timestamp) -> Option<Event> {
    if rest.is_empty() {
        return None;
    }
    let fields = merge_fields(rest.iter().map(|event| &event.fields));
    let count = rest.len();
    let (kind, subject) = (EventKind::ManyDrives, Subject::Drives { count });
    Some(event!(Level::Warn, kind, at, subject, fields, "more drives changed count={count}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{POOL, SERIAL};

    const AT: Timestamp = Timestamp(7);

    fn change(serial: usize, predicate: &'static str, level: Level, pool: &str) -> PendingEvent {
        PendingEvent {
            kind: if level == Level::Warn { EventKind::DriveWorse } else { EventKind::DriveBetter },
            level,
            predicate,
            drive: format!("device=sd{serial}"),
            suffix: " suffix=\"x\"".to_owned(),
            subject: Subject::Drive { serial_number: Some(serial.to_string().into()), device: format!("sd{serial}") },
            fields: EventFields::none().with(SERIAL, serial).with(POOL, pool),
        }
    }

    #[test]
    fn equal_changes_of_many_drives_become_one_event() {
        let changes: Vec<_> = (0..13).map(|n| change(n, "crit", Level::Warn, "tank")).collect();
        let events = coalesce(changes, AT);
        let [event] = events.as_slice() else { panic!("{events:#?}") };
        assert_eq!((event.kind, event.level, event.at), (EventKind::DriveWorse, Level::Warn, AT));
        assert_eq!(event.text, "drives crit count=13 suffix=\"x\"");
        assert_eq!(event.subject, Subject::Drives { count: 13 });
        assert_eq!(event.fields, EventFields::none().with(POOL, "tank").with_each(SERIAL, 0..13));
    }

    #[test]
    fn few_changes_stay_separate_events_in_order_of_their_groups() {
        let changes = vec![
            change(1, "crit", Level::Warn, "tank"),
            change(2, "ok", Level::Info, "tank"),
            change(3, "crit", Level::Warn, "dozer"),
        ];
        let events = coalesce(changes, AT);
        let texts: Vec<&str> = events.iter().map(|event| event.text.as_str()).collect();
        let expected = [
            "drive crit device=sd1 suffix=\"x\"",
            "drive crit device=sd3 suffix=\"x\"",
            "drive ok device=sd2 suffix=\"x\"",
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn warnings_are_kept_first_and_the_rest_is_returned() {
        let mut changes: Vec<_> = (0..12).map(|n| change(n, "ok", Level::Info, "")).collect();
        changes.push(change(12, "crit", Level::Warn, ""));
        let mut events = coalesce(changes, AT);
        let rest = sort_and_limit(&mut events);
        assert_eq!((events.len(), rest.len()), (12, 1));
        assert_eq!(events.first().map(|event| event.text.as_str()), Some("drive crit device=sd12 suffix=\"x\""));
        assert_eq!(rest.first().map(|event| event.text.as_str()), Some("drive ok device=sd11 suffix=\"x\""));
    }
}
