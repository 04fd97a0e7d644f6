//! The reading rules: where an answer comes from, and what it is called.
//!
//! 1. Redis answers and has the key: HIT.
//! 2. The key is gone, a last-known copy of the same thing is there: STALE, and a refresh is asked for. While Redis
//!    takes no values, what has been read since comes first: MISS, from memory.
//! 3. Nothing there: one drive is read now; lists are made from what there is. MISS.
//! 4. Redis does not answer: one drive is read now; lists come from memory. MISS.
//! 5. Nothing in time: unavailable.
//!
//! The only room that decides this. It starts no child, and waits for Redis no longer than Redis's
//! own timeouts.

mod held;
mod looks;
mod prepared;
mod service;
mod view;

pub use prepared::{Encoded, Prepared};
pub use service::Condition;
pub use view::View;

use crate::cache::redis::RedisStore;
use crate::cache::{Body, Bytes, Copy, Key, StoreError};
use crate::clock::now;
use crate::model::drive::DeviceName;
use crate::model::version::Version;
use crate::model::{SCHEMA, whereis};
use crate::poller::{Ask, Known, Poller, Snapshot, Source};
use crate::probe::{Host, drives};
use crossbeam_channel::bounded;
use held::{Held, Unfit};
use looks::Looks;
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use thiserror::Error;

/// How long a request may wait for a drive or for a list.
const PATIENCE: Duration = Duration::from_secs(5);
/// A look at what is plugged in holds at least this long.
const TRUST: Duration = Duration::from_millis(1);
/// What `Retry-After` says.
pub const RETRY_AFTER_SECONDS: u64 = 5;

/// `X-Cache`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XCache {
    Hit,
    Stale,
    Miss,
}

impl XCache {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "HIT",
            Self::Stale => "STALE",
            Self::Miss => "MISS",
        }
    }
}

/// An answer and how it came about.
#[derive(Clone, Debug)]
pub struct Answer {
    pub prepared: Arc<Prepared>,
    pub cache: XCache,
    pub source: Source,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReadError {
    #[error("no drive of that name here")]
    NoSuchDrive,
    #[error("no enclosure of that id here")]
    NoSuchEnclosure,
    #[error("nothing to show yet")]
    NothingYet,
}

pub struct Reader {
    redis: Arc<RedisStore>,
    poller: Poller,
    host: Host,
    held: Held,
    looks: Looks,
    /// Keys whose value was found not to be ours, and said to be.
    odd: Mutex<HashSet<(Key, Copy)>>,
    looked: Mutex<Looked>,
    /// Requests that may wait at once: one worker is always free for those that need not.
    seats: AtomicUsize,
}

/// When it was last looked what is plugged in, and what a look costs.
struct Looked {
    at: Instant,
    cost: Option<Duration>,
}

impl Reader {
    pub fn new(redis: Arc<RedisStore>, poller: Poller, host: Host, workers: usize) -> Self {
        let seats = AtomicUsize::new(workers.saturating_sub(1).max(1));
        let looked = Mutex::new(Looked { at: Instant::now(), cost: None });
        Self {
            redis,
            poller,
            host,
            held: Held::default(),
            looks: Looks::default(),
            odd: Mutex::default(),
            looked,
            seats,
        }
    }

    /// Where a drive is, by any name it has. Nothing is read for it: it is a view of the overview.
    pub fn whereis(&self, name: &str, as_json: bool, since: Instant) -> Result<Answer, ReadError> {
        let snapshot = self.snapshot_of_now();
        let bare = whereis::bare(name);
        let known = snapshot.find(bare).or_else(|| snapshot.find(whereis::without_part(bare)));
        let known = known.map(|k| (k.device.clone(), k.missing.is_some()));
        self.list_at(&Key::Overview, &View::Whereis { name: name.to_owned(), known, as_json }, &snapshot, since)
    }

    /// A list: the overview, the enclosures or the pools, seen through `view`. `since`: when it was asked for.
    pub fn list(&self, key: &Key, view: &View, since: Instant) -> Result<Answer, ReadError> {
        self.list_at(key, view, &self.snapshot_of_now(), since)
    }

