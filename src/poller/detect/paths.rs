//! Events of drives that lost a path and kept another, and of paths that came back.

use super::coalesce::{PendingEvent, coalesce, event_of_rest, sort_and_limit};
use super::describe::{drive_fields, drive_subject, format_drive};
use crate::domain::drive::{Drive, DriveKey, DrivePath};
use crate::domain::inventory::{DriveRecord, Inventory};
use crate::domain::time::Timestamp;
use crate::events::{DEVICE, Event, EventFields, EventKind, SCSI_HOST};
use log::Level;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The paths of each drive that is present, after a sweep.
#[derive(Default)]
pub(super) struct PathSnapshot {
    drives: BTreeMap<DriveKey, DrivePaths>,
}

struct DrivePaths {
    /// With the paths that are present.
    drive: Arc<Drive>,
    lost: Vec<LostPath>,
    /// Reported as lost, and present again with this snapshot.
    returned: Vec<DrivePath>,
    /// The drive itself is missing.
    is_missing: bool,
}

struct LostPath {
    path: DrivePath,
    evidence: Evidence,
}

/// The paths of a drive that is pulled go one by one: a path counts as lost when the drive outlives it by a sweep.
#[derive(Clone, Copy, PartialEq)]
enum Evidence {
    /// Absent for the first time.
    Suspected,
    /// Absent a second time: this snapshot reports it.
    Confirmed,
    /// An earlier snapshot has reported it.
    Reported,
}

impl PathSnapshot {
    /// The snapshot after a sweep; `self` is the one before it.
    pub(super) fn next(&self, inventory: &Inventory) -> Self {
        let mut drives = BTreeMap::new();
        for record in inventory.records() {
            let key = &record.drive.key;
            let known = self.drives.get(key);
            // A disk behind a RAID controller has the paths of its volume.
            if record.drive.raid_volume().is_some() {
                continue;
            }
            if record.is_present() {
                drives.insert(key.clone(), DrivePaths::next(known, &record.drive));
            } else if let Some(missing) = known.and_then(DrivePaths::while_missing) {
                drives.insert(key.clone(), missing);
            }
        }
        Self { drives }
    }
}

impl DrivePaths {
    fn next(known: Option<&Self>, drive: &Arc<Drive>) -> Self {
        let mut paths = Self { drive: Arc::clone(drive), lost: Vec::new(), returned: Vec::new(), is_missing: false };
        let Some(known) = known else { return paths };
        for lost in &known.lost {
            let evidence = match lost.evidence {
                Evidence::Suspected => Evidence::Confirmed,
                Evidence::Confirmed | Evidence::Reported => Evidence::Reported,
            };
            paths.lost.push(LostPath { path: lost.path.clone(), evidence });
        }
        if known.is_missing {
            // It may be in another bay with fewer paths, which is no loss. Only a path of the same SCSI host returns.
            for path in &drive.paths {
                let is_lost = paths.lost.iter().any(|lost| lost.path.host == path.host);
                if is_lost && !known.drive.paths.iter().any(|other| other.host == path.host) {
                    paths.add(path);
                }
            }
            return paths;
        }
        if Arc::ptr_eq(&known.drive, drive) {
            return paths;
        }
        for path in &known.drive.paths {
            if !has_address(drive, path) {
                paths.lost.push(LostPath { path: path.clone(), evidence: Evidence::Suspected });
            }
        }
        for path in &drive.paths {
            if !has_address(&known.drive, path) {
                paths.add(path);
            }
        }
        paths
    }

    /// Of a drive that is missing: the paths that were reported as lost, so that their return is reported, too. `None`:
    /// there is none.
    fn while_missing(&self) -> Option<Self> {
        let mut lost = Vec::new();
        for known in &self.lost {
            if known.evidence != Evidence::Suspected {
                lost.push(LostPath { path: known.path.clone(), evidence: Evidence::Reported });
            }
        }
        if lost.is_empty() {
            return None;
        }
        Some(Self { drive: Arc::clone(&self.drive), lost, returned: Vec::new(), is_missing: true })
    }

