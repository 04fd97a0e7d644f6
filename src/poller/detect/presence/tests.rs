//! Shelves and modules that disappear and return, with drives and without them.

use super::*;
use crate::domain::enclosure::{Bay, BayLabel, Slot};

const NOW: Timestamp = Timestamp(7);

fn module(name: &str, missing_since: Option<i64>) -> KnownModule {
    KnownModule { sysfs_name: name.to_owned(), address: None, missing_since: missing_since.map(Timestamp) }
}

fn shelf(modules: Vec<KnownModule>) -> Enclosure {
    let slots = (0..24).map(|number| Slot { number: Some(number), ..Slot::default() }).collect();
    let sysfs_names = vec!["0:0:9:0".to_owned()];
    Enclosure { id: "0xa".into(), sysfs_names, modules, slots, ..Enclosure::default() }
}

fn both() -> Vec<KnownModule> {
    vec![module("0:0:9:0", None), module("1:0:9:0", None)]
}

fn missing() -> Enclosure {
    let mut shelf = shelf(both());
    shelf.set_missing(NOW);
    shelf
}

/// An event about a drive with that serial number in a bay of that enclosure.
fn drive_event(kind: EventKind, serial: &str, enclosure: &str) -> Event {
    let bay = Bay { enclosure: enclosure.into(), slot: BayLabel::Number(1) };
    let subject = Subject::Drive { serial_number: Some(serial.into()), device: "sda".to_owned() };
    let fields = EventFields::none().with(SERIAL, serial).with(ENCLOSURE, &bay.enclosure);
    event!(Level::Warn, kind, NOW, subject, fields, "{serial}")
}

/// A detector at some time after its start.
struct Stand {
    presence: Presence,
    start: Instant,
}

impl Stand {
    fn new(first: &[Enclosure]) -> Self {
        let mut stand = Self { presence: Presence::default(), start: Instant::now() };
        assert!(stand.settle(first, 0).is_empty(), "what is there at first is no event");
        stand
    }

    fn hold(&mut self, events: Vec<Event>, seconds: u64) {
        let others = self.presence.hold(events, (self.start + Duration::from_secs(seconds), NOW));
        assert_eq!(others, []);
    }

    fn events(&mut self, enclosures: &[Enclosure], seconds: u64) -> Vec<Event> {
        let at = self.start + Duration::from_secs(seconds);
        self.presence.settle(enclosures, &Inventory::default(), Release::WhenSettled, (at, NOW))
    }

    /// The texts of the events.
    fn settle(&mut self, enclosures: &[Enclosure], seconds: u64) -> Vec<String> {
        self.events(enclosures, seconds).into_iter().map(|event| event.text).collect()
    }
}

#[test]
fn drives_that_disappear_with_their_shelf_are_one_event() {
    let mut stand = Stand::new(&[shelf(both())]);
    let pulled = |serial: &str, enclosure: &str| drive_event(EventKind::DriveMissing, serial, enclosure);
    stand.hold(vec![pulled("S1", "0xa"), pulled("S2", "0xb")], 10);
    assert!(stand.settle(&[shelf(both())], 10).is_empty(), "the shelf may follow");
    stand.hold(vec![pulled("S3", "0xa")], 11);
    assert!(stand.settle(&[missing()], 12).is_empty(), "more drives may follow");
    let events = stand.events(&[missing()], 13);
    let texts: Vec<&str> = events.iter().map(|event| event.text.as_str()).collect();
    assert_eq!(texts, ["shelf missing enclosure=0xa bays=24 drives=0 drives_missing=0", "S2"]);
    let event = &events[0];
    assert_eq!((event.kind, event.level), (EventKind::ShelfMissing, Level::Warn));
    assert_eq!(event.fields, EventFields::none().with(ENCLOSURE, "0xa").with_each(SERIAL, ["S1", "S3"]));
    assert!(stand.settle(&[missing()], 20).is_empty(), "a level is no event");

    stand.hold(vec![drive_event(EventKind::DriveBack, "S1", "0xa")], 30);
    assert!(stand.settle(&[missing()], 33).is_empty(), "its shelf may follow");
    assert!(stand.settle(&[shelf(both())], 34).len() == 1, "one event for both");
    assert!(stand.settle(&[shelf(both())], 40).is_empty());
}

