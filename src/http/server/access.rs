//! The access policy: the allowlist of `Host` values (against DNS rebinding) and the bearer token.

use super::request_head::Credentials;
use crate::config::{address_in_host, without_final_dot};
use crate::http::endpoint::{Addresses, Endpoint};
use crate::http::problem::Problem;

pub(super) struct AccessPolicy {
    token: Option<String>,
    /// Empty on a Unix socket, which browsers cannot reach.
    allowed_hosts: Vec<String>,
}

impl AccessPolicy {
    pub(super) fn new(endpoint: &Endpoint) -> Self {
        let allowed_hosts = match endpoint.addresses {
            Addresses::Tcp(_) => endpoint.allowed_hosts.clone(),
            Addresses::Unix(_) => Vec::new(),
        };
        Self { token: endpoint.token.clone(), allowed_hosts }
    }

    /// The token that the self-check of this daemon must send.
    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// An absent host is allowed (HTTP/1.0); a host that is given must be in the allowlist. `is_public` is true if the
    /// target requires no token.
    pub(super) fn check(&self, credentials: &Credentials, is_public: bool) -> Result<(), Problem> {
        if let Some(host) = credentials.host
            && !self.allows_host(host)
        {
            return Err(Problem::Host);
        }
        if is_public { Ok(()) } else { self.check_token(credentials.authorization) }
    }

    /// An address is always allowed. DNS rebinding needs a name: a page of another site reaches this host under the
    /// name of that site, which the site makes resolve to an address of this host.
    fn allows_host(&self, host: &str) -> bool {
        if self.allowed_hosts.is_empty() {
            return true;
        }
        let host = without_port(host);
        let name = without_final_dot(host);
        address_in_host(host).is_some() || self.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
    }

    fn check_token(&self, authorization: Option<&str>) -> Result<(), Problem> {
        let Some(token) = &self.token else { return Ok(()) };
        let Some((scheme, given)) = authorization.unwrap_or_default().split_once(' ') else {
            return Err(Problem::Token);
        };
        if scheme.eq_ignore_ascii_case("bearer") && constant_time_eq(given.trim().as_bytes(), token.as_bytes()) {
            Ok(())
        } else {
            Err(Problem::Token)
        }
    }
}

/// Compares in a time that does not depend on the position of a difference.
fn constant_time_eq(left: &[u8], right: &[u8]) -> bool {
    let difference = left.iter().zip(right).fold(0u8, |difference, (left, right)| difference | (left ^ right));
    left.len() == right.len() && difference == 0
}

/// `nas1:9780` is `nas1`; `[::1]:9780` is `[::1]`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|byte| byte.is_ascii_digit()) && (!name.contains(':') || name.ends_with(']')) =>
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
    fn only_allowed_hosts_are_served() {
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
        let policy = AccessPolicy { token: None, allowed_hosts: vec!["localhost".into()] };
        let check = |host| policy.check(&Credentials { host, ..Credentials::default() }, false);
        assert!(check(None).is_ok());
        for host in ["LOCALHOST:1", "localhost.", "localhost.:1", "192.0.2.5:9780", "[2001:db8::5]", "[2001:db8::5]:1"]
        {
            assert!(check(Some(host)).is_ok(), "{host}");
        }
        for host in ["evil.example", "localhost..", ".", "", "192.0.2.5.evil.example", "192.0.2", "2001:db8::5"] {
            assert!(matches!(check(Some(host)), Err(Problem::Host)), "{host}");
        }
        let public = policy.check(&Credentials { host: Some("evil.example"), ..Credentials::default() }, true);
        assert!(matches!(public, Err(Problem::Host)), "even if no token is required");
    }

    #[test]
    fn only_the_exact_token_is_accepted() {
        let policy = AccessPolicy { token: Some("s3cret".into()), allowed_hosts: vec![] };
        assert!(policy.check_token(Some("Bearer s3cret")).is_ok());
        for wrong in
            [None, Some("s3cret"), Some("Bearer s3cre"), Some("Bearer s3crets"), Some("Basic s3cret"), Some("Bearer ")]
        {
            assert!(matches!(policy.check_token(wrong), Err(Problem::Token)), "{wrong:?}");
        }
    }
}
