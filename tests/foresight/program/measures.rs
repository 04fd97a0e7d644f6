//! How well an alarm predicts failures: recall by lead, false alarms, precision.

use super::history::{Day, Drive};
use super::ratio::{Estimate, Ratio};
use std::ops::Range;

/// Leads in days. An alarm counts for a lead if it was raised at least this long before the failure.
pub(super) const LEADS: [i32; 5] = [0, 1, 7, 14, 30];
/// P30 is the probability of a failure within this number of days.
pub(super) const HORIZON_DAYS: i32 = 30;

/// The dates of a drive.
pub(super) struct Life {
    first: Day,
    last: Day,
    /// `None`: not seen to fail.
    pub(super) failure: Option<Day>,
    /// The number of drives of the population that this one represents.
    weight: f64,
    /// Its failure is at least `history_days` after the first reading.
    pub(super) has_history: bool,
}

impl Life {
    pub(super) fn of(drive: &Drive, history_days: i32) -> Self {
        let first = drive.runs.first().map_or(0, |run| run.from);
        let last = drive.runs.last().map_or(0, |run| run.until);
        let has_history = match drive.failure {
            Some(failure) => failure - first >= history_days,
            None => false,
        };
        Self { first, last, failure: drive.failure, weight: drive.weight, has_history }
    }

    /// From the first reading to the last.
    pub(super) fn days(&self) -> i32 {
        self.last - self.first + 1
    }

    /// There is a day whose following 30 days are known.
    pub(super) fn is_followed(&self) -> bool {
        self.days() > HORIZON_DAYS
    }

    /// The number of days whose following 30 days are known, and of these the number that a failure follows within 30
    /// days. The day of the failure is not a prediction.
    fn days_with_known_future(&self, days: &Range<Day>) -> (i32, i32) {
        let Some(failure) = self.failure else {
            return (days_within(days, Day::MIN..self.last - HORIZON_DAYS + 1), 0);
        };
        let ahead = failure - HORIZON_DAYS..failure;
        let seen_through = Day::MIN..(self.last - HORIZON_DAYS + 1).min(ahead.start);
        let failing = days_within(days, ahead);
        (days_within(days, seen_through) + failing, failing)
    }
}

/// The number of days in both ranges.
fn days_within(days: &Range<Day>, other: Range<Day>) -> i32 {
    (days.end.min(other.end) - days.start.max(other.start)).max(0)
}

/// The measures of one alarm over the drives of a source.
#[derive(Default)]
pub(super) struct Measures {
    failed: u32,
    healthy: u32,
    pub(super) alarmed_failed: u32,
    pub(super) alarmed_healthy: u32,
    recall: [Ratio; LEADS.len()],
    healthy_ever: Ratio,
    alarm_days: Ratio,
    precision: Ratio,
    p30: Ratio,
}

impl Measures {
    /// Adds a drive with the days of its alarms, in date order.
    pub(super) fn add(&mut self, life: &Life, alarms: impl Iterator<Item = Range<Day>>) {
        let mut first_alarm = None;
        let (mut alarm_days, mut known_days, mut failing_days) = (0, 0, 0);
        for days in alarms {
            first_alarm = first_alarm.or(Some(days.start));
            alarm_days += days.end - days.start;
            let (known, failing) = life.days_with_known_future(&days);
            known_days += known;
            failing_days += failing;
        }
        self.p30.add(f64::from(failing_days), f64::from(known_days));
        match life.failure {
            Some(failure) => self.add_failed(life, failure, first_alarm),
            None => self.add_healthy(life, alarm_days),
        }
    }

    fn add_failed(&mut self, life: &Life, failure: Day, first_alarm: Option<Day>) {
        self.failed += 1;
        if first_alarm.is_some() {
            self.alarmed_failed += 1;
            self.precision.add(1.0, 1.0);
        }
        if life.has_history {
            for (lead, recall) in LEADS.iter().zip(&mut self.recall) {
                let in_time = match first_alarm {
                    Some(day) if day <= failure - lead => 1.0,
                    _ => 0.0,
                };
                recall.add(in_time, 1.0);
            }
        }
    }

    fn add_healthy(&mut self, life: &Life, alarm_days: i32) {
        self.healthy += 1;
        let weight = life.weight;
        let ever = if alarm_days > 0 { weight } else { 0.0 };
        if alarm_days > 0 {
            self.alarmed_healthy += 1;
            self.precision.add(0.0, weight);
        }
        self.healthy_ever.add(ever, weight);
        self.alarm_days.add(weight * f64::from(alarm_days), weight * f64::from(life.days()));
    }

    /// The part of the failed drives with enough history that were in alarm early enough, in the order of `LEADS`.
    pub(super) fn recall(&self) -> [Option<Estimate>; LEADS.len()] {
        self.recall.map(|recall| recall.estimate())
    }

    /// The part of the drives not seen to fail that were ever in alarm.
    pub(super) fn healthy_ever(&self) -> Option<Estimate> {
        self.healthy_ever.estimate()
    }

    /// The part of the days of drives not seen to fail that were in alarm.
    pub(super) fn alarm_days(&self) -> Option<Estimate> {
        self.alarm_days.estimate()
    }

    /// The part of the drives that were ever in alarm that failed. `None` if there are no failed or no healthy drives.
    pub(super) fn precision(&self) -> Option<Estimate> {
        if self.has_both_kinds() { self.precision.estimate() } else { None }
    }

    /// The part of the days in alarm, of those whose following 30 days are known, that a failure follows within 30
    /// days.
    pub(super) fn p30(&self) -> Option<Estimate> {
        if self.has_both_kinds() { self.p30.estimate() } else { None }
    }

    fn has_both_kinds(&self) -> bool {
        self.failed > 0 && self.healthy > 0
    }
}
