//! The activities of a pool in the text of `zpool status` of OpenZFS 2.3. The lines are those of `print_scan_status`,
//! `print_removal_status`, `print_checkpoint_status`, `print_raidz_expand_status`, `print_status_initialize` and
//! `print_status_trim` in `cmd/zpool/zpool_main.c`. Times are in UTC.

use crate::zpool::StatusOptions;
use crate::zpool_activity::{PoolActivities, Stage, Task, VdevTask, share, without_number};
use crate::zpool_activity_json::ERROR_BLOCKS;
use crate::zpool_table::{Row, Table};
use crate::zpool_text::{nicebytes, nicenum};
use jiff::Timestamp;
use std::fmt::Write;

/// The sections between `action:` and `config:`.
pub fn sections(activities: &PoolActivities, bytes: u64) -> String {
    let mut text = String::new();
    if activities.is_none_requested {
        text.push_str("  scan: none requested\n");
    }
    if let Some(task) = &activities.scrub {
        text.push_str(&scan(task, "scrub", "scrub repaired", bytes));
    }
    if let Some(task) = &activities.error_scrub {
        text.push_str(&error_scrub(task));
    }
    if let Some(task) = &activities.resilver {
        text.push_str(&scan(task, "resilver", "resilvered", bytes));
    }
    if let Some(VdevTask { vdev, task, .. }) = &activities.rebuild {
        text.push_str(&scan(task, &format!("resilver ({vdev})"), &format!("resilvered ({vdev})"), bytes));
    }
    if let Some(task) = &activities.removal {
        text.push_str(&removal(task, bytes));
    }
    if let Some(checkpoint) = &activities.checkpoint {
        let space = nicenum(bytes / 100);
        let words = if checkpoint.is_discarding {
            format!("discarding, {space} remaining.")
        } else {
            format!("created {}, consumes {space}", date(checkpoint.created))
        };
        let _ = writeln!(text, "checkpoint: {words}");
    }
    if let Some(task) = &activities.expansion {
        text.push_str(&expansion(task, bytes));
    }
    text
}

/// A scrub, resilver or rebuild. `noun` names it, `verb` is for a completed one.
fn scan(task: &Task, noun: &str, verb: &str, bytes: u64) -> String {
    let is_scrub = noun == "scrub";
    let issued = share(bytes, task.percent);
    let done = if is_scrub { "0B".to_owned() } else { nicebytes(issued / 10) };
    let ended = task.end.map(date).unwrap_or_default();
    let since = date(task.pause.unwrap_or(task.start));
    let mut text = match task.stage {
        Stage::Done => return format!("  scan: {verb} {done} in {} with 0 errors on {ended}\n", clock(task)),
        Stage::Canceled => return format!("  scan: {noun} canceled on {ended}\n"),
        Stage::Running => format!("  scan: {noun} in progress since {since}\n"),
        Stage::Paused => format!("  scan: {noun} paused since {since}\n\t{noun} started on {}\n", date(task.start)),
    };
    let scanned = nicebytes(share(bytes, task.scanned_percent()));
    let (issued, all) = (nicebytes(issued), nicebytes(bytes));
    let (scan_rate, issue_rate, left) = match task.stage {
        Stage::Paused => ("", "", ""),
        _ => (" at 2.31G/s", " at 1.18G/s", ", 05:14:09 to go"),
    };
    let what = if is_scrub { "repaired" } else { "resilvered" };
    let _ = writeln!(text, "\t{scanned} / {all} scanned{scan_rate}, {issued} / {all} issued{issue_rate}");
    let _ = writeln!(text, "\t{done} {what}, {:.2}% done{left}", task.percent);
    text
}

fn error_scrub(task: &Task) -> String {
    let examined = share(ERROR_BLOCKS, task.percent);
    match task.end {
        Some(end) => {
            let days = task_seconds(task) / 86_400;
            format!(" scrub: scrubbed {examined} error blocks in {days} days {} on {}\n", clock(task), date(end))
        }
        None => format!(
            " scrub: error scrub in progress since {}\n\t{:.2}% done, issued I/O for {examined} error blocks\n",
            date(task.start),
            task.percent
        ),
    }
}

