//! The type and the limits of the reply to each command. Any reply may also be an error.

use super::reply::ReplyLimits;
use redis::{Arg, Cmd, Value};

/// The limit of a short text in bytes; `INFO` has some 10 KiB.
const TEXT_BYTES: usize = 64 * 1024;
/// The limit of all other lines of a reply, including those of an error, in bytes.
const OTHER_LINES_BYTES: usize = 16 * 1024;
/// The line before a text, and the CRLF after the text.
const FRAMING_BYTES_PER_TEXT: usize = 32;
/// `ROLE` of a master has four elements for each of its replicas.
const LIST_ELEMENTS: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReplyShape {
    /// `+OK`, `+PONG`.
    Status,
    /// `+OK`, or nil if nothing was done.
    StatusOrNil,
    Number,
    /// A text of at most this size, or nil.
    Text(usize),
    /// A text or nil for each key, of at most `bytes` in total.
    Texts {
        count: usize,
        bytes: usize,
    },
    /// A short list about the server, or nil if it has none.
    List,
}

impl ReplyShape {
    /// The reply to a command with a short reply.
    pub(super) fn of(cmd: &Cmd) -> Self {
        match cmd.args_iter().next() {
            Some(Arg::Simple(b"GET" | b"INFO")) => Self::Text(TEXT_BYTES),
            Some(Arg::Simple(b"EVAL" | b"PTTL" | b"PEXPIRE")) => Self::Number,
            Some(Arg::Simple(b"ROLE" | b"SENTINEL")) => Self::List,
            Some(Arg::Simple(b"SET")) => Self::StatusOrNil,
            _ => Self::Status,
        }
    }

    pub(super) fn limits(self) -> ReplyLimits {
        let (bulk_bytes, bytes, elements, depth) = match self {
            Self::Status | Self::StatusOrNil | Self::Number => (0, 0, 0, 0),
            Self::Text(most) => (most, most, 0, 0),
            Self::Texts { count, bytes } => (bytes, bytes + count * FRAMING_BYTES_PER_TEXT, count, 1),
            Self::List => (TEXT_BYTES, TEXT_BYTES, LIST_ELEMENTS, 3),
        };
        ReplyLimits { bulk_bytes, total_bytes: bytes + OTHER_LINES_BYTES, elements, depth }
    }

    pub(super) fn fits(self, reply: &Value) -> bool {
        match (self, reply) {
            (_, Value::ServerError(_))
            | (Self::Status | Self::StatusOrNil, Value::Okay | Value::SimpleString(_))
            | (Self::StatusOrNil | Self::Text(_) | Self::List, Value::Nil)
            | (Self::Number, Value::Int(_))
            | (Self::Text(_), Value::BulkString(_))
            | (Self::List, Value::Array(_)) => true,
            (Self::Texts { count, .. }, Value::Array(values)) => {
                values.len() == count && values.iter().all(|value| matches!(value, Value::BulkString(_) | Value::Nil))
            }
            _ => false,
        }
    }
}
