//! Who is read when: the rayon pool that waits for smartctl, its bounds, and the quarantine.
//!
//! Bounds: children in all and behind one SCSI host, never two on one drive, starts spread out; and
//! drives that were silent take no more than half of the seats. It holds no values of drives; a reading
//! goes out as an event and is forgotten here. Hosts that are silent as a whole are in `hosts`, who is next in `line`.
//!
//! All of it is asked at every reading, so nothing here walks along all drives unless one came, went or fell silent.

use super::completion::{Completion, Running};
use super::exec::Stuck;
use super::hosts::Hosts;
use super::line::{Lane, Line};
use super::{Event, Host, smartctl};
use crate::clock::Moment;
use crate::config::SmartConfig;
use crate::domain::drive::{Drive, DriveKey, DrivePath};
use crate::domain::inventory::Outcome;
use crate::stop::Stop;
use crossbeam_channel::{Sender, unbounded};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The first starts of a sweep are spread over this long.
const SPREAD: Duration = Duration::from_millis(32);
/// After a timeout the next try waits this long, doubling …
const FIRST_WAIT: Duration = Duration::from_secs(120);
/// … up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(1800);
/// Types that may be passed back to smartctl once it has found them.
const TYPES: [&str; 3] = ["sat", "scsi", "nvme"];

/// What asking for a drive to be read came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// It will be read, or is being read.
    Coming,
    /// It was silent; it is not asked again until then.
    Later(Instant),
    /// Its last child still hangs.
    Stuck { pid: u32, seconds: u64 },
    /// The SCSI host before it is silent, with so many other drives.
    HostSilent { host: u32, drives: usize },
}

/// What is remembered of a drive between readings.
#[derive(Debug, Default)]
struct History {
    silences: u32,
    not_before: Option<Instant>,
    stuck: Option<Stuck>,
    kind: Option<String>,
    took: Duration,
    /// Tries without an answer; turns to the next path.
    turn: usize,
}

/// What a thread of the pool does.
type Job = Box<dyn FnOnce() + Send>;

/// The pool and what runs in it.
pub struct Dispatch {
    host: Arc<Host>,
    config: SmartConfig,
    stop: Stop,
    events: Sender<Event>,
    /// Ends with the last of `jobs`.
    _pool: rayon::ThreadPool,
    jobs: Sender<Job>,
    line: Line,
    running: HashMap<DriveKey, Running>,
    /// How many children were started.
    started: u64,
    /// Children by the SCSI host before their drives.
    busy: BTreeMap<u32, usize>,
    histories: HashMap<DriveKey, History>,
    /// Drives with a child that outlived its SIGKILL.
    stuck: HashSet<DriveKey>,
    hosts: Hosts,
    next_start: Instant,
}

impl Dispatch {
    pub fn new(
        host: Arc<Host>,
        config: SmartConfig,
        stop: Stop,
        events: Sender<Event>,
    ) -> Result<Self, rayon::ThreadPoolBuildError> {
        // One seat more than smartctl may take: zpool waits there, and takes none from a drive.
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(config.concurrency + 1)
            .thread_name(|n| format!("probe-{n}"))
            .stack_size(512 * 1024)
            .build()?;
        // Each thread waits in the channel: waiting for one another's work, as they would by themselves, they look about
        // before they sleep, and that for every reading.
        let (jobs, todo) = unbounded::<Job>();
        for _ in 0..pool.current_num_threads() {
            let todo = todo.clone();
            pool.spawn(move || todo.iter().for_each(|job| job()));
        }
        Ok(Self {
            host,
            config,
            stop,
            events,
            _pool: pool,
            jobs,
            line: Line::default(),
            running: HashMap::new(),
            started: 0,
            busy: BTreeMap::new(),
            histories: HashMap::new(),
            stuck: HashSet::new(),
            hosts: Hosts::default(),
            next_start: Instant::now(),
        })
    }

