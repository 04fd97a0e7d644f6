//! Events of the service itself: the availability of smartctl and zpool, and sweeps that changed something.

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
            let (error, remedy) = (tool.to_string(), tool.remedy());
            let text = format!("smartctl unusable, showing drives without health error={error:?} remedy={remedy:?}");
            event!(Level::Error, kind, at, subject, fields, "{text}")
        }
        SmartctlTransition::Recovered(tool) => {
            let tool = tool.to_string();
            event!(Level::Info, EventKind::SmartctlUsable, at, subject, fields, "smartctl usable again tool={tool:?}")
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ZpoolStatus {
    #[default]
    Available,
    Unavailable,
}

impl ZpoolStatus {
    pub(super) fn of(zfs: &Zfs) -> Self {
        if zfs.error.is_some() { Self::Unavailable } else { Self::Available }
    }
}

/// The event if zpool has become unavailable, or available again.
pub(super) fn zpool_changed(before: ZpoolStatus, zfs: &Zfs, at: Timestamp) -> Option<Event> {
    let (subject, fields) = (Subject::Zpool, EventFields::none());
    match &zfs.error {
        Some(error) if before == ZpoolStatus::Available => {
            let pools = match zfs.state {
                ZfsState::Read { .. } => "showing the last known pools",
                ZfsState::NotAsked | ZfsState::NotInstalled => "no pools known",
            };
            let text = format!("zpool unavailable, {pools} error={error:?}");
            Some(event!(Level::Warn, EventKind::ZpoolUnreadable, at, subject, fields, "{text}"))
        }
        None if before == ZpoolStatus::Unavailable => {
            Some(event!(Level::Info, EventKind::ZpoolReadable, at, subject, fields, "zpool available again"))
        }
        Some(_) | None => None,
    }
}

/// The counts of a sweep. `changed`: number of drives whose status has changed.
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
        "sweep completed changed={changed} drives={} took_ms={} failed={} timed_out={}{counts}",
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
        use ZpoolStatus::{Available, Unavailable};
        let at = Timestamp(7);
        let read = ZfsState::Read { at };
        let begin = "zpool unavailable, showing the last known pools error=\"a\"";
        let first = "zpool unavailable, no pools known error=\"a\"";
        for (before, state, error, text) in [
            (Available, read, None, None),
            (Available, read, Some("a"), Some(begin)),
            (Unavailable, read, Some("b"), None),
            (Unavailable, read, None, Some("zpool available again")),
            (Available, ZfsState::NotAsked, Some("a"), Some(first)),
        ] {
            let zfs = Zfs { state, error: error.map(str::to_owned), pools: Vec::new() };
            let event = zpool_changed(before, &zfs, at);
            assert_eq!(event.as_ref().map(|event| event.text.as_str()), text);
        }
    }
}
