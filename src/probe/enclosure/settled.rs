//! A value that changes only after another one was read several times in a row. Pure.

use std::time::{Duration, Instant};

/// How often another value must be read before it is accepted.
const READS: u32 = 3;
/// Reads that follow each other faster count as one.
pub(super) const READ_INTERVAL: Duration = Duration::from_secs(4);

#[derive(Clone, Debug)]
pub(super) struct Settled<T> {
    accepted: T,
    next: Option<PendingChange<T>>,
    last_read: Instant,
}

#[derive(Clone, Debug)]
struct PendingChange<T> {
    value: T,
    reads: u32,
    last: Instant,
}

impl<T: Clone + PartialEq> Settled<T> {
    /// The first read is accepted at once.
    pub(super) fn new(value: T, at: Instant) -> Self {
        Self { accepted: value, next: None, last_read: at }
    }

    /// Records a read; returns the accepted value.
    pub(super) fn read(&mut self, value: T, at: Instant) -> T {
        self.last_read = at;
        if value == self.accepted {
            self.next = None;
            return self.accepted.clone();
        }
        match &mut self.next {
            Some(next) if next.value == value => {
                if at.saturating_duration_since(next.last) >= READ_INTERVAL {
                    next.reads += 1;
                    next.last = at;
                }
                if next.reads >= READS {
                    self.accepted = value;
                    self.next = None;
                }
            }
            _ => self.next = Some(PendingChange { value, reads: 1, last: at }),
        }
        self.accepted.clone()
    }

    pub(super) fn was_read(&self, at: Instant) -> bool {
        self.last_read == at
    }

    pub(super) fn discard_pending(&mut self) {
        self.next = None;
    }

    /// A change is pending, and the next read counts.
    pub(super) fn is_due(&self, at: Instant) -> bool {
        self.next.as_ref().is_some_and(|next| next.last + READ_INTERVAL <= at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_accepted_after_three_reads_and_a_glitch_never() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut settled = Settled::new(1, start);
        for (value, seconds) in [(2, 0), (2, 1), (2, 4), (1, 7), (2, 8), (2, 12)] {
            assert_eq!(settled.read(value, at(seconds)), 1);
        }
        assert!(!settled.is_due(at(15)) && settled.is_due(at(16)));
        assert_eq!(settled.read(2, at(16)), 2);
        assert!(!settled.is_due(at(100)));
        settled.read(3, at(18));
        assert!(settled.was_read(at(18)) && settled.is_due(at(22)));
        assert!(!settled.was_read(at(19)));
        settled.discard_pending();
        assert!(!settled.is_due(at(22)));
        for (value, seconds) in [(3, 20), (4, 24), (3, 28), (3, 32)] {
            assert_eq!(settled.read(value, at(seconds)), 2);
        }
    }
}
