//! The program of `make foresight` without its command line, so that tests/it can call it.

mod attributes;
pub mod history;
mod json;
mod measures;
mod options;
pub mod ratio;
pub mod replay;
mod smartctl;
mod tables;

use history::Source;
use jbod_monitor::domain::health::{DRIVE_RULES, RuleCode, RuleSettings, Verdict};
use measures::{Life, Measures};
pub use options::Options;
use replay::{LOOK_BACK_DAYS, replay};
use std::io;

/// The levels of the tables: a drive is in alarm at a level if its verdict is that or worse.
const LEVELS: [(Verdict, &str); 3] = [(Verdict::Watch, "watch"), (Verdict::Warn, "warn"), (Verdict::Crit, "crit")];

#[derive(Debug, thiserror::Error)]
pub enum ForesightError {
    #[error("{option}: found {found}, wanted {wanted}")]
    Option { option: &'static str, found: String, wanted: &'static str },
    #[error("{file}: cannot be read: {cause}")]
    Unreadable { file: String, cause: io::Error },
    #[error("{file}: cannot be written: {cause}")]
    Unwritable { file: String, cause: io::Error },
    #[error("{file}, line {line}: cannot be read: {cause}")]
    UnreadableLine { file: String, line: usize, cause: io::Error },
    #[error("{file}, line {line}, {field}: found {found}, wanted {wanted}")]
    Malformed { file: String, line: usize, field: String, found: String, wanted: String },
}

/// What the rules reported over all drives of a source.
struct SourceResult {
    name: String,
    drives: u32,
    failed: u32,
    /// Failed drives with enough history.
    failed_with_history: u32,
    drive_days: u64,
    /// There is a drive not seen to fail that was observed for long enough to count in P30.
    has_followed_healthy: bool,
    /// In the order of `LEVELS`.
    levels: [Measures; 3],
    by_rule: Vec<RuleLevel>,
}

/// One rule at one level, over all drives of a source.
struct RuleLevel {
    code: RuleCode,
    level: Verdict,
    level_name: &'static str,
    /// A finding had this level, and not only worse ones.
    is_used: bool,
    measures: Measures,
}

/// Reads the histories, replays them and returns the tables as text.
pub fn run(options: &Options) -> Result<String, ForesightError> {
    let sources = history::read(&options.data)?;
    let rules = RuleSettings::default();
    let results: Vec<SourceResult> = sources.iter().map(|source| replay_source(source, &rules, options)).collect();
    if let Some(path) = &options.json {
        json::write(path, &results)?;
    }
    Ok(tables::render(&results, options))
}

fn replay_source(source: &Source, rules: &RuleSettings, options: &Options) -> SourceResult {
    let mut result = SourceResult {
        name: source.name.clone(),
        drives: 0,
        failed: 0,
        failed_with_history: 0,
        drive_days: 0,
        has_followed_healthy: false,
        levels: Default::default(),
        by_rule: if options.by_rule { every_rule_and_level() } else { Vec::new() },
    };
    for drive in &source.drives {
        let stretches = replay(drive, rules, LOOK_BACK_DAYS);
        let life = Life::of(drive, i32::from(options.history_days));
        result.drives += 1;
        result.failed += u32::from(life.failure.is_some());
        result.failed_with_history += u32::from(life.failure.is_some() && life.has_history);
        result.has_followed_healthy |= life.failure.is_none() && life.is_followed();
        result.drive_days += u64::from(life.days().unsigned_abs());
        for ((level, _), measures) in LEVELS.iter().zip(&mut result.levels) {
            let alarms = stretches.iter().filter(|stretch| stretch.verdict >= *level);
            measures.add(&life, alarms.map(|stretch| stretch.days.clone()));
        }
        for rule in &mut result.by_rule {
            rule.is_used |= stretches.iter().any(|stretch| stretch.level_of(&rule.code) == rule.level);
            let reported = stretches.iter().filter(|stretch| stretch.level_of(&rule.code) >= rule.level);
            rule.measures.add(&life, reported.map(|stretch| stretch.days.clone()));
        }
    }
    result
}

fn every_rule_and_level() -> Vec<RuleLevel> {
    let mut all = Vec::new();
    for rule in DRIVE_RULES {
        for (level, level_name) in LEVELS {
            let code = rule.info.code.clone();
            all.push(RuleLevel { code, level, level_name, is_used: false, measures: Measures::default() });
        }
    }
    all
}
