//! The public address: listening on it, and who else may be there.

use crate::http::endpoint::{Addresses, Endpoint};
use crate::http::letterhead::POLICY;
use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::net::sockopt::set_tcp_user_timeout;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::Duration;

const BACKLOG: i32 = 1024;
/// How long the kernel keeps what a client does not take, megabytes of it for each, also after the
/// connection's end.
const UNTAKEN_MS: u32 = 20_000;
/// What whoever listens already may take to connect, and to say who it is.
const PATIENCE: Duration = Duration::from_secs(1);

/// The host has no such address, or no such family.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || error.raw_os_error() == Some(97)
}

pub(super) fn listen_tcp(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Accepted sockets inherit it. Without it the last piece of an answer waits for the client's
    // delayed acknowledgement: 44 ms on every reused connection.
    socket.set_tcp_nodelay(true)?;
    set_tcp_user_timeout(&socket, UNTAKEN_MS)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

pub(super) fn listen_unix(path: &Path) -> io::Result<Socket> {
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket());
    // A socket that nobody answers on was left by a daemon that was killed.
    if is_socket && Socket::new(Domain::UNIX, Type::STREAM, None)?.connect(&address).is_err() {
        std::fs::remove_file(path)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address)?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// What to do about an address that cannot be listened on.
pub fn advice(address: &str, error: &io::Error) -> &'static str {
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

/// What is at an address now.
#[derive(Debug)]
pub enum Place {
    Free,
    /// A jbod-monitor answers there.
    Ours,
    /// Somebody else does, or it cannot be had.
    Refused(io::Error),
}

/// Looks at every address that would be listened on, and listens on none.
pub fn look(endpoint: &Endpoint) -> Vec<(String, Place)> {
    match &endpoint.addresses {
        Addresses::Tcp(addresses) => {
            let places = addresses.iter().map(|address| (address.to_string(), look_tcp(*address, endpoint)));
            let (absent, mut there): (Vec<_>, Vec<_>) =
                places.partition(|(_, place)| matches!(place, Place::Refused(error) if is_absent(error)));
            // Not all addresses of a name need be there.
            if there.is_empty() {
                there = absent;
            }
            there
        }
        Addresses::Unix(path) => vec![(format!("unix:{}", path.display()), look_unix(path, endpoint))],
    }
}

fn look_tcp(address: SocketAddr, endpoint: &Endpoint) -> Place {
    let Err(error) = listen_tcp(address) else { return Place::Free };
    let answers = error.kind() == io::ErrorKind::AddrInUse
        && std::net::TcpStream::connect_timeout(&address, PATIENCE)
            .and_then(|stream| {
                stream.set_read_timeout(Some(PATIENCE))?;
                is_ours(stream, endpoint)
            })
            .unwrap_or(false);
    if answers { Place::Ours } else { Place::Refused(error) }
}

fn look_unix(path: &Path, endpoint: &Endpoint) -> Place {
    if let Err(error) = SockAddr::unix(path) {
        return Place::Refused(error);
    }
    if let Ok(meta) = std::fs::symlink_metadata(path) {
        if !meta.file_type().is_socket() {
            return Place::Refused(io::ErrorKind::AddrInUse.into());
        }
        match std::os::unix::net::UnixStream::connect(path) {
            Ok(stream) => {
                let timeout = stream.set_read_timeout(Some(PATIENCE));
                let answers = timeout.and_then(|()| is_ours(stream, endpoint)).unwrap_or(false);
                return if answers { Place::Ours } else { Place::Refused(io::ErrorKind::AddrInUse.into()) };
            }
            // Left by a daemon that was killed: it is replaced.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) => return Place::Refused(error),
        }
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    match accessat(CWD, folder, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS) {
        Ok(()) => Place::Free,
        Err(error) => Place::Refused(error.into()),
    }
}

/// An error: whoever listens there gave no answer in HTTP. A refusal is an answer, too.
pub(super) fn answers(listener: &Socket, token: Option<&str>) -> io::Result<()> {
    let address = listener.local_addr()?;
    let stream = Socket::new(address.domain(), Type::STREAM, None)?;
    stream.connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut stream = &stream;
    stream.write_all(request(token).as_bytes())?;
    let mut begin = [0u8; 9];
    stream.read_exact(&mut begin)?;
    if begin == *b"HTTP/1.1 " { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

fn request(token: Option<&str>) -> String {
    let token = token.map_or_else(String::new, |t| format!("Authorization: Bearer {t}\r\n"));
    format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{token}\r\n")
}

/// Asks for `/healthz`, and recognises the answer of a jbod-monitor of any version.
fn is_ours(mut stream: impl Read + Write, endpoint: &Endpoint) -> io::Result<bool> {
    stream.write_all(request(endpoint.token.as_deref()).as_bytes())?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer)?;
    Ok(is_our_answer(&String::from_utf8_lossy(&answer)))
}

fn is_our_answer(answer: &str) -> bool {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return false };
    let header = |name: &str| {
        let named = |line: &&str| line.split_once(':').is_some_and(|(this, _)| this.eq_ignore_ascii_case(name));
        head.lines().find(named).and_then(|line| line.split_once(':')).map(|(_, value)| value.trim())
    };
    let is_well = head.starts_with("HTTP/1.1 200 ") && body.starts_with("ok\n");
    let wants_token = head.starts_with("HTTP/1.1 401 ") && header("WWW-Authenticate") == Some("Bearer");
    // The later directives differ between versions.
    let first_directive = |policy: &str| policy.split(';').next().unwrap_or_default().to_owned();
    let has_policy = header("Content-Security-Policy").map(first_directive) == Some(first_directive(POLICY));
    (is_well || wants_token) && has_policy
}

#[cfg(test)]
mod tests {
    use super::is_our_answer;

    #[test]
    fn every_version_is_recognised_and_nobody_else() {
        let well = |policy: &str| format!("HTTP/1.1 200 OK\r\nContent-Security-Policy: {policy}\r\n\r\nok\n");
        let refused = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\n\
            content-security-policy: default-src 'self'; frame-ancestors 'none'\r\n\r\n{}";
        for ours in [&well("default-src 'self'"), &well(super::POLICY), refused] {
            assert!(is_our_answer(ours), "{ours}");
        }
        let elsewhere = "HTTP/1.1 200 OK\r\n\r\nok\nContent-Security-Policy: default-src 'self'\r\n";
        let other = refused.replace("Bearer", "Basic");
        let long = well("default-src 'self' https:");
        for strange in ["", "HTTP/1.1 200 OK\r\n\r\nok\n", elsewhere, &well("default-src 'none'"), &long, &other] {
            assert!(!is_our_answer(strange), "{strange}");
        }
    }
}
