//! The cache stays within its budget, and shows no list of another topology.

use super::*;
use crate::api::json_limits::Excess;
use crate::api::value_limits::ValueLimits;
use std::time::Duration;

fn wanted<'a>(view: &'a View, topology: Option<&'a str>) -> Wanted<'a> {
    let until = Instant::now() + Duration::from_secs(60);
    Wanted { view, topology, limits: ValueLimits::default().list, until }
}

fn body(text: impl AsRef<[u8]>) -> Arc<Body> {
    Body::new(text.as_ref().into())
}

#[test]
fn a_list_of_another_rack_is_none() {
    let held = Held::default();
    let value = br#"{"schema":1,"version":"0123456789abcdef","topology":"a","generated_at":"2026-01-01T00:00:00Z","stale":false}"#;
    let limits = ValueLimits::default().list;
    let list = |topology: &str, is_stale: bool| {
        let list = held.list(&Key::Overview, body(value), is_stale, Origin::Redis, &limits)?;
        held.view(&list, &wanted(&View::Whole, Some(topology)))
    };
    assert_eq!(list("b", false).err(), Some(Unfit::Elsewhere));
    let both = list("a", false).ok().zip(list("a", true).ok());
    assert!(both.is_some_and(|(fresh, old)| {
        let (fresh, old) = (fresh.plain(), old.plain());
        fresh.etag != old.etag && old.bytes.ends_with(br#""stale":true}"#)
    }));
    for broken in [&b"{\""[..], b"", b"7"] {
        let foreign = held.list(&Key::Overview, body(broken), false, Origin::Redis, &limits);
        assert_eq!(foreign.err(), Some(Foreign::Schema.into()));
    }
}

#[test]
fn what_is_out_of_redis_is_held_to_its_limits_and_what_is_own_is_not() {
    let held = Held::default();
    let zeros = "0,".repeat(64 * 1024);
    let text = format!(r#"{{"schema":1,"a":[{zeros}0]}}"#);
    let limits = ValueLimits::default().list;
    let list = |origin| held.list(&Key::Overview, body(&text), false, origin, &limits);
    assert_eq!(list(Origin::Redis).err(), Some(Excess::Values(limits.values).into()));
    assert!(list(Origin::Own).is_ok());
    assert!(list(Origin::Redis).is_ok(), "the same bytes are held");

    let device = DeviceName::parse("sda").expect("a name");
    let document: Bytes = text.as_bytes().into();
    let of = |own: Option<Bytes>| held.document(&device, Bytes::clone(&document), || own).err();
    assert_eq!(of(None), Some(Excess::Values(DOCUMENT.values).into()));
    assert_eq!(of(Some(body("other").plain().clone())), Some(Excess::Values(DOCUMENT.values).into()));
    assert_eq!(of(Some(Bytes::clone(&document))), None);
}

/// A view of a list out of Redis waits for the permit until its deadline. What is held already does not, nor does a list
/// of this daemon's own.
#[test]
fn one_list_out_of_redis_is_parsed_at_a_time() {
    let held = Held::default();
    let limits = ValueLimits::default().list;
    let text = r#"{"schema":1,"enclosures":[{"id":"e","sysfs_names":[]}]}"#;
    let list = |key: Key, origin| held.list(&key, body(text), false, origin, &limits).expect("a list");
    let (own, other) = (list(Key::Overview, Origin::Own), list(Key::Enclosures, Origin::Redis));
    let at_once = |list: &Arc<List>, id: &str| {
        let view = View::Enclosure(id.to_owned());
        held.view(list, &Wanted { until: Instant::now(), ..wanted(&view, None) })
    };
    assert!(at_once(&other, "e").is_ok(), "the permit is free");
    let permit = held.permit().take(Instant::now());
    assert!(at_once(&other, "e").is_ok() && held.view(&other, &wanted(&View::Whole, None)).is_ok(), "both are held");
    assert_eq!(at_once(&other, "f").err(), Some(Unfit::Busy));
    let permit_of_own = held.own_permit.take(Instant::now());
    assert!(at_once(&own, "f").is_ok(), "own lists do not fail");
    drop((permit, permit_of_own));
    assert!(at_once(&other, "f").is_ok());
}

/// However many there are, and however large.
#[test]
fn lists_views_and_documents_stay_within_their_budgets() {
    let held = Held::default();
    let limits = ValueLimits::default().list;
    let budget = LISTS_BASE + LISTS_FACTOR * limits.bytes;
    let text = |number: usize| {
        let filler = "x".repeat(if number == 0 { 100 } else { 200_000 });
        format!(r#"{{"schema":1,"enclosures":[{{"id":"{number}","sysfs_names":[],"filler":"{filler}"}}]}}"#)
    };
    let sum = || held.lists().values().map(|list| list.memory.load(Ordering::Relaxed)).sum::<usize>();
    let own = held.list(&Key::Enclosures, body(text(0)), false, Origin::Own, &limits).expect("a list");
    for number in 0..20_000 {
        let view = View::Enclosure(format!("{number}{}", "n".repeat(600)));
        assert!(held.view(&own, &wanted(&view, None)).is_ok_and(|prepared| prepared.is_absent));
        assert!(sum() <= budget, "{} bytes", sum());
    }
    for number in 0..100 {
        let key = [Key::Overview, Key::Enclosures, Key::ZfsMap][number % 3].clone();
        let list = held.list(&key, body(text(number)), number % 2 == 1, Origin::Own, &limits).expect("a list");
        let view = View::Enclosure(number.to_string());
        assert!(held.view(&list, &wanted(&view, None)).is_ok_and(|prepared| !prepared.is_absent));
        assert!(sum() <= budget, "{} bytes", sum());
    }
    for number in 0..1000 {
        let device = DeviceName::parse(&format!("sd{number}")).expect("a name");
        let document: Bytes = text(number).as_bytes().into();
        assert!(held.document(&device, document.clone(), || Some(document)).is_ok());
        let documents = held.documents.lock().expect("the documents");
        let memory: usize = documents.by_device.values().map(|document| document.memory()).sum();
        assert_eq!(documents.memory, memory);
        assert!(memory <= DOCUMENTS_BUDGET && !documents.by_device.is_empty(), "{memory} bytes");
    }
}
