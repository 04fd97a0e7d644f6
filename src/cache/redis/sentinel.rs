//! The query of one sentinel for the address of the master.

use super::connection::RedisConnection;
use super::error::{FailureKind, RedisError};
use crate::config::Sentinels;
use redis::{Cmd, Value};

/// Host and port of the master according to this sentinel.
pub(super) fn query_master(
    mut connection: RedisConnection,
    sentinels: &Sentinels,
) -> Result<(String, u16), RedisError> {
    if let Some(password) = &sentinels.password {
        let login = connection.ask::<Value>(Cmd::new().arg("AUTH").arg(password));
        // The sentinel's password is another than Redis's: the error has to say which one was rejected.
        login.map_err(|t| {
            let t = t.redacted(password);
            RedisError::new(t.kind, format!("REDIS_SENTINEL_PASSWORD_FILE: {t}")).at_connect()
        })?;
    }
    let mut cmd = Cmd::new();
    cmd.arg("SENTINEL").arg("get-master-addr-by-name").arg(&sentinels.master);
    let reply: Value = connection.ask(&cmd).map_err(|error| match error.code.as_str() {
        "NOAUTH" => RedisError::new(FailureKind::Unavailable, "it wants a password (REDIS_SENTINEL_PASSWORD_FILE)"),
        "ERR" => RedisError::new(FailureKind::Unavailable, format!("is it a sentinel? {error}")),
        _ => error.at_connect(),
    })?;
    let text = |value: &Value| match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        _ => None,
    };
    let named = match &reply {
        Value::Array(parts) => parts.first().and_then(text).zip(parts.get(1).and_then(text)),
        _ => None,
    };
    let named = named.and_then(|(host, port)| Some((host, port.parse().ok()?)));
    named.ok_or_else(|| RedisError::new(FailureKind::Unavailable, format!("it knows no master {:?}", sentinels.master)))
}
