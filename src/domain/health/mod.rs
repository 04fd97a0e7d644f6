//! Verdicts on drives, enclosures and pools. The rules of each kind of subject are a table; one engine applies them. Each
//! finding has the observed value and the limit.

mod ata;
mod capacity;
mod common;
mod context;
mod drive_facts;
mod drive_rules;
mod enclosure_rules;
mod engine;
mod exceptions;
mod nvme;
mod paths;
mod peers;
mod pool_rules;
mod rule;
mod rule_settings;
mod scsi;
mod thresholds;
mod verdict;

pub use drive_facts::DriveFacts;
pub use drive_rules::{DRIVE_RULES, judge_drive};
pub(crate) use enclosure_rules::{ENCLOSURE_RULES, judge_enclosure};
pub(crate) use paths::LOST_PATHS;
pub(crate) use peers::Peers;
pub use peers::PeersOfOne;
pub(crate) use pool_rules::{POOL_RULES, POOL_STATE, judge_pool};
pub(crate) use rule::RuleInfo;
pub use rule_settings::RuleSettings;
pub use thresholds::{Direction, LevelSetting, RuleOverride, Thresholds};
pub(crate) use verdict::Severity;
pub use verdict::{Finding, Judgement, Quantity, RuleCode, Verdict};

/// All rules: over drives, enclosures and pools, in this order.
pub fn all_rules() -> impl Iterator<Item = &'static RuleInfo> {
    let drives = DRIVE_RULES.iter().map(|rule| &rule.info);
    drives.chain(ENCLOSURE_RULES.iter().map(|rule| &rule.info)).chain(POOL_RULES.iter().map(|rule| &rule.info))
}

/// The rule with that code.
pub fn rule_of(code: &str) -> Option<&'static RuleInfo> {
    all_rules().find(|info| info.code == code)
}

#[cfg(test)]
mod tests;
