//! The rack as a whole: discovery, the sweep over all drives, and the join of what they give.
//!
//! It decides what belongs to a sweep and when one is whole; who may start a child is
//! `dispatch`'s business, when a sweep is due the poller's.

mod discovery;
mod join;

use crate::api::overview::SweepStats;
use crate::api::service::PollCounters;
use crate::clock::{Moment, now};
use crate::config::SmartConfig;
use crate::domain::drive::{Drive, DriveKey};
use crate::domain::enclosure::Enclosure;
use crate::domain::health::{Peers, RuleSettings};
use crate::domain::identity::DeviceName;
use crate::domain::inventory::{Inventory, Outcome, Reading};
use crate::domain::layout::Layouts;
use crate::domain::no_reading::NoReading;
use crate::domain::time::Timestamp;
use crate::domain::zfs::{Membership, Zfs, ZfsState};
use crate::probe::completion::Completion;
use crate::probe::dispatch::{Asked, Dispatch};
use crate::probe::enclosure::ModuleToAsk;
use crate::probe::links::Links;
use crate::probe::shelves::Shelves;
use crate::probe::tools::{self, Watched};
use crate::probe::types::Types;
use crate::probe::{Event, Host, drives, smartctl, zpool};
use crate::stop::Stop;
use crossbeam_channel::{Receiver, Sender, unbounded};
use discovery::Sight;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What children may take to end after a stop. Those in D state are left to the kernel.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// A drive whose reading has just come in.
#[derive(Debug)]
pub struct Read {
    pub key: DriveKey,
    /// smartctl's own JSON, of a good reading.
    pub raw: Option<Box<RawValue>>,
    /// It is another drive than the one that was known there: that one's serial number.
    pub replaced: Option<String>,
}

/// A sweep under way.
struct Sweep {
    started: Instant,
    started_at: Timestamp,
    waiting: HashSet<DriveKey>,
    drives: usize,
    failed: usize,
    timed_out: Vec<DriveKey>,
    unread: Vec<DriveKey>,
}

/// A sweep that is whole.
#[derive(Debug)]
pub struct Whole {
    pub stats: SweepStats,
    /// Drives that fell silent in it.
    pub timed_out: Vec<DriveKey>,
    /// Drives that it did not wait for, because they were silent lately, or their host was.
    pub unread: Vec<DriveKey>,
    /// SCSI hosts that are silent as a whole, with how many drives.
    pub silent_hosts: Vec<(u32, usize)>,
}

pub struct Rack {
    host: Arc<Host>,
    pub name: String,
    pub fleet: Inventory,
    enclosures: Vec<Enclosure>,
    pub zfs: Zfs,
    places: BTreeMap<DeviceName, Membership>,
    links: Links,
    modules: Vec<ModuleToAsk>,
    shelves: Shelves,
    dispatch: Dispatch,
    types: Types,
    zpool_dialect: Arc<zpool::Dialect>,
    zpool_running: bool,
    /// What was plugged in when zpool was asked.
    zpool_asked: u64,
    zpool_stuck: Option<super::exec::Stuck>,
    tool: Watched,
    sweep: Option<Sweep>,
    stats: SweepStats,
    effort: PollCounters,
    rules: Arc<RuleSettings>,
    layouts: Arc<Layouts>,
    peers: Peers,
    /// Of what was plugged in at the last look.
    pub fingerprint: u64,
    sight: Sight,
    events: Sender<Event>,
}

