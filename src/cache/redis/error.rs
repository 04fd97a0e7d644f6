//! Errors of Redis, by what follows from them.

use redis::{ParsingError, Value};
use std::io;
use thiserror::Error;

/// So many bytes of a password at the end of an error may be chance, and disclose little.
const MIN_SECRET_PREFIX_BYTES: usize = 3;

/// What a failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// The connection is closed; another one may work.
    Disconnected,
    /// Redis does not answer, or its answers are unusable.
    Unavailable,
    /// The login is rejected. Redis logs each attempt.
    Login,
    /// There is no trusted TLS connection.
    Tls,
    /// The reply is larger than its limit.
    TooLarge,
    /// Redis answers with an error to this command.
    Rejected,
}

/// The message is from Redis or from the system.
#[derive(Clone, Debug, Error)]
#[error("{message}")]
pub(super) struct RedisError {
    pub(super) kind: FailureKind,
    pub(super) message: String,
    /// The error code of Redis (`OOM`); empty if the error is not from Redis.
    pub(super) code: String,
}

impl RedisError {
    pub(super) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), code: String::new() }
    }

    /// An error before the first command: another connection would fail, too.
    pub(super) fn at_connect(mut self) -> Self {
        if self.kind == FailureKind::Disconnected {
            self.kind = FailureKind::Unavailable;
        }
        self
    }

    /// Without the password, which Redis repeats in an error of an unknown command.
    pub(super) fn redacted(mut self, secret: &str) -> Self {
        self.message = self.message.replace(secret, "****");
        // Redis truncates a long error, perhaps within the password.
        let mut prefixes = secret.char_indices().map(|(end, _)| secret.get(..end).unwrap_or_default()).rev();
        if let Some(prefix) =
            prefixes.find(|prefix| prefix.len() > MIN_SECRET_PREFIX_BYTES && self.message.ends_with(prefix))
        {
            self.message.truncate(self.message.len() - prefix.len());
            self.message.push_str("****");
        }
        self
    }

    /// Redis rejects all writes, whatever the value.
    pub(super) fn concerns_all_writes(&self) -> bool {
        ["OOM", "READONLY", "MISCONF", "NOREPLICAS"].iter().any(|code| self.message.contains(code))
    }

    /// An error reply. Codes that concern every key mean that Redis is unavailable.
    fn from_reply(code: &str, detail: Option<&str>) -> Self {
        let message = detail.map_or_else(|| code.to_owned(), |detail| format!("{code} {detail}"));
        let kind = match code {
            // The last three are of a Redis Cluster; another node has the key.
            "LOADING" | "MASTERDOWN" | "DENIED" | "CLUSTERDOWN" | "MOVED" | "ASK" => FailureKind::Unavailable,
            "NOAUTH" | "WRONGPASS" => FailureKind::Login,
            _ if message.contains("max number of clients reached") => FailureKind::Unavailable,
            _ => FailureKind::Rejected,
        };
        Self { kind, message, code: code.to_owned() }
    }
}

impl From<io::Error> for RedisError {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as E;
        let message = error.to_string();
        match error.kind() {
            // A message of this program is more specific than the system's.
            E::WouldBlock | E::TimedOut if error.get_ref().is_none() => {
                Self::new(FailureKind::Unavailable, "no answer in time")
            }
            E::WouldBlock | E::TimedOut => Self::new(FailureKind::Unavailable, message),
            E::UnexpectedEof => Self::new(FailureKind::Disconnected, "it closed the connection"),
            E::BrokenPipe | E::ConnectionReset | E::ConnectionAborted | E::NotConnected => {
                Self::new(FailureKind::Disconnected, message)
            }
            E::QuotaExceeded => Self::new(FailureKind::TooLarge, message),
            E::PermissionDenied if error.raw_os_error().is_none() => Self::new(FailureKind::Tls, message),
            _ => match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                Some(tls) => Self::new(FailureKind::Tls, super::tls::describe(tls, "it")),
                None => Self::new(FailureKind::Unavailable, message),
            },
        }
    }
}

/// An error reply as an error.
pub(super) fn check_reply(reply: Value) -> Result<Value, RedisError> {
    match reply {
        Value::ServerError(error) => Err(RedisError::from_reply(error.code(), error.details())),
        value => Ok(value),
    }
}

/// A reply of the wrong type.
pub(super) fn parse_failure(error: &ParsingError) -> RedisError {
    RedisError::new(FailureKind::Unavailable, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_password_is_quoted() {
        let redacted = |message: &str| RedisError::new(FailureKind::Rejected, message).redacted("pässword").message;
        assert_eq!(
            redacted("ERR unknown command 'AUTH', with args beginning with: 'pässword'"),
            "ERR unknown command 'AUTH', with args beginning with: '****'"
        );
        assert_eq!(redacted("ERR with args beginning with: 'pässwo"), "ERR with args beginning with: '****");
        assert_eq!(redacted("ERR wrong number of arguments for p"), "ERR wrong number of arguments for p");
    }
}
