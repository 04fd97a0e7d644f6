//! The most recent events in memory, limited in number and size.

use super::event::Event;
use super::sink::Sink;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

const MAX_EVENTS: usize = 1_000;
/// Needed besides `MAX_EVENTS`, because an event about many drives contains a serial number for each.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// The newest events. If the limits are exceeded, the oldest are evicted.
#[derive(Default)]
pub(crate) struct EventRing(Mutex<Contents>);

#[derive(Default)]
struct Contents {
    events: VecDeque<Event>,
    bytes: usize,
}

impl EventRing {
    /// Oldest first.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.contents().events.iter().cloned().collect()
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for EventRing {
    fn record(&self, event: &Event) {
        let event = event.clone();
        let mut contents = self.contents();
        contents.bytes += event.size_bytes();
        contents.events.push_back(event);
        while contents.events.len() > MAX_EVENTS || contents.bytes > MAX_BYTES {
            let Some(oldest) = contents.events.pop_front() else { break };
            contents.bytes -= oldest.size_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;
    use crate::events::{EventFields, EventKind, SERIAL, Subject, event};
    use log::Level;

    fn event(at: i64, fields: EventFields) -> Event {
        event!(Level::Warn, EventKind::ManyDrives, Timestamp(at), Subject::Drives { count: 2 }, fields, "x")
    }

    #[test]
    fn ring_keeps_the_last_thousand_events_in_order() {
        let ring = EventRing::default();
        for at in 0..1_005 {
            ring.record(&event(at, EventFields::none()));
        }
        let events = ring.events();
        assert_eq!(events.len(), MAX_EVENTS);
        assert_eq!(events.first().map(|event| event.at), Some(Timestamp(5)));
        assert_eq!(events.last().map(|event| event.at), Some(Timestamp(1_004)));
    }

    #[test]
    fn large_events_evict_more_of_the_oldest() {
        let ring = EventRing::default();
        let large = EventFields::none().with_each(SERIAL, (0..10_000).map(|n| format!("{n:032}")));
        for at in 0..20 {
            ring.record(&event(at, large.clone()));
        }
        let kept = ring.events();
        assert!((2..20).contains(&kept.len()), "{}", kept.len());
        assert_eq!(kept.last().map(|event| event.at), Some(Timestamp(19)));
        ring.record(&event(20, EventFields::none().with(SERIAL, "x".repeat(MAX_BYTES))));
        assert_eq!(ring.events(), [], "an event above the limit is not kept");
        assert_eq!(ring.contents().bytes, 0);
    }
}