    /// A path that was not there before takes the place of a lost one. The kernel may give it another address (a drive
    /// that is reseated gets a new target number), so that the SCSI host decides, and then any lost path.
    fn add(&mut self, path: &DrivePath) {
        let by_address = self.lost.iter().position(|lost| lost.path.address == path.address);
        let by_host = self.lost.iter().position(|lost| lost.path.host == path.host);
        let any = if self.lost.is_empty() { None } else { Some(0) };
        let Some(index) = by_address.or(by_host).or(any) else { return };
        if self.lost.remove(index).evidence == Evidence::Reported {
            self.returned.push(path.clone());
        }
    }
}

fn has_address(drive: &Drive, wanted: &DrivePath) -> bool {
    drive.paths.iter().any(|path| path.address == wanted.address)
}

/// Paths that were lost, then paths that returned. `after` is of the drives in the inventory, and knows the snapshot
/// before it.
pub(super) fn detect(after: &PathSnapshot, inventory: &Inventory, at: Timestamp) -> Vec<Event> {
    let (mut lost, mut returned) = (Vec::new(), Vec::new());
    for (key, drive) in &after.drives {
        let Some(record) = inventory.get(key) else { continue };
        for path in drive.lost.iter().filter(|lost| lost.evidence == Evidence::Confirmed) {
            lost.push(pending_event(EventKind::PathLost, record, &path.path));
        }
        for path in &drive.returned {
            returned.push(pending_event(EventKind::PathBack, record, path));
        }
    }
    lost.extend(returned);
    let mut events = coalesce(lost, at);
    let rest = sort_and_limit(&mut events);
    events.extend(event_of_rest(&rest, at));
    events
}

fn pending_event(kind: EventKind, record: &DriveRecord, path: &DrivePath) -> PendingEvent {
    let (level, predicate) = match kind {
        EventKind::PathLost => (Level::Warn, "lost a path"),
        _ => (Level::Info, "regained a path"),
    };
    let mut fields = path_fields(record, path);
    if !has_address(&record.drive, path) {
        // The drive has only the devices of paths that are present.
        fields = fields.with_each(DEVICE, Some(&path.device));
    }
    let paths = record.drive.paths.len();
    let suffix = match path.host {
        Some(host) => format!(" host={host} paths={paths}"),
        None => format!(" paths={paths}"),
    };
    let drive = format!("{} path={}", format_drive(record), path.device);
    PendingEvent { kind, level, predicate, drive, suffix, subject: drive_subject(record), fields }
}