    fn list_at(&self, key: &Key, view: &View, snapshot: &Snapshot, since: Instant) -> Result<Answer, ReadError> {
        let from = |copy: Copy| {
            self.stored(self.value(key, copy, since), key, copy, |body| {
                let list = self.held.list(key, view, body, Some(&snapshot.topology), copy == Copy::Last)?;
                if list.is_of_another_clock(now()) { Err(Unfit::Elsewhere) } else { Ok(list) }
            })
        };
        if snapshot.is_apart {
            return self.list_without_redis(key, view, snapshot);
        }
        let Ok(live) = from(Copy::Live) else { return self.list_without_redis(key, view, snapshot) };
        if let Some(prepared) = live {
            return Ok(Answer { prepared, cache: XCache::Hit, source: Source::Redis });
        }
        // A Redis that takes no values keeps what it had; what has been read since is better.
        if !self.redis.takes_values()
            && let Some(answer) = self.young_list(key, view, snapshot)
        {
            return Ok(answer);
        }
        if let Some(prepared) = from(Copy::Last).unwrap_or(None) {
            self.refresh(key.clone());
            return Ok(Answer { prepared, cache: XCache::Stale, source: Source::Redis });
        }
        // Nothing in Redis. What this daemon keeps up to date itself needs no further reading.
        let source = if snapshot.has(key) { None } else { self.wait_for(key) };
        self.refresh(key.clone());
        self.in_memory(key, view, source.unwrap_or(Source::Memory))
    }

    /// The snapshot, after a look whether it still holds: letters may have moved since the poller's
    /// last look, and no list is shown in which they have. Looking takes at most a twentieth of the
    /// time.
    fn snapshot_of_now(&self) -> Arc<Snapshot> {
        let snapshot = self.poller.snapshot();
        {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            if looked.at.elapsed() < TRUST.max(looked.cost.unwrap_or_default() * 20) {
                return snapshot;
            }
            looked.at = Instant::now();
        }
        let started = Instant::now();
        let holds = drives::fingerprint(&self.host) == snapshot.fingerprint;
        {
            // The least that a look has taken: a busy machine must not lengthen the trust.
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            let cost = started.elapsed();
            looked.cost = Some(looked.cost.map_or(cost, |least| least.min(cost)));
        }
        if holds { snapshot } else { self.look_anew() }
    }

    /// The snapshot after the poller has looked anew.
    fn look_anew(&self) -> Arc<Snapshot> {
        let (reply, replied) = bounded(1);
        if self.poller.asks.try_send(Ask::Look { reply }).is_ok() {
            let _ = self.poller.reply(&replied, PATIENCE);
        }
        self.poller.snapshot()
    }

    /// A value out of Redis, made ready. What is not ours is a miss, and said once; an error means
    /// that Redis does not answer.
    fn stored(
        &self,
        value: Result<Option<Arc<Body>>, StoreError>,
        key: &Key,
        copy: Copy,
        make: impl Fn(Arc<Body>) -> Result<Arc<Prepared>, Unfit>,
    ) -> Result<Option<Arc<Prepared>>, StoreError> {
        let odd = || self.odd.lock().unwrap_or_else(PoisonError::into_inner);
        let why = match value {
            Ok(None) => return Ok(None),
            Ok(Some(body)) => match make(body) {
                Ok(prepared) => {
                    let mut odd = odd();
                    if !odd.is_empty() {
                        odd.remove(&(key.clone(), copy));
                    }
                    return Ok(Some(prepared));
                }
                Err(Unfit::Elsewhere) => return Ok(None),
                Err(Unfit::Foreign) => format!("it is no JSON of schema {SCHEMA}"),
            },
            Err(StoreError::Refused(why)) => why,
            Err(away) => return Err(away),
        };
        if odd().insert((key.clone(), copy)) {
            let last = if copy == Copy::Last { "last:" } else { "" };
            log::warn!("a stored value is not ours, it will be overwritten key={last}{} error={why:?}", key.name());
        }
        Ok(None)
    }

