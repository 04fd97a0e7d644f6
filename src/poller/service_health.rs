//! The daemon's own condition: degraded components and since when, and steps of the system clock.

use super::event_loop::EventLoop;
use crate::api::drive_document::smartctl_json;
use crate::api::overview::{Overview, SweepStats};
use crate::api::service::{Component, Degradation, Service};
use crate::cache::Bytes;
use crate::clock::{self, now};
use crate::domain::drive::{DriveKey, DriveState};
use crate::domain::inventory::Inventory;
use crate::domain::no_reading::NoReading;
use crate::events::{EventFields, EventKind, Subject, emit, event};
use log::Level;

/// A sentence if more than half of the present drives have no reading because smartctl could not be run, or its output was
/// unusable: then smartctl is at fault, and not the drives.
fn unusable_readings(inventory: &Inventory) -> Option<String> {
    let (mut drives, mut failures) = (0, Vec::new());
    for record in inventory.present() {
        drives += 1;
        if let Some(NoReading::ToolFailed(failure)) = &record.error {
            failures.push(failure);
        }
    }
    let first = failures.first()?;
    if failures.len() * 2 <= drives {
        return None;
    }
    Some(format!("smartctl failed on {} of {drives} drives: {}", failures.len(), first.text))
}

impl EventLoop {
    /// The current condition. `overview`: the one that has just been built.
    pub(super) fn service(&mut self, overview: &Overview) -> Service {
        let degradations = self.degradations(overview);
        Service {
            host: overview.host.clone(),
            instance: self.leadership.instance().to_owned(),
            role: self.leadership.role().to_api(),
            leader: self.leadership.leader(),
            drives: overview.totals.drives,
            verdict: Some(overview.verdict),
            sweep: self.last_sweep(overview),
            troubles: self.degraded.date(degradations),
        }
    }

    fn degradations(&mut self, overview: &Overview) -> Vec<Degradation> {
        let now = now();
        let mut found = Vec::new();
        if let Some(why) = self.collector.blindness() {
            let why = format!("discovery failed, keeping the last known state: {why}");
            found.push(Degradation::of(Component::Poller, now, why));
        }
        if let Some(why) = self.leadership.problem(&overview.host) {
            found.push(Degradation::of(Component::Lease, now, why));
        }
        if let Some(why) = &self.control_problem {
            found.push(Degradation::of(Component::Control, now, why));
        }
        let smartctl = self.collector.smartctl_problem();
        if let Some(why) = smartctl.or_else(|| unusable_readings(self.collector.inventory())) {
            found.push(Degradation::of(Component::Smartctl, now, why));
        }
        if let Some(why) = &self.collector.zfs().error {
            found.push(Degradation::of(Component::Zpool, now, why));
        }
        for enclosure in &overview.enclosures {
            if let Some(why) = &enclosure.error {
                let id = Some(enclosure.id.to_string());
                found.push(Degradation { id, ..Degradation::of(Component::Enclosure, now, why) });
            }
        }
        for record in self.collector.inventory().present() {
            if record.consecutive_timeouts == 0 && record.state != DriveState::Unresponsive {
                continue;
            }
            let why = match &record.error {
                Some(why) => why.to_string(),
                None => "no answer".to_owned(),
            };
            found.push(Degradation::of_drive(&record.drive.device, record.serial_number().cloned(), now, why));
        }
        found
    }

    /// The last complete sweep of the drives of this host, by this daemon or by another one.
    fn last_sweep(&self, overview: &Overview) -> SweepStats {
        let delivered = self.leadership.delivered_sweep();
        let is_own = overview.sweep.started_at >= delivered.started_at;
        if is_own { overview.sweep.clone() } else { delivered.clone() }
    }

    /// Follows the system clock. After a step, all timestamps are converted to the new clock, so that ages do not change.
    pub(super) fn follow_clock(&mut self) {
        let Some(by) = clock::detect_step() else { return };
        emit(&event!(
            Level::Warn,
            EventKind::ClockSet,
            now(),
            Subject::Service,
            EventFields::none(),
            "system clock stepped, adjusting timestamps by_s={by}"
        ));
        clock::set(by);
        self.collector.shift(by);
        self.degraded.shift(by);
        let missing: Vec<(DriveKey, Bytes)> = self.missing.drain().collect();
        for (key, document) in missing {
            self.publish_drive(&key, smartctl_json(&document));
        }
        self.publish_missing_list();
        let present = self.collector.inventory().present();
        let read = present.filter(|record| record.checked_at.is_some());
        let read: Vec<DriveKey> = read.map(|record| record.drive.key.clone()).collect();
        for key in read {
            self.publish_drive(&key, None);
        }
        self.rebuild_lists();
        if self.leadership.has_swept() {
            self.publisher.publish_everything(self.collector.inventory());
        }
    }
}
