//! One connection: sends commands and receives replies. The redis crate packs commands. The stream enforces deadlines
//! and the size of a reply; `ReplyShape` limits the type and structure of the reply to a command.

use super::error::{FailureKind, RedisError, check_reply, parse_failure};
use super::reply::{BUFFER_BYTES, ReplyError, ReplyReader};
use super::reply_shape::ReplyShape;
use super::stream::RedisStream;
use redis::{Cmd, FromRedisValue, Pipeline, Value};
use std::io::{self, Write};

/// Number of bytes that are sent within one timeout.
const CHUNK_BYTES: usize = 1024 * 1024;

pub(super) struct RedisConnection {
    stream: RedisStream,
    reader: ReplyReader,
    is_usable: bool,
    has_answered: bool,
}

impl RedisConnection {
    pub(super) fn new(stream: RedisStream) -> Self {
        Self { stream, reader: ReplyReader::new(), is_usable: true, has_answered: false }
    }

    /// False after a failure that leaves the state of the protocol unknown.
    pub(super) fn is_usable(&self) -> bool {
        self.is_usable
    }

    /// Sends a command with a short reply.
    pub(super) fn ask<T: FromRedisValue>(&mut self, cmd: &Cmd) -> Result<T, RedisError> {
        let value = self.request(&cmd.get_packed_command(), ReplyShape::of(cmd), FailureKind::TooLarge)?;
        T::from_redis_value(value).map_err(|error| self.mark_unusable(parse_failure(&error)))
    }

    /// The value of a key. A value whose announced size exceeds `most` is rejected at once. A value that is incomplete
    /// at the deadline is an outage, however much has arrived: the next request would wait as long.
    pub(super) fn value(&mut self, packed: &[u8], most: usize) -> Result<Value, RedisError> {
        self.request(packed, ReplyShape::Text(most), FailureKind::Rejected).map_err(unavailable_if_too_large)
    }

    /// A part of the value of a key. Redis sends at most `most` bytes.
    pub(super) fn part(&mut self, packed: &[u8], most: usize) -> Result<Value, RedisError> {
        self.request(packed, ReplyShape::Text(most), FailureKind::Unavailable).map_err(unavailable_if_too_large)
    }

    /// The values of `count` keys, of at most `most` bytes in total.
    pub(super) fn values(&mut self, cmd: &Cmd, count: usize, most: usize) -> Result<Vec<Value>, RedisError> {
        match self.request(
            &cmd.get_packed_command(),
            ReplyShape::Texts { count, bytes: most },
            FailureKind::TooLarge,
        )? {
            Value::Array(values) => Ok(values),
            _ => Err(not_redis()),
        }
    }

    /// Sends a pipeline, then reads each reply. The first rejection is the error.
    pub(super) fn ask_all(&mut self, pipeline: &Pipeline) -> Result<(), RedisError> {
        let shape = ReplyShape::StatusOrNil;
        self.send(&pipeline.get_packed_pipeline(), shape.limits().total_bytes.saturating_mul(pipeline.len()))?;
        let mut rejection = None;
        for _ in 0..pipeline.len() {
            if let Err(error) = check_reply(self.reply(shape, FailureKind::TooLarge)?) {
                rejection.get_or_insert(error);
            }
        }
        self.check_no_excess()?;
        match rejection {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Sends a command with one reply. `too_large` is the meaning of a reply over its size limit.
    fn request(&mut self, packed: &[u8], shape: ReplyShape, too_large: FailureKind) -> Result<Value, RedisError> {
        self.send(packed, shape.limits().total_bytes)?;
        let reply = self.reply(shape, too_large)?;
        self.check_no_excess()?;
        check_reply(reply)
    }

    /// Sends bytes, and begins the operation that reads the replies, of at most `limit` bytes in total.
    fn send(&mut self, bytes: &[u8], limit: usize) -> Result<(), RedisError> {
        // The reader fills its buffer, and enforces the limits itself.
        let limit = limit + BUFFER_BYTES;
        self.try_send(bytes, limit).map_err(|error| self.mark_unusable(error.into()))
    }

    fn try_send(&mut self, bytes: &[u8], limit: usize) -> io::Result<()> {
        // Each chunk has the timeout, so that the time for all of them grows with their number.
        for chunk in bytes.chunks(CHUNK_BYTES) {
            self.stream.begin(limit)?;
            self.stream.write_all(chunk)?;
        }
        self.stream.flush()?;
        // Reading has its own deadline.
        self.stream.begin(limit)
    }

    fn reply(&mut self, shape: ReplyShape, too_large: FailureKind) -> Result<Value, RedisError> {
        let error = match self.reader.read(&mut self.stream, shape.limits()) {
            Ok(reply) if shape.fits(&reply) => {
                self.has_answered = true;
                return Ok(reply);
            }
            Err(ReplyError::Io(error)) => error.into(),
            Err(ReplyError::TooLarge { bytes, most }) if too_large != FailureKind::Unavailable => {
                RedisError::new(too_large, format!("it has {bytes} bytes, at most {most} are accepted"))
            }
            Err(ReplyError::Malformed) if self.stream.peer_speaks_tls() => {
                RedisError::new(FailureKind::Tls, "it speaks TLS (REDIS_URL=rediss://…)")
            }
            Ok(_) | Err(ReplyError::TooLarge { .. } | ReplyError::Malformed) => not_redis(),
        };
        Err(self.mark_unusable(error))
    }

    /// Fails if further bytes have arrived after the reply: they would be taken for the next one.
    fn check_no_excess(&mut self) -> Result<(), RedisError> {
        if self.reader.buffered() == 0 { Ok(()) } else { Err(self.mark_unusable(not_redis())) }
    }

    fn mark_unusable(&mut self, mut error: RedisError) -> RedisError {
        self.is_usable = false;
        // A TLS port closes the connection at the first command; its alert does not always arrive.
        if error.kind == FailureKind::Disconnected && !self.has_answered && self.stream.is_plain_tcp() {
            error.message += " before the first reply (is this a TLS port? REDIS_URL=rediss://…)";
        }
        error
    }
}

fn not_redis() -> RedisError {
    RedisError::new(FailureKind::Unavailable, "it does not speak the Redis protocol")
}

/// A value that is too large to arrive in time means an outage.
fn unavailable_if_too_large(error: RedisError) -> RedisError {
    if error.kind == FailureKind::TooLarge { RedisError { kind: FailureKind::Unavailable, ..error } } else { error }
}
