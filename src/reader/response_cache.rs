//! The response cache: parsed values and the bodies made of them, so that no value is parsed twice. Limited by a budget
//! of bytes. Lists from Redis are parsed by one thread at a time.

use super::parse_lock::ParseLock;
use super::rejected::{Rejected, Unrecognized};
use super::response_body::ResponseBody;
use super::version_check::ListKey;
use super::view::{View, ViewBody};
use crate::api::content_version::{ContentVersion, stamp};
use crate::api::document_header::DocumentHeader;
use crate::api::json_limits::JsonLimits;
use crate::api::stale::mark_stale;
use crate::api::value_limits::DOCUMENT;
use crate::cache::{Body, Bytes, CopyKind, Key};
use crate::domain::identity::DeviceName;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

/// The budget of all lists and views is `LISTS_BASE`, plus `LISTS_FACTOR` times the limit of one list.
const LISTS_BASE: usize = 4 * 1024 * 1024;
const LISTS_FACTOR: usize = 4;
/// The budget of all documents, of some twenty kilobytes each.
const DOCUMENTS_BUDGET: usize = 8 * 1024 * 1024;
/// The memory of an entry besides its body: tags, key, map entry.
const ENTRY_OVERHEAD: usize = 512;

#[derive(Default)]
pub(super) struct ResponseCache {
    /// The newest of each, live and last-known.
    lists: Mutex<HashMap<ListKey, Arc<CachedList>>>,
    documents: Mutex<CachedDocuments>,
    /// For lists from Redis.
    parse_lock: ParseLock,
    /// For lists of this daemon, which never wait for those from Redis.
    local_parse_lock: ParseLock,
}

/// The origin of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ListOrigin {
    /// This daemon made it.
    Local,
    /// Fetched from Redis earlier, and within its limits.
    Validated,
    /// Fetched from Redis now. The caller holds the parse lock.
    Redis,
}

/// A request for a list.
#[derive(Clone, Copy)]
pub(super) struct ListRequest<'a> {
    pub(super) view: &'a View,
    /// `None`: any.
    pub(super) topology: Option<&'a str>,
    /// The limits of a list on this host.
    pub(super) limits: JsonLimits,
    pub(super) deadline: Instant,
}

pub(super) struct CachedList {
    body: Arc<Body>,
    version: Option<ContentVersion>,
    header: DocumentHeader,
    copy: CopyKind,
    is_local: bool,
    /// The list without a view.
    complete: Arc<ResponseBody>,
    views: Mutex<HashMap<View, Result<Arc<ResponseBody>, Rejected>>>,
    /// The memory of the list and of its views.
    memory: AtomicUsize,
}

#[derive(Default)]
struct CachedDocuments {
    by_device: HashMap<DeviceName, Arc<CachedDocument>>,
    memory: usize,
}

/// The document of a drive: as stored, and marked as stale.
pub(super) struct CachedDocument {
    value: Bytes,
    pub(super) header: DocumentHeader,
    as_stored: OnceLock<Arc<ResponseBody>>,
    marked_stale: OnceLock<Arc<ResponseBody>>,
}

impl ResponseCache {
    /// The lock for fetching a list from Redis and parsing it.
    pub(super) fn parse_lock(&self) -> &ParseLock {
        &self.parse_lock
    }

    /// The list of that version, if it is cached.
    pub(super) fn body(&self, key: &Key, version: ContentVersion) -> Option<Arc<Body>> {
        let lists = self.lists();
        let copies = [CopyKind::Live, CopyKind::LastKnown].into_iter();
        let mut cached = copies.filter_map(|copy| lists.get(&(key.clone(), copy)));
        cached.find(|list| list.version == Some(version)).map(|list| Arc::clone(&list.body))
    }

    /// The list with these bytes; parsed unless it is cached.
    pub(super) fn list(
        &self,
        key: &Key,
        body: Arc<Body>,
        copy: CopyKind,
        origin: ListOrigin,
        limits: &JsonLimits,
    ) -> Result<Arc<CachedList>, Rejected> {
        let list_key = (key.clone(), copy);
        let has_body = |list: &&Arc<CachedList>| Arc::ptr_eq(&list.body, &body) || list.body.plain() == body.plain();
        if let Some(list) = self.lists().get(&list_key).filter(has_body) {
            return Ok(Arc::clone(list));
        }
        // Parsed outside the mutex, so that requests for other lists do not wait.
        if origin == ListOrigin::Redis {
            limits.check(body.plain())?;
        }
        let list = Arc::new(CachedList::new(body, copy, origin == ListOrigin::Local)?);
        self.lists().insert(list_key, Arc::clone(&list));
        self.enforce_budget(&list, limits);
        Ok(list)
    }

    /// The list through a view, if it has the requested topology.
    pub(super) fn view(&self, list: &Arc<CachedList>, request: &ListRequest) -> Result<Arc<ResponseBody>, Rejected> {
        if request.topology.is_some() && list.header.topology.as_deref() != request.topology {
            return Err(Rejected::Mismatch);
        }
        if *request.view == View::Whole && list.copy == CopyKind::Live {
            return Ok(Arc::clone(&list.complete));
        }
        if let Some(made) = list.cached_view(request.view) {
            return made;
        }
        let lock = if list.is_local { &self.local_parse_lock } else { &self.parse_lock };
        let guard = lock.lock_until(request.deadline);
        // The size of a local list follows from the host: several at a time are better than no answer.
        if guard.is_none() && !list.is_local {
            return Err(Rejected::Busy);
        }
        // The request that held the lock before may have made the view.
        if let Some(made) = list.cached_view(request.view) {
            return made;
        }
        let made = list.make_view(request.view, &request.limits);
        list.add_view(request.view.clone(), made.clone());
        self.enforce_budget(list, &request.limits);
        made
    }