impl Rack {
    /// An empty rack; the receiver is where its readings will come in.
    pub fn new(
        host: Host,
        mut config: SmartConfig,
        rules: Arc<RuleSettings>,
        layouts: Arc<Layouts>,
        stop: Stop,
    ) -> Result<(Self, Receiver<Event>), rayon::ThreadPoolBuildError> {
        // Bounded by what runs: one event per child or shelf thread.
        let (events, incoming) = unbounded();
        let host = Arc::new(host);
        let types = Types::new(std::mem::take(&mut config.device_types));
        let rack = Self {
            name: host.name(),
            types,
            dispatch: Dispatch::new(Arc::clone(&host), config, stop, events.clone())?,
            host,
            fleet: Inventory::default(),
            enclosures: Vec::new(),
            zfs: Zfs::default(),
            places: BTreeMap::new(),
            links: Links::default(),
            modules: Vec::new(),
            shelves: Shelves::default(),
            zpool_dialect: Arc::default(),
            zpool_running: false,
            zpool_asked: 0,
            zpool_stuck: None,
            tool: Watched::default(),
            sweep: None,
            stats: SweepStats::default(),
            effort: PollCounters::default(),
            rules,
            layouts,
            peers: Peers::default(),
            fingerprint: 0,
            sight: Sight::default(),
            events,
        };
        Ok((rack, incoming))
    }

    pub fn enclosures(&self) -> &[Enclosure] {
        &self.enclosures
    }

    /// Of all shelves.
    pub fn bays(&self) -> usize {
        self.enclosures.iter().map(|enclosure| enclosure.slots.len()).sum()
    }

    /// Starts a sweep over every drive, pool and shelf. Never two at once.
    pub fn start_sweep(&mut self) {
        if self.sweep.is_some() {
            return;
        }
        let at = Instant::now();
        let mut sweep = Sweep {
            started: at,
            started_at: now(),
            waiting: HashSet::new(),
            drives: 0,
            failed: 0,
            timed_out: Vec::new(),
            unread: Vec::new(),
        };
        let drives: Vec<Arc<Drive>> = self.fleet.present().map(|r| Arc::clone(&r.drive)).collect();
        sweep.drives = drives.len();
        let mut later = Vec::new();
        self.dispatch.try_silent_hosts(&drives, at);
        for drive in &drives {
            match self.dispatch.ask(drive, false, at) {
                // One that was silent is tried beside the sweep: it may take its whole time again.
                Asked::Coming if !self.dispatch.is_suspect(&drive.key) => {
                    sweep.waiting.insert(drive.key.clone());
                }
                asked => later.push((drive.key.clone(), asked)),
            }
        }
        self.dispatch.sort();
        self.sweep = Some(sweep);
        for (key, asked) in later {
            self.left_out(key, &asked, at);
        }
        self.ask_pools();
        self.ask_shelves();
    }

    /// A drive that the sweep under way does not wait for.
    fn left_out(&mut self, key: DriveKey, asked: &Asked, at: Instant) {
        let Some(sweep) = self.sweep.as_mut() else { return };
        sweep.waiting.remove(&key);
        sweep.failed += 1;
        sweep.unread.push(key.clone());
        let why = match asked {
            Asked::Coming | Asked::Later(_) => return,
            Asked::Stuck { pid, seconds } => {
                self.dispatch.silent(&key, at);
                NoReading::Stuck { pid: *pid, seconds: *seconds }
            }
            Asked::HostSilent { host, drives } => NoReading::HostSilent { host: *host, drives: *drives },
        };
        self.fleet.apply(&Reading { key, at: sweep.started_at, took_ms: None, outcome: Outcome::Silent(why) });
    }

    /// Asks smartctl which it is, where that is not known or may have changed.
    pub fn ask_tool(&mut self) {
        let at = Instant::now();
        if self.tool.is_due(&self.host, at) {
            self.tool.started(&self.host, at);
            self.dispatch.spawn(|host, stop| Event::Smartctl(tools::told(host, stop)));
        }
    }

    /// What keeps drives from being read, in words.
    pub fn trouble(&self) -> Option<String> {
        self.tool.trouble()
    }

    /// Entries of `SMART_DEVICE_TYPES` that name no drive here.
    pub fn unused_types(&self) -> Vec<String> {
        self.types.unused(&self.fleet)
    }

    /// What smartctl said of itself; gives what is worth a line.
    pub fn take_tool(&mut self, told: tools::Told) -> Option<tools::News> {
        self.tool.take(told)
    }