    /// Puts a drive in line; at its head when somebody waits for it.
    pub fn ask(&mut self, drive: &Arc<Drive>, urgent: bool, at: Instant) -> Asked {
        if self.running.contains_key(&drive.key) {
            return Asked::Coming;
        }
        if self.line.has(&drive.key) {
            if urgent {
                let (lane, took) = self.lane(drive, urgent);
                self.line.hurry(lane, drive, took);
            }
            return Asked::Coming;
        }
        // Who tries a silent host does so for all that are behind it, in the place of its own next try.
        let is_trial = self.hosts.is_trial(drive);
        let host_is_silent = self.silent_host(drive);
        let history = self.histories.entry(drive.key.clone()).or_default();
        if let Some((host, drives)) = host_is_silent.filter(|_| !is_trial) {
            return Asked::HostSilent { host, drives };
        }
        if let Some(until) = history.not_before.filter(|until| *until > at && !is_trial) {
            return Asked::Later(until);
        }
        if let Some(stuck) = history.stuck.as_mut() {
            if !stuck.is_gone() {
                return Asked::Stuck {
                    pid: stuck.pid(),
                    seconds: at.saturating_duration_since(stuck.since()).as_secs(),
                };
            }
            history.stuck = None;
            self.stuck.remove(&drive.key);
        }
        let (lane, took) = self.lane(drive, urgent);
        self.line.push(lane, Arc::clone(drive), took);
        Asked::Coming
    }

    /// Where a drive waits, and how long it took when it was read last.
    fn lane(&self, drive: &Drive, urgent: bool) -> (Lane, Duration) {
        let history = self.histories.get(&drive.key);
        let mut hosts: Vec<Option<u32>> = self.ways(drive).map(|path| path.host).collect();
        hosts.sort_unstable();
        hosts.dedup();
        let suspect = history.is_some_and(|h| h.silences > 0);
        (Lane { suspect, usual: !urgent, hosts }, history.map_or(Duration::ZERO, |h| h.took))
    }

    /// The slowest first, behind them those that may not end at all.
    pub fn sort(&mut self) {
        self.line.sort();
    }

    /// Starts what may start now. Gives when to call again; `None`: when a child has ended.
    pub fn start_some(&mut self, at: Instant) -> Option<Instant> {
        while self.running.len() < self.config.concurrency && !self.line.is_empty() {
            if at < self.next_start {
                return Some(self.next_start);
            }
            let may_try = self.suspects() < (self.config.concurrency / 2).max(1);
            let (hosts, busy) = (&self.hosts, &self.busy);
            let usual = self.config.concurrency_per_host;
            let room = |lane: &Lane| {
                let rooms = lane.hosts.iter().map(|host| room(hosts, busy, *host, usual));
                let (all, free) = rooms.fold((0, 0), |(all, free), (a, f)| (all + a, free + f));
                (free > 0 && (may_try || !lane.suspect)).then_some(all)
            };
            let drive = self.line.next(room)?;
            let Some(path) = self.free_path(&drive) else {
                // Its paths are those of its lane, so this is never.
                let (lane, took) = self.lane(&drive, false);
                self.line.push(lane, drive, took);
                return None;
            };
            let gap = SPREAD / u32::try_from(self.config.concurrency).unwrap_or(1);
            self.next_start = at + gap;
            self.start(drive, path, at);
        }
        None
    }

    /// It did not answer when it was asked last: it may take its whole time again.
    pub fn is_suspect(&self, key: &DriveKey) -> bool {
        self.histories.get(key).is_some_and(|h| h.silences > 0)
    }

    fn suspects(&self) -> usize {
        self.running.keys().filter(|key| self.is_suspect(key)).count()
    }

    /// A host that is silent as a whole, with how many drives, if the drive is reached through no other.
    fn silent_host(&self, drive: &Drive) -> Option<(u32, usize)> {
        let mut silent = drive.paths.iter().map(|p| p.host.and_then(|h| Some((h, self.hosts.is_silent(h)?))));
        let first = silent.next()??;
        silent.all(|s| s.is_some()).then_some(first)
    }

    /// Hosts that are silent as a whole, with how many drives.
    pub fn silent_hosts(&self) -> Vec<(u32, usize)> {
        self.hosts.all_silent()
    }

    /// Chooses who tries the silent hosts.
    pub fn try_silent_hosts(&mut self, drives: &[Arc<Drive>], at: Instant) {
        self.reap();
        let histories = &self.histories;
        self.hosts.choose(drives, at, |key| histories.get(key).is_none_or(|h| h.stuck.is_none()));
    }

