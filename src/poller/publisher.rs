//! What goes where: documents and lists into memory at once, into Redis in pipelines.
//!
//! It knows lifetimes and how often a thing is worth sending; what is in a value it does not know.

use crate::api::bodies::{EnclosuresBody, ZfsBody};
use crate::api::content_version::{ContentVersion, with_version};
use crate::api::document_header::DocumentHeader;
use crate::api::drive_document::{self, smartctl_json};
use crate::api::drive_summary::DriveSummary;
use crate::api::overview::Overview;
use crate::api::value_limits::DOCUMENT;
use crate::cache::memory::MemoryStore;
use crate::cache::redis::RedisStore;
use crate::cache::{Bytes, Entry, Key, StoreError};
use crate::config::Lifetimes;
use crate::domain::hash::fnv1a;
use crate::domain::identity::DeviceName;
use crate::domain::inventory::{DriveRecord, Inventory};
use crate::domain::zfs::Zfs;
use serde_json::value::RawValue;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Lists are made at most this often while readings come in.
const MIN_REBUILD_INTERVAL: Duration = Duration::from_millis(250);
/// Between two builds of the lists lies at least this many times the duration of the last build: at most a tenth of the
/// time goes into it, and a fiftieth during a sweep, in which they change all the time and at whose end they are built.
const REBUILD_FACTOR: u32 = 10;
const REBUILD_FACTOR_IN_SWEEP: u32 = 50;
/// Documents are sent at most this often.
const MIN_FLUSH_INTERVAL: Duration = Duration::from_secs(1);
/// Added to interval and sweep, so that a drive's key never lapses at the very end of a cycle.
const LIFETIME_MARGIN: Duration = Duration::from_secs(1);

/// What goes to Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sends {
    /// Nothing: what is there is another host's.
    Nothing,
    /// Documents of drives that this daemon read.
    Documents,
    /// Those and the lists.
    Lists,
}

/// Whether the list of drives that are gone goes out with the next lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum GoneList {
    #[default]
    Send,
    /// It is in Redis already, or is not to be.
    LeaveOut,
}

pub(super) struct Publisher {
    redis: Arc<RedisStore>,
    memory: Arc<MemoryStore>,
    lifetimes: Lifetimes,
    interval: Duration,
    /// How long the last sweep took.
    sweep: Duration,
    reported_longer_lifetime: bool,
    /// That the list of missing drives is not whole has been reported.
    reported_left_out: bool,
    dirty: bool,
    built: Option<Instant>,
    /// What making everything anew took: it is not made more often than a part of the time allows.
    build_took: Duration,
    /// So many times what it took lies between.
    rebuild_factor: u32,
    /// Fingerprints of the summaries in the documents.
    summaries: HashMap<DeviceName, u64>,
    /// Drives whose documents are without smartctl's JSON because of its size.
    too_large: HashSet<DeviceName>,
    /// Documents that Redis does not have yet.
    pending: HashSet<DeviceName>,
    flushed: Option<Instant>,
    lists_due: Instant,
    gone: GoneList,
    /// The version of the overview that was sent last, for the leadership, which has not taken it yet.
    sent: Option<ContentVersion>,
}

impl Publisher {
    pub(super) fn new(
        redis: Arc<RedisStore>,
        memory: Arc<MemoryStore>,
        lifetimes: Lifetimes,
        interval: Duration,
    ) -> Self {
        let shortest = lifetimes.overview.min(lifetimes.enclosures).min(lifetimes.zfs);
        Self {
            redis,
            memory,
            lifetimes,
            interval,
            sweep: Duration::ZERO,
            reported_longer_lifetime: false,
            reported_left_out: false,
            dirty: true,
            built: None,
            build_took: Duration::ZERO,
            rebuild_factor: REBUILD_FACTOR,
            summaries: HashMap::new(),
            too_large: HashSet::new(),
            pending: HashSet::new(),
            flushed: None,
            lists_due: Instant::now() + shortest / 3,
            gone: GoneList::Send,
            sent: None,
        }
    }

    /// How long a drive's key lives: as set, or longer where a cycle is.
    pub(super) fn smart_life(&self) -> Duration {
        self.lifetimes.smart.max(self.interval + self.sweep + LIFETIME_MARGIN)
    }

    /// What is read within a second goes out together, and a sweep that takes no longer is one pipeline.
    pub(super) fn sweep_begins(&mut self, at: Instant) {
        self.rebuild_factor = REBUILD_FACTOR_IN_SWEEP;
        self.flushed = self.flushed.max(Some(at));
    }

    /// A request waits for the lists.
    pub(super) fn request_waits(&mut self) {
        self.rebuild_factor = REBUILD_FACTOR;
    }

