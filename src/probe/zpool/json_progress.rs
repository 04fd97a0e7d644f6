//! Times, amounts and text of an activity from JSON. The text is a sentence as in the text format, as far as JSON has
//! its values.

use super::scalars::percent;
use super::value::{Field, Time};
use crate::domain::zfs::activity::Activity;
use crate::domain::zfs::words::{ActivityKind, ActivityState};

pub(super) fn activity(
    kind: ActivityKind,
    state: ActivityState,
    vdev: Option<String>,
    (start, end): (Time, Time),
    done_percent: Option<f64>,
    text: String,
) -> Activity {
    Activity {
        kind,
        vdev,
        state,
        done_percent: done_percent.filter(|_| state.is_open()),
        started_at: start.at,
        ended_at: end.at.filter(|_| !state.is_open()),
        text: Some(text),
    }
}

/// In percent, to two places. `None`: the total is not known.
pub(super) fn share(done: Option<u64>, total: Option<u64>) -> Option<f64> {
    let total = total.filter(|total| *total > 0)?;
    #[expect(clippy::cast_precision_loss, reason = "a percentage")]
    let done = done? as f64 * 100.0 / total as f64;
    percent(done).map(|percent| (percent * 100.0).round() / 100.0)
}

pub(super) fn bytes(stats: Field, key: &str) -> Option<String> {
    stats.amount(key, " bytes")
}

/// A sentence that ends with a word before a date. Without a date it ends before that word.
pub(super) fn dated(words: &str, time: &Time) -> String {
    match &time.words {
        Some(date) => format!("{words} {date}"),
        None => words.rsplit_once(' ').map_or(words, |(words, _)| words).to_owned(),
    }
}

pub(super) fn done_words(percent: f64) -> String {
    format!("{percent:.2}% done")
}

/// How far it is, in bytes and percent.
pub(super) fn with_amounts(
    stats: Field,
    [done, total]: [&str; 2],
    verb: &str,
    done_percent: Option<f64>,
) -> Vec<String> {
    let amounts = bytes(stats, done).zip(bytes(stats, total));
    let amounts = amounts.map(|(done, total)| format!("{done} / {total} {verb}"));
    amounts.into_iter().chain(done_percent.map(done_words)).collect()
}

/// The sentence, and how far it is if it has not ended.
pub(super) fn with_progress(sentence: String, state: ActivityState, progress: &[String]) -> String {
    if progress.is_empty() || !state.is_open() { sentence } else { format!("{sentence}; {}", progress.join(", ")) }
}
