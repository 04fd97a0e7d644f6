//! What of a sweep is worth a line: edges, not levels. A healthy host is silent.
//!
//! Each line is an event too, by which the drives' lives are found in systemd's journal. Who is told of is
//! in `about`, what stands around the drives in `around`.

mod about;
mod around;

use crate::api::overview::Overview;
use crate::collector::Transition;
use crate::collector::{Collector, CompletedSweep};
use crate::domain::drive::{DriveKey, DriveState};
use crate::domain::inventory::{Change, Inventory};
use crate::event::{self, About, Kind, note};
use about::{Line, Said, about, all, together, who};
use around::{Around, is_silent_with, silent_hosts};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

/// Lines about single drives in one sweep; beyond, they are counted.
const LINES: usize = 12;

#[derive(Default)]
pub(super) struct Journal {
    said: HashMap<DriveKey, Said>,
    around: Around,
    swept: bool,
    overrun: bool,
    /// How many missing drives are kept, while there are more.
    limited: Option<usize>,
    checked_types: bool,
    /// The budget of documents that was reported as exceeded.
    over_budget: Option<usize>,
}

impl Journal {
    /// Drives that came, went or moved. Before the first sweep everything is new, and nothing is said.
    pub(super) fn changes(&self, changes: &[Change], fleet: &Inventory, ready: bool) {
        if !ready {
            return;
        }
        let mut more = Vec::new();
        for (number, change) in changes.iter().enumerate() {
            let Some(about) = self.about(change.key(), fleet) else { continue };
            if number >= LINES {
                more.push(about);
                continue;
            }
            let who = fleet.get(change.key()).map(who).unwrap_or_default();
            match change {
                Change::Appeared(_) => note!(Info, Kind::DriveAppeared, about, "drive appeared {who}"),
                Change::Missing(_) => {
                    let about = about.with(event::STATE, DriveState::Missing.as_str());
                    note!(Warn, Kind::DriveMissing, about, "drive missing {who}");
                }
                Change::Back(_) => note!(Info, Kind::DriveBack, about, "drive back {who}"),
                Change::Moved { from, .. } => {
                    let about = about.with(event::FROM_ENCLOSURE, &from.enclosure).with(event::FROM_BAY, from.slot);
                    let from = format!("from_enclosure={} from_bay={}", from.enclosure, from.slot);
                    note!(Info, Kind::DriveMoved, about, "drive moved {who} {from}");
                }
                Change::Replaced { key, was } => self.replaced(key, was.as_deref(), fleet),
            }
        }
        if !more.is_empty() {
            note!(Warn, Kind::ManyDrives, all(&more), "more drives came or went count={}", more.len());
        }
    }

    /// The documents in Redis have more bytes than may be held; reported once.
    pub(super) fn over_budget(&mut self, limit: usize) {
        if self.over_budget.replace(limit) != Some(limit) {
            log::warn!("documents in redis are not taken over, all have too many bytes together limit={limit}");
        }
    }

    /// A drive, and the pool that it was in when last seen.
    fn about(&self, key: &DriveKey, fleet: &Inventory) -> Option<About> {
        let pool = self.said.get(key).and_then(|said| said.pool.as_ref());
        fleet.get(key).map(|record| about(record).with_each(event::POOL, pool))
    }

    /// Another drive stands where one was known: an event in the life of both.
    pub(super) fn replaced(&self, key: &DriveKey, was: Option<&str>, fleet: &Inventory) {
        let (Some(record), Some(about)) = (fleet.get(key), self.about(key, fleet)) else { return };
        let earlier = was.map_or_else(String::new, |was| format!(" was={was:?}"));
        let about = about.with_each(event::SERIAL, was.map(str::trim));
        note!(Warn, Kind::DriveReplaced, about, "drive replaced {}{earlier}", who(record));
    }

    /// Once, after the first sweep: only then every serial number is known.
    pub(super) fn unused_types(&mut self, unused: impl FnOnce() -> Vec<String>) {
        let entries = if std::mem::replace(&mut self.checked_types, true) { Vec::new() } else { unused() };
        if !entries.is_empty() {
            log::warn!("SMART_DEVICE_TYPES names no drive here, or one twice: {}", entries.join(", "));
        }
    }

