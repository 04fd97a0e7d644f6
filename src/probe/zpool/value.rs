//! JSON as zpool writes it, read without trust: a value of an odd type or range is odd, not an error.

use super::{clip, count};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A value as far as it can mean something here. Objects keep their order, which is that of the
/// drives in the pool.
pub(super) enum Json {
    /// null, fractions, negative numbers, lists.
    Odd,
    Flag(bool),
    Number(u64),
    Text(String),
    Object(Vec<(String, Json)>),
}

/// More than any object of zpool's has; the rest is left out.
const ENTRIES: usize = 1 << 16;

impl Json {
    pub(super) fn entries(&self) -> &[(String, Self)] {
        if let Self::Object(entries) = self { entries } else { &[] }
    }

    /// The value of a key; of one that stands there twice, the last.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Text that says something: not empty, not `-`.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        let Self::Text(text) = self.get(key)? else { return None };
        Some(clip(text)).filter(|t| !t.is_empty() && *t != "-")
    }

    pub(super) fn owned(&self, key: &str) -> Option<String> {
        self.text(key).map(str::to_owned)
    }

    pub(super) fn number(&self, key: &str) -> Option<u64> {
        match self.get(key)? {
            Self::Number(number) => Some(*number),
            Self::Text(text) => count(text.trim()),
            _ => None,
        }
    }

    /// Set, and neither 0 nor `-`.
    pub(super) fn is_set(&self, key: &str) -> bool {
        match self.get(key) {
            Some(Self::Flag(flag)) => *flag,
            Some(Self::Text(text)) => !matches!(text.trim(), "" | "-" | "0"),
            Some(Self::Number(number)) => *number > 0,
            _ => false,
        }
    }

    /// A number as it stands, with its unit if it has one.
    pub(super) fn amount(&self, key: &str, unit: &str) -> Option<String> {
        match self.get(key)? {
            Self::Number(number) => Some(format!("{number}{unit}")),
            _ => self.owned(key),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Json, E> {
        Ok(Json::Flag(flag))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(u64::try_from(number).map_or(Json::Odd, Json::Number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Odd)
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Odd)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Json::Odd)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut entries = Vec::new();
        while entries.len() < ENTRIES {
            let Some(entry) = map.next_entry()? else { return Ok(Json::Object(entries)) };
            entries.push(entry);
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Json::Object(entries))
    }
}