    pub(super) fn swept(&mut self, took: Duration) {
        self.rebuild_factor = REBUILD_FACTOR;
        self.sweep = took;
        self.lists_due = Instant::now();
        if self.smart_life() > self.lifetimes.smart && !self.reported_longer_lifetime {
            self.reported_longer_lifetime = true;
            log::info!(
                "drive keys live longer than set, because a cycle takes longer smart_cache_ttl_s={} now_s={} interval_s={} sweep_s={}",
                self.lifetimes.smart.as_secs(),
                self.smart_life().as_secs(),
                self.interval.as_secs(),
                took.as_secs()
            );
        }
    }

    /// The lists no longer show what is known.
    pub(super) fn rack_changed(&mut self) {
        self.dirty = true;
    }

    /// Redis has no list, or an old one.
    pub(super) fn lists_wanted(&mut self) {
        self.dirty = true;
        let soon = self.flushed.map_or_else(Instant::now, |last| last + MIN_FLUSH_INTERVAL);
        self.lists_due = self.lists_due.min(soon);
    }

    /// A drive's document.
    pub(super) fn document(&mut self, record: &DriveRecord, summary: &DriveSummary, raw: Option<&RawValue>) -> Bytes {
        let key = Key::Smart(record.drive.device.clone());
        let held = if raw.is_some() { None } else { self.memory.value(&key) };
        // Without a new reading the last one's JSON stays, if it is this drive's.
        let kept =
            held.as_deref().filter(|v| DocumentHeader::parse(v).is_some_and(|h| h.identity == record.drive.identity));
        let raw = raw.or_else(|| kept.and_then(smartctl_json).filter(|_| record.report.is_some()));
        let document = drive_document::compose(record, summary, raw);
        let Err(excess) = DOCUMENT.check(&document) else { return document.into() };
        // A document that no daemon would read is not written.
        if self.too_large.insert(record.drive.device.clone()) {
            let device = &record.drive.device;
            log::warn!(
                "smartctl's JSON is left out of a document, which would be too large device={device} error=\"{excess}\""
            );
        }
        drive_document::compose(record, summary, None).into()
    }

    /// The document of a drive that is here, into memory now and into Redis with the next pipeline.
    pub(super) fn drive(&mut self, summary: &DriveSummary, document: Bytes) {
        let device = &summary.device;
        self.summaries.insert(device.clone(), fingerprint(summary));
        self.memory.set(Key::Smart(device.clone()), document);
        self.pending.insert(device.clone());
        self.dirty = true;
    }

    /// The document in memory goes into Redis once more.
    pub(super) fn resend(&mut self, device: &DeviceName) {
        self.pending.insert(device.clone());
    }

    /// The drive's document holds that very summary.
    pub(super) fn has_said(&self, summary: &DriveSummary) -> bool {
        self.summaries.get(&summary.device) == Some(&fingerprint(summary))
    }

    /// Those that are gone; sent with the next lists.
    pub(super) fn gone(&mut self, (list, left_out): (Vec<u8>, usize)) {
        if left_out > 0 && !std::mem::replace(&mut self.reported_left_out, true) {
            log::warn!(
                "the list of missing drives is full, a restart will not know of all of them left_out={left_out}"
            );
        }
        self.reported_left_out &= left_out > 0;
        self.memory.set(Key::Gone, list.into());
    }

    /// Forgets documents of drives that are not here.
    pub(super) fn retain(&mut self, is_here: impl Fn(&DeviceName) -> bool) {
        self.summaries.retain(|device, _| is_here(device));
        self.too_large.retain(|device| is_here(device));
        self.memory.retain(|key| match key {
            Key::Smart(device) => is_here(device),
            _ => true,
        });
    }

    pub(super) fn is_rebuild_due(&self, at: Instant) -> bool {
        self.dirty && self.rebuild_at().is_none_or(|due| at >= due)
    }

    fn rebuild_at(&self) -> Option<Instant> {
        self.built.map(|built| built + MIN_REBUILD_INTERVAL.max(self.build_took * self.rebuild_factor))
    }

    /// All lists, made from one overview, into memory. Those that will stay a while get their gzip at once; those of a
    /// sweep under way, soon to be replaced, when it is asked for.
    pub(super) fn lists(&mut self, overview: &Overview, zfs: &Zfs, will_stay: bool) {
        let started = Instant::now();
        self.memory.set(Key::Overview, with_version(overview).into());
        self.memory.set(Key::Enclosures, with_version(&EnclosuresBody::from(overview)).into());
        self.memory.set(Key::ZfsMap, with_version(&ZfsBody::new(overview, zfs)).into());
        if will_stay {
            for list in [Key::Overview, Key::Enclosures, Key::ZfsMap] {
                self.memory.body(&list).map(|body| body.gzip().map(drop));
            }
        }
        self.dirty = false;
        self.built = Some(Instant::now());
        self.build_took = started.elapsed();
    }

