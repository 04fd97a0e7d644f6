//! The activities of a pool, such as scrub, resilver and trim (zpool-wait(8)), for both output formats of
//! `zpool status`.

use crate::store::{Pool, Vdev};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// State of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Running,
    Paused,
    Done,
    Canceled,
}

/// A running or completed activity.
#[derive(Clone, Debug)]
pub struct Task {
    pub stage: Stage,
    pub start: Timestamp,
    /// `Some` if it is done or canceled.
    pub end: Option<Timestamp>,
    /// `Some` if it is paused.
    pub pause: Option<Timestamp>,
    /// Progress in percent.
    pub percent: f64,
}

impl Task {
    /// Progress of the scan of a scrub or resilver, which is ahead of the I/O that it issues.
    pub fn scanned_percent(&self) -> f64 {
        (self.percent * 1.2).min(100.0)
    }
}

/// A task of one top-level vdev.
#[derive(Clone, Debug)]
pub struct VdevTask {
    /// The name of the vdev, and its index in the pool.
    pub vdev: String,
    pub index: usize,
    pub task: Task,
}

#[derive(Clone, Debug)]
pub struct Checkpoint {
    pub created: Timestamp,
    pub is_discarding: bool,
}

#[derive(Clone, Debug, Default)]
pub struct PoolActivities {
    pub scrub: Option<Task>,
    pub resilver: Option<Task>,
    /// Sequential resilver.
    pub rebuild: Option<VdevTask>,
    pub error_scrub: Option<Task>,
    pub expansion: Option<VdevTask>,
    pub removal: Option<VdevTask>,
    pub checkpoint: Option<Checkpoint>,
    /// Of each data leaf.
    pub trim: Option<Task>,
    /// Of each data leaf.
    pub initialize: Option<Task>,
    /// Whether the text has `scan: none requested`, as before OpenZFS 2.
    pub is_none_requested: bool,
}

impl PoolActivities {
    /// The activities that the keys of the pool describe. All times are relative to `changed`, when the keys were set,
    /// so that they are the same in each output.
    pub fn of(pool: &Pool, changed: Timestamp) -> Self {
        let clock = Clock { now: changed, percent: progress(pool) };
        let mut activities = Self::default();
        activities.set_scan(pool, &clock);
        if let Some(stage) = pool.text("expand") {
            activities.expansion = first_raidz(pool, clock.task(stage, 60 * HOUR, 20 * HOUR));
        }
        if let Some(stage) = pool.text("remove")
            && let Some((last, others)) = pool.data.split_last()
        {
            let task = clock.task(stage, 198 * HOUR, 2 * HOUR);
            activities.removal = Some(VdevTask { vdev: name_of(last), index: others.len(), task });
        }
        if let Some(stage) = pool.text("checkpoint") {
            let is_discarding = stage == "discarding";
            activities.checkpoint = Some(Checkpoint { created: clock.ago(26 * HOUR), is_discarding });
        }
        if let Some(stage) = pool.text("trim") {
            activities.trim = Some(clock.task(stage, 10 * HOUR, HOUR));
        }
        if let Some(stage) = pool.text("initialize") {
            activities.initialize = Some(clock.task(stage, 11 * HOUR, HOUR));
        }
        activities
    }

    fn set_scan(&mut self, pool: &Pool, clock: &Clock) {
        let scrubbed = clock.task("done", 75 * HOUR, 11 * HOUR + 412);
        match pool.text("scan").unwrap_or("scrub-done") {
            "scrubbing" => self.scrub = Some(clock.task("running", 0, 6 * HOUR)),
            "scrub-paused" => self.scrub = Some(clock.task("paused", 0, 9 * HOUR)),
            "scrub-canceled" => self.scrub = Some(clock.task("canceled", 50 * HOUR, 2 * HOUR)),
            "resilvering" => self.resilver = Some(clock.task("running", 0, 6 * HOUR)),
            "resilver-done" => self.resilver = Some(clock.task("done", 30 * HOUR, 9 * HOUR + 2477)),
            "rebuilding" => {
                self.scrub = Some(scrubbed);
                self.rebuild = Some(of_first_vdev(pool, clock.task("running", 0, 6 * HOUR)));
            }
            "rebuilt" => {
                self.scrub = Some(scrubbed);
                self.rebuild = Some(of_first_vdev(pool, clock.task("done", 30 * HOUR, 5 * HOUR + 71)));
            }
            "error-scrubbing" => self.error_scrub = Some(clock.task("running", 0, HOUR)),
            "error-scrubbed" => self.error_scrub = Some(clock.task("done", HOUR, 4)),
            "none-requested" => self.is_none_requested = true,
            "none" => {}
            _ => self.scrub = Some(scrubbed),
        }
    }
}

const HOUR: i64 = 3600;
/// How long ago a paused task was paused, in seconds.
const PAUSED: i64 = 2 * HOUR;

struct Clock {
    now: Timestamp,
    percent: f64,
}

impl Clock {
    fn ago(&self, seconds: i64) -> Timestamp {
        self.now.checked_sub(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// A task that took `seconds`. One that is over ended `ended_ago` seconds ago.
    fn task(&self, stage: &str, ended_ago: i64, seconds: i64) -> Task {
        let stage = match stage {
            "running" => Stage::Running,
            "paused" | "waiting" | "suspended" => Stage::Paused,
            "canceled" => Stage::Canceled,
            _ => Stage::Done,
        };
        let running = Task { stage, start: self.ago(seconds), end: None, pause: None, percent: self.percent };
        match stage {
            Stage::Running => running,
            Stage::Paused => Task { pause: Some(self.ago(PAUSED)), ..running },
            Stage::Canceled | Stage::Done => {
                let percent = if stage == Stage::Done { 100.0 } else { self.percent };
                Task { start: self.ago(ended_ago + seconds), end: Some(self.ago(ended_ago)), percent, ..running }
            }
        }
    }
}

fn first_raidz(pool: &Pool, task: Task) -> Option<VdevTask> {
    let (index, vdev) = pool.data.iter().map(name_of).enumerate().find(|(_, name)| name.starts_with("raidz"))?;
    Some(VdevTask { vdev, index, task })
}

fn of_first_vdev(pool: &Pool, task: Task) -> VdevTask {
    VdevTask { vdev: pool.data.first().map(name_of).unwrap_or_default(), index: 0, task }
}

/// The name of a vdev. That of a single disk is the key of its drive.
fn name_of(vdev: &Vdev) -> String {
    let name = vdev.name.as_ref().or(vdev.leaves.first());
    name.cloned().unwrap_or_default()
}

/// Progress of the running tasks in percent.
fn progress(pool: &Pool) -> f64 {
    let set = pool.state.get("progress").and_then(Value::as_f64);
    set.unwrap_or(42.0).clamp(0.0, 100.0)
}

/// The name of a vdev without its number, as zpool prints it without `VDEV_NAME_TYPE_ID`.
pub fn without_number(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((stem, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => stem,
        _ => name,
    }
}

/// That percentage of a number of bytes.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "hundredths of a percent, clamped by `progress`"
)]
pub fn share(bytes: u64, percent: f64) -> u64 {
    bytes / 10_000 * (percent * 100.0) as u64
}
