//! Timestamps, as in bodies and stored values.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A timestamp later than now by more than this is from another clock.
const MAX_AHEAD_SECONDS: i64 = 60;

/// A moment in whole seconds since 1970 (UTC); RFC 3339 in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Whole seconds from `self` to `now`; never negative, even if the clock was set back.
    pub fn age_seconds(self, now: Self) -> u64 {
        u64::try_from(now.0.saturating_sub(self.0)).unwrap_or(0)
    }

    /// Later than `now` by more than the clocks of one host may differ: dated by a clock that was set
    /// since.
    pub(crate) fn is_ahead_of(self, now: Self) -> bool {
        self.0.saturating_sub(now.0) > MAX_AHEAD_SECONDS
    }

    /// The same moment, on a clock that was set by that number of seconds.
    #[must_use]
    pub(crate) fn shifted(self, by_seconds: i64) -> Self {
        Self(self.0.saturating_add(by_seconds))
    }

    /// That many seconds after 1970. `None`: it cannot be written as a date.
    pub(crate) fn from_seconds(seconds: u64) -> Option<Self> {
        i64::try_from(seconds).ok().map(Self).filter(|moment| moment.civil().is_some())
    }

    /// The moment of a date (year, month, day) and a time of day (hours, minutes, seconds) in UTC.
    pub(crate) fn from_utc((year, month, day): (i16, i8, i8), (hour, minute, second): (i8, i8, i8)) -> Option<Self> {
        let civil = jiff::civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
        jiff::tz::TimeZone::UTC.to_timestamp(civil).ok().map(|moment| Self(moment.as_second()))
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
    fn what_is_no_date_is_no_time() {
        assert_eq!(Timestamp::from_utc((2026, 1, 1), (0, 0, 0)), Some(Timestamp(1_767_225_600)));
        assert_eq!(Timestamp::from_utc((2024, 2, 29), (23, 59, 59)), Some(Timestamp(1_709_251_199)));
        for (date, time) in [((2026, 2, 29), (0, 0, 0)), ((2026, 13, 1), (0, 0, 0)), ((2026, 1, 1), (24, 0, 0))] {
            assert_eq!(Timestamp::from_utc(date, time), None, "{date:?} {time:?}");
        }
        assert_eq!(Timestamp::from_seconds(1_767_225_600), Some(Timestamp(1_767_225_600)));
        for seconds in [u64::MAX, i64::MAX.unsigned_abs(), 999_999_999_999] {
            assert_eq!(Timestamp::from_seconds(seconds), None, "{seconds}");
        }
    }
}
