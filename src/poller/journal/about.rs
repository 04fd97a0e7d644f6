//! One drive in a line of the log: in words, and as the fields of an event. And what befell many at once.

use crate::api::drive_summary::DriveSummary;
use crate::domain::drive::DriveState;
use crate::domain::health::{RuleCode, Verdict, rule_of};
use crate::domain::inventory::DriveRecord;
use crate::event::{self, About, Kind};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// `enclosure=… bay=7 device=sdh serial="…"`
pub(super) fn who(record: &DriveRecord) -> String {
    let mut who = String::new();
    if let Some(bay) = &record.bay {
        let _ = write!(who, "enclosure={} bay={} ", bay.enclosure, bay.slot);
    }
    let _ = write!(who, "device={}", record.drive.device);
    if let Some(serial) = record.serial_number() {
        let _ = write!(who, " serial={serial:?}");
    }
    who
}

/// The same as fields, with every name of the drive.
pub(super) fn about(record: &DriveRecord) -> About {
    About::nobody()
        .with_each(event::SERIAL, record.serial_number().map(str::trim))
        .with_each(event::DEVICE, record.drive.paths.iter().map(|p| &p.device))
        .with_each(event::ENCLOSURE, record.bay.as_ref().map(|bay| &bay.enclosure))
        .with_each(event::BAY, record.bay.as_ref().map(|bay| bay.slot))
}

/// What was last said, or would have been, of a drive.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) state: DriveState,
    pub(super) verdict: Verdict,
    /// There was a reason why it had no reading.
    pub(super) failed: bool,
    /// What made the verdict.
    pub(super) rules: Vec<RuleCode>,
    pub(super) pool: Option<String>,
}

impl Said {
    /// Falling asleep and waking are not worth a line; neither is a different wording.
    pub(super) fn of(summary: &DriveSummary) -> Self {
        let asleep = summary.state == DriveState::Standby;
        let unknown = summary.verdict == Verdict::Unknown;
        Self {
            state: if asleep { DriveState::Active } else { summary.state },
            verdict: if asleep && unknown { Verdict::Ok } else { summary.verdict },
            failed: summary.error.is_some(),
            rules: summary.findings.iter().map(|f| f.code.clone()).collect(),
            pool: summary.pool.clone(),
        }
    }

    /// What a drive is before anything was said of it.
    pub(super) fn usual(record: &DriveRecord) -> Self {
        // A volume whose disks are listed is as it should be without a verdict.
        let is_told = record.drive.is_raid_volume() && !record.drive.raid_disks.is_empty();
        let verdict = if is_told { Verdict::Unknown } else { Verdict::Ok };
        Self { state: DriveState::Active, verdict, failed: is_told, rules: Vec::new(), pool: None }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        (self.state, self.verdict, self.failed) == (other.state, other.verdict, other.failed)
    }

    fn is_bad(&self) -> bool {
        self.verdict >= Verdict::Warn || self.state == DriveState::Unresponsive || self.failed
    }

    /// What has happened since `before`.
    fn kind(&self, before: &Self) -> Kind {
        // Not knowing is worse than well, and better than anything that is known to be bad.
        let rank = |said: &Self| match said.verdict {
            Verdict::Ok => 0,
            Verdict::Unknown => 1,
            Verdict::Watch => 2,
            Verdict::Warn => 3,
            Verdict::Crit => 4,
        };
        let (was_silent, is_silent) =
            (before.state == DriveState::Unresponsive, self.state == DriveState::Unresponsive);
        match () {
            () if is_silent && !was_silent => Kind::DriveUnresponsive,
            () if rank(self) > rank(before).max(1) => Kind::DriveWorse,
            () if self.failed && !before.failed => Kind::DriveUnread,
            () if was_silent && !is_silent || before.failed && !self.failed => Kind::DriveAnswers,
            () if rank(self) < rank(before) => Kind::DriveBetter,
            () => Kind::DriveWorse,
        }
    }
}

/// What a drive has become, in one word: what it does not do, else what is wrong with it.
fn word(summary: &DriveSummary) -> &'static str {
    match summary.state {
        DriveState::Active if summary.verdict >= Verdict::Watch => summary.verdict.as_str(),
        DriveState::Active if summary.error.is_some() => "unread",
        DriveState::Active => summary.verdict.as_str(),
        other => other.as_str(),
    }
}

