//! The rule over the paths of a drive.

use super::drive_facts::DriveFacts;
use super::rule::{MAX_NAMES, RuleResult};
use super::thresholds::Thresholds;
use super::verdict::Severity;
use crate::domain::known_paths::LostPath;

/// Code of the rule.
pub(crate) const LOST_PATHS: &str = "P1";

/// The drive has lost redundancy: it still responds over other paths.
pub(crate) fn lost(facts: &DriveFacts, _: Thresholds) -> Option<RuleResult> {
    let working = facts.expected_paths.saturating_sub(facts.lost_paths.len());
    // Without a working path there is no reading, which is reported as such.
    if facts.lost_paths.is_empty() || working == 0 {
        return None;
    }
    let named: Vec<String> = facts.lost_paths.iter().take(MAX_NAMES).map(describe).collect();
    let verb = if working == 1 { "works" } else { "work" };
    let message = format!("{working} of {} paths {verb}: {}.", facts.expected_paths, named.join("; "));
    let (working, expected) = (i64::try_from(working).ok()?, i64::try_from(facts.expected_paths).ok()?);
    Some(RuleResult::new(Severity::Warn, Some(working.into()), Some(expected.into()), message))
}

/// `sdb over SCSI host 1 is missing`
fn describe(path: &LostPath) -> String {
    let name = match path.host {
        Some(host) => format!("{} over SCSI host {host}", path.name),
        None => path.name.clone(),
    };
    match &path.why {
        None => format!("{name} is missing"),
        Some(why) => format!("{name}: {why}"),
    }
}
