//! The activities of a pool, from `zpool status -j`. Each function parses the output of the function of OpenZFS's
//! `zpool_main.c` that its comment names. JSON has no percentages; they are computed as for the text. A time of zero
//! means that there is none.

use super::activities::vdev_named;
use super::json_progress::{activity, bytes, dated, share, with_amounts, with_progress};
use super::json_scans::scans;
use super::limits::MAX_ENTRIES;
use super::scalars::clip;
use super::value::{Field, Time};
use crate::domain::zfs::Vdev;
use crate::domain::zfs::activity::Activity;
use crate::domain::zfs::words::{ActivityKind, ActivityState};

/// Everything except trims and initializations, which are values of leaves.
pub(super) fn activities(pool: Field, vdevs: &[Vdev]) -> Vec<Activity> {
    let mut all = Vec::new();
    if let Some(stats) = pool.get("scan_stats") {
        all.extend(scans(stats));
    }
    if let Some(stats) = pool.get("raidz_expand_stats") {
        all.extend(expansion(stats, vdevs));
    }
    if let Some(stats) = pool.get("removal_stats") {
        all.extend(removal(stats, vdevs));
    }
    if let Some(stats) = pool.get("checkpoint_stats") {
        all.extend(checkpoint(stats));
    }
    if let Some(maps) = pool.get("condense") {
        for (map, stats) in maps.entries().take(MAX_ENTRIES) {
            all.extend(condense(&map, stats));
        }
    }
    all
}

/// `raidz_expand_stats` (`raidz_expand_status_nvlist`). The number of the vdev is not in its name. The percentage is
/// that of `print_raidz_expand_status`; it exceeds 100 when data was added meanwhile.
fn expansion(stats: Field, vdevs: &[Vdev]) -> Option<Activity> {
    let state = match stats.text("state").as_deref() {
        Some("SCANNING") if stats.is_set("waiting_for_resilver") => ActivityState::Paused,
        Some("SCANNING") => ActivityState::InProgress,
        Some("FINISHED") => ActivityState::Finished,
        _ => return None,
    };
    let vdev = vdev_numbered(vdevs, stats.text("name").as_deref(), stats.number("expanding_vdev"));
    let (start, end) = (stats.time("start_time"), stats.time("end_time"));
    let done_percent = share(stats.number("reflowed").map(|bytes| bytes.max(1)), stats.number("to_reflow"));
    let name = vdev.as_deref().unwrap_or("a vdev");
    let text = match state {
        ActivityState::Finished => dated(&format!("expanded {name} on"), &end),
        _ => dated(&format!("expansion of {name} in progress since"), &start),
    };
    let mut progress = with_amounts(stats, ["reflowed", "to_reflow"], "copied", done_percent);
    if state == ActivityState::Paused {
        progress.push("paused for resilver or clear".to_owned());
    }
    let text = with_progress(text, state, &progress);
    Some(activity(ActivityKind::Expansion, state, vdev, (start, end), done_percent, text))
}

/// `removal_stats` (`removal_status_nvlist`). The name is a path, or a type without the number of the vdev;
/// zpool does not print that of a vdev which has been removed. The percentage is that of `print_removal_status`.
fn removal(stats: Field, vdevs: &[Vdev]) -> Option<Activity> {
    let state = match stats.text("state").as_deref() {
        Some("SCANNING") => ActivityState::InProgress,
        Some("FINISHED") => ActivityState::Finished,
        Some("CANCELED") => ActivityState::Canceled,
        _ => return None,
    };
    let number = stats.number("removing_vdev");
    let vdev = match state {
        ActivityState::Finished => None,
        _ => vdev_numbered(vdevs, stats.text("name").as_deref(), number),
    };
    let (start, end) = (stats.time("start_time"), stats.time("end_time"));
    let done_percent = share(stats.number("copied").map(|bytes| bytes.max(1)), stats.number("to_copy"));
    let name = match (&vdev, number) {
        (Some(vdev), _) => vdev.clone(),
        (None, Some(number)) => format!("vdev {number}"),
        (None, None) => "a vdev".to_owned(),
    };
    let text = match (state, bytes(stats, "copied")) {
        (ActivityState::Finished, Some(copied)) => {
            dated(&format!("Removal of {name} copied {copied}, completed on"), &end)
        }
        (ActivityState::Finished, None) => dated(&format!("Removal of {name} completed on"), &end),
        (ActivityState::Canceled, _) => dated(&format!("Removal of {name} canceled on"), &end),
        _ => dated(&format!("Evacuation of {name} in progress since"), &start),
    };
    let progress = with_amounts(stats, ["copied", "to_copy"], "copied", done_percent);
    let mut text = with_progress(text, state, &progress);
    if stats.is_set("mapping_memory")
        && let Some(memory) = bytes(stats, "mapping_memory")
    {
        text.push_str(&format!("; {memory} memory used for removed device mappings"));
    }
    Some(activity(ActivityKind::Removal, state, vdev, (start, end), done_percent, text))
}

