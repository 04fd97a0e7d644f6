//! Losses of the poll lease before it has expired: Redis evicts keys, or something deletes them. Each may change which
//! daemon polls, and happens again and again, so it is reported once. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Losses count for this long.
const WINDOW: Duration = Duration::from_secs(3600);
/// So many losses in that time are reported even without a known reason; a Redis that restarts empty loses a lease,
/// too.
const MAX_UNEXPLAINED: usize = 3;
/// So many changes of the role are logged in that time.
const MAX_ROLE_LINES: usize = 6;

/// What is known of the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LossReason {
    /// Redis evicts keys, with its settings.
    Eviction(String),
    /// It does not.
    NoEviction,
    /// This user of Redis may not ask.
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
    /// A loss. True: it must be reported.
    pub(super) fn record(&mut self, reason: LossReason, at: Instant) -> bool {
        forget_old(&mut self.times, at);
        self.times.push_back(at);
        let is_reportable = matches!(reason, LossReason::Eviction(_)) || self.times.len() >= MAX_UNEXPLAINED;
        if self.reported.is_none() && !is_reportable {
            return false;
        }
        self.reported.replace(reason).is_none()
    }

    /// A change of the role. True: it may be logged.
    pub(super) fn may_log_role(&mut self, at: Instant) -> bool {
        forget_old(&mut self.role_lines, at);
        let may = self.role_lines.len() < MAX_ROLE_LINES;
        if may {
            self.role_lines.push_back(at);
        }
        may
    }

    /// As a sentence, while reported losses count.
    pub(super) fn sentence(&mut self, at: Instant) -> Option<String> {
        forget_old(&mut self.times, at);
        let reason = self.reported.as_ref().filter(|_| !self.times.is_empty())?;
        let reason = match reason {
            LossReason::Eviction(settings) => format!(
                "Redis evicts keys ({settings}); set maxmemory-policy noeviction or raise maxmemory, since daemons take turns in \
                 polling and values are lost"
            ),
            LossReason::NoEviction => "Redis evicts no keys, so something deletes them".to_owned(),
            LossReason::Unknown => {
                "probably Redis evicts keys (maxmemory-policy in its configuration; INFO is not permitted to this user)"
                    .to_owned()
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
        let at = |second| begun + Duration::from_secs(second);
        let evicted = || LossReason::Eviction("maxmemory-policy allkeys-lru".to_owned());
        assert!(losses.record(evicted(), at(0)));
        assert!((1..50).all(|n| !losses.record(evicted(), at(n * 60))));
        assert!(losses.sentence(at(3000)).is_some_and(|text| text.contains("allkeys-lru")));
        assert_eq!(losses.sentence(at(8000)), None);
        assert!(!losses.record(evicted(), at(9000)), "reported already");
        assert!(losses.sentence(at(9001)).is_some());
    }

    #[test]
    fn one_loss_without_a_reason_is_a_restart_of_redis() {
        let (mut losses, begun) = (LeaseLosses::default(), Instant::now());
        let mut lose = |minute: u64| losses.record(LossReason::NoEviction, begun + Duration::from_secs(minute * 60));
        assert!(!lose(0) && !lose(61) && !lose(122) && !lose(123));
        assert!(lose(124) && !lose(125));
    }

    #[test]
    fn changes_of_the_role_are_limited() {
        let (mut losses, begun) = (LeaseLosses::default(), Instant::now());
        let logged = (0..100).filter(|second| losses.may_log_role(begun + Duration::from_secs(*second))).count();
        assert_eq!(logged, MAX_ROLE_LINES);
        assert!(losses.may_log_role(begun + WINDOW * 2));
    }
}
