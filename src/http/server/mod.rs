//! The public HTTP server: everything that clients can reach.
//!
//! It listens on the public addresses, limits connections, request heads and waiting times, parses strictly, enforces
//! the access policy, and passes valid requests to the workers, one per connection at a time. One thread runs the event
//! loop of all connections, so a connection costs no thread; a worker writes its response to the client itself.
//!
//! tiny_http hands out the work tokens (`tiny_http_pool`). No client reaches it: it has no limits and no deadlines, and
//! a request with a huge `Content-Length` ends a process that accepts it.
//!
//! The server does not access Redis or drives.

mod access;
mod address_probe;
mod completion;
mod connection;
mod connection_limit;
mod event_loop;
#[cfg(test)]
mod interleavings;
mod listener;
mod pending_request;
mod request_head;
mod socket_halves;
mod tiny_http_pool;

pub(crate) use address_probe::{AddressStatus, probe_addresses};
pub(crate) use listener::listen_error_hint;
pub(super) use pending_request::PendingRequest;
pub(super) use request_head::RequestHead;

use super::endpoint::{Addresses, Endpoint};
use super::request_metrics::RequestMetrics;
use crate::stop::Stop;
use access::AccessPolicy;
use completion::{WakeUpReceiver, Waker, wake_up_channel};
use connection::ConnectionContext;
use connection_limit::ConnectionLimit;
use crossbeam_channel::{Sender, bounded};
use event_loop::ServerLoop;
use listener::{is_address_unavailable, listen_tcp, listen_unix};
use socket2::{SockAddr, Socket};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;
use tiny_http_pool::TinyHttpPool;

#[derive(Debug, Error)]
pub(crate) enum ServerError {
    #[error("cannot listen on {address}: {error}; {}", listen_error_hint(address, error))]
    Listen { address: String, error: io::Error },
    #[error("cannot create the private connections of the workers: {0}")]
    WorkerPool(io::Error),
}

/// The listening server. It accepts no connection before `run`.
pub(crate) struct Server {
    listeners: Vec<Socket>,
    context: ConnectionContext,
    connection_limit: ConnectionLimit,
    worker_pool: TinyHttpPool,
    /// The queue to the workers. `run` takes it.
    requests: Mutex<Option<Sender<PendingRequest>>>,
    waker: Waker,
    wake_ups: WakeUpReceiver,
}

impl Server {
    /// Listens on every address, so that the start fails if a port is in use. `max_connections` limits concurrent
    /// connections.
    pub(crate) fn bind(endpoint: &Endpoint, max_connections: usize, stop: &Stop) -> Result<Self, ServerError> {
        let listeners = listen(&endpoint.addresses)?;
        // Each connection has at most one request in progress.
        let (requests, queued) = bounded(max_connections);
        let (waker, wake_ups) = wake_up_channel().map_err(ServerError::WorkerPool)?;
        let worker_pool = TinyHttpPool::start(endpoint.workers, queued, stop).map_err(ServerError::WorkerPool)?;
        Ok(Self {
            listeners,
            context: ConnectionContext { access: AccessPolicy::new(endpoint), request_metrics: Arc::default() },
            connection_limit: ConnectionLimit::new(max_connections),
            worker_pool,
            requests: Mutex::new(Some(requests)),
            waker,
            wake_ups,
        })
    }

    /// The listen addresses in the syntax of `JBOD_LISTEN`. Port 0 is replaced by the port that the kernel has chosen.
    pub(crate) fn listen_addresses(&self) -> String {
        let mut texts = Vec::new();
        for listener in &self.listeners {
            if let Ok(address) = listener.local_addr() {
                texts.push(address_text(&address));
            }
        }
        texts.join(",")
    }

    pub(super) fn request_metrics(&self) -> Arc<RequestMetrics> {
        Arc::clone(&self.context.request_metrics)
    }

    /// Runs one worker, which passes each request to `respond`, until the server has stopped.
    pub(super) fn run_worker(&self, respond: impl FnMut(PendingRequest)) {
        self.worker_pool.run_worker(respond);
    }

    /// Sends a request to every public address. An error is the reason why a client would get no response. Takes a few
    /// seconds at most.
    pub(crate) fn self_check(&self) -> io::Result<()> {
        let token = self.context.access.token();
        self.listeners.iter().try_for_each(|listener| address_probe::self_check(listener, token))
    }

    /// Runs the event loop until the stop; then the workers get no more requests. An error means that epoll has failed.
    pub(crate) fn run(&self, stop: &Stop) -> io::Result<()> {
        let Some(requests) = self.requests.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Ok(());
        };
        let wake_ups = (self.waker.clone(), &self.wake_ups);
        ServerLoop::new(&self.listeners, &self.context, &self.connection_limit, requests, wake_ups, stop)?.run()
    }
}

fn listen(addresses: &Addresses) -> Result<Vec<Socket>, ServerError> {
    match addresses {
        Addresses::Tcp(addresses) => listen_on_available(addresses),
        Addresses::Unix(path) => {
            let address = format!("unix:{}", path.display());
            let listener = listen_unix(path).map_err(|error| ServerError::Listen { address, error })?;
            Ok(vec![listener])
        }
    }
}

/// An address in the syntax of `JBOD_LISTEN`.
fn address_text(address: &SockAddr) -> String {
    match address.as_socket() {
        Some(address) => address.to_string(),
        None => format!("unix:{}", address.as_pathname().unwrap_or(Path::new("")).display()),
    }
}

/// Listens on the addresses that this host has. A name (`localhost`) may resolve to further ones; any other failure is
/// an error.
fn listen_on_available(addresses: &[SocketAddr]) -> Result<Vec<Socket>, ServerError> {
    let mut listeners = Vec::new();
    let mut failures = Vec::new();
    for address in addresses {
        match listen_tcp(*address) {
            Ok(listener) => listeners.push(listener),
            Err(error) => failures.push((address.to_string(), error)),
        }
    }
    for (address, error) in failures {
        if listeners.is_empty() || !is_address_unavailable(&error) {
            return Err(ServerError::Listen { address, error });
        }
    }
    Ok(listeners)
}

/// Parses a head: its length, and the request or the problem.
#[cfg(fuzzing)]
pub fn fuzz_head(bytes: &[u8]) -> Option<(usize, String)> {
    let parsed = request_head::parse(bytes).ok()??;
    Some((parsed.length, format!("{:?} {:?}", parsed.credentials, parsed.head)))
}