    /// The list that Redis has. Its body is fetched only where none of that version is at hand: held from an earlier
    /// request, or this daemon's own, which it sent there.
    fn value(&self, key: &Key, copy: Copy, since: Instant) -> Result<Option<Arc<Body>>, StoreError> {
        let version = self.looks.look(key, copy, since, || self.redis.beginning(key, copy))?;
        let own = |version| self.poller.memory.body(key).filter(|own| Version::read(own.plain()) == Some(version));
        match version.and_then(|version| self.held.body(key, version).or_else(|| own(version))) {
            Some(body) => Ok(Some(body)),
            None => Ok(self.redis.get(key, copy)?.map(Body::new)),
        }
    }

    fn list_without_redis(&self, key: &Key, view: &View, snapshot: &Snapshot) -> Result<Answer, ReadError> {
        if let Some(answer) = self.young_list(key, view, snapshot) {
            return Ok(answer);
        }
        let source = self.wait_for(key).map_or(Source::Memory, |_| Source::Smartctl);
        self.in_memory(key, view, source)
    }

    /// This daemon's own, if it is young enough to be shown in place of Redis's.
    fn young_list(&self, key: &Key, view: &View, snapshot: &Snapshot) -> Option<Answer> {
        let young = snapshot.has(key).then(|| self.in_memory(key, view, Source::Memory)).and_then(Result::ok);
        young.filter(|a| a.prepared.built_age(now()) <= snapshot.stale_after_seconds)
    }

    fn in_memory(&self, key: &Key, view: &View, source: Source) -> Result<Answer, ReadError> {
        let body = self.poller.memory.body(key).ok_or(ReadError::NothingYet)?;
        // It is this daemon's own, made a moment ago.
        let prepared = self.held.list(key, view, body, None, false).map_err(|_| ReadError::NothingYet)?;
        Ok(Answer { prepared, cache: XCache::Miss, source })
    }

    fn wait_for(&self, key: &Key) -> Option<Source> {
        let _seat = self.seat()?;
        let (reply, replied) = bounded(1);
        self.poller.asks.try_send(Ask::List { key: key.clone(), reply }).ok()?;
        self.poller.reply(&replied, PATIENCE)
    }

    /// One drive, by any identifier.
    pub fn drive(&self, id: &str) -> Result<Answer, ReadError> {
        let mut snapshot = self.snapshot_of_now();
        let is_at_its_name = |known: &Known| match known.missing {
            None => drives::identity_at(&self.host, &known.device).as_ref() == Some(&known.identity),
            // Who asks by the name that it had means whoever has that name now.
            Some(_) => DeviceName::parse(id).and_then(|name| drives::identity_at(&self.host, &name)).is_none(),
        };
        if snapshot.find(id).is_some_and(|known| !is_at_its_name(known)) {
            // Letters have moved: who was asked for has another name by now, or none.
            snapshot = self.look_anew();
        }
        let Some(known) = snapshot.find(id) else { return self.unknown_drive(id) };
        if let Some(document) = &known.missing {
            // The look may have come too late: the name is another's, of whom nothing is known yet.
            if !is_at_its_name(known) {
                return self.unknown_drive(id);
            }
            let document = self.held.document(&known.device, Bytes::clone(document)).ok_or(ReadError::NothingYet)?;
            return Ok(Answer { prepared: document.prepared(false), cache: XCache::Stale, source: Source::Memory });
        }
        self.known_drive(id, known, &snapshot)
    }

