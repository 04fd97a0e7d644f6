//! What went wrong with Redis, sorted by what has to follow from it.

use redis::{ParsingError, Value};
use std::io;
use thiserror::Error;

/// So much of a password at the end of an error may be chance, and says little.
const SHORT_BYTES: usize = 3;

/// What a failure says of Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The connection is of no use; another may be.
    Gone,
    /// Redis does not answer, or nothing that could be used.
    Away,
    /// It wants another login, and each try is noted there.
    Login,
    /// No TLS to it that could be trusted.
    Tls,
    /// It answers with more than can be taken.
    TooMuch,
    /// Redis answers, but not with what was asked for.
    Refused,
}

/// The words are Redis's or the system's own.
#[derive(Clone, Debug, Error)]
#[error("{words}")]
pub(super) struct Trouble {
    pub(super) kind: Kind,
    pub(super) words: String,
    /// Redis's word for it (`OOM`), if it was Redis.
    pub(super) code: String,
}

impl Trouble {
    pub(super) fn new(kind: Kind, words: impl Into<String>) -> Self {
        Self { kind, words: words.into(), code: String::new() }
    }

    /// One that happened before anything could be asked: no other connection would be better.
    pub(super) fn at_start(mut self) -> Self {
        if self.kind == Kind::Gone {
            self.kind = Kind::Away;
        }
        self
    }

    /// Without the password, which Redis repeats where it does not know the command.
    pub(super) fn without(mut self, secret: &str) -> Self {
        self.words = self.words.replace(secret, "****");
        // A long error is cut, perhaps within the password.
        let mut begun = secret.char_indices().map(|(end, _)| secret.get(..end).unwrap_or_default()).rev();
        if let Some(begun) = begun.find(|begun| begun.len() > SHORT_BYTES && self.words.ends_with(begun)) {
            self.words.truncate(self.words.len() - begun.len());
            self.words.push_str("****");
        }
        self
    }

    /// Redis takes no values at all, whatever they are.
    pub(super) fn concerns_all_writes(&self) -> bool {
        ["OOM", "READONLY", "MISCONF", "NOREPLICAS"].iter().any(|code| self.words.contains(code))
    }

    /// An error that Redis answered. Codes that concern every key are no matter of this one.
    fn answered(code: &str, detail: Option<&str>) -> Self {
        let words = detail.map_or_else(|| code.to_owned(), |detail| format!("{code} {detail}"));
        let kind = match code {
            // The latter two are a Redis Cluster's: it has the key elsewhere.
            "LOADING" | "MASTERDOWN" | "DENIED" | "CLUSTERDOWN" | "MOVED" | "ASK" => Kind::Away,
            "NOAUTH" | "WRONGPASS" => Kind::Login,
            _ if words.contains("max number of clients reached") => Kind::Away,
            _ => Kind::Refused,
        };
        Self { kind, words, code: code.to_owned() }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as E;
        let words = error.to_string();
        match error.kind() {
            // Words of ours say more than the system's.
            E::WouldBlock | E::TimedOut if error.get_ref().is_none() => Self::new(Kind::Away, "no answer in time"),
            E::WouldBlock | E::TimedOut => Self::new(Kind::Away, words),
            E::UnexpectedEof => Self::new(Kind::Gone, "it closed the connection"),
            E::BrokenPipe | E::ConnectionReset | E::ConnectionAborted | E::NotConnected => Self::new(Kind::Gone, words),
            E::QuotaExceeded => Self::new(Kind::TooMuch, words),
            E::PermissionDenied if error.raw_os_error().is_none() => Self::new(Kind::Tls, words),
            _ => match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                Some(tls) => Self::new(Kind::Tls, super::tls::words(tls, "it")),
                None => Self::new(Kind::Away, words),
            },
        }
    }
}

/// A reply that is no error.
pub(super) fn checked(reply: Value) -> Result<Value, Trouble> {
    match reply {
        Value::ServerError(error) => Err(Trouble::answered(error.code(), error.details())),
        value => Ok(value),
    }
}

/// A reply that is not what its command can give.
pub(super) fn misread(error: &ParsingError) -> Trouble {
    Trouble::new(Kind::Away, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_password_is_quoted() {
        let words = |words: &str| Trouble::new(Kind::Refused, words).without("pässword").words;
        assert_eq!(
            words("ERR unknown command 'AUTH', with args beginning with: 'pässword'"),
            "ERR unknown command 'AUTH', with args beginning with: '****'"
        );
        assert_eq!(words("ERR with args beginning with: 'pässwo"), "ERR with args beginning with: '****");
        assert_eq!(words("ERR wrong number of arguments for p"), "ERR wrong number of arguments for p");
    }
}
