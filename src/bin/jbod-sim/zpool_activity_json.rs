//! What a pool does, as `zpool status -j` of `OpenZFS` 2.3 writes it: keys, words and their order are those of
//! `scan_status_nvlist`, `removal_status_nvlist`, `checkpoint_status_nvlist`, `raidz_expand_status_nvlist` and
//! `vdev_stats_nvlist` in its `zpool_main.c`.

use crate::zpool::Options;
use crate::zpool_activity::{PoolWork, Stage, Task, share, without_number};
use crate::zpool_json_object::{Object, seconds};
use crate::zpool_text::Row;

/// The members of a pool between its advice and its vdevs.
pub fn add(item: &mut Object, work: &PoolWork, bytes: u64, options: Options) {
    if let Some(stats) = scan_stats(work, bytes, options) {
        item.raw("scan_stats", &stats);
    }
    if let Some((name, number, task)) = &work.removal {
        item.raw("removal_stats", &removal(name, *number, task, bytes, options));
    }
    if let Some(checkpoint) = &work.checkpoint {
        let mut stats = Object::default();
        stats.text("state", if checkpoint.is_discarding { "DISCARDING" } else { "EXISTS" });
        stats.time("start_time", Some(checkpoint.created), options);
        stats.number("space", bytes / 100, "B", options);
        item.raw("checkpoint_stats", &stats.end());
    }
    if let Some((name, number, task)) = &work.expansion {
        item.raw("raidz_expand_stats", &expansion(name, *number, task, bytes, options));
    }
}

/// Both are `None` of a pool that was never scanned.
fn scan_stats(work: &PoolWork, bytes: u64, options: Options) -> Option<String> {
    let scan = work.scrub.as_ref().map(|task| ("SCRUB", task));
    let scan = scan.or(work.resilver.as_ref().map(|task| ("RESILVER", task)));
    let mut stats = Object::default();
    match (scan, &work.error_scrub) {
        (Some((function, task)), _) => scan_part(&mut stats, function, task, bytes, options),
        (None, Some(_)) => no_scan(&mut stats, options),
        (None, None) => work.rebuild.as_ref().map(|_| ())?,
    }
    if let Some(task) = &work.error_scrub {
        error_scrub(&mut stats, task, options);
    }
    if let Some((name, task)) = &work.rebuild {
        let mut rebuilds = Object::default();
        rebuilds.raw(name, &rebuild(name, task, bytes, options));
        stats.raw("rebuild_stats", &rebuilds.end());
    }
    Some(stats.end())
}

fn scan_part(stats: &mut Object, function: &str, task: &Task, bytes: u64, options: Options) {
    let issued = share(bytes, task.percent);
    stats.text("function", function);
    stats.text("state", scan_word(task.stage));
    stats.time("start_time", Some(task.start), options);
    stats.time("end_time", task.end, options);
    stats.number("to_examine", bytes, "B", options);
    stats.number("examined", share(bytes, (task.percent * 1.2).min(100.0)), "B", options);
    stats.number("skipped", 0, "B", options);
    stats.number("processed", if function == "SCRUB" { 0 } else { issued / 10 }, "B", options);
    stats.number("errors", 0, "", options);
    stats.number("bytes_per_scan", share(bytes, (task.percent * 1.2).min(100.0)), "B", options);
    stats.id("pass_start", seconds(task.start), options);
    stats.time("scrub_pause", task.pause, options);
    stats.id("scrub_spent_paused", 0, options);
    stats.number("issued_bytes_per_scan", issued, "B", options);
    stats.number("issued", issued, "B", options);
}

/// The members of the scan if only known errors were scrubbed.
fn no_scan(stats: &mut Object, options: Options) {
    stats.text("function", "NONE");
    stats.text("state", "NONE");
    stats.time("start_time", None, options);
    stats.time("end_time", None, options);
    for key in ["to_examine", "examined", "skipped", "processed"] {
        stats.number(key, 0, "B", options);
    }
    stats.number("errors", 0, "", options);
    stats.number("bytes_per_scan", 0, "B", options);
    stats.id("pass_start", 0, options);
    stats.time("scrub_pause", None, options);
    stats.id("scrub_spent_paused", 0, options);
    stats.number("issued_bytes_per_scan", 0, "B", options);
    stats.number("issued", 0, "B", options);
}

/// How many blocks have errors.
pub const ERROR_BLOCKS: u64 = 10_000;

fn error_scrub(stats: &mut Object, task: &Task, options: Options) {
    let examined = share(ERROR_BLOCKS, task.percent);
    let state = if task.stage == Stage::Running { "ERRORSCRUBBING" } else { scan_word(task.stage) };
    stats.text("err_scrub_func", "ERRORSCRUB");
    stats.text("err_scrub_state", state);
    stats.time("err_scrub_start_time", Some(task.start), options);
    stats.time("err_scrub_end_time", task.end, options);
    stats.number("err_scrub_examined", examined, "", options);
    stats.number("err_scrub_to_examine", ERROR_BLOCKS - examined, "", options);
    stats.id("err_scrub_pause", 0, options);
}

