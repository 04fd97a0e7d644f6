//! Events of drives that lost a path and kept another, and of paths that work again.

use super::coalesce::{PendingEvent, coalesce, event_of_rest, sort_and_limit};
use super::describe::{drive_fields, drive_subject, format_drive};
use crate::domain::drive::DriveKey;
use crate::domain::identity::ScsiHost;
use crate::domain::inventory::{DriveRecord, Inventory};
use crate::domain::known_paths::{KnownPath, LostPath};
use crate::domain::no_reading::NoReading;
use crate::domain::time::Timestamp;
use crate::events::{DEVICE, Event, EventKind, SCSI_HOST};
use log::Level;
use std::collections::BTreeMap;

/// The paths of each drive after a sweep. Those of a drive that is missing stay as they were.
#[derive(Clone, Default)]
pub(super) struct PathSnapshot {
    drives: BTreeMap<DriveKey, DrivePaths>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct DrivePaths {
    working: Vec<EventPath>,
    lost: Vec<EventPath>,
}

/// A path as an event names it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct EventPath {
    /// Its block device, or the NVMe controller.
    name: String,
    host: Option<ScsiHost>,
    /// Why it does not work, in words that are the same for all drives; empty: it is missing, or works.
    reason: String,
}

impl PathSnapshot {
    /// The snapshot after a sweep; `self` is the one before it. `is_covered`: an event about the SCSI host, or about the IO
    /// module of the drive's enclosure that it leads to, covers the paths of the drive through that host.
    pub(super) fn next(
        &self,
        inventory: &Inventory,
        is_covered: impl Fn(&DriveRecord, Option<ScsiHost>) -> bool,
        at: Timestamp,
    ) -> Self {
        let mut drives = BTreeMap::new();
        for record in inventory.records() {
            let key = record.drive.key.clone();
            if !record.is_present() {
                drives.extend(self.drives.get(&key).map(|known| (key, known.clone())));
                continue;
            }
            let mut paths = DrivePaths::default();
            for known in record.paths.iter() {
                let path = EventPath::of(known);
                match known.lost(at) {
                    Some(lost) if !is_covered(record, lost.host) => {
                        paths.lost.extend(path.map(|path| EventPath { reason: reason(&lost), ..path }));
                    }
                    None if known.works() => paths.working.extend(path),
                    Some(_) | None => {}
                }
            }
            // Without a path that works it is the drive that gives no reading.
            let paths = if paths.working.is_empty() { self.drives.get(&key).cloned() } else { Some(paths) };
            drives.extend(paths.map(|paths| (key, paths)));
        }
        Self { drives }
    }
}

impl EventPath {
    fn of(known: &KnownPath) -> Option<Self> {
        let path = known.devices.first()?;
        Some(Self { name: path.name().to_owned(), host: path.host, reason: String::new() })
    }
}

impl DrivePaths {
    /// Paths that were not lost before.
    fn newly_lost<'a>(&'a self, before: &Self) -> Vec<&'a EventPath> {
        self.lost.iter().filter(|path| !has(&before.lost, path)).collect()
    }

    /// Paths that work in the place of those that were lost before: the kernel may have given them other names, but the SCSI
    /// host is mostly the same. A path that was forgotten has none in its place.
    fn regained<'a>(&'a self, before: &Self) -> Vec<&'a EventPath> {
        let mut new: Vec<&EventPath> = self.working.iter().filter(|path| !has(&before.working, path)).collect();
        let mut regained = Vec::new();
        for ended in before.lost.iter().filter(|path| !has(&self.lost, path)) {
            let of_host = new.iter().position(|path| path.host == ended.host);
            let Some(index) = of_host.or(if new.is_empty() { None } else { Some(0) }) else { break };
            regained.push(new.remove(index));
        }
        regained
    }
}

fn has(paths: &[EventPath], wanted: &EventPath) -> bool {
    paths.iter().any(|path| path.name == wanted.name && path.host == wanted.host)
}

fn reason(lost: &LostPath) -> String {
    match &lost.why {
        None => String::new(),
        Some(NoReading::PathUnusable { state, .. }) => format!(" state={state}"),
        Some(NoReading::TimedOut { seconds }) => format!(" reason=\"no answer within {seconds} s\""),
        Some(_) => " reason=\"no reading over it\"".to_owned(),
    }
}

