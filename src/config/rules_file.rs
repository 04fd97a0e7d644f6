//! The rules file: which rules are enabled and at which thresholds they report, for all subjects or for models by
//! name; and bay layouts of enclosures (`enclosure_layouts`).
//!
//! ```toml
//! [rules.A5]            # reallocated sectors
//! watch = 8
//! crit = false          # this level is never reached
//!
//! [rules.A7]
//! enabled = false
//!
//! [models."ST4000*".T1]
//! warn = 55
//! ```

use super::error::ConfigError;
use super::settings::JBOD_RULES_FILE;
use super::toml_value::{InvalidValue, as_table, invalid_value};
use super::{enclosure_layouts, file};
use crate::domain::health::{
    Direction, LevelSetting, RuleCode, RuleInfo, RuleOverride, RuleSettings, Thresholds, all_rules, rule_of,
};
use crate::domain::layout::Layouts;
use std::collections::BTreeMap;
use std::path::Path;
use toml::{Table, Value};

/// Far above any file written by hand.
const MAX_BYTES: u64 = 1024 * 1024;

/// The settings in the file.
#[derive(Debug, Default)]
pub(super) struct RulesFile {
    pub(super) limits: RuleSettings,
    pub(super) layouts: Layouts,
}

/// Reads the file. The error names the first invalid value.
pub(super) fn read(path: &Path) -> Result<RulesFile, ConfigError> {
    let bytes = file::read(path, MAX_BYTES).map_err(|error| unreadable(path, &error))?;
    let text = String::from_utf8(bytes).map_err(|error| unreadable(path, &error))?;
    match parse(&text) {
        Ok(rules) => Ok(rules),
        Err(InvalidValue { found, wanted }) => {
            let found = format!("{found} in {}", path.display());
            Err(ConfigError::new(JBOD_RULES_FILE.name, &found, &wanted))
        }
    }
}

fn unreadable(path: &Path, why: &dyn std::error::Error) -> ConfigError {
    let found = format!("{} ({why})", path.display());
    ConfigError::new(JBOD_RULES_FILE.name, &found, "a readable regular file in TOML")
}

fn parse(text: &str) -> Result<RulesFile, InvalidValue> {
    let root: Table = text.parse().map_err(|error| syntax_error(text, &error))?;
    let (mut limits, mut layouts) = (RuleSettings::default(), Layouts::default());
    for (name, value) in &root {
        let table = as_table(name, value)?;
        match name.as_str() {
            "rules" => limits.rules = rules("rules", table, RuleScope::Everything)?,
            "models" => {
                for (pattern, value) in table {
                    let place = format!("models.{pattern:?}");
                    let of_model = rules(&place, as_table(&place, value)?, RuleScope::Model)?;
                    limits.models.insert(pattern.clone(), of_model);
                }
            }
            "enclosures" => layouts = enclosure_layouts::parse(table)?,
            _ => {
                let wanted = "[rules.CODE], [models.\"PATTERN\".CODE] or [enclosures.\"PATTERN\"]";
                return Err(invalid_value(format!("[{name}]"), wanted));
            }
        }
    }
    check_levels(&limits)?;
    Ok(RulesFile { limits, layouts })
}

fn syntax_error(text: &str, error: &toml::de::Error) -> InvalidValue {
    let start = error.span().map_or(0, |span| span.start);
    let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
    invalid_value(format!("line {line}: {}", error.message()), "TOML")
}

/// Rejects levels at which a rule would report a clean drive, or a worse value with a lower severity.
fn check_levels(limits: &RuleSettings) -> Result<(), InvalidValue> {
    for (code, set) in &limits.rules {
        check_rule_levels(limits, code, *set, &format!("rules.{code}"))?;
    }
    for (pattern, rules) in &limits.models {
        for (code, set) in rules {
            check_rule_levels(limits, code, *set, &format!("models.{pattern:?}.{code}"))?;
        }
    }
    Ok(())
}

/// `place`: the name of the table, for the error.
fn check_rule_levels(
    limits: &RuleSettings,
    code: &RuleCode,
    set: RuleOverride,
    place: &str,
) -> Result<(), InvalidValue> {
    let Some(rule) = rule_of(code.as_str()) else { return Ok(()) };
    let Some(thresholds) = effective_thresholds(limits, code, set, rule.thresholds) else { return Ok(()) };
    let Thresholds { watch, warn, crit, direction, .. } = thresholds;
    let levels: Vec<i64> = [watch, warn, crit].into_iter().flatten().collect();
    if direction == Direction::HigherIsWorse && levels.iter().any(|level| *level < 1) {
        let wanted = "thresholds of 1 or more: a clean drive has the value 0";
        return Err(invalid_value(format!("{place}: {thresholds}"), wanted));
    }
    let is_in_order = match direction {
        Direction::HigherIsWorse => levels.is_sorted(),
        Direction::LowerIsWorse => levels.iter().rev().is_sorted(),
        Direction::OnOff(_) => true,
    };
    if !is_in_order {
        let wanted = "thresholds that become worse from watch to warn to crit, including the defaults of those not set";
        return Err(invalid_value(format!("{place}: {thresholds}"), wanted));
    }
    Ok(())
}

