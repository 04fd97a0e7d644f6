//! The event loop: handles a request, a report or a signal, runs due tasks, then waits for the next of them.
//!
//! Its tasks are in the modules `discovery`, `restore`, `restore_readings`, `requests`, `forget`, `lists` and
//! `service_health`.

use super::degraded_parts::DegradedParts;
use super::detect::Detector;
use super::handle::Poller;
use super::leadership::{Leadership, LocalView};
use super::lookup::{PollerRequest, ValueSource};
use super::missing_drives::{MissingDrives, Restore};
use super::pending_requests::PendingRequests;
use super::publisher::Publisher;
use super::readiness::Readiness;
use crate::cache::redis::RedisStore;
use crate::collector::{Collector, CompletedSweep, JobReport, Notice, SmartctlTransition, Taken};
use crate::stop::Stop;
use crossbeam_channel::{Receiver, select};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Interval between checks for changes of the topology.
pub(super) const DISCOVERY_INTERVAL: Duration = Duration::from_secs(1);

/// Whether everything must be sent to Redis again, because it is available again or the key prefix has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Republish {
    #[default]
    No,
    Due,
}

pub(super) struct EventLoop {
    pub(super) collector: Collector,
    pub(super) leadership: Leadership,
    pub(super) publisher: Publisher,
    pub(super) detector: Detector,
    pub(super) redis: Arc<RedisStore>,
    pub(super) handle: Poller,
    pub(super) interval: Duration,
    pub(super) next_sweep: Instant,
    pub(super) next_check: Instant,
    /// Time of the last discovery.
    pub(super) last_discovery: Instant,
    /// When to run another discovery after a change: udev creates the links of a drive a little later than the drive.
    pub(super) rediscover_at: Option<Instant>,
    pub(super) pending: PendingRequests,
    pub(super) missing: MissingDrives,
    pub(super) readiness: Readiness,
    pub(super) republish: Republish,
    pub(super) degraded: DegradedParts,
    /// Why there is no control socket; `None`: there is one, or it is disabled.
    pub(super) control_problem: Option<String>,
}

impl EventLoop {
    pub(super) fn run(
        mut self,
        requests: &Receiver<PollerRequest>,
        reports: &Receiver<JobReport>,
        redis_is_back: &Receiver<()>,
        stop: &Stop,
    ) {
        self.collector.check_smartctl();
        self.restore_when_seen();
        let mut wake = Instant::now();
        loop {
            let pause = wake.saturating_duration_since(Instant::now());
            select! {
                recv(stop.channel()) -> _ => break,
                recv(reports) -> report => if let Ok(report) = report { self.handle_report(report) },
                recv(requests) -> request => if let Ok(request) = request { self.handle_request(request) },
                recv(redis_is_back) -> _ => self.handle_redis_return(),
                default(pause) => {}
            }
            // All reports that have arrived are handled before anything is published.
            while let Ok(report) = reports.try_recv() {
                self.handle_report(report);
            }
            wake = self.run_due();
            self.handle.heartbeat().beat();
        }
        self.detector.flush(&self.collector);
        self.collector.finish(reports);
        self.leadership.release(&self.redis);
    }

    /// Runs due tasks; returns when the next one is due.
    fn run_due(&mut self) -> Instant {
        let at = Instant::now();
        if at >= self.next_check {
            self.next_check = at + DISCOVERY_INTERVAL;
            self.check_host(at);
        }
        self.restore_when_seen();
        if self.leadership.is_due(at) {
            self.renew_leadership(at);
        }
        if self.may_sweep() && at >= self.next_sweep {
            self.start_sweep(at);
        }
        let collector = self.collector.run_due();
        if let Some(sweep) = self.collector.try_complete_sweep() {
            self.on_sweep_complete(&sweep);
        }
        if self.publisher.is_rebuild_due(at) {
            self.rebuild_lists();
        }
        self.flush(at);
        let publisher = self.publisher.next_due(self.sends());
        let sweep = if self.may_sweep() { Some(self.next_sweep) } else { None };
        let due = [Some(self.next_check), Some(self.leadership.next()), collector, publisher, sweep];
        due.into_iter().flatten().min().unwrap_or(at + DISCOVERY_INTERVAL)
    }

