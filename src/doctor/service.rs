//! Findings about Redis, the control socket, the listen address and access.

use super::finding::{DoctorFinding, fail, ok, warn};
use crate::cache::redis::{RedisCheck, RedisFacts, check_redis};
use crate::config::{Config, ControlConfig, RedisConfig};
use crate::control::{SocketStatus, socket_status};
use crate::domain::host_identity::{HostIdentity, HostRelation};
use crate::http::{AddressStatus, Addresses, Endpoint, listen_error_hint, probe_addresses};
use crate::poller::own_prefix;
use std::path::Path;

/// `own`: the identity of this host.
pub(super) fn redis(config: &RedisConfig, own: &HostIdentity) -> Vec<DoctorFinding> {
    let place = format!("Redis at {}", config.address);
    let finding = match check_redis(config) {
        RedisCheck::Usable(facts) => return usable_redis(&place, &facts, &config.key_prefix, own),
        RedisCheck::LoginRejected { why } => {
            let login = match (&config.username, &config.password) {
                (_, None) => "a login without a password".to_owned(),
                (Some(user), Some(_)) => format!("the configured password of user {user}"),
                (None, Some(_)) => "the configured password".to_owned(),
            };
            fail(
                format!("{place} rejected {login}: {why}"),
                "set REDIS_PASSWORD_FILE, REDIS_PASSWORD or REDIS_URL (and REDIS_USERNAME for an ACL user)",
            )
        }
        RedisCheck::Untrusted { why } => fail(
            format!("no trusted TLS connection to {place}: {why}"),
            "check REDIS_URL (redis:// or rediss://), REDIS_CA_FILE, and the certificate of that Redis",
        ),
        RedisCheck::Rejected { why } => fail(
            format!("{place} does not respond like Redis: {why}"),
            "check REDIS_HOST, REDIS_PORT, REDIS_DB and REDIS_URL",
        ),
        RedisCheck::Unavailable { why } => warn(
            format!("{place} is unavailable: {why}; the daemon serves from memory, and loses all values at a restart"),
            "run apt-get install redis-server and systemctl start redis-server, or set REDIS_HOST, REDIS_PORT or REDIS_URL",
        ),
    };
    vec![finding]
}

/// The control socket of `jbod-monitor forget`.
pub(super) fn control(config: &ControlConfig) -> Vec<DoctorFinding> {
    let Some(path) = &config.socket else {
        return vec![ok("JBOD_CONTROL_SOCKET is none: jbod-monitor forget is disabled")];
    };
    let shown = path.display();
    vec![match socket_status(path) {
        SocketStatus::Served => ok(format!("control socket {shown}: a jbod-monitor is running")),
        SocketStatus::Free => ok(format!("control socket {shown}: no daemon is running")),
        SocketStatus::NoFolder => ok(format!(
            "control socket {shown}: its folder does not exist; systemd creates it when the service starts \
             (RuntimeDirectory), otherwise jbod-monitor forget is unavailable"
        )),
        SocketStatus::Denied => ok(format!("control socket {shown}: only root and the user of the daemon may connect")),
        SocketStatus::Other(error) => {
            warn(format!("control socket {shown} cannot be used: {error}"), "set JBOD_CONTROL_SOCKET to another path")
        }
    }]
}

fn usable_redis(place: &str, facts: &RedisFacts, prefix: &str, own: &HostIdentity) -> Vec<DoctorFinding> {
    let mut findings = vec![match &facts.version {
        version if facts.is_replica => fail(
            format!("{place} ({}) is a replica, which rejects writes", version.as_deref().unwrap_or_default()),
            "set REDIS_HOST or REDIS_URL to the master",
        ),
        Some(version) => ok(format!("{place}, version {version}")),
        None => ok(format!("{place}, version unknown (this user may not run INFO)")),
    }];
    if let Some(eviction) = &facts.eviction {
        findings.push(warn(
            format!("{place} evicts keys ({eviction}): the poll lease and stored values may disappear at any time"),
            "set maxmemory-policy noeviction, raise maxmemory, or use a separate Redis",
        ));
    }
    if let Some(owner) = &facts.lease
        && let Some(other) = &owner.identity
        && own.relation(other) == HostRelation::Other
    {
        let host = &owner.host;
        findings.push(fail(
            format!("another host ({host:?}) holds the poll lease under the same key prefix {prefix:?}"),
            format!("set JBOD_KEY_PREFIX={}, or another prefix for this host", own_prefix(prefix, own, Some(other))),
        ));
    }
    findings
}

pub(super) fn listen(endpoint: &Endpoint) -> Vec<DoctorFinding> {
    let mut findings = Vec::new();
    for (address, status) in probe_addresses(endpoint) {
        findings.push(match status {
            AddressStatus::Free => ok(format!("listen address {address} is free")),
            AddressStatus::OwnInstance => ok(format!("a jbod-monitor already serves on {address}")),
            AddressStatus::Unavailable(error) => {
                let remedy = listen_error_hint(&address, &error);
                fail(format!("the daemon cannot serve on {address}: {error}"), remedy)
            }
        });
    }
    findings
}

/// The clients that have access, and secrets of the service that this process does not have.
pub(super) fn access(config: &Config, endpoint: &Endpoint) -> Vec<DoctorFinding> {
    let mut findings = vec![ok(access_of(endpoint))];
    // With another root the settings are not meant for the service of this host.
    if config.root == Path::new("/") {
        for (setting, file) in config.unused_secrets() {
            let file = file.display();
            findings.push(warn(
                format!("{file} is not empty, but {setting} is not set: the service runs with other settings"),
                format!(
                    "run doctor with the settings of the service, see EXAMPLES in jbod-monitor(8), or set {setting}={file}"
                ),
            ));
        }
    }
    findings
}

fn access_of(endpoint: &Endpoint) -> &'static str {
    if endpoint.token.is_some() {
        return "clients must send a token";
    }
    match &endpoint.addresses {
        Addresses::Unix(_) => "no token is required: the mode of the socket determines which users can connect",
        Addresses::Tcp(addresses) if addresses.iter().all(|address| address.ip().is_loopback()) => {
            "no token is required: every user of this host has access"
        }
        Addresses::Tcp(_) => {
            "no token is required: every client that can reach this host has access (JBOD_ALLOW_ANONYMOUS)"
        }
    }
}
