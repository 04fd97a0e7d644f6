//! Trims and initializations, which zpool prints for single leaves. A pool has one activity for all of them.

use super::dates::DatedLine;
use super::scalars::percent;
use crate::domain::time::Timestamp;
use crate::domain::zfs::activity::Activity;
use crate::domain::zfs::words::{ActivityKind, ActivityState};

/// A trim or an initialization of one leaf. For a canceled one zpool prints `untrimmed`, so there is no work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LeafWork {
    pub(super) kind: ActivityKind,
    pub(super) state: ActivityState,
    pub(super) done_percent: Option<f64>,
    /// When it began or ended. If it was resumed, OpenZFS reports the time of its suspension as `started`.
    pub(super) at: Option<Timestamp>,
}

impl LeafWork {
    /// Its remark in output without `-i` and `-t`.
    fn remark(self) -> Option<&'static str> {
        match (self.state, self.kind) {
            (ActivityState::InProgress, ActivityKind::Initialize) => Some("(initializing)"),
            (ActivityState::InProgress, _) => Some("(trimming)"),
            _ => None,
        }
    }
}

/// A remark without its last parts, which describe the initialization and the trim of the leaf, and the work in these
/// parts (`print_status_initialize` and `print_status_trim` in OpenZFS's `zpool_main.c`).
pub(super) fn split_remark(remark: &str) -> (&str, Vec<LeafWork>) {
    let mut rest = remark.trim();
    let mut works = Vec::new();
    while let Some((before, part)) = last_part(rest) {
        match part {
            "uninitialized" | "untrimmed" | "trim unsupported" => {}
            _ => match work_of(part) {
                Some(work) => works.insert(0, work),
                None => break,
            },
        }
        rest = before.trim_end();
    }
    (rest, works)
}

/// The text in the last pair of brackets, and what precedes it.
fn last_part(remark: &str) -> Option<(&str, &str)> {
    remark.strip_suffix(')')?.rsplit_once('(')
}

/// `trimming` (without `-t`), `12% trimmed, started at DATE`, `12% trimmed, suspended, started at DATE`,
/// `100% trimmed, completed at DATE`; the same for an initialization.
fn work_of(part: &str) -> Option<LeafWork> {
    let state = ActivityState::InProgress;
    match part {
        "trimming" => return Some(LeafWork { kind: ActivityKind::Trim, state, done_percent: None, at: None }),
        "initializing" => {
            return Some(LeafWork { kind: ActivityKind::Initialize, state, done_percent: None, at: None });
        }
        _ => {}
    }
    let (done, words) = part.split_once("% ")?;
    let (verb, words) = words.split_once(", ")?;
    let kind = match verb {
        "trimmed" => ActivityKind::Trim,
        "initialized" => ActivityKind::Initialize,
        _ => return None,
    };
    let at = DatedLine::of(words).and_then(|line| line.at);
    let done_percent = done.parse().ok().and_then(percent);
    if words.starts_with("started at") {
        Some(LeafWork { kind, state, done_percent, at })
    } else if words.starts_with("suspended") {
        // The date is that of the suspension, although zpool prints `started at`: `vdev_trim_change_state` in
        // `module/zfs/vdev_trim.c`, `vdev_initialize_change_state` in `vdev_initialize.c`.
        Some(LeafWork { kind, state: ActivityState::Paused, done_percent, at: None })
    } else if words.starts_with("completed at") {
        Some(LeafWork { kind, state: ActivityState::Finished, done_percent: None, at })
    } else {
        None
    }
}

/// The remark of a leaf as zpool prints it without `-i` and `-t`.
pub(super) fn with_works(remark: Option<&str>, works: &[LeafWork]) -> Option<String> {
    let remarks = works.iter().filter_map(|work| work.remark());
    let parts: Vec<&str> = remark.into_iter().chain(remarks).collect();
    if parts.is_empty() {
        return None;
    }
    Some(parts.join(" "))
}

/// The activities of a pool with this work of its leaves: at most one trim and one initialization.
pub(super) fn activities(works: &[LeafWork]) -> Vec<Activity> {
    let kinds = [ActivityKind::Trim, ActivityKind::Initialize];
    kinds.into_iter().filter_map(|kind| activity(kind, works)).collect()
}

/// The activity of the leaves with work in progress, or else of those with suspended, or else with completed work. Its
/// progress is that of the least advanced leaf, because text does not contain the sizes of the leaves.
fn activity(kind: ActivityKind, works: &[LeafWork]) -> Option<Activity> {
    let all: Vec<&LeafWork> = works.iter().filter(|work| work.kind == kind).collect();
    let states = [ActivityState::InProgress, ActivityState::Paused, ActivityState::Finished];
    let state = states.into_iter().find(|state| all.iter().any(|work| work.state == *state))?;
    let selected: Vec<&LeafWork> = all.into_iter().filter(|work| work.state == state).collect();
    let mut activity = Activity::new(kind, state);
    if state == ActivityState::InProgress {
        activity.started_at = selected.iter().map(|work| work.at).min().flatten();
    }
    if state.is_open() {
        // Unknown if that of a leaf is unknown.
        let percents: Option<Vec<f64>> = selected.iter().map(|work| work.done_percent).collect();
        activity.done_percent = percents.unwrap_or_default().into_iter().reduce(f64::min);
    } else {
        activity.ended_at = selected.iter().filter_map(|work| work.at).max();
    }
    activity.text = Some(text(&activity, selected.len()));
    Some(activity)
}

