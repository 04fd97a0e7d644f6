//! Checks once, on a connection of its own, whether Redis is usable with the configuration.

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
    /// It answers, and requires another password or user.
    LoginRejected {
        why: String,
    },
    /// There is no trusted TLS connection.
    Untrusted {
        why: String,
    },
    /// It answers with errors.
    Rejected {
        why: String,
    },
    /// It does not answer.
    Unavailable {
        why: String,
    },
}

/// What is known of a usable Redis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RedisFacts {
    /// Unknown if this user may not use `INFO`, as are the next two.
    pub(crate) version: Option<String>,
    pub(crate) is_replica: bool,
    pub(crate) eviction: Option<Eviction>,
    /// The holder of the poll lease under the configured prefix.
    pub(crate) lease: Option<LeaseOwner>,
}

/// Connects, logs in, and queries the version and the poll lease. Writes nothing. Takes as long as the timeouts of all
/// sentinels and of the name resolution.
pub(crate) fn check_redis(config: &RedisConfig) -> RedisCheck {
    match Connector::new(config).map_err(RedisError::from).and_then(|connector| query(&connector, &config.key_prefix)) {
        Ok(check) => check,
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

fn query(connector: &Connector, prefix: &str) -> Result<RedisCheck, RedisError> {
    let mut connection = connector.discover_and_connect()?;
    // A user may have all required permissions, but not that for PING or INFO.
    connection
        .ask::<Value>(Cmd::new().arg("PING"))
        .or_else(|error| if error.code == "NOPERM" { Ok(Value::Nil) } else { Err(error) })?;
    let info: Option<String> = connection.ask(Cmd::new().arg("INFO")).ok();
    let field = |name: &str| {
        let line = info.as_deref()?.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().to_owned())
    };
    // A user without this permission cannot be used by the daemon either, which it reports.
    let lease: Option<Vec<u8>> = connection.ask(Cmd::new().arg("GET").arg(lease_key(prefix))).ok().flatten();
    Ok(RedisCheck::Usable(RedisFacts {
        version: field("redis_version:"),
        is_replica: field("role:").as_deref() == Some("slave"),
        eviction: info.as_deref().and_then(Eviction::read),
        lease: lease.and_then(|value| LeaseOwner::parse(&String::from_utf8_lossy(&value))),
    }))
}
