//! The scheduler: which drive is read when, and through which path.
//!
//! It limits the number of children in total and per SCSI host, never runs two on one drive, and spreads their starts.
//! Drives that timed out use at most half of the children. It holds no values of drives: a reading is sent as a report.
//!
//! It runs at every reading, so it does not iterate over all drives unless one was added, removed or timed out.

use super::completion::{ChildEnd, RunningChild};
use super::drive_backoff::{DriveBackoff, WaitReason};
use super::host_breaker::HostBreaker;
use super::jobs::{Jobs, SourceId};
use super::path_backoff::PathBackoff;
use super::run_queue::{QueueKey, RunQueue, Urgency};
use crate::clock::Moment;
use crate::config::SmartConfig;
use crate::domain::drive::{Drive, DriveKey, DrivePath};
use crate::domain::identity::ScsiHost;
use crate::domain::inventory::Outcome;
use crate::probe::smartctl;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) const SOURCE: SourceId = "drives";

/// The first starts of a sweep are spread over this time.
const STARTUP_STAGGER: Duration = Duration::from_millis(32);

/// The result of a request to read a drive.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Enqueue {
    /// It will be read, or is being read.
    Queued,
    /// It timed out, and is not read again until then.
    BackedOff(Instant),
    /// Its last child still hangs.
    ChildStuck { pid: u32, seconds: u64 },
    /// Its SCSI host is silent; `drives` of its drives have timed out.
    HostSilent { host: ScsiHost, drives: usize },
}

/// The result of a child that read a drive.
pub(super) struct DriveRead {
    /// The number of the child.
    pub(super) number: u64,
    pub(super) key: DriveKey,
    pub(super) at: Moment,
    pub(super) answer: smartctl::SmartctlResult,
}

pub(super) struct Scheduler {
    config: SmartConfig,
    queue: RunQueue,
    running: HashMap<DriveKey, RunningChild>,
    /// Number of children started.
    started: u64,
    /// Number of running children by SCSI host.
    busy: BTreeMap<ScsiHost, usize>,
    backoff: DriveBackoff,
    paths: PathBackoff,
    hosts: HostBreaker,
    next_start: Instant,
}

/// The number of children that may run in total, and the number that may start now.
#[derive(Clone, Copy, Default)]
struct Capacity {
    total: usize,
    free: usize,
}

impl Scheduler {
    pub(super) fn new(config: SmartConfig) -> Self {
        Self {
            config,
            queue: RunQueue::default(),
            running: HashMap::new(),
            started: 0,
            busy: BTreeMap::new(),
            backoff: DriveBackoff::default(),
            paths: PathBackoff::default(),
            hosts: HostBreaker::default(),
            next_start: Instant::now(),
        }
    }

    /// Puts a drive into the run queue.
    pub(super) fn enqueue(&mut self, drive: &Arc<Drive>, urgency: Urgency, at: Instant) -> Enqueue {
        if self.running.contains_key(&drive.key) {
            return Enqueue::Queued;
        }
        let took = self.backoff.took(&drive.key);
        if self.queue.has(&drive.key) {
            if urgency == Urgency::Requested {
                let key = self.queue_key(drive, urgency, at);
                self.queue.promote(key, drive, took);
            }
            return Enqueue::Queued;
        }
        // A drive that probes a silent host does so for all drives behind it, instead of its own next reading.
        let is_probe = self.hosts.is_probe_drive(drive);
        if let Some((host, drives)) = self.silent_host(drive)
            && !is_probe
        {
            return Enqueue::HostSilent { host, drives };
        }
        match self.backoff.check(drive, is_probe, at) {
            Err(WaitReason::BackOff(until)) => return Enqueue::BackedOff(until),
            Err(WaitReason::ChildStuck { pid, seconds }) => return Enqueue::ChildStuck { pid, seconds },
            Ok(()) => {}
        }
        let key = self.queue_key(drive, urgency, at);
        self.queue.push(key, Arc::clone(drive), took);
        Enqueue::Queued
    }