    /// Drops all other lists if the budget is exceeded, and the views of this one if it exceeds the budget alone.
    fn enforce_budget(&self, list: &Arc<CachedList>, limits: &JsonLimits) {
        let budget = LISTS_BASE + LISTS_FACTOR * limits.bytes;
        let mut lists = self.lists();
        let memory: usize = lists.values().map(|list| list.memory.load(Ordering::Relaxed)).sum();
        if memory > budget {
            lists.retain(|_, other| Arc::ptr_eq(other, list));
        }
        if list.memory.load(Ordering::Relaxed) > budget {
            list.clear_views();
        }
    }

    fn lists(&self) -> MutexGuard<'_, HashMap<ListKey, Arc<CachedList>>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The document of a drive; parsed unless it is cached. `own`: the one that this daemon has in memory, which is not
    /// checked against the limits.
    pub(super) fn document(
        &self,
        device: &DeviceName,
        value: Bytes,
        own: impl FnOnce() -> Option<Bytes>,
    ) -> Result<Arc<CachedDocument>, Rejected> {
        let documents = || self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cached) = documents().by_device.get(device).filter(|cached| cached.value == value) {
            return Ok(Arc::clone(cached));
        }
        if own().is_none_or(|own| own != value) {
            DOCUMENT.check(&value)?;
        }
        let header = DocumentHeader::parse(&value).ok_or(Unrecognized::Schema)?;
        let document =
            Arc::new(CachedDocument { value, header, as_stored: OnceLock::new(), marked_stale: OnceLock::new() });
        documents().insert(device.clone(), Arc::clone(&document));
        Ok(document)
    }
}

impl CachedList {
    fn new(body: Arc<Body>, copy: CopyKind, is_local: bool) -> Result<Self, Rejected> {
        let header = DocumentHeader::parse(body.plain()).ok_or(Unrecognized::Schema)?;
        Ok(Self {
            version: ContentVersion::read(body.plain()),
            complete: ResponseBody::new(Arc::clone(&body), &header, false),
            memory: AtomicUsize::new(memory_with_gzip(&body)),
            views: Mutex::default(),
            body,
            header,
            copy,
            is_local,
        })
    }

    fn views(&self) -> MutexGuard<'_, HashMap<View, Result<Arc<ResponseBody>, Rejected>>> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cached_view(&self, view: &View) -> Option<Result<Arc<ResponseBody>, Rejected>> {
        self.views().get(view).cloned()
    }

    fn make_view(&self, view: &View, limits: &JsonLimits) -> Result<Arc<ResponseBody>, Rejected> {
        let plain = self.body.plain();
        let list = match self.copy {
            CopyKind::Live => Bytes::clone(plain),
            CopyKind::LastKnown => stale_list(plain),
        };
        let ViewBody { body, is_absent } = view.apply(&list).ok_or(Unrecognized::Schema)?;
        // A view is smaller than its list, unless the list lacks fields that the view has.
        let (found, most) = (body.len(), limits.bytes);
        if found > most && !self.is_local {
            return Err(Unrecognized::View { found, most }.into());
        }
        Ok(ResponseBody::new(Body::new(body), &self.header, is_absent))
    }

    fn add_view(&self, view: View, made: Result<Arc<ResponseBody>, Rejected>) {
        let memory = made.as_ref().map_or(ENTRY_OVERHEAD, |body| memory_with_gzip(body.body())) + view.text_bytes();
        self.memory.fetch_add(memory, Ordering::Relaxed);
        self.views().insert(view, made);
    }

    fn clear_views(&self) {
        self.views().clear();
        self.memory.store(memory_with_gzip(&self.body), Ordering::Relaxed);
    }
}

impl CachedDocuments {
    fn insert(&mut self, device: DeviceName, document: Arc<CachedDocument>) {
        let memory = document.memory();
        if self.memory + memory > DOCUMENTS_BUDGET {
            (self.by_device, self.memory) = (HashMap::new(), 0);
        }
        self.memory += memory;
        if let Some(before) = self.by_device.insert(device, document) {
            self.memory = self.memory.saturating_sub(before.memory());
        }
    }
}

impl CachedDocument {
    pub(super) fn body(&self, is_stale: bool) -> Arc<ResponseBody> {
        let make = |value: Bytes| ResponseBody::new(Body::new(value), &self.header, false);
        let body = if is_stale {
            self.marked_stale.get_or_init(|| make(mark_stale(&self.value).into()))
        } else {
            self.as_stored.get_or_init(|| make(Bytes::clone(&self.value)))
        };
        Arc::clone(body)
    }

    /// As stored and marked as stale, each with its gzip.
    fn memory(&self) -> usize {
        ENTRY_OVERHEAD + 4 * self.value.len()
    }
}

/// The memory of a body and its gzip, which is made on request.
fn memory_with_gzip(body: &Body) -> usize {
    ENTRY_OVERHEAD + 2 * body.plain().len()
}

/// A list marked as stale. Its bytes differ, so it gets another content version; otherwise a client that has the live
/// list would not learn that this one is stale.
fn stale_list(list: &[u8]) -> Bytes {
    let mut list = mark_stale(list);
    stamp(&mut list);
    list.into()
}

#[cfg(test)]
mod tests;