#[test]
fn events_are_not_held_for_long() {
    let mut stand = Stand::new(&[missing()]);
    for second in 10..25 {
        stand.hold(vec![drive_event(EventKind::DriveBack, "S1", "0xa")], second);
        assert!(stand.settle(&[missing()], second).is_empty());
    }
    assert!(!stand.settle(&[missing()], 25).is_empty());
    stand.hold(vec![drive_event(EventKind::DriveMissing, "S1", "0xa")], 30);
    let at = stand.start + Duration::from_secs(30);
    let last = stand.presence.settle(&[missing()], &Inventory::default(), Release::Now, (at, NOW));
    assert_eq!(last.len(), 1, "at a stop nothing is lost");
}

#[test]
fn drive_that_returns_to_a_shelf_that_is_here_is_reported_at_once() {
    let mut stand = Stand::new(&[shelf(both())]);
    let back = || vec![drive_event(EventKind::DriveBack, "S1", "0xa")];
    assert_eq!(stand.presence.hold(back(), (stand.start, NOW)).len(), 1);
    stand.hold(vec![drive_event(EventKind::DriveMissing, "S1", "0xa")], 10);
    stand.hold(back(), 11);
    assert!(stand.settle(&[shelf(both())], 12).is_empty());
    assert_eq!(stand.settle(&[shelf(both())], 13).len(), 2, "in their order");
}

#[test]
fn shelf_that_is_away_for_a_moment_is_no_event() {
    let mut stand = Stand::new(&[shelf(both())]);
    assert!(stand.settle(&[missing()], 10).is_empty());
    assert!(stand.settle(&[shelf(both())], 11).is_empty());
    assert!(stand.settle(&[shelf(both())], 20).is_empty());
}

#[test]
fn lost_module_and_its_return_are_one_event_each() {
    let mut stand = Stand::new(&[shelf(both())]);
    let one = || shelf(vec![module("1:0:9:0", None), module("0:0:9:0", Some(5))]);
    assert!(stand.settle(&[one()], 10).is_empty());
    let text = "enclosure=0xa module=0:0:9:0 modules=1 expected=2";
    assert_eq!(stand.settle(&[one()], 12), [format!("io module missing {text}")]);
    let mut gone = one();
    gone.set_missing(NOW);
    assert!(stand.settle(&[gone.clone()], 20).is_empty());
    assert_eq!(stand.settle(&[gone], 22), ["shelf missing enclosure=0xa bays=24 drives=0 drives_missing=0"]);
    assert!(stand.settle(&[one()], 30).is_empty());
    let back = stand.settle(&[one()], 32);
    assert_eq!(back, ["shelf back enclosure=0xa bays=24 drives=0 drives_missing=0"], "still without that module");
    let replaced = || shelf(vec![module("1:0:9:0", None), module("0:0:31:0", None)]);
    assert!(stand.settle(&[replaced()], 40).is_empty());
    let text = "enclosure=0xa module=0:0:9:0 modules=2 expected=2";
    assert_eq!(stand.settle(&[replaced()], 42), [format!("io module back {text}")]);
}

#[test]
fn forgotten_module_is_not_back() {
    let mut stand = Stand::new(&[shelf(vec![module("1:0:9:0", None), module("0:0:9:0", Some(5))])]);
    for second in [10, 12, 14] {
        assert!(stand.settle(&[shelf(vec![module("1:0:9:0", None)])], second).is_empty());
    }
}

#[test]
fn what_an_earlier_daemon_reported_is_no_event_and_its_end_is_one() {
    let known = |enclosure: Enclosure| KnownEnclosure { enclosure, ..KnownEnclosure::default() };
    let mut stand = Stand::new(&[]);
    stand.presence.restore(&[known(missing())]);
    assert!(stand.settle(&[missing()], 10).is_empty());
    assert!(stand.settle(&[missing()], 12).is_empty(), "known");
    let mut stand = Stand::new(&[]);
    stand.presence.restore(&[known(shelf(both()))]);
    stand.settle(&[missing()], 10);
    assert_eq!(stand.settle(&[missing()], 12).len(), 1, "it disappeared while no daemon ran");
    let mut stand = Stand::new(&[shelf(both())]);
    stand.presence.restore(&[known(missing())]);
    stand.settle(&[shelf(both())], 10);
    assert_eq!(stand.settle(&[shelf(both())], 12).len(), 1, "it returned while no daemon ran");
}
