//! The activities of a pool in `zpool status -j` of OpenZFS 2.3. Keys, words and their order are those of
//! `scan_status_nvlist`, `removal_status_nvlist`, `checkpoint_status_nvlist`, `raidz_expand_status_nvlist` and
//! `vdev_stats_nvlist` in `cmd/zpool/zpool_main.c`.

use crate::zpool::StatusOptions;
use crate::zpool_activity::{PoolActivities, Stage, Task, VdevTask, share, without_number};
use crate::zpool_json_object::{Object, seconds};
use crate::zpool_table::{Row, Table};

/// Adds the members of a pool between `action` and `vdevs`.
pub fn add_activities(object: &mut Object, activities: &PoolActivities, bytes: u64, options: StatusOptions) {
    if let Some(stats) = scan_stats(activities, bytes, options) {
        object.raw("scan_stats", &stats);
    }
    if let Some(task) = &activities.removal {
        object.raw("removal_stats", &removal(task, bytes, options));
    }
    if let Some(checkpoint) = &activities.checkpoint {
        let mut stats = Object::default();
        stats.text("state", if checkpoint.is_discarding { "DISCARDING" } else { "EXISTS" });
        stats.time("start_time", Some(checkpoint.created), options);
        stats.bytes("space", bytes / 100, options);
        object.raw("checkpoint_stats", &stats.end());
    }
    if let Some(task) = &activities.expansion {
        object.raw("raidz_expand_stats", &expansion(task, bytes, options));
    }
}

/// `None` for a pool that was never scanned.
fn scan_stats(activities: &PoolActivities, bytes: u64, options: StatusOptions) -> Option<String> {
    let mut stats = Object::default();
    if let Some(task) = &activities.scrub {
        scan(&mut stats, "SCRUB", task, bytes, options);
    } else if let Some(task) = &activities.resilver {
        scan(&mut stats, "RESILVER", task, bytes, options);
    } else if activities.error_scrub.is_some() {
        no_scan(&mut stats, options);
    } else if activities.rebuild.is_none() {
        return None;
    }
    if let Some(task) = &activities.error_scrub {
        error_scrub(&mut stats, task, options);
    }
    if let Some(task) = &activities.rebuild {
        let mut rebuilds = Object::default();
        rebuilds.raw(&task.vdev, &rebuild(task, bytes, options));
        stats.raw("rebuild_stats", &rebuilds.end());
    }
    Some(stats.end())
}

fn scan(stats: &mut Object, function: &str, task: &Task, bytes: u64, options: StatusOptions) {
    let issued = share(bytes, task.percent);
    stats.text("function", function);
    stats.text("state", scan_word(task.stage));
    stats.time("start_time", Some(task.start), options);
    stats.time("end_time", task.end, options);
    stats.bytes("to_examine", bytes, options);
    stats.bytes("examined", share(bytes, task.scanned_percent()), options);
    stats.bytes("skipped", 0, options);
    stats.bytes("processed", if function == "SCRUB" { 0 } else { issued / 10 }, options);
    stats.count("errors", 0, options);
    stats.bytes("bytes_per_scan", share(bytes, task.scanned_percent()), options);
    stats.id("pass_start", seconds(task.start), options);
    stats.time("scrub_pause", task.pause, options);
    stats.id("scrub_spent_paused", 0, options);
    stats.bytes("issued_bytes_per_scan", issued, options);
    stats.bytes("issued", issued, options);
}

/// The members of a scan for a pool whose only scan is an error scrub.
fn no_scan(stats: &mut Object, options: StatusOptions) {
    stats.text("function", "NONE");
    stats.text("state", "NONE");
    stats.time("start_time", None, options);
    stats.time("end_time", None, options);
    for key in ["to_examine", "examined", "skipped", "processed"] {
        stats.bytes(key, 0, options);
    }
    stats.count("errors", 0, options);
    stats.bytes("bytes_per_scan", 0, options);
    stats.id("pass_start", 0, options);
    stats.time("scrub_pause", None, options);
    stats.id("scrub_spent_paused", 0, options);
    stats.bytes("issued_bytes_per_scan", 0, options);
    stats.bytes("issued", 0, options);
}

/// The number of blocks with errors.
pub const ERROR_BLOCKS: u64 = 10_000;

fn error_scrub(stats: &mut Object, task: &Task, options: StatusOptions) {
    let examined = share(ERROR_BLOCKS, task.percent);
    let state = if task.stage == Stage::Running { "ERRORSCRUBBING" } else { scan_word(task.stage) };
    stats.text("err_scrub_func", "ERRORSCRUB");
    stats.text("err_scrub_state", state);
    stats.time("err_scrub_start_time", Some(task.start), options);
    stats.time("err_scrub_end_time", task.end, options);
    stats.count("err_scrub_examined", examined, options);
    stats.count("err_scrub_to_examine", ERROR_BLOCKS - examined, options);
    stats.id("err_scrub_pause", 0, options);
}