    /// Periodic checks: the clock, smartctl, and the topology.
    fn check_host(&mut self, at: Instant) {
        self.follow_clock();
        self.collector.check_smartctl();
        self.discover_if_changed();
        if let Some(due) = self.rediscover_at
            && at >= due
        {
            self.rediscover_at = None;
            self.discover();
            self.request_pools();
        }
        self.detector.settle(&self.collector);
    }

    fn may_sweep(&self) -> bool {
        self.leadership.is_leader() && self.collector.has_seen() && !self.collector.is_sweeping()
    }

    fn start_sweep(&mut self, at: Instant) {
        while self.next_sweep <= at {
            self.next_sweep += self.interval;
        }
        if at.saturating_duration_since(self.last_discovery) < DISCOVERY_INTERVAL {
            self.discover_if_changed();
        } else {
            self.discover();
        }
        self.collector.start_sweep();
        self.publisher.on_sweep_begin(at);
    }

    fn renew_leadership(&mut self, at: Instant) {
        let followed = self.leadership.is_follower();
        let view = LocalView { collector: &self.collector, list_bytes: self.limits().list.bytes };
        let renewal = self.leadership.renew(&self.redis, &view, at);
        if renewal.became_leader {
            self.next_sweep = at;
        }
        if renewal.changed_prefix || renewal.became_leader && followed {
            // The readings of the previous leader, and its list of missing drives, are newer than those in memory.
            self.restore_readings();
            self.missing.restore = Restore::Due;
        }
        // Before the renewal the owner of the keys was unknown.
        self.restore_missing();
        if renewal.changed_prefix {
            self.republish = Republish::Due;
        }
        if renewal.has_news || self.leadership.is_follower() != followed {
            self.publisher.mark_lists_outdated();
        }
        // Only a leader that has completed a sweep: another daemon may have stored newer readings before that.
        if std::mem::take(&mut self.republish) == Republish::Due && self.leadership.has_swept() {
            self.restore_readings();
            self.publisher.publish_everything(self.collector.inventory());
        }
    }

    fn on_sweep_complete(&mut self, sweep: &CompletedSweep) {
        self.detector.unused_types(&self.collector);
        self.readiness = Readiness::Ready;
        self.leadership.mark_swept();
        // Renews the keys of drives in back-off.
        for key in &sweep.skipped {
            self.publish_drive(key, None);
        }
        let took = Duration::from_millis(sweep.stats.took_ms.unwrap_or(0));
        if took > self.interval {
            self.detector.overrun(took, self.interval);
        }
        self.publisher.on_sweep_complete(took);
        // A drive that was pulled during its reading must be shown as missing, not as failed.
        if self.collector.has_changed() {
            self.discover();
        }
        self.before_lists(Instant::now());
        // Lists are stored before this daemon is ready, so that the next request finds them.
        let overview = self.rebuild_lists_and(Publisher::flush_all);
        self.detector.sweep(&overview, sweep, &self.collector);
    }

    fn handle_report(&mut self, report: JobReport) {
        let taken = self.collector.take(report);
        if let Taken::Notice(Notice::Smartctl(transition)) = &taken {
            Detector::smartctl(transition);
            if let SmartctlTransition::Recovered(_) = transition {
                self.next_sweep = Instant::now();
            }
        }
        if matches!(&taken, Taken::Notice(Notice::EnclosureRead)) {
            self.place_contested();
        }
        // Starts the next reading before this one is published.
        self.collector.start_ready();
        // During a sweep the lists are sent when it is complete.
        if self.collector.is_sweeping() {
            self.publisher.mark_lists_outdated();
        } else {
            self.publisher.send_lists_soon();
        }
        let Taken::Reading(read) = taken else { return };
        self.publish_drive(&read.key, read.raw.as_deref());
        if let Some(was) = &read.replaced {
            self.detector.replaced(&read.key, Some(was), self.collector.inventory());
            // Updates the snapshot, so that requests for one drive do not get the values of the other.
            self.rebuild_lists();
        }
        self.pending.answer_drive(&read.key, ValueSource::Smartctl);
    }

    fn handle_redis_return(&mut self) {
        self.republish = Republish::Due;
        self.leadership.renew_soon();
    }
}
