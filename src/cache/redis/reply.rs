//! Parser of replies (RESP2) into values of the redis crate.
//!
//! Each request sets limits. A size is checked as soon as its line is complete, at every level of nesting, before
//! anything of that size is allocated. A bulk string is allocated as its bytes arrive.

#[cfg(test)]
mod tests;

use redis::Value;
use std::io::{self, ErrorKind, Read};

/// The size of one read, in bytes. Only the beginning of a long bulk string passes through the buffer; the rest is read
/// in place.
pub(super) const BUFFER_BYTES: usize = 16 * 1024;
/// A bulk string of at most this size is allocated at once. The allocation of a longer one doubles as its bytes arrive.
const ALLOCATION_BYTES: usize = 256 * 1024;
/// The limit of a line, in bytes. Lines of errors are truncated to it.
const MAX_LINE_BYTES: usize = 2048;

/// The limits of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyLimits {
    /// Bytes of each bulk string.
    pub bulk_bytes: usize,
    /// Bytes of the complete reply, including its lines.
    pub total_bytes: usize,
    /// Elements of all arrays together.
    pub elements: usize,
    /// Nesting of arrays; 0 permits no array.
    pub depth: usize,
}

/// Why there is no reply. The connection is unusable then.
#[derive(Debug)]
pub enum ReplyError {
    Io(io::Error),
    /// A bulk string over the limit of this request.
    TooLarge {
        bytes: u64,
        most: usize,
    },
    /// Not a reply of Redis, or not to this request.
    Malformed,
}

impl From<io::Error> for ReplyError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads successive replies. Bytes after a reply are kept for the next one.
pub struct ReplyReader {
    buffer: Box<[u8]>,
    /// The unread bytes in the buffer.
    start: usize,
    end: usize,
    /// The last line, with its type and without its end.
    line: Vec<u8>,
}

/// An incomplete array.
struct PartialArray {
    missing: usize,
    values: Vec<Value>,
}

/// A parsed line.
enum ReplyLine {
    Value(Value),
    Bulk(u64),
    Array(u64),
}

impl ReplyReader {
    pub fn new() -> Self {
        Self { buffer: vec![0; BUFFER_BYTES].into(), start: 0, end: 0, line: Vec::new() }
    }

    /// Number of bytes that have arrived after the reply.
    pub fn buffered(&self) -> usize {
        self.end - self.start
    }

    /// The next reply. An error reply is a value, too.
    pub fn read(&mut self, stream: &mut impl Read, limits: ReplyLimits) -> Result<Value, ReplyError> {
        let (mut bytes, mut elements) = (limits.total_bytes, limits.elements);
        let mut open: Vec<PartialArray> = Vec::new();
        loop {
            self.read_line(stream, &mut bytes)?;
            let value = match self.parse_line()? {
                ReplyLine::Value(value) => value,
                ReplyLine::Bulk(size) => {
                    Value::BulkString(self.read_bulk(stream, size, limits.bulk_bytes, &mut bytes)?)
                }
                ReplyLine::Array(0) if limits.depth > open.len() => Value::Array(Vec::new()),
                ReplyLine::Array(count) => {
                    let count = usize::try_from(count).map_err(|_| ReplyError::Malformed)?;
                    elements = elements.checked_sub(count).ok_or(ReplyError::Malformed)?;
                    if open.len() >= limits.depth {
                        return Err(ReplyError::Malformed);
                    }
                    open.push(PartialArray { missing: count, values: Vec::with_capacity(count) });
                    continue;
                }
            };
            if let Some(total) = add(&mut open, value) {
                return Ok(total);
            }
        }
    }

