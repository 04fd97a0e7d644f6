//! Builds the overview: every bay and drive with its reading, verdict and pool.

use super::SCHEMA;
use super::bay_contradictions;
use super::content_version::ContentVersion;
use super::drive_summary::DriveSummary;
use super::enclosure_view::{EnclosureView, ModuleView, SlotView};
use super::overview::{ExcludedView, Overview, PoolSummary, Totals};
use super::overview_input::OverviewInput;
use super::summarize::summarize;
use crate::domain::drive::DriveState;
use crate::domain::enclosure::placement::BayLinks;
use crate::domain::enclosure::{Bay, EnclosureProblem, Slot};
use crate::domain::exclusion::ExcludedDrive;
use crate::domain::health::{Judgement, RuleSettings, Verdict, judge_enclosure, judge_pool};
use crate::domain::identity::DeviceName;
use crate::domain::text::natural_cmp;
use crate::domain::time::Timestamp;
use crate::domain::topology;
use crate::domain::zfs::Pool;
use std::collections::{HashMap, HashSet};

/// Maximum number of excluded drives that are listed.
const MAX_EXCLUDED: usize = 64;

/// Builds the overview.
pub fn build_overview(input: &OverviewInput) -> Overview {
    let bays: HashSet<Bay> = bay_contradictions::slots(input.enclosures).map(|(bay, _)| bay).collect();
    let mut by_bay: HashMap<Bay, Vec<DriveSummary>> = HashMap::new();
    let mut unslotted = Vec::new();
    let mut totals = Totals::default();
    let mut oldest_current: Option<Timestamp> = None;
    let mut oldest: Option<Timestamp> = None;
    for record in input.inventory.records() {
        let summary = summarize(record, input);
        totals.count(record, &summary);
        if summary.state == DriveState::Active && !summary.stale {
            oldest_current = oldest_current.into_iter().chain(summary.collected_at).min();
        }
        oldest = oldest.into_iter().chain(summary.collected_at).min();
        match &record.bay {
            Some(bay) if bays.contains(bay) => by_bay.entry(bay.clone()).or_default().push(summary),
            _ => unslotted.push(summary),
        }
    }
    let (mut excluded, excluded_bays) = excluded_views(input);
    let enclosures = enclosure_views(input, &mut by_bay, &mut unslotted, &excluded_bays);
    totals.excluded = excluded.len();
    excluded.truncate(MAX_EXCLUDED);
    unslotted.sort_by(|left, right| left.device.cmp(&right.device));
    totals.enclosures = enclosures.len();
    for enclosure in &enclosures {
        totals.slots += enclosure.slots.len();
        totals.slots_occupied += enclosure.slots.iter().filter(|slot| slot.holds_present_drive()).count();
    }
    let mut overview = Overview {
        schema: SCHEMA,
        version: ContentVersion::default(),
        host: input.host.to_owned(),
        host_id: input.host_id.cloned(),
        topology: topology::fingerprint(input.inventory),
        generated_at: input.now,
        collected_at: oldest_current.or(oldest),
        verdict: Verdict::Unknown,
        totals,
        sweep: input.sweep.clone(),
        enclosures,
        unslotted,
        excluded,
        pools: input.zfs.pools.iter().map(|pool| pool_summary(pool, input.rules)).collect(),
        zfs_error: input.zfs.error.clone(),
    };
    overview.verdict = worst(&overview);
    overview
}

/// The excluded drives, and the drives by bay.
fn excluded_views(input: &OverviewInput) -> (Vec<ExcludedView>, HashMap<Bay, DeviceName>) {
    let mut bays = HashMap::new();
    if input.excluded.is_empty() {
        return (Vec::new(), bays);
    }
    let links = BayLinks::of(input.enclosures);
    let mut views = Vec::with_capacity(input.excluded.len());
    for drive in input.excluded {
        let bay = links.place_at(drive.addresses.iter().map(String::as_str)).bay;
        views.push(excluded_view(drive, bay.as_ref()));
        if let Some(bay) = bay {
            bays.insert(bay, drive.device.clone());
        }
    }
    views.sort_by(|left, right| left.device.cmp(&right.device));
    (views, bays)
}