fn rebuild(VdevTask { vdev, task, .. }: &VdevTask, bytes: u64, options: StatusOptions) -> String {
    let scanned = share(bytes, task.percent);
    let mut stats = Object::default();
    stats.text("name", vdev);
    stats.text("vdev_type", without_number(vdev).trim_end_matches(|character: char| character.is_ascii_digit()));
    stats.id("guid", Row::of(1, vdev, "").guid, options);
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
    stats.bytes("scanned", scanned, options);
    stats.bytes("issued", scanned, options);
    stats.bytes("rebuilt", scanned / 10, options);
    stats.bytes("to_scan", bytes, options);
    stats.count("errors", 0, options);
    stats.duration("pass_time", 900, options);
    stats.bytes("pass_scanned", scanned, options);
    stats.bytes("pass_issued", scanned, options);
    stats.bytes("pass_skipped", 0, options);
    stats.end()
}

/// A removed vdev has the name `indirect`.
fn removal(removal: &VdevTask, bytes: u64, options: StatusOptions) -> String {
    let is_done = removal.task.stage == Stage::Done;
    let name = if is_done { "indirect" } else { &removal.vdev };
    let mut stats = vdev_stats(name, removal, ["removing_vdev", "to_copy", "copied"], bytes, options);
    stats.bytes("mapping_memory", if is_done { 11_468 } else { 0 }, options);
    stats.end()
}

fn expansion(expansion: &VdevTask, bytes: u64, options: StatusOptions) -> String {
    let keys = ["expanding_vdev", "to_reflow", "reflowed"];
    let mut stats = vdev_stats(&expansion.vdev, expansion, keys, bytes, options);
    stats.id("waiting_for_resilver", u64::from(expansion.task.stage == Stage::Paused), options);
    stats.end()
}

/// The members that a removal and an expansion have in common. The keys are those of the index of the vdev, of the
/// total and of the progress.
fn vdev_stats(
    name: &str,
    VdevTask { index, task, .. }: &VdevTask,
    [index_key, total, done]: [&str; 3],
    bytes: u64,
    options: StatusOptions,
) -> Object {
    let mut stats = Object::default();
    stats.text("name", without_number(name));
    stats.text("state", scan_word(task.stage));
    stats.id(index_key, *index as u64, options);
    stats.time("start_time", Some(task.start), options);
    stats.time("end_time", task.end, options);
    stats.bytes(total, bytes, options);
    stats.bytes(done, share(bytes, task.percent), options);
    stats
}

/// The name of a `dsl_scan_state_t`. A paused scan is SCANNING, too.
fn scan_word(stage: Stage) -> &'static str {
    match stage {
        Stage::Running | Stage::Paused => "SCANNING",
        Stage::Done => "FINISHED",
        Stage::Canceled => "CANCELED",
    }
}

/// Adds the state of the initialization (`-i`) and of the trim (`-t`) of a leaf.
pub fn add_leaf_activities(object: &mut Object, row: &Row, table: &Table, options: StatusOptions) {
    let [initialize, trim] = table.leaf_tasks(row);
    if options.initialize {
        let keys = ["init_state", "initialized", "to_initialize", "init_time", "init_errors"];
        add_task(object, initialize, "UNINITIALIZED", keys, table.bytes, options);
    }
    if options.trim {
        let keys = ["trim_state", "trimmed", "to_trim", "trim_time", "trim_errors"];
        add_task(object, trim, "UNTRIMMED", keys, table.bytes, options);
        object.id("trim_notsup", 0, options);
    }
}

fn add_task(object: &mut Object, task: Option<&Task>, none: &str, keys: [&str; 5], bytes: u64, options: StatusOptions) {
    let [state, done, total, time, errors] = keys;
    let Some(task) = task else {
        object.text(state, none);
        return;
    };
    let word = match task.stage {
        Stage::Running => "ACTIVE",
        Stage::Paused => "SUSPENDED",
        Stage::Done => "COMPLETE",
        Stage::Canceled => "CANCELED",
    };
    object.text(state, word);
    object.bytes(done, share(bytes, task.percent), options);
    object.bytes(total, bytes, options);
    // For a suspended task, the time of the suspension.
    object.time(time, task.end.or(task.pause).or(Some(task.start)), options);
    object.count(errors, 0, options);
}
