//! The daemon's own condition: degraded components and since when, the heartbeat of the loop, and steps of the clock.

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

/// More than half of the present drives have no reading because smartctl could not be run, or its output was unusable:
/// then smartctl is at fault, and not the drives.
fn unusable_readings(inventory: &Inventory) -> Option<String> {
    let (mut failed, mut drives, mut first) = (0, 0, None);
    for record in inventory.present() {
        drives += 1;
        if let Some(NoReading::ToolFailed(failure)) = &record.error {
            failed += 1;
            first = first.or(Some(&failure.text));
        }
    }
    let first = first.filter(|_| failed * 2 > drives)?;
    Some(format!("smartctl gave no reading of {failed} of {drives} drives: {first}"))
}

impl EventLoop {
    /// The current condition, with an overview that has just been built.
    pub(super) fn service(&mut self, overview: &Overview) -> Service {
        let now = now();
        let mut found = Vec::new();
        let blindness =
            self.collector.blindness().map(|why| format!("the host cannot be looked at, what is known stays: {why}"));
        found.extend(blindness.map(|why| Degradation::of(Component::Poller, now, why)));
        found.extend(self.leadership.problem(&overview.host).map(|why| Degradation::of(Component::Lease, now, why)));
        found.extend(self.control_problem.as_ref().map(|why| Degradation::of(Component::Control, now, why)));
        let of_tool = self.collector.smartctl_problem().or_else(|| unusable_readings(self.collector.inventory()));
        found.extend(of_tool.map(|why| Degradation::of(Component::Smartctl, now, why)));
        found.extend(self.collector.zfs().error.as_ref().map(|why| Degradation::of(Component::Zpool, now, why)));
        for enclosure in &overview.enclosures {
            let error = enclosure.error.as_ref();
            let trouble = error.map(|why| Degradation::of(Component::Enclosure, now, why));
            found.extend(trouble.map(|t| Degradation { id: Some(enclosure.id.to_string()), ..t }));
        }
        for record in self.collector.inventory().present() {
            if record.consecutive_timeouts == 0 && record.state != DriveState::Unresponsive {
                continue;
            }
            let why = record.error.as_ref().map_or_else(|| "no answer".to_owned(), NoReading::to_string);
            found.push(Degradation::of_drive(&record.drive.device, record.serial_number().cloned(), now, why));
        }
        Service {
            host: overview.host.clone(),
            instance: self.leadership.instance().to_owned(),
            role: self.leadership.role(),
            leader: self.leadership.leader(),
            drives: overview.totals.drives,
            verdict: Some(overview.verdict),
            sweep: self.last_sweep(overview),
            troubles: self.degraded.date(found),
        }
    }

    /// The last complete sweep of the drives of this host, by this daemon or by another one.
    fn last_sweep(&self, overview: &Overview) -> SweepStats {
        let delivered = self.leadership.delivered_sweep();
        let is_own = overview.sweep.started_at >= delivered.started_at;
        if is_own { overview.sweep.clone() } else { delivered.clone() }
    }

    /// Follows the wall clock. After it was set, all times are converted to the new clock, so that ages do not change.
    pub(super) fn follow_clock(&mut self) {
        let Some(by) = clock::detect_step() else { return };
        emit(&event!(
            Level::Warn,
            EventKind::ClockSet,
            now(),
            Subject::Service,
            EventFields::none(),
            "the clock was set, times are moved along by_s={by}"
        ));
        clock::set(by);
        self.collector.shift(by);
        self.degraded.shift(by);
        let left: Vec<(DriveKey, Bytes)> = self.missing.drain().collect();
        for (key, document) in left {
            self.publish_drive(&key, smartctl_json(&document));
        }
        self.publish_missing_list();
        let read: Vec<DriveKey> = self
            .collector
            .inventory()
            .present()
            .filter(|r| r.checked_at.is_some())
            .map(|r| r.drive.key.clone())
            .collect();
        for key in read {
            self.publish_drive(&key, None);
        }
        self.rebuild_lists();
        if self.leadership.has_swept() {
            self.publisher.publish_everything(self.collector.inventory());
        }
    }
}
