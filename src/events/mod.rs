//! Events as values, and the sinks that receive them.
//!
//! Each part creates its own events; `poller/detect` creates those of drives, SCSI hosts, enclosures and pools. The log
//! is one sink, the ring of recent events another. The time is a parameter.

mod event;
mod fields;
mod kind;
mod log_sink;
mod macros;
mod reference;
mod ring;
mod sink;

pub(crate) use event::{Event, SourceLocation, Subject};
pub(crate) use fields::{
    BAY, DEVICE, ENCLOSURE, EventFields, FROM_BAY, FROM_ENCLOSURE, MESSAGE_ID, POOL, RULE, SCSI_HOST, SERIAL, STATE,
    UID, VERDICT, WAS, merge_fields,
};
pub use kind::EventKind;
#[cfg(test)]
pub(crate) use log_sink::KeyValues;
pub(crate) use log_sink::LogSink;
pub(crate) use macros::event;
pub use reference::{EVENT_REFERENCE, EventReference};
pub(crate) use ring::EventRing;
pub(crate) use sink::{add_sink, emit};

use std::sync::{Arc, LazyLock};

static RECENT: LazyLock<Arc<EventRing>> = LazyLock::new(Arc::default);

/// Adds the log and the ring of recent events as sinks. Called once, before the first event.
pub fn add_default_sinks() {
    add_sink(Arc::new(LogSink));
    add_sink(Arc::<EventRing>::clone(&RECENT));
}

/// The most recent events of this process, oldest first.
#[expect(dead_code, reason = "not used yet: for history and notifications")]
pub(crate) fn recent() -> Vec<Event> {
    RECENT.events()
}
