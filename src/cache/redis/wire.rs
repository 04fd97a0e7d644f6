//! Bytes to and from Redis: TCP, a Unix socket, TLS over TCP. Every operation has a deadline in all,
//! however slowly bytes trickle, and a limit, however many come. What they mean is not known here.

use super::tls::Tls;
use rustls::{ClientConnection, StreamOwned};
use socket2::{Domain, SockAddr, Type};
use std::io::{self, Error, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// An answer of that many bytes that does not end in time is too large, not late.
const MUCH: usize = 1024 * 1024;

pub(super) enum Wire {
    Plain(Bounded),
    Tls(Box<StreamOwned<ClientConnection, Bounded>>),
}

/// A socket with a deadline and a limit.
pub(super) struct Bounded {
    socket: Socket,
    timeout: Duration,
    until: Instant,
    /// The socket's own timeouts are shorter than `timeout`.
    shortened: bool,
    /// Bytes that may still come, and those that have.
    left: usize,
    came: usize,
    /// The first byte that came at all.
    first: Option<u8>,
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Wire {
    /// The name is looked up anew, each time; a lookup has no deadline, so no request may wait here.
    pub(super) fn tcp(host: &str, port: u16, tls: Option<&Tls>, timeout: Duration) -> io::Result<Self> {
        let socket = Bounded::new(Socket::Tcp(dial(host, port, timeout)?), timeout)?;
        match tls {
            None => Ok(Self::Plain(socket)),
            Some(tls) => Ok(Self::Tls(Box::new(tls.shake_hands(host, socket)?))),
        }
    }

    /// Does not wait in a queue that is full: whoever is behind it does not accept.
    pub(super) fn unix(path: &Path, timeout: Duration) -> io::Result<Self> {
        let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::unix(path)?).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => Error::new(ErrorKind::TimedOut, "nobody accepts on the socket"),
            _ => error,
        })?;
        socket.set_nonblocking(false)?;
        let socket = UnixStream::from(OwnedFd::from(socket));
        Ok(Self::Plain(Bounded::new(Socket::Unix(socket), timeout)?))
    }

    /// From here on a new deadline holds, and at most `limit` bytes may come.
    pub(super) fn begin(&mut self, limit: usize) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.begin(limit),
            Self::Tls(stream) => stream.sock.begin(limit),
        }
    }

    pub(super) fn is_plain_tcp(&self) -> bool {
        matches!(self, Self::Plain(Bounded { socket: Socket::Tcp(_), .. }))
    }

    /// What answered without TLS began with the first byte of a TLS record.
    pub(super) fn speaks_tls(&self) -> bool {
        matches!(self, Self::Plain(socket) if matches!(socket.first, Some(0x14..=0x17)))
    }
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(into),
            Self::Tls(stream) => stream.read(into),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// Tries each address of the name, with its share of the time that is left.
fn dial(host: &str, port: u16, timeout: Duration) -> io::Result<TcpStream> {
    let addresses: Vec<_> = (host, port).to_socket_addrs()?.collect();
    let until = Instant::now() + timeout;
    let mut last = Error::new(ErrorKind::NotFound, "the name has no address");
    for (tried, address) in addresses.iter().enumerate() {
        let others = u32::try_from(addresses.len() - tried).unwrap_or(1);
        let share = until.saturating_duration_since(Instant::now()) / others;
        match TcpStream::connect_timeout(address, share.max(Duration::from_millis(1))) {
            Ok(socket) => {
                socket.set_nodelay(true)?;
                return Ok(socket);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl Bounded {
    fn new(socket: Socket, timeout: Duration) -> io::Result<Self> {
        let now = Instant::now();
        let bounded =
            Self { socket, timeout, until: now + timeout, shortened: false, left: usize::MAX, came: 0, first: None };
        bounded.set_timeouts(timeout)?;
        Ok(bounded)
    }

    fn begin(&mut self, limit: usize) -> io::Result<()> {
        self.until = Instant::now() + self.timeout;
        (self.left, self.came) = (limit, 0);
        if self.shortened {
            self.shortened = false;
            self.set_timeouts(self.timeout)?;
        }
        Ok(())
    }

    fn set_timeouts(&self, timeout: Duration) -> io::Result<()> {
        let timeout = Some(timeout);
        match &self.socket {
            Socket::Tcp(socket) => socket.set_read_timeout(timeout).and_then(|()| socket.set_write_timeout(timeout)),
            Socket::Unix(socket) => socket.set_read_timeout(timeout).and_then(|()| socket.set_write_timeout(timeout)),
        }
    }

    /// The socket's timeouts are per call, so a peer that trickles would never meet them. They are
    /// set anew only once a good part of the time is gone, which a healthy Redis never sees.
    fn check_deadline(&mut self) -> io::Result<()> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::from(ErrorKind::TimedOut));
        }
        if left < self.timeout / 2 {
            self.shortened = true;
            self.set_timeouts(left)?;
        }
        Ok(())
    }
}

impl Read for Bounded {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(Error::new(ErrorKind::QuotaExceeded, "it sends more than an answer may have"));
        }
        self.read_in_time(into).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut if self.came >= MUCH => {
                Error::new(ErrorKind::QuotaExceeded, "its answer is too large to come in time")
            }
            _ => error,
        })
    }
}

impl Bounded {
    fn read_in_time(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.check_deadline()?;
        let most = into.len().min(self.left);
        let into = into.get_mut(..most).unwrap_or_default();
        let count = match &mut self.socket {
            Socket::Tcp(socket) => socket.read(into),
            Socket::Unix(socket) => socket.read(into),
        }?;
        self.left -= count;
        self.came += count;
        self.first = self.first.or_else(|| into.first().copied().filter(|_| count > 0));
        Ok(count)
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check_deadline()?;
        match &mut self.socket {
            Socket::Tcp(socket) => socket.write(bytes),
            Socket::Unix(socket) => socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
