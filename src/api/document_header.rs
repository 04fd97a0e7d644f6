//! The header of a stored value: the fields that decide whether it may be served.

use super::SCHEMA;
use crate::domain::drive::DriveState;
use crate::domain::enclosure::Bay;
use crate::domain::identity::{EnclosureId, Identity, SerialNumber};
use crate::domain::time::Timestamp;
use serde::Deserialize;

/// The fields of a stored value that decide whether it may be served.
#[derive(Clone, Debug, Deserialize)]
pub struct DocumentHeader {
    pub(crate) schema: u32,
    #[serde(default)]
    pub(crate) identity: Identity,
    #[serde(default)]
    pub(crate) serial_number: Option<SerialNumber>,
    #[serde(default)]
    pub(crate) topology: Option<String>,
    #[serde(default)]
    pub(crate) state: Option<DriveState>,
    #[serde(default)]
    pub(crate) enclosure: Option<EnclosureId>,
    #[serde(default)]
    pub(crate) slot: Option<u32>,
    #[serde(default)]
    pub(crate) slot_name: Option<String>,
    #[serde(default)]
    pub(crate) collected_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) checked_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) generated_at: Option<Timestamp>,
}

impl DocumentHeader {
    /// `None` if the value is not JSON of this schema.
    pub fn parse(value: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(value).ok().filter(|head| head.schema == SCHEMA)
    }

    /// Whether the value is about that drive in that bay.
    pub(crate) fn is_of(&self, identity: &Identity, bay: Option<&Bay>) -> bool {
        let is_in_bay = match bay {
            Some(bay) => {
                self.enclosure.as_ref() == Some(&bay.enclosure)
                    && (self.slot, self.slot_name.as_deref()) == (bay.slot.number(), bay.slot.name())
            }
            None => self.enclosure.is_none() && self.slot.is_none(),
        };
        is_in_bay && self.identity == *identity
    }

    /// The time from which `Age` counts: that of the values, or else that of the check that returned none.
    pub(crate) fn observed_at(&self) -> Option<Timestamp> {
        self.collected_at.or(self.checked_at).or(self.generated_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_schema_is_a_value() {
        assert!(DocumentHeader::parse(br#"{"schema":1,"generated_at":"2026-01-01T00:00:00Z"}"#).is_some());
        for bad in [&b"{\"schema\":2}"[..], b"{\"", b"", b"[]", b"\xff\xfe", b"{\"schema\":\"1\"}", b"42"] {
            assert!(DocumentHeader::parse(bad).is_none(), "{:?}", String::from_utf8_lossy(bad));
        }
    }
}
