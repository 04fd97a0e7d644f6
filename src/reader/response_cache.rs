//! The response cache: parsed values and the bodies built from them, so that no value is parsed twice. Its memory is
//! limited. Lists from Redis are parsed by one thread at a time.

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

/// The budget of all lists and views is `LISTS_BASE` bytes plus `LISTS_FACTOR` times the limit of one list.
const LISTS_BASE: usize = 4 * 1024 * 1024;
const LISTS_FACTOR: usize = 4;
/// The budget of all documents in bytes. A document has some 20 kB.
const DOCUMENTS_BUDGET: usize = 8 * 1024 * 1024;
/// The memory of an entry besides its body in bytes: tags, key, map entry.
const ENTRY_OVERHEAD: usize = 512;

#[derive(Default)]
pub(super) struct ResponseCache {
    /// The latest list of each key and copy.
    lists: Mutex<HashMap<ListKey, Arc<CachedList>>>,
    documents: Mutex<CachedDocuments>,
    /// Held while a list from Redis is parsed.
    parse_lock: ParseLock,
    /// Held while a list of this daemon is parsed, so that it never waits for lists from Redis.
    local_parse_lock: ParseLock,
}

/// The origin of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ListOrigin {
    /// Built by this daemon.
    Local,
    /// Fetched from Redis earlier, and found within the limits.
    Validated,
    /// Fetched from Redis now. The caller holds the parse lock.
    Redis,
}

/// A request for a list.
#[derive(Clone, Copy)]
pub(super) struct ListRequest<'a> {
    pub(super) view: &'a View,
    /// `None` accepts any topology.
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
    /// The body of the complete list.
    complete: Arc<ResponseBody>,
    views: Mutex<HashMap<View, Result<Arc<ResponseBody>, Rejected>>>,
    /// The memory of the list and its views, in bytes.
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
        for copy in [CopyKind::Live, CopyKind::LastKnown] {
            if let Some(list) = lists.get(&(key.clone(), copy))
                && list.version == Some(version)
            {
                return Some(Arc::clone(&list.body));
            }
        }
        None
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
        if let Some(list) = self.lists().get(&list_key)
            && (Arc::ptr_eq(&list.body, &body) || list.body.plain() == body.plain())
        {
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
        // The size of a local list is limited by the host: several at a time are better than no answer.
        if guard.is_none() && !list.is_local {
            return Err(Rejected::Busy);
        }
        // The request that held the lock before may have built the view.
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

    /// The document of a drive; parsed unless it is cached. `own` returns the document in the memory of this daemon,
    /// which is not checked against the limits.
    pub(super) fn document(
        &self,
        device: &DeviceName,
        value: Bytes,
        own: impl FnOnce() -> Option<Bytes>,
    ) -> Result<Arc<CachedDocument>, Rejected> {
        if let Some(cached) = self.documents().by_device.get(device)
            && cached.value == value
        {
            return Ok(Arc::clone(cached));
        }
        if own().as_ref() != Some(&value) {
            DOCUMENT.check(&value)?;
        }
        let header = DocumentHeader::parse(&value).ok_or(Unrecognized::Schema)?;
        let document =
            Arc::new(CachedDocument { value, header, as_stored: OnceLock::new(), marked_stale: OnceLock::new() });
        self.documents().insert(device.clone(), Arc::clone(&document));
        Ok(document)
    }

    fn documents(&self) -> MutexGuard<'_, CachedDocuments> {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner)
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
        let body_memory = match &made {
            Ok(body) => memory_with_gzip(body.body()),
            Err(_) => ENTRY_OVERHEAD,
        };
        self.memory.fetch_add(body_memory + view.text_bytes(), Ordering::Relaxed);
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
        let body = if is_stale {
            self.marked_stale.get_or_init(|| self.response_body(mark_stale(&self.value).into()))
        } else {
            self.as_stored.get_or_init(|| self.response_body(Bytes::clone(&self.value)))
        };
        Arc::clone(body)
    }

    fn response_body(&self, value: Bytes) -> Arc<ResponseBody> {
        ResponseBody::new(Body::new(value), &self.header, false)
    }

    /// The memory of both bodies, each with its gzip encoding, in bytes.
    fn memory(&self) -> usize {
        ENTRY_OVERHEAD + 4 * self.value.len()
    }
}

/// The memory of a body and its gzip encoding, which is built on request, in bytes.
fn memory_with_gzip(body: &Body) -> usize {
    ENTRY_OVERHEAD + 2 * body.plain().len()
}

/// A list marked as stale. It gets another content version; otherwise a client that has the live list would get 304 for
/// the stale one.
fn stale_list(list: &[u8]) -> Bytes {
    let mut list = mark_stale(list);
    stamp(&mut list);
    list.into()
}

#[cfg(test)]
mod tests;