/// Why it is so; of a verdict that is over, why it was.
fn why(summary: &DriveSummary, kind: Kind, before: &Said) -> String {
    if let Some(why) = summary.findings.first().map(|f| &f.message).or(summary.error.as_ref()) {
        return format!(" reason={why:?}");
    }
    let rule = before.rules.first().and_then(|code| rule_of(code.as_str()));
    match rule.filter(|_| kind == Kind::DriveBetter) {
        Some(rule) => format!(" was={} no_longer={:?}", before.verdict.as_str(), rule.condition),
        None => String::new(),
    }
}

/// A change of one drive.
pub(super) struct Line {
    pub(super) bad: bool,
    pub(super) kind: Kind,
    pub(super) word: &'static str,
    pub(super) who: String,
    pub(super) why: String,
    pub(super) about: About,
}

impl Line {
    pub(super) fn of(record: &DriveRecord, summary: &DriveSummary, before: &Said, now: &Said) -> Self {
        let kind = now.kind(before);
        let rules = if now.rules.is_empty() && kind == Kind::DriveBetter { &before.rules } else { &now.rules };
        let was = match kind {
            Kind::DriveAnswers if before.state == DriveState::Unresponsive => Some(before.state.as_str()),
            Kind::DriveBetter | Kind::DriveWorse => Some(before.verdict.as_str()),
            _ => None,
        };
        let about = about(record)
            .with_each(event::POOL, &now.pool)
            .with_each(event::RULE, rules)
            .with(event::VERDICT, summary.verdict.as_str())
            .with(event::STATE, summary.state.as_str())
            .with_each(event::WAS, was);
        let (word, who, why) = (word(summary), who(record), why(summary, kind, before));
        Self { bad: now.is_bad(), kind, word, who, why, about }
    }
}

/// What is told: of one drive, or of many.
pub(super) struct Told {
    pub(super) bad: bool,
    pub(super) kind: Kind,
    pub(super) text: String,
    pub(super) about: About,
}

/// What befell more drives than there are lines for, and all in the same words, is one line; each of
/// them is found by its serial number all the same.
pub(super) fn together(lines: Vec<Line>, at_most: usize) -> Vec<Told> {
    let mut alike: BTreeMap<(&str, String), Vec<Line>> = BTreeMap::new();
    let mut order = Vec::new();
    for line in lines {
        let group = alike.entry((line.word, line.why.clone())).or_default();
        if group.is_empty() {
            order.push((line.word, line.why.clone()));
        }
        group.push(line);
    }
    let mut told = Vec::new();
    for words in order {
        let Some(lines) = alike.remove(&words) else { continue };
        let (word, why) = words;
        if lines.len() > at_most {
            let bad = lines.iter().any(|line| line.bad);
            let kind = lines.first().map_or(Kind::ManyDrives, |line| line.kind);
            let text = format!("drives {word} count={}{why}", lines.len());
            told.push(Told { bad, kind, text, about: all(lines.iter().map(|line| &line.about)) });
            continue;
        }
        let one = |line: Line| {
            let text = format!("drive {word} {}{why}", line.who);
            Told { bad: line.bad, kind: line.kind, text, about: line.about }
        };
        told.extend(lines.into_iter().map(one));
    }
    told
}

/// Many, by their serial numbers, with what is the same of all.
pub(super) fn all<'a>(many: impl IntoIterator<Item = &'a About>) -> About {
    let many: Vec<&About> = many.into_iter().collect();
    let shared = |field| {
        let values = |about: &&'a About| about.all(field).map(str::to_owned).collect::<Vec<_>>();
        let first = many.first().map(values).unwrap_or_default();
        if many.iter().all(|about| values(about) == first) { first } else { Vec::new() }
    };
    let common = [event::ENCLOSURE, event::POOL, event::RULE, event::VERDICT, event::STATE, event::WAS];
    let about = common.into_iter().fold(About::nobody(), |about, field| about.with_each(field, shared(field)));
    about.with_each(event::SERIAL, many.iter().flat_map(|about| about.all(event::SERIAL)))
}
