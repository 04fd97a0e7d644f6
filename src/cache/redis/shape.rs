//! What each command can be answered with: the limits of its reply, and its shape. Redis may answer any of them with an error.

use super::reply::ReplyLimits;
use redis::{Arg, Cmd, Value};

/// What a short text may have; `INFO` has some 10 KiB.
const TEXT_BYTES: usize = 64 * 1024;
/// All other lines of a reply, also of one that is an error.
const LINES_BYTES: usize = 16 * 1024;
/// The line before a text, and the end of it.
const LINE_BYTES: usize = 32;
/// `ROLE` of a master has four for each of its replicas.
const LIST_ELEMENTS: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `+OK`, `+PONG`.
    Status,
    /// `+OK`, or nil: not done.
    StatusOrNil,
    Number,
    /// A text of at most this size, or nil.
    Text(usize),
    /// A text or nil for each of so many keys, of at most so many bytes together.
    Texts {
        count: usize,
        bytes: usize,
    },
    /// A list of the server's own, which is short; nil: it knows none.
    List,
}

impl Shape {
    /// That of a command which has a short answer.
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
            Self::Texts { count, bytes } => (bytes, bytes + count * LINE_BYTES, count, 1),
            Self::List => (TEXT_BYTES, TEXT_BYTES, LIST_ELEMENTS, 3),
        };
        ReplyLimits { bulk_bytes, total_bytes: bytes + LINES_BYTES, elements, depth }
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
