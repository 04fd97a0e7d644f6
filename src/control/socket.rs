//! Creates the control socket, and checks the status of its path.

use crate::unix_socket::{self, is_socket};
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 4;
/// Only root and the user of the daemon may connect.
const MODE: u32 = 0o600;

pub(super) fn bind(path: &Path) -> io::Result<UnixListener> {
    let socket = unix_socket::bind(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(MODE))?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The status of the path of a control socket.
#[derive(Debug)]
pub(crate) enum SocketStatus {
    /// A daemon accepts connections.
    Served,
    /// The path does not exist, or is a socket left behind by a daemon that was killed.
    Free,
    /// The folder does not exist. systemd creates it when the service starts.
    NoFolder,
    /// This user may not connect.
    Denied,
    /// Any other error.
    Other(io::Error),
}

pub(crate) fn socket_status(path: &Path) -> SocketStatus {
    let Err(error) = UnixStream::connect(path) else { return SocketStatus::Served };
    match error.kind() {
        io::ErrorKind::ConnectionRefused if is_socket(path) => SocketStatus::Free,
        io::ErrorKind::NotFound if path.parent().is_some_and(Path::is_dir) => SocketStatus::Free,
        io::ErrorKind::NotFound => SocketStatus::NoFolder,
        io::ErrorKind::PermissionDenied => SocketStatus::Denied,
        _ => SocketStatus::Other(error),
    }
}
