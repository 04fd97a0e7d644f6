//! A body with all that a response says of it, made ready once.

use crate::api::content_version::{ContentVersion, hash};
use crate::api::document_header::DocumentHeader;
use crate::cache::{Body, Bytes};
use crate::domain::time::Timestamp;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Prepared {
    body: Arc<Body>,
    /// Strong, quoted. Another one for the gzip: the bytes differ.
    etag: String,
    gzip_etag: String,
    /// Of the data in it.
    observed_at: Option<Timestamp>,
    /// When the body was put together.
    built_at: Option<Timestamp>,
    /// `Last-Modified`.
    pub(crate) last_modified: Option<String>,
    /// The view shows something that is not there (an unknown enclosure or drive); the body may say why.
    pub(crate) is_absent: bool,
}

/// The bytes that one client gets, with their tag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoded<'a> {
    pub(crate) bytes: &'a Bytes,
    pub(crate) etag: &'a str,
    pub(crate) is_gzip: bool,
}

impl Prepared {
    pub(super) fn new(body: Arc<Body>, head: &DocumentHeader, is_absent: bool) -> Arc<Self> {
        let built_at = head.generated_at.or(head.checked_at).or(head.collected_at);
        let tag = tag(body.plain());
        Arc::new(Self {
            etag: format!("\"{tag}\""),
            gzip_etag: format!("\"{tag}-gzip\""),
            observed_at: head.observed_at(),
            built_at,
            last_modified: built_at.map(Timestamp::to_http_date),
            is_absent,
            body,
        })
    }

    pub(super) fn body(&self) -> &Body {
        &self.body
    }

    /// As it stands.
    pub(crate) fn plain(&self) -> Encoded<'_> {
        Encoded { bytes: self.body.plain(), etag: &self.etag, is_gzip: false }
    }

    /// As gzip where that is taken, and worth it.
    pub(crate) fn encoded(&self, takes_gzip: bool) -> Encoded<'_> {
        let gzip = if takes_gzip { self.body.gzip() } else { None };
        gzip.map_or_else(|| self.plain(), |bytes| Encoded { bytes, etag: &self.gzip_etag, is_gzip: true })
    }

    pub(crate) fn age(&self, now: Timestamp) -> u64 {
        self.observed_at.map_or(0, |at| at.age_seconds(now))
    }

    /// Dated by a clock that was set since: of an age that nobody knows.
    pub(super) fn is_of_another_clock(&self, now: Timestamp) -> bool {
        let dates = [self.observed_at, self.built_at];
        dates.into_iter().flatten().any(|at| at.is_ahead_of(now))
    }

    pub(crate) fn built_age(&self, now: Timestamp) -> u64 {
        self.built_at.map_or(u64::MAX, |at| at.age_seconds(now))
    }
}

/// Equal bytes have equal tags, also over restarts. A body with a version has that.
fn tag(body: &[u8]) -> String {
    match ContentVersion::read(body) {
        Some(version) => version.to_string(),
        None => format!("{:016x}-{:x}", hash(body), body.len()),
    }
}
