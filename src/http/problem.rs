//! Problems: why a request gets no data, as status and detail.

/// Why a request gets no data.
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
