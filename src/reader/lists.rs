//! Requests for lists: the overview, the enclosures, the pools, and views of them.

use super::held::{List, Origin, Wanted};
use super::prepared::Prepared;
use super::unfit::Unfit;
use super::{Answer, PATIENCE, ReadError, Reader, View, XCache};
use crate::api::content_version::ContentVersion;
use crate::cache::{Body, Copy, Key, StoreError};
use crate::clock::now;
use crate::poller::{Ask, KeysOf, Snapshot, Source};
use crossbeam_channel::bounded;
use std::sync::Arc;
use std::time::Instant;

/// A list that was found, or why it cannot be shown.
type Found = Result<Arc<List>, Unfit>;

impl Reader {
    pub(super) fn list_at(
        &self,
        key: &Key,
        view: &View,
        snapshot: &Snapshot,
        since: Instant,
    ) -> Result<Answer, ReadError> {
        let limits = key.limits(&snapshot.limits);
        let wanted = Wanted { view, topology: Some(&snapshot.topology), limits, until: since + PATIENCE };
        let own = Wanted { topology: None, ..wanted };
        let from = |copy: Copy| {
            let found = self.list_in_redis(key, copy, since, &wanted);
            self.ready(key, copy, found, |list| self.shown(list, &wanted))
        };
        if snapshot.keys == KeysOf::AnotherHost {
            return self.list_without_redis(key, &own, snapshot);
        }
        let Ok(live) = from(Copy::Live) else { return self.list_without_redis(key, &own, snapshot) };
        if let Some(prepared) = live {
            return Ok(Answer { prepared, cache: XCache::Hit, source: Source::Redis });
        }
        // A Redis that takes no values keeps what it had; what has been read since is better.
        if !self.redis.takes_values()
            && let Some(answer) = self.young_list(key, &own, snapshot)
        {
            return Ok(answer);
        }
        if let Some(prepared) = from(Copy::Last).unwrap_or(None) {
            self.refresh(key.clone());
            return Ok(Answer { prepared, cache: XCache::Stale, source: Source::Redis });
        }
        // Nothing in Redis. What this daemon keeps up to date itself needs no further reading.
        let source = if snapshot.has(key) { None } else { self.wait_for(key) };
        self.refresh(key.clone());
        self.in_memory(key, &own, source.unwrap_or(Source::Memory))
    }

    fn shown(&self, list: Found, wanted: &Wanted) -> Result<Arc<Prepared>, Unfit> {
        let prepared = self.held.view(&list?, wanted)?;
        if prepared.is_of_another_clock(now()) { Err(Unfit::Elsewhere) } else { Ok(prepared) }
    }

    /// The list that Redis has. It is fetched, by one request at a time, only if no list of that version is at hand: held
    /// from an earlier request, or this daemon's own.
    fn list_in_redis(
        &self,
        key: &Key,
        copy: Copy,
        since: Instant,
        wanted: &Wanted,
    ) -> Result<Option<Found>, StoreError> {
        let version = self.looks.look(key, copy, since, || self.redis.beginning(key, copy))?;
        let list = |body, origin| self.held.list(key, body, copy == Copy::Last, origin, &wanted.limits);
        let at_hand = || {
            let version = version?;
            let held = self.held.body(key, version).map(|body| (body, Origin::Checked));
            let own = || self.poller.memory.body(key).filter(|own| ContentVersion::read(own.plain()) == Some(version));
            held.or_else(|| own().map(|body| (body, Origin::Own)))
        };
        if let Some((body, origin)) = at_hand() {
            return Ok(Some(list(body, origin)));
        }
        let Some(_permit) = self.held.permit().take(wanted.until) else { return Ok(Some(Err(Unfit::Busy))) };
        // The request that held the permit before may have fetched it.
        if let Some((body, origin)) = at_hand() {
            return Ok(Some(list(body, origin)));
        }
        let value = self.redis.get(key, copy, wanted.limits.bytes)?;
        Ok(value.map(|value| list(Body::new(value), Origin::Redis)))
    }

    fn list_without_redis(&self, key: &Key, wanted: &Wanted, snapshot: &Snapshot) -> Result<Answer, ReadError> {
        if let Some(answer) = self.young_list(key, wanted, snapshot) {
            return Ok(answer);
        }
        let source = self.wait_for(key).map_or(Source::Memory, |_| Source::Smartctl);
        self.in_memory(key, wanted, source)
    }

    /// This daemon's own, if it is young enough to be shown in place of Redis's.
    fn young_list(&self, key: &Key, wanted: &Wanted, snapshot: &Snapshot) -> Option<Answer> {
        let young = snapshot.has(key).then(|| self.in_memory(key, wanted, Source::Memory)).and_then(Result::ok);
        young.filter(|a| a.prepared.built_age(now()) <= snapshot.stale_after_seconds)
    }

    /// This daemon's own, made a moment ago.
    fn in_memory(&self, key: &Key, wanted: &Wanted, source: Source) -> Result<Answer, ReadError> {
        let body = self.poller.memory.body(key).ok_or(ReadError::NothingYet)?;
        let list = self.held.list(key, body, false, Origin::Own, &wanted.limits);
        let prepared = list.and_then(|list| self.held.view(&list, wanted)).map_err(|_| ReadError::NothingYet)?;
        Ok(Answer { prepared, cache: XCache::Miss, source })
    }

    fn wait_for(&self, key: &Key) -> Option<Source> {
        let _seat = self.seat()?;
        let (reply, replied) = bounded(1);
        self.poller.asks.try_send(Ask::List { key: key.clone(), reply }).ok()?;
        self.poller.reply(&replied, PATIENCE)
    }
}
