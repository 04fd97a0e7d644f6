//! The structured fields of an event, with their names in the journal (systemd.journal-fields(7)).

use std::fmt;

/// The kind of the event: selects it in `journalctl MESSAGE_ID=…`, and its catalog entry in `journalctl -x`.
pub(crate) const MESSAGE_ID: &str = "MESSAGE_ID";
pub(crate) const SERIAL: &str = "JBOD_SERIAL";
pub(crate) const DEVICE: &str = "JBOD_DEVICE";
pub(crate) const BAY: &str = "JBOD_BAY";
pub(crate) const ENCLOSURE: &str = "JBOD_ENCLOSURE";
pub(crate) const FROM_BAY: &str = "JBOD_FROM_BAY";
pub(crate) const FROM_ENCLOSURE: &str = "JBOD_FROM_ENCLOSURE";
pub(crate) const POOL: &str = "JBOD_POOL";
pub(crate) const RULE: &str = "JBOD_RULE";
pub(crate) const VERDICT: &str = "JBOD_VERDICT";
pub(crate) const STATE: &str = "JBOD_STATE";
/// The verdict or state before the event.
pub(crate) const WAS: &str = "JBOD_WAS";
pub(crate) const SCSI_HOST: &str = "JBOD_SCSI_HOST";
/// User id of the client that requested the change.
pub(crate) const UID: &str = "JBOD_UID";

/// Names and values in order. A name may occur several times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EventFields(Vec<(&'static str, String)>);

impl EventFields {
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// Adds a field. An empty value is omitted.
    #[must_use]
    pub(crate) fn with(mut self, field: &'static str, value: impl fmt::Display) -> Self {
        let value = value.to_string();
        if !value.is_empty() {
            self.0.push((field, value));
        }
        self
    }

    #[must_use]
    pub(crate) fn with_each(
        mut self,
        field: &'static str,
        values: impl IntoIterator<Item = impl fmt::Display>,
    ) -> Self {
        for value in values {
            self = self.with(field, value);
        }
        self
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(field, value)| (*field, value.as_str()))
    }

    /// All values of one field, in order.
    pub(crate) fn values<'a>(&'a self, field: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| *name == field).map(|(_, value)| value.as_str())
    }

    /// Approximate heap memory of names and values.
    pub(super) fn size_bytes(&self) -> usize {
        self.0.iter().map(|pair| size_of_val(pair) + pair.1.capacity()).sum()
    }
}

/// Fields of an event about several subjects: every serial number, and the fields that are equal in all of them.
pub(crate) fn merge_fields<'a>(all: impl IntoIterator<Item = &'a EventFields>) -> EventFields {
    let all: Vec<&EventFields> = all.into_iter().collect();
    let mut merged = EventFields::none();
    let Some((first, others)) = all.split_first() else { return merged };
    for field in [ENCLOSURE, POOL, RULE, VERDICT, STATE, WAS, SCSI_HOST] {
        if others.iter().all(|other| other.values(field).eq(first.values(field))) {
            merged = merged.with_each(field, first.values(field));
        }
    }
    for fields in &all {
        merged = merged.with_each(SERIAL, fields.values(SERIAL));
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_fields_hold_every_serial_number_and_what_is_common() {
        let fields = |serial: &str, pool: &str| {
            EventFields::none().with(SERIAL, serial).with(ENCLOSURE, "e").with(POOL, pool).with(BAY, 1)
        };
        let merged = merge_fields(&[fields("A", "tank"), fields("B", "tank")]);
        let expected = EventFields::none().with(ENCLOSURE, "e").with(POOL, "tank").with_each(SERIAL, ["A", "B"]);
        assert_eq!(merged, expected);
        let merged = merge_fields(&[fields("A", "tank"), fields("B", "")]);
        assert_eq!(merged, EventFields::none().with(ENCLOSURE, "e").with_each(SERIAL, ["A", "B"]));
        assert_eq!(merge_fields(&[]), EventFields::none());
    }
}
