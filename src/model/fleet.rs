//! What is known of every drive over time: who is here, who was, the last good reading of each.
//!
//! Readings and discoveries go in; records come out. When to read is the sweep's business, how
//! records look to users is `overview`'s.

use super::Timestamp;
use super::doc::Stored;
use super::drive::{Drive, DriveKey, State};
use super::enclosure::Enclosure;
use super::smart::SmartReport;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// A pulled drive is remembered for a day.
const REMEMBER_MISSING_SECONDS: u64 = 86_400;
/// What the kernel may take to let go of a drive that is pulled.
const WHILE_PULLED_SECONDS: u64 = 10;
/// Rule C4: so many silences in a row make a drive with earlier values `unresponsive`.
const SILENCES_TO_UNRESPONSIVE: u32 = 3;

/// What came of asking one drive.
#[derive(Clone, Debug)]
pub struct Reading {
    pub key: DriveKey,
    /// When it was asked.
    pub at: Timestamp,
    /// How long the drive took; `None` when it was not asked (its old child still hangs).
    pub took_ms: Option<u64>,
    pub outcome: Outcome,
}

#[derive(Clone, Debug)]
pub enum Outcome {
    Good(Arc<SmartReport>),
    /// Asleep, and left so.
    Standby(String),
    /// No answer within the deadline.
    Silent(String),
    /// An answer without values: no permission, junk, gone in between.
    Failed(String),
}

/// Where a drive sits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bay {
    /// `enclosures[].id`
    pub enclosure: String,
    pub slot: u32,
}

#[derive(Clone, Debug)]
pub struct Record {
    /// As sysfs shows it; for a missing drive, as it last did.
    pub drive: Arc<Drive>,
    pub state: State,
    pub report: Option<Arc<SmartReport>>,
    pub collected_at: Option<Timestamp>,
    pub checked_at: Option<Timestamp>,
    pub took_ms: Option<u64>,
    pub error: Option<String>,
    /// Silences in a row.
    pub silences: u32,
    /// The bay it sits in, or sat in last.
    pub bay: Option<Bay>,
    /// The bay that it was no longer linked to, and since when: a drive that is pulled loses one path, and
    /// its bay, a moment before the other.
    left_bay: Option<(Bay, Timestamp)>,
    pub missing_since: Option<Timestamp>,
}

impl Record {
    fn new(drive: impl Into<Arc<Drive>>) -> Self {
        Self {
            drive: drive.into(),
            state: State::Reading,
            report: None,
            collected_at: None,
            checked_at: None,
            took_ms: None,
            error: None,
            silences: 0,
            bay: None,
            left_bay: None,
            missing_since: None,
        }
    }

    pub fn is_here(&self) -> bool {
        self.missing_since.is_none()
    }

    /// As the drive gave it, else as sysfs has it.
    pub fn serial_number(&self) -> Option<&str> {
        let read = self.report.as_ref().and_then(|r| r.serial_number.as_deref());
        read.or(self.drive.identity.unit_serial.as_deref())
    }

    /// Takes in a reading. Gives the serial number of the drive that was here before, if the reading
    /// is of another one: then nothing of the earlier one stays.
    fn apply(&mut self, reading: &Reading) -> Option<String> {
        let replaced = match &reading.outcome {
            Outcome::Good(report) => self.report.as_ref().and_then(|known| replaced(known, report)),
            _ => None,
        };
        if replaced.is_some() {
            *self = Self { bay: self.bay.clone(), ..Self::new(Arc::clone(&self.drive)) };
        }
        self.checked_at = Some(reading.at);
        self.took_ms = reading.took_ms.or(self.took_ms);
        if !matches!(reading.outcome, Outcome::Silent(_)) {
            self.silences = 0;
        }
        self.error = None;
        match &reading.outcome {
            // A drive that is not ready gives its identity only; the values it gave before stay.
            Outcome::Good(report) if !report.has_health() && self.report.as_ref().is_some_and(|r| r.has_health()) => {
                self.state = State::Active;
                self.error = report.why_no_health();
            }
            Outcome::Good(report) => {
                self.state = State::Active;
                self.report = Some(Arc::clone(report));
                self.collected_at = Some(reading.at);
            }
            Outcome::Standby(_) => self.state = State::Standby,
            Outcome::Silent(why) => {
                self.silences += 1;
                self.error = Some(why.clone());
                if self.report.is_none() || self.silences >= SILENCES_TO_UNRESPONSIVE {
                    self.state = State::Unresponsive;
                }
            }
            Outcome::Failed(why) => {
                self.state = State::Active;
                self.error = Some(why.clone());
            }
        }
        replaced
    }
}

