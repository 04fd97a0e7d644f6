//! The thresholds at which a rule reports: its own, and those that an administrator has set.

use super::verdict::{Severity, Verdict};
use std::fmt;
use std::time::Duration;

/// The direction in which a value gets worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// A level is reached at its limit and above.
    HigherIsWorse,
    /// A level is reached at its limit and below.
    LowerIsWorse,
    /// The rule compares no number: its condition decides which of these severities a finding has.
    OnOff(&'static [Severity]),
}

/// The levels of a rule. A level that is `None` is never reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    pub direction: Direction,
    /// The window of a rule on growth; `None`: the value itself is compared.
    pub(crate) window: Option<Duration>,
    pub watch: Option<i64>,
    pub warn: Option<i64>,
    pub crit: Option<i64>,
}

impl Thresholds {
    /// A rule without thresholds, and the severities that its findings may have.
    pub(crate) const fn on_off(severities: &'static [Severity]) -> Self {
        Self { direction: Direction::OnOff(severities), window: None, watch: None, warn: None, crit: None }
    }

    pub(crate) const fn above(watch: Option<i64>, warn: Option<i64>, crit: Option<i64>) -> Self {
        Self { direction: Direction::HigherIsWorse, window: None, watch, warn, crit }
    }

    pub(crate) const fn below(watch: Option<i64>, warn: Option<i64>, crit: Option<i64>) -> Self {
        Self { direction: Direction::LowerIsWorse, window: None, watch, warn, crit }
    }

    fn levels(self) -> [(Severity, Option<i64>); 3] {
        [(Severity::Crit, self.crit), (Severity::Warn, self.warn), (Severity::Watch, self.watch)]
    }

    /// The worst level that the value reaches, and its limit.
    pub(crate) fn reached(self, value: i64) -> Option<(Severity, i64)> {
        for (severity, limit) in self.levels() {
            let Some(limit) = limit else { continue };
            let is_reached = match self.direction {
                Direction::HigherIsWorse => value >= limit,
                Direction::LowerIsWorse => value <= limit,
                Direction::OnOff(_) => false,
            };
            if is_reached {
                return Some((severity, limit));
            }
        }
        None
    }

    /// The thresholds with the levels that were set in place of the rule's own.
    #[must_use]
    pub(crate) fn with(self, set: &RuleOverride) -> Self {
        Self {
            watch: LevelSetting::replace(self.watch, set.watch),
            warn: LevelSetting::replace(self.warn, set.warn),
            crit: LevelSetting::replace(self.crit, set.crit),
            ..self
        }
    }
}

pub(super) const WATCH: Thresholds = Thresholds::on_off(&[Severity::Watch]);
pub(super) const WARN: Thresholds = Thresholds::on_off(&[Severity::Warn]);
pub(super) const CRIT: Thresholds = Thresholds::on_off(&[Severity::Crit]);
pub(super) const WARN_OR_CRIT: Thresholds = Thresholds::on_off(&[Severity::Warn, Severity::Crit]);
pub(super) const ANY_SEVERITY: Thresholds = Thresholds::on_off(&[Severity::Watch, Severity::Warn, Severity::Crit]);

impl fmt::Display for Thresholds {
    /// `watch ≥ 1, warn ≥ 17, crit ≥ 1101`; `warn, crit` where no number is compared.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.direction {
            Direction::HigherIsWorse => '≥',
            Direction::LowerIsWorse => '≤',
            Direction::OnOff(severities) => {
                let names: Vec<&str> = severities.iter().map(|severity| Verdict::from(*severity).as_str()).collect();
                return f.write_str(&names.join(", "));
            }
        };
        let mut between = "";
        for (name, limit) in [("watch", self.watch), ("warn", self.warn), ("crit", self.crit)] {
            if let Some(limit) = limit {
                write!(f, "{between}{name} {sign} {limit}")?;
                between = ", ";
            }
        }
        if between.is_empty() { f.write_str("no level is set") } else { Ok(()) }
    }
}

/// The setting of one level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LevelSetting {
    /// The level is never reached.
    Off,
    /// The limit of the level.
    At(i64),
}

impl LevelSetting {
    fn replace(own: Option<i64>, set: Option<Self>) -> Option<i64> {
        match set {
            None => own,
            Some(Self::Off) => None,
            Some(Self::At(limit)) => Some(limit),
        }
    }
}

/// The settings of one rule; `None`: not set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleOverride {
    pub enabled: Option<bool>,
    pub watch: Option<LevelSetting>,
    pub warn: Option<LevelSetting>,
    pub crit: Option<LevelSetting>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Thresholds = Thresholds::above(Some(1), Some(17), Some(1101));

    #[test]
    fn worst_level_that_is_reached_counts() {
        assert_eq!(OWN.reached(0), None);
        assert_eq!(OWN.reached(16), Some((Severity::Watch, 1)));
        assert_eq!(OWN.reached(17), Some((Severity::Warn, 17)));
        assert_eq!(OWN.reached(5000), Some((Severity::Crit, 1101)));
        let spare = Thresholds::below(None, Some(10), Some(-1));
        assert_eq!(spare.reached(11), None);
        assert_eq!(spare.reached(10), Some((Severity::Warn, 10)));
        assert_eq!(spare.reached(-3), Some((Severity::Crit, -1)));
        assert_eq!(WARN.reached(7), None);
    }
}
