//! Events of enclosures and IO modules that disappear and return. Drives that disappear or return with their enclosure are
//! part of its event.
//!
//! The kernel removes the devices of an enclosure one by one, and discoveries see parts of that. So events of drives that
//! disappear, or that return to an enclosure that was reported as missing, are held until nothing has changed for a moment.

use super::inventory_changes;
use crate::domain::enclosure::Enclosure;
use crate::domain::enclosure::module::KnownModule;
use crate::domain::identity::{EnclosureId, ScsiHost};
use crate::domain::inventory::{DriveRecord, Inventory, KnownEnclosure};
use crate::domain::time::Timestamp;
use crate::events::{ENCLOSURE, Event, EventFields, EventKind, SCSI_HOST, SERIAL, Subject, event};
use log::Level;
use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

/// Events are held until nothing has changed for this long …
const SETTLE: Duration = Duration::from_secs(2);
/// … but not longer than this.
const MAX_HOLD: Duration = Duration::from_secs(15);

/// When held events are released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Release {
    WhenSettled,
    Now,
}

/// The enclosures and modules as they were last reported, and the events that are held.
#[derive(Debug, Default)]
pub(super) struct Presence {
    /// `None`: no discovery was complete yet.
    reported: Option<BTreeMap<EnclosureId, ReportedEnclosure>>,
    has_restored: bool,
    held: HeldEvents,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ReportedEnclosure {
    is_missing: bool,
    /// Number of known modules.
    modules: usize,
    /// Identities and names of those that are missing.
    missing_modules: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct HeldEvents {
    events: Vec<Event>,
    /// When the first and the last change was seen.
    since: Option<(Instant, Instant)>,
}

/// IO modules that are missing: the enclosure, and the SCSI host that each was reached through. Its event covers the paths of
/// the drives in that enclosure.
pub(super) struct LostModules(HashSet<(EnclosureId, ScsiHost)>);

impl LostModules {
    pub(super) fn of(enclosures: &[Enclosure]) -> Self {
        let mut lost = HashSet::new();
        for enclosure in enclosures {
            for module in enclosure.modules.iter().filter(|module| module.missing_since.is_some()) {
                let host = module.sysfs_name.split(':').next().and_then(|host| host.parse().ok());
                lost.extend(host.map(|host| (enclosure.id.clone(), host)));
            }
        }
        Self(lost)
    }

    pub(super) fn explain(&self, record: &DriveRecord, host: ScsiHost) -> bool {
        record.bay.as_ref().is_some_and(|bay| self.0.contains(&(bay.enclosure.clone(), host)))
    }
}

/// A change of the presence of an enclosure, or of a module by its name.
#[derive(Debug)]
enum PresenceChange<'a> {
    Missing(&'a Enclosure),
    Back(&'a Enclosure),
    ModuleMissing(&'a Enclosure, String),
    ModuleBack(&'a Enclosure, String),
}

impl Presence {
    /// Holds events of drives that may be part of one of an enclosure, and those after them; returns the others.
    pub(super) fn hold(&mut self, events: Vec<Event>, (at, now): (Instant, Timestamp)) -> Vec<Event> {
        let mut others = Vec::new();
        for event in events {
            if event.kind == EventKind::DriveMissing || self.is_awaited(&event) {
                let first = self.held.since.map_or(at, |(first, _)| first);
                self.held.since = Some((first, at));
                self.held.events.push(event);
            } else {
                others.push(event);
            }
        }
        inventory_changes::limit(others, now)
    }

    /// Other events are held, which come first, or its enclosure was reported as missing.
    fn is_awaited(&self, event: &Event) -> bool {
        let is_missing = |id: &str| {
            let mut reported = self.reported.iter().flatten();
            reported.any(|(known, state)| state.is_missing && known.as_str() == id)
        };
        !self.held.events.is_empty() || event.fields.values(ENCLOSURE).any(is_missing)
    }

    /// What an earlier daemon knew, or another one: it has reported what was missing.
    pub(super) fn restore(&mut self, stored: &[KnownEnclosure]) {
        let is_first = !std::mem::replace(&mut self.has_restored, true);
        let reported = self.reported.get_or_insert_default();
        for KnownEnclosure { enclosure, .. } in stored {
            if is_first || !reported.contains_key(&enclosure.id) {
                reported.insert(enclosure.id.clone(), ReportedEnclosure::of(enclosure));
            }
        }
    }

    /// The events to emit now; those about enclosures come first.
    pub(super) fn settle(
        &mut self,
        enclosures: &[Enclosure],
        inventory: &Inventory,
        release: Release,
        (at, now): (Instant, Timestamp),
    ) -> Vec<Event> {
        let Some(reported) = &mut self.reported else {
            self.reported = Some(enclosures.iter().map(|e| (e.id.clone(), ReportedEnclosure::of(e))).collect());
            return Vec::new();
        };
        let changes = changes_since(reported, enclosures);
        if changes.is_empty() && self.held.events.is_empty() {
            self.held.since = None;
            update(reported, enclosures);
            return Vec::new();
        }
        let (first, last) = *self.held.since.get_or_insert((at, at));
        let is_settled = at.saturating_duration_since(last) >= SETTLE && !self.held.wait_for(enclosures);
        if !is_settled && at.saturating_duration_since(first) < MAX_HOLD && release == Release::WhenSettled {
            return Vec::new();
        }
        self.held.since = None;
        let mut rest = std::mem::take(&mut self.held.events);
        let mut events: Vec<Event> = changes.iter().map(|change| change.event(&mut rest, inventory, now)).collect();
        update(reported, enclosures);
        events.extend(inventory_changes::limit(rest, now));
        events
    }
}

impl HeldEvents {
    /// Drives have returned before their enclosure.
    fn wait_for(&self, enclosures: &[Enclosure]) -> bool {
        let missing: HashSet<&str> =
            enclosures.iter().filter(|e| e.missing_since().is_some()).map(|e| e.id.as_str()).collect();
        let returned = self.events.iter().filter(|event| event.kind == EventKind::DriveBack);
        returned.flat_map(|event| event.fields.values(ENCLOSURE)).any(|id| missing.contains(id))
    }
}

impl ReportedEnclosure {
    fn of(enclosure: &Enclosure) -> Self {
        let mut reported = Self { modules: enclosure.modules.len(), ..Self::default() };
        let since = enclosure.missing_since();
        reported.is_missing = since.is_some();
        for module in &enclosure.modules {
            // Of a missing enclosure, those that were missing before it.
            if module.missing_since.is_some_and(|module| since.is_none_or(|since| module < since)) {
                reported.missing_modules.insert(module.identity().to_owned(), module.sysfs_name.clone());
            }
        }
        reported
    }
}

fn changes_since<'a>(
    reported: &BTreeMap<EnclosureId, ReportedEnclosure>,
    enclosures: &'a [Enclosure],
) -> Vec<PresenceChange<'a>> {
    let mut changes = Vec::new();
    let unknown = ReportedEnclosure::default();
    for enclosure in enclosures {
        let known = reported.get(&enclosure.id).unwrap_or(&unknown);
        match (known.is_missing, enclosure.missing_since().is_some()) {
            (false, true) => changes.push(PresenceChange::Missing(enclosure)),
            // Bays that an HBA still knows of a shelf that was forgotten are not that shelf.
            (true, false) if enclosure.has_ses_device() => changes.push(PresenceChange::Back(enclosure)),
            _ => {}
        }
        if enclosure.missing_since().is_some() {
            continue;
        }
        let missing = |module: &&KnownModule| module.missing_since.is_some();
        for module in enclosure.modules.iter().filter(missing) {
            if !known.missing_modules.contains_key(module.identity()) {
                changes.push(PresenceChange::ModuleMissing(enclosure, module.sysfs_name.clone()));
            }
        }
        for (identity, name) in &known.missing_modules {
            let module = enclosure.modules.iter().find(|module| module.identity() == identity);
            match module {
                Some(module) if module.missing_since.is_none() => {
                    changes.push(PresenceChange::ModuleBack(enclosure, module.sysfs_name.clone()));
                }
                // Another one has taken its place; with fewer modules than before, it was forgotten.
                None if enclosure.modules.len() >= known.modules => {
                    changes.push(PresenceChange::ModuleBack(enclosure, name.clone()));
                }
                _ => {}
            }
        }
    }
    changes
}

/// The modules of a missing enclosure stay as they were.
fn update(reported: &mut BTreeMap<EnclosureId, ReportedEnclosure>, enclosures: &[Enclosure]) {
    let before = std::mem::take(reported);
    for enclosure in enclosures {
        let mut state = ReportedEnclosure::of(enclosure);
        if let Some(known) = before.get(&enclosure.id).filter(|_| state.is_missing) {
            state.missing_modules.clone_from(&known.missing_modules);
        }
        reported.insert(enclosure.id.clone(), state);
    }
}

impl PresenceChange<'_> {
    /// Its event. Events of drives that are part of it are taken out of `held`.
    fn event(&self, held: &mut Vec<Event>, inventory: &Inventory, now: Timestamp) -> Event {
        let (enclosure, module) = match self {
            Self::Missing(enclosure) | Self::Back(enclosure) => (enclosure, None),
            Self::ModuleMissing(enclosure, name) | Self::ModuleBack(enclosure, name) => (enclosure, Some(name)),
        };
        let id = &enclosure.id;
        let subject = Subject::Enclosure(id.clone());
        let fields = EventFields::none().with(ENCLOSURE, id);
        if let Some(name) = module {
            let present = enclosure.modules.iter().filter(|module| module.missing_since.is_none()).count();
            let text = format!("enclosure={id} module={name} modules={present} expected={}", enclosure.modules.len());
            let fields = fields.with_each(SCSI_HOST, name.split(':').next());
            return if matches!(self, Self::ModuleMissing(..)) {
                event!(Level::Warn, EventKind::ModuleMissing, now, subject, fields, "io module missing {text}")
            } else {
                event!(Level::Info, EventKind::ModuleBack, now, subject, fields, "io module back {text}")
            };
        }
        let is_in = |record: &&DriveRecord| record.bay.as_ref().is_some_and(|bay| bay.enclosure == *id);
        let drives: Vec<&DriveRecord> = inventory.records().filter(is_in).collect();
        let missing = drives.iter().filter(|record| !record.is_present()).count();
        let bays = enclosure.slots.len();
        let text = format!("enclosure={id} bays={bays} drives={} drives_missing={missing}", drives.len());
        if matches!(self, Self::Missing(_)) {
            let fields = fields.with_each(SERIAL, take_serials(held, EventKind::DriveMissing, id));
            event!(Level::Warn, EventKind::ShelfMissing, now, subject, fields, "shelf missing {text}")
        } else {
            let fields = fields.with_each(SERIAL, take_serials(held, EventKind::DriveBack, id));
            event!(Level::Info, EventKind::ShelfBack, now, subject, fields, "shelf back {text}")
        }
    }
}

/// Removes the events of that kind about drives in that enclosure; returns the serial numbers.
fn take_serials(held: &mut Vec<Event>, kind: EventKind, enclosure: &EnclosureId) -> Vec<String> {
    let is_part =
        |event: &Event| event.kind == kind && event.fields.values(ENCLOSURE).any(|id| id == enclosure.as_str());
    let (part, rest): (Vec<Event>, Vec<Event>) = std::mem::take(held).into_iter().partition(is_part);
    *held = rest;
    part.iter().flat_map(|event| event.fields.values(SERIAL)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
