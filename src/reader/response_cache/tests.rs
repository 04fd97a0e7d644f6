//! The cache stays within its budget and serves no list of another topology.

use super::*;
use crate::api::json_limits::Excess;
use crate::api::value_limits::ValueLimits;
use std::time::Duration;

fn request<'a>(view: &'a View, topology: Option<&'a str>) -> ListRequest<'a> {
    let deadline = Instant::now() + Duration::from_secs(60);
    ListRequest { view, topology, limits: ValueLimits::default().list, deadline }
}

fn body(text: impl AsRef<[u8]>) -> Arc<Body> {
    Body::new(text.as_ref().into())
}

#[test]
fn a_list_of_another_topology_is_rejected() {
    let cache = ResponseCache::default();
    let value = br#"{"schema":1,"version":"0123456789abcdef","topology":"a","generated_at":"2026-01-01T00:00:00Z","stale":false}"#;
    let limits = ValueLimits::default().list;
    let list = |topology: &str, copy: CopyKind| {
        let list = cache.list(&Key::Overview, body(value), copy, ListOrigin::Redis, &limits)?;
        cache.view(&list, &request(&View::Whole, Some(topology)))
    };
    assert_eq!(list("b", CopyKind::Live).err(), Some(Rejected::Mismatch));
    let (fresh, stale) = (list("a", CopyKind::Live).unwrap(), list("a", CopyKind::LastKnown).unwrap());
    assert_ne!(fresh.plain().etag, stale.plain().etag);
    assert!(stale.plain().bytes.ends_with(br#""stale":true}"#));
    for broken in [&b"{\""[..], b"", b"7"] {
        let unrecognized = cache.list(&Key::Overview, body(broken), CopyKind::Live, ListOrigin::Redis, &limits);
        assert_eq!(unrecognized.err(), Some(Unrecognized::Schema.into()));
    }
}

#[test]
fn values_from_redis_are_checked_against_limits_and_local_ones_are_not() {
    let cache = ResponseCache::default();
    let zeros = "0,".repeat(64 * 1024);
    let text = format!(r#"{{"schema":1,"a":[{zeros}0]}}"#);
    let limits = ValueLimits::default().list;
    let list = |origin| cache.list(&Key::Overview, body(&text), CopyKind::Live, origin, &limits);
    assert_eq!(list(ListOrigin::Redis).err(), Some(Excess::Values(limits.values).into()));
    assert!(list(ListOrigin::Local).is_ok());
    assert!(list(ListOrigin::Redis).is_ok(), "the same bytes are cached");

    let device = DeviceName::parse("sda").expect("a name");
    let document: Bytes = text.as_bytes().into();
    let of = |own: Option<Bytes>| cache.document(&device, Bytes::clone(&document), || own).err();
    assert_eq!(of(None), Some(Excess::Values(DOCUMENT.values).into()));
    assert_eq!(of(Some(body("other").plain().clone())), Some(Excess::Values(DOCUMENT.values).into()));
    assert_eq!(of(Some(Bytes::clone(&document))), None);
}

/// A view of a list from Redis waits for the lock until its deadline. A cached view does not, nor does a local list.
#[test]
fn one_list_from_redis_is_parsed_at_a_time() {
    let cache = ResponseCache::default();
    let limits = ValueLimits::default().list;
    let text = r#"{"schema":1,"enclosures":[{"id":"e","sysfs_names":[]}]}"#;
    let list = |key: Key, origin| cache.list(&key, body(text), CopyKind::Live, origin, &limits).expect("a list");
    let (own, other) = (list(Key::Overview, ListOrigin::Local), list(Key::Enclosures, ListOrigin::Redis));
    let at_once = |list: &Arc<CachedList>, id: &str| {
        let view = View::Enclosure(id.to_owned());
        cache.view(list, &ListRequest { deadline: Instant::now(), ..request(&view, None) })
    };
    assert!(at_once(&other, "e").is_ok(), "the lock is free");
    let guard = cache.parse_lock().lock_until(Instant::now());
    assert!(
        at_once(&other, "e").is_ok() && cache.view(&other, &request(&View::Whole, None)).is_ok(),
        "both are cached"
    );
    assert_eq!(at_once(&other, "f").err(), Some(Rejected::Busy));
    let local_guard = cache.local_parse_lock.lock_until(Instant::now());
    assert!(at_once(&own, "f").is_ok(), "local lists do not fail");
    drop((guard, local_guard));
    assert!(at_once(&other, "f").is_ok());
}

/// Whatever their number and size.
#[test]
fn lists_views_and_documents_stay_within_their_budgets() {
    let cache = ResponseCache::default();
    let limits = ValueLimits::default().list;
    let budget = LISTS_BASE + LISTS_FACTOR * limits.bytes;
    let text = |number: usize| {
        let filler = "x".repeat(if number == 0 { 100 } else { 200_000 });
        format!(r#"{{"schema":1,"enclosures":[{{"id":"{number}","sysfs_names":[],"filler":"{filler}"}}]}}"#)
    };
    let sum = || cache.lists().values().map(|list| list.memory.load(Ordering::Relaxed)).sum::<usize>();
    let own = cache.list(&Key::Enclosures, body(text(0)), CopyKind::Live, ListOrigin::Local, &limits).expect("a list");
    for number in 0..20_000 {
        let view = View::Enclosure(format!("{number}{}", "n".repeat(600)));
        assert!(cache.view(&own, &request(&view, None)).is_ok_and(|body| body.is_absent));
        assert!(sum() <= budget, "{} bytes", sum());
    }
    for number in 0..100 {
        let key = [Key::Overview, Key::Enclosures, Key::ZfsMap][number % 3].clone();
        let copy = if number % 2 == 1 { CopyKind::LastKnown } else { CopyKind::Live };
        let list = cache.list(&key, body(text(number)), copy, ListOrigin::Local, &limits).expect("a list");
        let view = View::Enclosure(number.to_string());
        assert!(cache.view(&list, &request(&view, None)).is_ok_and(|body| !body.is_absent));
        assert!(sum() <= budget, "{} bytes", sum());
    }
    for number in 0..1000 {
        let device = DeviceName::parse(&format!("sd{number}")).expect("a name");
        let document: Bytes = text(number).as_bytes().into();
        assert!(cache.document(&device, document.clone(), || Some(document)).is_ok());
        let documents = cache.documents.lock().expect("the documents");
        let memory: usize = documents.by_device.values().map(|document| document.memory()).sum();
        assert_eq!(documents.memory, memory);
        assert!(memory <= DOCUMENTS_BUDGET && !documents.by_device.is_empty(), "{memory} bytes");
    }
}
