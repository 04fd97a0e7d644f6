//! Events of drives whose verdict or state has changed between two sweeps.

use super::coalesce::{PendingEvent, coalesce, event_of_rest, sort_and_limit};
use super::describe::{drive_fields, drive_subject, format_drive};
use super::drive_status::DriveStatus;
use crate::api::drive_summary::DriveSummary;
use crate::api::overview::Overview;
use crate::domain::drive::{DriveKey, DriveState};
use crate::domain::health::{Verdict, rule_of};
use crate::domain::identity::DeviceName;
use crate::domain::inventory::{DriveRecord, Inventory};
use crate::domain::time::Timestamp;
use crate::events::{Event, EventKind, POOL, RULE, STATE, VERDICT, WAS};
use log::Level;
use std::collections::HashMap;

/// The status of each drive as it was last reported.
#[derive(Clone, Debug, Default)]
pub(super) struct LastReported(HashMap<DriveKey, DriveStatus>);

/// A drive after a sweep.
#[derive(Clone, Debug)]
pub(super) struct ObservedDrive<'a> {
    record: &'a DriveRecord,
    summary: &'a DriveSummary,
    status: DriveStatus,
}

/// The result of a comparison of two sweeps.
#[derive(Debug, Default)]
pub(super) struct DriveChanges {
    /// Number of drives whose status has changed, including those without an event of their own.
    pub(super) changed: usize,
    pub(super) events: Vec<Event>,
}

impl LastReported {
    /// The pool that the drive was in when it was last reported.
    pub(super) fn pool(&self, key: &DriveKey) -> Option<&String> {
        self.0.get(key)?.pool.as_ref()
    }

    pub(super) fn update(&mut self, observed: Vec<ObservedDrive>, inventory: &Inventory) {
        for ObservedDrive { record, status, .. } in observed {
            self.0.insert(record.drive.key.clone(), status);
        }
        self.0.retain(|key, _| inventory.get(key).is_some());
    }
}

/// The drives that are present and were read at least once.
pub(super) fn observe<'a>(overview: &'a Overview, inventory: &'a Inventory) -> Vec<ObservedDrive<'a>> {
    let mut summaries: HashMap<&DeviceName, &DriveSummary> = HashMap::new();
    for summary in overview.drives() {
        // The device name of a missing drive may have been reassigned.
        if !matches!(summary.state, DriveState::Missing | DriveState::Reading) {
            summaries.insert(&summary.device, summary);
        }
    }
    let mut observed = Vec::new();
    for record in inventory.present() {
        if let Some(summary) = summaries.get(&record.drive.device) {
            observed.push(ObservedDrive { record, summary, status: DriveStatus::of(summary) });
        }
    }
    observed
}

/// `is_explained`: an event about the SCSI host of a drive covers its change.
pub(super) fn detect(
    before: &LastReported,
    after: &[ObservedDrive],
    is_explained: impl Fn(&DriveRecord) -> bool,
    at: Timestamp,
) -> DriveChanges {
    let (mut changed, mut pending) = (0, Vec::new());
    for drive in after {
        let known = match before.0.get(&drive.record.drive.key) {
            Some(known) => known,
            None => &DriveStatus::initial(drive.record, &drive.status),
        };
        if drive.status.is_same_as(known) {
            continue;
        }
        changed += 1;
        if !is_explained(drive.record) {
            pending.push(pending_event(known, drive));
        }
    }
    let mut events = coalesce(pending, at);
    let rest = sort_and_limit(&mut events);
    events.extend(event_of_rest(&rest, at));
    DriveChanges { changed, events }
}

fn pending_event(before: &DriveStatus, drive: &ObservedDrive) -> PendingEvent {
    let ObservedDrive { record, summary, status } = drive;
    let kind = status.change_since(before);
    let rules = if status.rules.is_empty() && kind == EventKind::DriveBetter { &before.rules } else { &status.rules };
    let was = match kind {
        EventKind::DriveAnswers if before.is_unresponsive() => Some(before.state.as_str()),
        EventKind::DriveBetter | EventKind::DriveWorse => Some(before.verdict.as_str()),
        _ => None,
    };
    let fields = drive_fields(record)
        .with_each(POOL, &status.pool)
        .with_each(RULE, rules)
        .with(VERDICT, summary.verdict.as_str())
        .with(STATE, summary.state.as_str())
        .with_each(WAS, was);
    PendingEvent {
        kind,
        level: if status.is_bad() && kind != EventKind::DriveAnswers { Level::Warn } else { Level::Info },
        predicate: predicate(summary, kind),
        drive: format_drive(record),
        suffix: suffix(summary, kind, before),
        subject: drive_subject(record),
        fields,
    }
}

/// The new status of a drive: its failure, or else its verdict. A bad verdict that has not changed is not repeated where
/// only the reading has failed, or succeeds again.
fn predicate(summary: &DriveSummary, kind: EventKind) -> &'static str {
    match summary.state {
        DriveState::Active if kind == EventKind::DriveUnread => "unreadable",
        DriveState::Active if kind == EventKind::DriveAnswers && summary.verdict >= Verdict::Watch => "readable again",
        DriveState::Active if summary.verdict >= Verdict::Watch => summary.verdict.as_str(),
        DriveState::Active if summary.error.is_some() => "unreadable",
        DriveState::Active => summary.verdict.as_str(),
        other => other.as_str(),
    }
}

/// The reason for the change. If the verdict is better and no finding is left, the condition that is no longer met.
fn suffix(summary: &DriveSummary, kind: EventKind, before: &DriveStatus) -> String {
    let finding = summary.findings.first().map(|finding| &finding.message);
    let error = summary.error.as_ref();
    let reason = match kind {
        EventKind::DriveUnread => error.or(finding),
        EventKind::DriveAnswers if summary.verdict >= Verdict::Watch => {
            return format!(" verdict={}", summary.verdict.as_str());
        }
        _ => finding.or(error),
    };
    if let Some(reason) = reason {
        return format!(" reason={reason:?}");
    }
    if kind != EventKind::DriveBetter {
        return String::new();
    }
    if let Some(code) = before.rules.first()
        && let Some(rule) = rule_of(code.as_str())
    {
        return format!(" was={} no_longer={:?}", before.verdict.as_str(), rule.condition);
    }
    String::new()
}

#[cfg(test)]
mod tests;
