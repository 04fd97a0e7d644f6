//! Findings about the daemon's environment: Redis, and the listen address.

use super::finding::{DoctorFinding, fail, ok, warn};
use crate::cache::redis::{RedisCheck, RedisFacts, check_redis};
use crate::config::{Config, ControlConfig, RedisConfig};
use crate::control::{SocketStatus, socket_status};
use crate::domain::host_identity::{HostIdentity, HostRelation};
use crate::http::{AddressStatus, Addresses, Endpoint, listen_error_hint, probe_addresses};
use crate::poller::own_prefix;
use std::path::Path;

/// `own`: the host that this is.
pub(super) fn redis(config: &RedisConfig, own: &HostIdentity) -> Vec<DoctorFinding> {
    let place = format!("Redis at {}", config.address);
    let finding = match check_redis(config) {
        RedisCheck::Usable(facts) => return usable_redis(&place, &facts, &config.key_prefix, own),
        RedisCheck::LoginRejected { why } => {
            let how = match (&config.username, &config.password) {
                (_, None) => "no password is set here".to_owned(),
                (Some(user), Some(_)) => format!("with the password that is set, for user {user}"),
                (None, Some(_)) => "with the password that is set".to_owned(),
            };
            fail(
                format!("{place} does not let us in, {how}: {why}"),
                "REDIS_PASSWORD, REDIS_PASSWORD_FILE or REDIS_URL (and REDIS_USERNAME for an ACL user)",
            )
        }
        RedisCheck::Untrusted { why } => fail(
            format!("{place} cannot be trusted over TLS: {why}"),
            "REDIS_URL (redis:// or rediss://), REDIS_CA_FILE, or another certificate for that Redis",
        ),
        RedisCheck::Rejected { why } => fail(
            format!("{place} does not answer as Redis should: {why}"),
            "REDIS_HOST, REDIS_PORT, REDIS_DB or REDIS_URL",
        ),
        RedisCheck::Unavailable { why } => warn(
            format!("{place} cannot be reached: {why}; the daemon serves from memory, nothing outlives its restart"),
            "apt-get install redis-server and systemctl start redis-server, or REDIS_HOST, REDIS_PORT, REDIS_URL",
        ),
    };
    vec![finding]
}

/// The control socket, for `jbod-monitor forget`.
pub(super) fn control(config: &ControlConfig) -> Vec<DoctorFinding> {
    let Some(path) = &config.socket else {
        return vec![ok("JBOD_CONTROL_SOCKET is none: jbod-monitor forget cannot be used")];
    };
    let shown = path.display();
    vec![match socket_status(path) {
        SocketStatus::Served => ok(format!("a jbod-monitor has its control socket at {shown}")),
        SocketStatus::Free => ok(format!("no daemon has its control socket at {shown}")),
        SocketStatus::NoFolder => ok(format!(
            "no folder for the control socket at {shown}: systemd makes it when the service starts (RuntimeDirectory), else \
             jbod-monitor forget cannot be used"
        )),
        SocketStatus::Denied => ok(format!("the control socket at {shown} is for root and the user of the daemon")),
        SocketStatus::Other(error) => warn(
            format!("the control socket at {shown} cannot be used: {error}"),
            "another path in JBOD_CONTROL_SOCKET",
        ),
    }]
}

fn usable_redis(place: &str, facts: &RedisFacts, prefix: &str, own: &HostIdentity) -> Vec<DoctorFinding> {
    let mut findings = vec![match &facts.version {
        version if facts.is_replica => fail(
            format!("{place} ({}) is a replica, which takes no values", version.as_deref().unwrap_or_default()),
            "REDIS_HOST or REDIS_URL that names the master",
        ),
        Some(version) => ok(format!("{place}, version {version}")),
        None => ok(format!("{place}, version unknown (INFO is not allowed to this user)")),
    }];
    if let Some(eviction) = &facts.eviction {
        findings.push(warn(
            format!("{place} evicts keys ({eviction}): the poll lease and stored values may disappear at any time"),
            "maxmemory-policy noeviction, a larger maxmemory, or a Redis of its own",
        ));
    }
    let owner = facts.lease.as_ref().and_then(|lease| Some((lease, lease.identity.as_ref()?)));
    if let Some((owner, other)) = owner.filter(|(_, other)| own.relation(other) == HostRelation::Other) {
        let host = &owner.host;
        findings.push(fail(
            format!(
                "another host ({host:?}) holds the poll lease under the key prefix {prefix:?} that is set here, too"
            ),
            format!("JBOD_KEY_PREFIX={}, or another prefix of this host's own", own_prefix(prefix, own, Some(other))),
        ));
    }
    findings
}

pub(super) fn listen(endpoint: &Endpoint) -> Vec<DoctorFinding> {
    let finding = |(address, status): (String, AddressStatus)| match status {
        AddressStatus::Free => ok(format!("{address} is free for the daemon")),
        AddressStatus::OwnInstance => ok(format!("a jbod-monitor serves on {address} already")),
        AddressStatus::Unavailable(error) => {
            let remedy = listen_error_hint(&address, &error);
            fail(format!("the daemon cannot serve on {address}: {error}"), remedy)
        }
    };
    probe_addresses(endpoint).into_iter().map(finding).collect()
}

/// Which clients are answered, and secrets of the service that were not handed to this process.
pub(super) fn access(config: &Config, endpoint: &Endpoint) -> Vec<DoctorFinding> {
    let is_loopback = |addresses: &[std::net::SocketAddr]| addresses.iter().all(|address| address.ip().is_loopback());
    let access = match (&endpoint.token, &endpoint.addresses) {
        (Some(_), _) => "a token is required of clients",
        (None, Addresses::Unix(_)) => {
            "no token is required of clients: the mode of the socket decides which users can connect"
        }
        (None, Addresses::Tcp(addresses)) if is_loopback(addresses) => {
            "no token is required of clients: every user of this host gets answers"
        }
        (None, Addresses::Tcp(_)) => {
            "no token is required of clients: whoever reaches this host gets answers (JBOD_ALLOW_ANONYMOUS)"
        }
    };
    let mut findings = vec![ok(access)];
    // A host that is laid out elsewhere has nothing to do with the service of this one.
    if config.root == Path::new("/") {
        findings.extend(config.unused_secrets().into_iter().map(|(setting, file)| {
            let file = file.display();
            warn(
                format!("{file} is not empty, and {setting} is not set here: this is not what the service runs with"),
                format!("the settings of the service, as jbod-monitor(8) shows under EXAMPLES, or {setting}={file}"),
            )
        }));
    }
    findings
}
