//! Checks of the version of a list in Redis. Concurrent requests share a check (single-flight).

use crate::api::content_version::ContentVersion;
use crate::cache::{CopyKind, Key, StoreError};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Maximum number of times that a worker yields during a check that began before its request. They take about as long
/// as a check of a local Redis; a wake-up would take longer.
const MAX_YIELDS: usize = 20;

/// A list, and which copy of it.
pub(super) type ListKey = (Key, CopyKind);

#[derive(Default)]
pub(super) struct SingleFlight(Mutex<HashMap<ListKey, Flight>>);

#[derive(Default)]
struct Flight {
    in_progress: usize,
    last: Option<Checked>,
}

/// The result of a check.
#[derive(Clone, Copy)]
struct Checked {
    began: Instant,
    version: Option<ContentVersion>,
}

impl SingleFlight {
    /// The version that Redis had after `since`, the time of the request. The result of a check that began after
    /// `since` is shared. A check that began earlier is not; when it ends, one check serves all requests that have
    /// arrived meanwhile. So no request gets a version from before its arrival.
    pub(super) fn version(
        &self,
        key: &Key,
        copy: CopyKind,
        since: Instant,
        check: impl FnOnce() -> Result<Option<ContentVersion>, StoreError>,
    ) -> Result<Option<ContentVersion>, StoreError> {
        let list = (key.clone(), copy);
        for yields in 0.. {
            let mut flights = self.flights();
            let flight = flights.entry(list.clone()).or_default();
            if let Some(last) = flight.last
                && last.began >= since
            {
                return Ok(last.version);
            }
            if flight.in_progress == 0 || yields == MAX_YIELDS {
                flight.in_progress += 1;
                break;
            }
            drop(flights);
            std::thread::yield_now();
        }
        let mut guard = FlightGuard { single_flight: self, list, result: None };
        let began = Instant::now();
        let version = check()?;
        guard.result = Some(Checked { began, version });
        Ok(version)
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<ListKey, Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a check when dropped, also after an error or a panic.
struct FlightGuard<'a> {
    single_flight: &'a SingleFlight,
    list: ListKey,
    result: Option<Checked>,
}

impl Drop for FlightGuard<'_> {
    fn drop(&mut self) {
        let mut flights = self.single_flight.flights();
        let Some(flight) = flights.get_mut(&self.list) else { return };
        flight.in_progress -= 1;
        let Some(result) = self.result else { return };
        match flight.last {
            Some(last) if last.began >= result.began => {}
            _ => flight.last = Some(result),
        }
    }
}
