//! Problems: why a request fails, as status and detail (RFC 9457).

/// Why a request fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
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
    pub(super) fn status_and_detail(&self) -> (u16, &str) {
        match self {
            Self::Bad(why) => (400, why),
            Self::Token => (401, "bearer token required: send \"Authorization: Bearer TOKEN\""),
            Self::NotFound(what) => (404, what),
            Self::Method { .. } => (405, "only GET and HEAD are supported"),
            Self::Host => (421, "host name not allowed: JBOD_ALLOWED_HOSTS lists the names that are served"),
            Self::TooSlow => (408, "request header not received within 5 s"),
            Self::HeadTooLarge => (431, "request header exceeds 16 KiB or 64 fields"),
            Self::NotReady(why) => (503, why),
            Self::Busy => (503, "too many concurrent connections or requests"),
            Self::HttpVersion => (505, "only HTTP/1.0 and HTTP/1.1 are supported"),
        }
    }
}
