//! The activities of a pool, from the lines of `zpool status`. Each function parses the sentences of the functions of
//! OpenZFS's `zpool_main.c` that its comment names, in all versions. Other sentences are ignored.

use super::activities::vdev_named;
use super::dates::{DatedLine, with_zone};
use super::scalars::{clip, count, percent};
use crate::domain::time::Timestamp;
use crate::domain::zfs::Vdev;
use crate::domain::zfs::activity::Activity;
use crate::domain::zfs::words::{ActivityKind, ActivityState};

/// A section of the text: its key, and its lines without indentation.
pub(super) struct Section {
    pub(super) key: String,
    pub(super) lines: Vec<String>,
}

/// Whether a key is that of a section about an activity.
pub(super) fn is_activity(key: &str) -> bool {
    matches!(key, "scan" | "scrub" | "remove" | "checkpoint" | "expand" | "condense")
}

/// The activity that a section describes. `removing`: the top-level vdev whose row is marked as being removed.
pub(super) fn activity(section: &Section, vdevs: &[Vdev], removing: Option<&str>) -> Option<Activity> {
    let first = section.lines.first()?;
    let (words, at) = match DatedLine::of(first) {
        Some(dated) => (dated.before, dated.at),
        None => (first.as_str(), None),
    };
    let sentence = Sentence { words: words.trim_end(), at, lines: &section.lines };
    let activity = match section.key.as_str() {
        "remove" => sentence.removal(vdevs, removing),
        "checkpoint" => sentence.checkpoint(),
        "expand" => sentence.expansion(),
        "condense" => sentence.condense(),
        _ => sentence.scan(),
    }?;
    let lines: Vec<String> = section.lines.iter().map(|line| with_zone(line)).collect();
    Some(Activity { text: Some(clip(&lines.join("; ")).to_owned()), ..activity })
}

/// The first line of a section.
struct Sentence<'a> {
    /// Up to its date.
    words: &'a str,
    at: Option<Timestamp>,
    /// All lines of the section.
    lines: &'a [String],
}

