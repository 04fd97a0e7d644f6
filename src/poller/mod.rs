//! The poller: the one thread that decides when drives are read, and where readings go.
//!
//! It sweeps every interval while it holds the poll lease, joins requests for one drive with
//! whatever reads it already, and publishes. It answers no request itself: the reader does, from
//! what is published here.

mod condition;
mod detect;
mod holder;
mod lists;
mod look;
mod publish;
mod recall;
mod requests;
mod roles;
mod snapshot;
mod stored;

pub use snapshot::{Ask, KeysOf, Known, Snapshot, Source};

use crate::cache::memory::MemoryStore;
use crate::cache::redis::RedisStore;
use crate::cache::{Bytes, Key};
use crate::collector::{Collector, CompletedSweep, Notice, PoolError, Report, Taken, Transition};
use crate::config::Config;
use crate::domain::drive::DriveKey;
use crate::probe::Host;
use crate::stop::Stop;
use condition::{Condition, Pulse};
use crossbeam_channel::{Receiver, Sender, bounded, select};
use detect::Detector;
use publish::Publisher;
use recall::{Recall, StoredGone};
use roles::{Role, View};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use thiserror::Error;

/// Requests that may wait for the poller; more are turned away by the reader.
const ASKS: usize = 64;
/// How often to look whether something was plugged or unplugged.
const LOOK: Duration = Duration::from_secs(1);
/// After a drive has come, udev's links and the bay's follow within this.
const LINKS_COME: Duration = Duration::from_secs(3);
/// No drive is read for requests more often than this.
const BETWEEN_REQUEST_READS: Duration = Duration::from_secs(10);

#[derive(Debug, Error)]
pub enum StartError {
    #[error("cannot start the threads that wait for smartctl: {0}")]
    Pool(#[from] PoolError),
    #[error("cannot start the poller: {0}")]
    Thread(#[from] std::io::Error),
}

/// The other threads' end.
#[derive(Clone)]
pub struct Poller {
    pub asks: Sender<Ask>,
    stop: Stop,
    pub memory: Arc<MemoryStore>,
    snapshot: Arc<RwLock<Arc<Snapshot>>>,
    pulse: Arc<Pulse>,
}

impl Poller {
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for a reply, not beyond the stop: what is asked then stays in the channel for ever.
    pub fn reply(&self, replied: &Receiver<Source>, patience: Duration) -> Option<Source> {
        select! {
            recv(replied) -> source => source.ok(),
            recv(self.stop.channel()) -> _ => replied.try_recv().ok(),
            default(patience) => None,
        }
    }

    /// How long ago the thread last went round.
    pub fn silent_for(&self) -> Duration {
        self.pulse.age()
    }

    /// Looks at sysfs, so that the bays can be served at once, then starts the thread, which holds
    /// `alive` for as long as it lives.
    pub fn start(
        config: &Config,
        host: Host,
        redis: Arc<RedisStore>,
        back: Receiver<()>,
        alive: impl Send + 'static,
        stop: &Stop,
    ) -> Result<(Self, JoinHandle<()>), StartError> {
        let (asks, incoming) = bounded(ASKS);
        let stop = stop.clone();
        let handle =
            Self { asks, stop: stop.clone(), memory: Arc::default(), snapshot: Arc::default(), pulse: Arc::default() };
        let (collector, events) = Collector::new(
            host,
            config.smart.clone(),
            Arc::clone(&config.limits),
            Arc::clone(&config.layouts),
            stop.clone(),
        )?;
        let mut thread = Thread {
            collector,
            role: Role::new(&config.smart),
            publisher: Publisher::new(
                Arc::clone(&redis),
                Arc::clone(&handle.memory),
                config.lifetimes,
                config.smart.poll_interval,
            ),
            detector: Detector::default(),
            redis,
            handle: handle.clone(),
            interval: config.smart.poll_interval,
            next_sweep: Instant::now(),
            next_look: Instant::now(),
            looked: Instant::now(),
            waiting: HashMap::new(),
            list_waiters: Vec::new(),
            request_reads: HashMap::new(),
            left: HashMap::new(),
            look_again: None,
            ready: false,
            swept: false,
            has_begun: false,
            republish: Republish::No,
            recall: Recall::Due,
            stored_gone: StoredGone::Absent,
            condition: Condition::default(),
        };
        // Before any request and any drive: what is here, and in which bays.
        thread.look();
        thread.rebuild();
        let run = move || {
            let _alive = alive;
            thread.run(&incoming, &events, &back, &stop);
        };
        let thread = thread::Builder::new().name("poller".to_owned()).spawn(run)?;
        Ok((handle, thread))
    }
}

/// Whether Redis came back and gets everything, if polling is ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Republish {
    #[default]
    No,
    Due,
}

struct Thread {
    collector: Collector,
    role: Role,
    publisher: Publisher,
    detector: Detector,
    redis: Arc<RedisStore>,
    handle: Poller,
    interval: Duration,
    next_sweep: Instant,
    next_look: Instant,
    /// When all of sysfs was looked at last.
    looked: Instant,
    /// Who waits for a drive to be read.
    waiting: HashMap<DriveKey, Vec<Sender<Source>>>,
    list_waiters: Vec<(Key, Sender<Source>)>,
    /// When a drive was last read because a request wanted it.
    request_reads: HashMap<DriveKey, Instant>,
    /// Documents of drives that are gone.
    left: HashMap<DriveKey, Bytes>,
    /// When to look again after a change: links come a little later than drives.
    look_again: Option<Instant>,
    /// There has been something whole to show.
    ready: bool,
    /// A sweep of our own is whole, since polling is ours.
    swept: bool,
    /// A look was complete, and what Redis has of the drives that are here has been taken over.
    has_begun: bool,
    republish: Republish,
    /// What Redis knew of drives that are gone has been taken over.
    recall: Recall,
    stored_gone: StoredGone,
    condition: Condition,
}

impl Thread {
    fn run(mut self, asks: &Receiver<Ask>, events: &Receiver<Report>, back: &Receiver<()>, stop: &Stop) {
        self.collector.check_smartctl();
        self.begin();
        let mut wake = Instant::now();
        loop {
            let pause = wake.saturating_duration_since(Instant::now());
            select! {
                recv(stop.channel()) -> _ => break,
                recv(events) -> event => if let Ok(event) = event { self.take(event) },
                recv(asks) -> ask => if let Ok(ask) = ask { self.asked(ask) },
                recv(back) -> _ => self.redis_is_back(),
                default(pause) => {}
            }
            // What has piled up meanwhile is taken in before anything is published.
            while let Ok(event) = events.try_recv() {
                self.take(event);
            }
            wake = self.work();
            self.handle.pulse.beat();
        }
        self.collector.finish(events);
        self.role.release(&self.redis);
    }

