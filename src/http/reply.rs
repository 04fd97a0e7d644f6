//! A response: status, what is said of its body, and the body. Which bytes that is on the wire is `letterhead`'s
//! business and the gate's.

use super::letterhead::{Framing, Letterhead, reason};
use super::page::Ready;
use crate::api::bodies::ProblemBody;
use crate::cache::Bytes;
use crate::reader::{Answer, RETRY_AFTER_SECONDS, XCache};
use std::fmt::Write as _;

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

/// A response to be sent.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub(super) content_type: &'static str,
    /// Which headers of the request it depends on.
    pub(super) vary: Option<&'static str>,
    /// Further lines, each with its end; not of data.
    pub(super) headers: String,
    body: Body,
}

#[derive(Debug)]
enum Body {
    /// Data, and whether as gzip.
    Data(Answer, bool),
    Static(&'static [u8]),
    Text(String),
    /// What is of this moment, then what others are given too.
    Joined(String, Bytes),
}

pub const JSON: &str = "application/json";
pub const TEXT: &str = "text/plain; charset=utf-8";

impl Reply {
    /// Data with where it is from and how old it is; 304 when the client has it.
    pub fn data(answer: Answer, content_type: &'static str, takes_gzip: bool, if_none_match: Option<&str>) -> Self {
        let encoded = answer.prepared.encoded(takes_gzip);
        let (is_gzip, status) = (encoded.is_gzip, status(encoded.etag, if_none_match));
        let (vary, headers) = (Some("Accept-Encoding"), String::new());
        Self { status, content_type, vary, headers, body: Body::Data(answer, is_gzip) }
    }

    /// The same path has other answers for other `Accept` headers.
    #[must_use]
    pub fn varying(mut self) -> Self {
        self.vary = Some(if self.vary.is_some() { "Accept, Accept-Encoding" } else { "Accept" });
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
        let mut reply = Self::new(status(&file.etag, if_none_match), file.content_type, Body::Static(&file.body));
        reply.vary = Some("Accept-Encoding");
        let _ = write!(reply.headers, "ETag: {}\r\n", file.etag);
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
        Self { status, content_type, vary: None, headers: String::new(), body }
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

    /// The same status and headers, without a body.
    #[must_use]
    pub(super) fn without_text(self) -> Self {
        Self { content_type: TEXT, body: Body::Static(&[]), ..self }
    }

    /// What the cache gave, of data.
    pub(super) fn cache(&self) -> Option<XCache> {
        self.of_cache().map(|(answer, _)| answer.cache)
    }

    /// Data, and whether it goes out as gzip.
    pub(super) fn of_cache(&self) -> Option<(&Answer, bool)> {
        if let Body::Data(answer, is_gzip) = &self.body { Some((answer, *is_gzip)) } else { None }
    }

    /// The body of a 200: what is this answer's own, and what others are given too.
    pub(super) fn parts(&self) -> [&[u8]; 2] {
        match &self.body {
            Body::Static(bytes) => [bytes, &[]],
            Body::Text(text) => [text.as_bytes(), &[]],
            Body::Data(..) | Body::Joined(..) => {
                let own = if let Body::Joined(own, _) = &self.body { own.as_bytes() } else { &[] };
                [own, self.shared().map_or(&[], |bytes| bytes)]
            }
        }
    }

    /// The body, or its end, where others have it too.
    pub fn shared(&self) -> Option<&Bytes> {
        match &self.body {
            Body::Data(answer, is_gzip) => Some(answer.prepared.encoded(*is_gzip).bytes),
            Body::Joined(_, bytes) => Some(bytes),
            Body::Static(_) | Body::Text(_) => None,
        }
    }

    /// As it goes over the wire, in pieces that go out in one write: two would cost a reused connection 44 ms.
    pub fn pieces<'a>(&'a self, framing: Framing, letterhead: &'a mut Letterhead) -> [&'a [u8]; 3] {
        let [own, shared] = if framing.without_body || self.status == 304 { [&[][..]; 2] } else { self.parts() };
        [letterhead.head(self, framing), own, shared]
    }
}

/// 304 where the client has it. Also that names the length that 200 would have.
fn status(etag: &str, if_none_match: Option<&str>) -> u16 {
    if if_none_match.is_some_and(|tags| names(tags, etag)) { 304 } else { 200 }
}

/// `If-None-Match` holds the tag, or `*`. The comparison is the weak one (RFC 9110, 13.1.2).
fn names(if_none_match: &str, etag: &str) -> bool {
    if_none_match.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
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
