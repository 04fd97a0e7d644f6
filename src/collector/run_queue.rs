//! Run queue of drives, ordered so that picking the next one is O(number of queues).
//!
//! Drives with the same `QueueKey` share one queue, the slowest first. There are about as many queues as HBAs, however
//! many drives wait.

use crate::domain::drive::{Drive, DriveKey};
use crate::domain::identity::ScsiHost;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Minimum estimate, for a drive that was not read yet or answered at once.
const MIN_ESTIMATE: Duration = Duration::from_millis(1);

/// Why a drive is read, in order of priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// A request waits for it.
    Requested,
    /// It belongs to a sweep.
    Background,
}

/// Identifies a queue. Urgency and suspicion take precedence over the load of the queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct QueueKey {
    pub(super) urgency: Urgency,
    /// The last readings of its drives timed out, and the next ones may time out as well.
    pub(super) suspect: bool,
    /// The SCSI hosts through which its drives may be read; `None` for NVMe drives, which have no SCSI host.
    pub(super) hosts: Vec<Option<ScsiHost>>,
}

#[derive(Debug)]
struct Waiting {
    generation: u64,
    took: Duration,
    drive: Arc<Drive>,
}

/// The current queue entry of a drive. An entry with another generation is obsolete.
#[derive(Clone, Debug)]
struct Position {
    generation: u64,
    /// The key of the queue that has it. The drive's current key may be another one.
    key: QueueKey,
    took: Duration,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// Number of entries of `waiting` that are not obsolete.
    count: usize,
    /// Sum of the durations of their last readings.
    load: Duration,
}

impl Queue {
    fn add(&mut self, waiting: Waiting) {
        self.count += 1;
        self.load += waiting.took.max(MIN_ESTIMATE);
        self.waiting.push_back(waiting);
    }

    fn discount(&mut self, took: Duration) {
        self.count = self.count.saturating_sub(1);
        self.load = self.load.saturating_sub(took.max(MIN_ESTIMATE));
    }

