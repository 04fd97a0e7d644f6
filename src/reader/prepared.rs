//! Bodies made ready once: checked, seen through their view, with their ETag. The same stored
//! bytes are not looked into again.

use crate::cache::{Bytes, Key};
use crate::model::Timestamp;
use crate::model::bodies::DrivesBody;
use crate::model::doc::{Head, label_stale};
use crate::model::drive::{DeviceName, DriveSummary, State};
use crate::model::map;
use crate::model::overview::Overview;
use crate::model::whereis::{self, Found};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum View {
    Whole,
    /// `{"drives":[…]}` out of the overview, by verdict, pool and enclosure.
    Drives {
        verdict: Option<String>,
        pool: Option<String>,
        enclosure: Option<String>,
    },
    /// One enclosure out of the list, by id or sysfs name.
    Enclosure(String),
    /// The bays of the overview as text.
    Map,
    /// One drive of the overview by any name, as a line or as JSON.
    Whereis {
        name: String,
        /// The drive that goes by the name, as far as the poller knows, and whether it is missing.
        known: Option<(DeviceName, bool)>,
        as_json: bool,
    },
}

/// A body with all that a response says of it.
#[derive(Debug)]
pub struct Prepared {
    pub body: Bytes,
    /// Strong, quoted.
    pub etag: String,
    /// Of the data in it.
    observed_at: Option<Timestamp>,
    /// When the body was put together.
    built_at: Option<Timestamp>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
    /// The view shows something that is not there (an unknown enclosure or drive); the body may say why.
    pub is_absent: bool,
}

impl Prepared {
    fn new(body: Bytes, head: &Head, is_absent: bool) -> Arc<Self> {
        let built_at = head.generated_at.or(head.checked_at).or(head.collected_at);
        Arc::new(Self {
            etag: etag(&body),
            observed_at: head.observed_at(),
            built_at,
            last_modified: built_at.map(Timestamp::to_http_date),
            is_absent,
            body,
        })
    }

    /// One drive's document.
    pub(super) fn document(value: Bytes, head: &Head) -> Arc<Self> {
        Self::new(value, head, false)
    }

    pub fn age(&self, now: Timestamp) -> u64 {
        self.observed_at.map_or(0, |at| at.age_seconds(now))
    }

    /// Dated by a clock that was set since: of an age that nobody knows.
    pub(super) fn is_of_another_clock(&self, now: Timestamp) -> bool {
        let dates = [self.observed_at, self.built_at];
        dates.into_iter().flatten().any(|at| at.is_ahead_of(now))
    }

    pub fn built_age(&self, now: Timestamp) -> u64 {
        self.built_at.map_or(u64::MAX, |at| at.age_seconds(now))
    }
}

/// Why a stored value is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Not a value of ours.
    Foreign,
    /// Ours, but of another drive, or of the rack as it no longer is.
    Elsewhere,
}

/// The newest of each kind. Bounded: views of a list go when the list does, and there are never
/// more than `VIEWS` of one.
#[derive(Default)]
pub(super) struct Cache {
    lists: Mutex<HashMap<(Key, bool), List>>,
}

struct List {
    value: Bytes,
    head: Head,
    views: HashMap<View, Arc<Prepared>>,
}

const VIEWS: usize = 64;

impl Cache {
    /// The list through its view, if it is of a rack of that topology.
    pub(super) fn list(
        &self,
        key: &Key,
        view: &View,
        value: Bytes,
        topology: Option<&str>,
        stale: bool,
    ) -> Result<Arc<Prepared>, Unfit> {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let list = match lists.get_mut(&(key.clone(), stale)).filter(|held| held.value == value) {
            Some(held) => held,
            None => {
                let head = Head::parse(&value).ok_or(Unfit::Foreign)?;
                let list = List { value, head, views: HashMap::new() };
                lists.entry((key.clone(), stale)).insert_entry(list).into_mut()
            }
        };
        if topology.is_some() && list.head.topology.as_deref() != topology {
            return Err(Unfit::Elsewhere);
        }
        if let Some(prepared) = list.views.get(view) {
            return Ok(Arc::clone(prepared));
        }
        let value = if stale { Bytes::from(label_stale(&list.value)) } else { Bytes::clone(&list.value) };
        let prepared = match view {
            View::Whole => Prepared::new(value, &list.head, false),
            View::Drives { verdict, pool, enclosure } => {
                let body =
                    drives(&value, verdict.as_deref(), pool.as_deref(), enclosure.as_deref()).ok_or(Unfit::Foreign)?;
                Prepared::new(body.into(), &list.head, false)
            }
            View::Enclosure(id) => {
                let body = one_enclosure(&value, id).ok_or(Unfit::Foreign)?;
                let is_absent = body.is_empty();
                Prepared::new(body, &list.head, is_absent)
            }
            View::Map => {
                let overview: Overview = serde_json::from_slice(&value).map_err(|_| Unfit::Foreign)?;
                Prepared::new(map::map(&overview).into_bytes().into(), &list.head, false)
            }
            View::Whereis { name, known, as_json } => {
                let (body, is_absent) = one_drive(&value, name, known.as_ref(), *as_json).ok_or(Unfit::Foreign)?;
                Prepared::new(body.into(), &list.head, is_absent)
            }
        };
        if list.views.len() >= VIEWS {
            list.views.clear();
        }
        list.views.insert(view.clone(), Arc::clone(&prepared));
        Ok(prepared)
    }
}

