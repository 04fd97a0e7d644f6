//! The head of a response as bytes, cached.
//!
//! A worker keeps the last head that it wrote. The next response with the same body within the same second has the same
//! head, so it is not formatted again.

use super::response::Response;
use super::status::reason_phrase;
use crate::clock::now;
use crate::domain::time::Timestamp;
use crate::poller::ValueSource;
use crate::reader::{Answer, ResponseBody, XCache};
use std::io::Write as _;
use std::sync::{Arc, Weak};

/// The properties of a response that the request determines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Framing {
    /// The request is HEAD.
    pub(crate) omit_body: bool,
    pub(crate) is_http_10: bool,
    pub(crate) keep_alive: bool,
}

/// Headers of every response.
const SECURITY_HEADERS: &str = "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
    Cross-Origin-Resource-Policy: same-origin\r\n";

/// A header of every response. `default-src` does not govern framing, the base URL and forms, so each is listed. The
/// first directive is the same in all versions: a daemon recognizes another one by it (`server::address_probe`).
pub(super) const CONTENT_SECURITY_POLICY: &str =
    "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// A cache with one entry: the head that was written last.
#[derive(Default)]
pub(crate) struct ResponseHeadCache {
    bytes: Vec<u8>,
    /// `None` if the head belongs to a response without data from the reader; it is not reused then.
    key: Option<CacheKey>,
}

/// Everything that the head of a response with data depends on.
struct CacheKey {
    /// Weak, so that the cache keeps no body alive. While it exists, no other body has its address.
    body: Weak<ResponseBody>,
    parameters: HeadParameters,
}

/// The key without the body.
#[derive(PartialEq, Eq)]
struct HeadParameters {
    is_gzip: bool,
    status: u16,
    cache: XCache,
    source: ValueSource,
    vary: Option<&'static str>,
    content_type: &'static str,
    framing: Framing,
    second: Timestamp,
}

impl ResponseHeadCache {
    /// The complete response: head, body of this response alone, shared body. The slices are sent in one write: with
    /// two, a reused connection would wait 44 ms for a delayed acknowledgement.
    pub(crate) fn io_slices<'a>(&'a mut self, response: &'a Response, framing: Framing) -> [&'a [u8]; 3] {
        let has_body = !framing.omit_body && response.status != 304;
        let [own, shared] = if has_body { response.body_parts() } else { [&[][..]; 2] };
        [self.head(response, framing), own, shared]
    }

    fn head(&mut self, response: &Response, framing: Framing) -> &[u8] {
        let now = now();
        let Some((answer, is_gzip)) = response.cached_body() else {
            self.key = None;
            self.write(response, framing, now);
            return &self.bytes;
        };
        let parameters = HeadParameters {
            is_gzip,
            status: response.status,
            cache: answer.cache,
            source: answer.source,
            vary: response.vary,
            content_type: response.content_type,
            framing,
            second: now,
        };
        match &self.key {
            Some(key) if key.matches(&answer.body, &parameters) => {}
            _ => {
                self.key = Some(CacheKey { body: Arc::downgrade(&answer.body), parameters });
                self.write(response, framing, now);
            }
        }
        &self.bytes
    }

    fn write(&mut self, response: &Response, framing: Framing, now: Timestamp) {
        self.bytes.clear();
        write_head(&mut self.bytes, response, framing, now);
    }
}

impl CacheKey {
    fn matches(&self, body: &Arc<ResponseBody>, parameters: &HeadParameters) -> bool {
        std::ptr::eq(self.body.as_ptr(), Arc::as_ptr(body)) && self.parameters == *parameters
    }
}

/// Writes the head. Writing to memory cannot fail.
fn write_head(to: &mut Vec<u8>, response: &Response, framing: Framing, now: Timestamp) {
    let length: usize = response.body_parts().iter().map(|part| part.len()).sum();
    let _ = write!(
        to,
        "HTTP/1.1 {} {}\r\nDate: {}\r\n",
        response.status,
        reason_phrase(response.status),
        now.to_http_date()
    );
    let _ = write!(to, "Content-Type: {}\r\nContent-Length: {length}\r\n", response.content_type);
    if !framing.keep_alive {
        to.extend_from_slice(b"Connection: close\r\n");
    } else if framing.is_http_10 {
        to.extend_from_slice(b"Connection: keep-alive\r\n");
    }
    if let Some((answer, is_gzip)) = response.cached_body() {
        write_data_headers(to, answer, is_gzip, now);
    }
    to.extend_from_slice(b"Cache-Control: no-cache\r\n");
    if let Some(vary) = response.vary {
        let _ = write!(to, "Vary: {vary}\r\n");
    }
    to.extend_from_slice(response.headers.as_bytes());
    to.extend_from_slice(SECURITY_HEADERS.as_bytes());
    let _ = write!(to, "Content-Security-Policy: {CONTENT_SECURITY_POLICY}\r\n\r\n");
}

/// Writes the headers of data: source, age and validators.
fn write_data_headers(to: &mut Vec<u8>, answer: &Answer, is_gzip: bool, now: Timestamp) {
    let source = match answer.source {
        ValueSource::Redis => "redis",
        ValueSource::Memory => "memory",
        ValueSource::Smartctl => "smartctl",
    };
    let (cache, body) = (answer.cache.as_str(), &answer.body);
    let etag = body.encoded(is_gzip).etag;
    let age = body.age(now);
    let _ = write!(to, "X-Cache: {cache}\r\nX-Source: {source}\r\nAge: {age}\r\nETag: {etag}\r\n");
    if is_gzip {
        to.extend_from_slice(b"Content-Encoding: gzip\r\n");
    }
    if let Some(date) = &body.last_modified {
        let _ = write!(to, "Last-Modified: {date}\r\n");
    }
}