    /// Minimum time until all drives of the queue are read, with `room` children at once.
    fn estimate(&self, room: usize) -> Duration {
        let share = self.load / u32::try_from(room.max(1)).unwrap_or(1);
        match self.waiting.front() {
            Some(slowest) => share.max(slowest.took),
            None => share.max(MIN_ESTIMATE),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct RunQueue {
    queues: BTreeMap<QueueKey, Queue>,
    positions: HashMap<DriveKey, Position>,
    last_generation: u64,
}

impl RunQueue {
    pub(super) fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    pub(super) fn has(&self, drive: &DriveKey) -> bool {
        self.positions.contains_key(drive)
    }

    /// Adds a drive at the end of its queue.
    pub(super) fn push(&mut self, key: QueueKey, drive: Arc<Drive>, took: Duration) {
        self.last_generation += 1;
        let generation = self.last_generation;
        self.positions.insert(drive.key.clone(), Position { generation, key: key.clone(), took });
        self.queues.entry(key).or_default().add(Waiting { generation, took, drive });
    }

    /// Moves a drive from its background queue to the end of `key`, a queue of requested drives.
    pub(super) fn promote(&mut self, key: QueueKey, drive: &Arc<Drive>, took: Duration) {
        let Some(position) = self.positions.get(&drive.key) else { return };
        if position.key.urgency == Urgency::Requested {
            return;
        }
        // The old entry remains, obsolete, and is skipped.
        if let Some(queue) = self.queues.get_mut(&position.key) {
            queue.discount(position.took);
        }
        self.push(key, Arc::clone(drive), took);
        self.queues.retain(|_, queue| queue.count > 0);
    }

    /// Sorts each queue, the slowest drive first, so that no slow drive starts late.
    pub(super) fn sort(&mut self) {
        for queue in self.queues.values_mut() {
            queue.waiting.make_contiguous().sort_by_key(|waiting| Reverse(waiting.took));
        }
    }

    /// The drive to start next. `room`: the number of drives of a queue that may run at once, or `None` if none may
    /// start now. Of queues with the same priority, the one with the longest estimate is first.
    pub(super) fn next(&mut self, room: impl Fn(&QueueKey) -> Option<usize>) -> Option<(Arc<Drive>, Urgency)> {
        let open = self.queues.iter().filter_map(|(key, queue)| Some((key, queue.estimate(room(key)?))));
        let (key, _) = open.min_by_key(|(key, estimate)| (key.urgency, key.suspect, Reverse(*estimate)))?;
        let key = key.clone();
        let queue = self.queues.get_mut(&key)?;
        let mut next = None;
        while let Some(waiting) = queue.waiting.pop_front() {
            if is_current(&self.positions, &waiting) {
                self.positions.remove(&waiting.drive.key);
                queue.discount(waiting.took);
                next = Some(waiting.drive);
                break;
            }
        }
        if queue.count == 0 {
            self.queues.remove(&key);
        }
        Some((next?, key.urgency))
    }

    /// Removes and returns the drives for which `reason` returns one.
    pub(super) fn remove_where<T>(&mut self, reason: impl Fn(&Drive) -> Option<T>) -> Vec<(DriveKey, T)> {
        let mut removed = Vec::new();
        for queue in self.queues.values_mut() {
            for waiting in std::mem::take(&mut queue.waiting) {
                if !is_current(&self.positions, &waiting) {
                    continue;
                }
                let Some(reason) = reason(&waiting.drive) else {
                    queue.waiting.push_back(waiting);
                    continue;
                };
                self.positions.remove(&waiting.drive.key);
                queue.discount(waiting.took);
                removed.push((waiting.drive.key.clone(), reason));
            }
        }
        self.queues.retain(|_, queue| queue.count > 0);
        removed
    }

    /// All waiting drives, in the order of their queues.
    pub(super) fn drain(&mut self) -> Vec<(DriveKey, Urgency)> {
        let positions = std::mem::take(&mut self.positions);
        let mut drained = Vec::with_capacity(positions.len());
        for (key, queue) in std::mem::take(&mut self.queues) {
            for waiting in queue.waiting {
                if is_current(&positions, &waiting) {
                    drained.push((waiting.drive.key.clone(), key.urgency));
                }
            }
        }
        drained
    }
}

/// The entry is the current one of its drive.
fn is_current(positions: &HashMap<DriveKey, Position>, waiting: &Waiting) -> bool {
    match positions.get(&waiting.drive.key) {
        Some(position) => position.generation == waiting.generation,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::drive::fixture::drive;

    fn key(urgency: Urgency, suspect: bool, host: u32) -> QueueKey {
        QueueKey { urgency, suspect, hosts: vec![Some(ScsiHost(host))] }
    }

    fn background(host: u32) -> QueueKey {
        key(Urgency::Background, false, host)
    }

    fn run_queue(waiting: &[(&str, QueueKey, u64)]) -> RunQueue {
        let mut queue = RunQueue::default();
        for (name, key, ms) in waiting {
            queue.push(key.clone(), Arc::new(drive(name)), Duration::from_millis(*ms));
        }
        queue.sort();
        queue
    }

    fn all(mut queue: RunQueue, room: impl Fn(&QueueKey) -> Option<usize>) -> Vec<String> {
        std::iter::from_fn(|| queue.next(&room)).map(|(drive, _)| drive.key.to_string()).collect()
    }

    #[test]
    fn requested_drives_come_first_and_suspect_ones_last() {
        let queue = run_queue(&[
            ("a", key(Urgency::Background, true, 0), 9),
            ("b", background(0), 1),
            ("c", background(0), 5),
            ("d", key(Urgency::Requested, true, 0), 0),
            ("e", key(Urgency::Requested, false, 0), 0),
        ]);
        assert_eq!(all(queue, |_| Some(1)), ["e", "d", "c", "b", "a"]);
    }

    /// Two drives of one host and four of another: a drive of the host with the most remaining work is next.
    #[test]
    fn the_host_with_the_most_work_is_never_idle() {
        let drives = [("a", 0), ("b", 0), ("c", 1), ("d", 1), ("e", 1), ("f", 1)];
        let waiting = drives.map(|(name, host)| (name, background(host), 500));
        assert_eq!(all(run_queue(&waiting), |_| Some(1)), ["c", "d", "a", "e", "b", "f"]);
        let room = |key: &QueueKey| if key.hosts == [Some(ScsiHost(0))] { Some(1) } else { None };
        assert_eq!(all(run_queue(&waiting), room), ["a", "b"], "a host without room is skipped");
    }

    #[test]
    fn a_promoted_drive_is_returned_once() {
        let mut queue = run_queue(&[("a", background(0), 3), ("b", background(0), 2)]);
        for _ in 0..2 {
            queue.promote(key(Urgency::Requested, false, 0), &Arc::new(drive("b")), Duration::from_millis(2));
        }
        queue.promote(key(Urgency::Requested, false, 0), &Arc::new(drive("unknown")), Duration::ZERO);
        assert_eq!(all(queue, |_| Some(1)), ["b", "a"]);
    }

    /// The hosts through which a drive may be read change while it waits: a path falls silent, a back-off ends.
    #[test]
    fn a_drive_is_promoted_out_of_the_queue_in_which_it_waits() {
        let mut queue = run_queue(&[("a", background(0), 3), ("b", background(1), 2)]);
        queue.promote(key(Urgency::Requested, false, 1), &Arc::new(drive("a")), Duration::from_millis(3));
        assert_eq!(all(queue, |_| Some(1)), ["a", "b"]);
        let mut queue = run_queue(&[("a", background(0), 3)]);
        queue.promote(key(Urgency::Requested, false, 1), &Arc::new(drive("a")), Duration::from_millis(3));
        let room = |key: &QueueKey| if key.urgency == Urgency::Requested { Some(1) } else { None };
        assert_eq!(all(queue, room), ["a"]);
    }

    #[test]
    fn a_removed_drive_is_not_returned() {
        let mut queue = run_queue(&[("a", background(0), 3), ("b", background(0), 2)]);
        queue.promote(key(Urgency::Requested, false, 0), &Arc::new(drive("b")), Duration::from_millis(2));
        let (kept_key, removed_key) = (DriveKey::Discovered("a".into()), DriveKey::Discovered("b".into()));
        let removed = queue.remove_where(|drive| if drive.key == removed_key { Some(()) } else { None });
        assert_eq!(removed.len(), 1);
        assert!(queue.has(&kept_key) && !queue.has(&removed_key));
        assert_eq!(queue.drain(), [(kept_key, Urgency::Background)]);
        assert!(queue.is_empty() && queue.next(|_| Some(1)).is_none());
    }
}
