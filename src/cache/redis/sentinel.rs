//! The query of one sentinel for the address of the master.

use super::connection::RedisConnection;
use super::error::{FailureKind, RedisError};
use crate::config::Sentinels;
use redis::{Cmd, Value};

/// Host and port of the master that this sentinel reports.
pub(super) fn query_master(
    mut connection: RedisConnection,
    sentinels: &Sentinels,
) -> Result<(String, u16), RedisError> {
    if let Some(password) = &sentinels.password {
        let login = connection.ask::<Value>(Cmd::new().arg("AUTH").arg(password));
        // Sentinel and Redis have different passwords: the error names the one that was rejected.
        if let Err(error) = login {
            let error = error.redacted(password);
            return Err(RedisError::new(error.kind, format!("REDIS_SENTINEL_PASSWORD_FILE: {error}")).at_connect());
        }
    }
    let mut cmd = Cmd::new();
    cmd.arg("SENTINEL").arg("get-master-addr-by-name").arg(&sentinels.master);
    let reply: Value = connection.ask(&cmd).map_err(|error| match error.code.as_str() {
        "NOAUTH" => RedisError::new(FailureKind::Unavailable, "it requires a password (REDIS_SENTINEL_PASSWORD_FILE)"),
        "ERR" => RedisError::new(FailureKind::Unavailable, format!("is it a sentinel? {error}")),
        _ => error.at_connect(),
    })?;
    match parse_address(&reply) {
        Some(address) => Ok(address),
        None => Err(RedisError::new(FailureKind::Unavailable, format!("it knows no master {:?}", sentinels.master))),
    }
}

/// A list of host and port, both as text.
fn parse_address(reply: &Value) -> Option<(String, u16)> {
    let Value::Array(parts) = reply else { return None };
    let [Value::BulkString(host), Value::BulkString(port), ..] = parts.as_slice() else { return None };
    let host = String::from_utf8(host.clone()).ok()?;
    let port = std::str::from_utf8(port).ok()?.parse().ok()?;
    Some((host, port))
}
