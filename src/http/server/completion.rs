//! How a worker returns the response writer to its connection.
//!
//! The worker puts the writer, with the number of its request, into the slot of the connection. The connection takes it
//! from there when the client sends more, or when it is woken. A wake-up carries no result: it identifies a connection
//! and a request, and a wake-up for an earlier request is ignored. So a completion cannot be mistaken for that of
//! another request, in whichever order they arrive.

use super::socket_halves::{ResponseWriter, UnsentBytes};
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

/// What the connection does after a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterResponse {
    NextRequest,
    Close,
}

/// The state of a response when the worker has finished with it.
#[derive(Debug)]
pub(super) struct Completion {
    pub(super) number: RequestNumber,
    pub(super) writer: ResponseWriter,
    /// The bytes that the client has not received yet.
    pub(super) unsent: UnsentBytes,
    pub(super) after: AfterResponse,
}

impl Completion {
    /// Whether the connection has nothing to do before the next request.
    fn is_complete(&self) -> bool {
        self.unsent.is_empty() && self.after == AfterResponse::NextRequest
    }
}

/// The slot of one connection.
#[derive(Debug, Default)]
pub(super) struct CompletionSlot(Mutex<ResponseState>);

#[derive(Debug, Default)]
enum ResponseState {
    /// The connection has the writer.
    #[default]
    Idle,
    /// A worker has the writer.
    InProgress {
        number: RequestNumber,
        /// Whether the connection needs a wake-up in any case.
        wake_up: bool,
    },
    /// The worker has returned the writer.
    Completed(Completion),
}

impl CompletionSlot {
    /// Records that a worker gets the writer.
    pub(super) fn begin(&self, number: RequestNumber, wake_up: bool) {
        *self.state() = ResponseState::InProgress { number, wake_up };
    }

    /// Returns the writer. True if the event loop must be woken; otherwise the connection checks the slot when the
    /// client sends more. A completion of a request that is not in progress is dropped; the event loop counts its
    /// wake-up.
    pub(super) fn complete(&self, completion: Completion) -> bool {
        let mut state = self.state();
        let ResponseState::InProgress { number, wake_up } = *state else { return true };
        if number != completion.number {
            return true;
        }
        let needs_wake_up = wake_up || !completion.is_complete();
        *state = ResponseState::Completed(completion);
        needs_wake_up
    }

    /// The completion of that request. `None` if the worker has not finished; it will wake the event loop then.
    pub(super) fn take(&self, number: RequestNumber) -> Option<Completion> {
        let mut state = self.state();
        match std::mem::take(&mut *state) {
            ResponseState::Completed(completion) if completion.number == number => Some(completion),
            ResponseState::InProgress { number, .. } => {
                *state = ResponseState::InProgress { number, wake_up: true };
                None
            }
            ResponseState::Idle | ResponseState::Completed(_) => None,
        }
    }

    fn state(&self) -> MutexGuard<'_, ResponseState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Announces a completion. It carries no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WakeUp {
    pub(super) connection: u64,
    pub(super) number: RequestNumber,
}

/// Wakes the event loop. The channel needs no bound: a request causes one wake-up at most, and the event loop takes all
/// of them whenever it runs.
#[derive(Clone)]
pub(super) struct Waker {
    wake_ups: Sender<WakeUp>,
    /// Readable while there is a wake-up.
    event: Arc<OwnedFd>,
}

/// The end of the event loop.
pub(super) struct WakeUpReceiver {
    wake_ups: Receiver<WakeUp>,
    event: Arc<OwnedFd>,
}

pub(super) fn wake_up_channel() -> io::Result<(Waker, WakeUpReceiver)> {
    let (sender, receiver) = unbounded();
    let event = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    Ok((Waker { wake_ups: sender, event: Arc::clone(&event) }, WakeUpReceiver { wake_ups: receiver, event }))
}

impl Waker {
    pub(super) fn wake(&self, wake_up: WakeUp) {
        if self.wake_ups.send(wake_up).is_ok() {
            // Writing 8 bytes to an eventfd is atomic; if its counter is full, it is readable already.
            let _ = rustix::io::write(&self.event, &1u64.to_ne_bytes());
        }
    }
}

impl WakeUpReceiver {
    /// Takes all pending wake-ups and resets the event.
    pub(super) fn drain(&self) -> impl Iterator<Item = WakeUp> {
        let mut count = [0u8; 8];
        let _ = rustix::io::read(&self.event, &mut count[..]);
        self.wake_ups.try_iter()
    }
}

impl AsFd for WakeUpReceiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}
