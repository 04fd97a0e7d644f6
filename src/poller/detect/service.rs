//! Events of the service itself: whether smartctl can be used, and a sweep that changed something.

use crate::api::overview::Overview;
use crate::collector::SmartctlTransition;
use crate::domain::time::Timestamp;
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

/// zpool has stopped to answer, or answers again. Each argument is why it gives no answer; `None`: it does.
pub(super) fn zpool_changed(before: Option<&str>, after: Option<&str>, at: Timestamp) -> Option<Event> {
    let (subject, fields) = (Subject::Zpool, EventFields::none());
    match (before, after) {
        (None, Some(error)) => {
            let kind = EventKind::ZpoolUnreadable;
            Some(event!(
                Level::Warn,
                kind,
                at,
                subject,
                fields,
                "zpool gives no answer, pools are as they were error={error:?}"
            ))
        }
        (Some(_), None) => {
            let kind = EventKind::ZpoolReadable;
            Some(event!(Level::Info, kind, at, subject, fields, "zpool answers again"))
        }
        (None, None) | (Some(_), Some(_)) => None,
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
        let texts = [(None, None), (None, Some("a")), (Some("a"), Some("b")), (Some("b"), None)]
            .map(|(before, after)| zpool_changed(before, after, at).map(|event| event.text));
        let begins = "zpool gives no answer, pools are as they were error=\"a\"".to_owned();
        assert_eq!(texts, [None, Some(begins), None, Some("zpool answers again".to_owned())]);
    }
}
