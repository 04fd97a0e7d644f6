//! What of a sweep is worth a line: edges, not levels. A healthy host is silent.

use crate::model::drive::{DriveKey, DriveSummary, State};
use crate::model::fleet::{Change, Fleet, Record};
use crate::model::health::Verdict;
use crate::model::overview::Overview;
use crate::probe::sweep::Whole;
use crate::probe::tools::News;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::time::Duration;

/// Lines about single drives in one sweep; beyond, they are counted.
const LINES: usize = 12;
/// So many silent drives behind one SCSI host are one event about the host.
const HOST_IS_SILENT: usize = 3;

#[derive(Default)]
pub(super) struct Journal {
    /// What was last said, or would have been, of each drive.
    said: HashMap<DriveKey, (State, Verdict, Option<String>)>,
    /// SCSI hosts that were silent as a whole after the last sweep …
    silent: BTreeSet<u32>,
    /// … and those that looked so: when it turns out to be true, it has been said.
    said_silent: BTreeSet<u32>,
    swept: bool,
    overrun: bool,
    checked_types: bool,
}

impl Journal {
    /// Drives that came or went. Before the first sweep everything is new, and nothing is said.
    pub(super) fn changes(changes: &[Change], fleet: &Fleet, ready: bool) {
        if !ready {
            return;
        }
        for change in changes.iter().take(LINES) {
            let (event, key) = match change {
                Change::Appeared(key) => ("drive appeared", key),
                Change::Missing(key) => ("drive missing", key),
                Change::Back(key) => ("drive back", key),
            };
            let Some(record) = fleet.get(key) else { continue };
            match change {
                Change::Missing(_) => log::warn!("{event} {}", who(record)),
                _ => log::info!("{event} {}", who(record)),
            }
        }
        if changes.len() > LINES {
            log::warn!("more drives came or went count={}", changes.len() - LINES);
        }
    }

    /// Another drive stands where one was known.
    pub(super) fn replaced(key: &DriveKey, was: &str, fleet: &Fleet) {
        if let Some(record) = fleet.get(key) {
            log::warn!("drive replaced {} was={was:?}", who(record));
        }
    }

    /// Once, after the first sweep: only then every serial number is known.
    pub(super) fn unused_types(&mut self, unused: impl FnOnce() -> Vec<String>) {
        let entries = if std::mem::replace(&mut self.checked_types, true) { Vec::new() } else { unused() };
        if !entries.is_empty() {
            log::warn!("SMART_DEVICE_TYPES names no drive here, or one twice: {}", entries.join(", "));
        }
    }

