//! The beginning of a stored overview, with its host and time: enough to decide whether the holder of the poll lease
//! delivers, without the bays and drives that follow.

use super::SCHEMA;
use super::content_version::ContentVersion;
use super::overview::SweepStats;
use crate::domain::host_identity::HostKey;
use crate::domain::time::Timestamp;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// Number of bytes at the beginning of an overview that contain all fields of [`Published`].
pub(crate) const OVERVIEW_PREFIX_BYTES: usize = 4096;
/// Maximum length of a host name (gethostname(2)); a longer name is truncated.
const MAX_HOST_CHARS: usize = 64;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) version: ContentVersion,
    pub(crate) host: String,
    pub(crate) host_id: Option<HostKey>,
    pub(crate) topology: String,
    pub(crate) generated_at: Option<Timestamp>,
    /// The last complete sweep.
    pub(crate) sweep: SweepStats,
}

impl Published {
    /// Reads an overview, or its first bytes. `None`: it is not an overview, or has no host.
    pub(crate) fn read(begin: &[u8]) -> Option<Self> {
        let mut found = PublishedFields::default();
        // A truncated text ends in an error; the fields before that are known.
        let _ = (&mut found).deserialize(&mut serde_json::Deserializer::from_slice(begin));
        if found.schema != Some(SCHEMA) {
            return None;
        }
        Some(Self {
            version: found.version.unwrap_or_default(),
            host: found.host?.chars().take(MAX_HOST_CHARS).collect(),
            host_id: found.host_id,
            topology: found.topology.unwrap_or_default(),
            generated_at: found.generated_at,
            sweep: found.sweep.unwrap_or_default(),
        })
    }

    /// Duration of the last complete sweep.
    pub(crate) fn sweep_took(&self) -> Option<Duration> {
        self.sweep.took_ms.map(Duration::from_millis)
    }
}

#[derive(Default)]
struct PublishedFields {
    schema: Option<u32>,
    version: Option<ContentVersion>,
    host: Option<String>,
    host_id: Option<HostKey>,
    topology: Option<String>,
    generated_at: Option<Timestamp>,
    sweep: Option<SweepStats>,
}

impl<'de> DeserializeSeed<'de> for &mut PublishedFields {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut PublishedFields {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an overview")
    }

    /// Each field is stored at once: a later one may be truncated.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<str>>()? {
            match &*key {
                "schema" => self.schema = Some(map.next_value()?),
                "version" => self.version = Some(map.next_value()?),
                "host" => self.host = Some(map.next_value()?),
                "host_id" => self.host_id = map.next_value()?,
                "topology" => self.topology = Some(map.next_value()?),
                "generated_at" => self.generated_at = Some(map.next_value()?),
                "sweep" => self.sweep = Some(map.next_value()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_an_overview_has_its_publisher() {
        let complete = br#"{"schema":1,"version":"00000000000000ff","host":"nas1","topology":"t","generated_at":"2026-01-01T00:00:00Z","totals":{"drives":4},"sweep":{"started_at":null,"took_ms":2500,"drives":4,"failed":0,"timed_out":0},"enclosures":[{"id":"e"}]}"#;
        let read = Published::read(complete).unwrap_or_default();
        assert_eq!((read.host.as_str(), read.generated_at), ("nas1", Some(Timestamp(1_767_225_600))));
        assert_eq!(
            (read.version.to_string().as_str(), read.sweep_took()),
            ("00000000000000ff", Some(Duration::from_millis(2500)))
        );
        let enclosures = complete.windows(12).position(|window| window == b"\"enclosures\"").unwrap_or(0);
        assert_eq!(Published::read(&complete[..enclosures]), Some(read));
        for cut in 0..complete.len() {
            assert!(Published::read(&complete[..cut]).is_none_or(|read| read.host == "nas1"), "{cut}");
        }
        for none in
            [&b"{\"schema\":2,\"host\":\"nas1\"}"[..], b"{\"schema\":1}", b"", b"[]", b"\xff", b"{\"host\":\"x\"}"]
        {
            assert_eq!(Published::read(none), None, "{:?}", String::from_utf8_lossy(none));
        }
        let long = format!(r#"{{"schema":1,"host":"{}"}}"#, "ü".repeat(500));
        assert_eq!(Published::read(long.as_bytes()).map(|read| read.host.chars().count()), Some(MAX_HOST_CHARS));
    }
}
