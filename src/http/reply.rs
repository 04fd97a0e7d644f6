//! A response, from status to last byte: headers, ETag and HEAD, and one write for all of it.

use super::page::Ready;
use crate::cache::Bytes;
use crate::clock::now;
use crate::model::bodies::ProblemBody;
use crate::poller::Source;
use crate::reader::{Answer, RETRY_AFTER_SECONDS, XCache};
use std::fmt::Write as _;
use std::io::Write;

/// Why a request gets no data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    Bad(String),
    Token,
    NotFound(String),
    Method { has_body: bool },
    Host,
    TooSlow,
    HeadTooLarge,
    NotReady(String),
    Busy,
    HttpVersion,
}

impl Problem {
    fn parts(&self) -> (u16, &str) {
        match self {
            Self::Bad(why) => (400, why),
            Self::Token => (401, "a bearer token is needed"),
            Self::NotFound(what) => (404, what),
            Self::Method { .. } => (405, "only GET and HEAD are answered"),
            Self::Host => (421, "this host name is not served; see JBOD_ALLOWED_HOSTS"),
            Self::TooSlow => (408, "the head of the request was not whole within 5 s"),
            Self::HeadTooLarge => (431, "the head of the request is over 16 KiB or 64 headers"),
            Self::NotReady(why) => (503, why),
            Self::Busy => (503, "too many connections or requests at once"),
            Self::HttpVersion => (505, "only HTTP/1.0 and HTTP/1.1 are spoken"),
        }
    }
}

/// How a response is framed, which is the request's to say.
#[derive(Clone, Copy, Debug)]
pub struct Framing {
    /// HEAD: no body.
    pub without_body: bool,
    /// HTTP/1.0.
    pub is_old: bool,
    /// The connection is kept for another request.
    pub keep: bool,
}

/// A response to be sent.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// Of data: what the cache gave.
    pub cache: Option<XCache>,
    content_type: &'static str,
    /// Further lines, each with its end.
    headers: String,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Static(&'static [u8]),
    Text(String),
    Stored(Bytes),
    /// What is of this moment, then what others are given too.
    Joined(String, Bytes),
}

impl Body {
    fn parts(&self) -> [&[u8]; 2] {
        match self {
            Self::Static(bytes) => [bytes, &[]],
            Self::Text(text) => [text.as_bytes(), &[]],
            Self::Stored(bytes) => [bytes, &[]],
            Self::Joined(text, bytes) => [text.as_bytes(), bytes],
        }
    }
}

pub const JSON: &str = "application/json";
pub const TEXT: &str = "text/plain; charset=utf-8";

/// A worker's buffer is kept for the next answer up to this size.
const KEPT_BYTES: usize = 4 * 1024 * 1024;

/// On every response: nothing from elsewhere, nothing guessed, nothing told to others.
const ALWAYS: &str = "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
    Cross-Origin-Resource-Policy: same-origin\r\nContent-Security-Policy: default-src 'self'\r\n";

impl Reply {
    /// Data with where it is from and how old it is; 304 when the client has it.
    pub fn data(answer: &Answer, content_type: &'static str, if_none_match: Option<&str>) -> Self {
        let prepared = &answer.prepared;
        let source = match answer.source {
            Source::Redis => "redis",
            Source::Memory => "memory",
            Source::Smartctl => "smartctl",
        };
        let mut headers = String::with_capacity(256);
        let _ = write!(
            headers,
            "X-Cache: {}\r\nX-Source: {source}\r\nAge: {}\r\nETag: {}\r\nCache-Control: no-cache\r\n",
            answer.cache.as_str(),
            answer.age,
            prepared.etag
        );
        if let Some(date) = &prepared.last_modified {
            let _ = write!(headers, "Last-Modified: {date}\r\n");
        }
        let has_it = if_none_match.is_some_and(|tags| names(tags, &prepared.etag));
        // Also 304 names the length that 200 would have; the body itself is not sent.
        let (status, body) = (if has_it { 304 } else { 200 }, Body::Stored(Bytes::clone(&prepared.body)));
        Self { status, cache: Some(answer.cache), content_type, headers, body }
    }

    /// The same path has other answers for other `Accept` headers.
    #[must_use]
    pub fn varying(mut self) -> Self {
        self.headers.push_str("Vary: Accept\r\n");
        self
    }

