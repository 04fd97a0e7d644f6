//! A body with its validators and dates, computed once for all its responses.

use crate::api::content_version::{ContentVersion, hash};
use crate::api::document_header::DocumentHeader;
use crate::cache::{Body, Bytes};
use crate::domain::time::Timestamp;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct ResponseBody {
    body: Arc<Body>,
    /// Strong entity tag, quoted. The gzip encoding has another one, since its bytes differ.
    etag: String,
    gzip_etag: String,
    /// The time of the data.
    observed_at: Option<Timestamp>,
    /// Time at which the body was built.
    built_at: Option<Timestamp>,
    /// `Last-Modified`.
    pub(crate) last_modified: Option<String>,
    /// The view has found nothing (an unknown enclosure or drive); the body may contain the reason.
    pub(crate) is_absent: bool,
}

/// The body in one encoding, with its entity tag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EncodedBody<'a> {
    pub(crate) bytes: &'a Bytes,
    pub(crate) etag: &'a str,
    pub(crate) is_gzip: bool,
}

impl ResponseBody {
    pub(super) fn new(body: Arc<Body>, header: &DocumentHeader, is_absent: bool) -> Arc<Self> {
        let built_at = header.generated_at.or(header.checked_at).or(header.collected_at);
        let tag = entity_tag(body.plain());
        Arc::new(Self {
            etag: format!("\"{tag}\""),
            gzip_etag: format!("\"{tag}-gzip\""),
            observed_at: header.observed_at(),
            built_at,
            last_modified: built_at.map(Timestamp::to_http_date),
            is_absent,
            body,
        })
    }

    pub(super) fn body(&self) -> &Body {
        &self.body
    }

    /// The body without an encoding.
    pub(crate) fn plain(&self) -> EncodedBody<'_> {
        EncodedBody { bytes: self.body.plain(), etag: &self.etag, is_gzip: false }
    }

    /// The body in gzip if the client accepts it and it is smaller.
    pub(crate) fn encoded(&self, takes_gzip: bool) -> EncodedBody<'_> {
        if takes_gzip && let Some(bytes) = self.body.gzip() {
            return EncodedBody { bytes, etag: &self.gzip_etag, is_gzip: true };
        }
        self.plain()
    }

    /// Age of the data in seconds; 0 if it is unknown.
    pub(crate) fn age(&self, now: Timestamp) -> u64 {
        match self.observed_at {
            Some(at) => at.age_seconds(now),
            None => 0,
        }
    }

    /// Whether the body was dated by a clock that has been set back since: its age is unknown.
    pub(super) fn is_dated_ahead_of(&self, now: Timestamp) -> bool {
        let dates = [self.observed_at, self.built_at];
        dates.into_iter().flatten().any(|at| at.is_ahead_of(now))
    }

    /// Age of the body in seconds; `u64::MAX` if it is unknown.
    pub(crate) fn built_age(&self, now: Timestamp) -> u64 {
        match self.built_at {
            Some(at) => at.age_seconds(now),
            None => u64::MAX,
        }
    }
}

/// Equal bytes have equal tags, also across restarts. The tag of a body with a content version is that version.
fn entity_tag(body: &[u8]) -> String {
    match ContentVersion::read(body) {
        Some(version) => version.to_string(),
        None => format!("{:016x}-{:x}", hash(body), body.len()),
    }
}
