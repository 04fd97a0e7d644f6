//! Events of the service itself: whether smartctl can be used, and a sweep that changed something.

use crate::api::overview::Overview;
use crate::collector::SmartctlTransition;
use crate::domain::time::Timestamp;
use crate::domain::zfs::{Zfs, ZfsState};
use crate::events::{Event, EventFields, EventKind, Subject, event};
use log::Level;
use std::fmt::Write as _;

pub(super) fn smartctl_changed(transition: &SmartctlTransition, at: Timestamp) -> Event {
    let (subject, fields) = (Subject::Smartctl, EventFields::none());
    match transition {
        SmartctlTransition::BecameUnusable(tool) => {
            let kind = EventKind::SmartctlUnusable;
            let text = format!("{tool}; bays and drives are shown without health: {}", tool.remedy());
            event!(Level::Error, kind, at, subject, fields, "{text}")
        }
        SmartctlTransition::Recovered(tool) => {
            event!(Level::Info, EventKind::SmartctlUsable, at, subject, fields, "{tool} can be used now")
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ZpoolStatus {
    #[default]
    Answers,
    Fails,
}

impl ZpoolStatus {
    pub(super) fn of(zfs: &Zfs) -> Self {
        if zfs.error.is_some() { Self::Fails } else { Self::Answers }
    }
}

/// zpool stopped answering, or answers again.
pub(super) fn zpool_changed(before: ZpoolStatus, zfs: &Zfs, at: Timestamp) -> Option<Event> {
    let (subject, fields) = (Subject::Zpool, EventFields::none());
    match &zfs.error {
        Some(error) if before == ZpoolStatus::Answers => {
            let pools = match zfs.state {
                ZfsState::Read { .. } => "pools are shown as they were",
                ZfsState::NotAsked | ZfsState::NotInstalled => "no pool is known",
            };
            let text = format!("zpool gives no answer, {pools} error={error:?}");
            Some(event!(Level::Warn, EventKind::ZpoolUnreadable, at, subject, fields, "{text}"))
        }
        None if before == ZpoolStatus::Fails => {
            Some(event!(Level::Info, EventKind::ZpoolReadable, at, subject, fields, "zpool answers again"))
        }
        Some(_) | None => None,
    }
}

/// The sweep in numbers. `changed`: drives whose status has changed.
pub(super) fn sweep_completed(overview: &Overview, changed: usize, at: Timestamp) -> Event {
    let (totals, sweep) = (&overview.totals, &overview.sweep);
    let mut counts = String::new();
    for (name, count) in totals.by_verdict.named().into_iter().chain(totals.by_state.named()) {
        if count > 0 {
            let _ = write!(counts, " {name}={count}");
        }
    }
    event!(
        Level::Info,
        EventKind::Sweep,
        at,
        Subject::Service,
        EventFields::none(),
        "sweep changed={changed} drives={} took_ms={} failed={} timed_out={}{counts}",
        totals.drives,
        sweep.took_ms.unwrap_or(0),
        sweep.failed.unwrap_or(0),
        sweep.timed_out.unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outage_of_zpool_is_two_events() {
        let at = Timestamp(7);
        let zfs = |state, error: Option<&str>| Zfs { state, error: error.map(str::to_owned), pools: Vec::new() };
        let read = ZfsState::Read { at };
        let text = |before, zfs: &Zfs| zpool_changed(before, zfs, at).map(|event| event.text);
        assert_eq!(text(ZpoolStatus::Answers, &zfs(read, None)), None);
        let begins = "zpool gives no answer, pools are shown as they were error=\"a\"";
        assert_eq!(text(ZpoolStatus::Answers, &zfs(read, Some("a"))).as_deref(), Some(begins));
        assert_eq!(text(ZpoolStatus::Fails, &zfs(read, Some("b"))), None);
        assert_eq!(text(ZpoolStatus::Fails, &zfs(read, None)).as_deref(), Some("zpool answers again"));
        let begins = "zpool gives no answer, no pool is known error=\"a\"";
        assert_eq!(text(ZpoolStatus::Answers, &zfs(ZfsState::NotAsked, Some("a"))).as_deref(), Some(begins));
    }
}
