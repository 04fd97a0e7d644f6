//! The head of a response as bytes. A worker keeps the last one it wrote: the next answer out of the same body within
//! the same second has the same, so nothing is put into words for it.

use super::reply::Reply;
use crate::clock::now;
use crate::domain::time::Timestamp;
use crate::poller::Source;
use crate::reader::{Answer, Prepared, XCache};
use std::io::Write as _;
use std::sync::{Arc, Weak};

/// How a response is framed, which is the request's to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// HEAD: no body.
    pub without_body: bool,
    /// HTTP/1.0.
    pub is_old: bool,
    /// The connection is kept for another request.
    pub keep: bool,
}

/// On every response: nothing from elsewhere, nothing guessed, nothing told to others.
const ALWAYS: &str = "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
    Cross-Origin-Resource-Policy: same-origin\r\n";

/// On every response, too. `default-src` does not govern framing, the base URL and forms: each is named. The first
/// directive is that of every version, and by it a daemon recognises another one (`gate/listen`).
pub(super) const POLICY: &str = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

#[derive(Default)]
pub struct Letterhead {
    bytes: Vec<u8>,
    /// `None`: the bytes are of an answer that no other has.
    of: Option<Of>,
}

/// All that the head of an answer with data is made of.
struct Of {
    /// Weak, so that no body is kept for it; while it is here, no other can be at its address.
    prepared: Weak<Prepared>,
    rest: Rest,
}

/// The same, but for the body.
#[derive(PartialEq, Eq)]
struct Rest {
    is_gzip: bool,
    status: u16,
    cache: XCache,
    source: Source,
    vary: Option<&'static str>,
    content_type: &'static str,
    framing: Framing,
    second: Timestamp,
}

impl Letterhead {
    /// The head of that reply, up to its body.
    pub fn head(&mut self, reply: &Reply, framing: Framing) -> &[u8] {
        let now = now();
        let of = reply.of_cache().map(|(answer, is_gzip)| Rest {
            is_gzip,
            status: reply.status,
            cache: answer.cache,
            source: answer.source,
            vary: reply.vary,
            content_type: reply.content_type,
            framing,
            second: now,
        });
        if let (Some((answer, _)), Some(of), Some(last)) = (reply.of_cache(), &of, &self.of)
            && std::ptr::eq(last.prepared.as_ptr(), Arc::as_ptr(&answer.prepared))
            && last.rest == *of
        {
            return &self.bytes;
        }
        self.bytes.clear();
        write(&mut self.bytes, reply, framing, now);
        let prepared = reply.of_cache().map(|(answer, _)| Arc::downgrade(&answer.prepared));
        self.of = prepared.zip(of).map(|(prepared, rest)| Of { prepared, rest });
        &self.bytes
    }
}

/// Writing to memory does not fail.
fn write(to: &mut Vec<u8>, reply: &Reply, framing: Framing, now: Timestamp) {
    let length: usize = reply.parts().iter().map(|part| part.len()).sum();
    let _ = write!(to, "HTTP/1.1 {} {}\r\nDate: {}\r\n", reply.status, reason(reply.status), now.to_http_date());
    let _ = write!(to, "Content-Type: {}\r\nContent-Length: {length}\r\n", reply.content_type);
    if !framing.keep {
        to.extend_from_slice(b"Connection: close\r\n");
    } else if framing.is_old {
        to.extend_from_slice(b"Connection: keep-alive\r\n");
    }
    if let Some((answer, is_gzip)) = reply.of_cache() {
        of_data(to, answer, is_gzip, now);
    }
    to.extend_from_slice(b"Cache-Control: no-cache\r\n");
    if let Some(vary) = reply.vary {
        let _ = write!(to, "Vary: {vary}\r\n");
    }
    to.extend_from_slice(reply.headers.as_bytes());
    to.extend_from_slice(ALWAYS.as_bytes());
    let _ = write!(to, "Content-Security-Policy: {POLICY}\r\n\r\n");
}

/// Where data is from, and how old it is.
fn of_data(to: &mut Vec<u8>, answer: &Answer, is_gzip: bool, now: Timestamp) {
    let source = match answer.source {
        Source::Redis => "redis",
        Source::Memory => "memory",
        Source::Smartctl => "smartctl",
    };
    let (cache, prepared) = (answer.cache.as_str(), &answer.prepared);
    let etag = prepared.encoded(is_gzip).etag;
    let age = prepared.age(now);
    let _ = write!(to, "X-Cache: {cache}\r\nX-Source: {source}\r\nAge: {age}\r\nETag: {etag}\r\n");
    if is_gzip {
        to.extend_from_slice(b"Content-Encoding: gzip\r\n");
    }
    if let Some(date) = &prepared.last_modified {
        let _ = write!(to, "Last-Modified: {date}\r\n");
    }
}

pub(super) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Error",
    }
}
