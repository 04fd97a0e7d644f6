//! Probes of the public addresses: what is there before the daemon listens, and whether it responds while it does.

use super::listener::{is_address_unavailable, listen_tcp};
use crate::http::endpoint::{Addresses, Endpoint};
use crate::http::response_head::CONTENT_SECURITY_POLICY;
use rustix::fs::{Access, AtFlags, CWD, accessat};
use socket2::{SockAddr, Socket, Type};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::Duration;

/// For each of connecting, reading and writing.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// The status of an address.
#[derive(Debug)]
pub(crate) enum AddressStatus {
    Free,
    /// A jbod-monitor serves there.
    OwnInstance,
    /// Another program serves there, or listening is not possible.
    Unavailable(io::Error),
}

/// The status of each configured address. Listens on none of them.
pub(crate) fn probe_addresses(endpoint: &Endpoint) -> Vec<(String, AddressStatus)> {
    match &endpoint.addresses {
        Addresses::Tcp(addresses) => {
            let statuses = addresses.iter().map(|address| (address.to_string(), probe_tcp(*address, endpoint)));
            let (absent, mut present): (Vec<_>, Vec<_>) = statuses.partition(|(_, status)| is_absent(status));
            // The host need not have all addresses of a name.
            if present.is_empty() {
                present = absent;
            }
            present
        }
        Addresses::Unix(path) => vec![(format!("unix:{}", path.display()), probe_unix(path, endpoint))],
    }
}

/// The host does not have the address.
fn is_absent(status: &AddressStatus) -> bool {
    matches!(status, AddressStatus::Unavailable(error) if is_address_unavailable(error))
}

fn probe_tcp(address: SocketAddr, endpoint: &Endpoint) -> AddressStatus {
    let Err(error) = listen_tcp(address) else { return AddressStatus::Free };
    let is_own = error.kind() == io::ErrorKind::AddrInUse
        && std::net::TcpStream::connect_timeout(&address, PROBE_TIMEOUT)
            .and_then(|stream| {
                stream.set_read_timeout(Some(PROBE_TIMEOUT))?;
                is_own_instance(stream, endpoint)
            })
            .unwrap_or(false);
    if is_own { AddressStatus::OwnInstance } else { AddressStatus::Unavailable(error) }
}

fn probe_unix(path: &Path, endpoint: &Endpoint) -> AddressStatus {
    if let Err(error) = SockAddr::unix(path) {
        return AddressStatus::Unavailable(error);
    }
    if let Ok(meta) = std::fs::symlink_metadata(path) {
        if !meta.file_type().is_socket() {
            return AddressStatus::Unavailable(io::ErrorKind::AddrInUse.into());
        }
        match std::os::unix::net::UnixStream::connect(path) {
            Ok(stream) => {
                let timeout = stream.set_read_timeout(Some(PROBE_TIMEOUT));
                let is_own = timeout.and_then(|()| is_own_instance(stream, endpoint)).unwrap_or(false);
                return if is_own {
                    AddressStatus::OwnInstance
                } else {
                    AddressStatus::Unavailable(io::ErrorKind::AddrInUse.into())
                };
            }
            // A daemon that was killed has left it. The next one replaces it.
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
    let token = token.map_or_else(String::new, |t| format!("Authorization: Bearer {t}\r\n"));
    format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{token}\r\n")
}

/// Requests `/healthz`, and recognises the response of a jbod-monitor of any version.
fn is_own_instance(mut stream: impl Read + Write, endpoint: &Endpoint) -> io::Result<bool> {
    stream.write_all(healthz_request(endpoint.token.as_deref()).as_bytes())?;
    let mut response = Vec::new();
    stream.take(4096).read_to_end(&mut response)?;
    Ok(is_own_response(&String::from_utf8_lossy(&response)))
}

fn is_own_response(response: &str) -> bool {
    let Some((head, body)) = response.split_once("\r\n\r\n") else { return false };
    let header = |name: &str| {
        let named = |line: &&str| line.split_once(':').is_some_and(|(this, _)| this.eq_ignore_ascii_case(name));
        head.lines().find(named).and_then(|line| line.split_once(':')).map(|(_, value)| value.trim())
    };
    let is_ok = head.starts_with("HTTP/1.1 200 ") && body.starts_with("ok\n");
    let requires_token = head.starts_with("HTTP/1.1 401 ") && header("WWW-Authenticate") == Some("Bearer");
    // The later directives differ between versions.
    let first_directive = |policy: &str| policy.split(';').next().unwrap_or_default().to_owned();
    let has_policy =
        header("Content-Security-Policy").map(first_directive) == Some(first_directive(CONTENT_SECURITY_POLICY));
    (is_ok || requires_token) && has_policy
}

#[cfg(test)]
mod tests {
    use super::is_own_response;

    #[test]
    fn every_version_is_recognised_and_nothing_else() {
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