    /// smartctl has turned out to be of no use, or is of use again.
    pub(super) fn smartctl(news: Option<&News>) {
        match news {
            Some(News::Bad(tool)) => {
                log::error!("{tool}; bays and drives are shown without health: {}", tool.mend());
            }
            Some(News::Mended(tool)) => log::info!("{tool} can be used now"),
            None => {}
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

    /// One line for a sweep that changed something, and one for each drive that did (to a limit).
    pub(super) fn sweep(&mut self, overview: &Overview, whole: &Whole, fleet: &Fleet) {
        let mut lines = Vec::new();
        let mut silent: BTreeMap<u32, usize> = BTreeMap::new();
        for key in &whole.timed_out {
            let host = fleet.get(key).and_then(|r| r.drive.paths.first()).and_then(|p| p.host);
            if let Some(host) = host {
                *silent.entry(host).or_default() += 1;
            }
        }
        silent.retain(|_, count| *count >= HOST_IS_SILENT);
        silent.extend(whole.silent_hosts.iter().copied());
        // A missing drive's name may be another's by now.
        let here = overview.drives().filter(|d| d.state != State::Missing);
        let summaries: HashMap<_, _> = here.map(|d| (&d.device, d)).collect();
        let mut changed = 0;
        for record in fleet.present() {
            let Some(summary) = summaries.get(&record.drive.device) else { continue };
            let now = (summary.state, summary.verdict, summary.error.clone());
            let before = self.said.insert(record.drive.key.clone(), now.clone());
            // A volume whose disks are listed is as it should be without a verdict.
            let is_told = record.drive.is_volume() && !record.drive.attached.disks.is_empty();
            let usual = if is_told {
                (State::Active, Verdict::Unknown, Some(String::new()))
            } else {
                (State::Active, Verdict::Ok, None)
            };
            // Falling asleep and waking are not worth a line; neither is a different wording.
            let plain = |said: &(State, Verdict, Option<String>)| {
                let state = if said.0 == State::Standby { State::Active } else { said.0 };
                let verdict = if said.0 == State::Standby && said.1 == Verdict::Unknown { Verdict::Ok } else { said.1 };
                (state, verdict, said.2.is_some())
            };
            let (before, now) = (plain(before.as_ref().unwrap_or(&usual)), plain(&now));
            if before == now {
                continue;
            }
            changed += 1;
            let is_behind = record.drive.paths.iter().filter_map(|p| p.host).any(|host| silent.contains_key(&host));
            let is_silent = whole.timed_out.contains(&record.drive.key) || whole.unread.contains(&record.drive.key);
            if !(is_behind && is_silent) {
                let why = summary.findings.first().map(|f| &f.message).or(summary.error.as_ref());
                let why = why.map_or_else(String::new, |why| format!(" reason={why:?}"));
                let is_bad = now.1 >= Verdict::Warn || now.0 == State::Unresponsive || now.2;
                lines.push((is_bad, word(summary), who(record), why));
            }
        }
        self.said.retain(|key, _| fleet.get(key).is_some());
        let mut lines = together(&lines);
        let more = lines.len().saturating_sub(LINES);
        lines.sort_by_key(|(bad, _)| !bad);
        for (bad, line) in lines.into_iter().take(LINES) {
            if bad { log::warn!("{line}") } else { log::info!("{line}") }
        }
        if more > 0 {
            log::warn!("more drives changed count={more}");
        }
        let said = std::mem::replace(&mut self.said_silent, silent.keys().copied().collect());
        for (host, count) in silent.iter().filter(|(host, _)| !said.contains(host)) {
            log::warn!("scsi host silent host={host} drives={count}");
        }
        let before = std::mem::replace(&mut self.silent, whole.silent_hosts.iter().map(|(host, _)| *host).collect());
        for host in before.difference(&self.silent) {
            log::info!("scsi host answers again host={host}");
        }
        if changed > 0 || !self.swept {
            summary_line(overview, changed);
        }
        self.swept = true;
    }
}

/// A change of one drive: whether it is bad, its word, who, and why.
type Line<'a> = (bool, &'a str, String, String);

/// What befell more drives than there are lines for, and all in the same words, is one line.
fn together(lines: &[Line]) -> Vec<(bool, String)> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (_, word, _, why) in lines {
        *counts.entry((word, why)).or_default() += 1;
    }
    counts.retain(|_, count| *count > LINES);
    let of_many = |(word, why): (&str, &str)| {
        let bad = lines.iter().any(|(bad, w, _, y)| *bad && *w == word && y == why);
        (bad, format!("drives {word} count={}{why}", counts.get(&(word, why)).copied().unwrap_or_default()))
    };
    let many = counts.keys().copied().map(of_many);
    let single = lines.iter().filter(|(_, word, _, why)| !counts.contains_key(&(*word, why.as_str())));
    many.chain(single.map(|(bad, word, who, why)| (*bad, format!("drive {word} {who}{why}")))).collect()
}

/// What a drive has become, in one word: what it does not do, else what is wrong with it.
fn word(summary: &DriveSummary) -> &'static str {
    match summary.state {
        State::Active if summary.verdict >= Verdict::Watch => summary.verdict.as_str(),
        State::Active if summary.error.is_some() => "unread",
        State::Active => summary.verdict.as_str(),
        other => other.as_str(),
    }
}

fn summary_line(overview: &Overview, changed: usize) {
    let (totals, sweep) = (&overview.totals, &overview.sweep);
    let mut counts = String::new();
    let all = totals.by_verdict.named().into_iter().chain(totals.by_state.named());
    for (name, count) in all.filter(|(_, count)| *count > 0) {
        let _ = write!(counts, " {name}={count}");
    }
    log::info!(
        "sweep changed={changed} drives={} took_ms={} failed={} timed_out={}{counts}",
        totals.drives,
        sweep.took_ms.unwrap_or(0),
        sweep.failed.unwrap_or(0),
        sweep.timed_out.unwrap_or(0),
    );
}

fn who(record: &Record) -> String {
    let mut who = String::new();
    if let Some(bay) = &record.bay {
        let _ = write!(who, "enclosure={} bay={} ", bay.enclosure, bay.slot);
    }
    let _ = write!(who, "device={}", record.drive.device);
    let serial =
        record.report.as_ref().and_then(|r| r.serial_number.as_ref()).or(record.drive.identity.unit_serial.as_ref());
    if let Some(serial) = serial {
        let _ = write!(who, " serial={serial:?}");
    }
    who
}
