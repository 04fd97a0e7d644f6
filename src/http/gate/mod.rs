//! The gate: everything a stranger can reach.
//!
//! It accepts on the public address, bounds connections, heads and waiting, parses strictly,
//! refuses what has no business here, and hands what is left to the tiny_http workers, one clean
//! request at a time over private connections (`inner`). tiny_http itself never meets a stranger:
//! it has no limits and no deadlines, and one request with a huge `Content-Length` ends a process
//! that lets it in. The gate knows no route, no Redis and no drive.

mod connection;
mod door;
mod head;
mod inner;
mod listen;

pub(super) use head::Head;
pub(super) use inner::Inner;
pub use listen::{Place, advice, look};

use crate::config::{HttpConfig, Listen};
use crate::stop::Stop;
use connection::Connection;
use door::Door;
use listen::{is_absent, listen_tcp, listen_unix};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::Socket;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use thiserror::Error;

/// After an accept that failed (no descriptors left, most likely): the listener lives on.
const AFTER_ERROR: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
/// What a client may take to accept an answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection's thread only reads heads and passes them on.
const STACK_BYTES: usize = 128 * 1024;

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
    shared: Arc<Shared>,
}

/// What every connection needs.
struct Shared {
    door: Door,
    inner: Inner,
    /// Connections that are open.
    open: AtomicUsize,
    most: usize,
}

impl Gate {
    /// Listens on every address, so that a port that is taken is known at once.
    pub fn listen(config: &HttpConfig) -> Result<Self, GateError> {
        let failed = |address: String| move |error| GateError::Listen { address, error };
        let listeners = match &config.listen {
            Listen::Tcp(addresses) => {
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
            Listen::Unix(path) => vec![listen_unix(path).map_err(failed(format!("unix:{}", path.display())))?],
        };
        let inner = Inner::start(config.workers).map_err(GateError::Inner)?;
        let open = AtomicUsize::new(0);
        Ok(Self {
            listeners,
            shared: Arc::new(Shared { door: Door::new(config), inner, open, most: config.max_connections }),
        })
    }

    /// The workers' side.
    pub(super) fn inner(&self) -> &Inner {
        &self.shared.inner
    }

    /// Accepts until the stop. No failure of one connection ends it.
    pub fn accept(&self, stop: &Stop) {
        while !stop.asked() {
            let mut fds: Vec<PollFd> = self.listeners.iter().map(|l| PollFd::new(l, PollFlags::IN)).collect();
            fds.push(PollFd::new(stop, PollFlags::IN));
            if poll(&mut fds, None).is_err() {
                continue;
            }
            let ready: Vec<bool> = fds.iter().map(|fd| fd.revents().contains(PollFlags::IN)).collect();
            for (listener, _) in self.listeners.iter().zip(ready).filter(|(_, ready)| *ready) {
                match listener.accept() {
                    Ok((socket, _)) => self.admit(socket),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => {
                        log::debug!("accept failed error={error:?}");
                        let _ = poll(&mut [PollFd::new(stop, PollFlags::IN)], Some(&AFTER_ERROR));
                    }
                }
            }
        }
    }

    /// A thread for the connection; 503 and the end where there are too many.
    fn admit(&self, socket: Socket) {
        // Accepted sockets do not inherit it from a listener that does not block.
        let is_set = socket.set_nonblocking(false).and_then(|()| socket.set_write_timeout(Some(WRITE_TIMEOUT)));
        if is_set.is_err() {
            return;
        }
        let seat = Seat::take(&self.shared);
        let socket = Arc::new(socket);
        let Some(seat) = seat else { return Connection::turn_away(&socket) };
        let connection = Connection::new(Arc::clone(&socket));
        let thread = thread::Builder::new().name("connection".to_owned()).stack_size(STACK_BYTES);
        let spawned = thread.spawn(move || connection.serve(&seat.0.door, &seat.0.inner));
        if spawned.is_err() {
            Connection::turn_away(&socket);
        }
    }
}

/// A whole head: how long it is, and what was understood or refused of it.
#[cfg(fuzzing)]
pub fn fuzz_head(bytes: &[u8]) -> Option<(usize, String)> {
    let parsed = head::parse(bytes).ok()??;
    Some((parsed.length, format!("{:?} {:?}", parsed.claims, parsed.head)))
}

/// One of the places for connections; given back when dropped.
struct Seat(Arc<Shared>);

impl Seat {
    fn take(shared: &Arc<Shared>) -> Option<Self> {
        let more = |open: usize| (open < shared.most).then_some(open + 1);
        shared.open.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok().map(|_| Self(Arc::clone(shared)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}
