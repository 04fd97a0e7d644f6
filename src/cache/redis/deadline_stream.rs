//! A socket stream with a deadline and a byte limit for each complete operation, however slowly the peer sends.

use std::io::{self, Error, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// A reply of this many bytes that is incomplete at the deadline is too large, not late.
const LARGE_REPLY_BYTES: usize = 1024 * 1024;

pub(super) struct DeadlineStream {
    socket: InnerSocket,
    timeout: Duration,
    deadline: Instant,
    /// Whether the timeouts of the socket are shorter than `timeout`.
    has_short_timeouts: bool,
    /// Bytes that may still be received in this operation.
    remaining: usize,
    /// Bytes received in this operation.
    received: usize,
    /// The first byte of the connection.
    first_byte: Option<u8>,
}

enum InnerSocket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl DeadlineStream {
    pub(super) fn tcp(socket: TcpStream, timeout: Duration) -> io::Result<Self> {
        Self::new(InnerSocket::Tcp(socket), timeout)
    }

    pub(super) fn unix(socket: UnixStream, timeout: Duration) -> io::Result<Self> {
        Self::new(InnerSocket::Unix(socket), timeout)
    }

    fn new(socket: InnerSocket, timeout: Duration) -> io::Result<Self> {
        let stream = Self {
            socket,
            timeout,
            deadline: Instant::now() + timeout,
            has_short_timeouts: false,
            remaining: usize::MAX,
            received: 0,
            first_byte: None,
        };
        stream.set_timeouts(timeout)?;
        Ok(stream)
    }

    /// Starts an operation: sets its deadline, and allows `limit` bytes to be received.
    pub(super) fn begin(&mut self, limit: usize) -> io::Result<()> {
        self.deadline = Instant::now() + self.timeout;
        (self.remaining, self.received) = (limit, 0);
        if self.has_short_timeouts {
            self.has_short_timeouts = false;
            self.set_timeouts(self.timeout)?;
        }
        Ok(())
    }

    pub(super) fn is_tcp(&self) -> bool {
        matches!(self.socket, InnerSocket::Tcp(_))
    }

    pub(super) fn first_byte(&self) -> Option<u8> {
        self.first_byte
    }

    fn set_timeouts(&self, timeout: Duration) -> io::Result<()> {
        let timeout = Some(timeout);
        match &self.socket {
            InnerSocket::Tcp(socket) => {
                socket.set_read_timeout(timeout)?;
                socket.set_write_timeout(timeout)
            }
            InnerSocket::Unix(socket) => {
                socket.set_read_timeout(timeout)?;
                socket.set_write_timeout(timeout)
            }
        }
    }

    /// The timeouts of a socket apply to each call, so a peer that sends slowly would never reach them. They are
    /// shortened only after half of the time, which a healthy Redis does not need.
    fn check_deadline(&mut self) -> io::Result<()> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::from(ErrorKind::TimedOut));
        }
        if left < self.timeout / 2 {
            self.has_short_timeouts = true;
            self.set_timeouts(left)?;
        }
        Ok(())
    }

    fn read_before_deadline(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.check_deadline()?;
        let most = into.len().min(self.remaining);
        let into = into.get_mut(..most).unwrap_or_default();
        let count = match &mut self.socket {
            InnerSocket::Tcp(socket) => socket.read(into),
            InnerSocket::Unix(socket) => socket.read(into),
        }?;
        self.remaining -= count;
        self.received += count;
        if count > 0 && self.first_byte.is_none() {
            self.first_byte = into.first().copied();
        }
        Ok(count)
    }
}

impl Read for DeadlineStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.remaining == 0 {
            return Err(Error::new(ErrorKind::QuotaExceeded, "its reply exceeds the size limit"));
        }
        self.read_before_deadline(into).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut if self.received >= LARGE_REPLY_BYTES => {
                Error::new(ErrorKind::QuotaExceeded, "its reply is too large to arrive in time")
            }
            _ => error,
        })
    }
}

impl Write for DeadlineStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check_deadline()?;
        match &mut self.socket {
            InnerSocket::Tcp(socket) => socket.write(bytes),
            InnerSocket::Unix(socket) => socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
