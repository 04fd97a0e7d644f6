//! The rule over the paths of a drive.

use super::drive_facts::DriveFacts;
use super::rule::{MAX_NAMES, RuleResult};
use super::thresholds::Thresholds;
use super::verdict::Severity;
use crate::domain::known_paths::LostPath;

/// Code of the rule.
pub(crate) const LOST_PATHS: &str = "P1";

/// The drive has lost redundancy: it answers over the other paths.
pub(crate) fn lost(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    let working = facts.expected_paths.saturating_sub(facts.lost_paths.len());
    // Without a path that works the drive gives no reading, which is reported as that.
    if facts.lost_paths.is_empty() || working == 0 {
        return None;
    }
    let named: Vec<String> = facts.lost_paths.iter().take(MAX_NAMES).map(describe).collect();
    let works = if working == 1 { "works" } else { "work" };
    let message = format!("{working} of {} paths {works}: {}.", facts.expected_paths, named.join("; "));
    let count = |number: usize| i64::try_from(number).ok().map(Into::into);
    Some(RuleResult::new(Severity::Warn, count(working), count(facts.expected_paths), message))
}

/// `sdb over SCSI host 1 is missing`
fn describe(path: &LostPath) -> String {
    let host = path.host.map_or_else(String::new, |host| format!(" over SCSI host {host}"));
    match &path.why {
        None => format!("{}{host} is missing", path.name),
        Some(why) => format!("{}{host}: {why}", path.name),
    }
}
