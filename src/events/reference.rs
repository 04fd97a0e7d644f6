//! The events as users see them: for each kind the beginning of its text, its levels and its journal fields. The table in
//! `docs/logging.md` is generated from it; `tests/it/generated_docs/events.rs` and the tests of the journal compare it with
//! the events that the daemon emits.

use super::fields::{
    BAY, DEVICE, ENCLOSURE, FROM_BAY, FROM_ENCLOSURE, POOL, RULE, SCSI_HOST, SERIAL, STATE, UID, VERDICT, WAS,
};
use super::kind::EventKind;
use log::Level::{self, Error, Info, Warn};

/// The text, levels and fields of the events of one kind.
pub struct EventReference {
    pub kind: EventKind,
    /// Beginnings of its text.
    pub texts: &'static [&'static str],
    /// The most severe first.
    pub levels: &'static [Level],
    /// Possible fields in the journal, besides `MESSAGE_ID`. An event about several drives has the serial number of
    /// each, and the other fields that are equal in all of them.
    pub fields: &'static [&'static str],
}

const fn event(
    kind: EventKind,
    texts: &'static [&'static str],
    levels: &'static [Level],
    fields: &'static [&'static str],
) -> EventReference {
    EventReference { kind, texts, levels, fields }
}

/// Fields of an event about a drive whose verdict or state has changed.
const STATUS: &[&str] = &[SERIAL, DEVICE, ENCLOSURE, BAY, POOL, RULE, VERDICT, STATE, WAS];

/// Every kind, in the order of its definition.
#[rustfmt::skip]
pub static EVENT_REFERENCE: &[EventReference] = &[
    event(EventKind::Started, &["started"], &[Info], &[]),
    event(EventKind::Stopping, &["stopping"], &[Info], &[]),
    event(EventKind::DriveAppeared, &["drive added"], &[Info], &[SERIAL, DEVICE, ENCLOSURE, BAY, POOL]),
    event(EventKind::DriveMissing, &["drive missing"], &[Warn], &[SERIAL, DEVICE, ENCLOSURE, BAY, POOL, STATE]),
    event(EventKind::DriveBack, &["drive returned"], &[Info], &[SERIAL, DEVICE, ENCLOSURE, BAY, POOL]),
    event(EventKind::DriveMoved, &["drive moved"], &[Info],
        &[SERIAL, DEVICE, ENCLOSURE, BAY, FROM_ENCLOSURE, FROM_BAY, POOL]),
    event(EventKind::DriveReplaced, &["drive replaced"], &[Warn], &[SERIAL, DEVICE, ENCLOSURE, BAY, POOL]),
    event(EventKind::DriveForgotten, &["drive forgotten", "drives forgotten"], &[Info],
        &[SERIAL, DEVICE, ENCLOSURE, BAY, UID]),
    event(EventKind::PathsForgotten, &["paths forgotten"], &[Info], &[SERIAL, DEVICE, ENCLOSURE, BAY, UID]),
    event(EventKind::ShelfForgotten, &["shelf forgotten"], &[Info], &[ENCLOSURE, UID]),
    event(EventKind::ModulesForgotten, &["io modules forgotten"], &[Info], &[ENCLOSURE, UID]),
    event(EventKind::DriveWorse, &["drive watch", "drive warn", "drive crit"], &[Warn, Info], STATUS),
    event(EventKind::DriveBetter, &["drive ok", "drive watch", "drive warn"], &[Warn, Info], STATUS),
    event(EventKind::DriveUnread, &["drive unreadable"], &[Warn], STATUS),
    event(EventKind::DriveUnresponsive, &["drive unresponsive"], &[Warn], STATUS),
    event(EventKind::DriveAnswers, &["drive ok", "drive readable again"], &[Info], STATUS),
    event(EventKind::ManyDrives, &["more drives changed", "more drives added, removed or moved"], &[Warn],
        &[SERIAL, ENCLOSURE, POOL, RULE, VERDICT, STATE, WAS, SCSI_HOST]),
    event(EventKind::PathLost, &["drive lost a path"], &[Warn], &[SERIAL, DEVICE, ENCLOSURE, BAY, SCSI_HOST]),
    event(EventKind::PathBack, &["drive regained a path"], &[Info], &[SERIAL, DEVICE, ENCLOSURE, BAY, SCSI_HOST]),
    event(EventKind::HostSilent, &["scsi host unresponsive"], &[Warn], &[SCSI_HOST, SERIAL, ENCLOSURE]),
    event(EventKind::HostAnswers, &["scsi host responds again"], &[Info], &[SCSI_HOST, SERIAL, ENCLOSURE]),
    event(EventKind::ShelfSilent, &["shelf unresponsive"], &[Warn], &[ENCLOSURE]),
    event(EventKind::ShelfAnswers, &["shelf responds again"], &[Info], &[ENCLOSURE]),
    event(EventKind::ShelfMissing, &["shelf missing"], &[Warn], &[ENCLOSURE, SERIAL]),
    event(EventKind::ShelfBack, &["shelf returned"], &[Info], &[ENCLOSURE, SERIAL]),
    event(EventKind::ModuleMissing, &["io module missing"], &[Warn], &[ENCLOSURE, SCSI_HOST]),
    event(EventKind::ModuleBack, &["io module returned"], &[Info], &[ENCLOSURE, SCSI_HOST]),
    event(EventKind::PoolState, &["pool state changed"], &[Warn, Info], &[POOL, STATE, WAS]),
    event(EventKind::PoolFinding, &["pool watch", "pool warn", "pool crit"], &[Warn, Info], &[POOL, RULE, VERDICT]),
    event(EventKind::PoolFindingEnded, &["pool finding resolved"], &[Info], &[POOL, RULE, WAS]),
    event(EventKind::RedisAway, &["redis unavailable"], &[Warn], &[]),
    event(EventKind::RedisBack, &["redis available again"], &[Info], &[]),
    event(EventKind::RedisRefuses, &["redis rejects writes"], &[Warn], &[]),
    event(EventKind::RedisTakes, &["redis accepts writes again"], &[Info], &[]),
    event(EventKind::SmartctlUnusable, &["smartctl unusable"], &[Error], &[]),
    event(EventKind::SmartctlUsable, &["smartctl usable again"], &[Info], &[]),
    event(EventKind::ZpoolUnreadable, &["zpool unavailable"], &[Warn], &[]),
    event(EventKind::ZpoolReadable, &["zpool available again"], &[Info], &[]),
    event(EventKind::Sweep, &["sweep completed"], &[Info], &[]),
    event(EventKind::ClockSet, &["system clock stepped"], &[Warn], &[]),
    event(EventKind::LinesLeftOut, &["log rate limit reached", "log lines suppressed", "log lines lost"], &[Warn], &[]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_described_once_and_in_order() {
        let kinds: Vec<EventKind> = EVENT_REFERENCE.iter().map(|event| event.kind).collect();
        assert_eq!(kinds, EventKind::ALL);
        for event in EVENT_REFERENCE {
            assert!(event.levels.is_sorted() && !event.levels.is_empty(), "{:?}", event.kind);
            assert!(event.fields.iter().all(|field| field.starts_with("JBOD_")), "{:?}", event.kind);
        }
    }
}
