//! Events of SCSI hosts behind which several drives do not respond, and of their return.

use super::describe::drive_fields;
use crate::collector::CompletedSweep;
use crate::domain::drive::DriveKey;
use crate::domain::identity::ScsiHost;
use crate::domain::inventory::{DriveRecord, Inventory};
use crate::domain::time::Timestamp;
use crate::events::{Event, EventFields, EventKind, SCSI_HOST, Subject, event, merge_fields};
use log::Level;
use std::collections::{BTreeMap, BTreeSet};

/// Minimum number of silent drives behind one SCSI host for an event about the host.
const MIN_SILENT_DRIVES: usize = 3;

/// SCSI hosts that are silent after a sweep, and those whose silence has ended in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct HostSnapshot {
    hosts: BTreeMap<ScsiHost, SilentHost>,
}

/// A silence of a SCSI host, from its beginning to the sweep of the snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct SilentHost {
    /// The circuit breaker found the host silent: then its first answer ends the silence. Otherwise the silence ends when
    /// the last of its drives answers.
    is_proven: bool,
    /// The drives that did not answer during the silence.
    drives: BTreeMap<DriveKey, EventFields>,
    /// `None`: the last sweep did not find the host silent.
    observed: Option<Observation>,
    has_ended: bool,
}

/// What one sweep found of a silent SCSI host.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Observation {
    /// Number of drives that did not answer.
    count: usize,
    is_proven: bool,
    drives: BTreeSet<DriveKey>,
}

impl HostSnapshot {
    /// The snapshot after a sweep; `self` is the one before it.
    pub(super) fn next(&self, sweep: &CompletedSweep, inventory: &Inventory) -> Self {
        let mut hosts = self.hosts.clone();
        hosts.retain(|_, host| !host.has_ended);
        for host in hosts.values_mut() {
            host.observed = None;
        }
        for (number, count) in silent_hosts(sweep, inventory) {
            let host = hosts.entry(number).or_default();
            let is_proven = is_proven_silent(number, sweep);
            let mut drives = BTreeSet::new();
            for record in silent_drives_behind(number, sweep, inventory) {
                drives.insert(record.drive.key.clone());
                host.drives.insert(record.drive.key.clone(), drive_fields(record));
            }
            host.is_proven |= is_proven;
            host.observed = Some(Observation { count, is_proven, drives });
        }
        for (number, host) in &mut hosts {
            host.has_ended = if host.is_proven {
                !is_proven_silent(*number, sweep)
            } else {
                !host.drives.keys().any(|key| is_silent(key, inventory))
            };
        }
        Self { hosts }
    }

    /// The drive did not answer, and neither did a SCSI host that it is behind.
    pub(super) fn explains(&self, record: &DriveRecord) -> bool {
        let mut observations = self.hosts.values().flat_map(|host| &host.observed);
        observations.any(|observed| observed.drives.contains(&record.drive.key))
    }
}

/// Events of the hosts that are silent, then of those that respond again, each by number.
pub(super) fn detect(before: &HostSnapshot, after: &HostSnapshot, at: Timestamp) -> Vec<Event> {
    let mut events = Vec::new();
    for (number, host) in &after.hosts {
        let Some(observed) = &host.observed else { continue };
        let known = before.hosts.get(number).filter(|known| !known.has_ended);
        if !is_news(known, observed) {
            continue;
        }
        let drives = host.drives.iter().filter(|(key, _)| observed.drives.contains(key));
        let fields = merge_fields(drives.map(|(_, fields)| fields)).with(SCSI_HOST, number);
        let (kind, subject, count) = (EventKind::HostSilent, Subject::ScsiHost(*number), observed.count);
        let text = format!("scsi host unresponsive host={number} drives={count}");
        events.push(event!(Level::Warn, kind, at, subject, fields, "{text}"));
    }
    for (number, host) in after.hosts.iter().filter(|(_, host)| host.has_ended) {
        let fields = merge_fields(host.drives.values()).with(SCSI_HOST, number);
        let (kind, subject) = (EventKind::HostAnswers, Subject::ScsiHost(*number));
        events.push(event!(Level::Info, kind, at, subject, fields, "scsi host responds again host={number}"));
    }
    events
}

