//! A request on its way to a worker, and what the worker leaves for the gate.

use super::head::Head;
use super::seats::Seat;
use crate::cache::Bytes;
use crate::http::letterhead::{Framing, Letterhead};
use crate::http::reply::Reply;
use crossbeam_channel::Sender;
use rustix::net::{SendAncillaryBuffer, SendFlags};
use socket2::Socket;
use std::io::IoSlice;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

/// One request, whole and admitted.
pub(in crate::http) struct Exchange {
    pub(in crate::http) head: Head,
    /// Since when it waits for a worker.
    pub(in crate::http) since: Instant,
    pub(super) id: u64,
    pub(super) socket: Arc<Socket>,
    pub(super) turn: Arc<Turn>,
    pub(super) back: Back,
    /// A client that leaves before its answer does not make room for the next.
    pub(super) _seat: Option<Seat>,
    pub(super) is_answered: bool,
}

/// Whose turn it is on a connection: the worker's, until the answer is with the client.
#[derive(Debug)]
pub(super) struct Turn(AtomicU8);

const BUSY: u8 = 0;
/// As `BUSY`, and the gate wants to be told of the end: there is more to read.
const AWAITED: u8 = 1;
const DONE: u8 = 2;

impl Turn {
    pub(super) fn new(is_awaited: bool) -> Self {
        Self(AtomicU8::new(if is_awaited { AWAITED } else { BUSY }))
    }

    /// True when the answer is with the client; otherwise the gate will be told.
    pub(super) fn is_done(&self) -> bool {
        self.0.compare_exchange(BUSY, AWAITED, Ordering::AcqRel, Ordering::Acquire).is_err_and(|now| now == DONE)
    }

    /// True when the gate waits for it.
    fn end(&self) -> bool {
        self.0.swap(DONE, Ordering::AcqRel) == AWAITED
    }
}

/// An answer that has come to its end as far as the worker goes.
pub(super) struct Done {
    pub(super) id: u64,
    pub(super) rest: Rest,
    pub(super) keep: bool,
}

/// What a client has not taken of an answer: bytes of its own, then the end of a body that others
/// have too. Clients that take nothing cost the body once, not each.
#[derive(Default)]
pub(super) struct Rest {
    own: Vec<u8>,
    shared: Option<(Bytes, usize)>,
}

impl Rest {
    pub(super) fn own(own: Vec<u8>) -> Self {
        Self { own, shared: None }
    }

    /// From `sent` on, of an answer whose last piece is of a body that others have.
    fn of([head, own, last]: [&[u8]; 3], sent: usize, shared: Option<&Bytes>) -> Self {
        let mut own = [head, own].concat();
        let of_last = sent.saturating_sub(own.len());
        let own = own.split_off(sent.min(own.len()));
        let shared = shared.filter(|_| !last.is_empty()).map(|body| (Bytes::clone(body), of_last));
        Self { own, shared }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.next().is_empty()
    }

    fn next(&self) -> &[u8] {
        let shared = self.shared.as_ref().and_then(|(body, from)| body.get(*from..));
        if self.own.is_empty() { shared.unwrap_or_default() } else { &self.own }
    }

    /// Sends what the client takes of it. `None`: it takes nothing any more. True: it took something.
    pub(super) fn send(&mut self, socket: &Socket) -> Option<bool> {
        let mut has_taken = false;
        while !self.is_empty() {
            let sent = send_now(socket, [self.next()])?;
            if sent == 0 {
                break;
            }
            has_taken = true;
            match &mut self.shared {
                Some((_, from)) if self.own.is_empty() => *from += sent,
                _ => drop(self.own.drain(..sent)),
            }
        }
        Some(has_taken)
    }
}

/// The way back to the gate.
#[derive(Clone)]
pub(super) struct Back {
    pub(super) done: Sender<Done>,
    /// Readable when there is something.
    pub(super) bell: Arc<OwnedFd>,
}

impl Back {
    fn tell(&self, done: Done) {
        if self.done.try_send(done).is_ok() {
            // An eventfd takes 8 bytes whole; one that is full is readable already.
            let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
        }
    }
}

impl Exchange {
    /// Sends the answer from the worker's thread, which saves a wake-up, as far as the client takes
    /// it without waiting. A client that is slow is the gate's business, not the worker's.
    pub(in crate::http) fn answer(mut self, reply: &Reply, letterhead: &mut Letterhead) {
        let Head { without_body, is_old, keep, .. } = self.head;
        let pieces = reply.pieces(Framing { without_body, is_old, keep }, letterhead);
        self.is_answered = true;
        let Some(sent) = send_now(&self.socket, pieces) else { return self.tell(Rest::default(), false) };
        // The usual end, of which the gate need not be told: when the client says more, it looks whose turn it is.
        let is_sent = sent == pieces.iter().map(|piece| piece.len()).sum::<usize>();
        if !(is_sent && keep) {
            self.tell(Rest::of(pieces, sent, reply.shared()), keep);
        } else if self.turn.end() {
            self.tell(Rest::default(), true);
        }
    }

    fn tell(&self, rest: Rest, keep: bool) {
        self.back.tell(Done { id: self.id, rest, keep });
    }
}

impl Drop for Exchange {
    /// A worker that fails closes the connection.
    fn drop(&mut self) {
        if !self.is_answered {
            self.tell(Rest::default(), false);
        }
    }
}

/// Sends what the client takes without waiting, in one call as long as that is enough. `None`: it takes nothing any more.
fn send_now<const N: usize>(socket: &Socket, pieces: [&[u8]; N]) -> Option<usize> {
    let mut slices = pieces.map(IoSlice::new);
    let mut left = &mut slices[..];
    let mut sent = 0;
    // Empty ones, first of all.
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        match rustix::net::sendmsg(socket, left, &mut SendAncillaryBuffer::default(), flags) {
            Ok(n) => {
                sent += n;
                IoSlice::advance_slices(&mut left, n);
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => break,
            Err(_) => return None,
        }
    }
    Some(sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_has_not_taken_is_all_that_follows_on_what_it_has() {
        let (head, own, shared): (&[u8], &[u8], Bytes) = (b"head", b"of now", b"of all".as_slice().into());
        let whole = [head, own, &shared].concat();
        for sent in 0..=whole.len() {
            let rest = Rest::of([head, own, &shared], sent, Some(&shared));
            let (body, from) = rest.shared.unwrap_or_else(|| unreachable!("it has a body"));
            assert_eq!([&rest.own[..], &body[from..]].concat(), whole[sent..], "{sent}");
            let without = Rest::of([head, own, &[]], sent.min(10), Some(&shared));
            assert_eq!((without.own, without.shared), (b"headof now"[sent.min(10)..].to_vec(), None), "{sent}");
        }
    }
}