    fn known_drive(&self, id: &str, known: &Known, snapshot: &Snapshot) -> Result<Answer, ReadError> {
        let (device, stale_after) = (&known.device, snapshot.stale_after_seconds);
        let here = drives::identity_at(&self.host, device);
        let key = Key::Smart(device.clone());
        if here.is_none_or(|i| i != known.identity || i.is_empty()) {
            // It has just moved again, or nothing is known that would tell it from others: read it.
            return self.read_now(id, device);
        }
        let own = || {
            let body = self.poller.memory.body(&key)?;
            let own = self.of_this_drive(&body, known, stale_after, false).ok();
            let prepared = own.filter(|own| own.age(now()) <= stale_after)?;
            Some(Answer { prepared, cache: XCache::Miss, source: Source::Memory })
        };
        if snapshot.is_apart {
            return own().map_or_else(|| self.read_now(id, device), Ok);
        }
        let from = |copy: Copy| {
            let value = self.redis.get(&key, copy).map(|value| value.map(Body::new));
            self.stored(value, &key, copy, |body| self.of_this_drive(&body, known, stale_after, copy == Copy::Last))
        };
        let Ok(live) = from(Copy::Live) else { return self.read_now(id, device) };
        if let Some(prepared) = live {
            return Ok(Answer { prepared, cache: XCache::Hit, source: Source::Redis });
        }
        if !self.redis.takes_values()
            && let Some(answer) = own()
        {
            return Ok(answer);
        }
        if let Some(prepared) = from(Copy::Last).unwrap_or(None) {
            self.refresh(key);
            return Ok(Answer { prepared, cache: XCache::Stale, source: Source::Redis });
        }
        self.read_now(id, device)
    }

    /// A name the poller does not know yet: a drive that has just come, or none at all.
    fn unknown_drive(&self, id: &str) -> Result<Answer, ReadError> {
        let Some(device) = DeviceName::parse(id) else { return Err(ReadError::NoSuchDrive) };
        match drives::identity_at(&self.host, &device) {
            Some(_) => self.read_now(id, &device),
            None => Err(ReadError::NoSuchDrive),
        }
    }

    /// Asks the poller, who reads a drive once for all that ask, and not too often. Should it not
    /// come in time, what is known of the drive is better than nothing. What is shown is of the
    /// drive that `id` means afterwards, whatever was read.
    fn read_now(&self, id: &str, device: &DeviceName) -> Result<Answer, ReadError> {
        let source = match self.seat() {
            Some(_seat) => {
                let (reply, replied) = bounded(1);
                let asked = self.poller.asks.try_send(Ask::Drive { device: device.clone(), reply });
                asked.ok().and_then(|()| self.poller.reply(&replied, PATIENCE))
            }
            None => None,
        };
        let snapshot = self.poller.snapshot();
        let known = snapshot.find(id).filter(|k| k.missing.is_none()).ok_or(ReadError::NoSuchDrive)?;
        let body = self.poller.memory.body(&Key::Smart(known.device.clone())).ok_or(ReadError::NothingYet)?;
        let prepared = self.of_this_drive(&body, known, snapshot.stale_after_seconds, false);
        let prepared = prepared.map_err(|_| ReadError::NothingYet)?;
        Ok(Answer { prepared, cache: XCache::Miss, source: source.unwrap_or(Source::Memory) })
    }

    /// A stored document, if it is of the drive that is at that name now, in the bay where it is. What has grown old
    /// since it was put together is labelled so.
    fn of_this_drive(
        &self,
        body: &Body,
        known: &Known,
        stale_after: u64,
        is_last: bool,
    ) -> Result<Arc<Prepared>, Unfit> {
        let document = self.held.document(&known.device, Bytes::clone(body.plain())).ok_or(Unfit::Foreign)?;
        let head = &document.head;
        let is_other = known.told_by_serial.is_some() && known.told_by_serial != head.serial_number;
        // What has no name may be another of its kind by the time its live copy has lapsed.
        let is_nobody = is_last && known.identity.is_empty();
        if is_other || is_nobody || !head.is_of(&known.identity, known.bay.as_ref()) {
            return Err(Unfit::Elsewhere);
        }
        let is_old = head.collected_at.is_some_and(|at| at.age_seconds(now()) > stale_after);
        let prepared = document.prepared(is_last || is_old);
        if prepared.is_of_another_clock(now()) { Err(Unfit::Elsewhere) } else { Ok(prepared) }
    }

    fn refresh(&self, key: Key) {
        // A full line means that the poller has enough to do; the next request asks again.
        let _ = self.poller.asks.try_send(Ask::Refresh(key));
    }

    fn seat(&self) -> Option<Seat<'_>> {
        let taken = self.seats.fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| free.checked_sub(1));
        taken.ok().map(|_| Seat(&self.seats))
    }
}

/// A worker that waits; given back when dropped.
struct Seat<'a>(&'a AtomicUsize);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}
