//! The line of drives that wait to be read: who is next, found without a walk along it.
//!
//! Drives that are reached through the same SCSI hosts, and are to be treated alike, wait in one lane, the slowest first. So
//! the choice is one of lanes, of which there are about as many as adapters, however many drives wait.

use crate::domain::drive::{Drive, DriveKey};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// What a drive counts for that was not read yet, or at once.
const LEAST: Duration = Duration::from_millis(1);

/// Who waits together. The order is that of preference, apart from how much waits in each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lane {
    /// Nobody waits for them in particular.
    pub usual: bool,
    /// They may not end at all.
    pub suspect: bool,
    /// By which SCSI hosts they may be asked; `None`: by none.
    pub hosts: Vec<Option<u32>>,
}

#[derive(Debug)]
struct Waiting {
    ticket: u64,
    took: Duration,
    drive: Arc<Drive>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// Of `waiting`, those that have not gone to another lane.
    count: usize,
    /// What they took when they were read last, together.
    load: Duration,
}

#[derive(Debug, Default)]
pub(super) struct Line {
    lanes: BTreeMap<Lane, Queue>,
    /// The place of each drive, and whether somebody waits for it; one with another number has been left.
    tickets: HashMap<DriveKey, (u64, bool)>,
    last: u64,
}

impl Line {
    pub(super) fn is_empty(&self) -> bool {
        self.tickets.is_empty()
    }

    pub(super) fn has(&self, key: &DriveKey) -> bool {
        self.tickets.contains_key(key)
    }

    /// At the end of its lane.
    pub(super) fn push(&mut self, lane: Lane, drive: Arc<Drive>, took: Duration) {
        self.last += 1;
        self.tickets.insert(drive.key.clone(), (self.last, !lane.usual));
        let queue = self.lanes.entry(lane).or_default();
        queue.count += 1;
        queue.load += took.max(LEAST);
        queue.waiting.push_back(Waiting { ticket: self.last, took, drive });
    }

    /// From its lane to the end of that of those for whom somebody waits.
    pub(super) fn hurry(&mut self, lane: Lane, drive: &Arc<Drive>, took: Duration) {
        let usual = Lane { usual: true, ..lane.clone() };
        let is_usual = self.tickets.get(&drive.key).is_some_and(|(_, urgent)| !urgent);
        let Some(queue) = self.lanes.get_mut(&usual).filter(|_| is_usual) else { return };
        // The place in the lane stays, and is passed over.
        queue.count = queue.count.saturating_sub(1);
        queue.load = queue.load.saturating_sub(took.max(LEAST));
        self.push(lane, Arc::clone(drive), took);
        self.lanes.retain(|_, queue| queue.count > 0);
    }

    /// The slowest first, so that the last to end is not one that began late.
    pub(super) fn sort(&mut self) {
        for queue in self.lanes.values_mut() {
            queue.waiting.make_contiguous().sort_by_key(|w| Reverse(w.took));
        }
    }

    /// The drive to start next. `room` says how many may run at once in a lane, and whether there is a seat now. Of lanes that are
    /// alike, it is the one that would keep the sweep waiting longest.
    pub(super) fn next(&mut self, room: impl Fn(&Lane) -> Option<usize>) -> Option<Arc<Drive>> {
        let bound = |queue: &Queue, room: usize| {
            let slowest = queue.waiting.front().map_or(LEAST, |w| w.took);
            slowest.max(queue.load / u32::try_from(room.max(1)).unwrap_or(1))
        };
        let open = self.lanes.iter().filter_map(|(lane, queue)| Some((lane, bound(queue, room(lane)?))));
        let (lane, _) = open.min_by_key(|(lane, bound)| (lane.usual, lane.suspect, Reverse(*bound)))?;
        let lane = lane.clone();
        let queue = self.lanes.get_mut(&lane)?;
        let mut next = None;
        while let Some(Waiting { ticket, took, drive }) = queue.waiting.pop_front() {
            if is_at(&self.tickets, &drive.key, ticket) {
                self.tickets.remove(&drive.key);
                queue.count = queue.count.saturating_sub(1);
                queue.load = queue.load.saturating_sub(took.max(LEAST));
                next = Some(drive);
                break;
            }
        }
        if queue.count == 0 {
            self.lanes.remove(&lane);
        }
        next
    }

    /// Takes out and gives those that `is_out`.
    pub(super) fn take_out<T>(&mut self, is_out: impl Fn(&Drive) -> Option<T>) -> Vec<(DriveKey, T)> {
        let mut out = Vec::new();
        for queue in self.lanes.values_mut() {
            for waiting in &queue.waiting {
                let is_here = is_at(&self.tickets, &waiting.drive.key, waiting.ticket);
                let Some(why) = is_here.then(|| is_out(&waiting.drive)).flatten() else { continue };
                self.tickets.remove(&waiting.drive.key);
                queue.count = queue.count.saturating_sub(1);
                queue.load = queue.load.saturating_sub(waiting.took.max(LEAST));
                out.push((waiting.drive.key.clone(), why));
            }
            let tickets = &self.tickets;
            queue.waiting.retain(|w| is_at(tickets, &w.drive.key, w.ticket));
        }
        self.lanes.retain(|_, queue| queue.count > 0);
        out
    }