    /// Nothing is known that lists could be made of.
    pub(super) fn nothing_to_list(&mut self) {
        self.dirty = false;
        self.built = Some(Instant::now());
    }

    /// All that is made of the lists took so long.
    pub(super) fn took(&mut self, took: Duration) {
        self.build_took = took;
    }

    pub(super) fn are_lists_due(&self, at: Instant) -> bool {
        at >= self.lists_due
    }

    /// Stores the list of drives that are gone, ahead of the others. `in_place`: only in place of the one that is there.
    /// False: there is none, and nothing was stored. Whatever comes of it, the list does not go out with the others.
    pub(super) fn store_gone(&mut self, in_place: bool) -> Result<bool, StoreError> {
        self.leave_gone_out();
        let Some(entry) = self.entry(Key::Gone) else { return Ok(true) };
        if in_place { self.redis.replace(&entry) } else { self.redis.put(&[entry]).map(|()| true) }
    }

    /// The list of drives that are gone does not go out with the next lists.
    pub(super) fn leave_gone_out(&mut self) {
        self.gone = GoneList::LeaveOut;
    }

    /// The list of drives that are gone goes out with the others after all.
    pub(super) fn send_gone(&mut self) {
        self.gone = GoneList::Send;
    }

    fn entry(&self, key: Key) -> Option<Entry> {
        let live = if let Key::Smart(_) = key { self.smart_life() } else { key.lifetime(&self.lifetimes) };
        let last_known = self.lifetimes.stale.max(self.smart_life());
        Some(Entry { value: self.memory.value(&key)?, key, live, last_known })
    }

    /// Sends what waits, now.
    pub(super) fn flush_all(&mut self, sends: Sends) {
        self.flushed = None;
        self.flush(sends, Instant::now());
    }

    /// Sends what is due to Redis. Only a daemon that polls, and has swept, sends lists; a drive
    /// that was read is sent by any.
    pub(super) fn flush(&mut self, sends: Sends, at: Instant) {
        let lists = sends == Sends::Lists && self.are_lists_due(at);
        let documents = !self.pending.is_empty() && self.flushed.is_none_or(|last| at >= last + MIN_FLUSH_INTERVAL);
        if sends == Sends::Nothing || !(lists || documents) {
            return;
        }
        self.flushed = Some(at);
        let mut keys: Vec<Key> = std::mem::take(&mut self.pending).into_iter().map(Key::Smart).collect();
        if lists {
            let life = self.lifetimes.overview.min(self.lifetimes.enclosures).min(self.lifetimes.zfs);
            self.lists_due = at + life / 3;
            keys.extend([Key::Enclosures, Key::ZfsMap]);
            if std::mem::take(&mut self.gone) == GoneList::Send {
                keys.push(Key::Gone);
            }
            keys.push(Key::Overview);
            let overview = self.memory.value(&Key::Overview);
            self.sent = overview.and_then(|overview| ContentVersion::read(&overview)).or(self.sent);
        }
        let entries: Vec<Entry> = keys.into_iter().filter_map(|key| self.entry(key)).collect();
        // The breaker says what is wrong; everything is sent when Redis takes values again.
        let _ = self.redis.put(&entries);
    }

    /// The version of the overview that was sent last, once.
    pub(super) fn take_sent(&mut self) -> Option<ContentVersion> {
        self.sent.take()
    }

    /// Redis is back, perhaps empty: it gets everything again.
    pub(super) fn publish_everything(&mut self, fleet: &Inventory) {
        self.pending.extend(fleet.present().filter(|r| r.checked_at.is_some()).map(|r| r.drive.device.clone()));
        self.flushed = None;
        self.lists_due = Instant::now();
    }

    pub(super) fn next_due(&self, sends: Sends) -> Option<Instant> {
        let now = Instant::now();
        let rebuild = self.dirty.then(|| self.rebuild_at().unwrap_or(now));
        let has_documents = sends != Sends::Nothing && !self.pending.is_empty();
        let documents = has_documents.then(|| self.flushed.map_or(now, |last| last + MIN_FLUSH_INTERVAL));
        let lists = (sends == Sends::Lists).then_some(self.lists_due);
        [rebuild, documents, lists].into_iter().flatten().min()
    }
}

fn fingerprint(summary: &DriveSummary) -> u64 {
    fnv1a(serde_json::to_vec(summary).unwrap_or_default())
}