/// A silence begins, or drives join the silence of a host that the circuit breaker has not found silent.
fn is_news(known: Option<&SilentHost>, observed: &Observation) -> bool {
    let Some(known) = known else { return true };
    if known.drives.is_empty() {
        return true;
    }
    let has_joined = observed.drives.iter().any(|key| !known.drives.contains_key(key));
    has_joined && !known.is_proven && !observed.is_proven
}

/// SCSI hosts that are silent after a sweep, by the circuit breaker or by the number of their drives that timed out, with
/// the number of drives.
fn silent_hosts(sweep: &CompletedSweep, inventory: &Inventory) -> BTreeMap<ScsiHost, usize> {
    let mut silent: BTreeMap<ScsiHost, usize> = BTreeMap::new();
    for key in &sweep.timed_out {
        let Some(record) = inventory.get(key) else { continue };
        if let Some(path) = record.drive.paths.first()
            && let Some(number) = path.host
        {
            *silent.entry(number).or_default() += 1;
        }
    }
    silent.retain(|_, count| *count >= MIN_SILENT_DRIVES);
    silent.extend(sweep.silent_hosts.iter().copied());
    silent
}

/// The circuit breaker has found the host silent.
fn is_proven_silent(number: ScsiHost, sweep: &CompletedSweep) -> bool {
    sweep.silent_hosts.iter().any(|(proven, _)| *proven == number)
}

/// Present drives with a path through the host that timed out or were skipped.
fn silent_drives_behind<'a>(
    number: ScsiHost,
    sweep: &'a CompletedSweep,
    inventory: &'a Inventory,
) -> impl Iterator<Item = &'a DriveRecord> {
    let unanswered: BTreeSet<&DriveKey> = sweep.timed_out.iter().chain(&sweep.skipped).collect();
    inventory.present().filter(move |record| {
        let is_behind = record.drive.paths.iter().any(|path| path.host == Some(number));
        is_behind && unanswered.contains(&record.drive.key)
    })
}

