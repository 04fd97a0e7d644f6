//! What a pool does, in the lines of `zpool status` of `OpenZFS` 2.3: those of `print_scan_status`,
//! `print_removal_status`, `print_checkpoint_status`, `print_raidz_expand_status`, `print_status_initialize` and
//! `print_status_trim` in its `zpool_main.c`. Dates are in UTC.

use crate::zpool::Options;
use crate::zpool_activity::{PoolWork, Stage, Task, share, without_number};
use crate::zpool_activity_json::ERROR_BLOCKS;
use crate::zpool_text::{nice, size};
use jiff::Timestamp;
use std::fmt::Write;

/// The sections between the advice and the table.
pub fn sections(work: &PoolWork, bytes: u64) -> String {
    let mut text = String::new();
    if work.is_none_requested {
        text.push_str("  scan: none requested\n");
    }
    if let Some(task) = &work.scrub {
        text.push_str(&scan(task, "scrub", "scrub repaired", bytes));
    }
    if let Some(task) = &work.error_scrub {
        text.push_str(&error_scrub(task));
    }
    if let Some(task) = &work.resilver {
        text.push_str(&scan(task, "resilver", "resilvered", bytes));
    }
    if let Some((name, task)) = &work.rebuild {
        text.push_str(&scan(task, &format!("resilver ({name})"), &format!("resilvered ({name})"), bytes));
    }
    if let Some((name, number, task)) = &work.removal {
        text.push_str(&removal(name, *number, task, bytes));
    }
    if let Some(checkpoint) = &work.checkpoint {
        let space = nice(bytes / 100, "");
        let words = if checkpoint.is_discarding {
            format!("discarding, {space} remaining.")
        } else {
            format!("created {}, consumes {space}", date(checkpoint.created))
        };
        let _ = writeln!(text, "checkpoint: {words}");
    }
    if let Some((name, _, task)) = &work.expansion {
        text.push_str(&expansion(name, task, bytes));
    }
    text
}

/// A scrub, resilver or rebuild. `verb` is what a finished one has done.
fn scan(task: &Task, noun: &str, verb: &str, bytes: u64) -> String {
    let is_scrub = noun == "scrub";
    let issued = share(bytes, task.percent);
    let done = if is_scrub { "0B".to_owned() } else { size(issued / 10) };
    let ended = task.end.map(date).unwrap_or_default();
    let since = date(task.pause.unwrap_or(task.start));
    let mut text = match task.stage {
        Stage::Done => return format!("  scan: {verb} {done} in {} with 0 errors on {ended}\n", clock(task)),
        Stage::Canceled => return format!("  scan: {noun} canceled on {ended}\n"),
        Stage::Running => format!("  scan: {noun} in progress since {since}\n"),
        Stage::Paused => format!("  scan: {noun} paused since {since}\n\t{noun} started on {}\n", date(task.start)),
    };
    let (scanned, issued, all) = (size(share(bytes, (task.percent * 1.2).min(100.0))), size(issued), size(bytes));
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

fn removal(name: &str, number: usize, task: &Task, bytes: u64) -> String {
    let (name, ended) = (without_number(name), task.end.map(date).unwrap_or_default());
    let copied = nice(share(bytes, task.percent), "");
    let minutes = task_seconds(task) / 60;
    match task.stage {
        Stage::Done => format!(
            "remove: Removal of vdev {number} copied {copied} in {}h{}m, completed on {ended}\n\t11.2K memory used for removed device mappings\n",
            minutes / 60,
            minutes % 60
        ),
        Stage::Canceled => format!("remove: Removal of {name} canceled on {ended}\n"),
        _ => format!(
            "remove: Evacuation of {name} in progress since {}\n\t{copied} copied out of {} at 312M/s, {:.2}% done, 2h7m to go\n",
            date(task.start),
            nice(bytes, ""),
            task.percent
        ),
    }
}

fn expansion(name: &str, task: &Task, bytes: u64) -> String {
    let copied = nice(share(bytes, task.percent), "");
    if let Some(end) = task.end {
        return format!("expand: expanded {name} copied {copied} in {}, on {}\n", clock(task), date(end));
    }
    let left = if task.stage == Stage::Paused { "paused for resilver or clear" } else { "11:06:52 to go" };
    format!(
        "expand: expansion of {name} in progress since {}\n\t{copied} / {} copied at 84.6M/s, {:.2}% done, {left}\n",
        date(task.start),
        nice(bytes, ""),
        task.percent
    )
}

/// The remarks of a leaf about its initialization and its trim: with `-i` and `-t` at any time, else while they run.
pub fn leaf_remarks(work: &PoolWork, has_work: bool, bytes: u64, options: Options) -> String {
    let of_leaf = |task: &'_ Option<Task>| task.clone().filter(|_| has_work);
    let parts = [
        remark(of_leaf(&work.initialize), bytes, options.initialize, ["initializing", "initialized", "uninitialized"]),
        remark(of_leaf(&work.trim), bytes, options.trim, ["trimming", "trimmed", "untrimmed"]),
    ];
    let mut text = String::new();
    for part in parts.into_iter().flatten() {
        let _ = write!(text, "  ({part})");
    }
    text
}

fn remark(task: Option<Task>, bytes: u64, is_asked: bool, [doing, done, not_done]: [&str; 3]) -> Option<String> {
    let task = task.filter(|task| task.stage != Stage::Canceled);
    let Some(task) = task else { return is_asked.then(|| not_done.to_owned()) };
    if !is_asked {
        return (task.stage == Stage::Running).then(|| doing.to_owned());
    }
    let at = date(task.end.or(task.pause).unwrap_or(task.start));
    let words = match task.stage {
        Stage::Running => "started at",
        Stage::Paused => "suspended, started at",
        _ => "completed at",
    };
    let percent = match task.stage {
        Stage::Done => 100,
        _ => share(bytes, task.percent) * 100 / (bytes + 1),
    };
    Some(format!("{percent}% {done}, {words} {at}"))
}

/// As ctime(3) has it.
fn date(at: Timestamp) -> String {
    at.strftime("%a %b %e %H:%M:%S %Y").to_string()
}

fn task_seconds(task: &Task) -> u64 {
    let seconds = task.end.map_or(0, |end| end.as_second() - task.start.as_second());
    u64::try_from(seconds).unwrap_or(0)
}

/// How long it took, without days.
fn clock(task: &Task) -> String {
    let seconds = task_seconds(task);
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
