//! Losses of the poll lease before it expires: Redis evicts keys, or something deletes them. Each loss may change the leader.
//! They recur, so they are reported once. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Losses count for this long.
const WINDOW: Duration = Duration::from_secs(3600);
/// Number of losses in that time from which on they are reported even without a known reason. A Redis that restarts empty
/// loses a lease, too.
const MIN_UNEXPLAINED: usize = 3;
/// Maximum number of role changes that are logged in that time.
const MAX_ROLE_LINES: usize = 6;

/// What is known of the reason of a loss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LossReason {
    /// Redis evicts keys, with these settings.
    Eviction(String),
    /// Redis does not evict keys.
    NoEviction,
    /// The settings are unknown: the Redis user is not permitted to run INFO.
    Unknown,
}

#[derive(Debug, Default)]
pub(super) struct LeaseLosses {
    times: VecDeque<Instant>,
    role_lines: VecDeque<Instant>,
    /// The reason of the last loss, once losses have been reported.
    reported: Option<LossReason>,
}

impl LeaseLosses {
    /// Records a loss. Returns true if it must be reported.
    pub(super) fn record(&mut self, reason: LossReason, at: Instant) -> bool {
        forget_old(&mut self.times, at);
        self.times.push_back(at);
        let is_reportable = matches!(reason, LossReason::Eviction(_)) || self.times.len() >= MIN_UNEXPLAINED;
        if self.reported.is_none() && !is_reportable {
            return false;
        }
        self.reported.replace(reason).is_none()
    }

    /// Counts a change of the role. Returns true if it may be logged.
    pub(super) fn may_log_role(&mut self, at: Instant) -> bool {
        forget_old(&mut self.role_lines, at);
        if self.role_lines.len() >= MAX_ROLE_LINES {
            return false;
        }
        self.role_lines.push_back(at);
        true
    }

    /// The reported losses as a sentence; `None` if there was none within `WINDOW`.
    pub(super) fn sentence(&mut self, at: Instant) -> Option<String> {
        forget_old(&mut self.times, at);
        if self.times.is_empty() {
            return None;
        }
        let reason = match self.reported.as_ref()? {
            LossReason::Eviction(settings) => format!(
                "Redis evicts keys ({settings}), so values are lost and daemons take turns as the leader; set \
                 maxmemory-policy noeviction, or raise maxmemory"
            ),
            LossReason::NoEviction => {
                "Redis evicts no keys; check for a client or an operator that deletes them".to_owned()
            }
            LossReason::Unknown => {
                "Redis probably evicts keys; check its maxmemory-policy (INFO is not permitted)".to_owned()
            }
        };
        Some(format!("the poll lease disappeared from Redis before it expired: {reason}"))
    }
}

fn forget_old(times: &mut VecDeque<Instant>, at: Instant) {
    while times.front().is_some_and(|time| at.saturating_duration_since(*time) > WINDOW) {
        times.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_reported_once_and_end_after_an_hour() {
        let (mut losses, begun) = (LeaseLosses::default(), Instant::now());
        let after = |seconds| begun + Duration::from_secs(seconds);
        let evicted = LossReason::Eviction("maxmemory-policy allkeys-lru".to_owned());
        assert!(losses.record(evicted.clone(), after(0)));
        for minute in 1..50 {
            assert!(!losses.record(evicted.clone(), after(minute * 60)), "reported already");
        }
        let sentence = losses.sentence(after(3000)).unwrap_or_default();
        assert!(sentence.contains("allkeys-lru"), "{sentence}");
        assert_eq!(losses.sentence(after(8000)), None);
        assert!(!losses.record(evicted, after(9000)), "reported already");
        assert!(losses.sentence(after(9001)).is_some());
    }

    #[test]
    fn unexplained_losses_are_reported_from_the_third_in_an_hour() {
        let (mut losses, begun) = (LeaseLosses::default(), Instant::now());
        for (minute, is_reported) in [(0, false), (61, false), (122, false), (123, false), (124, true), (125, false)] {
            let at = begun + Duration::from_secs(minute * 60);
            assert_eq!(losses.record(LossReason::NoEviction, at), is_reported, "{minute} minutes");
        }
    }

    #[test]
    fn logged_role_changes_are_limited() {
        let (mut losses, begun) = (LeaseLosses::default(), Instant::now());
        let logged = (0..100).filter(|second| losses.may_log_role(begun + Duration::from_secs(*second))).count();
        assert_eq!(logged, MAX_ROLE_LINES);
        assert!(losses.may_log_role(begun + WINDOW * 2));
    }
}
