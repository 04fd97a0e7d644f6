//! Whether the holder of the poll lease delivers: this daemon follows only while overviews of this host are published.
//!
//! The value of the lease contains the host of its holder (`prefix_conflict`). If an older version left that out, the
//! overviews decide.
//!
//! Time is counted from check to check, each step at most `MAX_STEP`, and not by the clock: the time in which this process
//! was frozen does not count as silence of the holder. Pure.

use crate::api::content_version::ContentVersion;
use crate::api::overview::SweepStats;
use crate::api::published::Published;
use crate::domain::host_identity::{HostKey, HostName, HostRelation};
use crate::domain::time::Timestamp;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Maximum time that is counted between two checks.
const MAX_STEP: Duration = Duration::from_secs(15);
/// After this time the lease of a stopped holder has expired (`MAX_LEASE` is 15 s), so overviews of another host are from a
/// running daemon.
const FOREIGN_AFTER: Duration = Duration::from_secs(16);
/// Time from the deadline of a child to its exit.
const CHILD_EXIT_GRACE: Duration = Duration::from_secs(3);
/// Maximum duration of a pool query.
const MAX_POOL_QUERY: Duration = Duration::from_secs(23);
/// How many of the overviews that this daemon sent are recognized as its own.
const KEPT_VERSIONS: usize = 4;

/// Whether the holder delivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// It publishes overviews of this host, or the next one is not overdue.
    InTime,
    /// It has published no overview of this host for that long.
    Late(Duration),
    /// It publishes overviews of the host with that name.
    Foreign(String),
}

/// The values that decide how long a working holder may take from one overview to the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct DeliveryTiming {
    /// Polling interval.
    pub(super) interval: Duration,
    /// Timeout of a reading.
    pub(super) timeout: Duration,
    /// Maximum number of simultaneous readings.
    pub(super) concurrency: usize,
}

impl DeliveryTiming {
    /// Two intervals and the duration of a sweep: until its first sweep is complete, a daemon publishes no lists.
    ///
    /// `last_sweep`: the duration of the last sweep, of which twice the time is allowed; if it is unknown, the longest
    /// possible duration is allowed.
    fn limit(&self, drives: usize, last_sweep: Option<Duration>) -> Duration {
        let reading = self.timeout + CHILD_EXIT_GRACE;
        let rounds = u32::try_from(drives.div_ceil(self.concurrency.max(1))).unwrap_or(u32::MAX).max(1);
        let longest = reading.saturating_mul(rounds);
        let sweep = match last_sweep {
            Some(took) => took.saturating_mul(2).min(longest),
            None => longest,
        };
        self.interval * 2 + sweep.max(reading).max(MAX_POOL_QUERY)
    }
}

/// The values that decide whether an overview is of this host.
#[derive(Clone, Copy, Debug)]
pub(super) struct ThisHost<'a> {
    pub(super) name: HostName<'a>,
    /// Fingerprint of the drives that are present now.
    pub(super) topology: &'a str,
    /// Whether the holder of the lease runs on this host.
    pub(super) holder: HostRelation,
    /// The host key of the holder. Daemons in containers of one host may have different keys.
    pub(super) holder_id: Option<&'a HostKey>,
}

/// The host that an overview is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    ThisHost,
    AnotherHost,
    /// Perhaps left by a previous holder.
    Unknown,
}

impl ThisHost<'_> {
    /// `has_delivered`: the holder has published an overview of this host before.
    fn origin(&self, published: &Published, has_delivered: bool) -> Origin {
        if let (Some(id), Some(own)) = (&published.host_id, self.name.id) {
            let is_holders = self.holder == HostRelation::Same && self.holder_id == Some(id);
            return if id == own || is_holders { Origin::ThisHost } else { Origin::AnotherHost };
        }
        let is_same_name = published.host == self.name.name;
        let has_same_drives = published.topology == self.topology;
        match self.holder {
            HostRelation::Same if is_same_name || has_same_drives => Origin::ThisHost,
            HostRelation::Same => Origin::Unknown,
            // The name alone does not decide: other hosts may have it, too. Nor do the drives: when one is plugged in, the
            // topologies of two daemons differ for a moment.
            _ if is_same_name && (has_same_drives || has_delivered) => Origin::ThisHost,
            _ => Origin::AnotherHost,
        }
    }
}

/// What is known of the holder since another daemon holds the lease.
#[derive(Debug, Default)]
pub(super) struct Holder {
    last_check: Option<Instant>,
    /// `generated_at` of the last overview of this host.
    generated_at: Option<Timestamp>,
    /// The last complete sweep of this host.
    sweep: SweepStats,
    sweep_took: Option<Duration>,
    /// Time without a new overview of this host.
    silent: Duration,
    /// The host of the stored overviews, if it is another one, and for how long they have been those.
    foreign: Option<(String, Duration)>,
    /// There was an overview of this host.
    has_delivered: bool,
}

