//! Events of enclosures and IO modules that disappear and return. Drives that disappear or return with their enclosure are
//! part of its event.
//!
//! The kernel removes the devices of an enclosure one by one, and a discovery may see a part of that. Therefore events of
//! drives that disappear, or that return to an enclosure that was reported as missing, are held until nothing has changed
//! for `SETTLE`.

use super::inventory_changes;
use crate::domain::enclosure::Enclosure;
use crate::domain::identity::{EnclosureId, ScsiHost};
use crate::domain::inventory::{DriveRecord, Inventory, KnownEnclosure};
use crate::domain::time::Timestamp;
use crate::events::{ENCLOSURE, Event, EventFields, EventKind, SCSI_HOST, SERIAL, Subject, event};
use log::Level;
use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

/// Events are held until nothing has changed for this long.
const SETTLE: Duration = Duration::from_secs(2);
/// Maximum time for which events are held.
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
    /// `None`: no discovery is complete yet.
    reported: Option<BTreeMap<EnclosureId, ReportedEnclosure>>,
    has_restored: bool,
    held: HeldEvents,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ReportedEnclosure {
    is_missing: bool,
    /// Number of known modules.
    modules: usize,
    /// Names under `/sys/class/enclosure` of the missing modules, by their identity.
    missing_modules: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct HeldEvents {
    events: Vec<Event>,
    /// When the first and the last change was seen.
    since: Option<(Instant, Instant)>,
}

/// Missing IO modules: the enclosure, and the SCSI host through which each was reached. The event about a module covers the
/// paths through that host of the drives in that enclosure.
pub(super) struct LostModules(HashSet<(EnclosureId, ScsiHost)>);

impl LostModules {
    pub(super) fn of(enclosures: &[Enclosure]) -> Self {
        let mut lost = HashSet::new();
        for enclosure in enclosures {
            for module in enclosure.modules.iter().filter(|module| module.missing_since.is_some()) {
                lost.extend(module.scsi_host().map(|host| (enclosure.id.clone(), host)));
            }
        }
        Self(lost)
    }

    pub(super) fn explain(&self, record: &DriveRecord, host: ScsiHost) -> bool {
        match &record.bay {
            Some(bay) => self.0.contains(&(bay.enclosure.clone(), host)),
            None => false,
        }
    }
}

/// A change of the presence of an enclosure, or of a module, with its name.
#[derive(Debug)]
enum PresenceChange<'a> {
    Missing(&'a Enclosure),
    Back(&'a Enclosure),
    ModuleMissing(&'a Enclosure, String),
    ModuleBack(&'a Enclosure, String),
}

impl Presence {
    /// Holds events of drives that may be part of an event of their enclosure, and all later ones; returns the others.
    pub(super) fn hold(&mut self, events: Vec<Event>, (at, now): (Instant, Timestamp)) -> Vec<Event> {
        let mut others = Vec::new();
        for event in events {
            if event.kind == EventKind::DriveMissing || self.must_wait(&event) {
                let (_, last) = self.held.since.get_or_insert((at, at));
                *last = at;
                self.held.events.push(event);
            } else {
                others.push(event);
            }
        }
        inventory_changes::limit(others, now)
    }

    /// Earlier events are held, or its enclosure was reported as missing.
    fn must_wait(&self, event: &Event) -> bool {
        let mut enclosures = event.fields.values(ENCLOSURE);
        !self.held.events.is_empty() || enclosures.any(|id| self.was_reported_missing(id))
    }

    fn was_reported_missing(&self, id: &str) -> bool {
        let mut reported = self.reported.iter().flatten();
        reported.any(|(known, state)| state.is_missing && known.as_str() == id)
    }

    /// Restores the enclosures that an earlier daemon, or another one, knew. It has reported those that were missing.
    pub(super) fn restore(&mut self, stored: &[KnownEnclosure]) {
        let reported = self.reported.get_or_insert_default();
        for KnownEnclosure { enclosure, .. } in stored {
            if !self.has_restored || !reported.contains_key(&enclosure.id) {
                reported.insert(enclosure.id.clone(), ReportedEnclosure::of(enclosure));
            }
        }
        self.has_restored = true;
    }

    /// Returns the events to emit now; those about enclosures first.
    pub(super) fn settle(
        &mut self,
        enclosures: &[Enclosure],
        inventory: &Inventory,
        release: Release,
        (at, now): (Instant, Timestamp),
    ) -> Vec<Event> {
        let Some(reported) = &mut self.reported else {
            update(self.reported.insert(BTreeMap::new()), enclosures);
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
        let mut drive_events = std::mem::take(&mut self.held.events);
        let mut events = Vec::new();
        for change in &changes {
            events.push(change.event(&mut drive_events, inventory, now));
        }
        update(reported, enclosures);
        events.extend(inventory_changes::limit(drive_events, now));
        events
    }
}

impl HeldEvents {
    /// A drive has returned before its enclosure.
    fn wait_for(&self, enclosures: &[Enclosure]) -> bool {
        let missing = enclosures.iter().filter(|enclosure| enclosure.missing_since().is_some());
        let missing: HashSet<&str> = missing.map(|enclosure| enclosure.id.as_str()).collect();
        let returned = self.events.iter().filter(|event| event.kind == EventKind::DriveBack);
        returned.flat_map(|event| event.fields.values(ENCLOSURE)).any(|id| missing.contains(id))
    }
}

impl ReportedEnclosure {
    fn of(enclosure: &Enclosure) -> Self {
        let since = enclosure.missing_since();
        let mut missing_modules = BTreeMap::new();
        for module in &enclosure.modules {
            let is_missing = match (module.missing_since, since) {
                // The modules of a missing enclosure disappear with it, if they were not missing before.
                (Some(module), Some(enclosure)) => module < enclosure,
                (module, None) => module.is_some(),
                (None, Some(_)) => false,
            };
            if is_missing {
                missing_modules.insert(module.identity().to_owned(), module.sysfs_name.clone());
            }
        }
        Self { is_missing: since.is_some(), modules: enclosure.modules.len(), missing_modules }
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
            // An enclosure without an SES device has the bays that an HBA knows of a shelf, not the shelf itself.
            (true, false) if enclosure.has_ses_device() => changes.push(PresenceChange::Back(enclosure)),
            _ => {}
        }
        if enclosure.missing_since().is_some() {
            continue;
        }
        for module in &enclosure.modules {
            if module.missing_since.is_some() && !known.missing_modules.contains_key(module.identity()) {
                changes.push(PresenceChange::ModuleMissing(enclosure, module.sysfs_name.clone()));
            }
        }
        for (identity, name) in &known.missing_modules {
            let module = enclosure.modules.iter().find(|module| module.identity() == identity);
            match module {
                Some(module) if module.missing_since.is_none() => {
                    changes.push(PresenceChange::ModuleBack(enclosure, module.sysfs_name.clone()));
                }
                // Another module replaces it. With fewer modules than before, it was forgotten.
                None if enclosure.modules.len() >= known.modules => {
                    changes.push(PresenceChange::ModuleBack(enclosure, name.clone()));
                }
                _ => {}
            }
        }
    }
    changes
}

/// Records the enclosures as reported. The modules of a missing enclosure are kept unchanged.
fn update(reported: &mut BTreeMap<EnclosureId, ReportedEnclosure>, enclosures: &[Enclosure]) {
    let before = std::mem::take(reported);
    for enclosure in enclosures {
        let mut state = ReportedEnclosure::of(enclosure);
        if state.is_missing
            && let Some(known) = before.get(&enclosure.id)
        {
            state.missing_modules.clone_from(&known.missing_modules);
        }
        reported.insert(enclosure.id.clone(), state);
    }
}

impl PresenceChange<'_> {
    /// The event about the change. Removes the events of drives that are part of it from `held`.
    fn event(&self, held: &mut Vec<Event>, inventory: &Inventory, now: Timestamp) -> Event {
        match self {
            Self::Missing(enclosure) => {
                let (subject, fields, text) = describe_enclosure(enclosure, inventory);
                let fields = fields.with_each(SERIAL, take_serials(held, EventKind::DriveMissing, &enclosure.id));
                event!(Level::Warn, EventKind::ShelfMissing, now, subject, fields, "shelf missing {text}")
            }
            Self::Back(enclosure) => {
                let (subject, fields, text) = describe_enclosure(enclosure, inventory);
                let fields = fields.with_each(SERIAL, take_serials(held, EventKind::DriveBack, &enclosure.id));
                event!(Level::Info, EventKind::ShelfBack, now, subject, fields, "shelf returned {text}")
            }
            Self::ModuleMissing(enclosure, name) => {
                let (subject, fields, text) = describe_module(enclosure, name);
                event!(Level::Warn, EventKind::ModuleMissing, now, subject, fields, "io module missing {text}")
            }
            Self::ModuleBack(enclosure, name) => {
                let (subject, fields, text) = describe_module(enclosure, name);
                event!(Level::Info, EventKind::ModuleBack, now, subject, fields, "io module returned {text}")
            }
        }
    }
}

fn describe_enclosure(enclosure: &Enclosure, inventory: &Inventory) -> (Subject, EventFields, String) {
    let (id, bays) = (&enclosure.id, enclosure.slots.len());
    let (mut drives, mut missing) = (0, 0);
    for record in inventory.records() {
        if let Some(bay) = &record.bay
            && bay.enclosure == *id
        {
            drives += 1;
            missing += usize::from(!record.is_present());
        }
    }
    let text = format!("enclosure={id} bays={bays} drives={drives} drives_missing={missing}");
    (Subject::Enclosure(id.clone()), EventFields::none().with(ENCLOSURE, id), text)
}

fn describe_module(enclosure: &Enclosure, name: &str) -> (Subject, EventFields, String) {
    let id = &enclosure.id;
    let present = enclosure.modules.iter().filter(|module| module.missing_since.is_none()).count();
    let text = format!("enclosure={id} module={name} modules={present} expected={}", enclosure.modules.len());
    let fields = EventFields::none().with(ENCLOSURE, id).with_each(SCSI_HOST, name.split(':').next());
    (Subject::Enclosure(id.clone()), fields, text)
}

/// Removes the events of that kind about drives in that enclosure; returns the serial numbers of the drives.
fn take_serials(held: &mut Vec<Event>, kind: EventKind, enclosure: &EnclosureId) -> Vec<String> {
    let mut serials = Vec::new();
    for event in held
        .extract_if(.., |event| event.kind == kind && event.fields.values(ENCLOSURE).any(|id| id == enclosure.as_str()))
    {
        serials.extend(event.fields.values(SERIAL).map(str::to_owned));
    }
    serials
}

#[cfg(test)]
mod tests;
