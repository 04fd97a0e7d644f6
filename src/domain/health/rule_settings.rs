//! Settings of rules: for every subject, or for models by name.

use super::thresholds::{RuleOverride, Thresholds};
use super::verdict::RuleCode;
use crate::domain::glob::matches;
use std::collections::BTreeMap;

/// All settings of rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSettings {
    /// Settings for every subject, by the rule's code.
    pub rules: BTreeMap<RuleCode, RuleOverride>,
    /// Settings by a pattern of the model's name (`*` any text, `?` any character). If several patterns match, the longest
    /// takes precedence.
    pub models: BTreeMap<String, BTreeMap<RuleCode, RuleOverride>>,
}

impl RuleSettings {
    /// The thresholds of a rule for a subject of that model; `None`: the rule is disabled for it.
    pub(crate) fn of(&self, code: &RuleCode, own: Thresholds, model: Option<&str>) -> Option<Thresholds> {
        let mut by_model: Vec<(&str, &RuleOverride)> = Vec::new();
        for (pattern, rules) in &self.models {
            if let Some(model) = model
                && let Some(set) = rules.get(code)
                && matches(pattern, model)
            {
                by_model.push((pattern, set));
            }
        }
        by_model.sort_by_key(|(pattern, _)| pattern.len());
        let (mut thresholds, mut is_enabled) = (own, true);
        for set in self.rules.get(code).into_iter().chain(by_model.into_iter().map(|(_, set)| set)) {
            thresholds = thresholds.with(set);
            is_enabled = set.enabled.unwrap_or(is_enabled);
        }
        if is_enabled { Some(thresholds) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::health::thresholds::LevelSetting;

    const OWN: Thresholds = Thresholds::above(Some(1), Some(17), Some(1101));

    fn set(pairs: &[(&'static str, RuleOverride)]) -> BTreeMap<RuleCode, RuleOverride> {
        pairs.iter().map(|(code, set)| (RuleCode::new(code), *set)).collect()
    }

    #[test]
    fn the_longest_pattern_takes_precedence() {
        let off = RuleOverride { enabled: Some(false), ..RuleOverride::default() };
        let on = RuleOverride { enabled: Some(true), crit: Some(LevelSetting::Off), ..RuleOverride::default() };
        let limits = RuleSettings {
            rules: set(&[("A5", RuleOverride { warn: Some(LevelSetting::At(50)), ..RuleOverride::default() })]),
            models: [
                ("ST*".to_owned(), set(&[("A5", off)])),
                ("ST4000*".to_owned(), set(&[("A5", on)])),
                ("*9".to_owned(), set(&[("A3", off)])),
            ]
            .into(),
        };
        assert_eq!(limits.of(&RuleCode::new("A5"), OWN, Some("WDC X")), Some(Thresholds { warn: Some(50), ..OWN }));
        assert_eq!(limits.of(&RuleCode::new("A5"), OWN, Some("st8000")), None);
        assert_eq!(
            limits.of(&RuleCode::new("A5"), OWN, Some("ST4000DM")),
            Some(Thresholds { warn: Some(50), crit: None, ..OWN })
        );
        assert_eq!(limits.of(&RuleCode::new("A3"), OWN, Some("X-9")), None);
        assert_eq!(limits.of(&RuleCode::new("A3"), OWN, None), Some(OWN));
    }
}
