//! Shelves and modules that disappear and return, with and without drives.

use super::*;
use crate::domain::enclosure::module::KnownModule;
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

/// A detector, which is given times in seconds after its start.
struct TestDetector {
    presence: Presence,
    start: Instant,
}

impl TestDetector {
    fn new(first: &[Enclosure]) -> Self {
        let mut detector = Self { presence: Presence::default(), start: Instant::now() };
        assert!(detector.settle(first, 0).is_empty(), "shelves that are present at the start are not an event");
        detector
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
    let mut detector = TestDetector::new(&[shelf(both())]);
    let missing_drive = |serial: &str, enclosure: &str| drive_event(EventKind::DriveMissing, serial, enclosure);
    detector.hold(vec![missing_drive("S1", "0xa"), missing_drive("S2", "0xb")], 10);
    assert!(detector.settle(&[shelf(both())], 10).is_empty(), "the shelf may follow");
    detector.hold(vec![missing_drive("S3", "0xa")], 11);
    assert!(detector.settle(&[missing()], 12).is_empty(), "more drives may follow");
    let events = detector.events(&[missing()], 13);
    let texts: Vec<&str> = events.iter().map(|event| event.text.as_str()).collect();
    assert_eq!(texts, ["shelf missing enclosure=0xa bays=24 drives=0 drives_missing=0", "S2"]);
    let event = &events[0];
    assert_eq!((event.kind, event.level), (EventKind::ShelfMissing, Level::Warn));
    assert_eq!(event.fields, EventFields::none().with(ENCLOSURE, "0xa").with_each(SERIAL, ["S1", "S3"]));
    assert!(detector.settle(&[missing()], 20).is_empty(), "no change");

    detector.hold(vec![drive_event(EventKind::DriveBack, "S1", "0xa")], 30);
    assert!(detector.settle(&[missing()], 33).is_empty(), "its shelf may follow");
    assert!(detector.settle(&[shelf(both())], 34).len() == 1, "one event for both");
    assert!(detector.settle(&[shelf(both())], 40).is_empty());
}

#[test]
fn events_are_held_for_a_limited_time() {
    let mut detector = TestDetector::new(&[missing()]);
    for second in 10..25 {
        detector.hold(vec![drive_event(EventKind::DriveBack, "S1", "0xa")], second);
        assert!(detector.settle(&[missing()], second).is_empty());
    }
    assert!(!detector.settle(&[missing()], 25).is_empty());
    detector.hold(vec![drive_event(EventKind::DriveMissing, "S1", "0xa")], 30);
    let at = detector.start + Duration::from_secs(30);
    let last = detector.presence.settle(&[missing()], &Inventory::default(), Release::Now, (at, NOW));
    assert_eq!(last.len(), 1, "held events are emitted at a stop");
}

#[test]
fn drive_that_returns_to_a_present_shelf_is_reported_at_once() {
    let mut detector = TestDetector::new(&[shelf(both())]);
    let returned = vec![drive_event(EventKind::DriveBack, "S1", "0xa")];
    assert_eq!(detector.presence.hold(returned.clone(), (detector.start, NOW)).len(), 1);
    detector.hold(vec![drive_event(EventKind::DriveMissing, "S1", "0xa")], 10);
    detector.hold(returned, 11);
    assert!(detector.settle(&[shelf(both())], 12).is_empty());
    assert_eq!(detector.settle(&[shelf(both())], 13).len(), 2, "in their order");
}

#[test]
fn shelf_that_is_missing_for_a_moment_is_not_an_event() {
    let mut detector = TestDetector::new(&[shelf(both())]);
    assert!(detector.settle(&[missing()], 10).is_empty());
    assert!(detector.settle(&[shelf(both())], 11).is_empty());
    assert!(detector.settle(&[shelf(both())], 20).is_empty());
}

#[test]
fn lost_module_and_its_return_are_one_event_each() {
    let mut detector = TestDetector::new(&[shelf(both())]);
    let one = [shelf(vec![module("1:0:9:0", None), module("0:0:9:0", Some(5))])];
    assert!(detector.settle(&one, 10).is_empty());
    let text = "enclosure=0xa module=0:0:9:0 modules=1 expected=2";
    assert_eq!(detector.settle(&one, 12), [format!("io module missing {text}")]);
    let mut missing = one.clone();
    missing[0].set_missing(NOW);
    assert!(detector.settle(&missing, 20).is_empty());
    assert_eq!(detector.settle(&missing, 22), ["shelf missing enclosure=0xa bays=24 drives=0 drives_missing=0"]);
    assert!(detector.settle(&one, 30).is_empty());
    let returned = detector.settle(&one, 32);
    assert_eq!(returned, ["shelf returned enclosure=0xa bays=24 drives=0 drives_missing=0"], "without that module");
    let replaced = [shelf(vec![module("1:0:9:0", None), module("0:0:31:0", None)])];
    assert!(detector.settle(&replaced, 40).is_empty());
    let text = "enclosure=0xa module=0:0:9:0 modules=2 expected=2";
    assert_eq!(detector.settle(&replaced, 42), [format!("io module returned {text}")]);
}

#[test]
fn forgotten_module_has_not_returned() {
    let mut detector = TestDetector::new(&[shelf(vec![module("1:0:9:0", None), module("0:0:9:0", Some(5))])]);
    for second in [10, 12, 14] {
        assert!(detector.settle(&[shelf(vec![module("1:0:9:0", None)])], second).is_empty());
    }
}

#[test]
fn only_changes_since_an_earlier_daemon_are_events() {
    let known_missing = [KnownEnclosure { enclosure: missing(), ..KnownEnclosure::default() }];
    let known_present = [KnownEnclosure { enclosure: shelf(both()), ..KnownEnclosure::default() }];
    let mut detector = TestDetector::new(&[]);
    detector.presence.restore(&known_missing);
    assert!(detector.settle(&[missing()], 10).is_empty());
    assert!(detector.settle(&[missing()], 12).is_empty(), "known");
    let mut detector = TestDetector::new(&[]);
    detector.presence.restore(&known_present);
    detector.settle(&[missing()], 10);
    assert_eq!(detector.settle(&[missing()], 12).len(), 1, "it disappeared while no daemon ran");
    let mut detector = TestDetector::new(&[shelf(both())]);
    detector.presence.restore(&known_missing);
    detector.settle(&[shelf(both())], 10);
    assert_eq!(detector.settle(&[shelf(both())], 12).len(), 1, "it returned while no daemon ran");
}
