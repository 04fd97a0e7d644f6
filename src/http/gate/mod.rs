//! The gate: everything a stranger can reach.
//!
//! It accepts on the public address, bounds connections, heads and waiting, parses strictly,
//! refuses what has no business here, and hands what is left to the tiny_http workers, one clean
//! request of a connection at a time (`inner`). tiny_http itself never meets a stranger: it has no
//! limits and no deadlines, and one request with a huge `Content-Length` ends a process that lets
//! it in. One thread serves all connections, so a connection costs no thread; the worker writes the
//! answer to the client itself. The gate knows no route, no Redis and no drive.

mod completion;
mod connection;
mod connections;
mod door;
mod exchange;
mod head;
mod inner;
#[cfg(test)]
mod interleavings;
mod listen;
mod seats;
mod writer;

pub(super) use exchange::Exchange;
pub(super) use head::Head;
pub use listen::{Place, advice, look};

use super::endpoint::{Addresses, Endpoint};
use super::tally::Tally;
use crate::stop::Stop;
use completion::{WakeUps, Waker, wake_ups};
use connections::Connections;
use crossbeam_channel::{Sender, bounded};
use door::Door;
use inner::Inner;
use listen::{is_absent, listen_tcp, listen_unix};
use seats::Seats;
use socket2::Socket;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;

#[derive(Debug, Error)]
pub enum GateError {
    #[error("cannot listen on {address}: {error}; {}", advice(address, error))]
    Listen { address: String, error: io::Error },
    #[error("cannot make the workers' private connections: {0}")]
    Inner(io::Error),
}

/// The public listeners, not yet accepting.
pub struct Gate {
    listeners: Vec<Socket>,
    door: Door,
    seats: Seats,
    inner: Inner,
    /// To the workers; taken by whoever accepts.
    requests: Mutex<Option<Sender<Exchange>>>,
    waker: Waker,
    wake_ups: WakeUps,
}

impl Gate {
    /// Listens on every address, so that a port that is taken is known at once. `most`: connections
    /// at once.
    pub fn listen(endpoint: &Endpoint, most: usize, stop: &Stop) -> Result<Self, GateError> {
        let failed = |address: String| move |error| GateError::Listen { address, error };
        let listeners = match &endpoint.addresses {
            Addresses::Tcp(addresses) => {
                // A name may mean several addresses (`localhost`), not all of which need be there.
                let (open, errors): (Vec<_>, Vec<_>) =
                    addresses.iter().map(|a| listen_tcp(*a).map_err(failed(a.to_string()))).partition(Result::is_ok);
                for error in errors.into_iter().filter_map(Result::err) {
                    let GateError::Listen { error: cause, .. } = &error else { return Err(error) };
                    let is_missing = open.is_empty() || !is_absent(cause);
                    if is_missing {
                        return Err(error);
                    }
                }
                open.into_iter().filter_map(Result::ok).collect()
            }
            Addresses::Unix(path) => vec![listen_unix(path).map_err(failed(format!("unix:{}", path.display())))?],
        };
        // Each connection has one request under way at most.
        let (requests, of_workers) = bounded(most);
        let (waker, wake_ups) = wake_ups().map_err(GateError::Inner)?;
        let inner = Inner::start(endpoint.workers, of_workers, stop).map_err(GateError::Inner)?;
        Ok(Self {
            listeners,
            door: Door::new(endpoint),
            seats: Seats::new(most),
            inner,
            requests: Mutex::new(Some(requests)),
            waker,
            wake_ups,
        })
    }

    /// Where requests are counted.
    pub(super) fn tally(&self) -> Arc<Tally> {
        self.door.tally()
    }

    /// One worker: hands each request to `answer`, until the gate has closed.
    pub(super) fn work(&self, answer: impl FnMut(Exchange)) {
        self.inner.work(answer);
    }

    /// Whether a stranger would be answered: asks at every public address, and waits for at most a
    /// few seconds. An error says why not.
    pub fn answers(&self) -> io::Result<()> {
        self.listeners.iter().try_for_each(|listener| listen::answers(listener, self.door.token()))
    }

    /// Accepts until the stop; then no worker gets anything more. An error means that connections
    /// cannot be watched.
    pub fn accept(&self, stop: &Stop) -> io::Result<()> {
        let Some(requests) = self.requests.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Ok(());
        };
        let workers = (self.waker.clone(), &self.wake_ups);
        Connections::new(&self.listeners, &self.door, &self.seats, requests, workers, stop)?.run()
    }
}

/// A whole head: how long it is, and what was understood or refused of it.
#[cfg(fuzzing)]
pub fn fuzz_head(bytes: &[u8]) -> Option<(usize, String)> {
    let parsed = head::parse(bytes).ok()??;
    Some((parsed.length, format!("{:?} {:?}", parsed.claims, parsed.head)))
}
