//! Who may come in: the Host allowlist (against DNS rebinding) and the bearer token.

use super::head::Claims;
use crate::http::endpoint::{Addresses, Endpoint};
use crate::http::reply::Problem;
use crate::http::tally::Tally;
use std::sync::Arc;

pub(super) struct Door {
    token: Option<String>,
    /// Empty on a Unix socket, where no browser can be led astray.
    hosts: Vec<String>,
    tally: Arc<Tally>,
}

impl Door {
    pub(super) fn new(endpoint: &Endpoint) -> Self {
        let hosts = match endpoint.addresses {
            Addresses::Tcp(_) => endpoint.allowed_hosts.clone(),
            Addresses::Unix(_) => Vec::new(),
        };
        Self { token: endpoint.token.clone(), hosts, tally: Arc::default() }
    }

    pub(super) fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.tally)
    }

    /// Somebody was sent away.
    pub(super) fn refused(&self, status: u16) {
        self.tally.refused(status);
    }

    /// A worker's wake-up came for a request that was over already.
    pub(super) fn late_completion(&self) {
        self.tally.late_completion();
    }

    /// What a request of one's own must carry.
    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// HTTP/1.0 need not name a host; what is named must be known.
    /// `is_open`: no token is asked for what is wanted.
    pub(super) fn check(&self, claims: &Claims, is_open: bool) -> Result<(), Problem> {
        let is_known = |host: &str| self.hosts.iter().any(|known| known.eq_ignore_ascii_case(without_port(host)));
        if !self.hosts.is_empty() && !claims.host.is_none_or(is_known) {
            return Err(Problem::Host);
        }
        if is_open { Ok(()) } else { self.check_token(claims.authorization) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_hosts_are_served() {
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
        let door = Door { token: None, hosts: vec!["localhost".into()], tally: Arc::default() };
        let check = |host| door.check(&Claims { host, ..Claims::default() }, false);
        assert!(check(Some("LOCALHOST:1")).is_ok() && check(None).is_ok());
        assert!(matches!(check(Some("evil.example")), Err(Problem::Host)));
        let open = door.check(&Claims { host: Some("evil.example"), ..Claims::default() }, true);
        assert!(matches!(open, Err(Problem::Host)), "also where no token is asked");
    }

    #[test]
    fn only_the_very_token_opens() {
        let door = Door { token: Some("s3cret".into()), hosts: vec![], tally: Arc::default() };
        assert!(door.check_token(Some("Bearer s3cret")).is_ok());
        for wrong in
            [None, Some("s3cret"), Some("Bearer s3cre"), Some("Bearer s3crets"), Some("Basic s3cret"), Some("Bearer ")]
        {
            assert!(matches!(door.check_token(wrong), Err(Problem::Token)), "{wrong:?}");
        }
    }
}