impl Holder {
    /// Applies the overview that Redis has now.
    pub(super) fn observe(&mut self, published: Option<&Published>, own: &SentVersions, host: &ThisHost, at: Instant) {
        let last_check = self.last_check.replace(at).unwrap_or(at);
        let step = at.saturating_duration_since(last_check).min(MAX_STEP);
        self.silent += step;
        let Some(published) = published else {
            self.foreign = None;
            return;
        };
        let origin = host.origin(published, self.has_delivered);
        if origin == Origin::AnotherHost {
            match &mut self.foreign {
                Some((name, lasted)) if *name == published.host => *lasted += step,
                _ => self.foreign = Some((published.host.clone(), Duration::ZERO)),
            }
            return;
        }
        self.foreign = None;
        if origin == Origin::Unknown {
            return;
        }
        self.sweep = published.sweep.clone();
        self.sweep_took = published.sweep_took();
        self.has_delivered = true;
        let is_new = published.generated_at.is_some() && published.generated_at != self.generated_at;
        if is_new && !own.has(published.version) {
            self.generated_at = published.generated_at;
            self.silent = Duration::ZERO;
        }
    }

    pub(super) fn delivery(&self, timing: &DeliveryTiming, drives: usize) -> Delivery {
        match &self.foreign {
            Some((name, lasted)) if *lasted >= FOREIGN_AFTER => Delivery::Foreign(name.clone()),
            _ if self.silent > timing.limit(drives, self.sweep_took) => Delivery::Late(self.silent),
            _ => Delivery::InTime,
        }
    }

    /// Another host published the stored overview: it owns the keys, and storing values would overwrite its own.
    pub(super) fn is_foreign(&self) -> bool {
        self.foreign.is_some()
    }

    /// The holder has published an overview of this host.
    pub(super) fn has_delivered(&self) -> bool {
        self.has_delivered
    }

    /// The last complete sweep that the holder has published; all `None` before its first overview of this host.
    pub(super) fn sweep(&self) -> &SweepStats {
        &self.sweep
    }

    /// Records that the holder runs on that other host, by its lease.
    pub(super) fn mark_foreign(&mut self, host: String) {
        self.foreign = Some((host, FOREIGN_AFTER));
    }
}

/// The overviews that this daemon sent last, which the holder did not deliver.
#[derive(Debug, Default)]
pub(super) struct SentVersions(VecDeque<ContentVersion>);

impl SentVersions {
    pub(super) fn record_sent(&mut self, version: ContentVersion) {
        self.0.truncate(KEPT_VERSIONS - 1);
        self.0.push_front(version);
    }

