//! Errors of Redis, by their consequences.

use redis::{ParsingError, Value};
use std::io;
use thiserror::Error;

/// This many bytes of a password at the end of an error may be a coincidence, and disclose little.
const MIN_SECRET_PREFIX_BYTES: usize = 3;

/// The consequence of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// The connection is closed; another one may work.
    Disconnected,
    /// Redis does not reply, or its replies are unusable.
    Unavailable,
    /// The login is rejected. Redis records each attempt.
    Login,
    /// A trusted TLS connection cannot be established.
    Tls,
    /// The reply is larger than its limit.
    TooLarge,
    /// Redis replies to this command with an error.
    Rejected,
}

/// A failure. The message is from Redis, from the system or from this program.
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

    /// The error as one before the first command: another connection would fail, too.
    pub(super) fn at_connect(mut self) -> Self {
        if self.kind == FailureKind::Disconnected {
            self.kind = FailureKind::Unavailable;
        }
        self
    }

    /// The error without the password, which Redis quotes in the error for an unknown command.
    pub(super) fn redacted(mut self, secret: &str) -> Self {
        self.message = self.message.replace(secret, "****");
        // Redis truncates a long error, perhaps within the password.
        for (end, _) in secret.char_indices().rev() {
            let prefix = secret.get(..end).unwrap_or_default();
            if end > MIN_SECRET_PREFIX_BYTES && self.message.ends_with(prefix) {
                self.message.truncate(self.message.len() - end);
                self.message.push_str("****");
                break;
            }
        }
        self
    }

    /// Whether Redis rejects all writes, whatever the value.
    pub(super) fn concerns_all_writes(&self) -> bool {
        ["OOM", "READONLY", "MISCONF", "NOREPLICAS"].iter().any(|code| self.message.contains(code))
    }

    /// The error in a reply. Codes that concern every key mean that Redis is unavailable.
    fn from_reply(code: &str, detail: Option<&str>) -> Self {
        let message = match detail {
            Some(detail) => format!("{code} {detail}"),
            None => code.to_owned(),
        };
        let kind = match code {
            // The last three are errors of a Redis Cluster: another node has the key.
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
        use io::ErrorKind;
        let message = error.to_string();
        match error.kind() {
            // A message of this program is more specific than that of the system.
            ErrorKind::WouldBlock | ErrorKind::TimedOut if error.get_ref().is_none() => {
                Self::new(FailureKind::Unavailable, "no reply in time")
            }
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Self::new(FailureKind::Unavailable, message),
            ErrorKind::UnexpectedEof => Self::new(FailureKind::Disconnected, "it closed the connection"),
            ErrorKind::BrokenPipe
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::NotConnected => Self::new(FailureKind::Disconnected, message),
            ErrorKind::QuotaExceeded => Self::new(FailureKind::TooLarge, message),
            ErrorKind::PermissionDenied if error.raw_os_error().is_none() => Self::new(FailureKind::Tls, message),
            _ => match super::tls::rustls_error(&error) {
                Some(tls) => Self::new(FailureKind::Tls, super::tls::describe(tls, "it")),
                None => Self::new(FailureKind::Unavailable, message),
            },
        }
    }
}

/// Turns an error reply into an error.
pub(super) fn check_reply(reply: Value) -> Result<Value, RedisError> {
    match reply {
        Value::ServerError(error) => Err(RedisError::from_reply(error.code(), error.details())),
        value => Ok(value),
    }
}

/// The error for a reply of the wrong type.
pub(super) fn parse_failure(error: &ParsingError) -> RedisError {
    RedisError::new(FailureKind::Unavailable, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_password_is_quoted() {
        fn redacted(message: &str) -> String {
            RedisError::new(FailureKind::Rejected, message).redacted("pässword").message
        }
        assert_eq!(
            redacted("ERR unknown command 'AUTH', with args beginning with: 'pässword'"),
            "ERR unknown command 'AUTH', with args beginning with: '****'"
        );
        assert_eq!(redacted("ERR with args beginning with: 'pässwo"), "ERR with args beginning with: '****");
        assert_eq!(redacted("ERR wrong number of arguments for p"), "ERR wrong number of arguments for p");
    }
}
