//! `scan_stats` of `zpool status -j`: scrubs, resilvers, rebuilds, and scrubs of known errors. The keys and words are
//! those of `scan_status_nvlist` in OpenZFS's `zpool_main.c`.

use super::json_leaf::name;
use super::json_progress::{activity, bytes, dated, done_words, share, with_amounts, with_progress};
use super::limits::MAX_ENTRIES;
use super::value::Field;
use crate::domain::zfs::activity::Activity;
use crate::domain::zfs::words::{ActivityKind, ActivityState};

/// All scans. There may be one that has ended and one that is in progress.
pub(super) fn scans(stats: Field) -> Vec<Activity> {
    let mut all: Vec<Activity> = scan(stats).into_iter().collect();
    if let Some(rebuilds) = stats.get("rebuild_stats") {
        all.extend(rebuilds.entries().take(MAX_ENTRIES).filter_map(|(vdev, stats)| rebuild(&vdev, stats)));
    }
    all.extend(error_scrub(stats));
    all
}

/// The scan in `scan_stats` (`scan_status_nvlist`). The state of a paused scrub is SCANNING; a resilver cannot be
/// paused. The percentage is that of `print_scan_scrub_resilver_status`, whose total does not include skipped bytes.
fn scan(stats: Field) -> Option<Activity> {
    let (kind, noun) = match stats.text("function").as_deref() {
        Some("SCRUB") => (ActivityKind::Scrub, "scrub"),
        Some("RESILVER") => (ActivityKind::Resilver, "resilver"),
        _ => return None,
    };
    let state = match stats.text("state").as_deref() {
        Some("SCANNING") if kind == ActivityKind::Scrub && stats.is_set("scrub_pause") => ActivityState::Paused,
        Some("SCANNING") => ActivityState::InProgress,
        Some("FINISHED") => ActivityState::Finished,
        Some("CANCELED") => ActivityState::Canceled,
        _ => return None,
    };
    let (start, end) = (stats.time("start_time"), stats.time("end_time"));
    let skipped = stats.number("skipped").unwrap_or(0);
    let total = stats.number("to_examine").map(|bytes| bytes.saturating_sub(skipped));
    let done_percent = share(stats.number("issued"), total);
    let amounts = (bytes(stats, "processed"), stats.amount("errors", ""));
    let text = match (state, amounts) {
        (ActivityState::Finished, (Some(processed), Some(errors))) => {
            let verb = if kind == ActivityKind::Scrub { "scrub repaired" } else { "resilvered" };
            dated(&format!("{verb} {processed} with {errors} errors on"), &end)
        }
        (ActivityState::Finished, _) => dated(&format!("{noun} finished on"), &end),
        (ActivityState::Canceled, _) => dated(&format!("{noun} canceled on"), &end),
        (ActivityState::Paused, _) => dated(&format!("{noun} paused since"), &stats.time("scrub_pause")),
        _ => dated(&format!("{noun} in progress since"), &start),
    };
    let progress = with_amounts(stats, ["issued", "to_examine"], "issued", done_percent);
    Some(activity(kind, state, None, (start, end), done_percent, with_progress(text, state, &progress)))
}

/// An entry of `rebuild_stats` in `scan_stats` (`scan_status_nvlist`): its key is the top-level vdev, with its number.
/// The percentage is that of `print_rebuild_status_impl`, of the bytes scanned, not issued.
fn rebuild(key: &str, stats: Field) -> Option<Activity> {
    let state = match stats.text("state").as_deref() {
        Some("ACTIVE") => ActivityState::InProgress,
        Some("COMPLETE") => ActivityState::Finished,
        Some("CANCELED") => ActivityState::Canceled,
        _ => return None,
    };
    let name = name(key, stats);
    let vdev = name.rsplit('/').next().unwrap_or(&name);
    let (start, end) = (stats.time("start_time"), stats.time("end_time"));
    let total = stats.number("to_scan").filter(|bytes| *bytes > 0);
    let done_percent = share(stats.number("scanned"), total.map(|bytes| bytes.saturating_add(1)));
    let amounts = (bytes(stats, "rebuilt"), stats.amount("errors", ""));
    let text = match (state, amounts) {
        (ActivityState::Finished, (Some(rebuilt), Some(errors))) => {
            dated(&format!("resilvered ({vdev}) {rebuilt} with {errors} errors on"), &end)
        }
        (ActivityState::Finished, _) => dated(&format!("resilvered ({vdev}) on"), &end),
        (ActivityState::Canceled, _) => dated(&format!("resilver ({vdev}) canceled on"), &end),
        _ => dated(&format!("resilver ({vdev}) in progress since"), &start),
    };
    let progress = with_amounts(stats, ["scanned", "to_scan"], "scanned", done_percent);
    let text = with_progress(text, state, &progress);
    Some(activity(ActivityKind::Rebuild, state, Some(vdev.to_owned()), (start, end), done_percent, text))
}

