//! Replies as they come over the connection (RESP2), into values of the redis crate.
//!
//! Each request sets limits. A size is checked as soon as its line is complete, at every level of nesting, before anything
//! of that size is allocated; a text is allocated as its bytes come in.

#[cfg(test)]
mod tests;

use redis::Value;
use std::io::{self, ErrorKind, Read};

/// What is read at once. Only the beginning of a long text passes through the buffer, the rest is read in place.
pub(super) const BUFFER_BYTES: usize = 16 * 1024;
/// A text of at most this size is allocated at once, a longer one in steps: each time as much as has come.
const STEP_BYTES: usize = 256 * 1024;
/// No line is longer, but those of errors, which are cut.
const LINE_BYTES: usize = 2048;

/// What a reply may have at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyLimits {
    /// Of each bulk string.
    pub bulk_bytes: usize,
    /// Of the whole reply, its lines included.
    pub total_bytes: usize,
    /// Of all arrays together.
    pub elements: usize,
    /// Arrays within arrays. 0: no array at all.
    pub depth: usize,
}

/// Why there is no reply. What follows on the connection is unknown.
#[derive(Debug)]
pub enum Fault {
    Io(io::Error),
    /// A bulk string that would be more than this request takes.
    TooLarge {
        bytes: u64,
        most: usize,
    },
    /// This is no reply of Redis, or none to this request.
    Malformed,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads replies one after the other. Bytes behind a reply are kept for the next one.
pub struct Reader {
    buffer: Box<[u8]>,
    /// The bytes in the buffer that wait to be read.
    start: usize,
    end: usize,
    /// The line that was read last: its type and its content.
    line: Vec<u8>,
}

/// An array that is not complete.
struct Open {
    missing: usize,
    values: Vec<Value>,
}

/// What a line says.
enum Line {
    Value(Value),
    Bulk(u64),
    Array(u64),
}

impl Reader {
    pub fn new() -> Self {
        Self { buffer: vec![0; BUFFER_BYTES].into(), start: 0, end: 0, line: Vec::new() }
    }

    /// Bytes that have come behind the reply.
    pub fn waiting(&self) -> usize {
        self.end - self.start
    }

    /// The next reply. An error that Redis answered is a value, too.
    pub fn read(&mut self, wire: &mut impl Read, limits: ReplyLimits) -> Result<Value, Fault> {
        let (mut bytes, mut elements) = (limits.total_bytes, limits.elements);
        let mut open: Vec<Open> = Vec::new();
        loop {
            self.read_line(wire, &mut bytes)?;
            let value = match self.understand_line()? {
                Line::Value(value) => value,
                Line::Bulk(size) => Value::BulkString(self.read_bulk(wire, size, limits.bulk_bytes, &mut bytes)?),
                Line::Array(0) if limits.depth > open.len() => Value::Array(Vec::new()),
                Line::Array(count) => {
                    let count = usize::try_from(count).map_err(|_| Fault::Malformed)?;
                    elements = elements.checked_sub(count).ok_or(Fault::Malformed)?;
                    if open.len() >= limits.depth {
                        return Err(Fault::Malformed);
                    }
                    open.push(Open { missing: count, values: Vec::with_capacity(count) });
                    continue;
                }
            };
            if let Some(whole) = add(&mut open, value) {
                return Ok(whole);
            }
        }
    }

    /// Reads up to the end of the line. The end itself is not kept, nor is what an error has beyond the limit.
    fn read_line(&mut self, wire: &mut impl Read, bytes_left: &mut usize) -> Result<(), Fault> {
        self.line.clear();
        let (mut length, mut last) = (0, 0);
        loop {
            if self.waiting() == 0 {
                self.fill(wire)?;
            }
            let waiting = self.buffer.get(self.start..self.end).unwrap_or_default();
            let piece = match waiting.iter().position(|byte| *byte == b'\n') {
                Some(end) => waiting.get(..=end).unwrap_or_default(),
                None => waiting,
            };
            let room = LINE_BYTES - self.line.len();
            self.line.extend_from_slice(piece.get(..room).unwrap_or(piece));
            self.start += piece.len();
            length += piece.len();
            *bytes_left = bytes_left.checked_sub(piece.len()).ok_or(Fault::Malformed)?;
            // The first byte already shows what is no Redis, which may be waiting for more from us.
            let is_known = matches!(self.line.first(), Some(b'+' | b'-' | b':' | b'$' | b'*'));
            if !is_known || length > LINE_BYTES && !self.line.starts_with(b"-") {
                return Err(Fault::Malformed);
            }
            if piece.ends_with(b"\n") {
                let before = if piece.len() > 1 { piece.get(piece.len() - 2).copied() } else { Some(last) };
                self.line.truncate(length - 1 - usize::from(before == Some(b'\r')));
                return if before == Some(b'\r') { Ok(()) } else { Err(Fault::Malformed) };
            }
            last = piece.last().copied().unwrap_or_default();
        }
    }