fn rebuild(name: &str, task: &Task, bytes: u64, options: Options) -> String {
    let scanned = share(bytes, task.percent);
    let mut stats = Object::default();
    stats.text("name", name);
    stats.text("vdev_type", without_number(name).trim_end_matches(|c: char| c.is_ascii_digit()));
    stats.id("guid", Row::of(1, name, "").guid, options);
    stats.text("class", "normal");
    stats.text(
        "state",
        match task.stage {
            Stage::Running | Stage::Paused => "ACTIVE",
            Stage::Done => "COMPLETE",
            Stage::Canceled => "CANCELED",
        },
    );
    stats.time("start_time", Some(task.start), options);
    stats.time("end_time", task.end, options);
    stats.duration("scan_time", 900, options);
    stats.number("scanned", scanned, "B", options);
    stats.number("issued", scanned, "B", options);
    stats.number("rebuilt", scanned / 10, "B", options);
    stats.number("to_scan", bytes, "B", options);
    stats.number("errors", 0, "", options);
    stats.duration("pass_time", 900, options);
    stats.number("pass_scanned", scanned, "B", options);
    stats.number("pass_issued", scanned, "B", options);
    stats.number("pass_skipped", 0, "B", options);
    stats.end()
}

/// The name has no number. That of a removed vdev is `indirect`.
fn removal(name: &str, number: usize, task: &Task, bytes: u64, options: Options) -> String {
    let name = if task.stage == Stage::Done { "indirect" } else { name };
    let mut stats = of_vdev((name, number), task, ["removing_vdev", "to_copy", "copied"], bytes, options);
    stats.number("mapping_memory", if task.stage == Stage::Done { 11_468 } else { 0 }, "B", options);
    stats.end()
}

/// The name has no number. One that waits is SCANNING.
fn expansion(name: &str, number: usize, task: &Task, bytes: u64, options: Options) -> String {
    let mut stats = of_vdev((name, number), task, ["expanding_vdev", "to_reflow", "reflowed"], bytes, options);
    stats.id("waiting_for_resilver", u64::from(task.stage == Stage::Paused), options);
    stats.end()
}

/// The members that a removal and an expansion have in common; the keys are those of the number, the total, and what is
/// done.
fn of_vdev(
    (name, number): (&str, usize),
    task: &Task,
    [index, total, done]: [&str; 3],
    bytes: u64,
    options: Options,
) -> Object {
    let mut stats = Object::default();
    stats.text("name", without_number(name));
    stats.text("state", scan_word(task.stage));
    stats.id(index, number as u64, options);
    stats.time("start_time", Some(task.start), options);
    stats.time("end_time", task.end, options);
    stats.number(total, bytes, "B", options);
    stats.number(done, share(bytes, task.percent), "B", options);
    stats
}

/// A scan that is paused is SCANNING.
fn scan_word(stage: Stage) -> &'static str {
    match stage {
        Stage::Running | Stage::Paused => "SCANNING",
        Stage::Done => "FINISHED",
        Stage::Canceled => "CANCELED",
    }
}

/// The initialization (`-i`) and the trim (`-t`) of a leaf. Cache and spares have none.
pub fn add_leaf_work(node: &mut Object, work: &PoolWork, has_work: bool, bytes: u64, options: Options) {
    let of_leaf = |task: &'_ Option<Task>| task.clone().filter(|_| has_work);
    if options.initialize {
        let keys = ["init_state", "initialized", "to_initialize", "init_time", "init_errors"];
        add_task(node, of_leaf(&work.initialize), "UNINITIALIZED", keys, bytes, options);
    }
    if options.trim {
        let keys = ["trim_state", "trimmed", "to_trim", "trim_time", "trim_errors"];
        add_task(node, of_leaf(&work.trim), "UNTRIMMED", keys, bytes, options);
        node.id("trim_notsup", 0, options);
    }
}

fn add_task(node: &mut Object, task: Option<Task>, none: &str, keys: [&str; 5], bytes: u64, options: Options) {
    let [state, done, total, time, errors] = keys;
    let Some(task) = task else {
        node.text(state, none);
        return;
    };
    let word = match task.stage {
        Stage::Running => "ACTIVE",
        Stage::Paused => "SUSPENDED",
        Stage::Done => "COMPLETE",
        Stage::Canceled => "CANCELED",
    };
    node.text(state, word);
    node.number(done, share(bytes, task.percent), "B", options);
    node.number(total, bytes, "B", options);
    // Of a suspended one this is the moment of its suspension.
    node.time(time, task.end.or(task.pause).or(Some(task.start)), options);
    node.number(errors, 0, "", options);
}
