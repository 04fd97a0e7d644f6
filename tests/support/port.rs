//! Ports for programs that do not accept port 0, or do not report which port the kernel chose.

use socket2::{Domain, Socket, Type};
use std::fmt;
use std::net::SocketAddr;
use std::sync::LazyLock;

/// `JBOD_LISTEN` of a daemon whose port is read from its log (`Daemon::listening`).
pub const ANY_PORT: &str = "127.0.0.1:0";

/// A port of 127.0.0.1 that the kernel chose. It is bound, so that no other socket gets it, and does not listen, so
/// that connections are refused.
///
/// Programs that set `SO_REUSEADDR` can nevertheless listen on it: redis-server, Prometheus, the daemon and
/// `FakeRedis`.
pub struct ReservedPort {
    pub number: u16,
    _socket: Socket,
}

impl ReservedPort {
    pub fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_reuse_address(true).expect("SO_REUSEADDR");
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
        let address = socket.local_addr().expect("the address").as_socket().expect("an IP address");
        Self { number: address.port(), _socket: socket }
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> String {
        format!("127.0.0.1:{self}")
    }
}

impl fmt::Display for ReservedPort {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.number.fmt(f)
    }
}

/// A port on which nothing listens while the tests run.
pub fn refused_port() -> u16 {
    static PORT: LazyLock<ReservedPort> = LazyLock::new(ReservedPort::new);
    PORT.number
}
