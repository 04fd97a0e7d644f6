//! Request counters: by route and status, latency by route, cache results.
//!
//! Every request is counted, so counting is a few relaxed additions: no lock, no allocation, no text. The labels
//! are from a closed list, so that clients cannot create series.

use super::response::Response;
use super::route::RouteLabel;
use crate::reader::XCache;
use std::array::from_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Every status that is sent, and 0 for any other.
const STATUSES: [u16; 12] = [200, 304, 400, 401, 404, 405, 408, 421, 431, 503, 505, 0];
/// Upper bounds of the buckets, in microseconds.
const BUCKETS: [u32; 11] = [50, 100, 250, 500, 1_000, 5_000, 25_000, 100_000, 500_000, 2_500_000, 10_000_000];
const CACHE_RESULTS: [XCache; 3] = [XCache::Hit, XCache::Stale, XCache::Miss];

#[derive(Debug)]
pub(super) struct RequestMetrics {
    routes: [RouteMetrics; RouteLabel::ALL.len()],
    cache_results: [AtomicU64; CACHE_RESULTS.len()],
    late_completions: AtomicU64,
}

#[derive(Debug)]
struct RouteMetrics {
    statuses: [AtomicU64; STATUSES.len()],
    /// The last bucket counts durations beyond all bounds.
    buckets: [AtomicU64; BUCKETS.len() + 1],
    nanoseconds: AtomicU64,
}

/// Latency of the requests of a route.
#[derive(Debug, PartialEq)]
pub(super) struct Latency {
    pub(super) seconds: f64,
    pub(super) count: u64,
    /// Upper bound in seconds, and the count of this bucket alone.
    pub(super) buckets: Vec<(f64, u64)>,
}

impl Default for RequestMetrics {
    fn default() -> Self {
        Self {
            routes: from_fn(|_| RouteMetrics::default()),
            cache_results: from_fn(|_| AtomicU64::new(0)),
            late_completions: AtomicU64::new(0),
        }
    }
}

impl Default for RouteMetrics {
    fn default() -> Self {
        Self {
            statuses: from_fn(|_| AtomicU64::new(0)),
            buckets: from_fn(|_| AtomicU64::new(0)),
            nanoseconds: AtomicU64::new(0),
        }
    }
}

impl RequestMetrics {
    /// Counts a response from a worker, sent `took` after the request was complete.
    pub(super) fn record_response(&self, label: RouteLabel, response: &Response, took: Duration) {
        let Some(route) = self.routes.get(label as usize) else { return };
        route.record_status(response.status);
        let micros = took.as_micros();
        let bucket = BUCKETS.iter().position(|bound| micros <= u128::from(*bound)).unwrap_or(BUCKETS.len());
        if let Some(counter) = route.buckets.get(bucket) {
            add(counter, 1);
        }
        add(&route.nanoseconds, u64::try_from(took.as_nanos()).unwrap_or(0));
        if let Some(result) = response.cache() {
            self.record_cache_result(result);
        }
    }

    fn record_cache_result(&self, result: XCache) {
        for (known, counter) in CACHE_RESULTS.iter().zip(&self.cache_results) {
            if *known == result {
                add(counter, 1);
            }
        }
    }

    /// Counts a request that the server rejected before it reached a worker.
    pub(super) fn record_rejection(&self, status: u16) {
        if let Some(route) = self.routes.get(RouteLabel::Rejected as usize) {
            route.record_status(status);
        }
    }

    /// Counts a wake-up for a request whose connection had already handled the completion, or was closed.
    pub(super) fn record_late_completion(&self) {
        add(&self.late_completions, 1);
    }

    pub(super) fn late_completions(&self) -> u64 {
        get(&self.late_completions)
    }

    /// Route, status and count of all counts above 0.
    pub(super) fn requests(&self) -> impl Iterator<Item = (&'static str, u16, u64)> {
        self.by_route().flat_map(|(route, metrics)| {
            let counts =
                STATUSES.iter().zip(&metrics.statuses).map(move |(status, count)| (route, *status, get(count)));
            counts.filter(|(_, _, count)| *count > 0)
        })
    }

    /// Latencies of the routes that have been requested.
    pub(super) fn latencies(&self) -> impl Iterator<Item = (&'static str, Latency)> {
        self.by_route().map(|(route, metrics)| (route, metrics.latency())).filter(|(_, latency)| latency.count > 0)
    }

    /// All results from the start: a rate in Prometheus needs an initial 0.
    pub(super) fn cache_results(&self) -> impl Iterator<Item = (&'static str, u64)> {
        CACHE_RESULTS.iter().zip(&self.cache_results).map(|(cache, count)| (cache.as_str(), get(count)))
    }

    fn by_route(&self) -> impl Iterator<Item = (&'static str, &RouteMetrics)> {
        RouteLabel::ALL.iter().map(|label| label.as_str()).zip(&self.routes)
    }
}

impl RouteMetrics {
    fn record_status(&self, status: u16) {
        let index = STATUSES.iter().position(|known| *known == status).unwrap_or(STATUSES.len() - 1);
        if let Some(counter) = self.statuses.get(index) {
            add(counter, 1);
        }
    }

    fn latency(&self) -> Latency {
        let bounds = BUCKETS.iter().map(|micros| f64::from(*micros) / 1e6).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(self.buckets.iter().map(get)).collect();
        #[expect(clippy::cast_precision_loss, reason = "exact for months of waiting")]
        let seconds = get(&self.nanoseconds) as f64 / 1e9;
        // Counted from the buckets, so that both always agree.
        Latency { seconds, count: buckets.iter().map(|(_, count)| count).sum(), buckets }
    }
}

fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem::Problem;
    use std::collections::HashMap;

    #[test]
    fn every_status_and_latency_is_counted() {
        let request_metrics = RequestMetrics::default();
        for problem in [Problem::Busy, Problem::NotFound(String::new()), Problem::Bad(String::new())] {
            request_metrics.record_response(RouteLabel::Drive, &Response::problem(&problem), Duration::from_micros(50));
        }
        request_metrics.record_response(
            RouteLabel::Healthz,
            &Response::text(200, String::new()),
            Duration::from_secs(60),
        );
        request_metrics.record_response(RouteLabel::Healthz, &Response::text(599, String::new()), Duration::ZERO);
        request_metrics.record_rejection(421);
        let counted: Vec<_> = request_metrics.requests().collect();
        for wanted in [("/api/drives/{id}", 404, 1), ("/healthz", 200, 1), ("/healthz", 0, 1), ("refused", 421, 1)] {
            assert!(counted.contains(&wanted), "{wanted:?} in {counted:?}");
        }
        let latencies: HashMap<&str, Latency> = request_metrics.latencies().collect();
        let healthz = &latencies["/healthz"];
        assert_eq!((healthz.seconds, healthz.count), (60.0, 2));
        assert_eq!((healthz.buckets[0], healthz.buckets[BUCKETS.len()]), ((5e-5, 1), (f64::INFINITY, 1)));
        assert!(!latencies.contains_key("refused"), "no latency is counted");
        assert_eq!(latencies["/api/drives/{id}"].buckets[0], (5e-5, 3));
    }

    #[test]
    fn every_label_has_its_own_counter() {
        let request_metrics = RequestMetrics::default();
        for label in RouteLabel::ALL {
            request_metrics.record_response(label, &Response::text(200, String::new()), Duration::ZERO);
        }
        assert_eq!(request_metrics.requests().filter(|(_, _, count)| *count == 1).count(), RouteLabel::ALL.len());
    }
}