    pub fn text(status: u16, text: String) -> Self {
        Self::new(status, TEXT, Body::Text(text))
    }

    pub fn json(text: String) -> Self {
        Self::new(200, JSON, Body::Text(text))
    }

    /// A file of the page; 304 when the client has it.
    pub(super) fn file(file: &'static Ready, if_none_match: Option<&str>) -> Self {
        let has_it = if_none_match.is_some_and(|tags| names(tags, &file.etag));
        let status = if has_it { 304 } else { 200 };
        let mut reply = Self::new(status, file.content_type, Body::Static(&file.body));
        let _ = write!(reply.headers, "ETag: {}\r\nVary: Accept-Encoding\r\n", file.etag);
        if file.is_gzip {
            reply.headers.push_str("Content-Encoding: gzip\r\n");
        }
        reply
    }

    /// A text that ends with what others are given too.
    pub fn joined(content_type: &'static str, text: String, rest: Bytes) -> Self {
        Self::new(200, content_type, Body::Joined(text, rest))
    }

    fn new(status: u16, content_type: &'static str, body: Body) -> Self {
        Self { status, cache: None, content_type, headers: "Cache-Control: no-cache\r\n".to_owned(), body }
    }

    /// RFC 9457.
    pub fn problem(problem: &Problem) -> Self {
        let (status, detail) = problem.parts();
        let body = ProblemBody { kind: "about:blank", title: reason(status), status, detail };
        // Strings and a number only: this cannot fail.
        let text = serde_json::to_string(&body).unwrap_or_default() + "\n";
        let mut reply = Self::new(status, "application/problem+json", Body::Text(text));
        match problem {
            Problem::Token => reply.headers.push_str("WWW-Authenticate: Bearer\r\n"),
            Problem::Method { .. } => reply.headers.push_str("Allow: GET, HEAD\r\n"),
            Problem::NotReady(_) | Problem::Busy => {
                let _ = write!(reply.headers, "Retry-After: {RETRY_AFTER_SECONDS}\r\n");
            }
            _ => {}
        }
        reply
    }

    /// The body, or its end, where others have it too.
    pub fn shared(&self) -> Option<&Bytes> {
        if let Body::Stored(bytes) | Body::Joined(_, bytes) = &self.body { Some(bytes) } else { None }
    }

    /// Head and body into one buffer, for one write: two would cost a reused connection 44 ms.
    pub fn write(&self, framing: Framing, buffer: &mut Vec<u8>) {
        let parts = self.body.parts();
        let length = parts.iter().map(|part| part.len()).sum::<usize>();
        if buffer.capacity() > KEPT_BYTES {
            *buffer = Vec::new();
        }
        buffer.clear();
        let _ = write!(buffer, "HTTP/1.1 {} {}\r\nDate: {}\r\n", self.status, reason(self.status), date());
        let _ = write!(buffer, "Content-Type: {}\r\nContent-Length: {}\r\n", self.content_type, length);
        if !framing.keep {
            buffer.extend_from_slice(b"Connection: close\r\n");
        } else if framing.is_old {
            buffer.extend_from_slice(b"Connection: keep-alive\r\n");
        }
        buffer.extend_from_slice(self.headers.as_bytes());
        buffer.extend_from_slice(ALWAYS.as_bytes());
        buffer.extend_from_slice(b"\r\n");
        if !(framing.without_body || self.status == 304) {
            for part in parts {
                buffer.extend_from_slice(part);
            }
        }
    }
}

/// Now, as HTTP writes it.
fn date() -> String {
    now().to_http_date()
}

/// `If-None-Match` holds the tag, or `*`. The comparison is the weak one (RFC 9110, 13.1.2).
fn names(if_none_match: &str, etag: &str) -> bool {
    if_none_match.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

fn reason(status: u16) -> &'static str {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_match_as_http_says() {
        let tag = "\"abc\"";
        for yes in ["\"abc\"", "W/\"abc\"", "*", "\"x\", \"abc\""] {
            assert!(names(yes, tag), "{yes}");
        }
        for no in ["\"abd\"", "abc", "", "\"ab\"", "\"x\",\"y\""] {
            assert!(!names(no, tag), "{no}");
        }
    }
}
