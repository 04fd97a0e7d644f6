//! One connection: commands out, replies in. Packing and parsing are the redis crate's; deadlines
//! and limits are those of the wire.

use super::trouble::{Kind, Trouble, checked, misread};
use super::wire::Wire;
use redis::{Cmd, FromRedisValue, Parser, Pipeline, Value};
use std::io::{self, Read, Write};

/// Many values at once may have this: the parser keeps them whole.
const VALUES_BYTES: usize = 32 * 1024 * 1024;
/// What is sent within one timeout.
const PIECE_BYTES: usize = 1024 * 1024;
/// A reply to a write; Redis says at some length why it cannot save.
const REFUSAL_BYTES: usize = 1024;
/// What all other replies may have.
const SHORT_REPLY_BYTES: usize = 64 * 1024;

pub(super) struct Connection {
    wire: Wire,
    parser: Parser,
    is_sound: bool,
    has_answered: bool,
}

impl Connection {
    pub(super) fn new(wire: Wire) -> Self {
        Self { wire, parser: Parser::new(), is_sound: true, has_answered: false }
    }

    /// False after a failure that leaves open what comes next on it.
    pub(super) fn is_sound(&self) -> bool {
        self.is_sound
    }

    /// One command with a short answer; a long one would be a wrong one.
    pub(super) fn ask<T: FromRedisValue>(&mut self, cmd: &Cmd) -> Result<T, Trouble> {
        self.send(&cmd.get_packed_command(), SHORT_REPLY_BYTES)?;
        let value = checked(self.reply(usize::MAX, usize::MAX)?)?;
        T::from_redis_value(value).map_err(|e| misread(&e))
    }

    /// The value of a key, or a part of one. One that announces itself as larger than `most` is refused at once.
    pub(super) fn value(&mut self, packed: &[u8], most: usize) -> Result<Value, Trouble> {
        self.send(packed, most + SHORT_REPLY_BYTES)?;
        checked(self.reply(most, 0)?)
    }

    /// The values of so many keys.
    pub(super) fn values(&mut self, cmd: &Cmd, count: usize) -> Result<Vec<Value>, Trouble> {
        self.send(&cmd.get_packed_command(), VALUES_BYTES)?;
        match checked(self.reply(VALUES_BYTES, count)?)? {
            Value::Array(values) => Ok(values),
            _ => Err(no_redis()),
        }
    }

    /// Sends all, then looks at each reply. The first refusal is the error.
    pub(super) fn ask_all(&mut self, pipeline: &Pipeline) -> Result<(), Trouble> {
        let limit = SHORT_REPLY_BYTES + pipeline.len() * REFUSAL_BYTES;
        self.send(&pipeline.get_packed_pipeline(), limit)?;
        let mut refused = None;
        for _ in 0..pipeline.len() {
            if let Err(trouble) = checked(self.reply(usize::MAX, usize::MAX)?) {
                refused.get_or_insert(trouble);
            }
        }
        refused.map_or(Ok(()), Err)
    }

    fn send(&mut self, bytes: &[u8], limit: usize) -> Result<(), Trouble> {
        // Megabytes have the timeout for each: how long all may take is for what there is to say.
        let mut pieces = bytes.chunks(PIECE_BYTES);
        let sent = pieces.try_for_each(|piece| self.wire.begin(limit).and_then(|()| self.wire.write_all(piece)));
        let sent = sent.and_then(|()| self.wire.flush());
        // Reading has a time of its own.
        sent.and_then(|()| self.wire.begin(limit)).map_err(|error| self.broken(error.into()))
    }

    /// `bytes` and `parts`: what it may announce as its size, and as its number of parts.
    fn reply(&mut self, bytes: usize, parts: usize) -> Result<Value, Trouble> {
        let mut noting = Noting { wire: &mut self.wire, failed: None, is_begun: false, bytes, parts };
        let parsed = self.parser.parse_value(&mut noting);
        let failed = noting.failed;
        let error = match parsed {
            Ok(value) => {
                self.has_answered = true;
                return Ok(value);
            }
            Err(error) => error,
        };
        let trouble = match failed {
            Some(io) => io.into(),
            None if error.is_io_error() => io::Error::from(io::ErrorKind::UnexpectedEof).into(),
            None if self.wire.speaks_tls() => Trouble::new(Kind::Tls, "it speaks TLS (REDIS_URL=rediss://…)"),
            None => no_redis(),
        };
        Err(self.broken(trouble))
    }

    fn broken(&mut self, mut trouble: Trouble) -> Trouble {
        self.is_sound = false;
        // A port with TLS hangs up on the first word; its alert does not always come through.
        if trouble.kind == Kind::Gone && !self.has_answered && self.wire.is_plain_tcp() {
            trouble.words += " before any answer (is this a port with TLS? REDIS_URL=rediss://…)";
        }
        trouble
    }
}

fn no_redis() -> Trouble {
    Trouble::new(Kind::Away, "it does not speak Redis")
}

/// Keeps the error of the wire, which the parser would put into one of its own, and looks what a
/// reply says of its size before it is fetched.
struct Noting<'a> {
    wire: &'a mut Wire,
    failed: Option<io::Error>,
    is_begun: bool,
    bytes: usize,
    parts: usize,
}

impl Noting<'_> {
    fn read_on(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.wire.read(into)?;
        if !self.is_begun {
            self.is_begun = true;
            self.check(into.get(..count).unwrap_or_default())?;
        }
        Ok(count)
    }

    fn check(&self, begun: &[u8]) -> io::Result<()> {
        let (kind, rest) = begun.split_first().unwrap_or((&b'+', &[]));
        let digits = rest.split(|b| *b == b'\r').next().unwrap_or_default();
        let size = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<usize>().ok()).unwrap_or(0);
        match kind {
            b'$' if size > self.bytes => {
                let words = format!("it has {size} bytes, at most {} are read", self.bytes);
                Err(io::Error::new(io::ErrorKind::FileTooLarge, words))
            }
            b'*' | b'%' | b'~' | b'>' | b'|' if size > self.parts => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "it does not speak Redis"))
            }
            _ => Ok(()),
        }
    }
}

impl Read for Noting<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.read_on(into).map_err(|error| {
            let kind = error.kind();
            self.failed = Some(error);
            kind.into()
        })
    }
}