/// Paths that were lost, then paths that work again. Before its first sweep a drive has lost none.
pub(super) fn detect(before: &PathSnapshot, after: &PathSnapshot, inventory: &Inventory, at: Timestamp) -> Vec<Event> {
    let (mut lost, mut regained) = (Vec::new(), Vec::new());
    let none = DrivePaths::default();
    for (key, paths) in &after.drives {
        let Some(record) = inventory.get(key) else { continue };
        let known = before.drives.get(key).unwrap_or(&none);
        let pending = |kind, path| pending_event(kind, record, path, paths.working.len());
        lost.extend(paths.newly_lost(known).into_iter().map(|path| pending(EventKind::PathLost, path)));
        regained.extend(paths.regained(known).into_iter().map(|path| pending(EventKind::PathBack, path)));
    }
    lost.extend(regained);
    let mut events = coalesce(lost, at);
    let rest = sort_and_limit(&mut events);
    events.extend(event_of_rest(&rest, at));
    events
}

/// `working`: the number of paths that the drive has now.
fn pending_event(kind: EventKind, record: &DriveRecord, path: &EventPath, working: usize) -> PendingEvent {
    let (level, predicate) = match kind {
        EventKind::PathLost => (Level::Warn, "lost a path"),
        _ => (Level::Info, "regained a path"),
    };
    let mut fields = drive_fields(record).with_each(SCSI_HOST, path.host);
    if path.host.is_some() && !record.drive.has_device(&path.name) {
        // The drive has only the devices of paths that are present.
        fields = fields.with(DEVICE, &path.name);
    }
    let suffix = match path.host {
        Some(host) => format!(" host={host} paths={working}{}", path.reason),
        None => format!(" paths={working}{}", path.reason),
    };
    let drive = format!("{} path={}", format_drive(record), path.name);
    PendingEvent { kind, level, predicate, drive, suffix, subject: drive_subject(record), fields }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::drive::{Drive, DrivePath, fixture};
    use crate::domain::identity::{DeviceName, Identity};
    use crate::events::SERIAL;

    const AT: Timestamp = Timestamp(7);

    /// A path by its device and address (`sda`, `0:0:1:0`).
    fn path((device, address): (&str, &str)) -> DrivePath {
        DrivePath {
            device: DeviceName::parse(device).unwrap_or_else(DeviceName::placeholder),
            node: format!("/dev/{device}"),
            host: address.split(':').next().and_then(|host| host.parse().ok()),
            address: address.to_owned(),
            unit: 0,
            state: None,
        }
    }

    /// A host whose drives are known by their number, and what was last reported of it.
    struct Played {
        inventory: Inventory,
        snapshot: PathSnapshot,
        at: Timestamp,
    }

    impl Played {
        fn new(drives: &[&[(&str, &str)]]) -> Self {
            let mut played = Self { inventory: Inventory::default(), snapshot: PathSnapshot::default(), at: AT };
            played.discover(drives);
            assert!(played.sweep(1).is_empty());
            played
        }

        fn discover(&mut self, drives: &[&[(&str, &str)]]) {
            let drives = drives.iter().enumerate().map(|(number, paths)| {
                let drive = fixture::drive(&format!("sd{number}"));
                let identity = Identity { wwid: None, unit_serial: Some(format!("S{number}").into()) };
                Drive { paths: paths.iter().copied().map(path).collect(), identity, ..drive }
            });
            self.inventory.apply_discovery(drives.collect(), &[], self.at);
        }

        /// The events of a sweep that many seconds later.
        fn sweep_events(&mut self, seconds: i64) -> Vec<Event> {
            self.at = self.at.shifted(seconds);
            let after = self.snapshot.next(&self.inventory, |_, _| false, self.at);
            let events = detect(&self.snapshot, &after, &self.inventory, self.at);
            self.snapshot = after;
            events
        }

        fn sweep(&mut self, seconds: i64) -> Vec<String> {
            self.sweep_events(seconds).into_iter().map(|event| event.text).collect()
        }
    }

    const BOTH: &[(&str, &str)] = &[("sda", "0:0:1:0"), ("sdb", "1:0:1:0")];
    const FIRST: &[(&str, &str)] = &[("sda", "0:0:1:0")];

    #[test]
    fn a_lost_path_is_reported_once_and_when_it_returns() {
        let mut played = Played::new(&[BOTH]);
        played.discover(&[FIRST]);
        assert!(played.sweep(9).is_empty(), "the drive may be about to go");
        assert_eq!(played.sweep(1), ["drive lost a path device=sd0 serial=\"S0\" path=sdb host=1 paths=1"]);
        assert!(played.sweep(90).is_empty());
        played.discover(&[&[("sda", "0:0:1:0"), ("sdc", "1:0:9:0")]]);
        assert_eq!(played.sweep(90), ["drive regained a path device=sd0 serial=\"S0\" path=sdc host=1 paths=2"]);
        assert!(played.sweep(90).is_empty());
    }

    #[test]
    fn a_drive_that_goes_or_is_numbered_again_loses_no_path() {
        let mut played = Played::new(&[BOTH]);
        played.discover(&[&[("sdx", "0:0:7:0"), ("sdy", "1:0:7:0")]]);
        assert!(played.sweep(90).is_empty(), "reseated: two paths again");
        played.discover(&[&[("sdx", "0:0:7:0")]]);
        assert!(played.sweep(1).is_empty());
        played.discover(&[]);
        assert!(played.sweep(90).is_empty(), "pulled: that is an event of its own");
        played.discover(&[&[("sdx", "0:0:7:0"), ("sdy", "1:0:7:0")]]);
        assert!(played.sweep(90).is_empty(), "a path that returns before it was reported");
    }

    #[test]
    fn a_path_that_returns_with_its_drive_is_reported() {
        let mut played = Played::new(&[BOTH]);
        played.discover(&[FIRST]);
        assert_eq!(played.sweep(90).len(), 1);
        played.discover(&[]);
        assert!(played.sweep(90).is_empty());
        played.discover(&[&[("sdx", "0:0:9:0"), ("sdy", "1:0:9:0")]]);
        assert_eq!(played.sweep(90), ["drive regained a path device=sd0 serial=\"S0\" path=sdy host=1 paths=2"]);
        assert!(played.sweep(90).is_empty());
    }

    #[test]
    fn a_second_cable_is_no_event() {
        let mut played = Played::new(&[FIRST]);
        played.discover(&[BOTH]);
        assert!(played.sweep(90).is_empty());
    }

    #[test]
    fn a_path_that_the_kernel_set_offline_is_lost() {
        let mut played = Played::new(&[BOTH]);
        let mut drive = fixture::drive("sd0");
        drive.identity.unit_serial = Some("S0".into());
        drive.paths = BOTH.iter().copied().map(path).collect();
        let offline = |drive: &mut Drive, state: &str| drive.paths[0].state = Some(state.into());
        offline(&mut drive, "offline");
        played.inventory.apply_discovery(vec![drive.clone()], &[], played.at);
        let lost = "drive lost a path device=sd0 serial=\"S0\" path=sda host=0 paths=1 state=offline";
        assert_eq!(played.sweep(0), [lost]);
        offline(&mut drive, "running");
        played.inventory.apply_discovery(vec![drive.clone()], &[], played.at);
        assert_eq!(played.sweep(0), ["drive regained a path device=sd0 serial=\"S0\" path=sda host=0 paths=2"]);
        offline(&mut drive, "blocked");
        played.inventory.apply_discovery(vec![drive], &[], played.at);
        assert!(played.sweep(9).is_empty(), "the kernel may unblock it");
        assert_eq!(played.sweep(1), [lost.replace("offline", "blocked")]);
    }

    #[test]
    fn a_module_that_many_drives_lose_is_one_event() {
        let mut played = Played::new(&[BOTH; 20]);
        played.discover(&[FIRST; 20]);
        let events = played.sweep_events(90);
        let [event] = events.as_slice() else { panic!("{events:#?}") };
        assert_eq!(event.text, "drives lost a path count=20 host=1 paths=1");
        assert_eq!(event.fields.values(SCSI_HOST).collect::<Vec<_>>(), ["1"]);
        assert_eq!(event.fields.values(SERIAL).count(), 20);
    }
}
