//! The rate limit of log lines: no fault and no client fills a disk.

use std::time::{Duration, Instant};

/// Lines in a minute. Faults that are logged once stay below.
const MAX_LINES_PER_MINUTE: u32 = 600;
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
    /// Emit it after a notice of how many lines were suppressed.
    EmitWithNotice(u32),
    /// Suppress it; it is the first one, so emit a notice.
    SuppressWithNotice,
    Suppress,
}

impl Decision {
    pub(super) fn is_suppressed(&self) -> bool {
        matches!(self, Self::SuppressWithNotice | Self::Suppress)
    }

    pub(super) fn notice(&self) -> Option<String> {
        match self {
            Self::EmitWithNotice(count) => Some(format!("log lines were left out count={count}")),
            Self::SuppressWithNotice => {
                Some(format!("more than {MAX_LINES_PER_MINUTE} log lines within a minute, the others are left out"))
            }
            Self::Emit | Self::Suppress => None,
        }
    }
}

impl RateLimiter {
    pub(super) fn admit(&mut self, now: Instant) -> Decision {
        let is_new_minute = self.minute_start.is_none_or(|start| now.saturating_duration_since(start) >= MINUTE);
        let suppressed = if is_new_minute { self.lines.saturating_sub(MAX_LINES_PER_MINUTE) } else { 0 };
        if is_new_minute {
            (self.minute_start, self.lines) = (Some(now), 0);
        }
        self.lines = self.lines.saturating_add(1);
        match self.lines {
            _ if suppressed > 0 => Decision::EmitWithNotice(suppressed),
            n if n <= MAX_LINES_PER_MINUTE => Decision::Emit,
            n if n == MAX_LINES_PER_MINUTE + 1 => Decision::SuppressWithNotice,
            _ => Decision::Suppress,
        }
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
