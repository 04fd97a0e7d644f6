//! The two halves of a client's socket. Only the gate reads; only the holder of the one `ResponseWriter` writes.

use crate::cache::Bytes;
use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};
use socket2::Socket;
use std::fmt;
use std::io::IoSlice;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// The half that requests are read from.
pub(super) struct RequestReader(Arc<Socket>);

/// The right to write to a client. There is one for each connection and it cannot be cloned, so two responses
/// cannot be written at once: it is with the connection, or with the worker that answers the request under way.
pub(super) struct ResponseWriter(Arc<Socket>);

impl fmt::Debug for ResponseWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseWriter")
    }
}

/// The only way to get either half.
pub(super) fn split(socket: Socket) -> (RequestReader, ResponseWriter) {
    let socket = Arc::new(socket);
    (RequestReader(Arc::clone(&socket)), ResponseWriter(socket))
}

impl AsFd for RequestReader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What one read gave.
pub(super) enum Received {
    /// `is_all`: nothing more was there.
    Bytes { is_all: bool },
    /// Nothing now.
    WouldBlock,
    /// The end of what the client sends, or of the connection.
    End,
}

impl RequestReader {
    /// Appends what is there, about `room` bytes at most.
    pub(super) fn receive(&self, into: &mut Vec<u8>, room: usize) -> Received {
        into.reserve(room);
        let (had, free) = (into.len(), into.capacity() - into.len());
        loop {
            return match rustix::net::recv(&*self.0, spare_capacity(into), RecvFlags::DONTWAIT) {
                Ok(_) if into.len() > had => Received::Bytes { is_all: into.len() - had < free },
                Err(rustix::io::Errno::INTR) => continue,
                Err(rustix::io::Errno::AGAIN) => Received::WouldBlock,
                Ok(_) | Err(_) => Received::End,
            };
        }
    }
}

/// The client takes nothing any more.
#[derive(Debug)]
pub(super) struct Broken;

impl ResponseWriter {
    /// Sends what the client takes without waiting, in one call as long as that is enough. Returns the number of bytes sent.
    pub(super) fn send<const N: usize>(&mut self, pieces: [&[u8]; N]) -> Result<usize, Broken> {
        let mut slices = pieces.map(IoSlice::new);
        let mut left = &mut slices[..];
        let mut sent = 0;
        // Skips empty pieces at the beginning.
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            match rustix::net::sendmsg(&*self.0, left, &mut SendAncillaryBuffer::default(), flags) {
                Ok(count) => {
                    sent += count;
                    IoSlice::advance_slices(&mut left, count);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => break,
                Err(_) => return Err(Broken),
            }
        }
        Ok(sent)
    }

    /// Nothing more is written; the client may still send.
    pub(super) fn finish(self) {
        let _ = self.0.shutdown(Shutdown::Write);
    }
}

/// What a client has not taken of a response: bytes of its own, then the end of a body that others have too. Clients
/// that take nothing cost the body once, not each.
#[derive(Default)]
pub(super) struct Unsent {
    own: Vec<u8>,
    shared: Option<(Bytes, usize)>,
}

impl fmt::Debug for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = self.shared.as_ref().map_or(0, |(body, from)| body.len().saturating_sub(*from));
        if self.is_empty() { f.write_str("sent") } else { write!(f, "{} + {shared} bytes unsent", self.own.len()) }
    }
}

impl Unsent {
    pub(super) fn own(own: Vec<u8>) -> Self {
        Self { own, shared: None }
    }

    /// From `sent` on, of a response whose last piece is of a body that others have.
    pub(super) fn after(sent: usize, [head, own, last]: [&[u8]; 3], shared: Option<&Bytes>) -> Self {
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

    /// Sends what the client takes of it. True: it took something.
    pub(super) fn send(&mut self, writer: &mut ResponseWriter) -> Result<bool, Broken> {
        let mut has_taken = false;
        while !self.is_empty() {
            let sent = writer.send([self.next()])?;
            if sent == 0 {
                break;
            }
            has_taken = true;
            match &mut self.shared {
                Some((_, from)) if self.own.is_empty() => *from += sent,
                _ => drop(self.own.drain(..sent)),
            }
        }
        Ok(has_taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsent_bytes_are_all_that_follow_those_sent() {
        let (head, own, shared): (&[u8], &[u8], Bytes) = (b"head", b"of now", b"of all".as_slice().into());
        let whole = [head, own, &shared].concat();
        for sent in 0..=whole.len() {
            let unsent = Unsent::after(sent, [head, own, &shared], Some(&shared));
            let (body, from) = unsent.shared.unwrap_or_else(|| unreachable!("it has a body"));
            assert_eq!([&unsent.own[..], &body[from..]].concat(), whole[sent..], "{sent}");
            let without = Unsent::after(sent.min(10), [head, own, &[]], Some(&shared));
            assert_eq!((without.own, without.shared), (b"headof now"[sent.min(10)..].to_vec(), None), "{sent}");
        }
    }
}
