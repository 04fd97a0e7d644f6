//! At which values a rule speaks: its own limits, and what an administrator has set instead, for
//! every drive or for models by name.

use super::Severity;
use crate::domain::glob::matches;
use std::collections::BTreeMap;
use std::fmt;

/// Which way a value gets worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worse {
    /// Reached at a limit and above.
    Above,
    /// Reached at a limit and below.
    Below,
    /// No number decides: the rule is on or off.
    State,
}

/// The limits of a rule. A level that is `None` is never reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    pub worse: Worse,
    pub watch: Option<i64>,
    pub warn: Option<i64>,
    pub crit: Option<i64>,
}

impl Steps {
    pub const STATE: Self = Self { worse: Worse::State, watch: None, warn: None, crit: None };

    pub const fn above(watch: Option<i64>, warn: Option<i64>, crit: Option<i64>) -> Self {
        Self { worse: Worse::Above, watch, warn, crit }
    }

    pub const fn below(watch: Option<i64>, warn: Option<i64>, crit: Option<i64>) -> Self {
        Self { worse: Worse::Below, watch, warn, crit }
    }

    fn levels(self) -> [(Severity, Option<i64>); 3] {
        [(Severity::Crit, self.crit), (Severity::Warn, self.warn), (Severity::Watch, self.watch)]
    }

    /// The worst level that the value reaches, and its limit.
    pub fn reached(self, value: i64) -> Option<(Severity, i64)> {
        let is_past = |limit: i64| match self.worse {
            Worse::Above => value >= limit,
            Worse::Below => value <= limit,
            Worse::State => false,
        };
        self.levels().into_iter().find_map(|(severity, limit)| Some((severity, limit.filter(|l| is_past(*l))?)))
    }

    fn with(self, set: &Override) -> Self {
        let step = |own: Option<i64>, set: Option<Step>| match set {
            None => own,
            Some(Step::Off) => None,
            Some(Step::At(limit)) => Some(limit),
        };
        Self {
            worse: self.worse,
            watch: step(self.watch, set.watch),
            warn: step(self.warn, set.warn),
            crit: step(self.crit, set.crit),
        }
    }
}

impl fmt::Display for Steps {
    /// `watch ≥ 1, warn ≥ 17, crit ≥ 1101`; `on` where no number decides.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.worse {
            Worse::Above => '≥',
            Worse::Below => '≤',
            Worse::State => return f.write_str("on"),
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

/// One level as it was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Off,
    At(i64),
}

/// What was set of one rule; `None` is left as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Override {
    pub enabled: Option<bool>,
    pub watch: Option<Step>,
    pub warn: Option<Step>,
    pub crit: Option<Step>,
}

/// Everything that was set, by the rule's code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    pub rules: BTreeMap<String, Override>,
    /// By a pattern of the model's name (`*` any text, `?` any character). Where several match, the
    /// longer pattern has the last word.
    pub models: BTreeMap<String, BTreeMap<String, Override>>,
}

impl Limits {
    /// The limits of a rule for a drive of that model; `None`: the rule is off for it.
    pub fn of(&self, code: &str, own: Steps, model: Option<&str>) -> Option<Steps> {
        let mut by_model: Vec<(&str, &Override)> = self
            .models
            .iter()
            .filter(|(pattern, _)| model.is_some_and(|m| matches(pattern, m)))
            .filter_map(|(pattern, rules)| Some((pattern.as_str(), rules.get(code)?)))
            .collect();
        by_model.sort_by_key(|(pattern, _)| pattern.len());
        let mut steps = Some(own);
        let mut last = own;
        for set in self.rules.get(code).into_iter().chain(by_model.into_iter().map(|(_, set)| set)) {
            last = last.with(set);
            steps = match set.enabled {
                Some(false) => None,
                Some(true) => Some(last),
                None => steps.map(|_| last),
            };
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Steps = Steps::above(Some(1), Some(17), Some(1101));

    fn set(pairs: &[(&str, Override)]) -> BTreeMap<String, Override> {
        pairs.iter().map(|(code, set)| ((*code).to_owned(), *set)).collect()
    }

    #[test]
    fn the_worst_level_that_is_reached_counts() {
        assert_eq!(OWN.reached(0), None);
        assert_eq!(OWN.reached(16), Some((Severity::Watch, 1)));
        assert_eq!(OWN.reached(17), Some((Severity::Warn, 17)));
        assert_eq!(OWN.reached(5000), Some((Severity::Crit, 1101)));
        let spare = Steps::below(None, Some(10), Some(-1));
        assert_eq!(spare.reached(11), None);
        assert_eq!(spare.reached(10), Some((Severity::Warn, 10)));
        assert_eq!(spare.reached(-3), Some((Severity::Crit, -1)));
        assert_eq!(Steps::STATE.reached(7), None);
    }

    #[test]
    fn a_longer_pattern_has_the_last_word() {
        let off = Override { enabled: Some(false), ..Override::default() };
        let on = Override { enabled: Some(true), crit: Some(Step::Off), ..Override::default() };
        let limits = Limits {
            rules: set(&[("A5", Override { warn: Some(Step::At(50)), ..Override::default() })]),
            models: [
                ("ST*".to_owned(), set(&[("A5", off)])),
                ("ST4000*".to_owned(), set(&[("A5", on)])),
                ("*9".to_owned(), set(&[("A3", off)])),
            ]
            .into(),
        };
        assert_eq!(limits.of("A5", OWN, Some("WDC X")), Some(Steps { warn: Some(50), ..OWN }));
        assert_eq!(limits.of("A5", OWN, Some("st8000")), None);
        assert_eq!(limits.of("A5", OWN, Some("ST4000DM")), Some(Steps { warn: Some(50), crit: None, ..OWN }));
        assert_eq!(limits.of("A3", OWN, Some("X-9")), None);
        assert_eq!(limits.of("A3", OWN, None), Some(OWN));
    }
}
