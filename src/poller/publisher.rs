//! Publishes documents and lists: to memory at once, to Redis in pipelines.
//!
//! It applies lifetimes and minimum intervals, and does not interpret values.

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

/// Minimum interval between rebuilds of the lists.
const MIN_REBUILD_INTERVAL: Duration = Duration::from_millis(250);
/// Minimum gap between rebuilds, as a multiple of the last build time: builds take at most a tenth of the time, and a
/// fiftieth during a sweep, when lists change all the time and are rebuilt at its end anyway.
const REBUILD_FACTOR: u32 = 10;
const REBUILD_FACTOR_IN_SWEEP: u32 = 50;
/// Minimum interval between two pipelines of documents.
const MIN_FLUSH_INTERVAL: Duration = Duration::from_secs(1);
/// Added to interval and sweep, so that a drive's key never expires at the very end of a cycle.
const LIFETIME_MARGIN: Duration = Duration::from_secs(1);

/// What goes to Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sends {
    /// Nothing: the keys are another host's, or it is not known whose they are.
    Nothing,
    /// Documents of drives that this daemon read.
    Documents,
    /// Those and the lists.
    Lists,
}

/// Whether the list of missing drives is sent with the next lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum MissingListSend {
    #[default]
    Include,
    /// It is stored already, or must not be.
    Exclude,
}

