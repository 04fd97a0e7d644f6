//! The event type.

use super::fields::EventFields;
use super::kind::EventKind;
use crate::domain::identity::{EnclosureId, ScsiHost, SerialNumber};
use crate::domain::time::Timestamp;
use log::Level;

/// Something that happened, as a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) kind: EventKind,
    pub(crate) at: Timestamp,
    pub(crate) level: Level,
    pub(crate) subject: Subject,
    pub(crate) fields: EventFields,
    /// One line: `subject event` in lower case, then `key=value` pairs.
    pub(crate) text: String,
    pub(crate) source: SourceLocation,
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Drive {
        serial_number: Option<SerialNumber>,
        device: String,
    },
    /// Several drives; the fields contain their serial numbers.
    Drives {
        count: usize,
    },
    ScsiHost(ScsiHost),
    /// By its id.
    Enclosure(EnclosureId),
    /// By its name.
    Pool(String),
    Redis,
    Smartctl,
    Zpool,
    /// The daemon itself.
    Service,
}

/// The place in the source that created an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SourceLocation {
    pub(crate) module: &'static str,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
}

impl Event {
    /// Approximate memory of the event.
    pub(super) fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.text.capacity() + self.fields.size_bytes()
    }
}
