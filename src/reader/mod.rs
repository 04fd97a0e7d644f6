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
mod lists;
mod looks;
mod permit;
mod prepared;
mod service_status;
mod unfit;
mod view;

pub(crate) use prepared::Prepared;
pub(crate) use service_status::ServiceStatus;
pub(crate) use view::View;

use crate::api::metrics_snapshot::MetricsSnapshot;
use crate::api::value_limits::DOCUMENT;
use crate::cache::redis::RedisStore;
use crate::cache::{Bytes, Copy, Key, StoreError};
use crate::clock::now;
use crate::domain::identity::DeviceName;
use crate::domain::identity::{strip_partition, strip_path};
use crate::poller::{Ask, KeysOf, Known, Poller, Snapshot, Source};
use crate::probe::{Host, drives};
use crossbeam_channel::bounded;
use held::Held;
use looks::Looks;
use service_status::POLLER_TIMEOUT;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use thiserror::Error;
use unfit::Unfit;

/// How long a request may wait for a drive or for a list.
const PATIENCE: Duration = Duration::from_secs(5);
/// A look at what is plugged in holds at least this long.
const TRUST: Duration = Duration::from_millis(1);
/// What `Retry-After` says.
pub(crate) const RETRY_AFTER_SECONDS: u64 = 5;

/// `X-Cache`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum XCache {
    Hit,
    Stale,
    Miss,
}

impl XCache {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "HIT",
            Self::Stale => "STALE",
            Self::Miss => "MISS",
        }
    }
}

/// An answer and how it came about.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) cache: XCache,
    pub(crate) source: Source,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum ReadError {
    #[error("no drive of that name here")]
    NoSuchDrive,
    #[error("no enclosure of that id here")]
    NoSuchEnclosure,
    #[error("nothing to show yet")]
    NothingYet,
}

pub(crate) struct Reader {
    redis: Arc<RedisStore>,
    poller: Poller,
    host: Host,
    held: Held,
    looks: Looks,
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
    pub(crate) fn new(redis: Arc<RedisStore>, poller: Poller, host: Host, workers: usize) -> Self {
        let seats = AtomicUsize::new(workers.saturating_sub(1).max(1));
        let looked = Mutex::new(Looked { at: Instant::now(), cost: None });
        Self { redis, poller, host, held: Held::default(), looks: Looks::default(), looked, seats }
    }

    pub(crate) fn service_status(&self) -> ServiceStatus {
        ServiceStatus::read(&self.redis, &self.poller)
    }

    /// The measurements of the poller; `None` if another daemon polls.
    pub(crate) fn metrics_snapshot(&self) -> Option<Arc<MetricsSnapshot>> {
        self.poller.snapshot().measured.clone()
    }

    /// The poller's event loop runs.
    pub(crate) fn is_poller_alive(&self) -> bool {
        self.poller.silent_for() <= POLLER_TIMEOUT
    }

    /// Where a drive is, by any name it has. Nothing is read for it: it is a view of the overview.
    pub(crate) fn whereis(&self, name: &str, as_json: bool, since: Instant) -> Result<Answer, ReadError> {
        let snapshot = self.snapshot_of_now();
        let bare = strip_path(name);
        let known = snapshot.find(bare).or_else(|| snapshot.find(strip_partition(bare)));
        let known = known.map(|k| (k.device.clone(), k.missing.is_some()));
        self.list_at(&Key::Overview, &View::Whereis { name: name.to_owned(), known, as_json }, &snapshot, since)
    }

    /// A list: the overview, the enclosures or the pools, seen through `view`. `since`: when it was asked for.
    pub(crate) fn list(&self, key: &Key, view: &View, since: Instant) -> Result<Answer, ReadError> {
        self.list_at(key, view, &self.snapshot_of_now(), since)
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

    /// What was found in Redis, made ready. A foreign value is a miss, and is reported; an error means that Redis does not
    /// answer.
    fn ready<T>(
        &self,
        key: &Key,
        copy: Copy,
        found: Result<Option<T>, StoreError>,
        make: impl FnOnce(T) -> Result<Arc<Prepared>, Unfit>,
    ) -> Result<Option<Arc<Prepared>>, StoreError> {
        let made = match found {
            Ok(None) => return Ok(None),
            Ok(Some(found)) => make(found),
            Err(StoreError::Refused(why)) => {
                self.redis.report_foreign(key, copy, &why);
                return Ok(None);
            }
            Err(unavailable) => return Err(unavailable),
        };
        match made {
            Ok(prepared) => return Ok(Some(prepared)),
            Err(Unfit::Foreign(why)) => self.redis.report_foreign(key, copy, &why),
            Err(Unfit::Elsewhere) => {}
            Err(Unfit::Busy) => return Err(StoreError::Unavailable("other lists were parsed meanwhile".to_owned())),
        }
        Ok(None)
    }

    /// One drive, by any identifier.
    pub(crate) fn drive(&self, id: &str) -> Result<Answer, ReadError> {
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
            let own = || Some(Bytes::clone(document));
            let document = self.held.document(&known.device, Bytes::clone(document), own);
            let document = document.map_err(|_| ReadError::NothingYet)?;
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
            let value = self.poller.memory.value(&key)?;
            let own = self.of_this_drive(value, known, stale_after, false).ok();
            let prepared = own.filter(|own| own.age(now()) <= stale_after)?;
            Some(Answer { prepared, cache: XCache::Miss, source: Source::Memory })
        };
        if snapshot.keys == KeysOf::AnotherHost {
            return own().map_or_else(|| self.read_now(id, device), Ok);
        }
        let from = |copy: Copy| {
            let value = self.redis.get(&key, copy, DOCUMENT.bytes);
            self.ready(&key, copy, value, |value| self.of_this_drive(value, known, stale_after, copy == Copy::Last))
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
        let value = self.poller.memory.value(&Key::Smart(known.device.clone())).ok_or(ReadError::NothingYet)?;
        let prepared = self.of_this_drive(value, known, snapshot.stale_after_seconds, false);
        let prepared = prepared.map_err(|_| ReadError::NothingYet)?;
        Ok(Answer { prepared, cache: XCache::Miss, source: source.unwrap_or(Source::Memory) })
    }

    /// A stored document, if it is of the drive that is at that name now, in the bay where it is. What has grown old
    /// since it was put together is labelled so.
    fn of_this_drive(
        &self,
        value: Bytes,
        known: &Known,
        stale_after: u64,
        is_last: bool,
    ) -> Result<Arc<Prepared>, Unfit> {
        let own = || self.poller.memory.value(&Key::Smart(known.device.clone()));
        let document = self.held.document(&known.device, value, own)?;
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