/// The thresholds with the settings of one table, applied to the settings for all subjects. `None`: the rule is disabled.
fn effective_thresholds(
    limits: &RuleSettings,
    code: &RuleCode,
    set: RuleOverride,
    own: Thresholds,
) -> Option<Thresholds> {
    let for_all = limits.of(code, own, None).unwrap_or(own);
    let only = RuleSettings { rules: [(code.clone(), set)].into(), ..RuleSettings::default() };
    only.of(code, for_all, None)
}

/// The subjects of the settings in a table.
#[derive(Clone, Copy, PartialEq)]
enum RuleScope {
    Everything,
    /// Drives or enclosures by their model. A pool has no model.
    Model,
}

fn rules(place: &str, table: &Table, scope: RuleScope) -> Result<BTreeMap<RuleCode, RuleOverride>, InvalidValue> {
    let mut found = BTreeMap::new();
    for (code, value) in table {
        let place = format!("{place}.{code}");
        let settings = as_table(&place, value)?;
        let Some(rule) = rule_of(code) else { return Err(unknown_rule(place, code)) };
        if scope == RuleScope::Model && !rule.has_model {
            return Err(invalid_value(
                place,
                &format!("a rule for drives or enclosures; a pool has no model, use [rules.{code}]"),
            ));
        }
        found.insert(rule.code.clone(), parse_rule(&place, rule, settings)?);
    }
    Ok(found)
}

/// The error for an unknown code. It lists the codes that begin with it, such as `A9-10` for `A9`, or else all.
fn unknown_rule(place: String, code: &str) -> InvalidValue {
    if let Some(rule) = rule_of(&code.replace('.', "-")) {
        return renamed_rule(place, rule);
    }
    let all: Vec<&str> = all_rules().map(|rule| rule.code.as_str()).collect();
    let prefix = format!("{code}-");
    let similar: Vec<&str> = all.iter().copied().filter(|known| known.starts_with(&prefix)).collect();
    let codes = if similar.is_empty() { all } else { similar };
    invalid_value(place, &format!("a rule, one of {}", codes.join(" ")))
}

/// The error for a code with a dot, as in earlier versions.
fn renamed_rule(place: String, rule: &RuleInfo) -> InvalidValue {
    invalid_value(place, &format!("the rule {}", rule.code.as_str()))
}

fn parse_rule(place: &str, rule: &RuleInfo, settings: &Table) -> Result<RuleOverride, InvalidValue> {
    let mut set = RuleOverride::default();
    for (name, value) in settings {
        let found = || format!("{place}.{name} = {value}");
        match name.as_str() {
            "enabled" => set.enabled = Some(value.as_bool().ok_or_else(|| invalid_value(found(), "true or false"))?),
            "watch" | "warn" | "crit" if matches!(rule.thresholds.direction, Direction::OnOff(_)) => {
                return Err(invalid_value(found(), "only enabled: this rule has no thresholds"));
            }
            "watch" => set.watch = Some(level(value).ok_or_else(|| invalid_value(found(), LEVEL_WANTED))?),
            "warn" => set.warn = Some(level(value).ok_or_else(|| invalid_value(found(), LEVEL_WANTED))?),
            "crit" => set.crit = Some(level(value).ok_or_else(|| invalid_value(found(), LEVEL_WANTED))?),
            _ => {
                // TOML reads a code with a dot, from an earlier version, as a table within the table of another rule.
                let old_code = rule_of(&format!("{}-{name}", rule.code.as_str()));
                return Err(match old_code {
                    Some(renamed) => renamed_rule(format!("{place}.{name}"), renamed),
                    None => invalid_value(found(), "enabled, watch, warn or crit"),
                });
            }
        }
    }
    Ok(set)
}

const LEVEL_WANTED: &str = "a whole number, or false for a level that is never reached";

fn level(value: &Value) -> Option<LevelSetting> {
    match value {
        Value::Integer(limit) => Some(LevelSetting::At(*limit)),
        Value::Boolean(false) => Some(LevelSetting::Off),
        _ => None,
    }
}

/// For `check-config`: every rule with its thresholds and their source.
pub(crate) fn rows(limits: &RuleSettings) -> Vec<(String, String, &'static str)> {
    let mut rows = Vec::new();
    for RuleInfo { code, condition, thresholds, .. } in all_rules() {
        let source = if limits.rules.contains_key(code) { "file" } else { "default" };
        rows.push((format!("{code:<9} {condition}"), shown(limits.of(code, *thresholds, None)), source));
    }
    for (pattern, rules) in &limits.models {
        for (code, set) in rules {
            let Some(rule) = rule_of(code.as_str()) else { continue };
            let thresholds = effective_thresholds(limits, code, *set, rule.thresholds);
            rows.push((format!("{code:<9} of models {pattern:?}"), shown(thresholds), "file"));
        }
    }
    rows
}

