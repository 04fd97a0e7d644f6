//! Puts the overview together: every bay and drive joined with its reading, verdict and pool.

use super::SCHEMA;
use super::content_version::ContentVersion;
use super::drive_summary::DriveSummary;
use super::enclosure_view::{EnclosureView, SlotView};
use super::overview::{Overview, PoolSummary, Totals};
use super::overview_input::OverviewInput;
use super::summarize::summarize;
use crate::domain::drive::DriveState;
use crate::domain::enclosure::{EnclosureProblem, Slot};
use crate::domain::health::Verdict;
use crate::domain::text::natural_cmp;
use crate::domain::time::Timestamp;
use crate::domain::topology;
use std::collections::{HashMap, HashSet};

/// Joins everything into the overview.
pub fn build_overview(input: &OverviewInput) -> Overview {
    let bays: HashSet<(&str, u32)> =
        input.enclosures.iter().flat_map(|e| e.slots.iter().map(|s| (e.id.as_str(), s.slot))).collect();
    let mut by_bay: HashMap<(&str, u32), Vec<DriveSummary>> = HashMap::new();
    let mut unslotted = Vec::new();
    let mut totals = Totals::default();
    let (mut current, mut any): (Option<Timestamp>, Option<Timestamp>) = (None, None);
    for record in input.inventory.records() {
        let summary = summarize(record, input);
        totals.count(record, &summary);
        if summary.state == DriveState::Active && !summary.stale {
            current = current.into_iter().chain(summary.collected_at).min();
        }
        any = any.into_iter().chain(summary.collected_at).min();
        match &record.bay {
            Some(bay) if bays.contains(&(bay.enclosure.as_str(), bay.slot)) => {
                by_bay.entry((&bay.enclosure, bay.slot)).or_default().push(summary);
            }
            _ => unslotted.push(summary),
        }
    }
    let enclosures = enclosure_views(input, &mut by_bay, &mut unslotted);
    unslotted.sort_by(|a, b| a.device.cmp(&b.device));
    totals.enclosures = enclosures.len();
    totals.slots = enclosures.iter().map(|e| e.slots.len()).sum();
    let mut overview = Overview {
        schema: SCHEMA,
        version: ContentVersion::default(),
        host: input.host.to_owned(),
        topology: topology::fingerprint(input.inventory),
        generated_at: input.now,
        collected_at: current.or(any),
        verdict: Verdict::Unknown,
        totals,
        sweep: input.sweep.clone(),
        enclosures,
        unslotted,
        pools: input.zfs.pools.iter().map(PoolSummary::from).collect(),
        zfs_error: input.zfs.error.clone(),
    };
    overview.verdict = overview.drives().map(|d| d.verdict).max().unwrap_or(Verdict::Unknown);
    overview
}

fn enclosure_views<'a>(
    input: &OverviewInput<'a>,
    by_bay: &mut HashMap<(&'a str, u32), Vec<DriveSummary>>,
    unslotted: &mut Vec<DriveSummary>,
) -> Vec<EnclosureView> {
    let mut views: Vec<EnclosureView> = input
        .enclosures
        .iter()
        .map(|e| EnclosureView {
            id: e.id.clone(),
            sysfs_name: e.sysfs_names.first().cloned().unwrap_or_default(),
            sysfs_names: e.sysfs_names.clone(),
            vendor: e.vendor.clone(),
            model: e.model.clone(),
            rev: e.rev.clone(),
            error: e.error.as_ref().map(EnclosureProblem::to_string),
            layout: Some(input.layouts.of(e.model.as_deref(), &e.id, e.slots.len())),
            slots: e
                .slots
                .iter()
                .map(|slot| {
                    let mut here = by_bay.remove(&(e.id.as_str(), slot.slot)).unwrap_or_default();
                    // One drive a bay; should sysfs ever link two, none is lost.
                    here.sort_by(|a, b| a.device.cmp(&b.device));
                    let rest = here.split_off(here.len().min(1));
                    unslotted.extend(rest);
                    slot_view(slot, here.pop())
                })
                .collect(),
        })
        .collect();
    views.sort_by(|a, b| natural_cmp(&a.id, &b.id));
    views
}

fn slot_view(slot: &Slot, drive: Option<DriveSummary>) -> SlotView {
    let answer = slot.answer.clone();
    SlotView {
        slot: slot.slot,
        name: slot.name.clone(),
        status: answer.status,
        fault_sensed: answer.fault_sensed,
        fault_requested: answer.fault_requested,
        locate: answer.locate,
        active: answer.active,
        power_status: answer.power_status,
        drive: drive.map(Box::new),
    }
}
