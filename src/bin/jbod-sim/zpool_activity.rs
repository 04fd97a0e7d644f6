//! What a simulated pool does beside serving data, worked out once for both forms of `zpool status`.

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

/// Something that a pool does or did, from when to when.
#[derive(Clone, Debug)]
pub struct Task {
    pub stage: Stage,
    pub start: Timestamp,
    /// Of one that is over.
    pub end: Option<Timestamp>,
    /// Of one that waits.
    pub pause: Option<Timestamp>,
    /// Done, in percent.
    pub percent: f64,
}

/// A checkpoint: it exists, or is being discarded.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    pub created: Timestamp,
    pub is_discarding: bool,
}

/// All that a pool does.
#[derive(Clone, Debug, Default)]
pub struct PoolWork {
    pub scrub: Option<Task>,
    pub resilver: Option<Task>,
    /// A sequential resilver of the vdev of that name.
    pub rebuild: Option<(String, Task)>,
    pub error_scrub: Option<Task>,
    /// Of the vdev of that name and number.
    pub expansion: Option<(String, usize, Task)>,
    pub removal: Option<(String, usize, Task)>,
    pub checkpoint: Option<Checkpoint>,
    /// Of each leaf with data.
    pub trim: Option<Task>,
    pub initialize: Option<Task>,
    /// `scan: none requested`, as before `OpenZFS` 2.
    pub is_none_requested: bool,
}

impl PoolWork {
    /// `changed`: when it was laid out or set last. All dates lie before that, so that they do not move.
    pub fn of(pool: &Pool, changed: Timestamp) -> Self {
        let clock = Clock { now: changed, percent: progress(pool) };
        let key = |name: &str| pool.state.get(name).and_then(Value::as_str);
        let mut work = Self {
            expansion: key("expand").and_then(|stage| {
                let (number, name) = first_raidz(pool)?;
                Some((name, number, clock.task(stage, 60 * HOUR, 20 * HOUR)))
            }),
            removal: key("remove").and_then(|stage| {
                let number = pool.data.len().checked_sub(1)?;
                Some((name_of(pool.data.last()?), number, clock.task(stage, 198 * HOUR, 2 * HOUR)))
            }),
            checkpoint: key("checkpoint")
                .map(|stage| Checkpoint { created: clock.ago(26 * HOUR), is_discarding: stage == "discarding" }),
            trim: key("trim").map(|stage| clock.task(stage, 10 * HOUR, HOUR)),
            initialize: key("initialize").map(|stage| clock.task(stage, 11 * HOUR, HOUR)),
            ..Self::default()
        };
        work.scan(pool, key("scan").unwrap_or("scrub-done"), &clock);
        work
    }

    fn scan(&mut self, pool: &Pool, scan: &str, clock: &Clock) {
        let scrubbed = clock.task("done", 75 * HOUR, 11 * HOUR + 412);
        let first = || pool.data.first().map(name_of).unwrap_or_default();
        match scan {
            "scrubbing" => self.scrub = Some(clock.task("running", 0, 6 * HOUR)),
            "scrub-paused" => self.scrub = Some(clock.task("paused", 0, 9 * HOUR)),
            "scrub-canceled" => self.scrub = Some(clock.task("canceled", 50 * HOUR, 2 * HOUR)),
            "resilvering" => self.resilver = Some(clock.task("running", 0, 6 * HOUR)),
            "resilver-done" => self.resilver = Some(clock.task("done", 30 * HOUR, 9 * HOUR + 2477)),
            "rebuilding" => {
                self.scrub = Some(scrubbed);
                self.rebuild = Some((first(), clock.task("running", 0, 6 * HOUR)));
            }
            "rebuilt" => {
                self.scrub = Some(scrubbed);
                self.rebuild = Some((first(), clock.task("done", 30 * HOUR, 5 * HOUR + 71)));
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
/// Since when a paused one waits.
const PAUSED: i64 = 2 * HOUR;

struct Clock {
    now: Timestamp,
    percent: f64,
}

impl Clock {
    fn ago(&self, seconds: i64) -> Timestamp {
        self.now.checked_sub(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// One that took that many seconds, until so many seconds ago; or, if it runs, takes so many until now.
    fn task(&self, stage: &str, ended_ago: i64, took: i64) -> Task {
        let stage = match stage {
            "running" => Stage::Running,
            "paused" | "waiting" | "suspended" => Stage::Paused,
            "canceled" => Stage::Canceled,
            _ => Stage::Done,
        };
        let is_over = matches!(stage, Stage::Done | Stage::Canceled);
        Task {
            stage,
            start: self.ago(if is_over { ended_ago + took } else { took }),
            end: is_over.then(|| self.ago(ended_ago)),
            pause: (stage == Stage::Paused).then(|| self.ago(PAUSED)),
            percent: if stage == Stage::Done { 100.0 } else { self.percent },
        }
    }
}

fn first_raidz(pool: &Pool) -> Option<(usize, String)> {
    let named = pool.data.iter().map(name_of).enumerate();
    named.into_iter().find(|(_, name)| name.starts_with("raidz"))
}

/// The name of a vdev; of a lone disk, the key of its drive.
fn name_of(vdev: &Vdev) -> String {
    vdev.name.clone().or_else(|| vdev.leaves.first().cloned()).unwrap_or_default()
}

/// How much is done, in percent.
fn progress(pool: &Pool) -> f64 {
    pool.state.get("progress").and_then(Value::as_f64).unwrap_or(42.0).clamp(0.0, 100.0)
}

/// A name without its number, as zpool prints it without `VDEV_NAME_TYPE_ID`.
pub fn without_number(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((stem, number)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => stem,
        _ => name,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "hundredths of a percent, clamped by `progress`"
)]
pub fn share(bytes: u64, percent: f64) -> u64 {
    bytes / 10_000 * (percent * 100.0) as u64
}