fn shown(thresholds: Option<Thresholds>) -> String {
    match thresholds {
        Some(thresholds) => thresholds.to_string(),
        None => "off".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_levels_and_models_are_read() {
        let text = "[rules.A5]\nwatch = 8\ncrit = false\n[rules.A9-10]\nenabled = false\n[rules.\"A9-196\"]\nwatch = 99\n\
                    [models.\"ST4000*\".T1]\nwarn = 55\n[models.\"ST4000*\".A9-184]\nenabled = false\n";
        let limits = parse(text).unwrap_or_default().limits;
        let set = |code: &'static str| limits.rules.get(&RuleCode::new(code)).copied().unwrap_or_default();
        assert_eq!((set("A5").watch, set("A5").crit), (Some(LevelSetting::At(8)), Some(LevelSetting::Off)));
        assert_eq!((set("A9-10").enabled, set("A9-196").watch), (Some(false), Some(LevelSetting::At(99))));
        let model = limits.models.get("ST4000*").cloned().unwrap_or_default();
        assert_eq!(model.keys().collect::<Vec<_>>(), ["A9-184", "T1"]);
        assert_eq!(parse("").unwrap_or_default().limits, RuleSettings::default());
    }

    #[test]
    fn invalid_values_are_named() {
        for (text, found) in [
            ("[rules.A99]\nwarn = 1\n", "rules.A99"),
            ("[rules.A9.10]\nwarn = 1\n", "rules.A9"),
            ("[rules.A9]\nwarn = 1\n", "rules.A9"),
            ("[rules.A5]\nwarn = \"x\"\n", "rules.A5.warn = \"x\""),
            ("[rules.A5]\nwarn = true\n", "rules.A5.warn = true"),
            ("[rules.A5]\nwarn = 1.5\n", "rules.A5.warn = 1.5"),
            ("[rules.A5]\nfatal = 1\n", "rules.A5.fatal = 1"),
            ("[rules.A1]\nwarn = 1\n", "rules.A1.warn = 1"),
            ("[models.\"X*\".Z4]\nenabled = false\n", "models.\"X*\".Z4"),
            ("[limits]\n", "[limits]"),
            ("rules = 7\n", "rules = 7"),
            ("[models]\nx = 1\n", "models.\"x\" = 1"),
            ("[rules.A5]\nwatch = 0\n", "rules.A5: watch ≥ 0, warn ≥ 261"),
            ("[rules.A3]\nwarn = -5\n", "rules.A3: watch ≥ 1, warn ≥ -5, crit ≥ 101"),
            ("[rules.T1]\nwarn = 70\ncrit = 40\n", "rules.T1: warn ≥ 70, crit ≥ 40"),
            ("[rules.A5]\nwatch = 999\n", "rules.A5: watch ≥ 999, warn ≥ 261"),
            ("[models.\"X*\".S8]\nwarn = 9\n", "models.\"X*\".S8: watch ≤ 5, warn ≤ 9"),
        ] {
            assert_eq!(parse(text).err().map(|error| error.found).as_deref(), Some(found), "{text}");
        }
        let wanted = |text| parse(text).err().map(|error| error.wanted).unwrap_or_default();
        assert_eq!(wanted("[rules.A9.10]\nwarn = 1\n"), "a rule, one of A9-10 A9-184 A9-196");
        assert_eq!(wanted("[rules.\"A9.10\"]\nwarn = 1\n"), "the rule A9-10");
        assert_eq!(wanted("[rules.T1.ssd]\nwarn = 1\n"), "the rule T1-ssd");
        let of_pools = wanted("[models.\"X*\".Z4]\nenabled = false\n");
        assert_eq!(of_pools, "a rule for drives or enclosures; a pool has no model, use [rules.Z4]");
        let broken = parse("[rules.A5]\nwarn = = 1\n").err().map(|error| error.found).unwrap_or_default();
        assert!(broken.starts_with("line 2: "), "{broken}");
    }

    #[test]
    fn every_rule_is_shown_with_its_limits() {
        let limits = parse("[rules.A5]\nwatch = 8\n[models.\"X*\".A5]\nwarn = 99\n[rules.A1]\nenabled = false\n");
        let rows = rows(&limits.unwrap_or_default().limits);
        let shown = |start: &str| {
            rows.iter().find(|(name, ..)| name.starts_with(start)).map(|(_, value, source)| (value.as_str(), *source))
        };
        assert_eq!(shown("A5        attribute"), Some(("watch ≥ 8, warn ≥ 261", "file")));
        assert_eq!(shown("A5        of models"), Some(("watch ≥ 8, warn ≥ 99", "file")));
        assert_eq!(shown("A1 "), Some(("off", "file")));
        assert_eq!(shown("Z3 "), Some(("warn, crit", "default")));
    }
}
