//! Sinks, the receivers of events. The list of sinks is global to the process.

use super::event::Event;
use std::sync::{Arc, PoisonError, RwLock};

/// Receives every event.
pub(crate) trait Sink: Send + Sync {
    /// Called on the thread that emits the event.
    fn record(&self, event: &Event);
}

static SINKS: RwLock<Vec<Arc<dyn Sink>>> = RwLock::new(Vec::new());

/// Adds a sink for all later events.
pub(crate) fn add_sink(sink: Arc<dyn Sink>) {
    SINKS.write().unwrap_or_else(PoisonError::into_inner).push(sink);
}

/// Passes an event to every sink, in the order in which the sinks were added.
pub(crate) fn emit(event: &Event) {
    // Cloned, so that the lock is not held while a sink blocks.
    let sinks = SINKS.read().unwrap_or_else(PoisonError::into_inner).clone();
    for sink in sinks {
        sink.record(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;
    use crate::events::{EventFields, EventKind, EventRing, Subject, event};
    use log::Level;

    #[test]
    fn every_sink_gets_an_event_once() {
        let rings = [Arc::new(EventRing::default()), Arc::new(EventRing::default())];
        for ring in &rings {
            add_sink(Arc::<EventRing>::clone(ring));
        }
        let subject = Subject::Pool("pool of this test".to_owned());
        let event = event!(
            Level::Info,
            EventKind::PoolState,
            Timestamp(1),
            subject.clone(),
            EventFields::none(),
            "pool state changed"
        );
        emit(&event);
        for ring in rings {
            let recorded: Vec<Event> = ring.events().into_iter().filter(|event| event.subject == subject).collect();
            assert_eq!(recorded.as_slice(), std::slice::from_ref(&event));
        }
    }
}
