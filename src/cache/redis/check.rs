//! Whether Redis can be used as it is set, asked once on a connection of its own.

use super::connect::Manager;
use super::{ping, words};
use crate::config::RedisConfig;
use r2d2::ManageConnection;
use redis::{Cmd, ErrorKind, RedisError};

/// What Redis is to this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Usable {
    /// It answers. The version is unknown where `INFO` is not allowed to this user.
    Yes { version: Option<String>, is_replica: bool },
    /// It answers, and wants another password or user.
    Login { why: String },
    /// It answers, but not as it should.
    Refused { why: String },
    /// Nobody answers.
    Away { why: String },
}

/// Connects, logs in, pings, and asks for the version. Nothing is written. Takes as long as the
/// timeouts allow, and a name's lookup.
pub fn check(config: &RedisConfig) -> Usable {
    match ask(&Manager::new(config)) {
        Ok(usable) => usable,
        Err(error) => {
            let why = words(&error);
            if error.kind() == ErrorKind::AuthenticationFailed
                || matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"))
                || why.contains("without any password configured")
            {
                Usable::Login { why }
            } else if error.is_io_error() || error.is_connection_dropped() || error.is_timeout() {
                Usable::Away { why }
            } else {
                Usable::Refused { why }
            }
        }
    }
}

fn ask(manager: &Manager) -> Result<Usable, RedisError> {
    let mut connection = manager.connect()?;
    ping(&mut connection)?;
    let info: Option<String> = Cmd::new().arg("INFO").query(&mut connection).ok();
    let field = |name: &str| {
        let line = info.as_deref()?.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().to_owned())
    };
    Ok(Usable::Yes { version: field("redis_version:"), is_replica: field("role:").as_deref() == Some("slave") })
}
