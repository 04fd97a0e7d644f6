//! Reads drives: the inventory, the scheduler of their readings, and the sweep that is running.

use super::completion::ChildEnd;
use super::jobs::Jobs;
use super::run_queue::Urgency;
use super::scheduler::{DriveRead, Enqueue, Scheduler};
use super::sweep::{CompletedSweep, Sweep};
use crate::api::service::PollCounters;
use crate::clock::now;
use crate::config::SmartConfig;
use crate::domain::drive::{Drive, DriveKey};
use crate::domain::enclosure::Enclosure;
use crate::domain::exclusion::ExcludedDrive;
use crate::domain::identity::SerialNumber;
use crate::domain::inventory::{Change, Inventory, Outcome, Reading};
use crate::domain::no_reading::NoReading;
use crate::domain::time::Timestamp;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Instant;

/// A reading that has just been applied.
#[derive(Debug)]
pub struct ReadingApplied {
    pub key: DriveKey,
    /// smartctl's own JSON, if the outcome was a reading.
    pub raw: Option<Box<RawValue>>,
    /// Serial number of the previous drive if it was replaced.
    pub(crate) replaced: Option<SerialNumber>,
}

pub(super) struct DriveReader {
    inventory: Inventory,
    scheduler: Scheduler,
    sweep: Option<Sweep>,
    counters: PollCounters,
}

impl DriveReader {
    /// The inventory is empty.
    pub(super) fn new(config: SmartConfig) -> Self {
        Self {
            inventory: Inventory::default(),
            scheduler: Scheduler::new(config),
            sweep: None,
            counters: PollCounters::default(),
        }
    }

    pub(super) fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    pub(super) fn inventory_mut(&mut self) -> &mut Inventory {
        &mut self.inventory
    }

    /// Sets the smartctl type of a drive that an earlier process detected.
    pub(super) fn set_device_type(&mut self, key: &DriveKey, found: Option<&str>) {
        self.scheduler.set_device_type(key, found);
    }

    /// Removes excluded drives from the inventory, so that they are not regarded as missing.
    pub(super) fn remove_excluded(&mut self, excluded: &[ExcludedDrive]) {
        for drive in excluded {
            self.inventory.remove(|record| {
                let is_same = record.drive.identity == drive.identity && !drive.identity.is_empty();
                is_same || record.drive.key == drive.key
            });
        }
    }

    /// Applies a discovery. The sweep no longer waits for drives that are not present.
    pub(super) fn apply_discovery(
        &mut self,
        drives: Vec<Drive>,
        enclosures: &[Enclosure],
        at: Timestamp,
    ) -> Vec<Change> {
        let changes = self.inventory.apply_discovery(drives, enclosures, at);
        let inventory = &self.inventory;
        let present = |key: &DriveKey| {
            let record = inventory.get(key)?;
            if record.is_present() { Some(&record.drive) } else { None }
        };
        if let Some(sweep) = self.sweep.as_mut() {
            sweep.retain(|key| present(key).is_some());
        }
        self.scheduler.update_drives(present, Instant::now());
        for change in &changes {
            if let Change::Appeared(key) | Change::Back(key) = change
                && let Some(record) = inventory.get(key)
            {
                self.scheduler.on_drive_added(&record.drive);
            }
        }
        changes
    }

    /// Starts a sweep over all drives that are present. False if one is running already.
    pub(super) fn start_sweep(&mut self, at: Instant) -> bool {
        if self.sweep.is_some() {
            return false;
        }
        let drives: Vec<Arc<Drive>> = self.inventory.present().map(|record| Arc::clone(&record.drive)).collect();
        let mut sweep = Sweep::new(drives.len(), at);
        let mut skipped = Vec::new();
        self.scheduler.pick_probe_drives(&drives, at);
        for drive in &drives {
            sweep.wait_for(&drive.key);
            let outcome = self.scheduler.enqueue(drive, Urgency::Background, at);
            // A drive that timed out is read outside the sweep, since it may take its full timeout again.
            if outcome != Enqueue::Queued || self.scheduler.is_suspect(&drive.key) {
                skipped.push((drive.key.clone(), outcome));
            }
        }
        self.scheduler.sort();
        self.sweep = Some(sweep);
        for (key, outcome) in skipped {
            self.skip_drive(key, &outcome, at);
        }
        true
    }

    /// Removes the drive from the running sweep, and records why it is not read.
    fn skip_drive(&mut self, key: DriveKey, outcome: &Enqueue, at: Instant) {
        let Some(sweep) = self.sweep.as_mut() else { return };
        sweep.skip_drive(&key);
        let why = match outcome {
            Enqueue::Queued | Enqueue::BackedOff(_) => return,
            Enqueue::ChildStuck { pid, seconds } => {
                self.scheduler.record_timeout(&key, at);
                NoReading::Stuck { pid: *pid, seconds: *seconds }
            }
            Enqueue::HostSilent { host, drives } => NoReading::HostSilent { host: *host, drives: *drives },
        };
        let outcome = Outcome::Silent(why);
        let reading = Reading { key, at: now(), took_ms: None, outcome, attempts: Vec::new() };
        self.inventory.apply(&reading);
    }

