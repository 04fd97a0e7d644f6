//! Times, amounts and text of an activity from JSON. The text is a sentence as in the text format, with the values that
//! JSON has.

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
        done_percent: if state.is_open() { done_percent } else { None },
        started_at: start.at,
        ended_at: if state.is_open() { None } else { end.at },
        text: Some(text),
    }
}

/// In percent, with two decimal places. `None` if the total is not known.
pub(super) fn share(done: Option<u64>, total: Option<u64>) -> Option<f64> {
    let total = total.filter(|total| *total > 0)?;
    #[expect(clippy::cast_precision_loss, reason = "a percentage")]
    let done = done? as f64 * 100.0 / total as f64;
    percent(done).map(|percent| (percent * 100.0).round() / 100.0)
}

pub(super) fn bytes(stats: Field, key: &str) -> Option<String> {
    stats.amount(key, " bytes")
}

/// A sentence that ends with a preposition and a date. Without a date, the preposition is removed.
pub(super) fn dated(words: &str, time: &Time) -> String {
    match (&time.words, words.rsplit_once(' ')) {
        (Some(date), _) => format!("{words} {date}"),
        (None, Some((sentence, _preposition))) => sentence.to_owned(),
        (None, None) => words.to_owned(),
    }
}

pub(super) fn done_words(percent: f64) -> String {
    format!("{percent:.2}% done")
}

/// The progress in bytes and percent.
pub(super) fn with_amounts(
    stats: Field,
    [done, total]: [&str; 2],
    verb: &str,
    done_percent: Option<f64>,
) -> Vec<String> {
    let mut progress = Vec::new();
    if let (Some(done), Some(total)) = (bytes(stats, done), bytes(stats, total)) {
        progress.push(format!("{done} / {total} {verb}"));
    }
    progress.extend(done_percent.map(done_words));
    progress
}

/// The sentence, with the progress of an activity that has not ended.
pub(super) fn with_progress(sentence: String, state: ActivityState, progress: &[String]) -> String {
    if progress.is_empty() || !state.is_open() { sentence } else { format!("{sentence}; {}", progress.join(", ")) }
}
