//! The clock of all timestamps: the host's wall clock without its steps.
//!
//! An administrator, or NTP after a boot without a battery, may set the wall clock by years, which must not change the
//! age of values. So time advances with the kernel's boot-time clock (which cannot be set, and counts suspended time,
//! `clock_gettime(2)`), and a step is applied only by the poller, which converts all earlier timestamps.

use crate::domain::time::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};

/// Minimum step. A smaller difference from the wall clock is applied without further action.
const MIN_STEP_MS: i64 = 2_000;

/// Wall clock less boot-time clock, in milliseconds.
static AHEAD_MS: LazyLock<AtomicI64> = LazyLock::new(|| AtomicI64::new(wall_ms() - boot_ms()));

/// The current time in whole seconds.
pub(crate) fn now() -> Timestamp {
    Moment::now().date()
}

/// A moment of the boot-time clock, in milliseconds. Its age is independent of steps; its date follows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(i64);

impl Moment {
    pub(crate) fn now() -> Self {
        Self(boot_ms())
    }

    pub(crate) fn date(self) -> Timestamp {
        Timestamp((self.0 + AHEAD_MS.load(Ordering::Acquire)).div_euclid(1000))
    }

    pub(crate) fn age_seconds(self) -> u64 {
        u64::try_from((boot_ms() - self.0) / 1000).unwrap_or(0)
    }
}

/// Compares with the wall clock. `Some`: the wall clock was stepped by that number of seconds. The step is applied by
/// `set`, not here.
pub(crate) fn detect_step() -> Option<i64> {
    let ahead = AHEAD_MS.load(Ordering::Acquire);
    let by_ms = wall_ms() - boot_ms() - ahead;
    if by_ms.abs() < MIN_STEP_MS {
        AHEAD_MS.store(ahead + by_ms, Ordering::Release);
        return None;
    }
    Some(by_ms.div_euclid(1000))
}

/// Applies a step.
pub(crate) fn set(by_seconds: i64) {
    AHEAD_MS.fetch_add(by_seconds.saturating_mul(1000), Ordering::AcqRel);
}

fn wall_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn boot_ms() -> i64 {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec.saturating_mul(1000).saturating_add(time.tv_nsec / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_follows_the_wall_clock_and_steps_only_on_request() {
        let off = |by: i64| (now().0 - jiff::Timestamp::now().as_second() - by).abs() <= 1;
        assert!(off(0) && detect_step().is_none());
        set(-1000);
        assert!(off(-1000) && detect_step().is_some_and(|by| (999..=1000).contains(&by)));
        set(1000);
        assert!(off(0) && detect_step().is_none());
    }
}