impl Sentence<'_> {
    /// `print_scan_scrub_resilver_status`, `print_rebuild_status_impl` and `print_err_scrub_status`;
    /// `print_scan_status` of OpenZFS 0.8 and earlier.
    fn scan(&self) -> Option<Activity> {
        let words = self.words.strip_prefix("thorough ").unwrap_or(self.words);
        let (kind, vdev) = if words.starts_with("error scrub ") || words.starts_with("scrubbed ") {
            (ActivityKind::ErrorScrub, None)
        } else if words.starts_with("scrub ") {
            (ActivityKind::Scrub, None)
        } else {
            let rest = ["resilvered ", "resilver "].iter().find_map(|verb| words.strip_prefix(verb))?;
            match rebuilt_vdev(rest) {
                Some(vdev) => (ActivityKind::Rebuild, Some(vdev.to_owned())),
                None => (ActivityKind::Resilver, None),
            }
        };
        let state = if words.contains(" in progress") {
            ActivityState::InProgress
        } else if words.contains(" paused") {
            ActivityState::Paused
        } else if words.contains(" canceled") || words.contains(" stopped") {
            ActivityState::Canceled
        } else if ["resilvered ", "scrubbed ", "scrub repaired "].iter().any(|verb| words.starts_with(verb))
            || words.contains(" completed")
        {
            ActivityState::Finished
        } else {
            return None;
        };
        let mut activity = Activity { vdev, ..self.of(kind, state) };
        if state == ActivityState::Paused {
            // The date is that of the pause; that of the start is on the next line.
            activity.started_at = self.lines.iter().find_map(|line| start_of_scan(line));
        }
        Some(activity)
    }

    /// `print_removal_status`. zpool does not print the name of a vdev that has been removed.
    fn removal(&self, vdevs: &[Vdev], removing: Option<&str>) -> Option<Activity> {
        if self.words.starts_with("Removal of vdev ") && self.words.contains(" completed") {
            return Some(self.of(ActivityKind::Removal, ActivityState::Finished));
        }
        let (name, state) = if let Some(rest) = self.words.strip_prefix("Evacuation of ") {
            (rest.split_once(" in progress")?.0, ActivityState::InProgress)
        } else {
            (self.words.strip_prefix("Removal of ")?.split_once(" canceled")?.0, ActivityState::Canceled)
        };
        let vdev = match removing {
            Some(marked) if state == ActivityState::InProgress => marked.to_owned(),
            _ => vdev_named(vdevs, name),
        };
        Some(Activity { vdev: Some(vdev), ..self.of(ActivityKind::Removal, state) })
    }

    /// `print_checkpoint_status`.
    fn checkpoint(&self) -> Option<Activity> {
        if self.words.starts_with("created") {
            Some(self.of(ActivityKind::Checkpoint, ActivityState::Exists))
        } else if self.words.starts_with("discarding") {
            Some(self.of(ActivityKind::Checkpoint, ActivityState::Discarding))
        } else {
            None
        }
    }

    /// `print_raidz_expand_status`.
    fn expansion(&self) -> Option<Activity> {
        if let Some(rest) = self.words.strip_prefix("expanded ") {
            let vdev = rest.split_once(" copied ")?.0.to_owned();
            let finished = self.of(ActivityKind::Expansion, ActivityState::Finished);
            return Some(Activity { vdev: Some(vdev), ..finished });
        }
        let vdev = self.words.strip_prefix("expansion of ")?.split_once(" in progress")?.0.to_owned();
        let is_waiting = self.lines.iter().any(|line| line.ends_with("paused for resilver or clear"));
        let state = if is_waiting { ActivityState::Paused } else { ActivityState::InProgress };
        Some(Activity { vdev: Some(vdev), ..self.of(ActivityKind::Expansion, state) })
    }

    /// `print_condense_status` of OpenZFS after 2.4: `log_spacemap: condensing, 5/10 metaslabs done in 00:00:01`. It
    /// has no dates.
    fn condense(&self) -> Option<Activity> {
        let (_, words) = self.words.split_once(": ")?;
        let (word, rest) = words.split_once(", ")?;
        let state = match word {
            "condensing" => ActivityState::InProgress,
            "cancelled" => ActivityState::Canceled,
            "done" => ActivityState::Finished,
            _ => return None,
        };
        let done_percent = if state.is_open() { fraction(rest) } else { None };
        Some(Activity { done_percent, ..Activity::new(ActivityKind::Condense, state) })
    }

    /// An activity with the date of the sentence, and its progress.
    fn of(&self, kind: ActivityKind, state: ActivityState) -> Activity {
        let mut activity = Activity::new(kind, state);
        match state {
            ActivityState::InProgress | ActivityState::Exists => activity.started_at = self.at,
            // For an expansion that waits, zpool prints the date of its start.
            ActivityState::Paused if kind == ActivityKind::Expansion => activity.started_at = self.at,
            ActivityState::Finished | ActivityState::Canceled => activity.ended_at = self.at,
            ActivityState::Paused | ActivityState::Discarding => {}
        }
        if state.is_open() {
            activity.done_percent = self.lines.iter().find_map(|line| percent_done(line));
        }
        activity
    }
}

/// The vdev in `(raidz2-0) in progress`, which a rebuild has after its verb.
fn rebuilt_vdev(text: &str) -> Option<&str> {
    let (vdev, _) = text.strip_prefix('(')?.split_once(") ")?;
    vdev.rsplit('/').next()
}

/// The date of a line such as `scrub started on DATE`.
fn start_of_scan(line: &str) -> Option<Timestamp> {
    if !line.contains(" started on ") {
        return None;
    }
    DatedLine::of(line)?.at
}

/// The percentage of a text that begins with `5/10 `.
fn fraction(text: &str) -> Option<f64> {
    let (done, total) = text.split_whitespace().next()?.split_once('/')?;
    #[expect(clippy::cast_precision_loss, reason = "a percentage")]
    percent(count(done)? as f64 * 100.0 / count(total)? as f64)
}

/// The number before `% done`.
fn percent_done(line: &str) -> Option<f64> {
    let (before, _) = line.split_once("% done")?;
    before.rsplit([' ', '\t']).next()?.parse().ok().and_then(percent)
}

#[cfg(test)]
mod tests {
    use super::super::activities::line;
    use super::*;

    /// The activity of a section: kind, vdev, state, percent, start and end.
    fn read(text: &str) -> String {
        let vdevs = ["mirror-0", "mirror-1", "raidz2-2", "sdq1"];
        let vdevs = vdevs.map(|name| Vdev { name: name.to_owned(), ..Vdev::default() });
        let (key, lines) = text.trim_start().split_once(": ").unwrap_or_default();
        let lines = lines.lines().map(|line| line.trim().to_owned()).collect();
        let Some(read) = activity(&Section { key: key.to_owned(), lines }, &vdevs, None) else { return String::new() };
        line(&read, |time| time.to_string())
    }