fn path_fields(record: &DriveRecord, path: &DrivePath) -> EventFields {
    drive_fields(record).with_each(SCSI_HOST, path.host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::drive::fixture;
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
        }
    }

    /// Drives with their paths.
    fn inventory(drives: &[&[(&str, &str)]]) -> Inventory {
        let mut inventory = Inventory::default();
        discover(&mut inventory, drives);
        inventory
    }

    fn discover(inventory: &mut Inventory, drives: &[&[(&str, &str)]]) {
        let drives = drives.iter().enumerate().map(|(number, paths)| {
            let drive = fixture::drive(&format!("sd{number}"));
            let identity = Identity { wwid: None, unit_serial: Some(format!("S{number}").into()) };
            Drive { paths: paths.iter().copied().map(path).collect(), identity, ..drive }
        });
        inventory.apply_discovery(drives.collect(), &[], AT);
    }

    /// The texts of the events of one sweep.
    fn step(snapshot: &mut PathSnapshot, inventory: &Inventory) -> Vec<String> {
        *snapshot = snapshot.next(inventory);
        detect(snapshot, inventory, AT).into_iter().map(|event| event.text).collect()
    }

    const BOTH: &[(&str, &str)] = &[("sda", "0:0:1:0"), ("sdb", "1:0:1:0")];
    const FIRST: &[(&str, &str)] = &[("sda", "0:0:1:0")];

    #[test]
    fn lost_path_is_reported_once_by_the_second_sweep_and_when_it_returns() {
        let mut inventory = inventory(&[BOTH]);
        let mut snapshot = PathSnapshot::default();
        assert!(step(&mut snapshot, &inventory).is_empty());
        discover(&mut inventory, &[FIRST]);
        assert!(step(&mut snapshot, &inventory).is_empty(), "the drive may be on its way out");
        assert_eq!(
            step(&mut snapshot, &inventory),
            ["drive lost a path device=sd0 serial=\"S0\" path=sdb host=1 paths=1"]
        );
        assert!(step(&mut snapshot, &inventory).is_empty());
        discover(&mut inventory, &[&[("sda", "0:0:1:0"), ("sdc", "1:0:9:0")]]);
        assert_eq!(
            step(&mut snapshot, &inventory),
            ["drive regained a path device=sd0 serial=\"S0\" path=sdc host=1 paths=2"]
        );
        assert!(step(&mut snapshot, &inventory).is_empty());
    }

    #[test]
    fn drive_that_goes_or_is_numbered_again_loses_no_path() {
        let mut inventory = inventory(&[BOTH]);
        let mut snapshot = PathSnapshot::default();
        step(&mut snapshot, &inventory);
        discover(&mut inventory, &[&[("sdx", "0:0:7:0"), ("sdy", "1:0:7:0")]]);
        for _ in 0..3 {
            assert!(step(&mut snapshot, &inventory).is_empty(), "reseated: two paths again");
        }
        discover(&mut inventory, &[&[("sdx", "0:0:7:0")]]);
        assert!(step(&mut snapshot, &inventory).is_empty());
        discover(&mut inventory, &[]);
        assert!(step(&mut snapshot, &inventory).is_empty(), "pulled: that is an event of its own");
        discover(&mut inventory, &[FIRST]);
        for _ in 0..3 {
            assert!(step(&mut snapshot, &inventory).is_empty(), "a path that returns before it was reported");
        }
    }

    #[test]
    fn path_that_returns_with_its_drive_is_reported() {
        let mut inventory = inventory(&[BOTH]);
        let mut snapshot = PathSnapshot::default();
        step(&mut snapshot, &inventory);
        discover(&mut inventory, &[FIRST]);
        step(&mut snapshot, &inventory);
        assert_eq!(step(&mut snapshot, &inventory).len(), 1);
        discover(&mut inventory, &[]);
        assert!(step(&mut snapshot, &inventory).is_empty());
        discover(&mut inventory, &[&[("sdx", "0:0:9:0"), ("sdy", "1:0:9:0")]]);
        let texts = step(&mut snapshot, &inventory);
        assert_eq!(texts, ["drive regained a path device=sd0 serial=\"S0\" path=sdy host=1 paths=2"]);
        assert!(step(&mut snapshot, &inventory).is_empty());
    }

    #[test]
    fn second_cable_is_no_event() {
        let mut inventory = inventory(&[FIRST]);
        let mut snapshot = PathSnapshot::default();
        step(&mut snapshot, &inventory);
        discover(&mut inventory, &[BOTH]);
        assert!(step(&mut snapshot, &inventory).is_empty());
    }

    #[test]
    fn module_that_many_drives_lose_is_one_event() {
        let mut inventory = inventory(&[BOTH; 20]);
        let mut snapshot = PathSnapshot::default();
        step(&mut snapshot, &inventory);
        discover(&mut inventory, &[FIRST; 20]);
        step(&mut snapshot, &inventory);
        snapshot = snapshot.next(&inventory);
        let events = detect(&snapshot, &inventory, AT);
        let [event] = events.as_slice() else { panic!("{events:#?}") };
        assert_eq!(event.text, "drives lost a path count=20 host=1 paths=1");
        assert_eq!(event.fields.values(SCSI_HOST).collect::<Vec<_>>(), ["1"]);
        assert_eq!(event.fields.values(SERIAL).count(), 20);
    }
}
