//! The question to one sentinel: who is the master? Where to go with the answer is `connect`'s.

use super::connection::Connection;
use super::trouble::{Kind, Trouble};
use crate::config::Sentinels;
use redis::{Cmd, Value};

/// Host and port of the master, as this sentinel has it.
pub(super) fn master(mut connection: Connection, sentinels: &Sentinels) -> Result<(String, u16), Trouble> {
    if let Some(password) = &sentinels.password {
        let login = connection.ask::<Value>(Cmd::new().arg("AUTH").arg(password));
        // Its password is another than Redis's: which one was refused has to be told.
        login.map_err(|t| {
            let t = t.without(password);
            Trouble::new(t.kind, format!("REDIS_SENTINEL_PASSWORD_FILE: {t}")).at_start()
        })?;
    }
    let mut cmd = Cmd::new();
    cmd.arg("SENTINEL").arg("get-master-addr-by-name").arg(&sentinels.master);
    let reply: Value = connection.ask(&cmd).map_err(|trouble| match trouble.code.as_str() {
        "NOAUTH" => Trouble::new(Kind::Away, "it wants a password (REDIS_SENTINEL_PASSWORD_FILE)"),
        "ERR" => Trouble::new(Kind::Away, format!("is it a sentinel? {trouble}")),
        _ => trouble.at_start(),
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
    named.ok_or_else(|| Trouble::new(Kind::Away, format!("it knows no master {:?}", sentinels.master)))
}
