//! How a response writer comes back from a worker to its connection.
//!
//! The worker puts the writer, with the number of the request that it has answered, into the connection's own slot. The
//! gate takes it from there when the client sends more, or when it is woken. A wake-up carries no result: it names a
//! connection and a request, and one of an earlier request changes nothing. So a completion cannot be taken for that
//! of another request, whichever of the two comes first.

use super::writer::{ResponseWriter, Unsent};
use crossbeam_channel::{Receiver, Sender, unbounded};
use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Numbers the requests of one connection, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct RequestNumber(u64);

impl RequestNumber {
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// What becomes of a connection after a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    NextRequest,
    Close,
}

/// A response as far as its worker goes.
#[derive(Debug)]
pub(super) struct Completion {
    pub(super) request: RequestNumber,
    pub(super) writer: ResponseWriter,
    /// The client has not taken this yet.
    pub(super) unsent: Unsent,
    pub(super) after: After,
}

impl Completion {
    /// There is nothing left for the gate to do before the client's next request.
    fn is_complete(&self) -> bool {
        self.unsent.is_empty() && self.after == After::NextRequest
    }
}

/// The slot of one connection.
#[derive(Debug, Default)]
pub(super) struct Slot(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    /// The connection has the writer.
    #[default]
    Empty,
    /// A worker has it. `is_awaited`: the gate wants to be woken when it comes back.
    Lent {
        request: RequestNumber,
        is_awaited: bool,
    },
    Returned(Completion),
}

/// What a worker has to do after it has returned a writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Returned {
    /// The gate looks when the client sends more.
    Silently,
    /// The gate has to be woken.
    Awaited,
}

impl Slot {
    pub(super) fn lend(&self, request: RequestNumber, is_awaited: bool) {
        *self.state() = State::Lent { request, is_awaited };
    }

    /// A completion of a request that the slot does not wait for is dropped; the gate counts the wake-up.
    pub(super) fn give_back(&self, completion: Completion) -> Returned {
        let mut state = self.state();
        let State::Lent { request, is_awaited } = *state else { return Returned::Awaited };
        if request != completion.request {
            return Returned::Awaited;
        }
        let is_complete = completion.is_complete();
        *state = State::Returned(completion);
        if is_complete && !is_awaited { Returned::Silently } else { Returned::Awaited }
    }

    /// The completion of that request; `None`: the worker is not done, and will wake the gate.
    pub(super) fn take(&self, request: RequestNumber) -> Option<Completion> {
        let mut state = self.state();
        match std::mem::take(&mut *state) {
            State::Returned(completion) if completion.request == request => Some(completion),
            State::Lent { request, .. } => {
                *state = State::Lent { request, is_awaited: true };
                None
            }
            State::Empty | State::Returned(_) => None,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Look whether the worker of that request has returned the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WakeUp {
    pub(super) connection: u64,
    pub(super) request: RequestNumber,
}

/// The workers' way to wake the gate. Not bounded by itself: a request under way leads to one wake-up at most, and the
/// gate takes all of them whenever it runs.
#[derive(Clone)]
pub(super) struct Waker {
    wake_ups: Sender<WakeUp>,
    /// Readable when there is one.
    event: Arc<OwnedFd>,
}

/// The gate's end.
pub(super) struct WakeUps {
    wake_ups: Receiver<WakeUp>,
    event: Arc<OwnedFd>,
}

pub(super) fn wake_ups() -> io::Result<(Waker, WakeUps)> {
    let (sender, receiver) = unbounded();
    let event = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    Ok((Waker { wake_ups: sender, event: Arc::clone(&event) }, WakeUps { wake_ups: receiver, event }))
}

impl Waker {
    pub(super) fn wake(&self, wake_up: WakeUp) {
        if self.wake_ups.send(wake_up).is_ok() {
            // An eventfd takes 8 bytes whole; one that is full is readable already.
            let _ = rustix::io::write(&self.event, &1u64.to_ne_bytes());
        }
    }
}

impl WakeUps {
    /// Those that have come; the event is no longer readable.
    pub(super) fn take(&self) -> impl Iterator<Item = WakeUp> {
        let mut count = [0u8; 8];
        let _ = rustix::io::read(&self.event, &mut count[..]);
        self.wake_ups.try_iter()
    }
}

impl AsFd for WakeUps {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}