    fn has(&self, version: ContentVersion) -> bool {
        self.0.contains(&version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: DeliveryTiming =
        DeliveryTiming { interval: Duration::from_secs(90), timeout: Duration::from_secs(30), concurrency: 8 };

    fn overview(host: &str, at: i64) -> Published {
        let sweep = SweepStats { took_ms: Some(10_000), ..SweepStats::default() };
        let version = ContentVersion::of(format!("{host} {at}").as_bytes());
        let (host, topology) = (host.to_owned(), "drives".to_owned());
        Published { host, host_id: None, topology, generated_at: Some(Timestamp(at)), version, sweep }
    }

    /// This host, beside a holder of an older version.
    fn nas1() -> ThisHost<'static> {
        ThisHost { name: "nas1".into(), topology: "drives", holder: HostRelation::Unknown, holder_id: None }
    }

    /// Checks every five seconds; `shown` is the overview that is stored at each check.
    fn check_repeatedly(
        holder: &mut Holder,
        own: &SentVersions,
        begun: Instant,
        seconds: u64,
        shown: impl Fn(u64) -> Option<Published>,
    ) {
        let last = holder.last_check.map_or(0, |at| at.saturating_duration_since(begun).as_secs());
        for second in (last..last + seconds).step_by(5) {
            let at = begun + Duration::from_secs(second);
            holder.observe(shown(second).as_ref(), own, &nas1(), at);
        }
    }

    fn round(second: u64) -> i64 {
        i64::try_from(second / 90).unwrap_or(0)
    }

    #[test]
    fn holder_is_late_two_intervals_and_a_sweep_after_its_last_overview() {
        let (mut holder, own, begun) = (Holder::default(), SentVersions::default(), Instant::now());
        check_repeatedly(&mut holder, &own, begun, 10_000, |second| Some(overview("nas1", round(second))));
        assert_eq!(holder.delivery(&TIMING, 78), Delivery::InTime);
        check_repeatedly(&mut holder, &own, begun, 200, |_| Some(overview("nas1", 111)));
        assert_eq!(holder.delivery(&TIMING, 78), Delivery::InTime, "two intervals and a sweep");
        check_repeatedly(&mut holder, &own, begun, 60, |_| Some(overview("nas1", 111)));
        assert!(matches!(holder.delivery(&TIMING, 78), Delivery::Late(_)));
        check_repeatedly(&mut holder, &own, begun, 10, |_| Some(overview("nas1", 112)));
        assert_eq!(holder.delivery(&TIMING, 78), Delivery::InTime, "it delivers again");
    }

    #[test]
    fn own_overviews_do_not_count_as_delivery() {
        let (mut holder, mut own, begun) = (Holder::default(), SentVersions::default(), Instant::now());
        check_repeatedly(&mut holder, &own, begun, 300, |_| None);
        assert!(
            matches!(holder.delivery(&TIMING, 78), Delivery::InTime),
            "its first sweep of 78 drives may take that long"
        );
        check_repeatedly(&mut holder, &own, begun, 300, |_| None);
        assert!(matches!(holder.delivery(&TIMING, 78), Delivery::Late(_)));
        for at in 1..10 {
            own.record_sent(overview("nas1", at).version);
            check_repeatedly(&mut holder, &own, begun, 20, |_| Some(overview("nas1", at)));
            assert!(matches!(holder.delivery(&TIMING, 78), Delivery::Late(_)));
        }
        check_repeatedly(&mut holder, &own, begun, 5, |_| Some(overview("nas1", 1000)));
        assert_eq!(holder.delivery(&TIMING, 78), Delivery::InTime);
    }

    #[test]
    fn another_host_is_reported_after_a_lease_lifetime() {
        let (mut holder, own, begun) = (Holder::default(), SentVersions::default(), Instant::now());
        check_repeatedly(&mut holder, &own, begun, 10, |_| Some(overview("nas2", 1)));
        assert!(holder.is_foreign() && !holder.has_delivered());
        assert_eq!(holder.delivery(&TIMING, 78), Delivery::InTime, "it may have stopped before its lease expires");
        check_repeatedly(&mut holder, &own, begun, 20, |_| Some(overview("nas2", 1)));
        assert_eq!(holder.delivery(&TIMING, 78), Delivery::Foreign("nas2".to_owned()));
        check_repeatedly(&mut holder, &own, begun, 5, |_| Some(overview("nas1", 1)));
        assert!(!holder.is_foreign() && holder.delivery(&TIMING, 78) == Delivery::InTime);
    }

    #[test]
    fn key_decides_whether_an_overview_is_of_this_host_not_its_name() {
        use HostRelation::{Same, Unknown};
        let key = |digit: &str| HostKey::of_machine(&digit.repeat(32));
        let (own, holders) = (key("a"), key("b"));
        let with = |id: &Option<HostKey>, host: &str, topology: &str| Published {
            host_id: id.clone(),
            topology: topology.to_owned(),
            ..overview(host, 1)
        };
        let here = |holder| ThisHost {
            name: HostName { name: "nas1", id: own.as_ref() },
            holder,
            holder_id: holders.as_ref(),
            ..nas1()
        };
        let cases = [
            (here(Same), with(&own, "other", "x"), Origin::ThisHost),
            (here(Same), with(&holders, "other", "x"), Origin::ThisHost),
            (here(Unknown), with(&holders, "nas1", "drives"), Origin::AnotherHost),
            (here(Same), with(&key("c"), "nas1", "drives"), Origin::AnotherHost),
            (here(Same), with(&None, "other", "drives"), Origin::ThisHost),
            (here(Same), with(&None, "other", "x"), Origin::Unknown),
            (here(Unknown), with(&None, "nas1", "drives"), Origin::ThisHost),
            (here(Unknown), with(&None, "nas1", "x"), Origin::AnotherHost),
            (here(Unknown), with(&None, "other", "drives"), Origin::AnotherHost),
        ];
        for (host, published, expected) in cases {
            assert_eq!(host.origin(&published, false), expected, "{host:?} {published:?}");
        }
        assert_eq!(nas1().origin(&with(&None, "nas1", "x"), true), Origin::ThisHost, "a drive was plugged in");
    }

    #[test]
    fn time_without_checks_does_not_count_as_silence() {
        let (mut holder, own, begun) = (Holder::default(), SentVersions::default(), Instant::now());
        check_repeatedly(&mut holder, &own, begun, 20, |_| Some(overview("nas1", 1)));
        holder.observe(Some(&overview("nas1", 1)), &own, &nas1(), begun + Duration::from_secs(100_000));
        assert_eq!(holder.delivery(&TIMING, 78), Delivery::InTime, "frozen for a day, and the holder with it");
    }

    #[test]
    fn limit_depends_on_the_duration_of_a_sweep() {
        for (drives, last_sweep, expected) in [
            (4, None, 180 + 33),
            (78, None, 180 + 10 * 33),
            (78, Some(10), 180 + 33),
            (78, Some(100), 180 + 200),
            // A published duration is not trusted.
            (78, Some(1_000_000), 180 + 330),
        ] {
            let limit = TIMING.limit(drives, last_sweep.map(Duration::from_secs));
            assert_eq!(limit.as_secs(), expected, "{drives} drives, last sweep {last_sweep:?}");
        }
    }
}