/// `checkpoint_stats` (`checkpoint_status_nvlist`). While it is discarded, its time is still that of its creation.
fn checkpoint(stats: Field) -> Option<Activity> {
    let created = stats.time("start_time");
    let space = bytes(stats, "space");
    let (state, start, text) = match stats.text("state").as_deref() {
        Some("EXISTS") => {
            let consumes = space.map(|space| format!(", consumes {space}")).unwrap_or_default();
            let text = format!("{}{consumes}", dated("created", &created));
            (ActivityState::Exists, created, text)
        }
        Some("DISCARDING") => {
            let remaining = space.map(|space| format!(", {space} remaining")).unwrap_or_default();
            (ActivityState::Discarding, Time::default(), format!("discarding{remaining}"))
        }
        _ => return None,
    };
    Some(activity(ActivityKind::Checkpoint, state, None, (start, Time::default()), None, text))
}

/// An entry of `condense` (`condense_status_nvlist`, in OpenZFS after 2.4). It has no state, which is derived as in
/// `print_condense_status`.
fn condense(map: &str, stats: Field) -> Option<Activity> {
    let (start, end) = (stats.time("start_time"), stats.time("end_time"));
    let (processed, total) = (stats.number("processed"), stats.number("total"));
    let (state, word) = match (processed, total) {
        _ if start.words.is_none() => return None,
        _ if end.words.is_none() => (ActivityState::InProgress, "condensing"),
        (Some(processed), Some(total)) if processed < total => (ActivityState::Canceled, "cancelled"),
        (Some(_), Some(_)) => (ActivityState::Finished, "done"),
        _ => return None,
    };
    let mut text = format!("{}: {word}", clip(map));
    if let (Some(processed), Some(total)) = (stats.amount("processed", ""), stats.amount("total", "")) {
        let unit = stats.owned("unit").unwrap_or_default();
        text.push_str(format!(", {processed}/{total} {unit}").trim_end());
    }
    Some(activity(ActivityKind::Condense, state, None, (start, end), share(processed, total), text))
}

/// The vdev that zpool names without its number, which is in another key.
fn vdev_numbered(vdevs: &[Vdev], name: Option<&str>, number: Option<u64>) -> Option<String> {
    let name = name?;
    if let Some(number) = number {
        let numbered = format!("{name}-{number}");
        if vdevs.iter().any(|vdev| vdev.name == numbered) {
            return Some(numbered);
        }
    }
    Some(vdev_named(vdevs, name))
}

#[cfg(test)]
mod tests {
    use super::super::activities::line;
    use super::super::value::LIMITS;
    use super::*;
    use crate::probe::json;

    /// The activities of a pool object with these members: kind, vdev, state, percent, start, end, and the text.
    fn read(members: &str) -> Vec<String> {
        let vdevs = ["mirror-0", "mirror-1", "raidz2-2", "sdq1"];
        let vdevs = vdevs.map(|name| Vdev { name: name.to_owned(), ..Vdev::default() });
        let pool = format!("{{{members}}}");
        let tree = json::parse(&pool, LIMITS).expect(members);
        let line = |activity: Activity| {
            let fields = line(&activity, |time| time.0.to_string());
            format!("{fields} | {}", activity.text.unwrap_or_default())
        };
        activities(Field(tree.root()), &vdevs).into_iter().map(line).collect()
    }

