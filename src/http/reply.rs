//! A response, from status to last byte: headers, ETag and HEAD, and one write for all of it.

use crate::cache::Bytes;
use crate::model::Timestamp;
use crate::poller::Source;
use crate::reader::{Answer, RETRY_AFTER_SECONDS};
use std::fmt::Write as _;
use std::io::Write;
use tiny_http::{HTTPVersion, Method, Request};

/// Why a request gets no data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    Bad(String),
    Token,
    NotFound(String),
    Method,
    Host,
    NotReady(String),
    HttpVersion,
}

impl Problem {
    fn parts(&self) -> (u16, &str) {
        match self {
            Self::Bad(why) => (400, why),
            Self::Token => (401, "a bearer token is needed"),
            Self::NotFound(what) => (404, what),
            Self::Method => (405, "only GET and HEAD are answered"),
            Self::Host => (421, "this host name is not served; see JBOD_ALLOWED_HOSTS"),
            Self::NotReady(why) => (503, why),
            Self::HttpVersion => (505, "only HTTP/1.0 and HTTP/1.1 are spoken"),
        }
    }
}

/// A response to be sent.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    content_type: &'static str,
    /// Further lines, each with its end.
    headers: String,
    body: Body,
    close: bool,
}

#[derive(Debug)]
enum Body {
    Static(&'static str),
    Text(String),
    Stored(Bytes),
}

impl Body {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Static(text) => text.as_bytes(),
            Self::Text(text) => text.as_bytes(),
            Self::Stored(bytes) => bytes,
        }
    }
}

/// A worker's buffer is kept for the next answer up to this size.
const KEPT_BYTES: usize = 4 * 1024 * 1024;

/// On every response: nothing from elsewhere, nothing guessed, nothing told to others.
const ALWAYS: &str = "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
    Cross-Origin-Resource-Policy: same-origin\r\nContent-Security-Policy: default-src 'self'\r\n";

impl Reply {
    /// Data with where it is from and how old it is; 304 when the client has it.
    pub fn data(answer: &Answer, request: &Request) -> Self {
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
        let has_it =
            request.headers().iter().any(|h| h.field.equiv("If-None-Match") && names(h.value.as_str(), &prepared.etag));
        // Also 304 names the length that 200 would have; the body itself is not sent.
        let (status, body) = (if has_it { 304 } else { 200 }, Body::Stored(Bytes::clone(&prepared.body)));
        Self { status, content_type: "application/json", headers, body, close: false }
    }

    pub fn text(status: u16, text: &'static str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", Body::Static(text))
    }

    pub fn page(html: &'static str) -> Self {
        Self::new(200, "text/html; charset=utf-8", Body::Static(html))
    }

    fn new(status: u16, content_type: &'static str, body: Body) -> Self {
        Self { status, content_type, headers: "Cache-Control: no-cache\r\n".to_owned(), body, close: false }
    }

    /// RFC 9457.
    pub fn problem(problem: &Problem) -> Self {
        let (status, detail) = problem.parts();
        let body =
            serde_json::json!({ "type": "about:blank", "title": reason(status), "status": status, "detail": detail });
        let mut reply = Self::new(status, "application/problem+json", Body::Text(body.to_string() + "\n"));
        match problem {
            Problem::Token => reply.headers.push_str("WWW-Authenticate: Bearer\r\n"),
            Problem::Method => reply.headers.push_str("Allow: GET, HEAD\r\n"),
            Problem::NotReady(_) => {
                let _ = write!(reply.headers, "Retry-After: {RETRY_AFTER_SECONDS}\r\n");
            }
            // Where the next request begins is not certain after one of these.
            Problem::Bad(_) | Problem::HttpVersion => reply.close = true,
            Problem::NotFound(_) | Problem::Host => {}
        }
        reply
    }

    /// Head and body in one write: two would cost a reused connection 44 ms.
    pub fn send(self, request: Request, buffer: &mut Vec<u8>) {
        let without_body = self.status == 304 || *request.method() == Method::Head;
        let connection = if self.close { Some("close") } else { connection(&request) };
        let body = self.body.bytes();
        buffer.clear();
        let _ = write!(buffer, "HTTP/1.1 {} {}\r\nDate: {}\r\n", self.status, reason(self.status), date());
        let _ = write!(buffer, "Content-Type: {}\r\nContent-Length: {}\r\n", self.content_type, body.len());
        if let Some(connection) = connection {
            let _ = write!(buffer, "Connection: {connection}\r\n");
        }
        buffer.extend_from_slice(self.headers.as_bytes());
        buffer.extend_from_slice(ALWAYS.as_bytes());
        buffer.extend_from_slice(b"\r\n");
        if !without_body {
            buffer.extend_from_slice(body);
        }
        let mut writer = request.into_writer();
        // A client that has gone away is no event.
        let _ = writer.write_all(buffer).and_then(|()| writer.flush());
        if buffer.capacity() > KEPT_BYTES {
            *buffer = Vec::new();
        }
    }
}

/// Now, as HTTP writes it.
fn date() -> String {
    Timestamp(jiff::Timestamp::now().as_second()).to_http_date()
}

/// tiny_http closes without saying so; say it.
fn connection(request: &Request) -> Option<&'static str> {
    let header = request.headers().iter().find(|h| h.field.equiv("Connection"));
    let asked = header.map(|h| h.value.as_str().to_ascii_lowercase()).unwrap_or_default();
    let is_old = *request.http_version() == HTTPVersion(1, 0);
    if asked.contains("close") || asked.contains("upgrade") || is_old && !asked.contains("keep-alive") {
        Some("close")
    } else {
        is_old.then_some("keep-alive")
    }
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
        421 => "Misdirected Request",
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
