//! What is known, as values: drives, readings, bays, pools, verdicts, and how they join.
//!
//! Pure: no I/O, no clock, no log. "Now" is always a parameter. Unknown is `None`, never 0.

pub mod attachment;
pub mod bodies;
pub mod device_type;
pub mod doc;
pub mod drive;
pub mod enclosure;
pub mod fleet;
pub mod health;
pub mod json_size;
pub mod layout;
pub mod map;
pub mod measured;
pub mod no_reading;
pub mod overview;
pub mod published;
#[cfg(feature = "schema")]
pub mod schema;
pub mod service;
pub mod short;
pub mod smart;
pub mod value_limits;
pub mod version;
mod vocabulary;
pub mod whereis;
pub mod words;
pub mod zfs;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;

/// Version of every body and stored value. Another number in a stored value makes it a miss.
pub const SCHEMA: u32 = 1;

/// What is dated later than now by more than this was dated by another clock.
const AHEAD_SECONDS: i64 = 60;

/// A moment in whole seconds since 1970 (UTC); RFC 3339 in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Whole seconds from `self` to `now`; never negative, also when the clock went back.
    pub fn age_seconds(self, now: Self) -> u64 {
        u64::try_from(now.0.saturating_sub(self.0)).unwrap_or(0)
    }

    /// Later than `now` by more than the clocks of one host may differ: dated by a clock that was set
    /// since.
    pub fn is_ahead_of(self, now: Self) -> bool {
        self.0.saturating_sub(now.0) > AHEAD_SECONDS
    }

    /// The same moment, on a clock that was set by so much.
    #[must_use]
    pub fn shifted(self, by_seconds: i64) -> Self {
        Self(self.0.saturating_add(by_seconds))
    }

    /// The date as HTTP headers want it (RFC 9110, IMF-fixdate).
    pub fn to_http_date(self) -> String {
        self.civil()
            .and_then(|t| jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&t).ok())
            .unwrap_or_default()
    }

    fn civil(self) -> Option<jiff::Timestamp> {
        jiff::Timestamp::from_second(self.0).ok()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.civil() {
            Some(t) => t.fmt(f),
            None => self.0.fmt(f),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        let moment: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Self(moment.as_second()))
    }
}

/// FNV-1a, 64 bits: a hash that is the same in every run and version.
pub fn fnv1a(bytes: impl IntoIterator<Item = u8>) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, mix)
}

/// Text order in which numbers count as numbers (`Slot 2` before `Slot 10`).
pub fn natural_cmp(left: &str, right: &str) -> Ordering {
    let (mut a, mut b) = (left, right);
    loop {
        if a.is_empty() || b.is_empty() {
            return a.len().cmp(&b.len()).then_with(|| left.cmp(right));
        }
        let digits = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
        let (na, nb) = (digits(a), digits(b));
        let step = if na > 0 && nb > 0 {
            let (da, db) = (a[..na].trim_start_matches('0'), b[..nb].trim_start_matches('0'));
            (da.len().cmp(&db.len()).then_with(|| da.cmp(db)), na, nb)
        } else {
            let (ca, cb) = (a.chars().next(), b.chars().next());
            (ca.cmp(&cb), ca.map_or(0, char::len_utf8), cb.map_or(0, char::len_utf8))
        };
        if step.0 != Ordering::Equal {
            return step.0;
        }
        (a, b) = (&a[step.1..], &b[step.2..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_and_ages_never_negative() {
        let t = Timestamp(1_767_225_600);
        assert_eq!(serde_json::to_string(&t).ok().as_deref(), Some("\"2026-01-01T00:00:00Z\""));
        assert_eq!(serde_json::from_str::<Timestamp>("\"2026-01-01T00:00:00Z\"").ok(), Some(t));
        assert_eq!(t.to_http_date(), "Thu, 01 Jan 2026 00:00:00 GMT");
        assert_eq!(t.age_seconds(Timestamp(t.0 + 5)), 5);
        assert_eq!(t.age_seconds(Timestamp(t.0 - 5)), 0);
    }

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut names = ["Slot 10", "Slot 2", "Slot 02", "Slot", "0:0:11:0", "0:0:2:0"];
        names.sort_by(|a, b| natural_cmp(a, b));
        assert_eq!(names, ["0:0:2:0", "0:0:11:0", "Slot", "Slot 02", "Slot 2", "Slot 10"]);
    }
}