    /// Asks the shelves what only they can say.
    pub fn ask_shelves(&mut self) {
        self.shelves.ask(&self.modules, &self.events, self.dispatch.stop(), Instant::now());
    }

    /// Asks for one drive, because somebody waits for it. `None`: it is not here.
    pub fn ask(&mut self, key: &DriveKey) -> Option<Asked> {
        let drive = &self.fleet.get(key).filter(|r| r.is_here())?.drive;
        Some(self.dispatch.ask(drive, true, Instant::now()))
    }

    /// Asks for the pools, unless that is under way.
    pub fn ask_pools(&mut self) {
        let hangs = self.zpool_stuck.as_mut().is_some_and(|s| !s.is_gone());
        if hangs {
            self.zfs.error = Some("zpool still hangs and cannot be killed".to_owned());
        }
        if !hangs && !self.zpool_running {
            self.zpool_stuck = None;
            self.zpool_running = true;
            self.zpool_asked = drives::fingerprint(&self.host);
            let dialect = Arc::clone(&self.zpool_dialect);
            self.dispatch.spawn(move |host, stop| Event::Pools(zpool::ask(host, stop, &dialect)));
        }
    }

    /// Takes in a report. Gives the drive that was read, if it was one.
    pub fn take(&mut self, event: Event) -> Option<Read> {
        match event {
            Event::Drive { number, key, at, answer } => return self.take_drive(number, key, at, *answer),
            Event::Pools(answer) => self.take_pools(answer),
            Event::Shelf { number, sysfs_name, answers } => {
                if self.shelves.answered(&sysfs_name, number, answers) == Completion::Void {
                    self.ask_shelves();
                }
            }
            Event::Smartctl(told) => drop(self.take_tool(told)),
        }
        None
    }

    fn take_drive(&mut self, number: u64, key: DriveKey, at: Moment, mut answer: smartctl::Answer) -> Option<Read> {
        let now = Instant::now();
        let completion = self.dispatch.answered(number, &key, &mut answer, now);
        if answer.stopped {
            return None;
        }
        if completion == Completion::Void {
            self.read_anew(key, now);
            return None;
        }
        *match &answer.outcome {
            Outcome::Good(_) => &mut self.effort.good,
            Outcome::Standby => &mut self.effort.asleep,
            Outcome::Silent(_) => &mut self.effort.silent,
            Outcome::Failed(_) => &mut self.effort.failed,
        } += 1;
        for (key, asked) in self.dispatch.put_off() {
            self.left_out(key, &asked, now);
        }
        if let Some(sweep) = self.sweep.as_mut().filter(|s| s.waiting.contains(&key)) {
            sweep.waiting.remove(&key);
            match answer.outcome {
                Outcome::Silent(_) => {
                    sweep.failed += 1;
                    sweep.timed_out.push(key.clone());
                }
                // A volume whose disks are listed is not expected to answer.
                Outcome::Failed(_) if self.fleet.get(&key).is_some_and(|r| !r.drive.raid_disks.is_empty()) => {}
                Outcome::Failed(_) => sweep.failed += 1,
                Outcome::Good(_) | Outcome::Standby => {}
            }
        }
        // Whoever waits is shown the newer one.
        if self.fleet.is_outdated(&key, at.date()) {
            return Some(Read { key, raw: None, replaced: None });
        }
        let took_ms = u64::try_from(answer.took.as_millis()).ok();
        let replaced = self.fleet.apply(&Reading { key: key.clone(), at: at.date(), took_ms, outcome: answer.outcome });
        // A reading that brought no values leaves the earlier one, and its JSON, in place.
        let was_taken = self.fleet.get(&key).is_some_and(|r| r.error.is_none());
        Some(Read { raw: answer.raw.filter(|_| was_taken), key, replaced })
    }

    /// What has just come was asked before the drive went: where it is here again, it is still to be read.
    fn read_anew(&mut self, key: DriveKey, at: Instant) {
        let Some(record) = self.fleet.get(&key).filter(|r| r.is_here()) else { return };
        let asked = self.dispatch.ask(&record.drive, true, at);
        if asked != Asked::Coming {
            self.left_out(key, &asked, at);
        }
    }

