//! Events of drives that lost a path while another one works, and of paths that work again.

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

/// The paths of each drive after a sweep. Those of a missing drive are kept unchanged.
#[derive(Clone, Default)]
pub(super) struct PathSnapshot {
    drives: BTreeMap<DriveKey, DrivePaths>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct DrivePaths {
    working: Vec<EventPath>,
    lost: Vec<EventPath>,
}

/// A path in an event.
#[derive(Clone, Debug, PartialEq, Eq)]
struct EventPath {
    /// Its block device, or the NVMe controller.
    name: String,
    host: Option<ScsiHost>,
    /// Why it does not work, as a field of the text; the same text for all drives, so that their events can be coalesced.
    /// Empty: it is missing, or works.
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
            // Without a working path, the drive itself is reported as unreadable.
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

    /// New working paths that replace those that were lost before. The kernel may have given them other names, so a path of
    /// the same SCSI host is preferred. No path replaces one that was forgotten.
    fn regained<'a>(&'a self, before: &Self) -> Vec<&'a EventPath> {
        let mut new: Vec<&EventPath> = self.working.iter().filter(|path| !has(&before.working, path)).collect();
        let mut regained = Vec::new();
        for ended in before.lost.iter().filter(|path| !has(&self.lost, path)) {
            if new.is_empty() {
                break;
            }
            let same_host = new.iter().position(|path| path.host == ended.host);
            regained.push(new.remove(same_host.unwrap_or(0)));
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
        Some(_) => " reason=\"reading failed\"".to_owned(),
    }
}

/// Events of lost paths, then of paths that work again. Before its first sweep, no path of a drive is known.
pub(super) fn detect(before: &PathSnapshot, after: &PathSnapshot, inventory: &Inventory, at: Timestamp) -> Vec<Event> {
    let (mut lost, mut regained) = (Vec::new(), Vec::new());
    let none = DrivePaths::default();
    for (key, paths) in &after.drives {
        let Some(record) = inventory.get(key) else { continue };
        let known = before.drives.get(key).unwrap_or(&none);
        let working = paths.working.len();
        for path in paths.newly_lost(known) {
            lost.push(pending_event(EventKind::PathLost, record, path, working));
        }
        for path in paths.regained(known) {
            regained.push(pending_event(EventKind::PathBack, record, path, working));
        }
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
        // `drive_fields` has the devices of present paths only.
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

    /// An inventory whose drives are numbered, and the last snapshot of it.
    struct TestHost {
        inventory: Inventory,
        snapshot: PathSnapshot,
        at: Timestamp,
    }

    impl TestHost {
        fn new(drives: &[&[(&str, &str)]]) -> Self {
            let mut host = Self { inventory: Inventory::default(), snapshot: PathSnapshot::default(), at: AT };
            host.discover(drives);
            assert!(host.sweep(1).is_empty());
            host
        }

        fn discover(&mut self, drives: &[&[(&str, &str)]]) {
            let drives = drives.iter().enumerate().map(|(number, paths)| {
                let drive = fixture::drive(&format!("sd{number}"));
                let identity = Identity { wwid: None, unit_serial: Some(format!("S{number}").into()) };
                Drive { paths: paths.iter().copied().map(path).collect(), identity, ..drive }
            });
            self.inventory.apply_discovery(drives.collect(), &[], self.at);
        }

        /// The events of a sweep after that many seconds.
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
    fn lost_path_and_its_return_are_one_event_each() {
        let mut host = TestHost::new(&[BOTH]);
        host.discover(&[FIRST]);
        assert!(host.sweep(9).is_empty(), "the drive may be about to be removed");
        assert_eq!(host.sweep(1), ["drive lost a path device=sd0 serial=\"S0\" path=sdb host=1 paths=1"]);
        assert!(host.sweep(90).is_empty());
        host.discover(&[&[("sda", "0:0:1:0"), ("sdc", "1:0:9:0")]]);
        assert_eq!(host.sweep(90), ["drive regained a path device=sd0 serial=\"S0\" path=sdc host=1 paths=2"]);
        assert!(host.sweep(90).is_empty());
    }

    #[test]
    fn drive_that_is_removed_or_renumbered_loses_no_path() {
        let mut host = TestHost::new(&[BOTH]);
        host.discover(&[&[("sdx", "0:0:7:0"), ("sdy", "1:0:7:0")]]);
        assert!(host.sweep(90).is_empty(), "reseated: two paths again");
        host.discover(&[&[("sdx", "0:0:7:0")]]);
        assert!(host.sweep(1).is_empty());
        host.discover(&[]);
        assert!(host.sweep(90).is_empty(), "removed: that is an event of its own");
        host.discover(&[&[("sdx", "0:0:7:0"), ("sdy", "1:0:7:0")]]);
        assert!(host.sweep(90).is_empty(), "a path that returns before it was reported");
    }

    #[test]
    fn path_that_returns_with_its_drive_is_reported() {
        let mut host = TestHost::new(&[BOTH]);
        host.discover(&[FIRST]);
        assert_eq!(host.sweep(90).len(), 1);
        host.discover(&[]);
        assert!(host.sweep(90).is_empty());
        host.discover(&[&[("sdx", "0:0:9:0"), ("sdy", "1:0:9:0")]]);
        assert_eq!(host.sweep(90), ["drive regained a path device=sd0 serial=\"S0\" path=sdy host=1 paths=2"]);
        assert!(host.sweep(90).is_empty());
    }

    #[test]
    fn second_cable_is_not_an_event() {
        let mut host = TestHost::new(&[FIRST]);
        host.discover(&[BOTH]);
        assert!(host.sweep(90).is_empty());
    }

    #[test]
    fn path_that_the_kernel_set_offline_is_lost() {
        let mut host = TestHost::new(&[BOTH]);
        let mut drive = fixture::drive("sd0");
        drive.identity.unit_serial = Some("S0".into());
        drive.paths = BOTH.iter().copied().map(path).collect();
        drive.paths[0].state = Some("offline".into());
        host.inventory.apply_discovery(vec![drive.clone()], &[], host.at);
        let lost = "drive lost a path device=sd0 serial=\"S0\" path=sda host=0 paths=1 state=offline";
        assert_eq!(host.sweep(0), [lost]);
        drive.paths[0].state = Some("running".into());
        host.inventory.apply_discovery(vec![drive.clone()], &[], host.at);
        assert_eq!(host.sweep(0), ["drive regained a path device=sd0 serial=\"S0\" path=sda host=0 paths=2"]);
        drive.paths[0].state = Some("blocked".into());
        host.inventory.apply_discovery(vec![drive], &[], host.at);
        assert!(host.sweep(9).is_empty(), "the kernel may unblock it");
        assert_eq!(host.sweep(1), [lost.replace("offline", "blocked")]);
    }

    #[test]
    fn path_that_many_drives_lose_is_one_event() {
        let mut host = TestHost::new(&[BOTH; 20]);
        host.discover(&[FIRST; 20]);
        let events = host.sweep_events(90);
        let [event] = events.as_slice() else { panic!("{events:#?}") };
        assert_eq!(event.text, "drives lost a path count=20 host=1 paths=1");
        assert_eq!(event.fields.values(SCSI_HOST).collect::<Vec<_>>(), ["1"]);
        assert_eq!(event.fields.values(SERIAL).count(), 20);
    }
}
