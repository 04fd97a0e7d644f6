//! What has been made ready, and of which values: the same value is not looked into again. Bounded: views of a list
//! go when the list does, and documents when there are too many.

use super::prepared::Prepared;
use super::view::View;
use crate::cache::{Body, Bytes, Key};
use crate::model::doc::{Head, label_stale};
use crate::model::drive::DeviceName;
use crate::model::version::{Version, seal};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Views of one list.
const VIEWS: usize = 64;
/// Drives' documents, of some ten kilobytes each.
const DOCUMENTS: usize = 32;

/// Why a stored value is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Not a value of ours.
    Foreign,
    /// Ours, but of another drive, or of the rack as it no longer is.
    Elsewhere,
}

#[derive(Default)]
pub(super) struct Held {
    /// The newest of each, live and last-known.
    lists: Mutex<HashMap<(Key, bool), Arc<List>>>,
    documents: Mutex<HashMap<DeviceName, Arc<Document>>>,
}

/// Made by whoever wants it first, while others wait for it.
type Made = Arc<OnceLock<Result<Arc<Prepared>, Unfit>>>;

struct List {
    body: Arc<Body>,
    version: Option<Version>,
    head: Head,
    is_stale: bool,
    views: Mutex<HashMap<View, Made>>,
}

/// A drive's document: as it was stored, and labelled as old.
pub(super) struct Document {
    value: Bytes,
    pub(super) head: Head,
    as_is: OnceLock<Arc<Prepared>>,
    labelled: OnceLock<Arc<Prepared>>,
}

impl Held {
    /// The list of that version, if it is at hand.
    pub(super) fn body(&self, key: &Key, version: Version) -> Option<Arc<Body>> {
        let lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let held = [false, true].into_iter().filter_map(|is_stale| lists.get(&(key.clone(), is_stale)));
        let mut held = held.filter(|list| list.version == Some(version));
        held.next().map(|list| Arc::clone(&list.body))
    }

    /// The list through its view, if it is of a rack of that topology.
    pub(super) fn list(
        &self,
        key: &Key,
        view: &View,
        body: Arc<Body>,
        topology: Option<&str>,
        is_stale: bool,
    ) -> Result<Arc<Prepared>, Unfit> {
        let list = self.list_of(key, body, is_stale).ok_or(Unfit::Foreign)?;
        if topology.is_some() && list.head.topology.as_deref() != topology {
            return Err(Unfit::Elsewhere);
        }
        list.view(view)
    }

    fn list_of(&self, key: &Key, body: Arc<Body>, is_stale: bool) -> Option<Arc<List>> {
        let place = (key.clone(), is_stale);
        let lists = || self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |list: &&Arc<List>| Arc::ptr_eq(&list.body, &body) || list.body.plain() == body.plain();
        if let Some(list) = lists().get(&place).filter(is_it) {
            return Some(Arc::clone(list));
        }
        // Looked into without the lock: who wants another list need not wait.
        let head = Head::parse(body.plain())?;
        let version = Version::read(body.plain());
        let list = Arc::new(List { body, version, head, is_stale, views: Mutex::default() });
        lists().insert(place, Arc::clone(&list));
        Some(list)
    }

    /// A drive's document, of those that were asked for lately. `None`: it is none of ours.
    pub(super) fn document(&self, device: &DeviceName, value: Bytes) -> Option<Arc<Document>> {
        let documents = || self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = documents().get(device).filter(|held| held.value == value) {
            return Some(Arc::clone(held));
        }
        let head = Head::parse(&value)?;
        let document = Document { value, head, as_is: OnceLock::new(), labelled: OnceLock::new() };
        Some(insert(&mut documents(), DOCUMENTS, device, Arc::new(document)))
    }
}

impl List {
    /// Made by whoever wants it first; meanwhile other views are given out.
    fn view(&self, view: &View) -> Result<Arc<Prepared>, Unfit> {
        let once = {
            let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
            match views.get(view) {
                Some(once) => Arc::clone(once),
                None => insert(&mut views, VIEWS, view, Arc::default()),
            }
        };
        once.get_or_init(|| self.make(view)).clone()
    }

    fn make(&self, view: &View) -> Result<Arc<Prepared>, Unfit> {
        if *view == View::Whole && !self.is_stale {
            return Ok(Prepared::new(Arc::clone(&self.body), &self.head, false));
        }
        let plain = self.body.plain();
        let list = if self.is_stale { labelled(plain) } else { Bytes::clone(plain) };
        let (body, is_absent) = view.of(&list).ok_or(Unfit::Foreign)?;
        Ok(Prepared::new(Body::new(body), &self.head, is_absent))
    }
}

/// A last-known list: other bytes, so of another version, or who has the one would not be told that it is old.
fn labelled(list: &[u8]) -> Bytes {
    let mut list = label_stale(list);
    seal(&mut list);
    list.into()
}

impl Document {
    pub(super) fn prepared(&self, is_old: bool) -> Arc<Prepared> {
        let of = |value: Bytes| Prepared::new(Body::new(value), &self.head, false);
        let made = if is_old {
            self.labelled.get_or_init(|| of(label_stale(&self.value).into()))
        } else {
            self.as_is.get_or_init(|| of(Bytes::clone(&self.value)))
        };
        Arc::clone(made)
    }
}

/// In a map of at most so many.
fn insert<K: Clone + Eq + Hash, V: Clone>(map: &mut HashMap<K, V>, most: usize, key: &K, value: V) -> V {
    if map.len() >= most {
        map.clear();
    }
    map.insert(key.clone(), value.clone());
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_another_rack_is_none() {
        let held = Held::default();
        let value: Bytes =
            br#"{"schema":1,"version":"0123456789abcdef","topology":"a","generated_at":"2026-01-01T00:00:00Z","stale":false}"#
                .as_slice()
                .into();
        let list = |topology: &str, is_stale: bool| {
            held.list(&Key::Overview, &View::Whole, Body::new(Bytes::clone(&value)), Some(topology), is_stale)
        };
        assert_eq!(list("b", false).err(), Some(Unfit::Elsewhere));
        let both = list("a", false).ok().zip(list("a", true).ok());
        assert!(both.is_some_and(|(fresh, old)| {
            let (fresh, old) = (fresh.plain(), old.plain());
            fresh.etag != old.etag && old.bytes.ends_with(br#""stale":true}"#)
        }));
        for broken in [&b"{\""[..], b"", b"7"] {
            let foreign = held.list(&Key::Overview, &View::Whole, Body::new(broken.into()), Some("a"), false);
            assert_eq!(foreign.err(), Some(Unfit::Foreign));
        }
    }
}
