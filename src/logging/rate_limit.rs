//! The rate limit of log lines, so that neither a fault nor a client can fill the disk.

use std::time::{Duration, Instant};

/// Well above the lines of any single fault that is logged once.
const MAX_LINES_PER_MINUTE: u32 = 600;
const FIRST_SUPPRESSED_LINE: u32 = MAX_LINES_PER_MINUTE + 1;
const MINUTE: Duration = Duration::from_secs(60);

/// Counts the lines of the current minute.
#[derive(Default)]
pub(super) struct RateLimiter {
    minute_start: Option<Instant>,
    lines: u32,
}

/// The decision on a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Emit,
    /// Emit the line after a notice with the number of suppressed lines.
    EmitWithNotice(u32),
    /// Suppress the line, the first of this minute, and emit a notice.
    SuppressWithNotice,
    Suppress,
}

impl Decision {
    pub(super) fn is_suppressed(&self) -> bool {
        matches!(self, Self::SuppressWithNotice | Self::Suppress)
    }

    pub(super) fn notice(&self) -> Option<String> {
        match self {
            Self::EmitWithNotice(count) => Some(format!("log lines suppressed count={count}")),
            Self::SuppressWithNotice => {
                Some(format!("log rate limit reached, suppressing lines lines_per_minute={MAX_LINES_PER_MINUTE}"))
            }
            Self::Emit | Self::Suppress => None,
        }
    }
}

impl RateLimiter {
    pub(super) fn admit(&mut self, now: Instant) -> Decision {
        let suppressed_before = self.start_minute_if_due(now);
        self.lines = self.lines.saturating_add(1);
        if suppressed_before > 0 {
            return Decision::EmitWithNotice(suppressed_before);
        }
        match self.lines {
            0..=MAX_LINES_PER_MINUTE => Decision::Emit,
            FIRST_SUPPRESSED_LINE => Decision::SuppressWithNotice,
            _ => Decision::Suppress,
        }
    }

    /// Starts a new minute if the current one has elapsed. Returns the number of lines suppressed in the elapsed one.
    fn start_minute_if_due(&mut self, now: Instant) -> u32 {
        if let Some(start) = self.minute_start
            && now.saturating_duration_since(start) < MINUTE
        {
            return 0;
        }
        let suppressed = self.lines.saturating_sub(MAX_LINES_PER_MINUTE);
        self.minute_start = Some(now);
        self.lines = 0;
        suppressed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_lines_is_suppressed_and_counted() {
        let (mut limiter, start) = (RateLimiter::default(), Instant::now());
        for _ in 0..MAX_LINES_PER_MINUTE {
            assert_eq!(limiter.admit(start), Decision::Emit);
        }
        assert_eq!(limiter.admit(start), Decision::SuppressWithNotice);
        assert_eq!(limiter.admit(start + MINUTE / 2), Decision::Suppress);
        assert_eq!(limiter.admit(start + MINUTE), Decision::EmitWithNotice(2));
        assert_eq!(limiter.admit(start + MINUTE), Decision::Emit);
        assert_eq!(limiter.admit(start + 2 * MINUTE), Decision::Emit, "nothing was suppressed");
    }
}