    /// Reads up to the end of the line, without the end itself. The line of an error is truncated to the limit.
    fn read_line(&mut self, stream: &mut impl Read, bytes_left: &mut usize) -> Result<(), ReplyError> {
        self.line.clear();
        let (mut length, mut last) = (0, 0);
        loop {
            if self.buffered() == 0 {
                self.fill(stream)?;
            }
            let waiting = self.buffer.get(self.start..self.end).unwrap_or_default();
            let piece = match waiting.iter().position(|byte| *byte == b'\n') {
                Some(end) => waiting.get(..=end).unwrap_or_default(),
                None => waiting,
            };
            let room = MAX_LINE_BYTES - self.line.len();
            self.line.extend_from_slice(piece.get(..room).unwrap_or(piece));
            self.start += piece.len();
            length += piece.len();
            *bytes_left = bytes_left.checked_sub(piece.len()).ok_or(ReplyError::Malformed)?;
            // The first byte already shows a peer that is not Redis, and that may be waiting for more bytes.
            let is_known = matches!(self.line.first(), Some(b'+' | b'-' | b':' | b'$' | b'*'));
            if !is_known || length > MAX_LINE_BYTES && !self.line.starts_with(b"-") {
                return Err(ReplyError::Malformed);
            }
            if piece.ends_with(b"\n") {
                let before = if piece.len() > 1 { piece.get(piece.len() - 2).copied() } else { Some(last) };
                self.line.truncate(length - 1 - usize::from(before == Some(b'\r')));
                return if before == Some(b'\r') { Ok(()) } else { Err(ReplyError::Malformed) };
            }
            last = piece.last().copied().unwrap_or_default();
        }
    }

    fn parse_line(&self) -> Result<ReplyLine, ReplyError> {
        let (kind, content) = self.line.split_first().ok_or(ReplyError::Malformed)?;
        if *kind == b'-' {
            return error(content).map(ReplyLine::Value);
        }
        let content = std::str::from_utf8(content).map_err(|_| ReplyError::Malformed)?;
        Ok(match kind {
            b':' => ReplyLine::Value(Value::Int(content.parse().map_err(|_| ReplyError::Malformed)?)),
            b'$' | b'*' if content == "-1" => ReplyLine::Value(Value::Nil),
            b'$' => ReplyLine::Bulk(size(content)?),
            b'*' => ReplyLine::Array(size(content)?),
            _ if content.contains('\r') => return Err(ReplyError::Malformed),
            _ if content == "OK" => ReplyLine::Value(Value::Okay),
            _ => ReplyLine::Value(Value::SimpleString(content.to_owned())),
        })
    }

    /// Reads a bulk string of `size` bytes, and the end of its line.
    fn read_bulk(
        &mut self,
        stream: &mut impl Read,
        size: u64,
        most: usize,
        bytes_left: &mut usize,
    ) -> Result<Vec<u8>, ReplyError> {
        let most = most.min(bytes_left.saturating_sub(2));
        let size = match usize::try_from(size) {
            Ok(size) if size <= most => size,
            _ => return Err(ReplyError::TooLarge { bytes: size, most }),
        };
        let total = size + 2;
        *bytes_left -= total;
        let mut text = Vec::with_capacity(total.min(ALLOCATION_BYTES));
        let waiting = self.buffer.get(self.start..self.end).unwrap_or_default();
        let waiting = waiting.get(..total).unwrap_or(waiting);
        text.extend_from_slice(waiting);
        self.start += waiting.len();
        while text.len() < total {
            let received = text.len();
            let step = (total - received).min(ALLOCATION_BYTES.max(received));
            text.reserve_exact(step);
            text.resize(received + step, 0);
            stream.read_exact(text.get_mut(received..).unwrap_or_default())?;
        }
        if !text.ends_with(b"\r\n") {
            return Err(ReplyError::Malformed);
        }
        text.truncate(size);
        Ok(text)
    }

    /// Reads into the empty buffer.
    fn fill(&mut self, stream: &mut impl Read) -> Result<(), ReplyError> {
        loop {
            match stream.read(&mut self.buffer) {
                Ok(0) => return Err(ReplyError::Io(ErrorKind::UnexpectedEof.into())),
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

/// Adds a value to the innermost array. Returns the reply if it is complete.
fn add(open: &mut Vec<PartialArray>, mut value: Value) -> Option<Value> {
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

/// A size is decimal digits without leading zeros, as Redis writes it.
fn size(content: &str) -> Result<u64, ReplyError> {
    let is_number =
        content.bytes().all(|byte| byte.is_ascii_digit()) && (content.len() == 1 || !content.starts_with('0'));
    match content.parse() {
        Ok(size) if is_number => Ok(size),
        _ => Err(ReplyError::Malformed),
    }
}

/// An error reply. Only the redis crate can create this value, by parsing the line.
fn error(content: &[u8]) -> Result<Value, ReplyError> {
    let line = format!("-{}\r\n", String::from_utf8_lossy(content));
    redis::parse_redis_value(line.as_bytes()).map_err(|_| ReplyError::Malformed)
}