fn is_silent(key: &DriveKey, inventory: &Inventory) -> bool {
    let Some(record) = inventory.get(key) else { return false };
    record.is_present() && record.consecutive_timeouts > 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::drive::{Drive, DrivePath, fixture};
    use crate::domain::identity::Identity;
    use crate::domain::inventory::{Outcome, Reading};
    use crate::domain::no_reading::NoReading;
    use crate::events::SERIAL;
    use std::sync::Arc;

    const AT: Timestamp = Timestamp(7);

    fn inventory(drives: usize) -> Inventory {
        let mut inventory = Inventory::default();
        let drives = (0..drives).map(|number| {
            let drive = fixture::drive(&format!("sd{number}"));
            let path = DrivePath {
                device: drive.device.clone(),
                node: "/dev/sg0".into(),
                host: Some(ScsiHost(3)),
                address: format!("3:0:{number}:0"),
                unit: 0,
                state: None,
            };
            let identity = Identity { wwid: None, unit_serial: Some(format!("S{number}").into()) };
            Drive { paths: vec![path], identity, ..drive }
        });
        inventory.apply_discovery(drives.collect(), &[], AT);
        inventory
    }

    fn key(number: usize) -> DriveKey {
        DriveKey::Discovered(format!("sd{number}").into())
    }

    fn apply(inventory: &mut Inventory, drives: &[usize], outcome: &Outcome) {
        for number in drives {
            inventory.apply(&Reading {
                key: key(*number),
                at: AT,
                took_ms: None,
                outcome: outcome.clone(),
                attempts: Vec::new(),
            });
        }
    }

    fn sweep(timed_out: &[usize], silent_hosts: &[(u32, usize)]) -> CompletedSweep {
        CompletedSweep {
            stats: crate::api::overview::SweepStats::default(),
            timed_out: timed_out.iter().map(|number| key(*number)).collect(),
            skipped: Vec::new(),
            silent_hosts: silent_hosts.iter().map(|(host, drives)| (ScsiHost(*host), *drives)).collect(),
        }
    }

    fn step(snapshot: &mut HostSnapshot, sweep: &CompletedSweep, inventory: &Inventory) -> Vec<Event> {
        let after = snapshot.next(sweep, inventory);
        let events = detect(snapshot, &after, AT);
        *snapshot = after;
        events
    }

    fn texts(events: &[Event]) -> Vec<&str> {
        events.iter().map(|event| event.text.as_str()).collect()
    }

    #[test]
    fn suspected_silence_ends_with_the_last_of_its_drives() {
        let (mut inventory, mut snapshot) = (inventory(5), HostSnapshot::default());
        let silent = Outcome::Silent(NoReading::TimedOut { seconds: 3 });
        assert_eq!(step(&mut snapshot, &sweep(&[0, 1], &[]), &inventory), [], "two drives are not enough");
        apply(&mut inventory, &[0, 1, 2], &silent);
        let events = step(&mut snapshot, &sweep(&[0, 1, 2], &[]), &inventory);
        let [event] = events.as_slice() else { panic!("{events:#?}") };
        assert_eq!((event.kind, event.level), (EventKind::HostSilent, Level::Warn));
        assert_eq!(event.text, "scsi host unresponsive host=3 drives=3");
        assert_eq!(event.subject, Subject::ScsiHost(ScsiHost(3)));
        assert_eq!(event.fields, EventFields::none().with_each(SERIAL, ["S0", "S1", "S2"]).with(SCSI_HOST, 3));
        assert!(snapshot.explains(inventory.get(&key(0)).unwrap()));
        assert!(!snapshot.explains(inventory.get(&key(4)).unwrap()));

        assert_eq!(step(&mut snapshot, &sweep(&[0, 1, 2], &[]), &inventory), [], "no change");
        apply(&mut inventory, &[3], &silent);
        let events = step(&mut snapshot, &sweep(&[1, 2, 3], &[]), &inventory);
        assert_eq!(texts(&events), ["scsi host unresponsive host=3 drives=3"], "another drive has joined");
        apply(&mut inventory, &[0, 1, 2], &Outcome::Good(Arc::default()));
        assert_eq!(step(&mut snapshot, &sweep(&[], &[]), &inventory), [], "one drive is still silent");
        apply(&mut inventory, &[3], &Outcome::Good(Arc::default()));
        let events = step(&mut snapshot, &sweep(&[], &[]), &inventory);
        let [event] = events.as_slice() else { panic!("{events:#?}") };
        assert_eq!((event.kind, event.level), (EventKind::HostAnswers, Level::Info));
        assert_eq!(event.text, "scsi host responds again host=3");
        let serials = ["S0", "S1", "S2", "S3"];
        assert_eq!(event.fields, EventFields::none().with_each(SERIAL, serials).with(SCSI_HOST, 3));
        assert_eq!(step(&mut snapshot, &sweep(&[], &[]), &inventory), []);
        assert_eq!(snapshot, HostSnapshot::default());
    }

    #[test]
    fn proven_silence_ends_with_the_first_answer_of_the_host() {
        let (mut inventory, mut snapshot) = (inventory(4), HostSnapshot::default());
        apply(&mut inventory, &[0, 1, 2], &Outcome::Silent(NoReading::TimedOut { seconds: 3 }));
        let events = step(&mut snapshot, &sweep(&[0, 1, 2], &[(3, 4)]), &inventory);
        assert_eq!(texts(&events), ["scsi host unresponsive host=3 drives=4"]);
        assert_eq!(step(&mut snapshot, &sweep(&[0, 3], &[(3, 4)]), &inventory), [], "the event covers all its drives");
        let events = step(&mut snapshot, &sweep(&[0], &[]), &inventory);
        assert_eq!(texts(&events), ["scsi host responds again host=3"], "although a drive is still silent");
    }

    #[test]
    fn silence_of_drives_that_are_not_counted_as_silent_begins_and_ends_at_once() {
        let (inventory, mut snapshot) = (inventory(3), HostSnapshot::default());
        let events = step(&mut snapshot, &sweep(&[0, 1, 2], &[]), &inventory);
        assert_eq!(texts(&events), ["scsi host unresponsive host=3 drives=3", "scsi host responds again host=3"]);
    }
}
