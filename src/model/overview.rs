//! The overview: every bay and drive joined with its reading, verdict and pool, and the counts.

use super::attachment::Transport;
use super::drive::{DeviceName, Drive, DriveSummary, State};
use super::enclosure::{Enclosure, EnclosureProblem, EnclosureView, Slot, SlotView};
use super::fleet::{Bay, Fleet, Record};
use super::health::{Health, Limits, Peers, Subject, Verdict, judge, rotates};
use super::smart::Protocol;
use super::version::Version;
use super::zfs::{Membership, Pool, Scan, Zfs, words::PoolState};
use super::{SCHEMA, Timestamp, natural_cmp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The body of `/api/overview`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Overview {
    /// Version of this body's form; another number means that fields have changed their meaning.
    pub schema: u32,
    /// Of these very bytes: an equal version is an equal body.
    #[serde(default)]
    pub version: Version,
    /// Name of the host that the daemon runs on.
    pub host: String,
    /// Fingerprint of which drive has which names and sits in which bay. A stored overview whose
    /// fingerprint is not that of the host now is not shown.
    pub topology: String,
    /// When this was put together.
    pub generated_at: Timestamp,
    /// The oldest of the current readings in it (of all readings, where none is current); what `Age`
    /// counts from.
    pub collected_at: Option<Timestamp>,
    /// The worst verdict of all drives; `unknown` only when no drive has one.
    pub verdict: Verdict,
    /// Counts over all drives, bays and shelves.
    pub totals: Totals,
    /// The last whole sweep over all drives.
    pub sweep: SweepStats,
    /// The shelves with their bays, by id.
    pub enclosures: Vec<EnclosureView>,
    /// Drives in no known bay.
    pub unslotted: Vec<DriveSummary>,
    /// The ZFS pools, in short; `/api/zfs` has all of them.
    pub pools: Vec<PoolSummary>,
    /// Why the pools are unknown or old.
    pub zfs_error: Option<String>,
}

/// Counts that add up: `by_verdict` and `by_state` each sum to `drives`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Totals {
    /// Drives, those that are missing among them.
    pub drives: usize,
    /// Kernel names of all drives together; a drive on two paths has two.
    pub paths: usize,
    /// Shelves; both IO modules of a shelf are one.
    pub enclosures: usize,
    /// Bays of all shelves.
    pub slots: usize,
    /// Bays with a drive.
    pub slots_occupied: usize,
    /// Capacity of all drives whose capacity is known.
    pub capacity_bytes: u64,
    /// The highest temperature of any drive; `null` where none is known.
    pub hottest_celsius: Option<i32>,
    /// Drives by verdict.
    pub by_verdict: ByVerdict,
    /// Drives by state.
    pub by_state: ByState,
}

/// Drives by verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ByVerdict {
    /// Nothing is wrong.
    pub ok: usize,
    /// Worth a look.
    pub watch: usize,
    /// Replace soon, or mend what it is connected by.
    pub warn: usize,
    /// Act now.
    pub crit: usize,
    /// Nothing to judge.
    pub unknown: usize,
}

impl ByVerdict {
    fn count(&mut self, verdict: Verdict) {
        let place = match verdict {
            Verdict::Ok => &mut self.ok,
            Verdict::Watch => &mut self.watch,
            Verdict::Warn => &mut self.warn,
            Verdict::Crit => &mut self.crit,
            Verdict::Unknown => &mut self.unknown,
        };
        *place += 1;
    }

    /// Worst first.
    pub fn named(&self) -> [(&'static str, usize); 5] {
        let Self { ok, watch, warn, crit, unknown } = *self;
        [("crit", crit), ("warn", warn), ("watch", watch), ("ok", ok), ("unknown", unknown)]
    }
}

/// Drives by state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ByState {
    /// Answer.
    pub active: usize,
    /// Sleep, and are left asleep.
    pub standby: usize,
    /// Do not answer.
    pub unresponsive: usize,
    /// Were here, are gone.
    pub missing: usize,
    /// Are not read yet.
    pub reading: usize,
}

impl ByState {
    fn count(&mut self, state: State) {
        let place = match state {
            State::Active => &mut self.active,
            State::Standby => &mut self.standby,
            State::Unresponsive => &mut self.unresponsive,
            State::Missing => &mut self.missing,
            State::Reading => &mut self.reading,
        };
        *place += 1;
    }

    /// Most telling first.
    pub fn named(&self) -> [(&'static str, usize); 5] {
        let Self { active, standby, unresponsive, missing, reading } = *self;
        [
            ("unresponsive", unresponsive),
            ("missing", missing),
            ("reading", reading),
            ("standby", standby),
            ("active", active),
        ]
    }
}

/// The last whole sweep; all `null` before the first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SweepStats {
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// How long it took.
    pub took_ms: Option<u64>,
    /// Drives that it was to read.
    pub drives: Option<usize>,
    /// Read without a usable answer, timeouts among them.
    pub failed: Option<usize>,
    /// Of these, without an answer in time.
    pub timed_out: Option<usize>,
}