/// Of another drive than the one that was known, where sysfs cannot tell (behind a RAID controller, in
/// a USB box): the earlier one's serial number.
fn replaced(known: &SmartReport, read: &SmartReport) -> Option<String> {
    let (known, read) = (known.serial_number.as_deref()?.trim(), read.serial_number.as_deref()?.trim());
    (known != read).then(|| known.to_owned())
}

/// A change of who is here, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Appeared(DriveKey),
    Missing(DriveKey),
    Back(DriveKey),
    /// It stands in another bay than the one where it was last seen.
    Moved {
        key: DriveKey,
        from: Bay,
    },
    /// It stands where a drive is missed, which is given up; that one's serial number.
    Replaced {
        key: DriveKey,
        was: Option<String>,
    },
}

impl Change {
    pub fn key(&self) -> &DriveKey {
        match self {
            Self::Appeared(key)
            | Self::Missing(key)
            | Self::Back(key)
            | Self::Moved { key, .. }
            | Self::Replaced { key, .. } => key,
        }
    }
}

/// All records, by key.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    records: BTreeMap<DriveKey, Record>,
}

impl Fleet {
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.values()
    }

    /// Those that are here now.
    pub fn present(&self) -> impl Iterator<Item = &Record> {
        self.records.values().filter(|r| r.is_here())
    }

    pub fn get(&self, key: &DriveKey) -> Option<&Record> {
        self.records.get(key)
    }

    /// Takes in who sysfs shows now, and in which bays. A drive that came back continues its
    /// record; one that is new starts clean; one that is gone stays as missing for a day, or
    /// until another sits in its bay.
    pub fn discovered(&mut self, drives: Vec<Drive>, enclosures: &[Enclosure], now: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut gone: BTreeSet<DriveKey> = self.present().map(|r| r.drive.key.clone()).collect();
        let has_recalled = self.records.values().any(|r| r.drive.is_remembered());
        let bays = bays_by_address(enclosures);
        for drive in drives {
            if self.is_on_its_way_out(&drive, now) {
                continue;
            }
            if has_recalled {
                self.continue_recalled(&drive);
            }
            let key = drive.key.clone();
            gone.remove(&key);
            let bay = drive.paths.iter().find_map(|p| bays.get(p.address.as_str()).cloned());
            let record = match self.records.get_mut(&key) {
                // Nothing tells that it is the one that went: it may be another disk in the same box.
                Some(record) if !record.is_here() && drive.identity.is_empty() => {
                    changes.push(Change::Appeared(key));
                    *record = Record::new(drive);
                    record
                }
                Some(record) => {
                    if record.missing_since.take().is_some() {
                        record.state = State::Reading;
                        record.silences = 0;
                        changes.push(Change::Back(key));
                    }
                    // What is the same stays shared with whoever holds it.
                    if *record.drive != drive {
                        record.drive = drive.into();
                    }
                    record
                }
                None => {
                    changes.push(Change::Appeared(key.clone()));
                    self.records.entry(key).or_insert_with(|| Record::new(drive))
                }
            };
            let before = record.bay.as_ref().or(record.left_bay.as_ref().map(|(left, _)| left));
            if let Some(from) = before.filter(|from| bay.as_ref().is_some_and(|bay| bay != *from)) {
                changes.push(Change::Moved { key: record.drive.key.clone(), from: from.clone() });
            }
            record.left_bay = match (&bay, record.bay.take()) {
                (Some(_), _) => None,
                (None, Some(left)) => Some((left, now)),
                (None, None) => record.left_bay.take(),
            };
            record.bay = bay;
        }
        for key in gone {
            if let Some(record) = self.records.get_mut(&key) {
                record.state = State::Missing;
                record.missing_since = Some(now);
                let left = record.left_bay.take().filter(|(_, at)| at.age_seconds(now) <= WHILE_PULLED_SECONDS);
                record.bay = record.bay.take().or(left.map(|(bay, _)| bay));
                record.error = Some(gone_since(now));
                changes.push(Change::Missing(key));
            }
        }
        changes.extend(self.forget(now));
        changes
    }

    /// The kernel has let go of what a known drive says of itself, and not of its node yet: a drive without
    /// an identity, where one was or has just been, is nobody new.
    fn is_on_its_way_out(&self, drive: &Drive, now: Timestamp) -> bool {
        let shares_place = |r: &Record| {
            r.drive.paths.iter().any(|p| drive.paths.iter().any(|q| (&q.device, &q.address) == (&p.device, &p.address)))
        };
        let was_there = |r: &Record| r.missing_since.is_none_or(|at| at.age_seconds(now) <= WHILE_PULLED_SECONDS);
        drive.identity.is_empty()
            && !self.records.contains_key(&drive.key)
            && self.records().any(|r| !r.drive.identity.is_empty() && was_there(r) && shares_place(r))
    }

    /// Takes back a drive that went before this daemon began, with its last bay and reading. `None`:
    /// it is here after all, its bay is taken, or it went too long ago.
    pub fn recall(
        &mut self,
        stored: &Stored,
        report: Option<SmartReport>,
        since: Timestamp,
        now: Timestamp,
    ) -> Option<DriveKey> {
        let is_known = |r: &Record| !stored.identity.is_empty() && r.drive.identity == stored.identity;
        let drive = Drive::remembered(stored)?;
        let key = drive.key.clone();
        if self.records.values().any(is_known) {
            return None;
        }
        let summary = &stored.summary;
        let bay = summary.enclosure.clone().zip(summary.slot).map(|(enclosure, slot)| Bay { enclosure, slot });
        let record = Record {
            state: State::Missing,
            report: report.map(Arc::new),
            collected_at: summary.collected_at,
            checked_at: summary.checked_at,
            error: Some(gone_since(since)),
            bay,
            missing_since: Some(since),
            ..Record::new(drive)
        };
        let is_taken = record.bay.is_some() && self.present().any(|r| r.bay == record.bay);
        let is_old = since.age_seconds(now) >= REMEMBER_MISSING_SECONDS;
        if is_taken || is_old {
            return None;
        }
        self.records.insert(key.clone(), record);
        Some(key)
    }

    /// A drive that was recalled has come back: its record goes on under its own key.
    fn continue_recalled(&mut self, drive: &Drive) {
        let is_it =
            |r: &&Record| r.drive.is_remembered() && !drive.identity.is_empty() && r.drive.identity == drive.identity;
        let Some(old) = self.records.values().find(is_it).map(|r| r.drive.key.clone()) else { return };
        if let Some(record) = self.records.remove(&old) {
            self.records.entry(drive.key.clone()).or_insert(record);
        }
    }

    /// The clock was set: every time so far is one on the new clock.
    pub fn shift(&mut self, by_seconds: i64) {
        for record in self.records.values_mut() {
            for time in [&mut record.collected_at, &mut record.checked_at, &mut record.missing_since] {
                *time = time.map(|t| t.shifted(by_seconds));
            }
        }
    }

    fn forget(&mut self, now: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.records.values().all(Record::is_here) {
            return changes;
        }
        let stand = |r: &Record| Some((r.bay.clone()?, r.drive.key.clone()));
        let taken: HashMap<Bay, DriveKey> = self.present().filter_map(stand).collect();
        self.records.retain(|_, r| {
            let Some(since) = r.missing_since else { return true };
            let Some(key) = r.bay.as_ref().and_then(|bay| taken.get(bay)) else {
                return since.age_seconds(now) < REMEMBER_MISSING_SECONDS;
            };
            changes.push(Change::Replaced { key: key.clone(), was: r.serial_number().map(str::to_owned) });
            false
        });
        changes
    }

    /// Takes in a reading. One for a drive that is no longer here changes nothing. Gives the serial
    /// number of the drive that was known by that key before, if it is another's.
    pub fn apply(&mut self, reading: &Reading) -> Option<String> {
        self.records.get_mut(&reading.key).filter(|r| r.is_here())?.apply(reading)
    }

    /// Takes over what another daemon, or an earlier run of this one, read: shown with its age
    /// until the drive is read anew. Never in place of a newer reading; true when it is taken.
    pub fn seed(&mut self, key: &DriveKey, report: SmartReport, state: State, at: Timestamp) -> bool {
        let is_newer = |r: &&mut Record| r.is_here() && r.collected_at.is_none_or(|own| own < at);
        let Some(record) = self.records.get_mut(key).filter(is_newer) else { return false };
        record.report = Some(Arc::new(report));
        record.collected_at = Some(at);
        record.state = if state == State::Standby { State::Standby } else { State::Active };
        true
    }
}

fn gone_since(since: Timestamp) -> String {
    format!("the drive is gone since {since}")
}

/// SCSI address to bay, over all IO modules.
fn bays_by_address(enclosures: &[Enclosure]) -> BTreeMap<&str, Bay> {
    let mut bays = BTreeMap::new();
    for enclosure in enclosures {
        for slot in &enclosure.slots {
            for address in &slot.addresses {
                bays.insert(address.as_str(), Bay { enclosure: enclosure.id.clone(), slot: slot.slot });
            }
        }
    }
    bays
}

#[cfg(test)]
mod tests;