    /// Reads one drive, because a request waits for it. `None` if it is not present.
    pub(super) fn request(&mut self, key: &DriveKey, at: Instant) -> Option<Enqueue> {
        let record = self.inventory.get(key)?;
        if !record.is_present() {
            return None;
        }
        Some(self.scheduler.enqueue(&record.drive, Urgency::Requested, at))
    }

    /// Applies the result of a reading. `None` if it is void, or the daemon is stopping.
    pub(super) fn take(&mut self, read: DriveRead) -> Option<ReadingApplied> {
        let DriveRead { number, key, at, mut answer } = read;
        let ended = Instant::now();
        let completion = self.scheduler.complete(number, &key, &mut answer, ended);
        if answer.stopped {
            return None;
        }
        let attempts = match completion {
            ChildEnd::Void => {
                self.read_again(key, ended);
                return None;
            }
            ChildEnd::OtherPath => None,
            ChildEnd::Current(attempts) => Some(attempts),
        };
        self.count(&answer.outcome);
        for (key, outcome) in self.scheduler.defer_stalled() {
            self.skip_drive(key, &outcome, ended);
        }
        let attempts = attempts?;
        let may_fail = self.may_fail(&key, &answer.outcome);
        if let Some(sweep) = self.sweep.as_mut() {
            sweep.record(&key, &answer.outcome, may_fail);
        }
        // If another daemon has a newer reading, pending requests get that.
        if self.inventory.is_outdated(&key, at.date()) {
            return Some(ReadingApplied { key, raw: None, replaced: None });
        }
        let took_ms = u64::try_from(answer.took.as_millis()).ok();
        let reading = Reading { key: key.clone(), at: at.date(), took_ms, outcome: answer.outcome, attempts };
        let replaced = self.inventory.apply(&reading);
        // After a reading without values the earlier one is kept, with its JSON.
        let was_accepted = self.inventory.get(&key).is_some_and(|record| record.error.is_none());
        Some(ReadingApplied { raw: if was_accepted { answer.raw } else { None }, key, replaced })
    }

    /// A failure is expected of a volume whose disks are listed, of a volume of another machine, and of a drive without
    /// a node.
    fn may_fail(&self, key: &DriveKey, outcome: &Outcome) -> bool {
        let lacks_node = matches!(outcome, Outcome::Failed(NoReading::NoNode { .. }));
        let Some(record) = self.inventory.get(key) else { return lacks_node };
        let is_volume = !record.drive.raid_disks.is_empty() || record.gives_no_health();
        let has_health = record.report.as_ref().is_some_and(|report| report.has_health());
        is_volume || !has_health && lacks_node
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

    /// Reads a drive again that has returned since its reading was started.
    fn read_again(&mut self, key: DriveKey, at: Instant) {
        let Some(outcome) = self.request(&key, at) else { return };
        if outcome != Enqueue::Queued {
            self.skip_drive(key, &outcome, at);
        }
    }

    /// Starts readings that may start now. Returns when to call again; `None` means after the next report.
    pub(super) fn start_ready(&mut self, jobs: &Jobs, at: Instant) -> Option<Instant> {
        self.scheduler.start_ready(jobs, at)
    }

    /// Reaps children that have ended.
    pub(super) fn reap(&mut self) {
        self.scheduler.reap();
    }

    /// The sweep that has just become complete: every drive was read or skipped, and `sources_are_idle`.
    pub(super) fn try_complete_sweep(&mut self, sources_are_idle: bool) -> Option<CompletedSweep> {
        let sweep = self.sweep.take_if(|sweep| sweep.has_read_all() && sources_are_idle)?;
        self.counters.sweeps += 1;
        let silent_hosts = self.scheduler.silent_hosts();
        self.inventory.set_silent_hosts(&silent_hosts, now());
        Some(sweep.complete(silent_hosts))
    }

    /// Counters so far, and gauges.
    pub(super) fn counters(&self) -> PollCounters {
        let (stuck, waiting) = self.scheduler.counts(Instant::now());
        PollCounters { running: self.scheduler.running(), stuck, waiting, ..self.counters }
    }

    pub(super) fn is_sweeping(&self) -> bool {
        self.sweep.is_some()
    }

    /// Remaining drives of the sweep, and all of its drives.
    pub(super) fn progress(&self) -> Option<(usize, usize)> {
        self.sweep.as_ref().map(Sweep::progress)
    }

    /// No reading is running that may still end in time.
    pub(super) fn is_idle(&self) -> bool {
        self.scheduler.is_idle()
    }

    /// Converts all times to the new clock after the clock was set.
    pub(super) fn shift(&mut self, by_seconds: i64) {
        self.inventory.shift(by_seconds);
        if let Some(sweep) = &mut self.sweep {
            sweep.started_at = sweep.started_at.shifted(by_seconds);
        }
    }
}
