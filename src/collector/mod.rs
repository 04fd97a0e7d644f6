//! The collector: discovery, and readings of all drives, pools and enclosures of a host.
//!
//! It decides what belongs to a sweep and when a sweep is complete. The scheduler decides which drive is read next, the
//! poller when a sweep is due. A new source is a file here that implements `Source`, and an entry in `Sources`.

mod completion;
mod device_types;
mod discovery;
mod enclosure_reader;
mod host_breaker;
mod jobs;
mod pools;
mod quarantine;
mod rayon_pool;
mod run_queue;
mod scheduler;
mod smartctl_monitor;
mod source;
mod sources;
mod sweep;

pub(crate) use jobs::JobReport;
pub(crate) use rayon_pool::PoolError;
pub(crate) use scheduler::Enqueue;
pub(crate) use smartctl_monitor::SmartctlTransition;
pub(crate) use source::Notice;
pub(crate) use sweep::CompletedSweep;

use crate::api::assemble::build_overview;
use crate::api::overview::{Overview, SweepStats};
use crate::api::overview_input::OverviewInput;
use crate::api::service::PollCounters;
use crate::clock::now;
use crate::config::SmartConfig;
use crate::domain::drive::{Drive, DriveKey};
use crate::domain::enclosure::Enclosure;
use crate::domain::health::{Peers, RuleSettings};
use crate::domain::inventory::{Change, Inventory, Outcome, Reading};
use crate::domain::layout::Layouts;
use crate::domain::no_reading::NoReading;
use crate::domain::zfs::Zfs;
use crate::probe::{Host, drives};
use crate::stop::Stop;
use completion::Relevance;
use crossbeam_channel::Receiver;
use device_types::DeviceTypes;
use discovery::{Discovered, Visibility};
use jobs::Jobs;
use run_queue::Urgency;
use scheduler::{DriveRead, Scheduler};
use serde_json::value::RawValue;
use sources::Sources;
use std::sync::Arc;
use std::time::{Duration, Instant};
use sweep::Sweep;

/// How long children may take to end after a stop. Those in D state are left to the kernel.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// A reading that has just been applied.
#[derive(Debug)]
pub struct ReadingApplied {
    pub key: DriveKey,
    /// smartctl's own JSON, of a good reading.
    pub raw: Option<Box<RawValue>>,
    /// Serial number of the previous drive if it was replaced.
    pub(crate) replaced: Option<String>,
}

/// What a report contained.
#[derive(Debug)]
pub enum Taken {
    Reading(ReadingApplied),
    Notice(Notice),
    /// Nothing that the poller must handle.
    Other,
}

pub struct Collector {
    name: String,
    jobs: Jobs,
    inventory: Inventory,
    found: Discovered,
    visibility: Visibility,
    types: DeviceTypes,
    scheduler: Scheduler,
    sources: Sources,
    sweep: Option<Sweep>,
    last_sweep: SweepStats,
    counters: PollCounters,
    rules: Arc<RuleSettings>,
    layouts: Arc<Layouts>,
    peers: Peers,
}

impl Collector {
    /// The inventory is empty; the receiver gets the reports of jobs.
    pub fn new(
        host: Host,
        mut config: SmartConfig,
        rules: Arc<RuleSettings>,
        layouts: Arc<Layouts>,
        stop: Stop,
    ) -> Result<(Self, Receiver<JobReport>), PoolError> {
        let types = DeviceTypes::new(std::mem::take(&mut config.device_types));
        let name = host.name();
        // One thread more than smartctl may use: a query of zpool takes none from a drive.
        let (jobs, reports) = Jobs::new(host, stop, config.concurrency + 1)?;
        let collector = Self {
            name,
            jobs,
            inventory: Inventory::default(),
            found: Discovered::default(),
            visibility: Visibility::default(),
            types,
            scheduler: Scheduler::new(config),
            sources: Sources::default(),
            sweep: None,
            last_sweep: SweepStats::default(),
            counters: PollCounters::default(),
            rules,
            layouts,
            peers: Peers::default(),
        };
        Ok((collector, reports))
    }

