//! The response cache: values that have been parsed, and the bodies made of them, so that no value is parsed twice. Bounded
//! by a budget of bytes; lists out of Redis are parsed by one thread at a time.

use super::permit::Permit;
use super::prepared::Prepared;
use super::unfit::{Foreign, Unfit};
use super::view::View;
use crate::api::content_version::{ContentVersion, stamp};
use crate::api::document_header::DocumentHeader;
use crate::api::json_limits::JsonLimits;
use crate::api::stale::mark_stale;
use crate::api::value_limits::DOCUMENT;
use crate::cache::{Body, Bytes, Key};
use crate::domain::identity::DeviceName;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

/// Budget of all lists and views: this, and so many times the limit of one list.
const LISTS_BASE: usize = 4 * 1024 * 1024;
const LISTS_FACTOR: usize = 4;
/// Budget of all documents, which have some twenty kilobytes each.
const DOCUMENTS_BUDGET: usize = 8 * 1024 * 1024;
/// Memory that an entry takes besides its body: tags, key, map entry.
const OVERHEAD: usize = 512;

#[derive(Default)]
pub(super) struct Held {
    /// The newest of each, live and last-known.
    lists: Mutex<HashMap<(Key, bool), Arc<List>>>,
    documents: Mutex<Documents>,
    /// For lists out of Redis.
    permit: Permit,
    /// For this daemon's own lists, which never wait for those out of Redis.
    own_permit: Permit,
}

/// Where a list comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Made by this daemon.
    Own,
    /// Fetched from Redis earlier, and found to be within its limits.
    Checked,
    /// Fetched from Redis just now. The caller holds the permit.
    Redis,
}

/// What a request wants of a list, and by when.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) view: &'a View,
    /// `None`: any.
    pub(super) topology: Option<&'a str>,
    /// Limits of a list on this host.
    pub(super) limits: JsonLimits,
    pub(super) until: Instant,
}

pub(super) struct List {
    body: Arc<Body>,
    version: Option<ContentVersion>,
    head: DocumentHeader,
    is_stale: bool,
    is_own: bool,
    /// As it stands.
    whole: Arc<Prepared>,
    views: Mutex<HashMap<View, Result<Arc<Prepared>, Unfit>>>,
    /// Bytes of the list and of its views.
    memory: AtomicUsize,
}

#[derive(Default)]
struct Documents {
    by_device: HashMap<DeviceName, Arc<Document>>,
    memory: usize,
}

/// A drive's document: as it was stored, and labelled as old.
pub(super) struct Document {
    value: Bytes,
    pub(super) head: DocumentHeader,
    as_is: OnceLock<Arc<Prepared>>,
    labelled: OnceLock<Arc<Prepared>>,
}

impl Held {
    /// Permit to fetch a list from Redis and parse it.
    pub(super) fn permit(&self) -> &Permit {
        &self.permit
    }

    /// The list of that version, if it is at hand.
    pub(super) fn body(&self, key: &Key, version: ContentVersion) -> Option<Arc<Body>> {
        let lists = self.lists();
        let held = [false, true].into_iter().filter_map(|is_stale| lists.get(&(key.clone(), is_stale)));
        let mut held = held.filter(|list| list.version == Some(version));
        held.next().map(|list| Arc::clone(&list.body))
    }

    /// The list with these bytes; parsed unless it is held already.
    pub(super) fn list(
        &self,
        key: &Key,
        body: Arc<Body>,
        is_stale: bool,
        origin: Origin,
        limits: &JsonLimits,
    ) -> Result<Arc<List>, Unfit> {
        let place = (key.clone(), is_stale);
        let is_it = |list: &&Arc<List>| Arc::ptr_eq(&list.body, &body) || list.body.plain() == body.plain();
        if let Some(list) = self.lists().get(&place).filter(is_it) {
            return Ok(Arc::clone(list));
        }
        // Parsed without the lock, so that requests for other lists do not wait.
        if origin == Origin::Redis {
            limits.check(body.plain())?;
        }
        let list = Arc::new(List::new(body, is_stale, origin == Origin::Own)?);
        self.lists().insert(place, Arc::clone(&list));
        self.enforce_budget(&list, limits);
        Ok(list)
    }

    /// The list through a view, if it is of the rack that is wanted.
    pub(super) fn view(&self, list: &Arc<List>, wanted: &Wanted) -> Result<Arc<Prepared>, Unfit> {
        if wanted.topology.is_some() && list.head.topology.as_deref() != wanted.topology {
            return Err(Unfit::Elsewhere);
        }
        if *wanted.view == View::Whole && !list.is_stale {
            return Ok(Arc::clone(&list.whole));
        }
        if let Some(made) = list.made(wanted.view) {
            return made;
        }
        let permit = if list.is_own { &self.own_permit } else { &self.permit };
        let permit = permit.take(wanted.until);
        // The size of an own list follows from the host: several at a time are better than no answer.
        if permit.is_none() && !list.is_own {
            return Err(Unfit::Busy);
        }
        // The request that held the permit before may have made it.
        if let Some(made) = list.made(wanted.view) {
            return made;
        }
        let made = list.make(wanted.view, &wanted.limits);
        list.add(wanted.view.clone(), made.clone());
        self.enforce_budget(list, &wanted.limits);
        made
    }

