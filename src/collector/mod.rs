//! The collector: discovery, and readings of all drives, pools and enclosures of a host.
//!
//! It decides what belongs to a sweep and when a sweep is complete. The scheduler decides which drive is read next, the
//! poller when a sweep is due. A new source is a file here that implements `Source`, and an entry in `Sources`.

mod completion;
mod device_types;
mod discovery;
mod drive_backoff;
mod drive_reader;
mod enclosure_reader;
mod exclusions;
mod host_breaker;
mod jobs;
mod path_backoff;
mod pools;
mod rayon_pool;
mod run_queue;
mod scheduler;
mod smartctl_monitor;
mod source;
mod sources;
mod sweep;

pub use drive_reader::ReadingApplied;
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
use crate::domain::exclusion::{ExcludedDrive, Exclusion};
use crate::domain::health::{Peers, RuleSettings};
use crate::domain::host_identity::{DriveSketch, HostIdentity, HostName};
use crate::domain::identity::EnclosureId;
use crate::domain::inventory::{Change, Inventory, KnownEnclosure, KnownEnclosures};
use crate::domain::layout::Layouts;
use crate::domain::time::Timestamp;
use crate::domain::zfs::Zfs;
use crate::probe::enclosure::EnclosureHistory;
use crate::probe::{Host, drives};
use crate::stop::Stop;
use crossbeam_channel::Receiver;
use device_types::DeviceTypes;
use discovery::{Discovered, Visibility};
use drive_reader::DriveReader;
use exclusions::Exclusions;
use jobs::Jobs;
use scheduler::DriveRead;
use sources::Sources;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long children may take to end after a stop. Those in D state are left to the kernel.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

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
    /// What is known of the host besides its drives.
    identity: HostIdentity,
    jobs: Jobs,
    found: Discovered,
    enclosures: KnownEnclosures,
    enclosure_history: EnclosureHistory,
    visibility: Visibility,
    types: DeviceTypes,
    exclusions: Exclusions,
    drives: DriveReader,
    sources: Sources,
    last_sweep: SweepStats,
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
        let exclusions = Exclusions::new(std::mem::take(&mut config.exclude));
        let (name, identity) = (host.name(), host.identity());
        // One more thread than smartctl may use, so that a query of zpool does not delay a drive.
        let (jobs, reports) = Jobs::new(host, stop, config.concurrency + 1)?;
        let collector = Self {
            name,
            identity,
            jobs,
            found: Discovered::default(),
            enclosures: KnownEnclosures::default(),
            enclosure_history: EnclosureHistory::default(),
            visibility: Visibility::default(),
            types,
            exclusions,
            drives: DriveReader::new(config),
            sources: Sources::default(),
            last_sweep: SweepStats::default(),
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

    /// The host as stored values name it.
    pub(crate) fn host_name(&self) -> HostName<'_> {
        HostName { name: &self.name, id: self.identity.machine.as_ref() }
    }

    /// Identity of the host, with the drives that are present now.
    pub(crate) fn identity(&self) -> HostIdentity {
        let drives = DriveSketch::of(self.inventory().present().map(|record| &record.drive.identity));
        HostIdentity { drives, ..self.identity.clone() }
    }

    pub fn inventory(&self) -> &Inventory {
        self.drives.inventory()
    }

    /// For values that an earlier daemon stored.
    pub(crate) fn inventory_mut(&mut self) -> &mut Inventory {
        self.drives.inventory_mut()
    }

    /// All known enclosures, including missing ones.
    pub(crate) fn enclosures(&self) -> &[Enclosure] {
        &self.found.enclosures
    }

    pub fn zfs(&self) -> &Zfs {
        self.sources.pools.zfs()
    }

    /// The IO modules of all enclosures.
    pub(crate) fn bays(&self) -> usize {
        self.found.enclosures.iter().map(|enclosure| enclosure.slots.len()).sum()
    }

    /// Fingerprint of the topology at the last discovery.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.found.fingerprint
    }

    /// The topology has changed since the last complete discovery, or another discovery is due.
    pub(crate) fn has_changed(&self) -> bool {
        drives::fingerprint(self.jobs.host()) != self.found.fingerprint || self.enclosure_history.is_due(Instant::now())
    }

    /// There was a complete discovery. Until then it is not known which drives are present, and no drive is missing.
    pub(crate) fn has_seen(&self) -> bool {
        self.visibility.has_seen
    }

    /// Why the last discovery was not complete.
    pub(crate) fn blindness(&self) -> Option<&str> {
        self.visibility.blind.as_deref()
    }

    /// Ids that several enclosures report.
    pub(crate) fn repeated_ids(&self) -> impl Iterator<Item = &EnclosureId> {
        self.enclosure_history.repeated_ids()
    }

    /// Why drives cannot be read, as a sentence.
    pub(crate) fn smartctl_problem(&self) -> Option<String> {
        self.sources.smartctl.problem()
    }

    /// Entries of `SMART_DEVICE_TYPES` that match no drive.
    pub(crate) fn unused_types(&self) -> Vec<String> {
        self.types.unused(self.drives.inventory())
    }

    /// The drives that are present and excluded by `JBOD_EXCLUDE`.
    pub(crate) fn excluded(&self) -> &[ExcludedDrive] {
        self.exclusions.excluded()
    }

    /// `JBOD_EXCLUDE` has an entry.
    pub(crate) fn has_exclusions(&self) -> bool {
        self.exclusions.has_entries()
    }

    /// Entries of `JBOD_EXCLUDE` that match no drive.
    pub(crate) fn unused_exclusions(&self) -> impl Iterator<Item = &Exclusion> {
        self.exclusions.unused()
    }

    /// `JBOD_EXCLUDE` excludes a drive that is known only from a stored document.
    pub(crate) fn is_excluded(&self, drive: &Drive) -> bool {
        self.exclusions.covers(drive)
    }

    /// New drives are not read until their links exist, so another discovery must follow.
    pub(crate) fn waits_for_links(&self) -> bool {
        self.exclusions.is_waiting()
    }

    /// Sets the smartctl type of a drive that an earlier process detected, since detection may wake the drive.
    pub(crate) fn set_device_type(&mut self, key: &DriveKey, found: Option<&str>) {
        self.drives.set_device_type(key, found);
    }

    /// Runs a discovery; takes a few milliseconds and sends no command.
    pub fn discover(&mut self) -> Vec<Change> {
        let inventory = self.drives.inventory();
        let (types, history) = (&mut self.types, &mut self.enclosure_history);
        let discovered = discovery::discover(self.jobs.host(), types, &mut self.exclusions, history, inventory);
        let (drives, mut found) = match discovered {
            Ok(found) => found,
            Err(error) => {
                self.visibility.failed(&error);
                return Vec::new();
            }
        };
        self.visibility.succeeded();
        let at = now();
        self.enclosures.apply_discovery(std::mem::take(&mut found.enclosures), at);
        found.enclosures = self.enclosures.enclosures();
        self.found = found;
        self.drives.remove_excluded(self.exclusions.excluded());
        // If several bays link to one drive, the status of the bays decides. It was read for the bay that had that
        // number then.
        self.sources.enclosures.update_modules(&self.found.modules);
        self.sources.enclosures.apply_to(&mut self.found.enclosures);
        let changes = self.drives.apply_discovery(drives, &self.found.enclosures, at);
        self.update_enclosures(at);
        self.sources.pools.refresh_device_names(&self.found.links);
        changes
    }

    pub(crate) fn known_enclosures(&self) -> &KnownEnclosures {
        &self.enclosures
    }

    /// Forgets a missing enclosure, or the missing IO modules of one that is present. False if there is neither.
    pub(crate) fn forget_enclosure(&mut self, id: &EnclosureId) -> bool {
        let is_forgotten = self.enclosures.forget(id);
        self.update_enclosures(now());
        is_forgotten
    }

    /// Restores enclosures that an earlier daemon knew. `seen_at`: the time of its last discovery.
    pub(crate) fn restore_enclosures(&mut self, stored: Vec<KnownEnclosure>, seen_at: Timestamp) {
        for enclosure in stored {
            self.enclosures.restore(enclosure, seen_at);
        }
        self.update_enclosures(now());
    }

    /// Updates the known enclosures from the drives, and the bays of drives whose enclosure is missing.
    fn update_enclosures(&mut self, at: Timestamp) {
        self.enclosures.expire(self.drives.inventory(), at);
        self.drives.inventory_mut().keep_last_bays(&self.enclosures.last_bays());
        self.enclosures.record_drives(self.drives.inventory());
        self.found.enclosures = self.enclosures.enclosures();
        self.sources.enclosures.apply_to(&mut self.found.enclosures);
    }

    /// Decides again, after the enclosures have been read, in which bay a drive is to which several bays link.
    pub fn place_contested(&mut self) -> Vec<Change> {
        if !self.drives.inventory().has_contested() {
            return Vec::new();
        }
        let at = now();
        self.sources.enclosures.apply_to(&mut self.found.enclosures);
        let changes = self.drives.inventory_mut().place_contested(&self.found.enclosures, at);
        self.update_enclosures(at);
        changes
    }

    /// Starts a sweep over all drives, pools and enclosures, unless one is running.
    pub fn start_sweep(&mut self) {
        let at = Instant::now();
        if !self.drives.start_sweep(at) {
            return;
        }
        for source in self.sources.all() {
            source.on_sweep_begin();
        }
        self.start_sources(at);
    }

    /// Reads one drive, because a request waits for it. `None` if it is not present.
    pub(crate) fn request_drive(&mut self, key: &DriveKey) -> Option<Enqueue> {
        self.drives.request(key, Instant::now())
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
            return self.drives.take(*read).map_or(Taken::Other, Taken::Reading);
        }
        let notice = self.sources.take(report, &self.jobs, &self.found);
        notice.map_or(Taken::Other, Taken::Notice)
    }

    /// Starts readings that may start now.
    pub(crate) fn start_ready(&mut self) {
        let _ = self.drives.start_ready(&self.jobs, Instant::now());
    }

    /// Runs due tasks. Returns when to call again; `None` means after the next report.
    pub fn run_due(&mut self) -> Option<Instant> {
        let at = Instant::now();
        self.drives.reap();
        let sources = self.start_sources(at);
        self.drives.start_ready(&self.jobs, at).into_iter().chain(sources).min()
    }

    /// The sweep that has just become complete: every drive was read or skipped, and so were the sources.
    pub fn try_complete_sweep(&mut self) -> Option<CompletedSweep> {
        let completed = self.drives.try_complete_sweep(self.sources.are_idle())?;
        self.last_sweep = completed.stats.clone();
        Some(completed)
    }

    /// Counters so far, and gauges.
    pub(crate) fn counters(&self) -> PollCounters {
        let mut counters = self.drives.counters();
        counters.stuck += usize::from(self.sources.pools.has_stuck_child());
        counters
    }

    pub(crate) fn is_sweeping(&self) -> bool {
        self.drives.is_sweeping()
    }

    /// Remaining drives of the sweep, and all of its drives.
    pub(crate) fn progress(&self) -> Option<(usize, usize)> {
        self.drives.progress()
    }

    /// No job is running that may still end in time.
    pub(crate) fn is_idle(&mut self) -> bool {
        self.drives.is_idle() && self.sources.are_idle()
    }

    /// After a stop: waits until all children have been ended.
    pub(crate) fn finish(&self, reports: &Receiver<JobReport>) {
        self.jobs.wait_for_end(reports, Instant::now() + STOP_TIMEOUT);
    }

    /// Converts all times to the new clock after the clock was set.
    pub(crate) fn shift(&mut self, by_seconds: i64) {
        self.drives.shift(by_seconds);
        self.enclosures.shift(by_seconds);
        self.found.enclosures = self.enclosures.enclosures();
        self.sources.pools.shift(by_seconds);
        if let Some(started_at) = &mut self.last_sweep.started_at {
            *started_at = started_at.shifted(by_seconds);
        }
    }

    /// Builds the overview of the host.
    pub fn overview(&mut self, stale_after_seconds: u64) -> Overview {
        self.sources.enclosures.apply_to(&mut self.found.enclosures);
        let without_bay = self.drives.inventory().present().filter(|record| record.lacks_bay()).count();
        for enclosure in self.found.enclosures.iter_mut().filter(|enclosure| enclosure.missing_since().is_none()) {
            enclosure.error = enclosure.error.take().or_else(|| enclosure.unlinked(without_bay));
        }
        self.peers = Peers::of(self.drives.inventory());
        build_overview(&self.overview_input(stale_after_seconds))
    }

    /// The input of an overview, or of one drive's summary.
    pub fn overview_input(&self, stale_after_seconds: u64) -> OverviewInput<'_> {
        OverviewInput {
            host: &self.name,
            host_id: self.identity.machine.as_ref(),
            now: now(),
            stale_after_seconds,
            inventory: self.drives.inventory(),
            enclosures: &self.found.enclosures,
            zfs: self.sources.pools.zfs(),
            memberships: self.sources.pools.memberships(),
            sweep: &self.last_sweep,
            rules: &self.rules,
            layouts: &self.layouts,
            excluded: self.exclusions.excluded(),
            peers: &self.peers,
        }
    }
}