    /// A drive was plugged in: where it is behind a silent host, it is the one to try that with, at once.
    pub fn came(&mut self, drive: &Drive) {
        self.hosts.came(drive);
    }

    /// Takes those out of the line that wait for a host which has fallen silent.
    pub fn put_off(&mut self) -> Vec<(DriveKey, Asked)> {
        if !self.hosts.is_any_silent() {
            return Vec::new();
        }
        let mut line = std::mem::take(&mut self.line);
        let silent = |d: &Drive| self.silent_host(d).filter(|_| !self.hosts.is_trial(d));
        let off = line.take_out(silent);
        self.line = line;
        off.into_iter().map(|(key, (host, drives))| (key, Asked::HostSilent { host, drives })).collect()
    }

    /// The paths that count, first the one that is next. After a try without an answer only the other path
    /// counts, however busy it is.
    fn ways<'a>(&self, drive: &'a Drive) -> impl Iterator<Item = &'a DrivePath> {
        let turn = self.histories.get(&drive.key).map_or(0, |h| h.turn);
        let count = drive.paths.len();
        let paths = (0..count).filter_map(move |i| drive.paths.get((i + turn) % count));
        paths.take(if turn > 0 { 1 } else { count })
    }

    /// The path through the host with the fewest children, if it has room for one more.
    fn free_path(&self, drive: &Drive) -> Option<DrivePath> {
        let usual = self.config.concurrency_per_host;
        let busy = |path: &DrivePath| path.host.and_then(|host| self.busy.get(&host)).copied().unwrap_or(0);
        let free = self.ways(drive).filter(|path| room(&self.hosts, &self.busy, path.host, usual).1 > 0);
        free.min_by_key(|path| busy(path)).cloned()
    }

    fn start(&mut self, drive: Arc<Drive>, path: DrivePath, at: Instant) {
        self.started += 1;
        let number = self.started;
        let running = Running { number, host: path.host, since: at, is_void: false };
        self.running.insert(drive.key.clone(), running);
        if let Some(host) = path.host {
            *self.busy.entry(host).or_default() += 1;
        }
        // What a setting tells wins over what was found; `auto` has it found each time anew.
        let kind = match drive.told_type {
            Some(told) => told.argument(),
            None => self.histories.get(&drive.key).and_then(|h| h.kind.clone()),
        };
        let options = smartctl::Options { timeout: self.config.timeout, nocheck: self.config.nocheck };
        let (host, stop, events) = (Arc::clone(&self.host), self.stop.clone(), self.events.clone());
        self.put(move || {
            let at = Moment::now();
            log::debug!("smartctl start device={} node={}", path.device, path.node);
            let answer = smartctl::read(&host, &drive, &path, kind.as_deref(), options, &stop);
            // The receiver is gone only when the daemon has stopped.
            let _ = events.send(Event::Drive { number, key: drive.key.clone(), at, answer: Box::new(answer) });
        });
    }

    /// Runs something else that waits (zpool) in the spare seat.
    pub fn spawn(&self, work: impl FnOnce(&Host, &Stop) -> Event + Send + 'static) {
        let (host, stop, events) = (Arc::clone(&self.host), self.stop.clone(), self.events.clone());
        self.put(move || {
            let _ = events.send(work(&host, &stop));
        });
    }

    fn put(&self, job: impl FnOnce() + Send + 'static) {
        // Its receivers live as long as the pool.
        let _ = self.jobs.send(Box::new(job));
    }

    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Takes note of an answer: frees the drive's seat, remembers its type, or lengthens its wait.
    pub(super) fn answered(
        &mut self,
        number: u64,
        key: &DriveKey,
        answer: &mut smartctl::Answer,
        at: Instant,
    ) -> Completion {
        let is_void = match self.running.get(key) {
            Some(running) if running.number == number => running.is_void,
            // Its child is another one.
            _ => return Completion::Void,
        };
        if let Some(Running { host: Some(host), since, .. }) = self.running.remove(key) {
            if let Some(busy) = self.busy.get_mut(&host) {
                *busy = busy.saturating_sub(1);
            }
            self.host_answered(host, key, since, &answer.outcome, at);
        }
        let history = self.histories.entry(key.clone()).or_default();
        history.stuck = answer.stuck.take().or(history.stuck.take());
        if history.stuck.is_some() {
            self.stuck.insert(key.clone());
        }
        if is_void {
            return Completion::Void;
        }
        history.took = answer.took;
        match &answer.outcome {
            Outcome::Good(report) => {
                history.kind = report.device_type.clone().filter(|kind| TYPES.contains(&kind.as_str()));
                (history.silences, history.not_before, history.turn) = (0, None, 0);
            }
            Outcome::Standby => (history.silences, history.not_before) = (0, None),
            Outcome::Failed(_) => {
                // It was quick, whatever it said.
                (history.silences, history.not_before) = (0, None);
                history.kind = None;
                history.turn += 1;
            }
            Outcome::Silent(_) => self.silent(key, at),
        }
        Completion::Current
    }

    /// One answer through a silent host ends the event: those that were silent with it need not wait.
    fn host_answered(&mut self, host: u32, key: &DriveKey, asked: Instant, outcome: &Outcome, at: Instant) {
        match outcome {
            Outcome::Silent(_) => self.hosts.silent(host, key, asked, at),
            // Where smartctl could not be run, the host was not asked.
            Outcome::Failed(_) => {}
            Outcome::Good(_) | Outcome::Standby => {
                for key in self.hosts.answered(host, at) {
                    if let Some(history) = self.histories.get_mut(&key) {
                        history.not_before = None;
                    }
                }
            }
        }
    }

    /// One more silence: the next try waits twice as long.
    pub fn silent(&mut self, key: &DriveKey, at: Instant) {
        let history = self.histories.entry(key.clone()).or_default();
        let doublings = history.silences.min(4);
        history.silences += 1;
        history.turn += 1;
        history.not_before = Some(at + (FIRST_WAIT * 2u32.pow(doublings)).min(LONGEST_WAIT));
    }

    /// Takes in who is here now, and by which nodes. A drive that is put back starts without
    /// quarantine; a child that still hangs is remembered until it ends.
    pub fn renew<'a>(&mut self, here: impl Fn(&DriveKey) -> Option<&'a Arc<Drive>>) {
        for (key, urgent) in self.line.drain() {
            let Some(drive) = here(&key) else { continue };
            let (lane, took) = self.lane(drive, urgent);
            self.line.push(lane, Arc::clone(drive), took);
        }
        for (key, running) in &mut self.running {
            running.is_void |= here(key).is_none();
        }
        self.hosts.retain(|key| here(key).is_some());
        self.histories.retain(|key, history| {
            if here(key).is_some() {
                return true;
            }
            history.not_before = None;
            history.stuck.as_mut().is_some_and(|s| !s.is_gone())
        });
    }

    /// A type that was found earlier.
    pub fn know_type(&mut self, key: &DriveKey, kind: Option<&str>) {
        let history = self.histories.entry(key.clone()).or_default();
        if history.kind.is_none() {
            history.kind = kind.filter(|kind| TYPES.contains(kind)).map(str::to_owned);
        }
    }

    /// Reaps children that have ended at last.
    pub fn reap(&mut self) {
        let histories = &mut self.histories;
        self.stuck.retain(|key| {
            let Some(history) = histories.get_mut(key) else { return false };
            if history.stuck.as_mut().is_some_and(Stuck::is_gone) {
                history.stuck = None;
            }
            history.stuck.is_some()
        });
    }

    /// Children that were given up and have not ended, and drives that are not asked until later.
    pub fn given_up(&self, at: Instant) -> (usize, usize) {
        let count = |is: &dyn Fn(&History) -> bool| self.histories.values().filter(|h| is(h)).count();
        (count(&|h| h.stuck.is_some()), count(&|h| h.not_before.is_some_and(|until| until > at)))
    }

    pub fn is_idle(&self) -> bool {
        self.running.is_empty() && self.line.is_empty()
    }

    /// Children that run now.
    pub fn running(&self) -> usize {
        self.running.len()
    }
}

/// How many children may run through a host, and for how many more there is room now.
fn room(hosts: &Hosts, busy: &BTreeMap<u32, usize>, host: Option<u32>, usual: usize) -> (usize, usize) {
    let all = host.map_or(usual, |host| hosts.room(host, usual));
    let busy = host.and_then(|host| busy.get(&host)).copied().unwrap_or(0);
    (all, all.saturating_sub(busy))
}

#[cfg(test)]
mod tests;
