//! Requests for lists: the overview, the enclosures, the pools, and views of them.

use super::answer::{Answer, ReadError, XCache};
use super::policy::{REQUEST_TIMEOUT, Reader};
use super::rejected::Rejected;
use super::response_body::ResponseBody;
use super::response_cache::{CachedList, ListOrigin, ListRequest};
use super::view::View;
use crate::api::content_version::ContentVersion;
use crate::cache::{Body, CopyKind, Key, StoreError};
use crate::clock::now;
use crate::poller::{KeysOf, PollerRequest, Snapshot, ValueSource};
use crossbeam_channel::bounded;
use std::sync::Arc;
use std::time::Instant;

/// A list that was found, or why it cannot be shown.
type FoundList = Result<Arc<CachedList>, Rejected>;

impl Reader {
    pub(super) fn list_at(
        &self,
        key: &Key,
        view: &View,
        snapshot: &Snapshot,
        since: Instant,
    ) -> Result<Answer, ReadError> {
        let limits = key.limits(&snapshot.limits);
        let deadline = since + REQUEST_TIMEOUT;
        let request = ListRequest { view, topology: Some(&snapshot.topology), limits, deadline };
        let local_request = ListRequest { topology: None, ..request };
        let from_redis = |copy: CopyKind| {
            let found = self.list_in_redis(key, copy, since, &request);
            self.accept_stored(key, copy, found, |list| self.shown_list(list, &request))
        };
        if snapshot.keys == KeysOf::AnotherHost {
            return self.list_without_redis(key, &local_request, snapshot);
        }
        let Ok(live) = from_redis(CopyKind::Live) else {
            return self.list_without_redis(key, &local_request, snapshot);
        };
        if let Some(body) = live {
            return Ok(Answer { body, cache: XCache::Hit, source: ValueSource::Redis });
        }
        // A Redis that rejects writes keeps its old values; what has been read since is better.
        if !self.redis.accepts_writes()
            && let Some(answer) = self.fresh_local_list(key, &local_request, snapshot)
        {
            return Ok(answer);
        }
        if let Some(body) = from_redis(CopyKind::LastKnown).unwrap_or(None) {
            self.refresh(key.clone());
            return Ok(Answer { body, cache: XCache::Stale, source: ValueSource::Redis });
        }
        // Nothing in Redis. A list that this daemon keeps current needs no further reading.
        let source = if snapshot.has(key) { None } else { self.wait_for_list(key) };
        self.refresh(key.clone());
        self.local_list(key, &local_request, source.unwrap_or(ValueSource::Memory))
    }

    fn shown_list(&self, list: FoundList, request: &ListRequest) -> Result<Arc<ResponseBody>, Rejected> {
        let body = self.response_cache.view(&list?, request)?;
        if body.is_dated_ahead_of(now()) { Err(Rejected::Mismatch) } else { Ok(body) }
    }

    /// The list that Redis has. It is fetched, by one request at a time, only if no list of that version is available
    /// here: from an earlier request, or made by this daemon.
    fn list_in_redis(
        &self,
        key: &Key,
        copy: CopyKind,
        since: Instant,
        request: &ListRequest,
    ) -> Result<Option<FoundList>, StoreError> {
        let version = self.version_checks.version(key, copy, since, || self.redis.content_version(key, copy))?;
        let parsed = |body, origin| self.response_cache.list(key, body, copy, origin, &request.limits);
        if let Some((body, origin)) = self.available_list(key, version) {
            return Ok(Some(parsed(body, origin)));
        }
        let Some(_guard) = self.response_cache.parse_lock().lock_until(request.deadline) else {
            return Ok(Some(Err(Rejected::Busy)));
        };
        // The request that held the lock before may have fetched it.
        if let Some((body, origin)) = self.available_list(key, version) {
            return Ok(Some(parsed(body, origin)));
        }
        let value = self.redis.get(key, copy, request.limits.bytes)?;
        Ok(value.map(|value| parsed(Body::new(value), ListOrigin::Redis)))
    }

    /// The list of that version, without Redis.
    fn available_list(&self, key: &Key, version: Option<ContentVersion>) -> Option<(Arc<Body>, ListOrigin)> {
        let version = version?;
        if let Some(cached) = self.response_cache.body(key, version) {
            return Some((cached, ListOrigin::Validated));
        }
        let local = self.poller.memory.body(key)?;
        let is_same = ContentVersion::read(local.plain()) == Some(version);
        is_same.then_some((local, ListOrigin::Local))
    }

    fn list_without_redis(&self, key: &Key, request: &ListRequest, snapshot: &Snapshot) -> Result<Answer, ReadError> {
        if let Some(answer) = self.fresh_local_list(key, request, snapshot) {
            return Ok(answer);
        }
        let source = self.wait_for_list(key).map_or(ValueSource::Memory, |_| ValueSource::Smartctl);
        self.local_list(key, request, source)
    }

    /// This daemon's own list, if it is fresh enough to be shown in place of Redis's.
    fn fresh_local_list(&self, key: &Key, request: &ListRequest, snapshot: &Snapshot) -> Option<Answer> {
        if !snapshot.has(key) {
            return None;
        }
        let answer = self.local_list(key, request, ValueSource::Memory).ok()?;
        let is_fresh = answer.body.built_age(now()) <= snapshot.stale_after_seconds;
        is_fresh.then_some(answer)
    }

    /// This daemon's own list.
    fn local_list(&self, key: &Key, request: &ListRequest, source: ValueSource) -> Result<Answer, ReadError> {
        let body = self.poller.memory.body(key).ok_or(ReadError::NothingYet)?;
        let list = self.response_cache.list(key, body, CopyKind::Live, ListOrigin::Local, &request.limits);
        let body = list.and_then(|list| self.response_cache.view(&list, request)).map_err(|_| ReadError::NothingYet)?;
        Ok(Answer { body, cache: XCache::Miss, source })
    }

    fn wait_for_list(&self, key: &Key) -> Option<ValueSource> {
        let _permit = self.try_acquire_blocking_permit()?;
        let (reply, replied) = bounded(1);
        self.poller.requests.try_send(PollerRequest::List { key: key.clone(), reply }).ok()?;
        self.poller.reply(&replied, REQUEST_TIMEOUT)
    }
}
