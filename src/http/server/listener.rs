//! Listening sockets on the public addresses, and hints on what to do if listening fails.

use crate::unix_socket;
use rustix::net::sockopt::set_tcp_user_timeout;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::path::Path;

const BACKLOG: i32 = 1024;
/// How long the kernel keeps data that a client does not acknowledge. That may be megabytes per connection, even after
/// the connection was closed.
const TCP_USER_TIMEOUT_MS: u32 = 20_000;

/// Whether the host does not have the address or the address family.
pub(super) fn is_address_unavailable(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

pub(super) fn listen_tcp(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Accepted sockets inherit it. Without it the last segment of a response waits for the client's delayed
    // acknowledgement: 44 ms on every reused connection.
    socket.set_tcp_nodelay(true)?;
    set_tcp_user_timeout(&socket, TCP_USER_TIMEOUT_MS)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

pub(super) fn listen_unix(path: &Path) -> io::Result<Socket> {
    let socket = unix_socket::bind(path)?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// What to do about an address on which listening fails.
pub(crate) fn listen_error_hint(address: &str, error: &io::Error) -> &'static str {
    let is_unix = address.starts_with("unix:");
    match error.kind() {
        io::ErrorKind::AddrInUse if is_unix => {
            "the path is in use: stop the program that uses it, remove the file, or set JBOD_LISTEN to another path"
        }
        io::ErrorKind::AddrInUse => {
            "the port is in use (ss -ltnp shows by which program): stop that program, or set JBOD_LISTEN to another port"
        }
        io::ErrorKind::PermissionDenied if is_unix => {
            "the user may not write to that directory: set JBOD_LISTEN to a path in a directory of this user, such as /run/jbod-monitor/"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 require CAP_NET_BIND_SERVICE: set JBOD_LISTEN to a higher port"
        }
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            "its directory does not exist: create it, or set JBOD_LISTEN to another path"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this host does not have the address: set JBOD_LISTEN to one that it has (ip addr lists them)"
        }
        _ => "set JBOD_LISTEN to ADDR:PORT, or to unix: and an absolute path of at most 107 bytes",
    }
}
