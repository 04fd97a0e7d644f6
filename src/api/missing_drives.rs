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
    /// As in the overview.
    #[serde(default)]
    host_id: Option<HostKey>,
    generated_at: Timestamp,
    /// Their last documents.
    #[serde(borrow)]
    drives: Vec<&'a RawValue>,
}

/// Builds that list, with as many of the documents as its limits allow, in their order; returns it and the
/// number of those left out.
pub(crate) fn build_missing_list<'a>(
    limits: &JsonLimits,
    host: HostName,
    generated_at: Timestamp,
    documents: impl Iterator<Item = &'a [u8]>,
) -> (Vec<u8>, usize) {
    let body = |drives| {
        let body =
            MissingList { schema: SCHEMA, host: host.name.into(), host_id: host.id.cloned(), generated_at, drives };
        serde_json::to_vec(&body).unwrap_or_default()
    };
    let empty = body(Vec::new());
    let mut bytes = limits.bytes.saturating_sub(empty.len());
    let mut values = limits.values.saturating_sub(limits.check(&empty).unwrap_or(limits.values));
    let (mut drives, mut left_out) = (Vec::new(), 0);
    for document in documents {
        // With its comma.
        let size = document.len() + 1;
        let of_document = DOCUMENT.check(document).ok().filter(|count| *count <= values && size <= bytes);
        let raw = of_document.and_then(|count| Some((count, serde_json::from_slice(document).ok()?)));
        let Some((count, raw)) = raw else {
            left_out += 1;
            continue;
        };
        bytes -= size;
        values -= count;
        drives.push(raw);
    }
    (body(drives), left_out)
}

/// The documents in such a list, if it is one of that host.
pub fn parse_missing_list<'a, 'b>(value: &'a [u8], host: impl Into<HostName<'b>>) -> Option<Vec<&'a RawValue>> {
    let body: MissingList = serde_json::from_slice(value).ok()?;
    let stored = HostName { name: &body.host, id: body.host_id.as_ref() };
    (body.schema == SCHEMA && stored.is(host.into())).then_some(body.drives)
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
}

impl Outline {
    pub(crate) fn parse(document: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(document).ok().filter(|outline| outline.schema == SCHEMA)
    }

    /// The bay that the drive sat in last.
    pub(crate) fn bay(&self) -> Option<Bay> {
        Bay::known(self.enclosure.as_ref(), self.slot)
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
            let found = parse_missing_list(&list, "nas1")
                .map(|found| found.iter().map(|raw| raw.get().to_owned()).collect::<Vec<_>>());
            (found.unwrap_or_default(), left_out)
        };
        assert_eq!(listed(&[]), (Vec::new(), 0));
        let text = format!("\"{}\"", "x".repeat(9_000));
        let long: Vec<String> = (0..30).map(|n| document(n, &text)).collect();
        assert_eq!(listed(&long), (long[..11].to_vec(), 19), "by bytes");
        let many: Vec<String> = (0..30).map(|n| document(n, &"0,".repeat(90)[..179])).collect();
        assert_eq!(listed(&many), (many[..10].to_vec(), 20), "by values");
        // One that would not be read is left out, and the others are not.
        let deep = document(0, &("[".repeat(50) + &"]".repeat(50)));
        let others = [deep, "{".to_owned(), document(1, "0")];
        assert_eq!(listed(&others), (others[2..].to_vec(), 2));
    }
}
