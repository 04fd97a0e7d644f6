//! Puts the overview together: every bay and drive joined with its reading, verdict and pool.

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
use crate::domain::enclosure::{Bay, Enclosure, EnclosureProblem, Slot};
use crate::domain::exclusion::ExcludedDrive;
use crate::domain::health::{Judgement, RuleSettings, Verdict, judge_enclosure, judge_pool};
use crate::domain::identity::DeviceName;
use crate::domain::text::natural_cmp;
use crate::domain::time::Timestamp;
use crate::domain::topology;
use crate::domain::zfs::Pool;
use std::collections::{HashMap, HashSet};

/// Excluded drives that are listed.
const MAX_EXCLUDED: usize = 64;

/// Joins everything into the overview.
pub fn build_overview(input: &OverviewInput) -> Overview {
    let bay_of = |enclosure: &Enclosure, slot: &Slot| Bay { enclosure: enclosure.id.clone(), slot: slot.label() };
    let bays: HashSet<Bay> =
        input.enclosures.iter().flat_map(|e| e.slots.iter().map(move |slot| bay_of(e, slot))).collect();
    let mut by_bay: HashMap<Bay, Vec<DriveSummary>> = HashMap::new();
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
            Some(bay) if bays.contains(bay) => by_bay.entry(bay.clone()).or_default().push(summary),
            _ => unslotted.push(summary),
        }
    }
    let (mut excluded, excluded_bays) = excluded_views(input);
    let enclosures = enclosure_views(input, &mut by_bay, &mut unslotted, &excluded_bays);
    totals.excluded = excluded.len();
    excluded.truncate(MAX_EXCLUDED);
    unslotted.sort_by(|a, b| a.device.cmp(&b.device));
    totals.enclosures = enclosures.len();
    totals.slots = enclosures.iter().map(|e| e.slots.len()).sum();
    totals.slots_occupied = enclosures.iter().flat_map(|e| &e.slots).filter(|slot| slot.holds_present_drive()).count();
    let mut overview = Overview {
        schema: SCHEMA,
        version: ContentVersion::default(),
        host: input.host.to_owned(),
        host_id: input.host_id.cloned(),
        topology: topology::fingerprint(input.inventory),
        generated_at: input.now,
        collected_at: current.or(any),
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

/// The excluded drives, and the bays that they are in.
fn excluded_views(input: &OverviewInput) -> (Vec<ExcludedView>, HashMap<Bay, DeviceName>) {
    let mut bays = HashMap::new();
    if input.excluded.is_empty() {
        return (Vec::new(), bays);
    }
    let links = BayLinks::of(input.enclosures);
    let mut view = |drive: &ExcludedDrive| {
        let bay = links.place_at(drive.addresses.iter().map(String::as_str)).bay;
        let view = ExcludedView {
            device: drive.device.clone(),
            paths: drive.paths.clone(),
            serial_number: drive.identity.unit_serial.clone(),
            wwn: drive.identity.wwn(),
            model_name: drive.model.clone(),
            transport: drive.transport,
            enclosure: bay.as_ref().map(|bay| bay.enclosure.clone()),
            slot: bay.as_ref().and_then(|bay| bay.slot.number()),
            excluded_by: drive.entry.clone(),
        };
        bays.extend(bay.map(|bay| (bay, drive.device.clone())));
        view
    };
    let mut views: Vec<ExcludedView> = input.excluded.iter().map(&mut view).collect();
    views.sort_by(|a, b| a.device.cmp(&b.device));
    (views, bays)
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
            // One drive a bay; should sysfs ever link two, none is lost.
            here.sort_by(|a, b| a.device.cmp(&b.device));
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
    views.sort_by(|a, b| natural_cmp(&a.id, &b.id));
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
