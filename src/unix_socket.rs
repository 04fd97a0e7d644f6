//! Binds Unix sockets to listen on, in place of those that a killed daemon has left behind.

use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How long a socket may still accept connections after its daemon was killed. A child that the daemon was just
/// starting has a copy of the listening socket, which only execve(2) closes (`SOCK_CLOEXEC`, socket(2)); and a process
/// that has received SIGKILL takes a while to end.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(2);
const PROBE_INTERVAL: Duration = Duration::from_millis(50);

/// A bound, non-blocking socket. A socket at the path that refuses connections is replaced. If it still accepts
/// connections after a while, the error is `AddrInUse`.
pub(crate) fn bind(path: &Path) -> io::Result<Socket> {
    let address = SockAddr::unix(path)?;
    remove_abandoned(path, &address)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address)?;
    Ok(socket)
}

pub(crate) fn is_socket(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
}

fn remove_abandoned(path: &Path, address: &SockAddr) -> io::Result<()> {
    let deadline = Instant::now() + RELEASE_TIMEOUT;
    while is_socket(path) {
        if !accepts_connections(address)? {
            return remove(path);
        }
        if Instant::now() >= deadline {
            return Ok(());
        }
        thread::sleep(PROBE_INTERVAL);
    }
    Ok(())
}

/// Only a refused connection shows that no process listens any more: permission denied, or a socket of another type, is
/// an error, because the socket may belong to another service.
fn accepts_connections(address: &SockAddr) -> io::Result<bool> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A blocking connect(2) would wait while the backlog is full.
    socket.set_nonblocking(true)?;
    let Err(error) = socket.connect(address) else { return Ok(true) };
    match error.kind() {
        ErrorKind::WouldBlock => Ok(true),
        ErrorKind::ConnectionRefused | ErrorKind::NotFound => Ok(false),
        _ => Err(error),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        // Removed by its daemon, which was stopping.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