    #[test]
    fn sentences_of_scrubs_and_resilvers_are_read_in_all_versions() {
        for (text, expected) in [
            // 0.7
            (
                "scan: scrub repaired 0 in 0h46m with 0 errors on Sun Mar  1 02:35:10 2026",
                "scrub - finished - - 2026-03-01T02:35:10Z",
            ),
            (
                "scan: resilver in progress since Wed Mar  4 23:23:38 2026\n\t1.35G scanned out of 347G at 126M/s, 0h46m to go\n\t0 resilvered, 0.39% done",
                "resilver - in_progress 0.39 2026-03-04T23:23:38Z -",
            ),
            (
                "scan: scrub paused since Sun Mar  1 12:10:00 2026\n\tscrub started on   Sun Mar  1 11:54:20 2026\n\t704G scanned out of 1.66T\n\t0 repaired, 42.40% done",
                "scrub - paused 42.4 2026-03-01T11:54:20Z -",
            ),
            ("scan: none requested", ""),
            // 0.8 to 2.1
            (
                "scan: scrub repaired 0B in 0 days 02:11:09 with 0 errors on Sun Mar  1 02:35:10 2026",
                "scrub - finished - - 2026-03-01T02:35:10Z",
            ),
            (
                "scan: scrub in progress since Sun Mar  1 02:35:10 2026\n\t1.2T scanned at 1G/s, 900G issued at 800M/s, 4T total\n\t0B repaired, 22.50% done, 0 days 01:02:03 to go",
                "scrub - in_progress 22.5 2026-03-01T02:35:10Z -",
            ),
            (
                "scan: resilver (draid1:2d:4c:1s-0) in progress since Sun Mar  1 02:35:10 2026\n\t1T scanned at 1G/s, 900G issued 1G/s, 4T total\n\t300G resilvered, 25.00% done, 01:04:00 to go",
                "rebuild draid1:2d:4c:1s-0 in_progress 25 2026-03-01T02:35:10Z -",
            ),
            // 2.2 and later
            (
                "scan: scrub in progress since Sun Mar  1 02:35:10 2026\n\t1.00T / 4.00T scanned, 0B / 4.00T issued\n\t0B repaired, 0.00% done, no estimated completion time",
                "scrub - in_progress 0 2026-03-01T02:35:10Z -",
            ),
            (
                "scan: resilvered 21K in 00:00:03 with 0 errors on Sun Mar  1 02:35:10 2026",
                "resilver - finished - - 2026-03-01T02:35:10Z",
            ),
            (
                "scan: resilvered (mirror-1) 6.11T in 1 days 05:01:11 with 0 errors on Sun Mar  1 02:35:10 2026",
                "rebuild mirror-1 finished - - 2026-03-01T02:35:10Z",
            ),
            (
                "scan: resilver (mirror-1) canceled on Sun Mar  1 02:35:10 2026",
                "rebuild mirror-1 canceled - - 2026-03-01T02:35:10Z",
            ),
            ("scan: resilver canceled on Sun Mar  1 02:35:10 2026", "resilver - canceled - - 2026-03-01T02:35:10Z"),
            ("scan: scrub in progress since Mon\n\t0B repaired, -nan% done", "scrub - in_progress - - -"),
            ("scan: scrub in progress since Mon\n\t0B repaired, 104.21% done", "scrub - in_progress 100 - -"),
            // After 2.4
            (
                "scan: thorough scrub paused since Sun Mar  1 12:10:00 2026\n\tthorough scrub started on Sun Mar  1 11:54:20 2026\n\t1T / 4T scanned, 1T / 4T issued\n\t0B repaired, 25.00% done",
                "scrub - paused 25 2026-03-01T11:54:20Z -",
            ),
            // Before OpenZFS
            (
                "scrub: scrub completed after 0h0m with 0 errors on Sun Mar  1 02:35:10 2026",
                "scrub - finished - - 2026-03-01T02:35:10Z",
            ),
            ("scrub: resilver in progress for 0h1m, 12.50% done, 0h8m to go", "resilver - in_progress 12.5 - -"),
            ("scan: something new", ""),
            ("scan: scrub postponed", ""),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn sentences_of_error_scrubs_are_read() {
        for (text, expected) in [
            (
                "scrub: error scrub in progress since Sun Mar  1 02:35:10 2026\n\t40.00% done, issued I/O for 12 error blocks",
                "error_scrub - in_progress 40 2026-03-01T02:35:10Z -",
            ),
            (
                "scrub: error scrub paused since Sun Mar  1 12:10:00 2026\n\terror scrub started on Sun Mar  1 11:54:20 2026\n\t40.00% done, issued I/O for 12 error blocks",
                "error_scrub - paused 40 2026-03-01T11:54:20Z -",
            ),
            (
                "scrub: error scrub canceled on Sun Mar  1 02:35:10 2026",
                "error_scrub - canceled - - 2026-03-01T02:35:10Z",
            ),
            (
                "scrub: scrubbed 12 error blocks in 0 days 00:00:04 on Sun Mar  1 02:35:10 2026",
                "error_scrub - finished - - 2026-03-01T02:35:10Z",
            ),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn sentences_of_vdevs_that_change_are_read() {
        for (text, expected) in [
            (
                "remove: Removal of vdev 1 copied 12.0G in 0h1m, completed on Sun Mar  1 02:35:10 2026",
                "removal - finished - - 2026-03-01T02:35:10Z",
            ),
            (
                "remove: Removal of /dev/sdq1 canceled on Sun Mar  1 02:35:10 2026",
                "removal sdq1 canceled - - 2026-03-01T02:35:10Z",
            ),
            (
                "remove: Evacuation of raidz2 in progress since Sun Mar  1 02:35:10 2026\n\t1.2T copied out of 3.1T at 400M/s, 38.71% done, 1h22m to go\n\t11.2K memory used for removed device mappings",
                "removal raidz2-2 in_progress 38.71 2026-03-01T02:35:10Z -",
            ),
            (
                "remove: Evacuation of mirror in progress since Sun Mar  1 02:35:10 2026\n    1.2T copied out of 3.1T at 400M/s, 38.71% done, (copy is slow, no estimated time)",
                "removal mirror in_progress 38.71 2026-03-01T02:35:10Z -",
            ),
            (
                "expand: expansion of raidz2-2 in progress since Sun Mar  1 02:35:10 2026\n\t89.2T / 88.4T copied at 84.6M/s, 100.93% done, (copy is slow, no estimated time)",
                "expansion raidz2-2 in_progress 100 2026-03-01T02:35:10Z -",
            ),
            (
                "expand: expansion of raidz2-2 in progress since Sun Mar  1 02:35:10 2026\n\t1T / 8T copied at 84.6M/s, 12.50% done, paused for resilver or clear",
                "expansion raidz2-2 paused 12.5 2026-03-01T02:35:10Z -",
            ),
            (
                "expand: expanded raidz2-2 copied 8.1T in 1 days 02:11:09, on Sun Mar  1 02:35:10 2026",
                "expansion raidz2-2 finished - - 2026-03-01T02:35:10Z",
            ),
            (
                "checkpoint: created Sun Mar  1 02:35:10 2026, consumes 1.20G",
                "checkpoint - exists - 2026-03-01T02:35:10Z -",
            ),
            ("checkpoint: discarding, 1.20G remaining.", "checkpoint - discarding - - -"),
            ("condense: log_spacemap: condensing, 5/20 metaslabs done in 00:00:01", "condense - in_progress 25 - -"),
            ("condense: log_spacemap: cancelled, 5/20 metaslabs done in 00:00:01", "condense - canceled - - -"),
            ("condense: log_spacemap: done, 20 metaslabs done in 00:00:01", "condense - finished - - -"),
            ("remove: Removal of everything", ""),
            ("expand: expansion pending", ""),
            ("checkpoint: lost", ""),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn lines_have_the_zone_of_their_dates() {
        let lines =
            ["scrub paused since Sun Mar  1 12:10:00 2026", "scrub started on Sun Mar  1 11:54:20 2026", "1.00% done"];
        let section = Section { key: "scan".to_owned(), lines: lines.map(str::to_owned).to_vec() };
        let text = activity(&section, &[], None).unwrap().text;
        let expected = "scrub paused since Sun Mar  1 12:10:00 2026 UTC; scrub started on Sun Mar  1 11:54:20 2026 UTC; 1.00% done";
        assert_eq!(text.as_deref(), Some(expected));
    }

    #[test]
    fn a_marked_row_names_the_vdev_that_is_removed() {
        let lines = vec!["Evacuation of mirror in progress since Sun Mar  1 02:35:10 2026".to_owned()];
        let section = Section { key: "remove".to_owned(), lines };
        let vdev = activity(&section, &[], Some("mirror-1")).unwrap().vdev;
        assert_eq!(vdev.as_deref(), Some("mirror-1"));
    }
}
