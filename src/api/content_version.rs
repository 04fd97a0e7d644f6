//! Content version of a body: a hash of its bytes, stored at their beginning. The first bytes of a stored value show
//! whether it is cached already. Version and value cannot disagree, as they could in two keys.

use serde::{Deserialize, Serialize, Serializer};
use std::ops::Range;

/// A hash of the bytes of a body that follow it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Version", with = "String"))]
pub struct ContentVersion(u64);

/// The length in bytes of the header of a body, which ends with its version.
pub(crate) const VERSION_PREFIX_BYTES: usize = VERSION_RANGE.end + 1;

/// The beginning of every body with a version, up to the version. The number is `SCHEMA`.
const PREFIX: &[u8] = b"{\"schema\":1,\"version\":\"";
const DIGITS: usize = 16;
const VERSION_RANGE: Range<usize> = PREFIX.len()..PREFIX.len() + DIGITS;

impl ContentVersion {
    /// The version of bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(hash(bytes))
    }

    /// Reads the content version from a body or its header; `None` if it has none.
    pub(crate) fn read(header: &[u8]) -> Option<Self> {
        let digits = header.get(VERSION_RANGE)?;
        let is_hex = digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_hex || !header.starts_with(PREFIX) || header.get(VERSION_RANGE.end) != Some(&b'"') {
            return None;
        }
        let hash = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        Some(Self(hash))
    }
}

impl std::fmt::Display for ContentVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for ContentVersion {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ContentVersion {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        u64::from_str_radix(&text, 16).map(Self).map_err(serde::de::Error::custom)
    }
}

/// The JSON of a body whose first fields are `schema` and `version`, with its version.
pub(crate) fn with_version(body: &impl Serialize) -> Vec<u8> {
    // Strings, numbers and lists only: serialization cannot fail. An empty value would be a miss.
    let mut json = serde_json::to_vec(body).unwrap_or_default();
    stamp(&mut json);
    json
}

/// Updates the version of a body that was changed. Does nothing to a body without a version.
pub(crate) fn stamp(body: &mut [u8]) {
    if ContentVersion::read(body).is_none() {
        return;
    }
    let version = ContentVersion::of(body.get(VERSION_RANGE.end..).unwrap_or_default()).to_string();
    if let Some(digits) = body.get_mut(VERSION_RANGE) {
        digits.copy_from_slice(version.as_bytes());
    }
}

/// FNV-1a with eight bytes per step and the high bits mixed down after each: fast for megabytes, and equal in every
/// run.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = mix(hash, u64::from_le_bytes(*word));
    }
    for byte in rest {
        hash = mix(hash, u64::from(*byte));
    }
    mix(hash, u64::try_from(bytes.len()).unwrap_or(0))
}

fn mix(hash: u64, word: u64) -> u64 {
    let hash = (hash ^ word).wrapping_mul(0x0100_0000_01b3);
    hash ^ (hash >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::SCHEMA;

    #[derive(Serialize)]
    struct Body {
        schema: u32,
        version: ContentVersion,
        text: String,
    }

    fn body(text: &str) -> Vec<u8> {
        with_version(&Body { schema: SCHEMA, version: ContentVersion::default(), text: text.to_owned() })
    }

    #[test]
    fn a_version_is_at_the_beginning_and_changes_with_any_byte() {
        let base = "a".repeat(100);
        let body_bytes = body(&base);
        let version = ContentVersion::read(&body_bytes);
        assert_ne!(version.unwrap(), ContentVersion::default(), "{}", String::from_utf8_lossy(&body_bytes));
        assert_eq!(ContentVersion::read(&body_bytes[..VERSION_PREFIX_BYTES]), version);
        assert_eq!(body(&base), body_bytes, "the same bytes have the same version");
        let mut seen = std::collections::HashSet::from([version.unwrap().0]);
        for at in 0..base.len() {
            let other = format!("{}b{}", &base[..at], &base[at + 1..]);
            assert!(seen.insert(ContentVersion::read(&body(&other)).unwrap().0), "byte {at}");
        }
        for length in 0..base.len() {
            assert!(seen.insert(ContentVersion::read(&body(&base[..length])).unwrap().0), "length {length}");
        }
    }

    #[test]
    fn other_bodies_have_no_version() {
        let body_bytes = body("x");
        for cut in 0..VERSION_PREFIX_BYTES {
            assert_eq!(ContentVersion::read(&body_bytes[..cut]), None, "{cut}");
        }
        let others: [&[u8]; 4] = [
            br#"{"schema":2,"version":"0123456789abcdef","#,
            br#"{"schema":1,"version":"0123456789ABCDEF","#,
            br#"{"schema":1,"version":"+123456789abcdef","#,
            br#"{"schema":1,"version":"0123456789abcdef0"#,
        ];
        for other in others {
            assert_eq!(ContentVersion::read(other), None, "{}", String::from_utf8_lossy(other));
        }
    }
}
