//! Whether Redis can be used as it is set, asked once on a connection of its own.

use super::connect::Manager;
use super::trouble::{Kind, Trouble};
use crate::config::RedisConfig;
use redis::{Cmd, Value};

/// What Redis is to this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Usable {
    /// It answers. The version is unknown where `INFO` is not allowed to this user.
    Yes { version: Option<String>, is_replica: bool },
    /// It answers, and wants another password or user.
    Login { why: String },
    /// There is no TLS to it that could be trusted.
    Untrusted { why: String },
    /// It answers, but not as it should.
    Refused { why: String },
    /// Nobody answers.
    Away { why: String },
}

/// Connects, logs in, and asks for the version. Nothing is written. Takes as long as the timeouts
/// allow, for each sentinel, and a name's lookup.
pub fn check(config: &RedisConfig) -> Usable {
    match Manager::new(config).map_err(Trouble::from).and_then(|manager| ask(&manager)) {
        Ok(usable) => usable,
        Err(trouble) => {
            let why = trouble.words;
            match trouble.kind {
                _ if trouble.code == "NOPERM" => Usable::Login { why },
                Kind::Login => Usable::Login { why },
                Kind::Tls => Usable::Untrusted { why },
                Kind::Away | Kind::Gone if trouble.code.is_empty() => Usable::Away { why },
                Kind::Away | Kind::Gone | Kind::TooMuch | Kind::Refused => Usable::Refused { why },
            }
        }
    }
}

fn ask(manager: &Manager) -> Result<Usable, Trouble> {
    let mut connection = manager.seek()?;
    // INFO may be forbidden where all that is needed is allowed.
    connection
        .ask::<Value>(Cmd::new().arg("PING"))
        .or_else(|trouble| if trouble.code == "NOPERM" { Ok(Value::Nil) } else { Err(trouble) })?;
    let info: Option<String> = connection.ask(Cmd::new().arg("INFO")).ok();
    let field = |name: &str| {
        let line = info.as_deref()?.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().to_owned())
    };
    Ok(Usable::Yes { version: field("redis_version:"), is_replica: field("role:").as_deref() == Some("slave") })
}