    fn queue_key(&self, drive: &Drive, urgency: Urgency, at: Instant) -> QueueKey {
        let mut hosts: Vec<Option<ScsiHost>> = self.paths_to_try(drive, at).iter().map(|path| path.host).collect();
        hosts.sort_unstable();
        hosts.dedup();
        QueueKey { urgency, suspect: self.backoff.is_suspect(&drive.key), hosts }
    }

    /// Sorts each queue, the slowest drive first.
    pub(super) fn sort(&mut self) {
        self.queue.sort();
    }

    /// Starts readings that may start now. Returns when to call again; `None`: when a child has ended.
    pub(super) fn start_ready(&mut self, jobs: &Jobs, at: Instant) -> Option<Instant> {
        while self.running.len() < self.config.concurrency && !self.queue.is_empty() {
            if at < self.next_start {
                return Some(self.next_start);
            }
            let suspects = self.running.keys().filter(|key| self.backoff.is_suspect(key)).count();
            let has_room_for_suspects = suspects < (self.config.concurrency / 2).max(1);
            let (hosts, busy, usual) = (&self.hosts, &self.busy, self.config.concurrency_per_host);
            let room = |key: &QueueKey| {
                if key.suspect && !has_room_for_suspects {
                    return None;
                }
                let mut sum = Capacity::default();
                for host in &key.hosts {
                    let capacity = capacity(hosts, busy, *host, usual);
                    sum = Capacity { total: sum.total + capacity.total, free: sum.free + capacity.free };
                }
                if sum.free > 0 { Some(sum.total) } else { None }
            };
            let (drive, urgency) = self.queue.next(room)?;
            let Some(path) = self.free_path(&drive, at) else {
                // A path that it was queued for may not be used any more, and the others have no room now: by its new
                // key it is not next before they have.
                let (key, took) = (self.queue_key(&drive, urgency, at), self.backoff.took(&drive.key));
                self.queue.push(key, drive, took);
                continue;
            };
            self.next_start = at + STARTUP_STAGGER / u32::try_from(self.config.concurrency).unwrap_or(1);
            self.start(jobs, drive, path, at);
        }
        None
    }

    fn start(&mut self, jobs: &Jobs, drive: Arc<Drive>, path: DrivePath, at: Instant) {
        self.started += 1;
        let number = self.started;
        let child = RunningChild { number, drive: Arc::clone(&drive), path: path.clone(), since: at, is_void: false };
        self.running.insert(drive.key.clone(), child);
        self.paths.started(&drive.key, &path, number);
        if let Some(host) = path.host {
            *self.busy.entry(host).or_default() += 1;
        }
        // A configured type takes precedence over a detected one; with `auto` it is detected each time.
        let device_type = match drive.smartctl_type {
            Some(configured) => configured.argument(),
            None => self.backoff.device_type(&drive.key).map(str::to_owned),
        };
        let options = smartctl::Options { timeout: self.config.timeout, nocheck: self.config.nocheck };
        jobs.run(SOURCE, move |host, stop| {
            let at = Moment::now();
            log::debug!("smartctl start device={} node={}", path.device, path.node);
            let answer = smartctl::read(host, &drive, &path, device_type.as_deref(), options, stop);
            DriveRead { number, key: drive.key.clone(), at, answer }
        });
    }

    /// Records the end of a child, and its result. A drive that has another path is read over that in the same turn.
    pub(super) fn complete(
        &mut self,
        number: u64,
        key: &DriveKey,
        answer: &mut smartctl::SmartctlResult,
        at: Instant,
    ) -> ChildEnd {
        match self.running.get(key) {
            Some(running) if running.number == number => {}
            // The drive has another child now.
            _ => return ChildEnd::Void,
        }
        let Some(RunningChild { drive, path, since, is_void, .. }) = self.running.remove(key) else {
            return ChildEnd::Void;
        };
        if let Some(host) = path.host {
            self.release(host);
            self.record_for_host(host, key, since, &answer.outcome, at);
        }
        self.backoff.keep_stuck(key, &path.address, answer.stuck.take());
        if is_void {
            return ChildEnd::Void;
        }
        if let Outcome::Silent(why) | Outcome::Failed(why) = &answer.outcome
            && !answer.stopped
            && why.may_be_of_path()
            && self.good_paths(&drive, at).iter().any(|other| other.address != path.address)
        {
            self.paths.add_attempt(key, path, why.clone());
            // A turn that has begun ends before others begin.
            let queue_key = self.queue_key(&drive, Urgency::Requested, at);
            self.queue.push(queue_key, drive, self.backoff.took(key));
            return ChildEnd::OtherPath;
        }
        self.backoff.record(key, answer, at);
        ChildEnd::Current(self.paths.end_turn(key, path, &answer.outcome, at))
    }