/// A pool in short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PoolSummary {
    /// Name of the pool.
    pub name: String,
    /// `ONLINE`, `DEGRADED`, `FAULTED`, … (zpool-status(8)).
    pub state: Option<PoolState>,
    /// The newest or running scrub or resilver.
    pub scan: Scan,
}

/// What an overview is made from.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    pub host: &'a str,
    pub now: Timestamp,
    /// Values older than this are stale.
    pub stale_after_seconds: u64,
    pub fleet: &'a Fleet,
    pub enclosures: &'a [Enclosure],
    pub zfs: &'a Zfs,
    /// `zfs.memberships()`, made once.
    pub places: &'a BTreeMap<DeviceName, Membership>,
    pub sweep: &'a SweepStats,
    pub limits: &'a Limits,
    /// `Peers::of(fleet)`, made once.
    pub peers: &'a Peers,
}

impl Overview {
    /// Every drive, by enclosure id, slot number, then device name.
    pub fn drives(&self) -> impl Iterator<Item = &DriveSummary> {
        let slotted = self.enclosures.iter().flat_map(|e| e.slots.iter().filter_map(|s| s.drive.as_deref()));
        slotted.chain(&self.unslotted)
    }
}

/// Joins everything into the overview.
pub fn summarize(parts: &Parts) -> Overview {
    let bays: HashSet<(&str, u32)> =
        parts.enclosures.iter().flat_map(|e| e.slots.iter().map(|s| (e.id.as_str(), s.slot))).collect();
    let mut by_bay: HashMap<(&str, u32), Vec<DriveSummary>> = HashMap::new();
    let mut unslotted = Vec::new();
    let mut totals = Totals::default();
    let (mut current, mut any): (Option<Timestamp>, Option<Timestamp>) = (None, None);
    for record in parts.fleet.records() {
        let summary = summary(record, parts);
        totals.count(record, &summary);
        if summary.state == State::Active && !summary.stale {
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
    let enclosures = enclosure_views(parts, &mut by_bay, &mut unslotted);
    unslotted.sort_by(|a, b| a.device.cmp(&b.device));
    totals.enclosures = enclosures.len();
    totals.slots = enclosures.iter().map(|e| e.slots.len()).sum();
    let mut overview = Overview {
        schema: SCHEMA,
        version: Version::default(),
        host: parts.host.to_owned(),
        topology: topology(parts.fleet),
        generated_at: parts.now,
        collected_at: current.or(any),
        verdict: Verdict::Unknown,
        totals,
        sweep: parts.sweep.clone(),
        enclosures,
        unslotted,
        pools: parts.zfs.pools.iter().map(PoolSummary::from).collect(),
        zfs_error: parts.zfs.error.clone(),
    };
    overview.verdict = overview.drives().map(|d| d.verdict).max().unwrap_or(Verdict::Unknown);
    overview
}

impl From<&Pool> for PoolSummary {
    fn from(pool: &Pool) -> Self {
        Self { name: pool.name.clone(), state: pool.state.clone(), scan: pool.scan.clone() }
    }
}

fn enclosure_views<'a>(
    parts: &Parts<'a>,
    by_bay: &mut HashMap<(&'a str, u32), Vec<DriveSummary>>,
    unslotted: &mut Vec<DriveSummary>,
) -> Vec<EnclosureView> {
    let layouts = &parts.limits.enclosures;
    let mut views: Vec<EnclosureView> = parts
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
            layout: Some(layouts.of(e.model.as_deref(), &e.id, e.slots.len())),
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

/// One record as users see it.
pub fn summary(record: &Record, parts: &Parts) -> DriveSummary {
    let drive = &record.drive;
    let place = parts.places.get(&drive.device).filter(|_| record.is_here());
    let report = record.report.as_deref();
    let ata_by_vendor = drive.vendor.as_deref() == Some("ATA");
    let vendor = drive.vendor.clone().filter(|_| !ata_by_vendor);
    let behind = drive.raid_volume().cloned();
    let translated = behind.is_some() || drive.attachment.transport() == Some(Transport::Usb);
    let presumed = match (drive.is_nvme(), ata_by_vendor) {
        (true, _) => Some(Protocol::Nvme),
        (false, true) => Some(Protocol::Ata),
        // What speaks SCSI to the host may be a bridge before a drive that does not.
        (false, false) => (!translated).then_some(Protocol::Scsi),
    };
    let health = health(record, place, parts);
    let stale = record.state == State::Missing
        || record.collected_at.is_some_and(|at| at.age_seconds(parts.now) > parts.stale_after_seconds);
    DriveSummary {
        device: drive.device.clone(),
        paths: drive.paths.iter().map(|p| p.device.clone()).collect(),
        serial_number: record.serial_number().map(str::to_owned),
        wwn: report.and_then(|r| r.wwn.clone()).or_else(|| drive.identity.wwn()),
        model_name: report.and_then(|r| r.model_name.clone()).or_else(|| full_model(vendor.as_deref(), drive)),
        vendor: report.and_then(|r| r.vendor.clone()).or(vendor),
        firmware_version: report.and_then(|r| r.firmware_version.clone()).or_else(|| drive.firmware.clone()),
        protocol: report.and_then(|r| r.protocol).or(presumed),
        transport: drive.attachment.transport(),
        behind,
        user_capacity_bytes: report.and_then(|r| r.user_capacity_bytes).or(drive.size_bytes),
        rotation_rate_rpm: report
            .and_then(|r| r.rotation_rate_rpm)
            .or_else(|| (drive.rotational == Some(false)).then_some(0)),
        temperature_celsius: report.and_then(|r| r.temperature_celsius),
        power_on_hours: report.and_then(|r| r.power_on_hours),
        state: record.state,
        verdict: health.verdict,
        findings: health.findings,
        enclosure: record.bay.as_ref().map(|b| b.enclosure.clone()),
        slot: record.bay.as_ref().map(|b| b.slot),
        pool: place.map(|p| p.pool.clone()),
        vdev: place.map(|p| p.vdev.clone()),
        role: place.map(|p| p.role),
        vdev_state: place.and_then(|p| p.state.clone()),
        read_errors: place.and_then(|p| p.read_errors),
        write_errors: place.and_then(|p| p.write_errors),
        cksum_errors: place.and_then(|p| p.cksum_errors),
        collected_at: record.collected_at,
        checked_at: record.checked_at,
        missing_since: record.missing_since,
        stale,
        error: record.why_no_reading().map(|why| why.to_string()),
    }
}

/// As smartctl puts it together for SCSI: vendor and product.
fn full_model(vendor: Option<&str>, drive: &Drive) -> Option<String> {
    let model = drive.model.as_deref()?;
    Some(vendor.map_or_else(|| model.to_owned(), |vendor| format!("{vendor} {model}")))
}

/// The verdict. A drive that does not answer, or is gone, has none, unless its last values already
/// were bad, or ZFS has given it up: silence never betters a failing drive.
fn health(record: &Record, place: Option<&Membership>, parts: &Parts) -> Health {
    let report = record.report.as_deref();
    let bay = record.bay.as_ref().filter(|_| record.is_here());
    let subject = Subject {
        now: parts.now,
        report,
        collected_at: record.collected_at,
        asleep: record.state == State::Standby,
        model: report.and_then(|r| r.model_name.as_deref()).or(record.drive.model.as_deref()),
        rotates: rotates(record),
        place,
        fault_sensed: bay.and_then(|bay| slot(parts.enclosures, bay)?.answer.fault_sensed),
        peers: parts.peers.of_one(record),
    };
    let mut health = judge(&subject, parts.limits);
    let outside = matches!(record.state, State::Unresponsive | State::Missing);
    // What a RAID controller says of a volume says nothing of the disks behind it.
    if outside && health.verdict < Verdict::Warn || record.drive.is_raid_volume() && health.verdict == Verdict::Ok {
        health.verdict = Verdict::Unknown;
    }
    health
}

fn slot<'a>(enclosures: &'a [Enclosure], bay: &Bay) -> Option<&'a Slot> {
    let slots = &enclosures.iter().find(|e| e.id == bay.enclosure)?.slots;
    // By number, as they are sorted.
    slots.binary_search_by_key(&bay.slot, |s| s.slot).ok().and_then(|at| slots.get(at))
}

impl Totals {
    fn count(&mut self, record: &Record, summary: &DriveSummary) {
        self.drives += 1;
        self.by_verdict.count(summary.verdict);
        self.by_state.count(summary.state);
        if record.is_here() {
            self.paths += summary.paths.len();
            self.slots_occupied += usize::from(record.bay.is_some());
            // The space of a disk behind a RAID controller is that of its volume.
            let bytes = summary.user_capacity_bytes.filter(|_| summary.behind.is_none());
            self.capacity_bytes = self.capacity_bytes.saturating_add(bytes.unwrap_or(0));
            let is_current = summary.state == State::Active && !summary.stale;
            self.hottest_celsius = self.hottest_celsius.max(summary.temperature_celsius.filter(|_| is_current));
        }
    }
}

/// Fingerprint of which drive has which names and sits where. Stable over restarts and versions,
/// because it is compared with what an earlier daemon stored.
fn topology(fleet: &Fleet) -> String {
    let mut text = String::new();
    for record in fleet.present() {
        let names = record.drive.paths.iter().map(|p| p.device.as_str());
        let place = record.bay.iter().map(|bay| bay.enclosure.as_str());
        // Which disk stands behind a RAID controller, only its serial number tells.
        let read = record.report.as_ref().filter(|_| record.drive.raid_volume().is_some());
        let serial = read.and_then(|r| r.serial_number.as_deref());
        let key = record.drive.key.to_string();
        for part in [key.as_str()].into_iter().chain(names).chain(place).chain(serial) {
            text.push_str(part);
            text.push('\n');
        }
        let slot = record.bay.as_ref().map_or_else(String::new, |bay| bay.slot.to_string());
        text.push_str(&slot);
        text.push('\0');
    }
    format!("{:016x}", super::fnv1a(text.bytes()))
}
