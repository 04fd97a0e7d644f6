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
/// Minimum gap between rebuilds, as a multiple of the last build time. Builds thus take at most a tenth of the time, and a
/// fiftieth during a sweep, when lists change constantly and are rebuilt at its end anyway.
const REBUILD_FACTOR: u32 = 10;
const REBUILD_FACTOR_IN_SWEEP: u32 = 50;
/// Minimum interval between two pipelines of documents.
const MIN_FLUSH_INTERVAL: Duration = Duration::from_secs(1);
/// Added to the interval and the sweep, so that a drive's key does not expire at the very end of a cycle.
const LIFETIME_MARGIN: Duration = Duration::from_secs(1);

/// What is sent to Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sends {
    /// Nothing: another host owns the keys, or their owner is unknown.
    Nothing,
    /// Documents of drives that this daemon read.
    Documents,
    /// Documents and lists.
    Lists,
}

/// Whether the list of missing drives is sent with the next lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum MissingListSend {
    #[default]
    Include,
    /// It is stored already, or must not be stored.
    Exclude,
}

pub(super) struct Publisher {
    redis: Arc<RedisStore>,
    memory: Arc<MemoryStore>,
    lifetimes: Lifetimes,
    interval: Duration,
    /// Duration of the last sweep.
    sweep: Duration,
    reported_longer_lifetime: bool,
    /// That the list of missing drives is incomplete was reported.
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
    /// Drives whose documents lack smartctl's JSON because of its size.
    too_large: HashSet<DeviceName>,
    /// Drives whose documents are yet to be sent to Redis.
    pending: HashSet<DeviceName>,
    flushed: Option<Instant>,
    lists_due: Instant,
    missing_list: MissingListSend,
    /// The version of the overview that was sent last, until `take_sent`.
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

    /// Lifetime of a drive's key: as configured, or a polling cycle if that is longer.
    pub(super) fn smart_life(&self) -> Duration {
        self.lifetimes.smart.max(self.interval + self.sweep + LIFETIME_MARGIN)
    }

    /// Delays the next pipeline: the documents of a second are sent together, and a sweep that takes less is one pipeline.
    pub(super) fn on_sweep_begin(&mut self, at: Instant) {
        self.rebuild_factor = REBUILD_FACTOR_IN_SWEEP;
        self.flushed = self.flushed.max(Some(at));
    }

