//! Strict parser of request heads. Pure.

use crate::http::problem::Problem;
use crate::http::route::{Target, parse_target};

/// Limit of the request line and the headers together.
pub(super) const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;

/// A valid request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestHead {
    /// The method is HEAD.
    pub(crate) omit_body: bool,
    pub(crate) target: Target,
    pub(crate) if_none_match: Option<String>,
    pub(crate) accept: Option<String>,
    pub(crate) accept_encoding: Option<String>,
    pub(crate) is_http_10: bool,
    /// The client wants a persistent connection.
    pub(crate) keep_alive: bool,
}

/// The values that the access policy checks.
#[derive(Debug, Default)]
pub(super) struct Credentials<'a> {
    pub(super) host: Option<&'a str>,
    pub(super) authorization: Option<&'a str>,
    pub(super) is_http_10: bool,
}

/// A complete head. A rejection closes the connection if it is uncertain where the next request begins.
pub(super) struct ParsedRequest<'a> {
    pub(super) length: usize,
    pub(super) credentials: Credentials<'a>,
    pub(super) head: Result<RequestHead, Problem>,
}

/// The method of a request that may be incomplete or malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Head,
    Other,
    /// Too few bytes to decide.
    Incomplete,
}

pub(super) fn method(bytes: &[u8]) -> Method {
    const HEAD: &[u8] = b"HEAD ";
    // Empty lines before a request are skipped (RFC 9112, 2.2).
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    let bytes = bytes.get(start..).unwrap_or_default();
    if bytes.starts_with(HEAD) {
        Method::Head
    } else if HEAD.starts_with(bytes) {
        Method::Incomplete
    } else {
        Method::Other
    }
}

/// Parses the head at the beginning of `bytes`. `None` if it is incomplete.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<ParsedRequest<'_>>, Problem> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD_BYTES => length,
        Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD_BYTES => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(Problem::HeadTooLarge),
        Err(httparse::Error::Version) => return Err(Problem::HttpVersion),
        Err(error) => return Err(Problem::Bad(format!("malformed HTTP request: {error}"))),
    };
    let is_http_10 = request.version == Some(0);
    let fields = HeaderFields(request.headers);
    let host = fields.single("Host")?;
    let effective_host = authority(request.path.unwrap_or_default()).or(host);
    let credentials = Credentials { host: effective_host, authorization: fields.single("Authorization")?, is_http_10 };
    if host.is_none() && !is_http_10 {
        return Err(Problem::Bad("HTTP/1.1 request without a Host header".to_owned()));
    }
    let head = request_head(request.method, request.path, &fields, is_http_10);
    Ok(Some(ParsedRequest { length, credentials, head }))
}

/// The host in a target of absolute form. It takes precedence over the Host header (RFC 9112, 3.2.2).
fn authority(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("http://")?;
    rest.split(['/', '?', '#']).next()
}

fn request_head(
    method: Option<&str>,
    path: Option<&str>,
    fields: &HeaderFields,
    is_http_10: bool,
) -> Result<RequestHead, Problem> {
    let has_body = fields.has("Transfer-Encoding") || fields.single("Content-Length")?.unwrap_or("0") != "0";
    let omit_body = match method {
        Some("GET") => false,
        Some("HEAD") => true,
        _ => return Err(Problem::Method { has_body }),
    };
    if has_body {
        return Err(Problem::Bad("a GET or HEAD request must not have a body".to_owned()));
    }
    let connection = fields.combined("Connection").unwrap_or_default();
    let keep_alive = !has_option(&connection, "close") && (!is_http_10 || has_option(&connection, "keep-alive"));
    Ok(RequestHead {
        omit_body,
        target: parse_target(path.unwrap_or_default())?,
        if_none_match: fields.combined("If-None-Match"),
        accept: fields.combined("Accept"),
        accept_encoding: fields.combined("Accept-Encoding"),
        is_http_10,
        keep_alive,
    })
}

/// Whether a `Connection` header lists an option.
fn has_option(connection: &str, wanted: &str) -> bool {
    connection.split(',').any(|option| option.trim().eq_ignore_ascii_case(wanted))
}

struct HeaderFields<'a, 'b>(&'b [httparse::Header<'a>]);