fn text(activity: &Activity, leaves: usize) -> String {
    let unit = if leaves == 1 { "leaf" } else { "leaves" };
    let words = match activity.state {
        ActivityState::InProgress => "in progress",
        ActivityState::Paused => "suspended",
        _ => "completed",
    };
    let what = if activity.kind == ActivityKind::Trim { "trim" } else { "initialization" };
    let mut text = format!("{what} of {leaves} {unit} {words}");
    if let Some(start) = activity.started_at {
        text.push_str(&format!(" since {start}"));
    }
    if let Some(end) = activity.ended_at {
        text.push_str(&format!(" on {end}"));
    }
    if let Some(percent) = activity.done_percent {
        text.push_str(&format!("; {percent:.0}% done"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The activities of a pool whose leaves have these remarks.
    fn lines(remarks: &[&str]) -> Vec<String> {
        let works: Vec<LeafWork> = remarks.iter().flat_map(|remark| split_remark(remark).1).collect();
        let mut lines = Vec::new();
        for activity in activities(&works) {
            let Activity { kind, state, done_percent, text, .. } = activity;
            lines.push(format!("{kind} {state} {done_percent:?} {}", text.unwrap_or_default()));
        }
        lines
    }

    #[test]
    fn only_the_work_is_removed_from_a_remark() {
        for (remark, rest, count) in [
            ("", "", 0),
            ("(uninitialized)  (untrimmed)", "", 0),
            ("(uninitialized)  (trim unsupported)", "", 0),
            ("(resilvering)  (uninitialized)  (untrimmed)", "(resilvering)", 0),
            ("(removing)  (trimming)", "(removing)", 1),
            ("(initializing)  (trimming)", "", 2),
            ("in use by pool 'a  b'  (uninitialized)  (untrimmed)", "in use by pool 'a  b'", 0),
            (
                "block size: 512B configured, 4096B native  (uninitialized)  (12% trimmed, started at Sun Feb  8 00:00:00 2026)",
                "block size: 512B configured, 4096B native",
                1,
            ),
            (
                "(12% polished, started at Sun Feb  8 00:00:00 2026)",
                "(12% polished, started at Sun Feb  8 00:00:00 2026)",
                0,
            ),
            ("(awaiting resilver)", "(awaiting resilver)", 0),
        ] {
            let (left, works) = split_remark(remark);
            assert_eq!((left, works.len()), (rest, count), "{remark}");
        }
    }

    #[test]
    fn leaves_with_the_same_work_are_one_activity() {
        for (remarks, expected) in [
            (&["(untrimmed)"][..], &[][..]),
            (&["(trimming)", "(trimming)", ""], &["trim in_progress None trim of 2 leaves in progress"]),
            (
                &[
                    "(40% trimmed, started at Sun Feb  8 00:00:05 2026)",
                    "(12% trimmed, started at Sun Feb  8 00:00:00 2026)",
                    "(100% trimmed, completed at Sun Feb  8 00:00:00 2026)",
                ],
                &["trim in_progress Some(12.0) trim of 2 leaves in progress since 2026-02-08T00:00:00Z; 12% done"],
            ),
            (
                &["(7% initialized, suspended, started at Sun Feb  8 00:00:00 2026)  (untrimmed)"],
                &["initialize paused Some(7.0) initialization of 1 leaf suspended; 7% done"],
            ),
            (
                &[
                    "(100% trimmed, completed at Sun Feb  8 00:00:00 2026)",
                    "(uninitialized)  (100% trimmed, completed at Sun Feb  8 01:00:00 2026)",
                ],
                &["trim finished None trim of 2 leaves completed on 2026-02-08T01:00:00Z"],
            ),
            (
                &["(initializing)  (trimming)"],
                &[
                    "trim in_progress None trim of 1 leaf in progress",
                    "initialize in_progress None initialization of 1 leaf in progress",
                ],
            ),
        ] {
            assert_eq!(lines(remarks), expected, "{remarks:?}");
        }
    }

    #[test]
    fn the_remark_is_that_of_a_zpool_without_these_options() {
        let (rest, works) = split_remark("(5% initialized, started at Sun Feb  8 00:00:00 2026)  (untrimmed)");
        assert_eq!(with_works(None, &works).as_deref(), Some("(initializing)"));
        assert_eq!(rest, "");
        let (_, works) = split_remark("(100% trimmed, completed at Sun Feb  8 00:00:00 2026)");
        assert_eq!(with_works(Some("too many errors"), &works).as_deref(), Some("too many errors"));
        assert_eq!(with_works(None, &works), None);
    }
}
