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

/// A list that was found, or why it is rejected.
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
        if snapshot.keys == KeysOf::AnotherHost {
            return self.list_without_redis(key, &local_request, snapshot);
        }
        let Ok(live) = self.body_in_redis(key, CopyKind::Live, since, &request) else {
            return self.list_without_redis(key, &local_request, snapshot);
        };
        if let Some(body) = live {
            return Ok(Answer { body, cache: XCache::Hit, source: ValueSource::Redis });
        }
        // A Redis that rejects writes keeps old values; newer ones in memory are better.
        if !self.redis.accepts_writes()
            && let Some(answer) = self.fresh_local_list(key, &local_request, snapshot)
        {
            return Ok(answer);
        }
        if let Ok(Some(body)) = self.body_in_redis(key, CopyKind::LastKnown, since, &request) {
            self.refresh(key.clone());
            return Ok(Answer { body, cache: XCache::Stale, source: ValueSource::Redis });
        }
        // Nothing in Redis. A list that this daemon keeps current needs no further reading.
        let source = if snapshot.has(key) { None } else { self.wait_for_list(key) };
        self.refresh(key.clone());
        self.local_list(key, &local_request, source.unwrap_or(ValueSource::Memory))
    }

    /// The view of the list in Redis. An error means that Redis is unavailable.
    fn body_in_redis(
        &self,
        key: &Key,
        copy: CopyKind,
        since: Instant,
        request: &ListRequest,
    ) -> Result<Option<Arc<ResponseBody>>, StoreError> {
        let found = self.list_in_redis(key, copy, since, request);
        self.accept_stored(key, copy, found, |list| self.shown_list(list, request))
    }

    fn shown_list(&self, list: FoundList, request: &ListRequest) -> Result<Arc<ResponseBody>, Rejected> {
        let body = self.response_cache.view(&list?, request)?;
        if body.is_dated_ahead_of(now()) { Err(Rejected::Mismatch) } else { Ok(body) }
    }

    /// The list in Redis. It is fetched, by one request at a time, only if this daemon does not have that version of
    /// it, cached by an earlier request or built by its own poller.
    fn list_in_redis(
        &self,
        key: &Key,
        copy: CopyKind,
        since: Instant,
        request: &ListRequest,
    ) -> Result<Option<FoundList>, StoreError> {
        let version = self.version_checks.version(key, copy, since, || self.redis.content_version(key, copy))?;
        if let Some((body, origin)) = self.available_list(key, version) {
            return Ok(Some(self.response_cache.list(key, body, copy, origin, &request.limits)));
        }
        let Some(_guard) = self.response_cache.parse_lock().lock_until(request.deadline) else {
            return Ok(Some(Err(Rejected::Busy)));
        };
        // The request that held the lock before may have fetched it.
        if let Some((body, origin)) = self.available_list(key, version) {
            return Ok(Some(self.response_cache.list(key, body, copy, origin, &request.limits)));
        }
        let Some(value) = self.redis.get(key, copy, request.limits.bytes)? else { return Ok(None) };
        Ok(Some(self.response_cache.list(key, Body::new(value), copy, ListOrigin::Redis, &request.limits)))
    }

    /// The list of that version, without Redis.
    fn available_list(&self, key: &Key, version: Option<ContentVersion>) -> Option<(Arc<Body>, ListOrigin)> {
        let version = version?;
        if let Some(cached) = self.response_cache.body(key, version) {
            return Some((cached, ListOrigin::Validated));
        }
        let local = self.poller.memory.body(key)?;
        if ContentVersion::read(local.plain()) == Some(version) { Some((local, ListOrigin::Local)) } else { None }
    }

    fn list_without_redis(&self, key: &Key, request: &ListRequest, snapshot: &Snapshot) -> Result<Answer, ReadError> {
        if let Some(answer) = self.fresh_local_list(key, request, snapshot) {
            return Ok(answer);
        }
        let source = match self.wait_for_list(key) {
            Some(_) => ValueSource::Smartctl,
            None => ValueSource::Memory,
        };
        self.local_list(key, request, source)
    }

    /// The list in the memory of this daemon, if it is fresh enough to be served in place of the one in Redis.
    fn fresh_local_list(&self, key: &Key, request: &ListRequest, snapshot: &Snapshot) -> Option<Answer> {
        if !snapshot.has(key) {
            return None;
        }
        let answer = self.local_list(key, request, ValueSource::Memory).ok()?;
        if answer.body.built_age(now()) <= snapshot.stale_after_seconds { Some(answer) } else { None }
    }

    /// The list in the memory of this daemon.
    fn local_list(&self, key: &Key, request: &ListRequest, source: ValueSource) -> Result<Answer, ReadError> {
        let body = self.poller.memory.body(key).ok_or(ReadError::NothingYet)?;
        let list = self.response_cache.list(key, body, CopyKind::Live, ListOrigin::Local, &request.limits);
        let list = list.map_err(|_| ReadError::NothingYet)?;
        let body = self.response_cache.view(&list, request).map_err(|_| ReadError::NothingYet)?;
        Ok(Answer { body, cache: XCache::Miss, source })
    }

    fn wait_for_list(&self, key: &Key) -> Option<ValueSource> {
        let _permit = self.try_acquire_blocking_permit()?;
        let (reply, replied) = bounded(1);
        self.poller.requests.try_send(PollerRequest::List { key: key.clone(), reply }).ok()?;
        self.poller.reply(&replied, REQUEST_TIMEOUT)
    }
}