pub(super) struct Publisher {
    redis: Arc<RedisStore>,
    memory: Arc<MemoryStore>,
    lifetimes: Lifetimes,
    interval: Duration,
    /// How long the last sweep took.
    sweep: Duration,
    reported_longer_lifetime: bool,
    /// It has been reported that the list of missing drives is incomplete.
    reported_left_out: bool,
    /// The lists must be rebuilt.
    lists_outdated: bool,
    built: Option<Instant>,
    /// Duration of the last rebuild, which bounds the rate of rebuilds.
    build_took: Duration,
    /// `REBUILD_FACTOR`, or that of a sweep.
    rebuild_factor: u32,
    /// Fingerprints of the summaries in the documents.
    summaries: HashMap<DeviceName, u64>,
    /// Drives whose documents are without smartctl's JSON because of its size.
    too_large: HashSet<DeviceName>,
    /// Documents that Redis does not have yet.
    pending: HashSet<DeviceName>,
    flushed: Option<Instant>,
    lists_due: Instant,
    missing_list: MissingListSend,
    /// The version of the overview that was sent last, until the leadership takes it.
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
            lists_outdated: true,
            built: None,
            build_took: Duration::ZERO,
            rebuild_factor: REBUILD_FACTOR,
            summaries: HashMap::new(),
            too_large: HashSet::new(),
            pending: HashSet::new(),
            flushed: None,
            lists_due: Instant::now() + shortest / 3,
            missing_list: MissingListSend::Include,
            sent: None,
        }
    }

    /// Lifetime of a drive's key: as set, or a whole cycle if that is longer.
    pub(super) fn smart_life(&self) -> Duration {
        self.lifetimes.smart.max(self.interval + self.sweep + LIFETIME_MARGIN)
    }

    /// Documents of one second are sent together; a sweep that takes less is one pipeline.
    pub(super) fn on_sweep_begin(&mut self, at: Instant) {
        self.rebuild_factor = REBUILD_FACTOR_IN_SWEEP;
        self.flushed = self.flushed.max(Some(at));
    }

    /// A request waits for the lists.
    pub(super) fn prioritize_lists(&mut self) {
        self.rebuild_factor = REBUILD_FACTOR;
    }

    pub(super) fn on_sweep_complete(&mut self, took: Duration) {
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

    /// The lists are out of date.
    pub(super) fn mark_lists_outdated(&mut self) {
        self.lists_outdated = true;
    }

    /// Redis has no current lists: they are rebuilt, and sent soon.
    pub(super) fn send_lists_soon(&mut self) {
        self.lists_outdated = true;
        let soon = self.flushed.map_or_else(Instant::now, |last| last + MIN_FLUSH_INTERVAL);
        self.lists_due = self.lists_due.min(soon);
    }

    /// The next flush sends the lists.
    pub(super) fn send_lists_now(&mut self) {
        self.lists_outdated = true;
        self.lists_due = Instant::now();
    }

    /// Composes a drive's document.
    pub(super) fn document(&mut self, record: &DriveRecord, summary: &DriveSummary, raw: Option<&RawValue>) -> Bytes {
        let key = Key::Smart(record.drive.device.clone());
        let held = if raw.is_some() { None } else { self.memory.value(&key) };
        // Without a new reading the JSON of the last one is kept, if it is of the same drive.
        let kept =
            held.as_deref().filter(|v| DocumentHeader::parse(v).is_some_and(|h| h.identity == record.drive.identity));
        let raw = raw.or_else(|| kept.and_then(smartctl_json).filter(|_| record.report.is_some()));
        let document = drive_document::compose(record, summary, raw);
        let Err(excess) = DOCUMENT.check(&document) else { return document.into() };
        // A document beyond the limits for reading is not written.
        if self.too_large.insert(record.drive.device.clone()) {
            let device = &record.drive.device;
            log::warn!(
                "smartctl's JSON is left out of a document, which would be too large device={device} error=\"{excess}\""
            );
        }
        drive_document::compose(record, summary, None).into()
    }

    /// Publishes the document of a present drive: to memory now, to Redis with the next pipeline.
    pub(super) fn drive(&mut self, summary: &DriveSummary, document: Bytes) {
        let device = &summary.device;
        self.summaries.insert(device.clone(), fingerprint(summary));
        self.memory.set(Key::Smart(device.clone()), document);
        self.pending.insert(device.clone());
        self.lists_outdated = true;
    }

    /// Sends the document in memory again.
    pub(super) fn resend(&mut self, device: &DeviceName) {
        self.pending.insert(device.clone());
    }

    /// The drive's document contains exactly that summary.
    pub(super) fn has_published(&self, summary: &DriveSummary) -> bool {
        self.summaries.get(&summary.device) == Some(&fingerprint(summary))
    }

    /// Sets the list of missing drives, which is sent with the next lists.
    pub(super) fn set_missing_list(&mut self, (list, left_out): (Vec<u8>, usize)) {
        if left_out > 0 && !std::mem::replace(&mut self.reported_left_out, true) {
            log::warn!(
                "the list of missing drives is full, a restart will not know of all of them left_out={left_out}"
            );
        }
        self.reported_left_out &= left_out > 0;
        self.memory.set(Key::Gone, list.into());
    }

    /// Sets the list of known enclosures, which is sent with the next lists.
    pub(super) fn set_known_enclosures(&self, list: Vec<u8>) {
        self.memory.set(Key::KnownEnclosures, list.into());
    }

    /// Removes documents of drives that are not present.
    pub(super) fn retain(&mut self, is_present: impl Fn(&DeviceName) -> bool) {
        self.summaries.retain(|device, _| is_present(device));
        self.too_large.retain(|device| is_present(device));
        self.memory.retain(|key| match key {
            Key::Smart(device) => is_present(device),
            _ => true,
        });
    }

    pub(super) fn is_rebuild_due(&self, at: Instant) -> bool {
        self.lists_outdated && self.rebuild_at().is_none_or(|due| at >= due)
    }

    fn rebuild_at(&self) -> Option<Instant> {
        self.built.map(|built| built + MIN_REBUILD_INTERVAL.max(self.build_took * self.rebuild_factor))
    }

    /// Publishes all lists of one overview to memory. They are compressed at once, except during a sweep, when they are
    /// replaced soon and compressed on request.
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
        self.lists_outdated = false;
        self.built = Some(Instant::now());
        self.build_took = started.elapsed();
    }

    /// There is no data for lists yet.
    pub(super) fn skip_rebuild(&mut self) {
        self.lists_outdated = false;
        self.built = Some(Instant::now());
    }

    /// Records the duration of a rebuild including the snapshot.
    pub(super) fn record_build_time(&mut self, took: Duration) {
        self.build_took = took;
    }

    pub(super) fn are_lists_due(&self, at: Instant) -> bool {
        at >= self.lists_due
    }

    /// Stores the list of missing drives before the others. `in_place`: only if one is stored. False: there is none,
    /// and nothing was stored. In any case the list is not sent with the others.
    pub(super) fn store_missing_list(&mut self, in_place: bool) -> Result<bool, StoreError> {
        self.exclude_missing_list();
        let Some(entry) = self.entry(Key::Gone) else { return Ok(true) };
        if in_place { self.redis.replace(&entry) } else { self.redis.put(&[entry]).map(|()| true) }
    }

    /// Does not send the list of missing drives with the next lists.
    pub(super) fn exclude_missing_list(&mut self) {
        self.missing_list = MissingListSend::Exclude;
    }

    /// Sends the list of missing drives with the next lists.
    pub(super) fn include_missing_list(&mut self) {
        self.missing_list = MissingListSend::Include;
    }

    fn entry(&self, key: Key) -> Option<Entry> {
        let live = if let Key::Smart(_) = key { self.smart_life() } else { key.lifetime(&self.lifetimes) };
        let last_known = self.lifetimes.stale.max(self.smart_life());
        Some(Entry { value: self.memory.value(&key)?, key, live, last_known })
    }

    /// Sends everything that is pending, now.
    pub(super) fn flush_all(&mut self, sends: Sends) {
        self.flushed = None;
        self.flush(sends, Instant::now());
    }

    /// Sends what is due to Redis. Only a leader that has completed a sweep sends lists; any daemon sends documents of
    /// drives that it has read.
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
            keys.extend([Key::Enclosures, Key::ZfsMap, Key::KnownEnclosures]);
            if std::mem::take(&mut self.missing_list) == MissingListSend::Include {
                keys.push(Key::Gone);
            }
            keys.push(Key::Overview);
            let overview = self.memory.value(&Key::Overview);
            self.sent = overview.and_then(|overview| ContentVersion::read(&overview)).or(self.sent);
        }
        let entries: Vec<Entry> = keys.into_iter().filter_map(|key| self.entry(key)).collect();
        // The breaker reports errors; everything is sent when Redis accepts writes again.
        let _ = self.redis.put(&entries);
    }

    /// The version of the overview that was sent last, once.
    pub(super) fn take_sent(&mut self) -> Option<ContentVersion> {
        self.sent.take()
    }

    /// Redis is available again, perhaps empty: everything is sent again.
    pub(super) fn publish_everything(&mut self, inventory: &Inventory) {
        self.pending.extend(inventory.present().filter(|r| r.checked_at.is_some()).map(|r| r.drive.device.clone()));
        self.flushed = None;
        self.lists_due = Instant::now();
    }

    pub(super) fn next_due(&self, sends: Sends) -> Option<Instant> {
        let now = Instant::now();
        let rebuild = self.lists_outdated.then(|| self.rebuild_at().unwrap_or(now));
        let has_documents = sends != Sends::Nothing && !self.pending.is_empty();
        let documents = has_documents.then(|| self.flushed.map_or(now, |last| last + MIN_FLUSH_INTERVAL));
        let lists = (sends == Sends::Lists).then_some(self.lists_due);
        [rebuild, documents, lists].into_iter().flatten().min()
    }
}

fn fingerprint(summary: &DriveSummary) -> u64 {
    fnv1a(serde_json::to_vec(summary).unwrap_or_default())
}