    /// smartctl has turned out to be of no use, or is of use again.
    pub(super) fn smartctl(transition: &Transition) {
        match transition {
            Transition::BecameUnusable(tool) => {
                let words = format!("{tool}; bays and drives are shown without health: {}", tool.mend());
                note!(Error, Kind::SmartctlUnusable, About::nobody(), "{words}");
            }
            Transition::Recovered(tool) => {
                note!(Info, Kind::SmartctlUsable, About::nobody(), "{tool} can be used now");
            }
        }
    }

    pub(super) fn overrun(&mut self, took: Duration, interval: Duration) {
        if !self.overrun {
            self.overrun = true;
            log::warn!(
                "a sweep takes longer than the interval, the next one waits for it took_s={} interval_s={}",
                took.as_secs(),
                interval.as_secs()
            );
        }
    }

    /// More drives were missing than are kept. Said when it begins.
    pub(super) fn limited(&mut self, kept: usize, left_out: usize, most: usize) {
        if left_out == 0 {
            self.limited = self.limited.filter(|_| kept >= most);
        } else if self.limited.replace(most).is_none() {
            log::warn!(
                "more drives are missing than are kept, those that went first are left out kept={kept} left_out={left_out}"
            );
        }
    }

    /// One line for a sweep that changed something, and one for each drive that did (to a limit).
    pub(super) fn sweep(&mut self, overview: &Overview, whole: &CompletedSweep, collector: &Collector) {
        let (fleet, enclosures, zfs) = (collector.inventory(), collector.enclosures(), collector.zfs());
        let silent = silent_hosts(whole, fleet);
        // A missing drive's name may be another's by now; one that was not read yet is nothing yet.
        let is_told = |state| !matches!(state, DriveState::Missing | DriveState::Reading);
        let summaries: HashMap<_, _> = overview.drives().filter(|d| is_told(d.state)).map(|d| (&d.device, d)).collect();
        let (mut changed, mut lines) = (0, Vec::new());
        for record in fleet.present() {
            let Some(summary) = summaries.get(&record.drive.device) else { continue };
            let now = Said::of(summary);
            let before = self.said.insert(record.drive.key.clone(), now.clone());
            let before = before.unwrap_or_else(|| Said::usual(record));
            if now.is_same(&before) {
                continue;
            }
            changed += 1;
            if !is_silent_with(record, |host| silent.contains_key(&host), whole) {
                lines.push(Line::of(record, summary, &before, &now));
            }
        }
        self.said.retain(|key, _| fleet.get(key).is_some());
        let mut told = together(lines, LINES);
        told.sort_by_key(|told| !told.bad);
        let more = told.split_off(told.len().min(LINES));
        for told in told {
            if told.bad {
                note!(Warn, told.kind, told.about, "{}", told.text);
            } else {
                note!(Info, told.kind, told.about, "{}", told.text);
            }
        }
        if !more.is_empty() {
            let about = all(more.iter().map(|told| &told.about));
            note!(Warn, Kind::ManyDrives, about, "more drives changed count={}", more.len());
        }
        self.around.hosts(&silent, whole, fleet);
        self.around.shelves(enclosures);
        self.around.pools(zfs);
        if changed > 0 || !self.swept {
            summary_line(overview, changed);
        }
        self.swept = true;
    }
}

fn summary_line(overview: &Overview, changed: usize) {
    let (totals, sweep) = (&overview.totals, &overview.sweep);
    let mut counts = String::new();
    let all = totals.by_verdict.named().into_iter().chain(totals.by_state.named());
    for (name, count) in all.filter(|(_, count)| *count > 0) {
        let _ = write!(counts, " {name}={count}");
    }
    note!(
        Info,
        Kind::Sweep,
        About::nobody(),
        "sweep changed={changed} drives={} took_ms={} failed={} timed_out={}{counts}",
        totals.drives,
        sweep.took_ms.unwrap_or(0),
        sweep.failed.unwrap_or(0),
        sweep.timed_out.unwrap_or(0),
    );
}
