//! Checks once, on a separate connection, whether Redis is usable with the configuration.

use super::connector::Connector;
use super::error::{FailureKind, RedisError};
use super::eviction::Eviction;
use super::keys::lease_key;
use crate::api::lease_owner::LeaseOwner;
use crate::config::RedisConfig;
use redis::{Cmd, Value};

/// The result of the check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RedisCheck {
    Usable(RedisFacts),
    /// Redis is available, but rejects the password or the user.
    LoginRejected {
        why: String,
    },
    /// A trusted TLS connection cannot be established.
    Untrusted {
        why: String,
    },
    /// Redis replies with errors.
    Rejected {
        why: String,
    },
    /// Redis does not reply.
    Unavailable {
        why: String,
    },
}

/// Properties of a usable Redis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RedisFacts {
    /// Unknown if this user may not use `INFO`; the next two are then, too.
    pub(crate) version: Option<String>,
    pub(crate) is_replica: bool,
    pub(crate) eviction: Option<Eviction>,
    /// The holder of the poll lease under the configured prefix.
    pub(crate) lease: Option<LeaseOwner>,
}

/// Connects, logs in, and queries the version and the poll lease. Writes nothing. May take as long as the timeouts of
/// all sentinels and of the name resolution together.
pub(crate) fn check_redis(config: &RedisConfig) -> RedisCheck {
    match query(config) {
        Ok(facts) => RedisCheck::Usable(facts),
        Err(error) => {
            let why = error.message;
            match error.kind {
                _ if error.code == "NOPERM" => RedisCheck::LoginRejected { why },
                FailureKind::Login => RedisCheck::LoginRejected { why },
                FailureKind::Tls => RedisCheck::Untrusted { why },
                FailureKind::Unavailable | FailureKind::Disconnected if error.code.is_empty() => {
                    RedisCheck::Unavailable { why }
                }
                FailureKind::Unavailable
                | FailureKind::Disconnected
                | FailureKind::TooLarge
                | FailureKind::Rejected => RedisCheck::Rejected { why },
            }
        }
    }
}

fn query(config: &RedisConfig) -> Result<RedisFacts, RedisError> {
    let mut connection = Connector::new(config)?.discover_and_connect()?;
    // A user may have all required permissions, but not those for PING or INFO.
    match connection.ask::<Value>(Cmd::new().arg("PING")) {
        Err(error) if error.code != "NOPERM" => return Err(error),
        _ => {}
    }
    let info: String = connection.ask(Cmd::new().arg("INFO")).unwrap_or_default();
    // The daemon cannot use a user that may not read this either, and reports that.
    let lease = connection.ask::<Option<Vec<u8>>>(Cmd::new().arg("GET").arg(lease_key(&config.key_prefix)));
    let lease = lease.unwrap_or_default().unwrap_or_default();
    Ok(RedisFacts {
        version: info_field(&info, "redis_version:").map(str::to_owned),
        is_replica: info_field(&info, "role:") == Some("slave"),
        eviction: Eviction::read(&info),
        lease: LeaseOwner::parse(&String::from_utf8_lossy(&lease)),
    })
}

/// The value of a field of `INFO`. `name` includes the colon.
pub(super) fn info_field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    let value = info.lines().find_map(|line| line.strip_prefix(name))?;
    Some(value.trim())
}
