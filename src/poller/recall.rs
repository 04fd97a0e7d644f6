//! What an earlier daemon, or another one, left in Redis: the last readings of the drives that are
//! here, and those that are gone. Their documents are stored as one list, and whoever went while no
//! daemon ran is found in the last overview.

use super::Thread;
use crate::cache::{Bytes, Copy, Key};
use crate::clock::now;
use crate::model::doc::{GoneBody, Head, Stored, gone_of, raw_of};
use crate::model::drive::{DeviceName, DriveKey, DriveSummary, Identity, State};
use crate::model::fleet::Change;
use crate::model::overview::Overview;
use crate::probe::smartctl;
use serde_json::value::RawValue;

/// So many documents are fetched together.
const AT_ONCE: usize = 256;

/// Whether that has been done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recall {
    Due,
    Done,
}

impl Thread {
    /// Takes over what Redis remembers of drives that are not here. Once, as soon as it answers.
    pub(super) fn recall(&mut self) {
        if self.recall == Recall::Done {
            return;
        }
        let Ok(values) = self.redis.get_many(&[Key::Gone, Key::Overview], Copy::Last) else { return };
        self.recall = Recall::Done;
        let mut values = values.into_iter();
        let (gone, overview) = (values.next().flatten(), values.next().flatten());
        let name = self.rack.name.clone();
        let documents = gone.as_deref().and_then(|list| gone_of(list, &name)).unwrap_or_default();
        for document in documents {
            self.recall_one(document.get().as_bytes(), None);
        }
        let overview = overview.and_then(|value| serde_json::from_slice::<Overview>(&value).ok());
        let went = overview.filter(|o| o.host == name).map(|o| self.went(&o)).unwrap_or_default();
        for (last, value) in went {
            self.recall_one(&value, Some(&last));
        }
        self.tell_gone();
        self.publisher.rack_changed();
    }

    /// Who was here at the last overview and is not now, with the document of each.
    fn went(&self, overview: &Overview) -> Vec<(DriveSummary, Bytes)> {
        // A disk behind a RAID volume that is here is not gone: it is listed, or no longer wanted.
        let stands_behind =
            |drive: &DriveSummary, device: &str| drive.behind.as_ref().is_some_and(|v| v.as_str() == device);
        let is_here = |drive: &DriveSummary| {
            self.rack.fleet.present().any(|r| {
                let identity = &r.drive.identity;
                r.drive.paths.iter().any(|p| stands_behind(drive, p.device.as_str()))
                    || identity.unit_serial.is_some() && identity.unit_serial == drive.serial_number
                    || drive.wwn.is_some() && identity.wwn() == drive.wwn
            })
        };
        let seen = overview.generated_at;
        let went = overview.drives().filter(|d| d.state != State::Missing && !is_here(d)).cloned();
        let went: Vec<DriveSummary> = went.map(|d| DriveSummary { missing_since: Some(seen), ..d }).collect();
        let keys: Vec<Key> = went.iter().map(|d| Key::Smart(d.device.clone())).collect();
        let values = self.redis.get_many(&keys, Copy::Last).unwrap_or_default();
        went.into_iter().zip(values).filter_map(|(drive, value)| Some((drive, value?))).collect()
    }

    /// Puts one drive back among those that are missed. `last`: as the last overview had it, if it
    /// went while no daemon ran; the document must then be its own.
    fn recall_one(&mut self, document: &[u8], last: Option<&DriveSummary>) {
        let Some(stored) = Stored::parse(document) else { return };
        if last.is_some_and(|d| d.serial_number != stored.summary.serial_number || d.wwn != stored.summary.wwn) {
            return;
        }
        let raw = raw_of(document).map(RawValue::to_owned);
        let report = raw.as_deref().map(|raw| smartctl::parse(raw.get()).report);
        let since = last.unwrap_or(&stored.summary).missing_since;
        let Some(key) = since.and_then(|since| self.rack.fleet.recall(&stored, report, since, now())) else { return };
        if last.is_some() {
            self.journal.changes(&[Change::Missing(key.clone())], &self.rack.fleet, true);
        }
        self.publish_drive(&key, raw.as_deref());
    }

    /// The list of those that are gone, towards Redis.
    pub(super) fn tell_gone(&mut self) {
        let drives = self.left.values().filter_map(|document| serde_json::from_slice(document).ok()).collect();
        self.publisher.gone(&GoneBody::new(&self.rack.name, now(), drives));
    }

    /// Takes over what is stored in Redis for the drives that are here: after a restart, or while
    /// another daemon polls. Gives the drives for which nothing is there.
    pub(super) fn seed(&mut self) -> Vec<DriveKey> {
        let here: Vec<(DriveKey, DeviceName, Identity)> = self
            .rack
            .fleet
            .present()
            .map(|r| (r.drive.key.clone(), r.drive.device.clone(), r.drive.identity.clone()))
            .collect();
        let mut missing = Vec::new();
        // The documents of all drives at once may be more than all that is held of them.
        for some in here.chunks(AT_ONCE) {
            let Some(more) = self.seed_some(some) else { return Vec::new() };
            missing.extend(more);
        }
        missing
    }

    /// `None`: Redis does not answer.
    fn seed_some(&mut self, here: &[(DriveKey, DeviceName, Identity)]) -> Option<Vec<DriveKey>> {
        let keys: Vec<Key> = here.iter().map(|(_, device, _)| Key::Smart(device.clone())).collect();
        let live = self.redis.get_many(&keys, Copy::Live).ok()?;
        let live = live.into_iter().zip(here).map(|(value, (_, _, identity))| usable(value?, identity));
        let live: Vec<Option<(Head, Bytes)>> = live.collect();
        let last = if live.iter().all(Option::is_some) {
            Vec::new()
        } else {
            self.redis.get_many(&keys, Copy::Last).unwrap_or_default()
        };
        let mut missing = Vec::new();
        let last = last.into_iter().chain(std::iter::repeat(None));
        for (((key, device, identity), live), last) in here.iter().zip(live).zip(last) {
            let is_live = live.is_some();
            match live.or_else(|| usable(last?, identity)) {
                Some((head, value)) => self.take_over(key, device.clone(), &head, &value, is_live),
                None => missing.push(key.clone()),
            }
        }
        Some(missing)
    }

    fn take_over(&mut self, key: &DriveKey, device: DeviceName, head: &Head, value: &Bytes, is_live: bool) {
        let (Some(raw), Some(at)) = (raw_of(value), head.collected_at) else { return };
        let report = smartctl::parse(raw.get()).report;
        self.rack.know_type(key, report.device_type.as_deref());
        let is_newer = self.rack.fleet.seed(key, report, head.state.unwrap_or(State::Active), at);
        let held = self.handle.memory.value(&Key::Smart(device.clone()));
        let held_at = held.and_then(|own| Head::parse(&own)?.collected_at);
        if is_newer || held_at.is_none_or(|own| is_live && own <= at) {
            self.handle.memory.set(Key::Smart(device), Bytes::clone(value));
        }
        self.publisher.rack_changed();
    }
}

/// A stored document of the drive that is at that name now.
fn usable(value: Bytes, identity: &Identity) -> Option<(Head, Bytes)> {
    let head = Head::parse(&value).filter(|head| head.identity == *identity && !identity.is_empty())?;
    // Dated by another clock, it is of an age that nobody knows.
    let is_odd = head.collected_at.is_some_and(|at| at.is_ahead_of(now()));
    (!is_odd).then_some((head, value))
}