    /// Pools that could not be asked for stay as they were, with the reason.
    fn take_pools(&mut self, answer: zpool::Answer) {
        self.zpool_running = false;
        self.zpool_stuck = answer.stuck;
        match answer.report {
            zpool::ZpoolReport::NotInstalled => self.zfs = Zfs { state: ZfsState::NotInstalled, ..Zfs::default() },
            zpool::ZpoolReport::Pools(pools) => {
                let mut zfs = Zfs { state: ZfsState::Read { at: now() }, error: None, pools };
                let is_fresh = self.zpool_asked == self.fingerprint && !self.has_changed();
                zpool::resolve(&mut zfs, &self.links, &self.zfs, is_fresh);
                self.zfs = zfs;
            }
            zpool::ZpoolReport::Failed(why) => self.zfs.error = Some(why),
            zpool::ZpoolReport::Stopped => {}
        }
        self.places = self.zfs.memberships();
    }

    /// smartctl's type of a drive, as an earlier run found it: detecting it may wake the drive.
    pub fn know_type(&mut self, key: &DriveKey, kind: Option<&str>) {
        self.dispatch.know_type(key, kind);
    }

    /// Starts what may start now.
    pub fn start_some(&mut self) {
        let _ = self.dispatch.start_some(Instant::now());
    }

    /// Moves things on; gives when to be called again (`None`: when an event comes in).
    pub fn work(&mut self) -> Option<Instant> {
        let at = Instant::now();
        self.dispatch.reap();
        let shelf = self.shelves.check(at);
        self.dispatch.start_some(at).into_iter().chain(shelf).min()
    }

    /// The sweep that has just become whole: every drive was heard or given up, and so were the
    /// pools and shelves.
    pub fn whole(&mut self) -> Option<Whole> {
        let sweep = self.sweep.as_ref()?;
        if !sweep.waiting.is_empty() || self.zpool_running || self.shelves.is_waiting() {
            return None;
        }
        let sweep = self.sweep.take()?;
        self.effort.sweeps += 1;
        self.stats = SweepStats {
            started_at: Some(sweep.started_at),
            took_ms: u64::try_from(sweep.started.elapsed().as_millis()).ok(),
            drives: Some(sweep.drives),
            failed: Some(sweep.failed),
            timed_out: Some(sweep.timed_out.len()),
        };
        let silent_hosts = self.dispatch.silent_hosts();
        Some(Whole { stats: self.stats.clone(), timed_out: sweep.timed_out, unread: sweep.unread, silent_hosts })
    }

    /// So far, and at this moment.
    pub fn effort(&self) -> PollCounters {
        let (stuck, waiting) = self.dispatch.given_up(Instant::now());
        let stuck = stuck + usize::from(self.zpool_stuck.is_some());
        PollCounters { running: self.dispatch.running(), stuck, waiting, ..self.effort }
    }

    pub fn is_sweeping(&self) -> bool {
        self.sweep.is_some()
    }

    /// Drives of the sweep that are still to come, and all of it.
    pub fn progress(&self) -> Option<(usize, usize)> {
        self.sweep.as_ref().map(|s| (s.waiting.len(), s.drives))
    }

    /// Nothing is being asked that may still answer in time.
    pub fn is_idle(&self) -> bool {
        self.dispatch.is_idle() && !self.zpool_running && !self.shelves.is_waiting()
    }

    /// After a stop: every child is ended at once; waits until they are.
    pub fn finish(&self, events: &Receiver<Event>) {
        let patience = Instant::now() + STOP_PATIENCE;
        let mut running =
            self.dispatch.running() + usize::from(self.zpool_running) + usize::from(self.tool.is_running());
        while running > 0 {
            match events.recv_deadline(patience) {
                Ok(Event::Drive { .. } | Event::Pools(_) | Event::Smartctl(_)) => running -= 1,
                Ok(Event::Shelf { .. }) => {}
                Err(_) => break,
            }
        }
    }
}
