//! One connection: commands out, replies in. Packing and parsing are the redis crate's; deadlines
//! and limits are those of the wire.

use super::trouble::{Kind, Trouble, checked, misread};
use super::wire::Wire;
use redis::{Cmd, FromRedisValue, Parser, Pipeline, Value};
use std::io::{self, Read, Write};

/// What the replies to one command or one pipeline may have. The parser keeps them whole, and every
/// worker may have one at a time.
pub(super) const REPLY_BYTES: usize = 32 * 1024 * 1024;
/// Replies before the first value: logins, roles, addresses.
const SHORT_REPLY_BYTES: usize = 64 * 1024;

pub(super) struct Connection {
    wire: Wire,
    parser: Parser,
    is_sound: bool,
}

impl Connection {
    pub(super) fn new(wire: Wire) -> Self {
        Self { wire, parser: Parser::new(), is_sound: true }
    }

    /// False after a failure that leaves open what comes next on it.
    pub(super) fn is_sound(&self) -> bool {
        self.is_sound
    }

    pub(super) fn ask<T: FromRedisValue>(&mut self, cmd: &Cmd) -> Result<T, Trouble> {
        self.ask_at_most(cmd, REPLY_BYTES)
    }

    /// As `ask`, where a long answer would be a wrong one.
    pub(super) fn ask_shortly<T: FromRedisValue>(&mut self, cmd: &Cmd) -> Result<T, Trouble> {
        self.ask_at_most(cmd, SHORT_REPLY_BYTES)
    }

    fn ask_at_most<T: FromRedisValue>(&mut self, cmd: &Cmd, limit: usize) -> Result<T, Trouble> {
        self.send(&cmd.get_packed_command(), limit)?;
        let value = checked(self.reply()?)?;
        T::from_redis_value(value).map_err(|e| misread(&e))
    }

    /// Sends all, then looks at each reply. The first refusal is the error.
    pub(super) fn ask_all(&mut self, pipeline: &Pipeline) -> Result<(), Trouble> {
        self.send(&pipeline.get_packed_pipeline(), REPLY_BYTES)?;
        let mut refused = None;
        for _ in 0..pipeline.len() {
            if let Err(trouble) = checked(self.reply()?) {
                refused.get_or_insert(trouble);
            }
        }
        refused.map_or(Ok(()), Err)
    }

    fn send(&mut self, bytes: &[u8], limit: usize) -> Result<(), Trouble> {
        let sent = self.wire.begin(limit).and_then(|()| self.wire.write_all(bytes)).and_then(|()| self.wire.flush());
        // Reading has a time of its own.
        sent.and_then(|()| self.wire.begin(limit)).map_err(|error| self.broken(error.into()))
    }

    fn reply(&mut self) -> Result<Value, Trouble> {
        let mut noting = Noting { wire: &mut self.wire, failed: None };
        let parsed = self.parser.parse_value(&mut noting);
        let failed = noting.failed;
        let error = match parsed {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let trouble = match failed {
            Some(io) => io.into(),
            None if error.is_io_error() => io::Error::from(io::ErrorKind::UnexpectedEof).into(),
            None if self.wire.speaks_tls() => Trouble::new(Kind::Tls, "it speaks TLS (REDIS_URL=rediss://…)"),
            None => Trouble::new(Kind::Away, "it does not speak Redis"),
        };
        Err(self.broken(trouble))
    }

    fn broken(&mut self, trouble: Trouble) -> Trouble {
        self.is_sound = false;
        trouble
    }
}

/// Keeps the error of the wire, which the parser would put into one of its own.
struct Noting<'a> {
    wire: &'a mut Wire,
    failed: Option<io::Error>,
}

impl Read for Noting<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.wire.read(into).map_err(|error| {
            let kind = error.kind();
            self.failed = Some(error);
            kind.into()
        })
    }
}