    fn release(&mut self, host: ScsiHost) {
        let Some(children) = self.busy.get_mut(&host) else { return };
        *children = children.saturating_sub(1);
        if *children == 0 {
            self.busy.remove(&host);
        }
    }

    /// One answer through a silent host ends its outage, and the back-off of the drives that timed out with it.
    fn record_for_host(&mut self, host: ScsiHost, key: &DriveKey, asked: Instant, outcome: &Outcome, at: Instant) {
        match outcome {
            Outcome::Silent(_) => self.hosts.silent(host, key, asked, at),
            // If smartctl could not be run, the host was not used.
            Outcome::Failed(_) => {}
            Outcome::Good(_) | Outcome::Standby => {
                for key in self.hosts.answered(host, at) {
                    self.backoff.end_backoff(&key);
                    self.paths.end_backoff(&key);
                }
            }
        }
    }

    /// Records another timeout for a drive that was not read.
    pub(super) fn record_timeout(&mut self, key: &DriveKey, at: Instant) {
        self.backoff.record_timeout(key, at);
    }

    /// The first host of a drive all of whose hosts are silent, with the number of drives that timed out behind it.
    fn silent_host(&self, drive: &Drive) -> Option<(ScsiHost, usize)> {
        let mut first = None;
        for path in &drive.paths {
            let host = path.host?;
            let drives = self.hosts.silent_drives(host)?;
            first.get_or_insert((host, drives));
        }
        first
    }

    /// Silent hosts, with the number of drives that timed out behind each.
    pub(super) fn silent_hosts(&self) -> Vec<(ScsiHost, usize)> {
        self.hosts.all_silent()
    }

    /// Picks the drives by which silent hosts are probed.
    pub(super) fn pick_probe_drives(&mut self, drives: &[Arc<Drive>], at: Instant) {
        self.backoff.reap();
        let backoff = &self.backoff;
        self.hosts.pick_probe_drives(drives, at, |key| !backoff.has_stuck_child(key));
    }

    /// A drive was added: if its host is silent, the drive probes it at once.
    pub(super) fn on_drive_added(&mut self, drive: &Drive) {
        self.hosts.on_drive_added(drive);
    }

    /// Removes the drives from the queue that wait for a host which has fallen silent.
    pub(super) fn defer_stalled(&mut self) -> Vec<(DriveKey, Enqueue)> {
        if !self.hosts.is_any_silent() {
            return Vec::new();
        }
        let mut queue = std::mem::take(&mut self.queue);
        let removed = queue.remove_where(|drive| self.stalled_by(drive));
        self.queue = queue;
        for (key, _) in &removed {
            self.paths.abandon_turn(key);
        }
        removed
    }

    /// The silent host for which the drive waits, unless the drive probes it.
    fn stalled_by(&self, drive: &Drive) -> Option<Enqueue> {
        let (host, drives) = self.silent_host(drive)?;
        if self.hosts.is_probe_drive(drive) {
            return None;
        }
        Some(Enqueue::HostSilent { host, drives })
    }

