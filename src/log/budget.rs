//! How many lines may be written: no fault and no stranger fills a disk.

use std::time::{Duration, Instant};

/// So many lines may be written in a minute: more than any fault has to say that is told once.
const LINES_A_MINUTE: u32 = 600;
const MINUTE: Duration = Duration::from_secs(60);

/// How many lines this minute has seen.
#[derive(Default)]
pub(super) struct Budget {
    since: Option<Instant>,
    lines: u32,
}

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word {
    Write,
    /// It is written, and before it how many were left out.
    WriteAfter(u32),
    /// The first that is left out, which is told.
    LeaveOutAndSay,
    LeaveOut,
}

impl Word {
    pub(super) fn is_left_out(&self) -> bool {
        matches!(self, Self::LeaveOutAndSay | Self::LeaveOut)
    }

    pub(super) fn notice(&self) -> Option<String> {
        match self {
            Self::WriteAfter(count) => Some(format!("log lines were left out count={count}")),
            Self::LeaveOutAndSay => {
                Some(format!("more than {LINES_A_MINUTE} log lines within a minute, the others are left out"))
            }
            Self::Write | Self::LeaveOut => None,
        }
    }
}

impl Budget {
    pub(super) fn spend(&mut self, now: Instant) -> Word {
        let is_new = self.since.is_none_or(|since| now.saturating_duration_since(since) >= MINUTE);
        let left_out = if is_new { self.lines.saturating_sub(LINES_A_MINUTE) } else { 0 };
        if is_new {
            (self.since, self.lines) = (Some(now), 0);
        }
        self.lines = self.lines.saturating_add(1);
        match self.lines {
            _ if left_out > 0 => Word::WriteAfter(left_out),
            n if n <= LINES_A_MINUTE => Word::Write,
            n if n == LINES_A_MINUTE + 1 => Word::LeaveOutAndSay,
            _ => Word::LeaveOut,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_lines_is_cut_off_and_counted() {
        let (mut budget, start) = (Budget::default(), Instant::now());
        for _ in 0..LINES_A_MINUTE {
            assert_eq!(budget.spend(start), Word::Write);
        }
        assert_eq!(budget.spend(start), Word::LeaveOutAndSay);
        assert_eq!(budget.spend(start + MINUTE / 2), Word::LeaveOut);
        assert_eq!(budget.spend(start + MINUTE), Word::WriteAfter(2));
        assert_eq!(budget.spend(start + MINUTE), Word::Write);
        assert_eq!(budget.spend(start + 2 * MINUTE), Word::Write, "nothing was left out");
    }
}
