//! The two halves of a client's socket. Only the event loop reads; only the holder of the `ResponseWriter` writes.

use crate::cache::Bytes;
use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};
use socket2::Socket;
use std::fmt;
use std::io::IoSlice;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// The half for reading requests.
pub(super) struct RequestReader(Arc<Socket>);

/// The half for writing responses. Each connection has one, and it cannot be cloned: the connection holds it, or the
/// worker that handles the request in progress. So two responses are never written at once.
pub(super) struct ResponseWriter(Arc<Socket>);

impl fmt::Debug for ResponseWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseWriter")
    }
}

/// Splits a socket. There is no other way to get either half.
pub(super) fn split(socket: Socket) -> (RequestReader, ResponseWriter) {
    let socket = Arc::new(socket);
    (RequestReader(Arc::clone(&socket)), ResponseWriter(socket))
}

impl AsFd for RequestReader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The result of one read.
pub(super) enum ReadOutcome {
    /// Bytes were appended. `is_drained` is true if the socket had no more.
    Bytes {
        is_drained: bool,
    },
    WouldBlock,
    /// The client has finished sending, or the connection has failed.
    End,
}

impl RequestReader {
    /// Appends available bytes, about `limit` at most.
    pub(super) fn receive(&self, into: &mut Vec<u8>, limit: usize) -> ReadOutcome {
        into.reserve(limit);
        let (had, free) = (into.len(), into.capacity() - into.len());
        loop {
            return match rustix::net::recv(&*self.0, spare_capacity(into), RecvFlags::DONTWAIT) {
                Ok(_) if into.len() > had => ReadOutcome::Bytes { is_drained: into.len() - had < free },
                Err(rustix::io::Errno::INTR) => continue,
                Err(rustix::io::Errno::AGAIN) => ReadOutcome::WouldBlock,
                Ok(_) | Err(_) => ReadOutcome::End,
            };
        }
    }
}

/// The connection has failed.
#[derive(Debug)]
pub(super) struct ConnectionBroken;

impl ResponseWriter {
    /// Sends as much as possible without blocking, with one call if possible. Returns the number of bytes sent.
    pub(super) fn send<const N: usize>(&mut self, slices: [&[u8]; N]) -> Result<usize, ConnectionBroken> {
        let mut slices = slices.map(IoSlice::new);
        let mut left = &mut slices[..];
        let mut sent = 0;
        // Skips empty slices at the beginning.
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
                Err(_) => return Err(ConnectionBroken),
            }
        }
        Ok(sent)
    }

    /// Closes the sending direction; the client may still send.
    pub(super) fn shut_down(self) {
        let _ = self.0.shutdown(Shutdown::Write);
    }
}

/// The unsent part of a response: bytes of this response alone, then the end of a shared body. A body that many clients
/// are slow to receive is in memory once.
#[derive(Default)]
pub(super) struct UnsentBytes {
    own: Vec<u8>,
    shared: Option<(Bytes, usize)>,
}

impl fmt::Debug for UnsentBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("sent");
        }
        let shared = match &self.shared {
            Some((body, from)) => body.len().saturating_sub(*from),
            None => 0,
        };
        write!(f, "{} + {shared} bytes unsent", self.own.len())
    }
}

impl UnsentBytes {
    pub(super) fn own(own: Vec<u8>) -> Self {
        Self { own, shared: None }
    }

    /// The bytes of a response after the first `sent` ones; its last slice is a shared body.
    pub(super) fn after(sent: usize, [head, own, last]: [&[u8]; 3], shared: Option<&Bytes>) -> Self {
        let mut own = [head, own].concat();
        let of_last = sent.saturating_sub(own.len());
        let own = own.split_off(sent.min(own.len()));
        let shared = match shared {
            Some(body) if !last.is_empty() => Some((Bytes::clone(body), of_last)),
            _ => None,
        };
        Self { own, shared }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.next().is_empty()
    }

    fn next(&self) -> &[u8] {
        match &self.shared {
            Some((body, from)) if self.own.is_empty() => body.get(*from..).unwrap_or_default(),
            _ => &self.own,
        }
    }

    /// Sends as much as possible without blocking. True if anything was sent.
    pub(super) fn send(&mut self, writer: &mut ResponseWriter) -> Result<bool, ConnectionBroken> {
        let mut has_progress = false;
        while !self.is_empty() {
            let sent = writer.send([self.next()])?;
            if sent == 0 {
                break;
            }
            has_progress = true;
            match &mut self.shared {
                Some((_, from)) if self.own.is_empty() => *from += sent,
                _ => drop(self.own.drain(..sent)),
            }
        }
        Ok(has_progress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsent_bytes_are_those_after_the_sent_ones() {
        let (head, own, shared): (&[u8], &[u8], Bytes) = (b"head", b"of now", b"of all".as_slice().into());
        let complete = [head, own, &shared].concat();
        for sent in 0..=complete.len() {
            let unsent = UnsentBytes::after(sent, [head, own, &shared], Some(&shared));
            let (body, from) = unsent.shared.unwrap_or_else(|| unreachable!("it has a body"));
            assert_eq!([&unsent.own[..], &body[from..]].concat(), complete[sent..], "{sent}");
            let without = UnsentBytes::after(sent.min(10), [head, own, &[]], Some(&shared));
            assert_eq!((without.own, without.shared), (b"headof now"[sent.min(10)..].to_vec(), None), "{sent}");
        }
    }
}
