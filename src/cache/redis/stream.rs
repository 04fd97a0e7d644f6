//! The byte stream to Redis: TCP, a Unix socket, or TLS over TCP. Each operation has a deadline and a byte limit. The
//! content is opaque here.

use super::deadline_stream::DeadlineStream;
use super::tls::Tls;
use rustls::{ClientConnection, StreamOwned};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, Error, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

pub(super) enum RedisStream {
    Plain(DeadlineStream),
    Tls(Box<StreamOwned<ClientConnection, DeadlineStream>>),
}

impl RedisStream {
    /// Connects over TCP. Resolves the name each time, which has no deadline, so no request may call this with a name.
    pub(super) fn tcp(host: &str, port: u16, tls: Option<&Tls>, timeout: Duration) -> io::Result<Self> {
        let stream = DeadlineStream::tcp(connect_tcp(host, port, timeout)?, timeout)?;
        match tls {
            None => Ok(Self::Plain(stream)),
            Some(tls) => Ok(Self::Tls(Box::new(tls.handshake(host, stream)?))),
        }
    }

    /// Connects to a Unix socket. Does not wait if the backlog of the listener is full.
    pub(super) fn unix(path: &Path, timeout: Duration) -> io::Result<Self> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::unix(path)?).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => Error::new(ErrorKind::TimedOut, "the backlog of the socket is full"),
            _ => error,
        })?;
        socket.set_nonblocking(false)?;
        let socket = UnixStream::from(OwnedFd::from(socket));
        Ok(Self::Plain(DeadlineStream::unix(socket, timeout)?))
    }

    /// Starts an operation: sets its deadline, and allows `limit` bytes to be received.
    pub(super) fn begin(&mut self, limit: usize) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.begin(limit),
            Self::Tls(stream) => stream.sock.begin(limit),
        }
    }

    pub(super) fn is_plain_tcp(&self) -> bool {
        matches!(self, Self::Plain(stream) if stream.is_tcp())
    }

    /// Whether the peer of a stream without TLS has sent a TLS record.
    pub(super) fn peer_speaks_tls(&self) -> bool {
        matches!(self, Self::Plain(stream) if matches!(stream.first_byte(), Some(0x14..=0x17)))
    }
}

impl Read for RedisStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(into),
            Self::Tls(stream) => stream.read(into),
        }
    }
}

impl Write for RedisStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// Tries each address of the name, with its share of the remaining time.
fn connect_tcp(host: &str, port: u16, timeout: Duration) -> io::Result<TcpStream> {
    let addresses: Vec<_> = (host, port).to_socket_addrs()?.collect();
    let deadline = Instant::now() + timeout;
    let mut last = Error::new(ErrorKind::NotFound, "the name has no address");
    for (tried, address) in addresses.iter().enumerate() {
        let others = u32::try_from(addresses.len() - tried).unwrap_or(1);
        let share = deadline.saturating_duration_since(Instant::now()) / others;
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
