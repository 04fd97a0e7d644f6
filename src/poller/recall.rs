//! Drives that are gone are remembered over a restart: their documents are stored as one list, and
//! whoever went while no daemon ran is found in the last overview.

use super::Thread;
use super::journal::Journal;
use crate::cache::{Bytes, Copy, Key};
use crate::model::doc::{GoneBody, Stored, gone_of, raw_of};
use crate::model::drive::{DriveSummary, State};
use crate::model::fleet::Change;
use crate::model::overview::Overview;
use crate::probe::{now, smartctl};
use serde_json::value::RawValue;

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
            Journal::changes(&[Change::Missing(key.clone())], &self.rack.fleet, true);
        }
        self.publish_drive(&key, raw.as_deref());
    }

    /// The list of those that are gone, towards Redis.
    pub(super) fn tell_gone(&mut self) {
        let drives = self.left.values().filter_map(|document| serde_json::from_slice(document).ok()).collect();
        self.publisher.gone(&GoneBody::new(&self.rack.name, now(), drives));
    }
}
