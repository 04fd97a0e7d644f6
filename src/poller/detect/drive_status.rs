//! The status of a drive as far as its change is an event, and the kind of that event.

use crate::api::drive_summary::DriveSummary;
use crate::domain::drive::DriveState;
use crate::domain::health::{Finding, LOST_PATHS, RuleCode, Verdict};
use crate::domain::inventory::DriveRecord;
use crate::events::EventKind;

/// The values that are compared. A drive that enters or leaves standby does not change them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DriveStatus {
    pub(super) state: DriveState,
    /// Without the finding about its paths, which have events of their own.
    pub(super) verdict: Verdict,
    /// The last reading failed.
    pub(super) is_unread: bool,
    /// The rules that led to the verdict.
    pub(super) rules: Vec<RuleCode>,
    pub(super) pool: Option<String>,
}

impl DriveStatus {
    pub(super) fn of(summary: &DriveSummary) -> Self {
        let is_asleep = summary.state == DriveState::Standby;
        let verdict = verdict_without_paths(summary);
        let is_unknown = verdict == Verdict::Unknown;
        let findings = summary.findings.iter().filter(|finding| !is_of_paths(finding));
        Self {
            state: if is_asleep { DriveState::Active } else { summary.state },
            verdict: if is_asleep && is_unknown { Verdict::Ok } else { verdict },
            is_unread: summary.error.is_some(),
            rules: findings.map(|finding| finding.code.clone()).collect(),
            pool: summary.pool.clone(),
        }
    }

    /// The status with which the first one of a drive (`current`) is compared, so that the usual one is not an event.
    pub(super) fn initial(record: &DriveRecord, current: &Self) -> Self {
        // A RAID volume whose disks are listed is expected to have no verdict.
        let is_listed_volume = record.drive.is_raid_volume() && !record.drive.raid_disks.is_empty();
        let is_unread = is_listed_volume || record.gives_no_health() && current.is_unread;
        let verdict = if is_unread { Verdict::Unknown } else { Verdict::Ok };
        Self { state: DriveState::Active, verdict, is_unread, rules: Vec::new(), pool: None }
    }

    /// A change of rules or pool alone is not an event.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        (self.state, self.verdict, self.is_unread) == (other.state, other.verdict, other.is_unread)
    }

    pub(super) fn is_bad(&self) -> bool {
        self.verdict >= Verdict::Warn || self.is_unresponsive() || self.is_unread
    }

    pub(super) fn is_unresponsive(&self) -> bool {
        self.state == DriveState::Unresponsive
    }

    /// The kind of the change from `before`.
    pub(super) fn change_since(&self, before: &Self) -> EventKind {
        let (was, is) = (rank(before.verdict), rank(self.verdict));
        if self.is_unresponsive() && !before.is_unresponsive() {
            return EventKind::DriveUnresponsive;
        }
        // A change from ok to unknown is not worse by itself: the reading may have failed.
        if is > was.max(rank(Verdict::Unknown)) {
            return EventKind::DriveWorse;
        }
        if self.is_unread && !before.is_unread {
            return EventKind::DriveUnread;
        }
        let responds_again = before.is_unresponsive() && !self.is_unresponsive();
        let is_readable_again = before.is_unread && !self.is_unread;
        if responds_again || is_readable_again {
            return EventKind::DriveAnswers;
        }
        if is < was { EventKind::DriveBetter } else { EventKind::DriveWorse }
    }
}

fn is_of_paths(finding: &Finding) -> bool {
    finding.code.as_str() == LOST_PATHS
}

fn verdict_without_paths(summary: &DriveSummary) -> Verdict {
    if !summary.findings.iter().any(is_of_paths) {
        return summary.verdict;
    }
    let worst = summary.findings.iter().filter(|finding| !is_of_paths(finding)).map(|finding| finding.severity).max();
    match worst {
        Some(severity) => severity.into(),
        None if summary.error.is_some() || summary.collected_at.is_none() => Verdict::Unknown,
        None => Verdict::Ok,
    }
}

/// The order of verdicts here: `unknown` is worse than `ok`, and better than any known bad verdict.
fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Ok => 0,
        Verdict::Unknown => 1,
        Verdict::Watch => 2,
        Verdict::Warn => 3,
        Verdict::Crit => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: DriveState, verdict: Verdict, is_unread: bool) -> DriveStatus {
        DriveStatus { state, verdict, is_unread, rules: Vec::new(), pool: None }
    }

    #[test]
    fn kind_of_a_change_depends_on_state_then_verdict_then_reading() {
        let ok = status(DriveState::Active, Verdict::Ok, false);
        let warn = status(DriveState::Active, Verdict::Warn, false);
        let crit = status(DriveState::Active, Verdict::Crit, false);
        let unknown = status(DriveState::Active, Verdict::Unknown, false);
        let unresponsive = status(DriveState::Unresponsive, Verdict::Unknown, true);
        let unread = status(DriveState::Active, Verdict::Unknown, true);
        for (before, after, kind) in [
            (&ok, &warn, EventKind::DriveWorse),
            (&warn, &crit, EventKind::DriveWorse),
            (&crit, &warn, EventKind::DriveBetter),
            (&warn, &ok, EventKind::DriveBetter),
            (&ok, &unresponsive, EventKind::DriveUnresponsive),
            (&unresponsive, &ok, EventKind::DriveAnswers),
            (&unresponsive, &crit, EventKind::DriveWorse),
            (&ok, &unread, EventKind::DriveUnread),
            (&unread, &ok, EventKind::DriveAnswers),
            (&ok, &unknown, EventKind::DriveWorse),
            (&unknown, &ok, EventKind::DriveBetter),
        ] {
            assert_eq!(after.change_since(before), kind, "{before:?} -> {after:?}");
        }
    }

    #[test]
    fn other_rules_or_another_pool_are_not_a_change() {
        let before = status(DriveState::Active, Verdict::Warn, false);
        let after = DriveStatus { rules: vec![RuleCode::new("S1")], pool: Some("tank".to_owned()), ..before };
        assert!(after.is_same_as(&before) && after.is_bad());
        assert!(!status(DriveState::Active, Verdict::Watch, false).is_bad());
    }
}