    #[test]
    fn what_changes_vdevs_is_read() {
        for (members, expected) in [
            (
                r#""raidz_expand_stats": {"name": "raidz2", "state": "SCANNING", "expanding_vdev": 2, "start_time": 1767225600, "end_time": 0, "to_reflow": 8000, "reflowed": 1000, "waiting_for_resilver": 0}"#,
                "expansion raidz2-2 in_progress 12.5 1767225600 - | expansion of raidz2-2 in progress since 2026-01-01T00:00:00Z; 1000 bytes / 8000 bytes copied, 12.50% done",
            ),
            (
                r#""raidz_expand_stats": {"name": "raidz2", "state": "SCANNING", "expanding_vdev": "2", "start_time": 1767225600, "to_reflow": 8000, "reflowed": 8400, "waiting_for_resilver": "1"}"#,
                "expansion raidz2-2 paused 100 1767225600 - | expansion of raidz2-2 in progress since 2026-01-01T00:00:00Z; 8400 bytes / 8000 bytes copied, 100.00% done, paused for resilver or clear",
            ),
            (
                r#""raidz_expand_stats": {"name": "raidz2", "state": "FINISHED", "expanding_vdev": 2, "start_time": 1767225600, "end_time": 1767229200, "to_reflow": 9000, "reflowed": 8000}"#,
                "expansion raidz2-2 finished - 1767225600 1767229200 | expanded raidz2-2 on 2026-01-01T01:00:00Z",
            ),
            (r#""removal_stats": {"name": "mirror-1", "state": "NONE"}"#, ""),
            (
                r#""removal_stats": {"name": "mirror", "state": "SCANNING", "removing_vdev": 1, "start_time": 1767225600, "end_time": 0, "to_copy": 1000, "copied": 0, "mapping_memory": 0}"#,
                "removal mirror-1 in_progress 0.1 1767225600 - | Evacuation of mirror-1 in progress since 2026-01-01T00:00:00Z; 0 bytes / 1000 bytes copied, 0.10% done",
            ),
            (
                r#""removal_stats": {"name": "/dev/sdq1", "state": "CANCELED", "removing_vdev": 3, "end_time": 1767229200, "to_copy": 1000, "copied": 10}"#,
                "removal sdq1 canceled - - 1767229200 | Removal of sdq1 canceled on 2026-01-01T01:00:00Z",
            ),
            (
                r#""removal_stats": {"name": "indirect", "state": "FINISHED", "removing_vdev": 1, "start_time": 1767225600, "end_time": 1767229200, "to_copy": 1000, "copied": 1000, "mapping_memory": 11468}"#,
                "removal - finished - 1767225600 1767229200 | Removal of vdev 1 copied 1000 bytes, completed on 2026-01-01T01:00:00Z; 11468 bytes memory used for removed device mappings",
            ),
        ] {
            assert_eq!(read(members).join("\n"), expected, "{members}");
        }
    }

    #[test]
    fn checkpoints_and_condensing_are_read() {
        for (members, expected) in [
            (
                r#""checkpoint_stats": {"state": "EXISTS", "start_time": 1767225600, "space": 4096}"#,
                "checkpoint - exists - 1767225600 - | created 2026-01-01T00:00:00Z, consumes 4096 bytes",
            ),
            (
                r#""checkpoint_stats": {"state": "DISCARDING", "start_time": 1767225600, "space": "4K"}"#,
                "checkpoint - discarding - - - | discarding, 4K remaining",
            ),
            (r#""checkpoint_stats": {"state": "NONE", "start_time": 0, "space": 0}"#, ""),
            (
                r#""condense": {"log_spacemap": {"start_time": 1767225600, "processed": 5, "total": 20, "unit": "metaslabs"}}"#,
                "condense - in_progress 25 1767225600 - | log_spacemap: condensing, 5/20 metaslabs",
            ),
            (
                r#""condense": {"log_spacemap": {"start_time": 1767225600, "end_time": 1767229200, "processed": 5, "total": 20, "unit": "metaslabs"}}"#,
                "condense - canceled - 1767225600 1767229200 | log_spacemap: cancelled, 5/20 metaslabs",
            ),
            (
                r#""condense": {"log_spacemap": {"start_time": 1767225600, "end_time": 1767229200, "processed": 20, "total": 20, "unit": "metaslabs"}}"#,
                "condense - finished - 1767225600 1767229200 | log_spacemap: done, 20/20 metaslabs",
            ),
        ] {
            assert_eq!(read(members).join("\n"), expected, "{members}");
        }
    }

    /// Each is a name that one might expect, and that no OpenZFS writes.
    #[test]
    fn keys_that_zpool_does_not_write_are_not_read() {
        for members in [
            r#""rebuild_stats": {"mirror-0": {"state": "ACTIVE", "scanned": 5, "to_scan": 10}}"#,
            r#""scrub_stats": {"function": "SCRUB", "state": "SCANNING"}, "error_scrub": {"state": "SCANNING"}"#,
            r#""expand_stats": {"state": "SCANNING"}, "condense_stats": {"log_spacemap": {"start_time": 5}}"#,
            r#""trim_stats": {"state": "ACTIVE"}, "removal": {"state": "SCANNING"}"#,
        ] {
            assert_eq!(read(members), Vec::<String>::new(), "{members}");
        }
    }
}
