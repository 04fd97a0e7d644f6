//! The door: where the daemon listens, and who may come in.
//!
//! It knows no route, no Redis and no drive. tiny_http itself sets no limits on connections and
//! heads; until the gate stands in front of it, the port belongs on loopback.

use super::Listener;
use super::reply::Problem;
use super::route::{Target, split};
use crate::config::{HttpConfig, Listen};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use thiserror::Error;
use tiny_http::{HTTPVersion, Method, Request, Server};

const BACKLOG: i32 = 1024;

#[derive(Debug, Error)]
pub enum GateError {
    #[error("cannot listen on {address}: {error}")]
    Listen { address: String, error: io::Error },
    #[error("cannot serve on {address}: {error}")]
    Serve { address: String, error: String },
}

/// Who may come in.
pub struct Door {
    token: Option<String>,
    /// Empty on a Unix socket, where no browser can be led astray.
    hosts: Vec<String>,
}

impl Door {
    pub fn new(config: &HttpConfig) -> Self {
        let hosts = match config.listen {
            Listen::Tcp(_) => config.allowed_hosts.clone(),
            Listen::Unix(_) => Vec::new(),
        };
        Self { token: config.token.clone(), hosts }
    }

    /// Listens on every address.
    pub fn open(config: &HttpConfig) -> Result<Vec<Listener>, GateError> {
        match &config.listen {
            Listen::Tcp(addresses) => addresses.iter().map(|a| serve(a.to_string(), listen(*a))).collect(),
            Listen::Unix(path) => Ok(vec![serve(format!("unix:{}", path.display()), listen_unix(path))?]),
        }
    }

    /// Checks a request before anything is looked up: what it asks for, or why not.
    pub fn admit(&self, request: &Request) -> Result<Target, Problem> {
        let header = |name: &'static str| {
            let mut all = request.headers().iter().filter(move |h| h.field.equiv(name)).map(|h| h.value.as_str());
            (all.next(), all.next().is_some())
        };
        if !matches!(request.http_version(), HTTPVersion(1, 0 | 1)) {
            return Err(Problem::HttpVersion);
        }
        if !matches!(request.method(), Method::Get | Method::Head) {
            return Err(Problem::Method);
        }
        if header("Transfer-Encoding").0.is_some() || request.body_length().is_some_and(|n| n > 0) {
            return Err(Problem::Bad("a GET or HEAD request has no body".to_owned()));
        }
        self.check_host(header("Host"), *request.http_version() == HTTPVersion(1, 1))?;
        self.check_token(header("Authorization").0)?;
        split(request.url())
    }

    fn check_host(&self, (host, twice): (Option<&str>, bool), is_needed: bool) -> Result<(), Problem> {
        if twice {
            return Err(Problem::Bad("more than one Host header".to_owned()));
        }
        match host {
            _ if self.hosts.is_empty() => Ok(()),
            None if is_needed => Err(Problem::Bad("an HTTP/1.1 request has a Host header".to_owned())),
            None => Ok(()),
            Some(host) if self.hosts.iter().any(|known| known.eq_ignore_ascii_case(without_port(host))) => Ok(()),
            Some(_) => Err(Problem::Host),
        }
    }

    fn check_token(&self, authorization: Option<&str>) -> Result<(), Problem> {
        let Some(token) = &self.token else { return Ok(()) };
        let given =
            authorization.and_then(|a| a.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        match given {
            Some((_, given)) if same(given.trim().as_bytes(), token.as_bytes()) => Ok(()),
            _ => Err(Problem::Token),
        }
    }
}

/// Compares without telling, by the time it takes, how much was right.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0u8, |diff, (x, y)| diff | (x ^ y)) == 0
}

/// `nas1:9780` is `nas1`; `[::1]:9780` is `[::1]`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|b| b.is_ascii_digit()) && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        _ => host,
    }
}

fn serve(address: String, listener: Result<tiny_http::Listener, io::Error>) -> Result<Listener, GateError> {
    let listener = listener.map_err(|error| GateError::Listen { address: address.clone(), error })?;
    let server = Server::from_listener(listener, None);
    let server = server.map_err(|e| GateError::Serve { address, error: e.to_string() })?;
    Ok(Listener(Arc::new(server)))
}

fn listen(address: SocketAddr) -> io::Result<tiny_http::Listener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Accepted sockets inherit it. Without it the last piece of an answer waits for the client's
    // delayed acknowledgement: 44 ms on every reused connection.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from(socket).into())
}

fn listen_unix(path: &Path) -> io::Result<tiny_http::Listener> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket());
    // A socket that nobody answers on was left by a daemon that was killed.
    if is_socket && UnixStream::connect(path).is_err() {
        std::fs::remove_file(path)?;
    }
    Ok(UnixListener::bind(path)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_without_their_port() {
        for (host, name) in [
            ("nas1", "nas1"),
            ("nas1:9780", "nas1"),
            ("[::1]:9780", "[::1]"),
            ("[::1]", "[::1]"),
            ("127.0.0.1:80", "127.0.0.1"),
            ("evil:x", "evil:x"),
        ] {
            assert_eq!(without_port(host), name);
        }
        let door = Door { token: None, hosts: vec!["localhost".into()] };
        assert!(door.check_host((Some("LOCALHOST:1"), false), true).is_ok());
        assert!(matches!(door.check_host((Some("evil.example"), false), true), Err(Problem::Host)));
        assert!(matches!(door.check_host((None, false), true), Err(Problem::Bad(_))));
        assert!(matches!(door.check_host((Some("localhost"), true), true), Err(Problem::Bad(_))));
    }

    #[test]
    fn only_the_very_token_opens() {
        let door = Door { token: Some("s3cret".into()), hosts: vec![] };
        assert!(door.check_token(Some("Bearer s3cret")).is_ok());
        for wrong in
            [None, Some("s3cret"), Some("Bearer s3cre"), Some("Bearer s3crets"), Some("Basic s3cret"), Some("Bearer ")]
        {
            assert!(matches!(door.check_token(wrong), Err(Problem::Token)), "{wrong:?}");
        }
    }
}