fn excluded_view(drive: &ExcludedDrive, bay: Option<&Bay>) -> ExcludedView {
    ExcludedView {
        device: drive.device.clone(),
        paths: drive.paths.clone(),
        serial_number: drive.identity.unit_serial.clone(),
        wwn: drive.identity.wwn(),
        model_name: drive.model.clone(),
        transport: drive.transport,
        enclosure: bay.map(|bay| bay.enclosure.clone()),
        slot: bay.and_then(|bay| bay.slot.number()),
        excluded_by: drive.entry.clone(),
    }
}

fn worst(overview: &Overview) -> Verdict {
    let drives = overview.drives().map(|drive| drive.verdict);
    let enclosures = overview.enclosures.iter().map(|enclosure| enclosure.verdict);
    let pools = overview.pools.iter().map(|pool| pool.verdict);
    drives.chain(enclosures).chain(pools).max().unwrap_or(Verdict::Unknown)
}

fn pool_summary(pool: &Pool, rules: &RuleSettings) -> PoolSummary {
    let Judgement { verdict, findings } = judge_pool(pool, rules);
    PoolSummary {
        name: pool.name.clone(),
        state: pool.state.clone(),
        scan: pool.scan.clone(),
        activities: pool.activities.clone(),
        verdict,
        findings,
    }
}

fn enclosure_views(
    input: &OverviewInput,
    by_bay: &mut HashMap<Bay, Vec<DriveSummary>>,
    unslotted: &mut Vec<DriveSummary>,
    excluded: &HashMap<Bay, DeviceName>,
) -> Vec<EnclosureView> {
    let mut contradictions = bay_contradictions::of_bays(input);
    let mut views = Vec::with_capacity(input.enclosures.len());
    for enclosure in input.enclosures {
        let mut slots = Vec::with_capacity(enclosure.slots.len());
        for slot in &enclosure.slots {
            let bay = Bay { enclosure: enclosure.id.clone(), slot: slot.label() };
            let mut here = by_bay.remove(&bay).unwrap_or_default();
            // A bay has one drive. If sysfs links several, the others are listed without a bay.
            here.sort_by(|left, right| left.device.cmp(&right.device));
            let rest = here.split_off(here.len().min(1));
            unslotted.extend(rest);
            slots.push(slot_view(slot, here.pop(), excluded.get(&bay).cloned(), contradictions.remove(&bay)));
        }
        let Judgement { verdict, findings } = judge_enclosure(enclosure, input.rules);
        views.push(EnclosureView {
            id: enclosure.id.clone(),
            sysfs_name: enclosure.sysfs_names.first().cloned().unwrap_or_default(),
            sysfs_names: enclosure.sysfs_names.clone(),
            modules: enclosure.modules.iter().map(ModuleView::from).collect(),
            vendor: enclosure.vendor.clone(),
            model: enclosure.model.clone(),
            rev: enclosure.rev.clone(),
            missing_since: enclosure.missing_since(),
            error: enclosure.error.as_ref().map(EnclosureProblem::to_string),
            verdict,
            findings,
            layout: Some(input.layouts.of(enclosure.model.as_deref(), &enclosure.id, enclosure.slots.len())),
            slots,
        });
    }
    views.sort_by(|left, right| natural_cmp(&left.id, &right.id));
    views
}

fn slot_view(
    slot: &Slot,
    drive: Option<DriveSummary>,
    excluded: Option<DeviceName>,
    contradiction: Option<String>,
) -> SlotView {
    let answer = slot.answer.clone();
    SlotView {
        slot: slot.number,
        name: slot.name.clone(),
        status: answer.status,
        fault_sensed: answer.fault_sensed,
        fault_requested: answer.fault_requested,
        locate: answer.locate,
        active: None,
        power_status: answer.power_status,
        excluded,
        contradiction,
        drive: drive.map(Box::new),
    }
}