    /// Rebuilds the lists sooner, also during a sweep: a request waits for them.
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
                "drive key lifetime raised to a polling cycle smart_cache_ttl_s={} now_s={} interval_s={} sweep_s={}",
                self.lifetimes.smart.as_secs(),
                self.smart_life().as_secs(),
                self.interval.as_secs(),
                took.as_secs()
            );
        }
    }

    pub(super) fn mark_lists_outdated(&mut self) {
        self.lists_outdated = true;
    }

    /// Rebuilds the lists and sends them with the next pipeline: Redis has no current ones.
    pub(super) fn send_lists_soon(&mut self) {
        self.lists_outdated = true;
        self.lists_due = self.lists_due.min(self.next_pipeline());
    }

    /// When the next pipeline may be sent.
    fn next_pipeline(&self) -> Instant {
        match self.flushed {
            Some(last) => last + MIN_FLUSH_INTERVAL,
            None => Instant::now(),
        }
    }

    /// Rebuilds the lists and sends them with the next flush.
    pub(super) fn send_lists_now(&mut self) {
        self.lists_outdated = true;
        self.lists_due = Instant::now();
    }

    /// Composes a drive's document.
    pub(super) fn document(&mut self, record: &DriveRecord, summary: &DriveSummary, raw: Option<&RawValue>) -> Bytes {
        let held;
        let raw = match raw {
            Some(raw) => Some(raw),
            None => {
                held = self.document_in_memory(record);
                held.as_deref().and_then(smartctl_json)
            }
        };
        let document = drive_document::compose(record, summary, raw);
        let Err(excess) = DOCUMENT.check(&document) else { return document.into() };
        // A document beyond the limits for reading is not written.
        let device = &record.drive.device;
        if self.too_large.insert(device.clone()) {
            log::warn!("smartctl JSON left out, document would be too large device={device} error=\"{excess}\"");
        }
        drive_document::compose(record, summary, None).into()
    }

    /// The document in memory whose smartctl JSON is kept where there is no new reading: it must be of the same drive.
    fn document_in_memory(&self, record: &DriveRecord) -> Option<Bytes> {
        record.report.as_ref()?;
        let document = self.memory.value(&Key::Smart(record.drive.device.clone()))?;
        let header = DocumentHeader::parse(&document)?;
        if header.identity == record.drive.identity { Some(document) } else { None }
    }

    /// Publishes the document of a present drive: to memory now, to Redis with the next pipeline.
    pub(super) fn drive(&mut self, summary: &DriveSummary, document: Bytes) {
        let device = &summary.device;
        self.summaries.insert(device.clone(), fingerprint(summary));
        self.memory.set(Key::Smart(device.clone()), document);
        self.pending.insert(device.clone());
        self.lists_outdated = true;
    }

    /// Sends the document in memory again, with the next pipeline.
    pub(super) fn resend(&mut self, device: &DeviceName) {
        self.pending.insert(device.clone());
    }

    /// The drive's published document contains exactly that summary.
    pub(super) fn has_published(&self, summary: &DriveSummary) -> bool {
        self.summaries.get(&summary.device) == Some(&fingerprint(summary))
    }

    /// Sets the list of missing drives, which is sent with the next lists.
    pub(super) fn set_missing_list(&mut self, (list, left_out): (Vec<u8>, usize)) {
        if left_out > 0 && !self.reported_left_out {
            log::warn!("stored list of missing drives full, the rest will not survive a restart left_out={left_out}");
        }
        self.reported_left_out = left_out > 0;
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
        self.lists_outdated && at >= self.rebuild_at().unwrap_or(at)
    }

    /// When the lists may be rebuilt; `None`: they were never built.
    fn rebuild_at(&self) -> Option<Instant> {
        Some(self.built? + MIN_REBUILD_INTERVAL.max(self.build_took * self.rebuild_factor))
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
                if let Some(body) = self.memory.body(&list) {
                    body.gzip();
                }
            }
        }
        self.lists_outdated = false;
        self.built = Some(Instant::now());
        self.build_took = started.elapsed();
    }

    /// Leaves out a rebuild: there is no data for lists yet.
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

    /// Stores the list of missing drives before the other lists, which are then sent without it.
    pub(super) fn store_missing_list(&mut self) -> Result<(), StoreError> {
        self.exclude_missing_list();
        match self.entry(Key::Gone) {
            Some(entry) => self.redis.put(&[entry]),
            None => Ok(()),
        }
    }

    /// The same, only if Redis has such a list. Returns false if it has none.
    pub(super) fn replace_missing_list(&mut self) -> Result<bool, StoreError> {
        self.exclude_missing_list();
        match self.entry(Key::Gone) {
            Some(entry) => self.redis.replace(&entry),
            None => Ok(true),
        }
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
        let may_send = match self.flushed {
            Some(last) => at >= last + MIN_FLUSH_INTERVAL,
            None => true,
        };
        let documents = !self.pending.is_empty() && may_send;
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
            if let Some(overview) = self.memory.value(&Key::Overview)
                && let Some(version) = ContentVersion::read(&overview)
            {
                self.sent = Some(version);
            }
        }
        let entries: Vec<Entry> = keys.into_iter().filter_map(|key| self.entry(key)).collect();
        // The circuit breaker reports errors; everything is sent when Redis accepts writes again.
        let _ = self.redis.put(&entries);
    }

    /// The version of the overview that was sent last; `None` if it was taken already.
    pub(super) fn take_sent(&mut self) -> Option<ContentVersion> {
        self.sent.take()
    }

    /// Sends everything again: Redis is available again, perhaps empty.
    pub(super) fn publish_everything(&mut self, inventory: &Inventory) {
        for record in inventory.present() {
            if record.checked_at.is_some() {
                self.pending.insert(record.drive.device.clone());
            }
        }
        self.flushed = None;
        self.lists_due = Instant::now();
    }

    /// When a rebuild or a pipeline is due next; `None`: there is nothing to do.
    pub(super) fn next_due(&self, sends: Sends) -> Option<Instant> {
        let has_documents = sends != Sends::Nothing && !self.pending.is_empty();
        let rebuild = if self.lists_outdated { Some(self.rebuild_at().unwrap_or_else(Instant::now)) } else { None };
        let documents = if has_documents { Some(self.next_pipeline()) } else { None };
        let lists = if sends == Sends::Lists { Some(self.lists_due) } else { None };
        [rebuild, documents, lists].into_iter().flatten().min()
    }
}

fn fingerprint(summary: &DriveSummary) -> u64 {
    fnv1a(serde_json::to_vec(summary).unwrap_or_default())
}
