//! A body with its validators and dates, made once for all its responses.

use crate::api::content_version::{ContentVersion, hash};
use crate::api::document_header::DocumentHeader;
use crate::cache::{Body, Bytes};
use crate::domain::time::Timestamp;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct ResponseBody {
    body: Arc<Body>,
    /// Strong, quoted. The gzip encoding has another one, as its bytes differ.
    etag: String,
    gzip_etag: String,
    /// The time of the data.
    observed_at: Option<Timestamp>,
    /// When the body was made.
    built_at: Option<Timestamp>,
    /// `Last-Modified`.
    pub(crate) last_modified: Option<String>,
    /// The view found nothing (an unknown enclosure or drive); the body may say why.
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

    /// Without an encoding.
    pub(crate) fn plain(&self) -> EncodedBody<'_> {
        EncodedBody { bytes: self.body.plain(), etag: &self.etag, is_gzip: false }
    }

    /// As gzip if the client accepts that and it is smaller.
    pub(crate) fn encoded(&self, takes_gzip: bool) -> EncodedBody<'_> {
        let gzip = if takes_gzip { self.body.gzip() } else { None };
        gzip.map_or_else(|| self.plain(), |bytes| EncodedBody { bytes, etag: &self.gzip_etag, is_gzip: true })
    }

    pub(crate) fn age(&self, now: Timestamp) -> u64 {
        self.observed_at.map_or(0, |at| at.age_seconds(now))
    }

    /// Dated by a clock that has been set back since: the age is unknown.
    pub(super) fn is_dated_ahead_of(&self, now: Timestamp) -> bool {
        let dates = [self.observed_at, self.built_at];
        dates.into_iter().flatten().any(|at| at.is_ahead_of(now))
    }

    pub(crate) fn built_age(&self, now: Timestamp) -> u64 {
        self.built_at.map_or(u64::MAX, |at| at.age_seconds(now))
    }
}

/// Equal bytes have equal tags, also across restarts. The tag of a body with a content version is that version.
fn entity_tag(body: &[u8]) -> String {
    match ContentVersion::read(body) {
        Some(version) => version.to_string(),
        None => format!("{:016x}-{:x}", hash(body), body.len()),
    }
}
