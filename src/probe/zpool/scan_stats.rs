//! `scan_stats` of `zpool status -j`: scrubs, resilvers, rebuilds, and scrubs of known errors.

use super::scalars::percent;
use super::value::Field;
use crate::domain::time::Timestamp;
use crate::domain::zfs::Scan;
use crate::domain::zfs::words::{ScanKind, ScanState};

/// The newest scan, or what runs now: a resilver or rebuild before a scrub. Rebuilds of dRAID
/// groups and mirrors are in `rebuild_stats`, error scrubs in `err_scrub_…`.
pub(super) fn scan(stats: Field) -> Scan {
    let kind = match stats.text("function").as_deref() {
        Some("SCRUB" | "ERRORSCRUB") => ScanKind::Scrub,
        Some("RESILVER") => ScanKind::Resilver,
        _ => ScanKind::None,
    };
    let state = match stats.text("state").filter(|_| kind != ScanKind::None).as_deref() {
        Some("SCANNING" | "ERRORSCRUBBING") if stats.is_set("scrub_pause") => ScanState::Paused,
        Some("SCANNING" | "ERRORSCRUBBING") => ScanState::InProgress,
        Some("FINISHED") => ScanState::Finished,
        Some("CANCELED") => ScanState::Canceled,
        _ => ScanState::None,
    };
    if state == ScanState::InProgress && kind == ScanKind::Resilver {
        return running(stats, kind, state, "issued", "to_examine");
    }
    let rebuilds = stats.get("rebuild_stats");
    let rebuild = |state: &str| rebuilds?.entries().map(|(_, rebuild)| rebuild).find(|r| r.has("state", state));
    if let Some(rebuild) = rebuild("ACTIVE") {
        return running(rebuild, ScanKind::Resilver, ScanState::InProgress, "bytes_issued", "bytes_est");
    }
    if state.is_open() {
        return running(stats, kind, state, "issued", "to_examine");
    }
    if stats.has("err_scrub_state", "ERRORSCRUBBING") {
        let state = if stats.is_set("err_scrub_pause") { ScanState::Paused } else { ScanState::InProgress };
        return Scan { kind: ScanKind::Scrub, state, ..Scan::default() };
    }
    match rebuild("COMPLETE") {
        Some(rebuild) if state == ScanState::None => ended(rebuild, ScanKind::Resilver, ScanState::Finished),
        _ if state == ScanState::None => Scan::default(),
        _ => ended(stats, kind, state),
    }
}

fn running(stats: Field, kind: ScanKind, state: ScanState, issued: &str, all: &str) -> Scan {
    // As zpool computes it: bytes issued, of bytes to examine less bytes skipped.
    let total = stats.number(all).map(|n| n.saturating_sub(stats.number("skipped").unwrap_or(0))).filter(|n| *n > 0);
    #[expect(clippy::cast_precision_loss, reason = "a percentage")]
    let done = stats.number(issued).zip(total).map(|(issued, total)| issued as f64 * 100.0 / total as f64);
    let done_percent = done.and_then(percent).map(|p| (p * 100.0).round() / 100.0);
    let (words, since) = match state {
        ScanState::Paused => ("paused since", "scrub_pause"),
        _ => ("in progress since", "start_time"),
    };
    let since = time(stats, since);
    let mut text = since.map(|since| format!("{kind} {words} {since}"));
    if let (Some(text), Some(issued), Some(all)) =
        (&mut text, stats.amount(issued, " bytes"), stats.amount(all, " bytes"))
    {
        text.push_str(&format!("; {issued} / {all} issued"));
        if let Some(percent) = done_percent {
            text.push_str(&format!(", {percent:.2}% done"));
        }
    }
    Scan { kind, state, done_percent, text }
}

fn ended(stats: Field, kind: ScanKind, state: ScanState) -> Scan {
    let at = time(stats, "end_time");
    let text = at.map(|at| match (state, stats.amount("processed", " bytes"), stats.amount("errors", "")) {
        (ScanState::Finished, Some(bytes), Some(errors)) => {
            let what = if kind == ScanKind::Scrub { "scrub repaired" } else { "resilvered" };
            format!("{what} {bytes} with {errors} errors on {at}")
        }
        (ScanState::Finished, ..) => format!("{kind} finished on {at}"),
        _ => format!("{kind} {state} on {at}"),
    });
    Scan { kind, state, done_percent: None, text }
}

/// A time: seconds since 1970 as RFC 3339, otherwise unchanged, in the language of zpool.
fn time(stats: Field, key: &str) -> Option<String> {
    match stats.exact(key) {
        Some(0) => None,
        Some(seconds) => i64::try_from(seconds).ok().map(|s| Timestamp(s).to_string()),
        None => stats.owned(key).filter(|t| t != "0"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::value::LIMITS;
    use super::*;
    use crate::probe::json;

    #[test]
    fn scans_are_told_like_those_of_text() {
        let scan = |stats: &str| {
            let tree = json::parse(stats, LIMITS).expect(stats);
            let scan = scan(Field(tree.root()));
            format!("{} {} {:?} {}", scan.kind, scan.state, scan.done_percent, scan.text.unwrap_or_default())
        };
        for (stats, expected) in [
            ("{}", "none none None "),
            ("7", "none none None "),
            (r#"{"function": "NONE", "state": "NONE"}"#, "none none None "),
            (r#"{"function": "SCRUB", "state": "SCANNING", "scrub_pause": "-"}"#, "scrub in_progress None "),
            (
                r#"{"function": "SCRUB", "state": "SCANNING", "scrub_pause": "Mo 23. Mär 09:07:04 CET 2026", "to_examine": "4.00T", "issued": "1.00T"}"#,
                "scrub paused Some(25.0) scrub paused since Mo 23. Mär 09:07:04 CET 2026; 1.00T / 4.00T issued, 25.00% done",
            ),
            (
                r#"{"function": "SCRUB", "state": "FINISHED", "end_time": 1767225600, "processed": "960K", "errors": "0"}"#,
                "scrub finished None scrub repaired 960K with 0 errors on 2026-01-01T00:00:00Z",
            ),
            (r#"{"function": "RESILVER", "state": "CANCELED", "end_time": "-"}"#, "resilver canceled None "),
            (
                r#"{"function": "SCRUB", "state": "FINISHED", "rebuild_stats": {"mirror-0": {"state": "ACTIVE", "bytes_issued": 1, "bytes_est": 4}}}"#,
                "resilver in_progress Some(25.0) ",
            ),
            (r#"{"rebuild_stats": {"mirror-0": {"state": "COMPLETE", "end_time": 0}}}"#, "resilver finished None "),
            (
                r#"{"function": "SCRUB", "state": "FINISHED", "err_scrub_state": "ERRORSCRUBBING", "err_scrub_pause": 0}"#,
                "scrub in_progress None ",
            ),
            (r#"{"function": "SCRUB", "state": "SCANNING", "to_examine": 0, "issued": 5}"#, "scrub in_progress None "),
            (
                r#"{"function": "SCRUB", "state": "SCANNING", "to_examine": 4, "issued": 5}"#,
                "scrub in_progress Some(100.0) ",
            ),
        ] {
            assert_eq!(scan(stats), expected, "{stats}");
        }
    }
}
