//! What an earlier daemon, or another one, left in Redis: the last readings of the drives that are
//! here, and those that are gone. Their documents are stored as one list, and whoever went while no
//! daemon ran is found in the last overview.

use super::Thread;
use crate::cache::{Bytes, Copy, Key};
use crate::clock::now;
use crate::model::Timestamp;
use crate::model::doc::{GoneBody, Head, Stored, gone_of, raw_of};
use crate::model::drive::{DeviceName, DriveKey, DriveSummary, Identity, State};
use crate::model::fleet::{Change, Known, Outline};
use crate::model::overview::Overview;
use crate::probe::smartctl;
use serde_json::value::RawValue;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

/// So many documents are fetched together.
const AT_ONCE: usize = 256;
/// The same of drives that are gone: their documents are of any size.
const GONE_AT_ONCE: usize = 16;
/// What all documents in the list of drives that are gone may have, so that it can be read again. Newest first.
const GONE_BYTES: usize = 16 * 1024 * 1024;

/// Whether that has been done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recall {
    Due,
    Done,
}

/// Drives that may be recalled, and how many more there were than may be missing.
struct Chosen<T> {
    drives: Vec<T>,
    left_out: usize,
}

impl Thread {
    /// Takes over what Redis remembers of drives that are not here: once, as soon as it answers and a look has shown what
    /// is here; and again when polling is taken over from another daemon, whose list then counts.
    pub(super) fn recall(&mut self) {
        if self.recall == Recall::Done || !self.rack.has_seen() {
            return;
        }
        let Ok(values) = self.redis.get_many(&[Key::Gone, Key::Overview], Copy::Last) else { return };
        self.recall = Recall::Done;
        let mut values = values.into_iter();
        let (gone, overview) = (values.next().flatten(), values.next().flatten());
        self.gone_is_stored = gone.is_some();
        let name = self.rack.name.clone();
        let documents = gone.as_deref().and_then(|list| gone_of(list, &name)).unwrap_or_default();
        let mut left_out = self.recall_list(&documents);
        let overview = overview.and_then(|value| serde_json::from_slice::<Overview>(&value).ok());
        if let Some(overview) = overview.filter(|o| o.host == name) {
            left_out += self.recall_went(&overview);
        }
        self.limit_missing(left_out);
        self.forget_left();
        self.tell_gone();
        self.publisher.rack_changed();
    }

    /// Those in the list of another daemon, or an earlier one. What was taken over before and is not in there is forgotten.
    fn recall_list(&mut self, documents: &[&RawValue]) -> usize {
        let outline = |document: &RawValue| Outline::parse(document.get().as_bytes());
        if self.rack.fleet.has_recalled() {
            let listed: HashSet<Identity> = documents.iter().filter_map(|d| Some(outline(d)?.identity)).collect();
            self.rack.fleet.forget_recalled(|identity| listed.contains(identity));
        }
        let mut known = Known::of(&self.rack.fleet, now());
        let chosen = newest(documents, &known, self.rack.fleet.most_missing());
        for document in chosen.drives {
            self.recall_one(&mut known, document.get().as_bytes(), None);
        }
        chosen.left_out
    }

    /// Those that were here at the last overview and are not now.
    fn recall_went(&mut self, overview: &Overview) -> usize {
        let chosen = self.went(overview);
        let mut known = Known::of(&self.rack.fleet, now());
        let mut changes = Vec::new();
        for some in chosen.drives.chunks(GONE_AT_ONCE) {
            let keys: Vec<Key> = some.iter().map(|drive| Key::Smart(drive.device.clone())).collect();
            let Ok(values) = self.redis.get_many(&keys, Copy::Last) else { break };
            for (last, value) in some.iter().zip(values) {
                let recalled = value.and_then(|value| self.recall_one(&mut known, &value, Some(last)));
                changes.extend(recalled.map(Change::Missing));
            }
        }
        self.journal.changes(&changes, &self.rack.fleet, true);
        chosen.left_out
    }

    fn went(&self, overview: &Overview) -> Chosen<DriveSummary> {
        let here = || self.rack.fleet.present().map(|r| &r.drive);
        let devices: HashSet<&str> = here().flat_map(|d| &d.paths).map(|p| p.device.as_str()).collect();
        let serials: HashSet<&str> = here().filter_map(|d| d.identity.unit_serial.as_deref()).collect();
        let wwns: HashSet<String> = here().filter_map(|d| d.identity.wwn()).collect();
        let is_here = |drive: &DriveSummary| {
            // A disk behind a RAID volume that is here is not gone: it is listed, or no longer wanted.
            drive.behind.as_ref().is_some_and(|volume| devices.contains(volume.as_str()))
                || drive.serial_number.as_ref().is_some_and(|serial| serials.contains(serial.as_str()))
                || drive.wwn.as_ref().is_some_and(|wwn| wwns.contains(wwn))
        };
        let went = || overview.drives().filter(|d| d.state != State::Missing && !is_here(d));
        let most = self.rack.fleet.most_missing();
        let seen = Some(overview.generated_at);
        let drives = went().take(most).map(|d| DriveSummary { missing_since: seen, ..d.clone() }).collect();
        Chosen { drives, left_out: went().count().saturating_sub(most) }
    }

