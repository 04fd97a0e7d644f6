//! The reader: the common part of requests for drives and for lists.

use super::answer::{Answer, ReadError};
use super::rejected::Rejected;
use super::response_body::ResponseBody;
use super::response_cache::ResponseCache;
use super::service_status::{POLLER_TIMEOUT, ServiceStatus};
use super::version_check::SingleFlight;
use super::view::View;
use crate::api::metrics_snapshot::MetricsSnapshot;
use crate::cache::redis::RedisStore;
use crate::cache::{CopyKind, Key, StoreError};
use crate::domain::identity::{strip_partition, strip_path};
use crate::poller::{Poller, PollerRequest, Snapshot};
use crate::probe::{Host, drives};
use crossbeam_channel::bounded;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a request may wait for a drive or for a list.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Minimum interval between checks of the topology.
const MIN_DISCOVERY_INTERVAL: Duration = Duration::from_millis(1);
/// Checks of the topology take at most one part in this many of the time.
const RESCAN_COST_FACTOR: u32 = 20;

pub(crate) struct Reader {
    pub(super) redis: Arc<RedisStore>,
    pub(super) poller: Poller,
    pub(super) host: Host,
    pub(super) response_cache: ResponseCache,
    pub(super) version_checks: SingleFlight,
    last_rescan: Mutex<LastRescan>,
    /// Permits for requests that wait. One worker always remains free for requests that do not wait.
    blocking_permits: AtomicUsize,
}

/// The last check of the topology.
struct LastRescan {
    at: Instant,
    /// The shortest duration of a check: load on the machine must not lengthen the interval.
    cost: Option<Duration>,
}

impl LastRescan {
    fn record_cost(&mut self, cost: Duration) {
        let least = self.cost.unwrap_or(cost);
        self.cost = Some(least.min(cost));
    }
}

impl Reader {
    pub(crate) fn new(redis: Arc<RedisStore>, poller: Poller, host: Host, workers: usize) -> Self {
        Self {
            redis,
            poller,
            host,
            response_cache: ResponseCache::default(),
            version_checks: SingleFlight::default(),
            last_rescan: Mutex::new(LastRescan { at: Instant::now(), cost: None }),
            blocking_permits: AtomicUsize::new(workers.saturating_sub(1).max(1)),
        }
    }

    pub(crate) fn service_status(&self) -> ServiceStatus {
        ServiceStatus::read(&self.redis, &self.poller)
    }

    /// The measurements of the poller; `None` if this daemon is a follower.
    pub(crate) fn metrics_snapshot(&self) -> Option<Arc<MetricsSnapshot>> {
        self.poller.snapshot().measured.clone()
    }

    /// Whether the event loop of the poller runs.
    pub(crate) fn is_poller_alive(&self) -> bool {
        self.poller.silent_for() <= POLLER_TIMEOUT
    }

    /// Locates a drive by any of its names. Reads no drive: the answer is a view of the overview.
    pub(crate) fn whereis(&self, name: &str, as_json: bool, since: Instant) -> Result<Answer, ReadError> {
        let snapshot = self.current_snapshot();
        let device = strip_path(name);
        let known = snapshot.find(device).or_else(|| snapshot.find(strip_partition(device)));
        let known = known.map(|entry| (entry.device.clone(), entry.missing.is_some()));
        self.list_at(&Key::Overview, &View::Whereis { name: name.to_owned(), known, as_json }, &snapshot, since)
    }

    /// A view of a list (the overview, the enclosures or the pools). `since` is the time of the request.
    pub(crate) fn list(&self, key: &Key, view: &View, since: Instant) -> Result<Answer, ReadError> {
        self.list_at(key, view, &self.current_snapshot(), since)
    }

    /// The snapshot, after a check of the topology: block device names may have been reassigned since the last
    /// discovery, and no list is served in which they are outdated.
    pub(super) fn current_snapshot(&self) -> Arc<Snapshot> {
        let snapshot = self.poller.snapshot();
        if !self.is_rescan_due() {
            return snapshot;
        }
        let started = Instant::now();
        let is_current = drives::fingerprint(&self.host) == snapshot.fingerprint;
        let cost = started.elapsed();
        self.last_rescan().record_cost(cost);
        if is_current { snapshot } else { self.force_discovery() }
    }

    fn is_rescan_due(&self) -> bool {
        let mut last = self.last_rescan();
        let interval = MIN_DISCOVERY_INTERVAL.max(last.cost.unwrap_or_default() * RESCAN_COST_FACTOR);
        if last.at.elapsed() < interval {
            return false;
        }
        last.at = Instant::now();
        true
    }

    fn last_rescan(&self) -> MutexGuard<'_, LastRescan> {
        self.last_rescan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The snapshot after a new discovery by the poller.
    pub(super) fn force_discovery(&self) -> Arc<Snapshot> {
        let (reply, replied) = bounded(1);
        if self.poller.requests.try_send(PollerRequest::Discover { reply }).is_ok() {
            let _ = self.poller.reply(&replied, REQUEST_TIMEOUT);
        }
        self.poller.snapshot()
    }

    /// Builds the body of a value from Redis. An unrecognized value is reported and yields `None`. An error means that
    /// Redis is unavailable.
    pub(super) fn accept_stored<T>(
        &self,
        key: &Key,
        copy: CopyKind,
        found: Result<Option<T>, StoreError>,
        make: impl FnOnce(T) -> Result<Arc<ResponseBody>, Rejected>,
    ) -> Result<Option<Arc<ResponseBody>>, StoreError> {
        let made = match found {
            Ok(None) => return Ok(None),
            Ok(Some(found)) => make(found),
            Err(StoreError::Refused(why)) => {
                self.redis.report_unrecognized(key, copy, &why);
                return Ok(None);
            }
            Err(unavailable) => return Err(unavailable),
        };
        match made {
            Ok(body) => Ok(Some(body)),
            Err(Rejected::Unrecognized(why)) => {
                self.redis.report_unrecognized(key, copy, &why);
                Ok(None)
            }
            Err(Rejected::Mismatch) => Ok(None),
            Err(Rejected::Busy) => {
                Err(StoreError::Unavailable("timed out waiting for other lists to be parsed".to_owned()))
            }
        }
    }

    pub(super) fn refresh(&self, key: Key) {
        // A full queue means that the poller is busy; the next request will request the refresh again.
        let _ = self.poller.requests.try_send(PollerRequest::Refresh(key));
    }

    /// `None` if too many requests wait already.
    pub(super) fn try_acquire_blocking_permit(&self) -> Option<BlockingPermit<'_>> {
        let permits = &self.blocking_permits;
        permits.fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| free.checked_sub(1)).ok()?;
        Some(BlockingPermit(&self.blocking_permits))
    }
}

/// The permit to wait for the poller, released when dropped.
pub(super) struct BlockingPermit<'a>(&'a AtomicUsize);

impl Drop for BlockingPermit<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}