    /// The paths over which the drive may be read next in this turn: the one by which it probes a silent SCSI host, or
    /// else the good ones, or else all that are free.
    fn paths_to_try<'a>(&self, drive: &'a Drive, at: Instant) -> Vec<&'a DrivePath> {
        let free = self.free_paths(drive);
        for path in &free {
            if let Some(host) = path.host
                && self.hosts.is_probed_by(host, &drive.key)
            {
                return vec![path];
            }
        }
        let good = self.good_paths(drive, at);
        if good.is_empty() { free } else { good }
    }

    /// The paths that were not tried in this turn, and on which no child hangs.
    fn free_paths<'a>(&self, drive: &'a Drive) -> Vec<&'a DrivePath> {
        let key = &drive.key;
        let mut free: Vec<&DrivePath> = drive.paths_to_read().collect();
        free.retain(|path| self.paths.is_untried(key, path) && !self.backoff.is_path_stuck(key, &path.address));
        free
    }

    /// The free paths that the kernel uses, that are not in back-off, and whose SCSI host is not silent.
    fn good_paths<'a>(&self, drive: &'a Drive, at: Instant) -> Vec<&'a DrivePath> {
        let mut paths = self.free_paths(drive);
        paths.retain(|path| {
            let is_host_silent = path.host.is_some_and(|host| self.hosts.silent_drives(host).is_some());
            path.unusable_state().is_none() && !is_host_silent && !self.paths.is_waiting(&drive.key, path, at)
        });
        paths
    }

    /// Of the paths to try that have room for one more child: the one through the host with the fewest, or else the one
    /// that was used least recently, so that each is used from time to time.
    fn free_path(&self, drive: &Drive, at: Instant) -> Option<DrivePath> {
        let usual = self.config.concurrency_per_host;
        let mut paths = self.paths_to_try(drive, at);
        paths.retain(|path| capacity(&self.hosts, &self.busy, path.host, usual).free > 0);
        let best = paths
            .into_iter()
            .min_by_key(|path| (running_children(&self.busy, path.host), self.paths.last_child(&drive.key, path)));
        best.cloned()
    }

    /// Updates the present drives and their nodes. A drive that returns is not in back-off.
    pub(super) fn update_drives<'a>(&mut self, present: impl Fn(&DriveKey) -> Option<&'a Arc<Drive>>, at: Instant) {
        self.paths.retain(|key| present(key).map(Arc::as_ref));
        for (key, urgency) in self.queue.drain() {
            let Some(drive) = present(&key) else { continue };
            let queue_key = self.queue_key(drive, urgency, at);
            self.queue.push(queue_key, Arc::clone(drive), self.backoff.took(&key));
        }
        for (key, running) in &mut self.running {
            running.is_void |= present(key).is_none();
        }
        self.hosts.retain(|key| present(key).is_some());
        self.backoff.retain(|key| present(key).is_some());
    }

    /// Its last reading timed out, so the next one may take its full timeout again.
    pub(super) fn is_suspect(&self, key: &DriveKey) -> bool {
        self.backoff.is_suspect(key)
    }

    /// Sets a device type that an earlier process detected, unless there is one.
    pub(super) fn set_device_type(&mut self, key: &DriveKey, found: Option<&str>) {
        self.backoff.set_device_type(key, found);
    }

    /// Reaps children that have ended.
    pub(super) fn reap(&mut self) {
        self.backoff.reap();
    }

    /// Number of abandoned children that have not ended, and of drives in back-off.
    pub(super) fn counts(&self, at: Instant) -> (usize, usize) {
        self.backoff.counts(at)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty() && self.queue.is_empty()
    }

    /// Number of running children.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }
}

/// `usual`: the number of children that may run through a host that is not suspected.
fn capacity(hosts: &HostBreaker, busy: &BTreeMap<ScsiHost, usize>, host: Option<ScsiHost>, usual: usize) -> Capacity {
    let total = match host {
        Some(host) => hosts.room(host, usual),
        None => usual,
    };
    Capacity { total, free: total.saturating_sub(running_children(busy, host)) }
}

/// 0 for an NVMe drive, which has no SCSI host.
fn running_children(busy: &BTreeMap<ScsiHost, usize>, host: Option<ScsiHost>) -> usize {
    let Some(host) = host else { return 0 };
    busy.get(&host).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests;