fn drives(overview: &[u8], verdict: Option<&str>, pool: Option<&str>, enclosure: Option<&str>) -> Option<Vec<u8>> {
    let overview: Overview = serde_json::from_slice(overview).ok()?;
    let named = |drive: &DriveSummary, wanted: &str| {
        let by_name = |e: &&crate::model::enclosure::EnclosureView| e.sysfs_names.iter().any(|n| n == wanted);
        let id = overview.enclosures.iter().find(by_name).map_or(wanted, |e| e.id.as_str());
        drive.enclosure.as_deref() == Some(id)
    };
    let drives = overview.drives().filter(|d| {
        verdict.is_none_or(|v| d.verdict.as_str() == v)
            && pool.is_none_or(|p| d.pool.as_deref() == Some(p))
            && enclosure.is_none_or(|e| named(d, e))
    });
    serde_json::to_vec(&DrivesBody { drives: drives.collect() }).ok()
}

/// The drive, or (true) why there is none. `None`: this is no overview.
fn one_drive(
    overview: &[u8],
    name: &str,
    known: Option<&(DeviceName, bool)>,
    as_json: bool,
) -> Option<(Vec<u8>, bool)> {
    let overview: Overview = serde_json::from_slice(overview).ok()?;
    let is_known = |d: &DriveSummary| {
        known.is_some_and(|(device, missing)| d.device == *device && (d.state == State::Missing) == *missing)
    };
    Some(match whereis::find(&overview, name, is_known) {
        Found::Drive(drive) if as_json => (serde_json::to_vec(drive).ok()?, false),
        Found::Drive(drive) => (whereis::line(drive).into_bytes(), false),
        Found::Nothing(why) => (why.into_bytes(), true),
    })
}

/// Empty: there is no such enclosure. `None`: this is no list.
fn one_enclosure(list: &[u8], wanted: &str) -> Option<Bytes> {
    #[derive(Deserialize)]
    struct List<'a> {
        #[serde(borrow)]
        enclosures: Vec<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Names {
        id: String,
        sysfs_names: Vec<String>,
    }
    let list: List = serde_json::from_slice(list).ok()?;
    let found = list.enclosures.into_iter().find(|raw| {
        serde_json::from_str::<Names>(raw.get())
            .is_ok_and(|n| n.id == wanted || n.sysfs_names.iter().any(|s| s == wanted))
    });
    Some(found.map(|raw| raw.get().as_bytes()).unwrap_or_default().into())
}

/// FNV-1a over the body, eight bytes at a step, with its length: equal bytes have equal tags,
/// also over restarts.
fn etag(body: &[u8]) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut mix = |word: u64| {
        hash = (hash ^ word).wrapping_mul(0x0100_0000_01b3);
        hash ^= hash >> 29;
    };
    let (words, rest) = body.as_chunks::<8>();
    for word in words {
        mix(u64::from_le_bytes(*word));
    }
    for byte in rest {
        mix(u64::from(*byte));
    }
    format!("\"{hash:016x}-{:x}\"", body.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_changes_with_any_byte() {
        let base = vec![b'a'; 100];
        let mut tags = std::collections::HashSet::from([etag(&base)]);
        for at in 0..base.len() {
            let mut other = base.clone();
            if let Some(byte) = other.get_mut(at) {
                *byte = b'b';
            }
            assert!(tags.insert(etag(&other)), "byte {at}");
        }
        assert!(tags.insert(etag(&base[..99])));
        assert_eq!(etag(&base), etag(&base.clone()));
    }

    #[test]
    fn a_list_of_another_rack_is_none() {
        let cache = Cache::default();
        let value: Bytes =
            br#"{"schema":1,"topology":"a","generated_at":"2026-01-01T00:00:00Z","stale":false}"#.as_slice().into();
        let other = cache.list(&Key::Overview, &View::Whole, Bytes::clone(&value), Some("b"), false);
        assert_eq!(other.err(), Some(Unfit::Elsewhere));
        let fresh = cache.list(&Key::Overview, &View::Whole, Bytes::clone(&value), Some("a"), false);
        let stale = cache.list(&Key::Overview, &View::Whole, value, Some("a"), true);
        assert!(
            fresh.ok().zip(stale.ok()).is_some_and(|(f, s)| f.etag != s.etag && s.body.ends_with(br#""stale":true}"#))
        );
        for broken in [&b"{\""[..], b"", b"7"] {
            let foreign = cache.list(&Key::Overview, &View::Whole, broken.into(), Some("a"), false);
            assert_eq!(foreign.err(), Some(Unfit::Foreign));
        }
    }
}