    /// Everything that is due; gives when the next thing will be.
    fn work(&mut self) -> Instant {
        let at = Instant::now();
        if at >= self.next_look {
            self.next_look = at + LOOK;
            self.keep_time();
            self.collector.check_smartctl();
            self.look_if_changed();
            if self.look_again.is_some_and(|due| at >= due) {
                self.look_again = None;
                self.look();
                self.ask_pools_again();
            }
        }
        self.begin();
        if self.role.is_due(at) {
            self.renew_role(at);
        }
        if self.may_sweep() && at >= self.next_sweep {
            while self.next_sweep <= at {
                self.next_sweep += self.interval;
            }
            if at.saturating_duration_since(self.looked) < LOOK {
                self.look_if_changed();
            } else {
                self.look();
            }
            self.collector.start_sweep();
            self.publisher.sweep_begins(at);
        }
        let collector = self.collector.run_due();
        if let Some(whole) = self.collector.try_complete_sweep() {
            self.swept(&whole);
        }
        if self.publisher.is_rebuild_due(at) {
            self.rebuild();
        }
        self.flush(at);
        let publisher = self.publisher.next_due(self.sends());
        let sweep = self.may_sweep().then_some(self.next_sweep);
        [Some(self.next_look), Some(self.role.next()), collector, publisher, sweep]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(at + LOOK)
    }

    fn may_sweep(&self) -> bool {
        self.role.polls() && self.collector.has_seen() && !self.collector.is_sweeping()
    }

    fn renew_role(&mut self, at: Instant) {
        let followed = self.role.follows();
        self.recall();
        let list_bytes = self.limits().list.bytes;
        let view =
            View { host: self.collector.name(), drives: self.collector.inventory().present().count(), list_bytes };
        if self.role.renew(&self.redis, &view, at) {
            self.next_sweep = at;
            if followed {
                // What the other daemon read last is newer than what is in memory here, and so is its list of drives
                // that are gone.
                self.swept = false;
                self.seed();
                self.recall = Recall::Due;
                self.recall();
            }
        }
        if self.role.follows() != followed {
            self.publisher.rack_changed();
        }
        // Only what was read since polling is ours: what is older, another daemon may know better.
        if std::mem::take(&mut self.republish) == Republish::Due && self.role.polls() && self.swept {
            self.seed();
            self.publisher.publish_everything(self.collector.inventory());
        }
    }

    fn swept(&mut self, whole: &CompletedSweep) {
        self.detector.unused_types(|| self.collector.unused_types());
        (self.ready, self.swept) = (true, true);
        // Drives that were left alone (they were silent lately) keep their keys, too.
        for key in &whole.unread {
            self.publish_drive(key, None);
        }
        let took = Duration::from_millis(whole.stats.took_ms.unwrap_or(0));
        if took > self.interval {
            self.detector.overrun(took, self.interval);
        }
        self.publisher.swept(took);
        // A drive that was pulled while it was read has gone, and is none that fails.
        if self.collector.has_changed() {
            self.look();
        }
        self.before_lists(Instant::now());
        // Whoever asks for a drive as soon as this daemon calls itself ready finds it stored.
        let overview = self.rebuild_and(Publisher::flush_all);
        self.detector.sweep(&overview, whole, &self.collector);
    }

    /// One report of a job.
    fn take(&mut self, report: Report) {
        let taken = self.collector.take(report);
        if let Taken::Notice(Notice::Smartctl(transition)) = &taken {
            Detector::smartctl(transition);
            if let Transition::Recovered(_) = transition {
                self.next_sweep = Instant::now();
            }
        }
        // The seat that has become free is not kept waiting for the reading to be published.
        self.collector.start_ready();
        // Within a sweep the lists are sent when it is whole.
        if self.collector.is_sweeping() {
            self.publisher.rack_changed();
        } else {
            self.publisher.lists_wanted();
        }
        let Taken::Reading(read) = taken else { return };
        self.publish_drive(&read.key, read.raw.as_deref());
        if let Some(was) = &read.replaced {
            self.detector.replaced(&read.key, Some(was), self.collector.inventory());
            // Who asks for either from now on is not given the other's values.
            self.rebuild();
        }
        for waiter in self.waiting.remove(&read.key).unwrap_or_default() {
            let _ = waiter.send(Source::Smartctl);
        }
    }

    fn redis_is_back(&mut self) {
        self.republish = Republish::Due;
        self.role.ask_soon();
    }
}
