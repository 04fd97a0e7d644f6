//! Timestamps in API bodies and stored values.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Maximum difference of clocks: a timestamp that is ahead by more is from another clock.
const MAX_AHEAD_SECONDS: i64 = 60;

/// A time in seconds since 1970 (UTC); RFC 3339 in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Seconds from `self` to `now`; 0 if `self` is later, because the clock was set back.
    pub fn age_seconds(self, now: Self) -> u64 {
        u64::try_from(now.0.saturating_sub(self.0)).unwrap_or(0)
    }

    /// Later than `now` by more than `MAX_AHEAD_SECONDS`: from another clock, or from a time before the clock was set back.
    pub(crate) fn is_ahead_of(self, now: Self) -> bool {
        self.0.saturating_sub(now.0) > MAX_AHEAD_SECONDS
    }

    /// The same time on a clock that was set forward by that number of seconds.
    #[must_use]
    pub(crate) fn shifted(self, by_seconds: i64) -> Self {
        Self(self.0.saturating_add(by_seconds))
    }

    /// That number of seconds after 1970. `None`: it has no date.
    pub(crate) fn from_seconds(seconds: u64) -> Option<Self> {
        let time = Self(i64::try_from(seconds).ok()?);
        time.civil()?;
        Some(time)
    }

    /// The time of a date (year, month, day) and a time of day (hours, minutes, seconds) in UTC. `None`: it is not valid.
    pub(crate) fn from_utc((year, month, day): (i16, i8, i8), (hour, minute, second): (i8, i8, i8)) -> Option<Self> {
        let civil = jiff::civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
        let time = jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()?;
        Some(Self(time.as_second()))
    }

    /// The date in the format of HTTP headers (RFC 9110, IMF-fixdate); empty if it has none.
    pub fn to_http_date(self) -> String {
        let Some(time) = self.civil() else { return String::new() };
        jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).unwrap_or_default()
    }

    fn civil(self) -> Option<jiff::Timestamp> {
        jiff::Timestamp::from_second(self.0).ok()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.civil() {
            Some(time) => time.fmt(f),
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
    fn times_are_rfc_3339_and_ages_are_not_negative() {
        let time = Timestamp(1_767_225_600);
        assert_eq!(serde_json::to_string(&time).unwrap(), "\"2026-01-01T00:00:00Z\"");
        assert_eq!(serde_json::from_str::<Timestamp>("\"2026-01-01T00:00:00Z\"").unwrap(), time);
        assert_eq!(time.to_http_date(), "Thu, 01 Jan 2026 00:00:00 GMT");
        assert_eq!(time.age_seconds(time.shifted(5)), 5);
        assert_eq!(time.age_seconds(time.shifted(-5)), 0);
    }

    #[test]
    fn invalid_dates_are_rejected() {
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
