//! Probes of the public addresses: their status before the daemon listens, and the self-check while it does.

use super::listener::{is_address_unavailable, listen_tcp};
use crate::http::endpoint::{Addresses, Endpoint};
use crate::http::response_head::CONTENT_SECURITY_POLICY;
use rustix::fs::{Access, AtFlags, CWD, accessat};
use socket2::{SockAddr, Socket, Type};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Timeout of each step: connecting, reading and writing.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// The status of an address.
#[derive(Debug)]
pub(crate) enum AddressStatus {
    Free,
    /// Another jbod-monitor uses it.
    OwnInstance,
    /// Another program uses it, or listening is not possible.
    Unavailable(io::Error),
}

/// The status of each configured address. Does not keep listening on any of them.
pub(crate) fn probe_addresses(endpoint: &Endpoint) -> Vec<(String, AddressStatus)> {
    match &endpoint.addresses {
        Addresses::Tcp(addresses) => {
            let statuses = addresses.iter().map(|address| (address.to_string(), probe_tcp(*address, endpoint)));
            let (absent, mut present): (Vec<_>, Vec<_>) = statuses.partition(|(_, status)| is_absent(status));
            // The host may lack some addresses of a name, but not all of them.
            if present.is_empty() {
                present = absent;
            }
            present
        }
        Addresses::Unix(path) => vec![(format!("unix:{}", path.display()), probe_unix(path, endpoint))],
    }
}

/// Whether the host does not have the address.
fn is_absent(status: &AddressStatus) -> bool {
    matches!(status, AddressStatus::Unavailable(error) if is_address_unavailable(error))
}

fn probe_tcp(address: SocketAddr, endpoint: &Endpoint) -> AddressStatus {
    let Err(error) = listen_tcp(address) else { return AddressStatus::Free };
    if error.kind() == io::ErrorKind::AddrInUse && is_own_tcp_instance(address, endpoint).unwrap_or(false) {
        return AddressStatus::OwnInstance;
    }
    AddressStatus::Unavailable(error)
}

fn is_own_tcp_instance(address: SocketAddr, endpoint: &Endpoint) -> io::Result<bool> {
    let stream = std::net::TcpStream::connect_timeout(&address, PROBE_TIMEOUT)?;
    stream.set_read_timeout(Some(PROBE_TIMEOUT))?;
    is_own_instance(stream, endpoint)
}

fn probe_unix(path: &Path, endpoint: &Endpoint) -> AddressStatus {
    if let Err(error) = SockAddr::unix(path) {
        return AddressStatus::Unavailable(error);
    }
    if let Ok(meta) = std::fs::symlink_metadata(path) {
        if !meta.file_type().is_socket() {
            return AddressStatus::Unavailable(io::ErrorKind::AddrInUse.into());
        }
        match UnixStream::connect(path) {
            Ok(stream) => {
                return match is_own_unix_instance(stream, endpoint) {
                    Ok(true) => AddressStatus::OwnInstance,
                    _ => AddressStatus::Unavailable(io::ErrorKind::AddrInUse.into()),
                };
            }
            // The socket was left by a daemon that was killed. The next one replaces it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) => return AddressStatus::Unavailable(error),
        }
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    match accessat(CWD, folder, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS) {
        Ok(()) => AddressStatus::Free,
        Err(error) => AddressStatus::Unavailable(error.into()),
    }
}

fn is_own_unix_instance(stream: UnixStream, endpoint: &Endpoint) -> io::Result<bool> {
    stream.set_read_timeout(Some(PROBE_TIMEOUT))?;
    is_own_instance(stream, endpoint)
}

/// Sends a request to a listener of this process. An error means that there was no HTTP response. Any status is a
/// response.
pub(super) fn self_check(listener: &Socket, token: Option<&str>) -> io::Result<()> {
    let address = listener.local_addr()?;
    let stream = Socket::new(address.domain(), Type::STREAM, None)?;
    stream.connect_timeout(&address, PROBE_TIMEOUT)?;
    stream.set_read_timeout(Some(PROBE_TIMEOUT))?;
    stream.set_write_timeout(Some(PROBE_TIMEOUT))?;
    let mut stream = &stream;
    stream.write_all(healthz_request(token).as_bytes())?;
    let mut prefix = [0u8; 9];
    stream.read_exact(&mut prefix)?;
    if prefix == *b"HTTP/1.1 " { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

fn healthz_request(token: Option<&str>) -> String {
    let authorization = match token {
        Some(token) => format!("Authorization: Bearer {token}\r\n"),
        None => String::new(),
    };
    format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{authorization}\r\n")
}

/// Requests `/healthz`. Returns whether the response is that of a jbod-monitor of any version.
fn is_own_instance(mut stream: impl Read + Write, endpoint: &Endpoint) -> io::Result<bool> {
    stream.write_all(healthz_request(endpoint.token.as_deref()).as_bytes())?;
    let mut response = Vec::new();
    stream.take(4096).read_to_end(&mut response)?;
    Ok(is_own_response(&String::from_utf8_lossy(&response)))
}

fn is_own_response(response: &str) -> bool {
    let Some((head, body)) = response.split_once("\r\n\r\n") else { return false };
    let is_ok = head.starts_with("HTTP/1.1 200 ") && body.starts_with("ok\n");
    let requires_token = head.starts_with("HTTP/1.1 401 ") && header(head, "WWW-Authenticate") == "Bearer";
    // The later directives differ between versions.
    let policy = first_directive(header(head, "Content-Security-Policy"));
    (is_ok || requires_token) && policy == first_directive(CONTENT_SECURITY_POLICY)
}

/// The value of a header; empty if there is none.
fn header<'a>(head: &'a str, wanted: &str) -> &'a str {
    for line in head.lines() {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case(wanted)
        {
            return value.trim();
        }
    }
    ""
}

fn first_directive(policy: &str) -> &str {
    policy.split(';').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::is_own_response;

    #[test]
    fn every_version_is_recognized_and_nothing_else() {
        let well = |policy: &str| format!("HTTP/1.1 200 OK\r\nContent-Security-Policy: {policy}\r\n\r\nok\n");
        let refused = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\n\
            content-security-policy: default-src 'self'; frame-ancestors 'none'\r\n\r\n{}";
        for ours in [&well("default-src 'self'"), &well(super::CONTENT_SECURITY_POLICY), refused] {
            assert!(is_own_response(ours), "{ours}");
        }
        let elsewhere = "HTTP/1.1 200 OK\r\n\r\nok\nContent-Security-Policy: default-src 'self'\r\n";
        let other = refused.replace("Bearer", "Basic");
        let long = well("default-src 'self' https:");
        for strange in ["", "HTTP/1.1 200 OK\r\n\r\nok\n", elsewhere, &well("default-src 'none'"), &long, &other] {
            assert!(!is_own_response(strange), "{strange}");
        }
    }
}
