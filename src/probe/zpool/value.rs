//! JSON values as zpool writes them. A value of an unexpected type or range is `None`, not an error.

use super::dates;
use super::limits::MAX_OUTPUT_BYTES;
use super::scalars::{clip, count};
use crate::domain::time::Timestamp;
use crate::probe::json::{Json, Limits};
use std::borrow::Cow;

/// Enough for 11,000 leaves: a leaf of OpenZFS 2.3 has some 28 values, and up to 36 while it is trimmed or initialized.
pub(super) const LIMITS: Limits = Limits { bytes: MAX_OUTPUT_BYTES, values: 400_000, depth: 64 };

/// A value of a type that zpool uses: text, a non-negative number, a Boolean, an object. Objects keep their order,
/// which is that of the drives in the pool.
#[derive(Clone, Copy)]
pub(super) struct Field<'a>(pub(super) Json<'a>);

impl<'a> Field<'a> {
    pub(super) fn is_object(self) -> bool {
        self.0.is_object()
    }

    pub(super) fn entries(self) -> impl Iterator<Item = (Cow<'a, str>, Self)> {
        self.0.entries().map(|(key, value)| (key, Self(value)))
    }

    /// The value of a key; of duplicate keys, the last.
    pub(super) fn get(self, key: &str) -> Option<Self> {
        self.0.get(key).map(Self)
    }

    /// Text that is neither empty nor `-`.
    pub(super) fn text(self, key: &str) -> Option<Cow<'a, str>> {
        let text = match self.get(key)?.0.as_text()? {
            Cow::Borrowed(text) => Cow::Borrowed(clip(text)),
            Cow::Owned(text) => Cow::Owned(clip(&text).to_owned()),
        };
        if text.is_empty() || text == "-" {
            return None;
        }
        Some(text)
    }

    pub(super) fn owned(self, key: &str) -> Option<String> {
        self.text(key).map(Cow::into_owned)
    }

    pub(super) fn has(self, key: &str, text: &str) -> bool {
        self.text(key).as_deref() == Some(text)
    }

    /// A JSON number, not a string.
    pub(super) fn exact(self, key: &str) -> Option<u64> {
        self.get(key)?.0.as_number()?.parse().ok()
    }

    pub(super) fn number(self, key: &str) -> Option<u64> {
        match self.get(key)?.0.as_text() {
            Some(text) => count(text.trim()),
            None => self.exact(key),
        }
    }

    /// Set, and neither 0 nor `-`.
    pub(super) fn is_set(self, key: &str) -> bool {
        let Some(Self(value)) = self.get(key) else { return false };
        match value.as_text() {
            Some(text) => !matches!(text.trim(), "" | "-" | "0"),
            None => value.as_bool().unwrap_or(self.exact(key).unwrap_or(0) > 0),
        }
    }

    /// A number as text, with its unit if it has one.
    pub(super) fn amount(self, key: &str, unit: &str) -> Option<String> {
        match self.exact(key) {
            Some(number) => Some(format!("{number}{unit}")),
            None => self.owned(key),
        }
    }

    /// A time. With `--json-int` it is seconds since 1970, with plain `-j` a date in the language of zpool
    /// (`nice_num_str_nvlist` in `zpool_main.c`).
    pub(super) fn time(self, key: &str) -> Time {
        let Some(text) = self.text(key) else { return Time::of_epoch(self.exact(key)) };
        if text.as_bytes().iter().all(u8::is_ascii_digit) {
            return Time::of_epoch(text.parse().ok());
        }
        Time { at: dates::date(&text), words: Some(text.into_owned()) }
    }
}

/// A time, and its text. A time that cannot be parsed has only the text.
#[derive(Default)]
pub(super) struct Time {
    pub(super) at: Option<Timestamp>,
    pub(super) words: Option<String>,
}

impl Time {
    fn of_epoch(seconds: Option<u64>) -> Self {
        let at = seconds.and_then(dates::epoch);
        Self { at, words: at.map(|at| at.to_string()) }
    }
}
