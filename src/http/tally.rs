//! Counts of requests, for metrics: by route and status, how long they took, what the cache gave.
//!
//! Counting is on every request's way, so it is a few relaxed additions: no lock, no allocation, no
//! text. The labels are those of a closed list, whatever strangers ask for.

use super::reply::Reply;
use super::route::Pattern;
use crate::reader::XCache;
use std::array::from_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Every status that is ever sent, and 0 for one that is not in this list.
const STATUSES: [u16; 12] = [200, 304, 400, 401, 404, 405, 408, 421, 431, 503, 505, 0];
/// Upper ends of the buckets, in microseconds.
const BUCKETS: [u32; 11] = [50, 100, 250, 500, 1_000, 5_000, 25_000, 100_000, 500_000, 2_500_000, 10_000_000];
const CACHES: [XCache; 3] = [XCache::Hit, XCache::Stale, XCache::Miss];

#[derive(Debug)]
pub(super) struct Tally {
    routes: [OfRoute; Pattern::ALL.len()],
    caches: [AtomicU64; CACHES.len()],
    late_completions: AtomicU64,
}

#[derive(Debug)]
struct OfRoute {
    statuses: [AtomicU64; STATUSES.len()],
    /// The last is of those that took longer than any bucket holds.
    buckets: [AtomicU64; BUCKETS.len() + 1],
    nanoseconds: AtomicU64,
}

/// How long the requests of a route took.
#[derive(Debug, PartialEq)]
pub(super) struct Latency {
    pub(super) seconds: f64,
    pub(super) count: u64,
    /// Upper end in seconds, and how many fell into this bucket alone.
    pub(super) buckets: Vec<(f64, u64)>,
}

impl Default for Tally {
    fn default() -> Self {
        let caches = from_fn(|_| AtomicU64::new(0));
        Self { routes: from_fn(|_| OfRoute::default()), caches, late_completions: AtomicU64::new(0) }
    }
}

impl Default for OfRoute {
    fn default() -> Self {
        let zero = |_| AtomicU64::new(0);
        Self { statuses: from_fn(zero), buckets: from_fn(zero), nanoseconds: AtomicU64::new(0) }
    }
}

impl Tally {
    /// A request that a worker has answered, `took` after it was whole.
    pub(super) fn answered(&self, pattern: Pattern, reply: &Reply, took: Duration) {
        let Some(route) = self.routes.get(pattern as usize) else { return };
        route.count(reply.status);
        let micros = took.as_micros();
        let bucket = BUCKETS.iter().position(|end| micros <= u128::from(*end)).unwrap_or(BUCKETS.len());
        add(route.buckets.get(bucket), 1);
        add(Some(&route.nanoseconds), u64::try_from(took.as_nanos()).unwrap_or(0));
        if let Some(cache) = reply.cache() {
            add(CACHES.iter().position(|c| *c == cache).and_then(|at| self.caches.get(at)), 1);
        }
    }

    /// A request, or what was meant to be one, that came no further than the gate.
    pub(super) fn refused(&self, status: u16) {
        if let Some(route) = self.routes.get(Pattern::Refused as usize) {
            route.count(status);
        }
    }

    /// A worker's completion was announced when its connection had seen it already, or was closed.
    pub(super) fn late_completion(&self) {
        add(Some(&self.late_completions), 1);
    }

    pub(super) fn late_completions(&self) -> u64 {
        get(&self.late_completions)
    }

    /// Route, status, count; only what has happened.
    pub(super) fn requests(&self) -> impl Iterator<Item = (&'static str, u16, u64)> {
        self.by_route().flat_map(|(route, of)| {
            let counts = STATUSES.iter().zip(&of.statuses).map(|(status, count)| (*status, get(count)));
            counts.filter(|(_, count)| *count > 0).map(move |(status, count)| (route, status, count))
        })
    }

    /// Of the routes that have been asked for.
    pub(super) fn latencies(&self) -> impl Iterator<Item = (&'static str, Latency)> {
        self.by_route().map(|(route, of)| (route, of.latency())).filter(|(_, latency)| latency.count > 0)
    }

    /// All three from the start: a rate needs its zero.
    pub(super) fn caches(&self) -> impl Iterator<Item = (&'static str, u64)> {
        CACHES.iter().zip(&self.caches).map(|(cache, count)| (cache.as_str(), get(count)))
    }

    fn by_route(&self) -> impl Iterator<Item = (&'static str, &OfRoute)> {
        Pattern::ALL.iter().map(|pattern| pattern.as_str()).zip(&self.routes)
    }
}

impl OfRoute {
    fn count(&self, status: u16) {
        let at = STATUSES.iter().position(|s| *s == status).unwrap_or(STATUSES.len() - 1);
        add(self.statuses.get(at), 1);
    }

    fn latency(&self) -> Latency {
        let ends = BUCKETS.iter().map(|micros| f64::from(*micros) / 1e6).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = ends.zip(self.buckets.iter().map(get)).collect();
        #[expect(clippy::cast_precision_loss, reason = "exact for months of waiting")]
        let seconds = get(&self.nanoseconds) as f64 / 1e9;
        // Counted from the buckets, so that both always agree.
        Latency { seconds, count: buckets.iter().map(|(_, count)| count).sum(), buckets }
    }
}

fn add(counter: Option<&AtomicU64>, by: u64) {
    if let Some(counter) = counter {
        counter.fetch_add(by, Ordering::Relaxed);
    }
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::reply::Problem;

    #[test]
    fn every_status_and_time_has_its_place() {
        let tally = Tally::default();
        for problem in [Problem::Busy, Problem::NotFound(String::new()), Problem::Bad(String::new())] {
            tally.answered(Pattern::Drive, &Reply::problem(&problem), Duration::from_micros(50));
        }
        tally.answered(Pattern::Healthz, &Reply::text(200, String::new()), Duration::from_secs(60));
        tally.answered(Pattern::Healthz, &Reply::text(599, String::new()), Duration::ZERO);
        tally.refused(421);
        let counted: Vec<_> = tally.requests().collect();
        for wanted in [("/api/drives/{id}", 404, 1), ("/healthz", 200, 1), ("/healthz", 0, 1), ("refused", 421, 1)] {
            assert!(counted.contains(&wanted), "{wanted:?} in {counted:?}");
        }
        let latency = |wanted: &str| tally.latencies().find(|(route, _)| *route == wanted).map(|(_, l)| l);
        let healthz =
            latency("/healthz").map(|l| (l.seconds, l.count, l.buckets.first().copied(), l.buckets.last().copied()));
        assert_eq!(healthz, Some((60.0, 2, Some((5e-5, 1)), Some((f64::INFINITY, 1)))));
        assert_eq!(latency("refused"), None, "nobody waited");
        assert_eq!(latency("/api/drives/{id}").and_then(|l| l.buckets.first().copied()), Some((5e-5, 3)));
    }

    #[test]
    fn every_pattern_has_its_own_place() {
        let tally = Tally::default();
        for pattern in Pattern::ALL {
            tally.answered(pattern, &Reply::text(200, String::new()), Duration::ZERO);
        }
        assert_eq!(tally.requests().filter(|(_, _, count)| *count == 1).count(), Pattern::ALL.len());
    }
}