    /// Drops all other lists if the budget is exceeded, and the views of this one if it exceeds the budget alone.
    fn enforce_budget(&self, list: &Arc<List>, limits: &JsonLimits) {
        let budget = LISTS_BASE + LISTS_FACTOR * limits.bytes;
        let mut lists = self.lists();
        let memory: usize = lists.values().map(|list| list.memory.load(Ordering::Relaxed)).sum();
        if memory > budget {
            lists.retain(|_, other| Arc::ptr_eq(other, list));
        }
        if list.memory.load(Ordering::Relaxed) > budget {
            list.forget_views();
        }
    }

    fn lists(&self) -> MutexGuard<'_, HashMap<(Key, bool), Arc<List>>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A drive's document; parsed unless it is held already. `own`: the one that this daemon has in memory.
    pub(super) fn document(
        &self,
        device: &DeviceName,
        value: Bytes,
        own: impl FnOnce() -> Option<Bytes>,
    ) -> Result<Arc<Document>, Unfit> {
        let documents = || self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = documents().by_device.get(device).filter(|held| held.value == value) {
            return Ok(Arc::clone(held));
        }
        if own().is_none_or(|own| own != value) {
            DOCUMENT.check(&value)?;
        }
        let head = DocumentHeader::parse(&value).ok_or(Foreign::Schema)?;
        let document = Arc::new(Document { value, head, as_is: OnceLock::new(), labelled: OnceLock::new() });
        documents().insert(device.clone(), Arc::clone(&document));
        Ok(document)
    }
}

impl List {
    fn new(body: Arc<Body>, is_stale: bool, is_own: bool) -> Result<Self, Unfit> {
        let head = DocumentHeader::parse(body.plain()).ok_or(Foreign::Schema)?;
        Ok(Self {
            version: ContentVersion::read(body.plain()),
            whole: Prepared::new(Arc::clone(&body), &head, false),
            memory: AtomicUsize::new(with_gzip(&body)),
            views: Mutex::default(),
            body,
            head,
            is_stale,
            is_own,
        })
    }

    fn views(&self) -> MutexGuard<'_, HashMap<View, Result<Arc<Prepared>, Unfit>>> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn made(&self, view: &View) -> Option<Result<Arc<Prepared>, Unfit>> {
        self.views().get(view).cloned()
    }

    fn make(&self, view: &View, limits: &JsonLimits) -> Result<Arc<Prepared>, Unfit> {
        let plain = self.body.plain();
        let list = if self.is_stale { labelled(plain) } else { Bytes::clone(plain) };
        let (body, is_absent) = view.of(&list).ok_or(Foreign::Schema)?;
        // A view is smaller than its list, unless the list lacks fields that the view writes out.
        let (found, most) = (body.len(), limits.bytes);
        if found > most && !self.is_own {
            return Err(Foreign::View { found, most }.into());
        }
        Ok(Prepared::new(Body::new(body), &self.head, is_absent))
    }

    fn add(&self, view: View, made: Result<Arc<Prepared>, Unfit>) {
        let memory = made.as_ref().map_or(OVERHEAD, |prepared| with_gzip(prepared.body())) + view.text_bytes();
        self.memory.fetch_add(memory, Ordering::Relaxed);
        self.views().insert(view, made);
    }

    fn forget_views(&self) {
        self.views().clear();
        self.memory.store(with_gzip(&self.body), Ordering::Relaxed);
    }
}

impl Documents {
    fn insert(&mut self, device: DeviceName, document: Arc<Document>) {
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

impl Document {
    pub(super) fn prepared(&self, is_old: bool) -> Arc<Prepared> {
        let of = |value: Bytes| Prepared::new(Body::new(value), &self.head, false);
        let made = if is_old {
            self.labelled.get_or_init(|| of(mark_stale(&self.value).into()))
        } else {
            self.as_is.get_or_init(|| of(Bytes::clone(&self.value)))
        };
        Arc::clone(made)
    }

    /// As it is and labelled, each with its gzip.
    fn memory(&self) -> usize {
        OVERHEAD + 4 * self.value.len()
    }
}

/// Memory of a body and its gzip, which is made on request.
fn with_gzip(body: &Body) -> usize {
    OVERHEAD + 2 * body.plain().len()
}

/// A last-known list: other bytes, so of another version, or who has the one would not be told that it is old.
fn labelled(list: &[u8]) -> Bytes {
    let mut list = mark_stale(list);
    stamp(&mut list);
    list.into()
}

#[cfg(test)]
mod tests;