    /// Everybody who waits, in the order of their lanes, and whether somebody waits for it.
    pub(super) fn drain(&mut self) -> Vec<(DriveKey, bool)> {
        let tickets = &std::mem::take(&mut self.tickets);
        let of_lane = |(lane, queue): (Lane, Queue)| {
            let here = queue.waiting.into_iter().filter(|w| is_at(tickets, &w.drive.key, w.ticket));
            here.map(|w| (w.drive.key.clone(), !lane.usual)).collect::<Vec<_>>()
        };
        std::mem::take(&mut self.lanes).into_iter().flat_map(of_lane).collect()
    }
}

fn is_at(tickets: &HashMap<DriveKey, (u64, bool)>, key: &DriveKey, ticket: u64) -> bool {
    tickets.get(key).is_some_and(|(at, _)| *at == ticket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::{DeviceName, Identity};
    use crate::domain::transport::Attachment;

    fn lane(urgent: bool, suspect: bool, host: u32) -> Lane {
        Lane { usual: !urgent, suspect, hosts: vec![Some(host)] }
    }

    fn drive(name: &str) -> Arc<Drive> {
        Arc::new(Drive {
            key: DriveKey::Discovered(name.into()),
            device: DeviceName::parse(name).unwrap_or_else(|| unreachable!()),
            paths: vec![],
            identity: Identity::default(),
            vendor: None,
            model: None,
            firmware: None,
            size_bytes: None,
            rotational: None,
            by_id: vec![],
            attachment: Attachment::Scsi(None),
            raid_disks: Vec::new(),
            told_type: None,
        })
    }

    fn line(waiting: &[(&str, Lane, u64)]) -> Line {
        let mut line = Line::default();
        for (name, lane, ms) in waiting {
            line.push(lane.clone(), drive(name), Duration::from_millis(*ms));
        }
        line.sort();
        line
    }

    fn all(mut line: Line, room: impl Fn(&Lane) -> Option<usize>) -> Vec<String> {
        std::iter::from_fn(|| line.next(&room)).map(|d| d.key.to_string()).collect()
    }

    #[test]
    fn who_is_waited_for_comes_first_and_who_may_not_end_last() {
        let line = line(&[
            ("a", lane(false, true, 0), 9),
            ("b", lane(false, false, 0), 1),
            ("c", lane(false, false, 0), 5),
            ("d", lane(true, true, 0), 0),
            ("e", lane(true, false, 0), 0),
        ]);
        assert_eq!(all(line, |_| Some(1)), ["e", "d", "c", "b", "a"]);
    }

    /// Two drives of one host and six of another, one at a time each: those of the other are not kept waiting.
    #[test]
    fn the_host_that_has_most_to_do_is_never_left_idle() {
        let few = ["a", "b"].map(|name| (name, lane(false, false, 0), 500));
        let many = ["c", "d", "e", "f"].map(|name| (name, lane(false, false, 1), 500));
        let waiting: Vec<_> = few.into_iter().chain(many).collect();
        assert_eq!(all(line(&waiting), |_| Some(1)), ["c", "d", "a", "e", "b", "f"]);
        let only_first = |lane: &Lane| (lane.hosts == [Some(0)]).then_some(1);
        assert_eq!(all(line(&waiting), only_first), ["a", "b"], "where there is no room nobody is taken");
    }

    #[test]
    fn who_is_hurried_is_taken_once() {
        let mut line = line(&[("a", lane(false, false, 0), 3), ("b", lane(false, false, 0), 2)]);
        for _ in 0..2 {
            line.hurry(lane(true, false, 0), &drive("b"), Duration::from_millis(2));
        }
        line.hurry(lane(true, false, 0), &drive("unknown"), Duration::ZERO);
        assert_eq!(all(line, |_| Some(1)), ["b", "a"]);
    }

    #[test]
    fn who_is_taken_out_is_not_read() {
        let mut line = line(&[("a", lane(false, false, 0), 3), ("b", lane(false, false, 0), 2)]);
        line.hurry(lane(true, false, 0), &drive("b"), Duration::from_millis(2));
        let out = line.take_out(|d| (d.key.to_string() == "b").then_some(()));
        assert_eq!(out.len(), 1);
        assert!(line.has(&DriveKey::Discovered("a".into())) && !line.has(&DriveKey::Discovered("b".into())));
        assert_eq!(line.drain(), [(DriveKey::Discovered("a".into()), false)]);
        assert!(line.is_empty() && line.next(|_| Some(1)).is_none());
    }
}