/// The error scrub in `scan_stats` (`scan_status_nvlist`), if it began after the scan. `err_scrub_to_examine` is the
/// number of remaining blocks. The percentage is that of `print_err_scrub_status`.
fn error_scrub(stats: Field) -> Option<Activity> {
    let state = match stats.text("err_scrub_state").as_deref() {
        Some("ERRORSCRUBBING") if stats.is_set("err_scrub_pause") => ActivityState::Paused,
        Some("ERRORSCRUBBING") => ActivityState::InProgress,
        Some("FINISHED") => ActivityState::Finished,
        Some("CANCELED") => ActivityState::Canceled,
        _ => return None,
    };
    let (start, end) = (stats.time("err_scrub_start_time"), stats.time("err_scrub_end_time"));
    let examined = stats.number("err_scrub_examined");
    let total = match (examined, stats.number("err_scrub_to_examine")) {
        (Some(examined), Some(remaining)) => Some(examined.saturating_add(remaining)),
        _ => None,
    };
    let done_percent = share(examined, total);
    let blocks = stats.amount("err_scrub_examined", "");
    let text = match (state, &blocks) {
        (ActivityState::Finished, Some(blocks)) => dated(&format!("scrubbed {blocks} error blocks on"), &end),
        (ActivityState::Finished, None) => dated("error scrub finished on", &end),
        (ActivityState::Canceled, _) => dated("error scrub canceled on", &end),
        (ActivityState::Paused, _) => dated("error scrub paused since", &stats.time("err_scrub_pause")),
        _ => dated("error scrub in progress since", &start),
    };
    let mut progress: Vec<String> = done_percent.map(done_words).into_iter().collect();
    progress.extend(blocks.map(|blocks| format!("issued I/O for {blocks} error blocks")));
    let text = with_progress(text, state, &progress);
    Some(activity(ActivityKind::ErrorScrub, state, None, (start, end), done_percent, text))
}

#[cfg(test)]
mod tests {
    use super::super::activities::line;
    use super::super::value::LIMITS;
    use super::*;
    use crate::probe::json;

    /// The activities of `scan_stats` with these members: kind, vdev, state, percent, start, end, and the text.
    fn read(members: &str) -> Vec<String> {
        let stats = format!("{{{members}}}");
        let tree = json::parse(&stats, LIMITS).expect(members);
        let line = |activity: Activity| {
            let fields = line(&activity, |time| time.0.to_string());
            format!("{fields} | {}", activity.text.unwrap_or_default())
        };
        scans(Field(tree.root())).into_iter().map(line).collect()
    }