    fn understand_line(&self) -> Result<Line, Fault> {
        let (kind, content) = self.line.split_first().ok_or(Fault::Malformed)?;
        if *kind == b'-' {
            return error(content).map(Line::Value);
        }
        let content = std::str::from_utf8(content).map_err(|_| Fault::Malformed)?;
        Ok(match kind {
            b':' => Line::Value(Value::Int(content.parse().map_err(|_| Fault::Malformed)?)),
            b'$' | b'*' if content == "-1" => Line::Value(Value::Nil),
            b'$' => Line::Bulk(size(content)?),
            b'*' => Line::Array(size(content)?),
            _ if content.contains('\r') => return Err(Fault::Malformed),
            _ if content == "OK" => Line::Value(Value::Okay),
            _ => Line::Value(Value::SimpleString(content.to_owned())),
        })
    }

    /// A bulk string of `size` bytes, and the end of its line.
    fn read_bulk(
        &mut self,
        wire: &mut impl Read,
        size: u64,
        most: usize,
        bytes_left: &mut usize,
    ) -> Result<Vec<u8>, Fault> {
        let most = most.min(bytes_left.saturating_sub(2));
        let size =
            usize::try_from(size).ok().filter(|size| *size <= most).ok_or(Fault::TooLarge { bytes: size, most })?;
        let whole = size + 2;
        *bytes_left -= whole;
        let mut text = Vec::with_capacity(whole.min(STEP_BYTES));
        let waiting = self.buffer.get(self.start..self.end).unwrap_or_default();
        let waiting = waiting.get(..whole).unwrap_or(waiting);
        text.extend_from_slice(waiting);
        self.start += waiting.len();
        while text.len() < whole {
            let came = text.len();
            let step = (whole - came).min(STEP_BYTES.max(came));
            text.reserve_exact(step);
            text.resize(came + step, 0);
            wire.read_exact(text.get_mut(came..).unwrap_or_default())?;
        }
        if !text.ends_with(b"\r\n") {
            return Err(Fault::Malformed);
        }
        text.truncate(size);
        Ok(text)
    }

    /// Reads what there is into the buffer, which is empty.
    fn fill(&mut self, wire: &mut impl Read) -> Result<(), Fault> {
        loop {
            match wire.read(&mut self.buffer) {
                Ok(0) => return Err(Fault::Io(ErrorKind::UnexpectedEof.into())),
                Ok(count) => {
                    (self.start, self.end) = (0, count);
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Puts a value where it belongs; the whole reply, if it was the last that was missing.
fn add(open: &mut Vec<Open>, mut value: Value) -> Option<Value> {
    while let Some(mut array) = open.pop() {
        array.values.push(value);
        array.missing -= 1;
        if array.missing > 0 {
            open.push(array);
            return None;
        }
        value = Value::Array(array.values);
    }
    Some(value)
}

/// A size is nothing but digits, as Redis writes them.
fn size(content: &str) -> Result<u64, Fault> {
    let is_number =
        content.bytes().all(|byte| byte.is_ascii_digit()) && (content.len() == 1 || !content.starts_with('0'));
    content.parse().ok().filter(|_| is_number).ok_or(Fault::Malformed)
}

/// Only the redis crate can make such a value; it parses the line alone.
fn error(content: &[u8]) -> Result<Value, Fault> {
    let line = format!("-{}\r\n", String::from_utf8_lossy(content));
    redis::parse_redis_value(line.as_bytes()).map_err(|_| Fault::Malformed)
}
