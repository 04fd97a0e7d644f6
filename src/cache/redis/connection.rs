//! One connection: commands out, replies in. Commands are packed by the redis crate; deadlines and the bytes of a reply
//! are limited by the wire, what a reply may be by its request.

use super::reply::{BUFFER_BYTES, Fault, Reader};
use super::shape::Shape;
use super::trouble::{Kind, Trouble, checked, misread};
use super::wire::Wire;
use redis::{Cmd, FromRedisValue, Pipeline, Value};
use std::io::Write;

/// What is sent within one timeout.
const PIECE_BYTES: usize = 1024 * 1024;
pub(super) struct Connection {
    wire: Wire,
    reader: Reader,
    is_sound: bool,
    has_answered: bool,
}

impl Connection {
    pub(super) fn new(wire: Wire) -> Self {
        Self { wire, reader: Reader::new(), is_sound: true, has_answered: false }
    }

    /// False after a failure that leaves open what comes next on it.
    pub(super) fn is_sound(&self) -> bool {
        self.is_sound
    }

    /// One command with a short answer; a long one would be a wrong one.
    pub(super) fn ask<T: FromRedisValue>(&mut self, cmd: &Cmd) -> Result<T, Trouble> {
        let value = self.one(&cmd.get_packed_command(), Shape::of(cmd), Kind::TooMuch)?;
        T::from_redis_value(value).map_err(|error| self.broken(misread(&error)))
    }

    /// The value of a key. One that announces itself as larger than `most` is refused at once; one that does not come in
    /// time is an outage, however much of it came, for the next request would wait as long.
    pub(super) fn value(&mut self, packed: &[u8], most: usize) -> Result<Value, Trouble> {
        self.one(packed, Shape::Text(most), Kind::Refused).map_err(late_if_too_much)
    }

    /// A part of the value of a key, of so many bytes at most: Redis has no more of it.
    pub(super) fn part(&mut self, packed: &[u8], most: usize) -> Result<Value, Trouble> {
        self.one(packed, Shape::Text(most), Kind::Away).map_err(late_if_too_much)
    }

    /// The values of so many keys, of at most so many bytes together.
    pub(super) fn values(&mut self, cmd: &Cmd, count: usize, most: usize) -> Result<Vec<Value>, Trouble> {
        match self.one(&cmd.get_packed_command(), Shape::Texts { count, bytes: most }, Kind::TooMuch)? {
            Value::Array(values) => Ok(values),
            _ => Err(no_redis()),
        }
    }

    /// Sends all, then looks at each reply. The first refusal is the error.
    pub(super) fn ask_all(&mut self, pipeline: &Pipeline) -> Result<(), Trouble> {
        let shape = Shape::StatusOrNil;
        self.send(&pipeline.get_packed_pipeline(), shape.limits().total_bytes.saturating_mul(pipeline.len()))?;
        let mut refused = None;
        for _ in 0..pipeline.len() {
            if let Err(trouble) = checked(self.reply(shape, Kind::TooMuch)?) {
                refused.get_or_insert(trouble);
            }
        }
        self.check_end()?;
        refused.map_or(Ok(()), Err)
    }

    /// A command with one reply. `too_large`: what it means that the reply announces itself as larger than it may be.
    fn one(&mut self, packed: &[u8], shape: Shape, too_large: Kind) -> Result<Value, Trouble> {
        self.send(packed, shape.limits().total_bytes)?;
        let reply = self.reply(shape, too_large)?;
        self.check_end()?;
        checked(reply)
    }

    /// `limit`: what all replies may have together.
    fn send(&mut self, bytes: &[u8], limit: usize) -> Result<(), Trouble> {
        // The reader asks for as much as its buffer holds, and keeps to the limits itself.
        let limit = limit + BUFFER_BYTES;
        // Megabytes have the timeout for each: how long all may take is for what there is to say.
        let mut pieces = bytes.chunks(PIECE_BYTES);
        let sent = pieces.try_for_each(|piece| self.wire.begin(limit).and_then(|()| self.wire.write_all(piece)));
        let sent = sent.and_then(|()| self.wire.flush());
        // Reading has a time of its own.
        sent.and_then(|()| self.wire.begin(limit)).map_err(|error| self.broken(error.into()))
    }

    fn reply(&mut self, shape: Shape, too_large: Kind) -> Result<Value, Trouble> {
        let trouble = match self.reader.read(&mut self.wire, shape.limits()) {
            Ok(reply) if shape.fits(&reply) => {
                self.has_answered = true;
                return Ok(reply);
            }
            Err(Fault::Io(error)) => error.into(),
            Err(Fault::TooLarge { bytes, most }) if too_large != Kind::Away => {
                Trouble::new(too_large, format!("it has {bytes} bytes, at most {most} are read"))
            }
            Err(Fault::Malformed) if self.wire.speaks_tls() => {
                Trouble::new(Kind::Tls, "it speaks TLS (REDIS_URL=rediss://…)")
            }
            Ok(_) | Err(Fault::TooLarge { .. } | Fault::Malformed) => no_redis(),
        };
        Err(self.broken(trouble))
    }

    /// Nothing has come that was not asked for: it would be taken for the next reply.
    fn check_end(&mut self) -> Result<(), Trouble> {
        if self.reader.waiting() == 0 { Ok(()) } else { Err(self.broken(no_redis())) }
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

/// What is too large to come in time is late.
fn late_if_too_much(trouble: Trouble) -> Trouble {
    if trouble.kind == Kind::TooMuch { Trouble { kind: Kind::Away, ..trouble } } else { trouble }
}
