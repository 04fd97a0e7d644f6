//! Any reply of Redis, in pieces of any size: an error, or a value within the limits of the request that is the same as
//! the redis crate parses.

#![no_main]

use jbod_monitor::fuzzing::redis::{ReplyError, ReplyLimits, ReplyReader, Value, parse_redis_value};
use libfuzzer_sys::fuzz_target;
use std::io::Read;

/// Limits as the daemon uses them for a status, a text, many texts, and a list of lists.
const LIMITS: [ReplyLimits; 4] = [
    ReplyLimits { bulk_bytes: 0, total_bytes: 4096, elements: 0, depth: 0 },
    ReplyLimits { bulk_bytes: 300, total_bytes: 4396, elements: 0, depth: 0 },
    ReplyLimits { bulk_bytes: 4096, total_bytes: 8192, elements: 16, depth: 1 },
    ReplyLimits { bulk_bytes: 4096, total_bytes: 16384, elements: 64, depth: 3 },
];
/// Longer errors are truncated.
const UNCUT_BYTES: usize = 2000;

/// Returns at most this number of bytes per read.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let most = into.len().min(self.1);
        self.0.read(&mut into[..most])
    }
}

/// The number of elements, and the number of levels of lists.
fn measure(value: &Value, limits: ReplyLimits) -> (usize, usize) {
    match value {
        Value::Array(values) => {
            let inner: Vec<(usize, usize)> = values.iter().map(|value| measure(value, limits)).collect();
            let elements = inner.iter().map(|(elements, _)| elements).sum::<usize>();
            (values.len() + elements, 1 + inner.iter().map(|(_, depth)| *depth).max().unwrap_or(0))
        }
        Value::BulkString(text) => {
            assert!(text.len() <= limits.bulk_bytes);
            (0, 0)
        }
        Value::SimpleString(text) => {
            assert!(text.len() <= limits.total_bytes);
            (0, 0)
        }
        Value::ServerError(_) | Value::Nil | Value::Int(_) | Value::Okay => (0, 0),
        other => panic!("not in RESP2: {other:?}"),
    }
}

/// `ReplyError` does not implement `PartialEq`.
fn comparable(result: &Result<Value, ReplyError>) -> String {
    format!("{result:?}")
}

fuzz_target!(|bytes: &[u8]| {
    let [size, kind, reply @ ..] = bytes else { return };
    let limits = LIMITS[usize::from(*kind) % LIMITS.len()];
    let (mut reader, mut whole) = (ReplyReader::new(), Pieces(reply, usize::MAX));
    let (mut other, mut pieces) = (ReplyReader::new(), Pieces(reply, usize::from(*size) + 1));
    let mut rest = reply;
    // Several replies, as of a pipeline.
    for _ in 0..4 {
        let value = reader.read(&mut whole, limits);
        assert_eq!(comparable(&value), comparable(&other.read(&mut pieces, limits)), "in pieces of {size}");
        let Ok(value) = value else { return };
        let (elements, depth) = measure(&value, limits);
        assert!(elements <= limits.elements && depth <= limits.depth, "{elements} elements, {depth} levels");
        if rest.len() < UNCUT_BYTES {
            match parse_redis_value(rest) {
                Ok(parsed) => assert_eq!(value, parsed),
                // The redis crate rejects an error that is not UTF-8.
                Err(_) => assert!(std::str::from_utf8(rest).is_err()),
            }
        }
        let left = whole.0.len() + reader.buffered();
        rest = &rest[rest.len() - left..];
    }
});
