//! The list of missing drives: the value of `jbod:gone`.

use super::SCHEMA;
use super::json_limits::JsonLimits;
use super::value_limits::DOCUMENT;
use crate::domain::enclosure::Bay;
use crate::domain::host_identity::{HostKey, HostName};
use crate::domain::identity::{EnclosureId, Identity};
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The drives of a host that are missing: the value of `jbod:gone`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct MissingList<'a> {
    schema: u32,
    host: std::borrow::Cow<'a, str>,
    /// Key of the host, as in the overview.
    #[serde(default)]
    host_id: Option<HostKey>,
    generated_at: Timestamp,
    /// The last document of each drive.
    #[serde(borrow)]
    drives: Vec<&'a RawValue>,
}

/// Builds the list with as many of the documents as its limits allow, in their order. Returns it and the number of
/// documents that were left out.
pub(crate) fn build_missing_list<'a>(
    limits: &JsonLimits,
    host: HostName,
    generated_at: Timestamp,
    documents: impl Iterator<Item = &'a [u8]>,
) -> (Vec<u8>, usize) {
    let (host_name, host_id) = (host.name.into(), host.id.cloned());
    let mut list = MissingList { schema: SCHEMA, host: host_name, host_id, generated_at, drives: Vec::new() };
    let empty = serde_json::to_vec(&list).unwrap_or_default();
    let mut bytes_left = limits.bytes.saturating_sub(empty.len());
    let mut values_left = limits.values.saturating_sub(limits.check(&empty).unwrap_or(limits.values));
    let mut left_out = 0;
    for document in documents {
        // With its comma.
        let bytes = document.len() + 1;
        if let Ok(values) = DOCUMENT.check(document)
            && values <= values_left
            && bytes <= bytes_left
            && let Ok(raw) = serde_json::from_slice(document)
        {
            bytes_left -= bytes;
            values_left -= values;
            list.drives.push(raw);
        } else {
            left_out += 1;
        }
    }
    (serde_json::to_vec(&list).unwrap_or_default(), left_out)
}

/// The documents in a list. `None` if the value is not a list of that host.
pub fn parse_missing_list<'a, 'b>(value: &'a [u8], host: impl Into<HostName<'b>>) -> Option<Vec<&'a RawValue>> {
    let body: MissingList = serde_json::from_slice(value).ok()?;
    let stored = HostName { name: &body.host, id: body.host_id.as_ref() };
    if body.schema == SCHEMA && stored.is(host.into()) { Some(body.drives) } else { None }
}

/// The part of a stored document that decides whether its drive is restored.
#[derive(Debug, Deserialize)]
pub(crate) struct Outline {
    schema: u32,
    pub(crate) identity: Identity,
    #[serde(default)]
    pub(crate) missing_since: Option<Timestamp>,
    #[serde(default)]
    enclosure: Option<EnclosureId>,
    #[serde(default)]
    slot: Option<u32>,
    #[serde(default)]
    slot_name: Option<String>,
}

impl Outline {
    pub(crate) fn parse(document: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(document).ok().filter(|outline| outline.schema == SCHEMA)
    }

    /// The last bay of the drive.
    pub(crate) fn bay(&self) -> Option<Bay> {
        Bay::known(self.enclosure.as_ref(), self.slot, self.slot_name.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::value_limits::ValueLimits;

    #[test]
    fn the_list_of_missing_drives_stays_within_the_limits_it_is_read_with() {
        let limits = JsonLimits { bytes: 100_000, values: 1_000, ..ValueLimits::default().missing_list };
        let now = Timestamp(1_767_225_600);
        let document = |n: usize, filler: &str| format!(r#"{{"schema":1,"n":{n},"a":[{filler}]}}"#);
        let listed = |documents: &[String]| {
            let (list, left_out) =
                build_missing_list(&limits, "nas1".into(), now, documents.iter().map(String::as_bytes));
            assert!(limits.check(&list).is_ok(), "{} bytes", list.len());
            let found = parse_missing_list(&list, "nas1").unwrap();
            (found.iter().map(|raw| raw.get().to_owned()).collect::<Vec<_>>(), left_out)
        };
        assert_eq!(listed(&[]), (Vec::new(), 0));
        let text = format!("\"{}\"", "x".repeat(9_000));
        let long: Vec<String> = (0..30).map(|n| document(n, &text)).collect();
        assert_eq!(listed(&long), (long[..11].to_vec(), 19), "by bytes");
        let many: Vec<String> = (0..30).map(|n| document(n, &"0,".repeat(90)[..179])).collect();
        assert_eq!(listed(&many), (many[..10].to_vec(), 20), "by values");
        // A document that would be rejected is left out alone.
        let deep = document(0, &("[".repeat(50) + &"]".repeat(50)));
        let others = [deep, "{".to_owned(), document(1, "0")];
        assert_eq!(listed(&others), (others[2..].to_vec(), 2));
    }
}