    /// Puts one drive back among those that are missed. `last`: as the last overview had it, if it
    /// went while no daemon ran; the document must then be its own.
    fn recall_one(&mut self, known: &mut Known, document: &[u8], last: Option<&DriveSummary>) -> Option<DriveKey> {
        let stored = Stored::parse(document)?;
        if last.is_some_and(|d| d.serial_number != stored.summary.serial_number || d.wwn != stored.summary.wwn) {
            return None;
        }
        let raw = raw_of(document).map(RawValue::to_owned);
        let report = raw.as_deref().map(|raw| smartctl::parse(raw.get()).report);
        let since = last.unwrap_or(&stored.summary).missing_since?;
        let key = self.rack.fleet.recall(known, &stored, report, since)?;
        self.publish_drive(&key, raw.as_deref());
        Some(key)
    }

    /// Drives that were missing for longest are forgotten, where there are more than may be.
    pub(super) fn limit_missing(&mut self, left_out_already: usize) {
        let left_out = left_out_already + self.rack.fleet.limit_missing();
        self.journal.limited(self.rack.fleet.missing(), left_out, self.rack.fleet.most_missing());
    }

    fn forget_left(&mut self) {
        let fleet = &self.rack.fleet;
        self.left.retain(|key, _| fleet.get(key).is_some_and(|record| !record.is_here()));
    }

    /// Before lists are sent: what this process knows from Redis alone does not outlive its loss there. The list is stored
    /// in place of the one that is there, in one step; where there is none any more, recalled drives are forgotten, and
    /// (true) the lists are to be made anew.
    pub(super) fn keep_gone(&mut self) -> bool {
        if self.recall == Recall::Due {
            // What is there has not been taken over yet.
            self.publisher.leave_gone_out();
            return false;
        }
        if !self.rack.fleet.has_recalled() {
            return false;
        }
        if !self.gone_is_stored {
            // Recalled from the last overview, which must still be there; the list is the first one.
            match self.redis.has(&Key::Overview, Copy::Last) {
                Ok(true) => {
                    self.gone_is_stored = self.publisher.store_gone(false).is_ok();
                    return false;
                }
                Ok(false) => {}
                Err(_) => {
                    self.publisher.leave_gone_out();
                    return false;
                }
            }
        } else if !matches!(self.publisher.store_gone(true), Ok(false)) {
            return false;
        }
        let count = self.rack.fleet.forget_recalled(|_| false);
        log::info!("redis has lost the list of missing drives, those known from it alone are forgotten count={count}");
        self.forget_left();
        self.tell_gone();
        self.publisher.send_gone();
        self.publisher.rack_changed();
        true
    }

    /// The list of those that are gone, towards Redis.
    pub(super) fn tell_gone(&mut self) {
        let since = |key: &DriveKey| self.rack.fleet.get(key).and_then(|record| record.missing_since);
        let mut newest: Vec<(&DriveKey, &Bytes)> = self.left.iter().collect();
        newest.sort_by_key(|(key, _)| (Reverse(since(key)), *key));
        let mut bytes = 0;
        let fits = |(_, document): &(&DriveKey, &Bytes)| {
            bytes += document.len();
            bytes <= GONE_BYTES
        };
        let documents = newest.into_iter().take_while(fits);
        let drives = documents.filter_map(|(_, document)| serde_json::from_slice(document).ok()).collect();
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

/// The documents of those drives in a list that went last, newest first, of those that are to be recalled.
fn newest<'a>(documents: &[&'a RawValue], known: &Known, most: usize) -> Chosen<&'a RawValue> {
    let now = now();
    let mut seen = HashSet::new();
    let mut chosen = BinaryHeap::new();
    let mut wanted = 0;
    for (number, document) in documents.iter().enumerate() {
        let Some(outline) = Outline::parse(document.get().as_bytes()) else { continue };
        let Some(since) = outline.missing_since.filter(|_| known.wants(&outline)) else { continue };
        if !seen.insert(outline.identity) {
            continue;
        }
        wanted += 1;
        chosen.push(Reverse((since.min(now), Reverse(number))));
        if chosen.len() > most {
            chosen.pop();
        }
    }
    let left_out = wanted - chosen.len();
    let of = |Reverse((_, Reverse(number))): Reverse<(Timestamp, Reverse<usize>)>| documents.get(number).copied();
    Chosen { drives: chosen.into_sorted_vec().into_iter().filter_map(of).collect(), left_out }
}
