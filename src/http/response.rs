//! A response: status, headers that describe its body, and the body. `response_head` turns it into bytes.

use super::assets::Asset;
use super::problem::Problem;
use super::status::reason_phrase;
use crate::api::bodies::ProblemBody;
use crate::cache::Bytes;
use crate::reader::{Answer, RETRY_AFTER_SECONDS, XCache};
use std::fmt::Write as _;

/// A response to be sent.
#[derive(Debug)]
pub(crate) struct Response {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    /// The request headers on which the response depends.
    pub(super) vary: Option<&'static str>,
    /// Additional header lines, each with CRLF. Empty for data from the reader.
    pub(super) headers: String,
    body: Content,
}

#[derive(Debug)]
enum Content {
    /// Data from the reader.
    Data {
        answer: Answer,
        is_gzip: bool,
    },
    Static(&'static [u8]),
    Text(String),
    /// Text of this response, followed by bytes that other responses share.
    Joined(String, Bytes),
}

pub(crate) const JSON: &str = "application/json";
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

impl Response {
    /// Data with its source and age; 304 if the client has it.
    pub(super) fn data(
        answer: Answer,
        content_type: &'static str,
        takes_gzip: bool,
        if_none_match: Option<&str>,
    ) -> Self {
        let encoded = answer.body.encoded(takes_gzip);
        let (is_gzip, status) = (encoded.is_gzip, status(encoded.etag, if_none_match));
        let (vary, headers) = (Some("Accept-Encoding"), String::new());
        Self { status, content_type, vary, headers, body: Content::Data { answer, is_gzip } }
    }

    /// Marks the response as dependent on `Accept`, too.
    #[must_use]
    pub(super) fn vary_by_accept(mut self) -> Self {
        self.vary = Some(if self.vary.is_some() { "Accept, Accept-Encoding" } else { "Accept" });
        self
    }

    pub(super) fn text(status: u16, text: String) -> Self {
        Self::new(status, TEXT, Content::Text(text))
    }

    pub(super) fn json(text: String) -> Self {
        Self::new(200, JSON, Content::Text(text))
    }

    /// A static asset; 304 if the client has it.
    pub(super) fn asset(asset: &'static Asset, if_none_match: Option<&str>) -> Self {
        let status = status(&asset.etag, if_none_match);
        let mut response = Self::new(status, asset.content_type, Content::Static(&asset.body));
        response.vary = Some("Accept-Encoding");
        let _ = write!(response.headers, "ETag: {}\r\n", asset.etag);
        if asset.is_gzip {
            response.headers.push_str("Content-Encoding: gzip\r\n");
        }
        response
    }

    /// A text, followed by bytes that other responses share.
    pub(super) fn joined(content_type: &'static str, text: String, rest: Bytes) -> Self {
        Self::new(200, content_type, Content::Joined(text, rest))
    }

    fn new(status: u16, content_type: &'static str, body: Content) -> Self {
        Self { status, content_type, vary: None, headers: String::new(), body }
    }

    /// The response to a failed request (RFC 9457).
    pub(super) fn problem(problem: &Problem) -> Self {
        let (status, detail) = problem.status_and_detail();
        let body = ProblemBody { kind: "about:blank", title: reason_phrase(status), status, detail };
        // Strings and a number only: serialization cannot fail.
        let text = serde_json::to_string(&body).unwrap_or_default() + "\n";
        let mut response = Self::new(status, "application/problem+json", Content::Text(text));
        match problem {
            Problem::Token => response.headers.push_str("WWW-Authenticate: Bearer\r\n"),
            Problem::Method { .. } => response.headers.push_str("Allow: GET, HEAD\r\n"),
            Problem::NotReady(_) | Problem::Busy => {
                let _ = write!(response.headers, "Retry-After: {RETRY_AFTER_SECONDS}\r\n");
            }
            _ => {}
        }
        response
    }

    /// The same status and headers, without a body.
    #[must_use]
    pub(super) fn without_body(self) -> Self {
        Self { content_type: TEXT, body: Content::Static(&[]), ..self }
    }

    /// `X-Cache`, if the response contains data.
    pub(super) fn cache(&self) -> Option<XCache> {
        self.cached_body().map(|(answer, _)| answer.cache)
    }

    /// The data from the reader, and whether it is sent in gzip.
    pub(super) fn cached_body(&self) -> Option<(&Answer, bool)> {
        match &self.body {
            Content::Data { answer, is_gzip } => Some((answer, *is_gzip)),
            Content::Static(_) | Content::Text(_) | Content::Joined(..) => None,
        }
    }

    /// The body of a 200: bytes of this response alone, then bytes that responses share.
    pub(super) fn body_parts(&self) -> [&[u8]; 2] {
        let own = match &self.body {
            Content::Static(bytes) => bytes,
            Content::Text(text) | Content::Joined(text, _) => text.as_bytes(),
            Content::Data { .. } => &[],
        };
        match self.shared_body() {
            Some(shared) => [own, shared],
            None => [own, &[]],
        }
    }

    /// The body, or its last part, if other responses share it.
    pub(super) fn shared_body(&self) -> Option<&Bytes> {
        match &self.body {
            Content::Data { answer, is_gzip } => Some(answer.body.encoded(*is_gzip).bytes),
            Content::Joined(_, bytes) => Some(bytes),
            Content::Static(_) | Content::Text(_) => None,
        }
    }
}

/// 304 if the client has the body, else 200. A 304 has the `Content-Length` of the 200.
fn status(etag: &str, if_none_match: Option<&str>) -> u16 {
    match if_none_match {
        Some(tags) if matches_etag(tags, etag) => 304,
        _ => 200,
    }
}

/// Whether `If-None-Match` lists the tag or is `*`. The comparison is weak (RFC 9110, 13.1.2).
fn matches_etag(if_none_match: &str, etag: &str) -> bool {
    if_none_match.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entity_tags_are_compared_weakly() {
        let tag = "\"abc\"";
        for yes in ["\"abc\"", "W/\"abc\"", "*", "\"x\", \"abc\""] {
            assert!(matches_etag(yes, tag), "{yes}");
        }
        for no in ["\"abd\"", "abc", "", "\"ab\"", "\"x\",\"y\""] {
            assert!(!matches_etag(no, tag), "{no}");
        }
    }
}