    #[test]
    fn scans_are_read() {
        for (stats, expected) in [
            ("", ""),
            (r#""function": "NONE", "state": "NONE", "start_time": 0"#, ""),
            (
                r#""function": "SCRUB", "state": "SCANNING", "scrub_pause": "-""#,
                "scrub - in_progress - - - | scrub in progress",
            ),
            (
                r#""function": "SCRUB", "state": "SCANNING", "start_time": 1767225600, "end_time": 0, "scrub_pause": 1767229200, "to_examine": 900, "skipped": 100, "issued": 200, "processed": 0"#,
                "scrub - paused 25 1767225600 - | scrub paused since 2026-01-01T01:00:00Z; 200 bytes / 900 bytes issued, 25.00% done",
            ),
            (
                r#""function": "SCRUB", "state": "FINISHED", "start_time": 1767225600, "end_time": 1767229200, "processed": 960, "errors": 0, "issued": 5, "to_examine": 900"#,
                "scrub - finished - 1767225600 1767229200 | scrub repaired 960 bytes with 0 errors on 2026-01-01T01:00:00Z",
            ),
            // A resilver cannot be paused: the time of a pause is that of an earlier scrub.
            (
                r#""function": "RESILVER", "state": "SCANNING", "start_time": 1767225600, "scrub_pause": 1767225000, "to_examine": 4, "issued": 5"#,
                "resilver - in_progress 100 1767225600 - | resilver in progress since 2026-01-01T00:00:00Z; 5 bytes / 4 bytes issued, 100.00% done",
            ),
            (
                r#""function": "RESILVER", "state": "CANCELED", "end_time": 1767229200"#,
                "resilver - canceled - - 1767229200 | resilver canceled on 2026-01-01T01:00:00Z",
            ),
            (
                r#""function": "SCRUB", "state": "SCANNING", "to_examine": 0, "issued": 5"#,
                "scrub - in_progress - - - | scrub in progress; 5 bytes / 0 bytes issued",
            ),
            // Plain `-j`: short numbers, dates in words. A date in another locale or zone is kept as text.
            (
                r#""function": "SCRUB", "state": "FINISHED", "start_time": "Thu Jan  1 00:00:00 UTC 2026", "end_time": "Thu Jan  1 01:00:00 UTC 2026", "processed": "960K", "errors": "0""#,
                "scrub - finished - 1767225600 1767229200 | scrub repaired 960K with 0 errors on Thu Jan  1 01:00:00 UTC 2026",
            ),
            (
                r#""function": "SCRUB", "state": "SCANNING", "start_time": "Mo 23. Mär 09:07:04 CET 2026", "scrub_pause": "-", "to_examine": "4.00T", "issued": "1.00T""#,
                "scrub - in_progress 25 - - | scrub in progress since Mo 23. Mär 09:07:04 CET 2026; 1.00T / 4.00T issued, 25.00% done",
            ),
            // `-j -p`: digits in strings.
            (
                r#""function": "SCRUB", "state": "CANCELED", "end_time": "1767229200""#,
                "scrub - canceled - - 1767229200 | scrub canceled on 2026-01-01T01:00:00Z",
            ),
        ] {
            assert_eq!(read(stats).join("\n"), expected, "{stats}");
        }
    }

    #[test]
    fn rebuilds_and_error_scrubs_are_read_beside_the_scan() {
        let scrub = r#""function": "SCRUB", "state": "FINISHED", "end_time": 1767225600"#;
        let first = "scrub - finished - - 1767225600 | scrub finished on 2026-01-01T00:00:00Z";
        let rebuild = |stats: &str| format!(r#"{scrub}, "rebuild_stats": {stats}"#);
        for (stats, expected) in [
            (
                rebuild(
                    r#"{"mirror-0": {"name": "mirror-0", "state": "ACTIVE", "start_time": 1767229200, "end_time": 0, "scanned": 25000, "issued": 90000, "rebuilt": 20000, "to_scan": 99999, "errors": 0, "pass_skipped": 7}}"#,
                ),
                "rebuild mirror-0 in_progress 25 1767229200 - | resilver (mirror-0) in progress since 2026-01-01T01:00:00Z; 25000 bytes / 99999 bytes scanned, 25.00% done",
            ),
            (
                rebuild(
                    r#"{"mirror-1": {"state": "COMPLETE", "start_time": 1767225600, "end_time": 1767229200, "rebuilt": 500, "errors": 0}}"#,
                ),
                "rebuild mirror-1 finished - 1767225600 1767229200 | resilvered (mirror-1) 500 bytes with 0 errors on 2026-01-01T01:00:00Z",
            ),
            (
                rebuild(r#"{"mirror-1": {"state": "CANCELED", "end_time": 1767229200}}"#),
                "rebuild mirror-1 canceled - - 1767229200 | resilver (mirror-1) canceled on 2026-01-01T01:00:00Z",
            ),
            (
                rebuild(r#"{"mirror-1": {"state": "ACTIVE", "scanned": 5, "to_scan": 0}}"#),
                "rebuild mirror-1 in_progress - - - | resilver (mirror-1) in progress; 5 bytes / 0 bytes scanned",
            ),
            (
                format!(
                    r#"{scrub}, "err_scrub_func": "ERRORSCRUB", "err_scrub_state": "ERRORSCRUBBING", "err_scrub_start_time": 1767229200, "err_scrub_end_time": 0, "err_scrub_examined": 12, "err_scrub_to_examine": 18, "err_scrub_pause": 0"#
                ),
                "error_scrub - in_progress 40 1767229200 - | error scrub in progress since 2026-01-01T01:00:00Z; 40.00% done, issued I/O for 12 error blocks",
            ),
            (
                format!(
                    r#"{scrub}, "err_scrub_state": "ERRORSCRUBBING", "err_scrub_start_time": 1767229200, "err_scrub_pause": "1767232800""#
                ),
                "error_scrub - paused - 1767229200 - | error scrub paused since 2026-01-01T02:00:00Z",
            ),
            (
                format!(
                    r#"{scrub}, "err_scrub_state": "FINISHED", "err_scrub_start_time": 1767229200, "err_scrub_end_time": 1767229204, "err_scrub_examined": 12, "err_scrub_to_examine": 0"#
                ),
                "error_scrub - finished - 1767229200 1767229204 | scrubbed 12 error blocks on 2026-01-01T01:00:04Z",
            ),
            (
                format!(r#"{scrub}, "err_scrub_state": "CANCELED", "err_scrub_end_time": 1767229204"#),
                "error_scrub - canceled - - 1767229204 | error scrub canceled on 2026-01-01T01:00:04Z",
            ),
        ] {
            assert_eq!(read(&stats), [first, expected], "{stats}");
        }
    }

    /// Each is a name that one might expect, and that no OpenZFS writes.
    #[test]
    fn keys_that_zpool_does_not_write_are_not_read() {
        for members in [
            r#""function": "ERRORSCRUB", "state": "ERRORSCRUBBING""#,
            r#""error_scrub": {"state": "SCANNING"}"#,
            r#""rebuild_stats": {"mirror-0": {"state": "FINISHED"}}"#,
        ] {
            assert_eq!(read(members), Vec::<String>::new(), "{members}");
        }
        let rebuild = r#""rebuild_stats": {"mirror-0": {"state": "ACTIVE", "bytes_issued": 1, "bytes_est": 4, "percent_done": 25}}"#;
        assert_eq!(read(rebuild), ["rebuild mirror-0 in_progress - - - | resilver (mirror-0) in progress"]);
        let scrub = r#""function": "SCRUB", "state": "SCANNING", "paused": true, "pass_issued": 5, "pass_exam": 9, "to_process": 10"#;
        assert_eq!(read(scrub), ["scrub - in_progress - - - | scrub in progress"]);
    }
}
