//! Listening sockets on the public addresses, and hints on why listening fails.

use rustix::net::sockopt::set_tcp_user_timeout;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

const BACKLOG: i32 = 1024;
/// How long the kernel keeps data that a client does not acknowledge, up to megabytes for each, also after the end of
/// the connection.
const TCP_USER_TIMEOUT_MS: u32 = 20_000;

/// The host has no such address, or no such family.
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
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket());
    // A socket that accepts no connection was left by a daemon that was killed.
    if is_socket && Socket::new(Domain::UNIX, Type::STREAM, None)?.connect(&address).is_err() {
        std::fs::remove_file(path)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address)?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// What to do about an address on which listening fails.
pub(crate) fn listen_error_hint(address: &str, error: &io::Error) -> &'static str {
    let is_unix = address.starts_with("unix:");
    match error.kind() {
        io::ErrorKind::AddrInUse if is_unix => {
            "something else is there already: stop it, remove it, or set JBOD_LISTEN to another path"
        }
        io::ErrorKind::AddrInUse => {
            "another program, or another jbod-monitor, serves there (ss -ltnp shows which): stop it, or set JBOD_LISTEN to another port"
        }
        io::ErrorKind::PermissionDenied if is_unix => {
            "the user that runs this may not write to that folder: set JBOD_LISTEN to a path in one of its own, such as /run/jbod-monitor/"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need CAP_NET_BIND_SERVICE: set JBOD_LISTEN to a higher port"
        }
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            "its folder is not there: make it, or set JBOD_LISTEN to another path"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this host has no such address (ip addr shows which): set JBOD_LISTEN to one it has"
        }
        _ => "set JBOD_LISTEN to ADDR:PORT, or to unix: and an absolute path of at most 107 bytes",
    }
}
