//! Events of drives that lost a path and kept another, and of paths that came back.

use super::coalesce::{PendingEvent, coalesce};
use super::describe::{drive_fields, drive_subject, format_drive};
use crate::domain::drive::{DriveKey, DrivePath};
use crate::domain::identity::ScsiHost;
use crate::domain::inventory::{DriveRecord, Inventory};
use crate::domain::time::Timestamp;
use crate::events::{DEVICE, Event, EventFields, EventKind, SCSI_HOST, Subject};
use log::Level;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The paths of each drive that is present, after a sweep.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PathSnapshot {
    drives: BTreeMap<DriveKey, DrivePaths>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct DrivePaths {
    present: Vec<DrivePath>,
    lost: Vec<LostPath>,
    /// Lost before, and there again with this snapshot.
    returned: Vec<DrivePath>,
    subject: Subject,
    text: String,
    fields: EventFields,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct LostPath {
    path: DrivePath,
    evidence: Evidence,
}

/// The paths of a drive that is pulled go one by one: a path counts as lost when the drive outlives it by a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Evidence {
    /// Absent for the first time.
    Suspected,
    /// Absent a second time.
    Confirmed,
    /// Confirmed by an earlier snapshot.
    Known,
}

impl PathSnapshot {
    /// The snapshot after a sweep; `self` is the one before it.
    pub(super) fn next(&self, inventory: &Inventory) -> Self {
        // A disk behind a RAID controller has the paths of its volume.
        let own_paths = inventory.present().filter(|record| record.drive.raid_volume().is_none());
        let drives = own_paths.map(|record| {
            let key = record.drive.key.clone();
            let known = self.drives.get(&key);
            (key, DrivePaths::next(known, record))
        });
        Self { drives: drives.collect() }
    }
}

impl DrivePaths {
    fn next(known: Option<&Self>, record: &DriveRecord) -> Self {
        let mut paths = Self {
            present: record.drive.paths.clone(),
            lost: Vec::new(),
            returned: Vec::new(),
            subject: drive_subject(record),
            text: format_drive(record),
            fields: drive_fields(record),
        };
        let Some(known) = known else { return paths };
        for lost in &known.lost {
            let evidence = match lost.evidence {
                Evidence::Suspected => Evidence::Confirmed,
                Evidence::Confirmed | Evidence::Known => Evidence::Known,
            };
            paths.lost.push(LostPath { path: lost.path.clone(), evidence });
        }
        for path in &known.present {
            if !paths.has_address(path) {
                paths.lost.push(LostPath { path: path.clone(), evidence: Evidence::Suspected });
            }
        }
        let added: Vec<DrivePath> = paths.present.iter().filter(|path| !known.has_address(path)).cloned().collect();
        for path in added {
            paths.add(path);
        }
        paths
    }

    fn has_address(&self, wanted: &DrivePath) -> bool {
        self.present.iter().any(|path| path.address == wanted.address)
    }

    /// A path that was not there before takes the place of a lost one. The kernel may give it another address (a drive
    /// that is reseated gets a new target number), so that the SCSI host decides, and then any lost path.
    fn add(&mut self, path: DrivePath) {
        let by_address = self.lost.iter().position(|lost| lost.path.address == path.address);
        let by_host = || self.lost.iter().position(|lost| lost.path.host == path.host);
        let Some(index) = by_address.or_else(by_host).or((!self.lost.is_empty()).then_some(0)) else { return };
        let lost = self.lost.remove(index);
        let was_reported = lost.evidence == Evidence::Known;
        if was_reported {
            self.returned.push(path);
        }
    }

    fn pending(&self, change: PathChange, path: &DrivePath) -> PendingEvent {
        let (kind, level, word) = match change {
            PathChange::Lost => (EventKind::PathLost, Level::Warn, "lost a path"),
            PathChange::Returned => (EventKind::PathBack, Level::Info, "regained a path"),
        };
        let mut reason = String::new();
        if let Some(host) = path.host {
            let _ = write!(reason, " host={host}");
        }
        let _ = write!(reason, " paths={}", self.present.len());
        let is_lost = matches!(change, PathChange::Lost);
        let fields = self
            .fields
            .clone()
            .with_each(DEVICE, is_lost.then_some(&path.device))
            .with_each(SCSI_HOST, path.host.as_ref().map(ScsiHost::to_string));
        PendingEvent { kind, level, word, drive: self.text.clone(), reason, subject: self.subject.clone(), fields }
    }
}

#[derive(Clone, Copy)]
enum PathChange {
    Lost,
    Returned,
}

/// Paths that were lost, then paths that returned. `after` follows the snapshot that it was made from.
pub(super) fn detect(after: &PathSnapshot, at: Timestamp) -> Vec<Event> {
    let (mut lost, mut returned) = (Vec::new(), Vec::new());
    for drive in after.drives.values() {
        for path in drive.lost.iter().filter(|lost| lost.evidence == Evidence::Confirmed) {
            lost.push(drive.pending(PathChange::Lost, &path.path));
        }
        for path in &drive.returned {
            returned.push(drive.pending(PathChange::Returned, path));
        }
    }
    lost.extend(returned);
    coalesce(lost, at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::drive::{Drive, fixture};
    use crate::domain::identity::{DeviceName, Identity};

    const AT: Timestamp = Timestamp(7);

    /// A path by its device and address (`sda`, `0:0:1:0`).
    fn path((device, address): (&str, &str)) -> DrivePath {
        DrivePath {
            device: DeviceName::parse(device).unwrap_or_else(DeviceName::placeholder),
            node: format!("/dev/{device}"),
            host: address.split(':').next().and_then(|host| host.parse().ok()),
            address: address.to_owned(),
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
        inventory.discovered(drives.collect(), &[], AT);
    }

    /// The texts of the events of one sweep.
    fn step(snapshot: &mut PathSnapshot, inventory: &Inventory) -> Vec<String> {
        *snapshot = snapshot.next(inventory);
        detect(snapshot, AT).into_iter().map(|event| event.text).collect()
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
        assert_eq!(step(&mut snapshot, &inventory), ["drive lost a path device=sd0 serial=\"S0\" host=1 paths=1"]);
        assert!(step(&mut snapshot, &inventory).is_empty());
        discover(&mut inventory, &[&[("sda", "0:0:1:0"), ("sdc", "1:0:9:0")]]);
        assert_eq!(step(&mut snapshot, &inventory), ["drive regained a path device=sd0 serial=\"S0\" host=1 paths=2"]);
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
        assert_eq!(step(&mut snapshot, &inventory), ["drives lost a path count=20 host=1 paths=1"]);
    }
}
