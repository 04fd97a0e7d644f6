//! An event: something that happened, as a value.

use super::fields::EventFields;
use super::kind::EventKind;
use crate::domain::identity::{EnclosureId, ScsiHost, SerialNumber};
use crate::domain::time::Timestamp;
use log::Level;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) kind: EventKind,
    pub(crate) at: Timestamp,
    pub(crate) level: Level,
    pub(crate) subject: Subject,
    pub(crate) fields: EventFields,
    /// For people, in one line: the event in lower case, then `key=value`.
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
    /// Several drives; the fields have their serial numbers.
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

/// Where in the source an event was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SourceLocation {
    pub(crate) module: &'static str,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
}

impl Event {
    /// Memory that it takes, roughly.
    pub(super) fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.text.capacity() + self.fields.size_bytes()
    }
}
