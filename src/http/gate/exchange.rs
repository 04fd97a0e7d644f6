//! A request on its way to a worker, with the right to write its response.

use super::completion::{After, Completion, RequestNumber, Returned, Slot, WakeUp, Waker};
use super::head::Head;
use super::seats::Seat;
use super::writer::{ResponseWriter, Unsent};
use crate::http::letterhead::{Framing, Letterhead};
use crate::http::reply::Reply;
use std::sync::Arc;
use std::time::Instant;

/// One request, whole and admitted.
pub(in crate::http) struct Exchange {
    pub(in crate::http) head: Head,
    /// Since when it waits for a worker.
    pub(in crate::http) since: Instant,
    connection: u64,
    request: RequestNumber,
    /// `None`: it has been given back.
    writer: Option<ResponseWriter>,
    slot: Arc<Slot>,
    waker: Waker,
    /// A client that leaves before its answer does not make room for the next.
    _seat: Option<Seat>,
}

/// What a connection passes on: a request with its number and the writer.
pub(super) struct Passed {
    pub(super) head: Head,
    pub(super) request: RequestNumber,
    pub(super) writer: ResponseWriter,
    pub(super) slot: Arc<Slot>,
    pub(super) seat: Option<Seat>,
}

impl Exchange {
    pub(super) fn new(passed: Passed, connection: u64, waker: Waker) -> Self {
        let Passed { head, request, writer, slot, seat } = passed;
        let since = Instant::now();
        Self { head, since, connection, request, writer: Some(writer), slot, waker, _seat: seat }
    }

    /// Sends the response from the worker's thread, which saves a wake-up, as far as the client takes it without
    /// waiting. The rest is sent by the gate: no worker waits for a client.
    pub(in crate::http) fn answer(mut self, reply: &Reply, letterhead: &mut Letterhead) {
        let Some(completion) = self.write(reply, letterhead) else { return };
        if let Some(wake_up) = self.give_back(completion) {
            self.waker.wake(wake_up);
        }
    }

    pub(super) fn write(&mut self, reply: &Reply, letterhead: &mut Letterhead) -> Option<Completion> {
        let mut writer = self.writer.take()?;
        let Head { without_body, is_old, keep, .. } = self.head;
        let pieces = reply.pieces(Framing { without_body, is_old, keep }, letterhead);
        let after = if keep { After::NextRequest } else { After::Close };
        let (unsent, after) = match writer.send(pieces) {
            Ok(sent) if sent == pieces.iter().map(|piece| piece.len()).sum::<usize>() => (Unsent::default(), after),
            Ok(sent) => (Unsent::after(sent, pieces, reply.shared()), after),
            Err(_) => (Unsent::default(), After::Close),
        };
        Some(Completion { request: self.request, writer, unsent, after })
    }

    /// The wake-up that the gate needs, if it does.
    pub(super) fn give_back(&self, completion: Completion) -> Option<WakeUp> {
        match self.slot.give_back(completion) {
            Returned::Silently => None,
            Returned::Awaited => Some(WakeUp { connection: self.connection, request: self.request }),
        }
    }
}

impl Drop for Exchange {
    /// A request that a worker has not answered closes its connection.
    fn drop(&mut self) {
        let Some(writer) = self.writer.take() else { return };
        let completion = Completion { request: self.request, writer, unsent: Unsent::default(), after: After::Close };
        if let Some(wake_up) = self.give_back(completion) {
            self.waker.wake(wake_up);
        }
    }
}