fn removal(VdevTask { vdev, index, task }: &VdevTask, bytes: u64) -> String {
    let (name, ended) = (without_number(vdev), task.end.map(date).unwrap_or_default());
    let copied = nicenum(share(bytes, task.percent));
    let minutes = task_seconds(task) / 60;
    match task.stage {
        Stage::Done => format!(
            "remove: Removal of vdev {index} copied {copied} in {}h{}m, completed on {ended}\n\t\
             11.2K memory used for removed device mappings\n",
            minutes / 60,
            minutes % 60
        ),
        Stage::Canceled => format!("remove: Removal of {name} canceled on {ended}\n"),
        _ => format!(
            "remove: Evacuation of {name} in progress since {}\n\t\
             {copied} copied out of {} at 312M/s, {:.2}% done, 2h7m to go\n",
            date(task.start),
            nicenum(bytes),
            task.percent
        ),
    }
}

fn expansion(VdevTask { vdev, task, .. }: &VdevTask, bytes: u64) -> String {
    let copied = nicenum(share(bytes, task.percent));
    if let Some(end) = task.end {
        return format!("expand: expanded {vdev} copied {copied} in {}, on {}\n", clock(task), date(end));
    }
    let left = if task.stage == Stage::Paused { "paused for resilver or clear" } else { "11:06:52 to go" };
    format!(
        "expand: expansion of {vdev} in progress since {}\n\t{copied} / {} copied at 84.6M/s, {:.2}% done, {left}\n",
        date(task.start),
        nicenum(bytes),
        task.percent
    )
}

/// The initialization and the trim of a leaf: with `-i` and `-t`, or while they run.
pub fn leaf_activities(row: &Row, table: &Table, options: StatusOptions) -> String {
    let [initialize, trim] = table.leaf_tasks(row);
    let mut text = String::new();
    for (task, is_asked, verbs) in [
        (initialize, options.initialize, ["initializing", "initialized", "uninitialized"]),
        (trim, options.trim, ["trimming", "trimmed", "untrimmed"]),
    ] {
        if let Some(activity) = leaf_activity(task, table.bytes, is_asked, verbs) {
            let _ = write!(text, "  ({activity})");
        }
    }
    text
}

fn leaf_activity(
    task: Option<&Task>,
    bytes: u64,
    is_asked: bool,
    [doing, done, not_done]: [&str; 3],
) -> Option<String> {
    let task = match task {
        Some(task) if task.stage != Stage::Canceled => task,
        _ if is_asked => return Some(not_done.to_owned()),
        _ => return None,
    };
    let (percent, words) = match task.stage {
        Stage::Running if !is_asked => return Some(doing.to_owned()),
        _ if !is_asked => return None,
        Stage::Running => (leaf_percent(task, bytes), "started at"),
        Stage::Paused => (leaf_percent(task, bytes), "suspended, started at"),
        Stage::Done | Stage::Canceled => (100, "completed at"),
    };
    let time = date(task.end.or(task.pause).unwrap_or(task.start));
    Some(format!("{percent}% {done}, {words} {time}"))
}

/// `print_status_initialize` adds 1 to the total, so that it is not 0.
fn leaf_percent(task: &Task, bytes: u64) -> u64 {
    share(bytes, task.percent) * 100 / (bytes + 1)
}

/// As ctime(3) formats it.
fn date(time: Timestamp) -> String {
    time.strftime("%a %b %e %H:%M:%S %Y").to_string()
}

fn task_seconds(task: &Task) -> u64 {
    let seconds = task.end.map_or(0, |end| end.as_second() - task.start.as_second());
    u64::try_from(seconds).unwrap_or(0)
}

/// The duration of a task in hours, minutes and seconds.
fn clock(task: &Task) -> String {
    let seconds = task_seconds(task);
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
