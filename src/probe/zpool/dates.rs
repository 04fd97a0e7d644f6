//! Dates as zpool prints them. It runs in UTC, so a date without a zone is in UTC.

use crate::domain::time::Timestamp;

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// Length of a date of ctime(3): the day has two places.
const CTIME_BYTES: usize = 24;

/// A line of text with a date in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DatedLine<'a> {
    pub(super) before: &'a str,
    date: &'a str,
    /// `None` if the date is that of zero, which means that there is none.
    pub(super) at: Option<Timestamp>,
    after: &'a str,
}

impl<'a> DatedLine<'a> {
    /// The first date of ctime(3) in a line.
    pub(super) fn of(line: &'a str) -> Option<Self> {
        (0..line.len()).find_map(|start| Self::with_date_at(line, start))
    }

    fn with_date_at(line: &'a str, start: usize) -> Option<Self> {
        let (before, rest) = line.split_at_checked(start)?;
        let (date, after) = rest.split_at_checked(CTIME_BYTES)?;
        let moment = moment(date)?;
        Some(Self { before, date, at: nonzero(moment), after })
    }

    /// The line with the zone of its date.
    fn with_zone(&self) -> String {
        format!("{}{} UTC{}", self.before, self.date, self.after)
    }
}

/// A line with the zone of its date, if it has one.
pub(super) fn with_zone(line: &str) -> String {
    match DatedLine::of(line) {
        Some(dated) => dated.with_zone(),
        None => line.to_owned(),
    }
}

/// A date: `Sun Feb  8 01:03:31 2026` (ctime(3)), or `Sun Feb  8 01:03:31 UTC 2026` (`format_timestamp` of OpenZFS in
/// the C locale). `None` for other text, or for the date of zero, which means that there is none.
pub(super) fn date(text: &str) -> Option<Timestamp> {
    nonzero(moment(text)?)
}

/// Seconds since 1970. Zero means that there is no date.
pub(super) fn epoch(seconds: u64) -> Option<Timestamp> {
    nonzero(Timestamp::from_seconds(seconds)?)
}

fn nonzero(moment: Timestamp) -> Option<Timestamp> {
    if moment.0 > 0 { Some(moment) } else { None }
}

fn moment(text: &str) -> Option<Timestamp> {
    if !WEEKDAYS.iter().any(|weekday| text.starts_with(weekday)) {
        return None;
    }
    let mut words = text.split_ascii_whitespace();
    let (weekday, month, day, time) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let zone_or_year = words.next()?;
    let year = if zone_or_year == "UTC" { words.next()? } else { zone_or_year };
    if words.next().is_some() || !WEEKDAYS.contains(&weekday) {
        return None;
    }
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let mut parts = time.split(':');
    let time = (number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?);
    if parts.next().is_some() {
        return None;
    }
    Timestamp::from_utc((number(year)?, i8::try_from(month).ok()?, number(day)?), time)
}

/// Digits only: `parse` accepts a sign as well.
fn number<N: std::str::FromStr>(digits: &str) -> Option<N> {
    if !digits.as_bytes().iter().all(u8::is_ascii_digit) {
        return None;
    }
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_utc_or_not_at_all() {
        for (text, seconds) in [
            ("Sun Feb  8 01:03:31 2026", Some(1_770_512_611)),
            ("Thu Sep 19 10:00:00 2024", Some(1_726_740_000)),
            ("Thu Sep 19 10:00:00 UTC 2024", Some(1_726_740_000)),
            ("Thu Feb 29 23:59:59 2024", Some(1_709_251_199)),
            ("Thu Jan  1 00:00:00 1970", None),
            ("Thu Sep 19 10:00:00 CEST 2024", None),
            ("Thu 19 Sep 2024 10:00:00 AM UTC", None),
            ("Do 19. Sep 10:00:00 UTC 2024", None),
            ("Thu Sep 31 10:00:00 2024", None),
            ("Thu Sep 19 10:00 2024", None),
            ("Thu Sep 19 10:00:00:00 2024", None),
            ("Thu Sep 19 +9:00:00 2024", None),
            ("Thu Sep 19 10:00:00 2024 UTC", None),
            ("Thursday Sep 19 10:00:00 2024", None),
            ("-", None),
            ("", None),
        ] {
            assert_eq!(date(text).map(|at| at.0), seconds, "{text:?}");
        }
    }

    #[test]
    fn a_date_in_a_line_gets_its_zone() {
        for (line, expected) in [
            ("canceled on Thu Sep 19 10:00:00 2024", "canceled on Thu Sep 19 10:00:00 2024 UTC"),
            (
                "created Sat Feb  7 21:00:00 2026, consumes 1.20G",
                "created Sat Feb  7 21:00:00 2026 UTC, consumes 1.20G",
            ),
            (
                "(5% trimmed, started at Sun Feb  8 00:00:00 2026)",
                "(5% trimmed, started at Sun Feb  8 00:00:00 2026 UTC)",
            ),
            ("canceled on Tue", "canceled on Tue"),
            ("é Sun", "é Sun"),
            ("", ""),
        ] {
            assert_eq!(with_zone(line), expected);
        }
        let line = DatedLine::of("scrub paused since Thu Jan  1 00:00:00 1970").unwrap();
        assert_eq!((line.before, line.at), ("scrub paused since ", None));
    }

    #[test]
    fn zero_is_not_a_time() {
        assert_eq!(epoch(0), None);
        assert_eq!(epoch(u64::MAX), None);
        assert_eq!(epoch(1_726_740_000), Some(Timestamp(1_726_740_000)));
    }
}