    /// Name of the host.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// For values that an earlier daemon stored.
    pub(crate) fn inventory_mut(&mut self) -> &mut Inventory {
        &mut self.inventory
    }

    pub(crate) fn enclosures(&self) -> &[Enclosure] {
        &self.found.enclosures
    }

    pub fn zfs(&self) -> &Zfs {
        self.sources.pools.zfs()
    }

    /// Of all enclosures.
    pub(crate) fn bays(&self) -> usize {
        self.found.enclosures.iter().map(|enclosure| enclosure.slots.len()).sum()
    }

    /// Fingerprint of the topology at the last discovery.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.found.fingerprint
    }

    /// The topology has changed since the last complete discovery.
    pub(crate) fn has_changed(&self) -> bool {
        drives::fingerprint(self.jobs.host()) != self.found.fingerprint
    }

    /// A discovery was complete: until then it is not known which drives are present, and none is missing.
    pub(crate) fn has_seen(&self) -> bool {
        self.visibility.has_seen
    }

    /// Why the last discovery was not complete.
    pub(crate) fn blindness(&self) -> Option<&str> {
        self.visibility.blind.as_deref()
    }

    /// Why drives cannot be read, as a sentence.
    pub(crate) fn smartctl_problem(&self) -> Option<String> {
        self.sources.smartctl.problem()
    }

    /// Entries of `SMART_DEVICE_TYPES` that match no drive.
    pub(crate) fn unused_types(&self) -> Vec<String> {
        self.types.unused(&self.inventory)
    }

    /// smartctl's type of a drive, as an earlier run found it: detecting it may wake the drive.
    pub(crate) fn set_device_type(&mut self, key: &DriveKey, found: Option<&str>) {
        self.scheduler.set_device_type(key, found);
    }

    /// Runs a discovery; takes a few milliseconds and sends no command.
    pub fn discover(&mut self) -> Vec<Change> {
        let (drives, found) = match discovery::discover(self.jobs.host(), &mut self.types, &self.inventory) {
            Ok(found) => found,
            Err(error) => {
                self.visibility.failed(&error);
                return Vec::new();
            }
        };
        self.visibility.succeeded();
        self.found = found;
        let changes = self.inventory.apply_discovery(drives, &self.found.enclosures, now());
        let inventory = &self.inventory;
        let present = |key: &DriveKey| {
            let record = inventory.get(key)?;
            if record.is_present() { Some(&record.drive) } else { None }
        };
        if let Some(sweep) = self.sweep.as_mut() {
            sweep.retain(|key| present(key).is_some());
        }
        self.scheduler.update_drives(present);
        for change in &changes {
            if let Change::Appeared(key) | Change::Back(key) = change
                && let Some(record) = inventory.get(key)
            {
                self.scheduler.on_drive_added(&record.drive);
            }
        }
        self.sources.pools.refresh_device_names(&self.found.links);
        changes
    }

    /// Starts a sweep over all drives, pools and enclosures, unless one is running.
    pub fn start_sweep(&mut self) {
        if self.sweep.is_some() {
            return;
        }
        let at = Instant::now();
        let drives: Vec<Arc<Drive>> = self.inventory.present().map(|record| Arc::clone(&record.drive)).collect();
        let mut sweep = Sweep::new(drives.len(), at);
        let mut skipped = Vec::new();
        self.scheduler.pick_probe_drives(&drives, at);
        for drive in &drives {
            match self.scheduler.enqueue(drive, Urgency::Background, at) {
                // A drive that was silent is read outside the sweep: it may take its full timeout again.
                Enqueue::Queued if !self.scheduler.is_suspect(&drive.key) => sweep.wait_for(&drive.key),
                outcome => skipped.push((drive.key.clone(), outcome)),
            }
        }
        self.scheduler.sort();
        self.sweep = Some(sweep);
        for (key, outcome) in skipped {
            self.skip_drive(key, &outcome, at);
        }
        for source in self.sources.all() {
            source.on_sweep_begin();
        }
        self.start_sources(at);
    }

    /// The running sweep does not wait for the drive.
    fn skip_drive(&mut self, key: DriveKey, outcome: &Enqueue, at: Instant) {
        let Some(sweep) = self.sweep.as_mut() else { return };
        sweep.skip_drive(&key);
        let why = match outcome {
            Enqueue::Queued | Enqueue::Quarantined(_) => return,
            Enqueue::ChildStuck { pid, seconds } => {
                self.scheduler.record_timeout(&key, at);
                NoReading::Stuck { pid: *pid, seconds: *seconds }
            }
            Enqueue::HostSilent { host, drives } => NoReading::HostSilent { host: *host, drives: *drives },
        };
        let reading = Reading { key, at: sweep.started_at, took_ms: None, outcome: Outcome::Silent(why) };
        self.inventory.apply(&reading);
    }

    /// Reads one drive, because a request waits for it. `None`: it is not present.
    pub(crate) fn request_drive(&mut self, key: &DriveKey) -> Option<Enqueue> {
        let record = self.inventory.get(key)?;
        if !record.is_present() {
            return None;
        }
        Some(self.scheduler.enqueue(&record.drive, Urgency::Requested, Instant::now()))
    }

    /// Queries the pools, unless a query is running.
    pub(crate) fn request_pools(&mut self) {
        self.sources.pools.request();
        self.start_sources(Instant::now());
    }

    /// Reads the enclosures, except modules that are being read.
    pub(crate) fn request_enclosures(&mut self) {
        self.sources.enclosures.request();
        self.start_sources(Instant::now());
    }

    /// Checks the version of smartctl if it is unknown or may have changed.
    pub(crate) fn check_smartctl(&mut self) {
        self.sources.smartctl.request();
        self.start_sources(Instant::now());
    }

    fn start_sources(&mut self, at: Instant) -> Option<Instant> {
        self.sources.start_due(&self.jobs, &self.found, at)
    }

    /// Applies a report.
    pub fn take(&mut self, report: JobReport) -> Taken {
        if report.source == scheduler::SOURCE {
            let Ok(read) = report.result.downcast::<DriveRead>() else { return Taken::Other };
            return self.take_reading(*read).map_or(Taken::Other, Taken::Reading);
        }
        let notice = self.sources.take(report, &self.jobs, &self.found);
        notice.map_or(Taken::Other, Taken::Notice)
    }

    fn take_reading(&mut self, read: DriveRead) -> Option<ReadingApplied> {
        let DriveRead { number, key, at, mut answer } = read;
        let now = Instant::now();
        let completion = self.scheduler.complete(number, &key, &mut answer, now);
        if answer.stopped {
            return None;
        }
        if completion == Relevance::Void {
            self.read_again(key, now);
            return None;
        }
        self.count(&answer.outcome);
        for (key, outcome) in self.scheduler.defer_stalled() {
            self.skip_drive(key, &outcome, now);
        }
        if let Some(sweep) = self.sweep.as_mut() {
            // A volume whose disks are listed is not expected to answer.
            let may_fail = self.inventory.get(&key).is_some_and(|record| !record.drive.raid_disks.is_empty());
            sweep.record(&key, &answer.outcome, may_fail);
        }
        // Pending requests get the newer one.
        if self.inventory.is_outdated(&key, at.date()) {
            return Some(ReadingApplied { key, raw: None, replaced: None });
        }
        let took_ms = u64::try_from(answer.took.as_millis()).ok();
        let reading = Reading { key: key.clone(), at: at.date(), took_ms, outcome: answer.outcome };
        let replaced = self.inventory.apply(&reading);
        // After a reading without values the earlier one is kept, with its JSON.
        let was_taken = self.inventory.get(&key).is_some_and(|record| record.error.is_none());
        Some(ReadingApplied { raw: answer.raw.filter(|_| was_taken), key, replaced })
    }

    fn count(&mut self, outcome: &Outcome) {
        let counter = match outcome {
            Outcome::Good(_) => &mut self.counters.good,
            Outcome::Standby => &mut self.counters.asleep,
            Outcome::Silent(_) => &mut self.counters.silent,
            Outcome::Failed(_) => &mut self.counters.failed,
        };
        *counter += 1;
    }

    /// The reading was started before the drive disappeared: if it is present again, it must be read again.
    fn read_again(&mut self, key: DriveKey, at: Instant) {
        let Some(record) = self.inventory.get(&key) else { return };
        if !record.is_present() {
            return;
        }
        let outcome = self.scheduler.enqueue(&record.drive, Urgency::Requested, at);
        if outcome != Enqueue::Queued {
            self.skip_drive(key, &outcome, at);
        }
    }

    /// Starts readings that may start now.
    pub(crate) fn start_ready(&mut self) {
        let _ = self.scheduler.start_ready(&self.jobs, Instant::now());
    }

    /// Runs due tasks; returns when to call again (`None`: after the next report).
    pub fn run_due(&mut self) -> Option<Instant> {
        let at = Instant::now();
        self.scheduler.reap();
        let sources = self.start_sources(at);
        self.scheduler.start_ready(&self.jobs, at).into_iter().chain(sources).min()
    }

    /// The sweep that has just become complete: every drive was read or skipped, and so were the sources.
    pub fn try_complete_sweep(&mut self) -> Option<CompletedSweep> {
        let sources_are_idle = self.sources.are_idle();
        let sweep = self.sweep.take_if(|sweep| sweep.has_read_all() && sources_are_idle)?;
        self.counters.sweeps += 1;
        let completed = sweep.complete(self.scheduler.silent_hosts());
        self.last_sweep = completed.stats.clone();
        Some(completed)
    }

    /// Counters so far, and gauges.
    pub(crate) fn counters(&self) -> PollCounters {
        let (stuck, waiting) = self.scheduler.counts(Instant::now());
        let stuck = stuck + usize::from(self.sources.pools.has_stuck_child());
        PollCounters { running: self.scheduler.running(), stuck, waiting, ..self.counters }
    }

    pub(crate) fn is_sweeping(&self) -> bool {
        self.sweep.is_some()
    }

    /// Remaining drives of the sweep, and all of its drives.
    pub(crate) fn progress(&self) -> Option<(usize, usize)> {
        self.sweep.as_ref().map(Sweep::progress)
    }

    /// No job is running that may still end in time.
    pub(crate) fn is_idle(&mut self) -> bool {
        self.scheduler.is_idle() && self.sources.are_idle()
    }

    /// After a stop: waits until all children have been ended.
    pub(crate) fn finish(&self, reports: &Receiver<JobReport>) {
        self.jobs.wait_for_end(reports, Instant::now() + STOP_TIMEOUT);
    }

    /// The clock was set: converts all times to the new clock.
    pub(crate) fn shift(&mut self, by_seconds: i64) {
        self.inventory.shift(by_seconds);
        self.sources.pools.shift(by_seconds);
        if let Some(started_at) = &mut self.last_sweep.started_at {
            *started_at = started_at.shifted(by_seconds);
        }
        if let Some(sweep) = &mut self.sweep {
            sweep.started_at = sweep.started_at.shifted(by_seconds);
        }
    }

    /// The overview of everything.
    pub fn overview(&mut self, stale_after_seconds: u64) -> Overview {
        self.sources.enclosures.apply_to(&mut self.found.enclosures);
        let homeless = self.inventory.present().filter(|record| record.lacks_bay()).count();
        for enclosure in &mut self.found.enclosures {
            enclosure.error = enclosure.error.take().or_else(|| enclosure.unlinked(homeless));
        }
        self.peers = Peers::of(&self.inventory);
        build_overview(&self.overview_input(stale_after_seconds))
    }

    /// The input of an overview, or of one drive's summary.
    pub fn overview_input(&self, stale_after_seconds: u64) -> OverviewInput<'_> {
        OverviewInput {
            host: &self.name,
            now: now(),
            stale_after_seconds,
            inventory: &self.inventory,
            enclosures: &self.found.enclosures,
            zfs: self.sources.pools.zfs(),
            places: self.sources.pools.memberships(),
            sweep: &self.last_sweep,
            rules: &self.rules,
            layouts: &self.layouts,
            peers: &self.peers,
        }
    }
}