impl<'a> HeaderFields<'a, '_> {
    fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let named = self.0.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
        named.map(|header| header.value)
    }

    fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// A header that may occur once, as text.
    fn single(&self, name: &str) -> Result<Option<&'a str>, Problem> {
        let mut all = self.all(name);
        let Some(value) = all.next() else { return Ok(None) };
        if all.next().is_some() {
            return Err(Problem::Bad(format!("more than one {name} header")));
        }
        let text = std::str::from_utf8(value).map_err(|_| Problem::Bad(format!("the {name} header is not UTF-8")))?;
        Ok(Some(text.trim()))
    }

    /// A header that may occur several times, as one list. `None` if it is absent or empty.
    fn combined(&self, name: &str) -> Option<String> {
        let mut texts = self.all(name).map(String::from_utf8_lossy);
        let mut list = texts.next()?.into_owned();
        for text in texts {
            list.push(',');
            list.push_str(&text);
        }
        if list.is_empty() { None } else { Some(list) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Option<Result<RequestHead, Problem>>, Problem> {
        Ok(parse(text.as_bytes())?.map(|parsed| parsed.head))
    }

    /// The head in a complete text.
    fn complete(text: &str) -> Result<RequestHead, Problem> {
        parsed(text)?.unwrap_or_else(|| unreachable!("a complete head"))
    }

    fn get(fields: &str) -> Result<RequestHead, Problem> {
        complete(&format!("GET /api/overview HTTP/1.1\r\nHost: x\r\n{fields}\r\n"))
    }

    #[test]
    fn a_valid_request_is_parsed() {
        let head = get("If-None-Match: \"a\"\r\nIf-None-Match: W/\"b\"\r\n").unwrap();
        assert!(head.keep_alive && !head.omit_body);
        assert_eq!(head.if_none_match.as_deref(), Some("\"a\",W/\"b\""));
        assert!(!get("Connection: Close\r\n").unwrap().keep_alive);
        let http_10 = complete("GET / HTTP/1.0\r\n\r\n").unwrap();
        assert!(http_10.is_http_10 && !http_10.keep_alive);
        let persistent = complete("HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").unwrap();
        assert!(persistent.keep_alive && persistent.omit_body);
        assert!(get("Content-Length: 0\r\n").is_ok());
    }

    #[test]
    fn the_method_is_known_from_its_first_bytes() {
        for incomplete in ["", "\r\n", "H", "\r\nHEAD"] {
            assert_eq!(method(incomplete.as_bytes()), Method::Incomplete, "{incomplete:?}");
        }
        for head in ["HEAD ", "\r\n\r\nHEAD /%zz HTTP/1.1"] {
            assert_eq!(method(head.as_bytes()), Method::Head, "{head:?}");
        }
        for other in ["GET /", "HEADS /", "head /", " HEAD /", "HELP", "\0"] {
            assert_eq!(method(other.as_bytes()), Method::Other, "{other:?}");
        }
    }

    #[test]
    fn an_incomplete_head_is_awaited_up_to_its_limit() {
        let complete = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        for cut in 0..complete.len() {
            assert!(matches!(parse(&complete.as_bytes()[..cut]), Ok(None)), "{cut}");
        }
        let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(MAX_HEAD_BYTES));
        assert!(matches!(parse(long.as_bytes()), Err(Problem::HeadTooLarge)));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
        assert!(matches!(parse(many.as_bytes()), Err(Problem::HeadTooLarge)));
    }

    #[test]
    fn bodies_duplicates_and_other_versions_are_rejected() {
        for fields in [
            "Content-Length: 5\r\n",
            "Transfer-Encoding: chunked\r\n",
            "Content-Length: 18446744073709551615\r\n",
            "Content-Length: -1\r\n",
        ] {
            assert!(matches!(get(fields), Err(Problem::Bad(_))), "{fields:?}");
        }
        for fields in [
            "Host: y\r\n",
            "Content-Length: 0\r\nContent-Length: 0\r\n",
            "Authorization: a\r\nAuthorization: b\r\n",
            "Bad Header: x\r\n",
            " folded\r\n",
        ] {
            assert!(matches!(get(fields), Err(Problem::Bad(_))), "{fields:?}");
        }
        for line in ["GET / HTTP/2.0", "GET / HTTP/1.2", "PRI * HTTP/2.0"] {
            assert!(matches!(parsed(&format!("{line}\r\n\r\n")), Err(Problem::HttpVersion)), "{line}");
        }
        assert!(matches!(parsed("GET / HTTP/1.1\r\n\r\n"), Err(Problem::Bad(_))), "no Host");
        assert!(matches!(
            parsed("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"),
            Ok(Some(Err(Problem::Method { has_body: true })))
        ));
    }
}
